"""PyG transforms, for use in ``T.Compose`` and in data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from graphcondense.core.method import Method
from graphcondense.data.graph_task import Encoding, encoded
from graphcondense.data.reading import REAL, edge_list
from graphcondense.methods import find_method
from graphcondense.ops.sparsify import above, spanning_forest, top_k
from graphcondense.ops.types import Record
from graphcondense.run import condense
from graphcondense.run.refusals import no_method
from graphcondense.saved.condensed_graphs import CondensedGraphs
from graphcondense.saved.forms import Small


class Condense(BaseTransform):  # type: ignore[misc]
    """Replace a graph by its condensed form; takes what :func:`graphcondense.condense` takes.

    Args:
        method: a method's name, or a :class:`~graphcondense.core.method.Method`; by default that of
            the kind of data.
        **options: its fields and those of :class:`graphcondense.run.options.Run`, but for
            ``sizes=``, which makes several graphs of one.

    Raises:
        ValueError: no method is called so, or ``sizes=``.

    Examples:
        >>> import torch_geometric.transforms as T
        >>> import graphcondense
        >>> pipeline = T.Compose([T.NormalizeFeatures(), Condense("kcenter", nodes=20)])
        >>> pipeline(graphcondense.data.load("digits")).num_nodes
        20
    """

    def __init__(self, method: str | Method | None = None, **options: Any) -> None:
        if isinstance(method, str):
            find_method(method)
        elif method is not None and not isinstance(method, Method):
            raise TypeError(no_method(method))
        if options.get("sizes") is not None:
            raise ValueError(
                f"sizes={options['sizes']} makes several graphs, and a transform gives one: call "
                "condense, or give nodes="
            )
        self.method, self.options = method, options

    def forward(self, data: object) -> Small:
        """Condense data, in any form that :func:`graphcondense.condense` takes."""
        small: Small = condense(data, self.method, **{"progress": False, **self.options})
        return small

    def __repr__(self) -> str:
        given = [f"{k}={v!r}" for k, v in self.options.items()]
        if self.method is not None:
            given.insert(0, repr(self.method))
        return f"{type(self).__name__}({', '.join(given)})"


class Sparsify(BaseTransform):  # type: ignore[misc]
    """Keep some edges of a graph, by ``edge_weight`` or a one-column ``edge_attr`` (else all one).

    For models that ignore edge weights, or where a learnt adjacency is denser than it need be.
    ``evaluate(small, data, sparsify="top-k")`` chooses among such forms on validation.

    Args:
        how: ``"threshold"`` (edges of weight ``threshold`` or more), ``"top-k"`` (the ``k``
            heaviest into each node, with their reverses), or ``"forest"`` (a maximum spanning one).
        threshold: of ``"threshold"``.
        k: of ``"top-k"``.

    Raises:
        ValueError: another ``how``, or not just what it needs; a graph without ``edge_index``, or
            whose weights are not one an edge.

    >>> from torch_geometric.data import Data
    >>> edges = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
    >>> triangle = Data(edge_index=edges, edge_weight=torch.tensor([3, 2, 1] * 2), num_nodes=3)
    >>> Sparsify("forest")(triangle).edge_index.tolist()
    [[0, 1, 1, 2], [1, 2, 0, 1]]
    """

    def __init__(
        self,
        how: Literal["threshold", "top-k", "forest"] = "threshold",
        *,
        threshold: float | None = None,
        k: int | None = None,
    ) -> None:
        needs = {"threshold": {"threshold"}, "top-k": {"k"}, "forest": set[str]()}
        if how not in needs:
            raise ValueError(f"how={how!r}; choose {', '.join(needs)}")
        given = {name for name, value in (("threshold", threshold), ("k", k)) if value is not None}
        if given != needs[how]:
            got = " and ".join(sorted(given)) or "nothing"
            raise ValueError(f"{how!r} needs {' '.join(needs[how]) or 'nothing'}, got {got}")
        self.how, self.threshold, self.k = how, threshold, k

    def forward(self, data: Data) -> Data:
        """The graph with the kept edges alone; a ValueError where it has no ``edge_index``."""
        if data.edge_index is None:
            raise ValueError(
                "Sparsify needs edge_index; put it before T.ToSparseTensor, which leaves adj_t"
            )
        edges, weight = edge_list(data, int(data.num_nodes), REAL)
        if weight is None:
            weight = torch.ones(edges.shape[1])
        if self.threshold is not None:
            kept = above(edges, weight, self.threshold)
        elif self.k is not None:
            kept = top_k(edges, weight, self.k)
        else:
            kept = spanning_forest(edges, weight)
        return data.edge_subgraph(kept.to(data.edge_index.device))

    def __repr__(self) -> str:
        value = self.k if self.threshold is None else self.threshold
        return f"{type(self).__name__}({self.how!r}{'' if value is None else f', {value:g}'})"


class EncodeCategories(BaseTransform):  # type: ignore[misc]
    """Bring a real graph into the form in which a condensed set of graphs has its features.

    So a model that was trained on the condensed set runs on real graphs:
    ``PygGraphPropPredDataset(name, transform=EncodeCategories.of(small))``. Integer categories
    become 0/1 columns, one for each value that the training graphs had (another becomes zeros);
    numbers become float32; without ``x`` every node gets the feature 1. TUDatasets without node
    features need :func:`graphcondense.data.degree_categories` before it.

    Args:
        record: the record of a condensed set of graphs, its ``condensed``.

    Raises:
        ValueError: for a record that does not say how features were encoded; on a graph, for
            features of another form.

    >>> from torch_geometric.data import Data
    >>> record = {"data": {"encoding": {"x": [[6, 8], [0, 1]], "edge_attr": None}}}
    >>> EncodeCategories(record)(Data(x=torch.tensor([[8, 0], [7, 1]]))).x.tolist()
    [[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """

    def __init__(self, record: Record) -> None:
        about = record.get("data")
        given = about.get("encoding") if isinstance(about, Mapping) else None
        if not isinstance(given, Mapping):
            raise ValueError(
                "the record does not say how features are encoded (record['data']['encoding']); "
                "give that of a condensed set of graphs, small.condensed"
            )
        self.encodings = {
            name: None if given.get(name) is None else Encoding(tuple(map(tuple, given[name])))
            for name in ("x", "edge_attr")
        }

    @classmethod
    def of(cls, small: CondensedGraphs) -> EncodeCategories:
        """The transform for a condensed set of graphs, or any object with its ``condensed``."""
        return cls(small.condensed)

    def forward(self, data: Data) -> Data:
        """The graph with its categories encoded; a ValueError where it does not have them."""
        for name, encoding in self.encodings.items():
            value = data.get(name)
            if value is None and name == "x":
                if encoding is not None:
                    raise ValueError(
                        "the graph has no x, the condensed set was made with categories; where "
                        "these are degrees, put graphcondense.data.degree_categories before this"
                    )
                value = torch.ones(data.num_nodes, 1)
            if value is not None:
                data[name] = encoded(value[:, None] if value.dim() == 1 else value, encoding)
        return data

    def __repr__(self) -> str:
        widths = {k: None if e is None else e.width for k, e in self.encodings.items()}
        return f"{type(self).__name__}({widths})"
