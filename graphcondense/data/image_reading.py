"""Images and labels as people have them, read into tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.by_part import has_parts
from graphcondense.data.image_files import Pair
from graphcondense.data.image_modes import deep_values, is_deep
from graphcondense.data.labels import as_tensor
from graphcondense.ops.adjacency import shared
from graphcondense.ops.arrays import check_sizes, refuse_masked

CHANNELS = (1, 2, 3, 4)
"""Sizes of a last dimension that is taken for channels: grey, colour, and both with alpha."""

NAMES = {"image": ("image", "img"), "label": ("label", "labels")}
"""What rows that are mappings, as Hugging Face's data sets have, call an image and its label."""

MODES = {"P": "RGB", "PA": "RGBA"}
"""What PIL's images are read as that hold positions in a table of colours."""


class Pixels(NamedTuple):
    """Images ``[n, c, h, w]`` float32; whether they came as bytes, which are scaled to [0, 1]."""

    images: Tensor
    bytes: bool


def read_pair(data: object, what: str) -> tuple[Pixels, Tensor]:
    """Images ``[n, c, h, w]`` and classes ``[n]`` int64, on the CPU, in new memory.

    Args:
        data: see :func:`~graphcondense.data.images.as_images`, but a path.
        what: what they are, for a message.

    Raises:
        ValueError: whatever is wrong with them.
    """
    if not isinstance(data, tuple) and _is_dataset(data):
        data = _of_dataset(data)
    if not isinstance(data, tuple) or len(data) != 2:
        way = ": pass its data set (.dataset)" if hasattr(data, "dataset") else ""
        raise ValueError(
            f"{what} must be (images, labels), a data set of (image, label) or a path, got a "
            f"{type(data).__name__}{way}"
        )
    pixels = _pixels(data[0], what)
    if not len(pixels.images):
        raise ValueError(f"there are no {what}")
    labels = _classes(data[1], what)
    if len(labels) != len(pixels.images):
        raise ValueError(f"{len(pixels.images)} {what} but {len(labels)} labels")
    return pixels, labels


OVER = 0.05
"""How far floats beside bytes may leave 0..1: resampling overshoots edges."""

SCALES = 30.0
"""Images whose root mean squares differ by more are on two scales: 0..1 and 0..255 differ by 255,
and what is preprocessed by less."""


def refuse_other_scale(one: Pixels, other: Pixels, what: str, others: str) -> None:
    """Raise a ValueError where images are on two scales: networks would see both as if they were of
    one. Bytes, scaled to [0, 1], go with floats that leave it by :data:`OVER` at most; floats with
    floats of at most :data:`SCALES` times their root mean square."""
    if one.bytes and other.bytes:
        return
    if one.bytes == other.bytes:
        if sizes := far_apart(one.images, other.images):
            raise ValueError(
                f"the {what} have a root mean square of {sizes[0]:.3g}, the {others} one of "
                f"{sizes[1]:.3g}: bring both to one scale"
            )
        return
    floats, named, bytes_ = (other, others, what) if one.bytes else (one, what, others)
    low, high = (float(v) for v in floats.images.aminmax())
    if low < -OVER or high > 1 + OVER:
        raise ValueError(
            f"the {bytes_} are bytes, scaled to 0..1, and the {named} are floats from {low:.4g} to "
            f"{high:.4g}: give both as bytes, or bring both to one scale"
        )


def far_apart(one: Tensor, other: Tensor) -> tuple[float, float] | None:
    """The root mean squares of images that are on two scales; ``None`` of others. A few pixels,
    however bright, tell no scale.

    >>> far_apart(torch.full((2, 1, 2, 2), 200.0), torch.ones(2, 1, 2, 2))
    (200.0, 1.0)
    >>> far_apart(torch.ones(2, 1, 2, 2), torch.zeros(2, 1, 2, 2))
    """
    first, second = (
        float(torch.linalg.vector_norm(images, dtype=torch.float64)) / math.sqrt(images.numel())
        for images in (one, other)
    )
    far = max(first, second) > SCALES * min(first, second) > 0
    return (first, second) if far else None


