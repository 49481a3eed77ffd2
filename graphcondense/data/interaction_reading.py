"""Users by items, as users have them, read into a checked task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from graphcondense.data.by_part import has_parts
from graphcondense.data.interaction_frames import Pairs, frame_pairs
from graphcondense.data.interaction_matrices import (
    check_pairs,
    in_matrix,
    is_matrix,
    is_sparse,
    matrix_pairs,
    refuse_unrated,
)
from graphcondense.data.interaction_splits import given_split, random_split
from graphcondense.data.interactions import Duplicates, InteractionTask
from graphcondense.data.link_parts import PARTS
from graphcondense.data.node_splits import MASKS, classifies
from graphcondense.data.sequences import only
from graphcondense.ops.arrays import plain, real_numbers
from graphcondense.ops.fields import Seed, check_each


def as_interactions(
    data: object,
    *,
    seed: int = 0,
    duplicates: Duplicates = "merge",
    min_rating: float | None = None,
    edge_type: tuple[str, str, str] | None = None,
    name: str | None = None,
) -> InteractionTask:
    """Check ``data`` and bring it into one layout; nothing of ``data`` is changed.

    Data without a split get a random one: of a user's ``n`` items ``floor(0.8 n)`` train,
    ``floor(0.9 n) - floor(0.8 n)`` validate and the others, at least one, test. Users of fewer than
    three items are left out, which a warning and ``dropped_users`` say.

    Args:
        data: one of

            * a sparse matrix ``[users, items]`` of SciPy or torch, 0 where a user did not take an
              item;
            * a mapping of matrices, or of data frames, by ``"train"``, ``"val"`` and ``"test"``: a
              given split. Without ``"val"``, ``floor(n / 10)`` of a user's ``n`` training items
              validate: at least one, but none of a user's only item;
            * a PyG ``HeteroData`` with one kind of edges from users to items (reverse edges do
              not count); ratings as ``rating``, ``edge_weight``, ``edge_attr`` or ``edge_label``;
            * a pandas ``DataFrame`` with the columns ``user``, ``item`` and perhaps ``rating``
              (``userId``, RecBole's ``user_id:token`` and other usual spellings are known);
            * an :class:`InteractionTask`, which is returned as it is.
        seed: draws the split.
        duplicates: ``"merge"``: every pair that occurs is a 1, whatever its value. ``"count"``:
            values of a matrix, or the occurrences of a pair, are added up in the training part;
            held-out items are 1 all the same. Repetitions never fall into two parts.
        min_rating: pairs with a smaller rating (value of a matrix, ``rating`` of a frame or an
            edge) are no interactions; by default all are.
        edge_type: of ``HeteroData``, the edges from users to items; needed if there are several.
        name: what to call the data.

    Raises:
        ValueError: whatever is wrong with ``data``, naming the value and the fix.

    >>> import scipy.sparse as sp
    >>> task = as_interactions(sp.csr_matrix(np.ones((4, 10))))
    >>> task.train.nnz, task.val.nnz, task.test.nnz
    (32, 4, 4)
    """
    if duplicates not in ("merge", "count"):
        raise ValueError(f"duplicates={duplicates!r}: choose 'merge' or 'count'")
    number = isinstance(min_rating, int | float | np.number) and not isinstance(min_rating, bool)
    if min_rating is not None and not (number and np.isfinite(min_rating)):
        raise ValueError(f"min_rating={min_rating!r}: give a number")
    (seed,) = check_each(seed=(seed, Seed))
    if isinstance(data, InteractionTask):
        if seed or (duplicates, min_rating, edge_type) != ("merge", None, None):
            raise ValueError(
                f"{data.name} is read already: seed=, duplicates=, min_rating= and edge_type= are "
                "for what it was read from"
            )
        return data if name is None else replace(data, name=name)
    name = name or "interactions"
    one = only(data)
    if edge_type is not None and not hasattr(one, "edge_types"):
        raise ValueError(
            f"edge_type={edge_type!r} is for a HeteroData, got a {type(data).__name__}: leave it "
            "out"
        )
    if isinstance(data, Mapping) and not is_sparse(data):  # as SciPy's DOK is
        return given_split(data, duplicates, min_rating, name, seed)
    users, items, ratings, shape, ids, rated = _pairs(one, edge_type)
    check_pairs(users, items, ratings, shape)
    refuse_unrated(rated, min_rating, getattr(one, "columns", getattr(one, "edge_types", ())))
    matrix = is_sparse(data)  # where a stored 0 is no interaction; a rating of 0 is one
    keep = ratings >= min_rating if min_rating is not None else (ratings != 0) | (not matrix)
    values = ratings[keep] if matrix else np.ones(int(keep.sum()))
    # Rows that have nothing are not made: ids of users may be any numbers.
    present, rows = np.unique(users[keep], return_inverse=True)
    whole = in_matrix(rows, items[keep], values, (len(present), shape[1]), duplicates)
    return random_split(whole, seed, name, shape[0], present, ids)


def is_rows(data: Any) -> bool:
    """Whether this looks like users by items, in one of the forms that are understood.

    A ``HeteroData`` whose nodes are to be classified is a heterogeneous graph, though it may have
    such edges.
    """
    if isinstance(data, InteractionTask) or is_sparse(data) or _is_frame(data):
        return True
    if has_parts(data):
        return _is_frame(data["train"]) or is_matrix(data["train"])
    one = only(data)
    return hasattr(one, "edge_types") and not classifies(one)


def _is_frame(data: object) -> bool:
    return hasattr(data, "columns") and hasattr(data, "to_numpy")


def _pairs(data: Any, edge_type: tuple[str, str, str] | None) -> Pairs:
    if is_sparse(data):
        return matrix_pairs(data)
    if hasattr(data, "edge_types"):
        return _edges(data, edge_type)
    if _is_frame(data):
        return frame_pairs(data)
    raise ValueError(
        f"cannot read interactions from a {type(data).__name__}; pass a SciPy CSR matrix [users, "
        "items] (scipy.sparse.csr_matrix(matrix) makes one of a dense matrix), a mapping of train, "
        "val and test to such or to frames, a PyG HeteroData, or a data frame with the columns "
        "user and item"
    )


def _edges(data: Any, edge_type: tuple[str, str, str] | None) -> Pairs:
    between = [kind for kind in data.edge_types if kind[0] != kind[2]]
    if edge_type is None:
        forward = [kind for kind in between if kind[0] == "user"] or between
        if len(forward) != 1:
            raise ValueError(
                f"edges from users to items are one of {between or data.edge_types}: say which "
                "with edge_type=, or give a type of nodes y and train_mask to classify them"
            )
        edge_type = forward[0]
    elif tuple(edge_type) not in data.edge_types:
        raise ValueError(f"edge_type={edge_type!r}: the data have {data.edge_types}")
    store = data[edge_type]
    if getattr(store, "edge_index", None) is None:
        raise ValueError(f"the edges {edge_type} have no edge_index")
    _refuse_split(store, edge_type)
    index = plain(store.edge_index, f"edge_index of {edge_type}").numpy()
    if index.ndim != 2 or len(index) != 2 or (index.size and index.dtype.kind not in "iu"):
        raise ValueError(
            f"edge_index of {edge_type} must be integers [2, edges], got {index.dtype} of shape "
            f"{index.shape}"
        )
    names = ("rating", "edge_weight", "edge_attr", "edge_label")  # PyG's MovieLens has the last
    rating: Any = next((v for name in names if (v := store.get(name)) is not None), None)
    values = np.ones(index.shape[1])
    if rating is not None:
        real_numbers(rating, f"the rating of the edges {edge_type}")
        found = plain(rating, f"the rating of the edges {edge_type}").double()
        columns = found.reshape(len(values), -1).numpy()
        if columns.shape[1] != 1:
            raise ValueError(f"the edges {edge_type} have {columns.shape[1]} values each, need one")
        values = columns[:, 0]
    sizes = [data[kind].num_nodes for kind in (edge_type[0], edge_type[2])]
    if None in sizes:
        raise ValueError(f"num_nodes of {edge_type[sizes.index(None) * 2]!r} is not known: set it")
    shape = int(sizes[0]), int(sizes[1])
    return Pairs(index[0], index[1], values, shape, (None, None), rating is not None)


def _refuse_split(store: Any, edge_type: tuple[str, str, str]) -> None:
    """Raise a ValueError for edges that have a split of their own: one would train on its test."""
    masks = (name for names in MASKS.values() for name in names)
    if own := [name for name in (*PARTS, *masks) if store.get(name) is not None]:
        raise ValueError(
            f"the edges {edge_type} have {own[0]}, a split of their own: give matrices or frames "
            "by part, {'train': ..., 'val': ..., 'test': ...}, or, to split edge_index anew, "
            "remove it"
        )
