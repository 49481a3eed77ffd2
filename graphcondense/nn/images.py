"""Image learners: the ConvNet of the distillation papers, an MLP, a small ResNet and a small VGG.

Every one is called ``model(x)`` for logits, ``model(x, features=True)`` for what the last linear
layer sees, and ``model(x, layers=True)`` for what each block gives. They hold no buffers, so they
work under ``torch.func.functional_call`` and ``vmap`` as they are.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal, get_args

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


class ImageModel(nn.Module):
    """Blocks, one behind the other, then a linear layer; a base.

    Attributes:
        blocks: maps images ``[n, c, h, w]`` to feature maps, or to vectors.
        pool: feature maps of the last block to what the linear layer sees.
        last: the linear layer.
        norm: what normalises.
        depth: blocks, stages or hidden layers.
        usual_width: ``hidden_channels`` where a caller names none.
        takes_norm: whether ``norm`` can be chosen.
    """

    usual_width: ClassVar[int] = 128
    takes_norm: ClassVar[bool] = True
    blocks: nn.ModuleList
    pool: nn.Module
    last: nn.Linear
    norm: Norm
    depth: int

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
    channels, three blocks and instance norm.

    Args:
        shape: ``(channels, height, width)`` of an image.
        out_channels: classes.
        hidden_channels: filters of every block.
        depth: blocks; each halves the image, so ``2^depth`` may not exceed its sides. By default
            :func:`usual_depth`.
        norm: see :data:`Norm`.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        out_channels: int,
        hidden_channels: int = 128,
        depth: int | None = None,
        norm: Norm = "instance",
    ) -> None:
        super().__init__()
        channels, height, width = shape
        depth = usual_depth(shape) if depth is None else depth
        _need_side(type(self).__name__, shape, depth, halved=depth)
        self.norm, self.depth = norm, depth
        widths = [channels, *[hidden_channels] * depth]
        self.blocks = nn.ModuleList(
            nn.Sequential(_conv(a, b, norm), nn.AvgPool2d(2)) for a, b in pairwise(widths)
        )
        self.pool = nn.Flatten()
        self.last = nn.Linear(widths[-1] * (height >> depth) * (width >> depth), out_channels)


class MLP(ImageModel):
    """Hidden ReLU layers on the flattened image; without norm.

    Args:
        shape: ``(channels, height, width)`` of an image.
        out_channels: classes.
        hidden_channels: width of the hidden layers.
        depth: hidden layers, two by default.
        norm: ``"none"``.
    """

    takes_norm: ClassVar[bool] = False

    def __init__(
        self,
        shape: tuple[int, int, int],
        out_channels: int,
        hidden_channels: int = 128,
        depth: int | None = None,
        norm: Norm = "none",
    ) -> None:
        super().__init__()
        if norm != "none":
            raise ValueError(f"norm={norm!r}: an MLP has none; leave it out")
        depth = 2 if depth is None else depth
        self.norm, self.depth = norm, depth
        first = shape[0] * shape[1] * shape[2]
        widths = [first, *[hidden_channels] * depth]
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Flatten(), nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)
        )
        self.pool = nn.Flatten()
        self.last = nn.Linear(widths[-1], out_channels)


class ResNet(ImageModel):
    """A convolution and stages of one residual block each, ResNet-10 at four stages.

    He et al. (CVPR 2016), for small images: no pooling before the first stage; each further stage
    halves the image by 2x2 average pooling, as DC's ``ResNetAP`` does, and doubles the width; the
    mean over the image goes into the linear layer.

    Args:
        shape: ``(channels, height, width)`` of an image.
        out_channels: classes.
        hidden_channels: width of the first stage.
        depth: stages; by default as many as leave a side of two pixels, four at most.
        norm: see :data:`Norm`.
    """

    usual_width: ClassVar[int] = 32

    def __init__(
        self,
        shape: tuple[int, int, int],
        out_channels: int,
        hidden_channels: int = 32,
        depth: int | None = None,
        norm: Norm = "instance",
    ) -> None:
        super().__init__()
        depth = usual_depth(shape) + 1 if depth is None else depth
        _need_side(type(self).__name__, shape, depth, halved=depth - 1)
        self.norm, self.depth = norm, depth
        widths = [hidden_channels << i for i in range(depth)]
        stem = _conv(shape[0], hidden_channels, norm)
        stages = [
            _Residual(a, b, norm, halve=i > 0)
            for i, (a, b) in enumerate(zip([hidden_channels, *widths], widths, strict=False))
        ]
        self.blocks = nn.ModuleList([stem, *stages])
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.last = nn.Linear(widths[-1], out_channels)


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
    one, one, two and two, each stage twice as wide as the one before.

    Args:
        shape: ``(channels, height, width)`` of an image.
        out_channels: classes.
        hidden_channels: filters of the first stage.
        depth: stages; by default as many as convolve a side of two pixels, four at most.
        norm: see :data:`Norm`.
    """

    usual_width: ClassVar[int] = 32

    def __init__(
        self,
        shape: tuple[int, int, int],
        out_channels: int,
        hidden_channels: int = 32,
        depth: int | None = None,
        norm: Norm = "instance",
    ) -> None:
        super().__init__()
        depth = usual_depth(shape) + 1 if depth is None else depth
        _need_side(type(self).__name__, shape, depth, halved=depth)
        self.norm, self.depth = norm, depth
        widths = [shape[0], *(hidden_channels << i for i in range(depth))]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                _conv(a, b, norm),
                *([_conv(b, b, norm)] if i >= 2 else []),
                nn.AvgPool2d(2),
            )
            for i, (a, b) in enumerate(pairwise(widths))
        )
        self.pool = nn.Flatten()
        side = (shape[1] >> depth) * (shape[2] >> depth)
        self.last = nn.Linear(widths[-1] * side, out_channels)


def _conv(before: int, after: int, norm: Norm) -> nn.Sequential:
    conv = nn.Conv2d(before, after, 3, padding=1)
    return nn.Sequential(conv, norm_layer(norm, after), nn.ReLU())


def _need_side(name: str, shape: tuple[int, int, int], depth: int, halved: int) -> None:
    """Raise a ValueError unless the image can be halved so often."""
    if depth < 1:
        raise ValueError(f"a {name} needs depth of at least 1, got {depth}")
    if min(shape[1:]) < 2**halved:
        raise ValueError(
            f"a {name} of depth {depth} needs sides of at least {2**halved}, images are "
            f"{shape[1]} x {shape[2]}; lower depth"
        )


IMAGE_MODELS: dict[str, type[ConvNet] | type[MLP] | type[ResNet] | type[VGG]] = {
    "convnet": ConvNet,
    "mlp": MLP,
    "resnet": ResNet,
    "vgg": VGG,
}
"""Image learners by name."""
