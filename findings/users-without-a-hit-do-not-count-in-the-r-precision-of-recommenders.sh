#!/usr/bin/env bash
# recommenders 1.2.1, pandas 2.3.3: a recommender that is right for one user of a hundred and finds nothing for the
# others has an R-precision of 1.
#
# Expected, from the documentation ("R-precision can be defined as the precision@R for each user, where R is the numer
# of relevant items"): 0.01, the mean over users, as precision_at_k(), recall_at_k(), map_at_k() and ndcg_at_k() of the
# same package are means over all of them.
# Seen: hits are counted with a join that has users with a hit among the first k alone, and of these, whoever has none
# among the first R has no count, NaN, which the mean leaves out. So it is the mean over those users for whom something
# was found. A model that finds less is better: one that is right for half of the users has 1.0, and the same one that
# finds an item for each of the others besides 0.6. Lists drawn by popularity have 0.24, for 0.19. If each user has a
# hit among the first R, it is right. No warning; the request for the measure asked for the mean "as in other metrics",
# and no report says that it is not. Take recall_at_k() where all users have R relevant items, with k = R, which is the
# same.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-deps recommenders==1.2.1
"$work/venv/bin/pip" install -q pandas==2.3.3 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from recommenders.evaluation.python_evaluation import map_at_k, ndcg_at_k, precision_at_k, r_precision_at_k, recall_at_k

print("recommenders", version("recommenders"), "pandas", pd.__version__)
changed = "the behaviour has changed"
METRICS = (r_precision_at_k, precision_at_k, recall_at_k, map_at_k, ndcg_at_k)


def frames(true, lists):
    """The two tables: relevant items and recommended ones, best first, of each user."""
    relevant = [(user, item, 1.0) for user, items in enumerate(true) for item in items]
    given = [(user, item, -float(place)) for user, items in enumerate(lists) for place, item in enumerate(items)]
    return (pd.DataFrame(relevant, columns=["userID", "itemID", "rating"]),
            pd.DataFrame(given, columns=["userID", "itemID", "prediction"]))


def by_hand(true, lists, k):
    return np.mean([len(set(items[: min(len(own), k)]) & set(own)) / len(own) for own, items in zip(true, lists)])


true = [list(range(5))] * 100
good, bad, one = list(range(10)), list(range(100, 110)), [0, *range(100, 109)]
values = {}
for name, lists in (("right for one user", [good] + [bad] * 99), ("right for half", [good] * 50 + [bad] * 50),
                    ("the same, one item for each other", [good] * 50 + [one] * 50)):
    values[name] = {metric.__name__: round(float(metric(*frames(true, lists), k=10)), 3) for metric in METRICS}
    print(f"{name}: {values[name]}, R-precision by hand {by_hand(true, lists, 10):.2f}")
assert values["right for one user"]["recall_at_k"] == 0.01 and by_hand(true, [good] + [bad] * 99, 10) == 0.01
assert values["right for one user"]["r_precision_at_k"] == values["right for half"]["r_precision_at_k"] == 1, changed
assert values["the same, one item for each other"]["r_precision_at_k"] < 0.7, changed

rng = np.random.default_rng(0)
popular = 1 / np.arange(1, 201)
popular /= popular.sum()
true = [rng.choice(200, 6, replace=False, p=popular).tolist() for _ in range(500)]
lists = [rng.choice(200, 10, replace=False, p=popular).tolist() for _ in range(500)]
found = float(r_precision_at_k(*frames(true, lists), k=10))
print(f"six true items of 200, lists by popularity: R-precision {found:.3f}, by hand {by_hand(true, lists, 10):.3f}")
same = float(recall_at_k(*frames(true, [items[:6] for items in lists]), k=6))
assert np.isclose(same, by_hand(true, lists, 10)) and found > 1.2 * same, changed
PY
