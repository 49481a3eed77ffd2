"""Condensed graphs named on the command line, and the real graph they are compared with."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import Namespace

from graphcondense.cli.flags import Flags, Parser, named_in, parse
from graphcondense.cli.folders import Config
from graphcondense.cli.tables import files_of, refuse_changed
from graphcondense.cli.text import CONSOLE, is_main, note, say, tell, warn
from graphcondense.cli.where import Where, data_flags, origin_flags, where_of
from graphcondense.ops.figures import ended
from graphcondense.ops.files import refuse_target
from graphcondense.saved.shown import labels_of, record_of

if TYPE_CHECKING:
    from graphcondense.evaluate.result import Result
    from graphcondense.uses.privacy import Privacy

STDOUT = "-"
"""What ``--json`` without a file is."""
MAY_HOLD = {"graph": "a list of PyG Data", "image": "a pair of tensors (images, labels)"}
"""What a ``.pt`` file of another project holds; one of nodes has forms of its own."""


@dataclass(frozen=True)
class Opened:
    """What a command works on.

    Attributes:
        args: all flags.
        graphs: condensed graphs, or sets of graphs, by label; several of one label are several
            seeds.
        task: the real graph, or the real set of graphs.
        folder: the first run's folder, where results go; ``None`` for a single file.
        paths: what was opened.
        loaded: what was in each of them.
    """

    args: Namespace
    graphs: dict[str, list[Any]]
    task: Any
    folder: Path | None
    paths: Sequence[Path] = ()
    loaded: Sequence[Any] = ()

    def write(self, result: Result, name: str) -> object:
        """Print a result and write its numbers and picture: as ``--json`` and ``--plot`` say, else
        as ``NAME.json`` and ``NAME.png`` into the run's folder.

        Returns:
            The numbers, as JSON holds them.
        """
        return write_result(result, self.args, self.folder, name)

    def tell_cards(self, found: Privacy) -> None:
        """Write what is told of a run alone beside it, unless ``--json`` names a file, and the
        cards of all runs that have numbers beside them."""
        from graphcondense.saved.attack import beside
        from graphcondense.saved.condensed import file_of, renew_card
        from graphcondense.saved.content import graph_hash

        for path, small in zip(self.paths, self.loaded, strict=True):
            if not (is_main() and _is_ours(path)):
                continue
            file = beside(file_of(path))
            if self.args.json in (None, STDOUT) and found.is_of(graph_hash(small)):
                found.keep(path)
                if path != self.folder:  # there it has been told
                    tell(f"written: {file}")
            elif file.is_file():
                renew_card(path)
            else:
                continue
            tell(f"written: {file_of(path).with_suffix('.md')}")

    def refuse_beside(self) -> None:
        """Raise a ValueError, before the work, where :meth:`tell_cards` could not write."""
        from graphcondense.saved.attack import beside
        from graphcondense.saved.condensed import file_of

        for path in filter(_is_ours, self.paths if is_main() else ()):
            if self.args.json in (None, STDOUT):
                file = beside(file_of(path))
                refuse_target(file, f"{file} (--json FILE names another)")


def write_result(result: Result, args: Namespace, folder: Path | None, name: str) -> object:
    """As :meth:`Opened.write`, into ``folder``."""
    say(result.table())
    writers: list[tuple[str | None, Callable[[str | Path], object], str]] = [
        (None if args.json == STDOUT else args.json, result.to_json, "json"),
        (args.plot and str(ended(args.plot)), result.plot, "png"),
    ]
    for file, write, ending in writers:
        path = file or (folder and folder / f"{name}.{ending}")
        if path and is_main():
            write(path)
            tell(f"written: {path}")
            CONSOLE.written |= path == args.json
    return json.loads(result.to_json())


def refuse_places(args: Namespace, folder: Path | None, name: str) -> None:
    """Raise a ValueError, before the work, where :func:`write_result` could not write into
    ``folder``; files that ``--json`` and ``--plot`` name are looked at before any command."""
    for flag, ending in (("json", "json"), ("plot", "png")):
        if folder is not None and args[flag] in (None, STDOUT) and is_main():
            path = folder / f"{name}.{ending}"
            refuse_target(path, f"{path} (--{flag} FILE names another)")


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where results go, beside ``--json``.

    Attributes:
        plot: file for the picture; by default beside the run.
        device: where to compute, such as "cpu" or "cuda"; by default the CPU.
    """

    plot: str | None = None
    device: str | None = None


