"""Should you condense? What both ways cost on this machine, before any of it is done.

Seconds and memory come from the sizes of the graph and a probe of a second, by the model in
:mod:`graphcondense.measured.costs`. Accuracy is not foretold: a condensed graph is evaluated before
it is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask, classified
from graphcondense.evaluate.ledger import crossing
from graphcondense.evaluate.result import COLOURS, Column, Result, dash
from graphcondense.measured.costs import EPOCHS, HIDDEN, PREDICTION, Shape, costs
from graphcondense.ops.fields import plain
from graphcondense.ops.memory import free_bytes
from graphcondense.ops.sizes import said, size_of
from graphcondense.uses.probe import probed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHOLE = "everything"
METHODS = ("quotient", "gecc")
"""What may be advised: the default, whose graphs train all models, and the fastest that is near it
with a GCN."""
OF_LABELLED = ("gecc",)
"""Those that make no more nodes than are labelled; they are left out where that is too few."""
EITHER = "either"
"""What is said where the gain is below the error of the model."""
ERRORS = {"quotient": 2.0, "gecc": 3.0}
"""Factors within which seconds of both ways were in our checks."""
A_CLASS = 10
"""Condensed nodes of a class, where nothing else is said: those of the tables of results."""
LABELLED = 20
"""Training nodes of a class, where the graph itself is not given."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to come to trained models. Seconds are the processor's.

    Attributes:
        trained_on: ``"everything"``, or the method whose graph is trained on.
        nodes: that are trained on.
        condensing: seconds of condensing; 0 of everything.
        training: seconds of one training, with its validations on the real graph.
        total: of all trainings, and of condensing.
        memory: bytes at the peak, beyond the graph itself and the libraries.
        fits: whether that is free.
        pays_from: trainings from which it is cheaper than training on everything; ``None`` if
            never, and of everything itself.
    """

    trained_on: str
    nodes: int
    condensing: float
    training: float
    total: float
    memory: int
    fits: bool
    pays_from: int | None


@dataclass(frozen=True, kw_only=True)
class Advice(Result):
    """What :func:`advise` says.

    Attributes:
        shape: sizes of the graph.
        trainings, epochs: what is planned.
        validations: of each training, on the real graph.
        free: bytes that may be taken.
        choice: what to train on: ``"everything"``, a method, ``"either"`` where the gain is below
            the error of these numbers, or ``"nothing"`` where nothing fits.
        why: the reason, in a sentence.
        rows: all ways that there are.
    """

    shape: Shape
    trainings: int
    epochs: int
    validations: int
    free: int
    choice: str
    why: str
    rows: tuple[Way, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        return (
            Column("train on", lambda row: row.trained_on),
            Column("nodes", lambda row: f"{row.nodes:,}"),
            Column("s to condense", lambda row: _seconds(row.condensing)),
            Column("s/training", lambda row: _seconds(row.training)),
            Column("s in all", lambda row: _seconds(row.total)),
            Column("peak MiB more", lambda row: f"{row.memory / 2**20:,.0f}"),
            Column("fits", lambda row: "yes" if row.fits else "no"),
            Column("pays from", lambda row: dash(row.pays_from, ",")),
        )

    def title(self) -> str:
        s = self.shape
        return (
            f"{s.nodes:,} nodes, {s.edges:,} edges, {s.features:,} features, {s.classes} classes; "
            f"{self.trainings:,} training{'s' * (self.trainings != 1)} of {self.epochs} epochs and "
            f"{self.validations:,} validations, {said(self.free)} of memory"
        )

    def notes(self) -> list[str]:
        return [
            f"advice: {self.said()}",
            f"processor seconds on this machine, of a two-layer GCN of {HIDDEN} units in PyG, full "
            "batch, validated on the real graph whatever it is trained on; within a factor of two "
            "in our checks, of three for gecc",
            "a loop of plain PyG is counted; graphcondense.evaluate and the searches train several "
            "seeds at once and take less than this of either way",
            "accuracy is not foretold: evaluate a condensed graph beside random nodes before use",
        ]

    def said(self) -> str:
        """The advice in a sentence or two."""
        if self.choice in METHODS:
            n = self.shape.condensed
            return f"condense with {self.choice} to {n:,} nodes (nodes={n}): {self.why}"
        if self.choice == EITHER:
            return f"cannot tell which is faster: {self.why}"
        if self.choice == WHOLE:
            return f"do not condense to save time: {self.why}"
        return f"neither fits: {self.why}"

    def draw(self, axes: Axes) -> None:
        """Seconds in all over the number of trainings."""
        most = max(self.trainings, *(2 * (row.pays_from or 1) for row in self.rows))
        steps = [0, most]
        for row, colour in zip(self.rows, COLOURS, strict=False):
            totals = [row.condensing + k * row.training for k in steps]
            axes.plot(steps, totals, color=colour, label=row.trained_on)
        axes.axvline(self.trainings, color="0.7", linewidth=1)
        axes.set_xlabel("trainings")
        axes.set_ylabel("processor seconds in all")
        axes.legend(frameon=False)


def _seconds(value: float) -> str:
    """Two digits: more are not known.

    >>> _seconds(0.0), _seconds(0.0123), _seconds(1.26), _seconds(1234.0)
    ('0', '0.012', '1.3', '1,200')
    """
    if not value:
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(digits, 0)}f}"


def advise(
    data: object = None,
    *,
    nodes: int | None = None,
    edges: int | None = None,
    features: int | None = None,
    classes: int | None = None,
    filled: float | None = None,
    labelled: int | None = None,
    condensed: int | None = None,
    trainings: int = 1,
    epochs: int = EPOCHS,
    validations: int | None = None,
    memory: int | str | None = None,
) -> Advice:
    """Say whether condensing a graph saves time or makes it fit, by what method, and what it costs.

    Args:
        data: the graph, anything :func:`~graphcondense.data.as_task` takes; or else its sizes.
        nodes: of the graph.
        edges: of the graph; an undirected edge counts twice, as PyG has it.
        features: of a node.
        classes: of the nodes.
        filled: share of the features that are not zero, in (0, 1]; by default 1.
        labelled: training nodes; by default 20 a class.
        condensed: nodes of the condensed graph; by default ten a class.
        trainings: how many trainings are planned.
        epochs: of each.
        validations: how often the real graph is predicted in a training, which takes as long
            whatever is trained on; by default after every epoch.
        memory: what may be taken, bytes or as ``"4GB"``; by default what is free.

    Raises:
        ValueError: a graph and sizes, or sizes without all of nodes, edges, features and classes; a
            value out of its range.
        TypeError: data that are no graph.

    >>> found = advise(nodes=100_000, edges=1_000_000, features=128, classes=10, trainings=500)
    >>> found.choice
    'quotient'
    """
    sizes = {"nodes": nodes, "edges": edges, "features": features, "classes": classes}
    trainings, epochs = _whole("trainings", trainings), _whole("epochs", epochs)
    predicted = epochs if validations is None else _whole("validations", validations, 0)
    if data is not None:
        given = {**sizes, "filled": filled, "labelled": labelled}
        if said_too := [name for name, value in given.items() if value is not None]:
            raise ValueError(f"{said_too[0]}={given[said_too[0]]} beside data: give one of them")
        shape = shape_of(data, condensed)
    else:
        if missing := [name for name, value in sizes.items() if value is None]:
            raise ValueError(
                f"{', '.join(missing)} missing: give data, or nodes, edges, features and classes"
            )
        shape = _shape_of_sizes(sizes, filled, labelled, condensed)
    free = free_bytes(torch.device("cpu")) if memory is None else size_of(memory)
    ways = _ways(shape, trainings, epochs, predicted, free)
    choice, why = _choice(ways, trainings, free)
    return Advice(
        shape=shape,
        trainings=trainings,
        epochs=epochs,
        validations=predicted,
        free=free,
        choice=choice,
        why=why,
        rows=tuple(ways),
    )


def shape_of(data: object, condensed: int | None = None) -> Shape:
    """The sizes of a graph, and of what it is condensed to.

    Args:
        data: the graph.
        condensed: nodes; by default ten a class, but a quarter of the graph at most.
    """
    task: NodeTask = as_task(data)
    classified(task, "advise")
    x = task.x_array
    entries = x.nnz if hasattr(x, "nnz") else int((x != 0).sum())
    counts = {
        "nodes": task.num_nodes,
        "edges": int(task.adj.nnz),
        "features": task.num_features,
        "classes": task.num_classes,
    }
    share = max(entries / x.size if not hasattr(x, "nnz") else entries / math.prod(x.shape), 1e-9)
    return _shape_of_sizes(counts, share, len(task.train), condensed)


def _shape_of_sizes(
    sizes: dict[str, int | None] | dict[str, int],
    filled: float | None,
    labelled: int | None,
    condensed: int | None,
) -> Shape:
    counts = {
        name: _whole(name, value, 0 if name == "edges" else 1) for name, value in sizes.items()
    }
    n, c = counts["nodes"], counts["classes"]
    if c > n:
        raise ValueError(f"classes={c} are more than nodes={n}")
    share = 1.0 if filled is None else filled
    if not 0 < share <= 1:
        raise ValueError(f"filled={filled} must be above 0 and at most 1, a share of the features")
    known = min(n, LABELLED * c) if labelled is None else _whole("labelled", labelled)
    if known > n:
        raise ValueError(f"labelled={known} are more than nodes={n}")
    fewer = (
        max(min(A_CLASS * c, n // 4), c) if condensed is None else _whole("condensed", condensed)
    )
    if not c <= fewer <= n:
        raise ValueError(f"condensed={fewer} must be at least classes={c} and at most nodes={n}")
    return Shape(**counts, filled=share, labelled=known, condensed=fewer)


def _whole(name: str, value: object, least: int = 1) -> int:
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}")
    return value


def _ways(shape: Shape, trainings: int, epochs: int, validations: int, free: int) -> list[Way]:
    """What every way costs here."""
    model, units = costs(), probed()
    epoch = model.seconds_of("epoch", shape, units)
    checked = validations * PREDICTION * epoch
    whole = epochs * epoch + checked
    small = epochs * model.seconds_of("epoch", shape.small, units) + checked
    after = model.bytes_of("epoch", shape.small)
    held = model.bytes_of("epoch", shape)
    rows = [_way(WHOLE, shape.nodes, 0.0, whole, trainings, held, free, None)]
    for method in METHODS:
        if method in OF_LABELLED and shape.condensed > shape.labelled:
            continue
        seconds = model.seconds_of(method, shape, units)
        meets = crossing(seconds, small, whole)
        pays = None if meets is None else math.floor(meets) + 1
        peak = max(model.bytes_of(method, shape), after)
        rows.append(_way(method, shape.condensed, seconds, small, trainings, peak, free, pays))
    return rows


def _way(
    name: str,
    nodes: int,
    condensing: float,
    training: float,
    trainings: int,
    memory: float,
    free: int,
    pays: int | None,
) -> Way:
    return Way(
        trained_on=name,
        nodes=nodes,
        condensing=condensing,
        training=training,
        total=condensing + trainings * training,
        memory=round(memory),
        fits=memory <= free,
        pays_from=pays,
    )


def _choice(ways: Sequence[Way], trainings: int, free: int) -> tuple[str, str]:
    """What to train on, and why. The first method that saves time is taken before one that saves
    more: its graphs train all models. What saves less than the error is not said to save."""
    whole, *others = ways
    fitting = [way for way in others if way.fits and way.nodes < whole.nodes]
    if whole.fits:
        if not any(way.nodes < whole.nodes for way in others):
            return WHOLE, f"{others[0].nodes:,} condensed nodes are as many as there are"
        less = [way for way in fitting if way.total < whole.total]
        for way in less:
            if way.total * ERRORS[way.trained_on] <= whole.total:
                return way.trained_on, (
                    f"about {_seconds(way.total)} s in place of {_seconds(whole.total)}, cheaper "
                    f"from training {way.pays_from:,} on"
                )
        if less:
            near = less[0]
            return EITHER, (
                f"{near.trained_on} takes about {_seconds(near.total)} s and everything "
                f"{_seconds(whole.total)}, which is within the factor of "
                f"{ERRORS[near.trained_on]:g} that these numbers may be off"
            )
        soon = [way for way in fitting if way.pays_from is not None]
        if not soon:
            return WHOLE, "a training on the condensed graph takes no less here"
        first = min(soon, key=lambda way: way.pays_from or 0)
        return WHOLE, (
            f"{trainings:,} training{'s' * (trainings != 1)} on everything take about "
            f"{_seconds(whole.total)} s; {first.trained_on} pays from {first.pays_from:,} "
            "trainings on"
        )
    if fitting:
        return fitting[0].trained_on, (
            f"training on everything takes about {said(whole.memory)} beyond the graph, and "
            f"{said(free)} may be taken"
        )
    return "nothing", (
        f"training takes about {said(whole.memory)}, condensing {said(others[0].memory)}, and "
        f"{said(free)} may be taken; condense(..., memory=...) works in blocks on disk, and PyG "
        "samples neighbours"
    )
