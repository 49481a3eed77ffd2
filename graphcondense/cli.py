"""The command line.

Torch and PyG take seconds to import, so every command imports what it needs when it is called.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import shlex
import sys
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from graphcondense.core.method import Method

BUDGETS = ("nodes", "ratio", "per_class", "bytes")
PICTURES = ("curve.png", "graph.png", "images.png", "evaluation.png")
INTERRUPTED = 130  # what a shell reports after Ctrl-C: 128 + SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after ``graphcondense``; by default those of this process.

    Returns:
        0; 2 for what a user can put right, said on stderr; 130 after Ctrl-C.
    """
    words = [_dashed(word) for word in (sys.argv[1:] if argv is None else argv)]
    try:
        _dispatch(words)
    except SystemExit as end:  # --help
        return int(end.code or 0)
    except KeyboardInterrupt:
        note("interrupted")
        return INTERRUPTED
    except (ValueError, FloatingPointError, OSError) as error:
        note(f"error: {error}")
        return 2
    return 0


def _dispatch(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
    elif words[0] == "--version":
        from graphcondense import __version__

        print(f"graphcondense {__version__}")
    elif words[0] in COMMANDS:
        COMMANDS[words[0]](words[1:])
    else:
        near = difflib.get_close_matches(words[0], COMMANDS, n=3, cutoff=0.4) or list(COMMANDS)
        raise ValueError(f"unknown command {words[0]!r}; did you mean {', '.join(near)}?")


def overview() -> str:
    """What ``graphcondense --help`` prints; the commands' own docstrings."""
    lines = [
        "usage: graphcondense COMMAND ...",
        "",
        "Condense a large data set into a tiny synthetic one that trains the same models.",
        "",
        "commands:",
        *(f"  {name:<9} {_summary(command)}" for name, command in COMMANDS.items()),
        "",
        "graphcondense COMMAND --help says more. Start with: graphcondense demo",
    ]
    return "\n".join(lines)


# --- commands --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which data.

    Attributes:
        data: name of a data set (see "graphcondense datasets") or a file that ends in .npz or .pt.
        root: folder that has the data sets; by default $GRAPHCONDENSE_DATA, else
            ~/.cache/graphcondense.
        split: nodes for training, validation and test; by default the published split, else a
            seeded one.
        data_seed: draws the splits "seeded" and "random".
        normalize: of features; "auto" does what papers do with this data set.
    """

    data: str | None = None
    root: str | None = None
    split: Literal["public", "full", "seeded", "random"] | None = None
    data_seed: int = 0
    normalize: Literal["auto", "row", "standard", "none"] = "auto"

    def load(self, domain: str = "node") -> Any:
        """The data, as :func:`graphcondense.condense` takes them."""
        if self.data is None:
            raise ValueError("which data? give --data NAME or --data FILE; names: datasets")
        if domain == "image":
            return load_images(self.data)
        from graphcondense.data import as_task, load

        chosen = {"split": self.split, "seed": self.data_seed, "normalize": self.normalize}
        return as_task(load(self.data, self.root, **chosen))  # type: ignore[arg-type]

    @property
    def stem(self) -> str:
        """The data's name as a part of a file name."""
        path = Path(str(self.data))
        return (path.stem if path.suffix in (".npz", ".pt") else path.name).lower()


def load_images(name: str) -> tuple[Any, Any]:
    """``(images, labels)`` from an ``.npz`` file, or scikit-learn's digits."""
    import numpy as np

    if name == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return (digits.images / 16).astype(np.float32), digits.target
    if not name.endswith(".npz"):
        raise ValueError(f"--data {name}: images come from 'digits' or an .npz file")
    with np.load(Path(name).expanduser(), allow_pickle=False) as file:
        if missing := {"images", "labels"} - set(file.files):
            raise ValueError(f"{name} has no {' and no '.join(sorted(missing))}")
        return file["images"], file["labels"]


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where values come from.

    Attributes:
        preset: a section of the method's preset file; by default the one that is called like the
            data set, if there is one; "none" for none. Flags win over it.
        config: the config.yaml of an earlier run, to repeat it. Flags win over it.
        overwrite: start anew in a folder that has a run.
    """

    preset: str | None = None
    config: str | None = None
    overwrite: bool = False


def command_condense(argv: list[str]) -> None:
    """Condense a data set with one method, into a run folder."""
    from graphcondense.core.method import find_method, methods

    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--config")
    path = early.parse_known_args(argv)[0].config
    config = read_config(Path(path)) if path else {}
    named = bool(argv) and not argv[0].startswith("-")
    method = argv[0].lower() if named else config.get("method")
    if method is None:
        known = ", ".join(dict.fromkeys(row["name"] for row in methods()))
        usage = f"usage: graphcondense condense METHOD --data NAME|FILE ...\nmethods: {known}"
        if {"-h", "--help"} & set(argv):
            print(f"{usage}\n\ngraphcondense condense METHOD --help lists a method's flags.")
            return
        raise ValueError(f"name a method first\n{usage}")
    if config and method != config["method"]:
        raise ValueError(f"{path} is of method {config['method']}, not {method}")
    cls, variant = find_method(method)
    args = _condense_args(cls, variant, method, argv[named:], config)

    names = {f.name for f in fields(Where)} | {f.name for f in fields(Start)}
    options = {k: v for k, v in vars(args).items() if k not in names}
    where = Where(**{f.name: args[f.name] for f in fields(Where)})
    folder = Path(args.out or f"runs/{where.stem}-{method}-{_size(options)}-seed{args.seed}")
    if args.resume and args.overwrite:
        raise ValueError("--resume goes on and --overwrite starts over: give one of them")
    data = where.load(cls.domain)
    if not args.resume:
        prepare(folder, args.overwrite)
    repeat = [word for word in argv if word not in ("--resume", "--overwrite")]
    small = _run(data, method, {**options, "out": folder}, asdict(where), repeat)
    say(summary(small))
    pictures = draw(small, folder)
    say(f"\n{folder}: {', '.join(sorted(p.name for p in folder.iterdir() if p.is_file()))}")
    if pictures and cls.domain == "node":
        say(f"next: graphcondense evaluate {shlex.quote(str(folder))}")


def _condense_args(
    cls: type[Method],
    variant: Mapping[str, Any],
    method: str,
    argv: list[str],
    config: Mapping[str, Any],
) -> Namespace:
    """All flags; a first parse finds the data, whose preset the second has as defaults."""
    from graphcondense.run import presets

    parser = condense_parser(cls, method)
    parser.set_defaults(dict(variant))
    args = parse(parser, argv)
    sections = presets(cls)
    section = args.preset
    if section is None and args.data and not config:
        section = preset_of(sections, args.data)
        if section:
            say(f"preset {section!r} of {cls.name}, because of the data; --preset none leaves it")
    if section not in (None, "none", *sections):
        raise ValueError(
            f"{cls.name} has no preset {section!r}; it has {', '.join(sections) or 'none'}"
        )
    defaults = {**variant, **sections.get(section or "none", {}), **config_flags(config)}
    if unknown := defaults.keys() - vars(args).keys():
        raise ValueError(f"{method} has no option {', '.join(sorted(unknown))}")
    # A budget on the command line stands for any other that a preset or config names.
    given = {word[2:].partition("=")[0].replace("-", "_") for word in argv}
    if given & set(BUDGETS):
        defaults = {k: v for k, v in defaults.items() if k not in BUDGETS}
    parser.set_defaults(defaults)
    return parse(parser, argv)


def condense_parser(cls: type[Method], method: str) -> ArgumentParser:
    """The flags of one method: the fields of its dataclass, and those of a run."""
    from graphcondense.ops.budget import Budget
    from graphcondense.run import Run

    parser = make_parser(f"condense {method}", f"{_summary(cls)}\n{cls.paper}")
    budget = [f.name for f in fields(Budget)]
    add_fields(parser, "data", Where)
    add_fields(parser, "budget (one of nodes, ratio, per-class, bytes)", cls, only=budget)
    add_fields(parser, "run", Run, helps={"out": "folder of the run; by default below runs/"})
    add_fields(parser, "preset and config", Start)
    own = [f.name for f in fields(cls) if f.name not in budget]
    add_fields(parser, f"{cls.name} itself", cls, only=own)
    return parser


def preset_of(sections: Collection[str], data: str) -> str | None:
    """The section that is called like the data set, by any of its names."""
    from graphcondense.data.nodes import KNOWN, name_key

    wanted = name_key(data)
    names = next((k.spellings() for k in KNOWN if wanted in k.spellings()), {wanted})
    return next((section for section in sections if name_key(section) in names), None)


def _run(
    data: Any, method: str, options: dict[str, Any], origin: dict[str, Any], argv: list[str]
) -> Any:
    """:func:`graphcondense.condense`, which says how to go on when it is interrupted."""
    import graphcondense

    try:
        return graphcondense.condense(data, method, origin=origin, **options)
    except KeyboardInterrupt:
        on = ["--resume"] if (options["out"] / "checkpoint.pt").exists() else []
        todo = "go on" if on else "start over"
        note(f"to {todo}: {shlex.join(['graphcondense', 'condense', *argv, *on])}")
        raise


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How a condensed graph is evaluated.

    Attributes:
        models: names with commas between, or "all".
        seeds: trainings of every model.
        baselines: of "random" and "whole", with a comma between, or "none".
        random_draws: how many random graphs.
        device: such as "cpu" or "cuda".
        json: file for the numbers; by default evaluation.json in the run's folder.
        plot: file for the picture; by default evaluation.png in the run's folder.
    """

    models: str = "all"
    seeds: int = 10
    baselines: str = "random,whole"
    random_draws: int = 3
    device: str | None = None
    json: str | None = None
    plot: str | None = None


def command_evaluate(argv: list[str]) -> None:
    """Train other models on condensed graphs and score them on the real one."""
    import graphcondense
    from graphcondense.data import as_task
    from graphcondense.evaluate import Training, evaluate
    from graphcondense.evaluate.report import BASELINES
    from graphcondense.nn.batched import MODELS

    parser = make_parser("evaluate", _summary(command_evaluate))
    parser.add_argument(
        "runs", nargs="+", help="run folders or .safetensors files; several are several seeds"
    )
    add_fields(parser, "data (by default the first run's)", Where)
    add_fields(parser, "evaluation", Trained)
    add_fields(parser, "training", Training)
    first = parse(parser, argv).runs[0]
    small = graphcondense.load(first)
    config = Path(first) / "config.yaml"
    origin = read_config(config).get("origin", {}) if config.is_file() else {}
    parser.set_defaults({"data": small.condensed.get("data", {}).get("name"), **origin})
    args = parse(parser, argv)

    graphs: dict[str, list[Any]] = {}
    loaded = [small, *map(graphcondense.load, args.runs[1:])]
    sizes = {graph.num_nodes for graph in loaded}
    for graph in loaded:
        label = graph.condensed.get("method", "condensed")
        label += f" {graph.num_nodes}" if len(sizes) > 1 else ""
        graphs.setdefault(f"{label} (run)" if label in BASELINES else label, []).append(graph)
    task = as_task(Where(**{f.name: args[f.name] for f in fields(Where)}).load())
    if {g.condensed.get("data", {}).get("digest") for g in loaded} != {task.digest}:
        note("note: not condensed from this very graph and split")
    report = evaluate(
        graphs,
        task,
        models=list(MODELS) if args.models == "all" else args.models.split(","),
        seeds=args.seeds,
        baselines=[] if args.baselines == "none" else args.baselines.split(","),
        random_draws=args.random_draws,
        device=args.device,
        progress=sys.stderr.isatty(),
        **{f.name: args[f.name] for f in fields(Training)},
    )
    say(report.table())
    folder = Path(first) if Path(first).is_dir() else None
    for file, write, name in (
        (args.json, report.to_json, "evaluation.json"),
        (args.plot, report.plot, "evaluation.png"),
    ):
        if path := file or (folder and folder / name):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            write(path)
            say(f"written: {path}")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What is listed, and how.

    Attributes:
        domain: only methods of this kind of data.
        json: as JSON.
    """

    domain: str | None = None
    json: bool = False


def command_methods(argv: list[str]) -> None:
    """List the methods."""
    from graphcondense.core.method import methods

    parser = make_parser("methods", _summary(command_methods))
    add_fields(parser, "options", Listed)
    args = parse(parser, argv)
    known = dict.fromkeys(row["domain"] for row in methods())
    if args.domain not in (None, *known):
        raise ValueError(f"no methods for domain {args.domain!r}; there are {', '.join(known)}")
    rows = methods(args.domain)
    print(json.dumps(rows, indent=2) if args.json else table(rows))


def command_datasets(argv: list[str]) -> None:
    """List the data sets, and which of them are on this machine."""
    from graphcondense.data import datasets

    parser = make_parser("datasets", _summary(command_datasets))
    add_fields(parser, "options", Where, only=["root"])
    add_fields(parser, "output", Listed, only=["json"])
    args = parse(parser, argv)
    rows = datasets(args.root)
    print(json.dumps(rows, indent=2) if args.json else table(rows))


def command_show(argv: list[str]) -> None:
    """Say what a run folder holds."""
    import graphcondense

    parser = make_parser("show", _summary(command_show))
    parser.add_argument("run", help="folder of the run")
    folder = Path(parse(parser, argv).run)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    metrics = folder / "metrics.jsonl"
    last = metrics.read_text().splitlines()[-1:] if metrics.is_file() else []
    if (folder / "condensed.safetensors").is_file():
        print(summary(graphcondense.load(folder)))
    elif (folder / "config.yaml").is_file():
        print(f"{read_config(folder / 'config.yaml')['method']}, not finished")
    else:
        raise ValueError(f"{folder} holds no run")
    for line in last:
        row = json.loads(line)
        print("last step: " + ", ".join(f"{k} {v:.6g}" for k, v in row.items()))
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        print(f"  {path.stat().st_size:>12,}  {path}")


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The demonstration.

    Attributes:
        out: folder for its files.
        seed: of all randomness.
    """

    out: str = "runs/demo"
    seed: int = 0


def command_demo(argv: list[str]) -> None:
    """Condense scikit-learn's digits and compare, offline and in less than a minute."""
    import time

    import graphcondense
    from graphcondense.evaluate import evaluate

    parser = make_parser("demo", _summary(command_demo))
    add_fields(parser, "options", Demo)
    args = parse(parser, argv)
    began = time.perf_counter()
    folder, where = Path(args.out), Where(data="digits")
    prepare(folder, overwrite=args.out == Demo.out)
    task = where.load()
    say(f"{task.num_nodes:,} handwritten digits, each joined to its 10 nearest, become 50 nodes.")
    options = {**DEMO, "seed": args.seed, "out": folder}
    small = graphcondense.condense(task, "gcond-x", origin=asdict(where), **options)
    report = evaluate({"gcond-x": small}, task, **DEMO_EVALUATION)
    say(f"{summary(small)}\n\n{report.table()}\n")
    if is_main():
        report.to_json(folder / "evaluation.json")
        report.plot(folder / "evaluation.png")
    pictures = [*draw(small, folder), folder / "evaluation.png"]
    say(f"{time.perf_counter() - began:.0f} s in all. Pictures: {', '.join(map(str, pictures))}")
    say("next: graphcondense condense gcond-x --data cora --nodes 70")


DEMO: dict[str, Any] = {"nodes": 50}
"""How the demonstration runs GCond-X: by its defaults."""

DEMO_EVALUATION: dict[str, Any] = {
    "models": ("GCN", "SGC", "MLP"),
    "seeds": 5,
    "epochs": 200,
    "progress": False,
}
"""How it compares."""

COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "demo": command_demo,
    "condense": command_condense,
    "evaluate": command_evaluate,
    "methods": command_methods,
    "datasets": command_datasets,
    "show": command_show,
}


