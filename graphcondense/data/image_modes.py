"""Pictures of PIL as arrays, whatever their mode."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import numpy as np

Mode: TypeAlias = Literal["L", "RGB", "F"]
"""What pictures of one set are read as: grey, coloured, or floats as they are."""

GREY = ("1", "L", "LA")
"""Modes of bytes without a colour."""

COLOURED = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV")
"""Modes of bytes that may have colours."""

DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I")
"""Grey modes of 16 bits; older versions of PIL read these as ``I``, which has 32."""

WHITE = 65535
"""The brightest of 16 bits."""


def is_deep(mode: str) -> bool:
    """Whether a picture of this mode has 16 bits for each pixel.

    >>> is_deep("I;16B"), is_deep("L")
    (True, False)
    """
    return mode in DEEP


def deep_values(picture: Any, what: str) -> np.ndarray:
    """A picture of 16 bits as ``[h, w]`` float32 in [0, 1].

    Raises:
        ValueError: it has numbers beyond 16 bits; PIL's own way to bytes cuts even those above 255.
    """
    values = np.asarray(picture)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 or high > WHITE:
        raise ValueError(
            f"{what} has the mode {picture.mode!r} and numbers from {low} to {high}: pictures of "
            f"16 bits, 0 to {WHITE}, are read; give arrays of floats"
        )
    return values.astype(np.float32) / np.float32(WHITE)


def one_mode(pictures: Iterable[tuple[object, Any]]) -> Mode:
    """What pictures, each with its name, are read as: floats where all are, RGB where any may have
    a colour, else grey.

    Raises:
        ValueError: a mode that is not read, or floats beside others: nobody knows their white.
    """
    found: dict[str, object] = {}
    for name, picture in pictures:
        found.setdefault(picture.mode, name)
    for mode, name in found.items():
        if mode not in (*GREY, *COLOURED, *DEEP, "F"):
            raise ValueError(f"{name} has the mode {mode!r}, which is not read: save it as RGB")
    if "F" in found and len(found) > 1:
        other = next(mode for mode in found if mode != "F")
        raise ValueError(
            f"{found['F']} has the mode 'F', floats, and {found[other]} the mode {other!r}: their "
            "scales may differ; save all in one mode, or give arrays"
        )
    if "F" in found:
        return "F"
    return "RGB" if any(mode in COLOURED for mode in found) else "L"


def as_array(picture: Any, mode: Mode, floats: bool, what: str) -> np.ndarray:
    """A picture as ``[h, w]`` or, of mode RGB, ``[h, w, 3]``; alpha is left out.

    Args:
        picture: of PIL.
        mode: as :func:`one_mode` says.
        floats: makes bytes float32 in [0, 1], as pictures of 16 bits are.
        what: the picture, for a message.
    """
    if mode == "F":
        return np.asarray(picture)
    if is_deep(picture.mode):
        values = deep_values(picture, what)
        return values if mode == "L" else np.repeat(values[..., None], 3, axis=2)
    values = np.asarray(picture.convert(mode))
    return values.astype(np.float32) / np.float32(255) if floats else values
