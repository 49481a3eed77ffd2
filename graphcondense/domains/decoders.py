"""Images as latent codes seen through tiny decoders: a factorised set that any objective can train.

Every code passes every decoder, so ``m`` codes and ``M`` decoders make ``m M`` images (KFS, Lee et
al., 2022, arXiv 2208.10494, section 3).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core.pools import built, initialise
from graphcondense.core.types import Batch
from graphcondense.domains.image import LABEL_BYTES, LearntImages, as_is
from graphcondense.nn.generators import TinyDecoders, base_sides


class DecodedImages(LearntImages):
    """``x = D_j(z_i)`` for every code ``z_i`` of a class and every decoder ``j``; all classes share
    the decoders.

    Groups: ``codes`` and ``decoders``. A step of training may see the images of a few codes only
    (``shown``), drawn anew by :meth:`draw`.

    Args:
        codes: initial codes ``[m, channels, *base_sides]``; copied.
        y: class of each code ``[m]``, ascending.
        num_classes, raw: see :class:`~graphcondense.domains.image.LearntImages`.
        decoders: taken as they are, and learnt on.
        shown: codes of each class in a step; by default all.
    """

    rows: Tensor

    def __init__(
        self,
        codes: Tensor,
        y: Tensor,
        num_classes: int,
        decoders: TinyDecoders,
        *,
        shown: int | None = None,
        raw: Callable[[Tensor], Tensor] = as_is,
    ) -> None:
        if shown is not None and shown < 1:
            raise ValueError(f"shown={shown}: a step has to see at least 1 code of a class")
        super().__init__(y.repeat_interleave(decoders.number), num_classes, raw)
        self.codes = nn.Parameter(codes.detach().clone())
        self.decoders = decoders
        self.codes_each: list[int] = torch.bincount(y.cpu(), minlength=num_classes).tolist()
        self.seen = [k if shown is None else min(k, shown) for k in self.codes_each]
        # The codes of the coming step: a buffer, so that a checkpoint holds them.
        self.register_buffer("rows", self._chosen(lambda total, k: torch.arange(k)))

    def _chosen(self, choose: Callable[[int, int], Tensor]) -> Tensor:
        first, parts = 0, []
        for total, k in zip(self.codes_each, self.seen, strict=True):
            parts.append(first + choose(total, k))
            first += total
        return torch.cat(parts).to(self.codes.device)

    def draw(self, rng: Generator) -> None:
        if self.seen != self.codes_each:
            self.rows = self._chosen(lambda total, k: torch.randperm(total, generator=rng)[:k])

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"codes": [self.codes], "decoders": list(self.decoders.parameters())}

    def images(self) -> tuple[Tensor, Tensor]:
        return self.decoders(self.codes).flatten(0, 1), self.classes

    def batch(self, c: int | None = None) -> Batch:
        """Those of the codes in this step."""
        if c is not None:
            return self.batches()[c]
        inputs, y = zip(*((b.inputs[0], b.y) for b in self.batches()), strict=True)
        return Batch((torch.cat(inputs),), torch.cat(y))

    def batches(self) -> list[Batch]:
        x = self.decoders(self.codes[self.rows]).flatten(0, 1)
        sizes = [k * self.decoders.number for k in self.seen]
        ends = torch.arange(self.num_classes, device=x.device)
        return [
            Batch((images,), ends[c : c + 1].expand(len(images)))
            for c, images in enumerate(torch.split(x, sizes))
        ]

    @property
    def stored_bytes(self) -> int:
        """Codes, each with its label, and decoders."""
        nets = sum(p.nbytes for p in self.decoders.parameters())
        return self.codes.nbytes + LABEL_BYTES * len(self.codes) + nets

    def fit_(self, targets: Tensor, steps: int, *, lr: float = 0.01, rng: Generator) -> None:
        """Bring images to their targets ``[m, M, c, h, w]``, for each code and decoder, in squared
        pixels, by Adam on both; at most 256 codes a step."""
        params = [self.codes, *self.decoders.parameters()]
        adam = torch.optim.Adam(params, lr)
        for _ in range(steps):
            rows = torch.randperm(len(self.codes), generator=rng)[:256].to(self.codes.device)
            loss = (self.decoders(self.codes[rows]) - targets[rows]).square().mean()
            for param, slope in zip(params, torch.autograd.grad(loss, params), strict=True):
                param.grad = slope
            adam.step()
        for param in params:
            param.grad = None


def new_decoders(
    shape: tuple[int, int, int],
    number: int,
    code_channels: int,
    width: int,
    rng: Generator,
    device: torch.device | str = "cpu",
) -> TinyDecoders:
    """Decoders with weights drawn from ``rng``."""
    decoders = built(TinyDecoders, shape, number, code_channels, width).to(device)
    decoders.load_state_dict(initialise(decoders, rng))
    return decoders


def small_codes(targets: Tensor, code_channels: int, noise: float, rng: Generator) -> Tensor:
    """Codes ``[m, code_channels, *base_sides]``: the mean of their targets ``[m, M, c, h, w]``,
    made smaller, colours dealt out in turn, and noise of this standard deviation."""
    shape = (int(targets.shape[2]), int(targets.shape[3]), int(targets.shape[4]))
    small = F.interpolate(targets.mean(1), base_sides(shape), mode="area")
    codes = small[:, torch.arange(code_channels) % shape[0]]
    return codes + noise * torch.randn(codes.shape, generator=rng).to(codes)
