"""Many labelled graphs."""

from __future__ import annotations

from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask
from graphcondense.data.graphs import KNOWN_GRAPHS, load_graphs, task_of_list
from graphcondense.data.kind import DataKind, register
from graphcondense.data.parts import is_set_by_part
from graphcondense.data.sequences import labels_nodes, may_be_graphs

GRAPH = register(
    DataKind(
        name="graph",
        words="a set of graphs",
        forms="a list or data set of graphs (or a mapping of such by part)",
        task=GraphTask,
        takes=lambda data: is_set_by_part(data) or (may_be_graphs(data) and not labels_nodes(data)),
        check=as_graph_task,
        load=load_graphs,
        options=frozenset({"split", "seed", "label_kind"}),
        general=True,
        place=1,
        table=KNOWN_GRAPHS,
        endings=(".pt",),
        of_saved=task_of_list,
    )
)
