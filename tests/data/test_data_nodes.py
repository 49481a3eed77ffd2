"""Graphs by name and from files."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.datasets import HeterophilousGraphDataset, Planetoid
from torch_geometric.io import read_npz
from torch_geometric.transforms import NormalizeFeatures

from graphcondense import data as gd
from graphcondense.data import nodes
from graphcondense.data.known import Named, open_known
from graphcondense.data.node_reading import as_task

MASKS = ("train_mask", "val_mask", "test_mask")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any connection or question fails at once."""

    def refuse(*args, **kwargs):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("builtins.input", refuse)


def sizes(data: Data) -> tuple[int, int, int]:
    return tuple(int(data[mask].sum()) for mask in MASKS)


def write_npz(path: Path, **extra: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {
        "x": rng.random((9, 4), dtype=np.float32),
        "edge_index": np.array([[0, 1, 2, 3], [1, 2, 3, 8]]),
        "y": np.arange(9) % 3,
        **extra,
    }
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return arrays


# --- by name


@pytest.mark.parametrize(
    ("name", "canonical", "n", "m", "d", "classes", "split"),
    [
        ("Cora", "cora", 2708, 10556, 1433, 7, (140, 500, 1000)),
        ("planetoid_citeseer", "citeseer", 3327, 9104, 3703, 6, (120, 500, 1000)),
        ("Amazon-Computers", "computers", 13752, 491722, 767, 10, (200, 300, 13252)),
        ("DIGITS", "digits", 1797, 24678, 64, 10, (200, 300, 1297)),
    ],
)
def test_load_by_name(data_root, offline, name, canonical, n, m, d, classes, split):
    data = gd.load(name, data_root)
    assert (data.name, data.num_nodes, data.num_features) == (canonical, n, d)
    assert data.num_edges == m
    assert sizes(data) == split
    assert all(data[mask].shape == (n,) and data[mask].dtype == torch.bool for mask in MASKS)
    assert data.is_undirected()
    task = as_task(data, need_test=True)
    assert (task.name, task.num_classes) == (canonical, classes)


def test_debian(data_root, offline):
    if not (data_root / "graphs" / "debian.npz").is_file():
        pytest.skip("no graphs/debian.npz in the data folder")
    data = gd.load("Debian", data_root)
    task = as_task(data, need_test=True)
    assert (task.name, task.num_nodes, task.adj.nnz) == ("debian", 61_418, 601_352)
    assert (task.num_features, task.num_classes) == (1000, 40)
    assert sizes(data) == (6141, 6142, 49_135)
    assert data.is_undirected()
    assert gd.load("debian", data_root / "graphs").num_edges == data.num_edges
    [row] = gd.datasets("debian", data_root)
    assert (row["nodes"], row["classes"], row["local"]) == (task.num_nodes, task.num_classes, True)


def test_a_set_that_is_one_file(tmp_path, offline, monkeypatch):
    """It lies in the root or in its folder of graphs; a message says where, and how it is made."""
    with pytest.raises(ValueError, match=r"debian.npz or .*graphs/debian.npz; .*build_debian.py"):
        gd.load("debian", tmp_path)
    assert not any(tmp_path.iterdir())
    assert [row["local"] for row in gd.datasets("debian", tmp_path)] == [False]
    (tmp_path / "graphs").mkdir()
    for place in (tmp_path / "graphs", tmp_path):
        write_npz(place / "debian.npz")
        monkeypatch.setenv("GRAPHCONDENSE_DATA", str(tmp_path))
        assert gd.load("debian").name == "debian"
        assert gd.datasets("debian")[0]["local"]


def test_root_may_be_the_loaders_own(data_root, monkeypatch):
    below = gd.load("cora", data_root / "pyg")
    monkeypatch.setenv("GRAPHCONDENSE_DATA", str(data_root))
    by_variable = gd.load("cora")
    assert torch.equal(below.x, by_variable.x)
    local = {row["name"]: row["local"] for row in gd.datasets()}
    assert local["cora"]
    assert local["digits"]
    assert not local["reddit"]


def test_every_name_and_alias_is_unique():
    keys = [key for known in nodes.KNOWN for key in known.spellings()]
    assert len(keys) == len(set(keys))
    assert set(gd.datasets(root="nowhere")[0]) >= {"name", "family", "nodes", "classes", "split"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("corra", "did you mean cora"),
        ("ogbn-arxive", "did you mean ogbn-arxiv"),
        ("xyzzy", r"datasets\(\) lists"),
        ("nothing.npz", "no file"),
        ("nothing.pt", "no file"),
    ],
)
def test_unknown_names(tmp_path, offline, name, hint):
    with pytest.raises(ValueError, match=hint):
        gd.load(name, tmp_path)


