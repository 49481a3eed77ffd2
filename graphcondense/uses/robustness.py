"""Does condensation survive a poisoned graph, and does it clean or carry the poison?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask, classified
from graphcondense.evaluate.fitted import FitResult
from graphcondense.evaluate.floors import random_subgraph
from graphcondense.evaluate.nodes import NodeEvaluator
from graphcondense.evaluate.result import Column, dash, points
from graphcondense.evaluate.stacked import model_of
from graphcondense.evaluate.trainings import seeds_of
from graphcondense.ops.fields import NonNegative, check_each
from graphcondense.ops.figures import bars, new_figure, plain, saved
from graphcondense.ops.progress import tqdm
from graphcondense.saved.shown import record_of
from graphcondense.uses import results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Splits = Literal["train", "train+val"]


@dataclass(frozen=True)
class RobustnessRow(results.Trainings):
    """One poison, one rate, one set; the graphs are draws of the poison, the test nodes clean.

    Attributes:
        poison, rate: what was poisoned, and how much.
        val: the best validation accuracy.
        condense_seconds: of condensing one graph; ``None`` where nothing was condensed.
        training_seconds: of one training.
    """

    poison: str
    rate: float
    val: float
    condense_seconds: float | None
    training_seconds: float


@dataclass(frozen=True)
class Robustness(results.OnGraph):
    """What :func:`measure_robustness` found; the real graph is the clean one.

    Attributes:
        model, nodes: the evaluating model, and nodes of the first condensed graph.
        graph_seeds: seeds of poison and condensation.
        labels_of, features: whose labels are poisoned, and how features were.
        rows: one for each poison, rate and set.
    """

    model: str
    nodes: int
    graph_seeds: tuple[int, ...]
    labels_of: str
    features: str
    rows: tuple[RobustnessRow, ...]

    left: ClassVar[int] = 1
    columns: ClassVar[tuple[Column, ...]] = (
        Column("poison", lambda row: row.poison),
        Column("rate", lambda row: f"{row.rate:g}"),
        *(results.LABEL, *results.COUNTS, *results.SCORES),
        Column("s to condense", lambda row: dash(row.condense_seconds, ".1f")),
        Column("s/training", lambda row: f"{row.training_seconds:.2f}"),
    )

    def title(self) -> str:
        return (
            f"{self.subject}, poisoned before condensation to {self.nodes} nodes, "
            f"{self.model}, accuracy on the clean graph{self.on_test}"
        )

    def notes(self) -> list[str]:
        clean = "labels of training nodes are poisoned, those of validation nodes are clean"
        both = "labels of training and validation nodes are poisoned, and chosen by"
        return [
            *self.about_test,
            "all predictions, for validation and test, are made on the clean graph; at rate 0 the "
            "poisons share their numbers",
            f"edges: random undirected ones, a share of those there; features: {self.features}; "
            f"{clean if self.labels_of == 'train' else both}",
        ]

    def draw(self, axes: Axes) -> None:
        """Draw the first poison; :meth:`plot` draws all of them side by side."""
        self._panel(axes, self.rows[0].poison)
        axes.legend(frameon=False)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Accuracy over rate, a panel for each poison."""
        poisons = list(dict.fromkeys(row.poison for row in self.rows))
        figure = new_figure(1 + 2.7 * len(poisons), 3.4)
        panels = figure.subplots(1, len(poisons), sharey=True, squeeze=False)[0]
        for axes, poison in zip(panels, poisons, strict=True):
            plain(axes, "y")
            self._panel(axes, poison)
        for axes in panels[1:]:
            axes.set_ylabel("")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        figure.suptitle(f"{self.data}, poisoned before condensation, {self.model}", fontsize=11)
        return saved(figure, path)

    def _panel(self, axes: Axes, poison: str) -> None:
        rows = [row for row in self.rows if row.poison == poison]
        for i, label in enumerate(dict.fromkeys(row.label for row in rows)):
            line = [row for row in rows if row.label == label]
            rates, tests = [row.rate for row in line], [100 * row.test for row in line]
            spread = bars(row.test_std for row in line)
            points(axes, i, rates, tests, spread, linestyle="-", markersize=5, label=label)
        axes.set_xlabel("rate")
        axes.set_ylabel("test accuracy, %")
        axes.set_title(poison)


