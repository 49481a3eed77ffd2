"""The labelled nodes of a real graph as every method sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.core.types import Batch, Criterion
from graphcondense.data.task import NodeTask
from graphcondense.nn.propagate import Propagation
from graphcondense.objectives.distribution import members_of
from graphcondense.ops.adjacency import csr_tensor
from graphcondense.ops.criteria import CRITERIA
from graphcondense.ops.paired import CHOOSING
from graphcondense.ops.sampling import blocks

Setting = Literal["transductive", "inductive"]

LABEL_BYTES = 8 + 1
"""Bytes of a node's int64 class and its entry in ``train_mask``."""


class NodeSource:
    """The labelled nodes of a graph and what message passing brings to them.

    Only labels of training nodes are kept; in the inductive setting only their subgraph.

    Attributes:
        labels: the class of each training node ``[m]``; where labels are no classes the group that
            stands for it (:attr:`~graphcondense.data.targets.Labelled.groups`).
        targets: what models learn of it: the class ``[m]``, or tasks ``[m, T]``, regression targets
            standardised, NaN where there is none.
        criterion: the loss of this kind of labels.

    Args:
        task: the checked graph.
        setting: ``"transductive"`` sees features and edges of all nodes, ``"inductive"`` those of
            training nodes alone.
        hops: how far the models look that :meth:`batch` serves.
        fanout: neighbours a hop in :meth:`batch`; ``None`` for all.
        device: where tensors go.
        validates: keep the labels of validation nodes in ``validation``, for a method that chooses
            among its own settings by them (fewer than five choose nothing);
            ``"transductive"`` alone.
        weight: what each node counts in the mean of a group ``[N]``, above 0; by default all count
            alike. ``"transductive"`` alone.
    """

    kind = "node"
    sums: ClassVar[bool] = False
    """Whether its nodes are noisy sums of the real ones."""

    def __init__(
        self,
        task: NodeTask,
        setting: Setting = "transductive",
        *,
        hops: int = 2,
        fanout: int | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        validates: bool = False,
        weight: npt.NDArray[np.float64] | None = None,
    ) -> None:
        if setting not in ("transductive", "inductive"):
            raise ValueError(f"setting={setting!r}; choose 'transductive' or 'inductive'")
        if weight is not None and (setting == "inductive" or len(weight) != task.num_nodes):
            raise ValueError(
                f"{len(weight)} weights of {task.num_nodes} nodes, {setting}: give one a node of "
                "the whole graph, with setting='transductive'"
            )
        if setting == "inductive":
            task, validates = task.subgraph(task.train), False
        val, y = task.val, task.y
        # The class of each training node, or the group that stands for it, and what models learn.
        self.labels = task.groups[task.train].to(device)
        self.targets = self.labels
        if task.label_kind != "classes":
            self.targets = task.scaled(task.y[task.train]).to(device, dtype)
        self.criterion: Criterion = CRITERIA[task.label_kind]
        none = torch.empty(0, dtype=torch.long)
        # Whatever a method could read is what it may read.
        self.task = replace(task, y=_only(task.y, task.train), val=none, test=none)
        self.setting, self.hops, self.fanout, self.weight = setting, hops, fanout, weight
        self.validation = (val, y[val]) if validates and len(val) >= CHOOSING else None
        self.device, self.dtype = torch.device(device), dtype
        self._designs: dict[int, Tensor] = {}
        self._blocks: dict[int | None, Batch] = {}
        self._settle: Callable[[Batch], Batch] | None = None

    @property
    def num_classes(self) -> int:
        """Classes, or the groups that stand for them."""
        return self.task.num_groups

    @property
    def num_outputs(self) -> int:
        """Outputs of a model."""
        return self.task.num_outputs

    @property
    def num_features(self) -> int:
        return self.task.num_features

    @property
    def num_examples(self) -> int:
        return self.task.num_nodes

    @property
    def example_bytes(self) -> int:
        return 4 * self.num_features + self.label_bytes

    @property
    def label_bytes(self) -> int:
        """Bytes of a node's label and its entry in ``train_mask``."""
        classes = self.task.label_kind == "classes"
        return LABEL_BYTES if classes else 4 * self.num_outputs + 1

    @property
    def counts(self) -> Tensor:
        return torch.bincount(self.labels, minlength=self.num_classes).cpu()

    def propagation_bytes(self) -> int:
        """Estimate of what :meth:`propagated` holds on the way, its result apart: the normalised
        adjacency as it is made, and two hops of all nodes where features are dense; by blocks in a
        place with a limit one column at the least."""
        if self.task.place.in_files:
            return 16 * self.num_examples
        links = 40 * (int(self.task.adj.nnz) + self.num_examples)
        dense_rows = 0 if sp.issparse(self.task.x_array) else self.num_examples
        return links + 8 * dense_rows * self.num_features

    def looking(
        self,
        hops: int,
        fanout: int | None = None,
        settle: Callable[[Batch], Batch] | None = None,
    ) -> NodeSource:
        """The same source for models that look ``hops`` far; ``settle`` does once what such a model
        does with a batch whatever its weights."""
        out = object.__new__(NodeSource)
        out.__dict__.update(self.__dict__)
        out.hops, out.fanout, out._blocks, out._settle = hops, fanout, {}, settle
        return out

    def propagated(self, hops: int) -> Tensor:
        """``(Â^hops X)`` at the training nodes ``[m, d]``, computed once."""
        if hops not in self._designs:
            wide = np.float64 if self.dtype == torch.float64 else np.float32
            task = self.task
            rows = task.propagate(hops, task.train.numpy(), wide)
            self._designs[hops] = torch.from_numpy(rows).to(self.device, self.dtype)
        return self._designs[hops]

    def weighted(self, weights: Sequence[float]) -> Tensor:
        """``Σ_k weights_k Â^k X`` at the training nodes ``[m, d]``; some weight is not zero."""
        first, *others = (w * self.propagated(k) for k, w in enumerate(weights) if w)
        return sum(others, first)

    def design(self, model: Propagation) -> Tensor:
        """What a linear model sees of the training nodes."""
        return self.propagated(model.hops)

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        """Training nodes of class ``c`` with the blocks of their neighbourhood."""
        if size is None and self.fanout is None:
            if c not in self._blocks:
                self._blocks[c] = self._block(self.members(c), 0)
            return self._blocks[c]
        if rng is None:
            raise ValueError("a sampled batch needs rng=")
        members = self.members(c, size, rng)
        seed = int(torch.randint(2**31, (), generator=rng))
        return self._block(members, seed)

    def members(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Tensor:
        """Which of the training nodes are of class ``c``, or ``size`` drawn of them; on the CPU."""
        labels = self.labels.cpu()
        rows = torch.arange(len(labels)) if c is None else (labels == c).nonzero().flatten()
        return rows if size is None else rows[torch.randperm(len(rows), generator=rng)[:size]]

    def _block(self, members: Tensor, seed: int) -> Batch:
        rows = self.task.train[members].numpy()
        operators, nodes = blocks(self.task.gcn_adj, rows, self.hops, self.fanout, seed)
        x, device, dtype = self.task.x_array[nodes], self.device, self.dtype
        adj = tuple(csr_tensor(o, dtype=dtype, device=device) for o in operators)
        # Bags of words stay sparse: their first layer is most of what a network costs.
        if sp.issparse(x):
            features = csr_tensor(x, dtype=dtype, device=device)
        else:
            features = torch.from_numpy(x).to(device, dtype)
        at = members.to(self.device)
        batch = Batch((features, adj), self.targets[at], None, self._group(at))
        return batch if self._settle is None else self._settle(batch)

    def _group(self, members: Tensor) -> Tensor | None:
        """Of training nodes, where labels are no classes."""
        return None if self.targets.dim() == 1 else self.labels[members]

    def membership(self, batch: Batch) -> Tensor:
        """Which examples of a batch are compared together ``[g, m]``, a one for each: classes, or
        the bins of a regression target; of several binary tasks the examples with each label, of
        which an example may have many, and all examples.
        """
        if self.task.label_kind == "binary" and self.num_outputs > 1:
            every = torch.ones(1, len(batch.y), device=batch.y.device, dtype=batch.y.dtype)
            return torch.cat([batch.y.nan_to_num(0.0).T, every])
        return members_of(batch.classes, self.num_classes)


class NodeView:
    """The labelled nodes of a source, shown otherwise: how, subclasses say in ``batch``.

    Attributes:
        real: the source.
    """

    def __init__(self, real: NodeSource) -> None:
        self.real, self.num_classes, self.counts = real, real.num_classes, real.counts
        self.num_examples, self.example_bytes = real.num_examples, real.example_bytes


def _only(y: Tensor, keep: Tensor) -> Tensor:
    out = torch.full_like(y, torch.nan if y.is_floating_point() else -1)
    out[keep] = y[keep]
    return out
