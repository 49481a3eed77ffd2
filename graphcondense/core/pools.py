"""Pools of learners: where the networks come from that an objective compares the two worlds in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, repeat
from typing import ParamSpec, TypeVar

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core.types import Batch, Criterion, Learner, Saved, Source, Synthetic
from graphcondense.ops.fields import Count, Natural, NonNegative

Module = TypeVar("Module", bound=nn.Module)
P = ParamSpec("P")


def built(make: Callable[P, Module], *args: P.args, **kwargs: P.kwargs) -> Module:
    """``make(...)`` without touching the global generator, from which PyTorch's layers draw."""
    with torch.random.fork_rng(devices=[]):
        return make(*args, **kwargs)


def initialise(model: nn.Module, rng: Generator) -> dict[str, Tensor]:
    """Fresh weights for ``model``, drawn from ``rng`` alone, on the CPU for every device.

    A module with a ``reset(rng)`` method draws its own; PyTorch's layers are uniform in
    ±1/sqrt(fan in), as by their ``reset_parameters``; norms start at one and zero.
    """
    out: dict[str, Tensor] = {}
    for prefix, module in model.named_modules():
        params = {
            f"{prefix}.{k}" if prefix else k: p
            for k, p in module._parameters.items()
            if p is not None
        }
        reset = getattr(module, "reset", None)
        if not params:
            continue
        drawn = reset(rng) if callable(reset) else _torch_reset(module, rng)
        for (name, param), value in zip(params.items(), drawn, strict=True):
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


Draws = Callable[[nn.Module, Generator, Saved], tuple[dict[str, Tensor], Saved]]
"""Weights of the next network of a pool, and what those after it depend on; given what those before
it left, at first nothing."""


def independent(model: nn.Module, rng: Generator, before: Saved) -> tuple[dict[str, Tensor], Saved]:
    """Draws: :func:`initialise`, whatever came before."""
    return initialise(model, rng), {}


def orthogonal(model: nn.Module, rng: Generator, before: Saved) -> tuple[dict[str, Tensor], Saved]:
    """Draws: each column of a weight ``[out, in]`` has length one and is at right angles to the
    same column of the networks before it; after ``out`` networks, as many as there can be, a weight
    starts anew (HGCond, Gao et al., TKDE 2024). Constants and norms are those of
    :func:`initialise`.

    >>> model, rng = nn.Linear(3, 2), Generator().manual_seed(0)
    >>> first, left = orthogonal(model, rng, {})
    >>> second, _ = orthogonal(model, rng, left)
    >>> bool(((first["weight"] * second["weight"]).sum(0).abs() < 1e-6).all())
    True
    """
    weights, left = initialise(model, rng), dict[str, Tensor]()
    for name, weight in weights.items():
        if weight.dim() != 2:
            continue
        rows, columns = weight.shape
        earlier = before.get(name, torch.empty(0, rows, columns))  # on the CPU, as all draws
        if len(earlier) == rows:
            earlier = earlier[:0]
        column = torch.randn(rows, columns, generator=rng)
        for _ in range(2):  # once leaves rounding errors that add up from network to network
            along = (earlier * column).sum(1, keepdim=True)
            column = column - (earlier * along).sum(0)
            column = column / column.norm(dim=0)
        weights[name] = column.to(weight)
        left[name] = torch.cat([earlier, column[None]])
    return weights, left


InnerOptimizer = Callable[[list[Tensor]], torch.optim.Optimizer]
"""How a learner is trained: builds a torch optimiser over its weights."""


def inner_adam(lr: float = 0.01, weight_decay: float = 0.0) -> InnerOptimizer:
    """Adam in one fused pass over the weights, which at this size costs more than the gradient.

    Args:
        lr: learning rate.
        weight_decay: added to the gradient, times the weights.

    Returns:
        A function from weights to their optimiser.
    """
    return partial(torch.optim.Adam, lr=lr, weight_decay=weight_decay, fused=True)


View = Callable[[Tensor, Generator], Tensor]
"""Examples as a network in training is shown them, such as
:class:`~graphcondense.ops.augment.Augment`: ``[n, ...]`` to the same shape."""

Lessons = Callable[[Synthetic, Source, Generator], Iterable[Batch]]
"""What a network is trained on from one match to the next: a batch a step, without end. The
synthetic set does not change meanwhile."""


@dataclass(frozen=True)
class OnSynthetic:
    """Lessons: the whole synthetic set at every step.

    Attributes:
        view: shows the set otherwise at every step, such as augmented.
        settle: does once to the set what would be the same at every step.
    """

    view: View | None = None
    settle: Callable[[Batch], Batch] | None = None

    def __call__(self, syn: Synthetic, real: Source, rng: Generator) -> Iterable[Batch]:
        batch = frozen(syn)
        if self.settle is not None:
            batch = self.settle(batch)
        if self.view is None:
            return repeat(batch)
        return (viewed(batch, self.view, rng) for _ in repeat(None))


