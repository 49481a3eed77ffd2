"""A graph that grows: its condensed graph goes on from the one before, is made anew, or is kept.

No graph at hand has the dates of its nodes. Parts arrive in an order drawn by a seed, or with
``--order stored`` in that of the file (of Debian's packages: that of their names, so that families
of packages, such as those of one language, arrive together).
"""

import argparse
import time

import torch

import graphcondense
from graphcondense.data import as_task
from graphcondense.evaluate import NodeEvaluator

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--data", help="a set of one graph; by default Cora")
parser.add_argument("--method", default="gecc", help="quotient, gecc, or a coarsening")
parser.add_argument("--nodes", type=int, default=70, help="condensed nodes of the whole graph")
parser.add_argument("--order", choices=("drawn", "stored"), default="drawn")
parser.add_argument("--shares", type=float, nargs="+", default=[0.5, 0.75, 1.0])
parser.add_argument("--trainings", type=int, default=10)
parser.add_argument("--epochs", type=int, default=300, help="of each training")
parser.add_argument("--val-every", type=int, default=1)
args = parser.parse_args()

name = args.data or ("cora" if args.root else "digits")
whole = as_task(graphcondense.data.load(name, args.root))
n = whole.num_nodes
arrival = torch.arange(n)
if args.order == "drawn":
    arrival = torch.randperm(n, generator=torch.Generator().manual_seed(0))
updated = first = None
ends = [round(share * n) for share in args.shares]
fresh: dict[str, list[torch.Tensor]] = {}  # of each part, the accuracy when it arrived
for step, (share, end) in enumerate(zip(args.shares, ends, strict=True)):
    graph = whole.subgraph(arrival[:end])  # nodes that were there are the first, in their order
    options = {"nodes": round(share * args.nodes), "progress": False}

    began = time.process_time()
    anew = graphcondense.condense(graph, args.method, **options)
    took_anew = time.process_time() - began

    began = time.process_time()
    updated = anew if updated is None else graphcondense.update(updated, graph, **options)
    took_update = time.process_time() - began
    first = first or anew

    evaluator = NodeEvaluator(graph, epochs=args.epochs, val_every=args.val_every)
    said = []
    for how, small in (("anew", anew), ("updated", updated), ("kept", first)):
        found = evaluator.predict("GCN", small, graph.test, seeds=args.trainings).argmax(-1)
        right = 100 * (found == graph.y[graph.test]).double()
        part = torch.bucketize(graph.test, torch.tensor(ends), right=True)
        of_parts = torch.stack([right[:, part == p].mean() for p in range(step + 1)])
        fresh.setdefault(how, []).append(of_parts[-1])
        # What a part's accuracy has gained since it arrived, in the mean of all earlier parts; what
        # is forgotten is below zero.
        gained = of_parts[:step] - torch.stack(fresh[how])[:step]
        seconds = {"anew": took_anew, "updated": took_update}.get(how)
        took = "" if seconds is None else f" in {seconds:.2f} s"
        earlier = f" (earlier parts {float(gained.mean()):+.1f})" if step else ""
        said.append(f"{how} {float(right.mean()):.1f} %{took}{earlier}")
    print(
        f"{graph.num_nodes:,} nodes, {len(graph.train):,} labelled -> {options['nodes']}: "
        + ", ".join(said),
        flush=True,
    )
