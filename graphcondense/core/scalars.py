"""Learnable positive numbers beside synthetic data: step sizes, temperatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Generator, Tensor, nn

from graphcondense.core.types import Batch, Synthetic


@runtime_checkable
class HasScalars(Protocol):
    """A synthetic set with learnable numbers, such as :class:`WithScalars`."""

    def scalar(self, name: str) -> Tensor: ...

    def groups(self) -> Mapping[str, list[nn.Parameter]]: ...


class WithScalars(Synthetic):
    """Any synthetic set with a group of positive numbers, learnt as logarithms, for each name.

    Args:
        data: the synthetic set; batches, projection and export are its own.
        scalars: initial values by group name, such as ``{"lr": [0.02] * 10}``.

    Raises:
        ValueError: a value that is not above 0, or a name that ``data`` has as a group.
    """

    def __init__(self, data: Synthetic, scalars: Mapping[str, Sequence[float]]) -> None:
        super().__init__()
        self.data = data
        self.logs = nn.ParameterDict()
        device = next(data.parameters()).device
        for name, values in scalars.items():
            if not all(v > 0 for v in values):
                raise ValueError(f"{name} must be above 0, got {list(values)}")
            if name in data.groups():
                raise ValueError(f"the data have a group {name!r} of their own")
            self.logs[name] = nn.Parameter(torch.tensor(list(values), device=device).log())

    def scalar(self, name: str) -> Tensor:
        """The numbers of a group, differentiable."""
        value: Tensor = self.logs[name].exp()
        return value

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {**self.data.groups(), **{k: [p] for k, p in self.logs.items()}}

    def batch(self, c: int | None = None) -> Batch:
        return self.data.batch(c)

    def batches(self) -> list[Batch]:
        return self.data.batches()

    def draw(self, rng: Generator) -> None:
        self.data.draw(rng)

    @torch.no_grad()
    def project_(self) -> None:
        self.data.project_()

    def export(self) -> object:
        return self.data.export()
