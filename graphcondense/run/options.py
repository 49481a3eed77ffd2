"""How a method is run: the options that all methods share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

import torch

from graphcondense.core import parallel
from graphcondense.core.panel import By
from graphcondense.kinds import Setting
from graphcondense.ops.device import usable
from graphcondense.ops.fields import (
    Chance,
    Count,
    Distinct,
    Location,
    Names,
    Natural,
    NonNegative,
    Positive,
    Seed,
    Size,
    check_fields,
)
from graphcondense.ops.names import near

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

LOOP_OPTIONS = (
    "learners",
    "validations",
    "patience",
    "seconds",
    "resume",
    "resume_anyway",
    "checkpoint_seconds",
    "tensorboard",
    "callbacks",
)
"""Options that act in the engine's loop alone."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a method is run; what it computes is the method's own affair.

    An option that is given and cannot act is an error: a method that selects or solves in closed
    form has no loop that could be scored, saved or ended on the way.

    Attributes:
        seed: of all randomness; the same seed gives the same bits with the same number of threads,
            on the same device, with the same version of torch (``deterministic``).
        setting: node data only: ``"transductive"`` or ``"inductive"``: the method sees the subgraph
            of the training nodes, scores on the way that of training and validation nodes.
            Of graphs and images, methods see training examples alone; the record says so.
        pseudo_labels: node data only: label so many more nodes of each class by label propagation
            before the method sees the graph
            (:func:`~graphcondense.data.pseudo.pseudo_labelled`), for budgets above the number of
            labelled nodes. Validation and test stay as they are.
        memory: node data only: bytes, or a size such as ``"4GB"``: condense within so much memory.
            Edges, what is propagated, and features that are not float32 yet are kept in mapped
            files below ``GRAPHCONDENSE_CACHE`` (by default ``~/.cache/graphcondense``), which are
            gone when the process ends; work is done block by block. Arrays that are given in
            memory, pages of mapped files, which the system takes back when it needs them, and the
            program itself, about 400 MB, do not count. Only some methods can; the others say which.
            Propagated features are the same up to rounding, which k-means and other choices among
            equals may magnify.
        device: such as ``"cpu"`` or ``"cuda"``; a GPU when there is one by default.
        validations: how many times the condensed set is scored on real validation examples on the
            way, the start besides; the best is returned. 0 returns the last, and so do fewer than
            five validation examples, which choose nothing: no option can have them choose.
        validators: the architectures that are trained on the condensed set to score it, for users
            who know what they will train: names that the evaluator of the kind of data knows, such
            as ``GCN,SAGE,GAT``. By default the method's own predictor where it has one, else the
            usual network of the kind.
        validate_by: how the scores of several validators become one: their ``"mean"``, or the
            ``"worst"`` of them.
        validation_nodes: node data only: read so many validation nodes for the scores on the way,
            a sample that ``seed`` draws once, the same for all candidates; by default all, or
            4,096 of them if there are more. On a large graph that is most of what a score costs.
            The record says so (``validation.nodes``).
        candidates: make so many condensed sets, each a whole run with a seed of its own (``seed``,
            ``seed + 1`` and so on), and return the best on validation. The record has all scores
            (``choice``). Works for methods without a loop, too. For sets of several seeds give
            seeds that lie at least so far apart: closer ones choose among the same candidates.
        budget_seconds: the same, as many candidates as fit into so many seconds from the call on;
            one is always made, and another only if the longest so far would fit. How many
            depends on the machine; ``candidates=`` with the number of the record repeats it. With
            ``candidates`` as well, at most so many.
        cache: node data only: a folder that keeps propagated features ``Â^k X``, so that later runs
            and evaluations of the same graph open them instead. A file is of one graph, one ``k``
            and one way to normalise, by its name and its header; it holds numbers alone, is mapped
            into memory and not read, and takes ``4 N d`` bytes, less where most are zero. By
            default they are kept in memory, as long as the data.
        patience: end after so many scores without a better one; by default never.
        seconds: end after so many seconds from the call on, those of earlier processes of a resumed
            run included; by default never. Time for the last score is kept free. Experts that a
            method trains first are counted, but finished, and one update is always made.
        out: folder of the run: ``condensed.safetensors``, its card, ``config.yaml``,
            ``metrics.jsonl``, and until the run has ended ``checkpoint.pt``, which a run that was
            ended early keeps. Nothing is written by default.
        resume: go on from the checkpoint in ``out``, bit for bit; a run that has ended is loaded.
            A checkpoint that was made with another number of threads, on another device or with
            another torch is refused, as the bits would be others.
        resume_anyway: go on from it all the same. The record says what differed (``moved``).
        deterministic: compute in one order, so that the number of threads does not matter: torch,
            NumPy and SciPy use one thread while data are read and condensed. On small graphs that
            costs no time, on large ones what other threads would have saved. On a GPU torch uses
            its deterministic algorithms, which needs ``CUBLAS_WORKSPACE_CONFIG=:4096:8`` in the
            environment; an operation that has none is an error of torch. What a cache already has
            is taken as it is.
        checkpoint_seconds: seconds between checkpoints; 0 saves after every update.
        progress: show a progress bar where there is a terminal.
        tensorboard: also write TensorBoard scalars into ``out`` (extra ``log``).
        learners: networks that an update follows the mean of, each drawn and trained by itself. By
            default one, and under ``torchrun`` one for each process. As many learners give the same
            set however many processes share them.
        sizes: several sizes in one run, such as 35, 70 and 140, instead of a budget. They count
            nodes (of other kinds of data graphs, images or users), and a smaller set is made of a
            larger one. ``out`` then has a folder for each, such as ``out/35``. Only some methods
            can; the others say which.
        epsilon: node data only: condense under differential privacy. Whoever sees the condensed
            graph learns next to nothing of the features and the label of any one node; edges and
            the split are public (:mod:`graphcondense.domains.private`). The smaller, the more
            noise; 1 is strict, 10 is lax. Only some methods can; the others say which. Nothing is
            scored on the way, since scores read validation labels. Give no ``seed``, or keep it to
            yourself: who knows it can take the noise away. Without one the noise is drawn from
            the system's randomness. The record has no seed and no hash of the data. Needs the
            extra ``private``.
        delta: with what probability ``epsilon`` may fail; well below 1 over the number of nodes.

    Raises:
        ValueError: a value out of its range.
    """

    seed: Seed = 0
    setting: Setting = "transductive"
    pseudo_labels: Count | None = None
    memory: Size | None = None
    device: str | None = None
    validations: Natural = 5
    validators: str | Names | None = None
    validate_by: By = "mean"
    validation_nodes: Count | None = None
    candidates: Count | None = None
    budget_seconds: Positive | None = None
    cache: Location | None = None
    patience: Count | None = None
    seconds: Positive | None = None
    out: Location | None = None
    resume: bool = False
    resume_anyway: bool = False
    deterministic: bool = False
    checkpoint_seconds: NonNegative = 20.0
    progress: bool = True
    tensorboard: bool = False
    learners: Count | None = None
    sizes: Distinct | None = None
    epsilon: Positive | None = None
    delta: Chance = 1e-5

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def chooses(self) -> bool:
        """Whether it is a choice between candidates."""
        return self.candidates is not None or self.budget_seconds is not None


def device_of(run: Run) -> torch.device:
    """The device asked for, or a GPU when there is one; under ``torchrun`` that of the process."""
    wanted = run.device
    if wanted is None:
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return usable(parallel.gpu() if wanted == "cuda" else wanted)


def checked(cls: type[T], values: Mapping[str, object]) -> T:
    """An instance of a dataclass, with a clear error for a field that it does not have."""
    names = [f.name for f in fields(cls)]
    for key in values:
        if key not in names:
            who = getattr(cls, "name", "") or cls.__name__
            alike = near(key, names) or names
            raise ValueError(f"{who} has no option {key!r}; did you mean {', '.join(alike)}?")
    made = cls(**values)
    check_fields(made)  # for a method of others that has a __post_init__ of its own
    return made
