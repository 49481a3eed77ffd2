"""One heterogeneous graph with classes on the nodes of one type."""

from __future__ import annotations

from graphcondense.data.hetero import KNOWN_HETERO, hetero_of_saved, load_hetero
from graphcondense.data.hetero_reading import as_hetero, is_hetero
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.kind import DataKind, register

HETERO = register(
    DataKind(
        name="hetero",
        words="a heterogeneous graph",
        forms="a PyG HeteroData with classes of one type of nodes",
        task=HeteroTask,
        takes=is_hetero,
        check=as_hetero,
        load=load_hetero,
        options=frozenset({"label_kind"}),
        place=4,
        table=KNOWN_HETERO,
        endings=(".pt",),
        of_saved=hetero_of_saved,
    )
)
