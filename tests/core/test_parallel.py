"""Several learners an update, in one process and dealt out to two."""

from __future__ import annotations

import copy
import importlib
import itertools
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

import graphcondense
from graphcondense.core import (
    Batch,
    Callback,
    Fresh,
    Learner,
    Schedule,
    Synthetic,
    distill,
    parallel,
)
from graphcondense.core.engine import State, snapshot
from graphcondense.core.replay import Replay
from graphcondense.core.types import Pool
from tests import cases
from tests.cases import CASES, tensors, toy_graph
from tests.ranks import ROOT, env, torchrun


class Noisy(Synthetic):
    """Points ``x [4, 2]`` that are seen with noise, which lasts until the next draw."""

    noise: Tensor
    told: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.arange(8.0).view(4, 2) / 8)
        self.register_buffer("noise", torch.zeros(4, 2))
        self.register_buffer("told", torch.ones(()))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.x]}

    def draw(self, rng: Generator) -> None:
        self.noise.copy_(torch.rand(4, 2, generator=rng) / 10)

    def batch(self, c: int | None = None) -> Batch:
        return Batch((self.told * (self.x + self.noise),), torch.tensor([0, 1, 0, 1]))


def sharp(syn: Any, real: Any, learner: Learner, rng: Generator) -> Tensor:
    """A loss with the learner, the draws and numbers of its own in it."""
    return learner.loss(syn.batch()) + (syn.x * torch.rand(4, 2, generator=rng)).sum()


class Teller(Callback):
    """Changes what all learners see, as a chosen ridge does."""

    def step(self, state: State) -> None:
        state.syn.get_buffer("told").mul_(1.1)


class Copies(Callback):
    def __init__(self) -> None:
        self.saved: list[Mapping[str, Any]] = []

    def step(self, state: State) -> None:
        self.saved.append(copy.deepcopy(snapshot(state, [])))


def train(
    pool: Pool, learners: int | None, callbacks: Sequence[Callback] = (), resume: Any = None
) -> dict[str, Tensor]:
    syn, rng = Noisy(), Generator().manual_seed(7)
    options = {"rng": rng, "callbacks": [Teller(), *callbacks], "resume": resume}
    schedule = Schedule(7, {"x": 0.05})
    distill(syn, sharp, pool, schedule, None, learners=learners, **options)  # type: ignore[arg-type]
    return {k: v.clone() for k, v in syn.state_dict().items()}


def test_an_update_follows_the_mean_over_learners() -> None:
    """By hand: every learner with its own generator, network, draws and training between."""
    pool = Fresh(nn.Linear(2, 2), 3, 2)
    found = train(pool, 3)
    syn = Noisy()
    seeds = [7 + parallel.APART * i for i in range(3)]
    rngs = [Generator().manual_seed(seed) for seed in seeds]
    seen = [copy.deepcopy(syn) for _ in rngs]  # what each learner's line sees
    lines = [pool(one, None, rng) for one, rng in zip(seen, rngs, strict=True)]  # type: ignore[arg-type]
    adam = torch.optim.Adam([syn.x], 0.05)
    for _ in range(7):
        total = torch.zeros(4, 2)
        for one, rng, line in zip(seen, rngs, lines, strict=True):
            one.x.data.copy_(syn.x)
            one.told.copy_(syn.told)
            learner = next(line)
            one.draw(rng)
            total += torch.autograd.grad(sharp(one, None, learner, rng), one.x)[0]
        syn.x.grad = total / 3
        adam.step()
        syn.told.mul_(1.1)
    torch.testing.assert_close(found["x"], syn.x.detach())
    assert torch.equal(found["noise"], seen[0].noise)
    assert not torch.equal(found["x"], train(pool, None)["x"])
    assert torch.equal(train(pool, 1)["x"], train(pool, None)["x"])


@pytest.mark.parametrize("pool", [Fresh(nn.Linear(2, 2), 3, 2), Replay(nn.Linear(2, 2), 2, 1, 5)])
def test_several_learners_resume_bit_for_bit(pool: Pool) -> None:
    copies = Copies()
    whole = train(pool, 3, [copies])
    for saved in copies.saved[:-1]:
        again = train(pool, 3, resume=saved)
        assert all(torch.equal(whole[k], again[k]) for k in whole)
    with pytest.raises(ValueError, match="run with learners=3, and this one has 2"):
        train(pool, 2, resume=copies.saved[0])


