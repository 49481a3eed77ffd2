"""Models of heterogeneous graphs: two layers over the relations of a weighted graph.

Weights of edges are summed as :func:`~graphcondense.ops.hetero.mean_operator` has them, which
on an unweighted graph is the mean over a node's neighbours.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from graphcondense.core.pools import uniform
from graphcondense.nn.batched.operators import Operator, operator, product
from graphcondense.ops.hetero import HeteroGraph, Relation, Rows
from graphcondense.ops.segment import segment_softmax, segment_sum

Dropout: TypeAlias = Callable[[Tensor], Tensor]
"""Zeroes some hidden activations, or none."""

Linked: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Source and target of each edge ``[m]``, and the logarithm of its weight."""


@dataclass(frozen=True)
class HeteroView:
    """A heterogeneous graph as models see it.

    Attributes:
        x: features by type, as operators.
        means: operators that take means over neighbours, by relation.
        links: edges by relation, for models that weigh each, with the weights of ``means``; empty
            unless asked for.
        counts: nodes by type.
    """

    x: Mapping[str, Operator]
    means: Mapping[Relation, Operator]
    links: Mapping[Relation, Linked]
    counts: Mapping[str, int]

    @classmethod
    def of(cls, graph: HeteroGraph, like: Tensor, links: bool = False) -> HeteroView:
        """``like`` has the device and precision; ``links`` whether each edge is weighed."""
        x = {kind: _features(rows, like) for kind, rows in graph.x.items()}
        means = {relation: operator(matrix, like) for relation, matrix in graph.means.items()}
        ends = {}
        for relation, matrix in graph.means.items() if links else ():
            coo = matrix.tocoo()
            pair = [torch.from_numpy(i.astype(np.int64)) for i in (coo.col, coo.row)]
            source, end = (i.to(like.device) for i in pair)
            ends[relation] = source, end, torch.from_numpy(coo.data).to(like).log()
        return cls(x, means, ends, graph.counts)


def _features(rows: Rows, like: Tensor) -> Operator:
    return torch.from_numpy(rows).to(like) if isinstance(rows, np.ndarray) else operator(rows, like)


def mapped(lin: nn.Linear, x: Operator) -> Tensor:
    """A linear layer on features, which may be sparse."""
    out = lin.weight.T if x is None else product(x, lin.weight.T)
    return out if lin.bias is None else out + lin.bias


def named(what: str | Relation) -> str:
    """A type of nodes or a relation as the name of a module, which may have no dot and may not be
    one of ``nn.ModuleDict``'s own names, such as ``items``."""
    parts = (what,) if isinstance(what, str) else what
    return "|" + "|".join(parts).replace(".", ":")


class HeteroNet(nn.Module):
    """A model of a heterogeneous graph, called with a :class:`HeteroView` and dropout; gives logits
    ``[n, classes]`` of the target's nodes.

    Args:
        graph: has the types, relations and widths.
        target: the type that is classified.
        hidden: width.
        classes: outputs.
        num_layers: rounds of messages.
    """

    edge_weights: ClassVar[str] = ""
    """How the model uses edge weights, for the report."""

    links: ClassVar[bool] = False
    """Whether it weighs each edge."""

    def __init__(
        self, graph: HeteroGraph, target: str, hidden: int, classes: int, num_layers: int = 2
    ) -> None:
        super().__init__()
        self.target, self.hidden, self.num_layers = target, hidden, num_layers
        self.widths, self.relations = graph.widths, list(graph.relations)
        self.make(hidden, classes)

    @abstractmethod
    def make(self, hidden: int, classes: int) -> None:
        """Create the layers."""

    @abstractmethod
    def forward(self, view: HeteroView, drop: Dropout) -> Tensor: ...


