#!/usr/bin/env bash
# ogb 1.3.6, torch 2.13.0: a link predictor whose scores are all NaN has an MRR of 1, the best there is,
# from the evaluators of ogbl-citation2 and ogbl-wikikg2.
#
# Expected: scores that are not numbers are refused, or rank last. A model that has diverged gives such,
# and a search that keeps the best validation score must not keep it.
# Seen: MRR and Hits@1, 3 and 10 are 1.0, whether the wrong links have numbers or NaN too. A rank counts
# the wrong links that score above, and no comparison with NaN is true. A model that
# ranks each link below ten wrong ones has 0.09. The evaluator of ogbl-collab, in the same file, gives the NaN model
# Hits@50 of 0: there a link has to be above.

set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0
"$work/venv/bin/pip" install -q ogb==1.3.6 numpy==2.4.6 pandas==3.1.1
"$work/venv/bin/python" -W ignore - <<'PY'
import torch
from ogb.linkproppred import Evaluator

nan, wrong = torch.full((4,), torch.nan), torch.rand(4, 10)
changed = "the behaviour has changed"
for name in ("ogbl-citation2", "ogbl-wikikg2"):
    evaluator = Evaluator(name=name)
    for against in (wrong, torch.full((4, 10), torch.nan)):
        found = evaluator.eval({"y_pred_pos": nan, "y_pred_neg": against})
        print(name, {k: v.tolist() for k, v in found.items()})
        assert all(bool((v == 1).all()) for v in found.values()), changed
    alike = evaluator.eval({"y_pred_pos": torch.zeros(4), "y_pred_neg": torch.ones(4, 10)})
    print("all below the wrong ones:", alike["mrr_list"].tolist())
    assert bool((alike["mrr_list"] < 0.1).all()), changed
hits = Evaluator(name="ogbl-collab").eval({"y_pred_pos": nan.repeat(20), "y_pred_neg": torch.rand(100)})
print("ogbl-collab", hits)
assert hits == {"hits@50": 0.0}, changed
PY
