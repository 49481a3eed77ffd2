"""What bits depend on besides the seed: threads, the device, torch; and a fixed order of sums.

A sum that several threads share is added up in another order than by one, and rounds differently.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

import threadpoolctl
import torch

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
WORKSPACES = (":4096:8", ":16:8")
"""With which cuBLAS adds up in a fixed order."""

MadeOn: TypeAlias = Mapping[str, "int | str"]
"""By name: ``threads`` of torch, ``blas_threads`` of NumPy and SciPy, ``device``, and the version
of ``torch``."""


def made_on(device: torch.device) -> dict[str, int | str]:
    """What the bits of a run depend on here, besides its seed and its settings."""
    blas = [pool["num_threads"] for pool in _libraries(len(sys.modules)).info() if _is_blas(pool)]
    return {
        "threads": torch.get_num_threads(),
        "blas_threads": max(blas, default=1),
        "device": str(device),
        "torch": str(torch.__version__),
    }


@lru_cache(maxsize=1)
def _libraries(modules: int) -> threadpoolctl.ThreadpoolController:
    """The libraries that have threads of their own. To find them takes 10 ms, so they are looked
    for again only where more has been imported since; their threads are asked for each time."""
    del modules
    return threadpoolctl.ThreadpoolController()


def _is_blas(pool: Mapping[str, object]) -> bool:
    return pool["user_api"] == "blas"


def other_bits(there: MadeOn, here: MadeOn) -> list[str]:
    """Where two places differ, in words, such as ``threads was 2 and is 1``; what one of them does
    not say is no difference.

    >>> other_bits({"threads": 2, "torch": "2.9"}, {"threads": 1, "torch": "2.9"})
    ['threads was 2 and is 1']
    """
    both = [key for key in there if key in here and there[key] != here[key]]
    return [f"{key} was {there[key]} and is {here[key]}" for key in both]


def way_back(there: MadeOn, here: MadeOn) -> str:
    """How to get the bits of ``there``."""
    ways = []
    if {"threads", "blas_threads"} & {
        key for key in there if key in here and there[key] != here[key]
    }:
        count = there.get("threads", there.get("blas_threads"))
        ways.append(
            f"start Python with the environment variable OMP_NUM_THREADS={count} (or "
            f"torch.set_num_threads({count}))"
        )
    if there.get("device") not in (None, here.get("device")):
        ways.append(f"use device={there['device']!r}")
    if there.get("torch") not in (None, here.get("torch")):
        ways.append(f"install torch {there['torch']}")
    return " and ".join(ways)


@contextlib.contextmanager
def fixed_order(wanted: bool, device: torch.device) -> Iterator[None]:
    """Within it arithmetic has one order, whatever the number of threads outside: torch, NumPy and
    SciPy use one thread, and on a GPU torch's deterministic algorithms. Does nothing unless
    ``wanted``. Settings of the process are put back.

    Raises:
        ValueError: on a GPU, without the setting of cuBLAS that its order needs.
    """
    if not wanted:
        yield
        return
    if device.type == "cuda" and os.environ.get(WORKSPACE) not in WORKSPACES:
        raise ValueError(
            f"deterministic=True on {device} needs the environment variable {WORKSPACE}="
            f"{WORKSPACES[0]} before Python starts, or else cuBLAS adds up in any order"
        )
    threads = torch.get_num_threads()
    strict, warns = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    with threadpoolctl.threadpool_limits(1):
        torch.set_num_threads(1)
        if device.type == "cuda":
            torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict, warn_only=warns)
            torch.set_num_threads(threads)
