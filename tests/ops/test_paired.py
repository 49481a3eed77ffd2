"""Whether one thing is surely better than another."""

from __future__ import annotations

import pytest
import torch

from graphcondense.ops.paired import surely_better


@pytest.mark.parametrize("errors", [1.0, 2.0])
@pytest.mark.parametrize("examples", [20, 2000])
def test_few_examples_that_all_speak_for_one_are_no_evidence(errors: float, examples: int) -> None:
    """As many as the square of the errors asked for may be chance, however many others agree."""
    for differ in range(10):
        after = (torch.arange(examples) < differ).float()
        assert surely_better(after, torch.zeros(examples), errors) == (differ > errors**2)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_to_three_examples_prove_nothing_at_two_errors(count: int) -> None:
    assert not surely_better(torch.ones(count), torch.zeros(count), errors=2)


def test_the_statistic_is_that_of_mcnemar() -> None:
    from statsmodels.stats.contingency_tables import mcnemar

    for more, fewer in ((12, 5), (14, 5), (30, 20), (35, 20)):
        gain = torch.cat([torch.ones(more), -torch.ones(fewer), torch.zeros(100)])
        statistic = mcnemar([[0, more], [fewer, 0]], exact=False, correction=False).statistic
        assert surely_better(gain, 0 * gain, errors=2) == (statistic > 4)


def test_at_least_so_much() -> None:
    gain = torch.ones(100)
    assert surely_better(gain, 0.5 * gain, least=0.49)
    assert not surely_better(gain, 0.5 * gain, least=0.5)
    assert not surely_better(0 * gain, 0 * gain)
