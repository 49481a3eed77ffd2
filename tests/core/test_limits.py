"""What a budget of seconds counts and keeps free, and that a run says when nothing was learnt."""

from __future__ import annotations

import time
from typing import Any

import pytest

import graphcondense
from graphcondense.cli.text import summary
from graphcondense.core.engine import Callback, State
from graphcondense.kinds.graph import GraphProblem
from graphcondense.kinds.image import ImageProblem
from graphcondense.kinds.node import NodeProblem
from graphcondense.kinds.rows import RowsProblem
from tests.cases import toy_graph, toy_graphs, toy_images, toy_rows

QUICK = {"per_class": 1, "hidden_channels": 4, "progress": False}


class Hands:
    """A clock that moves when it is told to, in the place of :mod:`time`."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    process_time = perf_counter


class Pace(Callback):
    """Updates of a second."""

    def __init__(self, hands: Hands) -> None:
        self.hands = hands

    def start(self, state: State) -> None:
        """Before the first score is taken."""

    def step(self, state: State) -> None:
        self.hands.now += 1


class Score:
    """A validation that takes a while; later sets are better, or the values are given."""

    def __init__(
        self, seconds: float = 0.0, hands: Hands | None = None, values: Any = None
    ) -> None:
        self.seconds, self.hands, self.values, self.calls = seconds, hands, values, 0

    def __call__(self, export: Any) -> float:
        if self.hands is not None:
            self.hands.now += self.seconds
        self.calls += 1
        return float(self.calls if self.values is None else self.values[self.calls - 1])


def timed(
    monkeypatch: pytest.MonkeyPatch, score: float, preparing: float = 0.0, **options: Any
) -> tuple[Score, Any]:
    """A run of at most 10,000 updates of a second, with scores that take ``score`` seconds."""
    hands = Hands()
    for module in ("callbacks", "clock"):
        monkeypatch.setattr(f"graphcondense.core.{module}.time", hands)
    own, ready = Score(score, hands), NodeProblem.__init__

    def slow(self: Any, *args: Any, **kwargs: Any) -> None:
        hands.now += preparing
        ready(self, *args, **kwargs)

    monkeypatch.setattr(NodeProblem, "__init__", slow)
    monkeypatch.setattr(NodeProblem, "score", lambda self: own)
    small = graphcondense.condense(
        toy_graph(n=30), "doscond-x", epochs=10_000, callbacks=[Pace(hands)], **QUICK, **options
    )
    assert small.condensed["seconds"] == small.condensed["processor_seconds"] == hands.now - 100
    return own, small.condensed


def test_time_for_the_last_score_is_kept_free(monkeypatch: pytest.MonkeyPatch) -> None:
    score, record = timed(monkeypatch, 20, seconds=60.0, validations=5)
    # 20 s for the start's score, 20 updates, 20 s for the last score.
    assert (score.calls, record["steps"], record["seconds"]) == (2, 21, 60 + 1)
    assert record["stopped"] == "time budget of 60 s is spent"
    # The last step is scored and, as it is the best, what is returned.
    assert record["validation"]["step"] == record["steps"]


def test_no_score_begins_that_leaves_no_time_for_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    score, record = timed(monkeypatch, 10, seconds=60.0, validations=10_000)
    # A score takes 11 s with its update: after the fourth, no other one would have time.
    assert (score.calls, record["steps"], record["seconds"]) == (5, 4, 54)
    assert record["validation"]["step"] == record["steps"]


def test_the_clock_starts_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preparing the data counts, and the start, and its score."""
    _, record = timed(monkeypatch, 2, preparing=30, seconds=40.0)
    assert (record["steps"], record["seconds"]) == (7, 40 + 1)


@pytest.mark.parametrize("preparing", [0, 50])
def test_one_update_is_always_made(preparing: float, monkeypatch: pytest.MonkeyPatch) -> None:
    score, record = timed(monkeypatch, 5, preparing=preparing, seconds=1.0)
    assert record["steps"] == record["validation"]["step"] == 1
    assert score.calls == 2


def test_in_real_seconds() -> None:
    """Nothing of a run is outside its clock, and a budget ends it."""
    graphcondense.condense(toy_graph(n=30), "doscond-x", epochs=1, **QUICK)  # imports
    began = time.perf_counter()
    small = graphcondense.condense(toy_graph(), "doscond-x", epochs=10**6, seconds=1.5, **QUICK)
    took = time.perf_counter() - began
    assert small.condensed["stopped"] == "time budget of 1.5 s is spent"
    assert small.condensed["seconds"] == pytest.approx(took, abs=0.2)
    assert 1 <= small.condensed["seconds"] < 3


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
    monkeypatch.setattr(NodeProblem, "score", lambda self: Score(values=values))
    small = graphcondense.condense(toy_graph(n=30), "doscond-x", epochs=6, validations=2, **QUICK)
    found = small.condensed["validation"]
    assert found["start_kept"] is kept
    assert (found["start_score"], found["score"]) == (0.5, max(values))
    said = "none of the scores over 6 updates was above that of the start, so the start"
    assert (said in capsys.readouterr().err) is kept
    assert ("the untouched start" in summary(small)) is kept


@pytest.mark.parametrize(
    ("data", "domain", "method", "options"),
    [
        (toy_graphs, GraphProblem, "doscond", {"steps": 2, "hidden_channels": 4}),
        (toy_images, ImageProblem, "dm", {"epochs": 2, "hidden_channels": 4, "real_batch": 5}),
        (toy_rows, RowsProblem, "distill-cf", {"steps": 2, "nodes": 4, "per_class": None}),
    ],
)
@pytest.mark.parametrize("values", [[0.5, 0.4, 0.3], [0.5, 0.4, 0.6]])
def test_of_every_kind_of_data(
    data: Any,
    domain: Any,
    method: str,
    options: dict[str, Any],
    values: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(domain, "score", lambda self: Score(values=values))
    own = {"per_class": 1, "progress": False, "validations": 2, **options}
    record = graphcondense.condense(data(), method, **own).condensed
    assert (record["steps"], record["stopped"]) == (2, None)
    assert record["validation"]["start_kept"] is (max(values) == values[0])


def test_nothing_is_said_where_nothing_was_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    record = graphcondense.condense(toy_graph(), "random", per_class=1, progress=False).condensed
    assert (record["steps"], record["stopped"], record["validation"]) == (None, None, None)
    assert not capsys.readouterr().err
