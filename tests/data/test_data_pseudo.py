"""Labels from label propagation, for budgets above the number of labelled nodes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import graphcondense
from graphcondense.data import NodeTask, as_task, pseudo_labelled
from graphcondense.data.pseudo import RESTART, STEPS
from tests.cases import toy_graph


def test_scores_are_those_of_a_loop(real: NodeTask) -> None:
    n = real.num_nodes
    whole = real.adj.toarray() + np.eye(n)
    degree = whole.sum(1)
    start = np.zeros((n, 3))
    for c in range(3):
        mine = [i for i in real.train.tolist() if real.y[i] == c]
        start[mine, c] = 1 / len(mine)
    scores = start
    for _ in range(STEPS):
        new = np.zeros_like(scores)
        for i, j in zip(*whole.nonzero(), strict=True):
            new[i] += whole[i, j] / np.sqrt(degree[i] * degree[j]) * scores[j]
        scores = (1 - RESTART) * new + RESTART * start
    found = pseudo_labelled(real, 4)
    added = found.train[len(real.train) :].tolist()
    assert len(added) == 12
    share = scores / scores.sum(1, keepdims=True)
    for c in range(3):
        free = [i for i in range(n) if i not in real.train.tolist() + real.val.tolist()]
        own = [i for i in free if scores[i].argmax() == c]
        surest = sorted(own, key=lambda i: -share[i, c])[:4]
        assert sorted(i for i in added if found.y[i] == c) == sorted(surest)


def test_only_training_labels_are_read(real: NodeTask) -> None:
    other = (real.y + 1) % 3
    other[real.train] = real.y[real.train]
    a, b = pseudo_labelled(real, 5), pseudo_labelled(replace(real, y=other), 5)
    assert torch.equal(a.train, b.train)
    assert torch.equal(a.y[a.train], b.y[b.train])


def test_splits_stay_disjoint_and_validation_whole(real: NodeTask) -> None:
    found = pseudo_labelled(real, 100)
    assert torch.equal(found.val, real.val)
    assert not set(found.train.tolist()) & {*found.val.tolist(), *found.test.tolist()}
    assert torch.equal(found.train[: len(real.train)], real.train)
    assert set(found.train.tolist()) | set(found.test.tolist()) == {
        *real.train.tolist(),
        *real.test.tolist(),
    }


def test_more_than_there_are_is_told(real: NodeTask, recwarn: pytest.WarningsRecorder) -> None:
    """Of every class by how many; nothing is said where the number is reached."""
    pseudo_labelled(real, 2)
    assert not recwarn.list
    with pytest.warns(
        UserWarning, match=r"pseudo_labels=99999: .*\(class 0: \d+, class 1: "
    ) as told:
        found = pseudo_labelled(real, 99999)
    counts = re.findall(r"class \d: (\d+)", str(told[0].message))
    assert sum(map(int, counts)) == len(found.train) - len(real.train)


def test_a_node_that_no_label_reaches_is_left(real: NodeTask) -> None:
    alone = int(real.test[0])
    adj = real.adj.tolil()
    adj[alone, :] = adj[:, alone] = 0
    found = pseudo_labelled(replace(real, adj=sp.csr_matrix(adj)), 100)
    assert alone in found.test.tolist()


@pytest.mark.parametrize("method", ["random", "gecc", "gcond-x"])
def test_a_budget_above_the_labels(method: str) -> None:
    data = toy_graph()
    test = as_task(data).test
    more = {"epochs": 2} if method == "gcond-x" else {}
    with pytest.raises(ValueError, match=r"above the 60 labelled .*pseudo_labels="):
        graphcondense.condense(data, method, nodes=75, **more)
    small = graphcondense.condense(data, method, nodes=75, pseudo_labels=20, **more)
    assert small.num_nodes == 75
    assert small.validate()
    assert torch.bincount(small.y).min() > 20
    assert small.condensed["pseudo_labels"] == 20
    assert torch.equal(as_task(data).test, test)


def test_where_it_is_not_for(real: NodeTask) -> None:
    with pytest.raises(ValueError, match="pseudo_labels=0 must be at least 1"):
        pseudo_labelled(real, 0)
    with pytest.raises(ValueError, match="needs edges"):
        pseudo_labelled(replace(real, adj=sp.csr_matrix((90, 90), dtype="f4")), 3)
    with pytest.raises(ValueError, match="inductive"):
        graphcondense.condense(real, "random", nodes=9, pseudo_labels=3, setting="inductive")
    images = (torch.rand(40, 1, 4, 4), torch.arange(40) % 2)
    with pytest.raises(ValueError, match="these are image data"):
        graphcondense.condense(images, "random", per_class=1, pseudo_labels=3)


def test_an_update_sees_what_the_first_saw() -> None:
    data = toy_graph()
    small = graphcondense.condense(data, "gecc", nodes=75, pseudo_labels=20)
    again = graphcondense.update(small, data)
    assert again.num_nodes == 75
    assert again.condensed["pseudo_labels"] == 20
