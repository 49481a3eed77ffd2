"""Watching a run: progress, logs, validation, checkpoints, budgets.

Order matters: :class:`TimeBudget` before :class:`Validate`, so that the step it ends is scored;
:class:`Validate` before those that read its score; :class:`Checkpoint` last, so that what it saves
includes what the others learnt from the same step.
"""

from __future__ import annotations

import json
import math
import os
import reprlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from graphcondense.core import parallel
from graphcondense.core.clock import Clock
from graphcondense.core.engine import Callback, State, matched, snapshot
from graphcondense.core.types import Saved, Scorer
from graphcondense.ops.files import check_archive
from graphcondense.ops.json import read_json_lines
from graphcondense.ops.threads import MadeOn, other_bits, way_back

FORMAT = 2
"""Of checkpoints; one of another cannot be gone on with."""


class Progress(Callback):
    """A progress bar with the loss and the last validation score, in per cent or as it is."""

    def __init__(self, title: str = "condense", *, percent: bool = False) -> None:
        self.title, self.percent = title, percent
        self.score = ""

    def start(self, state: State) -> None:
        from graphcondense.ops.progress import tqdm

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
            score = state.metrics["validation"]
            self.score = f"{100 * score:.1f}" if self.percent else f"{score:.4g}"
        if self.bar.update() or state.metrics:
            shown = {"loss": f"{float(state.loss):.4g}"}
            self.bar.set_postfix(shown | ({"val": self.score} if self.score else {}), refresh=False)

    def end(self, state: State) -> None:
        self.bar.close()

    interrupted = end


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
        path = self.path if parallel.is_main() else Path(os.devnull)
        if state.step and path.is_file():
            rows = read_json_lines(path)
            kept = [json.dumps(row) for row in rows if row.get("step", math.inf) <= state.step]
        self.file = path.open("w", buffering=1)
        self.file.writelines(f"{line}\n" for line in kept)
        self.began = time.perf_counter() - self.seconds

    def step(self, state: State) -> None:
        self.seconds = time.perf_counter() - self.began
        if state.metrics or state.step % self.every == 0 or state.done:
            row = {"step": state.step, "loss": float(state.loss), "seconds": round(self.seconds, 3)}
            self.file.write(json.dumps(row | state.metrics) + "\n")

    def end(self, state: State) -> None:
        self.file.close()

    interrupted = end

    def state_dict(self) -> Saved:
        return {"seconds": self.seconds}

    def load_state_dict(self, saved: Saved) -> None:
        self.seconds = float(saved["seconds"])


