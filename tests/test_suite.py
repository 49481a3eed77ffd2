"""How the suite itself is run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

SOURCES = pytest.Config.ArgsSource


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
    conftest = request.config.pluginmanager.get_plugin(str(Path(__file__).parent / "conftest.py"))
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