def measure_robustness(
    data: object,
    condense: Callable[[NodeTask, int], Any],
    *,
    poisons: Sequence[str] = ("edges", "features", "labels"),
    rates: Sequence[float] = (0.0, 0.1, 0.2, 0.4),
    graph_seeds: int | Sequence[int] = 1,
    model: str = "GCN",
    seeds: int | Sequence[int] = 5,
    labels_of: Splits = "train",
    label: str = "condensed",
    device: torch.device | str | None = None,
    progress: bool = False,
    **options: object,
) -> Robustness:
    """Poison a graph, condense it, and train on the result; score on the clean graph.

    Beside it stand the whole poisoned graph and a random subgraph of it, of the same size.
    Validation and test predictions are made on the clean graph, for every poison.

    Args:
        data: the clean graph, anything :func:`~graphcondense.data.as_task` takes.
        condense: from a poisoned task and a seed to a condensed graph.
        poisons: of ``"edges"`` (:func:`poison_edges`), ``"features"`` (:func:`poison_features`) and
            ``"labels"`` (:func:`poison_labels`).
        rates: how much of each; 0 is the clean graph, which is condensed once for all poisons.
        graph_seeds: seeds of poison and condensation, or how many.
        model: what is trained.
        seeds: its training seeds, or how many.
        labels_of: ``"train"`` poisons labels of training nodes alone; ``"train+val"`` also those of
            validation nodes, in condensation and in the choice of the epoch. Test labels never.
        label: name of the condensed set.
        device: where to train; default the CPU.
        progress: show a progress bar.
        **options: fields of :class:`~graphcondense.evaluate.node_training.Training`.

    Raises:
        ValueError: unknown poison or model, a rate out of range, no validation or test nodes; what
            ``condense`` raises.
        TypeError: for an option that does not exist.
    """
    results.check_maker(condense)
    rates, progress = check_each(rates=(rates, tuple[NonNegative, ...]), progress=(progress, bool))
    if not poisons or any(name not in POISONS for name in poisons):
        raise ValueError(f"poisons={tuple(poisons)} must be some of {', '.join(POISONS)}")
    poisons, rates = tuple(dict.fromkeys(poisons)), tuple(dict.fromkeys(rates))  # rows tell once
    if not rates:
        raise ValueError("rates is empty: give one or more numbers from 0 up")
    if "labels" in poisons and max(rates) > 1:
        raise ValueError(f"rate {max(rates)} for labels: at most 1, every label is then another")
    if labels_of not in ("train", "train+val"):
        raise ValueError(f"labels_of={labels_of!r} must be 'train' or 'train+val'")
    results.check_label(label)
    kind = model_of(model)
    evaluator = NodeEvaluator(
        classified(as_task(data, need_test=True), "robustness"), device=device, **options
    )
    real = evaluator.real
    draws = seeds_of(graph_seeds, "graph_seeds")
    cells = product(poisons, rates)
    asked = dict.fromkeys((poison if rate else "none", rate) for poison, rate in cells)
    found: dict[tuple[str, float], list[_Cell]] = {}
    nodes = 0
    with tqdm(total=len(asked) * len(draws), desc="poison", disable=not progress) as bar:
        for (poison, rate), seed in product(asked, draws):
            task = poisoned(real, poison, rate, seed, labels_of)
            judge = evaluator
            if poison == "labels" and labels_of == "train+val":
                judge = NodeEvaluator(replace(real, y=task.y), device=device, **options)
            start = time.perf_counter()
            small = condense(task, seed)
            results.check_named({label: [small]}, task)
            seconds = float(record_of(small).get("seconds") or time.perf_counter() - start)
            nodes = nodes or len(small.y)
            sets = {label: small, "random": random_subgraph(task, small, seed), "whole": task}
            fits = {name: judge.fit(model, graph, seeds=seeds) for name, graph in sets.items()}
            found.setdefault((poison, rate), []).append(_Cell(fits, seconds))
            bar.update()
    rows = [
        _row(poison, rate, name, found[poison if rate else "none", rate], name == label)
        for poison, rate, name in product(poisons, rates, (label, "random", "whole"))
    ]
    first = next(iter(found.values()))[0].fits[label]
    return Robustness(
        **results.facts_of(real),
        model=kind.__name__,
        nodes=nodes,
        seeds=first.seeds,
        graph_seeds=draws,
        labels_of=labels_of,
        features=MOVED if sp.issparse(real.x) else NOISE,
        settings=asdict(evaluator.training.of(kind)),
        rows=tuple(rows),
    )


def poisoned(
    task: NodeTask, poison: str, rate: float, seed: int, labels_of: Splits = "train"
) -> NodeTask:
    """A task poisoned by name; rate 0 or ``"none"`` returns the task itself."""
    if not rate or poison == "none":
        return task
    rng = np.random.default_rng([seed, list(POISONS).index(poison)])
    if poison == "labels":
        out = poison_labels(task, rate, rng, labels_of=labels_of)
    else:
        out = POISONS[poison](task, rate, rng)
    return replace(out, name=f"{task.name}-{poison}-{rate:g}")


