"""What ``graphcondense advise`` says of seconds and memory, beside what was measured.

    OMP_NUM_THREADS=1 python benchmarks/advise.py --fit       # coefficients, from simulated graphs
    OMP_NUM_THREADS=1 python benchmarks/advise.py --root DATA # the check, on real graphs

``--fit`` measures condensing and trainings on simulated graphs of many shapes, and writes the
coefficients into ``graphcondense/measured/costs.json``: non-negative least squares of relative
errors. The check predicts on this machine, then measures, on graphs that the fit has not seen. Each
measurement is a forked process of one thread, so that its peak memory is its own. Processor seconds
depend on what else the machine does: the probe and the measurement suffer alike. Of ``--repeat``
measurements, each with a probe of its own, the shortest is kept. Finished ones are kept in
``--out``/advise.json; ``--again quotient`` measures a method anew that has changed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

MIB = 2**20
MEASURED = 5
"""Epochs of a training that are run, to be scaled."""
TARGET = Path(__file__).resolve().parents[1] / "graphcondense" / "measured" / "costs.json"
GRID: Sequence[Mapping[str, Any]] = (
    {"nodes": 500, "edges": 1500, "features": 50, "classes": 3, "condensed": 15},
    {"nodes": 1000, "edges": 4000, "features": 300, "classes": 5, "condensed": 50},
    {"nodes": 1000, "edges": 10_000, "features": 30, "classes": 2, "condensed": 20},
    {"nodes": 2000, "edges": 4000, "features": 1500, "classes": 8, "filled": 0.01, "condensed": 80},
    {"nodes": 2000, "edges": 20_000, "features": 100, "classes": 10, "condensed": 100},
    {"nodes": 3000, "edges": 6000, "features": 3000, "classes": 6, "filled": 0.01, "condensed": 60},
    {"nodes": 4000, "edges": 8000, "features": 800, "classes": 4, "filled": 0.05, "condensed": 40},
    {"nodes": 5000, "edges": 50_000, "features": 256, "classes": 10, "condensed": 100},
    {"nodes": 5000, "edges": 100_000, "features": 600, "classes": 10, "condensed": 50},
    {"nodes": 5000, "edges": 20_000, "features": 64, "classes": 20, "condensed": 400},
    {"nodes": 8000, "edges": 30_000, "features": 128, "classes": 40, "condensed": 200},
    {"nodes": 10_000, "edges": 50_000, "features": 500, "classes": 5, "condensed": 50},
    {"nodes": 10_000, "edges": 60_000, "features": 1000, "classes": 12, "filled": 0.3},
    {"nodes": 15_000, "edges": 60_000, "features": 300, "classes": 30, "filled": 0.02},
    {"nodes": 20_000, "edges": 140_000, "features": 128, "classes": 10, "condensed": 100},
    {"nodes": 20_000, "edges": 140_000, "features": 128, "classes": 40, "condensed": 400},
    {"nodes": 30_000, "edges": 90_000, "features": 64, "classes": 8, "condensed": 160},
    {"nodes": 40_000, "edges": 200_000, "features": 600, "classes": 25, "filled": 0.01},
    {"nodes": 5000, "edges": 20_000, "features": 100, "classes": 10, "labelled": 0.4},
    {"nodes": 8000, "edges": 30_000, "features": 400, "classes": 20, "filled": 0.05}
    | {"labelled": 0.2},
    {"nodes": 15_000, "edges": 60_000, "features": 128, "classes": 40, "labelled": 0.5},
    {"nodes": 20_000, "edges": 60_000, "features": 600, "classes": 20, "filled": 0.01}
    | {"labelled": 0.3},
)
"""Shapes of simulated graphs; ``condensed`` is ten a class where it is not said, and a twentieth of
the nodes is labelled."""
CHECKED: Mapping[str, int | None] = {
    "cora": 70,
    "citeseer": 60,
    "digits": 50,
    "computers": 137,
    "debian": 320,
    "arxiv-like x 0.2": None,
}
"""Real graphs, and one of the shape of ogbn-arxiv, with condensed nodes; by default what
``advise`` says."""


STAGES = {
    "whole": ("epoch", "an epoch on everything"),
    "small": ("epoch", "an epoch on the condensed graph"),
    "quotient": ("quotient", "condense, quotient"),
    "gecc": ("gecc", "condense, gecc"),
}
"""What is measured: by which stage it is foretold, and in words."""
KEYS = tuple(STAGES)


def main() -> None:
    args = parsed()
    rows = Rows(args.out / "advise.json")
    began = time.monotonic()
    warm()
    wanted = list(grid() if args.fit else real(args.root))
    for name, _, _ in wanted:
        rows.drop(name, args.again)
    for name, make, condensed in wanted:
        if time.monotonic() - began > args.seconds:
            print("no time for further graphs", file=sys.stderr)
            break
        if missing := [key for key in KEYS if key not in rows.named(name)]:
            known = rows.named(name)
            rows.add(measured(name, make(), condensed, known, missing, args.repeat))
    if args.fit:
        fit(rows.of("fit"))
    write_page(rows, args.out)


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--fit", action="store_true", help="measure and fit the coefficients")
    parser.add_argument("--again", nargs="+", default=[], choices=KEYS, help="measure these anew")
    parser.add_argument("--repeat", type=int, default=3, help="measurements, one of them kept")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no graph later")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    return parser.parse_args(words)


Wanted = tuple[str, Callable[[], Any], int | None]


def grid() -> Iterator[Wanted]:
    """The graphs of the fit."""
    for i, shape in enumerate(GRID):
        yield f"fit {i}", lambda shape=shape: simulated(shape), shape.get("condensed")


def simulated(shape: Mapping[str, Any]) -> Any:
    """A graph of this shape; where few features are filled they are stored sparse."""
    import torch

    from graphcondense.data import simulate

    sizes = {k: shape[k] for k in ("nodes", "edges", "features", "classes")}
    known = shape.get("labelled", 0.05)
    data = simulate("arxiv-like", splits=(known, 0.1, 0.9 - known), **sizes)
    if (filled := shape.get("filled", 1.0)) < 1:
        rng = torch.Generator().manual_seed(0)
        kept = torch.rand(data.x.shape, generator=rng) < filled
        data.x = (data.x.abs() * kept).to_sparse_csr()
    return data


def real(root: str | None) -> Iterator[Wanted]:
    """The graphs of the check."""
    import graphcondense
    from graphcondense.data import simulate

    def opened(name: str) -> Any:
        if name.startswith("arxiv-like"):
            return simulate("arxiv-like", scale=float(name.rpartition(" ")[2]))
        return graphcondense.data.load(name, root=root)

    for name, condensed in CHECKED.items():
        yield name, lambda name=name: opened(name), condensed


def warm() -> None:
    """Import what is imported late, and start what is started once, in this process: forked ones
    have it."""
    import graphcondense
    from graphcondense.evaluate.cost import plain_training_seconds

    data = graphcondense.data.load("digits")
    plain_training_seconds(data, measured=1)
    for method in ("quotient", "gecc"):
        graphcondense.condense(data, method, nodes=20, progress=False)


def measured(
    name: str,
    data: Any,
    condensed: int | None,
    known: Mapping[str, Any],
    missing: Sequence[str],
    repeat: int,
) -> dict[str, Any]:
    """The row of a graph: its shape, seconds and bytes of all stages, and the units of this machine
    when they were measured. What is ``known`` and not ``missing`` is kept."""
    from graphcondense.data import as_task
    from graphcondense.uses.advice import shape_of
    from graphcondense.uses.probe import probed

    task = as_task(data)
    print(f"{name}: {task.digest}", file=sys.stderr)  # the hash is made once, before any stage
    shape = shape_of(task, condensed)
    row: dict[str, Any] = {"name": name, "shape": asdict(shape), **known}
    for key in missing:
        run, *given = {
            "whole": (train, task),
            "small": (train_small, task, shape.condensed),
        }.get(key, (condense, task, key, shape.condensed))
        tries = []
        for _ in range(repeat):
            probed.cache_clear()
            tries.append({"units": dict(probed()), **apart(run, *given)})
        row[key] = min(tries, key=lambda one: one.get("seconds", float("inf")))
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def apart(run: Callable[..., float], *given: Any) -> dict[str, float]:
    """What a run took in a process of its own: seconds as it says, and bytes at the peak, beyond
    those before and in all."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_apart, args=(there, run, given))
    process.start()
    there.close()
    try:
        found: dict[str, float] = here.recv()
    except EOFError:
        process.join()
        return {"error": float(process.exitcode or 0)}
    process.join()
    return found


