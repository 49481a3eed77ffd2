#!/usr/bin/env bash
# scikit-learn 1.9.1, numpy 2.4.6, polars 2.1.0: ndcg_score and label_ranking_average_precision_score of unsigned
# counts rank the items with a count of 0 first.
#
# Expected: a ranking sees the order of scores alone. Popularity, the baseline of recommendation, is a count; polars
# counts in uint32, and writes Parquet files so. roc_auc_score, label_ranking_loss and coverage_error of such scores
# are those of the same numbers as floats.
# Seen: both functions sort the negative of the scores, and -0 is 0 in uint32 where -1 is 4,294,967,295: zero is the
# best score, and the rest follow in their right order. Most items are seen by nobody, so the ranking starts with
# these. Recommending by popularity has an NDCG@10 of 0.01 for 0.72 and a mean average precision of 0.04 for 0.61;
# random scores, being floats, have 0.06, so that any model beats the baseline. Scores without a zero are ranked
# rightly, and so is ignore_ties=True, which makes it look like an effect of ties. median_absolute_error and max_error
# of unsigned numbers wrap too: the largest of 200 errors is 4,294,967,295 for 14. No warning. Give scores as float.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 polars==2.1.0
"$work/venv/bin/python" -W error - <<'PY'
import numpy as np
import polars
import sklearn
from sklearn import metrics

print("scikit-learn", sklearn.__version__, "numpy", np.__version__, "polars", polars.__version__)
rng = np.random.default_rng(0)
USERS, ITEMS = 200, 100
popular = 1 / np.arange(1, ITEMS + 1) ** 1.5
popular /= popular.sum()
# What everybody took before, as a table of events, and how often each item occurs in it.
events = polars.DataFrame({"item": rng.choice(ITEMS, 300, p=popular)})
items = polars.DataFrame({"item": np.arange(ITEMS)})
counted = items.join(events.group_by("item").len(), on="item", how="left").sort("item")["len"].fill_null(0)
assert counted.dtype == polars.UInt32 and counted.sum() == 300
scores = np.tile(counted.to_numpy(), (USERS, 1))
taken = np.zeros((USERS, ITEMS), int)
for user in range(USERS):
    taken[user, rng.choice(ITEMS, 3, replace=False, p=popular)] = 1
print(f"{(counted == 0).sum()} of {ITEMS} items have a count of 0, the largest is {counted.max()}")

measures = {
    "ndcg_score(k=10)": lambda true, score: metrics.ndcg_score(true, score, k=10),
    "ndcg_score(k=10, ignore_ties=True)": lambda true, score: metrics.ndcg_score(true, score, k=10, ignore_ties=True),
    "label_ranking_average_precision": metrics.label_ranking_average_precision_score,
    "label_ranking_loss": metrics.label_ranking_loss,
    "coverage_error": metrics.coverage_error,
    "roc_auc_score": lambda true, score: metrics.roc_auc_score(true.ravel(), score.ravel()),
}
found = {name: (measure(taken, scores), measure(taken, scores.astype(float))) for name, measure in measures.items()}
noise = metrics.ndcg_score(taken, rng.random((USERS, ITEMS)), k=10)
for name, (of_counts, of_floats) in found.items():
    print(f"{name:35s} of counts {of_counts:.3f}, of floats {of_floats:.3f}")
print(f"ndcg_score(k=10) of random scores {noise:.3f}")
changed = "the behaviour has changed"
for name in ("ndcg_score(k=10)", "label_ranking_average_precision"):
    assert found[name][0] < 0.2 * found[name][1], changed
assert found["ndcg_score(k=10)"][0] < noise < found["ndcg_score(k=10)"][1], changed
for name in ("label_ranking_loss", "coverage_error", "roc_auc_score"):
    assert found[name][0] == found[name][1]
above = metrics.ndcg_score(taken, scores + np.uint32(1), k=10)
assert abs(above - found["ndcg_score(k=10)"][1]) < 1e-12, "one more for each item"

true, guess = rng.poisson(9, (2, 200)).astype(np.uint32)
for measure in (metrics.max_error, metrics.median_absolute_error, metrics.mean_absolute_error):
    of_counts, of_floats = float(measure(true, guess)), float(measure(true.astype(float), guess.astype(float)))
    print(f"{measure.__name__:35s} of counts {of_counts:.1f}, of floats {of_floats:.1f}")
    assert (of_counts == of_floats) == (measure is metrics.mean_absolute_error), changed
PY
