"""Users by items, as users have them, read into a checked task."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch

from graphcondense.data.interactions import SPLITS, Array, Duplicates, InteractionTask
from graphcondense.data.labels import few
from graphcondense.data.parts import is_parts
from graphcondense.data.sequences import only
from graphcondense.ops.arrays import check_sizes, real_numbers

if TYPE_CHECKING:
    from pandas import DataFrame


LEAST = 3
"""Items a user needs for a random split: fewer cannot be trained and tested on."""

UNUSED = 1_000_000
"""Columns without an interaction, at most: models are of the size of all of them."""


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

            * a SciPy sparse matrix ``[users, items]``, 0 where a user did not take an item;
            * a mapping of such matrices by ``"train"``, ``"val"`` and ``"test"``: a given split;
            * a PyG ``HeteroData`` with one kind of edges from users to items (reverse edges do
              not count);
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

    >>> task = as_interactions(sp.csr_matrix(np.ones((4, 10))))
    >>> task.train.nnz, task.val.nnz, task.test.nnz
    (32, 4, 4)
    """
    if duplicates not in ("merge", "count"):
        raise ValueError(f"duplicates={duplicates!r}: choose 'merge' or 'count'")
    number = isinstance(min_rating, int | float | np.number) and not isinstance(min_rating, bool)
    if min_rating is not None and not (number and np.isfinite(min_rating)):
        raise ValueError(f"min_rating={min_rating!r}: give a number")
    if isinstance(data, InteractionTask):
        return data if name is None else replace(data, name=name)
    if isinstance(data, Mapping) and not hasattr(data, "edge_types"):
        return _given_split(data, duplicates, min_rating, name or "interactions")
    users, items, ratings, shape, ids = _triples(only(data), edge_type)
    _check_pairs(users, items, ratings, shape)
    matrix = sp.issparse(data)  # where a stored 0 is no interaction; a rating of 0 is one
    keep = ratings >= min_rating if min_rating is not None else (ratings != 0) | (not matrix)
    values = ratings[keep] if matrix else np.ones(int(keep.sum()))
    # Rows that have nothing are not made: ids of users may be any numbers.
    present, rows = np.unique(users[keep], return_inverse=True)
    whole = _matrix(rows, items[keep], values, (len(present), shape[1]), duplicates)
    return _random_split(whole, seed, name or "interactions", shape[0], present, ids)


def is_rows(data: Any) -> bool:
    """Whether this looks like users by items, in one of the forms that are understood.

    A ``HeteroData`` with labels is a heterogeneous graph, though it may have such edges.
    """
    if isinstance(data, InteractionTask) or sp.issparse(data):
        return True
    if isinstance(data, Mapping) and set(data) >= set(SPLITS):
        return not is_parts(data)
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        return True
    one = only(data)
    if not hasattr(one, "edge_types"):
        return False
    return not any("y" in one[kind] for kind in one.node_types)


Pairs: TypeAlias = "tuple[Array, Array, Array, tuple[int, int], tuple[Array | None, Array | None]]"
"""Users, items and ratings of all pairs, the shape, and the ids of rows and columns."""


