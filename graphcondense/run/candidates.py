"""The best of several candidates: whole runs of one method that differ in their seeds."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from graphcondense.core.callbacks import refused_scores
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from graphcondense.saved.forms import Small

S = TypeVar("S", bound="Small")

FOLDER = "candidates"
"""Where in a run's folder the candidates are until the best is chosen."""

SEEDS = 2**63
"""Seeds are below it; after the last comes the first."""


@dataclass(frozen=True)
class Made:
    """One candidate.

    Attributes:
        seed: of its run.
        score: on validation, higher is better; ``None`` where it is no number.
        seconds, processor_seconds: that it took, scoring included, without those that others spent
            on what it read.
        hash: of its content.
    """

    seed: int
    score: float | None
    seconds: float
    processor_seconds: float
    hash: str

    @classmethod
    def of(cls, seed: int, record: Mapping[str, Any]) -> Made:
        """From a finished candidate's record."""
        score = record["validation"]["score"]
        reused = record.get("reused_seconds", 0.0)
        used = record["seconds"] - reused, record["processor_seconds"] - reused
        return cls(seed, score, *used, record["hash"])

    @property
    def rank(self) -> float:
        """The score, lowest where there is none; what rounding adds decides nothing."""
        return -math.inf if self.score is None else round(self.score, 6)


def best_of(
    make: Callable[[int], S], seed: int, number: int | None, seconds: float | None
) -> tuple[S, Record]:
    """Make candidates one after the other; the best on validation, of equals the first.

    Args:
        make: from a seed to a finished candidate, whose record has its score and its seconds.
        seed: of the first; the others count up.
        number: so many; ``None`` for as many as there is time for.
        seconds: of all. One candidate is always made, another only if the longest so far would
            fit into what is left; ``None`` for no limit.

    Returns:
        The best, and what its record says besides: the seconds of all, and ``choice``.
    """
    best = make(seed)
    reused = best.condensed.get("reused_seconds", 0.0)  # later ones also read what this one made
    made = [Made.of(seed, best.condensed)]
    taken = made[0]
    while another(made, number, seconds):
        next_seed = (seed + len(made)) % SEEDS
        one = make(next_seed)
        made.append(Made.of(next_seed, one.condensed))
        if made[-1].rank > taken.rank:
            best, taken = one, made[-1]
    choice = {
        "candidates": len(made),
        "asked": number,
        "budget_seconds": seconds,
        "seeds": [one.seed for one in made],
        "scores": [one.score for one in made],
        "seconds": [one.seconds for one in made],
        "seed": taken.seed,
        "distinct": len({one.hash for one in made}),
    }
    return best, {
        "seconds": round(reused + sum(one.seconds for one in made), 3),
        "processor_seconds": round(reused + sum(one.processor_seconds for one in made), 3),
        **({"reused_seconds": reused} if "reused_seconds" in best.condensed or reused else {}),
        "choice": choice,
    }


def another(made: Sequence[Made], number: int | None, seconds: float | None) -> bool:
    """Whether one more candidate is wanted, and fits into the time.

    >>> another([Made(0, 0.5, 4.0, 4.0, "")], None, 8.0)
    True
    >>> another([Made(0, 0.5, 4.0, 4.0, ""), Made(1, 0.6, 2.0, 2.0, "")], None, 9.0)
    False
    """
    if number is not None and len(made) >= number:
        return False
    if seconds is None:
        return number is not None
    left = seconds - sum(one.seconds for one in made)
    return max(one.seconds for one in made) <= left


def tell_alike(name: str, choice: Mapping[str, Any]) -> None:
    """Say on stderr where seeds made no difference."""
    if choice["candidates"] > 1 and choice["distinct"] == 1:
        print(
            f"{name}: all {choice['candidates']} candidates are the same set: seeds change nothing "
            "here, so one is enough",
            file=sys.stderr,
        )


def refuse_other_scores(part: object, record: Mapping[str, Any], scored_by: str) -> None:
    """Raise a ValueError where a finished candidate was scored otherwise than those to come."""
    told = record["validation"]["predictor"]
    if told != scored_by:
        raise ValueError(f"{part}: {refused_scores(told, scored_by)}")


def part_of(folder: Path, seed: int) -> Path:
    """The folder of one candidate."""
    return folder / FOLDER / f"seed-{seed}"


def unfinished(folder: Path) -> bool:
    """Whether a folder has candidates of which none was chosen yet."""
    return (folder / FOLDER).is_dir()


def clear(folder: Path) -> None:
    """Remove what an earlier run left of its candidates; other files stay."""
    for part in (folder / FOLDER).glob("seed-*"):
        shutil.rmtree(part)
    if (folder / FOLDER).is_dir() and not any((folder / FOLDER).iterdir()):
        (folder / FOLDER).rmdir()


def settle(folder: Path, seed: int) -> None:
    """Move what else the chosen candidate wrote into the folder of the run, which has its set, and
    remove the others. A process that was killed on the way may have done some of it.
    """
    part = part_of(folder, seed)
    own = ("condensed", "config", "checkpoint", "clock")
    for path in part.iterdir() if part.is_dir() else ():
        target = folder / path.name
        if path.name.partition(".")[0] not in own:
            if target.is_dir():
                shutil.rmtree(target)
            path.replace(target)
    clear(folder)
