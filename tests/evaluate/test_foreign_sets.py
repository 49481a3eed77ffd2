"""What users bring to an evaluation: sets and models of their own, names, and files."""

from __future__ import annotations

import json
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data, HeteroData
from torch_geometric.nn import GCN

import graphcondense
from graphcondense import evaluate as package
from graphcondense.data.kind import kind_of_data
from graphcondense.data.link_reading import split_links
from graphcondense.evaluate.fitted import FitResult
from graphcondense.evaluate.hetero_reading import read_hetero
from graphcondense.evaluate.store import Store
from graphcondense.nn.wrapped import wrap
from tests.targets import targets_graph
from tests.toys import toy_graph, toy_graphs, toy_hetero, toy_images, toy_rows

QUICK: dict[str, Any] = {"seeds": 1, "baselines": None, "plain_epochs": 0, "progress": False}


class Flat(nn.Module):
    """Says the same of every node."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = 0 * self.linear(x)
        return out


def few(y: object = None, **more: object) -> Data:
    data = toy_graph()
    none = torch.empty(2, 0, dtype=torch.long)
    return Data(x=data.x[:6], y=data.y[:6] if y is None else y, edge_index=none, **more)


# --- models ------------------------------------------------------------------------------------


def test_two_models_of_one_name_are_refused() -> None:
    """Results were known by name, so the second had the scores of the first."""
    own = type("GCN", (Flat,), {})
    for models in (["GCN", own], [own, "gcn"], "MLP,mlp", ["GCN", GCN]):
        with pytest.raises(ValueError, match=r"two models are called '(GCN|MLP)'.*__name__"):
            graphcondense.evaluate(few(), toy_graph(), models=models, epochs=2, **QUICK)
    own.__name__ = "flat"
    report = graphcondense.evaluate(few(), toy_graph(), models=["GCN", own], epochs=2, **QUICK)
    assert [row.model for row in report.rows] == ["GCN", "flat"]
    assert report.rows[1].test_selected == pytest.approx(1 / 3, abs=0.05)


def test_a_partial_may_have_a_name_of_its_own() -> None:
    deep = partial(GCN, num_layers=3)
    assert wrap(deep).__name__ == "GCN"
    named: Any = partial(GCN, num_layers=3)
    named.__name__ = "GCN, deep"
    assert wrap(named).__name__ == "GCN, deep"


def test_partials_of_one_class_are_told_how_to_get_a_name() -> None:
    models: list[Any] = [partial(GCN, act="relu"), partial(GCN, act="tanh")]
    options: dict[str, Any] = {"models": models, "epochs": 2, **QUICK}
    with pytest.raises(ValueError, match="partial takes, too") as told:
        graphcondense.evaluate(few(), toy_graph(), **options)
    name = str(told.value).split("model.__name__ = '")[1].split("'")[0]
    models[1].__name__ = name
    report = graphcondense.evaluate(few(), toy_graph(), **options)
    assert [row.model for row in report.rows] == ["GCN", name]


def test_what_has_no_signature_is_told() -> None:
    with pytest.raises(ValueError, match="does not say what it is called with"):
        graphcondense.evaluate(few(), toy_graph(), models=[dict], **QUICK)


# --- sets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hole", [-1, np.nan])
def test_a_node_without_a_label_is_told_how_to_leave_it_out(hole: float) -> None:
    y = torch.tensor([0.0, 1, 2, hole, 0, 1])
    y = y.long() if hole == -1 else y
    with pytest.raises(ValueError, match=r"without a label.*; leave it out of train_mask"):
        graphcondense.evaluate(few(y), toy_graph(), models="MLP", epochs=2, **QUICK)
    graphcondense.evaluate(
        few(y, train_mask=torch.arange(6) != 3), toy_graph(), models="MLP", epochs=2, **QUICK
    )


def test_two_sets_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two of the sets are called '1'"):
        graphcondense.evaluate({1: few(), "1": few()}, toy_graph(), models="MLP", **QUICK)


def hetero(**values: object) -> HeteroData:
    """A few nodes of each type, with others of the papers' values."""
    task = graphcondense.data.as_hetero(toy_hetero())
    out = HeteroData()
    for kind, rows in task.graph.x.items():
        if kind not in task.made:
            out[kind].x = torch.as_tensor(np.asarray(rows))[:4]
        else:
            out[kind].num_nodes = 4
    for relation in task.graph.relations:
        out[relation].edge_index = torch.tensor([[0, 1, 2], [1, 2, 3]])
    out["paper"].y = torch.tensor([0, 1, 2, 0])
    out["paper"].update(values)
    return out


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train_mask": torch.tensor([True])}, r"small\['paper'\].train_mask .* length 4"),
        ({"train_mask": torch.tensor([0, 2])}, "index_to_mask"),
        ({"train_mask": torch.zeros(4).bool()}, "no training nodes"),
        ({"y": torch.tensor([0, 1, -1, 0])}, "without a label"),
        ({"y": torch.tensor([0, 1, 5, 0])}, "of class 5; hetero has classes 0..2"),
        ({"y": torch.ones(4, 2)}, "soft labels over 2 classes"),
        ({"y": torch.tensor([0, 1, 2])}, "4 nodes but .* 3 labels"),
        ({"y": None}, "y is missing"),
    ],
)
def test_a_small_heterogeneous_graph_is_read_as_any_other(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_hetero(hetero(**values), graphcondense.data.as_hetero(toy_hetero()))


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ({}, 4),
        ({"y": torch.tensor([[0], [1], [2], [0]])}, 4),
        ({"y": [0, 1, 2, 0]}, 4),
        ({"train_mask": [True, False, True, True]}, 3),
        ({"train_mask": torch.tensor([1, 0, 0, 1])}, 2),
        ({"train_mask": torch.tensor([[True, False]] * 3 + [[False, True]])}, 3),
    ],
)
def test_forms_of_a_small_heterogeneous_graph(values: Any, rows: int) -> None:
    found = read_hetero(hetero(**values), graphcondense.data.as_hetero(toy_hetero()))
    assert found.y.tolist() == [0, 1, 2, 0]
    assert len(found.rows) == rows


