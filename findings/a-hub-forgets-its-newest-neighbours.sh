#!/usr/bin/env bash
# torch_geometric 2.8.1, torch 2.13.0: LastNeighborLoader, the memory of temporal graph networks, does not hold the last
# neighbours of the nodes that have most events.
#
# Expected: after events are inserted in the order of time, in batches, the loader gives the last `size` events of a
# node, whatever the batches are, as it does where they are inserted one by one.
# Seen: the events of a batch are sorted by node with a sort that is not stable above 16 entries, and written into
# `size` places per node, one over the other. Where a node has more events than places within one batch, what stays is
# arbitrary. Of 20 shops with popularities as 1/rank and 1,000 customers, in batches of 200 and with 10 places, the
# numbers of the usual example, the largest shop is given 10 neighbours, none of them among its last 10; in batches of
# 1,000 nine of the shops have 2 or fewer right. Training sees stale neighbours where most happens, the test of a
# larger batch sees others, and a batch size looks like a hyperparameter of the model. All of them are real events of
# the node, so nothing looks wrong, and no warning is given. Insert in parts small enough for the busiest node.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import torch
import torch_geometric
from torch_geometric.nn.models.tgn import LastNeighborLoader

print("torch_geometric", torch_geometric.__version__, "torch", torch.__version__)
torch.set_num_threads(1)
CUSTOMERS, SHOPS, EVENTS, PLACES = 1_000, 20, 20_000, 10
draw = torch.Generator().manual_seed(0)
customer = torch.randint(0, CUSTOMERS, (EVENTS,), generator=draw)
popular = 1 / torch.arange(1, SHOPS + 1)
shop = CUSTOMERS + torch.multinomial(popular, EVENTS, replacement=True, generator=draw)


def right(batch):
    """How many of its last ten events the loader has, for each shop, largest first."""
    loader = LastNeighborLoader(CUSTOMERS + SHOPS, size=PLACES)
    for start in range(0, EVENTS, batch):
        loader.insert(customer[start : start + batch], shop[start : start + batch])
    found = []
    for node in range(CUSTOMERS, CUSTOMERS + SHOPS):
        last = (shop == node).nonzero().flatten()[-PLACES:]
        nodes, edges, events = loader(torch.tensor([node]))
        assert len(events) == PLACES and (shop[events] == node).all()
        assert set(nodes[edges[0]].tolist()) == set(customer[events].tolist())
        found.append(len(set(events.tolist()) & set(last.tolist())))
    return found


changed = "the behaviour has changed"
for batch in (1, 10, 200, 1_000):
    found = right(batch)
    most = max(int((shop[start : start + batch] == CUSTOMERS).sum()) for start in range(0, EVENTS, batch))
    print(f"batches of {batch:5,}, at most {most:3d} events of the largest shop: right of 10", *found)
    if most <= PLACES:
        assert found == [PLACES] * SHOPS
    else:
        assert found[0] <= 3, changed
        assert sum(count < PLACES for count in found) >= 5, changed
PY
