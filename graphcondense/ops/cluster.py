"""Fuzzy c-means, all restarts at once, and hard parts by k-means and by spectral clustering.

``min Σ_i Σ_j u_ij^f ‖x_i - v_j‖²`` over memberships ``u`` (rows sum to one) and centres ``v``
(Bezdek, 1981), by alternating the two closed forms
``u_ij ∝ ‖x_i - v_j‖^(-2 / (f - 1))`` and ``v_j = Σ_i u_ij^f x_i / Σ_i u_ij^f``.
A fuzzifier ``f`` of 1 is Lloyd's algorithm: every row belongs to its nearest centre.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

TINY = 1e-12
NEAR = 1e-6
"""Distances below it, in units of the largest value, are none to a geometric median."""
STEPS = 200
"""Of a geometric median at most."""
HELD = 2**22
"""Memberships that are worked on at once: restarts beyond are made in turn."""
WORK = 100_000
"""Restarts times rows times parts from which there are fewer restarts."""
PAIRED = 1000
"""Rows up to which :func:`spectral_parts` looks at all pairs."""
SAMPLE = 500
"""Rows of which it looks at all pairs where there are more."""


Centre = Literal["mean", "median", "trimmed"]
FUZZIFIER = 1.3
"""Of :func:`fuzzy_centres`; 1 is hard clustering."""
TRIMMED = 0.3
"""Of a cluster's weight: what :func:`centres_of` leaves out as far from the rest."""


def centres_of(rows: Tensor, weight: Tensor, kind: Centre = "mean") -> Tensor:
    """The centre ``[k, d]`` of each cluster.

    A mean follows a single row wherever it goes. The geometric median, the point of least
    ``Σ_i w_i ‖x_i - v‖`` (Weiszfeld's steps), stays near the rest as long as the others have less
    than half of the weight; the trimmed mean is that of the rows nearest to the median. Of one or
    two rows all three are the mean.

    Args:
        rows: ``[m, d]``.
        weight: what a row counts in a cluster ``[m, k]``, zero or more.
        kind: ``"mean"``, ``"median"``, or ``"trimmed"``, which leaves out at most a
            share of :data:`TRIMMED`.

    >>> rows = torch.tensor([[0.0], [1.0], [2.0], [3.0], [994.0]])
    >>> [round(float(centres_of(rows, torch.ones(5, 1), k))) for k in ("mean", "median")]
    [200, 2]
    """
    mean: Tensor = (weight / weight.sum(0).clamp_min(TINY)).T @ rows
    if kind == "mean":
        return mean
    wide, share = rows.double(), (weight / weight.sum(0).clamp_min(TINY)).double()
    centre = mean.double()
    for _ in range(STEPS):
        pull = share / torch.cdist(wide, centre).clamp_min(NEAR * wide.abs().max().clamp_min(TINY))
        before, centre = centre, (pull / pull.sum(0).clamp_min(TINY)).T @ wide
        if float((centre - before).abs().max()) <= NEAR * float(wide.abs().max()):
            break
    if kind == "trimmed":
        order = torch.cdist(wide, centre).argsort(dim=0, stable=True)
        nearest = share.gather(0, order)
        # A row is left out if it and all that are further are no more than the share.
        from_here = 1 - (nearest.cumsum(0) - nearest)
        within = torch.where(from_here > TRIMMED + NEAR, nearest, 0.0)
        kept = torch.zeros_like(share).scatter(0, order, within)
        centre = (kept / kept.sum(0).clamp_min(TINY)).T @ wide
    return centre.to(rows.dtype)


def isometric(x: Tensor) -> Tensor:
    """Rows ``[m, min(m, d)]`` with the distances of ``x [m, d]``; ``x`` itself where ``d <= m``."""
    m, d = x.shape
    if d <= m:
        return x
    centred = x.double() - x.double().mean(0)
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    near: Tensor = vectors * values.clamp_min(0).sqrt()
    return near.to(x.dtype)


