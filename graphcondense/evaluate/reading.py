"""What users bring to an evaluation: one condensed set, a list, a mapping by name, several draws.

One graph with labelled nodes is read by :func:`graphcondense.data.small_graph.read_labelled`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.graph_packing import pack
from graphcondense.data.graph_task import GraphTask
from graphcondense.data.hetero_reading import graph_of
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.image_reading import scaled
from graphcondense.data.images import ImageTask
from graphcondense.data.interactions import InteractionTask
from graphcondense.data.preprocess import Preprocess, restore_preprocess
from graphcondense.data.sequences import is_dataset
from graphcondense.data.small_graph import check_small_targets
from graphcondense.data.targets import LabelKind
from graphcondense.evaluate.metrics import check_scorable
from graphcondense.ops.arrays import plain, real_numbers
from graphcondense.ops.hetero import HeteroGraph
from graphcondense.saved.graph_set import GraphSet
from graphcondense.saved.shown import record_of

if TYPE_CHECKING:
    from torch_geometric.data import Data


def refuse_text(value: object, name: str) -> None:
    """Raise a ValueError for a path or a name where ``"small"`` or ``"data"`` are needed; says how
    to load it."""
    if not isinstance(value, str | Path):
        return
    what, load = {
        "small": ("a condensed set", "graphcondense.load"),
        "data": ("data", "graphcondense.data.load"),
    }[name]
    text = repr(str(value)[:80])
    raise ValueError(f"{name}={text} is not {what}; load it first, {load}({text})")


def refuse_swapped(data: object) -> None:
    """Raise a ValueError if the real data are a condensed set: the arguments were swapped."""
    record = getattr(data, "condensed", None)
    if record is None:
        return
    by = f" (by {record['method']})" if isinstance(record, Mapping) and "method" in record else ""
    raise ValueError(
        f"data is a condensed set{by}, a {type(data).__name__}: the condensed set comes first and "
        "the real data second, evaluate(small, data)"
    )


def refuse_many(name: str, count: int, what: str, most: int) -> None:
    """Raise a ValueError for more examples than a predictor by kernels can hold."""
    if count > most:
        raise ValueError(
            f"{name} on {count:,} {what} needs a kernel between all of them; it stops at "
            f"{most:,}: leave {name} out of models, or the whole data out of baselines"
        )


def small_sets(small: object, several: Callable[[object], list[object]]) -> dict[str, list[object]]:
    """Condensed sets by name, from one, a list of one method's, or a mapping to either.

    ``several`` makes a list of one set or of several. Raises a ValueError for none, or for text.
    """
    if not isinstance(small, Mapping):
        small = {"condensed": small}
    for value in small.values():
        for one in listed_sets(value):
            refuse_text(one, "small")
    named = {str(name): several(value) for name, value in small.items()}
    if not named or not all(named.values()):
        raise ValueError("there is no condensed graph: give at least one")
    return named


def listed_sets(value: object) -> list[Data]:
    """One set, or a list of several, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def missing_classes(labels: Tensor, num_classes: int) -> list[int]:
    """Classes below ``num_classes`` that none of the labels ``[n]`` names, or that have no weight
    in any of the soft labels ``[n, C]``.

    >>> missing_classes(torch.tensor([0, 2]), 4)
    [1, 3]
    """
    have = (
        (labels != 0).any(0) if labels.dim() == 2 else torch.bincount(labels, minlength=num_classes)
    )
    return (have == 0).nonzero().flatten().tolist()


def warn_of_missing(name: str, classes: Sequence[int], real: str) -> None:
    """Warn that a set lacks classes of the real data; nothing is said of none."""
    if not classes:
        return
    which = ", ".join(map(str, classes[:5])) + (", ..." if len(classes) > 5 else "")
    classes_are = f"class {which}" if len(classes) == 1 else f"classes {which}"
    warnings.warn(
        f"{name!r} has no example of {classes_are} of {real}: a model trained on it does not learn "
        "to predict what is missing",
        stacklevel=4,
    )


# --- sets of graphs -------------------------------------------------------------------------------


