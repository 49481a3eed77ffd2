"""The one loop: every iterative method is this, with other parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from graphcondense.core import parallel
from graphcondense.core.types import (
    DivergedError,
    Learner,
    Objective,
    Pool,
    Saved,
    Schedule,
    Source,
    Synthetic,
)


@dataclass
class Line:
    """A line of learners, one an update, with a randomness of its own.

    Attributes:
        rng: what it draws from, see :func:`~graphcondense.core.parallel.stream`.
        learners: its pool.
        learner: the last one.
        buffers: those of the synthetic set as its draws left them, where there are several lines.
    """

    rng: Generator
    learners: Iterator[Learner]
    learner: Learner | None = None
    buffers: dict[str, Tensor] = field(default_factory=dict)

    def saved(self, shown: Mapping[str, Tensor]) -> Saved:
        """What a checkpoint needs; of the buffers those that are not as ``shown``."""
        apart = {k: b.cpu() for k, b in self.buffers.items() if not torch.equal(b, shown[k])}
        memory = None if self.learner is None else detached(self.learner.memory)
        return {"rng": self.rng.get_state(), "memory": memory, "buffers": apart}


@dataclass
class State:
    """A run as its callbacks see it, after ``step`` updates.

    A callback may put what it measured into :attr:`metrics`, and a reason into :attr:`stop` to end
    the run after this update.

    Attributes:
        syn: the synthetic set, as it is now.
        schedule: which parameters move when.
        rng: the run's generator.
        optimizers: by group of parameters.
        step: updates that were made.
        loss: of the last update, a scalar.
        metrics: what callbacks measured at this update, by name.
        stop: why the run is to end after this update; ``None`` to go on.
        learner: the last one of this process's first line.
        lines: of this process, by their number among all.
        count: lines in all processes.
        shown: the buffers of the synthetic set between two updates, those of the first line, where
            there are several.
    """

    syn: Synthetic
    schedule: Schedule
    rng: Generator
    optimizers: Mapping[str, torch.optim.Optimizer]
    step: int = 0
    loss: Tensor = field(default_factory=lambda: torch.tensor(float("nan")))
    learner: Learner | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    stop: str | None = None
    lines: dict[int, Line] = field(default_factory=dict)
    count: int = 1
    shown: dict[str, Tensor] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        return self.step >= self.schedule.steps or self.stop is not None


class Callback:
    """Something that watches a run. All hooks are optional.

    :meth:`state_dict` holds what a resumed run needs to go on as if uninterrupted. A run is resumed
    with the callbacks it had: those that define :meth:`state_dict`, of the same classes, in the
    same order. Callbacks without a state come and go freely.
    """

    def start(self, state: State) -> None:
        """Called before the first update, of a resumed run before the first one that is left."""

    def step(self, state: State) -> None:
        """Called after every update."""

    def end(self, state: State) -> None:
        """Called after the last update, also of a run that was ended early."""

    def interrupted(self, state: State) -> None:
        """Called where Ctrl-C, or the end of another process, ends the run in the middle."""

    def state_dict(self) -> Saved:
        """What a checkpoint keeps of it: tensors and plain values."""
        return {}

    def load_state_dict(self, saved: Saved) -> None:
        """Go on from what :meth:`state_dict` gave; called before :meth:`start`."""


def distill(
    syn: Synthetic,
    objective: Objective,
    pool: Pool,
    schedule: Schedule,
    real: Source,
    *,
    rng: Generator,
    callbacks: Sequence[Callback] = (),
    resume: Saved | None = None,
    learners: int | None = None,
) -> Synthetic:
    """Minimise ``objective`` over the synthetic set, one update for each learner of the pool.

    The bi-level problem of the survey (eq. 1-3): the pool moves the inner variables, this loop the
    outer ones. With several learners an update follows the mean of their gradients; the result
    does not depend on how many processes share them.

    Args:
        syn: the synthetic set; updated in place and returned.
        objective: what to minimise.
        pool: where learners come from.
        schedule: which parameters move when.
        real: the real data.
        rng: all randomness of the run.
        callbacks: progress, logs, checkpoints, validation, budgets; called in order.
        resume: the ``"engine"`` part of a checkpoint, see
            :class:`~graphcondense.core.callbacks.Checkpoint`.
        learners: of an update, each of a pool of its own; by default one for each process that
            ``torchrun`` started, and one without it.

    Raises:
        ValueError: a schedule that names a group the synthetic set does not have, a checkpoint
            with the states of other callbacks, or fewer learners than processes.
        DivergedError: the loss stopped being finite.
        ~graphcondense.core.parallel.LostProcessError: another process has ended.
    """
    groups = syn.groups()
    unknown = {*schedule.lr, *(g for g, _ in schedule.cycle)} - set(groups)
    if unknown:
        raise ValueError(f"schedule names groups {sorted(unknown)}; the data has {sorted(groups)}")
    count, own = parallel.shares(learners)
    optimizers = {g: schedule.optimizer(groups[g], lr) for g, lr in schedule.lr.items()}
    state = State(syn, schedule, rng, optimizers, count=count)
    with parallel.together():
        parallel.agree_on(syn)
        memories: dict[int, Saved | None] = {}
        rngs = {i: parallel.stream(rng, i) for i in own}
        if resume is not None:
            memories = restore(state, resume, callbacks, rngs)
        if count > 1:
            state.shown = buffers_of(syn)
        for i in own:
            line = Line(rngs[i], pool(syn, real, rngs[i], memories.get(i)))
            if count > 1:
                line.buffers = {**state.shown, **_others(resume, i).get("buffers", {})}
            state.lines[i] = line
        for callback in callbacks:
            callback.start(state)
        try:
            while not state.done:
                update(state, objective, real)
                for callback in callbacks:
                    callback.step(state)
                state.stop = parallel.agree(state.stop)
        except (KeyboardInterrupt, parallel.LostProcessError):
            for callback in callbacks:
                callback.interrupted(state)
            raise
        for callback in callbacks:
            callback.end(state)
    return syn


def update(state: State, objective: Objective, real: Source) -> None:
    """One outer update of the groups whose turn it is, by the mean over all lines of learners."""
    schedule, groups = state.schedule, state.syn.groups()
    active = schedule.active(state.step)
    state.metrics = {}
    params = [p for g in active for p in groups[g]]
    several = state.count > 1
    if several:
        _take_changes(state)
    total: list[Tensor] = []
    with _resting(state.syn, params) as rest:
        for line in state.lines.values():
            if several:
                _put(state.syn, line.buffers)
            line.learner = next(line.learners)
            state.syn.draw(line.rng)
            loss = objective(state.syn, real, line.learner, line.rng)
            found = [_number(loss).detach()]
            # A loss of parameters at rest alone has no gradient in the others.
            grads: Sequence[Tensor | None] = (
                torch.autograd.grad(loss, params, allow_unused=True)
                if loss.requires_grad or not rest
                else [None] * len(params)
            )
            found += [
                torch.zeros_like(p) if g is None else g for p, g in zip(params, grads, strict=True)
            ]
            total = [a + b for a, b in zip(total, found, strict=True)] if total else found
            if several:
                line.buffers = buffers_of(state.syn)
    state.learner = next(iter(state.lines.values())).learner
    if several:
        total = _show(state, total)
    state.loss, *filled = total
    for param, grad in zip(params, filled, strict=True):
        param.grad = grad
    factor = schedule.factor(state.step)
    for g in active:
        for group in state.optimizers[g].param_groups:
            group["lr"] = schedule.lr[g] * factor
        state.optimizers[g].step()
        state.optimizers[g].zero_grad(set_to_none=True)
    state.syn.project_()
    state.step += 1
    if not torch.isfinite(state.loss):
        raise DivergedError(
            f"loss is {float(state.loss)} at step {state.step}: lower the learning rates "
            f"{dict(schedule.lr)} or look for outliers in the features"
        )


@contextmanager
def _resting(syn: Synthetic, active: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    """Parameters whose turn it is not need no gradient meanwhile, which spares their part of the
    backward pass."""
    turn = {id(p) for p in active}
    rest = [p for p in syn.parameters() if p.requires_grad and id(p) not in turn]
    for p in rest:
        p.requires_grad_(False)
    try:
        yield rest
    finally:
        for p in rest:
            p.requires_grad_(True)


def _number(loss: object) -> Tensor:
    """What an objective returned, if it is a scalar."""
    if isinstance(loss, Tensor) and not loss.dim():
        return loss
    what = f"shape {list(loss.shape)}" if isinstance(loss, Tensor) else repr(type(loss))
    raise TypeError(
        f"the objective must return one number as a tensor, got {what}; end it with .sum() "
        "or .mean()"
    )


# What `draw` leaves in the buffers of the synthetic set belongs to the line it was drawn for.
# Between two updates all processes see those of the first line; what callbacks change then, all
# lines get.


def buffers_of(syn: Synthetic) -> dict[str, Tensor]:
    """Copies of all buffers, by name."""
    return {name: buffer.detach().clone() for name, buffer in syn.named_buffers()}


def _put(syn: Synthetic, buffers: Mapping[str, Tensor]) -> None:
    for name, buffer in syn.named_buffers():
        buffer.copy_(buffers[name])


def _take_changes(state: State) -> None:
    """Give all lines what was changed since the last update."""
    for name, buffer in state.syn.named_buffers():
        if not torch.equal(buffer, state.shown[name]):
            state.shown[name] = buffer.detach().clone()
            for line in state.lines.values():
                line.buffers[name] = state.shown[name]


def _show(state: State, total: Sequence[Tensor]) -> list[Tensor]:
    """The means over all lines of what this process's have in ``total``; the buffers become those
    of the first line."""
    drawn: dict[str, Tensor] = {}
    if 0 in state.lines:
        ours = state.lines[0].buffers
        drawn = {k: b for k, b in ours.items() if not torch.equal(b, state.shown[k])}
    changed = total[0].new_tensor(float(len(drawn)))
    means = parallel.mean_([*total, changed], state.count)
    if means[-1] > 0:
        for name, value in parallel.from_main(lambda: detached(drawn)).items():
            state.shown[name] = value.to(state.shown[name].device)
    _put(state.syn, state.shown)
    return list(means[:-1])


def snapshot(state: State, callbacks: Sequence[Callback]) -> Saved:
    """Everything a run needs to go on bit for bit; tensors, numbers and strings only. All processes
    have to ask for it; that of the main one is whole."""
    lines = parallel.merged({i: line.saved(state.shown) for i, line in state.lines.items()})
    first = lines.pop(0, {"rng": None, "memory": None})
    return {
        "step": state.step,
        "syn": state.syn.state_dict(),
        "optimizers": {g: o.state_dict() for g, o in state.optimizers.items()},
        "rng": first["rng"],
        "memory": first["memory"],
        "others": [lines[i] for i in sorted(lines)],
        "callbacks": {key: c.state_dict() for key, c in keyed(callbacks).items()},
    }


def _others(saved: Saved | None, line: int) -> Saved:
    """What a checkpoint has of a line that is not the first."""
    found: Saved = saved["others"][line - 1] if saved is not None and line else {}
    return found


def keyed(callbacks: Sequence[Callback]) -> dict[str, Callback]:
    """The callbacks that have a state, each under its class and its place among those of it.

    >>> class Count(Callback):
    ...     def state_dict(self):
    ...         return {}
    >>> list(keyed([Count(), Callback(), Count()]))
    ['graphcondense.core.engine.Count 1', 'graphcondense.core.engine.Count 2']
    """
    out: dict[str, Callback] = {}
    for callback in callbacks:
        kind = type(callback)
        if kind.state_dict is not Callback.state_dict:
            name = f"{kind.__module__}.{kind.__qualname__}"
            place = 1 + sum(type(other) is kind for other in out.values())
            out[f"{name} {place}"] = callback
    return out


def matched(saved: Saved, callbacks: Sequence[Callback]) -> dict[str, Callback]:
    """:func:`keyed`, when a checkpoint has the states of exactly these.

    Raises:
        ValueError: it has the states of others.
    """
    ours, theirs = keyed(callbacks), saved["callbacks"]
    for key in [*theirs, *ours]:
        if (key in theirs) != (key in ours):
            who = "the checkpoint and not this run" if key in theirs else "this run and not it"
            raise ValueError(
                f"the checkpoint is of a run with other callbacks: {who} has {key:.150}; give the "
                "same callbacks in the same order, or start over"
            )
    return ours


def detached(value: object) -> Any:
    """The same nest of containers with tensors cut from any graph, on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, Mapping):
        return {k: detached(v) for k, v in value.items()}
    return [detached(v) for v in value] if isinstance(value, list | tuple) else value


def restore(
    state: State, saved: Saved, callbacks: Sequence[Callback], rngs: Mapping[int, Generator]
) -> dict[int, Saved | None]:
    """Bring ``state`` and the generators of lines to where :func:`snapshot` was taken; returns the
    memories of the lines' pools.

    Raises:
        ValueError: the checkpoint has the states of other callbacks, or other lines.
    """
    with_state = matched(saved, callbacks)
    there = 1 + len(saved.get("others", ()))
    if there != state.count:
        raise ValueError(
            f"the checkpoint is of a run with learners={there}, and this one has {state.count}: "
            "give the same number"
        )
    state.step = int(saved["step"])
    state.syn.load_state_dict(saved["syn"])
    for g, optimizer in state.optimizers.items():
        optimizer.load_state_dict(saved["optimizers"][g])
    lines = {i: _others(saved, i) if i else saved for i in rngs}
    for i, rng in rngs.items():
        rng.set_state(lines[i]["rng"])
    for key, callback in with_state.items():
        callback.load_state_dict(saved["callbacks"][key])
    return {i: line["memory"] for i, line in lines.items()}
