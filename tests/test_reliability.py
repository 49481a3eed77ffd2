"""``benchmarks/reliability.py``: what is kept of a part, and that each row has its test."""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.scripts import benchmarks

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def reliability() -> Iterator[ModuleType]:
    """The folder as a package, as the script imports it."""
    with benchmarks("reliability") as (package,):
        yield package


def test_rows_are_replaced_by_name_and_shown(
    reliability: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = ModuleType("part")

    def run(seconds: float, examples: int, root: str) -> dict[str, object]:
        old = {row["what"]: row["tried"] for row in reliability.kept("part")}
        rows = [
            reliability.Row(
                what=what, tried=old.get(what, 0) + examples, failed=0, said="", test="t"
            )
            for what in ("a", "b")
        ]
        reliability.keep("part", rows[:1])
        return {"rows": rows}

    part.TITLE, part.run = "A part", run
    monkeypatch.setattr(reliability, "module", lambda name: part)
    of = "2026-11-29, abcdef1"
    for stamp in ("2026-11-28, 1234567", of):  # rows say when they were measured last
        monkeypatch.setattr(reliability.when, "stamp", lambda stamp=stamp: stamp)
        found = reliability.run("part", 1.0, 700, "", tmp_path)
    # the first row was kept on the way, and is the same row still
    assert [(row["what"], row["tried"]) for row in found["rows"]] == [("a", 1400), ("b", 1400)]
    assert found == reliability.read(tmp_path / "part.json")
    reliability.write_page(tmp_path, tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert f"| a | 1,400 | 0 |  | {of} | `--only part` | `t` |" in page
    assert not list(tmp_path.glob("*.part"))


def test_rows_are_chosen_and_measured_anew(
    reliability: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = ModuleType("part")

    def run(seconds: float, examples: int, root: str, chosen: Any) -> dict[str, object]:
        there = {row["what"] for row in reliability.kept("part")}
        done = [what for what in ("gcond", "gcond-x", "gecc") if chosen(what) and what not in there]
        rows = [reliability.Row(what=what, tried=1, failed=0, said="", test="t") for what in done]
        return {"rows": rows, "done": done}

    def whole(seconds: float, examples: int, root: str) -> dict[str, object]:
        return {"rows": []}

    part.TITLE, part.run = "A part", run
    monkeypatch.setattr(reliability, "module", lambda name: part)
    for words, anew, done in (
        (["nd-x", "ec"], False, ["gcond-x", "gecc"]),
        ([], False, ["gcond"]),
        (["gcond"], False, []),
        (["gcond"], True, ["gcond", "gcond-x"]),
        ([], False, []),
    ):
        found = reliability.run("part", 1.0, 1, "", tmp_path, words=words, anew=anew)
        assert found["more"]["done"] == done
    assert len(found["rows"]) == 3
    assert reliability.chooses("part")
    part.run = whole
    assert not reliability.chooses("part")


def test_kills_of_several_commits_are_added_and_told(reliability: ModuleType) -> None:
    """Each with its own, whoever adds: the sums are no sums by hand."""
    kills = reliability.module("kills")
    row = reliability.Row(what="a", tried=0, failed=0, said="", test="t")
    row = kills.added(row, 0, "", "day, one")  # a run that had ended before its moment came
    row = kills.added(row, 3, "", "day, one")
    assert (row["tried"], row["measured"], reliability.remarks(row)) == (3, "day, one", "")
    old = {key: value for key, value in row.items() if key != "counts"}
    row = kills.added(reliability.Row(**old), 2, "", "day, two")
    row = kills.added(row, 1, "other bits", "day, two")
    row = kills.added(row, 4, "", "day, two")
    assert (row["tried"], row["failed"], row["measured"]) == (10, 1, "day, two")
    assert reliability.remarks(row) == "other bits; 3 of day, one; 7 of day, two"


def test_what_another_benchmark_stored_says_when(
    reliability: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file without a stamp it is told when git got it."""
    monkeypatch.setattr(reliability, "OUT", tmp_path / "reliability")
    made = tmp_path / "one.json"
    made.write_text('{"rows": [], "measured": "2026-11-28, 1234567"}')
    assert reliability.measured("one.json", "", "none.py")["measured"] == "2026-11-28, 1234567"
    made.write_text('{"rows": []}')
    assert reliability.measured("one.json", "", "none.py")["measured"] == ""

    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *who, *words], cwd=tmp_path, capture_output=True, check=True)
        return done.stdout.decode().strip()

    git("init", "-q")
    git("add", "one.json")
    git("commit", "-q", "-m", "a", "--date", "2020-02-03T12:00:00")
    commit = git("rev-parse", "--short=7", "HEAD")
    found = reliability.measured("one.json", "", "none.py")["measured"]
    assert found == f"2020-02-03, stored by {commit}"
    assert reliability.when.stamp(tmp_path) == f"{time.strftime('%Y-%m-%d')}, {commit}"
    (tmp_path / "graphcondense").mkdir()
    (tmp_path / "graphcondense" / "a.py").write_text("")
    assert reliability.when.stamp(tmp_path).endswith(f"{commit}+")


def test_processor_seconds_of_rows_that_were_kept_are_not_lost(
    reliability: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that is stopped after its first row has told what it took up to there."""
    clock = iter([100.0, 107.0, 200.0, 203.0, 205.0])
    monkeypatch.setattr(reliability, "_spent", lambda: next(clock))
    part = ModuleType("part")
    row = reliability.Row(what="a", tried=1, failed=0, said="", test="t")

    def stopped(seconds: float, examples: int, root: str) -> dict[str, object]:
        reliability.keep("part", [row])
        raise KeyboardInterrupt

    def ended(seconds: float, examples: int, root: str) -> dict[str, object]:
        reliability.keep("part", [row])
        return {"rows": []}

    part.TITLE, part.run = "A part", stopped
    monkeypatch.setattr(reliability, "module", lambda name: part)
    with pytest.raises(KeyboardInterrupt):
        reliability.run("part", 1.0, 1, "", tmp_path)
    assert reliability.read(tmp_path / "part.json")["processor_seconds"] == 7.0
    part.run = ended
    assert reliability.run("part", 1.0, 1, "", tmp_path)["processor_seconds"] == 12.0


def test_environments_are_rows_of_their_steps(reliability: ModuleType) -> None:
    said = [
        "", "== oldest (0 s)", "versions: torch 2.9.0", "passed: import", "Traceback",
        "failed: demo", "", "== oldest-log (9 s)", "passed: install",
        "passed: tests", "", "== done (9 s): failed",
    ]  # fmt: skip
    rows = list(reliability.module("matrix").rows_of(said))
    assert [(row["what"], row["tried"], row["failed"], row["said"]) for row in rows] == [
        ("oldest", 2, 1, "torch 2.9.0; failed: demo"),
        ("oldest-log", 2, 0, ""),
    ]
    names = reliability.module("matrix").environments()
    assert names.index("oldest") < names.index("oldest-log") < names.index("newest")
    assert "newest-private" in names


def test_a_sample_of_mutants_is_a_new_one(reliability: ModuleType) -> None:
    pytest.importorskip("cosmic_ray")
    part = reliability.module("mutants")
    rows = [{"what": "seed 9, the first places"}, {"what": "seed 3, the same places"}]
    assert [part.next_seed(some) for some in ([], rows[1:], rows)] == [0, 4, 10]


def test_survivors_are_tried_again_but_for_those_that_change_nothing(
    reliability: ModuleType, tmp_path: Path
) -> None:
    pytest.importorskip("cosmic_ray")
    part = reliability.module("mutants")
    assert part.survivors(tmp_path / "none.json") == {}
    more = {
        "survivors of seed 3": ["a -> b", "c -> d"],
        "survivors of seed 3 that change no result, and why": {"c -> d": "because"},
        "survivors of seed 12": ["e -> f"],
    }
    (tmp_path / "mutants.json").write_text(json.dumps({"rows": [], "more": more}))
    found = part.survivors(tmp_path / "mutants.json")
    assert found == {"seed 3": ["a -> b"], "seed 12": ["e -> f"]}


def test_survivors_have_a_row_once_all_are_tried(
    reliability: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A retry that the time cuts off comes again; of lines that are all gone there is a row."""
    pytest.importorskip("cosmic_ray")
    part, time_for, asked = reliability.module("mutants"), 1, list[int]()

    class Trial:
        root = tmp_path

        def __init__(self, work: Path) -> None:
            pass

        def verdicts(self, found: list[str], until: float) -> Iterator[Any]:
            asked.append(len(found))
            for line in found[:time_for]:
                mutant = part.mutants.Mutant("a.py", 1, 0, "", 0, line, "")
                yield part.mutants.Verdict(mutant, "survived" if "lives" in line else "killed")

    more = {
        "survivors of seed 3": ["lives", "is gone", "dies", "dies, too"],
        "survivors of seed 4": ["is gone", "is gone, too"],
    }
    content = {"rows": [], "more": more, "processor_seconds": 0.0}
    (tmp_path / "mutants.json").write_text(json.dumps(content))
    monkeypatch.setattr(part, "OUT", tmp_path)
    monkeypatch.setattr(part.mutants, "Trial", Trial)
    monkeypatch.setattr(
        part.mutations, "again", lambda root, line: None if "gone" in line else line
    )
    words = ["again"]
    (row,) = reliability.run("mutants", 9.0, 1, "", tmp_path, words=words)["rows"]
    assert (row["what"], row["tried"]) == ("survivors of seed 4, again", 0)
    assert row["said"] == "none is left to try; 2 of 2 lines are no more"
    assert "survivors of seed 3, again: time for 1 of 3" in capsys.readouterr().out
    time_for = 3
    _, row = reliability.run("mutants", 9.0, 1, "", tmp_path, words=words)["rows"]
    assert (row["what"], row["tried"], row["failed"]) == ("survivors of seed 3, again", 3, 1)
    assert row["said"] == (
        "2 killed, 0 timed out, 1 survived: 66.7 % noticed; 1 of 4 lines are no more"
    )
    assert asked == [3, 0, 3]  # what has its row is not tried again


def test_every_part_says_what_it_is(reliability: ModuleType) -> None:
    for name in reliability.parts():
        part = reliability.module(name)
        assert part.TITLE
        assert callable(part.run)


def test_more_is_guessed_than_epsilon_allows(reliability: ModuleType) -> None:
    """At an epsilon of log 3, true positives are at most three times false ones, and so are the
    other two: the curve goes through (1/4, 3/4), and the area below it is 3/4."""
    private = reliability.module("privacy")
    at = math.log(3)
    assert private.most(at) == pytest.approx(0.25 * 0.75 / 2 + 0.75 * (0.75 + 1) / 2)
    rows = [
        {"label": label, "graphs": 2, "trainings": 3, "auc": auc, "test": 0.5}
        for label, auc in (
            ("gecc", 0.9), (f"gecc, epsilon {at}", 0.74), (f"gecc, epsilon {at}1", 0.76),
        )
    ]  # fmt: skip
    found = private.rows_of({"data": "toy", "nodes": 7, "rows": rows, "measured": "m"})
    assert [row["failed"] for row in found] == [0, 0, 1]
    assert [row["tried"] for row in found] == [6, 6, 6]
    assert found[0]["said"] == "area 90.0 %, accuracy 50.0 %"
    assert found[1]["said"] == "area 74.0 %, accuracy 50.0 %; at most 75.0 % can be"


def test_a_backdoor_that_works_has_failed_and_wrong_labels_are_told(
    reliability: ModuleType,
) -> None:
    poison = reliability.module("poison")
    rows = [
        {"label": label, "graphs": 2, "trainings": 2, "success": success, "test": 0.8}
        for label, success in (("clean", 0.08), ("gecc", 0.998))
    ]
    found = poison.backdoors({"data": "toy", "rows": rows, "measured": "m"})
    assert [(row["tried"], row["failed"]) for row in found] == [(4, 0), (4, 4)]
    assert found[1]["said"] == "the trigger works on 99.8 %, accuracy 80.0 %"
    rows = [
        {"method": "gecc", "per_class": 3, "centres": "median", "rate": rate, "test": test}
        for rate, test in ((0.0, 0.8), (0.2, 0.75))
    ]
    (row,) = poison.wrong_labels({"data": "toy", "rows": rows, "measured": "m"})
    assert row["what"] == "wrong labels in toy: gecc, 3 a class, median"
    assert row["measured"] == "m"
    assert row["said"] == "accuracy 80.0 % without, 75.0 % with 20 % of the labels wrong"


def test_the_page_is_fresh_and_each_row_has_its_test(
    reliability: ModuleType, tmp_path: Path
) -> None:
    reliability.write_page(reliability.OUT, tmp_path / "page.md")
    fresh = (tmp_path / "page.md").read_text()
    assert reliability.PAGE.read_text() == fresh, "run python benchmarks/reliability.py --page"
    for path in reliability.OUT.glob("*.json"):
        assert path.stem in reliability.parts()
        for row in reliability.read(path)["rows"]:
            file, _, test = row["test"].partition("::")
            assert f"def {test.partition('[')[0]}(" in (ROOT / file).read_text(), row["test"]


def test_every_row_says_its_day_and_a_commit_as_it_was(reliability: ModuleType) -> None:
    """Of all kinds of rows: a number whose code nobody can get again says little, and one of a
    working tree that was changed (``+``) is such a number. All methods that inputs are drawn for
    were drawn 500."""
    from tests.drawn import DRAWN, all_cases

    counted = 0
    for path in reliability.OUT.glob("*.json"):
        for row in reliability.read(path)["rows"]:
            stamp = row.get("measured", "")
            said = f"{path.name}, {row['what']}: {stamp!r}"
            assert re.fullmatch(r"20\d\d-\d\d-\d\d, (stored by )?[0-9a-f]{7}", stamp), said
            counted += 1
    assert counted > 300
    drawn = {
        row["what"]: (row["tried"], row["failed"])
        for row in reliability.read(reliability.OUT / "graphs.json")["rows"]
    }
    wanted = {f"{name} ({kind})" for name, kind in all_cases() if kind in DRAWN}
    assert wanted == drawn.keys()
    assert {*drawn.values()} == {(500, 0)}
    every = {f"{name} ({kind})" for name, kind in all_cases()}
    for part in ("leaks", "threads"):
        rows = reliability.read(reliability.OUT / f"{part}.json")["rows"]
        assert {row["what"] for row in rows} == every, part
    rows = reliability.read(reliability.OUT / "kills.json")["rows"]
    assert all(sum(row["counts"].values()) == row["tried"] for row in rows if "counts" in row)
    assert sum(row["tried"] for row in rows) >= 200
    assert not sum(row["failed"] for row in rows)
