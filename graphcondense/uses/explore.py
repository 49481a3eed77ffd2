"""What the searches share: Optuna's trials, each measured once, which an interrupt does not lose.

Every trial's sampler is seeded by ``seed`` and the number of trials before it. So a search that is
interrupted and started again with the same ``storage`` goes on with the trials of one in one go,
and a longer search begins with the trials of a shorter.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import numpy as np
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

from graphcondense.data.node_reading import as_task
from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import classified
from graphcondense.evaluate.nodes import NodeEvaluator
from graphcondense.evaluate.trainings import Device
from graphcondense.nn.batched import Stacked, resolve
from graphcondense.ops.fields import Seed, Several, check_each
from graphcondense.ops.fleet import Fleet, need_ray
from graphcondense.ops.progress import tqdm
from graphcondense.ops.types import Record
from graphcondense.saved.paths import path_of
from graphcondense.saved.shown import record_of
from graphcondense.uses.results import BASELINES

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from optuna import Trial
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

T = TypeVar("T", bound=Hashable)

REPEATS = 20
"""Draws in a row of what has been drawn before, after which the next new one is taken instead."""


def explore(
    suggest: Callable[[Trial], T],
    measure: Callable[[T], tuple[float, Record]],
    *,
    name: str,
    trials: int,
    sampler: str,
    seed: int,
    storage: str | Path | None,
    every: Sequence[T] = (),
    params: Callable[[T], Record] = vars,
    progress: bool = False,
    fleet: Fleet | None = None,
) -> list[tuple[T, Record]]:
    """Measure ``trials`` different points; nothing that ``storage`` has is measured again.

    Args:
        suggest: draws a point with an Optuna trial.
        measure: the point's score, to be maximised, and what else to keep of it, as JSON values.
        name: of the study; one name stands for one ``suggest`` and one ``measure``.
        trials: how many different points.
        sampler: ``"random"``, ``"tpe"`` or ``"grid"``.
        seed: of the sampler.
        storage: an Optuna URL such as ``sqlite:///search.db``, or a file for Optuna's journal;
            ``None`` keeps nothing. One process at a time.
        every: all points, in the order in which ``"grid"`` takes them; other samplers take them
            when they draw nothing new.
        params: from a point of ``every`` to the parameters that ``suggest`` draws.
        progress: show a progress bar.
        fleet: where points are measured, many at a time; a sampler that does not look at scores
            then gives what it gives without.

    Returns:
        Points and what ``measure`` kept of each, in the order of the trials.
    """
    optuna = need_optuna()
    with _quiet(optuna):
        study = optuna.create_study(
            storage=_storage(storage), study_name=name, direction="maximize", load_if_exists=True
        )
        found: dict[T, tuple[float, Record]] = {}
        told = row = 0
        for old in study.get_trials(deepcopy=False):
            if old.state == optuna.trial.TrialState.COMPLETE:
                point = suggest(old)  # a finished trial answers with what it was given
                told, row = told + 1, row + 1 if point in found else 0
                found.setdefault(point, (old.values[0], dict(old.user_attrs)))
            elif not old.state.is_finished():  # interrupted
                study.tell(old.number, state=optuna.trial.TrialState.FAIL)
        bar = tqdm(total=trials, initial=min(len(found), trials), desc=name, disable=not progress)
        measured = {point: score for point, (score, _) in found.items()}
        keeps: dict[T, Record] = {}
        asked: list[tuple[Trial, T]] = []
        waiting: list[T] = []

        def tell() -> None:
            """What is measured, in the order of the trials, so that a search can go on."""
            while asked and asked[0][1] in measured:
                trial, point = asked.pop(0)
                if point not in found:
                    for key, value in keeps[point].items():
                        trial.set_user_attr(key, value)
                    # What the storage gives back, so that a resumed search sees the same.
                    found[point] = measured[point], json.loads(json.dumps(keeps[point]))
                    bar.update()
                study.tell(trial, measured[point])

        with bar:
            while len(measured) + len(waiting) < trials:
                study.sampler = _sampler(optuna, sampler, seed, told)
                known = {*measured, *waiting}
                if sampler == "grid" or (every and row >= REPEATS):
                    study.enqueue_trial(params(next(p for p in every if p not in known)))
                trial = study.ask()
                point = suggest(trial)
                asked.append((trial, point))
                told, row = told + 1, row + 1 if point in known else 0
                if point in known:
                    tell()
                elif fleet is not None:
                    waiting.append(point)
                else:
                    measured[point], keeps[point] = measure(point)
                    tell()
            points = {str(i): point for i, point in enumerate(waiting)}
            for key, done in fleet.each(measure, points) if fleet is not None else ():
                if done.value is None:
                    raise ChildProcessError(f"{name}: {points[key]} failed: {done.why}")
                measured[points[key]], keeps[points[key]] = done.value
                tell()
    return [(point, kept) for point, (_, kept) in found.items()][:trials]


def need_optuna() -> ModuleType:
    """Optuna, or an ImportError that says how to install it."""
    try:
        import optuna
    except ImportError as error:
        raise ImportError(
            'searching needs optuna, which is not installed: pip install "graphcondense[sweep]"'
        ) from error
    return optuna


def _sampler(optuna: ModuleType, name: str, seed: int, told: int) -> BaseSampler:
    drawn = int(np.random.SeedSequence([seed, told]).generate_state(1)[0])
    kind = optuna.samplers.TPESampler if name == "tpe" else optuna.samplers.RandomSampler
    sampler: BaseSampler = kind(seed=drawn)
    return sampler


def _is_journal(path: Path) -> bool:
    """Whether a file is empty, or starts as Optuna's journals do: an object a line."""
    with path.open("rb") as file:
        line = file.readline(10_000)
    return not line or line.startswith(b'{"op_code"')