def scaled(images: Tensor, what: str) -> Tensor:
    """Images of bytes or floats as float32 in new memory on the CPU, bytes scaled to [0, 1].

    >>> scaled(torch.tensor([255], dtype=torch.uint8), "images")
    tensor([1.])
    """
    if images.dtype == torch.uint8:
        return images.cpu().float().div_(255)
    if images.is_floating_point() or images.dtype == torch.bool:
        return images.detach().to("cpu", torch.float32, copy=True)
    raise ValueError(f"{what} have the type {images.dtype}; give uint8 (0 to 255) or floats")


def channels_last(shape: Sequence[int]) -> bool:
    """Whether an array ``[..., a, b, c]`` is taken for rows, columns and channels, not for channels
    first: four channels at most, or squares.

    >>> [channels_last(s) for s in ((28, 28, 3), (3, 28, 28), (9, 9, 200), (20, 30, 2), (5, 8, 9))]
    [True, False, True, True, False]
    """
    a, b, c = shape[-3:]
    return a not in CHANNELS and (c in CHANNELS or a == b != c)


def is_images(data: object) -> bool:
    """Whether ``data`` is labelled images, in any of the forms that are read, but a path.

    >>> is_images((torch.zeros(3, 8, 8), [0, 1, 2])), is_images([1, 2]), is_images("cora")
    (True, False, False)
    >>> is_images([(torch.zeros(8, 8), 0)])
    True
    """
    if has_parts(data):
        return is_images(data["train"])  # type: ignore[index]
    if isinstance(data, tuple):
        tables = [hasattr(part, "columns") for part in data]  # of nodes and edges, perhaps
        return len(data) == 2 and not any(tables) and all(map(_rows, data))
    return _is_dataset(data)


def _rows(data: object) -> bool:
    """An array, also one of pandas or others, or a list of arrays, images, numbers or (wrongly, as
    labels) texts."""
    if isinstance(data, list | tuple):
        return not data or _rows(data[0]) or _is_image(data[0]) or isinstance(data[0], _VALUES)
    return isinstance(data, Tensor) or (hasattr(data, "__array__") and hasattr(data, "__len__"))


_VALUES = (int, float, str, np.generic)
"""What a label may be, and what is no label but looks like one."""


def _is_dataset(data: object) -> bool:
    """A sequence of ``(image, label)``."""
    if isinstance(data, Tensor | np.ndarray | str | bytes | dict):
        return False
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        return False
    try:
        first = data[0]
    except (KeyError, IndexError, TypeError, AttributeError, NotImplementedError):
        return False
    if isinstance(first, Mapping):
        return all(_named(first, what) for what in NAMES)
    return isinstance(first, tuple | list) and len(first) == 2 and _is_image(first[0])


def _named(row: Mapping[str, Any], what: str) -> str | None:
    """What a row calls its image or its label; ``None`` where it has none, or several."""
    called = [name for name in NAMES[what] if name in row]
    return called[0] if len(called) == 1 else None


def _is_image(item: object) -> bool:
    return _is_pil(item) or (isinstance(item, Tensor | np.ndarray) and len(item.shape) in (2, 3))


# --- checks ----------------------------------------------------------------------------------


def _of_dataset(data: Any) -> Pair:
    """All images and labels of a data set."""
    images, labels = [], []
    for i in range(len(data)):
        row = data[i]
        if isinstance(row, Mapping):
            row = row[_named(row, "image") or "image"], row[_named(row, "label") or "label"]
        image, label = row
        if not isinstance(image, Tensor):
            image = _one(image)
        images.append(image.unsqueeze(0) if image.dim() == 2 else image)
        label = label if isinstance(label, int) else np.asarray(label)
        labels.append(label.item() if isinstance(label, np.ndarray) and label.size == 1 else label)
    return images, labels


def _one(image: object) -> Tensor:
    """A PIL image, or an array ``[h, w]`` or ``[h, w, c]``, as ``[h, w]`` or ``[c, h, w]``."""
    array = _array(image)
    if array.ndim == 3 and (_is_pil(image) or channels_last(array.shape)):
        array = array.transpose(2, 0, 1)
    return torch.from_numpy(np.array(array))


