"""Condensed graphs named on the command line, and the real graph they are compared with."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import Namespace

from graphcondense.cli.flags import Flags, Parser, Where, kind_of, parse, where_of
from graphcondense.cli.folders import Config, read_config
from graphcondense.cli.text import is_main, note, say, tell, warn
from graphcondense.saved.shown import record_of

if TYPE_CHECKING:
    from graphcondense.evaluate.result import Result

STDOUT = "-"
"""What ``--json`` without a file is."""
OWN = ("random", "whole")
"""Labels that stand for baselines."""


@dataclass(frozen=True)
class Opened:
    """What a command works on.

    Attributes:
        args: all flags.
        graphs: condensed graphs, or sets of graphs, by label; several of one label are several
            seeds.
        task: the real graph, or the real set of graphs.
        folder: the first run's folder, where results go; ``None`` for a single file.
    """

    args: Namespace
    graphs: dict[str, list[Any]]
    task: Any
    folder: Path | None

    def write(self, result: Result, name: str) -> object:
        """Print a result and write its numbers and picture: as ``--json`` and ``--plot`` say, else
        as ``NAME.json`` and ``NAME.png`` into the run's folder.

        Returns:
            The numbers, as JSON holds them.
        """
        say(result.table())
        writers: list[tuple[str | None, Callable[[str | Path], object], str]] = [
            (None if self.args.json == STDOUT else self.args.json, result.to_json, "json"),
            (self.args.plot, result.plot, "png"),
        ]
        for file, write, ending in writers:
            path = file or (self.folder and self.folder / f"{name}.{ending}")
            if path and is_main():
                write(path)
                tell(f"written: {path}")
        return json.loads(result.to_json())


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
    parser.add(Flags("data (by default the first run's)", Where), foreign_flags())
    parser.add(Flags("output", Output))


def open_runs(parser: Parser, argv: list[str], kinds: Collection[str] = ("node",)) -> Opened:
    """Parse flags whose data default to those of the first run, and open every run named.

    Args:
        parser: the command's own flags, with those of :func:`add_runs`.
        argv: the words after the command.
        kinds: what the command works on: ``"node"`` for runs of one graph, ``"graph"`` for runs of
            a set of graphs, ``"image"`` for runs of images, ``"rows"`` for runs of users by items.

    Raises:
        ValueError: a flag, file, run or data set that cannot be used.
    """
    first_look = parse(parser, argv)
    check_device(first_look.device)
    paths = [Path(path).expanduser() for path in first_look.runs]
    for path in paths:
        _check_there(path)
    first = paths[0]
    parser.set_defaults(_origin(first))
    args = parse(parser, argv)
    where = where_of(args)
    # Some names stand for a graph and for images: the run knows which.
    kind = "image" if _holds_images(first) else kind_of(where.named())
    command = parser.prog.split()[-1]
    if kind not in kinds:
        raise ValueError(_one_graph_alone(command, str(first), kind))
    foreign = foreign_flags().values(args)
    if kind == "graph":
        task, loaded = where.load(), [_open_graphs(path, where.named()) for path in paths]
        sizes = [len(graphs) for graphs in loaded]
    elif kind == "image":
        task, loaded = where.load("image"), [_open_images(path, where.named()) for path in paths]
        sizes = [len(small.y) for small in loaded]
    elif kind == "rows":
        task, loaded = where.load("rows"), [_open_rows(path, where.named()) for path in paths]
        sizes = [small.num_users for small in loaded]
    else:
        task, loaded = _open_nodes(where, paths, foreign)
        sizes = [graph.num_nodes for graph in loaded]
    graphs: dict[str, list[Any]] = {}
    sections = {(record_of(g).get("method"), record_of(g).get("preset")) for g in loaded}
    named = [method for method, _ in sections]
    for graph, size in zip(loaded, sizes, strict=True):
        label = record_of(graph).get("method", "condensed")
        # Runs of one method by different presets are no seeds of one thing.
        if named.count(label) > 1:
            label += f" preset {record_of(graph).get('preset') or 'none'}"
        label += f" {size}" if len(set(sizes)) > 1 else ""
        graphs.setdefault(f"{label} (run)" if label in OWN else label, []).append(graph)
    if {record_of(g).get("data", {}).get("digest") for g in loaded} != {task.digest}:
        real = {
            "node": "this very graph",
            "graph": "these very graphs",
            "image": "these very images",
            "rows": "these very users",
        }[kind]
        note(f"note: not condensed from {real} and split, as far as its record says")
    return Opened(args, graphs, task, first if first.is_dir() else None)


def _check_there(path: Path) -> None:
    """Raise a ValueError unless something that could be opened is there."""
    if not path.exists():
        raise ValueError(f"there is no file or folder {path}")
    if not path.is_dir() or (path / "condensed.safetensors").is_file():
        return
    if not any(not file.name.startswith("checkpoint") for file in path.glob("*.pt")):
        going = (path / "checkpoint.pt").is_file() or (path / "config.yaml").is_file()
        why = "its run is not finished" if going else "it has no condensed.safetensors"
        raise ValueError(f"{path} holds no finished run: {why}; name the folder of one, or a file")


def check_device(device: str | None) -> None:
    """Raise a ValueError for a device that is not there, before any file is opened."""
    from graphcondense.ops.device import usable

    usable(device)


def _open_nodes(where: Where, paths: list[Path], foreign: Config) -> tuple[Any, list[Any]]:
    """The real graph, and condensed ones of it."""
    from graphcondense.data import as_task, load_condensed, open_small

    for path in paths:
        own = path.suffix == ".safetensors" or (path / "condensed.safetensors").is_file()
        if own and hasattr(small := load_condensed(path), "set"):
            raise ValueError(
                f"{path} holds a set of {len(small)} graphs, but {where.named()} is one graph; "
                "name the set it was condensed from with --data"
            )
    task = as_task(where.load())
    return task, [open_small(path, real=task, **foreign) for path in paths]


def _open_graphs(path: Path, data: str) -> Any:
    """A condensed set of graphs, of this package or a list of PyG ``Data`` in a ``.pt`` file."""
    from graphcondense.data import load_condensed
    from graphcondense.data.pt import read_pt

    small = read_pt(path, "a list of PyG Data") if path.suffix == ".pt" else load_condensed(path)
    if not (isinstance(small, list) or hasattr(small, "set")):
        raise ValueError(
            f"{path} holds one graph, but {data} is a set of graphs; name the graph it was "
            "condensed from with --data"
        )
    return small


def _open_images(path: Path, data: str) -> Any:
    """Condensed images of this package, or a pair of tensors in a ``.pt`` file."""
    from graphcondense.data import load_condensed
    from graphcondense.data.pt import read_pt

    if path.suffix == ".pt":
        return read_pt(path, "a pair of tensors (images, labels)")
    small: Any = load_condensed(path)
    if getattr(small, "x", None) is None or small.x.dim() != 4:
        raise ValueError(
            f"{path} holds no images, but {data} is a set of images; name the data it was "
            "condensed from with --data"
        )
    return small


def _open_rows(path: Path, data: str) -> Any:
    """Condensed users of this package."""
    from graphcondense.data import load_condensed

    small = load_condensed(path)
    if not hasattr(small, "num_users"):
        raise ValueError(
            f"{path} holds no users by items, but {data} has such; name the data it was condensed "
            "from with --data"
        )
    return small


def need_one_graph(where: Where, command: str) -> None:
    """Raise a ValueError unless the data are one graph."""
    kind = kind_of(where.named())
    if kind != "node":
        raise ValueError(_one_graph_alone(command, where.named(), kind))


def _one_graph_alone(command: str, what: str, kind: str) -> str:
    held = {"graph": "a set of graphs", "image": "images", "rows": "users by items"}[kind]
    return (
        f"{command} works on runs of one graph; {what} holds {held}, for which there are "
        "evaluate and report"
    )


@contextmanager
def keeping(store: object) -> Iterator[None]:
    """When the work inside is interrupted, say where its finished parts are."""
    try:
        yield
    except KeyboardInterrupt:
        if store:
            warn(f"what is finished is in {store}: the same command goes on")
        raise


def _holds_images(path: Path) -> bool:
    """Whether a run or file of this package holds condensed images."""
    import graphcondense

    own = path.suffix == ".safetensors" or (path / "condensed.safetensors").is_file()
    return own and record_of(graphcondense.load(path)).get("kind") == "image"


def _origin(first: Path) -> Config:
    """Which data a run was condensed from, as flags."""
    import graphcondense

    config = first / "config.yaml"
    if config.is_file():
        name = read_config(config).get("data", {}).get("name")
        return {"data": name, **read_config(config).get("origin", {})}
    if first.suffix == ".safetensors" or (first / "condensed.safetensors").is_file():
        return {"data": graphcondense.load(first).condensed.get("data", {}).get("name")}
    return {}
