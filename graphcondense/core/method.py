"""What a method is, and the table that every method enters itself into."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Generator, Tensor

from graphcondense.core.engine import Callback, distill
from graphcondense.core.types import Objective, Pool, Schedule, Source, Synthetic
from graphcondense.ops.budget import Budget

COSTS = {
    "selection": "real examples are picked, nothing is learnt",
    "closed form": "a few clusterings, eigenvectors or linear solves",
    "one loop": "one update of the synthetic set for each network, kernel or closed form",
    "two loops": "networks are trained between updates, or through them",
    "experts": "networks are trained on the real data first",
}
"""Classes of cost, cheapest first."""
LOOPLESS = ("selection", "closed form")
"""Costs of methods that never enter the engine's loop."""
REGISTRY: dict[tuple[str, str], type[Method]] = {}
"""Every method class that has been imported, by ``(name, kind)``. See
:func:`graphcondense.methods.all_methods`, which imports them."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts that a method puts into the one loop, :func:`~graphcondense.core.engine.distill`.

    Attributes:
        syn: the synthetic set, as it starts.
        objective: what is minimised over it.
        pool: where the learners come from.
        schedule: which parameters move when, and how often.
        real: the real data as the objective and the pool see them; those of the run by default.
        callbacks: the method's own; called before those of the run.
        fit: brings ``syn`` to its start by work of its own, such as an autoencoder; called before
            the first update, and not where a checkpoint has the result.
    """

    syn: Synthetic
    objective: Objective
    pool: Pool
    schedule: Schedule
    real: Source | None = None
    callbacks: Sequence[Callback] = ()
    fit: Callable[[], object] | None = None


@dataclass(frozen=True, kw_only=True)
class Method(Budget):
    """One paper. Its fields are its hyper-parameters: the config, the command line and the docs.

    A method states its :meth:`parts`, and the loop is run with them; one that fits no loop
    overrides :meth:`condense` instead. A concrete subclass is registered under its name and kind of
    data. Packages of others register theirs by an entry point of the group
    ``graphcondense.methods`` that names a module or class.

    Class attributes:
        name: how users call it.
        kind: of data: ``"node"``, ``"graph"``, ``"image"`` or ``"rows"``.
        paper: citation.
        family: class in the survey's taxonomy.
        learns: what is learnt, in a few words.
        cost: what it costs, one of :data:`COSTS`.
        variants: further names, each with the field values it stands for.
    """

    name: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    family: ClassVar[str] = ""
    learns: ClassVar[str] = ""
    cost: ClassVar[str] = ""
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @property
    def iterates(self) -> bool:
        """Whether condensing runs the engine's loop, where sets are scored, saved and stopped."""
        return self.cost not in LOOPLESS

    @property
    def pair_bytes(self) -> int:
        """Bytes that a pair of condensed examples may take: the edges between them."""
        return 0

    def sizes(self, real: Source) -> Tensor:
        """Condensed examples of each class ``[C]``.

        Raises:
            ValueError: see :meth:`~graphcondense.ops.budget.Budget.allocate`.
        """
        return self.allocate(
            real.counts,
            real.num_examples,
            example_bytes=real.example_bytes,
            pair_bytes=self.pair_bytes,
        )

    def instead(self, missing: int, total: int) -> str:
        """Nodes of one graph can be labelled by label propagation, up to all that there are."""
        if self.kind != "node" or missing > total:
            return ""
        return f", or label {missing} more nodes of each class with pseudo_labels={missing}"

    def memory_bytes(self, real: Any) -> int:
        """Estimate, before any work, of the memory that condensing adds to the process.

        Six copies of the synthetic examples: the values, their gradient, two moments of Adam, the
        best so far and the export. A method that holds more says so.
        """
        return 6 * int(self.sizes(real).sum()) * int(real.example_bytes)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "domain" in vars(cls):
            raise TypeError(
                f"{cls.__name__}.domain is now called kind: kind = {vars(cls)['domain']!r}"
            )
        if cls.name and "name" in vars(cls):
            key = (cls.name, cls.kind)
            if key in REGISTRY and REGISTRY[key].__qualname__ != cls.__qualname__:
                raise TypeError(f"two methods are called {cls.name!r} for {cls.kind} data")
            if cls.parts is Method.parts and cls.condense is Method.condense:
                raise TypeError(
                    f"method {cls.name!r} has neither parts(real, rng), for the common loop, nor a "
                    "condense() of its own: define one of them"
                )
            REGISTRY[key] = cls

    def parts(self, real: Any, rng: Generator) -> Parts:
        """What the loop is run with.

        Args:
            real: the real data, a :class:`~graphcondense.core.types.Source` of the method's kind of
                data; never changed, and without test labels.
            rng: all randomness.
        """
        raise NotImplementedError

    def condense(
        self,
        real: Any,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        """Learn a synthetic set from ``real``: the loop with the method's :meth:`parts`.

        Args:
            real: see :meth:`parts`.
            rng: all randomness.
            callbacks: see :mod:`graphcondense.core.callbacks`.
            resume: the engine's part of a checkpoint.
        """
        parts = self.parts(real, rng)
        if resume is None and parts.fit is not None:
            parts.fit()
        return distill(
            parts.syn,
            parts.objective,
            parts.pool,
            parts.schedule,
            real if parts.real is None else parts.real,
            rng=rng,
            callbacks=[*parts.callbacks, *callbacks],
            resume=resume,
        )


def hyperparameters(method: Method) -> dict[str, Any]:
    """All fields of a method as plain, JSON-able values; JSON has lists where Python has tuples."""
    values = dataclasses.asdict(method)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
