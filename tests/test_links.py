"""Links: splits, refusals, what methods see, ranks, files, and what a small graph teaches."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv
from torch_geometric.transforms import RandomLinkSplit

import graphcondense
from graphcondense import cli
from graphcondense.data import as_links, graph_hash, split_links
from graphcondense.data.link_reading import wrong_tails
from graphcondense.data.link_task import Links, LinkTask
from graphcondense.domains.coarse import grouped_links
from graphcondense.domains.node_source import NodeSource
from graphcondense.evaluate import LinkEvaluator
from graphcondense.evaluate.links import Lesson, loss_on, mrr, ranks_of
from graphcondense.methods import all_methods
from graphcondense.nn.links import Dot, decoder_of
from tests.cases import toy_graph

METHODS = sorted(name for name, kind in all_methods() if kind == "link")


@pytest.fixture(scope="module")
def task() -> LinkTask:
    return split_links(toy_graph(seed=3), val=0.1, test=0.2, negatives=8, seed=0)


def keys(ends: Tensor, n: int) -> set[int]:
    return set((ends.min(0).values * n + ends.max(0).values).tolist())


# --- splits ---------------------------------------------------------------------------------------


def test_more_wrong_links_than_memory_holds() -> None:
    with pytest.raises(
        ValueError, match=r"negatives=1000000000000 of each .* memory .*negatives=\d+ fits"
    ):
        split_links(toy_graph(seed=3), negatives=10**12)


def test_every_link_is_in_one_split(task: LinkTask) -> None:
    data, n = toy_graph(seed=3), task.num_nodes
    edges = data.edge_index[:, data.edge_index[0] != data.edge_index[1]]
    parts = [keys(part.ends, n) for part in (task.train, task.val, task.test)]
    assert set.union(*parts) == keys(edges, n)
    assert sum(map(len, parts)) == len(keys(edges, n))
    m = len(keys(edges, n))
    assert [len(part) for part in parts[1:]] == [round(0.1 * m), round(0.2 * m)]
    assert (task.adj != task.adj.T).nnz == 0
    assert task.adj.diagonal().sum() == 0


def test_wrong_links_are_links_of_no_split(task: LinkTask) -> None:
    n = task.num_nodes
    every = set.union(*(keys(part.ends, n) for part in (task.train, task.val, task.test)))
    for part in (task.val, task.test):
        assert part.tails is not None
        heads = part.ends[0, :, None].expand_as(part.tails)
        assert not bool((heads == part.tails).any())
        assert not keys(torch.stack([heads.flatten(), part.tails.flatten()]), n) & every


def test_few_free_nodes_are_found_all_the_same() -> None:
    full = np.ones((6, 6)) - np.eye(6)
    full[0, 5] = full[5, 0] = 0
    tails = wrong_tails(sp.csr_matrix(full), np.zeros(50, np.int64), 4, np.random.default_rng(0))
    assert (tails == 5).all()
    full[0, 5] = full[5, 0] = 1
    with pytest.raises(ValueError, match="node 0 is linked to all others"):
        wrong_tails(sp.csr_matrix(full), np.zeros(1, np.int64), 1, np.random.default_rng(0))


def test_the_split_follows_its_seed() -> None:
    data = toy_graph(seed=3)
    a, b, c = (split_links(data, seed=seed).test.ends for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val": 0.5, "test": 0.5}, "leave no links to learn"),
        ({"test": -0.1}, "test=-0.1 must be"),
        ({"val": "x"}, "val='x'"),
        ({"negatives": 0}, "negatives=0 must be at least 1"),
        ({"negatives": 2.5}, "negatives=2.5"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
        ({"features": "degree"}, "data.x is there"),
    ],
)
def test_bad_shares_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_links(toy_graph(), **options)


def test_a_graph_without_links_is_refused() -> None:
    loops = Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0, 1], [0, 1]]))
    with pytest.raises(ValueError, match="no links between different nodes"):
        split_links(loops)
    with pytest.raises(ValueError, match="data has no edges"):
        split_links(Data(x=torch.ones(3, 2)))


@pytest.mark.parametrize("data", [None, "cora", torch.ones(3, 2), [Data()]])
def test_what_is_no_graph_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="links are of one graph"):
        split_links(data)


def test_features_are_made_of_training_links_alone() -> None:
    data = toy_graph(seed=3)
    bare = Data(edge_index=data.edge_index, num_nodes=data.num_nodes)
    with pytest.raises(ValueError, match=r"data\.x is missing.*features='degree'"):
        split_links(bare)
    task = split_links(bare, features="degree", test=0.4)
    degree = np.asarray(task.adj.sum(1)).ravel()
    column = np.where(degree > 0, np.floor(np.log2(np.maximum(degree, 1))) + 1, 0)
    assert (task.x_array.argmax(1) == column).all()
    seen = graphcondense.data.as_task(
        Data(edge_index=data.edge_index, y=data.y, train_mask=data.train_mask), features="degree"
    )
    with pytest.raises(ValueError, match="were made of all edges"):
        split_links(seen)


def random_link_split(**options: Any) -> tuple[Data, Data, Data]:
    torch.manual_seed(0)
    parts: tuple[Data, Data, Data] = RandomLinkSplit(
        **{"num_val": 0.1, "num_test": 0.2, "is_undirected": True, **options}
    )(toy_graph(seed=3))
    return parts


def test_pyg_s_split_is_read() -> None:
    train, val, test = random_link_split()
    task = as_links((train, val, test))
    assert keys(task.train.ends, task.num_nodes) == keys(train.edge_index, task.num_nodes)
    for ours, theirs in ((task.val, val), (task.test, test)):
        right = theirs.edge_label_index[:, theirs.edge_label == 1]
        assert torch.equal(ours.ends, right)
        assert ours.wrong == int((theirs.edge_label == 0).sum())


def test_a_file_of_the_three_parts_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In Python and on the command line, with methods that have a form for nodes, too."""
    monkeypatch.chdir(tmp_path)
    parts = random_link_split()
    torch.save(tuple(Data(**part.to_dict()) for part in parts), "own.pt")
    task, asked = graphcondense.data.load("own.pt"), as_links(parts, name="own")
    assert isinstance(task, LinkTask)
    assert (task.name, task.digest) == ("own", asked.digest)
    with pytest.raises(ValueError, match=r"own\.pt holds links that are split.*leave seed=3 out"):
        graphcondense.data.load("own.pt", seed=3)
    words = ["--data", "own.pt", "--nodes", "8", "--out"]
    assert cli.main(["condense", "convmatch", *words, "run"]) == 0
    assert cli.main(["evaluate", "run", "--epochs", "2", "--seeds", "1", "--models", "GCN"]) == 0
    capsys.readouterr()
    assert cli.main(["condense", "gcond", *words, "other"]) == 2
    assert "unknown method 'gcond' for link data" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"own\.pt holds a tuple, no graph with labelled nodes"):
        graphcondense.data.load("own.pt", kind="node")
    torch.save([Data(**part.to_dict()) for part in (parts[0], parts[0], parts[2])], "leak.pt")
    with pytest.raises(ValueError, match=r"^leak\.pt: "):
        graphcondense.data.load("leak.pt")


