"""A condensed graph as models are trained on it, held to the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.kind import way_of
from graphcondense.data.labels import check_classes, class_weights
from graphcondense.data.reading import SMALL, adjacency, features, labels, mask, targets
from graphcondense.data.task import NodeTask
from graphcondense.ops.types import Floats32
from graphcondense.saved.checks import unrounded

if TYPE_CHECKING:
    from torch_geometric.data import Data


OF_CLASSES = ("classes", "soft")
"""Kinds of labels of which a small graph has classes, or a probability for each class."""


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
        x, adj, y, rows = _read_small(small, real)
    if x.shape[1] != real.num_features:
        raise ValueError(
            f"the small graph has {x.shape[1]} features a node, {real.name} has {real.num_features}"
        )
    check_small_labels(y[rows], real)
    return x, adj, rows.numpy(), y[rows]


class Outputs(Protocol):
    """Checked data with labels, and how many outputs a model has for them."""

    @property
    def name(self) -> str: ...
    @property
    def label_kind(self) -> str: ...
    @property
    def num_classes(self) -> int: ...


def small_labels(
    said: Callable[[str], Any], n: int, owner: str, real: Outputs
) -> tuple[Tensor, Tensor]:
    """Labels of all nodes of a small graph, classes ``[n]``, soft labels ``[n, C]`` or targets
    ``[n, T]``, and the nodes that are trained on ``[m]``: all where there is no ``train_mask``.

    Args:
        said: what the small graph has under a name, ``None`` for nothing.
        n: its nodes.
        owner: whose they are.
        real: the real graph, whose kind of labels these are.

    Raises:
        ValueError: what is no label, or soft ones of a node that is trained on that are all NaN.
    """
    if real.label_kind in OF_CLASSES:
        y = labels(said("y"), n, owner, soft=True)
        y = unrounded(y) if y.dim() == 2 else y
    else:
        # Probabilities are no labels of binary tasks, but those of a small graph.
        y = targets(said("y"), n, owner, "regression", None)[0]
    rows, leave = torch.arange(n), "give a train_mask without it"
    if said("train_mask") is not None:
        rows = mask(said("train_mask"), "train_mask", n, owner)[:, 0].nonzero().flatten()
        leave = "leave it out of train_mask"
    if real.label_kind in OF_CLASSES and y.dim() == 2:
        for i in rows[y[rows].isnan().all(1)][:1].tolist():
            raise ValueError(
                f"{owner}y is all NaN in row {i}, a training node without a label; {leave}"
            )
    return y, rows


def check_small_labels(found: Tensor, real: Outputs) -> None:
    """Raise a ValueError unless labels of the nodes that are trained on suit the real graph."""
    if not len(found):
        raise ValueError("the small graph has no training nodes (its train_mask is all False)")
    if real.label_kind not in OF_CLASSES:
        _check_targets(found, real)
    elif found.dim() == 2:
        class_weights(found, real.num_classes, "the small graph", real.name)
    else:
        leave = "leave it out of train_mask"
        check_classes(found, real.num_classes, "a training node", real.name, leave)


def _check_targets(found: Tensor, real: Outputs) -> None:
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
    data: Data, real: NodeTask
) -> tuple[Floats32 | sp.csr_matrix, sp.csr_matrix, Tensor, Tensor]:
    given = {name: getattr(data, name, None) for name in ("x", "y")}
    if given["x"] is None or given["y"] is None:
        raise ValueError(
            f"a small graph needs x and y, got {type(data).__name__} without "
            f"{' and '.join(name for name in ('x', 'y') if given[name] is None)}{way_of(data)}"
        )
    x = features(given["x"], SMALL)
    n = int(x.shape[0])
    y, rows = small_labels(lambda name: getattr(data, name, None), n, SMALL, real)
    adj = adjacency(data, n, SMALL)
    if adj is None:
        adj = sp.csr_matrix((n, n), dtype=np.float32)
    return x.numpy() if isinstance(x, Tensor) else x, adj, y, rows
