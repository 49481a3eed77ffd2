"""The parts of one graph in the forms that people have, of the real graph and a condensed one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
import torch_geometric.transforms as T
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data
from torch_geometric.utils import from_scipy_sparse_matrix

from graphcondense import condense, load
from graphcondense.data import NodeTask, as_task, pseudo_labelled
from graphcondense.data.labels import few
from graphcondense.data.small_graph import read_labelled
from graphcondense.domains.node_source import NodeSource
from graphcondense.evaluate import NodeEvaluator
from graphcondense.transforms import Sparsify
from tests.cases import toy_graph

N = 6
WEIGHT = torch.tensor([1.0, 2.0, 3.0, 4.0])


def make(**change: object) -> Data:
    """Directed: 0 -> 1, 2 -> 1, 4 -> 5 and 5 -> 0."""
    data = Data(
        x=torch.arange(12.0).reshape(N, 2),
        edge_index=torch.tensor([[0, 2, 4, 5], [1, 1, 5, 0]]),
        y=torch.tensor([0, 1, 0, 1, 0, 1]),
        train_mask=torch.arange(N) < 2,
        val_mask=(torch.arange(N) // 2) == 1,
        test_mask=torch.arange(N) > 3,
    )
    for key, value in change.items():
        data[key] = value
    return data


def negative_view(x: Tensor) -> Tensor:
    """The same values, behind torch's negative bit."""
    out = torch.complex(torch.zeros_like(x), -x).conj().imag
    assert out.is_neg()
    assert torch.equal(out, x)
    return out


# --- examples without a label


@pytest.mark.parametrize("mark", [-1.0, float("nan")])
def test_nodes_without_a_label_leave_the_splits_and_are_counted(mark):
    y = torch.tensor([0, 1, mark, 1, 0, mark])
    task = as_task(make(y=y))
    assert (task.train.tolist(), task.val.tolist(), task.test.tolist()) == ([0, 1], [3], [4])
    assert task.unlabelled == {"train": 0, "val": 1, "test": 1}
    assert task.y.tolist() == [0, 1, -1, 1, 0, -1]
    assert "1/1 nodes to train/validate/test, 2 more without a label" in repr(task)


def test_unlabelled_training_nodes(real: NodeTask):
    y = real.y.clone()
    y[real.train[:5]] = -1
    task = replace(real, y=y)
    assert torch.equal(task.train, real.train[5:])
    assert task.unlabelled == {"train": 5, "val": 0, "test": 0}
    assert int((task.y[task.train] < 0).sum()) == 0
    assert NodeSource(task).counts.sum() == 25
    more = pseudo_labelled(task, 40)  # those without a label may be given one
    assert set(real.train[:5].tolist()) <= set(more.train.tolist())


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_without_any_label_is_refused(real: NodeTask, split: str):
    y = real.y.clone()
    y[getattr(real, split)] = -1
    with pytest.raises(ValueError, match=f"none of the 30 {split} nodes of toy has a label"):
        replace(real, y=y)


def test_scores_are_those_of_the_labelled_nodes(real: NodeTask, small: Data):
    """Half of the test and validation labels taken away: what is left is scored, to the bit."""
    y = real.y.clone()
    y[real.val[::2]] = y[real.test[::2]] = -1
    holes, half = replace(real, y=y), replace(real, val=real.val[1::2], test=real.test[1::2])
    for trained_on in (small, real):
        results = [
            NodeEvaluator(task, epochs=5, hidden=8).fit("GCN", trained_on, seeds=2)
            for task in (holes, half)
        ]
        assert torch.equal(results[0].test_last, results[1].test_last)
        assert torch.equal(results[0].val_selected, results[1].val_selected)


def test_the_digest_and_subgraphs_of_holes(real: NodeTask):
    y = real.y.clone()
    y[real.test[3:9]] = -1
    holes = replace(real, test=real.test.sort().values, y=y)
    whole = replace(real, test=real.test.sort().values)
    assert holes.digest == whole.digest  # condensing sees no label of the test split
    part = holes.subgraph(torch.cat([real.train, real.test[3:6], real.val]))
    assert part.unlabelled == {"train": 0, "val": 0, "test": 3}
    assert (len(part.train), len(part.val), len(part.test)) == (30, 30, 0)
    assert replace(holes, name="again").unlabelled == holes.unlabelled


def test_the_line_that_a_task_is(real: NodeTask):
    assert repr(real) == (
        f"NodeTask(toy: 90 nodes, {real.adj.nnz:,} edges, 10 features, 3 classes, 30/30/30 nodes "
        "to train/validate/test)"
    )


# --- classes that are not 0..C-1

