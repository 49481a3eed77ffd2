"""Test nodes without a label: no use counts them as wrong, in whatever way it lists its nodes.

What is reported equals what the same graph gives whose mask leaves those nodes out from the start.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask
from graphcondense.evaluate import fit, fit_whole
from graphcondense.evaluate.floors import random_subgraph
from graphcondense.evaluate.predictors import PREDICTORS, fit_predictor
from graphcondense.evaluate.result import Scored
from graphcondense.uses.attached import known_graph
from graphcondense.uses.continual import learn_continually
from graphcondense.uses.privacy import membership_inference
from graphcondense.uses.properties import compare_properties
from graphcondense.uses.robustness import measure_robustness
from graphcondense.uses.search import search_architectures
from graphcondense.uses.serve import measure_serving

FAST: dict[str, Any] = {"epochs": 3, "hidden": 8}
CLASSES, N = 4, 120


def graph() -> Data:
    """Four classes; 40 training, 40 validation, 40 test nodes."""
    rng = np.random.default_rng(0)
    y = np.arange(N) % CLASSES
    same = y[:, None] == y
    adj = np.triu(rng.random((N, N)) < np.where(same, 0.12, 0.02), 1)
    x = np.eye(CLASSES, 8)[y] + 0.8 * rng.standard_normal((N, 8))
    order = rng.permutation(N)
    data = Data(
        x=torch.from_numpy(x).float(),
        y=torch.from_numpy(y),
        edge_index=torch.from_numpy(np.stack(sp.coo_matrix(adj | adj.T).coords)).long(),
    )
    for split, part in zip(("train", "val", "test"), np.split(order, 3), strict=True):
        data[f"{split}_mask"] = torch.zeros(N, dtype=torch.bool)
        data[f"{split}_mask"][part] = True
    return data


def pair() -> tuple[Data, Data]:
    """The same twice: with a third of the test nodes unlabelled, and with these in no split."""
    holes, clean = graph(), graph()
    gone = holes.test_mask.nonzero().flatten()[::3]
    holes.y[gone] = clean.y[gone] = -1
    clean.test_mask[gone] = False
    return holes, clean


def small() -> Data:
    return Data(
        x=torch.eye(CLASSES, 8).repeat(2, 1),
        y=torch.arange(CLASSES).repeat(2),
        edge_index=torch.tensor([[0, 4], [4, 0]]),
    )


def condense(task: NodeTask, seed: int) -> Any:
    labels = torch.arange(task.num_classes).repeat(2)
    return random_subgraph(task, Data(x=torch.zeros(len(labels), 8), y=labels), seed)


USES: dict[str, Callable[[Data], Any]] = {
    "fit": lambda data: fit("GCN", small(), data, seeds=2, **FAST),
    "fit_whole": lambda data: fit_whole("GCN", data, seeds=2, **FAST),
    **{
        name: lambda data, name=name: fit_predictor(name, small(), as_task(data))
        for name in PREDICTORS
    },
    "robustness": lambda data: measure_robustness(
        data, condense, rates=(0.0, 0.5), labels_of="train+val", seeds=1, **FAST
    ),
    "privacy": lambda data: membership_inference(
        small(), data, seeds=1, folds=2, random_draws=1, **FAST
    ),
    "properties": lambda data: compare_properties(small(), data),
    "continual": lambda data: learn_continually(
        data, condense, seeds=1, strategies=("condensed", "random", "joint"), progress=False, **FAST
    ),
    "search": lambda data: search_architectures(
        small(), data, trials=2, seeds=1, random_draws=1, progress=False, epochs=3
    ),
}


def numbers(result: Any) -> Any:
    """All that must repeat: times, and hashes of data that are not the same, left out."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            about = ("digest", "title", "test_unlabelled", "table", "notes")  # words and times
            named = {k: v for k, v in value.items() if k not in about}
            return {k: strip(v) for k, v in named.items() if "second" not in k}
        return [strip(v) for v in value] if isinstance(value, list) else value

    if hasattr(result, "to_json"):
        return strip(json.loads(result.to_json()))
    names = ("val_selected", "test_selected", "test_last", "chosen")
    return [str(getattr(result, name)) for name in names]


@pytest.mark.parametrize("use", USES)
def test_a_use_leaves_them_out(use: str) -> None:
    if use == "search":
        pytest.importorskip("optuna")
    found = [USES[use](data) for data in pair()]
    holes, clean = map(numbers, found)
    assert holes == clean
    if isinstance(found[0], Scored):
        with_holes, without = (result.table() for result in found)
        # 40 test nodes, of which 14 have no label.
        assert "26 test nodes (14 unlabelled left out)" in " ".join(with_holes.split())
        assert "14 test nodes have no label and are left out of every score" in with_holes
        assert "warning: only 26 test nodes" in without
        assert "left out of every score" not in without


def test_serving_takes_them_for_nodes_to_come() -> None:
    """Neither served nor known: the same as a graph that does not have them."""
    holes, _ = pair()
    task = as_task(holes)
    known = torch.arange(N)[~holes.test_mask]
    assert known_graph(holes).num_nodes == len(known)
    assert torch.equal(torch.as_tensor(known_graph(holes).x), holes.x[known])
    rest = as_task(graph()).subgraph((holes.y >= 0).nonzero().flatten())
    found, alone = (
        [
            (r.label, r.way, r.test, r.val, r.ks, r.flows)
            for r in measure_serving(small(), data, seeds=2, ks=(1, 2), repeats=1, **FAST).rows
        ]
        for data in (task, rest)
    )
    assert found == alone