def test_links_that_no_model_sees_are_learnt_all_the_same() -> None:
    train, val, test = random_link_split(disjoint_train_ratio=0.3)
    task = as_links((train, val, test))
    learnt = train.edge_label_index[:, train.edge_label == 1]
    both = torch.cat([train.edge_index, learnt], 1)
    assert keys(task.train.ends, task.num_nodes) == keys(both, task.num_nodes)


def test_a_leak_is_refused() -> None:
    train, val, test = random_link_split()
    leaked = test.edge_label_index[:, test.edge_label == 1][:, :3].flip(0)
    train.edge_index = torch.cat([train.edge_index, leaked], 1)
    with pytest.raises(ValueError, match="3 links of test are links of train, too"):
        as_links((train, val, test))
    train, val, test = random_link_split()
    val.edge_label_index, val.edge_label = test.edge_label_index, test.edge_label
    with pytest.raises(ValueError, match="links of test are links of val, too"):
        as_links((train, val, test))


def test_a_split_of_edges_that_occur_several_times_is_refused_with_its_fix() -> None:
    graph = toy_graph(seed=3)
    graph.edge_index = graph.edge_index.repeat(1, 3)
    divide = RandomLinkSplit(num_val=0.1, num_test=0.2, is_undirected=True)
    with pytest.raises(ValueError, match=r"links of train, too.*data\.coalesce\(\) before it"):
        as_links(divide(graph))
    as_links(divide(graph.coalesce()))


