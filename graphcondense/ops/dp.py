"""Noise for differential privacy, and the account of it.

All mechanisms here are Gaussian, and what several of them give away together is exact: those of
noise ``z_i`` times their sensitivity are as one with ``1 / z² = Σ_i 1 / z_i²`` (Dong, Roth & Su,
JRSS-B 2022), however each depends on what the ones before it said. From ``(epsilon, delta)`` to
``z`` and back goes the package ``dp-accounting``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from graphcondense.ops.extras import need

ACCOUNTANT = "dp_accounting"


def noise_multiplier(epsilon: float, delta: float) -> float:
    """The standard deviation, in units of the sensitivity, of the least Gaussian noise that is
    ``(epsilon, delta)``-private (Balle & Wang, ICML 2018).

    Raises:
        MissingExtraError: ``dp-accounting`` is not installed.
    """
    return float(need(ACCOUNTANT, "private", "epsilon=").get_sigma_gaussian(epsilon, delta))


def epsilon_of(multipliers: Sequence[float], delta: float) -> float:
    """The epsilon of Gaussian mechanisms of such multipliers together; 0 of none."""
    if not multipliers:
        return 0.0
    together = math.fsum(z**-2 for z in multipliers) ** -0.5
    account = need(ACCOUNTANT, "private", "epsilon=")
    return float(account.get_epsilon_gaussian(together, delta))


class Noise:
    """Gaussian noise in shares of one budget.

    Args:
        epsilon, delta: the budget of all shares together.
        rng: what the noise is drawn from. It is not of a cryptographic kind, and sums are of
            floating-point numbers: this is noise against people who read what was made, not
            against one who can make the program run on data of their choice and read last bits.

    Attributes:
        multipliers: of the mechanisms so far, see :func:`epsilon_of`.
    """

    def __init__(self, epsilon: float, delta: float, rng: Generator) -> None:
        self.epsilon, self.delta, self.rng = epsilon, delta, rng
        self.multipliers: list[float] = []
        self._whole, self._left = noise_multiplier(epsilon, delta), 1.0

    @property
    def spent(self) -> float:
        """The epsilon of the mechanisms so far."""
        return epsilon_of(self.multipliers, self.delta)

    def scale(self, share: float, sensitivity: float) -> float:
        """The standard deviation of noise that takes ``share`` of the budget, taken off it.

        Raises:
            ValueError: there is not so much left.
        """
        if share > self._left + 1e-9:
            raise ValueError(f"{share:g} of the privacy budget asked, {self._left:g} is left")
        self._left -= share
        self.multipliers.append(self._whole / math.sqrt(share))
        return self.multipliers[-1] * sensitivity

    def added(self, exact: Tensor, scale: float) -> Tensor:
        """``exact`` with noise of a :meth:`scale`, float64."""
        drawn = torch.randn(exact.shape, generator=self.rng, dtype=torch.float64)
        return exact.double().cpu() + scale * drawn