class Validate(Callback):
    """Score the exported set now and then, keep the best, the start included, and return to it.

    Args:
        score: maps what ``syn.export()`` gives to a number, higher is better. It must not touch
            the test split and must draw no randomness from the run.
        every: steps between scores; the last step is always scored. A resumed run forgets the score
            of a step at which it was stopped, so that it gives the bits of one in one go.

    Attributes:
        start_score: of the start.
        scores: of the set that is kept, one an architecture, where ``score`` has several
            (:class:`~graphcondense.core.panel.Panel`).
        seconds: that the longest score of this process took.
        extra: whether the last score was of such a step.
    """

    def __init__(self, score: Scorer, every: int) -> None:
        self.score, self.every = score, max(1, every)
        self.best, self.best_step = float("-inf"), 0
        self.start_score = float("nan")
        self.seconds, self.extra = 0.0, False
        self.kept: dict[str, torch.Tensor] = {}
        self.scores: dict[str, float] = {}
        self._before: Saved = {}

    def start(self, state: State) -> None:
        if not state.step:
            self.start_score = self.measure(state)

    def due(self, state: State) -> bool:
        """Whether this step is scored in any case."""
        return state.step % self.every == 0 or state.step >= state.schedule.steps

    def step(self, state: State) -> None:
        if self.extra:  # the run goes on after all
            vars(self).update(self._before)
            self.extra, self._before = False, {}
        state.stop = parallel.agree(state.stop)  # all score the same steps
        if self.due(state) or state.done:
            if not self.due(state):
                self.extra, self._before = True, self._state()
            state.metrics["validation"] = self.measure(state)

    def measure(self, state: State) -> float:
        """The score of the set as it is now, which is kept if no earlier one was better."""
        began = time.perf_counter()
        # Once for all processes, which then keep the same set.
        value, scores = parallel.from_main(lambda: self._scored(state))
        self.seconds = max(self.seconds, time.perf_counter() - began)
        if value > self.best:
            self.best, self.best_step = value, state.step
            self.scores = scores
            self.kept = {k: v.detach().clone() for k, v in state.syn.state_dict().items()}
        return value

    def _scored(self, state: State) -> tuple[float, dict[str, float]]:
        value = float(self.score(state.syn.export()))
        return value, dict(getattr(self.score, "scores", {}))

    def end(self, state: State) -> None:
        if self.kept:
            state.syn.load_state_dict(self.kept)

    def state_dict(self) -> Saved:
        rest = {"start_score": self.start_score, "extra": self.extra, "before": self._before}
        return {**self._state(), **rest}

    def load_state_dict(self, saved: Saved) -> None:
        self.best, self.best_step = float(saved["best"]), int(saved["best_step"])
        self.start_score, self.kept = float(saved["start_score"]), dict(saved["kept"])
        self.scores = dict(saved.get("scores", {}))
        self.extra, self._before = bool(saved["extra"]), dict(saved["before"])

    def _state(self) -> Saved:
        found = {"best": self.best, "best_step": self.best_step, "kept": self.kept}
        return {**found, "scores": self.scores}


class EarlyStop(Callback):
    """End the run when validation has not improved for ``patience`` scores in a row.

    Args:
        patience: so many; ``None`` never ends it. A resumed run may have another.
        validate: whose extra score, of a run that was stopped, does not count.
    """

    def __init__(self, patience: int | None, validate: Validate | None = None) -> None:
        self.patience, self.best, self.since = patience, float("-inf"), 0
        self.validate = validate

    def start(self, state: State) -> None:
        self._judge(state)  # a run that had ended does not go on when it is resumed

    def step(self, state: State) -> None:
        if "validation" not in state.metrics or (self.validate and self.validate.extra):
            return
        better = state.metrics["validation"] > self.best
        self.best = max(self.best, state.metrics["validation"])
        self.since = 0 if better else self.since + 1
        self._judge(state)

    def _judge(self, state: State) -> None:
        if self.patience is not None and self.since >= self.patience:
            state.stop = f"no better validation score in {self.patience} in a row"

    def state_dict(self) -> Saved:
        return {"best": self.best, "since": self.since}

    def load_state_dict(self, saved: Saved) -> None:
        self.best, self.since = float(saved["best"]), int(saved["since"])


class TimeBudget(Callback):
    """End the run in time, and remember what it used for a process that goes on with it.

    Time for the last score is kept free, as long as the longest so far. One update is always made,
    and its score taken, so a budget below that is overrun.

    Args:
        seconds: the budget, with those of earlier processes; ``None`` never ends the run.
        clock: what counts; by default one that begins with the loop.
        validate: whose scores take time.
    """

    def __init__(
        self, seconds: float | None, clock: Clock | None = None, validate: Validate | None = None
    ) -> None:
        self.limit, self.clock, self.validate = seconds, clock, validate
        self.spent = False

    def start(self, state: State) -> None:
        self.clock = self.clock or Clock()
        self.clock.tell(state.step)
        if self.spent:  # a run that had ended does not go on when it is resumed, unless it may
            self._judge(state)

    def step(self, state: State) -> None:
        assert self.clock is not None
        self.clock.updates += 1
        self._judge(state)

    def _judge(self, state: State) -> None:
        if self.limit is None:
            return
        assert self.clock is not None
        left = self.limit - self.clock.seconds
        last = 0.0 if self.validate is None else self.validate.seconds
        needed = 2 * last if self.validate is not None and self.validate.due(state) else last
        # Every process learns of the end before this step is scored, and scores the same steps.
        ended = f"time budget of {self.limit:g} s is spent" if left <= needed else None
        state.stop = parallel.agree(state.stop or ended)
        self.spent = state.stop is not None

    def state_dict(self) -> Saved:
        used = {} if self.clock is None else self.clock.state_dict()
        return {"used": used, "spent": self.spent}

    def load_state_dict(self, saved: Saved) -> None:
        self.clock = self.clock or Clock()
        self.clock.load_state_dict(saved["used"])
        self.spent = bool(saved["spent"])


