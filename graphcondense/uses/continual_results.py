"""What class-incremental learning found: one row a strategy and step, one a strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from graphcondense.evaluate.result import COLOURS, Column, aligned, percent, points
from graphcondense.ops.figures import bars
from graphcondense.saved.shown import counted
from graphcondense.uses.results import OnGraph

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRATEGIES: dict[str, str] = {
    "joint": "everything seen so far, with all its edges: the ceiling",
    "condensed": "the current group and condensed graphs of the earlier ones",
    "condensed-only": "condensed graphs of every group so far, the current one too",
    "random": "the current group and random training nodes of the earlier ones",
    "random-only": "random training nodes of every group so far, the current one too",
    "bytes": "the current group and as many bytes of real nodes of the earlier ones",
    "bytes-only": "as many bytes of real nodes of every group so far, the current one too",
    "none": "the current group alone: the floor",
}
"""What a model is trained on at each step.

``random`` takes as many nodes as the condensed graph has, ``bytes`` as many bytes: labelled nodes
first, then those around them (:func:`~graphcondense.evaluate.floors.equal_bytes_graphs`)."""

COLOUR = {"joint": 6, "condensed": 0, "random": 1, "bytes": 2, "none": 3}


@dataclass(frozen=True)
class Step:
    """One strategy after one step. Accuracies in ``[0, 1]``, means over trainings.

    Attributes:
        strategy, step: a name in :data:`STRATEGIES`; counted from 1.
        seen: number of classes seen so far.
        accuracy, accuracy_std: on the test nodes of all classes seen.
        groups: on the test nodes of each group seen, in the order of arrival.
        trainings: on how many the mean is, draws of the memory times training seeds.
        nodes: trained on, labelled or not.
        memory_nodes, memory_bytes: held in memory when training, means over draws.
        seconds_condensing: to condense the current group once; 0 where nothing is condensed.
        seconds: of all seeds' trainings on one graph, prediction included.
    """

    strategy: str
    step: int
    seen: int
    accuracy: float
    accuracy_std: float | None
    groups: tuple[float, ...]
    trainings: int
    nodes: int
    memory_nodes: int
    memory_bytes: int
    seconds_condensing: float
    seconds: float


@dataclass(frozen=True)
class Summary:
    """One strategy over all steps, means and standard deviations (``None`` for one) over trainings.

    Attributes:
        strategy: a name in :data:`STRATEGIES`.
        average, final: mean over steps of the accuracy on the classes seen, and that on all classes
            after the last step.
        forgetting: see :func:`~graphcondense.uses.continual.forgetting`.
        seconds: all condensing and training, for one draw of the memory and all seeds.
    """

    strategy: str
    average: float
    average_std: float | None
    final: float
    final_std: float | None
    forgetting: float
    forgetting_std: float | None
    seconds: float


@dataclass(frozen=True)
class Continual(OnGraph):
    """What :func:`~graphcondense.uses.continual.learn_continually` found.

    Attributes:
        model: what was trained.
        groups: the classes of each step, in the order of arrival.
        draws: how many memories of each kind.
        method: what made the condensed ones, by their record; ``None`` where there are none, or
            where they tell nothing.
        rows, summaries: one a strategy and step, and one a strategy.
    """

    model: str
    groups: tuple[tuple[int, ...], ...]
    draws: int
    method: str | None
    rows: tuple[Step, ...]
    summaries: tuple[Summary, ...]

    size: ClassVar[tuple[float, float]] = (6.4, 4.4)
    columns: ClassVar[tuple[Column, ...]] = (
        Column("strategy", lambda r: r.strategy),
        Column("step", lambda r: str(r.step)),
        Column("classes", lambda r: str(r.seen)),
        Column("test", lambda r: percent(r.accuracy, r.accuracy_std)),
        Column("each group", lambda r: " ".join(map(percent, r.groups))),
        Column("nodes", lambda r: f"{r.nodes:,}"),
        Column("memory nodes", lambda r: f"{r.memory_nodes:,}"),
        Column("memory KiB", lambda r: f"{r.memory_bytes / 1024:,.0f}"),
        Column("s condense", lambda r: f"{r.seconds_condensing:.1f}"),
        Column("s train", lambda r: f"{r.seconds:.1f}"),
    )

    def summary(self, strategy: str) -> Summary:
        """One strategy over all steps."""
        return next(summary for summary in self.summaries if summary.strategy == strategy)

    def title(self) -> str:
        groups = " | ".join(" ".join(map(str, group)) for group in self.groups)
        memories = "1 memory" if self.draws == 1 else f"{self.draws} memories"
        memories += f" by {self.method}" if self.method else ""
        counts = f"{memories} x {counted(len(self.seeds), 'trainings')}"
        return (
            f"{self.subject}, classes {groups}, {self.model}, accuracy in %{self.on_test}, "
            f"{counts}, {self.trained_with}"
        )

    def notes(self) -> list[str]:
        head = ("over all steps", "average", "final", "forgetting", "s all")
        body = [
            (
                s.strategy,
                percent(s.average, s.average_std),
                percent(s.final, s.final_std),
                percent(s.forgetting, s.forgetting_std),
                f"{s.seconds:.1f}",
            )
            for s in self.summaries
        ]
        used = [f"{s.strategy}: trained on {STRATEGIES[s.strategy]}" for s in self.summaries]
        return ["", *aligned([head, *body], 1), *self.about_test, *used]

    def draw(self, axes: Axes) -> None:
        for i, summary in enumerate(self.summaries):
            rows = [row for row in self.rows if row.strategy == summary.strategy]
            shift = 0.03 * (i - (len(self.summaries) - 1) / 2)  # points of equal height stay apart
            points(
                *(axes, i, [row.step + shift for row in rows]),
                [100 * row.accuracy for row in rows],
                bars(row.accuracy_std for row in rows),
                color=COLOURS[COLOUR[summary.strategy.partition("-")[0]]],
                linestyle="--" if summary.strategy.endswith("-only") else "-",
                capsize=2,
                markersize=5,
                label=summary.strategy,
            )
        ends = np.cumsum([len(group) for group in self.groups]).tolist()
        axes.set_xticks(
            range(1, len(ends) + 1), [f"{i}\n{n} classes" for i, n in enumerate(ends, 1)]
        )
        axes.set_xlabel("step")
        axes.set_ylabel("test accuracy on classes seen, %")
        axes.set_title(f"{self.data}, {self.model}: classes arrive in groups")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=4, frameon=False)
