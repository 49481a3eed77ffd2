"""What a user's model may keep from one call to the next: nothing of a graph, and buffers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphcondense.evaluate import NodeEvaluator, fit
from graphcondense.nn.wrapped import wrap
from graphcondense.uses.serve import measure_serving

FAST: dict[str, Any] = {"epochs": 6, "hidden": 8}


class Layer(nn.Module):
    """One layer of PyG's that keeps the graph, behind two linear ones."""

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int, cached: bool):
        super().__init__()
        self.first = nn.Linear(in_channels, hidden_channels)
        self.last = nn.Linear(hidden_channels, out_channels)
        self.cached = cached
        self.conv = self.make(hidden_channels)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        return self.last(self.hear(h, edge_index, edge_weight))

    def hear(self, h: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        return self.conv(h, edge_index, edge_weight)


class Gcn(Layer):
    def make(self, width: int) -> nn.Module:
        return pyg.GCNConv(width, width, cached=self.cached)


class Nested(Gcn):
    """A subclass of the user's, inside a container inside a module."""

    def make(self, width: int) -> nn.Module:
        class Mine(pyg.GCNConv):
            pass

        return nn.ModuleList([nn.ModuleDict({"conv": Mine(width, width, cached=self.cached)})])

    def hear(self, h: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        return self.conv[0]["conv"](h, edge_index, edge_weight)


class Appnp(Layer):
    def make(self, width: int) -> nn.Module:
        return pyg.APPNP(3, 0.1, cached=self.cached)


class Gcn2(Layer):
    def make(self, width: int) -> nn.Module:
        return pyg.GCN2Conv(width, 0.1, cached=self.cached)

    def hear(self, h: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        return self.conv(h, h, edge_index, edge_weight)


class Fa(Gcn2):
    def make(self, width: int) -> nn.Module:
        return pyg.FAConv(width, cached=self.cached)

    def hear(self, h: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        return self.conv(h, h, edge_index)


class Eg(Layer):
    def make(self, width: int) -> nn.Module:
        aggregators = ["symnorm", "mean"]
        return pyg.EGConv(width, width, aggregators, cached=self.cached)

    def hear(self, h: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        return self.conv(h, edge_index)


class Propagated(nn.Module):
    """SGC, or its spectral form: what is kept is ``Â^K X`` itself."""

    conv: Any

    def __init__(self, in_channels: int, out_channels: int, cached: bool) -> None:
        super().__init__()
        self.only = self.conv(in_channels, out_channels, K=2, cached=cached)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        return self.only(x, edge_index, edge_weight)


class Sgc(Propagated):
    conv = pyg.SGConv


class Ssgc(Propagated):
    conv = partial(pyg.SSGConv, alpha=0.1)


class Own(nn.Module):
    """A memory of the user's own making, in the place that ``where`` names."""

    where = "attribute"

    def __init__(self, in_channels: int, out_channels: int, cached: bool) -> None:
        super().__init__()
        self.lin, self.cached = nn.Linear(in_channels, out_channels), cached
        self.kept: Any = None
        self.ready = False
        self.memo: dict[str, Any] = {}
        self.past: list[Any] = []
        self.register_buffer("empty", None)
        self.register_buffer("resized", torch.empty(0))

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        h = self.lin(x)
        ends, weight = gcn_norm(edge_index, edge_weight, len(x))
        adj = torch.zeros(len(x), len(x)).index_put((ends[1], ends[0]), weight, accumulate=True)
        return self.remembered(adj) @ h

    def remembered(self, adj: Tensor) -> Tensor:
        if not self.cached:
            return adj
        if self.where == "attribute":
            if not self.ready:
                self.kept, self.ready = adj, True
            return self.kept
        if self.where == "dict":
            return self.memo.setdefault("adj", adj)
        if self.where == "list":
            self.past.append(adj)
            return self.past[0]
        if self.where == "buffer of nothing":
            self.empty = adj if self.empty is None else self.empty
            return self.empty
        self.resized = self.resized if self.resized.numel() else adj
        return self.resized


class OwnDict(Own):
    where = "dict"


class OwnList(Own):
    where = "list"


class OwnEmpty(Own):
    where = "buffer of nothing"


class OwnBuffer(Own):
    where = "buffer of another size"


BASIC = partial(pyg.GCN)
KEEPERS = [Gcn, Nested, Appnp, Gcn2, Fa, Eg, Sgc, Ssgc]
KEEPERS += [Own, OwnDict, OwnList, OwnEmpty, OwnBuffer, BASIC]


def label(model: Any) -> str:
    return getattr(model, "__name__", "BasicGNN")


@pytest.mark.parametrize("model", KEEPERS, ids=label)
def test_a_model_that_keeps_its_graph_scores_as_its_twin_that_does_not(model, real, small):
    """On the small graph, the validation and the test nodes of the real one, and seed by seed."""
    keeps, plain = (partial(model, cached=cached) for cached in (True, False))
    small.x = real.x[real.train[:6]]
    small.y = real.y[real.train[:6]]
    evaluator = NodeEvaluator(real, epochs=3, hidden=8)
    mine, twin = (evaluator.fit(m, small, seeds=(0, 3)) for m in (keeps, plain))
    for name in ("val_selected", "epoch_selected", "test_selected", "val_last", "test_last"):
        assert torch.equal(getattr(mine, name), getattr(twin, name)), name
    nodes = real.test[:7]
    logits = [evaluator.predict(m, small, nodes, seeds=2) for m in (keeps, plain)]
    assert torch.equal(*logits)
    assert mine.model == twin.model


def test_serving_is_the_same_with_and_without_a_kept_graph(real, small):
    rows = [
        measure_serving(
            small, real, model=partial(Gcn, cached=c), seeds=2, ks=(1,), repeats=1, **FAST
        ).rows
        for c in (True, False)
    ]
    told = [[(r.label, r.way, r.test, r.val, r.ks, r.flows) for r in found] for found in rows]
    assert told[0] == told[1]


def test_a_call_leaves_nothing_of_the_graph(real):
    kind = wrap(partial(Gcn, cached=True))
    net = kind(10, 8, 3, seeds=(0, 1))
    inputs = kind.prepare(real.x_array, real.adj, np.arange(5), 2, torch.empty(0))
    net(*inputs)
    (code,) = net._code
    assert code.conv._cached_edge_index is None
    with pytest.raises(RuntimeError):  # nor does one that fails
        net(inputs[0][:, :4], *inputs[1:])
    assert code.conv._cached_edge_index is None


def test_a_partial_counts_as_its_class(real, small):
    bare = fit(pyg.GCN, small, real, seeds=2, **FAST)
    part = fit(partial(pyg.GCN, jk=None), small, real, seeds=2, **FAST)
    assert torch.equal(bare.test_last, part.test_last)
    assert part.model == "GCN"
    assert not wrap(partial(pyg.GCN, jk=None)).binary


class Weighted(nn.Module):
    """Its third argument is something else."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = pyg.GCNConv(in_channels, out_channels)

    def forward(self, x, edge_index, batch=None, edge_weight=None):
        assert batch is None
        return self.conv(x, edge_index, edge_weight)


def test_weights_go_to_the_argument_of_their_name(real, small):
    scores = [fit(m, small, real, seeds=1, **FAST) for m in (Weighted, partial(Propagate1))]
    assert torch.equal(scores[0].test_last, scores[1].test_last)


class Propagate1(Weighted):
    def forward(self, x, edge_index, edge_weight):
        return self.conv(x, edge_index, edge_weight)


class Moving(nn.Module):
    """Three buffers: changed in place, set anew, and counted."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(in_channels)
        self.lin = nn.Linear(in_channels, out_channels)
        self.register_buffer("mean", torch.zeros(in_channels))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x, edge_index):
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0).detach()
        return self.lin(self.norm(x) - self.mean)


def test_buffers_move_in_training_alone_as_in_plain_pytorch(real):
    kind = wrap(Moving)
    net = kind(10, 1, 3, seeds=(0, 1))
    inputs = kind.prepare(real.x_array, real.adj, np.arange(90), 2, torch.empty(0))
    torch.manual_seed(1)
    plain = Moving(10, 3)
    for _ in range(3):
        out = net.train()(*inputs)
        expected = plain.train()(*inputs[:2])
        torch.testing.assert_close(out[1], expected)
        before = {k: v.clone() for k, v in net.named_buffers()}
        net.eval()(*inputs)
        for name, value in net.named_buffers():
            assert torch.equal(value, before[name]), name
    for name, value in plain.named_buffers():
        torch.testing.assert_close(before[name.replace(".", "__")][1], value)


class Noisy(nn.Module):
    """Dropout that takes no notice of evaluation."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels)

    def forward(self, x, edge_index):
        return self.lin(F.dropout(x, 0.5))


def test_a_model_that_draws_in_evaluation_repeats_itself(real, small):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = fit(Noisy, small, real, seeds=(0, 3), **FAST)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    again = fit(Noisy, small, real, seeds=(3,), **FAST)
    for name in ("val_selected", "val_last", "test_last", "test_selected"):
        assert torch.equal(getattr(first, name)[1:], getattr(again, name)), name


class Frozen(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first, self.lin = nn.Linear(in_channels, 8), nn.Linear(8, out_channels)
        self.first.requires_grad_(False)

    def forward(self, x, edge_index):
        return self.lin(torch.relu(self.first(x)))


def test_what_is_frozen_stays(real, small):
    kind = wrap(Frozen)
    trained = NodeEvaluator(real, **FAST).train(Frozen, small, seeds=(2,))
    start = kind(10, 1, 3, seeds=(2,))
    for name, value in start.named_parameters():
        assert torch.equal(trained.selected[name], value) is name.startswith("first"), name


class Lazy(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin = nn.LazyLinear(out_channels)

    def forward(self, x, edge_index):
        return self.lin(x)


class Masked(Noisy):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        self.mask = torch.rand(in_channels)


class Pair(Noisy):
    def forward(self, x, edge_index):
        return self.lin(x), x


class Narrow(Noisy):
    def forward(self, x, edge_index):
        return self.lin(x)[:, :2]


class Nothing(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()

    def forward(self, x, edge_index):
        return x[:, :3]


class AllFrozen(Noisy):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        self.requires_grad_(False)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Lazy, "Lazy leaves the size of lin.weight to the first call; give its layer the number"),
        (Masked, r"Masked draws a tensor of its own for every seed, mask, .*register_buffer"),
        (Pair, r"Pair returned tuple; a model returns logits \[nodes, classes\], here \[6, 3\]"),
        (Narrow, r"Narrow returned \[6, 2\]; a model returns logits"),
        (Nothing, "Nothing has no parameters"),
        (AllFrozen, "AllFrozen has no parameter that requires a gradient"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_name(model, words, real, small):
    with pytest.raises(ValueError, match=words):
        fit(model, small, real, seeds=2, **FAST)
