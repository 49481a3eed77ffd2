#!/usr/bin/env bash
# torch-geometric 2.8.1, torch 2.13.0: where edge_index holds the nodes' self-loops in its order, explanations of
# GCNConv and GATConv are those of other edges.
#
# Expected: entry i of Explanation.edge_mask belongs to column i of edge_index, whatever that holds.
# Seen: both layers take stored self-loops out and put loops at the end. Edge masks are laid over messages by
# position, and set right only where there are more messages than entries. A + I has a loop for each node before and
# after, the counts agree, and every mask is shifted by the loops that stood before it. Of a karate club in which one
# neighbour alone sends anything, GNNExplainer finds the right edge for 34 nodes of 34 without loops, or with loops at
# the end, as AddSelfLoops leaves them, and for 0 where A + I is sorted, as it comes from SciPy, to_undirected() or
# coalesce(). What it names is a real edge of the graph, so that nothing looks wrong. AttentionExplainer cuts
# GATConv's attention to the number of edges: a single loop, of node 0, shifts all 156. No warning. Layers without
# loops of their own (SAGEConv, add_self_loops=False) are right. Take loops out before, with remove_self_loops(): the
# layers add them anyhow.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$work/venv/bin/python" -W ignore - <<'PY'
import networkx as nx
import scipy.sparse as sp
import torch
import torch_geometric
from torch_geometric.explain import AttentionExplainer, Explainer, GNNExplainer
from torch_geometric.nn import GATConv, GCNConv
from torch_geometric.utils import from_scipy_sparse_matrix, remove_self_loops

print("torch-geometric", torch_geometric.__version__, "torch", torch.__version__)
club = nx.karate_club_graph()
n = club.number_of_nodes()
adjacency = sp.csr_array(nx.to_scipy_sparse_array(club, weight=None, dtype=float))
everyone = torch.arange(n).repeat(2, 1)
with_loops = from_scipy_sparse_matrix(adjacency + sp.eye_array(n))[0]
without = remove_self_loops(with_loops)[0]
one = from_scipy_sparse_matrix(adjacency + sp.csr_array(([1.0], ([0], [0])), shape=(n, n)))[0]
graphs = {
    "no self-loops": without,
    "a loop each, after the edges": torch.cat([without, everyone], 1),
    "a loop each, sorted": with_loops,
    "one loop, sorted": one,
}
config = {
    "explanation_type": "model", "edge_mask_type": "object",
    "model_config": {"mode": "regression", "task_level": "node", "return_type": "raw"},
}


class Layer(torch.nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x, edges):
        return self.conv(x, edges)


def found(conv, edges):
    """The share of nodes for which the edge that alone matters is the first of the explanation."""
    explainer = Explainer(Layer(conv), GNNExplainer(epochs=20), **config)
    hits = 0
    for node in range(n):
        source = next(iter(club[node]))
        x = torch.zeros(n, 2)
        x[source] = 1  # all others send zeros
        mask = explainer(x, edges, index=node).edge_mask
        hits += edges[:, mask.argmax()].tolist() == [source, node]
    return hits / n


def attention_kept(edges):
    """The share of edges whose entry of the explanation is their attention."""
    conv = GATConv(2, 1)
    x = torch.randn(n, 2)
    mask = Explainer(Layer(conv), AttentionExplainer(), **config)(x, edges).edge_mask
    ends, attention = conv(x, edges, return_attention_weights=True)[1]
    weights = {tuple(edge): a for edge, a in zip(ends.t().tolist(), attention[:, 0].tolist())}
    same = [abs(weights[tuple(edge)] - a) < 1e-6 for edge, a in zip(edges.t().tolist(), mask.tolist())]
    return sum(same) / len(same)


changed = "the behaviour has changed"
for name, edges in graphs.items():
    torch.manual_seed(0)
    gcn, gat = found(GCNConv(2, 1, bias=False), edges), found(GATConv(2, 1, bias=False), edges)
    kept = attention_kept(edges)
    print(f"{name:29s} GNNExplainer right: {gcn:.2f} of GCNConv, {gat:.2f} of GATConv;", end=" ")
    print(f"AttentionExplainer: {kept:.2f} of the edges")
    in_order = name in ("no self-loops", "a loop each, after the edges")
    assert gcn == gat == (0 if name == "a loop each, sorted" else 1), changed
    assert kept == 1 if in_order else kept < 0.05, changed
PY
