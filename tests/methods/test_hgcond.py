"""HGCond: what paths bring by hand, gradients on two ways, orthogonal sequences, the start."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

import graphcondense
from graphcondense.core.pools import Fresh, built, independent, orthogonal
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.domains import hetero_matching
from graphcondense.domains.hetero import HeteroSource
from graphcondense.domains.hetero_matching import LearntHetero, SeenByPaths, propagated
from graphcondense.domains.hetero_quotient import quotient_of
from graphcondense.methods.hgcond import HGCond
from graphcondense.nn.propagate import SGC
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.hetero import HeteroGraph
from tests.cases import HeteroCase, toy_hetero


class TestHGCond(HeteroCase):
    name = "hgcond"
    options: ClassVar[dict[str, Any]] = {"dims": 8, "hidden_channels": 8, "epochs": 3, "outer": 2}


SMALL: dict[str, Any] = {"dims": 8, "hidden_channels": 8, "progress": False, "validations": 0}


def toy() -> HeteroSource:
    return HeteroSource(as_hetero(toy_hetero(n=60)).blind(validates=True))


def by_hand(graph: HeteroGraph, target: str, hops: int, own: float) -> dict[str, np.ndarray]:
    """What all target nodes hear of each type, dense and in float64."""
    states = {
        kind: {s: np.zeros((n, graph.widths[s])) for s in graph.x}
        for kind, n in graph.counts.items()
    }
    for kind, rows in graph.x.items():
        states[kind][kind] = np.asarray(rows, np.float64)
    for _ in range(hops):
        after: dict[str, dict[str, np.ndarray]] = {}
        for kind in graph.x:
            into = [r for r in graph.relations if r[2] == kind]
            after[kind] = {}
            for s in graph.x:
                total = own * states[kind][s]
                for r in into:
                    dense = graph.relations[r].toarray().astype(np.float64)
                    mean = dense / np.maximum(dense.sum(1, keepdims=True), 1)
                    total = total + mean @ states[r[0]][s]
                after[kind][s] = total / (own + len(into))
        states = after
    return states[target]


@pytest.mark.parametrize("hops", [0, 1, 2, 3])
def test_what_is_heard_along_paths(hops: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hetero_matching, "COLUMNS", 5)  # of 12: blocks of features change nothing
    real = toy()
    graph, nodes = real.task.graph, real.task.train.numpy()
    got = {kind: np.full((len(nodes), w), np.nan) for kind, w in graph.widths.items()}
    for kind, block, rows in propagated(graph, "paper", nodes, hops, 0.5):
        got[kind][:, block] = rows
    wanted = by_hand(graph, "paper", hops, 0.5)
    for kind, rows in wanted.items():
        np.testing.assert_allclose(got[kind], rows[nodes], atol=1e-5)
    assert bool(wanted["author"].any()) is (hops > 0)


def test_both_worlds_are_seen_alike() -> None:
    """A condensed graph that is the real one, its nodes its own groups, is seen as the real one."""
    real = toy()
    task = real.task
    y = torch.zeros(task.num_nodes, dtype=torch.long)
    whole = LearntHetero(task.graph, "paper", y, 3, 2, 0.5, {}, {})
    seen = SeenByPaths(real, 2, 0.5)
    torch.testing.assert_close(whole.batch().inputs[0][task.train].detach(), seen.rows)
    for c in range(3):
        rows = seen.batch(c)
        assert torch.equal(rows.inputs[0], seen.rows[seen.labels == c])
        assert torch.equal(rows.y, torch.full((len(rows.y),), c))


def loss_of(method: HGCond, real: HeteroSource, syn: Any, path: Any, networks: int) -> Tensor:
    """The mean distance of gradients over new networks."""
    source = SeenByPaths(real, method.hops, method.own)
    model = built(SGC, source.rows.shape[1], 8, 3, bias=False, hops=0)
    rng, objective = Generator().manual_seed(5), GradientMatching(path=path)
    learners = Fresh(model, draws=orthogonal)(syn, source, rng)
    losses = [objective(syn, source, next(learners), rng) for _ in range(networks)]
    return torch.stack(losses).mean()


def test_gradients_in_closed_form_are_those_of_autograd() -> None:
    real, method = toy(), HGCond(nodes=9, dims=8)
    syn = method.parts(real, Generator().manual_seed(0)).syn
    closed, other = (loss_of(method, real, syn, path, 1) for path in ("closed", "autograd"))
    torch.testing.assert_close(closed, other, rtol=1e-4, atol=1e-4)
    x = list(syn.parameters())
    for a, b in zip(torch.autograd.grad(closed, x), torch.autograd.grad(other, x), strict=True):
        assert bool(a.any())  # of every type of nodes
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_features_of_all_types_are_learnt_and_relations_stay() -> None:
    """Features start as the means of groups, and end where gradients of new networks are nearer to
    the real ones."""
    data, real = toy_hetero(n=60), toy()
    start, end = (
        graphcondense.condense(data, "hgcond", nodes=9, epochs=n, **SMALL) for n in (0, 40)
    )
    groups = {kind: start[kind].assignment.numpy() for kind in data.node_types}
    quotient = quotient_of(real.task.graph, groups, 0.01)
    for kind in data.node_types:
        np.testing.assert_allclose(start[kind].x, quotient.x[kind], atol=1e-6)
        assert torch.equal(start[kind].assignment, end[kind].assignment)
        assert not torch.allclose(start[kind].x, end[kind].x, atol=1e-3)
    for relation, matrix in quotient.relations.items():
        assert start[relation].num_edges == matrix.nnz
        assert torch.equal(start[relation].edge_index, end[relation].edge_index)
    method, losses = HGCond(nodes=9, dims=8), []
    for small in (start, end):
        x = {kind: small[kind].x.numpy() for kind in data.node_types}
        graph = HeteroGraph(x, quotient.relations)
        syn = LearntHetero(graph, "paper", small["paper"].y, 3, method.hops, method.own, {}, {})
        losses.append(float(loss_of(method, real, syn, "closed", 8)))
    assert losses[1] < 0.8 * losses[0], losses


def test_groups_are_of_one_class() -> None:
    """Training nodes are in groups of their own class."""
    data = toy_hetero(n=60)
    small = graphcondense.condense(data, "hgcond", nodes=9, epochs=0, **SMALL)
    group, train = small["paper"].assignment, data["paper"].train_mask
    assert torch.equal(small["paper"].y[group[train]], data["paper"].y[train])


def test_orthogonal_sequences() -> None:
    """As many networks as a weight has rows have columns at right angles, of length one; the next
    one begins another sequence."""
    model, rng, left = SGC(6, 5, 3, bias=False), Generator().manual_seed(0), {}
    drawn: list[dict[str, Tensor]] = []
    for _ in range(11):
        weights, left = orthogonal(model, rng, left)
        drawn.append(weights)
    for name, rows in {"lins.0.weight": 5, "lins.1.weight": 3}.items():
        every = torch.stack([weights[name] for weights in drawn])
        for first in range(0, 11 - rows, rows):
            part = every[first : first + rows]
            gram = torch.einsum("koi,loi->ikl", part, part)
            torch.testing.assert_close(gram, torch.eye(rows).expand_as(gram), atol=1e-5, rtol=0)
        assert not torch.allclose(every[0], every[rows], atol=1e-2)


def test_long_sequences_stay_orthogonal() -> None:
    model, rng, left = nn.Linear(2, 64), Generator().manual_seed(0), {}
    drawn = []
    for _ in range(64):
        weights, left = orthogonal(model, rng, left)
        drawn.append(weights["weight"])
    every = torch.stack(drawn)
    gram = torch.einsum("koi,loi->ikl", every, every)
    torch.testing.assert_close(gram, torch.eye(64).expand_as(gram), atol=1e-5, rtol=0)


def test_what_is_no_matrix_is_drawn_as_ever() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3))
    one, _ = orthogonal(model, Generator().manual_seed(0), {})
    two, _ = independent(model, Generator().manual_seed(0), {})
    for name in ("0.bias", "1.weight", "1.bias"):
        assert torch.equal(one[name], two[name])


def test_networks_may_be_independent() -> None:
    data = toy_hetero(n=60)
    one, two = (
        graphcondense.condense(data, "hgcond", nodes=9, epochs=4, draws=draws, **SMALL)
        for draws in ("orthogonal", "independent")
    )
    assert one.condensed["hash"] != two.condensed["hash"]
