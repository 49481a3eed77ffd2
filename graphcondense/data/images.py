"""Labelled images: from arrays, data sets and files, and by name.

>>> task = as_images((torch.zeros(20, 8, 8, dtype=torch.uint8), torch.arange(20) % 2))
>>> tuple(task.images.shape), task.num_classes, len(task.train), len(task.val)
((20, 1, 8, 8), 2, 18, 2)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphcondense.data.by_part import by_part, has_parts, memory_of
from graphcondense.data.image_files import Pictures, find_parts, read_parts
from graphcondense.data.image_reading import Pixels, read_pair, refuse_other_scale
from graphcondense.data.labels import count_classes
from graphcondense.data.preprocess import Preprocess, fit_preprocess
from graphcondense.ops.as_read import as_read
from graphcondense.ops.fields import Natural, checked

MOST_HELD = 1000
"""Images that are held out for validation, at most, over all classes."""

LABEL_BYTES = 8
"""Of a class, as stored."""


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
    name: str | None = None,
    preprocess: str | None = None,
    validation: int | None = None,
) -> ImageTask:
    """Check labelled images, without changing them.

    ``data`` and ``test`` are each one of

    * a pair ``(images, labels)`` of tensors, numpy arrays or lists. Images are ``[n, h, w]`` or
      ``[n, c, h, w]``; arrays also ``[n, h, w, c]`` where ``c`` is at most 4 or images are square,
      and the second dimension is above 4. Bytes (uint8) are scaled to [0, 1]; floats stay as they
      are. Tensors have their channels first. Labels are integers ``[n]`` or ``[n, 1]``, 0..C-1;
      test images of -1, no label, are left out and counted;
    * a list, or a data set with ``__len__`` and ``__getitem__``, that gives ``(image, label)``, as
      torchvision's do, or mappings of ``image`` (or ``img``) and ``label``, as those of Hugging
      Face: PIL images (those of 16 bits are scaled to [0, 1]), arrays ``[h, w]`` or
      ``[h, w, c]``, or tensors ``[h, w]`` or ``[c, h, w]``. Every image is read once;
    * a path: an ``.npz`` file of ``images`` and ``labels`` (or, by part, ``train_images``,
      ``x_train`` and so on, as MedMNIST and Keras have them), a ``.pt`` file of any of these forms,
      a file of images in the idx format with its labels beside it (``train-images-idx3-ubyte``,
      also ``.gz``), a folder that has ``train-*`` and, for the test part, ``t10k-*`` of these, or
      a folder of pictures with a folder for each class
      (:func:`~graphcondense.data.image_files.read_pictures`).

    ``data`` may also be a mapping of such by ``"train"``, ``"val"`` and ``"test"``; no two parts
    may be the very same images. Without ``"val"``, every tenth image of a class, at most
    :data:`MOST_HELD` in all, is held out for validation: the best condensed set is chosen on these,
    and the test images are for the final score alone.

    Args:
        data: images that condensing may use; an :class:`ImageTask` is returned as it is, or with
            another ``name`` or ``preprocess``.
        test: images for the final score; by default none, or what the path or mapping has.
        name: what reports call the data; by default ``"images"``.
        preprocess: ``"normalise"`` (each channel; the default), ``"zca"`` or ``"none"``.
        validation: held out images at most; by default :data:`MOST_HELD`, 0 holds none out.

    Raises:
        ValueError: whatever is wrong, naming the numbers and the fix.
    """
    held: int | None = checked("validation", validation, Natural | None)  # type: ignore[assignment]
    if isinstance(data, ImageTask):
        if test is not None or held is not None:
            raise ValueError(f"{data.name} has its parts: leave test= and validation= out")
        data = data if name is None else replace(data, name=name)
        return data if preprocess is None else data.with_preprocess(preprocess)
    read = {part: read_pair(value, _WHAT[part]) for part, value in _opened(data, test).items()}
    labels = read["train"][1]
    if int(labels.min()) < 0:
        raise ValueError(
            f"label {int(labels.min())} of the images: classes are 0..C-1; leave images without a "
            "label out: keep = labels >= 0"
        )
    classes = count_classes(labels, labels, "images")
    index, without = _indices(read, classes, held)
    task = ImageTask(
        images=torch.cat([pixels.images for pixels, _ in read.values()]),
        labels=torch.cat([given for _, given in read.values()]),
        train=index["train"],
        val=index["val"],
        test=index.get("test", torch.empty(0, dtype=torch.long)),
        num_classes=classes,
        name="images" if name is None else name,
        unlabelled=without,
    )
    return task.with_preprocess("normalise" if preprocess is None else preprocess)


def _opened(data: object, test: object) -> dict[str, Any]:
    """What was given, by part, with what paths hold."""
    if has_parts(data) and test is not None:
        raise ValueError("test= cannot act: the images are by part; name it 'test' there")
    if isinstance(data, str | Path):
        parts = find_parts(Path(data).expanduser())
    else:
        given = by_part(data) if has_parts(data) else {"train": data}  # type: ignore[arg-type]
        parts = {part: _unopened(one) for part, one in given.items()}
    if test is not None:
        parts["test"] = _unopened(test)
    _refuse_same(parts)  # paths
    parts = read_parts(parts)
    _refuse_same(parts)
    return parts


def _indices(
    read: Mapping[str, tuple[Pixels, Tensor]], classes: int, held: int | None
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Of each part the images that have a label, among those of all parts one behind the other, and
    how many have none; validation images are held out where none are given."""
    trained, labels = read["train"]
    index = {"train": torch.arange(len(labels))}
    without = {"train": 0, "val": 0, "test": 0}
    if "val" not in read:
        counts = torch.bincount(labels, minlength=classes)
        index["train"], index["val"] = _hold_out(
            labels, counts, MOST_HELD if held is None else held
        )
    elif held is not None:
        raise ValueError(f"validation={held} cannot act: there are validation images; leave it out")
    start = len(labels)
    for part in [part for part in ("val", "test") if part in read]:
        index[part] = start + _known(*read[part], trained, classes, _WHAT[part])
        without[part] = len(read[part][1]) - len(index[part])
        start += len(read[part][1])
    return index, without


