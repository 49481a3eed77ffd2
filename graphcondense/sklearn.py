"""Estimators for scikit-learn: pipelines, searches and cross-validation over the nodes of a graph.

Samples are *nodes of one graph*: ``X`` holds their numbers, ``y`` their labels, and the graph is a
parameter, so that every tool which takes rows of ``X`` apart takes nodes apart. Features and edges
of all nodes are seen, labels of the nodes of ``X`` alone.

>>> import graphcondense
>>> from graphcondense.sklearn import Condenser
>>> data = graphcondense.data.load("digits")
>>> nodes = data.train_mask.nonzero().flatten().numpy()
>>> Condenser(data, "random", nodes=20).fit(nodes, data.y[nodes]).small_
CondensedGraph(random, 20 nodes, 4 edges, 1.1 % of digits)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch_geometric.data import Data

from graphcondense.core.method import Method
from graphcondense.data.labels import few
from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask
from graphcondense.evaluate.nodes import NodeEvaluator, Trained
from graphcondense.ops.fields import Chance, Seed, check_each
from graphcondense.ops.types import Record
from graphcondense.run import condense
from graphcondense.saved.condensed_graph import CondensedGraph

__all__ = ["CondensedClassifier", "Condenser"]

Nodes: TypeAlias = "npt.ArrayLike | Tensor"
"""Numbers of nodes ``[n]`` or ``[n, 1]``."""

BUDGET = ("nodes", "ratio", "per_class")


class _OfNodes(BaseEstimator):  # type: ignore[misc]
    """An estimator whose samples are numbers of nodes."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.no_validation = True
        return tags


