"""Cells as tasks of Ray, on the machines of a cluster."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import Namespace

from graphcondense.cli.bench.processes import CellLog, cell_words, last_line
from graphcondense.cli.text import warn

if TYPE_CHECKING:
    from graphcondense.ops.fleet import Fleet


def check_ray(device: str) -> None:
    """Raise a ValueError unless Ray is there and chooses the device itself."""
    from graphcondense.ops.fleet import need_ray

    if device not in ("cpu", "cuda"):
        raise ValueError(f"--device {device}: Ray gives each worker a GPU; say --device cuda")
    try:
        need_ray()
    except ImportError as error:  # a missing extra is the user's to install
        raise ValueError(str(error)) from error


def on_ray(args: Namespace, argv: Sequence[str], log: CellLog) -> bool:
    """Run cells as tasks of Ray, each in a process of its own; whether Ctrl-C came.

    Files are written here, so that one that is there is whole. A cell whose worker is killed begins
    again.
    """
    from graphcondense.ops.files import write_whole
    from graphcondense.ops.fleet import Fleet

    def again(name: str, why: str) -> None:
        warn(f"{log.cells.name} {name}: {why}; begins again")

    try:
        with Fleet(args.ray_address, str(args.device) == "cuda", fresh=True) as fleet:
            check_machines(fleet, args)
            workers, here = fleet.slots, os.getcwd()
            log.start(workers)
            words = {n: (here, cell_words(argv, n, workers, Path("cell.json"))) for n in log.todo}
            for name, done in fleet.each(ray_cell, words, begins=log.begins, again=again):
                text, why = done.value or ("", done.why)
                if text:
                    write_whole(log.path(name), text)
                log.ended(name, why)
    except KeyboardInterrupt:
        return True
    return False


def ray_cell(task: tuple[str, Sequence[str]]) -> tuple[str, str]:
    """Run a cell in this process: the text of its file, or the last line of what went wrong.

    Args:
        task: the folder to run in, and the words after ``graphcondense``, of which the last is to
            be the cell's file.
    """
    from graphcondense.cli import main

    folder, words = task
    os.chdir(folder)
    errors = io.StringIO()
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stderr(errors):
        file = Path(place) / words[-1]
        status = main([*words[:-1], str(file)])
        return (file.read_text(), "") if status == 0 else ("", last_line(errors.getvalue()))


def check_machines(fleet: Fleet, args: Namespace) -> None:
    """Raise a ValueError unless all machines of a cluster see this folder, and run this version."""
    from graphcondense.ops.files import write_whole
    from graphcondense.version import __version__

    here = Path(os.getcwd())
    probe = here / args.out / f".seen-{socket.gethostname()}-{os.getpid()}"
    write_whole(probe, "")
    try:
        roots = [str(here / args.root)] if args.root else []
        found = fleet.on_each_machine(seen, [str(probe), *roots])
    finally:
        probe.unlink(missing_ok=True)
    for machine, done in found.items():
        if done.value is None:
            raise ValueError(
                f"machine {machine} cannot run a cell ({done.why}): install graphcondense "
                f"{__version__} there"
            )
        version, missing = done.value
        if version != __version__:
            raise ValueError(f"machine {machine} has graphcondense {version}, not {__version__}")
        if missing:
            raise ValueError(
                f"machine {machine} does not see {missing[0]}: all machines need a shared folder "
                "in which the command runs, for --out and --root"
            )


def seen(paths: Sequence[str]) -> tuple[str, list[str]]:
    """This machine's version of the package, and which paths it does not have."""
    from graphcondense.version import __version__

    return __version__, [path for path in paths if not os.path.exists(path)]
