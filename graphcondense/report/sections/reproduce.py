"""The commands that repeat runs, and everything that was set."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import PurePath

from graphcondense.report.runs import Run
from graphcondense.report.sections.parts import Section, section
from graphcondense.report.values import DASH, flat, mapping, written

GROUPS = (
    ("hyperparameters", "Hyper-parameters"),
    ("budget", "Budget"),
    ("run", "Run"),
    ("data", "Data"),
    ("validation", "Validation"),
    ("versions", "Versions"),
)
# A folder on the author's machine is nobody's business; old records call the kind a domain.
# What has a place of its own on the page, or in the card, is no setting.
LISTED = ("data.columns.columns", *(f"examples.{name}" for name in ("by", "nodes", "ids", "texts")))
HIDDEN = ("origin.root", "origin.table", "origin.edges", "kind", "domain", *LISTED)
TABLE = ("table", "edges")
"""What of the origin of a run are paths of a table's files, of which a page has the names."""


def reproduce(runs: Sequence[Run]) -> Section:
    """The commands that repeat the runs, and everything that was set."""
    values = [_settings(run) for run in runs]
    names = dict.fromkeys(name for found in values for name in found)
    groups = []
    for prefix, title in GROUPS:
        lines = []
        for name in (name for name in names if _group_of(name) == prefix):
            texts = [written(found[name]) if name in found else DASH for found in values]
            lines.append((name.removeprefix(f"{prefix}."), texts, len(set(texts)) > 1))
        if lines:
            groups.append({"title": title, "lines": lines})
    commands = [(run.label, list(_commands(run)), str(run.record.get("hash", ""))) for run in runs]
    return section("reproduce", "Reproduce", commands=commands, groups=groups)


def _commands(run: Run) -> Iterator[tuple[str, str]]:
    if run.config:
        short = ["graphcondense", "condense", run.method, "--config", f"{run.folder}/config.yaml"]
        yield "From the run's own config", shlex.join([*short, "--out", "again"])
    yield "With every flag", _wrapped(flags(run))


def flags(run: Run) -> list[str]:
    """The command that repeats a run, with every value spelled out; ``DATA`` is where data lie."""
    from graphcondense.run.options import Run as Options

    known = [field.name for field in fields(Options)]
    given = {
        **mapping(run.record.get("hyperparameters")),
        **mapping(mapping(run.record.get("budget")).get("asked")),
        **mapping(run.config.get("hyperparameters")),
        **{name: run.config.get(name, run.record.get(name)) for name in known if name != "device"},
    }
    for name in _idle(run, given):
        given.pop(name, None)
    origin = mapping(run.config.get("origin"))
    words = ["graphcondense", "condense", run.method]
    for name in TABLE if origin.get("table") else ():
        words += [f"--{name}", PurePath(str(origin.get(name))).name]
    if not origin.get("table"):
        data = str(origin.get("data") or run.data.get("name", "DATA"))
        words += ["--data", PurePath(data).name if data.endswith((".npz", ".pt")) else data]
    if origin.get("root") is not None:
        words += ["--root", "DATA"]
    words += ["--preset", "none"]
    apart = ("data", "root", *TABLE)
    where = {name: value for name, value in origin.items() if name not in apart}
    for name, value in {**where, **given}.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            text = json.dumps(value) if isinstance(value, list | dict) else str(value)
            words.append(f"--{flag}={text}")
    return [*words, "--out=again"]


def _idle(run: Run, given: Mapping[str, object]) -> Sequence[str]:
    """Options that had nothing to act on in a run, so that a command with them is refused."""
    from graphcondense.run.options import LOOP_OPTIONS

    if run.record.get("steps") is None:
        return LOOP_OPTIONS
    scored = run.record.get("validation") is not None or not given.get("validations")
    return () if scored else ("validations", "patience")


def _wrapped(words: Sequence[str], width: int = 88) -> str:
    """A command over several lines.

    >>> print(_wrapped(["graphcondense", "condense", "--lr=0.1"], 24))
    graphcondense condense \\
      --lr=0.1
    """
    lines = [""]
    for word in map(shlex.quote, words):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return " \\\n".join(lines)


def _settings(run: Run) -> dict[str, object]:
    """All that is known of a run, but for the forms of a budget that its record spells out."""
    found = dict(flat(run.record))
    asked = mapping(mapping(run.record.get("budget")).get("asked"))
    for name, value in flat(run.config):
        field = name.removeprefix("hyperparameters.")
        if field == name or (value is not None and field not in asked):
            found.setdefault(name, value)
    return {name: value for name, value in found.items() if name not in HIDDEN}


def _group_of(name: str) -> str:
    first = "data" if name.startswith("origin.") else name.partition(".")[0]
    return first if first in dict(GROUPS) else "run"
