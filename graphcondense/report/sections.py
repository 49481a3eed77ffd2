"""The sections of the page, each from what the runs hold; the templates give them their form."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import PurePath
from typing import TypeAlias

from markupsafe import Markup

from graphcondense.evaluate.cost import RULE, times_of, verdict
from graphcondense.evaluate.metrics import Score
from graphcondense.evaluate.result import about_test
from graphcondense.measured.works import (
    COLLAPSE,
    HEAD,
    kind_of_record,
    lines_of,
    model_rows,
    own_lines,
    warnings_of,
)
from graphcondense.ops.html import render
from graphcondense.ops.tables import Cell, Table
from graphcondense.report import scene
from graphcondense.report.merge import Group, baselines, better, is_floor, is_network
from graphcondense.report.runs import Result, Run
from graphcondense.report.values import (
    DASH,
    Values,
    count_of,
    deviation,
    flat,
    is_number,
    mapping,
    number,
    plural,
    scored,
    share,
    written,
)
from graphcondense.saved.shown import EXAMPLE_HEAD, class_words, example_rows, labels_of

LEVELS = 32  # of the heat map's colours
MOST_EXAMPLES = 200  # condensed nodes whose examples are listed
# The forms of a budget.
ASKED = {"nodes": "{} nodes", "ratio": "ratio {}", "per_class": "{} a class", "bytes": "{} bytes"}
START_KEPT = "the untouched start, which validation preferred to all that was learnt"
SYMBOL = Markup(
    '<svg class="symbol {}" viewBox="-1.5 -1.5 3 3" aria-hidden="true"><path d="{}"></path></svg>'
)
NO_SYMBOL = Markup('<span class="symbol"></span>')


Section: TypeAlias = Values
"""A part of the page: ``name``, the anchor that the menu leads to, ``title`` and ``body``."""


def _section(name: str, title: str, **values: object) -> Section:
    """The section that the template of this name makes of some values."""
    return {"name": name, "title": title, "body": render(f"{name}.html", **values)}


class Key:
    """One colour and marker for everything that is called the same, on the whole page."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.index: dict[str, int] = {}
        for label in labels:
            self.index.setdefault(label, len(self.index))

    def __contains__(self, label: str) -> bool:
        return label in self.index

    def colour(self, label: str) -> str:
        """The class that has the colour; that of ink for what has none."""
        return f"c{self.index[label] % 7}" if label in self.index else "cink"

    def symbol(self, label: str) -> Markup:
        """The marker as a small picture, in its colour."""
        at = self.index.get(label)
        if at is None:
            return NO_SYMBOL
        return SYMBOL.format(self.colour(label), scene.SHAPES[at % len(scene.SHAPES)])

    def cell(self, label: str) -> Cell:
        """The marker and the name."""
        return Cell(self.symbol(label) + label)


# --- 1. summary ------------------------------------------------------------------------------


