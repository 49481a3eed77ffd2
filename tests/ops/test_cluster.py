"""Fuzzy c-means against hand loops and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.metrics import adjusted_rand_score
from torch import Generator

from graphcondense.ops import cluster
from graphcondense.ops.cluster import (
    centres_of,
    fuzzy_c_means,
    fuzzy_centres,
    isometric,
    k_means,
    spectral_parts,
)


def rows(m: int = 12, d: int = 5) -> torch.Tensor:
    return torch.randn(m, d, generator=Generator().manual_seed(0), dtype=torch.float64)


def test_a_fixed_point_of_both_closed_forms() -> None:
    x, f = rows(), 1.5
    u, cost = fuzzy_c_means(
        x, 3, Generator().manual_seed(1), fuzzifier=f, restarts=2, steps=2000, tolerance=1e-12
    )
    for r in range(2):
        centres = []
        for j in range(3):
            total = sum(float(u[r, i, j]) ** f for i in range(12))
            centres.append(sum(float(u[r, i, j]) ** f * x[i] for i in range(12)) / total)
        expected = 0.0
        for i in range(12):
            far = [float((x[i] - v).square().sum()) for v in centres]
            for j in range(3):
                share = 1 / sum((far[j] / other) ** (1 / (f - 1)) for other in far)
                assert float(u[r, i, j]) == pytest.approx(share, abs=1e-6)
                expected += float(u[r, i, j]) ** f * far[j]
        assert float(cost[r]) == pytest.approx(expected, rel=1e-9)


def test_a_fuzzifier_of_one_is_k_means() -> None:
    x = rows(60, 3)
    u, cost = fuzzy_c_means(x, 4, Generator().manual_seed(1), fuzzifier=1.0, restarts=30)
    theirs = KMeans(4, n_init=30, random_state=0).fit(x.numpy()).inertia_
    assert float(cost.min()) == pytest.approx(theirs, rel=1e-6)
    assert torch.equal(u.sum(2), torch.ones(30, 60, dtype=torch.float64))


def test_fewer_dimensions_same_distances() -> None:
    x = rows(6, 40)
    near = isometric(x)
    assert near.shape == (6, 6)
    assert torch.allclose(torch.cdist(near, near), torch.cdist(x, x), atol=1e-6)
    tall = rows(9, 2)
    assert isometric(tall) is tall


def test_a_row_that_is_a_centre_belongs_to_it() -> None:
    x = rows(4, 3)
    u, cost = fuzzy_c_means(x, 4, Generator().manual_seed(0), restarts=1, centres=x[None])
    assert torch.allclose(u[0].max(1).values, torch.ones(4, dtype=torch.float64), atol=1e-3)
    assert float(cost) < 1e-6


@pytest.mark.parametrize(("k", "f", "says"), [(13, 1.3, "13 clusters"), (2, 0.5, "fuzzifier=0.5")])
def test_bad_input(k: int, f: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fuzzy_c_means(rows(), k, Generator(), fuzzifier=f)


@pytest.mark.parametrize("k", [0, 13])
def test_as_many_parts_as_there_are_rows_at_most_and_one_at_least(k: int) -> None:
    with pytest.raises(ValueError, match=f"{k} clusters of 12 rows; ask for 1 to 12"):
        spectral_parts(rows(), k, Generator())
    assert spectral_parts(rows(), 1, Generator()).tolist() == [0] * 12
    assert sorted(spectral_parts(rows(), 12, Generator()).tolist()) == list(range(12))


def test_spectral_parts_are_those_of_scikit_learn() -> None:
    """On the same affinity, where the parts are clear."""
    rng = Generator().manual_seed(3)
    centre = torch.eye(3, 8).repeat_interleave(20, 0)
    x = centre + 0.05 * torch.randn(60, 8, generator=rng)
    part = spectral_parts(x, 3, rng)
    unit = torch.nn.functional.normalize(x.double())
    theirs = SpectralClustering(3, affinity="precomputed", random_state=0)
    theirs.fit((unit @ unit.T).clamp_min(0).numpy())
    assert adjusted_rand_score(theirs.labels_, part) == 1


@pytest.mark.parametrize("part", [k_means, spectral_parts])
def test_parts_tell_groups_apart_and_none_is_empty(part: Callable[..., torch.Tensor]) -> None:
    rng = Generator().manual_seed(0)
    group = torch.arange(18) % 3
    x = 5 * torch.eye(3, 7)[group] + 0.1 * torch.randn(18, 7, generator=rng)
    found = part(x, 3, rng)
    same = group[:, None] == group
    assert torch.equal(found[:, None] == found, same)
    for k in (1, 7, 18):
        assert int(torch.bincount(part(x, k, rng), minlength=k).min()) > 0
    assert torch.bincount(part(torch.ones(6, 4), 4, rng), minlength=4).min() > 0
    with pytest.raises(ValueError, match="19 clusters of 18 rows"):
        part(x, 19, rng)


def test_a_sample_gives_the_same_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = Generator().manual_seed(0)
    group = torch.arange(300) % 3
    x = torch.eye(3, 7)[group] + 0.1 * torch.randn(300, 7, generator=rng)
    whole = spectral_parts(x, 3, rng)
    monkeypatch.setattr(cluster, "PAIRED", 100)
    monkeypatch.setattr(cluster, "SAMPLE", 40)
    monkeypatch.setattr(cluster, "HELD", 1000)
    assert adjusted_rand_score(whole, spectral_parts(x, 3, rng)) == 1


def test_scikit_learn_parts_many_rows_as_we_do_few(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = Generator().manual_seed(0)
    x = torch.eye(4, 7)[torch.arange(80) % 4] + 0.1 * torch.randn(80, 7, generator=rng)
    ours = k_means(x, 4, rng)
    monkeypatch.setattr(cluster, "WORK", 1000)
    assert adjusted_rand_score(ours, k_means(x, 4, rng)) == 1
    with pytest.raises(ValueError, match="81 clusters of 80 rows"):
        k_means(x, 81, rng)


def test_restarts_in_turn_are_those_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = rows(30, 4)

    def found() -> tuple[torch.Tensor, torch.Tensor]:
        rng = Generator().manual_seed(1)
        return fuzzy_c_means(x, 3, rng, restarts=5, steps=7, tolerance=0.0)

    u, cost = found()
    right, held = cluster._squares, []

    def counted(x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        held.append(v.shape[0] * len(x) * v.shape[1])
        return right(x, v)

    monkeypatch.setattr(cluster, "_squares", counted)
    monkeypatch.setattr(cluster, "HELD", 2 * 30 * 3)
    v, same = found()
    assert max(held) == 2 * 30 * 3  # of two restarts, and no more
    assert u.shape == v.shape == (5, 30, 3)
    assert torch.allclose(u, v)
    assert torch.allclose(cost, same)


# --- centres ---------------------------------------------------------------------------------


def test_an_outlier_moves_the_mean_and_not_the_others() -> None:
    near = rows(9, 4)
    far = torch.cat([near, torch.full((1, 4), 1e4).to(near)])
    moved = {
        kind: float((centres_of(far, torch.ones(10, 1).to(far), kind) - near.mean(0)).norm())
        for kind in ("mean", "median", "trimmed")
    }
    assert moved["mean"] > 1000
    assert max(moved["median"], moved["trimmed"]) < float(near.std(0).norm())


def test_a_median_is_where_distances_are_least() -> None:
    x = rows(11, 3).double()
    weight = torch.rand(11, 2, generator=Generator().manual_seed(0)).double()
    found = centres_of(x, weight, "median")

    def cost(v: torch.Tensor) -> torch.Tensor:
        return (weight * torch.cdist(x, v)).sum(0)

    generator = Generator().manual_seed(1)
    for _ in range(20):
        step = 1e-2 * torch.randn(2, 3, generator=generator).double()
        assert (cost(found + step) >= cost(found)).all()


@pytest.mark.parametrize("kind", ["mean", "median", "trimmed"])
@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_centres_know_no_unit(kind: Any, unit: float) -> None:
    x = rows(9, 3)
    x[4] += 50
    even = torch.ones(9, 2).double()
    found, wanted = centres_of(unit * x, even, kind) / unit, centres_of(x, even, kind)
    torch.testing.assert_close(found, wanted)


def test_a_trimmed_mean_is_that_of_the_nearest() -> None:
    x = torch.tensor([[0.0], [0.1], [0.2], [0.3], [0.4], [0.5], [0.6], [50.0], [60.0], [70.0]])
    assert float(centres_of(x, torch.ones(10, 1), "trimmed")) == pytest.approx(0.3)


@pytest.mark.parametrize("kind", ["median", "trimmed"])
def test_two_rows_have_one_centre(kind: Any) -> None:
    x, weight = rows(2, 4).float(), torch.ones(2, 1)
    assert torch.allclose(centres_of(x, weight, kind), x.mean(0, keepdim=True), atol=1e-6)
    one = centres_of(x, torch.tensor([[1.0, 0.0], [0.0, 1.0]]), kind)
    assert torch.allclose(one, x, atol=1e-6)


def test_centres_to_start_from_are_drawn_by_squared_distance() -> None:
    """After the first of 99 rows that are near each other comes the one that is far; in any unit,
    and after centres that are given."""
    x = 0.1 * rows(100, 2)
    x[41] = 1000.0
    for unit in (1e-3, 1.0):
        for given in (torch.zeros(30, 0, 2).double(), unit * x[7].expand(30, 1, 2)):
            found = cluster._far_apart(unit * x, 2, given, Generator().manual_seed(1)) / unit
            assert found.shape == (30, 2, 2)
            assert ((found - 1000).abs().amax(2) < 1e-9).any(1).all()
    kept = torch.arange(12).double().reshape(2, 3, 2)
    assert torch.equal(cluster._far_apart(x, 2, kept, Generator()), kept[:, :2])


@pytest.mark.parametrize(
    ("m", "k", "seen"), [(1000, 3, 1000), (1001, 3, 500), (1001, 200, 800), (1001, 300, 1001)]
)
def test_of_more_than_a_thousand_rows_a_sample_is_looked_at(
    m: int, k: int, seen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 rows, or four a part if that is more, and never more than there are."""
    sizes = []
    real = torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda a: sizes.append(len(a)) or real(a))
    monkeypatch.setattr(cluster, "k_means", lambda x, k, rng: x)
    found = spectral_parts(rows(m, 6), k, Generator().manual_seed(0))
    assert sizes == [seen]
    assert found.shape == (m, k)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(m, dtype=torch.float64))


