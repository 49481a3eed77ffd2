#!/usr/bin/env bash
# scikit-surprise 1.1.5: the fraction of concordant pairs is 0.5 if 99 users of 100 are ranked rightly in every pair and
# one wrongly.
#
# Expected, from the documentation ("Computed as described in paper ... by Koren and Sill, section 5.2"), which adds up
# concordant and discordant pairs over all users: 990 of 1,000 pairs, 0.99.
# Seen: the two numbers are means over users, but each over those only who have such a pair at all. So the 990 are 10 a
# user of 99, the 10 are 10 a user of one, and 10 / (10 + 10) is 0.5. The more users are without a fault, the less they
# count: a model that is right in 6 of 10 pairs of every user has 0.60 and wins. With 0, 50 and 99 perfect users of 100,
# the rest right in 6 of 10, FCP is 0.60, 0.67 and 0.71 for 0.60, 0.80 and 1.00. Users with two or three rated items in
# the test set, as after a split at random, have few pairs and are often without a fault, or nothing else: of 5,000
# users with two items, 80% of them in the right order, it is 0.50. Where each user has pairs of both kinds, it is
# right. No warning but for data without any pair. Count pairs by hand.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-surprise==1.1.5 numpy==2.4.6 scipy==1.17.1
"$work/venv/bin/python" -W error - <<'PY'
from importlib.metadata import version
from itertools import combinations

import numpy as np
from surprise import Prediction, accuracy

print("scikit-surprise", version("scikit-surprise"))
changed = "the behaviour has changed"
RATINGS = (1.0, 2.0, 3.0, 4.0, 5.0)
RIGHT, WRONG, MIXED = RATINGS, RATINGS[::-1], (3.0, 1.0, 4.0, 4.5, 2.0)  # 10, 0 and 6 of 10 pairs are in order


def by_hand(predictions):
    users = {}
    for user, _, rating, estimate, _ in predictions:
        users.setdefault(user, []).append((rating, estimate))
    order = [(a[0] < b[0]) == (a[1] < b[1]) for rows in users.values() for a, b in combinations(rows, 2)]
    return np.mean(order)


def compare(name, estimates):
    predictions = [Prediction(user, item, rating, estimate, {}) for user, row in enumerate(estimates)
                   for item, (rating, estimate) in enumerate(zip(RATINGS, row))]
    found, right = float(accuracy.fcp(predictions, verbose=False)), float(by_hand(predictions))
    print(f"{name:42s} FCP {found:.2f}, of all pairs {right:.2f}")
    return found, right


found, right = compare("99 users right, one wrong", [RIGHT] * 99 + [WRONG])
assert abs(found - 0.5) < 1e-9 and abs(right - 0.99) < 1e-9, changed
for perfect, expected in ((0, 0.6), (50, 2 / 3), (99, 9.96 / 13.96)):
    estimates = [RIGHT] * perfect + [MIXED] * (100 - perfect)
    found, right = compare(f"{perfect} users right, the others in 6 of 10", estimates)
    assert abs(right - (perfect + 0.6 * (100 - perfect)) / 100) < 1e-9
    assert abs(found - expected) < 1e-9, changed

rng = np.random.default_rng(0)
found, right = compare("5,000 users with two items, 80% in order",
                       [(1.0, 2.0) if rng.random() < 0.8 else (2.0, 1.0) for _ in range(5_000)])
assert abs(found - 0.5) < 1e-9 and abs(right - 0.8) < 0.02, changed
PY
