"""Files of every format that the package reads, broken at random; only harmless ones.

A :class:`Format` writes a good file and reads it. :func:`broken` makes seeded mutations of its
bytes and of what it says; :func:`outcome` tells what reading one gives.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import random
import resource
import signal
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import yaml
from torch import Tensor
from torch_geometric.data import Data, HeteroData

SECONDS = 5
"""What reading a file may take, of the processor."""

MEMORY = 2**30
"""What reading a file may add, in bytes."""

Edit = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Format:
    """A sort of file.

    Attributes:
        name: of the format.
        file: its name in the folder.
        write: makes a good file, and what lies beside it, in a folder; gives the file.
        read: opens it, and uses it as users would; gives all content.
        edits: mutations that keep the container whole, by name.
        sealed: whether a changed byte can be told from what it was, by a checksum in the file.
        sealed_edits: whether an edit can: an edit of a user's file makes another good file.
        remade: whether a broken file is told, and made anew.
        called: the name that a user has for a data set, and not for its files.
    """

    name: str
    write: Callable[[Path], Path]
    read: Callable[[Path], Any]
    edits: Mapping[str, Edit]
    sealed: bool = True
    sealed_edits: bool = False
    called: str = ""
    remade: bool = False


# --- mutations of bytes ----------------------------------------------------------------------


def flip(content: bytes, rng: random.Random) -> bytes:
    out = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def erase(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    end = start + rng.choice([1, 4, 16, 200])
    return content[:start] + bytes(len(content[start:end])) + content[end:]


def drop(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.choice([1, 2, 8, 100]) :]


def insert(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + rng.randbytes(rng.choice([1, 2, 8, 64])) + content[start:]


def enlarge(content: bytes, rng: random.Random) -> bytes:
    """A length somewhere becomes huge."""
    start = rng.randrange(max(len(content) - 8, 1))
    number = rng.choice([0xFF, 2**31 - 1, 2**40, 2**62])
    return content[:start] + struct.pack("<Q", number) + content[start + 8 :]


BYTES: dict[str, Edit] = {
    f.__name__: f for f in (flip, flip, truncate, erase, drop, insert, enlarge)
}

# --- mutations of values ---------------------------------------------------------------------


DEEP = "\0deep\0"
"""Stands for a list nested deep, which no encoder writes."""


def value_of(rng: random.Random) -> Any:
    return rng.choice(
        [
            *(None, "", "text", [], {}, [[]], {"a": None}, True, 0, -1, 3, 2**31, 2**63, 10**30),
            *(10**400, 1e308, float("nan"), float("inf"), -0.5, "\ud800", "0" * 3000, [None, 1]),
            *(DEEP, [1, "2", None], {"1": 2}, list(range(50))),
        ]
    )


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every member of a nest: what holds it, and by which key."""
    found, todo = [], [value]
    while todo:
        one = todo.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], dict | list):
                todo.append(one[key])
    return found


def edit_nest(value: Any, rng: random.Random, once: bool = False) -> str:
    """A change or two somewhere in a nest of JSON; gives the text."""
    value = json.loads(json.dumps(value))
    for _ in range(1 if once else rng.choice([1, 1, 2])):
        found = places(value)
        if not found:
            break
        holder, key = rng.choice(found)
        how = rng.choice(["put", "put", "put", "remove", "rename", "swap"])
        if how == "put":
            holder[key] = value_of(rng)
        elif how == "remove":
            del holder[key]
        elif how == "rename" and isinstance(holder, dict):
            holder[str(key) + "x"] = holder.pop(key)
        else:
            other, second = rng.choice(found)
            try:
                holder[key], other[second] = other[second], holder[key]
                json.dumps(value)
            except (KeyError, IndexError, ValueError, RecursionError):
                return "{"
    depth = rng.choice([90, 400, 900, 200_000])
    deep = "[" * depth + "]" * depth
    text = json.dumps(value).replace(json.dumps(DEEP), deep)
    if rng.random() < 0.05 and text.startswith("{") and len(text) > 2:
        text = text[:-1] + ", " + text[1:]  # every key twice
    return text


