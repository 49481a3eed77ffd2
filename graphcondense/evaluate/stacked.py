"""Networks that hold many seeds at once: made by name, their weights, and what they predict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call

from graphcondense.nn.batched import Stacked, resolve
from graphcondense.nn.wrapped import wrap

Model: TypeAlias = "str | type[Stacked] | Callable[..., nn.Module]"
"""A model by its name, or a class of one's own."""

Weights: TypeAlias = Mapping[str, Tensor] | None
"""Of stacked networks, each ``[S, ...]``; ``None`` for those that the model has."""


def model_of(model: Model) -> type[Stacked]:
    """The stacked form of a model: by its name, or of a class of the user's own."""
    if isinstance(model, str):
        return resolve(model)
    if not callable(model) or isinstance(model, nn.Module):
        raise ValueError(
            f"a model is a name or a class, got {type(model).__name__}: {str(model)[:80]!r}; a "
            "network of its own is built for every seed, so give the class or a function"
        )
    make: Callable[..., nn.Module] = model
    return model if isinstance(model, type) and issubclass(model, Stacked) else wrap(make)


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """All that a model learns or keeps, each ``[S, ...]``."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def keep(selected: Mapping[str, Tensor], live: Mapping[str, Tensor], better: Tensor) -> None:
    """Copy what is ``live`` over what is ``selected``, both ``[S, ...]``, of the seeds ``better
    [S]``."""
    for seed in better.nonzero().flatten().tolist():
        for name, value in live.items():
            selected[name][seed].copy_(value[seed].detach())


@torch.inference_mode()
def logits_of(
    model: Stacked,
    weights: Weights,
    inputs: tuple[object, ...],
    group: int,
    networks: int | None = None,
) -> Iterator[Tensor]:
    """Logits of one group of seeds after the other."""
    model.eval()
    if weights is None:
        if len(model.seeds) <= group and networks is None:
            yield model(*inputs)  # putting weights in their places takes longer than a small graph
            return
        weights = state_of(model)
    seeds = len(next(iter(weights.values()))) if networks is None else networks
    for i in range(0, seeds, group):
        part = {name: weight[i : i + group] for name, weight in weights.items()}
        yield functional_call(model, part, inputs)
