"""What is made of the features and edges of one graph alone, once for all tasks that share them:
normalised operators, ``S^k X``, in memory or in a folder, and their hash."""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graphcondense.ops.adjacency import Matrix, Powers, gcn_norm_csr, mean_norm_csr
from graphcondense.ops.as_read import CHANGED, version_of
from graphcondense.ops.blocks import propagated
from graphcondense.ops.files import as_whole, writable
from graphcondense.ops.json import read_json
from graphcondense.ops.place import MEMORY, Place
from graphcondense.ops.sizes import said
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from hashlib import _Hash

    from torch import Tensor

Norm: TypeAlias = Literal["gcn", "mean"]
"""``D^-1/2 (A + I) D^-1/2``, or the mean over neighbours, ``D^-1 A``."""

Step: TypeAlias = Callable[[sp.csr_matrix], sp.csr_matrix]
"""From an adjacency to what a layer multiplies by, such as the normalised one."""
NORMS: dict[Norm, Step] = {"gcn": gcn_norm_csr, "mean": mean_norm_csr}
FORMAT = 1
"""Of files, and of the numbers in them: another one is another file."""


class Propagated:
    """Operators, hash and propagated features of one graph, each made when it is first asked for.

    Args:
        x: features ``[n, d]``, a tensor or SciPy CSR.
        adj: ``A [n, n]``. Neither may be changed afterwards; where a change in place is seen, what
            would be of two graphs is refused with a ValueError.
        folder: keeps ``S^k X``, a file each; in memory alone by default.
        place: where all of it goes: memory, or files within a limit.
    """

    def __init__(
        self,
        x: Tensor | sp.csr_matrix,
        adj: sp.csr_matrix,
        folder: Path | None = None,
        place: Place = MEMORY,
    ) -> None:
        self.x, self.adj, self.folder, self.place = x, adj, folder, place
        self._operators: dict[Step, sp.csr_matrix] = {}
        self._powers: dict[tuple[Norm, str], Powers] = {}
        self._hashed: _Hash | None = None
        self._version = version_of(x)

    def _as_read(self) -> None:
        """Raise a ValueError where the features were changed in place: a hash, and what files keep
        under it, would be of other features."""
        if version_of(self.x) != self._version:
            raise ValueError(f"the features were {CHANGED}")

    def __reduce__(self) -> tuple[object, ...]:
        """What can be made again does not travel to another process."""
        return Propagated, (self.x, self.adj, self.folder, self.place)

    def of(self, x: Tensor | sp.csr_matrix, adj: sp.csr_matrix) -> Propagated:
        """The same where these are its very features and edges, else a new one for them."""
        if x is self.x and adj is self.adj:
            return self
        return Propagated(x, adj, self.folder, self.place)

    @property
    def x_array(self) -> Matrix:
        """The features as SciPy CSR or an array, without a copy."""
        out: Matrix = self.x if sp.issparse(self.x) else self.x.numpy()
        return out

    def kept_in(self, folder: str | Path) -> Propagated:
        """The same, with a folder for ``S^k X``, which is made.

        Raises:
            ValueError: the folder cannot be written.
        """
        return self._again(writable(Path(folder).expanduser()), self.place)

    def placed(self, place: Place) -> Propagated:
        """The same, where what is made from now on goes to another place."""
        return self._again(self.folder, place)

    def _again(self, folder: Path | None, place: Place) -> Propagated:
        self._as_read()
        out = Propagated(self.x, self.adj, folder, place)
        out._operators, out._hashed = self._operators, self._hashed
        return out

    def operator(self, norm: Norm = "gcn") -> sp.csr_matrix:
        """``S [n, n]``. Not to be changed."""
        return self.made(NORMS[norm])

    def made(self, make: Step) -> sp.csr_matrix:
        """``make(A)``, once. Not to be changed."""
        if make not in self._operators:
            make_here = self.place.gcn_norm if make is gcn_norm_csr else make
            self._operators[make] = make_here(self.adj)
        return self._operators[make]

    def powers(self, norm: Norm = "gcn", dtype: type[np.floating[Any]] = np.float32) -> Powers:
        """``S^k X``, computed in ``dtype``."""
        self._as_read()
        key = (norm, np.dtype(dtype).name)
        if key not in self._powers:
            kept = None if self.folder is None else partial(self._kept, *key)
            self._powers[key] = Powers(self.operator(norm), self.x_array, dtype, kept)
        return self._powers[key]

    def rows(
        self,
        hops: int,
        rows: NDArray[np.integer[Any]],
        dtype: type[np.floating[Any]] = np.float32,
    ) -> NDArray[np.floating[Any]]:
        """``(Â^hops X)[rows] [len(rows), d]``; within a limit of memory nothing else is kept."""
        self._as_read()
        if self.place.in_files:
            one = (self.operator(), self.x_array, [hops], rows, self.place.room, dtype)
            return propagated(*one)[hops]
        return self.powers("gcn", dtype).rows(hops, rows)

    def hashed(self) -> _Hash:
        """SHA-256 of features and edges, to be gone on with."""
        self._as_read()
        if self._hashed is None:
            self._hashed = hashlib.sha256()
            x, adj = self.x_array, self.adj
            parts = [x.indptr, x.indices, x.data] if sp.issparse(x) else [x]
            hash_arrays(self._hashed, *parts, adj.indptr, adj.indices, adj.data)
        return self._hashed.copy()

    def _kept(self, norm: Norm, dtype: str, hops: int, make: Callable[[], Matrix]) -> Matrix:
        """``S^hops X`` from the folder; made and put there where it is not."""
        assert self.folder is not None
        about: Record = {"format": FORMAT, "graph": self.hashed().hexdigest()}
        about |= {"norm": norm, "hops": hops, "type": dtype, "shape": list(self.x.shape)}
        name = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
        path = self.folder / f"propagated-{norm}-{hops}-{name}.safetensors"
        if path.exists():
            found, wrong = _read(path, about)
            if found is not None:
                return found
            print(f"cache: {path} {wrong}; made anew", file=sys.stderr)
        matrix = make()
        _write(path, matrix, about)
        # Mapped from the file, so that the memory can be given back.
        found, wrong = _read(path, about)
        return matrix if found is None else found


