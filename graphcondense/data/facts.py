"""What is known of nodes beside numbers: what they are called, their texts, the names of classes.

No method sees any of it. It is what a person reads: in cards, reports, and as the examples of a
condensed node (:mod:`graphcondense.data.examples`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from graphcondense.data.columns import Columns
from graphcondense.data.tables import TableFile
from graphcondense.ops.arrays import digest_of


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of the nodes of a graph beside features, edges and labels.

    Attributes:
        ids: what each node is called ``[n]``, an array of text; ``None``: by its number.
        texts: the text of each node ``[n]``; ``None``: there is none.
        classes: the names of classes, or of tasks, in their order; empty: there are none.
        columns: how features were made of columns; ``None``: they were given as numbers.
        made: what features were made of, where nodes came without; empty: they came with some.
        files: the files that ``nodes`` and ``edges`` were read from; empty: from none.
    """

    ids: np.ndarray | None = None
    texts: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    columns: Columns | None = None
    made: str = ""
    files: Mapping[str, TableFile] = field(default_factory=dict)

    @property
    def readable(self) -> bool:
        """Whether a person can read what a node is."""
        return self.ids is not None or self.texts is not None

    def of(self, nodes: Tensor) -> Facts:
        """What is known of some of the nodes."""
        index = nodes.numpy()
        ids, texts = (None if part is None else part[index] for part in (self.ids, self.texts))
        return replace(self, ids=ids, texts=texts)

    def record(self) -> dict[str, Any]:
        """What a record says of it; values that JSON holds, of no node."""
        files = {what: file.record() for what, file in self.files.items()}
        return {
            **({} if self.ids is None else {"ids_digest": digest_of(self.ids)}),
            **({"files": files} if files else {}),
            **({"class_names": list(self.classes)} if self.classes else {}),
            **({"made_of": self.made} if self.made else {}),
            **({} if self.columns is None else {"columns": self.columns.record()}),
        }


NAMES = ("node_names", "text", "class_names")
"""Attributes of a graph that are lists of text."""


def facts_of(data: object, n: int, made: str = "") -> Facts:
    """What ``data`` of ``n`` nodes say in ``node_names``, ``text`` (a text for each node) and
    ``class_names``; what is no list of text is something of the user's own.

    Raises:
        ValueError: a list of text that has another length.

    >>> from types import SimpleNamespace
    >>> facts_of(SimpleNamespace(node_names=["a", "b"]), 2).ids.tolist()
    ['a', 'b']
    """
    given = getattr(data, "facts", None)
    if isinstance(given, Facts):
        return given
    names, texts, classes = (_listed(getattr(data, name, None)) for name in NAMES)
    for name, values in (("node_names", names), ("text", texts)):
        if values is not None and len(values) != n:
            raise ValueError(
                f"data.{name} has {len(values):,} texts for {n:,} nodes; give one for each"
            )
    return Facts(
        ids=None if names is None else texts_of(names),
        texts=None if texts is None else texts_of(texts),
        classes=tuple(texts_of(classes or ()).tolist()),
        made=made,
    )


def text_of(data: object, name: str) -> str | None:
    """What ``data`` say of themselves under ``name``, such as what they are called; ``None`` where
    it is no text, which is something of the user's own: ``from_networkx`` makes a list of the names
    of nodes.

    >>> from types import SimpleNamespace
    >>> text_of(SimpleNamespace(name="cora"), "name"), text_of(SimpleNamespace(name=["a"]), "name")
    ('cora', None)
    """
    value = getattr(data, name, None)
    return value if isinstance(value, str) else None


def _listed(values: object) -> Sequence[str] | None:
    if isinstance(values, np.ndarray) and values.dtype.kind in "UO":
        values = values.tolist()
    if not isinstance(values, list | tuple) or not values:
        return None
    return values if all(isinstance(value, str) for value in values) else None


def texts_of(values: Sequence[object]) -> np.ndarray:
    """Texts ``[n]`` that every file can hold: half of a pair of surrogates becomes ``?``.

    >>> texts_of(["a", 7]).tolist()
    ['a', '7']
    """
    out = np.empty(len(values), object)
    out[:] = [str(value).encode("utf-8", "replace").decode() for value in values]
    return out
