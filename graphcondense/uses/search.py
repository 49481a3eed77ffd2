"""Architecture search: does a small graph rank architectures as the whole one does?"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from scipy import stats

from graphcondense.evaluate.cost import graph_hash
from graphcondense.evaluate.floors import random_subgraph
from graphcondense.evaluate.result import (
    COLOURS,
    MARKERS,
    Column,
    aligned,
    dash,
    deviation,
    percent,
)
from graphcondense.evaluate.trainings import Device, Seeds, seeds_of
from graphcondense.nn.batched import ACTIVATIONS, resolve
from graphcondense.ops.types import Floats, Record
from graphcondense.uses import explore
from graphcondense.uses.results import BASELINES, OnGraph, facts_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna import Trial


@dataclass(frozen=True)
class Architecture:
    """One network. ``None`` is what it does not have: SGC, or one layer, has no hidden layer.

    Attributes:
        model: how it propagates, a name in :data:`~graphcondense.nn.batched.MODELS`.
        num_layers: its depth (for SGC: propagation steps).
        hidden: width of the hidden layers.
        activation: of the hidden layers.
        dropout: probability on hidden activations, and on the input where the model does that.
    """

    model: str
    num_layers: int
    hidden: int | None
    activation: str | None
    dropout: float | None

    def options(self) -> Record:
        """Fields of :class:`~graphcondense.evaluate.nodes.Training`."""
        return {k: v for k, v in asdict(self).items() if k != "model" and v is not None}

    def __str__(self) -> str:
        parts = [self.model, f"{self.num_layers} x {self.hidden or '-'}", self.activation]
        return " ".join(part for part in parts if part) + (
            "" if self.dropout is None else f" dropout {self.dropout:g}"
        )


@dataclass(frozen=True)
class Space:
    """The architectures to choose among.

    What a network does not have is not drawn, so no architecture has two names. Every value of a
    field has the same chance.

    Attributes:
        model: names in :data:`~graphcondense.nn.batched.MODELS`.
        num_layers: depths.
        hidden: widths.
        activation: names in :data:`~graphcondense.nn.batched.ACTIVATIONS`.
        dropout: probabilities.
    """

    model: tuple[str, ...] = ("GCN", "SGC", "APPNP", "Cheb", "SAGE", "GAT", "GIN", "GCNII", "MLP")
    num_layers: tuple[int, ...] = (1, 2, 3, 4)
    hidden: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    activation: tuple[str, ...] = ("relu", "elu", "tanh", "gelu")
    dropout: tuple[float, ...] = (0.0, 0.5)

    def __post_init__(self) -> None:
        for field in fields(self):
            values = getattr(self, field.name)
            if not values or len({*values}) < len(values):
                raise ValueError(f"{field.name}={values!r}: give values, each once")
        names = tuple(resolve(name).__name__ for name in self.model)
        object.__setattr__(self, "model", names)
        if wrong := [name for name in self.activation if name not in ACTIVATIONS]:
            raise ValueError(f"unknown activation {wrong[0]!r}: use {', '.join(ACTIVATIONS)}")

    def draw(self, choose: Callable[[str], Any]) -> Architecture:
        """An architecture, each value it needs asked from ``choose`` by the field's name."""
        model, num_layers = choose("model"), choose("num_layers")
        matters = explore.knobs(model, num_layers)
        return Architecture(
            model=model,
            num_layers=num_layers,
            hidden=choose("hidden") if matters.hidden else None,
            activation=choose("activation") if matters.activation else None,
            dropout=choose("dropout") if matters.dropout else None,
        )

    def suggest(self, trial: Trial) -> Architecture:
        """An architecture drawn by an Optuna trial."""
        return self.draw(lambda name: trial.suggest_categorical(name, getattr(self, name)))

    def every(self) -> list[Architecture]:
        """All architectures, each once.

        Examples:
            >>> len(Space(model=("SGC", "GCN"), num_layers=(1, 2)).every())  # 2 + (1 + 6 * 4 * 2)
            51
        """
        names = [field.name for field in fields(self)]
        values = product(*(getattr(self, name) for name in names))
        return list(dict.fromkeys(self.draw(dict(zip(names, v, strict=True)).get) for v in values))


