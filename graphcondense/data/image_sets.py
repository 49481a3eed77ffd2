"""Images by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from graphcondense.data.image_files import CALLED, Pair, find_idx, has_pictures, read_files
from graphcondense.data.images import ImageTask, as_images
from graphcondense.data.kind import open_named
from graphcondense.data.known import DIGITS, NAMED, Named, archived, digits
from graphcondense.saved.paths import path_of


@dataclass(frozen=True, kw_only=True)
class KnownImages(Named):
    """Images that :func:`load_images` knows.

    Attributes:
        elsewhere: folders that other packages put the files into.
    """

    elsewhere: tuple[str, ...] = ()

    def folders(self, root: Path) -> list[Path]:
        """Where the files may lie, in the order they are looked for."""
        below = [f"images/{self.folder}/raw", f"{self.folder}/raw", f"images/{self.folder}"]
        return [*(root / b for b in (*below, self.folder)), root, *map(Path, self.elsewhere)]

    def found(self, root: Path) -> Path | None:
        """The first folder that has the training images."""
        return next((f for f in self.folders(root) if find_idx(f, "train")), None)

    def base(self, root: Path) -> Path:
        return root

    def is_local(self, root: Path) -> bool:
        return not self.folder or self.found(root) is not None


def load_images(
    name: str | Path, root: str | Path | None = None, *, preprocess: str = "normalise"
) -> ImageTask:
    """Open images by name, or from a file or folder as :func:`as_images` does.

    Nothing is downloaded. Fashion-MNIST and MNIST are looked for below ``root`` in
    ``images/FashionMNIST/raw``, ``FashionMNIST/raw`` (as torchvision writes it),
    ``images/FashionMNIST``, ``FashionMNIST``, then in ``root`` itself; then where Debian's package
    ``dataset-fashion-mnist`` puts them. Of ``"digits"``, scikit-learn's 1,797 images of 8 x 8
    pixels, a third of each class, drawn once by seed 0, is the test part.

    Args:
        name: ``"fashion-mnist"``, ``"mnist"``, ``"digits"``, or a path.
        root: where data sets are, as for :func:`graphcondense.data.load`.
        preprocess: see :func:`as_images`.

    Raises:
        ValueError: for a name or file that cannot be used, saying what can.
    """
    path = path_of(name, "load_images(name)", NAMED)
    if path.suffix in (".npz", ".gz", ".pt") or len(path.parts) > 1 or path.exists():
        stem = path.name
        for ending in (".gz", ".npz", ".pt"):
            stem = stem.removesuffix(ending)
        stem = stem.lower()
        try:
            return as_images(path, name=stem, preprocess=preprocess)
        except ValueError as error:
            raise ValueError(f"{path}: {error}" if path.name not in str(error) else error) from None
    known, (data, test) = open_named(name, "image", KNOWN_IMAGES, root)
    return as_images(data, test, name=known.name, preprocess=preprocess)


def holds_images(path: Path) -> bool:
    """Whether a file or folder looks like images rather than a graph."""
    if path.is_dir():
        return find_idx(path, "train") is not None or has_pictures(path)
    return "images-idx3" in path.name or any(f"{x}.npy" in archived(path) for x, _ in CALLED)


def images_of_saved(content: object, path: Path) -> ImageTask:
    """The checked images that a file of ``torch.save`` held."""
    try:
        return as_images(content, name=path.stem.lower())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _open_idx(known: KnownImages, root: Path) -> tuple[Pair, Pair]:
    folder = known.found(root)
    if folder is None:
        raise ValueError(
            f"{known.name} is not below {root}: put its four files, train-images-idx3-ubyte, "
            "train-labels-idx1-ubyte and the same of t10k- (or .gz), into "
            f"{known.folders(root)[0]}, or set root= or GRAPHCONDENSE_DATA to where they are "
            f"({known.source})"
        )
    parts = read_files(folder)
    if "test" not in parts:
        raise ValueError(f"{known.name}: {folder} has no t10k-images-idx3-ubyte(.gz)")
    return parts["train"], parts["test"]


def _open_digits(known: KnownImages, root: Path) -> tuple[Pair, Pair]:
    pixels, labels = digits()
    images = pixels.view(-1, 1, 8, 8)
    rng, tested = torch.Generator().manual_seed(0), torch.zeros(len(labels), dtype=torch.bool)
    for c in range(10):
        members = (labels == c).nonzero().flatten()
        tested[members[torch.randperm(len(members), generator=rng)[: len(members) // 3]]] = True
    return (images[~tested], labels[~tested]), (images[tested], labels[tested])


_idx = partial(
    KnownImages, family="idx", open=_open_idx, nodes=70_000, classes=10, splits=("public",)
)

KNOWN_IMAGES: tuple[KnownImages, ...] = (
    _idx(
        name="fashion-mnist",
        folder="FashionMNIST",
        source="github.com/zalandoresearch/fashion-mnist, Debian's dataset-fashion-mnist",
        licence="MIT",
        elsewhere=("/usr/share/datasets/fashion-mnist",),
    ),
    _idx(name="mnist", folder="MNIST", source="yann.lecun.com/exdb/mnist", licence="see source"),
    KnownImages(
        name="digits-images", nodes=1_797, open=_open_digits, aliases=("digits",), **DIGITS
    ),
)
