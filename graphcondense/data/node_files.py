"""One graph from a ``.npz`` file: the layouts that other projects write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.facts import NAMES
from graphcondense.data.known import read_npz
from graphcondense.data.labels import few
from graphcondense.data.reading import TEXT_LABELS
from graphcondense.ops.adjacency import csr_tensor
from graphcondense.ops.arrays import plain, real_numbers, sparse

if TYPE_CHECKING:
    from torch_geometric.data import Data


def open_npz(path: Path) -> Data:
    """The graph in a ``.npz`` file: arrays by PyG's names, sparse matrices in parts (``x_data``,
    ``adj_data``), or the layout of another project.

    Raises:
        ValueError: an array is missing, with those that are there, or cannot be used.
    """
    from torch_geometric.data import Data

    arrays = read_npz(path)
    if "y" not in arrays:
        for needed, layout in _LAYOUTS.items():
            if set(needed) <= arrays.keys():
                return layout(arrays, path)
    x, adj = _csr(arrays, "x", path), _csr(arrays, "adj", path)
    values: dict[str, object] = {k: _plain(arrays, k, path) for k in arrays if k in _NPZ_KEYS}
    values |= {k: arrays[k].tolist() for k in NAMES if k in arrays and arrays[k].dtype.kind == "U"}
    if x is not None:
        values["x"] = csr_tensor(x.astype(np.float32))
    if adj is not None:
        edges = adj.tocoo()
        values["edge_index"] = torch.from_numpy(np.stack([edges.row, edges.col]).astype(np.int64))
        values["edge_weight"] = torch.from_numpy(edges.data.astype(np.float32))
    for key, instead in (("x", "x_data"), ("edge_index", "adj_data"), ("y", "")):
        if key not in values:
            other = f" or '{instead}', ..." if instead else ""
            raise ValueError(f"{path} has no '{key}'{other}; it has {few(arrays, 12) or 'none'}")
    return Data(**values)


LABELS = ("y", "labels", "node_labels")

_NPZ_KEYS = {"x", "edge_index", "edge_weight", "y", "train_mask", "val_mask", "test_mask"}


def _plain(arrays: Mapping[str, np.ndarray], name: str, path: Path) -> Tensor:
    return plain(arrays[name], f"{path}: {name}", text=TEXT_LABELS if name in LABELS else "")


def _undirected(edges: Tensor, n: int, path: Path) -> Tensor:
    from torch_geometric.utils import to_undirected

    if edges.is_floating_point() and edges.numel():
        raise ValueError(f"{path}: edges must be integer node ids, got {edges.dtype}")
    if edges.numel() and (int(edges.min()) < 0 or int(edges.max()) >= n):
        bad = int(edges.min()) if int(edges.min()) < 0 else int(edges.max())
        raise ValueError(f"{path} has an edge of node {bad}, but nodes are 0..{n - 1}")
    out: Tensor = to_undirected(edges.long(), num_nodes=n)
    return out


def _shchur(arrays: Mapping[str, np.ndarray], path: Path) -> Data:
    """As PyG's ``read_npz`` has it, of Amazon, Coauthor and CitationFull."""
    from torch_geometric.data import Data

    adj = _csr(arrays, "adj", path)
    x = _csr(arrays, "attr", path)
    if x is None and "attr_matrix" in arrays:
        x = sparse(arrays["attr_matrix"], f"{path}: attr_matrix")
    if adj is None or x is None:
        raise ValueError(f"{path} has 'labels' but not {'adj' if adj is None else 'attr'}_data")
    if adj.nnz and (adj.data != 1).any():
        raise ValueError(
            f"{path} has edge weights, which this layout (labels, attr_*, adj_*) does not know; "
            "name the arrays y, x_* and adj_* to keep them"
        )
    x = (x > 0).astype(np.float32)
    # PyG makes all features dense; those that a task would make sparse again stay so.
    dense = x.nnz >= 0.1 * x.shape[0] * x.shape[1]
    coo = adj.tocoo()
    edges = np.stack([coo.row, coo.col])[:, coo.row != coo.col]
    return Data(
        x=torch.from_numpy(x.toarray()) if dense else csr_tensor(x),
        edge_index=_undirected(torch.from_numpy(edges), x.shape[0], path),
        y=_plain(arrays, "labels", path),
    )


def _heterophilous(arrays: Mapping[str, np.ndarray], path: Path) -> Data:
    """As PyG's ``HeterophilousGraphDataset`` has it: edges stand one way in the file."""
    from torch_geometric.data import Data

    x, edges = _plain(arrays, "node_features", path), _plain(arrays, "edges", path)
    if edges.dim() != 2 or edges.shape[1] != 2:
        raise ValueError(f"{path}: edges must be [edges, 2], got {tuple(edges.shape)}")
    if not x.dim():
        raise ValueError(f"{path}: node_features must be [nodes, features], got one number")
    masks = {}
    for split in ("train", "val", "test"):
        if (key := f"{split}_masks") in arrays:
            several = _plain(arrays, key, path)
            if several.dim() > 2:
                shape = tuple(several.shape)
                raise ValueError(f"{path}: {key} must be [splits, nodes], got {shape}")
            masks[f"{split}_mask"] = several.t().contiguous()
    return Data(
        x=x,
        edge_index=_undirected(edges.t(), len(x), path),
        y=_plain(arrays, "node_labels", path),
        **masks,
    )


_LAYOUTS: dict[tuple[str, ...], Callable[[Mapping[str, np.ndarray], Path], Data]] = {
    ("labels", "adj_data"): _shchur,
    ("node_features", "node_labels", "edges"): _heterophilous,
}
"""Files of other projects, by the arrays that tell them."""


def _csr(arrays: Mapping[str, np.ndarray], name: str, path: Path) -> sp.csr_matrix | None:
    """The CSR matrix stored as ``name_data`` and so on, if there is one."""
    keys = [f"{name}_{part}" for part in ("data", "indices", "indptr", "shape")]
    if keys[0] not in arrays:
        return None
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise ValueError(f"{path} has '{keys[0]}' but not '{missing[0]}'")
    data, indices, indptr, shape = (arrays[key] for key in keys)
    for key in keys:
        real_numbers(arrays[key], f"{path}: {key}")
    try:
        matrix = sp.csr_matrix((data, indices, indptr), shape=tuple(map(int, shape)))
        matrix.check_format()
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        raise ValueError(f"{path}: '{name}' is not a CSR matrix ({error})") from error
    return matrix
