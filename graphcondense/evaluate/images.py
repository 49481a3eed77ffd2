"""Train on a few images, score on the real ones: the measure of every condensed set of images.

The protocol is that of DC (Zhao et al., ICLR 2021): SGD with momentum from scratch, the learning
rate divided by ten after half of the epochs, and the *last* epoch is what counts. Beside it stands
the epoch of best validation accuracy among a few. Test images are predicted after training has
ended. Every set is trained the same way, whatever method made it.

Networks are trained one after the other: stacked by ``vmap`` they are slower on a CPU (at 100
images of 28 x 28 pixels and 128 channels two times).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeAlias

import torch
from torch import Generator, Tensor
from torch.func import functional_call
from torch.nn import functional as F

from graphcondense.core.pools import built, initialise
from graphcondense.data.images import ImageTask, as_images
from graphcondense.data.preprocess import Preprocess, restore_preprocess
from graphcondense.evaluate.nodes import FitResult, _now, record_of, seeds_of
from graphcondense.nn.images import IMAGE_MODELS, ImageModel, Norm
from graphcondense.ops.augment import Augment, Strategy
from graphcondense.ops.device import usable
from graphcondense.ops.fields import Count, Momentum, NonNegative, Positive, check_fields
from graphcondense.ops.progress import tqdm

Kind: TypeAlias = type[ImageModel]
"""A class of image networks, called with shape, classes, width, depth and norm."""

PREDICT = 32
"""Images that are predicted at once: the feature maps of 128 channels then fit into the caches."""

PREDICT_BATCH_NORM = 256
"""The same with batch norm, whose statistics are of these images, in the order of the data."""

SCORED = 500
"""Validation images that :meth:`ImageEvaluator.score` and the choice of an epoch read, at most."""


@dataclass(frozen=True)
class ImageTraining:
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

    def __post_init__(self) -> None:
        check_fields(self)

    def of(self, kind: Kind, shape: tuple[int, int, int], num_classes: int) -> dict[str, Any]:
        """All settings for a model, none left open."""
        net = _net(self, kind, shape, num_classes)
        width = self.hidden or kind.usual_width
        return {**asdict(self), "hidden": width, "depth": net.depth, "norm": net.norm}


def _augment(name: str) -> Augment | None:
    return None if name == "none" else Augment(name)


def _net(
    training: ImageTraining, kind: Kind, shape: tuple[int, int, int], classes: int
) -> ImageModel:
    norm = {} if training.norm is None or not kind.takes_norm else {"norm": training.norm}
    width = training.hidden or kind.usual_width
    return built(kind, shape, classes, width, training.depth, **norm)


@dataclass(frozen=True)
class Labelled:
    """Images as networks see them.

    Attributes:
        x: ``[n, c, h, w]``.
        y: classes ``[n]`` or soft labels ``[n, C]``.
        preprocess: what made ``x`` of raw images, and makes the images that are predicted.
    """

    x: Tensor
    y: Tensor
    preprocess: Preprocess

    @property
    def squared(self) -> bool:
        """Whether labels are no distributions over classes, such as learnt regression targets."""
        if self.y.dim() == 1:
            return False
        one = torch.ones(len(self.y), device=self.y.device)
        return bool((self.y < 0).any()) or not torch.allclose(self.y.sum(1), one, atol=1e-3)


class ImageEvaluator:
    """Trains on small sets of images and scores on the real ones.

    Args:
        real: the real images, anything :func:`~graphcondense.data.images.as_images` takes.
        device: where to train; default the CPU.
        **options: fields of :class:`ImageTraining`.

    Raises:
        ValueError: if ``real`` has no validation images, or an option is out of range.
        TypeError: for an option that does not exist.
    """

    def __init__(
        self, real: Any, *, device: torch.device | str | None = None, **options: Any
    ) -> None:
        known = [field.name for field in fields(ImageTraining)]
        if unknown := sorted(set(options) - set(known)):
            raise TypeError(f"unknown option {', '.join(unknown)}; known are {', '.join(known)}")
        self.real: ImageTask = as_images(real)
        if not len(self.real.val):
            raise ValueError(
                f"{self.real.name}: no validation images; a class needs ten images, or give "
                "as_images a larger validation="
            )
        self.training = ImageTraining(**options)
        self._device = usable(device)

    def replace(self, **options: Any) -> ImageEvaluator:
        """An evaluator with other settings on the same real images, which both share."""
        out = copy(self)
        out.training = replace(self.training, **options)
        return out

    def fit(
        self,
        model: str | Kind,
        small: Any,
        *,
        seeds: int | Sequence[int] = 5,
        progress: bool = False,
    ) -> FitResult:
        """Train ``model`` on ``small`` with every seed; read the test images at the end.

        Where labels are no distributions over classes (learnt regression targets, as KIP's), the
        loss is the squared error, and ``chosen`` of the result says so; else cross-entropy.

        Args:
            model: a name in :data:`~graphcondense.nn.images.IMAGE_MODELS`, or a class.
            small: condensed images, what :func:`read_images` takes; or an :class:`ImageTask`, whose
                training part is trained on with ``whole_steps`` updates.
            seeds: the training seeds, or how many (``0, 1, ...``).
            progress: show a progress bar.

        Raises:
            ValueError: unknown model; images or labels that do not match; no test images.
        """
        if not len(self.real.test):
            raise ValueError(f"{self.real.name}: no test images; give as_images test=")
        kind, seeds = image_model_of(model), seeds_of(seeds)
        start, cpu = _now(self._device), time.process_time()
        held = read_images(small, self.real)
        net, trained = self._train(kind, small, held, seeds, progress)
        wanted = self.real.labels[self.real.test]
        selected, last = [], []
        for one in trained:
            last.append(self._accuracy(net, one.last, held.preprocess, self.real.test, wanted))
            same = one.epoch_selected == one.epochs
            selected.append(
                last[-1]
                if same
                else self._accuracy(net, one.selected, held.preprocess, self.real.test, wanted)
            )
        seconds = _now(self._device) - start
        on_gpu = self._device.type == "cuda"
        return FitResult(
            model=name_of(kind),
            seeds=seeds,
            val_selected=torch.tensor([one.val_selected for one in trained]),
            epoch_selected=torch.tensor([one.epoch_selected for one in trained]),
            test_selected=torch.tensor(selected),
            val_last=torch.tensor([one.val_last for one in trained]),
            test_last=torch.tensor(last),
            seconds=seconds,
            seconds_training=sum(one.seconds for one in trained),
            processor_seconds=seconds if on_gpu else time.process_time() - cpu,
            chosen="squared error" if held.squared else "",
        )

    def fit_whole(
        self, model: str | Kind, *, seeds: int | Sequence[int] = 5, progress: bool = False
    ) -> FitResult:
        """The same, trained on the real training images: the yardstick."""
        return self.fit(model, self.real, seeds=seeds, progress=progress)

    def score(
        self, small: Any, model: str | Kind = "convnet", *, seeds: int | Sequence[int] = 3
    ) -> float:
        """Mean validation accuracy of ``small`` after the last epoch; no test image is touched.

        At most :data:`SCORED` validation images are predicted.
        """
        held = read_images(small, self.real)
        # Only the end is looked at: nothing is chosen.
        end = self.replace(val_every=max(self.training.epochs, self.training.val_every))
        _, trained = end._train(image_model_of(model), small, held, seeds_of(seeds), False)
        return float(torch.tensor([one.val_last for one in trained]).mean())

    def memory_bytes(self, model: str | Kind, small: Any, *, seeds: int | Sequence[int] = 5) -> int:
        """Estimate, before any work, of the memory that :meth:`fit` adds to the process.

        Counted are the weights of a seed (values, gradients, momentum, the passing update), those
        kept of every seed (selected, last), the images of the set and those predicted at once, and
        what a training step keeps for its gradient (measured on a few images, and as much again in
        passing).
        """
        t, task = self.training, self.real
        held = read_images(small, task)
        net = _net(t, image_model_of(model), task.shape, task.num_classes)
        few = torch.zeros(4, *task.shape)
        known = {p.data_ptr() for p in net.parameters()} | {few.data_ptr()}
        kept: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            net(few)
        an_image = sum(size for at, size in kept.items() if at not in known) / len(few)
        weights = 4 * sum(p.numel() for p in net.parameters())
        at_once = max(2 * min(t.batch_size, len(held.x)), PREDICT_BATCH_NORM)
        stored = held.x.nbytes + (min(SCORED, len(task.val)) * task.images[0].nbytes)
        return round(weights * (4 + 2 * len(seeds_of(seeds))) + an_image * at_once + stored)

    def _train(
        self, kind: Kind, small: Any, held: Labelled, seeds: tuple[int, ...], progress: bool
    ) -> tuple[ImageModel, list[_Trained]]:
        """One network after the other, each validated a few times."""
        task = self.real
        net = _net(self.training, kind, task.shape, task.num_classes).to(self._device)
        val = _spread(task.labels, task.val, SCORED)
        wanted = task.labels[val]
        x, y = held.x.to(self._device), held.y.to(self._device)
        whole = isinstance(small, ImageTask)
        bar = tqdm(seeds, name_of(kind), disable=not progress, leave=False)
        return net, [
            self._one(net, x, y, held.squared, whole, seed, held.preprocess, val, wanted)
            for seed in bar
        ]

    def _one(
        self,
        net: ImageModel,
        x: Tensor,
        y: Tensor,
        squared: bool,
        whole: bool,
        seed: int,
        preprocess: Preprocess,
        val: Tensor,
        wanted: Tensor,
    ) -> _Trained:
        t = self.training
        rng = torch.Generator().manual_seed(seed)
        weights = {k: v.requires_grad_() for k, v in initialise(net, rng).items()}
        sgd = torch.optim.SGD(weights.values(), t.lr, t.momentum, weight_decay=t.weight_decay)
        an_epoch = -(-len(x) // t.batch_size)
        steps = t.whole_steps if whole else t.epochs * an_epoch
        every = max(1, steps // 6) if whole else t.val_every * an_epoch
        augment, batches = _augment(t.augment), _batches(len(x), t.batch_size, rng)
        best, at, kept, accuracy, seconds = -1.0, steps, {}, 0.0, 0.0
        for step in range(1, steps + 1):
            start = _now(self._device)
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
            seconds += _now(self._device) - start
            if step % every == 0 or step == steps:
                accuracy = self._accuracy(net, weights, preprocess, val, wanted)
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
                x = preprocess.apply(self.real.images[rows].to(self._device))
                said: Tensor = functional_call(net, dict(weights), (x,)).argmax(1)
                right += int((said.cpu() == y).sum())
        return right / len(part)


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


def name_of(kind: Kind) -> str:
    """A network's name in tables: its class."""
    return kind.__name__


def image_model_of(model: str | Kind) -> Kind:
    """The class behind a name, in any case.

    Raises:
        ValueError: an unknown name.
    """
    if not isinstance(model, str):
        return model
    if model.lower() not in IMAGE_MODELS:
        raise ValueError(f"unknown model {model!r}; known are {', '.join(IMAGE_MODELS)}")
    return IMAGE_MODELS[model.lower()]


def read_images(small: Any, real: ImageTask) -> Labelled:
    """The images of ``small`` as networks see them.

    They go through the preprocessing that their record names, else through that of the task.

    Args:
        small: condensed images as :func:`graphcondense.condense` gives them; anything with raw
            images ``x [n, c, h, w]`` and classes ``y [n]`` or soft labels ``y [n, C]``; a pair of
            such tensors; or an :class:`ImageTask`, whose training part is taken.
        real: the real images.

    Raises:
        ValueError: no image; images or labels that do not match the real ones.
    """
    if isinstance(small, ImageTask):
        return Labelled(small.seen(small.train), small.labels[small.train], small.preprocess)
    x, y = raw_images(small)
    if not len(x):
        raise ValueError("the small set has no images")
    if x.dim() != 4 or tuple(x.shape[1:]) != real.shape:
        raise ValueError(
            f"the small set has images {list(x.shape[1:])}, {real.name} has {list(real.shape)}"
        )
    if not bool(torch.isfinite(x).all()):
        raise ValueError("the small set has NaN or infinite pixels")
    if len(y) != len(x):
        raise ValueError(f"the small set has {len(x)} images but {len(y)} labels")
    if y.dim() == 2:
        if y.shape[1] != real.num_classes:
            raise ValueError(
                f"the small set has soft labels over {y.shape[1]} classes, {real.name} has "
                f"{real.num_classes}"
            )
        y = y.float()
    elif y.dim() != 1 or y.is_floating_point():
        raise ValueError(
            f"the small set has labels {y.dtype} {list(y.shape)}; give classes [n] or soft labels "
            f"[n, {real.num_classes}]"
        )
    elif int(y.min()) < 0 or int(y.max()) >= real.num_classes:
        bad = int(y.min()) if int(y.min()) < 0 else int(y.max())
        raise ValueError(
            f"the small set has an image of class {bad}; {real.name} has classes "
            f"0..{real.num_classes - 1}"
        )
    own = record_of(small).get("preprocess") is not None
    preprocess = restore_preprocess(small) if own else real.preprocess
    return Labelled(preprocess.apply(x.float()), y, preprocess)


def raw_images(small: Any) -> tuple[Tensor, Tensor]:
    """Raw images ``[n, c, h, w]`` and labels of a small set, on the CPU.

    Raises:
        ValueError: it holds none.
    """
    if isinstance(small, tuple) and len(small) == 2:
        x, y = small
    else:
        x, y = getattr(small, "x", None), getattr(small, "y", None)
    if not (isinstance(x, Tensor) and isinstance(y, Tensor)):
        raise ValueError(
            f"a small set is condensed images, or a pair of tensors (images [n, c, h, w], labels), "
            f"got {type(small).__name__}"
        )
    return x.detach().cpu(), y.detach().cpu()
