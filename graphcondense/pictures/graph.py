"""One condensed graph, its nodes as dots or as small images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graphcondense.ops.figures import COLOURS, FAINT, INK, MARKERS, new_figure, saved
from graphcondense.pictures.images import classes_of, draw_images
from graphcondense.pictures.layout import Pairs, Places, principal, springs, undirected
from graphcondense.pictures.titles import LEGEND, made_by
from graphcondense.saved.shown import labels_of, record_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch_geometric.data import Data


EDGES_A_NODE = 4  # more than that, and a picture of a graph is a ball of wool


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
    figure.suptitle(made_by(record), fontsize=13, color=INK)
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
    figure.suptitle(made_by(record_of(small)), fontsize=13, color=INK)
    return saved(figure, path)
