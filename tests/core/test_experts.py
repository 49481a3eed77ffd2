"""Experts: what is kept, what is made anew, and where learners start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from graphcondense.core import experts
from graphcondense.core.expert_training import Settled, Span, Training
from graphcondense.core.experts import Buffer, Experts, cache_folder
from graphcondense.core.pools import built
from graphcondense.core.types import Batch


class Points:
    """Two classes of points in a plane; stops the training of an expert where told to."""

    num_classes, num_examples, example_bytes = 2, 40, 16

    def __init__(self, stop_at: int | None = None) -> None:
        rng = Generator().manual_seed(0)
        self.y = torch.arange(40) % 2
        self.x = torch.randn(40, 3, generator=rng) + 2.0 * self.y[:, None]
        self.calls, self.stop_at = 0, stop_at

    @property
    def counts(self) -> Tensor:
        return torch.tensor([20, 20])

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        rows = torch.randperm(40, generator=rng)[:size]
        return Batch((self.x[rows],), self.y[rows])


HOW = Training(experts=3, epochs=4, size=10, lr=0.1, momentum=0.5, weight_decay=0.01)
STEPS = 16  # of one expert


def buffer(folder: Path | None = None, how: Training = HOW, **kwargs: Any) -> Buffer:
    model = built(nn.Linear, 3, 2)
    return Buffer(model, how, {"data": "points"}, folder, **kwargs)


def everything(kept: Buffer) -> Tensor:
    how = kept.training
    return torch.stack(
        [
            torch.cat([v.flatten() for v in kept.weights(e, s).values()])
            for e in range(how.experts)
            for s in range(how.epochs + 1)
        ]
    )


def test_training_is_plain_sgd(tmp_path: Path) -> None:
    """Momentum and weight decay by hand, on the batches that the expert saw."""

    class Recorded(Points):
        def batch(self, *args: Any, **kwargs: Any) -> Batch:
            own = super().batch(*args, **kwargs)
            self.seen.append(own)
            return own

    real = Recorded()
    real.seen = []  # type: ignore[attr-defined]
    kept = buffer(tmp_path, replace(HOW, experts=1)).prepare(real)
    assert len(real.seen) == STEPS  # type: ignore[attr-defined]
    w, b = (kept.weights(0, 0)[k].double() for k in ("weight", "bias"))
    moved = [torch.zeros_like(w), torch.zeros_like(b)]
    for i, batch in enumerate(real.seen):  # type: ignore[attr-defined]
        x, y = batch.inputs[0].double(), F.one_hot(batch.y, 2).double()
        off = (torch.softmax(x @ w.T + b, 1) - y) / len(x)
        slopes = [off.T @ x + 0.01 * w, off.sum(0) + 0.01 * b]
        moved = [0.5 * m + s for m, s in zip(moved, slopes, strict=True)]
        w, b = w - 0.1 * moved[0], b - 0.1 * moved[1]
        if (i + 1) % 4 == 0:
            said = kept.weights(0, (i + 1) // 4)
            torch.testing.assert_close(said["weight"].double(), w, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(said["bias"].double(), b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("in_memory", [True, False])
def test_stages_are_copies(tmp_path: Path, in_memory: bool) -> None:
    """Stages differ from each other, and changing what was handed out changes nothing kept."""
    kept = buffer(None if in_memory else tmp_path).prepare(Points())
    before = everything(kept)
    assert len(before.unique(dim=0)) == 3 * 5
    for stage in range(5):
        for value in kept.weights(1, stage).values():
            value.zero_()
    learner = next(Experts(kept, ahead=2)(None, None, Generator()))  # type: ignore[arg-type]
    for value in (*learner.params.values(), *(learner.target or {}).values()):
        value.detach().zero_()
    assert torch.equal(everything(kept), before)


def test_memory_and_disk_hold_the_same_and_size_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, here = buffer(tmp_path), buffer()
    assert here.place is None
    assert there.disk_bytes == 3 * 5 * 4 * (3 * 2 + 2)
    assert (here.memory_bytes, there.memory_bytes) == (480, 160)
    assert torch.equal(everything(there.prepare(Points())), everything(here.prepare(Points())))
    assert list(there.weights(0, 0)) == list(here.weights(0, 0)) == ["weight", "bias"]
    said = capsys.readouterr().err
    assert "training 3 of 3 networks, 4 epochs each" in said
    assert f"in {tmp_path}" in said
    on_disk = sum(f.stat().st_size for f in there.file(0).parent.iterdir())
    assert there.disk_bytes <= on_disk < there.disk_bytes + 3 * 1000
    there.prepare(Points(stop_at=1))  # nothing is trained again
    assert capsys.readouterr().err == ""


def test_an_interrupted_buffer_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = everything(buffer(tmp_path / "whole").prepare(Points()))
    with pytest.raises(KeyboardInterrupt):
        buffer(tmp_path / "cut").prepare(Points(stop_at=STEPS + 5))
    assert "interrupted: 1 of 3 experts" in capsys.readouterr().err
    real = Points()
    assert torch.equal(everything(buffer(tmp_path / "cut").prepare(real)), whole)
    assert real.calls == 2 * STEPS
    assert not [f for f in buffer(tmp_path / "cut").file(0).parent.iterdir() if ".tmp" in f.name]


@pytest.mark.parametrize("how", ["cut", "flipped", "gone", "another's", "text"])
def test_a_broken_expert_is_made_anew_alone(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = buffer(tmp_path).prepare(Points())
    whole, path = everything(kept), kept.file(1)
    content = bytearray(path.read_bytes())
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    if how == "flipped":
        content[-1] ^= 64
        path.write_bytes(content)
    if how == "gone":
        path.unlink()
    if how == "another's":
        path.write_bytes(kept.file(0).read_bytes())
    if how == "text":
        path.write_text("not weights")
    capsys.readouterr()
    real = Points()
    assert torch.equal(everything(buffer(tmp_path).prepare(real)), whole)
    assert real.calls == STEPS
    said = capsys.readouterr().err
    assert "training 1 of 3" in said
    assert ("made anew" in said) == (how != "gone")


def test_the_key_is_of_everything_that_matters(tmp_path: Path) -> None:
    keys = {buffer(tmp_path).key}
    for change in (
        {"experts": 4},
        {"epochs": 5},
        {"size": 11},
        {"lr": 0.2},
        {"momentum": 0.0},
        {"weight_decay": 0.0},
        {"interval": 3},
        {"seed": 1},
    ):
        keys.add(buffer(tmp_path, replace(HOW, **change)).key)  # type: ignore[arg-type]
    keys.add(replace(buffer(tmp_path), identity={"data": "others"}).key)
    keys.add(replace(buffer(tmp_path), model=built(nn.Linear, 4, 2)).key)
    assert len(keys) == 11
    assert buffer(tmp_path).key == buffer(tmp_path / "elsewhere").key


def test_experts_are_their_seeds(tmp_path: Path) -> None:
    """Of each other and of how many there are, they do not depend."""
    three, two = buffer().prepare(Points()), buffer(how=replace(HOW, experts=2)).prepare(Points())
    assert torch.equal(everything(three)[:10], everything(two))
    other = buffer(how=replace(HOW, seed=1)).prepare(Points())
    assert not torch.equal(everything(three), everything(other))


def test_a_view_is_what_training_sees() -> None:
    def blank(x: Tensor, rng: Generator) -> Tensor:
        return 0 * x

    kept = buffer(how=replace(HOW, weight_decay=0.0), view=blank).prepare(Points())
    assert torch.equal(kept.weights(0, 0)["weight"], kept.weights(0, 4)["weight"])
    assert not torch.equal(kept.weights(0, 0)["bias"], kept.weights(0, 4)["bias"])


def test_where_a_large_buffer_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHCONDENSE_CACHE", str(tmp_path))
    assert buffer().place is None
    monkeypatch.setattr(experts, "SMALL", 479)
    assert buffer().place == tmp_path / "experts" / buffer().key
    monkeypatch.delenv("GRAPHCONDENSE_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "graphcondense" / "experts"


def test_learners_are_of_the_buffer_and_draws_of_the_generator() -> None:
    kept = buffer().prepare(Points())
    pool = Experts(kept, ahead=2, max_start=1)
    rng = Generator().manual_seed(5)
    learners = pool(None, None, rng)  # type: ignore[arg-type]
    first = [next(learners) for _ in range(30)]
    for learner in first:
        expert, start = learner.memory["expert"], learner.memory["start"]
        assert start in (0, 1)
        for mine, stage in ((learner.params, start), (learner.target, start + 2)):
            for k, v in kept.weights(expert, stage).items():
                assert torch.equal(mine[k], v)  # type: ignore[index]
        assert all(p.requires_grad for p in learner.params.values())
    drawn = {(f.memory["expert"], f.memory["start"]) for f in first}
    assert len(drawn) == 6
    state, memory = rng.get_state(), first[-1].memory
    follow = [next(learners).memory for _ in range(5)]
    again = pool(None, None, Generator().set_state(state), memory)  # type: ignore[arg-type]
    assert [next(again).memory for _ in range(5)] == follow


def test_bad_settings_are_named(tmp_path: Path) -> None:
    for change, said in (
        ({"experts": 0}, "experts of experts must be at least 1, got 0"),
        ({"lr": 0.0}, "lr of experts must be above 0"),
        ({"momentum": 1.0}, r"momentum of experts must be in \[0, 1\), got 1"),
        ({"momentum": 1.5}, r"momentum of experts must be in \[0, 1\), got 1.5"),
        ({"momentum": -0.1}, r"momentum of experts must be in \[0, 1\), got -0.1"),
        ({"weight_decay": -1.0}, "weight_decay of experts"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(HOW, **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="experts of 4 epochs hold no stretch of 3 epochs from"):
        Experts(buffer(), ahead=3, max_start=2)
    with pytest.raises(ValueError, match="ahead must be at least 1"):
        Experts(buffer(), ahead=0)
    with pytest.raises(ValueError, match="no stage 5 of expert 0: 3 experts, stages 0 to 4"):
        buffer().weights(0, 5)
    with pytest.raises(ValueError, match="was not made yet"):
        buffer().weights(0, 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write experts into"):
        buffer(tmp_path / "file").prepare(Points())
    with pytest.raises(
        FloatingPointError, match="expert 0 diverged by step 4: lower its learning rate"
    ):
        buffer(how=replace(HOW, lr=1e38)).prepare(Points())


def test_what_training_together_needs() -> None:
    """Every step sees all examples as they are: no batches, no views."""
    whole, settle = replace(HOW, size=None), lambda batch: (batch, None)
    assert buffer(how=whole, settle=settle, together=1).together == 1
    assert buffer(how=whole).settle is None
    for how, view in ((HOW, None), (whole, lambda batch, rng: batch)):
        with pytest.raises(ValueError, match="experts of batches or views are trained one by one"):
            buffer(how=how, view=view, settle=settle)
    with pytest.raises(ValueError, match="a course is for experts that are trained together"):
        buffer(how=whole, course=lambda step, batch: batch)
    with pytest.raises(ValueError, match="together"):
        buffer(how=whole, settle=settle, together=0)


def plain_sgd(steps: int, first: dict[str, Tensor], batches: list[Batch]) -> dict[str, Tensor]:
    """Weights after so many steps of torch's own SGD in float64."""
    own = nn.Linear(3, 2).double()
    own.load_state_dict({k: v.double() for k, v in first.items()})
    sgd = torch.optim.SGD(own.parameters(), lr=0.1, momentum=0.5, weight_decay=0.01)
    for batch in batches[:steps]:
        sgd.zero_grad()
        F.cross_entropy(own(batch.inputs[0].double()), batch.y).backward()
        sgd.step()
    return dict(own.state_dict())


