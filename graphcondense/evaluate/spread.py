"""How much of a spread is the splits', the condensations', the trainings': a mean in three levels.

Scores are nested: trainings on one condensed set share it, condensed sets of one split share the
labels. Their pooled standard deviation mixes all of it, and is no error of the mean: ten trainings
on one set are no ten observations. What is told apart here are the variance components of the
nested random-effects model ``y = m + split + set + training`` by the method of moments (Searle,
Casella & McCulloch, *Variance Components*, 1992, section 4.2); of balanced scores these are what
restricted maximum likelihood finds, where none of them is negative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """A mean and where its spread comes from; standard deviations, in the score's own unit.

    Attributes:
        mean: over splits of the means over sets of the means over trainings.
        error: standard error of the mean: of the highest level that has several. ``None`` for a
            single score.
        splits, sets, trainings: what each level adds; ``None`` where there is one of a level, and 0
            where it adds no more than the level below explains.
    """

    mean: float
    error: float | None
    splits: float | None
    sets: float | None
    trainings: float | None


def spread_of(scores: Sequence[Sequence[Sequence[float]]]) -> Spread:
    """The levels of scores ``[splits, sets, trainings]``, each set with as many trainings.

    With ``S`` splits, ``C`` sets of each and ``T`` trainings of each: ``trainings² = MS(trainings
    in sets)``, ``sets² = (MS(sets in splits) - trainings²) / T`` and ``splits² = (MS(splits) -
    MS(sets in splits)) / (C T)``.

    Raises:
        ValueError: no score, or other numbers of sets or trainings in some split.

    >>> found = spread_of([[[0.8, 0.8], [0.9, 0.9]], [[0.6, 0.6], [0.7, 0.7]]])
    >>> round(found.mean, 3), round(found.error, 3), round(found.splits, 3), round(found.sets, 3)
    (0.75, 0.1, 0.132, 0.071)
    """
    counts = {len(split) for split in scores}, {len(one) for split in scores for one in split}
    if [len(count) for count in counts] != [1, 1] or {0} in counts:
        shape = [[len(one) for one in split] for split in scores]
        raise ValueError(
            f"scores of {shape!s:.80} trainings: every split must have as many sets, every set as "
            "many trainings"
        )
    values = np.array(scores, dtype=np.float64)
    splits, sets, trainings = values.shape
    of_sets = values.mean(2)
    of_splits = of_sets.mean(1)
    within = _variance(values, 2)
    between = _variance(of_sets, 1)
    above = _variance(of_splits, 0)
    # A level with one member adds nothing of its own: what is below it stands in its place.
    below = (0.0 if within is None else within) / trainings
    own = between if between is not None else below
    tops = (
        (above, splits),
        (between, sets),
        (within, trainings),
    )
    error = next((math.sqrt(v / n) for v, n in tops if v is not None), None)
    return Spread(
        mean=float(values.mean()),
        error=error,
        splits=None if above is None else math.sqrt(max(above - own / sets, 0.0)),
        sets=None if between is None else math.sqrt(max(between - below, 0.0)),
        trainings=None if within is None else math.sqrt(within),
    )


def _variance(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], axis: int) -> float | None:
    """Mean sample variance along an axis; ``None`` of one value."""
    return float(values.var(axis, ddof=1).mean()) if values.shape[axis] > 1 else None