class Checkpoint(Callback):
    """Save everything a run needs to go on bit for bit; nothing at an interrupt, which may come in
    the middle of an update.

    Args:
        path: the file; written beside and renamed, so it is always whole. It has the learners of
            all processes, so that any number of processes goes on from it.
        identity: what the run is: method, hyper-parameters, seed, data. :func:`read_checkpoint`
            refuses a checkpoint of another.
        callbacks: those whose state is saved too, in the order given to the engine.
        every: steps between checkpoints; ``None`` for time alone.
        seconds: seconds between checkpoints; ``None`` for steps alone.
        place: what bits depend on besides, see :func:`~graphcondense.ops.threads.made_on`.
        moved: where the run has gone on in another place, in words.
        scored_by: what scores on the way, in words; ``None`` where nothing does.
    """

    def __init__(
        self,
        path: str | Path,
        identity: Mapping[str, object],
        callbacks: Sequence[Callback] = (),
        *,
        every: int | None = None,
        seconds: float | None = 30.0,
        place: MadeOn | None = None,
        moved: Sequence[str] = (),
        scored_by: str | None = None,
    ) -> None:
        self.path, self.identity = Path(path), dict(identity)
        self.callbacks, self.every, self.seconds = callbacks, every, seconds
        self.saved_step: int | None = None
        self.made = {"place": dict(place or {}), "moved": [*moved], "scored_by": scored_by}

    def start(self, state: State) -> None:
        self.last = time.perf_counter()
        self.saved_step = state.step or None  # that which the run has gone on from

    def step(self, state: State) -> None:
        due = self.every is not None and state.step % self.every == 0
        late = self.seconds is not None and time.perf_counter() - self.last >= self.seconds
        if parallel.from_main(lambda: due or late or state.done):
            self.save(state)

    def save(self, state: State) -> None:
        engine = snapshot(state, self.callbacks)
        if parallel.is_main():
            saved = {"format": FORMAT, "identity": self.identity, "engine": engine}
            self._write({**saved, "made": self.made})
        self.last, self.saved_step = time.perf_counter(), state.step

    def _write(self, content: Saved) -> None:
        part = self.path.with_name(self.path.name + ".part")
        try:
            torch.save(content, part)
            os.replace(part, self.path)
        except (OSError, RuntimeError) as error:  # the latter is how torch says it of a full disk
            kept = "the one before is whole" if self.path.exists() else "there is none before"
            raise OSError(
                f"cannot write the checkpoint {self.path} ({str(error)[:200]}); {kept}; make room "
                "there and run the same again with resume (--resume)"
            ) from error
        finally:
            part.unlink(missing_ok=True)

    def interrupted(self, state: State) -> None:
        if not parallel.is_main():
            return
        hint = (
            f"last checkpoint: step {self.saved_step} in {self.path}; run the same again with "
            "resume (--resume) to go on from there"
            if self.saved_step is not None or self.path.exists()
            else "no checkpoint was due yet; the run starts over"
        )
        print(
            f"\ninterrupted at step {state.step} of {state.schedule.steps}; {hint}", file=sys.stderr
        )


