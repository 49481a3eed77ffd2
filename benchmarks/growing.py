"""Tables of graphs that change: ``examples/growing.py`` of several methods.

    python benchmarks/growing.py cora quotient gecc heavy-edge --root DATA --out docs/results
    python benchmarks/growing.py sympy quotient gecc heavy-edge --whole --out docs/results \\
        --releases sympy/release-{1,2,3,4,5}.pt

Keeps what was found in ``growing.json``, instead of earlier rows of the same graph and method, and
writes ``growing-GRAPH.md``; ``--page`` alone writes the tables again. ``--whole`` trains on the
whole graph, too, beside the first method.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import when
from cells import keep_rows, kept_rows

from graphcondense.ops.files import write_whole
from graphcondense.ops.tables import Table

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "growing.py"
HOW = {
    "cora": "--data cora --nodes 70 --trainings 3 --epochs 200",
    "sympy": "--nodes 160 --trainings 2 --epochs 200",
}
"""What the example is told of each graph."""

WAYS = ("anew", "updated", "kept")
SINCE = "since they came"

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("graph", nargs="?", choices=list(HOW))
    parser.add_argument("methods", nargs="*", help="quotient, gecc, coarsenings")
    parser.add_argument("--root", help="folder that has the graph")
    parser.add_argument("--releases", nargs="+", help="files of datasets/build_releases.py")
    parser.add_argument("--whole", action="store_true", help="train on the whole graph, too")
    parser.add_argument("--out", type=Path, required=True, help="folder of growing.json")
    parser.add_argument("--page", action="store_true", help="only write the tables of --out")
    args = parser.parse_args()
    rows = kept(args.out)
    if not args.page:
        if not args.methods:
            parser.error("name a graph and methods")
        if ("--data" in HOW[args.graph]) == bool(args.releases):
            how = (
                "is no graph of releases: leave out" if args.releases else "is made of files: give"
            )
            parser.error(f"{args.graph} {how} --releases")
        if args.root and args.releases:
            parser.error("--releases names all graphs: leave out --root")
        told = HOW[args.graph].split()
        told += ["--root", args.root] if args.root else []
        told += ["--releases", *args.releases] if args.releases else []
        for method in args.methods:
            whole = ["--whole"] if args.whole and method == args.methods[0] else []
            merge(rows, measured(args.graph, method, [*told, *whole]))
            keep_rows(args.out / "growing.json", rows)
    for graph in dict.fromkeys(row["graph"] for row in rows):
        write_whole(args.out / f"growing-{graph}.md", page(graph, rows))


def measured(graph: str, method: str, told: Sequence[str]) -> list[Row]:
    """What the example finds: a row for each step and way."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "growing.csv"
        words = [str(EXAMPLE), "--method", method, "--out", str(out), *told]
        subprocess.run([sys.executable, *words], check=True)
        frame = pd.read_csv(out)
    steps = (frame["how"] == "anew").cumsum() - 1  # which begins each step
    names = frame["how"].where(frame["how"] == "whole", method)
    return [
        {"graph": graph, "method": name, "step": step, "when": when.stamp(), **row}
        for name, step, row in zip(names, steps.tolist(), frame.to_dict("records"), strict=True)
    ]


def kept(out: Path) -> list[Row]:
    """Rows of earlier commands."""
    return kept_rows(out / "growing.json")


def merge(rows: list[Row], new: Sequence[Row]) -> None:
    """Rows of the same graph and method give way."""
    again = {(row["graph"], row["method"]) for row in new}
    rows[:] = [row for row in rows if (row["graph"], row["method"]) not in again]
    rows += new


def page(graph: str, rows: Sequence[Row]) -> str:
    """A table: a line for each step of each method, the whole graph first."""
    own = [row for row in rows if row["graph"] == graph]
    head = ["nodes", "new, gone", "condensed", "trained on", *WAYS, SINCE, "s anew", "s to update"]
    table = Table(head, list(lines(own))).markdown()
    return f"# {graph}\n\nWritten by `benchmarks/growing.py`; do not edit.\n\n{table}\n"


def lines(rows: Sequence[Row]) -> Iterator[list[str]]:
    """The cells of a table."""
    before = 0
    for step in sorted({row["step"] for row in rows}):
        now = [row for row in rows if row["step"] == step]
        nodes, new = now[0]["nodes"], now[0]["new"]
        gone = before + new - nodes
        about = [f"{nodes:,}", f"{new:,}, {gone:,}" if step else "", f"{now[0]['condensed']:,}"]
        for method in sorted(
            {row["method"] for row in now}, key=lambda name: (name != "whole", name)
        ):
            found = {row["how"]: row for row in now if row["method"] == method}
            yield [*about, method, *cells(found, step)]
            about = [""] * len(about)
        before = nodes


def cells(found: Mapping[str, Row], step: int) -> list[str]:
    """Accuracy, what was forgotten and seconds of one method, one step; at the first step nothing
    was there before."""
    if "whole" in found:
        whole = found["whole"]
        return [f"{whole['accuracy']:.1f}", "", "", f"{whole[SINCE]:+.1f}" if step else "", "", ""]
    ways = WAYS if step else WAYS[:1]
    out = [f"{found[way]['accuracy']:.1f}" for way in ways] + [""] * (len(WAYS) - len(ways))
    out.append(", ".join(f"{found[way][SINCE]:+.1f}" for way in ways) if step else "")
    seconds = [f"{found[way]['seconds']:.1f}" for way in WAYS[: 2 if step else 1]]
    return out + seconds + [""] * (2 - len(seconds))


if __name__ == "__main__":
    main()
