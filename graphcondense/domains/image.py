"""Image classification: the real images by class, and learnable sets of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core.method import Method
from graphcondense.core.pools import built
from graphcondense.core.types import Batch, Synthetic
from graphcondense.data.images import LABEL_BYTES as LABEL_BYTES
from graphcondense.data.images import ImageTask
from graphcondense.nn.images import IMAGE_MODELS
from graphcondense.ops.fields import Count, Natural, NonNegative
from graphcondense.ops.select import CHOICES, choose_centres


class ImageSource:
    """Training images by class, as networks see them; no other image of the task is kept.

    Args:
        task: the checked images with their preprocessing.
        device: where batches go.

    Attributes:
        images: training images, preprocessed, ``[n, c, h, w]`` on the device.
        labels: their classes ``[n]`` on the device.
        members: positions in ``images`` of each class, on the CPU.
        shape: ``(channels, height, width)``.
    """

    kind = "image"

    def __init__(self, task: ImageTask, device: torch.device | str = "cpu") -> None:
        self.device, self.preprocess = torch.device(device), task.preprocess
        self.images = task.seen(task.train).to(self.device)
        self.labels = task.labels[task.train].to(self.device)
        self.num_classes, self.example_bytes = task.num_classes, task.example_bytes
        labels = task.labels[task.train]
        self.members = [(labels == c).nonzero().flatten() for c in range(self.num_classes)]
        self.counts = torch.tensor([len(m) for m in self.members])
        self.num_examples, channels, height, width = self.images.shape
        self.shape = (channels, height, width)

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        if c is None and (size is None or size >= len(self.labels)):
            return Batch((self.images,), self.labels)
        members = torch.arange(len(self.labels)) if c is None else self.members[c]
        if size is not None and size < len(members):
            members = members[torch.randperm(len(members), generator=rng)[:size]]
        rows = members.to(self.device)
        return Batch((self.images[rows],), self.labels[rows])

    def labelled(self, sizes: Tensor) -> Tensor:
        """The classes of ``sizes[c]`` images of each class ``[n]``, ascending, on the device."""
        return torch.arange(self.num_classes).repeat_interleave(sizes).to(self.device)

    def raw(self, seen: Tensor) -> Tensor:
        """Images as they are saved, of images as networks see them."""
        return self.preprocess.inverse(seen)


class ExportedImages(NamedTuple):
    """A finished set of images, on the CPU.

    Attributes:
        x: raw images ``[n, c, h, w]`` float32; learnt pixels may leave the range of real ones.
        y: classes ``[n]`` int64, or soft labels ``[n, C]`` float32.
        stored_bytes: bytes of what the images are made from, labels included.
        classes: the class each image belongs to ``[n]``.
    """

    x: Tensor
    y: Tensor
    stored_bytes: int
    classes: Tensor


def as_is(x: Tensor) -> Tensor:
    """No way back is needed: the images are raw."""
    return x


class LearntImages(Synthetic):
    """Base of every learnable set of images, however its pixels come about.

    A subclass gives :meth:`images`, :attr:`stored_bytes` and
    :meth:`~graphcondense.core.types.Synthetic.groups`.

    Args:
        classes: class of each image that :meth:`images` gives ``[n]``, in ascending order.
        num_classes: number of classes.
        raw: from images as networks see them to raw ones, such as :meth:`ImageSource.raw`.

    Raises:
        ValueError: the classes do not ascend.
    """

    classes: Tensor

    def __init__(
        self, classes: Tensor, num_classes: int, raw: Callable[[Tensor], Tensor] = as_is
    ) -> None:
        super().__init__()
        if bool((classes.diff() < 0).any()):
            raise ValueError("images of a learnable set are in the order of their classes")
        self.register_buffer("classes", classes.clone())
        self.num_classes, self.raw = num_classes, raw
        self.counts: list[int] = torch.bincount(classes.cpu(), minlength=num_classes).tolist()

    def images(self) -> tuple[Tensor, Tensor]:
        """All images ``[n, c, h, w]`` as networks see them, and classes ``[n]`` or soft labels
        ``[n, C]``; in the order of :attr:`classes`, differentiable in the parameters."""
        raise NotImplementedError

    @property
    def stored_bytes(self) -> int:
        """Bytes of the numbers that the images are made from, labels included."""
        raise NotImplementedError

    def batch(self, c: int | None = None) -> Batch:
        if c is not None:
            return self.batches()[c]
        x, y = self.images()
        return Batch((x,), y)

    def batches(self) -> list[Batch]:
        x, y = self.images()
        parts = zip(torch.split(x, self.counts), torch.split(y, self.counts), strict=True)
        return [Batch((images,), labels) for images, labels in parts]

    @torch.no_grad()
    def export(self) -> ExportedImages:
        x, y = self.images()
        x = self.raw(x).detach().cpu().contiguous()
        return ExportedImages(
            x.clone(), y.detach().cpu().clone(), self.stored_bytes, self.classes.cpu().clone()
        )


class ImageSynthetic(LearntImages):
    """Learnable pixels, the group ``x``; with soft labels also the group ``y``.

    Args:
        x: initial images as networks see them ``[n, c, h, w]``; copied.
        y: classes ``[n]``, ascending.
        num_classes, raw: see :class:`LearntImages`.
        learn_labels: labels are learnt, too, from one-hot ones or ``labels``.
        labels: initial soft labels ``[n, C]``; without ``learn_labels`` they stay as they are.
    """

    y: Tensor

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        num_classes: int,
        raw: Callable[[Tensor], Tensor] = as_is,
        *,
        learn_labels: bool = False,
        labels: Tensor | None = None,
    ) -> None:
        super().__init__(y, num_classes, raw)
        self.x = nn.Parameter(x.detach().clone())
        if labels is None:
            labels = F.one_hot(y, num_classes).to(x) if learn_labels else y
        if learn_labels:
            self.y = nn.Parameter(labels.detach().clone())
        else:
            self.register_buffer("y", labels.detach().clone())

    def groups(self) -> dict[str, list[nn.Parameter]]:
        soft = {"y": [self.y]} if isinstance(self.y, nn.Parameter) else {}
        return {"x": [self.x], **soft}

    def images(self) -> tuple[Tensor, Tensor]:
        return self.x, self.y

    @property
    def stored_bytes(self) -> int:
        return self.x.nbytes + self.y.nbytes


@dataclass(frozen=True, kw_only=True)
class ImageMethod(Method[ImageSource]):
    """What methods share that learn images; no method by itself.

    Attributes:
        init: what images start from: ``"real"`` ones of the class, drawn uniformly; ``"herding"``,
            ``"kcenter"`` or ``"central"`` ones; ``"kmeans"`` centres of the class; or ``"noise"``,
            standard normal as networks see it.
        preprocess: what networks see: ``"normalise"`` (each channel), ``"zca"`` or ``"none"``.
            Images are exported raw.
        real_batch: real images a class and step.
    """

    kind = "image"

    init: Literal["real", "noise", "kmeans", "herding", "kcenter", "central"] = "real"
    preprocess: Literal["normalise", "zca", "none"] = "normalise"
    real_batch: Count = 256

    def label_bytes(self, real: ImageSource) -> int:
        """Bytes of one image's label; methods with soft labels say ``4 C``."""
        return LABEL_BYTES

    def example_bytes(self, real: ImageSource) -> int:
        return real.example_bytes + self.label_bytes(real) - LABEL_BYTES

    def start(self, real: ImageSource, rng: Generator) -> ImageSynthetic:
        """The synthetic images before the first update."""
        sizes = self.sizes(real)
        x = self.initial(real, sizes, rng)
        return ImageSynthetic(x, real.labelled(sizes), real.num_classes, real.raw)

    def initial(self, real: ImageSource, sizes: Tensor, rng: Generator) -> Tensor:
        """``sizes[c]`` images of each class as :attr:`init` says, ``[n, c, h, w]``; only of noise
        more than there are real ones."""
        if self.init == "noise":
            x = torch.randn((int(sizes.sum()), *real.shape), generator=rng)
            return x.to(real.images)
        parts = []
        for members, k in zip(real.members, sizes.tolist(), strict=True):
            flat = real.images[members.to(real.device)].flatten(1)
            if self.init == "kmeans":
                parts.append(choose_centres(flat, k, rng))
            else:
                choose = CHOICES["random" if self.init == "real" else self.init]
                parts.append(flat[choose(flat, k, rng).to(real.device)])
        return torch.cat(parts).view(-1, *real.shape)

    def filled(self, real: ImageSource, sizes: Tensor, rng: Generator) -> Tensor:
        """:meth:`initial`, where a class of fewer images shows some of them more than once."""
        have = sizes if self.init == "noise" else torch.minimum(sizes, real.counts)
        parts = torch.split(self.initial(real, have, rng), have.tolist())
        return torch.cat(
            [
                part[torch.arange(k) % len(part)]
                for part, k in zip(parts, sizes.tolist(), strict=True)
            ]
        )


