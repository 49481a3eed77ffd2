"""The work of a run: one set, several sizes of one run, or the best of several runs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from graphcondense.core import parallel
from graphcondense.core.callbacks import (
    Checkpoint,
    EarlyStop,
    JsonLog,
    Progress,
    TimeBudget,
    read_checkpoint,
)
from graphcondense.core.clock import Clock
from graphcondense.core.engine import Callback
from graphcondense.core.loggers import TensorBoardLog
from graphcondense.core.types import Saved, Synthetic
from graphcondense.kinds import kind_named
from graphcondense.ops.fields import brief
from graphcondense.ops.threads import MadeOn, made_on
from graphcondense.ops.types import Record
from graphcondense.run import candidates
from graphcondense.run.folder import CHECKPOINT, CLOCK, begun, is_finished, working_in
from graphcondense.run.job import Job
from graphcondense.run.options import Run, device_of
from graphcondense.run.record import Watch, recorded, result_in, start_kept_said, write_config
from graphcondense.run.refusals import refuse_beyond_free, refuse_different, refuse_large
from graphcondense.saved.shown import SIGNS

if TYPE_CHECKING:
    from graphcondense.saved.forms import Small


@parallel.together()
def once(
    job: Job,
    extra: Sequence[Callback],
    clock: Clock,
    before: Small | None = None,
    *,
    judged: bool = False,
) -> Small:
    """One run.

    Args:
        job: what is asked for.
        extra: the user's callbacks.
        clock: counts from the call on.
        before: the set to update.
        judged: whether the finished set is scored where none was scored on the way.
    """
    run, method = job.run, job.method
    identity = job.identity()
    refuse_different(identity)
    estimate = method.memory_bytes(job.source)  # an impossible budget ends here, before any writing
    refuse_large(job, estimate)
    clock.on_gpu = device_of(run).type == "cuda"
    with contextlib.ExitStack() as stack:
        folder, done = parallel.from_main(lambda: _opened(stack, run, identity))
        if done:
            return done[0]
        refuse_beyond_free(job, estimate)
        rng = torch.Generator().manual_seed(run.seed)
        # Whether it is ever asked or not, a score belongs to a loop.
        scored = run.validations and method.iterates and before is None and run.epsilon is None
        watch = Watch(job.problem.score() if scored else None, run.validations)
        # All that has a state is always there, so that a resumed run may have other limits.
        lasting: list[Callback] = [TimeBudget(run.seconds, clock, watch), *extra, watch]
        lasting.append(EarlyStop(run.patience, watch))
        if folder is not None:
            lasting.append(JsonLog(folder / "metrics.jsonl"))
        place = made_on(device_of(run))
        scored_by = job.problem.predictor if watch.active else None
        resume = _resumed(folder, job, identity, lasting, place, scored_by)
        moved = [] if resume is None else resume["moved"]
        callbacks = [*lasting, *([_progress(job, judged)] if run.progress else [])]
        if folder is not None:
            if parallel.is_main():
                _begin(stack, folder, job, identity, clock, goes_on=resume is not None)
            callbacks += _writers(folder, run, identity, lasting, place, moved, scored_by)
        clock.reuse(method.reused_seconds(job.source))
        if before is None:
            loop = Record(callbacks=callbacks, resume=resume) if method.iterates else Record()
            if identity["learners"] is not None:
                loop["learners"] = identity["learners"]
            syn = method.condense(job.source, rng=rng, **loop)
        else:
            syn = method.update(job.source, before, rng=rng)
        small = recorded(job, syn, watch, clock, estimate, judged=judged)
        if moved:
            small.condensed["moved"] = moved
        _warn(job, syn)
        if watch.start_kept and parallel.is_main():
            print(start_kept_said(small.condensed), file=sys.stderr)
        if folder is not None and parallel.is_main():
            _save(small, folder)
            if watch.stopped is None:  # one that was ended early may go on with a larger limit
                for path in folder.glob("checkpoint*.pt"):
                    path.unlink()
        return small


@parallel.together()
def nested(job: Job, sizes: Sequence[int], clock: Clock) -> dict[int, Small]:
    """One run for all of ``sizes``, of which the method has the largest as its budget."""
    from graphcondense.saved.content import graph_hash

    run, method = job.run, job.method
    sizes, counted = sorted(sizes), kind_named(job.problem.kind).counted
    source = job.source
    jobs = [replace(job, method=replace(method, **Record({counted: n}))) for n in sizes]
    estimates = []
    for one in jobs:
        try:  # an impossible size ends here, before any writing
            estimates.append(one.method.memory_bytes(source))
        except ValueError as error:
            raise ValueError(f"sizes={brief(sizes)}: {error}") from error
    most = max(estimates)
    refuse_large(job, most)
    clock.on_gpu = device_of(run).type == "cuda"
    open_size = replace(job, method=replace(method, **Record({counted: None})))
    identity = open_size.identity() | {"sizes": sizes}
    refuse_different(identity)
    parts = [str(n) for n in sizes]
    with contextlib.ExitStack() as stack:
        place, done = parallel.from_main(lambda: _opened(stack, run, identity, parts))
        if done:
            return dict(zip(sizes, done, strict=True))
        refuse_beyond_free(job, most)
        folders = []
        if place is not None and parallel.is_main():
            stack.enter_context(clock.noted_in(place / CLOCK, identity))
            clock.tell(0)
            folders = [place / part for part in parts]
        made = method.nested(source, sizes, torch.Generator().manual_seed(run.seed))
        out = {
            n: recorded(one, syn, Watch(None, 0), clock, most)
            for n, one, syn in zip(sizes, jobs, made, strict=True)
        }
        hashes = [graph_hash(small) for small in out.values()]
        for small in out.values():
            small.condensed["nested"] = {"sizes": sizes, "hashes": hashes}
        _warn(job, made[-1])
        for folder, small in zip(folders, out.values(), strict=False):
            write_config(folder, job, identity)
            _save(small, folder)
    return out


def best(job: Job, extra: Sequence[Callback], clock: Clock) -> Small:
    """The best of several runs, see :func:`graphcondense.run.candidates.best_of`.

    Each has a folder of its own below that of the run until the best is chosen, so that what is
    finished and what has a checkpoint is taken up.
    """
    run, identity = job.run, job.identity()
    with contextlib.ExitStack() as stack:
        folder, done = _opened(stack, run, identity)
        if done:
            if folder is not None and "choice" in done[0].condensed:
                candidates.settle(folder, done[0].condensed["choice"]["seed"])
            return done[0]
        if folder is not None:
            if run.resume and (folder / CHECKPOINT).exists():
                raise ValueError(
                    f"{folder} has a run without candidates; leave out candidates= and "
                    "budget_seconds= to go on with it, or use another folder"
                )
            write_config(folder, job, identity)
        clocks = [clock]  # the first counts from the call on

        def make(seed: int) -> Small:
            part = None if folder is None else candidates.part_of(folder, seed)
            ended = part is not None and is_finished(part)
            goes_on = part is not None and (ended or begun(part))
            one = replace(run, seed=seed, out=part, resume=run.resume and goes_on)
            one = replace(one, candidates=None, budget_seconds=None)
            then = clocks.pop() if clocks else Clock()
            small = once(replace(job, run=one), extra, then, judged=True)
            if one.resume and ended:
                job.problem.score()  # says by what
                candidates.refuse_other_scores(part, small.condensed, job.problem.predictor)
            return small

        small, told = candidates.best_of(make, run.seed, run.candidates, run.budget_seconds)
        small.condensed = {**small.condensed, "seed": run.seed, **told}
        candidates.tell_alike(job.name, told["choice"])
        if folder is not None:
            _save(small, folder)
            candidates.settle(folder, told["choice"]["seed"])
        return small


def _resumed(
    folder: Path | None,
    job: Job,
    identity: Mapping[str, object],
    lasting: Sequence[Callback],
    place: MadeOn,
    scored_by: str | None,
) -> Saved | None:
    """What a run goes on from; ``None`` where it starts."""
    run = job.run
    if folder is None or not run.resume:
        return None
    read = partial(read_checkpoint, folder / CHECKPOINT, identity, lasting, place=place)
    return parallel.from_main(partial(read, anyway=run.resume_anyway, scored_by=scored_by))


def _begin(
    stack: contextlib.ExitStack,
    folder: Path,
    job: Job,
    identity: Mapping[str, object],
    clock: Clock,
    *,
    goes_on: bool,
) -> None:
    """Say in the run's folder what is run and, until ``stack`` is closed, how long it has taken."""
    stack.enter_context(clock.noted_in(folder / CLOCK, identity))
    if not goes_on:
        clock.tell(0)
    write_config(folder, job, identity)


