"""Search training settings on a small graph, train with the winner on the whole one."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from graphcondense.evaluate.cost import graph_hash
from graphcondense.evaluate.fitted import FitResult
from graphcondense.evaluate.floors import random_subgraph
from graphcondense.evaluate.nodes import NodeEvaluator
from graphcondense.evaluate.result import Column, dash, percent, points, std_of
from graphcondense.evaluate.trainings import Device, Seeds, seeds_of
from graphcondense.nn.batched import resolve
from graphcondense.ops.fields import check_each
from graphcondense.ops.figures import bars
from graphcondense.ops.grid import edge
from graphcondense.ops.types import Record
from graphcondense.saved.shown import counted
from graphcondense.uses import explore
from graphcondense.uses.results import OnGraph, facts_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna import Trial
    from torch_geometric.data import Data


@dataclass(frozen=True)
class Ranges:
    """Where training settings are searched, each a smallest and a largest value.

    Attributes:
        lr: learning rate of Adam, drawn in logarithms.
        weight_decay: of Adam, drawn in logarithms.
        dropout: probability, if the model has any.
        hidden: widths to choose among, if the model has a hidden layer.
        epochs: full-batch steps, in steps of 50 (or fewer, where the range is narrower).
    """

    lr: tuple[float, float] = (1e-3, 1e-1)
    weight_decay: tuple[float, float] = (1e-6, 1e-2)
    dropout: tuple[float, float] = (0.0, 0.8)
    hidden: tuple[int, ...] = (16, 32, 64, 128, 256)
    epochs: tuple[int, int] = (50, 300)

    def __post_init__(self) -> None:
        for name in ("lr", "weight_decay", "dropout", "epochs"):
            low, high = getattr(self, name)
            least = 0 if name == "dropout" else np.nextafter(0, 1)
            if not least <= low <= high or (name == "dropout" and high >= 1):
                raise ValueError(
                    f"{name}={getattr(self, name)}: give a positive range, least first"
                )
        if not self.hidden:
            raise ValueError("hidden is empty: give at least one width")

    def suggest(self, trial: Trial, matters: explore.Knobs) -> Drawn:
        """Settings drawn by an Optuna trial."""
        low, high = self.epochs
        return Drawn(
            lr=trial.suggest_float("lr", *self.lr, log=True),
            weight_decay=trial.suggest_float("weight_decay", *self.weight_decay, log=True),
            dropout=trial.suggest_float("dropout", *self.dropout) if matters.dropout else None,
            hidden=trial.suggest_categorical("hidden", self.hidden) if matters.hidden else None,
            epochs=trial.suggest_int("epochs", low, high, step=math.gcd(50, high - low) or 1),
        )


@dataclass(frozen=True)
class Drawn:
    """Training settings; ``None`` is what a model does not have."""

    lr: float | None
    weight_decay: float | None
    dropout: float | None
    hidden: int | None
    epochs: int

    def options(self) -> Record:
        """Fields of :class:`~graphcondense.evaluate.Training`."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Tuned(Drawn):
    """A model with the settings that one search found, trained on the whole graph.

    Attributes:
        label: what was searched on; ``"defaults"`` where nothing was.
        trials, scores, val_search: how many settings were tried, their validation accuracies in the
            order of the trials, and the best of them.
        val, val_std, test, test_std: accuracies after training on the whole graph, over seeds; the
            deviation is ``None`` for one.
        seconds, seconds_whole: of the search, and of the final training of all seeds.
        condensation_seconds: ``None`` if not known, 0 where nothing is condensed.
    """

    label: str
    trials: int
    scores: tuple[float, ...]
    val_search: float | None
    val: float
    val_std: float | None
    test: float
    test_std: float | None
    seconds: float
    condensation_seconds: float | None
    seconds_whole: float


