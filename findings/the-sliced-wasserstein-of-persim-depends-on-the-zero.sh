#!/usr/bin/env bash
# persim 0.4.1, gudhi 3.13.0, numpy 2.4.6: the sliced Wasserstein distance of two persistence diagrams grows, if both
# are moved below zero.
#
# Expected: a distance of diagrams compares differences. Adding one number to all births and deaths, as heights have it
# above another level, or degrees Celsius for kelvins, leaves it, as it leaves wasserstein() and bottleneck() of the
# same package and the sliced distance of GUDHI.
# Seen: each diagram is filled up with the other's points on the diagonal, and their place there is computed as
# sqrt(x**2 / 2), which has lost its sign. A point whose birth and death are below zero together is put on the other
# side, as far above zero as it is below. Two diagrams with a distance of 9.16 have 24 if 3 is taken off both, and 86 if
# it is 10. Values below zero are the rule for functions: heights below the sea, logarithms of densities, curvatures,
# and all that is negated to look at superlevel sets. Of 12 grounds 100 m above the sea a third has the same nearest one
# 100 m below. Diagrams of point clouds are above zero and right, with which one tests. No warning; no report. Add a
# number to both diagrams first that makes them positive.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-deps persim==0.4.1
"$work/venv/bin/pip" install -q gudhi==3.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 matplotlib==3.11.2 \
  joblib==1.6.0 Deprecated==1.3.1 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import gudhi
import numpy as np
from gudhi.representations import SlicedWassersteinDistance
from persim import bottleneck, sliced_wasserstein, wasserstein

print("persim", version("persim"), "gudhi", version("gudhi"), "numpy", np.__version__)
changed = "the behaviour has changed"
rng = np.random.default_rng(0)


def other(first, second):
    """The sliced distance of GUDHI; it has another factor."""
    return SlicedWassersteinDistance(num_directions=50)(first, second)


one, two = (np.sort(rng.normal(0, 1, (count, 2)), axis=1) for count in (20, 25))
at = {}
for shift in (273.15, 10, 3, 0, -3, -10):
    first, second = one + shift, two + shift
    at[shift] = sliced_wasserstein(first, second)
    same = wasserstein(first, second), bottleneck(first, second), other(first, second)
    print(f"plus {shift}: sliced {at[shift]:.2f}; Wasserstein {same[0]:.2f}, bottleneck {same[1]:.3f},",
          f"GUDHI {same[2]:.2f}")
    assert np.allclose(same, (wasserstein(one, two), bottleneck(one, two), other(one, two)), rtol=1e-3)
assert np.isclose(at[10], at[273.15], rtol=0.01) and at[0] > 1.01 * at[10] and at[-10] > 9 * at[10], changed


def minima(heights):
    """Births and deaths of the parts of the ground below each height, those with a death."""
    ground = gudhi.CubicalComplex(vertices=heights)
    ground.compute_persistence()
    pairs = ground.persistence_intervals_in_dimension(0)
    return pairs[np.isfinite(pairs[:, 1])]


base = rng.normal(0, 10, (4, 9, 9))
grounds = [ground + rng.normal(0, 3, (9, 9)) for ground in base for _ in range(3)]
near = {}
for level in (100, -100):
    diagrams = [minima(ground + level) for ground in grounds]
    for name, distance in (("persim", sliced_wasserstein), ("GUDHI", other)):
        table = np.array([[np.inf if a is b else distance(a, b) for b in diagrams] for a in diagrams])
        near[name, level] = table.argmin(1)
for name in ("persim", "GUDHI"):
    same = (near[name, 100] == near[name, -100]).mean()
    print(f"12 grounds, {name}: {same:.0%} have the same nearest ground 100 m above and below the sea")
    assert same == 1 if name == "GUDHI" else same < 0.7, changed
PY
