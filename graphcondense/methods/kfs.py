"""KFS (Lee et al., 2022, arXiv 2208.10494), for images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from torch import Generator, Tensor

from graphcondense.core.method import Parts
from graphcondense.domains.decoders import DecodedImages, new_decoders, small_codes
from graphcondense.domains.image import LABEL_BYTES, ImageSource
from graphcondense.domains.matching import MeanMatchedImages
from graphcondense.nn.generators import base_sides, decoder_numbers
from graphcondense.ops.fields import Count, Natural, NonNegative

FORMS = ((4, 8), (4, 6), (4, 4), (2, 4), (2, 3), (2, 2), (1, 2))
"""Decoders and their width that a budget may allow, the richest first."""

MOST = 0.4
"""Share of the budget that decoders take at most where the method chooses them."""


class Plan(NamedTuple):
    """What a budget in bytes is spent on: ``codes`` of each class ``[C]``, and so many
    ``decoders`` of this ``width``."""

    codes: Tensor
    decoders: int
    width: int


@dataclass(frozen=True, kw_only=True)
class KFS(MeanMatchedImages):
    """Latent codes of each class times a few tiny decoders that all classes share, trained together
    by distribution matching of augmented images:

    ``min_{Z,D} E_θ Σ_c ‖mean φ_θ(A(T_c)) - mean_{i,j} φ_θ(A(D_j(z_i)))‖²``. They start as an
    autoencoder without the encoder: image ``D_j(z_i)`` is fitted to a real one of the class that
    :attr:`init` chooses. The budget counts what is stored: codes with their labels and decoders.

    Attributes:
        decoders: number of decoders; by default, with ``width``, the most that take two fifths of
            the budget.
        width: hidden maps of a decoder, see ``decoders``.
        code_channels: maps of a code, each of a quarter of the image's sides.
        shown: codes of a class in a step.
        warm_steps: updates of the autoencoder before.
        lr_codes: learning rate of Adam on the codes.
        lr_decoders: learning rate of Adam on the decoders.
    """

    name = "kfs"
    paper = (
        "Lee et al., Dataset Condensation with Latent Space Knowledge Factorization and Sharing, "
        "2022, arXiv 2208.10494"
    )
    learns = "latent codes, decoder networks"

    decoders: Count | None = None
    width: Count | None = None
    code_channels: Count = 1
    steps: Natural = 5000
    shown: Count = 16
    warm_steps: Natural = 1000
    lr_codes: NonNegative = 0.01
    lr_decoders: NonNegative = 0.001

    def parts(self, real: ImageSource, rng: Generator) -> Parts:
        syn, targets = self.factors(real, rng)
        rates = {"codes": self.lr_codes, "decoders": self.lr_decoders}
        return self.match_means(
            syn, real, rates, partial(syn.fit_, targets, self.warm_steps, rng=rng)
        )

    def factors(self, real: ImageSource, rng: Generator) -> tuple[DecodedImages, Tensor]:
        """Codes and decoders, and the images that they are to be fitted to."""
        plan = self.plan(real)
        targets = self.filled(real, plan.codes * plan.decoders, rng)
        targets = targets.view(-1, plan.decoders, *real.shape)
        syn = DecodedImages(
            small_codes(targets, self.code_channels, 0.1, rng),
            real.labelled(plan.codes),
            real.num_classes,
            new_decoders(
                real.shape, plan.decoders, self.code_channels, plan.width, rng, real.device
            ),
            shown=self.shown,
            raw=real.raw,
        )
        return syn, targets

    def plan(self, real: ImageSource) -> Plan:
        """How the budget is spent.

        Raises:
            ValueError: decoders leave no code for some class.
        """
        budget = self.sizes(real) * real.example_bytes
        total = int(budget.sum())
        high, wide = base_sides(real.shape)
        each = 4 * self.code_channels * high * wide + LABEL_BYTES
        number, width = self.decoders, self.width
        forms = [(number or m, width or w) for m, w in FORMS]
        fitting = [form for form in forms if self.bytes_of(form, real) <= MOST * total]
        form = fitting[0] if fitting else forms[-1]
        nets = self.bytes_of(form, real)
        # A class pays for the decoders in proportion to its share of the budget, rounded up.
        left = budget - (nets * budget + total - 1) // total
        codes = left // each
        if int(codes.min()) < 1:
            raise ValueError(
                f"{form[0]} decoders of width {form[1]} take {nets} bytes of {total} and leave no "
                f"code of {each} bytes for some class; raise the budget or lower decoders, width "
                "or code_channels"
            )
        return Plan(codes, *form)

    def bytes_of(self, form: tuple[int, int], real: ImageSource) -> int:
        """Bytes of so many decoders of a width."""
        return 4 * form[0] * decoder_numbers(real.shape, self.code_channels, form[1])

    def memory_bytes(self, real: ImageSource) -> int:
        """Besides a network over real images, all targets of the autoencoder, and the layers of a
        network over the images of a step."""
        plan = self.plan(real)
        decoded = int(plan.codes.sum()) * plan.decoders
        shown = int(plan.codes.clamp_max(self.shown).sum()) * plan.decoders
        maps = 4 * self.hidden_channels * real.shape[1] * real.shape[2]
        return (
            super().memory_bytes(real)
            + 2 * decoded * int(real.example_bytes)
            + (4 * shown * maps if self.model != "mlp" else 0)
        )
