"""The report on users by items: what is chosen, what is read, what is compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphcondense.data.interaction_reading import as_interactions
from graphcondense.data.interactions import InteractionTask
from graphcondense.evaluate import Report, evaluate, evaluator_of
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.floors import random_users, users_within
from graphcondense.evaluate.ranking import ranking
from graphcondense.evaluate.recommenders import EASE, RECOMMENDERS
from graphcondense.evaluate.rows import RowsEvaluator, choosing_length
from graphcondense.saved.condensed_rows import CondensedInteractions

FEW = ["InfiniteAE", "EASE", "Popularity"]


@pytest.fixture(scope="module")
def task() -> InteractionTask:
    rng = np.random.default_rng(0)
    taste = rng.integers(0, 3, 90)
    likely = np.where(np.arange(30)[None] % 3 == taste[:, None], 0.7, 0.08)
    rows = (rng.random((90, 30)) < likely).astype(np.float32)
    rows[:, :3] = 1
    return as_interactions(sp.csr_matrix(rows), name="toy")


@pytest.fixture(scope="module")
def small(task: InteractionTask) -> CondensedInteractions:
    return CondensedInteractions(task.train[:12], {"seconds": 2.5, "method": "head"})


def test_the_ridge_is_chosen_on_validation(task: InteractionTask) -> None:
    """The best of all ridges by validation HR, whatever the test items are."""
    rows, found = task.train[:12], {}
    for ridge in RECOMMENDERS["EASE"].ridges:
        model = EASE(ridge=ridge).fit(rows)
        scores = ranking(model.predict, task.train, task.val, train=task.train, top=(10,))
        found[ridge] = scores["HR@10"]
    assert choosing_length(task.num_items) == 10
    best = max(found, key=found.__getitem__)
    result = RowsEvaluator(task).fit("EASE", rows)
    assert result.chosen.split(" (")[0] == f"ridge {best:g}"
    assert float(result.val_selected) == pytest.approx(found[best])
    scores = ranking(EASE(ridge=best).fit(rows).predict, task.seen, task.test, train=task.train)
    assert float(result.test_selected) == pytest.approx(scores["NDCG@10"])
    assert result.others["HR@10"] == pytest.approx([scores["HR@10"]])
    assert result.others.keys() == scores.keys() - {"NDCG@10"}


def test_a_ridge_at_the_edge_of_its_grid_says_so(
    task: InteractionTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation is dictated: each ridge is the best once. One that was given is no choice."""
    grid = RECOMMENDERS["EASE"].ridges
    for best, ridge in enumerate(grid):
        scores = iter([float(i == best) for i in range(len(grid))])
        monkeypatch.setattr(RowsEvaluator, "_validate", lambda self, predict, s=scores: next(s))
        mark = " (edge of the grid 1..2000)" if ridge in (grid[0], grid[-1]) else ""
        assert RowsEvaluator(task).fit("EASE", task.train[:12]).chosen == f"ridge {ridge:g}{mark}"


def test_test_items_change_nothing_but_test_scores(task: InteractionTask) -> None:
    free = sp.csr_matrix((task.seen.toarray() == 0).astype(np.float32) - task.test.toarray())
    other = replace(task, test=free)
    for name in FEW:
        a, b = (RowsEvaluator(t).fit(name, task.train[:12]) for t in (task, other))
        assert torch.equal(a.val_selected, b.val_selected)
        assert a.chosen == b.chosen
        assert not torch.equal(a.test_selected, b.test_selected)
    scores = [RowsEvaluator(t).score(task.train[:12]) for t in (task, other)]
    assert scores[0] == scores[1]


def test_users_without_validation_items_are_skipped(task: InteractionTask) -> None:
    """Adding users with nothing held out leaves every score as it is."""
    none = sp.csr_matrix(task.val.shape, dtype=np.float32)
    more = replace(
        task,
        train=sp.vstack([task.train, task.train]).tocsr(),
        val=sp.vstack([task.val, none]).tocsr(),
        test=sp.vstack([task.test, none]).tocsr(),
    )
    first, second = (RowsEvaluator(t).fit("EASE", task.train[:12]) for t in (task, more))
    assert torch.equal(first.val_selected, second.val_selected)
    assert torch.allclose(first.test_selected, second.test_selected)


def test_seeds(task: InteractionTask) -> None:
    evaluator = RowsEvaluator(task)
    closed = evaluator.fit("EASE", task.train, seeds=3)
    drawn = evaluator.fit("MF", task.train[:12], seeds=[4, 2])
    assert (closed.seeds, len(closed.test_selected)) == ((0,), 1)
    assert (drawn.seeds, len(drawn.test_selected)) == ((4, 2), 2)
    alone = evaluator.fit("MF", task.train[:12], seeds=[2])
    assert float(drawn.test_selected[1]) == float(alone.test_selected)


