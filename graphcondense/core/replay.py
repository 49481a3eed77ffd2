"""A pool of networks of many ages, each trained on the synthetic set whenever it was used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core.pools import InnerOptimizer, frozen, initialise, inner_adam, leaves
from graphcondense.core.types import Criterion, Learner, Saved, Source, Synthetic
from graphcondense.ops.limits import at_least


@dataclass(frozen=True)
class Replay:
    """Networks that live on between updates (FRePo, Zhou et al., NeurIPS 2022, Algorithm 1).

    Every update takes one of ``size`` networks at random, which is then trained on the whole
    synthetic set. With ``size=1, inner=0`` it is one fixed network for ever.

    A checkpoint holds all weights and moments, so that a resumed run goes on bit for bit.

    Attributes:
        model: the architecture; called with the inputs of a batch.
        size: networks in the pool.
        inner: training steps after each use.
        oldest: training steps after which a network is replaced.
        optimizer: how networks are trained.
        criterion: their loss.

    Raises:
        ValueError: ``size`` or ``oldest`` below 1, or ``inner`` below 0.
    """

    model: nn.Module
    size: int = 10
    inner: int = 1
    oldest: int = 100
    optimizer: InnerOptimizer = field(default_factory=inner_adam)
    criterion: Criterion = F.cross_entropy

    def __post_init__(self) -> None:
        at_least(1, self, "size", "oldest")
        at_least(0, self, "inner")

    def __call__(
        self, syn: Synthetic, real: Source, rng: Generator, memory: Saved | None = None
    ) -> Iterator[Learner]:
        buffers = dict(self.model.named_buffers())
        if memory is None:
            online, at = [self._fresh(rng) for _ in range(self.size)], None
        else:
            online = [self._kept(saved) for saved in memory["online"]]
            at = int(memory["at"])
        while True:
            if at is not None:
                # The network was matched already, before the checkpoint or at the last yield.
                self._train(online[at], buffers, syn)
                if online[at].age >= self.oldest:
                    online[at] = self._fresh(rng)
            at = int(torch.randint(self.size, (), generator=rng))
            state = {"at": at, "online": [o.saved() for o in online]}
            yield Learner(self.model, online[at].params, buffers, None, state, self.criterion)

    def _fresh(self, rng: Generator) -> _Online:
        return self._online(initialise(self.model, rng), 0)

    def _kept(self, saved: Saved) -> _Online:
        out = self._online(saved["params"], int(saved["age"]))
        out.trainer.load_state_dict(dict(saved["trainer"]))
        return out

    def _online(self, params: Mapping[str, Tensor], age: int) -> _Online:
        weights = leaves(params, next(self.model.parameters()).device)
        return _Online(weights, self.optimizer(list(weights.values())), age)

    def _train(self, network: _Online, buffers: dict[str, Tensor], syn: Synthetic) -> None:
        if not self.inner:
            return
        learner = Learner(self.model, network.params, buffers, criterion=self.criterion)
        batch = frozen(syn)
        for _ in range(min(self.inner, self.oldest - network.age)):
            learner.train_step(batch, network.trainer)
            network.age += 1


@dataclass
class _Online:
    """A network of the pool: its weights, how it is trained, and how many steps it was."""

    params: dict[str, Tensor]
    trainer: torch.optim.Optimizer
    age: int

    def saved(self) -> Saved:
        return {"params": self.params, "trainer": self.trainer.state_dict(), "age": self.age}
