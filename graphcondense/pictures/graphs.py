"""Many condensed graphs in a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphcondense.ops.figures import COLOURS, FAINT, INK, new_figure, saved
from graphcondense.pictures.layout import spread_out, undirected
from graphcondense.pictures.titles import LEGEND, Record, inside, made_by
from graphcondense.saved.shown import counted, record_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch_geometric.data import Data

    from graphcondense.saved.condensed_graphs import CondensedGraphs
    from graphcondense.saved.graph_set import GraphSet


GRAPHS, ACROSS, NAMED = 24, 6, 10  # graphs in a picture, graphs in a line, columns in its legend


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
    figure.suptitle(made_by(record), fontsize=13, color=INK)
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
    encoding = inside(record, "data", "encoding").get("x")
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


def _legend_of_columns(figure: Figure, names: Sequence[str], title: str) -> None:
    from matplotlib.lines import Line2D

    last = len(COLUMN_COLOURS) - 1
    colours = [COLUMN_COLOURS[last if name == "other" else i] for i, name in enumerate(names)]
    dots = [
        Line2D([], [], marker="o", ls="", color=colour, label=name)
        for name, colour in zip(names, colours, strict=True)
    ]
    figure.legend(handles=dots, title=title, fontsize=8, title_fontsize=8, **LEGEND)
