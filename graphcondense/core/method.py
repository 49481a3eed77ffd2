"""What a method is, and the table that every method enters itself into."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from torch import Generator, Tensor
from typing_extensions import TypeVar

from graphcondense.core import parallel
from graphcondense.core.engine import Callback, distill
from graphcondense.core.types import Objective, Pool, Saved, Schedule, Source, Synthetic
from graphcondense.ops.budget import Budget
from graphcondense.ops.fields import brief
from graphcondense.ops.types import Record

COSTS = {
    "selection": "real examples are picked, nothing is learnt",
    "closed form": "a few clusterings, eigenvectors or linear solves",
    "one loop": "one update of the synthetic set for each network, kernel or closed form",
    "two loops": "networks are trained between updates, or through them",
    "experts": "networks are trained on the real data first",
}
"""Classes of cost, cheapest first."""
LABEL_KINDS = ("classes", "binary", "regression", "soft")
"""What labels may be: one class, several tasks of two labels each, numbers, or a probability for
each class."""
REGISTRY: dict[tuple[str, str], type[Method]] = {}
"""Every method class that has been imported, by ``(name, kind)``. See
:func:`graphcondense.methods.all_methods`, which imports them."""
Scorer = Callable[[Any], float]
"""From a finished set, as :meth:`~graphcondense.core.types.Synthetic.export` gives it, to its
validation score."""
Variants = Mapping[str, Mapping[str, object]]
"""Further names of a method, each with the field values it stands for."""
S = TypeVar("S", bound=Source, default=Any, contravariant=True)
"""The real data as methods of one kind see them."""


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

    def __post_init__(self) -> None:
        wanted: tuple[tuple[str, bool, str], ...] = (
            ("syn", isinstance(self.syn, Synthetic), "a Synthetic set"),
            ("objective", callable(self.objective), "a function (syn, real, learner, rng)"),
            ("pool", callable(self.pool), "a pool of learners, such as Fresh(...)"),
            ("schedule", isinstance(self.schedule, Schedule), "a Schedule"),
            ("fit", self.fit is None or callable(self.fit), "a function without arguments"),
        )
        for name, right, what in wanted:
            if not right:
                raise TypeError(f"Parts.{name} must be {what}, got {brief(getattr(self, name))}")
        checked_callbacks(self.callbacks)


def checked_callbacks(callbacks: object) -> list[Callback]:
    """The callbacks of a run.

    Raises:
        TypeError: something else than a sequence of callbacks.
    """
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        raise TypeError(f"callbacks={brief(callbacks)} must be a list, such as [MyCallback()]")
    out: list[Callback] = []
    for callback in callbacks:
        if isinstance(callback, type) and issubclass(callback, Callback):
            name = callback.__name__
            raise TypeError(f"callbacks has the class {name}; give an object of it, {name}(...)")
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks has {brief(callback)}, which is not a Callback; derive a class from "
                "graphcondense.core.Callback and define step(self, state) in it"
            )
        out.append(callback)
    return out


@dataclass(frozen=True, kw_only=True)
class Method(Budget, Generic[S]):
    """One paper. Its fields are its hyper-parameters: the config, the command line and the docs.

    A method states its :meth:`parts` for the common loop. One without a loop, a selection or a
    closed form, defines :meth:`solve` instead, and one with a loop of its own overrides
    :meth:`condense`. A concrete subclass is registered under its name and kind of data. Packages of
    others name a module or class in the entry point group ``graphcondense.methods``.

    Class attributes:
        name: how users call it.
        kind: of data: ``"node"``, ``"graph"``, ``"image"``, ``"rows"`` or ``"link"``.
        serves: further kinds, whose source is that of ``kind``.
        paper: citation.
        family: class in the survey's taxonomy.
        learns: what is learnt, in a few words.
        cost: what it costs, one of :data:`COSTS`.
        variants: further names, each with the field values it stands for.
        predictor: what :meth:`scorer` trains, in words; empty for the networks that score by
            default.
        chooses: of one graph, whether the method chooses among its own settings by validation
            labels, see :class:`~graphcondense.domains.node_source.NodeSource`.
        assigns: of one graph, whether what it gives has an ``assignment``: which condensed node
            stands for which real one.
        in_blocks: of one graph, whether all work of the size of the graph is done by blocks, within
            the limit of :attr:`~graphcondense.data.task.NodeTask.place`, and :meth:`memory_bytes`
            has the rest; only then ``memory=`` may be given.
        label_kinds: of nodes and graphs, the kinds of labels that the method condenses, see
            :class:`~graphcondense.data.targets.Labelled`.
        edge_features: of graphs, whether the method sees the features of edges; often a field.
        preprocess: of images, how the method sees them, see
            :data:`~graphcondense.data.preprocess.PREPROCESSES`; empty leaves the data as they are.
            Often a field.
    """

    name: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    serves: ClassVar[tuple[str, ...]] = ()
    paper: ClassVar[str] = ""
    family: ClassVar[str] = ""
    learns: ClassVar[str] = ""
    cost: ClassVar[str] = ""
    variants: ClassVar[Variants] = {}
    predictor: ClassVar[str] = ""
    chooses: ClassVar[bool] = False
    assigns: ClassVar[bool] = False
    in_blocks: ClassVar[bool] = False
    label_kinds: ClassVar[tuple[str, ...]] = LABEL_KINDS
    # Without an annotation these are no fields, and a subclass may make fields of them.
    edge_features = False
    preprocess = ""

    @property
    def judge(self) -> str:
        """What :meth:`scorer` trains with these settings, in words; empty for networks."""
        return self.predictor

    @property
    def iterates(self) -> bool:
        """Whether condensing runs the engine's loop, where sets are scored, saved and stopped."""
        return type(self).solve is Method.solve

    @property
    def propagates(self) -> bool:
        """Of one graph, whether the method reads propagated features ``Â^k X``, ``k >= 1``, which
        ``cache=`` keeps."""
        return False

    @property
    def row_weights(self) -> tuple[float, ...]:
        """Of one graph, the weights of ``X, ÂX, Â²X, ...`` in the real rows that condensed ones are
        like: the space in which a condensed node has its nearest real ones."""
        return (1.0,)

    @property
    def private_view(self) -> tuple[float, ...] | None:
        """Of one graph, the weights of ``X, ÂX, Â²X, ...`` in the rows of training nodes, where
        these and their labels are all that the method reads: then ``epsilon=`` can put noise on
        them (:mod:`graphcondense.domains.private`). ``None`` where it reads more."""
        return None

    private_idle: ClassVar[tuple[str, ...]] = ()
    """Fields that cannot act on such sums."""

    @property
    def pair_bytes(self) -> int:
        """Bytes that a pair of condensed examples may take: the edges between them."""
        return 0

    def example_bytes(self, real: S) -> int:
        """Bytes that one condensed example of ``real`` takes in a budget, edges apart."""
        return real.example_bytes

    def sizes(self, real: S) -> Tensor:
        """Condensed examples of each class ``[C]``.

        Raises:
            ValueError: see :meth:`~graphcondense.ops.budget.Budget.allocate`.
        """
        return self.shared(self, real)

    def shared(self, budget: Budget, real: S, counts: Tensor | None = None) -> Tensor:
        """``budget`` over the classes ``[C]``, which have room for ``counts``."""
        return budget.allocate(
            real.counts if counts is None else counts,
            real.num_examples,
            example_bytes=self.example_bytes(real),
            pair_bytes=self.pair_bytes,
            label_kind=labels_of(real),
        )

    def memory_bytes(self, real: S) -> int:
        """Estimate, before any work, of the memory that condensing adds to the process.

        Values, gradient, two moments of Adam, the best so far and the export; more where a method
        says so.
        """
        return 6 * int(self.sizes(real).sum()) * real.example_bytes

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "domain" in vars(cls):
            raise TypeError(
                f"{cls.__name__}.domain is now called kind: kind = {vars(cls)['domain']!r}"
            )
        if cls.name and "name" in vars(cls):
            keys = [(cls.name, kind) for kind in cls.kinds()]
            for key in keys:
                if key in REGISTRY and REGISTRY[key].__qualname__ != cls.__qualname__:
                    raise TypeError(f"two methods are called {cls.name!r} for {key[1]} data")
            if cls.condense is Method.condense:
                loops, solves = cls.parts is not Method.parts, cls.solve is not Method.solve
                if loops == solves:
                    either, nor = ("both", "and") if loops else ("neither", "nor")
                    raise TypeError(
                        f"method {cls.name!r} has {either} parts(real, rng), for the common loop, "
                        f"{nor} solve(real, rng), for a method without a loop: define one of them"
                    )
            REGISTRY.update(dict.fromkeys(keys, cls))

    def parts(self, real: S, rng: Generator) -> Parts:
        """What the loop is run with.

        Args:
            real: the data as the method sees them; never changed, without test labels.
            rng: draws everything that is random.
        """
        raise NotImplementedError

    def solve(self, real: S, rng: Generator) -> Synthetic:
        """The condensed set of a method without a loop: nothing is scored, saved or stopped.

        The arguments are those of :meth:`parts`.
        """
        raise NotImplementedError

    @parallel.together()  # experts are shared among processes, too
    def condense(
        self,
        real: S,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Saved | None = None,
        learners: int | None = None,
    ) -> Synthetic:
        """Condense ``real``: :meth:`solve`, or the loop with the method's :meth:`parts`.

        The other arguments are those of :func:`~graphcondense.core.engine.distill`.

        Raises:
            TypeError: callbacks or parts that are none.
            ValueError: callbacks or a checkpoint for a method without a loop.
        """
        given = checked_callbacks(callbacks)
        if not self.iterates:
            if given or resume is not None or learners is not None:
                raise ValueError(
                    f"{self.name} has no loop: leave out callbacks=, resume= and learners="
                )
            return self.solve(real, rng)
        parts = self.parts(real, rng)
        if not isinstance(parts, Parts):
            raise TypeError(
                f"{type(self).__name__}.parts() must return Parts(...), got {brief(parts)}"
            )
        if resume is None and parts.fit is not None:
            parts.fit()
        return distill(
            parts.syn,
            parts.objective,
            parts.pool,
            parts.schedule,
            real if parts.real is None else parts.real,
            rng=rng,
            callbacks=[*parts.callbacks, *given],
            resume=resume,
            learners=learners,
        )

    def scorer(self, val: S) -> Scorer | None:
        """The method's own score of a finished set, on the validation examples as the training
        examples of a source; by default ``None``: networks are trained."""
        return None

    def reused_seconds(self, real: S) -> float:
        """Processor seconds that other runs spent on what this one will read, such as experts on
        disk: they are part of what condensing took."""
        return 0.0

    def update(self, real: S, before: Any, *, rng: Generator) -> Synthetic:
        """The condensed set of data that have grown, from the finished set of the smaller data; see
        :func:`graphcondense.update`."""
        raise NotImplementedError

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """The kinds of data that it condenses."""
        return (cls.kind, *cls.serves)

    @classmethod
    def updates(cls) -> bool:
        """Whether the method can :meth:`update` a condensed set."""
        return cls.update is not Method.update

    def nested(self, real: S, sizes: Sequence[int], rng: Generator) -> list[Synthetic]:
        """The condensed set of each of ``sizes`` (examples in all, ascending; this method's own
        budget is the largest), from one run; the smaller ones are made of the larger ones."""
        raise NotImplementedError

    @classmethod
    def nests(cls) -> bool:
        """Whether one run can serve several sizes, by :meth:`nested`."""
        return cls.nested is not Method.nested


def labels_of(real: Source) -> str:
    """The kind of labels of what a method sees; what has no labels is one class."""
    kind: str = getattr(getattr(real, "task", None), "label_kind", "classes")
    return kind


def hyperparameters(method: Method) -> Record:
    """All fields of a method as plain, JSON-able values; JSON has lists where Python has tuples."""
    values = dataclasses.asdict(method)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
