"""Gradient matching: the synthetic set should pull a learner where the real set pulls it.

``L = Σ_c r_c Σ_W D(∇_W loss(S_c), ∇_W loss(T_c))`` (Zhao et al., ICLR 2021, eq. 9; class weights
``r_c = n'_c / n'`` of GCond, Jin et al., ICLR 2022, eq. 5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

from graphcondense.core.types import Learner, Source, Synthetic
from graphcondense.ops.criteria import SLOPES, Slope, of_classes
from graphcondense.ops.linear import chained

TINY = 1e-30
"""Smallest squared norm whose root is taken: the root's slope at zero is infinite."""


def cosine(a: Tensor, b: Tensor, eps: float = 0.0) -> Tensor:
    """``Σ_i 1 - <a_i, b_i> / (‖a_i‖ ‖b_i‖ + eps)`` over output units, the first dimension of the
    gradients ``[out, ...]`` of one weight.

    >>> float(cosine(torch.eye(2), torch.tensor([[3.0, 0.0], [0.0, -1.0]])))
    2.0
    """
    a, b = a.flatten(1), b.flatten(1)
    return _one_minus((a * b).sum(1), a.square().sum(1), b.square().sum(1), eps).sum()


def euclidean(a: Tensor, b: Tensor, eps: float = 0.0) -> Tensor:
    """``‖a - b‖²``."""
    return (a - b).square().sum()


def absolute(a: Tensor, b: Tensor, eps: float = 0.0) -> Tensor:
    """``Σ |a - b|``."""
    return (a - b).abs().sum()


def _one_minus(cross: Tensor, square: Tensor, target: Tensor, eps: Tensor | float) -> Tensor:
    """``1 - cos`` from an inner product and two squared norms."""
    norms = square.clamp_min(TINY).sqrt() * target.clamp_min(TINY).sqrt()
    return 1 - cross / (norms + eps)


DISTANCES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "cosine": cosine,
    "mse": euclidean,
    "l1": absolute,
}


@runtime_checkable
class LinearModel(Protocol):
    """A model that is a chain of linear maps ``lins`` on a fixed :meth:`design` matrix."""

    lins: Sized

    def design(self, *inputs: object) -> Tensor: ...


@runtime_checkable
class DesignSource(Protocol):
    """A source that knows the design matrix of its training examples without the model's help."""

    def design(self, model: LinearModel) -> Tensor:
        """``[m, d]``, in the order of ``labels``; cached."""
        ...

    @property
    def labels(self) -> Tensor:
        """The class, or what stands for it, of each ``[m]``."""
        ...

    @property
    def targets(self) -> Tensor:
        """What a model should say: the class ``[m]``, or targets ``[m, T]``."""
        ...


