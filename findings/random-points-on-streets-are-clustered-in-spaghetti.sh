#!/usr/bin/env bash
# spaghetti 1.7.6, geopandas 1.2.0, numpy 2.4.6: random points on streets are clustered at six to eight of nine
# distances, by the envelopes of the K function.
#
# Expected, from the documentation (of the threshold of GlobalAutoK(): "The level at which significance is computed.
# (0.5 would be 97.5% and 2.5%). Default is 0.5"): 2.5% of the simulations of random points lie above the upper envelope
# and 2.5% below the lower one.
# Seen: the upper envelope is the largest simulation times one minus half of the threshold, and the lower one the
# smallest times that half. With the default they are three quarters of the largest and a quarter of the smallest,
# whatever the simulations are. Of 100 points the simulations at a distance of 2 have 11.2 in the mean, and 10.2 and
# 12.5 at 2.5% and 97.5%; the envelope is 2.4 to 9.5. Random points are above it at nearly all distances, and the more
# points there are the more, so that crimes or accidents look clustered on any street network. With 0.05 the lower
# envelope is a fortieth of the smallest, and 80 points that keep a distance are below it at one distance, for four. A
# plot looks like others of its kind. No warning; no report. Take numpy.quantile(k.sim, (0.025, 0.975), axis=0).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q spaghetti==1.7.6 geopandas==1.2.0 libpysal==4.14.1 esda==2.9.0 shapely==2.2.0 \
  rtree==1.4.1 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 scikit-learn==1.9.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import geopandas
import numpy as np
import shapely
from spaghetti import Network

print("spaghetti", version("spaghetti"), "geopandas", geopandas.__version__, "numpy", np.__version__)
changed = "the behaviour has changed"
# Four by four blocks of streets, each a unit long.
streets = [shapely.LineString(line) for i in range(5) for j in range(4)
           for line in ([(i, j), (i, j + 1)], [(j, i), (j + 1, i)])]
network = Network(in_data=geopandas.GeoDataFrame(geometry=streets))


def outside(points, threshold=0.5):
    """At how many of nine distances K is above and below the envelope, and what simulations have."""
    k = network.GlobalAutoK(points, nsteps=10, permutations=99, threshold=threshold, upperbound=2.0)
    low, high = np.quantile(k.sim, (0.025, 0.975), axis=0)
    ends = k.sim.min(axis=0) * threshold / 2, k.sim.max(axis=0) * (1 - threshold / 2)
    assert np.allclose((k.lowerenvelope, k.upperenvelope), ends), changed
    found = (k.observed > k.upperenvelope)[1:].sum(), (k.observed < k.lowerenvelope)[1:].sum()
    right = (k.observed > high)[1:].sum(), (k.observed < low)[1:].sum()
    return [int(n) for n in (*found, *right)], (k, low, high)


above = []
for seed in range(3):
    np.random.seed(seed)
    found, (k, low, high) = outside(network.simulate_observations(100))
    above.append(found)
    print(f"100 random points, seed {seed}: of 9 distances above {found[0]}, below {found[1]} by the envelopes,",
          f"above {found[2]}, below {found[3]} by 2.5% and 97.5% of the simulations")
print("    at 2.0:", f"observed {k.observed[-1]:.2f}, envelope {k.lowerenvelope[-1]:.2f} to {k.upperenvelope[-1]:.2f},",
      f"2.5% and 97.5% {low[-1]:.2f} and {high[-1]:.2f}, mean of the simulations {k.sim[:, -1].mean():.2f}")
assert min(found[0] for found in above) >= 6 and sum(found[2] + found[3] for found in above) < 5, changed

even = geopandas.GeoDataFrame(geometry=[street.interpolate(at) for street in streets for at in (0.2, 0.8)])
network.snapobservations(even, "even")
np.random.seed(0)
for threshold in (0.5, 0.05):
    found, (k, low, high) = outside(network.pointpatterns["even"], threshold)
    print(f"80 even points, threshold {threshold}: above {found[0]}, below {found[1]} by the envelopes,",
          f"above {found[2]}, below {found[3]} by the simulations")
PY
