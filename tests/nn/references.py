"""What the stacked models must compute: PyG's layers, or loops by hand where PyG has none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric import nn as pyg
from torch_geometric.nn.inits import glorot

from graphcondense.nn.batched import SGFormer, Stacked


class Layers(nn.Module):
    """Two layers, an activation between them; ``forward(x, edges, weight)``."""

    conv: type[nn.Module]
    options: tuple[dict, dict] = ({}, {})
    activation = staticmethod(torch.relu)
    weighted = True

    def __init__(self, d: int, hidden: int, c: int) -> None:
        super().__init__()
        heads = self.options[0].get("heads", 1)
        self.a = self.conv(d, hidden // heads, **self.options[0])
        self.b = self.conv(hidden, c, **self.options[1])

    def forward(self, x: Tensor, edges: Tensor, weight: Tensor | None) -> Tensor:
        edges, rest = weights(edges, weight, self.weighted)
        return self.b(self.activation(self.a(x, edges, *rest)), edges, *rest)


def weights(edges: Tensor, weight: Tensor | None, weighted: bool) -> tuple[Tensor, list[Tensor]]:
    """A layer that takes no weights gets parallel edges, which stand for integer ones."""
    if weight is None:
        return edges, []
    if weighted:
        return edges, [weight]
    assert bool((weight == weight.round()).all())
    return edges.repeat_interleave(weight.long(), dim=1), []


class Gcn(Layers):
    conv = pyg.GCNConv


class Cheb(Layers):
    conv = pyg.ChebConv
    options = ({"K": 2}, {"K": 2})


class Sage(Layers):
    conv = pyg.SAGEConv
    weighted = False


class GraphConv(Layers):
    conv = pyg.GraphConv


class Gat(Layers):
    conv = pyg.GATConv
    options = ({"heads": 8}, {})
    activation = staticmethod(nn.functional.elu)
    weighted = False


class Gatv2(Gat):
    conv = pyg.GATv2Conv


class Sgc(nn.Module):
    def __init__(self, d: int, hidden: int, c: int) -> None:
        super().__init__()
        self.a = pyg.SGConv(d, c, K=2)

    def forward(self, x: Tensor, edges: Tensor, weight: Tensor | None) -> Tensor:
        return self.a(x, edges, weight)


class Mlp(nn.Module):
    def __init__(self, d: int, hidden: int, c: int) -> None:
        super().__init__()
        self.mlp = pyg.MLP([d, hidden, c], norm=None)

    def forward(self, x: Tensor, edges: Tensor, weight: Tensor | None) -> Tensor:
        return self.mlp(x)


class Appnp(Mlp):
    def forward(self, x: Tensor, edges: Tensor, weight: Tensor | None) -> Tensor:
        return pyg.APPNP(K=10, alpha=0.1)(self.mlp(x), edges, weight)


class Gin(nn.Module):
    def __init__(self, d: int, hidden: int, c: int) -> None:
        super().__init__()
        self.gin = pyg.GIN(d, hidden, num_layers=2, out_channels=c, norm=None)

    def forward(self, x: Tensor, edges: Tensor, weight: Tensor | None) -> Tensor:
        return self.gin(x, weights(edges, weight, False)[0])


class Gcn2(nn.Module):
    def __init__(self, d: int, hidden: int, c: int) -> None:
        super().__init__()
        self.lins = nn.ModuleList([nn.Linear(d, hidden), nn.Linear(hidden, c)])
        self.convs = nn.ModuleList(
            pyg.GCN2Conv(hidden, alpha=0.1, theta=0.5, layer=i) for i in (1, 2)
        )

    def forward(self, x: Tensor, edges: Tensor, weight: Tensor | None) -> Tensor:
        h = start = self.lins[0](x).relu()
        for conv in self.convs:
            h = conv(h, start, edges, weight).relu()
        return self.lins[1](h)


class H2gcn(nn.Module):
    """By hand, node by node."""

    def __init__(self, d: int, hidden: int, c: int) -> None:
        super().__init__()
        self.inside = nn.Parameter(torch.empty(d, hidden))
        self.outside = nn.Parameter(torch.empty(7 * hidden, c))
        glorot(self.inside)
        glorot(self.outside)

    def forward(self, x: Tensor, edges: Tensor, weight: Tensor | None) -> Tensor:
        n = len(x)
        a = np.zeros((n, n))
        values = np.ones(edges.shape[1]) if weight is None else weight.numpy()
        for (source, target), value in zip(edges.T.tolist(), values, strict=True):
            if source != target:
                a[target, source] = value
        far = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                paths = [a[i, k] * a[k, j] for k in range(n) if a[i, k] and a[k, j]]
                if paths and i != j and not a[i, j]:
                    far[i, j] = sum(paths) / len(paths)
        hops = []
        for hop in (a, far):
            degree = hop.sum(1)
            out = np.zeros((n, n))
            for i, j in zip(*hop.nonzero(), strict=True):
                out[i, j] = hop[i, j] / np.sqrt(degree[i] * degree[j]) if degree[j] else 0
            hops.append(torch.from_numpy(out))
        states = [(x @ self.inside).relu()]
        for _ in range(2):
            states.append(torch.cat([hop @ states[-1] for hop in hops], 1))
        return torch.cat(states, 1) @ self.outside


class Sgformer(nn.Module):
    """PyG's own, its convolutions given the weights that it ignores; log-probabilities."""

    def __init__(self, d: int, hidden: int, c: int) -> None:
        super().__init__()
        self.net = pyg.SGFormer(
            *(d, hidden, c),
            trans_num_layers=1,
            gnn_num_layers=2,
            trans_dropout=0.0,
            gnn_dropout=0.0,
            graph_weight=SGFormer.graph_weight,
        )

    def forward(self, x: Tensor, edges: Tensor, weight: Tensor | None) -> Tensor:
        for conv in self.net.graph_conv.convs:
            conv.forward = partial(type(conv).forward, conv, edge_weight=weight)
        default = torch.get_default_dtype()
        torch.set_default_dtype(x.dtype)  # its attention makes ones of the default type
        try:
            return self.net(x, edges, torch.zeros(len(x), dtype=torch.long))
        finally:
            torch.set_default_dtype(default)


