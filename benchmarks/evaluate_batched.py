"""How much faster are ten trainings at once? Three ways to do the same, timed in one run.

* ``at once``: one stacked model, ten seeds.
* ``in turn``: the same code, one seed after another.
* ``plain PyG``: one seed after another with PyG's layers, every epoch validated on the whole graph,
  dense features: what one writes without this package.

Every way trains on the same random training nodes of Cora and validates after every epoch.

    python benchmarks/evaluate_batched.py --root DATA --epochs 30
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
import torch_geometric.transforms as T
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.data import Data
from torch_geometric.datasets import Planetoid

from graphcondense.evaluate import NodeEvaluator

Layer = Callable[..., nn.Module]


class Plain(nn.Module):
    """Two PyG layers, and personalised PageRank after them for APPNP."""

    def __init__(self, first: nn.Module, second: nn.Module | None, last: nn.Module | None) -> None:
        super().__init__()
        self.first, self.second, self.last = first, second, last

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        def call(layer: nn.Module, h: Tensor) -> Tensor:
            return layer(h) if isinstance(layer, nn.Linear) else layer(h, edges)

        h = call(self.first, x)
        if self.second is not None:
            h = call(self.second, F.dropout(h.relu(), 0.5, self.training))
        return h if self.last is None else self.last(h, edges)


Parts = tuple[nn.Module, nn.Module | None, nn.Module | None]
PLAIN: dict[str, Callable[[int, int, int], Parts]] = {
    "GCN": lambda d, h, c: (pyg.GCNConv(d, h), pyg.GCNConv(h, c), None),
    "SGC": lambda d, h, c: (pyg.SGConv(d, c, K=2), None, None),
    "APPNP": lambda d, h, c: (nn.Linear(d, h), nn.Linear(h, c), pyg.APPNP(10, 0.1)),
    "Cheb": lambda d, h, c: (pyg.ChebConv(d, h, K=2), pyg.ChebConv(h, c, K=2), None),
    "SAGE": lambda d, h, c: (pyg.SAGEConv(d, h), pyg.SAGEConv(h, c), None),
    "GAT": lambda d, h, c: (pyg.GATConv(d, h // 8, heads=8), pyg.GATConv(h, c), None),
    "GATv2": lambda d, h, c: (pyg.GATv2Conv(d, h // 8, heads=8), pyg.GATv2Conv(h, c), None),
    "GraphConv": lambda d, h, c: (pyg.GraphConv(d, h), pyg.GraphConv(h, c), None),
    "MLP": lambda d, h, c: (nn.Linear(d, h), nn.Linear(h, c), None),
}
"""Two layers as PyG has them, from ``in, hidden, out`` channels."""


def plain_seconds(name: str, small: Data, real: Data, epochs: int, hidden: int) -> float:
    """Seconds of one training."""
    model = Plain(*PLAIN[name](real.num_features, hidden, int(real.y.max()) + 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    start = time.perf_counter()
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        F.cross_entropy(model(small.x, small.edge_index), small.y).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            logits = model(real.x, real.edge_index)
            (logits.argmax(1) == real.y)[real.val_mask].float().mean()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="folder that holds pyg/Cora")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 16])
    parser.add_argument("--per-class", type=int, default=10)
    args = parser.parse_args()
    real = Planetoid(f"{args.root}/pyg", "Cora", transform=T.NormalizeFeatures())[0]
    train = real.train_mask.nonzero().flatten()
    chosen = [train[real.y[train] == c][: args.per_class] for c in range(int(real.y.max()) + 1)]
    small = real.subgraph(torch.cat(chosen))
    print(
        f"{small.num_nodes} nodes, {args.seeds} seeds, {args.epochs} epochs, threads "
        f"{torch.get_num_threads()}; milliseconds an epoch for all seeds"
    )
    print("hidden  model      at once  in turn  plain PyG  in turn / at once  plain PyG / at once")
    for hidden in args.hidden:
        evaluator = NodeEvaluator(real, epochs=args.epochs, hidden=hidden)
        for name in PLAIN:
            evaluator.fit(name, small, seeds=1)  # prepares the real graph
            once = evaluator.fit(name, small, seeds=args.seeds).seconds
            turn = sum(evaluator.fit(name, small, seeds=[s]).seconds for s in range(args.seeds))
            few = max(2, args.epochs // 10)
            loop = plain_seconds(name, small, real, few, hidden) * args.seeds * args.epochs / few
            ms = [1000 * seconds / args.epochs for seconds in (once, turn, loop)]
            print(
                f"{hidden:6}  {name:9}  {ms[0]:7.1f}  {ms[1]:7.1f}  {ms[2]:9.1f}  "
                f"{turn / once:17.2f}  {loop / once:19.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
