"""A checked node-classification problem: what every node method and every evaluator starts from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.ops.adjacency import csr_from_edges, gcn_norm_csr, scipy_csr

ROWS = 1024
"""Of a wide feature matrix at a time, where a pass over it makes temporary copies."""


@dataclass(frozen=True)
class NodeTask:
    """Features, adjacency, labels and splits of one graph, checked and in one layout.

    Attributes:
        x: features, a float32 tensor ``[n, d]``, or a SciPy CSR matrix ``[n, d]`` when sparse.
        adj: ``A [n, n]``, ``A[i, j]`` the weight of the edge ``j -> i``, as given (no self-loops
            added, not normalised, directed if the data is).
        y: classes ``[n]``, int64; ``-1`` marks a node without a label.
        train, val, test: node indices, int64, disjoint; ``val`` and ``test`` may be empty.
        num_classes: number of classes.
        name: what to call the data in a report.
    """

    x: Tensor | sp.csr_matrix
    adj: sp.csr_matrix
    y: Tensor
    train: Tensor
    val: Tensor
    test: Tensor
    num_classes: int
    name: str = "data"

    @property
    def num_nodes(self) -> int:
        return int(self.adj.shape[0])

    @property
    def num_features(self) -> int:
        return int(self.x.shape[1])

    @cached_property
    def gcn_adj(self) -> sp.csr_matrix:
        """``D^-1/2 (A + I) D^-1/2``."""
        return gcn_norm_csr(self.adj)

    @property
    def x_array(self) -> Any:
        """The features as SciPy CSR or a NumPy array, without a copy."""
        return self.x.numpy() if isinstance(self.x, Tensor) else self.x

    @cached_property
    def digest(self) -> str:
        """SHA-256 (first 16 hex digits) of features, edges, train and validation labels, splits.

        Test labels are left out: condensing never sees them.
        """
        h = hashlib.sha256()
        x = self.x_array
        parts = [x.indptr, x.indices, x.data] if sp.issparse(x) else [x]
        parts += [self.adj.indptr, self.adj.indices, self.adj.data]
        seen = torch.cat([self.train, self.val])
        parts += [self.y[seen].numpy(), self.train.numpy(), self.val.numpy(), self.test.numpy()]
        for part in parts:
            h.update(f"{part.dtype}{part.shape}".encode())
            h.update(np.ascontiguousarray(part).tobytes())
        return h.hexdigest()[:16]

    def subgraph(self, nodes: Tensor, name: str | None = None) -> NodeTask:
        """The induced subgraph on ``nodes``; split members outside it are dropped."""
        keep = nodes.numpy()
        position = torch.full((self.num_nodes,), -1, dtype=torch.long)
        position[nodes] = torch.arange(len(nodes))
        splits = {
            split: position[index][position[index] >= 0]
            for split, index in (("train", self.train), ("val", self.val), ("test", self.test))
        }
        rest: dict[str, Any] = splits
        return replace(
            self,
            x=self.x[nodes] if isinstance(self.x, Tensor) else self.x[keep],
            adj=self.adj[keep][:, keep].tocsr(),
            y=self.y[nodes],
            name=name or self.name,
            **rest,
        )


def as_task(data: Any, *, name: str | None = None, need_test: bool = False) -> NodeTask:
    """Check ``data`` and bring it into one layout; nothing of ``data`` is changed.

    Args:
        data: a :class:`NodeTask`, a PyG ``Data``, or a PyG dataset of one graph. Edges as
            ``edge_index`` (with optional ``edge_weight`` or one-column ``edge_attr``), or
            ``adj_t`` as a ``SparseTensor`` or torch sparse tensor. Features float, integer, bool
            or sparse. Splits as ``train_mask``, ``val_mask``, ``test_mask`` (bool ``[n]``; the
            first column of ``[n, k]``).
        name: what to call the data; by default the dataset's own name.
        need_test: also require a non-empty test split.

    Raises:
        ValueError: whatever is wrong with ``data``, naming the value and the fix.
    """
    if isinstance(data, NodeTask):
        task = data if name is None else replace(data, name=name)
        if need_test and not len(task.test):
            raise ValueError(f"{task.name}: no test nodes; set test_mask before evaluating")
        return task
    # A PyG dataset also answers to .x and .y, but without its transform, and of all its graphs.
    if isinstance(data, (list, tuple, torch.utils.data.Dataset)):
        graphs: Any = data
        if len(graphs) != 1:
            raise ValueError(f"a node task is one graph, this data set has {len(graphs)}")
        name, data = name or getattr(graphs, "name", None), graphs[0]
    x = _features(getattr(data, "x", None))
    n = int(x.shape[0])
    y, num_classes = _labels(getattr(data, "y", None), n)
    adj = _adjacency(data, n)
    splits = {s: _split(getattr(data, f"{s}_mask", None), s, n) for s in ("train", "val", "test")}
    if not len(splits["train"]):
        raise ValueError("no training nodes: data.train_mask is missing or all False")
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        both = np.intersect1d(splits[a].numpy(), splits[b].numpy())
        if len(both):
            raise ValueError(
                f"{a}_mask and {b}_mask overlap in {len(both)} nodes (first: {both[0]}); "
                "splits must be disjoint"
            )
    if need_test and not len(splits["test"]):
        raise ValueError("no test nodes: data.test_mask is missing or all False")
    for split in ("train", "val"):
        bad = splits[split][y[splits[split]] < 0]
        if len(bad):
            raise ValueError(f"{split} node {int(bad[0])} has no label (y = -1)")
    missing = sorted(set(range(num_classes)) - set(y[splits["train"]].tolist()))
    if missing:
        raise ValueError(
            f"class {', '.join(map(str, missing))} has no training nodes "
            f"(y has {num_classes} classes); add some to train_mask or relabel y as 0..C-1"
        )
    return NodeTask(
        x=x,
        adj=adj,
        y=y,
        num_classes=num_classes,
        name=str(name or getattr(data, "name", None) or "data"),
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
    )


def is_dataset(data: Any) -> bool:
    """Whether ``data`` is a sequence of graphs, such as a PyG dataset or a list of ``Data``."""
    # PyG's data sets answer to `.x` too, past their transform: ask for the type.
    return isinstance(data, list | tuple | torch.utils.data.Dataset)


def labels_nodes(data: Any) -> bool:
    """Whether a data set is one graph whose label, if it has one, is not the graph's own."""
    if len(data) != 1:
        return False
    y, nodes = getattr(data[0], "y", None), getattr(data[0], "num_nodes", None)
    return y is None or (isinstance(y, Tensor) and y.dim() > 0 and len(y) == nodes)


