"""Data sets that have a name: how one is found, and how it is opened or downloaded."""

from __future__ import annotations

import errno
import math
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.guard import broken, guarded, refused
from graphcondense.ops.names import near
from graphcondense.ops.types import Record
from graphcondense.saved.paths import path_of

Row: TypeAlias = "dict[str, str | int | bool | None]"
"""What a table says of a data set, by column."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """A data set that can be opened by name.

    Attributes:
        name: canonical name.
        family: the loader it comes from.
        folder: its folder below the root, as its loader names it; empty if it needs none.
        open: opens it, given itself and the root.
        source, licence, graphs, nodes, classes, metric, normalize: for a table, see
            :func:`graphcondense.data.datasets`.
        splits: its splits, the default first.
        files: what must be in the folder, where its loader is none of PyG's, which say it.
        aliases: other names; ``family-name`` always is one.
    """

    name: str
    family: str
    folder: str
    open: Callable[[Any, Path], Any]
    source: str
    licence: str
    aliases: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    graphs: int | None = None
    nodes: int | None = None
    classes: int | None = None
    metric: str = "accuracy"
    splits: tuple[str, ...] = ("stratified",)
    normalize: str = "none"

    def spellings(self) -> set[str]:
        """All its names, as :func:`name_key` writes them."""
        return {name_key(n) for n in (self.name, f"{self.family}-{self.name}", *self.aliases)}

    def base(self, root: Path) -> Path:
        """The folder to give to its loader: ``root``, or one below it, such as ``root/pyg``."""
        below = root / _BELOW.get(self.family, "pyg")
        here = (root / self.folder).is_dir() or not (below / self.folder).is_dir()
        return root if here else below

    def is_local(self, root: Path) -> bool:
        """Whether raw or processed files are there."""
        folder = self.base(root) / self.folder
        return not self.folder or any(any(folder.glob(f"{d}/*")) for d in ("raw", "processed"))

    def columns(self) -> Row:
        """What else :func:`graphcondense.data.datasets` says of it."""
        return {
            "graphs": self.graphs,
            "nodes": self.nodes,
            "classes": self.classes,
            "metric": self.metric,
            "split": self.splits[0],
            "normalize": self.normalize,
        }

    def row(self, kind: str, root: Path) -> Row:
        """Its row in :func:`graphcondense.data.datasets`, being of this kind."""
        return {
            "name": self.name,
            "kind": kind,
            "family": self.family,
            **self.columns(),
            "source": self.source,
            "licence": self.licence,
            "local": self.is_local(root),
        }


@dataclass(frozen=True, kw_only=True)
class NamedFile(Named):
    """A set that is one file, which is not downloaded.

    Attributes:
        file: its name; it lies in the root or below it in ``graphs``.
        made: how it can be made, for a message.
    """

    folder: str = ""
    file: str
    made: str

    def places(self, root: Path) -> list[Path]:
        """Where it may lie, in the order it is looked for."""
        return [root / self.file, root / "graphs" / self.file]

    def found(self, root: Path) -> Path:
        """The file; a ValueError says where it was looked for."""
        for path in self.places(root):
            if path.is_file():
                return path
        raise ValueError(
            f"{self.name}: there is no file {either(list(map(str, self.places(root))))}; put it "
            f"there, or set root= or GRAPHCONDENSE_DATA to a folder that has it. {self.made}"
        )

    def is_local(self, root: Path) -> bool:
        return any(path.is_file() for path in self.places(root))


NAMED = "the name of a data set, or a path"
"""What opens data takes, for a message."""

_BELOW = {"OGB": "ogb", "MovieLens": "recsys"}
"""Folders below the root that sets of a family may lie in."""

Found = TypeVar("Found", bound=Named)


def name_key(name: str) -> str:
    """What two spellings of one name have in common.

    >>> name_key("OGBN_Arxiv") == name_key("ogbn-arxiv")
    True
    """
    return re.sub(r"[-_\s]", "", name.lower())


def either(words: Sequence[str]) -> str:
    """Words for a choice.

    >>> either(["a", "b", "c"]), either(["a"])
    ('a, b or c', 'a')
    """
    return " or ".join([", ".join(words[:-1]), *words[-1:]] if len(words) > 1 else words)


def find(name: str, table: Sequence[Found], files: str) -> Found:
    """The set of ``table`` that is called ``name``; a message says that files end in ``files``."""
    known = {key: row for row in table for key in row.spellings()}
    key = name_key(name)
    if key in known:
        return known[key]
    if Path(name).expanduser().is_file():
        raise ValueError(
            f"{name} is there, but no form that is read: a file's name ends in {files}"
        )
    if Path(name).expanduser().is_dir() and len(Path(name).parts) > 1:
        raise ValueError(
            f"{name} is a folder with nothing that is read: files in the idx format, folders of "
            "pictures, one for each class, or tables of ratings"
        )
    # Names that differ in a letter or two come first, then those that hold what was typed.
    alike = near(key, known, like=0.5)
    alike += [k for k in known if len(key) > 2 and key in k]
    names = dict.fromkeys(known[k].name for k in alike)
    hint = f"did you mean {' or '.join(names)}?" if names else "datasets() lists the names."
    raise ValueError(f"unknown data set '{name}'; {hint} A file's name ends in {files}.")


DIGITS: Record = {
    "family": "scikit-learn",
    "folder": "",
    "classes": 10,
    "source": "scikit-learn, UCI optical recognition of handwritten digits",
    "licence": "CC BY 4.0",
}
"""What is said of scikit-learn's digits, whatever they are taken for."""


def digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's digits: pixels ``[1797, 64]`` in steps of 1/16, and which digit each is."""
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(return_X_y=True)
    return torch.from_numpy(pixels / 16).float(), torch.from_numpy(digit.astype(np.int64))


