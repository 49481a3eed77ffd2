"""The page of a bench: what its cells measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from graphcondense.cli.bench.over import sections
from graphcondense.ops.json import read_json_file
from graphcondense.ops.markdown import Marked, code, escaped, strong
from graphcondense.ops.tables import Table

if TYPE_CHECKING:
    from graphcondense.evaluate.report import Report
    from graphcondense.ops.types import Record

WHOLE = "whole"
"""The row of a model that is trained on the whole data."""


def write_page(out: Path, page: Path, last: str) -> str:
    """The results page and its pictures, from all cells; the table ``last`` is returned."""
    from graphcondense.ops.files import write_whole
    from graphcondense.pictures import draw_ranking

    lines = [
        "# Results of `graphcondense bench`",
        "",
        "Written by the command above each table; do not edit. The epoch with the best "
        "validation score is read once on test, mean and standard deviation over condensation "
        "seeds x training seeds; the last epoch stands in a table of its own. Condensing is timed "
        "in a process of its own of one thread. KiB count what is stored: rows that are mostly "
        "zero by row. Models marked * are no GNN.",
        "",
    ]
    tables = {folder.name: cells_in(folder) for folder in sorted(out.iterdir()) if folder.is_dir()}
    for name, cells in tables.items():
        if not cells:
            continue
        lines += [f"## {escaped(name)}", "", *_section(cells), ""]
        about = next(iter(cells.values()))["report"]
        rows = [row for cell in cells.values() for row in cell["report"]["rows"]]
        picture = page.with_suffix("") / f"bench-{name}.png"
        draw_ranking(report_of({**about, "data": name, "rows": rows}), picture)
        where = picture.relative_to(page.parent)
        lines += [f"![{escaped(name)}: test scores, best first]({quote(where.as_posix())})", ""]
    found = {n: [report_of(cell["report"]) for cell in own.values()] for n, own in tables.items()}
    lines += sections(found, page)
    write_whole(page, "\n".join(lines))
    return "\n".join(_section(tables[last])) if tables.get(last) else "no cell is finished"


def cells_in(folder: Path) -> dict[str, Record]:
    """Finished cells by method, best first by the first model's validation score, whole last."""
    found = {path.stem: _read_cell(path) for path in sorted(folder.glob("*.json"))}

    def order(item: tuple[str, Record]) -> tuple[bool, float]:
        report = report_of(item[1]["report"])
        value = report.rows[0].val_selected  # null is NaN
        place = -value if report.score.larger_is_better else value
        return item[0] == WHOLE, place if math.isfinite(value) else math.inf

    return dict(sorted(found.items(), key=order))


def _read_cell(path: Path) -> Record:
    """A finished cell.

    Raises:
        ValueError: naming the file, if it is something else.
    """
    try:
        cell: Any = read_json_file(path)
        cell["command"], cell["workers"]
        math.isfinite(report_of(cell["report"]).rows[0].val_selected)
        read: Record = cell
    except Exception as error:  # what somebody has edited fails in whatever way it likes
        raise ValueError(f"{path} is no cell of graphcondense bench: delete it") from error
    return read


