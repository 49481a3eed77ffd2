"""Membership inference against models that were trained on condensed graphs, a method a row.

    OMP_NUM_THREADS=1 python benchmarks/privacy.py --root DATA
    OMP_NUM_THREADS=1 python benchmarks/privacy.py --root DATA --epsilons 1 4 10 \\
        --methods gecc gcond-x --data cora --out docs/results/epsilon

Fast methods by default, a few minutes on one core. With ``--epsilons`` each method is run under
differential privacy, beside itself without it, with the nodes that ``--nodes`` says.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nodes
import when

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
    parser.add_argument("--data", nargs="+", default=["cora"], help="names or files")
    parser.add_argument("--nodes", type=int, default=None, help="condensed nodes")
    parser.add_argument("--epsilons", nargs="+", type=float, default=[], help="of these, and none")
    parser.add_argument("--epochs", type=int, default=300, help="of a training")
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

    path = Path(data)
    real = graphcondense.data.load(data, root=None if path.exists() else args.root)
    budget = args.nodes or nodes.BUDGETS[data]
    small = {
        f"{method}{'' if epsilon is None else f', epsilon {epsilon:g}'}": [
            graphcondense.condense(
                real,
                method,
                nodes=budget,
                seed=seed,
                progress=False,
                **({} if epsilon is None else {"epsilon": epsilon}),
            )
            for seed in range(args.seeds)
        ]
        for method in args.methods
        for epsilon in [None, *args.epsilons]
    }
    found = membership_inference(
        small,
        real,
        seeds=args.trainings,
        random_draws=args.seeds,
        val_every=args.val_every,
        epochs=args.epochs,
    )
    content, text = json.loads(found.to_json()), found.table()
    args.out.mkdir(parents=True, exist_ok=True)
    out = args.out / f"privacy-{path.stem}.json"
    told = {**content, "nodes": budget, "measured": when.stamp()}
    out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
