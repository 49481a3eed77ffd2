"""Runs of images: evaluated and reported by the command line, refused where one graph is meant."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import graphcondense
from graphcondense.cli import main
from tests.cases import toy_images


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a file of images with a test part, evaluated."""
    folder = tmp_path_factory.mktemp("image-runs")
    (x, y), (test_x, test_y) = toy_images(), toy_images(seed=1, n=30)
    parts = {"images": x, "labels": y, "test_images": test_x, "test_labels": test_y}
    np.savez(folder / "toy.npz", **{name: part.numpy() for name, part in parts.items()})
    out = folder / "run"
    words = ["--data", str(folder / "toy.npz"), "--per-class", "2", "--out", str(out)]
    main(["condense", "random", *words, "--validations", "0"])
    fast = ["--epochs", "3", "--whole-steps", "3", "--hidden", "4", "--seeds", "2"]
    main(["evaluate", str(out), "--models", "ConvNet,NTKRidge", *fast, "--random-draws", "1"])
    return out


def test_numbers_and_pictures_lie_beside_the_run(run: Path) -> None:
    saved = json.loads((run / "evaluation.json").read_text())
    assert saved["units"] == ["images", "pixels"]
    assert [row["model"] for row in saved["rows"]] == ["ConvNet", "NTKRidge"] * 3
    assert saved["settings"]["ConvNet"]["norm"] == "instance"
    for name in ("evaluation", "transfer", "images"):
        assert (run / f"{name}.png").stat().st_size > 1000


def test_the_page_has_the_transfer_table_and_the_images(run: Path) -> None:
    main(["report", str(run)])
    page = (run / "report.html").read_text()
    for said in ("random, 6 images", "no network", "ConvNet", "% of pixels", "on all images, s"):
        assert said in page
    assert page.count('src="data:image/png;base64,') == 6
    assert "no GNN" not in page


@pytest.mark.parametrize("verb", ["nas", "properties", "privacy"])
def test_what_needs_one_graph_says_so(
    run: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, str(run)]) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert f"{verb} is for one graph with labelled nodes; " in said
    assert "holds images" in said


def test_a_flag_of_other_training_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--steps", "3"]) != 0
    assert "--steps is no setting of training on images" in capsys.readouterr().err


def test_a_pair_of_tensors_is_evaluated(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = graphcondense.load(run)
    torch.save((small.x, small.y), run.parent / "pair.pt")
    fast = ["--epochs", "2", "--whole-steps", "2", "--hidden", "4", "--seeds", "1"]
    words = ["--data", str(run.parent / "toy.npz"), "--models", "ConvNet", "--baselines", "none"]
    assert main(["evaluate", str(run.parent / "pair.pt"), *words, *fast]) == 0
    assert "not condensed from these very images" in capsys.readouterr().err
