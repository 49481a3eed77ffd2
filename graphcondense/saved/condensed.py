"""Condensed graphs as files: tensors and record in one ``.safetensors``, a card beside it.

>>> import tempfile
>>> small = Data(x=torch.eye(2), edge_index=torch.tensor([[0], [1]]), y=torch.tensor([0, 1]))
>>> small.condensed = {"method": "by hand", "hyperparameters": {"lr": 0.1}}
>>> with tempfile.TemporaryDirectory() as folder:
...     path = save(small, folder)
...     again = load(path)
...     files = sorted(p.name for p in path.parent.iterdir())
>>> files
['condensed.md', 'condensed.safetensors']
>>> again.condensed["method"], graph_hash(again) == graph_hash(small)
('by hand', True)
"""

from __future__ import annotations

import hashlib
import json
import reprlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor
from torch_geometric.data import Data

from graphcondense.ops.device import usable
from graphcondense.ops.fields import check_switches, checked
from graphcondense.ops.files import write_all, write_whole
from graphcondense.ops.json import read_json
from graphcondense.ops.types import Record
from graphcondense.saved.attack import attacked
from graphcondense.saved.card import DAMAGED, card
from graphcondense.saved.checks import Tensors
from graphcondense.saved.compact import narrowed, parts_of, unpack, widened
from graphcondense.saved.content import graph_hash
from graphcondense.saved.forms import FORMS, GRAPH, GRAPHS, USERS, Contents, Small, contents_of
from graphcondense.saved.paths import path_of
from graphcondense.saved.snippet import stored_parts

FORMAT = "graphcondense"
SEAL = "sha256"
"""What a file's header calls its checksum; files of earlier versions have none."""

VERSION = 3
"""The newest; a file is of version 1 where nothing in it is new, so that older readers open it.

1 has whole tensors of known names, which tell what it holds. 2 says so in its header (``kind``),
may have a matrix by row (:mod:`graphcondense.saved.compact`; the header has its ``columns``) and
further tensors under any other name. 3 is 2 with some tensors at half the width
(:func:`~graphcondense.saved.compact.narrowed`; the header has their ``types``).
"""


