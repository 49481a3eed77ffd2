"""Differential privacy: the bound is a bound, the noise is what the account says, and methods see
nothing else."""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.stats import norm

import graphcondense
from graphcondense import cli
from graphcondense.core.method import Method
from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask
from graphcondense.domains import private
from graphcondense.domains.private import lengths, part_sums, sensitivity
from graphcondense.methods import all_methods
from graphcondense.ops.dp import Noise, epsilon_of, noise_multiplier
from tests.cases import toy_graph, toy_graphs

dp_accounting = pytest.importorskip("dp_accounting", reason="the extra private is not installed")

ABLE = sorted(
    name for (name, _), cls in all_methods().items() if cls.private_view is not Method.private_view
)
QUICK: dict[str, dict[str, Any]] = {
    "gcdm": {"epochs": 1, "hidden_channels": 4},
    "gcond": {"epochs": 1, "outer": 2, "hidden_channels": 4},
    "doscond": {"epochs": 2, "hidden_channels": 4},
}
PRIVATE: dict[str, Any] = {"epsilon": 4.0, "delta": 1e-4, "per_class": 2, "progress": False}


def tiny(seed: int, n: int = 7) -> NodeTask:
    """A random directed graph in float64, half of its nodes for training."""
    rng = np.random.default_rng(seed)
    adj = sp.csr_matrix(rng.random((n, n)) * (rng.random((n, n)) < 0.4))
    return NodeTask(
        x=torch.from_numpy(rng.standard_normal((n, 3))),
        adj=adj,
        y=torch.from_numpy(rng.integers(2, size=n)),
        train=torch.arange(0, n, 2),
        val=torch.arange(0),
        test=torch.arange(0),
        num_classes=2,
    )


def neighbours(task: NodeTask, rng: np.random.Generator) -> Any:
    """Tasks that differ in one node, as much as may be."""
    for v, sign, size, y in itertools.product(
        range(task.num_nodes), (-1, 1), (0.0, 1.0, 1e6), range(task.num_classes)
    ):
        x, labels = task.x.clone(), task.y.clone()
        direction = x[v] if rng.random() < 0.5 else torch.from_numpy(rng.standard_normal(3))
        x[v], labels[v] = sign * size * direction, y
        yield replace(task, x=x, y=labels, shared=None)


@pytest.mark.parametrize("weights", [(0.0, 0.0, 1.0), (-0.1, 0.9, 0.9), (1.0,)])
def test_no_other_node_moves_the_sums_further_than_the_bound(weights: tuple[float, ...]) -> None:
    length, most = 1.3, 0.0
    for seed in range(4):
        task, rng = tiny(seed), np.random.default_rng(seed)
        drawn, parts = torch.from_numpy(rng.random(len(task.train))), torch.tensor([2, 1])
        before = part_sums(task, weights, length, parts, drawn)
        for other in neighbours(task, rng):
            moved = part_sums(other, weights, length, parts, drawn) - before
            most = max(most, float(moved.norm()))
    bound = sensitivity(weights, length)
    assert most <= bound
    assert most > bound / 3  # a bound that no data come near would only cost


def star(train: torch.Tensor) -> NodeTask:
    """A node in the middle of twenty others, all of one feature."""
    adj = np.zeros((21, 21))
    adj[0, 1:] = adj[1:, 0] = 1
    return NodeTask(
        x=torch.ones(21, 3, dtype=torch.float64),
        adj=sp.csr_matrix(adj),
        y=torch.zeros(21, dtype=torch.long),
        train=train,
        val=torch.arange(0),
        test=torch.arange(0),
        num_classes=2,
    )


