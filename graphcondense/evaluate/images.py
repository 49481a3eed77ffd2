"""Train on a few images, score on the real ones: the measure of every condensed set of images.

The protocol is that of DC (Zhao et al., ICLR 2021): SGD with momentum from scratch, the learning
rate divided by ten after half of the epochs, and the *last* epoch is what counts. Beside it stands
the epoch of best validation accuracy among a few. Test images are predicted after training has
ended. Every set is trained the same way, whatever method made it.

Networks are trained one after the other: stacked by ``vmap`` they are slower on a CPU (at 100
images of 28 x 28 pixels and 128 channels two times).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from graphcondense.core.pools import built, initialise
from graphcondense.data.images import ImageTask
from graphcondense.data.preprocess import Preprocess
from graphcondense.evaluate.cost import kept_bytes, over, seconds_of
from graphcondense.evaluate.evaluator import Evaluator, Options
from graphcondense.evaluate.fitted import Fitted, Tested
from graphcondense.evaluate.floors import images_within, random_images
from graphcondense.evaluate.image_predictors import BY_NAME
from graphcondense.evaluate.image_reading import Labelled, read_images, several_image_sets
from graphcondense.evaluate.reading import missing_classes
from graphcondense.evaluate.trainings import Seeds, now
from graphcondense.nn.images import IMAGE_MODELS, ConvNet, ImageModel, Norm
from graphcondense.ops.augment import Augment, Strategy
from graphcondense.ops.fields import Count, Momentum, NonNegative, Positive
from graphcondense.ops.progress import tqdm

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch_geometric.data import Data

Kind: TypeAlias = type[ImageModel]
"""A class of image networks, called with shape, classes, width, depth and norm."""

Model: TypeAlias = "str | Callable[..., nn.Module] | Kind"
"""A network by its name, or a class."""

PREDICT = 32
"""Images that are predicted at once: the feature maps of 128 channels then fit into the caches."""

PREDICT_BATCH_NORM = 256
"""The same with batch norm, whose statistics are of these images, in the order of the data."""

SCORED = 500
"""Validation images that :meth:`ImageEvaluator.score` and the choice of an epoch read, at most."""


@dataclass(frozen=True)
class ImageTraining(Options):
    """How the evaluator trains: the same for every set that is compared.

    Attributes:
        epochs: over a condensed set.
        whole_steps: updates on the whole data, in batches, with the same learning rates.
        hidden: width; by default the model's own (ConvNet and MLP 128, others 32).
        depth: blocks, stages or hidden layers; by default the model's own.
        norm: of feature maps; by default the model's own, instance norm. An MLP has none.
        lr: learning rate of SGD, divided by ten after half of the training.
        momentum: of SGD.
        weight_decay: of SGD, for every parameter.
        batch_size: images an update, where a set has more.
        augment: transformations of the training images joined by "_", such as
            "color_crop_cutout_scale_rotate" (DSA); drawn anew for every update. "none" leaves them.
        val_every: validate after every so many epochs (of the whole data: a sixth of the
            training), and after the last.
    """

    epochs: Count = 300
    whole_steps: Count = 2000
    hidden: Count | None = None
    depth: Count | None = None
    norm: Norm | None = None
    lr: Positive = 0.01
    momentum: Momentum = 0.9
    weight_decay: NonNegative = 5e-4
    batch_size: Count = 256
    augment: Strategy = "none"
    val_every: Count = 50

    def of(self, kind: Kind, shape: tuple[int, int, int], num_classes: int) -> dict[str, object]:
        """All settings for a model, none left open."""
        net = _net(self, kind, shape, num_classes)
        width = self.hidden or kind.usual_width
        return {**asdict(self), "hidden": width, "depth": net.depth, "norm": net.norm}


def _net(
    training: ImageTraining, kind: Kind, shape: tuple[int, int, int], classes: int
) -> ImageModel:
    norm = {} if training.norm is None or not kind.takes_norm else {"norm": training.norm}
    width = training.hidden or kind.usual_width
    return built(kind, shape, classes, width, training.depth, **norm)


@dataclass(frozen=True)
class _Trained:
    """One network: its weights where validation was best and at the end.

    ``epoch_selected`` and ``epochs`` count epochs; of the whole data updates.
    """

    selected: dict[str, Tensor]
    last: dict[str, Tensor]
    val_selected: float
    val_last: float
    epoch_selected: int
    epochs: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ImagesTrained(Fitted):
    """Networks trained on one set of images, one after the other.

    Attributes:
        model: the network; its own parameters are never read.
        networks: the weights of each seed.
        preprocess: of the images that are predicted.
    """

    model: ImageModel
    networks: list[_Trained]
    preprocess: Preprocess


class ImageEvaluator(Evaluator[ImageTask, Kind, ImageTraining, ImagesTrained]):
    """Trains on small sets of images and scores on the real ones.

    A small set is condensed images, what :func:`~graphcondense.evaluate.image_reading.read_images`
    takes; or an :class:`~graphcondense.data.images.ImageTask`, whose training part is trained on
    with ``whole_steps`` updates. Where labels are no distributions over classes (learnt regression
    targets, as KIP's), the loss is the squared error, and ``chosen`` of the result says so; else
    cross-entropy. Models are names in :data:`~graphcondense.nn.images.IMAGE_MODELS`, or classes.

    Args:
        real: the real images, anything :func:`~graphcondense.data.images.as_images` takes.
        device: where to train; default the CPU.
        **options: fields of :class:`ImageTraining`.
    """

    kind = "image"
    # Kernel ridge is there by name alone: on a large whole set it cannot run.
    all = usual = tuple(kind.__name__ for kind in IMAGE_MODELS.values())
    seeds = 5
    judge = "convnet"
    units = ("images", "pixels")
    predictors = BY_NAME
    hints = (
        "a class needs ten images, or give as_images a larger validation=",
        "give as_images test=",
    )
    usual_training = ImageTraining()

    def read(self, small: object) -> Labelled:
        return read_images(small, self.real)

    def several(self, value: object) -> list[object]:
        return several_image_sets(value)

    def missing(self, small: object) -> list[int]:
        return missing_classes(self.read(small).y, self.real.num_classes)

    def model_of(self, model: Model) -> Kind:
        if isinstance(model, str):
            if model.lower() not in IMAGE_MODELS:
                raise ValueError(f"unknown model {model!r}; known are {', '.join(self._known)}")
            return IMAGE_MODELS[model.lower()]
        if isinstance(model, type) and issubclass(model, ImageModel):
            return model
        raise ValueError(
            f"a network for images is one of {', '.join(self.all)} or a subclass of "
            f"graphcondense.nn.images.ImageModel, got {model!r:.80}"
        )

    @property
    def _known(self) -> list[str]:
        """What a report may have for a model, as it is written there."""
        return [*self.all, *(one.name for one in self.predictors.values())]

    def about(self, model: Kind) -> tuple[str, str]:
        return "network", ""

    def settings(self, model: Kind) -> Mapping[str, object]:
        return self.training.of(model, self.real.shape, self.real.num_classes)

    def test_labels(self) -> npt.NDArray[np.generic]:
        return self.real.labels[self.real.test].numpy()

    def random(self, small: object, seed: int) -> Data:
        return random_images(self.real, small, seed)

    def within(self, budget: int, seed: int) -> Data:
        return images_within(self.real, budget, seed)

    def plain_seconds(self, measured: int) -> float:
        """A ``DataLoader``, the ConvNet, SGD."""
        task, t = self.real, self.training
        pairs = TensorDataset(task.seen(task.train), task.labels[task.train])
        rng = torch.Generator().manual_seed(0)
        loader = DataLoader(pairs, t.batch_size, shuffle=True, generator=rng)
        width = t.hidden or ConvNet.usual_width
        net = built(ConvNet, task.shape, task.num_classes, width, t.depth).to(self.device)
        optimizer = torch.optim.SGD(net.parameters(), t.lr, t.momentum)

        def loss(batch: Sequence[Tensor]) -> Tensor:
            x, y = batch
            return F.cross_entropy(net(x.to(self.device)), y.to(self.device))

        return seconds_of(over(loader, loss), optimizer, t.whole_steps, measured, self.device)

    def test(self, trained: ImagesTrained) -> Tested:
        wanted, scores = self.real.labels[self.real.test], []
        for one in trained.networks:
            kept = [one.last] if one.epoch_selected == one.epochs else [one.selected, one.last]
            found = [
                self._accuracy(trained.model, weights, trained.preprocess, self.real.test, wanted)
                for weights in kept
            ]
            scores.append((found[0], found[-1]))
        selected, last = torch.tensor(scores).T
        return Tested(selected, last)

    def score(
        self, small: object, model: Model | None = None, *, seeds: Seeds | None = None
    ) -> float:
        """Mean accuracy on at most :data:`SCORED` validation images after the last epoch."""
        # Only the end is looked at: nothing is chosen.
        end = self.replace(val_every=max(self.training.epochs, self.training.val_every))
        numbers = self.judge_seeds if seeds is None else seeds
        return float(end.train(model or self.judge, small, seeds=numbers).val_last.mean())

    def memory(self, model: Kind, small: object, trainings: int) -> int:
        """Weights of a seed (values, gradients, momentum, the passing update), those kept of every
        seed (selected, last), the images of the set and those predicted at once, and what a
        training step keeps for its gradient (measured on a few images, twice)."""
        t, task = self.training, self.real
        seen = self.read(small)
        net = _net(t, model, task.shape, task.num_classes)
        few = torch.zeros(4, *task.shape)
        an_image = kept_bytes(lambda: net(few), [*net.parameters(), few]) / len(few)
        weights = 4 * sum(p.numel() for p in net.parameters())
        at_once = max(2 * min(t.batch_size, len(seen.x)), PREDICT_BATCH_NORM)
        stored = seen.x.nbytes + (min(SCORED, len(task.val)) * task.images[0].nbytes)
        return round(weights * (4 + 2 * trainings) + an_image * at_once + stored)

    def trained(
        self, model: Kind, small: object, seeds: tuple[int, ...], progress: bool
    ) -> ImagesTrained:
        """One network after the other, each validated a few times."""
        task, seen = self.real, self.read(small)
        net = _net(self.training, model, task.shape, task.num_classes).to(self.device)
        seen = Labelled(seen.x.to(self.device), seen.y.to(self.device), seen.preprocess)
        val = _spread(task.labels, task.val, SCORED)
        bar = tqdm(seeds, model.__name__, disable=not progress, leave=False)
        networks = [self._one(net, seen, isinstance(small, ImageTask), seed, val) for seed in bar]
        return ImagesTrained(
            model=net,
            networks=networks,
            preprocess=seen.preprocess,
            val_selected=torch.tensor([one.val_selected for one in networks]),
            epoch_selected=torch.tensor([one.epoch_selected for one in networks]),
            val_last=torch.tensor([one.val_last for one in networks]),
            seconds_training=sum(one.seconds for one in networks),
            chosen="squared error" if seen.squared else "",
        )

    def _one(
        self, net: ImageModel, seen: Labelled, whole: bool, seed: int, val: Tensor
    ) -> _Trained:
        t, x, y, squared = self.training, seen.x, seen.y, seen.squared
        wanted = self.real.labels[val]
        rng = torch.Generator().manual_seed(seed)
        weights = {k: v.requires_grad_() for k, v in initialise(net, rng).items()}
        sgd = torch.optim.SGD(weights.values(), t.lr, t.momentum, weight_decay=t.weight_decay)
        an_epoch = -(-len(x) // t.batch_size)
        steps = t.whole_steps if whole else t.epochs * an_epoch
        every = max(1, steps // 6) if whole else t.val_every * an_epoch
        augment = None if t.augment == "none" else Augment(t.augment)
        batches = _batches(len(x), t.batch_size, rng)
        best, at, kept, accuracy, seconds = -1.0, steps, {}, 0.0, 0.0
        for step in range(1, steps + 1):
            start = now(self.device)
            rows = next(batches)
            part, target = (x, y) if rows is None else (x[rows], y[rows])
            if augment is not None:
                part = augment(part, rng)
            sgd.param_groups[0]["lr"] = t.lr if step <= steps // 2 else t.lr / 10
            out = functional_call(net, weights, (part,))
            loss = F.mse_loss(out, target) if squared else F.cross_entropy(out, target)
            sgd.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            sgd.step()
            seconds += now(self.device) - start
            if step % every == 0 or step == steps:
                accuracy = self._accuracy(net, weights, seen.preprocess, val, wanted)
                if accuracy > best:
                    best, at = accuracy, step
                    kept = {k: v.detach().clone() for k, v in weights.items()}
        last = {k: v.detach() for k, v in weights.items()}
        unit = 1 if whole else an_epoch
        return _Trained(kept, last, best, accuracy, -(-at // unit), steps // unit, seconds)

    def _accuracy(
        self,
        net: ImageModel,
        weights: Mapping[str, Tensor],
        preprocess: Preprocess,
        part: Tensor,
        wanted: Tensor,
    ) -> float:
        """Share of right classes among the real images ``part``."""
        right, size = 0, PREDICT_BATCH_NORM if net.norm == "batch" else PREDICT
        with torch.inference_mode():
            for rows, y in zip(*(torch.split(t, size) for t in (part, wanted)), strict=True):
                x = preprocess.apply(self.real.images[rows].to(self.device))
                guess: Tensor = functional_call(net, dict(weights), (x,)).argmax(1)
                right += int((guess.cpu() == y).sum())
        return right / len(part)


def _batches(n: int, size: int, rng: Generator) -> Iterator[Tensor | None]:
    """Rows of each update, for ever; ``None`` for all."""
    while True:
        if n <= size:
            yield None
        else:
            yield from torch.split(torch.randperm(n, generator=rng), size)


def _spread(labels: Tensor, part: Tensor, most: int) -> Tensor:
    """Of ``part`` at most ``most`` indices, evenly spaced among all sorted by class.

    >>> y = torch.tensor([0, 1, 0, 1, 0, 1])
    >>> _spread(y, torch.arange(6), 2).tolist()
    [0, 1]
    """
    if len(part) <= most:
        return part
    ordered = part[labels[part].argsort(stable=True)]
    return ordered[torch.arange(most) * len(part) // most]
