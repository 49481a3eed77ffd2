"""The sections of the page, each from what the runs hold."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import PurePath
from typing import Any

from graphcondense.evaluate.cost import RULE, times_of, verdict
from graphcondense.evaluate.metrics import Score
from graphcondense.evaluate.result import about_test
from graphcondense.report import scene
from graphcondense.report.markup import Markup, join, tag
from graphcondense.report.merge import (
    Group,
    baselines,
    better,
    deviation,
    is_floor,
    is_network,
    number,
)
from graphcondense.report.runs import Result, Run, is_number

LEVELS = 32  # of the heat map's colours
# The forms of a budget.
ASKED = {"nodes": "{} nodes", "ratio": "ratio {}", "per_class": "{} a class", "bytes": "{} bytes"}
TRAINING = {
    "nodes": "labelled nodes",
    "graphs": "training graphs",
    "images": "training images",
    "users": "users",
}
"""What ``budget.of_labelled`` of a record is a share of."""
DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Cell:
    """A table's cell: what it shows and, if that is a number, by what it sorts."""

    text: str
    value: float | None = None
    right: bool = True


@dataclass(frozen=True)
class Section:
    """A part of the page, with a heading that the menu leads to."""

    name: str
    title: str
    parts: tuple[Markup | None, ...]

    def markup(self) -> Markup:
        """The section as HTML."""
        own = f"{self.name}-title"
        heading = tag("h2", self.title, id=own)
        return tag("section", heading, *self.parts, id=self.name, aria_labelledby=own)

    def link(self) -> Markup:
        """Its place in the menu."""
        return tag("a", self.title, href=f"#{self.name}")


class Key:
    """One colour and marker for everything that is called the same, on the whole page."""

    def __init__(self, labels: Iterable[str]) -> None:
        self.index: dict[str, int] = {}
        for label in labels:
            self.index.setdefault(label, len(self.index))

    def colour(self, label: str) -> str:
        """The class that has the colour; that of ink for what has none."""
        return f"c{self.index[label] % 7}" if label in self.index else "cink"

    def symbol(self, label: str) -> Markup:
        """The marker as a small picture, in its colour."""
        at = self.index.get(label)
        if at is None:
            return tag("span", cls="symbol")
        outline = tag("path", d=scene.SHAPES[at % len(scene.SHAPES)])
        return tag(
            "svg",
            outline,
            cls=f"symbol {self.colour(label)}",
            viewBox="-1.5 -1.5 3 3",
            aria_hidden="true",
        )


# --- 1. summary ------------------------------------------------------------------------------


