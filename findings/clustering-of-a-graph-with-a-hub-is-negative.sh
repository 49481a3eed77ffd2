#!/usr/bin/env bash
# scikit-network 0.33.5, scipy 1.17.1: the clustering coefficient of a graph with a node of more than 46,341 links is
# below zero, or several times too large.
#
# Expected: three times the triangles, divided by the pairs of links that meet in a node, a number from 0 to 1. The
# values of the adjacency are float64, and 47,000 nodes are few.
# Seen: degrees are int32, as differences of the index pointer that SciPy makes for a matrix of this size, and d(d - 1)
# is taken in int32. A site of 47,000 pages in pairs that all link to the front page has -0.000068 for 0.000064;
# with 46,000 pages it is right, with 70,000 it is 0.00034 for 0.00004, a number that nobody doubts. No warning. Roads
# have no hubs; webs, citations, followers and shops have, and a graph is compared with its sample or its model, whose
# hub is smaller, by whether a product overflows. count_triangles() is right: divide it by the pairs of
# degrees.astype(float).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 scikit-network==0.33.5
"$work/venv/bin/python" -W error - <<'PY'
from importlib.metadata import version

import numpy as np
import scipy.sparse as sp
from sknetwork.topology import get_clustering_coefficient
from sknetwork.utils import get_degrees

print("scikit-network", version("scikit-network"), "scipy", version("scipy"))


def site(pages):
    """A front page that all pages link to, and a link between pages 0 and 1, 2 and 3, ..."""
    page, first = np.arange(pages), np.arange(0, pages, 2)
    rows, columns = np.concatenate([page, first]), np.concatenate([np.full(pages, pages), first + 1])
    upper = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(pages + 1, pages + 1))
    return (upper + upper.T).tocsr()


changed = "the behaviour has changed"
for pages in (1_000, 46_000, 47_000, 70_000):
    adjacency = site(pages)
    assert adjacency.dtype == np.float64 and (adjacency != adjacency.T).nnz == 0
    triangles = pages // 2
    # The front page has a pair of links for each pair of pages, a page the one of its two links.
    right = 3 * triangles / (pages * (pages - 1) / 2 + pages)
    degrees = get_degrees(adjacency)
    assert degrees.dtype == np.int32, changed
    found = 3 * triangles / ((degrees * (degrees - 1)).sum() / 2)
    print(f"{pages:6,} pages: {found:9.6f} from these degrees, by hand {right:.6f}", end="")
    if pages in (1_000, 47_000):  # the call itself takes time with the square of the nodes
        called = float(get_clustering_coefficient(adjacency))
        print(f"; get_clustering_coefficient() {called:9.6f}", end="")
        assert abs(called / found - 1) < 1e-9, changed
    print()
    if pages <= 46_341:
        assert abs(found / right - 1) < 1e-9
    elif pages == 47_000:
        assert found < 0, changed
    else:
        assert found > 5 * right, changed
PY
