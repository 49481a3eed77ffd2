"""What a teacher sees of features: columns in deviations, hops side by side and hidden units."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphcondense.data.node_reading import as_task
from graphcondense.domains import teachers
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.quotient_features import Features
from graphcondense.domains.teachers import LEAST, RidgeTeacher, TargetTeacher, Taught
from graphcondense.domains.views import (
    UNITS,
    Hidden,
    in_deviations,
    side_by_side,
    unit,
)
from graphcondense.methods.quotient import Quotient
from graphcondense.ops import blocks
from graphcondense.ops.adjacency import gcn_norm_csr
from graphcondense.ops.coarsen import Array
from graphcondense.ops.place import MEMORY
from tests.cases import toy_graph


def taught(x: Array, y: Array, adj: sp.csr_matrix, teacher: RidgeTeacher) -> tuple[Taught, float]:
    """Of the first third of nodes, judged by the second; and its score on the last."""
    third = len(x) // 3
    held = torch.arange(third, 2 * third), torch.from_numpy(y[third : 2 * third])
    train = np.arange(third)
    found = teacher.teach(x.astype(np.float32), adj, train, y[train], int(y.max()) + 1, held)
    rest = slice(2 * third, None)
    return found, float((found.soft[rest].argmax(1) == y[rest]).mean())


def no_links(n: int) -> sp.csr_matrix:
    """``Â`` of a graph without links."""
    return sp.eye_array(n, format="csr", dtype=np.float32)


def test_hidden_units_by_hand() -> None:
    rng = np.random.default_rng(0)
    seen = [unit(rng.standard_normal((7, k))) for k in (3, 2)]
    hidden = Hidden(seen, np.random.default_rng(1))
    assert (len(hidden), hidden.shape) == (7, (7, UNITS))
    both = np.vstack(hidden.weights).astype(np.float64)
    wanted = unit(np.maximum(np.hstack(seen) @ both + hidden.bias, 0))
    np.testing.assert_allclose(hidden[:], wanted, atol=1e-12)
    np.testing.assert_array_equal(hidden[np.array([4, 1])], hidden[:][[4, 1]])
    # What a unit is given has the variance of one, however many arrays are side by side.
    assert np.square(np.hstack(seen) @ both).mean() == pytest.approx(1, rel=0.15)


def test_many_rows_are_learnt_from_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    hidden = Hidden([unit(rng.standard_normal((900, 4), np.float32))], np.random.default_rng(1))
    at, targets = rng.permutation(900)[:700], rng.standard_normal((700, 3)).astype(np.float32)
    weight = rng.uniform(0.3, 1, 700).astype(np.float32)
    whole = teachers.regressions(hidden, at, targets, weight, [0.1, 1.0])
    monkeypatch.setattr(blocks, "ENTRIES", 64 * UNITS)
    parts = teachers.regressions(hidden, at, targets, weight, [0.1, 1.0])
    rows = hidden[at].astype(np.float64)
    for one, other, ridge in zip(whole, parts, (0.1, 1.0), strict=True):
        by_hand = rows.T @ (weight[:, None] * rows) + ridge * np.eye(UNITS)
        wanted = np.linalg.solve(by_hand, rows.T @ (weight[:, None] * targets))
        np.testing.assert_allclose(one, wanted, atol=1e-4)
        np.testing.assert_allclose(other, wanted, atol=1e-4)


def test_a_small_penalty_counts_beside_many_rows() -> None:
    """Two columns that are nearly the same: in single precision their difference is lost in sums of
    200,000 rows, and with it what the penalty says of it."""
    rng = np.random.default_rng(0)
    first = rng.standard_normal(200_000)
    rows = np.stack([first, first + 1e-3 * rng.standard_normal(len(first))], 1).astype(np.float32)
    targets = rng.standard_normal((len(rows), 1)).astype(np.float32)
    at, ones = np.arange(len(rows)), np.ones(len(rows), np.float32)
    (found,) = teachers.regressions(rows, at, targets, ones, [0.03])
    exact = rows.astype(np.float64)
    wanted = np.linalg.solve(exact.T @ exact + 0.03 * np.eye(2), exact.T @ targets)
    np.testing.assert_allclose(found, wanted, rtol=0.02)


def test_classes_that_no_line_tells_need_hidden_units() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (600, 2))
    y = (x.prod(1) > 0).astype(np.int64)
    found, score = taught(x, y, no_links(600), RidgeTeacher())
    _, straight = taught(x, y, no_links(600), RidgeTeacher(bent=()))
    assert (found.hidden, found.hops) in {(UNITS, 0), (UNITS, 2)}
    assert score > 0.9 > 0.7 > straight


def test_rings_are_told_by_the_length_of_their_rows() -> None:
    """Directions alone say nothing of a ring."""
    rng = np.random.default_rng(0)
    y, angle = rng.integers(0, 3, 900), rng.uniform(0, 2 * np.pi, 900)
    radius = 1 + y + rng.normal(0, 0.1, 900)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    assert taught(in_deviations(x), y, no_links(900), RidgeTeacher())[1] > 0.9
    assert taught(in_deviations(x)[:, :2], y, no_links(900), RidgeTeacher())[1] < 0.5


def targets_of(y: Array, teacher: TargetTeacher) -> tuple[Taught, float]:
    """Of numbers ``[900, T]``, NaN for none, that a third of nodes teach and a third judge, and the
    mean squared error at the last third."""
    x = np.random.default_rng(0).uniform(-1, 1, (900, 2)).astype(np.float32)
    train, held = np.arange(300), (torch.arange(300, 600), torch.from_numpy(y[300:600]))
    middle = np.nanmean(y[:300], 0)
    found = teacher.teach(in_deviations(x), no_links(900), train, y[:300], middle, held)
    return found, float(np.nanmean((found.soft[600:] - y[600:]) ** 2))


@pytest.mark.parametrize("holes", [False, True])
def test_numbers_that_no_line_tells_need_hidden_units(holes: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (900, 2))
    y = np.stack([x.prod(1), np.abs(x[:, 0])], 1).astype(np.float32)
    if holes:
        y[rng.random(y.shape) < 0.2] = np.nan
    limits = (-np.inf, np.inf)
    found, error = targets_of(y, TargetTeacher(limits))
    straight, error_of_line = targets_of(y, TargetTeacher(limits, bent=()))
    assert (found.hidden, straight.hidden) == (UNITS, 0)
    assert error < error_of_line / 5
    assert f"hidden={UNITS}" in found.remarks["teacher"]
    known = ~np.isnan(y[:300])
    np.testing.assert_array_equal(found.soft[:300][known], y[:300][known])


def test_hidden_units_do_not_teach_numbers_on_a_line() -> None:
    """A line of what a teacher sees, rows of length one."""
    rng = np.random.default_rng(0)
    x = unit(in_deviations(rng.uniform(-1, 1, (900, 2))))
    y = (x @ [[1.0], [2.0], [0.0]] + rng.normal(0, 0.3, (900, 1))).astype(np.float32)
    limits = (-np.inf, np.inf)
    found, straight = (targets_of(y, TargetTeacher(limits, **o))[0] for o in ({}, {"bent": ()}))
    assert found.hidden == 0
    np.testing.assert_array_equal(found.soft, straight.soft)


def test_validation_nodes_without_targets_choose_nothing() -> None:
    y = np.full((900, 1), np.nan, np.float32)
    y[:300] = 1
    found, _ = targets_of(y, TargetTeacher((0.0, 2.0)))
    assert (found.hidden, found.restart, found.ridge) == (0, 0.2, 0.3)
    assert np.isfinite(found.soft).all()


def test_hidden_units_do_not_teach_where_a_line_does_as_well() -> None:
    """A few validation nodes more are no reason: the straight teacher's labels, to the bit."""
    task = as_task(toy_graph(n=200))
    train, held = task.train.numpy(), (task.val, task.y[task.val])
    rest = (np.asarray(task.x_array), task.gcn_adj, train, task.y.numpy()[train], 3, held)
    found, straight = RidgeTeacher().teach(*rest), RidgeTeacher(bent=()).teach(*rest)
    assert found.hidden == 0
    np.testing.assert_array_equal(found.soft, straight.soft)