class RGCNLayer(nn.Module):
    """``h_t = W_t h_t + b_t + Σ_r mean_r(W_r h_s)`` over the relations ``r`` from ``s`` to ``t``.

    Without weights this is PyG's ``HeteroConv`` of ``SAGEConv`` with means, summed.

    Args:
        widths: of what comes in, by type.
        relations: those that are used.
        out: width of what comes out.
        kinds: the types of which something comes out.
    """

    def __init__(
        self, widths: Mapping[str, int], relations: list[Relation], out: int, kinds: list[str]
    ) -> None:
        super().__init__()
        self.relations = [relation for relation in relations if relation[2] in kinds]
        self.kinds = kinds
        self.own = nn.ModuleDict({named(kind): nn.Linear(widths[kind], out) for kind in kinds})
        self.heard = nn.ModuleDict(
            {named(r): nn.Linear(widths[r[0]], out, bias=False) for r in self.relations}
        )

    def forward(self, x: Mapping[str, Operator], view: HeteroView) -> dict[str, Tensor]:
        out = {kind: mapped(cast(nn.Linear, self.own[named(kind)]), x[kind]) for kind in self.kinds}
        for relation in self.relations:
            sent = mapped(cast(nn.Linear, self.heard[named(relation)]), x[relation[0]])
            out[relation[2]] = out[relation[2]] + product(view.means[relation], sent)
        return out


class RGCN(HeteroNet):
    """Relational graph convolution (Schlichtkrull et al., ESWC 2018, eq. 2, without bases), with a
    weight of a node's own for each type."""

    edge_weights = "weighted mean of each relation"

    def make(self, hidden: int, classes: int) -> None:
        layers, kinds = list[RGCNLayer](), [self.target]
        for left in range(self.num_layers):  # from the last: what it does not hear is not made
            first = left == self.num_layers - 1
            need = sorted({*kinds, *(r[0] for r in self.relations if r[2] in kinds)})
            widths = self.widths if first else dict.fromkeys(need, hidden)
            layers.insert(
                0, RGCNLayer(widths, self.relations, classes if not left else hidden, kinds)
            )
            kinds = need
        self.layers = nn.ModuleList(layers)

    def forward(self, view: HeteroView, drop: Dropout) -> Tensor:
        x: Mapping[str, Operator] = view.x
        for i, layer in enumerate(self.layers):
            out = layer(x, view)
            if i < len(self.layers) - 1:
                out = {kind: drop(h.relu()) for kind, h in out.items()}
            x = out
        logits = x[self.target]
        assert isinstance(logits, Tensor)
        return logits


class PathMLP(HeteroNet):
    """An MLP on the features of a node and on those that each relation brings, as means: what
    SeHGNN (Yang et al., AAAI 2023) does with meta-paths of one relation, their parts summed."""

    edge_weights = "weighted mean of each relation"

    def make(self, hidden: int, classes: int) -> None:
        self.first = RGCNLayer(self.widths, self.relations, hidden, [self.target])
        inner = [nn.Linear(hidden, hidden) for _ in range(self.num_layers - 1)]
        self.inner, self.last = nn.ModuleList(inner), nn.Linear(hidden, classes)

    def forward(self, view: HeteroView, drop: Dropout) -> Tensor:
        h = drop(self.first(view.x, view)[self.target].relu())
        for lin in self.inner:
            h = drop(lin(h).relu())
        out: Tensor = self.last(h)
        return out


class MLP(HeteroNet):
    """The target's features alone."""

    edge_weights = "none: sees no edges"

    def make(self, hidden: int, classes: int) -> None:
        self.first = nn.Linear(self.widths[self.target], hidden)
        inner = [nn.Linear(hidden, hidden) for _ in range(self.num_layers - 2)]
        self.inner, self.last = nn.ModuleList(inner), nn.Linear(hidden, classes)

    def forward(self, view: HeteroView, drop: Dropout) -> Tensor:
        h = drop(mapped(self.first, view.x[self.target]).relu())
        for lin in self.inner:
            h = drop(lin(h).relu())
        out: Tensor = self.last(h)
        return out


class Heads(nn.Module):
    """A square matrix for each head ``[H, d, d]``, and a factor for each ``[H]``, from one."""

    def __init__(self, heads: int, d: int, factor: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(heads, d, d))
        self.factor = nn.Parameter(torch.ones(heads)) if factor else None

    def reset(self, rng: Generator) -> list[Tensor]:
        shape = tuple(self.weight.shape)
        drawn = [uniform(shape, shape[1] ** -0.5, rng)]
        return drawn + ([torch.ones(shape[0])] if self.factor is not None else [])

    def forward(self, x: Tensor) -> Tensor:
        """``[n, H, d]`` to the same, by head."""
        return torch.einsum("nhd,hde->nhe", x, self.weight)


