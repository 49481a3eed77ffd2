"""Data of every shape end in a valid small set or in a ``ValueError`` that says what is wrong."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import HealthCheck, given, settings
from torch_geometric.data import Data

import graphcondense
from tests import drawn
from tests.cases import MethodCase, toy_graph, toy_graphs, toy_images, toy_rows

CASES = [
    pytest.param(case, id="-".join(key))
    for key, case in drawn.all_cases().items()
    if key[1] in drawn.DRAWN
]


def ends_well(case: type[MethodCase], examples: int) -> None:
    """So many drawn plans end in a valid small set or in a refusal."""

    @settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(plan=drawn.DRAWN[case.kind], asked=drawn.ASKED)
    def tried(plan: Any, asked: Any) -> None:
        assert drawn.outcome(case, plan, asked) in ("made", "refused")

    tried()


@pytest.mark.parametrize("case", CASES)
def test_a_valid_small_set_or_a_refusal(case: type[MethodCase]) -> None:
    ends_well(case, 3)


@pytest.mark.slow(seconds=60)
@pytest.mark.parametrize("case", CASES)
def test_five_hundred_valid_small_sets_or_refusals(case: type[MethodCase]) -> None:
    """``benchmarks/reliability.py --only graphs`` counts them, and goes on after one that fails."""
    ends_well(case, 500)


def test_what_is_broken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    case = drawn.all_cases()["random", "node"]
    plan = drawn.Graph(seed=0, n=12, d=3, edges=20, classes=2)
    asked = drawn.Asked(("per_class", 1))
    assert drawn.outcome(case, plan, asked) == "made"
    right = graphcondense.condense

    def doubled(*args: Any, **options: Any) -> Any:
        small = right(*args, **options)
        small.x = small.x * torch.inf
        return small

    def other(data: Any, *args: Any, **options: Any) -> Any:
        data.x += 1
        return right(data, *args, **options)

    def internal(*args: Any, **options: Any) -> Any:
        return np.linalg.cholesky(np.zeros((2, 3)))

    def bare(*args: Any, **options: Any) -> Any:
        return torch.empty(2, 3).split([1, 7])

    for wrong, said in (
        (doubled, "not finite"),
        (other, "input was changed"),
        (internal, "an error of another library"),
        (bare, "RuntimeError at"),
    ):
        monkeypatch.setattr(graphcondense, "condense", wrong)
        with pytest.raises(drawn.BrokenError, match=said):
            drawn.outcome(case, plan, asked)


@pytest.mark.parametrize("kind", list(drawn.DRAWN))
def test_what_is_broken_is_told_of_every_kind(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of plans that nothing is odd about, too: each made set is looked at."""
    case, seen = drawn.all_cases()["random", kind], []

    @settings(max_examples=12, database=None, derandomize=True, deadline=None)
    @given(plan=drawn.DRAWN[kind], asked=drawn.ASKED)
    def tried(plan: Any, asked: Any) -> None:
        try:
            seen.append(drawn.outcome(case, plan, asked))
        except drawn.BrokenError as error:
            seen.append("not finite" if "not finite" in str(error) else str(error))

    tried()
    assert set(seen) == {"made", "refused"}
    monkeypatch.setattr(drawn.cases, "tensors", lambda small: [torch.tensor([torch.inf])])
    good, seen[:] = seen.copy(), []
    tried()
    assert seen == ["not finite" if end == "made" else end for end in good]


def far(kind: str, value: float) -> Any:
    """Data with one number that is far from all others."""
    if kind == "node":
        data = toy_graph()
        data.x[3, 2] = value
        return data
    if kind == "edges":
        data = toy_graph()
        data.edge_weight = torch.ones(data.num_edges)
        data.edge_weight[5] = abs(value)
        return data
    if kind == "graph":
        graphs = toy_graphs()
        graphs[4].x[0, 0] = value
        return graphs
    if kind == "targets":
        graphs = toy_graphs()
        for i, graph in enumerate(graphs):
            graph.y = torch.tensor([[0.37 * i]])
        graphs[4].y[0, 0] = value
        return graphs
    if kind == "image":
        images, labels = toy_images()
        images[7, 0, 0, 0] = value
        return images, labels
    rows = sp.csr_matrix(toy_rows(), dtype=np.float64)
    rows.data[3] = abs(value)
    return rows


@pytest.mark.parametrize("kind", ["node", "edges", "graph", "targets", "image", "rows"])
def test_numbers_whose_squares_overflow_are_refused(kind: str) -> None:
    """And those below the limit are condensed."""
    with pytest.raises(ValueError, match=r"1e\+20; squares of numbers beyond 1e\+15 overflow"):
        graphcondense.condense(far(kind, -1e20), "random", size=6, progress=False)
    small = graphcondense.condense(far(kind, 1e14), "random", size=6, progress=False)
    assert small.condensed["hash"]


def isolated(n: int) -> Data:
    rng = torch.Generator().manual_seed(0)
    part = torch.arange(n) % 3
    return Data(
        x=torch.randn(n, 2, generator=rng),
        y=torch.randint(3, (n,), generator=rng),
        edge_index=torch.empty(2, 0, dtype=torch.long),
        train_mask=part == 0,
        val_mask=part == 1,
        test_mask=part == 2,
    )


TOO_MANY = {
    "gdem": "15 eigenvectors are asked for, and the largest connected part has 1 node",
    "kron": "kron needs about .* for 30 nodes of these data",
}
"""Who needs more than such a graph has, or than memory, and says so."""


@pytest.mark.slow(seconds=60)
@pytest.mark.parametrize("case", [case for case in CASES if case.values[0].kind == "node"])
def test_a_million_nodes_without_an_edge(case: type[MethodCase]) -> None:
    """Of every method, and each in time that grows with the nodes and no faster."""
    data = isolated(10**6)
    options = {key: value for key, value in case.options.items() if key != "validations"}
    options |= {"nodes": 30, "seed": 3, "progress": False}
    options |= {"validations": 0} if case.iterates else {}
    with case.shortened():
        if case.name in TOO_MANY:
            with pytest.raises(ValueError, match=TOO_MANY[case.name]):
                graphcondense.condense(data, case.name, **options)
            return
        small = graphcondense.condense(data, case.name, **options)
    drawn.check(small, ("nodes", 30))
    assert re.fullmatch("[0-9a-f]{16,}", small.condensed["hash"])
