"""Condensed graphs of other projects: ``Data`` files, and tensors as they are released.

Everything is opened as data (``weights_only``), checked, and becomes a PyG ``Data`` that
:func:`graphcondense.evaluate.evaluate` takes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcondense.data.condensed import graph_hash
from graphcondense.data.condensed import load as load_condensed
from graphcondense.data.condensed_graph import CondensedGraph
from graphcondense.data.pt import read_pt
from graphcondense.data.task import NodeTask
from graphcondense.ops.budget import Budget

NAMES = {
    "x": ("feat", "features", "x"),
    "adj": ("adj", "adjacency"),
    "y": ("label", "labels", "y", "lab"),
}
"""How files and entries are called, by what they are."""


def open_small(
    path: str | Path,
    *,
    adj: str | Path | None = None,
    labels: str | Path | None = None,
    threshold: float = 0.0,
    real: NodeTask | None = None,
) -> Data:
    """Open anybody's condensed graph.

    Args:
        path: a run folder or ``.safetensors`` of this package; a ``.pt`` file of a PyG ``Data`` or
            of a dictionary (``x`` or ``feat``; ``adj`` or ``edge_index``; ``y`` or ``labels``); or
            a features file ``feat_NAME.pt``, or a folder that has one, beside which
            ``adj_NAME.pt`` (dense ``[n, n]``, sparse or ``[2, m]``) and ``label_NAME.pt`` are
            looked for. Without an adjacency file the graph has no edges.
        adj: the file of the adjacency, if it is called otherwise.
        labels: the file of the labels ``[n]`` or soft labels ``[n, C]``; or ``"gcond"`` for what
            GCond's released pairs leave out: each class in proportion to its training nodes, at
            least one, the most frequent takes the remainder, in order of rising frequency (needs
            ``real``).
        threshold: entries of the adjacency below it are cut, as GCond does before it evaluates.
        real: the real graph; with it, features and classes must match.

    Raises:
        ValueError: naming the file and the numbers: sizes that do not match each other or the real
            graph, an adjacency that is not symmetric, negative or not finite, labels outside the
            classes, a pickle that is not plain data.
    """
    path = Path(path).expanduser()
    if path.is_dir() and not (path / "condensed.safetensors").is_file():
        path = _features_in(path)
    if path.is_dir() or path.suffix == ".safetensors":
        small = load_condensed(path)
    elif path.suffix == ".pt":
        small = _open_pt(path, adj, labels, threshold, real)
    else:
        raise ValueError(
            f"{path} is no run folder, .safetensors or .pt file: a condensed graph is one of these"
        )
    if real is not None:
        _check_against(small, real, path)
    return small


def _features_in(folder: Path) -> Path:
    found = sorted(p for p in folder.glob("*.pt") if _part(p) == "x")
    if len(found) != 1:
        listed = ", ".join(p.name for p in found) or "none"
        raise ValueError(
            f"{folder} is no run folder, and to be a folder of tensors it needs exactly one "
            f"feat_*.pt (found: {listed}); name the file"
        )
    return found[0]


def _part(path: Path) -> str | None:
    """Which part of a graph a file is called after.

    >>> _part(Path("feat_cora_0.5_15.pt")), _part(Path("model.pt"))
    ('x', None)
    """
    first = path.stem.lower().split("_")[0]
    return next((part for part, names in NAMES.items() if first in names), None)


def _beside(path: Path, part: str) -> Path | None:
    """The file of another part with the same rest of the name."""
    rest = path.stem[len(path.stem.split("_")[0]) :]
    found = [path.with_name(f"{name}{rest}.pt") for name in NAMES[part]]
    return next((file for file in found if file.is_file()), None)


def _open_pt(
    path: Path,
    adj_file: str | Path | None,
    labels: str | Path | None,
    threshold: float,
    real: NodeTask | None,
) -> Data:
    content = read_pt(path, "tensors or a PyG Data")
    given: dict[str, Any]
    if isinstance(content, Data):
        given = {name: content[name] for name in content.keys()}  # noqa: SIM118
        if isinstance(content, CondensedGraph):
            given["condensed"] = content.condensed
    elif isinstance(content, dict):
        given = {str(name): value for name, value in content.items()}
    elif isinstance(content, Tensor):
        given = {"x": content}
        if adj_file is None:
            adj_file = _beside(path, "adj")
        if labels is None:
            labels = _beside(path, "y")
    else:
        raise ValueError(f"{path} holds a {type(content).__name__}, not a graph's tensors")
    sources = dict.fromkeys(NAMES, path)
    x = _named(given, "x")
    if x is None:
        raise ValueError(f"{path} has no features: an entry {' or '.join(NAMES['x'])}")
    x = _plain(x, path, "features")
    adj = given.get("edge_index") if adj_file is None else None
    if adj_file is not None:
        sources["adj"] = Path(adj_file)
        adj = read_pt(Path(adj_file), "a tensor")
    elif adj is None:
        adj = _named(given, "adj")
    y = _named(given, "y")
    if labels is not None and str(labels) != "gcond":
        sources["y"] = Path(labels)
        y = read_pt(Path(labels), "a tensor")
    elif labels is not None:
        y = _gcond_labels(len(x), real, path)
    if not isinstance(y, Tensor):
        raise ValueError(
            f"{path} comes without labels: give labels= (--labels) a file of them, or 'gcond' for "
            "GCond's rule"
        )
    y = _labels(y.detach().cpu(), len(x), sources["y"], path)
    edges, weight = _edges(adj, given, len(x), sources["adj"], path, threshold)
    mask = given.get("train_mask")
    small = CondensedGraph(x=x, edge_index=edges, edge_weight=weight, y=y)
    small.train_mask = torch.ones(len(x), dtype=torch.bool)
    if mask is not None:
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != (len(x),):
            raise ValueError(f"{path}: train_mask must be a bool tensor [{len(x)}]")
        small.train_mask = mask
    record = given.get("condensed")
    small.condensed = dict(record) if record and _is_record(record) else {"method": path.stem}
    small.condensed["hash"] = graph_hash(small)
    return small


def _is_record(record: Any) -> bool:
    try:
        return isinstance(record, dict) and bool(json.dumps(record))
    except (TypeError, ValueError):
        return False


def _named(given: dict[str, Any], part: str) -> Any:
    return next((given[name] for name in NAMES[part] if given.get(name) is not None), None)


def _plain(x: Any, path: Path, what: str) -> Tensor:
    if not isinstance(x, Tensor) or x.is_complex():
        raise ValueError(f"{path}: {what} must be a real tensor, got {type(x).__name__}")
    x = x.detach().cpu()
    x = x.to_dense() if x.layout != torch.strided else x
    if x.dim() != 2:
        raise ValueError(f"{path}: {what} must be [rows, columns], got shape {tuple(x.shape)}")
    x = x.float().contiguous()
    bad = int((~torch.isfinite(x)).sum())
    if bad:
        first = (~torch.isfinite(x)).nonzero()[0].tolist()
        raise ValueError(f"{path}: {bad} {what} are NaN or infinite, the first at {first}")
    out: Tensor = x
    return out


def _labels(y: Tensor, n: int, path: Path, x_path: Path) -> Tensor:
    soft = y.dim() == 2 and y.shape[1] > 1
    if len(y) != n or (not soft and y.numel() != n):
        raise ValueError(f"{path} has labels of shape {tuple(y.shape)}, {x_path} has {n} nodes")
    if soft:
        return _plain(y, path, "soft labels")
    y = y.reshape(-1)
    if y.is_floating_point() and not torch.equal(y, y.round()):
        raise ValueError(f"{path} has fractional labels; classes are integers 0..C-1")
    if int(y.min()) < 0:
        raise ValueError(f"{path} has a label {int(y.min())}; classes are 0..C-1")
    return y.long()


def _edges(
    adj: Any, given: dict[str, Any], n: int, path: Path, x_path: Path, threshold: float
) -> tuple[Tensor, Tensor]:
    """Edges and weights, checked for symmetry."""
    if adj is None:
        return torch.empty(2, 0, dtype=torch.long), torch.empty(0)
    if not isinstance(adj, Tensor):
        raise ValueError(f"{path} must hold a tensor, got a {type(adj).__name__}")
    adj = adj.detach().cpu()
    listed = adj.layout == torch.strided and not adj.is_floating_point() and adj.dim() == 2
    if listed and len(adj) == 2 and n != 2:
        weight = given.get("edge_weight")
        weight = torch.ones(adj.shape[1]) if weight is None else weight.detach().cpu().float()
        if weight.shape != (adj.shape[1],):
            raise ValueError(
                f"{path}: edge_weight has shape {tuple(weight.shape)} for {adj.shape[1]} edges"
            )
        if adj.numel() and (int(adj.min()) < 0 or int(adj.max()) >= n):
            bad = int(adj.min()) if int(adj.min()) < 0 else int(adj.max())
            raise ValueError(f"{path}: edge_index names node {bad}, {x_path} has nodes 0..{n - 1}")
        adj = torch.sparse_coo_tensor(adj.long(), weight, (n, n))
    if adj.shape != (n, n):
        raise ValueError(
            f"{path} has an adjacency of shape {tuple(adj.shape)}, {x_path} has {n} nodes"
        )
    dense = _plain(adj, path, "adjacency entries")
    if float(dense.min()) < 0:
        raise ValueError(f"{path}: edge weights must not be negative (smallest: {dense.min():g})")
    off = (dense - dense.T).abs()
    if float(off.max()) > 1e-5 * max(1.0, float(dense.max())):
        i, j = divmod(int(off.argmax()), n)
        raise ValueError(
            f"{path} is not symmetric: entry [{i}, {j}] is {dense[i, j]:g}, [{j}, {i}] is "
            f"{dense[j, i]:g}; a GNN's normalisation needs (A + A.T) / 2 or a choice of yours"
        )
    if threshold:
        dense = dense * (dense >= threshold)
    target, source = dense.nonzero(as_tuple=True)
    return torch.stack([source, target]), dense[target, source]


def _gcond_labels(n: int, real: NodeTask | None, path: Path) -> Tensor:
    if real is None:
        raise ValueError(f"{path}: labels='gcond' follows the real graph's classes: give real=")
    train = real.y[real.train]
    counts = torch.bincount(train, minlength=real.num_classes)
    try:
        wanted = Budget(nodes=n, rule="remainder").allocate(counts, real.num_nodes)
    except ValueError as error:
        raise ValueError(f"{path}: labels='gcond' cannot give {n} nodes: {error}") from error
    # Rising frequency; equals in the order in which they first occur among the training nodes.
    first = [int((train == c).nonzero()[0]) for c in range(real.num_classes)]
    order = sorted(range(real.num_classes), key=lambda c: (int(counts[c]), first[c]))
    return torch.cat([torch.full((int(wanted[c]),), c) for c in order])


def _check_against(small: Data, real: NodeTask, path: Path) -> None:
    if small.x.dim() != 2 or small.x.shape[1] != real.num_features:
        raise ValueError(
            f"{path} has {small.x.shape[-1]} features a node, {real.name} has {real.num_features}"
        )
    classes = small.y.shape[1] if small.y.dim() == 2 else int(small.y.max()) + 1
    if classes > real.num_classes or (small.y.dim() == 2 and classes != real.num_classes):
        raise ValueError(
            f"{path} has labels of {classes} classes (the highest is {classes - 1}), {real.name} "
            f"has {real.num_classes}"
        )
