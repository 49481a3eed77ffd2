"""What all evaluators share: options, the protocol of a fit, clocks and results.

An evaluator trains models on small sets and scores them on one real data set. It chooses on the
real validation examples and reads the test examples once, after training has ended. Each kind of
data has one subclass, which registers itself by its ``kind``.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Sized
from copy import copy
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from graphcondense.data.kind import Task as Checked
from graphcondense.data.kind import data_kind, kind_of_data
from graphcondense.data.targets import Labelled
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.metrics import SCORES, further, ogb_metric, scores_of
from graphcondense.evaluate.reading import listed_sets, refuse_text, small_sets, warn_of_missing
from graphcondense.ops.device import usable
from graphcondense.ops.fields import check_fields
from graphcondense.saved.paths import path_of

Seeds: TypeAlias = int | Sequence[int]
"""How many trainings (seeds ``0, 1, ...``), or the seeds themselves."""

Device: TypeAlias = torch.device | str | None


@dataclass(frozen=True)
class Options:
    """How an evaluator trains: every way of making one is checked."""

    def __post_init__(self) -> None:
        check_fields(self)


class Real(Checked, Protocol):
    """Checked real data with test examples."""

    @property
    def test(self) -> Sized: ...


@dataclass(frozen=True)
class FitResult:
    """Scores, one a seed; shares such as accuracies are in ``[0, 1]``.

    Attributes:
        model: its name.
        seeds: the training seeds.
        val_selected, test_selected: ``[S]`` at the first epoch of best validation score.
        epoch_selected: ``[S]``, that epoch, counted from 1.
        val_last, test_last: ``[S]`` after the last epoch.
        seconds, seconds_training: wall seconds of everything, and of the training steps alone, all
            seeds together.
        processor_seconds: of everything, on the CPU over all threads; on a GPU the seconds it was
            in use.
        chosen: what else validation chose, such as the edges that a model is shown, or what a
            predictor leaves open.
        others: further test scores by name, one a seed.
    """

    model: str
    seeds: tuple[int, ...]
    val_selected: Tensor
    epoch_selected: Tensor
    test_selected: Tensor
    val_last: Tensor
    test_last: Tensor
    seconds: float
    seconds_training: float
    processor_seconds: float = 0.0
    chosen: str = ""
    others: Mapping[str, list[float]] = field(default_factory=dict)

    @classmethod
    def once(cls, model: str, val: float, test: float, chosen: str = "") -> FitResult:
        """Of what is deterministic and has no epochs: one "seed", and no time yet."""
        validated, tested = torch.tensor([val]), torch.tensor([test])
        epoch = torch.zeros(1, dtype=torch.long)
        both = (validated, epoch, tested, validated, tested)
        return cls(model, (0,), *both, seconds=0.0, seconds_training=0.0, chosen=chosen)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Models that were trained and validated; the fields are those of :class:`FitResult`. No test
    example has been read."""

    val_selected: Tensor
    epoch_selected: Tensor
    val_last: Tensor
    seconds_training: float
    chosen: str = ""


class Tested(NamedTuple):
    """Test scores ``[S]`` at the selected epoch and at the last, and further ones by name."""

    selected: Tensor
    last: Tensor
    others: Mapping[str, list[float]] = {}


Task = TypeVar("Task", bound=Real)
Network = TypeVar("Network")
Named: TypeAlias = "str | Callable[..., nn.Module] | Network"
"""A model by its name, a class of one's own, or what either stands for."""

Chosen = TypeVar("Chosen", bound=Options)
Trained = TypeVar("Trained", bound=Fitted)


def mean_of(task: Labelled, val: Tensor, test: Tensor) -> FitResult | None:
    """What the mean of the training targets scores on these examples; ``None`` but of
    regression."""
    if task.label_kind != "regression":
        return None
    wanted = {split: task.labels[index] for split, index in (("val", val), ("test", test))}
    outs = {split: task.target_scale[0].expand(1, *y.shape) for split, y in wanted.items()}
    validated = float(scores_of(task.metric, outs["val"], wanted["val"]))
    tested = float(ogb_metric(task, outs["test"], wanted["test"]))
    found = FitResult.once("mean", validated, tested)
    return replace(found, others=further(task, outs["test"], wanted["test"]))


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


