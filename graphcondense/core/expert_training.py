"""How experts are trained: networks on the real data, every stage of their training kept.

Where every training step sees the same examples, many experts are trained at once, as one model
whose weights are stacked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from graphcondense.core.pools import View, initialise, leaves, viewed
from graphcondense.core.types import Batch, Criterion, DivergedError, Learner, Source
from graphcondense.ops.limits import at_least

Precision = Literal["full", "bfloat16"]
"""How stages are kept: as they were trained, or as differences from the initial weights in half of
the bytes, which keep three digits."""


FEW = 2**14
"""Weights up to which calls take longer than arithmetic, and one model of many is best on a CPU,"""
LITTLE = 2**24
"""unless there are more than so many products of a weight and an example."""


@dataclass(frozen=True)
class Span:
    """Where the weights move that inputs are multiplied with first: in the span of the inputs,
    which are few rows of many features. Trained are their coordinates.

    Attributes:
        weight: name of the weights ``W [out, d]``.
        basis: orthonormal columns ``Q [d, r]``; the inputs are given as ``X Q``.
    """

    weight: str
    basis: Tensor


class Settled(NamedTuple):
    """All real examples in the form that is fastest for many networks at once.

    Attributes:
        batch: the examples.
        span: of their inputs, where these are given by coordinates.
    """

    batch: Batch
    span: Span | None = None


Settle = Callable[[Batch], Settled]
"""All real examples, settled once."""

Course = Callable[[int, Batch], Batch]
"""What a training step, counted from 0, sees of all real examples; the inputs stay, so that nothing
is propagated anew."""


@runtime_checkable
class SharedByHand(Protocol):
    """A model that knows gradients on settled examples without autograd."""

    def shared_gradients(
        self, params: Mapping[str, Tensor], batch: Batch, criterion: Criterion
    ) -> dict[str, Tensor] | None:
        """As :meth:`~graphcondense.core.types.ByHand.gradients_by_hand`, of a batch that
        :attr:`Settled.batch` is, or that a course made of it."""
        ...


@dataclass(frozen=True)
class Training:
    """How experts are trained.

    Attributes:
        experts: networks, each from weights of its own.
        epochs: passes over the real data; their ends, and the start, are kept.
        size: real examples of a training step, drawn anew at each; ``None`` takes all.
        lr: learning rate of SGD.
        momentum: of SGD.
        weight_decay: of SGD.
        interval: training steps that count as one epoch; by default as many as draw each example
            once on average.
        seed: of weights, batches and views; expert ``i`` depends on it and on ``i`` alone.

    Raises:
        ValueError: a value out of its range.
    """

    experts: int = 20
    epochs: int = 20
    size: int | None = 256
    lr: float = 0.01
    momentum: float = 0.0
    weight_decay: float = 0.0
    interval: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(1, self, "experts", "epochs", "size", "interval", of=" of experts")
        if not self.lr > 0:
            raise ValueError(f"lr of experts must be above 0, got {self.lr}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum of experts must be in [0, 1), got {self.momentum}")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay of experts must not be below 0: {self.weight_decay}")

    def steps(self, real: Source) -> int:
        """Training steps between two kept stages."""
        if self.interval is not None:
            return self.interval
        return 1 if self.size is None else max(1, round(int(real.counts.sum()) / self.size))

    def stage_bytes(self, model: nn.Module) -> int:
        """Bytes of the weights at one stage."""
        return sum(p.numel() * p.element_size() for p in model.parameters())

    def disk_bytes(self, model: nn.Module) -> int:
        """Bytes of the whole buffer, known before it is made (headers of files apart)."""
        return self.experts * (self.epochs + 1) * self.stage_bytes(model)


@dataclass(frozen=True)
class Trainer:
    """Trains experts, one by one or several as one model; the fields are those of
    :class:`~graphcondense.core.experts.Buffer`.
    """

    model: nn.Module
    training: Training
    view: View | None = None
    criterion: Criterion = F.cross_entropy
    precision: Precision = "full"
    course: Course | None = None

    def first(self, expert: int) -> dict[str, Tensor]:
        """The initial weights of an expert, on the CPU."""
        return {k: v.cpu() for k, v in initialise(self.model, self.stream(expert)).items()}

    def stream(self, expert: int) -> Generator:
        """The randomness of an expert."""
        seed = hashlib.sha256(f"{self.training.seed} {expert}".encode()).digest()
        return Generator().manual_seed(int.from_bytes(seed[:6], "big"))

    def alone(self, expert: int, real: Source) -> dict[str, Tensor]:
        """All stages of one expert ``{name: [epochs + 1, ...]}``, on the CPU."""
        rng = self.stream(expert)
        device = next(self.model.parameters()).device
        drawn = initialise(self.model, rng)
        params = leaves(drawn, device)
        learner = Learner(
            self.model, params, dict(self.model.named_buffers()), criterion=self.criterion
        )
        how = self.training
        sgd = torch.optim.SGD(
            params.values(), how.lr, momentum=how.momentum, weight_decay=how.weight_decay
        )
        stages = self._room(drawn)
        for epoch in range(how.epochs + 1):
            self._note([expert], [stages], epoch, params, drawn, how.steps(real))
            if epoch == how.epochs:
                break
            for _ in range(how.steps(real)):
                batch = real.batch(None, how.size, rng)
                if self.view is not None:
                    batch = viewed(batch, self.view, rng)
                learner.train_step(batch, sgd)
        return stages

    def together(
        self,
        experts: Sequence[int],
        settled: Settled,
        real: Source,
        tell: Callable[[int], object] = lambda epochs: None,
    ) -> list[dict[str, Tensor]]:
        """All stages of several experts, which share what is made of the examples; ``tell`` is
        given how many epochs were done.

        On a CPU they are trained one after the other where the model knows its gradients by hand:
        the weights of one then stay in the cache. Else they are one model of stacked weights.

        Where the inputs have a span, ``W_t = B_t Qᵀ + c_t (W_0 - W_0 Q Qᵀ)``: gradients have rows
        in the span, so the coordinates ``B`` are trained, and what is outside follows weight decay
        alone. SGD does not mind a change of basis.
        """
        how, (whole, span) = self.training, settled
        device = next(self.model.parameters()).device
        drawn = [self.first(expert) for expert in experts]
        first = {k: torch.stack([one[k] for one in drawn]).to(device) for k in drawn[0]}
        params = {k: v.clone() for k, v in first.items()}
        if not isinstance(whole.inputs[0], Tensor):
            name = next(iter(params))  # what the inputs are multiplied with
            params[name] = _inputs_first(params[name])
        if span is not None:
            params[span.weight] = first[span.weight] @ span.basis
            outside = first[span.weight] - params[span.weight] @ span.basis.mT
        shares = next(iter(first.values())).new_ones(len(experts))  # c_t of each expert
        advance = self._advance(params, shares, whole)
        stages, steps = [self._room(one) for one in drawn], how.steps(real)
        for epoch in range(how.epochs + 1):
            now: dict[str, Tensor] = dict(params)
            if span is not None:
                moved = params[span.weight] @ span.basis.mT
                now[span.weight] = moved + shares.view(-1, 1, 1) * outside
            self._note(experts, stages, epoch, now, first, steps)
            if epoch == how.epochs:
                break
            at = range(epoch * steps, (epoch + 1) * steps)
            advance([whole if self.course is None else self.course(step, whole) for step in at])
            tell(len(experts))
        return stages

    def _advance(
        self, params: Mapping[str, Tensor], shares: Tensor, whole: Batch
    ) -> Callable[[Sequence[Batch]], None]:
        """What trains the stacked weights ``params``, and ``shares`` that feel weight decay alone,
        on batches one after the other."""
        alone = [{k: v[i] for k, v in params.items()} for i in range(len(shares))]
        weights = sum(v.numel() for v in alone[0].values())
        large = weights > FEW or weights * len(whole.y) > LITTLE
        if (
            large
            and shares.device.type == "cpu"
            and isinstance(self.model, SharedByHand)
            and self.model.shared_gradients(alone[0], whole, self.criterion) is not None
        ):
            return self._by_hand(self.model, alone, shares)
        return self._stacked(params, shares)

    def _by_hand(
        self, model: SharedByHand, alone: Sequence[Mapping[str, Tensor]], shares: Tensor
    ) -> Callable[[Sequence[Batch]], None]:
        """One expert after the other, so that its weights stay in the cache."""
        runs = []
        for i, own in enumerate(alone):
            share = shares[i : i + 1]
            share.grad = torch.zeros_like(share)
            parts = {k: _by_rows(v) for k, v in own.items()}
            runs.append((own, parts, self._sgd([*parts.values(), share], fused=True)))

        def advance(batches: Sequence[Batch]) -> None:
            for own, parts, sgd in runs:
                for batch in batches:
                    grads = model.shared_gradients(own, batch, self.criterion)
                    assert grads is not None
                    for name, part in parts.items():
                        grad = grads[name] if part is own[name] else grads[name].mT
                        part.grad = grad.contiguous()
                    sgd.step()

        return advance

    def _stacked(
        self, params: Mapping[str, Tensor], shares: Tensor
    ) -> Callable[[Sequence[Batch]], None]:
        """All experts as one model."""
        buffers = dict(self.model.named_buffers())
        for param in params.values():
            param.requires_grad_()

        def losses(batch: Batch) -> Tensor:
            """Of each expert ``[E]``."""

            def outputs(weights: dict[str, Tensor]) -> Tensor:
                out: Tensor = functional_call(self.model, {**weights, **buffers}, batch.inputs)
                return out if batch.rows is None else out[batch.rows]

            out: Tensor = vmap(self.criterion, (0, None))(vmap(outputs)(dict(params)), batch.y)
            return out

        sgd = self._sgd([*params.values(), shares])

        def advance(batches: Sequence[Batch]) -> None:
            shares.grad = torch.zeros_like(shares)
            for batch in batches:
                # Each loss depends on the weights of its own expert alone.
                grads = torch.autograd.grad(losses(batch).sum(), list(params.values()))
                for param, grad in zip(params.values(), grads, strict=True):
                    param.grad = grad
                sgd.step()

        return advance

    def _sgd(self, params: Sequence[Tensor], fused: bool | None = None) -> torch.optim.SGD:
        how = self.training
        return torch.optim.SGD(
            params,
            how.lr,
            momentum=how.momentum,
            weight_decay=how.weight_decay,
            fused=fused,
        )

    def _room(self, drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Storage of its own for all stages of an expert, so that none follows the weights in
        training."""
        kept = None if self.precision == "full" else torch.bfloat16
        stages = self.training.epochs + 1
        return {k: torch.empty(stages, *v.shape, dtype=kept or v.dtype) for k, v in drawn.items()}

    @torch.no_grad()
    def _note(
        self,
        experts: Sequence[int],
        stages: Sequence[Mapping[str, Tensor]],
        epoch: int,
        params: Mapping[str, Tensor],
        first: Mapping[str, Tensor],
        steps: int,
    ) -> None:
        """Keep the weights of experts, stacked where they are several, after so many epochs of
        ``steps`` steps, and see that they are finite."""
        for name, now in params.items():
            if self.precision != "full":
                now = now - first[name].to(now)
            for i, (expert, own) in enumerate(zip(experts, stages, strict=True)):
                one = now if now.dim() + 1 == own[name].dim() else now[i]
                own[name][epoch].copy_(one)
                if not bool(torch.isfinite(own[name][epoch].sum(dtype=torch.float64))):
                    raise DivergedError(
                        f"training of expert {expert} diverged by step {epoch * steps}: lower its "
                        f"learning rate {self.training.lr}"
                    )


def _by_rows(matrix: Tensor) -> Tensor:
    """A matrix, or its transpose, whichever is contiguous."""
    return matrix if matrix.is_contiguous() else matrix.mT


def _inputs_first(stacked: Tensor) -> Tensor:
    """The same matrices ``[E, out, in]``, in memory as ``[E, in, out]``: products with sparse
    inputs then read whole rows."""
    return stacked.mT.contiguous().mT if stacked.dim() == 3 else stacked.clone()
