"""Images from files: idx, as MNIST has them, ``.npz``, ``.pt``, and folders of pictures."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphcondense.data.by_part import CALLED as PART_NAMES
from graphcondense.data.by_part import PARTS, by_part, has_parts
from graphcondense.data.image_modes import as_array, is_deep, one_mode
from graphcondense.data.known import read_npz
from graphcondense.data.labels import few
from graphcondense.data.pt import read_pt

if TYPE_CHECKING:
    from PIL import Image

Pair = tuple[object, object]
"""Images and labels."""


PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
"""Endings of files of pictures."""

CALLED = (
    ("images", "labels"),
    ("train_images", "train_labels"),
    ("x_train", "y_train"),
)
"""What images and labels that train are called in a ``.npz`` file: here, by MedMNIST, by Keras."""


@dataclass(frozen=True)
class Pictures:
    """A folder of pictures that is still to be read, since all parts are read as of one mode."""

    folder: Path


def read_files(path: Path) -> dict[str, Any]:
    """What a file or folder has, by ``"train"``, ``"val"`` and ``"test"``: pairs of images and
    labels, or what a ``.pt`` file holds."""
    return read_parts(find_parts(path))


def read_parts(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Parts, those that are a path (or :class:`Pictures`) read; anything else as it is.

    Raises:
        ValueError: a file or folder that cannot be read, or one that has parts of its own.
    """
    out = dict(parts)
    for part, one in parts.items():
        if isinstance(one, Path):
            found = find_parts(one)
            if len(found) > 1:
                raise ValueError(
                    f"{one} has the parts {few(found)} and is given as one, {part}: give it alone, "
                    "or one of its parts"
                )
            out[part] = found["train"]
    folders = {part: one.folder for part, one in out.items() if isinstance(one, Pictures)}
    return {**out, **read_pictures(folders)}


def find_parts(path: Path) -> dict[str, Any]:
    """As :func:`read_files`, but folders of pictures are yet to be read."""
    if path.is_dir():
        train = find_idx(path, "train")
        if train is None and has_pictures(path):
            parts = _parts_of(path)
            if parts:
                _refuse_loose(path)
            return {part: Pictures(one) for part, one in (parts or {"train": path}).items()}
        if train is None:
            without = [one.name for one in _folders(path) if not _has_own(one)]
            names = f" (none in {few(without)})" if without else ""
            raise ValueError(
                f"{path} has no train-images-idx3-ubyte or train-images-idx3-ubyte.gz, and no "
                f"folders of pictures ({', '.join(PICTURES)}), one for each class{names}"
            )
        test = find_idx(path, "t10k")
        return {
            "train": _read_idx_pair(train),
            **({} if test is None else {"test": _read_idx_pair(test)}),
        }
    if not path.is_file():
        raise ValueError(f"there is no file or folder {path}")
    if path.suffix == ".npz":
        return _read_npz(path)
    if path.suffix == ".pt":
        content = read_pt(path, "images and labels")
        return by_part(content) if has_parts(content) else {"train": content}
    if "images-idx3" in path.name:
        return {"train": _read_idx_pair(path)}
    raise ValueError(
        f"{path}: images come from .npz, .pt, *-images-idx3-ubyte(.gz), or a folder of these or of "
        "pictures"
    )


# --- pictures ----------------------------------------------------------------------------------


def _shown(name: str) -> bool:
    """Whether a file or folder is one of the user's: not hidden, not ``__MACOSX`` and the like."""
    return not name.startswith((".", "__"))


def _folders(path: Path) -> list[Path]:
    """The folders in one, in the order of their names."""
    found = (one for one in path.iterdir() if one.is_dir() and _shown(one.name))
    return sorted(found, key=lambda one: one.name)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and _shown(path.name)


def _pictures(folder: Path) -> Iterator[Path]:
    """The pictures in a folder itself."""
    try:
        yield from (one for one in folder.iterdir() if _is_picture(one) and one.is_file())
    except OSError as error:
        raise ValueError(f"cannot read {folder}: {error.strerror}") from error