def test_what_is_wrong_with_a_split_is_said() -> None:
    train, val, test = random_link_split()
    del val.edge_label
    with pytest.raises(ValueError, match=r"val\.edge_label is missing"):
        as_links((train, val, test))
    train, val, test = random_link_split()
    test.edge_label_index = test.edge_label_index + 10_000
    with pytest.raises(ValueError, match=r"names node 1.*but nodes are 0"):
        as_links((train, val, test))
    train, val, test = random_link_split(add_negative_train_samples=False, neg_sampling_ratio=0.0)
    val.edge_label = torch.ones(val.edge_label_index.shape[1])
    with pytest.raises(ValueError, match="has no wrong links"):
        as_links((train, val, test))
    with pytest.raises(ValueError, match="has no split of links"):
        as_links(toy_graph())
    train, val, test = random_link_split()
    val.edge_label = val.edge_label.float()
    val.edge_label[0] = torch.nan
    with pytest.raises(ValueError, match="has NaN"):
        as_links((train, val, test))
    val.edge_label[:] = 0
    with pytest.raises(ValueError, match="wrong links alone"):
        as_links((train, val, test))
    train, val, test = random_link_split()
    test.x = test.x[:-1]
    with pytest.raises(ValueError, match="give one graph's"):
        as_links((train, val, test))
    train, val, test = random_link_split()
    once = len(as_links((train, val, test)).val)
    val.edge_label_index = torch.cat([val.edge_label_index, val.edge_label_index.flip(0)], 1)
    val.edge_label = val.edge_label.repeat(2)
    assert len(as_links((train, val, test)).val) == once
    val.edge_label_index[:, 0] = 5
    with pytest.raises(ValueError, match="the loop 5 - itself"):
        as_links((train, val, test))


class Published(list[Data]):
    """As OGB's data sets answer."""

    def __init__(self, data: Data, split: dict[str, dict[str, Tensor]]) -> None:
        super().__init__([data])
        self.split, self.name = split, "ogbl-toy"

    def get_edge_split(self) -> dict[str, dict[str, Tensor]]:
        return self.split


