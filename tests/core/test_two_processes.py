"""What :mod:`graphcondense.core.parallel` says in two real processes, forked and quick: runs in
processes that torchrun started are in ``test_parallel.py``, and slow."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import graphcondense
from graphcondense.core import parallel
from graphcondense.core.experts import Buffer
from graphcondense.methods.quotient import Quotient
from tests.core.test_experts import Points, buffer, everything
from tests.toys import toy_graph

SECONDS = 60  # after which a process that waits has failed


def in_two(folder: Path, work: Callable[[int], Any]) -> list[Any]:
    """What ``work`` gives in each of two processes, or the error that it ends with; ``None`` of a
    process that ends without a word."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = []
    for rank in range(2):
        child = os.fork()
        if not child:
            _one(folder / str(rank), work, rank, port)
        started.append(child)
    until = time.monotonic() + SECONDS
    for child in started:
        while not os.waitpid(child, os.WNOHANG)[0]:
            if time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.01)
    assert time.monotonic() < until, "a process waited for ever"
    files = [folder / str(rank) for rank in range(2)]
    return [pickle.loads(file.read_bytes()) if file.exists() else None for file in files]


def _one(to: Path, work: Callable[[int], Any], rank: int, port: str) -> None:
    """In the forked process, which does not return."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ.update({"RANK": str(rank), "WORLD_SIZE": "2", **where})
        try:
            found = work(rank)
        except BaseException as error:
            found = error
        to.write_bytes(pickle.dumps(found))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


class Numbers(nn.Module):
    number: torch.Tensor

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2, 3), value))
        self.register_buffer("number", torch.tensor([7 + int(value)]))


def test_what_processes_tell_each_other(tmp_path: Path) -> None:
    def work(rank: int) -> dict[str, Any]:
        assert (parallel.world_size(), parallel.rank(), parallel.asked()) == (1, rank, 2)
        before = signal.getsignal(signal.SIGTERM)
        with parallel.together():
            assert signal.getsignal(signal.SIGTERM) is not before
            with parallel.together():  # nothing further, and its end is not the end
                pass
            assert (parallel.world_size(), parallel.rank()) == (2, rank)
            module = Numbers(float(rank))
            parallel.agree_on(module)
            tensors = [torch.tensor([[1.0 + rank, 5.0]]), torch.tensor(10.0 * rank)]
            found = {
                "main": parallel.is_main(),
                "gathered": parallel.gathered(f"{rank}"),
                "from main": parallel.from_main(lambda: f"made by {rank}"),
                "merged": parallel.merged({rank: "own", rank + 2: "further"}),
                "nobody": parallel.agree(None),
                "one": parallel.agree("the second" if rank else None),
                "both": parallel.agree(f"the wish of {rank}"),
                "weight": module.weight.detach().tolist(),
                "number": module.number.tolist(),
                "mean": [t.tolist() for t in parallel.mean_(tensors, 4)],
                "in place": [t.tolist() for t in tensors],
                "sum": parallel.mean_([torch.tensor([1.0 + rank])], 1)[0].tolist(),
            }
        assert parallel.world_size() == 1
        assert signal.getsignal(signal.SIGTERM) is before
        with parallel.together():  # another group, that does not meet the first
            found["again"] = parallel.gathered(rank + 10)
        return found

    first, second = in_two(tmp_path, work)
    assert isinstance(first, dict), first
    own = {"main": True, "merged": {0: "own", 1: "own", 2: "further", 3: "further"}}
    assert {key: first.pop(key) for key in own} == own
    assert not second.pop("main")
    assert second.pop("merged") == {1: "own", 3: "further"}
    means = [[[3 / 4, 10 / 4]], 10 / 4]
    assert first == second == {
        "gathered": ["0", "1"], "from main": "made by 0", "nobody": None, "one": "the second",
        "both": "the wish of 0", "weight": [[0.0] * 3] * 2, "number": [7], "mean": means,
        "in place": means, "sum": [3.0], "again": [10, 11],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (ValueError("no  such\nluck"), "process 1 of 2 stopped: ValueError: no such luck"),
        (ValueError("x" * 600), "process 1 of 2 stopped: ValueError: " + "x" * 500),
        (KeyboardInterrupt(), "process 1 of 2 stopped: interrupted"),
        ("killed", "another process has ended without a word (killed, or out of memory?)"),
    ],
    ids=["raises", "of many words", "interrupted", "killed"],
)
def test_a_process_that_ends_says_why(how: BaseException | str, said: str, tmp_path: Path) -> None:
    def work(rank: int) -> None:
        with parallel.together():
            if rank == 0:
                parallel.gathered(1)
            elif isinstance(how, str):
                os.kill(os.getpid(), signal.SIGKILL)
            else:
                raise how

    first, second = in_two(tmp_path, work)
    assert isinstance(first, parallel.LostProcessError)
    assert str(first) == (
        f"{said}; so process 0 stops, too. Put that right and run the same again; a run with a "
        "folder goes on from its last checkpoint with resume (--resume)"
    )
    if isinstance(how, str):
        assert second is None
    else:
        assert repr(second) == repr(how)


def test_a_process_that_torchrun_ends_says_what_the_others_said(tmp_path: Path) -> None:
    """And a second SIGTERM ends it at once."""

    def work(rank: int) -> object:
        try:
            with parallel.together():
                parallel.gathered(1)
                if rank:
                    raise OSError("no space left on device")
                parallel._WORDS[0].wait(["word"])
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(SECONDS)
        finally:
            if rank == 0:
                ending = signal.getsignal(signal.SIGTERM)
                assert ending not in (signal.SIG_DFL, signal.SIG_IGN)
                os.kill(os.getpid(), signal.SIGTERM)  # is ending already
                assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        return None

    first, second = in_two(tmp_path, work)
    assert isinstance(first, parallel.LostProcessError), first
    assert str(first).startswith("process 1 of 2 stopped: OSError: no space left on device; so")
    assert isinstance(second, OSError)


def test_alone_all_of_it_is_what_it_is_given() -> None:
    value = [torch.tensor([3.0]), torch.tensor(5.0)]
    with parallel.together():
        assert parallel.world_size() == 1
        assert parallel.agree(None) is None
        assert parallel.agree("enough") == "enough"
        assert parallel.gathered("x") == ["x"]
        assert parallel.merged({4: "x"}) == {4: "x"}
        assert parallel.from_main(lambda: 3) == 3
        assert [t.tolist() for t in parallel.mean_(value, 2)] == [[1.5], 2.5]


def test_numbers_before_a_group_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert (parallel.asked(), parallel.rank(), parallel.is_main(), parallel.gpu()) == (
        0, 0, True, "cuda",
    )  # fmt: skip
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert parallel.asked() == 0
    monkeypatch.setenv("WORLD_SIZE", "6")
    monkeypatch.setenv("RANK", "4")
    assert (parallel.asked(), parallel.rank(), parallel.is_main()) == (6, 4, False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert parallel.gpu() == "cuda:0"
    monkeypatch.setenv("LOCAL_RANK", "5")
    assert parallel.gpu() == "cuda:1"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert parallel.gpu() == "cuda"
    assert parallel.shares(13) == (13, range(4, 13, 6))


def test_finished_sizes_are_given_back_to_all_processes(tmp_path: Path) -> None:
    """None makes them again."""
    options: Any = {"sizes": (6, 9), "out": tmp_path / "run", "progress": False}
    data = toy_graph()
    made: Any = graphcondense.condense(data, "quotient", **options)

    def work(rank: int) -> dict[int, str]:
        Quotient.nested = None  # type: ignore[assignment, method-assign]
        found: Any = graphcondense.condense(data, "quotient", resume=True, **options)
        return {size: small.condensed["hash"] for size, small in found.items()}

    hashes = {size: small.condensed["hash"] for size, small in made.items()}
    assert in_two(tmp_path, work) == [hashes] * 2


def test_experts_in_memory_are_those_of_all_processes(tmp_path: Path) -> None:
    """Each trains some of them, and both end with all, as one process makes them."""

    def work(rank: int) -> tuple[Any, list[int], list[bool]]:
        trained: list[int] = []
        make = Buffer._make
        Buffer._make = lambda self, wanted, real: (  # type: ignore[method-assign]
            trained.extend(wanted),
            make(self, wanted, real),
        )
        with parallel.together():
            kept = buffer().prepare(Points())
        timed = [kept._seconds[expert] > 0 for expert in range(3)]
        return everything(kept), trained, timed

    whole = everything(buffer().prepare(Points()))
    (first, of_first, timed), (second, of_second, again) = in_two(tmp_path, work)
    assert (of_first, of_second) == ([0, 2], [1])
    assert torch.equal(first, whole)
    assert torch.equal(second, whole)
    assert timed == again == [True] * 3
