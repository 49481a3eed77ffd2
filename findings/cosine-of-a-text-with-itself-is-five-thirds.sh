#!/usr/bin/env bash
# scipy 1.17.1, scikit-learn 1.9.1: a term-document matrix made as SciPy's documentation makes it has wrong lengths,
# tf-idf, variances, distances and cosines in scikit-learn; a text has a cosine of 1.67 with itself.
#
# Expected: csr_matrix((data, indices, indptr)) may hold an entry several times, and stands for their sum: the page of
# csr_matrix builds a "term-document matrix from texts" so, a 1 for each word. SciPy's own sums, products, powers and
# norms add them up. scikit-learn takes CSR matrices, so normalize() gives rows of length one.
# Seen: scikit-learn reads the stored numbers one by one. The row ["hello", "world", "hello"] is [1, 1, 1] to it
# where it finds lengths, and [2, 1] where SciPy multiplies: after normalize() it is 1.29 long, and cosine_similarity
# is no cosine. TfidfTransformer counts "hello" in two documents where it is in one. StandardScaler sees a
# feature that is 2, 0, 1 as constant, and VarianceThreshold gives it a variance of 0. No error, no warning. Parallel
# edges of a CSR adjacency do the same. X.sum_duplicates() before mends all of it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$work/venv/bin/python" - <<'PY'
import numpy as np
import scipy
import sklearn
from scipy.sparse import csr_matrix, linalg
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.feature_selection import VarianceThreshold
from sklearn.metrics.pairwise import cosine_similarity, euclidean_distances
from sklearn.preprocessing import normalize

print("scipy", scipy.__version__, "scikit-learn", sklearn.__version__)
texts = [["hello", "world", "hello"], ["goodbye", "cruel", "world"], ["hello"]]


def counted():
    indptr, indices, data, words = [0], [], [], {}
    for text in texts:
        for word in text:
            indices.append(words.setdefault(word, len(words)))
            data.append(1.0)
        indptr.append(len(indices))
    return csr_matrix((data, indices, indptr))


def measured(x):
    lengths = np.sqrt(np.square(normalize(x).toarray()).sum(1))
    return {
        "lengths after normalize": lengths,
        "lengths of tf-idf": np.sqrt(np.square(TfidfTransformer().fit_transform(x).toarray()).sum(1)),
        "idf": TfidfTransformer().fit(x).idf_,
        "cosine with itself": cosine_similarity(x).diagonal(),
        "distances from the first": euclidean_distances(x)[0],
        "variances": VarianceThreshold().fit(x).variances_,
    }


summed = counted()
summed.sum_duplicates()
assert (counted() != summed).nnz == 0, "one matrix, for SciPy"
assert np.allclose(linalg.norm(counted(), axis=1), linalg.norm(summed, axis=1))
as_stored, right = measured(counted()), measured(summed)
for name, values in as_stored.items():
    print(f"{name:25s}", np.round(values, 3).tolist(), "right:", np.round(right[name], 3).tolist())
changed = "the behaviour has changed"
assert np.allclose(right["cosine with itself"], 1) and right["variances"][0] > 0.6
assert np.isclose(as_stored["cosine with itself"][0], 5 / 3), changed
assert np.isclose(as_stored["lengths after normalize"][0], np.sqrt(5 / 3)), changed
assert as_stored["distances from the first"][2] == 0 < right["distances from the first"][2], changed
assert as_stored["variances"][0] == 0, changed
assert as_stored["idf"][0] < right["idf"][0], changed
PY
