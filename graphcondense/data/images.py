"""Labelled images: from arrays, data sets and files, and by name.

>>> task = as_images((np.zeros((20, 8, 8), dtype=np.uint8), np.arange(20) % 2))
>>> tuple(task.images.shape), task.num_classes, len(task.train), len(task.val)
((20, 1, 8, 8), 2, 18, 2)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.image_files import Pair, read_files
from graphcondense.data.labels import as_tensor, count_classes
from graphcondense.data.preprocess import Preprocess, fit_preprocess
from graphcondense.ops.arrays import check_sizes
from graphcondense.ops.as_read import as_read

MOST_HELD = 1000
"""Images that are held out for validation, at most, over all classes."""

CHANNELS = (1, 3, 4)
"""Sizes of a last dimension that is taken for channels."""

LABEL_BYTES = 8
"""Of a class, as stored."""

"""Images and their labels."""


@dataclass(frozen=True, repr=False)
class ImageTask:
    """Checked images and classes, with the parts that train, validate and test.

    Attributes:
        images: ``[n, c, h, w]`` float32, raw: as given, bytes scaled to [0, 1].
        labels: classes ``[n]`` int64; -1: no label.
        train, val, test: indices ``[m]`` int64 of labelled images; validation and test may be
            empty.
        num_classes: number of classes; each has training images.
        name: what reports call the data.
        preprocess: what networks see; fitted on the training images.
        unlabelled: of ``test``, how many images were left out since they have no label.
    """

    images: Tensor
    labels: Tensor
    train: Tensor
    val: Tensor
    test: Tensor
    num_classes: int
    name: str = "images"
    preprocess: Preprocess = field(default_factory=Preprocess)
    unlabelled: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        parts = ", ".join(f"{s} {len(getattr(self, s)):,}" for s in ("train", "val", "test"))
        return (
            f"ImageTask({self.name!r}, {len(self.images):,} images {list(self.shape)}, "
            f"{self.num_classes} classes, {self.preprocess.name}; {parts})"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)``."""
        _, c, h, w = self.images.shape
        return c, h, w

    @property
    def example_bytes(self) -> int:
        """Of an image in float32 with its class."""
        return 4 * self.images[0].numel() + LABEL_BYTES

    @property
    def size(self) -> tuple[int, int, int]:
        """Training images, their pixel values, and bytes of both in float32 with classes."""
        count = len(self.train)
        return count, count * self.images[0].numel(), count * self.example_bytes

    @as_read
    def digest(self) -> str:
        """SHA-256 (first 16 hex digits) of images, labels and parts."""
        h = hashlib.sha256(f"{tuple(self.images.shape)}".encode())
        for tensor in (self.images, self.labels, self.train, self.val, self.test):
            h.update(tensor.contiguous().numpy().data)
        return h.hexdigest()[:16]

    def with_preprocess(self, name: str) -> ImageTask:
        """The same images, preprocessed otherwise.

        Args:
            name: in :data:`~graphcondense.data.preprocess.PREPROCESSES`.
        """
        if name == self.preprocess.name:
            return self
        return replace(self, preprocess=fit_preprocess(name, self.images[self.train]))

    def seen(self, part: Tensor) -> Tensor:
        """Images of ``part`` (indices) as networks see them ``[m, c, h, w]``."""
        return self.preprocess.apply(self.images[part])


