"""How the suite itself is run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from graphcondense.ops import segment

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
    conftest_of(request).pytest_collection_modifyitems(items)
    assert [one.name for one in items] == ["longest", "long", "quick", "some"]


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
