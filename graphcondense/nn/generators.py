"""Networks that make small images: a conditional GAN, and many tiny decoders side by side.

Both double a map of a quarter of the image's sides twice and crop it to the image, so sides of 5 to
some 64 pixels do; weights are a few thousand numbers, not millions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcondense.core.pools import built, initialise


def base_sides(shape: tuple[int, int, int]) -> tuple[int, int]:
    """Height and width of the map that is doubled twice: a quarter of the image's, rounded up.

    >>> base_sides((1, 28, 28)), base_sides((3, 9, 32))
    ((7, 7), (3, 8))
    """
    return -(-shape[1] // 4), -(-shape[2] // 4)


class TinyDecoders(nn.Module):
    """Decoders of the same form and other weights, run as one grouped convolution (KFS).

    Each is three 3x3 convolutions: code to ``width`` maps, ReLU, doubled; ``width`` to ``width``,
    ReLU, doubled; ``width`` to the image, cropped.

    Args:
        shape: ``(channels, height, width)`` of an image.
        number: decoders.
        code_channels: maps of a code; its sides are :func:`base_sides`.
        width: hidden maps of each decoder.
    """

    def __init__(
        self, shape: tuple[int, int, int], number: int, code_channels: int = 1, width: int = 8
    ) -> None:
        super().__init__()
        self.shape, self.number = shape, number
        inside, out = number * width, number * shape[0]
        self.first = nn.Conv2d(code_channels, inside, 3, padding=1)
        self.second = nn.Conv2d(inside, inside, 3, padding=1, groups=number)
        self.last = nn.Conv2d(inside, out, 3, padding=1, groups=number)

    def forward(self, codes: Tensor) -> Tensor:
        """Images ``[n, number, c, h, w]`` of codes ``[n, code_channels, *base_sides]``."""
        channels, height, width = self.shape
        h = _doubled(torch.relu(self.first(codes)))
        h = _doubled(torch.relu(self.second(h)))
        h = self.last(h)[..., :height, :width]
        out: Tensor = h.reshape(len(codes), self.number, channels, height, width)
        return out


def decoder_numbers(shape: tuple[int, int, int], code_channels: int, width: int) -> int:
    """Weights of one of :class:`TinyDecoders`.

    >>> decoder_numbers((1, 28, 28), 1, 8)
    737
    >>> sum(p.numel() for p in TinyDecoders((1, 28, 28), 3, 1, 8).parameters()) == 3 * 737
    True
    """
    return sum(
        o * (9 * i + 1) for i, o in ((code_channels, width), (width, width), (width, shape[0]))
    )


def _doubled(x: Tensor) -> Tensor:
    """Both sides twice as long, values interpolated linearly."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class ConditionalGenerator(nn.Module):
    """Latent and class to an image: DCGAN (Radford et al., ICLR 2016) of a linear layer and two
    doubling convolutions, with group norm, so that an image depends on its own latent alone.

    Args:
        shape: ``(channels, height, width)`` of an image.
        classes: number of classes; the class enters as a one-hot vector beside the latent.
        latent: numbers of a latent.
        width: maps of the last hidden layer; the first has twice as many. Even.
    """

    def __init__(
        self, shape: tuple[int, int, int], classes: int, latent: int = 32, width: int = 32
    ) -> None:
        super().__init__()
        self.shape, self.classes, self.latent = shape, classes, latent
        self.base = (2 * width, *base_sides(shape))
        self.first = nn.Linear(latent + classes, self.base[0] * self.base[1] * self.base[2])
        self.norm = nn.GroupNorm(2, 2 * width)
        self.second = nn.ConvTranspose2d(2 * width, width, 4, 2, 1)
        self.second_norm = nn.GroupNorm(2, width)
        self.last = nn.ConvTranspose2d(width, shape[0], 4, 2, 1)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Images ``[n, c, h, w]`` of latents ``[n, latent]`` and classes ``[n]``."""
        told = torch.cat([z, F.one_hot(y, self.classes).to(z)], 1)
        h = torch.relu(self.norm(self.first(told).reshape(len(z), *self.base)))
        h = torch.relu(self.second_norm(self.second(h)))
        out: Tensor = self.last(h)[..., : self.shape[1], : self.shape[2]]
        return out


class ConditionalCritic(nn.Module):
    """How real an image of a class looks: two halving convolutions and a projection.

    The class enters as an inner product with the features (Miyato & Koyama, ICLR 2018, eq. 7).

    Args:
        shape: ``(channels, height, width)`` of an image.
        classes: number of classes.
        width: maps of the first layer; the second has twice as many.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int = 32) -> None:
        super().__init__()
        self.first = nn.Conv2d(shape[0], width, 4, 2, 1)
        self.second = nn.Conv2d(width, 2 * width, 4, 2, 1)
        features = 2 * width * (shape[1] // 4) * (shape[2] // 4)
        self.last = nn.Linear(features, classes + 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Scores ``[n]`` of images ``[n, c, h, w]`` and the classes ``[n]`` they should show."""
        h = F.leaky_relu(self.first(x), 0.2)
        h = F.leaky_relu(self.second(h), 0.2).flatten(1)
        scores: Tensor = self.last(h)
        return scores[:, 0] + scores[:, 1:].gather(1, y[:, None])[:, 0]


PENALTY = 0.1
"""Weight of the penalty of the critic in :func:`train_gan`."""

AVERAGE = 0.995
"""Share of the old in the running average of a generator's weights."""


def train_gan(
    generator: ConditionalGenerator,
    images: Tensor,
    labels: Tensor,
    *,
    steps: int,
    batch: int,
    width: int,
    lr: float,
    rng: torch.Generator,
) -> None:
    """Train ``generator`` in place as a conditional GAN; its weights end as their running average.

    The non-saturating logistic loss (Goodfellow et al., NeurIPS 2014) with the critic's gradient at
    real images penalised, ``γ/2 E‖∇D(x)‖²`` (R1; Mescheder et al., ICML 2018, eq. 9), in every
    fourth step and four times as strong.

    Args:
        generator: with weights to start from.
        images: real ones ``[n, c, h, w]``, in the space the generator should speak.
        labels: their classes ``[n]``.
        steps: updates of each player.
        batch: images of each kind in a step.
        width: of the critic, see :class:`ConditionalCritic`.
        lr: learning rate of Adam (betas 0 and 0.99) for both players.
        rng: all randomness.
    """
    device = images.device
    critic = built(ConditionalCritic, generator.shape, generator.classes, width).to(device)
    critic.load_state_dict(initialise(critic, rng))
    kept = {k: v.detach().clone() for k, v in generator.named_parameters()}
    players = [
        torch.optim.Adam(m.parameters(), lr, betas=(0.0, 0.99), fused=True)
        for m in (generator, critic)
    ]

    def fake() -> tuple[Tensor, Tensor]:
        y = labels[torch.randint(len(labels), (batch,), generator=rng).to(device)]
        z = torch.randn(batch, generator.latent, generator=rng).to(device)
        return generator(z, y), y

    for step in range(steps):
        rows = torch.randint(len(labels), (batch,), generator=rng).to(device)
        real, y = images[rows].requires_grad_(step % 4 == 0), labels[rows]
        with torch.no_grad():
            made, told = fake()
        scores = critic(real, y)
        loss = F.softplus(-scores).mean() + F.softplus(critic(made, told)).mean()
        if step % 4 == 0:
            (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
            loss = loss + 4 * PENALTY / 2 * slope.flatten(1).square().sum(1).mean()
        _update(players[1], list(critic.parameters()), loss)
        _update(players[0], list(generator.parameters()), F.softplus(-critic(*fake())).mean())
        for name, weight in generator.named_parameters():
            kept[name].lerp_(weight.detach(), 1 - min(AVERAGE, (1 + step) / (10 + step)))
    generator.load_state_dict(kept)


def _update(player: torch.optim.Optimizer, weights: list[nn.Parameter], loss: Tensor) -> None:
    for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.grad = slope
    player.step()


def inverted(
    generator: ConditionalGenerator,
    images: Tensor,
    labels: Tensor,
    *,
    steps: int,
    lr: float = 0.1,
    rng: torch.Generator,
) -> Tensor:
    """Latents ``[n, latent]`` whose images are near ``images`` in squared pixels (GAN inversion).

    Adam from a draw of the normal prior, with a mild pull to it, ``1e-3 ‖z‖²``; ``images`` and
    ``labels`` are ``[n, c, h, w]`` and ``[n]``.
    """
    z = torch.randn(len(images), generator.latent, generator=rng).to(images).requires_grad_()
    adam = torch.optim.Adam([z], lr)
    for _ in range(steps):
        error = (generator(z, labels) - images).square().flatten(1).mean(1)
        loss = (error + 1e-3 * z.square().sum(1)).sum()
        (z.grad,) = torch.autograd.grad(loss, [z])
        adam.step()
    return z.detach()
