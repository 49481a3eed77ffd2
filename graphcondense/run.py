"""From a user's data and a method's name to a finished condensed set: one function, no state."""

from __future__ import annotations

import contextlib
import copy
import difflib
import secrets
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache, partial
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Literal,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    overload,
)

import numpy as np
import torch

from graphcondense import candidates
from graphcondense.core import parallel
from graphcondense.core.callbacks import (
    Checkpoint,
    EarlyStop,
    JsonLog,
    Progress,
    TimeBudget,
    read_checkpoint,
)
from graphcondense.core.clock import Clock
from graphcondense.core.engine import Callback
from graphcondense.core.loggers import TensorBoardLog
from graphcondense.core.method import Method, checked_callbacks
from graphcondense.core.panel import By
from graphcondense.data.kind import kind_of_data
from graphcondense.data.task import NodeTask
from graphcondense.kinds import (
    AnyProblem,
    Kind,
    Setting,
    import_evaluators,
    kind_named,
    problem_of,
)
from graphcondense.methods import all_methods, find_method
from graphcondense.ops.budget import BUDGETS
from graphcondense.ops.fields import brief, check_fields
from graphcondense.ops.keywords import shows
from graphcondense.ops.threads import fixed_order, made_on
from graphcondense.ops.types import JsonValue, Record
from graphcondense.ops.yaml import read_yaml
from graphcondense.run_folder import CLOCK, begun, is_finished, working_in
from graphcondense.run_options import Run, device_of
from graphcondense.run_record import (
    Watch,
    identity_of,
    recorded,
    result_in,
    start_kept_said,
    write_config,
)
from graphcondense.run_refusals import (
    idle_choice,
    no_method,
    record_to_update,
    refuse_beyond_free,
    refuse_different,
    refuse_idle,
    refuse_labels,
    refuse_large,
    refuse_open,
    refuse_other,
    refuse_ungrown,
    refuse_unnested,
    refuse_whole,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from torch import Tensor
    from torch_geometric.data import Data

    from graphcondense.data.graph_task import GraphTask
    from graphcondense.data.hetero_task import HeteroTask
    from graphcondense.data.images import ImageTask
    from graphcondense.data.interactions import InteractionTask
    from graphcondense.data.task import NodeTask
    from graphcondense.ops.types import Floats, Floats32, Ints
    from graphcondense.saved.condensed_graph import CondensedGraph, CondensedImages
    from graphcondense.saved.condensed_graphs import CondensedGraphs
    from graphcondense.saved.condensed_hetero import CondensedHetero
    from graphcondense.saved.condensed_rows import CondensedInteractions
    from graphcondense.saved.forms import Small

T = TypeVar("T", bound="DataclassInstance")
S = TypeVar("S", bound="Small")


def _keywords(
    method: str | Method | None = None,
    *,
    nodes: int | Mapping[str, int] | None = None,
    size: int | None = None,
    ratio: float | None = None,
    of: Literal["labelled", "all"] = "labelled",
    per_class: int | None = None,
    bytes: int | None = None,
    rule: Literal["remainder", "floor", "equal"] = "remainder",
    seed: int = 0,
    setting: Setting = "transductive",
    pseudo_labels: int | None = None,
    memory: int | str | None = None,
    device: str | None = None,
    validations: int = 5,
    validators: str | Sequence[str] | None = None,
    validate_by: By = "mean",
    validation_nodes: int | None = None,
    candidates: int | None = None,
    budget_seconds: float | None = None,
    cache: str | Path | None = None,
    patience: int | None = None,
    seconds: float | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    resume_anyway: bool = False,
    deterministic: bool = False,
    checkpoint_seconds: float = 20.0,
    progress: bool = True,
    tensorboard: bool = False,
    learners: int | None = None,
    sizes: None = None,
    epsilon: float | None = None,
    delta: float = 1e-5,
    preset: str | None = "auto",
    callbacks: Sequence[Callback] = (),
    origin: Mapping[str, JsonValue] | None = None,
    **fields: object,
) -> None:
    """What :func:`condense` takes after the data: fields of Budget, of Run and of the method."""


# With sizes another form comes out, which Condenser says apart.
_keywords.__annotations__["sizes"] = "Sequence[int] | None"
P = ParamSpec("P")
Images: TypeAlias = "ImageTask | tuple[Tensor | Floats | Floats32, Tensor | Ints]"


class Condenser(Protocol[P]):
    """What comes out follows from what goes in.

    A PyG data set may be one graph or many, and users by items have many types: they give
    ``Small``. With ``sizes=``, of one graph, it is a dict from each size to a condensed one.
    """

    @overload
    def __call__(self, data: Images, *args: P.args, **kwargs: P.kwargs) -> CondensedImages: ...
    @overload
    def __call__(
        self, data: GraphTask | list[Data], *args: P.args, **kwargs: P.kwargs
    ) -> CondensedGraphs: ...
    @overload
    def __call__(
        self, data: InteractionTask, *args: P.args, **kwargs: P.kwargs
    ) -> CondensedInteractions: ...
    @overload
    def __call__(self, data: HeteroTask, *args: P.args, **kwargs: P.kwargs) -> CondensedHetero: ...
    @overload
    def __call__(
        self, data: NodeTask | Data, *args: P.args, **kwargs: P.kwargs
    ) -> CondensedGraph: ...
    @overload
    def __call__(self, data: object, *args: P.args, **kwargs: P.kwargs) -> Small: ...
    @overload
    def __call__(
        self,
        data: NodeTask | Data,
        method: str | Method | None = None,
        *,
        sizes: Sequence[int],
        **options: object,
    ) -> dict[int, CondensedGraph]: ...


def _typed(keywords: Callable[P, None]) -> Callable[[Callable[..., object]], Condenser[P]]:
    """Give a function the keywords of another and the return types of :class:`Condenser`."""

    def wrap(function: Callable[..., object]) -> Condenser[P]:
        return cast(Condenser[P], shows(keywords)(function))

    return wrap


@_typed(_keywords)
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
            graph, heterogeneous or not, ``"doscond"`` for sets of graphs, ``"dm"`` for images and
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
    clock = _started()
    given, chosen = _apart(options)
    run = _checked(Run, given)
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
        return _nested(problem, built, name, run, run.sizes, origin, clock, section)
    refuse_idle(problem, built, run, given, callbacks)
    built, why = with_budget(kind, problem, built, name)
    if run.validators is not None:
        run = replace(run, validators=problem.judge_by(run.validators, run.validate_by))
    if not idle_choice(problem, built, run, loops=True).get("validation_nodes"):
        run = replace(run, validation_nodes=problem.validate_on(run.validation_nodes, run.seed))
    make = _best if run.chooses else _run
    return make(problem, built, name, run, callbacks, origin, clock, preset=section, why=why)


def default_method(kind: Kind) -> str:
    """The name of the method that data of a kind are condensed by where none is named.

    Raises:
        ValueError: the kind has none.
    """
    if not kind.default:
        raise ValueError(
            f"{kind.name} data have no default method: name one of graphcondense.methods()"
        )
    return kind.default


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


def largest(kind: Kind, sizes: Sequence[int] | None, given: Mapping[str, object]) -> Record:
    """The largest of several sizes as a budget; nothing where there are none.

    Raises:
        ValueError: a budget is given, too.
    """
    if sizes is None:
        return {}
    budget = [f"{name}={brief(given[name])}" for name in BUDGETS if given.get(name) is not None]
    if budget:
        raise ValueError(f"sizes={brief(sizes)} and {budget[0]} are two budgets: give one of them")
    return {kind.counted: max(sizes)}


def with_budget(kind: Kind, problem: AnyProblem, method: Method, name: str) -> tuple[Method, str]:
    """The default method of a kind of data with a budget, where it has none: ten examples a class,
    at most half of the labelled ones; and this rule in words, empty where a budget was given.

    A budget a class, of data without classes, is said to count all examples.

    Raises:
        ValueError: half of the labelled examples are below one a class.
    """
    if method.per_class is not None and not kind.default_each and parallel.is_main():
        n = method.per_class
        text = f"{name}: there are no classes in {kind.data.words}, so per_class={n} counts all"
        print(f"{text}; {kind.counted}= says so", file=sys.stderr)
    if name != kind.default or not kind.default_each or any(map(vars(method).get, BUDGETS)):
        return method, ""
    counts = problem.source(method).counts
    classes, labelled = len(counts), int(counts.sum())
    most = labelled // 2
    if most < classes:
        raise ValueError(
            f"give a budget, such as {kind.counted}={classes}: the default one takes at most half "
            f"of the labelled examples, and there are {labelled} of {classes} classes"
        )
    n, why = kind.default_each * classes, f"{kind.default_each} examples a class"
    if n > most:
        n, why = most, "half of the labelled examples"
    if parallel.is_main():
        text = f"{name}: no budget was given, so {kind.counted}={n}, {why}"
        print(f"{text}; {kind.counted}= sets another", file=sys.stderr)
    return replace(method, **Record({kind.counted: n})), why


def update(small: S, data: object, *, callbacks: Sequence[Callback] = (), **options: object) -> S:
    """The condensed graph of a graph that has grown, from the condensed graph of before.

    The method and its hyper-parameters are those of ``small``'s record, and so is the budget unless
    another is given: a ratio grows with the data, a number of nodes does not.

    Args:
        small: what :func:`condense` or :func:`update` returned, or a loaded one.
        data: the larger data, of the same features; their first nodes are those of before in
            their order. Where numbers of nodes, ids, columns of tables or ``assignment`` show that
            they are not, this is an error.
        **options: a new budget, other fields of the method, and fields of :class:`Run`.

    Returns:
        As :func:`condense`; the record's ``updated_from`` is the hash of ``small``.

    Raises:
        ValueError: a condensed graph without a record, or of a method that cannot go on; data that
            are not those of before and more.
    """
    from graphcondense.saved.condensed import graph_hash

    checked_callbacks(callbacks)
    clock = _started()
    record = record_to_update(small)
    given, chosen = _apart(options)
    asked = record["budget"]["asked"]
    if chosen.keys() & {*BUDGETS}:
        asked = {k: v for k, v in asked.items() if k not in BUDGETS}
    seen: Record = {k: record[k] for k in ("setting", "pseudo_labels") if k in record}
    run = _checked(Run, {**seen, **given})
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
        kind = record["kind"]
        able = [n for (n, of), cls in all_methods().items() if cls.updates() and of == kind]
        raise ValueError(
            f"{name} cannot update a condensed set; of the methods for {kind} data "
            f"{', '.join(able) or 'none'} can: condense anew"
        )
    with fixed_order(run.deterministic, device_of(run)):
        run = _with_limit_of(data, run)
        refuse_whole(type(method), name, run)
        problem = problem_of(data, device_of(run), run.setting, run.pseudo_labels, run.memory)
        refuse_idle(problem, method, run, given, callbacks, loops=False)
        about = problem.about()
        refuse_other(record["data"], about)
        facts = getattr(problem.task, "facts", None)
        refuse_ungrown(small, record["data"], about, getattr(facts, "ids", None))
        section = record.get("preset")
        grown = _run(problem, method, name, run, (), {}, clock, small, preset=section)
        grown.condensed["updated_from"] = graph_hash(small)
        return cast(S, grown)


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


def build(
    name: str, kind: str | None = None, *, preset: str | None = None, **chosen: object
) -> Method:
    """A method from its name, a section of its preset file and fields, checked.

    A budget among the fields stands for any that the section names.

    >>> build("gcond-x", "node", nodes=70).structure
    'identity'
    """
    cls, variant = find_method(name, kind)
    section = section_of(cls, preset)
    defaults = {**variant, **(presets(cls)[section] if section else {})}
    if any(chosen.get(name) is not None for name in BUDGETS):
        defaults = {k: v for k, v in defaults.items() if k not in BUDGETS}
    return _checked(cls, {**defaults, **chosen})


def section_of(cls: type[Method], preset: str | None, data: str = "") -> str | None:
    """The section of a method's preset file that ``preset`` means: ``"auto"`` the one called like
    the data if there is one, ``"none"`` none, else the one of this name.
    """
    known = presets(cls)
    if preset in (None, "none"):
        return None
    if preset == "auto":
        return preset_of(known, data)
    if preset not in known:
        there = ", ".join([*known, "auto", "none"])
        raise ValueError(f"{cls.name} has no preset {brief(preset)}; there are {there}")
    return preset


def preset_of(sections: Collection[str], data: str) -> str | None:
    """The section that is called like the data set, by any of its names.

    >>> preset_of(["cora", "arxiv"], "ogbn_arxiv")
    'arxiv'
    """
    from graphcondense.data.catalogue import spellings
    from graphcondense.data.known import name_key

    names = spellings(data)
    return next((section for section in sections if name_key(section) in names), None)


def presets(cls: type[Method]) -> dict[str, Record]:
    """The sections of a method's preset file, by name.

    The file is ``presets/NAME.yaml``; of the form for labelled graphs ``presets/NAME-graph.yaml``.
    """
    stem = f"{cls.name}{kind_named(cls.kind).presets}"
    return copy.deepcopy(_presets(Path(__file__).parent / "presets" / f"{stem}.yaml"))


@cache
def _presets(path: Path) -> dict[str, Record]:
    """A file of the package, which stays what it is; read for every run, it took 20 ms."""
    if not path.exists():
        return {}
    out: dict[str, Record] = read_yaml(path.read_text())
    return out


def _checked(cls: type[T], values: Mapping[str, object]) -> T:
    """An instance of a dataclass, with a clear error for a field that it does not have."""
    names = [f.name for f in fields(cls)]
    for key in values:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=3) or names
            who = getattr(cls, "name", "") or cls.__name__
            raise ValueError(f"{who} has no option {key!r}; did you mean {', '.join(near)}?")
    made = cls(**values)
    check_fields(made)  # for a method of others that has a __post_init__ of its own
    return made


