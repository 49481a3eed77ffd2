"""The tables of a condensed heterogeneous graph: one a type of nodes, one a relation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from graphcondense.saved.condensed_hetero import names_in


def tables_of_hetero(t: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """What a condensed heterogeneous graph consists of, as tables.

    ``nodes_TYPE`` (``x``; of the target type ``y`` and ``train_mask``, too), ``assignment_TYPE``
    (the node of each real one, where there is one), and ``edges_SOURCE_NAME_TARGET`` (``source``,
    ``target`` and, where some are not 1, ``weight``). Of names only letters, digits, ``-`` and
    ``_`` stay, for these are files; where two become one, a number follows.

    Args:
        t: tensors by the names of :data:`~graphcondense.saved.condensed_hetero.NAMES`.
    """
    kinds, relations = names_in(t, "the condensed graph")
    tables: dict[str, dict[str, Tensor]] = {}
    called = _files(f"nodes_{kind}" for kind in kinds)
    for i, name in enumerate(called):
        labels = {key: t[key] for key in ("y", "train_mask") if not i}
        tables[name] = {"x": t[f"x_{i}"], **labels}
    edges = _files(f"edges_{'_'.join(relation)}" for relation in relations)
    for i, name in enumerate(edges):
        source, target = t[f"edge_index_{i}"]
        weight = {"weight": t[f"edge_weight_{i}"]} if f"edge_weight_{i}" in t else {}
        tables[name] = {"source": source, "target": target, **weight}
    for i, name in enumerate(_files(f"assignment_{kind}" for kind in kinds)):
        if f"assignment_{i}" in t:
            tables[name] = {"assignment": t[f"assignment_{i}"]}
    return tables


def _files(names: Iterable[str]) -> list[str]:
    """Names that files may have, all different.

    >>> _files(["nodes_a.b", "nodes_a b", "nodes_c"])
    ['nodes_a_b', 'nodes_a_b_1', 'nodes_c']
    """
    out: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:80]
        number, free = 0, plain
        while free.lower() in [other.lower() for other in out]:
            number += 1
            free = f"{plain}_{number}"
        out.append(free)
    return out
