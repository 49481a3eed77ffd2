"""What condensed sets say and show, and that their record stays with them."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import scipy.sparse as sp
import torch
from matplotlib.figure import Figure
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader

import graphcondense
from graphcondense.saved.condensed_graph import CondensedGraph, CondensedImages
from graphcondense.saved.condensed_graphs import CondensedGraphs
from graphcondense.saved.condensed_rows import CondensedInteractions
from tests.cases import toy_graphs

RECORD = {
    "method": "gcond",
    "seed": 3,
    "data": {"name": "a<b", "nodes": 60, "graphs": 60, "users": 60},
    "budget": {"asked": {"size": 3}},
    "validation": {"score": 0.8123},
}


def graph() -> CondensedGraph:
    small = CondensedGraph(
        x=torch.eye(3), edge_index=torch.tensor([[0, 1], [1, 0]]), y=torch.tensor([0, 1, 2])
    )
    small.condensed = copy.deepcopy(RECORD)
    return small


def images() -> CondensedImages:
    small = CondensedImages(
        x=torch.rand(3, 1, 4, 4), edge_index=torch.empty(2, 0).long(), y=torch.tensor([0, 1, 2])
    )
    small.train_mask = torch.ones(3, dtype=torch.bool)
    small.condensed = copy.deepcopy(RECORD)
    return small


def graphs() -> CondensedGraphs:
    made = graphcondense.condense(toy_graphs(), "random", nodes=3, progress=False)
    return CondensedGraphs(made.set, copy.deepcopy(RECORD))


def users() -> CondensedInteractions:
    return CondensedInteractions(sp.csr_matrix(torch.eye(3).numpy()), copy.deepcopy(RECORD))


ALL = pytest.mark.parametrize("make", [graph, images, graphs, users])


@ALL
def test_one_line(make: Any) -> None:
    line = repr(make())
    assert line.startswith(f"{type(make()).__name__}(gcond, 3 ")
    assert line.endswith("5.0 % of a<b, validation 81.2)")
    assert "\n" not in line


def test_the_line_follows_the_set() -> None:
    assert "2 nodes, 2 edges, 3.3 % of a<b" in repr(graph().subgraph(torch.tensor([0, 1])))
    assert "CondensedGraphs(gcond, 1 graph, " in repr(graphs()[1:2])


def test_without_a_record_it_is_pygs_line() -> None:
    assert repr(CondensedGraph(x=torch.eye(2))) == "CondensedGraph(x=[2, 2])"
    assert CondensedGraph(x=torch.eye(2), condensed=None).condensed == {}
    assert graph()._repr_html_() is not None
    batch = Batch.from_data_list([graph(), graph()])
    assert "batch=[6]" in repr(batch)


@ALL
def test_picture(make: Any, tmp_path: Path) -> None:
    small = make()
    assert isinstance(small.plot(), Figure)
    assert isinstance(small.plot(tmp_path / "a" / "small.svg"), Figure)
    assert (tmp_path / "a" / "small.svg").read_text().startswith("<?xml")


@ALL
def test_page(make: Any) -> None:
    page = make()._repr_html_()
    assert "data:image/png;base64," in page
    assert "a&lt;b" in page
    assert "a<b" not in page
    assert "81.2" in page
    assert "http" not in page


@ALL
def test_record_stays(make: Any, tmp_path: Path) -> None:
    small = make()
    file = io.BytesIO()
    torch.save(small, file)
    file.seek(0)
    for again in (
        copy.copy(small),
        copy.deepcopy(small),
        pickle.loads(pickle.dumps(small)),
        torch.load(file, weights_only=False),
        small.to("cpu"),
    ):
        assert type(again) is type(small)
        assert again.condensed == RECORD
        assert repr(again) == repr(small)


def test_images_are_saved_as_images(tmp_path: Path) -> None:
    again = graphcondense.load(graphcondense.save(images(), tmp_path))
    assert type(again) is CondensedImages
    assert again.condensed == RECORD


def test_batches_have_no_record() -> None:
    """Records differ in their keys, which PyG could not collate."""
    other = graph()
    other.condensed = {"method": "by hand"}
    batch = next(iter(DataLoader([graph(), other], batch_size=2)))
    assert batch.condensed == {}
    assert [one.condensed for one in batch.to_data_list()] == [{}, {}]


def test_a_tensor_cannot_hide_a_method(tmp_path: Path) -> None:
    small = Data(x=torch.eye(2), edge_index=torch.empty(2, 0).long(), y=torch.tensor([0, 1]))
    small["plot"] = torch.ones(2)
    with pytest.raises(ValueError, match="cannot be called 'plot'"):
        graphcondense.save(small, tmp_path)


def test_swapped_arguments(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"got .*small.* to save and a CondensedGraph for the path"):
        graphcondense.save(tmp_path / "small", graph())
    with pytest.raises(TypeError, match="a int for the path"):
        graphcondense.save(graph(), 3)
