"""Graphs (of nodes, of nodes of several types, of links), sets of graphs and users by items of
every shape, drawn by hypothesis, and what must hold for them: a method gives a valid small set, or
a ``ValueError`` of this package says why not.

A plan says what is drawn and nothing more, so it is short in a message, and hypothesis makes it
smaller; :meth:`data` makes the data of it, the same each time.
"""

from __future__ import annotations

import collections
import contextlib
import importlib
import io
import json
import pkgutil
import re
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data, HeteroData

import graphcondense
from graphcondense.data.link_task import LinkTask
from graphcondense.methods import find_method
from tests import cases

HERE = Path(__file__).parent
PACKAGE = Path(graphcondense.__file__).parent


def all_cases() -> dict[tuple[str, str], type[cases.MethodCase]]:
    """The case of every method, with options that are cheap."""
    for module in pkgutil.iter_modules([str(HERE / "methods")]):
        importlib.import_module(f"tests.methods.{module.name}")
    return dict(sorted(cases.CASES.items()))


REFUSED: collections.Counter[str] = collections.Counter()
"""What was refused, numbers left out, for whoever reads how plans are distributed."""


class BrokenError(AssertionError):
    """Neither a valid small set nor a refusal."""


# --- plans -----------------------------------------------------------------------------------

TYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "half": torch.float16,
    "bfloat16": torch.bfloat16,
    "int64": torch.int64,
    "uint8": torch.uint8,
    "bool": torch.bool,
}

VALUES = ("usual", "zeros", "ones", "tiny", "large", "huge", "largest", "mixed")


