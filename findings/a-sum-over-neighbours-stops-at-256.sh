#!/usr/bin/env bash
# torch 2.13.0, torch_geometric 2.8.1: under autocast the mean of 5,000 neighbours that are all 1 is 0.06, if the graph
# is a sparse matrix.
#
# Expected: torch.autocast chooses where a narrow type is safe; a mean of ones is 1, right to the rounding of bfloat16,
# as a dense product and PyG's layers with edge_index have it.
# Seen: autocast puts products of sparse matrices among those that are done in bfloat16, and on the CPU the product of a
# COO matrix adds in that type, where 256 + 1 is 256. A node of 5,000 neighbours has a sum of 256; its mean is 0.06, and
# 0.25 where half of the neighbours have 3 and it should be 2: the later ones are not seen. torch.sparse.mm(), the @
# sign and torch.sparse.sum() agree, float16 stops at 2,048, and coalesce() adds up repeated edges alike. So hubs of a
# graph are wrong, nodes of 100 neighbours right to 5 in 100, and the loss goes down. Graph networks written in plain
# PyTorch are hit; PyG's layers are right with edge_index and raise with a sparse matrix, as CSR matrices do. No
# warning. Reports are about CUDA and about types that are not implemented. Leave autocast around sparse products.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import torch
import torch_geometric
from torch_geometric.nn import SimpleConv

print("torch", torch.__version__, "torch_geometric", torch_geometric.__version__)
torch.set_num_threads(1)
HUB, FEW = 5_000, 100
changed = "the behaviour has changed"
nodes = HUB + 2
# Node 0 has 5,000 neighbours, node 1 has 100.
targets = torch.cat([torch.zeros(HUB, dtype=torch.long), torch.ones(FEW, dtype=torch.long)])
sources = torch.cat([torch.arange(HUB), torch.arange(FEW)]) + 2
weights = torch.cat([torch.full((HUB,), 1 / HUB), torch.full((FEW,), 1 / FEW)])
graph = torch.sparse_coo_tensor(torch.stack([targets, sources]), weights, (nodes, nodes)).coalesce()
x = torch.ones(nodes, 2)
x[2 + HUB // 2 :, 1] = 3  # the first half of the hub's neighbours has 1, the second 3
by_hand = torch.tensor([[1.0, 2.0], [1.0, 1.0]])

assert torch.allclose((graph @ x)[:2], by_hand, atol=1e-3)
ways = {
    "graph @ x": lambda: graph @ x,
    "torch.sparse.mm": lambda: torch.sparse.mm(graph, x),
    "dense product": lambda: graph.to_dense() @ x,
    "PyG, edge_index": lambda: SimpleConv(aggr="mean")(x, torch.stack([sources, targets])),
    "torch.spmm": lambda: torch.spmm(graph, x),
}
right = ("dense product", "PyG, edge_index")
for name, way in ways.items():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hub, few = way()[:2].float()
    print(f"{name:15s} hub {[round(one, 3) for one in hub.tolist()]}, few {[round(one, 3) for one in few.tolist()]}")
    assert torch.allclose(few, by_hand[1], rtol=0.06)
    if name in right:
        assert torch.allclose(hub, by_hand[0], rtol=0.02)
    else:
        assert (hub < 0.2 * by_hand[0]).all(), changed
print("by hand         hub [1.0, 2.0], few [1.0, 1.0]")

for kind, stop in ((torch.bfloat16, 256), (torch.float16, 2_048)):
    ones = torch.sparse_coo_tensor(torch.stack([targets, sources]), torch.ones(HUB + FEW, dtype=kind), (nodes, nodes))
    again = torch.sparse_coo_tensor(torch.zeros(1, HUB, dtype=torch.long), torch.ones(HUB, dtype=kind), (1,))
    sums = [torch.sparse.sum(ones, 1).to_dense()[0].item(), again.coalesce().values().item()]
    print(f"{HUB} ones in {kind}: torch.sparse.sum() {sums[0]:.0f}, coalesce() {sums[1]:.0f}")
    assert sums == [stop, stop], changed
try:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        graph.to_sparse_csr() @ x
    raise AssertionError(changed)
except RuntimeError as error:
    print("as CSR:", str(error).splitlines()[0][:90])
PY
