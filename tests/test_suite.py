"""How the suite itself is run, and what is told of it."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from graphcondense.ops import segment
from tests.scripts import benchmarks

SOURCES = pytest.Config.ArgsSource


def conftest_of(request: pytest.FixtureRequest) -> Any:
    return request.config.pluginmanager.get_plugin(str(Path(__file__).parent / "conftest.py"))


@pytest.mark.parametrize(
    ("change", "workers"),
    [
        ({}, 4),
        ({"workerinput": {}}, None),  # else each worker would start workers of its own
        ({"args_source": SOURCES.ARGS}, None),
        ({"numprocesses": 0}, 0),
        ({"collectonly": True}, None),
        ({"usepdb": True}, None),
    ],
)
def test_who_shares_a_run(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    workers: int | None,
) -> None:
    conftest = conftest_of(request)
    monkeypatch.setattr(conftest, "cores", lambda: 16)
    option = {"numprocesses": None, "dist": "no", "collectonly": False, "usepdb": False}
    option |= {key: value for key, value in change.items() if key in option}
    rest = {key: value for key, value in change.items() if key not in option}
    config = SimpleNamespace(
        pluginmanager=SimpleNamespace(hasplugin=lambda name: name == "xdist"),
        option=SimpleNamespace(**option),
        **{"args_source": SOURCES.TESTPATHS, **rest},
    )
    conftest.pytest_cmdline_main(config)
    assert config.option.numprocesses == workers


def test_what_takes_longest_begins_first(request: pytest.FixtureRequest) -> None:
    def item(name: str, *marks: pytest.MarkDecorator) -> SimpleNamespace:
        return SimpleNamespace(name=name, iter_markers=lambda _: [mark.mark for mark in marks])

    slow = pytest.mark.slow
    items = [
        item("quick"),
        item("some", slow),
        item("long", slow(seconds=40)),
        item("longest", slow(seconds=40), slow(seconds=90)),
    ]
    left: list[str] = []
    config = SimpleNamespace(
        getoption=lambda _: None,
        hook=SimpleNamespace(
            pytest_deselected=lambda items: left.extend(one.name for one in items)
        ),
    )
    conftest_of(request).pytest_collection_modifyitems(config, items)
    assert [one.name for one in items] == ["longest", "long", "quick", "some"]
    assert not left
    config.getoption = lambda _: 60.0
    conftest_of(request).pytest_collection_modifyitems(config, items)
    assert [one.name for one in items] == ["long", "quick", "some"]
    assert left == ["longest"]


@pytest.mark.parametrize("reduces", [True, False])
def test_what_reduces_is_noted(
    reduces: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    file, before = tmp_path / "reaching", segment.backend
    config = SimpleNamespace(getoption=lambda _: str(file))
    protocol = conftest_of(request).pytest_runtest_protocol
    running = protocol(SimpleNamespace(config=config, nodeid="tests/a.py::b[c d]"))
    next(running)
    if reduces:
        assert float(segment.segment_sum(torch.ones(2), torch.tensor([0, 0]))) == 2
    with pytest.raises(StopIteration) as end:
        running.send("ran")
    assert end.value.value == "ran"
    assert segment.backend is before
    assert not reduces or file.read_text() == "tests/a.py::b[c d]\n"
    assert file.exists() is reduces


def test_lines_of_programs_that_tests_start_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By ``pytest --cov`` with the settings of this repository, on a package of a few lines."""
    pytest.importorskip("pytest_cov")
    root = Path(__file__).resolve().parents[1]
    settings = re.search(
        r"(?s)\n(\[tool\.coverage\.run\].*?)\n\[tool\.ruff", (root / "pyproject.toml").read_text()
    )
    assert settings
    (tmp_path / "pyproject.toml").write_text(settings[1])
    package = tmp_path / "graphcondense" / "part"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package / "lines.py").write_text(
        "def here():\n    return 1\n\n\ndef there():\n    return 2\n\n\n"
        "def never():\n    return 3\n"
    )
    (tmp_path / "test_lines.py").write_text(
        "import subprocess, sys\n"
        "from graphcondense.part.lines import here\n\n\n"
        "def test_both():\n"
        "    code = 'from graphcondense.part.lines import there; there()'\n"
        "    subprocess.run([sys.executable, '-c', code], check=True)\n"
        "    assert here() == 1\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with benchmarks("reliability.coverage") as (part,):
        report, status = part.measure(tmp_path, ["-q", "-p", "no:cacheprovider", "-p", "no:xdist"])
        rows = {
            row["what"]: (row["tried"], row["failed"], row["said"]) for row in part.rows_of(report)
        }
    assert status == 0
    assert report["files"]["graphcondense/part/lines.py"]["missing_lines"] == [10]
    assert rows == {
        "all": (6, 1, "83.3 % of lines run"),
        "graphcondense": (0, 0, "0.0 % of lines run"),
        "graphcondense/part": (6, 1, "83.3 % of lines run"),
    }