def hash_arrays(hashed: _Hash, *arrays: np.ndarray) -> None:
    """Add types, shapes and numbers of arrays to a hash."""
    for array in arrays:
        hashed.update(f"{array.dtype}{array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


PARTS = ("crow", "col", "value")
"""Of a matrix that is mostly zero."""


def _read(path: Path, about: Record) -> tuple[Matrix | None, str]:
    """A matrix, mapped into memory; or what is wrong with the file. It is read once, to compare its
    checksum."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            meta = file.metadata() or {}
            header = read_json(meta.get("propagated", "{}"), "its header")
            tensors: dict[str, Tensor] = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        return None, f"cannot be read ({error})"
    if header != about:
        return None, "is of something else, by its header"
    found = {name: tensor.numpy() for name, tensor in tensors.items()}
    if _checksum(found) != meta.get("crc32"):
        return None, "is damaged: its checksum is another one"
    if {*found} == {*PARTS}:
        crow, col, value = (found[part] for part in PARTS)
        return sp.csr_matrix((value, col, crow), shape=about["shape"], copy=False), ""
    if {*found} == {"x"} and list(found["x"].shape) == about["shape"]:
        return found["x"], ""
    return None, "does not hold what its header says"


def _checksum(parts: Mapping[str, Matrix]) -> str:
    """CRC-32 of arrays, by their names."""
    value = 0
    for name in sorted(parts):
        value = zlib.crc32(np.ascontiguousarray(parts[name]).reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"


def _write(path: Path, matrix: Matrix, about: Record) -> None:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    parts = {"x": matrix}
    if sp.issparse(matrix):
        parts = dict(zip(PARTS, (matrix.indptr, matrix.indices, matrix.data), strict=True))
    size = sum(part.nbytes for part in parts.values())
    tensors = {name: torch.from_numpy(part) for name, part in parts.items()}
    try:
        with as_whole(path) as draft:
            save_file(tensors, draft, {"propagated": json.dumps(about), "crc32": _checksum(parts)})
    except (OSError, SafetensorError) as error:
        raise ValueError(
            f"cache={path.parent} has no room for {path.name} ({error}): it takes "
            f"{said(size)}; free some, give another folder or leave cache out"
        ) from error