def several_graph_sets(value: object, kind: LabelKind) -> list[object]:
    """One condensed set, or a list of several, as a list; plain graphs as one packed set."""
    if isinstance(value, list | tuple) and not all(map(_is_graph, value)):
        return [one for item in value for one in several_graph_sets(item, kind)]
    if isinstance(value, list | tuple) and not value:
        return []
    if isinstance(value, GraphTask) or hasattr(value, "condensed"):
        return [value]
    return [stored_graphs(value, kind)]


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
    out = real.encoded(stored_graphs(small, real.label_kind))
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
    return out


def stored_graphs(small: object, kind: LabelKind | None = None) -> GraphSet:
    """The graphs of ``small`` as they are stored; labels of plain graphs are read as ``kind``."""
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
    return pack(small, kind)[0]


def _is_several(small: object) -> TypeGuard[Sequence[Data]]:
    return is_dataset(small)


def _check_labels(y: Tensor, real: GraphTask) -> None:
    """Raise a ValueError unless ``y`` are labels as ``real`` has them, or probabilities of them."""
    shape, known = list(y.shape), y[~y.isnan()]
    if real.label_kind == "classes" and y.dim() == 2 and y.shape[1] == real.num_outputs > 1:
        _check_soft(y, real)
    elif real.label_kind == "classes":
        if y.dim() != 1 or y.is_floating_point():
            raise ValueError(
                f"the small set has labels {shape}, {real.name} has one class a graph; soft labels "
                f"are [graphs, {real.num_outputs}]"
            )
        _check_classes(y, real.num_outputs, "a graph", real.name)
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


def _check_soft(y: Tensor, real: GraphTask) -> None:
    """Raise a ValueError unless the rows of ``y [graphs, C]`` are distributions over classes."""
    sums = y.sum(1)
    bad = ~((y >= 0).all(1) & ((sums - 1).abs() < 1e-3))  # NaN, too
    for i in bad.nonzero().flatten()[:1].tolist():
        raise ValueError(
            f"graph {i} of the small set has the soft label ({_first(y[i])}); soft labels are "
            f"probabilities of the {real.num_outputs} classes of {real.name}: none below 0, and "
            "their sum is 1"
        )


def _class_weights(y: Tensor, num_classes: int, what: str, name: str) -> Tensor:
    """Soft labels ``[n, C]``, or targets that were learnt for the squared error, in float32; a
    ValueError for other classes and for what is no number."""
    if y.shape[1] != num_classes:
        raise ValueError(
            f"{what} has soft labels over {y.shape[1]} classes, {name} has {num_classes}"
        )
    weights = y.float()
    for i in (~weights.isfinite().all(1)).nonzero().flatten()[:1].tolist():
        raise ValueError(
            f"{what} has the soft label ({_first(weights[i])}) in row {i}; give finite numbers"
        )
    return weights


def _first(row: Tensor) -> str:
    """The first five numbers of a row ``[C]``, in words."""
    return ", ".join(f"{value:g}" for value in row[:5].tolist())


def _check_classes(y: Tensor, num_classes: int, what: str, name: str) -> None:
    """Raise a ValueError for a class ``[n]`` that the real data do not have."""
    if int(y.min()) < 0 or int(y.max()) >= num_classes:
        bad = int(y.min()) if int(y.min()) < 0 else int(y.max())
        raise ValueError(
            f"the small set has {what} of class {bad}; {name} has classes 0..{num_classes - 1}"
        )


# --- images ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Labelled:
    """Images as networks see them.

    Attributes:
        x: ``[n, c, h, w]``.
        y: classes ``[n]`` or soft labels ``[n, C]``.
        preprocess: what made ``x`` of raw images, and makes the images that are predicted.
    """

    x: Tensor
    y: Tensor
    preprocess: Preprocess

    @property
    def squared(self) -> bool:
        """Whether labels are no distributions over classes, such as learnt regression targets."""
        if self.y.dim() == 1:
            return False
        one = torch.ones(len(self.y), device=self.y.device)
        return bool((self.y < 0).any()) or not torch.allclose(self.y.sum(1), one, atol=1e-3)


