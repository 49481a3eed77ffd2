#!/usr/bin/env bash
# scikit-learn 1.9.1, numpy 2.4.6: PCA of float32 data that are far from zero finds other axes and a fifth of the
# variance, with the solver it chooses for tables of more than ten rows a column.
#
# Expected, from the documentation ("The input data is centered", and of this solver: "Precompute the covariance matrix
# (on centered data)"): the mean plays no part. Air pressure in hPa, at six stations, hour by hour, is 1013 +- 8, and
# float32 holds it to 0.0001.
# Seen: the solver "covariance_eigh" does not centre: it takes X'X, in float32, and subtracts n times the mean squared,
# two numbers of which the first four digits are equal. The mean is off by a third of a hPa besides, as a sum of 300,000
# float32, and its square with it. The first axis has a variance of 46 for 221 and stands at 78 degrees to the right
# one; with 100,000 rows the variance is 5% off. The solver "full", with the same wrong mean, gives 222 and the right
# axes; so does float64. explained_variance_ratio_ still looks well, and nothing warns. It takes a mean of some hundred
# deviations: years lose their second axis with 20,000 rows, temperatures in kelvin do not. Give float64, or subtract a
# typical row before.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$work/venv/bin/python" - <<'PY'
import numpy as np
import sklearn
from sklearn.decomposition import PCA

print("scikit-learn", sklearn.__version__, "numpy", np.__version__)
rng = np.random.default_rng(0)
ROWS = 300_000
weather = rng.normal(size=(ROWS, 2)) @ np.array([[7.0, 7, 6, 6, 5, 5], [-3.0, -2, -1, 1, 2, 3]])
pressure = (1013 + weather + rng.normal(size=(ROWS, 6)) / 2).astype(np.float32)
fits = {
    "float32": PCA(2).fit(pressure),
    'float32, "full"': PCA(2, svd_solver="full").fit(pressure),
    "float32 less 1013": PCA(2).fit(pressure - np.float32(1013)),
    "float64": PCA(2).fit(pressure.astype(np.float64)),
}
right = fits["float64"]
assert fits["float32"]._fit_svd_solver == right._fit_svd_solver == "covariance_eigh"
angles, variances = {}, {}
for name, fit in fits.items():
    cosines = np.abs((fit.components_.astype(np.float64) * right.components_).sum(1))
    angles[name], variances[name] = np.degrees(np.arccos(np.minimum(cosines, 1))), fit.explained_variance_
    print(
        f"{name:18s} variances", np.round(fit.explained_variance_, 1), "degrees from the right axes",
        np.round(angles[name], 1), "ratios", np.round(fit.explained_variance_ratio_, 3),
    )
changed = "the behaviour has changed"
assert np.allclose(right.explained_variance_, np.linalg.eigvalsh(np.cov(pressure.T, dtype=float))[:-3:-1])
for name in ('float32, "full"', "float32 less 1013"):
    assert np.allclose(variances[name], variances["float64"], rtol=0.01) and max(angles[name]) < 1
assert variances["float32"][0] < variances["float64"][0] / 2, changed
assert min(angles["float32"]) > 45, changed
PY
