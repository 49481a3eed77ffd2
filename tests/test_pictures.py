"""Pictures are written, for any number of classes, with and without edges."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib.image
import pytest
import torch
from torch_geometric.data import Data

from graphcondense.data.graph_packing import pack
from graphcondense.evaluate.metrics import SCORES
from graphcondense.evaluate.report import Report, Row
from graphcondense.ops.figures import address_of, new_figure, saved
from graphcondense.pictures import (
    draw_curve,
    draw_graph,
    draw_graphs,
    draw_images,
    draw_pixels,
    draw_ranking,
)
from graphcondense.pictures.layout import spread_out, undirected
from graphcondense.saved.condensed_graphs import CondensedGraphs
from graphcondense.saved.graph_set import GraphSet
from graphcondense.uses.backdoor import Backdoor
from graphcondense.uses.continual_results import Continual
from graphcondense.uses.privacy import Privacy
from graphcondense.uses.serve import Serving
from graphcondense.uses.tuning import TrainingSearch


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
    draw_graph(small, path := tmp_path / "graph.png")
    assert colours(path) > 6
    assert all(torch.equal(before[k], small[k]) for k in before.keys())  # noqa: SIM118


def test_graph_is_the_same_twice(tmp_path: Path) -> None:
    small = graph(30, 3, 0.1)
    first, second = (tmp_path / f"{i}.png" for i in range(2))
    for path in (first, second):
        draw_graph(small, path)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("rows", [1, 2])
def test_tiny_graphs(tmp_path: Path, rows: int) -> None:
    small = Data(x=torch.ones(rows, 1), edge_index=torch.empty(2, 0).long(), y=torch.zeros(rows))
    small.y = small.y.long()
    draw_graph(small, tmp_path / "graph.png")
    assert (tmp_path / "graph.png").exists()
    small.y = torch.eye(rows, 3)  # soft labels
    draw_graph(small, tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").exists()


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
    draw_graphs(small, path := tmp_path / "graphs.png")
    assert colours(path) > 6
    height, width = matplotlib.image.imread(path).shape[:2]
    assert max(height, width) < 2000, "24 graphs at most, several classes in a line"
    assert torch.equal(before, small.set.x)
    draw_graphs(small, tmp_path / "again.png")
    assert path.read_bytes() == (tmp_path / "again.png").read_bytes()


def test_graphs_of_one_node_several_tasks_and_weights(tmp_path: Path) -> None:
    single = pack([Data(x=torch.ones(1, 2), y=torch.tensor([i % 2])) for i in range(4)])[0]
    draw_graphs(single, tmp_path / "single.png")
    assert colours(tmp_path / "single.png") > 2
    tasks = replace(graphs(5, 1), y=torch.rand(5, 3), node_weight=torch.rand(30))
    draw_graphs(tasks, tmp_path / "tasks.png")
    assert colours(tmp_path / "tasks.png") > 6


def test_legend_names_values_of_the_first_category(tmp_path: Path) -> None:
    record = {"data": {"encoding": {"x": [[5, 7, 16], [0, 1]], "edge_attr": None}}}
    path = tmp_path / "graphs.svg"
    draw_graphs(CondensedGraphs(graphs(3, 1, columns=5), record), path)
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
    draw_curve(rows, bare := tmp_path / "bare.png")
    scored = [{**r, "validation": 0.5} if r["step"] % 10 == 0 else r for r in rows]
    draw_curve(scored, full := tmp_path / "full.png")
    assert matplotlib.image.imread(full).shape[0] > matplotlib.image.imread(bare).shape[0]
    draw_curve([{"step": 1, "loss": -1.0}], tmp_path / "one.png")
    assert (tmp_path / "one.png").exists()


@pytest.mark.parametrize(("n", "channels", "classes"), [(1, 1, 1), (10, 3, 10), (60, 1, 3)])
def test_images(tmp_path: Path, n: int, channels: int, classes: int) -> None:
    labels = torch.arange(n) % classes
    draw_images(torch.rand(n, channels, 8, 8), labels, path := tmp_path / "images.png")
    assert colours(path) > 20


def test_images_of_unequal_classes_and_soft_labels(tmp_path: Path) -> None:
    labels = torch.tensor([0, 0, 0, 2, 5, 5])
    images = torch.rand(6, 1, 8, 8)
    draw_images(images, labels, hard := tmp_path / "hard.png")
    soft = torch.nn.functional.one_hot(labels, 7).float() - 0.1
    draw_images(images, soft, tmp_path / "soft.png")
    assert (tmp_path / "soft.png").read_bytes() == hard.read_bytes()
    images[0, 0, 0, 0] = 1e4  # one pixel far off does not turn all others black
    draw_images(images, labels, tmp_path / "far.png")
    assert colours(tmp_path / "far.png") > 20


def test_images_of_two_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 channels"):
        draw_images(torch.rand(1, 2, 4, 4), torch.zeros(1).long(), tmp_path / "images.png")


def test_a_curve_is_of_its_own_score() -> None:
    """An error is no per cent, and no negative number; what is not finite is left out."""
    rows = [{"step": i, "loss": 3 / i, "validation": -1.5 + i / 10} for i in range(1, 4)]
    rows += [{"step": 4, "loss": 1.0, "validation": math.nan}, {"step": 5, "loss": math.nan}]
    loss, below = draw_curve(rows, score=SCORES["rmse"]).axes
    assert below.get_ylabel() == "validation RMSE"
    assert below.get_title(loc="right") == "best 1.200 at step 3"
    assert list(below.lines[0].get_ydata()) == pytest.approx([1.4, 1.3, 1.2])
    assert len(loss.lines[0].get_xdata()) == 4
    below = draw_curve([{"step": 1, "loss": 1.0, "validation": 0.5}]).axes[1]
    assert below.get_ylabel() == "validation accuracy, %"
    assert below.get_title(loc="right") == "best 50.0 % at step 1"


@pytest.mark.parametrize("density", [0.0, 0.1])
def test_nodes_that_are_images_are_drawn_as_such(tmp_path: Path, density: float) -> None:
    small = graph(20, 10, density)
    small.x = torch.rand(20, 64)
    figure = draw_pixels(small, (8, 8), tmp_path / "digits.png")
    frames = figure.axes[0].artists
    assert len(frames) == (20 if density else 0)
    assert len(figure.axes) == (1 if density else 20)  # without edges an axis an image
    assert colours(tmp_path / "digits.png") > 20


def scored(label: str, score: float, std: float | None, trainings: int) -> Row:
    """A GCN of as many condensed sets, each trained on as often."""
    given = dict.fromkeys(("predictor", "edge_weights", "chosen"), "")
    given |= dict.fromkeys(("graphs", "trainings"), trainings)
    given |= dict.fromkeys(("test_last", "test_last_std", "val_selected", "epoch_selected"), 0.0)
    given |= dict.fromkeys(("spread_graphs", "spread_trainings"))
    given |= dict.fromkeys(("nodes", "edges", "bytes"), 5)
    given |= dict.fromkeys(("seconds", "seconds_training", "processor_seconds"), 1.0)
    return Row(label=label, model="GCN", test_selected=score, test_selected_std=std, **given)


def test_a_ranking_is_sorted_and_has_bars() -> None:
    scores = {"a": 0.5, "b": 0.9, "c": 0.7, "failed": math.nan}
    rows = tuple(scored(label, score, 0.02, 3) for label, score in scores.items())
    (axes,) = draw_ranking(Report("toys", "d", {}, rows, {})).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["b", "c", "a"]
    (bars,) = axes.containers
    assert list(bars.lines[0].get_xdata()) == pytest.approx([90, 70, 50])
    assert bars.has_xerr
    by_error = Report("toys", "d", {}, rows, {}, metric="rmse")
    assert draw_ranking(by_error).axes[0].get_yticklabels()[0].get_text() == "a"


def test_a_spread_that_nobody_knows_is_no_bar() -> None:
    """One training has none, and a bar of length 0 would say that all trainings agree."""
    rows = (scored("one", 0.5, None, 1), scored("several", 0.5, 0.02, 1))
    report = Report("toys", "d", {}, rows, {})
    for figure in (draw_ranking(report), report.plot()):
        drawn = [
            segment
            for container in figure.axes[0].containers
            for segment in container.lines[2][0].get_segments()
        ]
        assert sorted(map(len, drawn)) == [0, 2]


@pytest.mark.parametrize("result", [Backdoor, Continual, Privacy, Serving, TrainingSearch])
def test_no_picture_takes_a_missing_spread_for_zero(result: Any) -> None:
    """Of what uses of condensed sets find: one training has no bars, several have."""
    names = ("test", "success", "auc", "accuracy")
    about = {"label": "a", "strategy": "joint", "way": "attached", "step": 1, "trials": 2}
    about |= {"milliseconds": 1.0, "seconds": 1.0, "condensation_seconds": 1.0}
    for std in (None, 0.02):
        spreads = {f"{name}_std": std for name in names}
        row = SimpleNamespace(**dict.fromkeys(names, 0.5), **spreads, **about)
        found = {"rows": [row, row], "summaries": [row], "groups": [[0, 1]], "batch": 100}
        axes = new_figure(4, 3).subplots()
        result.draw(SimpleNamespace(data="toys", model="GCN", **found), axes)
        drawn = [
            len(segment)
            for container in axes.containers
            for lines in container.lines[2]
            for segment in lines.get_segments()
        ]
        assert drawn
        assert set(drawn) == ({0} if std is None else {2})


def test_figures_are_returned_without_a_file(tmp_path: Path) -> None:
    figure = draw_graph(graph(9, 3, 0.2))
    assert figure.axes
    assert address_of(figure).startswith("data:image/png;base64,iVBOR")
    saved(figure, tmp_path / "new" / "a.svg")
    first = (tmp_path / "new" / "a.svg").stat().st_size
    assert first > 1000
