"""GNNs on whole graphs: held to PyG in float64, and the dense side to the sparse one."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch_geometric import nn as pyg
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphcondense.core.pools import initialise
from graphcondense.nn.graph_layouts import DenseGraphs, SparseGraphs
from graphcondense.nn.graphs import GAT, GCN, GIN, GRAPH_MODELS, SAGE, GraphNet

D, E, HIDDEN, OUT, LAYERS = 5, 3, 8, 2, 3
SIZES = (4, 1, 6, 3, 2)  # the second has one node, the last no edge
READOUTS = ("mean", "sum", "attention")
LIKE = torch.empty(0, dtype=torch.double)


class Case:
    """Random directed graphs with an isolated node in each, packed and padded."""

    def __init__(self, sizes: tuple[int, ...] = SIZES, edges: bool = True, seed: int = 0) -> None:
        rng = torch.Generator().manual_seed(seed)
        n = max(sizes)
        self.sizes = torch.tensor(sizes)
        self.ptr = torch.cat([torch.zeros(1, dtype=torch.long), self.sizes.cumsum(0)])
        self.mask = torch.arange(n) < self.sizes[:, None]
        self.adj = torch.zeros(len(sizes), n, n, dtype=torch.double)
        for g, size in enumerate(sizes[:-1] if edges else ()):
            inner = (torch.rand(size - 1, size - 1, generator=rng) < 0.6).double()
            self.adj[g, 1:size, 1:size] = inner.fill_diagonal_(0)  # node 0 hears nobody
        self.x = torch.randn(int(self.sizes.sum()), D, generator=rng, dtype=torch.double)
        of, target, source = self.adj.nonzero().T
        self.edges = torch.stack([source, target]) + self.ptr[of]
        self.attr = torch.randn(len(of), E, generator=rng, dtype=torch.double)
        self.dense_attr = self.adj.new_zeros(*self.adj.shape, E)
        self.dense_attr[of, target, source] = self.attr
        self.padded = self.x.new_zeros(len(sizes), n, D)
        self.padded[self.mask] = self.x
        self.batch = torch.repeat_interleave(self.sizes)

    def sparse(self, edge: bool = False, weight: Tensor | None = None) -> SparseGraphs:
        attr = self.attr if edge else None
        return SparseGraphs(self.edges, self.ptr, attr, weight, like=LIKE)

    def dense(self, edge: bool = False) -> DenseGraphs:
        return DenseGraphs(self.adj, self.mask, self.dense_attr if edge else None)


def model(kind: type[GraphNet], *, edge: bool = False, seed: int = 0, **options) -> GraphNet:
    net = kind(D, HIDDEN, OUT, LAYERS, edge_channels=E if edge else 0, **options).double()
    rng = torch.Generator().manual_seed(seed)
    # Biases are drawn too: those that start at zero would hide an error.
    drawn = {k: torch.randn(v.shape, generator=rng) for k, v in net.named_parameters()}
    net.load_state_dict({k: v.double() * 0.5 for k, v in drawn.items()})
    return net


def close(a: Tensor, b: Tensor) -> None:
    """Equal up to rounding, which is relative to the largest entry.

    The bound is wide for float64, as sums over neighbours make logits of attention of thousands
    here, whose exponentials lose as many digits, on every machine others.
    """
    size = max(float(b.detach().abs().max()), 1.0)
    torch.testing.assert_close(a / size, b / size, rtol=0, atol=1e-7)


# --- PyG -------------------------------------------------------------------------------------


def linear(ours: nn.Linear) -> dict[str, Tensor]:
    return {k: v.detach() for k, v in ours.state_dict().items()}


def pyg_gcn(layer: nn.Module, a: int, b: int) -> nn.Module:
    conv = pyg.GCNConv(a, b).double()
    conv.load_state_dict({"lin.weight": layer.lin.weight, "bias": layer.lin.bias})
    return conv


def pyg_gin(layer: nn.Module, a: int, b: int) -> nn.Module:
    mlp = nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, b)).double()
    conv = pyg.GINConv(mlp) if layer.edge is None else pyg.GINEConv(mlp, edge_dim=E).double()
    # The layer draws its weights anew, the MLP's too.
    mlp[0].load_state_dict(linear(layer.first))
    mlp[2].load_state_dict(linear(layer.second))
    if layer.edge is not None:
        conv.lin.load_state_dict(linear(layer.edge))
    return conv


def pyg_sage(layer: nn.Module, a: int, b: int) -> nn.Module:
    conv = pyg.SAGEConv(a, b).double()
    conv.lin_l.load_state_dict(linear(layer.neighbours))
    conv.lin_r.load_state_dict(linear(layer.own))
    return conv


def pyg_gat(layer: nn.Module, a: int, b: int) -> nn.Module:
    heads = layer.heads
    conv = pyg.GATConv(a, b // heads, heads, edge_dim=None if layer.edge is None else E).double()
    state = {
        "lin.weight": layer.lin.weight,
        "att_src": layer.source.weight[None],
        "att_dst": layer.target.weight[None],
        "bias": layer.bias.bias,
    }
    if layer.edge is not None:
        state |= {"lin_edge.weight": layer.edge.weight, "att_edge": layer.along.weight[None]}
    conv.load_state_dict(state)
    return conv


CONVS = {GCN: pyg_gcn, GIN: pyg_gin, SAGE: pyg_sage, GAT: pyg_gat}


class Reference(nn.Module):
    """The same network of PyG's own layers."""

    def __init__(self, net: GraphNet) -> None:
        super().__init__()
        widths = [D, *[HIDDEN] * LAYERS]
        make = CONVS[type(net)]
        self.convs = nn.ModuleList(
            make(layer, a, b) for layer, (a, b) in zip(net.layers, pairwise(widths), strict=True)
        )
        self.head = nn.Linear(HIDDEN, OUT).double()
        self.head.load_state_dict(linear(net.head))
        if net.gate is None:
            self.pool = {"mean": pyg.global_mean_pool, "sum": pyg.global_add_pool}[net.readout]
        else:
            gate = nn.Linear(HIDDEN, 1).double()
            gate.load_state_dict(linear(net.gate))
            self.pool = pyg.aggr.AttentionalAggregation(gate)

    def forward(self, case: Case, attr: Tensor | None) -> Tensor:
        h = case.x
        for conv in self.convs:
            more = () if attr is None else (attr,)
            h = conv(h, case.edges, *more).relu()
        return self.head(self.pool(h, case.batch))


