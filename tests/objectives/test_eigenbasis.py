"""Eigenbasis matching (GDEM) in float64, term by term, with d x d arrays and loops."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from graphcondense.core.types import Learner
from graphcondense.objectives.eigenbasis import EigenbasisMatching, rank_one_distance

WORLD = np.random.default_rng(3)
ALONG = WORLD.standard_normal((2, 4))  # a of K = 2 vectors
CLASSES = WORLD.standard_normal((3, 4))  # h of C = 3 classes
X, U = WORLD.standard_normal((5, 4)), WORLD.standard_normal((5, 2))
VALUES, Y = np.array([0.3, 1.6]), np.array([0, 0, 1, 2, 1])


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def terms(scaled: bool) -> tuple[float, float, float]:
    """``L_e``, ``L_d`` and ``L_o``."""
    a, b = ALONG, U.T @ X
    if scaled:
        a, b = unit(a), unit(b)
    along = sum(
        float(np.square(np.outer(p, p) - np.outer(q, q)).sum()) for p, q in zip(a, b, strict=True)
    )
    step = sum((1 - VALUES[k]) * np.outer(U[:, k], U[:, k]) @ X for k in range(2))
    own = np.stack([step[c == Y].sum(0) for c in range(3)])
    apart = float(np.square(unit(own) @ unit(CLASSES).T - np.eye(3)).sum())
    straight = float(np.square(U.T @ U - np.eye(2)).sum())
    return along, apart, straight


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (3.0, 0.5, 0.25), (0.0, 7.0, 2.0)])
def test_the_three_terms_and_their_weights(
    weights: tuple[float, float, float], scaled: bool
) -> None:
    syn = SimpleNamespace(
        x=torch.from_numpy(X), u=torch.from_numpy(U), eigenvalues=torch.from_numpy(VALUES),
        y=torch.from_numpy(Y),
    )  # fmt: skip
    loss = EigenbasisMatching(
        torch.from_numpy(ALONG), torch.from_numpy(CLASSES), *weights, unit=scaled
    )
    nothing = Learner(torch.nn.Linear(1, 1), {})
    found = loss(syn, None, nothing, torch.Generator())  # type: ignore[arg-type]
    wanted = sum(w * term for w, term in zip(weights, terms(scaled), strict=True))
    assert found.item() == pytest.approx(wanted, rel=1e-12)


def test_by_default_all_weights_are_one_and_lengths_do_not_matter() -> None:
    usual = EigenbasisMatching(torch.zeros(1, 1), torch.zeros(1, 1))
    assert (usual.alpha, usual.beta, usual.gamma, usual.unit) == (1.0, 1.0, 1.0, True)


def test_of_several_rows_each_is_compared_with_its_own() -> None:
    a, b = torch.from_numpy(ALONG), torch.from_numpy(X[:2])
    wanted = [np.square(np.outer(p, p) - np.outer(q, q)).sum() for p, q in zip(a, b, strict=True)]
    assert rank_one_distance(a, b).tolist() == pytest.approx(wanted, rel=1e-12)