def test_ogb_s_splits_are_read() -> None:
    task = split_links(toy_graph(seed=3), negatives=5)
    data = Data(x=task.x, edge_index=task.train.ends)
    pairs = {
        "train": {"edge": task.train.ends.t()},
        **{
            name: {"edge": part.ends.t(), "edge_neg": torch.tensor([[0, 1], [1, 2]])}
            for name, part in (("valid", task.val), ("test", task.test))
        },
    }
    read = as_links(Published(data, pairs))
    assert read.name == "ogbl-toy"
    assert read.test.wrong == 2
    assert (read.adj != task.adj).nnz == 0
    sources = {
        "train": dict(zip(("source_node", "target_node"), task.train.ends, strict=True)),
        **{
            name: {
                "source_node": part.ends[0],
                "target_node": part.ends[1],
                "target_node_neg": part.tails,
            }
            for name, part in (("valid", task.val), ("test", task.test))
        },
    }
    again = as_links(Published(data, sources))  # type: ignore[arg-type]
    assert again.test.tails is not None
    assert torch.equal(again.test.tails, task.test.tails)
    for wrong, message in (
        (task.val.tails[:1], "target_node_neg must be"),
        (task.val.tails + 1000, "names node 1.*nodes are 0"),
    ):
        sources["valid"]["target_node_neg"] = wrong
        with pytest.raises(ValueError, match=message):
            as_links(Published(data, sources))  # type: ignore[arg-type]
    del sources["valid"]["target_node_neg"]
    with pytest.raises(ValueError, match="'valid' has no wrong links"):
        as_links(Published(data, sources))  # type: ignore[arg-type]
    del sources["valid"]
    with pytest.raises(ValueError, match="has no 'valid'"):
        as_links(Published(data, sources))  # type: ignore[arg-type]


def test_the_digest_is_blind_to_test_links() -> None:
    task = split_links(toy_graph(seed=3))
    other = LinkTask(task.x, task.adj, task.val, Links(task.test.ends[:, :2]), "other")
    assert other.digest == task.digest
    fewer = LinkTask(task.x, task.adj, Links(task.val.ends[:, :2]), task.test, "other")
    assert fewer.digest != task.digest


# --- condensing -----------------------------------------------------------------------------------


def test_the_methods_are_those_without_labels() -> None:
    assert {"quotient", "convmatch", "random", "herding", "kcenter", "heavy-edge"} <= set(METHODS)
    assert not {"gcond", "kron", "vng"} & set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_links(name: str, task: LinkTask) -> None:
    x, adj = task.x.clone(), task.adj.copy()
    first, again = (
        graphcondense.condense(task, name, nodes=12, seed=1, progress=False) for _ in range(2)
    )
    assert len(first.x) == 12
    assert getattr(first, "y", None) is None
    assert bool(first.edge_weight.isfinite().all())
    assert graph_hash(first) == graph_hash(again)
    assert torch.equal(task.x, x)
    assert (task.adj != adj).nnz == 0
    assert first.validate()
    # Test links change nothing.
    poisoned = LinkTask(task.x, task.adj, task.val, Links(task.test.ends.flip(1)[:, :4]), task.name)
    assert graph_hash(
        graphcondense.condense(poisoned, name, nodes=12, seed=1, progress=False)
    ) == graph_hash(first)


def test_features_stand_out_from_their_mean(task: LinkTask) -> None:
    """By hand: means of members, each as often as it is an end of a link or any node, and so many
    times as far from the mean of all nodes."""
    x = torch.as_tensor(np.asarray(task.x)).double()
    degree = torch.from_numpy(task.adj.toarray()).double().sum(1)
    weight = degree / degree.sum() + 1 / len(x)
    for name, contrast in (("quotient", 1.0), ("quotient", 2.5), ("convmatch", 2.5)):
        small = graphcondense.condense(task, name, nodes=12, contrast=contrast, progress=False)
        groups = [small.assignment == i for i in range(12)]
        means = torch.stack([weight[g] @ x[g] / weight[g].sum() for g in groups])
        wanted = x.mean(0) + contrast * (means - x.mean(0))
        torch.testing.assert_close(small.x.double(), wanted, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="contrast=0"):
        graphcondense.condense(task, "quotient", nodes=12, contrast=0, progress=False)


def test_weights_are_of_all_nodes(task: LinkTask) -> None:
    """Those of the loss: of its pairs a link's ends, and any node."""
    ends = task.train.ends.flatten().bincount(minlength=task.num_nodes)
    wanted = ends / ends.sum() + 1 / task.num_nodes
    np.testing.assert_allclose(task.weight / task.weight.sum(), wanted / wanted.sum(), rtol=1e-5)
    for weight, setting in ((np.ones(3), "transductive"), (task.weight, "inductive")):
        with pytest.raises(ValueError, match=f"{len(weight)} weights of 120 nodes, {setting}"):
            NodeSource(task.nodes, setting, weight=weight)  # type: ignore[arg-type]


