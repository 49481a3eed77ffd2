"""Train on a small graph, validate on the real one: the one measure of every condensed set.

The protocol: Adam on the small graph, all seeds at once; validation on the real graph after every
epoch; the epoch with the best *validation* accuracy and the last epoch are each read once on the
test nodes, after training has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeAlias, cast

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from graphcondense.data.task import as_task
from graphcondense.data.task import read_labelled as read_labelled
from graphcondense.nn.batched import Matrix, Stacked, resolve
from graphcondense.nn.wrapped import wrap
from graphcondense.ops.device import usable
from graphcondense.ops.fields import Count, Momentum, NonNegative, Positive, check_fields
from graphcondense.ops.progress import tqdm
from graphcondense.ops.sampling import blocks
from graphcondense.ops.sparsify import How, candidates

Model: TypeAlias = "str | type[Stacked] | Callable[..., nn.Module]"
"""A model by its name, or a class of one's own."""

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)

STATE = 2**21
"""Largest hidden state in floats when predicting: beyond it the caches no longer hold it, so seeds
are taken in groups. Grouping changes no result."""


@dataclass(frozen=True)
class Settings:
    """How one model is trained: the fields of :class:`Training`, none left open."""

    epochs: int = 300
    hidden: int = 256
    num_layers: int = 2
    lr: float = 0.01
    weight_decay: float = 5e-4
    dropout: float = 0.5
    activation: str = "relu"
    val_every: int = 1