def _features(x: Any) -> Tensor | sp.csr_matrix:
    if x is None:
        raise ValueError("data.x is missing: node features are needed, a tensor [nodes, features]")
    if sp.issparse(x):
        out: Tensor | sp.csr_matrix = sp.csr_matrix(x, dtype=np.float32)
    elif hasattr(x, "to_torch_sparse_csr_tensor"):
        out = scipy_csr(x.to_torch_sparse_csr_tensor(torch.float32))
    elif not isinstance(x, Tensor):
        raise ValueError(f"data.x must be a tensor or a sparse matrix, got {type(x).__name__}")
    elif x.layout != torch.strided:
        out = scipy_csr(x.to(torch.float32))
    elif x.is_complex():
        raise ValueError("data.x is complex; features must be real numbers")
    else:
        out = x.detach().cpu().to(torch.float32)
    if len(out.shape) != 2:
        raise ValueError(f"data.x must be [nodes, features], got shape {tuple(out.shape)}")
    _check_finite(out)
    # Bag-of-words features are cheaper as CSR, in memory and in every product.
    wide = isinstance(out, Tensor) and out.shape[1] >= 256
    if wide and int(torch.count_nonzero(out)) < 0.1 * out.numel():
        return scipy_csr(out)
    return out


def _check_finite(x: Tensor | sp.csr_matrix) -> None:
    if isinstance(x, sp.csr_matrix):
        bad = int((~np.isfinite(x.data)).sum())
        where = f"{bad} stored values"
    else:
        # By rows: a mask of all of a wide graph, and what makes it, outweigh the features.
        each = torch.cat([(~torch.isfinite(rows)).sum(1) for rows in x.split(ROWS)])
        bad = int(each.sum())
        where = f"{bad} values, first in node {int(each.gt(0).int().argmax())}" if bad else ""
    if bad:
        raise ValueError(f"data.x has NaN or infinite features ({where}); impute them first")


