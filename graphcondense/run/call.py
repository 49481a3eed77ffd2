"""``condense`` and ``update``: what users call, and which run that is."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from graphcondense.core import parallel
from graphcondense.core.clock import Clock
from graphcondense.core.engine import Callback
from graphcondense.core.method import Method, checked_callbacks
from graphcondense.data.kind import kind_of_data
from graphcondense.data.task import NodeTask
from graphcondense.kinds import KINDS, Kind, import_evaluators, kind_named, problem_of
from graphcondense.methods import find_method, load
from graphcondense.ops.arrays import digest_of
from graphcondense.ops.budget import BUDGETS
from graphcondense.ops.fields import brief
from graphcondense.ops.threads import fixed_order
from graphcondense.ops.types import JsonValue, Record
from graphcondense.run.changed import as_now, old_numbers
from graphcondense.run.job import Job
from graphcondense.run.method import build, default_method, largest, section_of, with_budget
from graphcondense.run.options import Run, checked, device_of
from graphcondense.run.refusals import (
    idle_choice,
    no_method,
    no_update,
    record_to_update,
    refuse_columns,
    refuse_idle,
    refuse_labels,
    refuse_open,
    refuse_other,
    refuse_ungrown,
    refuse_unnested,
    refuse_whole,
)
from graphcondense.run.signature import keywords, typed
from graphcondense.run.work import best, nested, once

if TYPE_CHECKING:
    from graphcondense.saved.forms import Small

S = TypeVar("S", bound="Small")


@typed(keywords)
def condense(
    data: object,
    method: str | Method | None = None,
    *,
    preset: str | None = "auto",
    callbacks: Sequence[Callback] = (),
    origin: Mapping[str, JsonValue] | None = None,
    **options: object,
) -> Small | dict[int, Small]:
    """Learn a tiny synthetic data set that trains models like ``data`` does.

    The kind of data picks a paper's form. One graph with labelled nodes (PyG ``Data``, a data set
    of one graph, or a :class:`~graphcondense.data.task.NodeTask`) becomes a smaller graph; labelled
    graphs (a list, a PyG data set, or a :class:`~graphcondense.data.graph_task.GraphTask`) a few
    small graphs; ``(images, labels)`` a few images, the best by validation on every tenth image of
    a class; users by items (a SciPy matrix, a bipartite ``HeteroData``, a ratings frame, or an
    :class:`~graphcondense.data.interactions.InteractionTask`) a few users; a ``HeteroData`` with
    classes of one type of nodes (or a :class:`~graphcondense.data.hetero_task.HeteroTask`) a
    smaller one. ``data`` is not changed and its test labels are not read.

    Args:
        data: what to condense. Labelled graphs without a split of their own get a stratified one of
            80 / 10 / 10 %; :func:`~graphcondense.data.graph_reading.as_graph_task` takes others.
        method: a name from ``graphcondense.methods()``, such as ``"gcond"`` or ``"doscond-x"``,
            or a :class:`~graphcondense.core.method.Method`. By default ``"quotient"`` for one
            graph, heterogeneous or not, ``"exchange"`` for sets of graphs, ``"dm"`` for images and
            ``"distill-cf"`` for users by items.
        preset: a section of the method's preset file, such as ``"paper"`` or ``"arxiv"``; fields
            given here win over it. ``"auto"`` takes the one that is called like the data, by any
            of their names, where there is one; ``"none"`` takes none. A method object is complete
            and takes none. The record has its name (``preset``).
        callbacks: further :class:`~graphcondense.core.engine.Callback` objects.
        origin: where ``data`` came from, as plain values, for ``config.yaml`` alone.
        **options: the budget, exactly one of ``nodes=``, ``size=`` (which counts graphs, images or
            users where these are condensed; of a heterogeneous graph ``nodes=`` may name a number
            by type), ``ratio=`` with ``of=``, ``per_class=`` and
            ``bytes=``; fields of :class:`Run`, such as ``seed=``; fields of the method. Without
            any budget the default method takes ten examples a class in all, at most half of the
            labelled ones, and says so; of users by items, which have no classes, a budget is
            needed. ``sizes=(35, 70, 140)`` instead of a budget makes several sets in one run.

    Returns:
        :class:`~graphcondense.saved.condensed_graph.CondensedGraph`, PyG ``Data`` with ``x [n,
        d]``, ``edge_index [2, m]``, ``edge_weight [m]``, ``y [n]`` and ``train_mask [n]``;
        :class:`~graphcondense.saved.condensed_graphs.CondensedGraphs`, a PyG ``InMemoryDataset``;
        :class:`~graphcondense.saved.condensed_graph.CondensedImages`, ``Data`` with ``x [n, c, h,
        w]`` and ``y [n]``; :class:`~graphcondense.saved.condensed_rows.CondensedInteractions`
        (``.csr``, ``.hetero``); or
        :class:`~graphcondense.saved.condensed_hetero.CondensedHetero`, a PyG ``HeteroData``. All
        have the record ``condensed``, and ``plot()``, and show
        themselves in notebooks.

        With ``sizes=`` a dict from each size, ascending, to such a set; the ``assignment`` of a
        smaller one joins nodes of a larger one.

    Raises:
        ValueError: bad data, an unknown method or field, an impossible budget, a folder that
            cannot be written or that another process works in, a checkpoint of another run, or an
            option that cannot act; always before work starts.

    >>> import graphcondense
    >>> small = graphcondense.condense(graphcondense.data.load("digits"), "random", nodes=20)
    >>> small.num_nodes, small.condensed["method"]
    (20, 'random')
    """
    checked_callbacks(callbacks)
    clock = _started(method)
    given, chosen = _apart(options)
    run = checked(Run, given)
    if not isinstance(method, str | Method | None):
        raise ValueError(_SWAPPED if isinstance(data, str | Method) else no_method(method))
    with fixed_order(run.deterministic, device_of(run)):
        return _condensed(data, method, run, given, chosen, preset, callbacks, origin or {}, clock)


def _condensed(
    data: object,
    method: str | Method | None,
    run: Run,
    given: Record,
    chosen: Record,
    preset: str | None,
    callbacks: Sequence[Callback],
    origin: Mapping[str, JsonValue],
    clock: Clock,
) -> Small | dict[int, Small]:
    """:func:`condense` with checked options; ``given`` and ``chosen`` are those of the run and of
    the method."""
    run = _with_limit_of(data, run)
    if run.memory is not None:  # before data are read, which takes minutes where they are large
        _refuse_early(kind_named(kind_of_data(data)), method, run)
    problem = problem_of(data, device_of(run), run.setting, run.pseudo_labels, run.memory)
    kind, section = kind_named(problem.kind), None
    if run.epsilon is not None:
        problem.keep_private(run.epsilon, run.delta, _noise_seed(run, given))
    if method is None:
        method = default_method(kind)
    size = largest(kind, run.sizes, chosen if isinstance(method, str) else vars(method))
    if isinstance(method, str):
        section = section_of(find_method(method, problem.kind)[0], preset, problem.task.name)
        built = build(method, problem.kind, preset=section, **{**chosen, **size})
        name = method.lower()
    elif chosen or preset not in ("auto", "none", None):
        raise ValueError(
            "a Method object is complete: set "
            f"{', '.join(chosen) or f'the fields of {preset}'} on it"
        )
    elif problem.kind not in [kind_named(kind).name for kind in method.kinds()]:
        raise ValueError(
            f"{type(method).__name__} is for {' and '.join(method.kinds())} data, and these are "
            f"{problem.kind} data"
        )
    else:
        built, name = replace(method, **size), method.name
    refuse_labels(type(built), name, problem)
    refuse_open(built, name, run)
    if run.sizes is not None:
        refuse_unnested(built, name, run.sizes)
        refuse_idle(problem, built, run, given, callbacks, loops=False)
        return nested(Job(problem, built, name, run, origin, section), run.sizes, clock)
    refuse_idle(problem, built, run, given, callbacks)
    built, why = with_budget(kind, problem, built, name)
    if run.validators is not None:
        run = replace(run, validators=problem.judge_by(run.validators, run.validate_by))
    if not idle_choice(problem, built, run, loops=True).get("validation_nodes"):
        run = replace(run, validation_nodes=problem.validate_on(run.validation_nodes, run.seed))
    make = best if run.chooses else once
    return make(Job(problem, built, name, run, origin, section, why), callbacks, clock)


def _with_limit_of(data: object, run: Run) -> Run:
    """The run with the limit of a graph that was read within one, unless it has its own."""
    if run.memory is None and isinstance(data, NodeTask) and data.place.in_files:
        return replace(run, memory=data.place.room.bytes)
    return run


def _refuse_early(kind: Kind, method: str | Method | None, run: Run) -> None:
    """:func:`refuse_whole` for what :func:`condense` is given; other kinds of data, which have no
    ``memory=``, are told so where they are read."""
    if kind.data.mapped is None:
        return
    wanted = default_method(kind) if method is None else method
    if isinstance(wanted, str):
        refuse_whole(find_method(wanted, kind.name)[0], wanted, run)
    else:
        refuse_whole(type(wanted), wanted.name, run)


def update(
    small: S,
    data: object,
    *,
    old_nodes: object = None,
    callbacks: Sequence[Callback] = (),
    **options: object,
) -> S:
    """The condensed graph of a graph that has changed, from the condensed graph of before.

    The method and its hyper-parameters are those of ``small``'s record, and so is the budget unless
    another is given: a ratio grows with the data, a number of nodes does not.

    Args:
        small: what :func:`condense` or :func:`update` returned, or a loaded one.
        data: the data now, of the same features. Unless ``old_nodes`` says otherwise, their first
            nodes are those of before in their order; where numbers of nodes, ids, columns of tables
            or ``assignment`` show that they are not, this is an error.
        old_nodes: which node of the data before each node now is ``[N]``, whole numbers, each at
            most once, and -1 for a new one, as ``pandas.Index(ids_before).get_indexer(ids_now)``
            says it. Nodes before that none is have gone, and leave their groups.
        **options: a new budget, other fields of the method, and fields of :class:`Run`.

    Returns:
        As :func:`condense`; the record's ``updated_from`` is the hash of ``small``.

    Raises:
        ValueError: a condensed graph without a record, or of a method that cannot go on; data that
            are not those of before and more; ``old_nodes`` that are not what it says above.
    """
    from graphcondense.saved.content import graph_hash

    checked_callbacks(callbacks)
    record = record_to_update(small)
    clock = _started(record["method"])
    given, chosen = _apart(options)
    asked = record["budget"]["asked"]
    if chosen.keys() & {*BUDGETS}:
        asked = {k: v for k, v in asked.items() if k not in BUDGETS}
    seen: Record = {k: record[k] for k in ("setting", "pseudo_labels") if k in record}
    run = checked(Run, {**seen, **given})
    if run.sizes is not None:
        raise ValueError(f"sizes={brief(run.sizes)} cannot act: update makes one set; leave it out")
    if run.epsilon is not None:
        raise ValueError(
            f"epsilon={run.epsilon:g} cannot act: update reads what is there anew, which gives "
            "more away; condense the larger data with epsilon="
        )
    name = record["method"]
    method = build(
        name, kind_named(record["kind"]).name, **{**record["hyperparameters"], **asked, **chosen}
    )
    if not method.updates():
        raise no_update(name, record["kind"])
    with fixed_order(run.deterministic, device_of(run)):
        run = _with_limit_of(data, run)
        refuse_whole(type(method), name, run)
        problem = problem_of(data, device_of(run), run.setting, run.pseudo_labels, run.memory)
        refuse_idle(problem, method, run, given, callbacks, loops=False)
        about = problem.about()
        refuse_other(record["data"], about)
        refuse_columns(record["data"], about)
        before, told = small, None
        if old_nodes is None:
            facts = getattr(problem.task, "facts", None)
            refuse_ungrown(small, record["data"], about, getattr(facts, "ids", None))
        else:
            nodes = record["data"].get("nodes")
            old = old_numbers(old_nodes, about["nodes"], nodes)
            before, told = as_now(small, old, nodes), digest_of(old.cpu().numpy())
        before = problem.as_seen(before)
        job = Job(
            *(problem, method, name, run),
            preset=record.get("preset"),
            updated_from=graph_hash(small),
            old_nodes=told,
        )
        return cast(S, once(job, (), clock, before))


def _noise_seed(run: Run, given: Mapping[str, object]) -> int:
    """What noise is drawn from: of a given seed other numbers than everything else, and the
    system's randomness where none was given."""
    if "seed" not in given:
        return parallel.from_main(lambda: secrets.randbits(63))
    words = np.random.SeedSequence([run.seed, *b"noise"]).generate_state(1, np.uint64)
    return int(words[0]) >> 1


def _apart(options: Mapping[str, object]) -> tuple[Record, Record]:
    """Fields of :class:`Run`, and those of the method."""
    names = {f.name for f in fields(Run)}
    given = {k: v for k, v in options.items() if k in names}
    return given, {k: v for k, v in options.items() if k not in names}


_SWAPPED = "the data come first and the method second: condense(data, method)"


def _started(method: object) -> Clock:
    """A clock that starts now, when a method, or those that run where none is named, and evaluators
    are imported: imports are no part of a run's time."""
    for name in [method] if isinstance(method, str) else [kind.default for kind in KINDS.values()]:
        if name:
            load(name)
    import_evaluators()
    return Clock()
