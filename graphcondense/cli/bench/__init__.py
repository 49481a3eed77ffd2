"""graphcondense bench: a table of methods under one protocol."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from graphcondense.cli.bench.cell import end_with_parent, run_cell
from graphcondense.cli.bench.cluster import check_ray, on_ray
from graphcondense.cli.bench.over import SPLIT
from graphcondense.cli.bench.page import WHOLE, cells_in, write_page
from graphcondense.cli.bench.processes import CellLog, in_processes
from graphcondense.cli.bench.table import (
    Grid,
    budget_of,
    check_same,
    command_of,
    digests_of,
    training_of,
    written,
)
from graphcondense.cli.condense import budget_flags, forms_of, joined
from graphcondense.cli.evaluate import check_training
from graphcondense.cli.flags import Flags, field_docs, make_parser, parse, summary_of
from graphcondense.cli.folders import BUDGETS, size
from graphcondense.cli.runs import check_device
from graphcondense.cli.text import note, say, warn
from graphcondense.cli.where import Where, data_flags, where_of


def command_bench(argv: list[str]) -> object:
    """Run a table of methods under one protocol, and write the results page."""
    from graphcondense.ops.files import write_whole

    asked, argv = argv, joined(argv, "--nodes")
    parser = make_parser("bench", summary_of(command_bench))
    parser.add(*data_flags(), _sizes(), Flags("grid", Grid))
    parser.add_argument("--cell", type=str, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, default=None, help=argparse.SUPPRESS)
    args = parse(parser, argv)
    if args.cell:
        if args.parent is not None:
            end_with_parent(args.parent)
        write_whole(args.cell, json.dumps(run_cell(args), indent=1))
        return None
    if args.workers != "ray":
        check_device(args.device)  # with Ray the machine that looks on may have no GPU
    where = where_of(args)
    kind = where.kind
    names = method_names(args.methods, kind)
    budget = budget_of(args)
    check_flags(args, where, budget)
    page = Path(args.page)
    data = where.load(kind)  # what is wrong with the data is said once, before any cell
    table = f"{where.stem}-{size(budget)}"
    if where.data_seed:
        table += f"{SPLIT}{where.data_seed}"
    cells = Path(args.out) / table
    check_same(cells, command_of(args), digests_of(data))
    check_options(args, data)
    failed, interrupted = run_all(args, argv, cells, in_order(names, kind))
    if cells.is_dir():
        say(write_page(Path(args.out), page, table))
    if interrupted:
        done = len(cells_in(cells))
        warn(
            f"{done} of {len(names) + 1} cells are finished and kept in {cells}; to "
            f"go on: {shlex.join(['graphcondense', 'bench', *asked])}"
        )
        raise KeyboardInterrupt
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(names) + 1} cells failed; the same command runs them again: "
            + "; ".join(f"{name}: {why}" for name, why in failed.items())
        )
    return {"page": args.page, "cells": cells_in(cells)}


def check_flags(args: Namespace, where: Where, budget: Mapping[str, Any]) -> None:
    """Raise a ValueError for flags that do not go together, before data are read."""
    for flag in ("condensations", "trainings", "workers"):
        if isinstance(args[flag], int) and args[flag] < 1:
            raise ValueError(f"--{flag} {args[flag]} must be at least 1")
    page = Path(args.page)
    if page.is_dir() or args.page.endswith(("/", os.sep)):
        raise ValueError(f"--page {args.page} is a folder: name a file, {page / 'results.md'}")
    check_page(page)
    if args.ray_address is not None and args.workers != "ray":
        raise ValueError(f"--ray-address {args.ray_address} is for --workers ray")
    if args.workers == "ray":
        check_ray(str(args.device))
    if sum(k in budget for k in BUDGETS) != 1:
        raise ValueError("give exactly one of --nodes, --ratio, --per-class, --bytes")
    if isinstance(args.nodes, Mapping) and where.kind != "hetero":
        raise ValueError(
            f"--nodes {written(args.nodes)} is by type, and {where.named()} has nodes of one type: "
            "give a whole number"
        )


def check_page(page: Path) -> None:
    """Raise a ValueError where the page, or the folder of its pictures, could not be written."""
    from graphcondense.ops.files import refuse_target

    pictures = page.with_suffix("")
    if pictures == page:
        raise ValueError(
            f"--page {page} has no ending, and the pictures go into a folder of that name: give "
            f"{page}.md"
        )
    refuse_target(page, f"--page {page}")
    refuse_target(pictures / "bench.png", f"--page {page}: the pictures go into {pictures}, which")


def method_names(text: str, kind: str) -> list[str]:
    """The methods that ``--methods`` names, checked.

    >>> method_names("all", "rows")
    ['distill-cf', 'head', 'random', 'svp']
    >>> "k-center" in method_names("all", "node"), "gcond-x" in method_names("all", "node")
    (False, True)
    """
    from graphcondense.methods import all_methods, find_method
    from graphcondense.ops.fields import listed

    if text == "all":
        known = [(name, cls) for (name, form), cls in all_methods().items() if form == kind]
        # A variant that changes no field is another spelling of the same method.
        return [
            n for name, cls in known for n in (name, *(v for v, f in cls.variants.items() if f))
        ]
    names = [name for name in listed(text, "methods") if name != WHOLE]
    for name in names:
        find_method(name, kind)
        if kind not in forms_of(name):
            raise ValueError(f"{name} has no form for {kind} data")
    return names


def in_order(names: Sequence[str], kind: str) -> list[str]:
    """Cells in the order in which they run: cheap methods first, the whole data last.

    >>> in_order(["gcsr", "gcond", "random"], "node")
    ['random', 'gcond', 'gcsr', 'whole']
    """
    from graphcondense.core.method import COSTS
    from graphcondense.methods import find_method

    known = list(COSTS)

    def place(name: str) -> int:
        cost = find_method(name, kind)[0].cost
        return known.index(cost) if cost in known else len(known)

    return [*sorted(names, key=place), WHOLE]


def _sizes() -> Flags:
    """The flags of the budget: those of a heterogeneous graph, which takes numbers by type, too.
    What is not asked for is each method's own."""
    from graphcondense.domains.hetero import HeteroMethod
    from graphcondense.ops.budget import Budget

    words = field_docs(Budget)
    own = {
        name: f"{words[name].rstrip('.')}; by default each method's own" for name in ("of", "rule")
    }
    return budget_flags(HeteroMethod, words={**words, **own}, unset=True)