NAMES = {  # PyG's parameters by ours
    GCN: {"lin.weight": "lin.weight", "lin.bias": "bias"},
    GIN: {
        "first.weight": "nn.0.weight",
        "first.bias": "nn.0.bias",
        "second.weight": "nn.2.weight",
        "second.bias": "nn.2.bias",
        "edge.weight": "lin.weight",
        "edge.bias": "lin.bias",
    },
    SAGE: {
        "neighbours.weight": "lin_l.weight",
        "neighbours.bias": "lin_l.bias",
        "own.weight": "lin_r.weight",
    },
    GAT: {
        "lin.weight": "lin.weight",
        "source.weight": "att_src",
        "target.weight": "att_dst",
        "bias.bias": "bias",
        "edge.weight": "lin_edge.weight",
        "along.weight": "att_edge",
    },
}


PYG = [(GCN, False), (GIN, False), (GIN, True), (SAGE, False), (GAT, False), (GAT, True)]


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize(("kind", "edge"), PYG)
def test_outputs_and_gradients_are_pygs(kind, edge, readout):
    case, net = Case(), model(kind, edge=edge, readout=readout)
    reference = Reference(net)
    case.x.requires_grad_()
    probe = torch.randn(len(SIZES), OUT, generator=torch.Generator().manual_seed(3)).double()
    out = net(case.x, case.sparse(edge))
    (mine,) = torch.autograd.grad((out * probe).sum(), case.x, retain_graph=True)
    (out * probe).sum().backward()
    case.x.grad = None
    expected = reference(case, case.attr if edge else None)
    close(out, expected)
    (expected * probe).sum().backward()
    close(mine, case.x.grad)
    theirs = dict(reference.named_parameters())
    compared = 0
    for name, parameter in net.named_parameters():
        part, _, rest = name.partition(".")
        if part == "layers":
            at, _, own = rest.partition(".")
            other = theirs[f"convs.{at}.{NAMES[kind][own]}"]
        elif part == "gate":
            other = theirs[f"pool.gate_nn.{rest}"]
        else:
            other = theirs[name]
        close(parameter.grad, other.grad.reshape(parameter.shape))
        compared += 1
    assert compared == len(theirs)


