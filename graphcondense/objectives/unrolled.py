"""Learning through training: the real loss of a network after its steps on the synthetic set.

``min_S L(θ_T; T)`` with ``v_{t+1} = μ v_t + ∇_θ L(θ_t; S)``, ``θ_{t+1} = θ_t - η_t v_{t+1}`` (DD,
Wang et al., 2018, arXiv 1811.10959; with momentum RememberThePast, Deng & Russakovsky, NeurIPS
2022, arXiv 2206.02916).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from graphcondense.core.scalars import HasScalars
from graphcondense.core.types import Batch, Learner, Source, Synthetic
from graphcondense.ops.fields import Count
from graphcondense.ops.limits import at_least

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Truncated:
    """How much of a training is shown, differentiated and stored.

    Attributes:
        part: synthetic examples of a training step, drawn anew at each; all by default.
        window: how many of the last steps the gradient goes through; all by default. Steps before
            it are training alone (truncated back-propagation).
        every: steps between stored weights; those in between are computed anew, so memory falls and
            time grows with it. 1 stores all.
    """

    part: Count | None = None
    window: Count | None = None
    every: Count = 1


@dataclass(frozen=True)
class Unrolled(Truncated):
    """The loss of real examples after ``steps`` of SGD on the synthetic ones.

    The gradient is exact back-propagation through time, by hand: the trajectory is walked back with
    the adjoints of ``θ`` and ``v``, one Hessian-vector product a step. No graph outlives a step, so
    memory is two copies of the weights for each of ``ceil(window / every)`` steps, and for
    ``every`` more while a stretch is computed anew.

    Attributes:
        steps: ``T``, training steps.
        lr: ``η``; a synthetic set with a group ``"lr"`` (one number, or one for each step) has its
            own, learnt ones.
        momentum: ``μ`` of the heavy ball, 0 for plain SGD.
        size: real examples of the last loss, drawn anew; all by default.

    Raises:
        ValueError: a field out of its range.
    """

    steps: int = 10
    lr: float = 0.02
    momentum: float = 0.0
    size: int | None = None

    def __post_init__(self) -> None:
        at_least(1, self, "steps", "size", "part", "window", "every")
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {self.momentum}")

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        whole = syn.batch()
        parts = self._parts(whole, rng)
        target = real.batch(None, self.size, rng)
        rates = self._rates(syn, whole)
        moving, wanted = cut(whole, learn=True)
        run = _Run(learner, moving, parts, rates.detach().tolist(), self.momentum)
        window = min(self.window or self.steps, self.steps)
        state = run.start()
        for t in range(self.steps - window):
            state = run.step(state, t)
        stored = {}
        for i, t in enumerate(range(self.steps - window, self.steps)):
            if i % self.every == 0:
                stored[t] = state
            state = run.step(state, t)
        theta = {k: v.detach().requires_grad_() for k, v in state[0].items()}
        loss = learner._replace(params=theta).loss(target)
        adjoint = dict(zip(theta, torch.autograd.grad(loss, list(theta.values())), strict=True))
        slopes, rate_slopes = run.back(stored, self.steps, adjoint)
        # Its value is that of the loss, and its gradient the one computed above.
        out = loss.detach()
        for tensor, slope in zip(wanted, slopes, strict=True):
            out = out + (slope * (tensor - tensor.detach())).sum()
        if rates.requires_grad:
            out = out + (rate_slopes.to(rates) * (rates - rates.detach())).sum()
        return out

    def _parts(self, whole: Batch, rng: Generator) -> list[Tensor | None]:
        """Which synthetic examples each step is trained on."""
        if self.part is None or self.part >= len(whole.y):
            return [None] * self.steps
        if len(whole.inputs) != 1 or whole.rows is not None:
            raise ValueError("part= needs examples that stand alone; leave it out for a graph")
        draws = [torch.randperm(len(whole.y), generator=rng) for _ in range(self.steps)]
        return [draw[: self.part].to(whole.y.device) for draw in draws]

    def _rates(self, syn: Synthetic, whole: Batch) -> Tensor:
        """Step sizes ``[steps]``."""
        rates = torch.full((1,), self.lr, device=whole.y.device)
        if isinstance(syn, HasScalars) and "lr" in syn.groups():
            rates = syn.scalar("lr")
        if len(rates) not in (1, self.steps):
            raise ValueError(f"{len(rates)} step sizes for {self.steps} steps: give one or all")
        return rates.expand(self.steps)


State = tuple[Weights, Weights]
"""``θ_t`` and ``v_t``."""


@dataclass(frozen=True)
class _Run:
    """Training on a batch whose learnable tensors are leaves, forth and back."""

    learner: Learner
    batch: Batch
    parts: list[Tensor | None]
    rates: list[float]
    momentum: float

    def start(self) -> State:
        theta = {k: v.detach() for k, v in self.learner.params.items()}
        return theta, {k: torch.zeros_like(v) for k, v in theta.items()}

    def slopes(self, theta: Weights, t: int, *, graph: bool = False) -> Weights:
        """``∇_θ L(θ; S)``, of the examples of step ``t``."""
        part, batch = self.parts[t], self.batch
        if part is not None:
            batch = Batch((batch.inputs[0][part],), batch.y[part])
        if not graph:
            batch, _ = cut(batch, learn=False)
        return self.learner._replace(params=theta).grads(batch, create_graph=graph)

    def step(self, state: State, t: int) -> State:
        theta, velocity = state
        leaves = {k: v.requires_grad_() for k, v in theta.items()}
        grads = self.slopes(leaves, t)
        with torch.no_grad():
            faster = {k: self.momentum * velocity[k] + grads[k] for k in grads}
            return {k: theta[k] - self.rates[t] * faster[k] for k in grads}, faster

    def back(
        self, stored: Mapping[int, State], end: int, adjoint: Weights
    ) -> tuple[list[Tensor], Tensor]:
        """Gradients in the batch's learnable tensors and in the step sizes.

        With ``a_t = dL/dθ_t`` and ``b_t = dL/dv_t``: ``b = b_{t+1} - η_t a_{t+1}``,
        ``dL/dη_t = -<a_{t+1}, v_{t+1}>``, ``a_t = a_{t+1} + H_t b``, ``b_t = μ b``, and the data
        get ``b · ∂²L/∂θ∂S``.
        """
        leaves = learnable(self.batch)
        found = [torch.zeros_like(t) for t in leaves]
        rate_slopes = torch.zeros(len(self.rates), dtype=torch.float64)
        later: Weights = {k: torch.zeros_like(v) for k, v in adjoint.items()}
        for begin in sorted(stored, reverse=True):
            states = [stored[begin]]
            for t in range(begin, end - 1):
                states.append(self.step(states[-1], t))
            for t in range(end - 1, begin - 1, -1):
                before, velocity = states.pop()
                theta = {k: v.detach().requires_grad_() for k, v in before.items()}
                grads = self.slopes(theta, t, graph=True)
                faster = {k: self.momentum * velocity[k] + g.detach() for k, g in grads.items()}
                rate_slopes[t] = -sum(float((adjoint[k] * faster[k]).sum()) for k in grads)
                later = {k: later[k] - self.rates[t] * adjoint[k] for k in grads}
                product = inner(grads, later)
                outs = torch.autograd.grad(product, [*theta.values(), *leaves], allow_unused=True)
                adjoint = {
                    k: adjoint[k] if out is None else adjoint[k] + out
                    for k, out in zip(theta, outs, strict=False)
                }
                for total, out in zip(found, outs[len(theta) :], strict=True):
                    if out is not None:
                        total += out
                later = {k: self.momentum * v for k, v in later.items()}
            end = begin
        return found, rate_slopes


def learnable(batch: Batch) -> list[Tensor]:
    """Inputs and labels that ask for a gradient."""
    return [t for t in (*batch.inputs, batch.y) if isinstance(t, Tensor) and t.requires_grad]


def cut(batch: Batch, *, learn: bool) -> tuple[Batch, list[Tensor]]:
    """The batch with its learnable tensors cut from the graph, as leaves with ``learn``; and those
    they stand for."""
    wanted = learnable(batch)
    swap = [
        t.detach().requires_grad_(learn) if any(t is one for one in wanted) else t
        for t in (*batch.inputs, batch.y)
    ]
    return Batch(tuple(swap[:-1]), swap[-1], batch.rows), wanted


def inner(a: Weights, b: Weights) -> Tensor:
    """The inner product over all weights."""
    return torch.stack([(v * b[k]).sum() for k, v in a.items()]).sum()
