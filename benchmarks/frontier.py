"""What one model costs the others: `quotient` by other settings than its own, on every model.

    OMP_NUM_THREADS=1 python benchmarks/frontier.py --root DATA --out docs/results

Nearly all settings change the default in one way. A row is one condensation by one setting, with
the score of every model that ``transfer.py`` has. Rows are kept in ``frontier.json`` and are not
made again; ``--page`` alone writes the tables and the picture from them. Test scores say how far a
setting can bring a model, and nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import nodes
import transfer
import when
from cells import add_workers, each, end, keep_rows, kept_rows

from graphcondense.nn.batched import MODELS
from graphcondense.ops.figures import COLOURS, FAINT, new_figure, plain, saved
from graphcondense.ops.files import write_whole
from graphcondense.ops.tables import Table

BUDGETS = {"cora": 70, "citeseer": 60, "debian": 640}
WITHOUT = {"debian": ("H2GCN",)}
"""Models that take too long on the real graph."""
SHOWN = ("GCNII", "GIN", "GAT", "SAGE", "SGFormer", "MLP")
"""Models with a column of their own."""
VAL_EVERY = 5
"""Epochs from one validation to the next."""
SETTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "means": {"steps": 0},
    "the plain graph": {"steps": 0, "contrast": 1.0, "moved": 0.0},
    "no siblings": {"moved": 0.0},
    "all to siblings": {"moved": 1.0},
    "short rows": {"stretch": 0.0},
    "long rows": {"stretch": 1.0},
    "contrast 1": {"contrast": 1.0},
    "contrast 4": {"contrast": 4.0},
    "ridge 1": {"ridge": 1.0},
    "ridge 0.3": {"ridge": 0.3},
    "200 steps": {"steps": 200},
    "hard labels": {"labels": "hard"},
    "softer labels": {"sharpness": 2.0},
    "short rows, no siblings": {"stretch": 0.0, "moved": 0.0},
    "shares by size": {"rule": "remainder"},
}
"""By what the tables call them."""

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", help="folder of the data sets")
    parser.add_argument("--data", nargs="*", default=list(BUDGETS), choices=list(BUDGETS))
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=3, help="condensation seeds")
    parser.add_argument("--trainings", type=int, default=1, help="of each model on each set")
    parser.add_argument("--out", type=Path, required=True, help="folder of frontier.json")
    parser.add_argument("--page", action="store_true", help="only write what --out has")
    add_workers(parser)
    args, failed = parser.parse_args(), list[str]()
    rows = kept(args.out)
    if not args.page:
        if other := {row["trainings"] for row in rows} - {args.trainings}:
            parser.error(
                f"--trainings {args.trainings}: rows in --out have {other}; give that, or another "
                "folder"
            )
        there = {(row["data"], row["setting"], row["seed"]) for row in rows}
        jobs = {
            f"{data}, {setting}, {seed}": (args.root, data, setting, seed, args.trainings)
            for seed, data, setting in product(range(args.seeds), args.data, args.settings)
            if (data, setting, seed) not in there
        }
        for row in each(made, jobs, workers=args.workers, seconds=args.seconds, failed=failed):
            rows.append(row)
            keep_rows(args.out / "frontier.json", rows)
    elif not rows:
        parser.error(f"{args.out} has no frontier.json")
    if rows:
        write_whole(args.out / "frontier.md", page(rows))
        picture(rows, args.out / "frontier.png")
    end(failed)


def made(job: tuple[str | None, str, str, int, int]) -> Row:
    """A condensed set, and every model's test accuracy after the epoch of best validation."""
    root, data, setting, seed, trainings = job
    task, evaluator = transfer.real(root, data, 0), evaluator_of(root, data)
    small = nodes.condensed(task, "quotient", BUDGETS[data], seed, **SETTINGS[setting])
    scores = {}
    for model in (name for name in MODELS if name not in WITHOUT.get(data, ())):
        fits = transfer.fitted(evaluator, model, small, trainings, 4.0)
        values = [value for fit in fits for value in fit.test_selected.tolist()]
        scores[model] = 100 * statistics.fmean(values)
    row = {
        "data": data,
        "nodes": BUDGETS[data],
        "setting": setting,
        "seed": seed,
        "trainings": trainings,
        "test_nodes": len(task.test),
        "seconds": small.condensed["processor_seconds"],
        "when": when.stamp(),
        "scores": scores,
    }
    if not SETTINGS[setting]:
        row["teacher"] = right(transfer.lesson(root, data, 0, seed), task)
    return row


def right(lesson: Any, task: Any) -> float:
    """Of how many test nodes the teacher of ``quotient`` is right, in %."""
    return 100 * float((lesson.soft.argmax(1) == task.y)[task.test].float().mean())


@lru_cache(maxsize=1)
def evaluator_of(root: str | None, data: str) -> Any:
    """One for all models, which share what is made of the real graph."""
    from graphcondense.evaluate import NodeEvaluator

    return NodeEvaluator(transfer.real(root, data, 0), val_every=VAL_EVERY)


def kept(out: Path) -> list[Row]:
    """Rows of earlier commands."""
    return kept_rows(out / "frontier.json")


