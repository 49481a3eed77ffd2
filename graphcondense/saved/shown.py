"""What all condensed sets share: the line that says what they are, their picture, their page.

Pictures are made by a module above this one. The package tells which (:func:`drawn_by`), and it is
imported when the first picture is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from graphcondense.ops.tables import measure
from graphcondense.saved.paths import path_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from graphcondense.ops.types import Record


class Example(NamedTuple):
    """A real example that a condensed one stands for.

    Attributes:
        node: its number in the real data.
        id: what it is called there; its number where it has no name.
        text: its text; empty where there is none.
    """

    node: int
    id: str
    text: str

    def __str__(self) -> str:
        return f"{self.id}: {self.text}" if self.text else self.id


class Shown:
    """Base of condensed sets; a subclass has a record and says how large it is.

    Attributes:
        condensed: what is known of its making, values that JSON holds.
    """

    condensed: Record

    def _sizes(self) -> dict[str, int]:
        """How many there are of what; examples come first, such as ``{"nodes": 70, "edges": 8}``.

        Underscored, as are few names here: tensors of any other name may lie beside the record.
        """
        raise NotImplementedError

    @property
    def examples(self) -> list[list[Example]]:
        """For each condensed node its nearest real ones, nearest first, where these have names or
        texts; empty where the record tells of none.

        >>> from graphcondense.saved.condensed_graph import CondensedGraph
        >>> small = CondensedGraph()
        >>> told = {"nodes": [[7]], "ids": [["bash"]], "texts": [["shell"]]}
        >>> small.condensed = {"examples": told}
        >>> print(small.examples[0][0])
        bash: shell
        """
        return examples_of(self.condensed)

    def __repr__(self) -> str:
        lines = summary(self)
        if "method" not in lines:
            return super().__repr__()
        parts = [lines.get(key) for key in ("method", "size", "share", "score")]
        return f"{type(self).__name__}({', '.join(part for part in parts if part)})"

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw it: a graph as nodes and edges, images as images, users by what they take.

        Args:
            path: a file to write the picture to, any format that matplotlib writes.

        Returns:
            The figure, which notebooks show.

        Raises:
            TypeError: a path that is none.
        """
        if path is not None:
            path_of(path, "plot(path)", "a file to write the picture to")
        return _artist().draw(self, path)

    def _repr_html_(self) -> str | None:
        """A picture and a short table for notebooks; without a record or a size the plain line."""
        return _artist().page(self) if summary(self) else None


def record_of(small: object) -> Record:
    """What a condensed set says of itself; empty where it says nothing."""
    return getattr(small, "condensed", None) or {}


def examples_of(record: Mapping[str, object]) -> list[list[Example]]:
    """The examples that a record tells of; none where somebody wrote something else there."""
    told = inside(record, "examples")
    nodes, ids, texts = (told.get(name) for name in ("nodes", "ids", "texts"))
    if not _are_lists(nodes, int):
        return []
    assert isinstance(nodes, list)
    called: list[list[object]] = nodes
    if _are_lists(ids, str) and _alike(ids, nodes):
        assert isinstance(ids, list)
        called = ids
    said = texts if _are_lists(texts, str) and _alike(texts, nodes) else None
    return [
        [
            Example(node, str(called[i][j]), said[i][j] if said else "")
            for j, node in enumerate(each)
        ]
        for i, each in enumerate(nodes)
    ]


def example_rows(record: Mapping[str, object], classes: Sequence[object]) -> list[list[str]]:
    """Rows of a table that says what each condensed node stands for.

    Args:
        record: of the condensed set.
        classes: of each condensed node, in words.

    Returns:
        The node, its class, and its examples, one a line.
    """
    found = examples_of(record)
    return [
        [f"{i}", printable(f"{c}"), printable("; ".join(map(str, each)))]
        for i, (c, each) in enumerate(zip(classes, found, strict=False))
    ]