def _section(cells: Mapping[str, Record]) -> list[str]:
    """The command, what was scored, and the tables of the chosen and of the last epoch."""
    reports = {name: report_of(cell["report"]) for name, cell in cells.items()}
    first, cell = next(iter(reports.values())), next(iter(cells.values()))
    models = first.models
    plain = cells.get(WHOLE, {}).get("plain_training_seconds")
    workers = sorted({str(cell["workers"]) for cell in cells.values()})
    row = max((report.rows[0] for report in reports.values()), key=lambda row: row.graphs)
    lines = [
        code(f"{cell['command']}{_methods(cells)}"),
        "",
        f"{escaped(first.data)} ({first.digest}){first.on_test}; {row.graphs} condensations x "
        f"{row.trainings} trainings; {' or '.join(workers)} processes at a time. Scores: test "
        f"{first.score.unit}."
        + (f" A plain PyG training on the whole data takes {plain:.1f} s." if plain else ""),
        "",
        *(line for text in first.about_test for line in (escaped(text), "")),
    ]
    best = {model: _best(reports, model) for model in models}
    marked = {row.model for row in first.rows if row.predictor == "non-GNN"}
    head = ["trained on", "preset", *(Marked(escaped(m) + " *" * (m in marked)) for m in models)]
    tail = ["nodes", "edges", "KiB", "seconds", "of one plain training", "peak MiB", "cost"]
    floor = cells.get(WHOLE, {}).get("mean")
    if floor is not None:
        lines += [f"The mean of the training targets scores {first.score.text(floor)}.", ""]
    rows, last = [], []
    for name, report in reports.items():
        start = [name, report.rows[0].preset or "-"]
        scores = [_text(report, m, best=best[m]) for m in models]
        rows.append([*start, *scores, *_costs(report, cells[name], plain)])
        last.append([*start, *(_text(report, m, "last") for m in models)])
    return [
        *lines,
        Table([*head, *tail], rows).markdown(),
        *("", "Last epoch:", "", Table(head, last).markdown()),
        *_verdicts(reports),
    ]


def _methods(cells: Mapping[str, Record]) -> str:
    """The methods of a table, as the end of a command; only the whole data need no name."""
    names = sorted(name for name in cells if name != WHOLE)
    return f" --methods {','.join(names)}" if names else f" --methods {WHOLE}"


def _verdicts(reports: Mapping[str, Report]) -> list[str]:
    """Whether each method is better than the floors that are there; nothing of older cells."""
    whole = next(iter(reports.values())).with_rows_of(*reports.values())
    floors = [name for name in ("random", WHOLE) if name in reports]
    pairs = [(name, floor) for name in reports for floor in floors if name not in ("random", WHOLE)]
    if not pairs or not all(row.scores for row in whole.rows):
        return []
    found = whole.compare(pairs)
    told = {(row.first, row.second, row.model): row for row in found.rows}
    points = partial(whole.score.number, sign="+")
    columns = [(floor, model) for floor in floors for model in whole.models]
    body = []
    for name in dict.fromkeys(first for first, _ in pairs):
        rows = [told[name, floor, model] for floor, model in columns]
        body.append([name, *(f"{r.outcome} {points(r.difference)}" for r in rows)])
    head = ["trained on", *(f"against {floor}, {model}" for floor, model in columns)]
    return ["", "Differences:", "", Table(head, body).markdown(), "", found.meaning]


def _best(reports: Mapping[str, Report], model: str) -> str | None:
    """The method whose test score is best; the whole data do not compete."""
    scores = {
        name: row.test_selected
        for name, report in reports.items()
        for row in report.rows
        if name != WHOLE and row.model == model and math.isfinite(row.test_selected)
    }
    pick = max if next(iter(reports.values())).score.larger_is_better else min
    return pick(scores, key=lambda name: scores[name]) if scores else None


def _text(report: Report, model: str, which: str = "selected", best: str | None = None) -> str:
    """A score as its metric is written; that of the method ``best`` is bold."""
    row = next((row for row in report.rows if row.model == model), None)
    if row is None:
        return "-"
    text = report.scored(row, which)
    return strong(text) if row.label == best else text


def _costs(report: Report, cell: Record, plain: float | None) -> list[str]:
    row, seconds = report.rows[0], cell["seconds"]
    sizes = [f"{row.nodes:,}", f"{row.edges:,}", f"{row.bytes / 1024:,.0f}"]
    if seconds is None:
        return [*sizes, "-", "-", "-", "-"]
    ratio = f"{sum(seconds) / len(seconds) / plain:.2f}" if plain else "-"
    took = f"{min(seconds):.1f} to {max(seconds):.1f}"
    return [*sizes, took, ratio, f"{cell['peak_memory_bytes'] / 2**20:,.0f}", cell["cost"]]


def report_of(about: Record) -> Report:
    """A cell's report, without what its sets cost."""
    from graphcondense.evaluate.report import Report

    return Report.from_dict({**about, "ledgers": {}})