def test_no_download_without_network(tmp_path, offline):
    for _ in range(2):  # what the first attempt leaves behind must not change the second
        for name in ("pubmed", "ogbn-arxiv"):
            with pytest.raises(ConnectionError, match=f"{name} is not in .* set root="):
                gd.load(name, tmp_path)


def test_read_only_root(monkeypatch, tmp_path):
    def refuse(self: Named, base: Path) -> Data:
        raise PermissionError(13, "Permission denied")

    known = Named(**{**vars(nodes.KNOWN[0]), "open": refuse})
    with pytest.raises(ValueError, match=r"Cora, which is read-only; copy"):
        open_known(known, tmp_path)


def test_wrong_options(tmp_path):
    with pytest.raises(ValueError, match=r"normalize='rows': choose one of auto, row, standard"):
        gd.load("digits", normalize="rows")
    with pytest.raises(ValueError, match=r"digits has seeded, random \(it has no published split"):
        gd.load("digits", split="public")


# --- splits


def test_planetoid_splits(data_root):
    public = gd.load("cora", data_root)
    assert sizes(gd.load("cora", data_root, split="public")) == (140, 500, 1000)
    full = gd.load("cora", data_root, split="full")
    assert sizes(full) == (1208, 500, 1000)
    assert torch.equal(full.test_mask, public.test_mask)
    for split in (None, "public", "full"):
        with pytest.raises(ValueError, match=r"seed=1 cannot act.* cora has one .*'seeded' draws"):
            gd.load("cora", data_root, split=split, seed=1)
    with pytest.raises(ValueError, match=r"seed=1 is for .*leave it out .*condense\(seed=\)"):
        gd.load("digits", kind="image", seed=1)
    random = gd.load("cora", data_root, split="random", seed=1)
    assert sizes(random) == (140, 500, 1000)
    assert not torch.equal(random.train_mask, public.train_mask)
    assert sizes(gd.load("cora", data_root, split="seeded")) == (140, 210, 2358)


def test_seeds():
    torch.manual_seed(0)
    first = gd.load("digits", seed=3)
    torch.manual_seed(1)  # the global generator plays no part
    again, other = gd.load("digits", seed=3), gd.load("digits", seed=4)
    assert all(torch.equal(first[mask], again[mask]) for mask in MASKS)
    assert not torch.equal(first.train_mask, other.train_mask)
    assert first.y[first.train_mask].bincount().tolist() == [20] * 10
    assert first.y[first.val_mask].bincount().tolist() == [30] * 10
    total = sum(first[mask].int() for mask in MASKS)
    assert torch.equal(total, torch.ones_like(total))


def test_seeded_split_of_small_classes_and_unlabelled_nodes(tmp_path):
    y = np.array([0] * 50 + [1] * 51 + [2] * 2 + [-1] * 3)
    x = np.ones((len(y), 2), np.float32)
    write_npz(tmp_path / "small.npz", x=x, y=y)
    data = gd.load(tmp_path / "small.npz")
    assert data.y[data.train_mask].bincount().tolist() == [17, 20, 1]
    assert data.y[data.val_mask].bincount(minlength=3).tolist() == [16, 30, 0]
    assert data.y[data.test_mask].bincount().tolist() == [17, 1, 1]
    assert sum(sizes(data)) == 103


