"""What watches a run, step by step."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from graphcondense.core import callbacks as module
from graphcondense.core.callbacks import (
    Checkpoint,
    EarlyStop,
    JsonLog,
    Progress,
    TimeBudget,
    Validate,
    read_checkpoint,
)
from graphcondense.core.clock import Clock
from graphcondense.core.scalars import WithScalars
from graphcondense.ops import progress
from tests.core.test_engine import Points


def state(step: int = 1, steps: int = 10, **rest: Any) -> Any:
    given = {"step": step, "schedule": SimpleNamespace(steps=steps), "metrics": {}, "stop": None}
    given |= {"loss": torch.tensor(0.123456), "syn": Points(), **rest}
    return SimpleNamespace(**given, done=given["step"] >= steps or given["stop"] is not None)


class Bar:
    """In the place of tqdm's."""

    def __init__(self, **given: Any) -> None:
        self.given, self.shown, self.closed, self.due = given, [], False, False

    def update(self) -> bool:
        return self.due

    def set_postfix(self, shown: dict[str, str], refresh: bool) -> None:
        assert not refresh
        self.shown.append(shown)

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("percent", "said"), [(True, "81.2"), (False, "0.8125")])
def test_the_bar_shows_the_loss_and_the_last_score(
    percent: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "tqdm", Bar)
    shows = Progress("title", percent=percent)
    shows.start(state(3))
    given = shows.bar.given
    assert (given["total"], given["initial"], given["desc"]) == (10, 3, "title")
    assert given["disable"] is None  # tqdm then asks whether there is a terminal
    shows.step(state(4))
    assert shows.bar.shown == []  # tqdm was not due, and nothing was measured
    shows.bar.due = True
    shows.step(state(5))
    shows.bar.due = False
    shows.step(state(6, metrics={"validation": 0.8125}))
    shows.bar.due = True
    shows.step(state(7))
    assert shows.bar.shown == [
        {"loss": "0.1235"},
        {"loss": "0.1235", "val": said},
        {"loss": "0.1235", "val": said},
    ]
    shows.end(state())
    assert shows.bar.closed


def test_a_line_now_and_then_and_whenever_something_was_measured(tmp_path: Any) -> None:
    log = JsonLog(tmp_path / "log", every=4)
    log.start(state(0))
    for step in range(1, 11):
        log.step(state(step, metrics={"validation": 0.5} if step == 3 else {}))
    log.end(state())
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == [f'{{"step": {n}' for n in (3, 4, 8, 10)]
    assert '"validation": 0.5' in lines[0]
    assert log.state_dict() == {"seconds": log.seconds}


def test_patience_counts_scores_in_a_row_that_are_no_better() -> None:
    stop, at = EarlyStop(2), state()
    for score in (0.5, 0.4, 0.6, 0.6):
        at.metrics = {"validation": score}
        stop.step(at)
        assert at.stop is None
        stop.step(state())  # nothing was scored
    assert (stop.best, stop.since) == (0.6, 1)
    at.metrics = {"validation": 0.1}
    stop.step(at)
    assert at.stop == "no better validation score in 2 in a row"
    again = EarlyStop(2)
    again.load_state_dict(stop.state_dict())
    resumed = state()
    again.start(resumed)
    assert resumed.stop == at.stop
    endless = EarlyStop(None)
    endless.load_state_dict(stop.state_dict())
    endless.start(fresh := state())
    assert fresh.stop is None


def test_an_extra_score_is_no_sign_of_anything() -> None:
    validate = Validate(lambda small: 0.0, 5)
    validate.extra = True
    stop, at = EarlyStop(1, validate), state(metrics={"validation": 0.1})
    stop.step(at)
    assert (stop.best, stop.since) == (float("-inf"), 0)


@pytest.mark.parametrize(
    ("limit", "step", "ends"),
    # 10 s are gone and a score takes 3: it is kept free, and twice where this step is scored.
    [(13.0, 1, True), (13.1, 1, False), (16.0, 5, True), (16.1, 5, False), (16.0, 4, False)],
)
def test_time_for_scores_is_kept_free(limit: float, step: int, ends: bool) -> None:
    clock, validate = Clock(), Validate(lambda small: 0.0, 5)
    clock._began -= 10
    validate.seconds = 3.0
    budget, at = TimeBudget(limit - 1e-2 * ends, clock, validate), state(step)
    budget.start(at)
    budget.step(at)
    assert (at.stop is not None) is budget.spent is ends
    assert clock.updates == 1
    without = TimeBudget(10.5, clock)
    without.step(later := state())
    assert later.stop is None
    TimeBudget(None, clock).step(later)
    assert later.stop is None


def test_every_so_many_steps_and_the_last_are_scored() -> None:
    validate = Validate(lambda small: 0.0, 4)
    assert [step for step in range(1, 11) if validate.due(state(step))] == [4, 8, 10]
    assert Validate(lambda small: 0.0, 0).due(state(3))


def test_the_first_of_equal_scores_is_kept() -> None:
    scores = iter([0.5, 0.7, 0.7, 0.6])
    validate, syn = Validate(lambda small: next(scores), 1), Points()
    validate.start(state(0, syn=syn))
    assert validate.start_score == 0.5
    for step in (1, 2, 3):
        with torch.no_grad():
            syn.x.fill_(step)
        validate.step(at := state(step, syn=syn))
        assert at.metrics["validation"] in (0.7, 0.6)
    validate.end(state(3, syn=syn))
    assert (validate.best, validate.best_step) == (0.7, 1)
    assert bool((syn.x == 1).all())


