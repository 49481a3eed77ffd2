"""The benchmark of targets: what it computes of graphs, and a cell of it."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphcondense.data import as_graph_task

FILE = Path(__file__).parents[1] / "benchmarks" / "targets.py"


@pytest.fixture(scope="module")
def targets() -> ModuleType:
    spec = importlib.util.spec_from_file_location("targets_benchmark", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def molecule(n: int, *bonds: tuple[int, int]) -> Data:
    ends = torch.tensor(bonds).reshape(-1, 2).T
    both = torch.cat([ends, ends.flip(0)], 1)
    return Data(x=torch.zeros(n, 1, dtype=torch.long), edge_index=both, y=torch.tensor([n % 2]))


def test_wiener_s_index_by_hand(targets: ModuleType) -> None:
    """Butane 10, isobutane 9, cyclobutane 8 (Wiener, 1947); of two parts each for itself."""
    chain, star = ((0, 1), (1, 2), (2, 3)), ((0, 1), (0, 2), (0, 3))
    graphs = [
        molecule(4, *chain),
        molecule(4, *star),
        molecule(4, *chain, (3, 0)),
        molecule(5, (0, 1), (2, 3), (3, 4)),
        molecule(1),
    ]
    splits: dict[str, Any] = {"train": [0, 1, 2, 3], "val": [4], "test": []}
    task = targets.wiener(as_graph_task(graphs, splits, name="toys", label_kind="classes"))
    assert task.label_kind == "regression"
    assert task.name == "toys-wiener"
    wanted = [math.log10(value) for value in (10, 9, 8, 1 + 4, 1)]
    torch.testing.assert_close(task.graphs.y.flatten(), torch.tensor(wanted))
    assert task.train.tolist() == [0, 1, 2, 3]


def test_a_cell_says_scores_seconds_and_memory(
    targets: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["targets.py", "digits", "random", "--share", "0.02"])
    targets.main()
    told = capsys.readouterr().out
    assert "digits random, accuracy: test [0." in told
    assert "GiB" in told
