"""Simulated graphs: the size, degrees, homophily and splits that were asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphcondense.data import as_task, load_ogb, simulate
from graphcondense.data.block_model import EDGES, Shape
from graphcondense.data.simulated import SHAPES

MASKS = ("train_mask", "val_mask", "test_mask")
KEYS = ("x", "edge_index", "y", *MASKS)


def pairs(data: Any) -> Any:
    return data.edge_index[0] * data.num_nodes + data.edge_index[1]


def homophily(data: Any) -> float:
    source, target = data.edge_index
    return float((data.y[source] == data.y[target]).float().mean())


def test_sizes_are_those_of_the_name_at_any_scale() -> None:
    data = simulate("arxiv-like", scale=0.05)
    assert (data.name, data.num_nodes, data.num_features) == ("arxiv-like", 8467, 128)
    assert data.num_edges == pytest.approx(2 * 0.05 * 1_166_243, rel=0.002)
    assert [int(data[m].sum()) for m in MASKS] == [4547, 1490, 2430]
    assert len(data.y.unique()) == len(data.y[data.train_mask].unique()) == 40
    assert data.x.dtype == torch.float32
    task = as_task(data, need_test=True)
    assert (task.num_nodes, task.num_classes) == (8467, 40)
    assert (task.adj != task.adj.T).nnz == 0


def test_published_sizes_at_scale_one() -> None:
    sizes = {name: shape.sizes for name, shape in SHAPES.items()}
    assert sizes == {
        "arxiv-like": (90_941, 29_799, 48_603),
        "products-like": (196_615, 39_323, 2_213_091),
        "papers-like": (1_207_179, 125_265, 214_338),
    }


@pytest.mark.parametrize("name", ["arxiv-like", "papers-like"])
def test_no_loop_and_no_edge_twice(name: str) -> None:
    data = simulate(name, nodes=3000, edges=20_000, classes=5, splits=(0.5, 0.1, 0.1))
    keys = pairs(data)
    assert len(keys.unique()) == len(keys)
    assert not (data.edge_index[0] == data.edge_index[1]).any()
    assert (data.y == -1).sum() == 900
    assert data.is_directed() == (name == "papers-like")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_homophily(share: float) -> None:
    data = simulate("arxiv-like", nodes=4000, edges=30_000, classes=4, homophily=share)
    assert homophily(data) == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("exponent", [2.3, 3.0])
def test_degrees_follow_a_power_law(exponent: float) -> None:
    """Hill's estimate over the upper tail, below where the law is cut."""
    data = simulate(
        "papers-like", nodes=40_000, edges=400_000, features=1, classes=2, exponent=exponent, skew=0
    )
    degree = np.sort(np.bincount(data.edge_index.flatten().numpy()))[::-1].astype(float)
    top, tail = degree[40], degree[40:2000]
    found = 1 + 1 / np.log(tail / tail[-1]).mean()
    assert found == pytest.approx(exponent, abs=0.25)
    assert top > 5 * degree.mean()


def test_classes_differ_in_size_by_the_skew() -> None:
    options: dict[str, Any] = {
        "nodes": 1000,
        "edges": 3000,
        "classes": 4,
        "splits": (0.5, 0.2, 0.3),
    }
    assert simulate("arxiv-like", skew=0, **options).y.bincount().tolist() == [250] * 4
    shares = 1 / torch.arange(1, 5)
    sizes = simulate("arxiv-like", skew=1, **options).y.bincount()
    assert torch.allclose(sizes / 1000, shares / shares.sum(), atol=0.003)


def test_signal_is_the_spread_of_class_means() -> None:
    options: dict[str, Any] = {
        "nodes": 4000,
        "edges": 8000,
        "classes": 2,
        "features": 300,
        "skew": 0,
    }
    for signal in (0.0, 2.0):
        data = simulate("arxiv-like", signal=signal, **options)
        means = torch.stack([data.x[data.y == c].mean(0) for c in (0, 1)])
        noise = data.x - means[data.y]
        assert float(noise.std()) == pytest.approx(1, abs=0.01)
        apart = float((means[0] - means[1]).std())
        assert apart == pytest.approx(signal * 2**0.5, rel=0.15, abs=0.05)


def test_a_seed_means_the_same_bits() -> None:
    first, again, other = (simulate("arxiv-like", scale=0.02, seed=s) for s in (3, 3, 4))
    assert all(torch.equal(first[key], again[key]) for key in KEYS)
    assert not any(torch.equal(first[key], other[key]) for key in KEYS if key != "y")


