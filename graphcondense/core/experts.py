"""Networks trained on the real data, every stage of their training kept: what trajectories match.

A buffer of trajectories (Cazenavette et al., CVPR 2022, arXiv 2203.11932, section 3.1) is made once
and serves every run with the same data, network and training. Each expert is one file, written
whole, so an interrupted buffer goes on with the experts that are missing. Where every training step
sees the same examples, many experts are trained at once, as one model whose weights are stacked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core import parallel
from graphcondense.core.expert_training import Course, Precision, Settle, Trainer, Training
from graphcondense.core.pools import View
from graphcondense.core.types import Criterion, Learner, Saved, Source, Synthetic
from graphcondense.ops.files import cache_root, writable, write_whole
from graphcondense.ops.json import read_json
from graphcondense.ops.limits import at_least
from graphcondense.ops.sizes import said

SMALL = 32 * 2**20
"""Bytes up to which a buffer without a folder stays in memory."""

TOGETHER = 384 * 2**20
"""Bytes of weights and kept stages up to which experts are trained at once."""
WORKING = 6
"""Copies of the weights that training holds besides the kept stages, with what it computes."""

FORMAT = 1


def cache_folder() -> Path:
    """Where buffers are kept by default: below ``GRAPHCONDENSE_CACHE`` if that is set, else below
    ``~/.cache/graphcondense``."""
    return cache_root() / "experts"


@dataclass(frozen=True)
class Buffer:
    """Experts on disk or in memory: made where they are missing, then read stage by stage.

    Attributes:
        model: the architecture; called with the inputs of a batch.
        training: how experts are trained.
        identity: what else they depend on, as plain values: data, network, widths, view. Together
            with ``training`` it is the :attr:`key`.
        folder: below which the folder of this buffer lies, called by its key. By default
            :func:`cache_folder`, or memory alone where the buffer is not above :data:`SMALL` bytes.
        view: how training sees examples, such as augmented; named by ``identity``.
        criterion: loss of training.
        precision: how stages are kept.
        settle: trains many experts at once, where each step sees all examples and no view: what it
            makes of them is made once. Expert ``i`` is the same to rounding however many others
            are trained beside it; a buffer says by ``identity`` that it was made so.
        course: which examples a step sees, named by ``identity``; with ``settle`` alone.
        together: experts trained at once; by default as many as :data:`TOGETHER` bytes hold.

    Raises:
        ValueError: ``settle`` with batches or a view, or a course without it.
    """

    model: nn.Module
    training: Training
    identity: Mapping[str, object]
    folder: str | Path | None = None
    view: View | None = None
    criterion: Criterion = F.cross_entropy
    precision: Precision = "full"
    settle: Settle | None = None
    course: Course | None = None
    together: int | None = None
    _stages: dict[int, dict[str, Tensor]] = field(default_factory=dict, repr=False, compare=False)
    _seconds: dict[int, float] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        at_least(1, self, "together")
        if self.settle is not None and (self.training.size is not None or self.view is not None):
            raise ValueError("experts of batches or views are trained one by one: leave settle out")
        if self.course is not None and self.settle is None:
            raise ValueError("a course is for experts that are trained together: give settle")

    @property
    def key(self) -> str:
        """SHA-256 (first 16 hex digits) of all that the weights depend on."""
        shapes = {k: list(p.shape) for k, p in self.model.named_parameters()}
        described = {
            "format": FORMAT,
            "training": asdict(self.training),
            "identity": dict(self.identity),
            "shapes": shapes,
            **({} if self.precision == "full" else {"precision": self.precision}),
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def place(self) -> Path | None:
        """The folder of this buffer; ``None`` in memory."""
        if self.folder is not None:
            return Path(self.folder).expanduser() / self.key
        return cache_folder() / self.key if self.disk_bytes > SMALL else None

    @property
    def disk_bytes(self) -> int:
        whole = self.training.disk_bytes(self.model)
        if self.precision == "full":
            return whole
        wide = sum(p.element_size() for p in self.model.parameters())
        narrow = sum(2 for _ in self.model.parameters())
        return whole * narrow // wide

    @property
    def memory_bytes(self) -> int:
        """Most bytes held at once: all experts in memory, or those that are trained at once."""
        whole = self.disk_bytes
        one = whole // self.training.experts
        if self.settle is None:
            return whole if self.place is None else one
        working = self._at_once * WORKING * self.training.stage_bytes(self.model)
        return working + (whole if self.place is None else self._at_once * one)

    @property
    def _trainer(self) -> Trainer:
        return Trainer(
            self.model, self.training, self.view, self.criterion, self.precision, self.course
        )

    @property
    def _at_once(self) -> int:
        """Experts trained at once."""
        count = self.training.experts
        if self.settle is None:
            return 1
        if self.together is not None:
            return min(self.together, count)
        one = self.disk_bytes // count + WORKING * self.training.stage_bytes(self.model)
        return max(1, min(TOGETHER // one, count))

    @property
    def seconds(self) -> float:
        """Processor seconds that the training of all experts took, whichever run did it; on a GPU
        those of the clock. Of experts of earlier versions of this package 0."""
        return sum(self._second(expert) for expert in range(self.training.experts))

    @property
    def seconds_there(self) -> float:
        """:attr:`seconds` of the experts that are on disk already."""
        from safetensors import SafetensorError

        if self.place is None:
            return 0.0
        found = 0.0
        for expert in range(self.training.experts):
            with contextlib.suppress(OSError, SafetensorError, ValueError):  # it is made anew
                header = self._header(expert)
                found += float(header.get("seconds", 0.0)) if header.get("key") == self.key else 0.0
        return found

    def told(self) -> str:
        """What the experts took, in words."""
        count, size = self.training.experts, said(self.disk_bytes)
        where = "in memory" if self.place is None else "on disk"
        return f"{count} networks, {size} {where}, trained in {self.seconds:.1f} processor seconds"

    def _second(self, expert: int) -> float:
        if self.place is None or expert in self._seconds:
            return self._seconds.get(expert, 0.0)
        return float(self._header(expert).get("seconds", 0.0))

    def file(self, expert: int) -> Path:
        assert self.place is not None
        return self.place / f"expert-{expert:04d}.safetensors"

    def prepare(self, real: Source) -> Buffer:
        """Train the experts that are not there, or not as they should be; returns the buffer. The
        processes of a run share them.

        Raises:
            ValueError: the folder cannot be written.
            DivergedError: the training of an expert diverged.
        """
        missing, why = [], {}
        for expert in range(self.training.experts):
            wrong = self._wrong(expert)
            if wrong is not None:
                missing.append(expert)
                why[expert] = wrong
        wanted = sorted(set().union(*parallel.gathered(missing)))
        if not wanted:
            return self
        if missing:
            self._announce(missing, why)
        mine = wanted[parallel.rank() :: parallel.world_size()]
        try:
            self._make([expert for expert in mine if expert in missing], real)
            if self.place is None:
                for made, seconds in parallel.gathered((self._stages, self._seconds)):
                    self._stages.update(made)
                    self._seconds.update(seconds)
            elif len(parallel.gathered(None)) > 1:  # all have ended
                # What another process has written is not here where machines share no folder.
                self._make([e for e in missing if self._wrong(e) is not None], real)
        except KeyboardInterrupt:
            if self.place is not None:
                done = sum(self._wrong(e) is None for e in range(self.training.experts))
                print(
                    f"\ninterrupted: {done} of {self.training.experts} experts are in "
                    f"{self.place}; the same run trains the others alone",
                    file=sys.stderr,
                )
            raise
        return self

    def _make(self, experts: Sequence[int], real: Source) -> None:
        from graphcondense.ops.progress import tqdm

        quiet = None if parallel.is_main() else True
        settled = None if self.settle is None or not experts else self.settle(real.batch())
        epochs = self.training.epochs
        with tqdm(total=len(experts) * epochs, desc="experts", unit="epoch", disable=quiet) as bar:
            for first in range(0, len(experts), self._at_once):
                some = experts[first : first + self._at_once]
                began = self._now()
                if settled is None:
                    made = [self._trainer.alone(some[0], real)]
                    bar.update(epochs)
                else:
                    # Of large graphs an epoch may take minutes.
                    made = self._trainer.together(some, settled, real, bar.update)
                each = (self._now() - began) / len(some)
                for expert, stages in zip(some, made, strict=True):
                    self._seconds[expert] = each
                    self._keep(expert, stages)

    def _now(self) -> float:
        """Seconds of the processor, or of the clock on a GPU."""
        on_cpu = next(self.model.parameters()).device.type == "cpu"
        return time.process_time() if on_cpu else time.perf_counter()

    def weights(
        self, expert: int, stage: int, device: torch.device | None = None
    ) -> dict[str, Tensor]:
        """Copies of an expert's weights after ``stage`` epochs (0: its initial ones).

        Raises:
            ValueError: an expert or stage that there is not.
        """
        if not 0 <= expert < self.training.experts or not 0 <= stage <= self.training.epochs:
            raise ValueError(
                f"there is no stage {stage} of expert {expert}: {self.training.experts} experts, "
                f"stages 0 to {self.training.epochs}"
            )
        if expert in self._stages:
            kept = {k: v[stage] for k, v in self._stages[expert].items()}
        else:
            kept = self._read(expert, stage)
        # In the model's order: a file has another, and sums over weights would round otherwise.
        names = [k for k, _ in self.model.named_parameters()]
        if self.precision != "full":
            first = self._trainer.first(expert)
            kept = {k: first[k] + kept[k].to(first[k]) for k in names}
        return {k: kept[k].to(device=device, copy=True) for k in names}

    def _header(self, expert: int) -> dict[str, Any]:
        """What the file of an expert says of itself."""
        from safetensors import safe_open

        with safe_open(self.file(expert), "pt") as kept:
            header = read_json((kept.metadata() or {}).get("expert", "{}"), "its header")
        return header if isinstance(header, dict) else {}

    def _read(self, expert: int, stage: int) -> dict[str, Tensor]:
        from safetensors import SafetensorError, safe_open

        if self.place is None:
            raise ValueError("this buffer is in memory and was not made yet: call prepare(real)")
        try:
            with safe_open(self.file(expert), "pt") as kept:
                return {k: kept.get_slice(k)[stage] for k in kept.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{self.file(expert)} cannot be read: {error}; run again") from error

    def _wrong(self, expert: int) -> str | None:
        """Why an expert has to be trained; ``None`` where it is there and whole."""
        from safetensors import SafetensorError, safe_open

        if self.place is None:
            return None if expert in self._stages else "missing"
        path = self.file(expert)
        if not path.exists():
            return "missing"
        try:
            with safe_open(path, "pt") as kept:
                header = self._header(expert)
                tensors = {k: kept.get_tensor(k) for k in kept.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, ValueError) as error:
            return f"not readable ({error})"
        stages = self.training.epochs + 1
        wanted = {k: (stages, *p.shape) for k, p in self.model.named_parameters()}
        if {k: tuple(v.shape) for k, v in tensors.items()} != wanted:
            return "of other shapes"
        if header.get("key") != self.key or header.get("number") != expert:
            return "of other settings"
        return None if header.get("hash") == _digest(tensors) else "damaged"

    def _announce(self, missing: list[int], why: Mapping[int, str]) -> None:
        count, size = self.training.experts, said(self.disk_bytes)
        where = "in memory" if self.place is None else f"in {self.place}"
        lines = [
            f"training {len(missing)} of {count} networks, {self.training.epochs} epochs each; "
            f"{size} {where}"
        ]
        for expert, reason in why.items():
            if reason != "missing":
                lines.append(f"{self.file(expert).name} is {reason}; made anew")
        for line in lines if parallel.is_main() else ():
            print(f"experts: {line}", file=sys.stderr)
        if self.place is not None:
            writable(self.place, "experts into")

    def _keep(self, expert: int, stages: dict[str, Tensor]) -> None:
        if self.place is None:
            self._stages[expert] = stages
            return
        from safetensors.torch import save

        header = {
            "key": self.key,
            "number": expert,
            "hash": _digest(stages),
            "seconds": round(self._seconds.get(expert, 0.0), 3),
        }
        write_whole(self.file(expert), save(stages, {"expert": json.dumps(header)}))


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names and values."""
    h = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        h.update(name.encode())
        h.update(value.contiguous().view(torch.uint8).numpy().data)
    return h.hexdigest()