def _storage(where: str | Path | None) -> str | BaseStorage:
    from optuna.storages import InMemoryStorage, JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if where is None:
        return InMemoryStorage()
    if "://" in str(where):
        return str(where)
    path = path_of(where, "storage", "a file, or an address such as sqlite:///search.db")
    if path.is_dir() or (path.is_file() and not _is_journal(path)):
        what = "a folder" if path.is_dir() else "a file of something else"
        raise ValueError(
            f"storage={str(path)!r} is {what}, no journal of a search: name a file that does not "
            "exist"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path)))


def workers_of(
    workers: Literal["ray"] | None, ray_address: str | None, sampler: str, device: Device
) -> contextlib.AbstractContextManager[Fleet | None]:
    """Where trials are measured; everything is checked.

    Raises:
        ImportError: Ray is not installed.
        ValueError: other workers, an address without Ray, or a sampler that looks at scores.
    """
    if workers not in ("ray", None):
        raise ValueError(f'workers={workers!r} is not known; use "ray" or None')
    if workers is None:
        if ray_address is not None:
            raise ValueError(f'ray_address={ray_address!r} is for workers="ray"')
        return contextlib.nullcontext()
    if sampler == "tpe":
        raise ValueError(
            'workers="ray" tries settings side by side, and sampler="tpe" draws each by the scores '
            'of those before: use sampler="random", or leave out workers'
        )
    if str(device or "cpu") not in ("cpu", "cuda"):
        raise ValueError(f"device={device!r}: Ray gives each worker a GPU; say device='cuda'")
    need_ray()
    return Fleet(ray_address, gpu=str(device) == "cuda")


@contextlib.contextmanager
def _quiet(optuna: ModuleType) -> Iterator[None]:
    """Optuna's own lines of progress would break the bar."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def study_name(kind: str, identity: Record) -> str:
    """The name of a study: another one for everything that can change a trial."""
    text = json.dumps(identity, sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def prepared(
    small: object,
    data: object,
    searched: DataclassInstance,
    options: Mapping[str, object],
    *,
    trials: int,
    seed: int,
    sampler: str,
    samplers: Sequence[str],
    baselines: Sequence[str],
    device: Device,
    progress: bool,
) -> tuple[NodeEvaluator, list[Data]]:
    """The evaluator on the real graph, and the condensed graphs; everything is checked.

    Args:
        small: one condensed graph, or a list of them.
        data: the real graph.
        searched: whose fields are searched, so that none may be among ``options``.
        options: of the evaluator.
        trials: at least 2.
        seed: of the sampler.
        sampler: one of ``samplers``.
        samplers: those that the search knows.
        baselines: of :data:`BASELINES`.
        device: where to train.
        progress: show progress bars.
    """
    need_optuna()
    check_each(trials=(trials, Several), seed=(seed, Seed), progress=(progress, bool))
    if sampler not in samplers:
        raise ValueError(f"unknown sampler {sampler!r}; known are {', '.join(samplers)}")
    if wrong := [name for name in baselines if name not in BASELINES]:
        raise ValueError(f"unknown baseline {wrong[0]!r}; known are {', '.join(BASELINES)}")
    given = {key for key, value in options.items() if value is not None}
    if both := sorted(given & {field.name for field in fields(searched)}):
        raise ValueError(f"{both[0]}={options[both[0]]!r}: it is searched; leave it out")
    evaluator = NodeEvaluator(
        classified(as_task(data, need_test=True), "the search of architectures"),
        device=device,
        **options,
    )
    graphs: list[Data] = list(small) if isinstance(small, list | tuple) else [small]
    if not graphs:
        raise ValueError("there is no condensed graph to search on")
    for graph in graphs:
        read_labelled(graph, evaluator.real)  # raises for what does not fit
    return evaluator, graphs


def rest_of(settings: DataclassInstance, searched: DataclassInstance) -> Record:
    """The settings that are not searched."""
    names = {field.name for field in fields(searched)}
    return {key: value for key, value in asdict(settings).items() if key not in names}


def condensation_seconds(graphs: Sequence[Data]) -> list[float] | None:
    """What condensing each graph took, if every graph says so."""
    seconds = [record_of(graph).get("seconds") for graph in graphs]
    return None if None in seconds else [float(s) for s in seconds if s is not None]


class Knobs(NamedTuple):
    """Which settings change a model of a given depth."""

    hidden: bool
    activation: bool
    dropout: bool


@cache
def knobs(model: str, num_layers: int) -> Knobs:
    """Which settings change a model of this depth, found by trying: two widths, activations, modes.

    Examples:
        >>> knobs("GCN", 2), knobs("GIN", 1)  # doctest: +ELLIPSIS
        (Knobs(hidden=True, ...), Knobs(hidden=False, activation=True, dropout=False))
    """
    kind = resolve(model)
    rng = np.random.default_rng(0)
    x, nodes = rng.standard_normal((12, 16), dtype=np.float32), np.arange(12)
    ring = sp.csr_matrix((np.ones(12, np.float32), (nodes, np.roll(nodes, 1))), (12, 12))
    inputs = kind.prepare(x, (ring + ring.T).tocsr(), nodes, num_layers, torch.empty(0))

    def build(hidden: int, activation: str) -> Stacked:
        return kind(16, hidden, 8, num_layers, 0.5, activation).eval()

    one, other = build(16, "tanh"), build(32, "tanh")
    with torch.no_grad():
        plain = one(*inputs)
        return Knobs(
            hidden=[w.shape for w in one.parameters()] != [w.shape for w in other.parameters()],
            activation=not torch.equal(plain, build(16, "identity")(*inputs)),
            dropout=not torch.equal(plain, one.train()(*inputs)),
        )
