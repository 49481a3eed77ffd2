"""What a budget of seconds counts and keeps free, and that a run says when nothing was learnt."""

from __future__ import annotations

import time
from typing import Any

import pytest

import graphcondense
from graphcondense.cli.text import summary
from graphcondense.core.engine import Callback, State
from graphcondense.kinds.node import NodeDomain
from tests.cases import toy_graph, toy_graphs, toy_images, toy_rows

QUICK = {"per_class": 1, "hidden_channels": 4, "progress": False}


class Pace(Callback):
    """Updates of 0.02 s; remembers how many there were."""

    def step(self, state: State) -> None:
        time.sleep(0.02)


class SlowScore:
    """A validation that takes a while and whose values are given."""

    def __init__(self, seconds: float, values: Any = None) -> None:
        self.seconds, self.values, self.calls = seconds, values, 0

    def __call__(self, export: Any) -> float:
        time.sleep(self.seconds)
        self.calls += 1
        return float(self.calls if self.values is None else self.values[self.calls - 1])


def timed(monkeypatch: pytest.MonkeyPatch, score: SlowScore, **options: Any) -> tuple[Any, float]:
    """A run of up to 10,000 updates with this validation, and how long it took."""
    monkeypatch.setattr(NodeDomain, "score", lambda self: score)
    began = time.perf_counter()
    small = graphcondense.condense(
        toy_graph(n=30), "doscond-x", epochs=10_000, callbacks=[Pace()], **QUICK, **options
    )
    return small.condensed, time.perf_counter() - began


def test_time_for_the_last_score_is_kept_free(monkeypatch: pytest.MonkeyPatch) -> None:
    score = SlowScore(0.4)
    record, took = timed(monkeypatch, score, seconds=1.5, validations=5)
    assert score.calls == 2  # the start and the end
    assert record["stopped"] == "time budget of 1.5 s is spent"
    assert record["steps"] > 3
    # The last step is scored and, as it is the best, what is returned.
    assert record["validation"]["step"] == record["steps"]
    assert took < 1.5 + 0.25
    assert record["seconds"] == pytest.approx(took, abs=0.1)


def test_no_score_begins_that_leaves_no_time_for_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    score = SlowScore(0.25)
    # Scores at every update would take all of the time: the last but one ends at half a score left.
    record, took = timed(monkeypatch, score, seconds=1.6, validations=10_000)
    assert score.calls >= 3
    assert record["validation"]["step"] == record["steps"]
    assert took < 1.6 + 0.2


def test_the_clock_starts_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preparing the data and the start count, too."""
    ready = NodeDomain.__init__

    def slow(self: Any, *args: Any, **kwargs: Any) -> None:
        time.sleep(0.5)
        ready(self, *args, **kwargs)

    monkeypatch.setattr(NodeDomain, "__init__", slow)
    record, took = timed(monkeypatch, SlowScore(0.0), seconds=0.8)
    assert 0.5 < record["seconds"] < 1.0
    assert took < 1.0
    assert 1 < record["steps"] < 16  # 0.3 s at most for updates of 0.02 s


def test_one_update_is_always_made(monkeypatch: pytest.MonkeyPatch) -> None:
    record, _ = timed(monkeypatch, SlowScore(0.05), seconds=0.001)
    assert record["steps"] == record["validation"]["step"] == 1


@pytest.mark.parametrize(
    ("values", "kept"),
    [([0.5, 0.4, 0.3], True), ([0.5, 0.5, 0.5], True), ([0.5, 0.4, 0.6], False)],
)
def test_the_untouched_start_is_said(
    values: list[float],
    kept: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(NodeDomain, "score", lambda self: SlowScore(0.0, values))
    small = graphcondense.condense(toy_graph(n=30), "doscond-x", epochs=6, validations=2, **QUICK)
    found = small.condensed["validation"]
    assert found["start_kept"] is kept
    assert (found["start_score"], found["score"]) == (0.5, max(values))
    said = "none of the scores over 6 updates was above that of the start (0.5000)"
    assert (said in capsys.readouterr().err) is kept
    assert ("the untouched start" in summary(small)) is kept


@pytest.mark.parametrize(
    ("data", "method", "options"),
    [
        (toy_graphs, "doscond", {"steps": 2, "hidden_channels": 4}),
        (toy_images, "dm", {"epochs": 2, "hidden_channels": 4, "real_batch": 5}),
        (toy_rows, "distill-cf", {"steps": 2, "nodes": 4, "per_class": None}),
    ],
)
def test_of_every_kind_of_data(data: Any, method: str, options: dict[str, Any]) -> None:
    own = {"per_class": 1, "progress": False, "validations": 1, **options}
    record = graphcondense.condense(data(), method, **own).condensed
    assert record["steps"] == 2
    assert record["validation"]["start_kept"] is (record["validation"]["step"] == 0)


def test_nothing_is_said_where_nothing_was_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    record = graphcondense.condense(toy_graph(), "random", per_class=1, progress=False).condensed
    assert (record["steps"], record["stopped"], record["validation"]) == (None, None, None)
    assert not capsys.readouterr().err