# --- normalisation


def test_row_normalisation(data_root):
    x = gd.load("cora", data_root).x
    assert torch.allclose(x.sum(1), torch.ones(len(x)))
    raw = Planetoid(str(data_root / "pyg"), "Cora", transform=NormalizeFeatures())[0]
    assert torch.equal(x, raw.x), "the same bits as PyG's"
    assert torch.equal(gd.load("cora", data_root, normalize="none").x, (x > 0).float())


def test_full_bags_of_words_stay_as_they_are(data_root):
    """Amazon's, a third of whose entries are ones."""
    x = gd.load("computers", data_root).x
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(gd.load("physics", data_root).x.sum(1), torch.ones(34493))


def test_standard_normalisation_sees_training_rows_only(tmp_path):
    masks = {k: np.arange(9) % 3 == i for i, k in enumerate(MASKS)}
    arrays = write_npz(tmp_path / "a.npz", **masks)
    other = arrays["x"].copy()
    other[~masks["train_mask"]] *= 1000
    other[:, 3] = arrays["x"][:, 3] = 7.0  # a constant column stays finite
    write_npz(tmp_path / "a.npz", **masks, x=arrays["x"])
    write_npz(tmp_path / "b.npz", **masks, x=other)
    a, b = (gd.load(tmp_path / f, normalize="standard") for f in ("a.npz", "b.npz"))
    train = a.x[a.train_mask]
    assert torch.allclose(train.mean(0), torch.zeros(4), atol=1e-5)
    assert torch.allclose(train.std(0, correction=0), torch.tensor([1.0, 1, 1, 0]), atol=1e-5)
    assert torch.equal(train, b.x[b.train_mask])
    assert torch.isfinite(a.x).all()


# --- files


def test_npz(tmp_path):
    weight = np.array([1.0, 2.0, 0.5, 1.0], np.float32)
    masks = {k: np.arange(9) % 3 == i for i, k in enumerate(MASKS)}
    arrays = write_npz(tmp_path / "mine.npz", edge_weight=weight, **masks)
    data = gd.load(tmp_path / "mine.npz")
    assert data.name == "mine"
    for key in ("x", "edge_index", "edge_weight", "y", *MASKS):
        assert np.array_equal(data[key].numpy(), arrays[key])
    assert data.num_nodes == 9


def test_npz_sparse(tmp_path):
    x = sp.random(9, 30, 0.2, format="csr", dtype=np.float32, rng=np.random.default_rng(0))
    adj = sp.csr_matrix(([1.0, 2.0], ([0, 3], [1, 8])), shape=(9, 9))
    parts = {
        f"{name}_{part}": getattr(matrix, part)
        for name, matrix in (("x", x), ("adj", adj))
        for part in ("data", "indices", "indptr", "shape")
    }
    write_npz(tmp_path / "s.npz", x=None, edge_index=None, **parts)
    data = gd.load(str(tmp_path / "s.npz"))
    assert data.x.layout == torch.sparse_csr
    assert np.array_equal(data.x.to_dense().numpy(), x.toarray())
    assert data.edge_index.tolist() == [[0, 3], [1, 8]]
    assert data.edge_weight.tolist() == [1.0, 2.0]
    assert as_task(data).adj[8, 3] == 2.0  # A[target, source]
    rows = gd.load(tmp_path / "s.npz", normalize="row").x.to_dense().numpy()
    assert np.allclose(rows, x.toarray() / np.maximum(x.toarray().sum(1, keepdims=True), 1))
    with pytest.raises(ValueError, match="sparse features dense"):
        gd.load(tmp_path / "s.npz", normalize="standard")
    parts["x_indices"] = parts["x_indices"] + 30
    write_npz(tmp_path / "s.npz", x=None, edge_index=None, **parts)
    with pytest.raises(ValueError, match="'x' is not a CSR matrix"):
        gd.load(tmp_path / "s.npz")
    del parts["x_shape"]
    write_npz(tmp_path / "s.npz", x=None, edge_index=None, **parts)
    with pytest.raises(ValueError, match="'x_data' but not 'x_shape'"):
        gd.load(tmp_path / "s.npz")


