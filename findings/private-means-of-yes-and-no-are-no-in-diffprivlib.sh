#!/usr/bin/env bash
# diffprivlib 0.6.6, scikit-learn 1.7.2: the private means of columns of whole numbers are whole numbers, so that of
# 10,000 answers of 0 and 1, a share of 0.9 is 0.
#
# Expected, from the documentation ("Compute the differentially private arithmetic mean along the specified axis", and
# "dtype: For integer inputs, the default is float64"): the mean of each column with noise, as numpy.mean(axis=0) has
# 0.9 for integers, and mean(column) of the same package for each column alone.
# Seen: with an axis, or keepdims=True, results are put into zeros made like the input, which takes their fraction away.
# The four shares 0.1, 0.3, 0.6 and 0.9 are all 0, exactly and in each call, which no noise could hide, and so are their
# standard deviations and variances; ratings from 1 to 5 with means of 3.7 have 3, and dtype=float changes nothing.
# Cutting goes towards zero, so means of larger numbers, ages or incomes, are low by 0.5 in the mean, which looks like
# the noise that one expects. The budget is spent all the same, and an accountant lets the call not be repeated. The
# same numbers as floats are right, and so is a single column. No warning; the reports speak of NaN. Give floats,
# answers.astype(float).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q diffprivlib==0.6.6 scikit-learn==1.7.2 numpy==2.4.6 scipy==1.17.1 joblib==1.6.0
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from diffprivlib import BudgetAccountant, tools

print("diffprivlib", version("diffprivlib"), "scikit-learn", version("scikit-learn"))
changed = "the behaviour has changed"
rng = np.random.default_rng(0)
answers = (rng.random((10_000, 4)) < [0.1, 0.3, 0.6, 0.9]).astype(int)
ratings = rng.choice([1, 2, 3, 4, 5], p=[0.05, 0.1, 0.2, 0.4, 0.25], size=(10_000, 4))
ages = rng.integers(18, 90, (10_000, 4))

for name, data, bounds in (("answers", answers, (0, 1)), ("ratings", ratings, (1, 5)), ("ages", ages, (18, 90))):
    given = {"epsilon": 4.0, "bounds": bounds, "random_state": 0}
    for measure in ("mean", "std", "var"):
        private = getattr(tools, measure)
        found, floats = private(data, axis=0, **given), private(data.astype(float), axis=0, **given)
        alone = [private(column, epsilon=1.0, bounds=bounds, random_state=0) for column in data.T]
        right = getattr(np, measure)(data, axis=0)
        print(f"{name:8s} {measure:4s}", found, "as floats", floats.round(2), "without noise", right.round(2))
        near = 0.05 * (bounds[1] - bounds[0]) ** (2 if measure == "var" else 1)
        assert np.abs(floats - right).max() < near and np.abs(np.array(alone) - right).max() < near
        assert (found == found.astype(int)).all() or measure == "std", changed
        assert (right - found > -near).all(), changed
        assert measure != "mean" or name == "ages" or (right - found).max() > 0.2, changed
        assert name != "answers" or not found.any(), changed

calls = [tools.mean(answers, epsilon=4.0, bounds=(0, 1), axis=0) for _ in range(20)]
kept = tools.mean(answers, epsilon=4.0, bounds=(0, 1), axis=0, keepdims=True, dtype=float)
print("twenty calls:", {tuple(call.tolist()) for call in calls}, "with dtype=float:", kept)
assert not np.any(calls) and not kept.any(), changed
spent = BudgetAccountant()
tools.mean(answers, epsilon=4.0, bounds=(0, 1), axis=0, accountant=spent)
print("spent for it: epsilon", spent.total()[0])
assert spent.total()[0] == 4.0
PY
