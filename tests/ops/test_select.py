"""Representative rows by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from graphcondense.ops.criteria import masked_bce, masked_mse
from graphcondense.ops.select import CHOICES, choose_central, choose_centres


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", sorted(CHOICES))
@pytest.mark.parametrize(
    "x",
    [torch.randn(7, 3, generator=generator()), torch.ones(7, 2), torch.arange(7.0)[:, None] // 3],
)
def test_rows_are_taken_once(name: str, x: Tensor) -> None:
    """Also of rows that are alike."""
    for k in (1, 3, 7):
        found = CHOICES[name](x, k, generator()).tolist()
        assert len(found) == len(set(found)) == k
        assert set(found) <= set(range(7))


@pytest.mark.parametrize("name", ["random", "central"])
def test_each_row_may_be_drawn(name: str) -> None:
    x = torch.arange(5.0)[:, None]
    found = {row for seed in range(40) for row in CHOICES[name](x, 2, generator(seed)).tolist()}
    assert found == set(range(5))


def test_the_most_central_row_and_no_other_is_certain() -> None:
    x = torch.tensor([[0.0, 0.0], [6.0, 0.0], [2.0, 3.0], [0.0, 9.0]])  # their mean is (2, 3)
    assert {int(choose_central(x, 3, generator(seed))[0]) for seed in range(9)} == {2}


def test_centres_are_means_of_clusters() -> None:
    x = torch.tensor([[0.0], [1.0], [10.0], [11.0], [12.0]])
    found = choose_centres(x, 2, generator())
    assert found.dtype == x.dtype
    assert sorted(found.flatten().tolist()) == pytest.approx([0.5, 11.0])
    for k in (5, 9):  # every row is its own
        own = choose_centres(x, k, generator())
        assert torch.equal(own, x)
        assert own.data_ptr() != x.data_ptr()


def test_centres_are_those_of_scikit_learn_with_a_seed_that_is_drawn() -> None:
    x = torch.rand(60, 3, generator=generator(), dtype=torch.float64)
    seed = int(torch.randint(2**31, (), generator=generator(4)))
    wanted = KMeans(7, n_init=10, random_state=seed).fit(x.numpy()).cluster_centers_
    np.testing.assert_array_equal(choose_centres(x, 7, generator(4)).numpy(), wanted)


@pytest.mark.parametrize(("rows", "k", "often"), [(60, 3, 10), (2000, 10, 5), (2000, 60, 2)])
def test_centres_are_the_best_of_several_starts(
    rows: int, k: int, often: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten, of many rows fewer, and two at least."""
    asked = []

    class Seen:
        def __init__(self, k: int, n_init: int, random_state: int) -> None:
            asked.append(n_init)
            self.cluster_centers_ = np.zeros((k, 1))

        def fit(self, x: np.ndarray) -> Seen:
            return self

    monkeypatch.setattr("sklearn.cluster.KMeans", Seen)
    choose_centres(torch.zeros(rows, 1), k, generator())
    assert asked == [often]


def test_losses_of_labels_that_are_all_missing_are_zero() -> None:
    hole = torch.full((2, 1), torch.nan)
    out = torch.ones(2, 1)
    assert float(masked_bce(out, hole)) == float(masked_mse(out, hole)) == 0
    y = torch.tensor([[3.0, torch.nan], [torch.nan, 5.0]])
    assert float(masked_mse(torch.ones(2, 2), y)) == (4 + 16) / 2
