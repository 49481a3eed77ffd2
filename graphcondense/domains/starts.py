"""Where a learnt graph starts: at rows of the real one, or at centres of clusters of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from graphcondense.domains.node_source import NodeSource
from graphcondense.ops.cluster import fuzzy_centres
from graphcondense.ops.select import CHOICES, choose_centres

TARGET_WEIGHT = 2.0
"""Of several targets beside the rows of nodes in a clustering."""
CENTRES: Mapping[str, Callable[[Tensor, int, Generator], Tensor]] = {
    "kmeans": choose_centres,
    "fuzzy": fuzzy_centres,
}
"""What starts at centres of clusters, from rows ``[m, d]`` and how many."""


def start_nodes(
    real: NodeSource, sizes: Tensor, init: str, hops: int, rng: Generator
) -> tuple[Tensor, Tensor]:
    """Features ``[n, d]`` that learning starts from, and classes ``[n]``, ascending: of each class
    ``sizes[c]`` rows of ``Â^hops X`` that ``init`` chooses, or (``"kmeans"``) centres of clusters.
    ``"fuzzy"`` has the centres of fuzzy clusters of ``0.9 Σ_{k=1..hops} Â^k X - 0.1 X``, as GECC.
    """
    x, _, group = start_labelled(real, sizes, init, hops, rng)
    return x, group


def start_labelled(
    real: NodeSource, sizes: Tensor, init: str, hops: int, rng: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`start_nodes` with the labels that go with the features, and classes, or the groups
    that stand for them: of a chosen node its own label, of a centre the mean of those of its
    cluster."""
    fuzzy, x, y = init == "fuzzy" and hops > 0, [], []
    rows = real.weighted((-0.1, *[0.9] * hops)) if fuzzy else real.propagated(hops)
    for c, size in enumerate(sizes.tolist()):
        own = real.labels == c
        of_class, targets = rows[own], real.targets[own]
        centres = CENTRES.get(init)
        if centres and targets.dim() > 1:
            seen = with_targets(of_class, targets)
            # Products of rows lose the distance where all are far from the origin.
            exact = "donot_use_mm_for_euclid_dist"
            nearest = torch.cdist(seen, centres(seen, size, rng), compute_mode=exact).argmin(1)
            member = F.one_hot(nearest, size).to(of_class)
            member = member[:, member.any(0)]
            x.append(known_means(of_class, member))
            y.append(known_means(targets, member))
        elif centres:
            x.append(centres(of_class, size, rng))
        else:
            chosen = CHOICES[init](of_class, size, rng).to(of_class.device)
            x.append(of_class[chosen])
            y.append(targets[chosen])
    group = class_labels(real, sizes)
    return torch.cat(x), torch.cat(y) if real.targets.dim() > 1 else group, group


def with_targets(rows: Tensor, targets: Tensor) -> Tensor:
    """What nodes of one group are clustered on ``[m, d]``: their rows; of several tasks, which
    share one group, ``[rows | weight x targets]``, both of one spread, so that a cluster has labels
    in common as one of a class has."""
    if targets.dim() == 1 or targets.shape[1] == 1:
        return rows
    known = ~targets.isnan()
    said = torch.where(known, targets - targets.nanmean(0), 0.0).to(rows)
    spreads = [(part - part.mean(0)).square().sum(1).mean().sqrt() for part in (rows, said)]
    seen, heard = (
        part / (s if float(s) > 0 else 1.0) for part, s in zip((rows, said), spreads, strict=True)
    )
    return torch.cat([seen, TARGET_WEIGHT * heard], 1)


def known_means(targets: Tensor, weight: Tensor) -> Tensor:
    """Means ``[k, T]`` of targets ``[m, T]`` with weights ``[m, k]`` over those that are known; NaN
    where none is.

    >>> y = torch.tensor([[1.0, torch.nan], [3.0, torch.nan]])
    >>> known_means(y, torch.tensor([[1.0], [3.0]])).tolist()
    [[2.5, nan]]
    """
    known = (~targets.isnan()).to(weight)
    return (weight.T @ targets.nan_to_num(0.0).to(weight)) / (weight.T @ known)


def class_labels(real: NodeSource, sizes: Tensor) -> Tensor:
    """Classes ``[n]`` of so many nodes each, ascending, on the device of the real graph."""
    return torch.arange(real.num_classes).repeat_interleave(sizes.cpu()).to(real.device)
