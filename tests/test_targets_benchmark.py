"""The benchmark of targets: what it computes of graphs, and a cell of it."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphcondense.data import as_graph_task
from tests.scripts import BENCHMARKS, benchmarks

RESULTS = BENCHMARKS.parent / "docs" / "results"


@pytest.fixture(scope="module")
def targets() -> Iterator[ModuleType]:
    with benchmarks("targets") as (module,):
        yield module


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


def called(targets: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["targets.py", *words])
    targets.main()


def test_a_row_is_measured_kept_and_shown(
    targets: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Of one set: its size, how many test nodes, seconds and memory; again it replaces itself."""
    words = ["digits", "random", "--share", "0.02", "--epochs", "4", "--out", str(tmp_path)]
    called(targets, monkeypatch, *words)
    told = capsys.readouterr().out
    assert "**digits, 35 nodes, epochs 4**: test accuracy of 1,297 nodes" in told
    (row,) = json.loads((tmp_path / "targets.json").read_text())["rows"]
    assert row["size"]["nodes"] == row["budget"] == 35
    assert row["size"]["bytes"] > 35 * 64
    assert row["peak"] > 2**27
    page = (tmp_path / "targets-node.md").read_text()
    assert "| trained on | GCN | nodes | edges | KiB | runs | s to condense |" in page
    assert page.splitlines()[-1] == told.splitlines()[4]
    called(targets, monkeypatch, *words, "--models", "MLP", "--trainings", "2")
    called(targets, monkeypatch, *words, "--seed", "1")
    rows = json.loads((tmp_path / "targets.json").read_text())["rows"]
    assert [sorted(row["models"]) for row in rows] == [["GCN", "MLP"], ["GCN"]]
    shown = (tmp_path / "targets-node.md").read_text().splitlines()[-1]
    assert "| 2 x 2 |" in shown
    assert " ± " in shown.split("|")[2]
    (tmp_path / "targets-node.md").unlink()
    called(targets, monkeypatch, "--page", "--out", str(tmp_path))
    assert (tmp_path / "targets-node.md").read_text().splitlines()[-1] == shown


def test_floors_are_in_every_table_of_their_data(targets: ModuleType) -> None:
    def row(method: str, score: float, **changed: Any) -> dict[str, Any]:
        models = {"-" if method == "mean" else "GCN": of(score)}
        size = {} if method == "mean" else {"nodes": 5, "edges": 6, "bytes": 2048}
        out = {
            **{"kind": "node", "data": "sizes", "metric": "r2", "units": "nodes", "tested": 90},
            **{"budget": 5, "options": {}, "method": method, "fields": {}, "seed": 0},
            **{"size": size, "seconds": 1.0, "peak": 2**30, "when": "", "models": models},
        }
        return {**out, **changed}

    def of(score: float) -> dict[str, Any]:
        scores = {"r2": [score], "rmse": [1.0]}
        return {"scores": scores, "val": [0.1], "epochs": [5], "seconds": 2.0, "val_every": 5}

    rows = [
        row("random", 0.1),
        row("quotient", 0.3),
        row("quotient", 0.2, fields={"penalty": 0}, budget=9),
        row("whole", 0.4, budget=7),
        row("mean", 0.0, budget=7),
        row("whole", 0.5, options={"epochs": 3}),
    ]
    parts = list(targets.pages(rows))
    assert [part.split("**")[1] for part in parts[::2]] == ["sizes, 5 nodes", "sizes, 9 nodes"]
    names = [[line.split("|")[1].strip() for line in part.splitlines()[2:]] for part in parts[1::2]]
    assert names == [
        ["whole", "mean", "quotient", "random"],
        ["whole", "mean", "quotient, penalty=0"],
    ]
    assert "GCN R² | GCN RMSE" in parts[1]
    assert "| mean | 0.000 | 1.000 | - | - |" in parts[1]
    assert "| whole | 0.400 | 1.000 | 5 | 6 | 2 | 1 x 1 | - |" in parts[1]
    assert parts[0].startswith("**sizes, 5 nodes**: test R² of 90 nodes")
    molecules, _ = targets.table([row("random", 0.1, kind="graph")])
    assert molecules.startswith("**sizes, 5 graphs**: test R² of 90 graphs")


def test_committed_tables_are_fresh(targets: ModuleType, tmp_path: Path) -> None:
    targets.write_pages(tmp_path, targets.kept(RESULTS))
    pages = sorted(tmp_path.glob("*.md"))
    assert pages
    for page in pages:
        assert page.read_text() == (RESULTS / page.name).read_text(), "targets.py --page --out"
