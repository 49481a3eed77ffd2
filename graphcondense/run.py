"""From a user's data and a method's name to a finished condensed set: one function, no state."""

from __future__ import annotations

import difflib
import importlib.metadata
import math
import os
import platform
import time
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
import yaml
from torch import Tensor

from graphcondense.core import parallel
from graphcondense.core.callbacks import (
    Checkpoint,
    EarlyStop,
    JsonLog,
    Progress,
    TensorBoardLog,
    TimeBudget,
    Validate,
    read_checkpoint,
)
from graphcondense.core.engine import Callback, State
from graphcondense.core.method import Method, find_method, hyperparameters
from graphcondense.ops.budget import Budget
from graphcondense.ops.files import write_whole


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a method is run; what it computes is the method's own affair.

    Attributes:
        seed: of all randomness; the same seed gives the same bits.
        setting: node data only: ``"transductive"`` or ``"inductive"`` (training subgraph alone).
            Sets of graphs are inductive by nature: methods see training graphs alone, whatever is
            given here, and the record says so.
        device: such as ``"cpu"`` or ``"cuda"``; a GPU when there is one by default.
        validations: how many times the condensed set is scored on real validation examples on the
            way; the best is returned. 0 returns the last.
        patience: end after so many scores without a better one; by default never.
        seconds: end after so many seconds; by default never.
        out: folder of the run: ``condensed.safetensors``, its card, ``config.yaml``,
            ``metrics.jsonl``, ``checkpoint.pt``. Nothing is written by default.
        resume: go on from the checkpoint in ``out``, bit for bit.
        checkpoint_seconds: seconds between checkpoints.
        progress: show a progress bar where there is a terminal.
        tensorboard: also write TensorBoard scalars into ``out`` (extra ``log``).
    """

    seed: int = 0
    setting: Literal["transductive", "inductive"] = "transductive"
    device: str | None = None
    validations: int = 5
    patience: int | None = None
    seconds: float | None = None
    out: str | Path | None = None
    resume: bool = False
    checkpoint_seconds: float = 20.0
    progress: bool = True
    tensorboard: bool = False


def condense(
    data: Any,
    method: str | Method = "gcond",
    *,
    preset: str | None = None,
    callbacks: Sequence[Callback] = (),
    origin: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Learn a tiny synthetic data set that trains models like ``data`` does.

    The kind of data picks a paper's form: one graph with labelled nodes (PyG ``Data``, a data set
    of one graph, or a :class:`~graphcondense.data.task.NodeTask`) is condensed to a smaller graph;
    labelled graphs (a list, a PyG data set, or a :class:`~graphcondense.data.graph_task.GraphTask`)
    to a few small graphs; and ``(images, labels)`` to a few images, the best by validation on every
    tenth image of a class, which is held out. ``data`` is not changed and its test labels are not
    read.

    Args:
        data: what to condense. Labelled graphs without a split of their own get a stratified one of
            80 / 10 / 10 %; :func:`~graphcondense.data.graph_task.as_graph_task` takes others.
        method: a name from ``graphcondense.methods()``, such as ``"gcond"`` or ``"doscond-x"``,
            or a :class:`~graphcondense.core.method.Method`.
        preset: a section of the method's preset file, such as ``"paper"`` or ``"arxiv"``; fields
            given here win over it.
        callbacks: further :class:`~graphcondense.core.engine.Callback` objects.
        origin: where ``data`` came from, as plain values, for ``config.yaml`` alone.
        **options: fields of the method (budget: exactly one of ``nodes=``, ``ratio=`` with
            ``of=``, ``per_class=``, ``bytes=``; ``nodes`` counts graphs, or images, where these
            are condensed) and of :class:`Run`.

    Returns:
        For a graph, PyG ``Data`` with ``x [n, d]``, ``edge_index [2, m]``, ``edge_weight [m]``,
        ``y [n]``, ``train_mask [n]`` and the record ``condensed``; for labelled graphs
        :class:`~graphcondense.data.condensed_graphs.CondensedGraphs`, a PyG ``InMemoryDataset``
        that goes into a PyG ``DataLoader`` as it is, with the record; for images, ``Data`` with
        ``x [n, c, h, w]``, ``y [n]`` and the record.

    Raises:
        ValueError: bad data, an unknown method or field, an impossible budget, a folder that
            cannot be written, or a checkpoint of another run; always before work starts.

    >>> import graphcondense
    >>> small = graphcondense.condense(graphcondense.data.load("digits"), "random", nodes=20)
    >>> small.num_nodes, small.condensed["method"]
    (20, 'random')
    """
    run_fields = {f.name for f in fields(Run)}
    run = _checked(Run, {k: v for k, v in options.items() if k in run_fields})
    own = {k: v for k, v in options.items() if k not in run_fields}
    domain = domain_of(data, run)
    if isinstance(method, str):
        built, name = build(method, domain.kind, preset=preset, **own), method.lower()
    elif own or preset:
        raise ValueError(
            f"a Method object is complete; set {[*own, *['preset'] * bool(preset)]} on it"
        )
    elif method.domain != domain.kind:
        raise ValueError(
            f"{type(method).__name__} is for {method.domain} data, and these are {domain.kind} data"
        )
    else:
        built, name = method, method.name
    return _run(domain, built, name, run, callbacks, origin or {})