REFERENCES: dict[str, type[nn.Module]] = {
    "GCN": Gcn,
    "SGC": Sgc,
    "APPNP": Appnp,
    "Cheb": Cheb,
    "SAGE": Sage,
    "GAT": Gat,
    "GATv2": Gatv2,
    "GIN": Gin,
    "GraphConv": GraphConv,
    "GCNII": Gcn2,
    "H2GCN": H2gcn,
    "SGFormer": Sgformer,
    "MLP": Mlp,
}

INTEGER = ("SAGE", "GIN", "GAT", "GATv2")
"""Whose PyG layers take no weights: parallel edges stand for integer ones."""

_perceptron = {"weights.{i}": "mlp.lins.{i}.weight", "biases.{i}": "mlp.lins.{i}.bias"}

NAMES: dict[str, dict[str, str]] = {
    "GCN": {"weights.{i}": "{l}.lin.weight", "biases.{i}": "{l}.bias"},
    "SGC": {"weight": "a.lin.weight", "bias": "a.lin.bias"},
    "APPNP": _perceptron,
    "MLP": _perceptron,
    "Cheb": {
        "roots.{i}": "{l}.lins.0.weight",
        "weights.{i}": "{l}.lins.1.weight",
        "biases.{i}": "{l}.bias",
    },
    "SAGE": {
        "weights.{i}": "{l}.lin_l.weight",
        "roots.{i}": "{l}.lin_r.weight",
        "biases.{i}": "{l}.lin_l.bias",
    },
    "GraphConv": {
        "weights.{i}": "{l}.lin_rel.weight",
        "roots.{i}": "{l}.lin_root.weight",
        "biases.{i}": "{l}.lin_rel.bias",
    },
    "GAT": {
        "weights.{i}": "{l}.lin.weight",
        "from_source.{i}": "{l}.att_src",
        "from_target.{i}": "{l}.att_dst",
        "biases.{i}": "{l}.bias",
    },
    "GATv2": {
        "weights.{i}": "{l}.lin_l.weight",
        "weights_target.{i}": "{l}.lin_r.weight",
        "shifts.{i}": "{l}.lin_l.bias",
        "shifts_target.{i}": "{l}.lin_r.bias",
        "attention.{i}": "{l}.att",
        "biases.{i}": "{l}.bias",
    },
    "GIN": {
        "weights.0": "gin.convs.0.nn.lins.0.weight",
        "weights.1": "gin.convs.0.nn.lins.1.weight",
        "weights.2": "gin.convs.1.nn.lins.0.weight",
        "weights.3": "gin.convs.1.nn.lins.1.weight",
        "biases.0": "gin.convs.0.nn.lins.0.bias",
        "biases.1": "gin.convs.0.nn.lins.1.bias",
        "biases.2": "gin.convs.1.nn.lins.0.bias",
        "biases.3": "gin.convs.1.nn.lins.1.bias",
    },
    "GCNII": {
        "weight_in": "lins.0.weight",
        "bias_in": "lins.0.bias",
        "weights.{i}": "convs.{i}.weight1:",
        "weight_out": "lins.1.weight",
        "bias_out": "lins.1.bias",
    },
    "H2GCN": {"weight_in": "inside:", "weight_out": "outside:"},
    "SGFormer": {
        "attend_in": "net.trans_conv.fcs.0.weight",
        "attend_in_bias": "net.trans_conv.fcs.0.bias",
        "query": "net.trans_conv.attns.0.q.weight",
        "key": "net.trans_conv.attns.0.k.weight",
        "value": "net.trans_conv.attns.0.v.weight",
        "attend_norms.{i}.weight": "net.trans_conv.bns.{i}.weight",
        "attend_norms.{i}.bias": "net.trans_conv.bns.{i}.bias",
        "graph_in": "net.graph_conv.fcs.0.weight",
        "graph_in_bias": "net.graph_conv.fcs.0.bias",
        "weights.{i}": "net.graph_conv.convs.{i}.lin.weight",
        "biases.{i}": "net.graph_conv.convs.{i}.bias",
        "graph_norms.{i}.weight": "net.graph_conv.bns.{i}.weight",
        "graph_norms.{i}.bias": "net.graph_conv.bns.{i}.bias",
        "graph_norms.2.weight": "net.graph_conv.bns.2.weight",
        "graph_norms.2.bias": "net.graph_conv.bns.2.bias",
        "weight_out": "net.fc.weight",
        "bias_out": "net.fc.bias",
    },
}
"""Which parameter is which, ``{i}`` a layer and ``{l}`` its letter. PyG's linear layers hold the
transpose of ours; a name that ends in a colon does not."""


