"""What the page's pictures are drawn from: places, lines, colours, images as plain values."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from graphcondense.evaluate.ledger import PROCESSOR, WALL, crossing, times_of, wall_of
from graphcondense.evaluate.metrics import Score
from graphcondense.ops.figures import address
from graphcondense.ops.types import Record
from graphcondense.pictures.curves import rolling
from graphcondense.pictures.graph import EDGES_A_NODE
from graphcondense.pictures.graphs import chosen_graphs, strongest_columns
from graphcondense.pictures.images import classes_of
from graphcondense.pictures.layout import principal, spread_out, springs, undirected
from graphcondense.report.merge import Group, better
from graphcondense.report.runs import Run
from graphcondense.report.values import is_number, number
from graphcondense.saved.shown import counted, labels_of

MOST_NODES = 1500  # of a graph that is drawn; a browser moves so many with ease
MOST_POINTS = 300  # of a curve: about as many as one can see
MOST_IMAGES = 10  # of a class: so many stand in a row
MOST_GRAPHS = 24  # small ones, as molecules
NEIGHBOURS = 5  # that are named for a node

# Outlines of matplotlib's markers "osD^vPX", about one unit from the middle.
SHAPES = (
    "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0Z",
    "M-.89-.89H.89V.89H-.89Z",
    "M0-1.25L1.25,0L0,1.25L-1.25,0Z",
    "M0-1.2L1.15.85H-1.15Z",
    "M0,1.2L1.15-.85H-1.15Z",
    "M-.42-1.15H.42V-.42H1.15V.42H.42V1.15H-.42V.42H-1.15V-.42H-.42Z",
    "M-1.11-.52L-.52-1.11L0-.59L.52-1.11L1.11-.52L.59,0L1.11.52L.52,1.11L0,.59L-.52,1.11L-1.11.52"
    "L-.59,0Z",
)


Chart: TypeAlias = Record
"""Lines over steps or trainings, as the browser draws them: ``name``, ``x``, ``y`` and ``lines``;
and how the axes are (``ends``, ``log``, ``count``, ``processor``). A line has ``label`` and
``points``, and may have a ``band``, ``marks`` (``x``, ``y``, ``text``), ``dots``, a ``dash`` and
``ink``."""
GraphScene: TypeAlias = Record
"""A condensed graph, as the browser draws it; see :func:`graph_scene`."""


class Molecule(NamedTuple):
    """A small graph as a drawing: lines as one path, and discs with their colour and size."""

    label: str
    path: str
    width: float
    nodes: list[tuple[float, float, float, str]]


def graph_scene(run: Run) -> GraphScene:
    """A condensed graph as a picture that a browser draws.

    Returns:
        ``nodes``: ``[id, x, y, class, degree, strength, [[neighbour, weight], ...]]`` with places
        in ``[0, 1]``, the strongest neighbours first, and -1 for no class; ``edges``: ``[i, j,
        strength]``, positions in ``nodes`` and weights as shares of the greatest, weakest first;
        ``within``: the share of all weight that joins nodes of one class, ``None`` without edges;
        ``pairs``: how many pairs of nodes are joined.
    """
    small = run.small
    y = classes_of(labels_of(small)).numpy()
    pairs, weight = undirected(small)
    near: list[list[tuple[float, int]]] = [[] for _ in y]
    for (i, j), w in zip(pairs.tolist(), weight.tolist(), strict=True):
        near[i].append((-w, j))
        near[j].append((-w, i))
    total = np.array([-sum(w for w, _ in found) for found in near])
    shown = np.sort(np.argsort(-total, kind="stable")[:MOST_NODES])
    place_of = np.full(len(y), -1)
    place_of[shown] = np.arange(len(shown))
    drawn = (place_of[pairs] >= 0).all(1) if len(pairs) else np.zeros(0, dtype=bool)
    kept = np.flatnonzero(drawn)[np.argsort(-weight[drawn], kind="stable")]
    kept = kept[: EDGES_A_NODE * len(shown)]
    edges = place_of[pairs[kept]]
    strength = weight[kept] / max(weight.max(initial=0.0), 1e-12)
    place = principal(small.x[shown])
    place = springs(edges, strength, y[shown], place) if len(edges) else _drawn_in(place)
    low, high = place.min(0), place.max(0)
    place = (place - low) / np.maximum(high - low, 1e-12)
    ends = y[pairs].reshape(-1, 2)
    same = (ends[:, 0] == ends[:, 1]) & (ends[:, 0] >= 0)
    return {
        "nodes": [
            (
                int(i),
                round(float(place[at, 0]), 4),
                round(float(place[at, 1]), 4),
                int(y[i]),
                len(near[i]),
                round(float(total[i]), 4),
                [(j, round(-w, 4)) for w, j in sorted(near[i])[:NEIGHBOURS]],
            )
            for at, i in enumerate(shown)
        ],
        "edges": [
            (int(i), int(j), round(float(s), 3))
            for (i, j), s in zip(edges[::-1], strength[::-1], strict=True)
        ],
        "within": round(float(weight[same].sum() / weight.sum()), 4) if weight.sum() > 0 else None,
        "pairs": len(pairs),
    }


def _drawn_in(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places ``[n, 2]`` with far ones nearer, so that one far off does not squeeze the rest."""
    centred = place - np.median(place, axis=0)
    usual = np.maximum(np.median(np.abs(centred), axis=0), 1e-12)
    out: NDArray[np.float64] = np.arcsinh(centred / usual)
    return out


