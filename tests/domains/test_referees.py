"""Small networks as judges: against a plain PyTorch network, and what they notice."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from graphcondense.domains import referees
from graphcondense.domains.answers import Answers, BinaryAnswers, ClassAnswers, TargetAnswers
from graphcondense.domains.propagations import SmallGraph
from graphcondense.domains.referees import (
    Networks,
    right_in_own_basis,
    right_of_networks,
    taught_by,
)
from tests.domains.test_propagations import ANSWERS, drawn


def drawn_rows(classes: int = 3) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(12, 5, generator=rng), torch.rand(12, classes, generator=rng).softmax(1)


@pytest.mark.parametrize("which", range(referees.NETWORKS))
def test_each_network_learns_as_one_of_torch_does(
    monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    """Without dropout: the same first weights, loss and optimiser, one network alone."""
    monkeypatch.setattr(referees, "DROPOUT", 0.0)
    monkeypatch.setattr(referees, "EPOCHS", 20)
    u, labels = drawn_rows()
    first = Networks(5, 3, torch.Generator().manual_seed(0))
    alone = nn.Sequential(nn.Linear(5, referees.HIDDEN), nn.ReLU(), nn.Linear(referees.HIDDEN, 3))
    with torch.no_grad():
        for layer, (weight, bias) in ((0, first.weights[:2]), (2, first.weights[2:])):
            alone[layer].weight.copy_(weight[which].T)
            alone[layer].bias.copy_(bias[which, 0])
    before = copy.deepcopy(alone)
    optimiser = torch.optim.Adam(alone.parameters(), lr=referees.RATE, weight_decay=referees.DECAY)
    for _ in range(20):
        optimiser.zero_grad()
        nn.functional.cross_entropy(alone(u), labels).backward()
        optimiser.step()
    found = taught_by(u, labels, ANSWERS, torch.Generator().manual_seed(0))(u)
    torch.testing.assert_close(found[which], alone(u), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(alone(u), before(u), atol=0.1)


def test_first_weights_have_the_spread_of_torch_and_differ() -> None:
    first = Networks(400, 3, torch.Generator().manual_seed(0)).weights[0]
    wanted = nn.init.xavier_uniform_(torch.empty(400, referees.HIDDEN))
    assert first.std().item() == pytest.approx(wanted.std().item(), rel=0.05)
    assert not torch.equal(first[0], first[1])


def test_dropout_keeps_the_mean() -> None:
    networks = Networks(5, 3, torch.Generator().manual_seed(0))
    u, _ = drawn_rows()
    mean = torch.stack([networks(u, 0.5) for _ in range(4000)]).mean(0)
    torch.testing.assert_close(mean, networks(u), atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        (ClassAnswers(2), -(0.25 * np.log(0.2) + 0.75 * np.log(0.8))),
        (TargetAnswers(torch.tensor([1.0, 2.0]), lambda y: y), 1.0),
        (BinaryAnswers(torch.tensor([1.0, 2.0]), lambda y: y), 1.0),
    ],
)
def test_losses_by_hand(answers: Answers, wanted: float) -> None:
    """Of classes the cross-entropy with soft labels, else the squared error of what is centred."""
    if isinstance(answers, ClassAnswers):
        said, y = torch.tensor([[[0.2, 0.8]]]).log(), torch.tensor([[0.25, 0.75]])
    else:
        said, y = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[1.0, 2.0]])
    assert answers.loss(said, y).tolist() == pytest.approx([wanted])


def test_networks_see_what_a_small_graph_teaches() -> None:
    """Clear rows of each class teach more than random ones, and more than equal ones; the same
    graph is judged alike twice."""
    teaching, small, z = drawn()
    classes = torch.arange(9) % 3
    held, wanted = teaching.sights[0].held, teaching.wanted
    means = torch.stack([held[wanted == c].mean(0) for c in range(3)])
    clear = SmallGraph(sp.csr_matrix((9, 9)), np.eye(3)[classes], ANSWERS)
    right = right_of_networks(teaching, clear, means[classes])
    assert right.shape == wanted.shape
    assert float(right.mean()) > 0.85
    assert float(right.mean()) > float(right_of_networks(teaching, small, z).mean()) + 0.1
    assert float(right_of_networks(teaching, small, torch.ones_like(z)).mean()) < 0.5
    assert torch.equal(right, right_of_networks(teaching, clear, means[classes]))


def test_in_their_own_basis_networks_see_columns() -> None:
    """Two propagations alone, real rows turned into the columns of the data."""
    teaching, small, z = drawn()
    rng = torch.Generator().manual_seed(1)
    turn = torch.linalg.qr(torch.randn(z.shape[1], z.shape[1], generator=rng))[0]
    x = z @ turn
    right = right_in_own_basis(teaching, small, x, turn)
    turned = replace(teaching, sights=[replace(s, held=s.held @ turn) for s in teaching.sights[:2]])
    torch.testing.assert_close(right, right_in_own_basis(turned, small, x, None))
    rng, hits = torch.Generator().manual_seed(0), []
    for u, sight in zip((x, small.gcn @ (small.gcn @ x)), turned.sights, strict=True):
        networks = taught_by(u, small.labels, ANSWERS, rng)
        hits += [ANSWERS.right(said, teaching.wanted) for said in networks(sight.held)]
    torch.testing.assert_close(right, torch.stack(hits).float().mean(0))
    assert not torch.equal(right, right_of_networks(teaching, small, z))


def test_many_rows_are_judged_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    u, labels = drawn_rows()
    networks = taught_by(u, labels, ANSWERS, torch.Generator().manual_seed(0))
    whole = networks(u).detach()
    monkeypatch.setattr(referees, "ROWS", 5)
    torch.testing.assert_close(torch.stack(networks.says(u)), whole)


def test_numbers_are_judged_without_gradients() -> None:
    """Kept gradients would keep the hidden units of all rows."""
    teaching, _, z = drawn()
    numbers = TargetAnswers(torch.zeros(1), lambda y: y)
    wanted = teaching.wanted[:, None].float()
    small = SmallGraph(sp.csr_matrix((9, 9)), np.arange(9.0)[:, None], numbers)
    right = right_of_networks(replace(teaching, wanted=wanted, answers=numbers), small, z)
    assert right.shape == teaching.wanted.shape
    assert not right.requires_grad
