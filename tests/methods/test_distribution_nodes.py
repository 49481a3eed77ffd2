"""GCDM and SimGC: the shared cases, and their losses by hand loops."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

import graphcondense
from graphcondense.core.pools import Taught
from graphcondense.core.types import Batch, Learner
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node import NodeSynthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.structure import Fixed
from graphcondense.methods.simgc import SimGC
from graphcondense.nn.propagate import MODELS, SGC
from graphcondense.objectives.distribution import ReceptiveFieldMatching
from graphcondense.ops.adjacency import gcn_norm_dense
from tests.cases import NodeCase, toy_graph

SMALL = {"hidden_channels": 8, "validations": 2, "structure_hidden": 8}


class TestGCDM(NodeCase):
    name = "gcdm"
    options = {"epochs": 2, "outer": 3, "inner": 2, **SMALL}


class TestSimGC(NodeCase):
    name = "simgc"
    options = {"epochs": 6, "teacher_steps": 5, **SMALL}


def both() -> tuple[NodeSource, NodeSynthetic]:
    """A real and a small graph in float64."""
    rng = Generator().manual_seed(0)
    real = NodeSource(as_task(toy_graph()), dtype=torch.float64)
    adj = torch.rand(6, 6, generator=rng, dtype=torch.float64).triu(1)
    x = torch.randn(6, 12, generator=rng, dtype=torch.float64)
    y = torch.tensor([0, 0, 1, 1, 1, 2])
    syn = NodeSynthetic(x, y, Fixed(adj + adj.T), threshold=0.0, num_classes=3)
    return real, syn


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_sums_over_layers_are_those_of_the_layers(
    name: str, layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the first layer is made some rows at a time."""
    monkeypatch.setattr("graphcondense.nn.propagate.ROWS", 5)
    real, _ = both()
    rng = Generator().manual_seed(1)
    model = MODELS[name](12, 8, 3, layers).double()
    batch = model.settled(real.looking(model.hops).batch())
    members = torch.rand(4, len(batch.y), generator=rng, dtype=torch.float64)
    with torch.no_grad():
        summed = model(*batch.inputs, members=members)
        expected = [members @ layer for layer in model(*batch.inputs, layers=True)]
    with_gradients = model(*batch.inputs, members=members)
    assert len(summed) == layers
    for a, b, c in zip(summed, expected, with_gradients, strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)
        assert torch.allclose(c, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_layer_on_blocks_and_on_the_whole_graph(name: str) -> None:
    """What a class sees on its blocks is what the whole graph gives, and outputs come last."""
    real, _ = both()
    model = MODELS[name](12, 8, 3).double()
    batch = real.looking(model.hops).batch(1)
    whole = torch.from_numpy(real.task.gcn_adj.toarray()).double()
    x = torch.from_numpy(real.task.x_array).double()
    rows = real.task.train[real.labels == 1]
    on_blocks, on_all = model(*batch.inputs, layers=True), model(x, whole, layers=True)
    assert len(on_blocks) == len(on_all) == 2
    if name != "appnp":  # whose steps return to the start: equal on a whole graph alone
        for a, b in zip(on_blocks, on_all, strict=True):
            assert torch.allclose(a, b[rows])
    assert torch.allclose(on_all[-1], model(x, whole), rtol=1e-12, atol=1e-14)


def test_receptive_fields_by_hand() -> None:
    real, syn = both()
    model = MODELS["gcn"](12, 8, 3).double()
    learner = Learner(model, dict(model.named_parameters()))
    found = ReceptiveFieldMatching()(syn, real, learner, Generator())
    whole = torch.from_numpy(real.task.gcn_adj.toarray()).double()
    x = torch.from_numpy(real.task.x_array).double()
    small = gcn_norm_dense(syn.structure(syn.x))
    expected = 0.0
    for c, share in enumerate((2 / 6, 3 / 6, 1 / 6)):
        one, two = x, syn.x
        for lin, last in zip(model.lins, (False, True), strict=True):
            one, two = whole @ one @ lin.weight.T + lin.bias, small @ two @ lin.weight.T + lin.bias
            one, two = (one, two) if last else (one.relu(), two.relu())
            mean = one[real.task.train[real.labels == c]].mean(0)
            expected += share * float((mean - two[syn.y == c].mean(0)).square().sum())
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_simgc_by_hand() -> None:
    real, syn = both()
    method = SimGC(nodes=6, alpha=2.0, beta=0.7, sigma=0.9, hidden_channels=8)
    model = SGC(12, 8, 3).double()
    learner = Learner(model, dict(model.named_parameters()))
    found = method.objective(real)(syn, real, learner, Generator())
    operator = torch.from_numpy(real.task.gcn_adj.toarray()).double()
    adj = syn.structure(syn.x)
    small = gcn_norm_dense(adj)
    x, own = torch.from_numpy(real.task.x_array).double(), syn.x
    expected = float(torch.nn.functional.cross_entropy(model(syn.x, small), syn.y))
    train = real.task.train
    scale = float(x[train].square().sum(1).mean())
    for _ in range(3):
        rows = x[train]
        size = float(rows.square().sum(1).mean())
        for c, share in enumerate((2 / 6, 3 / 6, 1 / 6)):
            theirs, mine = rows[real.labels == c], own[syn.y == c]
            off = (theirs.mean(0) - mine.mean(0)).square().sum()
            off += (theirs.std(0, correction=0) - mine.std(0, correction=0)).square().sum()
            expected += 2.0 * share * float(off) / size
        x, own = operator @ x, small @ own
    for i in range(6):
        for j in range(6):
            square = float((syn.x[i] - syn.x[j]).square().sum()) / scale
            near = torch.exp(torch.tensor(-square / (2 * 0.9**2), dtype=torch.float64))
            expected += 0.7 * float(adj[i, j] * near) * square / 6
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_the_teacher_is_taught_once_and_kept() -> None:
    real, syn = both()
    model = SGC(12, 8, 3).double()
    lesson = Batch((real.design(model), None), real.labels)
    pool = Taught(model, lesson, 50)
    learners = pool(syn, real, Generator().manual_seed(0))
    first, second = next(learners), next(learners)
    assert first.params is second.params
    start = next(Taught(model, lesson, 0)(syn, real, Generator().manual_seed(0)))
    assert float(first.loss(lesson)) < 0.7 * float(start.loss(lesson))
    again = next(pool(syn, real, Generator(), first.memory))
    assert all(torch.equal(first.params[k], again.params[k]) for k in first.params)


def test_sigma_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"sigma=0.0"):
        graphcondense.condense(toy_graph(), "simgc", nodes=9, sigma=0.0)
