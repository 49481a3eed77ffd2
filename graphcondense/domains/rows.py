"""Users by items: rows of interactions, and learnable ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Generator, Tensor, nn

from graphcondense.core.method import Method
from graphcondense.core.types import Batch, Synthetic
from graphcondense.kernels.infinite_ae import RIDGES, InfiniteAE, Rows, as_rows
from graphcondense.ops.types import Context

BLOCK = 2**18
"""Numbers of a Gumbel draw at a time: what a core's cache holds."""

SCORED = 2000
"""Users that a choice on validation items looks at, at most; spread evenly over all."""


class Interactions(Protocol):
    """What a source reads of a task: never the test items."""

    @property
    def train(self) -> sp.csr_matrix: ...

    @property
    def val(self) -> sp.csr_matrix: ...


@dataclass
class RowsSource:
    """Training interactions of all users, and their validation items; one group of users.

    Users are the examples. What a method learns from is :attr:`rows`; the validation items serve
    :meth:`choose` alone.

    Args:
        task: training and validation interactions ``[users, items]``.
        device: where batches go.

    Attributes:
        num_examples: users.
        interactions_per_user: mean row sum.
        example_bytes: bytes of a row where every item has a weight.
        scored: how many users with validation items :meth:`choose` looks at.
        k: length of the lists that validation looks at: 100, or a tenth of few items.
    """

    task: InitVar[Interactions]  # it has the test items, so it is not kept
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    kind = "rows"
    num_classes = 1

    def __post_init__(self, task: Interactions) -> None:
        self.rows, self.validation = as_rows(task.train), as_rows(task.val)
        known = np.flatnonzero(np.diff(self.validation.indptr))
        every = -(-len(known) // SCORED) or 1
        self._scored = known[::every]
        self.scored = len(self._scored)
        self.num_examples, self.num_items = (int(size) for size in self.rows.shape)
        self.counts = torch.tensor([self.num_examples])
        self.interactions_per_user = float(self.rows.sum()) / self.num_examples
        self.example_bytes = 4 * self.num_items
        self.k = min(100, max(1, self.num_items // 10))

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        """Rows ``[users, items]`` float32, dense; they are their own targets."""
        users = np.arange(self.num_examples)
        if size is not None and size < len(users):
            users = torch.randperm(len(users), generator=rng)[:size].numpy()
        x = self.dense(users)
        return Batch((x,), x)

    def dense(self, users: npt.NDArray[np.integer]) -> Tensor:
        """The rows of ``users``, dense float32 ``[m, items]`` on the device."""
        dense = self.rows[users].toarray().astype(np.float32, copy=False)
        return torch.from_numpy(dense).to(self.device)

    def choose(
        self, x: Rows, model: InfiniteAE | None = None, ridges: Sequence[float] = RIDGES
    ) -> tuple[float, float]:
        """The first of ``ridges`` whose ∞-AE, fitted to ``x [n, items]``, ranks validation items
        best, and its HR@k, of at most :data:`SCORED` users. Training interactions are the context
        and are not ranked. By default the network is the paper's."""
        model = model or InfiniteAE(device=self.device)
        seen, wanted = self.rows[self._scored], self.validation[self._scored]
        model.set_params(ridge=ridges[0]).fit(x)
        scores = [model.refit(ridge).score(seen, wanted, self.k) for ridge in ridges]
        best = int(np.argmax(scores))
        return ridges[best], scores[best]


class _OfMean(Context, Protocol):
    drawn: tuple[int, int, float]


class _GumbelMean(torch.autograd.Function):
    """See :func:`gumbel_rows`; draws are made again in the backward pass, none is kept."""

    @staticmethod
    def forward(ctx: _OfMean, logits: Tensor, seed: int, draws: int, tau: float) -> Tensor:
        ctx.save_for_backward(logits)
        ctx.drawn = seed, draws, tau
        out = torch.zeros_like(logits)
        for rows, drawn in _draws(logits, seed, draws, tau):
            out[rows] += drawn
        return out / draws

    @staticmethod
    def backward(ctx: _OfMean, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (logits,), (seed, draws, tau) = ctx.saved_tensors, ctx.drawn
        out = torch.zeros_like(logits)
        for rows, drawn in _draws(logits, seed, draws, tau):
            grad = grads[0][rows]
            out[rows].addcmul_(drawn, grad - (drawn * grad).sum(1, keepdim=True))
        return out / (draws * tau), None, None, None


def _draws(logits: Tensor, seed: int, draws: int, tau: float) -> Iterator[tuple[slice, Tensor]]:
    """``softmax((logits + Gumbel) / τ)`` of some rows and one draw at a time; always the same."""
    rng = torch.Generator(logits.device).manual_seed(seed)
    size = max(1, BLOCK // logits.shape[1])
    for first in range(0, len(logits), size):
        rows = slice(first, first + size)
        part = logits[rows].detach()
        noise = torch.empty_like(part)
        for _ in range(draws):
            torch.rand(part.shape, generator=rng, out=noise)
            noise.log_().neg_().log_().neg_().add_(part).div_(tau)
            yield rows, torch.softmax(noise, 1)


def gumbel_rows(logits: Tensor, seed: int, draws: int, tau: float) -> Tensor:
    """``mean_draws softmax((logits + Gumbel) / τ)`` ``[n, items]`` (Distill-CF, eq. 6).

    Differentiable once in the logits. Memory is that of one draw, however many there are.

    Args:
        logits: ``[n, items]``.
        seed: of the noise, on the device of the logits.
        draws: how many; 0 leaves the noise out.
        tau: temperature; above 0.

    >>> gumbel_rows(torch.zeros(1, 4), seed=0, draws=0, tau=1.0).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    if not draws:
        return torch.softmax(logits / tau, 1)
    out: Tensor = _GumbelMean.apply(logits, seed, draws, tau)  # type: ignore[no-untyped-call]
    return out


class RowsSynthetic(Synthetic):
    """Learnable users ``X_s = clip(w mean_draws softmax((logits + Gumbel) / τ), -1, 1)``.

    Args:
        logits: initial logits ``[n, items]``; copied.
        interactions: ``w``, what a row sums to before it is clipped.
        draws: Gumbel draws; the paper takes ``w`` of them and their sum.
        tau: temperature.
        ridge: ``λ`` of the ∞-AE that is trained on the rows; kept here, so that a checkpoint and
            the best set have it.
        seed: of the noise until :meth:`draw` is called.
        top: so many of a user's largest weights are exported; ``None`` is all.
    """

    seed: Tensor
    ridge: Tensor

    def __init__(
        self,
        logits: Tensor,
        *,
        interactions: float,
        draws: int = 20,
        tau: float = 10.0,
        ridge: float = 1.0,
        seed: int = 0,
        top: int | None = None,
    ) -> None:
        super().__init__()
        if not tau > 0:
            raise ValueError(f"tau must be above 0, got {tau}")
        if not interactions > 0:
            raise ValueError(f"interactions must be above 0, got {interactions}")
        if draws < 0:
            raise ValueError(f"draws must be at least 0, got {draws}")
        if top is not None and top < 1:
            raise ValueError(f"top must be at least 1, got {top}")
        self.logits = nn.Parameter(logits.detach().clone())
        self.interactions, self.draws, self.tau, self.top = interactions, draws, tau, top
        self.register_buffer("seed", torch.tensor(seed))
        self.register_buffer("ridge", torch.tensor(float(ridge), dtype=torch.float64))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.logits]}

    def draw(self, rng: Generator) -> None:
        """A new seed of the noise, which stays until the next call."""
        self.seed.fill_(torch.randint(2**62, (), generator=rng))

    def rows(self) -> Tensor:
        """``X_s [n, items]``, differentiable."""
        mean = gumbel_rows(self.logits, int(self.seed), self.draws, self.tau)
        return (self.interactions * mean).clamp(-1, 1)

    def batch(self, c: int | None = None) -> Batch:
        x = self.rows()
        return Batch((x,), x)

    def batches(self) -> list[Batch]:
        return [self.batch()]

    @torch.no_grad()
    def export(self) -> sp.csr_matrix:
        """``X_s`` of the present draw as CSR float32, without what :attr:`top` leaves out."""
        x = self.rows().float().cpu()
        if self.top is not None and self.top < x.shape[1]:
            kept = x.topk(self.top, 1)
            x = torch.zeros_like(x).scatter_(1, kept.indices, kept.values)
        return sp.csr_matrix(x.numpy())


class ChosenRows(Synthetic):
    """Real users, chosen; nothing is learnt.

    Args:
        rows: theirs, CSR ``[n, items]``.
    """

    def __init__(self, rows: sp.csr_matrix) -> None:
        super().__init__()
        self.chosen = rows

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {}

    def batch(self, c: int | None = None) -> Batch:
        x = torch.from_numpy(self.chosen.toarray().astype(np.float32))
        return Batch((x,), x)

    def batches(self) -> list[Batch]:
        return [self.batch()]

    def export(self) -> sp.csr_matrix:
        return sp.csr_matrix(self.chosen, dtype=np.float32, copy=True)


def first_rows(method: Method[RowsSource], real: RowsSource, rng: Generator) -> Tensor:
    """Rows of random users, as many as the budget says, dense ``[n, items]``."""
    (n,) = method.sizes(real).tolist()
    return real.dense(torch.randperm(real.num_examples, generator=rng)[:n].numpy())
