"""Condensed graphs of other projects: ``Data`` files, and tensors as they are released.

Everything is opened as data (``weights_only``), checked, and becomes a PyG ``Data`` that
:func:`graphcondense.evaluate.evaluate` takes.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcondense.data.pt import read_pt
from graphcondense.data.reading import TEXT_LABELS, adjacency, labels, mask
from graphcondense.data.task import NodeTask
from graphcondense.ops.arrays import plain, sparse
from graphcondense.ops.budget import Budget
from graphcondense.ops.fields import brief
from graphcondense.ops.types import Record
from graphcondense.saved.compact import FACTOR, FREE
from graphcondense.saved.condensed import load as load_condensed
from graphcondense.saved.condensed_graph import CondensedGraph
from graphcondense.saved.content import graph_hash
from graphcondense.saved.paths import path_of

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
            of a dictionary (``x`` or ``feat``; ``edge_index``, ``adj_t`` or ``adj``; ``y`` or
            ``labels``), whose edges are read as those of a real graph; or a features file
            ``feat_NAME.pt``, or a folder that has one, beside which ``adj_NAME.pt`` (dense
            ``[n, n]``, sparse or ``[2, m]``; none: no edges) and ``label_NAME.pt`` are looked for.
        adj: the file of the adjacency, if it is called otherwise.
        labels: the file of the labels ``[n]`` or soft labels ``[n, C]``; or ``"gcond"`` for what
            GCond's released pairs leave out: each class in proportion to its training nodes, at
            least one, the most frequent takes the remainder, in order of rising frequency; or
            ``"rate"`` for the same by the rate in the file's name, ``feat_DATA_RATE_SEED.pt``, as
            GCond and GC-Bench do: each class ``max(int(rate n_c), 1)``, and the most frequent of
            GCond's what is left of ``int(rate n)``. Both need ``real``.
        threshold: entries of the adjacency below it are cut, as GCond does before it evaluates.
        real: the real graph; with it, features and classes must match.

    Raises:
        ValueError: naming the file and the numbers: sizes or classes that do not match, a matrix
            ``adj`` that is not symmetric (projects differ in which way it runs), weights that are
            negative or not finite, a pickle that is not plain data, a threshold that is none.
        TypeError: a path that is none.
    """
    path = path_of(path, "open_small(path)", "a condensed graph's file or folder")
    check_threshold(threshold)
    if path.is_dir() and not (path / "condensed.safetensors").is_file():
        path = _features_in(path)
    if path.is_dir() or path.suffix == ".safetensors":
        refuse_unread(path, adj, labels, threshold)
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


def refuse_unread(
    path: str | Path,
    adj: str | Path | None = None,
    labels: str | Path | None = None,
    threshold: float = 0.0,
) -> None:
    """Raise a ValueError for options of tensors of other projects where ``path`` holds none."""
    given = {"adj": adj, "labels": labels, "threshold": threshold or None}
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name}={brief(value)} is for tensors of other projects, such as feat_NAME.pt, "
                f"and {path} is none: leave it out"
            )


def check_threshold(threshold: object) -> None:
    """Raise a ValueError unless entries can be cut at this."""
    number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not number or not 0 <= threshold < math.inf:  # type: ignore[operator]
        raise ValueError(
            f"threshold={threshold!r:.60} must be a number from 0 on, such as 0.05; 0 cuts nothing"
        )


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
    given = _tensors(content, path)
    if isinstance(content, Tensor):
        adj_file, labels = adj_file or _beside(path, "adj"), labels or _beside(path, "y")
    sources = dict.fromkeys(NAMES, path)
    x = _named(given, "x")
    if x is None:
        raise ValueError(f"{path} has no features: an entry {' or '.join(NAMES['x'])}")
    x = _plain(x, path, "features")
    if adj_file is not None:
        sources["adj"] = Path(adj_file)
    edges_given = _given_edges(given, None if adj_file is None else sources["adj"], len(x))
    y = _named(given, "y")
    if labels is not None and str(labels) not in RULES:
        sources["y"] = Path(labels)
        y = read_pt(Path(labels), "a tensor")
    elif labels is not None:
        y = RULES[str(labels)](len(x), real, path)
    if y is None:
        raise ValueError(
            f"{path} comes without labels: give labels= (--labels) a file of them, 'rate' for the "
            "rule of GCond and GC-Bench by the rate in its name, or 'gcond' by the number of nodes"
        )
    y = _labels(y, len(x), sources["y"], path)
    train = torch.ones(len(x), dtype=torch.bool)
    if given.get("train_mask") is not None:
        train = mask(given["train_mask"], "train_mask", len(x), f"{path}: ")[:, 0]
    if y.dim() == 1 and bool((y[train] < 0).any()):
        raise ValueError(f"{sources['y']} has a label -1 of a training node; classes are 0..C-1")
    edges, weight = _edges(edges_given, len(x), sources["adj"], path, threshold)
    small = CondensedGraph(x=x, edge_index=edges, edge_weight=weight, y=y, train_mask=train)
    record = given.get("condensed")
    small.condensed = dict(record) if record and _is_record(record) else {"method": path.stem}
    small.condensed["hash"] = graph_hash(small)
    return small


