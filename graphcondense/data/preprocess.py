"""What images go through before a network sees them, with the way back.

Condensed images are saved as they look (*raw*); networks see them preprocessed (*seen*). Both ways
are affine maps whose numbers the artefact holds, so that nobody has to guess them.

>>> x = torch.rand(50, 3, 4, 4, generator=torch.Generator().manual_seed(0))
>>> for name in PREPROCESSES:
...     fitted = fit_preprocess(name, x)
...     assert torch.allclose(fitted.inverse(fitted.apply(x)), x, atol=1e-5)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self

import torch
from torch import Tensor

from graphcondense.ops.types import Record
from graphcondense.saved.compact import PREFIX
from graphcondense.saved.shown import record_of

CHUNK = 4096
"""Images that are turned into float64 at once."""
MOST_FITTED = 10_000
"""Images that :class:`ZCA` is fitted on, at most, evenly spaced among those given."""


@dataclass(frozen=True)
class Preprocess:
    """An affine map of images ``[n, c, h, w]`` that has an inverse, by itself the identity.

    A subclass has the tensors of its map as fields.
    """

    name: ClassVar[str] = "none"

    @classmethod
    def fitted(cls, images: Tensor) -> Self:
        """Fitted on raw images, of the training part alone."""
        return cls()

    def apply(self, raw: Tensor) -> Tensor:
        """What networks see. On the device and in the type of ``raw``; differentiable."""
        return raw

    def inverse(self, seen: Tensor) -> Tensor:
        """The raw images again, up to rounding; values are not clipped."""
        return seen

    def state(self) -> dict[str, Tensor]:
        """The tensors that :func:`restore_preprocess` needs, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def summary(self) -> Record:
        """For a record: the name, and the numbers where they are few."""
        few = {k: v.flatten().tolist() for k, v in self.state().items() if v.numel() <= 16}
        return {"name": self.name, **few}


@dataclass(frozen=True)
class Normalise(Preprocess):
    """Zero mean and unit variance of every channel.

    Attributes:
        mean, std: of each channel over all training pixels ``[c]``; a constant channel has std 1.
    """

    name: ClassVar[str] = "normalise"
    mean: Tensor
    std: Tensor

    @classmethod
    def fitted(cls, images: Tensor) -> Self:
        sums = torch.zeros(2, images.shape[1], dtype=torch.float64)
        for part in torch.split(images, CHUNK):
            wide = part.double()
            sums += torch.stack([wide.sum((0, 2, 3)), wide.square().sum((0, 2, 3))])
        mean, square = sums / images[:, 0].numel()
        variance = square - mean**2
        # A constant channel has a variance of nothing but rounding.
        constant = variance <= 1e-12 * square.clamp_min(1e-12)
        std = torch.where(constant, 1.0, variance.clamp_min(0).sqrt())
        return cls(mean.float(), std.float())

    def apply(self, raw: Tensor) -> Tensor:
        mean, std = (_per_channel(t, raw) for t in (self.mean, self.std))
        return (raw - mean) / std

    def inverse(self, seen: Tensor) -> Tensor:
        mean, std = (_per_channel(t, seen) for t in (self.mean, self.std))
        return seen * std + mean


def _per_channel(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images)[:, None, None]


@dataclass(frozen=True)
class ZCA(Preprocess):
    """Whitening that stays as near the image as possible, ``(Σ + λI)^(-1/2) (x - mean)``.

    ``Σ`` is the covariance of the pixels of the training images and ``λ`` :data:`RIDGE` times its
    mean eigenvalue (Nguyen et al., NeurIPS 2021, appendix). Of ``Σ = U S Uᵀ`` the eigenvectors are
    kept whose eigenvalue is above ``λ / 1000``; on what is orthogonal to them the map is
    ``λ^(-1/2)``. The inverse is exact for the map as stored.

    Attributes:
        mean: of each pixel ``[c, h, w]``.
        basis: ``U`` ``[c h w, k]``, orthonormal columns.
        scale: ``(S + λ)^(-1/2)`` ``[k]``.
        rest: ``λ^(-1/2)`` ``[1]``.
    """

    name: ClassVar[str] = "zca"
    RIDGE: ClassVar[float] = 0.1
    mean: Tensor
    basis: Tensor
    scale: Tensor
    rest: Tensor

    @classmethod
    def fitted(cls, images: Tensor) -> Self:
        every = -(-len(images) // MOST_FITTED)
        parts = torch.split(images[::every].flatten(1), CHUNK)
        n = sum(map(len, parts))
        mean = torch.stack([part.double().sum(0) for part in parts]).sum(0) / n
        centred = (part.double() - mean for part in parts)
        covariance = torch.stack([part.T @ part for part in centred]).sum(0) / n
        values, vectors = torch.linalg.eigh(covariance)
        values = values.clamp_min(0)
        ridge = (cls.RIDGE * values.mean()).clamp_min(1e-12)
        kept = values > ridge / 1000
        return cls(
            mean.float().view(images.shape[1:]),
            vectors[:, kept].float().contiguous(),
            (values[kept] + ridge).rsqrt().float(),
            ridge.rsqrt().float().view(1),
        )

    def apply(self, raw: Tensor) -> Tensor:
        return self._map(raw - self.mean.to(raw), self.scale, self.rest)

    def inverse(self, seen: Tensor) -> Tensor:
        return self._map(seen, 1 / self.scale, 1 / self.rest) + self.mean.to(seen)

    def _map(self, x: Tensor, scale: Tensor, rest: Tensor) -> Tensor:
        """``U scale Uᵀ x + rest (x - U Uᵀ x)``."""
        flat, basis = x.flatten(1), self.basis.to(x)
        scale, rest = scale.to(x), rest.to(x)
        out = rest * flat + ((flat @ basis) * (scale - rest)) @ basis.T
        return out.view(x.shape)


PREPROCESSES: dict[str, type[Preprocess]] = {c.name: c for c in (Normalise, ZCA, Preprocess)}
"""Preprocessings by name: ``"normalise"``, ``"zca"``, ``"none"``."""


def fit_preprocess(name: str, images: Tensor) -> Preprocess:
    """The preprocessing called ``name``, fitted on raw training images ``[n, c, h, w]``."""
    return _class_of(name).fitted(images)


def restore_preprocess(small: object) -> Preprocess:
    """The preprocessing that condensed images were made with.

    Args:
        small: what :func:`graphcondense.condense` or :func:`graphcondense.load` gives.

    Raises:
        ValueError: images of other tools, which say nothing of a preprocessing, or a set that has
            lost the tensors of its own.
    """
    saved = record_of(small).get("preprocess")
    if not isinstance(saved, Mapping):
        raise ValueError("the record says nothing of a preprocessing; give images made by condense")
    cls = _class_of(str(saved.get("name")))
    state = {f.name: getattr(small, PREFIX + f.name, None) for f in fields(cls)}
    if missing := [name for name, value in state.items() if value is None]:
        raise ValueError(f"the tensors {missing} of the preprocessing {cls.name!r} are missing")
    return cls(**state)


def _class_of(name: str) -> type[Preprocess]:
    if name not in PREPROCESSES:
        raise ValueError(f"preprocess={name!r}: choose one of {', '.join(PREPROCESSES)}")
    return PREPROCESSES[name]
