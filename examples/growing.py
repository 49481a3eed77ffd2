"""A graph that changes: its condensed graph goes on from the one before, is made anew, or is kept.

With ``--releases``, nodes come, change and go, as ``datasets/build_releases.py`` finds them.
"""

import argparse
import time
from dataclasses import replace

import pandas as pd
import torch

import graphcondense
from graphcondense.data import as_task, load
from graphcondense.evaluate import NodeEvaluator

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--data", help="a set of one graph; by default Cora")
parser.add_argument("--releases", nargs="+", help="graphs whose nodes have names, in order")
parser.add_argument("--method", default="gecc", help="quotient, gecc, or a coarsening")
parser.add_argument("--nodes", type=int, default=70, help="condensed nodes of the largest graph")
parser.add_argument("--order", choices=("drawn", "stored"), default="drawn", help="of parts")
parser.add_argument("--trainings", type=int, default=10)
parser.add_argument("--epochs", type=int, default=300, help="of each training")
args = parser.parse_args()

if args.releases:
    graphs = [as_task(load(file)) for file in args.releases]
    called = [pd.Index(graph.facts.ids) for graph in graphs]
else:
    whole = as_task(load(args.data or ("cora" if args.root else "digits"), args.root))
    order = torch.arange(whole.num_nodes)
    if args.order == "drawn":
        order = torch.randperm(len(order), generator=torch.Generator().manual_seed(0))
    graphs = [whole.subgraph(order[: round(share * len(order))]) for share in (0.5, 0.75, 1.0)]
    called = [pd.RangeIndex(graph.num_nodes) for graph in graphs]
largest = max(graph.num_nodes for graph in graphs)
small: dict[str, object] = {}
arrived: dict[str, pd.Series] = {}  # how often each test node was right when it arrived, in %
for step, (graph, names) in enumerate(zip(graphs, called, strict=True)):
    options = {"nodes": round(args.nodes * graph.num_nodes / largest), "progress": False}
    old = called[step - 1].get_indexer(names) if step else None  # -1 for a new node
    evaluator, said = NodeEvaluator(graph, epochs=args.epochs), []
    for how in ("anew", "updated", "kept"):
        data = replace(graph, shared=None)  # nothing that was made of it for another is there
        began = time.process_time()
        if how == "anew" or not step:
            small[how] = graphcondense.condense(data, args.method, **options)
        elif how == "updated":
            small[how] = graphcondense.update(small[how], data, old_nodes=old, **options)
        took = time.process_time() - began
        found = evaluator.predict("GCN", small[how], graph.test, seeds=args.trainings).argmax(-1)
        right = 100 * (found == graph.y[graph.test]).double().mean(0)
        now = pd.Series(right, index=names[graph.test.numpy()])
        gained = (now - arrived.get(how, now)).mean()  # below 0: something was forgotten
        arrived[how] = arrived.get(how, now).combine_first(now)
        said.append(f"{how} {now.mean():.1f} % in {took:.2f} s ({gained:+.1f} since they came)")
    print(f"{len(names):,} nodes -> {options['nodes']}: {', '.join(said)}", flush=True)
