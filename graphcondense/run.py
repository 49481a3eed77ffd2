"""From a user's data and a method's name to a finished condensed set: one function, no state."""

from __future__ import annotations

import contextlib
import difflib
import importlib.metadata
import math
import platform
import reprlib
import secrets
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
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
import yaml

from graphcondense import candidates
from graphcondense.core import parallel
from graphcondense.core.callbacks import (
    Checkpoint,
    EarlyStop,
    JsonLog,
    Progress,
    TensorBoardLog,
    TimeBudget,
    Validate,
    differences,
    read_checkpoint,
)
from graphcondense.core.clock import Clock, Spent
from graphcondense.core.engine import Callback, State
from graphcondense.core.method import Method, checked_callbacks, hyperparameters
from graphcondense.core.panel import By
from graphcondense.core.types import Source, Synthetic
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
from graphcondense.ops.budget import BUDGETS, Budget
from graphcondense.ops.device import usable
from graphcondense.ops.fields import (
    Chance,
    Count,
    Distinct,
    Location,
    Names,
    Natural,
    NonNegative,
    Positive,
    Seed,
    Size,
    brief,
    check_fields,
)
from graphcondense.ops.files import write_whole
from graphcondense.ops.keywords import shows
from graphcondense.ops.memory import free_bytes
from graphcondense.ops.sizes import said, size_of
from graphcondense.ops.threads import fixed_order, made_on
from graphcondense.ops.types import JsonValue, Record
from graphcondense.ops.yaml import read_yaml, read_yaml_file
from graphcondense.run_folder import CLOCK, is_finished, working_in
from graphcondense.version import __version__

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from torch import Tensor
    from torch_geometric.data import Data

    from graphcondense.data.graph_task import GraphTask
    from graphcondense.data.images import ImageTask
    from graphcondense.data.interactions import InteractionTask
    from graphcondense.data.task import NodeTask
    from graphcondense.ops.types import Floats, Floats32, Ints
    from graphcondense.saved.condensed_graph import CondensedGraph, CondensedImages
    from graphcondense.saved.condensed_graphs import CondensedGraphs
    from graphcondense.saved.condensed_rows import CondensedInteractions
    from graphcondense.saved.forms import Small

