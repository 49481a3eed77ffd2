"""One graph with labelled nodes."""

from __future__ import annotations

from graphcondense.data.kind import DataKind, register
from graphcondense.data.mapped import mapped_task
from graphcondense.data.node_reading import as_task
from graphcondense.data.nodes import KNOWN, load_nodes, node_data
from graphcondense.data.sequences import is_graph
from graphcondense.data.task import NodeTask

NODE = register(
    DataKind(
        name="node",
        words="one graph with labelled nodes",
        forms="a PyG Data (or a mapping of OGB's arrays, with edge_index, or of graphs by part)",
        task=NodeTask,
        takes=is_graph,
        check=as_task,
        mapped=mapped_task,
        load=load_nodes,
        options=frozenset({"split", "seed", "normalize", "device", "label_kind"}),
        general=True,
        place=0,
        table=KNOWN,
        endings=(".npz", ".pt"),
        holds=lambda path: path.suffix == ".npz",
        of_saved=node_data,
    )
)
