"""What is said beside exported tables: a card, and Croissant's metadata."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import yaml
from torch import Tensor

from graphcondense.data.catalogue import find
from graphcondense.ops.markdown import escaped
from graphcondense.ops.tables import Table
from graphcondense.ops.types import Record
from graphcondense.saved.card import settings
from graphcondense.saved.forms import GRAPH, LINKS, USERS, Contents
from graphcondense.saved.snippet import snippet, stored_parts
from graphcondense.version import __version__

Columns = Mapping[str, Tensor]
"""A table: tensors ``[rows, ...]`` by column."""

FILE = "condensed.safetensors"
"""The file of :func:`~graphcondense.saved.condensed.save` in the folder."""

_SUCH = {"licence": "CC BY 4.0", "source": "https://example.org/data"}

UNKNOWN = ("", "see source")
"""Licences in the catalogue that say nothing."""

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


def are_images(contents: Contents) -> bool:
    return contents.form is GRAPH and contents.tensors["x"].dim() == 4


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


def croissant_of(about: About, tables: Mapping[str, Columns], files: Mapping[str, bytes]) -> Record:
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
class About:
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
        return (
            f"@misc{{{key or 'condensed'},\n"
            f"  title = {{{_in_latex(self.name)}: a condensed data set}},\n"
            f"  year = {{{self.made.year}}},\n"
            f"  note = {{{_in_latex(self.how)}}},\n"
            f"  howpublished = {{condensed from {_in_latex(self.source)}}}\n"
            "}\n"
        )


def _in_latex(text: str) -> str:
    """Text of others as LaTeX prints it; without braces, which BibTeX counts even if escaped.

    >>> print(_in_latex("my_data, 5 % of {all}"))
    my\\_data, 5 \\% of all
    """
    commands = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    plain = {sign: f"\\{sign}" for sign in "$&#%_"}
    named = str.maketrans({**commands, **plain, "{": None, "}": None})
    return " ".join(text.translate(named).split())


def about_of(
    contents: Contents, record: Record, name: str | None, licence: str | None, source: str | None
) -> About:
    about = record.get("data")
    data = str(about.get("name", "")) if isinstance(about, Mapping) else ""
    licence, source = origin_of(data, licence, source)
    count = contents.form.count(contents.tensors)
    what = contents.form.stands[0].format(count)
    if are_images(contents):
        what = f"{count} images that stand in for many"
    method = str(record.get("method", "a method that its record does not name"))
    seed = f", seed {record['seed']}" if "seed" in record else ""
    how = f"made by {method} of graphcondense {__version__}{seed}"
    return About(
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


def card_of(about: About, contents: Contents, record: Record, tables: Mapping[str, Columns]) -> str:
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
    return "image-classification" if are_images(contents) else "graph-ml"
