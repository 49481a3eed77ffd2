"""Image predictors that are no trained network, see :mod:`graphcondense.evaluate.predictors`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor

from graphcondense.data.images import ImageTask
from graphcondense.evaluate.contestant import Predictor, Try, choose
from graphcondense.evaluate.fitted import FitResult
from graphcondense.evaluate.image_reading import Labelled, read_images
from graphcondense.evaluate.reading import refuse_many
from graphcondense.evaluate.trainings import Device
from graphcondense.kernels.ntk import FullyConnected
from graphcondense.kernels.random_features import KernelRidge, random_ridge
from graphcondense.kernels.ridge import centred_classes
from graphcondense.nn.images import usual_depth
from graphcondense.ops.grid import edge

MOST = 5000
"""Images up to which they run: a kernel of that size in float64 takes 200 MB."""

NETS_SEED = 2**31 + 1
"""Of the random networks: no method learns with those, nor scores with them."""


@dataclass(frozen=True)
class ImagePredictor:
    """A kernel ridge regression on condensed images.

    Attributes:
        name: how users call it.
        fit: a regression on images as networks see them ``[n, c, h, w]``, targets ``[n, C]`` and
            one of ``choices``.
        choices: what validation chooses from; of equally good ones the first.
        words: how a choice is told.
    """

    name: str
    fit: Callable[[Tensor, Tensor, int], KernelRidge]
    choices: tuple[int, ...]
    words: str


def _tangent(x: Tensor, targets: Tensor, layers: int) -> KernelRidge:
    return KernelRidge(FullyConnected(layers), x.double(), targets, 1e-6)


def _random(x: Tensor, targets: Tensor, nets: int) -> KernelRidge:
    shape = (int(x.shape[1]), int(x.shape[2]), int(x.shape[3]))
    rng = Generator().manual_seed(NETS_SEED)
    return random_ridge(x, targets, rng, nets=nets, depth=usual_depth(shape))


PREDICTORS = {
    one.name.lower(): one
    for one in (
        # KIP's own (Nguyen et al., ICLR 2021, arXiv 2011.00050), of fully connected ReLU networks.
        ImagePredictor("NTKRidge", _tangent, (1, 3), "hidden layers"),
        # RFAD's own (Loo et al., NeurIPS 2022, arXiv 2210.12067), of networks without norms.
        ImagePredictor("RandomRidge", _random, (8,), "random networks of 128 filters"),
    )
}
"""By name in lower case."""


def fit_ridge(
    predictor: ImagePredictor,
    small: object,
    real: ImageTask,
    device: Device = None,
) -> FitResult:
    """Regress on ``small``, make the choice on validation, read test once.

    Classes are regressed on as one-hot rows less ``1 / C``; soft labels that are distributions
    likewise, other learnt targets as they are. One "seed", and no last epoch apart.

    Raises:
        ValueError: images that do not match the real ones, a real set without validation or test
            images, or more than :data:`MOST` images.
    """
    for split in ("val", "test"):
        if not len(getattr(real, split)):
            raise ValueError(f"{real.name}: no {split} images")
    seen = read_images(small, real)
    refuse_many("kernel ridge", len(seen.x), "images", MOST)
    seen = Labelled(seen.x.to(device), seen.y.to(device), seen.preprocess)
    targets = _targets(seen, real.num_classes)

    def tries() -> Iterator[Try]:
        for choice in predictor.choices:
            model = predictor.fit(seen.x, targets, choice)
            words = f"{choice} {predictor.words}{edge(choice, predictor.choices, below=False)}"
            val = _accuracy(model, seen, real, real.val)
            yield Try(words, val, partial(_accuracy, model, seen, real, real.test))

    return choose(predictor.name, tries())


def _check(small: object, real: ImageTask) -> None:
    refuse_many("kernel ridge", len(read_images(small, real).x), "images", MOST)


BY_NAME: dict[str, Predictor[ImageTask]] = {
    name: Predictor(one.name, partial(fit_ridge, one), _check) for name, one in PREDICTORS.items()
}
"""As reports measure them."""


def _targets(seen: Labelled, num_classes: int) -> Tensor:
    if seen.y.dim() == 1:
        return centred_classes(seen.y, num_classes)
    return seen.y if seen.squared else seen.y - 1 / num_classes


def _accuracy(model: KernelRidge, seen: Labelled, real: ImageTask, part: Tensor) -> float:
    right = 0
    for rows in torch.split(part, model.chunk):
        x = seen.preprocess.apply(real.images[rows].to(seen.x.device))
        right += int((model.predict(x).argmax(1).cpu() == real.labels[rows]).sum())
    return right / len(part)
