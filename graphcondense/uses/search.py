"""Architecture search: does a small graph rank architectures as the whole one does?"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from graphcondense.evaluate.cost import graph_hash
from graphcondense.evaluate.floors import draws_of, random_subgraph
from graphcondense.evaluate.nodes import NodeEvaluator
from graphcondense.evaluate.result import COLOURS, MARKERS, Column, aligned, dash, percent
from graphcondense.evaluate.trainings import Device, Seeds, seeds_of
from graphcondense.ops.fields import check_each
from graphcondense.ops.types import Record
from graphcondense.saved.shown import counted
from graphcondense.uses import explore
from graphcondense.uses.architectures import Architecture, Space
from graphcondense.uses.ranking import Candidate, Ranking, chosen, rank, ratio, scores_of, spread
from graphcondense.uses.results import BASELINES, OnGraph, facts_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch_geometric.data import Data


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
            f"means over {counted(len(self.seeds), 'seeds')}, {self.trained_with}"
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
                spread(r.spearman, r.spearman_std),
                spread(r.kendall, r.kendall_std),
                spread(r.spearman_test),
                spread(r.kendall_test),
                percent(r.regret_val),
                percent(r.regret),
                percent(r.chosen_test),
                f"{r.seconds:.1f}",
                dash(r.condensation_seconds, ".1f"),
                dash(ratio(r, whole), ".3f"),
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
                label += f": Spearman {spread(ranking.spearman)}, Kendall {spread(ranking.kendall)}"
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


@dataclass(frozen=True)
class _Measure:
    """Trains an architecture on all that it is ranked by.

    Attributes:
        evaluator: on the real graph.
        sets: small graphs by kind; the condensed ones are the first.
        seeds: of every training.
        whole: whether it is trained on the whole graph, too.
    """

    evaluator: NodeEvaluator
    sets: Mapping[str, Sequence[Data]]
    seeds: tuple[int, ...]
    whole: bool

    def __call__(self, point: Architecture) -> tuple[float, Record]:
        """The mean validation accuracy on the condensed graphs, and what to keep: fields of
        :class:`~graphcondense.uses.ranking.Candidate`."""
        candidate = self.evaluator.replace(**point.options())
        start = time.perf_counter()
        candidate.replace(epochs=1).score(
            self.sets["condensed"][0], point.model, seeds=self.seeds[:1]
        )
        preparing = time.perf_counter() - start  # the real graph, which each search would have to
        kept: Record = {"val_random": (), "seconds_random": None}
        for label, members in self.sets.items():
            start = time.perf_counter()
            kept[f"val_{label}"] = [
                candidate.score(graph, point.model, seeds=self.seeds) for graph in members
            ]
            kept[f"seconds_{label}"] = preparing + (time.perf_counter() - start) / len(members)
        if self.whole:
            kept |= self.on_whole(point)
            kept["seconds_whole"] += preparing
        return statistics.fmean(kept["val_condensed"]), kept

    def on_whole(self, point: Architecture) -> Record:
        """What training on the whole graph gives; its test nodes are read."""
        candidate = self.evaluator.replace(**point.options())
        fitted = candidate.fit_whole(point.model, seeds=self.seeds)
        return {
            "val_whole": float(fitted.val_selected.mean()),
            "test_whole": float(fitted.test_selected.mean()),
            "seconds_whole": fitted.seconds,
        }


def search_architectures(
    small: object,
    data: object,
    *,
    space: Space | None = None,
    trials: int = 40,
    seeds: Seeds = 3,
    sampler: Literal["random", "tpe", "grid"] = "random",
    baselines: Sequence[str] = BASELINES,
    random_draws: int | None = None,
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
        random_draws: how many random subgraphs, by default 3; 0 leaves them out.
        seed: of the sampler and the random subgraphs.
        storage: an Optuna URL or a journal file, from which an interrupted search goes on; searches
            with other settings may share it.
        workers: "ray" measures many at a time on all machines of a Ray cluster, or on the cores of
            this one (extra "ray"), each on one thread; not for "tpe".
        ray_address: of the Ray cluster; by default RAY_ADDRESS, and without it this machine alone.
        device: where to train; default the CPU.
        progress: show a progress bar.
        **options: fields of :class:`~graphcondense.evaluate.Training` that are not searched;
            fewer epochs and ``val_every=5`` make a search cheap.

    Raises:
        ImportError: Optuna, or Ray where it is asked for, is not installed.
        ValueError: no graph, or one that does not match; unknown names; more trials than
            architectures; an option that is searched.
        TypeError: for an option that does not exist.
    """
    crew = explore.workers_of(workers, ray_address, sampler, device)
    (space,) = check_each(space=(space, Space | None))
    space = space or Space()
    evaluator, graphs = explore.prepared(
        *(small, data, space, options),
        trials=trials,
        seed=seed,
        sampler=sampler,
        samplers=("random", "tpe", "grid"),
        baselines=baselines,
        device=device,
        progress=progress,
    )
    draws = draws_of(random_draws, "random" in baselines, "name 'random' in baselines=")
    every = space.every()
    if trials > len(every) or (sampler == "grid" and trials < len(every)):
        raise ValueError(
            f"trials={trials}, but the space has {len(every)} architectures; "
            + ("a grid takes all of them" if sampler == "grid" else "ask for fewer")
        )
    real, seeds = evaluator.real, seeds_of(seeds)
    sets = {"condensed": graphs}
    if draws:
        sets["random"] = [random_subgraph(real, graphs[0], seed + i) for i in range(draws)]

    measure = _Measure(evaluator, sets, seeds, whole="whole" in baselines)
    identity = {
        "space": {**asdict(space), "size": len(every)},
        "settings": asdict(evaluator.training),
        "data": real.digest,
        "small": [graph_hash(graph) for graph in graphs],
        "seeds": seeds,
        "sampler": sampler,
        "baselines": sorted(baselines),
        "random_draws": draws,
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
        wanted = {i for label in sets for i in chosen(scores_of(rows, label))}
        for i in sorted(wanted):
            rows[i] = replace(rows[i], test_whole=measure.on_whole(found[i][0])["test_whole"])
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
