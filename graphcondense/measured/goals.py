"""Methods by what they are wanted for, ranked by measured figures and by nothing else."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from graphcondense.measured.figures import ATTACK, KENDALL, SCORE, Measurement, best_known, spanned
from graphcondense.measured.works import by_model
from graphcondense.ops.names import meant

WITH_EDGES = ("GCN", "SAGE", "GAT")
"""Models that use edges, each in another way: by which graphs with edges are ranked."""
NOT_MEASURED = "not measured"


class Candidate(NamedTuple):
    """A method that may be ranked.

    Attributes:
        name: its name, or that of a variant.
        kind: of data.
        main: the method's own name.
        assigns: whether its graphs say which condensed node stands for which real one.
    """

    name: str
    kind: str
    main: str
    assigns: bool = False


class Cell(TypedDict):
    """What a figure was measured on."""

    data: str
    budget: str
    models: list[str]
    sets: int
    trainings: int
    source: str


class Ranked(TypedDict):
    """A method and its place.

    Attributes:
        method: its name or variant; what differs from its defaults follows after a space.
        kind: of data.
        goal: what it was ranked for.
        rank: from 1; ``None`` for a method that is not ranked.
        why: why it is not ranked, such as ``"not measured"``; empty for one that is.
        figures: in per cent, seconds or counts, by heading; ``None`` where not measured.
        cells: what was measured; empty where nothing was.
    """

    method: str
    kind: str
    goal: str
    rank: int | None
    why: str
    figures: dict[str, float | str | None]
    cells: list[Cell]


class Scored(NamedTuple):
    """A method's figures, those that rank it, smallest first, and what they are from."""

    figures: dict[str, float | str | None]
    order: tuple[float, ...]
    used: list[Measurement]


Rank = Callable[[Sequence[Measurement]], dict[str, Scored]]
"""From what was measured on data of one kind to the methods that can be ranked, by label."""


@dataclass(frozen=True)
class Goal:
    """What a method is wanted for.

    Attributes:
        words: what the goal is, for help.
        by: how methods are ranked, in a sentence.
        figures: headings of the figures, in order.
        rank: ranks what was measured.
        left: why a method that was measured in some way may not be ranked.
        admits: which methods come into question at all.
    """

    words: str
    by: str
    figures: tuple[str, ...]
    rank: Rank
    left: str = NOT_MEASURED
    admits: Callable[[Candidate], bool] = lambda candidate: True


