"""What is done to a graph that is opened by name: it gets its split, and normalised features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.by_part import refuse_idle_seed
from graphcondense.data.node_splits import mask_name
from graphcondense.data.reading import ROWS, labels, mask, targets
from graphcondense.data.targets import LabelKind, check_named, known_rows
from graphcondense.ops.adjacency import csr_tensor, scipy_csr
from graphcondense.ops.device import usable

if TYPE_CHECKING:
    from torch_geometric.data import Data


NORMALIZE = ("auto", "row", "standard", "none")
SPLITS = ("public", "full", "seeded", "random")
MOST_CLASSES = 1000
"""Beyond so many, labels that are hardly ever equal are taken for no classes."""


def prepared(
    data: Data,
    name: str,
    auto: str,
    split: str | None = None,
    seed: int = 0,
    normalize: str = "auto",
    device: torch.device | str | None = None,
    label_kind: LabelKind | None = None,
) -> Data:
    """``data`` under a name, with masks of a split and normalised features; see
    :func:`graphcondense.data.load`.

    Args:
        data: a graph that was opened just now; it is changed.
        name: what errors call it, and its attribute ``name``.
        auto: what ``normalize="auto"`` means for it.
        split: one of :data:`SPLITS`; by default the first that the graph has.
        seed: draws the split, or is the number of a published one.
        normalize: one of :data:`NORMALIZE`.
        device: where its tensors go.
        label_kind: what its labels are, where they may be one or the other.

    Raises:
        ValueError: a split or normalisation that there is not, or that the graph does not allow.
    """
    if normalize not in NORMALIZE:
        raise ValueError(f"normalize={normalize!r}: choose one of {', '.join(NORMALIZE)}")
    data.name = name
    if label_kind is not None:
        data.label_kind = label_kind
    _set_split(data, split, seed)
    data = _normalized(data, auto if normalize == "auto" else normalize)
    return data if device is None else data.to(usable(device))


def _set_split(data: Data, split: str | None, seed: int) -> None:
    published = data.get("train_mask") is not None
    allowed = SPLITS if published else SPLITS[2:]
    split = split or allowed[0]
    if split not in allowed:
        why = "" if published else " (it has no published split)"
        raise ValueError(f"split={split!r}: {data.name} has {', '.join(allowed)}{why}")
    n = int(data.num_nodes)
    if split in ("public", "full"):
        columns = [_published(data, name, n) for name in ("train", "val", "test")]
        if all(mask.shape[1] == 1 for mask in columns):
            why = f"{data.name} has one published; split='seeded' draws others"
            refuse_idle_seed(seed, why)
        masks = [_numbered(data.name, mask, seed) for mask in columns]
        if split == "full":
            masks[0] = ~(masks[1] | masks[2])
    if split in ("seeded", "random"):
        draw, rng = _seeded if split == "seeded" else _random, torch.Generator().manual_seed(seed)
        known = _targets(data, split)
        parts = draw(_classes(data), rng) if known is None else _shares(known, rng)
        masks = [torch.zeros(n, dtype=torch.bool).index_fill_(0, part, True) for part in parts]
    data.train_mask, data.val_mask, data.test_mask = masks


def _published(data: Data, name: str, n: int) -> Tensor:
    """A published mask as bool ``[n, k]``, a column for each of ``k`` splits; one that is empty if
    there is none."""
    called = mask_name(data.get, name)
    if data.get(called) is None:
        return torch.zeros(n, 1, dtype=torch.bool)
    return mask(data[called], called, n, f"{data.name}: ")


def _numbered(name: str, columns: Tensor, seed: int) -> Tensor:
    """Column ``seed`` of a mask ``[n, k]``, or its only one."""
    number = columns.shape[1]
    if number > 1 and not 0 <= seed < number:
        raise ValueError(
            f"seed={seed}: {name} has {number} published splits, 0..{number - 1}; "
            "split='seeded' draws others"
        )
    return columns[:, seed if number > 1 else 0]


def _classes(data: Data) -> list[Tensor]:
    """The nodes of each class; nodes without a label (-1) are in none."""
    y = labels(data.y, int(data.num_nodes), f"{data.name}: ")
    values, counts = torch.unique(y, return_counts=True)
    if len(values) > MOST_CLASSES and 2 * len(values) > len(y):
        raise ValueError(
            f"{data.name}: y has {len(values):,} different values for {len(y):,} nodes; these are "
            "no classes"
        )
    nodes = torch.split(y.argsort(stable=True), counts.tolist())
    return [own for c, own in zip(values.tolist(), nodes, strict=True) if c >= 0]


def _targets(data: Data, split: str) -> Tensor | None:
    """The nodes that have a label, of labels that are no classes; ``None`` for classes."""
    given = (data.get("label_kind"), data.get("metric"))
    check_named(given[1], given[0])
    y, kind = targets(data.y, int(data.num_nodes), f"{data.name}: ", *given)
    if kind == "classes":
        return None
    if split == "random":
        raise ValueError(
            f"split='random' draws 20 nodes a class, and the labels of {data.name} are {kind}: "
            "take split='seeded', 10 % for training, 10 % for validation and the rest for test"
        )
    return known_rows(y, kind).nonzero().flatten()


def _shares(nodes: Tensor, rng: torch.Generator) -> list[Tensor]:
    """10 % of the nodes, 10 %, and the rest; one of each at least, where there are three."""
    tenth = max(round(0.1 * len(nodes)), 1)
    return list(_shuffled(nodes, rng).tensor_split([tenth, 2 * tenth]))


def _shuffled(nodes: Tensor, rng: torch.Generator) -> Tensor:
    return nodes[torch.randperm(len(nodes), generator=rng)]


def _seeded(classes: list[Tensor], rng: torch.Generator) -> list[Tensor]:
    """20 a class, 30 a class, the rest; a class of 50 nodes or fewer is cut in thirds."""
    parts = []
    for nodes in classes:
        train, val = (20, 30) if len(nodes) > 50 else (-(-len(nodes) // 3), len(nodes) // 3)
        parts.append(_shuffled(nodes, rng).tensor_split([train, train + val]))
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def _random(classes: list[Tensor], rng: torch.Generator) -> list[Tensor]:
    """20 a class, then 500 and 1,000 of what is left."""
    parts = [_shuffled(nodes, rng).tensor_split([20]) for nodes in classes]
    train, rest = (torch.cat(part) for part in zip(*parts, strict=True))
    val, test, _ = _shuffled(rest, rng).tensor_split([500, 1500])
    return [train, val, test]


def _rows(data: Data) -> Data:
    """PyG's ``NormalizeFeatures``; of dense features in place, in blocks of rows.

    They are the newly opened file's own, and no one else's; a copy of Physics is 1.2 GB.
    """
    if data.x.layout == torch.strided:
        least = data.x.min() if data.x.numel() else 0.0
        for rows in data.x.split(ROWS):
            rows.sub_(least)
            rows.div_(rows.sum(1, keepdim=True).clamp_(min=1.0))
        return data
    x = scipy_csr(data.x)
    if x.nnz and x.data.min() < 0:
        raise ValueError(
            f"{data.name}: normalize='row' subtracts the smallest feature ({x.data.min():g}), "
            "which would make its sparse features dense; use 'none', or give x as a dense array"
        )
    total = np.maximum(np.asarray(x.sum(1)).ravel(), 1.0).astype(np.float32)
    data.x = csr_tensor((sp.diags_array(1 / total) @ x).tocsr())
    return data


def _standard(data: Data) -> Data:
    if data.x.layout != torch.strided:
        raise ValueError(
            f"{data.name}: normalize='standard' would make its sparse features dense; use 'row' or "
            "'none', or give x as a dense array"
        )
    x = data.x
    train = x[data.train_mask]
    if not len(train):
        raise ValueError(f"{data.name}: normalize='standard' needs training nodes, there are none")
    std, mean = torch.std_mean(train, 0, correction=0)
    data.x = (x - mean) / torch.where(std > 0, std, 1.0)
    return data


def _normalized(data: Data, how: str) -> Data:
    if how != "none" and not isinstance(data.x, Tensor):
        raise ValueError(f"{data.name} has no features to normalise; use normalize='none'")
    if isinstance(data.x, Tensor) and data.x.layout == torch.strided:
        data.x = data.x.float()
    return {"row": _rows, "standard": _standard}.get(how, lambda data: data)(data)