class Evaluator(ABC, Generic[Task, Network, Chosen, Trained]):
    """Trains on small sets and scores on one real data set.

    Args:
        real: the real data, in any form that this kind of data may have.
        device: where to train; default the CPU.
        **options: fields of the kind's options, such as
            :class:`~graphcondense.evaluate.nodes.Training`.

    Raises:
        ValueError: ``real`` has nothing to validate on, or an option is out of range.
        TypeError: for an option that does not exist.

    Attributes:
        kind: of the data.
        all, usual: names of every model, and of those of a report.
        seeds: trainings of each, by default.
        judge, judge_seeds: the model of :meth:`score` and its trainings.
        metric: the score, one of :data:`~graphcondense.evaluate.metrics.SCORES`.
        units: what the nodes and edges of a set are called.
        hints: what to do where validation, or test, examples are missing.
        predictors: what is no network, by its name in lower case.
        propagating: of all, those that read propagated features, which ``cache=`` keeps.
        usual_training: the options where none is given.
        real: the checked data.
        training: the options.
        device: where models train.
    """

    kind: ClassVar[str]
    all: ClassVar[tuple[str, ...]]
    usual: ClassVar[tuple[str, ...]]
    seeds: ClassVar[int]
    judge: ClassVar[str]
    judge_seeds: ClassVar[int] = 3
    metric: str = "accuracy"
    units: ClassVar[tuple[str, str]]
    hints: ClassVar[tuple[str, str]] = ("", "")
    predictors: Mapping[str, Predictor[Task]] = {}
    propagating: ClassVar[tuple[str, ...]] = ()
    usual_training: Chosen
    real: Task
    training: Chosen

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        EVALUATORS[cls.kind] = cls

    def __init__(self, real: object, *, device: Device = None, **options: object) -> None:
        self.training = _with(self.usual_training, options)
        self.real = self.checked(real)
        self.check_training()
        self.check("val")
        self.device = usable(device)
        self._like = torch.empty(0, device=self.device)
        self._prepared: dict[Hashable, Any] = {}  # of the real data, by model and split

    # --- what a kind of data says ---------------------------------------------------------------

    def checked(self, real: object) -> Task:
        """The real data, checked."""
        return cast(Task, data_kind(self.kind).check(real))

    def check(self, split: str) -> None:
        """Raise a ValueError if nothing can be scored on ``"val"`` or ``"test"``."""
        if not len(getattr(self.real, split)):
            what, i = {"val": ("validation", 0), "test": ("test", 1)}[split]
            examples = SCORES[self.metric].of or self.units[0]
            raise ValueError(f"{self.real.name}: no {what} {examples}; {self.hints[i]}")

    def check_training(self) -> None:
        """Raise a ValueError for options that the real data do not have."""

    @abstractmethod
    def read(self, small: object) -> object:
        """What models train on; raises a ValueError for a small set that does not match."""

    def several(self, value: object) -> list[object]:
        """One small set, or a list of several, as a list."""
        return listed_sets(value)

    def missing(self, small: object) -> list[int]:
        """Classes of the real data that a small set has no example of."""
        return []

    @abstractmethod
    def model_of(self, model: Named[Network]) -> Network:
        """The model behind a name or a class; raises a ValueError for an unknown one."""

    def name_of(self, model: Network) -> str:
        """Its name in tables."""
        return str(getattr(model, "__name__", model))

    @abstractmethod
    def about(self, model: Network) -> tuple[str, str]:
        """What a model is, and how it uses edge weights; see :class:`Contestant`."""

    def settings(self, model: Network) -> Mapping[str, object] | None:
        """How a model is trained; ``None`` if it is not."""
        return asdict(self.training)

    @abstractmethod
    def trained(
        self, model: Network, small: object, seeds: tuple[int, ...], progress: bool
    ) -> Trained:
        """Trained and validated; no test example is read. Seeds that change nothing are left out
        from the end."""

    @abstractmethod
    def test(self, trained: Trained) -> Tested:
        """The test scores."""

    @abstractmethod
    def memory(self, model: Network, small: object, trainings: int) -> int:
        """See :meth:`memory_bytes`."""

    @property
    def tested(self) -> int:
        """How many test examples are scored: those that have a label (users: items)."""
        return len(self.real.test)

    @abstractmethod
    def test_labels(self) -> npt.NDArray[np.generic]:
        """Labels of the test examples, by which two real data sets are told apart."""

    @abstractmethod
    def random(self, small: object, seed: int) -> object:
        """Random real examples, as many of each class as ``small`` has."""

    @abstractmethod
    def within(self, budget: int, seed: int) -> object:
        """Random real examples that take at most so many bytes."""

    def equal_bytes(self, small: object, draws: int) -> dict[str, list[object]]:
        """Real examples that take at most the bytes of ``small``, by name."""
        budget = size_of(small).bytes
        return {"random, same bytes": [self.within(budget, draw) for draw in range(draws)]}

    def keep_in(self, folder: str | Path, models: Sequence[str]) -> None:
        """Keep propagated features of the real data in a folder, for models of these names.

        Raises:
            ValueError: none of them reads such, or the folder cannot be written.
        """
        folder = path_of(folder, "cache", "a folder")
        if not {*models} & {*self.propagating}:
            able = ", ".join(self.propagating) or f"no model of {data_kind(self.kind).words}"
            raise ValueError(
                f"cache={str(folder)!r} cannot act: of {', '.join(models)} none reads propagated "
                f"features, but {able}; leave it out"
            )
        self.real = self.kept(folder)

    def kept(self, folder: str | Path) -> Task:
        """The real data whose propagated features are kept in a folder."""
        raise NotImplementedError

    def mean(self) -> FitResult | None:
        """What the mean of the training targets scores; ``None`` but of regression."""
        return None

    def plain_seconds(self, measured: int) -> float | None:
        """One training in plain PyTorch, scaled from so many epochs or updates; ``None`` if there
        is no such thing."""
        return None

    # --- what all share -------------------------------------------------------------------------

    def replace(self, **options: object) -> Self:
        """An evaluator with other options on the same real data, which both share.

        >>> import graphcondense
        >>> from graphcondense.evaluate import NodeEvaluator
        >>> evaluator = NodeEvaluator(graphcondense.data.load("digits"), epochs=100)
        >>> evaluator.replace(hidden=64).training.hidden, evaluator.training.hidden
        (64, None)
        """
        out = copy(self)  # shallow: what is prepared of the real data is the same
        out.training = _with(self.training, options)
        out.check_training()
        return out

    def fit(
        self,
        model: Named[Network],
        small: object,
        *,
        seeds: Seeds | None = None,
        progress: bool = False,
    ) -> FitResult:
        """Train ``model`` on ``small`` with every seed; read the test examples once, at the end.

        Args:
            model: one of :attr:`all` by its name, or a class of your own.
            small: a condensed set, or real examples, in the forms that the kind's evaluator names;
                the checked real data stand for their training part.
            seeds: the training seeds, or how many (``0, 1, ...``); by default :attr:`seeds`.
            progress: show a progress bar.

        Raises:
            ValueError: unknown model; a small set that does not match the real data; nothing to
                test on.
        """
        self.check("test")
        watch, found = Stopwatch(self.device), self.model_of(model)
        numbers = self.seeds_of(seeds)
        trained = self.trained(found, small, numbers, progress)
        tested = self.test(trained)
        seconds, processor = watch.read()
        return FitResult(
            model=self.name_of(found),
            seeds=numbers[: len(trained.val_last)],
            val_selected=trained.val_selected.float(),
            epoch_selected=trained.epoch_selected,
            test_selected=tested.selected.float(),
            val_last=trained.val_last.float(),
            test_last=tested.last.float(),
            seconds=seconds,
            seconds_training=trained.seconds_training,
            processor_seconds=processor,
            chosen=trained.chosen,
            others=tested.others,
        )

    def fit_whole(
        self, model: Named[Network], *, seeds: Seeds | None = None, progress: bool = False
    ) -> FitResult:
        """The same, trained on the real training examples: the yardstick."""
        return self.fit(model, self.real, seeds=seeds, progress=progress)

    def train(
        self,
        model: Named[Network],
        small: object,
        *,
        seeds: Seeds | None = None,
        progress: bool = False,
    ) -> Trained:
        """The first half of :meth:`fit`: trained and validated; no test example is read."""
        return self.trained(self.model_of(model), small, self.seeds_of(seeds), progress)

    def score(
        self, small: object, model: Named[Network] | None = None, *, seeds: Seeds | None = None
    ) -> float:
        """Mean best validation score of ``small``, higher is better; no test example is touched.

        Made to be called often: the real data are prepared in the first call only. The model is by
        default :attr:`judge`, with :attr:`judge_seeds` trainings.
        """
        numbers = self.judge_seeds if seeds is None else seeds
        trained = self.train(model or self.judge, small, seeds=numbers)
        value = float(trained.val_selected.mean())
        return value if SCORES[self.metric].larger_is_better else -value

    def memory_bytes(
        self, model: Named[Network], small: object, *, seeds: Seeds | None = None
    ) -> int:
        """Estimate, before any work, of the memory that :meth:`fit` adds to the process."""
        return self.memory(self.model_of(model), small, len(self.seeds_of(seeds)))

    def seeds_of(self, seeds: Seeds | None) -> tuple[int, ...]:
        """Seeds as they were named, by default :attr:`seeds` of them."""
        return seeds_of(self.seeds if seeds is None else seeds)

    def sets(self, small: object) -> dict[str, list[object]]:
        """Small sets by name, several of one name being condensation seeds; all are checked.

        Warns of a set that lacks a class of the real data.

        Raises:
            ValueError: there is none; text instead of data; a set that does not match.
        """
        named = small_sets(small, self.several)
        for name, sets in named.items():
            for one in sets:
                self.read(one)
            warn_of_missing(name, max(map(self.missing, sets), key=len), self.real.name)
        return named

    def contestant(self, model: Named[Network]) -> Contestant:
        """A model or predictor by its name or class, as a report measures it."""
        known = self.predictor_named(model)
        if known is not None:
            return Contestant(
                *(known.name, "non-GNN", known.edge_weights, None),
                fit=lambda small, seeds, progress: known.fit(small, self.real, self.device),
                check=lambda small: known.check(small, self.real),
            )
        found = self.model_of(model)
        return Contestant(
            *(self.name_of(found), *self.about(found), self.settings(found)),
            fit=lambda small, seeds, progress: self.fit(
                found, small, seeds=seeds, progress=progress
            ),
            memory_bytes=lambda small, seeds: self.memory_bytes(found, small, seeds=seeds),
        )

    @classmethod
    def predictor_named(cls, name: object) -> Predictor[Task] | None:
        """The predictor of that name, whatever its case; ``None`` for anything else."""
        return cls.predictors.get(str(name).lower().replace("-", "").replace("_", ""))


