#!/usr/bin/env bash
# pytrec_eval-terrier 0.5.11: a ranking by time, the newest item first, is evaluated as one by the items' names.
#
# Expected: run scores are Python floats, of double precision, and are ordered as such. The rule "newest first"
# scores an item with its Unix time; near 1.7e9 doubles hold it to parts of a microsecond.
# Seen: trec_eval keeps a score in a float32, which has steps of 128 seconds there, and breaks ties by the name of the
# document, the last name first. All that happened within two minutes is ranked by name: the right item is the newest
# by construction, and the mean reciprocal rank is 0.19, that of a random order of twenty 0.18. The same order as
# times since the first event gets 1.0. Sums of log-probabilities and ids as scores are rounded alike. The help of
# RelevanceEvaluator says nothing of either. Give ranks as scores, not what they were made of.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pytrec_eval-terrier==0.5.11 numpy==2.4.6 scipy==1.17.1
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
import pytrec_eval

print("pytrec_eval-terrier", version("pytrec_eval-terrier"))
rng = np.random.default_rng(0)
start, users, each = 1_700_000_000, 500, 20
right, by_time, since_start, by_rank = {}, {}, {}, {}
for user in range(users):
    # Twenty items, one every two seconds; the next that the user takes is the newest.
    names = [f"item{k:03d}" for k in rng.permutation(1000)[:each]]
    times = start + 2.0 * np.arange(each)
    key = f"user{user}"
    right[key] = {names[-1]: 1}
    by_time[key] = dict(zip(names, times.tolist()))
    since_start[key] = dict(zip(names, (times - start).tolist()))
    by_rank[key] = {name: float(rank) for rank, name in enumerate(names)}
    assert sorted(by_time[key], key=by_time[key].get) == sorted(by_rank[key], key=by_rank[key].get)


def measured(run):
    found = pytrec_eval.RelevanceEvaluator(right, {"recip_rank", "ndcg_cut_10"}).evaluate(run)
    return {k: round(float(np.mean([one[k] for one in found.values()])), 4) for k in ("recip_rank", "ndcg_cut_10")}


found = {"times": measured(by_time), "times since the start": measured(since_start), "ranks": measured(by_rank)}
for name, values in found.items():
    print(f"{name:22s}", values)
by_chance = float(np.mean(1 / np.arange(1, each + 1)))
print("reciprocal rank of a random order of twenty:", round(by_chance, 4))
changed = "the behaviour has changed"
assert found["ranks"] == found["times since the start"] == {"recip_rank": 1.0, "ndcg_cut_10": 1.0}
assert abs(found["times"]["recip_rank"] - by_chance) < 0.05, changed
PY
