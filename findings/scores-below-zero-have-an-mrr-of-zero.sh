#!/usr/bin/env bash
# torchmetrics 1.9.0: a perfect ranking by scores below zero has an MRR, MAP, precision and recall of 0.
#
# Expected: a metric of a ranking sees the order of scores alone. The page of RetrievalMRR says "accepts float
# predictions from a model output"; dot products, logits, log-likelihoods and negative distances (TransE) are such,
# and adding a number to all of them changes nothing.
# Seen: RetrievalMRR, RetrievalMAP, RetrievalPrecision and RetrievalRecall count a relevant item as a miss if its score
# is not above 0. RetrievalNormalizedDCG, RetrievalHitRate and RetrievalAUROC of the same scores are 1. With logits
# around zero the four are too low by what is relevant and below zero, so that of two models with one ranking that
# with the larger bias is better. An early stop on MRR of a model of distances sees 0 in each epoch. Only the
# functional forms speak of "estimated probabilities", and nothing is raised. Give sigmoid(scores) or exp(scores).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 torchmetrics==1.9.0 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import torch
import torchmetrics
import torchmetrics.retrieval as tr

print("torch", torch.__version__, "torchmetrics", torchmetrics.__version__)
queries, items = 100, 20
index = torch.arange(queries).repeat_interleave(items)
relevant = torch.zeros(queries, items, dtype=torch.long)
relevant[:, 0] = 1
rng = torch.Generator().manual_seed(0)
distance = 1 + torch.rand(queries, items, generator=rng)
distance[:, 0] = 0.5  # the nearest is the right one
noisy = torch.randn(queries, items, generator=rng)
noisy[:, 0] += 0.5
names = ["MRR", "MAP", "Precision", "Recall", "NormalizedDCG", "HitRate", "AUROC"]


def measured(scores):
    out = {}
    for name in names:
        more = {"top_k": 1} if name in ("Precision", "Recall") else {}
        metric = getattr(tr, f"Retrieval{name}")(**more)
        out[name] = round(float(metric(scores.flatten(), relevant.flatten(), indexes=index)), 4)
    return out


far = measured(-distance)
near = measured((-distance).exp())
shifts = {shift: measured(noisy + shift) for shift in (-1, 0, 1, 10)}
print("minus the distance:     ", far)
print("exp(minus the distance):", near)
for shift, found in shifts.items():
    print(f"logits {shift:+3d}:             ", found)
changed = "the behaviour has changed"
assert set(near.values()) == {1.0}
assert [far[name] for name in names] == [0, 0, 0, 0, 1, 1, 1], changed
assert shifts[-1]["MRR"] < shifts[0]["MRR"] < shifts[1]["MRR"] < shifts[10]["MRR"], changed
assert len({found["NormalizedDCG"] for found in shifts.values()}) == 1, changed
PY