def values(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Numbers of a kind, float64: extremes are those of float32."""
    usual = rng.normal(size=shape)
    scales = {"tiny": 1e-38, "large": 1e10, "huge": 1e20, "largest": 1e38}
    if kind in scales:
        return usual.clip(-3, 3) * scales[kind]
    if kind == "mixed":
        return usual * rng.choice([0.0, 1e-20, 1.0, 1e15], size=shape)
    return {"zeros": 0 * usual, "ones": 0 * usual + 1}.get(kind, usual)


def typed(x: np.ndarray, form: str) -> Any:
    """Features in a form that people have them in."""
    x = np.where(np.abs(x) < 0.5, 0.0, x) if "sparse" in form or form == "scipy" else x
    if form == "scipy":
        return sp.csr_matrix(x.astype(np.float32))
    dense = torch.from_numpy(np.asarray(x))
    if form == "sparse csr":
        return dense.float().to_sparse_csr()
    if form == "sparse coo":
        return dense.float().to_sparse_coo()
    if form == "array":
        return x
    if TYPES[form].is_floating_point:
        return dense.to(TYPES[form])
    if form == "bool":
        return dense > 0
    return dense.abs().clamp(max=9).to(TYPES[form])


@dataclass(frozen=True)
class Asked:
    """A budget, and how a method is run."""

    budget: tuple[str, float]
    setting: str = "transductive"
    validations: int = 0

    def options(self, task_has_validation: bool, case: type[cases.MethodCase]) -> dict[str, Any]:
        name, value = self.budget
        own = {k: v for k, v in case.options.items() if k != "validations"}
        out = {"seed": 3, "progress": False, **own, name: value}
        if case.iterates:
            out["validations"] = min(self.validations, int(task_has_validation))
        if case.kind == "node":
            out["setting"] = self.setting
        return out


@dataclass(frozen=True)
class Graph:
    """One graph with labelled nodes."""

    seed: int
    n: int
    d: int
    edges: int
    classes: int
    features: str = "usual"
    form: str = "float32"
    loops: bool = False
    parallel: bool = False
    directed: bool = True
    weights: str = "none"
    weights_form: str = "float32"
    held_by: str = "edge_index"
    labels: str = "int64"
    unlabelled: float = 0.0
    masks: str = "bool"
    missing: tuple[str, ...] = ()
    order: str = "as drawn"

    def data(self) -> Data:
        rng, n = np.random.default_rng(self.seed), self.n
        data = Data()
        x = values(self.features, (n, self.d), rng)
        data.x = typed(x, self.form)
        self._edges(data, rng)
        y = np.arange(n) % self.classes
        if self.order == "drawn":
            y = rng.permutation(y)
        train = np.zeros(n, dtype=bool)
        train[np.unique(y, return_index=True)[1]] = True
        train |= rng.random(n) < 0.4
        val = ~train & (rng.random(n) < 0.5)
        y = np.where((rng.random(n) < self.unlabelled) & (np.arange(n) >= 0), -1, y)
        data.y = self._labels(y)
        if self.labels == "soft":
            data.label_kind = "soft"  # who does not say so is asked
        for name, rows in {"train": train, "val": val, "test": ~train & ~val}.items():
            if name not in self.missing:
                data[f"{name}_mask"] = self._mask(rows)
        return data

    def _edges(self, data: Data, rng: np.random.Generator) -> None:
        n, m = self.n, self.edges
        ends = rng.integers(max(n - self.n // 3, 1), size=(2, m))  # the last third is isolated
        if not self.loops:
            ends = ends[:, ends[0] != ends[1]]
        if self.parallel:
            ends = np.repeat(ends, 2, axis=1)
        if not self.directed:
            ends = np.concatenate([ends, ends[::-1]], axis=1)
        if not self.parallel:
            ends = np.unique(ends, axis=1)
        weight = None
        if self.weights != "none":
            weight = np.abs(values(self.weights, (ends.shape[1],), rng))
        if self.held_by == "edge_index":
            data.edge_index = torch.from_numpy(ends).long()
            if weight is not None:
                data.edge_weight = typed(weight, self.weights_form)
            return
        ones = np.ones(ends.shape[1]) if weight is None else weight
        matrix = sp.coo_matrix((ones.astype(np.float32), tuple(ends)), shape=(n, n)).tocsr()
        if self.held_by == "adj":
            data.adj = matrix
        else:
            parts = (torch.from_numpy(a) for a in (matrix.indptr, matrix.indices, matrix.data))
            data.adj_t = torch.sparse_csr_tensor(*parts, size=(n, n))

    def _labels(self, y: np.ndarray) -> Any:
        if self.labels == "soft":
            at, sure = np.arange(len(y)), 0.5 + np.arange(len(y)) % 5 / 8
            out = np.tile((1 - sure)[:, None], max(self.classes, 2)) / max(self.classes, 2)
            out[at, y.clip(0)] += sure
            out[y < 0] = np.nan
            return torch.from_numpy(out).float()
        if self.labels == "float":
            return torch.from_numpy(np.where(y < 0, np.nan, y)).float()
        if self.labels in ("tasks", "numbers", "number"):
            at = np.arange(len(y))
            columns = np.stack([y % 2, (at % 3 == 0), (at % 5 < 3)], 1).astype(float)
            if self.labels != "tasks":
                columns = 7.3 + 2.1 * columns + 0.01 * at[:, None]
            columns[y < 0] = np.nan
            return torch.from_numpy(columns[:, : 1 if self.labels == "number" else 3]).float()
        if self.labels == "column":
            return torch.from_numpy(y)[:, None]
        if self.labels == "list":
            return y.tolist()
        return torch.from_numpy(y).to(getattr(torch, self.labels))

    def _mask(self, rows: np.ndarray) -> Any:
        bare = torch.from_numpy(rows)
        if self.masks == "index":
            return bare.nonzero().flatten()
        if self.masks == "list":
            return rows.tolist()
        if self.masks == "columns":
            return torch.stack([bare, bare.flip(0), ~bare], 1)
        return bare.to(TYPES[self.masks])

    @property
    def validates(self) -> bool:
        return "val" not in self.missing and bool(len(self._validation()))

    def _validation(self) -> Tensor:
        try:
            return graphcondense.data.node_reading.as_task(self.data()).val
        except ValueError:
            return torch.empty(0)


@dataclass(frozen=True)
class GraphSet:
    """Labelled graphs."""

    seed: int
    graphs: int
    most: int
    d: int
    edges: int
    features: str = "usual"
    form: str = "float32"
    attr: str = "none"
    labels: str = "classes"
    unlabelled: float = 0.0
    loops: bool = False
    directed: bool = False
    node_weight: bool = False

    def data(self) -> list[Data]:
        rng = np.random.default_rng(self.seed)
        out = []
        for i in range(self.graphs):
            n = int(rng.integers(1, self.most + 1))
            ends = rng.integers(n, size=(2, int(rng.integers(self.edges + 1))))
            if not self.loops:
                ends = ends[:, ends[0] != ends[1]]
            if not self.directed:
                ends = np.concatenate([ends, ends[::-1]], axis=1)
            graph = Data(edge_index=torch.from_numpy(ends).long(), y=self._label(i, rng))
            if self.d:
                graph.x = typed(values(self.features, (n, self.d), rng), self.form)
            else:
                graph.num_nodes = n
            if self.attr != "none":
                graph.edge_attr = typed(values(self.features, (ends.shape[1], 2), rng), self.attr)
            if self.node_weight:
                graph.node_weight = torch.from_numpy(rng.integers(1, 4, size=n)).float()
            out.append(graph)
        return out

    def _label(self, i: int, rng: np.random.Generator) -> Tensor:
        hole = rng.random() < self.unlabelled
        if self.labels == "classes":
            return torch.tensor([-1 if hole else i % 3])
        if self.labels == "one class":
            return torch.tensor([0])
        if self.labels == "regression":
            return torch.tensor([[float(rng.normal()) * 10 + 0.37]])
        if self.labels == "large targets":
            return torch.tensor([[float(rng.normal()) * 1e20]])
        known = [float(i % 2), torch.nan if hole else float((i // 2) % 2)]
        return torch.tensor([known[: 1 if self.labels == "task" else 2]])

    @property
    def validates(self) -> bool:
        try:
            return bool(len(graphcondense.data.as_graph_task(self.data()).val))
        except ValueError:
            return False


@dataclass(frozen=True)
class Users:
    """Users by items."""

    seed: int
    users: int
    items: int
    share: float
    values: str = "ones"
    form: str = "csr"
    dtype: str = "float32"
    empty: bool = False
    duplicates: str = "merge"

    def data(self) -> Any:
        rng = np.random.default_rng(self.seed)
        taken = rng.random((self.users, self.items)) < self.share
        if self.empty:
            taken[:, self.items // 2 :] = False
            taken[self.users // 2 :] = False
        x = taken * np.abs(values(self.values, taken.shape, rng))
        with np.errstate(all="ignore"):
            matrix = sp.csr_matrix(x.astype(self.dtype))
        if self.form == "coo":
            return matrix.tocoo()
        if self.form == "split":
            part = rng.integers(3, size=taken.shape)
            names = enumerate(("train", "val", "test"))
            return {name: sp.csr_matrix(matrix.multiply(part == i)) for i, name in names}
        if self.form == "hetero":
            coo, data = matrix.tocoo(), HeteroData()
            data["user"].num_nodes, data["item"].num_nodes = coo.shape
            edges = np.stack([coo.row, coo.col]).astype(np.int64)
            data["user", "takes", "item"].edge_index = torch.from_numpy(edges)
            return data
        if self.form == "counts":
            return graphcondense.data.as_interactions(matrix, duplicates="count")
        return matrix

    @property
    def validates(self) -> bool:
        try:
            return bool(graphcondense.data.as_interactions(self.data()).val.nnz)
        except ValueError:
            return False


@dataclass(frozen=True)
class Typed:
    """Nodes of several types: papers, who are a :class:`Graph` of their own, authors who have other
    features, and venues, which have none."""

    graph: Graph
    seed: int
    authors: int
    d: int
    edges: int
    features: str = "usual"
    form: str = "float32"
    weights: str = "none"
    held_by: str = "edge_index"
    bare: bool = False
    apart: bool = False

    def data(self) -> HeteroData:
        rng, one, out = np.random.default_rng(self.seed), self.graph.data(), HeteroData()
        inner = ("edge_index", "edge_weight", "adj_t", "adj")
        for name, value in one.to_dict().items():
            (out["paper", "cites", "paper"] if name in inner else out["paper"])[name] = value
        n, last = self.graph.n, max(self.authors - self.authors // 3, 1)
        if self.bare:
            out["author"].num_nodes = self.authors
        else:
            out["author"].x = typed(values(self.features, (self.authors, self.d), rng), self.form)
        written = np.stack([rng.integers(last, size=self.edges), rng.integers(n, size=self.edges)])
        self._edges(out, ("author", "writes", "paper"), written, (n, self.authors), rng)
        self._edges(out, ("paper", "by", "author"), written[::-1], (self.authors, n), rng)
        out["venue"].num_nodes = 2
        if not self.apart:  # else it touches nothing at all
            at = np.stack([np.arange(n), rng.integers(2, size=n)])
            self._edges(out, ("paper", "in", "venue"), at, (2, n), rng)
        return out

    def _edges(
        self,
        out: HeteroData,
        kind: tuple[str, str, str],
        ends: np.ndarray,
        shape: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        """``shape`` is of the matrix from sources, its columns, to ends, its rows."""
        weight = np.ones(ends.shape[1])
        if self.weights != "none":
            weight = np.abs(values(self.weights, (ends.shape[1],), rng))
        if self.held_by == "adj_t":
            pair = torch.from_numpy(ends[::-1].copy())
            matrix = torch.sparse_coo_tensor(pair, torch.from_numpy(weight).float(), shape)
            out[kind].adj_t = matrix.coalesce().to_sparse_csr()
            return
        out[kind].edge_index = torch.from_numpy(ends.copy()).long()
        if self.weights != "none":
            out[kind].edge_weight = torch.from_numpy(weight).float()

    @property
    def validates(self) -> bool:
        try:
            return bool(len(graphcondense.data.as_hetero(self.data()).val))
        except ValueError:
            return False


@dataclass(frozen=True)
class Linked:
    """Links of a graph."""

    graph: Graph
    seed: int
    test: float
    val: float = 0.1
    negatives: int = 3

    def data(self) -> Any:
        shares = {"val": self.val, "test": self.test, "negatives": self.negatives}
        return graphcondense.data.split_links(self.graph.data(), seed=self.seed, **shares)

    @property
    def validates(self) -> bool:
        try:
            return bool(len(self.data().val))
        except ValueError:
            return False


# --- strategies ------------------------------------------------------------------------------

EXTREME = st.sampled_from(VALUES)
FORMS = st.sampled_from([*TYPES, "sparse csr", "sparse coo", "scipy", "array"])

ODD: dict[type[Any], dict[str, st.SearchStrategy[Any]]] = {
    Graph: {
        "n": st.integers(1, 6),
        "d": st.integers(0, 2),
        "edges": st.integers(0, 3),
        "classes": st.just(1),
        "features": EXTREME,
        "form": FORMS,
        "loops": st.just(True),
        "parallel": st.just(True),
        "directed": st.just(True),
        "weights": EXTREME,
        "weights_form": st.sampled_from(list(TYPES)),
        "held_by": st.sampled_from(["adj_t", "adj"]),
        "labels": st.sampled_from(
            ["int32", "uint8", "float", "column", "list", "soft", "tasks", "numbers", "number"]
        ),
        "unlabelled": st.sampled_from([0.2, 0.9]),
        "masks": st.sampled_from(["uint8", "int64", "columns", "list", "index", "float32"]),
        "missing": st.sampled_from([("val",), ("test",), ("val", "test"), ("train",)]),
        "order": st.just("drawn"),
    },
    GraphSet: {
        "graphs": st.integers(1, 5),
        "most": st.integers(1, 2),
        "d": st.integers(0, 1),
        "edges": st.integers(0, 1),
        "features": EXTREME,
        "form": st.sampled_from(list(TYPES)),
        "attr": st.sampled_from(list(TYPES)),
        "labels": st.sampled_from(["one class", "regression", "large targets", "task", "tasks"]),
        "unlabelled": st.sampled_from([0.2, 0.9]),
        "loops": st.just(True),
        "directed": st.just(True),
        "node_weight": st.just(True),
    },
    Users: {
        "users": st.integers(1, 3),
        "items": st.integers(1, 3),
        "share": st.sampled_from([0.0, 0.1, 1.0]),
        "values": EXTREME,
        "form": st.sampled_from(["coo", "split", "hetero", "counts"]),
        "dtype": st.sampled_from(["float64", "int64", "bool", "uint8"]),
        "empty": st.just(True),
    },
    Typed: {
        "authors": st.integers(1, 3),
        "d": st.integers(0, 1),
        "edges": st.integers(0, 2),
        "features": EXTREME,
        "form": FORMS,
        "weights": EXTREME,
        "held_by": st.just("adj_t"),
        "bare": st.just(True),
        "apart": st.just(True),
    },
    Linked: {
        "val": st.sampled_from([0.0, 0.6]),
        "test": st.sampled_from([0.0, 0.8]),
        "negatives": st.integers(1, 40),
    },
}
"""What may be odd of a plan, and how."""


@st.composite
def plans(draw: st.DrawFn, cls: type[Any], usual: dict[str, st.SearchStrategy[Any]]) -> Any:
    """A plan of which a few things are odd: of more, the first that is refused hides the others."""
    chosen = {name: draw(strategy) for name, strategy in usual.items()}
    names = draw(st.lists(st.sampled_from(list(ODD[cls])), max_size=4, unique=True))
    return cls(**{**chosen, **{name: draw(ODD[cls][name]) for name in names}})


SEEDS = st.integers(0, 10**6)
GRAPHS = plans(
    Graph,
    {
        "seed": SEEDS,
        "n": st.integers(9, 30),
        "d": st.integers(2, 6),
        "edges": st.integers(10, 80),
        "classes": st.integers(1, 3),
        "weights": st.sampled_from(["none", "usual"]),
        "directed": st.booleans(),
    },
)
DRAWN: dict[str, st.SearchStrategy[Any]] = {
    "node": GRAPHS,
    "graph": plans(
        GraphSet,
        {
            "seed": SEEDS,
            "graphs": st.integers(9, 30),
            "most": st.integers(2, 7),
            "d": st.integers(1, 4),
            "edges": st.integers(2, 10),
        },
    ),
    "rows": plans(
        Users,
        {
            "seed": SEEDS,
            "users": st.integers(5, 25),
            "items": st.integers(5, 25),
            "share": st.sampled_from([0.4, 0.7]),
        },
    ),
    "hetero": plans(
        Typed,
        {
            "graph": GRAPHS,
            "seed": SEEDS,
            "authors": st.integers(4, 12),
            "d": st.integers(1, 5),
            "edges": st.integers(5, 60),
        },
    ),
    "link": plans(Linked, {"graph": GRAPHS, "seed": SEEDS, "test": st.just(0.2)}),
}
"""By kind of data."""

BUDGETS = st.one_of(
    st.tuples(st.just("per_class"), st.integers(1, 2)),
    st.tuples(st.just("nodes"), st.integers(1, 6)),
    st.tuples(st.just("ratio"), st.sampled_from([0.01, 0.3, 0.6])),
    st.tuples(st.just("bytes"), st.sampled_from([100, 1000, 20_000])),
)
ASKED = st.builds(
    Asked,
    budget=BUDGETS,
    setting=st.sampled_from(["transductive", "inductive"]),
    validations=st.sampled_from([0] * 5 + [1]),  # which takes long
)


# --- what must hold --------------------------------------------------------------------------


def outcome(case: type[cases.MethodCase], plan: Any, asked: Asked) -> str:
    """``"made"`` or ``"refused"``.

    Raises:
        BrokenError: anything else, with the plan that repeats it.
    """
    try:
        with (
            case.shortened(),
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            return _outcome(case, plan, asked)
    except BrokenError as error:
        raise BrokenError(f"{case.name}: {error}\n{plan!r}\n{asked!r}") from error.__cause__


def _outcome(case: type[cases.MethodCase], plan: Any, asked: Asked) -> str:
    data = granted(plan.data)  # where reading has options, the plan reads
    if data is None:
        return "refused"
    options = asked.options(plan.validates, case)
    before = plan.data()
    small = attempt(case.name, data, options)
    _same(everything(before), everything(data), "the input was changed")
    if small is None:
        return "refused"
    check(small, asked.budget)
    again = attempt(case.name, data, options)
    if again is None or again.condensed["hash"] != small.condensed["hash"]:
        raise BrokenError("a second call gives other bits")
    return "made"


def attempt(method: str, data: Any, options: dict[str, Any]) -> Any:
    """The small set, or ``None`` where this package refuses."""
    return granted(lambda: graphcondense.condense(data, method, **options))


def granted(work: Callable[[], Any]) -> Any:
    """What some work gives, or ``None`` where this package refuses."""
    try:
        return work()
    except ValueError as error:
        inner = traceback.extract_tb(error.__traceback__)[-1]
        if PACKAGE not in Path(inner.filename).parents or not str(error):
            at = f"{Path(inner.filename).name}:{inner.lineno}"
            raise BrokenError(f"an error of another library, at {at}: {error}") from error
        REFUSED[re.sub(r"[\d.,e+-]+", "#", str(error))[:110]] += 1
        return None
    except Exception as error:
        inner = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{Path(inner.filename).name}:{inner.lineno}"
        raise BrokenError(f"{type(error).__name__} at {at}: {str(error)[:300]}") from error


def check(small: Any, budget: tuple[str, float]) -> None:
    """A small set is finite, valid, and as large as was asked."""
    for tensor in cases.tensors(small):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise BrokenError("the result is not finite")
    if isinstance(small, Data | HeteroData):
        small.validate(raise_on_error=True)
    elif hasattr(small, "hetero"):
        small.hetero.validate(raise_on_error=True)
    else:
        for graph in small:
            graph.validate(raise_on_error=True)
    record = small.condensed
    json.dumps(record, allow_nan=False)
    name, value = budget
    per_class = record["budget"]["per_class"]
    made = {"nodes": sum(per_class), "bytes": record["bytes"]}
    if record["kind"] == "node":
        made["nodes"] = small.num_nodes
    if name == "nodes" and made["nodes"] != value:
        raise BrokenError(f"{made['nodes']} instead of {value}")
    # Coarseners keep the total: edges say which nodes become one, and some may be without a label.
    family = find_method(record["method"], record["kind"])[0].family
    wanted = [value] * len(per_class)
    if name == "per_class" and family == "coarsening" and small.num_nodes != sum(wanted):
        raise BrokenError(f"{small.num_nodes} instead of {sum(wanted)}")
    if name == "per_class" and family != "coarsening" and per_class != wanted:
        raise BrokenError(f"{per_class} instead of {value} a class")
    if name == "bytes" and made["bytes"] > value:
        raise BrokenError(f"{made['bytes']} bytes instead of {value}")


def everything(data: Any) -> list[Any]:
    """All values of an input, in a fixed order, as arrays."""
    if sp.issparse(data):
        coo = data.tocoo()
        return [coo.row, coo.col, coo.data]
    if isinstance(data, Tensor):
        if data.layout == torch.sparse_csr:
            return everything([data.crow_indices(), data.col_indices(), data.values()])
        if data.layout == torch.sparse_coo:
            return everything([data._indices(), data._values()])
        return [data.view(torch.int16) if data.dtype == torch.bfloat16 else data]
    if isinstance(data, Data | HeteroData):
        return everything(data.to_dict())
    if isinstance(data, dict):
        return [v for key in sorted(data, key=str) for v in [key, *everything(data[key])]]
    if isinstance(data, list | tuple):
        return [v for value in data for v in everything(value)]
    if isinstance(data, LinkTask):
        return everything([data.x, data.adj, vars(data.val), vars(data.test)])
    if hasattr(data, "train"):  # a task
        return everything([data.train, data.val, data.test])
    return [data]


def _same(before: Sequence[Any], after: Sequence[Any], else_said: str) -> None:
    if len(before) != len(after):
        raise BrokenError(else_said)
    for a, b in zip(before, after, strict=True):
        one, two = np.asarray(a), np.asarray(b)
        if one.dtype != two.dtype or one.tobytes() != two.tobytes():
            raise BrokenError(else_said)
