"""Distribution matching: both worlds should look alike to a network's features.

``L = Σ_c ‖mean φ_θ(T_c) - mean φ_θ(S_c)‖²`` (DM, Zhao & Bilen, WACV 2023), or of every layer, with
real features classified by synthetic centres besides (CAFE, Wang et al., CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.func import functional_call
from torch.nn import functional as F

from graphcondense.core.types import Batch, Learner, Source, Synthetic


@dataclass(frozen=True)
class MeanMatching:
    """Squared distance of class means of features, summed over classes.

    Attributes:
        size: real examples a class and step, drawn anew; ``None`` uses all.
    """

    size: int | None = None

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        terms = []
        for c, small in enumerate(syn.batches()):
            if not len(small.y):
                continue
            with torch.no_grad():
                target = learner.features(real.batch(c, self.size, rng)).mean(0)
            terms.append((learner.features(small).mean(0) - target).square().sum())
        return torch.stack(terms).sum()


@dataclass(frozen=True)
class LayerMatching:
    """Class means of every layer aligned, and real features told apart by synthetic centres (CAFE).

    ``L = Σ_c Σ_l ‖mean f_l(T_c) - mean f_l(S_c)‖² + β L_D`` (eq. 2 and 5): ``L_D`` is the mean
    cross-entropy of real examples whose logits are the inner products of their last layer with the
    class means of the synthetic one. Centres learn from it, real features do not.

    The learner's model is called with ``layers=True`` and gives a list of ``[n, ...]``; each is
    flattened, and the last is what ``L_D`` reads.

    Attributes:
        size: real examples a class and step, drawn anew; ``None`` uses all.
        discrimination: ``β``; 0 leaves the second term out.
    """

    size: int | None = None
    discrimination: float = 1.0

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        aligned: list[Tensor] = []
        centres: list[Tensor] = []
        rows: list[Tensor] = []
        labels: list[Tensor] = []
        for c, small in enumerate(syn.batches()):
            if not len(small.y):
                continue
            with torch.no_grad():
                targets = _layers(learner, real.batch(c, self.size, rng))
            layers = _layers(learner, small)
            means = [layer.mean(0) for layer in layers]
            aligned += [
                (mean - target.mean(0)).square().sum()
                for mean, target in zip(means, targets, strict=True)
            ]
            labels.append(torch.full((len(targets[-1]),), len(centres), device=means[-1].device))
            rows.append(targets[-1])
            centres.append(means[-1])
        loss = torch.stack(aligned).sum()
        if not self.discrimination:
            return loss
        logits = torch.cat(rows) @ torch.stack(centres).T
        return loss + self.discrimination * F.cross_entropy(logits, torch.cat(labels))


@dataclass(frozen=True)
class ReceptiveFieldMatching:
    """Class means of every layer, classes weighted by their share of the synthetic nodes (GCDM).

    ``L = Σ_c r_c Σ_l ‖mean φ_l(T_c) - mean φ_l(S_c)‖²``. The real side is one pass over all
    training nodes. The learner's model is called with ``members=`` of
    :meth:`~graphcondense.nn.propagate.Propagation.summed`.

    Attributes:
        membership: which examples of a batch are compared together ``[g, m]``, a one for each,
            where these are not the classes.
    """

    membership: Callable[[Batch], Tensor] | None = None

    def __call__(self, syn: Synthetic, real: Source, learner: Learner, rng: Generator) -> Tensor:
        small, whole = syn.batch(), real.batch()
        mine, theirs = (self._members(batch, real.num_classes) for batch in (small, whole))
        counts = mine.sum(1)
        with torch.no_grad():
            targets = _class_means(learner, whole, theirs)
        means = _class_means(learner, small, mine)
        apart = sum(
            (mean - target).square().sum(1) for mean, target in zip(means, targets, strict=True)
        )
        loss: Tensor = (counts / counts.sum() * apart).sum()
        return loss

    def _members(self, batch: Batch, num_classes: int) -> Tensor:
        if self.membership is None:
            return members_of(batch.y, num_classes).to(batch.inputs[0].dtype)
        return self.membership(batch).to(batch.inputs[0].dtype)


def class_means(rows: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Means ``[C, d]`` of the rows of each class; a class without rows has zeros.

    >>> class_means(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1]), 2).tolist()
    [[2.0], [5.0]]
    """
    members = members_of(y, num_classes).to(rows)
    return members @ rows / members.sum(1, keepdim=True).clamp_min(1)


def members_of(y: Tensor, num_classes: int) -> Tensor:
    """Which rows are of which class ``[C, n]``, a one for each."""
    return F.one_hot(y, num_classes).T


def _class_means(learner: Learner, batch: Batch, members: Tensor) -> list[Tensor]:
    """Class means ``[C, d_l]`` of every layer of the model, over a batch all of whose outputs
    count and of which ``members [C, m]`` says who is of which class; see :func:`class_means`."""
    counts = members.sum(1, keepdim=True).clamp_min(1)
    return [sums / counts for sums in _called(learner, batch, members=members)]


def _layers(learner: Learner, batch: Batch) -> list[Tensor]:
    """Every layer of the model ``[n, d_l]``, at the rows of the batch."""
    out = _called(learner, batch, layers=True)
    kept = out if batch.rows is None else [layer[batch.rows] for layer in out]
    return [layer.flatten(1) for layer in kept]


def _called(learner: Learner, batch: Batch, **options: object) -> list[Tensor]:
    weights = {**learner.params, **learner.buffers}
    out: list[Tensor] = functional_call(learner.model, weights, batch.inputs, options)
    return out
