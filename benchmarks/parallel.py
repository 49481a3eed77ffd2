"""What several processes spare of one run: ``torchrun`` against one process with as many learners.

    OMP_NUM_THREADS=1 python benchmarks/parallel.py --root data --out docs/results

Both make the same condensed set. They run in turn, ``--repeats`` times each, every process of one
thread, first unscored and then scored as by default, which process 0 alone does. The efficiency is
the processor seconds of the one process divided by those of the slowest process times their number,
of medians: what a machine with a core for each process would spare, also where other work goes on.
What is imported and read is not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import when

SCORED = (0, 5)
"""How often a run is scored: never, and as by default."""


def child(out: Path, how: Mapping[str, Any]) -> None:
    """One process of a run: write what it took."""
    import torch

    torch.set_num_threads(1)
    import graphcondense
    from graphcondense.data import load

    data = load(how["data"], root=how["root"])
    options = {"seed": 0, "progress": False, "learners": how["processes"], "device": "cpu"}
    own = {"nodes": how["nodes"], "epochs": how["epochs"]}
    # What is made once is made before.
    graphcondense.condense(data, how["method"], **{**own, "epochs": 1}, validations=0, **options)
    began = time.process_time()
    small = graphcondense.condense(
        data, how["method"], **own, validations=how["validations"], **options
    )
    found = {"seconds": time.process_time() - began, "sum": float(small.x.double().sum())}
    out.with_name(f"{out.name}{os.environ.get('RANK', '')}").write_text(json.dumps(found))


def timed(processes: int, how: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each process of a run took: one, or so many by ``torchrun``."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "took"
        started = [sys.executable, "-W", "ignore"]
        if processes > 1:
            started += ["-m", "torch.distributed.run", "--standalone"]
            started += [f"--nproc-per-node={processes}"]
        words = [__file__, "--child", str(out), json.dumps(dict(how))]
        done = subprocess.run(
            [*started, *words],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(f"a run of {processes} processes failed:\n{done.stderr[-2000:]}")
        return [json.loads(path.read_text()) for path in sorted(out.parent.glob("took*"))]


def efficiency(
    one: Sequence[Sequence[Mapping[str, float]]],
    several: Sequence[Sequence[Mapping[str, float]]],
) -> tuple[float, float, float]:
    """Medians over runs of the slowest process, of one process and of several, and the efficiency.

    >>> efficiency([[{"seconds": 8.0}]], [[{"seconds": 4.0}, {"seconds": 5.0}]])
    (8.0, 5.0, 0.8)
    """
    alone, slowest = (
        statistics.median(max(process["seconds"] for process in run) for run in runs)
        for runs in (one, several)
    )
    return alone, slowest, alone / (len(several[0]) * slowest)


def measured(args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each of ``SCORED``."""
    rows = []
    for validations in SCORED:
        how = {"data": args.data, "root": str(args.root), "method": args.method}
        how |= {"nodes": args.nodes, "epochs": args.epochs, "validations": validations}
        how |= {"processes": args.processes}
        runs: dict[int, list[list[dict[str, Any]]]] = {1: [], args.processes: []}
        for number in range(args.repeats):
            for processes, kept in runs.items():
                kept.append(timed(processes, how))
                print(f"scored {validations}, {processes} processes, {number}: {kept[-1]}")
        row: dict[str, Any] = {**how, "repeats": args.repeats}
        del row["root"]
        row["seconds"] = efficiency(runs[1], runs[args.processes])
        sums = [process["sum"] for kept in runs.values() for run in kept for process in run]
        row["apart"] = (max(sums) - min(sums)) / max(map(abs, sums))
        rows.append(row)
    return rows


def page(found: Mapping[str, Any]) -> str:
    """The table as Markdown."""
    from graphcondense.ops.markdown import Marked
    from graphcondense.ops.tables import Table

    body = []
    for row in found["rows"]:
        cells = [f"{value:.2f}" for value in row["seconds"][:2]]
        cells += [f"{100 * row['seconds'][2]:.0f} %", f"{row['apart']:.0e}", str(row["repeats"])]
        name = f"`{row['method']}`, {row['data']}, {row['nodes']} nodes, {row['epochs']} epochs"
        scored = f"{row['validations']} scores" if row["validations"] else "unscored"
        body.append([Marked(name), scored, str(row["processes"]), *cells])
    head = ["run", "scores", "processes", "one process, s", "slowest of several, s", "efficiency"]
    head += ["sets apart", "runs"]
    return "\n".join(
        [
            "# Several processes for one run\n",
            "Written by `benchmarks/parallel.py`; do not edit.\n",
            f"{found['measured']}; seconds of the processor, of one thread.\n",
            Table(head, body, left=2).markdown() + "\n",
        ]
    )


def main() -> None:
    if "--child" in sys.argv[1:2]:
        child(Path(sys.argv[2]), json.loads(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="cora")
    parser.add_argument("--root", type=Path, default=Path("data"))
    parser.add_argument("--method", default="gcond", help="one with a loop")
    parser.add_argument("--nodes", type=int, default=70)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    if args.processes < 2 or args.repeats < 1 or args.epochs < 1:
        parser.error("--processes is at least 2, --repeats and --epochs at least 1")
    found = {"rows": measured(args), "measured": when.stamp()}
    (args.out / "parallel.json").write_text(json.dumps(found, indent=1))
    (args.out / "parallel.md").write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()
