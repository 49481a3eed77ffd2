"""What methods share that learn images by kernel ridge regression on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Generator, Tensor
from torch.nn import functional as F

from graphcondense.core.method import Parts
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Pool, Schedule, Scorer, Synthetic
from graphcondense.domains.image import (
    LABEL_BYTES,
    AnnealedImages,
    ExportedImages,
    ImageSource,
    ImageSynthetic,
)
from graphcondense.kernels.ridge import Kernel, Targets, centred_classes, learnt_classes
from graphcondense.objectives.ridge import RidgeMatching
from graphcondense.ops.fields import NonNegative, Positive


@dataclass(frozen=True, kw_only=True)
class RegressedImages(AnnealedImages):
    """Images that predict the real ones by kernel ridge regression; no method by itself.

    Attributes:
        ridge: ``λ``, relative to the mean of the diagonal of ``K_SS``.
        learn_labels: the regressed values of each image are learnt, too; they start from one-hot
            classes less ``1 / C``, and are exported as ``y [n, C]``.
        lr_y: learning rate of Adam on the labels.
    """

    family = "meta-model matching (kernel ridge)"
    learns = "pixels + labels"
    cost = "one loop"

    ridge: Positive = 1e-6
    learn_labels: bool = True
    lr_y: NonNegative = 0.01

    def label_bytes(self, real: ImageSource) -> int:
        return 4 * real.num_classes if self.learn_labels else LABEL_BYTES

    def start(self, real: ImageSource, rng: Generator) -> ImageSynthetic:
        plain = super().start(real, rng)
        if not self.learn_labels:
            return plain
        labels = centred_classes(plain.y, real.num_classes).to(plain.x)
        return ImageSynthetic(
            plain.x, plain.y, real.num_classes, real.raw, learn_labels=True, labels=labels
        )

    def targets(self, real: ImageSource) -> Targets:
        """Labels to what is regressed on."""
        return partial(learnt_classes, num_classes=real.num_classes)

    def fit(self, x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
        """The method's own predictor, if it names one: from images ``[m, c, h, w]`` to ``[m, C]``,
        fitted to condensed images, as networks see them, and their labels."""
        raise NotImplementedError

    def scorer(self, val: ImageSource) -> Scorer | None:
        """By :meth:`fit`, where the method names a predictor."""
        if not self.predictor:
            return None

        def score(small: ExportedImages) -> float:
            seen = val.preprocess.apply(small.x).to(val.device)
            predict = self.fit(seen, small.y.to(val.device))
            return float((predict(val.images).argmax(1) == val.labels).float().mean())

        return score

    def regress(
        self,
        real: ImageSource,
        rng: Generator,
        pool: Pool,
        kernel: Kernel | None = None,
        scale: tuple[float, float] | None = None,
    ) -> Parts:
        """Parts that minimise the loss of the ridge's predictions.

        Args:
            kernel: of the regression, or ``None`` for that of the pool's learners.
            scale: where predictions are classified by cross-entropy, what they are multiplied by
                at the start, and the learning rate of its logarithm.
        """
        syn: Synthetic = self.start(real, rng)
        rates = {"x": self.lr_x, **({"y": self.lr_y} if self.learn_labels else {})}
        if scale is not None:
            syn, rates["scale"] = WithScalars(syn, {"scale": [scale[0]]}), scale[1]
        name = None if scale is None else "scale"
        return Parts(
            syn=syn,
            objective=RidgeMatching(kernel, self.targets(real), self.ridge, self.real_batch, name),
            pool=pool,
            schedule=Schedule(self.steps, rates, anneal=self.anneal),
        )


def squared(num_classes: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean squared error of outputs ``[m, C]`` and the regressed values of labels."""

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(out, learnt_classes(y, num_classes).to(out))

    return loss


def as_targets(y: Tensor) -> Tensor:
    """What exported labels are regressed on: classes ``[n]``, each of which is there, or learnt
    targets ``[n, C]``.

    >>> import torch
    >>> as_targets(torch.tensor([1, 0])).tolist()
    [[-0.5, 0.5], [0.5, -0.5]]
    """
    return y if y.is_floating_point() else learnt_classes(y, int(y.max()) + 1)
