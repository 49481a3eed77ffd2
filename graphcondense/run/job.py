"""What a run is asked for, and which run that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphcondense.core import parallel
from graphcondense.core.method import Method, hyperparameters
from graphcondense.kinds import AnyProblem
from graphcondense.ops.types import JsonValue, Record
from graphcondense.run.options import Run

UPDATED = ("updated_from", "old_nodes")
"""What the identity of an update has besides."""


@dataclass(frozen=True)
class Job:
    """A method on data, with the options of a run.

    Attributes:
        problem: the data.
        method: with all of its fields.
        name: of the method, as it was asked for.
        run: the options.
        origin: where the data came from, for ``config.yaml`` alone.
        preset: the section of the method's preset file that was taken.
        why: in words, where the budget came from if nobody gave one.
        updated_from: of an update, the hash of the set that it goes on from.
        old_nodes: of an update, a digest of which node of before each one is, if that was said.
    """

    problem: AnyProblem
    method: Method
    name: str
    run: Run
    origin: Mapping[str, JsonValue] = field(default_factory=dict)
    preset: str | None = None
    why: str = ""
    updated_from: str | None = None
    old_nodes: str | None = None

    @cached_property
    def about(self) -> Record:
        """What records say of the data."""
        return self.problem.describe()

    @cached_property
    def source(self) -> Any:
        """The data as the method sees them."""
        return self.problem.source(self.method)

    def identity(self) -> dict[str, object]:
        """What makes a run the run it is: a folder of another is not gone on with."""
        run, names = self.run, self.run.validators
        judged = {"validate_by": run.validate_by} if names else {}
        learners = parallel.shares(run.learners)[0] if self.method.iterates else 1
        return {
            "method": self.name,
            "hyperparameters": hyperparameters(self.method),
            **self.seed_told,
            "setting": self.problem.setting,
            "pseudo_labels": run.pseudo_labels,
            "validations": run.validations,
            # As text, which the command line reads, too.
            "validators": ",".join(names) if isinstance(names, tuple) else names,
            "validation_nodes": run.validation_nodes,
            **judged,
            "candidates": run.candidates,
            "budget_seconds": run.budget_seconds,
            **({} if run.epsilon is None else {"epsilon": run.epsilon, "delta": run.delta}),
            "learners": learners if learners > 1 else None,
            **{name: getattr(self, name) for name in UPDATED if getattr(self, name)},
            "data": self.about["digest"],
        }

    @property
    def seed_told(self) -> Record:
        """The seed, which nobody may know who must not take noise away."""
        return {"seed": self.run.seed if self.run.epsilon is None else None}
