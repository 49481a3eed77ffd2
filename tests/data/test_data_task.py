"""What a node task accepts and what it refuses."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data, HeteroData, InMemoryDataset
from torch_geometric.utils import to_torch_csr_tensor

from graphcondense.data import CondensedDataset, NodeTask, as_task
from graphcondense.saved.condensed import save

N = 6


def make(**change: object) -> Data:
    data = Data(
        x=torch.arange(12.0).reshape(N, 2),
        edge_index=torch.tensor([[0, 1, 1, 4], [1, 0, 2, 5]]),
        y=torch.tensor([0, 1, 0, 1, 0, 1]),
        train_mask=torch.tensor([1, 1, 0, 0, 0, 0]).bool(),
        val_mask=torch.tensor([0, 0, 1, 1, 0, 0]).bool(),
        test_mask=torch.tensor([0, 0, 0, 0, 1, 1]).bool(),
    )
    for key, value in change.items():
        data[key] = value
    return data


def mask(*on: int) -> torch.Tensor:
    out = torch.zeros(N, dtype=torch.bool)
    out[list(on)] = True
    return out


NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, r"data\.x is missing"),
        ({"x": [[1.0]]}, "must be a tensor or a sparse matrix, got list"),
        ({"x": torch.ones(N, 2, dtype=torch.complex64)}, "complex"),
        ({"x": torch.ones(N)}, r"must be \[nodes, features\], got shape \(6,\)"),
        ({"x": torch.full((N, 2), NAN)}, r"NaN or infinite features \(12 values, first in node 0"),
        ({"x": torch.full((N, 2), NAN).to_sparse()}, "12 stored values"),
        ({"y": None}, r"data\.y is missing"),
        ({"y": torch.zeros(N, 3).long()}, "task 0, 1, 2 has no training node of class 1"),
        ({"y": torch.zeros(5).long()}, "6 nodes but data.y has 5 labels"),
        ({"y": torch.full((N,), 0.5)}, "target 0 is 0.5 for all training nodes"),
        ({"y": torch.tensor([0, 1, 0, 1, 0, -2])}, "class -2"),
        ({"y": torch.tensor([-1, 1, 0, 1, 0, 1])}, "class 0 has no training nodes"),
        ({"y": torch.tensor([0, 1, -1, -1, 0, 1])}, "none of the 2 val nodes of data has a label"),
        (
            {"y": torch.tensor([0, 3, 0, 1, 0, 1])},
            r"class 1, 2 has no training nodes \(y has 3 different values, up to 3",
        ),
        ({"edge_index": None}, "data has no edges"),
        ({"edge_index": torch.rand(2, 3)}, "integer node ids, got torch.float32"),
        ({"edge_index": torch.zeros(3, 2).long()}, r"\[2, edges\], got \(3, 2\)"),
        ({"edge_index": torch.tensor([[0], [6]])}, r"names node 6, but data.x has nodes 0\.\.5"),
        ({"edge_index": torch.tensor([[0], [-1]])}, "names node -1"),
        ({"edge_weight": torch.ones(3)}, "3 values for 4 edges"),
        ({"edge_weight": torch.tensor([1, NAN, 1, 1])}, "finite"),
        ({"edge_weight": torch.tensor([1.0, -2, 1, 1])}, r"negative \(smallest: -2"),
        ({"adj_t": torch.eye(5).to_sparse_csr()}, r"adjacency is \(5, 5\), but data.x has 6"),
        ({"train_mask": None}, "no training nodes"),
        ({"train_mask": mask()}, "no training nodes"),
        ({"train_mask": torch.ones(5).bool()}, "length 6, got torch.bool of shape"),
        ({"val_mask": torch.arange(N)}, "val_mask must be a bool tensor"),
        ({"val_mask": mask(1)}, r"train_mask and val_mask overlap in 1 nodes \(first: 1"),
        ({"test_mask": mask(0, 1)}, "train_mask and test_mask overlap in 2"),
        ({"test_mask": mask(3)}, "val_mask and test_mask overlap in 1"),
        ({"test_mask": None}, "no test nodes"),
    ],
)
def test_bad_data(change, message):
    with pytest.raises(ValueError, match=message):
        as_task(make(**change), need_test=True)


def test_more_than_one_graph(tmp_path):
    for name in "ab":
        save(
            Data(x=torch.ones(2, 3), edge_index=torch.tensor([[0], [1]]), y=torch.tensor([0, 1])),
            tmp_path / f"{name}.safetensors",
        )
    with pytest.raises(ValueError, match="a node task is one graph, this data set has 2"):
        as_task(CondensedDataset(tmp_path))
    (tmp_path / "b.safetensors").unlink()
    assert as_task(CondensedDataset(tmp_path)).num_nodes == 2


class InMemory(InMemoryDataset):
    """Like PyG's own: its class name says nothing, and it answers to ``.x`` itself."""

    def __init__(self, graphs: list[Data], transform: object = None) -> None:
        super().__init__(None, transform)
        self.data, self.slices = self.collate(graphs)