def foreign_flags() -> Flags:
    """How files of other projects are opened."""
    from graphcondense.data import open_small

    title = "files of other projects (tensors such as feat_NAME.pt, with adj_NAME.pt beside it)"
    return Flags(title, open_small, only=("adj", "labels", "threshold"))


def add_runs(parser: Parser) -> None:
    """The flags of every command that works on runs."""
    words = "run folders or files (.safetensors, .pt); several of one method are several seeds"
    parser.add_words("runs", words, "+")
    parser.add(*data_flags("data (by default the first run's)"), foreign_flags())
    parser.add(Flags("output", Output))


def open_runs(
    parser: Parser,
    argv: list[str],
    writes: str,
    kinds: Collection[str] = ("node",),
    *,
    warned: bool = False,
) -> Opened:
    """Parse flags whose data default to those of the first run, and open every run named.

    Args:
        parser: the command's own flags, with those of :func:`add_runs`.
        argv: the words after the command.
        writes: name of the result that is to be written beside the first run.
        kinds: what the command works on: ``"node"`` for runs of one graph, ``"graph"`` for runs of
            a set of graphs, ``"image"`` for runs of images, ``"rows"`` for runs of users by items.
        warned: the command itself warns of sets whose record names other data.

    Raises:
        ValueError: a flag, file, run or data set that cannot be used.
    """
    first_look = parse(parser, argv)
    check_device(first_look.device)
    from graphcondense.data import load_condensed, open_small
    from graphcondense.data.foreign import refuse_unread
    from graphcondense.report.runs import FORMS, kind_of_small

    paths = [Path(path) for path in first_look.runs]
    for path in paths:
        _check_there(path)
    _refuse_twice(paths)
    first = paths[0]
    refuse_places(first_look, first if first.is_dir() else None, writes)
    small = load_condensed(first) if _is_ours(first) else None
    parser.set_defaults(origin_flags(_origin(first, small), argv))
    args = parse(parser, argv)
    where = where_of(args)
    # Some names stand for a graph and for images: the run knows which.
    kind = "image" if kind_of_small(small) == "image" else where.kind
    if kind not in kinds:
        raise ValueError(_one_graph_alone(parser.prog.split()[-1], str(first), kind))
    foreign: Config = foreign_flags().values(args)
    if kind != "node" or all(map(_is_ours, paths)):
        refuse_unread(first, **foreign)
    loaded = [_open(p, kind, where.named()) for p in paths if kind != "node" or _is_ours(p)]
    where.check()
    if where.table is not None and not named_in(argv) & {"table", "edges"}:
        refuse_changed(where, files_of({} if small is None else record_of(small)))
    task: Any = where.load(kind)
    if kind == "node":
        how: list[Config] = [{} if _is_ours(path) else foreign for path in paths]
        loaded = [open_small(p, real=task, **own) for p, own in zip(paths, how, strict=True)]
    sizes = [_count(small) for small in loaded]
    graphs: dict[str, list[Any]] = {}
    sections = {(record_of(g).get("method"), record_of(g).get("preset")) for g in loaded}
    named = [method for method, _ in sections]
    for graph, size in zip(loaded, sizes, strict=True):
        label = record_of(graph).get("method", "condensed")
        # Runs of one method by different presets are no seeds of one thing.
        if named.count(label) > 1:
            label += f" preset {record_of(graph).get('preset') or 'none'}"
        label += f" {size}" if len(set(sizes)) > 1 else ""
        label += " (run)" if label in ("random", "whole") else ""  # as baselines are called
        graphs.setdefault(label, []).append(graph)
    told = {record_of(g).get("data", {}).get("digest") for g in loaded}
    if None in told if warned else told != {task.digest}:
        real = "this very graph" if kind == "node" else f"these very {FORMS[kind].unit}"
        note(f"note: not condensed from {real} and split, as far as its record says")
    return Opened(args, graphs, task, first if first.is_dir() else None, paths, loaded)


