"""The evaluator's training, written out in plain PyTorch and float64: the same numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphcondense.data.task import NodeTask
from graphcondense.evaluate import NodeEvaluator
from graphcondense.nn.batched import GCN

HIDDEN, SEED = 8, 4


class Told(NamedTuple):
    """By hand: validation accuracy of every epoch, and the weights after each."""

    val: list[float]
    weights: list[list[Tensor]]


def operator(edges: Tensor, weight: Tensor | None, n: int) -> Tensor:
    """PyG's own ``Â [n, n]``."""
    ends, values = gcn_norm(edges, weight, n, dtype=torch.float64)
    return torch.zeros(n, n, dtype=torch.float64).index_put(
        (ends[1], ends[0]), values, accumulate=True
    )


def whole(real: NodeTask) -> Tensor:
    coo = real.adj.tocoo()
    edges = torch.stack([torch.from_numpy(coo.col), torch.from_numpy(coo.row)]).long()
    return operator(edges, torch.from_numpy(coo.data).double(), real.num_nodes)


def logits(weights: list[Tensor], x: Tensor, adj: Tensor) -> Tensor:
    """``Â relu(Â X W₁ + b₁) W₂ + b₂``."""
    first, bias_first, last, bias_last = weights
    return adj @ torch.relu(adj @ x @ first + bias_first) @ last + bias_last


def by_hand(small: Data, real: NodeTask, lr: float, weight_decay: float, epochs: int) -> Told:
    """Adam as in its paper's algorithm 1, the decay added to the gradient; cross-entropy, mean over
    the small graph's nodes; validation on the real graph after every epoch."""
    net = GCN(real.num_features, HIDDEN, real.num_classes, seeds=(SEED,))
    start = [net.weights[0], net.biases[0], net.weights[1], net.biases[1]]
    weights = [w.detach()[0].double().requires_grad_() for w in start]
    adj = operator(small.edge_index, small.edge_weight.double(), small.num_nodes)
    there, x_there = whole(real), real.x.double()
    mean = [torch.zeros_like(w) for w in weights]
    square = [torch.zeros_like(w) for w in weights]
    told = Told([], [])
    for t in range(1, epochs + 1):
        chances = logits(weights, small.x.double(), adj).softmax(1)
        loss = -chances[torch.arange(small.num_nodes), small.y].log().mean()
        grads = torch.autograd.grad(loss, weights)
        for i, grad in enumerate(grads):
            grad = grad + weight_decay * weights[i].detach()
            mean[i] = 0.9 * mean[i] + 0.1 * grad
            square[i] = 0.999 * square[i] + 0.001 * grad**2
            step = (mean[i] / (1 - 0.9**t)) / ((square[i] / (1 - 0.999**t)).sqrt() + 1e-8)
            weights[i] = (weights[i].detach() - lr * step).requires_grad_()
        guess = logits(weights, x_there, there).argmax(1)
        told.val.append(float((guess == real.y)[real.val].double().mean()))
        told.weights.append([w.detach() for w in weights])
    return told


@pytest.mark.parametrize(
    ("lr", "weight_decay"),
    [(0.02, 0.0), (0.02, 0.05), (0.005, 0.05), (0.1, 0.3)],
)
def test_training_is_adam_by_hand(real: NodeTask, small: Data, lr: float, weight_decay: float):
    small.x = small.x + 0.3 * real.x[:6]
    epochs = 12
    options: dict[str, Any] = {"hidden": HIDDEN, "dropout": 0.0, "epochs": epochs}
    evaluator = NodeEvaluator(real, **options, lr=lr, weight_decay=weight_decay)
    told = by_hand(small, real, lr, weight_decay, epochs)
    best = told.val.index(max(told.val))  # the first best epoch
    trained = evaluator.train("GCN", small, seeds=(SEED,))
    result = evaluator.fit("GCN", small, seeds=(SEED,))

    assert int(result.epoch_selected) == best + 1
    assert float(result.val_selected) == pytest.approx(told.val[best])
    assert float(result.val_last) == pytest.approx(told.val[-1])
    there, x = whole(real), real.x.double()
    for at, score in ((best, result.test_selected), (-1, result.test_last)):
        out = logits(told.weights[at], x, there)
        right = (out.argmax(1) == real.y)[real.test].double().mean()
        assert float(score) == pytest.approx(float(right))
    nodes = torch.arange(real.num_nodes)
    mine = evaluator.predict("GCN", small, nodes, seeds=(SEED,))[0].double()
    torch.testing.assert_close(mine, logits(told.weights[best], x, there), atol=2e-4, rtol=1e-3)
    last = dict(trained.model.named_parameters())
    for name, expected in zip(
        ("weights.0", "biases.0", "weights.1", "biases.1"), told.weights[-1], strict=True
    ):
        found = last[name][0].detach().double().reshape(expected.shape)
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-3)


def test_the_settings_tell_the_trainings_apart(real: NodeTask, small: Data):
    """What the test above compares differs between its cases."""
    small.x = small.x + 0.3 * real.x[:6]
    ends = [
        by_hand(small, real, lr, decay, 12).weights[-1][0]
        for lr, decay in ((0.02, 0.0), (0.02, 0.05), (0.005, 0.05), (0.1, 0.3), (0.01, 5e-4))
    ]
    for i, one in enumerate(ends):
        for other in ends[:i]:
            assert float((one - other).abs().max()) > 5e-3
