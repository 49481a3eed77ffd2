"""Users by items."""

from __future__ import annotations

from graphcondense.data.interaction_reading import as_interactions, is_rows
from graphcondense.data.interactions import InteractionTask
from graphcondense.data.kind import DataKind, register
from graphcondense.data.ratings import KNOWN_INTERACTIONS, holds_interactions, load_interactions

ROWS = register(
    DataKind(
        name="rows",
        words="users by items",
        forms="users by items (a SciPy matrix, HeteroData or frame)",
        task=InteractionTask,
        takes=is_rows,
        check=as_interactions,
        load=load_interactions,
        options=frozenset({"split", "seed"}),
        place=3,
        table=KNOWN_INTERACTIONS,
        endings=(".inter", ".csv", ".tsv", ".npz"),
        holds=holds_interactions,
    )
)