def _with(training: Chosen, options: Mapping[str, Any]) -> Chosen:
    """The options, some of them changed; raises a TypeError for one that does not exist."""
    known = [option.name for option in fields(training)]
    if unknown := sorted(set(options) - set(known)):
        raise TypeError(f"unknown option {', '.join(unknown)}; known are {', '.join(known)}")
    return replace(training, **options)


AnyEvaluator: TypeAlias = "Evaluator[Any, Any, Any, Any]"

EVALUATORS: dict[str, type[AnyEvaluator]] = {}
"""By kind of data; subclasses enter themselves."""


def evaluator_of(real: object, *, device: Device = None, **options: object) -> AnyEvaluator:
    """The evaluator for ``real``, whose kind decides; the real data have test examples.

    Args:
        real: a graph; a :class:`~graphcondense.data.graph_task.GraphTask`, a list or a PyG data set
            of graphs (of one with labelled nodes: that graph); images but a path; or users by
            items. See :func:`~graphcondense.data.kind.kind_of_data`.
        device: where to train; default the CPU.
        **options: fields of :class:`~graphcondense.evaluate.nodes.Training`,
            :class:`~graphcondense.evaluate.graphs.GraphTraining`,
            :class:`~graphcondense.evaluate.images.ImageTraining` or
            :class:`~graphcondense.evaluate.rows.RowsTraining`.

    Raises:
        ValueError: not data; nothing to validate or to test on; an option out of range.
        TypeError: for an option that does not exist.
    """
    out = _evaluator(real, device, options)
    out.check("test")
    return out


