"""A run that is cut anywhere and goes on is the run in one go: pools, callbacks, seconds, words."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

import graphcondense
from graphcondense.core import Batch, Callback, Fresh, Learner, Schedule, Synthetic, distill
from graphcondense.core.callbacks import (
    Checkpoint,
    EarlyStop,
    TimeBudget,
    Validate,
    read_checkpoint,
)
from graphcondense.core.engine import State, snapshot
from graphcondense.core.expert_training import Training
from graphcondense.core.experts import Buffer, Experts
from graphcondense.core.pools import Idle, OnReal, OnSynthetic, Taught, inner_adam, orthogonal
from graphcondense.core.replay import Replay
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Pool
from tests.cases import StopAfter, toy_graph


class Rows(Synthetic):
    """Four labelled rows, or images of four pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.randn(4, 3, generator=Generator().manual_seed(0)))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.x]}

    def batch(self, c: int | None = None) -> Batch:
        return Batch((self.x,), torch.tensor([0, 1, 0, 1]))

    def export(self) -> Tensor:
        return self.x.detach().clone()


class Real:
    """Ten real rows."""

    num_classes, counts, num_examples, example_bytes = 2, torch.tensor([5, 5]), 10, 12
    x = torch.randn(10, 3, generator=Generator().manual_seed(1))
    y = torch.arange(10) % 2

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        rows = torch.arange(10) if size is None else torch.randperm(10, generator=rng)[:size]
        return Batch((self.x[rows],), self.y[rows])


def through_the_network(syn: Synthetic, real: Any, learner: Learner, rng: Generator) -> Tensor:
    """An objective in which the network's weights, and a draw, decide where the rows go."""
    noise = 0.1 * torch.randn(4, 3, generator=rng)
    (x,), y, *_ = syn.batch()
    if not learner.params:
        return (x + noise).square().sum()
    target = sum(t.sum() for t in learner.target.values()) if learner.target else 1.0
    return learner.loss(Batch((x + noise,), y)) * target


def noisy(x: Tensor, rng: Generator) -> Tensor:
    return x + 0.1 * torch.randn(x.shape, generator=rng)


def net() -> nn.Module:
    return nn.Linear(3, 2)


def experts() -> Experts:
    buffer = Buffer(net(), Training(experts=2, epochs=3, size=4, lr=0.1), {})
    return Experts(buffer.prepare(Real()), ahead=1)


momentum = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
POOLS: dict[str, Callable[[], Pool]] = {
    "one match a network": lambda: Fresh(net(), 1, 0),
    "matches without training": lambda: Fresh(net(), 3, 0),
    "Adam": lambda: Fresh(net(), 4, 2, inner_adam(0.1)),
    "momentum": lambda: Fresh(net(), 4, 2, momentum),
    "Adam on augmented rows": lambda: Fresh(
        net(), 4, 2, inner_adam(0.1), lessons=OnSynthetic(noisy)
    ),
    "Adam on real rows": lambda: Fresh(net(), 4, 2, inner_adam(0.1), lessons=OnReal(4)),
    "Adam on augmented real rows": lambda: Fresh(
        net(), 4, 2, inner_adam(0.1), lessons=OnReal(4, noisy)
    ),
    "an orthogonal sequence": lambda: Fresh(net(), 2, 1, draws=orthogonal),
    "replayed": lambda: Replay(net(), 2, 2, 5, inner_adam(0.1)),
    "one fixed": lambda: Replay(net(), 1, 0),
    "taught": lambda: Taught(net(), Real().batch(), 3, inner_adam(0.1)),
    "experts": experts,
    "no network": Idle,
}
STEPS = 9  # more than two networks of four matches


class Copies(Callback):
    """What a checkpoint would hold after every update, as a file has it."""

    def __init__(self) -> None:
        self.files: list[bytes] = []

    def step(self, state: State) -> None:
        file = io.BytesIO()
        torch.save(snapshot(state, []), file)
        self.files.append(file.getvalue())


def loop(
    pool: Pool, resume: Mapping[str, Any] | None = None, callbacks: Sequence[Callback] = ()
) -> dict[str, Tensor]:
    syn = WithScalars(Rows(), {"lr": [0.1]})
    schedule = Schedule(STEPS, {"x": 0.1, "lr": 0.01}, (("x", 2), ("lr", 1)), anneal=True)
    own = {"rng": Generator().manual_seed(0), "callbacks": callbacks, "resume": resume}
    distill(syn, through_the_network, pool, schedule, Real(), **own)
    return {k: v.clone() for k, v in syn.state_dict().items()}


