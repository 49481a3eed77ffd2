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
from graphcondense.core.method import Method
from graphcondense.kinds import AnyProblem, kind_named
from graphcondense.ops.fields import brief
from graphcondense.ops.threads import made_on
from graphcondense.ops.types import JsonValue, Record
from graphcondense.run import candidates
from graphcondense.run.folder import CLOCK, begun, is_finished, working_in
from graphcondense.run.options import Run, device_of
from graphcondense.run.record import (
    Watch,
    identity_of,
    recorded,
    result_in,
    start_kept_said,
    write_config,
)
from graphcondense.run.refusals import refuse_beyond_free, refuse_different, refuse_large

if TYPE_CHECKING:
    from graphcondense.saved.forms import Small


@parallel.together()
def once(
    problem: AnyProblem,
    method: Method,
    name: str,
    run: Run,
    extra: Sequence[Callback],
    origin: Mapping[str, JsonValue],
    clock: Clock,
    before: Small | None = None,
    preset: str | None = None,
    why: str = "",
    judged: bool = False,
) -> Small:
    """One run. ``judged`` has the finished set scored where none was scored on the way."""
    about = problem.describe()
    identity = identity_of(problem, method, name, run, about)
    refuse_different(identity)
    source = problem.source(method)
    estimate = method.memory_bytes(source)  # an impossible budget ends here, before any writing
    refuse_large(method, name, run, source, estimate)
    clock.on_gpu = device_of(run).type == "cuda"
    with contextlib.ExitStack() as stack:
        folder, done = parallel.from_main(lambda: _opened(stack, run, identity))
        if done is not None:
            return done
        refuse_beyond_free(problem, method, name, source, estimate, device_of(run))
        rng = torch.Generator().manual_seed(run.seed)
        # Whether it is ever asked or not, a score belongs to a loop.
        scored = run.validations and method.iterates and before is None and run.epsilon is None
        watch = Watch(problem.score() if scored else None, run.validations)
        # All that has a state is always there, so that a resumed run may have other limits.
        lasting: list[Callback] = [TimeBudget(run.seconds, clock, watch), *extra, watch]
        lasting.append(EarlyStop(run.patience, watch))
        if folder is not None:
            lasting.append(JsonLog(folder / "metrics.jsonl"))
        resume, made = None, made_on(device_of(run))
        if folder is not None and run.resume:
            path = folder / "checkpoint.pt"
            read = partial(read_checkpoint, path, identity, lasting, place=made)
            resume = parallel.from_main(partial(read, anyway=run.resume_anyway))
        moved = [] if resume is None else resume["moved"]
        percent = about.get("metric") not in ("rmse", "mae", "r2")
        label = f"{name}, seed {run.seed}" if judged else name
        callbacks = [*lasting, Progress(label, percent=percent)] if run.progress else [*lasting]
        if folder is not None:
            if parallel.is_main():
                stack.enter_context(clock.noted_in(folder / CLOCK, identity))
                if resume is None:
                    clock.tell(0)
                write_config(folder, identity, preset, run, about, origin)
                if run.tensorboard:
                    callbacks.append(TensorBoardLog(folder / "tensorboard"))
            path, how_often = folder / "checkpoint.pt", run.checkpoint_seconds
            if run.epsilon is None:  # what would be gone on with needs the same noise
                callbacks.append(
                    Checkpoint(path, identity, lasting, seconds=how_often, place=made, moved=moved)
                )
        clock.reuse(method.reused_seconds(source))
        if before is None:
            loop = Record(callbacks=callbacks, resume=resume) if method.iterates else Record()
            if identity["learners"] is not None:
                loop["learners"] = identity["learners"]
            syn = method.condense(source, rng=rng, **loop)
        else:
            syn = method.update(source, before, rng=rng)
        small = recorded(
            problem, method, name, run, about, syn, watch, clock, estimate, preset, judged=judged
        )
        if moved:
            small.condensed["moved"] = moved
        if why:
            small.condensed["budget"]["default"] = why
        if parallel.is_main() and "warning" in syn.remarks:
            print(f"{name}: {syn.remarks['warning']}", file=sys.stderr)
        if watch.start_kept and parallel.is_main():
            print(start_kept_said(small.condensed), file=sys.stderr)
        if folder is not None and parallel.is_main():
            from graphcondense.saved.condensed import save

            save(small, folder)
            if watch.stopped is None:  # one that was ended early may go on with a larger limit
                for path in folder.glob("checkpoint*.pt"):
                    path.unlink()
        return small


