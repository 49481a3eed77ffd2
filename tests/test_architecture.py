"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "graphcondense"

# Who may import whom inside the package. Every folder, and every module beside them, has a line.
BASE = {"core", "data", "kernels", "measured", "nn", "ops", "saved"}
ALLOWED = {
    "ops": {"ops"},
    "measured": {"measured", "ops"},
    "core": {"core", "ops"},
    "kernels": {"kernels", "ops"},
    "objectives": {"objectives", "kernels", "core", "ops"},
    "saved": {"saved", "measured", "ops"},
    "data": {"data", "saved", "ops"},
    "zoo": {"zoo", "run", "evaluate", "data", "saved", "core", "ops"},
    "nn": {"nn", "core", "ops"},
    "domains": {"domains", "objectives", *BASE},
    "methods": {"methods", "domains", "objectives", *BASE - {"data"}},
    "evaluate": {"evaluate", *BASE},
    "uses": {"uses", "evaluate", *BASE},
    "kinds": {"kinds", "domains", "evaluate", "data", "saved", "core", "ops"},
    "run": {"run", "kinds", "methods", "data", "saved", "core", "ops"},
    "sklearn": {"sklearn", "run", "evaluate", "data", "saved", "core", "ops"},
    "transforms": {"transforms", "run", "methods", "data", "saved", "core", "ops"},
    "pictures": {"pictures", "evaluate", "data", "saved", "ops"},
    "notebook": {"notebook", "pictures", "saved", "ops"},
    "report": {
        *("report", "run", "pictures", "uses", "evaluate", "data", "saved", "core", "measured"),
        "ops",
    },
}
# These stand on top and may import everything.
TOP = {"__init__", "__main__", "cli"}
# Anybody may name it: it imports nothing.
FREE = {"version"}
LOADERS = {"import_module", "__import__", "find_spec", "resolve_name", "run_module"}


def lazy_homes(tree: ast.Module, package: str) -> dict[str, str]:
    """What a module's ``_HOME`` table offers, and the module where each of them lives."""
    homes: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOME":
            for name, home in ast.literal_eval(node.value).items():
                module = home if isinstance(home, str) else home[0]
                inside = module.split(".")[0] == "graphcondense"
                homes[name] = module if inside else f"{package}.{module}"
    return homes


HOMES = lazy_homes(ast.parse((PACKAGE / "__init__.py").read_text()), "graphcondense")


def imports(source: str, file: str) -> set[str]:
    """Dotted names that a file imports anywhere, in whatever form.

    ``from a import b`` is ``a.b``, relative names are made absolute, and what the package offers
    lazily (``graphcondense.condense``) is named by its home. A name that the program computes is
    not seen, but its constant start is (``graphcondense`` where nothing follows). ``file`` is
    relative to the package, with slashes.
    """
    tree = ast.parse(source)
    package = ["graphcondense", *file.split("/")[:-1]]
    found = set(lazy_homes(tree, ".".join(package)).values())
    bound = {"graphcondense"}  # names of the whole package in this file

    def absolute(name: str, level: int, start: list[str] = package) -> str:
        above = start[: len(start) - level + 1] if level else []
        return ".".join([*above, *([name] if name else [])])

    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
                bound |= {a.asname for a in names if a.name == "graphcondense" and a.asname}
            case ast.ImportFrom(module=module, names=names, level=level):
                base = absolute(module or "", level)
                found |= {f"{base}.{alias.name}" for alias in names}
            case ast.Call(func=ast.Name(id=f) | ast.Attribute(attr=f)) if f in LOADERS:
                words = [*node.args, *(word.value for word in node.keywords)]
                match [w.value for w in words if isinstance(w, ast.Constant)]:
                    case [str(name), *rest]:
                        start = rest[0].split(".") if rest and isinstance(rest[0], str) else package
                        bare = name.lstrip(".")
                        found.add(absolute(bare, len(name) - len(bare), start))
            case ast.Constant(value=str(text)) if re.fullmatch(r"graphcondense(\.\w*)+", text):
                found.add(text.rstrip("."))
    # "import graphcondense.ops" binds the whole package: an attribute of it reaches anything.
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in bound:
                found.add(f"graphcondense.{attribute}")
    return {at_home(name) for name in found}


def at_home(name: str) -> str:
    root, _, rest = name.partition(".")
    return HOMES.get(rest.split(".")[0], name) if root == "graphcondense" else name


def layer_of(file: str) -> str:
    return file.removesuffix(".py").split("/")[0]


