"""Experts of a graph trained at once and one after the other: the ratio of processor seconds.

    OMP_NUM_THREADS=1 python benchmarks/experts.py --root data

For each network, ``--experts`` of them are trained for ``--steps`` steps of SGD at once, as one
model of stacked weights, and ``--alone`` of them one after the other by the loop that serves
batches; both in this process, in turn, ``--rounds`` times. The table has the median time of one
step of one expert, the ratio, and how far the weights of the same expert are from each other.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace

import torch

from graphcondense.core import experts
from graphcondense.core.expert_training import Training
from graphcondense.core.experts import Buffer
from graphcondense.core.pools import built
from graphcondense.core.types import Source
from graphcondense.data import load
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.node_trajectories import Propagated
from graphcondense.nn.propagate import MODELS, Propagation

NETWORKS = {"SGC, 1 layer": ("sgc", 1), "SGC, 2 layers": ("sgc", 2), "GCN, 2 layers": ("gcn", 2)}


def seconds(model: Propagation, how: Training, real: Source, at_once: bool) -> tuple[float, Buffer]:
    """Processor seconds of one step of one expert, and the experts."""
    buffer = Buffer(model, how, {}, settle=model.shared if at_once else None)
    began = time.process_time()
    buffer.prepare(real)
    spent = time.process_time() - began
    return spent / how.experts / how.steps(real) / how.epochs, buffer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cora")
    parser.add_argument("--root", default=None)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--experts", type=int, default=64)
    parser.add_argument("--alone", type=int, default=4)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    real = NodeSource(as_task(load(args.data, root=args.root)))
    print(f"| {args.data} | one after the other, ms | {args.experts} at once, ms | ratio | apart |")
    print("|---|---|---|---|---|")
    for name, (kind, layers) in NETWORKS.items():
        sizes = (real.num_features, args.hidden, real.num_classes, layers)
        model = built(MODELS[kind], *sizes, hops=2)
        seen = Propagated(real, 2) if kind == "sgc" else real.looking(model.hops)
        seen.batch()  # what is propagated is not counted
        how = Training(args.experts, 1, None, 0.1, 0.9, 5e-4, args.steps)
        times: list[tuple[float, float]] = []
        for _ in range(args.rounds):
            alone, few = seconds(model, replace(how, experts=args.alone), seen, at_once=False)
            many, all_of_them = seconds(model, how, seen, at_once=True)
            times.append((alone, many))
        apart = max(
            float((all_of_them.weights(expert, 1)[k] - v).abs().max())
            for expert in range(args.alone)
            for k, v in few.weights(expert, 1).items()
        )
        before, after = (1e3 * statistics.median(t) for t in zip(*times, strict=True))
        ratio = statistics.median(a / b for a, b in times)
        print(f"| {name} | {before:.2f} | {after:.3f} | {ratio:.1f} | {apart:.1e} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    experts.SMALL = 2**31  # all stay in memory: files are not what is compared
    main()
