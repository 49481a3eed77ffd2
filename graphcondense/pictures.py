"""Pictures of a run: its curve, a condensed graph, distilled images.

Colours are told apart in every common form of colour blindness, and markers tell beyond seven
classes. No pyplot: no global state, no window.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphcondense.evaluate.result import COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT = "#333333", "#999999"
EDGES_A_NODE = 4  # more than that, and a picture of a graph is a ball of wool


def draw_curve(metrics: str | Path | Sequence[Mapping[str, float]], path: str | Path) -> Path:
    """Draw the loss (log scale) and, below it, the validation score over the steps.

    Args:
        metrics: a run's ``metrics.jsonl``, or its rows: ``step``, ``loss``, now and then
            ``validation``.
        path: the picture, any format that matplotlib writes.
    """
    if isinstance(metrics, str | Path):
        metrics = [json.loads(line) for line in Path(metrics).read_text().splitlines()]
    scored = [row for row in metrics if "validation" in row]
    figure = _figure(6.4, 4.6 if scored else 3.2)
    ratios = [3, 2] if scored else [1]
    axes = figure.subplots(len(ratios), sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    _draw_loss(axes[0], metrics)
    if scored:
        best = max(scored, key=lambda row: row["validation"])
        steps = [row["step"] for row in scored]
        score = [100 * row["validation"] for row in scored]
        axes[1].plot(steps, score, "o-", color=COLOURS[2], ms=4, lw=1.5)
        axes[1].plot(best["step"], 100 * best["validation"], "o", ms=10, mfc="none", mec=COLOURS[3])
        axes[1].set_title(
            f"best {100 * best['validation']:.1f} % at step {best['step']:,}",
            loc="right",
            fontsize=9,
            color=COLOURS[3],
        )
        axes[1].set_ylabel("validation, %")
        axes[1].margins(y=0.2)
    axes[-1].set_xlabel("step")
    for ax in axes:
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    return _save(figure, path)


def _draw_loss(ax: Axes, metrics: Sequence[Mapping[str, float]]) -> None:
    steps = np.array([row["step"] for row in metrics])
    loss = np.array([row["loss"] for row in metrics])
    smooth = _running_mean(loss, max(1, len(loss) // 50))
    ax.plot(steps, loss, color=COLOURS[0], alpha=0.3, lw=0.8)
    ax.plot(steps, smooth, color=COLOURS[0], lw=1.8)
    if len(loss) and loss.min() > 0:
        ax.set_yscale("log")
    ax.set_ylabel("loss")


def _running_mean(values: np.ndarray[Any, Any], half: int) -> np.ndarray[Any, Any]:
    """Mean over up to ``half`` values on either side.

    >>> _running_mean(np.array([0.0, 3.0, 6.0]), 1).tolist()
    [1.5, 3.0, 4.5]
    """
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    first, last = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    out: np.ndarray[Any, Any] = (total[last] - total[first]) / (last - first)
    return out


def draw_graph(small: Any, path: str | Path) -> Path:
    """Draw a condensed graph: its classes in colours, its strongest edges the darker the stronger.

    Nodes lie by a spring layout of those edges, in which a weak spring also holds each class
    together; without edges by the first two principal components of the features.

    Args:
        small: ``x [n, d]``, ``edge_index [2, m]``, optional ``edge_weight [m]``, ``y [n]`` or soft
            labels ``[n, C]``, and, for the title, the record ``condensed``.
        path: the picture, any format that matplotlib writes.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    y = (small.y.argmax(1) if small.y.dim() == 2 else small.y).cpu().numpy()
    pairs, weight = undirected(small)
    kept = np.argsort(-weight, kind="stable")[: EDGES_A_NODE * len(y)]
    pairs, strength = pairs[kept], weight[kept] / max(weight.max(initial=0.0), 1e-12)
    place = principal(small.x)
    if len(pairs):
        place = springs(pairs, strength, y, place)

    classes = np.unique(y)
    columns = math.ceil(len(classes) / 20)
    figure = _figure(6.4 + 0.75 * (columns - 1), 5.2)
    ax = figure.subplots()
    if len(pairs):
        colours = [to_rgba(FAINT, 0.15 + 0.75 * float(s)) for s in strength]
        ax.add_collection(LineCollection(place[pairs], colors=colours, linewidths=1, zorder=1))
    for c in classes:
        ax.scatter(
            place[y == c, 0],
            place[y == c, 1],
            s=60 if len(y) <= 200 else 24,
            color=COLOURS[c % len(COLOURS)],
            marker=MARKERS[c // len(COLOURS) % len(MARKERS)],
            edgecolors="white",
            linewidths=0.7,
            label=f"{c}",
            zorder=2,
        )
    ax.margins(0.06)
    ax.set_axis_off()
    record = getattr(small, "condensed", None) or {}
    made = record.get("method", "condensed")
    data = record.get("data", {}).get("name")
    edges = int(small.edge_index.shape[1])
    figure.suptitle(f"{made} on {data}" if data else made, fontsize=13, color=INK)
    shown = f" ({len(kept):,} strongest pairs drawn)" if len(kept) < len(weight) else ""
    how = "" if edges else "; first two principal components"
    ax.set_title(f"{len(y):,} nodes, {edges:,} edges{shown}{how}", fontsize=9, color=INK)
    figure.legend(
        loc="outside right center",
        title="class",
        ncols=columns,
        frameon=False,
        fontsize=9,
        columnspacing=0.8,
        handletextpad=0.1,
    )
    return _save(figure, path)


def undirected(small: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Pairs ``[m, 2]`` with the greater weight of the two directions ``[m]``; no self-loops."""
    given = getattr(small, "edge_weight", None)
    edges = small.edge_index.cpu().numpy()
    weight = np.ones(edges.shape[1]) if given is None else given.detach().cpu().numpy()
    keep = edges[0] != edges[1]
    pairs, where = np.unique(np.sort(edges[:, keep].T, axis=1), axis=0, return_inverse=True)
    strongest = np.zeros(len(pairs))
    np.maximum.at(strongest, where.reshape(-1), weight[keep])
    return pairs, strongest


def principal(x: Tensor) -> np.ndarray[Any, Any]:
    """The first two principal components ``[n, 2]``, each within [-1, 1]."""
    centred = x.detach().cpu().double()
    centred = centred - centred.mean(0)
    left, scale, _ = torch.linalg.svd(centred, full_matrices=False)
    place = torch.zeros(len(x), 2, dtype=torch.double)
    place[:, : min(2, left.shape[1])] = (left * scale)[:, :2]
    out: np.ndarray[Any, Any] = (place / place.abs().amax(0).clamp_min(1e-12)).numpy()
    return out


def springs(
    pairs: np.ndarray[Any, Any],
    strength: np.ndarray[Any, Any],
    y: np.ndarray[Any, Any],
    start: np.ndarray[Any, Any],
) -> np.ndarray[Any, Any]:
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


def draw_images(images: Tensor, labels: Tensor, path: str | Path) -> Path:
    """Draw distilled images, up to twelve a class, with the class above the first of each.

    Args:
        images: ``[n, c, h, w]`` with 1 or 3 channels; dark is the smallest value of all.
        labels: ``[n]``.
        path: the picture, any format that matplotlib writes.
    """
    labels = labels.cpu()
    order = torch.cat(
        [(labels == c).nonzero().flatten()[:12] for c in range(int(labels.max()) + 1)]
    )
    labels = labels[order]
    pixels = images.detach().cpu().float()[order].permute(0, 2, 3, 1).numpy()
    pixels = (pixels - pixels.min()) / max(float(pixels.max() - pixels.min()), 1e-12)
    n, height, width, channels = pixels.shape
    if channels not in (1, 3):
        raise ValueError(f"images have {channels} channels; 1 or 3 can be drawn")
    largest = int(labels.bincount().max())
    columns = min(n, largest * (12 // largest))
    rows = math.ceil(n / columns)
    figure = _figure(0.3 + 0.62 * columns, 0.3 + rows * (0.62 * height / width + 0.2))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in grid:
        ax.set_axis_off()
    for i, (ax, image, c) in enumerate(zip(grid, pixels, labels.tolist(), strict=False)):
        ax.imshow(image if channels == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1)
        if not i or c != labels[i - 1]:
            ax.set_title(f"{c}", fontsize=9, color=INK, pad=2)
    return _save(figure, path)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Figure, path: str | Path) -> Path:
    """Write the picture without the date, so that the same picture is the same file."""
    path = Path(path)
    figure.savefig(path, dpi=150, metadata={"Software": None} if path.suffix == ".png" else None)
    return path