@pytest.mark.parametrize(("wrong", "made"), [(3, False), (9, True)])
def test_hidden_units_are_not_made_where_they_could_not_be_taken(
    wrong: int, made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have to gain two points: of 200 validation nodes 3 are less, 9 are more."""

    def fails(*_: object) -> None:
        raise LookupError("made")

    monkeypatch.setattr(teachers, "hidden_views", fails)
    y = np.arange(600) % 2
    x = np.stack([2.0 * y - 1, np.random.default_rng(0).normal(0, 0.1, 600)], 1)
    x[200 : 200 + wrong, 0] *= -1
    with pytest.raises(LookupError) if made else nullcontext():
        found, _ = taught(x, y, no_links(600), RidgeTeacher())
        assert found.score == 1 - wrong / 200


def right_on(share: float) -> torch.Tensor:
    """Of 100 nodes the first share."""
    return (torch.arange(100) < 100 * share).float()


@pytest.mark.parametrize(
    ("after", "before", "better"),
    [
        ((0.9, 0.7), (0.8, 0.7), True),  # as they are
        ((0.8, 0.7), (0.8, 0.4), True),  # level, and what it says does not come from neighbours
        ((0.81, 0.41), (0.8, 0.4), False),
        ((0.7, 0.7), (0.8, 0.4), False),  # no model learns more from labels that are wrong
    ],
)
def test_better_teachers_are_right_without_their_neighbours(
    after: tuple[float, float], before: tuple[float, float], better: bool
) -> None:
    pair = [[right_on(share) for share in one] for one in (after, before)]
    assert teachers.clearly_better(*pair) is better


def test_labels_that_averaging_alone_made_right_do_not_teach() -> None:
    """No line tells the classes, but most neighbours are of the same: averaged labels of a straight
    teacher are as right as those of hidden units, and no function of the features."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (900, 2))
    y = (x.prod(1) > 0).astype(np.int64)
    x += 0.3 * rng.standard_normal(x.shape)
    own = [np.flatnonzero(y == c) for c in (0, 1)]
    ends = np.concatenate(
        [np.concatenate([rng.choice(own[c], 5), rng.integers(900, size=2)]) for c in y]
    )
    links = sp.csr_matrix((np.ones(len(ends)), (np.repeat(np.arange(900), 7), ends)), (900, 900))
    adj = gcn_norm_csr(links + links.T).astype(np.float32)
    straight, _ = taught(x, y, adj, RidgeTeacher(bent=()))
    found, _ = taught(x, y, adj, RidgeTeacher())
    assert straight.smoothed
    assert straight.score == pytest.approx(found.score, abs=LEAST)
    assert found.hidden == UNITS


def test_labels_that_neighbours_put_right_are_not_enough() -> None:
    """Averaging is right on nearly all nodes, a line on half: hidden units tell the classes, as
    models will have to."""
    rng = np.random.default_rng(0)
    n = 900
    x = rng.uniform(-1, 1, (n, 2))
    y = (x.prod(1) > 0).astype(np.int64)
    rows = np.repeat(np.arange(n), 30)
    columns = np.concatenate([rng.choice(np.flatnonzero(y == one), 30) for one in y])
    links = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(n, n))
    adj = gcn_norm_csr(sp.csr_matrix((links + links.T) > 0, dtype=np.float32))
    straight, score = taught(x, y, adj, RidgeTeacher(bent=()))
    assert straight.smoothed
    assert score > 0.98
    found, score = taught(x, y, adj, RidgeTeacher())
    assert found.hidden == UNITS
    assert score > 0.95


