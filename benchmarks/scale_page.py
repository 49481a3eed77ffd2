"""The page of ``scale.py``: its tables and its picture.

Other commits run ``scale.py``, too, and may not have what tables are made with, so that functions
import it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphcondense.ops.tables import Table

MIB = 2**20
VARIED = ("N", "E", "N'", "d", "C")
"""What exponents are of: nodes, edges, condensed nodes, features and classes."""
FITTED = ("propagation", "matching", "condense:gecc", "condense:quotient")

NAMES = {
    "propagation": "two hops of propagation",
    "matching": "real side of one match",
    "evaluating": "`evaluate`, GCN, 3 trainings",
    "loading": "loading OGB's files the second time",
    "checking": "checking (`as_task`)",
    "normalising": "normalising (`gcn_adj`)",
}


def named(part: str, said: str = "") -> str:
    job, _, method = part.partition(":")
    name = f"`condense`, `{method}`" if job == "condense" else NAMES[job]
    return f"{name}, {said}" if said else name


def number(value: float | None, unit: float = 1) -> str:
    if value is None:
        return "-"
    value /= unit
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def of(commit: str, row: Mapping[str, Any]) -> str:
    """Commit and day of a row; rows of earlier files have no day."""
    return " ".join([commit, *([row["day"]] if "day" in row else [])])


def faster(row: Mapping[str, Any]) -> str:
    """How many times faster a row is now."""
    before, now = (row[name]["seconds"] for name in ("before", "now"))
    return number(before / now if before and now else None)


def older(rows: Sequence[Mapping[str, Any]]) -> str:
    """The commits that rows are compared with."""
    return " and ".join(f"`{c}`" for c in dict.fromkeys(row["commits"]["before"] for row in rows))


def shown(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The table of both trees."""
    from graphcondense.ops.markdown import Marked
    from graphcondense.ops.tables import Table

    head = ["part", "before, s", "now, s", "times faster", "before, peak MiB", "now, peak MiB"]
    head += ["before, MiB more", "now, MiB more", "runs", "now is", "remarks"]
    body = []
    for row in rows:
        before, now = row["before"], row["now"]
        remarks = [f"{n}: {row[n]['error']}" for n in ("before", "now") if row[n]["error"]]
        body.append(
            [
                Marked(named(row["part"], row["said"])),
                *(number(row[n]["seconds"]) for n in ("before", "now")),
                faster(row),
                *(number(row[n]["peak"], MIB) for n in ("before", "now")),
                *(number(row[n]["more"], MIB) for n in ("before", "now")),
                str(max(before["runs"], now["runs"])),
                of(row["commits"]["now"], row),
                "; ".join(remarks),
            ]
        )
    return Table(head, body)


