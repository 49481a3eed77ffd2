"""A condensed graph as models are trained on it, held to the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.reading import SMALL, adjacency, features, labels, mask, targets
from graphcondense.data.targets import LabelKind
from graphcondense.data.task import NodeTask
from graphcondense.ops.types import Floats32

if TYPE_CHECKING:
    from torch_geometric.data import Data


def read_labelled(
    small: Data, real: NodeTask
) -> tuple[np.ndarray | sp.csr_matrix, sp.csr_matrix, np.ndarray, Tensor]:
    """What to train on: features ``[n, d]``, ``A [n, n]``, training rows ``[m]`` and their labels;
    features and labels must match those of ``real``.

    Labels are classes ``[m]`` or soft labels ``[m, C]``; where the real nodes have other labels,
    ``[m, T]`` float32 in their own units, NaN for none: of binary tasks 0, 1 or probabilities.

    Of a :class:`NodeTask` that is its training split. A PyG ``Data`` is read as :func:`as_task`
    reads a real graph, except that edges may be missing, that ``y`` may be soft labels ``[n, C]``,
    that the labels are of the kind that ``real`` has, and that without a ``train_mask`` all nodes
    are training nodes.
    """
    x: Floats32 | sp.csr_matrix
    if isinstance(small, NodeTask):
        x, adj, y, rows = small.x_array, small.adj, small.y, small.train
    else:
        x, adj, y, rows = _read_small(small, real.label_kind)
    if x.shape[1] != real.num_features:
        raise ValueError(
            f"the small graph has {x.shape[1]} features a node, {real.name} has {real.num_features}"
        )
    if not len(rows):
        raise ValueError("the small graph has no training nodes (its train_mask is all False)")
    found = y[rows]
    if real.label_kind == "classes":
        _check_small_classes(found, real)
    else:
        check_small_targets(found, real)
    return x, adj, rows.numpy(), found


def _check_small_classes(found: Tensor, real: NodeTask) -> None:
    """Raise a ValueError unless labels of a small graph are classes of the real one."""
    if found.dim() == 2 and found.shape[1] != real.num_classes:
        raise ValueError(
            f"the small graph has soft labels over {found.shape[1]} classes, {real.name} has "
            f"{real.num_classes}"
        )
    if found.dim() == 1 and (int(found.min()) < 0 or int(found.max()) >= real.num_classes):
        bad = int(found.min()) if int(found.min()) < 0 else int(found.max())
        raise ValueError(
            f"the small graph has a training node of class {bad}; {real.name} has classes "
            f"0..{real.num_classes - 1}"
        )


class Outputs(Protocol):
    """Checked data with labels, and how many outputs a model has for them."""

    @property
    def name(self) -> str: ...
    @property
    def label_kind(self) -> str: ...
    @property
    def num_classes(self) -> int: ...


def check_small_targets(found: Tensor, real: Outputs) -> None:
    """Raise a ValueError unless targets ``[m, T]`` of a small graph suit the real one."""
    if found.dim() != 2 or found.shape[1] != real.num_classes:
        raise ValueError(
            f"the small graph has labels {list(found.shape)}, {real.name} needs "
            f"[nodes, {real.num_classes}]"
        )
    known = found[~found.isnan()]
    if not len(known):
        raise ValueError("no node of the small graph has a label (all NaN)")
    if not bool(known.isfinite().all()):
        raise ValueError("the small graph has infinite targets y")
    if real.label_kind == "binary":
        for bad in known[(known < 0) | (known > 1)][:1].tolist():
            raise ValueError(
                f"the small graph has the label {bad:g}; {real.name} has labels 0, 1 and NaN, or "
                "probabilities between them"
            )


def _read_small(
    data: Data, label_kind: LabelKind
) -> tuple[Floats32 | sp.csr_matrix, sp.csr_matrix, Tensor, Tensor]:
    given = {name: getattr(data, name, None) for name in ("x", "y", "train_mask")}
    if given["x"] is None or given["y"] is None:
        raise ValueError(
            f"a small graph needs x and y, got {type(data).__name__} without "
            f"{' and '.join(name for name in ('x', 'y') if given[name] is None)}"
        )
    x = features(given["x"], SMALL)
    n = int(x.shape[0])
    if label_kind == "classes":
        y = labels(given["y"], n, SMALL, soft=True)
    else:
        # Probabilities are no labels of binary tasks, but those of a small graph.
        y = targets(given["y"], n, SMALL, "regression", None)[0]
    adj = adjacency(data, n, SMALL)
    if adj is None:
        adj = sp.csr_matrix((n, n), dtype=np.float32)
    rows = torch.arange(n)
    if given["train_mask"] is not None:
        rows = mask(given["train_mask"], "train_mask", n, SMALL)[:, 0].nonzero().flatten()
    return x.numpy() if isinstance(x, Tensor) else x, adj, y, rows
