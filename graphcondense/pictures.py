"""Pictures of a run: its curve, condensed graphs, distilled images, the popularity of items.

Every function returns matplotlib's figure, which notebooks show, and writes it into the file
``path`` where one is given, in any format that matplotlib knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphcondense.evaluate.metrics import SCORES, Score
from graphcondense.ops.figures import COLOURS, FAINT, INK, MARKERS, new_figure, plain, saved
from graphcondense.ops.json import read_json_lines
from graphcondense.saved.shown import counted, labels_of, record_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from scipy.sparse import csr_matrix
    from torch_geometric.data import Data

    from graphcondense.evaluate.report import Report
    from graphcondense.saved.condensed_graphs import CondensedGraphs
    from graphcondense.saved.graph_set import GraphSet

Record: TypeAlias = Mapping[str, object]
Places: TypeAlias = NDArray[np.float64]
Pairs: TypeAlias = NDArray[np.int64]
ROW = 10  # images that stand in a row
EDGES_A_NODE = 4  # more than that, and a picture of a graph is a ball of wool
GRAPHS, ACROSS, NAMED = 24, 6, 10  # graphs in a picture, graphs in a line, columns in its legend
LEGEND: Record = {"loc": "outside right center", "frameon": False, "handletextpad": 0.1}
MANY = 80  # above so many nodes a graph is laid out by springs: all distances take too long


def draw_curve(
    metrics: str | Path | Sequence[Mapping[str, float]],
    path: str | Path | None = None,
    score: Score = SCORES["accuracy"],
) -> Figure:
    """Draw the loss (log scale) and, below it, the validation score over the steps.

    Args:
        metrics: a run's ``metrics.jsonl``, or its rows: ``step``, ``loss``, now and then
            ``validation``. What is no finite number is left out.
        score: what the validation score is; errors, which a run holds as negative numbers, are
            drawn as they are called.
    """
    if isinstance(metrics, str | Path):
        metrics = read_json_lines(Path(metrics))
    metrics = [row for row in metrics if math.isfinite(row["loss"])]
    scored = [row for row in metrics if math.isfinite(row.get("validation", math.nan))]
    figure = new_figure(6.4, 4.6 if scored else 3.2)
    ratios = [3, 2] if scored else [1]
    axes = figure.subplots(len(ratios), sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    _draw_loss(axes[0], metrics)
    if scored:
        best = max(scored, key=lambda row: row["validation"])
        steps = [row["step"] for row in scored]
        sign = 1 if score.larger_is_better else -1
        values = [sign * score.scale * row["validation"] for row in scored]
        top = sign * best["validation"]
        axes[1].plot(steps, values, "o-", color=COLOURS[2], ms=4, lw=1.5)
        axes[1].plot(best["step"], score.scale * top, "o", ms=10, mfc="none", mec=COLOURS[3])
        unit = " %" if score.share else ""
        axes[1].set_title(
            f"best {score.text(top)}{unit} at step {best['step']:,}",
            loc="right",
            fontsize=9,
            color=COLOURS[3],
        )
        axes[1].set_ylabel(
            f"validation {score.unit}".removesuffix(" (lower is better)"), fontsize=9
        )
        axes[1].margins(y=0.2)
    axes[-1].set_xlabel("step")
    for ax in axes:
        plain(ax)
    return saved(figure, path)


def _draw_loss(ax: Axes, metrics: Sequence[Mapping[str, float]]) -> None:
    steps = np.array([row["step"] for row in metrics])
    loss = np.array([row["loss"] for row in metrics])
    smooth = rolling(loss, max(1, len(loss) // 50)).mean()
    ax.plot(steps, loss, color=COLOURS[0], alpha=0.3, lw=0.8)
    ax.plot(steps, smooth, color=COLOURS[0], lw=1.8)
    if len(loss) and loss.min() > 0:
        ax.set_yscale("log")
    ax.set_ylabel("loss")


def rolling(values: Sequence[float] | Places, half: int) -> Any:
    """Windows of pandas around each value, up to ``half`` values on either side.

    >>> rolling([0.0, 3.0, 6.0], 1).mean().tolist()
    [1.5, 3.0, 4.5]
    """
    import pandas as pd

    return pd.Series(values, dtype=float).rolling(2 * half + 1, center=True, min_periods=1)


def draw_ranking(report: Report, path: str | Path | None = None) -> Figure:
    """Draw test scores of what was trained on, best first, with bars of one standard deviation.

    Args:
        report: what was compared; the order is that of its first model.
    """
    score, models = report.score, report.models
    rows = {(row.label, row.model): row for row in report.rows}
    scored = [
        (rows[label, models[0]].test_selected, label)
        for label in report.labels
        if (label, models[0]) in rows and math.isfinite(rows[label, models[0]].test_selected)
    ]
    labels = [label for _, label in sorted(scored, reverse=score.larger_is_better)]
    figure = new_figure(6.4, 1.4 + 0.27 * len(labels))
    axes = figure.subplots()
    for i, model in enumerate(models):
        shift = (i - (len(models) - 1) / 2) * 0.5 / len(models)
        drawn = [
            (at, rows[label, model]) for at, label in enumerate(labels) if (label, model) in rows
        ]
        axes.errorbar(
            [score.scale * row.test_selected for _, row in drawn],
            [at + shift for at, _ in drawn],
            xerr=[score.scale * row.test_selected_std for _, row in drawn],
            fmt=MARKERS[i % len(MARKERS)],
            color=COLOURS[i % len(COLOURS)],
            label=model,
            capsize=3,
            ms=5,
        )
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(f"test {score.unit}")
    figure.suptitle(f"{report.data}{report.on_test}", fontsize=10)
    if len(models) > 1:
        figure.legend(loc="outside lower center", ncols=min(len(models), 6), frameon=False)
    plain(axes, "x")
    return saved(figure, path)


def draw_graph(small: Data, path: str | Path | None = None) -> Figure:
    """Draw a condensed graph: its classes in colours, its strongest edges the darker the stronger.

    Nodes lie by a spring layout of those edges, in which a weak spring also holds each class
    together; without edges by the first two principal components of the features.

    Args:
        small: ``x [n, d]``, ``edge_index [2, m]``, optional ``edge_weight [m]``, ``y [n]`` or soft
            labels ``[n, C]``, and, for the title, the record ``condensed``.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    pairs, strength, place, y, joined = _layout(small)
    classes = np.unique(y)
    columns = math.ceil(len(classes) / 20)
    figure = new_figure(6.4 + 0.75 * (columns - 1), 5.2)
    ax = figure.subplots()
    if len(pairs):
        colours = [to_rgba(FAINT, 0.15 + 0.75 * float(s)) for s in strength]
        ax.add_collection(LineCollection([*place[pairs]], colors=colours, lw=1, zorder=1))
    for c in classes:
        ax.scatter(
            place[y == c, 0],
            place[y == c, 1],
            s=60 if len(y) <= 200 else 24,
            color=COLOURS[c % len(COLOURS)],
            marker=MARKERS[c // len(COLOURS) % len(MARKERS)],
            edgecolors="white",
            linewidths=0.7,
            label=f"{c}" if c >= 0 else "none",
            zorder=2,
        )
    ax.margins(0.06)
    ax.set_axis_off()
    record = record_of(small)
    edges = int(small.edge_index.shape[1])
    figure.suptitle(_made(record), fontsize=13, color=INK)
    shown = f" ({len(pairs):,} strongest pairs drawn)" if len(pairs) < joined else ""
    how = "" if edges else "; first two principal components"
    ax.set_title(f"{len(y):,} nodes, {edges:,} edges{shown}{how}", fontsize=9, color=INK)
    if classes.max() >= 0:
        figure.legend(title="class", ncols=columns, fontsize=9, columnspacing=0.8, **LEGEND)
    return saved(figure, path)


def _layout(small: Data) -> tuple[Pairs, Places, Places, Pairs, int]:
    """The strongest pairs ``[m, 2]`` with their shares of the greatest weight ``[m]``, places and
    classes of the nodes ``[n, 2]``, ``[n]``, and how many pairs are joined in all."""
    y = classes_of(labels_of(small)).numpy()
    pairs, weight = undirected(small)
    kept = np.argsort(-weight, kind="stable")[: EDGES_A_NODE * len(y)]
    strength = weight[kept] / max(weight.max(initial=0.0), 1e-12)
    place = principal(small.x)
    if len(kept):
        place = springs(pairs[kept], strength, y, place)
    return pairs[kept], strength, place, y, len(pairs)


def draw_pixels(small: Data, shape: tuple[int, int], path: str | Path | None = None) -> Figure:
    """Draw a graph whose nodes are small grey images: each as its image, and the strongest edges.

    Nodes lie as :func:`draw_graph` puts them and have a frame of their class's colour; without
    edges they stand in rows by class, as :func:`draw_images` has them.

    Args:
        small: as for :func:`draw_graph`, with ``x [n, h * w]``.
        shape: ``(h, w)``.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    images = small.x.detach().cpu().float().reshape(-1, 1, *shape)
    pairs, strength, place, y, _ = _layout(small)
    if not len(pairs):
        return draw_images(images, small.y, path)
    low, high = np.quantile(images, [0.005, 0.995])
    figure = new_figure(7.2, 7.2)
    ax = figure.subplots()
    ax.set_axis_off()
    ax.margins(0.06)
    ax.update_datalim(place)
    ax.autoscale_view()
    lines = LineCollection([*place[pairs]], colors=FAINT, lw=0.4 + 1.6 * strength, zorder=1)
    ax.add_collection(lines)
    for image, spot, c in zip(images[:, 0], place, y.tolist(), strict=True):
        drawn = OffsetImage(image.numpy(), zoom=20 / max(shape), cmap="gray", clim=(low, high))
        frame = {"edgecolor": COLOURS[c % len(COLOURS)], "linewidth": 1.6}
        ax.add_artist(AnnotationBbox(drawn, tuple(spot), pad=0.1, bboxprops=frame))
    figure.suptitle(_made(record_of(small)), fontsize=13, color=INK)
    return saved(figure, path)


def classes_of(labels: Tensor) -> Tensor:
    """Classes ``[n]`` on the CPU; of soft labels ``[n, C]`` those of the largest entries."""
    return (labels.argmax(1) if labels.dim() == 2 else labels).cpu()


def undirected(small: Data) -> tuple[Pairs, Places]:
    """Pairs ``[m, 2]`` with the greater weight of the two directions ``[m]``; no self-loops."""
    given = getattr(small, "edge_weight", None)
    edges = small.edge_index.cpu().numpy()
    weight = np.ones(edges.shape[1]) if given is None else given.detach().cpu().numpy()
    keep = edges[0] != edges[1]
    pairs, where = np.unique(np.sort(edges[:, keep].T, axis=1), axis=0, return_inverse=True)
    strongest = np.zeros(len(pairs))
    np.maximum.at(strongest, where.reshape(-1), weight[keep])
    return pairs, strongest


def principal(x: Tensor) -> Places:
    """The first two principal components ``[n, 2]``, each within [-1, 1]."""
    centred = x.detach().cpu().double()
    centred = centred - centred.mean(0)
    left, scale, _ = torch.linalg.svd(centred, full_matrices=False)
    place = torch.zeros(len(x), 2, dtype=torch.double)
    place[:, : min(2, left.shape[1])] = (left * scale)[:, :2]
    out: Places = (place / place.abs().amax(0).clamp_min(1e-12)).numpy()
    return out


def springs(
    pairs: Pairs,
    strength: Places,
    y: Pairs,
    start: Places,
) -> Places:
    """A spring layout ``[n, 2]`` from the given start: the same picture every time."""
    import networkx as nx

    n = len(start)
    graph = nx.empty_graph(n)
    graph.add_weighted_edges_from((*pair, 0.1 + s) for pair, s in zip(pairs, strength, strict=True))
    # Unseen hubs, one a class, held by one in the middle: without them, parts that no edge joins
    # fly off and squeeze the rest.
    hubs = {n + 1 + c: start[y == c].mean(0) for c in np.unique(y)}
    graph.add_weighted_edges_from((i, n + 1 + c, 0.5) for i, c in enumerate(y))
    graph.add_weighted_edges_from((n, hub, 2.0) for hub in hubs)
    begin = {**dict(enumerate(start)), n: start.mean(0), **hubs}
    placed = nx.spring_layout(graph, pos=begin, seed=0, iterations=100)
    return np.array([placed[i] for i in range(n)])


def draw_graphs(small: CondensedGraphs | GraphSet, path: str | Path | None = None) -> Figure:
    """Draw condensed graphs in a grid, those of a class together, the first of each where many.

    Nodes have the colour of their strongest feature: of the first category, where the record says
    that features are categories, else of all columns. They lie so that distances in the picture
    follow distances in the graph (Kamada & Kawai, 1989; by springs above 80 nodes). Where nodes
    count unequally in the readout (``node_weight``), their area shows it.

    Args:
        small: a :class:`~graphcondense.saved.condensed_graphs.CondensedGraphs`, or a
            :class:`~graphcondense.saved.graph_set.GraphSet`.
    """
    graphs: GraphSet = getattr(small, "set", small).to("cpu")
    record = record_of(small)
    shown = chosen_graphs(graphs.y, GRAPHS)
    total = sum(map(len, shown.values()))
    wide = min(ACROSS, max(map(len, shown.values())))
    beside = ACROSS // wide  # classes in a line
    across = wide * min(beside, len(shown))
    lines = [math.ceil(len(some) / wide) for some in list(shown.values())[::beside]]
    drawn = [i for some in shown.values() for i in some]
    columns, names, title = strongest_columns(graphs, drawn, record)

    rows = sum(lines)
    figure = new_figure(1.55 * max(across, 2) + 1.3, 1.65 * rows + 0.75)
    grid = figure.subplots(rows, across, squeeze=False)
    for ax in grid.ravel():
        ax.set_axis_off()
    for k, (label, some) in enumerate(shown.items()):
        line, block = divmod(k, beside)
        top, left = sum(lines[:line]), wide * block
        spots = grid[top : top + lines[line], left : left + wide].ravel()
        if label:
            spots[0].set_title(label, loc="left", fontsize=10, color=INK, fontweight="bold")
        for ax, i in zip(spots, some, strict=False):
            _draw_one(ax, graphs.graph(i), columns[graphs.node_ptr[i] : graphs.node_ptr[i + 1]])
    figure.suptitle(_made(record), fontsize=13, color=INK)
    more = f"; {total:,} of {len(graphs):,} graphs" if total < len(graphs) else ""
    figure.supxlabel(f"a pair: two nodes that are joined{more}", fontsize=8, color=FAINT)
    _legend_of_columns(figure, names, title)
    return saved(figure, path)


def chosen_graphs(y: Tensor, most: int) -> dict[str, list[int]]:
    """The first graphs by label, at most so many in all, but one of each of so many labels.

    Labels are classes, or those of one binary task; else all graphs are in a single part.
    """
    flat = y if y.dim() == 1 else y[:, 0]
    values = torch.unique(flat).tolist()
    binary = y.dim() == 2 and y.shape[1] == 1 and set(values) <= {0.0, 1.0}
    if y.dim() == 2 and not binary:
        return {"": list(range(min(most, len(y))))}
    each = max(1, most // max(len(values), 1))
    return {
        f"class {int(value)}": (flat == value).nonzero().flatten()[:each].tolist()
        for value in values[:most]
    }


def strongest_columns(
    graphs: GraphSet, drawn: Sequence[int], record: Record
) -> tuple[Tensor, list[str], str]:
    """The strongest column of each node, as a place in the legend.

    Returns:
        places ``[N]`` (-1: not in the legend), the legend's names, and its title.
    """
    encoding = _inside(record, "data", "encoding").get("x")
    values = encoding[0] if isinstance(encoding, list) and encoding else None
    width = len(values) if values else graphs.x.shape[1]
    column = graphs.x[:, :width].argmax(1)
    seen = torch.isin(graphs.batch, torch.tensor(drawn))
    counts = torch.bincount(column[seen], minlength=width)
    common = counts.argsort(descending=True, stable=True)[:NAMED]
    common = common[counts[common] > 0].sort().values
    place = torch.full((width,), -1)
    place[common] = torch.arange(len(common))
    names = [f"{values[c]}" if values else f"{c}" for c in common.tolist()]
    if int((counts > 0).sum()) > len(common):
        names.append("other")
    return place[column], names, "first category" if values else "column of x"


def _made(record: Record) -> str:
    """A picture's title: the method and the data."""
    made, data = record.get("method", "condensed"), _inside(record, "data").get("name")
    return f"{made} on {data}" if data else f"{made}"


def _inside(record: Record, *names: str) -> Record:
    """A mapping inside a record; empty where the record has none."""
    for name in names:
        found = record.get(name)
        record = found if isinstance(found, Mapping) else {}
    return record


def _draw_one(ax: Axes, graph: Data, places: Tensor) -> None:
    """One graph, with its size below it."""
    from matplotlib.collections import LineCollection

    pairs, _ = undirected(graph)
    n = len(places)
    place = spread_out(pairs, n)
    if len(pairs):
        thin = min(1.0, 3 * n / len(pairs))  # a dense graph is not to be a black blot
        lines = LineCollection(
            list(place[pairs]), colors=FAINT, linewidths=1.2 * thin**0.5, zorder=1
        )
        lines.set_alpha(max(0.25, thin))
        ax.add_collection(lines)
    weight = getattr(graph, "node_weight", None)
    share = torch.ones(n) if weight is None else weight / weight.max().clamp_min(1e-12)
    ax.scatter(
        place[:, 0],
        place[:, 1],
        s=(np.clip(700 / n, 9, 70) * (0.1 + 0.9 * share.clamp(0, 1))).numpy(),
        color=[COLUMN_COLOURS[p] for p in places.tolist()],
        edgecolors="white",
        linewidths=0.5,
        zorder=2,
    )
    ax.set(xlim=(-1.3, 1.3), ylim=(-1.15, 1.15), aspect="equal")
    sizes = f"{counted(n, 'nodes')}, {counted(len(pairs), 'pairs')}"
    how: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 7, "color": INK}
    ax.text(0.5, -0.02, sizes, transform=ax.transAxes, **how)