def save(small: Small, path: str | Path, *, compact: bool = False) -> Path:
    """Write condensed data (a graph, a set of graphs, users) and a card that a person can read.

    Both are written under another name first and then moved: a file that is there is whole. ``x``
    (of graphs also ``edge_attr``) that is mostly zero is stored by row where that is smaller, and
    opens dense. What else ``small`` has that is no dense tensor is left out, and a warning names
    it, as one does where there is no record.

    Args:
        small: ``x [n, d]`` float32, ``edge_index [2, m]`` int64, optionally ``edge_weight [m]``
            float32, ``y [n]`` int64 or soft labels ``[n, C]`` float32, ``train_mask [n]`` bool
            (all nodes if missing; outside it ``y`` may be -1), optionally ``assignment [N]`` int64
            (see :func:`assignment_matrix`), and ``condensed``, a record that JSON can hold; or a
            :class:`~graphcondense.saved.condensed_graphs.CondensedGraphs` or
            :class:`~graphcondense.saved.condensed_rows.CondensedInteractions`. ``adj_t`` may take
            the place of the edges. Further dense tensors (``orig_index``, ``val_mask``, ``pos``)
            are kept under their names, as they are.
        path: a file that ends in ``.safetensors``, or a folder, in which it is called
            ``condensed.safetensors``. Folders are made.
        compact: store features and weights of edges as bfloat16 and numbers of nodes as int32,
            half the bytes; they open as float32 and int64. Floats are rounded to eight significant
            bits, so the record's ``hash`` is that of the rounded set, and it says so (``rounded``).
            Labels stay as they are.

    Returns:
        The path of the ``.safetensors`` file; the card ends in ``.md``.

    Raises:
        ValueError: for a graph or record that is not as above, or a folder that cannot be written.
        TypeError: swapped arguments, or what is no condensed set.
    """
    if isinstance(small, str | Path) or not isinstance(path, str | Path):
        raise TypeError(
            f"save(small, path): got {_named(small)} to save and {_named(path)} for the path; the "
            "condensed set comes first"
        )
    check_switches("save", compact=compact)
    path = file_of(path)
    contents = contents_of(small)
    if "x" not in contents.tensors and contents.form is GRAPH and not isinstance(small, Data):
        if (
            isinstance(small, dict)
            and small
            and all(hasattr(v, "condensed") for v in small.values())
        ):
            raise TypeError(
                f"cannot save {len(small)} condensed sets in one file: save each, such as "
                f"save(sets[{next(iter(small))!r}], ...)"
            )
        raise TypeError(
            f"cannot save {_named(small)}: give what condense returns, or a PyG Data with x, "
            "edge_index and y"
        )
    record = getattr(small, "condensed", None)
    contents.check({} if record is None else record, f"cannot save the {contents.form.name}")
    if record is None:
        warnings.warn(
            f"what is saved in {path} has no record: set its attribute condensed to a dict, such "
            'as {"method": "by hand"}, to say how it was made',
            stacklevel=2,
        )
        record = {}
    half = checked("compact", compact, bool)
    stored, types = stored_parts(contents, 2 if half else 4), dict[str, str]()
    if half:
        features = [name for name in contents.form.counted if name != "y"]
        stored, types = narrowed(stored, features)
        record = _rounded(contents, stored, types, record)
    head: Record = {"version": 1}
    first = contents.form in (GRAPH, GRAPHS, USERS)
    if contents.further or stored.keys() != contents.tensors.keys() or not first:
        head = {"version": 2, "kind": contents.form.name, "columns": _columns(contents, stored)}
    if types:
        head = {"version": VERSION, "kind": contents.form.name, "types": types}
        head["columns"] = _columns(contents, stored)
    try:
        # As it will be read: names that are no text become text, two of them perhaps one.
        plain = read_json(json.dumps(record), "the record")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the record 'condensed' does not fit JSON: {error}") from error
    tensors = _apart({**stored, **contents.further})
    head["record"] = plain
    head[SEAL] = _seal(head, tensors)
    # One entry: safetensors writes several in an order that changes from run to run.
    blob = to_bytes(tensors, {FORMAT: json.dumps(head)})
    attack = attacked(path, lambda: graph_hash(load_bytes(blob, path)))
    text = card(path, record, contents, stored, hashlib.sha256(blob).hexdigest(), attack)
    if contents.left_out:
        warnings.warn(
            f"{path} is without {', '.join(contents.left_out)[:300]}: a file holds dense tensors, "
            "and values that JSON holds in the record 'condensed'",
            stacklevel=2,
        )
    try:
        write_all({path: blob, path.with_suffix(".md"): text})
    except OSError as error:
        raise ValueError(f"cannot write into the folder {path.parent}: {error}") from error
    return path


def renew_card(path: str | Path, small: Small | None = None) -> Path:
    """Write the card of a saved set anew, with what was measured on it since (``privacy.json``).

    Args:
        path: the ``.safetensors`` file, or the folder of a ``condensed.safetensors``.
        small: what is in it, where it has been loaded; by default it is loaded here.

    Returns:
        The path of the card.

    Raises:
        ValueError: as for :func:`load`, or a folder that cannot be written.
    """
    path = file_of(path)
    small = load(path) if small is None else small
    blob = path.read_bytes()
    contents, tensors = contents_of(small), from_bytes(blob)
    stored = {
        part: tensors[part]
        for name in contents.tensors
        for part in ((name,) if name in tensors else parts_of(name))
    }
    attack = attacked(path, lambda: graph_hash(small))
    sha256 = hashlib.sha256(blob).hexdigest()
    text = card(path, small.condensed, contents, stored, sha256, attack)
    try:
        return write_whole(path.with_suffix(".md"), text)
    except OSError as error:
        raise ValueError(f"cannot write into the folder {path.parent}: {error}") from error


