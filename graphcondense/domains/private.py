"""One graph as differential privacy lets a method see it: sums of training nodes, with noise.

**What is protected.** Two graphs are neighbours if they differ in the features of one node,
whatever these are, and in its label. What is made of :class:`PrivateSource` is
``(epsilon, delta)``-private for this relation: whoever reads it learns next to nothing of the
features and the label of any one node, even if all others are known.

**What is public.** Edges, which nodes are training nodes, the numbers of nodes, features and
classes. A link between two people is *not* protected. Labels of validation and test nodes are not
read at all.

**How.** Two Gaussian mechanisms share the budget (:data:`SHARES`):

1. How many nodes have features of which length, on a scale of powers of √2. The most frequent
   length is ``L``; longer rows are shortened to it. One node moves from one entry to another: the
   sensitivity is √2.
2. Sums of training nodes' rows of ``H = Σ_k w_k Â^k X`` by class, or by random parts of a class,
   see :func:`part_sums`, whose sensitivity is ``(2 INFLUENCE + √2 REACH) s L`` with
   ``s = Σ_k |w_k|``.

How many training nodes a class has is not asked: that would need noise of its own. Each is taken
for as large as any other, and what is released are directions: noisy sums, brought to one length.

A propagated row holds features of many nodes, so that one node is in many rows. Its influence is
bounded by what is public alone. With ``|M| = Σ_k |w_k| |Â|^k`` the sum ``m_v = Σ_i |M|_iv`` over
training nodes ``i`` is how much of ``v`` is in all sums, and rows ``x_v`` are shortened to
``L min(1, INFLUENCE s / m_v)``. If ``x_v`` becomes another row, then row ``h_i`` moves by at most
``|M|_iv 2 ‖x_v‖``, all together by at most ``2 INFLUENCE s L``. Rows ``h_i`` are shortened to
``REACH s L``, which moves no two of them further apart. If the label of ``v`` becomes another, its
row goes from one sum to another: ``√2 REACH s L``. Parts of a class are drawn without a look at the
data.

All that methods do with these sums is post-processing: it gives nothing more away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.data.task import NodeTask
from graphcondense.domains.node_source import NodeSource, Setting
from graphcondense.ops.dp import Noise
from graphcondense.ops.types import Floats, Record

SHARES = {"lengths": 0.1, "sums": 0.9}
"""Of the budget."""
INFLUENCE = 0.25
"""How much of a node may be in all sums together, in units of ``s = Σ_k |w_k|``."""
REACH = 0.5
"""The length of a propagated row at most, in units of ``s L``: means of rows are shorter than rows.
"""
STEPS = (-40, 41)
"""Lengths ``√2 ** step`` that are told apart; rows of zeros are in none."""
RELATION = "features and label of one node replaced"
PUBLIC = "edges, which nodes are training nodes, numbers of nodes, features and classes"


class PrivateSource(NodeSource):
    """The labelled nodes of a graph, as noisy sums over parts of classes: nodes without edges,
    whose features are the sums. Nothing else of the real data is in it.

    Args:
        task: the checked graph.
        weights: ``w_k`` of ``Â^k X`` in the rows that a method reads.
        sizes: from a source that knows numbers of nodes alone to parts of each class ``[C]``, such
            as a method's :meth:`~graphcondense.core.method.Method.sizes`.
        noise: the budget.
        setting: ``"inductive"`` sees the subgraph of the training nodes alone.
        device: where tensors go.

    Attributes:
        released: what was released.
    """

    sums = True

    def __init__(
        self,
        task: NodeTask,
        weights: Sequence[float],
        sizes: Callable[[NodeSource], Tensor],
        noise: Noise,
        setting: Setting = "transductive",
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        seen = task.subgraph(task.train) if setting == "inductive" else task
        told = release(seen, weights, sizes, noise)
        y = told.y
        shown = replace(
            task,
            x=told.rows.float(),
            adj=sp.csr_matrix((len(y), len(y)), dtype=np.float32),
            y=y,
            train=torch.arange(len(y)),
            val=y[:0],
            test=y[:0],
            left_out={},
            shared=None,
        )
        super().__init__(shown, device=device)
        self.setting, self.released = setting, told
        self._counts, self._nodes = told.counts, seen.num_nodes

    @property
    def counts(self) -> Tensor:
        """Of real training nodes, as if all classes were equally large."""
        return self._counts

    @property
    def num_examples(self) -> int:
        return self._nodes

    def weighted(self, weights: Sequence[float]) -> Tensor:
        """What was released is of these already."""
        return self.propagated(0)


@dataclass(frozen=True)
class Released:
    """What is known of a graph after a release.

    Attributes:
        rows: noisy sums ``[n, d]``, brought to one length, float64.
        y: their classes ``[n]``, ascending.
        counts: training nodes of each class ``[C]``, if all were equally large.
        length: ``L``.
        deviation: of the noise on a sum.
        epsilon: of all that was released.
    """

    rows: Tensor
    y: Tensor
    counts: Tensor
    length: float
    deviation: float
    epsilon: float


def release(
    task: NodeTask,
    weights: Sequence[float],
    sizes: Callable[[NodeSource], Tensor],
    noise: Noise,
) -> Released:
    """The two mechanisms, see the head of this module."""
    root = 2**0.5
    exact = lengths(task)
    told = noise.added(exact, noise.scale(SHARES["lengths"], root))
    length = root ** (STEPS[0] + 1 + int(told.argmax()))
    classes, m = task.num_classes, len(task.train)
    counts = torch.bincount(torch.arange(m) % classes, minlength=classes)
    parts = sizes(_counted(task, counts))
    drawn = torch.rand(m, generator=noise.rng, dtype=torch.float64)
    deviation = noise.scale(SHARES["sums"], sensitivity(weights, length))
    sums = noise.added(part_sums(task, weights, length, parts, drawn), deviation)
    y = torch.arange(classes).repeat_interleave(parts)
    scale = sum(map(abs, weights)) * REACH / 2 * length
    rows = scale * torch.nn.functional.normalize(sums)
    return Released(rows, y, counts, length, deviation, noise.spent)


def lengths(task: NodeTask) -> Tensor:
    """How many nodes have features of which length ``[steps]``: in ``(√2^k, √2^(k+1)]``, the first
    and the last entry taking what is beyond."""
    norms = row_norms(task.x_array)
    steps = np.ceil(2 * np.log2(norms[norms > 0])).astype(np.int64) - 1
    found = np.clip(steps - STEPS[0], 0, STEPS[1] - STEPS[0] - 1)
    return torch.from_numpy(np.bincount(found, minlength=STEPS[1] - STEPS[0]))


def sensitivity(weights: Sequence[float], length: float) -> float:
    """How far :func:`part_sums` move at most, all together."""
    reach = sum(map(abs, weights)) * length
    return (2 * INFLUENCE + 2**0.5 * REACH) * reach


def part_sums(
    task: NodeTask, weights: Sequence[float], length: float, parts: Tensor, drawn: Tensor
) -> Tensor:
    """Sums ``[n, d]`` of the rows of training nodes, by class and part.

    Args:
        task: the graph.
        weights: ``w_k`` of ``Â^k X``.
        length: ``L``, the longest row.
        parts: of each class ``[C]``.
        drawn: where in its class a training node falls, in ``[0, 1)``, ``[m]``; not of the data.
    """
    scale = sum(map(abs, weights))
    x, most = task.x_array, length * np.minimum(1, INFLUENCE * scale / influence(task, weights))
    factor = _factors(x, most)
    short = sp.diags(factor).dot(x).tocsr() if sp.issparse(x) else x * factor[:, None]
    bounded = replace(task, x=short if sp.issparse(short) else torch.from_numpy(short), shared=None)
    nodes, m, wide = task.train.numpy(), len(task.train), x.dtype.type
    rows = np.zeros((m, task.num_features), wide)
    for k, weight in enumerate(weights):
        if weight:
            rows += weight * bounded.propagate(k, nodes, wide)
    rows *= _factors(rows, np.full(m, REACH * scale * length))[:, None]
    y = task.y[task.train]
    has = parts[y] > 0  # a class without parts is in no sum
    first = parts.cumsum(0) - parts
    part = (first[y] + (drawn * parts[y]).long())[has]
    out = torch.zeros(int(parts.sum()), rows.shape[1], dtype=torch.float64)
    return out.index_add_(0, part, torch.from_numpy(rows)[has].double())


def influence(task: NodeTask, weights: Sequence[float]) -> Floats:
    """``m_v``, how much of each node is in the rows of all training nodes together ``[N]``; of
    edges, weights and the split alone, and never quite zero."""
    step = abs(task.gcn_adj).T.tocsr()
    at = np.zeros(task.num_nodes)
    at[task.train.numpy()] = 1.0
    out: Floats = np.full(task.num_nodes, 1e-12)
    for k, weight in enumerate(weights):
        at = step @ at if k else at
        out += abs(weight) * at
    return out


def row_norms(x: Floats | sp.csr_matrix) -> Floats:
    """Lengths of rows ``[n]``, float64.

    >>> row_norms(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [5.0, 0.0]
    """
    if sp.issparse(x):
        squares = np.asarray(sp.csr_matrix(x).power(2, dtype=np.float64).sum(1)).ravel()
    else:
        squares = np.einsum("ij,ij->i", x, x, dtype=np.float64)
    out: Floats = np.sqrt(squares.astype(np.float64))
    return out


def told(noise: Noise, source: PrivateSource) -> Record:
    """What a record says of the privacy of what was made of a source."""
    return {
        "epsilon": noise.epsilon,
        "delta": noise.delta,
        "spent": round(source.released.epsilon, 6),
        "neighbours": RELATION,
        "public": PUBLIC,
        "mechanism": "Gaussian noise on sums of training nodes by class; the rest is made of these",
        "noise": source.released.deviation,
        "length": source.released.length,
    }


def _factors(x: Floats | sp.csr_matrix, most: Floats) -> Floats:
    """What rows are multiplied by so that none is longer than ``most [n]``, in the type of ``x``;
    a little less, since what is rounded may be longer."""
    out: Floats = np.minimum(1, (1 - 1e-6) * most / np.maximum(row_norms(x), 1e-30))
    return out.astype(x.dtype)


def _counted(task: NodeTask, counts: Tensor) -> NodeSource:
    """A source that has nothing but numbers: of nodes, features, and training nodes by class."""
    y = torch.arange(task.num_classes).repeat_interleave(counts)
    n = max(len(y), task.num_nodes)
    blank = replace(
        task,
        x=sp.csr_matrix((n, task.num_features), dtype=np.float32),
        adj=sp.csr_matrix((n, n), dtype=np.float32),
        y=torch.cat([y, y.new_full((n - len(y),), -1)]),
        train=torch.arange(len(y)),
        val=y[:0],
        test=y[:0],
        left_out={},
        shared=None,
    )
    return NodeSource(blank)


def source_of(
    task: NodeTask,
    weights: Sequence[float],
    sizes: Callable[[NodeSource], Tensor],
    budget: tuple[float, float],
    rng: Generator,
    setting: Setting,
    device: torch.device,
) -> tuple[PrivateSource, Record]:
    """A private source, and what a record says of it; ``budget`` is epsilon and delta."""
    noise = Noise(*budget, rng)
    source = PrivateSource(task, weights, sizes, noise, setting, device=device)
    return source, told(noise, source)
