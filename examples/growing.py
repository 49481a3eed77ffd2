"""A graph that changes: its condensed graph is made anew, follows the changes, or is kept."""

import argparse
import time
from dataclasses import replace

import pandas as pd
import torch

import graphcondense
from graphcondense.data import as_task, load
from graphcondense.evaluate import NodeEvaluator

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--data", help="a set of one graph, which arrives in parts; by default Cora")
parser.add_argument("--order", choices=("drawn", "stored"), default="drawn", help="of parts")
parser.add_argument("--releases", nargs="+", help="files of datasets/build_releases.py, in order")
parser.add_argument("--method", default="gecc", help="quotient, gecc, or a coarsening")
parser.add_argument("--nodes", type=int, default=70, help="condensed nodes of the largest graph")
parser.add_argument("--trainings", type=int, default=10)
parser.add_argument("--epochs", type=int, default=300, help="of each training")
parser.add_argument("--whole", action="store_true", help="train on the whole graph, too")
parser.add_argument("--out", default="growing.csv", help="the table")
args = parser.parse_args()
if args.releases:
    if args.data or args.root or args.order != "drawn":
        parser.error("--releases names all graphs: leave out --data, --root and --order")
    graphs = [as_task(load(file)) for file in args.releases]
    called = [pd.Index(graph.facts.ids) for graph in graphs]
else:
    whole = as_task(load(args.data or ("cora" if args.root else "digits"), args.root))
    drawn = torch.randperm(whole.num_nodes, generator=torch.Generator().manual_seed(0))
    order = drawn if args.order == "drawn" else torch.arange(whole.num_nodes)
    graphs = [whole.subgraph(order[: round(share * len(order))]) for share in (0.5, 0.75, 1.0)]
    called = [pd.RangeIndex(graph.num_nodes) for graph in graphs]
small, arrived, rows = {}, {}, []  # arrived: how often each test node was right at first, in %
for step, (graph, names) in enumerate(zip(graphs, called, strict=True)):
    options = {"nodes": round(args.nodes * len(names) / max(map(len, called))), "progress": False}
    old = called[max(step - 1, 0)].get_indexer(names)  # -1 for a new node
    evaluator = NodeEvaluator(graph, epochs=args.epochs)
    for how in ("anew", "updated", "kept", *["whole"] * args.whole):
        data = replace(graph, shared=None)  # nothing that was made of it for another is there
        began = time.process_time()
        if how == "anew":
            small[how] = graphcondense.condense(data, args.method, **options)
        elif how == "updated" and step:
            small[how] = graphcondense.update(small[how], data, old_nodes=old, **options)
        took = time.process_time() - began
        trained = graph if how == "whole" else small.setdefault(how, small["anew"])
        found = evaluator.predict("GCN", trained, graph.test, seeds=args.trainings).argmax(-1)
        right = 100 * (found == graph.y[graph.test]).double().mean(0)
        now = pd.Series(right, index=names[graph.test.numpy()])
        gained = (now - arrived.get(how, now)).mean()  # below 0: something was forgotten
        arrived[how] = arrived.get(how, now).combine_first(now)
        rows.append([len(names), (old < 0).sum(), options["nodes"], how, now.mean(), gained, took])
        print("{:,} nodes, {:,} new -> {}: {} {:.1f} % ({:+.1f}) in {:.2f} s".format(*rows[-1]))
head = ["nodes", "new", "condensed", "how", "accuracy", "since they came", "seconds"]
pd.DataFrame(rows, columns=head).to_csv(args.out, index=False)
