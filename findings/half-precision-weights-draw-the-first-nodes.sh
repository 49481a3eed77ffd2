#!/usr/bin/env bash
# torch 2.13.0: torch.multinomial() with weights in float16 that are not small draws the first entries, where it draws
# one, or several without replacement, which is what it does unless told otherwise.
#
# Expected, from the documentation ("The rows of input do not need to sum to one (in which case we use the values as
# weights), but must be non-negative, finite and have a non-zero sum"): entries in proportion to their weights. Counts
# and degrees up to 2,048 are exact in float16, and each weight below is finite.
# Seen: each weight is divided by a random number from an exponential distribution, in the type of the weights, and
# the largest quotients win. Above 65,504 they are infinite, all equal, and the first of them is taken. Of 10,000
# nodes with 1,000 links each the first 1,000 are drawn every time; with 100 links each in eight draws of ten. Ten
# classes of 6,000 images each give the first class 13% and the last 8%. Weights that sum to one, float32, bfloat16
# and many draws with replacement are right, so a test passes. Nothing is raised, the drawn set has the right size,
# and rows that are sorted by age, degree or class give a sample of one kind. The report about float16 here is about
# weights of zero that are drawn in one of some hundred times. Write weights.float().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6
"$work/venv/bin/python" -W error - <<'PY'
import torch

print("torch", torch.__version__)
torch.manual_seed(0)
NODES, DRAWS = 10_000, 2_000
changed = "the behaviour has changed"


def first_tenth(weight, kind, drawn=1, replacement=False):
    """The share of draws from the first tenth of nodes that all have one weight."""
    weights = torch.full((DRAWS // drawn, NODES), float(weight), dtype=kind)
    return (torch.multinomial(weights, drawn, replacement=replacement) < NODES // 10).float().mean().item()


print("share of draws from the first tenth of 10,000 nodes of one weight")
for weight in (1, 100, 1_000):
    right = {str(kind): first_tenth(weight, kind) for kind in (torch.bfloat16, torch.float32)}
    right["float16, 1,000 with replacement"] = first_tenth(weight, torch.float16, drawn=1_000, replacement=True)
    wrong = {"float16": first_tenth(weight, torch.float16)}
    wrong["float16, one with replacement"] = first_tenth(weight, torch.float16, replacement=True)
    wrong["float16, five at once"] = first_tenth(weight, torch.float16, drawn=5)
    print(f"weight {weight:5,}:", {name: round(share, 2) for name, share in (right | wrong).items()})
    for name, share in right.items():
        assert abs(share - 0.1) < 0.04, name
    for name, share in wrong.items():
        least, most = {1: (0.06, 0.14), 100: (0.2, 0.9), 1_000: (0.99, 1.0)}[weight]
        assert least <= share <= most, (changed, name)

print("ten classes with 6,000 images each, drawn 100,000 times")
for kind in (torch.float16, torch.float32):
    counts = torch.full((100_000, 10), 6_000, dtype=kind)
    share = torch.multinomial(counts, 1).flatten().bincount(minlength=10) / len(counts)
    print(f"{kind!s:14s}", [round(value, 3) for value in share.tolist()])
    assert (share[0] > 1.5 * share[9]) == (kind == torch.float16), changed
PY