@dataclass(frozen=True)
class Candidate(Architecture):
    """One architecture and its scores. Accuracies in ``[0, 1]``, means over training seeds.

    Attributes:
        val_condensed, val_random: validation accuracy, one number a graph.
        val_whole, test_whole: trained on the whole graph; ``None`` if it was not.
        seconds_condensed, seconds_random, seconds_whole: of all its trainings on one graph.
    """

    val_condensed: tuple[float, ...]
    val_random: tuple[float, ...]
    seconds_condensed: float
    seconds_random: float | None
    val_whole: float | None = None
    test_whole: float | None = None
    seconds_whole: float | None = None


@dataclass(frozen=True)
class Ranking:
    """How one kind of graph ranks architectures. Means over graphs, each one a search of its own.

    Attributes:
        label, graphs: ``"condensed"``, ``"random"`` or ``"whole"``, and how many.
        spearman, kendall: Spearman's rank correlation and Kendall's tau-b of validation accuracies
            with the whole graph's, NaN where a graph or the whole one finds all architectures
            alike; the deviation is between graphs, ``None`` for one and beside NaN.
        spearman_test, kendall_test: with the whole graph's *test* accuracies.
        regret: test accuracy, after training on the whole graph, of the architecture that the whole
            graph's validation prefers minus that of the one chosen here; may be negative.
        regret_val: the same of validation accuracy; never negative.
        chosen: what each graph prefers, as indices of rows; the earlier of equals.
        chosen_test: test accuracy of the chosen ones, trained on the whole graph.
        seconds: one search on one graph.
        condensation_seconds: of one graph; ``None`` if not known, 0 where nothing is condensed.
    """

    label: str
    graphs: int
    spearman: float | None
    spearman_std: float | None
    kendall: float | None
    kendall_std: float | None
    spearman_test: float | None
    kendall_test: float | None
    regret: float | None
    regret_val: float | None
    chosen: tuple[int, ...]
    chosen_test: float
    seconds: float
    condensation_seconds: float | None