def check_options(args: Namespace, data: Any) -> None:
    """Raise a ValueError, before any cell, for what every one of them would refuse: a setting of
    training or a model that there is not, a budget that the data do not have."""
    import graphcondense
    from graphcondense.evaluate import evaluator_of
    from graphcondense.evaluate.contestant import refuse_namesakes
    from graphcondense.ops.fields import listed

    options = training_of(args)
    check_training(options, data, "leave it out")
    evaluator = evaluator_of(data, **options)
    evaluator.check_training()
    models = args.models or evaluator.judge
    asked = listed(models, "models") if models != "all" else ()
    refuse_namesakes([evaluator.contestant(model).name for model in asked])
    # The row of the whole data stands on one such set, too.
    how = {"pseudo_labels": args.pseudo_labels, "progress": False}
    graphcondense.condense(data, "random", **how, **budget_of(args))


def run_all(
    args: Namespace, argv: Sequence[str], cells: Path, names: Sequence[str]
) -> tuple[dict[str, str], bool]:
    """Run the cells that are not there, several at a time, and say when each begins and ends.

    Returns:
        What failed, with the last line said; and whether Ctrl-C came: then cells that ran are
        ended and have not failed.
    """
    from graphcondense.ops.files import writable

    todo = [name for name in names if not (cells / f"{name}.json").exists()]
    if done := len(names) - len(todo):
        note(f"{done} of {len(names)} cells are there")
    log = CellLog(cells, todo)
    for lock in cells.glob(".*.lock"):  # of a process that was killed after a cell's end
        if log.path(lock.name[1:].removesuffix(".lock")).exists():
            lock.unlink(missing_ok=True)
    if not todo:
        return {}, False
    writable(cells, "finished cells into")
    if args.workers == "ray":
        return log.failed, on_ray(args, argv, log)
    return log.failed, in_processes(args, argv, log)