def test_nodes_move_to_the_nearest_group_at_last(task: LinkTask) -> None:
    """By hand, one step of k-means and the nearest of its centres, from the groups that were
    joined."""
    joined, moved = (
        graphcondense.condense(task, "convmatch", nodes=12, moves=moves, progress=False)
        for moves in (0, 1)
    )
    rows = np.asarray(task.x, dtype=np.float64)  # fewer columns than `dims`: all are seen
    for _ in range(3):
        rows = task.nodes.gcn_adj @ rows
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    group = joined.assignment.numpy()
    for _ in range(2):
        centres = np.stack([rows[group == i].mean(0) for i in range(12)])
        group = np.square(rows[:, None] - centres).sum(2).argmin(1)
    assert (group != joined.assignment.numpy()).any()
    np.testing.assert_array_equal(moved.assignment.numpy(), group)


def test_an_edge_weighs_what_a_member_has_in_the_mean() -> None:
    rng = np.random.default_rng(0)
    upper = sp.triu(sp.random_array((9, 9), density=0.5, rng=rng), 1)
    adj = sp.csr_matrix(((upper + upper.T) > 0).astype(np.float64))
    group = np.array([0, 1, 2, 0, 1, 1, 2, 2, 2])
    edges, weight = grouped_links(adj, group, 3)
    got = np.zeros((3, 3))
    got[edges[1], edges[0]] = weight
    wanted = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            inside = adj.toarray()[np.ix_(group == i, group == j)].sum()
            wanted[i, j] = (inside + (group == i).sum() * (i == j)) / (group == i).sum()
    np.testing.assert_allclose(got, wanted)


def test_a_gcn_of_groups_of_equal_nodes_is_that_of_the_real_graph() -> None:
    """Nodes that are alike in features and links: PyG's GCNConv gives a group what it gives each
    of its members."""
    group = torch.tensor([0, 0, 0, 1, 1])
    adj = np.zeros((5, 5))
    adj[:3, 3:] = 1
    adj = adj + adj.T  # complete bipartite: degrees are equal within a side
    x = torch.randn(2, 4)[group]
    edges, weight = grouped_links(sp.csr_matrix(adj), group.numpy(), 2)
    torch.manual_seed(0)
    conv = GCNConv(4, 3)
    small = torch.stack([x[0], x[3]])
    real_edges = torch.from_numpy(np.stack(adj.nonzero()))
    torch.testing.assert_close(conv(small, edges, weight)[group], conv(x, real_edges))


def test_files_keep_them(task: LinkTask, tmp_path: Path) -> None:
    small = graphcondense.condense(task, "convmatch", nodes=10, progress=False)
    path = graphcondense.save(small, tmp_path)
    again = graphcondense.load(path)
    assert type(again) is type(small)
    assert graph_hash(again) == graph_hash(small)
    assert again.condensed["kind"] == "link"
    assert again.condensed["budget"]["of_labelled"] == round(10 / 120, 6)  # of nodes, not of links
    card = path.with_suffix(".md").read_text()
    assert "links stand in for those of a large one" in card
    small.edge_index = small.edge_index + 10
    with pytest.raises(ValueError, match="edge_index names node"):
        graphcondense.save(small, tmp_path / "bad")


def test_wrong_methods_and_kinds_are_refused(task: LinkTask) -> None:
    with pytest.raises(ValueError, match="it is for node data; for link"):
        graphcondense.condense(task, "gecc", nodes=10, progress=False)
    with pytest.raises(ValueError, match="GECC is for node data, and these are link data"):
        graphcondense.condense(task, graphcondense.methods.find_method("gecc")[0](nodes=9))