_WHAT = {"train": "images", "val": "validation images", "test": "test images"}


def _unopened(given: object) -> object:
    """A path as :func:`~graphcondense.data.image_files.read_parts` reads it; others as they are."""
    return Path(given).expanduser() if isinstance(given, str | Path) else given


def _refuse_same(parts: Mapping[str, Any]) -> None:
    """Raise a ValueError where two parts are the very same images: one object, memory, or path."""
    for a, b in combinations(parts, 2):
        if _place(parts[a]) == _place(parts[b]):
            raise ValueError(
                f"the {_WHAT[b]} are the {'training images' if a == 'train' else _WHAT[a]}: a "
                "score on images that were seen says nothing; give others"
            )


def _place(part: Any) -> object:
    """Where the images of a part lie, which those of no other part do."""
    path = part.folder if isinstance(part, Pictures) else part
    if isinstance(path, Path):
        return path.resolve()
    images = part[0] if isinstance(part, tuple) and len(part) == 2 else part
    return memory_of(images) or id(images)


def _known(pixels: Pixels, labels: Tensor, trained: Pixels, classes: int, what: str) -> Tensor:
    """The images of a part beside the training images that have a label."""
    word, shape = what.removesuffix(" images"), trained.images.shape[1:]
    if pixels.images.shape[1:] != shape:
        raise ValueError(
            f"{what} are {list(pixels.images.shape[1:])}, training images {list(shape)}"
        )
    refuse_other_scale(trained, pixels, "training images", what)
    low, high = int(labels.min()), int(labels.max())
    if high >= classes:
        raise ValueError(
            f"{word} label {high} is no class of the training images, 0..{classes - 1}"
        )
    if low < -1:
        raise ValueError(f"{word} label {low}: classes are 0..{classes - 1}, -1 is no label")
    known = (labels >= 0).nonzero().flatten()
    if not len(known):
        raise ValueError(f"none of the {len(labels):,} {what} has a label (all are -1)")
    return known


def _hold_out(labels: Tensor, counts: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Indices for training, and every tenth image of a class, ``most`` in all, for validation."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    each = counts // 10
    if int(each.sum()) > most:
        each = each * most // each.sum()
    for c, k in enumerate(each.tolist()):
        chosen[(labels == c).nonzero().flatten()[9::10][:k]] = True
    return (~chosen).nonzero().flatten(), chosen.nonzero().flatten()
