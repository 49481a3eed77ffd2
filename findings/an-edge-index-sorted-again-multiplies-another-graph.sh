#!/usr/bin/env bash
# torch-geometric 2.8.1, torch 2.13.0: a directed EdgeIndex that was multiplied once and is then sorted by its other
# ends, or turned round, gives products of another graph.
#
# Expected, from the documentation ("EdgeIndex caches data for fast CSR or CSC conversion ... Caches are filled based on
# demand (e.g., when calling EdgeIndex.sort_by()) ... and are maintained and adjusted over its lifespan (e.g., when
# calling EdgeIndex.flip())"): the product is that of the edges that it holds.
# Seen: the pointers of the old order go along to the new one, so that node i gets as many edges as it had at its other
# end, from where these stand in the new list. sort_by() does so after one product, flip(0) once the pointers of both
# orders are there: after a product and its gradient, or after fill_cache_(). The shape is right, sums over all nodes
# look alike, the edges print and validate() as they should, and to_dense() of them is right. Of a random graph with a
# thousand nodes every product below is off by more than the norm of the right one. Undirected graphs, whose pointers
# are equal, are right, and so are examples with as many links in as out. Layers of PyG on a CPU do not multiply and
# are right. Make a new one of the plain tensor, EdgeIndex(e.as_tensor(), sort_order=...), after a change of order.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import torch
import torch_geometric
from torch_geometric import EdgeIndex
from torch_geometric.utils import to_undirected

print("torch-geometric", torch_geometric.__version__, "torch", torch.__version__)
NODES = 1000
torch.manual_seed(0)
links = torch.unique(torch.randint(NODES, (2, 10 * NODES)), dim=1)
x = torch.randn(NODES, 4)


def product(edges, x):
    """The one product that the order allows: of A if sorted by rows, of its transpose if by columns."""
    return edges.matmul(x, transpose=edges.is_sorted_by_col)


def error(edges):
    """How far the product is from that of a dense matrix, relative to the right one."""
    assert edges.validate() is edges
    right = torch.zeros(NODES, NODES).index_put((edges[0].long(), edges[1].long()), torch.ones(1))
    assert torch.equal(edges.to_dense(), right)
    right = (right.t() if edges.is_sorted_by_col else right) @ x
    return ((product(edges, x) - right).norm() / right.norm()).item()


def made(undirected, order):
    edges = to_undirected(links) if undirected else links
    edges = edges[:, edges[0 if order == "row" else 1].argsort(stable=True)]
    size = (NODES, NODES)
    return EdgeIndex(edges, sparse_size=size, sort_order=order, is_undirected=undirected)


before = {
    "fresh": lambda e: None,
    "a product": lambda e: product(e, x),
    "a product, its gradient": lambda e: product(e, x.clone().requires_grad_()).sum().backward(),
    "fill_cache_()": lambda e: e.fill_cache_(),
}
after = {
    "as it is": lambda e: e,
    "sorted again": lambda e: e.sort_by("col" if e.is_sorted_by_row else "row").values,
    "flip(0)": lambda e: e.flip(0),
}
wrong = {("a product", "sorted again"), ("a product, its gradient", "sorted again")}
wrong |= {("fill_cache_()", "sorted again")}
wrong |= {("a product, its gradient", "flip(0)"), ("fill_cache_()", "flip(0)")}
for undirected in (False, True):
    for order in ("row", "col"):
        print("undirected" if undirected else "directed", "by", order)
        for first, use in before.items():
            found = {}
            for then, change in after.items():
                edges = made(undirected, order)
                use(edges)
                found[then] = error(change(edges))
            print(f"  {first:24s}", {then: round(found[then], 3) for then in found})
            for then, off in found.items():
                expected = not undirected and (first, then) in wrong
                assert off > 1 if expected else off < 1e-5, "the behaviour has changed"
PY