def test_what_is_asked_for_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    quick: dict[str, Any] = {"nodes": 6, "progress": False}
    with pytest.raises(ValueError, match=r"learners=2 cannot act: no loop is run"):
        graphcondense.condense(toy_graph(), "random", learners=2, **quick)
    with pytest.raises(ValueError, match=r"learners=0 must be at least 1"):
        graphcondense.condense(toy_graph(), "gcond-x", learners=0, **quick)
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "1")
    assert parallel.shares(None) == (3, range(1, 3, 3))
    assert [list(parallel.shares(n)[1]) for n in (3, 5)] == [[1], [1, 4]]
    with pytest.raises(ValueError, match=r"learners=2 leaves 1 of 3 processes without one"):
        parallel.shares(2)


def test_learners_are_in_the_record_and_the_config(tmp_path: Path) -> None:
    quick: dict[str, Any] = {"nodes": 6, "progress": False, "epochs": 2, "validations": 0}
    small = graphcondense.condense(toy_graph(), "gcond-x", learners=2, out=tmp_path, **quick)
    assert small.condensed["learners"] == 2
    assert "learners: 2" in (tmp_path / "config.yaml").read_text()
    with pytest.raises(ValueError, match="of another run: learners is 2 there and None here"):
        graphcondense.condense(toy_graph(), "gcond-x", out=tmp_path, resume=True, **quick)


def every_loop(file: str) -> None:
    """Run every method with a loop, with two learners an update; called in processes."""
    found = {}
    for key, case in sorted(loops().items()):
        # Unscored, or a start that is not beaten on a toy would be compared with itself.
        found["/".join(key)] = tensors(case().condense(learners=2, validations=0))
    torch.save(found, f"{file}{os.environ.get('RANK', '')}")


def loops() -> dict[tuple[str, str], type[cases.MethodCase]]:
    import tests.methods

    for module in pkgutil.iter_modules(tests.methods.__path__):
        importlib.import_module(f"tests.methods.{module.name}")
    return {key: case for key, case in CASES.items() if case.iterates}


def as_users_do(script: Path, *words: object) -> tuple[int, str]:
    """Run a script in two processes, which may not hang: what it ended with, and what it said."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(script), *map(str, words)],
        env=env(), cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.slow(seconds=45)
def test_two_processes_give_what_one_with_two_learners_gives(tmp_path: Path) -> None:
    """All methods with a loop: with draws in the synthetic set, experts, and choices on the way."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom tests.core.test_parallel import every_loop\nevery_loop(sys.argv[1])\n"
    )
    every_loop(str(tmp_path / "one"))
    status, said = as_users_do(script, tmp_path / "one")
    assert status == 0, said
    alone, first, second = (
        torch.load(tmp_path / f"one{rank}", weights_only=True) for rank in ("", "0", "1")
    )
    assert len(alone) > 20
    for name, expected in alone.items():
        for a, b, c in zip(expected, first[name], second[name], strict=True):
            assert torch.equal(b, c), name
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5, msg=name)


DIES = """
import os
import signal
import sys
import graphcondense
from graphcondense.core import Callback
from tests.cases import toy_graph

class Dies(Callback):
    def step(self, state):
        if state.step == 4 and os.environ["RANK"] == sys.argv[3]:
            if sys.argv[2] == "raises":
                raise OSError("no space left on device")
            os.kill(os.getpid(), signal.SIGKILL)

graphcondense.condense(
    toy_graph(), "gcond-x", nodes=6, epochs=9, validations=2, progress=False, device="cpu",
    out=sys.argv[1], checkpoint_seconds=0.0, callbacks=[Dies()],
)
"""


@pytest.mark.slow(seconds=50)
def test_a_process_that_dies_stops_the_other(tmp_path: Path) -> None:
    """At once, with the reason; one process goes on from the checkpoint to the bits of both."""
    out = tmp_path / "out"
    fates = list(itertools.product(("raises", "killed"), (0, 1)))
    found = torchrun(DIES, out, *([out / f"{how}{rank}", how, rank] for how, rank in fates))
    more: dict[str, Any] = {"nodes": 6, "epochs": 9, "validations": 2, "progress": False}
    whole = graphcondense.condense(toy_graph(), "gcond-x", learners=2, **more)
    for (ended_well, said), (how, rank) in zip(found, fates, strict=True):
        assert not ended_well
        why = {
            "raises": f"process {rank} of 2 stopped: OSError: no space left on device; so process "
            f"{1 - rank} stops, too",
            "killed": f"ended without a word (killed, or out of memory?); so process {1 - rank} "
            "stops",
        }
        assert why[how] in said
        folder = out / f"{how}{rank}"
        # A process that is killed leaves its lock, which nobody holds any more.
        left = {path.name for path in folder.iterdir()} - {".lock"}
        assert left == {"checkpoint.pt", "clock.json", "config.yaml", "metrics.jsonl"}
        resumed = graphcondense.condense(
            toy_graph(), "gcond-x", out=folder, resume=True, learners=2, **more
        )
        torch.testing.assert_close(resumed.x, whole.x, rtol=1e-5, atol=1e-5)