class Condenser(TransformerMixin, _OfNodes):  # type: ignore[misc]
    """Condenses a graph, seeing the labels of some nodes.

    Args:
        data: the graph, anything :func:`~graphcondense.data.as_task` takes. ``None`` where
            ``fit`` is given a graph itself, which then has its own split.
        method: a name from ``graphcondense.methods()``, or a method; by default the default one.
        nodes, ratio, per_class: the budget, one of them, see :func:`graphcondense.condense`.
        seed: of all randomness.
        preset: see :func:`graphcondense.condense`.
        options: further options of the run and of the method, such as ``{"epochs": 10}``.
        model: what :meth:`score` trains on the condensed graph, a name such as ``"GCN"`` or a
            class.
        training: how, fields of :class:`~graphcondense.evaluate.node_training.Training`, such as
            ``{"epochs": 100}``.
        validation_fraction: share of the nodes of each class given to ``fit`` on which epochs, and
            states of a run, are chosen; one node of a class is always left for training.

    Attributes:
        small_: the condensed graph, a PyG ``Data``.
        record_: how it was made.
        task_: what the run saw, a :class:`~graphcondense.data.task.NodeTask`.
    """

    _judge: tuple[tuple[object, ...], Trained] | None = None

    def __init__(
        self,
        data: object = None,
        method: str | Method | None = None,
        *,
        nodes: int | None = None,
        ratio: float | None = None,
        per_class: int | None = None,
        seed: int = 0,
        preset: str | None = "auto",
        options: Mapping[str, object] | None = None,
        model: object = "GCN",
        training: Mapping[str, object] | None = None,
        validation_fraction: float = 0.2,
    ) -> None:
        self.data = data
        self.method = method
        self.nodes = nodes
        self.ratio = ratio
        self.per_class = per_class
        self.seed = seed
        self.preset = preset
        self.options = options
        self.model = model
        self.training = training
        self.validation_fraction = validation_fraction

    def fit(self, X: Nodes | Data | NodeTask, y: npt.ArrayLike | None = None) -> Self:
        """Condense.

        Args:
            X: numbers of nodes of ``data``, whose labels may be seen; or a graph with its own
                split, where ``data`` is ``None``.
            y: their labels, which must be those of the graph; by default these.

        Raises:
            ValueError: no graph, or two; numbers that are no nodes, or twice the same; labels that
                are not the graph's, or none of one class a node, or given beside a graph; a class
                of which no node is given; what :func:`graphcondense.condense` refuses.
        """
        check_each(seed=(self.seed, Seed))  # before anything is drawn from it
        task = self._task(X, y)
        budget = {name: getattr(self, name) for name in BUDGET}
        given: Record = {name: value for name, value in budget.items() if value is not None}
        more = _copied(self.options, "options")
        if both := sorted(more.keys() & {*given, "seed", "preset"}):
            raise ValueError(f"{both[0]} is given twice: leave it out of options=")
        options: Record = {"progress": False, **more, **given}
        self.small_: CondensedGraph = condense(
            task,
            self.method,
            seed=self.seed,
            preset=self.preset,
            **options,
        )
        self.record_: Record = self.small_.condensed
        self.task_ = task
        self._judge = None
        return self

    def transform(self, X: object = None) -> CondensedGraph:
        """The condensed graph, whatever ``X`` is."""
        check_is_fitted(self, "small_")
        return self.small_

    def score(self, X: Nodes, y: npt.ArrayLike | None = None) -> float:
        """Accuracy of ``model``, trained on the condensed graph, on nodes of the real one.

        Args:
            X: numbers of nodes.
            y: their labels; by default the graph's.
        """
        wanted = _labels_of(self, X, y)
        found = self.logits(X).argmax(1)
        return float((found == wanted).mean())

    def logits(self, X: Nodes) -> npt.NDArray[np.float32]:
        """What ``model``, trained on the condensed graph once, says of nodes: ``[n, C]``.

        It is trained anew where ``model``, ``training`` or ``seed`` were set to others since.
        """
        check_is_fitted(self, "small_")
        rows = _rows(X, self.task_)
        asked = (self.model, _copied(self.training, "training"), self.seed)
        if self._judge is None or self._judge[0] != asked:  # set_params may follow fit
            self._judge = asked, self._trained()
        once, back = np.unique(rows, return_inverse=True)
        logits = self._judge[1].logits(self.task_.x_array, self.task_.adj, once)
        out: npt.NDArray[np.float32] = logits.mean(0).cpu().numpy()[back]
        return out

    def __sklearn_clone__(self) -> Self:
        """With the same graph, which nothing changes: a search would copy it for every fit."""
        params: Record = self.get_params(deep=False)
        return type(self)(
            params.pop("data"), **{k: clone(v, safe=False) for k, v in params.items()}
        )

    def _trained(self) -> Trained:
        training = _copied(self.training, "training")
        evaluator = NodeEvaluator(self.task_, **training)
        kind = evaluator.model_of(self.model)  # type: ignore[arg-type]
        return evaluator.train(kind, self.small_, seeds=[self.seed], progress=False)

    def _task(self, X: object, y: npt.ArrayLike | None) -> NodeTask:
        """What a run may see."""
        if self.data is None:
            if not isinstance(X, Data | NodeTask) and not hasattr(X, "edge_index"):
                raise ValueError(
                    f"fit needs a graph: give it data=, or a graph for X, got {type(X).__name__}"
                )
            if y is not None:
                raise ValueError(
                    "y is given beside a graph, which has its own labels and split: leave y out, "
                    "or give the graph as data= and numbers of nodes for X"
                )
            return _of_classes(as_task(X))
        if isinstance(X, Data | NodeTask):
            raise ValueError("two graphs: X is one, and data= another; X are numbers of its nodes")
        whole = as_task(self.data)
        rows = _rows(X, whole)
        if len(np.unique(rows)) < len(rows):
            raise ValueError("X names a node twice")
        labels = _checked_labels(whole, rows, y)
        val = _held(labels, self.validation_fraction, self.seed)
        _refuse_absent(labels, whole)
        known = torch.from_numpy(rows)
        hidden = torch.full_like(whole.y, -1)
        hidden[known] = whole.y[known]
        train, val_rows = known[torch.from_numpy(~val)], known[torch.from_numpy(val)]
        test = known[:0]
        return replace(whole, y=hidden, train=train, val=val_rows, test=test, left_out={})