# --- by hand ---------------------------------------------------------------------------------


def heard_by_hand(case: Case, h: Tensor, e: Tensor, how: str) -> Tensor:
    """Sums of ``ReLU(h_j + e_ij)`` node by node."""
    out = []
    degree = torch.bincount(case.edges[1], minlength=len(h)).tolist()
    for i in range(len(h)):
        total = torch.zeros_like(h[0])
        for k, (j, target) in enumerate(case.edges.T.tolist()):
            if target != i:
                continue
            scale = {"mean": 1 / degree[i], "gcn": ((degree[i] + 1) * (degree[j] + 1)) ** -0.5}[how]
            total = total + scale * (h[j] + e[k]).relu()
        if how == "gcn":
            total = total + h[i].relu() / (degree[i] + 1)
        out.append(total)
    return torch.stack(out)


@pytest.mark.parametrize("kind", [GCN, SAGE])
def test_edge_features_where_pyg_has_no_such_layer(kind):
    case, net = Case(), model(kind, edge=True)

    def by_hand() -> Tensor:
        h = case.x
        for layer in net.layers:
            e = case.attr @ layer.edge.weight.T + layer.edge.bias
            if kind is GCN:
                h = heard_by_hand(case, h, e, "gcn") @ layer.lin.weight.T + layer.lin.bias
            else:
                heard = heard_by_hand(case, h, e, "mean") @ layer.neighbours.weight.T
                h = heard + layer.neighbours.bias + h @ layer.own.weight.T
            h = h.relu()
        pooled = torch.stack([part.mean(0) for part in h.split(case.sizes.tolist())])
        return pooled @ net.head.weight.T + net.head.bias

    parameters = list(net.parameters())
    expected, got = by_hand(), net(case.x, case.sparse(True))
    close(got, expected)
    for a, b in zip(
        torch.autograd.grad(got.square().sum(), parameters),
        torch.autograd.grad(expected.square().sum(), parameters),
        strict=True,
    ):
        close(a, b)


@pytest.mark.parametrize("kind", GRAPH_MODELS.values())
def test_virtual_node_is_that_of_a_plain_module(kind):
    """Between layers: v <- MLP(sum of h, plus v), and h <- h + v."""
    case, net = Case(), model(kind, virtual_node=True)
    assert len(net.virtual) == LAYERS - 1
    graphs = case.sparse()
    h, v = case.x, torch.zeros(len(SIZES), HIDDEN, dtype=torch.double)
    for i, layer in enumerate(net.layers):
        h = layer(h, graphs).relu()
        if i < LAYERS - 1:
            heard = torch.stack([part.sum(0) for part in h.split(case.sizes.tolist())])
            first, second = net.virtual[i][0], net.virtual[i][2]
            v = ((heard + v) @ first.weight.T + first.bias).relu()
            v = (v @ second.weight.T + second.bias).relu()
            h = h + torch.cat([row.expand(n, -1) for row, n in zip(v, SIZES, strict=True)])
    pooled = torch.stack([part.mean(0) for part in h.split(case.sizes.tolist())])
    close(net(case.x, graphs), pooled @ net.head.weight.T + net.head.bias)


@pytest.mark.parametrize("readout", READOUTS)
def test_nodes_count_by_their_weight(readout):
    """A node of weight 2 is two nodes, one of weight 0 none, and a weight may be any number."""
    case, net = Case(), model(GIN, readout=readout)
    weight = torch.rand(len(case.x), generator=torch.Generator().manual_seed(0)).double() + 0.1
    weight[0], weight[1] = 2.0, 0.0
    h = case.x
    for layer in net.layers:
        h = layer(h, case.sparse()).relu()
    rows = []
    for own, w in zip(h.split(SIZES), weight.split(SIZES), strict=True):
        if readout == "attention":
            w = w * net.gate(own)[:, 0].exp()
        total = (w[:, None] * own).sum(0)
        rows.append(total if readout == "sum" else total / w.sum())
    close(net(case.x, case.sparse(weight=weight), features=True), torch.stack(rows))