@pytest.mark.parametrize("name", POOLS)
def test_cut_at_every_position_of_a_networks_life(name: str) -> None:
    copies = Copies()
    whole = loop(POOLS[name](), callbacks=[copies])
    assert len(copies.files) == STEPS
    for step, file in enumerate(copies.files, 1):
        saved = torch.load(io.BytesIO(file), weights_only=True)
        rest = loop(POOLS[name](), saved)
        for key, value in whole.items():
            assert torch.equal(value, rest[key]), f"cut after step {step}: {key}"


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("gcond", {"epochs": 1, "outer": 4, "inner": 2, "structure_hidden": 4}),
        ("doscond", {"epochs": 4, "structure_hidden": 4}),
        ("simgc", {"epochs": 4, "teacher_steps": 3}),
    ],
)
def test_a_method_cut_at_every_step(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Through files, and with all the callbacks of a run."""
    common = {"per_class": 1, "progress": False, "validations": 0, "hidden_channels": 4, **options}

    def run(**more: Any) -> Any:
        return graphcondense.condense(toy_graph(n=30), method, **common, **more)

    whole = run().condensed
    for step in range(1, whole["steps"]):
        with pytest.raises(KeyboardInterrupt):
            run(out=tmp_path / f"{step}", checkpoint_seconds=0, callbacks=[StopAfter(step + 1)])
        rest = run(out=tmp_path / f"{step}", resume=True)
        assert rest.condensed["hash"] == whole["hash"], f"cut after step {step}"


# --- callbacks -------------------------------------------------------------------------------


class Counts(Callback):
    """Remembers which updates it has seen, in a loop of which only every ``every``-th counts."""

    def __init__(self, every: int) -> None:
        self.every, self.seen = every, list[int]()

    def step(self, state: State) -> None:
        if state.step % self.every == 0:
            self.seen.append(state.step)

    def state_dict(self) -> dict[str, Any]:
        return {"seen": list(self.seen)}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        self.seen = list(saved["seen"])


class Others(Counts):
    """Another class."""


def cut(tmp_path: Path, callbacks: Sequence[Callback]) -> Mapping[str, Any]:
    """A checkpoint after four updates, with these callbacks."""
    file = Checkpoint(tmp_path / "c.pt", {"run": 1}, callbacks, every=4, seconds=None)
    with pytest.raises(KeyboardInterrupt):
        loop(Idle(), callbacks=[*callbacks, file, StopAfter(5)])
    return torch.load(tmp_path / "c.pt", weights_only=True)["engine"]  # type: ignore[no-any-return]


def test_two_callbacks_of_one_class_keep_their_own_states(tmp_path: Path) -> None:
    saved = cut(tmp_path, [Counts(1), Counts(2)])
    one, two = Counts(1), Counts(2)
    loop(Idle(), saved, [one, two])
    assert one.seen == list(range(1, STEPS + 1))
    assert two.seen == [2, 4, 6, 8]


def test_two_validations_keep_their_own_best(tmp_path: Path) -> None:
    """Opposite scores, so that one has its best early and the other late."""

    def both() -> list[Callback]:
        return [
            Validate(lambda x: float(x.square().sum()), 1),
            Validate(lambda x: -float(x.square().sum()), 1),
        ]

    whole = both()
    loop(Idle(), callbacks=whole)
    rest = both()
    loop(Idle(), cut(tmp_path, both()), rest)
    for a, b in zip(whole, rest, strict=True):
        assert (a.best, a.best_step) == (b.best, b.best_step)  # type: ignore[attr-defined]
    assert whole[0].best_step != whole[1].best_step  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([Counts(1)], "checkpoint and not this run has .*Counts 2"),
        ([Counts(1), Counts(2), Counts(3)], "this run and not it has .*Counts 3"),
        ([Counts(1), Others(1)], "checkpoint and not this run has .*Counts 2"),
        ([], "checkpoint and not this run has .*Counts 1"),
    ],
)
def test_other_callbacks_are_refused(others: list[Callback], said: str, tmp_path: Path) -> None:
    saved = cut(tmp_path, [Counts(1), Counts(2)])
    with pytest.raises(ValueError, match=said) as error:
        loop(Idle(), saved, others)
    assert len(str(error.value)) < 500
    with pytest.raises(ValueError, match=said):
        read_checkpoint(tmp_path / "c.pt", {"run": 1}, others)


def test_callbacks_without_a_state_come_and_go(tmp_path: Path) -> None:
    saved = cut(tmp_path, [Counts(1)])
    counts = Counts(1)
    loop(Idle(), saved, [Callback(), counts, StopAfter(99)])
    assert counts.seen == list(range(1, STEPS + 1))


def test_a_run_with_other_callbacks_is_refused_before_work(tmp_path: Path) -> None:
    common = {
        "per_class": 1,
        "epochs": 4,
        "progress": False,
        "validations": 0,
        "hidden_channels": 4,
    }
    common |= {"out": tmp_path, "structure": "identity"}
    with pytest.raises(KeyboardInterrupt):
        graphcondense.condense(
            toy_graph(),
            "doscond",
            checkpoint_seconds=0,
            callbacks=[Counts(1), StopAfter(2)],
            **common,
        )
    before = (tmp_path / "metrics.jsonl").read_text()
    with pytest.raises(ValueError, match=r"checkpoint and not this run has .*Counts 1"):
        graphcondense.condense(toy_graph(), "doscond", resume=True, **common)
    assert (tmp_path / "metrics.jsonl").read_text() == before


# --- limits ----------------------------------------------------------------------------------


def test_a_run_that_had_ended_ends_at_once_and_goes_on_with_a_larger_limit(tmp_path: Path) -> None:
    def limited(**more: Any) -> Any:
        options = {"per_class": 1, "progress": False, "epochs": 50, "hidden_channels": 4, **more}
        return graphcondense.condense(
            toy_graph(n=30), "doscond-x", validations=50, out=tmp_path, lr_x=0.0, **options
        )

    first = limited(patience=3).condensed
    assert first["steps"] == 4  # the first score is the best, and three are no better
    assert first["stopped"] == "no better validation score in 3 in a row"
    again = limited(patience=3, resume=True).condensed
    assert (again["steps"], again["hash"]) == (4, first["hash"])
    assert limited(patience=5, resume=True).condensed["steps"] == 6
    rest = limited(resume=True).condensed
    assert (rest["steps"], rest["stopped"]) == (50, None)


def test_patience_and_seconds_are_remembered_apart() -> None:
    stop, budget = EarlyStop(None), TimeBudget(None)
    loop(Idle(), callbacks=[budget, Validate(lambda x: 0.0, 1), stop])
    assert stop.since == STEPS - 1  # all but the first score after the start
    assert budget.state_dict()["used"]["seconds"] > 0


@pytest.mark.parametrize("at", [2, 3, 7])
def test_stopped_by_the_clock_and_gone_on_is_in_one_go(
    at: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The score of the step at which time ran out is no candidate of the run that goes on.

    Scores are due after every third update; those after ``at`` updates would be the best.
    """

    class Stop(Callback):
        def step(self, state: State) -> None:
            if state.step == at:
                state.stop = "enough"

    def run(name: str, score: Callable[[Any], float], *callbacks: Callback, **more: Any) -> Any:
        monkeypatch.setattr("graphcondense.kinds.node.NodeProblem.score", lambda self: score)
        options = {"per_class": 1, "epochs": 9, "hidden_channels": 4, "validations": 3, **more}
        options |= {"out": tmp_path / name, "callbacks": callbacks, "progress": False}
        return graphcondense.condense(toy_graph(n=30), "doscond-x", **options).condensed

    sums: list[float] = []  # of the sets after 0, 1, ... 9 updates
    run("all", lambda export: sums.append(float(export.x.sum())) or 0.0, validations=9)  # type: ignore[func-returns-value]

    def score(export: Any) -> float:
        step = sums.index(float(export.x.sum()))
        return 10.0 if step == at else float(step)

    whole = run("whole", score, patience=2)
    first = run("cut", score, Stop(), patience=2)
    assert (first["steps"], first["stopped"]) == (at, "enough")
    assert first["validation"]["step"] == at
    rest = run("cut", score, resume=True, patience=2)
    for key in ("hash", "validation", "steps", "stopped"):
        assert rest[key] == whole[key], key


# --- seconds ---------------------------------------------------------------------------------


class Slow(Callback):
    """A step that takes a while: asleep, and busy."""

    def __init__(self, asleep: float, busy: float) -> None:
        self.asleep, self.busy = asleep, busy

    def step(self, state: State) -> None:
        time.sleep(self.asleep)
        end = time.process_time() + self.busy
        while time.process_time() < end:
            pass


def test_seconds_are_those_of_all_processes(tmp_path: Path) -> None:
    """Eight updates of 0.05 s asleep and 0.05 s busy, in three processes."""

    def run(cut_after: int | None, **more: Any) -> Any:
        callbacks: list[Callback] = [Slow(0.05, 0.05)]
        if cut_after is not None:
            callbacks.append(StopAfter(cut_after + 1))
        return graphcondense.condense(
            toy_graph(n=30),
            "doscond-x",
            per_class=1,
            epochs=8,
            hidden_channels=4,
            validations=0,
            progress=False,
            out=tmp_path,
            checkpoint_seconds=0,
            callbacks=callbacks,
            **more,
        )

    with pytest.raises(KeyboardInterrupt):
        run(3)
    with pytest.raises(KeyboardInterrupt):
        run(6, resume=True)
    began, processor = time.perf_counter(), time.process_time()
    record = run(None, resume=True).condensed
    own, own_processor = time.perf_counter() - began, time.process_time() - processor
    # What the last process cannot have used: the six updates of those before it.
    assert record["seconds"] >= 0.8
    assert record["seconds"] >= own + 0.35
    assert record["processor_seconds"] >= 0.4
    assert record["processor_seconds"] >= own_processor + 0.2
    assert graphcondense.load(tmp_path).condensed["seconds"] == record["seconds"]


def test_a_budget_counts_earlier_processes(tmp_path: Path) -> None:
    def run(steps: int | None, seconds: float, **more: Any) -> Any:
        callbacks: list[Callback] = [Slow(0.05, 0.0)]
        if steps is not None:
            callbacks.append(StopAfter(steps))
        return graphcondense.condense(
            toy_graph(n=30),
            "doscond-x",
            per_class=1,
            epochs=10_000,
            hidden_channels=4,
            validations=0,
            progress=False,
            out=tmp_path,
            checkpoint_seconds=0,
            seconds=seconds,
            callbacks=callbacks,
            **more,
        ).condensed

    with pytest.raises(KeyboardInterrupt):
        run(8, 60.0)
    record = run(None, 0.6, resume=True)
    assert 8 <= record["steps"] <= 13  # 7 updates took 0.35 s of the 0.6 s
    assert record["stopped"] == "time budget of 0.6 s is spent"


# --- words -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished")
    graphcondense.condense(toy_graph(n=30), "doscond-x", out=out, **QUICK)
    return out


QUICK = {"per_class": 1, "epochs": 2, "hidden_channels": 4, "validations": 0, "progress": False}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lr_x": 0.7}, "hyperparameters.lr_x is 0.03 there and 0.7 here"),
        ({"seed": 3}, "seed is 0 there and 3 here"),
        ({"validations": 1}, "validations is 0 there and 1 here"),
        ({"model": "gcn"}, "hyperparameters.model is 'sgc' there and 'gcn' here"),
        ({"pseudo_labels": 2}, "pseudo_labels is None there and 2 here"),
    ],
)
def test_the_one_difference_is_named(change: dict[str, Any], said: str, finished: Path) -> None:
    with pytest.raises(ValueError, match="is of another run: ") as error:
        graphcondense.condense(
            toy_graph(n=30), "doscond-x", out=finished, resume=True, **{**QUICK, **change}
        )
    assert said in str(error.value)
    assert len(str(error.value)) < 500


