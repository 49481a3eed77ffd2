"""DC on scikit-learn's digits beside random images and the whole training set.

    OMP_NUM_THREADS=1 python benchmarks/images.py

The 1,797 digits are split once by seed 0: 1,200 for condensing (every tenth image of a class is
held out for validation), 597 for test, read at the end alone. The evaluator is the ConvNet
that DC uses, five seeds, its last epoch.
"""

from __future__ import annotations

import time

import torch
from sklearn.datasets import load_digits
from torch import Tensor

import graphcondense
from graphcondense.evaluate.images import fit_images


def main() -> None:
    digits = load_digits()
    images = torch.from_numpy(digits.images / 16).float().unsqueeze(1)
    labels = torch.from_numpy(digits.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train, test = order[:1200], order[1200:]
    real = images[train], labels[train]

    def accuracy(small: tuple[Tensor, Tensor]) -> str:
        said = 100 * fit_images(small, images[test], labels[test], seeds=5, hidden=32)
        return f"{said.mean():.1f} ± {said.std():.1f}"

    print("| images a class | DC | random | seconds of DC |\n|---|---|---|---|")
    for per_class in (1, 10):
        began = time.perf_counter()
        small = graphcondense.condense(
            real, "dc", preset="digits", per_class=per_class, validations=2, progress=False
        )
        seconds = time.perf_counter() - began
        chosen = torch.cat([(real[1] == c).nonzero().flatten()[:per_class] for c in range(10)])
        random = accuracy((real[0][chosen], real[1][chosen]))
        print(f"| {per_class} | {accuracy((small.x, small.y))} | {random} | {seconds:.1f} |")
    print(f"| all 1,200 | - | {accuracy(real)} | - |")


if __name__ == "__main__":
    main()