@dataclass(frozen=True)
class Experts:
    """The pool of a buffer: a learner starts where an expert was, its target is where that went.

    Each yield draws an expert and a stage ``t <= max_start``, from the run's generator alone:
    weights ``θ_t``, target ``θ_{t + ahead}``.

    Attributes:
        buffer: the experts; prepared.
        ahead: ``M``, epochs from start to target.
        max_start: latest start; by default the latest that leaves ``ahead`` epochs.
        first: latest start in the beginning (GEOM, arXiv 2402.05011, section 4.2); by default
            ``max_start``.
        growth: yields over which the latest start grows evenly from ``first`` to ``max_start``.

    Raises:
        ValueError: a span that the experts' epochs do not hold.
    """

    buffer: Buffer
    ahead: int = 2
    max_start: int | None = None
    first: int | None = None
    growth: int = 1

    def __post_init__(self) -> None:
        epochs = self.buffer.training.epochs
        at_least(1, self, "growth")
        if self.ahead < 1:
            raise ValueError(f"ahead must be at least 1, got {self.ahead}")
        if self.last < 0 or self.last + self.ahead > epochs:
            raise ValueError(
                f"experts of {epochs} epochs hold no stretch of {self.ahead} epochs from epoch "
                f"{self.last} on; lower ahead or max_start, or train experts for longer"
            )
        if self.first is not None and not 0 <= self.first <= self.last:
            raise ValueError(
                f"the window of starts grows from epoch {self.first} to {self.last}: the first "
                "must be between 0 and the last"
            )

    @property
    def last(self) -> int:
        """The latest start."""
        if self.max_start is not None:
            return self.max_start
        return self.buffer.training.epochs - self.ahead

    def latest(self, yielded: int) -> int:
        """The latest start after so many yields."""
        if self.first is None:
            return self.last
        return self.first + (self.last - self.first) * min(yielded, self.growth) // self.growth

    def __call__(
        self, syn: Synthetic, real: Source, rng: Generator, memory: Saved | None = None
    ) -> Iterator[Learner]:
        model, criterion = self.buffer.model, self.buffer.criterion
        buffers = dict(model.named_buffers())
        device = next(model.parameters()).device
        yielded = 0 if memory is None else int(memory["yielded"])
        while True:
            expert = int(torch.randint(self.buffer.training.experts, (), generator=rng))
            start = int(torch.randint(self.latest(yielded) + 1, (), generator=rng))
            theta = self.buffer.weights(expert, start, device)
            target = self.buffer.weights(expert, start + self.ahead, device)
            params = {k: v.requires_grad_() for k, v in theta.items()}
            yielded += 1
            drawn = {"expert": expert, "start": start, "yielded": yielded}
            yield Learner(model, params, buffers, target, drawn, criterion)
