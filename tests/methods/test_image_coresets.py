"""Coresets of images: against choices made by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import graphcondense
from graphcondense.data.images import as_images
from tests.cases import ImageCase, toy_images


class TestRandomImages(ImageCase):
    name = "random"
    iterates = False


class TestHerdingImages(ImageCase):
    name = "herding"
    iterates = False


class TestKCenterImages(ImageCase):
    name = "kcenter"
    iterates = False


def condensed(name: str, data: Any, **options: Any) -> Any:
    return graphcondense.condense(data, name, progress=False, validations=0, **options)


def positions(small: Any, images: Tensor) -> list[int]:
    """Which real image each condensed one is."""
    distance = torch.cdist(small.x.flatten(1).double(), images.flatten(1).double())
    assert float(distance.min(1).values.max()) < 1e-5, "every one is a real image"
    return distance.argmin(1).tolist()


@pytest.mark.parametrize("name", ["random", "herding", "kcenter"])
def test_chosen_are_different_training_images_of_their_class(name: str) -> None:
    images, labels = toy_images()
    task = as_images((images, labels))
    at = positions(condensed(name, task, per_class=5), images)
    assert len(set(at)) == 15
    assert labels[at].tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert set(at) <= set(task.train.tolist())


def test_random_follows_the_seed_alone() -> None:
    one, same, other = (condensed("random", toy_images(), per_class=5, seed=s) for s in (1, 1, 2))
    assert torch.equal(one.x, same.x)
    assert not torch.equal(one.x, other.x)


def by_hand(images: Tensor, labels: Tensor) -> list[Tensor]:
    """Training pixels at zero mean and unit variance, class by class, float64."""
    task = as_images((images, labels))
    real = task.images[task.train].double()
    seen = ((real - real.mean()) / real.std(correction=0)).flatten(1)
    return [seen[task.labels[task.train] == c] for c in range(3)]


def real_positions(images: Tensor, labels: Tensor, c: int) -> Tensor:
    train = as_images((images, labels)).train
    return train[labels[train] == c]


def test_herding_follows_the_mean() -> None:
    """Each image is the one most aligned with what the mean still lacks (Welling, eq. 4-5)."""
    images, labels = toy_images()
    at = positions(condensed("herding", (images, labels), per_class=4), images)
    for c, x in enumerate(by_hand(images, labels)):
        mean, taken = x.mean(0), list[int]()
        for t in range(4):
            lacking = (t + 1) * mean - sum((x[i] for i in taken), torch.zeros_like(mean))
            score = x @ lacking
            score[taken] = -torch.inf
            taken.append(int(score.argmax()))
        assert at[4 * c : 4 * c + 4] == real_positions(images, labels, c)[taken].tolist()


def test_kcenter_takes_the_farthest() -> None:
    images, labels = toy_images()
    at = positions(condensed("kcenter", (images, labels), per_class=4), images)
    for c, x in enumerate(by_hand(images, labels)):
        taken = [int((x - x.mean(0)).norm(dim=1).argmin())]
        while len(taken) < 4:
            taken.append(int(torch.cdist(x, x[taken]).min(1).values.argmax()))
        assert at[4 * c : 4 * c + 4] == real_positions(images, labels, c)[taken].tolist()


def test_classes_without_enough_images_are_refused() -> None:
    with pytest.raises(ValueError, match="has only 27"):
        condensed("random", toy_images(), per_class=28)
