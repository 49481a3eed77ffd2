#!/usr/bin/env bash
# hyppo 0.5.2, numpy 2.4.6: HSIC, a test of independence, depends on the unit of the second variable: a clear dependence
# has p = 1e-7 in metres and 0.2 in millimetres.
#
# Expected, from the documentation ("The default choice is the Gaussian kernel, which uses the median distance as the
# bandwidth"): each variable has the median of its own distances, so that units play no part, and test(x, y) and test(y,
# x) say the same, as those of Dcorr of the same package do nearly.
# Seen: the median of x is the width of both kernels. If y is ten times as large as x all its rows are strangers to each
# other, if x is taken second all are the same, and in both cases there is nothing to see. Of twenty samples of 100 rows
# with y = x**2 and noise the median p is 1e-7 where both are near 1, 0.006 with y ten times as large, 0.08 and 0.2 with
# a hundred and a thousand times, and 0.3 to 0.5 with x and y swapped; Dcorr has 2e-6 in all. Such a test looks for what
# links a feature of nodes to a label, a degree or an embedding, which have scales of their own, and a p of 0.2 is read
# as independence. Tests compare variables of one scale. No warning; no report. Divide each variable by the median of
# its own distances first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q hyppo==0.5.2 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 scikit-learn==1.9.1 \
  numba==0.68.1 autograd==1.9.1 statsmodels==0.15.0 patsy==1.0.3
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from hyppo.independence import Dcorr, Hsic

print("hyppo", version("hyppo"), "numpy", np.__version__)
changed = "the behaviour has changed"


def median(data):
    """The median distance of two rows."""
    pairs = np.triu_indices(len(data), 1)
    return np.median(np.linalg.norm(data[:, None] - data, axis=2)[pairs])


def right(x, y):
    """The same test, each side in units of its own median distance."""
    return Hsic().test(x / median(x), y / median(y)).pvalue


p = {}
for unit in (0.001, 1, 10, 100, 1_000):
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(20):
        x = rng.normal(size=(100, 1))
        y = (x**2 + 0.5 * rng.normal(size=(100, 1))) * unit
        rows.append([Hsic().test(x, y).pvalue, Hsic().test(y, x).pvalue, Dcorr().test(x, y).pvalue, right(x, y)])
    p[unit] = np.median(rows, axis=0)
    print(f"y in units of {1 / unit:g}: median p of Hsic {p[unit][0]:.2g}, with x and y swapped {p[unit][1]:.2g};",
          f"Dcorr {p[unit][2]:.2g}; Hsic with a width for each side {p[unit][3]:.2g}")
assert all(values[3] < 1e-5 and values[2] < 1e-4 for values in p.values())
assert p[1][0] < 1e-5 and p[100][0] > 0.05 and p[1_000][0] > 0.05 and p[0.001][1] > 0.05, changed
PY
