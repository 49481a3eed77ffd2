"""Where what is made of a graph goes, and how much of it is held at once."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from graphcondense.ops.adjacency import gcn_norm_csr, propagate_rows
from graphcondense.ops.arrays import Array
from graphcondense.ops.blocks import Room, gcn_norm_blocks, in_memory, propagated
from graphcondense.ops.files import cache_root
from graphcondense.ops.sizes import said

ENDLESS = 2**62
"""A limit that is none."""


class Place:
    """Memory, without a limit: what a graph has unless it is read with one.

    Attributes:
        room: limits what work holds beside the graph.
        in_files: whether large arrays are in files.
    """

    room = Room(ENDLESS)
    in_files = False

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        """An array to be filled; a :data:`~graphcondense.ops.blocks.Make`."""
        return in_memory(name, shape, dtype)

    def gcn_norm(self, adj: sp.csr_matrix) -> sp.csr_matrix:
        """``D^-1/2 (A + I) D^-1/2``."""
        return gcn_norm_csr(adj)

    def propagated(
        self,
        adj: sp.csr_matrix,
        x: sp.csr_matrix | Array,
        hops: int,
        rows: Array,
        dtype: type[np.floating] = np.float32,
    ) -> Array:
        """``(A^hops X)[rows]``, dense ``[len(rows), d]``, computed in ``dtype`` within the room."""
        if sp.issparse(x) and not self.in_files:  # dense blocks of all columns would not be small
            return propagate_rows(adj, x, hops, rows, dtype)
        return propagated(adj, x, [hops], rows, self.room, dtype)[hops]


class Files(Place):
    """Files without a name, below a folder, so that nothing is left of them however the process
    ends; and a limit of memory.

    Args:
        room: the limit.
        folder: where; by default ``mapped`` below the folder of caches.
    """

    in_files = True

    def __init__(self, room: Room, folder: str | Path | None = None) -> None:
        self.room = room
        self.folder = cache_root() / "mapped" if folder is None else Path(folder)
        self._normalised: tuple[sp.csr_matrix, sp.csr_matrix] | None = None

    def within(self, room: Room) -> Files:
        """The same files with another limit."""
        out = Files(room, self.folder)
        out._normalised = self._normalised
        return out

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        """An array of zeros in a file, whose space on the disk is taken before anything is written.

        Raises:
            ValueError: the disk has no room for it, or the folder cannot be written.
        """
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        if not size:
            return np.zeros(shape, dtype)
        self.need(size)
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                # A mapped page without space on the disk would end the process when it is written.
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                return np.asarray(np.memmap(file, dtype, "r+", shape=shape))
        except OSError as error:
            raise ValueError(self._unable(size, str(error))) from error

    def need(self, size: int) -> None:
        """Raise a ValueError unless the disk has room for so many bytes."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise ValueError(self._unable(size, str(error))) from error
        if size > free:
            raise ValueError(self._unable(size, f"{said(free)} are free there"))

    def _unable(self, size: int, why: str) -> str:
        return (
            f"memory= keeps {said(size)} more in files below {self.folder}: {why}; free some "
            "space, or name another folder in the environment variable GRAPHCONDENSE_CACHE. "
            "Nothing is left of what was written"
        )

    def gcn_norm(self, adj: sp.csr_matrix) -> sp.csr_matrix:
        """In files, once for each adjacency."""
        if self._normalised is None or self._normalised[0] is not adj:
            self._normalised = adj, gcn_norm_blocks(adj, self.array, self.room)
        return self._normalised[1]
