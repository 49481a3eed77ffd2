"""The report and the cost ledger."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from torch_geometric.data import Data

from graphcondense.evaluate import Ledger, Report, evaluate, plain_training_seconds
from graphcondense.evaluate.cost import Size, peak_memory_bytes, size_of

FAST = {"epochs": 4, "hidden": 16, "seeds": 3, "plain_epochs": 1, "progress": False}


def real() -> Data:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    part = torch.arange(60) // 20
    return Data(
        x=torch.eye(3, 8)[y] + 0.5 * torch.randn(60, 8, generator=generator),
        y=y,
        edge_index=torch.randint(60, (2, 150), generator=generator),
        train_mask=part == 0,
        val_mask=part == 1,
        test_mask=part == 2,
    )


def small(shift: float = 0.0) -> Data:
    edges = torch.empty(2, 0, dtype=torch.long)
    return Data(x=torch.eye(3, 8) + shift, y=torch.arange(3), edge_index=edges)


@pytest.fixture(scope="module")
def report() -> Report:
    sets = {"ours": [small(), small(0.1)], "theirs": small(0.2)}
    return evaluate(
        sets, real(), models=["GCN", "sage"], condensation_seconds={"ours": 2.0}, **FAST
    )


def test_a_row_for_each_set_and_model(report):
    found = [(row.label, row.model, row.graphs, row.trainings, row.nodes) for row in report.rows]
    assert found == [
        ("ours", "GCN", 2, 3, 3),
        ("ours", "SAGE", 2, 3, 3),
        ("theirs", "GCN", 1, 3, 3),
        ("theirs", "SAGE", 1, 3, 3),
        ("random", "GCN", 3, 3, 3),
        ("random", "SAGE", 3, 3, 3),
        ("whole", "GCN", 1, 3, 60),
        ("whole", "SAGE", 1, 3, 60),
    ]
    ours, _, theirs, *_ = report.rows
    assert ours.spread_graphs is not None
    assert ours.spread_trainings is not None
    assert theirs.spread_graphs is None
    assert all(0 <= row.test_selected <= 1 and row.seconds > 0 for row in report.rows)


def test_spreads_between_graphs_and_between_trainings_are_apart():
    from graphcondense.evaluate.fit import FitResult
    from graphcondense.evaluate.report import _row

    def result(*scores: float) -> FitResult:
        t = torch.tensor(scores)
        return FitResult("GCN", (0, 1), t, t.long(), t, t, t, 1.0, 0.5)

    row = _row("x", [small(), small()], "", [result(0.0, 0.2), result(0.4, 0.6)])
    assert row.test_selected == pytest.approx(0.3)
    assert row.spread_trainings == pytest.approx(0.2 / math.sqrt(2))
    assert row.spread_graphs == pytest.approx(0.4 / math.sqrt(2))
    assert row.test_selected_std == pytest.approx(torch.tensor([0.0, 0.2, 0.4, 0.6]).std().item())
    assert row.seconds == pytest.approx(0.5)


def test_table_is_aligned_and_says_what_matters(report):
    text = report.table()
    lines = text.splitlines()
    columns = lines[2].split("  ")
    assert len(columns) == 11
    for line in lines[3:11]:
        assert len(line) <= len(lines[2])
    for word in ("random", "whole", "best-val test", "last test", "weighted mean", "val_every 1"):
        assert word in text
    assert "cost of ours" in text
    assert "2.00 s" in text


def test_json_holds_everything(report, tmp_path):
    path = tmp_path / "report.json"
    assert json.loads(report.to_json(path)) == json.loads(path.read_text())
    content = json.loads(path.read_text())
    assert len(content["rows"]) == 8
    assert content["ledgers"]["ours"]["condensation_seconds"] == 2.0
    assert content["ledgers"]["theirs"]["condensation_seconds"] is None
    assert content["settings"]["epochs"] == 4


def test_plot_writes_a_picture(report, tmp_path):
    report.plot(tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes()[:4] == b"\x89PNG"


def test_ledger_of_a_single_graph_reads_its_own_record():
    graph = small()
    graph.condensed = {"method": "by hand", "seconds": 1.5}
    found = evaluate(graph, real(), models=["SGC"], baselines=["whole"], **FAST)
    ledger = found.ledger
    assert ledger.condensation_seconds == 1.5
    assert ledger.size == Size(nodes=3, edges=0, bytes=3 * 8 * 4 + 3 * 8)
    assert ledger.whole.nodes == 60
    assert ledger.plain_training_seconds is not None
    assert ledger.peak_memory_bytes > 2**20
    assert [row.label for row in found.rows] == ["condensed", "whole"]


def test_break_even_and_ratios():
    ledger = Ledger("h", "GCN", Size(7, 0, 10), Size(70, 5, 100), 10.0, 1.0, 3.0, 20.0, 2**20)
    assert ledger.break_even_trainings == 6  # 10 + 6 * 1 < 6 * 3, and 10 + 5 * 1 = 5 * 3
    assert ledger.ratios["nodes"] == pytest.approx(0.1)
    assert ledger.ratios["condensation_to_plain"] == pytest.approx(0.5)
    assert replace(ledger, whole_training_seconds=0.5).break_even_trainings is None
    assert replace(ledger, condensation_seconds=None).break_even_trainings is None
    json.dumps(ledger.to_dict())
    assert any("6 trainings" in line for line in ledger.lines())


def test_sizes_count_what_is_stored():
    graph = small()
    graph.edge_index = torch.tensor([[0, 1], [1, 0]])
    graph.edge_weight = torch.ones(2)
    assert size_of(graph) == Size(3, 2, 3 * 8 * 4 + 2 * 2 * 8 + 2 * 4 + 3 * 8)
    assert peak_memory_bytes() > 2**20


def test_plain_training_is_timed_and_scaled():
    assert plain_training_seconds(real(), epochs=100, measured=1, hidden=4) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": ["GCM"]}, "GCN"),
        ({"models": []}, "models"),
        ({"baselines": ["herding"]}, "herding"),
        ({"small": []}, "no condensed graph"),
        ({"small": {"whole": small()}}, "whole"),
        ({"small": Data(x=torch.ones(3, 5), y=torch.arange(3))}, r"5 features.*8"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluate(arguments.pop("small", small()), real(), **FAST, **arguments)
    data = real()
    data.test_mask[:] = False
    with pytest.raises(ValueError, match="test"):
        evaluate(small(), data, **FAST)