COLUMN_COLOURS = (*COLOURS, "#F0E442", "#882255", "#44AA99", "#BBBBBB")
"""Of the columns in a legend; the last (-1) is that of all others."""


def spread_out(pairs: Pairs, n: int) -> Places:
    """A layout ``[n, 2]`` within [-1, 1] of the pairs ``[m, 2]``: the same every time."""
    import networkx as nx
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    if n == 1:
        return np.zeros((1, 2))
    graph = nx.empty_graph(n)
    graph.add_edges_from(pairs.tolist())
    if n > MANY:
        placed = nx.spring_layout(graph, seed=0, iterations=60)
    else:
        adj = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
        far = shortest_path(adj, directed=False, unweighted=True)
        # Parts that no edge joins lie beside each other, not at infinity.
        far[np.isinf(far)] = 0.8 * far[np.isfinite(far)].max() + 1
        placed = nx.kamada_kawai_layout(
            graph, dist={i: dict(enumerate(row)) for i, row in enumerate(far)}
        )
    place = np.array([placed[i] for i in range(n)])
    place -= (place.max(0) + place.min(0)) / 2
    out: Places = place / max(np.abs(place).max(), 1e-12)
    return out


def _legend_of_columns(figure: Figure, names: Sequence[str], title: str) -> None:
    from matplotlib.lines import Line2D

    last = len(COLUMN_COLOURS) - 1
    colours = [COLUMN_COLOURS[last if name == "other" else i] for i, name in enumerate(names)]
    dots = [
        Line2D([], [], marker="o", ls="", color=colour, label=name)
        for name, colour in zip(names, colours, strict=True)
    ]
    figure.legend(handles=dots, title=title, fontsize=8, title_fontsize=8, **LEGEND)


