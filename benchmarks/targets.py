"""One cell of a table of nodes with several labels, or numbers as targets, at 1 % of the nodes.

    OMP_NUM_THREADS=1 python benchmarks/targets.py debian-tags quotient --root DATA

Prints test and validation scores of a GCN, processor seconds of condensing and of all, and memory.
``whole`` and ``mean`` stand for a method, too.
"""

from __future__ import annotations

import argparse
import resource
import time

import graphcondense
from graphcondense.data import as_task, load
from graphcondense.evaluate import NodeEvaluator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="debian-tags or debian-size")
    parser.add_argument("method", help="of graphcondense.methods(), whole or mean")
    parser.add_argument("--root")
    parser.add_argument("--trainings", type=int, default=1)
    parser.add_argument("--val-every", type=int, default=5)
    args = parser.parse_args()
    task = as_task(load(args.data, args.root))
    evaluator, condensing = NodeEvaluator(task, val_every=args.val_every), 0.0
    start = time.process_time()
    if args.method == "mean":
        found = evaluator.mean()
        assert found is not None, "a mean is of numbers"
    elif args.method == "whole":
        found = evaluator.fit_whole("GCN", seeds=args.trainings)
    else:
        nodes = task.num_nodes // 100
        small = graphcondense.condense(task, args.method, nodes=nodes, progress=False)
        condensing = time.process_time() - start
        found = evaluator.fit("GCN", small, seeds=args.trainings)
    print(f"{args.data} {args.method}, {task.metric}: test {found.test_selected.tolist()}")
    print(f"validation {found.val_selected.tolist()}, epochs {found.epoch_selected.tolist()}")
    print(f"beside {dict(found.others)}")
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{condensing:.1f} s of {time.process_time() - start:.1f} s, {gib:.2f} GiB")


if __name__ == "__main__":
    main()
