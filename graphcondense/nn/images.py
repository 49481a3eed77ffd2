"""Image learners: the ConvNet of the distillation papers and an MLP."""

from __future__ import annotations

from torch import Tensor, nn


def usual_depth(shape: tuple[int, int, int]) -> int:
    """Blocks that leave a side of at least two pixels, three at most (as for 28 and 32 pixels).

    Over fewer pixels an instance norm is so steep that matched images drift out of range.
    """
    return max(1, min(3, min(shape[1:]).bit_length() - 2))


class ConvNet(nn.Module):
    """Blocks of 3x3 convolution, instance norm, ReLU and 2x2 average pooling, then a linear layer.

    The network of Gidaris & Komodakis (CVPR 2018) that DC and its successors use.

    Args:
        shape: ``(channels, height, width)`` of an image.
        out_channels: classes.
        hidden_channels: filters of every block.
        depth: blocks; each halves the image, so ``2^depth`` may not exceed its sides. By default
            :func:`usual_depth`.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        out_channels: int,
        hidden_channels: int = 128,
        depth: int | None = None,
    ) -> None:
        super().__init__()
        channels, height, width = shape
        depth = usual_depth(shape) if depth is None else depth
        if min(height, width) < 2**depth:
            raise ValueError(
                f"a ConvNet of depth {depth} needs sides of at least {2**depth}, images are "
                f"{height} x {width}; lower depth"
            )
        blocks: list[nn.Module] = []
        for i in range(depth):
            blocks += [
                nn.Conv2d(channels if i == 0 else hidden_channels, hidden_channels, 3, padding=1),
                nn.GroupNorm(hidden_channels, hidden_channels),
                nn.ReLU(),
                nn.AvgPool2d(2),
            ]
        self.blocks = nn.Sequential(*blocks)
        side = hidden_channels * (height >> depth) * (width >> depth)
        self.last = nn.Linear(side, out_channels)

    def forward(self, x: Tensor, *, features: bool = False) -> Tensor:
        """Logits ``[n, out_channels]`` of images ``[n, c, h, w]``."""
        h: Tensor = self.blocks(x).flatten(1)
        return h if features else self.last(h)


class MLP(nn.Module):
    """Hidden ReLU layers on the flattened image.

    Args:
        shape: ``(channels, height, width)`` of an image.
        out_channels: classes.
        hidden_channels: width of the hidden layers.
        depth: hidden layers, two by default.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        out_channels: int,
        hidden_channels: int = 128,
        depth: int | None = None,
    ) -> None:
        super().__init__()
        width = shape[0] * shape[1] * shape[2]
        layers: list[nn.Module] = []
        for _ in range(2 if depth is None else depth):
            layers += [nn.Linear(width, hidden_channels), nn.ReLU()]
            width = hidden_channels
        self.layers = nn.Sequential(*layers)
        self.last = nn.Linear(width, out_channels)

    def forward(self, x: Tensor, *, features: bool = False) -> Tensor:
        """Logits ``[n, out_channels]`` of images ``[n, c, h, w]``."""
        h: Tensor = self.layers(x.flatten(1))
        return h if features else self.last(h)


IMAGE_MODELS: dict[str, type[ConvNet] | type[MLP]] = {"convnet": ConvNet, "mlp": MLP}
"""Image learners by name."""
