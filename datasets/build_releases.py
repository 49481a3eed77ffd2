"""Releases of a Python package as graphs that change, for ``examples/growing.py``.

    pip download --no-deps sympy==1.0 sympy==1.4 ...    # and unpack each
    python datasets/build_releases.py 1.0/sympy 1.4/sympy ... --out releases

Writes ``release-1.pt``, ``release-2.pt``, ... in the order of the folders, which
``graphcondense.data.load`` opens. Nodes are the functions and classes at the top of modules, by
their dotted names; tests are left out. A link goes from a definition to one that it names. Features
are the tf-idf of words of names and docstrings, fitted on training nodes of the first release;
classes are its largest subpackages that every release has, and what lies elsewhere has none. Which
split a node is in follows from its name, so that it never moves. Source files are parsed as text
and never run.
"""

from __future__ import annotations

import argparse
import ast
import collections
import re
import sys
import warnings
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch_geometric.data import Data

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
LEFT_OUT = {"tests", "test"}
"""Folders and modules of tests."""

HOPS = 10
"""Imports that a name is followed through, from one ``__init__`` to the next."""


class Package:
    """The definitions of one release.

    Args:
        folder: the package's own, with its ``__init__.py``.

    Attributes:
        nodes: each definition by its dotted name.
        names: of each module, what its names stand for, dotted.
        stars: of each module, the modules all names of which it imports.
        package: of each module, the one that it lies in.
    """

    def __init__(self, folder: Path) -> None:
        self.nodes: dict[str, Definition] = {}
        self.names: dict[str, dict[str, str]] = {}
        self.stars: dict[str, list[str]] = {}
        self.package: dict[str, tuple[str, ...]] = {}
        self.resolve = cache(self._resolve)
        for path in sorted(folder.rglob("*.py")):
            parts = (folder.name, *path.relative_to(folder).with_suffix("").parts)
            if LEFT_OUT.isdisjoint(parts):
                self._read(path, parts)
        if not self.nodes:
            raise SystemExit(f"{folder} has no module with a function or class: name a package's")

    def _read(self, path: Path, parts: tuple[str, ...]) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError) as error:
            print(f"{path} is left out: {error}", file=sys.stderr)
            return
        package = parts[:-1]
        module = ".".join(package if parts[-1] == "__init__" else parts)
        self.package[module] = package
        names, stars = self.names.setdefault(module, {}), self.stars.setdefault(module, [])
        for one in at_the_top(tree):
            if isinstance(one, Definition):
                names[one.name] = f"{module}.{one.name}"
                self.nodes[names[one.name]] = one
            elif isinstance(one, ast.Import | ast.ImportFrom):
                for name, target in imported(one, package):
                    if name == "*":
                        stars.append(target)
                    else:
                        names[name] = target

    def _resolve(self, name: str, hops: int = HOPS) -> str | None:
        """The definition that a dotted name stands for, through imports."""
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            head, rest = ".".join(parts[:end]), parts[end:]
            if head in self.nodes:
                return head
            if head in self.names:
                break
        else:
            return None
        if not rest or not hops:
            return None
        if (target := self.names[head].get(rest[0])) is not None:
            return self.resolve(".".join([target, *rest[1:]]), hops - 1)
        found = (self.resolve(".".join([star, *rest]), hops - 1) for star in self.stars[head])
        return next((one for one in found if one is not None), None)

    def links(self) -> set[tuple[str, str]]:
        """Pairs of definitions of which the first names the second."""
        pairs = set()
        for name, node in self.nodes.items():
            module = name.rpartition(".")[0]
            for one in ast.walk(node):
                used: list[str] = []
                if isinstance(one, ast.Name | ast.Attribute):
                    used = [f"{module}.{ast.unparse(one)}"] if is_dotted(one) else []
                elif isinstance(one, ast.ImportFrom):
                    used = [target for _, target in imported(one, self.package[module])]
                found = {self.resolve(each) for each in used} - {None, name}
                pairs |= {(name, each) for each in found if each is not None}
        return pairs


def at_the_top(tree: ast.AST) -> Iterator[ast.AST]:
    """Statements of a module, also those under ``if`` and ``try``."""
    for one in ast.iter_child_nodes(tree):
        yield one
        if isinstance(one, ast.If | ast.Try | ast.ExceptHandler):
            yield from at_the_top(one)


