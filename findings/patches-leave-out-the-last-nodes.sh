#!/usr/bin/env bash
# torch_geometric 2.8.1, torch 2.13.0: PatchTransformerAggregation does not look at the last elements of its largest
# groups.
#
# Expected: groups are cut into patches of patch_size elements, the last patch is filled up with zeros, and each
# element counts, as with all other aggregations.
# Seen: the room for a group is the largest count plus one, rounded down to a multiple of patch_size and not up. Of a
# group of 9 in patches of 4 the ninth element is cut off, of one of 10 the last two, and with patches of 32 all that
# stand behind the last full patch, up to 30 of 62. Their gradient is 0, and any value there gives the same answer.
# In a batch it is the largest groups that lose, the hubs and the long histories: of a growing graph with 500 nodes the
# layer leaves out 9 of the 73 links of the node with most, those that came last, and edges in the order of time end
# with the newest event. One link more somewhere can bring them back, so that results jump. No warning. Pass
# max_num_elements, rounded up by hand.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6 networkx==3.6.1
"$work/venv/bin/python" -W ignore - <<'PY'
import networkx as nx
import torch
import torch_geometric
from torch_geometric.nn import aggr

print("torch_geometric", torch_geometric.__version__, "torch", torch.__version__)
WIDTH = 8
changed = "the behaviour has changed"


def unread(kind, index, **given):
    """The elements whose gradient is zero."""
    x = torch.randn(len(index), WIDTH, requires_grad=True)
    kind(x, index, **given).square().sum().backward()
    return (x.grad.abs().sum(1) == 0).nonzero().flatten().tolist()


torch.manual_seed(0)
patches = aggr.PatchTransformerAggregation(WIDTH, 16, patch_size=4, hidden_channels=16)
for size in range(4, 13):
    index = torch.zeros(size, dtype=torch.long)
    lost, rest = unread(patches, index), unread(aggr.SetTransformerAggregation(WIDTH, heads=2), index)
    full = unread(patches, index, max_num_elements=-(-size // 4) * 4)
    print(f"{size:2d} elements in patches of 4: unread {lost}, with room rounded up {full}")
    assert rest == [] and full == []
    assert lost == list(range((size + 1) // 4 * 4, size)), changed

x = torch.randn(10, WIDTH)
index = torch.zeros(10, dtype=torch.long)
moved = torch.cat([x[:8], torch.full((2, WIDTH), 1e6)])
with torch.no_grad():
    assert torch.equal(patches(x, index), patches(moved, index)), changed
    assert not torch.allclose(patches(x, index, max_num_elements=12), patches(moved, index, max_num_elements=12))

graph = nx.barabasi_albert_graph(500, 4, seed=0)
links = torch.tensor([pair for u, v in graph.edges for pair in ((u, v), (v, u))]).t()
order = links[1].argsort(stable=True)
target = links[1][order]
patches = aggr.PatchTransformerAggregation(WIDTH, 16, patch_size=32, hidden_channels=16)
lost = target[unread(patches, target)]
count = torch.bincount(target)
hub = int(count.argmax())
print(f"the hub {hub} of a graph has {int(count[hub])} links; {len(lost)} are unread, of {lost.unique().tolist()}")
assert int(count[hub]) % 32 not in (0, 31)
assert lost.unique().tolist() == [hub] and len(lost) == int(count[hub]) % 32, changed
PY
