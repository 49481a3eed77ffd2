"""Folders that others read without this package: Parquet tables, safetensors, cards, Croissant.

A folder has a table for each thing that a set consists of (nodes, edges, graphs, users by items),
the file of :func:`~graphcondense.saved.condensed.save`, a ``README.md`` with the YAML front matter
of a dataset card, ``croissant.json`` (Croissant 1.1 with its responsible-AI fields, written by
mlcroissant) and a BibTeX entry.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from graphcondense.data.hub_card import FILE, Columns, about_of, are_images, card_of, croissant_of
from graphcondense.data.hub_hetero import tables_of_hetero
from graphcondense.ops.extras import need
from graphcondense.ops.fields import check_switches
from graphcondense.ops.files import write_all
from graphcondense.ops.types import Record
from graphcondense.saved.compact import PREFIX
from graphcondense.saved.condensed import save
from graphcondense.saved.condensed_rows import CondensedInteractions
from graphcondense.saved.forms import (
    GRAPH,
    GRAPHS,
    HETERO,
    LINKS,
    USERS,
    Contents,
    Small,
    given_contents,
)
from graphcondense.saved.paths import path_of

if TYPE_CHECKING:
    import pyarrow as pa


OTHERS = (FILE, "README.md", "croissant.json", "CITATION.bib")
"""What a folder has beside its tables."""


def export(
    small: Small,
    folder: str | Path,
    *,
    format: Literal["hub"] = "hub",
    licence: str | None = None,
    source: str | None = None,
    name: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a condensed set as a folder that others read without this package.

    Args:
        small: what :func:`~graphcondense.condense` returns: a graph with labels or for links,
            a heterogeneous one, a set of graphs, images, or users by items.
        folder: where to write; it is made.
        format: ``"hub"``: Parquet tables, ``condensed.safetensors``, ``README.md`` with front
            matter as dataset hubs read it, ``croissant.json`` and ``CITATION.bib``.
        licence: of the real data, which holds for what is made of it; by default what
            :func:`graphcondense.data.datasets` says of a set of that name.
        source: where the real data come from; by default as for ``licence``.
        name: of the exported set; by default those of the data and the method, with the size.
        overwrite: whether files that are there may be replaced; tables of the former export that
            this one does not have are removed.

    Returns:
        The folder.

    Raises:
        ValueError: no licence or source is known, files are there, a table of the former export
            that has been changed since, an unknown format, no set, or one that cannot be saved.
        TypeError: a folder that is no path.
        MissingExtraError: the extra ``hub`` is missing.
    """
    folder = path_of(folder, "export(folder)", "the folder to write")
    check_switches("export", overwrite=overwrite)
    if name is not None and not isinstance(name, str):
        raise ValueError(f"export: name={name!r:.60}: give a text, such as 'shop-50'")
    if format != "hub":
        raise ValueError(f"format={format!r} is unknown; there is 'hub'")
    for package in ("pyarrow", "mlcroissant"):
        need(package, "hub", "export")
    contents = given_contents(small, "export")
    record: Record = getattr(small, "condensed", None) or {}
    about = about_of(contents, record, name, licence, source)
    tables = tables_of(contents)
    parquet = {f"{table}.parquet": _parquet(columns) for table, columns in tables.items()}
    there = [name for name in (*parquet, *OTHERS) if (folder / name).exists()]
    if there and not overwrite:
        raise ValueError(f"{folder / there[0]} is there: name another folder, or overwrite")
    former = _left_over(folder, parquet)
    croissant = json.dumps(croissant_of(about, tables, parquet), indent=2, ensure_ascii=False)
    with tempfile.TemporaryDirectory() as draft:
        whole = save(small, draft).read_bytes()
    files: dict[str, str | bytes] = {
        **parquet,
        FILE: whole,
        "README.md": card_of(about, contents, record, tables),
        "croissant.json": croissant,
        "CITATION.bib": about.bibtex,
    }
    try:
        write_all({folder / name: content for name, content in files.items()}, former)
    except OSError as error:
        raise ValueError(f"cannot write into the folder {folder}: {error}") from error
    return folder


def written_in(folder: Path) -> dict[str, str]:
    """The Parquet files that an export wrote into a folder, by what its ``croissant.json`` says,
    with their SHA-256; none where that file is missing or is of others."""
    try:
        told = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
        if "of graphcondense" not in told["rai:dataManipulationProtocol"]:
            return {}
        files = {str(file["name"]): str(file["sha256"]) for file in told["distribution"]}
    except (OSError, ValueError, LookupError, TypeError):  # somebody's own file
        return {}
    return {name: h for name, h in files.items() if re.fullmatch(r"[^/\\]+\.parquet", name)}


