#!/usr/bin/env bash
# imbalanced-learn 0.14.2, scikit-learn 1.9.1, numpy 2.4.6: new samples that SMOTE and ADASYN make of images in uint8,
# or of counts in an unsigned type, are not between the old ones but anywhere.
#
# Expected, from the documentation ("s_new = s_i + u(0, 1) * (s_i - s_nn)", a point on the line between two neighbours):
# a pixel of a new image lies between those of two old images of the class. The type of the input is kept.
# Seen: the difference of the neighbours is taken in the type of the images, where 5 - 9 is 252, and a share of that is
# added: 5 + 0.5 * 252 is 131. Of new images of handwritten digits, with pixels of 0 to 16, a quarter of the pixels is
# above 16, up to 255; every new image has some. uint16 goes to 65,000, counts in uint32, as polars makes them, to four
# thousand million; sparse matrices are hit as well. int16, float32 and float64 are right. A classifier learns the rare
# class from noise: its balanced accuracy is 0.81, without any new samples 0.82, and with those of float32 0.86. Nothing
# warns, and no report was found. Give images.astype("float32").
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q imbalanced-learn==0.14.2 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
OMP_NUM_THREADS=1 "$work/venv/bin/python" -W ignore - <<'PY'
import imblearn
import numpy as np
from imblearn.over_sampling import ADASYN, SMOTE
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

print("imbalanced-learn", imblearn.__version__, "numpy", np.__version__)
changed = "the behaviour has changed"
images, digits = load_digits(return_X_y=True)
threes, eights = np.flatnonzero(digits == 3), np.flatnonzero(digits == 8)
train = np.concatenate([threes[:150], eights[:20]])
test = np.concatenate([threes[150:], eights[20:]])
x, y = images[train], digits[train]
assert x.min() == 0 and x.max() == 16 and np.array_equal(x, x.astype(np.uint8))
print("pixels of new images, where old ones have 0 to 16")
for sampler in (SMOTE, ADASYN):
    for kind in ("uint8", "uint16", "uint32", "int16", "float32"):
        new = sampler(random_state=0).fit_resample(x.astype(kind), y)[0][len(x) :]
        outside = (new < 0) | (new > 16)
        print(
            f"  {sampler.__name__:6s} {kind:8s} largest {new.max():<13} outside {outside.mean():.2f},"
            f" images with such pixels {outside.any(1).mean():.2f}"
        )
        if kind.startswith("u"):
            assert outside.mean() > 0.15 and outside.any(1).mean() > 0.9, changed
        else:
            assert not outside.any()
sparse = SMOTE(random_state=0).fit_resample(csr_matrix(x.astype("uint8")), y)[0][len(x) :]
print("  SMOTE  of a sparse matrix in uint8: largest", sparse.max())
assert sparse.max() > 200, changed

found = {}
for name, kind in (("none", None), ("uint8", "uint8"), ("float32", "float32")):
    rows, labels = (x, y) if kind is None else SMOTE(random_state=0).fit_resample(x.astype(kind), y)
    model = LogisticRegression(max_iter=3000).fit(rows, labels)
    found[name] = balanced_accuracy_score(digits[test], model.predict(images[test]))
print("balanced accuracy with new images of", {name: round(value, 3) for name, value in found.items()})
assert found["float32"] > found["none"]
assert found["uint8"] < found["none"], changed
PY
