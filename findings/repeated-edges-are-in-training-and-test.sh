#!/usr/bin/env bash
# torch-geometric 2.8.1, torch 2.13.0: RandomLinkSplit of a graph in which edges occur several times puts the same link
# into the training graph and into the test set, and a model that looks it up is perfect.
#
# Expected, from the documentation ("The split is performed such that the training split does not include edges in
# validation and test splits"): no link of the test set is an edge of the training graph.
# Seen: it splits columns of edge_index. Messages, purchases and calls come as events, so that a pair of nodes is there
# as often as it met; one column of it goes to the test set and others stay in training. Wrong links are drawn from
# pairs that never met. Of random pairs, where there is nothing to learn, with five events each, 99.4% of the test links
# are in the training graph, and "it was there before" has an AUC of 0.997; of the same pairs given once, 0.5.
# is_undirected=True and HeteroData do the same. No warning. Call Data.coalesce() before, or split by time, where
# repeats are the task.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import torch
import torch_geometric
from torch_geometric import seed_everything
from torch_geometric.data import Data, HeteroData
from torch_geometric.transforms import RandomLinkSplit

print("torch-geometric", torch_geometric.__version__, "torch", torch.__version__)
NODES, PAIRS, EVENTS = 1000, 5000, 5
seed_everything(0)
numbers = torch.randperm(NODES * NODES)[: 2 * PAIRS]
pairs = torch.stack([numbers // NODES, numbers % NODES])
pairs = pairs[:, pairs[0] < pairs[1]][:, :PAIRS // 2]
events = pairs.repeat(1, EVENTS)
assert len(set(map(tuple, pairs.t().tolist()))) == pairs.shape[1], "each pair is there once"


def split(edges, kind):
    """The edges of training, and the links of the test set with their labels."""
    seed_everything(1)
    if kind == "two types":
        graph = HeteroData()
        graph["user"].num_nodes = graph["item"].num_nodes = NODES
        graph["user", "buys", "item"].edge_index = edges
        types = {"edge_types": ("user", "buys", "item")}
        train, _, test = RandomLinkSplit(num_val=0.1, num_test=0.2, **types)(graph)
        train, test = train["user", "buys", "item"], test["user", "buys", "item"]
    else:
        undirected = kind == "undirected"
        if undirected:
            edges = torch.cat([edges, edges.flip(0)], 1)
        graph = Data(edge_index=edges, num_nodes=NODES)
        assert graph.validate() and graph.is_undirected() == undirected
        train, _, test = RandomLinkSplit(num_val=0.1, num_test=0.2, is_undirected=undirected)(graph)
    return train.edge_index, test.edge_label_index, test.edge_label


def looked_up(edges, kind):
    """The share of right test links that are in the training graph, and the AUC of looking them up."""
    train, links, labels = split(edges, kind)
    known = set(map(tuple, train.t().tolist()))
    there = torch.tensor([tuple(link) in known for link in links.t().tolist()]).double()
    right, wrong = there[labels == 1].mean().item(), there[labels == 0].mean().item()
    return right, 0.5 + (right - wrong) / 2


changed = "the behaviour has changed"
for kind in ("directed", "undirected", "two types"):
    once, often = looked_up(pairs, kind), looked_up(events, kind)
    print(f"{kind:10s} each pair once: {once[0]:.3f} of the test links in training, AUC {once[1]:.3f};", end=" ")
    print(f"{EVENTS} events each: {often[0]:.3f}, AUC {often[1]:.3f}")
    assert once == (0, 0.5), changed
    assert often[0] > 0.95 and often[1] > 0.97, changed
PY
