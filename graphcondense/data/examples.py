"""What a condensed node stands for, in words: its nearest real nodes, by id and text.

Only nodes that the method saw are looked at, and none of it is trained on: it is what a person
reads in cards and reports (:attr:`graphcondense.saved.shown.Shown.examples`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from graphcondense.data.task import NodeTask
from graphcondense.ops.arrays import Array
from graphcondense.saved.shown import printable

if TYPE_CHECKING:
    from torch_geometric.data import Data

MOST = 3
"""Real nodes of a condensed one."""

LONGEST = 200
"""Characters of a text that are kept."""

BLOCK = 4096
"""Real rows that are dense at a time."""


def nearest_examples(
    small: Data,
    task: NodeTask,
    weights: Sequence[float] = (1.0,),
    numbers: Tensor | None = None,
    count: int = MOST,
) -> dict[str, Any]:
    """For each condensed node the real ones that are nearest to its features, for a record.

    Where the condensed graph says which node stands for which (``assignment``), these are members
    of its group; else training nodes of its class, or of the group of labels that stands for one
    (:attr:`~graphcondense.data.targets.Labelled.groups`). Of equal distances the first node counts.

    Args:
        small: the condensed graph, ``x [n, d]``, ``y``, and perhaps ``assignment``.
        task: the real graph as the method saw it.
        weights: of ``X, ÂX, Â²X, ...`` in the real rows that features are compared with: the space
            in which the condensed rows live.
        numbers: what each node of ``task`` is counted as in the whole graph; by default the same.
        count: real nodes of a condensed one, at most.

    Returns:
        ``by``, what was looked at, in words; ``nodes``, numbers of real nodes by condensed node,
        nearest first; ``ids`` and ``texts``, where there are some, in the same order.

    >>> import torch
    >>> from graphcondense.data import as_task
    >>> from torch_geometric.data import Data
    >>> real = Data(x=torch.tensor([[0.0], [1.0], [5.0]]), edge_index=torch.zeros(2, 0).long())
    >>> real.y, real.train_mask = torch.tensor([0, 0, 1]), torch.ones(3, dtype=torch.bool)
    >>> real.node_names = ["a", "b", "c"]
    >>> small = Data(x=torch.tensor([[0.9], [4.0]]), y=torch.tensor([0, 1]))
    >>> nearest_examples(small, as_task(real))["ids"]
    [['b', 'a'], ['c']]
    """
    x = small.x.detach().cpu().double().numpy()
    found = _members(small, task)
    if found is None:
        train = np.unique(task.train.numpy())
        group, own = (task.group_of(y).cpu().numpy() for y in (task.y[train], small.y.cpu()))
        known = [np.flatnonzero(group == g) for g in range(int(group.max()) + 1)]
        every = np.arange(len(train))
        parts = [(np.flatnonzero(own == g), near) for g, near in enumerate(known)]
        parts.append((np.flatnonzero((own < 0) | (own >= len(known))), every))
        nodes, what = train, "training nodes of its class"
    else:
        nodes, parts = found
        what = "members of its group"
    rows = _rows_of(task, nodes, weights)
    near: list[list[int]] = [[] for _ in range(len(x))]
    for condensed, places in parts:
        if len(condensed) and len(places):
            apart = _distances(x[condensed], rows, places)
            order = np.argsort(apart, axis=1, kind="stable")[:, :count]
            for i, at in zip(condensed, order, strict=True):
                near[i] = nodes[places[at]].tolist()
    return {"by": f"nearest {what} in {_space(weights)}", **_told(near, task, numbers)}


def _members(small: Data, task: NodeTask) -> tuple[Array, list[tuple[Array, Array]]] | None:
    """Nodes with a group, and of each condensed node their places; ``None``: it does not say."""
    given = getattr(small, "assignment", None)
    if not isinstance(given, Tensor) or len(given) != task.num_nodes:
        return None
    group = given.cpu().numpy()
    nodes = np.flatnonzero(group >= 0)
    order = np.argsort(group[nodes], kind="stable")
    ends = np.searchsorted(group[nodes][order], np.arange(len(small.x) + 1))
    parts = [(np.array([i]), order[low:high]) for i, (low, high) in enumerate(pairwise(ends))]
    return nodes, parts


def _rows_of(task: NodeTask, nodes: Array, weights: Sequence[float]) -> Callable[[Array], Array]:
    """From places among ``nodes`` to their rows ``Σ_k weights_k (Â^k X)``, dense."""
    if not any(weights[1:]):
        x, weight = task.x_array, weights[0]

        def raw(places: Array) -> Array:
            part = x[nodes[places]]
            return weight * (part.toarray() if sp.issparse(part) else np.asarray(part))

        return raw
    first, *others = (w * task.propagate(k, nodes) for k, w in enumerate(weights) if w)
    mixed: Array = sum(others, first)
    return lambda places: mixed[places]


def _distances(x: Array, rows: Callable[[Array], Array], places: Array) -> Array:
    """Squared distances ``[n, m]`` of rows ``x [n, d]`` to the real ones at ``places [m]``, as
    shares of the largest square length.

    Nine digits are kept, so that equal rows are equally far, whatever block they are in.
    """
    out = np.empty((len(x), len(places)))
    own = (x**2).sum(1)
    largest = own.max(initial=0.0)
    for first in range(0, len(places), BLOCK):
        part = rows(places[first : first + BLOCK]).astype(np.float64)
        length = (part**2).sum(1)
        largest = max(largest, length.max(initial=0.0))
        out[:, first : first + len(part)] = own[:, None] + length - 2 * x @ part.T
    return (out / (largest or 1.0)).round(9)


def _space(weights: Sequence[float]) -> str:
    """What rows are compared in, in words.

    >>> _space((1.0,)), _space((0.0, 0.0, 1.0)), _space((-0.1, 0.9))
    ('X', 'Â²X', '-0.1 X + 0.9 ÂX')
    """
    names = ["X", "ÂX", "Â²X", "Â³X"]
    parts = [(w, names[k] if k < len(names) else f"Â^{k} X") for k, w in enumerate(weights) if w]
    return " + ".join(name if w == 1 else f"{w:g} {name}" for w, name in parts)


def _told(near: list[list[int]], task: NodeTask, numbers: Tensor | None) -> dict[str, Any]:
    """Numbers, ids and texts of nodes of ``task``, by condensed node."""
    whole = near if numbers is None else [[int(numbers[i]) for i in each] for each in near]
    told: dict[str, Any] = {"nodes": whole}
    for name, values in (("ids", task.facts.ids), ("texts", task.facts.texts)):
        if values is not None:
            told[name] = [[_short(values[i]) for i in each] for each in near]
    return told


def _short(text: str) -> str:
    """
    >>> _short("a  b"), len(_short("a" * 500))
    ('a b', 200)
    """
    line = printable(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