T = TypeVar("T", bound="DataclassInstance")
S = TypeVar("S", bound="Small")


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a method is run; what it computes is the method's own affair.

    An option that is given and cannot act is an error: a method that selects or solves in closed
    form has no loop that could be scored, saved or ended on the way.

    Attributes:
        seed: of all randomness; the same seed gives the same bits with the same number of threads,
            on the same device, with the same version of torch (``deterministic``).
        setting: node data only: ``"transductive"`` or ``"inductive"``: the method sees the subgraph
            of the training nodes, scores on the way that of training and validation nodes.
            Of graphs and images, methods see training examples alone; the record says so.
        pseudo_labels: node data only: label so many more nodes of each class by label propagation
            before the method sees the graph
            (:func:`~graphcondense.data.pseudo.pseudo_labelled`), for budgets above the number of
            labelled nodes. Validation and test stay as they are.
        memory: node data only: bytes, or a size such as ``"4GB"``: condense within so much memory.
            Edges, what is propagated, and features that are not float32 yet are kept in mapped
            files below ``GRAPHCONDENSE_CACHE`` (by default ``~/.cache/graphcondense``), which are
            gone when the process ends; work is done block by block. Arrays that are given in
            memory, pages of mapped files, which the system takes back when it needs them, and the
            program itself, about 400 MB, do not count. Only some methods can; the others say which.
            Propagated features are the same up to rounding, which k-means and other choices among
            equals may magnify.
        device: such as ``"cpu"`` or ``"cuda"``; a GPU when there is one by default.
        validations: how many times the condensed set is scored on real validation examples on the
            way, the start besides; the best is returned. 0 returns the last.
        validators: the architectures that are trained on the condensed set to score it, for users
            who know what they will train: names that the evaluator of the kind of data knows, such
            as ``GCN,SAGE,GAT``. By default the method's own predictor where it has one, else the
            usual network of the kind.
        validate_by: how the scores of several validators become one: their ``"mean"``, or the
            ``"worst"`` of them.
        validation_nodes: node data only: read so many validation nodes for the scores on the way,
            a sample that ``seed`` draws once, the same for all candidates; by default all, or
            4,096 of them if there are more. On a large graph that is most of what a score costs.
            The record says so (``validation.nodes``).
        candidates: make so many condensed sets, each a whole run with a seed of its own (``seed``,
            ``seed + 1`` and so on), and return the best on validation. The record has all scores
            (``choice``). Works for methods without a loop, too.
        budget_seconds: the same, as many candidates as fit into so many seconds from the call on;
            one is always made, and another only if the longest so far would fit. How many
            depends on the machine; ``candidates=`` with the number of the record repeats it. With
            ``candidates`` as well, at most so many.
        cache: node data only: a folder that keeps propagated features ``Â^k X``, so that later runs
            and evaluations of the same graph open them instead. A file is of one graph, one ``k``
            and one way to normalise, by its name and its header; it holds numbers alone, is mapped
            into memory and not read, and takes ``4 N d`` bytes, less where most are zero. By
            default they are kept in memory, as long as the data.
        patience: end after so many scores without a better one; by default never.
        seconds: end after so many seconds from the call on, those of earlier processes of a resumed
            run included; by default never. Time for the last score is kept free. Experts that a
            method trains first are counted, but finished, and one update is always made.
        out: folder of the run: ``condensed.safetensors``, its card, ``config.yaml``,
            ``metrics.jsonl``, and until the run has ended ``checkpoint.pt``, which a run that was
            ended early keeps. Nothing is written by default.
        resume: go on from the checkpoint in ``out``, bit for bit; a run that has ended is loaded.
            A checkpoint that was made with another number of threads, on another device or with
            another torch is refused, as the bits would be others.
        resume_anyway: go on from it all the same. The record says what differed (``moved``).
        deterministic: compute in one order, so that the number of threads does not matter: torch,
            NumPy and SciPy use one thread while data are read and condensed. On small graphs that
            costs no time, on large ones what other threads would have saved. On a GPU torch uses
            its deterministic algorithms, which needs ``CUBLAS_WORKSPACE_CONFIG=:4096:8`` in the
            environment; an operation that has none is an error of torch. What a cache already has
            is taken as it is.
        checkpoint_seconds: seconds between checkpoints; 0 saves after every update.
        progress: show a progress bar where there is a terminal.
        tensorboard: also write TensorBoard scalars into ``out`` (extra ``log``).
        learners: networks that an update follows the mean of, each drawn and trained by itself. By
            default one, and under ``torchrun`` one for each process. As many learners give the same
            set however many processes share them.
        sizes: several sizes in one run, such as 35, 70 and 140, instead of a budget. They count
            nodes (of other kinds of data graphs, images or users), and a smaller set is made of a
            larger one. ``out`` then has a folder for each, such as ``out/35``. Only some methods
            can; the others say which.
        epsilon: node data only: condense under differential privacy. Whoever sees the condensed
            graph learns next to nothing of the features and the label of any one node; edges and
            the split are public (:mod:`graphcondense.domains.private`). The smaller, the more
            noise; 1 is strict, 10 is lax. Only some methods can; the others say which. Nothing is
            scored on the way, since scores read validation labels. Give no ``seed``, or keep it to
            yourself: who knows it can take the noise away. Without one the noise is drawn from
            the system's randomness. The record has no seed and no hash of the data. Needs the
            extra ``private``.
        delta: with what probability ``epsilon`` may fail; well below 1 over the number of nodes.

    Raises:
        ValueError: a value out of its range.
    """

    seed: Seed = 0
    setting: Setting = "transductive"
    pseudo_labels: Count | None = None
    memory: Size | None = None
    device: str | None = None
    validations: Natural = 5
    validators: str | Names | None = None
    validate_by: By = "mean"
    validation_nodes: Count | None = None
    candidates: Count | None = None
    budget_seconds: Positive | None = None
    cache: Location | None = None
    patience: Count | None = None
    seconds: Positive | None = None
    out: Location | None = None
    resume: bool = False
    resume_anyway: bool = False
    deterministic: bool = False
    checkpoint_seconds: NonNegative = 20.0
    progress: bool = True
    tensorboard: bool = False
    learners: Count | None = None
    sizes: Distinct | None = None
    epsilon: Positive | None = None
    delta: Chance = 1e-5

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def chooses(self) -> bool:
        """Whether it is a choice between candidates."""
        return self.candidates is not None or self.budget_seconds is not None


def _keywords(
    method: str | Method | None = None,
    *,
    nodes: int | None = None,
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
    :class:`~graphcondense.data.interactions.InteractionTask`) a few users. ``data`` is not changed
    and its test labels are not read.

    Args:
        data: what to condense. Labelled graphs without a split of their own get a stratified one of
            80 / 10 / 10 %; :func:`~graphcondense.data.graph_reading.as_graph_task` takes others.
        method: a name from ``graphcondense.methods()``, such as ``"gcond"`` or ``"doscond-x"``,
            or a :class:`~graphcondense.core.method.Method`. By default ``"quotient"`` for one
            graph, ``"doscond"`` for sets of graphs, ``"dm"`` for images and ``"distill-cf"`` for
            users by items.
        preset: a section of the method's preset file, such as ``"paper"`` or ``"arxiv"``; fields
            given here win over it. ``"auto"`` takes the one that is called like the data, by any
            of their names, where there is one; ``"none"`` takes none. A method object is complete
            and takes none. The record has its name (``preset``).
        callbacks: further :class:`~graphcondense.core.engine.Callback` objects.
        origin: where ``data`` came from, as plain values, for ``config.yaml`` alone.
        **options: the budget, exactly one of ``nodes=``, ``size=`` (which counts graphs, images or
            users where these are condensed), ``ratio=`` with ``of=``, ``per_class=`` and
            ``bytes=``; fields of :class:`Run`, such as ``seed=``; fields of the method. Without
            any budget the default method takes ten examples a class in all, at most half of the
            labelled ones, and says so; of users by items, which have no classes, a budget is
            needed. ``sizes=(35, 70, 140)`` instead of a budget makes several sets in one run.

    Returns:
        :class:`~graphcondense.saved.condensed_graph.CondensedGraph`, PyG ``Data`` with ``x [n,
        d]``, ``edge_index [2, m]``, ``edge_weight [m]``, ``y [n]`` and ``train_mask [n]``;
        :class:`~graphcondense.saved.condensed_graphs.CondensedGraphs`, a PyG ``InMemoryDataset``;
        :class:`~graphcondense.saved.condensed_graph.CondensedImages`, ``Data`` with ``x [n, c, h,
        w]`` and ``y [n]``; or :class:`~graphcondense.saved.condensed_rows.CondensedInteractions`
        (``.csr``, ``.hetero``). All have the record ``condensed``, and ``plot()``, and show
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
    elif kind_named(method.kind).name != problem.kind:
        raise ValueError(
            f"{type(method).__name__} is for {method.kind} data, and these are {problem.kind} data"
        )
    else:
        built, name = replace(method, **size), method.name
    refuse_open(built, name, run)
    if run.sizes is not None:
        refuse_unnested(built, name, run.sizes)
        refuse_idle(problem, built, run, given, callbacks, loops=False)
        return _nested(problem, built, name, run, run.sizes, origin, clock, section)
    refuse_idle(problem, built, run, given, callbacks)
    built, why = with_budget(kind, problem, built, name)
    if run.validators is not None:
        run = replace(run, validators=problem.judge_by(run.validators, run.validate_by))
    if not _idle_choice(problem, built, run, loops=True).get("validation_nodes"):
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


def refuse_whole(method: type[Method], name: str, run: Run) -> None:
    """Raise a ValueError where ``memory=`` is given to a method that does not work by blocks."""
    if run.memory is None or method.in_blocks:
        return
    able = [n for (n, kind), cls in all_methods().items() if cls.in_blocks and kind == method.kind]
    raise ValueError(
        f"memory={brief(run.memory)}: {name} holds the whole graph in memory; of the methods for "
        f"{method.kind} data {', '.join(able) or 'none'} can do without: name one of them, or "
        "leave memory= out"
    )


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


def refuse_large(method: Method, name: str, run: Run, source: Source, estimate: int) -> None:
    """Raise a ValueError where a method needs more than ``memory=``, with those that do not.

    Args:
        method, name: what is run.
        run: has the limit, or none.
        source: the data as the method sees them.
        estimate: what the method says it holds beside the graph.
    """
    if run.memory is None or estimate <= size_of(run.memory):
        return
    budget = {f.name: getattr(method, f.name) for f in fields(Budget)}
    able = []
    for (other, kind), cls in all_methods().items():
        if kind != method.kind or not cls.in_blocks:
            continue
        try:
            if cls(**budget).memory_bytes(source) <= size_of(run.memory):
                able.append(other)
        except ValueError:
            continue  # the budget is none for this method
    raise ValueError(
        f"memory={brief(run.memory)}: {name} holds about {said(estimate)} beside the graph; raise "
        f"it to memory='{said(estimate)}'. Of the methods for {method.kind} data "
        f"{', '.join(able) or 'none'} can keep within it"
    )


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


def refuse_unnested(method: Method, name: str, sizes: Sequence[int]) -> None:
    """Raise a ValueError unless the method makes several sizes in one run."""
    if not method.nests():
        able = [
            n for (n, kind), cls in all_methods().items() if cls.nests() and kind == method.kind
        ]
        raise ValueError(
            f"sizes={brief(sizes)}: {name} makes one size a run; of the methods for {method.kind} "
            f"data {', '.join(able) or 'none'} can make several: give one size, or another method"
        )


def with_budget(kind: Kind, problem: AnyProblem, method: Method, name: str) -> tuple[Method, str]:
    """The default method of a kind of data with a budget, where it has none: ten examples a class,
    at most half of the labelled ones; and this rule in words, empty where a budget was given.

    Raises:
        ValueError: half of the labelled examples are below one a class.
    """
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
        data: the larger data, of the same features.
        **options: a new budget, other fields of the method, and fields of :class:`Run`.

    Returns:
        As :func:`condense`; the record's ``updated_from`` is the hash of ``small``.

    Raises:
        ValueError: a condensed graph without a record, or of a method that cannot go on.
    """
    from graphcondense.saved.condensed import graph_hash

    checked_callbacks(callbacks)
    clock = _started()
    record = getattr(small, "condensed", None)
    if not isinstance(record, Mapping) or "hyperparameters" not in record:
        raise ValueError("update needs a condensed graph with its record, as condense returns it")
    given, chosen = _apart(options)
    asked = record["budget"]["asked"]
    if chosen.keys() & {*BUDGETS}:
        asked = {k: v for k, v in asked.items() if k not in BUDGETS}
    seen = {k: record[k] for k in ("setting", "pseudo_labels") if k in record}
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
        able = [n for (n, _), cls in all_methods().items() if cls.updates()]
        raise ValueError(f"{name} cannot update a condensed set; {', '.join(able)} can")
    with fixed_order(run.deterministic, device_of(run)):
        run = _with_limit_of(data, run)
        refuse_whole(type(method), name, run)
        problem = problem_of(data, device_of(run), run.setting, run.pseudo_labels, run.memory)
        refuse_idle(problem, method, run, given, callbacks, loops=False)
        refuse_other(record["data"], problem.about())
        section = record.get("preset")
        grown = _run(problem, method, name, run, (), {}, clock, small, preset=section)
        grown.condensed["updated_from"] = graph_hash(small)
        return cast(S, grown)


