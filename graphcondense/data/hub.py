"""Folders that others read without this package: Parquet tables, safetensors, cards, Croissant.

A folder has a table for each thing that a set consists of (nodes, edges, graphs, users by items),
the file of :func:`~graphcondense.saved.condensed.save`, a ``README.md`` with the YAML front matter
of a dataset card, ``croissant.json`` (Croissant 1.1 with its responsible-AI fields, written by
mlcroissant) and a BibTeX entry.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import re
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
import yaml
from torch import Tensor

from graphcondense.data.catalogue import find
from graphcondense.data.hub_hetero import tables_of_hetero
from graphcondense.ops.extras import need
from graphcondense.ops.files import write_all
from graphcondense.ops.markdown import escaped
from graphcondense.ops.switches import check_switches
from graphcondense.ops.tables import Table
from graphcondense.ops.types import Record
from graphcondense.saved.card import settings
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
from graphcondense.saved.snippet import snippet, stored_parts
from graphcondense.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

Columns = Mapping[str, Tensor]
"""A table: tensors ``[rows, ...]`` by column."""

FILE = "condensed.safetensors"
"""The file of :func:`~graphcondense.saved.condensed.save` in the folder."""

_SUCH = {"licence": "CC BY 4.0", "source": "https://example.org/data"}

UNKNOWN = ("", "see source")
"""Licences in the catalogue that say nothing."""

OTHERS = (FILE, "README.md", "croissant.json", "CITATION.bib")
"""What a folder has beside its tables."""

LICENCES = {
    "mit": "mit",
    "cc0": "cc0-1.0",
    "odc-by": "odc-by",
    "cc by 4.0": "cc-by-4.0",
    "cc-by-4.0": "cc-by-4.0",
    "cc0-1.0": "cc0-1.0",
    "apache-2.0": "apache-2.0",
}
"""What cards call a licence; others are ``other``, with their name beside."""


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
    about = _about(contents, record, name, licence, source)
    tables = tables_of(contents)
    parquet = {f"{table}.parquet": _parquet(columns) for table, columns in tables.items()}
    there = [name for name in (*parquet, *OTHERS) if (folder / name).exists()]
    if there and not overwrite:
        raise ValueError(f"{folder / there[0]} is there: name another folder, or overwrite")
    former = _left_over(folder, parquet)
    croissant = json.dumps(_croissant(about, tables, parquet), indent=2, ensure_ascii=False)
    with tempfile.TemporaryDirectory() as draft:
        whole = save(small, draft).read_bytes()
    files: dict[str, str | bytes] = {
        **parquet,
        FILE: whole,
        "README.md": _card(about, contents, record, tables),
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
        edges = {} if _are_images(contents) else _edges(t, t["edge_index"])
        tables = {"images" if _are_images(contents) else "nodes": own, "edges": edges}
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


def _are_images(contents: Contents) -> bool:
    return contents.form is GRAPH and contents.tensors["x"].dim() == 4


def _edges(t: Mapping[str, Tensor], index: Tensor) -> Columns:
    """Edges as a table; ``index [2, m]``."""
    more = {
        name.removeprefix("edge_"): t[name] for name in ("edge_weight", "edge_attr") if name in t
    }
    return {"source": index[0], "target": index[1], **more}


def origin_of(data: str, licence: str | None, source: str | None) -> tuple[str, str]:
    """Licence and source, given or known by the name of the data.

    Raises:
        ValueError: neither, or what is no text.
    """
    for word, value in (("licence", licence), ("source", source)):
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{word}={value!r:.60}: give a text, such as {_SUCH[word]!r}")
    try:
        known = find(data) if data else None
    except ValueError:  # data of the user's own
        known = None
    licence = licence or (known.licence if known else "")
    source = source or (known.source if known else "")
    called = data or "this set"
    if licence.lower() in UNKNOWN:
        also = ", and source=, where they come from" if source.lower() in UNKNOWN else ""
        raise ValueError(
            f"the licence of the data of {called!r} is not known: give licence=, such as "
            f"'CC BY 4.0', as their source says{also}; it holds for what is made of them"
        )
    if source.lower() in UNKNOWN:
        raise ValueError(f"the source of the data of {called!r} is not known: give source=")
    return licence, source


def _title(data: str, record: Record, contents: Contents) -> str:
    words = (data or "condensed", record.get("method", ""), contents.form.count(contents.tensors))
    return "-".join(str(word) for word in words if word != "")


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


def _croissant(about: _About, tables: Mapping[str, Columns], files: Mapping[str, bytes]) -> Record:
    """The description of the folder in Croissant 1.1, checked by mlcroissant."""
    import mlcroissant as mlc

    def column(table: str, name: str, tensor: Tensor) -> mlc.Field:
        kind = mlc.DataType.FLOAT if tensor.is_floating_point() else mlc.DataType.INTEGER
        shape = tuple(tensor.shape[1:])
        means = about.meanings.get(f"{table}/{name}", f"{name} of {table}")
        return mlc.Field(
            id=f"{table}/{name}",
            name=name,
            description=means + (f", an array {list(shape)}" if shape else ""),
            data_types=[mlc.DataType.BOOL if tensor.dtype == torch.bool else kind],
            is_array=True if shape else None,
            array_shape=str(tensor[0].numel()) if shape and len(tensor) else None,
            source=mlc.Source(file_object=f"{table}.parquet", extract=mlc.Extract(column=name)),
        )

    metadata = mlc.Metadata(
        ctx=mlc.Context(conforms_to="http://mlcommons.org/croissant/1.1"),
        name=about.name,
        description=about.summary,
        license=[about.licence],
        url=about.source,
        version=__version__,
        date_published=about.made,
        cite_as=about.bibtex,
        distribution=[
            mlc.FileObject(
                id=name,
                name=name,
                content_url=name,
                encoding_formats=["application/x-parquet"],
                sha256=hashlib.sha256(blob).hexdigest(),
            )
            for name, blob in files.items()
        ],
        record_sets=[
            mlc.RecordSet(
                id=table,
                name=table,
                fields=[column(table, name, tensor) for name, tensor in columns.items()],
            )
            for table, columns in tables.items()
        ],
        data_collection=f"Condensed from {about.source}; nothing was collected anew.",
        data_use_cases=["training models in place of the real data, and judging them on these"],
        data_limitations=[" ".join(filter(None, [about.limits, about.splits]))],
    )
    found: Record = json.loads(json.dumps(metadata.to_json(), default=str))
    # mlcroissant (1.1.1) writes it under another name than the vocabulary has.
    return {**found, "rai:dataManipulationProtocol": about.how}


LIMITS = (
    "Examples may be synthetic: they stand for many real ones together and are no records of "
    "anything that exists. What the method leaves out, such as rare classes or the structure of "
    "the whole graph, cannot be studied here. Models trained on it are to be judged on real data."
)
"""What a condensed set is not good for."""

QUOTES = (
    " Its record names real examples, by id and text, that condensed ones stand for; to publish it "
    "without, remove 'examples' from small.condensed first."
)
"""What is said of a record that has ``examples``."""


@dataclass(frozen=True)
class _About:
    """What card, citation and Croissant say of a set."""

    name: str
    data: str
    licence: str
    source: str
    how: str
    summary: str
    made: datetime.datetime
    quotes: bool = False
    splits: str = ""
    meanings: Mapping[str, str] = field(default_factory=dict)

    @property
    def limits(self) -> str:
        """What the set is not good for."""
        return LIMITS + QUOTES * self.quotes

    @property
    def bibtex(self) -> str:
        """An entry that names the set, how it was made and from what."""
        key = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")
        clean = {k: re.sub(r"[{}\\]", "", v) for k, v in (("title", self.name), ("note", self.how))}
        return (
            f"@misc{{{key},\n"
            f"  title = {{{clean['title']}: a condensed data set}},\n"
            f"  year = {{{self.made.year}}},\n"
            f"  note = {{{clean['note']}}},\n"
            f"  howpublished = {{condensed from {re.sub(r'[{}]', '', self.source)}}}\n"
            "}\n"
        )


def _about(
    contents: Contents, record: Record, name: str | None, licence: str | None, source: str | None
) -> _About:
    about = record.get("data")
    data = str(about.get("name", "")) if isinstance(about, Mapping) else ""
    licence, source = origin_of(data, licence, source)
    count = contents.form.count(contents.tensors)
    what = contents.form.stands[0].format(count)
    if _are_images(contents):
        what = f"{count} images that stand in for many"
    method = str(record.get("method", "a method that its record does not name"))
    seed = f", seed {record['seed']}" if "seed" in record else ""
    how = f"made by {method} of graphcondense {__version__}{seed}"
    return _About(
        name=name or _title(data, record, contents),
        data=data,
        licence=licence,
        source=source,
        how=how,
        summary=f"{what} ({data or 'no name'}), {how}.",
        made=datetime.datetime.now().replace(hour=0, minute=0, second=0, microsecond=0),
        quotes=bool(record.get("examples")),
        splits=_splits(data or "the real data", about) if contents.form is LINKS else "",
        meanings=MEANINGS if contents.form is LINKS and "assignment" in contents.tensors else {},
    )


MEANINGS = {
    "nodes/x": "mean features of the real nodes that a node stands for",
    "edges/source": "the node that is heard",
    "edges/target": "the node that hears it",
    "edges/weight": "training links that a real node of target has to those of source, in the "
    "mean; of a loop with one for each node's own",
    "assignment/assignment": "the node that stands for each real one, by its number; -1 for none",
}
"""What the columns of a condensed graph of links hold, where nodes stand for groups."""


def _splits(data: str, told: object) -> str:
    """Which links of the real data are in a set, and which ones models are judged on."""
    about = told if isinstance(told, Mapping) else {}
    number = f"the {about['links']:,} " if isinstance(about.get("links"), int) else ""
    wrong = about.get("negatives")
    among = f", each ranked among {wrong:,} wrong ones" if isinstance(wrong, int) else ""
    held = [
        f"{about[part]:,} {words}"
        for part, words in (("val", "validation"), ("test", "test"))
        if isinstance(about.get(part), int)
    ]
    others = " and ".join(held) or "validation and test"
    return (
        f"It stands for {number}training links of {data} alone. The {others} links{among}, are not "
        "in it: judge models on them, on the graph of the real training links, as "
        "graphcondense.data.split_links parts them."
    )


def _card(about: _About, contents: Contents, record: Record, tables: Mapping[str, Columns]) -> str:
    """``README.md``: front matter as dataset hubs read it, and how to open the set."""
    known = LICENCES.get(about.licence.lower())
    front: Record = {
        "license": known or "other",
        **({} if known else {"license_name": about.licence}),
        "pretty_name": about.name,
        "task_categories": [_task(contents)],
        "tags": ["data-distillation", "graph-condensation", "synthetic", "croissant"],
        "size_categories": ["n<1K" if contents.form.count(contents.tensors) < 1000 else "1K<n<10K"],
        "configs": [{"config_name": name, "data_files": f"{name}.parquet"} for name in tables],
    }
    shapes = [
        (f"{table}.parquet", name, f"{str(t.dtype).removeprefix('torch.')} {list(t.shape)}")
        for table, columns in tables.items()
        for name, t in columns.items()
    ]
    rows = [(key, str(value)) for key, value in settings(record).items()]
    return "\n".join(
        [
            "---",
            yaml.safe_dump(front, sort_keys=False, allow_unicode=True).rstrip(),
            "---",
            "",
            f"# {escaped(about.name)}",
            "",
            escaped(about.summary),
            "",
            Table(("file", "column", "type and shape"), shapes).markdown(),
            "",
            "With PyTorch and safetensors alone:",
            "",
            "```python",
            *snippet(contents, stored_parts(contents), FILE),
            "```",
            "",
            f"Licence of the real data, which holds here too: {escaped(about.licence)}. Source: "
            f"{escaped(about.source)}.",
            "",
            about.limits,
            "",
            *([about.splits, ""] if about.splits else []),
            Table(("record", "value"), rows).markdown(),
            "",
        ]
    )


def _task(contents: Contents) -> str:
    """As hubs call it."""
    if contents.form is USERS:
        return "other"
    return "image-classification" if _are_images(contents) else "graph-ml"