def as_images(
    data: object,
    test: object = None,
    *,
    name: str = "images",
    preprocess: str = "normalise",
    validation: int | None = None,
) -> ImageTask:
    """Check labelled images, without changing them.

    ``data`` and ``test`` are each one of

    * a pair ``(images, labels)`` of tensors, numpy arrays or lists. Images are ``[n, h, w]`` or
      ``[n, c, h, w]``; arrays also ``[n, h, w, c]`` where ``c`` is 1, 3 or 4 and the second
      dimension is none of these. Bytes (uint8) are scaled to [0, 1]; floats stay as they are.
      Labels are integers ``[n]``, 0..C-1; test images of -1, no label, are left out and counted;
    * a list, or a data set with ``__len__`` and ``__getitem__``, that gives ``(image, label)``, as
      torchvision's do: PIL images, arrays ``[h, w]`` or ``[h, w, c]``, or tensors ``[h, w]`` or
      ``[c, h, w]``. Every image is read once;
    * a path: an ``.npz`` file of ``images`` and ``labels``, a file of images in the idx format with
      its labels beside it (``train-images-idx3-ubyte``, also ``.gz``), or a folder that has
      ``train-*`` and, for the test part, ``t10k-*`` of these.

    Every tenth image of a class, at most :data:`MOST_HELD` in all, is held out for validation:
    the best condensed set is chosen on these, and the test images are for the final score alone.

    Args:
        data: images that condensing may use; an :class:`ImageTask` is returned as it is.
        test: images for the final score; by default none, or what the path has.
        name: what reports call the data.
        preprocess: ``"normalise"`` (each channel), ``"zca"`` or ``"none"``.
        validation: held out images at most; by default :data:`MOST_HELD`, 0 holds none out.

    Raises:
        ValueError: whatever is wrong, naming the numbers and the fix.
    """
    if isinstance(data, ImageTask):
        return data
    if isinstance(data, str | Path):
        data, found = read_files(Path(data).expanduser())
        test = found if test is None else test
    if isinstance(test, str | Path):
        test, _ = read_files(Path(test).expanduser())
    images, labels = _checked(data, "images")
    if int(labels.min()) < 0:
        raise ValueError(
            f"label {int(labels.min())} of the images: classes are 0..C-1; leave images without a "
            "label out: keep = labels >= 0"
        )
    classes = count_classes(labels, labels, "images")
    counts = torch.bincount(labels, minlength=classes)
    train, val = _hold_out(labels, counts, MOST_HELD if validation is None else validation)
    tested, left = torch.empty(0, dtype=torch.long), 0
    if test is not None:
        more, test_labels = _checked(test, "test images")
        if more.shape[1:] != images.shape[1:]:
            raise ValueError(
                f"test images are {list(more.shape[1:])}, training images {list(images.shape[1:])}"
            )
        low, high = int(test_labels.min()), int(test_labels.max())
        if high >= classes:
            raise ValueError(
                f"test label {high} is no class of the training images, 0..{classes - 1}"
            )
        if low < -1:
            raise ValueError(f"test label {low}: classes are 0..{classes - 1}, -1 is no label")
        tested = len(images) + (test_labels >= 0).nonzero().flatten()
        left = len(test_labels) - len(tested)
        if not len(tested):
            raise ValueError(f"none of the {left:,} test images has a label (all are -1)")
        images, labels = torch.cat([images, more]), torch.cat([labels, test_labels])
    without = {"train": 0, "val": 0, "test": left}
    task = ImageTask(images, labels, train, val, tested, classes, name, unlabelled=without)
    return task.with_preprocess(preprocess)


