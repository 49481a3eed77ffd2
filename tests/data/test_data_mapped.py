"""A graph beyond memory is the same graph."""

from __future__ import annotations

import json
import os
import shutil
import tracemalloc
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

import graphcondense
from graphcondense.data import NodeTask, as_task, mapped_task
from graphcondense.methods import all_methods
from graphcondense.ops import place
from graphcondense.ops.sizes import size_of
from tests.cases import toy_graph, toy_images

LEAST = "6.8KB"  # of 120 nodes
PARTS = ("indptr", "indices", "data")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHCONDENSE_CACHE", str(tmp_path))
    return tmp_path


def odd_graph() -> Data:
    """Parallel edges, self-loops that are given twice, weights and unsorted edges."""
    data = toy_graph()
    rng = torch.Generator().manual_seed(1)
    loops = torch.tensor([[4, 4, 7], [4, 4, 7]])
    edges = torch.cat([data.edge_index, data.edge_index[:, :40], loops], 1)
    data.edge_index = edges[:, torch.randperm(edges.shape[1], generator=rng)]
    data.edge_weight = torch.rand(edges.shape[1], generator=rng).double()
    data.x = data.x.double()
    return data


def same(a: NodeTask, b: NodeTask) -> None:
    for adj, other in ((a.adj, b.adj), (a.gcn_adj, b.gcn_adj)):
        for part in PARTS:
            assert np.array_equal(getattr(adj, part), getattr(other, part)), part
    assert a.digest == b.digest
    assert a.size == b.size


@pytest.mark.parametrize("memory", [LEAST, "20KB", "1GB"])
@pytest.mark.parametrize("data", [toy_graph(), odd_graph()], ids=["plain", "odd"])
def test_the_same_task_in_blocks(data: Data, memory: str) -> None:
    whole, blocks = as_task(data), mapped_task(data, memory)
    same(whole, blocks)
    rows = whole.train.numpy()
    for hops in (0, 1, 2):
        assert np.allclose(whole.propagate(hops, rows), blocks.propagate(hops, rows), atol=1e-5)


def test_mostly_zero_features_are_kept_by_row() -> None:
    data = toy_graph()
    data.x = torch.zeros(120, 300)
    data.x[torch.arange(120), torch.arange(120)] = 1.0
    whole, blocks = as_task(data), mapped_task(data, "30KB")
    assert sp.issparse(blocks.x)
    same(whole, blocks)


def test_arrays_that_are_mapped_are_not_copied(tmp_path: Path) -> None:
    data = toy_graph()
    np.save(tmp_path / "x.npy", data.x.numpy())
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    data.x = x
    for task in (as_task(data), mapped_task(data, "1MB")):
        assert np.shares_memory(task.x.numpy(), x)
    assert np.shares_memory(mapped_task(as_task(data), "1MB").x.numpy(), x)


def test_large_arrays_are_in_files_that_have_no_name(cache: Path) -> None:
    task = mapped_task(toy_graph(), "1MB")
    for array in (task.adj.data, task.adj.indices, task.gcn_adj.data, task.gcn_adj.indices):
        base: Any = array
        while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap)
    assert not list((cache / "mapped").iterdir())


def test_the_normalised_adjacency_is_made_once_and_of_its_own_edges() -> None:
    task = mapped_task(toy_graph(), "1MB")
    again = graphcondense.data.as_task(task, name="other")
    assert again.gcn_adj is task.gcn_adj
    part = task.subgraph(task.train)
    expected = as_task(toy_graph()).subgraph(task.train)
    assert (part.gcn_adj != expected.gcn_adj).nnz == 0


@pytest.mark.parametrize("memory", ["1KB", 5000])
def test_a_budget_below_one_block_names_the_smallest(memory: int | str) -> None:
    with pytest.raises(ValueError, match=rf"below one block.*memory='{LEAST}'"):
        mapped_task(toy_graph(), memory)
    mapped_task(toy_graph(), LEAST)


def test_a_full_disk_is_said_before_work(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 512))
    with pytest.raises(ValueError, match="512B are free there; free some space, or name another"):
        mapped_task(toy_graph(), "1MB")
    assert not list((cache / "mapped").iterdir())


def test_a_disk_that_fills_up_meanwhile(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place.os, "posix_fallocate", full)
    with pytest.raises(ValueError, match="No space left on device; free some space"):
        mapped_task(toy_graph(), "1MB")
    assert not list((cache / "mapped").iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(cache: Path) -> None:
    cache.chmod(0o500)
    with pytest.raises(ValueError, match="GRAPHCONDENSE_CACHE"):
        mapped_task(toy_graph(), "1MB")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, r"data\.x is missing"),
        ({"edge_index": None}, "data has no edges"),
        ({"edge_index": torch.zeros(3, 2).long()}, r"\[2, edges\], got \(3, 2\)"),
        ({"edge_index": torch.tensor([[0], [120]])}, r"names node 120, but data.x has nodes 0"),
        ({"edge_index": torch.rand(2, 3)}, "integer node ids"),
        ({"edge_weight": torch.ones(3)}, "3 values for"),
        ({"y": torch.zeros(5).long()}, "120 nodes but data.y has 5 labels"),
        ({"train_mask": None}, "no training nodes"),
        ({"num_nodes": 7}, "data.num_nodes is 7"),
        ({"adj": torch.eye(120)}, "keep one of them"),
    ],
)
def test_bad_data_are_told_as_ever(change: dict[str, Any], message: str) -> None:
    data = toy_graph()
    for name, value in change.items():
        data[name] = value
    with pytest.raises(ValueError, match=message):
        mapped_task(data, "1MB")


