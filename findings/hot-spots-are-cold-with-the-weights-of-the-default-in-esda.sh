#!/usr/bin/env bash
# esda 2.9.0, libpysal 4.14.1, numpy 2.4.6: with row-standardised weights, the default, the z values of local hot spots
# are too small by the root of the number of neighbours, so that hardly any is significant.
#
# Expected, from the documentation (G_Local: Zs are "standardized Gs", p_norm the "p-value under normality assumption";
# "PySAL considers w is either binary or row-standardized") and Getis and Ord 1992: row-standardised, G is a mean over
# the neighbours in place of a sum. That divides it by a number that is known, and its z is the same; random values have
# a z with a standard deviation of 1.
# Seen: the variance is computed with the sum of the weights of a place, which is 1, where the sum of their squares
# belongs, 1 over the number of neighbours. Binary weights, of which both are the same, are right. On a lattice with
# eight neighbours the z of random values has a standard deviation of 0.37, and of 18,000 places 1 is beyond 1.96, where
# 845 are with binary weights. Of 144 places in a true hot spot, two deviations higher, 113 have a z above 1.96 with
# binary weights and 1 with the default. z_sim and p_sim, from permutations, do not change with the weights. The
# examples of the documentation have both, -1.01 and -0.62 for one place. With star=True as well. No warning; no report.
# Ask for transform="B", or take z_sim.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-compile --no-deps esda==2.9.0 libpysal==4.14.1
"$work/venv/bin/pip" install -q --no-compile numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 scikit-learn==1.9.1 \
  geopandas==1.2.0 shapely==2.2.0 beautifulsoup4==4.15.0 jinja2==3.1.6 platformdirs==4.14.9 requests==2.34.2 \
  2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from esda.getisord import G_Local
from libpysal.weights import lat2W

print("esda", version("esda"), "libpysal", version("libpysal"), "numpy", np.__version__)
changed = "the behaviour has changed"
SIDE, SPOT = 30, 12


def local(values, transform, **options):
    return G_Local(values, lat2W(SIDE, SIDE, rook=False), transform=transform, **{"permutations": 0, **options})


rng = np.random.default_rng(0)
chance = rng.gamma(5, 1, (20, SIDE * SIDE))
for star in (False, True):
    found = {}
    for transform in ("B", "R"):
        tests = [local(values, transform, star=star) for values in chance]
        found[transform] = np.array([test.Zs for test in tests])
        print(f"random values, star={star}, weights {transform}: standard deviation of z {found[transform].std():.2f},",
              f"{(abs(found[transform]) > 1.96).sum()} of {chance.size} beyond 1.96")
    assert np.isclose(found["B"].std(), 1, atol=0.03) and found["R"].std() < 0.4, changed
    assert (abs(found["B"]) > 1.96).mean() > 0.04 and (abs(found["R"]) > 1.96).mean() < 0.001, changed

values = rng.normal(20, 1, (SIDE, SIDE))
spot = np.zeros((SIDE, SIDE), bool)
spot[9:9 + SPOT, 9:9 + SPOT] = True
values[spot] += 2
hot = {}
for transform in ("B", "R", "default"):
    weights = lat2W(SIDE, SIDE, rook=False)
    options = {"permutations": 199, "seed": 0, "n_jobs": 1}
    options |= {} if transform == "default" else {"transform": transform}
    hot[transform] = test = G_Local(values.ravel(), weights, **options)
    inside = test.Zs[spot.ravel()], test.z_sim[spot.ravel()]
    print(f"a hot spot of {spot.sum()} places, weights {transform}: {(inside[0] > 1.96).sum()} with z above 1.96,",
          f"{(inside[1] > 1.96).sum()} with z of permutations; median z", *(f"{np.median(z):.2f}" for z in inside))
neighbours = np.array(list(lat2W(SIDE, SIDE, rook=False).cardinalities.values()))
assert np.allclose(hot["B"].Gs, hot["R"].Gs * neighbours) and np.array_equal(hot["R"].Zs, hot["default"].Zs)
assert np.allclose(hot["B"].z_sim, hot["R"].z_sim) and np.corrcoef(hot["B"].Zs, hot["B"].z_sim)[0, 1] > 0.99
ratio = hot["B"].Zs / hot["R"].Zs
root = np.sqrt(neighbours)
print("z with binary weights over z with row-standardised ones:", *np.unique(ratio.round(2)),
      "for", *np.unique(neighbours), "neighbours")
assert np.allclose(ratio, root, rtol=0.01) and ratio.min() > 1.7, changed
assert (hot["B"].Zs[spot.ravel()] > 1.96).sum() > 3 * (hot["R"].Zs[spot.ravel()] > 1.96).sum(), changed
PY