# --- flags -----------------------------------------------------------------------------------


def make_parser(command: str, description: str) -> ArgumentParser:
    """A parser that raises its errors, for :func:`main` to print."""
    from jsonargparse import ArgumentParser

    return ArgumentParser(
        prog=f"graphcondense {command}",
        description=description,
        exit_on_error=False,
        allow_abbrev=False,
    )


def add_fields(
    parser: ArgumentParser,
    title: str,
    cls: type[Any],
    *,
    only: Collection[str] | None = None,
    helps: Mapping[str, str] | None = None,
) -> None:
    """A flag for every field of a dataclass, with the help that its docstrings have.

    Args:
        parser: where to add them.
        title: heading of the group.
        cls: the dataclass.
        only: names of fields; by default all.
        helps: help that differs from the docstrings'.
    """
    from jsonargparse import ActionYesNo

    group = parser.add_argument_group(title)
    hints, docs = typing.get_type_hints(cls), {**field_docs(cls), **(helps or {})}
    for field in fields(cls):
        if only is not None and field.name not in only:
            continue
        hint = hints[field.name]
        how = {"action": ActionYesNo(no_prefix="no-")} if hint is bool else {"type": hint}
        flag = "--" + field.name.replace("_", "-")
        group.add_argument(flag, default=field.default, help=docs.get(field.name, ""), **how)