def test_neighbours_that_say_the_opposite_are_seen_apart() -> None:
    """The class is whether a node and its only neighbour differ, which no mean of both tells."""
    rng = np.random.default_rng(0)
    n = 900
    own = rng.integers(0, 2, n)
    mate = np.arange(n) ^ 1
    y = (own != own[mate]).astype(np.int64)
    # A node weighs twice what its neighbour does, so that diffusion does not hide who is who.
    near = sp.csr_array((np.full(n, 1 / 3), (np.arange(n), mate)), shape=(n, n))
    adj = (near + sp.eye_array(n) * 2 / 3).tocsr().astype(np.float32)
    x = np.eye(2)[own] + 0.1 * rng.standard_normal((n, 2))
    _, straight = taught(x, y, adj, RidgeTeacher(bent=()))
    found, score = taught(x, y, adj, RidgeTeacher())
    assert found.hidden == UNITS
    assert score > 0.85 > straight


def test_teachers_that_keep_neighbours_apart_warn() -> None:
    soft = np.eye(2)
    for hops, words in ((0, "looks at no neighbours"), (2, "keeps neighbours apart from a node")):
        said = Taught(soft, 1.0, 0.1, 0, False, 0.9, hidden=UNITS, hops=hops).remarks
        assert words in said["warning"]
        assert f"hidden={UNITS}, hops={hops}; right on 90.0%" in said["teacher"]