@dataclass(frozen=True)
class GradientMatching:
    """The objective, on one of two paths that give the same numbers.

    *Autograd* serves any learner: one differentiable backward pass a class. *Closed form* serves
    linear models such as SGC and the cosine distance: with residuals ``R = P - Y`` and activations
    ``H`` before a layer, the gradient of its weight is ``B^T (R^T H)``, ``B`` the product of the
    later weights, and all follows from ``C x C`` Gram matrices of ``G = R^T H``, for all classes.

    Attributes:
        distance: ``"cosine"``, ``"mse"`` or ``"l1"``.
        path: ``"auto"`` takes the closed form where it applies, ``"autograd"`` and ``"closed"``
            insist.
        biases: whether one-dimensional parameters count, each as one unit. GCond and DC leave them
            out; published code disagrees.
        eps: added to the product of norms in the cosine; published code adds 1e-6.
        shares: weight a class by its share of the synthetic set (GCond); otherwise all by one (DC).
        size: real examples a class and step, drawn anew; ``None`` uses all.
        summed: add the gradients of all classes up before the one distance between the sums, so
            that what classes have in common cancels as it does in training (DCC, Lee et al., ICML
            2022): ``Σ_W D(Σ_c r_c ∇loss(S_c), Σ_c r_c ∇loss(T_c))``.
    """

    distance: Literal["cosine", "mse", "l1"] = "cosine"
    path: Literal["auto", "autograd", "closed"] = "auto"
    biases: bool = False
    eps: float = 0.0
    size: int | None = None
    shares: bool = True
    summed: bool = False
    _cache: dict[str, ClassRows] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        if self.path == "autograd" or (
            self.path == "auto" and not self.closed_applies(real, learner)
        ):
            return self.autograd(syn, real, learner, rng)
        return self.closed(syn, real, learner)

    def closed_applies(self, real: Source, learner: Learner) -> bool:
        """Whether this learner and source allow the closed form."""
        return (
            self.distance == "cosine"
            and not self.biases
            and not self.summed
            and self.size is None
            and isinstance(learner.model, LinearModel)
            and isinstance(real, DesignSource)
            and learner.criterion in SLOPES
        )

    def autograd(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        """The sum over classes by double backward."""
        if self.summed:
            return self._of_sums(syn, real, learner, rng)
        batches = syn.batches()
        total = sum(len(b.y) for b in batches)
        loss = torch.zeros(())
        for c, small in enumerate(batches):
            if not len(small.y):
                continue
            target = learner.grads(real.batch(c, self.size, rng))
            grads = learner.grads(small, create_graph=True)
            apart = self._apart(grads, target)
            share = len(small.y) / total if self.shares else 1.0
            loss = loss.to(apart) + share * apart
        return loss

    def _of_sums(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        """One distance between the gradients of all classes together."""
        batches = syn.batches()
        total = sum(len(b.y) for b in batches)
        target: dict[str, Tensor] = {}
        losses = []
        for c, small in enumerate(batches):
            if not len(small.y):
                continue
            share = len(small.y) / total if self.shares else 1.0
            # The gradient of a sum is the sum of gradients: one class of real examples at a time.
            for k, slope in learner.grads(real.batch(c, self.size, rng)).items():
                target[k] = target[k] + share * slope if k in target else share * slope
            losses.append(share * learner.loss(small))
        weights = list(learner.params.values())
        grads = torch.autograd.grad(torch.stack(losses).sum(), weights, create_graph=True)
        return self._apart(dict(zip(learner.params, grads, strict=True)), target)

    def _apart(self, grads: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> Tensor:
        """The distance summed over the weights that count."""
        distance = DISTANCES[self.distance]
        terms = [
            distance(_units(grads[k]), _units(t), self.eps)
            for k, t in target.items()
            if self.biases or t.dim() > 1
        ]
        return torch.stack(terms).sum()

    def closed(self, syn: Synthetic, real: Source, learner: Learner) -> Tensor:
        """The same sum from Gram matrices."""
        model = learner.model
        if not self.closed_applies(real, learner):
            raise ValueError(
                f"no closed form for {type(model).__name__} on {type(real).__name__} with "
                f"distance={self.distance!r}, biases={self.biases}, size={self.size}, "
                f"summed={self.summed}; "
                'use path="autograd"'
            )
        assert isinstance(model, LinearModel)
        assert isinstance(real, DesignSource)
        if "real" not in self._cache:
            self._cache["real"] = ClassRows(
                real.design(model), real.labels, real.num_classes, real.targets
            )
        small, residual = syn.batch(), SLOPES[learner.criterion]
        design = model.design(*small.inputs)
        mine = ClassRows(design, small.classes, real.num_classes, small.y)
        # Constants here: the loss is one of the synthetic set.
        fixed = {name: weight.detach() for name, weight in learner.params.items()}
        weights = [fixed[f"lins.{i}.weight"] for i in range(len(model.lins))]
        chain = chained(weights, [fixed.get(f"lins.{i}.bias") for i in range(len(model.lins))])
        with torch.no_grad():
            targets = self._cache["real"].chain_gradients(chain, residual)
        share = (
            mine.counts / mine.counts.sum() if self.shares else (mine.counts > 0).to(mine.counts)
        )
        loss = share.new_zeros(())
        later: Tensor | None = None
        found = mine.chain_gradients(chain, residual)
        for i in reversed(range(len(weights))):
            loss = loss + share @ cosine_of_grams(found[i], targets[i], later, self.eps).to(share)
            if i:
                later = weights[i] if later is None else later @ weights[i]
        return loss


def _units(g: Tensor) -> Tensor:
    """A one-dimensional parameter is one unit."""
    return g if g.dim() > 1 else g[None]


def cosine_of_grams(
    small: Tensor, target: Tensor, later: Tensor | None, eps: float = 0.0
) -> Tensor:
    """:func:`cosine` of the rows of ``B^T G'`` and ``B^T G``, for every class ``[K]``.

    A row's squared norm ``b^T (G G^T) b`` cancels where ``b`` is nearly orthogonal to what
    dominates ``G``, so the small Gram matrices are taken in float64; ``G`` itself need not be.

    Args:
        small, target: ``G', G [K, C, d]``.
        later: ``B [C, h]``, the product of the later weights; ``None`` is the identity.
        eps: see :func:`cosine`.
    """
    small, target = small.double(), target.double()
    later = None if later is None else later.double()
    cross, _ = _products(small, target, later)
    own, mine = _products(small, small, later)
    theirs, its = _products(target, target, later)
    # Relative to the whole gradients of a class: a row of them is small beside the others.
    mine, its = mine.clamp_min(TINY), its.clamp_min(TINY)
    scale = (mine * its).sqrt()
    return _one_minus(cross / scale, own / mine, theirs / its, eps / scale).sum(1)


def _products(left: Tensor, right: Tensor, later: Tensor | None) -> tuple[Tensor, Tensor]:
    """``b_j^T (left right^T) b_j`` for every row ``j``, ``[K, h]``, and the inner product of
    ``left`` and ``right`` as a constant ``[K, 1]``."""
    if later is None:
        rows = (left * right).sum(-1)
        return rows, rows.detach().sum(1, keepdim=True)
    gram = left @ right.mT
    whole = gram.detach().diagonal(dim1=1, dim2=2).sum(1, keepdim=True)
    return ((gram @ later) * later).sum(1), whole


class ClassRows:
    """Rows of a design matrix ``H [m, d]`` sorted into ``K`` classes. Neighbouring classes of one
    size are taken at once, as nothing has to be padded for it.

    Args:
        design: the rows.
        labels: the class of each ``[m]``, or what stands for it.
        num_classes: ``K``.
        targets: what a model should say, where that is not the class.
    """

    def __init__(
        self, design: Tensor, labels: Tensor, num_classes: int, targets: Tensor | None = None
    ) -> None:
        sizes = torch.bincount(labels, minlength=num_classes)
        said = labels if targets is None else targets
        if bool((labels[1:] < labels[:-1]).any()):
            order = torch.argsort(labels, stable=True)
            design, said = design[order], said[order]
        self.counts = sizes.to(design.dtype)
        alike = [(size, len(list(run))) for size, run in groupby(sizes.tolist())]
        parts = [
            torch.split(whole, [size * run for size, run in alike]) for whole in (design, said)
        ]
        self.classes = [
            (rows.unflatten(0, (run, size)), y.unflatten(0, (run, size)))
            for (size, run), rows, y in zip(alike, *parts, strict=True)
        ]

    def layer_gradients(
        self,
        weights: Sequence[Tensor],
        bias: Sequence[Tensor | None],
        slope: Slope = of_classes,
    ) -> list[Tensor]:
        """``G_l = R^T H_{l-1}`` of each layer ``[K, C, in_l]``, of the mean loss of each class.

        Layers are linear maps of the design, ``H_l = H A_l^T + 1 c_l^T``, so none is formed:
        ``G_l = (R^T H) A_{l-1}^T + (R^T 1) c_{l-1}^T``, and outputs are those of one layer.
        """
        return self.chain_gradients(chained(weights, bias), slope)

    def chain_gradients(
        self, chain: Sequence[tuple[Tensor, Tensor | None]], slope: Slope = of_classes
    ) -> list[Tensor]:
        """:meth:`layer_gradients`, of what the first maps are together
        (:func:`~graphcondense.ops.linear.chained`)."""
        *earlier, (last, constant) = chain
        first, totals = [], []
        for rows, labels in self.classes:
            outputs = rows @ last.T if constant is None else rows @ last.T + constant
            residual = slope(outputs, labels)
            first.append(residual.mT @ rows)
            totals.append(residual.sum(1))
        product, total = torch.cat(first), torch.cat(totals)
        grads = [product]
        for before, shift in earlier:
            layer = product @ before.T
            grads.append(layer if shift is None else layer + total[..., None] * shift)
        return grads
