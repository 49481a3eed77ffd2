"""Condensed users by items: forms, files, checks, the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from safetensors.torch import save_file
from torch_geometric.nn import LGConv

import graphcondense
from graphcondense.cli import main
from graphcondense.data import CondensedInteractions, graph_hash, load_condensed, save_condensed
from graphcondense.pictures import draw_items
from graphcondense.saved.condensed_dataset import CondensedDataset
from graphcondense.saved.content import tensor_bytes
from tests.cases import toy_rows


def weighted(density: float = 0.2) -> sp.csr_matrix:
    rng = np.random.default_rng(0)
    return sp.csr_matrix((rng.random((5, 8)) < density) * rng.random((5, 8)).astype(np.float32))


@pytest.mark.parametrize("rows", [weighted(0.2), weighted(0.9), toy_rows(users=4)])
def test_saved_and_loaded(rows: sp.csr_matrix, tmp_path: Path) -> None:
    small = CondensedInteractions(rows, {"method": "by hand"})
    path = save_condensed(small, tmp_path)
    again: Any = load_condensed(path)
    assert isinstance(again, CondensedInteractions)
    assert (again.csr != small.csr).nnz == 0
    assert again.csr.dtype == np.float32
    assert again.condensed == {"method": "by hand"}
    assert graph_hash(again) == graph_hash(small)
    card = path.with_suffix(".md").read_text()
    assert f"{len(small)} users that stand in for many" in card


def test_the_smaller_form_is_stored() -> None:
    sparse, dense, ones = weighted(0.2), weighted(0.9), toy_rows(users=4)
    assert set(CondensedInteractions(dense).tensors) == {"rows"}
    assert tensor_bytes(CondensedInteractions(dense)) == 4 * 5 * 8
    assert tensor_bytes(CondensedInteractions(sparse)) == 8 * sparse.nnz
    assert "weight" not in CondensedInteractions(ones).tensors
    assert tensor_bytes(CondensedInteractions(ones)) == 4 * ones.nnz


def test_equal_users_are_equal_files_and_nothing_is_shared() -> None:
    rows = weighted()
    twisted = sp.coo_matrix(rows)
    order = np.random.default_rng(1).permutation(twisted.nnz)
    shuffled = sp.coo_matrix(
        (twisted.data[order], (twisted.row[order], twisted.col[order])), shape=rows.shape
    )
    small = CondensedInteractions(rows)
    assert graph_hash(small) == graph_hash(CondensedInteractions(shuffled))
    rows.data[:] = 7
    assert float(small.csr.max()) <= 1


def test_the_bipartite_graph_goes_through_pyg() -> None:
    small = CondensedInteractions(weighted())
    data = small.hetero
    store = data["user", "takes", "item"]
    dense = torch.zeros(5, 8)
    dense[tuple(store.edge_index)] = store.edge_weight
    np.testing.assert_array_equal(dense.numpy(), small.csr.toarray())
    both = data.to_homogeneous()
    out = LGConv()(torch.randn(13, 3), both.edge_index, both.edge_weight)
    assert out.shape == (13, 3)
    assert graphcondense.data.CondensedInteractions is CondensedInteractions


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((0, 3)), "must not be empty"),
        (np.array([[np.inf, 1.0]]), "1 values that are NaN or infinite"),
    ],
)
def test_what_cannot_be_users(rows: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CondensedInteractions(rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row_ptr": None}, "row_ptr is missing"),
        ({"num_items": None}, "num_items is missing"),
        ({"weight": torch.ones(2)}, r"weight must be torch.float32 of shape \[3\]"),
        ({"item": torch.tensor([0, 1, 9], dtype=torch.int32)}, "item 9 is named, but there are"),
        ({"item": torch.tensor([0, -1, 2], dtype=torch.int32)}, "item -1 is named"),
        ({"num_items": torch.tensor([2**40])}, "num_items must be 1 to 2,147,483,647, got 1099511"),
        ({"num_items": torch.tensor([0])}, "num_items must be 1 to"),
        ({"row_ptr": torch.tensor([0, 3, 2])}, "row_ptr must rise from 0 to 3"),
        ({"weight": torch.tensor([1.0, torch.nan, 1.0])}, "weight has 1 values that are NaN"),
        ({"rows": torch.ones(2, 2)}, "rows beside"),
        ({"x": torch.ones(2, 2)}, r"unknown tensors \['x'\]"),
    ],
)
def test_broken_files_say_what_is_wrong(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    good = {
        "row_ptr": torch.tensor([0, 1, 3]),
        "item": torch.tensor([0, 1, 2], dtype=torch.int32),
        "weight": torch.tensor([1.0, 0.5, 1.0]),
        "num_items": torch.tensor([4]),
    }
    tensors = {k: v for k, v in {**good, **change}.items() if v is not None}
    path = tmp_path / "condensed.safetensors"
    save_file(tensors, path, {"graphcondense": '{"version": 1, "record": {}}'})
    with pytest.raises(ValueError, match=message):
        load_condensed(path)


def test_users_are_no_part_of_a_folder_of_graphs(tmp_path: Path) -> None:
    save_condensed(CondensedInteractions(weighted()), tmp_path)
    with pytest.raises(ValueError, match="holds 5 users: open it with load"):
        CondensedDataset(tmp_path)


def test_the_picture_of_items(tmp_path: Path) -> None:
    draw_items(weighted(), toy_rows(users=30, items=8), tmp_path / "items.png")
    assert (tmp_path / "items.png").stat().st_size > 5000
    with pytest.raises(ValueError, match="8 condensed items but 7 real ones"):
        draw_items(weighted(), toy_rows(items=7), tmp_path / "items.png")


def test_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A MovieLens file, condensed in a folder that ``show`` describes."""
    monkeypatch.chdir(tmp_path)
    pairs = toy_rows(users=40).tocoo()
    lines = [f"{u + 1}\t{i + 1}\t5\t0" for u, i in zip(pairs.row, pairs.col, strict=True)]
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "u.data").write_text("\n".join(lines))
    words = ["--data", "toy", "--nodes", "4", "--steps", "3", "--draws", "2", "--out", "run"]
    assert main(["condense", "distill-cf", *words]) == 0
    said = capsys.readouterr().out
    assert "toy, condensed by distill-cf" in said
    assert "items.png" in said
    assert main(["show", "run"]) == 0
    assert "users" in capsys.readouterr().out
    assert main(["condense", "random", "--data", "toy", "--nodes", "4", "--out", "floor"]) == 0
    assert len(graphcondense.load("floor")) == 4
