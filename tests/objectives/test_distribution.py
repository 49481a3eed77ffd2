"""Distribution matching by loops over rows, in float64."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from graphcondense.core.types import Batch, Learner
from graphcondense.objectives.distribution import (
    LayerMatching,
    MeanMatching,
    ReceptiveFieldMatching,
    class_means,
    members_of,
)
from graphcondense.objectives.terms import Plus, Sparse, density

WORLD = np.random.default_rng(5)
W1, W2 = WORLD.standard_normal((4, 3)), WORLD.standard_normal((2, 4))
REAL, REAL_Y = WORLD.standard_normal((9, 3)), np.array([0, 1, 2, 0, 2, 0, 2, 2, 0])
FEW, FEW_Y = WORLD.standard_normal((4, 3)), np.array([0, 0, 2, 0])  # no example of class 1


class Two(nn.Module):
    """A hidden layer with ReLU, another, and the outputs, as learners of all kinds are called."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False)

    def forward(
        self, x: Tensor, *, features: bool = False, layers: bool = False,
        members: Tensor | None = None,
    ) -> Any:  # fmt: skip
        hidden = self.first(x).relu()
        found = [hidden, self.second(hidden), self.second(hidden).tanh()]
        if members is not None:
            return [members @ layer for layer in found]
        return hidden if features else found if layers else found[-1]


def learner() -> Learner:
    params = {"first.weight": torch.from_numpy(W1), "second.weight": torch.from_numpy(W2)}
    return Learner(Two(), {k: v.clone().requires_grad_() for k, v in params.items()})


class Few:
    """The synthetic side; a batch of class 1 is empty."""

    def __init__(self) -> None:
        self.x = torch.from_numpy(FEW).requires_grad_()
        self.y = torch.from_numpy(FEW_Y)

    def batch(self) -> Batch:
        return Batch((self.x,), self.y)

    def batches(self) -> list[Batch]:
        of = [torch.nonzero(self.y == c).flatten() for c in range(3)]
        # Of rows of one pass, and of examples of its own: learners take both.
        whole = Batch((self.x,), self.y[of[2]], of[2])
        return [Batch((self.x[of[0]],), self.y[of[0]]), Batch((self.x[:0],), self.y[:0]), whole]


class Real:
    """The real side; asked for so many of a class it gives the first."""

    num_classes = 3

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        kept = np.flatnonzero(c == REAL_Y)[:size] if c is not None else np.arange(9)
        return Batch((torch.from_numpy(REAL[kept]),), torch.from_numpy(REAL_Y[kept]))


def layers(x: np.ndarray) -> list[np.ndarray]:
    hidden = np.maximum(x @ W1.T, 0)
    return [hidden, hidden @ W2.T, np.tanh(hidden @ W2.T)]


def apart(layer: int, c: int, size: int | None = None) -> float:
    """``‖mean f_l(T_c) - mean f_l(S_c)‖²``."""
    theirs, own = layers(REAL)[layer][c == REAL_Y][:size], layers(FEW)[layer][c == FEW_Y]
    return float(np.square(theirs.mean(0) - own.mean(0)).sum())


def found(objective: Any) -> float:
    syn = Few()
    loss = objective(syn, Real(), learner(), Generator())
    (slope,) = torch.autograd.grad(loss, syn.x)
    assert slope.abs().sum() > 0
    return float(loss.detach())


@pytest.mark.parametrize("size", [None, 2])
def test_means_of_features(size: int | None) -> None:
    """Of the hidden layer, summed over the classes that the synthetic set has."""
    wanted = apart(0, 0, size) + apart(0, 2, size)
    assert found(MeanMatching(size)) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("share", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("size", [None, 2])
def test_means_of_every_layer_and_real_rows_told_apart(size: int | None, share: float) -> None:
    wanted = sum(apart(layer, c, size) for layer in range(3) for c in (0, 2))
    centres = [layers(FEW)[-1][c == FEW_Y].mean(0) for c in (0, 2)]
    entropies = []
    for place, c in enumerate((0, 2)):
        for row in layers(REAL)[-1][c == REAL_Y][:size]:
            logits = [float(row @ centre) for centre in centres]
            entropies.append(math.log(sum(math.exp(s) for s in logits)) - logits[place])
    wanted += share * sum(entropies) / len(entropies)
    assert found(LayerMatching(size, share)) == pytest.approx(wanted, rel=1e-12)


def test_classes_of_receptive_fields_count_by_their_share() -> None:
    """A class without a synthetic row counts nothing."""
    wanted = sum(
        share * sum(apart(layer, c) for layer in range(3)) for c, share in ((0, 0.75), (2, 0.25))
    )
    assert found(ReceptiveFieldMatching()) == pytest.approx(wanted, rel=1e-12)


def test_groups_of_receptive_fields_may_be_others_than_classes() -> None:
    def halves(batch: Batch) -> Tensor:
        """Even and odd rows; of the last row nobody asks."""
        at = torch.arange(len(batch.y))
        return torch.stack([at % 2 == 0, at % 2 == 1]) & (at < len(at) - 1)

    wanted = 0.0
    for start, share in ((0, 2 / 3), (1, 1 / 3)):
        for mine, theirs in zip(layers(FEW[:-1]), layers(REAL[:-1]), strict=True):
            difference = mine[start::2].mean(0) - theirs[start::2].mean(0)
            wanted += share * float(np.square(difference).sum())
    assert found(ReceptiveFieldMatching(halves)) == pytest.approx(wanted, rel=1e-12)


def test_by_default_all_real_examples_are_read_and_both_terms_count() -> None:
    assert MeanMatching() == MeanMatching(None)
    assert LayerMatching() == LayerMatching(None, 1.0)


def test_members_and_means() -> None:
    y = torch.tensor([2, 0, 2])
    assert members_of(y, 4).tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 1], [0, 0, 0]]
    rows = torch.tensor([[1.0, 4.0], [7.0, 7.0], [2.0, 0.0]], dtype=torch.float64)
    assert class_means(rows, y, 4).tolist() == [[7, 7], [0, 0], [1.5, 2], [0, 0]]


def test_edges_are_charged_above_a_level_and_added_to_an_objective() -> None:
    syn: Any = SimpleNamespace(probabilities=torch.tensor([0.25, 0.5, 0.9]))
    assert float(density(syn)) == pytest.approx(0.55)
    assert float(density(SimpleNamespace(probabilities=torch.zeros(0)))) == 0  # type: ignore[arg-type]
    assert float(Sparse(4.0, 0.3)(syn)) == pytest.approx(1.0)
    assert float(Sparse(4.0, 0.6)(syn)) == 0
    with pytest.raises(TypeError, match="Few has no edge probabilities"):
        Sparse(1.0, 0.0)(Few())  # type: ignore[arg-type]
    both = Plus(MeanMatching(), lambda small: small.x.sum())  # type: ignore[attr-defined]
    assert found(both) == pytest.approx(found(MeanMatching()) + FEW.sum(), rel=1e-12)