def _labels(y: Any, n: int) -> tuple[Tensor, int]:
    if not isinstance(y, Tensor):
        raise ValueError("data.y is missing: node classes are needed, an integer tensor [nodes]")
    if y.dim() == 2 and y.shape[1] > 1:
        raise ValueError(
            f"data.y is multi-label, shape {tuple(y.shape)}: node methods condense one class a "
            "node; pick one column"
        )
    y = y.detach().cpu().reshape(-1)
    if len(y) != n:
        raise ValueError(f"data.x has {n} nodes but data.y has {len(y)} labels")
    if y.is_floating_point():
        known = ~torch.isnan(y)
        if not torch.equal(y[known], y[known].round()):
            raise ValueError("data.y has fractional values; classes must be integers 0..C-1")
        y = torch.where(known, y, -torch.ones_like(y))
    y = y.to(torch.long)
    if n and int(y.min()) < -1:
        raise ValueError(f"data.y has class {int(y.min())}; classes are 0..C-1, -1 for unlabelled")
    return y, int(y.max()) + 1 if n else 0


def _adjacency(data: Any, n: int) -> sp.csr_matrix:
    adj_t = getattr(data, "adj_t", None)
    if adj_t is None and sp.issparse(getattr(data, "adj", None)):
        adj_t = data.adj
    if adj_t is not None:
        if hasattr(adj_t, "to_torch_sparse_csr_tensor"):
            adj_t = adj_t.to_torch_sparse_csr_tensor(torch.float32)
        adj = sp.csr_matrix(adj_t) if sp.issparse(adj_t) else scipy_csr(adj_t)
        if adj.shape != (n, n):
            raise ValueError(f"the adjacency is {adj.shape}, but data.x has {n} nodes")
        adj = adj.astype(np.float32)
    else:
        edge_index = getattr(data, "edge_index", None)
        if not isinstance(edge_index, Tensor):
            raise ValueError(
                "data has no edges: set edge_index [2, edges] (empty if none) or adj_t"
            )
        if edge_index.is_floating_point() or edge_index.dtype == torch.bool:
            raise ValueError(f"edge_index must be integer node ids, got {edge_index.dtype}")
        if edge_index.dim() != 2 or edge_index.shape[0] != 2:
            raise ValueError(f"edge_index must be [2, edges], got {tuple(edge_index.shape)}")
        if edge_index.numel() and (int(edge_index.min()) < 0 or int(edge_index.max()) >= n):
            bad = int(edge_index.min()) if int(edge_index.min()) < 0 else int(edge_index.max())
            raise ValueError(f"edge_index names node {bad}, but data.x has nodes 0..{n - 1}")
        weight = getattr(data, "edge_weight", None)
        if weight is None:
            attr = getattr(data, "edge_attr", None)
            if isinstance(attr, Tensor) and attr.numel() == edge_index.shape[1]:
                weight = attr
        if weight is not None and weight.numel() != edge_index.shape[1]:
            raise ValueError(
                f"edge_weight has {weight.numel()} values for {edge_index.shape[1]} edges"
            )
        adj = csr_from_edges(edge_index, weight, n)
    if not np.isfinite(adj.data).all():
        raise ValueError("edge weights must be finite")
    if adj.nnz and adj.data.min() < 0:
        raise ValueError(
            f"edge weights must not be negative (smallest: {adj.data.min():g}); the symmetric "
            "normalisation of a GCN is undefined for them"
        )
    return adj


def _split(mask: Any, split: str, n: int) -> Tensor:
    if mask is None:
        return torch.empty(0, dtype=torch.long)
    mask = torch.as_tensor(mask).cpu()
    if mask.dim() == 2:
        mask = mask[:, 0]
    if mask.dtype != torch.bool or len(mask) != n:
        raise ValueError(
            f"{split}_mask must be a bool tensor of length {n}, got {mask.dtype} "
            f"of shape {tuple(mask.shape)}"
        )
    index: Tensor = mask.nonzero().reshape(-1)
    return index
