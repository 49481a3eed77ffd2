"""Condensed graphs scored by kernel ridge regression instead of networks."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from graphcondense.core.types import Batch, Scorer
from graphcondense.domains.node_source import NodeSource, NodeView
from graphcondense.kernels.ridge import learnt_classes, ridge_weights
from graphcondense.kernels.sntk import SNTK
from graphcondense.ops.adjacency import csr_from_edges, csr_tensor, gcn_norm_csr

if TYPE_CHECKING:
    from graphcondense.saved.condensed_graph import CondensedGraph


def by_kernel(kernel: SNTK, ridge: float, val: NodeSource) -> Scorer:
    """From an exported graph to the accuracy on the nodes of ``val`` of kernel ridge regression
    from its nodes; ``ridge`` is relative to the mean of the kernel's diagonal."""
    targets = partial(learnt_classes, num_classes=val.num_classes)
    (seen,), y, *_ = Seen(val, kernel).batch()

    @torch.no_grad()
    def score(small: CondensedGraph) -> float:
        adj = gcn_norm_csr(csr_from_edges(small.edge_index, small.edge_weight, len(small.x)))
        step = csr_tensor(adj, dtype=seen.h.dtype, device=y.device)
        support = kernel.embed(small.x.to(seen.h), step)
        labels = small.y.to(y.device)
        if labels.is_floating_point():
            labels = labels - 1 / val.num_classes
        weights = ridge_weights(kernel(support, support), targets(labels), ridge)
        outputs = kernel(seen, support).to(weights) @ weights
        return float((outputs.argmax(1) == y).double().mean())

    return score


class Seen(NodeView):
    """Labelled nodes as a kernel sees them: all of them embedded once, or a sample.

    Args:
        real: the source.
        kernel: the kernel.
        most: nodes of a draw that does not say how many; all by default.
    """

    def __init__(self, real: NodeSource, kernel: SNTK, most: int | None = None) -> None:
        super().__init__(real.looking(kernel.hops * kernel.blocks))
        self.kernel, self.most = kernel, most

    @cached_property
    def whole(self) -> Batch:
        """All of them, ready: ``inputs`` is what the kernel's ``embed`` gives."""
        if self.kernel.blocks == 1:  # of which aggregation is linear
            inputs: tuple[Tensor, ...] = (self.real.propagated(self.kernel.hops),)
        else:
            inputs = self.real.batch().inputs
        return Batch((self.kernel.embed(*inputs),), self.real.labels)

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        if c is None and size is None and rng is not None and self.most is not None:
            size = self.most if len(self.real.labels) > self.most else None
        if size is None:
            return self.whole
        if self.kernel.blocks > 1:
            return self.real.batch(c, size, rng)
        labels = self.real.labels
        rows = self.real.members(c, size, rng).to(labels.device)
        return Batch((self.real.propagated(self.kernel.hops)[rows],), labels[rows])
