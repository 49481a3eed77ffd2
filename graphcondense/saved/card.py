"""The card of a file: what it holds, for a person to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from graphcondense.measured.works import COLLAPSE, HEAD, kind_of_record, model_rows, warnings_of
from graphcondense.ops.markdown import code, escaped
from graphcondense.ops.tables import Table
from graphcondense.saved.attack import Attack, attack_lines
from graphcondense.saved.checks import Tensors
from graphcondense.saved.condensed_graph import MAPPING
from graphcondense.saved.forms import GRAPH, Contents
from graphcondense.saved.shown import EXAMPLE_HEAD, class_words, example_rows

LISTED = ("data.columns.columns", "data.columns.left_out")
"""What the table of the record leaves to a table of its own."""

FEW = 10
"""Condensed nodes whose examples a card names."""

DAMAGED = "damaged"
"""What a record says of a set that was opened although its file was damaged."""


def flat(record: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Entries of a record by dotted names.

    >>> list(flat({"a": 1, "b": {"c": 2}}))
    [('a', 1), ('b.c', 2)]
    """
    for key, value in record.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def settings(record: Mapping[str, object]) -> dict[str, object]:
    """Entries of a record by dotted names, but for those that have tables of their own."""
    return {k: v for k, v in flat(record) if k not in LISTED and not k.startswith(("examples.",))}


def card(
    path: Path,
    record: Mapping[str, object],
    contents: Contents,
    stored: Tensors,
    sha256: str,
    attack: Attack | None = None,
) -> str:
    """The card of the file ``path`` in Markdown.

    Args:
        path: of the ``.safetensors`` file.
        record: of the set.
        contents: what it opens as.
        stored: the tensors as they are stored.
        sha256: of the file.
        attack: what a membership inference told of it; ``None`` where nothing was measured.
    """
    rows = dict(flat(record))
    told = settings(record)
    what, opened = (
        words.format(contents.form.count(contents.tensors)) for words in contents.form.stands
    )
    title = f"{rows.get('data.name', path.stem)}, condensed by {rows.get('method', 'hand')}"
    damaged = rows.get(DAMAGED)
    shapes = [
        (name, f"{str(t.dtype).removeprefix('torch.')} {list(t.shape)}")
        for name, t in {**stored, **contents.further}.items()
    ]
    lines = [
        f"# {escaped(title)}",
        "",
        *((f"**Damaged**: {escaped(damaged)}.", "") if damaged else ()),
        f"{what} in training. {code(path.name)} holds "
        f"{'it' if contents.form is GRAPH else 'them'}:",
        "",
        Table(("tensor", "type and shape"), shapes).markdown(),
        "",
        "```python",
        "from graphcondense.data import load_condensed",
        "",
        f"small = load_condensed({json.dumps(path.name, ensure_ascii=False)})  # {opened}",
        "```",
        "",
        *_packed_lines(contents, stored),
        *_assignment_lines(contents.tensors),
        *_mapping_lines(contents),
        *_encoding_lines(record),
        *_column_lines(record),
        *_example_lines(record, contents.tensors),
        *_works_lines(record),
        *attack_lines(path, record, attack),
        Table(("record", "value"), [(name, str(value)) for name, value in told.items()]).markdown(),
        "",
        f"SHA-256 of {code(path.name)}: `{sha256}`",
        "",
    ]
    return "\n".join(lines)


def _packed_lines(contents: Contents, stored: Tensors) -> list[str]:
    """Which matrices are stored by row; nothing where none is."""
    packed = [
        f"{code(name)} {list(tensor.shape)}"
        for name, tensor in contents.tensors.items()
        if name not in stored
    ]
    if not packed:
        return []
    return [f"Mostly zero and stored by row (CSR), opened dense: {' and '.join(packed)}.", ""]


def _assignment_lines(tensors: Tensors) -> list[str]:
    """What the assignment says; nothing where there is none."""
    if "assignment" not in tensors:
        return []
    group = tensors["assignment"]
    return [
        f"`assignment[i]` is the node that stands for node `i` of the real graph ({len(group):,} "
        f"nodes, {int((group < 0).sum()):,} of them in no group: -1).",
        "",
    ]


def _mapping_lines(contents: Contents) -> list[str]:
    """What the mapping says, and its bytes; nothing where there is none."""
    parts = [contents.further[name] for name in MAPPING if name in contents.further]
    if not parts:
        return []
    crow, col, *_ = parts
    size = sum(part.numel() * part.element_size() for part in parts)
    return [
        "`mapping_crow`, `mapping_col` and `mapping_value` say to which nodes each of "
        f"{len(crow) - 1:,} nodes of the real graph belongs (of training nodes alone, in their "
        f"order, in the inductive setting), and how much: {len(col):,} entries, "
        f"{size:,} bytes beside the graph, which no model trains on. `graphcondense serve` sends "
        "the edges of unseen nodes through them; `graphcondense.data.mapping_matrix(small)` is the "
        "sparse matrix.",
        "",
    ]


