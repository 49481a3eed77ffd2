"""The page of the transfer tables, from finished cells."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import controls
from nodes import line

from graphcondense.nn.batched import MODELS

OWN = "quotient"
WHOLE = ("whole", "whole+soft")
BASE = ("random", "whole")
"""Shown beside controls too."""
NAMES = {
    "cora": "Cora",
    "citeseer": "CiteSeer",
    "computers": "Amazon Computers",
    "physics": "Coauthor Physics",
    "debian": "debian",
}
Run = tuple[int, int]
"""Split and condensation seed."""


@dataclass(frozen=True)
class Goal:
    """The aims for one budget, in per cent; numbers of the whole graph are added to those
    ``above`` it.

    Attributes:
        gcn, mean, worst: with a GCN, in the mean over the models, with the worst of them.
        seconds: of condensing.
        above: whether the first three are differences to the whole graph's.
        over: further sets, and by how many points the mean is above theirs.
    """

    gcn: float
    mean: float
    worst: float | None
    seconds: float
    above: bool = True
    over: tuple[tuple[str, float], ...] = ()


DEBIAN = (("random+soft", 8.0), ("random-rows+soft", 4.0))
GOALS: Mapping[tuple[str, int], Goal] = {
    ("cora", 35): Goal(82.5, 80.0, 70, 10, above=False),
    ("cora", 70): Goal(83.5, 81.0, 72, 10, above=False),
    ("cora", 140): Goal(84.0, 81.5, 72, 10, above=False),
    ("citeseer", 30): Goal(73.5, 71.0, 66, 10, above=False),
    ("citeseer", 60): Goal(74.5, 72.0, 68, 10, above=False),
    ("citeseer", 120): Goal(74.5, 72.5, 68, 10, above=False),
    ("computers", 68): Goal(-1, 0, -3, 30),
    ("computers", 137): Goal(-1, 0, -3, 30),
    ("physics", 172): Goal(-1, 0, -3, 60),
    ("physics", 345): Goal(-1, 0, -3, 60),
    ("debian", 320): Goal(-5, -5, None, 60, over=DEBIAN),
    ("debian", 640): Goal(-3, -3, None, 60, over=DEBIAN),
}


class Cells:
    """Finished cells of one data set and budget, those of the whole graph among them.

    Args:
        rows: of the cells.
        models: in the order of the package; those of which there is any cell are kept.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], models: Sequence[str]) -> None:
        self.rows = list(rows)
        self._of: dict[tuple[str, str], dict[Run, Mapping[str, Any]]] = defaultdict(dict)
        for row in self.rows:
            self._of[row["set"], row["model"]][row["split"], row["seed"]] = row
        self.models = [m for m in models if any(model == m for _, model in self._of)]

    @cached_property
    def sets(self) -> list[str]:
        return list(dict.fromkeys(row["set"] for row in self.rows))

    def of(self, name: str, model: str) -> list[Mapping[str, Any]]:
        """The cells of a set and a model, one a run."""
        return list(self._of.get((name, model), {}).values())

    def score(self, name: str, model: str, key: str = "test_mean") -> float | None:
        """Test score in per cent over all trainings of all runs; ``None`` without a cell."""
        found = self.of(name, model)
        return averaged(found, key) if found else None

    def spread(self, name: str, model: str) -> float | None:
        """Standard deviation over all trainings of all runs."""
        found = self.of(name, model)
        number = sum(row["trainings"] for row in found)
        if number < 2:
            return None
        mean = averaged(found, "test_mean") / 100
        within = sum((row["trainings"] - 1) * (row["test_std"] or 0.0) ** 2 for row in found)
        between = sum(row["trainings"] * (row["test_mean"] - mean) ** 2 for row in found)
        return float(100 * ((within + between) / (number - 1)) ** 0.5)

    def common(self, name: str) -> list[Run]:
        """The runs of a set that all models have: means over models are over these alone."""
        runs = [set(self._of.get((name, model), {})) for model in self.models]
        return sorted(set.intersection(*runs)) if runs else []

    def of_models(self, name: str, key: str = "test_mean") -> list[float] | None:
        """The score of each model over the common runs; ``None`` if there is none."""
        runs = self.common(name)
        if not runs:
            return None
        return [
            averaged([self._of[name, model][run] for run in runs], key) for model in self.models
        ]

    def mean(self, name: str, key: str = "test_mean") -> float | None:
        """Over all models."""
        found = self.of_models(name, key)
        return statistics.fmean(found) if found else None

    def worst(self, name: str) -> float | None:
        """Of all models."""
        found = self.of_models(name)
        return min(found) if found else None

    def average(self, name: str, key: str) -> float:
        """Of the runs of a set, each counted once, of what no model changes."""
        every = {(row["split"], row["seed"]): row[key] for row in self.rows if row["set"] == name}
        return statistics.fmean(every.values())

    def order(self, names: Iterable[str]) -> list[str]:
        """Best mean first; those without one last, by what there is."""

        def rank(name: str) -> tuple[bool, float]:
            mean = self.mean(name)
            some = [s for m in self.models if (s := self.score(name, m)) is not None]
            return mean is not None, statistics.fmean(some) if mean is None else mean

        return sorted(names, key=rank, reverse=True)


