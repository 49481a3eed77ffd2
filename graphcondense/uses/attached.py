"""New nodes on a graph: which condensed nodes their edges reach, and the graph that has them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask
from graphcondense.nn.batched import Matrix
from graphcondense.ops.adjacency import gcn_norm_csr
from graphcondense.ops.types import Floats32, Ints

Flow = Literal["both", "inward", "matched"]
FLOWS: tuple[Flow, ...] = ("both", "inward", "matched")

Graph = tuple[Matrix, sp.csr_matrix]
"""Features ``[n, d]`` and adjacency ``[n, n]``."""

Batch = tuple[Matrix, sp.csr_matrix, Ints]
"""Features, adjacency, and the rows to predict."""


def mapping(small: Graph, known: Graph, k: int, *, hops: int = 2) -> sp.csr_matrix:
    """To which synthetic nodes each known node belongs: ``M [N, N']``, rows sum to one.

    Each known node goes to the ``k`` synthetic nodes whose propagated features ``Â'^h X'`` have the
    greatest cosine with its own ``Â^h X``, in proportion to these cosines. Nothing is learnt. A
    node that resembles none (no positive cosine) goes to its ``k`` nearest in equal shares.

    Args:
        small, known: features and adjacency of the condensed graph, and of the real nodes.
        k: entries a row, at least 1 and at most ``N'``.
        hops: ``h``, steps of propagation.

    Raises:
        ValueError: ``k`` or ``hops`` out of range.

    Examples:
        >>> known = (np.array([[2.0, 0.1], [0.0, 1.0]]), sp.csr_matrix((2, 2)))
        >>> mapping((np.eye(2), sp.csr_matrix((2, 2))), known, 1).toarray().tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    n = small[1].shape[0]
    if not 1 <= k <= n:
        raise ValueError(f"k={k} must be from 1 to the {n} nodes of the condensed graph")
    if hops < 0:
        raise ValueError(f"hops={hops} must not be negative")
    centres, out = _directions(*small, hops), []
    real = _directions(*known, hops)
    for start in range(0, real.shape[0], 8192):  # a block of the N x N' cosines at a time
        cosine = real[start : start + 8192] @ centres.T
        dense = cosine if isinstance(cosine, np.ndarray) else cosine.toarray()
        near = np.argsort(-dense, axis=1, kind="stable")[:, :k]
        weight = np.maximum(np.take_along_axis(dense, near, 1), 1e-12)
        weight /= weight.sum(1, keepdims=True)
        pointers = np.arange(0, near.size + 1, k)
        part = sp.csr_matrix((weight.ravel(), near.ravel(), pointers), shape=(len(near), n))
        part.sort_indices()
        out.append(part.astype(np.float32))
    return sp.vstack(out, format="csr")


def _directions(x: Matrix, adj: sp.csr_matrix, hops: int) -> sp.csr_matrix | Floats32:
    """Rows of ``Â^h X``, each of length one (or zero)."""
    x = x.astype(np.result_type(x.dtype, np.float32), copy=False)  # a square of bytes is no byte
    step = gcn_norm_csr(adj)
    for _ in range(hops):
        x = step @ x
    squares = x.multiply(x) if isinstance(x, sp.csr_matrix) else x * x
    norms = np.sqrt(np.asarray(squares.sum(1)).ravel())
    return sp.diags_array(1 / np.where(norms > 0, norms, 1)) @ x


def attach(
    graph: Graph,
    x: Matrix,
    links: sp.csr_matrix,
    among: sp.csr_matrix | None = None,
    back: sp.csr_matrix | None = None,
) -> Batch:
    """A graph with new nodes: ``[[A, back], [links, among]]``.

    Args:
        graph: features ``[n, d]`` and adjacency ``[n, n]``.
        x: features of the new nodes ``[b, d]``.
        links: weights of the edges that reach them from nodes of the graph, ``[b, n]``; for a
            condensed graph ``a M``, with ``a`` those from known nodes and ``M`` of :func:`mapping`.
        among: edges among the new nodes, ``[b, b]``; by default none.
        back: edges from the new nodes to those of the graph, ``[n, b]``; by default ``links^T``.

    Returns:
        Features ``[n + b, d]``, adjacency ``[n + b, n + b]`` and the rows of the new nodes ``[b]``.

    Raises:
        ValueError: shapes that do not go together.
    """
    old, adj = graph
    n, b = adj.shape[0], x.shape[0]
    back = links.T if back is None else back
    among = sp.csr_matrix((b, b), dtype=np.float32) if among is None else among
    shapes = (links.shape, among.shape, back.shape)
    if shapes != ((b, n), (b, b), (n, b)):
        raise ValueError(
            f"links, among and back of shapes {shapes} do not fit {b} new nodes and a graph of {n}"
        )
    whole = sp.block_array([[adj, back], [links, among]], format="csr")
    if isinstance(old, np.ndarray) and isinstance(x, np.ndarray):
        features: Matrix = np.concatenate([old, x])
    else:
        features = sp.csr_matrix(sp.vstack([sp.csr_matrix(old), sp.csr_matrix(x)]))
    return features, sp.csr_matrix(whole), np.arange(n, n + b)


class Server:
    """Serves new nodes of a real graph, a batch at a time.

    Args:
        task: the real graph; of its edges only those of new nodes are used.
        known: nodes that were there before, ``[N]``.
        graph: what to serve on: the known nodes' own graph, or a condensed one.
        to: ``M [N, N']`` of :func:`mapping` for a condensed graph; ``None`` for the known nodes'
            own.
        flow: ``"both"``: edges run both ways, as in the paper. ``"inward"``: new nodes hear the
            graph's and do not speak to them; many new nodes on few synthetic ones would drown them.
            ``"matched"``: inward, and an edge weighs ``sqrt((d'_s + 1) / (d_j + 1))`` times as much
            for a neighbour ``j`` and a synthetic node ``s``: in a GCN's symmetric normalisation the
            synthetic node then speaks as the neighbour would, whose degree is another.
    """

    def __init__(
        self,
        task: NodeTask,
        known: Tensor,
        graph: Graph,
        to: sp.csr_matrix | None = None,
        flow: Flow = "both",
    ) -> None:
        self.task, self.known, self.graph, self.to = task, known.numpy(), graph, to
        self.flow = flow
        if flow == "matched" and to is not None:
            there = np.sqrt(_degrees(graph[1]) + 1)
            here = np.sqrt(_degrees(task.adj[self.known][:, self.known]) + 1)
            self.to = sp.csr_matrix(sp.diags_array(1 / here) @ to @ sp.diags_array(there))
        # Only a directed graph needs its other direction.
        other = task.adj.T.tocsr()
        self.reverse = other if (other != task.adj).nnz else None

    def batch(self, nodes: Ints) -> Batch:
        """Features, adjacency and rows, as :func:`attach` returns them, for new nodes ``[b]``."""
        rows = self.task.adj[nodes]
        links, back = rows[:, self.known], None
        if self.to is not None:
            links = links @ self.to
        if self.flow != "both":
            back = sp.csr_matrix(links.shape[::-1], dtype=np.float32)
        elif self.reverse is not None:
            back = self.reverse[nodes][:, self.known]
            back = (back if self.to is None else back @ self.to).T
        return attach(self.graph, self.task.x_array[nodes], links, rows[:, nodes], back)

    def alone(self, nodes: Ints) -> Batch:
        """The new nodes without any edge: their features are all there is."""
        b = len(nodes)
        empty = sp.csr_matrix((b, b), dtype=np.float32)
        return self.task.x_array[nodes], empty, np.arange(b)


def _degrees(adj: sp.csr_matrix) -> Floats32:
    return np.asarray(adj.sum(1), dtype=np.float32).ravel()


def known_graph(data: object) -> NodeTask:
    """The real graph without its test nodes: what is there to condense when they are yet to come.

    Test nodes without a label are yet to come, too.

    Examples:
        >>> import graphcondense
        >>> task = known_graph(graphcondense.data.load("digits"))
        >>> task.num_nodes, len(task.train), len(task.val), len(task.test)
        (500, 200, 300, 0)
    """
    task = as_task(data)
    return task.subgraph(without(task, "test"))


def without(task: NodeTask, *splits: str) -> Tensor:
    """All nodes but those of the splits, with or without a label."""
    left_out = task.left_out
    new = [getattr(task, s) for s in splits] + [left_out[s] for s in splits if s in left_out]
    everyone = torch.arange(task.num_nodes)
    return everyone[~torch.isin(everyone, torch.cat(new))]