def summary(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Section:
    """A card for each run, and for several runs a table."""
    cards = tag("div", *(_card(run, groups, key) for run in runs), cls="cards")
    parts = [cards]
    if len(runs) > 1:
        parts.append(_summary_table(runs, groups, key))
    missing = [run for run in runs if run.tested and _scored(run, groups) is None]
    if missing:
        names = shlex.join(run.folder for run in missing)
        parts.append(_missing("test scores", f"evaluate {names}"))
    return _section("summary", "Summary", *parts)


def _scored(run: Run, groups: Sequence[Group]) -> tuple[Group, str, str] | None:
    for group in groups:
        if found := group.best(run):
            return (group, *found)
    return None


def _card(run: Run, groups: Sequence[Group], key: Key) -> Markup:
    scored = _scored(run, groups)
    heading = tag("h3", key.symbol(run.label), run.label)
    data = str(run.data.get("name", "data of no name"))
    parts: list[Markup | None] = [heading, tag("p", _budget_line(run, data), cls="muted")]
    if scored is None:
        value = tag("strong", _scored_text(run.score, _validation(run)))
        parts.append(tag("p", value, f" validation {run.score.name}", cls="big"))
    else:
        group, label, model = scored
        row = group.rows[label, model]
        spread = deviation(row, "test_selected", group.tested)
        score = group.score
        sub = f"test {score.name}, {model}" + (f" (mean of {label})" if label != run.label else "")
        sub = f"{sub}, {group.on_test}" if group.on_test else sub
        parts += [
            tag(
                "p",
                tag("strong", _scored_text(score, number(row, "test_selected"))),
                tag("span", f" ± {score.text(spread)}", cls="muted")
                if spread is not None
                else None,
                tag("br"),
                sub,
                cls="big",
            ),
            _strip(row, dict(baselines(group, run, model)), key.colour(run.label), group),
            *_warnings(group),
        ]
    parts.append(tag("dl", *(_pair(name, text) for name, text in _facts(run)), cls="facts"))
    return tag("article", *parts, cls="card")


def _warnings(group: Group) -> list[Markup]:
    """That a test set is small, or that labels are missing."""
    found = about_test(group.tested, group.unlabelled, group.examples)
    return [tag("p", text, cls="muted") for text in found]


def _budget_line(run: Run, data: str) -> str:
    budget = _mapping(run.record.get("budget"))
    asked = _mapping(budget.get("asked"))
    said = [form.format(_text(asked[name])) for name, form in ASKED.items() if name in asked]
    parts = [data, *(f"{text} asked for" for text in said)]
    if is_number(budget.get("of_labelled")):
        parts.append(f"{_share(budget['of_labelled'])} of the {TRAINING[run.unit]}")
    return ", ".join(parts)


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    for name in run.sizes:
        value, whole = run.record.get(name), run.data.get(name)
        if not is_number(value):
            continue
        share = ""
        if is_number(whole) and whole:
            share = f" ({_share(value / whole)} of {whole:,} in {run.whole_is})"
        yield _called(name, run.unit), f"{value:,}{share}"
    yield "preset", run.preset
    yield "seconds to condense", _seconds(run.record.get("seconds"))
    if run.validation:
        step = run.validation.get("step")
        at = f" at step {step:,}" if is_number(step) else ""
        if run.start_kept:
            at += f": {START_KEPT}"
        yield "validation", f"{_scored_text(run.score, _validation(run))}{at}"


START_KEPT = "the untouched start, which validation preferred to all that was learnt"


def _called(name: str, unit: str) -> str:
    """The name of a size, which of images a record calls nodes."""
    return "images" if unit == "images" and name == "nodes" else name


def _strip(
    row: Mapping[str, Any], beside: Mapping[str, Mapping[str, Any]], colour: str, group: Group
) -> Markup:
    """Random, this and whole on one line of scores."""
    score = group.score
    mean = number(row, "test_selected")
    found = {name: number(other, "test_selected") for name, other in beside.items()}
    points = {name: value for name, value in {**found, "this": mean}.items() if value is not None}
    if len(points) < 2 or mean is None:
        return tag("p", "no baseline was evaluated", cls="muted")
    spread = deviation(row, "test_selected", group.tested) or 0.0
    low = min(*points.values(), mean - spread)
    high = max(*points.values(), mean + spread)
    margin = 0.06 * (high - low) or 0.01

    def x(value: float) -> str:
        return f"{100 * (value - low + margin) / (high - low + 2 * margin):.2f}%"

    marks = [tag("line", x1="0", x2="100%", y1="14", y2="14", cls="track")]
    if "random" in points and "whole" in points:
        ends = x(points["random"]), x(points["whole"])
        marks.append(tag("line", x1=ends[0], x2=ends[1], y1="14", y2="14", cls="span"))
    if spread:
        ends = x(mean - spread), x(mean + spread)
        marks.append(tag("line", x1=ends[0], x2=ends[1], y1="14", y2="14", cls="spread"))
    if "random" in points:
        marks.append(tag("circle", cx=x(points["random"]), cy="14", r="5", cls="random"))
    if "whole" in points:
        at = x(points["whole"])
        marks.append(tag("line", x1=at, x2=at, y1="4", y2="24", cls="whole"))
    marks.append(tag("circle", cx=x(mean), cy="14", r="7", cls="this"))
    spreads = {k: deviation(other, "test_selected", group.tested) for k, other in beside.items()}
    said = [
        f"{name} {_scored_text(score, found[name])}"
        + ("" if (std := spreads[name]) is None else f" ± {score.text(std)}")
        for name in beside
    ]
    label = f"{_scored_text(score, mean)} on a line with {', '.join(said)}"
    picture = tag(
        "svg", tag("title", label), *marks, cls=f"strip {colour}", role="img", aria_label=label
    )
    legend = [
        tag("span", tag("i", cls=f"dot {name}"), text)
        for name, text in zip(beside, said, strict=True)
    ]
    return tag("div", picture, tag("p", *legend, cls="key"), cls="stripbox")


def _summary_table(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Markup:
    scores = {run.score for run in runs} | {group.score for group in groups}
    share = all(score.share for score in scores)
    unit = " %" if share else ""
    errors = any(
        number(row, "test_error") is not None for group in groups for row in group.rows.values()
    )
    sizes = list(dict.fromkeys(name for run in runs for name in run.sizes))
    head = (
        *("run", "data", "preset"),
        *(
            _called(name, runs[0].unit) if len({run.unit for run in runs}) == 1 else name
            for name in sizes
        ),
        "seconds",
        f"validation{unit}",
        "model",
        *(f"{name}{unit}" for name in ("test", "random", "whole")),
        *(["± test"] if errors else []),
        "test examples",
    )
    rows = []
    for run in runs:
        scored = _scored(run, groups)
        row: Mapping[str, Any] = {}
        beside: dict[str, Mapping[str, Any]] = {}
        score, tested, error = run.score, None, None
        if scored is not None:
            group, label, model = scored
            row, beside = group.rows[label, model], dict(baselines(group, run, model))
            score, tested, error = group.score, group.tested, number(row, "test_error")
        seconds = run.record.get("seconds")
        found = (row, beside.get("random", {}), beside.get("whole", {}))
        rows.append(
            [
                Cell(join([key.symbol(run.label), run.label]), right=False),
                Cell(str(run.data.get("name", DASH)), right=False),
                Cell(run.preset, right=False),
                *(_count(run.record.get(name)) for name in sizes),
                Cell(f"{seconds:.1f}" if is_number(seconds) else DASH, _value(seconds)),
                _score_cell({"test_selected": _validation(run)}, run.score),
                Cell(str(row.get("model", DASH)), right=False),
                *(_score_cell(r, score, tested) for r in found),
                *([Cell(DASH if error is None else score.text(error), error)] if errors else []),
                _count(tested),
            ]
        )
    names = " and ".join(dict.fromkeys(score.name for score in scores))
    what = "accuracies" if names == "accuracy" else f"scores ({names})"
    text = f"All runs; {what} are means ± standard deviations of trainings."
    if errors:
        text += " ± test: standard error of an accuracy on a test set of that size."
    starts = [run.label for run in runs if run.start_kept]
    if starts:
        text += f" Of {', '.join(starts)}: {START_KEPT}."
    return table(head, rows, text)


def _score_cell(row: Mapping[str, Any], score: Score, tested: int | None = None) -> Cell:
    mean, spread = number(row, "test_selected"), deviation(row, "test_selected", tested)
    text = DASH if mean is None else score.text(mean, spread)
    return Cell(text, mean)


# --- 2. transfer -----------------------------------------------------------------------------


def transfer(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Section:
    """Heat maps: trained on what, evaluated with which model."""
    if not groups:
        return _section("transfer", "Transfer", _missing("this", _evaluate(runs)))
    switch = tag(
        "fieldset",
        tag("legend", "Test score", cls="hide"),
        *(
            tag(
                "label",
                tag("input", type="radio", name="epoch", value=value, checked=not i),
                text,
            )
            for i, (value, text) in enumerate(
                (("selected", "at the best validation epoch"), ("last", "after the last epoch"))
            )
        ),
        cls="switch needs-script",
    )
    said = [
        f"test {s.name} on the real data{' in per cent' if s.share else ', lower is better'}"
        for s in dict.fromkeys(group.score for group in groups)
    ]
    steps = any(len(group.moments) > 1 for group in groups)
    intro = tag(
        "p",
        f"Rows: what a model was trained on. Columns: the model. Numbers: {'; '.join(said)}, "
        "mean ± standard deviation. Point at a number for more.",
        cls="muted",
    )
    parts = [intro, switch if steps else None, *(_heat_map(g, key) for g in groups)]
    return _section("transfer", "Transfer", *parts)


def _heat_map(group: Group, key: Key) -> Markup:
    models, labels = group.models, group.labels
    kinds = {model: is_network(row) for (_, model), row in group.rows.items()}
    scores = [
        value
        for row in group.rows.values()
        for name in ("test_selected", "test_last")
        if (value := number(row, name)) is not None
    ]
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    others = sum(not network for network in kinds.values())
    groups = None
    if others:
        groups = tag(
            "tr",
            tag("td", cls="corner"),
            tag("th", "trained networks", colspan=len(models) - others, scope="colgroup")
            if len(models) > others
            else None,
            tag("th", _no_network(group), colspan=others, scope="colgroup", cls="apart"),
        )
    first = next((model for model in models if not kinds[model]), None)
    head = tag(
        "tr",
        _heading("trained on", numeric=False),
        *(_heading(model, cls="apart" if model == first else None) for model in models),
    )
    body = [
        tag(
            "tr",
            tag("th", key.symbol(label), label, scope="row"),
            *(
                _heat(
                    group.rows.get((label, model)),
                    label,
                    model,
                    low,
                    high,
                    model == first,
                    group,
                )
                for model in models
            ),
            cls="base" if label == "whole" or is_floor(label) else None,
        )
        for label in labels
    ]
    # Bright is good, whichever way the score goes.
    levels = range(LEVELS) if group.score.larger_is_better else range(LEVELS - 1, -1, -1)
    scale = tag(
        "div",
        tag("span", _scored_text(group.score, low)),
        tag("div", *(tag("i", cls=f"h{i}") for i in levels), aria_hidden="true"),
        tag("span", _scored_text(group.score, high)),
        cls="scale",
    )
    heat = tag(
        "table",
        _caption(f"{group.title()}; {group.on_test}" if group.on_test else group.title()),
        tag("thead", groups, head),
        tag("tbody", *body),
        cls="heat sortable",
    )
    notes = [tag("p", text, cls="missing") for text in group.notes]
    return join([_scroll(heat, f"Test scores, {group.data}"), scale, *_warnings(group), *notes])


def _heat(
    row: Mapping[str, Any] | None,
    label: str,
    model: str,
    low: float,
    high: float,
    apart: bool,
    group: Group,
) -> Markup:
    score, unit = group.score, group.units[0]
    edge = " apart" if apart else ""
    if row is None or number(row, "test_selected") is None:
        return tag("td", DASH, cls=f"none{edge}")
    shown = {}
    for name in ("selected", "last"):
        mean, std = number(row, f"test_{name}"), deviation(row, f"test_{name}", group.tested)
        if mean is None:
            continue
        level = round((LEVELS - 1) * (mean - low) / ((high - low) or 1.0))
        level = level if score.larger_is_better else LEVELS - 1 - level
        beside = "" if std is None else f"± {score.text(std)}"
        shown[name] = (score.text(mean), beside, f"h{level}", mean)
    graphs, trainings = row.get("graphs") or 1, row.get("trainings") or 1
    lines = [f"trained on {label}, evaluated with {model}"]
    sets = row.get("set_graphs")
    moment = "epoch" if sets is None else "step"
    if len(group.moments) == 1:
        lines.append(f"test: {' '.join(filter(None, shown['selected'][:2]))}")
    for name, text in (("selected", f"best validation {moment}"), ("last", f"last {moment}")):
        if name in shown and len(group.moments) > 1:
            sign = " %" if score.share else ""
            lines.append(f"{text}: {' '.join(filter(None, shown[name][:2]))}{sign}")
    others = _mapping(row.get("others"))
    for name in others:
        lines.append(f"{name}: {_scored_text(score, number(others, name)).split()[0]}")
    if (error := number(row, "test_error")) is not None and group.on_test:
        lines.append(f"{group.on_test}: standard error {score.text(error)}")
    lines.append(f"validation: {_scored_text(score, number(row, 'val_selected'))}")
    what = "graph" if unit == "nodes" else f"set of {unit}"
    if sets is not None:
        what = f"set of {_plural(sets, 'graph')}"
    lines.append(f"{_counted(graphs, what)}, {_plural(trainings, 'seed')} on each")
    if row.get("edge_weights"):
        lines.append(f"edge weights: {row['edge_weights']}")
    if row.get("chosen"):
        lines.append(f"chosen on validation: {row['chosen']}")
    for name, text in (("spread_graphs", "graphs"), ("spread_trainings", "trainings")):
        if (spread := number(row, name)) is not None:
            lines.append(f"deviation between {text}: {score.text(spread)}")
    if (took := number(row, "seconds")) is not None:
        lines.append(f"{took:.2f} s a training")
    mean_text, spread_text, level_name, value = shown["selected"]
    return tag(
        "td",
        tag("b", mean_text),
        tag("small", spread_text),
        cls=f"heatcell {level_name}{edge}",
        tabindex="0",
        data_tip="\n".join(lines),
        data_value=value,
        data_shown=json.dumps({name: list(entry) for name, entry in shown.items()}),
    )


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
) -> tuple[Section, list[dict[str, Any]]]:
    """What condensing costs and when it pays; and the data of its charts."""
    costed = [group for group in groups if group.ledgers]
    if not costed:
        return _section("cost", "Cost", _missing("this", _evaluate(runs))), []
    parts: list[Markup] = []
    charts = []
    for i, group in enumerate(costed):
        chart = scene.cost_chart(group, f"cost-{i}")
        if len(costed) > 1:
            alone = sum(other.data == group.data for other in costed) == 1
            parts.append(tag("h3", group.data if alone else group.title()))
        if chart is not None:
            charts.append(chart)
            parts += [
                _legend([line["label"] for line in chart["lines"]], [chart["name"]], key),
                _figure(
                    chart["name"],
                    f"{chart['y'].capitalize()} after so many trainings: condensing once and "
                    "training on the small set each time, or training on the whole. Where lines "
                    "cross, a number says from which training on condensing has paid; none is "
                    "on a set that is not better than random examples."
                    + (
                        " Plain PyG is timed by the wall alone: see the table."
                        if chart["processor"]
                        else ""
                    ),
                ),
            ]
        parts.append(_ledger_table(group, runs, key))
    return _section("cost", "Cost", *parts), charts


def _no_network(group: Group) -> str:
    return "no network" if group.units[0] == "images" else "no GNN"


def _worded(text: str, group: Group) -> str:
    """A heading that is worded for one graph, for other data where the group is of those."""
    if group.units[0] == "users" or group.examples == "graphs":
        what = "users" if group.units[0] == "users" else "graphs"
        return text.replace("the whole graph", f"all {what}")
    if group.units[0] != "images":
        return text
    return text.replace("the whole graph", "all images").replace("PyG", "PyTorch")


def _ledger_table(group: Group, runs: Sequence[Run], key: Key) -> Markup:
    sizes = ["nodes", "edges", "bytes"]
    if any("graphs" in (entry.get("ratios") or {}) for entry in group.ledgers.values()):
        sizes.insert(0, "graphs")
    head = ["condensed set", "preset", "pays", *(_worded(text, group) for _, text in LEDGER)]
    called = {"nodes": group.units[0], "edges": group.units[1]}
    of = _part(group)
    head += [*(f"% of {called.get(name, name)} in {of}" for name in sizes)]
    head += ["expected MiB", "peak MiB"]
    presets = {run.label: run.preset for run in runs}
    rows = []
    for label, entry in group.ledgers.items():
        ratios = _mapping(entry.get("ratios"))
        memory = [number(entry, name) for name in ("memory_estimate_bytes", "peak_memory_bytes")]
        count, words = verdict(times_of(entry), better(group, label))
        preset = next(
            (r["preset"] for (own, _), r in group.rows.items() if own == label and "preset" in r),
            presets.get(label),
        )
        cells = [
            Cell(join([key.symbol(label), label]), right=False),
            Cell(str(preset or DASH), right=False),
            Cell(words, None if count is None else float(count), right=False),
        ]
        for name, _ in LEDGER:
            value = number(entry, name)
            cells.append(Cell(DASH if value is None else f"{value:,.2f}", value))
        for name in sizes:
            share = number(ratios, name)
            cells.append(Cell(DASH if share is None else f"{100 * share:.2f}", share))
        for size in memory:
            cells.append(Cell(DASH if size is None else f"{size / 2**20:,.0f}", size))
        rows.append(cells)
    model = next((str(e["model"]) for e in group.ledgers.values() if "model" in e), "the evaluator")
    settings = {name: group.training(model).get(name) for name in ("epochs", "steps", "hidden")}
    said = ", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)
    caption = (
        f"Times of {model}" + (f" ({said})" if said else "") + ", validation left out (processor "
        "seconds: included). What pays is said by processor seconds where all are known, else by "
        f"the wall, never by both; {RULE}, of {model}. Shares are of {of}"
        + (" in its compact form" if of == "the whole graph" else "")
        + ". Expected is what training was to add to the process, peak what the process held."
    )
    return table(head, rows, caption)


def _part(group: Group) -> str:
    """What a ledger's shares are shares of."""
    alone = group.examples == "nodes"
    return "the whole graph" if alone else "the training part"


# --- 4. curves -------------------------------------------------------------------------------


def curves(runs: Sequence[Run], key: Key) -> tuple[Section, list[dict[str, Any]]]:
    """Loss and validation over the steps; and the data of the charts."""
    logged = [run for run in runs if run.metrics]
    if not logged:
        text = "These runs have no metrics.jsonl: they learnt nothing step by step."
        return _section("curves", "Training", tag("p", text, cls="muted")), []
    charts = scene.curve_charts(logged)
    texts = {
        "loss": "The loss: a running mean, and as a band the range of what it is the mean of. "
        "Losses of different methods are on different scales.",
        "validation": "Validation score of condensed sets during the run; the best is ringed.",
    }
    names = [chart["name"] for chart in charts]
    parts = [_legend([run.label for run in logged], names, key)]
    parts += [_figure(name, texts[name]) for name in names]
    return _section("curves", "Training", *parts), charts


# --- 5. condensed sets -----------------------------------------------------------------------


def condensed(runs: Sequence[Run], key: Key) -> tuple[Section, dict[str, Any]]:
    """The condensed graphs as pictures, or the images; and what to draw."""
    graphs: dict[str, Any] = {}
    parts: list[Markup] = []
    for i, run in enumerate(runs):
        heading = tag("h3", key.symbol(run.label), run.label)
        if run.unit != "nodes":
            drawing = DRAWN[run.unit](run)
            parts.append(tag("div", heading, drawing, cls="graphbox"))
            continue
        name = f"graph-{i}"
        graphs[name] = drawn = scene.graph_scene(run)
        parts.append(tag("div", heading, *_graph(name, run, drawn), cls="graphbox"))
    units = {run.unit for run in runs}
    what = "graph" if units == {"nodes"} else min(units)
    what = what if len(units) == 1 else "set"
    plural = len(runs) > 1 and not what.endswith("s")
    title = f"Condensed {what}" + ("s" if plural else "")
    return _section("condensed", title, tag("div", *parts, cls="graphs")), graphs


def _graph(name: str, run: Run, drawn: Mapping[str, Any]) -> Iterator[Markup]:
    edges = int(run.small.edge_index.shape[1])
    nodes, total = drawn["nodes"], len(run.small.y)
    said = [f"{total:,} nodes, {edges:,} edges."]
    if len(nodes) < total:
        said.append(f"Drawn are the {len(nodes):,} nodes of greatest degree.")
    if not edges:
        said.append(
            "It has no edges: nodes lie by the first two principal components of their features, "
            "far ones drawn nearer."
        )
    else:
        if len(drawn["edges"]) < drawn["pairs"]:
            said.append(
                f"Drawn are the {len(drawn['edges']):,} strongest of {drawn['pairs']:,} joined "
                "pairs."
            )
        if drawn["within"] is not None:
            said.append(f"{_share(drawn['within'])} of all edge weight joins nodes of one class.")
        said.append("Larger nodes have more weight on their edges.")
    classes = sorted({node[3] for node in nodes})
    buttons = [
        tag(
            "button",
            _class_symbol(c),
            f"{c}" if c >= 0 else "none",
            type="button",
            aria_pressed="false",
            aria_label=f"highlight class {c}" if c >= 0 else "highlight nodes without a class",
            data_class=c,
        )
        for c in classes
    ]
    zoom = [
        tag("button", sign, type="button", aria_label=text, data_zoom=value)
        for sign, text, value in (("+", "zoom in", 1), ("\N{MINUS SIGN}", "zoom out", -1))
    ]
    zoom.append(tag("button", "reset", type="button", aria_label="reset the view", data_zoom=0))
    yield tag(
        "div",
        tag("span", "class"),
        *buttons,
        cls="legend classes needs-script",
        data_graph=name,
    )
    named = len([c for c in classes if c >= 0])
    label = f"Condensed graph of {run.label}: {total:,} nodes in {named} classes"
    hint = "Point at a node, tap it, or go from node to node with the arrow keys."
    yield tag(
        "figure",
        tag("div", *zoom, cls="zoom needs-script", data_graph=name),
        tag("div", cls="graph", data_graph=name, data_label=label),
        tag("figcaption", " ".join([*said, hint])),
    )


def _class_symbol(c: int) -> Markup:
    """Colour and outline of a class; of none, -1, those of ``graph.js``."""
    outline = tag("path", d=scene.SHAPES[max(c, 0) // 7 % len(scene.SHAPES)])
    colour = f"c{c % 7}" if c >= 0 else "cink"
    return tag("svg", outline, cls=f"symbol {colour}", viewBox="-1.5 -1.5 3 3", aria_hidden="true")


def _set_of_graphs(run: Run) -> Markup:
    held = run.small.set
    nodes, edges = len(held.x), held.edge_index.shape[1]
    low, high = int(held.sizes.min()), int(held.sizes.max())
    each = f"{low}" if low == high else f"{low} to {high}"
    text = f"{run.size} of {each} nodes, {nodes:,} nodes and {edges:,} edges in all."
    return _drawn(run, text, "graphs.png", "condensed graphs")


def _users(run: Run) -> Markup:
    rows = run.small.csr
    text = f"{run.size} by {rows.shape[1]:,} items, {rows.nnz:,} interactions."
    return _drawn(run, text, "items.png", "popularity of items")


def _drawn(run: Run, text: str, name: str, what: str) -> Markup:
    """The picture in the folder, with a text below it; or the text alone."""
    if run.picture is None:
        return tag("p", text, f" There is no picture ({name}) in the folder.", cls="muted")
    picture = tag("img", src=scene.picture_of(run.picture), alt=f"{what} of {run.label}")
    return tag("figure", picture, tag("figcaption", text), cls="picture")


def _images(run: Run) -> Markup:
    rows = [
        tag(
            "div",
            tag("span", f"class {c}"),
            *(
                tag("img", src=address, alt=f"condensed image {i} of class {c}")
                for i, address in enumerate(addresses, 1)
            ),
            cls="images",
        )
        for c, addresses in scene.images_of(run).items()
    ]
    text = f"{len(run.small.y):,} images, at most {scene.MOST_IMAGES} a class shown."
    return tag("figure", *rows, tag("figcaption", text))


DRAWN = {"graphs": _set_of_graphs, "images": _images, "users": _users}
"""How a run's condensed set is shown, by what it is of; that of nodes is drawn by the browser."""


# --- 6. further results ----------------------------------------------------------------------


def further(runs: Sequence[Run]) -> Section | None:
    """What other commands measured: any ``VERB.json`` with a kind and rows."""
    parts = [_result(run, result, len(runs) > 1) for run in runs for result in run.results]
    return _section("further", "Further results", *parts) if parts else None


def _result(run: Run, result: Result, name_run: bool) -> Markup:
    content = result.content
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(content["kind"])).lower()
    heading = result.name if kind in ("report", result.name) else f"{result.name}: {kind}"
    if name_run:
        heading += f" ({run.label})"
    parts = [tag("h3", str(content.get("title") or heading))]
    rest = dict(flat({k: v for k, v in content.items() if k not in ("kind", "rows", "title")}))
    if rest:
        facts = [_pair(name, _text(value)) for name, value in rest.items()]
        few = len(facts) <= 12
        box = tag("dl", *facts, cls="facts wide")
        parts.append(box if few else tag("details", tag("summary", "settings and totals"), box))
    rows = [dict(flat(row)) for row in content["rows"]]
    head = list(dict.fromkeys(name for row in rows for name in row))
    if rows:
        cells = [[_any_cell(row.get(name)) for name in head] for row in rows]
        parts.append(table([name.replace("_", " ") for name in head], cells))
    if result.picture is not None:
        address = scene.picture_of(result.picture)
        parts.append(tag("figure", tag("img", src=address, alt=heading), cls="picture"))
    return tag("div", *parts)


def _any_cell(value: Any) -> Cell:
    if is_number(value):
        return Cell(_text(value), float(value))
    text = _text(value)
    return Cell(text if len(text) <= 80 else f"{text[:77]}...", right=value is None)


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
HIDDEN = ("origin.root", "kind", "domain")


def reproduce(runs: Sequence[Run]) -> Section:
    """The commands that repeat the runs, and everything that was set."""
    commands = [part for run in runs for part in _commands(run, len(runs) > 1)]
    values = [_settings(run) for run in runs]
    names = dict.fromkeys(name for found in values for name in found)
    body: list[Markup] = []
    for prefix, title in GROUPS:
        lines = []
        for name in (name for name in names if _group_of(name) == prefix):
            texts = [_text(found[name]) if name in found else DASH for found in values]
            lines.append(
                tag(
                    "tr",
                    tag("th", name.removeprefix(f"{prefix}."), scope="row"),
                    *(tag("td", text) for text in texts),
                    cls="differs" if len(set(texts)) > 1 else None,
                )
            )
        if lines:
            span = len(runs) + 1
            head = tag("tr", tag("th", title, colspan=span, scope="rowgroup"), cls="part")
            body.append(tag("tbody", head, *lines))
    heads = [tag("th", run.label, scope="col") for run in runs]
    only = None
    if len(runs) > 1:
        box = tag("input", type="checkbox", id="only-differences")
        only = tag("label", box, "only what differs", cls="needs-script")
    settings = tag(
        "table",
        _caption("Everything that was set and recorded."),
        tag("thead", tag("tr", tag("th", "name", scope="col"), *heads)),
        *body,
        cls="settings",
    )
    return _section(
        "reproduce", "Reproduce", *commands, only, _scroll(settings, "Settings of the runs")
    )


def _commands(run: Run, name_run: bool) -> Iterator[Markup]:
    if name_run:
        yield tag("h3", run.label)
    if run.config:
        short = ["graphcondense", "condense", run.method, "--config", f"{run.folder}/config.yaml"]
        yield _copied("From the run's own config", shlex.join([*short, "--out", "again"]))
    yield _copied("With every flag", _wrapped(flags(run)))
    known = str(run.record.get("hash", ""))
    if known:
        yield tag("p", "Hash of the condensed set: ", tag("code", known), cls="muted")


def flags(run: Run) -> list[str]:
    """The command that repeats a run, with every value spelled out; ``DATA`` is where data lie."""
    from graphcondense.run import Run as Options

    known = [field.name for field in fields(Options)]
    given = {
        **_mapping(run.record.get("hyperparameters")),
        **_mapping(_mapping(run.record.get("budget")).get("asked")),
        **_mapping(run.config.get("hyperparameters")),
        **{name: run.config.get(name, run.record.get(name)) for name in known if name != "device"},
    }
    origin = _mapping(run.config.get("origin"))
    data = str(origin.get("data") or run.data.get("name", "DATA"))
    if data.endswith((".npz", ".pt")):
        data = PurePath(data).name
    words = ["graphcondense", "condense", run.method, "--data", data]
    if origin.get("root") is not None:
        words += ["--root", "DATA"]
    words += ["--preset", "none"]
    where = {name: value for name, value in origin.items() if name not in ("data", "root")}
    for name, value in {**where, **given}.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            text = json.dumps(value) if isinstance(value, list | dict) else str(value)
            words.append(f"--{flag}={text}")
    return [*words, "--out=again"]


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


def _copied(title: str, text: str) -> Markup:
    button = tag(
        "button", "copy", type="button", cls="copy needs-script", aria_label=f"copy: {title}"
    )
    code = tag("pre", tag("code", text), tabindex="0")
    return tag("div", tag("div", tag("span", title), button, cls="bar"), code, cls="command")


def _settings(run: Run) -> dict[str, Any]:
    found = dict(flat(run.record))
    for name, value in flat(run.config):
        if name.startswith("hyperparameters.") and value is None:
            continue  # a budget that was not asked for
        if name.startswith("hyperparameters.") and _asked(run, name):
            continue
        found.setdefault(name, value)
    return {name: value for name, value in found.items() if name not in HIDDEN}


def _asked(run: Run, name: str) -> bool:
    asked = _mapping(_mapping(run.record.get("budget")).get("asked"))
    return name.removeprefix("hyperparameters.") in asked


def _group_of(name: str) -> str:
    first = "data" if name.startswith("origin.") else name.partition(".")[0]
    return first if first in dict(GROUPS) else "run"


# --- parts -----------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str = "") -> Markup:
    """A table that sorts by its headings, in a box of its own that scrolls."""
    numeric = [
        any(row[i].value is not None and row[i].right for row in rows) for i in range(len(head))
    ]
    body = [
        tag(
            "tr",
            *(
                tag(
                    "td",
                    cell.text,
                    cls="number" if cell.right and numeric[i] else None,
                    data_value=cell.value,
                )
                for i, cell in enumerate(row)
            ),
        )
        for row in rows
    ]
    content = tag(
        "table",
        _caption(caption) if caption else None,
        tag("thead", tag("tr", *(_heading(h, n) for h, n in zip(head, numeric, strict=True)))),
        tag("tbody", *body),
        cls="sortable",
    )
    return _scroll(content, caption or head[0])


def _caption(text: str) -> Markup:
    return tag("caption", tag("span", text))


def _heading(text: str, numeric: bool = True, cls: str | None = None) -> Markup:
    names = " ".join(filter(None, ["number" if numeric else None, cls]))
    button = tag("button", text, type="button")
    return tag("th", button, scope="col", cls=names or None, aria_sort="none")


def _scroll(content: Markup, label: str) -> Markup:
    return tag("div", content, cls="scroll", tabindex="0", role="region", aria_label=label)


def _section(name: str, title: str, *parts: Markup | None) -> Section:
    return Section(name, title, parts)


def _evaluate(runs: Sequence[Run]) -> str:
    return "evaluate " + shlex.join(run.folder for run in runs if run.tested)


def _missing(what: str, command: str) -> Markup:
    code = tag("code", f"graphcondense {command}")
    return tag("p", f"To have {what} here, run ", code, " and write the page anew.", cls="missing")


def _legend(labels: Sequence[str], charts: Sequence[str], key: Key) -> Markup:
    buttons = [
        tag(
            "button",
            key.symbol(label) if label in key.index else tag("span", cls=f"rule r{i % 2}"),
            label,
            type="button",
            aria_pressed="true",
            data_line=label,
        )
        for i, label in enumerate(labels, len(labels))
    ]
    return tag("div", *buttons, cls="legend needs-script", data_charts=" ".join(charts))


def _figure(name: str, text: str) -> Markup:
    return tag(
        "figure",
        tag("div", cls="chart", data_chart=name, data_label=text),
        tag("figcaption", text),
    )


def _pair(name: str, text: str) -> Markup:
    return tag("div", tag("dt", name), tag("dd", text))


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """
    >>> list(flat({"a": 1, "b": {"c": [2]}}))
    [('a', 1), ('b.c', [2])]
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: Any) -> str:
    """
    >>> _text(0.00123456), _text(12000.0), _text(None), _text([1, 2]), _text(True)
    ('0.001235', '12,000', '–', '1, 2', 'yes')
    """
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ", ".join(map(_text, value))
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 300 else f"{text[:297]}..."


def _percent(value: float | None, unit: str = " %") -> str:
    return DASH if value is None else f"{100 * value:.1f}{unit}"


def _scored_text(score: Score, value: float | None) -> str:
    """A score with its unit."""
    if value is None:
        return DASH
    return score.text(value) + (" %" if score.share else f" {score.name}")


def _share(value: float) -> str:
    """
    >>> _share(0.02585), _share(0.00004), _share(1.0)
    ('2.6 %', '0.004 %', '100 %')
    """
    percent = 100 * value
    return f"{percent:.0f} %" if percent >= 99.95 or not percent else f"{percent:.2g} %"


def _seconds(value: Any) -> str:
    return f"{value:,.1f}" if is_number(value) else "not recorded"


def _count(value: Any) -> Cell:
    return Cell(f"{value:,}", value) if is_number(value) else Cell(DASH)


def _value(value: Any) -> float | None:
    return float(value) if is_number(value) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    """A mapping that a file should hold here; an empty one where it holds something else."""
    return value if isinstance(value, Mapping) else {}


def _validation(run: Run) -> float | None:
    value = number(run.validation, "score")
    return None if value is None else scene.shown(run.score, value)


def _counted(count: int, what: str) -> str:
    """As :func:`_plural`, of words whose first one is counted."""
    first, *rest = what.split(" ", 1)
    return " ".join([_plural(count, first), *rest])


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")