@pytest.mark.parametrize("shift", [1e3, -1e3])
def test_attention_stands_large_logits(shift):
    case, net = Case(), model(GAT, readout="attention")
    with torch.no_grad():
        net.gate.bias += shift
    plain = model(GAT, readout="attention")
    close(net(case.x, case.sparse()), plain(case.x, case.sparse()))
    close(net(case.padded, case.dense()), plain(case.x, case.sparse()))
    with torch.no_grad():
        for layer in net.layers:
            layer.source.weight *= shift
    for out in (net(case.x, case.sparse()), net(case.padded, case.dense())):
        assert bool(torch.isfinite(out).all())


# --- dense and sparse ------------------------------------------------------------------------

FORMS = [(edge, virtual, readout) for edge in (0, 1) for virtual in (0, 1) for readout in READOUTS]


@pytest.mark.parametrize(("edge", "virtual", "readout"), FORMS)
@pytest.mark.parametrize("kind", GRAPH_MODELS.values())
def test_dense_graphs_compute_what_sparse_ones_do(kind, edge, virtual, readout):
    """Outputs, gradients and second derivatives, with isolated nodes and graphs of one node."""
    case = Case()
    net = model(kind, edge=bool(edge), virtual_node=bool(virtual), readout=readout)
    parameters = list(net.parameters())
    found = []
    for x, graphs in ((case.x, case.sparse(bool(edge))), (case.padded, case.dense(bool(edge)))):
        x = x.clone().requires_grad_()
        out = net(x, graphs)
        grads = torch.autograd.grad(out.square().sum(), parameters, create_graph=True)
        (second,) = torch.autograd.grad(sum(g.square().sum() for g in grads), x)
        found.append((out, grads, second))
    (out, grads, second), (dense_out, dense_grads, dense_second) = found
    close(dense_out, out)
    for a, b in zip(dense_grads, grads, strict=True):
        close(a, b)
    assert bool(torch.isfinite(second).all())
    assert float(second.abs().max()) > 0
    close(dense_second[case.mask], second)
    assert not bool(dense_second[~case.mask].any())  # nothing reaches what is no node