@dataclass(frozen=True)
class ArchitectureSearch(OnGraph):
    """What :func:`search_architectures` found.

    Attributes:
        nodes: of the (first) condensed graph.
        space, sampler: the architectures to choose among, with their number as ``size``, and how
            they were drawn.
        rows, rankings: one an architecture, in the order of the trials; one a kind of graph.
    """

    nodes: int
    space: Record
    sampler: str
    rows: tuple[Candidate, ...]
    rankings: tuple[Ranking, ...]

    size: ClassVar[tuple[float, float]] = (6.4, 4.6)
    columns: ClassVar[tuple[Column, ...]] = (
        Column("model", lambda r: r.model),
        Column("layers", lambda r: str(r.num_layers)),
        Column("width", lambda r: dash(r.hidden)),
        Column("activation", lambda r: dash(r.activation)),
        Column("dropout", lambda r: dash(r.dropout)),
        Column("val condensed", lambda r: percent(statistics.fmean(r.val_condensed))),
        Column("val random", lambda r: percent(statistics.fmean(r.val_random or (math.nan,)))),
        Column("val whole", lambda r: percent(r.val_whole)),
        Column("test whole", lambda r: percent(r.test_whole)),
        Column("s condensed", lambda r: dash(r.seconds_condensed, ".2f")),
        Column("s random", lambda r: dash(r.seconds_random, ".2f")),
        Column("s whole", lambda r: dash(r.seconds_whole, ".2f")),
    )

    def ranking(self, label: str) -> Ranking:
        """The ranking by one kind of graph."""
        return next(ranking for ranking in self.rankings if ranking.label == label)

    def title(self) -> str:
        return (
            f"{self.subject}, {len(self.rows)} of {self.space['size']:,} "
            f"architectures ({self.sampler}), {self.nodes} nodes, accuracy in %{self.on_test}, "
            f"means over {len(self.seeds)} seeds, {self.trained_with}"
        )

    def notes(self) -> list[str]:
        whole = next((r for r in self.rankings if r.label == "whole"), None)
        head = (
            *("searched on", "graphs", "Spearman", "Kendall", "Spearman test", "Kendall test"),
            *("regret val", "regret test", "chosen test", "s search", "s condense", "of whole"),
        )
        body = [
            (
                r.label,
                str(r.graphs),
                _spread(r.spearman, r.spearman_std),
                _spread(r.kendall, r.kendall_std),
                _spread(r.spearman_test),
                _spread(r.kendall_test),
                percent(r.regret_val),
                percent(r.regret),
                percent(r.chosen_test),
                f"{r.seconds:.1f}",
                dash(r.condensation_seconds, ".1f"),
                dash(_ratio(r, whole), ".3f"),
            )
            for r in self.rankings
        ]
        picks = [
            (r.label, dict.fromkeys(Architecture.__str__(self.rows[i]) for i in r.chosen))
            for r in self.rankings
        ]
        return [
            "",
            *aligned([head, *body], 1),
            *self.about_test,
            "correlations are with the whole graph's validation (and test) accuracies; a search is "
            "one graph's; seconds on the whole graph include reading its test nodes",
            *(f"chosen on {label}: {'; '.join(each)}" for label, each in picks),
        ]

    def draw(self, axes: Axes) -> None:
        found = [row.val_whole for row in self.rows]
        whole = [100 * value for value in found if value is not None]
        measured = len(whole) == len(found)
        for i, ranking in enumerate(r for r in self.rankings if r.label != "whole"):
            scores = [
                100 * statistics.fmean(getattr(row, f"val_{ranking.label}")) for row in self.rows
            ]
            label = ranking.label
            if ranking.spearman is not None and ranking.kendall is not None:
                label += (
                    f": Spearman {_spread(ranking.spearman)}, Kendall {_spread(ranking.kendall)}"
                )
            axes.scatter(
                whole if measured else range(1, len(scores) + 1),
                scores,
                color=COLOURS[i],
                marker=MARKERS[i],
                s=22,
                alpha=0.8,
                label=label,
            )
        if measured:
            axes.axline((50, 50), slope=1, color="0.6", linewidth=0.8, zorder=0)
            axes.set_xlim(min(whole) - 2, max(whole) + 2)
        axes.set_xlabel(
            "validation accuracy trained on the whole graph, %" if measured else "trial"
        )
        axes.set_ylabel("trained on the small graph, %")
        axes.set_title(f"{self.data}, {self.nodes} nodes: {len(self.rows)} architectures")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)