@pytest.mark.parametrize(
    ("name", "train"), [("INFLUENCE", torch.arange(1, 21)), ("REACH", torch.arange(1))]
)
def test_both_clippings_are_needed(
    name: str, train: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One node in the rows of many, and the row of one node that has many neighbours."""
    task, rng = star(train), np.random.default_rng(0)
    args = (0.0, 1.0), 1.0, torch.tensor([1, 1]), torch.zeros(len(train))
    bound = sensitivity((0.0, 1.0), 1.0)

    def most() -> float:
        before = part_sums(task, *args)
        return max(float((part_sums(o, *args) - before).norm()) for o in neighbours(task, rng))

    assert most() <= bound
    monkeypatch.setattr(private, name, 50.0)
    assert most() > bound


def test_lengths_move_by_the_root_of_two() -> None:
    task = tiny(3)
    before = lengths(task)
    assert int(before.sum()) == task.num_nodes
    for other in neighbours(task, np.random.default_rng(0)):
        assert float((lengths(other) - before).double().norm()) <= math.sqrt(2)
    x = torch.tensor([[2.0], [2.1], [0.0], [1e30], [1e-30]], dtype=torch.float64)
    one = replace(task, x=x, adj=task.adj[:5, :5], shared=None)
    found = {private.STEPS[0] + i: int(n) for i, n in enumerate(lengths(one)) if n}
    assert found == {-40: 1, 1: 1, 2: 1, 40: 1}  # 2 is the upper end of step 1


@pytest.mark.parametrize(("epsilon", "delta"), [(1.0, 1e-5), (4.0, 1e-6), (0.1, 1e-3)])
def test_noise_is_the_least_that_will_do(epsilon: float, delta: float) -> None:
    """Theorem 8 of Balle & Wang (ICML 2018): the least sigma solves this equation."""
    sigma = noise_multiplier(epsilon, delta)
    at = 1 / (2 * sigma)
    got = norm.cdf(at - epsilon * sigma) - math.exp(epsilon) * norm.cdf(-at - epsilon * sigma)
    assert got == pytest.approx(delta, rel=1e-6)


def test_a_worked_example() -> None:
    """sigma for (1, 1e-5), and that the classic formula of Dwork & Roth asks for more."""
    assert noise_multiplier(1.0, 1e-5) == pytest.approx(3.730632, abs=1e-5)
    assert noise_multiplier(1.0, 1e-5) < math.sqrt(2 * math.log(1.25 / 1e-5))


def test_two_accountants_agree() -> None:
    noise = Noise(4.0, 1e-5, torch.Generator())
    deviations = [noise.scale(share, 3.0) for share in private.SHARES.values()]
    assert noise.spent == pytest.approx(4.0, abs=1e-6)
    with pytest.raises(ValueError, match="of the privacy budget"):
        noise.scale(0.01, 1.0)
    accountant = dp_accounting.pld.PLDAccountant()
    for deviation in deviations:
        accountant.compose(dp_accounting.GaussianDpEvent(deviation / 3.0))
    assert accountant.get_epsilon(1e-5) == pytest.approx(noise.spent, rel=0.01)
    assert epsilon_of([], 1e-5) == 0
    assert epsilon_of([deviations[0] / 3.0], 1e-5) < 4.0


def test_noise_has_the_deviation_it_says() -> None:
    noise = Noise(1.0, 1e-5, torch.Generator().manual_seed(0))
    scale = noise.scale(1.0, 2.0)
    assert scale == pytest.approx(2 * noise_multiplier(1.0, 1e-5))
    drawn = noise.added(torch.ones(20_000), scale) - 1
    assert float(drawn.std()) == pytest.approx(scale, rel=0.03)
    assert abs(float(drawn.mean())) < 0.05 * scale


# --- what methods see ------------------------------------------------------------------------


def other_values(data: Any) -> Any:
    """The same edges and split, all features and labels others."""
    out = data.clone()
    generator = torch.Generator().manual_seed(9)
    out.x = 3 * torch.rand(out.x.shape, generator=generator)
    out.y = (out.y + 1) % 3
    return out


def test_who_can() -> None:
    assert ABLE == ["doscond", "gcdm", "gcond", "gecc", "quotient"]


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
@pytest.mark.parametrize("method", [*ABLE, "gcond-x", "gecc-hard"])
def test_methods_read_what_was_released_and_nothing_else(
    method: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two graphs are told alike, what is made of them is alike, bit for bit."""
    data, options = toy_graph(), QUICK.get(method.removesuffix("-x"), {})
    once = private.release(
        as_task(data),
        (0.0, 1.0),
        lambda s: torch.full((3,), 2),
        Noise(4.0, 1e-4, torch.Generator()),
    )
    monkeypatch.setattr(private, "release", lambda *args: once)
    made = [
        graphcondense.condense(one, method, seed=3, setting=setting, **PRIVATE, **options)
        for one in (data, other_values(data))
    ]
    assert torch.equal(made[0].x, made[1].x)
    assert torch.equal(made[0].y, made[1].y)
    records = [one.condensed for one in made]
    for name in ("seconds", "processor_seconds"):
        for record in records:
            record.pop(name)
    assert records[0] == records[1]


@pytest.mark.parametrize("method", ["gecc", "quotient"])
def test_validation_and_test_labels_change_nothing(method: str) -> None:
    """Without noise, ``quotient`` chooses by labels of validation nodes."""
    data, options = toy_graph(), QUICK.get(method, {})
    other = data.clone()
    rest = ~data.train_mask
    other.y[rest] = (other.y[rest] + 1) % 3
    made = [
        graphcondense.condense(one, method, seed=3, **PRIVATE, **options) for one in (data, other)
    ]
    assert torch.equal(made[0].x, made[1].x)


@pytest.mark.parametrize("hops", [0, 2])
def test_the_clusters_of_a_quotient_graph_are_the_noisy_sums(
    hops: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sums a class, and no link: the graph has their directions and classes, and says of no
    real node which it is in."""
    release, weights, found = private.release, (*[0.0] * hops, 1.0), []
    monkeypatch.setattr(private, "release", lambda *a: found.append(release(*a)) or found[0])
    small = graphcondense.condense(toy_graph(), "quotient", hops=hops, seed=3, **PRIVATE)
    (told,) = found
    record = small.condensed["privacy"]
    assert (record["noise"], record["length"]) == (told.deviation, told.length)
    by_hand = noise_multiplier(4.0, 1e-4) / math.sqrt(0.9) * sensitivity(weights, told.length)
    assert record["noise"] == pytest.approx(by_hand)
    assert small.num_edges == 0
    assert "assignment" not in small
    assert small.y.argmax(1).tolist() == [0, 0, 1, 1, 2, 2]
    assert torch.equal(small.y.sum(1), torch.ones(6))
    torch.testing.assert_close(small.x, told.rows.float(), rtol=1e-4, atol=1e-5)


def test_several_sizes_are_one_release() -> None:
    """The smaller graph is made of the sums of the larger one."""
    given = {key: value for key, value in PRIVATE.items() if key != "per_class"}
    graphs = graphcondense.condense(toy_graph(), "quotient", sizes=[3, 6], seed=3, **given)
    records = [graph.condensed["privacy"] for graph in graphs.values()]
    assert records[0] == records[1]
    assert records[0]["spent"] == pytest.approx(4.0, abs=1e-5)
    means = graphs[6].x.view(3, 2, -1).mean(1)
    torch.testing.assert_close(graphs[3].x, means, rtol=1e-4, atol=1e-5)
    assert {g.condensed["remarks"]["features"] for g in graphs.values()} == {"noisy sums"}


@pytest.mark.parametrize("asked", [{"nodes": 6}, {"sizes": [3, 6]}])
def test_a_release_that_is_there_is_given_back(asked: Any, tmp_path: Path) -> None:
    """It draws nothing; where something would be drawn, a run is not gone on with."""

    def made(**more: Any) -> Any:
        given = {key: value for key, value in PRIVATE.items() if key != "per_class"}
        options: dict[str, Any] = {**given, **asked, "out": tmp_path / "run", **more}
        found: Any = graphcondense.condense(toy_graph(), "quotient", **options)
        return [*found.values()] if isinstance(found, dict) else [found]

    with pytest.raises(ValueError, match=r"resume=True cannot act: epsilon= .*drawn again"):
        made(resume=True)
    first, again = made(), made(resume=True)
    assert [small.condensed for small in first] == [small.condensed for small in again]
    with pytest.raises(ValueError, match=r"is of another run: epsilon is 4\.0 there and 2\.0 here"):
        made(resume=True, epsilon=2.0)


def test_the_default_budget_asks_for_no_release() -> None:
    """Ten examples a class, of what is public."""
    given = {key: value for key, value in PRIVATE.items() if key != "per_class"}
    small = graphcondense.condense(toy_graph(n=300), **given)
    record = small.condensed
    assert (record["method"], record["budget"]["asked"]["nodes"]) == ("quotient", 30)
    assert "10 examples a class" in record["budget"]["default"]
    assert record["privacy"]["spent"] == pytest.approx(4.0, abs=1e-5)


def test_seeds() -> None:
    """A given seed repeats the noise; without one it cannot be known."""
    data = toy_graph()
    seeds: list[dict[str, int]] = [{"seed": 1}, {"seed": 1}, {"seed": 2}, {}, {}]
    one, same, two, none, nor = (
        graphcondense.condense(data, "gecc", **PRIVATE, **seed) for seed in seeds
    )
    assert torch.equal(one.x, same.x)
    for a, b in ((one, two), (none, nor)):
        assert not torch.equal(a.x, b.x)


def test_the_record_says_what_it_is_and_keeps_what_it_must() -> None:
    data = toy_graph()
    record = graphcondense.condense(data, "gcond-x", seed=1, **PRIVATE, **QUICK["gcond"]).condensed
    privacy = record["privacy"]
    assert (privacy["epsilon"], privacy["delta"]) == (4.0, 1e-4)
    assert privacy["spent"] == pytest.approx(4.0, abs=1e-5)
    assert "one node" in privacy["neighbours"]
    assert "edges" in privacy["public"]
    assert record["seed"] is None
    assert record["data"]["digest"] is None
    assert "bytes" not in record["data"]
    assert record["validation"] is None
    assert "privacy" not in graphcondense.condense(data, "gecc", per_class=2).condensed


def test_more_privacy_is_more_noise() -> None:
    data = as_task(toy_graph())
    found = [
        private.release(
            data, (0.0, 1.0), lambda s: torch.full((3,), 1), Noise(e, 1e-4, torch.Generator())
        ).deviation
        for e in (1.0, 4.0, 10.0)
    ]
    assert found[0] > found[1] > found[2] > 0


def test_on_the_command_line(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "toy.pt", tmp_path / "run"
    torch.save(toy_graph(), path)
    words = ["--per-class", "1", "--epsilon", "4", "--delta", "1e-4", "--out", str(out)]
    assert cli.main(["condense", "gecc", "--data", str(path), *words]) == 0
    assert "(4, 0.0001)-differentially private for" in capsys.readouterr().out
    assert cli.main(["show", str(out)]) == 0
    assert "(4, 0.0001)-differentially private for" in capsys.readouterr().out
    card = (out / "condensed.md").read_text()
    assert "| privacy.epsilon | 4.0 |" in card
    assert "seed: null" in (out / "config.yaml").read_text()
    assert not list(out.glob("checkpoint*"))


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "cgc"}, "cgc reads single nodes .* doscond, gcdm, gcond, gecc, quotient"),
        ({"method": "random"}, "random reads single nodes"),
        (
            {"method": "quotient", "contrast": 1.0},
            r"contrast=1\.0 cannot act: epsilon= is given, and what quotient gives are noisy sums",
        ),
        ({"method": "quotient", "plain": False}, "plain=False cannot act: epsilon= is given"),
        ({"epsilon": 0.0}, "epsilon=0.0 must be above 0"),
        ({"delta": 0.0}, "delta=0.0 must be above 0 and below 1"),
        ({"delta": 0.02}, "delta=0.02 is too large for 120 nodes"),
        ({"epsilon": None}, "delta=0.0001 cannot act: it goes with epsilon="),
        ({"method": "gcond-x", "validations": 2}, "validations=2 cannot act: epsilon= is given"),
        ({"candidates": 2}, "candidates=2 cannot act: epsilon= is given"),
        ({"method": "gcond-x", "validators": "GCN"}, "validators='GCN' cannot act: epsilon="),
        ({"pseudo_labels": 2}, "pseudo_labels=2 cannot act: epsilon="),
        ({"memory": "1GB"}, "epsilon=4 holds the whole graph in memory"),
        ({"method": "gcond-x", "resume": True, "out": "x"}, "resume=True cannot act: epsilon="),
        ({"data": toy_graphs()}, "epsilon=4 is for one graph with labelled nodes"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], said: str) -> None:
    given = {"data": toy_graph(), "method": "gecc", **PRIVATE, **options}
    if "data" in options:
        given["method"] = "random"
    with pytest.raises(ValueError, match=said):
        graphcondense.condense(given.pop("data"), given.pop("method"), **given)


def test_an_update_reads_anew() -> None:
    data = toy_graph()
    small = graphcondense.condense(data, "gecc", per_class=2, progress=False)
    with pytest.raises(ValueError, match="epsilon=4 cannot act: update reads"):
        graphcondense.update(small, data, epsilon=4.0)


def test_without_the_accountant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(
        ValueError, match=r'epsilon= needs .* pip install "graphcondense\[private\]"'
    ):
        graphcondense.condense(toy_graph(), "gecc", **PRIVATE)
