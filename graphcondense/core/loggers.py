"""Loss and measurements of a run in the loggers of others: TensorBoard, MLflow, Weights & Biases.

They are callbacks without a state, so a resumed run may have another one, or none. Where a run has
several processes, the first alone writes. ::

    graphcondense.condense(data, "gcond", nodes=70, callbacks=[MLflowLog("cora")])
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphcondense.core import parallel
from graphcondense.core.engine import Callback, State
from graphcondense.ops.extras import need
from graphcondense.ops.fields import Location, checked

__all__ = ["MLflowLog", "ScalarLog", "TensorBoardLog", "WandbLog"]


class ScalarLog(Callback):
    """Hands loss and measurements to a logger.

    Args:
        every: steps between losses; steps with a measurement are always written.
    """

    def __init__(self, every: int = 10) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f"every={every!r:.40} must be a count of steps, at least 1")
        self.every = every

    def start(self, state: State) -> None:
        if parallel.is_main():
            self.open(state.step)

    def step(self, state: State) -> None:
        if parallel.is_main() and (state.step % self.every == 0 or state.metrics or state.done):
            self.write({"loss": float(state.loss), **state.metrics}, state.step)

    def end(self, state: State) -> None:
        if parallel.is_main():
            self.close(True)

    def interrupted(self, state: State) -> None:
        if parallel.is_main():
            self.close(False)

    def open(self, step: int) -> None:
        """Begin, or go on after ``step``."""

    def write(self, scalars: Mapping[str, float], step: int) -> None:
        """Write what there is after ``step``."""

    def close(self, finished: bool) -> None:
        """End; ``finished`` is ``False`` after an interrupt."""


class TensorBoardLog(ScalarLog):
    """TensorBoard scalars in a folder (extra ``log``); a resumed run cuts off what comes after its
    checkpoint.

    Args:
        folder: where event files go.
        every: see :class:`ScalarLog`.

    Raises:
        MissingExtraError: TensorBoard is not installed.
        ValueError: a folder that is no path, or an empty one.
    """

    def __init__(self, folder: str | Path, every: int = 10) -> None:
        super().__init__(every)
        need("tensorboard", "log", "TensorBoardLog")
        self.folder = str(Path(str(checked("folder", folder, Location))).expanduser())

    def open(self, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(self.folder, purge_step=step + 1 if step else None)

    def write(self, scalars: Mapping[str, float], step: int) -> None:
        for name, value in scalars.items():
            self.writer.add_scalar(name, value, step)

    def close(self, finished: bool) -> None:
        self.writer.close()


class MLflowLog(ScalarLog):
    """Metrics of an MLflow run (extra ``mlflow``); an interrupted run ends as ``KILLED``.

    Args:
        experiment: its name; it is made if it is new.
        run_id: an MLflow run to go on with, as after a resume; by default a new one.
        tracking_uri: where MLflow keeps its runs; by default as MLflow itself has it set.
        params: what to write as parameters, such as ``{"method": "gcond", "nodes": 70}``.
        every: see :class:`ScalarLog`.

    Attributes:
        run_id: of the MLflow run, once it has begun.

    Raises:
        MissingExtraError: MLflow is not installed.
    """

    def __init__(
        self,
        experiment: str = "graphcondense",
        *,
        run_id: str | None = None,
        tracking_uri: str | None = None,
        params: Mapping[str, object] | None = None,
        every: int = 10,
    ) -> None:
        super().__init__(every)
        mlflow: Any = need("mlflow", "mlflow", "MLflowLog")
        self.client = mlflow.MlflowClient(tracking_uri=tracking_uri)
        self.experiment, self.run_id, self.params = experiment, run_id, dict(params or {})

    def open(self, step: int) -> None:
        if self.run_id is None:
            found = self.client.get_experiment_by_name(self.experiment)
            home = found.experiment_id if found else self.client.create_experiment(self.experiment)
            self.run_id = self.client.create_run(home).info.run_id
        else:
            self.client.set_terminated(self.run_id, "RUNNING")
        for name, value in self.params.items():
            self.client.log_param(self.run_id, name, value)

    def write(self, scalars: Mapping[str, float], step: int) -> None:
        for name, value in scalars.items():
            self.client.log_metric(self.run_id, name, value, step=step)

    def close(self, finished: bool) -> None:
        self.client.set_terminated(self.run_id, "FINISHED" if finished else "KILLED")


class WandbLog(ScalarLog):
    """Metrics of a run of Weights & Biases (extra ``wandb``).

    Args:
        project: its name.
        run_id: a run to go on with, as after a resume; by default a new one.
        every: see :class:`ScalarLog`.
        **options: of ``wandb.init``, such as ``mode="offline"``, ``dir=`` and ``config=``.

    Attributes:
        run_id: of the run, once it has begun.

    Raises:
        MissingExtraError: wandb is not installed.
    """

    def __init__(
        self,
        project: str = "graphcondense",
        *,
        run_id: str | None = None,
        every: int = 10,
        **options: object,
    ) -> None:
        super().__init__(every)
        self.wandb: Any = need("wandb", "wandb", "WandbLog")
        self.project, self.run_id, self.options = project, run_id, options

    def open(self, step: int) -> None:
        known = {} if self.run_id is None else {"id": self.run_id, "resume": "allow"}
        self.run = self.wandb.init(project=self.project, **known, **self.options)
        self.run_id = self.run.id

    def write(self, scalars: Mapping[str, float], step: int) -> None:
        self.run.log(dict(scalars), step=step)

    def close(self, finished: bool) -> None:
        self.run.finish(exit_code=0 if finished else 1)
