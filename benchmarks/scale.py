"""How fast and how large: every part of a run on a graph of ogbn-arxiv's size, before and after.

    OMP_NUM_THREADS=1 python benchmarks/scale.py --against COMMIT --out docs/results

Each part of the table runs in a process of its own, of one thread, alternately with this tree and
with a worktree of the other commit that is made in a temporary folder; the table has medians of
processor seconds, the ratio, and peak memory. A part that fails in one of them, or asks for more
than ``--memory``, or takes more processor seconds than ``--limit``, is a row that says so.

Then the parts of ``FITTED`` run in this tree over nodes ``N``, edges ``E``, condensed nodes
``N'``, features ``d`` and classes ``C``, one of them at a time; the slope of a line through the
logarithms is the exponent.

``--cora DATA`` condenses Cora to 70 nodes by the methods of ``SMALL`` with both trees in turn:
there validation weighs more. ``DATA`` is the folder of data sets; ``--steps`` does not count there.

``--sweep`` runs every method for one graph once in this tree, with its defaults, or those that are
named: what takes more than ``--limit`` or ``--memory``, or is refused, is a row that says so.
Every row says of which commit and day it is; new rows take the place of old ones of the same name.

The graph is ``graphcondense.data.simulate("arxiv-like", scale=...)``: seconds and memory only.
Finished cells are kept in ``OUT/cells/scale`` by the state of each tree and are not run again, so
that a run can be stopped and go on, and ``--parts`` can fill a table bit by bit. Run it from the
root of the repository, on an otherwise idle machine: at scale 1 all of it takes hours, since the
parent commit is slow. ``--steps`` gives methods and trainings fewer steps; the rows say so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import scale_page as page
import when

JOBS = Path(__file__).with_name("scale_jobs.py")
"""What is run in a process of its own."""
CONDENSED = (
    *("gecc", "cgc", "gcond-x", "doscond-x", "gcdm-x", "simgc-x", "gc-sntk-x", "gcond"),
    "quotient",
)
SMALL = ("gcond", "gcond-x", "gecc", "quotient")
"""Methods that are timed on Cora."""
NODES = 70
"""To which they condense it."""
WITHOUT = {"propagation": ("N'", "C"), "matching": ("E", "N'")}
"""What a part does not depend on by what it is."""
FACTORS = (1, 2, 4, 8)
BASE = {"N": 20_000, "E": 140_000, "N'": 100, "d": 32, "C": 10}
"""Where the exponents are measured from."""


# --- the table ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tree:
    """A state of the repository: its folder, its commit, and what tells its package from others."""

    path: Path
    commit: str
    state: str

    @classmethod
    def here(cls, path: Path) -> Tree:
        commit = git(path, "rev-parse", "--short=7", "HEAD")
        package = git(path, "rev-parse", "--short=10", "HEAD:graphcondense")
        changed = git(path, "diff", "HEAD", "--", "graphcondense")
        mark = f"+{hashlib.sha256(changed.encode()).hexdigest()[:6]}" if changed else ""
        return cls(path, commit + mark, package + mark)


def git(path: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(path), *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def worktree(repository: Path, commit: str) -> Iterator[Tree]:
    """Another commit, checked out in a temporary folder and taken away afterwards."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "tree"
        git(repository, "worktree", "add", "--detach", str(path), commit)
        try:
            yield Tree.here(path)
        finally:
            git(repository, "worktree", "remove", "--force", str(path))


