"""Train recommenders on a few users, test them on all: the measure of condensed users by items.

The protocol: fit on the small set; choose the ridge by HR@100 on the validation items of all real
users, given their training items; with it predict the test items once, given training and
validation items. With fewer than 1,000 items HR@k takes a tenth of them, at least 10, for ``k``.
See :mod:`graphcondense.evaluate.ranking` for the scores.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch

from graphcondense.data.interactions import InteractionTask, as_interactions
from graphcondense.evaluate.nodes import FitResult, seeds_of
from graphcondense.evaluate.ranking import Psp, ranking
from graphcondense.evaluate.recommenders import Known, Recommender, recommender_named
from graphcondense.ops.device import usable
from graphcondense.ops.fields import Count, Positive, check_fields
from graphcondense.ops.grid import edge

Model: TypeAlias = "str | Known"
"""A recommender by its name, or what builds one."""

METRIC = "NDCG@10"
"""The score of a report; the others stand beside it."""

LONGEST = 100
"""Validation chooses by HR@k with this ``k``, with fewer where there are fewer than 1,000 items."""


@dataclass(frozen=True)
class RowsTraining:
    """How recommenders are measured: the same for every set that is compared.

    Attributes:
        psp: the normaliser of PSP, ``"share"`` or ``"published"``; see
            :func:`~graphcondense.evaluate.ranking.psp_at`.
        ridge: one ridge for every recommender instead of a choice on validation.
        val_users: validate on so many users at most, spread evenly; by default on all.
    """

    psp: Psp = "share"
    ridge: Positive | None = None
    val_users: Count | None = None

    def __post_init__(self) -> None:
        check_fields(self)


class RowsEvaluator:
    """Fits recommenders on small sets of users and scores them on all real users.

    Args:
        real: anything :func:`~graphcondense.data.interactions.as_interactions` takes.
        device: where models train that have a device; default the CPU.
        **options: fields of :class:`RowsTraining`.

    Raises:
        ValueError: no user has validation items, or an option is out of range.
        TypeError: for an option that does not exist.
    """

    def __init__(
        self, real: Any, *, device: torch.device | str | None = None, **options: Any
    ) -> None:
        known = [field.name for field in fields(RowsTraining)]
        if unknown := sorted(set(options) - set(known)):
            raise TypeError(f"unknown option {', '.join(unknown)}; known are {', '.join(known)}")
        self.training = RowsTraining(**options)
        self.real: InteractionTask = as_interactions(real)
        self.device = usable(device)
        if self.training.ridge is None and not self.real.val.nnz:
            raise ValueError(
                f"{self.real.name}: no user has validation items, by which the ridge is chosen; "
                "give a split with such, or ridge="
            )

    def replace(self, **options: Any) -> RowsEvaluator:
        """An evaluator with other settings on the same real users."""
        out = copy(self)
        out.training = replace(self.training, **options)
        return out

    def fit(
        self,
        model: Model,
        small: Any,
        *,
        seeds: int | Sequence[int] = 3,
        progress: bool = False,
    ) -> FitResult:
        """Fit ``model`` on ``small`` with every seed; read the test items once, at the end.

        Args:
            model: a name in :data:`~graphcondense.evaluate.recommenders.RECOMMENDERS`.
            small: condensed users; a SciPy matrix of users ``[n, items]``; or an
                :class:`~graphcondense.data.interactions.InteractionTask`, fitted on its training
                part.
            seeds: the training seeds, or how many; a model in closed form has one training.
            progress: not used; closed forms have no steps to show.

        Returns:
            NDCG@10 as the test score, HR@100 as the validation score, and every other test score
            in ``others``.

        Raises:
            ValueError: unknown model; other items than the real users have; no test items.
        """
        task, known = self.real, model_of(model)
        rows, numbers = read_rows(small, task), seeds_of(seeds)
        if not task.test.nnz:
            raise ValueError(f"{task.name}: no user has test items; give a split with such")
        start, cpu = time.perf_counter(), time.process_time()
        trained = 0.0
        val, chosen, tests = [], [], []
        for seed in numbers if known.seeded else numbers[:1]:
            fitted = self.choose(known, rows, seed)
            found = ranking(
                fitted.model.predict,
                task.seen,
                task.test,
                train=task.train,
                psp=self.training.psp,
            )
            trained += fitted.seconds
            val.append(fitted.val)
            tests.append(found)
            chosen.append(fitted.ridge)
        test = torch.tensor([one[METRIC] for one in tests])
        grid = known.ridges if self.training.ridge is None else ()
        ridges = (ridge for ridge in chosen if ridge is not None)
        named = ", ".join(dict.fromkeys(f"{ridge:g}{edge(ridge, grid)}" for ridge in ridges))
        return FitResult(
            model=known.name,
            seeds=tuple(numbers if known.seeded else numbers[:1]),
            val_selected=torch.tensor(val),
            epoch_selected=torch.zeros(len(val), dtype=torch.long),
            test_selected=test,
            val_last=torch.tensor(val),
            test_last=test,
            seconds=time.perf_counter() - start,
            seconds_training=trained,
            processor_seconds=time.process_time() - cpu,
            chosen=f"ridge {named}" if named else "",
            others={k: [one[k] for one in tests] for k in tests[0] if k != METRIC},
        )

    def fit_whole(self, model: Model, *, seeds: int | Sequence[int] = 3) -> FitResult:
        """The same, fitted on all real users: the yardstick."""
        return self.fit(model, self.real, seeds=seeds)

    def score(self, small: Any, model: Model = "InfiniteAE", *, seeds: int = 1) -> float:
        """Validation HR@100 of ``small`` with the best ridge; no test item is touched."""
        known, rows = model_of(model), read_rows(small, self.real)
        found = [self.choose(known, rows, seed).val for seed in seeds_of(seeds)]
        return sum(found) / len(found)

    def choose(self, known: Known, rows: sp.csr_matrix, seed: int = 0) -> Chosen:
        """The model fitted on ``rows`` with the ridge of best validation HR@100, the first of
        equals."""
        task, model = self.real, known.make(seed, self.device)
        ridges: Sequence[float | None] = known.ridges or (None,)
        if self.training.ridge is not None and known.ridges:
            ridges = (self.training.ridge,)
        start = time.perf_counter()
        if ridges[0] is not None:
            model.ridge = ridges[0]  # type: ignore[attr-defined]
        model.fit(rows)
        seconds = time.perf_counter() - start
        scores: list[float] = []
        for i, ridge in enumerate(ridges):
            start = time.perf_counter()
            if i and ridge is not None:
                model.refit(ridge)
            seconds += time.perf_counter() - start
            scores.append(self._validate(model.predict) if task.val.nnz else float("nan"))
        best = max(range(len(scores)), key=lambda i: (scores[i], -i))
        ridge = ridges[best]
        if ridge is not None and best != len(ridges) - 1:
            start = time.perf_counter()
            model.refit(ridge)
            seconds += time.perf_counter() - start
        return Chosen(model, ridge, scores[best], seconds)

    def _validate(self, predict: Callable[[sp.csr_matrix], Any]) -> float:
        task, most = self.real, self.training.val_users
        users = np.flatnonzero(task.val.getnnz(1))
        if most is not None and len(users) > most:
            users = users[np.linspace(0, len(users) - 1, most).astype(int)]
        top = choosing_length(task.num_items)
        found = ranking(predict, task.train[users], task.val[users], train=task.train, top=(top,))
        return found[f"HR@{top}"]


@dataclass(frozen=True)
class Chosen:
    """A fitted model, and how it was chosen.

    Attributes:
        model: the fitted recommender.
        ridge: what it was fitted with; ``None`` if it has none.
        val: its validation HR@100.
        seconds: of all fits, scoring left out.
    """

    model: Recommender
    ridge: float | None
    val: float
    seconds: float


def choosing_length(items: int) -> int:
    """The ``k`` of the HR@k that validation chooses by: a list of all items would tell nothing.

    >>> choosing_length(3706), choosing_length(500), choosing_length(30)
    (100, 50, 10)
    """
    return min(LONGEST, max(10, items // 10))


def model_of(model: Model) -> Known:
    """The recommender behind a name.

    Raises:
        ValueError: an unknown name.
    """
    return model if isinstance(model, Known) else recommender_named(model)


def read_rows(small: Any, real: InteractionTask) -> sp.csr_matrix:
    """The users of ``small`` as CSR float32 ``[n, items]``.

    Raises:
        ValueError: not users by items, none, weights that are not finite, or other items than the
            real users have.
    """
    if isinstance(small, InteractionTask):
        rows = small.train
    else:
        held = getattr(small, "csr", small)
        if not sp.issparse(held):
            raise ValueError(
                f"a small set of users is a condensed set or a SciPy matrix [users, items], got "
                f"{type(small).__name__}"
            )
        rows = held
    if rows.shape[1] != real.num_items:
        raise ValueError(
            f"the small set has {rows.shape[1]} items, {real.name} has {real.num_items}"
        )
    if not rows.shape[0] or not rows.nnz:
        raise ValueError("the small set has no users with interactions")
    out = sp.csr_matrix(rows, dtype=np.float32)
    if not np.isfinite(out.data).all():
        raise ValueError("the small set has weights that are NaN or infinite")
    return out
