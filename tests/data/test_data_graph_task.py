"""The one checked form of graph-level data."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import IterableDataset, Subset
from torch_geometric.data import Batch, Data, HeteroData, InMemoryDataset
from torch_geometric.datasets import TUDataset

from graphcondense.data import graph_checks, graph_packing
from graphcondense.data.graph_packing import pack
from graphcondense.data.graph_reading import as_graph_task, stratified
from graphcondense.data.graph_task import Encoding
from graphcondense.data.ogb import import_ogb, open_ogb
from graphcondense.data.targets import BINS, FITTING, METRICS
from graphcondense.saved.graph_set import GraphSet

INPUTS = ("x", "edge_index", "edge_attr", "y", "node_weight")


class Stored(InMemoryDataset):
    """Graphs in PyG's collated storage, as its data sets have them."""

    def __init__(self, graphs: list[Data], transform=None) -> None:
        super().__init__(None, transform)
        self.data, self.slices = self.collate(graphs)


def ring(n: int, y, *, d: int = 3, e: int = 2, seed: int = 0, integer: bool = False) -> Data:
    """A directed ring; a single node has no edge."""
    rng = torch.Generator().manual_seed(seed)
    ids = torch.arange(n)
    edges = torch.stack([ids, (ids + 1) % n]) if n > 1 else torch.empty(2, 0, dtype=torch.long)
    m = edges.shape[1]
    x = torch.randint(5, (n, d), generator=rng)
    attr = torch.randint(4, (m, e), generator=rng)
    return Data(
        x=x if integer else x.float() / 7,
        edge_index=edges,
        edge_attr=attr if integer else attr.float() / 3,
        y=y,
    )


def rings(kind: str = "classes", count: int = 12, **options) -> list[Data]:
    third = [1.0, float("nan"), 0.0, float("nan")]
    label = {
        "classes": lambda i: i % 3,
        "binary": lambda i: torch.tensor([[float(i % 2)]]),
        "tasks": lambda i: torch.tensor([[i % 2, 1 - i % 2, third[i % 4]]]),
        "regression": lambda i: torch.tensor([[i / 3]]),
    }[kind]
    return [ring(1 + i % 5, label(i), seed=i, **options) for i in range(count)]


def split(count: int = 12) -> dict[str, Tensor]:
    index = torch.arange(count)
    return {"train": index[: count - 4], "valid": index[count - 4 : -2], "test": index[-2:]}


def same(a: GraphSet, b: GraphSet) -> bool:
    names = (*INPUTS, "node_ptr", "edge_ptr")
    pairs = [(getattr(a, n), getattr(b, n)) for n in names]
    return all(
        p is q is None or (p.dtype == q.dtype and p.shape == q.shape and p.equal(q))
        if p is None or q is None or not p.is_floating_point()
        else p.dtype == q.dtype and torch.equal(p.nan_to_num(-7), q.nan_to_num(-7))
        for p, q in pairs
    )


# --- packing


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("kind", ["classes", "binary", "tasks", "regression"])
def test_pack_is_pygs_batch(kind: str, integer: bool) -> None:
    data = rings(kind, integer=integer)
    graphs, _ = pack(data)
    batch = Batch.from_data_list(data)
    for name in ("x", "edge_index", "edge_attr"):
        assert torch.equal(getattr(graphs, name), batch[name])
        assert getattr(graphs, name).dtype == batch[name].dtype
    assert torch.equal(graphs.batch, batch.batch)
    assert torch.equal(graphs.node_ptr, batch.ptr)
    assert torch.equal(graphs.y.nan_to_num(-7), batch.y.nan_to_num(-7))
    for i, one in enumerate(data):
        again = graphs.graph(i)
        for name in ("x", "edge_index", "edge_attr"):
            assert torch.equal(again[name], one[name])
    assert len(graphs.graphs()) == len(data)
    assert graphs.graph(-1).num_nodes == data[-1].num_nodes
    per_label = 8 if kind == "classes" else 4 * (3 if kind == "tasks" else 1)
    width = 8 if integer else 4
    n, m = batch.num_nodes, batch.num_edges
    assert graphs.bytes == width * (3 * n + 2 * m) + 16 * m + per_label * len(data)


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("kind", ["classes", "binary", "tasks", "regression"])
def test_storage_and_graphs_give_the_same(kind: str, integer: bool) -> None:
    data = rings(kind, integer=integer)
    for one in data:
        one.node_weight = torch.rand(one.num_nodes)
    dataset = Stored(data)
    parts = (dataset, dataset[3:9], dataset[torch.tensor([7, 0, 7])], dataset[[5]])
    for part in parts:
        assert graph_packing._stored(part) is not None
        quick, quick_kind = pack(part)
        slow, slow_kind = pack(list(part))
        assert same(quick, slow)
        assert quick_kind == slow_kind
    bare = [Data(edge_index=one.edge_index, num_nodes=one.num_nodes, y=one.y) for one in data]
    for part in (Stored(bare), Stored(bare)[2:7]):
        assert graph_packing._stored(part) is not None
        assert same(pack(part)[0], pack(list(part))[0])


