"""Images from files: idx, as MNIST has them, ``.npz``, ``.pt``, and folders of pictures."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from graphcondense.data.by_part import PARTS, by_part, has_parts
from graphcondense.data.known import read_npz
from graphcondense.data.labels import few
from graphcondense.data.pt import read_pt

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


def read_files(path: Path) -> dict[str, Any]:
    """What a file or folder has, by ``"train"``, ``"val"`` and ``"test"``: pairs of images and
    labels, or what a ``.pt`` file holds."""
    if path.is_dir():
        train = find_idx(path, "train")
        if train is None and has_pictures(path):
            return _read_pictures_by_part(path)
        if train is None:
            raise ValueError(
                f"{path} has no train-images-idx3-ubyte or train-images-idx3-ubyte.gz, and no "
                f"folders of pictures ({', '.join(PICTURES)}), one for each class"
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


def _folders(path: Path) -> list[Path]:
    """The folders in one, in the order of their names; hidden ones are none."""
    found = (one for one in path.iterdir() if one.is_dir() and not one.name.startswith("."))
    return sorted(found, key=lambda one: one.name)


def _pictures(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.suffix.lower() in PICTURES)


def _parts_of(path: Path) -> dict[str, Path]:
    """The folders of a folder that are called as parts are; none where it has others."""
    named = {one.name.lower(): one for one in _folders(path)}
    found = {ours: named[n] for ours, names in PARTS.items() for n in names if n in named}
    return found if len(found) == len(named) and "train" in found else {}


def has_pictures(path: Path) -> bool:
    """Whether a folder has a folder of pictures for each class, or such by part."""
    try:
        classes = _folders(_parts_of(path).get("train", path))
        return bool(classes) and all(map(_pictures, classes))
    except OSError:  # a folder that may not be read
        return False


def read_pictures(path: Path) -> Pair:
    """Pictures of a folder of folders, one for each class, the classes in the order of the names.

    They are grey where all are, else RGB. All have one size; pictures of several are refused, since
    bringing them to one is a choice: ``torchvision.datasets.ImageFolder`` with ``Resize`` makes it.

    Raises:
        ValueError: a file that is no picture, or pictures of several sizes.
    """
    files = [(one, c) for c, folder in enumerate(_folders(path)) for one in _pictures(folder)]
    pictures = [_open(one) for one, _ in files]
    mode = "L" if all(one.mode in ("1", "L") for one in pictures) else "RGB"
    first = pictures[0].size
    for (file, _), one in zip(files, pictures, strict=True):
        if one.size != first:
            raise ValueError(
                f"{file} is {one.size[0]} x {one.size[1]}, {files[0][0]} is {first[0]} x "
                f"{first[1]}: bring all to one size, as torchvision.datasets.ImageFolder does with "
                "the transform Resize, and give the data set"
            )
    images = np.stack([np.asarray(one.convert(mode)) for one in pictures])
    return images, np.array([c for _, c in files])


def _read_pictures_by_part(path: Path) -> dict[str, Pair]:
    parts = _parts_of(path)
    if not parts:
        return {"train": read_pictures(path)}
    classes = [one.name for one in _folders(parts["train"])]
    for part, folder in parts.items():
        there = [one.name for one in _folders(folder)]
        if there != classes:
            raise ValueError(
                f"{folder} has the classes {few(there)}, {parts['train']} has {few(classes)}: "
                f"{part} and train need the same folders"
            )
    return {part: read_pictures(folder) for part, folder in parts.items()}


def _open(path: Path) -> Image.Image:
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