@pytest.mark.parametrize("together", [1, 2, None])
def test_experts_that_are_trained_together_are_those_of_plain_sgd(together: int | None) -> None:
    """Two steps an epoch, each on the half of the examples that a course says."""
    real = Points()
    halves = [Batch((real.x[i::2],), real.y[i::2]) for i in range(2)]
    halves.append(Batch((real.x[:7],), real.y[:7]))
    seen = [halves[step % 3] for step in range(8)]
    how = replace(HOW, size=None, interval=2)
    kept = buffer(
        how=how, settle=lambda batch: (batch, None), together=together,
        course=lambda step, whole: halves[step % 3],
    ).prepare(real)  # fmt: skip
    for expert in range(3):
        first = kept.weights(expert, 0)
        for stage in range(5):
            wanted = plain_sgd(2 * stage, first, seen)
            for name, value in kept.weights(expert, stage).items():
                torch.testing.assert_close(value.double(), wanted[name], atol=1e-6, rtol=1e-5)


def test_steps_between_two_stages() -> None:
    """As many as draw each of the 40 examples once on average, or one of all of them."""
    real = Points()
    sizes = {None: 1, 40: 1, 20: 2, 15: 3, 100: 1, 1: 40}
    assert {size: replace(HOW, size=size).steps(real) for size in sizes} == sizes  # type: ignore[arg-type]
    assert replace(HOW, size=None, interval=5).steps(real) == 5  # type: ignore[arg-type]