@parallel.together()
def _run(
    problem: AnyProblem,
    method: Method,
    name: str,
    run: Run,
    extra: Sequence[Callback],
    origin: Mapping[str, JsonValue],
    clock: Clock,
    before: Small | None = None,
    preset: str | None = None,
    why: str = "",
    judged: bool = False,
) -> Small:
    """One run. ``judged`` has the finished set scored where none was scored on the way."""
    about = problem.describe()
    identity = identity_of(problem, method, name, run, about)
    refuse_different(identity)
    source = problem.source(method)
    estimate = method.memory_bytes(source)  # an impossible budget ends here, before any writing
    refuse_large(method, name, run, source, estimate)
    clock.on_gpu = device_of(run).type == "cuda"
    with contextlib.ExitStack() as stack:
        folder, done = parallel.from_main(lambda: _opened(stack, run, identity))
        if done is not None:
            return done
        refuse_beyond_free(problem, method, name, source, estimate, device_of(run))
        rng = torch.Generator().manual_seed(run.seed)
        # Whether it is ever asked or not, a score belongs to a loop.
        scored = run.validations and method.iterates and before is None and run.epsilon is None
        watch = Watch(problem.score() if scored else None, run.validations)
        # All that has a state is always there, so that a resumed run may have other limits.
        lasting: list[Callback] = [TimeBudget(run.seconds, clock, watch), *extra, watch]
        lasting.append(EarlyStop(run.patience, watch))
        if folder is not None:
            lasting.append(JsonLog(folder / "metrics.jsonl"))
        resume, made = None, made_on(device_of(run))
        if folder is not None and run.resume:
            path = folder / "checkpoint.pt"
            read = partial(read_checkpoint, path, identity, lasting, place=made)
            resume = parallel.from_main(partial(read, anyway=run.resume_anyway))
        moved = [] if resume is None else resume["moved"]
        percent = about.get("metric") not in ("rmse", "mae", "r2")
        label = f"{name}, seed {run.seed}" if judged else name
        callbacks = [*lasting, Progress(label, percent=percent)] if run.progress else [*lasting]
        if folder is not None:
            if parallel.is_main():
                stack.enter_context(clock.noted_in(folder / CLOCK, identity))
                if resume is None:
                    clock.tell(0)
                write_config(folder, identity, preset, run, about, origin)
                if run.tensorboard:
                    callbacks.append(TensorBoardLog(folder / "tensorboard"))
            path, how_often = folder / "checkpoint.pt", run.checkpoint_seconds
            if run.epsilon is None:  # what would be gone on with needs the same noise
                callbacks.append(
                    Checkpoint(path, identity, lasting, seconds=how_often, place=made, moved=moved)
                )
        clock.reuse(method.reused_seconds(source))
        if before is None:
            loop = Record(callbacks=callbacks, resume=resume) if method.iterates else Record()
            if identity["learners"] is not None:
                loop["learners"] = identity["learners"]
            syn = method.condense(source, rng=rng, **loop)
        else:
            syn = method.update(source, before, rng=rng)
        small = recorded(
            problem, method, name, run, about, syn, watch, clock, estimate, preset, judged=judged
        )
        if moved:
            small.condensed["moved"] = moved
        if why:
            small.condensed["budget"]["default"] = why
        if parallel.is_main() and "warning" in syn.remarks:
            print(f"{name}: {syn.remarks['warning']}", file=sys.stderr)
        if watch.start_kept and parallel.is_main():
            print(start_kept_said(small.condensed), file=sys.stderr)
        if folder is not None and parallel.is_main():
            from graphcondense.saved.condensed import save

            save(small, folder)
            if watch.stopped is None:  # one that was ended early may go on with a larger limit
                for path in folder.glob("checkpoint*.pt"):
                    path.unlink()
        return small


