"""Where tensors are, checked once for everything that has a ``device=``."""

from __future__ import annotations

import torch


def usable(device: torch.device | str | None, otherwise: str = "cpu") -> torch.device:
    """The device that is asked for.

    Args:
        device: such as ``"cpu"``, ``"cuda:1"`` or a ``torch.device``.
        otherwise: what ``None`` stands for.

    Raises:
        ValueError: a name that torch does not know, or a device that this machine does not have.

    >>> usable(None).type, usable(torch.device("cpu")).type
    ('cpu', 'cpu')
    >>> usable("gpu")
    Traceback (most recent call last):
    ValueError: device='gpu' is not known to torch; use 'cpu', 'cuda', 'cuda:1' or 'mps'
    """
    wanted = otherwise if device is None else str(device)
    try:
        found = torch.device(wanted)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"device={wanted[:40]!r} is not known to torch; use 'cpu', 'cuda', 'cuda:1' or 'mps'"
        ) from error
    try:
        torch.ones(1, device=found).item()  # on "meta" there are no values
    except (RuntimeError, AssertionError, ImportError) as error:
        there = ["'cpu'", *(f"'cuda:{i}'" for i in range(torch.cuda.device_count()))]
        there += ["'mps'"] * torch.backends.mps.is_available()
        raise ValueError(
            f"device={wanted!r} cannot be used here; use {' or '.join(there)}"
        ) from error
    return found
