"""A checked graph whose links are to be predicted, for link methods and their evaluator.

Links are undirected: the edge ``i -> j`` and the edge ``j -> i`` are one link.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.task import NodeTask, OneGraph
from graphcondense.ops.as_read import as_read
from graphcondense.ops.propagated import Propagated, hash_arrays
from graphcondense.saved.compact import bytes_of

Pairs = npt.NDArray[np.int64]
"""Nodes at both ends of links ``[2, m]``."""

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Links:
    """Links of one split, and wrong links that each of them is ranked among.

    Attributes:
        ends: the links ``[2, m]``, each once.
        tails: ``[m, K]``: link ``(u, v)`` is ranked among ``(u, tails[i, k])``, as ogbl-citation2
            does; ``None`` where there are ``pairs``.
        pairs: ``[2, K]``: every link is ranked among all of these, as ogbl-collab does.
    """

    ends: Tensor
    tails: Tensor | None = None
    pairs: Tensor | None = None

    def __len__(self) -> int:
        return int(self.ends.shape[1])

    @property
    def wrong(self) -> int:
        """Wrong links that one link is ranked among."""
        if self.tails is not None:
            return int(self.tails.shape[1])
        return 0 if self.pairs is None else int(self.pairs.shape[1])

    def some(self, number: int, seed: int = 0) -> Links:
        """``number`` of the links, drawn by ``seed``, with the same wrong ones; all if there are no
        more."""
        if number >= len(self):
            return self
        drawn = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:number]
        at = drawn.sort().values
        tails = None if self.tails is None else self.tails[at]
        return Links(self.ends[:, at], tails, self.pairs)


@dataclass(frozen=True, repr=False)
class LinkTask(OneGraph):
    """Features, training links, and links to validate and to test on; checked, in one layout.

    Attributes:
        x: features, a float32 tensor ``[n, d]``, or a SciPy CSR matrix ``[n, d]`` when sparse.
        adj: ``A [n, n]`` of training links alone, symmetric, without loops: what models see, and
            what they learn to predict. A weight counts how often a link is learnt.
        val, test: links of the other splits, each with wrong ones; either may be empty.
        name: what to call the data in a report.
        shared: what is made of features and edges alone, see :attr:`graph`.
    """

    x: Tensor | sp.csr_matrix
    adj: sp.csr_matrix
    val: Links
    test: Links
    name: str = "data"
    metric: str = "mrr"
    shared: Propagated | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        before = self.shared or Propagated(self.x, self.adj)
        object.__setattr__(self, "shared", before.of(self.x, self.adj))

    def __repr__(self) -> str:
        return (
            f"LinkTask({self.name}: {self.num_nodes:,} nodes, {self.num_features:,} features, "
            f"{len(self.train):,}/{len(self.val):,}/{len(self.test):,} links to "
            "train/validate/test)"
        )

    @functools.cached_property
    def train(self) -> Links:
        """The training links, each once."""
        return Links(torch.from_numpy(links_of(self.adj)))

    @property
    def unlabelled(self) -> Mapping[str, int]:
        """Nothing: links need no labels."""
        return {}

    @functools.cached_property
    def weight(self) -> npt.NDArray[np.float64]:
        """How often the loss of links against uniform pairs looks at each node ``[n]``: once as any
        node is, and as often as it is an end of a link, ``1 + d_v / d``, with its degree ``d_v``
        and the mean ``d`` of all. A mean of nodes stands for them in the loss if they weigh so.

        >>> one = sp.csr_matrix(([1.0, 1.0], ([0, 1], [1, 0])), shape=(3, 3))
        >>> none = Links(torch.empty(2, 0, dtype=torch.long))
        >>> LinkTask(torch.ones(3, 1), one, none, none).weight.tolist()
        [2.5, 2.5, 1.0]
        """
        degree = np.asarray(self.adj.sum(1), dtype=np.float64).ravel()
        return 1 + degree / (degree.mean() or 1.0)

    @property
    def size(self) -> tuple[int, int, int]:
        """Nodes, edges of training links (both ways), and bytes of features and edges."""
        arrays = (self.adj.data, self.adj.indices, self.adj.indptr)
        total = bytes_of(self.x_array) + sum(a.nbytes for a in arrays)
        return self.num_nodes, int(self.adj.nnz), total

    @as_read
    def digest(self) -> str:
        """SHA-256 (first 16 hex digits) of features, training links and validation links; test
        links are left out: condensing never sees them."""
        hashed = self.graph.hashed()
        given = (self.val.ends, self.val.tails, self.val.pairs)
        hash_arrays(hashed, *(part.numpy() for part in given if part is not None))
        return hashed.hexdigest()[:16]

    @functools.cached_property
    def nodes(self) -> NodeTask:
        """What condenses: all nodes as training nodes of one class, and the training links."""
        n, none = self.num_nodes, torch.empty(0, dtype=torch.long)
        return NodeTask(
            x=self.x,
            adj=self.adj,
            y=torch.zeros(n, dtype=torch.long),
            train=torch.arange(n),
            val=none,
            test=none,
            num_classes=1,
            name=self.name,
            shared=self.graph,
        )

    def subgraph(self, nodes: Tensor, name: str | None = None) -> LinkTask:
        """The training links between some nodes; nothing to validate or to test on."""
        keep = nodes.numpy()
        none = Links(torch.empty(2, 0, dtype=torch.long))
        return LinkTask(
            x=self.x[nodes] if isinstance(self.x, Tensor) else self.x[keep],
            adj=self.adj[keep][:, keep].tocsr(),
            val=none,
            test=none,
            name=name or self.name,
        )


def links_of(adj: sp.csr_matrix) -> Pairs:
    """Links ``[2, m]`` of a symmetric matrix, each once."""
    upper = sp.triu(adj, 1).tocoo()
    return np.stack([upper.row, upper.col]).astype(np.int64)
