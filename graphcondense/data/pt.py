"""PyTorch files as data, never as code."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphcondense.data.ogb import allow, array_classes, graph_classes
from graphcondense.ops.files import check_archive
from graphcondense.ops.json import DEPTH, MEMBERS
from graphcondense.saved.compact import FACTOR, FREE

_OFFENDER = (
    r"(?:Unsupported global:|load unsupported) GLOBAL ([\w.]+)",
    r"Trying to instantiate unsupported class ([\w.]+)",
    r"but got <class '([\w.]+)'>",
)
"""How torch names what it does not load."""


def read_pt(path: Path, may_hold: str) -> Any:
    """What ``torch.save`` wrote: tensors, NumPy arrays, plain values and PyG's ``Data``, no more.

    The tuple that PyG's ``InMemoryDataset.save`` writes (``processed/data.pt`` of a data set)
    becomes its graph, or the list of its graphs. Anything else is refused by name, a ValueError.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    check_archive(path)
    try:
        # Indices out of range would crash what reads them.
        checking: Any = torch.sparse.check_sparse_tensor_invariants  # has no types
        with checking(), allow(graph_classes() + array_classes()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError) as error:
        raise ValueError(f"{path} was refused: {_reason(error, may_hold)}") from error
    except Exception as error:  # a made-up pickle fails in whatever way it likes
        raise ValueError(f"{path} was refused: it is no file of torch.save") from error
    _check_backed(content, path)
    return _collated(content, path)


def _check_backed(content: object, path: Path) -> None:
    """Refuse tensors that are far larger than the file: a view may repeat one number for ever."""
    most = max(FREE, FACTOR * path.stat().st_size)
    layer, seen = [content], 0
    for _ in range(DEPTH):
        below: list[Any] = []
        for one in layer:
            if isinstance(one, Tensor) and one.layout == torch.strided:
                if one.numel() * one.element_size() > most:
                    raise ValueError(
                        f"{path} was refused: a tensor of shape {tuple(one.shape)} is over "
                        f"{FACTOR} times what the file holds; save its contiguous()"
                    )
            elif isinstance(one, Tensor):
                if 8 * max(one.shape, default=0) > most:
                    raise ValueError(
                        f"{path} was refused: a sparse tensor of shape {tuple(one.shape)} is over "
                        f"{FACTOR} times what the file holds; number its rows from 0"
                    )
            elif isinstance(one, list | tuple):
                below += one
            elif isinstance(one, Mapping):
                below += one.values()
            elif hasattr(one, "to_dict") and not isinstance(one, type):
                below += one.to_dict().values()
        seen += len(below)
        layer = below
        if not layer:
            return
        if seen > MEMBERS:
            break
    raise ValueError(f"{path} was refused: it is nested too deep, or has too many parts")


def offender(message: str) -> str | None:
    """What torch's words say that it does not load, such as ``posix.system``."""
    found = next((hit for text in _OFFENDER if (hit := re.search(text, message))), None)
    return None if found is None else found[1]


def _reason(error: Exception, may_hold: str) -> str:
    name = offender(str(error))
    if name is None:
        return "it is broken, or no file of torch.save"
    base = f"it may hold {may_hold} and nothing else, and it holds {name[:80]}"
    if "scipy.sparse" in name:
        return f"{base}; save edges as edge_index, features as a tensor, or use a .npz file"
    if "dtype" in name.lower() or name.startswith("numpy"):
        return f"{base}: an array of Python objects; save numbers"
    # Transforms leave PyG's memory of which attributes are of nodes (AttrType) in a graph; to_dict
    # is without it.
    return (
        f"{base}; write plain graphs, torch.save(torch_geometric.data.Data(**data.to_dict()), "
        "file), without other attributes"
    )


def _collated(content: object, path: Path) -> Any:
    """Graphs that PyG put into one, taken apart again; anything else as it is."""
    from torch_geometric.data import Data, HeteroData
    from torch_geometric.data.separate import separate

    if not (isinstance(content, tuple) and len(content) in (2, 3)):
        return content
    data, slices, *cls = content
    if isinstance(data, dict) and cls == [Data]:
        data = Data.from_dict(data)
    if isinstance(data, dict) and cls == [HeteroData] and slices is None:
        return HeteroData.from_dict(data)
    if not isinstance(data, Data) or not (slices is None or isinstance(slices, dict)):
        return content
    if slices is None:
        return data
    try:
        number = len(next(iter(slices.values()))) - 1
        if "_num_nodes" in data:
            data.num_nodes = None
        return [separate(Data, data, i, slices, decrement=False) for i in range(number)]
    except Exception as error:  # made-up slices fail in whatever way they like
        raise ValueError(
            f"{path} was refused: its slices are not those of its graphs ({type(error).__name__})"
        ) from error