@dataclass(frozen=True)
class OnReal:
    """Lessons: a new random batch of real examples at every step (IDC, Kim et al., ICML 2022).

    Attributes:
        size: examples in a batch, of all classes together.
        view: shows each batch otherwise, such as augmented.
    """

    size: int
    view: View | None = None

    def __call__(self, syn: Synthetic, real: Source, rng: Generator) -> Iterator[Batch]:
        while True:
            batch = real.batch(None, self.size, rng)
            yield batch if self.view is None else viewed(batch, self.view, rng)


def viewed(batch: Batch, view: View, rng: Generator) -> Batch:
    """The batch with its examples shown through a draw of ``view``."""
    return batch.shown(lambda x: view(x, rng))


@dataclass(frozen=True)
class Fresh:
    """New networks, each trained on the synthetic set after each match but the last (GCond,
    Algorithm 1); ``Fresh(model, 1, 0)`` is one-step matching (DosCond).

    Attributes:
        model: the architecture; called with the inputs of a batch.
        outer: matches for each network.
        inner: training steps between two matches.
        optimizer: how the network is trained; its moments live as long as the network.
        criterion: its loss.
        lessons: what else the network is trained on between matches, or how it is shown.
        draws: the weights of new networks.
    """

    model: nn.Module
    outer: int = 1
    inner: int = 0
    optimizer: InnerOptimizer = field(default_factory=inner_adam)
    criterion: Criterion = F.cross_entropy
    lessons: Lessons = field(default_factory=OnSynthetic)
    draws: Draws = independent

    def __call__(
        self, syn: Synthetic, real: Source, rng: Generator, memory: Saved | None = None
    ) -> Iterator[Learner]:
        buffers = dict(self.model.named_buffers())
        device = next(self.model.parameters()).device
        position, go_on = 0, memory is not None
        drawn: Saved = {}
        while True:
            if memory is not None:
                # The learner of a checkpoint was matched already: only what follows remains.
                position, params = int(memory["position"]), leaves(memory["params"], device)
                drawn = memory.get("drawn", {})
                trainer = self.optimizer(list(params.values()))
                trainer.load_state_dict(dict(memory["trainer"]))
                memory = None
            elif position == 0:
                weights, drawn = self.draws(self.model, rng, drawn)
                params = leaves(weights, device)
                trainer = self.optimizer(list(params.values()))
            if not go_on:
                state = {
                    "position": position,
                    "params": params,
                    "trainer": trainer.state_dict(),
                    "drawn": drawn,
                }
                yield Learner(self.model, params, buffers, None, state, self.criterion)
            go_on = False
            position += 1
            if position == self.outer:
                position = 0
            elif self.inner:
                learner = Learner(self.model, params, buffers, criterion=self.criterion)
                for batch in islice(self.lessons(syn, real, rng), self.inner):
                    learner.train_step(batch, trainer)


@dataclass(frozen=True, kw_only=True)
class Turns:
    """The options of methods that compare through :class:`Fresh` networks.

    Attributes:
        outer: matches for each network.
        inner: training steps on the synthetic set between two comparisons.
        lr_model: learning rate of that training.
    """

    outer: Count = 1
    inner: Natural = 0
    lr_model: NonNegative = 0.01


def leaves(params: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Copies that gradients can be taken in; a checkpoint's come from the CPU."""
    return {k: v.detach().to(device, copy=True).requires_grad_() for k, v in params.items()}


def frozen(syn: Synthetic) -> Batch:
    """The whole set as constants: no gradient reaches it through training."""
    with torch.no_grad():
        batch = syn.batch()
    inputs = tuple(i.detach() if hasattr(i, "detach") else i for i in batch.inputs)
    return Batch(inputs, batch.y.detach(), batch.rows)


@dataclass(frozen=True)
class Taught:
    """One network, trained before the first update and the same ever after (SimGC's teacher).

    Attributes:
        model: the architecture.
        lesson: what it is trained on.
        steps: of its training.
        optimizer: how.
    """

    model: nn.Module
    lesson: Batch
    steps: int
    optimizer: InnerOptimizer = field(default_factory=inner_adam)

    def __call__(
        self, syn: Synthetic, real: Source, rng: Generator, memory: Saved | None = None
    ) -> Iterator[Learner]:
        device = next(self.model.parameters()).device
        if memory is not None:
            params = leaves(memory["params"], device)
        else:
            params = leaves(initialise(self.model, rng), device)
        learner = Learner(self.model, params, memory={"params": params})
        if memory is None:
            trainer = self.optimizer(list(params.values()))
            for _ in range(self.steps):
                learner.train_step(self.lesson, trainer)
        while True:
            yield learner


@dataclass(frozen=True)
class Idle:
    """No network at all, but always the same empty learner, for objectives whose inner training is
    in closed form (KIP, KiDD)."""

    def __call__(
        self, syn: Synthetic, real: Source, rng: Generator, memory: Saved | None = None
    ) -> Iterator[Learner]:
        learner = Learner(nn.Module(), {})
        while True:
            yield learner
