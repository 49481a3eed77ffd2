"""Networks trained on the real data, every stage of their training kept: what trajectories match.

A buffer of trajectories (Cazenavette et al., CVPR 2022, arXiv 2203.11932, section 3.1) is made once
and serves every run with the same data, network and training. Each expert is one file, written
whole, so an interrupted buffer goes on with the experts that are missing.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core import parallel
from graphcondense.core.pools import View, initialise, leaves, viewed
from graphcondense.core.types import Criterion, Learner, Saved, Source, Synthetic
from graphcondense.ops.files import cache_root, writable, write_whole
from graphcondense.ops.limits import at_least
from graphcondense.ops.sizes import said

SMALL = 32 * 2**20
"""Bytes up to which a buffer without a folder stays in memory."""

FORMAT = 1


@dataclass(frozen=True)
class Training:
    """How experts are trained.

    Attributes:
        experts: networks, each from weights of its own.
        epochs: passes over the real data; their ends, and the start, are kept.
        size: real examples of a training step, drawn anew at each; ``None`` takes all.
        lr: learning rate of SGD.
        momentum: of SGD.
        weight_decay: of SGD.
        interval: training steps that count as one epoch; by default as many as draw each example
            once on average.
        seed: of weights, batches and views; expert ``i`` depends on it and on ``i`` alone.

    Raises:
        ValueError: a value out of its range.
    """

    experts: int = 20
    epochs: int = 20
    size: int | None = 256
    lr: float = 0.01
    momentum: float = 0.0
    weight_decay: float = 0.0
    interval: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(1, self, "experts", "epochs", "size", "interval", of=" of experts")
        if not self.lr > 0:
            raise ValueError(f"lr of experts must be above 0, got {self.lr}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum of experts must be in [0, 1), got {self.momentum}")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay of experts must not be below 0: {self.weight_decay}")

    def steps(self, real: Source) -> int:
        """Training steps between two kept stages."""
        if self.interval is not None:
            return self.interval
        return 1 if self.size is None else max(1, round(int(real.counts.sum()) / self.size))

    def stage_bytes(self, model: nn.Module) -> int:
        """Bytes of the weights at one stage."""
        return sum(p.numel() * p.element_size() for p in model.parameters())

    def disk_bytes(self, model: nn.Module) -> int:
        """Bytes of the whole buffer, known before it is made (headers of files apart)."""
        return self.experts * (self.epochs + 1) * self.stage_bytes(model)


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
    """

    model: nn.Module
    training: Training
    identity: Mapping[str, object]
    folder: str | Path | None = None
    view: View | None = None
    criterion: Criterion = F.cross_entropy
    _stages: dict[int, dict[str, Tensor]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def key(self) -> str:
        """SHA-256 (first 16 hex digits) of all that the weights depend on."""
        shapes = {k: list(p.shape) for k, p in self.model.named_parameters()}
        described = {
            "format": FORMAT,
            "training": asdict(self.training),
            "identity": dict(self.identity),
            "shapes": shapes,
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
        return self.training.disk_bytes(self.model)

    @property
    def memory_bytes(self) -> int:
        """Most bytes held at once: all experts in memory, or one while it is trained."""
        whole = self.disk_bytes
        return whole if self.place is None else whole // self.training.experts

    def file(self, expert: int) -> Path:
        assert self.place is not None
        return self.place / f"expert-{expert:04d}.safetensors"

    def prepare(self, real: Source) -> Buffer:
        """Train the experts that are not there, or not as they should be; returns the buffer. The
        processes of a run share them.

        Raises:
            ValueError: the folder cannot be written.
            FloatingPointError: the training of an expert diverged.
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
                for made in parallel.gathered(self._stages):
                    self._stages.update(made)
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
        for expert in tqdm(experts, desc="experts", unit="expert", disable=quiet):
            self._keep(expert, self._train(expert, real))

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
        return {k: kept[k].to(device=device, copy=True) for k in names}

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
                header = json.loads((kept.metadata() or {}).get("expert", "{}"))
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

    def _train(self, expert: int, real: Source) -> dict[str, Tensor]:
        """All stages of one expert ``{name: [epochs + 1, ...]}``, on the CPU."""
        seed = hashlib.sha256(f"{self.training.seed} {expert}".encode()).digest()
        rng = Generator().manual_seed(int.from_bytes(seed[:6], "big"))
        device = next(self.model.parameters()).device
        drawn = initialise(self.model, rng)
        params = leaves(drawn, device)
        learner = Learner(
            self.model, params, dict(self.model.named_buffers()), criterion=self.criterion
        )
        how = self.training
        sgd = torch.optim.SGD(
            params.values(), how.lr, momentum=how.momentum, weight_decay=how.weight_decay
        )
        # Copied into storage of its own, so that no stage follows the weights in training.
        stages = {k: torch.empty(how.epochs + 1, *v.shape, dtype=v.dtype) for k, v in drawn.items()}
        for epoch in range(how.epochs + 1):
            for name, kept in stages.items():
                kept[epoch].copy_(params[name].detach())
            if epoch == how.epochs:
                break
            for _ in range(how.steps(real)):
                batch = real.batch(None, how.size, rng)
                if self.view is not None:
                    batch = viewed(batch, self.view, rng)
                learner.train_step(batch, sgd)
        if not all(bool(torch.isfinite(v).all()) for v in stages.values()):
            raise FloatingPointError(
                f"training of expert {expert} diverged: lower its learning rate {how.lr}"
            )
        return stages

    def _keep(self, expert: int, stages: dict[str, Tensor]) -> None:
        if self.place is None:
            self._stages[expert] = stages
            return
        from safetensors.torch import save

        header = {"key": self.key, "number": expert, "hash": _digest(stages)}
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

    Raises:
        ValueError: a span that the experts' epochs do not hold.
    """

    buffer: Buffer
    ahead: int = 2
    max_start: int | None = None

    def __post_init__(self) -> None:
        epochs = self.buffer.training.epochs
        if self.ahead < 1:
            raise ValueError(f"ahead must be at least 1, got {self.ahead}")
        if self.last < 0 or self.last + self.ahead > epochs:
            raise ValueError(
                f"experts of {epochs} epochs hold no stretch of {self.ahead} epochs from epoch "
                f"{self.last} on; lower ahead or max_start, or train experts for longer"
            )

    @property
    def last(self) -> int:
        """The latest start."""
        if self.max_start is not None:
            return self.max_start
        return self.buffer.training.epochs - self.ahead

    def __call__(
        self, syn: Synthetic, real: Source, rng: Generator, memory: Saved | None = None
    ) -> Iterator[Learner]:
        model, criterion = self.buffer.model, self.buffer.criterion
        buffers = dict(model.named_buffers())
        device = next(model.parameters()).device
        while True:
            expert = int(torch.randint(self.buffer.training.experts, (), generator=rng))
            start = int(torch.randint(self.last + 1, (), generator=rng))
            theta = self.buffer.weights(expert, start, device)
            target = self.buffer.weights(expert, start + self.ahead, device)
            params = {k: v.requires_grad_() for k, v in theta.items()}
            drawn = {"expert": expert, "start": start}
            yield Learner(model, params, buffers, target, drawn, criterion)
