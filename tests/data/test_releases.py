"""What ``datasets/build_releases.py`` finds in the releases of a package."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import graphcondense
from graphcondense.data import as_task

SCRIPT = Path(__file__).parents[2] / "datasets" / "build_releases.py"
FILES = {
    "__init__.py": "from .core import *\nfrom .tools.help import aid as helper\n",
    "core/__init__.py": "from .base import Base\n",
    "core/base.py": '''
import os
class Base:
    """The base of everything.

    >>> from kit.tools import hidden
    """
    def method(self):
        return os.path.join(self.name)
def makeBase():
    return Base()
''',
    "tools/__init__.py": "",
    "tools/help.py": """
import kit
import kit.core.base as lower
from ..core import base
try:
    from kit import Base as Root
except ImportError:
    def fallback():
        pass
def aid(): return Root
def through_star(): return kit.Base
def through_module(): return base.makeBase(), lower.Base.method
def inside():
    from .more import last
    return last()
""",
    "tools/more.py": "from kit import helper\ndef last(): return helper(), unknown.name\n",
    "tools/tests/test_help.py": "def test_it(): pass\n",
    "broken.py": "def no(:\n",
}
LINKS = {
    ("core.base.makeBase", "core.base.Base"),
    ("tools.help.aid", "core.base.Base"),
    ("tools.help.through_star", "core.base.Base"),
    ("tools.help.through_module", "core.base.makeBase"),
    ("tools.help.through_module", "core.base.Base"),
    ("tools.help.inside", "tools.more.last"),
    ("tools.more.last", "tools.help.aid"),
}


def release(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "kit" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "kit"


def test_links_follow_imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By ``__init__``, star, module, alias and inside functions; nothing is run."""
    script = runpy.run_path(str(SCRIPT))
    package = script["Package"](release(tmp_path, FILES))
    assert "broken.py is left out" in capsys.readouterr().err
    assert {(a[4:], b[4:]) for a, b in package.links()} == LINKS
    assert "kit.tools.help.fallback" in package.nodes
    assert not [name for name in package.nodes if "test" in name]
    assert "kit" not in sys.modules
    text = script["text_of"](package.nodes["kit.core.base.Base"])
    assert text.split()[:3] == ["Base", "method", "The"]
    assert "hidden" not in text
    assert script["text_of"](package.nodes["kit.core.base.makeBase"]).strip() == "make Base"
    with pytest.raises(SystemExit, match="no module with a function or class"):
        script["Package"](release(tmp_path / "empty", {"__init__.py": ""}))


def test_releases_are_graphs_that_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = runpy.run_path(str(SCRIPT))
    many = "".join(f"def add{chr(97 + i)}_number(): return Base\n" for i in range(26))
    early = {**FILES, "core/sums.py": "from .base import Base\n" + many, "tools/sums.py": many}
    early["old/sums.py"] = many.replace("add", "sub") * 2  # the largest, and it goes
    late = {**early, "core/sums.py": early["core/sums.py"] + "def newcomer(): return adda_number\n"}
    late.pop("tools/more.py")
    late.pop("broken.py")
    late.pop("old/sums.py")
    folders = [str(release(tmp_path / v, files)) for v, files in (("1", early), ("2", late))]
    out = tmp_path / "out"
    argv = ["build", *folders, "--out", str(out), "--classes", "2"]
    monkeypatch.setattr(sys, "argv", argv)
    script["main"]()
    first, second = (as_task(graphcondense.data.load(out / f"release-{i}.pt")) for i in (1, 2))
    assert first.facts.classes == second.facts.classes == ("tools", "core")
    gone, come = ({*a.facts.ids} - {*b.facts.ids} for a, b in ((first, second), (second, first)))
    assert {name for name in gone if ".old." not in name} == {"kit.tools.more.last"}
    assert len(gone) == 27
    assert come == {"kit.core.sums.newcomer"}
    for task in (first, second):
        assert (task.adj != task.adj.T).nnz == 0
        parts: dict[str, Any] = {s: task.facts.ids[getattr(task, s)] for s in ("train", "test")}
        for split, names in parts.items():
            assert {script["split_of"](name) for name in names} == {split}
    assert first.num_features == second.num_features
    shared = sorted({*first.facts.ids} & {*second.facts.ids})
    rows = [[list(t.facts.ids).index(name) for name in shared] for t in (first, second)]
    assert torch.equal(torch.as_tensor(first.y[rows[0]]), torch.as_tensor(second.y[rows[1]]))
