"""Which kind of data something is, in Python and on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from torch.utils.data import ConcatDataset, IterableDataset, Subset
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader

from graphcondense import data as gd
from graphcondense.cli.where import Where, kind_of
from graphcondense.data.interaction_reading import as_interactions
from graphcondense.data.kind import kind_of_data
from graphcondense.evaluate import evaluator_of
from graphcondense.kinds import problem_of
from tests.cases import toy_graph, toy_graphs, toy_hetero, toy_images, toy_rows


def papers(labelled: bool) -> HeteroData:
    out = HeteroData()
    out["author"].num_nodes, out["paper"].x = 4, torch.ones(6, 2)
    index = torch.cartesian_prod(torch.arange(4), torch.arange(6)).T
    out["author", "writes", "paper"].edge_index = index
    if labelled:
        out["paper"].y = torch.tensor([0, 1] * 3)
        out["paper"].train_mask = torch.ones(6, dtype=torch.bool)
    return out


def pairs() -> list[Any]:
    return list(zip(*toy_images(n=30), strict=True))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (toy_graph, "node"),
        (lambda: [toy_graph()], "node"),
        (toy_graphs, "graph"),
        (lambda: Subset(toy_graphs(), range(30)), "graph"),
        (lambda: ConcatDataset([toy_graphs(), toy_graphs()]), "graph"),
        (toy_images, "image"),
        (pairs, "image"),
        (toy_rows, "rows"),
        (lambda: papers(False), "rows"),
        (lambda: papers(True), "hetero"),
        (lambda: pd.DataFrame({"user": [0], "item": [1]}), "rows"),
    ],
)
def test_kinds(make, kind: str) -> None:
    assert kind_of_data(make()) == kind


@pytest.mark.parametrize("make", [toy_graph, toy_graphs, pairs, toy_rows, toy_hetero])
def test_condensing_and_evaluating_take_the_same_kind(make) -> None:
    kind = kind_of_data(make())
    assert problem_of(make(), torch.device("cpu"), "transductive").kind == kind
    data = make() if kind != "image" else gd.as_images(make(), make())
    units = {"image": "images", "rows": "users"}
    assert evaluator_of(data).units[0] == units.get(kind, "nodes")


class Endless(IterableDataset):
    def __iter__(self):
        yield from toy_graphs()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Batch.from_data_list(toy_graphs()),
            r"a Batch of 60 graphs may .*to_data_list\(\)",
        ),
        (lambda: DataLoader(toy_graphs()), r"a DataLoader: pass its data set \(.dataset\)"),
        (Endless, r"Endless can only be read .* pass list\(dataset\)"),
        (lambda: iter(toy_graphs()), r"cannot condense a list_iterator: pass list\(...\) of it"),
        (lambda: 7, "cannot condense a int; pass a PyG Data"),
        (
            lambda: list(toy_images()),
            r"a list whose first element is a Tensor; .*\(images \[n, c, h, w\], labels \[n\]\)",
        ),
    ],
)
def test_what_may_be_one_or_the_other_is_refused(make, message: str) -> None:
    for take in (kind_of_data, evaluator_of):
        with pytest.raises(ValueError, match=message) as caught:
            take(make())
        assert len(str(caught.value)) < 500
    with pytest.raises(ValueError, match=message):
        problem_of(make(), torch.device("cpu"), "transductive")


def test_a_labelled_heterogeneous_graph_can_be_read_otherwise() -> None:
    one = papers(True)
    assert as_interactions(one).num_users == 4
    one["author"].x = torch.zeros(4, 2)
    assert kind_of_data(one.to_homogeneous()) == "node"


def write_inter(path: Path) -> None:
    rows = toy_rows().tocoo()
    head = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    lines = [f"{u:03d}\t{i}\t3.5\t97.0" for u, i in zip(rows.row, rows.col, strict=True)]
    path.write_text("\n".join([head, *lines]) + "\n")


def test_tables_are_users_by_items(tmp_path: Path) -> None:
    write_inter(tmp_path / "toy.inter")
    frame = pd.read_csv(tmp_path / "toy.inter", sep="\t", dtype=str)
    frame.to_csv(tmp_path / "toy.csv", index=False)
    frame.rename(columns=lambda name: name.partition("_")[0]).to_csv(
        tmp_path / "toy.tsv", sep="\t", index=False
    )
    sp.save_npz(tmp_path / "toy.npz", toy_rows())
    expected = as_interactions(toy_rows())
    for ending in ("inter", "csv", "tsv", "npz"):
        path = tmp_path / f"toy.{ending}"
        assert kind_of(str(path)) == "rows"
        for task in (gd.load(path), Where(data=str(path)).load("rows")):
            assert (task.name, task.num_users, task.num_items) == ("toy", 60, 40)
            assert task.train.nnz == expected.train.nnz
    inter = gd.load(tmp_path / "toy.inter")
    assert inter.user_ids[:2].tolist() == ["000", "001"]  # text stays text
    with pytest.raises(ValueError, match=r"normalize='row' is for one graph"):
        gd.load(tmp_path / "toy.inter", normalize="row")
    with pytest.raises(ValueError, match=r"there is no .*nothere.inter"):
        gd.load(tmp_path / "nothere.inter")
    folder = tmp_path / "set"
    folder.mkdir()
    write_inter(folder / "one.inter")
    assert kind_of(str(folder)) == "rows"
    write_inter(folder / "two.inter")
    with pytest.raises(ValueError, match=r"has 2 files .inter: name one, one.inter"):
        gd.load_interactions(folder)
    (tmp_path / "bad.inter").write_text("who:token\tstars:float\na\t1\n")
    with pytest.raises(ValueError, match=r"bad.inter: the frame has no column 'user'; it has who"):
        gd.load(tmp_path / "bad.inter")


def test_files_are_what_is_in_them(tmp_path: Path) -> None:
    graph = toy_graph()
    for name, held, kind in (
        ("one.pt", graph, "node"),
        ("list.pt", [graph], "node"),
        ("many.pt", toy_graphs(), "graph"),
    ):
        torch.save(held, tmp_path / name)
        assert kind_of(str(tmp_path / name)) == kind == kind_of_data(held)
    assert isinstance(gd.load(tmp_path / "list.pt"), Data)


def test_the_flag_says_what_labels_of_a_file_are(tmp_path: Path) -> None:
    path = tmp_path / "floats.pt"
    torch.save([Data(x=torch.ones(2, 1), y=torch.tensor([float(i % 3)])) for i in range(30)], path)
    with pytest.raises(ValueError, match=r"y are 0, 1, 2: .*on the command line --label-kind"):
        Where(data=str(path)).load()
    for kind in ("classes", "regression"):
        assert Where(data=str(path), label_kind=kind).load().label_kind == kind
    with pytest.raises(
        ValueError, match=r"--label-kind classes is for one graph .*, a set of graphs or"
    ):
        Where(data="digits-images", label_kind="classes").load()


def test_a_evaluator_of_a_matrix_is_of_users() -> None:
    assert evaluator_of(toy_rows()).real.num_users == 60
    assert kind_of_data({"train": sp.eye(3), "val": sp.eye(3), "test": sp.eye(3)}) == "rows"
    assert kind_of_data((np.zeros((3, 4, 4)), [0, 1, 2])) == "image"
    assert kind_of_data((torch.zeros(3, 4, 4), ["a", "b", "c"])) == "image"


def test_a_file_of_another_ending_is_no_unknown_name(tmp_path: Path) -> None:
    path = tmp_path / "ratings.txt"
    path.write_text("user,item\n")
    with pytest.raises(ValueError, match=r"ratings.txt is there, but .* ends in .*\.csv"):
        gd.load(path)


@pytest.mark.parametrize("seed", [np.int64(3), np.array(3), torch.tensor(3)])
def test_a_seed_of_numpy_or_torch_is_a_seed(seed: Any) -> None:
    """It was checked, and then handed on as it came."""
    frame = pd.DataFrame({"a": np.arange(90.0), "goal": ["x", "y", "z"] * 30})
    edges = pd.DataFrame({"source": range(89), "target": range(1, 90)})
    users = sp.csr_matrix(np.ones((4, 10)))
    for opened in (
        lambda seed: gd.load("digits", seed=seed),
        lambda seed: gd.as_graph_task(toy_graphs(), seed=seed),
        lambda seed: gd.as_interactions(users, seed=seed),
        lambda seed: gd.split_links(toy_graph(), seed=seed),
        lambda seed: gd.as_task(nodes=frame, edges=edges, target="goal", seed=seed),
        lambda seed: gd.simulate("arxiv-like", scale=0.001, seed=seed),
    ):
        one, other = opened(seed), opened(3)
        for name in ("train", "train_mask"):
            given = getattr(one, name, None)
            if isinstance(given, torch.Tensor):
                assert torch.equal(given, getattr(other, name))