def build(name: str, domain: str | None = None, *, preset: str | None = None, **own: Any) -> Method:
    """A method from its name, a preset and fields, checked.

    Raises:
        ValueError: unknown method, preset or field, or a value outside a field's choices.

    >>> build("gcond-x", "node", nodes=70).structure
    'identity'
    """
    cls, variant = find_method(name, domain)
    known = presets(cls)
    if preset is not None and preset not in known:
        raise ValueError(
            f"{cls.name} has no preset {preset!r}; it has {', '.join(known) or 'none'}"
        )
    method: Method = _checked(cls, {**variant, **known.get(preset or "", {}), **own})
    return method


def presets(cls: type[Method]) -> dict[str, dict[str, Any]]:
    """The sections of a method's preset file, by name.

    The file is ``presets/NAME.yaml``; of the form for labelled graphs ``presets/NAME-graph.yaml``.
    """
    stem = f"{cls.name}-graph" if cls.domain == "graph" else cls.name
    path = Path(__file__).parent / "presets" / f"{stem}.yaml"
    if not path.exists():
        return {}
    out: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())
    return out


def _checked(cls: type[Any], values: Mapping[str, Any]) -> Any:
    """An instance of a dataclass, with a clear error for a wrong field or choice."""
    hints = typing.get_type_hints(cls)
    names = [f.name for f in fields(cls)]
    for key, value in values.items():
        if key not in names:
            near = difflib.get_close_matches(key, names, n=3) or names
            who = getattr(cls, "name", "") or cls.__name__
            raise ValueError(f"{who} has no option {key!r}; did you mean {', '.join(near)}?")
        if not _fits(value, hints[key]):
            raise ValueError(f"{key}={value!r} is not {_spelled(hints[key])}")
    return cls(**values)


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin is Literal:
        return value in typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, h) for h in typing.get_args(hint))
    if hint is float:
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        )
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