def averaged(rows: Sequence[Mapping[str, Any]], key: str) -> float:
    """In per cent, over all trainings of these cells."""
    return 100 * statistics.fmean([row[key] for row in rows], [row["trainings"] for row in rows])


def shares(cells: Cells, model: str | None = None) -> dict[str, float] | None:
    """What each part adds to ``random``, in points of one model or of the mean over all.

    The teacher's is what its labels add to random nodes; the propagation's what rows of ``Â² X``
    add above that, with whichever labels are better; both are nothing where they do worse. The
    set's own is the rest. ``None`` where a number is missing.

    >>> row = {"split": 0, "seed": 0, "model": "GCN", "trainings": 1}
    >>> scores = {"quotient": 0.8, "random": 0.5, "random+soft": 0.6, "random-rows": 0.4}
    >>> scores["random-rows+soft"] = 0.7
    >>> cells = Cells([{**row, "set": k, "test_mean": v} for k, v in scores.items()], ["GCN"])
    >>> {part: round(points, 6) for part, points in shares(cells).items()}
    {'all': 30.0, 'teacher': 10.0, 'propagation': 10.0, 'own': 10.0}
    """
    names = (OWN, "random", "random+soft", "random-rows", "random-rows+soft")
    found = [cells.score(n, model) if model else cells.mean(n) for n in names]
    known = [value for value in found if value is not None]
    if len(known) < len(names):
        return None
    own, floor, soft, *rows = known
    taught = max(floor, soft)
    best = max(taught, *rows)
    return {
        "all": own - floor,
        "teacher": taught - floor,
        "propagation": best - taught,
        "own": own - best,
    }


def shares_said(cells: Cells) -> list[str]:
    """:func:`shares` in words, of the mean and of a GCN."""
    lines = []
    for what, model in ((f"in the mean of {len(cells.models)} models", None), ("with GCN", "GCN")):
        part = shares(cells, model)
        if part is None:
            continue
        total = part["all"]

        def told(name: str, part: dict[str, float] = part, total: float = total) -> str:
            percent = f" ({100 * part[name] / total:.0f} %)" if total > 0 else ""
            return f"{part[name]:+.1f}{percent}"

        lines.append(
            f"* {what[0].upper()}{what[1:]}, `{OWN}` is {total:+.1f} points from `random`. The "
            f"teacher's labels add {told('teacher')} to random nodes, propagated rows of random "
            f"nodes {told('propagation')} to that. The set's own is {told('own')}."
        )
    return lines