@dataclass(frozen=True)
class TrainingSearch(OnGraph):
    """What :func:`search_training` found; ``seeds`` are those of every trial.

    Attributes:
        model, nodes: what was trained, and the nodes of the (first) condensed graph.
        final_seeds: training seeds on the whole graph at the end.
        sampler, ranges: how settings were drawn, and from where.
        rows: one a search, the defaults first.
    """

    model: str
    nodes: int
    final_seeds: tuple[int, ...]
    sampler: str
    rows: tuple[Tuned, ...]
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)

    columns: ClassVar[tuple[Column, ...]] = (
        Column("searched on", lambda r: r.label),
        Column("lr", lambda r: dash(r.lr, ".2g")),
        Column("weight decay", lambda r: dash(r.weight_decay, ".1e")),
        Column("dropout", lambda r: dash(r.dropout, ".2f")),
        Column("width", lambda r: dash(r.hidden)),
        Column("epochs", lambda r: str(r.epochs)),
        Column("val in search", lambda r: percent(r.val_search)),
        Column("val whole", lambda r: percent(r.val, r.val_std)),
        Column("test whole", lambda r: percent(r.test, r.test_std)),
        Column("trials", lambda r: str(r.trials)),
        Column("s search", lambda r: f"{r.seconds:.1f}"),
        Column("s condense", lambda r: dash(r.condensation_seconds, ".1f")),
        Column("s final", lambda r: f"{r.seconds_whole:.1f}"),
    )

    def title(self) -> str:
        return (
            f"{self.subject}, {self.model}, {self.nodes} nodes, accuracy in %"
            f"{self.on_test}, {self.sampler}, {counted(len(self.seeds), 'seeds')} a trial and "
            f"{len(self.final_seeds)} on the whole graph, {self.trained_with}"
        )

    def notes(self) -> list[str]:
        notes = [
            *self.about_test,
            "every row is trained on the whole graph with the settings that were found",
        ]
        for row in self.rows:
            found = row.options() if row.trials else {}
            for name, tried in self.ranges.items():
                near = _at_edge(found[name], tried) if found.get(name) is not None else None
                # No dropout at all is no edge: there is no less.
                if near is not None and (near or name != "dropout"):
                    words = edge(near, sorted(tried))
                    notes.append(f"{row.label}: {name} {found[name]:.3g}{words}")
        return notes

    def draw(self, axes: Axes) -> None:
        defaults, *searched = self.rows
        axes.axhline(100 * defaults.test, color="0.5", linestyle="--", label="defaults, no search")
        for i, row in enumerate(searched):
            at = [row.seconds + (row.condensation_seconds or 0)], [100 * row.test]
            name = f"{row.label}, {row.trials} trials"
            points(axes, i, *at, bars([row.test_std]), label=name)
        axes.set_xscale("log")
        axes.set_xlabel("seconds of the search, condensation included")
        axes.set_ylabel("test accuracy, %")
        axes.set_title(f"{self.data}, {self.model} trained on the whole graph")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, frameon=False)


@dataclass(frozen=True)
class _Measure:
    """Trains a model with some settings on small graphs, with every one of ``seeds``."""

    evaluator: NodeEvaluator
    model: str
    graphs: Sequence[Data]
    seeds: tuple[int, ...]

    def __call__(self, point: Drawn) -> tuple[float, Record]:
        """The mean validation accuracy, and that again with the seconds that it took."""
        candidate = self.evaluator.replace(**point.options())
        start = time.perf_counter()
        score = statistics.fmean(
            candidate.score(graph, self.model, seeds=self.seeds) for graph in self.graphs
        )
        return score, {"score": score, "seconds": time.perf_counter() - start}


def _tuned(
    label: str, point: Drawn, kept: Sequence[Record], fitted: FitResult, spent: float | None
) -> Tuned:
    """A row of the table: what a search kept of its trials, and its winner on the whole graph."""
    scores = tuple(one["score"] for one in kept)
    return Tuned(
        **asdict(point),
        label=label,
        trials=len(scores),
        scores=scores,
        val_search=max(scores, default=None),
        val=float(fitted.val_selected.mean()),
        val_std=std_of(fitted.val_selected),
        test=float(fitted.test_selected.mean()),
        test_std=std_of(fitted.test_selected),
        seconds=math.fsum(one["seconds"] for one in kept),
        condensation_seconds=spent,
        seconds_whole=fitted.seconds,
    )