def _triples(data: Any, edge_type: tuple[str, str, str] | None) -> Pairs:
    if sp.issparse(data):
        coo = data.tocoo()
        real_numbers(coo.data, "the matrix of users by items")
        return coo.row, coo.col, coo.data.astype(np.float64), coo.shape, (None, None)
    if hasattr(data, "edge_types"):
        return _edges(data, edge_type)
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        return _frame(data)
    raise ValueError(
        f"cannot read interactions from a {type(data).__name__}; pass a SciPy CSR matrix [users, "
        "items], a mapping of train, val and test to such, a PyG HeteroData, or a data frame with "
        "the columns user and item"
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
    index = store.edge_index.cpu().numpy()
    rating = next(
        (v for k in ("rating", "edge_weight", "edge_attr") if (v := store.get(k)) is not None), None
    )
    values = np.ones(index.shape[1])
    if rating is not None:
        real_numbers(rating, f"the rating of the edges {edge_type}")
        columns = rating.cpu().double().reshape(len(values), -1).numpy()
        if columns.shape[1] != 1:
            raise ValueError(f"the edges {edge_type} have {columns.shape[1]} values each, need one")
        values = columns[:, 0]
    sizes = [data[kind].num_nodes for kind in (edge_type[0], edge_type[2])]
    if None in sizes:
        raise ValueError(f"num_nodes of {edge_type[sizes.index(None) * 2]!r} is not known: set it")
    return index[0], index[1], values, (int(sizes[0]), int(sizes[1])), (None, None)


_COLUMNS = {
    "user": ("user", "user_id", "userid", "uid"),
    "item": ("item", "item_id", "itemid", "movie_id", "movieid", "iid"),
    "rating": ("rating", "ratings", "value", "score"),
}


def known_columns(names: Iterable[Hashable]) -> dict[str, Hashable | None]:
    """Which column of a table has the users, the items and the ratings; ``None``: no column.

    Raises:
        ValueError: two columns are called as one of these may be.

    >>> known_columns(["userId", "movieId", "timestamp"])
    {'user': 'userId', 'item': 'movieId', 'rating': None}
    """
    found: dict[str, Hashable | None] = {}
    spelled = [(str(name).lower().partition(":")[0].strip(), name) for name in names]
    for what, spellings in _COLUMNS.items():
        of = [name for word, name in spelled if word in spellings]
        if what == "rating":  # a score or value beside it is something else
            of = [name for word, name in spelled if word == what] or of
        if len(of) > 1:
            raise ValueError(
                f"the columns {of[0]!r} and {of[1]!r} may both have the {what}s: rename or leave "
                "out one of them"
            )
        found[what] = of[0] if of else None
    return found


def _frame(frame: DataFrame) -> Pairs:
    if not hasattr(frame, "iloc"):
        raise ValueError(
            f"a {type(frame).__name__} of {type(frame).__module__} is no pandas "
            "DataFrame; pass frame.to_pandas()"
        )
    found = known_columns(frame.columns)
    for what in ("user", "item"):
        if found[what] is None:
            raise ValueError(
                f"the frame has no column {what!r}; it has {few(frame.columns)}: rename the one "
                f"that has the {what}s"
            )
        if bool(frame[found[what]].isna().any()):
            raise ValueError(f"the column {found[what]!r} has a missing value; drop such rows")
    users, user_rows = _numbered(frame, found["user"])
    items, item_rows = _numbered(frame, found["item"])
    rating = found["rating"]
    if rating is not None:
        real_numbers(frame[rating], f"the column {rating!r}")
    try:
        values = np.ones(len(frame)) if rating is None else frame[rating].to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the column {rating!r} is no column of numbers ({str(error)[:80]}); convert or drop it"
        ) from error
    return user_rows, item_rows, values, (len(users), len(items)), (users, items)


def _numbered(frame: DataFrame, column: Hashable) -> tuple[Array, Array]:
    """The different ids of a column, in order, and which of them each row has."""
    values = frame[column]
    try:
        if not hasattr(values, "cat"):
            return np.unique(values.to_numpy(), return_inverse=True)
        # Categories are far fewer than rows; those that no row has are no users or items.
        ids, place = np.unique(values.cat.categories.to_numpy(), return_inverse=True)
        kept, rows = np.unique(place[values.cat.codes.to_numpy()], return_inverse=True)
        return ids[kept], rows
    except TypeError as error:
        raise ValueError(
            f"the column {column!r} has ids of several types, such as text and numbers; make all "
            "text: .astype(str)"
        ) from error


def _check_pairs(users: Array, items: Array, values: Array, shape: tuple[int, int]) -> None:
    for what, index, count in (("user", users, shape[0]), ("item", items, shape[1])):
        if len(index) and (index.min() < 0 or index.max() >= count):
            bad = int(index.min() if index.min() < 0 else index.max())
            raise ValueError(f"{what} {bad} is out of range: there are {count}, 0..{count - 1}")
    for wrong, why in ((~np.isfinite(values), "is not finite"), (values < 0, "is negative")):
        if wrong.any():
            at = int(wrong.argmax())
            raise ValueError(
                f"the value {values[at]:g} of user {users[at]} and item {items[at]} {why}; "
                "interactions are positive: drop it, or shift ratings and set min_rating="
            )
    check_sizes(values, "the value of a user and an item")
    unused = shape[1] - min(len(np.unique(items)), shape[1])
    if unused > UNUSED:
        raise ValueError(
            f"{unused:,} of {shape[1]:,} items have no interaction; number those that have one: "
            "numpy.unique(items, return_inverse=True)[1]"
        )


def _matrix(
    users: Array, items: Array, values: Array, shape: tuple[int, int], duplicates: Duplicates
) -> sp.csr_matrix:
    """Pairs as CSR float32, repeated ones added up, or 1."""
    out = sp.csr_matrix((values.astype(np.float32), (users, items)), shape=shape)
    out.sum_duplicates()
    out.eliminate_zeros()
    return _ones(out) if duplicates == "merge" else out


def _ones(matrix: sp.csr_matrix) -> sp.csr_matrix:
    return sp.csr_matrix(
        (np.ones(matrix.nnz, dtype=np.float32), matrix.indices.copy(), matrix.indptr.copy()),
        shape=matrix.shape,
    )


