"""The one checked form of graph-level data."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset
from torch_geometric.data import Data

from graphcondense.data import graph_checks
from graphcondense.data.graph_packing import pack
from graphcondense.data.graph_reading import as_graph_task, stratified
from graphcondense.data.graph_task import Encoding
from graphcondense.data.ogb import import_ogb, open_ogb
from graphcondense.data.targets import BINS, FITTING, METRICS
from tests.data.rings import Stored, ring, rings, same, split

# --- tasks


@pytest.mark.parametrize(
    ("kind", "found", "metric", "outputs", "groups"),
    [
        ("classes", "classes", "accuracy", 3, 3),
        ("binary", "binary", "rocauc", 1, 2),
        ("tasks", "binary", "rocauc", 3, 1),
        ("regression", "regression", "rmse", 1, 5),
    ],
)
def test_kinds_of_labels(kind, found, metric, outputs, groups) -> None:
    task = as_graph_task(rings(kind), split(), name="rings")
    assert (task.label_kind, task.metric, task.num_outputs) == (found, metric, outputs)
    assert (task.num_groups, task.name, len(task)) == (groups, "rings", 12)
    assert task.larger_is_better == (metric != "rmse")
    assert (len(task.train), len(task.val), len(task.test)) == (8, 2, 2)
    assert set(task.groups[task.train].tolist()) == set(range(groups))
    assert as_graph_task(task) is task
    assert as_graph_task(task, name="b").name == "b"


def test_labels_in_other_dress() -> None:
    def kind(*ys) -> str:
        return pack([ring(3, y) for y in ys])[1]

    assert kind(torch.tensor([2]), torch.tensor(0)) == "classes"
    assert kind(torch.tensor([[2]]), torch.tensor([[0]])) == "classes"
    assert kind(torch.tensor([[1]]), torch.tensor([[0]])) == "binary"
    assert kind(np.array([1]), 0) == "classes"
    assert kind(True, False) == "classes"
    assert kind(0.5, 1) == "regression"
    assert kind([1, 0], [1, 1]) == "binary"
    assert kind([1, 3], [0, 1]) == "regression"


def test_graphs_without_any_label_leave_training() -> None:
    data = rings("binary")
    data[0].y = data[9].y = torch.tensor([[float("nan")]])
    task = as_graph_task(data, split())
    assert 0 not in task.train.tolist()
    assert len(task.train) == 7
    assert task.val.tolist() == [8]
    assert task.unlabelled == {"train": 1, "val": 1, "test": 0}
    assert task.groups[torch.tensor([0, 9])].tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([-1.0, 1.0], "the labels y are -1, 1: if they are two classes make them 0 and 1: y > 0"),
        ([0.0, 1.0, 2.0], "y are 0, 1, 2: if they are classes make y integers, or say label_kind="),
        ([1.0, 2.0, 3.0], r"if they are classes make them integers from 0: y.long\(\) - 1"),
        ([-1.0, 0.0, 1.0], "if -1 means no label make it NaN; if they are numbers say label_kind="),
        ([[0, 1, 2], [2, 1, 0]], "tasks of more than two classes each cannot be condensed"),
        ([[1, 0, 0], [0, 0, 1]], r"y \[24, 3\] are one-hot: give one class a graph"),
        ([[1.0, 0.0], [0.0, 1.0]], "kind='binary' for 2 tasks"),
    ],
)
def test_labels_that_may_be_one_or_the_other_are_refused(labels, message) -> None:
    data = [ring(2, torch.tensor([labels[i % len(labels)]])) for i in range(24)]
    for graphs in (data, Stored(data)):
        with pytest.raises(ValueError, match=message):
            as_graph_task(graphs)


def test_what_labels_are_can_be_said() -> None:
    def of(*labels, **options):
        task = as_graph_task([ring(3, y) for y in labels * 8], **options)
        return task.label_kind, task.num_outputs, task.metric

    numbers = (0.0, 1.0, 2.0)
    assert of(*numbers, label_kind="classes") == of(*numbers, metric="accuracy")
    assert of(*numbers, label_kind="classes") == ("classes", 3, "accuracy")
    assert of(*numbers, metric="mae") == ("regression", 1, "mae")
    assert of(-1.0, 1.0, label_kind="regression") == ("regression", 1, "rmse")
    assert of(3, 7, label_kind="regression") == ("regression", 1, "rmse")
    rows = ([1, 0], [0, 1])
    assert of(*rows, label_kind="classes") == ("classes", 2, "accuracy")
    assert of(*rows, label_kind="binary") == of(*rows, metric="rocauc") == ("binary", 2, "rocauc")
    # What cannot be class ids as it stands is read as before.
    assert of(0.0, 5.0, 9.0)[0] == of(*(float(i) / 2 for i in range(6)))[0] == "regression"
    with pytest.raises(ValueError, match="label_kind='count': choose one of classes, binary, reg"):
        of(0, 1, label_kind="count")
    with pytest.raises(ValueError, match=r"graph 1 has y = 0.5; classes are integers 0..C-1"):
        of(0.0, 0.5, label_kind="classes")
    with pytest.raises(ValueError, match="graph 1 has a label y that is not 0, 1 or NaN"):
        of(0.0, 2.0, label_kind="binary")
    with pytest.raises(ValueError, match="a GraphTask has its splits"):
        as_graph_task(as_graph_task(rings()), label_kind="classes")


class Foreign(Stored):
    eval_metric = "rmse"


def test_the_metric_of_a_data_set_says_what_its_labels_are() -> None:
    data = [ring(2, torch.tensor([[float(i % 3)]])) for i in range(24)]
    assert as_graph_task(Foreign(data)).label_kind == "regression"


@pytest.mark.parametrize("missing", [-1, float("nan")])
def test_graphs_without_a_class_leave_validation_and_test(missing) -> None:
    data = rings(count=16)
    whole = as_graph_task(data, split(16))
    for i in (12, 15):
        data[i].y = missing
    task = as_graph_task(data, split(16), label_kind="classes")
    assert (task.val.tolist(), task.test.tolist()) == ([13], [14])
    assert task.unlabelled == {"train": 0, "val": 1, "test": 1}
    assert task.num_outputs == 3
    assert torch.equal(task.train, whole.train)
    for i in (13, 14):
        data[i].y = missing
    with pytest.raises(ValueError, match=r"no graph of the split 'val' has a label \(2 graphs"):
        as_graph_task(data, split(16), label_kind="classes")
    data[0].y = missing
    with pytest.raises(ValueError, match=r"graph 0 has y = -1; .*'train' has this graph"):
        as_graph_task(data, split(16), label_kind="classes")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            [0, 541_511],
            r"class 1, 2, 3, 4, 5, ... has no training graphs .*up to 541511\); relabel",
        ),
        ([2**62, 7], "2 different values, up to 4611686018427387904"),
        (list(range(0, 400, 2)), r"class 1, 3, 5, 7, 9, ... has .*kind='regression'"),
        (
            [torch.tensor([i], dtype=torch.uint8) for i in (0, 1, 255)],
            "if 255 marks graphs without a label, leave those out",
        ),
        ([torch.tensor([2**63 + 5], dtype=torch.uint64), 1], r"classes are 0..C-1 \(-1: no label"),
        (["toxic" * 99, "harmless"], "graph 0: the label 'toxictoxic.*' is no number"),
        ([1j, 2j], "graph 0: labels are complex"),
    ],
)
def test_classes_that_are_no_numbers_from_0(labels, message) -> None:
    """Nothing is of the size of an id, a message neither."""
    data = [Data(x=torch.ones(1, 1), y=y) for y in labels * 3]
    tracemalloc.start()
    with pytest.raises(ValueError, match=message) as caught:
        as_graph_task(data)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert len(str(caught.value)) < 500


def test_categories_have_a_limit() -> None:
    ids = torch.arange(2 * graph_checks.MOST_COLUMNS).reshape(20, -1)
    data = [Data(x=own[:, None], y=i % 2) for i, own in enumerate(ids)]
    with pytest.raises(ValueError, match=r"node features are integers, .* 16,000 different values"):
        as_graph_task(data)


def test_features_in_other_dress() -> None:
    edges = torch.tensor([[0, 1], [1, 0]])

    def task(**fields):
        data = [Data(**{"edge_index": edges, "num_nodes": 2, **fields}, y=i % 2) for i in range(9)]
        return as_graph_task(data).graphs

    for kind in (torch.bfloat16, torch.float16, torch.double):
        assert task(x=torch.ones(2, 3, dtype=kind)).x.dtype == torch.float32
    arrays = task(x=np.ones((2, 3)), edge_index=edges.numpy(), edge_attr=np.ones((2, 1)))
    assert (arrays.x.shape, arrays.edge_attr.shape) == ((18, 3), (18, 1))
    # No columns are no features, also in PyG's storage.
    empty = [Data(x=torch.ones(2, 0), edge_index=edges, y=i % 2) for i in range(9)]
    for graphs in (empty, Stored(empty)):
        assert as_graph_task(graphs).graphs.x.tolist() == [[1.0]] * 18


class Endless(IterableDataset):
    def __iter__(self):
        yield from rings()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            Endless(),
            r"Endless can only be read from front to back; pass list\(dataset\) if it ends",
        ),
        ([(ring(2, 0), 1)], "graph 0 is a tuple; give PyG Data"),
        ([ring(n, torch.arange(n)) for n in (2, 3)], "y has a label for each node"),
    ],
)
def test_no_list_of_labelled_graphs(data, message) -> None:
    with pytest.raises(ValueError, match=message):
        as_graph_task(data)
    if isinstance(data, Endless):
        assert same(as_graph_task(list(data), split()).graphs, as_graph_task(rings()).graphs)


def test_a_task_is_written_in_a_line() -> None:
    task = as_graph_task(rings("tasks", integer=True), split(), name="rings")
    assert repr(task) == (
        "GraphTask('rings', 12 graphs, 33 nodes, 15 features, binary: 3 tasks, rocauc; train 8, "
        "val 2, test 2)"
    )
    assert repr(task.graphs) == "GraphSet(12 graphs, 33 nodes, 30 edges)"


def test_bins_of_regression_all_have_training_graphs() -> None:
    for targets in ([0.0] * 5 + [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0] * 4 + [2.0], range(20)):
        data = [ring(2, torch.tensor([[float(t)]])) for t in [*targets, -50.0, 50.0]]
        n = len(data)
        parts = {"train": torch.arange(n - 2), "test": torch.arange(n - 2, n)}
        task = as_graph_task(data, parts)
        own = task.groups[task.train]
        assert set(own.tolist()) == set(range(task.num_groups))
        assert task.groups[-2:].tolist() == [0, task.num_groups - 1]
        assert torch.equal(own, own.sort().values)
    assert task.num_groups == BINS
    assert own.bincount().tolist() == [4] * 5


def test_target_scale() -> None:
    nan = float("nan")
    rows = [[1.0, nan], [3.0, 5.0], [nan, 7.0], [100.0, 100.0]]
    data = [ring(2, torch.tensor([row])) for row in rows]
    task = as_graph_task(data, {"train": torch.arange(3), "test": torch.tensor([3])})
    mean, std = task.target_scale
    assert (mean.tolist(), std.tolist()) == ([2, 6], [1, 1])
    mean, std = as_graph_task(rings("tasks"), split()).target_scale
    assert (mean.tolist(), std.tolist()) == ([0] * 3, [1] * 3)


def test_a_constant_target_is_refused() -> None:
    data = [ring(2, torch.tensor([[2.0, value]])) for value in (1.0, 3.0, 5.0)]
    with pytest.raises(ValueError, match="target 0 is 2 for all training graphs: nothing can be"):
        as_graph_task(data, {"train": torch.arange(2), "test": torch.tensor([2])})


def test_digest_sees_all_but_test_labels() -> None:
    def digest(change=None, **options) -> str:
        data = rings("binary", integer=True)
        if change:
            change(data)
        return as_graph_task(data, split(), **options).digest

    def put(i: int, name: str, value) -> str:
        return digest(lambda data: data[i].update({name: value}))

    first, other = digest(), torch.tensor([[1.0]])
    assert len(first) == 16
    assert first == digest() == put(10, "y", other)
    changed = [
        put(0, "y", other),
        put(8, "y", other),
        put(11, "x", rings(integer=True)[11].x + 1),
        put(11, "edge_attr", rings(integer=True)[11].edge_attr + 1),
        put(11, "edge_index", rings()[11].edge_index.flip(0)),
        digest(metric="ap"),
        digest(lambda data: [one.update({"node_weight": one.x[:, 0] / 9}) for one in data]),
    ]
    assert len({first, *changed}) == 8


# --- encoding


def test_encoding_follows_training_graphs_alone() -> None:
    data = rings(integer=True)
    data[11].x = data[11].x + 50
    task = as_graph_task(data, split())
    for column, values in zip(range(3), task.nodes.values, strict=True):
        seen = {v for i in range(8) for v in data[i].x[:, column].tolist()}
        assert values == tuple(sorted(seen))
    batch = task.batch(torch.tensor([11, 0]))
    assert batch.x.dtype == batch.edge_attr.dtype == torch.float32
    assert batch.x.shape[1] == task.num_features == sum(map(len, task.nodes.values))
    assert batch.edge_attr.shape[1] == task.num_edge_features
    assert batch.x[: data[11].num_nodes].sum() == 0  # values that no training graph has
    assert batch.x[data[11].num_nodes :].sum() == 3 * data[0].num_nodes
    assert same(task.encoded(batch), batch)
    assert task.encoding["x"] == [list(v) for v in task.nodes.values]
    assert as_graph_task(rings(), split()).encoding == {"x": None, "edge_attr": None}


def test_encoding_errors() -> None:
    task = as_graph_task(rings(integer=True), split())
    floats = as_graph_task(rings(), split())
    with pytest.raises(ValueError, match=r"3 integer columns, or .* floats of shape \[\d+, 3\]"):
        task.encoded(floats.graphs)
    with pytest.raises(ValueError, match=r"3 categorical columns, the features are \[2, 1\]"):
        task.nodes(torch.ones(2, 1).long())
    with pytest.raises(ValueError, match="the graphs have 4 node features, graphs has 3"):
        floats.encoded(pack(rings(d=4))[0])
    with pytest.raises(ValueError, match="the graphs have 5 edge features, graphs has 2"):
        floats.encoded(pack(rings(e=5))[0])


def test_encoding_is_ogbs_sum_of_embeddings(data_root) -> None:
    dataset, own = open_ogb("ogbg-molbace", data_root / "ogb")
    task = as_graph_task(dataset, own)
    encoders = import_ogb("ogb.graphproppred.mol_encoder")
    raw, batch = task.graphs.select(task.train[:40]), task.batch(task.train[:40])
    for encoder, tables, encoding, categories, columns in (
        (encoders.AtomEncoder, "atom_embedding_list", task.nodes, raw.x, batch.x),
        (encoders.BondEncoder, "bond_embedding_list", task.edges, raw.edge_attr, batch.edge_attr),
    ):
        model = encoder(8).double()
        weight = torch.cat(
            [
                table.weight[list(values)]
                for table, values in zip(getattr(model, tables), encoding.values, strict=True)
            ]
        )
        assert torch.allclose(columns.double() @ weight, model(categories), atol=1e-12)


def test_encoding_of_no_edges() -> None:
    data = [Data(x=torch.ones(1, 1), edge_index=torch.empty(2, 0), y=i % 2) for i in range(8)]
    data.append(ring(3, 1, d=1, integer=False))
    data[-1].edge_attr = torch.tensor([[1], [2], [1]])
    task = as_graph_task(data, {"train": torch.arange(8), "test": torch.tensor([8])})
    assert task.num_edge_features == 1
    assert task.batch(task.test).edge_attr.shape == (3, 1)
    assert Encoding.of(torch.tensor([[3], [1], [3]])).values == ((1, 3),)


# --- splits


def test_stratified() -> None:
    y = torch.tensor([0] * 50 + [1] * 20 + [2] * 3 + [3] * 2)
    parts = stratified(y, len(y), seed=1)
    counts = {name: y[part].bincount(minlength=4).tolist() for name, part in parts.items()}
    assert counts == {"train": [40, 16, 1, 2], "val": [5, 2, 1, 0], "test": [5, 2, 1, 0]}
    assert sorted(torch.cat(list(parts.values())).tolist()) == list(range(len(y)))
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    again = stratified(y, len(y), seed=1)
    assert all(torch.equal(parts[k], again[k]) for k in parts)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.equal(stratified(y, len(y), seed=2)["train"], parts["train"])
    assert [len(p) for p in stratified(None, 30).values()] == [24, 3, 3]


def test_split_of_one_binary_task_keeps_the_shares() -> None:
    data = [ring(2, torch.tensor([[float(i % 10 == 0)]])) for i in range(100)]
    task = as_graph_task(data, seed=3)
    shares = [int(task.graphs.y[p].sum()) for p in (task.train, task.val, task.test)]
    assert shares == [8, 1, 1]


def test_own_split_and_metric_of_a_data_set() -> None:
    class Published(Stored):
        eval_metric = "ap"
        name = "published"

        def get_idx_split(self) -> dict[str, np.ndarray]:
            return {k: v.numpy() for k, v in split().items()}

    dataset = Published(rings("tasks"))
    task = as_graph_task(dataset)
    assert (task.metric, task.name) == ("ap", "published")
    assert task.val.tolist() == [8, 9]
    drawn = as_graph_task(dataset, "stratified", seed=1)
    assert torch.equal(drawn.val, stratified(None, 12, seed=1)["val"])
    # Of a part of it, positions in the part.
    part = as_graph_task(dataset[torch.tensor([11, 3, 9, 2, 0])])
    assert [p.tolist() for p in (part.train, part.val, part.test)] == [[4, 3, 1], [2], [0]]
    assert as_graph_task(dataset, metric="rocauc").metric == "rocauc"
    Published.eval_metric = "F1"
    with pytest.raises(ValueError, match="own metric is 'F1': give metric="):
        as_graph_task(dataset)


def test_masks_and_missing_parts() -> None:
    task = as_graph_task(rings(), {"train": torch.arange(12) < 6})
    assert task.train.tolist() == list(range(6))
    assert (len(task.val), len(task.test)) == (0, 0)


def test_metrics() -> None:
    assert {m for fitting in FITTING.values() for m in fitting} == set(METRICS)
    with pytest.raises(ValueError, match="metric='f2': choose one of accuracy"):
        as_graph_task(rings(), metric="f2")
    with pytest.raises(ValueError, match="'rmse' does not fit the labels, which are classes"):
        as_graph_task(rings(), metric="rmse")
    task = as_graph_task(rings(), split())
    with pytest.raises(ValueError, match="a GraphTask has its splits and its metric"):
        as_graph_task(task, split())


def test_a_number_of_nodes_is_compared() -> None:
    graphs = [
        Data(x=torch.eye(2), y=torch.tensor([i % 2]), num_nodes=2 + i // 9) for i in range(10)
    ]
    with pytest.raises(ValueError, match="graph 9: num_nodes is 3, but x has 2 rows"):
        as_graph_task(graphs)
