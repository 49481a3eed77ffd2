"""Which parameters move when, and how far."""

from __future__ import annotations

import pytest

from graphcondense.core.types import Schedule


def test_groups_take_turns_for_as_many_updates_as_they_have() -> None:
    turns = Schedule(20, {"adj": 1.0, "x": 1.0}, (("adj", 2), ("x", 3)))
    found = [turns.active(step) for step in range(11)]
    assert found == [(one,) for one in ["adj"] * 2 + ["x"] * 3 + ["adj"] * 2 + ["x"] * 3 + ["adj"]]
    assert Schedule(9, {"x": 1.0, "y": 1.0}).active(5) == ("x", "y")


def test_rates_fall_to_zero_after_the_last_step() -> None:
    steady = Schedule(4, {"x": 1.0})
    falling = Schedule(4, {"x": 1.0}, anneal=True)
    assert [steady.factor(step) for step in range(4)] == [1.0] * 4
    assert [falling.factor(step) for step in range(5)] == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_decays_multiply_from_their_step_on() -> None:
    decay = {2: 0.5, 3: 0.1}
    found = [Schedule(5, {"x": 1.0}, decay=decay).factor(step) for step in range(5)]
    assert found == pytest.approx([1, 1, 0.5, 0.05, 0.05])
    both = Schedule(5, {"x": 1.0}, decay=decay, anneal=True)
    assert both.factor(3) == pytest.approx(0.05 * 2 / 5)
