"""Images and their classes."""

from __future__ import annotations

from graphcondense.data.image_reading import is_images
from graphcondense.data.image_sets import KNOWN_IMAGES, holds_images, images_of_saved, load_images
from graphcondense.data.images import ImageTask, as_images
from graphcondense.data.kind import DataKind, register

IMAGE = register(
    DataKind(
        name="image",
        words="images",
        forms="(images [n, c, h, w], labels [n]) or a data set of (image, label)",
        task=ImageTask,
        takes=is_images,
        check=as_images,
        load=load_images,
        place=2,
        table=KNOWN_IMAGES,
        endings=(".npz", ".gz", ".pt"),
        holds=holds_images,
        of_saved=images_of_saved,
    )
)
