"""What a page of bench says of several tables together: over splits, and ranks over data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from graphcondense.ops.markdown import escaped
from graphcondense.ops.tables import Table

if TYPE_CHECKING:
    from graphcondense.evaluate.report import Report

SPLIT = "-split-"
"""Between the name of a table and the number that drew its split, where that is not 0."""


def base_of(table: str) -> str:
    """The name of a table without its split.

    >>> base_of("cora-70"), base_of("cora-70-split-3"), base_of("my-split-a-20")
    ('cora-70', 'cora-70', 'my-split-a-20')
    """
    name, found, number = table.rpartition(SPLIT)
    return name if found and number.isdigit() else table


def sections(tables: Mapping[str, Sequence[Report]], page: Path) -> list[str]:
    """Lines of Markdown below all tables; the pictures are written beside the page.

    Args:
        tables: by name, the reports of its cells, each on one method.
        page: the page.
    """
    grouped: dict[str, list[Report]] = {}
    for name, reports in tables.items():
        if reports:
            whole = reports[0].with_rows_of(*reports[1:])
            grouped.setdefault(base_of(name), []).append(whole)
    lines, single = [], []
    for name, reports in grouped.items():
        if len(reports) < 2:
            single += reports
            continue
        if all(row.scores for report in reports for row in report.rows):
            lines += _over_splits(name, reports)
        single += reports
    return [*lines, *_ranks(single, page)]


def _over_splits(name: str, reports: Sequence[Report]) -> list[str]:
    from graphcondense.evaluate.over import over_splits

    try:
        whole = over_splits(reports)
    except ValueError as why:  # tables of other settings are no splits of one
        return [f"## {escaped(name)} over splits", "", f"Not told: {escaped(str(why))}.", ""]
    floors = [label for label in ("random", "whole") if label in whole.labels]
    pairs = [(label, floor) for floor in floors for label in whole.labels if label not in floors]
    lines = [
        f"## {escaped(name)} over {len(reports)} splits",
        "",
        escaped(whole.title()),
        "",
        whole.cells().markdown(),
        "",
        *(line for note in whole.notes() if note.startswith("± mean") for line in (note, "")),
    ]
    if pairs:
        found = whole.compare(pairs)
        lines += [found.cells().markdown(), "", escaped(found.meaning), ""]
    return lines


def _ranks(reports: Sequence[Report], page: Path) -> list[str]:
    """Ranks over data sets with every model, and a picture of each."""
    from graphcondense.evaluate.ranks import rank_reports

    if len({report.data for report in reports}) < 2:
        return []
    lines = []
    for model in reports[0].models:
        try:
            found = rank_reports(reports, model=model)
        except ValueError:  # fewer than three methods that all data sets have
            continue
        picture = page.with_suffix("") / f"bench-ranks-{model}.png"
        found.plot(picture)
        where = quote(picture.relative_to(page.parent).as_posix())
        table: Table = found.cells()
        lines += [
            f"## Ranks over data sets, {escaped(model)}",
            "",
            table.markdown(),
            "",
            *(line for note in found.notes() for line in (escaped(note), "")),
            f"![Mean ranks with {escaped(model)}, what is not told apart is joined]({where})",
            "",
        ]
    return lines