# --- evaluation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", ["dot", "mlp"])
def test_vectors_that_are_all_alike_put_no_link_first(name: Any, shared: bool) -> None:
    """As an encoder makes them of a graph without links; no rounding tells right from wrong, also
    where an MLP's score is a small sum of large numbers."""
    rng = torch.Generator().manual_seed(0)
    ends, wrong = torch.arange(14).view(2, 7), torch.arange(500)
    links = Links(ends, tails=wrong.expand(7, 500))
    if shared:
        links = Links(ends, pairs=torch.stack([wrong, wrong + 20]))
    with torch.no_grad():
        for seed, k in enumerate((16, 64, 100, 128) * 20):
            z = torch.randn(k, generator=rng).expand(600, k).contiguous()
            ranks = ranks_of(z, links, decoder_of(name, k, k, (seed,), None))
            assert ranks.unique().tolist() == [251]


@pytest.mark.parametrize("shared", [False, True])
def test_scores_that_differ_are_told_apart(shared: bool) -> None:
    """By more than eight roundings of float32, of either sign, of any size; infinite ones tie."""
    one, large = torch.tensor([1.0, -1.0, 0.0, 1e-6, torch.inf]), 1e-5
    for right in one.tolist():
        near = [right * (1 - large), right * (1 + large), right * (1 + 2e-7), right]
        z = torch.tensor([[1.0], [right], *([value] for value in near)])
        wrong = torch.tensor([2, 3, 4, 5])
        links = Links(torch.tensor([[0], [1]]), tails=wrong[None])
        if shared:
            links = Links(torch.tensor([[0], [1]]), pairs=torch.stack([wrong * 0, wrong]))
        # One above and two as high; of zero and infinity all four are as high.
        assert ranks_of(z, links).tolist() == [3.0]


@pytest.mark.parametrize("shared", [False, True])
def test_ranks_are_ogb_s(shared: bool) -> None:
    evaluate = pytest.importorskip("ogb.linkproppred").Evaluator(name="ogbl-citation2")
    rng = torch.Generator().manual_seed(0)
    z = torch.randint(-2, 3, (30, 4), generator=rng).float()  # small integers: equal scores occur
    ends = torch.randint(30, (2, 40), generator=rng)
    tails = torch.randint(30, (40, 7), generator=rng)
    pairs = torch.randint(30, (2, 7), generator=rng)
    right = (z[ends[0]] * z[ends[1]]).sum(1)
    if shared:
        wrong = (z[pairs[0]] * z[pairs[1]]).sum(1).expand(40, 7)
        links = Links(ends, pairs=pairs)
    else:
        wrong = (z[ends[0]][:, None] * z[tails]).sum(2)
        links = Links(ends, tails=tails)
    told = evaluate.eval({"y_pred_pos": right, "y_pred_neg": wrong})
    ranks = ranks_of(z, links)
    torch.testing.assert_close(mrr(ranks), told["mrr_list"].double().mean())
    for k in (1, 3, 10):
        ours = (ranks <= k).double().mean()
        torch.testing.assert_close(ours, told[f"hits@{k}_list"].double().mean())


@pytest.mark.parametrize("shared", [False, True])
def test_a_score_that_is_no_number_ranks_last(shared: bool) -> None:
    """OGB's evaluator gives a model that has diverged the best score there is."""
    z = torch.ones(6, 2)
    z[0] = torch.nan
    ends = torch.tensor([[0, 1], [1, 2]])
    wrong = torch.tensor([[3, 4, 5], [3, 4, 0]])
    links = Links(ends, tails=wrong)
    if shared:
        links = Links(ends, pairs=torch.tensor([[3, 4, 5], [4, 5, 0]]))
    ranks = ranks_of(z, links).tolist()
    assert ranks[0] == 4
    assert ranks[1] == 3  # the mean of 2 and 4: two wrong links are equal, NaN is above


