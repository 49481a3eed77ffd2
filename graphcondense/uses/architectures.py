"""Architectures that a search chooses among."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from itertools import product
from typing import TYPE_CHECKING, Any

from graphcondense.nn.batched import ACTIVATIONS, resolve
from graphcondense.ops.types import Record
from graphcondense.uses import explore

if TYPE_CHECKING:
    from optuna import Trial


@dataclass(frozen=True)
class Architecture:
    """One network. ``None`` is what it does not have: SGC, or one layer, has no hidden layer.

    Attributes:
        model: how it propagates, a name in :data:`~graphcondense.nn.batched.MODELS`.
        num_layers: its depth (for SGC: propagation steps).
        hidden: width of the hidden layers.
        activation: of the hidden layers.
        dropout: probability on hidden activations, and on the input where the model does that.
    """

    model: str
    num_layers: int
    hidden: int | None
    activation: str | None
    dropout: float | None

    def options(self) -> Record:
        """Fields of :class:`~graphcondense.evaluate.node_training.Training`."""
        return {k: v for k, v in asdict(self).items() if k != "model" and v is not None}

    def __str__(self) -> str:
        parts = [self.model, f"{self.num_layers} x {self.hidden or '-'}", self.activation]
        return " ".join(part for part in parts if part) + (
            "" if self.dropout is None else f" dropout {self.dropout:g}"
        )


@dataclass(frozen=True)
class Space:
    """The architectures to choose among.

    What a network does not have is not drawn, so no architecture has two names. Every value of a
    field has the same chance.

    Attributes:
        model: names in :data:`~graphcondense.nn.batched.MODELS`.
        num_layers: depths.
        hidden: widths.
        activation: names in :data:`~graphcondense.nn.batched.ACTIVATIONS`.
        dropout: probabilities.
    """

    model: tuple[str, ...] = ("GCN", "SGC", "APPNP", "Cheb", "SAGE", "GAT", "GIN", "GCNII", "MLP")
    num_layers: tuple[int, ...] = (1, 2, 3, 4)
    hidden: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    activation: tuple[str, ...] = ("relu", "elu", "tanh", "gelu")
    dropout: tuple[float, ...] = (0.0, 0.5)

    def __post_init__(self) -> None:
        for field in fields(self):
            values = getattr(self, field.name)
            if not values or len({*values}) < len(values):
                raise ValueError(f"{field.name}={values!r}: give values, each once")
        names = tuple(resolve(name).__name__ for name in self.model)
        object.__setattr__(self, "model", names)
        if wrong := [name for name in self.activation if name not in ACTIVATIONS]:
            raise ValueError(f"unknown activation {wrong[0]!r}: use {', '.join(ACTIVATIONS)}")

    def draw(self, choose: Callable[[str], Any]) -> Architecture:
        """An architecture, each value it needs asked from ``choose`` by the field's name."""
        model, num_layers = choose("model"), choose("num_layers")
        matters = explore.knobs(model, num_layers)
        return Architecture(
            model=model,
            num_layers=num_layers,
            hidden=choose("hidden") if matters.hidden else None,
            activation=choose("activation") if matters.activation else None,
            dropout=choose("dropout") if matters.dropout else None,
        )

    def suggest(self, trial: Trial) -> Architecture:
        """An architecture drawn by an Optuna trial."""
        return self.draw(lambda name: trial.suggest_categorical(name, getattr(self, name)))

    def every(self) -> list[Architecture]:
        """All architectures, each once.

        Examples:
            >>> len(Space(model=("SGC", "GCN"), num_layers=(1, 2)).every())  # 2 + (1 + 6 * 4 * 2)
            51
        """
        names = [field.name for field in fields(self)]
        values = product(*(getattr(self, name) for name in names))
        return list(dict.fromkeys(self.draw(dict(zip(names, v, strict=True)).get) for v in values))
