"""The transfer table: condensed by some, trained on by every model of the package.

    OMP_NUM_THREADS=1 python benchmarks/transfer.py --root DATA

Finished parts are kept in ``--out``/cells and not run again; delete that folder to start over.
Condensing is done by ``benchmarks/nodes.py``, one process a run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nodes

SETS = ("gcond", "doscond-x", "random", "herding", "whole")
NETWORKS = ("gcond-x@sgc", "gcond-x@gcn", "gcond-x@appnp")
"""The same method matched in different networks, one condensation seed: who condensed for whom."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", nargs="+", default=list(nodes.BUDGETS))
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--seeds", type=int, default=3, help="condensation seeds")
    parser.add_argument("--trainings", type=int, default=10, help="training seeds of each result")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--page", action="store_true", help="only write tables from what is there")
    args = parser.parse_args()
    if not args.page:
        for data in args.data:
            for name in args.sets:
                score(args, data, name, args.seeds)
            for name in args.networks:
                score(args, data, name, 1)
    write_page(args)


def cell(args: argparse.Namespace, data: str, name: str) -> Path:
    budget = nodes.BUDGETS[data]
    return args.out / "cells" / f"transfer-{data}-{budget}-{name}-{args.trainings}.json"


def score(args: argparse.Namespace, data: str, name: str, seeds: int) -> None:
    """One set's graphs in every model."""
    import graphcondense
    from graphcondense.data import as_task
    from graphcondense.evaluate import evaluate
    from graphcondense.evaluate.report import ALL

    path = cell(args, data, name)
    if path.exists():
        return
    print(f"{data}: {name}", file=sys.stderr, flush=True)
    real = as_task(graphcondense.data.load(data, root=args.root))
    if name == "whole":
        graphs = [real]
    else:
        own = argparse.Namespace(methods=[name], seeds=seeds, out=args.out, root=args.root)
        nodes.condense_all(own, data)
        folders = [nodes.cell_folder(args.out, data, name, seed) for seed in range(seeds)]
        graphs = [graphcondense.load(folder) for folder in folders]
    report = evaluate(
        {name: graphs},
        real,
        models=ALL,
        seeds=args.trainings,
        baselines=(),
        plain_epochs=0,
        progress=sys.stderr.isatty(),
    )
    report.to_json(path)


def write_page(args: argparse.Namespace) -> None:
    """``transfer.md``, and a heat map for each data set."""
    from graphcondense.evaluate import Report

    parts = []
    for data in args.data:
        small = [name for name in args.sets if name != "whole"]
        files = [cell(args, data, name) for name in (*small, *args.networks, "whole")]
        reports = [Report.read(file) for file in files if file.exists()]
        if not reports:
            continue
        report = reports[0].with_rows_of(*reports[1:])
        report.to_json(args.out / f"transfer-{data}.json")
        report.plot_transfer(args.out / f"transfer-{data}.png")
        parts.append(table(data, report))
    text = "\n".join(parts)
    (args.out / "transfer.md").write_text(
        f"# Transfer between models\n\nWritten by `benchmarks/transfer.py`; do not edit.\n\n{text}"
    )


def table(data: str, report) -> str:
    """Models down, sets across: pages are narrow."""
    rows = {(row.label, row.model): row for row in report.rows}
    marked = {row.model for row in report.rows if row.predictor == "non-GNN"}
    lines = [
        f"**{data}, {nodes.BUDGETS[data]} nodes**: test %, best validation (last epoch)\n",
        f"| evaluated with | {' | '.join(report.labels)} |",
        f"|---|{'---|' * len(report.labels)}",
    ]
    for model in report.models:
        cells = []
        for label in report.labels:
            row = rows.get((label, model))
            if row is None:
                cells.append("-")
                continue
            last = "" if model in marked else f" ({100 * row.test_last:.1f})"
            spread = "" if model in marked else f" ± {100 * row.test_selected_std:.1f}"
            cells.append(f"{100 * row.test_selected:.1f}{spread}{last}")
        lines.append(f"| {model}{' *' if model in marked else ''} | {' | '.join(cells)} |")
    sizes = [
        f"{label}: {row.graphs} x {row.trainings} seeds, {row.nodes:,} nodes, {row.edges:,} edges, "
        f"{row.bytes:,} bytes"
        for label in report.labels
        for row in [next(r for r in report.rows if r.label == label)]
    ]
    return "\n".join([*lines, f"\n{'; '.join(sizes)}. \\* no GNN.\n"])


if __name__ == "__main__":
    main()
