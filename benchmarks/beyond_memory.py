"""A graph of ogbn-products' size condensed within a limit of memory.

    OMP_NUM_THREADS=1 python benchmarks/beyond_memory.py --memory 6GB --work FOLDER_ON_A_DISK

The graph is ``graphcondense.data.simulate("products-like", scale=...)``, written once as plain
arrays below ``--work`` (3 GB at scale 1). Each method then runs in a process of its own, which
opens the arrays memory-mapped and prints processor seconds and peaks of memory after each step.
"Own" is what the process cannot give back: its memory less the pages of mapped files, which the
system takes when it needs them. To see that it does, run this in a control group with a limit.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from pathlib import Path

FIELDS = {"peak": "VmHWM", "own": "RssAnon"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of products-like")
    parser.add_argument("--memory", default="6GB", help="the limit")
    parser.add_argument("--nodes", type=int, default=500, help="condensed nodes")
    parser.add_argument("--methods", nargs="+", default=["gecc", "quotient"])
    parser.add_argument("--work", type=Path, default=Path("runs/products-like"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    folder = args.work / f"{args.scale:g}"
    if args.one:
        one(folder, args.one, args.memory, args.nodes)
        return
    here = [sys.executable, "-W", "ignore", __file__, *sys.argv[1:], "--one"]
    for step in ("simulate", *args.methods) if not folder.exists() else args.methods:
        subprocess.run([*here, step], check=True)


def write(folder: Path, scale: float) -> None:
    import numpy as np

    from graphcondense.data import simulate

    data = simulate("products-like", scale=scale)
    new = folder.with_name(f"{folder.name}.part")
    new.mkdir(parents=True, exist_ok=True)
    for name, value in {"edges": data.edge_index, "features": data.x, "labels": data.y}.items():
        np.save(new / f"{name}.npy", value.numpy())
    for part in ("train", "val", "test"):
        np.save(new / f"{part}.npy", data[f"{part}_mask"].nonzero().flatten().numpy())
    new.rename(folder)


def one(folder: Path, step: str, memory: str, nodes: int) -> None:
    """Write the graph, or condense it by a method."""
    if step == "simulate":
        write(folder, float(folder.name))
        return
    import numpy as np

    import graphcondense
    from graphcondense.data import mapped_task

    graphcondense.methods()
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
    split = {"train": arrays["train"], "valid": arrays["val"], "test": arrays["test"]}
    raw = {"edge_index": arrays["edges"], "node_feat": arrays["features"]}
    watch = Watch(step)
    task = mapped_task({**raw, "labels": arrays["labels"], "split": split}, memory)
    watch.tell(f"loaded and checked {task.num_nodes:,} nodes and {task.adj.nnz:,} directed edges")
    _ = task.gcn_adj
    watch.tell("normalised")
    small = graphcondense.condense(task, step, nodes=nodes, memory=memory, progress=False)
    watch.tell(f"condensed to {small.num_nodes} nodes and {small.num_edges:,} edges")


class Watch:
    """Seconds and memory of this process from here on."""

    def __init__(self, name: str) -> None:
        self.name, self.own = name, 0
        self.began, self.wall = time.process_time(), time.perf_counter()
        threading.Thread(target=self.look, daemon=True).start()

    def look(self) -> None:
        while True:
            self.own = max(self.own, memory_of("own"))
            time.sleep(0.2)

    def tell(self, what: str) -> None:
        seconds, wall = time.process_time() - self.began, time.perf_counter() - self.wall
        peaks = f"peak {memory_of('peak'):,} MiB, own {max(self.own, memory_of('own')):,} MiB"
        print(
            f"{self.name}: {what}; {seconds:.0f} s of processor, {wall:.0f} s; {peaks}", flush=True
        )


def memory_of(what: str) -> int:
    """MiB by the kernel."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith(FIELDS[what]))


if __name__ == "__main__":
    main()
