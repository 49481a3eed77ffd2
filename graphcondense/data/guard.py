"""Folders of data sets are opened as data, never as code, whatever loader opens them.

PyG's loaders unpickle: ``processed/data.pt`` where torch's safe reading refuses it,
``processed/pre_transform.pt`` always, and the raw files of Planetoid. :func:`guarded` answers all
three for the length of a ``with`` block, and :func:`refused` says what was found in words.
"""

from __future__ import annotations

import os
import pickle
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
import scipy.sparse as sp

from graphcondense.data.ogb import allow, array_classes, graph_classes
from graphcondense.data.pt import offender

_FORCE, _FORCE_NOT = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_TURN = threading.RLock()  # two threads that open data would undo each other's guard


@contextmanager
def guarded() -> Iterator[None]:
    """Inside, what PyG and ogb read from disk may hold tensors, arrays and graphs and no more.

    torch's own switch makes every ``torch.load`` a safe one, also those that ask for the other; the
    raw files of Planetoid are read by :func:`read_plain`. What is refused is a
    ``pickle.UnpicklingError``.
    """
    from torch_geometric.io import planetoid

    names = vars(planetoid)
    with _TURN, allow(graph_classes() + array_classes()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Weights only load failed")  # said by our own error
        before, unpickle = {k: os.environ.get(k) for k in (_FORCE, _FORCE_NOT)}, names["pickle"]
        os.environ.pop(_FORCE_NOT, None)
        os.environ[_FORCE] = "1"
        names["pickle"] = SimpleNamespace(load=read_plain)
        try:
            yield
        finally:
            names["pickle"] = unpickle
            for key, value in before.items():
                os.environ.pop(key, None)
                if value is not None:
                    os.environ[key] = value


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


def _found(error: BaseException) -> str:
    name = offender(str(error))
    return f"it holds {name[:80]}" if name else "it is broken or holds something else"


def _file(error: BaseException, folder: Path) -> Path | None:
    """The file below ``folder`` that was being read."""
    found, step = None, error.__traceback__
    while step is not None:
        for name in ("path", "f"):  # as PyG's functions call it
            value = step.tb_frame.f_locals.get(name)
            if isinstance(value, str) and folder in Path(value).parents:
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
    try:
        return _plain(_Reader(file, encoding=encoding).load())
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # a made-up pickle fails in whatever way it likes
        raise pickle.UnpicklingError(f"broken ({type(error).__name__})") from error


class _Matrix:
    """Stands for a CSR matrix until its parts are known."""


class _Array:
    """Stands for the class of arrays, which is never called."""


def _array(of: object, shape: object, code: object) -> np.ndarray:
    """The empty array that a pickle then fills."""
    if of is not _Array or shape != (0,):
        raise pickle.UnpicklingError("an array that is not one of NumPy's own")
    return np.empty(0, np.int8)


def _number(code: object, *rest: object) -> np.dtype[Any]:
    """The type of an array's entries."""
    kind = np.dtype(code) if isinstance(code, str) else None
    if kind is None or kind.kind not in "biuf":
        raise pickle.UnpicklingError(f"an array of {str(code)[:20]}, which are no numbers")
    return kind


def _mapping(*default: object) -> dict[object, object]:
    return {}


_STANDS_FOR: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _number,
    ("collections", "defaultdict"): _mapping,
    ("builtins", "list"): list,
    ("__builtin__", "list"): list,
    # Old and new releases write the same under different names.
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
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
        parts = vars(value)
        arrays = [_numeric(parts[name]) for name in ("data", "indices", "indptr")]
        shape = parts["_shape"] if "_shape" in parts else parts["shape"]
        matrix = sp.csr_matrix(tuple(arrays), shape=tuple(map(int, shape)))
        matrix.check_format(full_check=True)
        return matrix
    if isinstance(value, dict):
        lists = value.values()
        if all(type(k) is int for k in value) and all(type(v) is list for v in lists):
            if all(type(node) is int for near in lists for node in near):
                return value
            raise pickle.UnpicklingError("lists of something else than integers")
        raise pickle.UnpicklingError("something else than lists by integer")
    return _numeric(value)


def _numeric(value: object) -> np.ndarray:
    if type(value) is not np.ndarray or value.dtype.kind not in "biuf":
        raise pickle.UnpicklingError(f"Unsupported global: GLOBAL {type(value).__name__}")
    return value
