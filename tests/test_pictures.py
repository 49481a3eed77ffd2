"""Pictures are written, for any number of classes, with and without edges."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import pytest
import torch
from matplotlib.figure import Figure
from torch_geometric.data import Data

from graphcondense import pictures
from graphcondense.data.graph_reading import pack
from graphcondense.evaluate.metrics import SCORES
from graphcondense.pictures import (
    draw_curve,
    draw_graph,
    draw_graphs,
    draw_images,
    spread_out,
    undirected,
)
from graphcondense.saved.condensed_graphs import CondensedGraphs
from graphcondense.saved.graph_set import GraphSet


def graph(n: int, classes: int, density: float) -> Data:
    torch.manual_seed(0)
    edges = (torch.rand(n, n) < density).nonzero().T
    y = torch.arange(n) % classes
    return Data(x=torch.randn(n, 5), edge_index=edges, edge_weight=torch.rand(edges.shape[1]), y=y)


def colours(path: Path) -> int:
    """How many different colours a picture has: an empty one has one."""
    pixels = matplotlib.image.imread(path)[..., :3].reshape(-1, 3)
    return len({tuple(p) for p in pixels[::7].round(2).tolist()})


@pytest.mark.parametrize("density", [0.0, 0.02, 0.9])
@pytest.mark.parametrize("classes", [7, 40])
def test_graph(tmp_path: Path, classes: int, density: float) -> None:
    small = graph(80, classes, density)
    before = small.clone()
    path = draw_graph(small, tmp_path / "graph.png")
    assert colours(path) > 6
    assert all(torch.equal(before[k], small[k]) for k in before.keys())  # noqa: SIM118


def test_graph_is_the_same_twice(tmp_path: Path) -> None:
    small = graph(30, 3, 0.1)
    first, second = (draw_graph(small, tmp_path / f"{i}.png") for i in range(2))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("rows", [1, 2])
def test_tiny_graphs(tmp_path: Path, rows: int) -> None:
    small = Data(x=torch.ones(rows, 1), edge_index=torch.empty(2, 0).long(), y=torch.zeros(rows))
    small.y = small.y.long()
    assert draw_graph(small, tmp_path / "graph.png").exists()
    small.y = torch.eye(rows, 3)  # soft labels
    assert draw_graph(small, tmp_path / "graph.svg").exists()


def graphs(count: int, classes: int, nodes: int = 6, columns: int = 15) -> GraphSet:
    many = []
    for i in range(count):
        one = graph(nodes, 2, 0.3)
        many.append(
            Data(x=one.x[:, :1] * torch.eye(columns)[i % columns], y=torch.tensor([i % classes]))
        )
        many[-1].edge_index = one.edge_index
    return pack(many)[0]


@pytest.mark.parametrize(("count", "classes"), [(1, 1), (9, 3), (100, 2), (40, 40)])
def test_graphs(tmp_path: Path, count: int, classes: int) -> None:
    small = CondensedGraphs(graphs(count, classes), {"method": "random", "data": {"name": "toys"}})
    before = small.set.x.clone()
    path = draw_graphs(small, tmp_path / "graphs.png")
    assert colours(path) > 6
    height, width = matplotlib.image.imread(path).shape[:2]
    assert max(height, width) < 2000, "24 graphs at most, several classes in a line"
    assert torch.equal(before, small.set.x)
    assert path.read_bytes() == draw_graphs(small, tmp_path / "again.png").read_bytes()


def test_graphs_of_one_node_several_tasks_and_weights(tmp_path: Path) -> None:
    single = pack([Data(x=torch.ones(1, 2), y=torch.tensor([i % 2])) for i in range(4)])[0]
    assert colours(draw_graphs(single, tmp_path / "single.png")) > 2
    tasks = replace(graphs(5, 1), y=torch.rand(5, 3), node_weight=torch.rand(30))
    assert colours(draw_graphs(tasks, tmp_path / "tasks.png")) > 6


def test_legend_names_values_of_the_first_category(tmp_path: Path) -> None:
    record = {"data": {"encoding": {"x": [[5, 7, 16], [0, 1]], "edge_attr": None}}}
    path = draw_graphs(CondensedGraphs(graphs(3, 1, columns=5), record), tmp_path / "graphs.svg")
    text = path.read_text()
    assert "first category" in text
    assert all(f"<!-- {value} -->" in text for value in (5, 7, 16))
    assert "<!-- 0 -->" not in text


@pytest.mark.parametrize("n", [2, 7, 90])
@pytest.mark.parametrize("joined", [False, True])
def test_nodes_lie_apart_and_in_sight(n: int, joined: bool) -> None:
    first = torch.arange(n - 1 if joined else n // 2 - 1)
    place = spread_out(torch.stack([first, first + 1], 1).numpy(), n)
    assert abs(place).max() == pytest.approx(1)
    apart = ((place[:, None] - place) ** 2).sum(-1) ** 0.5
    assert apart[~torch.eye(n, dtype=torch.bool).numpy()].min() > 1e-3


def test_undirected_takes_the_stronger_direction_and_no_loops() -> None:
    edges = torch.tensor([[0, 1, 2, 2], [1, 0, 2, 0]])
    small = Data(edge_index=edges, edge_weight=torch.tensor([0.25, 0.5, 9.0, 1.0]))
    pairs, weight = undirected(small)
    assert pairs.tolist() == [[0, 1], [0, 2]]
    assert weight.tolist() == [0.5, 1.0]


def test_curve(tmp_path: Path) -> None:
    rows = [{"step": i + 1, "loss": 1 / (i + 1)} for i in range(100)]
    bare = draw_curve(rows, tmp_path / "bare.png")
    scored = [{**r, "validation": 0.5} if r["step"] % 10 == 0 else r for r in rows]
    full = draw_curve(scored, tmp_path / "full.png")
    assert matplotlib.image.imread(full).shape[0] > matplotlib.image.imread(bare).shape[0]
    assert draw_curve([{"step": 1, "loss": -1.0}], tmp_path / "one.png").exists()


@pytest.mark.parametrize(("n", "channels", "classes"), [(1, 1, 1), (10, 3, 10), (60, 1, 3)])
def test_images(tmp_path: Path, n: int, channels: int, classes: int) -> None:
    labels = torch.arange(n) % classes
    path = draw_images(torch.rand(n, channels, 8, 8), labels, tmp_path / "images.png")
    assert colours(path) > 20


def test_images_of_unequal_classes_and_soft_labels(tmp_path: Path) -> None:
    labels = torch.tensor([0, 0, 0, 2, 5, 5])
    images = torch.rand(6, 1, 8, 8)
    hard = draw_images(images, labels, tmp_path / "hard.png")
    soft = torch.nn.functional.one_hot(labels, 7).float() - 0.1
    assert draw_images(images, soft, tmp_path / "soft.png").read_bytes() == hard.read_bytes()
    images[0, 0, 0, 0] = 1e4  # one pixel far off does not turn all others black
    assert colours(draw_images(images, labels, tmp_path / "far.png")) > 20


def test_images_of_two_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 channels"):
        draw_images(torch.rand(1, 2, 4, 4), torch.zeros(1).long(), tmp_path / "images.png")


def test_a_curve_is_of_its_own_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error is no per cent, and no negative number; what is not finite is left out."""
    figures: list[Figure] = []
    monkeypatch.setattr(pictures, "_save", lambda figure, path: figures.append(figure))
    rows = [{"step": i, "loss": 3 / i, "validation": -1.5 + i / 10} for i in range(1, 4)]
    rows += [{"step": 4, "loss": 1.0, "validation": math.nan}, {"step": 5, "loss": math.nan}]
    draw_curve(rows, tmp_path / "curve.png", SCORES["rmse"])
    loss, below = figures[0].axes
    assert below.get_ylabel() == "validation RMSE"
    assert below.get_title(loc="right") == "best 1.200 at step 3"
    assert list(below.lines[0].get_ydata()) == pytest.approx([1.4, 1.3, 1.2])
    assert len(loss.lines[0].get_xdata()) == 4
    draw_curve([{"step": 1, "loss": 1.0, "validation": 0.5}], tmp_path / "curve.png")
    assert figures[1].axes[1].get_ylabel() == "validation accuracy, %"
    assert figures[1].axes[1].get_title(loc="right") == "best 50.0 % at step 1"