def _tensors(content: object, path: Path) -> Record:
    """What a file holds, by name; features alone are called so."""
    if isinstance(content, Data):
        record = {"condensed": content.condensed} if isinstance(content, CondensedGraph) else {}
        return Record(content.to_dict()) | record
    if isinstance(content, dict):
        return {str(name): value for name, value in content.items()}
    if isinstance(content, Tensor):
        return {"x": content}
    raise ValueError(f"{path} holds a {type(content).__name__}, not a graph's tensors")


def _given_edges(given: Record, adj_file: Path | None, n: int) -> Record:
    """Edges of ``n`` nodes in the form in which they are given, in a file of their own or beside
    features."""
    if adj_file is not None:
        edges = _edges_of(read_pt(adj_file, "a tensor"), n)
        if "edge_index" in edges and "edge_weight" in given:
            edges["edge_weight"] = given["edge_weight"]
        return edges
    if given.get("edge_index") is not None or given.get("adj_t") is not None:
        keys = ("edge_index", "edge_weight", "edge_attr", "adj_t")
        return {key: given[key] for key in keys if key in given}
    return _edges_of(_named(given, "adj"), n)


def _is_record(record: object) -> bool:
    try:
        return isinstance(record, dict) and bool(json.dumps(record))
    except (TypeError, ValueError):
        return False


def _named(given: Record, part: str) -> object:
    return next((given[name] for name in NAMES[part] if given.get(name) is not None), None)


def _plain(x: object, path: Path, what: str) -> Tensor:
    if isinstance(x, Tensor) and x.layout != torch.strided:
        most = max(FREE, FACTOR * path.stat().st_size)
        if math.prod(x.shape) * x.element_size() > most:
            raise ValueError(
                f"{path}: {what} of shape {tuple(x.shape)} are over {FACTOR} times what the file "
                "holds; leave out columns that nobody has"
            )
        x = x.to_dense()
    x = plain(x, f"{path}: {what}")
    if x.dim() != 2:
        raise ValueError(f"{path}: {what} must be [rows, columns], got shape {tuple(x.shape)}")
    if not x.numel():
        raise ValueError(f"{path}: {what} are empty, shape {tuple(x.shape)}")
    out: Tensor = x.float().contiguous()
    bad = (~torch.isfinite(out)).nonzero().tolist()
    if bad:
        raise ValueError(f"{path}: {len(bad)} {what} are NaN or infinite, the first at {bad[0]}")
    return out


def _labels(y: object, n: int, path: Path, x_path: Path) -> Tensor:
    y = plain(y, f"{path}: labels", text=TEXT_LABELS)
    soft = y.dim() == 2 and y.shape[1] > 1
    if y.dim() not in (1, 2) or len(y) != n or (not soft and y.numel() != n):
        raise ValueError(f"{path} has labels of shape {tuple(y.shape)}, {x_path} has {n} nodes")
    return _plain(y, path, "soft labels") if soft else labels(y, n, f"{path}: ")


def _edges_of(given: Any, n: int) -> Record:
    """Which form of edges an unnamed tensor is: ``edge_index [2, m]``, or an adjacency."""
    if given is None:
        return {}
    shape = tuple(getattr(given, "shape", ()))
    ids = isinstance(given, Tensor) and given.layout == torch.strided and len(shape) == 2
    if ids and shape[0] == 2 and n != 2 and (not given.is_floating_point() or not shape[1]):
        return {"edge_index": given}
    return {"adj": given}


def _edges(
    given: Record, n: int, path: Path, x_path: Path, threshold: float
) -> tuple[Tensor, Tensor]:
    """Edges and weights; a matrix has to be symmetric, as nobody says which way it runs."""
    if "adj" in given:
        given = {"adj": _matrix(given["adj"], n, path, x_path)}
    try:
        adj = adjacency(SimpleNamespace(**given), n, f"{path}: ")
    except ValueError as error:
        raise ValueError(f"{error} (features: {x_path})") from error
    if adj is None:
        return torch.empty(2, 0, dtype=torch.long), torch.empty(0)
    adj.sum_duplicates()
    edges = adj.tocoo()
    kept = (edges.data != 0) & (edges.data >= threshold)
    ends = np.stack([edges.col[kept], edges.row[kept]]).astype(np.int64)
    return torch.from_numpy(ends), torch.from_numpy(edges.data[kept].astype(np.float32))