def _has_own(folder: Path) -> bool:
    """Whether a folder itself has a picture, of perhaps a million."""
    return next(_pictures(folder), None) is not None


def _below(folder: Path) -> Iterator[Path]:
    """The pictures in a folder and all folders below, links included, as torchvision's
    ``ImageFolder`` has them."""
    seen = set()
    for top, folders, files in os.walk(folder, onerror=_raise, followlinks=True):
        real = os.path.realpath(top)
        # A link to where it lies would be followed for ever.
        folders[:] = [] if real in seen else sorted(filter(_shown, folders))
        if real not in seen:
            yield from filter(_is_picture, (Path(top, name) for name in files))
        seen.add(real)


def _raise(error: OSError) -> None:
    raise ValueError(f"cannot read {error.filename}: {error.strerror}") from error


def _parts_of(path: Path) -> dict[str, Path]:
    """The folders of a folder that are called as parts are; none where it has others."""
    named = {one.name.lower(): one for one in _folders(path)}
    found = {ours: named[n] for ours, names in PARTS.items() for n in names if n in named}
    return found if len(found) == len(named) and "train" in found else {}


def has_pictures(path: Path) -> bool:
    """Whether a folder has a folder of pictures for each class, or such by part.

    Of folders with pictures of their own, half are enough: the rest are then told of.
    """
    try:
        classes = _folders(_parts_of(path).get("train", path))
        if not classes:
            return False
        if 2 * sum(map(_has_own, classes)) >= len(classes):
            return True
        return all(any(True for _ in _below(one)) for one in classes)
    except (OSError, ValueError):  # a folder that may not be read
        return False


def read_pictures(folders: Mapping[str, Path]) -> dict[str, Pair]:
    """Pictures by part, of folders of folders, one for each class, the classes in the order of the
    names; folders below those of the classes are read too.

    They are grey where all of all parts are, else RGB without alpha. Where some have 16 bits, all
    are floats in [0, 1]; pictures of floats stay as they are. All have one size; pictures of
    several are refused, since bringing them to one is a choice:
    ``torchvision.datasets.ImageFolder`` with ``Resize`` makes it. What begins with ``.`` or ``__``
    is left out.

    Raises:
        ValueError: a file that is no picture, pictures of several sizes, a picture in no class's
            folder, a class without pictures, or parts of other classes than ``"train"``.
    """
    files = {part: _labelled(part, folders) for part in folders}
    pictures = {part: [(one, _open(one)) for one, _ in found] for part, found in files.items()}
    every = [named for part in pictures.values() for named in part]
    mode, floats = one_mode(every), any(is_deep(one.mode) for _, one in every)
    out: dict[str, Pair] = {}
    for part, named in pictures.items():
        start, first = named[0][0], named[0][1].size
        for file, one in named:
            if one.size != first:
                raise ValueError(
                    f"{file} is {one.size[0]} x {one.size[1]}, {start} is {first[0]} x "
                    f"{first[1]}: bring all to one size, as torchvision.datasets.ImageFolder does "
                    "with the transform Resize, and give the data set"
                )
        images = np.stack([as_array(one, mode, floats, str(file)) for file, one in named])
        out[part] = images, np.array([c for _, c in files[part]])
    return out


def _labelled(part: str, folders: Mapping[str, Path]) -> list[tuple[Path, int]]:
    """The pictures of a part, each with its class."""
    path, trained = folders[part], folders.get("train", folders[part])
    _refuse_loose(path)
    classes, wanted = _folders(path), [one.name for one in _folders(trained)]
    if (there := [one.name for one in classes]) != wanted:
        raise ValueError(
            f"{path} has the classes {few(there)}, {trained} has {few(wanted)}: "
            f"{part} and train need the same folders"
        )
    found = [sorted(_below(one)) for one in classes]
    for folder, own in zip(classes, found, strict=True):
        if not own and (path == trained or not any(found)):
            raise ValueError(
                f"{folder} has no pictures ({', '.join(PICTURES)}); each class needs some"
            )
        if own and not _has_own(folder):
            _refuse_nested(folder, len(classes))
    return [(one, c) for c, own in enumerate(found) for one in own]


