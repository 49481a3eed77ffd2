"""Methods for heterogeneous graphs: what is exported, by hand, and what the teacher says."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import graphcondense
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.domains.hetero import HeteroSource, path_rows
from graphcondense.domains.hetero_quotient import clustered, quotient_of, trimmed
from graphcondense.domains.hetero_teachers import HeteroTeacher, blocks, inverted, known_around
from graphcondense.ops.hetero import HeteroGraph, mean_operator
from tests.cases import HeteroCase, Whole, toy_hetero


class TestRandom(HeteroCase):
    name = "random"
    iterates = False


class TestHerding(HeteroCase):
    name = "herding"
    iterates = False


class TestKCenter(HeteroCase):
    name = "kcenter"
    iterates = False


class TestQuotient(HeteroCase):
    name = "quotient"
    iterates = False
    options: ClassVar[dict[str, Any]] = {"dims": 8}

    @pytest.mark.parametrize("labels", ["soft", "hard"])
    def test_labels(self, labels: str) -> None:
        small = self.condense(labels=labels)
        y = small["paper"].y
        assert y.dtype == (torch.float32 if labels == "soft" else torch.long)
        if labels == "soft":
            torch.testing.assert_close(y.sum(1), torch.ones(len(y)))

    def test_every_node_is_in_a_group(self, whole: Whole) -> None:
        data, small = self.data(), whole.small
        for kind in data.node_types:
            group = small[kind].assignment
            assert len(group) == data[kind].num_nodes
            assert torch.unique(group).tolist() == list(range(len(small[kind].x)))
        for kind in ("paper", "author"):
            mean = torch.stack(
                [
                    data[kind].x[small[kind].assignment == i].mean(0)
                    for i in range(len(small[kind].x))
                ]
            )
            torch.testing.assert_close(small[kind].x, mean)

    def test_a_larger_budget_than_labels(self) -> None:
        small = self.condense(per_class=None, nodes=90)
        assert len(small["paper"].x) == 90  # of 120, fewer of which are labelled


def graph() -> HeteroGraph:
    rng = np.random.default_rng(0)
    cites = sp.random(9, 9, density=0.3, rng=rng, format="csr")
    writes = sp.random(9, 4, density=0.4, rng=rng, format="csr")
    for matrix in (cites, writes):
        matrix.data[:] = 1
    x = {"a": rng.standard_normal((9, 3)), "b": rng.standard_normal((4, 2))}
    relations = {("a", "r", "a"): cites, ("b", "s", "a"): writes, ("a", "t", "b"): writes.T.tocsr()}
    return HeteroGraph(
        {k: v.astype(np.float32) for k, v in x.items()},
        {k: sp.csr_matrix(v, dtype=np.float32) for k, v in relations.items()},
    )


def test_a_quotient_keeps_what_means_give() -> None:
    """Where members of a group are alike, a weighted sum over neighbouring groups is the mean over
    members of their means over neighbours; by hand in float64."""
    real = graph()
    parts = {"a": np.array([0, 0, 0, 1, 1, 2, 2, 2, 2]), "b": np.array([0, 1, 0, 1])}
    small = quotient_of(real, parts, cut=0.0)
    rng = np.random.default_rng(1)
    for relation, matrix in real.relations.items():
        dense = matrix.toarray().astype(np.float64)
        mean = dense / np.maximum(dense.sum(1, keepdims=True), 1)
        h = rng.standard_normal((3 if relation[0] == "a" else 2, 4))  # alike in a group
        heard = mean @ h[parts[relation[0]]]
        groups = len(np.unique(parts[relation[2]]))
        wanted = [heard[parts[relation[2]] == i].mean(0) for i in range(groups)]
        got = small.relations[relation].toarray().astype(np.float64) @ h
        np.testing.assert_allclose(got, np.stack(wanted), atol=1e-6)
        again = mean_operator(small.relations[relation])  # what models make of it: no change
        assert abs(again - small.relations[relation]).max() < 1e-6


def test_what_is_cut_keeps_sums() -> None:
    matrix = sp.csr_matrix([[0.5, 0.3, 0.005], [0.004, 0.0, 0.003], [0.0, 0.0, 0.0]])
    out = trimmed(matrix, 0.01)
    np.testing.assert_allclose(*(m.toarray().sum(1) for m in (out, matrix)), rtol=1e-6)
    assert out.getnnz(1).tolist() == [2, 1, 0]


def test_many_clusters_are_made_in_two_steps() -> None:
    """As many as are asked for, none empty, and rows that are far apart stay apart."""
    rng = np.random.default_rng(0)
    centres = 100 * rng.standard_normal((450, 3))
    rows = np.repeat(centres, 2, 0) + 0.01 * rng.standard_normal((900, 3))
    part = clustered(rows.astype(np.float32), 420, np.random.default_rng(0))
    assert np.unique(part).tolist() == list(range(420))
    mean = np.stack([rows[part == i].mean(0) for i in range(420)])
    assert np.square(rows - mean[part]).sum() < 0.1 * np.square(rows - rows.mean(0)).sum()


def test_leave_one_out_by_hand() -> None:
    """What the first lesson says of a training node is what it would say without it."""
    task = as_hetero(toy_hetero(n=30))
    source, teacher = HeteroSource(task.blind()), HeteroTeacher()
    train = task.train.numpy()
    given = np.eye(3, dtype=np.float32)[task.y[task.train].numpy()]
    known = np.zeros((30, 3), np.float32)
    known[train] = given
    labels = known_around(source.task.graph, "paper", known)
    got = teacher._first(source.task.graph, "paper", labels, train, given)
    rows = np.hstack([np.asarray(b) for b in blocks(source.task.graph, "paper", labels)])
    rows = rows.astype(np.float64)
    for at, node in enumerate(train):
        others = np.delete(train, at)
        gram = rows[others].T @ rows[others] + teacher.ridge * np.eye(rows.shape[1])
        weights = np.linalg.solve(gram, rows[others].T @ np.delete(given, at, 0))
        np.testing.assert_allclose(got[node], rows[node] @ weights, atol=1e-4)
    rest = np.setdiff1d(np.arange(30), train)
    gram = rows[train].T @ rows[train] + teacher.ridge * np.eye(rows.shape[1])
    weights = np.linalg.solve(gram, rows[train].T @ given)
    np.testing.assert_allclose(got[rest], rows[rest] @ weights, atol=1e-4)


def test_known_labels_are_never_a_nodes_own() -> None:
    """One label alone: its own node hears nothing of it."""
    task = as_hetero(toy_hetero(n=30))
    for node in (0, 7):
        known = np.zeros((30, 3), np.float32)
        known[node] = [0, 1, 0]
        for heard in known_around(task.graph, "paper", known):
            np.testing.assert_allclose(heard[node], 0, atol=1e-6)


def test_the_inverse() -> None:
    a = np.random.default_rng(0).standard_normal((6, 6)).astype(np.float32)
    a = a @ a.T + np.eye(6, dtype=np.float32)
    np.testing.assert_allclose(inverted(a.copy()) @ a, np.eye(6), atol=1e-4)


def test_the_teacher_is_better_than_chance_and_stays_with_given_labels() -> None:
    task = as_hetero(toy_hetero())
    taught = HeteroTeacher().teach(HeteroSource(task.blind(True)), np.random.default_rng(0))
    assert taught.score > 0.7
    assert (taught.soft[task.train.numpy()].argmax(1) == task.y[task.train].numpy()).all()
    assert (taught.soft.argmax(1) == task.y.numpy())[task.test.numpy()].mean() > 0.7


def test_rows_of_one_hop_by_hand() -> None:
    real = graph()
    rows = path_rows(real, 1, 9, np.random.default_rng(0))["a"]
    parts = [real.x["a"], real.means["a", "r", "a"] @ real.x["a"]]
    parts += [real.means["b", "s", "a"] @ real.x["b"]]
    for part, got in zip(parts, np.split(rows, [3, 6], 1), strict=True):
        length = np.linalg.norm(part, axis=1, keepdims=True)
        np.testing.assert_allclose(got, part / np.where(length > 0, length, 1), atol=1e-6)


@pytest.mark.parametrize("name", ["random", "herding", "kcenter"])
def test_coresets_are_induced(name: str) -> None:
    """Real nodes; where enough of a type touch what is chosen, all of that type do."""
    data = toy_hetero()
    small = graphcondense.condense(data, name, nodes=12, progress=False)
    real = {tuple(row.tolist()) for row in data["paper"].x[data["paper"].train_mask]}
    assert all(tuple(row.tolist()) in real for row in small["paper"].x)
    assert {k: len(x) for k, x in small.x_dict.items()} == {"paper": 12, "author": 6, "venue": 1}
    writers = torch.unique(small["author", "writes", "paper"].edge_index[0])
    assert writers.tolist() == list(range(6))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nodes": 121}, "121 nodes, above the 120"),
        ({"nodes": 2}, "2 examples, below one for each of 3 classes"),
        ({"nodes": 9, "ratio": 0.1}, "exactly one of"),
        ({"nodes": 9, "cut": -1.0}, "cut=-1.0 must be at least 0"),
        ({"nodes": 9, "cuts": 1.0}, "cuts"),
        ({"nodes": 9, "setting": "inductive"}, "cannot act: hetero data have one setting"),
        ({"nodes": 9, "memory": "1 GiB"}, "is for one graph with labelled nodes"),
        ({"nodes": 9, "epsilon": 1.0}, "is for one graph with labelled nodes"),
        ({"sizes": [9, 12]}, "makes one size a run"),
    ],
)
def test_what_cannot_be_asked_for(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        graphcondense.condense(toy_hetero(), "quotient", progress=False, **options)


def test_fewer_than_five_validation_nodes_choose_nothing() -> None:
    """As of one graph: of so few no choice is ever sure."""
    data = toy_hetero()
    labelled = next(store for store in data.node_stores if "y" in store)
    mask = labelled.val_mask.nonzero().flatten()
    for count in (5, 4):
        labelled.val_mask[mask[count:]] = False
        found = HeteroSource(as_hetero(data)).validation
        assert (None if found is None else len(found[0])) == (5 if count == 5 else None)
