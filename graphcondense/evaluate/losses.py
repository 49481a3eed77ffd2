"""What models of nodes learn by, for each kind of labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch.nn.functional as F
from torch import Tensor

from graphcondense.ops.criteria import masked_bce, masked_mse


def _class_loss(logits: Tensor, wanted: Tensor, seeds: int) -> Tensor:
    """Of classes ``[S m]`` or soft labels ``[S m, C]``: each seed's mean, summed."""
    return F.cross_entropy(logits, wanted, reduction="sum") / (len(wanted) // seeds)


def _known_loss(
    criterion: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[Tensor, Tensor, int], Tensor]:
    """Of targets ``[S m, T]`` with holes, which all seeds have alike. Tasks are summed up, so that
    a weight decay weighs as much beside sixty of them as beside one."""
    return lambda logits, wanted, seeds: criterion(logits, wanted) * (seeds * wanted.shape[1])


LOSSES: Mapping[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "classes": _class_loss,
    "binary": _known_loss(masked_bce),
    "regression": _known_loss(masked_mse),
    "soft": _class_loss,
}
"""By the kind of labels: from logits and labels of all seeds, and their number, to the sum of the
seeds' losses."""
