"""Run folders: what they hold, and that a new run loses nothing of an old one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

from graphcondense.cli.text import is_main

BUDGETS = ("nodes", "size", "ratio", "per_class", "bytes")
PARTIAL = "evaluation.partial.jsonl"
Config: TypeAlias = dict[str, Any]
"""What a config.yaml holds: whatever YAML does."""
USES = ("evaluation", "properties", "privacy", "serving", "nas", "tune")
"""What later commands write beside a run, as NAME.json and NAME.png."""
FILES = (
    *("condensed.safetensors", "condensed.md", "metrics.jsonl", "report.html", PARTIAL),
    *("curve.png", "graph.png", "graphs.png", "images.png", "items.png"),
    *("transfer.png", "break-even.png"),
    *(f"{use}.{ending}" for use in USES for ending in ("json", "png")),
)
"""What a run and the commands after it write."""


def config_flags(config: Config) -> Config:
    """The flags that repeat the run of a config."""
    from graphcondense.run import Run

    run = {f.name: config[f.name] for f in fields(Run) if f.name in config}
    if run.get("sizes"):
        run["sizes"] = ",".join(map(str, run["sizes"]))
    return {**config.get("hyperparameters", {}), **run, **config.get("origin", {})}


def prepare(folder: Path, overwrite: bool) -> None:
    """Make sure that a new run loses nothing of an old one.

    Raises:
        ValueError: there is a run in ``folder``, and ``overwrite`` is not set.
    """
    from graphcondense.candidates import clear

    refuse_used(folder, overwrite)
    if is_main():
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        for path in folder.glob("checkpoint*.pt*"):  # the draft of a process that was killed, too
            path.unlink()
        clear(folder)


def refuse_used(folder: Path, overwrite: bool) -> None:
    """Raise a ValueError where there is a run in ``folder``, and ``overwrite`` is not set."""
    finished = has_result(folder)
    if not overwrite and (finished or begun(folder)):
        what = "a finished run" if finished else "an unfinished run; --resume goes on with it"
        raise ValueError(f"{folder} has {what}; --overwrite starts anew, --out names another")


def has_result(folder: Path) -> bool:
    """Whether there is a condensed set in the folder, finished or ended early."""
    return (folder / "condensed.safetensors").exists()


def begun(folder: Path) -> bool:
    """Whether there is a run in the folder that can be gone on with."""
    from graphcondense.candidates import unfinished

    return (folder / "checkpoint.pt").exists() or unfinished(folder)


def keeps(folder: Path) -> bool:
    """Whether there is something in the folder that ``--resume`` goes on with or opens."""
    return begun(folder) or has_result(folder)


def successor(folder: Path) -> Path:
    """The folder of a run that takes the place of the finished one in ``folder`` once it is whole
    (:func:`succeed`), so that a run that fails, or is killed, takes nothing away.
    """
    return folder / ".new"


def discard(folder: Path) -> None:
    """Remove a successor that was begun."""
    if is_main():
        shutil.rmtree(successor(folder), ignore_errors=True)


def succeed(made: Path, folder: Path) -> None:
    """Move what a finished run wrote into ``made`` to ``folder``, in the place of what was there;
    files of others stay. The condensed set is moved last: where it is, the rest has been.
    """
    if not is_main() or made == folder:
        return
    folder.mkdir(parents=True, exist_ok=True)
    new = {path.name: path for path in made.iterdir()}
    for name in {*FILES, *(path.name for path in folder.glob("checkpoint*.pt*"))}:
        if name not in new:
            (folder / name).unlink(missing_ok=True)
    for name in sorted(new, key=lambda name: (name.startswith("condensed."), name)):
        target = folder / name
        if target.is_dir():
            shutil.rmtree(target)
        new[name].replace(target)


def size(options: Mapping[str, Any]) -> str:
    """The budget as a part of a file name.

    >>> size({"nodes": 70, "ratio": None}), size({"ratio": 0.5}), size({"sizes": (35, 70)})
    ('70', 'ratio0.5', '35-70')
    """
    given = [(k, options[k]) for k in BUDGETS if options.get(k) is not None]
    words = [f"{'' if k == 'nodes' else k}{v}" for k, v in given]
    return "-".join([*words, *map(str, options.get("sizes") or ())]) or "default"


def draw(small: Any, folder: Path, real: Any = None) -> list[Path]:
    """Draw a run's pictures into its folder; returns their paths.

    The picture of users by items shows the real ones beside them: without these there is none.
    """
    from graphcondense import pictures
    from graphcondense.report.runs import form_of, validation_score

    if not is_main():
        return []
    drawn = []
    if (folder / "metrics.jsonl").is_file():
        drawn.append(folder / "curve.png")
        pictures.draw_curve(folder / "metrics.jsonl", drawn[-1], validation_score(small))
    form = form_of(small)
    if form.unit != "users":
        drawn.append(folder / form.picture)
        small.plot(drawn[-1])
    elif real is not None:
        drawn.append(folder / form.picture)
        pictures.draw_items(small.csr, real.train, drawn[-1])
    return drawn
