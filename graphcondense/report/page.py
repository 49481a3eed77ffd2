"""The page: sections, style, script and data in one file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from graphcondense.ops.files import write_whole
from graphcondense.ops.html import render as filled
from graphcondense.report import scene, sections
from graphcondense.report.finding import findings
from graphcondense.report.merge import Group, merge
from graphcondense.report.runs import Run, read_runs
from graphcondense.report.values import is_number, mapping

SCRIPTS = ("page.js", "chart.js", "graph.js")


def write_report(runs: str | Path | Sequence[str | Path], path: str | Path | None = None) -> Path:
    """Write one HTML page about runs and everything that was measured on them.

    The page is one file that loads nothing and holds no feature of any node; the same runs give the
    same bytes. It shows scores, costs, training curves, the condensed sets, ids and texts of the
    real nodes that they stand for where a record has them, any ``VERB.json`` with a ``kind`` and
    ``rows`` in a run folder (with its ``VERB.png``), every setting, and the commands that repeat
    the runs. Folders above the runs, and where data lie, are not told.

    Args:
        runs: one run folder or several, as ``graphcondense condense`` writes them.
        path: the page; by default ``report.html`` in the first run's folder. Folders are made.

    Returns:
        The path of the page.

    Raises:
        ValueError: a folder that is no run, a file in it that cannot be read, or a page that cannot
            be written; nothing is written then.
    """
    folders = [runs] if isinstance(runs, str | Path) else list(runs)
    content = render(read_runs(folders))
    target = Path(path) if path is not None else Path(folders[0]) / "report.html"
    try:
        return write_whole(target.expanduser(), content)
    except OSError as error:
        raise ValueError(f"cannot write {target}: {error}") from error


def render(runs: Sequence[Run]) -> str:
    """The page as HTML."""
    groups = merge(runs)
    labels = [*(run.label for run in runs), *(name for g in groups for name in g.ledgers)]
    key = sections.Key(labels)
    cost, cost_charts = sections.ledger(runs, groups, key)
    curves, curve_charts = sections.curves(runs, key)
    condensed, graphs = sections.condensed(runs, key)
    measured = [sections.transfer(runs, groups, key), cost]
    found = [
        sections.summary(runs, groups, key),
        *(measured if groups or any(run.tested for run in runs) else []),
        sections.works(runs, groups, key),
        curves,
        condensed,
        sections.further(runs),
        sections.reproduce(runs),
    ]
    data = {
        "charts": {chart["name"]: chart for chart in [*cost_charts, *curve_charts]},
        "graphs": graphs,
        "colours": key.index,
        "shapes": scene.SHAPES,
    }
    style = asset("page.css") + palette()
    script = "\n".join(map(asset, SCRIPTS))
    title, subtitle = _titles(runs)
    return filled(
        "page.html",
        policy=Markup(policy(style, script)),
        title=title,
        subtitle=subtitle,
        findings=findings(runs, groups),
        about=_about(runs, groups),
        style=Markup(style),
        sections=[part for part in found if part is not None],
        version=_versions(runs).split(",")[0],
        data=Markup(script_json(data)),
        script=Markup(script),
    )


def script_json(value: object) -> str:
    r"""JSON for a ``<script>`` element: no text in it can end the element or start a comment.

    >>> script_json({"a": "</script>"})
    '{"a":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def asset(name: str) -> str:
    """A file of the page that comes with the package."""
    return (files("graphcondense.report") / "assets" / name).read_text(encoding="utf-8")


def palette() -> str:
    """The heat map's colours as style rules."""
    colours = scene.heat_palette(sections.LEVELS)
    return "".join(
        f".h{i}{{background:{back};color:{text}}}\n" for i, (back, text) in enumerate(colours)
    )


def policy(style: str, script: str) -> str:
    """A content security policy: this style and this script, pictures in the page, nothing else."""

    def source(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; img-src data:; style-src {source(style)}; "
        f"script-src {source(script)}; base-uri 'none'; form-action 'none'"
    )


def _titles(runs: Sequence[Run]) -> tuple[str, str]:
    names = list(dict.fromkeys(str(run.data.get("name", "data")) for run in runs))
    title = f"{', '.join(names)}, condensed"
    if len(runs) > 1:
        return title, f"{len(runs)} runs: {'; '.join(run.label for run in runs)}"
    run = runs[0]
    whole = run.data.get("nodes" if run.unit == "images" else run.unit)
    size = f"{whole:,} {run.unit} to {run.count:,}" if is_number(whole) else run.size
    paper = run.record.get("paper")
    return title, f"{size}, by {run.method}" + (f" ({paper})" if paper else "")


def _about(runs: Sequence[Run], groups: Sequence[Group]) -> str:
    """The size of the test set, the days of condensing, and the versions."""
    tested = [f"{group.data}: {group.on_test}" for group in groups if group.on_test]
    if len(groups) == 1 and tested:
        tested = [f"Scored {groups[0].on_test}"]
    days = sorted({run.day for run in runs})
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return "; ".join([*dict.fromkeys(tested), f"condensed {span}", _versions(runs)])


def _versions(runs: Sequence[Run]) -> str:
    """The versions of the runs' programs; where several were used, all of them."""
    found: dict[str, list[str]] = {"graphcondense": []}
    for run in runs:
        for name, version in mapping(run.record.get("versions")).items():
            if str(version) not in found.setdefault(name, []):
                found[name].append(str(version))
    return ", ".join(f"{name} {' and '.join(known)}".strip() for name, known in found.items())
