"""MCond: the shared cases, the losses of its mapping by hand, and what is stored of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

import graphcondense
from graphcondense.core.types import Batch, Learner
from graphcondense.data import mapping_matrix
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node import NodeSynthetic
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.structure import Fixed
from graphcondense.methods.mcond import (
    Mapped,
    MappedGraph,
    MCond,
    Support,
    apart,
    attached,
    link_loss,
    nearest_nodes,
    whole_rows,
)
from graphcondense.nn.propagate import SGC
from graphcondense.objectives.gradient import GradientMatching
from graphcondense.ops.adjacency import gcn_norm_dense
from tests.cases import NodeCase, Whole, toy_graph

SMALL = {"hidden_channels": 8, "validations": 2, "structure_hidden": 8}


class TestMCond(NodeCase):
    name = "mcond"
    options = {
        "epochs": 2,
        "outer": 3,
        "inner": 2,
        "adj_turns": 1,
        "x_turns": 1,
        "support": 20,
        "map_last": 3,
        **SMALL,
    }

    def test_the_mapping_is_stored_beside_the_graph(self, whole: Whole) -> None:
        again: Any = graphcondense.load(whole.folder)
        found = mapping_matrix(again)
        assert found.shape == (120, 6)
        assert (found != mapping_matrix(whole.small)).nnz == 0
        np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
        assert found.data.min() > 0
        card = (whole.folder / "condensed.md").read_text()
        size = 4 * (121 + 2 * found.nnz)
        assert f"{found.nnz:,} entries, {size:,} bytes beside the graph" in card
        bare = again.clone()
        for name in ("mapping_crow", "mapping_col", "mapping_value"):
            del bare[name]
        assert graphcondense.data.tensor_bytes(bare) == whole.small.condensed["bytes"]

    def test_the_mapping_moves_in_its_own_turns(self) -> None:
        still = mapping_matrix(self.condense(lr_map=0.0, validations=0))
        for last in (0, 3):
            moved = mapping_matrix(self.condense(validations=0, map_last=last))
            assert np.abs((still - moved).toarray()).max() > 0.01

    def test_the_mapping_of_a_graph_that_is_its_start_is_learnt(self) -> None:
        """No matter which state of the graph validation keeps."""
        few, more = (self.condense(epochs=0, map_last=last, validations=0) for last in (1, 9))
        assert torch.equal(few.x, more.x)
        assert np.abs((mapping_matrix(few) - mapping_matrix(more)).toarray()).max() > 0.01

    def test_what_is_cut_after_the_loop_goes_on(
        self, whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stopped(*args: object, **options: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("graphcondense.methods.mcond.distill", stopped)
            with pytest.raises(KeyboardInterrupt):
                self.condense(out=tmp_path)
        again = self.condense(out=tmp_path, resume=True)
        assert again.condensed["hash"] == whole.small.condensed["hash"]

    def test_training_nodes_of_a_set_alone(self) -> None:
        small = self.condense(setting="inductive")
        assert mapping_matrix(small).shape == (60, 6)


def parts(both: bool = True) -> tuple[NodeSource, MappedGraph, Learner, Support]:
    """A real graph, a small one with a mapping and a network, in float64."""
    rng = Generator().manual_seed(0)
    data = toy_graph(n=30)
    real = NodeSource(as_task(data), dtype=torch.float64)
    adj = torch.rand(6, 6, generator=rng, dtype=torch.float64).triu(1)
    x = torch.randn(6, 12, generator=rng, dtype=torch.float64)
    plain = NodeSynthetic(
        x, torch.arange(3).repeat_interleave(2), Fixed(adj + adj.T), num_classes=3
    )
    columns = torch.stack([torch.randperm(6, generator=rng)[:4] for _ in range(30)])
    logits = torch.randn(30, 4, generator=rng, dtype=torch.float64)
    syn = MappedGraph(plain, columns, logits, cut=0.2, threshold=0.0)
    model = SGC(12, 5, 3).double()
    return real, syn, Learner(model, dict(model.named_parameters())), Support(real, 2, 8, both)


def whole_mapping(syn: MappedGraph) -> Tensor:
    """``M [N, n]``, by loops."""
    out = torch.zeros(len(syn.logits), len(syn.x), dtype=torch.float64)
    for i, row in enumerate(torch.softmax(syn.logits, 1)):
        for at, share in zip(syn.columns[i], row, strict=True):
            out[i, at] += share.detach()
    return out


@pytest.mark.parametrize("both", [True, False])
def test_losses_by_hand(both: bool) -> None:
    real, syn, learner, support = parts(both)
    drawn = support.draw(Generator().manual_seed(3))
    objective = Mapped(GradientMatching(), support, inductive=0.7, links=0.0)
    found = objective.mapping(syn, learner, drawn, Generator().manual_seed(1)).item()
    mapping, nodes = whole_mapping(syn), drawn.nodes
    x = torch.from_numpy(real.task.x_array).double()
    adj = torch.from_numpy(real.task.adj.toarray()).double()
    operator = torch.from_numpy(real.task.gcn_adj.toarray()).double()
    first, bias = learner.params["lins.0.weight"], learner.params["lins.0.bias"]
    wanted = (operator @ operator @ x @ first.T + bias)[nodes]
    own = syn.structure(syn.x)
    step = gcn_norm_dense(own)
    small = step @ step @ syn.x @ first.T + bias
    unit = wanted.norm(dim=1).mean()
    transductive = (mapping[nodes] @ small - wanted).norm(dim=1).mean() / unit
    # The others are known: edges to them go through the mapping, edges among the drawn stay.
    known = torch.ones(30, dtype=torch.bool)
    known[nodes] = False
    links = adj[nodes] * known @ mapping
    big = torch.zeros(14, 14, dtype=torch.float64)
    big[:6, :6], big[6:, :6], big[6:, 6:] = own, links, adj[nodes][:, nodes]
    if both:
        big[:6, 6:] = links.T
    step = gcn_norm_dense(big)
    served = (step @ step @ torch.cat([syn.x, x[nodes]]) @ first.T + bias)[6:]
    inductive = (served - wanted).norm(dim=1).mean() / unit
    assert found == pytest.approx((transductive + 0.7 * inductive).item(), rel=1e-9)


def test_links_by_hand() -> None:
    rng = Generator().manual_seed(0)
    shares = torch.softmax(torch.randn(5, 3, generator=rng, dtype=torch.float64), 1)
    among = torch.zeros(5, 5, dtype=torch.float64)
    among[0, 1] = among[1, 0] = among[2, 3] = 1.0
    adj = torch.tensor([[0, 0.5, 0], [0.5, 0, 0.2], [0, 0.2, 0]], dtype=torch.float64)
    found = float(link_loss(shares, adj, among, Generator().manual_seed(4)))
    pairs = torch.randint(5, (2, 3), generator=Generator().manual_seed(4))
    likely = shares @ (adj + torch.eye(3, dtype=torch.float64)) @ shares.T
    terms = [-float(likely[i, j].log()) for i, j in ((0, 1), (1, 0), (2, 3))]
    for i, j in pairs.T.tolist():
        if i != j and not among[i, j]:
            terms.append(-float((1 - likely[i, j]).log()))
    assert found == pytest.approx(sum(terms) / len(terms), rel=1e-12)
    assert float(link_loss(shares, adj, torch.zeros(5, 5).double(), rng)) == 0


def test_the_gradient_agrees_with_finite_differences() -> None:
    _, syn, learner, support = parts()
    drawn = support.draw(Generator().manual_seed(3))
    objective = Mapped(GradientMatching(), support, inductive=1.3, links=0.4)

    def loss() -> Tensor:
        return objective.mapping(syn, learner, drawn, Generator().manual_seed(1))

    (slope,) = torch.autograd.grad(loss(), [syn.logits])
    assert float(slope.abs().max()) > 1e-4
    step = 1e-6
    for i, k in ((int(drawn.nodes[0]), 0), (int(drawn.sources[0]), 2), (int(drawn.sources[-1]), 3)):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                syn.logits[i, k] += sign * step
                values.append(float(loss()))
                syn.logits[i, k] -= sign * step
        assert float(slope[i, k]) == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-7)


def test_support_nodes_leave_the_graph_with_all_their_edges() -> None:
    real, _, _, support = parts()
    drawn = support.draw(Generator().manual_seed(5))
    adj = torch.from_numpy(real.task.adj.toarray()).double()
    rebuilt = torch.zeros(8, 30, dtype=torch.float64)
    rebuilt[drawn.targets, drawn.sources] = drawn.weights
    rebuilt[:, drawn.nodes] += drawn.among
    assert torch.equal(rebuilt, adj[drawn.nodes])
    assert not torch.isin(drawn.sources, drawn.nodes).any()
    assert torch.allclose(drawn.rows, whole_rows(real, 2)[drawn.nodes])


def test_what_is_cut_and_what_is_kept() -> None:
    _, syn, _, _ = parts()
    found, whole = syn.mapping().toarray(), whole_mapping(syn).numpy()
    kept = np.where(whole > 0.2, whole, 0)
    np.testing.assert_allclose(found, kept / kept.sum(1, keepdims=True), rtol=1e-6)
    syn.cut = 2.0  # nothing is above it: every row keeps its largest
    assert (syn.mapping().toarray().argmax(1) == whole.argmax(1)).all()
    assert syn.mapping().nnz == 30


def test_training_nodes_belong_to_their_class_first() -> None:
    real, syn, _, _ = parts()
    rows = whole_rows(real, 2)
    near = nearest_nodes(rows, syn.x.detach(), 2, real, syn.y)
    train = real.task.train
    assert torch.equal(syn.y[near.columns[train]], real.labels[:, None].expand(-1, 2))
    cosines = torch.nn.functional.cosine_similarity(rows[:, None], syn.x.detach()[None], dim=2)
    free = torch.ones(30, dtype=torch.bool)
    free[train] = False
    assert torch.allclose(near.cosines[free], cosines.topk(2, dim=1).values[free])


def test_without_edges_of_the_small_graph() -> None:
    links = torch.tensor([[1.0, 0.0]])
    among = torch.zeros(1, 1)
    assert torch.allclose(
        attached(None, links, among, True), attached(torch.zeros(2, 2), links, among, True)
    )
    assert attached(None, links, among, False)[:2, 2:].abs().max() == 0
    assert float(apart(torch.zeros(2, 2), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))) == pytest.approx(
        2.5, abs=1e-5
    )


@pytest.mark.parametrize("turn", ["step", "epoch"])
def test_turns_of_the_mapping_come_on_top(turn: Any) -> None:
    real = NodeSource(as_task(toy_graph()))
    method = MCond(nodes=6, epochs=5, outer=4, adj_turns=1, x_turns=4, map_turns=2, turn=turn)
    found = method.schedule(4, method.start(real, Generator().manual_seed(0)))
    turns = [found.active(step)[0] for step in range(found.steps)]
    assert turns.count("map") == 20 * 2 // 5
    assert turns.count("adj") + turns.count("x") == 20
    plain = MCond(nodes=6, structure="identity", epochs=5, outer=4, x_turns=4)
    found = plain.schedule(4, plain.start(real, Generator().manual_seed(0)))
    assert [found.active(step)[0] for step in range(5)] == ["x"] * 4 + ["map"]


def test_a_mapping_too_large_is_refused(tmp_path: Path) -> None:
    real = NodeSource(as_task(toy_graph()))
    few, many = (MCond(nodes=60, nearest=k).memory_bytes(real) for k in (2, 60))
    assert many - few == 4 * 58 * (
        10 * 120 + 8 * (120 + 120 * int(np.ceil(real.task.adj.nnz / 120)))
    )


def test_batches_have_a_mapping_of_any_batch_size() -> None:
    """A support that is larger than the graph is all of it."""
    real, syn, learner, _ = parts()
    everyone = Support(real, 2, 1000, True).draw(Generator().manual_seed(0))
    assert sorted(everyone.nodes.tolist()) == list(range(30))
    assert not len(everyone.sources)
    objective = Mapped(GradientMatching(), Support(real, 2, 1000, True), 1.0, 1.0)
    loss = objective(syn, real, learner, Generator().manual_seed(0))
    assert bool(torch.isfinite(loss))
    assert isinstance(learner.features(Batch((everyone.rows, None), everyone.rows)), Tensor)
