"""Whether one thing is surely better than another, judged on the same examples."""

from __future__ import annotations

from torch import Tensor


def surely_better(after: Tensor, before: Tensor, errors: float = 1.0, least: float = 0.0) -> bool:
    """Whether the mean of ``after - before [m]`` is above so many of its own standard errors, and
    above ``least``: what is there stays unless it is clearly beaten (Breiman et al., 1984, the rule
    of one standard error).

    >>> import torch
    >>> surely_better(torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.zeros(4))
    True
    >>> surely_better(torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0, 0.0]))
    False
    """
    gain = after - before
    error: float = float(gain.std(correction=0)) / len(gain) ** 0.5
    return float(gain.mean()) > max(errors * error, least)
