"""Loss and measurements in the loggers of others, read back by their own readers."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import graphcondense
from graphcondense.core import State, loggers
from graphcondense.core.loggers import MLflowLog, ScalarLog, TensorBoardLog, WandbLog
from tests.cases import toy_graph
from tests.core.test_engine import Points, Validate, run


def logged(log: ScalarLog, steps: int = 5) -> None:
    run(steps, callbacks=[Validate(lambda small: 0.5, every=4), log])


def scalars(folder: Path) -> dict[str, list[int]]:
    """Steps by name, as TensorBoard reads them."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder)).Reload()
    return {name: [e.step for e in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_tensorboard(tmp_path: Path) -> None:
    """Every second step, each with a measurement, and the last."""
    pytest.importorskip("tensorboard")
    logged(TensorBoardLog(tmp_path, every=2))
    assert scalars(tmp_path) == {"loss": [2, 4, 5], "validation": [4, 5]}


def test_by_default_every_tenth_loss_is_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run(25, callbacks=[TensorBoardLog(tmp_path)])
    assert scalars(tmp_path) == {"loss": [10, 20, 25]}
    assert [ScalarLog().every, ScalarLog(1).every] == [10, 1]
    for wrong in (0, -1, True, 2.0):
        with pytest.raises(ValueError, match=f"every={wrong!r} must be a count of steps"):
            ScalarLog(wrong)  # type: ignore[arg-type]


def test_a_resumed_run_cuts_off_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    log = TensorBoardLog(tmp_path, every=1)
    logged(log)
    log.open(3)
    log.write({"loss": 7.0}, 4)
    log.close(True)
    assert scalars(tmp_path)["loss"] == [1, 2, 3, 4]


def test_a_run_with_its_option_writes_into_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    options: dict[str, Any] = {"epochs": 1, "outer": 2, "inner": 1, "validations": 1}
    graphcondense.condense(
        toy_graph(), "gcond", nodes=6, out=tmp_path, tensorboard=True, progress=False, **options
    )
    assert {"loss", "validation"} == scalars(tmp_path / "tensorboard").keys()


def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run, its parameters, the history of its metrics; an interrupted one goes on."""
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database needs all of MLflow
    uri = (tmp_path / "runs").as_uri()
    log = MLflowLog("toy", tracking_uri=uri, params={"nodes": 6}, every=2)
    logged(log)
    assert log.run_id is not None
    found = log.client.get_run(log.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params == {"nodes": "6"}
    history = log.client.get_metric_history(log.run_id, "loss")
    assert [metric.step for metric in history] == [2, 4, 5]
    assert found.data.metrics["validation"] == 0.5
    again = MLflowLog("toy", tracking_uri=uri, run_id=log.run_id)
    again.open(5)
    assert log.client.get_run(log.run_id).info.status == "RUNNING"
    again.write({"loss": 1.0}, 6)
    again.close(False)
    assert log.client.get_run(log.run_id).info.status == "KILLED"
    assert len(log.client.get_metric_history(log.run_id, "loss")) == 4


def test_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline: the file that ``wandb sync`` sends has loss and score."""
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    log = WandbLog("toy", every=2, mode="offline", dir=str(tmp_path))
    logged(log)
    (file,) = tmp_path.glob(f"wandb/offline-run-*/run-{log.run_id}.wandb")
    until = time.monotonic() + 30
    # A process of wandb 0.30 writes it, a moment after a run that is offline has finished.
    while b"validation" not in (content := file.read_bytes()) and time.monotonic() < until:
        time.sleep(0.05)
    assert b"loss" in content
    assert b"validation" in content


@pytest.mark.parametrize(
    ("module", "make", "extra"),
    [
        ("tensorboard", lambda: TensorBoardLog("x"), "log"),
        ("mlflow", MLflowLog, "mlflow"),
        ("wandb", WandbLog, "wandb"),
    ],
)
def test_a_missing_logger_says_its_extra(
    module: str, make: Any, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ValueError, match=rf"{module}, which is not.*graphcondense\[{extra}\]"):
        make()


@pytest.mark.parametrize("every", [0, -1, 1.5, True, "2"])
def test_every_is_a_count(every: Any) -> None:
    with pytest.raises(ValueError, match=r"every=.* must be a count of steps"):
        ScalarLog(every)


def test_an_interrupt_is_told() -> None:
    ended: list[bool] = []

    class Seen(ScalarLog):
        def close(self, finished: bool) -> None:
            ended.append(finished)

    state = State(Points(), None, torch.Generator(), {})  # type: ignore[arg-type]
    log = Seen()
    log.interrupted(state)
    log.end(state)
    assert ended == [False, True]


@pytest.mark.parametrize("folder", ["", None, 3, b"x"])
def test_tensorboard_needs_a_folder(folder: Any) -> None:
    """It wrote into folders called 3, None and b'x'."""
    pytest.importorskip("tensorboard")
    with pytest.raises(ValueError, match=r"folder=.* is no"):
        TensorBoardLog(folder)


class Calls:
    """Something in the place of another's library: what it was told, in order."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.told = answers, []  # type: ignore[var-annotated]

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **options: Any) -> Any:
            self.told.append((name, *given, options) if options else (name, *given))
            return self.answers.get(name)

        return call


@pytest.mark.parametrize("there", [True, False])
def test_what_mlflow_is_told(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new run in the experiment, which is made where there is none; one that is named goes on."""
    client = Calls(
        get_experiment_by_name=SimpleNamespace(experiment_id="7") if there else None,
        create_experiment="8",
        create_run=SimpleNamespace(info=SimpleNamespace(run_id="r")),
    )
    library = SimpleNamespace(MlflowClient=lambda tracking_uri: client)
    monkeypatch.setattr(loggers, "need", lambda *names: library)
    log = MLflowLog("mine", params={"nodes": 7})
    assert (log.every, log.run_id) == (10, None)
    log.open(0)
    log.write({"loss": 0.5}, 3)
    log.close(True)
    assert log.run_id == "r"
    made = [] if there else [("create_experiment", "mine")]
    assert client.told == [
        ("get_experiment_by_name", "mine"), *made, ("create_run", "7" if there else "8"),
        ("log_param", "r", "nodes", 7), ("log_metric", "r", "loss", 0.5, {"step": 3}),
        ("set_terminated", "r", "FINISHED"),
    ]  # fmt: skip
    client.told.clear()
    again = MLflowLog(run_id="old")
    again.open(5)
    again.close(False)
    assert client.told == [
        ("set_terminated", "old", "RUNNING"), ("set_terminated", "old", "KILLED"),
    ]  # fmt: skip


def test_what_wandb_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Calls()
    run.id = "r"  # type: ignore[attr-defined]
    library = Calls(init=run)
    monkeypatch.setattr(loggers, "need", lambda *names: library)
    log = WandbLog("mine", mode="offline")
    assert (log.every, log.run_id) == (10, None)
    log.open(0)
    log.write({"loss": 0.5}, 3)
    log.close(True)
    WandbLog(run_id="old").open(5)
    assert log.run_id == "r"
    assert library.told == [
        ("init", {"project": "mine", "mode": "offline"}),
        ("init", {"project": "graphcondense", "id": "old", "resume": "allow"}),
    ]
    log.close(False)
    assert run.told == [
        ("log", {"loss": 0.5}, {"step": 3}), ("finish", {"exit_code": 0}),
        ("finish", {"exit_code": 1}),
    ]  # fmt: skip