def nested(
    problem: AnyProblem,
    method: Method,
    name: str,
    run: Run,
    sizes: Sequence[int],
    origin: Mapping[str, JsonValue],
    clock: Clock,
    preset: str | None = None,
) -> dict[int, Small]:
    """One run for all of ``sizes``, of which ``method`` has the largest as its budget."""
    from graphcondense.saved.condensed import save
    from graphcondense.saved.content import graph_hash

    sizes, counted = sorted(sizes), kind_named(problem.kind).counted
    about, source = problem.describe(), problem.source(method)
    methods = [replace(method, **Record({counted: n})) for n in sizes]
    estimates = []
    for one in methods:
        try:  # an impossible size ends here, before any writing
            estimates.append(one.memory_bytes(source))
        except ValueError as error:
            raise ValueError(f"sizes={brief(sizes)}: {error}") from error
    refuse_large(method, name, run, source, max(estimates))
    refuse_beyond_free(problem, methods[-1], name, source, max(estimates), device_of(run))
    clock.on_gpu = device_of(run).type == "cuda"
    identity = identity_of(problem, replace(method, **Record({counted: None})), name, run, about)
    identity |= {"sizes": sizes}
    parts = [str(n) for n in sizes]
    with contextlib.ExitStack() as stack:
        folders = []
        if run.out is not None and parallel.is_main():
            place = stack.enter_context(working_in(Path(run.out), run.resume, parts))
            stack.enter_context(clock.noted_in(place / CLOCK, identity))
            clock.tell(0)
            folders = [place / part for part in parts]
        made = method.nested(source, sizes, torch.Generator().manual_seed(run.seed))
        out = {}
        for n, one, syn in zip(sizes, methods, made, strict=True):
            watch = Watch(None, 0)
            out[n] = recorded(
                problem, one, name, run, about, syn, watch, clock, max(estimates), preset
            )
        hashes = [graph_hash(small) for small in out.values()]
        for small in out.values():
            small.condensed["nested"] = {"sizes": sizes, "hashes": hashes}
        if parallel.is_main() and "warning" in made[-1].remarks:
            print(f"{name}: {made[-1].remarks['warning']}", file=sys.stderr)
        for folder, small in zip(folders, out.values(), strict=False):
            write_config(folder, identity, preset, run, about, origin)
            save(small, folder)
    return out


def best(
    problem: AnyProblem,
    method: Method,
    name: str,
    run: Run,
    extra: Sequence[Callback],
    origin: Mapping[str, JsonValue],
    clock: Clock,
    preset: str | None = None,
    why: str = "",
) -> Small:
    """The best of several runs, see :func:`graphcondense.run.candidates.best_of`.

    Each has a folder of its own below that of the run until the best is chosen, so that what is
    finished and what has a checkpoint is taken up.
    """
    about = problem.describe()
    identity = identity_of(problem, method, name, run, about)
    with contextlib.ExitStack() as stack:
        folder, done = _opened(stack, run, identity)
        if done is not None:
            if folder is not None and "choice" in done.condensed:
                candidates.settle(folder, done.condensed["choice"]["seed"])
            return done
        if folder is not None:
            if run.resume and (folder / "checkpoint.pt").exists():
                raise ValueError(
                    f"{folder} has a run without candidates; leave out candidates= and "
                    "budget_seconds= to go on with it, or use another folder"
                )
            write_config(folder, identity, preset, run, about, origin)
        clocks = [clock]  # the first counts from the call on

        def make(seed: int) -> Small:
            part = None if folder is None else candidates.part_of(folder, seed)
            goes_on = part is not None and (is_finished(part) or begun(part))
            one = replace(run, seed=seed, out=part, resume=run.resume and goes_on)
            one = replace(one, candidates=None, budget_seconds=None)
            then = clocks.pop() if clocks else Clock()
            return once(
                problem, method, name, one, extra, origin, then, preset=preset, why=why, judged=True
            )

        small, told = candidates.best_of(make, run.seed, run.candidates, run.budget_seconds)
        small.condensed = {**small.condensed, "seed": run.seed, **told}
        candidates.tell_alike(name, told["choice"])
        if folder is not None:
            from graphcondense.saved.condensed import save

            save(small, folder)
            candidates.settle(folder, told["choice"]["seed"])
        return small


def _opened(
    stack: contextlib.ExitStack, run: Run, identity: Mapping[str, object]
) -> tuple[Path | None, Small | None]:
    """The folder to make a run in, its own until ``stack`` is closed, and what a run to be resumed
    made, if it has ended."""
    if run.out is None:
        if run.resume:
            raise ValueError("resume needs out=, the folder of the run to go on with")
        return None, None
    folder = stack.enter_context(working_in(Path(run.out), run.resume))
    if not run.resume or not is_finished(folder):
        return folder, None
    small = result_in(folder, identity)
    (folder / CLOCK).unlink(missing_ok=True)  # of a process that was killed after its last work
    return folder, small