def search_architectures(
    small: object,
    data: object,
    *,
    space: Space | None = None,
    trials: int = 40,
    seeds: Seeds = 3,
    sampler: Literal["random", "tpe", "grid"] = "random",
    baselines: Sequence[str] = BASELINES,
    random_draws: int = 3,
    seed: int = 0,
    storage: str | Path | None = None,
    workers: Literal["ray"] | None = None,
    ray_address: str | None = None,
    device: Device = None,
    progress: bool = True,
    **options: object,
) -> ArchitectureSearch:
    """Does a condensed graph rank architectures as the whole graph does, and at what cost?

    The question of GCond (Jin et al., ICLR 2022, arXiv 2110.07580, section 5.3), with a space of
    our own. The same architectures are trained on the condensed graph, on random subgraphs of its
    size and on the whole graph, and ranked by validation accuracy. With ``"tpe"`` the condensed
    graph's scores steer which are tried. Test accuracy is read after a training on the whole graph
    has ended; nothing is chosen by it.

    Args:
        small: a condensed graph, or a list of them, each a search of its own; ``"tpe"`` follows
            their mean.
        data: the real graph, anything :func:`~graphcondense.data.as_task` takes.
        space: the architectures to choose among.
        trials: how many different architectures; ``"grid"`` needs as many as the space has.
        seeds: training seeds of every architecture, or how many; all at once.
        sampler: ``"random"``, ``"tpe"`` (Bergstra et al., NeurIPS 2011) or ``"grid"``, the whole
            space.
        baselines: of ``"random"`` and ``"whole"``; without ``"whole"`` only what was chosen is
            trained on the whole graph, and nothing is correlated.
        random_draws: how many random subgraphs.
        seed: of the sampler and the random subgraphs.
        storage: an Optuna URL or a journal file, from which an interrupted search goes on; searches
            with other settings may share it.
        workers: "ray" measures many at a time on all machines of a Ray cluster, or on the cores of
            this one (extra "ray"), each on one thread; not for "tpe".
        ray_address: of the Ray cluster; by default RAY_ADDRESS, and without it this machine alone.
        device: where to train; default the CPU.
        progress: show a progress bar.
        **options: fields of :class:`~graphcondense.evaluate.nodes.Training` that are not searched;
            fewer epochs and ``val_every=5`` make a search cheap.

    Raises:
        ImportError: Optuna, or Ray where it is asked for, is not installed.
        ValueError: no graph, or one that does not match; unknown names; more trials than
            architectures; an option that is searched.
        TypeError: for an option that does not exist.
    """
    crew = explore.workers_of(workers, ray_address, sampler, device)
    space = space or Space()
    evaluator, graphs = explore.prepared(
        *(small, data, space, options),
        trials=trials,
        sampler=sampler,
        samplers=("random", "tpe", "grid"),
        baselines=baselines,
        device=device,
    )
    every = space.every()
    if trials > len(every) or (sampler == "grid" and trials < len(every)):
        raise ValueError(
            f"trials={trials}, but the space has {len(every)} architectures; "
            + ("a grid takes all of them" if sampler == "grid" else "ask for fewer")
        )
    if "random" in baselines and random_draws < 1:
        raise ValueError(f"random_draws must be at least 1, got {random_draws}")
    real, seeds = evaluator.real, seeds_of(seeds)
    sets = {"condensed": graphs}
    if "random" in baselines:
        draws = range(seed, seed + random_draws)
        sets["random"] = [random_subgraph(real, graphs[0], draw) for draw in draws]

    def measure(point: Architecture) -> tuple[float, Record]:
        candidate = evaluator.replace(**point.options())
        start = time.perf_counter()
        candidate.replace(epochs=1).score(graphs[0], point.model, seeds=seeds[:1])
        preparing = time.perf_counter() - start  # the real graph, which each search would have to
        kept: Record = {"val_random": (), "seconds_random": None}
        for label, members in sets.items():
            start = time.perf_counter()
            kept[f"val_{label}"] = [candidate.score(g, point.model, seeds=seeds) for g in members]
            kept[f"seconds_{label}"] = preparing + (time.perf_counter() - start) / len(members)
        if "whole" in baselines:
            kept |= whole(point)
            kept["seconds_whole"] += preparing
        return statistics.fmean(kept["val_condensed"]), kept

    def whole(point: Architecture) -> Record:
        fitted = evaluator.replace(**point.options()).fit_whole(point.model, seeds=seeds)
        return {
            "val_whole": float(fitted.val_selected.mean()),
            "test_whole": float(fitted.test_selected.mean()),
            "seconds_whole": fitted.seconds,
        }

    identity = {
        "space": {**asdict(space), "size": len(every)},
        "settings": asdict(evaluator.training),
        "data": real.digest,
        "small": [graph_hash(graph) for graph in graphs],
        "seeds": seeds,
        "sampler": sampler,
        "baselines": sorted(baselines),
        "random_draws": random_draws,
        "seed": seed,
        "device": device,
    }
    order = every
    if sampler != "grid":
        order = [every[i] for i in np.random.default_rng(seed).permutation(len(every))]
    with crew as fleet:
        found = explore.explore(
            space.suggest,
            measure,
            name=explore.study_name("architectures", identity),
            trials=trials,
            sampler=sampler,
            seed=seed,
            storage=storage,
            every=order,
            params=lambda point: {"model": point.model, **point.options()},
            progress=progress,
            fleet=fleet,
        )
    rows = [
        Candidate(**asdict(point), **{k: _tupled(v) for k, v in kept.items()})
        for point, kept in found
    ]
    if "whole" not in baselines:  # what was chosen is trained on the whole graph, nothing else
        wanted = {i for label in sets for i in chosen(_scores(rows, label))}
        for i in sorted(wanted):
            rows[i] = replace(rows[i], test_whole=whole(found[i][0])["test_whole"])
    took = explore.condensation_seconds(graphs)
    spent = {"condensed": None if took is None else statistics.fmean(took)}
    labels = [*sets, *(["whole"] if "whole" in baselines else [])]
    return ArchitectureSearch(
        **facts_of(real),
        nodes=len(graphs[0].x),
        settings=explore.rest_of(evaluator.training, space),
        seeds=seeds,
        space={**asdict(space), "size": len(every)},
        sampler=sampler,
        rows=tuple(rows),
        rankings=tuple(rank(label, rows, spent.get(label, 0.0)) for label in labels),
    )