def upward(source: str, file: str) -> set[str]:
    """What a file imports from above its layer. ``graphcondense`` alone is everything."""
    allowed = {*ALLOWED[layer_of(file)], *FREE}
    own = [n.split(".") for n in imports(source, file) if n.split(".")[0] == "graphcondense"]
    return {".".join(parts) for parts in own if len(parts) == 1 or parts[1] not in allowed}


def texts(root: Path) -> dict[str, str]:
    """The source of every file below a folder, by its path in it."""
    return {p.relative_to(root).as_posix(): p.read_text("utf-8") for p in root.rglob("*.py")}


def violations(root: Path, layer: str) -> set[tuple[str, str]]:
    """Files of a layer of a tree, and what they import from above it."""
    return {
        (file, name)
        for file, source in texts(root).items()
        if layer_of(file) == layer
        for name in upward(source, file)
    }


def test_every_part_of_the_package_has_a_layer() -> None:
    assert {layer_of(file) for file in texts(PACKAGE)} == {*ALLOWED, *TOP, *FREE}
    assert "nn/batched/base.py" in texts(PACKAGE), "sub-packages are read"


@pytest.mark.parametrize("layer", ALLOWED)
def test_arrows_point_down(layer: str) -> None:
    assert violations(PACKAGE, layer) == set()


# Every way to reach {up} from a file of a layer; {dots} lead to the package itself.
FORMS = {
    "module": "import graphcondense.{up}",
    "part of it": "import graphcondense.{up}.part",
    "as": "import graphcondense.{up} as other",
    "from the package": "from graphcondense import {up}",
    "from the package, as": "from graphcondense import version, {up} as other",
    "from it": "from graphcondense.{up} import thing",
    "from a part of it": "from graphcondense.{up}.part import thing",
    "everything": "from graphcondense.{up} import *",
    "relative": "from {dots} import {up}",
    "relative, from it": "from {dots}{up} import thing",
    "in a function": "def f():\n    from graphcondense import {up}\n    return {up}",
    "in a method": "class A:\n    def f(self):\n        import graphcondense.{up}",
    "for types": "if TYPE_CHECKING:\n    from graphcondense import {up}",
    "under try": "try:\n    from graphcondense import {up}\nexcept ImportError:\n    pass",
    "import_module": "import importlib\nimportlib.import_module('graphcondense.{up}')",
    "import_module, as": "from importlib import import_module as f\nf('graphcondense.{up}.part')",
    "import_module, relative": "import_module('{dots}{up}', __package__)",
    "import_module, of the package": "import_module('.{up}', 'graphcondense')",
    "import_module, by keyword": "import_module(name='{dots}{up}', package=__package__)",
    "import_module, formatted": "import_module(f'graphcondense.{up}.{{name}}')",
    "__import__": "__import__('graphcondense.{up}')",
    "sys.modules": "import sys\nsys.modules['graphcondense.{up}'].thing()",
    "lazy": "_HOME = {{'thing': 'graphcondense.{up}'}}",
    "lazy, pair": "_HOME = {{'thing': ('graphcondense.{up}.part', 'thing')}}",
    "attribute": "import graphcondense.{own}\ngraphcondense.{up}.thing()",
}
FILES = {"sklearn", "transforms", "notebook"}  # modules, not folders


@pytest.mark.parametrize("form", FORMS)
def test_upward_import_is_caught(form: str) -> None:
    """From every layer and from its sub-packages to all that is above; downwards none is."""
    for layer, allowed in ALLOWED.items():
        for file in (
            [f"{layer}.py"] if layer in FILES else [f"{layer}/new.py", f"{layer}/part/deep/new.py"]
        ):
            dots = "." * (file.count("/") + 1)
            for up in {*ALLOWED, *TOP - {"__init__"}}:
                found = upward(FORMS[form].format(up=up, dots=dots, own=layer), file)
                assert bool(found) == (up not in allowed), (file, up, found)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import graphcondense", "graphcondense"),
        ("import graphcondense as g\ng.ops.select", "graphcondense"),
        ("import graphcondense as g\ng.run.condense", "graphcondense.run"),
        ("from graphcondense import *", "graphcondense.*"),
        ("from graphcondense import condense", "graphcondense.run"),
        ("from graphcondense import Condense", "graphcondense.transforms"),
        ("from graphcondense import load", "graphcondense.saved.condensed"),
        ("from .. import update", "graphcondense.run"),
        ("import graphcondense.ops\ngraphcondense.condense()", "graphcondense.run"),
        ("import_module('graphcondense')", "graphcondense"),
        ("import_module(f'graphcondense.{name}')", "graphcondense"),
        ("from ..unheard_of import thing", "graphcondense.unheard_of.thing"),
    ],
)
def test_the_package_as_a_whole_is_above(source: str, what: str) -> None:
    assert what in upward(source, "ops/new.py")