def test_bad_npz(tmp_path):
    path = tmp_path / "bad.npz"
    write_npz(path, y=None)
    with pytest.raises(ValueError, match=r"has no 'y'; it has x, edge_index"):
        gd.load(path)
    write_npz(path, x=np.array([{"a": 1}] * 9, dtype=object))
    with pytest.raises(ValueError, match="plain arrays"):
        gd.load(path)
    path.write_bytes(b"not a zip")
    with pytest.raises(ValueError, match="plain arrays"):
        gd.load(path)
    write_npz(path, train_mask=np.arange(9))
    with pytest.raises(ValueError, match=r"train_mask must be a bool tensor of length 9"):
        gd.load(path)


def test_pt(tmp_path):
    given = Data(
        x=torch.rand(6, 2),
        edge_index=torch.tensor([[0, 1], [1, 2]]),
        y=torch.tensor([0, 1, 0, 1, 0, 1]),
        train_mask=torch.arange(6) < 2,
    )
    torch.save(given, tmp_path / "g.pt")
    before = set(torch.serialization.get_safe_globals())
    data = gd.load(tmp_path / "g.pt")
    assert set(torch.serialization.get_safe_globals()) == before  # also PyG's own stay
    assert torch.equal(data.x, given.x)
    assert torch.equal(data.edge_index, given.edge_index)
    assert sizes(data) == (2, 0, 0)


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_hostile_pt_is_refused(tmp_path):
    mark = tmp_path / "ran"
    for content in (Hostile(mark), Data(x=torch.rand(2, 2), y=Hostile(mark))):
        torch.save(content, tmp_path / "h.pt")
        with pytest.raises(ValueError, match="was refused"):
            gd.load(tmp_path / "h.pt")
        torch.save(content, tmp_path / "h.pt", _use_new_zipfile_serialization=False)
        with pytest.raises(ValueError, match="was refused"):
            gd.load(tmp_path / "h.pt")
    assert not mark.exists()


def test_pt_of_something_else(tmp_path):
    torch.save({"x": torch.rand(2, 2)}, tmp_path / "d.pt")
    with pytest.raises(ValueError, match="holds a dict"):
        gd.load(tmp_path / "d.pt")
    torch.save(Data(x=torch.rand(2, 2)), tmp_path / "d.pt")
    with pytest.raises(ValueError, match="no labels y"):
        gd.load(tmp_path / "d.pt")
    (tmp_path / "d.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="was refused"):
        gd.load(tmp_path / "d.pt")


class OfOnesOwn(Data):
    """A subclass, which is code."""


def test_what_a_refused_pt_holds_is_named(tmp_path):
    path = tmp_path / "r.pt"
    used = Data(x=torch.rand(2, 2), y=torch.tensor([0, 1]), edge_index=torch.empty(2, 0))
    used.is_node_attr("x")  # PyG remembers the answer, as it does after a transform
    objects = np.array(["a", None], dtype=object)
    for content, named in (
        (OfOnesOwn(x=torch.rand(2, 2)), r"OfOnesOwn; write plain graphs.*Data\(\*\*data\.to_dict"),
        # Early releases of Python 3.11 store the members of an enum by getattr.
        (used, "(AttrType|defaultdict|getattr); write plain graphs"),
        (Data(y=objects), "ObjectDType: an array of Python objects; save numbers"),
        (Data(adj=sp.eye(2).tocsr()), r"scipy\.sparse\._csr\.csr_matrix; save edges as edge_index"),
        (Data(at=path), r"pathlib\.PosixPath"),
    ):
        torch.save(content, path)
        with pytest.raises(ValueError, match=f"r.pt was refused: it may hold .*{named}") as caught:
            gd.load(path)
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) - len(str(path)) < 400
    torch.save(Data(**used.to_dict()), path)  # the way out
    assert gd.load(path).num_nodes == 2
    path.write_bytes(b"garbage")
    with pytest.raises(ValueError, match=r"it is broken, or no file of torch\.save"):
        gd.load(path)


