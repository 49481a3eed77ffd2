"""The nouns of data distillation: batches, learners, sources, synthetic sets, objectives, pools.

Notation of *Data Distillation: A Survey* (Sachdeva & McAuley, arXiv 2301.04272): the outer
variables are a synthetic set, the inner variables are the weights of a learner trained on it, and
an objective compares the two worlds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

Saved: TypeAlias = Mapping[str, Any]
"""What a checkpoint keeps of a part of a run: tensors, numbers and strings, and nests of them."""

Scorer = Callable[[Any], float]
"""From a finished set, as :meth:`Synthetic.export` gives it, to its validation score."""

Criterion = Callable[[Tensor, Tensor], Tensor]
"""A loss: outputs ``[m, k]`` and ``y`` to a scalar."""


class DivergedError(FloatingPointError, ValueError):
    """A loss or weights stopped being finite; says at which step, and which option to lower."""


class Batch(NamedTuple):
    """What a model is called with, and what it should say.

    Attributes:
        inputs: positional arguments of the model: ``(x, adj)`` for nodes, ``(images,)`` for images.
        y: classes ``[m]`` (int64), soft labels ``[m, k]`` or targets ``[m, k]``.
        rows: which outputs ``y`` belongs to, ``[m]``; ``None`` when it is all of them, in order.
        group: which class each example counts in ``[m]``, where ``y`` are no classes.
    """

    inputs: tuple[Any, ...]
    y: Tensor
    rows: Tensor | None = None
    group: Tensor | None = None

    @property
    def classes(self) -> Tensor:
        """The class, or what stands for it, of each example ``[m]``."""
        return self.y if self.group is None else self.group

    def shown(self, view: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with its first input, the examples, seen through ``view``."""
        return self._replace(inputs=(view(self.inputs[0]), *self.inputs[1:]))


@runtime_checkable
class ByHand(Protocol):
    """A model that knows gradients without autograd."""

    def gradients_by_hand(
        self, params: Mapping[str, Tensor], batch: Batch, criterion: Criterion
    ) -> dict[str, Tensor] | None:
        """Of the mean ``criterion`` of a batch, by the names of the weights ``params``, in their
        order; ``None`` where autograd has to find them."""
        ...


class Learner(NamedTuple):
    """A network with its weights outside it, so that gradients flow through training.

    Attributes:
        model: the network; its own parameters are never read.
        params: the weights in use; they require gradients.
        buffers: the buffers in use.
        target: for trajectory matching, where an expert ended.
        memory: what its pool needs to go on from here, as a checkpoint can hold it.
        criterion: loss of outputs and ``y``; mean cross-entropy unless the labels are no classes.
    """

    model: nn.Module
    params: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor] = {}
    target: Mapping[str, Tensor] | None = None
    memory: Mapping[str, object] = {}
    criterion: Criterion = F.cross_entropy

    def __call__(self, batch: Batch, **kwargs: bool) -> Tensor:
        weights = {**self.params, **self.buffers}
        out: Tensor = functional_call(self.model, weights, batch.inputs, kwargs)
        return out if batch.rows is None else out[batch.rows]

    def logits(self, batch: Batch) -> Tensor:
        """Outputs ``[m, classes]`` at the rows of the batch."""
        return self(batch)

    def features(self, batch: Batch) -> Tensor:
        """Last hidden layer ``[m, hidden]`` at the rows of the batch."""
        return self(batch, features=True)

    def loss(self, batch: Batch) -> Tensor:
        """:attr:`criterion` over the batch; ``y`` may hold classes, probabilities or targets."""
        return self.criterion(self.logits(batch), batch.y)

    def grads(self, batch: Batch, *, create_graph: bool = False) -> dict[str, Tensor]:
        """Gradient of :meth:`loss` in the weights; differentiable itself with ``create_graph``.

        A model that is :class:`ByHand` may know it without autograd.
        """
        if not create_graph and isinstance(self.model, ByHand):
            found = self.model.gradients_by_hand(self.params, batch, self.criterion)
            if found is not None:
                return found
        weights = list(self.params.values())
        grads = torch.autograd.grad(self.loss(batch), weights, create_graph=create_graph)
        return dict(zip(self.params, grads, strict=True))

    def train_step(self, batch: Batch, optimizer: torch.optim.Optimizer) -> None:
        """One update in place of the weights, which ``optimizer`` was built over."""
        for name, grad in self.grads(batch).items():
            self.params[name].grad = grad
        optimizer.step()