def _grouped(found: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    groups: dict[str, list[Measurement]] = {}
    for one in found:
        groups.setdefault(one.label, []).append(one)
    return groups


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None


def _main(found: Iterable[Measurement]) -> list[Measurement]:
    """The test scores of the main model of each table."""
    return best_known(one for one in found if one.what == SCORE and one.main)


def _above(own: Sequence[Measurement]) -> float | None:
    return _mean(None if one.random is None else one.mean - one.random for one in own)


def _first(order: float | None) -> tuple[float, ...]:
    """Larger is better; what has nothing to be compared with comes last."""
    return (math.inf if order is None else -order,)


def _fast(found: Sequence[Measurement]) -> dict[str, Scored]:
    timed = [one for one in _main(found) if one.seconds is not None]
    if not timed:
        return {}
    count = Counter(one.cell for one in timed)
    cell = max(count, key=lambda cell: (count[cell], cell))
    return {
        one.label: Scored(
            {
                "seconds": one.seconds,
                "score": one.mean,
                "random": one.random,
                "whole": one.whole,
            },
            (one.seconds, -one.mean),
            [one],
        )
        for one in timed
        if one.cell == cell
        and one.seconds is not None
        and one.random is not None
        and one.mean > one.random
    }


def _accuracy(found: Sequence[Measurement]) -> dict[str, Scored]:
    ranked = {}
    for label, own in _grouped(_main(found)).items():
        behind = _mean(one.behind for one in own)
        figures = {
            "mean score": _mean(one.mean for one in own),
            "above whole": behind,
            "above random": _above(own),
            "seconds": _mean(one.seconds for one in own),
        }
        ranked[label] = Scored({**figures}, _first(behind), own)
    return ranked


def _over_models(
    found: Sequence[Measurement], wanted: Sequence[str] | None = None
) -> dict[str, list[list[Measurement]]]:
    """The cells of each method with at least two networks, or with all that are wanted."""
    scores = best_known(one for one in found if one.what == SCORE and one.network)
    out: dict[str, list[list[Measurement]]] = {}
    for label, own in _grouped(scores).items():
        cells: dict[tuple[str, str], list[Measurement]] = {}
        for one in own:
            if wanted is None or one.model in wanted:
                cells.setdefault(one.cell, []).append(one)
        enough = [c for c in cells.values() if len(c) >= (len(wanted) if wanted else 2)]
        if enough:
            out[label] = enough
    return out


def _transfer(found: Sequence[Measurement]) -> dict[str, Scored]:
    ranked = {}
    for label, cells in _over_models(found).items():
        used = [one for cell in cells for one in cell]
        worst = min(used, key=lambda one: one.mean)
        behind = _mean(_mean(one.behind for one in cell) for cell in cells)
        figures = {
            "mean score": _mean(_mean(one.mean for one in cell) for cell in cells),
            "above whole": behind,
            "worst": worst.mean,
            "worst with": f"{worst.model}, {worst.where}",
            "models": spanned([len(cell) for cell in cells]),
        }
        ranked[label] = Scored({**figures}, _first(behind), used)
    return ranked


def _structure(found: Sequence[Measurement]) -> dict[str, Scored]:
    tau = {one.label: one.mean for one in found if one.what == KENDALL}
    ranked = {}
    for label, cells in _over_models(found, WITH_EDGES).items():
        if not any(one.edges for cell in cells for one in cell):
            continue
        used = [one for cell in cells for one in cell]
        behind = _mean(_mean(one.behind for one in cell) for cell in cells)
        models = by_model(used)
        figures = {
            "mean score": _mean(_mean(one.mean for one in cell) for cell in cells),
            "above whole": behind,
            **{model: _mean(one.mean for one in models[model]) for model in WITH_EDGES},
            "edges": spanned([max(one.edges or 0 for one in cell) for cell in cells]),
            "tau x 100": tau.get(label),
        }
        ranked[label] = Scored({**figures}, _first(behind), used)
    return ranked


def _privacy(found: Sequence[Measurement]) -> dict[str, Scored]:
    """The lowest area under the curve first, the attacked models' accuracy in the same table."""
    attacks = best_known(one for one in found if one.what == ATTACK)
    scores = {
        (one.source, one.label, one.cell, one.model): one.mean for one in found if one.what == SCORE
    }
    ranked = {}
    for label, own in _grouped(attacks).items():
        area = statistics.mean(one.mean for one in own)
        figures = {
            "attack AUC": area,
            "whole": _mean(one.whole for one in own),
            "score": _mean(scores.get((m.source, m.label, m.cell, m.model)) for m in own),
        }
        ranked[label] = Scored({**figures}, (area,), own)
    return ranked


BEHIND = (
    "by the mean distance to the whole data in the same tables, since not all methods were "
    "measured on the same data (among those that were it is the order of mean scores)"
)
GOALS: dict[str, Goal] = {
    "fast": Goal(
        "little time to condense",
        "by seconds to condense, those alone that score above random examples, where most methods "
        "were measured",
        ("seconds", "score", "random", "whole"),
        _fast,
        "not above random examples there, or not measured there",
    ),
    "accuracy": Goal(
        "the best score with the usual model",
        f"by the score of the main model of each table (a GCN, a ConvNet), {BEHIND}",
        ("mean score", "above whole", "above random", "seconds"),
        _accuracy,
    ),
    "transfer": Goal(
        "a set that trains every architecture",
        f"by the mean over all networks that were measured, {BEHIND}",
        ("mean score", "above whole", "worst", "worst with", "models"),
        _transfer,
    ),
    "structure": Goal(
        "a graph with edges that models can use",
        f"methods alone that gave edges, by the mean over {', '.join(WITH_EDGES)}, {BEHIND}",
        ("mean score", "above whole", *WITH_EDGES, "edges", "tau x 100"),
        _structure,
        f"no edges, or not measured with all of {', '.join(WITH_EDGES)}",
    ),
    "privacy": Goal(
        "little given away of who was trained on",
        "by the area under the ROC curve of a membership inference, the lowest first; 50 is a "
        "guess; of random and selected nodes the members are those nodes alone",
        ("attack AUC", "whole", "score"),
        _privacy,
    ),
    "coarsen": Goal(
        "a graph whose nodes stand for groups of real ones",
        f"methods alone that give the assignment of real nodes, by the score of the main model, "
        f"{BEHIND}",
        ("mean score", "above whole", "above random", "seconds"),
        _accuracy,
        admits=lambda candidate: candidate.assigns,
    ),
}
"""Every goal, by name."""


def goal_named(name: str) -> Goal:
    """The goal of this name.

    Raises:
        ValueError: there is none; names all.
    """
    if name not in GOALS:
        hint = meant(name, GOALS, most=1)
        there = f"{hint} There are" if hint else "there are"
        raise ValueError(f"unknown goal {name!r}; {there} {', '.join(GOALS)}")
    return GOALS[name]


def data_named(name: str, known: Iterable[Measurement]) -> str:
    """A data set as the figures name it; case, hyphens and underscores do not matter.

    Raises:
        ValueError: nothing was measured on it; names what there is.
    """
    names = sorted({one.data for one in known})
    found = [one for one in names if _key(one) == _key(name)]
    if not found:
        raise ValueError(f"nothing was measured on data={name!r}; there are {', '.join(names)}")
    return found[0]


def _key(name: str) -> str:
    return re.sub(r"[-_\s]", "", name.lower())


def ranking(
    goal: str,
    candidates: Sequence[Candidate],
    known: Sequence[Measurement],
    *,
    kind: str | None = None,
    data: str | None = None,
) -> list[Ranked]:
    """Methods for a goal, the best first; those that were not measured for it come last.

    Args:
        goal: one of :data:`GOALS`.
        candidates: the methods that there are, with their variants.
        known: what was measured.
        kind: only methods for this kind of data.
        data: only what was measured on this data set.

    Returns:
        By kind of data. Kinds that the goal does not concern at all are left out: of those no
        method has been measured for it.

    Raises:
        ValueError: an unknown goal, or data on which nothing was measured.
    """
    chosen = goal_named(goal)
    if data is not None:
        name = data_named(data, known)
        known = [one for one in known if one.data == name]
    rows: list[Ranked] = []
    kinds = dict.fromkeys(candidate.kind for candidate in candidates)
    for of in kinds if kind is None else [kind]:
        admitted = [c.name for c in candidates if c.kind == of and chosen.admits(c)]
        found = [one for one in known if one.kind == of and one.named in admitted]
        ranked = chosen.rank(found)
        if not ranked and kind is None:
            continue
        most = max((_count(scored.used) for scored in ranked.values()), default=0)
        order = sorted(
            ranked,
            key=lambda label: (2 * _count(ranked[label].used) < most, ranked[label].order, label),
        )
        for place, label in enumerate(order, 1):
            figures, _, used = ranked[label]
            rows.append(_row(label, of, goal, place, "", figures, _cells(used)))
        known_of = {one.label for one in found}
        for name in admitted:
            if name not in ranked:
                why = chosen.left if name in known_of else NOT_MEASURED
                rows.append(_row(name, of, goal, None, why, dict.fromkeys(chosen.figures), []))
    return rows


def _count(used: Iterable[Measurement]) -> int:
    """In how many cells."""
    return len({one.cell for one in used})


def _row(
    method: str,
    kind: str,
    goal: str,
    rank: int | None,
    why: str,
    figures: Mapping[str, float | str | None],
    cells: list[Cell],
) -> Ranked:
    shown = {
        name: round(value, 2) if isinstance(value, float) else value
        for name, value in figures.items()
    }
    return {
        "method": method,
        "kind": kind,
        "goal": goal,
        "rank": rank,
        "why": why,
        "figures": shown,
        "cells": cells,
    }


def _cells(used: Iterable[Measurement]) -> list[Cell]:
    cells: dict[tuple[str, str, str], Cell] = {}
    for one in used:
        cell: Cell = {
            "data": one.data,
            "budget": one.budget,
            "models": [],
            "sets": one.sets,
            "trainings": one.trainings,
            "source": one.source,
        }
        cells.setdefault((*one.cell, one.source), cell)["models"].append(one.model)
    return sorted(cells.values(), key=lambda cell: (cell["data"], cell["budget"], cell["source"]))