def _tupled(value: Any) -> Any:
    """JSON has no tuples."""
    return tuple(value) if isinstance(value, list) else value


def rank(label: str, rows: Sequence[Candidate], condensation_seconds: float | None) -> Ranking:
    """How the graphs called ``label`` rank the architectures in ``rows``."""
    scores = _scores(rows, label)
    picks = chosen(scores)
    tests = [rows[i].test_whole for i in picks]
    if any(test is None for test in tests):
        raise ValueError(f"the choice of {label} has not been trained on the whole graph")
    pairs = [(row.val_whole, row.test_whole) for row in rows]
    names = [f.name for f in fields(Ranking) if f.type == "float | None"]
    agreement: dict[str, float | None] = dict.fromkeys(names)
    if all(v is not None and t is not None for v, t in pairs):
        val, test = np.array(pairs, dtype=float).T
        for name, statistic in (("spearman", stats.spearmanr), ("kendall", stats.kendalltau)):
            each = [_correlation(statistic, score, val) for score in scores]
            agreement[name] = statistics.fmean(each)
            agreement[f"{name}_std"] = deviation(each)
            of_test = [_correlation(statistic, score, test) for score in scores]
            agreement[f"{name}_test"] = statistics.fmean(of_test)
        best = int(val.argmax())
        agreement["regret"] = float(np.mean([test[best] - test[i] for i in picks]))
        agreement["regret_val"] = float(np.mean([val[best] - val[i] for i in picks]))
    return Ranking(
        label=label,
        graphs=len(scores),
        chosen=picks,
        chosen_test=statistics.fmean(test for test in tests if test is not None),
        seconds=math.fsum(getattr(row, f"seconds_{label}") for row in rows),
        **{**agreement, "condensation_seconds": condensation_seconds},
    )


def chosen(scores: Floats) -> tuple[int, ...]:
    """For each graph, a row of ``scores [graphs, n]``, what it prefers; the first of equals."""
    return tuple(int(i) for i in scores.argmax(1))


def _scores(rows: Sequence[Candidate], label: str) -> Floats:
    """Validation accuracies ``[graphs, n]``."""
    values = np.array([getattr(row, f"val_{label}") for row in rows], dtype=float)
    return values.reshape(len(rows), -1).T


def _correlation(statistic: Callable[[Floats, Floats], Any], a: Floats, b: Floats) -> float:
    """NaN where one side is constant: it ranks nothing."""
    if len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return math.nan
    return float(statistic(a, b).statistic)


def _ratio(ranking: Ranking, whole: Ranking | None) -> float | None:
    """Seconds of a search, condensation included, as a share of the search on the whole graph."""
    if whole is None or ranking.condensation_seconds is None:
        return None
    return (ranking.seconds + ranking.condensation_seconds) / whole.seconds


def _spread(value: float | None, std: float | None = None) -> str:
    return dash(value, ".2f") + ("" if std is None else f" ± {std:.2f}")
