"""Whether one thing is surely better than another, judged on the same examples."""

from __future__ import annotations

from torch import Tensor

CHOOSING = 5
"""Validation examples at least that choose anything: among a method's own settings, what a run had
on the way, or candidates. Of four, even where all say the same, the mean of differences is not
above two standard errors (:func:`surely_better`)."""


def surely_better(after: Tensor, before: Tensor, errors: float = 1.0, least: float = 0.0) -> bool:
    """Whether the mean of ``after - before [m]`` is above so many standard errors, and above
    ``least``: what is there stays unless it is clearly beaten (Breiman et al., 1984, the rule of
    one standard error).

    The error is that of no difference, ``|after - before| / m``, as McNemar (1947) has it: of
    examples that only one of the two is right on, ``errors²`` that speak for one are not enough.

    >>> import torch
    >>> surely_better(torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.zeros(4))
    True
    >>> surely_better(torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0, 0.0]))
    False
    >>> surely_better(torch.ones(1), torch.zeros(1))  # one example is no evidence
    False
    """
    gain = (after - before).double()
    if not len(gain):
        return False
    error = float(gain.norm()) / len(gain)
    return float(gain.mean()) > max(errors * error, least)