def _spelled(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    return f"of type {getattr(hint, '__name__', hint)}" if isinstance(hint, type) else f"{hint}"


class Domain(Protocol):
    """One kind of data, as :func:`condense` sees it.

    Attributes:
        kind: the ``domain`` of its methods.
        predictor: what :meth:`score` trains, in words.
        setting: what the record calls the setting.
    """

    kind: str
    predictor: str
    setting: str

    def finish(self, export: Any) -> Any:
        """The export as users get it: PyG ``Data``, or a data set of it."""
        ...

    def source(self, method: Method) -> Any:
        """The real data for the method."""
        ...

    def score(self) -> Any:
        """From an export to its validation score; ``None`` without validation data."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the record says of the data; ``digest`` identifies it."""
        ...

    def measure(self, small: Any) -> Measured:
        """How large the finished set is."""
        ...


@dataclass(frozen=True)
class Measured:
    """The size of a condensed set, in its own units.

    Attributes:
        sizes: for the record, such as ``nodes`` and ``edges``.
        per_class: examples of each class, or group of graphs.
        total: real examples, labelled or not.
    """

    sizes: dict[str, Any]
    per_class: list[int]
    total: int


class NodeDomain:
    """One graph with labelled nodes."""

    kind = "node"
    predictor = "GCN (2 layers, 256 hidden, 3 seeds)"

    def __init__(self, data: Any, run: Run) -> None:
        from graphcondense.data.task import as_task

        self.task, self.run = as_task(data), run
        self.setting: str = run.setting

    def source(self, method: Method) -> Any:
        from graphcondense.domains.node import NodeSource

        return NodeSource(self.task, self.run.setting, device=device_of(self.run))

    def score(self) -> Any:
        from graphcondense.evaluate import Evaluator

        if not len(self.task.val):
            return None
        return Evaluator(self.task, epochs=60, val_every=2, device=device_of(self.run)).score

    def finish(self, export: Any) -> Any:
        return export

    def describe(self) -> dict[str, Any]:
        from graphcondense.evaluate.cost import size_of

        task = self.task
        return {
            "name": task.name,
            "digest": task.digest,
            "nodes": task.num_nodes,
            "edges": int(task.adj.nnz),
            "bytes": size_of(task).bytes,
            "features": task.num_features,
            "classes": task.num_classes,
            "train": len(task.train),
            "val": len(task.val),
            "test": len(task.test),
        }

    def measure(self, small: Any) -> Measured:
        return _of_one(small, self.task.num_classes, self.task.num_nodes)


def _of_one(small: Any, classes: int, total: int) -> Measured:
    """Of a single ``Data`` whose rows are the examples."""
    sizes = {"nodes": len(small.y), "edges": int(small.edge_index.shape[1])}
    return Measured(sizes, torch.bincount(small.y, minlength=classes).tolist(), total)


class GraphDomain:
    """Many labelled graphs."""

    kind = "graph"
    setting = "inductive"
    predictor = "GCN (3 layers, 64 hidden, 100 steps, 3 seeds)"

    def __init__(self, data: Any, run: Run) -> None:
        from graphcondense.data.graph_task import as_graph_task

        self.task, self.device = as_graph_task(data), device_of(run)

    def source(self, method: Method) -> Any:
        """Training graphs; with edge features where the method has them switched on."""
        from graphcondense.domains.graph import GraphSource

        wanted = bool(getattr(method, "edge_features", False))
        return GraphSource(self._blind(), self.device, edge_features=wanted)

    def _blind(self) -> Any:
        """The task without a label outside the training graphs: no method can read one."""
        task, none = self.task, torch.empty(0, dtype=torch.long)
        y = task.graphs.y
        hidden = torch.full_like(y, torch.nan if y.is_floating_point() else -1)
        hidden[task.train] = y[task.train]
        return replace(task, graphs=replace(task.graphs, y=hidden), val=none, test=none)

    def score(self) -> Any:
        from graphcondense.evaluate.graph_fit import GraphEvaluator

        if not len(self.task.val):
            return None
        return GraphEvaluator(
            self.task, device=self.device, steps=100, val_every=10, hidden=64, lr=0.01
        ).score

    def finish(self, export: Any) -> Any:
        from graphcondense.data.condensed_graphs import CondensedGraphs

        return CondensedGraphs(export)

    def describe(self) -> dict[str, Any]:
        task = self.task
        outputs = "classes" if task.kind == "classes" else "tasks"
        return {
            "name": task.name,
            "digest": task.digest,
            "graphs": len(task),
            "nodes": len(task.graphs.x),
            "edges": int(task.graphs.edge_index.shape[1]),
            "bytes": task.graphs.bytes,
            "features": task.num_features,
            "edge_features": task.num_edge_features,
            outputs: task.num_outputs,
            "kind": task.kind,
            "metric": task.metric,
            "train": len(task.train),
            "val": len(task.val),
            "test": len(task.test),
            "encoding": task.encoding,
        }

    def measure(self, small: Any) -> Measured:
        graphs = small.set
        sizes = {
            "graphs": len(graphs),
            "nodes": len(graphs.x),
            "nodes_per_graph": round(len(graphs.x) / len(graphs), 3),
            "edges": int(graphs.edge_index.shape[1]),
        }
        groups = torch.bincount(self.task.group_of(graphs.y), minlength=self.task.num_groups)
        return Measured(sizes, groups.tolist(), len(self.task))


class ImageDomain:
    """Images and their classes."""

    kind = "image"
    predictor = "ConvNet (3 seeds)"

    def __init__(self, data: tuple[Any, Any], run: Run) -> None:
        from graphcondense.domains.image import as_images

        self.task, self.device = as_images(data), device_of(run)
        self.setting: str = run.setting

    def source(self, method: Method) -> Any:
        from graphcondense.domains.image import ImageSource

        return ImageSource(self.task, self.device)

    def score(self) -> Any:
        from graphcondense.evaluate.images import fit_images

        if not len(self.task.val):
            return None
        images, labels = self.task.images[self.task.val], self.task.labels[self.task.val]

        def score(small: tuple[Tensor, Tensor]) -> float:
            said = fit_images(small, images, labels, seeds=3, epochs=100, device=self.device)
            return float(said.mean())

        return score

    def finish(self, export: Any) -> Any:
        from torch_geometric.data import Data

        x, y = export
        return Data(
            x=x,
            edge_index=torch.empty(2, 0, dtype=torch.long),
            y=y,
            train_mask=torch.ones(len(y), dtype=torch.bool),
        )

    def describe(self) -> dict[str, Any]:
        task = self.task
        return {
            "name": "images",
            "digest": task.digest,
            "nodes": len(task.labels),
            "edges": 0,
            "bytes": task.images.nbytes + task.labels.nbytes,
            "features": list(task.images.shape[1:]),
            "classes": task.num_classes,
            "train": len(task.train),
            "val": len(task.val),
            "test": 0,
        }

    def measure(self, small: Any) -> Measured:
        return _of_one(small, self.task.num_classes, len(self.task.labels))


def domain_of(data: Any, run: Run) -> Domain:
    """Which kind of data this is.

    Raises:
        ValueError: none that this package condenses.
    """
    if isinstance(data, tuple) and len(data) == 2 and all(hasattr(d, "shape") for d in data):
        return ImageDomain(data, run)
    from graphcondense.data.graph_task import GraphTask
    from graphcondense.data.task import NodeTask, is_dataset, labels_nodes

    if isinstance(data, GraphTask):
        return GraphDomain(data, run)
    # PyG's data sets answer to `.x` too: they come first.
    if is_dataset(data):
        return NodeDomain(data, run) if labels_nodes(data) else GraphDomain(data, run)
    if isinstance(data, NodeTask) or hasattr(data, "x"):
        return NodeDomain(data, run)
    raise ValueError(
        f"cannot condense a {type(data).__name__}; pass a PyG Data, a list or data set of graphs, "
        "or (images [n, c, h, w], labels [n])"
    )


def device_of(run: Run) -> torch.device:
    """The device asked for, or a GPU when there is one."""
    if run.device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(run.device)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device={run.device!r} cannot be used here: {error}") from error
    return device


def _run(
    domain: Domain,
    method: Method,
    name: str,
    run: Run,
    extra: Sequence[Callback],
    origin: Mapping[str, Any],
) -> Any:
    began, processor = time.perf_counter(), time.process_time()
    about = domain.describe()
    identity = {
        "method": name,
        "hyperparameters": hyperparameters(method),
        "seed": run.seed,
        "setting": domain.setting,
        "validations": run.validations,
        "data": about["digest"],
    }
    source = domain.source(method)
    estimate = method.memory_bytes(source)  # an impossible budget ends here, before any writing
    folder = None if run.out is None else _writable(Path(run.out))
    resume = None
    if run.resume:
        if folder is None:
            raise ValueError("resume needs out=, the folder of the run to go on with")
        resume = read_checkpoint(folder / "checkpoint.pt", identity)
    rng = torch.Generator().manual_seed(run.seed)
    watch = Watch(domain.score() if run.validations else None, run.validations)
    callbacks: list[Callback] = [*extra, watch]
    if run.patience is not None:
        callbacks.append(EarlyStop(run.patience))
    if run.seconds is not None:
        callbacks.append(TimeBudget(run.seconds))
    if run.progress:
        callbacks.append(Progress(name))
    if folder is not None:
        if parallel.is_main():
            rest = {k: getattr(run, k) for k in ("device", "patience", "seconds")}
            config = {**identity, **rest, "data": about, "origin": dict(origin)}
            write_whole(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False))
            callbacks.append(JsonLog(folder / "metrics.jsonl"))
            if run.tensorboard:
                callbacks.append(TensorBoardLog(folder / "tensorboard"))
        saved = list(callbacks)
        path = folder / "checkpoint.pt"
        callbacks.append(Checkpoint(path, identity, saved, seconds=run.checkpoint_seconds))
    syn = method.condense(source, rng=rng, callbacks=callbacks, resume=resume)
    small = domain.finish(syn.export())
    seconds = time.perf_counter() - began
    on_gpu = device_of(run).type == "cuda"
    spent = seconds if on_gpu else time.process_time() - processor
    small.condensed = {
        **record(domain, method, name, run, about, small, watch, seconds),
        "processor_seconds": round(spent, 3),
        "memory_estimate_bytes": estimate,
    }
    if folder is not None and parallel.is_main():
        from graphcondense.data.condensed import save

        save(small, folder)
    return small


