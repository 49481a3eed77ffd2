"""Terms that are added to an objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Generator, Tensor

from graphcondense.core.types import Learner, Objective, Source, Synthetic


@runtime_checkable
class HasProbabilities(Protocol):
    """A synthetic set whose edges have probabilities."""

    @property
    def probabilities(self) -> Tensor: ...


def density(syn: HasProbabilities) -> Tensor:
    """Mean edge probability; 0 where no graph has two nodes."""
    odds = syn.probabilities
    return odds.sum() / max(len(odds), 1)


@dataclass(frozen=True)
class Sparse:
    """``β max(mean σ(Ω) - ε, 0)``: few edges (DosCond, Jin et al., KDD 2022).

    Attributes:
        weight: β.
        level: ε, the mean edge probability up to which nothing is charged.
    """

    weight: float
    level: float

    def __call__(self, syn: Synthetic) -> Tensor:
        if not isinstance(syn, HasProbabilities):
            raise TypeError(f"{type(syn).__name__} has no edge probabilities")
        return self.weight * (density(syn) - self.level).clamp_min(0)


@dataclass(frozen=True)
class Plus:
    """An objective and a term of the synthetic set alone."""

    objective: Objective
    term: Callable[[Synthetic], Tensor]

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        return self.objective(syn, real, learner, rng) + self.term(syn)
