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
parser.add_argument("--trainings", type=int, default=10)
parser.add_argument("--epochs", type=int, default=300, help="of each training")
args = parser.parse_args()

name = args.data or ("cora" if args.root else "digits")
whole = as_task(graphcondense.data.load(name, args.root))
n = whole.num_nodes
arrival = torch.arange(n)
if args.order == "drawn":
    arrival = torch.randperm(n, generator=torch.Generator().manual_seed(0))
updated, first, SHARES = None, None, (0.5, 0.75, 1.0)
ends = [round(share * n) for share in SHARES]
fresh: dict[str, list[torch.Tensor]] = {}  # of each part, the accuracy when it arrived
for step, (share, end) in enumerate(zip(SHARES, ends, strict=True)):
    graph = whole.subgraph(arrival[:end])  # nodes that were there are the first, in their order
    options = {"nodes": round(share * args.nodes), "progress": False}
    began = time.process_time()
    anew = graphcondense.condense(graph, args.method, **options)
    took_anew = time.process_time() - began
    began = time.process_time()
    updated = anew if updated is None else graphcondense.update(updated, graph, **options)
    took_update = time.process_time() - began
    first = first or anew

    evaluator, said = NodeEvaluator(graph, epochs=args.epochs), []
    for how, small in (("anew", anew), ("updated", updated), ("kept", first)):
        found = evaluator.predict("GCN", small, graph.test, seeds=args.trainings).argmax(-1)
        right = 100 * (found == graph.y[graph.test]).double()
        part = torch.bucketize(graph.test, torch.tensor(ends), right=True)
        of_parts = torch.stack([right[:, part == p].mean() for p in range(step + 1)])
        fresh.setdefault(how, []).append(of_parts[-1])
        # What earlier parts have gained since they arrived; what is forgotten is below zero.
        gained = of_parts[:step] - torch.stack(fresh[how])[:step]
        took = {"anew": took_anew, "updated": took_update}.get(how, 0.0)
        earlier = f" (earlier parts {float(gained.mean()):+.1f})" if step else ""
        said.append(f"{how} {float(right.mean()):.1f} % in {took:.2f} s{earlier}")
    print(f"{end:,} nodes -> {options['nodes']}: {', '.join(said)}", flush=True)
