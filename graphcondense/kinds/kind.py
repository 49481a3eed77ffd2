"""What every kind of data answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch

from graphcondense.core.method import Method

Setting = Literal["transductive", "inductive"]
"""Whether a method sees the whole graph, or the training nodes' subgraph alone."""


class Domain(Protocol):
    """One kind of data, as :func:`condense` sees it.

    Attributes:
        kind: that of its methods.
        task: the checked data, which have a name.
        predictor: what :meth:`score` trains, in words.
        setting: what the record calls the setting.
    """

    kind: str
    task: Any
    predictor: str

    @property
    def setting(self) -> str: ...

    @property
    def validates(self) -> bool:
        """Whether the data have validation examples to score on."""
        ...

    def finish(self, export: Any) -> Any:
        """The export as users get it: PyG ``Data``, or a data set of it."""
        ...

    def source(self, method: Method) -> Any:
        """The real data for the method."""
        ...

    def score(self) -> Any:
        """From an export to its validation score; ``None`` without validation data."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the record says of the data; ``digest`` identifies it."""
        ...

    def measure(self, small: Any) -> Measured:
        """How large the finished set is."""
        ...


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

    sizes: dict[str, Any]
    per_class: list[int]
    total: int
    bytes: int
    unlabelled: int = 0


def told(unlabelled: Mapping[str, int]) -> dict[str, Any]:
    """What a record says of examples that were left out of a split, having no label."""
    return {"unlabelled": dict(unlabelled)} if any(unlabelled.values()) else {}


def of_one(small: Any, classes: int, total: int) -> Measured:
    """Of a single ``Data`` whose rows are the examples; a soft label counts as its largest, and a
    node without a label (-1) in no class."""
    from graphcondense.saved.condensed import tensor_bytes

    sizes = {"nodes": len(small.y), "edges": int(small.edge_index.shape[1])}
    y = small.y if small.y.dim() == 1 else small.y.argmax(1)
    per_class = torch.bincount(y[y >= 0], minlength=classes).tolist()
    unlabelled = int((y < 0).sum())
    return Measured(sizes, per_class, total, tensor_bytes(small), unlabelled)