def _works_lines(record: Mapping[str, object]) -> list[str]:
    """For which models the method was measured to work; nothing where no method is named."""
    method, kind = record.get("method"), kind_of_record(record)
    if not isinstance(method, str) or not kind:
        return []
    rows = model_rows(method, kind)
    lines = ["## For which models", ""]
    if not rows:
        return [*lines, f"{code(method)}: not measured.", ""]
    return [
        *lines,
        f"What {code(method)} keeps of the whole data's score, as the package's own results have "
        "it; not measured on this very set.",
        "",
        Table(HEAD, rows).markdown(),
        "",
        *(
            line
            for text in warnings_of(method, kind)
            for line in (f"**Warning:** {escaped(text)}.", "")
        ),
        COLLAPSE,
        "",
    ]


def _column_lines(record: Mapping[str, object]) -> list[str]:
    """What features were made of, where nodes came with columns or without features."""
    about = record.get("data")
    about = about if isinstance(about, Mapping) else {}
    made, given = about.get("made_of"), about.get("columns")
    lines = []
    if isinstance(made, str):
        lines = [f"Nodes came without features; what they were given: {code(made)}.", ""]
    columns = given.get("columns") if isinstance(given, Mapping) else None
    rows = []
    # Who wrote the record by hand may mean something else.
    for column in columns if isinstance(columns, list) else ():
        if isinstance(column, Mapping) and {"name", "kind"} <= column.keys():
            rows.append((str(column["name"]), str(column["kind"]), _fitted(column)))
    if not rows:
        return lines
    left = given.get("left_out") if isinstance(given, Mapping) else None
    why = (
        [f"{code(k)} ({escaped(v)})" for k, v in left.items()] if isinstance(left, Mapping) else []
    )
    return [
        *lines,
        "Features are columns of a table, fitted on training rows. "
        "`graphcondense.data.Columns.of(small.condensed).inverse(small.x)` are readable values.",
        "",
        Table(("column", "what it is", "fitted"), rows).markdown(),
        "",
        *((f"Left out: {', '.join(why)}.", "") if why else ()),
    ]


def _fitted(column: Mapping[str, object]) -> str:
    """What was fitted of a column, in words."""
    kind, values = column["kind"], column.get("values")
    if kind in ("number", "date"):
        days = "days since 1970, " if kind == "date" else ""
        text = f"{days}mean {column.get('mean')}, scale {column.get('scale')}"
    elif isinstance(values, list) and values:
        more = f", ... ({len(values):,})" if len(values) > FEW else ""
        text = ", ".join(str(value)[:40] for value in values[:FEW]) + more
    else:
        text = "0 or 1"
    unseen = column.get("unseen")
    told = f"; {unseen:,} rows have none of the training rows' values" if unseen else ""
    return f"{text}{'; a column says what is missing' if column.get('missing') else ''}{told}"


def _example_lines(record: Mapping[str, object], tensors: Tensors) -> list[str]:
    """What the first condensed nodes stand for; nothing where nobody says."""
    if "y" not in tensors or not (found := example_rows(record, class_words(tensors["y"], record))):
        return []
    told = record["examples"]
    by = told.get("by") if isinstance(told, Mapping) else None
    return [
        "## What a node stands for",
        "",
        f"Of each condensed node the real ones that are {escaped(by or 'nearest to it')}"
        f"{f'; the first {FEW} of {len(found):,}' if len(found) > FEW else ''}. All are in "
        "`small.examples`.",
        "",
        Table(EXAMPLE_HEAD, found[:FEW]).markdown(),
        "",
    ]


def _encoding_lines(record: Mapping[str, object]) -> list[str]:
    """What the columns of encoded features stand for, as a table; nothing where none are."""
    about = record.get("data")
    encoding = about.get("encoding") if isinstance(about, Mapping) else None
    rows = []
    # Who wrote the record by hand may mean something else.
    for name, columns in (encoding if isinstance(encoding, Mapping) else {}).items():
        lists = isinstance(columns, list) and all(isinstance(values, list) for values in columns)
        first = 0
        for i, values in enumerate(columns if lists else ()):
            last = first + len(values) - 1
            listed = ", ".join(map(str, values))
            rows.append((f"{name}[:, {first}..{last}]", str(i), listed))
            first = last + 1
    if not rows:
        return []
    return [
        "Categories are encoded: one column for each value. In real data a column is 0 or 1, here "
        "it is any number. `graphcondense.transforms.EncodeCategories.of(small)` brings real "
        "graphs into this form.",
        "",
        Table(("columns", "category", "values"), rows).markdown(),
        "",
    ]