def test_the_loss_is_that_of_the_real_graph_with_its_groups_vectors() -> None:
    """By hand: all real links against all real pairs, each node with its group's vector."""
    rng = np.random.default_rng(0)
    upper = sp.triu(sp.random_array((12, 12), density=0.4, rng=rng), 1)
    adj = sp.csr_matrix(((upper + upper.T) > 0).astype(np.float32))
    group = rng.permutation(np.arange(12) % 4)
    edges, weight = grouped_links(adj, group, 4)
    small = Data(
        x=torch.ones(4, 2), edge_index=edges, edge_weight=weight, assignment=torch.tensor(group)
    )
    none = Links(torch.empty(2, 0, dtype=torch.long))
    one = Links(torch.tensor([[0], [1]]), tails=torch.tensor([[2]]))
    evaluator = LinkEvaluator(LinkTask(torch.ones(12, 2), adj, one, none))
    lesson = evaluator.read(small)
    z = torch.randn(1, 4, 3, dtype=torch.float32)
    score = (z[0] @ z[0].T)[group][:, group].double()
    soft = torch.nn.functional.softplus
    here = torch.from_numpy(adj.toarray()).double()
    wanted = (here * soft(-score)).sum() / here.sum() + soft(score).mean()
    got = loss_on(lesson, (0,), 8, torch.device("cpu"))(z)
    torch.testing.assert_close(got.double(), wanted, rtol=1e-5, atol=1e-6)


def test_drawn_pairs_have_the_loss_of_all_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    weights = sp.csr_matrix(rng.random((6, 6)) * (rng.random((6, 6)) < 0.6))
    links = sp.csr_matrix(weights + weights.T)
    lesson = Lesson(np.ones((6, 1), np.float32), links, rng.random(6) + 0.5, links)
    z = torch.randn(2, 6, 3)
    whole = loss_on(lesson, (0, 1), 1, torch.device("cpu"))(z)
    monkeypatch.setattr(Dot, "most", 0)
    # As many as there are links are drawn at most: the mean over many draws.
    draw = loss_on(lesson, (0, 1), 10**6, torch.device("cpu"))
    drawn = torch.stack([draw(z) for _ in range(3000)]).mean()
    torch.testing.assert_close(drawn, whole, rtol=0.03, atol=0.03)


def test_a_report_has_floors_and_says_what_is_ranked(task: LinkTask) -> None:
    small = graphcondense.condense(task, nodes=12, progress=False)
    report = graphcondense.evaluate(
        small, task, models=["GCN", "MLP"], seeds=2, epochs=20, progress=False
    )
    assert {row.label for row in report.rows} == {"condensed", "random", "whole"}
    assert f"MRR in % on {len(task.test)} test links" in report.table()
    row = next(row for row in report.rows if row.label == "whole" and row.model == "GCN")
    assert set(row.others) == {"Hits@1", "Hits@3", "Hits@10"}
    assert 0 < row.test_selected <= 1
    again = type(report).from_dict(report.to_dict())
    assert again.table() == report.table()


def test_links_of_a_graph_with_structure_are_learnt() -> None:
    """Two groups of nodes, linked within: a model ranks far above chance, from ten nodes."""
    rng = np.random.default_rng(0)
    side = np.arange(200) % 2
    draws = rng.random((200, 200)) < np.where(side[:, None] == side, 0.2, 0.002)
    ends = np.stack(np.triu(draws, 1).nonzero())
    x = torch.from_numpy(np.eye(2)[side] + rng.normal(0, 0.5, (200, 2))).float()
    real = split_links(Data(x=x, edge_index=torch.from_numpy(ends)), negatives=20)
    small = graphcondense.condense(real, nodes=10, progress=False)
    evaluator = LinkEvaluator(real, epochs=60)
    found = evaluator.fit("GCN", small, seeds=2)
    chance = float((1 / torch.arange(1, 22)).mean())
    assert float(found.test_selected.min()) > 1.4 * chance
    whole = evaluator.fit_whole("GCN", seeds=2)
    assert float(found.test_selected.mean()) > 0.8 * float(whole.test_selected.mean())
    alone = evaluator.fit("GCN", small, seeds=[1])
    torch.testing.assert_close(alone.val_selected[0], found.val_selected[1])