def read_checkpoint(
    path: str | Path,
    identity: Mapping[str, object],
    callbacks: Sequence[Callback] = (),
    *,
    check: bool = True,
    place: MadeOn | None = None,
    anyway: bool = False,
    scored_by: str | None = None,
) -> Saved:
    """The engine's part of a checkpoint, for ``distill(resume=...)``; arguments of
    :class:`Checkpoint`. Where the run goes on in another place, ``moved`` of what comes back says
    so.

    Args:
        anyway: go on in another place, with other bits.
        check: compare the checksums that the file has of all its parts; ``False`` goes on with
            what a damaged file holds, as far as it can be read.

    Raises:
        ValueError: not a checkpoint, a damaged one, one of another version, or one of another
            method, data set, seed, hyper-parameter, list of callbacks or way of scoring.
    """
    file = Path(path)
    try:
        if check:
            check_archive(file)
    except FileNotFoundError:
        raise ValueError(f"there is no checkpoint at {file}") from None
    except ValueError as error:
        raise ValueError(
            f"{file} is not a checkpoint of this package, or not a whole one ({error}); start "
            "over, or name another folder"
        ) from error
    try:
        saved = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ValueError(f"there is no checkpoint at {file}") from None
    except Exception as error:
        # torch's own words are advice on reading files of others.
        raise ValueError(
            f"{file} is not a checkpoint of this package, or not a whole one "
            f"({type(error).__name__}); start over, or name another folder"
        ) from error
    if not isinstance(saved, dict) or not {"identity", "engine"} <= saved.keys():
        raise ValueError(f"{file} is not a checkpoint of this package; name another folder")
    if saved.get("format") != FORMAT:
        raise ValueError(
            f"{file} was written by another version of this package, whose runs cannot be gone on "
            "with: start over"
        )
    for name, there, here in differences(saved["identity"], identity):
        raise ValueError(
            f"{file} is of another run: {name} is {there} there and {here} here; use the same "
            "settings or another folder"
        )
    out: Saved = saved["engine"]
    made = saved.get("made", {"place": {}, "moved": []})
    for part, wanted in ((out, {"step", "syn", "callbacks"}), (made, {"place", "moved"})):
        if not isinstance(part, dict) or not wanted <= part.keys():
            raise ValueError(f"{file} is not a whole checkpoint; start over")
    matched(out, callbacks)
    if (before := made.get("scored_by")) != scored_by:
        raise ValueError(f"{file}: {refused_scores(before, scored_by)}")
    others = other_bits(made["place"], place or {})
    if others and not anyway:
        raise ValueError(
            f"{file}: {', '.join(others)}, so the bits would not be those of a run in one go; "
            f"{way_back(made['place'], place or {})}, or go on all the same with "
            "resume_anyway=True (--resume-anyway)"
        )
    return {**out, "moved": [*made["moved"], *others]}


def refused_scores(there: object, here: str | None) -> str:
    """In words, why scores of before do not stand beside those to come, and what to do."""
    words = [str(who)[:200] if who else "what it does not say" for who in (there, here)]
    return (
        f"scores are by {words[0]} there and by {words[1]} here, and the better of two such scores "
        "need not be the better set: start over, or name another folder"
    )


def differences(
    there: Mapping[str, object], here: Mapping[str, object], prefix: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Where two nests of settings differ: the dotted name, and both values in a few words.

    What is not set and what is ``None`` is no difference: earlier versions had fewer options.

    >>> list(differences({"seed": 0, "own": {"lr": 1.0, "n": 2}}, {"seed": 0, "own": {"lr": 2.0}}))
    [('own.lr', '1.0', '2.0'), ('own.n', '2', 'not set')]
    """
    for key in {**here, **there}:
        a, b = there.get(key, _UNSET), here.get(key, _UNSET)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from differences(a, b, f"{prefix}{key}.")
        elif a != b and not {id(a), id(b)} <= {id(None), id(_UNSET)}:
            words = ["not set" if v is _UNSET else reprlib.repr(v) for v in (a, b)]
            yield f"{prefix}{key}", words[0], words[1]


_UNSET = object()
