"""What a report compares: models, and predictors that are no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

from graphcondense.evaluate.fitted import FitResult, Real
from graphcondense.evaluate.trainings import Device, Seeds, Stopwatch

Task = TypeVar("Task", bound=Real)


class Try(NamedTuple):
    """One choice of a predictor: in words, its validation score, and how to score it on test."""

    chosen: str
    val: float
    test: Callable[[], float]


def choose(name: str, tries: Iterable[Try], sign: float = 1.0) -> FitResult:
    """The best of a predictor's tries on validation, of equals the first; then read test once.

    ``sign`` is -1 where a lower score is better.
    """
    watch, each = Stopwatch(), iter(tries)
    best = next(each)
    for one in each:
        best = one if sign * one.val > sign * best.val else best
    trained, _ = watch.read()
    out = FitResult.once(name, best.val, best.test(), best.chosen)
    wall, processor = watch.read()
    return replace(out, seconds=wall, seconds_training=trained, processor_seconds=processor)


def refuse_namesakes(names: Sequence[str]) -> None:
    """Raise a ValueError for two models of one name, by which reports and stores tell them apart.

    >>> refuse_namesakes(["GCN", "MLP", "GCN"])
    Traceback (most recent call last):
    ValueError: two models are called 'GCN', and reports know them by name: leave one out, or give \
one of your own another name: model.__name__ = 'GCN 2', which a functools.partial takes, too
    """
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(
                f"two models are called {name!r}, and reports know them by name: leave one out, "
                f"or give one of your own another name: model.__name__ = {f'{name} 2'!r}, which a "
                "functools.partial takes, too"
            )


@dataclass(frozen=True)
class Predictor(Generic[Task]):
    """What is no network: its score is not a network's, and reports mark it so.

    ``fit`` takes a small set, the real data and a device; the rest is as in :class:`Contestant`.
    """

    name: str
    fit: Callable[[object, Task, Device], FitResult]
    check: Callable[[object, Task], None]
    edge_weights: str = ""


@dataclass(frozen=True)
class Contestant:
    """A model or a predictor as a report measures it.

    Attributes:
        name: in tables.
        predictor: ``"GNN"``, ``"MLP"`` or what else it is; ``"non-GNN"`` for what is no network.
        edge_weights: how it uses edge weights, or what else there is to say.
        settings: how it is trained; ``None`` if it is not.
        fit: called with a small set, seeds and whether to show progress.
        check: raises a ValueError if a small set is too large for it.
        memory_bytes: of training on a small set with so many seeds; ``None`` if not known.
    """

    name: str
    predictor: str
    edge_weights: str
    settings: Mapping[str, object] | None
    fit: Callable[[object, Seeds, bool], FitResult]
    check: Callable[[object], None] = lambda small: None
    memory_bytes: Callable[[object, Seeds], int | None] = lambda small, seeds: None
