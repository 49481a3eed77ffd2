"""Classes arrive in groups; condensed graphs are the memory of the earlier ones."""

import argparse

import graphcondense
from graphcondense.uses.continual import learn_continually

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--method", default="doscond-x")
parser.add_argument("--per-class", type=int, default=2, help="nodes to remember")
parser.add_argument("--condense-epochs", type=int, default=10)
parser.add_argument("--epochs", type=int, default=60, help="of every training")
args = parser.parse_args()


def condense(task, seed):
    """Sees the graph of the newest classes, and nothing before or after."""
    return graphcondense.condense(
        task,
        args.method,
        per_class=args.per_class,
        epochs=args.condense_epochs,
        seed=seed,
        progress=False,
    )


data = graphcondense.data.load("cora" if args.root else "digits", args.root)
result = learn_continually(
    data,
    condense,
    steps=3,
    strategies=("joint", "condensed-only", "random-only", "none"),
    seeds=2,
    epochs=args.epochs,
    hidden=64,
    progress=False,
)
print(result.table())