def imported(one: ast.Import | ast.ImportFrom, package: tuple[str, ...]) -> list[tuple[str, str]]:
    """Names that an import makes and what they stand for, dotted; ``*`` for all of a module.

    Args:
        one: the statement.
        package: that it is written in.
    """
    if isinstance(one, ast.Import):
        return [
            (each.asname, each.name) if each.asname else (each.name.split(".")[0],) * 2
            for each in one.names
        ]
    base = package[: len(package) - one.level + 1] if one.level else ()
    source = ".".join([*base, *([one.module] if one.module else [])])
    return [
        (each.asname or each.name, source if each.name == "*" else f"{source}.{each.name}")
        for each in one.names
    ]


def is_dotted(one: ast.AST) -> bool:
    """Whether an expression is a name, or names joined by dots."""
    while isinstance(one, ast.Attribute):
        one = one.value
    return isinstance(one, ast.Name)


def text_of(node: Definition) -> str:
    """What a definition and its methods are called, and its docstring without sessions, which
    name the modules that they import."""
    inner = node.body if isinstance(node, ast.ClassDef) else []
    called = [node.name, *(each.name for each in inner if isinstance(each, Definition))]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", " ".join(called))
    lines = (ast.get_docstring(node) or "").split("\n")
    return " ".join([words, *(x for x in lines if not x.lstrip().startswith((">>>", "...")))])


def split_of(name: str) -> str:
    """10 % of names for training, 10 % for validation, the others for test.

    >>> split_of("sympy.core.basic.Basic")
    'test'
    """
    return {0: "train", 1: "val"}.get(zlib.crc32(name.encode()) % 10, "test")


def subpackage(name: str) -> str:
    """The subpackage that a definition lies in; empty for modules beside them.

    >>> subpackage("sympy.core.basic.Basic"), subpackage("sympy.this.z")
    ('core', '')
    """
    return name.split(".")[1] if name.count(".") > 2 else ""


def build(folders: list[Path], classes: int, words: int) -> list[Data]:
    """The graph of each release."""
    packages = [Package(folder) for folder in folders]
    part = {name: split_of(name) for package in packages for name in package.nodes}
    first = packages[0]
    trained = [
        {subpackage(name) for name in package.nodes if part[name] == "train"}
        for package in packages
    ]
    sizes = collections.Counter(subpackage(name) for name in first.nodes)
    known = set.intersection(*trained) - {""}
    labels = [label for label, _ in sizes.most_common() if label in known][:classes]
    vectorizer = TfidfVectorizer(
        max_features=words, min_df=3, stop_words="english", token_pattern=r"[a-z]{3,}"
    )
    vectorizer.fit(text_of(n) for name, n in first.nodes.items() if part[name] == "train")
    out = []
    for package in packages:
        names = sorted(package.nodes)
        number = {name: i for i, name in enumerate(names)}
        pairs = sorted((number[a], number[b]) for a, b in package.links())
        ends = np.array(pairs, np.int64).reshape(-1, 2).T
        both = np.unique(np.concatenate([ends, ends[::-1]], 1), axis=1)
        of = [subpackage(name) for name in names]
        y = torch.tensor([labels.index(label) if label in labels else -1 for label in of])
        x = vectorizer.transform([text_of(package.nodes[name]) for name in names])
        data = Data(
            x=torch.from_numpy(x.toarray().astype(np.float32)),
            edge_index=torch.from_numpy(both),
            y=y,
            node_names=names,
            class_names=labels,
        )
        for split in ("train", "val", "test"):
            data[f"{split}_mask"] = torch.tensor([part[n] == split for n in names]) & (y >= 0)
        out.append(data)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="the package's, oldest release first")
    parser.add_argument("--out", type=Path, default=Path("releases"), help="folder of the files")
    parser.add_argument("--classes", type=int, default=16, help="largest subpackages")
    parser.add_argument("--words", type=int, default=1000, help="features")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    before: set[str] = set()
    for i, data in enumerate(build(args.folders, args.classes, args.words), 1):
        torch.save(data, args.out / f"release-{i}.pt")
        names = {*data.node_names}
        print(
            f"{args.folders[i - 1]}: {len(names):,} nodes ({len(names - before):,} new, "
            f"{len(before - names):,} gone), {data.edge_index.shape[1]:,} edges, "
            f"{int((data.y >= 0).sum()):,} labelled, {len(data.class_names)} classes"
        )
        before = names


if __name__ == "__main__":
    main()