IDS = st.one_of(
    arrays(np.int64, 12, elements=st.integers(-(2**63), 2**63 - 1)),
    arrays(np.int64, 12, elements=st.integers(-1, 3)),
    arrays(np.uint8, 12, elements=st.sampled_from([0, 1, 2, 255])),
    arrays(np.uint64, 12, elements=st.integers(0, 2**64 - 1)),
    arrays(np.float64, 12, elements=st.floats(allow_nan=True, allow_infinity=True)),
    arrays(np.float32, 12, elements=st.floats(-2, 4, width=16)),
    st.lists(st.one_of(st.integers(), st.text(), st.none(), st.floats()), min_size=12, max_size=12),
)


@settings(deadline=2000, max_examples=100)
@given(IDS)
def test_any_labels_are_read_or_refused_in_few_words(y: Any):
    data = Data(
        x=torch.ones(12, 2),
        y=y,
        edge_index=torch.empty(2, 0),
        train_mask=torch.arange(12) < 6,
        test_mask=torch.arange(12) >= 6,
    )
    try:
        task = as_task(data)
    except ValueError as error:
        said = str(error)
    else:
        said = repr(task)
        known = torch.cat([task.train, task.test])
        if task.label_kind == "classes":
            assert task.y[known].min() >= 0
            assert task.num_classes <= 6
            assert sorted(task.y[task.train].unique().tolist()) == list(range(task.num_classes))
        else:
            assert task.label_kind == "regression"
            assert bool(task.y[known].isfinite().all())
            assert len(task.y[task.train].unique()) > 1
    assert len(said) < 500


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            torch.tensor([0, 541511, 0, 1, 0, 1]),
            r"class 1, 2, 3, 4, 5, \.\.\. .*3 different values, up to 541511\); number them anew",
        ),
        (torch.tensor([0, 2**62, 0, 1, 0, 1]), r"return_inverse=True\)\[1\]"),
        (torch.tensor([0, 1, 0, 1, 255, 1], dtype=torch.uint8), r"y\[y == 255\] = -1"),
        (torch.tensor([0, 1, 0, 1, -100, 1]), r"y\[y == -100\] = -1"),
        (torch.tensor([0, 1, 0, 1, float("inf"), 1]), "inf, not a class"),
        (np.array([0, 1, 0, 1, 2**64 - 1, 1], dtype=np.uint64), "18446744073709551615, not a"),
        (["cat", "dog"] * 3, r"text, such as 'cat'.*numpy.unique\(y, return_inverse=True\)"),
        (np.array(["cat", "dog"] * 3), "text, such as 'cat'"),
        ([0, None] * 3, "object values"),
        ([[0], [1, 2]] * 3, "rows of different lengths"),
        (torch.eye(2).repeat(3, 1), r"one-hot: label_kind='classes' .*--label-kind\)$"),
        (torch.ones(6, 2), "task 0, 1 has no training node of class 0"),
        (torch.ones(6, 2, 2), r"must be \[nodes\], got shape \(6, 2, 2\)"),
    ],
)
def test_labels_that_are_no_classes(y: Any, message: str):
    with pytest.raises(ValueError, match=message) as caught:
        as_task(make(y=y))
    assert len(str(caught.value)) < 500


def test_the_ways_out_that_messages_name():
    y = torch.tensor([7, 541511, 7, -1, 541511, 7])
    known = y >= 0
    y[known] = torch.unique(y[known], return_inverse=True)[1]
    assert as_task(make(y=y)).y.tolist() == [0, 1, 0, -1, 1, 0]
    words = np.array(["cat", "dog"] * 3)
    y = torch.from_numpy(np.unique(words, return_inverse=True)[1])
    assert as_task(make(y=y)).num_classes == 2
    hot = torch.eye(2).repeat(3, 1) * (torch.arange(6) < 5)[:, None]
    assert as_task(make(y=hot.argmax(1).where(hot.any(1), -1))).unlabelled["test"] == 1
    assert few(range(10**12)) == "0, 1, 2, 3, 4, ..."


# --- one reader for every form


