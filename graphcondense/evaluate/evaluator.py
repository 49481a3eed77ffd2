"""What all evaluators share: options and the protocol of a fit.

An evaluator trains models on small sets and scores them on one real data set. It chooses on the
real validation examples and reads the test examples once, after training has ended. Each kind of
data has one subclass, which registers itself by its ``kind``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from graphcondense.data.kind import data_kind
from graphcondense.data.targets import Labelled
from graphcondense.evaluate.contestant import Contestant, Predictor, Task
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.fitted import FitResult, Fitted, Tested
from graphcondense.evaluate.metrics import SCORES
from graphcondense.evaluate.reading import (
    listed_sets,
    small_sets,
    warn_of_missing,
    warn_of_others,
    warn_of_shared_candidates,
)
from graphcondense.evaluate.trainings import Device, Seeds, Stopwatch, seeds_of
from graphcondense.ops.device import usable
from graphcondense.ops.fields import check_fields
from graphcondense.saved.paths import path_of


@dataclass(frozen=True)
class Options:
    """How an evaluator trains: every way of making one is checked."""

    def __post_init__(self) -> None:
        check_fields(self)


Network = TypeVar("Network")
Named: TypeAlias = "str | Callable[..., nn.Module] | Network"
"""A model by its name, a class of one's own, or what either stands for."""

Chosen = TypeVar("Chosen", bound=Options)
Trained = TypeVar("Trained", bound=Fitted)


class Evaluator(ABC, Generic[Task, Network, Chosen, Trained]):
    """Trains on small sets and scores on one real data set.

    Args:
        real: the real data, in any form that this kind of data may have.
        device: where to train; default the CPU.
        **options: fields of the kind's options, such as
            :class:`~graphcondense.evaluate.node_training.Training`.

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
        data: object = self.real
        if isinstance(data, Labelled):  # labels of several kinds, whose data say their score
            self.metric = data.metric
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
        from the end.

        Args:
            model: as :meth:`model_of` returns it.
            small: as users give it.
            seeds: one a training.
            progress: show a progress bar.
        """

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
        """Random real examples, as many of each class as ``small`` has; ``seed`` draws them."""

    @abstractmethod
    def within(self, budget: int, seed: int) -> object:
        """Random real examples that take at most ``budget`` bytes; ``seed`` draws them."""

    def equal_bytes(self, small: object, draws: int) -> dict[str, list[object]]:
        """Real examples that take at most the bytes of ``small``, by name, each drawn ``draws``
        times."""
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
        """The same, trained on the real training examples: the yardstick.

        The arguments are those of :meth:`fit`.
        """
        return self.fit(model, self.real, seeds=seeds, progress=progress)

    def train(
        self,
        model: Named[Network],
        small: object,
        *,
        seeds: Seeds | None = None,
        progress: bool = False,
    ) -> Trained:
        """The first half of :meth:`fit`, with its arguments: trained and validated; no test example
        is read."""
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
        """Estimate, before any work, of the memory that :meth:`fit`, with these arguments, adds to
        the process, in bytes."""
        return self.memory(self.model_of(model), small, len(self.seeds_of(seeds)))

    def seeds_of(self, seeds: Seeds | None) -> tuple[int, ...]:
        """Seeds as they were named, by default :attr:`seeds` of them."""
        return seeds_of(self.seeds if seeds is None else seeds)

    def sets(self, small: object) -> dict[str, list[object]]:
        """Small sets by name, several of one name being condensation seeds; all are checked.

        Warns of a set that lacks a class of the real data, of one that was condensed from other
        data or another split, and of seeds that had candidates in common, as far as records say.

        Raises:
            ValueError: there is none; text instead of data; a set that does not match.
        """
        named = small_sets(small, self.several)
        for name, sets in named.items():
            for one in sets:
                self.read(one)
            warn_of_others(name, sets, self.real)
            warn_of_shared_candidates(name, sets)
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
