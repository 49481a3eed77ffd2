#!/usr/bin/env bash
# scikit-learn 1.9.1, scipy 1.17.1: f_classif of float32 features gives noise that has a mean an F of 159 or -109, and
# SelectKBest takes the noise.
#
# Expected, from the documentation of f_oneway, which f_classif calls ("See scipy.stats.f_oneway that should give the
# same results"): an F, a ratio of variances, that is not below zero, and near 1 for features that have nothing to do
# with the classes.
# Seen: sums of squares are taken in the type of the features and subtracted from each other. 100,000 rows of mean 100
# and deviation 1 have a sum of squares of 1e9, which float32 holds in steps of 64, and between the classes there are
# parts of 1. Noise has F from -109 to 159, with p of 1e-36 among them; the one feature that tells the classes apart,
# with an F of 34, has -18 and is not the best of ten any more. With a mean of 10, ten deviations, an F of 0.3 is -0.2
# and one of 0.1 is 0.5. The same floats in scipy.stats.f_oneway, which centres first, agree with float64 to four
# digits. No warning. SelectKBest and SelectPercentile use it unless told otherwise. Standardise before, or give
# float64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$work/venv/bin/python" - <<'PY'
import numpy as np
import scipy
import sklearn
from scipy.stats import f_oneway
from sklearn.feature_selection import SelectKBest, f_classif

print("scikit-learn", sklearn.__version__, "scipy", scipy.__version__)
rng = np.random.default_rng(0)
ROWS, COLUMNS = 100_000, 10
classes = rng.integers(0, 2, ROWS)
around_zero = rng.normal(size=(ROWS, COLUMNS))
around_zero[:, 0] += 0.04 * classes
wrong = {}
for mean in (0, 10, 100):
    features = (around_zero + mean).astype(np.float32)
    f, p = f_classif(features, classes)
    right, p_right = f_classif(features.astype(np.float64), classes)
    by_scipy = f_oneway(features[classes == 0], features[classes == 1], axis=0).statistic
    kept = SelectKBest(k=1).fit(features, classes).get_support(indices=True).tolist()
    print(f"mean {mean}: f_classif   {np.round(f, 1).tolist()}")
    print(f"  scipy.stats {np.round(by_scipy.astype(float), 1).tolist()}\n  float64     {np.round(right, 1).tolist()}")
    print(f"  smallest p of noise {np.nanmin(p[1:]):.1g}, of float64 {p_right[1:].min():.1g};", end=" ")
    print(f"SelectKBest(k=1) keeps column {kept}")
    assert np.allclose(by_scipy, right, rtol=0.01, atol=0.01), "the same floats, in SciPy"
    assert right.argmax() == 0 and right[1:].max() < 10 and right.min() >= 0
    wrong[mean] = f, p, kept
changed = "the behaviour has changed"
assert wrong[0][2] == [0] and wrong[0][0].min() >= 0
assert wrong[10][0].min() < 0, changed
assert wrong[100][0].min() < -5 and wrong[100][0][1:].max() > 20 and np.nanmin(wrong[100][1][1:]) < 1e-5, changed
assert wrong[100][2] != [0], changed
PY
