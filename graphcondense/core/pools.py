"""Pools of learners: where the networks come from that an objective compares the two worlds in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from graphcondense.core.types import Batch, Learner, Source, Synthetic


def initialise(model: nn.Module, rng: Generator) -> dict[str, Tensor]:
    """Fresh weights for ``model``, drawn from ``rng`` and from nothing else.

    A module with a ``reset(rng)`` method draws its own; for PyTorch's layers the distributions of
    their ``reset_parameters`` are used (uniform in ±1/sqrt(fan in)); norms start at one and zero.
    Draws are made on the CPU, so that a seed means the same on every device.
    """
    out: dict[str, Tensor] = {}
    for prefix, module in model.named_modules():
        own = {
            f"{prefix}.{k}" if prefix else k: p
            for k, p in module._parameters.items()
            if p is not None
        }
        reset = getattr(module, "reset", None)
        if not own:
            continue
        drawn = reset(rng) if callable(reset) else _torch_reset(module, rng)
        for (name, param), value in zip(own.items(), drawn, strict=True):
            out[name] = value.to(device=param.device, dtype=param.dtype)
    return out


def uniform(shape: tuple[int, ...], bound: float, rng: Generator) -> Tensor:
    """Uniform in ±bound, on the CPU."""
    return torch.rand(shape, generator=rng).mul_(2 * bound).sub_(bound)


def _torch_reset(module: nn.Module, rng: Generator) -> list[Tensor]:
    weight, bias = module.weight, getattr(module, "bias", None)
    assert isinstance(weight, Tensor)
    if weight.dim() < 2:
        return [torch.ones(weight.shape)] + (
            [torch.zeros(weight.shape)] if bias is not None else []
        )
    bound = weight[0].numel() ** -0.5
    return [uniform(tuple(p.shape), bound, rng) for p in (weight, bias) if isinstance(p, Tensor)]


@dataclass(frozen=True)
class InnerAdam:
    """Adam (Kingma & Ba, ICLR 2015) as a pure function on a dictionary of weights.

    Attributes:
        lr: step size.
        weight_decay: L2 penalty, added to the gradient.
    """

    lr: float = 0.01
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __call__(
        self, params: Mapping[str, Tensor], grads: Mapping[str, Tensor], moments: dict[str, Any]
    ) -> dict[str, Tensor]:
        """One step; ``moments`` (``t``, ``m.*``, ``v.*``) is updated in place."""
        t = moments["t"] = int(moments.get("t", 0)) + 1
        b1, b2 = self.betas
        out = {}
        for k, p in params.items():
            g = grads[k] + self.weight_decay * p if self.weight_decay else grads[k]
            m = moments[f"m.{k}"] = b1 * moments.get(f"m.{k}", torch.zeros_like(p)) + (1 - b1) * g
            v = moments[f"v.{k}"] = (
                b2 * moments.get(f"v.{k}", torch.zeros_like(p)) + (1 - b2) * g * g
            )
            out[k] = p - self.lr * (m / (1 - b1**t)) / ((v / (1 - b2**t)).sqrt() + self.eps)
        return out


@dataclass(frozen=True)
class InnerSGD:
    """SGD with momentum as a pure function on a dictionary of weights."""

    lr: float = 0.01
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __call__(
        self, params: Mapping[str, Tensor], grads: Mapping[str, Tensor], moments: dict[str, Any]
    ) -> dict[str, Tensor]:
        out = {}
        for k, p in params.items():
            g = grads[k] + self.weight_decay * p if self.weight_decay else grads[k]
            if self.momentum:
                held = moments.get(f"m.{k}")
                g = moments[f"m.{k}"] = g if held is None else self.momentum * held + g
            out[k] = p - self.lr * g
        return out


InnerOptimizer = Callable[
    [Mapping[str, Tensor], Mapping[str, Tensor], dict[str, Any]], dict[str, Tensor]
]


@dataclass(frozen=True)
class Fresh:
    """New networks, each trained on the synthetic set between the matches (GCond, Algorithm 1).

    Every network is matched ``outer`` times, and trained ``inner`` steps on the whole synthetic set
    after each match but the last. ``Fresh(model, 1, 0)`` is one-step matching (DosCond).

    Attributes:
        model: the architecture; called with the inputs of a batch.
        outer: matches for each network.
        inner: training steps between two matches.
        optimizer: how the network is trained; its moments live as long as the network.
    """

    model: nn.Module
    outer: int = 1
    inner: int = 0
    optimizer: InnerOptimizer = InnerAdam()

    def __call__(
        self,
        syn: Synthetic,
        real: Source,
        rng: Generator,
        memory: Mapping[str, Any] | None = None,
    ) -> Iterator[Learner]:
        buffers = dict(self.model.named_buffers())
        position, params, moments = 0, dict[str, Tensor](), dict[str, Any]()
        if memory is not None:
            position = int(memory["position"])
            params = {k: v.clone() for k, v in memory["params"].items()}
            moments = {
                k: v.clone() if isinstance(v, Tensor) else v for k, v in memory["moments"].items()
            }
            position = self._advance(syn, buffers, params, moments, position)
        while True:
            if position == 0:
                params, moments = initialise(self.model, rng), {}
            state = {"position": position, "params": dict(params), "moments": dict(moments)}
            yield Learner(self.model, dict(params), buffers, memory=state)
            position = self._advance(syn, buffers, params, moments, position)

    def _advance(
        self,
        syn: Synthetic,
        buffers: Mapping[str, Tensor],
        params: dict[str, Tensor],
        moments: dict[str, Any],
        position: int,
    ) -> int:
        """Train after the match at ``position``; returns the next position."""
        if position + 1 >= self.outer:
            return 0
        if self.inner:
            batch = frozen(syn.batch())
            for _ in range(self.inner):
                grads = Learner(self.model, params, buffers).grads(batch)
                with torch.no_grad():
                    params.update(self.optimizer(params, grads, moments))
        return position + 1


def frozen(batch: Batch) -> Batch:
    """The batch as constants: no gradient reaches the synthetic set through training."""
    inputs = tuple(i.detach() if isinstance(i, Tensor) else i for i in batch.inputs)
    return Batch(inputs, batch.y.detach(), batch.rows)