def _is_pil(item: object) -> bool:
    return hasattr(item, "mode") and hasattr(item, "getbands")


def _pixels(given: object, what: str) -> Pixels:
    if isinstance(given, list | tuple):
        given = _stacked(given, what)
    array = not isinstance(given, Tensor)
    images = _tensor(given, what)
    if images.dim() == 3:
        images = images.unsqueeze(1)
    if images.dim() != 4:
        raise ValueError(f"{what} must be [n, c, h, w] or [n, h, w], got {list(images.shape)}")
    # Tensors are channels first; four columns at most are more likely channels that come last.
    if channels_last(images.shape) and (array or images.shape[-1] in CHANNELS):
        if not array:
            raise ValueError(
                f"{what} {list(images.shape)} look like [n, h, w, c]; tensors are [n, c, h, w]: "
                "use images.permute(0, 3, 1, 2)"
            )
        images = images.permute(0, 3, 1, 2)
    as_bytes = images.dtype == torch.uint8
    images = scaled(images, what).contiguous()
    finite = torch.isfinite(images).flatten(1).all(1) if images.numel() else torch.ones(0).bool()
    if not bool(finite.all()):
        first = int((~finite).nonzero()[0])
        raise ValueError(
            f"{int((~finite).sum())} of {len(images)} {what} have NaN or infinite pixels, the "
            f"first is number {first}"
        )
    check_sizes(images, f"a pixel of {what}")
    return Pixels(images, as_bytes)


def _stacked(given: Sequence[object], what: str) -> Tensor | np.ndarray:
    """A list of images as one tensor or array; all of one size and type."""
    if not given:
        return torch.empty(0, 1, 1, 1)
    read = [_one(g) if _is_pil(g) else g for g in given]
    kept = [g if isinstance(g, Tensor | np.ndarray) else _array(g) for g in read]
    for i, image in enumerate(kept):
        for word, a, b in (
            ("size", tuple(kept[0].shape), tuple(image.shape)),
            ("type", kept[0].dtype, image.dtype),
        ):
            if a != b:
                grey = _is_pil(given[i]) and kept[0].ndim != image.ndim
                hint = " (image.convert('RGB') makes grey ones so)" if grey else ""
                raise ValueError(
                    f"{what} of mixed {word}: number 0 has {a}, number {i} has {b}; bring all to "
                    f"one {word}{hint}"
                )
    return torch.stack(kept) if isinstance(kept[0], Tensor) else np.stack(kept)  # type: ignore[arg-type]


def _array(image: Any) -> np.ndarray:
    """A PIL image, or nested lists, as an array; palettes are looked up, 16 bits become floats."""
    if _is_pil(image) and is_deep(image.mode):
        return deep_values(image, "a picture")
    mode = MODES.get(getattr(image, "mode", ""))
    return np.asarray(image if mode is None else image.convert(mode))


def flat_classes(labels: Tensor) -> Tensor:
    """Classes ``[n, 1]``, as Keras and MedMNIST have them, as ``[n]``; anything else as it is."""
    column = labels.dim() == 2 and labels.shape[1] == 1 and not labels.is_floating_point()
    return labels[:, 0] if column else labels


def _classes(given: object, what: str) -> Tensor:
    labels = flat_classes(as_tensor(given, what))
    if labels.is_floating_point() or labels.dim() != 1:
        fix = "one-hot rows are labels.argmax(1)"
        if labels.numel() == len(labels):
            fix = "labels.flatten().long()" if labels.dim() > 1 else "labels.long()"
        raise ValueError(
            f"labels must be integers [n], got {labels.dtype} {list(labels.shape)}: {fix}"
        )
    return labels.detach().to("cpu", torch.int64, copy=True)


def _tensor(given: object, what: str) -> Tensor:
    if isinstance(given, Tensor):
        return given
    array = np.asarray(given)
    refuse_masked(given, what)
    try:
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        return shared(np.ascontiguousarray(native))
    except TypeError as error:
        raise ValueError(f"{what} have the type {array.dtype}, which is no number") from error