# --- where a set is from -----------------------------------------------------------------------


def others(kind: str) -> tuple[Any, Any]:
    if kind == "node":
        return toy_graph(), toy_graph(seed=1)
    if kind == "graph":
        one, two = (graphcondense.data.as_graph_task(toy_graphs(), seed=seed) for seed in (0, 1))
        return one, two
    if kind == "hetero":
        return toy_hetero(), toy_hetero(seed=1)
    x, y = toy_images()
    cut = {"train": (x[:60], y[:60]), "val": (x[60:75], y[60:75]), "test": (x[75:], y[75:])}
    return cut, {**cut, "train": cut["val"], "val": cut["train"]}


@pytest.mark.parametrize("kind", ["node", "graph", "hetero", "image"])
def test_a_set_of_other_data_is_told(kind: str) -> None:
    """Also where the split alone is another: the set may have learnt what is tested."""
    own, other = others(kind)
    size = {"nodes": 9} if kind in ("node", "hetero") else {"size": 6}
    small = graphcondense.condense(own, "random", progress=False, **size)
    assert kind_of_data(own) == kind
    evaluator = package.evaluator_of(other)
    with pytest.warns(UserWarning, match=r"'condensed' was condensed from other data .*split"):
        evaluator.sets(small)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        package.evaluator_of(own).sets(small)


@pytest.mark.parametrize("kind", ["node", "numbers", "graph", "hetero", "link", "image", "row"])
def test_a_set_that_does_not_fit_is_refused_by_name_before_anything_is_said(kind: str) -> None:
    """Whatever the labels are, and the second of a list, too; no warning comes before the error."""
    own, small, other, said = misfits(kind)
    evaluator = package.evaluator_of(own)
    assert [*evaluator.sets({"one": small})] == ["one"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=said):
            evaluator.sets({"one": small, "two": [small, other]})


def misfits(kind: str) -> tuple[Any, Any, Any, str]:
    """Real data, a set made of them, one made of data with other features or items, and what is
    said of it."""
    if kind == "node":
        pairs, said = (toy_graph(), toy_graph(d=9)), "features"
    elif kind == "numbers":
        pairs, said = (targets_graph("numbers"), targets_graph("numbers")), "features"
        pairs[1].x = pairs[1].x[:, :4]
    elif kind == "graph":
        pairs, said = (toy_graphs(), toy_graphs()), "features"
        for one in pairs[1]:
            one.x = one.x[:, :1]
    elif kind == "hetero":
        pairs, said = (toy_hetero(), toy_hetero(d=9)), "features"
    elif kind == "link":
        pairs, said = tuple(
            split_links(toy_graph(n=60, d=d), negatives=5) for d in (12, 9)
        ), "features"  # fmt: skip
    elif kind == "image":
        x, y = toy_images()
        cut = {"train": (x[:60], y[:60]), "val": (x[60:75], y[60:75]), "test": (x[75:], y[75:])}
        pairs = cut, {part: (x[..., :6], y) for part, (x, y) in cut.items()}
        said = "images"
    else:
        pairs, said = (toy_rows(), toy_rows(items=30)), "items"
    size = {"nodes": 9} if kind in ("node", "numbers", "hetero", "link") else {"size": 6}
    options: Any = {**size, "progress": False}
    made = [graphcondense.condense(one, "random", **options) for one in pairs]
    return pairs[0], *made, said


