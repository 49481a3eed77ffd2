"""Several processes for one run, as ``torchrun`` starts them: each takes a share of the learners.

``DistributedDataParallel`` does not support double backward, so the gradients of the synthetic set
are averaged directly, over gloo on every device: they are small, two processes may share a GPU, and
a process that dies is noticed at once. Without ``torchrun`` every function here does nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import FrameType
from typing import TypeAlias, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Generator, Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

T = TypeVar("T")
_Handler: TypeAlias = "Callable[[int, FrameType | None], object] | int | None"

PATIENCE = timedelta(hours=1)
"""After which a process that is there and does not answer counts as dead; one that has died is
noticed at once."""
APART = 1_000_003
"""Between the seeds of two learners of one update."""
_STORE: list[Store] = []
_WORDS: list[Store] = []
"""Where a process that fails says why, while a group is there."""
_GROUPS = itertools.count()


class LostProcessError(ConnectionError):
    """Another process of the run has ended, so this one ends, too."""


class _Terminated(KeyboardInterrupt):
    """SIGTERM: torchrun ends this process, so it has to leave nothing half-written."""


def world_size() -> int:
    """Processes of the run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def asked() -> int:
    """How many processes ``torchrun`` started, known before their group is made; 0 without it and
    for a single one."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    return count if count > 1 else 0


def rank() -> int:
    """This process's number, also before its group is made."""
    return dist.get_rank() if world_size() > 1 else int(os.environ.get("RANK", "0"))


def is_main() -> bool:
    """Whether this process is the one that writes and prints."""
    return rank() == 0


def gpu() -> str:
    """The GPU of this process: under ``torchrun`` each of a machine has its own, if there are
    enough."""
    if not asked() or not torch.cuda.is_available():
        return "cuda"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Join the processes that ``torchrun`` started, if any, and leave them at the end; within
    another ``together`` nothing.

    A process that fails says why, and the others stop with that.

    Raises:
        LostProcessError: another process has ended.
    """
    if not asked() or world_size() > 1:
        yield
        return
    before = _on_terminate(_raise_terminated)
    _join()
    try:
        yield
    except BaseException as error:
        _on_terminate(_ending)
        if isinstance(error, _Terminated):
            raise LostProcessError(_last_words()) from None
        if not isinstance(error, LostProcessError):
            _leave_word(error)
        raise
    else:
        _on_terminate(before)
    finally:
        _WORDS.clear()
        dist.destroy_process_group()


def _on_terminate(handler: _Handler) -> _Handler:
    """Set what SIGTERM does, where that is allowed; what it did before."""
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, signal.SIG_DFL if handler is None else handler)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _ending(number: int, frame: FrameType | None) -> None:
    """torchrun ends what is ending already, and has still to say why: the next SIGTERM counts."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _join() -> None:
    """Make a process group under a name of its own: the store outlives a group, and a second one of
    the same name would read the addresses of the first."""
    if not _STORE:
        store, _, _ = next(iter(rendezvous("env://")))
        _STORE.append(store)
    name = f"graphcondense/{next(_GROUPS)}"
    _WORDS.append(PrefixStore(f"{name}/words", _STORE[0]))
    mine, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    prefixed = PrefixStore(name, _STORE[0])
    dist.init_process_group("gloo", store=prefixed, rank=mine, world_size=count, timeout=PATIENCE)


def _leave_word(error: BaseException) -> None:
    """Say to the others why this process ends; the first word stays."""
    text = " ".join(str(error).split()) or "interrupted"
    kind = "" if isinstance(error, KeyboardInterrupt) else f"{type(error).__name__}: "
    word = f"process {rank()} of {world_size()} stopped: {kind}{text:.500}"
    with contextlib.suppress(RuntimeError):
        _WORDS[0].compare_set("word", "", word)


def _last_words() -> str:
    """Why this process ends."""
    word = "another process has ended without a word (killed, or out of memory?)"
    with contextlib.suppress(RuntimeError):
        if _WORDS and _WORDS[0].check(["word"]):
            word = _WORDS[0].get("word").decode()
    return (
        f"{word}; so process {rank()} stops, too. Put that right and run the same again; a run "
        "with a folder goes on from its last checkpoint with resume (--resume)"
    )


@contextlib.contextmanager
def _hearing() -> Iterator[None]:
    """What gloo says of a process that has gone, in words."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(_last_words()) from error


def shares(learners: int | None) -> tuple[int, range]:
    """How many learners an update has in all, and which of them are this process's.

    Args:
        learners: so many; ``None`` is one for each process.

    Raises:
        ValueError: fewer learners than processes.
    """
    size = asked() or 1
    count = size if learners is None else learners
    if count < size:
        raise ValueError(
            f"learners={count} leaves {size - count} of {size} processes without one: start "
            f"{count}, or ask for more learners"
        )
    return count, range(rank() if size > 1 else 0, count, size)


def stream(rng: Generator, learner: int) -> Generator:
    """The randomness of a learner: the run's own for the first, and further ones by its seed and
    their number, so that it does not depend on which process has it."""
    if learner == 0:
        return rng
    return Generator().manual_seed(rng.initial_seed() + APART * learner)


def agree_on(module: nn.Module) -> None:
    """Give every process the parameters and buffers of the main one."""
    if world_size() > 1:
        with _hearing(), torch.no_grad():
            for tensor in [*module.parameters(), *module.buffers()]:
                shared = tensor.detach().cpu().contiguous()
                dist.broadcast(shared, src=0)
                tensor.copy_(shared)


def mean_(tensors: Sequence[Tensor], count: int) -> Sequence[Tensor]:
    """Sum every tensor over the processes and divide it by ``count``, in place."""
    if world_size() > 1:
        flat = torch.cat([t.reshape(-1) for t in tensors])
        shared = flat.cpu()
        with _hearing():
            dist.all_reduce(shared)
        flat = shared.to(flat.device)
        for tensor, part in zip(
            tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True
        ):
            tensor.copy_(part.view_as(tensor))
    if count > 1:
        for tensor in tensors:
            tensor /= count
    return tensors


def agree(stop: str | None) -> str | None:
    """If any process wants to stop, all do."""
    if world_size() == 1:
        return stop
    wish = torch.tensor(float(stop is not None))
    with _hearing():
        dist.all_reduce(wish)
    if not wish:
        return None
    return next(one for one in gathered(stop) if one is not None)


def from_main(make: Callable[[], T]) -> T:
    """What ``make`` gives in the main process, where alone it is called, for all; the others
    wait."""
    if world_size() == 1:
        return make()
    box = [make() if is_main() else None]
    with _hearing():
        dist.broadcast_object_list(box, src=0)
    return cast(T, box[0])


def gathered(value: T) -> list[T]:
    """The value of every process, by its number."""
    if world_size() == 1:
        return [value]
    out: list[T | None] = [None] * world_size()
    with _hearing():
        dist.all_gather_object(out, value)
    return cast(list[T], out)


def merged(values: Mapping[int, T]) -> dict[int, T]:
    """The values of all processes, in the main one; in the others their own."""
    if world_size() == 1:
        return dict(values)
    every: list[Mapping[int, T]] | None = [{}] * world_size() if is_main() else None
    with _hearing():
        dist.gather_object(values, every, dst=0)
    return {k: v for each in (every or [values]) for k, v in each.items()}