@dataclass(frozen=True)
class Runner:
    """Runs cells and keeps them.

    Attributes:
        kept: folder of the cells.
        memory: bytes that a process may ask for.
        limit: processor seconds that it may take.
    """

    kept: Path
    memory: int
    limit: int

    def cell(self, tree: Tree, folder: Path, name: str, number: int, *words: str) -> dict[str, Any]:
        """What one process of one tree took, from the cells where it is there."""
        key = f"{tree.state}-{folder.name}-{name}-{number}".replace(":", "-").replace("'", "_")
        path = self.kept / f"{key}.json"
        if path.exists():
            known: dict[str, Any] = json.loads(path.read_text())
            return known
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        limits = [str(self.memory), str(self.limit)]
        done = subprocess.run(
            [sys.executable, "-W", "ignore", JOBS, *limits, folder, part, *words],
            env={**os.environ, "PYTHONPATH": str(tree.path), "OMP_NUM_THREADS": "1"},
            cwd=tree.path,
            stderr=subprocess.PIPE,
            text=True,
        )
        if not part.exists():
            part.write_text(json.dumps({"error": self.ended(done)}))
        found: dict[str, Any] = json.loads(part.read_text())
        if "error" in found:
            part.unlink()  # tried again the next time
        else:
            part.rename(path)
        text = (
            found.get("error") or f"{found['seconds']:.2f} s, {found['peak'] / page.MIB:,.0f} MiB"
        )
        print(f"{tree.commit} {name} {number}: {text}", file=sys.stderr, flush=True)
        return found

    def ended(self, done: subprocess.CompletedProcess[str]) -> str:
        """Why a process ended that wrote nothing."""
        if done.returncode == -signal.SIGXCPU:
            return f"took more than {self.limit} processor seconds"
        if done.returncode < 0:
            return f"killed by {signal.Signals(-done.returncode).name}"
        return (done.stderr.strip().splitlines() or ["no message"])[-1][:160]


