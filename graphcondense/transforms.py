"""Condensation as a PyG transform, for use in ``T.Compose`` and in data sets."""

from __future__ import annotations

from typing import Any

from torch_geometric.transforms import BaseTransform

from graphcondense.run import condense


class Condense(BaseTransform):  # type: ignore[misc]
    """Replace a graph by its condensed form; takes what :func:`graphcondense.condense` takes.

    Args:
        method: a method's name.
        **options: its fields and those of :class:`graphcondense.run.Run`.

    >>> import torch_geometric.transforms as T
    >>> import graphcondense
    >>> pipeline = T.Compose([T.NormalizeFeatures(), Condense("kcenter", nodes=20)])
    >>> pipeline(graphcondense.data.load("digits")).num_nodes
    20
    """

    def __init__(self, method: str = "gcond", **options: Any) -> None:
        self.method, self.options = method, options

    def forward(self, data: Any) -> Any:
        return condense(data, self.method, **{"progress": False, **self.options})

    def __repr__(self) -> str:
        said = "".join(f", {k}={v!r}" for k, v in self.options.items())
        return f"{type(self).__name__}({self.method!r}{said})"