class HGTLayer(nn.Module):
    """Attention over the edges of all relations at once (Hu et al., WWW 2020, eq. 1-5); a weight of
    an edge multiplies its share.

    Args:
        kinds: types of which something comes out.
        relations: those that end at them.
        hidden: width, a multiple of ``heads``.
        heads: of attention.
    """

    def __init__(
        self, kinds: list[str], relations: list[Relation], hidden: int, heads: int
    ) -> None:
        super().__init__()
        self.heads, self.relations, self.kinds = heads, relations, kinds
        sources = list(dict.fromkeys(relation[0] for relation in relations))

        def each(of: list[str]) -> nn.ModuleDict:
            return nn.ModuleDict({named(kind): nn.Linear(hidden, hidden) for kind in of})

        self.keys, self.values = each(sources), each(sources)
        self.queries, self.outs = each(kinds), each(kinds)
        d = hidden // heads
        self.compare = nn.ModuleDict({named(r): Heads(heads, d, True) for r in relations})
        self.send = nn.ModuleDict({named(r): Heads(heads, d, False) for r in relations})

    def forward(self, h: Mapping[str, Tensor], view: HeteroView) -> dict[str, Tensor]:
        out = {}
        for kind in self.kinds:
            into = [r for r in self.relations if r[2] == kind]
            heard = h[kind].new_zeros(h[kind].shape)
            if any(len(view.links[r][0]) for r in into):
                heard = self._heard(h, view, kind, into)
            out[kind] = h[kind] + self.outs[named(kind)](F.gelu(heard))
        return out

    def _heard(
        self, h: Mapping[str, Tensor], view: HeteroView, kind: str, into: list[Relation]
    ) -> Tensor:
        n, width = h[kind].shape
        shape = (-1, self.heads, width // self.heads)
        queries = self.queries[named(kind)](h[kind]).view(shape)
        scores, sent, ends = list[Tensor](), list[Tensor](), list[Tensor]()
        for relation in into:
            source, end, weight = view.links[relation]
            name, states = named(relation), h[relation[0]]
            compare = self.compare[name]
            keys = compare(self.keys[named(relation[0])](states).view(shape))
            told = (queries[end] * keys[source]).sum(2) * (compare.factor / shape[2] ** 0.5)
            scores.append(told + weight[:, None])
            sent.append(
                self.send[name](self.values[named(relation[0])](states).view(shape))[source]
            )
            ends.append(end)
        index = torch.cat(ends)
        shares = segment_softmax(torch.cat(scores), index, num_segments=n)
        rows = (torch.cat(sent) * shares[:, :, None]).flatten(1)
        return segment_sum(rows, index, num_segments=n)


class HGT(HeteroNet):
    """Heterogeneous graph transformer (Hu et al., WWW 2020), with a plain residual connection and
    without its encoding of time. Weights are those of means, so that before any comparison all
    relations of a node have the same say, however many neighbours each brings."""

    edge_weights = "those of means multiply attention"
    links = True
    heads: ClassVar[int] = 4

    def make(self, hidden: int, classes: int) -> None:
        if hidden % self.heads:
            raise ValueError(f"hidden={hidden} must be a multiple of the {self.heads} heads of HGT")
        kinds = list(self.widths)
        self.first = nn.ModuleDict({named(k): nn.Linear(self.widths[k], hidden) for k in kinds})
        layers, wanted = list[HGTLayer](), [self.target]
        for _ in range(self.num_layers):
            into = [r for r in self.relations if r[2] in wanted]
            layers.insert(0, HGTLayer(wanted, into, hidden, self.heads))
            wanted = kinds
        self.layers, self.last = nn.ModuleList(layers), nn.Linear(hidden, classes)

    def forward(self, view: HeteroView, drop: Dropout) -> Tensor:
        h = {
            k: drop(mapped(cast(nn.Linear, self.first[named(k)]), view.x[k]).relu())
            for k in self.widths
        }
        for layer in self.layers:
            h = {k: drop(v) for k, v in layer(h, view).items()}
        out: Tensor = self.last(h[self.target])
        return out


class HeadVectors(nn.Module):
    """A vector for each head ``[H, d]`` at each end of an edge, drawn as Glorot has it."""

    def __init__(self, heads: int, d: int, ends: int = 2) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(ends, heads, d))

    def reset(self, rng: Generator) -> list[Tensor]:
        shape = tuple(self.vectors.shape)
        return [uniform(shape, (6 / (shape[1] + shape[2])) ** 0.5, rng)]

    def forward(self, end: int) -> Tensor:
        return self.vectors[end]