def test_storage_of_real_data_gives_the_same(data_root) -> None:
    dataset, own = open_ogb("ogbg-molbace", data_root / "ogb")
    for part in (dataset[own["valid"]], TUDataset(str(data_root / "pyg"), "MUTAG").shuffle()):
        assert graph_packing._stored(part) is not None
        assert same(pack(part)[0], pack([part[i] for i in range(len(part))])[0])


def test_graphs_made_at_access_are_asked_for() -> None:
    def doubled(one: Data) -> Data:
        one.x = one.x * 2
        return one

    class Own(Stored):
        def get(self, idx: int) -> Data:
            return doubled(super().get(idx))

    plain = pack(Stored(rings()))[0]
    for dataset in (Stored(rings(), doubled), Own(rings())):
        assert graph_packing._stored(dataset) is None
        assert torch.equal(pack(dataset)[0].x, plain.x * 2)
    assert same(pack(Subset(Stored(rings()), [4, 2]))[0], plain.select(torch.tensor([4, 2])))
    # A data set of one graph has no slices.
    assert len(pack(Stored(rings(count=1)))[0]) == 1


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 6)), min_size=1, max_size=6),
    chosen=st.lists(st.integers(-99, 99), max_size=8),
    attr=st.booleans(),
    seed=st.integers(0, 99),
)
def test_pack_and_select_round_trip(sizes, chosen, attr, seed) -> None:
    rng = torch.Generator().manual_seed(seed)
    data = []
    for i, (n, m) in enumerate(sizes):
        one = Data(
            x=torch.rand(n, 2, generator=rng),
            edge_index=torch.randint(n, (2, m), generator=rng),
            y=i,
        )
        if attr:
            one.edge_attr = torch.randint(3, (m, 2), generator=rng)
        data.append(one)
    index = torch.tensor([i % len(data) for i in chosen], dtype=torch.long)
    picked = pack(data)[0].select(index)
    assert picked.y.tolist() == index.tolist()
    assert len(picked) == len(index)
    for i, j in enumerate(index.tolist()):
        again = picked.graph(i)
        assert torch.equal(again.x, data[j].x)
        assert torch.equal(again.edge_index, data[j].edge_index)
        if picked.edge_attr is not None:
            assert torch.equal(again.edge_attr, data[j].edge_attr)
    if len(index):
        assert same(pack(picked.graphs())[0], picked) or picked.edge_attr is not None
    assert torch.equal(picked.sizes, torch.tensor(sizes)[index, 0])


def test_select_by_mask_and_from_the_end() -> None:
    graphs, _ = pack(rings())
    mask = torch.arange(12) % 3 == 0
    assert same(graphs.select(mask), graphs.select(mask.nonzero().flatten()))
    assert same(graphs.select(torch.tensor([-1])), graphs.select(torch.tensor([11])))
    with pytest.raises(IndexError):
        graphs.select(torch.tensor([12]))


def test_single_nodes_and_no_edges() -> None:
    one = Data(x=torch.ones(1, 2), edge_index=torch.empty(2, 0), y=0)
    two = Data(x=torch.zeros(2, 2), y=1)
    graphs, _ = pack([one, two])
    assert graphs.edge_index.shape == (2, 0)
    assert graphs.edge_index.dtype == torch.long
    assert (graphs.edge_attr, graphs.edge_ptr.tolist()) == (None, [0, 0, 0])
    # A graph without edges need not say what edge features it does not have.
    three = Data(
        x=torch.ones(2, 2),
        edge_index=torch.tensor([[0], [1]]),
        edge_attr=torch.tensor([[3, 1]]),
        y=0,
    )
    for empty in (None, torch.empty(0), torch.empty(0, 2)):
        four = one.clone()
        four.edge_attr = empty
        attr = pack([four, three, two])[0].edge_attr
        assert attr.tolist() == [[3, 1]]
        assert attr.dtype == torch.long
    flat = three.clone()
    flat.edge_attr = torch.tensor([2])
    assert pack([one, flat])[0].edge_attr.tolist() == [[2]]