def settings_of(rows: Sequence[Row], data: str) -> dict[str, dict[str, float]]:
    """What is told of each setting that there are rows of."""
    of = {name: [r for r in rows if (r["data"], r["setting"]) == (data, name)] for name in SETTINGS}
    return {name: told(own) for name, own in of.items() if own}


def named(rows: Sequence[Row], data: str) -> str:
    return f"{data}, {next(row['nodes'] for row in rows if row['data'] == data)} nodes"


def told(rows: Sequence[Row]) -> dict[str, float]:
    """Means over the rows: of models, of their mean and of seconds; the worst model; standard
    deviations of the GCN and of the mean, NaN of a single row."""
    models = {name: statistics.fmean(r["scores"][name] for r in rows) for name in rows[0]["scores"]}
    means = [statistics.fmean(row["scores"].values()) for row in rows]
    both = {"GCN ±": [row["scores"]["GCN"] for row in rows], "mean ±": means}
    return {
        **models,
        "mean": statistics.fmean(means),
        "worst": min(models.values()),
        **{key: statistics.stdev(v) if len(rows) > 1 else math.nan for key, v in both.items()},
        "runs": len(rows),
        "seconds": statistics.fmean(row["seconds"] for row in rows),
    }


def on_frontier(found: Mapping[str, Mapping[str, float]]) -> set[str]:
    """The settings that no other is better than with a GCN or in the mean, and no worse in the
    other; settings that are level in both stand beside each other."""
    return {
        name
        for name, own in found.items()
        if not any(
            other["GCN"] >= own["GCN"]
            and other["mean"] >= own["mean"]
            and (other["GCN"], other["mean"]) != (own["GCN"], own["mean"])
            for other in found.values()
        )
    }


def page(rows: Sequence[Row]) -> str:
    """A table a data set, the best GCN first."""
    parts = ["# Frontier", "Written by `benchmarks/frontier.py`; do not edit."]
    head = ["setting", "frontier", "GCN", "mean", "worst", *SHOWN, "runs", "seconds"]
    for data in dict.fromkeys(row["data"] for row in rows):
        own = next(row for row in rows if row["data"] == data)
        found = settings_of(rows, data)
        best = on_frontier(found)
        lines = [
            [
                name,
                "yes" if name in best else "",
                *(spread(values[key], values[f"{key} ±"]) for key in ("GCN", "mean")),
                *(f"{values[key]:.1f}" for key in ("worst", *SHOWN)),
                f"{values['runs']} x {own['trainings']}",
                f"{values['seconds']:.1f}",
            ]
            for name, values in sorted(found.items(), key=lambda one: -one[1]["GCN"])
        ]
        parts += [
            f"### {named(rows, data)}",
            f"Test accuracy in %, on {own['test_nodes']:,} test nodes, of {len(own['scores'])} "
            "models at the epoch of best validation accuracy, looked for after every fifth; ± is "
            "the standard deviation over condensations. On the frontier no other setting is better "
            f"both with a GCN and in the mean. The teacher, whose labels all of them have but for "
            f"their sharpness, is right on {of_teacher(rows, data)} %.",
            Table(head, lines).markdown(),
        ]
    return "\n\n".join(parts) + "\n"


def of_teacher(rows: Sequence[Row], data: str) -> str:
    """Of test nodes, in the condensations that are told."""
    found = [row["teacher"] for row in rows if row["data"] == data and "teacher" in row]
    return ", ".join(f"{value:.1f}" for value in found) or "-"


def spread(value: float, std: float) -> str:
    return f"{value:.1f}" if math.isnan(std) else f"{value:.1f} ± {std:.1f}"


def picture(rows: Sequence[Row], path: Path) -> None:
    """A GCN against the mean of all models, a panel a data set; a line joins the frontier."""
    data_sets = list(dict.fromkeys(row["data"] for row in rows))
    figure = new_figure(5 * len(data_sets), 4.5)
    for axes, data in zip(
        figure.subplots(1, len(data_sets), squeeze=False)[0], data_sets, strict=True
    ):
        found = settings_of(rows, data)
        best = on_frontier(found)
        line = sorted((found[name]["mean"], found[name]["GCN"]) for name in best)
        axes.plot(*zip(*line, strict=True), color=COLOURS[0], alpha=0.3, zorder=0)
        places: dict[tuple[float, float], list[str]] = {}
        for name, values in found.items():
            places.setdefault((values["mean"], values["GCN"]), []).append(name)
        for i, (at, names) in enumerate(sorted(places.items())):
            own = any(not SETTINGS[name] for name in names)
            colour = COLOURS[3] if own else COLOURS[0] if best & {*names} else FAINT
            axes.scatter(*at, color=colour, s=18)
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            axes.annotate(
                names[0] + more,
                at,
                xytext=(0, 4 if i % 2 else -9),  # neighbours above and below
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=colour,
            )
        axes.margins(0.15)
        axes.set(title=named(rows, data), xlabel="mean of all models, %", ylabel="GCN, %")
        plain(axes)
    saved(figure, path)


if __name__ == "__main__":
    import frontier

    frontier.main()  # of a module that workers import, too
