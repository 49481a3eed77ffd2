"""Images in the report: baselines, sizes and the plain training; see :class:`Bench`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from graphcondense.core.pools import built
from graphcondense.data.images import LABEL_BYTES, ImageTask, as_images
from graphcondense.evaluate.bench import Kind
from graphcondense.evaluate.cost import seconds_of, size_of
from graphcondense.evaluate.image_predictors import PREDICTORS, check_size, fit_ridge
from graphcondense.evaluate.images import (
    ImageEvaluator,
    ImageTraining,
    image_model_of,
    raw_images,
    read_images,
)
from graphcondense.evaluate.nodes import FitResult, graphs_by_name, record_of
from graphcondense.nn.images import IMAGE_MODELS, ConvNet


class ImageBench:
    """Labelled images; see :class:`~graphcondense.evaluate.bench.Bench`.

    Args:
        data: anything :func:`~graphcondense.data.images.as_images` takes, with test images.
        device: where to train.
        **options: fields of :class:`~graphcondense.evaluate.images.ImageTraining`.
    """

    # Kernel ridge is there by name alone: on a large whole set it cannot run.
    all = usual = tuple(kind.__name__ for kind in IMAGE_MODELS.values())
    seeds = 5
    metric = "accuracy"
    units = ("images", "pixels")

    def __init__(self, data: Any, device: torch.device | str | None, **options: Any) -> None:
        self.evaluator = ImageEvaluator(as_images(data), device=device, **options)
        self.real, self.device = self.evaluator.real, device
        if not len(self.real.test):
            raise ValueError(f"{self.real.name}: no test images; give as_images test=")

    @property
    def training(self) -> ImageTraining:
        return self.evaluator.training

    @property
    def tested(self) -> int:
        return len(self.real.test)

    def sets(self, small: Any) -> dict[str, list[Any]]:
        if not isinstance(small, Mapping):
            small = {"condensed": small}
        named = graphs_by_name({name: _several(value) for name, value in small.items()})
        for sets in named.values():
            for one in sets:
                read_images(one, self.real)
        return named

    def kind(self, model: Any) -> Kind:
        known = PREDICTORS.get(model.lower()) if isinstance(model, str) else None
        return image_model_of(model) if known is None else known.name

    def about(self, kind: Kind) -> tuple[str, str]:
        return "non-GNN" if isinstance(kind, str) else "network", ""

    def settings(self, kind: Kind) -> dict[str, Any] | None:
        if isinstance(kind, str):
            return None
        return self.training.of(kind, self.real.shape, self.real.num_classes)

    def check(self, kind: Kind, small: Any) -> None:
        if isinstance(kind, str):
            check_size(len(read_images(small, self.real).x))

    def memory_bytes(self, kind: Kind, small: Any, seeds: int | Sequence[int]) -> int | None:
        return (
            None if isinstance(kind, str) else self.evaluator.memory_bytes(kind, small, seeds=seeds)
        )

    def fit(
        self, kind: Kind, small: Any, seeds: int | Sequence[int], *, progress: bool
    ) -> FitResult:
        if isinstance(kind, str):
            return fit_ridge(PREDICTORS[kind.lower()], small, self.real, self.device)
        return self.evaluator.fit(kind, small, seeds=seeds, progress=progress)

    def random(self, small: Any, seed: int) -> Any:
        return random_images(self.real, small, seed)

    def equal_bytes(self, small: Any, draws: int) -> dict[str, list[Any]]:
        budget = size_of(small).bytes
        found = [images_within(self.real, budget, draw) for draw in range(draws)]
        return {"random, same bytes": found}

    def mean(self) -> None:
        return None

    def plain_seconds(self, measured: int) -> float:
        return plain_image_seconds(self.real, self.training, measured, self.device)


def _several(value: Any) -> list[Any]:
    """One condensed set, or a list of several, as a list of PyG ``Data``."""
    if isinstance(value, list):
        return [one for item in value for one in _several(item)]
    if isinstance(value, tuple) and not (
        len(value) == 2 and all(isinstance(item, Tensor) for item in value)
    ):
        return [one for item in value for one in _several(item)]
    return [held(*raw_images(value)) if isinstance(value, tuple) else value]


def held(x: Tensor, y: Tensor) -> Any:
    """Images and labels in the form that is stored, PyG ``Data`` without edges."""
    from torch_geometric.data import Data

    return Data(x=x.float(), edge_index=torch.empty(2, 0, dtype=torch.long), y=y)


def random_images(real: ImageTask, small: Any, seed: int) -> Any:
    """As many random training images of each class as ``small`` *stores*.

    A set that makes many images of few numbers is given as many real ones as take its bytes in
    float32, in proportion to the classes, one of each at least. A class of fewer training images
    gives all of them.
    """
    _, y = raw_images(small)
    classes = y if y.dim() == 1 else y.argmax(1)
    counts = torch.bincount(classes, minlength=real.num_classes)
    stored = record_of(small).get("stored_images")
    if stored is not None and stored < len(y):
        scaled = (counts * (float(stored) / len(y))).round().long()
        counts = torch.where(counts > 0, scaled.clamp_min(1), counts)
    order = _shuffled(real, seed)
    labels = real.labels[order]
    chosen = torch.cat([order[labels == c][:k] for c, k in enumerate(counts.tolist())])
    return held(real.images[chosen], real.labels[chosen])


def images_within(real: ImageTask, budget: int, seed: int) -> Any:
    """Random training images, the classes in turn, as many as are stored in ``budget`` bytes.

    Where pixels are whole 255ths, as files have them, a pixel counts one byte, else four.

    Raises:
        ValueError: not even one fits.
    """
    order = _shuffled(real, seed)
    labels = real.labels[order]
    turn = torch.empty_like(order)
    for c in range(real.num_classes):
        turn[labels == c] = torch.arange(int((labels == c).sum()))
    order = order[turn.argsort(stable=True)]
    one = real.images[0].numel() * _pixel_bytes(real.images[order[:100]]) + LABEL_BYTES
    if budget < one:
        raise ValueError(
            f"{real.name}: an image of {one:,} bytes does not fit into the {budget:,} of the "
            "condensed set"
        )
    chosen = order[: budget // one]
    found = held(real.images[chosen], real.labels[chosen])
    found.condensed = {"bytes": len(chosen) * one}
    return found


def _pixel_bytes(images: Tensor) -> int:
    """Bytes a pixel, as a file would store these images."""
    scaled = images * 255
    whole = bool(((scaled - scaled.round()).abs() < 1e-3).all())
    return 1 if whole and float(images.min()) >= 0 and float(images.max()) <= 1 else 4


def _shuffled(real: ImageTask, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return real.train[torch.randperm(len(real.train), generator=rng)]


def plain_image_seconds(
    real: Any,
    training: ImageTraining,
    measured: int | None = None,
    device: torch.device | str | None = None,
) -> float:
    """Wall seconds of the training a user writes: a ``DataLoader``, the ConvNet, SGD.

    Args:
        real: the real images, anything :func:`~graphcondense.data.images.as_images` takes.
        training: how many updates, how wide, how deep, and images a batch.
        measured: run only so many updates (after two to warm up) and scale; default all.
        device: where to train; default the CPU.
    """
    task = as_images(real)
    rng = torch.Generator().manual_seed(0)
    pairs = TensorDataset(task.seen(task.train), task.labels[task.train])
    loader = DataLoader(pairs, training.batch_size, shuffle=True, generator=rng)
    width = training.hidden or ConvNet.usual_width
    net = built(ConvNet, task.shape, task.num_classes, width, training.depth).to(device)
    optimizer = torch.optim.SGD(net.parameters(), training.lr, training.momentum)

    def step() -> None:
        x, y = next(batches)
        optimizer.zero_grad()
        F.cross_entropy(net(x.to(device)), y.to(device)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    batches = chain.from_iterable(repeat(loader))
    with torch.random.fork_rng(devices=[]):  # the loader draws a seed for its workers
        return seconds_of(step, training.whole_steps, measured, device)
