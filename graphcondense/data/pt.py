"""PyTorch files as data, never as code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from graphcondense.data.ogb import allow, graph_classes


def read_pt(path: Path, may_hold: str) -> Any:
    """What ``torch.save`` wrote: tensors, plain values and PyG's ``Data``, and nothing else.

    Raises:
        ValueError: no such file, a broken one, or a pickle that holds anything else.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    try:
        with allow(graph_classes()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(
            f"{path} was refused: it may hold {may_hold} and nothing else ({reason})"
        ) from error
