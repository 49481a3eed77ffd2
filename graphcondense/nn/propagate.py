"""GNNs over an adjacency *operator*: one model class for the real and for the learnt graph.

Features are dense or CSR. The adjacency is dense, CSR, ``None`` (identity), or a tuple of
rectangular CSR blocks, one a hop, as :func:`graphcondense.ops.sampling.blocks` makes them. PyG's
models serve evaluation instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core.expert_training import Settled, Span
from graphcondense.core.pools import uniform
from graphcondense.core.types import Batch, Criterion
from graphcondense.nn.by_hand import as_one, convolved, in_turn
from graphcondense.nn.constant import constant
from graphcondense.ops.adjacency import Adjacency, csr_tensor, scipy_csr, spmm
from graphcondense.ops.criteria import SLOPES, Slope
from graphcondense.ops.linear import chained

ROWS = 4096
"""Of a hidden layer that are made at a time, where all of them would not fit a cache."""

Operator: TypeAlias = Adjacency | tuple[Adjacency, ...]


def hops_of(adj: Operator, hops: int) -> Sequence[Adjacency]:
    """The operator of every hop in turn: the blocks, or the same square one each time."""
    if not isinstance(adj, tuple):
        return [adj] * hops
    if len(adj) != hops:
        raise ValueError(f"the model propagates {hops} times, the batch has {len(adj)} blocks")
    return adj


def propagate(x: Tensor, adj: Operator, hops: int) -> Tensor:
    """``A^hops X``."""
    if isinstance(adj, Tensor) and adj.layout == torch.strided and len(adj) < x.shape[1]:
        # A small dense graph: its power costs less than a second product with wide features.
        power: Tensor = torch.linalg.matrix_power(adj, hops)
        return power @ x
    for hop in hops_of(adj, hops):
        x = spmm(hop, x)
    return x


class Linear(nn.Linear):
    """``nn.Linear`` with Glorot weights and zero bias, as GNN papers start it."""

    def reset(self, rng: Generator) -> list[Tensor]:
        bound = (6.0 / (self.in_features + self.out_features)) ** 0.5
        drawn = [uniform((self.out_features, self.in_features), bound, rng)]
        return drawn if self.bias is None else [*drawn, torch.zeros(self.out_features)]

    def forward(self, input: Tensor) -> Tensor:
        """Also of CSR features."""
        return super().forward(input) if input.layout == torch.strided else self.after(None, input)

    def after(self, adj: Adjacency, x: Tensor) -> Tensor:
        """``A (x W^T) + b``: the narrow side is propagated, and the bias is not."""
        return self.spread(adj, x @ self.weight.T)

    def spread(self, adj: Adjacency, rows: Tensor) -> Tensor:
        """``A rows + b``, of rows that the weights were applied to."""
        out = spmm(adj, rows)
        return out if self.bias is None else out + self.bias


class Propagation(nn.Module):
    """What all models here share: ``num_layers`` linear maps, and how often they propagate."""

    first_weight = "lins.0.weight"
    hops: int
    lins: Any  # of Linear; nn.ModuleList does not say so to a type checker

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        *,
        bias: bool = True,
        hops: int = 2,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1, got {num_layers}")
        sizes = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        self.lins = nn.ModuleList(Linear(a, b, bias) for a, b in pairwise(sizes))
        self.hops = self.count_hops(num_layers, hops)

    @staticmethod
    def count_hops(num_layers: int, hops: int) -> int:
        """How often the model propagates."""
        return hops

    def settled(self, batch: Batch) -> Batch:
        """A batch of the same outputs, with the work done that does not depend on the weights."""
        return batch

    def shared(self, batch: Batch) -> Settled:
        """:meth:`settled` for many models at once under ``torch.func.vmap``. Few dense rows of many
        features come as their coordinates."""
        batch = self.settled(batch)
        x = batch.inputs[0]
        if x.layout != torch.strided or 2 * len(x) > x.shape[1]:
            return Settled(batch._replace(inputs=constant(batch.inputs)))
        basis, coordinates = torch.linalg.qr(x.double().mT)
        inputs = (coordinates.mT.to(x).contiguous(), *constant(batch.inputs[1:]))
        return Settled(batch._replace(inputs=inputs), Span(self.first_weight, basis.to(x)))

    def layers(self, x: Tensor, adj: Operator = None) -> list[Tensor]:
        """What every layer gives, the outputs last; on blocks the targets are the first rows."""
        raise NotImplementedError

    def summed(self, members: Tensor, x: Tensor, adj: Operator = None) -> list[Tensor]:
        """``members @ layer [g, d_l]`` of each of :meth:`layers`, with ``members [g, m]``."""
        return [members @ layer[: members.shape[1]] for layer in self.layers(x, adj)]

    def forward(
        self,
        x: Tensor,
        adj: Operator = None,
        *,
        features: bool = False,
        layers: bool = False,
        members: Tensor | None = None,
    ) -> Tensor | list[Tensor]:
        """Outputs ``[m, out_channels]``; the last hidden layer, :meth:`layers`, or what
        :meth:`summed` makes of ``members``, if asked."""
        if members is not None:
            return self.summed(members, x, adj)
        if not layers:
            return self.outputs(x, adj, features=features)
        found = self.layers(x, adj)
        return [layer[: len(found[-1])] for layer in found]

    def outputs(self, x: Tensor, adj: Operator = None, *, features: bool = False) -> Tensor:
        raise NotImplementedError


class SGC(Propagation):
    """Linear maps on ``A^K X`` (Wu et al., ICML 2019, eq. 8), here ``num_layers`` of them.

    With two layers it is the matching network of GCond. The whole model is linear in
    :meth:`design`, which objectives use to match gradients in closed form.
    """

    def design(self, x: Tensor, adj: Operator = None) -> Tensor:
        """``A^K X``, ``[n, in_channels]``."""
        return propagate(x, adj, self.hops)

    def settled(self, batch: Batch) -> Batch:
        return batch._replace(inputs=(self.design(*batch.inputs), None))

    def outputs(self, x: Tensor, adj: Operator = None, *, features: bool = False) -> Tensor:
        h = self.design(x, adj)
        if not features and self.shorter_as_one(len(h)):
            weight, bias = self.as_one()
            out = h @ weight.T
            return out if bias is None else out + bias
        for lin in self.lins[:-1]:
            h = lin(h)
        return h if features else self.lins[-1](h)

    def shorter_as_one(self, rows: int) -> bool:
        """Whether the product of the maps costs less than one map after the other, for so many
        rows."""
        sizes: list[int] = [self.lins[0].in_features, *(lin.out_features for lin in self.lins)]
        chain = rows * sum(a * b for a, b in pairwise(sizes))
        product = sum(sizes[0] * a * b for a, b in pairwise(sizes[1:]))
        return product + rows * sizes[0] * sizes[-1] < chain

    def as_one(self) -> tuple[Tensor, Tensor | None]:
        """The product of the maps, ``[out_channels, in_channels]``, and its constant
        ``[out_channels]``."""
        return chained([lin.weight for lin in self.lins], [lin.bias for lin in self.lins])[-1]

    def shared_gradients(
        self, params: Mapping[str, Tensor], batch: Batch, criterion: Criterion
    ) -> dict[str, Tensor] | None:
        return self.gradients_by_hand(params, batch, criterion)

    @torch.no_grad()
    def gradients_by_hand(
        self, params: Mapping[str, Tensor], batch: Batch, criterion: Criterion
    ) -> dict[str, Tensor] | None:
        """By hand, as training takes thousands of them of a few rows, where autograd and its calls
        cost more than the arithmetic: with residuals ``R`` at the outputs, ``M_l`` the product of
        the maps up to the ``l``-th and ``B_l`` that of the later ones, the gradient of ``W_l`` is
        ``B_lᵀ (Rᵀ H) M_{l-1}ᵀ`` and, of constants, ``B_lᵀ (Rᵀ 1) c_{l-1}ᵀ``."""
        slope = slope_of(criterion)
        if slope is None or type(self) is not SGC or batch.inputs[0].layout != torch.strided:
            return None
        weights = [params[f"lins.{i}.weight"] for i in range(len(self.lins))]
        biases = [params.get(f"lins.{i}.bias") for i in range(len(self.lins))]
        rows = self.design(*batch.inputs)
        short = self.shorter_as_one(len(rows))
        if batch.rows is not None:
            rows = rows[batch.rows]
        found = (as_one if short else in_turn)(rows, batch.y, slope, weights, biases)
        return {name: found[name] for name in params}

    def layers(self, x: Tensor, adj: Operator = None) -> list[Tensor]:
        return list(accumulate(self.lins, lambda h, lin: lin(h), initial=self.design(x, adj)))[1:]


def slope_of(criterion: Criterion) -> Slope | None:
    """The slope of a loss in the outputs, where it is known by hand."""
    return next((slope for loss, slope in SLOPES.items() if loss is criterion), None)


class GCN(Propagation):
    """``A ReLU(A X W1) W2`` (Kipf & Welling, ICLR 2017, eq. 9); one hop a layer, whatever
    ``hops`` says."""

    @staticmethod
    def count_hops(num_layers: int, hops: int) -> int:
        return num_layers

    def settled(self, batch: Batch) -> Batch:
        """Dense features come with their first propagation done, which a linear map does not mind;
        sparse ones stay, as what is propagated is no longer sparse."""
        x, adj = batch.inputs
        if adj is None or x.layout != torch.strided:
            return batch
        first, *others = hops_of(adj, self.hops)
        return batch._replace(inputs=(spmm(first, x), (None, *others)))

    def shared(self, batch: Batch) -> Settled:
        """Sparse features come propagated where that has fewer entries than they and the first
        operator have together."""
        x, adj = batch.inputs
        if adj is not None and x.layout != torch.strided:
            first, *others = hops_of(adj, self.hops)
            if first is not None and first.layout != torch.strided:
                product = scipy_csr(first) @ scipy_csr(x)
                if product.nnz < len(x.values()) + len(first.values()):
                    x = csr_tensor(product, dtype=x.dtype, device=x.device)
                    batch = batch._replace(inputs=(x, (None, *others)))
        return super().shared(batch)

    @torch.no_grad()
    def shared_gradients(
        self, params: Mapping[str, Tensor], batch: Batch, criterion: Criterion
    ) -> dict[str, Tensor] | None:
        slope = slope_of(criterion)
        if slope is None or type(self) is not GCN:
            return None
        x, adj = batch.inputs
        weights = [params[f"lins.{i}.weight"] for i in range(len(self.lins))]
        biases = [params.get(f"lins.{i}.bias") for i in range(len(self.lins))]
        hops = hops_of(adj, self.hops)
        found = convolved(x, hops, batch.y, batch.rows, slope, weights, biases)
        return {name: found[name] for name in params}

    def outputs(self, x: Tensor, adj: Operator = None, *, features: bool = False) -> Tensor:
        *inner, last = hops_of(adj, self.hops)
        for lin, hop in zip(self.lins, inner, strict=False):
            x = F.relu(lin.after(hop, x), inplace=True)
        return spmm(last, x) if features else self.lins[-1].after(last, x)

    def layers(self, x: Tensor, adj: Operator = None) -> list[Tensor]:
        *inner, last = hops_of(adj, self.hops)
        found = [x]
        for lin, hop in zip(self.lins, inner, strict=False):
            found.append(F.relu(lin.after(hop, found[-1]), inplace=True))
        return [*found[1:], self.lins[-1].after(last, found[-1])]

    def summed(self, members: Tensor, x: Tensor, adj: Operator = None) -> list[Tensor]:
        """The first hidden layer, by far the largest of a graph with many nodes, is made a block of
        rows at a time where it is not propagated and has no gradient."""
        first, *hops = hops_of(adj, self.hops)
        if first is not None or not hops or torch.is_grad_enabled():
            return super().summed(members, x, adj)
        targets = members.shape[1]
        onwards, total = [], x.new_zeros(len(members), self.lins[0].out_features)
        for start in range(0, len(x), ROWS):
            h = F.relu(self.lins[0].after(None, x[start : start + ROWS]), inplace=True)
            onwards.append(h @ self.lins[1].weight.T)
            seen = members[:, start : start + ROWS]
            total += seen @ h[: seen.shape[1]]
        found = [self.lins[1].spread(hops[0], torch.cat(onwards))]
        for lin, hop in zip(self.lins[2:], hops[1:], strict=True):
            found.append(lin.after(hop, F.relu(found[-1], inplace=True)))
        return [total, *(members @ layer[:targets] for layer in found)]


class APPNP(Propagation):
    """An MLP, then personalised PageRank steps (Gasteiger et al., ICLR 2019, eq. 4).

    On blocks each step returns to the MLP's output at its targets, the first of its sources.
    """

    alpha = 0.1

    def outputs(self, x: Tensor, adj: Operator = None, *, features: bool = False) -> Tensor:
        x = _hidden_layers(self.lins, x)[-1]
        start = h = x if features else self.lins[-1](x)
        for hop in hops_of(adj, self.hops):
            h = spmm(hop, h)
            h = (1 - self.alpha) * h + self.alpha * start[: len(h)]
        return h

    def layers(self, x: Tensor, adj: Operator = None) -> list[Tensor]:
        return [*_hidden_layers(self.lins, x)[1:], self.outputs(x, adj)]


class MLP(Propagation):
    """Linear maps and ReLU on the features alone: no hops, whatever ``hops`` says."""

    @staticmethod
    def count_hops(num_layers: int, hops: int) -> int:
        return 0

    def outputs(self, x: Tensor, adj: Operator = None, *, features: bool = False) -> Tensor:
        x = _hidden_layers(self.lins, x)[-1]
        return x if features else self.lins[-1](x)

    def layers(self, x: Tensor, adj: Operator = None) -> list[Tensor]:
        return [*_hidden_layers(self.lins, x)[1:], self.outputs(x)]


def _hidden_layers(lins: Sequence[nn.Linear], x: Tensor) -> list[Tensor]:
    """The input and the hidden layers of an MLP."""
    return list(accumulate(lins[:-1], lambda h, lin: F.relu(lin(h)), initial=x))


MODELS: dict[str, type[Propagation]] = {"sgc": SGC, "gcn": GCN, "appnp": APPNP, "mlp": MLP}
"""Matching networks by name."""
