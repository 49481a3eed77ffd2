"""For which models a method was measured to work, and with which it is known to collapse."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from graphcondense.measured.figures import (
    PRIVATE_ATTACK,
    PRIVATE_SCORE,
    RANDOM,
    SCORE,
    Measurement,
    best_known,
    measurements,
    spanned,
)

POINTS = 15.0
NOISE = 1.0
COLLAPSE = (
    "A method collapses with a model where the mean score was below that of random examples at the "
    f"same budget by more than the standard deviation of either and {NOISE:g} point, or more than "
    f"{POINTS:g} points below that of the whole data."
)
"""The one definition; :func:`collapses` computes it."""


def collapses(mean: float, random: float | None, whole: float | None, spread: float = 0.0) -> bool:
    """Whether a score is a collapse by :data:`COLLAPSE`; all are in per cent, larger is better.

    Args:
        mean: the score.
        random: that of random examples, ``None`` where it was not measured.
        whole: that of all data, ``None`` where it was not measured.
        spread: the larger of the standard deviations of ``mean`` and ``random``.

    >>> collapses(70.0, 72.0, None), collapses(70.0, 72.0, None, 2.5), collapses(70.0, 60.0, 86.0)
    (True, False, True)
    """
    below = random is not None and mean < random - max(spread, NOISE)
    return below or lost(mean, whole)


def lost(mean: float, whole: float | None) -> bool:
    """Whether a score is more than :data:`POINTS` below that of the whole data."""
    return whole is not None and mean < whole - POINTS


def fate(far: bool) -> str:
    """What a collapse is called: a strong word only where much was :func:`lost`."""
    return "collapse" if far else "fall below random examples"


def collapsed(one: Measurement) -> bool:
    """Whether a measurement is a collapse; random examples are not compared with themselves."""
    random = None if one.named == RANDOM else one.random
    return collapses(one.mean, random, one.whole, max(one.std or 0.0, one.random_std or 0.0))


def kind_of_record(record: Mapping[str, object]) -> str:
    """The kind of data that a condensed set's record names; old ones call it a domain."""
    return str(record.get("kind", record.get("domain", "")))


def measured_of(method: str, kind: str, known: Iterable[Measurement]) -> list[Measurement]:
    """The test scores of a method with its defaults, by networks; the best known of each."""
    name = method.lower().replace("_", "-")
    return best_known(
        one
        for one in known
        if (one.label, one.kind, one.what) == (name, kind, SCORE) and one.network
    )


