"""Covering many by a few: reverse nearest neighbours and greedy maximum coverage."""

from __future__ import annotations

import heapq

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.ops.arrays import Array

HELD = 2**24
"""Distances that are held at once."""


def reverse_neighbours(rows: Tensor, candidates: Tensor, k: int) -> sp.csr_matrix:
    """Which rows ``[z, d]`` have a candidate ``[m, d]`` among their ``k`` nearest: ``[m, z]`` bool.

    A row that is itself a candidate is its own nearest neighbour. Of equally near candidates the
    first ones count.

    Raises:
        ValueError: ``k`` below 1.

    >>> x = torch.tensor([[0.0], [1.0], [5.0]])
    >>> reverse_neighbours(x, x, 2).toarray().astype(int).tolist()
    [[1, 1, 0], [1, 1, 1], [0, 0, 1]]
    """
    if k < 1:
        raise ValueError(f"k={k} must be at least 1 neighbour")
    k = min(k, len(candidates))
    wide = candidates.double()
    found = []
    for part in torch.split(rows, max(1, HELD // max(1, len(wide)))):
        apart = torch.cdist(part.double(), wide, compute_mode="donot_use_mm_for_euclid_dist")
        nearest = []
        for _ in range(k):
            nearest.append(apart.argmin(1))  # the first of equals
            apart.scatter_(1, nearest[-1][:, None], torch.inf)
        found.append(torch.stack(nearest, 1))
    near = torch.cat(found).cpu().numpy()
    row = np.repeat(np.arange(len(rows)), k)
    ones = np.ones(near.size, bool)
    return sp.csr_matrix((ones, (near.ravel(), row)), shape=(len(candidates), len(rows)))


def greedy_cover(covers: sp.csr_matrix, k: int) -> Array:
    """``k`` sets that cover much together: the one that adds most, again and again.

    It covers above ``1 - 1/e`` of what the best ``k`` sets do (Nemhauser, Wolsey & Fisher, 1978).
    Only sets that may lead are counted anew (Minoux, 1978). Of equals the first is taken. Once
    nothing is left to add, covering starts over with the sets that remain.

    Args:
        covers: what each set covers, ``[m, z]``, not zero where it does.
        k: sets, at most ``m``.

    Returns:
        The sets in the order they were taken ``[k]``: the first ones are the answer for fewer.

    Raises:
        ValueError: ``k`` beyond the sets.

    >>> greedy_cover(sp.csr_matrix([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1]]), 3).tolist()
    [1, 2, 0]
    """
    m, z = covers.shape
    if not 0 <= k <= m:
        raise ValueError(f"{k} of {m} sets: ask for 0 to {m}")
    covers = sp.csr_matrix(covers, dtype=bool, copy=True)
    covers.sum_duplicates()
    covers.eliminate_zeros()
    has = [covers.indices[a:b] for a, b in zip(covers.indptr[:-1], covers.indptr[1:], strict=True)]
    order: list[int] = []
    left = np.ones(z, bool)
    heap: list[tuple[int, int]] = []
    while len(order) < k:
        if not heap or heap[0][0] == 0:
            left[:] = True
            taken = set(order)
            heap = [(-len(members), i) for i, members in enumerate(has) if i not in taken]
            heapq.heapify(heap)
            if heap[0][0] == 0:  # what remains covers nothing, however often it starts over
                order += sorted(i for _, i in heap)[: k - len(order)]
                break
        bound, i = heapq.heappop(heap)
        adds = int(left[has[i]].sum())
        if adds == -bound:
            order.append(i)
            left[has[i]] = False
        else:
            heapq.heappush(heap, (-adds, i))
    return np.array(order, np.int64)
