"""Run folders: their flags, names and pictures, and that a new run loses nothing of an old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

from graphcondense.cli.text import is_main
from graphcondense.ops.locks import refuse_busy
from graphcondense.ops.names import meant
from graphcondense.run.folder import begun, has_result

BUDGETS = ("nodes", "size", "ratio", "per_class", "bytes")
Config: TypeAlias = dict[str, Any]
"""What a config.yaml holds: whatever YAML does."""


def config_flags(config: Config, argv: Sequence[str] = ()) -> Config:
    """The flags that repeat the run of a config, but for the data where ``argv`` names others.

    Raises:
        ValueError: the config of an update; a name that no run writes, such as a misspelt option.
    """
    from graphcondense.cli.where import Where, origin_flags
    from graphcondense.run.job import UPDATED
    from graphcondense.run.options import Run

    if updated := [name for name in UPDATED if name in config]:
        raise ValueError(
            f"the config is of an update of a set ({updated[0]}: {config[updated[0]]}), and "
            "condense makes none: graphcondense.update(SET, data) goes on from that set, in "
            f"Python; to condense all anew, leave {' and '.join(updated)} out of the config"
        )
    known = [f.name for f in fields(Run)]
    _refuse_unknown(config, [*known, *BESIDE], "the config")
    origin = config.get("origin", {})  # what callers of condense(origin=...) like to say
    where = [f.name for f in fields(Where)]
    _refuse_unknown(origin, where, "the origin of the config", free=True)
    run = {name: config[name] for name in known if name in config}
    if run.get("epsilon") is not None and run.get("seed") is None:
        run.pop("seed", None)  # nobody may know it: the noise is drawn anew
    if run.get("sizes"):
        run["sizes"] = ",".join(map(str, run["sizes"]))
    return {
        **config.get("hyperparameters", {}),
        **run,
        **origin_flags(config.get("origin", {}), argv),
    }


BESIDE = ("method", "hyperparameters", "preset", "data", "origin")
"""What a config has besides options of the run."""


def _refuse_unknown(given: Config, known: Sequence[str], what: str, free: bool = False) -> None:
    """Refuse a name that nothing reads; where names are ``free``, one that looks misspelt."""
    for name in given:
        hint = meant(name, known, most=1, like=0.75 if free else 0.6)
        if name not in known and (hint or not free):
            raise ValueError(f"{what} has {name!r}, which nothing reads: {hint or 'leave it out'}")


def refuse_used(folder: Path, overwrite: bool) -> None:
    """Raise a ValueError where another process works in ``folder``, or where there is a run in it
    and ``overwrite`` is not set."""
    refuse_busy(folder)
    finished = has_result(folder)
    if not overwrite and (finished or begun(folder)):
        what = "a finished run" if finished else "an unfinished run; --resume goes on with it"
        raise ValueError(f"{folder} has {what}; --overwrite starts anew, --out names another")


def size(options: Mapping[str, Any]) -> str:
    """The budget as a part of a file name.

    >>> size({"nodes": 70, "ratio": None}), size({"ratio": 0.5}), size({"sizes": (35, 70)})
    ('70', 'ratio0.5', '35-70')
    >>> size({"nodes": {"paper": 600, "author": 200}})
    'paper600-author200'
    """
    given = [(k, options[k]) for k in BUDGETS if options.get(k) is not None]
    words = [
        f"{name if isinstance(v, Mapping) else '' if k == 'nodes' else k}{n}"
        for k, v in given
        for name, n in (v if isinstance(v, Mapping) else {k: v}).items()
    ]
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
