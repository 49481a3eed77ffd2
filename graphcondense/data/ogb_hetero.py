"""Heterogeneous node sets in OGB's layout, such as ogbn-mag, as PyG has heterogeneous graphs."""

from __future__ import annotations

import gzip
import json
import logging
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphcondense.data.targets import METRICS
from graphcondense.ops.files import write_whole
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

logger = logging.getLogger(__name__)

LONGEST = 2**20
"""Bytes of a list that are read at most, and of other files at a time."""

PARTS = ("train", "valid", "test")
"""What OGB calls the parts of a split."""


def is_hetero_set(meta: Record) -> bool:
    """Whether OGB's description of a set says that it is heterogeneous."""
    return str(meta.get("is hetero")) == "True"


def files_of(folder: Path, meta: Record) -> list[str]:
    """The files of a heterogeneous set that OGB's reader needs, below its folder, beside those that
    list its types and relations, and those of its splits."""
    if str(meta.get("binary")) == "True":
        raw = [f"raw/{name}" for name in ("num_nodes_dict.npz", "num_edges_dict.npz")]
        raw.append("raw/node-label.npz")
    else:
        raw = ["raw/nodetype-has-label.csv.gz"]
        listed = folder / "raw" / "triplet-type-list.csv.gz"
        for triplet in _triplets(listed) if listed.is_file() else ():
            below = f"raw/relations/{'___'.join(triplet)}"
            raw += [f"{below}/edge.csv.gz", f"{below}/num-edge-list.csv.gz"]
        for kind in _kinds(folder / "raw" / "nodetype-has-label.csv.gz"):
            raw.append(f"raw/node-label/{kind}/node-label.csv.gz")
    return raw


def split_files_of(folder: Path, split: str) -> list[str]:
    """The files of a split, ``split/NAME``, below the folder of its set."""
    listed = f"{split}/nodetype-has-split.csv.gz"
    kinds = _kinds(folder / listed)
    parts = [f"{split}/{kind}/{part}.csv.gz" for kind in kinds for part in PARTS]
    return [listed, *parts]


