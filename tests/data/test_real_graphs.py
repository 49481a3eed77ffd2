"""Sets of graphs that people hold: lists, data sets, parts, splits, and what is not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
import torch_geometric.transforms as T
from torch.utils.data import ConcatDataset, Subset
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader, DenseDataLoader

import graphcondense
from graphcondense.data import as_graph_task, as_task, load
from graphcondense.data.kind import kind_of_data
from graphcondense.evaluate.graphs import GraphEvaluator
from tests.data.test_real_objects import Stored, parts

G = 40


def graph(seed: int, features: bool = True, **values: Any) -> Data:
    """A path of four to six nodes, with a class."""
    n, rng = 4 + seed % 3, torch.Generator().manual_seed(seed)
    step = torch.arange(n - 1)
    data = Data(
        edge_index=torch.cat([torch.stack([step, step + 1]), torch.stack([step + 1, step])], 1),
        y=torch.tensor([seed % 2]),
        num_nodes=n,
        **{name: make(n, rng) for name, make in values.items()},
    )
    if features:
        data.x = torch.randn(n, 3, generator=rng)
    return data


LIST = [graph(seed) for seed in range(G)]
SPLIT = {"train": torch.arange(30), "val": torch.arange(30, 35), "test": torch.arange(35, 40)}


class Published(Stored):
    eval_metric = "accuracy"

    def get_idx_split(self) -> dict[str, torch.Tensor]:
        return SPLIT


def cut(data: Any) -> dict[str, Any]:
    return {"train": data[:30], "valid": data[30:35], "test": data[35:]}


# --- forms -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: tuple(LIST),
        lambda: Stored(LIST),
        lambda: Stored(LIST[::-1])[torch.arange(G - 1, -1, -1)],
        lambda: Subset(Stored(LIST), range(G)),
        lambda: ConcatDataset([Stored(LIST[:20]), Stored(LIST[20:])]),
        lambda: [
            Data(x=g.x.clone().requires_grad_(), edge_index=g.edge_index, y=g.y) for g in LIST
        ],
        lambda: [Data(x=g.x, edge_index=g.edge_index.int(), y=int(g.y)) for g in LIST],
    ],
)
def test_one_set_in_many_forms(make: Callable[[], Any]) -> None:
    data = make()
    assert kind_of_data(data) == "graph"
    assert as_graph_task(data).digest == as_graph_task(LIST).digest


@pytest.mark.parametrize("form", [list, Stored])
def test_parts_are_a_split(form: Any, tmp_path: Path) -> None:
    """As PyG opens ZINC and others, a data set for each part; it was taken for graphs with labelled
    nodes."""
    data = cut(form(LIST))
    assert kind_of_data(data) == "graph"
    task, wanted = as_graph_task(data), as_graph_task(LIST, SPLIT)
    assert task.digest == wanted.digest
    small = graphcondense.condense(data, "random", per_class=2, progress=False)
    assert len(small) == 4
    torch.save(cut(LIST), tmp_path / "parts.pt")
    assert load(tmp_path / "parts.pt").digest == wanted.digest
    with pytest.raises(ValueError, match=r"split='stratified': .* has its graphs by part"):
        load(tmp_path / "parts.pt", split="stratified")


def test_parts_whose_first_graph_is_a_node() -> None:
    one = Data(x=torch.ones(1, 3), edge_index=torch.empty(2, 0).long(), y=torch.tensor([0]))
    data = {"train": [one, *LIST[:30]], "test": LIST[30:]}
    assert kind_of_data(data) == "graph"
    assert len(as_graph_task(data).train) == 31 - 4  # a tenth of each class validates


def test_parts_without_validation_hold_a_tenth_out() -> None:
    graphs = [graph(seed) for seed in range(40)]
    data = {"train": graphs[:30], "test": graphs[30:]}
    task, again, other = (as_graph_task(data, seed=seed) for seed in (0, 0, 1))
    assert (len(task.train), len(task.val), task.test.tolist()) == (26, 4, [*range(30, 40)])
    assert torch.equal(torch.cat([task.train, task.val]).sort().values, torch.arange(30))
    assert task.graphs.y[task.val].bincount().tolist() == [2, 2]
    assert torch.equal(task.val, again.val)
    assert not torch.equal(task.val, other.val)
    for empty in ({"val": []}, {"valid": ()}, {"validation": None}):
        assert torch.equal(as_graph_task({**data, **empty}).val, task.val)
    with pytest.raises(ValueError, match="no training graphs"):
        as_graph_task({**data, "train": []})
    splits = {"train": range(30), "val": [], "test": range(30, 40)}
    assert not len(as_graph_task(graphs, splits).val)  # of a split that is given, none is none


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (LIST, {"splits": SPLIT}),
        (cut(LIST), {}),
        (as_graph_task(LIST), {}),
    ],
)
def test_a_seed_that_draws_nothing_is_refused(data: Any, options: Any) -> None:
    as_graph_task(data, **options)
    told = (
        r"seed=3 cannot act.*their own: condense\(seed=\), evaluate\(seeds=\)|a seed draws nothing"
    )
    with pytest.raises(ValueError, match=told):
        as_graph_task(data, seed=3, **options)


def test_as_many_tasks_as_the_first_graph_has_nodes() -> None:
    """Its labels ``y [4]`` were taken for those of its four nodes."""
    tasks = [graph(seed) for seed in range(G)]
    for i, one in enumerate(tasks):
        one.y = torch.arange(4) * 1.0 + 0.5 * i
    assert tasks[0].num_nodes == 4
    for data in (cut(tasks), {"train": tasks[::3], "test": tasks[1::3]}):  # all of train have four
        assert kind_of_data(data) == "graph"
        assert as_graph_task(data).graphs.y.shape[1] == 4
    for one in tasks:
        one.y = torch.arange(one.num_nodes) % 2
    assert kind_of_data(cut(tasks)) == kind_of_data({"train": tasks[::3]}) == "node"


def test_graphs_that_share_a_label_are_not_one() -> None:
    y = torch.tensor([0]), torch.tensor([1])
    given = [Data(num_nodes=3 + i % 2, y=y[i % 2]) for i in range(G)]
    assert len(as_graph_task(cut(given)).graphs) == G
    with pytest.raises(ValueError, match=r"test\[0\] is in the part 'train', too"):
        as_graph_task({"train": given, "test": given[3:4]})


def test_a_seed_draws_nothing_of_parts(tmp_path: Path) -> None:
    torch.save(cut(LIST), tmp_path / "parts.pt")
    with pytest.raises(
        ValueError, match=r"parts: seed=3 cannot act.* the graphs have a split; leave it out"
    ):
        load(tmp_path / "parts.pt", seed=3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dev": LIST[:3]}, "the part 'dev' is none of test, train, val, valid, validation"),
        ({"val": LIST[:3]}, "the parts val and valid are one: give one of them"),
        ({"test": LIST[29:]}, r"test\[0\] is in the part 'train', too: parts are disjoint"),
        ({"test": LIST[39]}, "the part 'test' must be a list or a data set of graphs, got a Data"),
    ],
)
def test_what_is_wrong_with_a_part_is_told(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_graph_task({**cut(LIST), **change})


def test_parts_take_no_splits() -> None:
    with pytest.raises(
        ValueError, match="splits= is for graphs without a split, these are by part"
    ):
        as_graph_task(cut(LIST), SPLIT)


@pytest.mark.parametrize("subset", [lambda d: d[20:], lambda d: Subset(d, range(20, G))])
def test_a_part_of_a_published_set_keeps_its_split(subset: Any) -> None:
    task = as_graph_task(subset(Published(LIST)))
    assert [len(part) for part in (task.train, task.val, task.test)] == [10, 5, 5]
    assert task.test.tolist() == [15, 16, 17, 18, 19]


def test_files_of_parts_whose_nodes_are_labelled(tmp_path: Path) -> None:
    torch.save(parts(), tmp_path / "parts.pt")
    assert as_task(load(tmp_path / "parts.pt"), name="x").digest == as_task(parts()).digest
    arrays = {"node_feat": torch.eye(6), "edge_index": np.array([[0], [1]])}
    torch.save(arrays, tmp_path / "ogb.pt")
    with pytest.raises(ValueError, match=r"ogb.pt: the graph has no labels"):
        load(tmp_path / "ogb.pt")
    split = {"train": [0, 1], "valid": [2, 3], "test": [4]}
    torch.save({**arrays, "labels": np.array([[0], [1]] * 3), "split": split}, tmp_path / "ogb.pt")
    task = as_task(load(tmp_path / "ogb.pt"))
    assert (task.train.tolist(), task.val.tolist(), task.test.tolist()) == ([0, 1], [2, 3], [4])


# --- what is not read --------------------------------------------------------------------------

VALUES: dict[str, Callable[..., torch.Tensor]] = {
    "pos": lambda n, rng: torch.randn(n, 3, generator=rng),
    "z": lambda n, rng: torch.randint(1, 9, (n,), generator=rng),
    "feat": lambda n, rng: torch.randn(n, 2, generator=rng),
}


@pytest.mark.parametrize("form", [list, Stored])
@pytest.mark.parametrize("name", VALUES)
def test_values_of_nodes_that_are_no_x_are_not_left_out(name: str, form: Any) -> None:
    """Every node would have the feature 1, and the rest would go unread."""
    given = form([graph(seed, features=False, **{name: VALUES[name]}) for seed in range(G)])
    with pytest.raises(ValueError, match=f"no graph has x, but all have {name}, .* data.x = data."):
        as_graph_task(given)
    assert as_graph_task(given, features="ones").num_features == 1
    both = form([graph(seed, **{name: VALUES[name]}) for seed in range(G)])
    assert as_graph_task(both).num_features == 3  # as of QM9


@pytest.mark.parametrize("form", [list, Stored])
def test_other_values_of_nodes_go_unread(form: Any) -> None:
    """Such as ids of nodes, or five numbers a graph where all graphs have five nodes."""
    ids = form(
        [graph(seed, features=False, n_id=lambda n, _: torch.arange(n)) for seed in range(G)]
    )
    assert as_graph_task(ids).made == "ones"
    five = [graph(1, features=False, five=lambda n, _: torch.ones(5)) for _ in range(G)]
    for i, one in enumerate(five):
        one.y = torch.tensor([i % 2])
    assert as_graph_task(form(five)).num_features == 1


def test_a_sparse_matrix_beside_edges_is_no_error() -> None:
    """It has no length."""
    given = [graph(seed, features=False) for seed in range(G)]
    for one in given:
        one.laplacian = sp.eye(one.num_nodes, format="csr")
    assert as_graph_task(given).num_features == 1
    for one in given:
        one.feat = one.laplacian
    with pytest.raises(
        ValueError, match=r"no graph has x, but all have feat, .* before it is saved"
    ):
        as_graph_task(given)


@pytest.mark.parametrize("features", ["ones", "degree"])
@pytest.mark.parametrize("values", [{}, {"pos": VALUES["pos"]}])
def test_own_graphs_without_x_are_evaluated_as_the_real_ones_are(
    features: Any, values: dict[str, Any]
) -> None:
    real = as_graph_task(
        [graph(seed, features=False, **values) for seed in range(G)], SPLIT, features=features
    )
    evaluator = GraphEvaluator(real)
    small = [graph(seed, features=False, **values) for seed in range(6)]
    found, wanted = evaluator.read(small), real.encoded(real.graphs.select(torch.arange(6)))
    assert torch.equal(found.x, wanted.x)
    (several,) = evaluator.several(small)
    assert torch.equal(evaluator.read(several).x, wanted.x)
    with_x = [graph(seed, **values) for seed in range(6)]
    for one in with_x:
        one.x = torch.ones(one.num_nodes, 1, dtype=torch.long if features == "degree" else None)
    assert evaluator.read(with_x).x.shape == wanted.x.shape  # those that have some keep them


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (T.ToDense(8), "there is adj, but edge_index is read: leave out the transform ToDense"),
        (
            lambda g: Data(**g.to_dict(), edge_type=torch.zeros(g.num_edges).long()),
            "there is edge_type, but it is not read: make it edge_attr",
        ),
        (
            lambda g: Data(**g.to_dict(), train_mask=torch.tensor([True])),
            "there is train_mask, but a set of graphs is split by graphs: say which with splits=",
        ),
        (
            lambda g: Data(pos=torch.ones(3, 3), face=torch.tensor([[0], [1], [2]]), y=g.y),
            r"there is face and no edge_index: .*FaceToEdge\(\)",
        ),
        (lambda g: Data(x=g.x * 0, edge_index=g.edge_index, y=g.y), "x is zero in all 199 nodes"),
    ],
)
def test_what_would_be_missed_is_told(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_graph_task([change(g.clone()) for g in LIST])


def test_batches_and_data_sets_are_no_graphs() -> None:
    """They answer to x, edge_index and y, and were read as graphs of several tasks."""
    dense = Stored(LIST)
    dense.transform = T.ToDense(8)
    for loader in (DataLoader(Stored(LIST), 4), DenseDataLoader(dense, 4)):
        with pytest.raises(ValueError, match="graph 0 is a Batch, of several graphs"):
            as_graph_task(list(loader))
    for halves in ((Stored(LIST[:20]), Stored(LIST[20:])), [LIST[:20], LIST[20:]]):
        with pytest.raises(ValueError, match=r"graph 0 is a (Stored|list), a data set: .*by part"):
            as_graph_task(halves)


@pytest.mark.parametrize("features", [True, False])
def test_what_is_no_tensor_is_left_alone(features: bool) -> None:
    """PyG stores slices of mappings as mappings."""
    given = [graph(seed, features=features) for seed in range(G)]
    for i, one in enumerate(given):
        one.smiles, one.meta, one.several = "C" * i, {"id": torch.tensor([i])}, [torch.ones(2), "a"]
    stored = Stored(given)
    assert as_graph_task(stored).digest == as_graph_task(given).digest


def test_graphs_of_networkx_name_the_way() -> None:
    networkx = pytest.importorskip("networkx")
    with pytest.raises(ValueError, match=r"graph 0 is a Graph: .*from_networkx\(graph\) makes"):
        as_graph_task([networkx.path_graph(4)])


# --- splits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        torch.Tensor.tolist,
        torch.Tensor.numpy,
        lambda ids: set(ids.tolist()),
        lambda ids: iter(ids.tolist()),
        lambda ids: range(int(ids[0]), int(ids[-1]) + 1),
        lambda ids: ids.numpy().astype(">i8"),
        lambda ids: pd.Series(ids.numpy(), index=ids.numpy()[::-1]),
        lambda ids: torch.isin(torch.arange(G), ids),
        lambda ids: torch.isin(torch.arange(G), ids).tolist(),
    ],
)
def test_a_split_may_be_held_in_many_ways(made: Any) -> None:
    splits = {name: made(ids) for name, ids in SPLIT.items()}
    assert as_graph_task(LIST, splits).digest == as_graph_task(LIST, SPLIT).digest
    splits = {"train": made(SPLIT["train"]), "val": None, "test": made(SPLIT["test"])}
    assert len(as_graph_task(LIST, splits).val) == 0


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": ["a"]}, "split 'train' holds text, such as 'a'; numbers are needed"),
        ({"train": LIST[:30]}, "split 'train' holds graphs: give them in place of data"),
        ({**SPLIT, "valid": [1]}, "the parts val and valid are one"),
        ({"train": torch.arange(G) % 2}, r"names a graph twice: a mask is bool, so make it .bool"),
        (tuple(SPLIT.values()), r"give indices by name \(train, val, test\), or 'stratified'"),
    ],
)
def test_a_split_that_is_none_is_told(splits: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        as_graph_task(LIST, splits)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("seed", ["a", 1.5, None, -1])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(ValueError, match="seed="):
        as_graph_task(LIST, seed=seed)
    with pytest.raises(ValueError, match="seed="):
        load("digits", seed=seed)
