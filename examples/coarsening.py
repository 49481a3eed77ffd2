"""Coarsen a graph: which condensed node stands for which real ones, and what of it is kept."""

import argparse

import numpy as np
import torch

import graphcondense
from graphcondense.data import assignment_matrix
from graphcondense.evaluate import NodeEvaluator

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--nodes", type=int, default=70)
parser.add_argument("--methods", nargs="+", default=["variation-edges", "heavy-edge", "kron"])
parser.add_argument("--trainings", type=int, default=3)
parser.add_argument("--epochs", type=int, default=100, help="of each training")
args = parser.parse_args()

data = graphcondense.data.load("cora" if args.root else "digits", args.root)
evaluator = NodeEvaluator(data, epochs=args.epochs)
real = evaluator.real
for name in args.methods:
    small = graphcondense.condense(data, name, nodes=args.nodes, progress=False)

    # A row for each real node, with a one at the condensed node that stands for it.
    groups = assignment_matrix(small)
    sizes = np.asarray(groups.sum(0)).ravel()
    print(
        f"{name}: {int(sizes.sum())} of {real.num_nodes} nodes in {small.num_nodes} groups of "
        f"{int(sizes.min())} to {int(sizes.max())}, {int(small.train_mask.sum())} with a class"
    )

    # What is known of a condensed node is known of its members: here, its class.
    told = torch.where(small.assignment >= 0, small.y[small.assignment], -1)[real.test]
    right = (told == real.y[real.test])[told >= 0].float().mean()
    print(f"  {100 * right:.1f} % of the test nodes in a group with a class have that class")

    result = evaluator.fit("GCN", small, seeds=args.trainings)
    print(f"  {100 * result.test_selected.mean():.1f} % test accuracy of a GCN trained on it")