def by_model(found: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    """Measurements of each model, in the order in which models are first named."""
    models: dict[str, list[Measurement]] = {}
    for one in found:
        models.setdefault(one.model, []).append(one)
    return models


def share_text(found: Sequence[Measurement]) -> str:
    """What a model keeps of the whole data's score, over several cells.

    >>> share_text([])
    '-'
    """
    shares = [round(100 * m.mean / m.whole) for m in found if m.whole]
    return f"{spanned(shares)} %" if shares else "-"


def told(one: Measurement) -> str:
    """A figure beside the floors of its table, in words."""
    return f"{one.text} on {one.where}{floors(one.random, one.whole)}"


def warnings_of(
    method: str,
    kind: str,
    models: Iterable[str] | None = None,
    known: Iterable[Measurement] | None = None,
) -> list[str]:
    """A line for each model with which a method is known to collapse, the worst figure first.

    Args:
        method: its name or variant.
        kind: of data.
        models: only of these; by default of all.
        known: what was measured; by default the package's figures.

    >>> warnings_of("gcond", "node", ["GraphConv"])[0].partition(": ")[0]
    'gcond is known to collapse with GraphConv'
    """
    found = by_model(measured_of(method, kind, measurements() if known is None else known))
    lines = []
    for model in found if models is None else (m for m in models if m in found):
        bad = sorted(filter(collapsed, found[model]), key=lambda m: (m.behind or 0.0, m.cell))
        if bad:
            of = f"{len(bad)} of {len(found[model])} measured"
            how = fate(any(lost(m.mean, m.whole) for m in bad))
            lines.append(
                f"{method} is known to {how} with {model}: {told(bad[0])}; in {of} "
                f"{'cell' if len(found[model]) == 1 else 'cells'}"
            )
    return lines


def lines_of(method: str, kind: str, known: Iterable[Measurement] | None = None) -> list[str]:
    """For which models a method was measured to work, and warnings, as lines of text.

    >>> lines_of("my-own", "node")
    ['my-own: not measured']
    """
    every = measurements() if known is None else list(known)
    found = measured_of(method, kind, every)
    if not found:
        return [f"{method}: not measured"]
    cells = cells_text(found)
    parts = [
        f"{model} {share_text(own)}"
        for model, own in by_model(found).items()
        if not any(map(collapsed, own))
    ]
    good = ", ".join(parts) or "no model in all cells"
    return [
        f"{method} was measured on {cells}; share of the whole data's score that it keeps, where "
        f"it never collapsed: {good}",
        *warnings_of(method, kind, known=every),
    ]


HEAD = ("model", "of whole", "measured on", "collapses on")
"""The headings of :func:`model_rows`."""


def model_rows(
    method: str, kind: str, known: Iterable[Measurement] | None = None
) -> list[tuple[str, str, str, str]]:
    """A line for each model: its name, what it keeps of the whole data's score, on which data and
    budgets that was measured, and where it collapsed. Nothing where nothing was measured.

    >>> model_rows("my-own", "node")
    []
    """
    found = by_model(measured_of(method, kind, measurements() if known is None else known))
    return [
        (model, share_text(own), cells_text(own), cells_text(filter(collapsed, own)) or "-")
        for model, own in found.items()
    ]


def private_rows(
    method: str, known: Iterable[Measurement] | None = None
) -> list[tuple[str, str, str, str]]:
    """What a method gives away and keeps under differential privacy, the least noise first: its
    epsilon or ``"none"``, data and budget, the area of a membership inference, the accuracy.

    >>> [row[0] for row in private_rows("gecc") if row[1] == "cora, 7 nodes"]
    ['none', '10', '4', '1']
    """
    name = method.lower().replace("_", "-")
    own = [
        one
        for one in (measurements() if known is None else known)
        if one.named == name and one.what in (PRIVATE_ATTACK, PRIVATE_SCORE)
    ]
    scores = {(one.label, one.cell, one.model): one for one in own if one.what == PRIVATE_SCORE}
    found = []
    for one in own:
        score = scores.get((one.label, one.cell, one.model))
        epsilon = one.label.removeprefix(name).removeprefix(" epsilon ")
        if one.what == PRIVATE_ATTACK and score is not None:
            noise = -float(epsilon) if epsilon else -math.inf
            found.append((one.where, noise, (epsilon or "none", one.where, one.text, score.text)))
    return [row for *_, row in sorted(found)]


def cells_text(found: Iterable[Measurement]) -> str:
    """Data and budgets in words, each once.

    >>> cells_text([m for m in measurements() if m.label == "kidd"])[:23]
    'ogbg-molbace (1, 10 a c'
    """
    budgets: dict[str, list[str]] = {}
    for one in found:
        own = budgets.setdefault(one.data, [])
        if one.budget not in own:
            own.append(one.budget)
    return "; ".join(f"{data} ({shortened(own)})" for data, own in sorted(budgets.items()))


def shortened(budgets: Sequence[str]) -> str:
    """Budgets whose unit is said once.

    >>> shortened(["1 a class", "10 a class"]), shortened(["70 nodes", "1 a class"])
    ('1, 10 a class', '70 nodes, 1 a class')
    """
    units = {budget.partition(" ")[2] for budget in budgets}
    if len(units) > 1:
        return ", ".join(budgets)
    numbers = sorted(
        (b.partition(" ")[0] for b in budgets), key=lambda n: float(n.replace(",", ""))
    )
    return f"{', '.join(numbers)} {units.pop()}"


def own_lines(
    rows: Iterable[Mapping[str, object]], label: str, beside: str = "random"
) -> list[str]:
    """What an evaluation measured on a set itself: shares of the whole data's score, and warnings.

    Args:
        rows: of ``evaluation.json``: ``label``, ``model``, ``test_selected`` and
            ``test_selected_std`` as shares.
        label: what the set is called there.
        beside: what random examples are called there.

    Returns:
        Nothing where the set was not evaluated.

    >>> rows = [{"label": n, "model": "GAT", "test_selected": s} for n, s in
    ...         (("gcond", 0.4), ("whole", 0.8))]
    >>> print(*own_lines(rows, "gcond"), sep=chr(10))
    measured on this set: GAT 40.0 (50 % of whole)
    this set was seen to collapse with GAT: 40.0 (whole 80.0)
    """
    scores: dict[str, dict[str, tuple[float, float]]] = {}
    for row in rows:
        mean, std = row.get("test_selected"), row.get("test_selected_std")
        if isinstance(mean, int | float) and math.isfinite(mean):
            spread = 100 * std if isinstance(std, int | float) else 0.0
            scores.setdefault(str(row.get("model")), {})[str(row.get("label"))] = 100 * mean, spread
    nothing = (None, 0.0)
    parts, bad = [], []
    for model, found in scores.items():
        if label not in found:
            continue
        (score, own), (random, its), (whole, _) = (
            found.get(name, nothing) for name in (label, beside, "whole")
        )
        if score is None:
            continue
        of_whole = f" ({round(100 * score / whole)} % of whole)" if whole else ""
        parts.append(f"{model} {score:.1f}{of_whole}")
        if collapses(score, random, whole, max(own, its)):
            how = fate(lost(score, whole))
            bad.append(
                f"this set was seen to {how} with {model}: {score:.1f}{floors(random, whole)}"
            )
    return [f"measured on this set: {', '.join(parts)}", *bad] if parts else []


def floors(random: float | None, whole: float | None) -> str:
    """What a score is compared with.

    >>> floors(70.0, None), floors(None, None)
    (' (random 70.0)', '')
    """
    found = {"random": random, "whole": whole}
    texts = [f"{name} {value:.1f}" for name, value in found.items() if value is not None]
    return f" ({', '.join(texts)})" if texts else ""
