"""What labels of nodes are: by their looks, by what is said of them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_geometric.data import Data

import graphcondense
from graphcondense.data.node_reading import as_task
from graphcondense.data.small_graph import read_labelled
from graphcondense.saved.checks import add_up

NAN = torch.nan


def graph(y: Any, **given: Any) -> Data:
    n = len(y)
    masks = {
        f"{split}_mask": torch.zeros(n, dtype=torch.bool) for split in ("train", "val", "test")
    }
    masks["train_mask"][: n // 2] = True
    masks["val_mask"][n // 2 : n // 2 + n // 4] = True
    masks["test_mask"][n // 2 + n // 4 :] = True
    edges = torch.randint(n, (2, 3 * n), generator=torch.Generator().manual_seed(0))
    data = Data(x=torch.randn(n, 3, generator=torch.Generator().manual_seed(1)), edge_index=edges)
    return data.update({"y": y, **masks, **given})


TASKS = torch.tensor([[1.0, 1], [0, 1], [1, 0], [0, 0]] * 4)
NUMBERS = torch.arange(16) / 3
SOFT = torch.softmax(torch.arange(32.0).reshape(16, 2) % 7, 1)
UNKNOWN = torch.where(torch.arange(16)[:, None] == 1, NAN, SOFT)
HALF_KNOWN = torch.where(UNKNOWN.isnan(), torch.tensor([NAN, 1.0]), SOFT)


@pytest.mark.parametrize(
    ("y", "kind", "outputs", "metric"),
    [
        (torch.arange(16) % 3, "classes", 3, "accuracy"),
        (torch.arange(16) % 3 + 0.0, "classes", 3, "accuracy"),
        (TASKS, "binary", 2, "rocauc"),
        (TASKS.long(), "binary", 2, "rocauc"),
        (TASKS.bool(), "binary", 2, "rocauc"),
        (NUMBERS, "regression", 1, "rmse"),
        (torch.stack([NUMBERS, NUMBERS + 1], 1), "regression", 2, "rmse"),
    ],
)
def test_labels_by_their_looks(y: Any, kind: str, outputs: int, metric: str) -> None:
    task = as_task(graph(y))
    assert (task.label_kind, task.num_outputs, task.metric) == (kind, outputs, metric)
    assert (task.y.dim() == 1) == (kind == "classes")


def test_what_is_said_of_labels_counts() -> None:
    whole = torch.arange(16) % 3
    assert as_task(graph(whole), label_kind="regression").y.shape == (16, 1)
    assert as_task(graph(whole, label_kind="regression")).label_kind == "regression"
    assert as_task(graph(whole), metric="r2").label_kind == "regression"
    assert as_task(graph(TASKS, metric="macro-f1")).metric == "macro-f1"
    one_hot = torch.eye(2).repeat(8, 1)
    assert as_task(graph(one_hot), label_kind="classes").y.tolist() == [0, 1] * 8
    assert as_task(graph(one_hot), label_kind="binary").y.shape == (16, 2)


def test_soft_labels_add_up_to_one_exactly() -> None:
    task = as_task(graph((UNKNOWN * 1.0004).double()), label_kind="soft")
    assert (task.label_kind, task.metric, task.num_outputs) == ("soft", "top1", 2)
    assert task.y.dtype == torch.float32
    torch.testing.assert_close(task.y, UNKNOWN, equal_nan=True, rtol=1e-6, atol=1e-6)
    assert task.unlabelled["train"] == 1
    assert as_task(graph(SOFT), metric="kl").label_kind == "soft"
    assert "2 classes" in repr(task)


LONG = torch.softmax(torch.arange(16 * 30).reshape(16, 30) % 37 / 9, 1)


@pytest.mark.parametrize(
    "y",
    [
        torch.tensor([[0.13, 0.88], [0.5, 0.49], [NAN, NAN], [0.2, 0.8]] * 4),
        torch.softmax(torch.arange(48.0).reshape(16, 3) % 7 / 7, 1).round(decimals=2),
        torch.softmax(torch.arange(48.0).reshape(16, 3) % 7 / 7, 1).bfloat16(),
        LONG.round(decimals=2),
        LONG.round(decimals=3).double(),
        LONG.bfloat16(),
    ],
)
def test_probabilities_may_be_rounded(y: torch.Tensor) -> None:
    """They are asked about as others are, and divided by their sum."""
    known = y.float()[~y.isnan().all(1)]
    assert float((known.sum(1) - 1).abs().max()) > 1e-3
    with pytest.raises(ValueError, match=r"rows add up to one.*label_kind='soft'"):
        as_task(graph(y))
    task = as_task(graph(y), label_kind="soft")
    known = known / known.sum(1, keepdim=True)
    torch.testing.assert_close(task.y[~task.y.isnan().all(1)], known)


def test_one_less_a_sum_is_a_probability() -> None:
    """Of float32 it may be below 0 by rounding; what is further below is none."""
    most = torch.tensor([[0.1, 0.2, 0.7], [0.7, 0.1, 0.2], [1 / 3, 1 / 3, 1 / 3]])
    last = 1 - most[:, :1] - most[:, 1:2] - most[:, 2:]
    assert bool((last < 0).any())
    assert bool((last > -1e-6).all())
    y = torch.cat([most, last], 1)[torch.arange(16) % 3]
    task = as_task(graph(y), label_kind="soft")
    torch.testing.assert_close(task.y, y.clamp(min=0), rtol=1e-6, atol=0)
    assert bool((task.y >= 0).all())
    y[3] = torch.tensor([0.1, 0.2, 0.7001, -0.0001])
    with pytest.raises(ValueError, match="node 3 has the soft label"):
        as_task(graph(y), label_kind="soft")


def test_rows_far_from_one_are_no_probabilities() -> None:
    assert add_up(torch.tensor([[0.5, 0.51], [0.5, 0.52], [0.5, 0.48]])).tolist() == [1, 0, 0]
    assert not add_up(torch.zeros(1, 1000))
    assert as_task(graph(torch.stack([NUMBERS / 9, 1 - NUMBERS / 8], 1))).label_kind == "regression"


@pytest.mark.parametrize(
    ("y", "given", "message"),
    [
        (torch.eye(2).repeat(8, 1), {}, "is one-hot: label_kind='classes' makes .*'binary'"),
        (torch.arange(32).reshape(16, 2) % 5, {}, "whole numbers other than 0 and 1"),
        (torch.full((16, 2), 0.5), {}, "add up to one: .* classes say label_kind='soft'"),
        (UNKNOWN, {}, "add up to one: .* classes say label_kind='soft'"),
        (2 * SOFT, {"label_kind": "soft"}, r"node 0 has the soft label .* / y\.sum\(1"),
        (SOFT - 0.7, {"label_kind": "soft"}, "node 0 has the soft label"),
        (SOFT[:, 0], {"label_kind": "soft"}, "one number a node, and soft labels are"),
        (SOFT[:, :1], {"label_kind": "soft"}, r"torch\.stack\(\[1 - y, y\], 1\)"),
        (
            torch.where(UNKNOWN.isnan(), torch.tensor([NAN, 1.0]), SOFT),
            {"label_kind": "soft"},
            "node 1 has",
        ),
        (
            torch.full((16, 2), 0.5),
            {"label_kind": "soft"},
            r"training nodes have the soft label \(0\.5",
        ),
        (SOFT, {"label_kind": "soft", "metric": "rmse"}, "choose top1 or kl"),
        (torch.arange(16) * 5.0, {}, "if y are numbers say label_kind='regression'"),
        (NUMBERS, {"label_kind": "numbers"}, "label_kind='numbers': choose one of classes"),
        (NUMBERS, {"label_kind": "classes"}, "fractional values"),
        (NUMBERS, {"metric": "f1"}, "label y that is not 0, 1 or NaN"),
        (NUMBERS, {"label_kind": "regression", "metric": "f1"}, "'f1' does not fit the labels"),
        (TASKS + 1, {"label_kind": "binary"}, "node 0 has a label y that is not 0, 1 or NaN"),
        (NUMBERS / 0.0, {"label_kind": "regression"}, "has an infinite target y"),
        (NUMBERS * NAN, {"label_kind": "regression"}, "none of the 8 train nodes"),
        (torch.stack([NUMBERS, NUMBERS * NAN], 1), {}, "task 1 has no label in the training"),
        (0 * NUMBERS + 2.5, {}, "target 0 is 2.5 for all training nodes"),
        (TASKS * torch.tensor([1.0, 0.0]), {"label_kind": "binary"}, "task 1 has no training node"),
        (torch.ones(16, 2), {}, "task 0, 1 has no training node of class 0"),
        (NUMBERS * 1e30, {"label_kind": "regression"}, "target of data.y"),
        (torch.zeros(16, 0), {"label_kind": "regression"}, "no columns"),
        (torch.zeros(15, 2), {"label_kind": "regression"}, "has 15 labels|16 nodes"),
    ],
)
def test_what_is_refused_names_the_way_out(y: Any, given: Any, message: str) -> None:
    data = graph(torch.arange(16) % 2)
    data.y = y
    with pytest.raises(ValueError, match=message):
        as_task(data, **given)


def test_holes_are_nodes_without_a_label_where_all_of_a_node_are() -> None:
    y = TASKS.clone()
    y[0, 0], y[1], y[-1] = NAN, NAN, NAN
    task = as_task(graph(y))
    assert task.unlabelled == {"train": 1, "val": 0, "test": 1}
    assert task.y[0].isnan().tolist() == [True, False]


def test_a_task_is_not_read_as_something_else() -> None:
    with pytest.raises(ValueError, match="NodeTask has its kind of labels"):
        as_task(as_task(graph(NUMBERS)), metric="mae")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.zeros(4), r"has labels \[4, 1\], data needs \[nodes, 2\]"),
        (torch.zeros(4, 3), r"has labels \[4, 3\]"),
        (torch.full((4, 2), 1.5), "the label 1.5"),
        (torch.full((4, 2), NAN), "all NaN"),
    ],
)
def test_a_small_graph_has_the_labels_of_the_real_one(y: Any, message: str) -> None:
    real = as_task(graph(TASKS))
    small = Data(x=torch.randn(4, 3), y=y)
    with pytest.raises(ValueError, match=message):
        read_labelled(small, real)
    small.y = torch.full((4, 2), 0.25)
    assert read_labelled(small, real)[3].tolist() == [[0.25, 0.25]] * 4


def test_files_without_a_split_get_shares(tmp_path: Any) -> None:
    data = graph(torch.arange(100) / 7)
    for split in ("train", "val", "test"):
        del data[f"{split}_mask"]
    torch.save(data, tmp_path / "numbers.pt")
    opened: Any = graphcondense.data.load(tmp_path / "numbers.pt")
    parts = [int(opened[f"{split}_mask"].sum()) for split in ("train", "val", "test")]
    assert parts == [10, 10, 80]
    again: Any = graphcondense.data.load(tmp_path / "numbers.pt", seed=1)
    assert not torch.equal(opened.train_mask, again.train_mask)
    with pytest.raises(ValueError, match="take split='seeded'"):
        graphcondense.data.load(tmp_path / "numbers.pt", split="random")
