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

from graphcondense.data.foreign import RULES, check_threshold, open_small, parsed
from graphcondense.data.task import NodeTask
from graphcondense.ops.types import Record
from graphcondense.saved.condensed_graph import CondensedGraph
from graphcondense.saved.content import graph_hash
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
        ValueError: no such files or name, names that no folder can have or that two files share,
            files that do not go together, no labels, a threshold that is none, an option that
            coresets do not read, or a coreset that has a node twice.
        TypeError: a path that is none, or a real graph that is no task.
    """
    path = path_of(path, "import_condensed(path)", "a folder of feat_NAME.pt, or such a file")
    if real is not None and not isinstance(real, NodeTask):
        raise TypeError(
            f"real={type(real).__name__}: give a NodeTask, as graphcondense.data.as_task makes it"
        )
    if name is not None and not isinstance(name, str):
        raise ValueError(f"name={name!r:.60}: give the name of one set, such as 'cora_0.5_15'")
    if labels is not None and (not isinstance(labels, str) or labels not in RULES):
        raise ValueError(f"labels={labels!r} is none of {', '.join(RULES)}")
    if not path.exists():
        raise ValueError(f"there is no {path}")
    files = sorted([*path.glob("feat_*.pt"), *path.glob("idx_*.npy")]) if path.is_dir() else [path]
    if not files:
        raise ValueError(
            f"{path} has no feat_NAME.pt and no idx_NAME.npy, as GCond, GraphSlim and GC-Bench "
            "write them; name the folder of the method"
        )
    chosen = _chosen(files, path, name)
    _check_used(chosen, threshold, labels)
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
        cut = 0.0 if file.suffix == ".npy" else threshold
        small.condensed = _record(file, method or folder.resolve().name, small, cut)
        out[key] = small
    return out


def _chosen(files: list[Path], path: Path, name: str | None) -> dict[str, Path]:
    """Files by what follows ``feat_`` or ``idx_``: each may name a folder, and is there once."""
    named: dict[str, Path] = {}
    clashes: dict[str, Path] = {}
    for file in files:
        key = file.stem.partition("_")[2]
        (clashes if key in named else named)[key] = file
    if name is not None and name not in named:
        raise ValueError(f"{path} has no {name!r}; there are {', '.join(named)[:300]}")
    chosen = named if name is None else {name: named[name]}
    for key, file in chosen.items():
        if key.startswith(".") or not key.strip() or not key.isprintable() or {*key} & {*"/\\:"}:
            raise ValueError(
                f"{file} has {key!r} for the name of a set, which is no plain name: call it "
                f"{file.stem.partition('_')[0]}_NAME{file.suffix}, such as feat_cora_0.5_15.pt"
            )
        if key in clashes:
            raise ValueError(
                f"{file.name} and {clashes[key].name} in {path} are both called {key!r}: name the "
                "one file to import, or rename one"
            )
    return chosen


def _check_used(chosen: dict[str, Path], threshold: object, labels: str | None) -> None:
    """Refuse a threshold that is none, and options that nothing of what is chosen reads."""
    check_threshold(threshold)
    if all(file.suffix == ".npy" for file in chosen.values()):
        for word, value in (("threshold", threshold or None), ("labels", labels)):
            if value is not None:
                raise ValueError(
                    f"{word}={value!r}: a coreset (idx_NAME.npy) has the edges and labels of real "
                    "nodes; leave it out"
                )


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
    found, counts = np.unique(rows, return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f"{file} has node {int(found[counts > 1][0])} more than once: a coreset has "
            "each of its nodes once"
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
