"""Graphs whose nodes are labelled, some to train, some to validate and some to test on, such as
PyG's ``PPI``: one graph of parts that no edge joins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphcondense.data.labels import few

if TYPE_CHECKING:
    from torch_geometric.data import Data

SPELLED: Mapping[str, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("val", "valid"),
    "test": ("test",),
}
"""What a part may be called."""

READ = ("x", "edge_index", "edge_weight", "edge_attr", "y")
"""What is read of a graph."""


def is_parts(data: object) -> bool:
    """Whether these are graphs by ``"train"``, ``"val"`` and ``"test"``.

    >>> is_parts({"train": [], "test": []}), is_parts({"train": 1})
    (False, False)
    """
    if not isinstance(data, Mapping) or "train" not in data:
        return False
    graphs = _listed(data["train"])
    return bool(graphs) and hasattr(graphs[0], "edge_index")


def joined(data: Mapping[str, Any]) -> Data:
    """One graph of all parts, with the masks ``train_mask``, ``val_mask`` and ``test_mask [n]``.

    Args:
        data: by ``"train"``, ``"val"`` (or ``"valid"``) and ``"test"`` a PyG ``Data``, a list or a
            data set of such, with ``x [n, d]``, ``edge_index [2, m]``, perhaps ``edge_weight [m]``
            and labels of nodes ``y [n]`` or ``[n, T]``. The last two parts may be missing.

    Raises:
        ValueError: an unknown part; a graph without one of these, or whose rows are not one for
            each node; graphs of different widths, or of which only some have weights.
    """
    from torch_geometric.data import Data

    known = {name for names in SPELLED.values() for name in names}
    if unknown := [name for name in data if name not in known]:
        raise ValueError(f"the part {unknown[0]!r} is none of {', '.join(sorted(known))}")
    graphs, split = list[Any](), list[str]()
    for ours, names in SPELLED.items():
        for name in names:
            found = _listed(data.get(name))
            graphs += found
            split += [ours] * len(found)
            for i, graph in enumerate(found):
                _check(graph, f"{name}[{i}]")
    sizes = torch.tensor([len(graph.y) for graph in graphs])
    starts = (sizes.cumsum(0) - sizes).tolist()
    values: dict[str, Tensor] = {}
    for name in READ:
        given: list[Any] = [getattr(graph, name, None) for graph in graphs]
        if all(value is None for value in given):
            continue
        lacking = next((i for i, value in enumerate(given) if value is None), None)
        if lacking is not None:
            raise ValueError(f"graph {lacking} of {len(given)} has no {name}, others have")
        values[name] = _together(name, given, starts)
    masks = {
        f"{ours}_mask": torch.tensor([one == ours for one in split]).repeat_interleave(sizes)
        for ours in SPELLED
    }
    return Data(**values, **masks)


def _together(name: str, given: Sequence[Tensor], starts: Sequence[int]) -> Tensor:
    """Values of all graphs, one behind the other; nodes are counted on."""
    if name == "edge_index":
        moved = [ends + start for ends, start in zip(given, starts, strict=True)]
        return torch.cat(moved, 1)
    shapes = list(dict.fromkeys(tuple(value.shape[1:]) for value in given))
    if len(shapes) > 1:
        raise ValueError(f"{name} of the graphs have different widths: {few(shapes)}")
    return torch.cat([*given])


def _listed(part: Any) -> list[Any]:
    """The graphs of a part."""
    if part is None or isinstance(part, str | bytes):
        return []
    if hasattr(part, "edge_index") and not isinstance(part, Sequence | torch.utils.data.Dataset):
        return [part]
    sized = hasattr(part, "__len__") and hasattr(part, "__getitem__")
    plain = isinstance(part, Sequence | torch.utils.data.Dataset)
    return [part[i] for i in range(len(part))] if sized and plain else []


def _check(graph: Any, who: str) -> None:
    """Raise a ValueError for what is no graph whose nodes are labelled."""
    for name in ("x", "y", "edge_index"):
        value = getattr(graph, name, None)
        if not isinstance(value, Tensor):
            got = "nothing" if value is None else type(value).__name__
            raise ValueError(f"{who} must be a PyG Data with the tensor {name}, got {got}")
    n = len(graph.x)
    if not graph.y.dim() or len(graph.y) != n:
        raise ValueError(
            f"{who} has {n} nodes and labels y of shape {tuple(graph.y.shape)}: graphs by part are "
            "read as one graph whose nodes are labelled; graphs with a label each are a list"
        )
    ends = graph.edge_index
    if ends.dim() != 2 or ends.shape[0] != 2 or (ends.numel() and ends.is_floating_point()):
        raise ValueError(f"{who}: edge_index must be integer ids [2, edges]")
    if ends.numel() and not 0 <= int(ends.min()) <= int(ends.max()) < n:
        bad = int(ends.min()) if int(ends.min()) < 0 else int(ends.max())
        raise ValueError(f"{who}: edge_index names node {bad}, but it has nodes 0..{n - 1}")
