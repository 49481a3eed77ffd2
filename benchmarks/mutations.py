"""What ``benchmarks/mutants.py`` may change of a source, and the changed sources of a seed."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

NOT_TOLD_APART = ("_Eq_Is", "_Is_Eq", "_NotEq_IsNot", "_IsNot_NotEq")
KEPT = {"name", "string", "newline", "fstring_string", "endmarker", "trailer", "atom", "arglist"}
"""Parts of the source that no mutation changes themselves."""


class Mutant(NamedTuple):
    """One change: the occurrence-th of an operator in a file, at a place of it."""

    path: str
    line: int
    column: int
    operator: str
    occurrence: int
    before: str
    after: str


def sources(root: Path, targets: Sequence[str]) -> list[str]:
    found = [path for one in targets for path in sorted((root / one).rglob("*.py"))]
    found += [root / one for one in targets if one.endswith(".py")]
    return [str(path.relative_to(root)) for path in found]


def ignored(tree: ast.Module) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """What never runs: annotations, and what only a checker of types reads."""
    found: list[ast.AST | None] = []
    for node in ast.walk(tree):
        match node:
            case ast.arg() | ast.AnnAssign():
                found.append(node.annotation)
            case ast.FunctionDef():
                found.append(node.returns)
                if any("overload" in ast.unparse(one) for one in node.decorator_list):
                    found.append(node)
            case ast.keyword(arg="strict"):
                found.append(node.value)
            case ast.If() if "TYPE_CHECKING" in ast.unparse(node.test):
                found.append(node)
            case ast.ClassDef() if any("Protocol" in ast.unparse(one) for one in node.bases):
                found += [one for one in node.body if isinstance(one, ast.FunctionDef)]
    return [(_start(one), _end(one)) for one in found if one is not None]


def _start(node: Any) -> tuple[int, int]:
    """Of a function with decorators the sign of the first."""
    if decorators := getattr(node, "decorator_list", []):
        return decorators[0].lineno, decorators[0].col_offset - 1
    return node.lineno, node.col_offset


def _end(node: Any) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset


def places(root: Path, path: str) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """The places of a file that a mutation can change, each with those that can."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    text = (root / path).read_text()
    never = ignored(ast.parse(text))
    nodes = [node for node in ast_nodes(get_ast(text)) if node.type not in KEPT]
    found: dict[tuple[int, int], list[tuple[str, int]]] = {}
    for name in sorted(plugins.operator_names()):
        operator = plugins.get_operator(name)
        if operator.arguments() or name.endswith(NOT_TOLD_APART):
            continue
        positions = [place for node in nodes for place in operator().mutation_positions(node)]
        for occurrence, (at, _) in enumerate(positions):
            star = text.splitlines()[at[0] - 1][at[1] :].startswith("*,")
            if not star and not any(start <= at < end for start, end in never):
                found.setdefault(at, []).append((name, occurrence))
    return found


def sample(
    root: Path, targets: Sequence[str], count: int, seed: int
) -> Iterator[tuple[Mutant, str]]:
    """Mutants of distinct places, and the text of the changed file."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import mutate_code

    rng = random.Random(seed)
    everywhere = [
        (path, at, ways)
        for path in sources(root, targets)
        for at, ways in sorted(places(root, path).items())
    ]
    rng.shuffle(everywhere)
    for path, (line, column), ways in everywhere:
        if count == 0:
            return
        text = (root / path).read_text()
        for name, occurrence in rng.sample(ways, len(ways)):
            try:
                changed = mutate_code(text, plugins.get_operator(name)(), occurrence)
            except AttributeError:  # cosmic-ray cannot put a name in the place of `module.Error`
                continue
            if changed is None or changed == text or not compiles(changed):
                continue
            before, after = difference(text, changed)
            operator = name.rpartition("/")[2]
            yield Mutant(path, line, column, operator, occurrence, before, after), changed
            count -= 1
            break


def again(root: Path, told: str) -> tuple[Mutant, str] | None:
    """The mutant that a line ``FILE:LINE: BEFORE -> AFTER`` tells of, in the source as it is now:
    of equal lines the nearest one. ``None`` where the source has that line no more.

    More lines than one are none of it, such as a decorator that goes.
    """
    where, _, change = told.partition(": ")
    path, _, number = where.partition(":")
    text = (root / path).read_text() if (root / path).exists() else ""
    found = []
    for at, line in enumerate(text.splitlines()):
        before = line.strip()
        if before and change.startswith(f"{before} -> "):
            found.append((abs(at + 1 - int(number)), at, line, before))
    if not found:
        return None
    _, at, line, before = min(found)
    after = change.removeprefix(f"{before} -> ")
    lines = text.splitlines(keepends=True)
    lines[at] = lines[at].replace(before, after)
    column = len(line) - len(line.lstrip())
    return Mutant(path, at + 1, column, "again", 0, before, after), "".join(lines)


def compiles(text: str) -> bool:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "", "exec")
        except (SyntaxError, ValueError):
            return False
    return True


def difference(text: str, changed: str) -> tuple[str, str]:
    """The lines that differ, without what is the same around them."""
    old, new = text.splitlines(), changed.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return " / ".join(map(str.strip, old)), " / ".join(map(str.strip, new))
