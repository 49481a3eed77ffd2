"""Objects that PyG users hold: what their transforms, data sets and splits leave behind."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch_geometric.transforms as T
from torch_geometric.data import Data, HeteroData, InMemoryDataset

import graphcondense
from graphcondense.cli.where import Where
from graphcondense.data import as_graph_task, as_hetero, as_task, load
from graphcondense.data.kind import kind_of_data
from graphcondense.data.link_reading import as_links
from graphcondense.data.parts import is_parts, joined
from tests.cases import toy_hetero


class Stored(InMemoryDataset):
    """A data set of graphs in memory, as PyG's own are."""

    def __init__(self, graphs: list[Any]) -> None:
        super().__init__()
        self.data, self.slices = self.collate(graphs)


def a_graph(nodes: int = 30, seed: int = 0, tasks: int = 0) -> Data:
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(nodes) % 3
    if tasks:
        y = (torch.rand(nodes, tasks, generator=rng) > 0.5).float()
    return Data(
        x=torch.randn(nodes, 4, generator=rng),
        edge_index=torch.randint(nodes, (2, 4 * nodes), generator=rng),
        y=y,
    )


def masked(nodes: int = 30) -> Data:
    return T.RandomNodeSplit(num_val=6, num_test=6)(a_graph(nodes))


# --- splits ------------------------------------------------------------------------------------


def test_a_mask_may_be_called_valid() -> None:
    data, wanted = masked(), as_task(masked())
    torch.manual_seed(0)
    data = masked()
    wanted = as_task(copy.copy(data))
    data.valid_mask = data.val_mask
    del data.val_mask
    torch.testing.assert_close(as_task(data).val, wanted.val)
    hetero = toy_hetero()
    val = as_hetero(hetero).val
    hetero["paper"].valid_mask = hetero["paper"].val_mask
    del hetero["paper"].val_mask
    torch.testing.assert_close(as_hetero(hetero).val, val)
    hetero["paper"].valid_mask = hetero["paper"].train_mask
    with pytest.raises(ValueError, match=r"train_mask and valid_mask overlap in \d+ nodes"):
        as_hetero(hetero)


def test_a_file_may_call_it_valid(tmp_path: Path) -> None:
    data = masked()
    data.valid_mask = data.val_mask
    val = data.val_mask.clone()
    plain = Data(**{key: value for key, value in data.to_dict().items() if key != "val_mask"})
    torch.save(plain, tmp_path / "own.pt")
    opened: Any = load(tmp_path / "own.pt")
    torch.testing.assert_close(opened.val_mask, val)


def test_the_first_of_several_splits_is_read() -> None:
    data = toy_hetero()
    first = as_hetero(data)
    for name in ("train_mask", "val_mask", "test_mask"):
        given = data["paper"][name]
        data["paper"][name] = torch.stack([given, given.flip(0)], 1)
    task = as_hetero(data)
    for split in ("train", "val", "test"):
        torch.testing.assert_close(getattr(task, split), getattr(first, split))


def test_no_masks_name_the_transform_that_draws_them() -> None:
    with pytest.raises(ValueError, match=r"RandomNodeSplit\(.*\)\(data\) draws masks") as said:
        as_task(a_graph())
    call = re.search(r"torch_geometric\.transforms\.(RandomNodeSplit\([^)]*\))", str(said.value))
    assert call is not None
    split = eval(f"T.{call[1]}")  # what it says works here, where PyG's default leaves no node
    assert len(as_task(split(a_graph())).train) > 10


def test_a_list_of_names_of_nodes_is_no_name_of_the_data(tmp_path: Path) -> None:
    graph = masked()
    graph.name = [f"node {i}" for i in range(30)]  # as from_networkx makes it of node attributes
    assert as_task(graph).name == "data"
    assert graphcondense.data.mapped_task(graph, "100MB", folder=tmp_path).name == "data"
    assert graphcondense.data.split_links(graph, negatives=2).name == "data"
    one = a_graph()
    one.name = graph.name
    assert as_task(joined({"train": [one], "test": [one.clone()]})).name == "data"
    hetero = toy_hetero()
    hetero.name = ["a", "b"]
    assert as_hetero(hetero).name == "hetero"
    graph.name = "ours"
    assert as_task(graph).name == "ours"


# --- data sets of one, files -------------------------------------------------------------------


