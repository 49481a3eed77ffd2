"""Watching a run: progress, logs, validation, checkpoints, budgets.

Order matters once: :class:`Validate` before those that read its score, :class:`Checkpoint` last, so
that what it saves includes what the others learnt from the same step.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from graphcondense.core import parallel
from graphcondense.core.engine import Callback, State, snapshot


class Progress(Callback):
    """A progress bar with the loss and the last validation score."""

    def __init__(self, title: str = "condense") -> None:
        self.title = title
        self.score = ""

    def start(self, state: State) -> None:
        from tqdm import tqdm

        self.bar = tqdm(
            total=state.schedule.steps,
            initial=state.step,
            desc=self.title,
            unit="step",
            disable=None if parallel.rank() == 0 else True,
            mininterval=0.5,
        )

    def step(self, state: State) -> None:
        if "validation" in state.metrics:
            self.score = f"{state.metrics['validation']:.4f}"
        if self.bar.update() or state.metrics:
            said = {"loss": f"{float(state.loss):.4g}"}
            self.bar.set_postfix(said | ({"val": self.score} if self.score else {}), refresh=False)

    def end(self, state: State) -> None:
        self.bar.close()

    def interrupted(self, state: State) -> None:
        self.bar.close()


class JsonLog(Callback):
    """One JSON object a line: step, loss, seconds, and whatever other callbacks measured.

    Args:
        path: the file; a resumed run cuts off lines after its checkpoint and appends.
        every: steps between lines; steps with a measurement are always written.
    """

    def __init__(self, path: str | Path, every: int = 1) -> None:
        self.path, self.every, self.seconds = Path(path), every, 0.0

    def start(self, state: State) -> None:
        kept = []
        if state.step and self.path.exists():
            lines = self.path.read_text().splitlines()
            kept = [line for line in lines if json.loads(line)["step"] <= state.step]
        self.file = self.path.open("w", buffering=1)
        self.file.writelines(f"{line}\n" for line in kept)
        self.began = time.perf_counter() - self.seconds

    def step(self, state: State) -> None:
        self.seconds = time.perf_counter() - self.began
        if state.metrics or state.step % self.every == 0 or state.done:
            row = {"step": state.step, "loss": float(state.loss), "seconds": round(self.seconds, 3)}
            self.file.write(json.dumps(row | state.metrics) + "\n")

    def end(self, state: State) -> None:
        self.file.close()

    def interrupted(self, state: State) -> None:
        self.file.close()

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        self.seconds = float(saved["seconds"])


class TensorBoardLog(Callback):
    """Loss and measurements as TensorBoard scalars (extra ``log``)."""

    def __init__(self, folder: str | Path, every: int = 10) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))
        self.every = every

    def step(self, state: State) -> None:
        if state.step % self.every == 0 or state.metrics:
            for name, value in {"loss": float(state.loss), **state.metrics}.items():
                self.writer.add_scalar(name, value, state.step)

    def end(self, state: State) -> None:
        self.writer.close()

    def interrupted(self, state: State) -> None:
        self.end(state)


class Validate(Callback):
    """Score the exported set now and then, keep the best, and return to it at the end.

    The start is scored, too: where learning does not help, the start is what is returned.

    Args:
        score: maps what ``syn.export()`` gives to a number, higher is better. It must not touch
            the test split and must draw no randomness from the run.
        every: steps between scores; the last step is always scored.
    """

    def __init__(self, score: Callable[[Any], float], every: int) -> None:
        self.score, self.every = score, max(1, every)
        self.best, self.best_step = float("-inf"), 0
        self.kept: dict[str, torch.Tensor] = {}

    def start(self, state: State) -> None:
        if not state.step:
            self.measure(state)

    def step(self, state: State) -> None:
        if state.step % self.every == 0 or state.done:
            state.metrics["validation"] = self.measure(state)

    def measure(self, state: State) -> float:
        """The score of the set as it is now, which is kept if no earlier one was better."""
        value = float(self.score(state.syn.export()))
        if value > self.best:
            self.best, self.best_step = value, state.step
            self.kept = {k: v.detach().clone() for k, v in state.syn.state_dict().items()}
        return value

    def end(self, state: State) -> None:
        if self.kept:
            state.syn.load_state_dict(self.kept)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_step": self.best_step, "kept": self.kept}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        self.best, self.best_step = float(saved["best"]), int(saved["best_step"])
        self.kept = dict(saved["kept"])


class EarlyStop(Callback):
    """End the run when validation has not improved for ``patience`` scores in a row."""

    def __init__(self, patience: int) -> None:
        self.patience, self.best, self.since = patience, float("-inf"), 0

    def step(self, state: State) -> None:
        if "validation" not in state.metrics:
            return
        better = state.metrics["validation"] > self.best
        self.best = max(self.best, state.metrics["validation"])
        self.since = 0 if better else self.since + 1
        if self.since >= self.patience:
            state.stop = f"no better validation score in {self.patience} in a row"

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "since": self.since}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        self.best, self.since = float(saved["best"]), int(saved["since"])


class TimeBudget(Callback):
    """End the run after so many seconds, those before a resume counted in."""

    def __init__(self, seconds: float) -> None:
        self.limit, self.used = seconds, 0.0

    def start(self, state: State) -> None:
        self.began = time.perf_counter() - self.used

    def step(self, state: State) -> None:
        self.used = time.perf_counter() - self.began
        if self.used >= self.limit:
            state.stop = f"time budget of {self.limit:g} s is spent"

    def state_dict(self) -> dict[str, Any]:
        return {"used": self.used}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        self.used = float(saved["used"])


class Checkpoint(Callback):
    """Save everything a run needs to go on bit for bit.

    An interrupt may come in the middle of an update, so nothing is saved then: the last checkpoint
    stands.

    Args:
        path: the file; written beside and renamed, so it is always whole. Under ``torchrun`` every
            rank has its own.
        identity: what the run is: method, hyper-parameters, seed, data. :func:`read_checkpoint`
            refuses a checkpoint of another.
        callbacks: those whose state is saved too, in the order given to the engine.
        every: steps between checkpoints; ``None`` for time alone.
        seconds: seconds between checkpoints; ``None`` for steps alone.
    """

    def __init__(
        self,
        path: str | Path,
        identity: Mapping[str, Any],
        callbacks: Sequence[Callback] = (),
        *,
        every: int | None = None,
        seconds: float | None = 30.0,
    ) -> None:
        self.path, self.identity = Path(path), dict(identity)
        self.callbacks, self.every, self.seconds = callbacks, every, seconds
        self.saved_step: int | None = None

    def start(self, state: State) -> None:
        self.last = time.perf_counter()
        self.file = rank_path(self.path)

    def step(self, state: State) -> None:
        due = self.every is not None and state.step % self.every == 0
        late = self.seconds is not None and time.perf_counter() - self.last >= self.seconds
        if due or late or state.done:
            self.save(state)

    def save(self, state: State) -> None:
        part = self.file.with_name(self.file.name + ".part")
        torch.save({"identity": self.identity, "engine": snapshot(state, self.callbacks)}, part)
        os.replace(part, self.file)
        self.last, self.saved_step = time.perf_counter(), state.step

    def interrupted(self, state: State) -> None:
        said = (
            f"last checkpoint: step {self.saved_step} in {self.file}; run the same again with "
            "resume (--resume) to go on from there"
            if self.saved_step is not None or self.file.exists()
            else "no checkpoint was due yet; the run starts over"
        )
        print(
            f"\ninterrupted at step {state.step} of {state.schedule.steps}; {said}", file=sys.stderr
        )


def rank_path(path: Path) -> Path:
    """The checkpoint file of this process."""
    own = parallel.rank()
    return path if own == 0 else path.with_suffix(f".rank{own}{path.suffix}")


def read_checkpoint(path: str | Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's part of a checkpoint, for ``distill(resume=...)``.

    Raises:
        ValueError: not a checkpoint, or one of another method, data set, seed or hyper-parameter.
    """
    file = rank_path(Path(path))
    try:
        saved = torch.load(file, map_location="cpu", weights_only=True)
        theirs, engine = saved["identity"], saved["engine"]
    except FileNotFoundError:
        raise ValueError(f"there is no checkpoint at {file}") from None
    except Exception as error:
        raise ValueError(f"{file} is not a checkpoint of this package: {error}") from error
    for key in {**identity, **theirs}:
        if theirs.get(key) != identity.get(key):
            raise ValueError(
                f"{file} is of another run: {key} is {theirs.get(key)!r} there and "
                f"{identity.get(key)!r} here; use the same settings or another folder"
            )
    out: dict[str, Any] = engine
    return out