class CondensedClassifier(ClassifierMixin, _OfNodes):  # type: ignore[misc]
    """Condenses a graph, trains a model on the condensed one, and classifies nodes of the real one.

    Any scorer of scikit-learn judges it, and its condenser's parameters are searched as
    ``condenser__nodes``.

    Args:
        condenser: what condenses and says which model is trained; it is cloned.

    Attributes:
        condenser_: the fitted one.
        classes_: the classes ``[C]``, ``0..C-1``.
    """

    def __init__(self, condenser: Condenser | None = None) -> None:
        self.condenser = condenser

    def fit(self, X: Nodes, y: npt.ArrayLike | None = None) -> Self:
        """Condense and train; arguments of :meth:`Condenser.fit`.

        Raises:
            ValueError: ``condenser`` is none; what :meth:`Condenser.fit` refuses.
        """
        if not isinstance(self.condenser, Condenser):
            raise ValueError(
                f"condenser={self.condenser!r:.60}: give a Condenser, such as Condenser(data)"
            )
        self.condenser_: Condenser = clone(self.condenser).fit(X, y)
        self.classes_ = np.arange(self.condenser_.task_.num_classes)
        self.condenser_.logits(self.condenser_.task_.train[:1])  # trains the model
        return self

    def predict(self, X: Nodes) -> npt.NDArray[np.int64]:
        """Classes ``[n]`` of nodes of the real graph, given by their numbers ``X [n]``."""
        check_is_fitted(self, "condenser_")
        out: npt.NDArray[np.int64] = self.classes_[self.condenser_.logits(X).argmax(1)]
        return out

    def predict_proba(self, X: Nodes) -> npt.NDArray[np.float64]:
        """Probabilities ``[n, C]`` of nodes of the real graph, given by their numbers ``X [n]``."""
        check_is_fitted(self, "condenser_")
        logits = torch.from_numpy(self.condenser_.logits(X)).double()
        out: npt.NDArray[np.float64] = logits.softmax(1).numpy()
        return out


def _copied(given: object, name: str) -> Record:
    """A parameter that is a mapping, or nothing."""
    if given is not None and not isinstance(given, Mapping):
        raise ValueError(f"{name}={given!r:.60}: give a mapping, such as {{'epochs': 10}}")
    return dict(given or {})


def _rows(X: object, task: NodeTask) -> npt.NDArray[np.int64]:
    """Numbers of nodes."""
    found = X.cpu().numpy() if isinstance(X, Tensor) else np.asarray(X)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise ValueError(
            f"X must be numbers of nodes [n], such as data.train_mask.nonzero(), got "
            f"{found.dtype} of shape {found.shape}"
        )
    n = task.num_nodes
    if not len(found) or found.min() < 0 or found.max() >= n:
        bad = next((int(row) for row in found if not 0 <= row < n), None)
        raise ValueError(f"X must be nodes 0..{n - 1} of {task.name}, got {bad}")
    return found.astype(np.int64)


def _of_classes(task: NodeTask) -> NodeTask:
    """The task, whose nodes must have one class each."""
    if task.label_kind != "classes":
        raise ValueError(
            f"{task.name} has {task.label_kind} labels; estimators for scikit-learn take classes"
        )
    return task


def _checked_labels(
    task: NodeTask, rows: npt.NDArray[np.int64], y: npt.ArrayLike | None
) -> npt.NDArray[np.int64]:
    """The labels of nodes, which ``y`` has to agree with."""
    _of_classes(task)
    own: npt.NDArray[np.int64] = task.y[torch.from_numpy(rows)].numpy()
    if (own < 0).any():
        raise ValueError(f"node {int(rows[own < 0][0])} of {task.name} has no label")
    given = own if y is None else np.asarray(y).reshape(-1)
    if len(given) != len(own):
        raise ValueError(f"y has {len(given)} labels for {len(own)} nodes")
    if (given != own).any():
        at = int(np.flatnonzero(given != own)[0])
        raise ValueError(
            f"y says {given[at]} of node {int(rows[at])}, {task.name} says {int(own[at])}: labels "
            "are the graph's"
        )
    return own


def _refuse_absent(labels: npt.NDArray[np.int64], task: NodeTask) -> None:
    """A budget has a share for every class of the graph, and nothing could be made for this one."""
    if missing := sorted({*range(task.num_classes)} - {*labels.tolist()}):
        raise ValueError(
            f"X has no node of class {few(missing)}, and {task.name} has {task.num_classes} "
            "classes: give nodes of each, as StratifiedKFold does"
        )


def _labels_of(condenser: Condenser, X: Nodes, y: npt.ArrayLike | None) -> npt.NDArray[np.int64]:
    """Labels of nodes that may have been hidden from a run."""
    check_is_fitted(condenser, "small_")
    whole = condenser.task_ if condenser.data is None else as_task(condenser.data)
    return _checked_labels(whole, _rows(X, whole), y)


def _held(labels: npt.NDArray[np.int64], share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which nodes are for validation: this share of each class, and never all of it."""
    share, seed = check_each(validation_fraction=(share, Chance), seed=(seed, Seed))
    rng = np.random.default_rng(seed)
    out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        at = rng.permutation(np.flatnonzero(labels == label))
        out[at[: min(round(share * len(at)), len(at) - 1)]] = True
    if not out.any():
        raise ValueError(
            f"validation_fraction={share:g} of {len(labels)} nodes leaves none to validate on: "
            "give more nodes, or a larger share"
        )
    return out