def test_options(task: InteractionTask) -> None:
    evaluator = RowsEvaluator(task, ridge=3.0)
    assert evaluator.fit("EASE", task.train).chosen == "ridge 3"
    published = evaluator.replace(psp="published").fit("EASE", task.train)
    own = evaluator.fit("EASE", task.train)
    assert published.others["PSP@10"][0] < own.others["PSP@10"][0]
    assert published.others["HR@10"] == own.others["HR@10"]
    few = RowsEvaluator(task, val_users=5).fit("EASE", task.train)
    assert float(few.val_selected) != float(
        RowsEvaluator(task).fit("EASE", task.train).val_selected
    )
    with pytest.raises(TypeError, match="unknown option epochs; known are psp, ridge, val_users"):
        RowsEvaluator(task, epochs=3)
    for wrong in ({"psp": "best"}, {"ridge": 0.0}, {"val_users": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            RowsEvaluator(task, **wrong)


def test_a_split_without_validation_items(task: InteractionTask) -> None:
    bare = replace(task, val=sp.csr_matrix(task.val.shape, dtype=np.float32))
    with pytest.raises(ValueError, match=r"no user has validation items.* or ridge="):
        RowsEvaluator(bare)
    assert RowsEvaluator(bare, ridge=2.0).fit("EASE", task.train).chosen == "ridge 2"
    untested = replace(task, test=sp.csr_matrix(task.test.shape, dtype=np.float32))
    with pytest.raises(ValueError, match="no user has test items"):
        evaluator_of(untested)
    with pytest.raises(ValueError, match="no user has test items"):
        RowsEvaluator(untested).fit("EASE", task.train)


@pytest.mark.parametrize(
    ("small", "message"),
    [
        (sp.csr_matrix((2, 5)), "the small set has 5 items, toy has 30"),
        (sp.csr_matrix((2, 30)), "no users with interactions"),
        (sp.csr_matrix([[np.inf] * 30]), "NaN or infinite"),
        (np.eye(30), "a condensed set or a SciPy matrix"),
    ],
)
def test_bad_sets(task: InteractionTask, small, message) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(small, task, progress=False)


def test_floors(task: InteractionTask) -> None:
    few = random_users(task, 12, 3)
    assert few.shape == (12, 30)
    every = {row.tobytes() for row in task.train.toarray()}
    assert {row.tobytes() for row in few.toarray()} <= every
    within = users_within(task, 400, 0)
    order = random_users(task, 90, 0)
    assert size_of(within).bytes <= 400 < size_of(order[: within.shape[0] + 1]).bytes
    with pytest.raises(ValueError, match=r"a random user of .* bytes does not fit into the 3"):
        users_within(task, 3, 0)


def test_report(task: InteractionTask, small: CondensedInteractions, tmp_path: Path) -> None:
    store = tmp_path / "store"
    report = evaluate(
        {"head": small},
        task,
        models=FEW,
        random_draws=2,
        equal_bytes=True,
        store=store,
        progress=False,
    )
    assert not store.exists()
    assert report.labels == ["head", "random", "whole", "random, same bytes"]
    assert report.models == FEW
    assert report.units == ("users", "interactions")
    text = report.table()
    head, names = text.splitlines()[:2]
    assert head == f"toy ({task.digest}), NDCG@10 in % on 90 test users"
    for column in ("NDCG@10", "HR@10", "PSP@100", "AUC", "users", "interactions"):
        assert column in names
    assert "nodes" not in text
    assert "graphs" not in names
    row = report.rows[0]
    assert (row.nodes, row.edges, row.bytes) == (12, small.csr.nnz, 4 * small.csr.nnz)
    assert report.rows[3].graphs == 2
    assert report.ledger.condensation_seconds == 2.5
    assert report.ledger.whole.nodes == 90
    assert report.ledger.memory_estimate_bytes
    report.to_json(tmp_path / "r.json")
    again = Report.read(tmp_path / "r.json")
    assert again.table() == text
    assert again.with_rows_of(report).table() == text
    report.plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
    report.plot_transfer(tmp_path / "b.png")
    assert (tmp_path / "b.png").stat().st_size > 1000
    report.plot_break_even(tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 1000
    assert "users by" not in report.to_latex()


def test_an_interrupt_loses_nothing(
    task: InteractionTask,
    small: CondensedInteractions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was finished before the interrupt is not done again, and the report is the same."""
    store, done = tmp_path / "store", []
    real = RowsEvaluator.fit

    def stops(self, model, rows, **options):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(model)
        return real(self, model, rows, **options)

    whole = evaluate(small, task, models=FEW, progress=False)
    monkeypatch.setattr(RowsEvaluator, "fit", stops)
    with pytest.raises(KeyboardInterrupt):
        evaluate(small, task, models=FEW, progress=False, store=store)
    done.clear()
    monkeypatch.setattr(RowsEvaluator, "fit", lambda *a, **k: (done.append(a[1]), real(*a, **k))[1])
    report = evaluate(small, task, models=FEW, progress=False, store=store)
    assert len(done) == 15 - 3
    for a, b in zip(whole.rows, report.rows, strict=True):
        assert (a.test_selected, a.chosen, a.others) == (b.test_selected, b.chosen, b.others)
