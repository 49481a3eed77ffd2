"""Loss and validation over the steps of a run."""

from __future__ import annotations

from collections.abc import Sequence

from graphcondense.report import scene
from graphcondense.report.runs import Run
from graphcondense.report.sections.parts import Key, Section, section

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
    return section("curves", "Training", key=key, labels=labels, charts=texts), charts
