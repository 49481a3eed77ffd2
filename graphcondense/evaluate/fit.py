"""Train on a small graph, validate on the real one: the one measure of every condensed set.

The protocol: Adam on the small graph, all seeds at once; validation on the real graph after every
epoch; the epoch with the best *validation* accuracy and the last epoch are each read once on the
test nodes, after training has ended.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call
from tqdm import tqdm

from graphcondense.data.task import NodeTask, as_task
from graphcondense.nn.batched import Matrix, Stacked, resolve
from graphcondense.ops.adjacency import csr_from_edges

STATE = 2**21
"""Largest hidden state in floats when predicting: beyond it the caches no longer hold it, so seeds
are taken in groups. Grouping changes no result."""


@dataclass(frozen=True)
class Training:
    """How the evaluator trains; the same for every method that is compared.

    Attributes:
        epochs: full-batch steps of Adam.
        hidden: width of the hidden layers.
        num_layers: layers (for SGC: propagation steps).
        lr, weight_decay: of Adam, for every parameter.
        dropout: on hidden activations.
        val_every: validate after every so many epochs, and after the last. The grid matters: a
            score is only comparable at the same value; reports use 1.
    """

    epochs: int = 300
    hidden: int = 256
    num_layers: int = 2
    lr: float = 0.01
    weight_decay: float = 5e-4
    dropout: float = 0.5
    val_every: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "hidden", "num_layers", "val_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")


@dataclass(frozen=True)
class FitResult:
    """Accuracies in ``[0, 1]``, one a seed.

    Attributes:
        model: its name.
        seeds: the training seeds.
        val_selected, test_selected: ``[S]`` at the first epoch of best validation accuracy.
        epoch_selected: ``[S]``, that epoch, counted from 1.
        val_last, test_last: ``[S]`` after the last epoch.
        seconds: wall seconds of everything, preparation of the small graph included.
        seconds_training: of the training steps alone, all seeds together.
    """

    model: str
    seeds: tuple[int, ...]
    val_selected: Tensor
    epoch_selected: Tensor
    test_selected: Tensor
    val_last: Tensor
    test_last: Tensor
    seconds: float
    seconds_training: float


@dataclass(frozen=True)
class _Curve:
    """What training leaves behind: two sets of weights and what validation said of them."""

    model: Stacked
    selected: dict[str, Tensor]
    val_selected: Tensor
    epoch_selected: Tensor
    val_last: Tensor
    seconds_training: float


class Evaluator:
    """Trains on small graphs and scores on one real graph, whose operators it prepares once.

    Args:
        real: the real graph, anything :func:`~graphcondense.data.task.as_task` takes.
        device: where to train; default the CPU.
        **options: fields of :class:`Training`.

    Raises:
        ValueError: if ``real`` has no validation nodes, or an option is out of range.
        TypeError: for an option that does not exist.
    """

    def __init__(
        self, real: Any, *, device: torch.device | str | None = None, **options: Any
    ) -> None:
        known = [field.name for field in fields(Training)]
        if unknown := sorted(set(options) - set(known)):
            raise TypeError(f"unknown option {', '.join(unknown)}; known are {', '.join(known)}")
        self.real = as_task(real)
        if not len(self.real.val):
            raise ValueError(
                f"{self.real.name}: no validation nodes; the epoch is chosen on them, so set "
                "val_mask before evaluating"
            )
        self.training = Training(**options)
        self._like = torch.empty(0, device=device)
        self._prepared: dict[tuple[type[Stacked], str], tuple[Any, ...]] = {}

    def fit(
        self,
        model: str,
        small: Any,
        *,
        seeds: int | Sequence[int] = 10,
        progress: bool = False,
    ) -> FitResult:
        """Train ``model`` on ``small`` with every seed; read the test nodes once, at the end.

        Args:
            model: a name in :data:`~graphcondense.nn.batched.MODELS`.
            small: a PyG ``Data`` (``x [n, d]``, ``edge_index``, optional ``edge_weight``; ``y [n]``
                classes or ``[n, C]`` soft labels; optional ``train_mask``, default all nodes), or a
                :class:`NodeTask`, trained on its training nodes.
            seeds: the training seeds, or how many (``0, 1, ...``).
            progress: show a progress bar.

        Raises:
            ValueError: unknown model; features or classes that do not match the real graph; no
                test nodes.
        """
        if not len(self.real.test):
            raise ValueError(f"{self.real.name}: no test nodes; set test_mask before evaluating")
        start = time.perf_counter()
        kind, seeds = resolve(model), _seeds(seeds)
        curve = self._train(kind, small, seeds, progress)
        last = dict(curve.model.named_parameters())
        test = [self._accuracy(curve.model, w, "test") for w in (curve.selected, last)]
        return FitResult(
            model=kind.__name__,
            seeds=seeds,
            val_selected=curve.val_selected,
            epoch_selected=curve.epoch_selected,
            test_selected=test[0],
            val_last=curve.val_last,
            test_last=test[1],
            seconds=time.perf_counter() - start,
            seconds_training=curve.seconds_training,
        )

    def fit_whole(
        self, model: str, *, seeds: int | Sequence[int] = 10, progress: bool = False
    ) -> FitResult:
        """The same, trained on the real graph's own training nodes: the yardstick.

        Only what the training nodes can reach is computed, which changes no gradient.
        """
        return self.fit(model, self.real, seeds=seeds, progress=progress)

    def score(self, small: Any, model: str = "GCN", *, seeds: int | Sequence[int] = 3) -> float:
        """Mean best validation accuracy of ``small``; the test nodes are never touched.

        Made to be called often while condensing: the real graph is prepared in the first call only.
        """
        curve = self._train(resolve(model), small, _seeds(seeds), progress=False)
        return float(curve.val_selected.mean())

    def _train(
        self, kind: type[Stacked], small: Any, seeds: tuple[int, ...], progress: bool
    ) -> _Curve:
        t, device = self.training, self._like.device
        x, adj, rows, targets = read_labelled(small, self.real)
        inputs = kind.prepare(x, adj, rows, t.num_layers, self._like)
        wanted = targets.to(device).repeat(len(seeds), *[1] * (targets.dim() - 1))
        sizes = (self.real.num_features, t.hidden, self.real.num_classes)
        model = kind(*sizes, t.num_layers, t.dropout, seeds=seeds, device=device)
        # The sum over seeds: each seed's gradient is its own, and so is each Adam state.
        optimizer = torch.optim.Adam(
            model.parameters(), lr=t.lr, weight_decay=t.weight_decay, fused=True
        )
        live = dict(model.named_parameters())
        selected = {name: weight.detach().clone() for name, weight in live.items()}
        val = best = torch.full((len(seeds),), -1.0)
        epoch_selected = torch.zeros(len(seeds), dtype=torch.long)
        seconds = 0.0
        for epoch in tqdm(range(1, t.epochs + 1), kind.__name__, disable=not progress, leave=False):
            start = _now(device)
            model.train()
            logits = model(*inputs).flatten(0, 1)
            loss = F.cross_entropy(logits, wanted, reduction="sum") / len(rows)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            seconds += _now(device) - start
            if epoch % t.val_every and epoch != t.epochs:
                continue
            val = self._accuracy(model, live, "val")
            better = val > best
            if better.any():
                best, epoch_selected = best.where(~better, val), epoch_selected.clone()
                epoch_selected[better] = epoch
                for seed in better.nonzero().flatten().tolist():
                    for name, weight in live.items():
                        selected[name][seed].copy_(weight[seed].detach())
        return _Curve(model, selected, best, epoch_selected, val, seconds)

    @torch.inference_mode()
    def _accuracy(self, model: Stacked, weights: Mapping[str, Tensor], split: str) -> Tensor:
        """Share of right predictions ``[S]`` on a split of the real graph."""
        key = (type(model), split)
        nodes = getattr(self.real, split)
        if key not in self._prepared:
            self._prepared[key] = model.prepare(
                self.real.x_array,
                self.real.adj,
                nodes.numpy(),
                self.training.num_layers,
                self._like,
            )
        model.eval()
        y = self.real.y[nodes].to(self._like.device)
        seeds = len(next(iter(weights.values())))
        group = max(1, STATE // (self.real.num_nodes * self.training.hidden))
        right = [
            functional_call(
                model,
                {name: weight[i : i + group] for name, weight in weights.items()},
                self._prepared[key],
            ).argmax(-1)
            == y
            for i in range(0, seeds, group)
        ]
        return torch.cat(right).sum(1).cpu() / len(nodes)


def fit(
    model: str,
    small: Any,
    real: Any,
    *,
    seeds: int | Sequence[int] = 10,
    device: torch.device | str | None = None,
    progress: bool = False,
    **options: Any,
) -> FitResult:
    """:meth:`Evaluator.fit` in one call; ``options`` are the fields of :class:`Training`."""
    evaluator = Evaluator(real, device=device, **options)
    return evaluator.fit(model, small, seeds=seeds, progress=progress)


def fit_whole(
    model: str,
    real: Any,
    *,
    seeds: int | Sequence[int] = 10,
    device: torch.device | str | None = None,
    progress: bool = False,
    **options: Any,
) -> FitResult:
    """:meth:`Evaluator.fit_whole` in one call; ``options`` are the fields of :class:`Training`."""
    evaluator = Evaluator(real, device=device, **options)
    return evaluator.fit_whole(model, seeds=seeds, progress=progress)


def score(
    small: Any,
    real: Any,
    model: str = "GCN",
    *,
    seeds: int | Sequence[int] = 3,
    device: torch.device | str | None = None,
    **options: Any,
) -> float:
    """:meth:`Evaluator.score` in one call; keep an :class:`Evaluator` to call it often."""
    return Evaluator(real, device=device, **options).score(small, model, seeds=seeds)


def random_subgraph(real: Any, small: Any, seed: int) -> NodeTask:
    """As many random training nodes of each class as ``small`` has, and the edges between them.

    A class of which the real graph has fewer training nodes gives all of them.
    """
    task = as_task(real)
    _, _, _, targets = read_labelled(small, task)
    classes = targets if targets.dim() == 1 else targets.argmax(1)
    counts = torch.bincount(classes, minlength=task.num_classes).tolist()
    generator = torch.Generator().manual_seed(seed)
    order = task.train[torch.randperm(len(task.train), generator=generator)]
    chosen = [order[task.y[order] == c][:count] for c, count in enumerate(counts)]
    return task.subgraph(torch.cat(chosen), name="random")


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    out = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not out:
        raise ValueError(f"seeds={seeds!r} is empty: give at least one")
    return out


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def read_labelled(
    small: Any, real: NodeTask
) -> tuple[Matrix, sp.csr_matrix, np.ndarray[Any, Any], Tensor]:
    """Features, adjacency, training rows and their targets (classes or soft labels)."""
    if isinstance(small, NodeTask):
        x, adj, y, rows = small.x_array, small.adj, small.y, small.train
    else:
        x, adj, y, rows = _read_data(small)
    if x.shape[1] != real.num_features:
        raise ValueError(
            f"the small graph has {x.shape[1]} features a node, {real.name} has {real.num_features}"
        )
    if not len(rows):
        raise ValueError("the small graph has no training nodes (its train_mask is all False)")
    targets = y[rows]
    if targets.dim() == 2 and targets.shape[1] != real.num_classes:
        raise ValueError(
            f"the small graph has soft labels over {targets.shape[1]} classes, {real.name} has "
            f"{real.num_classes}"
        )
    if targets.dim() == 1 and (int(targets.min()) < 0 or int(targets.max()) >= real.num_classes):
        bad = int(targets.min()) if int(targets.min()) < 0 else int(targets.max())
        raise ValueError(
            f"the small graph has a training node of class {bad}; {real.name} has classes "
            f"0..{real.num_classes - 1}"
        )
    return x, adj, rows.numpy(), targets


def _read_data(data: Any) -> tuple[np.ndarray[Any, Any], sp.csr_matrix, Tensor, Tensor]:
    x, y = (getattr(data, name, None) for name in ("x", "y"))
    if not isinstance(x, Tensor) or not isinstance(y, Tensor):
        raise ValueError(f"a small graph needs tensors x and y, got {type(data).__name__}")
    x, y = x.detach().cpu().float(), y.detach().cpu()
    n = len(x)
    soft = y.dim() == 2 and y.shape[1] > 1
    y = y.float() if soft else y.reshape(-1).long()
    if len(y) != n:
        raise ValueError(f"the small graph has {n} nodes but {len(y)} labels")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("the small graph has NaN or infinite features")
    edges = getattr(data, "edge_index", None)
    if edges is None:
        edges = torch.empty(2, 0, dtype=torch.long)
    if edges.numel() and (int(edges.min()) < 0 or int(edges.max()) >= n):
        raise ValueError(f"edge_index names a node outside 0..{n - 1}")
    adj = csr_from_edges(edges, getattr(data, "edge_weight", None), n)
    if adj.nnz and not adj.data.min() >= 0:
        raise ValueError(
            f"edge weights of the small graph must be finite and not negative (smallest: "
            f"{adj.data.min():g})"
        )
    mask = getattr(data, "train_mask", None)
    rows = torch.arange(n) if mask is None else cast(Tensor, mask).cpu().nonzero().flatten()
    return x.numpy(), adj, y, rows
