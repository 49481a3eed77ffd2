"""Condense a set of labelled graphs, compare with random ones and the whole set, draw the result.

Without --data the graphs are made here: rings and stars of random size on noisy features.
"""

import argparse

import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

import graphcondense
from graphcondense.pictures import draw_graphs

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", help="a set by name, such as MUTAG, NCI1 or ogbg-molbace")
parser.add_argument("--root", help="folder that has, or will have, the set")
parser.add_argument("--method", default="doscond", help="see graphcondense.methods('graph')")
parser.add_argument("--per-class", type=int, default=5)
parser.add_argument("--trainings", type=int, default=3, help="seeds of every evaluation")
parser.add_argument("--steps", type=int, default=300, help="updates of a training")
args = parser.parse_args()


def rings_and_stars(count: int = 300) -> list[Data]:
    """Every other graph a ring, the others stars, of 5 to 12 nodes."""
    rng = torch.Generator().manual_seed(0)
    graphs = []
    for i in range(count):
        nodes = torch.arange(int(torch.randint(5, 13, (), generator=rng)))
        ring = torch.stack([nodes, nodes.roll(-1)])
        star = torch.stack([torch.zeros_like(nodes[1:]), nodes[1:]])
        x = torch.randn(len(nodes), 4, generator=rng) + 1
        graphs.append(Data(x=x, edge_index=to_undirected(star if i % 2 else ring), y=i % 2))
    return graphs


data = graphcondense.data.load(args.data, args.root) if args.data else rings_and_stars()
task = graphcondense.data.as_graph_task(data, name=args.data or "rings and stars")
small = graphcondense.condense(task, args.method, per_class=args.per_class)
record = small.condensed
print(
    f"{len(task):,} graphs, condensed to {len(small)}: "
    f"{record['bytes']:,} of {record['data']['bytes']:,} bytes in {record['seconds']:.1f} s"
)
report = graphcondense.evaluate.evaluate(
    small, task, models=["GIN", "GCN"], seeds=args.trainings, steps=args.steps
)
print(report.table())
draw_graphs(small, "graphs.png")
print("picture: graphs.png")