def toy(seed: int = 0, n: int = 9) -> Data:
    rng = torch.Generator().manual_seed(seed)
    return Data(
        x=torch.rand(n, 4, generator=rng),
        edge_index=torch.randint(n, (2, 12), generator=rng),
        y=torch.arange(n) % 3,
        train_mask=torch.arange(n) < 3,
        test_mask=torch.arange(n) > 5,
    )


def test_pt_of_arrays(tmp_path):
    given, arrays = toy(), toy()
    for key in ("x", "edge_index", "y", "train_mask", "test_mask"):
        arrays[key] = given[key].numpy()
    arrays.y = arrays.y.astype(np.uint8)
    torch.save(arrays, tmp_path / "toy.pt")
    data = gd.load(tmp_path / "toy.pt")
    assert as_task(data).digest == as_task(given).digest
    assert isinstance(data.x, torch.Tensor)
    arrays.y = np.array(["a", "b", "c"] * 3)
    torch.save(arrays, tmp_path / "toy.pt")
    with pytest.raises(ValueError, match=r"toy\.pt: y holds text, such as 'a'.*numpy\.unique"):
        gd.load(tmp_path / "toy.pt")


def test_pt_that_pygs_data_sets_write(tmp_path):
    path = tmp_path / "data.pt"
    InMemoryDataset.save([toy()], str(path))
    assert as_task(gd.load(path)).digest == as_task(toy()).digest
    torch.save((toy(), None), path)  # as PyG wrote it before 2.4
    assert as_task(gd.load(path)).digest == as_task(toy()).digest
    graphs = [toy(i, n=5 + i % 3) for i in range(30)]
    for i, graph in enumerate(graphs):
        graph.y, graph.train_mask, graph.test_mask = torch.tensor([i % 2]), None, None
    InMemoryDataset.save(graphs, str(path))
    for opened in (gd.load(path), gd.load_graphs(path)):
        assert len(opened.graphs) == 30
        assert opened.graphs.sizes.tolist() == [5 + i % 3 for i in range(30)]
        for i in (0, 7, 29):
            assert torch.equal(opened.graphs.graph(i).x, graphs[i].x)
            assert torch.equal(opened.graphs.graph(i).edge_index, graphs[i].edge_index)
    torch.save((toy(), {"x": torch.tensor([0, 5, 99])}), path)
    with pytest.raises(ValueError, match="its slices are not those of its graphs"):
        gd.load(path)


# --- files of other projects


def test_the_layout_of_the_gnn_benchmark(data_root, tmp_path):
    """The raw file of Computers is read as PyG's Amazon reads it."""
    raw = data_root / "pyg" / "Computers" / "raw" / "amazon_electronics_computers.npz"
    data, named = gd.load(raw), gd.load("computers", data_root)
    assert all(torch.equal(data[k], named[k]) for k in ("x", "edge_index", "y", *MASKS))
    assert as_task(data).digest == as_task(named).digest


def benchmark_file(path: Path, **change: np.ndarray) -> None:
    """Two edges listed one way, a self-loop, and counts as features."""
    adj = sp.csr_matrix((np.ones(3), ([0, 2, 1], [1, 8, 1])), shape=(9, 9))
    x = sp.csr_matrix(np.arange(36).reshape(9, 4) * (np.arange(36).reshape(9, 4) % 5 == 0))
    parts = {
        f"{name}_{part}": getattr(matrix, part)
        for name, matrix in (("attr", x), ("adj", adj))
        for part in ("data", "indices", "indptr", "shape")
    }
    np.savez(path, **{**parts, "labels": np.arange(9) % 3, **change})


