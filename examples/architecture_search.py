"""Search architectures and training settings on a condensed graph instead of the whole one."""

import argparse

import graphcondense
from graphcondense.uses.architectures import Space
from graphcondense.uses.search import search_architectures
from graphcondense.uses.tuning import Ranges, search_training

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--nodes", type=int, default=70)
parser.add_argument("--trials", type=int, default=12)
parser.add_argument("--epochs", type=int, default=60, help="of every training")
parser.add_argument("--storage", help="file that keeps the trials, to go on after Ctrl-C")
args = parser.parse_args()

data = graphcondense.data.load("cora" if args.root else "digits", args.root)
small = graphcondense.condense(data, "gcond-x", nodes=args.nodes, epochs=5, progress=False)

architectures = search_architectures(
    small,
    data,
    space=Space(model=("GCN", "SGC", "APPNP", "MLP"), num_layers=(1, 2, 3), hidden=(16, 64)),
    trials=args.trials,
    seeds=2,
    random_draws=1,
    epochs=args.epochs,
    val_every=5,
    storage=args.storage,
    progress=False,
)
print(architectures.table())

settings = search_training(
    small,
    data,
    model="GCN",
    ranges=Ranges(hidden=(16, 64), epochs=(args.epochs // 2, args.epochs)),
    trials=args.trials,
    final_seeds=2,
    val_every=5,
    storage=args.storage,
    progress=False,
)
print(settings.table())
