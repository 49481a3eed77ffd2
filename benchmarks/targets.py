"""One cell of a table of the guides: nodes with several labels, or numbers as targets, links, and
heterogeneous graphs.

    python benchmarks/targets.py debian-tags quotient --root DATA
    python benchmarks/targets.py debian-links convmatch --root DATA
    python benchmarks/targets.py debian-relations quotient --model RGCN --root DATA

Prints test and validation scores of a model, processor seconds of condensing and of all, and
memory. ``whole`` and ``mean`` stand for a method, too.
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import Any

import graphcondense
from graphcondense.data import load
from graphcondense.evaluate import evaluator_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="a set of graphcondense.data.datasets()")
    parser.add_argument("method", help="of graphcondense.methods(), whole or mean")
    parser.add_argument("--root")
    parser.add_argument("--share", type=float, default=0.01, help="of all nodes")
    parser.add_argument("--model", default="GCN")
    parser.add_argument("--trainings", type=int, default=1)
    parser.add_argument("--val-every", type=int, default=5)
    args = parser.parse_args()
    evaluator: Any = evaluator_of(load(args.data, args.root), val_every=args.val_every)
    task, condensing = evaluator.real, 0.0
    start = time.process_time()
    if args.method == "mean":
        found = evaluator.mean()
        assert found is not None, "a mean is of numbers"
    elif args.method == "whole":
        found = evaluator.fit_whole(args.model, seeds=args.trainings)
    else:
        nodes = int(args.share * task.num_nodes)
        small = graphcondense.condense(task, args.method, nodes=nodes, progress=False)
        condensing = time.process_time() - start
        found = evaluator.fit(args.model, small, seeds=args.trainings)
    print(f"{args.data} {args.method}, {evaluator.metric}: test {found.test_selected.tolist()}")
    print(f"validation {found.val_selected.tolist()}, epochs {found.epoch_selected.tolist()}")
    print(f"beside {dict(found.others)}")
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{condensing:.1f} s of {time.process_time() - start:.1f} s, {gib:.2f} GiB")


if __name__ == "__main__":
    main()
