"""Does a backdoor in the training nodes survive condensation?

A measurement of one's own graphs, with the plainest of triggers: a few features at their largest
value on some training nodes, whose labels say the target class (Gu et al., 2017, arXiv 1708.06733).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask, classified
from graphcondense.evaluate.nodes import NodeEvaluator
from graphcondense.evaluate.result import Column, percent, points, std_of
from graphcondense.evaluate.stacked import model_of
from graphcondense.evaluate.trainings import seeds_of
from graphcondense.ops.fields import Count, Natural, Share, brief, check_each
from graphcondense.ops.figures import bars
from graphcondense.ops.progress import tqdm
from graphcondense.ops.types import Ints
from graphcondense.uses import results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OWN = ("clean", "whole")


@dataclass(frozen=True)
class BackdoorRow(results.Trainings):
    """One set; shares in ``[0, 1]``.

    Attributes:
        success, success_std: share of the test nodes of other classes that are taken for the target
            class once they have the trigger, mean and standard deviation over all trainings,
            ``None`` for a single one.
    """

    success: float
    success_std: float | None


@dataclass(frozen=True)
class Backdoor(results.OnGraph):
    """What :func:`measure_backdoor` found; ``test`` of a row is accuracy without the trigger.

    Attributes:
        model: what was trained.
        target: the class that the trigger stands for.
        trigger: the features of the trigger.
        poisoned: training nodes with trigger and false label.
        rows: of the whole clean graph, the whole poisoned one, and what was condensed of it.
    """

    model: str
    target: int
    trigger: tuple[int, ...]
    poisoned: int
    rows: tuple[BackdoorRow, ...]

    columns: ClassVar[tuple[Column, ...]] = (
        *(results.LABEL, *results.COUNTS),
        Column("success %", lambda row: percent(row.success, row.success_std)),
        Column("test %", lambda row: percent(row.test, row.test_std)),
    )

    def title(self) -> str:
        return (
            f"{self.subject}, a backdoor to class {self.target} of {len(self.trigger)} features on "
            f"{self.poisoned} training nodes, {self.model}{self.on_test}"
        )

    def notes(self) -> list[str]:
        return [
            *self.about_test,
            "success: test nodes of other classes that are taken for the target class once they "
            "have the trigger; what the clean graph shows are mistakes and what the features mean",
        ]

    def draw(self, axes: Axes) -> None:
        for i, row in enumerate(self.rows):
            x, y, width = [100 * row.test], [100 * row.success], bars([row.test_std])
            points(axes, i, x, y, bars([row.success_std]), xerr=width, label=row.label)
        axes.set_xlabel("test accuracy, %")
        axes.set_ylabel("success of the trigger, %")
        axes.set_title(f"{self.data}, {self.model}")
        results.legend_beside(axes)


def measure_backdoor(
    data: object,
    condense: Mapping[str, Callable[[NodeTask, int], Any]],
    *,
    share: float = 0.1,
    features: int = 10,
    target: int = 0,
    graph_seeds: int | Sequence[int] = 1,
    model: str = "GCN",
    seeds: int | Sequence[int] = 5,
    device: torch.device | str | None = None,
    progress: bool = False,
    **options: object,
) -> Backdoor:
    """Poison training nodes with a backdoor, condense, train on the result, and pull the trigger.

    Validation nodes are clean, and choose the epoch. Beside the condensed graphs stand the whole
    clean graph and the whole poisoned one.

    Args:
        data: the clean graph, anything :func:`~graphcondense.data.as_task` takes.
        condense: by name, from a poisoned task and a seed to a condensed graph.
        share: of the training nodes that is poisoned.
        features: of the trigger, drawn at random.
        target: the class that poisoned nodes get.
        graph_seeds: seeds of poison and condensation, or how many.
        model: what is trained.
        seeds: its training seeds, or how many.
        device: where to train; default the CPU.
        progress: show a progress bar.
        **options: fields of :class:`~graphcondense.evaluate.node_training.Training`.

    Raises:
        ValueError: a value out of range, an unknown model, no validation or test nodes; what
            ``condense`` raises.
        TypeError: for an option that does not exist.
    """
    share, features, target, progress = check_each(
        share=(share, Share),
        features=(features, Count),
        target=(target, Natural),
        progress=(progress, bool),
    )
    if not isinstance(condense, Mapping) or not condense:
        raise ValueError(
            f"condense={brief(condense)}: give functions by name, from a task and a seed to a "
            "condensed graph"
        )
    for name, make in condense.items():
        results.check_label(name, OWN)
        results.check_maker(make, f"condense[{name!r}]")
    kind = model_of(model)
    evaluator = NodeEvaluator(
        classified(as_task(data, need_test=True), "a backdoor"), device=device, **options
    )
    real = evaluator.real
    draws = seeds_of(graph_seeds, "graph_seeds")
    found: dict[str, list[tuple[Tensor, Tensor]]] = {}
    with tqdm(total=len(draws) * (2 + len(condense)), desc="triggers", disable=not progress) as bar:
        for seed in draws:
            columns = trigger_columns(real, features, seed)
            bad = poison_with_trigger(real, share, columns, target, seed)
            asked = real.test[real.y[real.test] != target]
            pulled = NodeEvaluator(with_trigger(real, asked, columns), device=device, **options)
            made = {name: make(bad, seed) for name, make in condense.items()}
            for label, graph in {"clean": real, "whole": bad, **made}.items():
                test = evaluator.fit(model, graph, seeds=seeds).test_selected
                taken = pulled.predict(model, graph, asked, seeds=seeds).argmax(-1) == target
                found.setdefault(label, []).append((test, taken.double().mean(1)))
                bar.update()
    rows = []
    for label, cells in found.items():
        success = torch.cat([one for _, one in cells])
        rows.append(
            BackdoorRow(
                **results.trainings_of(label, [test for test, _ in cells]),
                success=float(success.mean()),
                success_std=std_of(success),
            )
        )
    return Backdoor(
        **results.facts_of(real),
        model=kind.__name__,
        target=target,
        trigger=tuple(trigger_columns(real, features, draws[0]).tolist()),
        poisoned=_poisoned(real, share),
        seeds=seeds_of(seeds),
        settings=asdict(evaluator.training.of(kind)),
        rows=tuple(rows),
    )


def trigger_columns(task: NodeTask, features: int, seed: int) -> Ints:
    """Which features are the trigger ``[features]``, drawn evenly, ascending.

    Raises:
        ValueError: not between 1 and all features.
    """
    if not 1 <= features <= task.num_features:
        raise ValueError(f"features={features} must be at least 1 and at most {task.num_features}")
    out: Ints = np.sort(np.random.default_rng(seed).choice(task.num_features, features, False))
    return out


def with_trigger(task: NodeTask, nodes: Tensor, columns: Ints) -> NodeTask:
    """The task, ``columns`` of ``nodes`` at the largest value of any feature."""
    x = task.x_array
    if sp.issparse(x):
        x = x.tolil(copy=True)
        x[np.ix_(nodes.numpy(), columns)] = task.x_array.data.max(initial=0) or 1.0
        return replace(task, x=x.tocsr().astype(np.float32))
    x = x.copy()
    x[np.ix_(nodes.numpy(), columns)] = x.max()
    return replace(task, x=torch.from_numpy(x))


def poison_with_trigger(
    task: NodeTask, share: float, columns: Ints, target: int, seed: int
) -> NodeTask:
    """A share of the training nodes, of other classes first, with trigger and target class.

    Raises:
        ValueError: a share outside ``[0, 1]``, or a class that does not exist.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share={share} must be at least 0 and at most 1")
    if not 0 <= target < task.num_classes:
        raise ValueError(f"target={target} is no class; there are 0 to {task.num_classes - 1}")
    order = task.train[torch.from_numpy(np.random.default_rng(seed).permutation(len(task.train)))]
    order = torch.cat([order[task.y[order] != target], order[task.y[order] == target]])
    chosen = order[: _poisoned(task, share)]
    y = task.y.clone()
    y[chosen] = target
    return replace(with_trigger(task, chosen, columns), y=y, name=f"{task.name}-backdoor")


def _poisoned(task: NodeTask, share: float) -> int:
    return round(share * len(task.train))