def _hold_out(labels: Tensor, counts: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Indices for training, and every tenth image of a class, ``most`` in all, for validation."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    each = counts // 10
    if int(each.sum()) > most:
        each = each * most // each.sum()
    for c, k in enumerate(each.tolist()):
        chosen[(labels == c).nonzero().flatten()[9::10][:k]] = True
    return (~chosen).nonzero().flatten(), chosen.nonzero().flatten()


def is_images(data: object) -> bool:
    """Whether ``data`` is labelled images, in any of the forms of :func:`as_images` but a path.

    >>> is_images((torch.zeros(3, 8, 8), [0, 1, 2])), is_images([1, 2]), is_images("cora")
    (True, False, False)
    >>> is_images([(torch.zeros(8, 8), 0)])
    True
    """
    if isinstance(data, ImageTask):
        return True
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
    return isinstance(first, tuple | list) and len(first) == 2 and _is_image(first[0])


def _is_image(item: object) -> bool:
    pil = hasattr(item, "mode") and hasattr(item, "getbands")
    return pil or (isinstance(item, Tensor | np.ndarray) and len(item.shape) in (2, 3))


# --- checks ----------------------------------------------------------------------------------


def _checked(data: object, what: str) -> tuple[Tensor, Tensor]:
    """Images ``[n, c, h, w]`` float32 and classes ``[n]`` int64, on the CPU, new memory."""
    if not isinstance(data, tuple) and _is_dataset(data):
        data = _of_dataset(data, what)
    if not isinstance(data, tuple) or len(data) != 2:
        raise ValueError(
            f"{what} must be (images, labels), a data set of (image, label) or a path, got a "
            f"{type(data).__name__}"
        )
    images = _pixels(data[0], what)
    if not len(images):
        raise ValueError(f"there are no {what}")
    labels = _classes(data[1], what)
    if len(labels) != len(images):
        raise ValueError(f"{len(images)} {what} but {len(labels)} labels")
    return images, labels


def _of_dataset(data: Any, what: str) -> Pair:
    """All images and labels of a data set."""
    images, labels = [], []
    for i in range(len(data)):
        image, label = data[i]
        if not isinstance(image, Tensor):
            array = _array(image)
            if array.ndim == 3 and array.shape[2] in CHANNELS and array.shape[0] not in CHANNELS:
                array = array.transpose(2, 0, 1)
            image = torch.from_numpy(np.array(array))
        images.append(image.unsqueeze(0) if image.dim() == 2 else image)
        labels.append(label if isinstance(label, int) else np.asarray(label)[()])
    return images, labels


def _pixels(given: object, what: str) -> Tensor:
    if isinstance(given, list | tuple):
        given = _stacked(given, what)
    array = isinstance(given, np.ndarray)
    images = _tensor(given, what)
    if images.dim() == 3:
        images = images.unsqueeze(1)
    if images.dim() != 4:
        raise ValueError(f"{what} must be [n, c, h, w] or [n, h, w], got {list(images.shape)}")
    if images.shape[-1] in CHANNELS and images.shape[1] not in CHANNELS:
        if not array:
            raise ValueError(
                f"{what} {list(images.shape)} look like [n, h, w, c]; tensors are [n, c, h, w]: "
                "use images.permute(0, 3, 1, 2)"
            )
        images = images.permute(0, 3, 1, 2)
    if images.dtype == torch.uint8:
        images = images.cpu().float().div_(255)
    elif images.is_floating_point() or images.dtype == torch.bool:
        images = images.detach().to("cpu", torch.float32, copy=True)
    else:
        raise ValueError(f"{what} have the type {images.dtype}; give uint8 (0 to 255) or floats")
    images = images.contiguous()
    finite = torch.isfinite(images).flatten(1).all(1) if images.numel() else torch.ones(0).bool()
    if not bool(finite.all()):
        first = int((~finite).nonzero()[0])
        raise ValueError(
            f"{int((~finite).sum())} of {len(images)} {what} have NaN or infinite pixels, the "
            f"first is number {first}"
        )
    check_sizes(images, f"a pixel of {what}")
    return images


def _stacked(given: Sequence[object], what: str) -> Tensor | np.ndarray:
    """A list of images as one tensor or array; all of one size and type."""
    if not given:
        return torch.empty(0, 1, 1, 1)
    kept = [g if isinstance(g, Tensor | np.ndarray) else _array(g) for g in given]
    for i, image in enumerate(kept):
        for word, a, b in (
            ("size", tuple(kept[0].shape), tuple(image.shape)),
            ("type", kept[0].dtype, image.dtype),
        ):
            if a != b:
                raise ValueError(
                    f"{what} of mixed {word}: number 0 has {a}, number {i} has {b}; bring all to "
                    f"one {word}"
                )
    return torch.stack(kept) if isinstance(kept[0], Tensor) else np.stack(kept)  # type: ignore[arg-type]


def _array(image: Any) -> np.ndarray:
    """A PIL image, or nested lists, as an array; palettes are looked up."""
    return np.asarray(image.convert("RGB") if getattr(image, "mode", None) == "P" else image)


def _classes(given: object, what: str) -> Tensor:
    labels = as_tensor(given, what)
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
    try:
        return torch.from_numpy(np.ascontiguousarray(array))
    except TypeError as error:
        raise ValueError(f"{what} have the type {array.dtype}, which is no number") from error
