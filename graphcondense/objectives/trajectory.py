"""Trajectory matching: steps on the synthetic set should end where training on the real one does.

``L = ‖θ'_N - θ*‖² / ‖θ_0 - θ*‖²`` with ``θ'_0 = θ_0``, ``θ'_{i+1} = θ'_i - β ∇loss(S_i; θ'_i)``:
a student starts at an expert's weights ``θ_0`` and is compared with where that expert was some
epochs later, ``θ*`` (MTT, Cazenavette et al., CVPR 2022, arXiv 2203.11932, eq. 2). The learner
brings both: its weights and its ``target``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

from graphcondense.core.pools import View, viewed
from graphcondense.core.scalars import HasScalars
from graphcondense.core.types import Batch, DivergedError, Learner, Objective, Source, Synthetic
from graphcondense.objectives.unrolled import Weights, cut, inner, learnable
from graphcondense.ops.limits import at_least

TINY = 1e-30
"""Least squared distance that is divided by, for an expert that stood still."""


@runtime_checkable
class LinearFirst(Protocol):
    """A model that multiplies its first input with weights ``[out, d]`` before all that is not
    linear in them, and uses these weights nowhere else."""

    @property
    def first_weight(self) -> str:
        """The name of the weights."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Student:
    """How a student is trained on the synthetic set; both objectives share it.

    Attributes:
        steps: ``N``, training steps.
        size: synthetic examples of a step: the set is passed through in random order, again and
            again. All by default, as examples that do not stand alone need it.
        lr: ``β``; a synthetic set with a group ``"lr"`` of one number
            (:class:`~graphcondense.core.scalars.WithScalars`) has its own, learnt one.
        view: what a step sees of its examples, such as an augmentation.

    Raises:
        ValueError: a field out of its range.
    """

    steps: int = 20
    size: int | None = None
    lr: float = 0.01
    view: View | None = None

    def __post_init__(self) -> None:
        at_least(1, self, "steps", "size", of=" of the student")
        if not self.lr > 0:
            raise ValueError(f"lr of the student must be above 0, got {self.lr}")

    def _rate(self, syn: Synthetic, like: Tensor) -> Tensor:
        """``β`` as a scalar, differentiable where it is learnt."""
        if isinstance(syn, HasScalars) and "lr" in syn.groups():
            rate = syn.scalar("lr")
            if rate.numel() != 1:
                raise ValueError(f"one step size for the student, not {rate.numel()}")
            return rate.reshape(())
        return torch.full((), self.lr, dtype=like.dtype, device=like.device)

    def _parts(self, whole: Batch, rng: Generator) -> list[Tensor | None]:
        """Which examples each step sees."""
        count = len(whole.y)
        if self.size is None or self.size >= count:
            return [None] * self.steps
        if len(whole.inputs) != 1 or whole.rows is not None:
            raise ValueError("size= needs examples that stand alone; leave it out for a graph")
        order = torch.empty(0, dtype=torch.long)
        parts: list[Tensor | None] = []
        for _ in range(self.steps):
            if len(order) < self.size:
                order = torch.randperm(count, generator=rng)
            parts.append(order[: self.size].to(whole.y.device))
            order = order[self.size :]
        return parts

    def _seen(self, whole: Batch, part: Tensor | None, rng: Generator) -> Batch:
        if part is not None:
            whole = Batch((whole.inputs[0][part],), whole.y[part])
        return whole if self.view is None else viewed(whole, self.view, rng)


@dataclass(frozen=True, kw_only=True)
class TrajectoryMatching(_Student):
    """MTT: exact back-propagation through the student's training.

    The graphs of all ``N`` steps are held until the gradient is taken, so memory grows with ``N``;
    :class:`ConstantMemoryMatching` does without.

    Few synthetic examples of many features move the weights that they are multiplied with in their
    span alone: ``W_i = W_0 - β Σ_j D_jᵀ X'``. Where a model names these weights, a step follows the
    products ``Z_i = W_i X'ᵀ``, ``Z_{i+1} = Z_i - β D_iᵀ X' X'ᵀ``, and costs ``n²`` instead of
    ``n d`` a unit.
    """

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        whole = syn.batch()
        target, start = _target(learner), learner.params
        rate = self._rate(syn, next(iter(start.values())))
        if self._spanned(whole, learner):
            away = self._in_span(whole, learner, rate)
        else:
            for part in self._parts(whole, rng):
                grads = learner.grads(self._seen(whole, part, rng), create_graph=True)
                params = {k: v - rate * grads[k] for k, v in learner.params.items()}
                learner = learner._replace(params=params)
            away = _squared(_minus(learner.params, target))
        _finite(away, self.steps, rate)
        return away / _squared(_minus(start, target)).detach().clamp_min(TINY)

    def _spanned(self, whole: Batch, learner: Learner) -> bool:
        """Whether the student moves in the span of fewer examples than features."""
        x = whole.inputs[0]
        alike = self.view is None and (self.size is None or self.size >= len(whole.y))
        dense = isinstance(x, Tensor) and x.layout == torch.strided and x.dim() == 2
        return alike and dense and isinstance(learner.model, LinearFirst) and len(x) < x.shape[1]

    def _in_span(self, whole: Batch, learner: Learner, rate: Tensor) -> Tensor:
        """``‖θ'_N - θ*‖²``."""
        assert isinstance(learner.model, LinearFirst)
        first, target = learner.model.first_weight, _target(learner)
        x: Tensor = whole.inputs[0]
        gram = x @ x.mT
        fixed = {k: v.detach() for k, v in learner.params.items()}
        # As a model of the identity's rows, whose first weights are the products themselves.
        eye = torch.eye(len(x), dtype=x.dtype, device=x.device)
        seen = whole._replace(inputs=(eye, *whole.inputs[1:]))
        state = {**fixed, first: fixed[first] @ x.mT}
        for value in state.values():
            if not value.requires_grad:
                value.requires_grad_()
        total = torch.zeros_like(state[first])
        for _ in range(self.steps):
            slopes = learner._replace(params=state).grads(seen, create_graph=True)
            total = total + slopes[first]
            moves = {**slopes, first: slopes[first] @ gram}
            state = {k: v - rate * moves[k] for k, v in state.items()}
        others = {k: v for k, v in state.items() if k != first}
        away = _squared(_minus(others, target)) if others else rate.new_zeros(())
        behind = fixed[first] - target[first]
        # In double precision: the three are of one size where the student is near.
        wide, beta = total.double(), rate.double()
        cross = (wide * (behind @ x.mT)).sum()
        own = (wide * (total @ gram)).sum()
        square: Tensor = behind.double().square().sum() - 2 * beta * cross + beta**2 * own
        return away + square.to(away)