def printable(text: str) -> str:
    """A text in one line, without what steers a terminal.

    >>> printable("a\\x1b[31m  b\\n")
    'a [31m b'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


EXAMPLE_HEAD = ("node", "class", "nearest real nodes")
"""Of the table of :func:`example_rows`."""


def labels_of(small: Any) -> Tensor:
    """Labels of the nodes of a condensed graph; -1 for all where it has none, as one of links.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> labels_of(Data(x=torch.zeros(2, 1))).tolist()
    [-1, -1]
    """
    y: Tensor | None = small.y
    return small.x.new_full((len(small.x),), -1).long() if y is None else y


def class_words(y: Tensor, record: Mapping[str, object]) -> list[str]:
    """The class of each condensed node in words, by the names that a record has.

    Args:
        y: classes ``[n]``, or soft labels or targets ``[n, C]``.
        record: of the condensed set.

    >>> import torch
    >>> told = {"data": {"class_names": ["cat", "dog"]}}
    >>> class_words(torch.tensor([1, -1]), told), class_words(torch.tensor([[0.9, 0.1]]), told)
    (['dog', ''], ['cat'])
    """
    about = inside(record, "data")
    given = about.get("class_names")
    names: list[object] = given if isinstance(given, list) else []

    def name(c: int) -> str:
        return "" if c < 0 else str(names[c]) if c < len(names) else f"{c}"

    kind = about.get("label_kind", "classes")
    if y.dim() == 1 or kind in ("classes", "soft"):
        return [name(int(c)) for c in (y if y.dim() == 1 else y.argmax(1))]
    if kind == "binary":
        return [", ".join(name(t) for t, v in enumerate(row) if v >= 0.5) for row in y.tolist()]
    return [
        ", ".join(f"{name(t)} {v:.4g}" if names else f"{v:.4g}" for t, v in enumerate(row))
        for row in y.tolist()
    ]


def _are_lists(value: object, of: type) -> bool:
    """Whether this is a list of lists of such values."""
    return isinstance(value, list) and all(
        isinstance(each, list) and all(type(one) is of for one in each) for each in value
    )


def _alike(a: object, b: object) -> bool:
    """Whether two lists of lists have the same lengths."""
    assert isinstance(a, list)
    assert isinstance(b, list)
    return [len(each) for each in a] == [len(each) for each in b]


def summary(small: Shown) -> dict[str, str]:
    """What a short table says: method, data, size, budget, score, time.

    >>> from graphcondense.saved.condensed_rows import CondensedInteractions
    >>> record = {"method": "kmeans", "data": {"name": "films", "users": 80}, "seed": 1}
    >>> summary(CondensedInteractions([[1, 0], [0, 1]], record))["share"]
    '2.5 % of films'
    """
    record, sizes = small.condensed, small._sizes()
    about, asked = inside(record, "data"), inside(record, "budget", "asked")
    values = {
        "method": inside(record).get("method"),
        "data": about.get("name"),
        "size": ", ".join(counted(n, what) for what, n in sizes.items()),
        "share": _share(sizes, about),
        "budget": ", ".join(f"{key}={value}" for key, value in asked.items()),
        "score": _score(record),
        "seed": inside(record).get("seed"),
        "seconds": inside(record).get("seconds"),
    }
    return {key: f"{value}" for key, value in values.items() if value not in (None, "")}


def _share(sizes: Mapping[str, int], about: Record) -> str:
    """Of how many real examples these are so many: the data count them by the same word."""
    (examples, count), *_ = sizes.items()
    # Images are called nodes in records, as all examples once were.
    total = about.get(examples, about.get("nodes") if examples == "images" else None)
    if not isinstance(total, int) or total <= 0 or not about.get("name"):
        return ""
    return f"{percent(count / total)} % of {about['name']}"


class Artist(Protocol):
    """What draws condensed sets."""

    def draw(self, small: Shown, path: str | Path | None = None) -> Figure: ...

    def page(self, small: Shown) -> str: ...


def drawn_by(find: Callable[[], Artist]) -> None:
    """Tell what draws condensed sets; ``find`` is called at the first picture."""
    global _find
    _find = find


_find: Callable[[], Artist] | None = None


def _artist() -> Artist:
    assert _find is not None, "the package says who draws"
    return _find()


def counted(number: int, plural: str) -> str:
    """
    >>> counted(1, "nodes"), counted(1234, "edges")
    ('1 node', '1,234 edges')
    """
    return f"{number:,} {plural.removesuffix('s') if number == 1 else plural}"


def percent(share: float) -> str:
    """A share in per cent with one decimal, smaller ones with as many as they need.

    >>> percent(0.02585), percent(0.0004), percent(1.0)
    ('2.6', '0.04', '100.0')
    """
    value = 100 * share
    return f"{value:.1f}" if value >= 0.1 or value == 0 else f"{value:.1g}"


SIGNS = {"r2": 1, "rmse": -1, "mae": -1, "kl": -1}
"""What is not written in per cent, and whether a record holds it below zero, as it does errors."""


def _score(record: object) -> str:
    """The validation score in words; what is no share by its name.

    >>> _score({"validation": {"score": 0.8123}})
    'validation 81.2'
    >>> _score({"validation": {"score": -0.91234}, "data": {"metric": "rmse"}})
    'validation rmse 0.912'
    >>> _score({"validation": {"score": -0.25}, "data": {"metric": "r2"}})
    'validation r2 -0.250'
    """
    score = inside(record, "validation").get("score")
    if not isinstance(score, int | float):
        return ""
    metric = inside(record, "data").get("metric", "error")
    sign = SIGNS.get(metric, 0 if score >= 0 else -1)
    return (
        f"validation {metric} {measure(sign * score)}" if sign else f"validation {100 * score:.1f}"
    )


def inside(record: object, *names: str) -> Record:
    """A mapping inside a record, or the record itself; empty where there is none."""
    for name in names:
        record = record.get(name) if isinstance(record, Mapping) else None
    return dict(record) if isinstance(record, Mapping) else {}
