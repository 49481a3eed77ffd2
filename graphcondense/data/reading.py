"""The parts of a graph with labelled nodes, read from what people have: one reader for real graphs
and condensed ones.

Every function takes ``owner``, what a message puts before a name, so that it says whose value is
wrong: :data:`REAL` or :data:`SMALL`, or a file. Nothing is changed, and nothing is built of the
size of a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.labels import first_of
from graphcondense.data.targets import FITTING, LabelKind, are_probabilities, check_values
from graphcondense.ops.adjacency import csr_from_edges
from graphcondense.ops.arrays import check_sizes, plain, sparse

if TYPE_CHECKING:
    from torch_geometric.data import Data

REAL = "data."
SMALL = "the small graph's "

ROWS = 1024
"""Of a wide feature matrix at a time, where a pass over it makes temporary copies."""

TEXT_LABELS = ": y = torch.from_numpy(numpy.unique(y, return_inverse=True)[1])"
"""The way out for names of classes."""

LAST_EXACT = 2.0**53
"""From here on a float64 no longer tells an integer from the next."""


NUMBERS = "; if y are numbers say label_kind='regression'"
"""What else labels may be that look like strange classes."""


def features(x: object, owner: str) -> Tensor | sp.csr_matrix:
    """Finite float32 features ``[n, d]``, none beyond 1e15: a tensor, or SciPy CSR where they are
    given sparse."""
    what = f"{owner}x"
    if x is None:
        raise ValueError(
            f"{what} is missing: node features are needed, a tensor [nodes, features]; "
            "as_task(data, features='degree'), 'positional' or 'random-walk' makes some of the "
            "edges"
        )
    if isinstance(x, list | tuple):
        raise ValueError(
            f"{what} must be a tensor or a sparse matrix, got {type(x).__name__}; torch.tensor(x) "
            "makes one"
        )
    given_sparse = sp.issparse(x) or hasattr(x, "to_torch_sparse_csr_tensor")
    if given_sparse or (isinstance(x, Tensor) and x.layout != torch.strided):
        out: Tensor | sp.csr_matrix = sparse(x, what)
    else:
        out = plain(x, what).to(torch.float32).contiguous()
    if len(out.shape) != 2:
        column = "; of one number a node x[:, None]" if len(out.shape) == 1 else ""
        raise ValueError(f"{what} must be [nodes, features], got shape {tuple(out.shape)}{column}")
    if not out.shape[1]:
        raise ValueError(
            f"{what} has no columns, shape {tuple(out.shape)}; for nodes without features "
            f"torch.ones({out.shape[0]}, 1), or their degrees"
        )
    _check_finite(out, what)
    return out


def refuse_zeros(x: Tensor | np.ndarray | sp.csr_matrix, what: str, fix: str) -> None:
    """Raise a ValueError for features of which none is other than zero: no model can tell nodes
    apart by them, and edges bring nothing else."""
    if not told(x):
        raise ValueError(f"{what} is zero in all {x.shape[0]:,} nodes, which tells nothing: {fix}")


def told(x: Tensor | np.ndarray | sp.csr_matrix) -> bool:
    """Whether some feature of some node is other than zero."""
    if isinstance(x, sp.csr_matrix):
        return bool(x.data.any())
    return any(bool(x[i : i + ROWS].any()) for i in range(0, len(x), ROWS))


def _check_finite(x: Tensor | sp.csr_matrix, what: str) -> None:
    if isinstance(x, sp.csr_matrix):
        bad = int((~np.isfinite(x.data)).sum())
        where = f"{bad} stored values"
    else:
        # By rows: a mask of all of a wide graph, and what makes it, outweigh the features.
        each = torch.cat([(~torch.isfinite(rows)).sum(1) for rows in x.split(ROWS)])
        bad = int(each.sum())
        where = f"{bad} values, first in node {int(each.gt(0).int().argmax())}" if bad else ""
    if bad:
        raise ValueError(f"{what} has NaN or infinite features ({where}); impute them first")
    for part in [x.data] if isinstance(x, sp.csr_matrix) else x.split(ROWS):
        check_sizes(part, what)


def labels(y: object, n: int, owner: str, *, soft: bool = False) -> Tensor:
    """Classes ``[n]`` int64, -1 for a node without a label (-1 or NaN).

    Args:
        y: ``[n]`` or ``[n, 1]``, of any number type.
        n: nodes.
        owner: whose they are.
        soft: rows ``[n, C]`` of class weights are allowed too, and stay, in float32; a row that is
            all NaN is no label.
    """
    what = f"{owner}y"
    if y is None:
        raise ValueError(f"{what} is missing: node classes are needed, an integer tensor [nodes]")
    y = plain(y, what, text=TEXT_LABELS)
    if y.dim() > 2:
        raise ValueError(f"{what} must be [nodes], got shape {tuple(y.shape)}")
    several = y.dim() == 2 and y.shape[1] > 1
    if several and not soft:
        _refuse_columns(y, what)
    if not several:
        y = y.reshape(-1)
    if len(y) != n:
        raise ValueError(f"{owner}x has {n} nodes but {what} has {len(y)} labels")
    if several:
        weights: Tensor = y.to(torch.float32)
        bad = ~weights.isfinite().all(1) & ~weights.isnan().all(1)
        for i in bad.nonzero().flatten()[:1].tolist():
            raise ValueError(
                f"{what} has soft labels that are NaN or infinite: ({first_of(weights[i])}) in row "
                f"{i}; give finite numbers, or NaN alone where there is no label"
            )
        return weights
    return _whole(y, what)


def _whole(y: Tensor, what: str) -> Tensor:
    """Numbers ``[n]`` as int64, NaN as -1."""
    if y.is_floating_point():
        y = y.double()
        known = ~torch.isnan(y)
        if not torch.equal(y[known], y[known].round()):
            raise ValueError(f"{what} has fractional values; classes must be integers 0..C-1")
        y = torch.where(known, y, -1.0)
        if len(y) and float(y.abs().max()) >= LAST_EXACT:
            raise ValueError(
                f"{what} has {float(y[y.abs().argmax()]):g}, not a class 0..C-1{NUMBERS}"
            )
    elif y.dtype == torch.uint64 and len(y) and int(y.numpy().max()) > torch.iinfo(torch.long).max:
        raise ValueError(f"{what} has {int(y.numpy().max())}, not a class: classes are 0..C-1")
    y = y.to(torch.long)
    if len(y) and (low := int(y.min())) < -1:
        raise ValueError(
            f"{what} has class {low}; classes are 0..C-1, -1 for unlabelled (if {low} means that: "
            f"y[y == {low}] = -1)"
        )
    return y


def _refuse_columns(y: Tensor, what: str) -> None:
    if (bare := _one_hot_rows(y)) is not None:
        raise ValueError(
            f"{what} has shape {tuple(y.shape)} and is one-hot: y = y.argmax(1){bare} makes one "
            "class a node"
        )
    raise ValueError(
        f"{what} is multi-label, shape {tuple(y.shape)}, and one class a node is needed; give a y "
        "of one class each (a column alone, y[:, i], asks whether a node has label i)"
    )


def _one_hot_rows(y: Tensor) -> str | None:
    """What makes classes of rows that have at most one 1 among zeros, after ``y.argmax(1)``;
    ``None`` where rows are something else."""
    ones, zeros = y == 1, y == 0
    count = ones.sum(1)
    if bool((ones | zeros).all()) and bool((count <= 1).all()) and bool(count.any()):
        return "" if bool(count.all()) else ".where(y.any(1), -1)"
    return None


def targets(
    y: object, n: int, owner: str, label_kind: LabelKind | None, metric: str | None
) -> tuple[Tensor, LabelKind]:
    """Labels of nodes, and what they are: classes ``[n]`` as :func:`labels` reads them, or targets
    ``[n, T]`` float32 with NaN for none.

    What ``label_kind`` leaves open the score says, and else the looks of ``y``: one column of whole
    numbers are classes; 0, 1 and NaN in several columns are binary tasks; numbers with fractions
    are regression targets.

    Args:
        y: ``[n]`` or ``[n, T]``, of any number type.
        n: nodes.
        owner: whose they are.
        label_kind: what they are, ``None`` where nobody says.
        metric: the score, ``None`` where nobody says.

    Raises:
        ValueError: labels that may be one or the other, with the ways to say which.
    """
    what = f"{owner}y"
    if label_kind is None and metric is not None:
        fitting = [kind for kind, scores in FITTING.items() if metric in scores]
        label_kind = fitting[0] if len(fitting) == 1 else None
    if y is None:
        return labels(y, n, owner), "classes"  # says what is wrong
    given = plain(y, what, text=TEXT_LABELS)
    if label_kind is None:
        label_kind = _looks(given, what, _say(owner))
    if label_kind == "classes":
        if given.dim() == 2 and given.shape[1] > 1 and (bare := _one_hot_rows(given)) is not None:
            given = given.argmax(1) if not bare else given.argmax(1).where(given.any(1), -1)
        return labels(given, n, owner), label_kind
    if given.dim() not in (1, 2):
        raise ValueError(f"{what} must be [nodes] or [nodes, tasks], got {tuple(given.shape)}")
    if len(given) != n:
        raise ValueError(f"{owner}x has {n} nodes but {what} has {len(given)} labels")
    if given.dim() == 2 and not given.shape[1]:
        raise ValueError(f"{what} has no columns: each node needs one target a task")
    if label_kind == "soft" and given.dim() == 1:
        raise ValueError(
            f"{what} has one number a node, and soft labels are [nodes, classes]: of classes "
            "torch.nn.functional.one_hot(y).float(), or say label_kind='classes'"
        )
    out = check_values(given.reshape(n, -1), label_kind, "node")
    check_sizes(out[~out.isnan()], f"a target of {what}")
    return out, label_kind


def _say(owner: str) -> str:
    """How to say what labels are, to the reader of whose they are."""
    reader = "as_task" if owner in (REAL, SMALL) else "as_hetero"
    return (
        f" ({owner}label_kind = ..., {reader}(data, label_kind=...), or on the command line "
        "--label-kind)"
    )


def _looks(y: Tensor, what: str, say: str) -> LabelKind:
    """What labels are by their looks alone; ``say`` is how to say it otherwise."""
    known = y[~y.isnan()] if y.is_floating_point() else y
    whole = not y.is_floating_point() or bool((known == known.round()).all())
    shape = tuple(y.shape)
    if y.dim() != 2 or y.shape[1] == 1:
        return "classes" if whole else "regression"
    if _one_hot_rows(y) is not None:
        raise ValueError(
            f"{what} has shape {shape} and is one-hot: label_kind='classes' makes one class a "
            f"node of it, label_kind='binary' takes {y.shape[1]} tasks{say}"
        )
    if bool(((known == 0) | (known == 1)).all()):
        return "binary"
    if whole:
        other = (
            "several tasks of more than two classes each cannot be condensed, y[:, i] is one of "
            "them"
        )
        if bool(((known == 0) | (known == 1) | (known == -1)).all()):
            other = (
                "of binary tasks 0 is no and NaN not known: if -1 is no y.clamp(min=0), and if it "
                "is not known y = y.float(), y[y < 0] = torch.nan"
            )
        raise ValueError(
            f"{what} has shape {shape} and whole numbers other than 0 and 1: if they are numbers "
            f"say label_kind='regression'; {other}{say}"
        )
    if are_probabilities(y):
        raise ValueError(
            f"{what} has shape {shape}, and its rows add up to one: if they are probabilities of "
            "classes say label_kind='soft', if they are numbers label_kind='regression'"
            f"{say}; y = y.argmax(1) makes one class a node"
        )
    return "regression"


def mask(value: object, name: str, n: int, owner: str) -> Tensor:
    """A split as bool ``[n, k]``, one column for each of ``k`` splits (``[n]``: one).

    Bool values, or whole numbers that are all 0 or 1; a list or an array will do, ids of nodes not.
    """
    given = plain(value, f"{owner}{name}")
    whole = given.dtype != torch.bool and not given.is_floating_point()
    if len(given.shape) in (1, 2) and given.shape[0] == n and given.numel():
        columns = given.reshape(n, -1)
        if given.dtype == torch.bool:
            return columns
        if whole and bool(((columns == 0) | (columns == 1)).all()):
            return columns.to(torch.bool)
    message = (
        f"{owner}{name} must be a bool tensor of length {n}, got {given.dtype} of shape "
        f"{tuple(given.shape)}"
    )
    if whole and given.dim() == 1:
        message += f"; ids of nodes: torch_geometric.utils.index_to_mask({name}, {n})"
    elif given.is_floating_point():
        message += f"; {name} > 0 makes one"
    raise ValueError(message)


def edge_list(data: Data, n: int, owner: str) -> tuple[Tensor, Tensor | None]:
    """``edge_index [2, m]`` int64 and the weights ``[m]`` float32, ``None`` where there are none.

    Weights are ``edge_weight``, or else an ``edge_attr`` of one column.
    """
    edges = ends(data, n, owner)
    weight = weights(data, edges.shape[1], owner)[1]
    return edges, None if weight is None else weight.to(torch.float32)


def ends(data: Data, n: int | None, owner: str) -> Tensor:
    """Both ends of the edges ``[2, m]``, int64, of ``data.edge_index``, below ``n`` where there is
    one number of nodes."""
    what = f"{owner}edge_index"
    edges = plain(data.edge_index, what)
    if edges.dim() != 2 or edges.shape[0] != 2:
        hint = "; transpose it" if edges.dim() == 2 and edges.shape[1] == 2 else ""
        raise ValueError(f"{what} must be [2, edges], got {tuple(edges.shape)}{hint}")
    if edges.numel() and (edges.is_floating_point() or edges.dtype == torch.bool):
        raise ValueError(f"{what} must be integer node ids, got {edges.dtype}")
    edges = edges.to(torch.long)  # of no edges any type will do: torch.empty(2, 0) is float
    if edges.numel() and n is not None:
        low, high = int(edges.min()), int(edges.max())
        if low < 0 or high >= n:
            raise ValueError(
                f"{what} names node {low if low < 0 else high}, but {owner}x has nodes 0..{n - 1}"
            )
    return edges


def weights(data: Data, m: int, owner: str) -> tuple[str, Tensor | None]:
    """What weights are called, and they ``[m]``, of the type they are given in."""
    name, given = "edge_weight", getattr(data, "edge_weight", None)
    if given is None:
        name, given = "edge_attr", getattr(data, "edge_attr", None)
        if not isinstance(given, Tensor | np.ndarray):
            return "", None
        if given.ndim not in (1, 2) or (given.ndim == 2 and given.shape[1] != 1):
            return "", None  # features of edges, which node methods do not use
    what = f"{owner}{name}"
    weight = plain(given, what)
    if weight.numel() != m:
        hint = ""
        if weight.dim() == 2 and weight.shape[1] > 1:
            hint = f" (shape {tuple(weight.shape)}); one weight an edge is needed"
        elif name == "edge_weight" and weight.numel() > m:
            hint = (
                "; Data.coalesce() merges edges and leaves edge_weight as it was: use "
                "torch_geometric.utils.coalesce(edge_index, edge_weight)"
            )
        raise ValueError(f"{what} has {weight.numel()} values for {m} edges{hint}")
    return what, weight.reshape(-1)


def adjacency(data: Data, n: int, owner: str) -> sp.csr_matrix | None:
    """``A [n, n]``, ``A[i, j]`` the weight of the edge ``j -> i``; ``None`` if nothing says edges.

    ``data`` has ``edge_index [2, m]`` (with weights, see :func:`edge_list`); ``adj_t``, where
    ``adj_t[i, j]`` is the edge ``j -> i``, as ``T.ToSparseTensor`` makes it; or ``adj``, where
    ``adj[i, j]`` is the edge ``i -> j``, as ``torch_geometric.utils.from_scipy_sparse_matrix`` has
    it. Several of them have to say the same. Matrices may be SciPy's, sparse or dense tensors,
    arrays or lists. Parallel edges add up; weights are finite and not negative.
    """
    found = {}
    if getattr(data, "adj_t", None) is not None:
        found["adj_t"] = _square(data.adj_t, n, f"{owner}adj_t", owner)
        if getattr(data, "edge_index", None) is None:
            check_weighted(data, found["adj_t"], owner)
    if getattr(data, "edge_index", None) is not None:
        edges = ends(data, n, owner)
        what, weight = weights(data, edges.shape[1], owner)
        if weight is not None:
            weight = weight.to(torch.float32)
            # Before parallel edges add up: a negative one must not hide in a sum.
            check_weights(weight.numpy(), what)
        found["edge_index"] = csr_from_edges(edges, weight, n)
    given = getattr(data, "adj", None)
    # Beside other edges something else may be called so.
    if given is not None and (not found or _is_square(given, n)):
        found["adj"] = _square(given, n, f"{owner}adj", owner).T.tocsr()
    for name, adj in found.items():
        check_weights(adj.data, f"{owner}{name}")
    if not found:
        return None
    first, *others = found
    for other in others:
        if (found[first] != found[other]).nnz:
            raise ValueError(
                f"{owner}{first} and {owner}{other} are different edges (or weights); keep one of "
                f"them, as by del data.{other}"
            )
    return found[first]


def _is_square(matrix: object, n: int) -> bool:
    sizes = getattr(matrix, "sizes", None)  # of torch_sparse
    shape = sizes() if callable(sizes) else getattr(matrix, "shape", ())
    return tuple(shape) == (n, n)


def _square(matrix: object, n: int, what: str, owner: str) -> sp.csr_matrix:
    adj = sparse(matrix, what)
    if adj.shape != (n, n):
        raise ValueError(f"{what}: the adjacency is {adj.shape}, but {owner}x has {n} nodes")
    return adj


def check_weights(weight: np.ndarray, what: str) -> None:
    """Raise a ValueError unless all weights are finite, none is negative and none too large."""
    if not np.isfinite(weight).all():
        raise ValueError(f"{what}: edge weights must be finite")
    if len(weight) and weight.min() < 0:
        raise ValueError(
            f"{what}: edge weights must not be negative (smallest: {weight.min():g}); the "
            "symmetric normalisation of a GCN is undefined for them"
        )
    check_sizes(weight, f"{what}: an edge weight")


def check_weighted(data: Data, adj: sp.csr_matrix, owner: str) -> None:
    """Weights beside an ``adj_t`` that has none are a transform that was told another name."""
    if not adj.nnz or (adj.data != 1).any():
        return
    for name in ("edge_weight", "edge_attr"):
        beside = getattr(data, name, None)
        if not isinstance(beside, Tensor) or beside.numel() != adj.nnz or bool((beside == 1).all()):
            continue
        raise ValueError(
            f"{owner}{name} has one weight an edge, but {owner}adj_t has none: "
            f"T.ToSparseTensor(attr='{name}') puts them there, or del data.{name}"
        )
