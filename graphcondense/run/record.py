"""What is written of a run: its configuration, and the record of its result."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from graphcondense.core import parallel
from graphcondense.core.callbacks import Validate, differences
from graphcondense.core.clock import Clock, Spent
from graphcondense.core.engine import State
from graphcondense.core.method import hyperparameters
from graphcondense.core.types import Synthetic
from graphcondense.ops.budget import Budget
from graphcondense.ops.files import write_whole
from graphcondense.ops.threads import made_on
from graphcondense.ops.types import Record
from graphcondense.ops.yaml import read_yaml, read_yaml_file
from graphcondense.run.job import UPDATED, Job
from graphcondense.run.options import device_of
from graphcondense.saved.shown import record_of
from graphcondense.version import __version__

if TYPE_CHECKING:
    from graphcondense.saved.forms import Small


def write_config(folder: Path, job: Job, identity: Mapping[str, object]) -> None:
    """All that repeats the run."""
    rest = {
        k: getattr(job.run, k) for k in ("device", "deterministic", "memory", "patience", "seconds")
    }
    told = {"preset": job.preset, **rest, "data": job.about, "origin": dict(job.origin)}
    write_whole(folder / "config.yaml", yaml.safe_dump({**identity, **told}, sort_keys=False))


def result_in(folder: Path, identity: Mapping[str, object]) -> Small:
    """The result of a run that has ended; a ValueError where it is another run's."""
    from graphcondense.saved.condensed import load

    config = read_yaml_file(folder / "config.yaml")
    about = config.get("data")
    if not isinstance(about, dict):
        raise ValueError(f"{folder / 'config.yaml'}: data must be a mapping; condense again")
    there = {key: config.get(key) for key in (*identity, *UPDATED)} | {"data": about.get("digest")}
    for name, old, new in differences(
        there, read_yaml(yaml.safe_dump(dict(identity), sort_keys=False))
    ):
        raise ValueError(
            f"{folder} is of another run: {name} is {old} there and {new} here; use the same "
            "settings or another folder"
        )
    return load(folder)


class Watch(Validate):
    """:class:`Validate` a given number of times, evenly over the run.

    Attributes:
        steps: updates that were made; ``None`` where no loop was run.
        stopped: why the run ended before its schedule did.
        judged: whether the finished set was scored, and none on the way.
    """

    def __init__(self, score: Callable[..., float] | None, times: int) -> None:
        super().__init__(score or _never, every=1)
        self.active, self.times = score is not None, times
        self.steps: int | None = None
        self.stopped: str | None = None
        self.judged = False

    def judge(self, score: Callable[..., float] | None, export: object) -> None:
        """Score the finished set."""
        if score is not None:
            self.best, self.judged = float(score(export)), True
            self.scores = dict(getattr(score, "scores", {}))

    @property
    def start_kept(self) -> bool:
        """Whether updates were made and none of the scores was above that of the start."""
        return bool(self.active and self.steps and self.best_step == 0)

    def start(self, state: State) -> None:
        self.every = max(1, math.ceil(state.schedule.steps / max(self.times, 1)))
        if self.active:
            super().start(state)

    def step(self, state: State) -> None:
        if self.active:
            super().step(state)

    def end(self, state: State) -> None:
        self.steps, self.stopped = state.step, state.stop
        super().end(state)


def _never(export: object) -> float:
    raise AssertionError("an inactive validator was asked for a score")


def start_kept_said(record: Record) -> str:
    """In words, that a run returns its untouched start."""
    return (
        f"{record['method']}: none of the scores over {record['steps']:,} updates was above that "
        "of the start, so the start is what is returned: nothing was gained by learning"
    )


def recorded(
    job: Job, syn: Synthetic, watch: Watch, clock: Clock, estimate: int, *, judged: bool = False
) -> Small:
    """The finished set as users get it, with its record.

    Args:
        job: what was asked for.
        syn: what was made.
        watch: the scores on the way.
        clock: what it took.
        estimate: bytes that the method said it holds.
        judged: whether a set without scores is scored now.
    """
    problem = job.problem
    export = syn.export()
    if judged and not watch.kept:
        watch.judge(problem.score(), export)
    small: Small = problem.finish(export)
    reused = clock.reused or 0.0
    seconds, spent = clock.seconds + reused, clock.processor_seconds + reused
    small.condensed = {
        **record_of(small),  # what finishing has told
        **record(job, small, watch, seconds),
        "processor_seconds": round(spent, 3),
        "memory_estimate_bytes": estimate,
        **({"remarks": dict(syn.remarks)} if syn.remarks else {}),
        **({"reused_seconds": round(reused, 3)} if reused else {}),
        **({"lost": _rounded(clock.lost)} if clock.lost != Spent() else {}),
    }
    if job.why:
        small.condensed["budget"]["default"] = job.why
    return small


def record(job: Job, small: Small, watch: Watch, seconds: float) -> Record:
    """What a condensed set says of itself; plain values that JSON holds."""
    from graphcondense.saved.content import graph_hash

    problem, method, run, about = job.problem, job.method, job.run, job.about
    size = problem.measure(small)
    count = sum(size.per_class)
    asked = {f.name: getattr(method, f.name) for f in fields(Budget)}
    return {
        "method": job.name,
        "preset": job.preset,
        "paper": method.paper,
        "kind": problem.kind,
        "hyperparameters": {k: v for k, v in hyperparameters(method).items() if k not in asked},
        **job.seed_told,
        "setting": problem.setting,
        "pseudo_labels": run.pseudo_labels,
        **({} if problem.privacy is None else {"privacy": problem.privacy}),
        **({} if run.memory is None else {"memory": run.memory}),
        **({} if job.updated_from is None else {"updated_from": job.updated_from}),
        "data": dict(about),
        "budget": {
            "asked": {k: v for k, v in asked.items() if v is not None},
            "per_class": size.per_class,
            "of_labelled": round(count / about["train"], 6),
            "of_all": round((count + size.unlabelled) / size.total, 6),
        },
        **size.sizes,
        "bytes": size.bytes,
        "hash": graph_hash(small),
        "seconds": round(seconds, 3),
        "steps": watch.steps,
        "learners": parallel.shares(run.learners)[0] if watch.steps is not None else None,
        "stopped": watch.stopped,
        "validation": {
            "score": None if math.isnan(watch.best) else watch.best,
            "step": watch.steps if watch.judged else watch.best_step,
            "start_score": None if math.isnan(watch.start_score) else watch.start_score,
            "start_kept": watch.start_kept,
            "predictor": problem.predictor,
            **({} if run.validation_nodes is None else {"nodes": run.validation_nodes}),
            **({"scores": watch.scores, "by": run.validate_by} if watch.scores else {}),
        }
        if watch.kept or watch.judged
        else None,
        **{k: v for k, v in made_on(device_of(run)).items() if k != "torch"},  # in the versions
        "deterministic": run.deterministic,
        "versions": {
            "python": platform.python_version(),
            "graphcondense": __version__,
            **_versions(),
        },
    }


@cache
def _versions() -> dict[str, str]:
    """Of packages that are imported, and so stay what they are."""
    return {name: importlib.metadata.version(name) for name in VERSIONED}


def _rounded(spent: Spent) -> Record:
    return {name: round(value, 3) for name, value in asdict(spent).items()}


VERSIONED = ("torch", "torch-geometric", "numpy", "scipy", "scikit-learn")
"""Other packages whose versions a record names."""
