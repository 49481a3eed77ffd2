"""Graphs as OGB's arrays and behind PyG's stores are the graphs that they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data, EdgeAttr, FeatureStore, GraphStore, TensorAttr
from torch_geometric.data.graph_store import EdgeLayout
from torch_geometric.utils import index_sort

import graphcondense
from graphcondense.data import as_task, mapped_task
from graphcondense.data.kind import kind_of_data
from tests.cases import toy_graph

SPLITS = (("train", "train"), ("val", "valid"), ("test", "test"))


def arrays(**change: Any) -> dict[str, Any]:
    """As OGB's library-agnostic loader gives them."""
    data = toy_graph()
    split = {theirs: data[f"{ours}_mask"].nonzero()[:, 0].numpy() for ours, theirs in SPLITS}
    out = {
        "edge_index": data.edge_index.numpy(),
        "edge_feat": None,
        "node_feat": data.x.numpy(),
        "num_nodes": 120,
        "labels": data.y[:, None].numpy(),
        "split": split,
    }
    return {key: value for key, value in {**out, **change}.items() if value is not ...}


class Features(FeatureStore):
    """A store in memory."""

    def __init__(self, **values: Tensor) -> None:
        super().__init__()
        self.values: dict[str, Any] = values

    def _put_tensor(self, tensor: Any, attr: TensorAttr) -> bool:
        self.values[str(attr.attr_name)] = tensor
        return True

    def _get_tensor(self, attr: TensorAttr) -> Any:
        return self.values.get(str(attr.attr_name))

    def _remove_tensor(self, attr: TensorAttr) -> bool:
        return self.values.pop(str(attr.attr_name), None) is not None

    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...]:
        return tuple(self._get_tensor(attr).shape)

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        return [TensorAttr("paper", name) for name in self.values]


class Edges(GraphStore):
    """A store in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[EdgeAttr, Any]] = []

    def _put_edge_index(self, edge_index: Any, edge_attr: EdgeAttr) -> bool:
        self.kept.append((edge_attr, edge_index))
        return True

    def _get_edge_index(self, edge_attr: EdgeAttr) -> Any:
        return next(e for a, e in self.kept if (a.edge_type, a.layout) == key(edge_attr))

    def _remove_edge_index(self, edge_attr: EdgeAttr) -> bool:
        return False

    def get_all_edge_attrs(self) -> list[EdgeAttr]:
        return [attr for attr, _ in self.kept]


class Both(Features, Edges):
    """A store of features and edges."""

    def __init__(self, **values: Tensor) -> None:
        Features.__init__(self, **values)
        Edges.__init__(self)


def key(attr: EdgeAttr) -> tuple[Any, EdgeLayout]:
    return attr.edge_type, attr.layout


def filled(store: Any, layout: str, kind: tuple[str, str, str] = ("paper", "to", "paper")) -> Any:
    """The toy graph's edges in one layout."""
    source, target = toy_graph().edge_index
    edges: tuple[Tensor, Tensor] = (source, target)
    if layout != "coo":
        first, other = (target, source) if layout == "csc" else (source, target)
        first, order = index_sort(first, stable=True)
        ptr = torch.zeros(121, dtype=torch.long)
        ptr[1:] = torch.bincount(first, minlength=120).cumsum(0)
        edges = (other[order], ptr) if layout == "csc" else (ptr, other[order])
    store.put_edge_index(edges, edge_type=kind, layout=layout, size=(120, 120))
    return store


def values(*names: str) -> dict[str, Tensor]:
    data = toy_graph()
    return {name: data[name] for name in names or ("x", "y", "train_mask", "val_mask", "test_mask")}


def forms() -> dict[str, Any]:
    out: dict[str, Any] = {"arrays": arrays()}
    for layout in ("coo", "csc", "csr"):
        out[f"pair, {layout}"] = (Features(**values()), filled(Edges(), layout))
        out[f"both, {layout}"] = filled(Both(**values()), layout)
    return out


