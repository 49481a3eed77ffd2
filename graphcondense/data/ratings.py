"""Files of users by items: tables of ratings, matrices, and the sets that are known by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from graphcondense.data.by_part import CALLED, PARTS, has_parts
from graphcondense.data.interaction_frames import in_one_frame, known_columns
from graphcondense.data.interaction_reading import as_interactions
from graphcondense.data.interaction_splits import by_parts
from graphcondense.data.interactions import Array, Duplicates, InteractionTask
from graphcondense.data.kind import open_named
from graphcondense.data.known import NAMED, Named, archived, read_npz
from graphcondense.data.tables import HOLES, read_head
from graphcondense.ops.extras import need
from graphcondense.saved.compact import FACTOR, FREE, LARGEST
from graphcondense.saved.paths import path_of

if TYPE_CHECKING:
    from pandas import Categorical, DataFrame, Series


def load_interactions(
    name: str | Path,
    root: str | Path | None = None,
    *,
    split: str | None = None,
    seed: int = 0,
    duplicates: Duplicates = "merge",
    min_rating: float | None = None,
) -> InteractionTask:
    """Open users-by-items data by name, or from a file or folder.

    Args:
        name: ``"ml-1m"`` or ``"ml-100k"`` (case, ``-`` and ``_`` do not matter); a MovieLens file
            (``ratings.dat``, ``u.data``, ``ratings.csv``), an atomic file of RecBole (``.inter``),
            a table ``.csv`` or ``.tsv`` with the columns of a ratings frame, a matrix ``.npz`` that
            SciPy saved; or a folder that holds one of the first four, or ``total_data.hdf5`` and
            ``index.npz``, the format of the authors of ∞-AE: ``user``, ``item`` and ``rating`` of
            each interaction, and its part (0 train, 1 validation, 2 test, -1 left out); or
            ``.train.inter``, ``.valid.inter`` and ``.test.inter``, as RecBole's benchmarks have
            them.
        root: where data sets are, as for :func:`graphcondense.data.load`. MovieLens is downloaded
            there from its makers if it is missing.
        split: ``"authors"``: as ``index.npz``, or the names of files by part, say. ``"random"``:
            80 / 10 / 10 % a user, see :func:`as_interactions`. By default ``"authors"`` where there
            is one.
        seed: draws the split ``"random"``.
        duplicates, min_rating: see :func:`as_interactions`.

    Raises:
        ValueError: an unknown name, a file or split that cannot be used.
        ConnectionError: the set is not under ``root`` and cannot be downloaded.
    """
    options = {"seed": seed, "duplicates": duplicates, "min_rating": min_rating}
    path = path_of(name, "load_interactions(name)", NAMED)
    if holds_interactions(path):
        title = path.name if path.is_dir() else path.parent.name or path.stem
        if path.name not in READERS and not path.is_dir():
            title = path.stem
        return _open_folder(path, split, title, options)
    known, folder = open_named(name, "rows", KNOWN_INTERACTIONS, root)
    return _open_folder(folder, split, known.name, options)


def _read_table(path: Path, separator: str, named: bool) -> DataFrame:
    """A table as a frame, whose ids are as they stand in the file: numbers where that loses
    nothing, else text, lest ``007`` and ``7`` be one. RecBole's of type ``token`` are text.

    Args:
        separator: what stands between the columns.
        named: the first line has the names of the columns; else they are user, item and rating.
    """
    import pandas as pd

    names: list[Any] = read_head(path, separator) if named else [0, 1, 2]
    try:
        found = known_columns(names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    ids = [n for n in (found["user"], found["item"]) if n is not None] if named else [0, 1]
    try:
        frame = pd.read_csv(
            path,
            sep=separator,
            engine="c" if len(separator) == 1 else "python",
            encoding="utf-8-sig",
            header=0 if named else None,
            dtype=dict.fromkeys(ids, str),
            keep_default_na=False,
            na_values={name: [""] if name in ids else HOLES for name in names},
        )
    except Exception as error:  # a made-up table fails in whatever way it likes
        raise ValueError(f"{path} cannot be read as ratings: {str(error)[:200]}") from error
    if not named and frame.shape[1] < 3:
        raise ValueError(f"{path} has {frame.shape[1]} columns; user, item and rating are needed")
    for name in ids:  # as text before they are categories, or pandas makes numbers of these
        frame[name] = _as_written(frame[name].astype("category"), text=":token" in str(name))
    if named:
        return frame
    return frame.iloc[:, :3].set_axis(["user", "item", "rating"], axis=1)


WHOLE = r"0|-?[1-9]\d{0,17}"
"""A number that text and an integer of 64 bits tell alike."""


def _as_written(ids: Series, text: bool) -> Categorical:
    """A column of ids, categories of text, with numbers where each is written as one."""
    import pandas as pd

    written = ids.cat.categories.astype(str).str.strip()
    values, place = np.unique(written.to_numpy(object), return_inverse=True)
    codes = ids.cat.codes.to_numpy()
    codes = np.where(codes < 0, -1, place[codes]) if len(place) else codes
    if not text and len(written) and written.str.fullmatch(WHOLE).all():
        values = values.astype(np.int64)
    return pd.Categorical.from_codes(codes, pd.Index(values))


def _read_npz(path: Path) -> sp.csr_matrix:
    read_npz(path)  # whole, and nothing in it larger than it says
    try:
        matrix = sp.load_npz(path)
        if matrix.format in ("csr", "csc", "bsr"):
            matrix.check_format(full_check=True)  # indices out of range crash
        if min(matrix.shape) < 0 or max(matrix.shape) > LARGEST:
            raise ValueError(f"its shape is {matrix.shape}")
        if matrix.dtype.kind not in "biufc":
            raise ValueError(f"it holds {matrix.dtype} values; numbers are needed")
        return matrix
    except Exception as error:  # made-up arrays fail in whatever way they like
        raise ValueError(f"{path} is no matrix that SciPy saved: {str(error)[:200]}") from error


_read_csv = partial(_read_table, separator=",", named=True)
_read_tsv = partial(_read_table, separator="\t", named=True)

READERS: dict[str, Callable[[Path], Any]] = {
    "ratings.dat": partial(_read_table, separator="::", named=False),
    "u.data": partial(_read_table, separator="\t", named=False),
    "ratings.csv": _read_csv,
}
"""MovieLens files by name: of 1M and 10M, of 100K, and of the later sets."""

ENDINGS: dict[str, Callable[[Path], Any]] = {
    ".inter": _read_tsv,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".npz": _read_npz,
}
"""Readers of other files, by the ending of their names."""

AUTHORS = ("total_data.hdf5", "index.npz")


def _parts_of(paths: Iterable[Path]) -> dict[str, Path]:
    """Files of RecBole by part, where they are one set."""
    files = {path: path.name.removesuffix(".inter").rpartition(".") for path in paths}
    parts = {
        ours: path
        for ours, names in PARTS.items()
        for path, (_, _, word) in files.items()
        if word in names
    }
    one = len({stem for stem, _, _ in files.values()}) == 1 and len(parts) == len(files)
    return parts if one and {"train", "test"} <= set(parts) else {}


def _file_in(folder: Path) -> Path | None:
    """What a folder can be opened by: the authors' pair or files by part (the folder itself), or a
    ratings file."""
    if all((folder / file).is_file() for file in AUTHORS) or _parts_of(folder.glob("*.inter")):
        return folder
    known = next((folder / file for file in READERS if (folder / file).is_file()), None)
    atomic = sorted(folder.glob("*.inter"))
    if known is None and len(atomic) > 1:
        whole = [path for path in atomic if path.stem.rpartition(".")[2] not in CALLED]
        if parts := _parts_of(path for path in atomic if path not in whole):
            named = ", ".join(path.name for path in parts.values())
            raise ValueError(
                f"{folder} has {len(atomic)} files .inter: {named} are the published "
                f"split, which is opened once {whole[0].name} is elsewhere; or name "
                f"{whole[0].name}, which is split at random"
            )
        raise ValueError(f"{folder} has {len(atomic)} files .inter: name one, {atomic[0].name}")
    return known or next(iter(atomic), None)


def holds_interactions(path: Path) -> bool:
    """Whether :func:`load_interactions` opens this file or folder."""
    if path.is_dir():
        return _file_in(path) is not None
    if path.suffix.lower() == ".npz":
        return {"format.npy", "shape.npy", "data.npy"} <= archived(path)  # of sp.save_npz
    return path.name in READERS or path.suffix.lower() in ENDINGS


def _open_folder(
    path: Path, split: str | None, name: str, options: Mapping[str, Any]
) -> InteractionTask:
    """A ratings file, or a folder of one or of the authors' pair."""
    found = _file_in(path) if path.is_dir() else path
    if found is None or not found.exists():
        files = " or ".join((*READERS, " with ".join(AUTHORS)))
        raise ValueError(f"there is no {path}" if found else f"there is no {files} in {path}")
    allowed = ("authors", "random") if found.is_dir() else ("random",)
    if split not in (None, *allowed):
        raise ValueError(f"split={split!r}: {name} has {', '.join(allowed)}")
    if found.is_file():
        table = (READERS.get(found.name) or ENDINGS[found.suffix.lower()])(found)
        try:
            return as_interactions(table, name=name, **options)
        except ValueError as error:
            raise ValueError(f"{found}: {error}") from error
    parts = _parts_of(found.glob("*.inter"))
    read = {name: _read_tsv(path) for name, path in parts.items()}
    try:
        frame, part = in_one_frame(read) if read else _read_authors(found)
        if split == "random":
            return as_interactions(frame, name=name, **options)
        return by_parts(frame, part, name, options, draw=bool(read) and "val" not in read)
    except ValueError as error:
        raise ValueError(f"{found}: {error}") from error