def pairs(name: str, model: Stacked) -> Iterator[tuple[str, str, bool]]:
    """Our parameter, theirs, and whether the one is the other's transpose."""
    for mine, theirs in NAMES[name].items():
        for i, letter in enumerate("ab" if "{i}" in mine else "a"):
            ours = mine.format(i=i)
            turned = theirs.endswith("weight") and model.get_parameter(ours).shape[1] > 1
            yield ours, theirs.format(i=i, l=letter).removesuffix(":"), turned


def flat(value: Tensor, turned: bool) -> Tensor:
    return (value.T if turned else value).flatten()


def copy(name: str, model: Stacked, references: list[nn.Module]) -> None:
    """One reference a seed gets the stacked model's numbers."""
    for ours, theirs, turned in pairs(name, model):
        for mine, reference in zip(model.get_parameter(ours), references, strict=True):
            target = reference.get_parameter(theirs)
            assert target.numel() == mine.numel()
            shape = target.T.shape if turned else target.shape
            value = mine.detach().clone().reshape(shape)
            target.data = value.T.contiguous() if turned else value


def same_gradients(name: str, model: Stacked, references: list[nn.Module]) -> None:
    for ours, theirs, turned in pairs(name, model):
        for s, reference in enumerate(references):
            mine = model.get_parameter(ours).grad[s].flatten()
            other = flat(reference.get_parameter(theirs).grad, turned)
            torch.testing.assert_close(mine, other, msg=lambda m, ours=ours: f"{ours}: {m}")