@dataclass(frozen=True, kw_only=True)
class ConstantMemoryMatching(_Student):
    """TESLA (Cui et al., ICML 2023, arXiv 2211.10586): the same value, memory constant in ``N``.

    With ``g_i = ∇loss(S_i; θ'_i)`` the end is ``θ'_N = θ_0 - β Σ_i g_i``, and with the residual
    ``r = θ'_N - θ*``

        ``∂L/∂S = -2β Σ_i rᵀ ∂g_i/∂S / ‖θ_0 - θ*‖²``,  ``∂L/∂β = -2 rᵀ Σ_i g_i / ‖θ_0 - θ*‖²``.

    In ``∂g_i`` the weights ``θ'_i`` are taken as constants: what an example does to *later*
    gradients by having moved the weights is left out. So the value is MTT's, and the gradient that
    of MTT with every ``θ'_i`` detached inside ``g_i``.

    The student is trained twice with the same draws, for ``r`` and for one vector-Jacobian product
    a step: no graph outlives a step and no ``θ'_i`` is stored.
    """

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        whole = syn.batch()
        target, start = _target(learner), learner.params
        rate = self._rate(syn, next(iter(start.values())))
        beta = rate.detach()
        fixed, _ = cut(whole, learn=False)
        parts = self._parts(whole, rng)
        again = Generator().set_state(rng.get_state())
        end, total = learner, {k: torch.zeros_like(v) for k, v in start.items()}
        for part in parts:
            grads = end.grads(self._seen(fixed, part, rng))
            total = {k: v + grads[k] for k, v in total.items()}
            end = _moved(end, grads, beta)
        residual = _minus(end.params, target)
        _finite(_squared(residual), self.steps, rate)
        scale = 2 / _squared(_minus(start, target)).detach().clamp_min(TINY)
        loss = (_squared(residual) * scale / 2).detach()
        # The surrogate's value is the loss; what is added is zero and carries the gradient.
        if rate.requires_grad:
            loss = loss - scale * inner(residual, total).detach() * (rate - beta)
        leaves, wanted = cut(whole, learn=True)
        if not wanted:
            return loss
        moving = learnable(leaves)
        slopes = [torch.zeros_like(t) for t in moving]
        student = learner
        for part in parts:
            grads = student.grads(self._seen(leaves, part, again), create_graph=True)
            product = inner({k: v.detach() for k, v in residual.items()}, grads)
            found = torch.autograd.grad(product, moving, allow_unused=True)
            for slope, part_slope in zip(slopes, found, strict=True):
                if part_slope is not None:
                    slope -= scale * beta * part_slope
            student = _moved(student, grads, beta)
        for tensor, slope in zip(wanted, slopes, strict=True):
            loss = loss + (slope * (tensor - tensor.detach())).sum()
        return loss


@dataclass(frozen=True)
class KnowledgeMatching:
    """A trajectory objective, and what an expert says of the examples should be their labels:
    ``L + weight KL(f_θ*(X') ‖ Y')``, a mean over examples, with the weights ``θ*`` that the student
    is to reach (GEOM, Zhang et al., ICML 2024, arXiv 2402.05011, section 4.3)."""

    objective: Objective
    weight: float

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        loss = self.objective(syn, real, learner, rng)
        whole = syn.batch()
        if not whole.y.is_floating_point():
            raise ValueError("knowledge is matched in soft labels; these are classes")
        said = learner._replace(params=_target(learner)).logits(whole).log_softmax(1)
        labels = whole.y.clamp_min(TINY).log()
        return loss + self.weight * (said.exp() * (said - labels)).sum(1).mean()


def _target(learner: Learner) -> Weights:
    if learner.target is None:
        raise ValueError(
            "trajectory matching needs learners with a target: take the pool Experts "
            "(graphcondense.core.experts)"
        )
    return learner.target


def _finite(away: Tensor, steps: int, rate: Tensor) -> None:
    """Refuse a student that diverged."""
    if not bool(torch.isfinite(away)):
        raise DivergedError(
            f"a student diverged within {steps} steps at a step size of {float(rate):.3g}: lower "
            "student_lr, lr_lr or student_steps"
        )


def _minus(a: Weights, b: Weights) -> dict[str, Tensor]:
    return {k: v - b[k] for k, v in a.items()}


def _squared(a: Weights) -> Tensor:
    return inner(a, a)


def _moved(learner: Learner, grads: Weights, beta: Tensor) -> Learner:
    """One step, cut from the graph."""
    params = {
        k: (v.detach() - beta * grads[k].detach()).requires_grad_()
        for k, v in learner.params.items()
    }
    return learner._replace(params=params)