@pytest.mark.parametrize("form", forms())
@pytest.mark.parametrize("memory", [None, "20KB"])
def test_the_same_task(
    form: str, memory: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHCONDENSE_CACHE", str(tmp_path))
    data = forms()[form]
    assert kind_of_data(data) == "node"
    task = as_task(data) if memory is None else mapped_task(data, memory)
    assert task.digest == as_task(toy_graph()).digest


def test_condensing_and_evaluating() -> None:
    whole = graphcondense.condense(toy_graph(), "herding", nodes=6, progress=False)
    small = graphcondense.condense(arrays(), "herding", nodes=6, progress=False)
    assert torch.equal(small.x, whole.x)
    settings: dict[str, Any] = {"models": ["SGC"], "seeds": 1, "epochs": 3, "baselines": ()}
    pair = (Features(**values()), filled(Edges(), "csc"))
    found, known = (
        graphcondense.evaluate(small, data, progress=False, **settings)
        for data in (pair, toy_graph())
    )
    assert [r.test_selected for r in found.rows] == [r.test_selected for r in known.rows]


def test_nothing_is_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", toy_graph().x.numpy())
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(as_task(arrays(node_feat=x)).x.numpy(), x)
    given = toy_graph().x
    task = as_task((Features(**{**values(), "x": given}), filled(Edges(), "csc")))
    assert np.shares_memory(task.x.numpy(), given.numpy())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"node_feat": ...}, r"has no node_feat \(or x\); it has edge_index, edge_feat, num_nodes"),
        ({"edge_index": None}, "has no edge_index; it has"),
        ({"labels": ...}, r"has no labels \(or label, node_label, y\)"),
        ({"split": ...}, "has no split"),
        ({"split": [1, 2]}, "split must be a mapping of ids .* got list"),
        ({"split": {"valid": [1]}}, "split has no 'train'; it has valid"),
        ({"split": {"train": [0, 120]}}, r"split\['train'\] names node 120, but .* 0\.\.119"),
        ({"split": {"train": [0.5]}}, "must be ids of nodes, got torch.float"),
    ],
)
def test_what_is_missing_from_arrays(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_task(arrays(**change))


@pytest.mark.parametrize(
    ("names", "layout", "message"),
    [
        (("y", "train_mask"), "coo", "the feature store has no x; it has y, train_mask"),
        (("x", "train_mask"), "coo", "the feature store has no y; it has x, train_mask"),
        (("x", "y"), "coo", "the feature store has no train_mask"),
        ((), None, "the graph store has no kinds of edges: nothing was put into it"),
    ],
)
def test_what_is_missing_from_stores(
    names: tuple[str, ...], layout: str | None, message: str
) -> None:
    edges = Edges() if layout is None else filled(Edges(), layout)
    with pytest.raises(ValueError, match=message):
        as_task((Features(**values(*names)), edges))


def test_stores_of_several_kinds() -> None:
    edges = filled(filled(Edges(), "coo"), "coo", ("paper", "cites", "paper"))
    with pytest.raises(ValueError, match=r"has 2 kinds of edges \(.*cites"):
        as_task((Features(**values()), edges))


def test_pointers_and_ends_that_are_wrong() -> None:
    ptr = torch.zeros(7, dtype=torch.long)
    for edges, message in (
        ((torch.zeros(0).long(), ptr), "7 pointers do not rise"),
        ((torch.tensor([500]), torch.ones(121).long().index_fill(0, torch.tensor(0), 0)), "500"),
    ):
        store = Edges()
        store.put_edge_index(edges, edge_type=("a", "b", "a"), layout="csc", size=(120, 120))
        with pytest.raises(ValueError, match=message):
            as_task((Features(**values()), store))


def test_two_graphs_are_no_stores() -> None:
    assert kind_of_data((Data(x=toy_graph().x, y=torch.tensor([0])),) * 2) == "graph"


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (7, "num_nodes=7, but node_feat has 6 rows, one for each node"),
        ("six", "num_nodes='six' is not a whole number"),
    ],
)
def test_the_number_of_nodes_is_compared(count: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        as_task({**ogb_like(), "num_nodes": count})
    assert as_task({**ogb_like(), "num_nodes": np.int64(6)}).num_nodes == 6


def test_a_mapping_of_another_form_is_told_ogbs() -> None:
    for given in ({}, {"features": 1}, {"x": np.eye(3), "y": np.arange(3)}):
        with pytest.raises(ValueError, match=r"the graph has no .* read as OGB's .*get_idx_split"):
            as_task(given)
        with pytest.raises(ValueError, match=r"mapping of OGB's arrays, with edge_index"):
            graphcondense.condense(given, "random", nodes=2)


def ogb_like() -> dict[str, object]:
    split = {"train": [0, 1], "valid": [2, 3], "test": [4, 5]}
    edges = np.array([[0, 1], [1, 2]])
    return {"node_feat": np.eye(6), "edge_index": edges, "labels": np.arange(6) % 2, "split": split}


def test_the_split_may_say_validation() -> None:
    split = arrays()["split"]
    task = as_task(arrays(split={**split, "validation": split["valid"], "valid": None}))
    assert torch.equal(task.val, as_task(arrays()).val)
    with pytest.raises(ValueError, match="the part 'dev' is none of"):
        as_task(arrays(split={**split, "dev": split["valid"]}))
