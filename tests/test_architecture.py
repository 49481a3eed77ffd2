"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "graphcondense"

# Who may import whom inside the package; everyone may import what stands on the same line or left.
ALLOWED = {
    "ops": {"ops"},
    "core": {"core", "ops"},
    "kernels": {"kernels", "ops"},
    "objectives": {"objectives", "kernels", "core", "ops"},
    "data": {"data", "ops"},
    "nn": {"nn", "core", "ops"},
    "domains": {"domains", "objectives", "kernels", "nn", "data", "core", "ops"},
    "methods": {"methods", "domains", "objectives", "kernels", "nn", "core", "ops"},
    "evaluate": {"evaluate", "kernels", "nn", "data", "core", "ops"},
    "kinds": {"kinds", "domains", "evaluate", "data", "core"},
    "report": {"report", "run", "pictures", "evaluate", "data", "core", "ops"},
}


def imports(path: Path) -> set[str]:
    """Dotted names a file imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_arrows_point_down(folder: str) -> None:
    for path in (PACKAGE / folder).glob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "graphcondense" and len(parts) > 1:
                assert parts[1] in ALLOWED[folder], f"{path.name} imports {name}"


def test_core_knows_no_graph_library() -> None:
    for path in (PACKAGE / "core").glob("*.py"):
        assert not {
            n for n in imports(path) if n.startswith(("torch_geometric", "ogb", "networkx"))
        }


def test_no_method_inherits_from_another() -> None:
    from graphcondense.core.method import all_methods

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