def _held(values: Any, folder: Path) -> Array:
    """The values of an array in an HDF5 file, which may say that it is larger than all files."""
    most = max(FREE, FACTOR * (folder / AUTHORS[0]).stat().st_size)
    if math.prod(values.shape) * values.dtype.itemsize > most:
        raise ValueError(f"{values.name} says shape {values.shape}, far more than the file holds")
    out: Array = values[:]
    return out


def _read_authors(folder: Path) -> tuple[DataFrame, Array]:
    import pandas as pd

    h5py = need("h5py", "recommend", f"{folder / AUTHORS[0]}")

    try:
        with h5py.File(folder / AUTHORS[0], "r") as file:
            columns = {key: _held(file[key], folder) for key in ("user", "item", "rating")}
        part = read_npz(folder / AUTHORS[1])["data"]
    except Exception as error:  # a made-up file fails in whatever way it likes
        raise ValueError(f"{folder}: {' and '.join(AUTHORS)} cannot be read: {error}") from error
    for key, values in (*columns.items(), ("data", part)):
        if values.ndim != 1 or values.dtype.kind not in (
            "iuf" if key in ("rating", "data") else "iufSUO"
        ):
            raise ValueError(
                f"{folder}: {key} must be one number an interaction, got {values.dtype} of shape "
                f"{values.shape}"
            )
    sizes = {key: len(values) for key, values in (*columns.items(), ("data", part))}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"{folder}: arrays of different lengths: {sizes}")
    if strange := sorted(set(np.unique(part).tolist()) - {-1, 0, 1, 2}):
        raise ValueError(
            f"{folder / AUTHORS[1]}: part {strange[0]}; known are 0 train, 1 validation, 2 test "
            "and -1 left out"
        )
    return pd.DataFrame(columns), part


