"""Which kind of data something is: the one rule of Python and of the command line.

A kind is one file in :mod:`graphcondense.data.kinds`, which registers it; nothing here knows one by
its name. A package of others registers its own with :func:`register`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeGuard

from torch.utils.data import Dataset

from graphcondense.data import kinds
from graphcondense.data.known import Found, Named, either, find, name_key, open_known, root_of


class Task(Protocol):
    """Checked data of any kind.

    Attributes:
        name: what reports call them.
        digest: identifies them; blind to test labels.
        unlabelled: by split, how many examples were left out since they have no label.
        size: of the training examples: nodes, edges and bytes, and of a set of graphs how many;
            other kinds have their own units (:class:`graphcondense.evaluate.cost.Size`).
    """

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def unlabelled(self) -> Mapping[str, int]: ...

    @property
    def size(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, kw_only=True)
class DataKind:
    """What is known of a kind of data before anything is condensed or evaluated.

    Attributes:
        name: such as ``"node"``.
        words: what such data are, such as ``"images"``.
        forms: what one passes, for a message.
        task: the class of the checked form.
        takes: whether something is of this kind, in any of its forms. It may raise a ValueError
            for what could be one kind or another, saying what to pass instead.
        check: brings data into the checked form.
        load: opens a name or path, given the root and the ``options``.
        options: options of :func:`graphcondense.data.load` that mean something here.
        general: also takes what only looks like it; asked after the kinds that do not.
        place: in tables and messages; lower ones come first.
        table: sets with a name.
        refused: names of sets that cannot be opened, as ``name_key`` writes them, and why.
        endings: of file names, for a message.
        holds: whether a file or folder, which need not exist, is of this kind.
        of_saved: the data that a file of ``torch.save`` held, given what it held, its path and the
            ``options``; ``None`` where such files hold none.
        mapped: brings data into the checked form within so many bytes of memory; ``None`` where
            this kind of data cannot be larger than memory.
    """

    name: str
    words: str
    forms: str
    task: type[Task]
    takes: Callable[[object], bool]
    check: Callable[[object], Task]
    load: Callable[..., object]
    options: frozenset[str] = frozenset()
    general: bool = False
    place: int = 100
    table: Sequence[Named] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    endings: tuple[str, ...] = ()
    holds: Callable[[Path], bool] = lambda path: False
    of_saved: Callable[..., object] | None = None
    mapped: Callable[[object, int | str], Task] | None = None


WAYS = {
    "networkx": ": torch_geometric.utils.from_networkx(graph) makes a PyG Data of it",
    "dgl": ": torch_geometric.utils.from_dgl(graph) makes a PyG Data or HeteroData of it",
}
"""What makes something that is taken of the graphs of another library."""

_KINDS: dict[str, DataKind] = {}


def register(kind: DataKind) -> DataKind:
    """Make a kind of data known, under a name that no other has."""
    if _KINDS.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"two kinds of data are called {kind.name!r}")
    return kind


def unregister(name: str) -> None:
    """Forget a kind of data, so that its name is free."""
    _KINDS.pop(name)


def data_kinds() -> dict[str, DataKind]:
    """Every kind of data by name: this package's and those of others."""
    for module in pkgutil.iter_modules(kinds.__path__, f"{kinds.__name__}."):
        importlib.import_module(module.name)
    return {kind.name: kind for kind in sorted(_KINDS.values(), key=lambda kind: kind.place)}


def data_kind(name: str) -> DataKind:
    """The kind of data of this name.

    >>> data_kind("node").words
    'one graph with labelled nodes'
    """
    known = data_kinds()
    if name not in known:
        raise ValueError(f"unknown kind of data {name!r}; there are {', '.join(known)}")
    return known[name]


def is_task(data: object) -> TypeGuard[Task]:
    """Whether these are checked data of any kind."""
    return isinstance(data, tuple(kind.task for kind in data_kinds().values()))


def find_named(name: str | Path, kind: str, table: Sequence[Found]) -> Found:
    """The set of ``table``, all of one kind, that has this name."""
    key = name_key(str(name))
    named = {
        k.name: row for k in data_kinds().values() for row in k.table if key in row.spellings()
    }
    if named and kind not in named:
        other, row = next(iter(named.items()))
        raise ValueError(
            f"{row.name} is {data_kind(other).words}: open it with graphcondense.data.load"
        )
    return find(str(name), table, either(data_kind(kind).endings))


def open_named(
    name: str | Path, kind: str, table: Sequence[Found], root: str | Path | None
) -> tuple[Found, Any]:
    """The set of this name, and what its loader makes of it.

    It is downloaded into ``root`` where it is missing.
    """
    found = find_named(name, kind, table)
    return found, open_known(found, root_of(root))


def kind_of_data(data: object) -> str:
    """The name of the kind that data are of, such as ``"node"`` or ``"image"``.

    Images are what :func:`~graphcondense.data.image_reading.is_images` says; users by items a
    sparse matrix, a data frame, or a bipartite ``HeteroData`` without labels; one with labels is a
    heterogeneous graph. A list or data set is a set of graphs, but a single graph in it that labels
    its nodes is one graph, as are what has features ``x``, and graphs by part whose nodes are
    labelled. Any other mapping by part is of the kind of what trains. A ValueError says what to
    pass for what is none of these, or may be one or the other.

    >>> import scipy.sparse as sp
    >>> kind_of_data(sp.eye(3).tocsr()), kind_of_data(([[0.0]], [1]))
    ('rows', 'image')
    """
    refuse_name(data)
    known = data_kinds().values()
    for kind in known:
        if isinstance(data, kind.task):
            return kind.name
    for kind in sorted(known, key=lambda kind: kind.general):
        if kind.takes(data):
            return kind.name
    inside = way_of(data)
    inside = inside or (": pass its data set (.dataset)" if hasattr(data, "dataset") else "")
    inside = inside or (": pass list(...) of it" if hasattr(data, "__next__") else "")
    forms = either([kind.forms for kind in known])
    raise ValueError(f"cannot condense {_in_words(data)}{inside}; pass {forms}")


def refuse_name(data: object) -> None:
    """Raise a ValueError for the name or path of data where data are needed, and say how to open
    it."""
    if isinstance(data, str | Path):
        raise ValueError(
            f"data are given as the text {str(data)[:80]!r}: open them first, "
            f"graphcondense.data.load({str(data)[:80]!r})"
        )


def way_of(data: object) -> str:
    """What makes graphs of what a library of :data:`WAYS` has; empty for anything else."""
    return WAYS.get(type(data).__module__.split(".")[0], "")


def _in_words(data: object) -> str:
    """What something is called in a message; of a sequence also what is in it."""
    what = f"a {type(data).__name__}"
    if not (isinstance(data, list | tuple | Dataset) and hasattr(data, "__len__") and len(data)):
        return what
    return f"{what} whose first element is a {type(data[0]).__name__}"
