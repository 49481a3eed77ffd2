"""Tensors that condensed data carry along, and what a record tells of its data."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from graphcondense.saved.shown import Shown


def check_further(
    further: Mapping[str, Tensor], rows: int | None, where: str, taken: Collection[str] = ()
) -> None:
    """Raise a ValueError that starts with ``where`` unless a graph can have these tensors, too.

    Each has as many ``rows``, if these are given, and none a name that is ``taken``.
    """
    for name, tensor in further.items():
        if name in taken or not _is_free(name):
            raise ValueError(
                f"{where}: a tensor cannot be called '{name[:80]}', which is a method, a name with "
                "a meaning of its own or no name in Python: give it another"
            )
        if rows is not None and (tensor.dim() == 0 or len(tensor) != rows):
            raise ValueError(
                f"{where}: {name[:80]} must have {rows} rows, one for each example, got shape "
                f"{list(tensor.shape)}"
            )


def _is_free(name: str) -> bool:
    if not name.isidentifier() or name.startswith("_") or name in ("condensed", "num_nodes"):
        return False
    from torch_geometric.data import Data

    taken = getattr(Data, name, None) or getattr(Shown, name, None)
    return taken is None or getattr(taken, "fset", None) is not None


def classes_of(record: object) -> int | None:
    """How many classes a record's ``data`` tells, if it does."""
    about = record.get("data") if isinstance(record, Mapping) else None
    classes = about.get("classes") if isinstance(about, Mapping) else None
    return classes if isinstance(classes, int) else None