class Watch(Validate):
    """:class:`Validate` a given number of times, evenly over the run."""

    def __init__(self, score: Callable[[Any], float] | None, times: int) -> None:
        super().__init__(score or _never, every=1)
        self.active, self.times = score is not None, times

    def start(self, state: State) -> None:
        self.every = max(1, math.ceil(state.schedule.steps / max(self.times, 1)))

    def step(self, state: State) -> None:
        if self.active:
            super().step(state)


def _never(export: Any) -> float:
    raise AssertionError("an inactive validator was asked for a score")


def record(
    domain: Domain,
    method: Method,
    name: str,
    run: Run,
    about: Mapping[str, Any],
    small: Any,
    watch: Watch,
    seconds: float,
) -> dict[str, Any]:
    """What a condensed set says of itself; plain values that JSON holds."""
    from graphcondense.data.condensed import graph_hash, tensor_bytes

    size = domain.measure(small)
    count = sum(size.per_class)
    asked = {f.name: getattr(method, f.name) for f in fields(Budget)}
    return {
        "method": name,
        "paper": method.paper,
        "domain": domain.kind,
        "hyperparameters": {k: v for k, v in hyperparameters(method).items() if k not in asked},
        "seed": run.seed,
        "setting": domain.setting,
        "data": dict(about),
        "budget": {
            "asked": {k: v for k, v in asked.items() if v is not None},
            "per_class": size.per_class,
            "of_labelled": round(count / about["train"], 6),
            "of_all": round(count / size.total, 6),
        },
        **size.sizes,
        "bytes": tensor_bytes(small),
        "hash": graph_hash(small),
        "seconds": round(seconds, 3),
        "validation": {"score": watch.best, "step": watch.best_step, "predictor": domain.predictor}
        if watch.kept
        else None,
        "device": str(device_of(run)),
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            **{p: importlib.metadata.version(p) for p in VERSIONED},
        },
    }


VERSIONED = ("graphcondense", "torch", "torch-geometric", "numpy", "scipy", "scikit-learn")
"""Packages whose versions a record names."""


def _writable(folder: Path) -> Path:
    """Make ``folder`` and prove that a file can be written there, before any work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(f"cannot write into the folder {folder}: {error}") from error
    return folder