def test_hops_side_by_side_by_hand() -> None:
    adj = sp.csr_matrix(np.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]), dtype=float)
    x = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]])
    own, first, second = side_by_side(adj, x)
    np.testing.assert_allclose(own, unit(x), atol=1e-6)
    np.testing.assert_allclose(first, unit(adj @ x), atol=1e-6)
    np.testing.assert_allclose(second, unit(adj @ adj @ x), atol=1e-6)


def test_a_rare_value_does_not_outweigh_other_columns() -> None:
    x = np.zeros((1000, 3))
    x[0, 0], x[:, 1] = 1.0, np.tile([5.0, 7.0], 500)
    seen = in_deviations(x)
    assert seen.dtype == np.float32
    assert seen[0].tolist() == pytest.approx([3.0, -1.0, 0.0, 1.0])  # 31.6 deviations, at most 3
    assert not seen[:, 2].any()  # what all have alike
    assert x.max() == 7.0  # input is as it was


def test_units_of_columns_do_not_matter_to_the_teacher() -> None:
    """A column in thousandths, and all moved: the same labels."""
    data, other = toy_graph(), toy_graph()
    other.x = other.x * torch.tensor([1.0, 1000.0] + [1.0] * (other.x.shape[1] - 2)) + 5
    found = []
    for one in (data, other):
        real = NodeSource(as_task(one), validates=True)
        found.append(Quotient(nodes=9).taught(real, np.random.default_rng(0))[1].soft)
    np.testing.assert_allclose(*found, atol=1e-3)


@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_few_columns_are_taken_as_they_are(form: str) -> None:
    """However they are stored: the same rows, labels, and no way back from few dimensions."""
    data = toy_graph()
    data.x = data.x.relu()
    if form == "sparse":
        data.x = data.x.to_sparse_csr()
    real = NodeSource(as_task(data), validates=True)
    assert sp.issparse(real.task.x_array) == (form == "sparse")
    rows, said = Quotient(nodes=9).taught(real, np.random.default_rng(0))
    np.testing.assert_array_equal(rows, toy_graph().x.relu())
    features = Features.of(real, rows, said.soft, MEMORY)
    assert features.basis is None
    dense = as_task(toy_graph().update({"x": toy_graph().x.relu()}))
    other = Quotient(nodes=9).taught(NodeSource(dense, validates=True), np.random.default_rng(0))[1]
    np.testing.assert_array_equal(said.soft, other.soft)


def test_many_columns_need_a_way_back() -> None:
    real = NodeSource(as_task(toy_graph()), validates=True)
    rows, said = Quotient(nodes=9, dims=2).taught(real, np.random.default_rng(0))
    assert Features.of(real, rows, said.soft, MEMORY).basis is not None