@runtime_checkable
class Source(Protocol):
    """The real data as an objective sees it. It never holds a test label."""

    @property
    def num_classes(self) -> int:
        """Classes, or groups of examples where labels are no classes."""
        ...

    @property
    def counts(self) -> Tensor:
        """Training examples of each class ``[num_classes]``."""
        ...

    @property
    def num_examples(self) -> int:
        """All examples that a ratio may be a share of, labelled or not."""
        ...

    @property
    def example_bytes(self) -> int:
        """Bytes that one condensed example takes, edges apart."""
        ...

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        """Training examples of class ``c`` (all classes if None), ``size`` of them drawn by ``rng``
        (all if None)."""
        ...


class Synthetic(nn.Module):
    """Learnable data. Its parameters fall into named groups that a schedule addresses.

    Attributes:
        remarks: what the record of a finished set says besides, by keyword; a ``warning`` is also
            printed.
    """

    remarks: Mapping[str, str] = {}

    def batch(self, c: int | None = None) -> Batch:
        """The synthetic examples of class ``c``, or all; differentiable in the parameters."""
        raise NotImplementedError

    def batches(self) -> list[Batch]:
        """:meth:`batch` of every class in turn, sharing whatever can be computed once."""
        raise NotImplementedError

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Learnable parameters by group name, such as ``x``, ``adj``, ``y``, ``lr``."""
        raise NotImplementedError

    def draw(self, rng: Generator) -> None:
        """Draw whatever is random in the data for the coming step; by default nothing is."""

    @torch.no_grad()
    def project_(self) -> None:
        """Bring the parameters back to where they are valid; by default they always are."""

    def export(self) -> object:
        """The finished data: ``Data``, a list of them, or tensors. Never shares memory."""
        raise NotImplementedError


Objective = Callable[[Synthetic, Source, Learner, Generator], Tensor]
"""How the two worlds are compared: a scalar to minimise over the synthetic set."""


class Pool(Protocol):
    """Where learners come from. It absorbs every outer and inner loop of a method.

    A pool yields learners for ever. ``memory`` is that of a learner it yielded earlier: the pool
    then goes on exactly as it would have after that learner.
    """

    def __call__(
        self, syn: Synthetic, real: Source, rng: Generator, memory: Saved | None = None
    ) -> Iterator[Learner]: ...


def adam(params: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    """The papers' usual outer optimiser: Adam with PyTorch's defaults."""
    return torch.optim.Adam(params, lr=lr)


@dataclass(frozen=True)
class Schedule:
    """When which group of synthetic parameters moves, and how far.

    Attributes:
        steps: outer updates in all.
        lr: learning rate of each group; a group that is not named stays fixed.
        cycle: ``(group, updates)`` in turn, as GCond alternates ``("adj", 10), ("x", 40)``; empty
            means that all groups move together.
        decay: factor on every learning rate from the given step on.
        anneal: also lower every learning rate linearly, to zero after the last step.
        optimizer: builds the optimiser of one group.
    """

    steps: int
    lr: Mapping[str, float]
    cycle: tuple[tuple[str, int], ...] = ()
    decay: Mapping[int, float] = field(default_factory=dict)
    anneal: bool = False
    optimizer: Callable[[list[nn.Parameter], float], torch.optim.Optimizer] = adam

    def active(self, step: int) -> tuple[str, ...]:
        """Groups that move at ``step`` (from 0).

        >>> [Schedule(9, {"x": 1, "adj": 1}, (("adj", 1), ("x", 2))).active(s) for s in range(4)]
        [('adj',), ('x',), ('x',), ('adj',)]
        """
        if not self.cycle:
            return tuple(self.lr)
        at = step % sum(length for _, length in self.cycle)
        for group, length in self.cycle:
            if at < length:
                return (group,)
            at -= length
        raise AssertionError("unreachable")

    def factor(self, step: int) -> float:
        """What every learning rate is multiplied by at ``step``."""
        out = 1.0 - step / self.steps if self.anneal else 1.0
        for start, factor in self.decay.items():
            out *= factor if step >= start else 1.0
        return out
