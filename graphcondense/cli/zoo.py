"""graphcondense zoo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from jsonargparse import Namespace

from graphcondense.cli.flags import Flags, HelpAsked, Parser, make_parser, parse, summary_of
from graphcondense.cli.help import asks_help
from graphcondense.cli.text import say, table
from graphcondense.ops.sizes import said
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from graphcondense.zoo.entry import Entry


@dataclass(frozen=True, kw_only=True)
class Own:
    """Where a set is added.

    Attributes:
        to: folder of your own zoo; it is made. Needed.
    """

    to: str | None = None


def command_zoo(argv: list[str]) -> object:
    """Condensed sets that were made and measured before: list them, get one, push one."""
    if asks_help(argv):
        verbs = [name for name in _VERBS if name in argv[:1]] or list(_VERBS)
        raise HelpAsked(*(_VERBS[name][0]() for name in verbs))
    verb, *rest = argv or [""]
    if verb not in _VERBS:
        raise ValueError(
            f"zoo {verb!r} is nothing to do: zoo list, zoo get NAME FOLDER or zoo push RUN --to "
            "FOLDER"
        )
    make, work = _VERBS[verb]
    return work(parse(make(), rest))


def _list_parser() -> Parser:
    from graphcondense import zoo

    parser = make_parser("zoo list", summary_of(command_zoo))
    parser.add(Flags("options", zoo.entries))
    return parser


def _list(args: Namespace) -> object:
    from graphcondense import zoo

    found = zoo.entries(args.folder)
    rows = [
        {
            "name": entry.name,
            "data": entry.data,
            "method": entry.method,
            "nodes": f"{entry.nodes:,}",
            "edges": f"{entry.edges:,}",
            "size": said(entry.bytes),
            "GCN": _score(entry, "GCN"),
            "models": str(len(entry.scores)),
        }
        for entry in found.values()
    ]
    say(table(rows))
    return {name: asdict(entry) for name, entry in found.items()}


def _score(entry: Entry, model: str) -> str:
    from graphcondense.zoo.entry import score_text

    row = entry.scores.get(model)
    return score_text(row) if row else ""


def _get_parser() -> Parser:
    parser = make_parser("zoo get", "Copy a set, its card and its entry into a folder.")
    parser.add_words("names", "NAME FOLDER: what to copy, and where to", "+")
    from graphcondense import zoo

    parser.add(Flags("options", zoo.get, skip=("name", "target")))
    return parser


def _get(args: Namespace) -> object:
    from graphcondense import zoo

    if len(args.names) != 2:
        raise ValueError(f"zoo get takes NAME FOLDER, got {len(args.names)} words")
    name, target = args.names
    path = zoo.get(name, target, folder=args.folder, overwrite=args.overwrite)
    say(f"written: {path} ({said(path.stat().st_size)})")
    return {"file": str(path)}


def _push_parser() -> Parser:
    from graphcondense import zoo

    parser = make_parser("zoo push", "Add the set of a run to a zoo of your own.")
    parser.add_words("run", "folder of a run, or its .safetensors file")
    skip = ("small", "folder", "scores", "protocol", "notes")
    parser.add(Flags("zoo", Own), Flags("entry", zoo.push, skip=skip))
    return parser


def _push(args: Namespace) -> object:
    from graphcondense import zoo

    if args.to is None:
        raise ValueError("zoo push: which zoo? give --to FOLDER, which is made")
    options: Record = {
        name: args[name]
        for name in ("name", "licence", "source", "command", "compact", "overwrite")
    }
    path = zoo.push(args.run, args.to, **options)
    say(f"written: {path} ({said(path.stat().st_size)})")
    return {"file": str(path)}


_VERBS: dict[str, tuple[Callable[[], Parser], Callable[[Namespace], object]]] = {
    "list": (_list_parser, _list),
    "get": (_get_parser, _get),
    "push": (_push_parser, _push),
}
