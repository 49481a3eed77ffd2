"""A condensed graph whose links teach models to predict links: PyG's ``Data`` with a record."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch_geometric.data import Data

from graphcondense.ops.types import Record
from graphcondense.saved.checks import Tensors, check_further, check_tensors, needing
from graphcondense.saved.compact import parts_of
from graphcondense.saved.condensed_graph import CondensedGraph, parts_of_graph

NAMES = ("x", "edge_index", "edge_weight", "assignment")
"""Its tensors, in the order in which they are stored."""


class CondensedLinks(CondensedGraph):
    """A small graph without labels: ``x [n, d]``, ``edge_index [2, m]`` and ``edge_weight [m]``.

    Where a node stands for several real ones (``assignment [N]`` says for which), the weight of an
    edge ``j -> i`` is how many links a member of ``i`` has to members of ``j``, in the mean; that
    of the loop of ``i`` counts the self-loop of each member, too.

    >>> import torch
    >>> CondensedLinks(x=torch.eye(2), edge_index=torch.tensor([[0], [1]])).num_edges
    1
    """


def links_of(tensors: Tensors, further: Tensors, record: Record) -> CondensedLinks:
    """The condensed graph of these tensors."""
    small = CondensedLinks(**tensors, **further)
    small.condensed = record
    return small


def parts_of_links(small: Data) -> tuple[Tensors, Mapping[str, object], tuple[str, ...]]:
    """The tensors of :data:`NAMES`, what else the graph has, and names of what no file keeps."""
    tensors, others, lost = parts_of_graph(small)
    return {name: tensors[name] for name in NAMES if name in tensors}, others, lost


def check_links(tensors: Tensors, where: str, record: Record, further: Tensors) -> None:
    """Raise a ValueError that starts with ``where`` unless these are such a graph's."""
    need = needing(where)
    for name in ("x", "edge_index"):
        need(name in tensors, f"{name} is missing")
    x, edges = tensors["x"], tensors["edge_index"]
    need(x.dim() == 2, f"x must be [nodes, features], got {tuple(x.shape)}")
    n, m = len(x), edges.shape[-1] if edges.dim() == 2 else -1
    given = tensors.get("assignment")
    check_tensors(
        tensors,
        {
            "x": ((n, x.shape[1]), torch.float32),
            "edge_index": ((2, m), torch.int64),
            "edge_weight": ((m,), torch.float32),
            "assignment": ((0 if given is None else given.numel(),), torch.int64),
        },
        where,
        size=f" for {n} nodes",
    )
    need(n > 0, "it has no nodes")
    for name, least in (("edge_index", 0), ("assignment", -1)):
        value = tensors.get(name)
        if value is not None:
            for bad in value[(value < least) | (value >= n)][:1].tolist():
                need(False, f"{name} names node {bad}, but there are nodes 0..{n - 1}")
    check_further(further, None, where, parts_of("x"))
