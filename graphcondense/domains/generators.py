"""Images as latents of a fixed generator: a factorised set that any objective can train."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from graphcondense.domains.image import LearntImages, as_is
from graphcondense.nn.generators import ConditionalGenerator


class GeneratedImages(LearntImages):
    """``x = G(z, y)``: latents are learnt (group ``z``), the generator stays as it is (IT-GAN, Zhao
    & Bilen, 2022, arXiv 2204.07513, section 3).

    The generator's weights are in the state of this module, so that a checkpoint holds them.

    Args:
        z: initial latents ``[n, latent]``; copied.
        y: their classes ``[n]``, ascending.
        num_classes, raw: see :class:`~graphcondense.domains.image.LearntImages`.
        generator: taken as it is; its weights no longer ask for gradients.
    """

    def __init__(
        self,
        z: Tensor,
        y: Tensor,
        num_classes: int,
        generator: ConditionalGenerator,
        raw: Callable[[Tensor], Tensor] = as_is,
    ) -> None:
        super().__init__(y, num_classes, raw)
        self.z = nn.Parameter(z.detach().clone())
        self.generator = generator.requires_grad_(False)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"z": [self.z]}

    def images(self) -> tuple[Tensor, Tensor]:
        return self.generator(self.z, self.classes), self.classes

    @property
    def generator_bytes(self) -> int:
        """Of the generator alone, however many latents there are."""
        return sum(p.nbytes for p in self.generator.parameters())

    @property
    def stored_bytes(self) -> int:
        """Latents, their labels and the generator."""
        return self.z.nbytes + self.classes.nbytes + self.generator_bytes