@pytest.mark.parametrize("form", [list, Stored, tuple])
def test_a_data_set_of_one_heterogeneous_graph_is_this_graph(form: Any) -> None:
    data = toy_hetero()
    held = form([data])
    assert kind_of_data(held) == "hetero"
    assert as_hetero(held).digest == as_hetero(data).digest
    small = graphcondense.condense(held, "random", nodes=9, progress=False)
    assert isinstance(small, HeteroData)


def test_a_data_set_of_one_bipartite_graph_is_users_by_items() -> None:
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = 6, 9
    pair = torch.tensor([[u for u in range(6) for _ in range(4)], [*range(8)] * 3])
    data["user", "takes", "item"].edge_index = pair
    assert kind_of_data([data]) == kind_of_data(data) == "rows"
    both = [graphcondense.data.as_interactions(one) for one in (data, [data])]
    assert (both[0].train != both[1].train).nnz == 0


def test_the_processed_file_of_a_heterogeneous_set_is_opened(tmp_path: Path) -> None:
    data = toy_hetero()
    torch.save((data.to_dict(), None, HeteroData), tmp_path / "data.pt")
    assert load(tmp_path / "data.pt").digest == as_hetero(data).digest


def test_what_labels_are_is_said_when_a_file_is_opened(tmp_path: Path) -> None:
    data = toy_hetero()
    classes = as_hetero(data).y
    data["paper"].y = torch.eye(3)[data["paper"].y]
    path = tmp_path / "one-hot.pt"
    torch.save(data, path)
    with pytest.raises(ValueError, match="is one-hot"):
        load(path)
    task: Any = load(path, label_kind="classes")
    torch.testing.assert_close(task.y, classes)
    assert Where(data=str(path), label_kind="binary").load().label_kind == "binary"
    with pytest.raises(ValueError, match="label_kind='words': choose one of classes"):
        load(path, label_kind="words")  # type: ignore[arg-type]


def test_and_of_one_graph_before_its_split_is_drawn(tmp_path: Path) -> None:
    data = a_graph(200)
    data.y = torch.eye(3)[data.y]
    torch.save(data, tmp_path / "one-hot.pt")
    task: Any = Where(data=str(tmp_path / "one-hot.pt"), label_kind="binary").load()
    assert (task.label_kind, len(task.train), len(task.val)) == ("binary", 20, 20)
    within: Any = Where(data=str(tmp_path / "one-hot.pt"), label_kind="binary").load(memory="1GB")
    assert within.label_kind == "binary"


# --- graphs whose nodes are labelled, by part --------------------------------------------------


def parts() -> dict[str, list[Data]]:
    return {
        "train": [a_graph(12, seed, tasks=5) for seed in range(3)],
        "valid": [a_graph(9, 7, tasks=5)],
        "test": [a_graph(10, 8, tasks=5)],
    }


def test_graphs_by_part_are_one_graph() -> None:
    given = parts()
    task = as_task(given)
    graphs = [*given["train"], *given["valid"], *given["test"]]
    assert (task.num_nodes, task.num_classes, task.label_kind) == (55, 5, "binary")
    assert task.train.tolist() == list(range(36))
    assert task.val.tolist() == list(range(36, 45))
    assert task.test.tolist() == list(range(45, 55))
    torch.testing.assert_close(task.y, torch.cat([graph.y for graph in graphs]))
    wanted = torch.zeros(55, 55)
    start = 0
    for graph in graphs:
        for source, end in graph.edge_index.T.tolist():
            wanted[start + end, start + source] += (
                source != end or not (wanted[start + end, start + source])
            )
        start += graph.num_nodes
    np.testing.assert_allclose(task.adj.toarray(), wanted)