def _evaluator(real: object, device: Device, options: Mapping[str, object]) -> AnyEvaluator:
    refuse_text(real, "data")
    return EVALUATORS[kind_of_data(real)](real, device=device, **options)


def fit(
    model: str | Callable[..., nn.Module],
    small: object,
    real: object,
    *,
    seeds: Seeds | None = None,
    device: Device = None,
    progress: bool = False,
    **options: object,
) -> FitResult:
    """:meth:`Evaluator.fit` in one call, for any kind of data; ``options`` are the kind's."""
    return _evaluator(real, device, options).fit(model, small, seeds=seeds, progress=progress)


def fit_whole(
    model: str | Callable[..., nn.Module],
    real: object,
    *,
    seeds: Seeds | None = None,
    device: Device = None,
    progress: bool = False,
    **options: object,
) -> FitResult:
    """:meth:`Evaluator.fit_whole` in one call, for any kind of data."""
    return _evaluator(real, device, options).fit_whole(model, seeds=seeds, progress=progress)


def score(
    small: object,
    real: object,
    model: str | Callable[..., nn.Module] | None = None,
    *,
    seeds: Seeds | None = None,
    device: Device = None,
    **options: object,
) -> float:
    """:meth:`Evaluator.score` in one call; keep an :class:`Evaluator` to call it often."""
    return _evaluator(real, device, options).score(small, model, seeds=seeds)


