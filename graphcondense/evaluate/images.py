"""What condensed images are worth: networks trained on them from scratch, many seeds at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from graphcondense.core.pools import built, initialise
from graphcondense.nn.images import IMAGE_MODELS


def fit_images(
    small: tuple[Tensor, Tensor],
    images: Tensor,
    labels: Tensor,
    *,
    model: str = "convnet",
    seeds: int | Sequence[int] = 5,
    epochs: int = 300,
    hidden: int = 128,
    depth: int | None = None,
    lr: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    device: torch.device | str | None = None,
) -> Tensor:
    """Accuracy on ``(images, labels)`` of networks trained on ``small`` with full batches.

    SGD, its learning rate divided by ten after half of the epochs, as in DC's evaluation; the last
    epoch is what counts, so nothing is selected.

    Args:
        small: condensed images ``[n, c, h, w]`` and classes ``[n]``.
        images, labels: real ones to predict, ``[m, c, h, w]`` and ``[m]``.
        model: a name in :data:`~graphcondense.nn.images.IMAGE_MODELS`.
        seeds: of the initial weights, or how many.
        depth: blocks or hidden layers; by default the model's own choice.

    Returns:
        One accuracy a seed, ``[S]``.
    """
    x, y = (t.to(device) for t in small)
    seeds = range(seeds) if isinstance(seeds, int) else seeds
    shape = (int(x.shape[1]), int(x.shape[2]), int(x.shape[3]))
    classes = int(max(int(y.max()), int(labels.max()))) + 1
    net = built(IMAGE_MODELS[model], shape, classes, hidden, depth).to(x)
    drawn = [initialise(net, torch.Generator().manual_seed(s)) for s in seeds]
    params = {k: torch.stack([d[k] for d in drawn]) for k in drawn[0]}

    def loss(weights: dict[str, Tensor]) -> Tensor:
        return F.cross_entropy(functional_call(net, weights, (x,)), y)

    slopes = vmap(grad(loss))
    # Elementwise, so one optimiser on stacked weights is one on each seed's.
    sgd = torch.optim.SGD(params.values(), lr, momentum, weight_decay=weight_decay)
    for epoch in range(epochs):
        sgd.param_groups[0]["lr"] = lr if epoch < epochs // 2 else lr / 10
        for name, slope in slopes(params).items():
            params[name].grad = slope
        sgd.step()

    def predict(weights: dict[str, Tensor], part: Tensor) -> Tensor:
        out: Tensor = functional_call(net, weights, (part,))
        return out.argmax(-1)

    with torch.no_grad():
        said = [vmap(predict, (0, None))(params, part.to(x)) for part in torch.split(images, 256)]
    return (torch.cat(said, 1).cpu() == labels.cpu()).float().mean(1)
