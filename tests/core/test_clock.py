"""What a run took, in all of its processes: what was lost is told, and counted."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest

from graphcondense import condense
from graphcondense.core import clock as clocks
from graphcondense.core.clock import Clock, Spent
from graphcondense.core.engine import Callback, State
from graphcondense.core.types import Saved
from graphcondense.data.node_reading import as_task
from tests.cases import toy_graph

RUN = {"method": "gcond", "seed": 0}


def noted(
    clock: Clock, file: Path, run: dict[str, object], updates: int, checkpoint: Saved | None = None
) -> None:
    """A process that is stopped after so many updates."""
    with contextlib.suppress(KeyboardInterrupt), clock.noted_in(file, run):
        if checkpoint is not None:
            clock.load_state_dict(checkpoint)
        clock.updates += updates
        raise KeyboardInterrupt


def later(clock: Clock, seconds: float) -> None:
    """As if a clock had begun so much earlier."""
    clock._began -= seconds
    clock._processor -= seconds / 2


def test_the_first_process_says_what_others_had_spent() -> None:
    clock = Clock()
    assert clock.state_dict()["reused"] is None
    clock.reuse(3.0)
    clock.reuse(5.0)
    assert clock.reused == 3.0
    again = Clock()
    again.load_state_dict(clock.state_dict())
    again.reuse(7.0)
    assert again.reused == 3.0


def test_the_more_of_both_and_what_is_beyond() -> None:
    one, other = Spent(5.0, 2.0, 7), Spent(3.0, 4.0, 6)
    assert one.at_least(other) == Spent(5.0, 4.0, 7)
    assert one + other == Spent(8.0, 6.0, 13)
    assert one.at_least(other) - other == Spent(2.0, 0.0, 1)
    for wrong in (-1, True, "1", float("nan"), float("inf")):
        with pytest.raises(ValueError, match="are no seconds and updates"):
            Spent.read({"seconds": wrong})
    assert Spent.read({"updates": 2, "seconds": 0}) == Spent(0.0, 0.0, 2)


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        (Spent(0.04, 0.0, 0), False),
        (Spent(0.06, 0.0, 0), True),
        (Spent(0.01, 0.0, 1), True),
        (Spent(9.0, 4.0, 0), True),
    ],
)
def test_what_was_lost_is_told_once_where_there_is_any(
    lost: Spent, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    clock._untold = lost
    clock.tell(7)
    said = capsys.readouterr().err
    assert ("going on from step 7: " in said) == told
    assert (f"{lost.updates} updates and {lost.seconds:.1f} s" in said) == told
    clock.tell(8)
    assert not capsys.readouterr().err


def test_on_a_gpu_the_seconds_of_the_wall_count() -> None:
    clock = Clock()
    later(clock, 10)
    assert clock.processor_seconds == pytest.approx(5, abs=0.5)
    clock.on_gpu = True
    assert clock.processor_seconds == pytest.approx(10, abs=0.5)
    assert clock.spent.seconds == pytest.approx(10, abs=0.5)


def test_what_was_lost_after_a_checkpoint_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, first = tmp_path / "clock.json", Clock()
    later(first, 10)
    first.updates = 5
    checkpoint = first.state_dict()
    later(first, 4)
    noted(first, file, RUN, updates=2)

    second = Clock()
    later(second, 1)  # stopped once more, before a checkpoint of its own
    noted(second, file, RUN, updates=1, checkpoint=checkpoint)

    third = Clock()
    with third.noted_in(file, RUN):
        third.load_state_dict(checkpoint)
        third.tell(5)
        assert third.seconds == pytest.approx(15, abs=0.5)
        assert third.processor_seconds == pytest.approx(7.5, abs=0.5)
        assert third.lost.seconds == pytest.approx(5, abs=0.5)
        assert third.updates == 8
        assert third.lost.updates == 3
        third.tell(5)
    said = capsys.readouterr().err
    assert said.count("going on from step 5: 3 updates and 5.") == 1
    assert not file.exists()


def test_a_checkpoint_that_is_newer_than_the_note_loses_nothing(tmp_path: Path) -> None:
    file, first = tmp_path / "clock.json", Clock()
    noted(first, file, RUN, updates=2)
    later(first, 1)
    first.updates = 7
    second = Clock()
    with second.noted_in(file, RUN):
        second.load_state_dict(first.state_dict())
    assert second.lost == Spent()
    assert second.updates == 7


def test_a_run_that_begins_anew_counts_what_was_lost_of_the_same(tmp_path: Path) -> None:
    for run, lost in ((RUN, 3), ({**RUN, "seed": 1}, 0)):
        file = tmp_path / "clock.json"
        noted(Clock(), file, RUN, updates=3)
        clock = Clock()
        with clock.noted_in(file, run):
            assert clock.lost.updates == lost


def test_a_note_is_written_while_the_run_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "EVERY", 0.01)
    clock, file = Clock(), tmp_path / "clock.json"
    with clock.noted_in(file, RUN):
        clock.updates = 9
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if file.exists() and json.loads(file.read_text())["updates"] == 9:
                break
            time.sleep(0.01)
        assert json.loads(file.read_text())["updates"] == 9


def test_a_disk_on_which_no_note_fits_does_not_end_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(clocks, "write_whole", full)
    with Clock().noted_in(tmp_path / "clock.json", RUN):
        pass
    with pytest.raises(KeyboardInterrupt), Clock().noted_in(tmp_path / "clock.json", RUN):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["[]", "{", '{"seconds": -1}', '{"seconds": "1"}'])
def test_another_file_in_its_place_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "clock.json"
    file.write_text(text)
    with (
        pytest.raises(ValueError, match=r"clock\.json does not say what a run took .*; remove it"),
        Clock().noted_in(file, RUN),
    ):
        pass


class Stop(Callback):
    """Ends the process, as far as a run can see, after an update."""

    def __init__(self, at: int) -> None:
        self.at = at

    def step(self, state: State) -> None:
        if state.step == self.at:
            raise KeyboardInterrupt


def test_the_record_of_a_resumed_run_has_what_was_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = as_task(toy_graph())
    options = {"nodes": 9, "epochs": 1, "outer": 8, "validations": 0, "progress": False}
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        condense(real, "gcond-x", out=out, callbacks=[Stop(6)], checkpoint_seconds=3600, **options)
    # no checkpoint: the same begins anew, and what it took so far is counted
    small = condense(real, "gcond-x", out=out, **options)
    assert "going on from step 0: 6 updates and " in capsys.readouterr().err
    assert small.condensed["lost"]["updates"] == 6
    assert small.condensed["seconds"] >= small.condensed["lost"]["seconds"] > 0
    assert not (out / "clock.json").exists()
    whole = condense(real, "gcond-x", **options)
    assert whole.condensed["hash"] == small.condensed["hash"]
    assert "lost" not in whole.condensed


def test_an_interrupt_names_the_checkpoint_that_the_run_went_on_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, out = as_task(toy_graph()), tmp_path / "run"
    options = {"nodes": 9, "epochs": 1, "outer": 8, "validations": 0, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        condense(real, "gcond-x", out=out, callbacks=[Stop(4)], checkpoint_seconds=0, **options)
    assert "last checkpoint: step 3 in" in capsys.readouterr().err
    options |= {"resume": True, "checkpoint_seconds": 3600}
    with pytest.raises(KeyboardInterrupt):
        condense(real, "gcond-x", out=out, callbacks=[Stop(6)], **options)
    assert "last checkpoint: step 3 in" in capsys.readouterr().err