def starts(rows: int, parts: int, most: int) -> int:
    """How often a clustering is started: ``most`` times, less often the more rows and parts there
    are, and twice at least. Of many rows the starts end alike.

    >>> starts(140, 70, 10), starts(2000, 10, 50), starts(90_000, 400, 50)
    (10, 5, 2)
    """
    return min(most, max(2, WORK // (rows * parts)))


def fuzzy_c_means(
    x: Tensor,
    k: int,
    rng: Generator,
    *,
    fuzzifier: float = 1.3,
    restarts: int = 50,
    steps: int = 100,
    tolerance: float = 1e-5,
    centres: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Memberships ``u [R, m, k]`` of every restart, and the objective ``[R]`` that each reached.

    Fuzzy restarts start from random memberships, hard ones from rows drawn far apart (k-means++;
    Arthur & Vassilvitskii, 2007).

    Args:
        x: rows ``[m, d]``.
        k: clusters.
        rng: draws the starts.
        fuzzifier: ``f >= 1``; 1 is hard.
        restarts: starts, ``R``.
        steps: updates at most.
        tolerance: ends when no membership moves further.
        centres: given starts ``[R, k', d]`` with ``k' <= k``; further centres are rows far apart.

    Raises:
        ValueError: ``k`` beyond the rows, or a fuzzifier below 1.

    >>> x = torch.tensor([[0.0], [0.2], [5.0], [5.2]])
    >>> u, cost = fuzzy_c_means(x, 2, Generator().manual_seed(0), fuzzifier=1.0, restarts=3)
    >>> sorted(u[cost.argmin()].T.tolist())
    [[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]]
    """
    m = len(x)
    if not 1 <= k <= m:
        raise ValueError(f"{k} clusters of {m} rows; ask for 1 to {m}")
    if fuzzifier < 1:
        raise ValueError(f"fuzzifier={fuzzifier} must be at least 1 (1 is hard clustering)")
    restarts = restarts if centres is None else len(centres)
    if restarts > (at_once := max(1, HELD // (m * k))):
        found = [
            fuzzy_c_means(
                x,
                k,
                rng,
                fuzzifier=fuzzifier,
                restarts=min(at_once, restarts - first),
                steps=steps,
                tolerance=tolerance,
                centres=None if centres is None else centres[first : first + at_once],
            )
            for first in range(0, restarts, at_once)
        ]
        memberships, costs = zip(*found, strict=True)
        return torch.cat(memberships), torch.cat(costs)
    if centres is None and fuzzifier > 1:
        u = torch.rand(restarts, m, k, generator=rng).to(x)
        u = u / u.sum(2, keepdim=True)
        v = x.new_zeros(restarts, k, x.shape[1])
    else:
        given = x.new_zeros(restarts, 0, x.shape[1]) if centres is None else centres
        v = _far_apart(x, k, given, rng)
        u = _memberships(x, v, fuzzifier)
    for _ in range(steps):
        v = _means(x, u, v, fuzzifier)
        moved, u = u, _memberships(x, v, fuzzifier)
        if float(moved.sub_(u).abs_().max()) < tolerance:
            break
    v = _means(x, u, v, fuzzifier)
    cost = (u**fuzzifier * _squares(x, v)).sum((1, 2))
    return u, cost


def fuzzy_centres(x: Tensor, k: int, rng: Generator) -> Tensor:
    """The centres ``[k, d]`` of the best of several fuzzy clusterings of rows ``[n, d]``."""
    u, cost = fuzzy_c_means(
        isometric(x), k, rng, fuzzifier=FUZZIFIER, restarts=starts(len(x), k, 50)
    )
    return centres_of(x, u[int(cost.argmin())] ** FUZZIFIER)


def k_means(x: Tensor, k: int, rng: Generator) -> Tensor:
    """The part ``[m]`` of each row ``[m, d]``, the best of ten restarts; no part is empty.

    Where rows and parts are so many that there are fewer of :func:`starts`, this is left to
    scikit-learn, whose k-means is quicker there.

    Raises:
        ValueError: ``k`` beyond the rows.
    """
    if k <= len(x) and (few := starts(len(x), max(k, 1), 10)) < 10:
        from sklearn.cluster import KMeans

        seed = int(torch.randint(2**31, (), generator=rng))
        labels = KMeans(k, n_init=few, random_state=seed).fit(x.cpu().numpy()).labels_
        return filled(torch.from_numpy(labels).long().to(x.device), k)
    u, cost = fuzzy_c_means(isometric(x.double()), k, rng, fuzzifier=1.0, restarts=10, steps=300)
    return filled(u[int(cost.argmin())].argmax(1), k)


def spectral_parts(x: Tensor, k: int, rng: Generator) -> Tensor:
    """The part ``[m]`` of each row ``[m, d]``; no part is empty.

    Normalised spectral clustering (Ng, Jordan & Weiss, NeurIPS 2001) of the graph of the rows'
    positive cosines, by :func:`k_means`. Of more than 1,000 rows the eigenvectors are those of 500
    random ones (or four a part, if that is more), and each row has the mean of those that it is
    near to (Nyström's extension; Fowlkes et al., TPAMI 2004): time and memory are linear in rows.

    Raises:
        ValueError: ``k`` beyond the rows.

    >>> x = torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0]])
    >>> part = spectral_parts(x, 2, Generator().manual_seed(0)).tolist()
    >>> part[0] == part[1] != part[2] == part[3]
    True
    """
    if not 1 <= k <= len(x):
        raise ValueError(f"{k} clusters of {len(x)} rows; ask for 1 to {len(x)}")
    unit = F.normalize(x.double())
    some = max(SAMPLE, 4 * k)
    sample = unit
    if len(x) > max(PAIRED, some):
        sample = unit[torch.randperm(len(x), generator=rng)[:some].to(x.device)]
    near = (sample @ sample.T).clamp_min_(0)
    scale = near.sum(1).clamp_min(TINY).rsqrt()
    values, vectors = torch.linalg.eigh(scale[:, None] * near * scale)
    found = vectors[:, -k:]
    if sample is not unit:
        # Rows are scaled to one length next, so a row's own degree does not matter.
        found = scale[:, None] * found / values[-k:].clamp_min(TINY)
        blocks = torch.split(unit, max(1, HELD // len(sample)))
        found = torch.cat([(rows @ sample.T).clamp_min_(0) @ found for rows in blocks])
    return k_means(F.normalize(found), k, rng)


def filled(part: Tensor, k: int) -> Tensor:
    """The parts ``[m]``, every empty one given a row of the largest.

    >>> filled(torch.tensor([0, 0, 2]), 3).bincount().tolist()
    [1, 1, 1]
    """
    part = part.clone()
    for empty in (torch.bincount(part, minlength=k) == 0).nonzero().flatten().tolist():
        fullest = torch.bincount(part, minlength=k).argmax()
        part[(part == fullest).nonzero()[-1]] = empty
    return part


def _squares(x: Tensor, v: Tensor) -> Tensor:
    """Squared distances ``[R, m, k]``."""
    cross = torch.einsum("md,rkd->rmk", x, v)
    squares = x.square().sum(1)[None, :, None] + v.square().sum(2)[:, None]
    return squares.sub_(cross, alpha=2).clamp_min_(0)


def _memberships(x: Tensor, v: Tensor, fuzzifier: float) -> Tensor:
    squares = _squares(x, v)
    if fuzzifier == 1:
        return F.one_hot(squares.argmin(2), v.shape[1]).to(x.dtype)
    # A softmax of logarithms: the power itself overflows where a row is a centre.
    return torch.softmax(squares.clamp_min_(TINY).log_().neg_().div_(fuzzifier - 1), 2)


def _means(x: Tensor, u: Tensor, v: Tensor, fuzzifier: float) -> Tensor:
    """Weighted means ``[R, k, d]``; a centre that nothing belongs to stays."""
    weight = (u**fuzzifier).transpose(1, 2)
    total = weight.sum(2, keepdim=True)
    return torch.where(total > TINY, weight @ x / total.clamp_min(TINY), v)


def _far_apart(x: Tensor, k: int, given: Tensor, rng: Generator) -> Tensor:
    """``given [R, k', d]`` filled up to ``k`` centres with rows drawn by squared distance."""
    v, restarts, m = given[:, :k], len(given), len(x)
    nearest = (
        _squares(x, v).amin(2) if v.shape[1] else x.new_ones(restarts, m)  # the first: uniformly
    )
    while v.shape[1] < k:
        odds = nearest.double().cpu() + TINY
        at = torch.multinomial(odds, 1, generator=rng).flatten().to(x.device)
        drawn = x[at][:, None]
        v = torch.cat([v, drawn], 1)
        apart = _squares(x, drawn)[..., 0]
        nearest = apart if v.shape[1] == 1 else torch.minimum(nearest, apart)
    return v
