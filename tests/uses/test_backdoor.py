"""A backdoor is put where it is said to be, works on the whole graph, and is counted rightly."""

from __future__ import annotations

import json
from typing import Any

import pytest
import scipy.sparse as sp
import torch

from graphcondense.data.node_reading import as_task
from graphcondense.uses import measure_backdoor
from graphcondense.uses.backdoor import poison_with_trigger, trigger_columns, with_trigger
from tests.cases import toy_graph

FAST: dict[str, Any] = {"epochs": 40, "hidden": 16, "val_every": 10, "seeds": 1}


@pytest.mark.parametrize("sparse", [False, True])
def test_the_poison_is_where_it_is_said(sparse: bool) -> None:
    real = as_task(toy_graph())
    if sparse:
        data = toy_graph()
        data.x = sp.csr_matrix(data.x.numpy())
        real = as_task(data)
    columns = trigger_columns(real, 3, 1)
    bad = poison_with_trigger(real, 0.2, columns, 1, 1)
    before, after = (
        torch.as_tensor(t.x_array.toarray() if sp.issparse(t.x_array) else t.x_array)
        for t in (real, bad)
    )
    moved = (before != after).any(1).nonzero().flatten()
    assert len(moved) == round(0.2 * len(real.train))
    assert set(moved.tolist()) <= set(real.train.tolist())
    assert (bad.y[moved] == 1).all()
    assert (real.y[moved] != 1).all()
    assert (after[moved][:, torch.from_numpy(columns)] == before.max()).all()
    rest = torch.ones(real.num_nodes, dtype=torch.bool)
    rest[moved] = False
    assert torch.equal(real.y[rest], bad.y[rest])


def test_it_works_on_the_whole_graph_and_a_set_without_it_is_clean() -> None:
    data = toy_graph()
    clean = as_task(data)
    found = measure_backdoor(
        data,
        {"good": lambda bad, seed: clean, "bad": lambda bad, seed: bad},
        share=0.3,
        features=4,
        **FAST,
    )
    rows = {row.label: row for row in found.rows}
    assert list(rows) == ["clean", "whole", "good", "bad"]
    assert rows["good"] == type(rows["good"])(**{**vars(rows["clean"]), "label": "good"})
    assert rows["bad"].success == rows["whole"].success
    assert rows["whole"].success > rows["clean"].success + 0.3
    assert found.poisoned == round(0.3 * len(clean.train))
    assert (rows["whole"].success_std, rows["whole"].test_std) == (None, None), "trained once"
    assert json.loads(found.to_json())["rows"][1]["label"] == "whole"
    assert "success %" in found.table()


def test_success_counts_test_nodes_of_other_classes() -> None:
    real = as_task(toy_graph())
    asked = real.test[real.y[real.test] != 0]
    shown = with_trigger(real, asked, trigger_columns(real, 2, 0))
    changed = (shown.x != real.x).any(1).nonzero().flatten()
    assert set(changed.tolist()) == set(asked.tolist())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"share": 1.5}, "share=1.5 must be at least 0"),
        ({"target": 3}, "target=3 is no class; there are 0 to 2"),
        ({"features": 0}, "features=0 must be at least 1"),
        ({"condense": {"clean": None}}, "'clean' names a baseline"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        measure_backdoor(
            toy_graph(), **{"condense": {"a": lambda task, seed: task}, **options}, **FAST
        )