def test_a_row_has_the_mean_of_the_sampled_ones_that_it_is_near_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nyström's extension by hand: ``K(x, s) D^-1/2 u / λ``, brought to one length."""
    monkeypatch.setattr(cluster, "PAIRED", 10)
    monkeypatch.setattr(cluster, "SAMPLE", 8)
    monkeypatch.setattr(cluster, "HELD", 24)  # three rows at a time
    monkeypatch.setattr(cluster, "k_means", lambda x, k, rng: x)
    x = rows(20, 4)
    found = spectral_parts(x, 2, Generator().manual_seed(5))
    unit = x / x.norm(dim=1, keepdim=True)
    sample = unit[torch.randperm(20, generator=Generator().manual_seed(5))[:8]]
    near = (sample @ sample.T).clamp(min=0)
    root = near.sum(1) ** -0.5
    values, vectors = torch.linalg.eigh(root[:, None] * near * root)
    wanted = (unit @ sample.T).clamp(min=0) @ (root[:, None] * vectors[:, -2:] / values[-2:])
    wanted = wanted / wanted.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found.abs(), wanted.abs())


def test_how_often_clusterings_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """50 times fuzzy and ten times hard; less often of many rows and parts, and twice at least."""
    asked = []

    def seen(x: torch.Tensor, k: int, rng: Generator, **how: Any) -> Any:
        asked.append((how["fuzzifier"], how["restarts"]))
        u = torch.zeros(2, len(x), k, dtype=x.dtype)
        u[:, :, 0] = 1
        return u, torch.tensor([2.0, 1.0])

    monkeypatch.setattr(cluster, "fuzzy_c_means", seen)
    x = rows(40, 3)
    fuzzy_centres(x, 4, Generator())
    fuzzy_centres(rows(1000, 3), 20, Generator())
    fuzzy_centres(rows(1000, 3), 80, Generator())
    k_means(x, 4, Generator())
    assert asked == [(1.3, 50), (1.3, 5), (1.3, 2), (1.0, 10)]