@pytest.mark.parametrize(
    "source",
    [
        '"""Text on :func:`graphcondense.run.condense`."""',
        "raise ValueError('call graphcondense.run for it')",
        "from graphcondense.version import __version__",
        "from . import select",
        "from .select import top\nfrom ..ops import select",
        "import graphcondense.ops.select",
        "import run, torch.run, runpy as graphcondense_run",
        "_HOME = {'thing': 'run', 'other': ('cli', 'other')}",
    ],
)
def test_nothing_else_is_caught(source: str) -> None:
    assert upward(source, "ops/new.py") == set()


@pytest.mark.parametrize("file", ["ops/new.py", "nn/batched/new/file.py", "core/method.py"])
def test_planted_file_is_found(tmp_path: Path, file: str) -> None:
    """In the tree, however deep, and beside what is allowed by name."""
    planted = tmp_path / file
    planted.parent.mkdir(parents=True)
    planted.write_text("def f():\n    from graphcondense import run\n    return run\n")
    assert violations(tmp_path, layer_of(file)) == {(file, "graphcondense.run")}


def loaded(source: str, file: str) -> set[tuple[str, str]]:
    """What a file imports when it runs: ``(module, name)``, in functions too, but not for types."""
    found, work = set[tuple[str, str]](), list[ast.AST](ast.parse(source).body)
    package = ["graphcondense", *file.split("/")[:-1]]
    while work:
        match work.pop():
            case ast.If(test=test, orelse=rest) if ast.unparse(test).endswith("TYPE_CHECKING"):
                work += rest
            case ast.Import(names=names):
                found |= {(alias.name, "") for alias in names}
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package[: len(package) - level + 1] if level else []
                base = ".".join([*above, *([module] if module else [])])
                found |= {(base, alias.name) for alias in names}
            case node:
                work += ast.iter_child_nodes(node)
    return found


def cycle(root: Path) -> list[str]:
    """Modules of a tree that import one another, from the first to the first again; or none."""
    files = {
        ".".join(
            ["graphcondense", *file.removesuffix(".py").removesuffix("__init__").split("/")]
        ).rstrip("."): file
        for file in texts(root)
    }
    graph: dict[str, set[str]] = {}
    for module, file in files.items():
        both = loaded((root / file).read_text("utf-8"), file)
        names = {f"{base}.{name}" if f"{base}.{name}" in files else base for base, name in both}
        graph[module] = (names & files.keys()) - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_one_another() -> None:
    """Not in functions either, where an import would only hide it."""
    assert cycle(PACKAGE) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("from graphcondense.ops.b import thing", "from graphcondense.ops.a import thing"),
        ("from graphcondense.ops import b", "import graphcondense.ops.a"),
        ("from .b import thing", "def f():\n    from . import a\n    return a"),
        ("try:\n    from . import b\nexcept ImportError:\n    pass", "from ..ops.a import thing"),
    ],
)
def test_planted_cycle_is_found(tmp_path: Path, first: str, second: str) -> None:
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "a.py").write_text(first)
    (tmp_path / "ops" / "b.py").write_text("import torch")
    assert cycle(tmp_path) == []
    (tmp_path / "ops" / "b.py").write_text(second)
    assert set(cycle(tmp_path)) == {"graphcondense.ops.a", "graphcondense.ops.b"}
    only_types = "if TYPE_CHECKING:\n    from graphcondense.ops.a import thing"
    (tmp_path / "ops" / "b.py").write_text(only_types)
    assert cycle(tmp_path) == []


GRAPH_LIBRARIES = {"torch_geometric", "ogb", "networkx", "torch_scatter", "torch_sparse", "dgl"}


def test_core_knows_no_graph_library() -> None:
    for file, source in texts(PACKAGE / "core").items():
        known = {name.split(".")[0] for name in imports(source, f"core/{file}")}
        assert not known & GRAPH_LIBRARIES, file


def test_no_method_inherits_from_another() -> None:
    from graphcondense.methods import all_methods

    classes = set(all_methods().values())
    for cls in classes:
        assert not (set(cls.__mro__[1:]) & classes), cls


@pytest.mark.parametrize("module", ["graphcondense", "graphcondense.core", "graphcondense.cli"])
def test_no_heavy_import(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "print([m for m in ('torch_geometric', 'ogb', 'sklearn', 'networkx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


def test_nothing_is_loaded_as_code() -> None:
    """No pickle, no unchecked load, anywhere in the package."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert "weights_only=False" not in text, path
        assert "allow_pickle=True" not in text, path
        assert "pickle.load" not in text, path
