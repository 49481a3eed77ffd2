"""A graph that grows: its condensed graph goes on from the centres of before, or is made anew."""

import argparse
import time

import torch

import graphcondense
from graphcondense.data import as_task
from graphcondense.evaluate import NodeEvaluator

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--nodes", type=int, default=70, help="condensed nodes of the whole graph")
parser.add_argument("--trainings", type=int, default=10)
parser.add_argument("--epochs", type=int, default=300, help="of each training")
args = parser.parse_args()

whole = as_task(graphcondense.data.load("cora" if args.root else "digits", args.root))
arrival = torch.randperm(whole.num_nodes, generator=torch.Generator().manual_seed(0))
updated = None
for share in (0.5, 0.75, 1.0):
    graph = whole.subgraph(arrival[: round(share * whole.num_nodes)].sort().values)
    options = {"nodes": round(share * args.nodes), "progress": False}

    began = time.perf_counter()
    anew = graphcondense.condense(graph, "gecc", **options)
    took_anew = time.perf_counter() - began

    began = time.perf_counter()
    updated = anew if updated is None else graphcondense.update(updated, graph, **options)
    took_update = time.perf_counter() - began

    evaluator = NodeEvaluator(graph, epochs=args.epochs)
    scores = [
        100 * float(evaluator.fit("GCN", small, seeds=args.trainings).test_selected.mean())
        for small in (anew, updated)
    ]
    print(
        f"{graph.num_nodes:,} nodes, {len(graph.train)} labelled -> {options['nodes']}: "
        f"anew {scores[0]:.1f} % in {took_anew:.2f} s, "
        f"updated {scores[1]:.1f} % in {took_update:.2f} s"
    )
