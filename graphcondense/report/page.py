"""The page: sections, style, script and data in one file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from graphcondense.ops.files import write_whole
from graphcondense.report import scene, sections
from graphcondense.report.markup import join, script_json
from graphcondense.report.merge import merge
from graphcondense.report.runs import Run, is_number, read_runs

SCRIPTS = ("page.js", "chart.js", "graph.js")


def write_report(runs: str | Path | Sequence[str | Path], path: str | Path | None = None) -> Path:
    """Write one HTML page about runs and everything that was measured on them.

    The page is one file: it loads nothing, works from disk, and holds no feature of any node. The
    same runs give the same bytes. It shows a summary, scores by training set and model, costs
    and when condensing pays, training curves, the condensed graphs or images, any ``VERB.json``
    with a ``kind`` and ``rows`` that lies in a run folder (with its ``VERB.png``), every setting,
    and the commands that repeat the runs. Folders above the runs, and where data lie, are not told.

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
        curves,
        condensed,
        sections.further(runs),
        sections.reproduce(runs),
    ]
    parts = [part for part in found if part is not None]
    data = {
        "charts": {chart["name"]: chart for chart in [*cost_charts, *curve_charts]},
        "graphs": graphs,
        "colours": key.index,
        "shapes": scene.SHAPES,
    }
    style = asset("page.css") + palette()
    script = "\n".join(map(asset, SCRIPTS))
    title, subtitle = _titles(runs)
    return Template(asset("page.html")).substitute(
        policy=policy(style, script),
        title=join([title]),
        subtitle=join([subtitle]),
        style=style,
        links=join(part.link() for part in parts),
        sections=join(part.markup() for part in parts),
        versions=join([_versions(runs)]),
        data=script_json(data),
        script=script,
    )


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


def _versions(runs: Sequence[Run]) -> str:
    versions = runs[0].record.get("versions")
    known = versions.get("graphcondense") if isinstance(versions, dict) else None
    return f"graphcondense {known}" if known else "graphcondense"