@pytest.mark.parametrize("kind", GRAPH_MODELS.values())
def test_the_adjacency_has_gradients_of_every_order(kind):
    """Of first and second order, as finite differences have them; a weight of zero included."""
    case = Case((4, 1, 3))
    net = model(kind)
    # A graph of one node and isolated nodes stay in: rows without any weight.
    adj = (case.adj * 0.7).requires_grad_()
    parameters = list(net.parameters())

    def matched(a: Tensor) -> Tensor:
        out = net(case.padded, DenseGraphs(a, case.mask))
        grads = torch.autograd.grad(out.square().sum(), parameters, create_graph=True)
        return sum(g.square().sum() for g in grads)

    (slope,) = torch.autograd.grad(matched(adj), adj)
    assert bool(torch.isfinite(slope).all())
    for at in case.adj.nonzero().tolist()[:4]:
        step = torch.zeros_like(adj)
        step[tuple(at)] = 1e-5
        rise = (matched(adj.detach() + step) - matched(adj.detach() - step)) / 2e-5
        assert slope[tuple(at)].item() == pytest.approx(rise.item(), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("edge", [False, True])
@pytest.mark.parametrize("kind", GRAPH_MODELS.values())
def test_graphs_without_any_edge(kind, edge):
    case, net = Case((2, 1, 3), edges=False), model(kind, edge=edge)
    assert case.edges.shape == (2, 0)
    out = net(case.x, case.sparse(edge))
    assert bool(torch.isfinite(out).all())
    close(net(case.padded, case.dense(edge)), out)


@pytest.mark.parametrize("edge", [False, True])
@pytest.mark.parametrize("kind", GRAPH_MODELS.values())
def test_a_graph_does_not_see_the_others(kind, edge):
    case, net = Case(), model(kind, edge=edge, virtual_node=True, readout="attention")
    together = net(case.x, case.sparse(edge))
    for g, (start, end) in enumerate(pairwise(case.ptr.tolist())):
        own = (case.edges[0] >= start) & (case.edges[0] < end)
        graphs = SparseGraphs(
            case.edges[:, own] - start,
            torch.tensor([0, end - start]),
            case.attr[own] if edge else None,
            like=LIKE,
        )
        close(net(case.x[start:end], graphs)[0], together[g])


@pytest.mark.parametrize("edge", [False, True])
@pytest.mark.parametrize("kind", GRAPH_MODELS.values())
def test_names_of_nodes_do_not_matter(kind, edge):
    case, net = Case(), model(kind, edge=edge, virtual_node=True, readout="attention")
    rng = torch.Generator().manual_seed(5)
    order = torch.cat(
        [a + torch.randperm(b - a, generator=rng) for a, b in pairwise(case.ptr.tolist())]
    )
    new = torch.empty_like(order)
    new[order] = torch.arange(len(order))
    shuffled = torch.randperm(case.edges.shape[1], generator=rng)
    graphs = SparseGraphs(
        new[case.edges[:, shuffled]], case.ptr, case.attr[shuffled] if edge else None, like=LIKE
    )
    close(net(case.x[order], graphs), net(case.x, case.sparse(edge)))


# --- many seeds ------------------------------------------------------------------------------


@pytest.mark.parametrize(("edge", "virtual", "readout"), FORMS)
@pytest.mark.parametrize("kind", GRAPH_MODELS.values())
def test_seeds_at_once_equal_one_after_the_other(kind, edge, virtual, readout):
    case = Case()
    graphs = case.sparse(bool(edge))
    nets = [
        model(kind, edge=bool(edge), virtual_node=bool(virtual), readout=readout, seed=s)
        for s in range(3)
    ]
    drop = (torch.rand(3, LAYERS, len(case.x), HIDDEN) > 0.3).double()
    stacked = {
        k: torch.stack([dict(n.named_parameters())[k].detach() for n in nets]).requires_grad_()
        for k, _ in nets[0].named_parameters()
    }

    def one(own: dict[str, Tensor], mask: Tensor) -> Tensor:
        return functional_call(nets[0], own, (case.x, graphs), {"drop": mask})

    together = vmap(one)(stacked, drop)
    together.square().sum().backward()
    for s, net in enumerate(nets):
        alone = net(case.x, graphs, drop=drop[s])
        close(together[s], alone)
        alone.square().sum().backward()
        for name, parameter in net.named_parameters():
            close(stacked[name].grad[s], parameter.grad)


@pytest.mark.parametrize("kind", GRAPH_MODELS.values())
def test_fresh_weights_are_drawn_from_the_generator_alone(kind):
    net = kind(D, HIDDEN, OUT, LAYERS, edge_channels=E, virtual_node=True, readout="attention")
    torch.manual_seed(0)
    state = torch.get_rng_state()
    a, b = (initialise(net, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert set(a) == {name for name, _ in net.named_parameters()}
    assert all(torch.equal(a[k], b[k]) for k in a)
    weights = [v for k, v in a.items() if v.dim() > 1]
    assert all(float(w.std()) > 0.05 for w in weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
        ({"readout": "max"}, "readout='max'"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        GCN(D, HIDDEN, OUT, **options)
    with pytest.raises(ValueError, match="hidden=6 does not divide into 4 heads"):
        GAT(D, 6, OUT)


def test_parallel_loops_are_all_heard_and_one_in_the_norm() -> None:
    """As in PyG's ``GINConv`` and ``SAGEConv``, and in its ``GCNConv``."""
    edges = torch.tensor([[0, 0, 1], [0, 0, 0]])
    graphs = SparseGraphs(edges, torch.tensor([0, 2]), like=torch.empty(0, dtype=torch.float64))
    h = torch.tensor([[1.0], [10.0]], dtype=torch.float64)
    plain = {"sum": pyg.SimpleConv("sum"), "mean": pyg.SimpleConv("mean")}
    for how, conv in plain.items():
        assert torch.allclose(graphs.gather(h, how), conv(h, edges))
    norm = gcn_norm(edges, None, 2, dtype=torch.float64)
    expected = pyg.SimpleConv("sum")(h, *norm)
    assert torch.allclose(graphs.gather(h, "gcn"), expected)
