#!/usr/bin/env bash
# torch 2.13.0, torch-geometric 2.8.1: the gradient of a maximum over neighbours is halved where the
# maximum is exactly 0.
#
# Expected: with a unique largest neighbour its gradient is 1, whatever its value.
# Seen: scatter_reduce(..., "amax", include_self=False) starts from a tensor of zeros. The forward pass
# leaves that start out; the backward pass counts it among the winners if it equals the maximum. So a
# group whose only largest value is 0 gets a gradient of 1/2. PyG's MaxAggregation, and with it
# SAGEConv(aggr="max"), has the same on the CPU. After a ReLU a maximum of 0 is common. Finite
# differences say 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import torch
from torch_geometric.nn import MaxAggregation

values = [[0.0], [-1.0], [2.0], [1.0]]
group = torch.tensor([0, 0, 1, 1])


def plain(x):
    start = torch.zeros(2, 1, dtype=x.dtype)
    return start.scatter_reduce(0, group[:, None], x, "amax", include_self=False)


def gradient(function):
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    function(x).sum().backward()
    return x.grad.flatten().tolist()


def finite_difference(i, eps=1e-6):
    up, down = (torch.tensor(values, dtype=torch.float64) for _ in range(2))
    up[i] += eps
    down[i] -= eps
    return float((plain(up).sum() - plain(down).sum()) / (2 * eps))


seen = gradient(plain), gradient(lambda x: MaxAggregation()(x, group))
right = [round(finite_difference(i), 6) for i in range(4)]
print("scatter_reduce:    ", seen[0])
print("MaxAggregation:    ", seen[1])
print("finite differences:", right)
assert right == [1.0, 0.0, 1.0, 0.0], right
assert seen == ([0.5, 0.0, 1.0, 0.0],) * 2, f"the behaviour has changed: {seen}"
PY