def test_small_graphs_that_do_not_match_are_refused(task: LinkTask) -> None:
    evaluator = LinkEvaluator(task)
    small = graphcondense.condense(task, nodes=6, progress=False)
    with pytest.raises(ValueError, match="features a node"):
        evaluator.score(Data(x=torch.ones(3, 1), edge_index=torch.tensor([[0], [1]])))
    with pytest.raises(ValueError, match="has no edge_index"):
        evaluator.score(Data(x=small.x))
    other = small.clone()
    other.assignment = other.assignment[:-1]
    with pytest.raises(ValueError, match="condensed from another graph"):
        evaluator.score(other)
    with pytest.raises(ValueError, match="needs x and edges"):
        evaluator.score(SimpleNamespace(y=1))


def test_a_set_of_another_split_is_told() -> None:
    """It has learnt what is tested."""
    one, two = (split_links(toy_graph(), negatives=5, seed=seed) for seed in (0, 1))
    small = graphcondense.condense(one, nodes=6, progress=False)
    short: dict[str, Any] = {"models": ["GCN"], "seeds": 1, "epochs": 2, "progress": False}
    with pytest.warns(UserWarning, match=f"other data \\({one.digest}\\).*only the split"):
        graphcondense.evaluate(small, two, **short)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graphcondense.evaluate(small, one, **short)


def test_no_links_to_validate_or_to_test_are_refused() -> None:
    with pytest.raises(ValueError, match="no validation links"):
        LinkEvaluator(split_links(toy_graph(), val=0))
    evaluator = LinkEvaluator(split_links(toy_graph(), test=0))
    with pytest.raises(ValueError, match="no test links"):
        evaluator.fit_whole("GCN", seeds=1)


def test_graphs_by_name() -> None:
    task = graphcondense.data.load("digits-links", seed=1)
    assert isinstance(task, LinkTask)
    assert task.name == "digits-links"
    with pytest.raises(ValueError, match="split='random' is for"):
        graphcondense.data.load("digits-links", split="random")


@pytest.mark.slow
def test_cora_s_links_from_81_nodes(data_root: Path) -> None:
    """A GCN ranks as from the whole graph, far above random nodes."""
    task = graphcondense.data.load("cora-links", root=data_root)
    small = graphcondense.condense(task, nodes=81, progress=False)
    evaluator = LinkEvaluator(task)
    found, floor, whole = (
        float(evaluator.fit("GCN", one, seeds=1).test_selected)
        for one in (small, evaluator.random(small, 0), task)
    )
    assert found > floor + 0.2
    assert found > 0.9 * whole


def test_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cli.main(["condense", "convmatch", "--data", "digits-links", "--nodes", "20", "--out", "run"])
    asked = ["--models", "GCN", "--seeds", "1", "--epochs", "5", "--json", "out.json"]
    cli.main(["evaluate", "run", *asked])
    assert "MRR in % on 1,234 test links" in capsys.readouterr().out
    labels = {row["label"] for row in json.loads(Path("out.json").read_text())["rows"]}
    assert {"convmatch", "random", "whole"} <= labels
    assert Path("run/graph.png").is_file()
    cli.main(["report", "run"])
    page = next(Path("run").glob("*.html")).read_text()
    assert "20 nodes, " in page
    assert "of all edge weight joins nodes of one class" not in page
    cli.main(["show", "run"])
    assert "convmatch" in capsys.readouterr().out
    assert cli.main(["properties", "run"]) == 2
    assert "is for one graph with labelled nodes; " in capsys.readouterr().err
