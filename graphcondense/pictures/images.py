"""Distilled images, a row a class."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from graphcondense.ops.figures import INK, new_figure, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure


ROW = 10  # images that stand in a row


def classes_of(labels: Tensor) -> Tensor:
    """Classes ``[n]`` on the CPU; of soft labels ``[n, C]`` those of the largest entries."""
    return (labels.argmax(1) if labels.dim() == 2 else labels).cpu()


def draw_images(images: Tensor, labels: Tensor, path: str | Path | None = None) -> Figure:
    """Draw distilled images, a row a class, with the class above the first of each.

    At most ten of a class are drawn. Classes of five or fewer images share a row of ten.

    Args:
        images: ``[n, c, h, w]`` with 1 or 3 channels; black and white are the 0.5 and 99.5 %
            quantiles of all pixels, as a few learnt ones leave the range of the others.
        labels: classes ``[n]``, or soft labels ``[n, C]``, whose largest entry counts.

    Raises:
        ValueError: neither 1 nor 3 channels.
    """
    if images.shape[1] not in (1, 3):
        raise ValueError(f"images have {images.shape[1]} channels; 1 or 3 can be drawn")
    labels = classes_of(labels)
    pixels = images.detach().cpu().float().permute(0, 2, 3, 1).numpy()
    low, high = np.quantile(pixels, [0.005, 0.995])
    pixels = ((pixels - low) / max(float(high - low), 1e-12)).clip(0, 1)
    groups = [(c, (labels == c).nonzero().flatten()[:ROW]) for c in sorted(set(labels.tolist()))]
    largest = max(len(some) for _, some in groups)
    beside = min(ROW // largest, len(groups))  # classes in a row
    rows, columns = math.ceil(len(groups) / beside), largest * beside
    _, height, width, channels = pixels.shape
    figure = new_figure(0.3 + 0.62 * columns, 0.3 + rows * (0.62 * height / width + 0.2))
    grid = figure.subplots(rows, columns, squeeze=False)
    for ax in grid.ravel():
        ax.set_axis_off()
    for k, (c, some) in enumerate(groups):
        row, block = divmod(k, beside)
        for ax, i in zip(grid[row, block * largest :], some.tolist(), strict=False):
            image = pixels[i]
            ax.imshow(image if channels == 3 else image[..., 0], cmap="gray", vmin=0, vmax=1)
        grid[row, block * largest].set_title(f"{c}", fontsize=9, color=INK, pad=2)
    return saved(figure, path)
