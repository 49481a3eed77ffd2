"""What a condensed set costs and when it pays: the ledger and its picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graphcondense.evaluate.cost import Size
from graphcondense.ops.figures import COLOURS, MARKERS, new_figure, plain, saved
from graphcondense.ops.sizes import said
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Times(NamedTuple):
    """Seconds of condensing and of one training, all by one clock; ``None`` where not known."""

    clock: str
    condensing: float | None
    condensed: float | None
    whole: float | None

    @property
    def crossing(self) -> float | None:
        """Trainings after which both ways have cost the same; ``None`` if there is no such."""
        return crossing(self.condensing, self.condensed, self.whole)


def crossing(start: float | None, slope: float | None, other: float | None) -> float | None:
    """Where ``start + k * slope`` meets ``k * other``; ``None`` if it never does, or unknown.

    >>> crossing(10.0, 1.0, 3.0), crossing(10.0, 3.0, 3.0), crossing(None, 1.0, 3.0)
    (5.0, None, None)
    """
    if start is None or slope is None or other is None or not other > slope:
        return None
    return start / (other - slope)


WALL, PROCESSOR = "wall seconds", "processor seconds"


def times_of(entry: Mapping[str, object]) -> Times:
    """What the costs in the fields of a :class:`Ledger` are compared by: processor seconds where
    all of them are known, else wall seconds."""
    stages = ("condensation", "condensed", "whole")
    spent = _numbers(entry, *(f"{stage}_processor_seconds" for stage in stages))
    if spent[0] is not None and spent[1] and spent[2]:
        return Times(PROCESSOR, *spent)
    return wall_of(entry)


def wall_of(entry: Mapping[str, object]) -> Times:
    """:func:`times_of` by the wall."""
    names = ("condensation_seconds", "condensed_training_seconds", "whole_training_seconds")
    return Times(WALL, *_numbers(entry, *names))


def _numbers(entry: Mapping[str, object], *names: str) -> list[float | None]:
    found = (entry.get(name) for name in names)
    return [v if isinstance(v, int | float) and math.isfinite(v) else None for v in found]


def better_than_random(
    score: tuple[float, float | None],
    random: tuple[float, float | None],
    *,
    larger_is_better: bool = True,
    error: float | None = None,
) -> bool | None:
    """Whether a condensed set is better than as many random examples.

    Its mean test score has to be better by more than the largest of three: the standard deviation
    of either over its trainings, and the standard error of the test set where it is known.

    Args:
        score, random: mean and standard deviation (``None`` where none is known) of the set's and
            of the random examples' scores.
        larger_is_better: whether a larger score is better.
        error: see :func:`~graphcondense.evaluate.result.sampling_error`.

    Returns:
        ``None`` where random examples have no finite score.

    >>> better_than_random((0.80, 0.01), (0.77, 0.02)), better_than_random((0.80, 0), (0.79, 0.02))
    (True, False)
    """
    (mine, spread), (theirs, other) = score, random
    if not math.isfinite(theirs):
        return None
    gain = mine - theirs if larger_is_better else theirs - mine
    noise = [value for value in (spread, other, error) if value is not None]
    return gain > max(filter(math.isfinite, noise), default=0.0)


RULE = "better than random: by more than the largest of both deviations and the test set's error"
"""The rule of :func:`better_than_random` in one line."""


def verdict(times: Times, better: bool | None) -> tuple[int | None, str]:
    """From which training on a condensed set pays, ``None`` where it does not; and in words.

    >>> verdict(Times(WALL, 9.0, 1.0, 4.0), True), verdict(Times(WALL, 9.0, 1.0, 4.0), False)
    ((4, 'after 4 trainings, by wall seconds'), (None, 'does not pay: not better than random'))
    """
    if better is False:
        return None, "does not pay: not better than random"
    if times.condensed is not None and times.whole is not None and times.whole <= times.condensed:
        return None, f"does not pay: a training on it takes as long as on the whole ({times.clock})"
    found = times.crossing
    if found is None:
        missing = "condensing" if times.condensing is None else "training on the whole data"
        return None, f"not known: {missing} was not timed"
    count = int(found) + 1
    words = f"after {count:,} training{'s' * (count > 1)}, by {times.clock}"
    return count, words + (", not compared with random" if better is None else "")


@dataclass(frozen=True)
class Ledger:
    """Seconds, memory and size of one condensed graph beside the whole one.

    Attributes:
        graph: hash of the condensed graph.
        model: whose training times these are.
        size, whole: of the condensed and of the whole graph, in its compact form, sparse features
            as CSR; of a set of graphs the training graphs count, categories as they are.
        condensation_seconds: wall seconds of condensing; ``None`` if not known. Networks that were
            trained for it count, even where an earlier run did: as their processor seconds.
        condensed_training_seconds, whole_training_seconds: one training on either by the same
            evaluator, validation left out; ``None`` if it was not run.
        plain_training_seconds: one training of plain PyG layers on the whole graph (full batch), or
            on the whole set (in batches), what a user pays today; ``None`` if not measured.
        peak_memory_bytes: see :func:`peak_memory_bytes`.
        memory_estimate_bytes: what training was expected to add to the process: the largest of all
            models on this set.
        condensation_processor_seconds: on the CPU over all threads, on a GPU the seconds it was in
            use: what energy is proportional to. ``None`` if not known.
        condensed_processor_seconds, whole_processor_seconds: the same of one training, validation
            included.
        units: what nodes and edges are called.
        graphs: hashes of all condensed sets whose scores stand in one row.
        better_than_random: by the scores of ``model``, see :func:`better_than_random`; ``None`` if
            they were not compared.
        experts: networks trained on the real data for it, with their bytes and seconds, in words;
            ``None`` where there are none.
        reused_seconds: of the condensation seconds, those that other runs spent on experts.
    """

    graph: str
    model: str
    size: Size
    whole: Size
    condensation_seconds: float | None
    condensed_training_seconds: float
    whole_training_seconds: float | None
    plain_training_seconds: float | None
    peak_memory_bytes: int
    condensation_processor_seconds: float | None = None
    condensed_processor_seconds: float | None = None
    whole_processor_seconds: float | None = None
    memory_estimate_bytes: int | None = None
    units: tuple[str, str] = ("nodes", "edges")
    graphs: tuple[str, ...] = ()
    better_than_random: bool | None = None
    experts: str | None = None
    reused_seconds: float = 0.0

    @property
    def times(self) -> Times:
        """See :func:`times_of`."""
        return times_of(vars(self))

    @property
    def break_even_trainings(self) -> int | None:
        """Smallest ``k`` with ``condensation + k * condensed < k * whole``, by :attr:`times`.

        ``None`` if there is none, a time is not known, or random examples are as good.

        >>> size = Size(1, 0, 4)
        >>> Ledger("", "GCN", size, size, 9.0, 1.0, 4.0, None, 0).break_even_trainings
        4
        """
        return verdict(self.times, self.better_than_random)[0]

    @property
    def pays(self) -> str:
        """From which training on it pays, in words, or why it does not."""
        return verdict(self.times, self.better_than_random)[1]

    @property
    def whole_is(self) -> str:
        """What shares are shares of: of a graph all of it, else the training part."""
        alone = self.size.graphs is None and self.units[0] == "nodes"
        return "the whole graph" if alone else "the training part"

    def total_seconds(self, trainings: int) -> tuple[float | None, float | None]:
        """:attr:`times` of so many trainings: condensing included, and on the whole data instead.

        >>> size = Size(1, 0, 4)
        >>> Ledger("", "GCN", size, size, 9.0, 1.0, 4.0, None, 0).total_seconds(4)
        (13.0, 16.0)
        """
        _, start, slope, other = self.times
        condensed = None if start is None or slope is None else start + trainings * slope
        return condensed, None if other is None else trainings * other

    @property
    def ratios(self) -> dict[str, float | None]:
        """Sizes and times as shares of the whole graph's (``plain``: of a plain PyG training)."""

        def share(part: float | None, whole: float | None) -> float | None:
            return part / whole if part is not None and whole else None

        names = ["nodes", "edges", "bytes"] + ["graphs"] * (self.size.graphs is not None)
        return {
            **{n: share(getattr(self.size, n), getattr(self.whole, n)) for n in names},
            "training": share(self.condensed_training_seconds, self.whole_training_seconds),
            "condensation_to_whole": share(self.condensation_seconds, self.whole_training_seconds),
            "condensation_to_plain": share(self.condensation_seconds, self.plain_training_seconds),
        }

    def to_dict(self) -> dict[str, object]:
        """All fields, the ratios and the break-even point, ready for JSON."""
        return {
            **asdict(self),
            "break_even_trainings": self.break_even_trainings,
            "break_even_clock": self.times.clock,
            "pays": self.pays,
            "ratios": self.ratios,
            "ratios_of": self.whole_is,
        }

    @classmethod
    def from_dict(cls, saved: Record) -> Ledger:
        """What :meth:`to_dict` gave."""
        values = {f.name: saved[f.name] for f in fields(cls) if f.name in saved}
        sizes = {name: Size(**values[name]) for name in ("size", "whole")}
        units = tuple(values.get("units", ("nodes", "edges")))
        graphs = tuple(values.get("graphs", ()))
        return cls(**{**values, **sizes, "units": units, "graphs": graphs})

    @property
    def _reused(self) -> str:
        """How much of the condensation other runs have done, in words."""
        return f"; {self.reused_seconds:.1f} s of it by other runs" if self.reused_seconds else ""

    def lines(self) -> list[str]:
        """The ledger as lines of text."""

        def seconds(value: float | None, what: str = "") -> str:
            text = f"{what} not measured" if value is None else f"{value:.2f} s {what}"
            return text.strip()

        nodes, edges = self.units
        counts = []
        for name, field in (("graphs",) * 2, (nodes, "nodes"), (edges, "edges"), ("bytes",) * 2):
            part, whole = getattr(self.size, field), getattr(self.whole, field)
            if part is not None and whole is not None:
                share = f"{100 * part / whole:.2f} % " if whole else ""
                counts.append(f"{name:<13} {part:,} ({share}of {whole:,} in {self.whole_is})")
        estimate, library = self.memory_estimate_bytes, library_of(self.units)
        return [
            f"graph {self.graph}, times of {self.model}",
            *counts,
            f"condensation  {seconds(self.condensation_seconds)}",
            *([] if self.experts is None else [f"  with experts {self.experts}{self._reused}"]),
            f"one training  {seconds(self.condensed_training_seconds, 'condensed')}, "
            f"{seconds(self.whole_training_seconds, 'whole')}, "
            f"{seconds(self.plain_training_seconds, f'whole in plain {library}')}",
            f"pays          {self.pays}",
            *([f"  {RULE}"] if self.better_than_random is not None else []),
            f"processor     {seconds(self.condensation_processor_seconds, 'condensation')}; one "
            "training with validation "
            f"{seconds(self.condensed_processor_seconds, 'condensed')}, "
            f"{seconds(self.whole_processor_seconds, 'whole')}",
            f"peak memory   {said(self.peak_memory_bytes)}"
            + (
                ""
                if estimate is None
                else f" (training on it was expected to add {said(estimate)})"
            ),
        ]