def fitted(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The table of exponents."""
    from graphcondense.ops.markdown import Marked
    from graphcondense.ops.tables import Table

    body = []
    for row in rows:
        points = row["points"]
        slope, spread = row.get("exponent"), row.get("error_of_exponent")
        text = "-" if slope is None else f"{slope:.2f}"
        text += f" ± {spread:.2f}" if spread is not None else ""
        ends = [points[0], points[-1]]
        body.append(
            [
                Marked(named(row["part"])),
                row["over"],
                " to ".join(f"{p['size']:,}" for p in ends),
                " to ".join(number(p["seconds"]) for p in ends),
                text,
                of(row["commit"], row),
                row["error"] or "",
            ]
        )
    head = ["part", "over", "sizes", "seconds", "exponent", "commit", "remarks"]
    return Table(head, body, left=2)


def swept(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The table of every method, the fastest first."""
    from graphcondense.ops.markdown import Marked
    from graphcondense.ops.tables import Table

    body = [
        [
            Marked(f"`{row['method']}`"),
            number(row.get("seconds")),
            number(row.get("peak"), MIB),
            number(row.get("more"), MIB),
            of(row["commit"], row),
            row.get("error", row.get("said", "")),
        ]
        for row in sorted(rows, key=lambda row: (row.get("seconds", math.inf), row["method"]))
    ]
    head = ["method", "processor seconds", "peak MiB", "MiB more", "commit", "remarks"]
    return Table(head, body)


def small(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The table of both trees on Cora."""
    from graphcondense.ops.markdown import Marked
    from graphcondense.ops.tables import Table

    body = []
    for row in rows:
        before, now = row["before"], row["now"]
        body.append(
            [
                Marked(f"`{row['method']}`"),
                *(number(row[n]["seconds"]) for n in ("before", "now")),
                faster(row),
                *(row[n]["said"] or row[n]["error"] or "-" for n in ("before", "now")),
                str(max(before["runs"], now["runs"])),
                of(row["commits"]["now"], row),
            ]
        )
    head = ["method", "before, s", "now, s", "times faster", "validation before", "and now"]
    return Table([*head, "runs", "now is"], body)


def write_page(out: Path, found: Mapping[str, Any]) -> None:
    """``scale.md`` and ``scale.png``."""
    parts = ["# Scale\n", "Written by `benchmarks/scale.py`; do not edit.\n"]
    for key, rows in found["tables"].items():
        scale, nodes = rows[0]["scale"], rows[0]["nodes"]
        parts.append(f"## Before and now, {key}\n")
        parts.append(
            f"Scale {scale:g} ({round(scale * 169_343):,} nodes), condensed to {nodes} nodes; "
            f"before is {older(rows)}.\n"
        )
        parts.append(shown(rows).markdown() + "\n")
    if rows := found.get("cora"):
        parts.append("## On a small graph\n")
        parts.append(
            f"Cora, {rows[0]['nodes']} nodes, the defaults of each method, without imports; before "
            f"is {older(rows)}.\n"
        )
        parts.append(small(rows).markdown() + "\n")
    if rows := found.get("sweep"):
        parts.append("## Every method\n")
        parts.append(
            f"Scale {rows[0]['scale']:g}, condensed to {rows[0]['nodes']} nodes with the defaults "
            "of each method, validation and all; one run each.\n"
        )
        parts.append(swept(rows).markdown() + "\n")
    if found["fits"]:
        parts.append("## Exponents\n")
        parts.append(fitted(found["fits"]).markdown() + "\n")
    (out / "scale.md").write_text("\n".join(parts))
    draw(out / "scale.png", found)


def draw(path: Path, found: Mapping[str, Any]) -> None:
    """Seconds before and now, of all tables of the scale that was measured last, and how they
    grow."""
    from graphcondense.ops.figures import COLOURS, FAINT, MARKERS, new_figure, plain, saved

    every = [row for table in found["tables"].values() for row in table]
    rows = [row for row in every if row["scale"] == every[-1]["scale"]]
    over = [what for what in VARIED if any(r["over"] == what for r in found["fits"])]
    figure = new_figure(4 + 2.6 * max(1, len(over)), 4.2)
    axes = figure.subplots(1, 1 + len(over), width_ratios=[1.6, *[1] * len(over)], squeeze=False)[0]
    first = axes[0]
    for i, row in enumerate(rows):
        both = [row[name]["seconds"] for name in ("before", "now")]
        if all(both):
            first.plot(both, [i, i], color=FAINT, zorder=1)
    for name, colour in zip(("before", "now"), COLOURS[1::-1], strict=True):
        points = [(row[name]["seconds"], i) for i, row in enumerate(rows) if row[name]["seconds"]]
        first.scatter(
            [x for x, _ in points], [y for _, y in points], color=colour, label=name, zorder=2
        )
    first.invert_yaxis()
    names = [named(row["part"], row.get("said", "")).replace("`", "") for row in rows]
    first.set_yticks(range(len(rows)), names)
    first.tick_params(labelsize=7)
    first.set_xlabel("processor seconds")
    if rows:
        first.set_xscale("log")
        first.legend(fontsize=7)
    plain(first, "x")
    for what, own in zip(over, axes[1:], strict=True):
        for part, colour, marker in zip(FITTED, COLOURS, MARKERS, strict=False):
            for row in found["fits"]:
                if (row["part"], row["over"]) != (part, what):
                    continue
                good = [(p["size"], p["seconds"]) for p in row["points"] if p["seconds"]]
                slope = f" {row['exponent']:.2f}" if row.get("exponent") is not None else ""
                name = part.removeprefix("condense:") + slope
                own.loglog(*zip(*good, strict=True), color=colour, marker=marker, label=name)
        own.set_xlabel(what)
        own.legend(fontsize=6)
        own.tick_params(labelsize=7, which="both")
        points = {p["size"] for row in found["fits"] if row["over"] == what for p in row["points"]}
        own.set_xticks(sorted(points), [f"{size:,}" for size in sorted(points)], fontsize=6)
        own.xaxis.minorticks_off()
        plain(own)
    saved(figure, path)