def _refuse_loose(path: Path) -> None:
    """Raise a ValueError for a picture beside the folders."""
    if loose := min(_pictures(path), default=None):
        raise ValueError(f"{loose} is in no class's folder: move it into one, or out of {path}")


def _refuse_nested(folder: Path, classes: int) -> None:
    """Raise a ValueError for a folder with pictures in its folders alone that is a part, or the
    whole, rather than a class."""
    if classes == 1:
        raise ValueError(f"{folder} is the one folder, with folders of pictures: give {folder}")
    if folder.name.lower() in PART_NAMES:
        raise ValueError(
            f"{folder} has folders of pictures, as a part has, but lies beside folders that are no "
            f"parts, or there is no train: {folder.parent} needs train, val and test alone"
        )


def _open(path: Path) -> Image.Image:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except Exception as error:  # a made-up picture fails in whatever way it likes
        raise ValueError(f"{path} is no picture that can be read: {str(error)[:200]}") from error


# --- idx ---------------------------------------------------------------------------------------


def find_idx(folder: Path, part: str) -> Path | None:
    paths = [folder / f"{part}-images-idx3-ubyte{ending}" for ending in ("", ".gz")]
    return next((path for path in paths if path.is_file()), None)


def _read_idx_pair(images: Path) -> Pair:
    """Images, and the labels that lie beside them, packed or not."""
    stem = images.name.removesuffix(".gz").replace("images-idx3", "labels-idx1")
    for name in (stem, f"{stem}.gz"):
        if (images.parent / name).is_file():
            return read_idx(images), read_idx(images.parent / name)
    raise ValueError(f"{images} has no labels beside it: {stem} or {stem}.gz")


def read_idx(path: str | Path) -> np.ndarray:
    """The bytes of a file in the idx format (of MNIST), also packed by gzip.

    The header is two zero bytes, the type (8: unsigned bytes), the number of dimensions, and each
    size as a big-endian 32-bit integer.

    Raises:
        ValueError: the file is something else, or shorter or longer than its header says.
    """
    path = Path(path)
    opened: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            content: bytes = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ValueError(f"{path} is no idx file: it starts with {content[:4].hex() or 'nothing'}")
    kind, dims = content[2], content[3]
    if kind != 8:
        raise ValueError(
            f"{path} holds values of idx type 0x{kind:02x}; only bytes (0x08) are read"
        )
    head = 4 + 4 * dims
    if len(content) < head:
        raise ValueError(f"{path} ends within its header")
    shape = struct.unpack(f">{dims}I", content[4:head])
    size = math.prod(shape)
    if len(content) - head != size:
        raise ValueError(
            f"{path} says {' x '.join(map(str, shape))} = {size:,} bytes but has "
            f"{len(content) - head:,}"
        )
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape).copy()


def _read_npz(path: Path) -> dict[str, Pair]:
    """Images and labels by part, as one of :data:`CALLED` has them."""
    arrays = read_npz(path)
    x, y = next(((x, y) for x, y in CALLED if x in arrays), CALLED[0])
    if missing := [key for key in (x, y) if key not in arrays]:
        raise ValueError(
            f"{path} has no {' and no '.join(missing)}; it has {', '.join(arrays) or 'nothing'}"
        )
    out: dict[str, Pair] = {"train": (arrays[x], arrays[y])}
    for part, words in PARTS.items():
        for word in words if part != "train" else ():
            names = [_renamed(key, word) for key in (x, y)]
            tested = [key in arrays for key in names]
            if any(tested) and not all(tested):
                raise ValueError(f"{path} has one of {names[0]} and {names[1]} but not the other")
            if all(tested):
                out[part] = (arrays[names[0]], arrays[names[1]])
    return out


def _renamed(key: str, part: str) -> str:
    """What the array of another part is called."""
    return key.replace("train", part) if "train" in key else f"{part}_{key}"
