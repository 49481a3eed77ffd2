"""Membership inference against models that were trained on condensed graphs, a method a row.

    OMP_NUM_THREADS=1 python benchmarks/privacy.py --root DATA

Fast methods by default, a few minutes on one core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nodes

METHODS = (
    "averaging",
    "cgc",
    "clustering",
    "gecc",
    "heavy-edge",
    "herding",
    "kcenter",
    "quotient",
    "vng",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", nargs="+", default=["cora"], choices=list(nodes.BUDGETS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=2, help="condensation seeds")
    parser.add_argument("--trainings", type=int, default=5, help="training seeds of each result")
    parser.add_argument("--val-every", type=int, default=10, help="epochs between validations")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    args = parser.parse_args()
    for data in args.data:
        measure(args, data)


def measure(args: argparse.Namespace, data: str) -> None:
    """``privacy-DATA.json``: all methods, beside random nodes and the whole graph."""
    import graphcondense
    from graphcondense.uses import membership_inference

    real = graphcondense.data.load(data, root=args.root)
    small = {
        method: [
            graphcondense.condense(
                real, method, nodes=nodes.BUDGETS[data], seed=seed, progress=False
            )
            for seed in range(args.seeds)
        ]
        for method in args.methods
    }
    found = membership_inference(
        small, real, seeds=args.trainings, random_draws=args.seeds, val_every=args.val_every
    )
    content = {**json.loads(found.to_json()), "nodes": nodes.BUDGETS[data]}
    path = args.out / f"privacy-{data}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(found.table())


if __name__ == "__main__":
    main()
