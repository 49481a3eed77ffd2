"""What a table is of: its grid, its data, and the command that makes it again."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse import Namespace

from graphcondense.cli.bench.page import cells_in
from graphcondense.cli.folders import BUDGETS
from graphcondense.cli.where import Where

if TYPE_CHECKING:
    from graphcondense.ops.types import Record


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is compared, and how.

    Attributes:
        methods: names with commas between; "all" is every method of this kind of data, its variants
            too. The whole data always stand beside them.
        models: evaluators, with commas between; "all" for all. By default the one that scores
            condensed sets on the way: GCN, of heterogeneous graphs RGCN, of users InfiniteAE.
        condensations: condensation seeds of every method.
        trainings: training seeds of every evaluator on each result.
        epochs: of a training; by default the evaluator's own.
        val_every: epochs between two validations; by default the evaluator's own.
        pseudo_labels: nodes of each class that are labelled by label propagation before any method
            sees the graph, for budgets above the number of labelled nodes; evaluation does not see
            them. By default none.
        workers: methods at a time, each a process of one thread; by default one a core. Times of
            methods that ran side by side are longer; the page says how many did. "ray" runs them on
            all machines of a Ray cluster, or on the cores of this one (extra "ray").
        ray_address: of the Ray cluster; by default RAY_ADDRESS, and without it this machine alone.
            All machines must see the folder in which the command runs.
        device: where to condense and train.
        out: folder of the finished cells; a cell that is there is not run again.
        page: the results page, written from all cells in "out".
    """

    methods: str = "all"
    models: str | None = None
    condensations: int = 3
    trainings: int = 10
    epochs: int | None = None
    val_every: int | None = None
    pseudo_labels: int | None = None
    workers: int | Literal["ray"] | None = None
    ray_address: str | None = None
    device: str = "cpu"
    out: str = "runs/bench"
    page: str = "results.md"


def digests_of(data: Any) -> Record:
    """What tells data apart, of which a cell keeps a note.

    Test labels have a hash of their own: the digest of data is blind to them, and scores are not.
    """
    from graphcondense.evaluate import evaluator_of

    labels = evaluator_of(data).test_labels()
    return {"digest": data.digest, "test_labels": hashlib.sha256(labels.tobytes()).hexdigest()[:16]}


def training_of(args: Namespace) -> Record:
    return {k: args[k] for k in ("epochs", "val_every") if args[k] is not None}


def budget_of(args: Namespace) -> Record:
    """What was asked for of the budget; all else is each method's own."""
    return {k: args[k] for k in (*BUDGETS, "of", "rule") if args[k] is not None}


def check_same(cells: Path, command: str, data: Mapping[str, object]) -> None:
    """One table has one protocol, and is of one data set.

    Args:
        cells: the folder.
        command: as :func:`command_of` says it.
        data: as :func:`digests_of` says it.

    Raises:
        ValueError: cells in the folder were run by another command, or on other data.
    """
    for name, cell in cells_in(cells).items():
        told = cell.get("data", {"digest": cell["report"].get("digest")})
        if any(data.get(what) != value for what, value in told.items()):
            raise ValueError(
                f"{cells / name}.json was run on other data: they have changed since (their digest "
                f"was {told['digest']}, and is {data['digest']}"
                + (", of test labels alone)" if told["digest"] == data["digest"] else ")")
                + "; give another --out, or delete that folder"
            )
        if cell["command"] != command:
            raise ValueError(
                f"{cells / name}.json was run by\n  {cell['command']}\nand not by\n  {command}\n"
                "give another --out, or delete that folder"
            )


def command_of(args: Namespace) -> str:
    """The command that makes the table again, with a user's own folder of data.

    ``--methods`` is left out: a table may grow by several commands (the page adds it).
    """
    from graphcondense.ops.budget import Budget

    plain: Record = {f.name: f.default for f in fields(Where)}
    plain |= dict.fromkeys(f.name for f in fields(Budget))  # each method's own
    plain |= {f.name: f.default for f in fields(Grid)}
    left = ("methods", "workers", "ray_address", "out", "page", "root")
    words = []
    for name, default in plain.items():
        if name not in left and args[name] != default:
            flag = name.replace("_", "-")
            switch = {True: [f"--{flag}"], False: [f"--no-{flag}"]}
            value = args[name]
            words += switch[value] if isinstance(value, bool) else [f"--{flag}", written(value)]
    root = [] if args.table is not None else ["--root", "DATA"]
    return f"OMP_NUM_THREADS=1 {shlex.join(['graphcondense', 'bench', *words, *root])}"


def written(value: object) -> str:
    """A value as its flag takes it.

    >>> written({"paper": 8, "venue": 2}), written(0.5)
    ('paper=8,venue=2', '0.5')
    """
    if isinstance(value, Mapping):
        return ",".join(f"{name}={n}" for name, n in value.items())
    return str(value)
