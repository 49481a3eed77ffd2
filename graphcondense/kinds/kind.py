"""What every kind of data answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
)

import torch
from torch import Tensor

from graphcondense.core.method import Method
from graphcondense.core.panel import By, Panel, architectures
from graphcondense.core.types import Source
from graphcondense.data.kind import DataKind, data_kind
from graphcondense.data.kind import Task as AnyTask
from graphcondense.ops.paired import CHOOSING

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from graphcondense.evaluate.evaluator import AnyEvaluator
    from graphcondense.saved.forms import Form

Setting = Literal["transductive", "inductive"]
"""Whether a method sees the whole graph, or the training nodes' subgraph alone."""

About: TypeAlias = dict[str, Any]
"""What a record says of the data; values that JSON holds."""


class Split(AnyTask, Protocol):
    """Checked data with validation examples."""

    @property
    def val(self) -> Sized: ...


Task = TypeVar("Task", bound=Split)
Export = TypeVar("Export")
Small = TypeVar("Small")


class Problem(ABC, Generic[Task, Export, Small]):
    """Data of one kind, as a run sees them: checked as ``Task``; ``Export`` is what the method made
    of them, ``Small`` what users get.

    Attributes:
        kind: that of its methods.
        task: the checked data.
        device: where batches go.
        method: what has been given the data, once one has.
        predictor: what :meth:`score` trains, in words.
        length: for how long it trains networks, in words; judges train as long.
        judges: the architectures that :meth:`judge_by` was given, and how their scores become one.
        setting: what the record calls the setting; most kinds of data have one alone.
        samples: whether :meth:`validate_on` can act.
    """

    kind: ClassVar[str]
    predictor: str
    length: ClassVar[str] = ""
    setting: Setting = "inductive"
    method: Method | None = None
    judges: tuple[tuple[str, ...], By] | None = None
    samples: ClassVar[bool] = False

    def __init__(
        self,
        data: object,
        device: torch.device,
        setting: Setting = "transductive",
        pseudo_labels: int | None = None,
        memory: int | str | None = None,
    ) -> None:
        kind = data_kind(self.kind)
        if memory is None:
            checked = kind.check(data)
        elif kind.mapped is None:
            raise ValueError(
                f"memory={memory!r} is for one graph with labelled nodes, and these are "
                f"{kind.words}: leave it out"
            )
        else:
            checked = kind.mapped(data, memory)
        self.task, self.device = cast(Task, checked), device
        self.prepare(setting, pseudo_labels)

    def prepare(self, setting: Setting, pseudo_labels: int | None) -> None:
        """What else is made of the data before a method is known."""

    @abstractmethod
    def source(self, method: Method) -> Source:
        """The real data for the method."""

    def labelled(self, method: Method) -> tuple[int, int]:
        """How many classes there are, and labelled examples."""
        counts = self.source(method).counts
        return len(counts), int(counts.sum())

    def keep_in(self, folder: str | Path) -> None:
        """Keep propagated features in a folder; asked of a kind whose methods may propagate.

        Raises:
            ValueError: the folder cannot be written.
        """
        raise NotImplementedError

    def keep_private(self, epsilon: float, delta: float, seed: int) -> None:
        """Have :meth:`source` put noise on all that it shows a method.

        Args:
            epsilon, delta: how much may be given away of one node.
            seed: of the noise.

        Raises:
            ValueError: this kind of data has no such source, or ``delta`` is none for these data.
        """
        raise ValueError(
            f"epsilon={epsilon:g} is for one graph with labelled nodes, and these are {self.kind} "
            "data: leave it out"
        )

    @property
    def privacy(self) -> About | None:
        """What a record says of the noise that :meth:`source` put on the data; ``None``: none."""
        return None

    @property
    def scored(self) -> int:
        """How many validation examples the data have to score on."""
        return len(self.task.val)

    @property
    def validates(self) -> bool:
        """Whether these are enough to choose by; fewer are not scored on."""
        return self.scored >= CHOOSING

    def score(self) -> Callable[[Export], float] | None:
        """From an export to its validation score; ``None`` without enough validation data."""
        if not self.validates:
            return None
        if self.judges is None:
            return self.scorer()
        panel = Panel(self.evaluator(), *self.judges, self.shown)
        self.predictor = self.told(panel.words)
        return panel

    def judge_by(self, names: str | Sequence[str], by: By = "mean") -> tuple[str, ...]:
        """Have :meth:`score` train these architectures, whatever the method; their proper names.

        Raises:
            ValueError: one that is unknown, with the nearest, or twice.
        """
        found = architectures(self.evaluator(), names)
        self.judges = found, by
        return found

    def validate_on(self, number: int | None, seed: int) -> int | None:
        """Have :meth:`score` read so many validation examples alone, a seeded sample; with None as
        many as this kind of data needs for a steady score.

        Returns:
            How many are read; None where nobody asked, and all are.

        Raises:
            ValueError: there are fewer; or scores of this kind of data are never of a sample.
        """
        if number is None:
            return None
        raise ValueError(f"{self.kind} data are scored on all validation examples")

    def evaluator(self) -> AnyEvaluator:
        """What trains networks on the way and scores them on validation data."""
        return kind_evaluator(self.kind)(self.task, device=self.device)

    def shown(self, export: Export) -> object:
        """What the evaluator is given of an export."""
        return export

    def told(self, judges: str) -> str:
        """How :attr:`predictor` says who the judges are."""
        return f"{judges}, {self.length}" if self.length else judges

    @abstractmethod
    def scorer(self) -> Callable[[Export], float]:
        """:meth:`score` where there are validation data."""

    @abstractmethod
    def finish(self, export: Export) -> Small:
        """The export as users get it: PyG ``Data``, or a data set of it. What its record says
        already (``condensed``) stays there."""

    def as_seen(self, before: Small) -> Small:
        """A set to update, with what it says of single examples for those alone that the method
        sees.

        Raises:
            ValueError: none of them was seen before.
        """
        return before

    def describe(self) -> About:
        """What the record says of the data; ``digest`` identifies it."""
        parts = {split: len(getattr(self.task, split)) for split in ("train", "val", "test")}
        without = dict(self.task.unlabelled)
        told = {"unlabelled": without} if any(without.values()) else {}
        about = {"name": self.task.name, "digest": self.task.digest}
        return {**about, **self.about(), **parts, **told}

    @abstractmethod
    def about(self) -> About:
        """What :meth:`describe` says of this kind of data alone, such as sizes and classes."""

    @abstractmethod
    def measure(self, small: Small) -> Measured:
        """How large the finished set is."""


