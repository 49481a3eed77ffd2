"""What a condensed set holds: its bytes, its hash, and which real nodes its nodes stand for."""

from __future__ import annotations

import hashlib

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcondense.saved.compact import bytes_of, check_parts, matrix_of
from graphcondense.saved.condensed_graph import MAPPING
from graphcondense.saved.forms import Small, contents_of
from graphcondense.saved.graph_set import GraphSet


def tensor_bytes(small: Small) -> int:
    """Bytes of what models train on (:attr:`~graphcondense.saved.forms.Form.counted`), as stored.

    A matrix that is mostly zero counts by row. Where each graph of a set begins (16 bytes a graph),
    the mask of training nodes, assignment and mapping of real nodes and further tensors do not
    count.

    >>> no_edges = torch.zeros(2, 0, dtype=torch.long)
    >>> tensor_bytes(Data(x=torch.ones(2, 3), edge_index=no_edges, y=torch.tensor([0, 1])))
    40
    """
    contents = contents_of(small)
    both = {**contents.tensors, **contents.further}
    return sum(
        bytes_of(tensor) if name in contents.form.packed else tensor.numel() * tensor.element_size()
        for name, tensor in both.items()
        if name in contents.form.counted
    )


def graph_hash(small: Small | GraphSet) -> str:
    """SHA-256 (first 16 hex digits) of all tensors of a set, dense; the record is left out.

    >>> a = Data(x=torch.zeros(2, 3), edge_index=torch.zeros(2, 0).long(), y=torch.tensor([0, 1]))
    >>> b = a.clone()
    >>> b.x[0, 0] = 1
    >>> graph_hash(a) == graph_hash(a.clone()), graph_hash(a) == graph_hash(b)
    (True, False)
    """
    h = hashlib.sha256()
    contents = contents_of(small)
    for name, tensor in {**contents.tensors, **contents.further}.items():
        h.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        if tensor.numel():  # an empty one may have strides that no view of bytes takes
            h.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return h.hexdigest()[:16]


def assignment_matrix(small: Data) -> sp.csr_matrix:
    """Which condensed node stands for which real one: ``[N, n]``, a one at ``(i, assignment[i])``.

    Its transpose sums over groups; a real node that nothing stands for (-1) has an empty row.

    Raises:
        ValueError: the condensed graph does not say (only coarsening makes groups of real nodes).

    >>> small = Data(x=torch.zeros(2, 1), assignment=torch.tensor([1, -1, 0]))
    >>> assignment_matrix(small).toarray().tolist()
    [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]
    """
    given = getattr(small, "assignment", None)
    if not isinstance(given, Tensor):
        raise ValueError("the condensed graph has no assignment of real nodes; coarsened ones have")
    group = given.cpu().numpy()
    at = np.flatnonzero(group >= 0)
    shape = (len(group), int(small.num_nodes))
    return sp.csr_matrix((np.ones(len(at)), (at, group[at])), shape=shape)


def mapping_matrix(small: Data) -> sp.csr_matrix:
    """To which condensed nodes each real one belongs, and how much: ``M [N, n]``, float32.

    Edges ``a [b, N]`` that reach new nodes from real ones become ``a M`` to the condensed graph.
    Of a graph that was condensed in the inductive setting the rows are its training nodes.
    It is stored by row: ``mapping_crow [N + 1]``, ``mapping_col [m]`` and ``mapping_value [m]``.

    Raises:
        ValueError: the condensed graph does not say (MCond learns one), or says it wrongly.

    >>> small = Data(x=torch.zeros(2, 1), mapping_crow=torch.tensor([0, 1, 3], dtype=torch.int32))
    >>> small.mapping_col = torch.tensor([1, 0, 1], dtype=torch.int32)
    >>> small.mapping_value = torch.tensor([1.0, 0.25, 0.75])
    >>> mapping_matrix(small).toarray().tolist()
    [[0.0, 1.0], [0.25, 0.75]]
    """
    parts = {name: getattr(small, name, None) for name in MAPPING}
    given = {name: part for name, part in parts.items() if isinstance(part, Tensor)}
    if not given:
        raise ValueError("the condensed graph has no mapping of real nodes; mcond learns one")
    check_parts("mapping", given, int(small.num_nodes), "the condensed graph")
    return matrix_of("mapping", given, int(small.num_nodes))
