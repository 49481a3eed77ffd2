"""What condensing costs, and when it pays."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from graphcondense.evaluate.ledger import RULE, times_of, verdict
from graphcondense.ops.tables import Cell
from graphcondense.report import scene
from graphcondense.report.merge import Group, better
from graphcondense.report.runs import Run
from graphcondense.report.sections.parts import Key, Section, evaluation_of, section, table
from graphcondense.report.values import DASH, mapping, number

LEDGER = (
    ("condensation_seconds", "condensing, s"),
    ("condensation_processor_seconds", "condensing, processor s"),
    ("condensed_training_seconds", "one training on it, s"),
    ("whole_training_seconds", "on the whole graph, s"),
    ("plain_training_seconds", "whole, plain PyG, s"),
    ("condensed_processor_seconds", "one training on it, processor s"),
    ("whole_processor_seconds", "on the whole graph, processor s"),
)


def ledger(
    runs: Sequence[Run], groups: Sequence[Group], key: Key
) -> tuple[Section, list[scene.Chart]]:
    """What condensing costs and when it pays; and the data of its charts."""
    costed = [group for group in groups if group.ledgers]
    charts = [scene.cost_chart(group, f"cost-{i}") for i, group in enumerate(costed)]
    found = []
    for group, chart in zip(costed, charts, strict=True):
        alone = sum(other.data == group.data for other in costed) == 1
        title = group.data if alone else group.title()
        times, sizes = _ledger_tables(group, runs, key)
        title = title if len(costed) > 1 else ""
        found.append({"title": title, "chart": chart, "times": times, "sizes": sizes})
    missing = None if costed else evaluation_of(runs)
    made = section("cost", "Cost", key=key, costs=found, missing=missing)
    return made, [chart for chart in charts if chart is not None]


def _worded(text: str, group: Group) -> str:
    """A heading that is worded for one graph, for other data where the group is of those."""
    if group.examples in ("nodes", "links"):
        return text
    text = text.replace("the whole graph", f"all {group.examples}")
    return text.replace("PyG", "PyTorch") if group.examples == "images" else text


def _ledger_tables(group: Group, runs: Sequence[Run], key: Key) -> tuple[Markup, Markup]:
    """Times and when a set pays; sizes and memory."""
    presets = {run.label: run.preset for run in runs}
    sizes = ["nodes", "edges", "bytes"]
    if any("graphs" in mapping(entry.get("ratios")) for entry in group.ledgers.values()):
        sizes.insert(0, "graphs")
    called = {"nodes": group.units[0], "edges": group.units[1]}
    of_all = "the whole graph" if group.examples in ("nodes", "links") else "the training part"
    times, counted = [], []
    for label, entry in group.ledgers.items():
        count, words = verdict(times_of(entry), better(group, label))
        preset = next(
            (r["preset"] for (name, _), r in group.rows.items() if name == label and "preset" in r),
            presets.get(label),
        )
        pays = Cell(words, None if count is None else float(count))
        spent = [_amount(number(entry, name)) for name, _ in LEDGER]
        times.append([key.cell(label), Cell(str(preset or DASH)), pays, *spent])
        ratios = mapping(entry.get("ratios"))
        parts = [_amount(number(ratios, name), "{:.2f}", 100) for name in sizes]
        memory = ("memory_estimate_bytes", "peak_memory_bytes")
        mib = [_amount(number(entry, name), "{:,.0f}", 2**-20) for name in memory]
        counted.append([key.cell(label), *parts, *mib])
    model = next((str(e["model"]) for e in group.ledgers.values() if "model" in e), "the evaluator")
    settings = {name: group.training(model).get(name) for name in ("epochs", "steps", "hidden")}
    how = ", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)
    caption = (
        f"Times of {model}" + (f" ({how})" if how else "") + ", validation left out (processor "
        "seconds: included). What pays is said by processor seconds where all are known, else by "
        f"the wall, never by both; {RULE}, of {model}."
    )
    below = (
        f"Shares are of {of_all}"
        + (" in its compact form" if of_all == "the whole graph" else "")
        + ". Expected is what training was to add to the process, peak what the process held."
    )
    heads = [_worded(text, group) for _, text in LEDGER]
    shares = [f"% of {called.get(name, name)} in {of_all}" for name in sizes]
    return (
        table(["condensed set", "preset", "pays", *heads], times, caption),
        table(["condensed set", *shares, "expected MiB", "peak MiB"], counted, below),
    )


def _amount(value: float | None, form: str = "{:,.2f}", scale: float = 1) -> Cell:
    return Cell(DASH if value is None else form.format(scale * value), value)