def _writers(
    folder: Path,
    run: Run,
    identity: Mapping[str, object],
    lasting: Sequence[Callback],
    place: MadeOn,
    moved: Sequence[str],
    scored_by: str | None,
) -> list[Callback]:
    """What writes into the run's folder beside the log."""
    writers: list[Callback] = []
    if run.tensorboard and parallel.is_main():
        writers.append(TensorBoardLog(folder / "tensorboard"))
    if run.epsilon is None:  # what would be gone on with needs the same noise
        told: Record = {"place": place, "moved": moved, "scored_by": scored_by}
        path, often = folder / CHECKPOINT, run.checkpoint_seconds
        writers.append(Checkpoint(path, identity, lasting, seconds=often, **told))
    return writers


def _progress(job: Job, judged: bool) -> Progress:
    """What shows how far a run is; one of several candidates says its seed."""
    label = f"{job.name}, seed {job.run.seed}" if judged else job.name
    return Progress(label, percent=job.about.get("metric") not in SIGNS)


def _warn(job: Job, syn: Synthetic) -> None:
    """Say what the method warns of."""
    if parallel.is_main() and "warning" in syn.remarks:
        print(f"{job.name}: {syn.remarks['warning']}", file=sys.stderr)


def _save(small: Small, folder: Path) -> None:
    from graphcondense.saved.condensed import save

    save(small, folder)


def _opened(
    stack: contextlib.ExitStack,
    run: Run,
    identity: Mapping[str, object],
    parts: Sequence[str] = (".",),
) -> tuple[Path | None, list[Small]]:
    """The folder to make a run in, its own until ``stack`` is closed, and what a run to be resumed
    made in each of its ``parts``, if it has ended."""
    if run.out is None:
        if run.resume:
            raise ValueError("resume needs out=, the folder of the run to go on with")
        return None, []
    folder = stack.enter_context(working_in(Path(run.out), run.resume, parts))
    if not run.resume or not all(is_finished(folder / part) for part in parts):
        return folder, []
    made = [result_in(folder / part, identity) for part in parts]
    (folder / CLOCK).unlink(missing_ok=True)  # of a process that was killed after its last work
    return folder, made