def edit_json(content: bytes, rng: random.Random) -> bytes:
    return edit_nest(json.loads(content), rng).encode("utf-8", "surrogatepass")


def edit_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines()
    i = rng.randrange(len(lines))
    lines[i] = edit_nest(json.loads(lines[i]), rng).encode("utf-8", "surrogatepass")
    return b"\n".join(lines) + b"\n"


def edit_yaml(content: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.1:
        bomb = ["a0: &a0 [x, x]"] + [
            f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)
        ]
        return content + "\n".join(bomb).encode()
    return edit_nest(yaml.safe_load(content), rng).encode("utf-8", "surrogatepass")


def edit_header(content: bytes, rng: random.Random) -> bytes:
    """Of a safetensors file: its header, or the record in it."""
    length = struct.unpack("<Q", content[:8])[0]
    head, rest = json.loads(content[8 : 8 + length]), content[8 + length :]
    texts = head.get("__metadata__", {})
    name = next((name for name in texts if texts[name].startswith("{")), None)
    if name and rng.random() < 0.7:
        text = edit_nest(json.loads(head["__metadata__"][name]), rng, once=True)
        head["__metadata__"][name] = text
        new = json.dumps(head)
    else:
        new = edit_nest(head, rng)
    blob = new.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(blob)) + blob + rest


def edit_tensors(content: bytes, rng: random.Random) -> bytes:
    """Of a safetensors file: other tensors, as the format's own library writes them."""
    from safetensors.torch import load, save

    length = struct.unpack("<Q", content[:8])[0]
    meta = json.loads(content[8 : 8 + length]).get("__metadata__")
    arrays = {k: v.numpy() for k, v in load(content).items()}
    made = edit_arrays(arrays, rng, kinds="biuf")
    return bytes(save({k: torch.from_numpy(v) for k, v in made.items()}, meta))


