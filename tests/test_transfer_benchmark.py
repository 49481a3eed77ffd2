"""The pure parts of ``benchmarks/transfer.py``: controls, the order of cells, and tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

import graphcondense
from graphcondense.data.node_reading import as_task
from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import NodeTask
from graphcondense.ops.adjacency import propagate_rows
from graphcondense.uses import search
from tests.cases import toy_graph
from tests.scripts import InTurn, benchmarks


class Benchmark(NamedTuple):
    controls: ModuleType
    transfer: ModuleType
    page: ModuleType


@pytest.fixture(scope="module")
def bench() -> Iterator[Benchmark]:
    with benchmarks("controls", "transfer", "transfer_page") as scripts:
        yield Benchmark(*scripts)


@pytest.fixture(scope="module")
def start(bench: Benchmark) -> Any:
    task = as_task(toy_graph())
    small = graphcondense.condense(task, "quotient", nodes=9, seed=3, progress=False)
    floor = graphcondense.condense(task, "random", nodes=9, seed=3, progress=False)
    return bench.controls.Start(task, small, floor, bench.controls.lesson(task, 3), 3)


def test_the_lesson_is_that_of_quotient(start: Any) -> None:
    """Every cluster is of one class that the teacher predicts."""
    of, classes = start.small.assignment, start.lesson.classes
    for cluster in range(9):
        assert len(classes[of == cluster].unique()) == 1
    assert torch.allclose(start.lesson.soft.sum(1), torch.ones(len(classes)))
    train = start.task.train
    assert torch.equal(classes[train], start.task.y[train])  # as given


@pytest.mark.parametrize("name", ["random+soft", "kcenter+soft", "random-rows+soft"])
def test_controls_differ_in_nothing_but_their_nodes(
    bench: Benchmark, start: Any, name: str
) -> None:
    """As many nodes, those of each class as `random` has, with the soft labels of these nodes."""
    made = bench.controls.CONTROLS[name](start)
    nodes = start.central_nodes() if name.startswith("kcenter") else start.any_nodes()
    wanted = torch.bincount(start.random.y, minlength=3)
    assert torch.equal(torch.bincount(made.y.argmax(1), minlength=3), wanted)
    assert len(nodes.unique()) == 9
    assert torch.equal(made.y, start.lesson.soft[nodes])
    task: NodeTask = start.task
    if "rows" in name:
        assert made.num_edges == 0
        rows = propagate_rows(task.gcn_adj, task.x_array, 2, nodes.numpy())
        assert torch.allclose(made.x, torch.from_numpy(rows).float(), atol=1e-6)
    else:
        part = task.subgraph(nodes)
        assert torch.equal(made.x, torch.as_tensor(part.x))
        assert made.num_edges == part.adj.nnz


def test_controls_are_as_many_as_quotient_has(start: Any) -> None:
    """Also where there are fewer labelled nodes, or fewer of a class than are wanted."""
    few = replace(start, random=Data(y=torch.zeros(2, dtype=torch.long)))
    assert few.counts.tolist() == [9, 0, 0]
    rare = replace(start.lesson, soft=start.lesson.soft[:, [2, 1, 0]].clone())
    rare.soft[5:] = torch.tensor([0.0, 1.0, 0.0])
    for nodes in (few.any_nodes(), replace(few, lesson=rare).any_nodes()):
        assert len(nodes.unique()) == 9
    assert len(replace(few, lesson=rare).central_nodes().unique()) == 9


def test_random_rows_are_of_labelled_nodes(bench: Benchmark, start: Any) -> None:
    made = bench.controls.CONTROLS["random-rows"](start)
    nodes = start.labelled_nodes()
    assert bool(torch.isin(nodes, start.task.train).all())
    assert torch.equal(made.y, start.task.y[nodes])
    assert torch.equal(torch.bincount(made.y), torch.bincount(start.random.y))


def ends(small: Any) -> tuple[Tensor, Tensor]:
    """Sorted numbers of edges and sums of weights of all nodes."""
    n, at = small.num_nodes, small.edge_index[1]
    weight = torch.zeros(n).index_add(0, at, small.edge_weight)
    return torch.bincount(at, minlength=n).sort().values, weight.sort().values


def test_shuffled_edges_keep_their_form(bench: Benchmark, start: Any) -> None:
    made = bench.controls.CONTROLS["quotient-shuffled"](start)
    assert torch.equal(made.edge_weight, start.small.edge_weight)
    for before, after in zip(ends(start.small), ends(made), strict=True):
        assert torch.allclose(before, after)
    assert not torch.equal(made.edge_index, start.small.edge_index)
    assert torch.equal(made.x, start.small.x)
    loops = [int((g.edge_index[0] == g.edge_index[1]).sum()) for g in (made, start.small)]
    assert loops[0] == loops[1]


def test_parts_of_quotient(bench: Benchmark, start: Any) -> None:
    hard = bench.controls.CONTROLS["quotient-hard"](start)
    alone = bench.controls.CONTROLS["quotient-features"](start)
    assert torch.equal(hard.y, start.small.y.argmax(1))
    assert torch.equal(hard.edge_index, start.small.edge_index)
    assert (alone.num_edges, len(alone.edge_weight)) == (0, 0)
    assert torch.equal(alone.y, start.small.y)
    assert start.small.num_edges > 0  # it was not changed
    assert start.small.y.dim() == 2


def test_whole_with_soft_labels_trains_on_all_nodes(bench: Benchmark, start: Any) -> None:
    whole = bench.controls.CONTROLS["whole+soft"](start)
    _, adj, rows, targets = read_labelled(whole, start.task)
    assert len(rows) == start.task.num_nodes
    assert adj.nnz == start.task.adj.nnz
    assert torch.equal(targets, start.lesson.soft)


def options(bench: Benchmark, *words: str) -> argparse.Namespace:
    parsed: argparse.Namespace = bench.transfer.parsed(words)
    return parsed


def test_the_first_seed_of_everything_comes_first(bench: Benchmark) -> None:
    words = "--data cora computers --nodes 70 68 --sets quotient whole --models GCN SAGE --seeds 2"
    found = list(bench.transfer.cells(options(bench, *words.split(), "--splits", "3")))
    assert len(found) == len(set(found)) == 2 * (2 + 1) + 2 * (6 + 3)
    own = [cell for cell in found if cell.set == "quotient"]
    assert [c.set for c in found[:8]] == 4 * ["quotient"] + 4 * ["whole"]  # then further splits
    assert [(c.data, c.split, c.seed, c.model) for c in own[:4]] == [
        ("cora", 0, 0, "GCN"),
        ("cora", 0, 0, "SAGE"),
        ("computers", 0, 0, "GCN"),
        ("computers", 0, 0, "SAGE"),
    ]
    computers = [(c.split, c.seed) for c in own if (c.data, c.model) == ("computers", "GCN")]
    assert computers == [(0, 0), (1, 1), (2, 0), (0, 1), (1, 0), (2, 1)]


def rows(scores: dict[tuple[str, str], list[float]], **more: object) -> list[dict[str, Any]]:
    """One cell a score, of seeds 0, 1, ..."""
    return [
        {
            **{"set": name, "model": model, "split": 0, "seed": seed, "nodes": 70},
            **{"test_mean": score, "test_std": 0.0, "last_mean": score, "trainings": 1},
            "seconds": 2.0,
            **{"test_nodes": 1000, "set_nodes": 70, "edges": 5, "bytes": 2048},
            **more,
        }
        for (name, model), found in scores.items()
        for seed, score in enumerate(found)
    ]


def test_means_over_models_are_over_common_runs(bench: Benchmark) -> None:
    page = bench.page
    scores = {("quotient", "GCN"): [0.8, 0.6], ("quotient", "GAT"): [0.5]}
    cells = page.Cells(rows(scores), ["GCN", "GAT", "GIN"])
    assert cells.models == ["GCN", "GAT"]
    assert cells.score("quotient", "GCN") == pytest.approx(70)
    assert cells.mean("quotient") == pytest.approx(65)  # of the first seed
    assert cells.worst("quotient") == pytest.approx(50)
    last = page.table(cells, ["quotient"], plain=4.0)[-1]
    assert "| 65.0 | 50.0 | 70.0 | 50.0 [1] | 65.0 | 2 [1] x 1 | 2.0 | 0.50 |" in last


def test_a_set_without_a_model_has_no_mean(bench: Benchmark) -> None:
    scores = {("quotient", "GCN"): [0.8], ("quotient", "GAT"): [0.5], ("gecc", "GCN"): [0.9]}
    cells = bench.page.Cells(rows(scores), ["GCN", "GAT"])
    assert cells.mean("gecc") is None
    assert cells.order(cells.sets) == ["quotient", "gecc"]
    assert "| gecc | - | - | 90.0 | - | - |" in bench.page.table(cells, ["gecc"], None)[-1]


def test_aims(bench: Benchmark) -> None:
    page = bench.page
    scores = {
        ("quotient", "GCN"): [0.80],
        ("quotient", "GAT"): [0.70],
        ("whole", "GCN"): [0.82],
        ("whole", "GAT"): [0.66],
        ("random", "GCN"): [0.60],
        ("random", "GAT"): [0.71],
    }
    cells = page.Cells(rows(scores), ["GCN", "GAT"])
    told = [str(check) for check in page.checks(cells, page.Goal(-1, 0, -3, 10))]
    assert told[0] == "GCN: 80.0, aim at least 81.0; **not reached by 1.0**"
    assert told[1] == "mean of 2 models: 75.0, aim at least 74.0; **reached**"
    assert told[2] == "worst model: 70.0, aim at least 63.0; **reached**"
    assert told[-1] == "condensing: 2.0 s, aim at most 10.0 s; **reached**"
    least = str(page.checks(cells, page.Goal(-1, 0, None, 10))[2])
    assert least.endswith("-1.0, aim at least 0.0; **not reached by 1.0**")
    alone = page.Cells(rows({("quotient", "GCN"): [0.8]}), ["GCN"])
    assert "not measured" in str(page.checks(alone, page.Goal(-1, 0, -3, 10))[0])


@pytest.mark.parametrize(
    ("soft", "propagated", "parts"),
    [(0.6, 0.7, (10, 10, 10)), (0.4, 0.7, (0, 20, 10)), (0.6, 0.5, (10, 0, 20))],
)
def test_shares_add_up(
    bench: Benchmark, soft: float, propagated: float, parts: tuple[int, int, int]
) -> None:
    found = {
        **{("quotient", "GCN"): [0.8], ("random", "GCN"): [0.5], ("random+soft", "GCN"): [soft]},
        **{("random-rows+soft", "GCN"): [propagated], ("random-rows", "GCN"): [0.3]},
    }
    share = bench.page.shares(bench.page.Cells(rows(found), ["GCN"]), "GCN")
    names = ("teacher", "propagation", "own")
    assert [share[name] for name in names] == pytest.approx(parts)
    assert sum(share[name] for name in names) == pytest.approx(share["all"])


def test_groups_of_trainings_change_nothing(bench: Benchmark, start: Any) -> None:
    evaluator = graphcondense.evaluate.NodeEvaluator(start.task, epochs=3)
    sizes, scores = [], []
    for memory in (1.0, 1e-9):
        fits = bench.transfer.fitted(evaluator, "GCN", start.small, 3, memory)
        sizes.append([len(fit.seeds) for fit in fits])
        scores.append(torch.cat([fit.val_selected for fit in fits]))
    assert sizes == [[3], [1, 1, 1]]
    assert torch.allclose(*scores)


def test_cells_that_fail_end_with_status_1(
    bench: Benchmark,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After the page; a set that cannot be made is a result and is not tried again. Any error ends
    its cell alone, also among those that one worker does in turn."""
    fleet, pages, tried = InTurn(), list[Path](), list[str]()

    def the_set(args: argparse.Namespace, cell: Any, task: object) -> Any:
        tried.append(cell.set)
        raise {"gecc": ValueError, "random": OSError, "gcdm": KeyError}[cell.set](cell.set)

    monkeypatch.setattr("graphcondense.ops.fleet.Fleet", lambda: fleet)
    for name in ("real", "evaluator_of", "plain_seconds"):
        monkeypatch.setattr(bench.transfer, name, lambda *args: None)
    monkeypatch.setattr(bench.transfer, "the_set", the_set)
    monkeypatch.setattr(bench.page, "write", lambda out, budgets: pages.append(out))
    words = "--data cora --nodes 70 --sets random gecc gcdm --models GCN --seeds 1 --workers ray"
    monkeypatch.setattr("sys.argv", ["transfer.py", *words.split(), "--out", str(tmp_path)])
    for _ in range(2):
        with pytest.raises(SystemExit, match="cells that failed: 2"):
            bench.transfer.main()
    assert tried == ["random", "gecc", "gcdm", "random", "gcdm"]
    assert [len(task) for task in fleet.tasks] == [3, 2]  # what is finished is no cell of a task
    assert pages == [tmp_path, tmp_path]
    (recorded,) = tmp_path.rglob("failed.json")
    assert "gecc" in str(recorded)
    monkeypatch.setattr(bench.transfer, "run", lambda args, cell: "")
    bench.transfer.main()  # nothing fails, and there is no other status
    capsys.readouterr()
    monkeypatch.setattr("sys.argv", [*sys.argv, "--seconds", "-1"])
    bench.transfer.main()
    assert capsys.readouterr().err == "no time for 2 further cells\n"


def test_architecture_search_ranks_on_every_kind_of_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = toy_graph()
    real = search.search_architectures

    def quick(*args: Any, **options: Any) -> Any:
        return real(*args, **{**options, "epochs": 2, "val_every": 1})

    def sampled(task: Any, method: str, budget: int, seed: int) -> Any:
        return graphcondense.condense(task, "random", nodes=9, seed=seed, progress=False)

    monkeypatch.setattr(search, "search_architectures", quick)
    monkeypatch.setattr(graphcondense.data, "load", lambda name, root: data)
    with benchmarks("transfer_nas") as (script,):
        monkeypatch.setattr(script.nodes, "condensed", sampled)
        script.run(None, tmp_path, seeds=2, trials=2)
    table = (tmp_path / "nas-quotient.md").read_text()
    for name in ("quotient", "gecc", "random"):
        assert f"| {name} | 2 |" in table
    assert "| whole | 1 |" in table
    assert len(json.loads((tmp_path / "nas-quotient.json").read_text())["rows"]) == 2


def test_the_page_has_the_table_of_architecture_search() -> None:
    results = Path(__file__).parents[1] / "docs" / "results"
    assert (results / "nas-quotient.md").read_text() in (results / "transfer.md").read_text()