def several_image_sets(value: object) -> list[object]:
    """One condensed set, or a list of several, as a list; pairs of tensors as PyG ``Data``."""
    is_pair = (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(item, Tensor | np.ndarray) for item in value)
    )
    if isinstance(value, list | tuple) and not is_pair:
        return [one for item in value for one in several_image_sets(item)]
    return [as_stored(*raw_images(value)) if isinstance(value, tuple) else value]


def as_stored(x: Tensor, y: Tensor) -> Data:
    """Images and labels in the form that is stored, PyG ``Data`` without edges."""
    from torch_geometric.data import Data

    images = scaled(x, "the images of a small set")
    return Data(x=images, edge_index=torch.empty(2, 0, dtype=torch.long), y=y)


def read_images(small: object, real: ImageTask) -> Labelled:
    """The images of ``small`` as networks see them.

    They go through the preprocessing that their record names, else through that of the task.

    Args:
        small: condensed images as :func:`graphcondense.condense` gives them; anything with raw
            images ``x [n, c, h, w]``, of one channel also ``[n, h, w]``, and classes ``y [n]`` or
            soft labels ``y [n, C]``; a pair of such tensors or arrays; or an
            :class:`~graphcondense.data.images.ImageTask`, whose training part is taken. Bytes are
            scaled to [0, 1], as those of real images are.
        real: the real images.

    Raises:
        ValueError: no image; images or labels that do not match the real ones.
    """
    if isinstance(small, ImageTask):
        x, y = small.images[small.train], small.labels[small.train]
    else:
        x, y = raw_images(small)
        x = scaled(x, "the images of a small set")
    if not len(x):
        raise ValueError("the small set has no images")
    if x.dim() == 3 and real.shape[0] == 1:
        x = x.unsqueeze(1)
    if x.dim() != 4 or tuple(x.shape[1:]) != real.shape:
        raise ValueError(
            f"the small set has images {list(x.shape[1:])}, {real.name} has {list(real.shape)}"
        )
    if not bool(torch.isfinite(x).all()):
        raise ValueError("the small set has NaN or infinite pixels")
    if len(y) != len(x):
        raise ValueError(f"the small set has {len(x)} images but {len(y)} labels")
    if y.dim() == 2:
        y = _class_weights(y, real.num_classes, "the small set", real.name)
    elif y.dim() != 1 or y.is_floating_point():
        raise ValueError(
            f"the small set has labels {y.dtype} {list(y.shape)}; give classes [n] or soft labels "
            f"[n, {real.num_classes}]"
        )
    else:
        _check_classes(y, real.num_classes, "an image", real.name)
    named = record_of(small).get("preprocess") is not None
    preprocess = restore_preprocess(small) if named else real.preprocess
    if isinstance(small, ImageTask):
        preprocess = small.preprocess
    if not named and small is not real:
        _check_scale(x, real)
    return Labelled(preprocess.apply(x), y, preprocess)


def _check_scale(x: Tensor, real: ImageTask) -> None:
    """Raise a ValueError for images of others on another scale, such as 0 to 255 beside 0 to 1."""
    of_real = float(real.images[real.val].abs().max()) if len(real.val) else 0.0
    most = float(x.abs().max())
    if of_real and most and not 1 / FAR <= most / of_real <= FAR:
        raise ValueError(
            f"the small set has pixels up to {most:.4g}, {real.name} up to {of_real:.4g}: bring "
            "both to one scale"
        )


FAR = 30
"""Images of others, which may be preprocessed, have pixels at most so many times as large as real
ones, and as small: 255 as against 1 is another scale."""


def raw_images(small: object) -> tuple[Tensor, Tensor]:
    """Raw images ``[n, c, h, w]`` and labels of a small set, on the CPU."""
    if isinstance(small, tuple) and len(small) == 2:
        x, y = small
    else:
        x, y = getattr(small, "x", None), getattr(small, "y", None)
    if not all(isinstance(value, Tensor | np.ndarray) for value in (x, y)):
        raise ValueError(
            f"a small set is condensed images, or a pair of tensors (images [n, c, h, w], labels), "
            f"got {type(small).__name__}"
        )
    images, labels = plain(x, "the images of a small set"), plain(y, "the labels of a small set")
    if labels.dim() == 2 and labels.shape[1] == 1 and not labels.is_floating_point():
        labels = labels[:, 0]
    return images, labels


