#!/usr/bin/env bash
# scikit-posthocs 0.17.1, scipy 1.17.1: from 2,097,152 equal values on, the tests of Dunn and Nemenyi forget most of the
# ties, and their p is several times too large.
#
# Expected: for two groups Dunn's test is that of Kruskal and Wallis, which scipy.stats.kruskal computes, ties and all,
# for any number of values; the p-values of both agree to nine digits.
# Seen: the correction for ties cubes the number of equal values in int64, and 2,097,152 cubed is 2**63. Beyond, the sum
# wraps around: if it is negative there is no correction, if not it is a part of it. Of four million users of whom three
# in four bought nothing, two groups differ with p = 0.00015, and Dunn's test says 0.002; of three millions with 2.6
# without any SciPy has 0.004, Dunn's test 0.095. With a tenth of the users it agrees, so the larger sample finds less.
# Counts with many zeros are what such tests are taken for, and with millions of rows they are the rows of any log.
# Conover's test is right in the first case and wrong in the second. No warning from pandas or NumPy, as arrays wrap in
# silence; the reports are about missing values. Take scipy.stats.kruskal for each pair.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-posthocs==0.17.1 scipy==1.17.1 numpy==2.4.6 pandas==3.1.1 statsmodels==0.15.0
"$work/venv/bin/python" -W error - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
import scikit_posthocs
import scipy
from scipy.stats import kruskal

print("scikit-posthocs", version("scikit-posthocs"), "scipy", scipy.__version__)
changed = "the behaviour has changed"


def bought(users, nothing, more):
    """What two groups spent, most of them nothing, the second a little more."""
    rng = np.random.default_rng(0)
    spent, group = rng.random(users), np.arange(users) % 2
    spent[group == 1] *= more
    spent[rng.random(users) < nothing] = 0.0
    return pd.DataFrame({"spent": spent, "group": group})


EXPECTED = {400_000: set(), 4_000_000: {"dunn", "nemenyi"}, 300_000: set(), 3_000_000: {"dunn", "nemenyi", "conover"}}
for users, nothing, more in (
        (400_000, 0.75, 1.06), (4_000_000, 0.75, 1.02), (300_000, 0.87, 1.2), (3_000_000, 0.87, 1.06)):
    table = bought(users, nothing, more)
    right = kruskal(*(rows.to_numpy() for _, rows in table.groupby("group")["spent"])).pvalue
    tests = {name: getattr(scikit_posthocs, f"posthoc_{name}") for name in ("dunn", "nemenyi", "conover")}
    found = {name: float(test(table, val_col="spent", group_col="group").iloc[0, 1]) for name, test in tests.items()}
    ties = int((table["spent"] == 0).sum())
    print(f"{users:9,} users, {ties:9,} without any: scipy p = {right:.2g};",
          ", ".join(f"{name} {p:.2g}" for name, p in found.items()))
    wrong = {name for name, p in found.items() if p > 2 * right}
    assert all(name in wrong or abs(p / right - 1) < 1e-2 for name, p in found.items())
    assert wrong == EXPECTED[users], changed
PY
