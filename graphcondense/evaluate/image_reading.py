"""Images that users bring to an evaluation, as networks see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.image_reading import far_apart, flat_classes, scaled
from graphcondense.data.images import ImageTask
from graphcondense.data.labels import check_classes, class_weights
from graphcondense.data.preprocess import Preprocess, restore_preprocess
from graphcondense.ops.arrays import plain
from graphcondense.saved.checks import unrounded
from graphcondense.saved.shown import record_of

if TYPE_CHECKING:
    from torch_geometric.data import Data


SOME = 1000
"""Real images that say how bright they are."""


@dataclass(frozen=True)
class Labelled:
    """Images as networks see them.

    Attributes:
        x: ``[n, c, h, w]``.
        y: classes ``[n]`` or soft labels ``[n, C]``.
        preprocess: what made ``x`` of raw images, and makes the images that are predicted.
    """

    x: Tensor
    y: Tensor
    preprocess: Preprocess

    @property
    def squared(self) -> bool:
        """Whether labels are no distributions over classes, such as learnt regression targets."""
        if self.y.dim() == 1:
            return False
        one = torch.ones(len(self.y), device=self.y.device)
        return bool((self.y < 0).any()) or not torch.allclose(self.y.sum(1), one, atol=1e-3)


def several_image_sets(value: object) -> list[object]:
    """One condensed set, or a list of several, as a list; pairs of tensors as PyG ``Data``."""
    is_pair = (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(item, Tensor | np.ndarray) for item in value)
    )
    if isinstance(value, list | tuple) and not is_pair:
        return [one for item in value for one in several_image_sets(item)]
    return [as_stored(*raw_images(value)) if isinstance(value, tuple) else value]


def as_stored(x: Tensor, y: Tensor) -> Data:
    """Images and labels in the form that is stored, PyG ``Data`` without edges."""
    from torch_geometric.data import Data

    images = scaled(x, "the images of a small set")
    return Data(x=images, edge_index=torch.empty(2, 0, dtype=torch.long), y=y)


def read_images(small: object, real: ImageTask) -> Labelled:
    """The images of ``small`` as networks see them.

    They go through the preprocessing that their record names, else through that of the task.

    Args:
        small: condensed images as :func:`graphcondense.condense` gives them; anything with raw
            images ``x [n, c, h, w]``, of one channel also ``[n, h, w]``, and classes ``y [n]`` or
            soft labels ``y [n, C]``; a pair of such tensors or arrays; or an
            :class:`~graphcondense.data.images.ImageTask`, whose training part is taken. Bytes are
            scaled to [0, 1], as those of real images are.
        real: the real images.

    Raises:
        ValueError: no image; images or labels that do not match the real ones.
    """
    if isinstance(small, ImageTask):
        x, y = small.images[small.train], small.labels[small.train]
    else:
        x, y = raw_images(small)
        x = scaled(x, "the images of a small set")
    if not len(x):
        raise ValueError("the small set has no images")
    if x.dim() == 3 and real.shape[0] == 1:
        x = x.unsqueeze(1)
    if x.dim() != 4 or tuple(x.shape[1:]) != real.shape:
        raise ValueError(
            f"the small set has images {list(x.shape[1:])}, {real.name} has {list(real.shape)}"
        )
    if not bool(torch.isfinite(x).all()):
        raise ValueError("the small set has NaN or infinite pixels")
    if len(y) != len(x):
        raise ValueError(f"the small set has {len(x)} images but {len(y)} labels")
    if y.dim() == 2:
        y = unrounded(class_weights(y, real.num_classes, "the small set", real.name))
    elif y.dim() != 1 or y.is_floating_point():
        raise ValueError(
            f"the small set has labels {y.dtype} {list(y.shape)}; give classes [n] or soft labels "
            f"[n, {real.num_classes}]"
        )
    else:
        check_classes(y, real.num_classes, "an image", real.name)
    named = record_of(small).get("preprocess") is not None
    preprocess = restore_preprocess(small) if named else real.preprocess
    if isinstance(small, ImageTask):
        preprocess = small.preprocess
    if not named and small is not real:
        _check_scale(x, real)
    return Labelled(preprocess.apply(x), y, preprocess)


def _check_scale(x: Tensor, real: ImageTask) -> None:
    """Raise a ValueError for images of others on another scale, such as 0 to 255 beside 0 to 1."""
    if sizes := far_apart(x, real.images[real.train[:SOME]]):
        raise ValueError(
            f"the small set has pixels of {sizes[0]:.4g} in the root mean square, {real.name} of "
            f"{sizes[1]:.4g}: bring both to one scale"
        )


def raw_images(small: object) -> tuple[Tensor, Tensor]:
    """Raw images ``[n, c, h, w]`` and labels of a small set, on the CPU."""
    if isinstance(small, tuple) and len(small) == 2:
        x, y = small
    else:
        x, y = getattr(small, "x", None), getattr(small, "y", None)
    if not all(isinstance(value, Tensor | np.ndarray) for value in (x, y)):
        raise ValueError(
            f"a small set is condensed images, or a pair of tensors (images [n, c, h, w], labels), "
            f"got {type(small).__name__}"
        )
    images, labels = plain(x, "the images of a small set"), plain(y, "the labels of a small set")
    return images, flat_classes(labels)
