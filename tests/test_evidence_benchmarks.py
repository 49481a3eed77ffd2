"""The pure parts of ``benchmarks/defaults.py`` and ``plain.py``: cells, choices and pages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch

import graphcondense
from graphcondense.data.node_reading import as_task
from graphcondense.evaluate.cost import size_of
from graphcondense.methods import all_methods
from tests.cases import toy_graph
from tests.scripts import BENCHMARKS, InTurn, benchmarks


class Scripts(NamedTuple):
    sets: ModuleType
    defaults: ModuleType
    page: ModuleType
    plain: ModuleType


@pytest.fixture(scope="module")
def bench() -> Iterator[Scripts]:
    with benchmarks("sets", "defaults", "defaults_page", "plain") as scripts:
        yield Scripts(*scripts)


def test_every_method_is_in_every_table(bench: Scripts) -> None:
    """Cheap methods come first, the first split before the others, and no cell twice."""
    args = bench.defaults.parsed([])
    cells = list(bench.defaults.cells(args))
    known = {name for name, kind in all_methods() if kind == "node"}
    assert {cell.set for cell in cells} == known
    assert len(cells) == len(set(cells)) == len(known) * len(bench.sets.SETS) * 5
    assert cells[0].split == 0
    first = [cell.set for cell in cells[: len(known) * len(bench.sets.SETS)]]
    assert first.index("random") < first.index("gcond")
    wide = bench.defaults.parsed(["--wide", "--methods", "random"])
    settings = {(c.hidden, c.epochs) for c in bench.defaults.cells(wide)}
    assert settings == set(bench.defaults.SETTINGS)


def test_at_least_two_sets_were_kept_out(bench: Scripts) -> None:
    out = [name for name, one in bench.sets.SETS.items() if one.kept_out]
    assert len(out) >= 2
    others = [p for p in BENCHMARKS.glob("*.py") if p.name not in ("sets.py", "images.py")]
    for name in out:
        assert not any(f'"{name}"' in p.read_text() for p in others), name


def test_what_takes_too_long_is_stopped(bench: Scripts) -> None:
    began = time.process_time()

    def busy(swallow: type[BaseException], drop: bool) -> None:
        with bench.defaults.at_most(0.05):
            try:
                while time.process_time() - began < 5:
                    pass
            except swallow as error:
                if not drop:
                    raise KeyError("a library's own") from error

    late = bench.defaults.TooLongError
    for swallowed, drop in ((ZeroDivisionError, False), (late, False), (late, True)):
        with pytest.raises(late, match=r"more than 0.05 processor"):
            busy(swallowed, drop)
    assert time.process_time() - began < 1
    with bench.defaults.at_most(0.05):
        pass
    while time.process_time() - began < 0.5:  # the clock is off again
        pass


def cell(data: str, split: int, name: str, score: float, **more: Any) -> dict[str, Any]:
    tests = [score, score + 0.01]
    return {
        **{"data": data, "split": split, "set": name, "hidden": 256, "epochs": 300},
        **{"nodes": 9, "model": "GCN", "tests": tests, "lasts": tests, "test_nodes": 100},
        **{"set_nodes": 9, "edges": 4, "bytes": 2048, "val_every": 5, "seconds": 1.0},
        **more,
    }


def test_cells_are_kept(bench: Scripts, tmp_path: Path) -> None:
    path = tmp_path / "defaults.json"
    rows = bench.defaults.Rows(path)
    one = bench.defaults.Cell("cora", 0, "random", 256, 300)
    assert not rows.has(one)
    rows.add(cell("cora", 0, "random", 0.5))
    assert bench.defaults.Rows(path).has(one)
    assert len(json.loads(path.read_text())["rows"]) == 1


def test_one_worker_does_the_cells_of_one_condensed_graph(
    bench: Scripts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its widths share the folder; one that fails gives status 1 after the page is written."""
    fleet = InTurn()
    monkeypatch.setattr("graphcondense.ops.fleet.Fleet", lambda: fleet)

    def run(args: object, one: Any) -> dict[str, Any]:
        if (one.set, one.hidden) == ("gecc", 64):
            raise OSError("no room")
        return cell(one.data, one.split, one.set, 0.5, hidden=one.hidden, epochs=one.epochs)

    monkeypatch.setattr(bench.defaults, "run", run)
    words = "--wide --data cora --methods gecc random --workers ray"
    monkeypatch.setattr("sys.argv", ["defaults.py", *words.split(), "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="cells that failed: 2"):
        bench.defaults.main()
    assert [len(task) for task in fleet.tasks] == [4, 4]
    assert len(bench.defaults.Rows(tmp_path / "defaults.json").rows) == 6
    assert (tmp_path / "defaults.md").exists()


def test_a_changed_method_is_run_anew(bench: Scripts, tmp_path: Path) -> None:
    """Its cells and what it made are dropped, of the data that are asked for alone."""
    rows = bench.defaults.Rows(tmp_path / "defaults.json")
    for data, name in (("cora", "quotient"), ("cora", "gecc"), ("digits", "quotient")):
        rows.add(cell(data, 0, name, 0.5))
        bench.defaults.folder_of(tmp_path, data, 0, name).mkdir()
    rows.drop(["cora"], ["quotient"], tmp_path)
    assert [(r["data"], r["set"]) for r in rows.rows] == [("cora", "gecc"), ("digits", "quotient")]
    assert {p.name for p in tmp_path.iterdir() if p.is_dir()} == {
        "cora-0-gecc",
        "digits-0-quotient",
    }
    controls = bench.plain.Rows(tmp_path / "controls.json")
    controls.add(cell("cora", 0, "quotient", 0.5, seed=0))
    controls.drop(["digits"], ["quotient"])
    assert controls.has("cora", "quotient", 0)
    controls.drop(["cora"], ["quotient"])
    assert not controls.has("cora", "quotient", 0)


def test_the_page_of_defaults(bench: Scripts, tmp_path: Path) -> None:
    scores = {"random": 0.5, "quotient": 0.8, "gecc": 0.7, "cgc": 0.6}
    rows = [
        cell(data, split, name, score + 0.01 * split + 0.001 * i * split)
        for data in ("cora", "digits", "fashion")
        for split in range(3)
        for i, (name, score) in enumerate(scores.items())
    ]
    rows += [cell("cora", 0, k, v, hidden=64, epochs=150) for k, v in scores.items()]
    rows.append({**cell("cora", 0, "gcond", 0.0), "error": "more than 60 processor seconds"})
    bench.page.write(rows, tmp_path)
    text = (tmp_path / "defaults.md").read_text()
    assert "Fashion-MNIST graph (kept out)" in text
    assert "| quotient | 81.6 ± " in text
    assert "Against random: 3 better" in text
    assert "| gecc | better (" in text
    assert "| gcond | Cora | 0 | more than 60 processor seconds |" in text
    assert "| method | 64 x 150 | 256 x 300 | range |" in text
    assert (tmp_path / "defaults.png").stat().st_size > 5000


def test_splits_that_few_methods_have_rank_nobody(bench: Scripts, tmp_path: Path) -> None:
    """An easier split of one method alone would put it ahead."""
    names = {f"m{i}": 0.6 + i / 100 for i in range(5)}
    rows = [cell(data, 0, k, v) for data in ("cora", "digits") for k, v in names.items()]
    rows += [cell("cora", 1, "m0", 0.9), cell("digits", 1, "m0", 0.9), cell("cora", 1, "m1", 0.6)]
    shared = {(r["split"], r["data"]) for r in bench.page.common(rows)}
    assert shared == {(0, "cora"), (0, "digits")}
    bench.page.write(rows, tmp_path)
    lines = (tmp_path / "defaults.md").read_text().splitlines()
    table = [line for line in lines if line.startswith("| m") and line[3].isdigit()]
    assert [line.split()[1] for line in table[:5]] == ["m4", "m3", "m2", "m1", "m0"]
    assert table[4].endswith("| 4.0 |")
    assert "75.5 ± 21.2" in table[4], "its mean is over both"


def test_one_split_gives_no_verdict(bench: Scripts, tmp_path: Path) -> None:
    bench.page.write([cell("cora", 0, k, 0.5) for k in ("random", "quotient")], tmp_path)
    text = (tmp_path / "defaults.md").read_text()
    assert "# Verdicts" not in text
    assert "better (" not in text


def test_coresets_are_those_of_condense(bench: Scripts) -> None:
    """The same nodes, so that their four forms differ in rows and labels alone."""
    task = as_task(toy_graph())
    for method in bench.plain.CORESETS:
        nodes = bench.plain.chosen(task, method, 6, 3)
        small = graphcondense.condense(task, method, nodes=6, seed=3, progress=False)
        x = torch.as_tensor(task.x_array[nodes.numpy()])
        assert torch.equal(small.x, x), method


def test_soft_labels_are_of_all_nodes(bench: Scripts, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its teacher's labels a coreset may take nodes that have none of their own."""
    monkeypatch.setitem(bench.plain.BUDGETS, "toy", 6)
    task = as_task(toy_graph())
    hard, _ = bench.plain.the_set(task, "toy", "herding-rows", 0)
    soft, seconds = bench.plain.the_set(task, "toy", "herding-rows+soft", 0)
    assert hard.num_nodes == soft.num_nodes == 6
    assert hard.y.dim() == 1
    assert soft.y.shape == (6, task.num_classes)
    assert torch.allclose(soft.y.sum(1), torch.ones(6), atol=1e-5)
    assert not soft.num_edges
    assert seconds > 0


@pytest.fixture
def toy(bench: Scripts, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(bench.plain.BUDGETS, "toy", 6)
    monkeypatch.setattr(bench.plain, "USUAL", (8, 5))
    bench.plain.HELD.clear()
    return as_task(toy_graph())


def test_coresets_fill_the_bytes_of_quotient(bench: Scripts, toy: Any) -> None:
    """As full as they can be: one more node would not fit, unless there is none."""
    small, _ = bench.plain.by_quotient(toy, "toy", 0)
    budget = size_of(small).bytes
    for method in bench.plain.CORESETS:
        order = bench.plain.in_order(toy, method, 0)
        assert sorted(order.tolist()) == sorted(toy.train.tolist())
        classes = toy.y[order[: toy.num_classes]]
        assert len(set(classes.tolist())) == toy.num_classes, "classes come in turn"
        raw, _ = bench.plain.in_bytes(toy, "toy", method, 0)
        assert size_of(raw).bytes <= budget < size_of(toy).bytes
        more = bench.plain.in_bytes(toy, "toy", f"{method}-rows", 0)[0]
        assert size_of(more).bytes <= budget
        assert not more.num_edges
        assert torch.equal(more.y, toy.y[order[: more.num_nodes]])


def test_a_coreset_is_tuned_in_the_time_of_quotient(bench: Scripts, toy: Any) -> None:
    """By validation: the best of what was tried, one if there is no time at all."""
    one = bench.plain.tuned(toy, "toy", 0, 0.0)
    assert one["tried"] == [one["chosen"]] == ["random-rows, hops 2, seed 0"]
    some = bench.plain.tuned(toy, "toy", 0, 1.0)
    assert len(some["tried"]) > 1
    assert some["chosen"] in some["tried"]
    assert len(some["tests"]) == 3
    names = [words for words, *_ in islice(bench.plain.choices(), 20)]
    assert len(names) == len(set(names))
    assert {"herding, hops 0, seed 0", "kcenter-rows, hops 1, seed 0"} <= set(names)


def test_what_is_taken_from_quotient(bench: Scripts, toy: Any) -> None:
    small, _ = bench.plain.the_set(toy, "toy", "quotient", 0)
    hard, _ = bench.plain.the_set(toy, "toy", "quotient-hard", 0)
    assert torch.equal(hard.y, small.y.argmax(1))
    alone, _ = bench.plain.the_set(toy, "toy", "quotient-features", 0)
    assert torch.equal(alone.x, small.x)
    assert alone.num_edges == 0
    mixed, _ = bench.plain.the_set(toy, "toy", "quotient-shuffled", 0)
    assert mixed.num_edges == small.num_edges
    assert torch.equal(mixed.edge_weight, small.edge_weight)


def test_classifiers_choose_on_validation_in_time(
    bench: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = as_task(toy_graph())
    for name in bench.plain.CLASSIFIERS:
        found = bench.plain.classified_by(task, name, 60.0)
        assert len(found["tests"]) == 1
        assert found["chosen"] in found["tried"]
    none = bench.plain.classified_by(task, "gradient boosting", 1e-4)
    assert none["tests"] == []
    monkeypatch.setattr(bench.plain, "at_most", lambda limit: nullcontext())  # an exception is lost
    assert bench.plain.classified_by(task, "gradient boosting", 1e-4)["tests"] == []


def test_the_page_of_controls(bench: Scripts, tmp_path: Path) -> None:
    rows = [cell("cora", 0, k, 0.5, seed=0) for k in ("quotient", "random-rows")]
    late = {"model": "naive Bayes", "tests": [], "tried": [], "limit": 2.0, "seed": 0}
    rows.append({**cell("cora", 0, "naive Bayes", 0.0), **late})
    bench.plain.write_page(rows, tmp_path)
    text = (tmp_path / "controls.md").read_text()
    assert "## Cora, 70 nodes" in text
    assert "| random-rows | GCN | 50.5 ± 0.7 | 1 x 2 | 9 | 4 | 2 | 1.00 |" in text
    assert "| all labelled nodes | naive Bayes | not in time | - |" in text
