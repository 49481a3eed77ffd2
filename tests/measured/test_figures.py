"""The package's figures: made by hand in small, and fresh in full."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from graphcondense.measured.figures import best_known, measurements, measurements_of
from graphcondense.measured.works import private_rows

ROOT = Path(__file__).parents[2]
HEAD = "| trained on | GCN | KernelRidge * | nodes | edges | KiB | seconds |\n" + "|---" * 7 + "|"


def test_the_packages_file_is_what_the_script_makes(script: ModuleType) -> None:
    held = (ROOT / "graphcondense/measured/measured.json").read_text(encoding="utf-8")
    assert script.written(script.tables_of(ROOT / "docs")) == held, "python benchmarks/measured.py"


def test_figures_are_those_of_the_tables() -> None:
    """GCond and random nodes on Cora, as docs/results.md has them."""
    page = (ROOT / "docs/results.md").read_text().partition("## cora-70\n")[2]
    row = next(line for line in page.splitlines() if line.startswith("| gcond |"))
    found = [
        m
        for m in measurements()
        if (m.label, m.data, m.source, m.model) == ("gcond", "cora", "results.md", "GCN")
    ]
    assert [m.text in row for m in found] == [True]
    assert (found[0].sets, found[0].trainings, found[0].main) == (3, 10, True)
    assert found[0].whole is not None
    assert found[0].whole > found[0].mean > (found[0].random or 100)


def put(folder: Path, name: str, content: object) -> Path:
    path = folder / "results" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def row(label: str, model: str, score: float, nodes: int = 10) -> dict[str, object]:
    return {
        "label": label,
        "model": model,
        "predictor": "non-GNN" if model == "LabelProp" else "GNN",
        "graphs": 2,
        "trainings": 5,
        "test_selected": score,
        "test_selected_std": 0.0123,
        "nodes": nodes,
        "edges": 7,
    }


def test_an_evaluation(script: ModuleType, tmp_path: Path) -> None:
    rows = [row("gcond-x@sgc", m, s) for m, s in (("GCN", 0.71249), ("LabelProp", 0.5))]
    rows += [row("whole", "GCN", 0.8, nodes=99), row("random", "GCN", 0.6)]
    report = {"kind": "Report", "data": "cora", "rows": rows, "units": ["nodes", "edges"]}
    report["ledgers"] = {"gcond-x@sgc": {"condensation_seconds": 2.5}}
    [table] = script.tables_of(put(tmp_path, "a.json", report))
    assert (table["kind"], table["budget"], table["others"]) == ("node", "10 nodes", ["LabelProp"])
    first, second, random = measurements_of([table])
    assert (first.label, first.named, first.model) == ("gcond-x sgc", "gcond-x", "GCN")
    assert (first.mean, first.std, first.random, first.whole) == (71.2, 1.2, 60.0, 80.0)
    assert (first.seconds, first.edges, first.sets, first.trainings) == (2.5, 7, 2, 5)
    assert (second.network, second.random, random.label) == (False, None, "random")


def test_rows_of_single_condensations_are_pooled(script: ModuleType, tmp_path: Path) -> None:
    """Means 0.5 and 0.7 of two trainings each without spread: squares 4 * 0.1², over 3."""
    one = {"data": "made-up", "nodes": 10, "set": "gecc", "model": "GAT", "split": 0, "seed": 0}
    one |= {"trainings": 2, "test_mean": 0.5, "test_std": 0.0, "seconds": 1.0, "edges": 4}
    rows = [one, {**one, "seed": 1, "test_mean": 0.7, "seconds": 3.0}]
    rows += [{**one, "set": "random+soft", "test_mean": 0.4}]
    rows += [{**one, "set": "whole", "nodes": 0, "test_mean": 0.8}]
    rows += [{**one, "set": "gecc", "nodes": 20, "test_mean": 0.75}]
    content = {"data": "made-up", "rows": rows}
    ten, twenty = script.tables_of(put(tmp_path, "transfer-made-up.json", content))
    assert (ten["budget"], twenty["budget"], ten["kind"]) == ("10 nodes", "20 nodes", "node")
    gecc, control = measurements_of([ten])
    assert (gecc.mean, gecc.std, gecc.seconds, gecc.sets, gecc.trainings) == (60.0, 11.5, 2, 2, 2)
    assert (gecc.whole, gecc.random) == (80.0, None)
    assert (control.label, control.named) == ("random soft", "random")
    assert [m.whole for m in measurements_of([twenty])] == [80.0]


def test_scores_that_are_no_shares_are_refused(script: ModuleType, tmp_path: Path) -> None:
    one = {"data": "cora", "nodes": 10, "set": "gecc", "model": "GAT", "trainings": 1}
    rows = [{**one, "test_mean": 70.0, "test_std": 0.0, "split": 0, "seed": 0}]
    with pytest.raises(ValueError, match=r"test_mean 70\.0 of gecc is no share"):
        script.tables_of(put(tmp_path, "transfer.json", rows))


def test_a_file_of_another_kind_is_refused(script: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"odd\.json is no result that this script knows"):
        script.tables_of(put(tmp_path, "odd.json", {"kind": "Properties", "rows": []}))


def test_searches_and_attacks(script: ModuleType, tmp_path: Path) -> None:
    ranking = {"kendall_std": 0.05, "graphs": 3, "condensation_seconds": 4.0}
    search = {
        "kind": "ArchitectureSearch",
        "data": "cora",
        "nodes": 10,
        "method": "gcond",
        "seeds": [0, 1],
        "rankings": [{**ranking, "label": "condensed", "kendall": 0.444}],
    }
    attacked = {"graphs": 1, "trainings": 3, "auc_std": 0.01, "test": 0.8, "test_std": 0.02}
    labels = ("gecc", "control")
    privacy = {
        "kind": "Privacy",
        "data": "cora",
        "nodes": 10,
        "model": "GCN",
        "rows": [{**attacked, "label": label, "auc": 0.7} for label in labels],
    }
    put(tmp_path, "nas.json", search)
    found = measurements_of(script.tables_of(put(tmp_path, "privacy.json", privacy)))
    assert {(m.what, m.label): m.mean for m in found} == {
        ("kendall", "gcond"): 44.4,
        ("attack", "gecc"): 70.0,
        ("score", "gecc"): 80.0,
    }


def test_attacks_at_epsilons_are_told_apart(script: ModuleType, tmp_path: Path) -> None:
    """They are no results of methods as they come, and stand in no ranking."""
    row = {"graphs": 1, "trainings": 3, "auc_std": 0.01, "test_std": 0.02}
    labels = {"gecc": (0.7, 0.8), "gecc, epsilon 10": (0.6, 0.7), "gecc, epsilon 4": (0.5, 0.6)}
    privacy = {
        "kind": "Privacy", "data": "cora", "nodes": 10, "model": "GCN",
        "rows": [{**row, "label": k, "auc": a, "test": t} for k, (a, t) in labels.items()],
    }  # fmt: skip
    (tmp_path / "results" / "epsilon").mkdir(parents=True)
    found = measurements_of(script.tables_of(put(tmp_path, "epsilon/privacy.json", privacy)))
    assert {m.what for m in found} == {"attack at epsilon", "score at epsilon"}
    assert {m.source for m in found} == {"results/epsilon/privacy.json"}
    assert private_rows("GECC", found) == [
        ("none", "cora, 10 nodes", "70.0 ± 1.0", "80.0 ± 2.0"),
        ("10", "cora, 10 nodes", "60.0 ± 1.0", "70.0 ± 2.0"),
        ("4", "cora, 10 nodes", "50.0 ± 1.0", "60.0 ± 2.0"),
    ]
    assert private_rows("gcond", found) == []


def test_the_page_of_a_bench(script: ModuleType, tmp_path: Path) -> None:
    lines = [
        "## cora-10",
        "`OMP_NUM_THREADS=1 graphcondense bench --data cora --nodes 10 --root DATA`",
        "cora (abc); 3 condensations x 10 trainings; 1 processes at a time.",
        "",
        HEAD,
        "| gecc | **72.5 ± 0.5** | 60.0 | 10 | 1,095 | 868 | 0.3 to 0.5 |",
        "| whole | 71.6 ± 0.4 | - | 3,327 | 9,104 | 945 | - |",
        "",
        "Last epoch:",
        "",
        "| trained on | GCN |\n|---|---|\n| gecc | 1.0 ± 0.9 |",
    ]
    (tmp_path / "results.md").write_text("# Results\n\n" + "\n".join(lines))
    gecc, ridge = measurements_of(script.tables_of(tmp_path))
    assert (gecc.mean, gecc.std, gecc.seconds, gecc.edges) == (72.5, 0.5, 0.4, 1095)
    assert (gecc.budget, gecc.whole, gecc.random, gecc.metric) == (
        "10 nodes",
        71.6,
        None,
        "accuracy",
    )
    assert (ridge.model, ridge.network, ridge.std, ridge.whole) == (
        "KernelRidge",
        False,
        None,
        None,
    )


def test_pages_of_sets(script: ModuleType, tmp_path: Path) -> None:
    """Budgets beside one another, costs over those that were measured, whole once for all."""
    text = """