def _nested(
    problem: AnyProblem,
    method: Method,
    name: str,
    run: Run,
    sizes: Sequence[int],
    origin: Mapping[str, JsonValue],
    clock: Clock,
    preset: str | None = None,
) -> dict[int, Small]:
    """One run for all of ``sizes``, of which ``method`` has the largest as its budget."""
    from graphcondense.saved.condensed import graph_hash, save

    sizes, counted = sorted(sizes), kind_named(problem.kind).counted
    about, source = problem.describe(), problem.source(method)
    methods = [replace(method, **Record({counted: n})) for n in sizes]
    estimates = []
    for one in methods:
        try:  # an impossible size ends here, before any writing
            estimates.append(one.memory_bytes(source))
        except ValueError as error:
            raise ValueError(f"sizes={brief(sizes)}: {error}") from error
    refuse_large(method, name, run, source, max(estimates))
    refuse_beyond_free(problem, methods[-1], name, source, max(estimates), device_of(run))
    clock.on_gpu = device_of(run).type == "cuda"
    identity = identity_of(problem, replace(method, **Record({counted: None})), name, run, about)
    identity |= {"sizes": sizes}
    parts = [str(n) for n in sizes]
    with contextlib.ExitStack() as stack:
        folders = []
        if run.out is not None and parallel.is_main():
            place = stack.enter_context(working_in(Path(run.out), run.resume, parts))
            stack.enter_context(clock.noted_in(place / CLOCK, identity))
            clock.tell(0)
            folders = [place / part for part in parts]
        made = method.nested(source, sizes, torch.Generator().manual_seed(run.seed))
        out = {}
        for n, one, syn in zip(sizes, methods, made, strict=True):
            watch = Watch(None, 0)
            out[n] = recorded(
                problem, one, name, run, about, syn, watch, clock, max(estimates), preset
            )
        hashes = [graph_hash(small) for small in out.values()]
        for small in out.values():
            small.condensed["nested"] = {"sizes": sizes, "hashes": hashes}
        if parallel.is_main() and "warning" in made[-1].remarks:
            print(f"{name}: {made[-1].remarks['warning']}", file=sys.stderr)
        for folder, small in zip(folders, out.values(), strict=False):
            write_config(folder, identity, preset, run, about, origin)
            save(small, folder)
    return out


