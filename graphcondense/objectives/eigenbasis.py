"""Eigenbasis matching: both graphs carry their features alike along each eigenvector (GDEM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from graphcondense.core.types import Learner, Source


class Eigenbasis(Protocol):
    """What is compared: features ``[n, d]``, eigenvectors ``[n, K]``, eigenvalues, classes."""

    x: Tensor
    u: Tensor
    eigenvalues: Tensor
    y: Tensor


@dataclass(frozen=True)
class EigenbasisMatching:
    """``α L_e + β L_d + γ L_o`` (GDEM, Liu et al., ICML 2024, eq. 6-9).

    ``L_e = Σ_k ‖Xᵀu_k u_kᵀX - X'ᵀu'_k u'_kᵀX'‖²``; both matrices have rank one, so with
    ``a = Xᵀu_k`` and ``b = X'ᵀu'_k`` a term is ``|a|⁴ + |b|⁴ - 2 (a·b)²`` and no ``d x d`` array
    is made. ``L_d = Σ_cc' (cos(h_c, h'_c') - [c = c'])²``, so that classes are alike to themselves
    and apart from each other, with ``h = YᵀÂX`` and ``h' = Y'ᵀ Σ_k (1 - λ_k) u'_k u'_kᵀ X'``;
    ``L_o = ‖U'ᵀU' - I‖²``.

    Attributes:
        along: ``a`` of the real graph, ``[K, d]``.
        classes: ``h`` of the real graph, ``[C, d]``.
        alpha, beta, gamma: weights.
        unit: ``a`` and ``b`` are scaled to length one, so that the number of nodes, which their
            lengths grow with, does not matter.
    """

    along: Tensor
    classes: Tensor
    alpha: float = 1.0
    beta: float = 1.0
    gamma: float = 1.0
    unit: bool = True

    def __call__(self, syn: Any, real: Source, learner: Learner, rng: Generator) -> Tensor:
        basis: Eigenbasis = syn
        a, b = self.along, basis.u.T @ basis.x
        if self.unit:
            a, b = F.normalize(a), F.normalize(b)
        matched = rank_one_distance(a, b).sum()
        step = (basis.u * (1 - basis.eigenvalues)) @ (basis.u.T @ basis.x)
        members = F.one_hot(basis.y, len(self.classes)).to(step)
        alike = F.normalize(members.T @ step) @ F.normalize(self.classes).T
        apart = (alike - torch.eye(len(alike)).to(alike)).square().sum()
        eye = torch.eye(basis.u.shape[1], dtype=step.dtype, device=step.device)
        straight = (basis.u.T @ basis.u - eye).square().sum()
        return self.alpha * matched + self.beta * apart + self.gamma * straight


def rank_one_distance(a: Tensor, b: Tensor) -> Tensor:
    """``‖a aᵀ - b bᵀ‖²`` of each row ``[K, d]``.

    >>> a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 1.0]])
    >>> rank_one_distance(a, b).item(), (a.T @ a - b.T @ b).square().sum().item()
    (18.0, 18.0)
    """
    squares = a.square().sum(1).square() + b.square().sum(1).square()
    return squares - 2 * (a * b).sum(1).square()
