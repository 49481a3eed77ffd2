"""How models of nodes are trained by an evaluator: the same for every set that is compared."""

from __future__ import annotations

from dataclasses import dataclass, fields

from graphcondense.evaluate.evaluator import Options
from graphcondense.nn.batched import Stacked
from graphcondense.ops.fields import Count, Momentum, NonNegative, Positive
from graphcondense.ops.sparsify import How


@dataclass(frozen=True)
class Settings:
    """How one model is trained: the fields of :class:`Training`, none left open."""

    epochs: int = 300
    hidden: int = 256
    num_layers: int = 2
    lr: float = 0.01
    weight_decay: float = 5e-4
    dropout: float = 0.5
    activation: str = "relu"
    val_every: int = 1


SETTINGS = tuple(field.name for field in fields(Settings))


@dataclass(frozen=True)
class Training(Options):
    """How the evaluator trains: a model's settings are the same for every set that is compared.

    ``None`` leaves a setting to the model, whose ``recipe`` says where it needs other than
    :class:`Settings`.

    Attributes:
        epochs: full-batch steps of Adam.
        hidden: width of the hidden layers; by default 256 or what the model needs.
        num_layers: layers (for SGC: propagation steps); by default 2 or what the model needs.
        lr: learning rate of Adam; by default 0.01 or what the model needs.
        weight_decay: of Adam, for every parameter; by default 5e-4 or what the model needs.
        dropout: on hidden activations; by default 0.5 or what the model needs.
        activation: of hidden layers; by default ReLU or what the model needs.
        val_every: validate after every so many epochs, and after the last. The grid matters: a
            score is only comparable at the same value; reports use 1.
        validation_nodes: so many validation nodes choose the epoch, drawn once and the same for all
            sets; the scores of the chosen epoch and of the last are of all of them. By default all,
            or 4,096 of them if there are more: on a large graph predicting them after every epoch
            is most of what a training costs.
        sparsify: which edges of a graph with different weights are kept: all (``"none"``), those
            above a threshold, the ``"top-k"`` of each node, or a maximum spanning ``"forest"``; the
            threshold and k are chosen on validation. By default a threshold for models that do not
            see weights, all edges for the others.
    """

    epochs: Count = 300
    hidden: Count | None = None
    num_layers: Count | None = None
    lr: Positive | None = None
    weight_decay: NonNegative | None = None
    dropout: Momentum | None = None
    activation: str | None = None
    val_every: Count = 1
    validation_nodes: Count | None = None
    sparsify: How | None = None

    def of(self, kind: type[Stacked]) -> Settings:
        """Every setting that is left open, filled in for a model."""
        given = {name: getattr(self, name) for name in SETTINGS}
        left = {name: value for name, value in given.items() if value is not None}
        return Settings(**{**kind.recipe, **left})