class HANLayer(nn.Module):
    """Attention over the neighbours of each relation, and then over relations (Wang et al., WWW
    2019, eq. 1-9), each relation being a meta-path of one; a weight of an edge multiplies its
    share.

    Where no relation ends at a type, its states are projected alone.

    Args:
        widths: of what comes in, by type.
        kinds: types of which something comes out.
        relations: those that end at them.
        hidden: width, a multiple of ``heads``.
        heads: of attention.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        kinds: list[str],
        relations: list[Relation],
        hidden: int,
        heads: int,
    ) -> None:
        super().__init__()
        self.heads, self.relations, self.kinds = heads, relations, kinds
        seen = dict.fromkeys([*kinds, *(relation[0] for relation in relations)])
        self.project = nn.ModuleDict({named(k): nn.Linear(widths[k], hidden) for k in seen})
        d = hidden // heads
        self.told = nn.ModuleDict({named(r): HeadVectors(heads, d) for r in relations})
        self.compare, self.question = nn.Linear(hidden, hidden), HeadVectors(1, hidden, ends=1)

    def forward(self, x: Mapping[str, Operator], view: HeteroView) -> dict[str, Tensor]:
        h = {k: mapped(cast(nn.Linear, self.project[named(k)]), x[k]) for k in self._seen()}
        out = {}
        for kind in self.kinds:
            into = [r for r in self.relations if r[2] == kind]
            if not into:
                out[kind] = h[kind].relu()
                continue
            heard = torch.stack([self._heard(h, view, relation) for relation in into])
            told = torch.tanh(self.compare(heard)).mean(1) @ self.question(0)[0]
            out[kind] = (told.softmax(0)[:, None, None] * heard).sum(0)
        return out

    def _seen(self) -> list[str]:
        return list(dict.fromkeys([*self.kinds, *(relation[0] for relation in self.relations)]))

    def _heard(self, h: Mapping[str, Tensor], view: HeteroView, relation: Relation) -> Tensor:
        """What one relation brings its type ``[n, hidden]``."""
        states, own = h[relation[0]], h[relation[2]]
        source, end, weight = view.links[relation]
        if not len(source):
            return own.new_zeros(own.shape)
        sent = states.view(len(states), self.heads, -1)
        told = cast(HeadVectors, self.told[named(relation)])
        there = (sent * told(0)).sum(2)
        here = (own.view(len(own), self.heads, -1) * told(1)).sum(2)
        score = F.leaky_relu(there[source] + here[end], 0.2) + weight[:, None]
        shares = segment_softmax(score, end, num_segments=len(own))
        rows = (sent[source] * shares[:, :, None]).flatten(1)
        return segment_sum(rows, end, num_segments=len(own)).relu()


class HAN(HeteroNet):
    """Heterogeneous graph attention network (Wang et al., WWW 2019) over relations as they are: as
    PyG's ``HANConv``, whose meta-paths are edge types. Longer ones are layers."""

    edge_weights = "those of means multiply attention"
    links = True
    heads: ClassVar[int] = 4

    def make(self, hidden: int, classes: int) -> None:
        if hidden % self.heads:
            raise ValueError(f"hidden={hidden} must be a multiple of the {self.heads} heads of HAN")
        layers, wanted = list[HANLayer](), [self.target]
        for left in range(self.num_layers):  # from the last: what it does not hear is not made
            into = [r for r in self.relations if r[2] in wanted]
            need = sorted({*wanted, *(r[0] for r in into)})
            widths = self.widths
            if left < self.num_layers - 1:
                widths = dict.fromkeys(need, hidden)
            layers.insert(0, HANLayer(widths, wanted, into, hidden, self.heads))
            wanted = need
        self.layers, self.last = nn.ModuleList(layers), nn.Linear(hidden, classes)

    def forward(self, view: HeteroView, drop: Dropout) -> Tensor:
        x: Mapping[str, Operator] = view.x
        for layer in self.layers:
            x = {kind: drop(h) for kind, h in layer(x, view).items()}
        h = x[self.target]
        assert isinstance(h, Tensor)
        out: Tensor = self.last(h)
        return out


HETERO_MODELS: dict[str, type[HeteroNet]] = {
    model.__name__: model for model in (RGCN, HGT, HAN, PathMLP, MLP)
}
"""By name."""