def _check_there(path: Path) -> None:
    """Raise a ValueError unless something that could be opened is there."""
    from graphcondense.saved.condensed import those_below

    if not path.exists():
        raise ValueError(f"there is no file or folder {path}")
    if not path.is_dir() or (path / "condensed.safetensors").is_file():
        return
    if not any(not file.name.startswith("checkpoint") for file in path.glob("*.pt")):
        going = (path / "checkpoint.pt").is_file() or (path / "config.yaml").is_file()
        why = "its run is not finished" if going else "it has no condensed.safetensors"
        why += those_below(path)
        raise ValueError(f"{path} holds no finished run: {why}; name the folder of one, or a file")


def _refuse_twice(paths: Sequence[Path]) -> None:
    """Raise a ValueError for a run that is named twice, perhaps once by its file: it would count as
    two condensation seeds that agree."""
    seen: dict[Path, Path] = {}
    for path in paths:
        file = path.resolve()
        where = file.parent if file.name == "condensed.safetensors" else file
        if where in seen:
            also = "" if path == seen[where] else f", also as {seen[where]}"
            raise ValueError(f"{path} is named twice{also}; give each run once")
        seen[where] = path


def check_device(device: str | None) -> None:
    """Raise a ValueError for a device that is not there, before any file is opened."""
    from graphcondense.ops.device import usable

    usable(device)


def _is_ours(path: Path) -> bool:
    """Whether this is a run or a file of this package."""
    return path.suffix == ".safetensors" or (path / "condensed.safetensors").is_file()


def _open(path: Path, kind: str, data: str) -> Any:
    """A condensed set of a kind, of this package or in a ``.pt`` file of another project.

    Raises:
        ValueError: it is of another kind than the data, which are called so.
    """
    from graphcondense.data import load_condensed
    from graphcondense.data.pt import read_pt
    from graphcondense.report.runs import FORMS, kind_of_small

    foreign = path.suffix == ".pt" and kind in MAY_HOLD
    small: Any = read_pt(path, MAY_HOLD[kind]) if foreign else load_condensed(path)
    found = kind_of_small(small)
    if found != kind:
        what = FORMS[found].words.replace("a set of", f"a set of {_count(small):,}")
        raise ValueError(
            f"{path} holds {what}, but {data} is {FORMS[kind].words}; name the data it was "
            "condensed from with --data"
        )
    return small


def _count(small: Any) -> int:
    """How many examples a condensed set has."""
    if isinstance(small, list) or hasattr(small, "set") or hasattr(small, "num_users"):
        return len(small)
    return len(small[1]) if isinstance(small, tuple) else len(labels_of(small))


def need_one_graph(where: Where, command: str) -> None:
    """Raise a ValueError unless the data are one graph."""
    kind = where.kind
    if kind != "node":
        raise ValueError(_one_graph_alone(command, where.named(), kind))


def _one_graph_alone(command: str, what: str, kind: str) -> str:
    from graphcondense.data.kind import data_kind

    return (
        f"{command} is for {data_kind('node').words}; {what} holds {data_kind(kind).words}, for "
        "which there are condense, evaluate, compare, bench, report, export and zoo"
    )


@contextmanager
def keeping(*places: object) -> Iterator[None]:
    """When the work inside is interrupted, say in which of ``places`` finished parts are, if any.

    A place is a file, a folder with a folder for each run, the address of a database, or ``None``.
    """
    try:
        yield
    except KeyboardInterrupt:
        if filled := [str(place) for place in places if place and _has_parts(str(place))]:
            warn(f"what is finished is in {' and '.join(filled)}: the same command goes on")
        raise


def _has_parts(place: str) -> bool:
    from graphcondense.run.folder import begun, has_result

    path = Path(place).expanduser()
    if path.is_dir():
        return any(has_result(run) or begun(run) for run in path.iterdir())
    return path.exists() or "://" in place  # a database is not opened for this


def _origin(first: Path, small: object) -> Config:
    """Which data a run was condensed from, as flags."""
    from graphcondense.report.runs import read_config

    config = first / "config.yaml"
    if config.is_file():
        name = read_config(config).get("data", {}).get("name")
        return {"data": name, **read_config(config).get("origin", {})}
    return {} if small is None else {"data": record_of(small).get("data", {}).get("name")}
