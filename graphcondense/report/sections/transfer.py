"""Heat maps: what was trained on, and evaluated with which model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from graphcondense.evaluate.result import about_test
from graphcondense.report.merge import Group, is_floor, is_network
from graphcondense.report.runs import Run
from graphcondense.report.sections.parts import Key, Section, evaluation_of, section
from graphcondense.report.values import Values, count_of, deviation, mapping, number, plural, scored

LEVELS = 32
"""Of the colours of a heat map."""


def transfer(runs: Sequence[Run], groups: Sequence[Group], key: Key) -> Section:
    """Heat maps: trained on what, evaluated with which model."""
    scores = [
        f"test {s.name} on the real data{' in per cent' if s.share else ', lower is better'}"
        for s in dict.fromkeys(group.score for group in groups)
    ]
    return section(
        "transfer",
        "Transfer",
        key=key,
        missing=None if groups else evaluation_of(runs),
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
        text, beside = score.pair(mean, std)
        scores[name] = (text, f"± {beside}" if beside else "", f"h{level}", mean)
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
