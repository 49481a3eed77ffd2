"""Graphs of all forms in one layout."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Subset
from torch_geometric.data import Batch, Data
from torch_geometric.datasets import TUDataset

from graphcondense.data import graph_packing
from graphcondense.data.graph_packing import pack
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.ogb import open_ogb
from tests.data.rings import Stored, rings, same, split


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

    class Fewer(Stored):
        def len(self) -> int:
            return 7

    assert same(pack(Fewer(rings()))[0], plain.select(torch.arange(7)))
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