def _best(
    problem: AnyProblem,
    method: Method,
    name: str,
    run: Run,
    extra: Sequence[Callback],
    origin: Mapping[str, JsonValue],
    clock: Clock,
    preset: str | None = None,
    why: str = "",
) -> Small:
    """The best of several runs, see :func:`graphcondense.candidates.best_of`.

    Each has a folder of its own below that of the run until the best is chosen, so that what is
    finished and what has a checkpoint is taken up.
    """
    about = problem.describe()
    identity = identity_of(problem, method, name, run, about)
    with contextlib.ExitStack() as stack:
        folder, done = _opened(stack, run, identity)
        if done is not None:
            if folder is not None and "choice" in done.condensed:
                candidates.settle(folder, done.condensed["choice"]["seed"])
            return done
        if folder is not None:
            if run.resume and (folder / "checkpoint.pt").exists():
                raise ValueError(
                    f"{folder} has a run without candidates; leave out candidates= and "
                    "budget_seconds= to go on with it, or use another folder"
                )
            write_config(folder, identity, preset, run, about, origin)
        clocks = [clock]  # the first counts from the call on

        def make(seed: int) -> Small:
            part = None if folder is None else candidates.part_of(folder, seed)
            goes_on = part is not None and (is_finished(part) or begun(part))
            one = replace(run, seed=seed, out=part, resume=run.resume and goes_on)
            one = replace(one, candidates=None, budget_seconds=None)
            then = clocks.pop() if clocks else Clock()
            return _run(
                problem, method, name, one, extra, origin, then, preset=preset, why=why, judged=True
            )

        small, told = candidates.best_of(make, run.seed, run.candidates, run.budget_seconds)
        small.condensed = {**small.condensed, "seed": run.seed, **told}
        candidates.tell_alike(name, told["choice"])
        if folder is not None:
            from graphcondense.saved.condensed import save

            save(small, folder)
            candidates.settle(folder, told["choice"]["seed"])
        return small


def _opened(
    stack: contextlib.ExitStack, run: Run, identity: Mapping[str, object]
) -> tuple[Path | None, Small | None]:
    """The folder to make a run in, its own until ``stack`` is closed, and what a run to be resumed
    made, if it has ended."""
    if run.out is None:
        if run.resume:
            raise ValueError("resume needs out=, the folder of the run to go on with")
        return None, None
    folder = stack.enter_context(working_in(Path(run.out), run.resume))
    if not run.resume or not is_finished(folder):
        return folder, None
    small = result_in(folder, identity)
    (folder / CLOCK).unlink(missing_ok=True)  # of a process that was killed after its last work
    return folder, small


def _started() -> Clock:
    """A clock that starts now, when everything is imported: imports are no part of a run's time."""
    all_methods()
    import_evaluators()
    return Clock()
