"""Data parallelism over learners: every process its own learners, all the same synthetic set.

``DistributedDataParallel`` does not support double backward, so the gradients of the synthetic set
are averaged directly. Without ``torchrun`` every function here does nothing.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Generator, Tensor, nn

_STORE: list[Any] = []
_GROUPS = itertools.count()


def world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def asked() -> bool:
    """Whether ``torchrun`` started several processes; known before their group is made."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def rank() -> int:
    """This process's number, also before its group is made: checkpoints are read before that."""
    return dist.get_rank() if world_size() > 1 else int(os.environ.get("RANK", "0"))


def is_main() -> bool:
    """Whether this process is the one that writes and prints."""
    return rank() == 0


def start(module: nn.Module, rng: Generator) -> bool:
    """Join the process group that ``torchrun`` describes, if any, and agree on ``module``; whether
    a group was made, for :func:`finish`. Each rank's generator gets a stream of its own."""
    made = False
    if "WORLD_SIZE" in os.environ and int(os.environ["WORLD_SIZE"]) > 1:
        if not dist.is_initialized():
            _join("nccl" if any(p.is_cuda for p in module.parameters()) else "gloo")
            made = True
        for tensor in [*module.parameters(), *module.buffers()]:
            dist.broadcast(tensor.data, src=0)
        if rank() > 0:
            rng.manual_seed(rng.initial_seed() + 1_000_003 * rank())
    return made


def _join(backend: str) -> None:
    """Make a process group under a name of its own: the store outlives a group, and a second one of
    the same name would read the addresses of the first."""
    if not _STORE:
        store, _, _ = next(iter(dist.rendezvous("env://")))  # type: ignore[attr-defined]
        _STORE.append(store)
    name = f"graphcondense/{next(_GROUPS)}"
    prefixed = dist.PrefixStore(name, _STORE[0])  # type: ignore[attr-defined]
    mine, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    dist.init_process_group(backend, store=prefixed, rank=mine, world_size=count)


def finish(made: bool) -> None:
    """Leave the group that :func:`start` made."""
    if made:
        dist.destroy_process_group()


def mean_(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """Average every tensor over the processes, in place."""
    if world_size() > 1:
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= world_size()
        for tensor, part in zip(
            tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True
        ):
            tensor.copy_(part.view_as(tensor))
    return tensors


def agree(stop: str | None) -> str | None:
    """If any process wants to stop, all do."""
    if world_size() == 1:
        return stop
    wishes: list[str | None] = [None] * world_size()
    dist.all_gather_object(wishes, stop)
    return next((wish for wish in wishes if wish is not None), None)