def interactions_of_saved(
    content: object, path: Path, split: str | None = None, seed: int = 0
) -> InteractionTask:
    """The checked users by items that a file of ``torch.save`` held."""
    parts = content if isinstance(content, Mapping) and has_parts(content) else {}
    allowed = (None,) if parts else (None, "random")
    if split not in allowed:
        what = "has its users by part; leave split= out" if parts else "has random"
        raise ValueError(f"split={split!r}: {path} {what}")
    try:
        return as_interactions(content, name=path.stem, seed=seed)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


# --- sets by name ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class KnownInteractions(Named):
    """Users-by-items data that :func:`load_interactions` knows.

    Attributes:
        url: the zip archive of its makers.
    """

    url: str

    def is_local(self, root: Path) -> bool:
        folder = self.base(root) / self.folder
        return folder.is_dir() and _file_in(folder) is not None


def _open_movielens(known: KnownInteractions, base: Path) -> Path:
    """Its folder, after a download if it is not there."""
    folder = base / known.folder
    if not (folder.is_dir() and _file_in(folder)):
        from torch_geometric.data import download_url, extract_zip

        archive = download_url(known.url, str(base), log=False)
        extract_zip(archive, str(base), log=False)
        Path(archive).unlink()
    return folder


def _movielens(name: str, users: int, items: int) -> KnownInteractions:
    return KnownInteractions(
        name=name,
        family="MovieLens",
        folder=name,
        open=_open_movielens,
        nodes=users + items,
        metric="ndcg@10",
        splits=("random",),
        url=f"https://files.grouplens.org/datasets/movielens/{name}.zip",
        source="grouplens.org/datasets/movielens",
        licence="research use, no redistribution",
        aliases=(f"movielens-{name.removeprefix('ml-')}",),
        files=("u.data" if name == "ml-100k" else "ratings.dat",),
    )


KNOWN_INTERACTIONS: tuple[KnownInteractions, ...] = (
    _movielens("ml-1m", 6_040, 3_706),
    _movielens("ml-100k", 943, 1_682),
)
