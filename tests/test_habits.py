"""What users may rely on outside of the numbers: warnings, extras, versions, files for people."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from graphcondense.ops.extras import MissingExtraError, need
from graphcondense.version import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def names(requirements: list[str]) -> dict[str, str]:
    """Requirements by their name, with what they ask of the version."""
    split = [re.fullmatch(r"([\w-]+)(?:\[[\w,]+\])?(.*)", one) for one in requirements]
    return {found[1].lower(): found[2] for found in split if found}


def pinned(path: str) -> dict[str, str]:
    lines = (ROOT / path).read_text().splitlines()
    return dict(line.lower().split("==") for line in lines if "==" in line)


def calls_outside(tree: ast.AST, inside: bool = False) -> list[int]:
    """Lines that change the filters of warnings outside of ``catch_warnings``."""
    if isinstance(tree, ast.With):
        inside = inside or any("catch_warnings" in ast.unparse(w.context_expr) for w in tree.items)
    found = []
    if isinstance(tree, ast.Call) and not inside:
        called = ast.unparse(tree.func)
        if called in ("warnings.filterwarnings", "warnings.simplefilter"):
            found.append(tree.lineno)
    for child in ast.iter_child_nodes(tree):
        found += calls_outside(child, inside)
    return found


def test_the_filters_of_warnings_are_the_users() -> None:
    assert calls_outside(ast.parse("import warnings\nwarnings.simplefilter('ignore')")) == [2]
    for path in sorted((ROOT / "graphcondense").rglob("*.py")):
        assert not calls_outside(ast.parse(path.read_text())), path


def test_sparse_matrices_warn_of_nothing() -> None:
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "import torch\n"
        "from graphcondense.ops.adjacency import csr_tensor\n"
        "import scipy.sparse as sp\n"
        "print(csr_tensor(sp.eye(2, format='csr')).layout)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "torch.sparse_csr\n"


def test_a_missing_extra_says_which() -> None:
    for kind in (ImportError, ValueError):  # the command line prints a ValueError as one line
        with pytest.raises(kind, match=r"pip install \"graphcondense\[mirage\]\""):
            need("no_such_module.part", "mirage", "mining")
    assert issubclass(MissingExtraError, ImportError)


def test_every_extra_has_something_and_is_told() -> None:
    told = (ROOT / "docs" / "quickstart.md").read_text()
    for name, packages in EXTRAS.items():
        assert packages, f"extra {name} is empty"
        assert f"`{name}`" in told, f"docs/quickstart.md does not name the extra {name}"


def test_lower_bounds_are_those_that_are_tested() -> None:
    lowest = pinned("constraints-lowest.txt")
    extras = [one for name in EXTRAS if name != "docs" for one in EXTRAS[name] if ">=" in one]
    asked = names([*PROJECT["dependencies"], *extras])
    assert asked.keys() == lowest.keys()
    for name, bound in asked.items():
        version = bound.removeprefix(">=")
        assert bound.startswith(">="), f"{name} has no lower bound"
        assert f"{lowest[name]}.".startswith(f"{version}."), f"{name}: {bound} is not tested"


def test_the_matrix_has_every_extra_oldest_and_newest() -> None:
    script = (ROOT / ".ci" / "matrix").read_text()
    extras = re.search(r'^EXTRAS="(.*)"$', script, re.MULTILINE)
    assert extras
    # docs and test are made of other extras and of tools
    assert {*extras[1].split()} == EXTRAS.keys() - {"docs", "test", "dev"}
    for extra in extras[1].split():
        found = re.search(
            rf'^    {extra}\) files=(\S+) names="?([^"]+?)"? ;;$', script, re.MULTILINE
        )
        assert found, f"no tests of {extra}"
        name = found[2].removeprefix("not ")
        assert name in (ROOT / found[1]).read_text(), f"{found[1]} has no test {name}"


def test_files_for_people() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == __version__
    assert cited["authors"] == [{"name": "graphcondense developers"}]
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]  # no host is needed
    commands = {hook["entry"].split()[0] for repo in hooks for hook in repo["hooks"]}
    assert commands <= names(EXTRAS["dev"]).keys()
