"""KiDD: what holds for every method on graphs, in both forms, and what is its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import graphcondense
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.domains.graph import GraphSource
from graphcondense.methods.kidd import KiDD
from tests.cases import GraphCase, toy_graphs


class TestKiDD(GraphCase):
    name = "kidd"
    options = {"steps": 6, "real_batch": 5, "validations": 1}


def source() -> GraphSource:
    return GraphSource(as_graph_task(toy_graphs()))


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("rank", [None, 4])
def test_it_predicts_the_real_graphs_better(rank: int | None) -> None:
    real, method = source(), KiDD(per_class=2, steps=40, real_batch=10, rank=rank)
    objective, start = method.objective(real), method.start(real, rng())
    losses = []
    for syn in (start, method.condense(real, rng=rng())):
        syn.draw(rng())
        losses.append(float(objective(syn, real, None, rng()).detach()))
    assert losses[1] < 0.8 * losses[0]


def test_low_rank_starts_at_the_same_graphs() -> None:
    """At full rank exactly; at a lower one with as many logits of rank that low."""
    real = source()
    free = KiDD(per_class=3).start(real, rng())
    whole = KiDD(per_class=3, rank=9).start(real, rng())
    assert torch.allclose(whole.logits[whole.inside], free.logits[free.inside], atol=1e-4)
    assert torch.equal(whole.export().edge_index, free.export().edge_index)
    low = KiDD(per_class=3, rank=2).start(real, rng())
    square = low._square(low.logits + 2.0)
    factor = low.groups()["adj"][0].detach()
    gram = factor @ factor.transpose(1, 2)
    off = ~torch.eye(gram.shape[1], dtype=torch.bool)
    assert torch.allclose(square[:, off], gram[:, off], atol=1e-5)
    assert int(torch.linalg.matrix_rank(gram, atol=1e-4).max()) == 2


def test_low_rank_draws_nothing() -> None:
    low = KiDD(per_class=2, rank=2).start(source(), rng())
    before = low.graphs().adj.detach()
    low.draw(rng())
    assert torch.equal(low.graphs().adj, before)


def test_low_rank_by_name_is_resumable(tmp_path: Path) -> None:
    case = TestKiDD()
    case.options = {**case.options, "rank": 2}  # type: ignore[misc]
    whole = case.observed(tmp_path / "whole")
    case.test_resumed_is_uninterrupted(whole, tmp_path / "cut", 4)
    small = graphcondense.condense(
        toy_graphs(), "kidd-lr", per_class=2, steps=2, validations=0, progress=False
    )
    assert small.condensed["method"] == "kidd-lr"


def test_bad_fields() -> None:
    real = source()
    for fields, message in (
        ({"edge_features": True}, "does not see edge features"),
        ({"readout": "attention"}, "readout='attention' has no kernel"),
        ({"rank": 0}, "rank=0 must be at least 1"),
        ({"ridge": 0.0}, "ridge=0.0 must be above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            KiDD(per_class=2, **fields).condense(real, rng=rng())