@dataclass(frozen=True)
class Check:
    """One aim: ``found`` at least (or at most) ``wanted``."""

    what: str
    found: float | None
    wanted: float | None
    at_most: bool = False
    unit: str = ""

    def __str__(self) -> str:
        sign = "at most" if self.at_most else "at least"
        if self.found is None or self.wanted is None:
            return f"{self.what}: not measured yet"
        short = self.found - self.wanted if self.at_most else self.wanted - self.found
        by = f"{short:.1f}" if short >= 0.05 else "less than 0.05"
        verdict = "**reached**" if short <= 0 else f"**not reached by {by}**"
        return (
            f"{self.what}: {self.found:.1f}{self.unit}, aim {sign} {self.wanted:.1f}{self.unit}; "
            f"{verdict}"
        )


def checks(cells: Cells, goal: Goal) -> list[Check]:
    """All aims for one budget."""

    def aim(value: float | None, whole: float | None) -> float | None:
        if value is None or not goal.above:
            return value
        return None if whole is None else whole + value

    gcn, mean, worst = cells.score(OWN, "GCN"), cells.mean(OWN), cells.worst(OWN)
    made = [name for name in cells.sets if name not in (*controls.CONTROLS, "whole")]
    best = {name: v for name in made if name != OWN and (v := cells.mean(name)) is not None}
    best_gcn = {name: v for name in made if (v := cells.score(name, "GCN")) is not None}
    out = [
        Check("GCN", gcn, aim(goal.gcn, cells.score("whole", "GCN"))),
        Check(f"mean of {len(cells.models)} models", mean, aim(goal.mean, cells.mean("whole"))),
    ]
    if goal.worst is not None:
        out.append(Check("worst model", worst, aim(goal.worst, cells.worst("whole"))))
    else:
        ours, theirs = cells.of_models(OWN), cells.of_models("random")
        least = min(a - b for a, b in zip(ours, theirs, strict=True)) if ours and theirs else None
        out.append(Check("above `random` with every model, least gain", least, 0.0))
    for name, points in goal.over:
        other = cells.mean(name)
        out.append(Check(f"mean above `{name}`", mean, None if other is None else other + points))
    return [
        *out,
        Check(
            f"mean above every other method{first(best)}", mean, max(best.values(), default=None)
        ),
        Check(
            f"GCN within a point of the best{first(best_gcn)}",
            gcn,
            max(best_gcn.values()) - 1 if best_gcn else None,
        ),
        Check(
            "condensing",
            cells.average(OWN, "seconds") if OWN in cells.sets else None,
            goal.seconds,
            at_most=True,
            unit=" s",
        ),
    ]


def first(scores: Mapping[str, float]) -> str:
    """The best by name, in brackets."""
    return f" (best: `{max(scores, key=scores.__getitem__)}`)" if scores else ""


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def marked(cells: Cells, name: str, model: str) -> str:
    """A score, and how many runs it has where the set has more with another model."""
    most = max(len(cells.of(name, m)) for m in cells.models)
    runs = len(cells.of(name, model))
    few = f" [{runs}]" if 0 < runs < most else ""
    return f"{number(cells.score(name, model))}{few}"


def runs_of(cells: Cells, name: str) -> str:
    """Condensed sets x trainings: the most that a model has, and those that all models have."""
    every = [row for m in cells.models for row in cells.of(name, m)]
    most = max(len(cells.of(name, m)) for m in cells.models)
    trainings = sorted({row["trainings"] for row in every})
    common = len(cells.common(name))
    few = "" if common == most else f" [{common}]"
    return f"{most}{few} x {'-'.join(map(str, dict.fromkeys((trainings[0], trainings[-1]))))}"


def table(cells: Cells, names: Sequence[str], plain: float | None) -> list[str]:
    """Sets down, models across."""
    head = ["set", "mean", "worst", *cells.models, "mean, last epoch", "runs", "seconds"]
    head += ["of one whole-graph training", "nodes", "edges", "KiB"]
    lines = [line(head), "|---" * len(head) + "|"]
    for name in names:
        seconds = cells.average(name, "seconds")
        sizes = [cells.average(name, key) for key in ("set_nodes", "edges", "bytes")]
        sizes[2] /= 1024
        lines.append(
            line(
                [
                    f"**{name}**" if name == OWN else name,
                    *(number(v) for v in (cells.mean(name), cells.worst(name))),
                    *(marked(cells, name, model) for model in cells.models),
                    number(cells.mean(name, "last_mean")),
                    runs_of(cells, name),
                    *(f"{seconds:.1f}", "-" if plain is None else f"{seconds / plain:.2f}"),
                    *(f"{size:,.0f}" for size in sizes),
                ]
            )
        )
    return lines


