"""What a value has to be, in words, and which values become plain ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import torch

from graphcondense.ops.fields import (
    Chance,
    Count,
    CountByName,
    Distinct,
    Even,
    Momentum,
    Natural,
    Positive,
    Range,
    Rule,
    Seed,
    Share,
    SomeShare,
    Weights,
    brief,
    checked,
    listed,
    plain,
    spelled,
)
from graphcondense.ops.names import nearest


@pytest.mark.parametrize(
    ("given", "value", "said"),
    [
        (Range(1, 3), 0, "must be at least 1 and at most 3"),
        (Range(1, 3), 4, "must be at least 1 and at most 3"),
        (Range(1, 3), 1, None),
        (Range(1, 3), 3, None),
        (Range(1, 3, above=True), 1, "must be above 1 and at most 3"),
        (Range(1, 3, below=True), 3, "must be at least 1 and below 3"),
        (Range(low=2), 1, "must be at least 2"),
        (Range(high=2), 3, "must be at most 2"),
        (Range(high=2, below=True), 2, "must be below 2"),
        (Range(), -math.inf, None),
        (Rule(bool, "must be something"), 0, "must be something"),
        (Rule(bool, "must be something"), 1, None),
    ],
)
def test_ranges_say_both_ends(given: Any, value: float, said: str | None) -> None:
    assert given.wrong(value) == said


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (Count, [1, 2], [0, -1]),
        (Natural, [0, 1], [-1]),
        (Seed, [0, 2**63 - 1], [-1, 2**63]),
        (Positive, [1e-9], [0.0, -1.0]),
        (Share, [0.0, 1.0], [-0.1, 1.1]),
        (SomeShare, [0.1, 1.0], [0.0, 1.1]),
        (Chance, [0.1, 0.9], [0.0, 1.0]),
        (Momentum, [0.0, 0.9], [-0.1, 1.0]),
        (Even, [2, 4], [0, 1, 3, -2]),
        (Weights, [(0.0, 1.0)], [(0.0, 0.0), ()]),
        (Distinct, [(1,), (2, 1)], [(), (0, 1), {}, 3, "12"]),
        (
            CountByName,
            [{"paper": 1}, {"paper": 600, "author": 2}],
            [{}, {"paper": 0}, {"paper": True}, {"paper": 1.5}, {"": 1}, {1: 1}, {"a": 1, "b": -1}],
        ),
        (tuple[int, str], [(1, "a")], [(1,), (1, "a", 2), ("a", 1)]),
        (tuple[int, ...], [(), (1, 2)], [(1, "a"), 3]),
        (Literal[1, "a"], [1, "a"], ["1", 2]),
        (float, [0.5], ["0.5", math.nan, math.inf, True, 2**1024]),
        (int | None, [None, 3], ["3", 0.5]),
        (bool, [True, False], [2, 0.0, "True", None]),
    ],
)
def test_what_a_field_may_be(hint: Any, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert checked("it", value, hint) == value
    for value in bad:
        with pytest.raises(ValueError, match=r"^it="):
            checked("it", value, hint)


def test_of_several_types_the_range_that_is_missed_is_named() -> None:
    with pytest.raises(ValueError, match=r"^it=0 must be at least 1$"):
        checked("it", 0, Count | None)
    with pytest.raises(ValueError, match=r"^it='a' is not a whole number or None$"):
        checked("it", "a", Count | None)
    with pytest.raises(ValueError, match=r"^it=\(1, 0\) each must be at least 1$"):
        checked("it", (1, 0), tuple[Count, ...])
    with pytest.raises(ValueError, match=r"^it=\(1, 2, 3\) has 3 values and not 2$"):
        checked("it", (1, 2, 3), tuple[int, int])
    with pytest.raises(ValueError, match=r"is not a sequence, each a whole number$"):
        checked("it", (1, "a"), tuple[int, ...])


def test_values_take_the_type_of_the_field() -> None:
    assert type(checked("it", 1, float)) is float
    assert checked("it", -(2**1023), float) == -(2.0**1023)
    assert checked("it", [1, np.int8(2)], tuple[int, ...]) == (1, 2)
    assert checked("it", torch.tensor([1, 2]), tuple[int, ...]) == (1, 2)
    assert checked("it", Path("a"), str) == "a"
    assert checked("it", Path("a"), str | Path) == Path("a")
    assert checked("it", "a", str | Path) == "a"
    for given in (1, np.int8(1), torch.tensor(True), True):
        assert checked("it", given, bool) is True
    for several in ([6, 2, 6, 2], np.array([6, 2, 2]), torch.tensor([6, 6, 2])):
        assert checked("it", several, Distinct) == (6, 2)
    assert checked("it", {10, 1, 9}, Distinct) == (1, 9, 10)
    odd: list[Any] = [{1j, 2j}, [np.ones(2), np.ones(2)], [1, True], {"a", 1}]
    for several in odd:
        with pytest.raises(ValueError, match="it="):
            checked("it", several, Distinct)
    assert plain(np.array(3)) == 3
    kept = np.array([3])
    assert plain(kept) is kept
    with pytest.raises(ValueError, match=r"is not a sequence"):
        checked("it", np.ones((2, 2)), tuple[float, ...])


def test_types_in_words() -> None:
    assert spelled(Count) == "a whole number"
    assert spelled(Annotated[float, Range(0)] | None) == "a finite number or None"
    assert spelled(tuple) == "tuple"
    assert spelled(tuple[float, ...]) == "a sequence, each a finite number"
    assert spelled(torch.device) == "device"


def test_long_values_are_cut() -> None:
    assert len(brief("a" * 1000)) <= 62
    assert len(brief(10**1000)) <= 62
    assert len(brief(dict.fromkeys(range(9), "b" * 50))) <= 120
    assert brief(dict.fromkeys(range(9), "b" * 50)).endswith("...")
    assert brief("a\n b") == "'a\\n b'"
    edge = {1: "b" * 53, 2: "c" * 53}
    assert len(brief(edge)) == 120
    assert brief(edge) == repr(edge)
    longer = {1: "b" * 53, 2: "c" * 54}
    assert brief(longer) == repr(longer)[:117] + "..."  # 121 characters
    text = ["a" * 50, "b" * 50]  # 108 characters
    assert brief(text) == repr(text)


def test_names_are_listed_once_each() -> None:
    one, other = object(), object()
    assert listed([one, other, "a "], "models") == [one, other, "a"]
    with pytest.raises(ValueError, match="twice"):
        listed([one, other, one], "models")
    assert nearest("gni", ["SGC", "GIN"]) == "; did you mean GIN?"
    assert nearest(None, []) == ""