def test_small_files_of_the_gnn_benchmark(tmp_path):
    path = tmp_path / "b.npz"
    benchmark_file(path)
    data, pygs = gd.load(path), read_npz(str(path))
    assert data.edge_index.tolist() == [[0, 1, 2, 8], [1, 0, 8, 2]] == pygs.edge_index.tolist()
    assert torch.equal(data.x, pygs.x)
    assert torch.equal(data.y, pygs.y)
    benchmark_file(path, adj_data=np.array([1.0, 2.0, 1.0]))
    with pytest.raises(ValueError, match="edge weights, which this layout"):
        gd.load(path)
    benchmark_file(path, labels=np.array(["a", "b", "c"] * 3))
    with pytest.raises(ValueError, match="labels holds text, such as 'a'"):
        gd.load(path)


def test_the_layout_of_the_heterophilous_sets(tmp_path):
    rng, n = np.random.default_rng(0), 60
    part = rng.integers(0, 3, (10, n))
    raw = tmp_path / "roman_empire" / "raw"
    raw.mkdir(parents=True)
    arrays = {
        "node_features": rng.random((n, 5), dtype=np.float32),
        "node_labels": np.arange(n) % 3,
        "edges": rng.integers(0, n, (100, 2)),
        **{f"{split}_masks": part == i for i, split in enumerate(("train", "val", "test"))},
    }
    path = raw / "roman_empire.npz"
    np.savez(path, **arrays)
    pygs = HeterophilousGraphDataset(str(tmp_path), "Roman-empire")[0]
    for seed in (0, 7):
        data = gd.load(path, seed=seed)
        assert all(torch.equal(data[key], pygs[key]) for key in ("x", "y", "edge_index"))
        assert all(torch.equal(data[mask], pygs[mask][:, seed]) for mask in MASKS)
    processed = gd.load(tmp_path / "roman_empire" / "processed" / "data.pt", seed=7)
    assert as_task(processed).digest == as_task(data).digest
    with pytest.raises(ValueError, match=r"seed=10: roman_empire has 10 published splits, 0\.\.9"):
        gd.load(path, seed=10)
    assert sizes(gd.load(path, split="seeded", seed=10)) == (21, 18, 21)
    np.savez(path, **{**arrays, "edges": arrays["edges"].T})
    with pytest.raises(ValueError, match=r"edges must be \[edges, 2\], got \(2, 100\)"):
        gd.load(path)
    np.savez(path, **{**arrays, "edges": arrays["edges"] + 1})
    with pytest.raises(ValueError, match=r"an edge of node 60, but nodes are 0\.\.59"):
        gd.load(path)