def summary(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Section:
    """A card for each run, and for several runs a table."""
    missing = [run.folder for run in runs if run.tested and _scored(run, groups) is None]
    return _section(
        "summary",
        "Summary",
        key=key,
        cards=[_card(run, groups, key) for run in runs],
        table=_summary_table(runs, groups, key) if len(runs) > 1 else None,
        missing=f"evaluate {shlex.join(missing)}" if missing else None,
    )


def _scored(run: Run, groups: Sequence[Group]) -> tuple[Group, str, str] | None:
    for group in groups:
        if found := group.best(run):
            return (group, *found)
    return None


def _card(run: Run, groups: Sequence[Group], key: Key) -> Values:
    """What the page says of one run first."""
    card: dict[str, object] = {
        "label": run.label,
        "budget": _budget_line(run),
        "facts": list(_facts(run)),
        "score": scored(run.score, _validation(run)),
        "what": f"validation {run.score.name}",
    }
    if (found := _scored(run, groups)) is None:
        return {**card, "spread": "", "strip": None, "warnings": []}
    group, label, model = found
    row, score = group.rows[label, model], group.score
    spread = deviation(row, "test_selected", group.tested)
    what = f"test {score.name}, {model}" + (f" (mean of {label})" if label != run.label else "")
    return {
        **card,
        "score": scored(score, number(row, "test_selected")),
        "what": f"{what}, {group.on_test}" if group.on_test else what,
        "spread": "" if spread is None else f" ± {score.text(spread)}",
        "strip": _strip(
            row, dict(baselines(group, run.stored, model)), key.colour(run.label), group
        ),
        "warnings": about_test(group.tested, group.unlabelled, group.examples),
    }


def _budget_line(run: Run) -> str:
    budget = mapping(run.record.get("budget"))
    asked = mapping(budget.get("asked"))
    parts = [str(run.data.get("name", "data of no name"))]
    parts += [
        f"{form.format(written(asked[name]))} asked for"
        for name, form in ASKED.items()
        if name in asked
    ]
    if (of_all := number(budget, "of_labelled")) is not None:
        parts.append(f"{share(of_all)} of the {run.form.training}")
    return ", ".join(parts)


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    for name in run.form.sizes:
        value, whole = run.record.get(name), run.data.get(name)
        if not is_number(value):
            continue
        of_all = ""
        if is_number(whole) and whole:
            of_all = f" ({share(value / whole)} of {whole:,} in {run.form.whole})"
        yield _called(name, run.unit), f"{value:,}{of_all}"
    yield "preset", run.preset
    seconds = number(run.record, "seconds")
    yield "seconds to condense", "not recorded" if seconds is None else f"{seconds:,.1f}"
    if run.validation:
        step = run.validation.get("step")
        at = f" at step {step:,}" if is_number(step) else ""
        if run.start_kept:
            at += f": {START_KEPT}"
        yield "validation", f"{scored(run.score, _validation(run))}{at}"


def _called(name: str, unit: str) -> str:
    """The name of a size, which of images a record calls nodes."""
    return "images" if unit == "images" and name == "nodes" else name


def _strip(row: Values, beside: Mapping[str, Values], colour: str, group: Group) -> Values | None:
    """Random, this and whole on one line of scores, places in per cent; ``None`` without others."""
    score, mean = group.score, number(row, "test_selected")
    found = {name: number(other, "test_selected") for name, other in beside.items()}
    known = [value for value in found.values() if value is not None]
    if not known or mean is None:
        return None
    spread = deviation(row, "test_selected", group.tested) or 0.0
    low, high = min(*known, mean - spread), max(*known, mean + spread)
    margin = 0.06 * (high - low) or 0.01

    def x(value: float | None) -> str | None:
        if value is None:
            return None
        return f"{100 * (value - low + margin) / (high - low + 2 * margin):.2f}%"

    spreads = {k: deviation(other, "test_selected", group.tested) for k, other in beside.items()}
    texts = [f"{name} {scored(score, found[name], spreads[name])}" for name in beside]
    return {
        "label": f"{scored(score, mean)} on a line with {', '.join(texts)}",
        "colour": colour,
        "this": x(mean),
        "random": x(found.get("random")),
        "whole": x(found.get("whole")),
        "spread": (x(mean - spread), x(mean + spread)) if spread else None,
        "key": list(zip(beside, texts, strict=True)),
    }


def _summary_table(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Markup:
    scores = list(dict.fromkeys([*(run.score for run in runs), *(group.score for group in groups)]))
    unit = " %" if all(score.share for score in scores) else ""
    errors = any(
        number(row, "test_error") is not None for group in groups for row in group.rows.values()
    )
    sizes = list(dict.fromkeys(name for run in runs for name in run.form.sizes))
    units = {run.unit for run in runs}
    unit_of_all = units.pop() if len(units) == 1 else ""
    rows = []
    for run in runs:
        row: Values = {}
        beside: dict[str, Values] = {}
        score, tested, error = run.score, None, None
        if found := _scored(run, groups):
            group, label, model = found
            row, beside = group.rows[label, model], dict(baselines(group, run.stored, model))
            score, tested, error = group.score, group.tested, number(row, "test_error")
        seconds = number(run.record, "seconds")
        cells = {
            "run": key.cell(run.label),
            "data": Cell(str(run.data.get("name", DASH))),
            "preset": Cell(run.preset),
            **{_called(name, unit_of_all): _count(run.record.get(name)) for name in sizes},
            "seconds": Cell(DASH if seconds is None else f"{seconds:.1f}", seconds),
            f"validation{unit}": _score_cell({"test_selected": _validation(run)}, run.score),
            "model": Cell(str(row.get("model", DASH))),
        }
        for name in ("test", "random", "whole"):
            scores_of = row if name == "test" else beside.get(name, {})
            cells[f"{name}{unit}"] = _score_cell(scores_of, score, tested)
        if errors:
            cells["± test"] = Cell(DASH if error is None else score.text(error), error)
        rows.append({**cells, "test examples": _count(tested)})
    names = " and ".join(dict.fromkeys(score.name for score in scores))
    what = "accuracies" if names == "accuracy" else f"scores ({names})"
    text = f"All runs; {what} are means ± standard deviations of trainings."
    if errors:
        text += " ± test: standard error of an accuracy on a test set of that size."
    starts = [run.label for run in runs if run.start_kept]
    if starts:
        text += f" Of {', '.join(starts)}: {START_KEPT}."
    return _table(list(rows[0]), [list(cells.values()) for cells in rows], text)


def _score_cell(row: Values, score: Score, tested: int | None = None) -> Cell:
    mean, spread = number(row, "test_selected"), deviation(row, "test_selected", tested)
    return Cell(DASH if mean is None else score.text(mean, spread), mean)


# --- 2. transfer -----------------------------------------------------------------------------


def transfer(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Section:
    """Heat maps: trained on what, evaluated with which model."""
    scores = [
        f"test {s.name} on the real data{' in per cent' if s.share else ', lower is better'}"
        for s in dict.fromkeys(group.score for group in groups)
    ]
    return _section(
        "transfer",
        "Transfer",
        key=key,
        missing=None if groups else _evaluate(runs),
        scores="; ".join(scores),
        moments=any(len(group.moments) > 1 for group in groups),
        maps=[_heat_map(group) for group in groups],
    )


def _heat_map(group: Group) -> Values:
    """One table of scores: what was trained on by the model."""
    models = group.models
    networks = {model: is_network(row) for (_, model), row in group.rows.items()}
    scores = [
        value
        for row in group.rows.values()
        for name in ("test_selected", "test_last")
        if (value := number(row, name)) is not None
    ]
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    rows = [
        (
            label,
            label == "whole" or is_floor(label),
            [_heat(group, label, model, low, (high - low) or 1.0) for model in models],
        )
        for label in group.labels
    ]
    # Bright is good, whichever way the score goes.
    levels = list(range(LEVELS))
    return {
        "title": f"{group.title()}; {group.on_test}" if group.on_test else group.title(),
        "label": f"Test scores, {group.data}",
        "models": models,
        "first_apart": next((model for model in models if not networks[model]), None),
        "others": sum(not network for network in networks.values()),
        "no_network": "no network" if group.units[0] == "images" else "no GNN",
        "rows": rows,
        "low": scored(group.score, low),
        "high": scored(group.score, high),
        "levels": levels if group.score.larger_is_better else levels[::-1],
        "warnings": about_test(group.tested, group.unlabelled, group.examples),
        "notes": group.notes,
    }


def _heat(group: Group, label: str, model: str, low: float, width: float) -> Values | None:
    """A cell of the heat map: its scores at both moments, and what it says when pointed at."""
    row, score = group.rows.get((label, model), {}), group.score
    scores: dict[str, tuple[str, str, str, float]] = {}
    for name in ("selected", "last"):
        mean, std = number(row, f"test_{name}"), deviation(row, f"test_{name}", group.tested)
        if mean is None:
            continue
        level = round((LEVELS - 1) * (mean - low) / width)
        level = level if score.larger_is_better else LEVELS - 1 - level
        beside = "" if std is None else f"± {score.text(std)}"
        scores[name] = (score.text(mean), beside, f"h{level}", mean)
    if "selected" not in scores:
        return None
    text, spread, level_name, value = scores["selected"]
    tip = "\n".join(_tip(group, label, model, {k: v[:2] for k, v in scores.items()}))
    cell = {"text": text, "spread": spread, "level": level_name, "value": value, "tip": tip}
    return {**cell, "shown": json.dumps(scores)}


def _tip(group: Group, label: str, model: str, shown: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What a cell says when pointed at."""
    row, score = group.rows[label, model], group.score
    of_graphs = row.get("set_graphs") is not None
    moment, unit = "step" if of_graphs else "epoch", group.units[0]
    yield f"trained on {label}, evaluated with {model}"
    if len(group.moments) == 1:
        yield f"test: {' '.join(filter(None, shown['selected']))}"
    for name, text in (("selected", f"best validation {moment}"), ("last", f"last {moment}")):
        if name in shown and len(group.moments) > 1:
            sign = " %" if score.share else ""
            yield f"{text}: {' '.join(filter(None, shown[name]))}{sign}"
    others = mapping(row.get("others"))
    for name in others:
        yield f"{name}: {scored(score, number(others, name)).split()[0]}"
    if (error := number(row, "test_error")) is not None and group.on_test:
        yield f"{group.on_test}: standard error {score.text(error)}"
    yield f"validation: {scored(score, number(row, 'val_selected'))}"
    what = "graph" if unit == "nodes" else f"set of {unit}"
    if of_graphs:
        what = f"set of {plural(count_of(row, 'set_graphs', 0), 'graph')}"
    seeds = plural(count_of(row, "trainings"), "seed")
    yield f"{plural(count_of(row, 'graphs'), what)}, {seeds} on each"
    for name, text in (("edge_weights", "edge weights"), ("chosen", "chosen on validation")):
        if row.get(name):
            yield f"{text}: {row[name]}"
    for name, text in (("spread_graphs", "graphs"), ("spread_trainings", "trainings")):
        if (spread := number(row, name)) is not None:
            yield f"deviation between {text}: {score.text(spread)}"
    if (took := number(row, "seconds")) is not None:
        yield f"{took:.2f} s a training"


# --- 3. cost ---------------------------------------------------------------------------------

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
    missing = None if costed else _evaluate(runs)
    section = _section("cost", "Cost", key=key, costs=found, missing=missing)
    return section, [chart for chart in charts if chart is not None]


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
        _table(["condensed set", "preset", "pays", *heads], times, caption),
        _table(["condensed set", *shares, "expected MiB", "peak MiB"], counted, below),
    )


def _amount(value: float | None, form: str = "{:,.2f}", scale: float = 1) -> Cell:
    return Cell(DASH if value is None else form.format(scale * value), value)


# --- models ----------------------------------------------------------------------------------


def works(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Section:
    """For which models each set works: first what was measured on it, then what was measured of
    its method."""
    found = []
    for run in runs:
        rows = model_rows(run.method, kind_of_record(run.record))
        found.append(
            {
                "label": run.label,
                "method": run.method,
                "own": own_measured(run, groups),
                "table": _table(HEAD, [[Cell(text) for text in row] for row in rows])
                if rows
                else None,
                "warnings": warnings_of(run.method, kind_of_record(run.record)),
            }
        )
    return _section("works", "For which models", key=key, runs=found, rule=COLLAPSE)


def own_measured(run: Run, groups: Sequence[Group]) -> list[str]:
    """What evaluations say of a set itself: its score with each network, and where it collapses;
    nothing for one that was not evaluated, and for scores that are no share."""
    lines = []
    for group in groups:
        label = group.runs.get(run.label)
        if label is None or not group.score.share:
            continue
        rows = [
            {**row, "label": name, "model": model}
            for (name, model), row in group.rows.items()
            if is_network(row)
        ]
        lines += own_lines(rows, label, f"random, {run.stored}")
    return lines


def known_of(run: Run, groups: Sequence[Group]) -> list[str]:
    """The same as lines of text: what was measured on this set, then of its method."""
    return [*own_measured(run, groups), *lines_of(run.method, kind_of_record(run.record))]


# --- 4. curves -------------------------------------------------------------------------------

CURVES = {
    "loss": "The loss: a running mean, and as a band the range of what it is the mean of. "
    "Losses of different methods are on different scales.",
    "validation": "Validation score of condensed sets during the run; the best is ringed.",
}


def curves(runs: Sequence[Run], key: Key) -> tuple[Section, list[scene.Chart]]:
    """Loss and validation over the steps; and the data of the charts."""
    logged = [run for run in runs if run.metrics]
    charts = scene.curve_charts(logged) if logged else []
    labels = [run.label for run in logged]
    texts = [(chart["name"], CURVES[chart["name"]]) for chart in charts]
    return _section("curves", "Training", key=key, labels=labels, charts=texts), charts


# --- 5. condensed sets -----------------------------------------------------------------------


def condensed(runs: Sequence[Run], key: Key) -> tuple[Section, dict[str, scene.GraphScene]]:
    """The condensed graphs, molecules, images or users; and what the browser is to draw."""
    graphs: dict[str, scene.GraphScene] = {}
    boxes: list[tuple[str, str, Values]] = []
    for i, run in enumerate(runs):
        name = f"graph-{i}"
        if run.unit == "nodes":
            graphs[name] = drawn = scene.graph_scene(run)
            boxes.append((run.label, "nodes", _graph(name, run, drawn)))
        else:
            boxes.append((run.label, run.unit, DRAWN[run.unit](run)))
    units = {run.unit for run in runs}
    what = "graph" if units == {"nodes"} else min(units)
    what = what if len(units) == 1 else "set"
    plurals = len(runs) > 1 and not what.endswith("s")
    title = f"Condensed {what}" + ("s" if plurals else "")
    return _section("condensed", title, key=key, boxes=boxes), graphs


def _graph(name: str, run: Run, drawn: scene.GraphScene) -> Values:
    edges, total = int(run.small.edge_index.shape[1]), len(run.small.x)
    nodes = drawn["nodes"]
    texts = [f"{total:,} nodes, {edges:,} edges."]
    if len(nodes) < total:
        texts.append(f"Drawn are the {len(nodes):,} nodes of greatest degree.")
    if not edges:
        texts.append(
            "It has no edges: nodes lie by the first two principal components of their features, "
            "far ones drawn nearer."
        )
    else:
        if len(drawn["edges"]) < drawn["pairs"]:
            texts.append(
                f"Drawn are the {len(drawn['edges']):,} strongest of {drawn['pairs']:,} joined "
                "pairs."
            )
        if drawn["within"] is not None and run.small.y is not None:
            texts.append(f"{share(drawn['within'])} of all edge weight joins nodes of one class.")
        texts.append("Larger nodes have more weight on their edges.")
    classes = sorted({node[3] for node in nodes})
    symbols = [
        SYMBOL.format(
            f"c{c % 7}" if c >= 0 else "cink", scene.SHAPES[max(c, 0) // 7 % len(scene.SHAPES)]
        )
        for c in classes
    ]
    named = len([c for c in classes if c >= 0])
    return {
        "name": name,
        "classes": list(zip(classes, symbols, strict=True)),
        "label": f"Condensed graph of {run.label}: {total:,} nodes"
        + (f" in {named} classes" if named else ""),
        "text": " ".join(texts),
        "examples": _examples(run),
    }


def _examples(run: Run) -> Markup | None:
    """What each condensed node stands for; ``None`` where the record does not say."""
    words = class_words(labels_of(run.small), run.record)
    if not (rows := example_rows(run.record, words)):
        return None
    by = mapping(run.record.get("examples")).get("by", "nearest to it")
    cells = [[Cell(i, float(i)), Cell(c), Cell(text)] for i, c, text in rows[:MOST_EXAMPLES]]
    more = f"; the first {MOST_EXAMPLES} of {len(rows):,}" if len(rows) > MOST_EXAMPLES else ""
    caption = f"What a node stands for: the real nodes that are {by}{more}"
    return _table(EXAMPLE_HEAD, cells, caption)


def _set_of_graphs(run: Run) -> Values:
    graphs = run.small.set
    nodes, edges = len(graphs.x), graphs.edge_index.shape[1]
    low, high = int(graphs.sizes.min()), int(graphs.sizes.max())
    each = f"{low}" if low == high else f"{low} to {high}"
    shown, names, title = scene.molecules(run)
    more = f" The first {sum(map(len, shown.values()))} are drawn." if nodes else ""
    drawn = sum(map(len, shown.values()))
    return {
        "text": f"{run.size} of {each} nodes, {nodes:,} nodes and {edges:,} edges in all."
        + (more if drawn < len(graphs) else ""),
        "groups": shown,
        "names": [(SYMBOL.format(colour, scene.SHAPES[0]), name) for colour, name in names],
        "title": title,
    }


def _users(run: Run) -> Values:
    rows = run.small.csr
    return {
        "text": f"{run.size} by {rows.shape[1]:,} items, {rows.nnz:,} interactions.",
        "address": None if run.picture is None else scene.picture_of(run.picture),
        "alt": f"popularity of items of {run.label}",
    }


def _images(run: Run) -> Values:
    most = f"at most {scene.MOST_IMAGES} a class shown"
    return {"groups": scene.images_of(run), "text": f"{len(run.small.y):,} images, {most}."}


def _hetero(run: Run) -> Values:
    counts = {kind: int(run.small[kind].num_nodes) for kind in run.small.node_types}
    nodes = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
    edges = sum(int(store.num_edges) for store in run.small.edge_stores)
    return {
        "text": f"{nodes} nodes; {edges:,} edges of {len(run.small.edge_types):,} relations. Drawn "
        f"are those between {run.small.target} nodes.",
        "address": None if run.picture is None else scene.picture_of(run.picture),
        "alt": f"{run.small.target} nodes of {run.label}",
    }


DRAWN: dict[str, Callable[[Run], Values]] = {
    "graphs": _set_of_graphs,
    "images": _images,
    "target nodes": _hetero,
    "users": _users,
}
"""What is shown of a condensed set, by what it is of; that of nodes is drawn by the browser."""


# --- 6. further results ----------------------------------------------------------------------


def further(runs: Sequence[Run]) -> Section | None:
    """What other commands measured: any ``VERB.json`` with a kind and rows."""
    found = [_result(run, result, len(runs) > 1) for run in runs for result in run.results]
    return _section("further", "Further results", results=found) if found else None


def _result(run: Run, result: Result, name_run: bool) -> Values:
    content = result.content
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(content["kind"])).lower()
    heading = result.name if kind in ("report", result.name) else f"{result.name}: {kind}"
    if name_run:
        heading += f" ({run.label})"
    known = ("kind", "rows", "title", "table", "notes")
    rest = flat({name: value for name, value in content.items() if name not in known})
    notes = content.get("notes")
    return {
        "heading": str(content.get("title") or heading),
        "facts": [(name, written(value)) for name, value in rest],
        "table": _shown_rows(content) or _any_rows(content),
        "notes": [str(note) for note in notes] if isinstance(notes, list) else [],
        "picture": None if result.picture is None else scene.picture_of(result.picture),
    }


def _shown_rows(content: Values) -> Markup | None:
    """The table as the command printed it, where the file has it."""
    found = content.get("table")
    lines = [line for line in found if isinstance(line, list)] if isinstance(found, list) else []
    if len({len(line) for line in lines}) != 1:
        return None
    head, *rows = [list(map(str, line)) for line in lines]
    return _table(head, [[Cell(cell, _leading(cell)) for cell in row] for row in rows])


def _leading(text: str) -> float | None:
    """The number that a text begins with.

    >>> _leading("1,234.5 ± 2"), _leading("gcond")
    (1234.5, None)
    """
    found = re.match(r"-?[\d,]*\.?\d+(?:e-?\d+)?(?= |$)", text)
    return float(found[0].replace(",", "")) if found else None


def _any_rows(content: Values) -> Markup | None:
    rows = content["rows"]
    plain = [dict(flat(mapping(row))) for row in rows] if isinstance(rows, list) else []
    head = list(dict.fromkeys(name for row in plain for name in row))
    cells = [[_any_cell(row.get(name)) for name in head] for row in plain]
    return _table([name.replace("_", " ") for name in head], cells) if head else None


def _any_cell(value: object) -> Cell:
    text = written(value)
    if is_number(value):
        return Cell(text, float(value))
    return Cell(text if len(text) <= 80 else f"{text[:77]}...")


# --- 7. reproduction -------------------------------------------------------------------------

GROUPS = (
    ("hyperparameters", "Hyper-parameters"),
    ("budget", "Budget"),
    ("run", "Run"),
    ("data", "Data"),
    ("validation", "Validation"),
    ("versions", "Versions"),
)
# A folder on the author's machine is nobody's business; old records call the kind a domain.
# What has a place of its own on the page, or in the card, is no setting.
LISTED = ("data.columns.columns", *(f"examples.{name}" for name in ("by", "nodes", "ids", "texts")))
HIDDEN = ("origin.root", "origin.table", "origin.edges", "kind", "domain", *LISTED)
TABLE = ("table", "edges")
"""What of the origin of a run are paths of a table's files, of which a page has the names."""


def reproduce(runs: Sequence[Run]) -> Section:
    """The commands that repeat the runs, and everything that was set."""
    values = [_settings(run) for run in runs]
    names = dict.fromkeys(name for found in values for name in found)
    groups = []
    for prefix, title in GROUPS:
        lines = []
        for name in (name for name in names if _group_of(name) == prefix):
            texts = [written(found[name]) if name in found else DASH for found in values]
            lines.append((name.removeprefix(f"{prefix}."), texts, len(set(texts)) > 1))
        if lines:
            groups.append({"title": title, "lines": lines})
    commands = [(run.label, list(_commands(run)), str(run.record.get("hash", ""))) for run in runs]
    return _section("reproduce", "Reproduce", commands=commands, groups=groups)


def _commands(run: Run) -> Iterator[tuple[str, str]]:
    if run.config:
        short = ["graphcondense", "condense", run.method, "--config", f"{run.folder}/config.yaml"]
        yield "From the run's own config", shlex.join([*short, "--out", "again"])
    yield "With every flag", _wrapped(flags(run))


def flags(run: Run) -> list[str]:
    """The command that repeats a run, with every value spelled out; ``DATA`` is where data lie."""
    from graphcondense.run_options import Run as Options

    known = [field.name for field in fields(Options)]
    given = {
        **mapping(run.record.get("hyperparameters")),
        **mapping(mapping(run.record.get("budget")).get("asked")),
        **mapping(run.config.get("hyperparameters")),
        **{name: run.config.get(name, run.record.get(name)) for name in known if name != "device"},
    }
    for name in _idle(run, given):
        given.pop(name, None)
    origin = mapping(run.config.get("origin"))
    words = ["graphcondense", "condense", run.method]
    for name in TABLE if origin.get("table") else ():
        words += [f"--{name}", PurePath(str(origin.get(name))).name]
    if not origin.get("table"):
        data = str(origin.get("data") or run.data.get("name", "DATA"))
        words += ["--data", PurePath(data).name if data.endswith((".npz", ".pt")) else data]
    if origin.get("root") is not None:
        words += ["--root", "DATA"]
    words += ["--preset", "none"]
    apart = ("data", "root", *TABLE)
    where = {name: value for name, value in origin.items() if name not in apart}
    for name, value in {**where, **given}.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            text = json.dumps(value) if isinstance(value, list | dict) else str(value)
            words.append(f"--{flag}={text}")
    return [*words, "--out=again"]


def _idle(run: Run, given: Mapping[str, object]) -> Sequence[str]:
    """Options that had nothing to act on in a run, so that a command with them is refused."""
    from graphcondense.run_options import LOOP_OPTIONS

    if run.record.get("steps") is None:
        return LOOP_OPTIONS
    scored = run.record.get("validation") is not None or not given.get("validations")
    return () if scored else ("validations", "patience")


def _wrapped(words: Sequence[str], width: int = 88) -> str:
    """A command over several lines.

    >>> print(_wrapped(["graphcondense", "condense", "--lr=0.1"], 24))
    graphcondense condense \\
      --lr=0.1
    """
    lines = [""]
    for word in map(shlex.quote, words):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return " \\\n".join(lines)


def _settings(run: Run) -> dict[str, object]:
    """All that is known of a run, but for the forms of a budget that its record spells out."""
    found = dict(flat(run.record))
    asked = mapping(mapping(run.record.get("budget")).get("asked"))
    for name, value in flat(run.config):
        field = name.removeprefix("hyperparameters.")
        if field == name or (value is not None and field not in asked):
            found.setdefault(name, value)
    return {name: value for name, value in found.items() if name not in HIDDEN}


def _group_of(name: str) -> str:
    first = "data" if name.startswith("origin.") else name.partition(".")[0]
    return first if first in dict(GROUPS) else "run"


# --- parts -----------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str = "") -> Markup:
    """A table that sorts by its headings, in a box of its own that scrolls.

    Numbers stand to the right: columns of which a cell has a value, but for those of words.
    """
    columns = zip(*rows, strict=True) if rows else [()] * len(head)
    lefts = [
        name == "pays" or all(cell.value is None for cell in column)
        for name, column in zip(head, columns, strict=True)
    ]
    table = Table(head, rows, lefts, caption=caption)
    return render("scroll.html", label=caption or head[0], table=table.html(sortable=True))


def _evaluate(runs: Sequence[Run]) -> str:
    return "evaluate " + shlex.join(run.folder for run in runs if run.tested)


def _count(value: object) -> Cell:
    return Cell(f"{value:,}", value) if is_number(value) else Cell(DASH)


def _validation(run: Run) -> float | None:
    value = number(run.validation, "score")
    return None if value is None else scene.shown(run.score, value)