def median(cells: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [cell[key] for cell in cells if key in cell]
    return statistics.median(values) if len(values) == len(cells) else None


def words_of(part: str, args: argparse.Namespace, tree: str) -> list[str]:
    """A part's name and the words that its job takes."""
    job, _, method = part.partition(":")
    more = {
        "condense": [method, str(args.nodes), str(args.steps)],
        "evaluating": [str(args.nodes), str(args.steps)],
        "loading": [tree],
    }
    return [job, *more.get(job, [])]


def label(part: str, args: argparse.Namespace) -> str:
    """What a cell is kept under: the part, and the options that it depends on."""
    job = part.partition(":")[0]
    more = {"condense": f"-{args.nodes}-{args.steps}", "evaluating": f"-{args.nodes}-{args.steps}"}
    return part + more.get(job, "")


def in_turn(
    args: argparse.Namespace,
    trees: Mapping[str, Tree],
    run: Runner,
    folder: Path,
    kept: str,
    words: Callable[[str], Sequence[str]],
) -> dict[str, Any]:
    """What one job takes in both trees, run in turn: medians of each.

    Args:
        folder: the data.
        kept: what its cells are kept under.
        words: what the job is given in a tree, by its name.
    """
    cells: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
    for number in range(args.repeats):
        for name, tree in trees.items():
            if any("error" in cell for cell in cells[name]):
                continue  # it would fail again
            cells[name].append(run.cell(tree, folder, kept, number, *words(name)))
    row: dict[str, Any] = {"commits": {n: t.commit for n, t in trees.items()}, "day": when.today()}
    for name, own in cells.items():
        failed = [cell["error"] for cell in own if "error" in cell]
        row[name] = {key: median(own, key) for key in ("seconds", "peak", "more")}
        row[name] |= {"runs": len(own), "error": failed[0] if failed else None}
        row[name]["said"] = own[0].get("said", "")
    return row


def compare(args: argparse.Namespace, trees: Mapping[str, Tree], run: Runner) -> list[Any]:
    """A row for each part."""
    folder = made(args.work / f"arxiv-like-{args.scale:g}", {"scale": args.scale}, ogb=trees)
    rows = []
    for part in args.parts:
        row: dict[str, Any] = {"part": part, "scale": args.scale, "steps": args.steps}
        kept, words = label(part, args), partial(words_of, part, args)
        row |= {"nodes": args.nodes, **in_turn(args, trees, run, folder, kept, words)}
        row["said"] = row["before"]["said"] or row["now"]["said"]
        rows.append(row)
        print(page.shown([row]).text().splitlines()[-1], flush=True)
    return rows


def on_cora(args: argparse.Namespace, trees: Mapping[str, Tree], run: Runner) -> list[Any]:
    """A row for each method of ``SMALL``."""
    rows = []
    for method in SMALL:
        words, kept = {name: ["cora", method, str(NODES)] for name in trees}, f"cora-{method}"
        row = in_turn(args, trees, run, args.cora, f"{kept}-{NODES}", words.__getitem__)
        rows.append({"method": method, "nodes": NODES, **row})
    return rows


def fit(args: argparse.Namespace, tree: Tree, run: Runner) -> list[Any]:
    """The exponents, a row for each part and each number that is varied."""
    from scipy.stats import linregress

    rows = []
    for part in args.fits:
        for what in page.VARIED:
            if what in WITHOUT.get(part, ()):
                continue
            points = []
            for factor in args.factors:
                sizes = {**BASE, what: BASE[what] * factor}
                own = argparse.Namespace(**{**vars(args), "nodes": sizes["N'"]})
                cells = [
                    run.cell(tree, shaped(args, sizes), label(part, own), number, *words)
                    for number in range(args.repeats)
                    for words in [words_of(part, own, "")]
                ]
                seconds = median(cells, "seconds")
                error = next((cell["error"] for cell in cells if "error" in cell), None)
                points.append({"size": sizes[what], "seconds": seconds, "error": error})
            good = [(p["size"], p["seconds"]) for p in points if p["seconds"]]
            row: dict[str, Any] = {"part": part, "over": what, "points": points}
            row |= {"commit": tree.commit, "day": when.today()}
            row["error"] = next((p["error"] for p in points if p["error"]), None)
            if len(good) > 1:
                import numpy as np

                line = linregress(*np.log(np.array(good)).T)
                row["exponent"] = float(line.slope)
                # Two points lie on a line, whatever it is worth.
                known = len(good) > 2 and np.isfinite(line.stderr)
                row["error_of_exponent"] = float(line.stderr) if known else None
            rows.append(row)
            print(page.fitted([row]).text().splitlines()[-1], flush=True)
    return rows


def sweep(args: argparse.Namespace, tree: Tree, run: Runner) -> list[Any]:
    """A row for each method for one graph, or for each that is named."""
    folder = made(args.work / f"arxiv-like-{args.scale:g}", {"scale": args.scale})
    rows = []
    for method in args.sweep or every_method():
        part = f"condense:{method}"
        found = run.cell(tree, folder, label(part, args), 0, *words_of(part, args, ""))
        row = {"method": method, "scale": args.scale, "nodes": args.nodes, **found}
        rows.append({**row, "commit": tree.commit, "day": when.today()})
    return rows


def every_method() -> list[str]:
    """The names of all methods for one graph, with those of their variants."""
    from graphcondense.methods import all_methods

    found = [(name, *cls.variants) for (name, kind), cls in all_methods().items() if kind == "node"]
    return sorted(name for names in found for name in names)


def shaped(args: argparse.Namespace, sizes: Mapping[str, int]) -> Path:
    """The folder of a graph of these sizes."""
    nodes, edges, features, classes = (sizes[key] for key in ("N", "E", "d", "C"))
    options = {"nodes": nodes, "edges": edges, "features": features, "classes": classes}
    return made(args.work / "-".join(map(str, ["graph", *options.values()])), options)


def made(folder: Path, options: Mapping[str, Any], ogb: Sequence[str] = ()) -> Path:
    """The folder of a simulated graph: plain tensors, and OGB's layout for each of ``ogb``."""
    import torch

    from graphcondense.data import simulate

    if not (folder / "graph.pt").exists():
        data = simulate("arxiv-like", **options)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {key: value for key, value in data.to_dict().items() if key != "name"}
        torch.save(tensors, folder / "graph.part")
        (folder / "graph.part").rename(folder / "graph.pt")
    for name in ogb:
        if not (folder / "ogb" / name / "ogbn_arxiv_like").exists():
            simulate("arxiv-like", root=folder / "ogb" / name, **options)
    return folder


# --- what is kept ------------------------------------------------------------------------------


def keep(
    out: Path,
    key: str,
    rows: list[Any],
    fits: list[Any],
    every: Sequence[Any] = (),
    small: Sequence[Any] = (),
) -> dict[str, Any]:
    """Put new rows in the place of old ones of the same name, and write the file."""
    path = out / "scale.json"
    empty: dict[str, Any] = {"tables": {}, "fits": []}
    found = json.loads(path.read_text()) if path.exists() else empty
    found["where"] = f"{platform.machine()}, one thread, Python {platform.python_version()}"
    if rows:
        new = {row["part"] for row in rows}
        old = [row for row in found["tables"].get(key, []) if row["part"] not in new]
        both = {row["part"]: row for row in [*old, *rows]}
        found["tables"][key] = [both[part] for part in PARTS if part in both]
    names = {(row["part"], row["over"]) for row in fits}
    found["fits"] = [r for r in found["fits"] if (r["part"], r["over"]) not in names] + fits
    if small:
        found["cora"] = [*small]
    if every:
        new = {row["method"] for row in every}
        same = {(row["scale"], row["nodes"]) for row in every}
        kept = [r for r in found.get("sweep", []) if (r["scale"], r["nodes"]) in same]
        found["sweep"] = [r for r in kept if r["method"] not in new] + [*every]
    path.write_text(json.dumps(found, indent=1))
    return found


PARTS = (
    *("propagation", "matching", *(f"condense:{method}" for method in CONDENSED)),
    *("evaluating", "loading", "checking", "normalising"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", default="HEAD~1", help="commit to compare with")
    parser.add_argument("--scale", type=float, default=1.0, help="of arxiv-like")
    parser.add_argument("--nodes", type=int, default=454, help="condensed nodes")
    parser.add_argument(
        "--parts", nargs="*", default=list(PARTS), metavar="PART",
        help=f"rows of the table: {', '.join(PARTS)}; none: no table",
    )  # fmt: skip
    parser.add_argument(
        "--fits", nargs="*", default=list(page.FITTED), metavar="PART",
        help=f"parts whose exponents are fitted: {', '.join(page.FITTED)}; none: no exponents",
    )  # fmt: skip
    parser.add_argument(
        "--sweep", nargs="*", metavar="METHOD", help="run every method once, too, or these"
    )
    parser.add_argument(
        "--cora", type=Path, metavar="DATA", help=f"time {', '.join(SMALL)} on Cora, too"
    )
    parser.add_argument("--factors", nargs="+", type=int, default=list(FACTORS))
    parser.add_argument("--repeats", type=int, default=3, help="processes of each cell")
    parser.add_argument("--steps", type=int, default=0, help="epochs at most; 0: as by default")
    parser.add_argument("--memory", type=float, default=16, help="GiB a process may ask for")
    parser.add_argument(
        "--limit", type=int, default=3600, help="processor seconds a process may take"
    )
    parser.add_argument("--work", type=Path, default=Path("runs/scale"), help="for the graphs")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    for given, known in ((args.parts, PARTS), (args.fits, page.FITTED)):
        if wrong := [part for part in given if part not in known]:
            parser.error(f"unknown part {wrong[0]}: there are {', '.join(known)}")
    if wrong := [name for name in args.sweep or () if name not in every_method()]:
        parser.error(f"unknown method {wrong[0]}: there are {', '.join(every_method())}")
    if args.memory <= 0 or args.limit < 1:
        parser.error("--memory is above 0 and --limit at least 1")
    if args.repeats < 1 or args.steps < 0 or len(set(args.factors)) < 2:
        parser.error("--repeats is at least 1, --steps at least 0, and --factors two or more")
    args.work, args.out = args.work.resolve(), args.out.resolve()
    args.cora = args.cora and args.cora.resolve()
    here = Tree.here(Path(__file__).resolve().parents[1])
    kept = args.out / "cells" / "scale"
    kept.mkdir(parents=True, exist_ok=True)
    run = Runner(kept, int(args.memory * 2**30), args.limit)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended: finished cells are kept"))
    rows: list[Any] = []
    small: list[Any] = []
    if args.parts or args.cora:
        with worktree(here.path, args.against) as other:
            trees = {"before": other, "now": here}
            rows = compare(args, trees, run) if args.parts else []
            small = on_cora(args, trees, run) if args.cora else []
    fits = fit(args, here, run) if args.fits else []
    steps = f", at most {args.steps} epochs" if args.steps else ""
    every = sweep(args, here, run) if args.sweep is not None else []
    found = keep(args.out, f"scale {args.scale:g}{steps}", rows, fits, every, small)
    page.write_page(args.out, found)
    if rows:
        print(page.shown(rows).text())
    if fits:
        print(page.fitted(fits).text())
    if every:
        print(page.swept(every).text())
    if small:
        print(page.small(small).text())


if __name__ == "__main__":
    main()