def test_kinds_of_node_features() -> None:
    def graphs(x) -> list[Data]:
        return [Data(x=x, edge_index=torch.tensor([[0], [1]]), num_nodes=2, y=i) for i in (0, 1)]

    assert pack(graphs(torch.tensor([1, 2])))[0].x.tolist() == [[1], [2]] * 2
    assert pack(graphs(torch.tensor([1, 2], dtype=torch.uint8)))[0].x.dtype == torch.long
    assert pack(graphs(torch.rand(2, 3).double()))[0].x.dtype == torch.float32
    bools = pack(graphs(torch.tensor([[True], [False]])))[0].x
    assert (bools.dtype, bools.flatten().tolist()) == (torch.float32, [1, 0, 1, 0])
    none = pack(graphs(None))[0].x
    assert (none.dtype, none.tolist()) == (torch.float32, [[1.0]] * 4)


def test_inputs_are_not_changed() -> None:
    data = rings("tasks", integer=True)
    before = [one.clone() for one in data]
    task = as_graph_task(data, split())
    task.batch(task.train).x.zero_()
    for a, b in zip(data, before, strict=True):
        assert a.keys() == b.keys()
        for key in ("x", "edge_index", "edge_attr"):
            assert torch.equal(a[key], b[key])


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
        return pack([ring(2, y) for y in ys])[1]

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
        task = as_graph_task([ring(2, y) for y in labels * 8], **options)
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


# --- errors