def search_training(
    small: object,
    data: object,
    *,
    model: str = "GCN",
    ranges: Ranges | None = None,
    trials: int = 30,
    seeds: Seeds = 3,
    final_seeds: Seeds = 10,
    sampler: Literal["tpe", "random"] = "tpe",
    baselines: Sequence[str] = ("random",),
    seed: int = 0,
    storage: str | Path | None = None,
    workers: Literal["ray"] | None = None,
    ray_address: str | None = None,
    device: Device = None,
    progress: bool = True,
    **options: object,
) -> TrainingSearch:
    """Do the training settings found on a condensed graph serve the whole one?

    Each search maximises validation accuracy when trained on its graph: the condensed one, a random
    subgraph of its size, and, if asked for, the whole graph. The winner of each, and the defaults,
    are then trained on the whole graph, whose test nodes are read once, when that has ended.

    Args:
        small: a condensed graph, or a list of them, the mean of whose scores is maximised.
        data: the real graph, anything :func:`~graphcondense.data.as_task` takes.
        model: a name in :data:`~graphcondense.nn.batched.MODELS`.
        ranges: where to search.
        trials: settings that every search tries.
        seeds: training seeds of every trial, or how many.
        final_seeds: training seeds on the whole graph, or how many.
        sampler: ``"tpe"`` (Bergstra et al., NeurIPS 2011) or ``"random"``.
        baselines: of ``"random"`` and ``"whole"``, further graphs to search on.
        seed: of the sampler and the random subgraphs.
        storage: an Optuna URL or a journal file, from which an interrupted search goes on.
        workers: "ray" measures many at a time on all machines of a Ray cluster, or on the cores of
            this one (extra "ray"), each on one thread; not for "tpe".
        ray_address: of the Ray cluster; by default RAY_ADDRESS, and without it this machine alone.
        device: where to train; default the CPU.
        progress: show progress bars.
        **options: fields of :class:`~graphcondense.evaluate.Training` that are not searched.

    Raises:
        ImportError: Optuna, or Ray where it is asked for, is not installed.
        ValueError: no graph, or one that does not match; unknown names; an option that is searched;
            workers with a sampler that looks at scores.
        TypeError: for an option that does not exist.
    """
    crew = explore.workers_of(workers, ray_address, sampler, device)
    ranges, model = check_each(ranges=(ranges, Ranges | None), model=(model, str))
    ranges = ranges or Ranges()
    evaluator, graphs = explore.prepared(
        *(small, data, ranges, options),
        trials=trials,
        seed=seed,
        sampler=sampler,
        samplers=("tpe", "random"),
        baselines=baselines,
        device=device,
        progress=progress,
    )
    real, kind = evaluator.real, resolve(model)
    seeds, final_seeds = seeds_of(seeds), seeds_of(final_seeds, "final_seeds")
    matters = explore.knobs(kind.__name__, evaluator.training.of(kind).num_layers)
    sets = {"condensed": graphs}
    if "random" in baselines:
        sets["random"] = [random_subgraph(real, g, seed + i) for i, g in enumerate(graphs)]
    if "whole" in baselines:
        sets["whole"] = [real]
    found = {}
    with crew as fleet:
        for label, members in sets.items():
            identity = {
                "ranges": asdict(ranges),
                "settings": asdict(evaluator.training),
                "model": kind.__name__,
                "data": real.digest,
                "graphs": [graph_hash(graph) for graph in members],
                "seeds": seeds,
                "sampler": sampler,
                "seed": seed,
                "device": device,
            }
            found[label] = explore.explore(
                lambda trial: ranges.suggest(trial, matters),
                _Measure(evaluator, model, members, seeds),
                name=explore.study_name(f"training-{label}", identity),
                trials=trials,
                sampler=sampler,
                seed=seed,
                storage=storage,
                progress=progress,
                fleet=fleet,
            )
    t = evaluator.training.of(kind)
    plain = Drawn(
        lr=t.lr,
        weight_decay=t.weight_decay,
        dropout=t.dropout if matters.dropout else None,
        hidden=t.hidden if matters.hidden else None,
        epochs=t.epochs,
    )
    took = explore.condensation_seconds(graphs)
    spent = {"condensed": None if took is None else math.fsum(took)}
    rows = []
    for label, pairs in {"defaults": [], **found}.items():
        best = max(pairs, key=lambda pair: float(pair[1]["score"]))[0] if pairs else plain
        fitted = evaluator.replace(**best.options()).fit_whole(model, seeds=final_seeds)
        rows.append(_tuned(label, best, [kept for _, kept in pairs], fitted, spent.get(label, 0.0)))
    return TrainingSearch(
        **facts_of(real),
        model=kind.__name__,
        nodes=len(graphs[0].x),
        settings=explore.rest_of(t, ranges),
        seeds=seeds,
        final_seeds=final_seeds,
        sampler=sampler,
        rows=tuple(rows),
        ranges=asdict(ranges),
    )


def _at_edge(value: float, tried: Sequence[float]) -> float | None:
    """The end of a range that ``value`` is within 2 % of, ``None`` if there is none."""
    low, high = min(tried), max(tried)
    if low == high:
        return None
    for end in (low, high):
        if abs(value - end) <= 0.02 * end:
            return end
    return None