def draw_images(images: Tensor, labels: Tensor, path: str | Path | None = None) -> Figure:
    """Draw distilled images, a row a class, with the class above the first of each.

    At most ten of a class are drawn. Classes of five or fewer images share a row of ten.

    Args:
        images: ``[n, c, h, w]`` with 1 or 3 channels; black and white are the 0.5 and 99.5 %
            quantiles of all pixels, as a few learnt ones leave the range of the others.
        labels: classes ``[n]``, or soft labels ``[n, C]``, whose largest entry counts.

    Raises:
        ValueError: neither 1 nor 3 channels.
    """
    if images.shape[1] not in (1, 3):
        raise ValueError(f"images have {images.shape[1]} channels; 1 or 3 can be drawn")
    labels = classes_of(labels)
    pixels = images.detach().cpu().float().permute(0, 2, 3, 1).numpy()
    low, high = np.quantile(pixels, [0.005, 0.995])
    pixels = ((pixels - low) / max(float(high - low), 1e-12)).clip(0, 1)
    groups = [(c, (labels == c).nonzero().flatten()[:ROW]) for c in sorted(set(labels.tolist()))]
    largest = max(len(some) for _, some in groups)
    beside = min(ROW // largest, len(groups))  # classes in a row
    rows, columns = math.ceil(len(groups) / beside), largest * beside
    _, height, width, channels = pixels.shape
    figure = new_figure(0.3 + 0.62 * columns, 0.3 + rows * (0.62 * height / width + 0.2))
    grid = figure.subplots(rows, columns, squeeze=False)
    for ax in grid.ravel():
        ax.set_axis_off()
    for k, (c, some) in enumerate(groups):
        row, block = divmod(k, beside)
        for ax, i in zip(grid[row, block * largest :], some.tolist(), strict=False):
            image = pixels[i]
            ax.imshow(image if channels == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1)
        grid[row, block * largest].set_title(f"{c}", fontsize=9, color=INK, pad=2)
    return saved(figure, path)


def draw_items(small: csr_matrix, real: csr_matrix, path: str | Path | None = None) -> Figure:
    """Draw the popularity of items among condensed users against that among real ones.

    An item's popularity is its share of all weights. Items stand in the order of the real one, on
    logarithmic axes; items without any weight are left out of their curve.

    Args:
        small, real: users by items, scipy sparse ``[n, items]`` and ``[users, items]``.

    Raises:
        ValueError: different numbers of items.
    """
    from scipy.stats import spearmanr

    if small.shape[1] != real.shape[1]:
        raise ValueError(f"{small.shape[1]} condensed items but {real.shape[1]} real ones")
    ours, theirs = (np.asarray(m.sum(0), dtype=np.float64).ravel() for m in (small, real))
    order = np.argsort(-theirs, kind="stable")
    ours, theirs = ours[order] / ours.sum(), theirs[order] / theirs.sum()
    rank = np.arange(1, len(order) + 1)
    figure = new_figure(6.4, 3.6)
    ax = figure.subplots()
    for share, label, style in (
        (ours, f"{small.shape[0]:,} condensed users", {"ls": "", "marker": ".", "ms": 3}),
        (theirs, f"{real.shape[0]:,} real users", {"lw": 1.8}),
    ):
        some, colour = share > 0, COLOURS[0 if share is theirs else 2]
        ax.plot(rank[some], 100 * share[some], color=colour, label=label, **style)
    ax.set(xscale="log", yscale="log", xlabel="item, by popularity among real users")
    ax.set_ylabel("share of all weights, %")
    same = float(spearmanr(ours, theirs).statistic) if len(order) > 1 else 1.0
    tail = 100 * ours[len(order) // 10 :].sum(), 100 * theirs[len(order) // 10 :].sum()
    ax.set_title(
        f"rank correlation {same:.2f}; beyond the top tenth {tail[0]:.0f} % (real {tail[1]:.0f} %)",
        loc="right",
        fontsize=9,
        color=INK,
    )
    ax.legend(fontsize=8, frameon=False)
    plain(ax)
    return saved(figure, path)