def test_positive_numbers_beside_a_set() -> None:
    both = WithScalars(Points(), {"lr": [0.5, 2.0]})
    assert both.scalar("lr").tolist() == pytest.approx([0.5, 2.0])
    assert both.groups().keys() == {"x", "other", "lr"}
    with pytest.raises(ValueError, match=r"lr must be above 0, got \[0.0\]"):
        WithScalars(Points(), {"lr": [0.0]})
    with pytest.raises(ValueError, match="have a group 'x' of their own"):
        WithScalars(Points(), {"x": [1.0]})


def test_a_resumed_log_keeps_the_lines_up_to_its_step_and_a_new_one_none(tmp_path: Path) -> None:
    lines = [json.dumps({"step": step}) for step in range(1, 6)]
    for step, left in ((3, lines[:3]), (5, lines), (0, [])):
        path = tmp_path / "metrics.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines))
        log = JsonLog(path)
        log.start(state(step))
        assert path.read_text().splitlines() == left
        log.step(state(step + 1))
        log.file.close()
        assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [
            *range(1, len(left) + 1), step + 1,
        ]  # fmt: skip


def small_snapshot(state: Any, callbacks: Any) -> dict[str, Any]:
    return {"step": state.step, "syn": {}, "callbacks": {}}


def saves(clock: list[float], at: Path, monkeypatch: pytest.MonkeyPatch, **how: Any) -> list[int]:
    """The steps of ten at which a checkpoint is written, a second each by this clock."""
    monkeypatch.setattr(module, "snapshot", small_snapshot)
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    file, found = Checkpoint(at, {"seed": 1}, **how), []
    file.start(state(0))
    for step in range(1, 11):
        clock[0] += 1
        before = file.saved_step
        file.step(state(step))
        found += [step] if file.saved_step != before else []
        if at.exists():
            assert read_checkpoint(at, {"seed": 1})["step"] == found[-1]
    return found


def test_a_checkpoint_is_due_by_steps_or_by_time_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for how, wanted in (
        ({"every": 4, "seconds": None}, [4, 8, 10]),
        ({"every": None, "seconds": 3}, [3, 6, 9, 10]),
        ({"every": 4, "seconds": 3}, [3, 4, 7, 8, 10]),
        ({"every": None, "seconds": None}, [10]),
        ({"every": None, "seconds": 0.0}, [*range(1, 11)]),
        ({}, [10]),  # every half a minute
    ):
        path = tmp_path / f"{len(wanted)}-{how}"
        assert saves([0.0], path, monkeypatch, **how) == wanted
        assert sorted(tmp_path.glob("*.part")) == []
    assert saves([0.0], tmp_path / "c", monkeypatch, seconds=30.0) == [10]


def test_an_interrupt_says_where_to_go_on_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.pt"
    file = Checkpoint(path, {})
    file.start(state(0))
    file.interrupted(state(3))
    assert capsys.readouterr().err == (
        "\ninterrupted at step 3 of 10; no checkpoint was due yet; the run starts over\n"
    )
    file.start(state(2))  # gone on from
    file.interrupted(state(3))
    assert f"at step 3 of 10; last checkpoint: step 2 in {path}; run" in capsys.readouterr().err
    monkeypatch.setattr(module, "snapshot", small_snapshot)
    file.save(state(5))
    file.interrupted(state(7))
    assert f"last checkpoint: step 5 in {path}; run the same again" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [OSError, RuntimeError])
def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(
    kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.pt"
    file = Checkpoint(path, {"seed": 1})
    right = torch.save

    def full(content: Any, part: Path) -> None:
        part.write_text("half")
        raise kind("no space left" + "." * 300)

    monkeypatch.setattr(module, "snapshot", small_snapshot)
    for first in (True, False):
        monkeypatch.setattr(torch, "save", full)
        kept = "there is none before" if first else "the one before is whole"
        said = f"cannot write the checkpoint {path} (no space left{'.' * 187}); {kept}; make room"
        with pytest.raises(OSError, match=re.escape(said)):
            file.save(state(4))
        assert [*tmp_path.iterdir()] == ([] if first else [path])
        monkeypatch.setattr(torch, "save", right)
        file.save(state(3))
    assert read_checkpoint(path, {"seed": 1})["step"] == 3


def test_the_bits_before_an_extra_score_come_back() -> None:
    """Stopped at a step that is not scored otherwise, and gone on with: nothing of it is left."""
    scores = iter([0.5, 0.9, 0.6])
    validate = Validate(lambda small: next(scores), 4)
    validate.start(state(0))
    validate.step(stopped := state(2, stop="enough"))
    assert stopped.metrics == {"validation": 0.9}
    assert (validate.extra, validate.best, validate.best_step) == (True, 0.9, 2)
    again = Validate(lambda small: next(scores), 4)
    again.load_state_dict(validate.state_dict())
    assert (again.extra, again.best, again.start_score) == (True, 0.9, 0.5)
    again.step(on := state(3))
    assert (again.extra, again.best, again.best_step, on.metrics) == (False, 0.5, 0, {})
    again.step(due := state(4))
    assert (again.extra, again.best, again.best_step) == (False, 0.6, 4)
    assert due.metrics == {"validation": 0.6}
