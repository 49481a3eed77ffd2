"""Progress bars everywhere come from one place, which says nothing where widgets are missing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "graphcondense"


def test_nobody_else_imports_tqdm() -> None:
    found = [
        path.name
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(from|import) tqdm", path.read_text(), re.MULTILINE)
    ]
    assert found == ["progress.py"]


def test_a_notebook_without_widgets_hears_nothing() -> None:
    """tqdm looks for a notebook's kernel, and warns where ipywidgets is missing."""
    code = """
import sys, types
shell = type("ZMQInteractiveShell", (), {})()
sys.modules["ipykernel.zmqshell"] = types.ModuleType("ipykernel.zmqshell")
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].get_ipython = lambda: shell
sys.modules["ipywidgets"] = None
from graphcondense.ops.progress import tqdm
print(list(tqdm(range(2), disable=True)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[0, 1]", "")
