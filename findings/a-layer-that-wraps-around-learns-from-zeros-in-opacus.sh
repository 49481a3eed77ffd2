#!/usr/bin/env bash
# opacus 1.6.0, torch 2.13.0: convolutions that wrap around or reflect at the border, and embeddings with a padding
# index, have the gradients of another layer.
#
# Expected: a gradient for each sample whose sum is what torch computes for the batch, for every layer that Opacus
# takes, or an error.
# Seen: the gradients of Conv1d, Conv2d and Conv3d are computed as if the border were zeros, whatever padding_mode says,
# while the forward pass wraps, reflects or repeats. On a torus of 8 x 8 cells, where the border is half of the picture,
# the gradients are off by 0.4 of their length, and no step of training is the right one. An Embedding with padding_idx
# gets gradients for the padding: in lists of 20 that are padded to 40, half of all that arrives; the row, which is zero
# and must stay so, learns, and takes its share of the bound to which each sample is clipped. scale_grad_by_freq is not
# read either. The validator finds no error, and no warning is given. Pad by hand, F.pad(x, ..., mode="circular"), and
# convolve without; or wrap with force_functorch=True, which is right in all cases.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 opacus==1.6.0 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import copy
from importlib.metadata import version

import torch
from opacus.grad_sample import GradSampleModule
from opacus.validators import ModuleValidator
from torch import nn

print("opacus", version("opacus"), "torch", torch.__version__)
torch.set_num_threads(1)
changed = "the behaviour has changed"


def gradients(layer, x, weight, functorch=False):
    """By torch for each sample alone, and by Opacus."""
    alone = []
    for one, factor in zip(x, weight):
        layer.zero_grad()
        (layer(one[None]) * factor).sum().backward()
        alone.append(layer.weight.grad.clone())
    twin = copy.deepcopy(layer)
    twin.zero_grad()
    wrapped = GradSampleModule(twin, loss_reduction="sum", force_functorch=functorch)
    (wrapped(x) * weight).sum().backward()
    return torch.stack(alone), twin.weight.grad_sample.detach()


def off(one, other):
    return ((one - other).norm() / one.norm()).item()


torch.manual_seed(0)
for mode in ("zeros", "circular", "reflect", "replicate"):
    layer = nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode)
    assert not ModuleValidator.validate(layer, strict=False)
    x, weight = torch.randn(5, 3, 8, 8), torch.randn(5, 4, 8, 8)
    right, found = gradients(layer, x, weight)
    # The derivative by hand, of one entry of the filter: a product of the padded picture with the factors.
    sides = "constant" if mode == "zeros" else mode
    wide = nn.functional.pad(x, (1, 1, 1, 1), mode=sides)
    by_hand = torch.einsum("bchw,bohw->boc", wide[:, :, :8, :8], weight)
    assert torch.allclose(right[..., 0, 0], by_hand, atol=1e-3)
    share = off(right, found)
    print(f"Conv2d, {mode:10s} off by {share:.3f}, with functorch {off(*gradients(layer, x, weight, True)):.3f}")
    assert share < 1e-5 if mode == "zeros" else share > 0.2, changed
    assert off(*gradients(layer, x, weight, True)) < 1e-5


torch.manual_seed(2)
lists = torch.randint(1, 100, (16, 40))
lists[:, 20:] = 0
weight = torch.randn(16, 40, 8)
layer = nn.Embedding(100, 8, padding_idx=0)
right, found = gradients(layer, lists, weight)
assert (right[:, 0] == 0).all()
share = (found[:, 0].square().sum() / found.square().sum()).item()
print(f"Embedding: {share:.2f} of the squared gradient is that of the padding, which has none in torch", end=" ")
print(f"and {gradients(layer, lists, weight, True)[1][:, 0].abs().sum():.2f} with functorch")
assert torch.allclose(found[:, 1:], right[:, 1:], atol=1e-4) and share > 0.3, changed
PY
