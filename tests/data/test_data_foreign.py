"""Condensed graphs of other projects, opened as data and checked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcondense.data import as_task, open_small
from graphcondense.data.small_graph import read_labelled


@pytest.fixture
def real():
    y = torch.tensor([1] * 8 + [0] * 4 + [2] * 8)
    return as_task(
        Data(
            x=torch.rand(20, 5),
            y=y,
            edge_index=torch.randint(20, (2, 60)),
            train_mask=torch.arange(20) % 2 == 0,
            val_mask=torch.arange(20) % 2 == 1,
        ),
        name="real",
    )


X = torch.arange(20.0).reshape(4, 5)
A = torch.tensor([[0.0, 0.5, 0, 0], [0.5, 0, 0.01, 0], [0, 0.01, 0, 1], [0, 0, 1, 0]])
Y = torch.tensor([0, 1, 2, 2])


def put(folder: Path, **files: object) -> Path:
    for name, content in files.items():
        torch.save(content, folder / f"{name}.pt")
    return folder


@pytest.mark.parametrize("form", [A, A.to_sparse_coo(), A.to_sparse_csr(), torch.nn.Parameter(A)])
def test_tensors_as_projects_release_them(tmp_path, real, form):
    put(tmp_path, feat_cora_7=X, adj_cora_7=form, label_cora_7=Y)
    for path in (tmp_path, tmp_path / "feat_cora_7.pt"):
        small = open_small(path, real=real)
        x, adj, rows, targets = read_labelled(small, real)
        assert torch.equal(torch.from_numpy(x), X)
        assert torch.equal(torch.from_numpy(adj.toarray()), A)
        assert rows.tolist() == [0, 1, 2, 3]
        assert torch.equal(targets, Y)
    assert open_small(tmp_path, real=real).condensed["method"] == "feat_cora_7"


def test_other_names_thresholds_and_no_edges(tmp_path, real):
    put(tmp_path, feat_a=X, structure=A, classes=Y)
    small = open_small(
        tmp_path / "feat_a.pt",
        adj=tmp_path / "structure.pt",
        labels=tmp_path / "classes.pt",
        threshold=0.1,
    )
    assert small.edge_weight.tolist() == [0.5, 0.5, 1.0, 1.0]
    assert open_small(tmp_path, labels=tmp_path / "classes.pt").edge_index.shape == (2, 0)


def test_data_and_dictionaries(tmp_path, real):
    edges = torch.tensor([[0, 1], [1, 0]])
    mask = torch.tensor([True, True, True, False])
    data = Data(x=X, edge_index=edges, edge_weight=torch.tensor([2.0, 2.0]), y=Y, train_mask=mask)
    put(tmp_path, whole=data, entries={"feat": X, "adj": A, "labels": torch.eye(4, 3)})
    small = open_small(tmp_path / "whole.pt", real=real)
    assert small.edge_weight.tolist() == [2.0, 2.0]
    assert torch.equal(small.train_mask, mask)
    assert open_small(tmp_path / "entries.pt", real=real).y.shape == (4, 3)


def test_labels_by_gconds_rule(tmp_path, real):
    """Training counts are 4, 2 and 4; class 1 occurs before class 2."""
    put(tmp_path, feat_a=torch.rand(5, 5))
    assert open_small(tmp_path, labels="gcond", real=real).y.tolist() == [0, 1, 1, 2, 2]
    with pytest.raises(ValueError, match="real="):
        open_small(tmp_path, labels="gcond")
    put(tmp_path, feat_a=torch.rand(2, 5))
    with pytest.raises(ValueError, match=r"feat_a.pt.*2 nodes"):
        open_small(tmp_path, labels="gcond", real=real)


class Code:
    """A pickle that is not plain data."""

    def __reduce__(self) -> tuple[object, ...]:
        return print, ("executed",)


def broken(x: Tensor, at: tuple[int, int], value: float) -> Tensor:
    out = x.clone()
    out[at] = value
    return out


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"feat_a": X, "adj_a": torch.eye(3), "label_a": Y},
            r"adj_a.pt.*\(3, 3\).*feat_a.*4 nodes",
        ),
        ({"feat_a": X, "adj_a": A, "label_a": Y[:3]}, r"label_a.pt.*\(3,\).*feat_a.*4 nodes"),
        (
            {"feat_a": X, "adj_a": broken(A, (0, 1), 0.7), "label_a": Y},
            r"adj_a.*not symm.*0.7.*0.5",
        ),
        (
            {"feat_a": X, "adj_a": broken(A, (0, 1), float("inf")), "label_a": Y},
            r"adj_a.*1 adj.*0, 1",
        ),
        ({"feat_a": X, "adj_a": -A, "label_a": Y}, "adj_a.*negative.*-1"),
        ({"feat_a": broken(X, (2, 3), float("nan")), "label_a": Y}, r"feat_a.*1 feat.*\[2, 3\]"),
        ({"feat_a": X, "adj_a": A, "label_a": Y + 1}, r"feat_a.*4 classes.*real has 3"),
        ({"feat_a": X, "adj_a": A, "label_a": Y - 1}, r"label_a.*label -1"),
        ({"feat_a": X, "adj_a": A, "label_a": Y + 0.5}, r"label_a.*fractional"),
        ({"feat_a": X[:, :4], "adj_a": A, "label_a": Y}, r"feat_a.*4 features.*real has 5"),
        ({"feat_a": X, "adj_a": A}, "feat_a.*without labels.*--labels"),
        ({"feat_a": X, "adj_a": Code(), "label_a": Y}, "adj_a.*refused"),
        ({"feat_a": Code()}, "feat_a.*refused"),
        ({"feat_a": X, "feat_b": X}, "exactly one.*feat_a.pt, feat_b.pt"),
        ({"feat_a": [1, 2]}, "holds a list"),
        ({"feat_a": {"y": Y}}, "no features"),
    ],
)
def test_bad_files_are_named_with_their_numbers(tmp_path, real, capsys, files, message):
    put(tmp_path, **files)
    with pytest.raises(ValueError, match=message):
        open_small(tmp_path, real=real)
    assert "executed" not in capsys.readouterr().out


def test_edge_lists_are_checked(tmp_path, real):
    far = {"x": X, "y": Y, "edge_index": torch.tensor([[0, 4], [4, 0]])}
    uneven = {
        "x": X,
        "y": Y,
        "edge_index": torch.tensor([[0, 1], [1, 0]]),
        "edge_weight": torch.ones(3),
    }
    put(tmp_path, far=far, uneven=uneven)
    with pytest.raises(ValueError, match=r"far.pt.*node 4.*0\.\.3"):
        open_small(tmp_path / "far.pt")
    with pytest.raises(ValueError, match=r"uneven.pt: edge_weight has 3 values for 2 edges"):
        open_small(tmp_path / "uneven.pt")
    with pytest.raises(ValueError, match="no run folder"):
        open_small(tmp_path / "graph.csv")


def test_directed_graphs_keep_their_direction(tmp_path, real):
    """The edge 0 -> 1 of weight 2 is ``A[1, 0]``, in every form that says which way edges run."""
    edges, weight = torch.tensor([[0], [1]]), torch.tensor([2.0])
    adj_t = torch.zeros(4, 4)
    adj_t[1, 0] = 2.0
    forms = {
        "weight": Data(x=X, y=Y, edge_index=edges, edge_weight=weight),
        "column": {"x": X, "y": Y, "edge_index": edges, "edge_attr": weight[:, None]},
        "transposed": Data(x=X, y=Y, adj_t=adj_t.to_sparse_csr()),
        "entries": {"x": X, "y": Y, "adj_t": adj_t},
        "arrays": {"x": X.numpy(), "labels": Y.numpy(), "adj_t": adj_t.numpy()},
    }
    put(tmp_path, **forms)
    for name in forms:
        adj = read_labelled(open_small(tmp_path / f"{name}.pt", real=real), real)[1]
        assert adj[1, 0] == 2.0
        assert adj.nnz == 1
    put(tmp_path, matrix={"x": X, "y": Y, "adj": adj_t})
    with pytest.raises(ValueError, match=r"not symmetric: entry \[0, 1\] is 0, \[1, 0\] is 2"):
        open_small(tmp_path / "matrix.pt")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"feat_a": X, "label_a": torch.empty(0)}, r"label_a.*shape \(0,\).*4 nodes"),
        ({"feat_a": X, "label_a": torch.tensor(1)}, r"label_a.*shape \(\).*4 nodes"),
        ({"feat_a": torch.empty(0, 5), "label_a": torch.empty(0)}, "feat_a.*features are empty"),
        ({"feat_a": torch.empty(4, 0), "label_a": Y}, "feat_a.*features are empty"),
        ({"feat_a": X, "label_a": ["a", "b", "c", "d"]}, "label_a.*labels holds text, such as 'a'"),
        ({"feat_a": X, "label_a": Y, "adj_a": torch.rand(3, 3)}, r"adj_a.*\(3, 3\)"),
        ({"g": {"x": X, "y": Y, "train_mask": torch.ones(4)}}, "train_mask must be a bool"),
    ],
)
def test_empty_and_odd_files(tmp_path, real, files, message):
    put(tmp_path, **files)
    with pytest.raises(ValueError, match=message):
        open_small(tmp_path / f"{next(iter(files))}.pt", real=real)


def test_an_empty_file_is_refused(tmp_path):
    put(tmp_path, feat_a=X)
    (tmp_path / "label_a.pt").write_bytes(b"")
    with pytest.raises(ValueError, match=r"label_a\.pt was refused: it is broken"):
        open_small(tmp_path / "feat_a.pt")


def test_no_edges_of_any_type_and_nodes_without_a_class(tmp_path, real):
    put(tmp_path, feat_a=X, adj_a=torch.empty(2, 0), label_a=Y)
    assert open_small(tmp_path / "feat_a.pt", real=real).edge_index.shape == (2, 0)
    mask = [True, True, True, False]
    put(tmp_path, g={"x": X, "y": torch.tensor([0, 1, 2, -1]), "train_mask": mask})
    small = open_small(tmp_path / "g.pt", real=real)
    assert read_labelled(small, real)[2].tolist() == [0, 1, 2]
