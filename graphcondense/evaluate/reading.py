"""What users bring to an evaluation: one condensed set, a list, a mapping by name, several draws.

What a set of each kind holds is read by :mod:`~graphcondense.evaluate.graph_reading` and its
neighbours, of users by :mod:`~graphcondense.evaluate.rows`, and of one graph with labelled nodes by
:func:`graphcondense.data.small_graph.read_labelled`.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphcondense.data.kind import Task
from graphcondense.saved.shown import inside, record_of

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from graphcondense.ops.types import Record


def refuse_text(value: object, name: str) -> None:
    """Raise a ValueError for a path or a name where ``"small"`` or ``"data"`` are needed; says how
    to load it."""
    if not isinstance(value, str | Path):
        return
    what, load = {
        "small": ("a condensed set", "graphcondense.load"),
        "data": ("data", "graphcondense.data.load"),
    }[name]
    if name == "small" and Path(value).suffix == ".pt":
        load = "graphcondense.data.open_small"
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
    if twice := [name for name, n in Counter(map(str, small)).items() if n > 1]:
        raise ValueError(f"two of the sets are called {twice[0]!r}: give each a name of its own")
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


def warn_of_others(name: str, sets: Sequence[object], real: Task) -> None:
    """Warn of sets that were condensed from other data than the ``real``, of another split, or of
    the same that were stored otherwise: a digest is of what is stored.

    What has no record, or one that does not say (as after noise), is taken as it is.
    """
    about = [inside(record_of(one), "data") for one in sets]
    told = {str(data["digest"]) for data in about if data.get("digest")}
    if other := told - {real.digest}:
        warnings.warn(
            f"{name!r} was condensed from other data ({min(other)}) than {real.name} "
            f"({real.digest}), or from these stored otherwise, as sparse. Where only the split "
            "differs, it may have learnt what is tested here: then condense these",
            stacklevel=4,
        )


def warn_of_shared_candidates(name: str, sets: Sequence[object]) -> None:
    """Warn of sets of several seeds that had candidates in common: candidates count up from the
    seed, and what was chosen from nearly the same ones is often the same. A set without candidates
    was made of its own seed.

    Only sets of one method, with the same options and budget, have anything in common; nothing is
    said of a method whose candidates are all the same set.
    """
    alike: defaultdict[str, set[tuple[int, ...]]] = defaultdict(set)
    for record in map(record_of, sets):
        method = inside(record).get("method")
        made = [method, inside(record, "hyperparameters"), inside(record, "budget", "asked")]
        alike[json.dumps(made, default=str, skipkeys=True)].add(_tried(record))
    for every in alike.values():
        times = Counter(seed for tried in every for seed in tried)
        if not (shared := {seed for seed, n in times.items() if n > 1}):
            continue
        near = sorted(tried for tried in every if shared & {*tried})
        asked = ", ".join(f"{seed}" for seed in dict.fromkeys(tried[0] for tried in near))
        warnings.warn(
            f"{name!r}: sets of the seeds {asked} were chosen among candidates, whose seeds count "
            f"up from there, so {len(shared)} of them stood for choice more than once, and the "
            "spread of these sets is too small. Condense again with seeds at least "
            f"{max(map(len, near))} apart",
            stacklevel=4,
        )


def _tried(record: Record) -> tuple[int, ...]:
    """The seeds of all that a set was chosen among, its own first; none where the record does not
    say, or where seeds made no difference."""
    choice, seed = inside(record, "choice"), inside(record).get("seed")
    told = choice.get("seeds") if "choice" in inside(record) else [seed]
    seeds = [one for one in told if type(one) is int] if isinstance(told, list) else []
    if seeds != told or seeds[:1] != [seed] or (choice.get("distinct") == 1 and len(seeds) > 1):
        return ()
    return tuple(seeds)


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
