"""MTT, TESLA and HaBa on images: the shared cases, experts on disk, labels from experts."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import graphcondense
from graphcondense.core import expert_training
from graphcondense.core.experts import Buffer
from graphcondense.core.pools import initialise
from graphcondense.data.images import as_images
from graphcondense.domains.image import ImageSource
from graphcondense.domains.trajectories import assigned
from graphcondense.methods.haba import HaBa
from graphcondense.methods.mtt import MTT
from graphcondense.methods.tesla import TESLA
from tests.cases import ImageCase, StopAfter, Whole, steps, toy_images

TINY: dict[str, Any] = {
    "hidden_channels": 4,
    "depth": 1,
    "validations": 0,
    "num_experts": 2,
    "expert_epochs": 3,
    "expert_lr": 0.1,
    "real_batch": 27,
    "ahead": 1,
    "student_steps": 2,
    "steps": 6,
}


class TestMTT(ImageCase):
    name = "mtt"
    options = {**TINY, "student_batch": 4, "augment": "crop_cutout"}


class TestTESLA(ImageCase):
    name = "tesla"
    options = {**TINY, "lr_y": 0.01, "expert_epochs": 12}


class TestHaBa(ImageCase):
    """The budget counts what is stored; there are more images than that."""

    name = "haba"
    options = {**TINY, "hallucinators": 2}
    decoded = 2

    def test_budget_is_kept(self, whole: Whole) -> None:
        one = 4 * 64 + 8
        small = whole.small
        assert small.condensed["bytes"] <= 6 * one
        assert torch.bincount(small.y).tolist() == [10, 10, 10]
        assert self.condense(per_class=None, nodes=7).condensed["bytes"] <= 7 * one
        most = self.ample(small)
        assert self.condense(per_class=None, bytes=most).condensed["bytes"] <= most


def source() -> ImageSource:
    return ImageSource(as_images(toy_images()).with_preprocess("normalise"))


def condense(name: str, **options: Any) -> Any:
    options = {**TINY, "per_class": 1, "progress": False, "validations": 0, **options}
    if name == "haba":
        options |= {"per_class": 2, "hallucinators": 2}
    return graphcondense.condense(toy_images(), name, **options)


@pytest.mark.parametrize("name", ["mtt", "tesla", "haba"])
def test_experts_on_disk_give_the_same_and_are_shared(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By runs of other seeds and other methods too; interrupted ones make the missing alone."""
    here = condense(name)
    there = condense(name, experts=str(tmp_path))
    assert here.condensed["hash"] == there.condensed["hash"]
    files = sorted(tmp_path.rglob("*.safetensors"))
    assert [f.name for f in files] == ["expert-0000.safetensors", "expert-0001.safetensors"]
    capsys.readouterr()
    condense("mtt", experts=str(tmp_path), seed=4)
    assert "training" not in capsys.readouterr().err
    files[1].unlink()
    again = condense(name, experts=str(tmp_path))
    assert "training 1 of 2" in capsys.readouterr().err
    assert again.condensed["hash"] == here.condensed["hash"]