def edit_arrays(
    arrays: dict[str, np.ndarray], rng: random.Random, kinds: str = "biufcU"
) -> dict[str, np.ndarray]:
    """Other arrays: one is gone, double, of another type, shape or value."""
    out = {k: v.copy() for k, v in arrays.items()}
    for _ in range(rng.choice([1, 1, 2])):
        name, other = rng.choice(list(out)), rng.choice(list(out))
        array = out[name]
        how = rng.choice(["type", "type", "shape", "shape", "value", "value", "name", "swap"])
        if how == "type":
            kind = rng.choice([k for k in "bil?fdeFDU" if np.dtype(k).kind in kinds])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                out[name] = array.astype("U8" if kind == "U" else kind)
                if kind in "FD":
                    out[name] = out[name] + 1j
        elif how == "shape":
            out[name] = rng.choice(
                [
                    lambda a: a.reshape(-1),
                    lambda a: a[..., None],
                    lambda a: a[None],
                    lambda a: np.ascontiguousarray(a.T),
                    lambda a: a[: len(a) // 2] if a.ndim else a,
                    lambda a: a[:0] if a.ndim else a,
                    lambda a: a.reshape(-1)[0] if a.size else a.reshape(-1).sum(),
                    lambda a: np.concatenate([a, a]) if a.ndim else a,
                ]
            )(array)
            out[name] = np.asarray(out[name])
        elif how == "value" and array.size and array.dtype.kind in "iuf":
            flat = array.reshape(-1).copy()
            values = [0, 1, 7, 100] + (
                [-1, 2**31 - 1] if array.dtype.itemsize >= 4 and array.dtype.kind != "u" else []
            )
            values += [2**53, 2**62, -(2**62)] if array.dtype == np.int64 else []
            values += [float("nan"), float("inf"), 0.5, 1e30] if array.dtype.kind == "f" else []
            flat[rng.randrange(len(flat))] = rng.choice(values)
            out[name] = flat.reshape(array.shape)
        elif how == "name":
            value = out.pop(name)
            if rng.random() < 0.6 or not out:
                out[rng.choice([name + "x", other, "adj", "pos", "_store", "batch", "0"])] = value
        else:
            out[name], out[other] = out[other], out[name]
    return {k: np.ascontiguousarray(v) if v.ndim else v for k, v in out.items()}


def edit_npz(content: bytes, rng: random.Random) -> bytes:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {k: file[k] for k in file.files}
    out = io.BytesIO()
    np.savez_compressed(out, **edit_arrays(arrays, rng))
    return out.getvalue()


def lie_npz(content: bytes, rng: random.Random) -> bytes:
    """A ``.npz`` whose archive is whole and whose arrays say another shape than they have."""
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        chosen = rng.choice(names)
        for name in names:
            member = old.read(name)
            if name == chosen:
                stream = io.BytesIO(member)
                np.lib.format.read_magic(stream)
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
                body = stream.read()
                lies = [(2**40,), (2**20, 2**20), (2**62, 4), (-3,), (3,), (), (0, 2**40), (7, 7)]
                head = {
                    "descr": rng.choice([dtype.str, "<f8", "<U100000000", "<c16", "V8", "?"]),
                    "fortran_order": fortran,
                    "shape": rng.choice([*lies, shape]),
                }
                made = io.BytesIO()
                np.lib.format.write_array_header_1_0(made, head)
                member = made.getvalue() + body
            new.writestr(name, member)
    return out.getvalue()


def edit_idx(content: bytes, rng: random.Random) -> bytes:
    at, number = rng.choice([(3, None), (2, None), *((4 * k, 1) for k in range(1, 4))]), 0
    place, many = at
    out = bytearray(content)
    if many is None:
        out[place] = rng.randrange(256)
    else:
        number = rng.choice([0, 1, 2**16, 2**31, 2**32 - 1])
        out[place : place + 4] = struct.pack(">I", number)
    return bytes(out)


def edit_text(content: bytes, rng: random.Random) -> bytes:
    """Of a table: another cell."""
    lines = content.decode().splitlines()
    i = rng.randrange(len(lines))
    mark = next(m for m in ("::", "\t", ",") if m in lines[0])
    cells = lines[i].split(mark)
    cells[rng.randrange(len(cells))] = rng.choice(
        ["", "text", "-1", "nan", "inf", "1e400", "1+2j", "9" * 400, '"', "0.5", "\0", "user"]
    )
    lines[i] = mark.join(cells * rng.choice([1, 1, 2]))
    return ("\n".join(lines) + "\n").encode()


def edit_pt(content: bytes, rng: random.Random) -> bytes:
    """What ``torch.save`` writes of other tensors or values in the same places."""
    value = torch.load(io.BytesIO(content), weights_only=False)
    stores = value if isinstance(value, list) else [value]
    if isinstance(value, HeteroData):
        stores = [store for store in value.stores if store.keys()]
    holder = rng.choice(stores)
    keys = list(holder.keys())
    key = rng.choice(keys)
    how = rng.choice(["value", "tensor", "tensor", "strides", "sparse", "extra", "remove"])
    if how == "value":
        given = value_of(rng)
        holder[key] = None if given == DEEP else given
    elif how == "remove":
        del holder[key]
    elif how == "strides":
        many = rng.choice([2**33, 2**40])
        holder[key] = (
            torch.zeros(1).expand(many)
            if rng.random() < 0.5
            else torch.zeros(1, dtype=torch.long).expand(2, many)
        )
    elif how == "sparse":
        n = rng.choice([4, 2**20, 2**30])
        holder[key] = torch.sparse_coo_tensor(torch.tensor([[0], [0]]), torch.ones(1), (n, n))
    elif how == "extra":
        holder[rng.choice(["num_nodes", "batch", "ptr", "adj_t", "adj", "edge_weight", "name"])] = (
            rng.choice([2**40, -1, "text", torch.tensor(3), torch.zeros(2, 2), None, [1], 2.5])
        )
    else:
        arrays = {k: holder[k].numpy() for k in keys if isinstance(holder[k], Tensor)}
        made = edit_arrays(arrays, rng, kinds="biufc") if arrays else {}
        for k in arrays:
            del holder[k]
        for k, v in made.items():
            holder[k] = torch.from_numpy(v) if rng.random() < 0.8 else v.tolist()
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


# --- what is read ----------------------------------------------------------------------------


def digest(value: Any) -> str:
    """Of all content, of whatever type."""
    h = hashlib.sha256()
    _feed(h, value, 0)
    return h.hexdigest()


def _feed(h: Any, value: Any, depth: int) -> None:
    h.update(type(value).__name__.encode())
    if isinstance(value, Tensor) and value.layout != torch.strided:
        value = value.to_sparse_coo().coalesce()
        _feed(h, [value.indices(), value.values(), list(value.shape)], depth)
    elif isinstance(value, Tensor):
        h.update(f"{value.dtype}{tuple(value.shape)}".encode())
        h.update(value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    elif isinstance(value, np.ndarray):
        h.update(f"{value.dtype}{value.shape}".encode())
        h.update(repr(value.tolist()).encode() if value.dtype == object else value.tobytes())
    elif sp.issparse(value):
        _feed(h, [value.tocsr().indptr, value.tocsr().indices, value.tocsr().data], depth)
    elif isinstance(value, Data | HeteroData):
        _feed(h, {**value.to_dict(), "_record": getattr(value, "condensed", None)}, depth)
    elif hasattr(value, "set") and hasattr(value, "condensed"):
        _feed(h, [vars(value.set), value.further, value.condensed], depth)
    elif hasattr(value, "csr"):
        _feed(h, [value.csr, value.further, value.condensed], depth)
    elif dataclasses.is_dataclass(value):
        fields = [f.name for f in dataclasses.fields(value) if f.compare]
        _feed(h, {k: getattr(value, k) for k in fields}, depth)
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            h.update(str(key).encode("utf-8", "surrogatepass"))
            _feed(h, value[key], depth + 1)
    elif isinstance(value, list | tuple):
        h.update(str(len(value)).encode())
        for one in value:
            _feed(h, one, depth + 1)
    else:
        h.update(repr(value).encode("utf-8", "surrogatepass"))


class TooSlow(BaseException):
    """Reading took too long."""


@contextmanager
def limits() -> Iterator[None]:
    """Reading stops after :data:`SECONDS`, and cannot have more than :data:`MEMORY` more."""

    def stop(*_: object) -> None:
        raise TooSlow

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    now = pages * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass(frozen=True)
class Broken:
    """A mutated file: which mutation and number, and its bytes."""

    how: str
    number: int
    content: bytes


def broken(form: Format, good: bytes, count: int) -> Iterator[Broken]:
    """``count`` mutations, always the same."""
    names = [*BYTES, *form.edits, *form.edits]
    for number in range(count):
        rng = random.Random(f"{form.name} {number}")
        how = names[number % len(names)]
        yield Broken(how, number, ({**BYTES, **form.edits})[how](good, rng))


def outcome(form: Format, path: Path, want: str, one: Broken) -> str:
    """``refused``, ``same``, ``other`` (where that is right: a good file that says something
    else), or what is wrong."""
    path.write_bytes(one.content)
    sealed = form.sealed_edits if one.how in form.edits else form.sealed
    try:
        with limits(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = digest(form.read(path))
    except ValueError as error:
        if isinstance(error, UnicodeError | json.JSONDecodeError):
            return f"bare {type(error).__name__}: {error}"
        # The name of the file, of the folder whose file it is, or of the data set.
        names = path.name, path.stem, path.parent.name, form.called or path.name
        return "refused" if any(name in str(error) for name in names) else f"no file named: {error}"
    except TooSlow:
        return "too slow"
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    if found == want:
        return "same"
    return "different content" if sealed else "other"


RIGHT = {"refused", "same", "other"}
"""What :func:`outcome` says where nothing is wrong."""


def ends(form: Format, folder: Path, count: int) -> list[tuple[Broken, str]]:
    """``count`` broken files of a format, and what became of each."""
    path = form.write(folder)
    good = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = digest(form.read(path))
    return [(one, outcome(form, path, want, one)) for one in broken(form, good, count)]