def _random_split(
    whole: sp.csr_matrix,
    seed: int,
    name: str,
    count: int,
    present: Array,
    ids: tuple[Array | None, Array | None],
) -> InteractionTask:
    """A task of the rows of ``whole``, which are the users ``present`` of ``count``."""
    enough = np.flatnonzero(whole.getnnz(1) >= LEAST)
    dropped = count - len(enough)
    if not len(enough):
        raise ValueError(
            f"{name}: no user has {LEAST} items or more, which a split into training, validation "
            "and test needs"
        )
    if dropped:
        warnings.warn(
            f"{name}: {dropped:,} of {count:,} users have fewer than {LEAST} items and "
            "are left out",
            stacklevel=3,
        )
    whole = whole[enough]
    counts = whole.getnnz(1)
    user = np.repeat(np.arange(len(enough)), counts)
    rng = torch.Generator().manual_seed(seed)
    shuffled = torch.rand(whole.nnz, generator=rng, dtype=torch.double).numpy()
    # Each user's pairs lie together; sorted by a random key within the user, a pair's place is its
    # rank.
    order = np.lexsort((shuffled, user))
    rank = np.empty(whole.nnz, dtype=np.int64)
    rank[order] = np.arange(whole.nnz) - np.repeat(whole.indptr[:-1], counts)
    n = counts[user]
    part = (rank >= 8 * n // 10).astype(np.int64) + (rank >= 9 * n // 10)
    parts = {}
    for i, split in enumerate(SPLITS):
        inside = part == i
        parts[split] = sp.csr_matrix(
            (whole.data[inside], (user[inside], whole.indices[inside])), shape=whole.shape
        )
    named = present[enough] if ids[0] is None else ids[0][present[enough]]
    return InteractionTask(
        parts["train"],
        _ones(parts["val"]),
        _ones(parts["test"]),
        name,
        None if ids[0] is None and not dropped else named,
        ids[1],
        dropped,
    )


def _given_split(
    parts: Mapping[str, Any], duplicates: Duplicates, min_rating: float | None, name: str
) -> InteractionTask:
    if missing := [split for split in SPLITS if split not in parts]:
        raise ValueError(f"a given split needs {', '.join(SPLITS)}: {missing[0]} is missing")
    matrices = {}
    for split in SPLITS:
        if not sp.issparse(parts[split]):
            raise ValueError(f"{split} must be a SciPy sparse matrix, got {type(parts[split])}")
        if parts[split].shape != parts["train"].shape:
            raise ValueError(
                f"{split} is {parts[split].shape}, train {parts['train'].shape}: item ids out of "
                "range? All parts need the same shape [users, items]"
            )
        users, items, values, shape, _ = _triples(parts[split], None)
        _check_pairs(users, items, values, shape)
        if split == "train" and shape[0] > max(len(values), UNUSED):
            raise ValueError(
                f"{name}: {shape[0]:,} users have {len(values):,} training items; leave users "
                "without one out"
            )
        keep = values >= min_rating if min_rating is not None else values != 0
        how: Duplicates = duplicates if split == "train" else "merge"
        matrices[split] = _matrix(users[keep], items[keep], values[keep], shape, how)
    return _checked(InteractionTask(**matrices, name=name))


def _checked(task: InteractionTask) -> InteractionTask:
    """A task with a given split, if it is one."""
    parts = {"train": task.train, "val": task.val, "test": task.test}
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        both = _ones(parts[a]).multiply(_ones(parts[b])).tocoo()
        if both.nnz:
            raise ValueError(
                f"{task.name}: item {both.col[0]} of user {both.row[0]} is in {a} and in {b} "
                f"({both.nnz:,} such pairs); parts must be disjoint"
            )
    empty = np.flatnonzero(task.train.getnnz(1) == 0)
    if len(empty):
        raise ValueError(
            f"{task.name}: user {empty[0]} has no training items ({len(empty):,} such users); "
            "leave such users out"
        )
    return task


def by_parts(
    frame: DataFrame, part: Array, name: str, options: Mapping[str, Any]
) -> InteractionTask:
    """Interactions whose parts are given: 0 train, 1 validation, 2 test, -1 left out.

    Args:
        frame: with the columns ``user``, ``item`` and ``rating``.
        part: of each row of it.
        name: of the data.
        options: ``min_rating`` and ``duplicates`` of :func:`as_interactions`.
    """
    kept = part >= 0
    users, items, values, shape, ids = _frame(frame[kept])
    _check_pairs(users, items, values, shape)
    part, least = part[kept], options["min_rating"]
    liked = values >= least if least is not None else np.ones(len(values), dtype=bool)
    matrices = {}
    for i, split in enumerate(SPLITS):
        inside = (part == i) & liked
        how: Duplicates = options["duplicates"] if split == "train" else "merge"
        matrices[split] = _matrix(
            users[inside], items[inside], np.ones(int(inside.sum())), shape, how
        )
    dropped = frame["user"].nunique() - shape[0]
    task = InteractionTask(
        **matrices, name=name, user_ids=ids[0], item_ids=ids[1], dropped_users=int(dropped)
    )
    return _checked(task)