def _lines(path: Path) -> list[str]:
    """The lines of a short file."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return [line for line in file.read(LONGEST).splitlines() if line]
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(
            f"{path} cannot be read ({error}): it is broken, or not whole; put the published one "
            "there"
        ) from error


def _kinds(path: Path) -> list[str]:
    """The types of nodes that a list of types and truth values names; none where it is missing."""
    lines = _lines(path) if path.is_file() else []
    head, values = ([*line.split(",")] for line in lines[:2]) if len(lines) > 1 else ([], [])
    told = [kind for kind, value in zip(head, values, strict=False) if value.strip() == "True"]
    for kind in told:
        if not kind or "/" in kind:
            raise ValueError(f"{path} lists {kind[:80]!r}, which is no type of nodes")
    return told


def check_lines(folder: Path, meta: Record) -> None:
    """Look at all lines of the text files below ``raw``, before ogb reads them.

    Raises:
        ValueError: a file is not whole, edges are no numbers, or there are more or fewer of them
            than the file beside them says: ogb would read a part.
    """
    raw = folder / "raw"
    listed = raw / "triplet-type-list.csv.gz"
    if str(meta.get("binary")) == "True" or not listed.is_file():
        return
    counts = {}
    for path in sorted(raw.rglob("*.csv.gz")):
        counts[path] = _counted(path, NO_NUMBER if path.name == "edge.csv.gz" else None)
    for triplet in _triplets(listed):
        below = raw / "relations" / "___".join(triplet)
        told, edges = _lines(below / "num-edge-list.csv.gz"), counts[below / "edge.csv.gz"]
        try:
            said = sum(int(float(line)) for line in told)
        except (ValueError, OverflowError) as error:
            raise ValueError(
                f"{below / 'num-edge-list.csv.gz'} has to hold the number of edges, and says "
                f"{told[0][:80]!r}: write {edges} there"
            ) from error
        if said != edges:
            raise ValueError(
                f"{below / 'edge.csv.gz'} has {edges} edges, and num-edge-list.csv.gz beside it "
                f"says {said}: put the published files there, or write {edges} into the second"
            )


NO_NUMBER = re.compile(rb'[^0-9eE.,+\-\s"]')
"""What no list of edges has."""


def _counted(path: Path, strange: re.Pattern[bytes] | None) -> int:
    """How many lines a file has, ``strange`` in none of them."""
    lines, last = 0, b"\n"
    try:
        with gzip.open(path, "rb") as file:
            while part := file.read(LONGEST):
                if strange is not None and (found := strange.search(part)):
                    row = lines + part.count(b"\n", 0, found.start()) + 1
                    text = part[max(0, found.start() - 20) : found.end() + 20]
                    word = next(w for w in re.split(rb"[,\n]", text) if strange.search(w))
                    raise ValueError(
                        f"{path}, line {row}: {word.decode('utf-8', 'replace').strip()!r} is no "
                        "number of a node; put the published file there"
                    )
                lines, last = lines + part.count(b"\n"), part[-1:]
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} cannot be read ({error}): it is broken, or not whole; put the published one "
            "there"
        ) from error
    return lines + (last != b"\n")


def _triplets(path: Path) -> list[tuple[str, ...]]:
    """The relations that a set lists, source, name and target of each."""
    found = [tuple(line.split(",")) for line in _lines(path)]
    for triplet in found:
        if len(triplet) != 3 or any(not part or "/" in part for part in triplet):
            raise ValueError(f"{path} lists {','.join(triplet)[:80]!r}, which is no relation")
    return found


PROCESSED = "processed/geometric_data_processed.pt"
"""What ogb made of the raw files, below the folder of a set."""

RAW = "processed/graphcondense-raw.json"
"""Sizes and times of the raw files that :data:`PROCESSED` was made of."""


def _raw(folder: Path) -> Record:
    """Sizes and times of the raw files."""
    files = [(path, path.stat()) for path in sorted((folder / "raw").rglob("*")) if path.is_file()]
    return {p.relative_to(folder).as_posix(): [s.st_size, s.st_mtime_ns] for p, s in files}


def stale(folder: Path) -> bool:
    """Whether raw files are others than those that ogb's processed file was made of; where nobody
    noted these, whether one is newer than it."""
    try:
        return bool(json.loads((folder / RAW).read_text()) != _raw(folder))
    except (OSError, ValueError):
        made = (folder / PROCESSED).stat().st_mtime_ns
        return any(time > made for _, time in _raw(folder).values())


def forget(folder: Path) -> None:
    """Have ogb read the raw files anew.

    Raises:
        ValueError: its processed file cannot be removed.
    """
    path = folder / PROCESSED
    if path.exists():
        logger.warning("%s: raw files of the set have changed since; made anew", path)
    try:
        path.unlink(missing_ok=True)
        (folder / RAW).unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(
            f"{path} was made of other raw files than there are now, and cannot be removed "
            f"({error}): remove it, or copy the set to where you may write"
        ) from error


def keep_sources(folder: Path) -> None:
    """Note what the processed file was made of; without, their times are looked at."""
    if (folder / RAW).exists():
        return
    try:
        write_whole(folder / RAW, json.dumps(_raw(folder)))
    except OSError as error:
        logger.warning("%s cannot be written (%s)", folder / RAW, error)


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
            count = int(data.num_nodes_dict[kind])
            if len(wrong := nodes[(nodes < 0) | (nodes >= count)]):
                raise ValueError(
                    f"the split names node {int(wrong[0])} of {kind!r} in {theirs}, and there are "
                    f"{count} (0 to {count - 1}): put the published files into "
                    f"split/{meta.get('split')}/{kind}"
                )
            mask = torch.zeros(count, dtype=torch.bool)
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
