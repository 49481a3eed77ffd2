"""Where the nodes of a picture stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from torch_geometric.data import Data


Places: TypeAlias = NDArray[np.float64]
Pairs: TypeAlias = NDArray[np.int64]

MANY = 80  # above so many nodes a graph is laid out by springs: all distances take too long


def undirected(small: Data) -> tuple[Pairs, Places]:
    """Pairs ``[m, 2]`` with the greater weight of the two directions ``[m]``; no self-loops."""
    given = getattr(small, "edge_weight", None)
    edges = small.edge_index.cpu().numpy()
    weight = np.ones(edges.shape[1]) if given is None else given.detach().cpu().numpy()
    keep = edges[0] != edges[1]
    pairs, where = np.unique(np.sort(edges[:, keep].T, axis=1), axis=0, return_inverse=True)
    strongest = np.zeros(len(pairs))
    np.maximum.at(strongest, where.reshape(-1), weight[keep])
    return pairs, strongest


def principal(x: Tensor) -> Places:
    """The first two principal components ``[n, 2]``, each within [-1, 1]."""
    centred = x.detach().cpu().double()
    centred = centred - centred.mean(0)
    left, scale, _ = torch.linalg.svd(centred, full_matrices=False)
    place = torch.zeros(len(x), 2, dtype=torch.double)
    place[:, : min(2, left.shape[1])] = (left * scale)[:, :2]
    out: Places = (place / place.abs().amax(0).clamp_min(1e-12)).numpy()
    return out


def springs(
    pairs: Pairs,
    strength: Places,
    y: Pairs,
    start: Places,
) -> Places:
    """A spring layout ``[n, 2]`` from the given start: the same picture every time."""
    import networkx as nx

    n = len(start)
    graph = nx.empty_graph(n)
    graph.add_weighted_edges_from((*pair, 0.1 + s) for pair, s in zip(pairs, strength, strict=True))
    # Unseen hubs, one a class, held by one in the middle: without them, parts that no edge joins
    # fly off and squeeze the rest.
    hubs = {n + 1 + c: start[y == c].mean(0) for c in np.unique(y)}
    graph.add_weighted_edges_from((i, n + 1 + c, 0.5) for i, c in enumerate(y))
    graph.add_weighted_edges_from((n, hub, 2.0) for hub in hubs)
    begin = {**dict(enumerate(start)), n: start.mean(0), **hubs}
    placed = nx.spring_layout(graph, pos=begin, seed=0, iterations=100)
    return np.array([placed[i] for i in range(n)])


def spread_out(pairs: Pairs, n: int) -> Places:
    """A layout ``[n, 2]`` within [-1, 1] of the pairs ``[m, 2]``: the same every time."""
    import networkx as nx
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    if n == 1:
        return np.zeros((1, 2))
    graph = nx.empty_graph(n)
    graph.add_edges_from(pairs.tolist())
    if n > MANY:
        placed = nx.spring_layout(graph, seed=0, iterations=60)
    else:
        adj = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
        far = shortest_path(adj, directed=False, unweighted=True)
        # Parts that no edge joins lie beside each other, not at infinity.
        far[np.isinf(far)] = 0.8 * far[np.isfinite(far)].max() + 1
        placed = nx.kamada_kawai_layout(
            graph, dist={i: dict(enumerate(row)) for i, row in enumerate(far)}
        )
    place = np.array([placed[i] for i in range(n)])
    place -= (place.max(0) + place.min(0)) / 2
    out: Places = place / max(np.abs(place).max(), 1e-12)
    return out