def _apart(there: Connection, run: Callable[..., float], given: Sequence[Any]) -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the kernel forgets the peak
    before = _memory("VmRSS")
    seconds = run(*given)
    peak = _memory("VmHWM")
    there.send({"seconds": seconds, "bytes": peak - before, "peak": peak})


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def train(task: Any) -> float:
    """An epoch of a plain GCN on the whole graph."""
    from graphcondense.evaluate.cost import plain_training_seconds

    count = 1 if task.num_nodes > 30_000 else MEASURED
    clock = time.process_time
    return plain_training_seconds(task, epochs=count, measured=count, clock=clock) / count


def condense(task: Any, method: str, nodes: int) -> float:
    """A whole call, checks and all."""
    import graphcondense

    began = time.process_time()
    graphcondense.condense(task, method, nodes=nodes, preset="none", progress=False)
    return time.process_time() - began


def train_small(task: Any, nodes: int) -> float:
    """An epoch on the condensed graph."""
    import torch
    from torch_geometric.data import Data

    import graphcondense
    from graphcondense.evaluate.cost import plain_training_seconds
    from graphcondense.pictures.images import classes_of

    small = graphcondense.condense(task, "quotient", nodes=nodes, preset="none", progress=False)
    y = classes_of(small.y)
    mask = torch.ones(len(y), dtype=torch.bool)
    data = Data(x=small.x, edge_index=small.edge_index, y=y, train_mask=mask)
    return plain_training_seconds(data, epochs=60, measured=60, clock=time.process_time) / 60