@dataclass(frozen=True, kw_only=True)
class AnnealedImages(ImageMethod):
    """What methods share that update images by Adam, ever less; no method by itself.

    Attributes:
        steps: outer updates.
        lr_x: learning rate of Adam on the pixels, or on what stands for them.
        anneal: lower learning rates linearly to zero.
    """

    steps: Natural = 1000
    lr_x: NonNegative = 0.01
    anneal: bool = True


@dataclass(frozen=True, kw_only=True)
class PixelMethod(ImageMethod):
    """What methods share that learn images with the help of a network; no method by itself.

    Attributes:
        model: ``"convnet"``, ``"mlp"``, ``"resnet"`` or ``"vgg"``.
        hidden_channels: filters or width.
        depth: blocks or hidden layers; by default the model's own choice.
    """

    learns = "pixels"
    cost = "two loops"

    model: Literal["convnet", "mlp", "resnet", "vgg"] = "convnet"
    hidden_channels: Count = 128
    depth: Count | None = None

    def network(self, real: ImageSource) -> nn.Module:
        """The architecture, on the device of the images; its own weights are never read."""
        kind = IMAGE_MODELS[self.model]
        width, depth = self.hidden_channels, self.depth
        return built(kind, real.shape, real.num_classes, width, depth).to(real.device)

    def memory_bytes(self, real: ImageSource) -> int:
        """Besides the synthetic images, the layers of a network over one batch of real ones: a
        ConvNet keeps about four maps of the first block's size for the backward pass."""
        _, height, width = real.shape
        maps = 4 * height * width if self.model != "mlp" else 3
        layers = 4 * self.real_batch * self.hidden_channels * maps
        return super().memory_bytes(real) + layers
