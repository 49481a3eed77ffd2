"""Soft labels of condensed sets: what a file may hold is what models can be trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import graphcondense
from graphcondense.data import as_task
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.small_graph import read_labelled
from graphcondense.evaluate.graph_reading import read_graphs
from graphcondense.evaluate.hetero_reading import read_hetero
from graphcondense.saved.condensed_graphs import CondensedGraphs
from tests.toys import toy_graph, toy_graphs, toy_hetero

BELOW = torch.tensor([1 + 1e-7, -1e-7, 0.0])
"""Probabilities, but for float32's rounding."""


def node(y: Tensor) -> tuple[Any, Any]:
    """A graph with soft labels, and how an evaluation reads its trained labels."""
    small = graphcondense.condense(toy_graph(), "random", nodes=6, progress=False)
    small.y = y
    return small, lambda small: read_labelled(small, as_task(toy_graph()))[3]


def hetero(y: Tensor) -> tuple[Any, Any]:
    small = graphcondense.condense(toy_hetero(), "random", nodes=6, progress=False)
    small[small.target].y = y
    return small, lambda small: read_hetero(small, as_hetero(toy_hetero())).y


def graphs(y: Tensor) -> tuple[Any, Any]:
    real = as_graph_task(toy_graphs())
    small = graphcondense.condense(toy_graphs(), "random", size=6, progress=False)
    many = replace(small.set, y=y[:, : real.num_outputs].contiguous())
    return CondensedGraphs(many, small.condensed), lambda small: read_graphs(small, real).y


@pytest.mark.parametrize("kind", [node, hetero, graphs])
def test_rounding_below_zero_is_the_same_at_every_door(kind: Any, tmp_path: Path) -> None:
    small, read = kind(BELOW.repeat(6, 1))
    assert float(small.y.min() if kind is not graphs else small.set.y.min()) < 0
    opened = graphcondense.load(graphcondense.save(small, tmp_path))
    for one in (small, opened):
        found = read(one)
        assert torch.equal(found, BELOW.clamp(min=0).repeat(6, 1)[:, : found.shape[1]])


@pytest.mark.parametrize("kind", [hetero, graphs])
def test_what_is_below_zero_is_refused(kind: Any, tmp_path: Path) -> None:
    small, _ = kind(torch.tensor([1.01, -0.01, 0.0]).repeat(6, 1))
    with pytest.raises(ValueError, match=r"soft labels y must .*below 0"):
        graphcondense.save(small, tmp_path)


def test_decimals_of_sets_of_graphs_may_be_rounded(tmp_path: Path) -> None:
    """As an evaluation takes them."""
    small, read = graphs(torch.tensor([0.33, 0.675, 0.0]).repeat(6, 1))
    read(graphcondense.load(graphcondense.save(small, tmp_path)))


@pytest.mark.parametrize("label_kind", ["classes", "soft"])
@pytest.mark.parametrize("kind", [node, hetero])
def test_rows_without_a_label_are_whole_and_not_trained_on(
    kind: Any, label_kind: str, tmp_path: Path
) -> None:
    small, read = kind(torch.eye(3)[torch.arange(6) % 3])
    small.condensed["data"]["label_kind"] = label_kind
    store = small if kind is node else small[small.target]
    store.y[2] = torch.nan
    for word in ("saved", "read"):
        with pytest.raises(ValueError, match=r"all NaN.*a training node without a label"):
            graphcondense.save(small, tmp_path) if word == "saved" else read(small)
    store.train_mask = torch.arange(6) != 2
    read(graphcondense.load(graphcondense.save(small, tmp_path)))
    store.y[2, 0] = 0.5
    for word in ("saved", "read"):
        with pytest.raises(ValueError, match="NaN"):
            graphcondense.save(small, tmp_path) if word == "saved" else read(small)
