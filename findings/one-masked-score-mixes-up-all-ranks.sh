#!/usr/bin/env bash
# torch_geometric 2.8.1, torch 2.13.0: ranks within groups, by group_argsort(), are wrong as soon as one score of one
# group is very large or small, or there are many groups.
#
# Expected: the ranks of scores within each group, for example of items for each user; what is in other groups does not
# matter, and float32 scores are compared as they are.
# Seen: all scores together are scaled to 0 to 1, twice the number of the group is added, and the sums are sorted, in
# the type of the scores. A score of -1e9, with which one item that a user knows already is masked, presses all others
# into a single number: each of 100 users has a wrong order. Without any mask the sums of late groups leave no room for
# the scores: of 100,000 users with 20 items each 47% have a wrong rank somewhere, of 10,000 users 2%, of 1,000 none.
# So a trial with few users is right, and later the best item is second or third. No warning. The reports about this
# function speak of ranks instead of indices, and of constant scores. Give scores as float64, or use lexsort() of scores
# and groups.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torch-geometric==2.8.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import torch
import torch_geometric
from torch_geometric.utils import group_argsort, lexsort

print("torch_geometric", torch_geometric.__version__, "torch", torch.__version__)
ITEMS = 20
changed = "the behaviour has changed"


def by_hand(scores):
    """The rank of each score in its row, the best first."""
    return scores.view(-1, ITEMS).argsort(1, descending=True).argsort(1)


def by_lexsort(scores, users):
    """The same from one sort by user and then by score."""
    order = lexsort([-scores, users])
    ranks = torch.empty_like(users)
    ranks[order] = torch.arange(len(users)) % ITEMS
    return ranks.view(-1, ITEMS)


def wrong(scores):
    """The share of users with a wrong rank."""
    users = torch.arange(len(scores) // ITEMS).repeat_interleave(ITEMS)
    right = by_hand(scores)
    assert (by_lexsort(scores, users) == right).all()
    found = group_argsort(scores, users, descending=True).view(-1, ITEMS)
    return (found != right).any(1).float().mean().item()


def drawn(users):
    """Scores of which no two of a user are equal."""
    torch.manual_seed(0)
    return torch.cat([torch.randperm(1_000)[:ITEMS] for _ in range(users)]) / 1_000


scores = drawn(100)
masked = scores.clone()
masked[5] = -1e9
print(f"100 users: {wrong(scores):.3f} of them wrong, with one score of -1e9 {wrong(masked):.3f},", end=" ")
print(f"as float64 {wrong(masked.double()):.3f}")
assert wrong(scores) == 0 and wrong(masked) > 0.9 and wrong(masked.double()) == 0, changed
many = {users: wrong(drawn(users)) for users in (100, 1_000, 10_000, 100_000)}
for users, share in many.items():
    print(f"{users:7,} users, no mask: {share:.4f} of them wrong")
assert wrong(drawn(100_000).double()) == 0
assert many[100] == 0 and many[100_000] > 0.2, changed
PY
