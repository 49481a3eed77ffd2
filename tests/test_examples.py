"""Every example runs offline and says a result."""

from __future__ import annotations

import contextlib
import runpy
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from graphcondense.core.method import REGISTRY

EXAMPLES = Path(__file__).parents[1] / "examples"
FAST = {
    "architecture_search": ["--trials", "3", "--epochs", "10", "--nodes", "20"],
    "coarsening": ["--trainings", "1", "--epochs", "5"],
    "compare_methods": ["--nodes", "20", "--seeds", "1", "--epochs", "10"],
    "continual": ["--condense-epochs", "2", "--epochs", "20"],
    "federated": ["--rounds", "2"],
    "graph_level": ["--trainings", "1", "--steps", "10", "--method", "kcenter"],
    "growing": ["--trainings", "1", "--epochs", "5", "--whole"],
    "html_report": ["--epochs", "5"],
    "lightning_data": ["--epochs", "5"],
    "images": ["--epochs", "3", "--trainings", "1", "--train-epochs", "9", "--out", "images.png"],
    "inductive": ["--epochs", "1", "--trainings", "1"],
    "privacy": ["--epochs", "1", "--trainings", "1"],
    "properties": ["--epochs", "1"],
    "robustness": ["--epochs", "1", "--trainings", "1"],
    "serving": ["--epochs", "1", "--trainings", "1"],
    "sklearn_search": ["--methods", "random", "--nodes", "20", "--folds", "2", "--epochs", "5"],
    "transfer": ["--epochs", "1", "--train-epochs", "5"],
    "user_item": ["--steps", "5"],
}
SAYS = {
    "architecture_search": "chosen on condensed",
    "coarsening": "test accuracy of a GCN trained on it",
    "compare_methods": "doscond-x",
    "continual": "over all steps",
    "custom_method": "mean-matching",
    "federated": "condensed, sent once",
    "graph_level": "picture: graphs.png",
    "growing": "1,797 nodes, 449 new -> 70: anew",
    "html_report": "report.html in a browser",
    "images": "picture: images.png",
    "inductive": "transductive",
    "lightning_data": "% test accuracy" if find_spec("lightning") else "needs lightning",
    "molecules_pyg_gin": "ogbg-molbace is not on this machine",
    "ogb_arxiv": "ogbn-arxiv is not on this machine",
    "own_data": "from a Data: 20 nodes",
    "privacy": "on a model of the whole graph",
    "properties": "picture: properties.png",
    "quickstart": "test accuracy on the real graph",
    "resume": "in one go",
    "robustness": "picture: robustness.png",
    "serving": "of the bytes",
    "sklearn_search": "of nodes that no fit has seen",
    "table": "stands for shop-",
    "transfer": "picture: transfer.png",
    "transform_pipeline": "3 graphs, 150 nodes",
    "user_item": "for PyG: [('user', 'takes', 'item')]",
}


def test_every_example_is_tested() -> None:
    assert sorted(SAYS) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", sorted(SAYS.keys() - {"custom_method"}))
def test_example_runs(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = EXAMPLES / f"{name}.py"
    assert len(path.read_text().splitlines()) < 60
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPHCONDENSE_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(path), *FAST.get(name, [])])
    # Where its data are missing, an example says so and ends.
    with contextlib.suppress(SystemExit):
        runpy.run_path(str(path), run_name="__main__")
    assert SAYS[name] in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--data", "cora"], ["--root", "data"], ["--order", "stored"]])
def test_growing_says_what_does_not_go_with_releases(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["growing.py", "--releases", "release-1.pt", *words])
    with pytest.raises(SystemExit):
        runpy.run_path(str(EXAMPLES / "growing.py"), run_name="__main__")
    assert "leave out --data, --root and --order" in capsys.readouterr().err


def test_molecules_train_a_plain_gin(
    data_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = EXAMPLES / "molecules_pyg_gin.py"
    words = ["--root", str(data_root), "--method", "random", "--per-class", "5", "--epochs", "2"]
    monkeypatch.setattr(sys, "argv", [str(path), *words])
    runpy.run_path(str(path), run_name="__main__")
    assert "ROC-AUC on 152 real test molecules" in capsys.readouterr().out


@pytest.fixture
def registry() -> Iterator[None]:
    """Methods that a test registers are forgotten after it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def test_custom_method_runs(registry: None, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "custom_method.py"), run_name="__main__")
    assert SAYS["custom_method"] in capsys.readouterr().out