def seeds_of(seeds: Seeds, what: str = "seeds") -> tuple[int, ...]:
    """Seeds as they were named, or ``0, 1, ...`` for a number of them; arrays may be either.

    Raises:
        ValueError: there is none, one that is no integer of 63 bits, or one twice: the same
            training again would count as another.
    """
    given = np.asarray(seeds)
    if given.size and given.dtype.kind not in "iu":
        raise ValueError(f"{what}={str(seeds)[:80]}: give how many, or the seeds as integers")
    out = tuple(range(int(given))) if given.ndim == 0 else tuple(map(int, given.reshape(-1)))
    if not out:
        raise ValueError(f"{what} is empty: give at least one, got {seeds!r}")
    if max(out) >= 2**63:
        raise ValueError(f"{what} has {max(out)}: a seed is below 2**63")
    if len(set(out)) < len(out):
        twice = next(seed for place, seed in enumerate(out) if seed in out[:place])
        raise ValueError(
            f"{what} has {twice} more than once: the same training is no other one; give each "
            f"seed once, or how many: {len(out)}"
        )
    return out


def now(device: torch.device) -> float:
    """Wall seconds, once a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class Stopwatch:
    """Wall and processor seconds since it was made; on a GPU both are the wall's."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = device or torch.device("cpu")
        self._wall, self._processor = now(self.device), time.process_time()

    def read(self) -> tuple[float, float]:
        """``(wall, processor)``."""
        wall, processor = now(self.device) - self._wall, time.process_time() - self._processor
        return wall, wall if self.device.type == "cuda" else processor