def fit(rows: Sequence[Mapping[str, Any]], target: Path = TARGET) -> None:
    """Write the coefficients that the rows of simulated graphs give."""
    from graphcondense.measured.costs import HELD, STAGES, TERMS, UNITS
    from graphcondense.ops.files import write_whole

    found: dict[str, Any] = {"command": "python benchmarks/advise.py --fit"}
    for what, stages in (("seconds", STAGES), ("bytes", HELD)):
        found[what] = {}
        for stage, terms in stages.items():
            lines, wanted = [], []
            for row in rows:
                for shape, cost in observed(row, stage):
                    if what not in cost:
                        continue
                    units = cost["units"] if what == "seconds" else dict.fromkeys(UNITS, 1.0)
                    lines.append([TERMS[t][1](shape) * units[TERMS[t][0]] for t in terms])
                    # A process that takes a few pages more is told by none of the sizes.
                    wanted.append(max(cost[what], 1e-6 if what == "seconds" else MIB))
            found[what][stage] = coefficients(lines, wanted, terms)
    write_whole(target, json.dumps(found, indent=1) + "\n")


def observed(row: Mapping[str, Any], stage: str) -> Iterator[tuple[Any, Mapping[str, float]]]:
    """Every shape and cost that a row has of a stage: an epoch is measured on both graphs."""
    from graphcondense.measured.costs import Shape

    shape = Shape(**row["shape"])
    if stage != "epoch":
        if "error" not in row[stage]:
            yield shape, row[stage]
        return
    yield shape, row["whole"]
    # In the process of the small graph condensing came first, and set the peak.
    yield shape.small, {k: row["small"][k] for k in ("seconds", "units")}


def coefficients(
    lines: Sequence[Sequence[float]], wanted: Sequence[float], terms: Sequence[str]
) -> dict[str, float]:
    """Non-negative least squares of relative errors; what is zero is left out.

    >>> coefficients([[1.0, 2.0], [1.0, 4.0], [1.0, 9.0]], [5.0, 9.0, 19.0], ("one", "x"))
    {'one': 1.0, 'x': 2.0}
    """
    from scipy.optimize import nnls

    table = np.array(lines) / np.array(wanted)[:, None]
    scale = table.max(0)
    found = nnls(table / scale, np.ones(len(table)))[0] / scale
    # Relative errors are smallest for a model that says too little; half of them is to be above.
    found /= np.exp(np.log(np.clip(table @ found, 1e-9, None)).mean())
    return {t: float(f"{v:.4g}") for t, v in zip(terms, found, strict=True) if v > 0}


