"""Validation by architectures that the user names: several judges, one score."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Protocol

from graphcondense.ops.fields import listed
from graphcondense.ops.names import nearest

By = Literal["mean", "worst"]
"""How the scores of several architectures become one; higher is better."""

BY: Mapping[By, Callable[[Collection[float]], float]] = {"mean": statistics.fmean, "worst": min}


class Judge(Protocol):
    """What trains an architecture on a set and validates it, as
    :class:`~graphcondense.evaluate.evaluator.Evaluator` does."""

    @property
    def all(self) -> Sequence[str]: ...

    @property
    def judge_seeds(self) -> int: ...

    def predictor_named(self, name: object) -> Any: ...

    def model_of(self, model: Any) -> Any: ...

    def name_of(self, model: Any) -> str: ...

    def score(self, small: object, model: Any = None) -> float: ...


class Panel:
    """Scores a condensed set by training several architectures on it.

    No test example is read. Each architecture is trained with the evaluator's few seeds for
    scoring (:attr:`~graphcondense.evaluate.evaluator.Evaluator.judge_seeds`), by its own recipe.

    Args:
        evaluator: trains and validates.
        models: names as :func:`architectures` gives them.
        by: ``"mean"`` or ``"worst"``.
        shown: what the evaluator is given of an export; by default itself.

    Attributes:
        scores: of the set that was scored last, by the architecture's name.
    """

    def __init__(
        self,
        evaluator: Judge,
        models: Sequence[str],
        by: By,
        shown: Callable[[Any], object] = lambda export: export,
    ) -> None:
        self.evaluator, self.models, self.by, self.shown = evaluator, tuple(models), by, shown
        self.scores: dict[str, float] = {}

    def __call__(self, export: object) -> float:
        seen = self.shown(export)
        self.scores = {name: self.evaluator.score(seen, name) for name in self.models}
        return BY[self.by](self.scores.values())

    @property
    def words(self) -> str:
        """What is trained, in words.

        >>> from types import SimpleNamespace
        >>> Panel(SimpleNamespace(judge_seeds=3), ("GCN", "GAT"), "worst").words
        'worst of GCN, GAT (seeds each: 3)'
        """
        names = ", ".join(self.models)
        who = f"{self.by} of {names}" if len(self.models) > 1 else names
        return f"{who} (seeds each: {self.evaluator.judge_seeds})"


def architectures(evaluator: Judge, names: str | Sequence[str]) -> tuple[str, ...]:
    """The architectures of these names, as tables spell them.

    Raises:
        ValueError: no name, one that is unknown (names the nearest) or given twice, or a predictor
            that is no network.
    """
    found: list[str] = []
    for name in listed(names, "validators"):
        if known := evaluator.predictor_named(name):
            raise ValueError(
                f"validators: {known.name} is no network that could be trained on a condensed set "
                f"on the way; there are {', '.join(_networks(evaluator))}"
            )
        try:
            model = evaluator.model_of(name)
        except ValueError as error:
            near = "" if "did you mean" in str(error) else nearest(name, _networks(evaluator))
            raise ValueError(f"validators: {error}{near}") from None
        found.append(evaluator.name_of(model))
    return tuple(listed(found, "validators"))


def _networks(evaluator: Judge) -> list[str]:
    return [name for name in evaluator.all if evaluator.predictor_named(name) is None]
