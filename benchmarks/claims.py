"""What README says of the default condenser, each claim with a verdict.

    python benchmarks/claims.py

A claim is that ``quotient`` is better than another set: in the mean over thirteen models, or with a
GCN. It is read from ``--out``/transfer-DATA.json, so nothing is trained here. One observation is a
condensation (or a split); of the whole graph, which has none, it is a training. All claims are one
family: Holm's procedure corrects them together, see ``graphcondense.evaluate.comparison``. A claim
that is not "better" is not to be made in README.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import transfer_page

from graphcondense.evaluate.comparison import Comparison, compare
from graphcondense.nn.batched import MODELS

OWN = transfer_page.OWN
ALL = "all thirteen"
Claims = Mapping[tuple[str, int], Mapping[str, Sequence[str]]]
CLAIMS: Claims = {
    ("cora", 35): {ALL: ("whole",)},
    ("cora", 70): {
        ALL: ("whole", "gecc", "random", "random+soft", "random-rows+soft"),
        "GCN": ("whole",),
    },
    ("cora", 140): {ALL: ("whole",)},
    ("citeseer", 30): {ALL: ("whole",)},
    ("citeseer", 60): {
        ALL: ("whole", "gecc", "random", "random+soft", "random-rows+soft"),
        "GCN": ("whole",),
    },
    ("citeseer", 120): {ALL: ("whole",)},
    ("computers", 137): {ALL: ("random",)},
}
"""What the default is said to be better than, by data and nodes, and by what is trained."""


@dataclass(frozen=True)
class Row:
    """What a comparison reads of one set: scores ``[sets][trainings]``, and a number a run."""

    label: str
    model: str
    scores: tuple[tuple[float, ...], ...]
    seeds: tuple[int, ...] | None
    splits: tuple[str, ...] | None = None

    @property
    def graphs(self) -> int:
        return len(self.scores)

    @property
    def test_selected(self) -> float:
        return statistics.fmean(value for one in self.scores for value in one)


@dataclass(frozen=True)
class Found:
    """All rows, in the form of a report."""

    rows: tuple[Row, ...]
    data: str = "claims"
    metric: str = "accuracy"
    examples: str = "nodes"
    test_examples: int | None = None
    test_unlabelled: int = 0

    @property
    def labels(self) -> list[str]:
        return list(dict.fromkeys(row.label for row in self.rows))

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(row.model for row in self.rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    print(write(args.out))


def write(out: Path, claims: Claims = CLAIMS) -> str:
    """``claims.md``, ``claims.json`` and ``claims.png``; returns the page."""
    found = verdicts(out, claims)
    better = sum(row.outcome == "better" for row in found.rows)
    worse = sum(row.outcome == "worse" for row in found.rows)
    head = (
        "# Claims\n\nWritten by `benchmarks/claims.py`; do not edit.\n\n"
        f"Of {len(found.rows)} claims that `{OWN}` is better, **{better}** hold at "
        f"{found.alpha:.0%} for all of them together (Holm), {worse} are wrong, and "
        f"{len(found.rows) - better - worse} cannot be told.\n\n"
    )
    text = "\n".join([head + found.cells().markdown(), "", *(f"* {n}" for n in found.notes()), ""])
    (out / "claims.md").write_text(text)
    (out / "claims.json").write_text(json.dumps(found.to_dict(), indent=1) + "\n")
    found.plot(out / "claims.png")
    return text


def verdicts(out: Path, claims: Claims) -> Comparison:
    """All claims, compared as one family."""
    rows: dict[tuple[str, str], Row] = {}
    pairs: list[tuple[str, str, str]] = []
    for (data, nodes), said in claims.items():
        cells = transfer_page.read(out, data)
        for model, others in said.items():
            models = list(MODELS) if model == ALL else [model]
            for name in (OWN, *others):
                label = f"{name}, {data} {nodes}"
                rows[label, model] = row_of(cells, nodes, name, models, label, model)
            own = f"{OWN}, {data} {nodes}"
            pairs += [(own, f"{name}, {data} {nodes}", model) for name in others]
    return together(rows, pairs)


def together(
    rows: Mapping[tuple[str, str], Row], claims: Sequence[tuple[str, str, str]]
) -> Comparison:
    """One family of pairs, each of models of its own."""
    named = {
        f"{label}, {model}": replace(row, label=f"{label}, {model}", model="-")
        for (label, model), row in rows.items()
    }
    pairs = [(f"{first}, {model}", f"{second}, {model}") for first, second, model in claims]
    found = compare(Found(tuple(named.values())), pairs)
    shown = [
        replace(row, first=first, second=second.partition(",")[0], model=model)
        for row, (first, second, model) in zip(found.rows, claims, strict=True)
    ]
    return replace(found, rows=tuple(shown))


def row_of(
    cells: Sequence[Mapping[str, Any]],
    nodes: int,
    name: str,
    models: Sequence[str],
    label: str,
    model: str,
) -> Row:
    """Means over models, of the runs that all models have."""
    fixed = name in transfer_page.WHOLE
    wanted = [c for c in cells if c["set"] == name and c["nodes"] == (0 if fixed else nodes)]
    by_run: dict[tuple[int, int], dict[str, Mapping[str, Any]]] = {}
    for cell in wanted:
        by_run.setdefault((cell["split"], cell["seed"]), {})[cell["model"]] = cell
    runs = sorted(run for run, has in by_run.items() if all(m in has for m in models))
    if not runs:
        raise ValueError(f"{label}: not measured with {', '.join(models)}; run transfer.py")
    scores = tuple(tuple(over(by_run[run], models)) for run in runs)
    if len(runs) > 1:  # a run is one observation, of however many trainings
        scores = tuple((statistics.fmean(one),) for one in scores)
    splits = len({split for split, _ in runs}) > 1
    return Row(label, model, scores, None if fixed and not splits else tuple(map(number, runs)))


def number(run: tuple[int, int]) -> int:
    """One number for a split and a condensation seed, by which runs of two sets are paired."""
    split, seed = run
    return 1000 * split + (0 if split else seed)


def over(cells: Mapping[str, Mapping[str, Any]], models: Sequence[str]) -> Iterator[float]:
    """The mean over models of each training, as far as all models have so many; the mean of
    trainings where they were not kept one by one."""
    if all(cells[m].get("tests") for m in models):
        yield from map(statistics.fmean, zip(*(cells[m]["tests"] for m in models), strict=False))
    else:
        yield statistics.fmean(cells[m]["test_mean"] for m in models)


if __name__ == "__main__":
    main()
