"""IT-GAN (Zhao & Bilen, 2022, arXiv 2204.07513), for images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Generator, Tensor

from graphcondense.core.method import Parts
from graphcondense.core.pools import built, initialise
from graphcondense.domains.generators import GeneratedImages
from graphcondense.domains.image import LABEL_BYTES, ImageSource
from graphcondense.domains.matching import MeanMatchedImages
from graphcondense.nn.generators import ConditionalGenerator, inverted, train_gan
from graphcondense.ops.fields import Count, Even, Natural, NonNegative


@dataclass(frozen=True, kw_only=True)
class ITGAN(MeanMatchedImages):
    """Latents of a fixed conditional generator, trained by distribution matching.

    ``min_Z E_θ Σ_c ‖mean φ_θ(A(T_c)) - mean φ_θ(A(G(Z_c, c)))‖²``. The paper takes a published GAN;
    here a small one is trained first (:func:`~graphcondense.nn.generators.train_gan`). Latents
    start where their images are nearest to real ones that :attr:`init` chooses; the paper's term
    that keeps them there is left out.

    Budgets in examples count latents, one an image. The recorded size, and a budget in bytes, count
    the latents *and the generator*, which is much larger than a few images a class.

    Attributes:
        latent: numbers of a latent.
        width: maps of the generator's and the critic's layers, see
            :class:`~graphcondense.nn.generators.ConditionalGenerator`; even.
        gan_steps: updates of the generator and of its critic.
        gan_batch: images in one.
        lr_gan: learning rate of Adam for both.
        invert_steps: updates that bring latents near to real images.
        lr_z: learning rate of Adam on the latents.
    """

    name = "itgan"
    paper = (
        "Zhao & Bilen, Synthesizing Informative Training Samples with GAN, 2022, arXiv 2204.07513"
    )
    learns = "latents of a generator"

    latent: Count = 32
    width: Even = 32
    gan_steps: Natural = 2000
    gan_batch: Count = 64
    lr_gan: NonNegative = 0.001
    invert_steps: Natural = 200
    lr_z: NonNegative = 0.01

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        y = real.labelled(self.sizes(real))
        z = torch.zeros(len(y), self.latent, device=real.device)
        generator = self.generator(real).to(real.device)
        syn = GeneratedImages(z, y, real.num_classes, generator, real.raw)
        return self.match_means(syn, real, {"z": self.lr_z}, partial(self.train, syn, real, rng))

    def train(self, syn: GeneratedImages, real: ImageSource, rng: Generator) -> None:
        """Train the generator of ``syn``, and bring its latents near to real images."""
        generator = syn.generator.requires_grad_(True)
        generator.load_state_dict(initialise(generator, rng))
        train_gan(
            generator,
            real.images,
            real.labels,
            steps=self.gan_steps,
            batch=self.gan_batch,
            width=self.width,
            lr=self.lr_gan,
            rng=rng,
        )
        start = self.initial(real, self.sizes(real), rng)
        z = inverted(generator, start, syn.classes, steps=self.invert_steps, rng=rng)
        syn.z.data.copy_(z)
        generator.requires_grad_(False)

    def generator(self, real: ImageSource) -> ConditionalGenerator:
        """The generator's form, on the CPU; its weights mean nothing yet.

        Raises:
            ValueError: images that the critic, which halves them twice, sees nothing of.
        """
        if min(real.shape[1:]) < 4:
            raise ValueError(
                f"itgan needs images with sides of at least 4 pixels, these are {real.shape[1]} x "
                f"{real.shape[2]}; take dm, which learns pixels"
            )
        return built(ConditionalGenerator, real.shape, real.num_classes, self.latent, self.width)

    def sizes(self, real: ImageSource) -> Tensor:
        """Latents of each class ``[C]``.

        Raises:
            ValueError: an impossible budget.
        """
        if self.bytes is None:
            return super().sizes(real)
        nets = sum(p.nbytes for p in self.generator(real).parameters())
        each = 4 * self.latent + LABEL_BYTES
        if self.bytes < nets + each * real.num_classes:
            raise ValueError(
                f"bytes={self.bytes} is below the {nets} of the generator and the "
                f"{each * real.num_classes} of one latent for each of {real.num_classes} classes; "
                "raise it or lower width or latent"
            )
        rest = replace(self, bytes=self.bytes - nets)
        return rest.allocate(real.counts, real.num_examples, example_bytes=each)

    def memory_bytes(self, real: ImageSource) -> int:
        """Besides the network over real images: weights and moments of generator and critic, the
        critic's share taken as equal, and the generator's maps over its latents."""
        shown = max(int(self.sizes(real).sum()), 2 * self.gan_batch)
        nets = sum(p.nbytes for p in self.generator(real).parameters())
        maps = 8 * self.width * real.shape[1] * real.shape[2]
        return super().memory_bytes(real) + 10 * nets + 4 * shown * maps
