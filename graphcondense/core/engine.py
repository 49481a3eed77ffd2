"""The one loop: every iterative method is this, with other parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from graphcondense.core import parallel
from graphcondense.core.types import Learner, Objective, Pool, Saved, Schedule, Source, Synthetic


@dataclass
class State:
    """A run as its callbacks see it, after ``step`` updates.

    A callback may put what it measured into :attr:`metrics`, and a reason into :attr:`stop` to end
    the run after this update.
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

    @property
    def done(self) -> bool:
        return self.step >= self.schedule.steps or self.stop is not None


class Callback:
    """Something that watches a run. All hooks are optional.

    :meth:`state_dict` holds what a resumed run needs to go on as if uninterrupted. A run is resumed
    with the callbacks it had: those that define :meth:`state_dict`, of the same classes, in the
    same order. Callbacks without a state come and go freely.
    """

    def start(self, state: State) -> None: ...

    def step(self, state: State) -> None: ...

    def end(self, state: State) -> None: ...

    def interrupted(self, state: State) -> None: ...

    def state_dict(self) -> Saved:
        return {}

    def load_state_dict(self, saved: Saved) -> None: ...


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
) -> Synthetic:
    """Minimise ``objective`` over the synthetic set, one update for each learner of the pool.

    The bi-level problem of the survey (eq. 1-3): the pool moves the inner variables, this loop the
    outer ones. Under ``torchrun`` every process draws its own learners; gradients are averaged.

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

    Raises:
        ValueError: a schedule that names a group the synthetic set does not have, or a checkpoint
            with the states of other callbacks.
        FloatingPointError: the loss stopped being finite.
    """
    groups = syn.groups()
    unknown = {*schedule.lr, *(g for g, _ in schedule.cycle)} - set(groups)
    if unknown:
        raise ValueError(f"schedule names groups {sorted(unknown)}; the data has {sorted(groups)}")
    optimizers = {g: schedule.optimizer(groups[g], lr) for g, lr in schedule.lr.items()}
    rank = parallel.start(syn, rng)
    state = State(syn, schedule, rng, optimizers)
    memory = None
    if resume is not None:
        memory = restore(state, resume, callbacks)
    for callback in callbacks:
        callback.start(state)
    try:
        learners = pool(syn, real, rng, memory)
        while not state.done:
            state.learner = next(learners)
            update(state, objective, real)
            for callback in callbacks:
                callback.step(state)
            state.stop = parallel.agree(state.stop)
    except KeyboardInterrupt:
        for callback in callbacks:
            callback.interrupted(state)
        raise
    finally:
        parallel.finish(rank)
    for callback in callbacks:
        callback.end(state)
    return syn


def update(state: State, objective: Objective, real: Source) -> None:
    """One outer update of the groups whose turn it is."""
    assert state.learner is not None
    schedule, groups = state.schedule, state.syn.groups()
    active = schedule.active(state.step)
    state.metrics = {}
    params = [p for g in active for p in groups[g]]
    state.syn.draw(state.rng)
    loss = objective(state.syn, real, state.learner, state.rng)
    if not isinstance(loss, Tensor) or loss.dim():
        what = f"shape {list(loss.shape)}" if isinstance(loss, Tensor) else repr(type(loss))
        raise TypeError(
            f"the objective must return one number as a tensor, got {what}; end it with .sum() or "
            ".mean()"
        )
    grads = torch.autograd.grad(loss, params, allow_unused=True)
    filled = [torch.zeros_like(p) if g is None else g for p, g in zip(params, grads, strict=True)]
    state.loss = parallel.mean_([loss.detach(), *filled])[0]
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
        raise FloatingPointError(
            f"loss is {float(state.loss)} at step {state.step}: lower the learning rates "
            f"{dict(schedule.lr)} or look for outliers in the features"
        )


def snapshot(state: State, callbacks: Sequence[Callback]) -> Saved:
    """Everything a run needs to go on bit for bit; tensors, numbers and strings only."""
    learner = state.learner
    return {
        "step": state.step,
        "syn": state.syn.state_dict(),
        "optimizers": {g: o.state_dict() for g, o in state.optimizers.items()},
        "rng": state.rng.get_state(),
        "memory": detached(learner.memory) if learner is not None else None,
        "callbacks": {key: c.state_dict() for key, c in keyed(callbacks).items()},
    }


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


def detached(value: object) -> object:
    """The same nest of containers with tensors cut from any graph."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Mapping):
        return {k: detached(v) for k, v in value.items()}
    return [detached(v) for v in value] if isinstance(value, list | tuple) else value


def restore(state: State, saved: Saved, callbacks: Sequence[Callback]) -> Saved | None:
    """Bring ``state`` to where :func:`snapshot` was taken; returns the pool's memory.

    Raises:
        ValueError: the checkpoint has the states of other callbacks.
    """
    with_state = matched(saved, callbacks)
    state.step = int(saved["step"])
    state.syn.load_state_dict(saved["syn"])
    for g, optimizer in state.optimizers.items():
        optimizer.load_state_dict(saved["optimizers"][g])
    state.rng.set_state(saved["rng"])
    for key, callback in with_state.items():
        callback.load_state_dict(saved["callbacks"][key])
    memory: Saved | None = saved["memory"]
    return memory
