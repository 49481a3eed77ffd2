"""A user's own models in the evaluator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from graphcondense.evaluate import NodeEvaluator, evaluate
from graphcondense.nn.batched import MODELS
from graphcondense.nn.wrapped import wrap


class Own(nn.Module):
    """Named arguments are all that a model needs; it has a buffer and dropout."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(in_channels)
        self.lin = nn.Linear(in_channels, out_channels)

    def forward(self, x, edge_index, edge_weight):
        x = nn.functional.dropout(self.norm(x), 0.3, self.training)
        return self.lin(x) + edge_weight.mean()


@pytest.mark.parametrize("model", [Own, pyg.GCN, pyg.GraphSAGE, pyg.GIN])
def test_seeds_are_their_own_and_the_global_generator_stays(model, real, small):
    evaluator = NodeEvaluator(real, epochs=6, hidden=8)
    small.edge_weight = None  # a threshold is chosen by all seeds together
    before = torch.get_rng_state()
    together = evaluator.fit(model, small, seeds=(0, 3))
    assert torch.equal(before, torch.get_rng_state())
    alone = evaluator.fit(model, small, seeds=(3,))
    for name in ("val_selected", "val_last", "test_last", "epoch_selected"):
        assert torch.equal(getattr(together, name)[1:], getattr(alone, name)), name
    assert together.model == model.__name__


def test_outputs_are_the_models_own(real):
    """The stacked weights in PyG's model give what the wrapped model gives."""
    kind = wrap(pyg.GCN)
    net = kind(10, 8, 3, seeds=(0, 1)).eval()
    inputs = kind.prepare(real.x_array, real.adj, np.arange(5), 2, torch.empty(0))
    out = net(*inputs)
    for s, seed in enumerate((0, 1)):
        torch.manual_seed(seed)
        plain = pyg.GCN(10, 8, 2, 3, dropout=0.5).eval()
        x, edges, weight, rows = inputs
        torch.testing.assert_close(out[s], plain(x, edges, weight)[rows])
    assert not torch.equal(net.train()(*inputs), out)  # dropout


def test_batch_statistics_are_kept_with_the_selected_epoch(real, small):
    result = NodeEvaluator(real, epochs=5).fit(Own, small, seeds=2)
    assert ((result.val_selected >= result.val_last) & (result.test_selected > 0)).all()
    net = wrap(Own)(10, 1, 3, seeds=(0, 1))
    assert net.norm__running_mean.shape == (2, 10)


def test_a_model_without_weights_gets_a_threshold_that_validation_chose(real, small):
    report = evaluate(
        small, real, models=[pyg.GraphSAGE, pyg.GCN], seeds=2, epochs=4, hidden=8,
        plain_epochs=0, random_draws=1, progress=False,
    )  # fmt: skip
    chosen = {(row.label, row.model): row.chosen for row in report.rows}
    assert chosen["condensed", "GraphSAGE"] in (
        "edges of weight 0.5 or more",
        "edges of weight 2 or more",
    )
    assert chosen["condensed", "GCN"] == chosen["whole", "GraphSAGE"] == ""
    assert "GraphSAGE ignored" in report.table()


def test_sage_is_pygs_sage(real):
    """On an unweighted graph the stacked model is as good as PyG's."""
    evaluator = NodeEvaluator(real, epochs=60, hidden=32)
    ours, theirs = (evaluator.fit_whole(m, seeds=5) for m in ("SAGE", pyg.GraphSAGE))
    assert abs(ours.test_selected.mean() - theirs.test_selected.mean()) < 0.06


def test_what_is_no_model_is_refused(real, small):
    def no_classes(in_channels):
        return nn.Linear(in_channels, 1)

    with pytest.raises(ValueError, match="no_classes does not take out_channels"):
        evaluate(small, real, models=[no_classes])
    with pytest.raises(ValueError, match="a model is a name or a class, got int"):
        evaluate(small, real, models=[3])
    with pytest.raises(ValueError, match="made a int"):
        NodeEvaluator(real).fit(lambda in_channels, out_channels: 3, small)
    assert wrap(Own) is wrap(Own)
    assert "GCN" in MODELS
