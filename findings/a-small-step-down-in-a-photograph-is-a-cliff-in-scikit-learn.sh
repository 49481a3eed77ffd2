#!/usr/bin/env bash
# scikit-learn 1.9.1, numpy 2.4.6: the graph of a photograph, by img_to_graph(), has a weight of 246 between a pixel of
# 10 and one of 20 to its right, and of 10 between 20 and 10.
#
# Expected, from the documentation ("Graph of the pixel-to-pixel gradient connections. Edges are weighted with the
# gradient values", the absolute differences): brightness that rises and brightness that falls by ten weigh the same.
# Photographs are uint8; scikit-learn's own load_sample_image() gives that.
# Seen: the difference is taken in the type of the image, before its absolute value: 10 - 20 is 246. Of the edges of
# scikit-learn's photograph of a temple 38% are wrong, all that get brighter to the right or downwards; the median
# weight is 21 for 3, and 38% look like cliffs of more than 127, where 0.5% are. dtype=float does not help, as it is
# applied after. A photograph turned by 180 degrees has other weights, and a disc on a plain ground falls apart: cut at
# differences above 40, it and its ground are two pieces with float, 323 with uint8. No warning, no report. Give
# image.astype(float), or int16.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pillow==13.0.0
"$work/venv/bin/python" - <<'PY'
import numpy as np
import sklearn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import img_to_graph

print("scikit-learn", sklearn.__version__, "numpy", np.__version__)
changed = "the behaviour has changed"
row = np.array([[10, 20, 10]], dtype=np.uint8)
print("a row of pixels 10, 20, 10: weights", img_to_graph(row).toarray()[[0, 1], [1, 2]])
assert img_to_graph(row).toarray()[[0, 1], [1, 2]].tolist() == [246, 10], changed
assert img_to_graph(row, dtype=float).toarray()[[0, 1], [1, 2]].tolist() == [246, 10], changed
assert img_to_graph(row.astype(float)).toarray()[[0, 1], [1, 2]].tolist() == [10, 10]


def weights(image):
    """The weights between neighbours, without the pixels themselves on the diagonal."""
    graph = img_to_graph(image)
    return graph.data[graph.row != graph.col].astype(int)


photograph = load_sample_image("china.jpg")[:, :, 1]
assert photograph.dtype == np.uint8
got, right = weights(photograph), weights(photograph.astype(float))
for name, found in (("uint8", got), ("float", right)):
    print(f"photograph, {name}: median {np.median(found):.0f}, share above 127 {(found > 127).mean():.3f}")
print(f"wrong {(got != right).mean():.3f}")
assert 0.3 < (got != right).mean() < 0.5, changed
assert np.median(got) > 5 * np.median(right) and (got > 127).mean() > 50 * (right > 127).mean(), changed
turned = [sorted(weights(image[::-1, ::-1])) == sorted(weights(image)) for image in (photograph, photograph / 1.0)]
print("the same weights if turned by 180 degrees: uint8", turned[0], "float", turned[1])
assert turned == [False, True], changed

# A bright disc on a dark ground, with a little noise, cut where neighbours differ by more than 40.
rng = np.random.default_rng(0)
y, x = np.mgrid[:60, :60]
disc = (np.where((y - 30) ** 2 + (x - 27) ** 2 < 300, 160, 90) + rng.normal(0, 5, (60, 60))).astype(np.uint8)
pieces = {}
for kind in (np.uint8, np.int16, float):
    graph = img_to_graph(disc.astype(kind))
    kept = graph.data <= 40
    flat = coo_array((np.ones(kept.sum()), (graph.row[kept], graph.col[kept])), shape=graph.shape)
    pieces[np.dtype(kind).name] = connected_components(flat, directed=False)[0]
print("pieces of the disc on its ground:", pieces)
assert pieces["float64"] == pieces["int16"] == 2
assert pieces["uint8"] > 100, changed
PY
