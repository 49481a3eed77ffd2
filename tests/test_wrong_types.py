"""Values of a wrong type are told with the way out, before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

import graphcondense
from graphcondense import data as gd
from graphcondense.kinds import KINDS
from graphcondense.saved.condensed_graph import CondensedGraph
from tests.cases import toy_graph


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: graphcondense.load(None), r"load\(path\): give a .safetensors file .* got None"),
        (lambda: CondensedGraph().plot(3), r"plot\(path\): give a file .* got 3"),
        (lambda: gd.load(None), r"load\(name\): give the name of a data set, or a path, got None"),
        (lambda: gd.load("cora", root=3), "root: give the folder of data sets, got 3"),
        (lambda: gd.load_graphs(3), r"load_graphs\(name\): give the name"),
        (lambda: gd.load_images(3), r"load_images\(name\): give the name"),
        (lambda: gd.load_interactions(3), r"load_interactions\(name\): give the name"),
        (lambda: gd.open_small(3), r"open_small\(path\): give a condensed graph's file"),
        (lambda: graphcondense.CondensedDataset(None), r"CondensedDataset\(root\): give a folder"),
        (lambda: graphcondense.Condense(3), "method=3: give the name of one"),
        (lambda: graphcondense.save([1], "small"), "cannot save a list: give what condense"),
    ],
)
def test_wrong_types_are_told(call: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_a_method_of_another_kind_is_told() -> None:
    images = (torch.rand(20, 8, 8), torch.arange(20) % 2)
    message = "'gcond' for image data: it is for node data; for image data there are cafe, .*tesla"
    with pytest.raises(ValueError, match=message):
        graphcondense.condense(images, "gcond", per_class=1)


def test_a_transform_knows_its_method_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="unknown method 'nope'"):
        graphcondense.Condense("nope")


def test_a_graph_without_a_record_is_saved_with_a_warning(tmp_path: Path) -> None:
    bare = Data(x=torch.eye(2), edge_index=torch.tensor([[0], [1]]), y=torch.tensor([0, 1]))
    with pytest.warns(UserWarning, match="has no record: set its attribute condensed to a dict"):
        path = graphcondense.save(bare, tmp_path)
    assert graphcondense.load(path).condensed == {}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_knows_its_evaluator_and_its_file(name: str) -> None:
    kind = KINDS[name]
    assert kind.evaluator.kind == name
    forms = {"graph": "graphs", "rows": "users", "link": "links", "hetero": "hetero"}
    assert kind.form.name == forms.get(name, "graph")


def test_what_is_condensed_has_the_form_of_its_kind() -> None:
    small = graphcondense.condense(toy_graph(), "random", nodes=4, progress=False)
    assert isinstance(small, KINDS["node"].form.types)