BASE = make()
FORMS: dict[str, Any] = {
    "y list": {"y": BASE.y.tolist()},
    "y array": {"y": BASE.y.numpy().astype(">i4")},
    "y column": {"y": BASE.y[:, None].to(torch.float16)},
    "x array": {"x": np.asfortranarray(BASE.x.numpy())},
    "x float16": {"x": BASE.x.half()},
    "x bfloat16": {"x": BASE.x.bfloat16()},
    "x gradient": {"x": BASE.x.clone().requires_grad_()},
    "x transposed": {"x": BASE.x.t().contiguous().t()},
    "x negative view": {"x": negative_view(BASE.x)},
    "mask list": {"train_mask": BASE.train_mask.tolist()},
    "mask uint8": {"train_mask": BASE.train_mask.byte(), "val_mask": BASE.val_mask.numpy()},
    "mask int": {"train_mask": BASE.train_mask.long()},
    "mask columns": {"train_mask": torch.stack([BASE.train_mask, BASE.val_mask], 1)},
    "edges uint8": {"edge_index": BASE.edge_index.byte()},
    "edges int32": {"edge_index": BASE.edge_index.int()},
    "edges int16": {"edge_index": BASE.edge_index.short()},
    "edges array": {"edge_index": BASE.edge_index.numpy()},
    "edges list": {"edge_index": BASE.edge_index.tolist()},
    "EdgeIndex": {"edge_index": EdgeIndex(BASE.edge_index)},
    "ones": {"edge_weight": [1, 1, 1, 1]},
    "num_nodes": {"num_nodes": N},
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_the_real_graph(form: str):
    data = make(**FORMS[form])
    assert as_task(data).digest == as_task(make()).digest


WEIGHTS: dict[str, Any] = {
    "list": WEIGHT.tolist(),
    "array": WEIGHT.numpy(),
    "column": WEIGHT[:, None],
    "bfloat16": WEIGHT.bfloat16(),
    "float16": WEIGHT.half(),
    "integers": WEIGHT.int(),
    "gradient": WEIGHT.clone().requires_grad_(),
    "negative view": negative_view(WEIGHT),
    "every other": torch.stack([WEIGHT, WEIGHT], 1)[:, 0],
}


@pytest.mark.parametrize("form", WEIGHTS)
@pytest.mark.parametrize("whose", ["real", "small"])
def test_forms_of_weights(form: str, whose: str):
    names = ["edge_weight"] + ["edge_attr"] * (form != "list")
    for name in names:
        data = make(**{name: WEIGHTS[form]})
        real = as_task(make())
        adj = as_task(data).adj if whose == "real" else read_labelled(data, real)[1]
        assert adj[1, 0] == 1
        assert adj[1, 2] == 2
        assert adj[0, 5] == 4
        assert adj.nnz == 4


# adj[i, j] is the edge i -> j, adj_t[i, j] the edge j -> i; `A` is the toy's adj.
A = sp.csr_matrix((WEIGHT.numpy(), BASE.edge_index.numpy()), (N, N))
MATRICES: dict[str, Any] = {
    "SciPy CSR": sp.csr_matrix,
    "SciPy array": sp.coo_array,
    "float64": lambda m: sp.csc_matrix(m, dtype=np.float64),
    "array": lambda m: m.toarray(),
    "list": lambda m: m.toarray().tolist(),
    "dense": lambda m: torch.from_numpy(m.toarray()),
    "CSR": lambda m: torch.from_numpy(m.toarray()).to_sparse_csr(),
    "CSC": lambda m: torch.from_numpy(m.toarray()).to_sparse_csc(),
    "COO": lambda m: torch.from_numpy(m.toarray()).to_sparse_coo(),
    "BSR": lambda m: torch.from_numpy(m.toarray()).to_sparse_bsr((2, 2)),
    "bfloat16": lambda m: torch.from_numpy(m.toarray()).bfloat16().to_sparse_csr(),
    "SparseTensor": lambda m: SimpleNamespace(
        to_torch_sparse_csr_tensor=lambda dtype=None: torch.from_numpy(m.toarray()).to_sparse_csr()
    ),
}


@pytest.mark.parametrize("form", MATRICES)
@pytest.mark.parametrize("whose", ["real", "small"])
def test_directed_edges_in_every_form(form: str, whose: str):
    """``A[1, 0]`` of a task is the edge 0 -> 1 of weight 1, whatever says so."""
    real = as_task(make())
    edges, weight = from_scipy_sparse_matrix(A)
    listed = {"edge_index": edges, "edge_weight": weight}
    made = MATRICES[form]
    for change in (listed, {"adj": made(A)}, {"adj_t": made(A.T.tocsr())}):
        data = make(**{"edge_index": None, **change})
        adj = as_task(data).adj if whose == "real" else read_labelled(data, real)[1]
        assert (adj[1, 0], adj[0, 1], adj[1, 2], adj[0, 5]) == (1, 0, 2, 4)
        assert adj.nnz == 4
        again = make(**{**listed, **change})  # the same twice is no contradiction
        both = as_task(again).adj if whose == "real" else read_labelled(again, real)[1]
        assert (both != adj).nnz == 0


@pytest.mark.parametrize("whose", ["real", "small"])
def test_pygs_own_transforms_keep_weights(whose: str):
    real = as_task(make())

    def adj_of(data: Data) -> sp.csr_matrix:
        return as_task(data).adj if whose == "real" else read_labelled(data, real)[1]

    column = make(edge_attr=WEIGHT[:, None])
    for data in (
        T.ToSparseTensor()(make(edge_weight=WEIGHT)),
        T.ToSparseTensor(attr="edge_attr")(column.clone()),
        T.ToSparseTensor(remove_edge_index=False)(make(edge_weight=WEIGHT)),
    ):
        assert (adj_of(data) != A.T).nnz == 0
    with pytest.raises(ValueError, match=r"ToSparseTensor\(attr='edge_attr'\)"):
        adj_of(T.ToSparseTensor()(column.clone()))


def test_what_else_is_called_adj_is_left_alone():
    for other in ("knn", torch.ones(N, 3), {"a": 1}):
        assert as_task(make(adj=other)).digest == as_task(make()).digest


def test_no_edges_of_any_type():
    for empty in (torch.empty(2, 0), torch.empty(2, 0, dtype=torch.bool), [[], []]):
        data = make(edge_index=empty)
        assert as_task(data).adj.nnz == 0
        assert read_labelled(data, as_task(make()))[1].nnz == 0


WRONG = [
    ({"edge_index": torch.rand(2, 3)}, "edge_index must be integer node ids, got torch.float32"),
    ({"edge_index": BASE.edge_index.t()}, r"edge_index must be .* got \(4, 2\); transpose it"),
    ({"edge_index": torch.tensor([[0], [2**62]])}, r"names node 4611686018427387904, but .*0\.\.5"),
    ({"edge_weight": torch.ones(9)}, r"edge_weight has 9 values for 4 edges.*utils\.coalesce\("),
    ({"edge_weight": torch.ones(4, 2)}, r"8 values for 4 edges \(shape \(4, 2\)\)"),
    ({"edge_attr": torch.ones(3, 1)}, "edge_attr has 3 values for 4 edges"),
    ({"edge_attr": -WEIGHT}, r"edge_attr: edge weights must not be negative \(smallest: -4"),
    ({"edge_weight": ["a"] * 4}, "edge_weight holds text, such as 'a'"),
    ({"edge_weight": WEIGHT.to(torch.complex64)}, "edge_weight is complex"),
    (
        {"edge_index": torch.tensor([[0, 0], [1, 1]]), "edge_weight": torch.tensor([-1.0, 2])},
        "negative",  # the two add up to 1
    ),
    ({"adj": A.T}, "edge_index and .*adj are different edges.*del data.adj"),
    ({"adj_t": A}, "adj_t and .*edge_index are different edges"),
    ({"edge_index": None, "adj": np.eye(5)}, r"adj: the adjacency is \(5, 5\), but .*x has 6"),
    ({"edge_index": None, "adj": "knn"}, "adj must be a tensor.*got str"),
    ({"x": torch.empty(N, 0)}, r"x has no columns.*torch\.ones\(6, 1\)"),
    ({"x": torch.ones(N, 2).double() * 1e300}, "NaN or infinite"),
    ({"x": np.array([["a"]] * N)}, "x holds text"),
    ({"x": torch.ones(N, 2, 2).to_sparse()}, r"x must be a matrix, got shape \(6, 2, 2\)"),
    ({"y": ["a", "b"] * 3}, "y holds text"),
    ({"train_mask": torch.ones(N)}, "train_mask must be a bool.*got torch.float32.*mask > 0"),
    ({"train_mask": torch.tensor([0, 1])}, r"index_to_mask\(train_mask, 6\)"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
@pytest.mark.parametrize("whose", ["data.", "the small graph's "])
def test_what_is_wrong_and_whose(change: dict[str, Any], message: str, whose: str):
    data, real = make(**change), as_task(make())
    with pytest.raises(ValueError, match=f"{whose}.*{message}") as caught:
        _ = as_task(data) if whose == "data." else read_labelled(data, real)
    assert len(str(caught.value)) < 500


def test_after_coalesce_weights_are_counted():
    data = make(edge_index=torch.tensor([[0, 0, 2], [1, 1, 1]]), edge_weight=WEIGHT[:3]).coalesce()
    for read in (as_task, lambda given: read_labelled(given, as_task(make()))):
        with pytest.raises(ValueError, match="3 values for 2 edges"):
            read(data)


def test_splits_under_other_names_and_uncounted_nodes():
    with pytest.raises(ValueError, match=r"data\.train_idx is not read.*index_to_mask\(ids, 6\)"):
        as_task(make(train_mask=None, train_idx=torch.tensor([0, 1])))
    with pytest.raises(ValueError, match=r"num_nodes is 8, but data\.x has 6 rows"):
        as_task(make(num_nodes=8))


def test_parallel_edges_loops_and_nodes_alone():
    edges = torch.tensor([[0, 0, 3], [1, 1, 3]])
    task = as_task(make(edge_index=edges, edge_weight=torch.tensor([0.5, 0.25, 2.0])))
    assert (task.adj[1, 0], task.adj[3, 3]) == (0.75, 2.0)
    assert task.adj[[2, 4, 5]].nnz == 0


def small_of(data: Data) -> Data:
    """The training nodes of the toy, weighted."""
    small = data.subgraph(data.train_mask)
    small.edge_weight = (
        torch.rand(small.num_edges, generator=torch.Generator().manual_seed(0)) + 0.1
    )
    return Data(x=small.x, edge_index=small.edge_index, edge_weight=small.edge_weight, y=small.y)


@pytest.mark.parametrize(
    "form", ["adj_t", "edge_attr", "sparse x", "SciPy x", "lists", "parallel", "adj", "soft labels"]
)
def test_the_evaluator_reads_every_form(form: str):
    data = toy_graph(n=60)
    small, changed = small_of(data), small_of(data)
    match form:
        case "adj_t":
            changed = T.ToSparseTensor()(changed)
        case "edge_attr":
            changed.edge_attr = changed.edge_weight[:, None]
            del changed.edge_weight
        case "sparse x":
            changed.x = changed.x.to_sparse_csr()
        case "SciPy x":
            changed.x = sp.csr_matrix(changed.x.numpy())
        case "lists":
            changed.y, changed.train_mask = changed.y.tolist(), [True] * len(changed.y)
        case "parallel":
            changed.edge_index = torch.cat([changed.edge_index] * 2, 1)
            changed.edge_weight = torch.cat([changed.edge_weight] * 2) / 2
        case "adj":
            edges = changed.edge_index.numpy()
            changed.adj = sp.csr_matrix((changed.edge_weight.numpy(), edges), shape=(30, 30))
            del changed.edge_index, changed.edge_weight
        case "soft labels":
            changed.y = torch.nn.functional.one_hot(changed.y, 3)
    evaluator = NodeEvaluator(data, epochs=10, hidden=8)
    expected, found = (
        evaluator.predict("GCN", s, evaluator.real.test, seeds=1) for s in (small, changed)
    )
    assert torch.allclose(expected, found, atol=1e-4)
    bare = small.clone()
    bare.edge_index, bare.edge_weight = torch.empty(2, 0), torch.empty(0)
    without = evaluator.predict("GCN", bare, evaluator.real.test, seeds=1)
    assert not torch.allclose(without, found, atol=1e-2)


def test_sparsify_reads_weights_as_the_evaluator_does():
    data = make(edge_attr=WEIGHT[:, None])
    kept = Sparsify("threshold", threshold=3.0)(data)
    assert kept.edge_index.tolist() == [[4, 5], [5, 0]]
    assert kept.edge_attr.flatten().tolist() == [3.0, 4.0]
    with pytest.raises(ValueError, match="put it before T"):
        Sparsify("forest")(T.ToSparseTensor()(make()))
    with pytest.raises(ValueError, match="9 values for 4 edges"):
        Sparsify("forest")(make(edge_weight=torch.ones(9)))


@pytest.mark.parametrize("method", ["random", "kcenter", "bonsai"])
def test_real_nodes_keep_the_direction_of_their_edges(tmp_path, method: str):
    """From the data through the condensed graph and its file to what the evaluator trains on."""
    data = toy_graph()
    data.edge_index = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    real = as_task(data)
    condense(data, method, per_class=12, progress=False, out=tmp_path)
    x, adj, _, _ = read_labelled(load(tmp_path), real)
    own = [int((data.x == torch.from_numpy(row)).all(1).nonzero()) for row in x]
    between = real.adj[own][:, own]
    assert adj.nnz > 10
    assert ((adj > 0) != (between > 0)).nnz == 0
    assert ((adj > 0) != (between.T > 0)).nnz > 0


def test_classes_that_mean_no_label():
    """Elliptic's third class are the unknown; no mask has one."""
    data = make(y=torch.tensor([0, 1, 2, 1, 0, 2]))
    with pytest.raises(ValueError, match=r"class 2 has no training nodes.*y\[y == 2\] = -1"):
        as_task(data)
    data.y[data.y == 2] = -1
    assert as_task(data).unlabelled == {"train": 0, "val": 1, "test": 1}
