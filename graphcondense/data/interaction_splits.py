"""Splits of users by items: drawn at random, or given by part."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch

from graphcondense.data.by_part import by_part, refuse_idle_seed
from graphcondense.data.interaction_frames import frame_pairs, in_one_frame
from graphcondense.data.interaction_matrices import (
    UNUSED,
    check_pairs,
    in_matrix,
    is_matrix,
    matrix_pairs,
    ones,
    refuse_unrated,
)
from graphcondense.data.interactions import SPLITS, Array, Duplicates, InteractionTask

if TYPE_CHECKING:
    from pandas import DataFrame

LEAST = 3
"""Items a user needs for a random split: fewer cannot be trained and tested on."""


def random_split(
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
    user, rank, n = _shuffled(whole, seed)
    part = (rank >= 8 * n // 10).astype(np.int64) + (rank >= 9 * n // 10)
    parts = {split: _inside(whole, user, part == i) for i, split in enumerate(SPLITS)}
    named = present[enough] if ids[0] is None else ids[0][present[enough]]
    return InteractionTask(
        parts["train"],
        ones(parts["val"]),
        ones(parts["test"]),
        name,
        None if ids[0] is None and not dropped else named,
        ids[1],
        dropped,
    )


def _shuffled(matrix: sp.csr_matrix, seed: int) -> tuple[Array, Array, Array]:
    """Of each stored pair the user, its place among those of the user, drawn by ``seed``, and how
    many these are."""
    counts = matrix.getnnz(1)
    user = np.repeat(np.arange(matrix.shape[0]), counts)
    rng = torch.Generator().manual_seed(seed)
    key = torch.rand(matrix.nnz, generator=rng, dtype=torch.double).numpy()
    # Each user's pairs lie together; sorted by a random key within the user, a pair's place is its
    # rank.
    order = np.lexsort((key, user))
    rank = np.empty(matrix.nnz, dtype=np.int64)
    rank[order] = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], counts)
    return user, rank, counts[user]


def _inside(matrix: sp.csr_matrix, user: Array, kept: Array) -> sp.csr_matrix:
    """The stored pairs that are ``kept``."""
    return sp.csr_matrix(
        (matrix.data[kept], (user[kept], matrix.indices[kept])), shape=matrix.shape
    )


def validated(parts: dict[str, sp.csr_matrix], seed: int) -> dict[str, sp.csr_matrix]:
    """Parts with one for validation; where there is none, ``floor(n / 10)`` of a user's ``n``
    training items are taken out for it: at least one, but none of a user's only item."""
    if "val" in parts:
        refuse_idle_seed(seed, "the users have their parts")
        return parts
    train = parts["train"]
    user, rank, n = _shuffled(train, seed)
    held = rank >= n - np.maximum(n // 10, n > 1)
    return {**parts, "train": _inside(train, user, ~held), "val": ones(_inside(train, user, held))}


def given_split(
    given: Mapping[str, Any],
    duplicates: Duplicates,
    min_rating: float | None,
    name: str,
    seed: int,
) -> InteractionTask:
    """A task whose parts are given, as matrices of one shape or as frames."""
    parts = by_part(given)
    if missing := [split for split in ("train", "test") if split not in parts]:
        raise ValueError(f"a given split needs train and test: {missing[0]} is missing")
    options = {"duplicates": duplicates, "min_rating": min_rating, "seed": seed}
    if all(hasattr(part, "columns") for part in parts.values()):
        return by_parts(*in_one_frame(parts), name, options, draw="val" not in parts)
    matrices = {}
    for split, part in parts.items():
        if not is_matrix(part):
            raise ValueError(
                f"{split} must be a matrix of SciPy, torch or NumPy, as all parts, or a data "
                f"frame, as all, got a {type(part).__name__}"
            )
        if tuple(part.shape) != tuple(parts["train"].shape):
            raise ValueError(
                f"{split} is {tuple(part.shape)}, train {tuple(parts['train'].shape)}: item ids "
                "out of range? All parts need the same shape [users, items]"
            )
        users, items, values, shape, _, _ = matrix_pairs(part)
        check_pairs(users, items, values, shape)
        if split == "train" and shape[0] > max(len(values), UNUSED):
            raise ValueError(
                f"{name}: {shape[0]:,} users have {len(values):,} training items; leave users "
                "without one out"
            )
        keep = values >= min_rating if min_rating is not None else values != 0
        how: Duplicates = duplicates if split == "train" else "merge"
        matrices[split] = in_matrix(users[keep], items[keep], values[keep], shape, how)
    return _checked(InteractionTask(**validated(matrices, seed), name=name))


def _checked(task: InteractionTask) -> InteractionTask:
    """A task with a given split, if it is one."""
    parts = {"train": task.train, "val": task.val, "test": task.test}
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        both = ones(parts[a]).multiply(ones(parts[b])).tocoo()
        if both.nnz:
            user, item = _called(task.user_ids, both.row[0]), _called(task.item_ids, both.col[0])
            raise ValueError(
                f"{task.name}: item {item} of user {user} is in {a} and in {b} "
                f"({both.nnz:,} such pairs); parts must be disjoint"
            )
    empty = np.flatnonzero(task.train.getnnz(1) == 0)
    if len(empty):
        raise ValueError(
            f"{task.name}: user {_called(task.user_ids, empty[0])} has no training items "
            f"({len(empty):,} such users); leave such users out"
        )
    return task


def _called(ids: Array | None, number: int) -> object:
    """What a row or a column is called."""
    return number if ids is None else str(ids[number])[:40]


def by_parts(
    frame: DataFrame, part: Array, name: str, options: Mapping[str, Any], draw: bool = False
) -> InteractionTask:
    """Interactions whose parts are given: 0 train, 1 validation, 2 test, -1 left out.

    Args:
        frame: with the columns ``user``, ``item`` and perhaps ``rating``.
        part: of each row of it.
        name: of the data.
        options: ``min_rating``, ``duplicates`` and ``seed`` of
            :func:`~graphcondense.data.interaction_reading.as_interactions`.
        draw: there is no validation part: take it out of the training part.
    """
    kept = part >= 0
    users, items, values, shape, ids, rated = frame_pairs(frame[kept])
    check_pairs(users, items, values, shape)
    part, least = part[kept], options["min_rating"]
    refuse_unrated(rated, least, frame.columns)
    liked = values >= least if least is not None else np.ones(len(values), dtype=bool)
    matrices = {}
    for i, split in enumerate(SPLITS):
        inside = (part == i) & liked
        how: Duplicates = options["duplicates"] if split == "train" else "merge"
        matrices[split] = in_matrix(
            users[inside], items[inside], np.ones(int(inside.sum())), shape, how
        )
    if draw:
        del matrices["val"]
    matrices = validated(matrices, options["seed"])
    dropped = frame["user"].nunique() - shape[0]
    task = InteractionTask(
        **matrices,
        name=name,
        user_ids=ids[0],
        item_ids=ids[1],
        dropped_users=int(dropped),
    )
    return _checked(task)
