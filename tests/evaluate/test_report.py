"""The report and the cost ledger."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from matplotlib.figure import Figure
from torch_geometric.data import Data
from torch_geometric.nn import GraphSAGE

from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask
from graphcondense.evaluate import (
    ALL,
    Ledger,
    NodeEvaluator,
    Report,
    evaluate,
    evaluator_of,
    plain_training_seconds,
    predictors,
)
from graphcondense.evaluate.cost import Size, peak_memory_bytes, size_of
from graphcondense.evaluate.floors import random_graphs, random_within
from graphcondense.evaluate.graphs import GraphEvaluator
from graphcondense.evaluate.ledger import better_than_random, draw_break_even
from graphcondense.nn.batched import MODELS
from graphcondense.nn.graphs import GRAPH_MODELS
from graphcondense.saved.condensed_graphs import CondensedGraphs

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


ROWS = 4 * (3 + 1) + (4 + 4) * 3
"""Bytes of the features of :func:`small` as they are stored: by row, a value in each of three."""


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
    from graphcondense.evaluate import FitResult
    from graphcondense.evaluate.call import _row

    def result(*scores: float) -> FitResult:
        t = torch.tensor(scores)
        return FitResult("GCN", (0, 1), t, t.long(), t, t, t, 1.0, 0.5)

    row = _row("x", [small(), small()], "GNN", "", [result(0.0, 0.2), result(0.4, 0.6)])
    assert row.test_selected == pytest.approx(0.3)
    assert row.spread_trainings == pytest.approx(0.2 / math.sqrt(2))
    assert row.spread_graphs == pytest.approx(0.4 / math.sqrt(2))
    assert row.test_selected_std == pytest.approx(torch.tensor([0.0, 0.2, 0.4, 0.6]).std().item())
    assert row.seconds == pytest.approx(0.5)


def test_table_is_aligned_and_says_what_matters(report):
    text = report.table()
    lines = text.splitlines()
    columns = lines[2].split("  ")
    assert len(columns) == 12
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
    assert content["settings"]["GCN"]["epochs"] == 4


def test_plot_writes_a_picture(report, tmp_path):
    report.plot(tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes()[:4] == b"\x89PNG"


def test_ledger_of_a_single_graph_reads_its_own_record():
    graph = small()
    graph.condensed = {"method": "by hand", "seconds": 1.5}
    found = evaluate(graph, real(), models=["SGC"], baselines=["whole"], **FAST)
    ledger = found.ledger
    assert ledger.condensation_seconds == 1.5
    assert ledger.size == Size(nodes=3, edges=0, bytes=ROWS + 3 * 8)
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
    assert size_of(graph) == Size(3, 2, ROWS + 2 * 2 * 8 + 2 * 4 + 3 * 8)
    graph.x = graph.x + 1
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


def test_other_forms(report, tmp_path):
    latex = report.to_latex()
    assert latex.count(r"\\") == 9
    assert r"$\pm$" in latex
    frame = report.to_frame()
    assert frame.shape[0] == 8
    assert frame.loc[0, "test_selected"] == report.rows[0].test_selected
    for draw in (report.plot_transfer, report.plot_break_even):
        draw(tmp_path / "picture.png")
        assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"


def test_reports_are_read_back_and_joined(report, tmp_path):
    report.to_json(tmp_path / "report.json")
    again = Report.read(tmp_path / "report.json")
    assert again == report
    assert again.table() == report.table()
    more = evaluate({"third": small(0.3)}, real(), models=["GCN"], baselines=[], **FAST)
    both = report.with_rows_of(more, report)
    assert both.labels == [*report.labels, "third"]
    assert len(both.rows) == 9
    assert list(both.ledgers) == ["ours", "theirs", "third"]
    with pytest.raises(ValueError, match="GCN was trained with"):
        report.with_rows_of(evaluate(small(), real(), models=["GCN"], **{**FAST, "hidden": 8}))
    with pytest.raises(ValueError, match="and on"):
        report.with_rows_of(replace(more, digest="another"))
    (tmp_path / "other.json").write_text("[1]")
    for name in ("other.json", "none.json"):
        with pytest.raises(ValueError, match=name):
            Report.read(tmp_path / name)


def test_permuted_test_labels_change_nothing_but_test_scores():
    """Every choice, and every field that is not a test score, is made without test labels."""
    honest, permuted = real(), real()
    test = permuted.test_mask.nonzero().flatten()
    permuted.y[test] = permuted.y[test].flip(0).roll(1)
    names = [*MODELS, "LabelProp", "KernelRidge", GraphSAGE]
    graph = small()
    graph.edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    graph.edge_weight = torch.tensor([0.2, 0.2, 0.9, 0.9])
    options = {**FAST, "plain_epochs": 0, "random_draws": 1, "equal_bytes": True}
    ours, theirs = (evaluate(graph, data, models=names, **options) for data in (honest, permuted))
    assert ours.digest == theirs.digest
    changed = 0
    for mine, other in zip(ours.rows, theirs.rows, strict=True):
        for name, value in vars(mine).items():
            if name.startswith("test_") or name in ("scores", "others"):
                changed += value != getattr(other, name)
            elif name not in ("seconds", "seconds_training", "processor_seconds", "spread_graphs"):
                assert name == "spread_trainings" or value == getattr(other, name), name
    assert changed > len(ours.rows)


def test_settings_are_the_models_own_until_given():
    found = evaluate(small(), real(), models=["GCN", "SGC"], baselines=[], **FAST)
    assert found.settings["GCN"]["lr"] == 0.01
    assert found.settings["SGC"]["lr"] == MODELS["SGC"].recipe["lr"] != 0.01
    found = evaluate(small(), real(), models=["SGC"], baselines=[], lr=0.5, **FAST)
    assert found.settings["SGC"]["lr"] == 0.5
    assert "lr 0.5" in found.table()


def test_models_by_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**FAST, "baselines": [], "epochs": 1, "plain_epochs": 0, "seeds": 1}
    assert evaluate(small(), real(), models="all", **options).models == list(ALL)
    monkeypatch.setattr(predictors, "MOST", 2)
    with pytest.warns(UserWarning, match="KernelRidge is left out of all models: .* stops at 2"):
        found = evaluate(small(), real(), models="all", **options).models
    assert found == [name for name in ALL if name != "KernelRidge"]
    monkeypatch.undo()
    assert evaluate(small(), real(), models="gcn,krr", **options).models == ["GCN", "KernelRidge"]


def test_equal_bytes_stand_beside():
    found = evaluate(small(), real(), models=["SGC"], equal_bytes=True, random_draws=2, **FAST)
    rows = {row.label: row for row in found.rows}
    assert rows["random, same bytes"].graphs == 2
    assert rows["herding, same bytes"].bytes <= rows["condensed"].bytes


def test_processor_seconds_and_the_break_even_curve():
    ledger = Ledger("h", "GCN", Size(7, 0, 10), Size(70, 5, 100), 10.0, 1.0, 3.0, 20.0, 2**20, 9.0)
    assert ledger.total_seconds(6) == (16.0, 18.0)
    assert ledger.total_seconds(5) == (15.0, 15.0)
    assert any("9.00 s condensation" in line for line in ledger.lines())
    assert Ledger.from_dict(json.loads(json.dumps(ledger.to_dict()))) == ledger
    with pytest.raises(ValueError, match="condensation_seconds"):
        draw_break_even({"a": replace(ledger, condensation_seconds=None)}, "unused.png")


def test_an_interrupted_evaluation_goes_on(tmp_path, monkeypatch):
    """What is finished is not trained again, and the result is that of one go."""
    sets, store = {"ours": [small(), small(0.1)]}, tmp_path / "new" / "partial.jsonl"
    options = {**FAST, "models": ["GCN", "SGC", "LabelProp"], "plain_epochs": 0, "random_draws": 1}
    whole = evaluate(sets, real(), **options)
    fit, calls = NodeEvaluator.fit, []

    def cut(self, model, graph, **more):
        calls.append(model.__name__)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return fit(self, model, graph, **more)

    monkeypatch.setattr(NodeEvaluator, "fit", cut)
    with pytest.raises(KeyboardInterrupt):
        evaluate(sets, real(), store=store, **options)
    lines = store.read_text().splitlines()
    assert len(lines) == 3
    store.write_text("\n".join([*lines, lines[0][:40]]))  # a line cut short
    changed = evaluate(sets, real(), store=store, **{**options, "epochs": 2})
    assert changed.settings["GCN"]["epochs"] == 2  # finished trainings of others do not count
    store.write_text("\n".join(lines) + "\n")
    calls.clear()
    monkeypatch.setattr(NodeEvaluator, "fit", fit)
    counted = []
    monkeypatch.setattr(
        NodeEvaluator, "fit", lambda self, *a, **k: counted.append(a) or fit(self, *a, **k)
    )
    resumed = evaluate(sets, real(), store=store, **options)
    assert len(counted) == (2 + 1 + 1) * 2 - 3
    assert not store.exists()
    timed = ("seconds", "seconds_training", "processor_seconds")
    for a, b in zip(whole.rows, resumed.rows, strict=True):
        assert replace(a, **dict.fromkeys(timed, 0)) == replace(b, **dict.fromkeys(timed, 0))


# --- sets of graphs --------------------------------------------------------------------------

GRAPHS = {"steps": 4, "hidden": 8, "num_layers": 2, "seeds": 2, "plain_epochs": 1}
GRAPHS |= {"progress": False, "val_every": 2}


def real_graphs(kind: str = "binary") -> GraphTask:
    rng = torch.Generator().manual_seed(0)
    graphs = []
    for i in range(60):
        n, label = i % 5 + 1, (i // 3) % 2
        y = {"binary": float(label), "regression": 10.0 * i}.get(kind)
        graphs.append(
            Data(
                x=torch.randn(n, 4, generator=rng) + label,
                edge_index=torch.randint(n, (2, 2 * n), generator=rng),
                y=torch.tensor([label]) if y is None else torch.tensor([[y]]),
            )
        )
    splits = {name: torch.arange(60)[i::3] for i, name in enumerate(("train", "val", "test"))}
    return as_graph_task(graphs, splits, name="toys")


def few(task: GraphTask, count: int = 6) -> CondensedGraphs:
    return CondensedGraphs(task.batch(task.train[:count]), {"seconds": 2.0})


@pytest.fixture(scope="module")
def of_graphs() -> Report:
    task = real_graphs()
    sets = {"ours": [few(task), few(task, 5)], "theirs": few(task, 3).set.graphs()}
    return evaluate(sets, task, models="gcn,GIN", equal_bytes=True, random_draws=2, **GRAPHS)


def test_sets_of_graphs_have_the_same_report(of_graphs, tmp_path):
    labels = ["ours", "theirs", "random", "whole", "random, same bytes"]
    assert of_graphs.labels == labels
    rows = {row.label: row for row in of_graphs.rows if row.model == "GIN"}
    assert [rows[label].graphs for label in labels] == [2, 1, 2, 1, 2]
    assert [rows[label].set_graphs for label in labels[:4]] == [6, 3, 6, 20]
    assert rows["random, same bytes"].bytes <= rows["ours"].bytes
    assert of_graphs.metric == "rocauc"
    text = of_graphs.table()
    for word in (
        "ROC-AUC in % on 20 test graphs",
        "± sets",
        "step",
        "graphs",
        "readout mean",
        "30.00 % of 20 in the training part",
    ):
        assert word in text
    assert "edge weights" not in text
    assert of_graphs.to_latex().count(r"\\") == 11
    assert of_graphs.to_frame().loc[0, "set_graphs"] == 6
    for draw in (of_graphs.plot, of_graphs.plot_transfer, of_graphs.plot_break_even):
        draw(tmp_path / "picture.png")
        assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"
    of_graphs.to_json(tmp_path / "report.json")
    again = Report.read(tmp_path / "report.json")
    assert again == of_graphs
    assert again.table() == text
    assert again.with_rows_of(of_graphs).metric == "rocauc"


def test_ledger_of_a_set_of_graphs(of_graphs):
    task, ledger = real_graphs(), of_graphs.ledgers["ours"]
    own = few(task).set
    assert ledger.size == Size(len(own.x), own.edge_index.shape[1], own.bytes, 6)
    train = task.graphs.select(task.train)
    assert ledger.whole == Size(len(train.x), train.edge_index.shape[1], train.bytes, 20)
    assert ledger.ratios["graphs"] == pytest.approx(0.3)
    assert ledger.condensation_seconds == 2.0
    assert of_graphs.ledgers["theirs"].condensation_seconds is None
    assert ledger.plain_training_seconds is not None
    assert ledger.memory_estimate_bytes is not None


def test_errors_are_not_in_per_cent_and_less_is_better(tmp_path):
    task = real_graphs("regression")
    found = evaluate(few(task), task, **{**GRAPHS, "models": "all", "baselines": ["random"]})
    assert found.models == list(GRAPH_MODELS)
    assert "RMSE, lower is better" in found.table()
    assert f"{found.rows[0].test_selected:.3f} ± " in found.table()
    assert found.rows[0].test_selected > 1
    figure = Figure()
    axes = figure.subplots()
    found.draw(axes)
    assert axes.get_ylabel() == "test RMSE (lower is better)"
    found.plot_transfer(tmp_path / "picture.png")


@pytest.mark.parametrize("kind", ["classes", "binary", "regression"])
def test_random_graphs_are_as_many_of_each_group(kind):
    task = real_graphs(kind)
    index = task.train[torch.tensor([0, 1, 2, 4, 6, 8, 19])]
    small = CondensedGraphs(task.batch(index))
    assert torch.equal(task.group_of(small.set.y), task.groups[index])
    drawn = random_graphs(task, small, 0)
    mine, theirs = (task.group_of(y).bincount().tolist() for y in (drawn.y, small.set.y))
    assert mine == theirs
    assert not torch.equal(drawn.x, random_graphs(task, small, 1).x)
    known = {tuple(row) for row in task.graphs.select(task.train).x.tolist()}
    assert {tuple(row) for row in drawn.x.tolist()} <= known  # no validation or test graph


@pytest.mark.parametrize("kind", ["classes", "binary", "regression"])
def test_permuted_test_labels_of_graphs_change_nothing_but_test_scores(kind):
    honest = real_graphs(kind)
    y = honest.graphs.y.clone()
    y[honest.test] = y[honest.test].roll(7, 0)
    permuted = replace(honest, graphs=replace(honest.graphs, y=y))
    options = {**GRAPHS, "plain_epochs": 0, "random_draws": 1, "equal_bytes": True, "seeds": 3}
    ours, theirs = (evaluate(few(honest), task, **options) for task in (honest, permuted))
    assert ours.digest == theirs.digest
    changed = 0
    for mine, other in zip(ours.rows, theirs.rows, strict=True):
        for name, value in vars(mine).items():
            if name.startswith("test_") or name in ("scores", "others"):
                changed += value != getattr(other, name)
            elif name not in ("seconds", "seconds_training", "processor_seconds"):
                assert name == "spread_trainings" or value == getattr(other, name), name
    assert changed > len(ours.rows)


def test_an_interrupted_evaluation_of_graphs_goes_on(tmp_path, monkeypatch):
    task, store = real_graphs(), tmp_path / "partial.jsonl"
    options = {**GRAPHS, "plain_epochs": 0, "random_draws": 1, "models": "GCN,GIN"}
    whole = evaluate(few(task), task, **options)
    fit, calls = GraphEvaluator.fit, []

    def cut(self, model, small, **more):
        calls.append(model)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return fit(self, model, small, **more)

    monkeypatch.setattr(GraphEvaluator, "fit", cut)
    with pytest.raises(KeyboardInterrupt):
        evaluate(few(task), task, store=store, **options)
    resumed = evaluate(few(task), task, store=store, **options)
    assert len(calls) == 4 + 3
    timed = ("seconds", "seconds_training", "processor_seconds")
    for a, b in zip(whole.rows, resumed.rows, strict=True):
        assert replace(a, **dict.fromkeys(timed, 0)) == replace(b, **dict.fromkeys(timed, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": "SGC"}, "unknown graph-level model 'SGC'"),
        ({"models": []}, "models is empty"),
        ({"small": []}, "no condensed graph"),
        ({"small": {"random": [few(real_graphs())]}}, "names a baseline"),
        ({"small": small()}, "put a single graph into a list"),
        ({"baselines": ["herding"]}, "unknown baseline 'herding'"),
    ],
)
def test_wrong_arguments_with_graphs_are_named(arguments, message):
    task = real_graphs()
    with pytest.raises(ValueError, match=message):
        evaluate(arguments.pop("small", few(task)), task, **{**GRAPHS, **arguments})
    with pytest.raises(TypeError, match="unknown option epochs"):
        evaluate(few(task), task, epochs=3)
    with pytest.raises(ValueError, match="does not fit into the 1 of"):
        random_within(task, 1, 0)


def test_the_kind_of_data_decides():
    task = real_graphs()
    assert isinstance(evaluator_of(task), GraphEvaluator)
    assert isinstance(evaluator_of(task.graphs.graphs() + task.graphs.graphs()), GraphEvaluator)
    assert isinstance(evaluator_of(real()), NodeEvaluator)
    assert isinstance(evaluator_of([real()]), NodeEvaluator)


def test_reports_of_older_versions_are_read(report, tmp_path):
    saved = json.loads(report.to_json())
    del saved["metric"]
    for row in saved["rows"]:
        del row["set_graphs"]
    (tmp_path / "old.json").write_text(json.dumps(saved))
    assert Report.read(tmp_path / "old.json") == report


# --- shares, costs and the size of the test set ----------------------------------------------


def test_costs_are_compared_by_one_clock():
    """By hand: 8 / (3 - 1) = 4, so the fifth; by the wall 90 / (2 - 1) = 90, so the 91st."""
    size = Size(7, 0, 10)
    spent = {"condensed_processor_seconds": 1.0, "whole_processor_seconds": 3.0}
    ledger = Ledger("h", "GCN", size, size, 90.0, 1.0, 2.0, None, 0, 8.0, **spent)
    assert (ledger.times.clock, ledger.break_even_trainings) == ("processor seconds", 5)
    for missing in ("condensation_processor_seconds", *spent):
        mixed = replace(ledger, **{missing: None})
        assert (mixed.times.clock, mixed.break_even_trainings) == ("wall seconds", 91)
        assert mixed.pays == "after 91 trainings, by wall seconds, not compared with random"
    saved = json.loads(json.dumps(ledger.to_dict()))
    assert (saved["break_even_clock"], saved["ratios_of"]) == (
        "processor seconds",
        "the whole graph",
    )
    assert Ledger.from_dict(saved) == ledger


def test_a_set_that_is_no_better_than_random_does_not_pay():
    size = Size(7, 0, 10)
    ledger = Ledger("h", "GCN", size, size, 0.1, 1.0, 2.0, None, 0, better_than_random=False)
    assert ledger.break_even_trainings is None
    assert ledger.pays == "does not pay: not better than random"
    slow = replace(ledger, whole_training_seconds=1.0, better_than_random=True)
    assert slow.pays.startswith("does not pay: a training on it takes as long")
    assert replace(ledger, better_than_random=True).pays == "after 1 training, by wall seconds"
    unknown = replace(ledger, condensation_seconds=None, better_than_random=None)
    assert unknown.pays == "not known: condensing was not timed"


@pytest.mark.parametrize(
    ("mine", "random", "options", "better"),
    [
        ((0.80, 0.01), (0.78, 0.005), {}, True),
        ((0.80, 0.01), (0.78, 0.03), {}, False),  # within the spread of random draws
        ((0.80, 0.03), (0.78, 0.01), {}, False),
        ((0.80, 0.0), (0.78, 0.0), {"error": 0.1}, False),  # within what the test set can tell
        ((0.70, 0.0), (0.78, 0.0), {}, False),
        ((0.50, 0.01), (0.70, 0.01), {"larger_is_better": False}, True),  # an error
        ((math.nan, math.nan), (0.7, 0.01), {}, False),
        ((0.8, 0.01), (math.nan, math.nan), {}, None),
    ],
)
def test_better_than_random_is_by_more_than_the_noise(mine, random, options, better):
    assert better_than_random(mine, random, **options) is better


def test_the_line_of_a_million_trainings_takes_no_memory(tmp_path):
    """Two points make a line, however late it crosses another."""
    size = Size(7, 0, 10)
    ledger = Ledger("h", "GCN", size, size, 1e6, 1.0, 1.0 + 1e-9, None, 0)
    assert any("whole in plain PyG not measured" in line for line in ledger.lines())
    assert any("processor     condensation not measured; one" in line for line in ledger.lines())
    assert ledger.break_even_trainings > 10**14
    draw_break_even({"a": ledger}, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_the_size_of_the_test_set_is_everywhere(report, tmp_path):
    assert report.test_examples == 20
    assert "accuracy in % on 20 test nodes" in report.title()
    assert "warning: only 20 test nodes: scores are coarse" in report.table()
    content = json.loads(report.to_json())
    assert (content["test_examples"], content["test_unlabelled"]) == (20, 0)
    row = report.rows[0]
    share = (20 * row.test_selected + 2) / 24
    assert row.test_error == pytest.approx(math.sqrt(share * (1 - share) / 24))
    figure = Figure()
    axes = figure.subplots()
    report.draw(axes)
    assert "on 20 test nodes" in axes.get_title()
    left = replace(report, test_examples=1000, test_unlabelled=17)
    assert "on 1,000 test nodes (17 unlabelled left out)" in left.title()
    assert "17 test nodes have no label and are left out of every score" in left.table()
    assert "warning" not in left.table()


def test_a_spread_of_nothing_is_no_certainty(report):
    """Alike on a handful of examples, or trained once: neither has a spread to print."""
    alike = {"test_selected_std": 0.0, "test_last_std": 0.0, "spread_trainings": 0.0}
    rows = tuple(replace(row, **alike, spread_graphs=0.0) for row in report.rows)
    few = replace(report, rows=rows, test_examples=13)
    assert "0.0" not in {
        word for line in few.cells().cells for cell in line for word in cell.split()
    }
    assert f"{100 * rows[0].test_selected:.1f} ± 0.0" in replace(few, test_examples=1000).table()
    once = replace(rows[0], graphs=1, trainings=1, test_selected=0.5)
    assert replace(few, test_examples=1000).scored(once) == "50.0"


def test_a_single_training_has_no_spread(tmp_path):
    """Not even 0, which would be read as certainty; old files that have it are read as they were
    meant."""
    found = evaluate(small(), real(), models=["SGC"], baselines=["random"], **{**FAST, "seeds": 1})
    one = next(row for row in found.rows if row.label == "condensed")
    assert (one.test_selected_std, one.test_last_std) == (None, None)
    saved = json.loads(found.to_json(tmp_path / "r.json"))
    assert saved["rows"][0]["test_selected_std"] is None
    for name in ("test_selected_std", "test_last_std"):
        saved["rows"][0][name] = 0.0
    assert Report.from_dict(saved) == Report.read(tmp_path / "r.json")
    assert "±" not in found.scored(one)
    found.plot(tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_unlabelled_test_nodes_are_not_counted():
    data = real()
    data.y = data.y.clone()
    data.y[40:45] = -1
    assert evaluator_of(data).tested == 15


def test_tables_show_the_preset():
    own = small()
    own.condensed = {"method": "gcond", "preset": "arxiv", "seconds": 1.0}
    plain = small(0.1)
    plain.condensed = {"method": "gcond", "preset": None, "seconds": 1.0}
    options = {**FAST, "plain_epochs": 0}
    found = evaluate(
        {"a": own, "b": plain}, real(), models=["SGC"], baselines=["random"], **options
    )
    assert [row.preset for row in found.rows] == ["arxiv", "none", None]
    shown = found.cells()
    assert [line[1] for line in (shown.head, *shown.cells)] == ["preset", "arxiv", "none", "-"]
    assert found.ledgers["a"].graphs == (found.ledgers["a"].graph,)


def test_a_score_that_is_no_number_is_read_back(report, tmp_path):
    lost = replace(report.rows[0], test_selected=math.nan, test_selected_std=math.nan)
    broken = replace(report, rows=(lost, *report.rows[1:]))
    broken.to_json(tmp_path / "r.json")
    again = Report.read(tmp_path / "r.json")
    assert math.isnan(again.rows[0].test_selected)
    assert again.table() == broken.table()
    again.plot_transfer(tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000
    alone = replace(again, rows=again.rows[:1])
    alone.plot_transfer(tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000
    alone.plot(tmp_path / "q.png")
    assert (tmp_path / "q.png").stat().st_size > 1000
