#!/usr/bin/env bash
# scipy 1.17.1: asking one CSR matrix for its sum changes the values of another that was made of the same indices.
#
# Expected: two matrices csr_array((data, indices, indptr)) with the pattern of one graph and data of their own, counts
# and weights, share what is alike. sum(), max(), abs(), > and norm() read a matrix; none of them writes.
# Seen: where an edge is there twice, these first call sum_duplicates() on the matrix they read, which adds up in
# place: in the data of the one, and in indices and indptr, which both have. The other keeps data that are
# not added up, for edges that are fewer and in another order. Weights of 150 become 100, and stay so; 40 on an edge
# is 10. Without any edge twice, but columns not in order, as neighbours from a sampler are, the total stays and the
# weights swap edges. The arrays that the caller gave are changed as well, and tensors that share their memory.
# No warning; which of the two is wrong depends on which was asked first. Make matrices with copy=True, or call
# sum_duplicates() on the first and make the others of its arrays.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1
"$work/venv/bin/python" - <<'PY'
import numpy as np
import scipy
from scipy.sparse import csr_array, linalg

print("numpy", np.__version__, "scipy", scipy.__version__)
reads = {
    "sum": lambda m: m.sum(), "max": lambda m: m.max(), "abs": abs, "> 1": lambda m: m > 1,
    "norm": linalg.norm, "log1p": lambda m: m.log1p(), "count_nonzero": lambda m: m.count_nonzero(),
    "m @ m.T": lambda m: m @ m.T, "multiply": lambda m: m.multiply(m), "toarray": lambda m: m.toarray(),
}


def read_the_other(read, ends):
    """The weights [2, 3] before and after a look at the counts."""
    indptr, ends = np.array([0, 3, 5]), np.array(ends)
    counts = csr_array((np.ones(5), ends, indptr), shape=(2, 3))
    weights = csr_array((np.array([10.0, 20, 30, 40, 50]), ends, indptr), shape=(2, 3))
    before = weights.toarray().tolist()
    read(counts)
    return before, weights.toarray().tolist()


twice, unsorted = [0, 1, 0, 2, 0], [2, 0, 1, 2, 0]
changed_by = {}
for title, ends in (("an edge twice", twice), ("columns not in order", unsorted)):
    print(title)
    for name, read in reads.items():
        before, after = read_the_other(read, ends)
        changed_by[title, name] = before != after
        print(f"  {name:14s}", before, "->", after if before != after else "the same")
changed = "the behaviour has changed"
before, after = read_the_other(reads["sum"], twice)
assert before == [[40, 20, 0], [50, 0, 40]] and after == [[10, 20, 0], [30, 0, 40]], changed
for name in ("sum", "max", "abs", "> 1", "norm"):
    assert changed_by["an edge twice", name], changed
assert changed_by["columns not in order", "sum"], changed
before, after = read_the_other(reads["sum"], unsorted)
assert np.sum(before) == np.sum(after), changed
assert not changed_by["an edge twice", "m @ m.T"] and not changed_by["an edge twice", "toarray"]
PY
