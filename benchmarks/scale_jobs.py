"""What ``benchmarks/scale.py`` times, each in a process of its own of one thread:

    python benchmarks/scale_jobs.py BYTES SECONDS FOLDER OUT JOB [WORD ...]

runs a job on the data of a folder, within so many bytes of memory and processor seconds, and writes
into the file ``OUT`` what it took. It is run on other commits, too: only what those have may be
called.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

STEPPED = {
    **{"gcond-x": 10, "doscond-x": 400, "gcdm-x": 20, "simgc-x": 200, "gc-sntk-x": 100},
    "gcond": 20,
}
"""Epochs by default of the methods that ``--steps`` bounds."""
EPOCHS = 300
"""Of an evaluator's training."""


@dataclass
class Clock:
    """Processor seconds and memory of what runs in ``with clock:``."""

    seconds: float = 0.0
    before: int = 0
    peak: int = 0

    def __enter__(self) -> None:
        _forget_peak()
        self.before = _memory("VmRSS")
        self.began = time.process_time()

    def __exit__(self, *error: object) -> None:
        self.seconds = time.process_time() - self.began
        self.peak = _memory("VmHWM")


def _forget_peak() -> None:
    """Let the kernel count the peak of this process anew, where it does."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _memory(field: str) -> int:
    """Bytes of memory by the kernel; elsewhere than on Linux the peak of the whole process."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def graph(folder: Path) -> Any:
    """The simulated graph, read from the plain tensors that this tree wrote."""
    import torch
    from torch_geometric.data import Data

    return Data(**torch.load(folder / "graph.pt", weights_only=True), name="simulated")


def propagation(folder: Path, clock: Clock, words: Sequence[str]) -> str:
    import torch

    from graphcondense.data import as_task
    from graphcondense.ops.adjacency import propagate_rows

    task = as_task(graph(folder))
    adj, rows = task.gcn_adj, task.train.numpy()
    small = task.subgraph(torch.arange(64))
    propagate_rows(small.gcn_adj, small.x_array, 2, small.train.numpy())  # what is made once
    with clock:
        propagate_rows(adj, task.x_array, 2, rows)
    return ""


def matching(folder: Path, clock: Clock, words: Sequence[str]) -> str:
    """One match of a two-layer linear network of 256 units, its rows being sorted before."""
    import torch

    from graphcondense.objectives.gradient import ClassRows

    data = graph(folder)
    x, y = data.x[data.train_mask], data.y[data.train_mask]
    rng = torch.Generator().manual_seed(0)
    classes = int(data.y.max()) + 1
    sizes = (x.shape[1], 256, classes)
    weights = [torch.randn(o, i, generator=rng) / i**0.5 for i, o in pairwise(sizes)]
    biases: list[Any] = [torch.zeros(o) for o in sizes[1:]]
    real = ClassRows(x, y, classes)
    ClassRows(x[:500], y[:500], classes).layer_gradients(weights, biases)
    with clock:
        real.layer_gradients(weights, biases)
    return ""


def condense(folder: Path, clock: Clock, words: Sequence[str]) -> str:
    """A whole call, checks and validation and all."""
    import graphcondense

    method, nodes, steps = words[0], int(words[1]), int(words[2])
    data = graph(folder)
    usual = STEPPED.get(method, 0)
    options = {"epochs": steps} if 0 < steps < usual else {}
    with clock:
        graphcondense.condense(data, method, nodes=nodes, seed=0, progress=False, **options)
    return f"{steps} of {usual} epochs" if options else ""


def evaluating(folder: Path, clock: Clock, words: Sequence[str]) -> str:
    """A GCN on randomly chosen nodes, three trainings, validated on the whole graph."""
    import graphcondense
    from graphcondense.evaluate import evaluate

    nodes, steps = int(words[0]), int(words[1])
    data = graph(folder)
    small = graphcondense.condense(data, "random", nodes=nodes, seed=0, progress=False)
    epochs = min(EPOCHS, steps or EPOCHS)
    with clock:
        evaluate(
            small, data, models=["GCN"], seeds=3, epochs=epochs, baselines=(), progress=False,
            plain_epochs=0,
        )  # fmt: skip
    return f"{epochs} of {EPOCHS} epochs" if epochs < EPOCHS else ""


def loading(folder: Path, clock: Clock, words: Sequence[str]) -> str:
    """OGB's layout, a second time; each tree has a copy of its own."""
    import torch

    from graphcondense.data import load_ogb

    root = folder / "ogb" / words[0]
    meta = torch.load(root / "ogbn_arxiv_like" / "meta_dict.pt", weights_only=True)
    load_ogb("ogbn-arxiv-like", root, meta=meta)
    with clock:
        load_ogb("ogbn-arxiv-like", root, meta=meta)
    return ""


def checking(folder: Path, clock: Clock, words: Sequence[str]) -> str:
    from graphcondense.data import as_task

    data = graph(folder)
    with clock:
        as_task(data)
    return ""


def normalising(folder: Path, clock: Clock, words: Sequence[str]) -> str:
    from graphcondense.data import as_task

    task = as_task(graph(folder))
    with clock:
        _ = task.gcn_adj
    return ""


def cora(folder: Path, clock: Clock, words: Sequence[str]) -> str:
    """A whole call on Cora."""
    import graphcondense

    data = graphcondense.data.load("cora", root=folder)
    with clock:
        small = graphcondense.condense(
            data, words[0], nodes=int(words[1]), seed=0, preset=None, progress=False
        )
    scored: Any = getattr(small, "condensed", {}).get("validation")
    return f"{scored['score']:.1%}" if scored else ""


JOBS: dict[str, Callable[[Path, Clock, Sequence[str]], str]] = {
    job.__name__: job
    for job in (
        *(propagation, matching, condense, evaluating, loading, checking, normalising, cora),
    )
}


def child(memory: int, limit: int, folder: Path, out: Path, job: str, *words: str) -> None:
    """Run one job and write what it took, or its error."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    import torch

    torch.set_num_threads(1)
    import torch_geometric.data  # noqa: F401 - imports are not what is timed

    import graphcondense.evaluate

    graphcondense.methods()
    clock = Clock()
    try:
        said = JOBS[job](folder, clock, words)
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        found: dict[str, Any] = {"error": f"{type(error).__name__}: {lines[0]:.160}"}
    else:
        found = {"seconds": clock.seconds, "peak": clock.peak, "more": clock.peak - clock.before}
        found |= {"said": said}
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    memory, limit, folder, out, *words = sys.argv[1:]
    child(int(memory), int(limit), Path(folder), Path(out), *words)