def test_in_the_span_of_few_rows_training_is_that_of_all_features() -> None:
    """Momentum and weight decay move what is outside the span, too: SGD in float64 on four rows of
    nine features, and the same rows by coordinates in their span."""
    rng = Generator().manual_seed(4)
    x, y = torch.randn(4, 9, generator=rng), torch.tensor([0, 1, 1, 0])
    basis = torch.linalg.qr(x.T).Q
    how = replace(HOW, size=None, interval=3)
    kept = Buffer(
        built(nn.Linear, 9, 2), how, {"data": "points"},
        settle=lambda batch: Settled(Batch((x @ basis,), y), Span("weight", basis)),
    ).prepare(Points())  # fmt: skip
    for expert in range(3):
        own = nn.Linear(9, 2).double()
        own.load_state_dict({k: v.double() for k, v in kept.weights(expert, 0).items()})
        sgd = torch.optim.SGD(own.parameters(), lr=0.1, momentum=0.5, weight_decay=0.01)
        for stage in range(1, 5):
            for _ in range(3):
                sgd.zero_grad()
                F.cross_entropy(own(x.double()), y).backward()
                sgd.step()
            for name, value in kept.weights(expert, stage).items():
                wanted = own.state_dict()[name]
                torch.testing.assert_close(value.double(), wanted, atol=1e-6, rtol=1e-5)


