"""Trainings of an evaluator: which seeds they have, where they run, and how long they take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch

Seeds: TypeAlias = int | Sequence[int]
"""How many trainings (seeds ``0, 1, ...``), or the seeds themselves."""

Device: TypeAlias = torch.device | str | None


def seeds_of(seeds: Seeds, what: str = "seeds") -> tuple[int, ...]:
    """Seeds as they were named, or ``0, 1, ...`` for a number of them; arrays may be either.

    Raises:
        ValueError: there is none, one that is no integer of 63 bits, or one twice: the same
            training again would count as another.
    """
    given = np.asarray(seeds)
    if given.size and given.dtype.kind not in "iu":
        raise ValueError(f"{what}={seeds!r:.80}: give how many, or the seeds as integers")
    out = tuple(range(int(given))) if given.ndim == 0 else tuple(map(int, given.reshape(-1)))
    if not out:
        raise ValueError(f"{what} is empty: give at least one, got {seeds!r}")
    if max(out) >= 2**63:
        raise ValueError(f"{what} has {max(out)}: a seed is below 2**63")
    if len(set(out)) < len(out):
        twice = next(seed for place, seed in enumerate(out) if seed in out[:place])
        raise ValueError(
            f"{what} has {twice} more than once: the same training is no other one; give each "
            f"seed once, or how many: {len(out)}"
        )
    return out


def now(device: torch.device) -> float:
    """Wall seconds, once a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class Stopwatch:
    """Wall and processor seconds since it was made; on a GPU both are the wall's."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = device or torch.device("cpu")
        self._wall, self._processor = now(self.device), time.process_time()

    def read(self) -> tuple[float, float]:
        """``(wall, processor)``."""
        wall, processor = now(self.device) - self._wall, time.process_time() - self._processor
        return wall, wall if self.device.type == "cuda" else processor
