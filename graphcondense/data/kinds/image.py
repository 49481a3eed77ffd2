"""Images and their classes."""

from __future__ import annotations

from graphcondense.data.image_sets import KNOWN_IMAGES, holds_images, load_images
from graphcondense.data.images import ImageTask, as_images, is_images
from graphcondense.data.kind import DataKind, register

IMAGE = register(
    DataKind(
        name="image",
        words="images",
        forms="(images [n, c, h, w], labels [n])",
        task=ImageTask,
        takes=is_images,
        check=as_images,
        load=load_images,
        place=2,
        table=KNOWN_IMAGES,
        endings=(".npz", ".gz"),
        holds=holds_images,
    )
)
