"""Does a backdoor survive condensation? Success of a plain trigger before and after, four methods.

OMP_NUM_THREADS=1 python benchmarks/backdoor.py --root DATA
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

METHODS = ("gcond-x", "gcdm-x", "gecc", "quotient")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", default="cora")
    parser.add_argument("--nodes", type=int, default=70)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=2, help="of poison and condensation")
    parser.add_argument("--trainings", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=100, help="of a training")
    parser.add_argument("--out", type=Path, default=Path("docs/results/backdoor"))
    args = parser.parse_args()

    import graphcondense
    from graphcondense.uses import measure_backdoor

    def made(method: str, task: object, seed: int) -> object:
        return graphcondense.condense(task, method, nodes=args.nodes, seed=seed, progress=False)

    found = measure_backdoor(
        graphcondense.data.load(args.data, root=args.root),
        {method: partial(made, method) for method in args.methods},
        graph_seeds=args.seeds,
        seeds=args.trainings,
        epochs=args.epochs,
        val_every=25,
    )
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"backdoor-{args.data}.json"
    content = {**json.loads(found.to_json()), "nodes": args.nodes}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(found.table())


if __name__ == "__main__":
    main()