def refuse_open(method: Method, name: str, run: Run) -> None:
    """Raise a ValueError where ``epsilon=`` is given to a method that reads what has no noise."""
    if run.epsilon is None or method.private_view is not None:
        return
    able = [
        n
        for (n, kind), cls in all_methods().items()
        if kind == method.kind and cls.private_view is not Method.private_view
    ]
    raise ValueError(
        f"epsilon={run.epsilon:g}: {name} reads single nodes of the data, without noise; of the "
        f"methods for {method.kind} data {', '.join(able) or 'none'} need sums of training nodes "
        "alone: name one of them, or leave epsilon= out"
    )


def _noise_seed(run: Run, given: Mapping[str, object]) -> int:
    """What noise is drawn from: of a given seed other numbers than everything else, and the
    system's randomness where none was given."""
    if "seed" not in given:
        return parallel.from_main(lambda: secrets.randbits(63))
    words = np.random.SeedSequence([run.seed, *b"noise"]).generate_state(1, np.uint64)
    return int(words[0]) >> 1


def refuse_other(before: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Raise a ValueError where data that should have grown are others.

    Args:
        before, now: what records say of the data.
    """
    for what in ("features", "classes"):
        if before.get(what) != now.get(what):
            raise ValueError(
                f"the condensed graph has {before.get(what)} {what}, the new data "
                f"{now.get(what)}; condense anew"
            )


def _apart(options: Mapping[str, object]) -> tuple[Record, Record]:
    """Fields of :class:`Run`, and those of the method."""
    names = {f.name for f in fields(Run)}
    given = {k: v for k, v in options.items() if k in names}
    return given, {k: v for k, v in options.items() if k not in names}


LOOP_OPTIONS = (
    "learners",
    "validations",
    "patience",
    "seconds",
    "resume",
    "resume_anyway",
    "checkpoint_seconds",
    "tensorboard",
    "callbacks",
)
"""Options that act in the engine's loop alone."""


def refuse_idle(
    problem: AnyProblem,
    method: Method,
    run: Run,
    given: Mapping[str, object],
    callbacks: Sequence[Callback] = (),
    *,
    loops: bool = True,
) -> None:
    """Raise a ValueError unless every option can do what it was given for; a folder for propagated
    features is made.

    Args:
        problem, method: what is run.
        run: all options.
        given: those that the user gave; ``None``, ``False`` and no validations ask for nothing.
        callbacks: the user's.
        loops: whether the method's loop is run, if it has one.
    """
    why: dict[str, str] = {}
    if not (method.iterates and loops):
        what = f"{method.name}: {method.cost or 'solved at once'}"
        if not loops:
            what = "update" if run.sizes is None else "several sizes"
        text = f"no loop is run that could be scored, saved or ended on the way ({what})"
        why = dict.fromkeys(LOOP_OPTIONS, text)
    elif not problem.validates:
        why = dict.fromkeys(("validations", "patience"), "the data have no validation examples")
    elif not run.validations:
        why = {"patience": "with validations=0 nothing is scored on the way"}
    if run.out is None:
        no_folder = "there is no folder to write into, out="
        why = {**dict.fromkeys(("checkpoint_seconds", "tensorboard"), no_folder), **why}
    if run.chooses:  # finished candidates are taken up, whatever the method
        for name in ("resume", "resume_anyway"):
            why.pop(name, None)
    if not run.resume:
        why.setdefault("resume_anyway", "nothing is resumed, resume=False")
    why |= _idle_choice(problem, method, run, loops)
    why |= _idle_private(run)
    if not method.propagates:
        why["cache"] = f"{method.name} with these options reads no propagated features"
    if run.memory is not None:
        text = "label propagation holds the whole graph, and memory= is given"
        why |= {"pseudo_labels": text, "cache": "memory= propagates by blocks and keeps none of it"}
    if run.setting != problem.setting:
        why["setting"] = f"{problem.kind} data have one setting, {problem.setting!r}"
    asked = {k: v for k, v in given.items() if v is not None and v is not False}
    if not run.validations:
        asked.pop("validations", None)
    if callbacks:
        asked["callbacks"] = [type(callback).__name__ for callback in callbacks]
    for name, value in asked.items():
        if name in why:
            raise ValueError(f"{name}={reprlib.repr(value)} cannot act: {why[name]}; leave it out")
    if run.cache is not None:
        problem.keep_in(run.cache)


def _idle_private(run: Run) -> dict[str, str]:
    """Why options cannot act beside ``epsilon=``, or without it."""
    if run.epsilon is None:
        return {"delta": "it goes with epsilon=, which is not given"}
    labels = "epsilon= is given, and scores read validation labels without noise"
    again = "epsilon= is given, and noise that is drawn again tells more"
    return {
        **dict.fromkeys(("validations", "patience", "validators", "validate_by"), labels),
        **dict.fromkeys(("validation_nodes", "candidates", "budget_seconds"), labels),
        **dict.fromkeys(("resume", "checkpoint_seconds"), again),
        "pseudo_labels": "epsilon= is given, and label propagation reads labels without noise",
        "memory": "epsilon= is given, and bounds what a node is in of the whole graph",
        "cache": "epsilon= is given, and a cache keeps what has no noise",
    }


CHOICES = ("candidates", "budget_seconds")


def _idle_choice(problem: AnyProblem, method: Method, run: Run, loops: bool) -> dict[str, str]:
    """Why validators and candidates cannot act, by option."""
    judged, chosen = ("validators", "validate_by", "validation_nodes"), CHOICES
    if not loops:
        text = "an update is one set, and nothing scores it"
        if run.sizes is not None:
            text = "one run makes all of sizes=, and nothing scores them"
        return dict.fromkeys((*judged, *chosen), text)
    if not problem.validates:
        return dict.fromkeys((*judged, *chosen), "the data have no validation examples")
    why: dict[str, str] = {}
    if not problem.samples:
        why["validation_nodes"] = f"{problem.kind} data are scored on all validation examples"
    if run.validators is None:
        why["validate_by"] = "validators= names no architectures"
    if run.chooses:
        why["seconds"] = "it ends one loop; budget_seconds= limits candidates, all together"
        if parallel.asked():
            why |= dict.fromkeys(chosen, "candidates are made in one process, without torchrun")
    elif not method.iterates:
        what = f"{method.name}: {method.cost or 'solved at once'}"
        text = f"nothing is scored on the way ({what}), but candidates= scores finished sets"
        why |= dict.fromkeys(judged, text)
    elif not run.validations:
        why |= dict.fromkeys(judged, "with validations=0 nothing is scored on the way")
    return why


_SWAPPED = "the data come first and the method second: condense(data, method)"


def no_method(method: object) -> str:
    """What is wrong with something that is neither a method nor the name of one."""
    return (
        f"method={brief(method)}: give the name of one of graphcondense.methods(), such as "
        "'gcond', or a Method object, or none for the default one"
    )


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
    path = Path(__file__).parent / "presets" / f"{stem}.yaml"
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


def device_of(run: Run) -> torch.device:
    """The device asked for, or a GPU when there is one; under ``torchrun`` that of the process."""
    wanted = run.device
    if wanted is None:
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return usable(parallel.gpu() if wanted == "cuda" else wanted)


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
    identity = _identity(problem, method, name, run, about)
    _same_everywhere(identity)
    source = problem.source(method)
    estimate = method.memory_bytes(source)  # an impossible budget ends here, before any writing
    refuse_large(method, name, run, source, estimate)
    clock.on_gpu = device_of(run).type == "cuda"
    with contextlib.ExitStack() as stack:
        folder, done = parallel.from_main(lambda: _opened(stack, run, identity))
        if done is not None:
            return done
        _held_against_free(problem, method, name, source, estimate, device_of(run))
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
        percent = about.get("metric") not in ("rmse", "mae")
        label = f"{name}, seed {run.seed}" if judged else name
        callbacks = [*lasting, Progress(label, percent=percent)] if run.progress else [*lasting]
        if folder is not None:
            if parallel.is_main():
                stack.enter_context(clock.noted_in(folder / CLOCK, identity))
                if resume is None:
                    clock.tell(0)
                _write_config(folder, identity, preset, run, about, origin)
                if run.tensorboard:
                    callbacks.append(TensorBoardLog(folder / "tensorboard"))
            path, how_often = folder / "checkpoint.pt", run.checkpoint_seconds
            if run.epsilon is None:  # what would be gone on with needs the same noise
                callbacks.append(
                    Checkpoint(path, identity, lasting, seconds=how_often, place=made, moved=moved)
                )
        if before is None:
            loop = Record(callbacks=callbacks, resume=resume) if method.iterates else Record()
            if identity["learners"] is not None:
                loop["learners"] = identity["learners"]
            syn = method.condense(source, rng=rng, **loop)
        else:
            syn = method.update(source, before, rng=rng)
        small = _recorded(
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
    _held_against_free(problem, methods[-1], name, source, max(estimates), device_of(run))
    clock.on_gpu = device_of(run).type == "cuda"
    identity = _identity(problem, replace(method, **Record({counted: None})), name, run, about)
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
            out[n] = _recorded(
                problem, one, name, run, about, syn, watch, clock, max(estimates), preset
            )
        hashes = [graph_hash(small) for small in out.values()]
        for small in out.values():
            small.condensed["nested"] = {"sizes": sizes, "hashes": hashes}
        if parallel.is_main() and "warning" in made[-1].remarks:
            print(f"{name}: {made[-1].remarks['warning']}", file=sys.stderr)
        for folder, small in zip(folders, out.values(), strict=False):
            _write_config(folder, identity, preset, run, about, origin)
            save(small, folder)
    return out


def _held_against_free(
    problem: AnyProblem,
    method: Method,
    name: str,
    source: Source,
    estimate: int,
    device: torch.device,
) -> None:
    """Refuse what memory has no room for, before any work.

    Raises:
        ValueError: says what is needed, what is free, and what to change.
    """
    free = free_bytes(device)
    if estimate <= free:
        return
    counted = kind_named(problem.kind).counted
    given = Record(dict.fromkeys(BUDGETS))
    asked = int(method.sizes(source).sum())
    fewer = asked // 2
    while fewer >= 1:
        try:
            smaller = replace(method, **given | {counted: fewer}).memory_bytes(source)
        except ValueError:  # below what each class needs
            fewer = 0
            break
        if smaller <= free:
            break
        fewer //= 2
    change = f"ask for fewer ({counted}={fewer} fits), " if fewer else ""
    raise ValueError(
        f"{name} needs about {said(estimate)} for {asked:,} {counted} of these data, and "
        f"{said(free)} of memory are free on {device}: {change}take a "
        "method that needs less (random needs least), another device=, or a machine with more"
    )


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
    identity = _identity(problem, method, name, run, about)
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
            _write_config(folder, identity, preset, run, about, origin)
        clocks = [clock]  # the first counts from the call on

        def make(seed: int) -> Small:
            part = None if folder is None else candidates.part_of(folder, seed)
            begun = part is not None and (is_finished(part) or (part / "checkpoint.pt").exists())
            one = replace(run, seed=seed, out=part, resume=run.resume and begun)
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


def _identity(
    problem: AnyProblem, method: Method, name: str, run: Run, about: Record
) -> dict[str, object]:
    """What makes a run the run it is: a folder of another is not gone on with."""
    names = run.validators
    judged = {"validate_by": run.validate_by} if names else {}
    learners = parallel.shares(run.learners)[0] if method.iterates else 1
    return {
        "method": name,
        "hyperparameters": hyperparameters(method),
        **_seed_told(run),
        "setting": problem.setting,
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
        "data": about["digest"],
    }


def _same_everywhere(identity: Mapping[str, object]) -> None:
    """Raise a ValueError where this process was asked for another run than the main one."""
    for name, there, here in differences(parallel.from_main(lambda: dict(identity)), identity):
        raise ValueError(
            f"all processes must have one run: {name} is {there} in process 0 and {here} in "
            f"process {parallel.rank()}"
        )


def _write_config(
    folder: Path,
    identity: Mapping[str, object],
    preset: str | None,
    run: Run,
    about: Record,
    origin: Mapping[str, JsonValue],
) -> None:
    """All that repeats the run."""
    rest = {
        k: getattr(run, k) for k in ("device", "deterministic", "memory", "patience", "seconds")
    }
    config = {**identity, "preset": preset, **rest, "data": about, "origin": dict(origin)}
    write_whole(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False))


def _recorded(
    problem: AnyProblem,
    method: Method,
    name: str,
    run: Run,
    about: Record,
    syn: Synthetic,
    watch: Watch,
    clock: Clock,
    estimate: int,
    preset: str | None,
    judged: bool = False,
) -> Small:
    """The finished set as users get it, with its record."""
    export = syn.export()
    if judged and not watch.kept:
        watch.judge(problem.score(), export)
    small: Small = problem.finish(export)
    seconds, spent = clock.seconds, clock.processor_seconds
    small.condensed = {
        **record(problem, method, name, run, about, small, watch, seconds, preset),
        "processor_seconds": round(spent, 3),
        "memory_estimate_bytes": estimate,
        **({"remarks": dict(syn.remarks)} if syn.remarks else {}),
        **({"lost": _rounded(clock.lost)} if clock.lost != Spent() else {}),
    }
    return small


def _rounded(spent: Spent) -> Record:
    return {name: round(value, 3) for name, value in asdict(spent).items()}


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
    small = _finished(folder, identity)
    (folder / CLOCK).unlink(missing_ok=True)  # of a process that was killed after its last work
    return folder, small


def _finished(folder: Path, identity: Mapping[str, object]) -> Small:
    """The result of a run that has ended; a ValueError where it is another run's."""
    from graphcondense.saved.condensed import load

    config = read_yaml_file(folder / "config.yaml")
    about = config.get("data")
    if not isinstance(about, dict):
        raise ValueError(f"{folder / 'config.yaml'}: data must be a mapping; condense again")
    there = {key: config.get(key) for key in identity} | {"data": about.get("digest")}
    for name, old, new in differences(
        there, read_yaml(yaml.safe_dump(dict(identity), sort_keys=False))
    ):
        raise ValueError(
            f"{folder} is of another run: {name} is {old} there and {new} here; use the same "
            "settings or another folder"
        )
    return load(folder)


def _started() -> Clock:
    """A clock that starts now, when everything is imported: imports are no part of a run's time."""
    all_methods()
    import_evaluators()
    return Clock()


class Watch(Validate):
    """:class:`Validate` a given number of times, evenly over the run.

    Attributes:
        steps: updates that were made; ``None`` where no loop was run.
        stopped: why the run ended before its schedule did.
        judged: whether the finished set was scored, and none on the way.
    """

    def __init__(self, score: Callable[..., float] | None, times: int) -> None:
        super().__init__(score or _never, every=1)
        self.active, self.times = score is not None, times
        self.steps: int | None = None
        self.stopped: str | None = None
        self.judged = False

    def judge(self, score: Callable[..., float] | None, export: object) -> None:
        """Score the finished set."""
        if score is not None:
            self.best, self.judged = float(score(export)), True
            self.scores = dict(getattr(score, "scores", {}))

    @property
    def start_kept(self) -> bool:
        """Whether updates were made and none of the scores was above that of the start."""
        return bool(self.active and self.steps and self.best_step == 0)

    def start(self, state: State) -> None:
        self.every = max(1, math.ceil(state.schedule.steps / max(self.times, 1)))
        if self.active:
            super().start(state)

    def step(self, state: State) -> None:
        if self.active:
            super().step(state)

    def end(self, state: State) -> None:
        self.steps, self.stopped = state.step, state.stop
        super().end(state)


def start_kept_said(record: Record) -> str:
    """In words, that a run returns its untouched start."""
    return (
        f"{record['method']}: none of the scores over {record['steps']:,} updates was above that "
        "of the start, so the start is what is returned: nothing was gained by learning"
    )


def _never(export: object) -> float:
    raise AssertionError("an inactive validator was asked for a score")


def record(
    problem: AnyProblem,
    method: Method,
    name: str,
    run: Run,
    about: Record,
    small: Small,
    watch: Watch,
    seconds: float,
    preset: str | None = None,
) -> Record:
    """What a condensed set says of itself; plain values that JSON holds."""
    from graphcondense.saved.condensed import graph_hash

    size = problem.measure(small)
    count = sum(size.per_class)
    asked = {f.name: getattr(method, f.name) for f in fields(Budget)}
    return {
        "method": name,
        "preset": preset,
        "paper": method.paper,
        "kind": problem.kind,
        "hyperparameters": {k: v for k, v in hyperparameters(method).items() if k not in asked},
        **_seed_told(run),
        "setting": problem.setting,
        "pseudo_labels": run.pseudo_labels,
        **({} if problem.privacy is None else {"privacy": problem.privacy}),
        **({} if run.memory is None else {"memory": run.memory}),
        "data": dict(about),
        "budget": {
            "asked": {k: v for k, v in asked.items() if v is not None},
            "per_class": size.per_class,
            "of_labelled": round(count / about["train"], 6),
            "of_all": round((count + size.unlabelled) / size.total, 6),
        },
        **size.sizes,
        "bytes": size.bytes,
        "hash": graph_hash(small),
        "seconds": round(seconds, 3),
        "steps": watch.steps,
        "learners": parallel.shares(run.learners)[0] if watch.steps is not None else None,
        "stopped": watch.stopped,
        "validation": {
            "score": None if math.isnan(watch.best) else watch.best,
            "step": watch.steps if watch.judged else watch.best_step,
            "start_score": None if math.isnan(watch.start_score) else watch.start_score,
            "start_kept": watch.start_kept,
            "predictor": problem.predictor,
            **({} if run.validation_nodes is None else {"nodes": run.validation_nodes}),
            **({"scores": watch.scores, "by": run.validate_by} if watch.scores else {}),
        }
        if watch.kept or watch.judged
        else None,
        **{k: v for k, v in made_on(device_of(run)).items() if k != "torch"},  # in the versions
        "deterministic": run.deterministic,
        "versions": {
            "python": platform.python_version(),
            "graphcondense": __version__,
            **{p: importlib.metadata.version(p) for p in VERSIONED},
        },
    }


def _seed_told(run: Run) -> Record:
    """The seed, which nobody may know who must not take noise away."""
    if run.epsilon is None:
        return {"seed": run.seed}
    return {"seed": None}


VERSIONED = ("torch", "torch-geometric", "numpy", "scipy", "scikit-learn")
"""Other packages whose versions a record names."""