def curve_charts(runs: Sequence[Run]) -> list[Chart]:
    """Loss and, where there is any, validation over the steps, a line for each run."""
    loss: list[Record] = []
    validation: list[Record] = []
    for run in runs:
        rows = [row for row in run.metrics if is_number(row["loss"])]
        mean, band = _smooth([(row["step"], row["loss"]) for row in rows])
        loss.append({"label": run.label, "points": mean, "band": band})
        known = [row for row in run.metrics if is_number(row.get("validation"))]
        scored = [[row["step"], _drawn(run.score, row["validation"])] for row in known]
        marks = []
        if known:
            best = max(known, key=lambda row: row["validation"])
            text = run.score.text(shown(run.score, best["validation"]))
            unit = " %" if run.score.share else ""
            at = {"x": best["step"], "y": _drawn(run.score, best["validation"])}
            marks = [{**at, "text": f"{text}{unit}"}]
        validation.append({"label": run.label, "points": scored, "dots": True, "marks": marks})
    positive = all(low > 0 for line in loss for _, low, _ in line["band"])
    steps = [row["step"] for run in runs for row in run.metrics]
    axes = {"x": "step", "ends": [min(steps), max(steps)]}
    charts = [{"name": "loss", "y": "loss", "lines": loss, "log": positive, **axes}]
    if any(line["points"] for line in validation):
        names = list(dict.fromkeys(run.score.unit for run in runs))
        unit = names[0] if len(names) == 1 else "score"
        text = "validation, %" if unit == "accuracy, %" else f"validation {unit}"
        charts.append({"name": "validation", "y": text, "lines": validation, **axes})
    return charts


def shown(score: Score, validation: float) -> float:
    """A validation score as it is called: in a run higher is better, so that errors are negative.

    >>> from graphcondense.evaluate.metrics import SCORES
    >>> shown(SCORES["rmse"], -0.5), shown(SCORES["rocauc"], 0.7)
    (0.5, 0.7)
    """
    return validation if score.larger_is_better else -validation


def _drawn(score: Score, validation: float) -> float:
    """A validation score where a picture has it."""
    return _short(score.scale * shown(score, validation))