def test_they_are_condensed_as_data_sets_and_by_induction() -> None:
    given = {name: Stored(graphs) for name, graphs in parts().items()}
    assert kind_of_data(given) == "node"
    small = graphcondense.condense(
        given, "random", nodes=6, setting="inductive", progress=False, seed=1
    )
    rows = as_task(given).x[:36]
    assert all(bool((rows == row).all(1).any()) for row in small.x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.update(other=[]), "the part 'other' is none of test, train, val, valid"),
        (lambda p: p["test"][0].update({"y": torch.zeros(3, 5)}), r"test\[0\] has 10 nodes and"),
        (
            lambda p: p["valid"][0].update({"x": None}),
            r"valid\[0\] must be .* tensor x, got nothing",
        ),
        (lambda p: p["train"][1].edge_index.fill_(12), r"train\[1\]: edge_index names node 12"),
        (
            lambda p: p["train"][1].update({"x": torch.ones(12, 2)}),
            "x of the graphs have different",
        ),
        (
            lambda p: p["train"][1].update({"edge_weight": torch.ones(48)}),
            "graph 0 of 5 has no edge_weight, others have",
        ),
        (
            lambda p: p["train"][0].update({"edge_label_index": torch.zeros(2, 1).long()}),
            "has edge_label_index: it is one part of a split of links",
        ),
        (
            lambda p: p["test"][0].update({"val_mask": torch.ones(10).bool()}),
            r"test\[0\] has val_mask, a split of its own: pass a graph with masks as it is",
        ),
        (lambda p: p.update(test=p["train"]), r"test\[0\] is in the part 'train', too"),
        (lambda p: p.update(val=p["valid"]), "the parts val and valid are one"),
        (
            lambda p: p["test"][0].update({"x": p["test"][0].x.to_sparse_csr()}),
            r"test\[0\]: x must be dense, got torch.sparse_csr; give x.to_dense",
        ),
        (
            lambda p: p["test"][0].update({"label_kind": "binary"}),
            "label_kind differs between the graphs: None, binary",
        ),
    ],
)
def test_what_is_wrong_with_a_part_is_told(change: Any, message: str) -> None:
    given = parts()
    change(given)
    with pytest.raises(ValueError, match=message):
        as_task(given)


def test_three_parts_of_a_split_of_links_are_no_parts_of_a_graph() -> None:
    split = T.RandomLinkSplit(num_val=0.1, num_test=0.1, is_undirected=False)
    train, val, test = split(a_graph(40, 3))
    with pytest.raises(ValueError, match="it is one part of a split of links"):
        as_task({"train": train, "val": val, "test": test})


def test_nodes_are_counted_on_whatever_type_their_ids_have() -> None:
    """300 nodes in three graphs, in ids that end at 255."""
    small, wide = ([a_graph(100, seed) for seed in range(3)] for _ in range(2))
    for graph in small:
        graph.edge_index = graph.edge_index.to(torch.uint8)
    found, wanted = (as_task({"train": graphs, "test": a_graph(9, 7)}) for graphs in (small, wide))
    np.testing.assert_array_equal(found.adj.toarray(), wanted.adj.toarray())


def test_what_all_parts_say_of_their_labels_holds() -> None:
    given = parts()
    for graph in (one for graphs in given.values() for one in graphs):
        graph.metric = "ap"
    assert as_task(given).metric == "ap"


def test_only_the_first_graph_of_a_part_is_looked_at() -> None:
    class Counted(Stored):
        read: ClassVar[list[int]] = []

        def get(self, idx: int) -> Data:
            self.read.append(idx)
            return super().get(idx)

    given = {name: Counted(graphs) for name, graphs in parts().items()}
    assert is_parts(given)
    assert len(Counted.read) <= 1


@pytest.mark.parametrize("form", [list, Stored])
@pytest.mark.parametrize("tasks", [0, 5])
def test_a_list_of_them_says_how(form: Any, tasks: int) -> None:
    with pytest.raises(ValueError, match=r"y has a label for each node: .*'train': graphs"):
        as_graph_task(form([a_graph(12, seed, tasks) for seed in range(4)]))


def test_joining_changes_nothing() -> None:
    given = parts()
    before = copy.deepcopy(given)
    joined(given)
    for name, graphs in given.items():
        for mine, theirs in zip(graphs, before[name], strict=True):
            torch.testing.assert_close(mine.to_dict(), theirs.to_dict())


