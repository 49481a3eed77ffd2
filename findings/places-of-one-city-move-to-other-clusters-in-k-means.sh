#!/usr/bin/env bash
# scikit-learn 1.9.1, numpy 2.4.6: KMeans.predict() of float32 coordinates puts more than half of the places of a city
# into another cluster than KMeans.fit() of the same places did.
#
# Expected: predict() says "Predict the closest cluster each sample in X belongs to", and for the data of the fit that
# is labels_. Degrees of longitude and latitude in float32 are right to a metre, and k-means looks at distances, so the
# place of the zero plays no part.
# Seen: fit() subtracts the mean first, predict() and score() do not. They take the least |c|^2 - 2xc, in float32, where
# |c|^2 is 7,100 and the differences that decide are 0.0001. Of 4,000 pick-ups around twenty ranks of one city 46% go
# to the nearest centre, of a smaller city 19%, in metres of UTM 37%. score() is seven times inertia_ or more. The
# distances of transform() are right, and so is predict() if a place in the city is subtracted before, or with float64.
# MiniBatchKMeans, which does not subtract the mean at all, is wrong in fit() already: labels_ are not the nearest of
# its centres for most places. No warning. Reports are of euclidean_distances(), which is mended. Give float64, or
# subtract a typical place before the fit.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'PY'
import numpy as np
import sklearn
from sklearn.cluster import KMeans, MiniBatchKMeans

print("scikit-learn", sklearn.__version__, "numpy", np.__version__)
RANKS, EACH = 20, 200
changed = "the behaviour has changed"


def places(middle, reach, spread):
    """Places around twenty ranks of a city, in float64."""
    rng = np.random.default_rng(0)
    ranks = rng.uniform(-reach, reach, (RANKS, 2))
    return np.array(middle) + ranks.repeat(EACH, 0) + rng.normal(size=(RANKS * EACH, 2)) * spread


cities = {
    "degrees, a city": places((-73.98, 40.75), 0.05, 0.004),
    "degrees, a small one": places((-73.98, 40.75), 0.02, 0.002),
    "metres of UTM": places((585_000, 4_511_000), 2_000, 150),
}
for city, exact in cities.items():
    middle = exact.mean(0)
    tables = {
        "float32": exact.astype(np.float32),
        "float32 less the middle": (exact - middle).astype(np.float32),
        "float64": exact,
    }
    for kind, x in tables.items():
        fit = KMeans(RANKS, n_init=3, random_state=0).fit(x)
        same = (fit.predict(x) == fit.labels_).mean()
        nearest = (fit.transform(x).argmin(1) == fit.labels_).mean()
        small = MiniBatchKMeans(RANKS, n_init=3, random_state=0).fit(x)
        of_small = (small.transform(x).argmin(1) == small.labels_).mean()
        print(
            f"{city:20s} {kind:23s} predict() is labels_ {same:.3f}, transform() {nearest:.3f},"
            f" -score / inertia_ {-fit.score(x) / fit.inertia_:.2f}, mini batch {of_small:.3f}"
        )
        assert nearest > 0.995
        if kind == "float32":
            assert same < 0.6, changed
            assert -fit.score(x) > 3 * fit.inertia_, changed
            assert of_small < 0.6, changed
        else:
            assert same > 0.995 and of_small > 0.995
            assert np.isclose(-fit.score(x), fit.inertia_, rtol=1e-3)
PY
