"""Folders of data sets are opened as data, never as code, whatever loader opens them.

PyG's loaders unpickle: ``processed/data.pt`` where torch's safe reading refuses it,
``processed/pre_transform.pt`` always, and the raw files of Planetoid. :func:`guarded` answers all
three for the length of a ``with`` block, and :func:`refused` says what was found in words. Loaders
believe what they read: :func:`guarded` also compares the checksums of what torch loads, and
:func:`broken` says which file a loader failed at.
"""

from __future__ import annotations

import functools
import os
import pickle
import pickletools
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
import scipy.sparse as sp

from graphcondense.data.ogb import allow, array_classes, graph_classes
from graphcondense.data.pt import offender
from graphcondense.ops.files import check_archive

_FORCE, _FORCE_NOT = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_PACKAGE = Path(__file__).resolve().parents[1]
_TURN = threading.RLock()  # two threads that open data would undo each other's guard


@contextmanager
def guarded() -> Iterator[None]:
    """Inside, what PyG and ogb read from disk may hold tensors, arrays and graphs and no more.

    torch's own switch makes every ``torch.load`` a safe one, also those that ask for the other; the
    raw files of Planetoid are read by :func:`read_plain`. What is refused is a
    ``pickle.UnpicklingError``, and a damaged archive a ValueError that names it.
    """
    import torch
    from torch_geometric.io import planetoid

    names = vars(planetoid)
    with _TURN, allow(graph_classes() + array_classes()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Weights only load failed")  # said by our own error
        before, unpickle = {k: os.environ.get(k) for k in (_FORCE, _FORCE_NOT)}, names["pickle"]
        load = torch.load
        os.environ.pop(_FORCE_NOT, None)
        os.environ[_FORCE] = "1"
        names["pickle"] = SimpleNamespace(load=read_plain)
        torch.load = _with_checksums(load)
        try:
            yield
        finally:
            torch.load = load
            names["pickle"] = unpickle
            for key, value in before.items():
                os.environ.pop(key, None)
                if value is not None:
                    os.environ[key] = value


def _with_checksums(load: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.load`` that compares the checksums of an archive first."""

    @functools.wraps(load)
    def read(f: Any, *args: Any, **options: Any) -> Any:
        path = f if isinstance(f, str | os.PathLike) else getattr(f, "name", None)
        if isinstance(path, str | os.PathLike) and Path(path).is_file():
            check_archive(Path(path))
        return load(f, *args, **options)

    return read


def refused(error: BaseException, folder: Path, source: str) -> str:
    """In words, which file below ``folder`` was refused, why, and what to do about it."""
    file = _file(error, folder)
    base = (
        f"{file or f'a file below {folder}'} was refused: it may hold tensors, arrays and graphs "
        f"and nothing else, and {_found(error)}"
    )
    if file is not None and file.parent.name == "raw":
        return f"{base}; put the published file there (from {source})"
    return f"{base}; remove {folder / 'processed'} to have it made anew from the raw files"


def broken(error: BaseException, folder: Path, source: str) -> str | None:
    """In words, which file below ``folder`` a loader failed at and what to do about it.

    Numbers that a loader has read and that do not fit are of some file of its folder. ``None``
    where files have no part in it (memory, a package that is not there, a fault of code), and where
    it is a ValueError of this package, which says that itself.
    """
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    ours = step is None or _PACKAGE in Path(step.tb_frame.f_code.co_filename).parents
    if _of_machine(error) or (ours and isinstance(error, ValueError)):
        return None
    file = _file(error, folder)
    if file is None and not isinstance(error, LookupError | ValueError | RuntimeError):
        return None
    said = f"{type(error).__name__}: {str(error)[:100]}"
    place = folder / "raw" if (folder / "raw").is_dir() else folder
    return (
        f"{file or f'a file in {place}'} cannot be read ({said}); put the published file there "
        f"(from {source})"
    )


def _of_machine(error: BaseException) -> bool:
    """Whether no other file would help: memory or a package is lacking, or a name is wrong."""
    import torch

    if isinstance(error, MemoryError | ImportError | NameError | torch.OutOfMemoryError):
        return True
    # As torch says it of the processor's memory.
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


def _found(error: BaseException) -> str:
    name = offender(str(error))
    return f"it holds {name[:80]}" if name else "it is broken or holds something else"


def _file(error: BaseException, folder: Path) -> Path | None:
    """The file below ``folder`` that was being read."""
    from torch_geometric.data import dataset

    found, step = None, error.__traceback__
    while step is not None:
        # Files that a data set of PyG's has read, when it comes to others.
        read = step.tb_frame.f_code.co_filename == dataset.__file__
        for name in () if read else ("path", "f"):  # as PyG's functions call it
            value = step.tb_frame.f_locals.get(name)
            if isinstance(value, str | Path) and folder in Path(value).parents:
                found = Path(value)
        step = step.tb_next
    return found


# --- raw files of Planetoid ------------------------------------------------------------------


def read_plain(file: IO[bytes], encoding: str = "latin1") -> Any:
    """A pickle of a numeric array, a SciPy CSR matrix, or lists of integers by integer.

    Nothing that is named in the file is called: arrays and matrices are made here, of their parts.

    Raises:
        pickle.UnpicklingError: there is anything else in it.
    """
    content = file.read()
    try:
        for step, number, _ in pickletools.genops(content):
            # Memory is taken for so many.
            if step.name == "LONG_BINPUT" and int(number or 0) > len(content):
                raise pickle.UnpicklingError("numbers that no file of its size has")
        return _plain(_Reader(BytesIO(content), encoding=encoding).load())
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # a made-up pickle fails in whatever way it likes
        raise pickle.UnpicklingError(f"broken ({type(error).__name__})") from error


class _Part:
    """Stands for an object until its parts are known."""

    args: tuple[object, ...] = ()
    parts: Any = None

    def __init__(self, *args: object) -> None:
        self.args = args

    def __setstate__(self, parts: Any) -> None:
        self.parts = parts


class _Matrix(_Part):
    """A CSR matrix."""


class _Array(_Part):
    """An array."""


class _Entry(_Part):
    """The type of an array's entries."""


def _mapping(*default: object) -> dict[object, object]:
    return {}


_STANDS_FOR: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Entry,
    ("collections", "defaultdict"): _mapping,
    ("builtins", "list"): list,
    ("__builtin__", "list"): list,
    # Old and new releases write the same under different names.
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("scipy.sparse.csr", "csr_matrix"): _Matrix,
    ("scipy.sparse._csr", "csr_matrix"): _Matrix,
}
"""All that a file may name, and what is taken instead."""


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STANDS_FOR:
            # As torch says it, for :func:`offender`.
            raise pickle.UnpicklingError(f"Unsupported global: GLOBAL {module}.{name}")
        return _STANDS_FOR[module, name]


def _plain(value: object) -> object:
    if isinstance(value, _Matrix):
        parts = value.parts
        arrays = tuple(_numbers(parts[name]) for name in ("data", "indices", "indptr"))
        shape = parts["_shape"] if "_shape" in parts else parts["shape"]
        matrix = sp.csr_matrix(arrays, shape=tuple(map(int, shape)))
        matrix.check_format(full_check=True)
        return matrix
    if isinstance(value, dict):
        lists = value.values()
        if not all(type(k) is int for k in value) or not all(type(v) is list for v in lists):
            raise pickle.UnpicklingError("something else than lists by integer")
        if not all(type(node) is int for near in lists for node in near):
            raise pickle.UnpicklingError("lists of something else than integers")
        return value
    return _numbers(value)


def _numbers(value: object) -> np.ndarray:
    """An array of its parts: version, shape, entries, order and bytes (as text in old files)."""
    if not isinstance(value, _Array) or value.parts is None:
        raise pickle.UnpicklingError(f"Unsupported global: GLOBAL {type(value).__name__}")
    _, shape, entry, fortran, content = value.parts
    if not isinstance(entry, _Entry) or not isinstance(content, bytes | str):
        raise pickle.UnpicklingError("an array of something else than numbers")
    kind = np.dtype(str(entry.args[0]))
    if kind.kind not in "biuf":
        raise pickle.UnpicklingError(f"an array of {str(kind)[:20]}, which are no numbers")
    if entry.parts is not None and entry.parts[1] in ("<", ">"):
        kind = kind.newbyteorder(entry.parts[1])
    raw = content.encode("latin1") if isinstance(content, str) else content
    flat = np.frombuffer(raw, kind)
    return flat.reshape(shape, order="F" if fortran else "C").copy(order="K")
