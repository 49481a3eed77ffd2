"""Condense users by items: a few synthetic users that train recommenders for all real ones."""

import argparse

import numpy as np
import scipy.sparse as sp

import graphcondense
from graphcondense.data import as_interactions, load_interactions
from graphcondense.kernels.infinite_ae import InfiniteAE

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", help="ml-1m, or a MovieLens file; by default made-up users")
parser.add_argument("--nodes", type=int, default=10, help="synthetic users")
parser.add_argument("--steps", type=int, default=100)
args = parser.parse_args()

if args.data:
    task = load_interactions(args.data)
else:
    # 400 users, 120 items in six genres; everybody likes two of them.
    rng = np.random.default_rng(0)
    likes = np.zeros((400, 6))
    for user in likes:
        user[rng.choice(6, 2, replace=False)] = 1
    chance = 0.03 + 0.25 * likes[:, np.arange(120) % 6]
    task = as_interactions(sp.csr_matrix(rng.random((400, 120)) < chance))

print(f"{task.num_users:,} users, {task.num_items:,} items, {task.train.nnz:,} interactions")
options = {"nodes": args.nodes, "progress": False}
sets = {
    "all users": task.train,
    "random": graphcondense.condense(task, "random", **options).csr,
    "head": graphcondense.condense(task, "head", **options).csr,
    "distill-cf": graphcondense.condense(
        task, "distill-cf", steps=args.steps, lr_x=0.1, **options
    ).csr,
}
for name, rows in sets.items():
    # The ridge is chosen on validation items; test items are predicted from all the others.
    model = InfiniteAE().fit(rows)
    ridges = (0.01, 1.0, 10.0)
    scores = {ridge: model.refit(ridge).score(task.train, task.val, k=10) for ridge in ridges}
    model.refit(max(scores, key=scores.__getitem__))
    hits = model.score(task.seen, task.test, k=10)
    print(f"∞-AE trained on {rows.shape[0]:>5,} users ({name:<10}): test HR@10 {100 * hits:.1f} %")

small = graphcondense.condense(task, "random", **options)
print(f"for PyG: {small.hetero.edge_types}")