def test_npz_of_odd_arrays(tmp_path):
    path = tmp_path / "o.npz"
    masks = {k: np.arange(9) // 3 == i for i, k in enumerate(MASKS)}
    write_npz(path, **masks)
    plain = as_task(gd.load(path)).digest
    uint8 = {k: v.astype(np.uint8) for k, v in masks.items()}
    write_npz(path, **uint8, y=(np.arange(9) % 3).astype(">u2"), x=None)
    with pytest.raises(ValueError, match=r"has no 'x' or 'x_data'"):
        gd.load(path)
    write_npz(path, **uint8, y=(np.arange(9) % 3).astype(">u2"))
    assert as_task(gd.load(path)).digest == plain
    write_npz(path, **{k: v.astype(np.float32) for k, v in masks.items()})
    with pytest.raises(ValueError, match=r"o: train_mask must be a bool.*got torch\.float32"):
        gd.load(path)
    write_npz(path, y=np.array(["a", "b", "c"] * 3))
    with pytest.raises(ValueError, match=r"o\.npz: y holds text, such as 'a'.*numpy\.unique"):
        gd.load(path)
    write_npz(path, y=None, **{f"a{i}": np.zeros(1) for i in range(500)})
    with pytest.raises(ValueError, match=r"has no 'y'; it has x, edge_index.*\.\.\.$") as caught:
        gd.load(path)
    assert len(str(caught.value)) - len(str(path)) < 400


def test_splits_cost_nothing_of_the_size_of_a_label(tmp_path):
    path = tmp_path / "ids.npz"
    y = np.repeat([3, 541_511, 2**60], 3)
    write_npz(path, y=y)
    assert sizes(gd.load(path)) == (3, 3, 3)
    y = np.random.default_rng(0).integers(0, 2**60, 4000)
    write_npz(path, x=np.ones((4000, 1), np.float32), y=y)
    with pytest.raises(ValueError, match="4,000 different values for 4,000 nodes"):
        gd.load(path)
    write_npz(path, y=np.linspace(0, 1, 9))
    with pytest.raises(ValueError, match="ids: target 0 is 1 for all training nodes"):
        as_task(gd.load(path))


def test_rows_below_one_stay_as_they_are(tmp_path):
    """As in PyG: a row is divided by its sum where that is above one."""
    x = np.array([[0.0, 0.1, 0.2, 0], [0, 3, 1, 0], [0, 0, 0, 0]] * 3, np.float32)
    write_npz(tmp_path / "s.npz", x=x)
    rows = gd.load(tmp_path / "s.npz", normalize="row").x
    assert torch.equal(rows[0], torch.from_numpy(x[0]))
    assert rows[1].tolist() == [0, 0.75, 0.25, 0]
    assert torch.equal(rows, NormalizeFeatures()(Data(x=torch.from_numpy(x))).x)
    matrix = sp.csr_matrix(-x)
    parts = {f"x_{part}": getattr(matrix, part) for part in ("data", "indices", "indptr", "shape")}
    write_npz(tmp_path / "s.npz", x=None, **parts)
    with pytest.raises(ValueError, match="normalize='row' subtracts the smallest feature"):
        gd.load(tmp_path / "s.npz", normalize="row")


# --- imports


def test_names_are_lazy():
    code = (
        "import sys, graphcondense.data as d; d.load, d.datasets()\n"
        "assert not {'torch_geometric', 'ogb', 'sklearn'} & set(sys.modules)\n"
        "assert all(getattr(d, name) for name in d.__all__)\n"
        "assert set(d._HOME) == set(d.__all__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gd.nothing


# --- cards


@pytest.mark.parametrize("name", ["cora", "citeseer", "computers", "physics", "debian"])
def test_cards_have_the_checksums_of_the_raw_files(data_root, name):
    card = Path(__file__).parents[2] / "datasets" / f"{name}.md"
    sums = re.findall(r"^([0-9a-f]{64})  (\S+)$", card.read_text(), flags=re.MULTILINE)
    assert sums
    for digest, path in sums:
        folder = data_root / ("graphs" if path == "debian.npz" else "pyg")
        if not (folder / path).is_file():
            pytest.skip(f"no {path} in the data folder")
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == digest


def test_digits_are_joined_to_their_nearest_the_first_of_equals():
    data = gd.load("digits")
    whole = (16 * data.x).long().numpy()
    joined = {tuple(pair) for pair in data.edge_index.T.tolist()}
    ties = 0
    for node in range(0, len(whole), 30):
        distance = ((whole - whole[node]) ** 2).sum(1)
        order = [other for other in np.argsort(distance, kind="stable") if other != node]
        assert all((node, int(other)) in joined for other in order[:10])
        ties += distance[order[9]] == distance[order[10]]
    assert ties
    assert all((target, source) in joined for source, target in joined)
    data.edge_index[:] = 0  # what is given belongs to whom it is given
    assert int(gd.load("digits").edge_index.max()) == len(whole) - 1


def test_digits_are_the_same_on_any_number_of_threads():
    program = (
        "import torch; from graphcondense.data import as_task, load\n"
        "print(as_task(load('digits')).digest, torch.get_num_threads())"
    )
    here = torch.get_num_threads()
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "OMP_NUM_THREADS": "2" if here == 1 else "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    digest, threads = done.stdout.split()
    assert digest == as_task(gd.load("digits")).digest
    assert int(threads) != here or os.cpu_count() == 1
