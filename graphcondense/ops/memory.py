"""Memory that is free, before it is asked for."""

from __future__ import annotations

import resource
from pathlib import Path

import psutil
import torch

CGROUP = Path("/sys/fs/cgroup")
"""Where a container says how much it may take."""


def free_bytes(device: torch.device) -> int:
    """Memory that this process can still take on ``device``.

    On CUDA what the device has left, and what PyTorch holds there without using it. Elsewhere what
    the machine can give without swapping, or what the container or the process's limit on its
    address space (``ulimit -v``) leaves, if that is less.
    """
    if device.type == "cuda":
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + idle
    left = [int(psutil.virtual_memory().available)]
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        left.append(limit - int(psutil.Process().memory_info().vms))
    if (held := _in_container()) is not None:
        left.append(held)
    return max(0, min(left))


def _in_container() -> int | None:
    """What a container's limit leaves (cgroups, version 2); files in its cache can go."""
    try:
        most = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        stat = (CGROUP / "memory.stat").read_text().split()
    except (OSError, ValueError):
        return None
    if most == "max":
        return None
    cached = int(dict(zip(stat[::2], stat[1::2], strict=False)).get("inactive_file", 0))
    return int(most) - used + cached
