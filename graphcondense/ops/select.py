"""Choosing representative rows: the classical coresets, as pure functions of a feature matrix."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from graphcondense.ops.cluster import starts


def choose_random(x: Tensor, k: int, rng: Generator) -> Tensor:
    """``k`` of the rows ``[n, d]``, uniformly, without repetition."""
    return torch.randperm(len(x), generator=rng)[:k]


def choose_herding(x: Tensor, k: int, rng: Generator) -> Tensor:
    """Greedy mean matching (Welling, ICML 2009, eq. 4-5): ``x_t`` is most aligned with ``w_t``,
    ``w_{t+1} = w_t + mean - x_t``; rows are taken once."""
    mean = x.mean(0)
    w, free, chosen = mean.clone(), torch.ones(len(x), dtype=torch.bool, device=x.device), []
    for _ in range(k):
        at = torch.where(free, x @ w, -torch.inf).argmax()
        chosen.append(at)
        free[at] = False
        w = w + mean - x[at]
    return torch.stack(chosen).cpu()


def choose_kcenter(x: Tensor, k: int, rng: Generator) -> Tensor:
    """Greedy k-center (Gonzalez, 1985; Sener & Savarese, ICLR 2018, alg. 1): the row nearest the
    mean, then always the row farthest from all taken."""
    distance = torch.full((len(x),), torch.inf, device=x.device, dtype=x.dtype)
    at = (x - x.mean(0)).square().sum(1).argmin()
    chosen = []
    for _ in range(k):
        chosen.append(at)
        distance = torch.minimum(distance, (x - x[at]).square().sum(1))
        distance[torch.stack(chosen)] = -1
        at = distance.argmax()
    return torch.stack(chosen).cpu()


def choose_central(x: Tensor, k: int, rng: Generator) -> Tensor:
    """The row nearest the mean, then ``k - 1`` of the others, uniformly."""
    first = int((x - x.mean(0)).square().sum(1).argmin())
    order = torch.randperm(len(x), generator=rng)
    return torch.cat([torch.tensor([first]), order[order != first]])[:k]


CHOICES = {
    "random": choose_random,
    "central": choose_central,
    "herding": choose_herding,
    "kcenter": choose_kcenter,
}


def choose_centres(x: Tensor, k: int, rng: Generator) -> Tensor:
    """``k`` cluster centres ``[k, d]`` of the rows, by scikit-learn's k-means: the best of ten
    :func:`~graphcondense.ops.cluster.starts`, fewer of many rows."""
    from sklearn.cluster import KMeans

    seed = int(torch.randint(2**31, (), generator=rng))
    if k >= len(x):
        return x.clone()
    found = KMeans(k, n_init=starts(len(x), k, 10), random_state=seed)
    fitted = found.fit(x.cpu().double().numpy())
    return torch.from_numpy(fitted.cluster_centers_).to(x)
