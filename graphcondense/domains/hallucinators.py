"""Images as bases seen through small networks: a factorised set that any objective can train.

Every base passes every hallucinator, so ``B`` bases and ``H`` hallucinators make ``B x H`` images
(HaBa, Liu et al., NeurIPS 2022, arXiv 2210.16774, section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Learner, Objective, Source, Synthetic
from graphcondense.domains.image import LABEL_BYTES, LearntImages, as_is


class HallucinatedImages(LearntImages):
    """``x = D_j(σ_j ⊙ E_j(b) + μ_j)`` for every base ``b`` and hallucinator ``j``.

    ``E`` and ``D`` are 3x3 convolutions, ``σ`` and ``μ`` a scale and a shift for each place of the
    feature maps. What ``D`` sees of smaller bases is enlarged (bilinear). There is no nonlinearity,
    and all hallucinators start near the identity.

    Groups: ``x``, the bases, and ``hallucinators``, their parameters.

    Args:
        bases: initial bases ``[B, c, h', w']`` as networks see images; copied.
        y: class of each base ``[B]``, ascending.
        num_classes, raw: see :class:`~graphcondense.domains.image.LearntImages`.
        count: hallucinators ``H``.
        side: ``(height, width)`` of images; ``h'`` and ``w'`` by default.
        width: feature maps of a hallucinator; the bases' channels by default.
        noise: standard deviation of the weights around the identity.
        rng: of these weights.

    Raises:
        ValueError: fewer than one hallucinator, or images smaller than bases.
    """

    def __init__(
        self,
        bases: Tensor,
        y: Tensor,
        num_classes: int,
        count: int,
        *,
        rng: Generator,
        side: tuple[int, int] | None = None,
        width: int | None = None,
        noise: float = 0.1,
        raw: Callable[[Tensor], Tensor] = as_is,
    ) -> None:
        if count < 1:
            raise ValueError(f"a factorised set needs at least 1 hallucinator, got {count}")
        _, channels, low, narrow = bases.shape
        self_side = side or (low, narrow)
        if self_side[0] < low or self_side[1] < narrow:
            raise ValueError(
                f"bases of {low} x {narrow} for images of {self_side}; make them smaller"
            )
        super().__init__(y.repeat_interleave(count), num_classes, raw)
        self.count, self.side = count, self_side
        width = channels if width is None else width
        self.x = nn.Parameter(bases.detach().clone())

        def drawn(*shape: int) -> Tensor:
            return noise * torch.randn(count, *shape, generator=rng)

        def near_identity(after: int, before: int) -> Tensor:
            weight = drawn(after, before, 3, 3) / 3
            wide = torch.arange(max(after, before))
            # With fewer maps after than before, each is the mean of those it stands for.
            weight[:, wide % after, wide % before, 1, 1] += min(1.0, after / before)
            return weight

        values = {
            "encoder": near_identity(width, channels),
            "encoder_bias": torch.zeros(count, width),
            "scale": 1 + drawn(width, low, narrow),
            "shift": torch.zeros(count, width, low, narrow),
            "decoder": near_identity(channels, width),
            "decoder_bias": torch.zeros(count, channels),
        }
        self.nets = nn.ParameterDict({k: nn.Parameter(v.to(bases)) for k, v in values.items()})

    @staticmethod
    def floats(channels: int, low: int, narrow: int, width: int | None = None) -> int:
        """Numbers that one hallucinator stores.

        >>> HallucinatedImages.floats(1, 28, 28)
        1588
        """
        width = channels if width is None else width
        return 18 * width * channels + width + channels + 2 * width * low * narrow

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.x], "hallucinators": list(self.nets.values())}

    def images(self) -> tuple[Tensor, Tensor]:
        """Images ``[B * H, c, h, w]``: base by base, and of a base one for each hallucinator."""
        nets, count = self.nets, self.count
        # All hallucinators in one grouped convolution: image (b, j) is group j of row b.
        shared = nets["encoder"].flatten(0, 1)
        h = F.conv2d(self.x, shared, nets["encoder_bias"].flatten(), padding=1)
        h = h * nets["scale"].flatten(0, 1) + nets["shift"].flatten(0, 1)
        if h.shape[-2:] != self.side:
            h = F.interpolate(h, self.side, mode="bilinear", align_corners=False)
        out = F.conv2d(
            h,
            nets["decoder"].flatten(0, 1),
            nets["decoder_bias"].flatten(),
            padding=1,
            groups=count,
        )
        return out.view(-1, self.x.shape[1], *self.side), self.classes

    @property
    def stored_bytes(self) -> int:
        floats = sum(int(p.numel()) for p in self.parameters())
        return 4 * floats + LABEL_BYTES * len(self.x)


def likeness(features: Tensor) -> Tensor:
    """Mean cosine between what hallucinators make of a base, ``[B, H, d]``; 0 for a single one.

    >>> float(likeness(torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [3.0, 0.0]]])))
    0.5
    """
    count = features.shape[1]
    if count < 2:
        return features.new_zeros(())
    unit = F.normalize(features, dim=-1)
    # Σ_{j≠k} <u_j, u_k> = ‖Σ_j u_j‖² - Σ_j ‖u_j‖²
    pairs = unit.sum(1).square().sum(-1) - unit.square().sum((1, 2))
    return pairs.mean() / (count * (count - 1))


@dataclass(frozen=True)
class Apart:
    """An objective, and hallucinators kept apart: ``L + weight * likeness`` of their features.

    Features are the last hidden layer of the learner at hand. The paper trains an adversary for
    this (section 3.3); here networks trained on the real data take its place.

    Attributes:
        objective: what else is minimised.
        weight: of the term.
    """

    objective: Objective
    weight: float = 0.1

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        loss = self.objective(syn, real, learner, rng)
        images = syn.data if isinstance(syn, WithScalars) else syn
        if not isinstance(images, HallucinatedImages):
            raise TypeError(f"{type(images).__name__} has no hallucinators")
        if self.weight == 0 or images.count < 2:
            return loss
        features = learner.features(images.batch()).flatten(1)
        return loss + self.weight * likeness(features.view(-1, images.count, features.shape[1]))
