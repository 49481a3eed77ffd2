"""The structure-based NTK: aggregation in a graph and infinitely wide ReLU layers, in turn.

Wang et al., Fast Graph Condensation with Structure-based Neural Tangent Kernel, WWW 2024, for
nodes; the recursion is that of Du et al., Graph Neural Tangent Kernel, NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphcondense.kernels.ntk import TINY, Kind, relu_layer
from graphcondense.ops.adjacency import Adjacency, spmm
from graphcondense.ops.limits import at_least


@dataclass(frozen=True)
class Field:
    """What the kernel has to know of some nodes of one graph, and of what they see.

    Attributes:
        h: rows after the first block's aggregation ``[F, d]``, so long that ``h · h`` is ``Σ_ii``.
        norms: root of ``Σ_ii`` before each block's layers, ``[F_b]`` a block; the first is of
            ``h``, the last of the nodes themselves.
        steps: the operators of each later block, in the order they are applied.
        scales: what each later block's aggregate is multiplied by, ``[F_b]``, or ``None``.
    """

    h: Tensor
    norms: list[Tensor]
    steps: list[Sequence[Adjacency]]
    scales: list[Tensor | None]

    def gathered(self, sigma: Tensor, block: int) -> Tensor:
        """``Â Σ`` of a later block: rows of what it sees ``[F_{b-1}, n]`` to its nodes'."""
        for step in self.steps[block]:
            sigma = spmm(step, sigma)
        scale = self.scales[block]
        return sigma if scale is None else scale[:, None] * sigma


@dataclass(frozen=True)
class SNTK:
    """Kernel between nodes of two graphs; ``blocks`` times: aggregate, then ``num_layers`` layers.

    Aggregation acts on both sides of a covariance, ``Σ ← Â Σ Â'ᵀ`` and ``Θ ← Â Θ Â'ᵀ``; a layer is
    the arc-cosine recursion ``Σ ← κ1(Σ)``, ``Θ ← Θ κ0(Σ) + Σ``
    (:func:`~graphcondense.kernels.ntk.relu_layer`, weights of variance 2, no biases). One block is
    the NTK of an MLP on ``Â^hops X``. Later blocks need the covariance between all nodes that are
    seen of one graph: memory and time are quadratic in them.

    Attributes:
        hops: aggregations of a block.
        num_layers: ReLU layers of a block.
        blocks: how often the two alternate.
        scaled: each aggregate counts at length one, ``Σ_ii = 1`` up to the variance of weights (the
            paper's ``c_i``); otherwise it is as long as ``Â`` leaves it.
        kind: ``"ntk"``, or ``"nngp"`` (the last layer alone trains).
    """

    hops: int = 2
    num_layers: int = 2
    blocks: int = 1
    scaled: bool = True
    kind: Kind = "ntk"

    def __post_init__(self) -> None:
        at_least(0, self, "hops", "num_layers")
        at_least(1, self, "blocks")
        if self.kind not in ("ntk", "nngp"):
            raise ValueError(f"kind={self.kind!r}: choose 'ntk' or 'nngp'")

    def embed(self, x: Tensor | Field, adj: Adjacency | tuple[Tensor, ...] = None) -> Field:
        """What one side gives alone; differentiable in ``x`` and in a dense ``adj``.

        Args:
            x: features ``[n, d]``; what was embedded before is given back.
            adj: the normalised adjacency ``[n, n]``, ``None`` for a graph without edges, or
                rectangular blocks as :func:`~graphcondense.ops.sampling.blocks` makes them, one for
                each of the ``blocks * hops`` aggregations.

        Raises:
            ValueError: another number of blocks.
        """
        if isinstance(x, Field):
            return x
        total = self.blocks * self.hops
        steps = adj if isinstance(adj, tuple) else (adj,) * total
        if len(steps) != total:
            raise ValueError(
                f"{self.blocks} blocks of {self.hops} hops need {total} operators, got {len(steps)}"
            )
        if x.layout != torch.strided:
            x = x.to_dense()
        for step in steps[: self.hops]:
            x = spmm(step, x)
        square = x.square().sum(1).clamp_min(TINY)
        scale = square.rsqrt() if self.scaled else torch.full_like(square, x.shape[1] ** -0.5)
        h = x * (2**0.5 * scale)[:, None]
        field = Field(h, [(2 * square).sqrt() * scale], [], [])
        for block in range(1, self.blocks):
            # The covariance [F, F] of the graph with itself, as far as its blocks are known.
            inside = self._recursion(field, field, len(field.norms))[0]
            field.steps.append(steps[block * self.hops : (block + 1) * self.hops])
            field.scales.append(None)
            square = field.gathered(field.gathered(inside, -1).T, -1).diagonal().clamp_min(TINY)
            if self.scaled:
                field.scales[-1] = (2 / square).sqrt()
                square = torch.full_like(square, 2.0)
            field.norms.append(square.sqrt())
        return field

    def __call__(self, a: Field, b: Field) -> Tensor:
        """The kernel between all nodes of ``a`` and of ``b``; once differentiable."""
        sigma, theta = self._recursion(a, b, self.blocks)
        return theta if self.kind == "ntk" else sigma

    def _recursion(self, a: Field, b: Field, blocks: int) -> tuple[Tensor, Tensor]:
        sigma = theta = a.h @ b.h.T
        for block in range(blocks):
            if block:
                sigma, theta = (
                    b.gathered(a.gathered(k, block - 1).T, block - 1).T for k in (sigma, theta)
                )
            norms = a.norms[block][:, None], b.norms[block][None, :]
            for _ in range(self.num_layers):
                sigma, theta = relu_layer(sigma, theta, *norms)
        return sigma, theta