class Rows:
    """Finished measurements in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        content = json.loads(path.read_text()) if path.exists() else {"rows": []}
        self.rows: list[dict[str, Any]] = content["rows"]

    def named(self, name: str) -> Mapping[str, Any]:
        """What was measured of a graph; an empty mapping for nothing."""
        return next((row for row in self.rows if row["name"] == name), {})

    def drop(self, name: str, keys: Sequence[str]) -> None:
        """Forget what was measured of a graph in some stages."""
        for row in self.rows:
            if row["name"] == name:
                for key in keys:
                    row.pop(key, None)

    def of(self, what: str) -> list[dict[str, Any]]:
        """Rows of ``"fit"``, or of the ``"check"``."""
        return [row for row in self.rows if row["name"].startswith("fit ") == (what == "fit")]

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row, in the place of an older one of its graph."""
        places = [i for i, old in enumerate(self.rows) if old["name"] == row["name"]]
        for i in places or [len(self.rows)]:
            self.rows[i : i + 1] = [row]
        self.write()

    def write(self) -> None:
        """All rows, one a line."""
        from graphcondense.ops.files import write_whole

        lines = ",\n".join(json.dumps(row) for row in self.rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, f'{{"kind": "advise", "rows": [\n{lines}\n]}}\n')


def write_page(rows: Rows, out: Path) -> None:
    """``advise.md``: foretold beside measured, and how often within a factor of two."""
    from graphcondense.measured.costs import Shape, costs
    from graphcondense.ops.files import write_whole
    from graphcondense.ops.tables import Table

    model = costs()
    body, seconds, memory = [], [], []
    for row in rows.of("check"):
        shape = Shape(**row["shape"])
        for key, (stage, words) in STAGES.items():
            if key not in row:
                continue
            own, cost = shape.small if key == "small" else shape, row[key]
            if "error" in cost:
                body.append([row["name"], words, "-", "refused", *["-"] * 5])
                continue
            foretold = model.seconds_of(stage, own, cost["units"])
            seconds.append(foretold / cost["seconds"])
            line = [row["name"], words, short(foretold), short(cost["seconds"])]
            line.append(f"{seconds[-1]:.2f}")
            if key == "small":
                line += ["-", "-", "-", "-"]
            else:
                more = model.bytes_of(stage, own)
                in_all = cost["peak"] - cost["bytes"] + more
                memory.append(in_all / cost["peak"])
                line += [f"{more / MIB:,.0f}", f"{cost['bytes'] / MIB:,.0f}"]
                line += [f"{cost['peak'] / MIB:,.0f}", f"{memory[-1]:.2f}"]
            body.append(line)
    head = ["graph", "what", "foretold s", "measured s", "ratio"]
    head += ["foretold MiB more", "measured MiB more", "measured MiB in all", "ratio in all"]
    sizes = [
        [
            *(row["name"], *(f"{row['shape'][k]:,}" for k in ("nodes", "edges", "features"))),
            *(f"{100 * row['shape']['filled']:.1f}", f"{row['shape']['labelled']:,}"),
            f"{row['shape']['condensed']:,}",
        ]
        for row in rows.of("check")
    ]
    about = ["graph", "nodes", "edges", "features", "filled, %", "labelled", "condensed"]
    lines = [
        "# What `advise` says, and what was measured",
        "",
        "Written by `python benchmarks/advise.py --root DATA`; do not edit. Processor seconds of "
        "one thread, foretold by the probe of the same process a moment before. Memory is the peak "
        "of a process beyond what it had with libraries and graph in it, and in all. The "
        "coefficients are of simulated graphs; none of these graphs was among them "
        "(`python benchmarks/advise.py --fit`).",
        "",
        f"Within a factor of two: {within(seconds)} of seconds, {within(memory)} of memory in all.",
        "",
        Table(about, sizes).markdown(),
        "",
        Table(head, body, 2).markdown(),
        "",
    ]
    write_whole(out / "advise.md", "\n".join(lines))
    print("\n".join(lines))


def within(ratios: Sequence[float]) -> str:
    """How many are between a half and two.

    >>> within([0.4, 0.5, 1.0, 2.1])
    '2 of 4'
    """
    return f"{sum(0.5 <= ratio <= 2 for ratio in ratios)} of {len(ratios)}"


def short(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}"


if __name__ == "__main__":
    main()
