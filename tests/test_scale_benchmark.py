"""``benchmarks/scale.py`` and ``gpu.py``: cells, rows that fail, exponents, what is kept."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from tests.scripts import benchmarks


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, ModuleType]]:
    names = ("gpu", "scale", "scale_jobs")
    with benchmarks(*names) as found:
        yield dict(zip(names, found, strict=True))


@pytest.fixture
def scale(scripts: dict[str, ModuleType]) -> ModuleType:
    return scripts["scale"]


@pytest.fixture
def jobs(scripts: dict[str, ModuleType]) -> ModuleType:
    return scripts["scale_jobs"]


def options(tmp_path: Path, **given: Any) -> argparse.Namespace:
    usual: dict[str, Any] = {
        "nodes": 20, "steps": 0, "scale": 0.01, "repeats": 3, "parts": ["propagation"],
        "fits": ["propagation"], "factors": [1, 2, 4], "work": tmp_path,
    }  # fmt: skip
    return argparse.Namespace(**{**usual, **given})


class Told:
    """A runner that is told what each cell took."""

    def __init__(self, take: Any) -> None:
        self.take, self.asked = take, list[tuple[str, str, int]]()

    def cell(self, tree: Any, folder: Path, name: str, number: int, *words: str) -> Any:
        self.asked.append((tree.commit, name, number))
        return self.take(tree, folder, number)


def test_exponents_are_slopes_of_logarithms(
    scale: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells that take 3 N² E √d seconds, the middle one of three in disorder."""
    monkeypatch.setattr(scale, "shaped", lambda args, sizes: sizes)

    def take(tree: Any, sizes: Any, number: int) -> Any:
        return {
            "seconds": 3 * sizes["N"] ** 2 * sizes["E"] * sizes["d"] ** 0.5 * (1, 100, 0.01)[number]
        }

    tree = scale.Tree(tmp_path, "now", "x")
    rows = scale.fit(options(tmp_path), tree, Told(take))
    found = {row["over"]: row["exponent"] for row in rows}
    assert found == pytest.approx({"N": 2, "E": 1, "d": 0.5})
    assert all(row["error_of_exponent"] == pytest.approx(0, abs=1e-6) for row in rows)
    assert "2.00" in scale.page.fitted(rows).text()


def test_commits_take_turns_and_a_failure_is_a_row(
    scale: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "made", lambda folder, options, ogb=(): folder)

    def take(tree: Any, folder: Path, number: int) -> Any:
        if tree.commit == "old":
            return {"error": "MemoryError: 66 GB"}
        return {"seconds": float(number), "peak": 2**30, "more": 2**20, "said": ""}

    trees = {"before": scale.Tree(tmp_path, "old", "a"), "now": scale.Tree(tmp_path, "new", "b")}
    told = Told(take)
    [row] = scale.compare(options(tmp_path), trees, told)
    assert [(commit, number) for commit, _, number in told.asked] == [
        ("old", 0), ("new", 0), ("new", 1), ("new", 2),
    ]  # fmt: skip
    assert (row["before"]["seconds"], row["now"]["seconds"]) == (None, 1)
    text = scale.page.shown([row]).text()
    assert "before: MemoryError: 66 GB" in text
    assert "1,024" in text
    told = Told(lambda tree, folder, number: {"seconds": 6.0 if tree.commit == "old" else 2.0})
    [row] = scale.compare(options(tmp_path, repeats=2), trees, told)
    assert [commit for commit, *_ in told.asked] == ["old", "new"] * 2
    assert scale.page.shown([row]).cells[0][1:4] == ["6", "2", "3"]