def test_damage_is_looked_for_unless_that_is_left_out(tmp_path: Path) -> None:
    file, mark = tmp_path / "c.pt", torch.full((1000,), 2.5)
    saved = {"step": 3, "syn": {}, "callbacks": {}, "x": mark}
    torch.save({"format": 2, "identity": {}, "engine": saved}, file)
    assert torch.equal(read_checkpoint(file, {})["x"], mark)
    content = bytearray(file.read_bytes())
    content[content.index(mark.numpy().tobytes()) + 400] ^= 1
    file.write_bytes(content)
    for given in ({}, {"check": True}):
        with pytest.raises(ValueError, match=r"damaged|checksum"):
            read_checkpoint(file, {}, **given)
    looked = read_checkpoint(file, {}, check=False)["x"]
    assert int((looked != mark).sum()) == 1


def test_checkpoints_of_other_makes(tmp_path: Path) -> None:
    def refused(content: Any, said: str) -> None:
        file = tmp_path / "c.pt"
        file.write_bytes(content) if isinstance(content, bytes) else torch.save(content, file)
        with pytest.raises(ValueError, match=said) as error:
            read_checkpoint(file, {"seed": 0})
        assert len(str(error.value)) < 500
        assert "\x1b" not in str(error.value)

    refused(b"", "not a checkpoint of this package")
    refused(b"not a checkpoint", "not a checkpoint of this package")
    refused({"weights": torch.ones(2)}, "not a checkpoint of this package")
    refused(torch.ones(2), "not a checkpoint of this package")
    refused({"model": nn.Linear(2, 2)}, "not a checkpoint of this package")
    old = {"identity": {"seed": 0}, "engine": {"callbacks": {}}}
    refused(old, "written by another version of this package.*start over")
    whole = {"format": 2, "identity": {"seed": 0}}
    engine = {"step": 3, "syn": {}, "callbacks": {}}
    for name in engine:
        part = {key: value for key, value in engine.items() if key != name}
        refused({**whole, "engine": part}, "not a whole checkpoint; start over")
    refused({**whole, "engine": [3]}, "not a whole checkpoint")
    for made in ({}, {"place": {}}, []):
        refused({**whole, "engine": engine, "made": made}, "not a whole checkpoint")
    wide = {"format": 2, "identity": {"seed": list(range(10**5))}, "engine": {}}
    refused(wide, "is of another run: seed is")
