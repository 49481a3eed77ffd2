"""Any objective on augmented images: both worlds are shown through one transformation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Generator, Tensor

from graphcondense.core.types import Batch, Learner, Objective, Source, Synthetic
from graphcondense.ops.augment import Augment, Shown


@dataclass(frozen=True)
class Augmented:
    """``L(A(S, ω), A(T, ω); θ)``, a new ``ω`` every step (DSA, Zhao & Bilen, ICML 2021, eq. 5).

    Attributes:
        objective: what is minimised; it sees proxies of both worlds.
        augment: the strategy; it needs the source's ``shape``, ``(channels, height, width)``.
        by_class: draw one transformation for each class and step, as DSA and DM do; otherwise one
            for all. Batches over all classes then need hard labels.
    """

    objective: Objective
    augment: Augment
    by_class: bool = True

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        if not self.augment.operations:
            return self.objective(syn, real, learner, rng)
        count = real.num_classes if self.by_class else 1
        shape: tuple[int, int, int] = cast("Any", real).shape
        shown = [self.augment.draw(rng, shape) for _ in range(count)]
        return self.objective(
            cast("Synthetic", _Seen(syn, shown)), cast("Source", _Seen(real, shown)), learner, rng
        )


class _Seen:
    """A world whose batches are transformed; everything else is the world's own."""

    def __init__(self, world: Any, shown: list[Shown]) -> None:
        self._world, self._shown = world, shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def batch(self, c: int | None = None, *args: Any, **kwargs: Any) -> Batch:
        return self._see(self._world.batch(c, *args, **kwargs), c)

    def batches(self) -> list[Batch]:
        return [self._see(batch, c) for c, batch in enumerate(self._world.batches())]

    def _see(self, batch: Batch, c: int | None) -> Batch:
        if len(self._shown) == 1 or c is not None:
            return batch.shown(self._shown[0 if len(self._shown) == 1 else c or 0])
        if batch.y.is_floating_point():
            raise ValueError(
                "a transformation for each class needs hard labels in a batch over all classes, "
                "these are soft; set by_class=False"
            )

        def by_class(x: Tensor) -> Tensor:
            out = torch.zeros_like(x)
            for k, shown in enumerate(self._shown):
                rows = (batch.y == k).nonzero().flatten()
                if len(rows):
                    out = out.index_copy(0, rows, shown(x[rows]))
            return out

        return batch.shown(by_class)