def test_a_finished_cell_is_kept_and_a_dead_process_is_told(
    scale: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = scale.Tree(tmp_path, "now", "x")
    run = scale.Runner(tmp_path, 2**34, 100)
    ended: list[tuple[int, str]] = [(-9, ""), (-24, ""), (1, "Traceback\nNo module named x\n")]
    seen = []

    def dies(command: Any, **more: Any) -> Any:
        seen.append(command)
        code, text = (ended.pop(0)) if ended else (0, "")
        if not code:
            command[command.index("matching") - 1].write_text('{"seconds": 5, "peak": 1}')
        return subprocess.CompletedProcess(command, code, stderr=text)

    monkeypatch.setattr(subprocess, "run", dies)
    found = [run.cell(tree, tmp_path, "matching", 0, "matching") for _ in range(5)]
    assert [cell.get("error") for cell in found[:3]] == [
        "killed by SIGKILL", "took more than 100 processor seconds", "No module named x",
    ]  # fmt: skip
    assert [cell["seconds"] for cell in found[3:]] == [5, 5]
    assert len(seen) == 4
    assert not list(tmp_path.glob("*.part"))


def test_new_rows_take_the_place_of_old_ones(scale: ModuleType, tmp_path: Path) -> None:
    def row(part: str, seconds: float) -> dict[str, Any]:
        side = {"seconds": seconds, "peak": 2**29, "more": 0, "runs": 1, "error": None}
        return {
            "part": part, "scale": 1, "nodes": 454, "said": "", "before": side, "now": side,
            "commits": {"before": "a", "now": "b"},
        }  # fmt: skip

    points = [{"size": n, "seconds": n / 10, "error": None} for n in (1, 2)]
    fits = [{"part": "matching", "over": "d", "points": points, "error": None, "exponent": 1.0}]
    fits[0]["commit"] = "b"
    scale.keep(tmp_path, "scale 1", [row("matching", 1), row("condense:cgc", 5)], fits)
    shared = {"scale": 1, "nodes": 454, "commit": "b", "day": "2026-01-02"}
    every = [
        {**shared, "method": "slow", "seconds": 9.0, "peak": 2**30, "more": 2**20},
        {**shared, "method": "quick", "seconds": 2.0, "peak": 2**29, "more": 0},
        {**shared, "method": "kron", "error": "ValueError: needs 3 TB"},
    ]
    scale.keep(tmp_path, "scale 1", [], [], every)
    again = {**every[0], "seconds": 8.0, "commit": "c"}
    scale.keep(tmp_path, "scale 1", [], [], [again])
    found = scale.keep(tmp_path, "scale 1", [row("matching", 2)], [])
    assert [(r["part"], r["now"]["seconds"]) for r in found["tables"]["scale 1"]] == [
        ("matching", 2), ("condense:cgc", 5),
    ]  # fmt: skip
    assert found == json.loads((tmp_path / "scale.json").read_text())
    scale.page.write_page(tmp_path, found)
    page = (tmp_path / "scale.md").read_text()
    assert "`condense`, `cgc`" in page
    assert page.index("| `quick` | 2 |") < page.index("| `slow` | 8 |") < page.index("3 TB")
    assert page.count("`slow`") == 1
    assert "| c 2026-01-02 |" in page
    assert (tmp_path / "scale.png").stat().st_size > 1000


def test_methods_on_cora_take_turns_and_say_their_score(scale: ModuleType, tmp_path: Path) -> None:
    def take(tree: Any, folder: Path, number: int) -> Any:
        assert folder == tmp_path / "data"
        seconds, score = (12.0, "80.1%") if tree.commit == "old" else (4.0, "80.9%")
        return {"seconds": seconds + number, "peak": 1, "more": 1, "said": score}

    trees = {"before": scale.Tree(tmp_path, "old", "a"), "now": scale.Tree(tmp_path, "new", "b")}
    told = Told(take)
    rows = scale.on_cora(options(tmp_path, cora=tmp_path / "data"), trees, told)
    assert [row["method"] for row in rows] == [*scale.SMALL]
    assert [commit for commit, *_ in told.asked[:4]] == ["old", "new", "old", "new"]
    cells = scale.page.small(rows).cells
    assert cells[0][1:7] == ["13", "5", "2.6", "80.1%", "80.9%", "3"]
    found = scale.keep(tmp_path, "scale 1", [], [], (), rows)
    scale.page.write_page(tmp_path, found)
    assert "Cora, 70 nodes" in (tmp_path / "scale.md").read_text()


def test_the_job_on_cora_condenses_it(jobs: ModuleType, data_root: Path) -> None:
    clock = jobs.Clock()
    assert jobs.cora(data_root, clock, ["random", "70"]) == ""
    assert clock.seconds > 0


@pytest.mark.parametrize(
    "parts",
    [
        ("propagation", "matching", "checking", "normalising", "condense:random"),
        pytest.param(("loading", "evaluating"), marks=pytest.mark.slow),
    ],
)
def test_jobs_run_on_a_small_graph(
    scale: ModuleType, jobs: ModuleType, tmp_path: Path, parts: tuple[str, ...]
) -> None:
    args = options(tmp_path, nodes=40, steps=2)
    folder = scale.made(
        tmp_path / "g", {"nodes": 800, "edges": 3000}, ogb=("now",) * ("loading" in parts)
    )
    for part in parts:
        job, *words = scale.words_of(part, args, "now")
        clock = jobs.Clock()
        said = "2 of 300 epochs" if job == "evaluating" else ""
        assert jobs.JOBS[job](folder, clock, words) == said
        assert clock.seconds >= 0
        assert clock.peak > 2**26


def test_a_job_in_a_process_of_its_own(scale: ModuleType, tmp_path: Path) -> None:
    """By the command that a runner gives, within its limits."""
    folder = scale.made(tmp_path / "g", {"nodes": 800, "edges": 3000})
    tree = scale.Tree(Path(scale.__file__).parents[1], "now", "x")
    found = scale.Runner(tmp_path, 2**34, 100).cell(tree, folder, "checking", 0, "checking")
    assert found["seconds"] >= 0
    assert found["said"] == ""


def test_every_part_has_a_job_and_a_name(scale: ModuleType, jobs: ModuleType) -> None:
    for part in scale.PARTS:
        assert part.partition(":")[0] in jobs.JOBS
        assert scale.page.named(part)
    assert set(scale.page.FITTED) <= set(scale.PARTS)
    every = scale.every_method()
    methods = {part.partition(":")[2] for part in scale.PARTS if ":" in part}
    assert methods <= set(every)
    assert len(every) == len(set(every))


def test_results_of_two_devices_are_compared(
    scripts: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    gpu = scripts["gpu"]
    rows: list[dict[str, Any]] = []
    gpu.ratio(rows, "job", {"cpu": (torch.ones(4), 3.0), "gpu": (torch.full((4,), 1.1), 1.5)})
    assert (rows[0]["ratio"], rows[0]["apart"]) == ("2.0", "1.00e-01")
    assert gpu.apart(torch.ones(2), torch.ones(3)) == "(2,) against (3,)"
    limits = gpu.Limits("cpu", 0)
    assert limits.over("scale/gcond")
    assert limits.left == ["scale/gcond"]
    with gpu.told(rows, "scale", "job"):
        raise MemoryError("full")
    assert rows[1]["error"] == "MemoryError: full"


def test_without_a_gpu_the_script_says_so(
    scripts: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--out", str(tmp_path / "gpu.json")])
    with pytest.raises(SystemExit, match="no CUDA device here; --device cpu"):
        scripts["gpu"].main()
    assert not any(tmp_path.iterdir())
