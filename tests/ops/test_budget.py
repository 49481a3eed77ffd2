"""How large a condensed set may be: sizes by hand, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphcondense.ops.budget import Budget, by_roots

SIZES = ("example_bytes", "pair_bytes", "edge_bytes")


class Told(Budget):
    """Says which numbers a hint is given."""

    def instead(self, missing: int, total: int) -> str:
        return f"; missing {missing} of {total}"


def shares(counts: list[int], total: int = 1000, **named: Any) -> list[int]:
    sizes = {key: named.pop(key) for key in SIZES if key in named}
    return Told(**named).allocate(torch.tensor(counts), total, **sizes).tolist()


@pytest.mark.parametrize(
    ("size", "n"),
    # 5 examples of 10 bytes and their 10 pairs take 60, 6 and their 15 pairs 75.
    [(59, 4), (60, 5), (74, 5), (75, 6), (20, 1), (10**9, 20)],
)
def test_bytes_hold_examples_and_their_pairs(size: int, n: int) -> None:
    assert shares([20], bytes=size, example_bytes=10, pair_bytes=1) == [n]


def test_bytes_hold_examples_and_what_is_said_of_their_edges() -> None:
    def edges(n: int) -> int:
        return min(n * n, 30)

    sizes = [11, 24, 39, 74, 75, 89, 90]
    found = [shares([20], bytes=b, example_bytes=10, edge_bytes=edges) for b in sizes]
    assert found == [[1], [2], [3], [4], [5], [5], [6]]  # 5 take 50 and 25, 6 take 60 and 30
    with pytest.raises(ValueError, match=r"smallest budget is 2 examples, .* take 24 bytes"):
        shares([9, 9], bytes=23, example_bytes=10, edge_bytes=edges)
    with pytest.raises(ValueError, match=r"smallest budget is 2 examples, .* take 21 bytes"):
        shares([9, 9], bytes=20, example_bytes=10, pair_bytes=1)
    assert shares([9], total=5, bytes=10**9, example_bytes=10) == [5]


def test_bytes_without_pairs() -> None:
    assert shares([9, 9], bytes=69, example_bytes=10) == [3, 3]
    assert shares([9], bytes=3, example_bytes=1) == [3]
    with pytest.raises(ValueError, match="bytes= needs real data that know the size"):
        shares([9, 9], bytes=69)
    with pytest.raises(ValueError, match="bytes=9 gives 0 examples, below one for each of 2"):
        shares([9, 9], bytes=9, example_bytes=10)


@pytest.mark.parametrize("rule", ["remainder", "floor"])
def test_the_largest_class_gives_back_what_one_each_overdraws(rule: str) -> None:
    assert shares([1, 1, 1, 10], nodes=4, rule=rule) == [1, 1, 1, 1]
    assert shares([1, 1, 1, 10], nodes=5, rule=rule) == [1, 1, 1, 2]
    assert shares([5, 1, 1, 10, 1], nodes=6, rule=rule) == [1, 1, 1, 2, 1]


def test_a_full_class_passes_the_rest_on() -> None:
    # Floors are 1, 1 and 2; the largest class has room for one, then the next larger one.
    assert shares([2, 2, 3], nodes=6) == [1, 2, 3]
    assert shares([2, 2, 3], nodes=7) == [2, 2, 3]
    assert shares([2, 2, 3], nodes=6, rule="floor") == [1, 1, 2]


def test_roots_of_sizes_by_hand() -> None:
    """Roots 1, 2 and 4: after one each, quotients of 3, 5, 7, ... and a root say who is next."""
    found = [shares([1, 4, 16], nodes=n, rule="root") for n in range(3, 9)]
    assert found == [[1, 1, 1], [1, 1, 2], [1, 1, 3], [1, 2, 3], [1, 2, 4], [1, 2, 5]]
    assert shares([2, 2, 96], nodes=100, rule="root") == [2, 2, 96]  # two are full at once
    assert shares([0, 9, 9], nodes=5, rule="root") == [0, 3, 2]
    # What floors leave is for the largest class alone by the published rule.
    states = [400] + [40] * 43
    assert max(shares(states, 3000, nodes=132)) == 46
    assert max(shares(states, 3000, nodes=132, rule="root")) == 8


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_roots_let_no_class_fall_in_a_larger_budget(counts: list[int]) -> None:
    before = torch.ones(len(counts), dtype=torch.long)
    for n in range(len(counts), sum(counts) + 1):
        now = by_roots(torch.tensor(counts), n)
        assert int(now.sum()) == n
        assert bool((now >= before).all())
        before = now


def test_a_share_is_rounded_as_it_is_meant() -> None:
    """0.29 of 100 is 28.999999999999996 in floating point."""
    assert sum(shares([50, 50], ratio=0.29)) == 29
    assert sum(shares([50, 50], 300, ratio=0.29, of="all")) == 87
    assert shares([50, 50], size=30) == shares([50, 50], nodes=30)


def test_exactly_one_budget() -> None:
    with pytest.raises(ValueError, match=r"give exactly one of nodes=, size=.*; got none"):
        shares([5])
    with pytest.raises(TypeError, match="positional"):
        Budget(7)  # type: ignore[misc]
    with pytest.raises(ValueError, match="got nodes=3, per_class=2"):
        shares([5], nodes=3, per_class=2)


def test_as_many_as_there_are_and_one_more() -> None:
    assert shares([3, 3], nodes=6) == [3, 3]
    assert shares([3, 3], per_class=3) == [3, 3]
    assert shares([3, 3], nodes=2) == [1, 1]
    with pytest.raises(ValueError, match=r"ratio=0.1 gives 0 examples: the smallest budget is 1"):
        shares([3], ratio=0.1)
    with pytest.raises(ValueError, match="nodes=1 gives 1 examples, below one for each of 2"):
        shares([3, 3], nodes=1)
    with pytest.raises(ValueError, match="class 0 would get 4 examples but has only 3 training"):
        shares([3, 4], per_class=4)
    words = r"below one for each of 5 bins of the target: the smallest budget is 5 examples"
    with pytest.raises(ValueError, match=words):
        Budget(nodes=3).allocate(torch.full((5,), 9), 45, label_kind="regression")
    with pytest.raises(ValueError, match=r"one group, so per_class=4 counts all .* there are 3"):
        shares([3], per_class=4)


@pytest.mark.parametrize(
    ("counts", "total", "named", "missing"),
    [
        ([3, 3], 9, {"nodes": 9}, 2),  # three more in all
        ([3, 3], 9, {"nodes": 8}, 1),
        ([1, 9], 99, {"nodes": 12, "rule": "equal"}, 5),  # six each
        ([8, 9], 99, {"nodes": 23, "rule": "equal"}, 3),
        ([3, 3], 9, {"nodes": 10}, 10),  # more than there is: one more than all
        ([3, 4], 99, {"per_class": 5}, 2),  # the class that lacks most
        ([1, 9], 99, {"nodes": 6, "rule": "equal"}, 2),
    ],
)
def test_a_hint_is_given_what_is_missing(
    counts: list[int], total: int, named: dict[str, Any], missing: int
) -> None:
    with pytest.raises(ValueError, match=f"lower the budget.*; missing {missing} of {total}$"):
        shares(counts, total, **named)


def test_another_rule_helps_only_where_a_rule_chose() -> None:
    with pytest.raises(ValueError, match="lower the budget or choose another rule"):
        shares([1, 9], nodes=6, rule="equal")
    with pytest.raises(ValueError, match="lower the budget; missing"):
        shares([1, 9], per_class=3)


def test_a_budget_a_class_is_named_as_it_was_given() -> None:
    with pytest.raises(ValueError, match="class 0 would get 100 examples but has only 13"):
        Budget(per_class=100).allocate(torch.tensor([13, 12]), 25)
