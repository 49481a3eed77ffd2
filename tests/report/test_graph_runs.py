"""Runs of sets of graphs: `evaluate`, the page, and the verbs that need one graph."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from torch_geometric.data import Data

from graphcondense import cli
from graphcondense.data import graph_hash, load_graphs, save_condensed, tensor_bytes
from graphcondense.evaluate import Report
from graphcondense.evaluate.metrics import SCORES
from graphcondense.pictures import draw_graphs
from graphcondense.report import write_report
from graphcondense.report.runs import read_runs
from graphcondense.report.scene import curve_charts
from graphcondense.saved.condensed_graphs import CondensedGraphs

SHORT = ["--steps=3", "--hidden=8", "--seeds=2", "--models=gcn,gin", "--random-draws=1"]


def write_run(folder: Path, regression: bool = False) -> Path:
    """A file of 40 graphs and a run folder of six of them."""
    rng = torch.Generator().manual_seed(0)
    graphs = [
        Data(
            x=torch.randn(i % 4 + 1, 3, generator=rng),
            edge_index=torch.randint(i % 4 + 1, (2, 6), generator=rng),
            y=torch.tensor([[float(i)]]) if regression else torch.tensor([[float(i % 2)]]),
        )
        for i in range(40)
    ]
    data = folder / "toys.pt"
    torch.save(graphs, data)
    task = load_graphs(data)
    small = CondensedGraphs(task.batch(task.train[:6]))
    about = {"name": "toys", "digest": task.digest, "metric": task.metric, "graphs": 40}
    about |= {"nodes": len(task.graphs.x), "edges": 240, "bytes": task.graphs.bytes}
    sign = -1 if regression else 1
    sizes = {"graphs": 6, "nodes": len(small.set.x), "edges": 36, "bytes": tensor_bytes(small)}
    small.condensed = {
        "method": "doscond",
        "kind": "graph",
        "seed": 0,
        "data": about,
        "hyperparameters": {"lr_x": 0.01},
        "budget": {"asked": {"per_class": 3}},
        "hash": graph_hash(small),
        "seconds": 4.0,
        "validation": {"score": sign * 0.75, "step": 20, "predictor": "GCN"},
        **sizes,
    }
    run = folder / "run"
    save_condensed(small, run)
    config = {"method": "doscond", "hyperparameters": {}, "data": about, "seed": 0}
    config["origin"] = {"data": str(data), "root": None, "split": None, "data_seed": 0}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    rows = [{"step": i, "loss": 3 / i, "validation": sign * i / 40} for i in range(1, 31)]
    (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    draw_graphs(small, run / "graphs.png")
    return run


@pytest.mark.parametrize("regression", [False, True])
def test_a_run_of_graphs_is_evaluated_and_has_a_page(regression, tmp_path, capsys):
    run = write_run(tmp_path, regression)
    page = write_report(run).read_text()
    assert "To have test scores here, run" in page
    assert ("0.750 RMSE" if regression else "75.0 %") in page
    assert cli.main(["evaluate", str(run), *SHORT]) == 0
    out = capsys.readouterr()
    assert "not condensed from" not in out.err
    assert "expected to add" in out.err
    report = Report.read(run / "evaluation.json")
    assert report.models == ["GCN", "GIN"]
    assert report.labels == ["doscond", "random", "whole", *(["mean"] * regression)]
    assert report.rows[0].set_graphs == 6
    assert report.metric == ("rmse" if regression else "rocauc")
    assert report.settings["GCN"]["steps"] == 3
    assert report.settings["GCN"]["val_every"] == 5  # that of sets of graphs, not of nodes
    assert report.ledger.condensation_seconds == 4.0
    for name in ("evaluation.png", "transfer.png", "break-even.png"):
        assert (run / name).read_bytes()[:4] == b"\x89PNG"
    page = write_report(run).read_text()
    score = "RMSE" if regression else "ROC-AUC"
    for word in (
        f"test {score}, GCN",
        f"test {score} on the real data",
        "40 graphs to 6",
        "random, 6 graphs",
        "nodes and 36 edges in all",
        "% of graphs",
        'class="molecule"',
        f"validation {score}",
    ):
        assert word in page, word
    assert "accurac" not in page.partition("<main")[2].partition("<script")[0]
    assert ("lower is better" in page) == regression


def test_a_run_of_graphs_as_the_page_reads_it(tmp_path):
    run = write_run(tmp_path)
    (found,) = read_runs([run])
    assert (found.unit, found.size, found.score.name) == ("graphs", "6 graphs", "ROC-AUC")
    assert found.picture == run / "graphs.png"
    (run / "graphs.png").unlink()
    page = write_report(run).read_text()
    assert page.count('class="molecule"') == 6  # drawn from the graphs, in the page's own colours
    assert "data:image/png" not in page


VERBS = ["properties", "privacy", "serve", "nas", "tune"]


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_of_one_graph_say_so_first(verb, tmp_path, capsys):
    run = write_run(tmp_path)
    before = sorted(run.iterdir())
    assert cli.main([verb, str(run)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        f"error: {verb} is for one graph with labelled nodes; {run} holds a set of graphs"
    )
    assert sorted(run.iterdir()) == before


@pytest.mark.parametrize("verb", ["robustness --method random --nodes 4", "continual"])
def test_verbs_that_condense_say_so_first(verb, tmp_path, capsys):
    write_run(tmp_path)
    words = [*verb.split(), "--data", str(tmp_path / "toys.pt"), "--out", str(tmp_path / "new")]
    assert cli.main(words) == 2
    assert "is for one graph with labelled nodes; " in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--epochs 3", "--epochs is no setting of training on a set of graphs.*give --steps"),
        ("--activation tanh", "--activation is no setting of training on a set of graphs"),
        ("--readout max", "readout"),
        ("--edge-features", "edge_features=True, but toys has no edge features"),
        ("--models SGC", "unknown graph-level model 'SGC'"),
        ("--data digits", "holds a set of 6 graphs, but digits is one graph"),
    ],
)
def test_wrong_flags_with_graphs_are_named(words, message, tmp_path, capsys):
    run = write_run(tmp_path)
    assert cli.main(["evaluate", str(run), *words.split()]) == 2
    assert re.search(message, " ".join(capsys.readouterr().err.split()))


def test_a_setting_of_graphs_does_not_fit_one_graph(tmp_path, capsys):
    small = Data(x=torch.rand(10, 64), y=torch.arange(10), edge_index=torch.empty(2, 0).long())
    small.condensed = {"data": {"name": "digits"}}
    save_condensed(small, tmp_path)
    words = ["--data", "digits", "--steps", "3"]
    assert cli.main(["evaluate", str(tmp_path), *words]) == 2
    assert "--steps is no setting of training on one graph" in capsys.readouterr().err
    run = write_run(tmp_path)
    assert cli.main(["evaluate", str(tmp_path), "--data", str(run.parent / "toys.pt")]) == 2
    assert "holds one graph, but" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("metric", "values", "points", "mark"),
    [
        ("rmse", [-4e-4, -1e-5, -9e-5], [4e-4, 1e-5, 9e-5], (1, "1e-05")),
        ("rmse", [-81250.754, -81250.75, -90000.0], [81250.8, 81250.8, 90000.0], (1, "81,251")),
        ("r2", [0.1, 0.20004, 0.20001], [0.1, 0.20004, 0.20001], (1, "0.200")),
        ("rocauc", [0.7, 0.71234564, 0.712345649], [70.0, 71.2346, 71.2346], (2, "71.2 %")),
    ],
)
def test_the_best_validation_is_that_of_the_run(metric, values, points, mark):
    """Of small errors, too, and of scores that look alike once they are rounded for the picture."""
    rows = [{"step": i, "loss": 1.0, "validation": value} for i, value in enumerate(values)]
    run = SimpleNamespace(label="a", metrics=rows, score=SCORES[metric])
    (line,) = curve_charts([run])[1]["lines"]
    assert line["points"] == [[i, y] for i, y in enumerate(points)]
    at, text = mark
    assert line["marks"] == [{"x": at, "y": points[at], "text": text}]
