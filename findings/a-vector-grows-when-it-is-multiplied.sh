#!/usr/bin/env bash
# scipy 1.17.1, numpy 2.4.6: a sparse vector with repeated places is another vector after each product with itself.
#
# Expected: x @ x is the sum of squares, as often as it is asked for, and x stays as it is. A coo_array may name a place
# twice, the values add up: so events become counts, in one dimension (new in the sparse arrays) as in two.
# Seen: a vector is made a row of CSR form without a copy, and its repeated places are put in order and added up within
# the memory of x, which still takes all of it for entries. Of 200 purchases of 50 items the sum of squares is 920 by
# hand; x @ x is 1,641 at the first time, since the left x changes the right one, and 148 million at the tenth, when the
# 200 purchases are 58,524. The NumPy arrays of the caller, ones and places, are overwritten too. x @ matrix, x + y, x -
# y, x * y, x > 0, maximum(), tocsr() and then sum() do it, each makes 351 of 200 at once; matrices are safe, and so are
# vectors without repeats, with which one tests. No warning. Reports speak of entries that are put in another order,
# with the same sums. Call x.sum_duplicates() at once, or use a matrix of one row.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scipy==1.17.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import scipy
from scipy import sparse

print("scipy", scipy.__version__, "numpy", np.__version__)
ITEMS = 50
changed = "the behaviour has changed"
items = np.random.default_rng(0).integers(0, ITEMS, 200)
by_hand = np.bincount(items, minlength=ITEMS).astype(float)
squares = by_hand @ by_hand


def bought():
    """How often each item was bought, one entry for each purchase."""
    return sparse.coo_array((np.ones(len(items)), (items.copy(),)), shape=(ITEMS,))


assert (bought().toarray() == by_hand).all()
ones, places = np.ones(len(items)), items.copy()
x = sparse.coo_array((ones, (places,)), shape=(ITEMS,))
found = [float(x @ x) for _ in range(10)]
print(f"sum of squares by hand {squares:,.0f}; asked for ten times:", *(f"{one:,.0f}" for one in found))
print(f"{len(items)} purchases are {x.toarray().sum():,.0f}; the caller's ones add up to {ones.sum():,.0f},", end=" ")
print(f"and {(places != items).sum()} of the caller's places are others")
assert found[0] > 1.5 * squares and found[1] > 2 * squares and found[9] > 100 * squares, changed
assert x.toarray().sum() > 10 * len(items) and ones.sum() > len(items), changed

other, table = bought(), sparse.eye_array(ITEMS).tocsr()
uses = {
    "x @ table": lambda x: x @ table,
    "x + y": lambda x: x + other,
    "x - y": lambda x: x - other,
    "x * y": lambda x: x * other,
    "x > 0": lambda x: x > 0,
    "x.maximum(y)": lambda x: x.maximum(other),
    "x.tocsr().sum()": lambda x: x.tocsr().sum(),
}
for name, use in uses.items():
    x, other = bought(), bought()
    use(x)
    print(f"after {name:16s} {x.toarray().sum():,.0f} purchases")
    assert x.toarray().sum() > len(items), changed

x = bought()
x.sum_duplicates()
assert {float(x @ x) for _ in range(10)} == {squares}
row = sparse.coo_array((np.ones(len(items)), (np.zeros_like(items), items.copy())), shape=(1, ITEMS))
assert {float((row @ row.T).sum()) for _ in range(10)} == {squares}
PY