def _matrix(given: object, n: int, path: Path, x_path: Path) -> sp.csr_matrix:
    if not isinstance(given, Tensor | np.ndarray):
        raise ValueError(f"{path} must hold a tensor, got a {type(given).__name__}")
    if tuple(given.shape) != (n, n):
        raise ValueError(
            f"{path} has an adjacency of shape {tuple(given.shape)}, {x_path} has {n} nodes"
        )
    adj = sparse(given, f"{path}: the adjacency")
    coo = adj.tocoo()
    wrong = ~np.isfinite(coo.data)
    if wrong.any():
        first = [int(coo.row[wrong][0]), int(coo.col[wrong][0])]
        raise ValueError(
            f"{path}: {wrong.sum()} adjacency entries are NaN or infinite, the first at {first}"
        )
    off = abs(adj - adj.T).tocoo()
    if off.nnz and float(off.data.max()) > 1e-5 * max(1.0, float(adj.data.max())):
        at = int(off.data.argmax())
        i, j = sorted((int(off.row[at]), int(off.col[at])))
        raise ValueError(
            f"{path} is not symmetric: entry [{i}, {j}] is {adj[i, j]:g}, [{j}, {i}] is "
            f"{adj[j, i]:g}; say which way edges run: edge_index, or (A + A.T) / 2"
        )
    return adj


def _gcond_labels(n: int, real: NodeTask | None, path: Path) -> Tensor:
    if real is None:
        raise ValueError(f"{path}: labels='gcond' follows the real graph's classes: give real=")
    counts, order = _counted(real)
    try:
        wanted = Budget(nodes=n, rule="remainder").allocate(counts, real.num_nodes)
    except ValueError as error:
        raise ValueError(f"{path}: labels='gcond' cannot give {n} nodes: {error}") from error
    return torch.cat([torch.full((int(wanted[c]),), c) for c in order])


def _counted(real: NodeTask) -> tuple[Tensor, list[int]]:
    """Training nodes of each class, and the classes in rising frequency; equals in the order in
    which they first occur among the training nodes."""
    train = real.y[real.train]
    counts = torch.bincount(train, minlength=real.num_classes)
    first = [int((train == c).nonzero()[0]) for c in range(real.num_classes)]
    return counts, sorted(range(real.num_classes), key=lambda c: (int(counts[c]), first[c]))


def _rate_labels(n: int, real: NodeTask | None, path: Path) -> Tensor:
    if real is None:
        raise ValueError(f"{path}: labels='rate' follows the real graph's classes: give real=")
    rate = parsed(path.stem).get("rate")
    if not isinstance(rate, float):
        raise ValueError(
            f"{path} has no rate in its name, as feat_DATA_RATE_SEED.pt has: give labels= a file, "
            "or 'gcond'"
        )
    counts, order = _counted(real)
    each = {c: max(int(int(counts[c]) * rate), 1) for c in order}
    whole = int(int(counts.sum()) * rate)
    left = whole - sum(each[c] for c in order[:-1])
    gcond = {**each, order[-1]: left}
    for wanted in (gcond, each):  # GCond's; GC-Bench's, which leaves no remainder
        if sum(wanted.values()) == n and min(wanted.values()) > 0:
            return torch.cat([torch.full((wanted[c],), c) for c in order])
    raise ValueError(
        f"{path}: labels='rate' with {rate:g} of {int(counts.sum())} training nodes gives {whole} "
        f"nodes by GCond's rule and {sum(each.values())} by GC-Bench's, and it has {n}; give the "
        "split that it was made of, or labels= a file"
    )


RULES = {"gcond": _gcond_labels, "rate": _rate_labels}
"""Labels that files leave out, by rule."""

NAMED = re.compile(r"(?:feat|idx)_(?P<data>.+?)_(?P<rate>\d+(?:\.\d+)?)_(?P<seed>.+)")


def parsed(stem: str) -> Record:
    """What the name of a file of other projects says.

    >>> parsed("feat_cora_0.5_15")
    {'data': 'cora', 'rate': 0.5, 'seed': 15}
    >>> parsed("feat_ogbn-arxiv_0.005_best_ntk_score_2"), parsed("feat_mine")
    ({'data': 'ogbn-arxiv', 'rate': 0.005, 'seed': 2}, {})
    """
    found = NAMED.fullmatch(stem)
    if found is None:
        return {}
    seed = found["seed"].rpartition("_")[2]
    return {
        "data": found["data"],
        "rate": float(found["rate"]),
        **({"seed": int(seed)} if seed.isdecimal() else {}),
    }


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