def field_docs(cls: type[Any]) -> dict[str, str]:
    """What the docstrings of a class and its parents say of its fields, as plain text."""
    import docstring_parser

    out: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for param in docstring_parser.parse(base.__dict__.get("__doc__") or "").params:
            text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"\1", param.description or "")
            text = text.replace('``"', '"').replace('"``', '"').replace("``", "'")
            text = " ".join(text.split())
            out |= {name.strip(): text for name in param.arg_name.split(",")}
    return out


def parse(parser: ArgumentParser, argv: list[str]) -> Namespace:
    """Parse, with errors as a ``ValueError`` of one line.

    Raises:
        ValueError: an unknown flag, with the nearest known ones, or a value of the wrong type.
    """
    from jsonargparse import ArgumentError

    try:
        return parser.parse_args(argv)
    except ArgumentError as error:
        text = " ".join(str(error).split())
    if unknown := re.match(r"unrecognized arguments: (--[\w-]+)", text):
        known = re.findall(r"--[\w-]+", parser.format_usage())
        near = difflib.get_close_matches(unknown[1], known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "--help lists all"
        raise ValueError(f"unknown flag {unknown[1]}; {hint}")
    flag = re.sub(r'^Parser key "(\w+)":', lambda m: f"--{m[1].replace('_', '-')}:", text)
    plain = re.sub(r"<class '(\w+)'>|typing\.", r"\1", flag)
    union = r"Does not validate .* Subtypes: \[(.*)\] Errors: .* Given value: "
    raise ValueError(re.sub(union, r"Expected one of \1. Got value: ", plain))


def _dashed(word: str) -> str:
    """
    >>> _dashed("--lr_x=a_b"), _dashed("a_b")
    ('--lr-x=a_b', 'a_b')
    """
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value if word.startswith("--") else word


def _summary(thing: Any) -> str:
    """The first line of a docstring."""
    return str(thing.__doc__).strip().splitlines()[0]


# --- run folders -----------------------------------------------------------------------------


def read_config(path: Path) -> dict[str, Any]:
    """A run's ``config.yaml``.

    Raises:
        ValueError: there is none, or it is something else.
    """
    import yaml

    try:
        config = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    if not isinstance(config, dict) or not {"method", "hyperparameters"} <= set(config):
        raise ValueError(f"{path} is not the config.yaml of a run")
    return config


def config_flags(config: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that repeat the run of a config."""
    from graphcondense.run import Run

    run = {f.name: config[f.name] for f in fields(Run) if f.name in config}
    return {**config.get("hyperparameters", {}), **run, **config.get("origin", {})}


def prepare(folder: Path, overwrite: bool) -> None:
    """Make sure that a new run loses nothing of an old one.

    Raises:
        ValueError: there is a run in ``folder``, and ``overwrite`` is not set.
    """
    finished = (folder / "condensed.safetensors").exists()
    if not overwrite and (finished or (folder / "checkpoint.pt").exists()):
        what = "a finished run" if finished else "an unfinished run; --resume goes on with it"
        raise ValueError(f"{folder} has {what}; --overwrite starts anew, --out names another")
    if is_main():
        files = ("condensed.safetensors", "condensed.md", "metrics.jsonl", "evaluation.json")
        for path in [folder / name for name in (*files, *PICTURES)]:
            path.unlink(missing_ok=True)
        for path in folder.glob("checkpoint*.pt"):
            path.unlink()


def _size(options: Mapping[str, Any]) -> str:
    """The budget as a part of a file name.

    >>> _size({"nodes": 70, "ratio": None}), _size({"ratio": 0.5})
    ('70', 'ratio0.5')
    """
    given = [(k, options[k]) for k in BUDGETS if options.get(k) is not None]
    return "-".join(f"{'' if k == 'nodes' else k}{v}" for k, v in given) or "none"


def draw(small: Any, folder: Path) -> list[Path]:
    """Draw a run's pictures into its folder; returns their paths."""
    from graphcondense import pictures

    if not is_main():
        return []
    drawn = []
    if (folder / "metrics.jsonl").is_file():
        drawn.append(pictures.draw_curve(folder / "metrics.jsonl", folder / "curve.png"))
    if small.x.dim() == 2:
        drawn.append(pictures.draw_graph(small, folder / "graph.png"))
    else:
        drawn.append(pictures.draw_images(small.x, small.y, folder / "images.png"))
    return drawn


# --- text ------------------------------------------------------------------------------------


def summary(small: Any) -> str:
    """A condensed set beside the whole one, as a table."""
    record = small.condensed
    data, validation = record["data"], record["validation"]
    rows = [
        {
            "": name,
            "whole": f"{data[name]:,}",
            "condensed": f"{record[name]:,}",
            "share": f"{100 * record[name] / data[name]:.2f} %" if data[name] else "-",
        }
        for name in ("nodes", "edges", "bytes")
        if name in data
    ]
    score = f"{validation['score']:.4f} at step {validation['step']}" if validation else "none"
    return "\n".join(
        [
            f"{data['name']}, condensed by {record['method']}, seed {record['seed']}",
            table(rows),
            f"seconds     {record['seconds']:.1f}",
            f"validation  {score}",
        ]
    )


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same keys as aligned text; numbers to the right.

    >>> print(table([{"name": "a", "size": 10}, {"name": "bb", "size": 1234}]))
    name   size
    ----  -----
    a        10
    bb    1,234
    """
    head = list(rows[0])
    cells = [[_cell(row[key]) for key in head] for row in rows]
    columns = list(zip(*cells, strict=True))
    right = [all(re.match(r"\d|-$", cell) for cell in column) for column in columns]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in (head, ["-" * width for width in widths], *cells)
    )


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def is_main() -> bool:
    """Whether this process is the one that prints and draws; under ``torchrun`` rank 0 is."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Print a result, once for all processes."""
    if is_main():
        print(text, flush=True)


def note(text: str) -> None:
    """Print on stderr, where it does not mix with results."""
    print(text, file=sys.stderr, flush=True)
