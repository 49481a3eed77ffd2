"""Sets of graphs that users bring to an evaluation, and whether they go with the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeGuard

from torch import Tensor

from graphcondense.data.graph_packing import packed
from graphcondense.data.graph_task import GraphTask
from graphcondense.data.labels import check_classes, first_of
from graphcondense.data.sequences import is_dataset
from graphcondense.evaluate.metrics import check_scorable
from graphcondense.saved.checks import add_up, unrounded
from graphcondense.saved.graph_set import GraphSet

if TYPE_CHECKING:
    from torch_geometric.data import Data


def several_graph_sets(value: object, real: GraphTask) -> list[object]:
    """One condensed set, or a list of several, as a list; plain graphs as one packed set, read as
    the ``real`` ones are."""
    if isinstance(value, list | tuple) and not all(map(_is_graph, value)):
        return [one for item in value for one in several_graph_sets(item, real)]
    if isinstance(value, list | tuple) and not value:
        return []
    if isinstance(value, GraphTask) or hasattr(value, "condensed"):
        return [value]
    return [stored_graphs(value, real)]


def _is_graph(item: object) -> bool:
    from torch_geometric.data import Data

    return isinstance(item, Data)


def check_graphs(task: GraphTask, split: str) -> None:
    """Raise a ValueError if nothing can be scored on the split, ``"val"`` or ``"test"``: it has no
    graphs, or the score is not defined on them."""
    if not len(getattr(task, split)):
        what = {"val": "validation", "test": "test"}[split]
        reason = "; the step is chosen on them" if split == "val" else ""
        raise ValueError(f"{task.name}: no {what} graphs{reason}: give the split {split!r}")
    check_scorable(task, split, "graph")


def read_graphs(small: object, real: GraphTask, edge_features: bool = False) -> GraphSet:
    """The encoded training graphs of ``small``.

    Args:
        small: see :class:`~graphcondense.evaluate.graphs.GraphEvaluator`.
        real: the real graphs, whose encodings are used.
        edge_features: whether edge features are needed.

    Raises:
        ValueError: no graph; features, edge features or labels that do not match the real graphs.
    """
    out = real.encoded(stored_graphs(small, real))
    if not len(out):
        raise ValueError("the small set has no graphs")
    if edge_features and out.edge_attr is None:
        if len(out.edge_index[0]):
            raise ValueError(
                "edge_features=True, but the small set has no edge features; condense with "
                "edge_features=True, or leave it off here"
            )
        out = replace(out, edge_attr=out.x.new_zeros(0, real.num_edge_features))
    _check_labels(out.y, real)
    return replace(out, y=unrounded(out.y)) if _are_soft(out.y, real) else out


def stored_graphs(small: object, real: GraphTask) -> GraphSet:
    """The graphs of ``small`` as they are stored. Labels of plain graphs are of the kind that the
    ``real`` ones are; nodes without features get what was made for those."""
    if isinstance(small, GraphTask):
        return small.graphs.select(small.train)
    if isinstance(small, GraphSet):
        return small
    inside = getattr(small, "set", None)
    if isinstance(inside, GraphSet):
        return inside
    if not _is_several(small):
        raise ValueError(
            f"a small set is a condensed set, a list or a PyG data set of graphs, got "
            f"{type(small).__name__}; put a single graph into a list"
        )
    if not len(small):
        raise ValueError("the small set has no graphs")
    return packed(small, real.label_kind, features=real.made or None)[0]


def _is_several(small: object) -> TypeGuard[Sequence[Data]]:
    return is_dataset(small)


def _check_labels(y: Tensor, real: GraphTask) -> None:
    """Raise a ValueError unless ``y`` are labels as ``real`` has them, or probabilities of them."""
    shape, known = list(y.shape), y[~y.isnan()]
    if _are_soft(y, real):
        _check_soft(y, real)
    elif real.label_kind == "classes":
        if y.dim() != 1 or y.is_floating_point():
            raise ValueError(
                f"the small set has labels {shape}, {real.name} has one class a graph; soft labels "
                f"are [graphs, {real.num_outputs}]"
            )
        check_classes(y, real.num_outputs, "a graph", real.name)
    elif y.dim() != 2 or y.shape[1] != real.num_outputs:
        raise ValueError(
            f"the small set has labels {shape}, {real.name} needs [graphs, {real.num_outputs}]"
        )
    elif not len(known):
        raise ValueError("no graph of the small set has a label (all NaN)")
    elif real.label_kind == "binary":
        wrong = known[(known < 0) | (known > 1)]
        if bool((known == 0.5).all()):  # nothing could be learnt
            wrong = known
        if len(wrong):
            raise ValueError(
                f"the small set has the label {float(wrong[0]):g}; {real.name} has labels 0, 1 and "
                "NaN, or probabilities between them that are not all one half"
            )


def _are_soft(y: Tensor, real: GraphTask) -> bool:
    """Whether ``y`` has a probability for each class."""
    return real.label_kind == "classes" and y.dim() == 2 and y.shape[1] == real.num_outputs > 1


def _check_soft(y: Tensor, real: GraphTask) -> None:
    """Raise a ValueError unless the rows of ``y [graphs, C]`` are distributions over classes."""
    for i in (~add_up(y)).nonzero().flatten()[:1].tolist():  # NaN, too
        raise ValueError(
            f"graph {i} of the small set has the soft label ({first_of(y[i])}); soft labels are "
            f"probabilities of the {real.num_outputs} classes of {real.name}: none below 0, and "
            "their sum is 1, but for rounding"
        )