**digits**: test accuracy in %, ConvNet of 32 channels, 5 trainings.

| trained on | 1 a class | NTK ridge * | 10 a class | NTK ridge * | KiB | s to condense |
|---|---|---|---|---|---|---|
| dm | **87.4 ± 2.0** | 89.3 | 95.8 ± 0.3 † | 95.3 | 2.6 / 25.8 | 8.8 / 16.0 |
| idc | - | - | 63.8 ± 5.6 | 85.4 | 25.8 | 14.0 |
| whole | 99.1 ± 0.4 | 99.2 | same | same | 279 | 0.0 |
"""
    put(tmp_path, "images.md", text)
    found = measurements_of(script.tables_of(tmp_path))
    seen = {(m.label, m.budget, m.model): (m.mean, m.seconds, m.whole) for m in found}
    assert seen == {
        ("dm", "1 a class", "ConvNet"): (87.4, 8.8, 99.1),
        ("dm", "1 a class", "NTK ridge"): (89.3, 8.8, 99.2),
        ("dm", "10 a class", "ConvNet"): (95.8, 16.0, 99.1),
        ("dm", "10 a class", "NTK ridge"): (95.3, 16.0, 99.2),
        ("idc", "10 a class", "ConvNet"): (63.8, 14.0, 99.1),
        ("idc", "10 a class", "NTK ridge"): (85.4, 14.0, 99.2),
    }
    assert {m.kind for m in found} == {"image"}


def test_of_two_measurements_that_of_most_trainings_counts() -> None:
    found = [m for m in measurements() if (m.label, m.model, m.data) == ("gcond", "GCN", "cora")]
    assert len({m.source for m in found}) > 1
    [best] = best_known(m for m in found if m.budget == "70 nodes")
    assert best.sets * best.trainings == max(m.sets * m.trainings for m in found)