def test_half_of_the_bytes_keep_three_digits(tmp_path: Path) -> None:
    """Of how far the weights have moved; where they started is exact."""
    full, half = buffer(tmp_path), buffer(tmp_path, precision="bfloat16")
    assert half.disk_bytes == full.disk_bytes / 2 == 240
    assert half.key != full.key == buffer(tmp_path, precision="full").key
    full.prepare(Points()), half.prepare(Points())
    for expert in range(3):
        first = full.weights(expert, 0)
        for stage in range(5):
            near, exact = half.weights(expert, stage), full.weights(expert, stage)
            for k, start in first.items():
                moved = exact[k] - start
                assert (near[k] - exact[k]).abs().max() <= 2**-8 * moved.abs().max() + 1e-7
                assert stage or torch.equal(near[k], start)


def test_what_training_at_once_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: a stage has 32 bytes, an expert five of them and six copies to work with."""
    how = replace(HOW, size=None)
    settle = {"how": how, "settle": lambda batch: (batch, None)}
    for limit, together in ((352 * 3, 3), (352 * 3 - 1, 2), (352, 1), (1, 1), (10**6, 3)):
        monkeypatch.setattr(experts, "TOGETHER", limit)
        assert buffer(tmp_path, **settle).memory_bytes == together * (6 * 32 + 5 * 32)
        assert buffer(**settle).memory_bytes == together * 6 * 32 + 3 * 5 * 32
    assert buffer(tmp_path, **settle, together=2).memory_bytes == 2 * (6 * 32 + 5 * 32)
    assert buffer(tmp_path, **settle, together=9).memory_bytes == 3 * (6 * 32 + 5 * 32)
    real = Points()
    kept = buffer(**settle, together=2).prepare(real)
    assert real.calls == 1  # what all see is settled once
    torch.testing.assert_close(everything(kept), everything(buffer(**settle).prepare(Points())))


def test_what_experts_took_is_told_by_whoever_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 100, 4))
    monkeypatch.setattr("time.process_time", lambda: float(next(clock)))
    there, here = buffer(tmp_path), buffer()
    assert (there.seconds_there, here.seconds_there, here.seconds) == (0.0, 0.0, 0.0)
    there.prepare(Points())
    again = buffer(tmp_path)
    assert again.seconds == again.seconds_there == there.seconds == 12.0
    assert again.told() == "3 networks, 480B on disk, trained in 12.0 processor seconds"
    again.file(2).unlink()
    again.file(1).write_text("no expert")
    assert again.seconds_there == 4.0
    other = buffer(tmp_path, replace(HOW, seed=1))
    other.file(0).parent.mkdir()
    other.file(0).write_bytes(again.file(0).read_bytes())
    assert other.seconds_there == 0.0  # an expert of another key is made anew
    here.prepare(Points())
    assert here.seconds == 12.0
    assert here.seconds_there == 0.0
    assert "in memory, trained in 12.0" in here.told()


def test_the_window_of_starts_grows_evenly() -> None:
    kept = buffer(how=replace(HOW, epochs=6)).prepare(Points())
    pool = Experts(kept, ahead=2, first=1, growth=4)
    assert pool.last == 4
    assert [pool.latest(yielded) for yielded in range(7)] == [1, 1, 2, 3, 4, 4, 4]
    assert [Experts(kept, ahead=2, max_start=3).latest(yielded) for yielded in (0, 9)] == [3, 3]
    whole = Experts(kept, ahead=6)  # one stretch alone
    assert (whole.last, whole.latest(3)) == (0, 0)
    for options in ({"ahead": 7}, {"max_start": -1}, {"ahead": 3, "max_start": 4}):
        with pytest.raises(ValueError, match="experts of 6 epochs hold no stretch of"):
            Experts(kept, **options)
    starts = set()
    for seed in range(40):
        learners = pool(None, None, Generator().manual_seed(seed))  # type: ignore[arg-type]
        drawn = [next(learners).memory["start"] for _ in range(6)]
        assert all(start <= pool.latest(i) for i, start in enumerate(drawn))
        starts |= set(enumerate(drawn))
    assert starts >= {(0, 1), (1, 1), (2, 2), (3, 3), (4, 4), (0, 0)}
    for first in (-1, 5):
        with pytest.raises(ValueError, match=f"grows from epoch {first} to 4: the first must be"):
            Experts(kept, ahead=2, first=first)
    with pytest.raises(ValueError, match="growth"):
        Experts(kept, ahead=2, growth=0)