def load(
    path: str | Path, device: torch.device | str | None = None, *, check: bool = True
) -> Small:
    """Read what :func:`save` wrote, and check it.

    A file carries a checksum of all its tensors and of its record. Files of earlier versions have a
    hash of the tensors alone, in the record of what was condensed by a method; those have to be
    what it says.

    Args:
        path: the ``.safetensors`` file, or the folder of a ``condensed.safetensors``.
        device: where to put the tensors; by default the CPU.
        check: whether the content must be what was saved. ``False`` opens a damaged file, to look
            at what is left: tensors must still be such as a graph can have. The record of one says
            what is wrong (``damaged``), and keeps it when the set is saved again.

    Returns:
        A :class:`~graphcondense.saved.condensed_graph.CondensedGraph` or ``CondensedImages`` (PyG
        ``Data``), ``CondensedGraphs`` or ``CondensedInteractions`` (on the CPU), with the tensors
        of :func:`save` and the record as ``condensed``.

    Raises:
        ValueError: a file that is missing, foreign, broken, of a later version, has values that
            cannot be a graph's, or other content than was saved; a ``check`` that is neither true
            nor false.
        TypeError: a path that is none.
    """
    check = bool(checked("check", check, bool))
    asked, path = path, file_of(path)
    if not path.is_file():
        of = "" if Path(asked).suffix else f": {asked} is no folder of a condensed set"
        raise ValueError(f"there is no file {path}{of}{those_below(path.parent)}")
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise ValueError(_unreadable(path, error)) from error
    return load_bytes(blob, path, device, check=check)


def load_bytes(
    blob: bytes, path: Path, device: torch.device | str | None = None, *, check: bool = True
) -> Small:
    """As :func:`load`, of what was read of a file; ``path`` is for messages.

    Raises:
        ValueError: as for :func:`load`.
    """
    try:
        tensors = dict(sorted(from_bytes(blob).items()))  # its own order changes from run to run
        length = int.from_bytes(blob[:8], "little")
        header: Any = read_json(blob[8 : 8 + length], "its header")
        meta = header.get("__metadata__") or {}
    except (*_UNREADABLE, ValueError) as error:
        raise ValueError(_unreadable(path, error)) from error
    if FORMAT not in meta:
        raise ValueError(f"{path} is not a condensed graph that {FORMAT} wrote")
    try:
        head: Any = read_json(meta[FORMAT], "its header")
        version, record = head["version"], _renamed(head["record"])
    except ValueError as error:
        raise ValueError(f"{path}: its record cannot be read (JSON: {error})"[:400]) from error
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path}: its record cannot be read ({error!r})"[:400]) from error
    if type(version) is not int or version not in range(1, VERSION + 1):
        raise ValueError(
            f"{path} has format version {str(version)[:20]}, this {FORMAT} reads 1 to {VERSION}: "
            f"install a newer {FORMAT}"
        )
    wrong, sealed = "", SEAL in head
    if sealed and head.pop(SEAL) != _seal(head, tensors):
        wrong = "its tensors or its record are not what its checksum says"
    if check and wrong:
        raise ValueError(_changed(path, wrong))
    contents = _opened(tensors, head, str(path))
    contents.check(record, str(path))
    small = contents.form.made(contents.tensors, contents.further, record)
    told = record.get("hash")
    if not sealed and isinstance(told, str) and told != graph_hash(small):
        wrong = f"its tensors have the hash {graph_hash(small)}, and its record says {told[:40]}"
        if check:
            raise ValueError(_changed(path, wrong))
    if wrong:
        small.condensed[DAMAGED] = f"opened with check=False although {wrong}"
    return small if device is None else small.to(usable(device))


_UNREADABLE = (safetensors.SafetensorError, KeyError, AttributeError, RuntimeError)
"""What a reader of safetensors raises; all but the first of types of numbers that this torch does
not have."""


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path} is not a readable safetensors file ({error})"[:400]


def believed(path: str | Path) -> str:
    """What :func:`load` has to believe of a file, in words; empty where its checksum covers all."""
    with safetensors.safe_open(file_of(path), "pt") as file:
        head: Any = read_json((file.metadata() or {})[FORMAT], "its header")
    if SEAL in head:
        return ""
    hashed = isinstance(head["record"].get("hash"), str)
    what = "its record is believed, its tensors have the hash in it" if hashed else "it is believed"
    return f"no checksum, as files of earlier versions have none: {what}"


def _columns(contents: Contents, stored: Tensors) -> dict[str, int]:
    """How many columns the matrices have that are stored by row."""
    packed = sorted(contents.tensors.keys() - stored.keys())
    return {name: contents.tensors[name].shape[1] for name in packed}