def test_a_data_set_is_seen_through_its_transform():
    def negate(data: Data) -> Data:
        data.x = -data.x
        return data

    assert torch.equal(as_task(InMemory([make()], negate)).x, -make().x)
    assert torch.equal(as_task([make()]).x, make().x)
    with pytest.raises(ValueError, match="a node task is one graph, this data set has 2"):
        as_task(InMemory([make(), make()]))


def test_foreign_objects():
    for foreign in (object(), SimpleNamespace(), HeteroData()):
        with pytest.raises((ValueError, AttributeError, KeyError)) as caught:
            as_task(foreign)
        assert caught.type is ValueError


def test_a_task_is_a_task():
    task = as_task(make(), name="mine")
    assert isinstance(task, NodeTask)
    assert as_task(task) is task
    assert as_task(task, name="other").name == "other"
    with pytest.raises(ValueError, match="no test nodes"):
        as_task(as_task(make(test_mask=None)), need_test=True)


def test_layouts_agree():
    data = make(edge_weight=torch.tensor([1.0, 2, 3, 4]))
    task = as_task(data)
    assert task.adj[2, 1] == 3  # A[target, source]
    as_attr = as_task(make(edge_attr=data.edge_weight[:, None]))
    adj_t = to_torch_csr_tensor(data.edge_index.flip(0), data.edge_weight, size=(N, N))
    dense = torch.from_numpy(task.adj.toarray())
    others = [
        as_attr,
        as_task(make(edge_index=None, adj_t=adj_t)),
        as_task(make(edge_index=None, adj_t=dense.to_sparse())),
        as_task(make(edge_index=None, adj=sp.csr_matrix(task.adj.T))),  # adj[source, target]
        as_task(make(edge_weight=data.edge_weight, train_mask=data.train_mask[:, None])),
        as_task(make(edge_weight=data.edge_weight, y=data.y[:, None].float())),
    ]
    for other in others:
        assert np.array_equal(other.adj.toarray(), task.adj.toarray())
        assert other.digest == task.digest
    x = data.x.to_sparse_csr()
    assert np.array_equal(as_task(make(x=x)).x.toarray(), data.x.numpy())


def test_nothing_is_changed_and_test_labels_do_not_count():
    data = make()
    before = {k: v.clone() for k, v in data.to_dict().items()}
    task = as_task(data)
    assert all(torch.equal(data[k], v) for k, v in before.items())
    assert as_task(make(y=torch.tensor([0, 1, 0, 1, 1, 0]))).digest == task.digest
    assert as_task(make(y=torch.tensor([0, 1, 1, 0, 0, 1]))).digest != task.digest
    part = task.subgraph(torch.tensor([1, 0, 4]))
    assert part.train.tolist() == [1, 0] or part.train.tolist() == [0, 1]
    assert (part.num_nodes, part.val.tolist(), part.test.tolist()) == (3, [], [2])
    assert part.adj.toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
