"""From easy nodes to hard ones: how hard a labelled node is, and which ones a step is shown.

CLNode (Wei et al., WSDM 2023, arXiv 2206.07258) and GEOM (Zhang et al., ICML 2024, arXiv
2402.05011, section 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.core.types import Batch
from graphcondense.ops.arrays import Array
from graphcondense.ops.personalised import diffused

Pace = Literal["linear", "root", "geometric"]
RESTART, STEPS = 0.1, 10
"""Of the label propagation that guesses the classes of nodes without a label."""


def guessed_classes(adj: sp.csr_matrix, train: Array, y: Array, classes: int) -> Array:
    """A class ``[N]`` for every node: the given one of training nodes, of the others that of the
    largest score of label propagation (Zhou et al., NeurIPS 2003), each class's labels counting as
    one in all; -1 where no label reaches.

    Args:
        adj: ``Â [N, N]``.
        train: labelled nodes ``[m]``.
        y: their classes ``[m]``.
        classes: how many there are.
    """
    start = np.zeros((adj.shape[0], classes))
    start[train, y] = 1
    start /= np.maximum(start.sum(0), 1)
    scores = diffused(start, adj.astype(np.float64), RESTART, STEPS)
    found: Array = np.where(scores.sum(1) > 0, scores.argmax(1), -1)
    found[train] = y
    return found


def disagreement(links: sp.csr_matrix, nodes: Array, classes: Array, count: int) -> Array:
    """How much the classes around a node disagree: the entropy ``[m]`` of the shares of the classes
    among the node and its neighbours; those of class -1 do not count.

    Args:
        links: adjacency ``[N, N]``, with whatever weights and without self-loops.
        nodes: which nodes are wanted ``[m]``.
        classes: of all nodes ``[N]``, -1 for none.
        count: how many classes there are.
    """
    known = classes >= 0
    told = np.zeros((len(classes), count))
    told[known, classes[known]] = 1
    here = sp.csr_matrix(links[nodes], dtype=np.float64, copy=True)
    here.data[:] = 1
    shares = here @ told + told[nodes]
    shares /= np.maximum(shares.sum(1, keepdims=True), 1)
    logs = np.log(np.where(shares > 0, shares, 1))
    entropy: Array = np.abs((shares * logs).sum(1))
    return entropy


@dataclass(frozen=True)
class EasyFirst:
    """A course for experts: at step ``t`` the share ``λ_t`` of the labelled nodes that is easiest.

    ``λ_t`` grows from ``λ_0`` to one over ``steps`` and stays there: ``linear``,
    ``λ_0 + (1 - λ_0) t/T``; ``root``, ``(λ_0² + (1 - λ_0²) t/T)^½``; ``geometric``,
    ``λ_0^(1 - t/T)``.

    Attributes:
        order: labelled nodes from the easiest to the hardest ``[m]``, as rows of the batch.
        start: ``λ_0``, above 0.
        pace: how the share grows.
        steps: ``T``.
    """

    order: Tensor
    start: float
    pace: Pace
    steps: int

    def share(self, step: int) -> float:
        """``λ_t``."""
        done = min(1.0, step / self.steps)
        if self.pace == "linear":
            return self.start + (1 - self.start) * done
        if self.pace == "root":
            return float((self.start**2 + (1 - self.start**2) * done) ** 0.5)
        return float(self.start ** (1 - done))

    def __call__(self, step: int, whole: Batch) -> Batch:
        kept = max(1, round(self.share(step) * len(self.order)))
        if kept == len(self.order):
            return whole
        rows = self.order[:kept].to(whole.y.device)
        return whole._replace(y=whole.y[rows], rows=rows)


def by_ease(difficulty: Array, y: Tensor) -> Tensor:
    """Rows ``[m]`` from the easiest to the hardest, class by class in turn, so that a share of them
    has about that share of each class.

    >>> by_ease(np.array([0.0, 0.1, 0.7, 0.5]), torch.tensor([0, 0, 1, 1])).tolist()
    [0, 3, 1, 2]
    """
    classes = y.cpu().numpy()
    place = np.zeros(len(classes))
    for c in np.unique(classes):
        own = np.flatnonzero(classes == c)
        place[own[np.argsort(difficulty[own], kind="stable")]] = np.arange(len(own)) / len(own)
    return torch.from_numpy(np.lexsort((classes, place)).copy())
