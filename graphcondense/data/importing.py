"""Whole folders of condensed graphs that GCond, GraphSlim and GC-Bench wrote.

Their files, as their public sources write them:

* GCond (ChandlerBang/GCond, ``saved_ours/``): ``feat_DATA_RATE_SEED.pt`` and
  ``adj_DATA_RATE_SEED.pt``, dense; no labels (``labels="rate"``).
* GraphSlim (Emory-Melody/GraphSlim, ``save_reduced``): ``reduced_graph/METHOD/`` with ``adj_``,
  ``feat_`` and ``label_DATA_RATE_SEED.pt``; an adjacency that is not there is the identity.
* GC-Bench (RingBDStack/GC-Bench, ``SAVE_DIR/METHOD/``): ``adj_`` and ``feat_DATA_RATE_SEED.pt``
  without labels, whose rule leaves no remainder; of SFGC and GEOM also ``label_``, and
  ``best_ntk_score_SEED`` in place of the seed; of coresets ``idx_DATA_RATE_SEED.npy``, the numbers
  of real nodes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.foreign import RULES, open_small, parsed
from graphcondense.data.task import NodeTask
from graphcondense.ops.types import Record
from graphcondense.saved.condensed import graph_hash
from graphcondense.saved.condensed_graph import CondensedGraph
from graphcondense.saved.paths import path_of


def import_condensed(
    path: str | Path,
    *,
    real: NodeTask | None = None,
    name: str | None = None,
    labels: str | None = None,
    threshold: float = 0.0,
    method: str | None = None,
) -> dict[str, CondensedGraph]:
    """Condensed graphs of other projects, by the names of their files.

    Args:
        path: a folder of ``feat_NAME.pt`` with ``adj_NAME.pt`` and ``label_NAME.pt`` beside it, or
            of ``idx_NAME.npy``; or one such file.
        real: the real graph, a :class:`~graphcondense.data.task.NodeTask`; features and classes
            must match. Coresets and ``labels`` need it.
        name: only this one of the folder, such as ``"cora_0.5_15"``.
        labels: of sets without a file of labels: ``"rate"``, as GCond and GC-Bench have it, or
            ``"gcond"`` by the number of nodes, see :func:`~graphcondense.data.foreign.open_small`.
        threshold: entries of the adjacency below it are cut. GCond and GC-Bench evaluate with
            0.05 on Cora and Citeseer, and with 0.01 elsewhere.
        method: what made them; by default the name of the folder.

    Returns:
        Graphs with a record: ``method``, the ``seed`` and ``rate`` of the file's name, ``data``
        (its name) and the files (``imported``).

    Raises:
        ValueError: no such files or name, files that do not go together, or no labels.
        TypeError: a path that is none, or a real graph that is no task.
    """
    path = path_of(path, "import_condensed(path)", "a folder of feat_NAME.pt, or such a file")
    if real is not None and not isinstance(real, NodeTask):
        raise TypeError(
            f"real={type(real).__name__}: give a NodeTask, as graphcondense.data.as_task makes it"
        )
    if labels is not None and labels not in RULES:
        raise ValueError(f"labels={labels!r} is none of {', '.join(RULES)}")
    if not path.exists():
        raise ValueError(f"there is no {path}")
    files = sorted([*path.glob("feat_*.pt"), *path.glob("idx_*.npy")]) if path.is_dir() else [path]
    if not files:
        raise ValueError(
            f"{path} has no feat_NAME.pt and no idx_NAME.npy, as GCond, GraphSlim and GC-Bench "
            "write them; name the folder of the method"
        )
    named = {file.stem.partition("_")[2]: file for file in files}
    if name is not None and name not in named:
        raise ValueError(f"{path} has no {name!r}; there are {', '.join(named)[:300]}")
    chosen = named if name is None else {name: named[name]}
    folder = path if path.is_dir() else path.parent
    out = {}
    for key, file in chosen.items():
        if file.suffix == ".npy":
            small = _coreset(file, real)
        else:
            beside = file.with_name(f"label_{key}.pt").is_file()
            small = open_small(
                file, real=real, threshold=threshold, labels=None if beside else labels
            )
        small.condensed = _record(file, method or folder.resolve().name, small, threshold)
        out[key] = small
    return out


def _coreset(file: Path, real: NodeTask | None) -> CondensedGraph:
    """The real nodes of these numbers, and the edges between them."""
    if real is None:
        raise ValueError(f"{file} has numbers of real nodes: give real= (--data)")
    try:
        rows = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{file} is no array of numbers ({str(error)[:100]})") from error
    whole = rows.ndim == 1 and np.issubdtype(rows.dtype, np.integer) and rows.size
    if not whole or rows.min() < 0 or rows.max() >= real.num_nodes:
        raise ValueError(
            f"{file} must have numbers of nodes of {real.name}, 0..{real.num_nodes - 1}; got "
            f"{rows.dtype} of shape {rows.shape}"
        )
    adj = real.adj[rows][:, rows].tocoo()
    at = torch.from_numpy(rows.astype(np.int64))
    whole_x = real.x
    x = whole_x[at] if isinstance(whole_x, Tensor) else torch.from_numpy(whole_x[rows].toarray())
    return CondensedGraph(
        x=x.float(),
        edge_index=torch.from_numpy(np.stack([adj.col, adj.row]).astype(np.int64)),
        edge_weight=torch.from_numpy(adj.data.astype(np.float32)),
        y=real.y[at],
        train_mask=torch.ones(len(rows), dtype=torch.bool),
    )


def _record(file: Path, method: str, small: CondensedGraph, threshold: float) -> Record:
    said = parsed(file.stem)
    data: Record = {"name": said.pop("data")} if "data" in said else {}
    found = {"features": int(small.x.shape[1])}
    return {
        "method": method,
        "kind": "node",
        **said,
        "data": {**data, **found},
        "imported": {"file": file.name, "threshold": threshold},
        "hash": graph_hash(small),
    }