def uneven(cells: Cells) -> list[str]:
    """Which sets have other runs than ours: their numbers are means over others."""
    ours = cells.common(OWN)
    other = [n for n in cells.sets if n not in WHOLE and cells.common(n) != ours]
    if not other:
        return []
    return [f"**Unequal runs**: {', '.join(other)} have other runs than `{OWN}`, see `runs`.", ""]


def detail(cells: Cells, names: Sequence[str]) -> list[str]:
    """Spread and last epoch of each cell, folded."""
    lines = ['??? note "Standard deviation over all trainings, and the last epoch\'s score"', ""]
    lines += [f"    {line(['set', *cells.models])}", f"    {'|---' * (1 + len(cells.models))}|"]
    for name in names:
        words = []
        for model in cells.models:
            spread, last = cells.spread(name, model), cells.score(name, model, "last_mean")
            words.append("-" if last is None else f"± {number(spread)} ({number(last)})")
        lines.append(f"    {line([name, *words])}")
    return lines


def section(
    cells: Cells, data: str, budget: int, plain: float | None, failed: Mapping[str, str]
) -> list[str]:
    """All of one data set and budget."""
    own = [name for name in cells.sets if name not in controls.CONTROLS]
    fair = [name for name in cells.sets if name in controls.CONTROLS]
    beside = [name for name in (OWN, *BASE) if name in cells.sets]
    tested = {row["test_nodes"] for row in cells.rows}
    sizes = f"{min(tested):,}" + (f" to {max(tested):,}" if len(tested) > 1 else "")
    splits = len({row["split"] for row in cells.rows})
    every = max(row.get("val_every", 1) for row in cells.rows)
    looked = "" if every == 1 else f", looked for after every {every}th epoch"
    text = [
        f"### {NAMES[data]}, {budget} nodes",
        "",
        f"Test accuracy in %, on {sizes} test nodes, {splits} split{'s' * (splits > 1)}, at the "
        f"epoch of best validation accuracy{looked}. Best mean first.",
        "",
        *table(cells, cells.order(own), plain),
        "",
        *uneven(cells),
    ]
    if further := {row["labelled_further"] for row in cells.rows} - {0}:
        text += [
            f"Sets of real labelled nodes and other methods were given {max(further)} further nodes"
            " of each class that label propagation labelled, since there are fewer labelled nodes "
            f"than the budget; `{OWN}` and the controls were not.",
            "",
        ]
    if failed:
        text += ["Not made:", "", *(f"* {name}: {why}" for name, why in failed.items()), ""]
    if (goal := GOALS.get((data, budget))) and len(cells.models) == len(MODELS):
        text += [f"Aims for `{OWN}`:", "", *(f"* {c}" for c in checks(cells, goal)), ""]
    if fair:
        text += [f"Controls of `{OWN}`:", "", *table(cells, cells.order([*fair, *beside]), plain)]
        text += ["", *shares_said(cells), ""]
    text += [*detail(cells, cells.order(cells.sets)), ""]
    return text


def read(out: Path, data: str) -> list[dict[str, Any]]:
    """The cells of a data set, those of earlier pages too; of equal ones that of most trainings."""
    files = sorted((out / "cells" / "transfer" / data).glob("*/*-*.json"))
    cells = [*saved(out, data)["rows"], *(json.loads(file.read_text()) for file in files)]
    rows = sorted(cells, key=lambda row: row["trainings"])  # of equal ones the new one is last
    most = {tuple(row[k] for k in ("split", "nodes", "set", "seed", "model")): row for row in rows}
    return list(most.values())


def saved(out: Path, data: str) -> dict[str, Any]:
    """What an earlier page kept; cells are large and stay on the machine that made them."""
    path = out / f"transfer-{data}.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"rows": []}
    return kept


