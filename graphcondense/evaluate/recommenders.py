"""Recommenders that are trained on real or condensed users and score any user's items.

All have the habits of :class:`~graphcondense.kernels.infinite_ae.InfiniteAE`: ``fit(X)`` learns
from users ``X`` (CSR ``[n, items]``, values as weights), ``refit(ridge)`` solves again with another
ridge as cheaply as it can, and ``predict(X)`` gives scores ``[m, items]`` of users that need not be
among the fitted ones. Those whose own form has a vector for every user (matrix factorisation,
LightGCN) keep the item factors alone and fold users in by a ridge solve (:func:`fold_in`): how a
model trained on condensed users serves real ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.evaluate.pairwise import (
    layers_mean,
    length_loss,
    ranking_loss,
    sorted_uniform,
)
from graphcondense.kernels.infinite_ae import RIDGES, InfiniteAE, as_rows

Array: TypeAlias = "npt.NDArray[np.floating]"


class Recommender(Protocol):
    """What is fitted on users and scores users."""

    def fit(self, X: object) -> Self: ...

    def refit(self, ridge: float) -> Self: ...

    def predict(self, X: object) -> Array: ...


class Popularity:
    """Every user gets the items that most users took.

    >>> rows = sp.csr_matrix([[1, 1, 0], [1, 0, 0]])
    >>> Popularity().fit(rows).predict(rows[:1]).tolist()
    [[2.0, 1.0, 0.0]]
    """

    def fit(self, X: object) -> Self:
        """Sum the users ``X [n, items]``."""
        self.counts_ = np.asarray(as_rows(X).sum(0)).ravel()
        return self

    def refit(self, ridge: float) -> Self:
        """There is no ridge."""
        return self

    def predict(self, X: object) -> Array:
        """The same scores for each user, ``[m, items]`` float32."""
        rows = _users(X, len(self.counts_))
        return np.tile(self.counts_.astype(np.float32), (rows.shape[0], 1))


class EASE:
    """A linear autoencoder without self-similarity, in closed form (Steck, WWW 2019).

    ``B_ij = -P_ij / P_jj`` off the diagonal and 0 on it, with ``P = (XᵀX + λI)^-1`` (eq. 8); the
    scores are ``X_ctx B``. With fewer users than items ``P`` comes from the users' ``n x n`` matrix
    (Woodbury). Holds three ``items x items`` matrices of float64.

    Args:
        ridge: ``λ``, absolute as in the paper; above 0.
        device: where the linear algebra runs.

    Attributes:
        coef_: ``B [items, items]`` float32.
    """

    def __init__(self, ridge: float = 500.0, *, device: torch.device | str = "cpu") -> None:
        self.ridge, self.device = ridge, device

    def fit(self, X: object) -> Self:
        """Solve for the users ``X [n, items]``.

        Raises:
            ValueError: no users, or a ridge that is not above 0.
        """
        rows = _some(as_rows(X)).astype(np.float64)
        self._wide = rows.shape[0] < rows.shape[1]
        gram = (rows @ rows.T if self._wide else rows.T @ rows).toarray()
        self._gram = torch.from_numpy(gram).to(self.device)
        self._rows = rows
        return self.refit(self.ridge)

    def refit(self, ridge: float) -> Self:
        """Solve again with another ``λ``; the Gram matrix is kept."""
        self.ridge = _positive(ridge)
        system = self._gram.clone()
        system.diagonal().add_(ridge)
        factor = torch.linalg.cholesky(system)
        del system
        if self._wide:
            dense = torch.from_numpy(self._rows.toarray()).to(self.device)
            half = torch.linalg.solve_triangular(factor, dense, upper=False)
            inverse = half.T @ half / -ridge
            inverse.diagonal().add_(1 / ridge)
        else:
            inverse = torch.cholesky_inverse(factor)
        inverse /= -inverse.diagonal().clone()
        inverse.fill_diagonal_(0)
        self.coef_ = inverse.float().contiguous().cpu().numpy()
        return self

    def predict(self, X: object) -> Array:
        """Scores ``[m, items]`` float32 of users with the interactions ``X [m, items]``."""
        rows = _users(X, len(self.coef_)).astype(np.float32)
        out: Array = rows @ self.coef_
        return out


def fold_in(items: Tensor, rows: sp.csr_matrix, ridge: float, negative: float) -> Tensor:
    """Factors of users from fixed factors of items, by ridge regression, ``[n, k]``.

    The user's step of implicit alternating least squares (Hu, Koren & Volinsky, ICDM 2008) in the
    form of Rendle et al. (RecSys 2022): the least of ``Σ_i |x_i| (p · q_i - sign x_i)² + α
    Σ_i (p · q_i)² + λ |p|²``, so that ``p = (Σ |x_i| q_i q_iᵀ + α QᵀQ + λI)^-1 Qᵀ x``.

    Args:
        items, rows: ``Q [items, k]`` float32, and users ``[n, items]`` of weights.
        ridge, negative: ``λ``, above 0, and ``α``, the weight of items not taken.
    """
    items = items.float().cpu()  # SciPy's sparse products run there
    k = items.shape[1]
    upper = torch.triu_indices(k, k)
    pairs = (items[:, upper[0]] * items[:, upper[1]]).numpy()
    eye = torch.eye(k)
    base = negative * items.T @ items + ridge * eye
    out = torch.empty(rows.shape[0], k)
    for first in range(0, rows.shape[0], _FOLDED):
        part = rows[first : first + _FOLDED].astype(np.float32)
        products = torch.from_numpy(abs(part) @ pairs)
        system = torch.empty(len(products), k, k)
        system[:, upper[0], upper[1]] = products
        system[:, upper[1], upper[0]] = products
        target = torch.from_numpy(part @ items.numpy())
        out[first : first + _FOLDED] = torch.linalg.solve(system + base, target)
    return out


_FOLDED = 1024
"""Users folded in at once."""


@dataclass(eq=False)
class Factors:
    """What keeps item factors and folds users in, see :func:`fold_in`.

    Args:
        ridge: ``λ`` of the fold-in.
        negative: ``α``, the weight of pairs that did not occur.
        factors: length ``k`` of the vectors.
        seed: draws what is random.
    """

    ridge: float = 10.0
    _: KW_ONLY
    negative: float = 0.3
    factors: int = 64
    seed: int = 0
    items_: Tensor = field(init=False, repr=False)

    def predict(self, X: object) -> Array:
        """Scores ``[m, items]`` float32 of users with the interactions ``X [m, items]``."""
        rows = _users(X, len(self.items_))
        users = fold_in(self.items_, rows, self.ridge, self.negative)
        out: Array = (users @ self.items_.cpu().T).numpy()
        return out


@dataclass(eq=False)
class MatrixFactorisation(Factors):
    """Implicit alternating least squares (Hu, Koren & Volinsky, ICDM 2008).

    ``ridge`` is ``λ`` of users and items, and ``seed`` draws the first item factors.

    Args:
        sweeps: users and items are solved for so many times.
    """

    _: KW_ONLY
    sweeps: int = 10

    def fit(self, X: object) -> Self:
        """Alternate on the users ``X [n, items]``.

        Raises:
            ValueError: no users, or a ridge that is not above 0.
        """
        self._rows = _some(as_rows(X))
        return self.refit(self.ridge)

    def refit(self, ridge: float) -> Self:
        """Alternate again, from the same start, with another ``λ``."""
        self.ridge = _positive(ridge)
        rng = torch.Generator().manual_seed(self.seed)
        items = torch.randn(self._rows.shape[1], self.factors, generator=rng)
        items *= 0.1 / self.factors**0.5
        turned = self._rows.T.tocsr()
        for _ in range(self.sweeps):
            users = fold_in(items, self._rows, ridge, self.negative)
            items = fold_in(users, turned, ridge, self.negative)
        self.items_ = items
        return self


@dataclass(eq=False)
class LightGCN(Factors):
    """PyG's ``LightGCN`` (He et al., SIGIR 2020) on the graph of users and items, BPR loss.

    The graph's edges carry the interactions' weights (those above 0), normalised as in the paper;
    layers are averaged. Each step draws ``batch_size`` interactions, by weight, and one random item
    for each. What is kept are the items' vectors after propagation, of mean squared length one;
    users are folded in.

    Training ends where the loss, as a mean over 50 steps, is no longer ``fall`` below that of
    the 50 steps before, or after ``steps``.

    Args:
        num_layers: rounds of propagation.
        steps: updates of Adam at most.
        fall: by which share of it the loss has to fall for training to go on; 0 never ends early.
        lr: its learning rate.
        batch_size: interactions a step.
        decay: weight of the squared length of the vectors of a step.
        device: where to train.

    Attributes:
        steps_: updates that were made.
    """

    _: KW_ONLY
    num_layers: int = 2
    steps: int = 2_000
    fall: float = 0.002
    lr: float = 0.02
    batch_size: int = 131_072
    decay: float = 1e-4
    device: torch.device | str = "cpu"
    steps_: int = field(init=False, repr=False)

    def fit(self, X: object) -> Self:
        """Train on the users ``X [n, items]``.

        Raises:
            ValueError: no users, or none with an interaction above 0.
        """
        from torch_geometric.nn import LightGCN as Model

        rows = _some(as_rows(X)).tocoo()
        kept = rows.data > 0
        if not kept.any():
            raise ValueError("LightGCN needs interactions above 0: the users have none")
        n, items = rows.shape
        user, item = (torch.from_numpy(v[kept]).long() for v in (rows.row, rows.col))
        weight = torch.from_numpy(rows.data[kept]).float()
        adj = _normalised(user, item + n, weight, n + items).to(self.device)
        with torch.random.fork_rng(devices=[]):  # PyG draws its weights from the global generator
            torch.manual_seed(self.seed)
            model = Model(n + items, self.factors, self.num_layers, normalize=False)
        start = model.embedding.weight.detach().to(self.device).requires_grad_()
        optimizer = torch.optim.Adam([start], self.lr)
        rng = torch.Generator().manual_seed(self.seed)
        drawn = weight.double().cumsum(0)
        size = min(self.batch_size, len(weight))
        plateau = Plateau(self.fall)
        with torch.no_grad():
            for step in range(1, self.steps + 1):
                self.steps_ = step
                at = sorted_uniform(size, rng) * drawn[-1]
                at = torch.searchsorted(drawn, at).clamp_max(len(drawn) - 1)
                other = torch.randint(items, (size,), generator=rng)
                rows_of = torch.stack([user[at], item[at] + n, other + n]).to(self.device)
                vectors = layers_mean(adj, start, self.num_layers)
                loss, slope = ranking_loss(vectors, *rows_of)
                length, shrink = length_loss(start, rows_of, self.decay)
                start.grad = layers_mean(adj, slope, self.num_layers) + shrink
                optimizer.step()
                if plateau.reached(float(loss + length)):
                    break
            found = layers_mean(adj, start, self.num_layers)[n:].cpu()
        self.items_ = found / found.square().sum(1).mean().sqrt()
        return self

    def refit(self, ridge: float) -> Self:
        """Another ``λ`` of the fold-in; the vectors are kept."""
        self.ridge = _positive(ridge)
        return self


class Plateau:
    """Whether a noisy loss has stopped falling, by means over 50 steps.

    >>> falls, stays = Plateau(0.1), Plateau(0.1)
    >>> any(falls.reached(0.9**step) for step in range(500))
    False
    >>> [step for step in range(500) if stays.reached(1.0)][0]
    99
    """

    EVERY = 50

    def __init__(self, fall: float) -> None:
        self.fall, self._seen, self._before = fall, list[float](), math.inf

    def reached(self, loss: float) -> bool:
        """Take the loss of one step; whether it has not fallen by the share ``fall``."""
        self._seen.append(loss)
        if len(self._seen) < self.EVERY or not self.fall:
            return False
        mean = math.fsum(self._seen) / len(self._seen)
        ended, self._before = mean > (1 - self.fall) * self._before, mean
        self._seen.clear()
        return ended


def _normalised(a: Tensor, b: Tensor, weight: Tensor, size: int) -> Tensor:
    """``D^-1/2 A D^-1/2`` of undirected edges ``a - b`` as a sparse CSR tensor."""
    degree = torch.zeros(size).index_add_(0, a, weight).index_add_(0, b, weight)
    scale = degree.clamp_min(1e-12).rsqrt()
    values = weight * scale[a] * scale[b]
    index = torch.stack([torch.cat([a, b]), torch.cat([b, a])])
    both = torch.sparse_coo_tensor(index, values.repeat(2), (size, size))
    return both.coalesce().to_sparse_csr()


def _positive(ridge: float) -> float:
    if not ridge > 0:
        raise ValueError(f"ridge must be above 0, got {ridge}")
    return ridge


def _some(rows: sp.csr_matrix) -> sp.csr_matrix:
    if not rows.shape[0]:
        raise ValueError("a recommender needs at least one user to fit")
    return rows


def _users(x: object, items: int) -> sp.csr_matrix:
    rows = as_rows(x)
    if rows.shape[1] != items:
        raise ValueError(
            f"the users to predict have {rows.shape[1]} items and the fitted ones {items}"
        )
    return rows


@dataclass(frozen=True)
class Known:
    """A recommender by name.

    Attributes:
        name: in tables.
        make: builds it, given a seed and a device.
        ridges: what validation chooses among; empty where there is no ridge.
        seeded: whether a seed changes the result.
        ridge_trains: whether what it learns depends on the ridge; where it does not, one training
            serves all of them.
        about: a few words for the table's notes.
    """

    name: str
    make: Callable[[int, torch.device | str], Recommender]
    ridges: tuple[float, ...] = ()
    seeded: bool = False
    ridge_trains: bool = True
    about: str = ""

    EASE_RIDGES: ClassVar[tuple[float, ...]] = (1.0, 10.0, 50.0, 200.0, 500.0, 1000.0, 2000.0)
    FACTOR_RIDGES: ClassVar[tuple[float, ...]] = (0.1, 1.0, 10.0, 50.0)


RECOMMENDERS: dict[str, Known] = {
    known.name: known
    for known in (
        Known("InfiniteAE", lambda seed, device: InfiniteAE(device=device), RIDGES, about="∞-AE"),
        Known("EASE", lambda seed, device: EASE(device=device), Known.EASE_RIDGES),
        Known(
            "MF",
            lambda seed, device: MatrixFactorisation(seed=seed),
            Known.FACTOR_RIDGES,
            seeded=True,
            about="implicit alternating least squares; users folded in",
        ),
        Known(
            "LightGCN",
            lambda seed, device: LightGCN(seed=seed, device=device),
            Known.FACTOR_RIDGES,
            seeded=True,
            ridge_trains=False,
            about="PyG's; users folded in by a ridge solve on its item vectors",
        ),
        Known("Popularity", lambda seed, device: Popularity()),
    )
}
"""Every recommender that comes with the package, by its name in tables."""


def recommender_named(name: str) -> Known:
    """The recommender called ``name``; case does not matter, and ``∞-AE`` is ``InfiniteAE``.

    Raises:
        ValueError: an unknown name.

    >>> recommender_named("ease").name
    'EASE'
    """
    spelled = {known.lower(): known for known in RECOMMENDERS}
    spelled |= {"∞-ae": "InfiniteAE", "infinite-ae": "InfiniteAE", "als": "MF"}
    if name.lower() not in spelled:
        raise ValueError(f"unknown recommender {name!r}; known are {', '.join(RECOMMENDERS)}")
    return RECOMMENDERS[spelled[name.lower()]]