DEFLATED = 1100
"""So many times its size a packed file can hold, at most."""


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a ``.npz`` file; a ValueError where it is none, or holds anything else."""
    out = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.file_size > DEFLATED * path.stat().st_size:
                    raise ValueError(f"it says {member.file_size:,} bytes for {member.filename}")
                key = member.filename.removesuffix(".npy")
                if key in out:
                    raise ValueError(f"the array {key[:40]!r} is there twice")
                with archive.open(member) as stream:
                    out[key] = _read_npy(stream, member.file_size, key)
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except Exception as error:  # a made-up archive fails in whatever way it likes
        raise ValueError(
            f"{path} is not a .npz file of plain arrays ({str(error)[:200]}); write it again with "
            "numpy.savez"
        ) from error
    return out


def _read_npy(stream: IO[bytes], size: int, key: str) -> np.ndarray:
    """An array of ``size`` bytes with its header; none is made that the file does not hold."""
    form = np.lib.format
    version = form.read_magic(stream)
    read = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{key} is of version {version} of NumPy's format")
    shape, by_column, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError(f"{key} holds Python objects; save numbers")
    held, claimed = size - stream.tell(), math.prod(shape) * dtype.itemsize
    if held != claimed or min(shape, default=0) < 0 or not dtype.itemsize:
        raise ValueError(
            f"{key} says shape {shape} of {dtype}, which is {claimed:,} bytes, and has {held:,}"
        )
    array = np.empty(shape, dtype, order="F" if by_column else "C")
    body, at = array.reshape(-1, order="A").view(np.uint8) if held else np.empty(0, np.uint8), 0
    # To the end, where the archive's checksum is compared.
    while part := stream.read(2**20):
        body[at : at + len(part)] = np.frombuffer(part, np.uint8)
        at += len(part)
    if at != held:
        raise ValueError(f"{key} ends after {at:,} of {held:,} bytes")
    return array


def archived(path: Path) -> set[str]:
    """The names in a zip archive, as a ``.npz`` file is one; none of another file."""
    try:
        with zipfile.ZipFile(path) as file:
            return set(file.namelist())
    except Exception:  # a made-up archive fails in whatever way it likes
        return set()


def root_of(root: str | Path | None) -> Path:
    """The folder of data sets: ``root``, ``$GRAPHCONDENSE_DATA``, or the cache folder."""
    default = os.environ.get("GRAPHCONDENSE_DATA") or "~/.cache/graphcondense"
    return path_of(default if root is None else root, "root", "the folder of data sets")


def open_known(known: Named, root: Path) -> Any:
    """Open a set, downloading it into ``root`` when it is not there; its files are read as data,
    never as code (:mod:`graphcondense.data.guard`), or refused, a ValueError.

    Where that fails, what was not there before is not there after, and a ConnectionError says which
    files are missing and where they belong (a ValueError, that its folder cannot be written).
    """
    base, local = known.base(root), known.is_local(root)
    folder = base / known.folder
    before = _below(folder) if known.folder else None
    try:
        with guarded():
            return known.open(known, base)
    except Exception as error:
        if before is not None:
            missing = _missing(error, known, folder)
            _undo(folder, before, files=isinstance(error, OSError))
        if isinstance(error, pickle.UnpicklingError):
            raise ValueError(f"{known.name}: {refused(error, folder, known.source)}") from error
        if not isinstance(error, OSError):
            wrong = broken(error, folder, known.source)
            if wrong is None and type(error) is ValueError and known.name not in str(error):
                wrong = str(error)
            if wrong is None:
                raise
            raise ValueError(f"{known.name}: {wrong}") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ValueError(
                f"{known.name}: its loader has to write into {folder}, which is read-only; copy "
                "the folder and set root= or GRAPHCONDENSE_DATA to the copy"
            ) from error
        if before is None or (local and not missing):
            raise
        raise ConnectionError(
            f"{known.name} is {'not whole' if local else 'not'} in {folder} and could not be "
            f"downloaded ({str(error)[:80]}): put {missing or 'it'} there (from "
            f"{_source(error) or known.source}), or set root= or GRAPHCONDENSE_DATA to a folder "
            "that has it"
        ) from error


def _below(folder: Path) -> set[Path]:
    """The folder, what is in it, and its parents, those that are there."""
    inside = folder.rglob("*") if folder.is_dir() else ()
    return {p for p in (folder, *folder.parents) if p.exists()} | set(inside)


def _undo(folder: Path, before: set[Path], *, files: bool) -> None:
    """Remove empty folders that are new; also new ``files``, as a download may have been cut."""
    new = sorted(_below(folder) - before, key=lambda path: len(path.parts), reverse=True)
    for path in new:
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif files:
            path.unlink(missing_ok=True)


def _missing(error: BaseException, known: Named, folder: Path) -> str:
    """Files below ``folder`` that its loader wants and that are not there, in words."""
    wanted = [folder / name for name in known.files]
    if (opened := _opening(error)) is not None:
        wanted += [Path(path) for path in opened.raw_paths]
    names = [str(p.relative_to(folder)) for p in wanted if not p.exists() and folder in p.parents]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _source(error: BaseException) -> str | None:
    """The address that a data set of PyG's is downloaded from."""
    opened = _opening(error)
    url = getattr(opened, "url", None) or getattr(opened, "meta_info", {}).get("url")
    return url[:100] if isinstance(url, str) else None


def _opening(error: BaseException) -> Any:
    """The data set of PyG's whose making ended with this error: it knows its files."""
    from torch_geometric.data import Dataset

    step = error.__traceback__
    while step is not None:
        if isinstance(opened := step.tb_frame.f_locals.get("self"), Dataset):
            return opened
        step = step.tb_next
    return None
