#!/usr/bin/env bash
# torch 2.13.0: on the CPU the gradient of an embedding in bfloat16 or float16 stops growing after some hundred uses of
# a row, and that of index_select() and gather(), which read the same rows, does not.
#
# Expected: reading a row 5,000 times adds up 5,000 gradients, right to the three digits that bfloat16 has: 4,992. So
# sum(), mean(), matrix products, index_select() and gather() do it, which add in float32 and round once.
# Seen: nn.Embedding, with sparse=True too, EmbeddingBag and x[index] add in the type of the weights. 256 + 1 is 256 in
# bfloat16, so the gradient is 256; 5,000 times 0.1 is 32 for 500; float16 stops at 2,048. The mean loss of 20,000 atoms
# of which 90% are carbon gives carbon the gradient of a kind with 256 atoms, one part in seventy of its own, and all
# kinds with more have one gradient, however frequent. No warning; the forward pass is right, the rare kinds learn as
# they should, the frequent ones as slowly as they. In a layer written x[edge_index[0]] a hub learns from its first
# neighbours alone. Write x.index_select(0, index), or keep such weights in float32.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import torch
import torch.nn.functional as F

print("torch", torch.__version__)
spellings = {
    "nn.Embedding": lambda x, index: F.embedding(index, x),
    "nn.Embedding, sparse": lambda x, index: F.embedding(index, x, sparse=True),
    "nn.EmbeddingBag": lambda x, index: F.embedding_bag(index[:, None], x, mode="sum"),
    "x[index]": lambda x, index: x[index],
    "index_select": lambda x, index: x.index_select(0, index),
    "gather": lambda x, index: x.gather(0, index[:, None].expand(-1, x.shape[1])),
    "one-hot product": lambda x, index: F.one_hot(index, len(x)).to(x.dtype) @ x,
}


def gradient(read, dtype, uses, each):
    x = torch.zeros(2, 4, dtype=dtype, requires_grad=True)
    (read(x, torch.zeros(uses, dtype=torch.long)) * each).sum().backward()
    return (x.grad.coalesce().to_dense() if x.grad.is_sparse else x.grad)[0, 0].item()


changed = "the behaviour has changed"
for name, read in spellings.items():
    found = [
        gradient(read, torch.bfloat16, 5000, 1.0), gradient(read, torch.bfloat16, 5000, 0.1),
        gradient(read, torch.float16, 5000, 1.0), gradient(read, torch.float32, 5000, 1.0),
    ]
    print(f"{name:21s} bfloat16, ones {found[0]:.0f}, tenths {found[1]:.0f};", end=" ")
    print(f"float16 {found[2]:.0f}; float32 {found[3]:.0f}")
    stops = name.startswith("nn.") or name == "x[index]"
    assert found == ([256, 32, 2048, 5000] if stops else [4992, 500, 5000, 5000]), changed

# 20,000 atoms of four kinds. Weights in float32, read in bfloat16, as mixed precision does it. Each kind should
# come to 1; the step is such that with the right gradient the most frequent is there first.
kinds = torch.arange(4).repeat_interleave(torch.tensor([18000, 1500, 300, 200]))


def learnt(read):
    weights = torch.zeros(4, 1, requires_grad=True)
    optimiser = torch.optim.SGD([weights], lr=0.4)
    for _ in range(20):
        optimiser.zero_grad()
        error = read(weights.bfloat16(), kinds) - 1
        error.square().mean().backward()
        optimiser.step()
    return [round(value, 2) for value in weights.flatten().tolist()]


by_embedding, by_select = learnt(spellings["nn.Embedding"]), learnt(spellings["index_select"])
print("after 20 steps, of 18000, 1500, 300 and 200 atoms: nn.Embedding", by_embedding, "index_select", by_select)
assert by_select[0] > 0.95 > by_select[1], "the most frequent kind is learnt first"
assert by_embedding[0] < 0.3 and by_embedding[0] == by_embedding[1], changed
assert by_embedding[3] == by_select[3], changed
PY
