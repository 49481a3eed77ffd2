"""The page of default settings, from finished cells."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sets import SETS

from graphcondense.evaluate.comparison import compare
from graphcondense.evaluate.over import over_splits
from graphcondense.evaluate.ranks import rank
from graphcondense.evaluate.report import Report, Row
from graphcondense.evaluate.result import dash, percent
from graphcondense.ops.files import write_whole
from graphcondense.ops.tables import Table

Found = Mapping[str, Any]
USUAL = (256, 300)
AGAINST = ("random", "quotient")
"""What every method is compared with."""
MOST = 0.8
"""Share of the methods of a data set that a split needs to be counted among common ones."""
LEAST = 3
"""Methods that a picture of ranks needs, and splits that a verdict needs."""


def write(rows: Sequence[Found], out: Path) -> None:
    """``defaults.md`` and its pictures, from what is there."""
    usual = [row for row in rows if (row["hidden"], row["epochs"]) == USUAL]
    done = [row for row in usual if "error" not in row]
    lines = [
        "# Default settings",
        "",
        "Written by `python benchmarks/defaults.py --root DATA`; do not edit.",
        "",
        "Every method with its one default setting: no preset, no option. Test accuracy in % of a "
        "GCN of 256 units, 300 epochs, at the epoch that is best on validation nodes. A split has "
        "one condensation, with its own seed, and a few trainings. ± is over splits (over "
        "trainings, where there is one split). Cora and CiteSeer have random splits here, 20 "
        "labels a class, not the published one. debian has one split: of its graph further splits "
        "are further condensations alone.",
        "",
        "Some methods have more splits than others of the same data: their means are not of the "
        "same labels. So the distance behind the best and ranks are over splits that most methods "
        "have, and verdicts over splits that all of a table have.",
        "",
        "Kept out: no default was chosen with these scores in view, but four of `quotient`: how "
        "far features may stand out was bounded, networks began to judge learnt features and the "
        "plain quotient graph, and that graph keeps its links to siblings, after its scores on "
        "them were seen.",
        "",
        *section_of_sets(done),
        *section_of_scores(done),
        *section_of_ranks(done, out),
        *section_of_verdicts(done),
        *section_of_costs(done),
        *section_of_failures(usual),
        *section_of_settings(rows),
    ]
    write_whole(out / "defaults.md", "\n".join(lines))


def names_of(rows: Iterable[Found]) -> list[str]:
    """Data sets in their order."""
    present = {row["data"] for row in rows}
    return [name for name in SETS if name in present]


def means(rows: Iterable[Found]) -> dict[str, list[float]]:
    """The mean of the trainings of every split, by method."""
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row["set"], []).append(statistics.fmean(row["tests"]))
    return found


def common(rows: Iterable[Found]) -> list[Found]:
    """The rows of those splits that most methods have: in others few would be ranked, and no
    method behind them. Of these, methods that have them all."""
    kept: list[Found] = []
    by: dict[str, dict[int, set[str]]] = {}
    rows = list(rows)
    for row in rows:
        by.setdefault(row["data"], {}).setdefault(row["split"], set()).add(row["set"])
    for name, splits in by.items():
        most = max(map(len, splits.values()))
        shared = [split for split, methods in splits.items() if len(methods) >= MOST * most]
        everywhere = set.intersection(*(splits[split] for split in shared))
        kept += [
            row
            for row in rows
            if row["data"] == name and row["split"] in shared and row["set"] in everywhere
        ]
    return kept


def section_of_sets(rows: Sequence[Found]) -> list[str]:
    """What the data sets are, and how much was run."""
    body = []
    for name in names_of(rows):
        own = [row for row in rows if row["data"] == name]
        one, counts = SETS[name], sorted({len(found) for found in means(own).values()})
        body.append(
            [
                one.called + (" (kept out)" if one.kept_out else ""),
                f"{own[0]['nodes']}",
                one.split,
                " or ".join(map(str, counts)),
                f"{len({row['set'] for row in own})}",
                f"{len(own[0]['tests'])}",
                f"{own[0]['test_nodes']:,}",
                f"{own[0]['val_every']}",
            ]
        )
    head = ["data", "nodes", "split", "splits", "methods", "trainings", "test nodes"]
    head += ["validated every"]
    return [Table(head, body).markdown(), ""]


def section_of_scores(rows: Sequence[Found]) -> list[str]:
    """The accuracy of every method on every data set, best mean rank first."""
    names = names_of(rows)
    by = {name: means(row for row in rows if row["data"] == name) for name in names}
    labels = list(dict.fromkeys(row["set"] for row in rows))
    shared = {name: means(r for r in common(rows) if r["data"] == name) for name in names}
    best = {name: max(map(statistics.fmean, found.values())) for name, found in shared.items()}

    def place(label: str) -> tuple[int, float]:
        gaps = [best[n] - statistics.fmean(shared[n][label]) for n in names if label in shared[n]]
        return -len(gaps), statistics.fmean(gaps) if gaps else math.nan

    body = []
    for label in sorted(labels, key=place):
        line = [label]
        for name in names:
            line.append(_score(by[name].get(label), rows, name, label))
        body.append([*line, dash(place(label)[1], ".1f", 100)])
    head = ["method", *(SETS[name].called for name in names), "behind the best, mean"]
    return ["### Accuracy", "", Table(head, body).markdown(), ""]


def _score(found: Sequence[float] | None, rows: Iterable[Found], name: str, label: str) -> str:
    if not found:
        return "-"
    if len(found) > 1:
        return percent(statistics.fmean(found), statistics.stdev(found))
    tests = next(r["tests"] for r in rows if r["data"] == name and r["set"] == label)
    return percent(found[0], statistics.stdev(tests) if len(tests) > 1 else None)


def section_of_ranks(rows: Sequence[Found], out: Path) -> list[str]:
    """Mean ranks over data sets, and the picture; of what all of these data sets have."""
    rows, names = common(rows), names_of(rows)
    by = {name: means(row for row in rows if row["data"] == name) for name in names}
    # A data set that few methods were run on would leave only these in the picture.
    most = max(map(len, by.values()), default=0)
    names = [name for name in names if len(by[name]) >= MOST * most]
    labels = [k for k in by[names[0]] if all(k in by[n] for n in names)] if names else []
    if len(labels) < LEAST or len(names) < 2:
        return []
    scores = {k: [statistics.fmean(by[n][k]) for n in names] for k in labels}
    found = rank(scores, [SETS[n].called for n in names], title="GCN, default settings")
    found.plot(out / "defaults.png")
    return [
        "### Ranks over data sets",
        "",
        *(line for note in found.notes() for line in (note, "")),
        "`defaults.png`: thick lines join what is not told apart.",
        "",
    ]


def section_of_verdicts(rows: Sequence[Found]) -> list[str]:
    """Every method against a floor and against the default, by data set."""
    lines = []
    for name in names_of(rows):
        own = [row for row in rows if row["data"] == name]
        of_split = {
            s: {r["set"] for r in own if r["split"] == s} for s in {r["split"] for r in own}
        }
        # A split that was just begun would leave few methods that all splits have.
        splits = sorted(s for s, k in of_split.items() if "random" in k and len(k) > LEAST)
        reports = [_report(name, s, [r for r in own if r["split"] == s]) for s in splits]
        if len(splits) < LEAST:
            continue
        kept = over_splits(reports)
        floors = [label for label in AGAINST if label in kept.labels]
        pairs = [(k, floor) for floor in floors for k in kept.labels if k not in AGAINST]
        pairs += [("quotient", "random")] if len(floors) == len(AGAINST) else []
        if not pairs:
            continue
        found = compare(kept, pairs)
        told = {(r.first, r.second): r for r in found.rows}
        counts = {
            floor: {
                word: sum(r.outcome == word for r in found.rows if r.second == floor)
                for word in ("better", "equivalent", "undecided", "worse")
            }
            for floor in floors
        }
        lines += [f"#### {SETS[name].called}, {len(splits)} splits", ""]
        for floor, count in counts.items():
            lines += [f"Against {floor}: {', '.join(f'{n} {w}' for w, n in count.items())}.", ""]
        body = [
            [k, *(_verdict(told.get((k, floor))) for floor in floors)]
            for k in dict.fromkeys(first for first, _ in told)
        ]
        head = ["method", *(f"against {floor}" for floor in floors)]
        lines += [Table(head, body).markdown(), ""]
    if lines:
        meaning = (
            "A split is one observation, paired; Holm over all pairs of a table, at 5 %, margin of "
            "equivalence one point. In brackets the difference, then the smallest that so many "
            "splits with this spread show in four of five cases, in points."
        )
        lines = ["### Verdicts", "", meaning, "", *lines]
    return lines


def _verdict(row: Any) -> str:
    if row is None:
        return "-"
    least = "-" if row.detectable is None else f"{100 * row.detectable:.1f}"
    return f"{row.outcome} ({100 * row.difference:+.1f}; {least})"


def _report(name: str, split: int, rows: Sequence[Found]) -> Report:
    """The cells of a split as an evaluation has them."""
    return Report(
        data=name,
        digest=f"split {split}",
        settings={},
        rows=tuple(
            Row(
                label=row["set"],
                model=row["model"],
                predictor="GNN",
                edge_weights="",
                chosen="",
                graphs=1,
                trainings=len(row["tests"]),
                test_selected=statistics.fmean(row["tests"]),
                test_selected_std=0.0,
                test_last=statistics.fmean(row["lasts"]),
                test_last_std=0.0,
                val_selected=0.0,
                epoch_selected=0.0,
                spread_graphs=None,
                spread_trainings=None,
                nodes=row["set_nodes"],
                edges=row["edges"],
                bytes=row["bytes"],
                seconds=0.0,
                seconds_training=0.0,
                processor_seconds=0.0,
                scores=(tuple(row["tests"]),),
            )
            for row in rows
        ),
        ledgers={},
    )


def section_of_costs(rows: Sequence[Found]) -> list[str]:
    """Seconds, edges and bytes: means over splits."""
    names = names_of(rows)
    body = []
    for label in sorted({row["set"] for row in rows}):
        line = [label]
        for name in names:
            own = [r for r in rows if r["data"] == name and r["set"] == label]
            line.append(
                f"{statistics.fmean(r['seconds'] for r in own):.1f} s, "
                f"{statistics.fmean(r['edges'] for r in own):,.0f}, "
                f"{statistics.fmean(r['bytes'] for r in own) / 1024:,.0f}"
                if own
                else "-"
            )
        body.append(line)
    head = ["method", *(SETS[name].called for name in names)]
    words = "Processor seconds to condense, on a busy machine; edges; KiB as stored."
    return ["### Costs", "", words, "", Table(head, body).markdown(), ""]


def section_of_failures(rows: Sequence[Found]) -> list[str]:
    """What was refused or took too long."""
    failed = [row for row in rows if "error" in row]
    if not failed:
        return []
    body = [
        [row["set"], SETS[row["data"]].called, str(row["split"]), row["error"]] for row in failed
    ]
    return [
        "### Without a result",
        "",
        Table(["method", "data", "split", "why"], body).markdown(),
        "",
    ]


def section_of_settings(rows: Sequence[Found]) -> list[str]:
    """The same condensed graphs under other evaluators."""
    lines = []
    done = [row for row in rows if row["split"] == 0 and "error" not in row]
    for name in names_of(done):
        own = [row for row in done if row["data"] == name]
        settings = sorted({(row["hidden"], row["epochs"]) for row in own})
        if len(settings) < 2:
            continue
        table = {s: means(r for r in own if (r["hidden"], r["epochs"]) == s) for s in settings}
        labels = [k for k in table[settings[0]] if all(k in table[s] for s in settings)]
        body = []
        for label in labels:
            values = [statistics.fmean(table[s][label]) for s in settings]
            body.append([label, *map(percent, values), f"{100 * (max(values) - min(values)):.1f}"])
        body.sort(key=lambda line: -float(line[-1]))
        head = ["method", *(f"{h} x {e}" for h, e in settings), "range"]
        lines += [f"#### {SETS[name].called}", "", Table(head, body).markdown(), ""]
    if lines:
        words = (
            "`python benchmarks/defaults.py --root DATA --wide`: hidden units x epochs of the GCN, "
            "split 0, the same condensed graphs; the largest range first."
        )
        lines = ["### Other widths and epochs", "", words, "", *lines]
    return lines
