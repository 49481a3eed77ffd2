"""What a method must not see, poisoned: the condensed set has to have the same bits.

A poison is put into checked data, where other numbers, NaN and marks of no label all have a place.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data

import graphcondense
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.images import as_images
from graphcondense.data.interaction_reading import as_interactions
from graphcondense.data.interactions import InteractionTask
from graphcondense.data.link_reading import split_links
from graphcondense.data.link_task import Links, LinkTask
from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask
from graphcondense.methods import find_method
from tests import cases

FORMS = "other values", "marks"
"""Other numbers as the data might have them; NaN, infinite numbers, and marks of no label."""

OPTIONS: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("quotient", "node"): [{"labels": "soft"}, {"labels": "hard"}],
    ("quotient", "hetero"): [{"labels": "soft"}, {"labels": "hard"}],
    ("exchange", "graph"): [{"labels": "soft"}, {"labels": "hard"}],
    ("gc-sntk", "node"): [{"learn_labels": True}, {"learn_labels": False}],
}
"""Of methods that give labels of several sorts."""

CHOSEN: dict[tuple[str, str], dict[str, Any]] = {("distill-cf", "rows"): {"ridge": 1.0}}
"""What a method, as it says, chooses by validation data whether or not sets are scored: given, it
must not read them."""

Poison = Callable[[Any, str], Any]
"""From a task and one of :data:`FORMS` to the poisoned task."""


@dataclass(frozen=True)
class Setting:
    """How a method is run, and what it must not see then.

    Attributes:
        name: in words.
        options: of the run.
        poisons: by name.
    """

    name: str
    options: dict[str, Any]
    poisons: dict[str, Poison]


LABELLED = ("node", "graph", "hetero")
"""Kinds of data whose examples may have tasks or numbers in the place of classes."""


def relabelled(y: Tensor, labels: str) -> Tensor:
    """Two binary tasks or two numbers in the place of classes ``[n]``; some have a hole."""
    at = torch.arange(len(y))
    if labels == "binary":
        out = torch.stack([y == 0, (y + at // 3) % 2 == 0], 1).float()
    else:
        out = torch.stack([3.7 * y + 0.11 * at, 0.3 * y - 0.07 * (at % 17)], 1)
    out[4::9, 1] = torch.nan
    return out


def task_of(kind: str, graphs: Sequence[Data] | None = None, labels: str = "classes") -> Any:
    """Small data of a kind, checked, with all three splits; nodes in none of them, too."""
    if kind == "node":
        data = cases.toy_graph(n=60)
        if labels != "classes":
            data.y = relabelled(data.y, labels)
        task = as_task(data)
        return replace(task, test=task.test[:-4])
    if kind == "graph":
        found = cases.toy_graphs() if graphs is None else graphs
        if labels != "classes":
            found = [graph.clone() for graph in found]
            made = relabelled(torch.cat([graph.y for graph in found]), labels)
            for graph, y in zip(found, made, strict=True):
                graph.y = y[None]
        return as_graph_task(found)
    if kind == "image":
        images, labels = cases.toy_images(n=60)
        return as_images((images, labels), (images[:9].flip(3), labels[:9]))
    if kind == "link":
        return split_links(cases.toy_graph(n=60), negatives=5)
    if kind == "hetero":
        several = cases.toy_hetero(n=60)
        if labels != "classes":
            several["paper"].y = relabelled(several["paper"].y, labels)
        return as_hetero(several)
    return as_interactions(cases.toy_rows(users=40, items=30), seed=1)


# --- poisons ---------------------------------------------------------------------------------


def _changed(y: Tensor, rows: Tensor, form: str) -> Tensor:
    """Other classes of ``rows``, or none."""
    out = y.clone()
    if form == "marks":
        none = torch.nan if out.is_floating_point() else -1
        out[rows[::2]] = none
        rows = rows[1::2]
    known = int(y.nan_to_num().max()) + 1
    out[rows] = (out[rows] + 1) % known
    return out


def node_labels(split: str) -> Poison:
    def poison(task: NodeTask, form: str) -> NodeTask:
        # Marks of no label take a node out of its split where data are read: here, after it.
        other = replace(task)
        object.__setattr__(other, "y", _changed(task.y, getattr(task, split), form))
        return other

    return poison


def node_features(seen: Sequence[str]) -> Poison:
    """Of all nodes outside the splits ``seen``."""

    def poison(task: NodeTask, form: str) -> NodeTask:
        hidden = _outside(task, seen)
        x = task.x.clone()
        rng = torch.Generator().manual_seed(5)
        x[hidden] = 100 * torch.randn(int(hidden.sum()), x.shape[1], generator=rng)
        if form == "marks":
            x[hidden] = torch.tensor([torch.nan, torch.inf]).repeat(x.shape[1])[: x.shape[1]]
        return replace(task, x=x)

    return poison


def node_edges(seen: Sequence[str]) -> Poison:
    """Of all nodes outside the splits ``seen``."""

    def poison(task: NodeTask, form: str) -> NodeTask:
        hidden = _outside(task, seen).numpy()
        ends = task.adj.tocoo()
        keep = ~(hidden[ends.row] | hidden[ends.col])
        rng = np.random.default_rng(5)
        new = rng.integers(task.num_nodes, size=(2, 300))
        new = new[:, hidden[new].any(0)]
        weight = rng.random(new.shape[1]) + 0.5
        if form == "marks":
            weight[:] = np.nan
        parts = (np.concatenate([a, b]) for a, b in zip((ends.row, ends.col), new, strict=True))
        row, col = (part[np.concatenate([keep, np.ones(new.shape[1], bool)])] for part in parts)
        values = np.concatenate([ends.data[keep], weight]).astype(np.float32)
        return replace(task, adj=sp.csr_matrix((values, (row, col)), shape=task.adj.shape))

    return poison


def _outside(task: NodeTask, seen: Sequence[str]) -> Tensor:
    hidden = torch.ones(task.num_nodes, dtype=torch.bool)
    for split in seen:
        hidden[getattr(task, split)] = False
    return hidden


def set_labels(split: str) -> Poison:
    def poison(task: Any, form: str) -> Any:
        rows = getattr(task, split)
        if hasattr(task, "graphs"):
            graphs = replace(task.graphs, y=_changed(task.graphs.y, rows, form))
            return replace(task, graphs=graphs)
        return replace(task, labels=_changed(task.labels, rows, form))

    return poison


def set_inputs(split: str) -> Poison:
    """Features and edges of graphs, pixels of images."""

    def poison(task: Any, form: str) -> Any:
        held = getattr(task, split)
        if not hasattr(task, "graphs"):
            pixels = task.images.clone()
            pixels[held] = torch.nan if form == "marks" else 7.0
            return replace(task, images=pixels)
        graphs = task.graphs
        nodes = torch.isin(graphs.batch, held)
        x, edges = graphs.x.clone(), graphs.edge_index.clone()
        x[nodes] = torch.nan if form == "marks" else -50.0
        inside = nodes[edges[0]]
        edges[:, inside] = edges.flip(0)[:, inside]
        attr = graphs.edge_attr
        if attr is not None:
            attr = attr.clone()
            attr[inside] = torch.nan if form == "marks" else 9.0
        return replace(task, graphs=replace(graphs, x=x, edge_index=edges, edge_attr=attr))

    return poison


def rows_items(split: str) -> Poison:
    """Of all users, or of every other user."""

    def poison(task: InteractionTask, form: str) -> InteractionTask:
        held = getattr(task, split)
        rng = np.random.default_rng(5)
        other = sp.random(*held.shape, density=0.1, rng=rng, dtype=np.float32, format="csr")
        # Validation items are checked whoever reads them, so that NaN there is refused.
        mark = np.nan if split == "test" else 1e14
        other.data[:] = mark if form == "marks" else 1.0
        return replace(task, **{split: other})

    return poison


def both(*poisons: Poison) -> Poison:
    def poison(task: Any, form: str) -> Any:
        for one in poisons:
            task = one(task, form)
        return task

    return poison


def other_links(split: str) -> Poison:
    """Other links of a split, and other wrong ones."""

    def poison(task: LinkTask, form: str) -> LinkTask:
        links: Links = getattr(task, split)
        assert links.tails is not None
        last = task.num_nodes - 1
        if form == "marks":
            changed = Links(torch.zeros_like(links.ends), tails=torch.full_like(links.tails, last))
        else:
            changed = Links(last - links.ends, tails=last - links.tails)
        return replace(task, **{split: changed})

    return poison


# --- settings --------------------------------------------------------------------------------


def settings_of(kind: str, iterates: bool, chooses: bool = False) -> Iterator[Setting]:
    """Every setting of methods for a kind of data.

    Args:
        iterates: whether sets can be scored on the way.
        chooses: whether the method, as it says, chooses by validation labels in the transductive
            setting, scored or not (:attr:`~graphcondense.core.method.Method.chooses`).
    """
    for validates in (False, True) if iterates else (False,):
        scored = {"validations": int(validates)} if iterates else {}
        said = "validated" if validates else "not validated"
        splits = ["test"] if validates else ["test", "val"]
        if kind == "node":
            labels = {f"{split} labels": node_labels(split) for split in splits}
            hidden = {"test labels": node_labels("test")} if chooses else labels
            yield Setting(f"transductive, {said}", {**scored, "setting": "transductive"}, hidden)
            seen = ["train", "val"] if validates else ["train"]
            hidden = {
                "features of all nodes but those": node_features(seen),
                "edges of all nodes but those": node_edges(seen),
            }
            options = {**scored, "setting": "inductive"}
            yield Setting(f"inductive, {said}", options, {**labels, **hidden})
        elif kind == "link":
            links = {f"{split} links": other_links(split) for split in splits}
            yield Setting(said, scored, links)
        elif kind == "hetero":
            labels = {f"{split} labels": node_labels(split) for split in splits}
            yield Setting(
                said, scored, {"test labels": labels["test labels"]} if chooses else labels
            )
        elif kind == "rows":
            items = {f"{split} items": rows_items(split) for split in splits}
            yield Setting(said, scored, items)
        else:
            what = {"graph": "graphs", "image": "images"}[kind]
            inputs = {f"{split} {what}": set_inputs(split) for split in splits}
            labels = {f"{split} labels": set_labels(split) for split in splits}
            yield Setting(said, scored, {**labels, **inputs})
    if kind == "node":
        options = {"pseudo_labels": 1, **({"validations": 0} if iterates else {})}
        yield Setting("pseudo-labels", options, {"test labels": node_labels("test")})


def leaks(
    case: type[cases.MethodCase], *, apart: bool, forms: Sequence[str] = FORMS
) -> tuple[int, list[str]]:
    """How many poisons were tried, and which changed the condensed set.

    Args:
        case: of the method.
        apart: each poison by itself, or all of a setting at once.
        forms: of the poisons.
    """
    with case.shortened():
        return _leaks(case, apart, forms)


def _leaks(
    case: type[cases.MethodCase], apart: bool, forms: Sequence[str]
) -> tuple[int, list[str]]:
    tried, found, method = 0, [], find_method(case.name, case.kind)[0]
    sorts = method.label_kinds if case.kind in LABELLED else ("classes",)
    for own, labels in itertools.product(OPTIONS.get((case.name, case.kind), [{}]), sorts):
        for setting in settings_of(case.kind, case.iterates, method.chooses):
            if "pseudo_labels" in setting.options and labels != "classes":
                continue  # they are of classes alone
            task = task_of(case.kind, case().data() if case.kind == "graph" else None, labels)
            chosen = {} if setting.options.get("validations") else CHOSEN
            options = {**own, **setting.options, **chosen.get((case.name, case.kind), {})}
            clean = _made(case, task, options)
            if isinstance(clean, str) and labels != "classes":
                continue  # such as labels that are no targets of this method
            if isinstance(clean, str):
                raise AssertionError(f"{case.name}, {setting.name}: {clean}")
            poisons = setting.poisons
            if not apart:
                poisons = {"everything": both(*poisons.values())}
            for name, poison in poisons.items():
                for form in forms:
                    tried += 1
                    dirty = _made(case, poison(task, form), options)
                    if dirty != clean:
                        said = f"{name} ({form}), {setting.name}, {labels} {own or ''}".strip()
                        found.append(f"{said}: {dirty} and not {clean}")
    return tried, found


def _made(case: type[cases.MethodCase], task: Any, options: dict[str, Any]) -> Any:
    """The hash of a condensed set and its validation scores, or how making it failed."""
    own = {k: v for k, v in case.options.items() if k != "validations"}
    budget = {"nodes": 5} if case.kind in ("rows", "link") else {"per_class": 2}
    how = {"seed": 3, "progress": False, **budget, **own, **options}
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            record = graphcondense.condense(task, case.name, **how).condensed
    except (ValueError, RuntimeError, ArithmeticError, IndexError) as error:
        return f"{type(error).__name__}: {error}"[:200]
    return record["hash"], (record["validation"] or {}).get("score")