# --- the file of finished trainings ------------------------------------------------------------


@pytest.mark.parametrize(
    "held", [b"mine\n", b'{"rows": []}', b"\xff\xfe\x00", b'[1]\n{"evaluation": "a"}\n', None]
)
def test_a_file_of_something_else_is_never_removed(held: bytes | None, tmp_path: Path) -> None:
    """Once all trainings are done the store is: it must be one."""
    path = tmp_path / "results.json"
    if held is None:
        path.mkdir()
    else:
        path.write_bytes(held)
    with pytest.raises(ValueError, match=r"store=.*results.json.*name a file that does not exist"):
        graphcondense.evaluate(few(), toy_graph(), models="MLP", epochs=2, store=path, **QUICK)
    assert path.is_dir() if held is None else path.read_bytes() == held


def test_a_line_cut_anywhere_is_the_only_one_that_is_lost(tmp_path: Path) -> None:
    """However short it was cut, all that came before and comes after it is kept."""
    path, found = tmp_path / "store", FitResult.once("m", 0.5, 0.25, "")

    def kept(key: str) -> bool:
        """Whether the result called so was in the file; it is afterwards."""
        computed: list[str] = []
        Store(path, {"a": 1}, FitResult).get(key, lambda: computed.append(key) or found)
        return not computed

    assert [kept("before"), kept("before")] == [False, True]
    whole = path.read_bytes()
    assert not kept("cut")
    line = path.read_bytes()[len(whole) :]
    for end in range(len(line)):
        path.write_bytes(whole + line[:end])
        names = ("before", "cut", "after")
        assert [kept(name) for name in (*names, *names)] == [True, False, False, True, True, True]
    Store(path, {}, FitResult).done()
    assert not path.exists()


def test_trainings_that_are_not_taken_up_are_told(tmp_path: Path) -> None:
    path, found = tmp_path / "store", FitResult.once("m", 0.5, 0.25, "")
    for key in ("a", "b", "c", "d"):
        Store(path, {}, FitResult).get(key, lambda: found)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Store(path, {}, FitResult)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    del lines[0]["sha256"]
    lines[1]["result"]["spread"] = 1
    lines[2]["evaluation"] = "0" * 16
    path.write_text("\n".join(json.dumps(line) for line in lines) + '\n{"evaluation": "cut')
    with pytest.warns(UserWarning, match="of 4 finished trainings, .*not taken up") as told:
        store = Store(path, {}, FitResult)
    words = str(told[0].message)
    for said in ("1 damaged", "1 of another evaluation", "1 in the form of an older"):
        assert said in words
    made: list[str] = []
    for key in ("a", "b", "c", "d"):
        store.get(key, lambda key=key: made.append(key) or found)
    assert made == ["a", "b", "c"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Store(path, {}, FitResult)  # each has a good line now


def test_a_damaged_line_may_be_of_anything(tmp_path: Path) -> None:
    path = tmp_path / "store"
    Store(path, {}, FitResult).get("a", lambda: FitResult.once("m", 0.5, 0.25, ""))
    for rest in ('"x", "key": ["a"]}', '"x", "key": {"a": 1}, "result": 3}', '"x"}'):
        with path.open("a") as file:
            file.write('\n{"evaluation": ' + rest)
    with pytest.warns(UserWarning, match="of 4 finished trainings, .*not taken up: 3 in the form"):
        Store(path, {}, FitResult)


def test_blank_lines_are_something_else(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_text("\n\n")
    with pytest.raises(ValueError, match="holds something else"):
        Store(path, {}, FitResult)
    path.write_text("")
    Store(path, {}, FitResult).done()
    assert not path.exists()


@pytest.mark.parametrize(
    ("path", "said"),
    [("/dev/null", "is a device"), ("a\0b", "cannot be written"), ("x" * 300, "long")],
)
def test_a_store_that_is_no_file_is_refused(path: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Store(path, {}, FitResult)
