"""Heterogeneous node sets in OGB's layout, such as ogbn-mag, as PyG has heterogeneous graphs."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphcondense.data.targets import METRICS
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

LONGEST = 2**20
"""Bytes of the list of relations that are read, at most."""


def is_hetero_set(meta: Record) -> bool:
    """Whether OGB's description of a set says that it is heterogeneous."""
    return str(meta.get("is hetero")) == "True"


def files_of(folder: Path, meta: Record) -> list[str]:
    """The files of a heterogeneous set that OGB's reader needs, below its folder, beside those that
    list its types and relations."""
    if str(meta.get("binary")) == "True":
        raw = [f"raw/{name}" for name in ("num_nodes_dict.npz", "num_edges_dict.npz")]
        raw.append("raw/node-label.npz")
    else:
        raw = ["raw/nodetype-has-label.csv.gz"]
        listed = folder / "raw" / "triplet-type-list.csv.gz"
        for triplet in _triplets(listed) if listed.is_file() else ():
            below = f"raw/relations/{'___'.join(triplet)}"
            raw += [f"{below}/edge.csv.gz", f"{below}/num-edge-list.csv.gz"]
    return raw


def _triplets(path: Path) -> list[tuple[str, ...]]:
    """The relations that a set lists, source, name and target of each."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = file.read(LONGEST).splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    found = [tuple(line.split(",")) for line in lines if line]
    for triplet in found:
        if len(triplet) != 3 or any(not part or "/" in part for part in triplet):
            raise ValueError(f"{path} lists {','.join(triplet)[:80]!r}, which is no relation")
    return found


def hetero_of(data: Any, split: Mapping[str, Mapping[str, Any]], meta: Record) -> HeteroData:
    """What ogb made of the files of a set, as a ``HeteroData``.

    Args:
        data: ogb's ``Data`` with ``num_nodes_dict``, ``edge_index_dict``, ``x_dict`` and
            ``y_dict``.
        split: nodes by type, of ``train``, ``valid`` and ``test``.
        meta: OGB's description of the set, which says what labels are.

    Returns:
        By type ``x [n, d]`` or ``num_nodes``, of labelled types ``y`` (classes ``[n]`` int64, -1
        for none; else ``[n, T]``), ``label_kind`` and ``metric`` and the masks; by relation
        ``edge_index``.
    """
    from torch_geometric.data import HeteroData

    out, x = HeteroData(), getattr(data, "x_dict", None) or {}
    for kind, count in data.num_nodes_dict.items():
        if kind in x:
            out[kind].x = x[kind]
        else:
            out[kind].num_nodes = int(count)
    for kind, y in data.y_dict.items():
        out[kind].y, label_kind = _labels(y, str(meta["task type"]))
        out[kind].label_kind = label_kind
        if meta["eval metric"] in METRICS:
            out[kind].metric = str(meta["eval metric"])
        for ours, theirs in (("train", "train"), ("val", "valid"), ("test", "test")):
            nodes = torch.as_tensor(split[theirs].get(kind, []), dtype=torch.long)
            mask = torch.zeros(int(data.num_nodes_dict[kind]), dtype=torch.bool)
            mask[nodes] = True
            out[kind][f"{ours}_mask"] = mask
    for relation, pair in data.edge_index_dict.items():
        out[relation].edge_index = pair
    return out


def _labels(y: Tensor, task: str) -> tuple[Tensor, str]:
    """Labels as :func:`graphcondense.data.as_hetero` takes them, and what they are."""
    if "multiclass" in task and y.shape[1] == 1:
        return torch.nan_to_num(y[:, 0], nan=-1).long(), "classes"
    return y.float(), "binary" if "classification" in task else "regression"
