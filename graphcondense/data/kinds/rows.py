"""Users by items."""

from __future__ import annotations

from graphcondense.data.interaction_reading import as_interactions, is_rows
from graphcondense.data.interactions import InteractionTask
from graphcondense.data.kind import DataKind, register
from graphcondense.data.ratings import (
    KNOWN_INTERACTIONS,
    holds_interactions,
    interactions_of_saved,
    load_interactions,
)

ROWS = register(
    DataKind(
        name="rows",
        words="users by items",
        forms="users by items (a sparse matrix, HeteroData or frame, or a mapping of such by part)",
        task=InteractionTask,
        takes=is_rows,
        check=as_interactions,
        load=load_interactions,
        options=frozenset({"split", "seed"}),
        place=3,
        table=KNOWN_INTERACTIONS,
        endings=(".inter", ".csv", ".tsv", ".npz", ".pt"),
        holds=holds_interactions,
        of_saved=interactions_of_saved,
    )
)
