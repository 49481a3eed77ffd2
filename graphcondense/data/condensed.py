"""Condensed graphs as files: tensors and record in one ``.safetensors``, a card beside it.

>>> import tempfile
>>> small = Data(x=torch.eye(2), edge_index=torch.tensor([[0], [1]]), y=torch.tensor([0, 1]))
>>> small.condensed = {"method": "by hand", "hyperparameters": {"lr": 0.1}}
>>> with tempfile.TemporaryDirectory() as folder:
...     path = save(small, folder)
...     again = load(path)
...     files = sorted(p.name for p in path.parent.iterdir())
>>> files
['condensed.md', 'condensed.safetensors']
>>> again.condensed["method"], graph_hash(again) == graph_hash(small)
('by hand', True)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import safetensors
import scipy.sparse as sp
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor
from torch_geometric.data import Data, InMemoryDataset

from graphcondense.data.condensed_graphs import NAMES as GRAPHS_NAMES
from graphcondense.data.condensed_graphs import CondensedGraphs, check_graphs, tensors_of
from graphcondense.data.condensed_rows import NAMES as ROWS_NAMES
from graphcondense.data.condensed_rows import CondensedInteractions, check_rows, rows_of
from graphcondense.data.graph_task import GraphSet
from graphcondense.data.preprocess import PREFIX
from graphcondense.ops.device import usable
from graphcondense.ops.files import write_all

Small: TypeAlias = Data | CondensedGraphs | CondensedInteractions
"""What is saved: a graph (or images), a set of graphs, or users by items."""

FORMAT = "graphcondense"
VERSION = 1
NAMES = ("x", "edge_index", "edge_weight", "y", "train_mask", "assignment")
PREPROCESS = ("mean", "std", "basis", "scale", "rest")
"""What a preprocessing of images may hold; see :mod:`graphcondense.data.preprocess`."""
_PREPROCESS = tuple(PREFIX + name for name in PREPROCESS)
_UNCOUNTED = (
    *("train_mask", "assignment", "node_ptr", "edge_ptr", "row_ptr", "num_items"),
    *_PREPROCESS,
)


def save(small: Small, path: str | Path) -> Path:
    """Write condensed data (a graph, a set of graphs, users) and a card that a person can read.

    Both files are written under another name first and then moved, so that a file that is there is
    whole. ``small`` is not changed; tensors on other devices are copied.

    Args:
        small: ``x [n, d]`` float32, ``edge_index [2, m]`` int64, optionally ``edge_weight [m]``
            float32, ``y [n]`` int64 or soft labels ``[n, C]`` float32, ``train_mask [n]`` bool
            (all nodes if missing; outside it ``y`` may be -1), optionally ``assignment [N]`` int64
            (see :func:`assignment_matrix`), and ``condensed``, a record that JSON can hold; or a
            :class:`~graphcondense.data.condensed_graphs.CondensedGraphs` or
            :class:`~graphcondense.data.condensed_rows.CondensedInteractions`.
        path: a file that ends in ``.safetensors``, or a folder, in which it is called
            ``condensed.safetensors``. Folders are made.

    Returns:
        The path of the ``.safetensors`` file; the card ends in ``.md``.

    Raises:
        ValueError: for a graph or record that is not as above, or a folder that cannot be written.
    """
    path = _file(path)
    record = getattr(small, "condensed", None)
    record = {} if record is None else record
    tensors = _tensors(small)
    try:
        text = json.dumps({"version": VERSION, "record": record})
    except (TypeError, ValueError) as error:
        raise ValueError(f"the record 'condensed' does not fit JSON: {error}") from error
    what = {CondensedGraphs: "graphs", CondensedInteractions: "users"}.get(type(small), "graph")
    _check(tensors, record, f"cannot save the {what}")
    # One entry: safetensors writes several in an order that changes from run to run.
    blob = to_bytes(tensors, {FORMAT: text})
    card = _card(path, record, tensors, hashlib.sha256(blob).hexdigest())
    try:
        write_all({path: blob, path.with_suffix(".md"): card})
    except OSError as error:
        raise ValueError(f"cannot write into the folder {path.parent}: {error}") from error
    return path


def load(path: str | Path, device: torch.device | str | None = None) -> Small:
    """Read what :func:`save` wrote, and check it.

    Args:
        path: the ``.safetensors`` file, or the folder of a ``condensed.safetensors``.
        device: where to put the tensors; by default the CPU.

    Returns:
        A ``Data``, ``CondensedGraphs`` or ``CondensedInteractions`` (on the CPU), with the tensors
        of :func:`save` and the record as ``condensed``.

    Raises:
        ValueError: naming the file, for one that is missing, foreign, broken, of a later version,
            or has values that cannot be a graph's.
    """
    path = _file(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    try:
        with safetensors.safe_open(path, "pt") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a readable safetensors file ({error})") from error
    if FORMAT not in meta:
        raise ValueError(f"{path} is not a condensed graph that {FORMAT} wrote")
    try:
        head = json.loads(meta[FORMAT])
        version, record = head["version"], head["record"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: its record cannot be read ({error!r})") from error
    if version != VERSION:
        raise ValueError(f"{path} has format version {version}, this {FORMAT} reads {VERSION}")
    _check(tensors, record, str(path))
    small: Small
    if _of_rows(tensors):
        small = rows_of(tensors, record)
    elif _of_graphs(tensors):
        given = {name: tensors.get(name) for name in GRAPHS_NAMES}
        small = CondensedGraphs(GraphSet(**given), record)  # type: ignore[arg-type]
    else:
        small = Data(**tensors)
        small.condensed = record
    return small if device is None else small.to(usable(device))


def tensor_bytes(small: Small) -> int:
    """Bytes of ``x``, ``edge_index``, ``edge_weight`` and ``y``, as stored.

    Of a set of graphs also those of ``edge_attr`` and ``node_weight``; where each graph begins
    (16 bytes a graph) is left out, as the mask of training nodes is, and the assignment of real
    nodes, which no model trains on.

    >>> no_edges = torch.zeros(2, 0, dtype=torch.long)
    >>> tensor_bytes(Data(x=torch.zeros(2, 3), edge_index=no_edges, y=torch.tensor([0, 1])))
    40
    """
    tensors = _tensors(small)
    return sum(t.numel() * t.element_size() for k, t in tensors.items() if k not in _UNCOUNTED)


def graph_hash(small: Small | GraphSet) -> str:
    """SHA-256 (first 16 hex digits) of all stored tensors; the record is left out.

    >>> a = Data(x=torch.zeros(2, 3), edge_index=torch.zeros(2, 0).long(), y=torch.tensor([0, 1]))
    >>> b = a.clone()
    >>> b.x[0, 0] = 1
    >>> graph_hash(a) == graph_hash(a.clone()), graph_hash(a) == graph_hash(b)
    (True, False)
    """
    h = hashlib.sha256()
    for name, tensor in _tensors(small).items():
        h.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        h.update(tensor.numpy().tobytes())
    return h.hexdigest()[:16]


def assignment_matrix(small: Data) -> sp.csr_matrix:
    """Which condensed node stands for which real one: ``[N, n]``, a one at ``(i, assignment[i])``.

    Its transpose sums over groups; a real node that nothing stands for (-1) has an empty row.

    Raises:
        ValueError: the condensed graph does not say (only coarsening makes groups of real nodes).

    >>> small = Data(x=torch.zeros(2, 1), assignment=torch.tensor([1, -1, 0]))
    >>> assignment_matrix(small).toarray().tolist()
    [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]
    """
    given = getattr(small, "assignment", None)
    if not isinstance(given, Tensor):
        raise ValueError("the condensed graph has no assignment of real nodes; coarsened ones have")
    group = given.cpu().numpy()
    at = np.flatnonzero(group >= 0)
    shape = (len(group), int(small.num_nodes))
    return sp.csr_matrix((np.ones(len(at)), (at, group[at])), shape=shape)


class CondensedDataset(InMemoryDataset):  # type: ignore[misc]
    """A folder of condensed graphs as a PyG data set, in the order of their file names.

    A condensed *set* of graphs is one file and a data set by itself: :func:`load` opens it.

    Nothing is written, neither ``raw/`` nor ``processed/``. Where some graphs have edge weights,
    those of the others are one. Assignments of real nodes are left out: :func:`load` has them.

    Args:
        root: folder with one or more ``.safetensors`` files that :func:`save` wrote.
        transform: applied to a graph at every access.
        pre_transform: applied to each graph once, when the folder is read.

    Raises:
        ValueError: when there is no such file, one is broken, or they do not go together: other
            features, or soft labels here and classes there.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable[[Data], Data] | None = None,
        pre_transform: Callable[[Data], Data] | None = None,
    ) -> None:
        super().__init__(str(root), transform, pre_transform)
        self.files = sorted(Path(self.root).glob("*.safetensors"))
        if not self.files:
            raise ValueError(f"no condensed graph (*.safetensors) in {self.root}")
        graphs: list[Any] = [load(file) for file in self.files]
        for file, graph in zip(self.files, graphs, strict=True):
            if isinstance(graph, CondensedGraphs | CondensedInteractions):
                what = "a data set of {} graphs" if hasattr(graph, "set") else "{} users"
                raise ValueError(
                    f"{file} holds {what.format(len(graph))}: open it with load, or keep it in "
                    "another folder"
                )
        # Records differ in their keys from method to method: they stay out of PyG's collation.
        self._records = [graph.condensed for graph in graphs]
        for file, graph in zip(self.files, graphs, strict=True):
            del graph.condensed
            if "assignment" in graph:
                del graph.assignment
            if _kind(graph) != _kind(graphs[0]):
                raise ValueError(
                    f"{file} has {_kind(graph)}, {self.files[0].name} has {_kind(graphs[0])}; keep "
                    "condensed graphs of different data in different folders"
                )
        if any("edge_weight" in graph for graph in graphs):
            for graph in graphs:
                if "edge_weight" not in graph:
                    graph.edge_weight = torch.ones(graph.num_edges)
        if pre_transform is not None:
            graphs = [pre_transform(graph) for graph in graphs]
        self.data, self.slices = self.collate(graphs)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The record of each graph (its ``condensed``), in the order of the data set."""
        return [self._records[i] for i in self.indices()]


# --- what a file may hold --------------------------------------------------------------------


def _tensors(small: Small | GraphSet) -> dict[str, Tensor]:
    """What is stored of ``small``: on the CPU, contiguous, in a fixed order."""
    held = small.set if isinstance(small, CondensedGraphs) else small
    if isinstance(held, CondensedInteractions):
        return held.tensors
    if isinstance(held, GraphSet):
        given: dict[str, Any] = dict(tensors_of(held))
    else:
        given = {name: getattr(small, name, None) for name in (*NAMES, *_PREPROCESS)}
        if given["train_mask"] is None and isinstance(given["x"], Tensor):
            given["train_mask"] = torch.ones(len(given["x"]), dtype=torch.bool)
    return {
        name: value.detach().cpu().contiguous()
        for name, value in given.items()
        if isinstance(value, Tensor)
    }


def _of_graphs(tensors: Mapping[str, Tensor]) -> bool:
    """Whether these are a set of graphs: only there does something say where a graph begins."""
    return not tensors.keys().isdisjoint(set(GRAPHS_NAMES) - set(NAMES))


def _of_rows(tensors: Mapping[str, Tensor]) -> bool:
    """Whether these are users by items."""
    return not tensors.keys().isdisjoint(ROWS_NAMES)


def _check(tensors: Mapping[str, Tensor], record: Any, where: str) -> None:
    """Raise a ValueError that starts with ``where`` unless these are graphs with a record."""
    names = GRAPHS_NAMES if _of_graphs(tensors) else (*NAMES, *_PREPROCESS)
    names = ROWS_NAMES if _of_rows(tensors) else names
    if not isinstance(record, dict):
        raise ValueError(f"{where}: the record must be a dict, got {type(record).__name__}")
    if unknown := sorted(tensors.keys() - set(names)):
        raise ValueError(f"{where}: unknown tensors {unknown}")
    if _of_rows(tensors):
        check_rows(tensors, where)
    elif _of_graphs(tensors):
        check_graphs(tensors, where, record)
    else:
        _check_graph(tensors, record, where)


def _check_graph(tensors: Mapping[str, Tensor], record: Mapping[str, Any], where: str) -> None:
    """:func:`_check` of one graph."""

    def need(condition: bool, message: str) -> None:
        if not condition:
            raise ValueError(f"{where}: {message}")

    for name in ("x", "edge_index", "y", "train_mask"):
        need(name in tensors, f"{name} is missing")
    x, edges, y = tensors["x"], tensors["edge_index"], tensors["y"]
    need(x.dim() >= 2, f"x must be [nodes, features], got {tuple(x.shape)}")
    n, m = len(x), edges.shape[-1] if edges.dim() == 2 else -1
    soft = y.dim() == 2
    expected: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
        "x": ((n, *x.shape[1:]), torch.float32),  # images have more than one dimension
        "edge_index": ((2, m), torch.int64),
        "edge_weight": ((m,), torch.float32),
        "y": ((n, y.shape[1]), torch.float32) if soft else ((n,), torch.int64),
        "train_mask": ((n,), torch.bool),
        "assignment": ((tensors.get("assignment", y).numel(),), torch.int64),
    }
    for name in _PREPROCESS:  # floats of any shape: the preprocessing itself knows which
        if name in tensors:
            expected[name] = (tuple(tensors[name].shape), torch.float32)
    for name, tensor in tensors.items():
        shape, dtype = expected[name]
        need(
            tuple(tensor.shape) == shape and tensor.dtype == dtype,
            f"{name} must be {dtype} of shape {list(shape)} for {n} nodes, got {tensor.dtype} of "
            f"shape {list(tensor.shape)}",
        )
        if dtype == torch.float32:
            bad = int((~torch.isfinite(tensor)).sum())
            need(bad == 0, f"{name} has {bad} values that are NaN or infinite")
    need(n > 0, "it has no nodes")
    for bad_edge in edges[(edges < 0) | (edges >= n)][:1]:
        need(False, f"edge_index names node {int(bad_edge)}, but there are nodes 0..{n - 1}")
    if "assignment" in tensors:
        group = tensors["assignment"]
        for bad in group[(group < -1) | (group >= n)][:1]:
            need(False, f"assignment names node {int(bad)}, but there are nodes 0..{n - 1}, or -1")
    about = record.get("data")
    classes = about.get("classes") if isinstance(about, dict) else None
    if soft:
        need(y.shape[1] == (classes or y.shape[1]), f"y has {y.shape[1]} columns, not {classes}")
    else:
        for node in ((y < -1) | ((y < 0) & tensors["train_mask"])).nonzero().flatten()[:1]:
            told = "classes are 0..C-1, and -1 outside train_mask alone"
            need(False, f"y has class {int(y[node])} at node {int(node)}; {told}")
        top = int(y.max())
        need(classes is None or top < classes, f"y has class {top}, but there are {classes}")


def _kind(small: Data) -> str:
    labels = f"{small.y.shape[1]} soft labels" if small.y.dim() == 2 else "classes"
    return f"{small.x.shape[1]} features and {labels}"


# --- files -----------------------------------------------------------------------------------


def _file(path: str | Path) -> Path:
    path = Path(path).expanduser()
    if path.suffix == ".safetensors" and not path.is_dir():
        return path
    if path.is_dir() or not path.suffix:
        return path / "condensed.safetensors"
    raise ValueError(f"{path} must end in .safetensors, or be a folder")


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """
    >>> list(_flat({"a": 1, "b": {"c": 2}}))
    [('a', 1), ('b.c', 2)]
    """
    for key, value in record.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _card(path: Path, record: Mapping[str, Any], tensors: Mapping[str, Tensor], sha256: str) -> str:
    rows = dict(_flat(record))
    what, opened = "A small graph that stands in for a large one", "a PyG Data"
    them = "it"
    if _of_graphs(tensors):
        count = len(tensors["y"])
        what, them = f"{count} graphs that stand in for a large set of graphs", "them"
        opened = f"a PyG data set of {count} graphs"
    if _of_rows(tensors):
        count = len(tensors["rows"]) if "rows" in tensors else len(tensors["row_ptr"]) - 1
        what, them = f"{count} users that stand in for many", "them"
        opened = "users by items: .csr (scipy), .hetero (PyG)"
    title = f"{rows.get('data.name', path.stem)}, condensed by {rows.get('method', 'hand')}"
    cell = "| {} | {} |".format
    shapes = [
        cell(name, f"{str(t.dtype).removeprefix('torch.')} {list(t.shape)}")
        for name, t in tensors.items()
    ]
    table = [
        cell(name, " ".join(str(value).split()).replace("|", "\\|")) for name, value in rows.items()
    ]
    lines = [
        f"# {title}",
        "",
        f"{what} in training. `{path.name}` holds {them}:",
        "",
        *(cell("tensor", "type and shape"), cell("---", "---"), *shapes),
        "",
        "```python",
        "from graphcondense.data import load_condensed",
        "",
        f'small = load_condensed("{path.name}")  # {opened}',
        "```",
        "",
        *_assignment_lines(tensors),
        *_encoding_lines(record),
        *(cell("record", "value"), cell("---", "---"), *table),
        "",
        f"SHA-256 of `{path.name}`: `{sha256}`",
        "",
    ]
    return "\n".join(lines)


def _assignment_lines(tensors: Mapping[str, Tensor]) -> list[str]:
    """What the assignment says; nothing where there is none."""
    if "assignment" not in tensors:
        return []
    group = tensors["assignment"]
    return [
        f"`assignment[i]` is the node that stands for node `i` of the real graph ({len(group):,} "
        f"nodes, {int((group < 0).sum()):,} of them in no group: -1).",
        "",
    ]


def _encoding_lines(record: Mapping[str, Any]) -> list[str]:
    """What the columns of encoded features stand for, as a table; nothing where none are."""
    about = record.get("data")
    encoding = about.get("encoding") if isinstance(about, Mapping) else None
    rows = []
    for name, columns in (encoding or {}).items():
        first = 0
        for i, values in enumerate(columns or ()):
            last = first + len(values) - 1
            said = ", ".join(map(str, values))
            rows.append(f"| {name}[:, {first}..{last}] | {i} | {said} |")
            first = last + 1
    if not rows:
        return []
    return [
        "Categories are encoded: one column for each value. In real data a column is 0 or 1, here "
        "it is any number. `graphcondense.transforms.EncodeCategories.of(small)` brings real "
        "graphs into this form.",
        "",
        "| columns | category | values |",
        "| --- | --- | --- |",
        *rows,
        "",
    ]
