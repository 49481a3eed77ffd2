"""How fast this machine is: what a unit of each kind of work takes, measured in a second."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from graphcondense.measured.costs import HIDDEN, Unit

AT_LEAST = 0.15
"""Seconds that each unit is measured for."""
ROWS, LINKS, LARGE = 4096, 1 << 14, 1 << 20


@functools.cache
def probed() -> Mapping[Unit, float]:
    """Processor seconds of a unit of each kind of work, see
    :data:`graphcondense.measured.costs.UNITS`; measured once in a process, on as many threads as
    torch has."""
    rng = torch.Generator().manual_seed(0)
    rows = torch.rand(ROWS, HIDDEN, generator=rng)
    weight = torch.rand(HIDDEN, HIDDEN, generator=rng)
    source, target = torch.randint(ROWS, (2, LINKS), generator=rng)
    long = torch.rand(LARGE, generator=rng)

    def message() -> Tensor:
        return torch.zeros_like(rows).index_add_(0, target, rows[source])

    found: dict[Unit, float] = {
        "step": _seconds(_step(rng)),
        "dense": _seconds(lambda: rows @ weight) / (ROWS * HIDDEN**2),
        "message": _seconds(message) / (LINKS * HIDDEN),
        "stream": _seconds(lambda: (long * long).relu()) / LARGE,
    }
    return found


def _step(rng: torch.Generator) -> Callable[[], object]:
    """An epoch of a two-layer network on a few nodes: nothing but calls."""
    x, y = torch.rand(8, 4, generator=rng), torch.arange(8) % 2
    ends = torch.arange(8), torch.arange(8).flip(0)
    weights = [torch.rand(s, generator=rng).requires_grad_() for s in ((4, 8), (8, 2))]
    optimiser = torch.optim.Adam(weights, lr=0.01)

    def run() -> None:
        h = x
        for w in weights:
            h = h @ w
            h = torch.zeros_like(h).index_add_(0, ends[1], h[ends[0]]).relu()
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(h, y).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return run


def _seconds(run: Callable[[], object]) -> float:
    """Of one run, the median over several that take :data:`AT_LEAST` together."""
    run()
    found: list[float] = []
    began = time.process_time()
    while time.process_time() - began < AT_LEAST or len(found) < 5:
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return sorted(found)[len(found) // 2]