def changed(i: int, kind: str = "classes", *, integer: bool = False, **values) -> list[Data]:
    data = rings(kind, integer=integer)
    for name, value in values.items():
        data[i][name] = value
    return data


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: [], "at least one graph, this one is empty"),
        (lambda: ring(3, 0), "got a Data; put a single graph into a list"),
        (lambda: [HeteroData()], "graph 0 is heterogeneous"),
        (lambda: changed(2, x=torch.ones(0, 3)), "graph 2 has no nodes; remove it"),
        (lambda: [Data(y=0)], "graph 0 has no nodes; remove it"),
        (lambda: changed(2, x=[1.0]), "graph 2: x must be a dense tensor, got list"),
        (
            lambda: changed(2, x=torch.eye(3).to_sparse()),
            "graph 2: x must be a dense tensor, got torch.sparse_coo",
        ),
        (lambda: changed(2, x=torch.ones(3, 1, 2)), r"graph 2: x must be \[nodes, features\], "),
        (lambda: changed(2, x=torch.ones(3, 0)), r"features\], got \[3, 0\]"),
        (lambda: changed(2, x=torch.ones(3, 3) * 1j), "graph 2: x is complex"),
        (lambda: changed(2, x=None), "graph 2 has no x, others have"),
        (lambda: changed(2, x=torch.ones(3, 4)), "graph 2 has 4 node features, graph 0 has 3"),
        (
            lambda: changed(2, x=torch.ones(3, 3).long()),
            r"graph 2 has node features that are integers \(categories\), graph 0 floats",
        ),
        (
            lambda: changed(2, x=torch.full((3, 3), float("inf"))),
            "graph 2 has NaN or infinite node features",
        ),
        (
            lambda: changed(2, integer=True, x=torch.tensor([[1, 1, 1], [0, -4, 1], [1, 1, 1]])),
            "graph 2 has the node category -4; categories start at 0",
        ),
        (
            lambda: changed(2, edge_index=torch.tensor([[0, 1, 3], [1, 2, 0]])),
            r"graph 2: edge_index names node 3, but it has nodes 0\.\.2",
        ),
        (
            lambda: changed(2, edge_index=torch.tensor([[0, 1, 2], [1, 2, -1]])),
            "graph 2: edge_index names node -1",
        ),
        (lambda: changed(2, edge_index=torch.ones(3, 2)), r"must be \[2, edges\], got \[3, 2\]"),
        (lambda: changed(2, edge_index=[[0], [1]]), r"must be \[2, edges\], got list"),
        (lambda: changed(2, edge_index=torch.ones(2, 3)), "integer node ids, got torch.float32"),
        (lambda: changed(2, edge_attr=None), "graph 2 has no edge_attr, others have"),
        (
            lambda: changed(2, edge_attr=torch.ones(4, 2)),
            r"graph 2: edge_attr must be \[3, features\] for its 3 edges, got \[4, 2\]",
        ),
        (lambda: changed(2, edge_attr="bonds"), "for its 3 edges, got str"),
        (lambda: changed(2, edge_attr=torch.ones(3, 1)), "graph 2 has 1 edge features, graph 0"),
        (
            lambda: changed(2, edge_attr=torch.full((3, 2), float("nan"))),
            "graph 2 has NaN or infinite edge features",
        ),
        (
            lambda: changed(2, integer=True, edge_attr=torch.full((3, 2), -1)),
            "graph 2 has the edge category -1",
        ),
        (lambda: changed(2, edge_weight=torch.ones(3)), "graph 2: there is edge_weight, but it is"),
        (lambda: changed(2, adj_t=torch.ones(3, 3)), "graph 2: there is adj_t, but edge_index is"),
        (lambda: changed(2, node_weight=torch.ones(3)), "graph 0 has no node_weight, others have"),
        (
            lambda: [Data(x=torch.ones(3, 1), node_weight=torch.ones(2), y=0)],
            "graph 0: node_weight has 2 rows for its 3 nodes",
        ),
        (
            lambda: [Data(x=torch.ones(1, 1), node_weight=torch.tensor([float("nan")]), y=0)],
            "node_weight has NaN",
        ),
        (lambda: changed(2, y=None), "graph 2 has no label y"),
        (lambda: changed(2, y=torch.tensor([1, 2])), "graph 2 has 2 labels, graph 0 has 1"),
        (lambda: [ring(2, torch.empty(1, 0))], "y has no entries"),
        (lambda: changed(2, y=-1), "graph 2 has y = -1; classes are 0..C-1"),
        (lambda: [ring(2, torch.tensor([[i]])) for i in (1, -1)], "graph 1 has y = -1"),
        (
            lambda: changed(2, "regression", y=torch.tensor([[float("inf")]])),
            "graph 2 has an infinite target y",
        ),
    ],
)
def test_bad_graphs(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_graph_task(make())


def test_bad_graphs_in_storage() -> None:
    data = rings()
    data[5].edge_index = data[5].edge_index + 1  # graph 5 is a single node, and has no edge
    data[6].edge_index = data[6].edge_index + 1
    dataset = Stored(data)
    assert graph_packing._stored(dataset) is not None
    with pytest.raises(ValueError, match=r"graph 6: edge_index names node 2, but it has nodes 0"):
        pack(dataset)
    with pytest.raises(ValueError, match="graph 1: edge_index names node 2"):
        pack(dataset[5:])
    weighted = Stored([one.update({"edge_weight": torch.ones(one.num_edges)}) for one in rings()])
    with pytest.raises(ValueError, match="the graphs: there is edge_weight"):
        pack(weighted)
    with pytest.raises(ValueError, match="graph 1 has 2 labels, graph 0 has 1"):
        pack(Stored([ring(2, torch.arange(1 + i)) for i in range(3)]))


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": torch.arange(4), "dev": torch.arange(2)}, "unknown split 'dev'"),
        ({"train": torch.arange(13)}, r"split 'train' names graph 12, but there are 0\.\.11"),
        ({"train": torch.tensor([-1, 2])}, "split 'train' names graph -1"),
        ({"train": torch.tensor([2, 2])}, "split 'train' names a graph twice"),
        ({"train": torch.tensor([0.5])}, "graph indices or a mask, got torch.float32"),
        ({"train": torch.ones(5).bool()}, r"mask of shape \[5\] for 12 graphs"),
        (
            {"train": torch.arange(6), "val": torch.tensor([9, 4, 5])},
            r"splits train and val share 2 graphs \(first: 4\)",
        ),
        ("random", "splits='random': give indices by name"),
        ({"test": torch.arange(3)}, "no training graphs: the split 'train' is empty"),
        ({"train": torch.tensor([0, 3, 4])}, r"class 2 has no training graphs \(y has 3 classes"),
    ],
)
def test_bad_splits(splits, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_graph_task(rings(), splits)


def test_tasks_that_cannot_be_learnt() -> None:
    data = rings("tasks")
    for one in data[:8]:
        one.y[0, 2] = float("nan")
    with pytest.raises(ValueError, match=r"task 2 has no label in the training split \(all NaN\)"):
        as_graph_task(data, split())
    for i, one in enumerate(data):
        one.y = torch.tensor([[float(i % 2), 0.0]])
    with pytest.raises(ValueError, match="task 1 has no training graph of class 1"):
        as_graph_task(data, split())


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