def kind_evaluator(kind: str) -> type[AnyEvaluator]:
    """What scores condensed sets of this kind of data."""
    from graphcondense.evaluate.evaluator import EVALUATORS

    return EVALUATORS[kind]


AnyProblem: TypeAlias = Problem[Any, Any, Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of data that can be condensed.

    Attributes:
        name: as methods, evaluators and :mod:`graphcondense.data.kinds` have it.
        problem: from data, device, setting, pseudo-labels and a limit of memory to the data as a
            run sees them.
        pseudo_labels: whether examples can be labelled by propagation.
        presets: what names of preset files end in, where a method of this name has forms for
            several kinds.
        stored_as: name of the form that files of condensed sets have.
        default: the method of :func:`graphcondense.condense` where none is named; of those that
            are measured, the best all round.
        default_each: examples a class that it takes where no budget is given; 0: one is needed.
        counted: the budget that counts examples, as users of this kind call them.
    """

    name: str
    problem: Callable[[object, torch.device, Setting, int | None, int | str | None], AnyProblem]
    pseudo_labels: bool = False
    presets: str = ""
    stored_as: str = "graph"
    default: str = ""
    default_each: int = 10
    counted: Literal["nodes", "size"] = "size"

    @property
    def data(self) -> DataKind:
        """What is known of such data: words, how they are recognised and opened, named sets."""
        return data_kind(self.name)

    @property
    def evaluator(self) -> type[AnyEvaluator]:
        """What scores condensed sets of this kind."""
        return kind_evaluator(self.name)

    @property
    def form(self) -> Form:
        """What a file of a condensed set holds."""
        from graphcondense.saved.forms import FORMS

        return FORMS[self.stored_as]


@dataclass(frozen=True)
class Measured:
    """The size of a condensed set, in its own units.

    Attributes:
        sizes: for the record, such as ``nodes`` and ``edges``.
        per_class: examples of each class, or group of graphs.
        total: real examples, labelled or not.
        bytes: of what is stored.
        unlabelled: condensed examples of no class.
    """

    sizes: Mapping[str, object]
    per_class: list[int]
    total: int
    bytes: int
    unlabelled: int = 0


def of_one(small: Data, y: Tensor, classes: int, total: int) -> Measured:
    """Of a single ``Data`` whose rows are the examples, of classes ``y [n]``, or what stands for
    them; a node without a label (-1) counts in no class."""
    from graphcondense.saved.content import tensor_bytes

    sizes = {"nodes": len(small.y), "edges": int(small.edge_index.shape[1])}
    per_class = torch.bincount(y[y >= 0], minlength=classes).tolist()
    return Measured(sizes, per_class, total, tensor_bytes(small), int((y < 0).sum()))