def library_of(units: tuple[str, str]) -> str:
    """What users would train with on the whole data."""
    return "PyTorch" if units[0] == "images" else "PyG"


def draw_break_even(
    ledgers: Mapping[str, Ledger], path: str | Path | None = None, data: str = ""
) -> Figure:
    """Draw total seconds over the number of trainings: each condensed set, and the whole graph.

    Solid lines condense first and then train on the condensed set; the dashed one trains on the
    whole graph, the dotted one in plain PyG. A dot marks where a set begins to pay. All lines are
    of one clock; plain PyG is timed by the wall alone.

    Raises:
        ValueError: no ledger has the seconds of condensing.
    """
    known = {k: v for k, v in ledgers.items() if v.condensation_seconds is not None}
    if not known:
        raise ValueError(
            "no condensation seconds are known: pass condensation_seconds= to evaluate"
        )
    one = next(iter(known.values()))
    clocks = {ledger.times.clock for ledger in known.values()}
    clock = clocks.pop() if len(clocks) == 1 else WALL
    times = {
        label: ledger.times if ledger.times.clock == clock else wall_of(vars(ledger))
        for label, ledger in known.items()
    }
    # By wall seconds alone where a set has no others, so a set's own verdict may be by another.
    even = {k: verdict(times[k], ledger.better_than_random)[0] for k, ledger in known.items()}
    last = max(20, 2 * max(k or 0 for k in even.values()))
    trainings = np.array([0, last])  # every line is straight
    figure = new_figure(6.4, 3.8)
    axes = figure.subplots()
    plain(axes)
    for i, (label, entry) in enumerate(times.items()):
        colour = COLOURS[i % len(COLOURS)]
        start, step = entry.condensing or 0.0, entry.condensed or 0.0
        k = even[label]
        shown = label if k or entry.whole is None else f"{label} (does not pay)"
        axes.plot(trainings, start + step * trainings, color=colour, label=shown)
        if k:
            axes.plot(k, start + step * k, MARKERS[i % len(MARKERS)], color=colour)
            axes.annotate(
                f"{k:,}", (k, start + step * k), xytext=(0, 8), textcoords="offset points"
            )
    library = f"whole, plain {library_of(one.units)}"
    for seconds, style, name in (
        (times[next(iter(times))].whole, "--", "whole, same evaluator"),
        (one.plain_training_seconds if clock == WALL else None, ":", library),
    ):
        if seconds is not None:
            axes.plot(trainings, seconds * trainings, style, color="#555555", label=name)
    axes.set_xlabel(f"trainings of {one.model}")
    axes.set_ylabel(f"{clock} in all")
    axes.set_title(f"{data}: when condensing pays" if data else "when condensing pays")
    axes.set_xlim(0, last)
    ends = [(t.condensing or 0.0) + last * (t.condensed or 0.0) for t in times.values()]
    axes.set_ylim(0, 1.6 * max(ends) or 1.0)
    axes.legend(frameon=False)
    return saved(figure, path)
