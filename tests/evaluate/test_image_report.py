"""Images in the report: baselines, sizes, table, JSON, pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import graphcondense
from graphcondense.data.images import ImageTask, as_images
from graphcondense.evaluate import Report, evaluate, evaluator_of
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.floors import images_within, random_images
from graphcondense.evaluate.image_reading import as_stored
from graphcondense.evaluate.images import ImageEvaluator
from tests.cases import toy_images

FAST: dict[str, Any] = {
    "epochs": 5,
    "whole_steps": 5,
    "hidden": 4,
    "plain_epochs": 1,
    "progress": False,
}


@pytest.fixture(scope="module")
def task() -> ImageTask:
    return as_images(toy_images(), toy_images(seed=1, n=30), name="toy")


@pytest.fixture(scope="module")
def report(task: ImageTask) -> Report:
    small = graphcondense.condense(task, "random", per_class=2, validations=0, progress=False)
    models = "ConvNet,mlp,NTKRidge,randomridge"
    return evaluate({"mine": small}, task, models=models, seeds=2, random_draws=2, **FAST)


def test_report_has_every_cell(report: Report) -> None:
    assert report.labels == ["mine", "random", "whole"]
    assert report.models == ["ConvNet", "MLP", "NTKRidge", "RandomRidge"]
    assert report.units == ("images", "pixels")
    sizes = {row.label: (row.nodes, row.edges) for row in report.rows}
    assert sizes == {"mine": (6, 384), "random": (6, 384), "whole": (81, 81 * 64)}
    assert report.ledger.size.bytes == 6 * (4 * 64 + 8)
    assert report.ledger.whole.bytes == 81 * (4 * 64 + 8)
    assert report.ledger.plain_training_seconds is not None


def test_table_says_what_was_done(report: Report) -> None:
    text = report.table()
    for said in (
        "images",
        "norm instance",
        "norm none",
        "NTKRidge *",
        "RandomRidge *",
        "* no network",
        "PyTorch",
    ):
        assert said in text
    assert "GNN" not in text
    assert "PyG" not in text


def test_report_is_written_and_read(report: Report, tmp_path: Path) -> None:
    report.to_json(tmp_path / "a.json")
    assert Report.read(tmp_path / "a.json").table() == report.table()
    for draw in (report.plot, report.plot_transfer):
        draw(tmp_path / "a.png")
        assert (tmp_path / "a.png").stat().st_size > 1000


def test_random_images_count_what_is_stored(task: ImageTask) -> None:
    small = as_stored(task.images[task.train[:12]], task.labels[task.train[:12]])
    assert len(random_images(task, small, 0).y) == 12
    small.condensed = {"stored_images": 6.0}
    chosen = random_images(task, small, 0)
    assert torch.bincount(chosen.y).tolist() == [2, 2, 2]
    assert not torch.equal(chosen.x, random_images(task, small, 1).x)
    train = {tuple(image.flatten().tolist()) for image in task.images[task.train]}
    assert {tuple(image.flatten().tolist()) for image in chosen.x} <= train


def test_equal_bytes_count_pixels_as_files_have_them(task: ImageTask) -> None:
    floats = images_within(task, 600, 0)
    assert (len(floats.y), size_of(floats).bytes) == (2, 2 * 264)
    x, y = toy_images()
    whole = as_images(((255 * x).to(torch.uint8), y))
    found = images_within(whole, 600, 0)
    assert (len(found.y), size_of(found).bytes) == (8, 8 * 72)
    assert int(torch.bincount(found.y).max() - torch.bincount(found.y).min()) <= 1
    with pytest.raises(ValueError, match="72 bytes does not fit into the 60"):
        images_within(whole, 60, 0)


def test_evaluator_is_found_and_checks(task: ImageTask) -> None:
    assert isinstance(evaluator_of(task), ImageEvaluator)
    with pytest.raises(ValueError, match="no test images"):
        evaluator_of(toy_images())
    x, y = toy_images(n=6)
    sets = evaluator_of(task).sets({"a": (x, y), "b": [(x, y), (x, y)]})
    assert {name: len(own) for name, own in sets.items()} == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match="an image of class 7"):
        evaluator_of(task).sets((x, y + 5))
