#!/usr/bin/env bash
# POT 0.9.7.post1, numpy 2.4.6, scipy 1.17.1: the Wasserstein distance of two samples of integers is 0, however far
# apart they are.
#
# Expected: ot.wasserstein_1d(a, b) of the degrees of two graphs, or of ages, counts or pixels, is what it is of the
# same numbers as floats; or the integers are refused. ot.emd2_1d(a, b), in the same package, and SciPy's
# wasserstein_distance() give 16.4 for the degrees below.
# Seen: where no weights are given, all samples weigh 1/n, and that number is written in the type of the samples. As an
# integer it is 0, so that nothing has to be moved. wasserstein_1d(), sliced_wasserstein_distance() and
# max_sliced_wasserstein_distance() are 0 for any two samples, from NumPy or torch, and say nothing. So every
# generated or condensed graph has exactly the degrees of the real one, a drift is never seen, and a search for the
# closest set takes the first. empirical_sinkhorn_divergence() is 0 as well, where NumPy warns of a division.
# emd2_1d(), dist() and solve_sample() of integers are right, so that a check with those finds nothing. Give floats.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 POT==0.9.7.post1 networkx==3.6.1
"$work/venv/bin/python" -W error - <<'PY'
import networkx as nx
import numpy as np
import ot
from scipy.stats import wasserstein_distance

print("POT", ot.__version__, "numpy", np.__version__)
changed = "the behaviour has changed"
sparse, dense = nx.gnp_random_graph(500, 0.01, seed=0), nx.barabasi_albert_graph(400, 11, seed=0)
a, b = (np.array([degree for _, degree in graph.degree()]) for graph in (sparse, dense))
right = wasserstein_distance(a, b)
print(f"mean degrees {a.mean():.1f} and {b.mean():.1f}; SciPy {right:.3f};", end=" ")
print(f"POT's emd2_1d {ot.emd2_1d(a, b, metric='euclidean'):.3f}")
assert abs(ot.emd2_1d(a, b, metric="euclidean") - right) < 1e-6 and right > 10
for kind in (np.float64, np.int64, np.int32, np.uint8):
    found = ot.wasserstein_1d(a.astype(kind), b.astype(kind), p=1)
    print(f"wasserstein_1d of {kind.__name__:8s} {float(found):.3f}")
    if kind is np.float64:
        assert abs(found - right) < 1e-6
    else:
        assert found == 0, changed

rng = np.random.default_rng(0)
x, y = rng.integers(0, 50, (300, 3)), rng.integers(10, 60, (200, 3))  # for example colours
measures = {
    "sliced_wasserstein_distance": lambda x, y: ot.sliced_wasserstein_distance(x, y, seed=0),
    "max_sliced_wasserstein_distance": lambda x, y: ot.max_sliced_wasserstein_distance(x, y, seed=0),
    "solve_sample": lambda x, y: ot.solve_sample(x, y).value,
}
for name, measure in measures.items():
    of_floats, of_integers = float(measure(x.astype(float), y.astype(float))), float(measure(x, y))
    print(f"{name:32s} of floats {of_floats:8.3f}, of integers {of_integers:8.3f}")
    if name == "solve_sample":
        assert abs(of_floats - of_integers) < 1e-6
    else:
        assert of_floats > 5 and of_integers == 0, changed
PY