@dataclass(frozen=True)
class Training:
    """How the evaluator trains: a model's settings are the same for every set that is compared.

    ``None`` leaves a setting to the model, whose ``recipe`` says where it needs other than
    :class:`Settings`.

    Attributes:
        epochs: full-batch steps of Adam.
        hidden: width of the hidden layers; by default 256 or what the model needs.
        num_layers: layers (for SGC: propagation steps); by default 2 or what the model needs.
        lr: learning rate of Adam; by default 0.01 or what the model needs.
        weight_decay: of Adam, for every parameter; by default 5e-4 or what the model needs.
        dropout: on hidden activations; by default 0.5 or what the model needs.
        activation: of hidden layers; by default ReLU or what the model needs.
        val_every: validate after every so many epochs, and after the last. The grid matters: a
            score is only comparable at the same value; reports use 1.
        sparsify: which edges of a graph with different weights are kept: all (``"none"``), those
            above a threshold, the ``"top-k"`` of each node, or a maximum spanning ``"forest"``; the
            threshold and k are chosen on validation, every candidate being trained on. By default a
            threshold for models that do not see weights, all edges for the others.
    """

    epochs: Count = 300
    hidden: Count | None = None
    num_layers: Count | None = None
    lr: Positive | None = None
    weight_decay: NonNegative | None = None
    dropout: Momentum | None = None
    activation: str | None = None
    val_every: Count = 1
    sparsify: How | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    def of(self, kind: type[Stacked]) -> Settings:
        """Every setting that is left open, filled in for a model."""
        known = {f.name for f in fields(Settings)}
        given = {k: v for k, v in asdict(self).items() if v is not None and k in known}
        return Settings(**{**kind.recipe, **given})


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
        processor_seconds: of everything, on the CPU over all threads; on a GPU the seconds it was
            in use.
        chosen: what else validation chose: the edges that a model is shown
            (:attr:`Training.sparsify`), or what a predictor leaves open. Empty where nothing was.
        others: further test scores by name, one a seed.
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
    processor_seconds: float = 0.0
    chosen: str = ""
    others: Mapping[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """Networks trained on one graph, all seeds at once.

    Attributes:
        model: the stacked networks, with the weights of the last epoch.
        settings: how they were trained.
        selected: weights and buffers ``[S, ...]`` of the epoch chosen on validation.
        val_selected, epoch_selected: ``[S]``, best validation accuracy and its epoch.
        val_last: ``[S]``, validation accuracy of the last epoch.
        seconds_training: of the training steps alone.
        chosen: see :class:`FitResult`.
    """

    model: Stacked
    settings: Settings
    selected: dict[str, Tensor]
    val_selected: Tensor
    epoch_selected: Tensor
    val_last: Tensor
    seconds_training: float
    chosen: str = ""

    @torch.inference_mode()
    def logits(
        self, x: Matrix, adj: sp.csr_matrix, rows: np.ndarray[Any, Any], networks: int | None = None
    ) -> Tensor:
        """Logits ``[S, r, C]`` of the nodes ``rows [r]`` of any graph, at the selected epoch.

        Args:
            x: features ``[n, d]``.
            adj: adjacency ``[n, n]``.
            rows: different nodes.
            networks: of only so many of the seeds, the first ones.
        """
        like = next(iter(self.selected.values()))
        inputs = self.model.prepare(x, adj, rows, self.settings.num_layers, like)
        return torch.cat(list(_logits(self.model, self.selected, inputs, 1, networks)))


class NodeEvaluator:
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
        self._like = torch.empty(0, device=usable(device))
        self._prepared: dict[tuple[type[Stacked], int, str], tuple[Any, ...]] = {}

    def replace(self, **options: Any) -> NodeEvaluator:
        """An evaluator with other settings on the same real graph, whose operators both share.

        >>> import graphcondense
        >>> evaluator = NodeEvaluator(graphcondense.data.load("digits"), epochs=100)
        >>> evaluator.replace(hidden=64).training.hidden, evaluator.training.hidden
        (64, None)
        """
        out = copy(self)  # shallow: the prepared operators are the same dictionary
        out.training = replace(self.training, **options)
        return out

    def fit(
        self,
        model: Model,
        small: Any,
        *,
        seeds: int | Sequence[int] = 10,
        progress: bool = False,
    ) -> FitResult:
        """Train ``model`` on ``small`` with every seed; read the test nodes once, at the end.

        Args:
            model: a name in :data:`~graphcondense.nn.batched.MODELS`, or a class of your own as
                :func:`~graphcondense.nn.wrapped.wrap` takes them, such as
                ``torch_geometric.nn.GraphSAGE``.
            small: a PyG ``Data`` (``x [n, d]``; edges as
                :func:`~graphcondense.data.task.as_task` takes them, or none; ``y [n]`` classes or
                ``[n, C]`` soft labels; optional ``train_mask``, default all nodes), or a
                :class:`~graphcondense.data.task.NodeTask`, trained on its training nodes.
            seeds: the training seeds, or how many (``0, 1, ...``).
            progress: show a progress bar.

        Raises:
            ValueError: unknown model; features or classes that do not match the real graph; no
                test nodes.
        """
        if not len(self.real.test):
            raise ValueError(f"{self.real.name}: no test nodes; set test_mask before evaluating")
        start, cpu = _now(self._like.device), time.process_time()
        kind, seeds = model_of(model), seeds_of(seeds)
        curve = self.train(kind, small, seeds=seeds, progress=progress)
        test = [
            self._accuracy(curve.model, weights, "test")
            for weights in (curve.selected, state_of(curve.model))
        ]
        seconds = _now(self._like.device) - start
        return FitResult(
            model=kind.__name__,
            seeds=seeds,
            val_selected=curve.val_selected,
            epoch_selected=curve.epoch_selected,
            test_selected=test[0],
            val_last=curve.val_last,
            test_last=test[1],
            seconds=seconds,
            seconds_training=curve.seconds_training,
            processor_seconds=seconds if self._like.is_cuda else time.process_time() - cpu,
            chosen=curve.chosen,
        )

    def fit_whole(
        self, model: Model, *, seeds: int | Sequence[int] = 10, progress: bool = False
    ) -> FitResult:
        """The same, trained on the real graph's own training nodes: the yardstick.

        Only what the training nodes can reach is computed, which changes no gradient.
        """
        return self.fit(model, self.real, seeds=seeds, progress=progress)

    def score(self, small: Any, model: Model = "GCN", *, seeds: int | Sequence[int] = 3) -> float:
        """Mean best validation accuracy of ``small``; the test nodes are never touched.

        Made to be called often while condensing: the real graph is prepared in the first call only.
        """
        curve = self.train(model, small, seeds=seeds)
        return float(curve.val_selected.mean())

    def predict(
        self,
        model: Model,
        small: Any,
        nodes: Tensor,
        *,
        seeds: int | Sequence[int] = 10,
        progress: bool = False,
    ) -> Tensor:
        """Logits ``[S, len(nodes), C]`` of real nodes, at the epoch chosen on validation.

        The arguments are those of :meth:`fit`; ``nodes`` are indices into the real graph, or a mask
        of its nodes.
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
        logits = _logits(curve.model, curve.selected, inputs, self._group(kind))
        return torch.cat(list(logits)).cpu()[:, back]

    def memory_bytes(self, model: Model, small: Any, *, seeds: int | Sequence[int] = 10) -> int:
        """Estimate, before any work, of the memory that :meth:`fit` adds to the process.

        Counted are the weights of all seeds (values, gradients, two moments, those of the selected
        epoch), the hidden states that a training step keeps on what the labelled nodes reach, those
        of predicting on the real graph for one group of seeds, and the operators.
        """
        kind, number = model_of(model), len(seeds_of(seeds))
        t = self.training.of(kind)
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

    def train(
        self,
        model: Model,
        small: Any,
        *,
        seeds: int | Sequence[int] = 10,
        progress: bool = False,
    ) -> Trained:
        """The first half of :meth:`fit`: networks, validated on the real graph; no test node read.

        The arguments are those of :meth:`fit`.
        """
        kind, seeds = model_of(model), seeds_of(seeds)
        x, adj, rows, targets = read_labelled(small, self.real)
        how = self.training.sparsify or ("threshold" if kind.binary else "none")
        curves = [
            replace(self._train_on(kind, (x, kept, rows, targets), seeds, progress), chosen=said)
            for said, kept in candidates(adj, how)
        ]
        return max(curves, key=lambda curve: float(curve.val_selected.mean()))

    def _train_on(
        self,
        kind: type[Stacked],
        graph: tuple[Matrix, sp.csr_matrix, np.ndarray[Any, Any], Tensor],
        seeds: tuple[int, ...],
        progress: bool,
    ) -> Trained:
        t, device = self.training.of(kind), self._like.device
        x, adj, rows, targets = graph
        inputs = kind.prepare(x, adj, rows, t.num_layers, self._like)
        wanted = targets.to(device).repeat(len(seeds), *[1] * (targets.dim() - 1))
        sizes = (self.real.num_features, t.hidden, self.real.num_classes)
        model = kind(*sizes, t.num_layers, t.dropout, t.activation, seeds=seeds, device=device)
        # The sum over seeds: each seed's gradient is its own, and so is each Adam state.
        optimizer = torch.optim.Adam(
            model.parameters(), lr=t.lr, weight_decay=t.weight_decay, fused=True
        )
        live = state_of(model)
        selected = {name: value.detach().clone() for name, value in live.items()}
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
                    for name, value in live.items():
                        selected[name][seed].copy_(value[seed].detach())
        return Trained(model, t, selected, best, epoch_selected, val, seconds)

    def _accuracy(self, model: Stacked, weights: Mapping[str, Tensor], split: str) -> Tensor:
        """Share of right predictions ``[S]`` on a split of the real graph."""
        nodes = getattr(self.real, split)
        key = (type(model), self.training.of(type(model)).num_layers, split)
        if key not in self._prepared:
            self._prepared[key] = self._inputs(type(model), nodes)
        y = self.real.y[nodes].to(self._like.device)
        logits = _logits(model, weights, self._prepared[key], self._group(type(model)))
        return torch.cat([part.argmax(-1) == y for part in logits]).sum(1).cpu() / len(nodes)

    def _group(self, kind: type[Stacked]) -> int:
        """How many seeds predict at once."""
        return max(1, STATE // (self.real.num_nodes * self.training.of(kind).hidden))

    def _inputs(self, kind: type[Stacked], nodes: Tensor) -> tuple[Any, ...]:
        """What ``kind`` needs to predict these nodes of the real graph."""
        layers = self.training.of(kind).num_layers
        real = self.real
        return kind.prepare(real.x_array, real.adj, nodes.numpy(), layers, self._like)


@torch.inference_mode()
def _logits(
    model: Stacked,
    weights: Mapping[str, Tensor],
    inputs: tuple[Any, ...],
    group: int,
    networks: int | None = None,
) -> Iterator[Tensor]:
    """Logits of one group of seeds after the other."""
    model.eval()
    seeds = len(next(iter(weights.values()))) if networks is None else networks
    for i in range(0, seeds, group):
        part = {name: weight[i : i + group] for name, weight in weights.items()}
        yield functional_call(model, part, inputs)


def _arrays(matrix: Matrix) -> list[np.ndarray[Any, Any]]:
    """What a matrix is stored in."""
    if isinstance(matrix, np.ndarray):
        return [matrix]
    return [matrix.data, matrix.indices, matrix.indptr]


def state_of(model: Stacked) -> dict[str, Tensor]:
    """All that a model learns or keeps, each ``[S, ...]``."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def model_of(model: Model) -> type[Stacked]:
    """The stacked form of a model: by its name, or of a class of the user's own."""
    if isinstance(model, str):
        return resolve(model)
    if isinstance(model, type) and issubclass(model, Stacked):
        return model
    if not callable(model) or isinstance(model, nn.Module):
        raise ValueError(
            f"a model is a name or a class, got {type(model).__name__}: {str(model)[:80]!r}; a "
            "network of its own is built for every seed, so give the class or a function"
        )
    return wrap(cast(Any, model))


def fit(
    model: Model,
    small: Any,
    real: Any,
    *,
    seeds: int | Sequence[int] = 10,
    device: torch.device | str | None = None,
    progress: bool = False,
    **options: Any,
) -> FitResult:
    """:meth:`NodeEvaluator.fit` in one call; ``options`` are the fields of :class:`Training`."""
    evaluator = NodeEvaluator(real, device=device, **options)
    return evaluator.fit(model, small, seeds=seeds, progress=progress)


def fit_whole(
    model: Model,
    real: Any,
    *,
    seeds: int | Sequence[int] = 10,
    device: torch.device | str | None = None,
    progress: bool = False,
    **options: Any,
) -> FitResult:
    """:meth:`NodeEvaluator.fit_whole` in one call; ``options`` are fields of :class:`Training`."""
    evaluator = NodeEvaluator(real, device=device, **options)
    return evaluator.fit_whole(model, seeds=seeds, progress=progress)


def score(
    small: Any,
    real: Any,
    model: Model = "GCN",
    *,
    seeds: int | Sequence[int] = 3,
    device: torch.device | str | None = None,
    **options: Any,
) -> float:
    """:meth:`NodeEvaluator.score` in one call; keep an :class:`NodeEvaluator` to call it often."""
    return NodeEvaluator(real, device=device, **options).score(small, model, seeds=seeds)


def seeds_of(seeds: int | Sequence[int], what: str = "seeds") -> tuple[int, ...]:
    """Seeds as they were named, or ``0, 1, ...`` for a number of them; arrays may be either.

    Raises:
        ValueError: there is none, or one that is no integer of 63 bits.
    """
    given = np.asarray(seeds)
    if given.size and given.dtype.kind not in "iu":
        raise ValueError(f"{what}={str(seeds)[:80]}: give how many, or the seeds as integers")
    out = tuple(range(int(given))) if given.ndim == 0 else tuple(map(int, given.reshape(-1)))
    if not out:
        raise ValueError(f"{what} is empty: give at least one, got {seeds!r}")
    if max(out) >= 2**63:
        raise ValueError(f"{what} has {max(out)}: a seed is below 2**63")
    return out


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def graphs_by_name(small: Any) -> dict[str, list[Any]]:
    """Condensed graphs by name, from one, a list of one method's, or a mapping to either.

    Raises:
        ValueError: there is none.
    """
    if not isinstance(small, Mapping):
        small = {"condensed": small}
    named = {str(k): list(v) if isinstance(v, list | tuple) else [v] for k, v in small.items()}
    if not named or not all(named.values()):
        raise ValueError("there is no condensed graph: give at least one")
    return named


def record_of(graph: Any) -> Mapping[str, Any]:
    """What a condensed graph says of itself; empty where it says nothing."""
    return getattr(graph, "condensed", None) or {}
