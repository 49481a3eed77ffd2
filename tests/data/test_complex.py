"""Complex numbers keep no imaginary part in what is made of them: they are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

import graphcondense
from graphcondense.data import as_graph_task, as_images, as_interactions, as_task
from graphcondense.data.mapped import mapped_task

I = 1 + 2j  # noqa: E741 - the name of the number
X, Y = torch.eye(6, 3), torch.arange(6) % 2
EDGES = torch.tensor([[0, 1, 2], [1, 2, 3]])
MASKS = {
    f"{split}_mask": torch.arange(6) // 2 == i for i, split in enumerate(("train", "val", "test"))
}
TABLE = sp.csr_matrix(np.ones((8, 8)))
IMAGES = torch.rand(8, 1, 2, 2)


def node(**change: Any) -> Data:
    return Data(**{"x": X, "edge_index": EDGES, "y": Y, **MASKS, **change})


def arrays(**change: Any) -> dict[str, Any]:
    split = {"train": [0, 1], "valid": [2, 3], "test": [4, 5]}
    one = {"node_feat": X.numpy(), "edge_index": EDGES.numpy(), "labels": Y.numpy(), "split": split}
    return {**one, **change}


def graphs(**change: Any) -> list[Data]:
    return [Data(**{"x": X, "edge_index": EDGES, "y": Y[:1] + i % 2, **change}) for i in range(12)]


GIVEN: dict[str, Callable[[], object]] = {
    "x": lambda: as_task(node(x=X * I)),
    "x of NumPy": lambda: as_task(node(x=X.numpy() * I)),
    "x of SciPy": lambda: as_task(node(x=sp.csr_matrix(X.numpy() * I))),
    "x, sparse": lambda: as_task(node(x=(X * I).to_sparse())),
    "y": lambda: as_task(node(y=Y * I)),
    "edge_index": lambda: as_task(node(edge_index=EDGES * I)),
    "edge_weight": lambda: as_task(node(edge_weight=torch.ones(3) * I)),
    "edge_attr": lambda: as_task(node(edge_attr=torch.ones(3, 1) * I)),
    "train_mask": lambda: as_task(node(train_mask=MASKS["train_mask"] * I)),
    "adj of SciPy": lambda: as_task(Data(x=X, y=Y, adj=sp.eye(6).tocsr() * I, **MASKS)),
    "node_feat": lambda: as_task(arrays(node_feat=X.numpy() * I)),
    "labels": lambda: as_task(arrays(labels=Y.numpy() * I)),
    "in blocks": lambda: mapped_task(arrays(node_feat=X.numpy() * I), "1GB"),
    "weights in blocks": lambda: mapped_task(arrays(edge_weight=np.ones(3) * I), "1GB"),
    "x of graphs": lambda: as_graph_task(graphs(x=X * I)),
    "y of graphs": lambda: as_graph_task(graphs(y=Y[:1] * I)),
    "edge_attr of graphs": lambda: as_graph_task(graphs(edge_attr=torch.ones(3, 2) * I)),
    "edge_index of graphs": lambda: as_graph_task(graphs(edge_index=EDGES * I)),
    "images": lambda: as_images((IMAGES * I, torch.arange(8) % 2)),
    "labels of images": lambda: as_images((IMAGES, torch.arange(8) % 2 * I)),
    "users": lambda: as_interactions(TABLE * I),
    "users, COO": lambda: as_interactions((TABLE * I).tocoo()),
    "validation users": lambda: as_interactions({"train": TABLE, "val": TABLE * I, "test": TABLE}),
    "a small graph": lambda: graphcondense.evaluate(
        Data(x=X * I, edge_index=EDGES, y=Y), node(), models="MLP", seeds=1, epochs=1
    ),
    "soft labels": lambda: graphcondense.evaluate(
        Data(x=X, edge_index=EDGES, y=torch.eye(6, 2) * I), node(), models="MLP", seeds=1, epochs=1
    ),
}


@pytest.mark.filterwarnings("error")  # such as that of torch about the part it leaves out
@pytest.mark.parametrize("what", GIVEN)
def test_it_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match=r"complex"):
        GIVEN[what]()


def by_row(name: str, matrix: sp.csr_matrix) -> dict[str, np.ndarray]:
    parts = {part: getattr(matrix, part) for part in ("data", "indices", "indptr")}
    return {**{f"{name}_{k}": v for k, v in parts.items()}, f"{name}_shape": np.array(matrix.shape)}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", ["x", "y", "edge_weight", "x_data", "adj_data", "users", "images"])
def test_files_of_it_are_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    given = {name: value.numpy() for name, value in node().to_dict().items()}
    if what == "users":
        sp.save_npz(path, TABLE * I)
    elif what == "images":
        np.savez(path, images=IMAGES.numpy() * I, labels=np.arange(8) % 2)
    elif what in ("x_data", "adj_data"):
        name = what.removesuffix("_data")
        del given["x" if name == "x" else "edge_index"]
        np.savez(path, **given, **by_row(name, sp.eye(6).tocsr() * I))
    else:
        value = given.get(what, np.ones(3)) * I
        np.savez(path, **{**given, what: value})
    with pytest.raises(ValueError, match=r"complex"):
        graphcondense.condense(graphcondense.data.load(path), "random", size=2)