@pytest.mark.parametrize("share", [0.3, 0.31])
def test_a_trimmed_mean_leaves_out_three_tenths_and_no_more(share: float) -> None:
    """Of one row that is far and has this share of the weight."""
    x = torch.tensor([[0.0], [1.0], [2.0], [100.0]], dtype=torch.float64)
    weight = torch.tensor([(1 - share) / 3] * 3 + [share], dtype=torch.float64)[:, None]
    found = float(centres_of(x, weight, "trimmed"))
    assert (found == pytest.approx(1.0, abs=1e-6)) == (share == 0.3)


def test_scikit_learn_has_a_seed_from_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any of 2^31, which is what it takes."""
    asked = []

    class Seen:
        def __init__(self, k: int, n_init: int, random_state: int) -> None:
            asked.append((k, n_init, random_state))

        def fit(self, x: Any) -> Any:
            self.labels_ = torch.arange(len(x)).numpy() % 2
            return self

    monkeypatch.setattr("sklearn.cluster.KMeans", Seen)
    for seed in range(200):
        k_means(torch.zeros(2000, 1), 10, Generator().manual_seed(seed))
    drawn = [seed for _, _, seed in asked]
    assert {(k, often) for k, often, _ in asked} == {(10, 5)}
    assert len(set(drawn)) == 200
    assert 0.95 * 2**31 < max(drawn) < 2**31