def plain_seconds(out: Path, data: str) -> float:
    """Of one training of a plain GCN on the whole graph."""
    path = out / "cells" / "transfer" / data / "plain.json"
    if path.exists():
        return float(json.loads(path.read_text())["processor_seconds"])
    return float(saved(out, data)["plain_processor_seconds"])


def failures(out: Path, data: str, budget: int) -> dict[str, str]:
    """Why sets could not be made, by name."""
    found = {}
    for file in sorted((out / "cells" / "transfer" / data).glob(f"*-{budget}-*/failed.json")):
        name = file.parent.name.split("-", 2)[2].rpartition("-")[0]
        found[name] = json.loads(file.read_text())["error"]
    return found


def picture(cells: Cells, data: str, budget: int, path: Path) -> None:
    """The heat map of a data set: sets by models, and their mean."""
    from graphcondense.evaluate import Report
    from graphcondense.evaluate.report import Row

    empty = {**dict.fromkeys(Row.__dataclass_fields__, 0.0), "set_graphs": None}
    rows = []
    for name in cells.order(cells.sets):
        scores = {model: cells.score(name, model) for model in cells.models}
        for model, score in {**scores, "mean": cells.mean(name)}.items():
            if score is not None:
                known = {"label": name, "model": model, "test_selected": score / 100}
                rows.append(Row(**{**empty, **known}))
    tested = {row["test_nodes"] for row in cells.rows}
    report = Report(
        *(f"{NAMES[data]}, {budget} nodes", "", {}, tuple(rows), {}),
        test_examples=max(tested),
    )
    report.plot_transfer(path)


KEPT = (
    *("data", "nodes", "set", "model", "split", "seed", "trainings"),
    *("test_mean", "test_std", "last_mean", "val", "seconds", "edges", "bytes"),
    *("test_nodes", "set_nodes", "labelled_further", "val_every", "tests"),
)
"""What the file of a data set has of each cell; older ones have no single ``tests``."""


def save(path: Path, data: str, plain: float, rows: Iterable[Mapping[str, Any]]) -> None:
    """The cells of a data set, one a line."""

    def short(value: object) -> object:
        if isinstance(value, list):
            return [short(one) for one in value]
        return round(value, 4) if isinstance(value, float) else value

    lines = [json.dumps({key: short(row[key]) for key in KEPT if key in row}) for row in rows]
    head = f'{{"data": "{data}", "plain_processor_seconds": {plain:.2f}, "rows": ['
    path.write_text("\n".join([head, ",\n".join(lines), "]}", ""]))


def write(out: Path, budgets: Mapping[str, Sequence[int]]) -> None:
    """``transfer.md``, and of each data set ``transfer-DATA.json`` and a heat map.

    Args:
        out: the folder of cells and pages.
        budgets: of each data set.
    """
    head = ["# Transfer between models\n", "Written by `benchmarks/transfer.py`; do not edit.\n"]
    parts: list[str] = []
    for name, sizes in budgets.items():
        rows = read(out, name)
        measured = [budget for budget in sizes if any(row["nodes"] == budget for row in rows)]
        if not measured:
            continue
        plain = plain_seconds(out, name)
        save(out / f"transfer-{name}.json", name, plain, rows)
        parts.append(
            f"## {NAMES[name]}\n\nOne training of a plain PyG GCN on the whole graph takes "
            f"{plain:.1f} processor seconds.\n"
        )
        shown = measured[min(1, len(measured) - 1)]
        for budget in measured:
            cells = Cells([row for row in rows if row["nodes"] in (0, budget)], list(MODELS))
            parts.append(
                "\n".join(section(cells, name, budget, plain, failures(out, name, budget)))
            )
            if budget == shown:
                picture(cells, name, budget, out / f"transfer-{name}.png")
    if (ranked := out / "nas-quotient.md").exists():
        parts.append(ranked.read_text())
    text = "\n".join([*head, *(parts or ["Nothing has been measured yet.\n"])])
    (out / "transfer.md").write_text(text)
