"""Files at half the width: what is rounded, what opens, and what a broken header may not say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch_geometric.data import Data

import graphcondense
from graphcondense.data import graph_hash
from graphcondense.saved.compact import narrowed


def graph(fill: float = 1.0, *, soft: bool = True) -> Data:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(30, 40, generator=rng)
    small = Data(
        x=torch.where(torch.rand(30, 40, generator=rng) < fill, x, 0.0),
        edge_index=torch.randint(30, (2, 50), generator=rng),
        edge_weight=torch.rand(50, generator=rng),
        y=torch.rand(30, 3, generator=rng).softmax(1) if soft else torch.arange(30) % 3,
    )
    small.condensed = {"method": "by hand", "hash": graph_hash(small)}
    return small


@pytest.mark.parametrize("fill", [1.0, 0.05])
@pytest.mark.parametrize("soft", [True, False])
def test_a_compact_file_opens_rounded(fill: float, soft: bool, tmp_path: Path) -> None:
    """Features and weights have eight significant bits, labels and edges all of theirs; dense, or
    by row where most is zero."""
    small = graph(fill, soft=soft)
    before = graph_hash(small)
    whole = graphcondense.save(small, tmp_path / "whole")
    path = graphcondense.save(small, tmp_path / "half", compact=True)
    assert path.stat().st_size < 0.9 * whole.stat().st_size
    back = graphcondense.load(path)
    assert torch.equal(back.x, small.x.bfloat16().float())
    assert torch.equal(back.edge_weight, small.edge_weight.bfloat16().float())
    assert torch.equal(back.edge_index, small.edge_index)
    assert torch.equal(back.y, small.y)
    assert (back.x.dtype, back.edge_index.dtype) == (torch.float32, torch.int64)
    assert ((back.x - small.x).abs() <= small.x.abs() * 2.0**-8).all()
    assert back.condensed["rounded"] == "bfloat16"
    assert back.condensed["hash"] == graph_hash(back) != before
    assert small.condensed == {"method": "by hand", "hash": before}, "input is left alone"
    stored = load_file(path)
    values = stored["x" if fill == 1 else "x_value"]
    assert (values.dtype, stored["edge_index"].dtype) == (torch.bfloat16, torch.int32)
    again = graphcondense.save(back, tmp_path / "again", compact=True)
    assert graph_hash(graphcondense.load(again)) == graph_hash(back), "rounded once"


@pytest.mark.parametrize(("fill", "by_row"), [(0.45, False), (0.3, True)])
def test_by_row_where_that_is_smaller_at_half_the_width(
    fill: float, by_row: bool, tmp_path: Path
) -> None:
    """Two bytes a value, four a column: below a third, where whole values have a half."""
    small = graph(fill)
    whole = load_file(graphcondense.save(small, tmp_path / "whole"))
    half = load_file(graphcondense.save(small, tmp_path / "half", compact=True))
    assert "x_value" in whole
    assert ("x_value" in half) == by_row


def test_what_would_become_infinite_or_does_not_fit_stays() -> None:
    large = torch.tensor([torch.finfo(torch.float32).max])
    tensors = {"x": large, "edge_index": torch.tensor([2**40])}
    assert narrowed(tensors, ["x", "edge_index"]) == (tensors, {})


def test_users_and_sets_of_graphs_round_trip(tmp_path: Path) -> None:
    graphs = [graph() for _ in range(3)]
    for i, one in enumerate(graphs):
        one.y = torch.tensor([i % 2])
        del one.edge_weight
    made = graphcondense.condense(graphs * 5, "random", per_class=1, progress=False)
    back = graphcondense.load(graphcondense.save(made, tmp_path, compact=True))
    assert torch.equal(back.set.x, made.set.x.bfloat16().float())
    assert torch.equal(back.set.y, made.set.y)


@pytest.mark.parametrize("compact", [2, "yes", None])
def test_compact_is_true_or_false(compact: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="compact="):
        graphcondense.save(graph(), tmp_path, compact=compact)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("types", "message"),
    [
        (None, "types in its header must be a table"),
        ([], "types in its header must be a table"),
        ({"x": "int64"}, "x opens as int64"),
        ({"x": "float64"}, "x opens as float64"),
        ({"y": "float32"}, "y opens as float32"),
        ({"z": "float32"}, "z opens as float32"),
        ({}, "x must be torch.float32"),
    ],
)
def test_broken_types_are_told(types: object, message: str, tmp_path: Path) -> None:
    small = graph()
    path = graphcondense.save(small, tmp_path, compact=True)
    head = {"version": 3, "kind": "graph", "columns": {}, "types": types, "record": {}}
    save_file(load_file(path), path, {"graphcondense": json.dumps(head)})
    with pytest.raises(ValueError, match=message):
        graphcondense.load(path)