def poison_edges(task: NodeTask, rate: float, rng: np.random.Generator) -> NodeTask:
    """Random undirected edges between nodes that have none: noise that joins classes.

    ``round(rate * m)`` are added, ``m`` the number of pairs of different nodes that are joined in
    either direction. They have the mean weight of the edges there.

    Raises:
        ValueError: a negative rate, or more edges than there are free pairs.
    """
    _check_rate(rate)
    n = task.num_nodes
    both = sp.triu(task.adj + task.adj.T, k=1).tocoo()
    taken = np.unique(both.row[both.data != 0] * np.int64(n) + both.col[both.data != 0])
    count, free = round(rate * len(taken)), n * (n - 1) // 2 - len(taken)
    if count > free:
        raise ValueError(
            f"rate {rate:g} of {len(taken):,} edges is {count:,}, but only {free:,} pairs of nodes "
            "are free; give a lower rate"
        )
    fresh = np.empty(0, np.int64)
    while len(fresh) < count:
        pairs = np.sort(rng.integers(n, size=(2 * (count - len(fresh)) + 16, 2)), axis=1)
        codes = pairs[pairs[:, 0] < pairs[:, 1]] @ np.array([n, 1])
        codes = np.concatenate([fresh, codes[~np.isin(codes, taken)]])
        # Each pair once, in the order of the draw: to sort them would favour the first nodes.
        fresh = codes[np.sort(np.unique(codes, return_index=True)[1])]
    row, col = np.divmod(fresh[:count], n)
    weight = float(task.adj.data.mean()) if task.adj.nnz else 1.0
    extra = sp.csr_matrix(
        (np.full(2 * count, weight), (np.r_[row, col], np.r_[col, row])), shape=(n, n)
    )
    return replace(task, adj=(task.adj + extra.astype(task.adj.dtype)).tocsr())


def poison_features(task: NodeTask, rate: float, rng: np.random.Generator) -> NodeTask:
    """Noise on the features of every node, of the kind that suits them.

    Dense features: Gaussian noise of standard deviation ``rate`` times that of the column. Sparse
    features, such as bags of words: ``round(rate * nnz)`` stored values, drawn evenly, each moved
    to another column in which the node has none: a wrong word for a right one. Row sums stay.

    Raises:
        ValueError: a negative rate; for sparse features one above 1, or a node with too few columns
            free.
    """
    _check_rate(rate)
    if isinstance(task.x, Tensor):
        scale = task.x.std(0, correction=0).numpy()
        noise = rng.standard_normal(tuple(task.x.shape)) * rate * scale
        return replace(task, x=task.x + torch.from_numpy(noise.astype(np.float32)))
    if rate > 1:
        raise ValueError(f"rate {rate:g} for sparse features: at most 1, every value is then moved")
    x = task.x.copy()
    rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    moved = np.sort(rng.choice(x.nnz, round(rate * x.nnz), replace=False))
    if not len(moved):
        return task
    nodes, starts = np.unique(rows[moved], return_index=True)
    for node, chosen in zip(nodes, np.split(moved, starts[1:]), strict=True):
        present = task.x.indices[task.x.indptr[node] : task.x.indptr[node + 1]]
        empty = np.setdiff1d(np.arange(x.shape[1]), present)
        if len(chosen) > len(empty):
            raise ValueError(
                f"node {node} has {len(present)} of {x.shape[1]} features: {len(chosen)} of them "
                "cannot move; give a lower rate or dense features"
            )
        x.indices[chosen] = rng.choice(empty, len(chosen), replace=False)
    x.has_sorted_indices = False
    x.sort_indices()
    return replace(task, x=x)


def poison_labels(
    task: NodeTask, rate: float, rng: np.random.Generator, *, labels_of: Splits = "train"
) -> NodeTask:
    """Wrong labels, each one of the other classes with the same probability.

    ``round(rate * n)`` of the ``n`` nodes of ``labels_of`` get one. Test labels stay.

    Raises:
        ValueError: a rate outside ``[0, 1]``, or a single class.
    """
    _check_rate(rate)
    if rate > 1:
        raise ValueError(f"rate {rate:g} for labels: at most 1, every label is then another")
    if task.num_classes < 2:
        raise ValueError("there is a single class: no label can be wrong")
    nodes = task.train if labels_of == "train" else torch.cat([task.train, task.val])
    chosen = nodes[torch.from_numpy(rng.permutation(len(nodes))[: round(rate * len(nodes))])]
    shift = torch.from_numpy(rng.integers(1, task.num_classes, len(chosen)))
    y = task.y.clone()
    y[chosen] = (y[chosen] + shift) % task.num_classes
    return replace(task, y=y)


POISONS: dict[str, Callable[[NodeTask, float, np.random.Generator], NodeTask]] = {
    "edges": poison_edges,
    "features": poison_features,
    "labels": poison_labels,
}
NOISE = "Gaussian noise, in standard deviations of a column"
MOVED = "a share of the stored values, each moved to a column that the node lacks"


def _check_rate(rate: float) -> None:
    if not rate >= 0:
        raise ValueError(f"rate {rate} must be a number from 0 up")


@dataclass(frozen=True)
class _Cell:
    """One draw of one poison: the trainings on every set, and what condensing took."""

    fits: dict[str, FitResult]
    seconds: float


def _row(
    poison: str, rate: float, label: str, cells: Sequence[_Cell], condensed: bool
) -> RobustnessRow:
    fits = [cell.fits[label] for cell in cells]
    return RobustnessRow(
        **results.trainings_of(label, [fit.test_selected for fit in fits]),
        poison=poison,
        rate=rate,
        val=float(torch.cat([fit.val_selected for fit in fits]).mean()),
        condense_seconds=float(np.mean([c.seconds for c in cells])) if condensed else None,
        training_seconds=sum(f.seconds for f in fits) / sum(len(f.seeds) for f in fits),
    )