def _smooth(points: Sequence[tuple[float, float]]) -> tuple[list[list[float]], list[list[float]]]:
    """A running mean, ``[x, y]``, and the range of what it is of, ``[x, low, high]``.

    The window is a 25th of the curve; at most :data:`MOST_POINTS` places are kept.

    >>> _smooth([(1, 2.0), (2, 4.0)])
    ([[1, 2.0], [2, 4.0]], [[1, 2.0, 2.0], [2, 4.0, 4.0]])
    """
    x, values = [x for x, _ in points], [value for _, value in points]
    windows = rolling(values, len(points) // 50)
    lines = [windows.mean(), windows.min(), windows.max()]
    every = math.ceil(len(points) / MOST_POINTS) or 1
    kept = [*range(0, len(points) - 1, every), *([len(points) - 1] if points else [])]
    mean, low, high = ([_short(line[i]) for i in kept] for line in lines)
    return (
        [[x[i], m] for i, m in zip(kept, mean, strict=True)],
        [[x[i], *ends] for i, *ends in zip(kept, low, high, strict=True)],
    )


def cost_chart(group: Group, name: str) -> Chart | None:
    """Seconds in all against trainings: condensing and training small, or training whole."""
    found = {label: times_of(entry) for label, entry in group.ledgers.items()}
    clock = PROCESSOR if all(t.clock == PROCESSOR for t in found.values()) else WALL
    if clock == WALL:  # one clock for all lines
        found = {label: wall_of(entry) for label, entry in group.ledgers.items()}
    times = {k: t for k, t in found.items() if t.condensing is not None and t.condensed is not None}
    plain = (
        {}
        if clock == PROCESSOR
        else {label: number(group.ledgers[label], "plain_training_seconds") for label in found}
    )
    crossings = {
        label: [x for x in (t.crossing, crossing(t.condensing, t.condensed, plain.get(label))) if x]
        if better(group, label) is not False
        else []
        for label, t in times.items()
    }
    known = [x for found_at in crossings.values() for x in found_at]
    until = max(10, math.ceil(3 * max(known, default=10)))
    steps = sorted({round(k) for k in np.geomspace(1, until, 60)})
    lines: list[Record] = []
    for label, found_at in crossings.items():
        start, slope = times[label].condensing, times[label].condensed
        assert start is not None
        assert slope is not None
        marks = [
            {
                "x": _short(max(x, 1.0)),
                "y": _short(start + max(x, 1.0) * slope),
                "text": f"{int(x) + 1}",
            }
            for x in found_at
        ]
        lines.append({"label": label, "points": _line(steps, start, slope), "marks": marks})
    if not lines:
        return None
    whole = {label: t.whole for label, t in found.items()}
    for what, dash, slopes in (("whole", "7 4", whole), ("whole, plain PyG", "2 4", plain)):
        owners: dict[float, str] = {}
        for label, seconds in slopes.items():
            if seconds is not None:
                owners.setdefault(seconds, label)
        for slope, label in owners.items():
            beside = f" (measured beside {label})" if len(owners) > 1 else ""
            points = _line(steps, 0.0, slope)
            lines.append({"label": what + beside, "points": points, "dash": dash, "ink": True})
    axes = {"ends": [1, until], "log": True, "count": True, "processor": clock == PROCESSOR}
    return {"name": name, "x": "trainings", "y": f"{clock} in all", "lines": lines, **axes}


def _line(steps: Sequence[int], start: float, slope: float) -> list[list[float]]:
    return [[k, _short(start + k * slope)] for k in steps]


def images_of(run: Run) -> dict[int, list[str]]:
    """Images by class as ``data:`` addresses, at most :data:`MOST_IMAGES` a class.

    Raises:
        ValueError: they have neither one channel nor three.
    """
    from PIL import Image

    small = run.small
    y = classes_of(small.y).numpy()
    x = small.x.detach().cpu().float().numpy()
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        raise ValueError(f"{run.folder} holds neither a graph nor images [n, 1 or 3, h, w]")
    x = (x - x.min()) / max(float(x.max() - x.min()), 1e-12)
    pixels = np.round(255 * x).astype(np.uint8).transpose(0, 2, 3, 1)
    out: dict[int, list[str]] = {}
    for c in np.unique(y):
        for image in pixels[y == c][:MOST_IMAGES]:
            file = io.BytesIO()
            Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(file, "PNG")
            out.setdefault(int(c), []).append(address(file.getvalue()))
    return out


def picture_of(path: Path) -> str:
    """A PNG as a ``data:`` address."""
    return address(path.read_bytes())


def molecules(run: Run) -> tuple[dict[str, list[Molecule]], list[tuple[str, str]], str]:
    """Small graphs as drawings, by class: at most :data:`MOST_GRAPHS` of them.

    Returns:
        the drawings of each class; the legend, ``(colour, name)``; and the legend's title. Nodes
        have the colour of their strongest feature, see
        :func:`~graphcondense.pictures.draw_graphs`; their area shows ``node_weight``.
    """
    graphs = run.small.set.to("cpu")
    shown = chosen_graphs(graphs.y, MOST_GRAPHS)
    drawn = [i for some in shown.values() for i in some]
    columns, names, title = strongest_columns(graphs, drawn, run.record)
    colours = [f"k{i}" if name != "other" else "cink" for i, name in enumerate(names)]
    found: dict[str, list[Molecule]] = {}
    for label, some in shown.items():
        for i in some:
            at = slice(int(graphs.node_ptr[i]), int(graphs.node_ptr[i + 1]))
            kinds = [colours[c] if c >= 0 else "cink" for c in columns[at].tolist()]
            weight = None if graphs.node_weight is None else graphs.node_weight[at].tolist()
            one = _molecule(undirected(graphs.graph(i))[0], kinds, weight)
            found.setdefault(label, []).append(one)
    return found, list(zip(colours, names, strict=True)), title


def _molecule(
    pairs: NDArray[np.int64], kinds: Sequence[str], weight: Sequence[float] | None
) -> Molecule:
    place = spread_out(pairs, len(kinds)).round(3)
    size = math.sqrt(0.12 / len(kinds) ** 0.5)
    most = max(weight or [1.0]) or 1.0
    shares = [min(max(w / most, 0), 1) for w in weight or [most] * len(kinds)]
    sizes = [size * math.sqrt(0.1 + 0.9 * one) for one in shares]
    path = "".join(f"M{x1:g},{y1:g}L{x2:g},{y2:g}" for (x1, y1), (x2, y2) in place[pairs].tolist())
    nodes = [
        (x, y, round(0.45 * radius, 3), kind)
        for (x, y), radius, kind in zip(place.tolist(), sizes, kinds, strict=True)
    ]
    label = f"{counted(len(kinds), 'nodes')}, {counted(len(pairs), 'pairs')}"
    # A dense graph is not to be a black blot.
    thin = min(1.0, 3 * len(kinds) / max(len(pairs), 1))
    return Molecule(label, path, round(0.05 * math.sqrt(thin), 4), nodes)


def heat_palette(levels: int) -> list[tuple[str, str]]:
    """Background and text colours from low to high: viridis, which is perceptually uniform.

    The text is black or white, whichever has the greater contrast, at least 4.5.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    out = []
    for rgb in colormaps["viridis"](np.linspace(0.12, 1, levels))[:, :3]:
        dark = 1.05 / (_luminance(rgb) + 0.05) > (_luminance(rgb) + 0.05) / 0.05
        out.append((to_hex(rgb), "#ffffff" if dark else "#000000"))
    return out


def _luminance(rgb: NDArray[np.float64]) -> float:
    """Relative luminance as WCAG 2 defines it."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _short(value: float) -> float:
    """Six digits are more than a picture shows."""
    return float(f"{value:.6g}")