def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the training of an expert took ten seconds."""
    now = count(step=10)
    monkeypatch.setattr(Buffer, "_now", lambda buffer: float(next(now)))


def test_experts_of_others_are_part_of_what_condensing_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticking(monkeypatch)
    first = condense("mtt", experts=str(tmp_path))
    assert "reused_seconds" not in first.condensed  # it made them itself
    second = condense("tesla", experts=str(tmp_path), seed=4)
    assert second.condensed["reused_seconds"] == 20
    assert 20 < second.condensed["seconds"] < 40
    assert second.condensed["processor_seconds"] > 20
    for file in tmp_path.rglob("expert-0001*"):
        file.unlink()
    assert condense("mtt", experts=str(tmp_path)).condensed["reused_seconds"] == 10
    ledger = next(iter(evaluated(second).ledgers.values()))
    assert ledger.condensation_seconds == second.condensed["seconds"]
    line = next(line for line in ledger.lines() if "experts" in line)
    assert line.startswith("  with experts 2 networks, ")
    assert line.endswith("trained in 20.0 processor seconds; 20.0 s of it by other runs")


def test_a_resumed_run_does_not_count_its_own_experts_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticking(monkeypatch)
    shared = {"out": tmp_path / "run", "experts": str(tmp_path / "experts")}
    for kept in (3600.0, 0.0):  # without a checkpoint, and with one
        with pytest.raises(KeyboardInterrupt):
            condense("mtt", checkpoint_seconds=kept, callbacks=[StopAfter(4)], **shared)
    resumed = condense("mtt", **shared, resume=True)
    assert "reused_seconds" not in resumed.condensed
    assert resumed.condensed["seconds"] < 10
    other = {"experts": str(tmp_path / "experts"), "seed": 2, "candidates": 2}
    best = condense("mtt", **other)
    assert best.condensed["reused_seconds"] == 20
    assert 20 < best.condensed["seconds"] < 30  # once for both candidates


def evaluated(small: Any) -> Any:
    real = as_images(toy_images(), test=toy_images())
    return graphcondense.evaluate(small, real, models=("mlp",), seeds=1, epochs=1)


def test_resumed_with_experts_partly_lost(tmp_path: Path) -> None:
    """What a run needs of experts is the same whether they were kept or made anew."""
    whole = condense("mtt", out=tmp_path / "whole", experts=str(tmp_path / "experts"))
    with pytest.raises(KeyboardInterrupt):
        condense(
            "mtt",
            out=tmp_path / "cut",
            experts=str(tmp_path / "experts"),
            checkpoint_seconds=0.0,
            callbacks=[StopAfter(4)],
        )
    for file in (tmp_path / "experts").rglob("expert-0000*"):
        file.write_bytes(b"half of it")
    resumed = condense("mtt", out=tmp_path / "cut", experts=str(tmp_path / "experts"), resume=True)
    assert resumed.condensed["hash"] == whole.condensed["hash"]
    assert steps(tmp_path / "cut") == steps(tmp_path / "whole")


def test_interrupted_among_experts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The experts that were done are used by the next run; its result is the same."""
    whole = condense("tesla", experts=str(tmp_path / "whole"))
    drawn = []

    def stops(*args: Any) -> dict[str, Tensor]:
        drawn.append(1)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return initialise(*args)

    with monkeypatch.context() as patched:
        patched.setattr(expert_training, "initialise", stops)
        with pytest.raises(KeyboardInterrupt):
            condense("tesla", experts=str(tmp_path / "cut"))
    assert "interrupted: 1 of 2 experts" in capsys.readouterr().err
    again = condense("tesla", experts=str(tmp_path / "cut"))
    assert "training 1 of 2" in capsys.readouterr().err
    assert again.condensed["hash"] == whole.condensed["hash"]


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_channels": 8},
        {"model": "mlp"},
        {"depth": 2},
        {"expert_seed": 1},
        {"augment": "crop"},
        {"preprocess": "none"},
        {"real_batch": 20},
    ],
)
def test_other_settings_have_experts_of_their_own(change: dict[str, Any]) -> None:
    plain = {"per_class": 1, **{k: v for k, v in TINY.items() if k != "validations"}}
    preprocess = change.get("preprocess", "normalise")
    real = ImageSource(as_images(toy_images()).with_preprocess(preprocess))
    assert MTT(**plain).buffer(source()).key != MTT(**{**plain, **change}).buffer(real).key
    other = ImageSource(as_images(toy_images(seed=1)).with_preprocess("normalise"))
    assert MTT(**plain).buffer(source()).key != MTT(**plain).buffer(other).key


def test_labels_are_what_experts_say() -> None:
    """The mean of their probabilities at the end, by hand; fixed unless lr_y moves them."""
    options = {k: v for k, v in TINY.items() if k != "validations"}
    method, real = TESLA(per_class=1, **options), source()
    buffer = method.buffer(real).prepare(real)
    said = assigned(buffer, real.images[:5])
    wanted = torch.zeros(5, 3)
    for expert in range(2):
        model = method.network(real)
        model.load_state_dict(buffer.weights(expert, 3))
        wanted += model(real.images[:5]).softmax(1).detach() / 2
    torch.testing.assert_close(said, wanted)
    fixed, learnt, hard = (
        condense("tesla", **change)
        for change in ({"validations": 1}, {"lr_y": 0.05}, {"soft": False})
    )
    torch.testing.assert_close(fixed.y.sum(1), torch.ones(3))
    assert not torch.equal(fixed.y, learnt.y)
    assert hard.y.dtype == torch.long


@pytest.mark.parametrize("kind", [MTT, TESLA, HaBa])
def test_a_stretch_too_long_ends_before_any_work(kind: Any) -> None:
    with pytest.raises(ValueError, match="hold no stretch of 4 epochs"):
        condense(kind.name, ahead=4)
    with pytest.raises(ValueError, match="unknown; join some of"):
        condense(kind.name, augment="blur")
    with pytest.raises(ValueError, match="num_experts=0 must be at least 1"):
        condense(kind.name, num_experts=0)
    with pytest.raises(ValueError, match="student_steps=0 must be at least 1"):
        condense(kind.name, student_steps=0)


def test_memory_is_told() -> None:
    """TESLA's does not grow with a student's steps; MTT's and HaBa's do; experts are counted."""
    real = source()

    def told(kind: Any, **change: Any) -> int:
        options = {k: v for k, v in TINY.items() if k != "validations"}
        if kind is HaBa:
            change["hallucinators"] = 2
        return int(kind(per_class=2, **{**options, **change}).memory_bytes(real))

    for kind in (MTT, HaBa):
        assert told(kind, student_steps=20) > 3 * told(kind)
    assert told(TESLA, student_steps=20) == told(TESLA)
    more = told(MTT, num_experts=5) - told(MTT)
    assert more == 3 * 4 * sum(
        p.numel() * 4
        for p in MTT(**{"per_class": 2, **{k: v for k, v in TINY.items() if k != "validations"}})
        .network(real)
        .parameters()
    )
