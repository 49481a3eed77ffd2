"""What is said of data is of what they are: a change in place is not passed over."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

import graphcondense
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.images import as_images
from graphcondense.data.link_reading import split_links
from graphcondense.data.node_reading import as_task
from graphcondense.ops.as_read import as_read, version_of
from tests.cases import toy_graph, toy_graphs, toy_hetero, toy_images


@dataclass(frozen=True)
class Part:
    y: Tensor


@dataclass(frozen=True)
class Whole:
    x: Tensor
    part: Part

    @as_read
    def total(self) -> float:
        """The sum of all."""
        return float(self.x.sum() + self.part.y.sum())


@pytest.mark.parametrize("of", [lambda data: data.x, lambda data: data.part.y])
def test_a_change_in_place_is_refused_and_copies_are_asked_anew(
    of: Callable[[Whole], Tensor],
) -> None:
    data = Whole(torch.ones(3), Part(torch.ones(2)))
    of(data).add_(1)  # nothing was said of it before
    said = data.total
    assert said == 5 + len(of(data))
    assert data.total == said
    others = [pickle.loads(pickle.dumps(data)), copy.deepcopy(data)]
    of(data)[:1].mul_(3)  # a part of the same memory
    with pytest.raises(ValueError, match="tensors of these data were changed in place after they"):
        data.total  # noqa: B018
    assert [other.total for other in (*others, replace(data))] == [said, said, said + 4]
    assert Whole.total.__doc__ == "The sum of all."


def test_a_change_of_what_is_not_read_is_none() -> None:
    @dataclass(frozen=True)
    class Half:
        x: Tensor

        @as_read
        def first(self) -> float:
            """Of two."""
            asked.append(self)
            return float(self.x[0])

    asked: list[object] = []
    data = Half(torch.ones(2))
    assert data.first == 1
    data.x[1] = 5
    assert data.first == data.first == 1
    assert len(asked) == 2  # the change was looked at once
    data.x[0] = 5
    for _ in range(2):
        with pytest.raises(ValueError, match="were changed in place"):
            data.first  # noqa: B018


def test_what_does_not_count_is_never_changed() -> None:
    with torch.inference_mode():
        assert version_of(torch.ones(1).add_(1)) == 0
    assert version_of(None) == version_of([1]) == 0


def nodes(part: str) -> tuple[Any, Tensor]:
    task = as_task(toy_graph(n=60))
    return task, getattr(task, part)


def graphs() -> tuple[Any, Tensor]:
    task = as_graph_task(toy_graphs())
    return task, task.graphs.y


def links() -> tuple[Any, Tensor]:
    task = split_links(toy_graph(n=60), negatives=5)
    return task, task.val.ends


def images() -> tuple[Any, Tensor]:
    pixels, labels = toy_images(n=60)
    task = as_images((pixels, labels), (pixels[:9].clone(), labels[:9]))
    return task, task.images


def hetero() -> tuple[Any, Tensor]:
    task = as_hetero(toy_hetero(n=60))
    return task, task.y


@pytest.mark.parametrize(
    "made",
    [lambda: nodes("x"), lambda: nodes("y"), graphs, links, images, hetero],
    ids=["features", "labels", "graphs", "links", "images", "hetero"],
)
def test_the_hash_of_data_that_were_changed_is_not_that_of_before(
    made: Callable[[], tuple[Any, Tensor]],
) -> None:
    task, part = made()
    before = task.digest
    assert task.digest == before
    part.copy_(part.flip(0))
    with pytest.raises(ValueError, match="were changed in place after they had been read: read"):
        task.digest  # noqa: B018
    if part is not getattr(task, "x", None):  # which may not be changed at all, once read
        again, part = made()
        part.copy_(part.flip(0))
        assert again.digest != before


def test_a_run_on_data_that_were_changed_names_the_way_out() -> None:
    data = toy_graph(n=60)
    task = as_task(data)
    graphcondense.condense(task, "random", per_class=1)
    one = task.train[0]
    data.y[one] = (data.y[one] + 1) % 3
    with pytest.raises(ValueError, match="read the data anew, or change a copy"):
        graphcondense.condense(task, "random", per_class=1)
    graphcondense.condense(data, "random", per_class=1)


@pytest.mark.parametrize("made", [lambda: nodes("y"), graphs, hetero])
def test_test_labels_that_were_changed_leave_a_hash_that_does_not_read_them(
    made: Callable[[], tuple[Any, Tensor]],
) -> None:
    task, labels = made()
    before, seen = task.digest, task.test
    labels[seen] = labels[seen].flip(0)
    assert task.digest == before
    assert replace(task).digest == before
    labels[task.train] = labels[task.train].flip(0)
    with pytest.raises(ValueError, match="read the data anew, or change a copy"):
        task.digest  # noqa: B018
