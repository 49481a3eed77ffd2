"""What ``index.json`` holds, from the code; ``python -m graphcondense.cli.index`` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from graphcondense.cli.flags import COMMON, HelpAsked, Parser
from graphcondense.cli.help import (
    COMMANDS,
    INDEX,
    Group,
    Index,
    Part,
    data_key,
    find_command,
    render,
    spelled,
)
from graphcondense.data import datasets
from graphcondense.methods import methods


def part_of(parser: Parser) -> tuple[Part, list[Group]]:
    """What a parser of the code has, with its groups beside it."""
    groups: list[Group] = [
        {"title": g.title, "flags": [(o.flags, o.metavar, o.help) for o in g.options]}
        for g in parser.flag_groups
    ]
    whole = parser.flag_groups[0].title == COMMON  # else one form of a method
    if whole:
        groups.insert(0, {"title": "help", "flags": [(["-h", "--help"], "", "show this help")]})
    about = " ".join(str(parser.description).split())
    usage = parser.prog if whole else ""
    return {"usage": usage, "about": about, "words": list(parser.words), "groups": []}, groups


def shown(parsers: Sequence[Parser]) -> str:
    """The help of parsers of the code."""
    parts: list[Part] = []
    groups: list[Group] = []
    for parser in parsers:
        part, more = part_of(parser)
        parts.append({**part, "groups": list(range(len(groups), len(groups) + len(more)))})
        groups += more
    return render(parts, groups)


def build() -> Index:
    """The index, from the code."""
    groups: dict[str, int] = {}
    pages: dict[str, list[Part]] = {}
    kinds = {data_key(str(row["name"])): str(row["kind"]) for row in datasets()}
    example = {kind: name for name, kind in kinds.items()}
    for key, words in _asked(methods(), example):
        try:
            find_command(words[0])([*words[1:], "--help"])
        except HelpAsked as asked:
            pages[key] = []
            for parser in asked.parsers:
                part, parts = part_of(parser)
                texts = [json.dumps(group, ensure_ascii=False) for group in parts]
                numbers = [groups.setdefault(text, len(groups)) for text in texts]
                pages[key].append({**part, "groups": numbers})
    return {
        "commands": {
            name: pages[name][0]["about"].split(" graphcondense ")[0] for name in COMMANDS
        },
        "methods": methods(),
        "kinds": kinds,
        "groups": [json.loads(text) for text in groups],
        "pages": pages,
    }


def _asked(
    rows: Sequence[Mapping[str, str]], example: Mapping[str, str]
) -> Iterator[tuple[str, list[str]]]:
    """Every help that is kept: its key, and the words that ask for it."""
    yield from ((name, [name]) for name in COMMANDS)
    for name in spelled(rows):
        forms = [r["kind"] for r in rows if name in (r["name"], *r["variants"].split(", "))]
        yield f"condense {name}", ["condense", name]
        if len(forms) > 1:
            for kind in forms:
                yield f"condense {name} {kind}", ["condense", name, "--data", example[kind]]
        if "node" in forms:
            yield f"robustness {name}", ["robustness", "--method", name]


def written(index: Index) -> str:
    """The text of the index: a line for each entry, so that a change is a small difference."""
    sections = []
    for section, content in index.items():
        ends = "[]" if isinstance(content, list) else "{}"
        texts = [json.dumps(row, ensure_ascii=False) for row in _rows(content)]
        if isinstance(content, dict):
            texts = [f"{json.dumps(key)}: {text}" for key, text in zip(content, texts, strict=True)]
        sections.append(f'"{section}": {ends[0]}\n' + ",\n".join(texts) + f"\n{ends[1]}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def _rows(content: object) -> list[object]:
    return list(content.values() if isinstance(content, dict) else cast("list[object]", content))


if __name__ == "__main__":
    INDEX.write_text(written(build()), encoding="utf-8")
