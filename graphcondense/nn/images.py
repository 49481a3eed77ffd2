"""Image learners: the ConvNet of the distillation papers, an MLP, a small ResNet and a small VGG.

Every one is called ``model(x)`` for logits, ``model(x, features=True)`` for what the last linear
layer sees, and ``model(x, layers=True)`` for what each block gives. They hold no buffers, so they
work under ``torch.func.functional_call`` and ``vmap`` as they are.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal, TypeAlias, get_args

from torch import Tensor, nn

Norm = Literal["instance", "batch", "group", "none"]
"""What normalises feature maps: each map alone, a channel over the batch, four groups of channels,
or nothing. Batch norm takes the statistics of the batch at hand, in training and in prediction:
it keeps no running ones, so a prediction depends on the images that are predicted with it."""

GROUPS = 4
"""Of group norm."""


def usual_depth(shape: tuple[int, int, int]) -> int:
    """Blocks that leave a side of at least two pixels, three at most (as for 28 and 32 pixels).

    Over fewer pixels an instance norm is so steep that matched images drift out of range.
    """
    return max(1, min(3, min(shape[1:]).bit_length() - 2))


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """A normalisation of ``channels`` feature maps, with a learnt scale and shift.

    Raises:
        ValueError: an unknown name, or channels that do not divide into groups.
    """
    if norm == "instance":
        return nn.GroupNorm(channels, channels)
    if norm == "batch":
        return nn.BatchNorm2d(channels, track_running_stats=False)
    if norm == "group":
        if channels % GROUPS:
            raise ValueError(f"norm='group' makes {GROUPS} groups, not of {channels} channels")
        return nn.GroupNorm(GROUPS, channels)
    if norm == "none":
        return nn.Identity()
    raise ValueError(f"norm={norm!r}: choose {', '.join(get_args(Norm))}")


Stack: TypeAlias = tuple[list[nn.Module], nn.Module, int]
Shape: TypeAlias = tuple[int, int, int]


class ImageModel(nn.Module):
    """Blocks, one behind the other, then a linear layer; a base.

    Args:
        shape: ``(channels, height, width)`` of an image.
        out_channels: classes.
        hidden_channels: filters of the first block, or width of hidden layers; by default
            :attr:`usual_width`.
        depth: blocks, stages or hidden layers; by default what the class says.
        norm: see :data:`Norm`; by default instance norm, where the model has any.

    Attributes:
        blocks: maps images ``[n, c, h, w]`` to feature maps, or to vectors.
        pool: feature maps of the last block to what the linear layer sees.
        last: the linear layer.
        usual_width: ``hidden_channels`` where a caller names none.
        takes_norm: whether ``norm`` can be chosen.

    Raises:
        ValueError: an unknown norm, or one for a model that has none; a depth below 1, or one that
            halves images more often than they can be.
    """

    usual_width: ClassVar[int] = 128
    takes_norm: ClassVar[bool] = True
    norm: Norm

    def __init__(
        self,
        shape: Shape,
        out_channels: int,
        hidden_channels: int | None = None,
        depth: int | None = None,
        norm: Norm | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if not self.takes_norm and norm not in (None, "none"):
            raise ValueError(f"norm={norm!r}: an {name} has none; leave it out")
        self.norm = norm or ("instance" if self.takes_norm else "none")
        self.depth = self.usual_depth(shape) if depth is None else depth
        halved = self.halved(self.depth)
        if self.depth < (1 if self.takes_norm else 0):
            raise ValueError(f"a {name} needs depth of at least 1, got {self.depth}")
        if min(shape[1:]) < 2**halved:
            raise ValueError(
                f"a {name} of depth {self.depth} needs sides of at least {2**halved}, images are "
                f"{shape[1]} x {shape[2]}; lower depth"
            )
        width = self.usual_width if hidden_channels is None else hidden_channels
        blocks, self.pool, seen = self.build(shape, width)
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Linear(seen, out_channels)

    @staticmethod
    def usual_depth(shape: Shape) -> int:
        """The depth where a caller names none."""
        return usual_depth(shape) + 1

    @staticmethod
    def halved(depth: int) -> int:
        """How often the model halves an image."""
        return depth

    def build(self, shape: Shape, width: int) -> Stack:
        """The blocks, the pooling, and how many numbers the linear layer sees."""
        raise NotImplementedError

    def forward(
        self, x: Tensor, *, features: bool = False, layers: bool = False
    ) -> Tensor | list[Tensor]:
        """Logits ``[n, out_channels]`` of images ``[n, c, h, w]``.

        Args:
            x: the images.
            features: return what the last linear layer sees, ``[n, d]``, instead.
            layers: return what each block gives, a list of ``[n, ...]``, instead.
        """
        outs = []
        for block in self.blocks:
            x = block(x)
            outs.append(x)
        if layers:
            return outs
        h: Tensor = self.pool(x)
        return h if features else self.last(h)


class ConvNet(ImageModel):
    """Blocks of 3x3 convolution, norm, ReLU and 2x2 average pooling, then a linear layer.

    The network of Gidaris & Komodakis (CVPR 2018) that DC and its successors use, there with 128
    channels, three blocks and instance norm. Each block halves the image; there are
    :func:`usual_depth` of them by default.
    """

    @staticmethod
    def usual_depth(shape: Shape) -> int:
        return usual_depth(shape)

    def build(self, shape: Shape, width: int) -> Stack:
        widths = [shape[0], *[width] * self.depth]
        blocks: list[nn.Module] = [
            nn.Sequential(_conv(a, b, self.norm), nn.AvgPool2d(2)) for a, b in pairwise(widths)
        ]
        return blocks, nn.Flatten(), widths[-1] * _pixels(shape, self.depth)


class MLP(ImageModel):
    """Hidden ReLU layers on the flattened image, two by default; without norm."""

    takes_norm: ClassVar[bool] = False

    @staticmethod
    def usual_depth(shape: Shape) -> int:
        return 2

    @staticmethod
    def halved(depth: int) -> int:
        return 0

    def build(self, shape: Shape, width: int) -> Stack:
        widths = [shape[0] * shape[1] * shape[2], *[width] * self.depth]
        blocks: list[nn.Module] = [
            nn.Sequential(nn.Flatten(), nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)
        ]
        return blocks, nn.Flatten(), widths[-1]


class ResNet(ImageModel):
    """A convolution and stages of one residual block each, ResNet-10 at four stages.

    He et al. (CVPR 2016), for small images: no pooling before the first stage; each further stage
    halves the image by 2x2 average pooling, as DC's ``ResNetAP`` does, and doubles the width; the
    mean over the image goes into the linear layer. By default there are as many stages as leave a
    side of two pixels, four at most.
    """

    usual_width: ClassVar[int] = 32

    @staticmethod
    def halved(depth: int) -> int:
        return depth - 1

    def build(self, shape: Shape, width: int) -> Stack:
        widths = [width, *(width << i for i in range(self.depth))]
        blocks: list[nn.Module] = [_conv(shape[0], width, self.norm)]
        blocks += [
            _Residual(a, b, self.norm, halve=i > 0) for i, (a, b) in enumerate(pairwise(widths))
        ]
        return blocks, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), widths[-1]


class _Residual(nn.Module):
    """Two 3x3 convolutions beside the identity, or beside a 1x1 one where the width changes."""

    def __init__(self, before: int, after: int, norm: Norm, halve: bool) -> None:
        super().__init__()
        self.halve = nn.AvgPool2d(2) if halve else nn.Identity()
        self.first = _conv(before, after, norm)
        second = nn.Conv2d(after, after, 3, padding=1)
        self.second = nn.Sequential(second, norm_layer(norm, after))
        same = before == after
        self.short = nn.Identity() if same else nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.halve(x)
        out: Tensor = (self.second(self.first(x)) + self.short(x)).relu()
        return out


class VGG(ImageModel):
    """Stages of one or two 3x3 convolutions and 2x2 average pooling, then a linear layer.

    Simonyan & Zisserman (ICLR 2015), the widths and convolutions of VGG-11 up to its fourth stage:
    one, one, two and two, each stage twice as wide as the one before. By default there are as many
    stages as convolve a side of two pixels, four at most.
    """

    usual_width: ClassVar[int] = 32

    def build(self, shape: Shape, width: int) -> Stack:
        widths = [shape[0], *(width << i for i in range(self.depth))]
        blocks: list[nn.Module] = [
            nn.Sequential(
                _conv(a, b, self.norm),
                *([_conv(b, b, self.norm)] if i >= 2 else []),
                nn.AvgPool2d(2),
            )
            for i, (a, b) in enumerate(pairwise(widths))
        ]
        return blocks, nn.Flatten(), widths[-1] * _pixels(shape, self.depth)


def _conv(before: int, after: int, norm: Norm) -> nn.Sequential:
    conv = nn.Conv2d(before, after, 3, padding=1)
    return nn.Sequential(conv, norm_layer(norm, after), nn.ReLU())


def _pixels(shape: Shape, halved: int) -> int:
    """Of an image that was halved so often."""
    return (shape[1] >> halved) * (shape[2] >> halved)


IMAGE_MODELS: dict[str, type[ImageModel]] = {
    "convnet": ConvNet,
    "mlp": MLP,
    "resnet": ResNet,
    "vgg": VGG,
}
"""Image learners by name."""
