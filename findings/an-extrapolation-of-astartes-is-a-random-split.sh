#!/usr/bin/env bash
# astartes 1.3.3, scikit-learn 1.9.1, numpy 2.4.6: the clusters of the sampler "optisim", which are to keep test data
# away from the training data, are random, and so is the split.
#
# Expected, from the source's description (after Clark 1997: "the members of the selection set are then used as cluster
# centers, and we assign every element in the dataset to belong to the cluster containing the selection set member to
# which it is the most similar") and the table of the documentation, which calls the split extrapolative: four clouds of
# points that are far from each other are four clusters, whole in the training or in the test data, as with "kmeans".
# Seen: a point is compared with the rows 0, 1, 2 ... of the table, not with the members that were selected: their
# numbers in the selection are taken for row numbers. The distances are those of other pairs besides: the place in the
# list of distances is right only for a row and a later one, and the rows 0, 1, 2 come earlier. Of 400 points in four
# clouds, 10 apart and 0.5 wide, the adjusted Rand index of the clusters with the clouds is 0.00, and 1 with "kmeans".
# Half of the test points have a training point within 0.1, as if they were drawn by chance, where it is 8.4. A model
# that copies the nearest training point has an error of 0.5 there and of 10 with "kmeans": what is published as
# extrapolation is none. All sizes are as asked for, with which one tests. No warning; no report. Use "kmeans", or
# assign the points by scipy's cdist.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q astartes==1.3.3 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 \
  tabulate==0.10.0 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import sklearn
from astartes import train_test_split
from astartes.samplers.extrapolation.optisim import OptiSim
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import KNeighborsRegressor

print("astartes", version("astartes"), "scikit-learn", sklearn.__version__, "numpy", np.__version__)
changed = "the behaviour has changed"
CENTRES = np.array([[0, 0], [0, 10], [10, 0], [10, 10]])
found = {}
for seed in range(5):
    rng = np.random.default_rng(seed)
    cloud = rng.permutation(np.repeat(np.arange(4), 100))
    cloud[:4] = rng.permutation(4)  # the first four rows are one of each
    points = CENTRES[cloud] + rng.normal(0, 0.5, (400, 2))
    heights = CENTRES[cloud].sum(1) + rng.normal(0, 0.5, 400)
    for sampler in ("optisim", "kmeans", "random"):
        parts = train_test_split(points, train_size=0.75, sampler=sampler, random_state=seed, return_indices=True,
                                 hopts={"n_clusters": 4})
        training, test = parts[-2:]
        near = np.median(cdist(points[test], points[training]).min(1))
        model = KNeighborsRegressor(1).fit(points[training], heights[training])
        error = abs(heights[test] - model.predict(points[test])).mean()
        agree = np.nan
        if sampler != "random":
            labels = np.empty(400, int)
            labels[np.concatenate([training, test])] = np.concatenate(parts[2:4])
            agree = adjusted_rand_score(cloud, labels)
        found.setdefault(sampler, []).append((agree, near, error, len(training)))
for sampler, values in found.items():
    agree, near, error, size = np.transpose(values)
    clusters = "" if sampler == "random" else f"clusters and clouds agree {agree.round(2)}; "
    print(f"{sampler}: {clusters}from test to the nearest training point {near.round(2)};",
          f"mean error of its height {error.round(2)}; training points {size.astype(int)}")
wrong, right = np.array(found["optisim"]), np.array(found["kmeans"])
assert right[:, 0].min() > 0.99 and right[:, 1].min() > 5, "kmeans"
assert abs(wrong[:, 0]).max() < 0.02 and wrong[:, 1].max() < 0.5 and wrong[:, 2].max() < 1, changed

sampler = OptiSim(points, None, None, {"n_clusters": 4, "random_state": 0})
table = cdist(points, points)
table = (table - table[table > 0].min()) / (table.max() - table[table > 0].min())
for first, second in ((3, 300), (300, 3), (2, 17), (17, 2)):
    print(f"distance of the rows {first} and {second}: {sampler.get_dist(first, second):.3f},",
          f"right {table[first, second]:.3f}")
    assert np.isclose(sampler.get_dist(first, second), table[first, second]) == (first < second), changed
PY
