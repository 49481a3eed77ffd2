"""What every kind of data answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

import torch

from graphcondense.core.method import Method
from graphcondense.core.types import Source
from graphcondense.data.kind import DataKind, Task, data_kind

if TYPE_CHECKING:
    from torch_geometric.data import Data

Setting = Literal["transductive", "inductive"]
"""Whether a method sees the whole graph, or the training nodes' subgraph alone."""


About: TypeAlias = dict[str, Any]
"""What a record says of the data; values that JSON holds."""

Export = TypeVar("Export", contravariant=True)
Small = TypeVar("Small")


class Problem(Protocol[Export, Small]):
    """Data of one kind, as a run sees them. ``Export`` is what the method made of them, ``Small``
    what users get.

    Attributes:
        kind: that of its methods.
        task: the checked data, which have a name.
        predictor: what :meth:`score` trains, in words.
        setting: what the record calls the setting.
    """

    kind: str
    predictor: str

    @property
    def task(self) -> Task: ...

    @property
    def setting(self) -> str: ...

    @property
    def validates(self) -> bool:
        """Whether the data have validation examples to score on."""
        ...

    def finish(self, export: Export) -> Small:
        """The export as users get it: PyG ``Data``, or a data set of it."""
        ...

    def source(self, method: Method) -> Source:
        """The real data for the method."""
        ...

    def score(self) -> Callable[[Export], float] | None:
        """From an export to its validation score; ``None`` without validation data."""
        ...

    def describe(self) -> About:
        """What the record says of the data; ``digest`` identifies it."""
        ...

    def measure(self, small: Small) -> Measured:
        """How large the finished set is."""
        ...


AnyProblem: TypeAlias = Problem[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of data that can be condensed.

    Attributes:
        name: as methods, evaluators and :mod:`graphcondense.data.kinds` have it.
        problem: from data, device, setting and pseudo-labels to the data as a run sees them.
        pseudo_labels: whether examples can be labelled by propagation.
        presets: what names of preset files end in, where a method of this name has forms for
            several kinds.
    """

    name: str
    problem: Callable[[object, torch.device, Setting, int | None], AnyProblem]
    pseudo_labels: bool = False
    presets: str = ""

    @property
    def data(self) -> DataKind:
        """What is known of such data: words, how they are recognised and opened, named sets."""
        return data_kind(self.name)


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


def told(unlabelled: Mapping[str, int]) -> dict[str, object]:
    """What a record says of examples that were left out of a split, having no label."""
    return {"unlabelled": dict(unlabelled)} if any(unlabelled.values()) else {}


def of_one(small: Data, classes: int, total: int) -> Measured:
    """Of a single ``Data`` whose rows are the examples; a soft label counts as its largest, and a
    node without a label (-1) in no class."""
    from graphcondense.saved.condensed import tensor_bytes

    sizes = {"nodes": len(small.y), "edges": int(small.edge_index.shape[1])}
    y = small.y if small.y.dim() == 1 else small.y.argmax(1)
    per_class = torch.bincount(y[y >= 0], minlength=classes).tolist()
    unlabelled = int((y < 0).sum())
    return Measured(sizes, per_class, total, tensor_bytes(small), unlabelled)
