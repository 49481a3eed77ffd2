"""Decoders of links: held to torch's own layers in float64, trained and ranked with as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import GCNConv

import graphcondense
from graphcondense.data import split_links
from graphcondense.data.link_task import Links, LinkTask
from graphcondense.evaluate import LinkEvaluator
from graphcondense.evaluate.links import Lesson, loss_on, ranks_of
from graphcondense.nn.links import Decoder, Dot, PairMLP, decoder_of
from tests.cases import toy_graph


def mlp(seeds: tuple[int, ...] = (0, 1), k: int = 5, hidden: int = 7) -> PairMLP:
    return PairMLP(k, hidden, seeds, dtype=torch.float64)


def by_hand(decoder: PairMLP, seed: int) -> nn.Sequential:
    """OGB's predictor of links, of torch's own layers, with the weights of one network."""
    k, hidden = decoder.first.shape[1:]
    layers = nn.Sequential(nn.Linear(k, hidden), nn.ReLU(), nn.Linear(hidden, 1)).double()
    with torch.no_grad():
        layers[0].weight.copy_(decoder.first[seed].T)
        layers[0].bias.copy_(decoder.first_bias[seed, 0])
        layers[2].weight.copy_(decoder.last[seed].T)
        layers[2].bias.copy_(decoder.last_bias[seed, 0])
    return layers


@pytest.mark.parametrize("how", ["pairs", "every", "among"])
def test_scores_and_gradients_are_those_of_torch_s_layers(how: str) -> None:
    decoder, rng = mlp(), torch.Generator().manual_seed(0)
    z = torch.randn(2, 6, 5, dtype=torch.float64, generator=rng, requires_grad=True)
    head, tail = torch.randint(6, (2, 9), generator=rng)
    for seed in range(2):
        layers, own = by_hand(decoder, seed), z[seed].detach().requires_grad_()
        if how == "pairs":
            got = decoder(z[:, head], z[:, tail])[seed]
            wanted = layers(own[head] * own[tail]).squeeze(1)
        elif how == "every":
            got = decoder.every(z)[seed]
            wanted = layers(own[:, None] * own[None]).squeeze(2)
        else:
            one = PairMLP(5, 7, (0,), dtype=torch.float64)
            one.load_state_dict({n: p[seed : seed + 1] for n, p in decoder.state_dict().items()})
            tails = tail.view(3, 3)
            got = one.among(z[seed][head[:3]], z[seed][tails])
            wanted = layers(own[head[:3]][:, None] * own[tails]).squeeze(2)
        torch.testing.assert_close(got, wanted)
        weight = torch.randn(wanted.shape, dtype=torch.float64, generator=rng)
        (mine,) = torch.autograd.grad((got * weight).sum(), z, retain_graph=True)
        (theirs,) = torch.autograd.grad((wanted * weight).sum(), own)
        torch.testing.assert_close(mine[seed], theirs)


def test_the_inner_product_is_one_in_all_its_forms() -> None:
    z, dot = torch.randn(1, 6, 5, dtype=torch.float64), Dot()
    every = dot.every(z)
    torch.testing.assert_close(every, Decoder.every(dot, z))
    tails = torch.randint(6, (4, 3))
    torch.testing.assert_close(
        dot.among(z[0, :4], z[0][tails]), Decoder.among(dot, z[0, :4], z[0][tails])
    )


def test_a_network_is_of_its_seed_whoever_is_beside_it() -> None:
    alone, beside = mlp((1,)), mlp((0, 1))
    for name, value in alone.state_dict().items():
        assert torch.equal(value[0], beside.state_dict()[name][1])
    assert not torch.equal(beside.first[0], beside.first[1])
    bound = nn.Linear(5, 7).weight.new_tensor(5**-0.5)
    assert float(beside.first.detach().abs().max()) <= float(bound)
    assert isinstance(decoder_of("dot", 5, 7, (0,), None), Dot)


def lesson_of(rng: np.random.Generator) -> Lesson:
    weights = sp.csr_matrix(rng.random((6, 6)) * (rng.random((6, 6)) < 0.6))
    links = sp.csr_matrix(weights + weights.T)
    return Lesson(np.ones((6, 1), np.float32), links, rng.random(6) + 0.5, links)


def test_the_loss_by_hand() -> None:
    """Links and pairs of groups, each counted as often as real ones, of every network."""
    lesson = lesson_of(np.random.default_rng(0))
    decoder, z = mlp(), torch.randn(2, 6, 5, dtype=torch.float64)
    wanted = torch.zeros((), dtype=torch.float64)
    share = torch.from_numpy(lesson.size / lesson.size.sum())
    right = torch.from_numpy(lesson.links.toarray() / lesson.links.sum())
    for seed in range(2):
        layers = by_hand(decoder, seed)
        for i in range(6):
            for j in range(6):
                score = layers(z[seed, i] * z[seed, j])[0]
                wanted = wanted + right[i, j] * F.softplus(-score)
                wanted = wanted + share[i] * share[j] * F.softplus(score)
    got = loss_on(lesson, (0, 1), 8, torch.device("cpu"), decoder)(z)
    torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-6)


def test_drawn_pairs_have_the_loss_of_all_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = lesson_of(np.random.default_rng(0))
    decoder, z = PairMLP(3, 4, (0, 1)), torch.randn(2, 6, 3)
    with torch.no_grad():
        whole = loss_on(lesson, (0, 1), 1, torch.device("cpu"), decoder)(z)
        monkeypatch.setattr(PairMLP, "most", 0)
        draw = loss_on(lesson, (0, 1), 10**6, torch.device("cpu"), decoder)
        drawn = torch.stack([draw(z) for _ in range(2000)]).mean()
    torch.testing.assert_close(drawn, whole, rtol=0.03, atol=0.03)


@pytest.mark.parametrize("shared", [False, True])
def test_ranks_are_those_of_the_scores(shared: bool) -> None:
    decoder, z = mlp((3,)), torch.randn(30, 5, dtype=torch.float64)
    rng = torch.Generator().manual_seed(0)
    ends = torch.randint(20, (2, 20), generator=rng)  # no wrong link is one of them: no score ties
    tails = torch.randint(20, 30, (20, 7), generator=rng)
    pairs = torch.randint(20, 30, (2, 7), generator=rng)
    layers = by_hand(decoder, 0)

    def score(a: Tensor, b: Tensor) -> Tensor:
        out: Tensor = layers(z[a] * z[b]).squeeze(-1)
        return out

    with torch.no_grad():
        wrong = score(*pairs).expand(20, 7) if shared else score(ends[0][:, None], tails)
        wanted = 1 + (wrong > score(*ends)[:, None]).sum(1).double()
        links = Links(ends, pairs=pairs) if shared else Links(ends, tails=tails)
        assert torch.equal(ranks_of(z, links, decoder), wanted)


@pytest.fixture(scope="module")
def task() -> LinkTask:
    return split_links(toy_graph(seed=3), val=0.1, test=0.2, negatives=8, seed=0)


def fitted(task: LinkTask, small: Any, decoder: str, seeds: int = 2) -> Any:
    evaluator = LinkEvaluator(task, decoder=decoder, epochs=20, hidden=16)
    return evaluator.fit("GCN", small, seeds=seeds)


@pytest.mark.parametrize("where", ["whole", "condensed"])
def test_both_decoders_train_and_differ(task: LinkTask, where: str) -> None:
    small = task if where == "whole" else graphcondense.condense(task, nodes=12, progress=False)
    dot, first, again = (fitted(task, small, name) for name in ("dot", "mlp", "mlp"))
    assert torch.equal(first.test_selected, again.test_selected)  # the same seed, the same bits
    assert not torch.equal(first.val_last, dot.val_last)
    assert float(first.val_selected.min()) > 0.25  # at random: sum of 1 / r over 9 ranks, 0.31


def test_the_decoder_learns(task: LinkTask) -> None:
    """Its weights are among what is trained, and are those of the chosen epoch when ranks are."""
    evaluator = LinkEvaluator(task, decoder="mlp", epochs=5, hidden=16)
    model = evaluator.model_of("GCN")
    trained = evaluator.trained(model, task, (0, 1), False)
    new = PairMLP(16, 16, (0, 1)).state_dict()
    for name in new:
        assert not torch.equal(trained.selected[f"decoder.{name}"], new[name])
    every, none = np.arange(task.num_nodes), torch.empty(0)
    z = trained.model(*model.prepare(task.x_array, task.adj, every, 2, none))
    ranks = [
        ranks_of(
            z[seed].detach(),
            task.test,
            trained.model.decoder_at(
                {n: v[seed : seed + 1] for n, v in trained.model.state_dict().items()},
                PairMLP(16, 16, (seed,)),
            ),
        )
        for seed in range(2)
    ]
    last = torch.stack([(1 / r).mean() for r in ranks])
    torch.testing.assert_close(evaluator.test(trained).last, last)


def test_a_report_says_which_decoder(task: LinkTask) -> None:
    small = graphcondense.condense(task, nodes=12, progress=False)
    report = graphcondense.evaluate(
        small, task, models=["GCN"], seeds=1, epochs=3, decoder="mlp", baselines=(), progress=False
    )
    assert "decoder MLP of the elementwise product" in report.table()
    with pytest.raises(ValueError, match="decoder='bilinear'"):
        LinkEvaluator(task, decoder="bilinear")


def test_a_gcn_of_pyg_with_the_decoder_ranks_alike(task: LinkTask) -> None:
    """One layer of PyG's, the same weights: what is ranked is what a user would compute."""
    evaluator = LinkEvaluator(task, decoder="mlp", epochs=3, hidden=16, num_layers=1)
    model = evaluator.model_of("GCN")
    trained = evaluator.trained(model, task, (0,), False)
    x = torch.as_tensor(np.asarray(task.x))
    conv = GCNConv(x.shape[1], 16)
    weights = dict(trained.model.encoder.named_parameters())
    with torch.no_grad():
        for value in weights.values():
            flat = value[0]
            (conv.bias if flat.numel() == 16 else conv.lin.weight).copy_(
                flat.reshape(-1) if flat.numel() == 16 else flat.T
            )
        coo = task.adj.tocoo()
        z = conv(x, torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64)))
        ranks = ranks_of(z, task.test, trained.model.decoder)
    torch.testing.assert_close(evaluator.test(trained).last[0], (1 / ranks).mean())
