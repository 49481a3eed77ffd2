"""Poisoned training nodes: does a backdoor survive condensing, and do robust centres help?

    OMP_NUM_THREADS=1 python benchmarks/poison.py --root DATA

``backdoor-DATA.json``: success of a plain trigger before and after, four methods.
``labels-DATA.json``: accuracy with wrong labels, by the centres of clusters. Minutes on one core.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import when

METHODS = ("gcond-x", "gcdm-x", "gecc", "quotient")
CENTRES = ("mean", "median", "trimmed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--data", nargs="+", default=["cora"])
    parser.add_argument("--nodes", type=int, default=70)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help="of the backdoor")
    parser.add_argument("--rate", type=float, default=0.2, help="of wrong labels")
    parser.add_argument("--seeds", type=int, default=2, help="of poison and condensation")
    parser.add_argument("--trainings", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=100, help="of a training")
    parser.add_argument("--out", type=Path, default=Path("docs/results/poison"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for data in args.data:
        for part in args.only:
            path = args.out / f"{part}-{data}.json"
            content = {**PARTS[part](args, data), "measured": when.stamp()}
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def backdoor(args: argparse.Namespace, data: str) -> Any:
    """Success of a trigger of ten features on a tenth of the training nodes."""
    import graphcondense
    from graphcondense.uses import measure_backdoor

    def made(method: str, task: object, seed: int) -> object:
        return graphcondense.condense(task, method, nodes=args.nodes, seed=seed, progress=False)

    found = measure_backdoor(
        graphcondense.data.load(data, root=args.root),
        {method: partial(made, method) for method in args.methods},
        graph_seeds=args.seeds,
        seeds=args.trainings,
        epochs=args.epochs,
        val_every=25,
    )
    print(found.table(), flush=True)
    return {**json.loads(found.to_json()), "nodes": args.nodes}


def labels(args: argparse.Namespace, data: str) -> Any:
    """Accuracy with a share of wrong labels, a GCN, one and three nodes a class."""
    import torch

    import graphcondense
    from graphcondense.data.node_reading import as_task
    from graphcondense.evaluate import NodeEvaluator
    from graphcondense.uses.robustness import poisoned

    real = as_task(graphcondense.data.load(data, root=args.root), need_test=True)
    evaluator, rows = NodeEvaluator(real, epochs=args.epochs, val_every=25), []
    for method, each, rate in (
        (method, each, rate)
        for rate in (0.0, args.rate)
        for method, each in (("averaging", 1), ("averaging", 3), ("gecc", 1), ("gecc", 3))
    ):
        for centres in CENTRES:
            options = {"per_class": each, "centres": centres, "progress": False}
            found = []
            for seed in range(args.seeds):
                task = poisoned(real, "labels", rate, seed)
                small = graphcondense.condense(task, method, seed=seed, **options)
                found.append(evaluator.fit("GCN", small, seeds=args.trainings).test_selected)
            scores = torch.cat(found)
            row = {"method": method, "per_class": each, "rate": rate, "centres": centres}
            rows.append({**row, "test": float(scores.mean()), "test_std": float(scores.std())})
            print(rows[-1], flush=True)
    return {"data": real.name, "rows": rows}


PARTS = {"backdoor": backdoor, "labels": labels}

if __name__ == "__main__":
    main()
