"""The evaluator of data of any kind, and what it does in one call.

Who calls it often keeps an :class:`~graphcondense.evaluate.evaluator.Evaluator`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from graphcondense.data.kind import kind_of_data
from graphcondense.evaluate.evaluator import EVALUATORS, AnyEvaluator
from graphcondense.evaluate.fitted import FitResult
from graphcondense.evaluate.reading import refuse_text
from graphcondense.evaluate.trainings import Device, Seeds


def evaluator_of(real: object, *, device: Device = None, **options: object) -> AnyEvaluator:
    """The evaluator for ``real``, whose kind decides; the real data have test examples.

    Args:
        real: a graph; a :class:`~graphcondense.data.graph_task.GraphTask`, a list or a PyG data set
            of graphs (of one with labelled nodes: that graph); images but a path; or users by
            items. See :func:`~graphcondense.data.kind.kind_of_data`.
        device: where to train; default the CPU.
        **options: fields of :class:`~graphcondense.evaluate.node_training.Training`,
            :class:`~graphcondense.evaluate.graphs.GraphTraining`,
            :class:`~graphcondense.evaluate.images.ImageTraining` or
            :class:`~graphcondense.evaluate.rows.RowsTraining`.

    Raises:
        ValueError: not data; nothing to validate or to test on; an option out of range.
        TypeError: for an option that does not exist.
    """
    out = _evaluator(real, device, options)
    out.check("test")
    return out


def _evaluator(real: object, device: Device, options: Mapping[str, object]) -> AnyEvaluator:
    refuse_text(real, "data")
    return EVALUATORS[kind_of_data(real)](real, device=device, **options)


def judge_of(real: object) -> str:
    """The model of :func:`score` for ``real``, which need not be checked for that."""
    return EVALUATORS[kind_of_data(real)].judge


def fit(
    model: str | Callable[..., nn.Module],
    small: object,
    real: object,
    *,
    seeds: Seeds | None = None,
    device: Device = None,
    progress: bool = False,
    **options: object,
) -> FitResult:
    """:meth:`~graphcondense.evaluate.Evaluator.fit` in one call, for any kind of data.

    Args:
        model: a name, or a class of models of your own.
        small: a condensed set, or real examples.
        real: the real data, in any form that this kind of data may have.
        seeds: the training seeds, or how many; by default the evaluator's number.
        device: where to train; default the CPU.
        progress: show a progress bar.
        **options: of the kind's training, such as ``epochs``.

    Raises:
        ValueError: as :meth:`~graphcondense.evaluate.Evaluator.fit` and :func:`evaluator_of`.
    """
    return _evaluator(real, device, options).fit(model, small, seeds=seeds, progress=progress)


def fit_whole(
    model: str | Callable[..., nn.Module],
    real: object,
    *,
    seeds: Seeds | None = None,
    device: Device = None,
    progress: bool = False,
    **options: object,
) -> FitResult:
    """:meth:`~graphcondense.evaluate.Evaluator.fit_whole` in one call, for any kind of data.

    The arguments are those of :func:`fit`, without ``small``.
    """
    return _evaluator(real, device, options).fit_whole(model, seeds=seeds, progress=progress)


def score(
    small: object,
    real: object,
    model: str | Callable[..., nn.Module] | None = None,
    *,
    seeds: Seeds | None = None,
    device: Device = None,
    **options: object,
) -> float:
    """:meth:`~graphcondense.evaluate.Evaluator.score` in one call.

    The arguments are those of :func:`fit`; the model is by default the evaluator's
    :attr:`~graphcondense.evaluate.Evaluator.judge`.
    """
    return _evaluator(real, device, options).score(small, model, seeds=seeds)