def _rounded(
    contents: Contents, stored: Tensors, types: Mapping[str, str], record: Record
) -> Record:
    """The record of what a file will open as, where rounding changes it."""
    head = {"version": 2, "kind": contents.form.name, "columns": _columns(contents, stored)}
    opened = _opened(widened(stored, types, "compact"), head, "compact")
    small = contents.form.made(opened.tensors, contents.further, {})
    said = {"hash": graph_hash(small)} if "hash" in record else {}
    return {**record, **said, "rounded": "bfloat16"}


def _apart(tensors: Tensors) -> dict[str, Tensor]:
    """The same, none of which shares memory with another: safetensors refuses those."""
    out, seen = {}, set()
    for name, tensor in tensors.items():
        at = tensor.untyped_storage().data_ptr()
        out[name] = tensor.clone() if at in seen else tensor
        seen.add(at)
    return out


def _opened(tensors: Tensors, head: Record, where: str) -> Contents:
    """What the tensors of a file are, matrices by row made whole."""
    if head["version"] == 1:
        # Only in sets of graphs does something say where a graph begins.
        many = not tensors.keys().isdisjoint(set(GRAPHS.names) - set(GRAPH.names))
        form = GRAPHS if many else GRAPH
        if not tensors.keys().isdisjoint(USERS.names):
            form = USERS
        if unknown := sorted(tensors.keys() - set(form.names)):
            raise ValueError(f"{where}: unknown tensors {str(unknown)[:300]}")
        return Contents(form, tensors, {})
    if head["version"] == VERSION:
        tensors = widened(tensors, head.get("types"), where)
    kind, columns = head.get("kind"), head.get("columns", {})
    if not isinstance(kind, str) or kind not in FORMS or not isinstance(columns, dict):
        raise ValueError(
            f"{where}: its header must say a kind ({', '.join(FORMS)}) and columns, got "
            f"{str(kind)[:40]} and {str(columns)[:40]}"
        )
    form, whole = FORMS[kind], dict(tensors)
    for name in form.packed:
        if not whole.keys().isdisjoint(parts_of(name)):
            dense = unpack(name, whole, columns.get(name), where)
            whole = {k: v for k, v in whole.items() if k not in parts_of(name)} | {name: dense}
    return Contents(
        form,
        {name: whole[name] for name in form.names if name in whole},
        {name: whole[name] for name in sorted(whole.keys() - set(form.names))},
    )


def _seal(head: Mapping[str, object], tensors: Tensors) -> str:
    """SHA-256 of all that a file says: the header without its checksum, and the tensors."""
    h = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        h.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        if tensor.numel():
            h.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return h.hexdigest()


def _changed(path: Path, words: str) -> str:
    return (
        f"{path}: {words}: the file was changed or damaged after it was written; copy or make it "
        "again, or look at what is left with graphcondense.load(path, check=False)"
    )


def _renamed(record: Record) -> Record:
    """A record of an earlier version, by today's names.

    The kind of data was called a domain, and what labels of graphs are, a kind.
    """
    if isinstance(record, dict) and "domain" in record and "kind" not in record:
        record = {"kind" if key == "domain" else key: value for key, value in record.items()}
    about = record.get("data") if isinstance(record, dict) else None
    if isinstance(about, dict) and "kind" in about and "label_kind" not in about:
        about = {"label_kind" if key == "kind" else key: value for key, value in about.items()}
        record = {**record, "data": about}
    return record


def _named(value: object) -> str:
    return reprlib.repr(value) if isinstance(value, str | Path) else f"a {type(value).__name__}"


# --- files -----------------------------------------------------------------------------------


def those_below(folder: Path) -> str:
    """What to say of the condensed sets in the folders of a folder that holds none itself."""
    found = sorted(p.parent.name for p in folder.glob("*/condensed.safetensors"))
    return f"; those below it are {', '.join(found)}" if found else ""


def file_of(path: str | Path) -> Path:
    """The file of a saved set: the path itself, or ``condensed.safetensors`` in a folder.

    Raises:
        ValueError: a name that ends otherwise.
    """
    path = path_of(path, "load(path)", "a .safetensors file or the folder of one")
    if path.suffix == ".safetensors" and not path.is_dir():
        return path
    if path.is_dir() or not path.suffix:
        return path / "condensed.safetensors"
    hint = "; torch.save writes .pt files, and graphcondense.data.open_small opens them"
    raise ValueError(
        f"{path} must end in .safetensors, or be a folder{hint * (path.suffix == '.pt')}"
    )
