"""Users by items in the report: baselines, sizes and recommenders; see :class:`Bench`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from graphcondense.data.interactions import InteractionTask
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.nodes import FitResult, graphs_by_name
from graphcondense.evaluate.ranking import BLOCK
from graphcondense.evaluate.recommenders import RECOMMENDERS, Known, recommender_named
from graphcondense.evaluate.rows import RowsEvaluator, RowsTraining, read_rows


class RowsBench:
    """Users by items; see :class:`~graphcondense.evaluate.bench.Bench`.

    Args:
        data: anything :func:`~graphcondense.data.interactions.as_interactions` takes.
        device: where to train.
        **options: fields of :class:`~graphcondense.evaluate.rows.RowsTraining`.
    """

    all: tuple[str, ...] = tuple(RECOMMENDERS)
    usual: tuple[str, ...] = ("InfiniteAE", "EASE", "MF", "Popularity")
    seeds = 3
    metric = "ndcg@10"
    units = ("users", "interactions")

    def __init__(self, data: Any, device: torch.device | str | None, **options: Any) -> None:
        self.evaluator = RowsEvaluator(data, device=device, **options)
        self.real, self.device = self.evaluator.real, device
        if not self.real.test.nnz:
            raise ValueError(f"{self.real.name}: no user has test items; give a split with such")

    @property
    def training(self) -> RowsTraining:
        return self.evaluator.training

    @property
    def tested(self) -> int:
        return int((self.real.test.getnnz(1) > 0).sum())

    def sets(self, small: Any) -> dict[str, list[Any]]:
        named = graphs_by_name(small)
        for sets in named.values():
            for one in sets:
                read_rows(one, self.real)
        return named

    def kind(self, model: Any) -> str:
        return recommender_named(str(model)).name

    def about(self, kind: Any) -> tuple[str, str]:
        return "recommender", RECOMMENDERS[kind].about

    def settings(self, kind: Any) -> dict[str, Any] | None:
        known = RECOMMENDERS[kind]
        return {**asdict(self.training), "ridges": list(known.ridges)} if known.ridges else None

    def check(self, kind: Any, small: Any) -> None:
        """Every recommender takes any number of users."""

    def memory_bytes(self, kind: Any, small: Any, seeds: int | Sequence[int]) -> int | None:
        return fit_bytes(RECOMMENDERS[kind], read_rows(small, self.real))

    def fit(
        self, kind: Any, small: Any, seeds: int | Sequence[int], *, progress: bool
    ) -> FitResult:
        return self.evaluator.fit(kind, small, seeds=seeds, progress=progress)

    def random(self, small: Any, seed: int) -> sp.csr_matrix:
        return random_users(self.real, read_rows(small, self.real).shape[0], seed)

    def equal_bytes(self, small: Any, draws: int) -> dict[str, list[Any]]:
        budget = size_of(small).bytes
        found = [users_within(self.real, budget, draw) for draw in range(draws)]
        return {"random, same bytes": found}

    def mean(self) -> None:
        return None

    def plain_seconds(self, measured: int) -> float | None:
        return None  # most recommenders here are no networks


def random_users(real: InteractionTask, count: int, seed: int) -> sp.csr_matrix:
    """Training rows of ``count`` random users, all if there are fewer."""
    return real.train[_shuffled(real, seed)[:count]]


def users_within(real: InteractionTask, budget: int, seed: int) -> sp.csr_matrix:
    """Training rows of random users, as many as are stored in ``budget`` bytes.

    Raises:
        ValueError: not even the first one fits.
    """
    order = _shuffled(real, seed)
    item = real.train.indices.itemsize + (0 if (real.train.data == 1).all() else 4)
    sizes = np.cumsum(item * real.train.getnnz(1)[order])
    count = int((sizes <= budget).sum())
    if not count:
        raise ValueError(
            f"{real.name}: a random user of {sizes[0]:,} bytes does not fit into the {budget:,} of "
            "the condensed set"
        )
    return real.train[order[:count]]


def _shuffled(real: InteractionTask, seed: int) -> np.ndarray[Any, Any]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randperm(real.num_users, generator=rng).numpy()


def fit_bytes(known: Known, rows: sp.csr_matrix) -> int:
    """Estimate of the memory that fitting and scoring add to the process."""
    users, items = rows.shape
    scoring = BLOCK * items * 24
    fitting = {
        "InfiniteAE": 8 * (3 * users**2 + 3 * users * items),
        "EASE": 8 * (3 * items**2 + min(users, items) ** 2 + users * items * (users < items)),
        "MF": 4 * 64 * 32 * (users + items),
        "LightGCN": 16 * 64 * (users + items) * 6 + 40 * rows.nnz,
    }
    return int(scoring + fitting.get(known.name, 8 * items))
