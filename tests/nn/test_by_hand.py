"""Gradients by hand of networks that are trained together, held to autograd in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator
from torch.nn import functional as F

from graphcondense.core.expert_training import SharedByHand
from graphcondense.core.pools import built
from graphcondense.core.types import Batch
from graphcondense.nn import by_hand
from graphcondense.nn.constant import Constant
from graphcondense.nn.propagate import GCN, SGC
from graphcondense.ops.adjacency import csr_tensor
from graphcondense.ops.sampling import blocks


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("features", ["dense", "sparse", "propagated"])
@pytest.mark.parametrize("seen", [None, [0, 3, 1, 0]])
@pytest.mark.parametrize("block", [4, 2**11])
def test_a_gcn(
    layers: int,
    features: str,
    seen: list[int] | None,
    block: int,
    real,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of all outputs, and of some, one of them twice; of sparse features as they are where that is
    less work, and with their first propagation; of dense ones a block of rows at a time."""
    monkeypatch.setattr(by_hand, "ROWS", block)
    model = built(GCN, 10, 10, 3, layers).double()
    rows = np.array([4, 0, 17, 9, 2, 11])
    operators, nodes = blocks(real.gcn_adj.astype(np.float64), rows, layers)
    hops = tuple(csr_tensor(operator, dtype=torch.float64) for operator in operators)
    x = (real.x * (real.x > (1 if features == "sparse" else 0)))[nodes].double()
    x = x if features == "dense" else x.to_sparse_csr()
    y = torch.tensor([0, 2, 1, 1, 0, 2])
    at = None if seen is None else torch.tensor(seen)
    out = model(x, hops)
    loss = F.cross_entropy(out if at is None else out[at], y if at is None else y[at])
    params = {k: v.detach() for k, v in model.named_parameters()}
    wanted = torch.autograd.grad(loss, list(model.parameters()))

    shared = model.shared(Batch((x, hops), y)).batch
    assert isinstance(shared.inputs[0], Constant) is (features != "dense")
    batch = shared if at is None else shared._replace(y=y[at], rows=at)
    assert isinstance(model, SharedByHand)
    found = model.shared_gradients(params, batch, F.cross_entropy)
    assert found is not None
    assert list(found) == list(params)
    for (name, value), other in zip(found.items(), wanted, strict=True):
        torch.testing.assert_close(value, other, rtol=1e-10, atol=1e-12, msg=name)


def test_where_autograd_has_to_find_them() -> None:
    """A loss of a user's, and a class that computes something else."""
    x, y = torch.randn(4, 5, generator=Generator().manual_seed(0)), torch.tensor([0, 1, 1, 0])

    class Other(GCN):
        pass

    for made, loss in ((GCN, lambda out, y: out.sum()), (Other, F.cross_entropy), (SGC, sum)):
        model = built(made, 5, 3, 2)
        params = {k: v.detach() for k, v in model.named_parameters()}
        assert model.shared_gradients(params, Batch((x, None), y), loss) is None