@pytest.mark.parametrize("name", ["arxiv-like", "papers-like"])
def test_in_pieces(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Where edges come in many pieces they keep their number, and none is there twice."""
    assert EDGES > 30_000
    monkeypatch.setattr("graphcondense.data.block_model.EDGES", 1000)
    monkeypatch.setattr("graphcondense.data.block_model.ROWS", 100)
    data = simulate(name, nodes=5000, edges=30_000, classes=3, splits=(0.5, 0.2, 0.3))
    number = 30_000 if name == "papers-like" else 60_000
    assert data.num_edges == pytest.approx(number, rel=0.01)
    assert len(pairs(data).unique()) == data.num_edges
    assert homophily(data) == pytest.approx(SHAPES[name].homophily, abs=0.02)


@pytest.mark.parametrize("name", ["arxiv-like", "papers-like"])
def test_ogbs_reader_reads_what_is_written(tmp_path: Path, name: str) -> None:
    options: dict[str, Any] = {"nodes": 600, "edges": 2000, "classes": 3, "seed": 5}
    if name == "papers-like":
        options["splits"] = (0.2, 0.1, 0.1)
    folder = simulate(name, root=tmp_path, **options)
    assert folder == tmp_path / f"ogbn_{name.replace('-', '_')}"
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    here = simulate(name, **options)
    for _ in range(2):
        read = load_ogb(f"ogbn-{name}", tmp_path)
        assert all(torch.equal(read[key], here[key]) for key in KEYS)
    assert as_task(read, name=name).digest == as_task(here).digest
    with pytest.raises(ValueError, match="is there already: remove it"):
        simulate(name, root=tmp_path, **options)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        simulate("arxiv-like", scale=0.01, root=tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_foreign_description_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ogbn_mine").mkdir()
    (tmp_path / "ogbn_mine" / "meta_dict.pt").write_bytes(b"no file of torch")
    with pytest.raises(ValueError, match=r"meta_dict\.pt was refused"):
        load_ogb("ogbn-mine", tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 0}, "scale=0 must be above 0"),
        ({"scale": float("nan")}, "scale=nan is not a finite number"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
        ({"nodes": 0}, "nodes=0 must be at least 1"),
        ({"nodes": 30}, "classes=40 are more than nodes=30"),
        ({"edges": 1.5}, "edges=1.5 is not a whole number"),
        ({"nodes": 100, "edges": 2000}, "edges=2,000 are more than a quarter of the 4,950 pairs"),
        ({"scale": 1e-4}, "classes=40 are more than nodes=17"),
        ({"scale": 4e-4, "edges": 99}, "37 training nodes, but each of classes=40"),
        ({"classes": 1}, "classes=1 must be at least 2"),
        ({"exponent": 2}, "exponent=2 must be above 2"),
        ({"homophily": 1.2}, "homophily=1.2 must be at least 0 and at most 1"),
        ({"splits": (0.5, 0.6, 0.1)}, "splits=(0.5, 0.6, 0.1) must be shares of the nodes"),
        ({"splits": (0, 0.6, 0.1)}, "must be above 0"),
        ({"splits": (0.5, 0.5)}, "has 2 values and not 3"),
        ({"signal": -1}, "signal=-1 must be at least 0"),
        ({"features": 0}, "features=0 must be at least 1"),
        ({"skew": -1}, "skew=-1 must be at least 0"),
        ({"root": 3}, "root: give the folder of data sets, got 3"),
    ],
)
def test_what_cannot_be_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        simulate("arxiv-like", **options)


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"cannot simulate 'arxiv': .* did you mean arxiv-like"):
        simulate("arxiv")
    with pytest.raises(ValueError, match="more than a quarter"):
        Shape(
            nodes=10, edges=30, features=1, classes=2, exponent=3, homophily=1, skew=0,
            splits=(1, 0, 0),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 1e12}, r"scale=1e\+12 makes .* of memory, where .* are free: give a smaller"),
        ({"scale": 1e89}, r"scale=1e\+89 makes .* of memory"),
        ({"scale": 1e300}, r"scale=1e\+300 must be above 0 and at most 1e\+90"),
        ({"nodes": 10**400}, "nodes=1000.* must be at least 1 and at most"),
        ({"nodes": 10**8, "features": 10**5}, r"take 40[.\d]*TB of memory"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate("arxiv-like", **options)


def test_what_does_not_fit_on_the_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"take 80[.\d]*TB of the disk of .*, where .* are free"):
        simulate("arxiv-like", features=10**8, nodes=10**5, root=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_an_edge_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphcondense.data.simulated.free_bytes", lambda device: 10**15)
    with pytest.raises(ValueError, match="are more than 3,037,000,499, whose pairs have numbers"):
        simulate("arxiv-like", nodes=4 * 10**9)
