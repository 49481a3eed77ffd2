"""Train recommenders on a few users, test them on all: the measure of condensed users by items.

The protocol: fit on the small set; choose the ridge by HR@100 on the validation items of all real
users, given their training items; with it predict the test items once, given training and
validation items. With fewer than 1,000 items HR@k takes a tenth of them, at least 10, for ``k``.
See :mod:`graphcondense.evaluate.ranking` for the scores.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import nn

from graphcondense.data.interactions import InteractionTask
from graphcondense.evaluate.evaluator import Evaluator, Options
from graphcondense.evaluate.fitted import Fitted, Tested
from graphcondense.evaluate.floors import random_users, users_within
from graphcondense.evaluate.ranking import BLOCK, Psp, ranking
from graphcondense.evaluate.recommenders import RECOMMENDERS, Known, Recommender, recommender_named
from graphcondense.ops.arrays import real_numbers
from graphcondense.ops.fields import Count, Positive
from graphcondense.ops.grid import edge

Model: TypeAlias = "str | Callable[..., nn.Module] | Known"
"""A recommender by its name, or what builds one."""

T = TypeVar("T")

METRIC = "NDCG@10"
"""The score of a report; the others stand beside it."""

LONGEST = 100
"""Validation chooses by HR@k with this ``k``, with fewer where there are fewer than 1,000 items."""


@dataclass(frozen=True)
class RowsTraining(Options):
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


@dataclass(frozen=True)
class Chosen:
    """A fitted model, its ridge if it has one, its validation HR@100, and the seconds of fits."""

    model: Recommender
    ridge: float | None
    val: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RowsFitted(Fitted):
    """Recommenders fitted on one set of users, one a seed; there are no epochs."""

    models: list[Chosen]


class RowsEvaluator(Evaluator[InteractionTask, Known, RowsTraining, RowsFitted]):
    """Fits recommenders on small sets of users and scores them on all real users.

    A small set is condensed users, a SciPy matrix of users ``[n, items]``, or an
    :class:`~graphcondense.data.interactions.InteractionTask`, fitted on its training part. Models
    are names in :data:`~graphcondense.evaluate.recommenders.RECOMMENDERS`; one in closed form has
    one training, whatever the seeds. NDCG@10 is the test score, HR@100 the validation score, and
    every other test score is in ``others`` of the result. Closed forms have no progress to show.

    Args:
        real: anything :func:`~graphcondense.data.interaction_reading.as_interactions` takes.
        device: where models train that have a device; default the CPU.
        **options: fields of :class:`RowsTraining`.
    """

    kind = "rows"
    all = tuple(RECOMMENDERS)
    usual = ("InfiniteAE", "EASE", "MF", "Popularity")
    seeds = 3
    judge, judge_seeds = "InfiniteAE", 1
    metric = METRIC.lower()
    units = ("users", "interactions")
    usual_training = RowsTraining()

    def check(self, split: str) -> None:
        if split == "test" and not self.real.test.nnz:
            raise ValueError(f"{self.real.name}: no user has test items; give a split with such")
        if split == "val" and self.training.ridge is None and not self.real.val.nnz:
            raise ValueError(
                f"{self.real.name}: no user has validation items, by which the ridge is chosen; "
                "give a split with such, or ridge="
            )

    def read(self, small: object) -> sp.csr_matrix:
        return read_rows(small, self.real)

    def model_of(self, model: Model) -> Known:
        return model if isinstance(model, Known) else recommender_named(str(model))

    def name_of(self, model: Known) -> str:
        return model.name

    def about(self, model: Known) -> tuple[str, str]:
        return "recommender", model.about

    def settings(self, model: Known) -> Mapping[str, object] | None:
        return {**asdict(self.training), "ridges": list(model.ridges)} if model.ridges else None

    @property
    def tested(self) -> int:
        return int((self.real.test.getnnz(1) > 0).sum())

    def test_labels(self) -> npt.NDArray[np.generic]:
        return np.stack(self.real.test.nonzero())

    def random(self, small: object, seed: int) -> sp.csr_matrix:
        return random_users(self.real, self.read(small).shape[0], seed)

    def within(self, budget: int, seed: int) -> sp.csr_matrix:
        return users_within(self.real, budget, seed)

    def memory(self, model: Known, small: object, trainings: int) -> int:
        """What fitting and scoring add."""
        rows = self.read(small)
        users, items = rows.shape
        scoring = BLOCK * items * 24
        fitting = {
            "InfiniteAE": 8 * (3 * users**2 + 3 * users * items),
            "EASE": 8 * (3 * items**2 + min(users, items) ** 2 + users * items * (users < items)),
            "MF": 4 * 64 * 32 * (users + items),
            "LightGCN": 16 * 64 * (users + items) * 6 + 40 * rows.nnz,
        }
        return int(scoring + fitting.get(model.name, 8 * items))

    def trained(
        self, model: Known, small: object, seeds: tuple[int, ...], progress: bool
    ) -> RowsFitted:
        rows = self.read(small)
        found = [self.choose(model, rows, seed) for seed in (seeds if model.seeded else seeds[:1])]
        val = torch.tensor([one.val for one in found], dtype=torch.double)
        grid = model.ridges if self.training.ridge is None else ()
        ridges = (one.ridge for one in found if one.ridge is not None)
        named = ", ".join(dict.fromkeys(f"{ridge:g}{edge(ridge, grid)}" for ridge in ridges))
        return RowsFitted(
            models=found,
            val_selected=val,
            epoch_selected=torch.zeros(len(val), dtype=torch.long),
            val_last=val,
            seconds_training=sum(one.seconds for one in found),
            chosen=f"ridge {named}" if named else "",
        )

    def test(self, trained: RowsFitted) -> Tested:
        task, psp = self.real, self.training.psp
        found = [
            ranking(one.model.predict, task.seen, task.test, train=task.train, psp=psp)
            for one in trained.models
        ]
        scores = torch.tensor([one[METRIC] for one in found])
        others = {k: [one[k] for one in found] for k in found[0] if k != METRIC}
        return Tested(scores, scores, others)

    def choose(self, known: Known, rows: sp.csr_matrix, seed: int = 0) -> Chosen:
        """The model with the ridge of best validation HR@100, the first of equals."""
        task, model = self.real, known.make(seed, self.device)
        ridges: Sequence[float | None] = known.ridges or (None,)
        if self.training.ridge is not None and known.ridges:
            ridges = (self.training.ridge,)
        if ridges[0] is not None:
            model.ridge = ridges[0]  # type: ignore[attr-defined]
        seconds = _seconds(model.fit, rows)
        scores: list[float] = []
        for i, ridge in enumerate(ridges):
            if i and ridge is not None:
                seconds += _seconds(model.refit, ridge)
            scores.append(self._validate(model.predict) if task.val.nnz else float("nan"))
        best = max(range(len(scores)), key=lambda i: (scores[i], -i))
        ridge = ridges[best]
        if ridge is not None and best != len(ridges) - 1:
            seconds += _seconds(model.refit, ridge)
        return Chosen(model, ridge, scores[best], seconds)

    def _validate(self, predict: Callable[[sp.csr_matrix], npt.NDArray[np.float32]]) -> float:
        task, most = self.real, self.training.val_users
        users = np.flatnonzero(task.val.getnnz(1))
        if most is not None and len(users) > most:
            users = users[np.linspace(0, len(users) - 1, most).astype(int)]
        top = choosing_length(task.num_items)
        found = ranking(predict, task.train[users], task.val[users], train=task.train, top=(top,))
        return found[f"HR@{top}"]


def read_rows(small: object, real: InteractionTask) -> sp.csr_matrix:
    """The users of ``small``, see :class:`~graphcondense.evaluate.rows.RowsEvaluator`, as CSR
    float32 ``[n, items]``.

    Raises:
        ValueError: not users by items, none, weights that are not finite, or other items than the
            real users have.
    """
    rows: sp.csr_matrix = getattr(small, "csr", small)
    if isinstance(small, InteractionTask):
        rows = small.train
    if not sp.issparse(rows):
        raise ValueError(
            f"a small set of users is a condensed set or a SciPy matrix [users, items], got "
            f"{type(small).__name__}"
        )
    if rows.shape[1] != real.num_items:
        raise ValueError(
            f"the small set has {rows.shape[1]} items, {real.name} has {real.num_items}"
        )
    if not rows.shape[0] or not rows.nnz:
        raise ValueError("the small set has no users with interactions")
    real_numbers(rows, "the small set of users")
    out = sp.csr_matrix(rows, dtype=np.float32)
    if not np.isfinite(out.data).all():
        raise ValueError("the small set has weights that are NaN or infinite")
    return out


def _seconds(work: Callable[[T], object], what: T) -> float:
    start = time.perf_counter()
    work(what)
    return time.perf_counter() - start


def choosing_length(items: int) -> int:
    """The ``k`` of the HR@k that validation chooses by: a list of all items would tell nothing.

    >>> choosing_length(3706), choosing_length(500), choosing_length(30)
    (100, 50, 10)
    """
    return min(LONGEST, max(10, items // 10))