def test_ppi_by_name(tmp_path: Path) -> None:
    """Files as PyG has them, of three tiny graphs each."""
    pytest.importorskip("networkx")
    raw = tmp_path / "PPI" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split in ("train", "valid", "test"):
        links = [{"source": i, "target": i + 2} for i in range(12) if i % 4 < 2]
        graph = {"directed": False, "graph": {}, "multigraph": False, "links": links}
        (raw / f"{split}_graph.json").write_text(
            json.dumps({**graph, "nodes": [{"id": i} for i in range(12)]})
        )
        np.save(raw / f"{split}_feats.npy", rng.random((12, 3)))
        np.save(raw / f"{split}_labels.npy", np.tile([[0, 1], [1, 0], [1, 1], [0, 0]], (3, 1)))
        np.save(raw / f"{split}_graph_id.npy", np.arange(12) // 4 + 1)
    data: Any = load("ppi", tmp_path)
    assert (data.num_nodes, data.y.shape, data.metric) == (36, (36, 2), "f1")
    task = as_task(data)
    assert [len(part) for part in (task.train, task.val, task.test)] == [12, 12, 12]
    np.testing.assert_allclose(task.x[12:24], np.load(raw / "valid_feats.npy"), rtol=1e-6)
    for part in (task.train.numpy(), task.val.numpy(), task.test.numpy()):
        outside = np.setdiff1d(np.arange(36), part)
        assert task.adj[part][:, outside].nnz == 0
        assert task.adj[part][:, part].nnz > 0


# --- links -------------------------------------------------------------------------------------


def test_links_split_by_label_are_the_same() -> None:
    graph = T.ToUndirected()(a_graph(40))
    graph = graph.coalesce()
    torch.manual_seed(1)
    whole = T.RandomLinkSplit(is_undirected=True)(Data(x=graph.x, edge_index=graph.edge_index))
    apart = []
    for part in whole:
        right = part.edge_label == 1
        apart.append(
            Data(
                x=part.x,
                edge_index=part.edge_index,
                pos_edge_label_index=part.edge_label_index[:, right],
                neg_edge_label_index=part.edge_label_index[:, ~right],
            )
        )
    tasks = [as_links(tuple(parts)) for parts in (whole, apart)]
    for split in ("val", "test"):
        one, other = (getattr(task, split) for task in tasks)
        torch.testing.assert_close(one.ends, other.ends)
        torch.testing.assert_close(one.pairs, other.pairs)
    assert (tasks[0].adj != tasks[1].adj).nnz == 0


def test_one_part_of_a_split_of_links_is_no_graph() -> None:
    graph = T.ToUndirected()(masked()).coalesce()
    train, _, _ = T.RandomLinkSplit(is_undirected=True)(graph)
    with pytest.raises(
        ValueError, match="the Data has edge_label_index: it is one part of a split"
    ):
        graphcondense.condense(train, nodes=6, progress=False)
    data = toy_hetero()
    three = T.RandomLinkSplit(edge_types=[("author", "writes", "paper")])(data)
    with pytest.raises(ValueError, match=r"split_links\(data.to_homogeneous\(\)\)"):
        graphcondense.condense(three, nodes=6, progress=False)
    with pytest.raises(ValueError, match="the HeteroData has edge_label_index"):
        graphcondense.condense(three[0], nodes=6, progress=False)


# --- what tells nothing, or is of another library ----------------------------------------------


def test_features_that_are_zero_everywhere_are_refused() -> None:
    data = masked()
    data.x = torch.zeros(30, 4)
    with pytest.raises(ValueError, match=r"data.x is zero in all 30 nodes.*features='degree'"):
        as_task(data)
    data.x = data.x.to_sparse_csr()
    with pytest.raises(ValueError, match=r"data.x is zero in all 30 nodes"):
        as_task(data)
    data.x = torch.zeros(30, 4)
    data.x[29, 3] = 1e-3
    assert as_task(data).num_features == 4
    with pytest.raises(ValueError, match=r"data.x is zero in all 30 nodes"):
        graphcondense.data.split_links(Data(x=torch.zeros(30, 2), edge_index=data.edge_index))


def test_a_graph_of_networkx_names_the_way() -> None:
    networkx = pytest.importorskip("networkx")
    with pytest.raises(ValueError, match=r"a Graph: torch_geometric.utils.from_networkx\(graph\)"):
        graphcondense.condense(networkx.path_graph(4), nodes=2)


def test_labels_of_minus_one_in_several_columns_say_what_they_may_be() -> None:
    data = masked()
    data.y = torch.tensor([[1, 0], [-1, 1], [0, 0]]).repeat(10, 1)
    with pytest.raises(ValueError, match=r"if -1 is no y.clamp\(min=0\), and if it is not known"):
        as_task(data)


def test_a_mapping_of_pygs_names_says_how() -> None:
    data = masked()
    with pytest.raises(ValueError, match=r"torch_geometric.data.Data\(\*\*data\) is a graph"):
        as_task({"x": data.x, "edge_index": data.edge_index, "y": data.y})
