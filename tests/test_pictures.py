"""Pictures are written, for any number of classes, with and without edges."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import pytest
import torch
from torch_geometric.data import Data

from graphcondense.pictures import draw_curve, draw_graph, draw_images, undirected


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


def test_images_of_two_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 channels"):
        draw_images(torch.rand(1, 2, 4, 4), torch.zeros(1).long(), tmp_path / "images.png")
