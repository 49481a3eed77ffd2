"""How classes are joined in a real graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from graphcondense.domains.node_source import NodeSource
from graphcondense.ops.adjacency import propagate_rows


def class_mixing(real: NodeSource, hops: int = 1) -> Tensor:
    """Class-to-class edge probabilities ``[C, C]``: of all that training nodes of class ``c`` hear
    from training nodes over ``Â^hops``, the share that comes from class ``d``. Rows sum to one."""
    task = real.task
    train = task.train.numpy()
    members = F.one_hot(real.labels, real.num_classes).cpu().double().numpy()
    said = np.zeros((task.num_nodes, real.num_classes))
    said[train] = members
    heard = torch.from_numpy(
        members.T @ propagate_rows(task.gcn_adj, said, hops, train, np.float64)
    )
    shares: Tensor = heard / heard.sum(1, keepdim=True)
    return shares.to(real.device, real.dtype)