# --- users by items -------------------------------------------------------------------------------


def read_rows(small: object, real: InteractionTask) -> sp.csr_matrix:
    """The users of ``small``, see :class:`~graphcondense.evaluate.rows.RowsEvaluator`, as CSR
    float32 ``[n, items]``.

    Raises:
        ValueError: not users by items, none, weights that are not finite, or other items than the
            real users have.
    """
    rows: sp.csr_matrix = getattr(small, "csr", small)
    if isinstance(small, InteractionTask):
        rows = small.train
    if not sp.issparse(rows):
        raise ValueError(
            f"a small set of users is a condensed set or a SciPy matrix [users, items], got "
            f"{type(small).__name__}"
        )
    if rows.shape[1] != real.num_items:
        raise ValueError(
            f"the small set has {rows.shape[1]} items, {real.name} has {real.num_items}"
        )
    if not rows.shape[0] or not rows.nnz:
        raise ValueError("the small set has no users with interactions")
    real_numbers(rows, "the small set of users")
    out = sp.csr_matrix(rows, dtype=np.float32)
    if not np.isfinite(out.data).all():
        raise ValueError("the small set has weights that are NaN or infinite")
    return out


# --- heterogeneous graphs -------------------------------------------------------------------------


@dataclass(frozen=True)
class SmallHetero:
    """A heterogeneous graph that models train on.

    Attributes:
        graph: features and relations.
        y: classes ``[n]`` or soft labels ``[n, C]`` of the target type; of other labels ``[n, T]``
            in their own units, NaN for none.
        rows: its nodes that are trained on.
    """

    graph: HeteroGraph
    y: Tensor
    rows: Tensor


def read_hetero(small: object, real: HeteroTask) -> SmallHetero:
    """The graph of ``small``, see :class:`~graphcondense.evaluate.hetero.HeteroEvaluator`.

    Raises:
        ValueError: not such a graph; types, relations, features or labels that do not match.
    """
    if isinstance(small, HeteroTask):
        return SmallHetero(small.graph, small.y, small.train)
    if not hasattr(small, "edge_types"):
        raise ValueError(
            f"a small set is a condensed heterogeneous graph or a PyG HeteroData, got "
            f"{type(small).__name__}"
        )
    graph, target = graph_of(small, real), real.target
    for what, own, other in (
        ("types", graph.widths, real.graph.widths),
        ("relations", graph.relations, real.graph.relations),
    ):
        if lacking := [one for one in other if one not in own]:
            raise ValueError(
                f"the small graph lacks {lacking[0]!r}, one of the {what} of {real.name}"
            )
        if more := [one for one in own if one not in other]:
            raise ValueError(f"the small graph has {more[0]!r}, none of the {what} of {real.name}")
    for kind, width in real.graph.widths.items():
        if graph.widths[kind] != width:
            raise ValueError(
                f"nodes of type {kind!r} have {graph.widths[kind]} features in the small graph, "
                f"{width} in {real.name}"
            )
    store = small[target]  # type: ignore[index]
    y, mask = store.get("y"), store.get("train_mask")
    if not isinstance(y, Tensor) or len(y) != graph.counts[target]:
        raise ValueError(f"the small graph needs labels y of its {graph.counts[target]} {target!r}")
    y = y.detach().cpu()
    rows = torch.arange(len(y)) if mask is None else mask.cpu().nonzero().flatten()
    if not len(rows):
        raise ValueError("no node of the small graph is trained on: train_mask is all False")
    if real.label_kind != "classes":
        y = y.float().reshape(len(y), -1)
        check_small_targets(y[rows], real)
        return SmallHetero(graph, y, rows)
    if y.dim() == 2:
        soft = _class_weights(y, real.num_classes, "the small graph", real.name)
        return SmallHetero(graph, soft, rows)
    if y.dim() != 1 or y.is_floating_point():
        raise ValueError(f"the small graph has labels {y.dtype} {list(y.shape)}; give classes [n]")
    _check_classes(y[rows], real.num_classes, "a node", real.name)
    return SmallHetero(graph, y, rows)
