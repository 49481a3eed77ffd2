"""Images from files: idx, as MNIST has them, and ``.npz``."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from graphcondense.data.known import read_npz

Pair = tuple[object, object]
"""Images and labels."""


def read_files(path: Path) -> tuple[Pair, Pair | None]:
    """``(images, labels)`` of a file or folder, and those of its test part."""
    if path.is_dir():
        train = find_idx(path, "train")
        if train is None:
            raise ValueError(f"{path} has no train-images-idx3-ubyte or train-images-idx3-ubyte.gz")
        test = find_idx(path, "t10k")
        return _read_idx_pair(train), None if test is None else _read_idx_pair(test)
    if not path.is_file():
        raise ValueError(f"there is no file or folder {path}")
    if path.suffix == ".npz":
        return _read_npz(path)
    if "images-idx3" in path.name:
        return _read_idx_pair(path), None
    raise ValueError(
        f"{path}: images come from .npz, *-images-idx3-ubyte(.gz) or a folder of these"
    )


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


def _read_npz(path: Path) -> tuple[Pair, Pair | None]:
    arrays = read_npz(path)
    if missing := [key for key in ("images", "labels") if key not in arrays]:
        raise ValueError(
            f"{path} has no {' and no '.join(missing)}; it has {', '.join(arrays) or 'nothing'}"
        )
    tested = [key in arrays for key in ("test_images", "test_labels")]
    if any(tested) and not all(tested):
        raise ValueError(f"{path} has one of test_images and test_labels but not the other")
    test = (arrays["test_images"], arrays["test_labels"]) if all(tested) else None
    return (arrays["images"], arrays["labels"]), test