# --- runs ------------------------------------------------------------------------------------


def able() -> list[str]:
    graphcondense.methods()
    return sorted(n for (n, kind), cls in all_methods().items() if cls.in_blocks)


@pytest.mark.parametrize("name", able())
def test_a_method_that_works_by_blocks_gives_the_same(name: str) -> None:
    options: dict[str, Any] = {"nodes": 12, "progress": False}
    whole = graphcondense.condense(as_task(toy_graph()), name, **options)
    small = graphcondense.condense(toy_graph(), name, **options, memory="2MB")
    assert torch.equal(small.y, whole.y) or torch.allclose(small.y, whole.y, atol=1e-5)
    assert torch.allclose(small.x, whole.x, atol=1e-5)
    assert torch.equal(small.edge_index, whole.edge_index)
    assert small.condensed["memory"] == "2MB"
    assert "memory" not in whole.condensed


def test_others_are_refused_before_the_data_are_read() -> None:
    class Never(Data):
        pass

    data = Never(**toy_graph().to_dict())
    data.edge_index = "not read"
    with pytest.raises(ValueError, match=r"gcond holds the whole graph in memory; of .* gecc"):
        graphcondense.condense(data, "gcond", nodes=12, memory="1GB")


def test_too_small_for_the_method_says_how_much_and_which_can() -> None:
    with pytest.raises(ValueError, match=r"gecc holds about .*raise it to memory='\d.*herding"):
        graphcondense.condense(toy_graph(), "gecc", nodes=12, memory="60KB")


def test_a_graph_that_was_read_within_a_limit_keeps_it() -> None:
    task = mapped_task(toy_graph(), "1MB")
    with pytest.raises(ValueError, match="memory=1000000: gcond holds the whole graph in memory"):
        graphcondense.condense(task, "gcond", nodes=12)
    with pytest.raises(ValueError, match=r"cache=.* cannot act: memory= propagates by blocks"):
        graphcondense.condense(task, "gecc", nodes=12, cache="cache")
    small = graphcondense.condense(task, "herding", nodes=12, progress=False)
    assert small.condensed["memory"] == 1_000_000


@pytest.mark.parametrize("memory", ["much", 0, -1, 1.5, True])
def test_what_is_no_memory(memory: Any) -> None:
    with pytest.raises(ValueError, match=r"memory=.*"):
        graphcondense.condense(toy_graph(), "gecc", nodes=12, memory=memory)


def test_memory_is_for_graphs_of_labelled_nodes() -> None:
    with pytest.raises(ValueError, match="memory='1GB'"):
        graphcondense.condense(toy_images(), "random", size=6, memory="1GB")


def test_pseudo_labels_hold_the_whole_graph() -> None:
    with pytest.raises(ValueError, match="pseudo_labels=2 cannot act: label propagation holds"):
        graphcondense.condense(toy_graph(), "gecc", nodes=12, memory="1GB", pseudo_labels=2)


@pytest.mark.parametrize(("columns", "memory"), [(10, "16MB"), (60, "24MB")])
def test_the_default_keeps_within_its_memory(columns: int, memory: str) -> None:
    """Hidden units, sums of rows and propagations: the most of each is below the limit."""
    rng, n = np.random.default_rng(0), 20_000
    y = rng.integers(0, 4, n)
    x = rng.normal(size=(n, columns)).astype(np.float32)
    x[:, 0] *= y
    part = torch.from_numpy(rng.random(n))
    data = Data(
        x=torch.from_numpy(x),
        edge_index=torch.from_numpy(rng.integers(0, n, (2, 4 * n))),
        y=torch.from_numpy(y),
        train_mask=part < 0.3,
        val_mask=(part >= 0.3) & (part < 0.5),
        test_mask=part >= 0.5,
    )
    graphcondense.condense(data, nodes=40, steps=1, progress=False)  # what is loaded once
    with pytest.raises(ValueError, match="holds about"):
        graphcondense.condense(data, nodes=40, memory="4MB", progress=False)
    tracemalloc.start()
    try:
        graphcondense.condense(data, nodes=40, steps=1, memory=memory, progress=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size_of(memory)


def test_inductive_gives_the_same() -> None:
    options: dict[str, Any] = {"nodes": 12, "setting": "inductive", "progress": False}
    whole = graphcondense.condense(as_task(toy_graph()), "herding", **options)
    small = graphcondense.condense(toy_graph(), "herding", **options, memory="200KB")
    assert torch.equal(small.x, whole.x)


def test_the_flag_the_record_and_the_config(tmp_path: Path) -> None:
    from graphcondense.cli import main
    from graphcondense.ops.yaml import read_yaml

    torch.save(toy_graph(), tmp_path / "toy.pt")
    out = tmp_path / "run"
    words = ["condense", "herding", "--data", str(tmp_path / "toy.pt"), "--nodes", "12"]
    assert main([*words, "--memory", "1MB", "--out", str(out), "--quiet"]) == 0
    assert read_yaml((out / "config.yaml").read_text())["memory"] == "1MB"
    assert graphcondense.load(out).condensed["memory"] == "1MB"
    assert not list((tmp_path / "mapped").iterdir())
    assert json.dumps(graphcondense.load(out).condensed)
