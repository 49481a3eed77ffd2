"""Train on a small graph, validate on the real one: the one measure of every condensed set.

The protocol: Adam on the small graph, all seeds at once; validation on the real graph after every
epoch (where there are very many validation nodes, on the same few thousand of them); the epoch with
the best *validation* score and the last epoch are each read once on the test nodes, after
training has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import NodeTask
from graphcondense.evaluate.cost import plain_training_seconds, size_of
from graphcondense.evaluate.evaluator import Evaluator
from graphcondense.evaluate.fitted import FitResult, Fitted, Tested, mean_of
from graphcondense.evaluate.floors import herded_within, nodes_within, random_subgraph
from graphcondense.evaluate.losses import LOSSES
from graphcondense.evaluate.metrics import check_scorable, further, ogb_metric, scores_of
from graphcondense.evaluate.node_training import Settings, Training
from graphcondense.evaluate.predictors import BY_NAME, PREDICTORS
from graphcondense.evaluate.reading import missing_classes
from graphcondense.evaluate.stacked import Model, Weights, keep, logits_of, model_of, state_of
from graphcondense.evaluate.trainings import Seeds, now
from graphcondense.nn.batched import MODELS, Matrix, Stacked
from graphcondense.ops.progress import tqdm
from graphcondense.ops.sampling import blocks
from graphcondense.ops.sparsify import candidates

Rows: TypeAlias = "npt.NDArray[np.int64]"
"""Indices of nodes."""

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)

ALL = (*MODELS, *PREDICTORS)
"""Every model and predictor for nodes that comes with the package."""

STATE = 2**20
"""Largest hidden state in floats when predicting: beyond it the caches no longer hold it, so seeds
are taken in groups. Grouping changes no result."""


@dataclass(frozen=True, kw_only=True)
class Trained(Fitted):
    """Networks trained on one graph, all seeds at once.

    Attributes:
        model: the stacked networks, with the weights of the last epoch.
        settings: how they were trained.
        selected: weights and buffers ``[S, ...]`` of the epoch chosen on validation.
    """

    model: Stacked
    settings: Settings
    selected: dict[str, Tensor]

    @torch.inference_mode()
    def logits(
        self, x: Matrix, adj: sp.csr_matrix, rows: Rows, networks: int | None = None
    ) -> Tensor:
        """Logits ``[S, r, C]``, at the selected epoch, of the nodes ``rows [r]``, all different, of
        any graph, ``x [n, d]`` and ``adj [n, n]``; of the first ``networks`` seeds alone."""
        like = next(iter(self.selected.values()))
        inputs = self.model.prepare(x, adj, rows, self.settings.num_layers, like)
        return torch.cat(list(logits_of(self.model, self.selected, inputs, 1, networks)))


class NodeEvaluator(Evaluator[NodeTask, type[Stacked], Training, Trained]):
    """Trains on small graphs and scores the nodes of one real graph.

    A small graph is a PyG ``Data`` (``x [n, d]``; edges as
    :func:`~graphcondense.data.as_task` takes them, or none; ``y [n]`` classes or ``[n, C]``
    soft labels, or targets ``[n, T]`` such as the real graph has; optional ``train_mask``, default
    all nodes), or a :class:`~graphcondense.data.task.NodeTask`, trained on its training nodes. Of
    the whole graph only what the training nodes can reach is computed, which changes no gradient.
    Models are names in :data:`~graphcondense.nn.batched.MODELS`, or classes of your own as
    :func:`~graphcondense.nn.wrapped.wrap` takes them, such as ``torch_geometric.nn.GraphSAGE``.

    Args:
        real: the real graph, anything :func:`~graphcondense.data.as_task` takes.
        device: where to train; default the CPU.
        **options: fields of :class:`Training`.
    """

    kind = "node"
    all = ALL
    usual = ("GCN", "SGC", "APPNP", "SAGE", "GAT", "MLP")
    seeds = 10
    judge = "GCN"
    units = ("nodes", "edges")
    predictors = BY_NAME
    hints = (
        "the epoch is chosen on them, so set val_mask before evaluating",
        "set test_mask before evaluating",
    )
    propagating = ("SGC", "KernelRidge", "LabelProp")
    usual_training = Training()

    def check(self, split: str) -> None:
        super().check(split)
        check_scorable(self.real, split, "node")

    def check_training(self) -> None:
        self._steady = self.real.steady(self.training.validation_nodes)

    @property
    def _samples(self) -> bool:
        """Whether not all validation nodes choose the epoch."""
        return len(self._steady) < len(self.real.val)

    def read(self, small: object) -> tuple[Matrix, sp.csr_matrix, Rows, Tensor]:
        return read_labelled(small, self.real)

    def kept(self, folder: str | Path) -> NodeTask:
        return self.real.kept_in(folder)

    def missing(self, small: object) -> list[int]:
        if self.real.label_kind != "classes":
            return []
        return missing_classes(self.read(small)[3], self.real.num_classes)

    def model_of(self, model: Model) -> type[Stacked]:
        return model_of(model)

    def about(self, model: type[Stacked]) -> tuple[str, str]:
        return "MLP" if model.__name__ == "MLP" else "GNN", model.edge_weights

    def settings(self, model: type[Stacked]) -> Mapping[str, object]:
        sample = {"validation_nodes": len(self._steady)} if self._samples else {}
        return asdict(self.training.of(model)) | sample

    def test_labels(self) -> Rows:
        return self.real.y[self.real.test].numpy()

    def random(self, small: object, seed: int) -> NodeTask:
        return random_subgraph(self.real, small, seed)

    def within(self, budget: int, seed: int) -> NodeTask:
        return nodes_within(self.real, budget, seed)

    def equal_bytes(self, small: object, draws: int) -> dict[str, list[object]]:
        herded = herded_within(self.real, size_of(small).bytes)
        return {**super().equal_bytes(small, draws), "herding, same bytes": [herded]}

    def plain_seconds(self, measured: int) -> float:
        return plain_training_seconds(
            self.real, epochs=self.training.epochs, measured=measured, device=self.device
        )

    def mean(self) -> FitResult | None:
        task = self.real
        return mean_of(task, task.val, task.test)

    def test(self, trained: Trained) -> Tested:
        every = (trained.selected, state_of(trained.model))
        if self.real.label_kind == "classes":
            selected, last = (self._accuracy(trained.model, one, "test") for one in every)
            return Tested(selected, last)
        wanted = self.real.y[self.real.test]
        outs = [self._outputs(trained.model, one, "test") for one in every]
        selected, last = (ogb_metric(self.real, out, wanted) for out in outs)
        return Tested(selected, last, further(self.real, outs[0], wanted))

    def predict(
        self,
        model: Model,
        small: object,
        nodes: Tensor | Sequence[int],
        *,
        seeds: Seeds | None = None,
        progress: bool = False,
    ) -> Tensor:
        """Logits ``[S, len(nodes), C]`` of real nodes, at the epoch chosen on validation; of
        regression what is predicted, in the targets' own units.

        The arguments are those of :meth:`fit`; ``nodes`` are indices into the real graph, or a mask
        of its nodes.

        Raises:
            ValueError: as :meth:`fit`; nodes that the real graph does not have.
        """
        nodes, n = torch.as_tensor(nodes).cpu(), self.real.num_nodes
        if nodes.dtype == torch.bool and nodes.shape == (n,):
            nodes = nodes.nonzero().flatten()
        if nodes.dim() != 1 or (len(nodes) and nodes.dtype not in INTEGERS):
            raise ValueError(
                f"nodes must be indices [r] or a mask [{n}], got {nodes.dtype} of shape "
                f"{list(nodes.shape)}"
            )
        nodes = nodes.long()
        if len(nodes) and not 0 <= int(nodes.min()) <= int(nodes.max()) < n:
            bad = int(nodes.min()) if int(nodes.min()) < 0 else int(nodes.max())
            raise ValueError(f"nodes must be in 0..{n - 1}, got {bad}")
        kind = model_of(model)
        curve = self.train(kind, small, seeds=seeds, progress=progress)
        # The operators hold each row once, in whatever order.
        once, back = torch.unique(nodes, return_inverse=True)
        inputs = self._inputs(kind, once)
        logits = logits_of(curve.model, curve.selected, inputs, self._group(kind))
        return self.real.unscaled(torch.cat(list(logits)).cpu()[:, back])

    def memory(self, model: type[Stacked], small: object, trainings: int) -> int:
        """Weights of all seeds (values, gradients, two moments, those selected), the hidden states
        that a training step keeps on what the labelled nodes reach, those of predicting on the real
        graph for one group of seeds, and the operators."""
        kind, number, t = model, trainings, self.training.of(model)
        x, adj, rows, _ = read_labelled(small, self.real)
        sizes = (self.real.num_features, t.hidden, self.real.num_classes)
        one = kind(*sizes, t.num_layers, t.dropout, t.activation, seeds=(0,))
        weights = sum(value.numel() for value in state_of(one).values())
        nodes = blocks(adj, rows, t.num_layers)[1]
        reached = len(nodes)
        masked = sum(array.size for array in _arrays(x[nodes])) if kind.drops_input else 0
        whole = self.real.num_nodes * t.hidden
        floats = (
            5 * number * weights
            + 4 * number * reached * t.hidden * t.num_layers
            + 3 * number * masked
            + 3 * max(min(STATE, number * whole), whole)
        )
        stored = [m for a in (x, adj, self.real.x_array, self.real.adj) for m in _arrays(a)]
        return 4 * floats + 2 * sum(array.nbytes for array in stored)

    def trained(
        self, model: type[Stacked], small: object, seeds: tuple[int, ...], progress: bool
    ) -> Trained:
        x, adj, rows, targets = self.read(small)
        how = self.training.sparsify or ("threshold" if model.binary else "none")
        curves = [
            replace(self._train_on(model, (x, kept, rows, targets), seeds, progress), chosen=words)
            for words, kept in candidates(adj, how)
        ]
        sign = 1.0 if self.real.larger_is_better else -1.0
        return max(curves, key=lambda curve: sign * float(curve.val_selected.mean()))

    def _train_on(
        self,
        kind: type[Stacked],
        graph: tuple[Matrix, sp.csr_matrix, Rows, Tensor],
        seeds: tuple[int, ...],
        progress: bool,
    ) -> Trained:
        t, device = self.training.of(kind), self._like.device
        x, adj, rows, targets = graph
        inputs = kind.prepare(x, adj, rows, t.num_layers, self._like)
        wanted = self.real.scaled(targets).to(device)
        wanted = wanted.repeat(len(seeds), *[1] * (targets.dim() - 1))
        sign = 1.0 if self.real.larger_is_better else -1.0
        sizes = (self.real.num_features, t.hidden, self.real.num_classes)
        model = kind(*sizes, t.num_layers, t.dropout, t.activation, seeds=seeds, device=device)
        # The sum over seeds: each seed's gradient is its own, and so is each Adam state.
        optimizer = torch.optim.Adam(
            model.parameters(), lr=t.lr, weight_decay=t.weight_decay, fused=True
        )
        live = state_of(model)
        selected = {name: value.detach().clone() for name, value in live.items()}
        val = torch.full((len(seeds),), -1.0 if self._classes else -sign * torch.inf)
        best = val
        epoch_selected = torch.zeros(len(seeds), dtype=torch.long)
        seconds, steady = 0.0, "steady" if self._samples else "val"
        for epoch in tqdm(range(1, t.epochs + 1), kind.__name__, disable=not progress, leave=False):
            start = now(device)
            model.train()
            logits = model(*inputs).flatten(0, 1)
            loss = LOSSES[self.real.label_kind](logits, wanted, len(seeds))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            seconds += now(device) - start
            if epoch % t.val_every and epoch != t.epochs:
                continue
            val = self._score(model, None, steady)
            better = sign * val > sign * best
            if better.any():
                best, epoch_selected = best.where(~better, val), epoch_selected.clone()
                epoch_selected[better] = epoch
                keep(selected, live, better)
        if self._samples:
            best, val = (self._score(model, one, "val") for one in (selected, None))
        return Trained(
            model=model,
            settings=t,
            selected=selected,
            val_selected=best,
            epoch_selected=epoch_selected,
            val_last=val,
            seconds_training=seconds,
        )

    @property
    def _classes(self) -> bool:
        return self.real.label_kind == "classes"

    def _nodes(self, split: str) -> Tensor:
        return self._steady if split == "steady" else getattr(self.real, split)

    def _score(self, model: Stacked, weights: Weights, split: str) -> Tensor:
        """The score of each seed ``[S]`` on a split of the real graph, or on the validation nodes
        that choose the epoch (``"steady"``)."""
        if self._classes:
            return self._accuracy(model, weights, split)
        out, y = self._outputs(model, weights, split), self.real.y[self._nodes(split)]
        return scores_of(self.real.metric, out, y).float()

    def _accuracy(self, model: Stacked, weights: Weights, split: str) -> Tensor:
        """Share of right predictions ``[S]``."""
        nodes = self._nodes(split)
        y, logits = self.real.y[nodes].to(self._like.device), self._predicted(model, weights, split)
        return torch.cat([part.argmax(-1) == y for part in logits]).sum(1).cpu() / len(nodes)

    def _outputs(self, model: Stacked, weights: Weights, split: str) -> Tensor:
        """Outputs ``[S, m, T]`` in the targets' own units."""
        return self.real.unscaled(torch.cat(list(self._predicted(model, weights, split))))

    def _predicted(self, model: Stacked, weights: Weights, split: str) -> Iterator[Tensor]:
        """Logits of one group of seeds after the other, of a split or of ``"steady"``."""
        nodes = self._nodes(split)
        layers = self.training.of(type(model)).num_layers
        key = (type(model), layers, split, len(nodes))
        if key not in self._prepared:
            self._prepared[key] = self._inputs(type(model), nodes)
        return logits_of(model, weights, self._prepared[key], self._group(type(model)))

    def _group(self, kind: type[Stacked]) -> int:
        """How many seeds predict at once."""
        return max(1, STATE // (self.real.num_nodes * self.training.of(kind).hidden))

    def _inputs(self, kind: type[Stacked], nodes: Tensor) -> tuple[object, ...]:
        """What ``kind`` needs to predict these nodes of the real graph."""
        layers = self.training.of(kind).num_layers
        real = self.real
        parts = (real.x_array, real.adj, nodes.numpy(), layers, self._like)
        return kind.prepare(*parts, graph=real.graph)


def _arrays(matrix: Matrix) -> list[npt.NDArray[np.generic]]:
    """What a matrix is stored in."""
    if isinstance(matrix, np.ndarray):
        return [matrix]
    return [matrix.data, matrix.indices, matrix.indptr]