def _left_over(folder: Path, now: Collection[str]) -> list[Path]:
    """The tables of the former export that are not among those of this one, ``now``.

    Raises:
        ValueError: one was changed since it was written: it is the user's.
    """
    former = {n: h for n, h in written_in(folder).items() if n not in now}
    out = [folder / name for name in former if (folder / name).is_file()]
    for path in out:
        if hashlib.sha256(path.read_bytes()).hexdigest() != former[path.name]:
            raise ValueError(
                f"{path} is a table of the former export that was changed since, and the new one "
                "has no such table: move it elsewhere, or name another folder"
            )
    return out


def tables_of(contents: Contents) -> dict[str, Columns]:
    """What a set consists of, as tables.

    Images: ``images`` (``x``, ``y``). A graph: ``nodes`` (``x``, ``y``, masks and further tensors
    with a row for each node; one for links has no ``y``) and ``edges`` (``source``, ``target``,
    ``weight``, ``attr``). A set
    of graphs: the same with the number of the ``graph`` in both, nodes counted within it, and
    ``graphs`` (``y``). Users by items: ``interactions`` (``user``, ``item``, ``weight``). A
    heterogeneous graph: see :func:`~graphcondense.data.hub_hetero.tables_of_hetero`. A further
    tensor with other rows is a table of its own, called as it is.
    """
    t, form = contents.tensors, contents.form
    tables: dict[str, Columns]
    if form is HETERO:
        return {**tables_of_hetero(t)}
    if form in (GRAPH, LINKS):
        own = {name: t[name] for name in ("x", "y", "train_mask") if name in t}
        edges = {} if are_images(contents) else _edges(t, t["edge_index"])
        tables = {"images" if are_images(contents) else "nodes": own, "edges": edges}
    elif form is GRAPHS:
        node, edge = (torch.repeat_interleave(t[ptr].diff()) for ptr in ("node_ptr", "edge_ptr"))
        own = {name: t[name] for name in ("x", "node_weight") if name in t}
        within = t["edge_index"] - t["node_ptr"][edge]
        tables = {
            "graphs": {"y": t["y"]},
            "nodes": {"graph": node, **own},
            "edges": {"graph": edge, **_edges(t, within)},
        }
    elif form is not USERS:
        raise ValueError(
            f"export has no tables for {form.name} sets; share the .safetensors file, which "
            "graphcondense.load opens, or what it opens by torch.save"
        )
    else:
        small = form.made(t, {}, {})
        assert isinstance(small, CondensedInteractions)
        coo = small.csr.tocoo()
        user, item = (torch.from_numpy(at.astype("int64")) for at in (coo.row, coo.col))
        pairs = {"user": user, "item": item, "weight": torch.from_numpy(coo.data)}
        tables = {"interactions": pairs, "users": {}}
    of_each = next(iter(tables)) if form is not USERS else "users"
    others = [name for name in t if name == "assignment" or name.startswith(PREFIX)]
    further = {**contents.further, **{name: t[name] for name in others}}
    for name, tensor in further.items():
        if tensor.dim() and len(tensor) == form.count(t) and name not in others:
            tables[of_each] = {**tables[of_each], name: tensor}
        else:
            tables[name] = {name: tensor.reshape(1) if not tensor.dim() else tensor}
    return {name: columns for name, columns in tables.items() if columns}


def _edges(t: Mapping[str, Tensor], index: Tensor) -> Columns:
    """Edges as a table; ``index [2, m]``."""
    more = {
        name.removeprefix("edge_"): t[name] for name in ("edge_weight", "edge_attr") if name in t
    }
    return {"source": index[0], "target": index[1], **more}


def _parquet(columns: Columns) -> bytes:
    """A table as a Parquet file; tensors of more dimensions are lists of a fixed length a row."""
    import pyarrow as pa
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pa.table({k: _column(v) for k, v in columns.items()}), out)
    return out.getvalue()


def _column(tensor: Tensor) -> pa.Array:
    import pyarrow as pa

    if tensor.dtype == torch.bfloat16:  # which NumPy does not have, and float32 holds
        tensor = tensor.float()
    flat = pa.array(tensor.reshape(-1).numpy())
    width = tensor[0].numel() if len(tensor) else 1
    return flat if tensor.dim() == 1 else pa.FixedSizeListArray.from_arrays(flat, width)
