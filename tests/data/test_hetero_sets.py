"""Published heterogeneous graphs: OGB's layout written and read back, folders as PyG has them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import HeteroData
from torch_geometric.transforms import ToUndirected

import graphcondense
from graphcondense.data import as_hetero, load, load_ogb, ogb, open_ogb
from graphcondense.data.hetero_parts import cut
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.ogb_hetero import RAW
from tests.cases import toy_hetero

PARTS = {"train": "train", "valid": "val", "test": "test"}
META: dict[str, Any] = {
    "num tasks": "1",
    "num classes": "3",
    "eval metric": "acc",
    "task type": "multiclass classification",
    "download_name": "none",
    "version": "1",
    "url": "nowhere",
    "add_inverse_edge": "False",
    "has_node_attr": "True",
    "has_edge_attr": "False",
    "split": "public",
    "additional node files": "None",
    "additional edge files": "None",
    "is hetero": "True",
    "binary": "False",
}


def csv(path: Path, rows: object, header: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False, header=header, compression="gzip")


def write_ogb(data: HeteroData, folder: Path, split: str = "public", version: str = "1") -> None:
    """A graph in the layout of OGB's heterogeneous node sets."""
    raw = folder / "raw"
    csv(raw / "num-node-dict.csv.gz", {k: [data[k].num_nodes] for k in data.node_types}, True)
    csv(raw / "triplet-type-list.csv.gz", data.edge_types)
    for triplet in data.edge_types:
        below, pair = raw / "relations" / "___".join(triplet), data[triplet].edge_index
        csv(below / "edge.csv.gz", pair.T.numpy())
        csv(below / "num-edge-list.csv.gz", [pair.shape[1]])
    labelled = {k: ["y" in data[k]] for k in data.node_types}
    csv(raw / "nodetype-has-label.csv.gz", labelled, True)
    csv(folder / "split" / split / "nodetype-has-split.csv.gz", labelled, True)
    for kind in data.node_types:
        if "x" in data[kind]:
            csv(raw / "node-feat" / kind / "node-feat.csv.gz", data[kind].x.double().numpy())
        if "y" in data[kind]:
            csv(raw / "node-label" / kind / "node-label.csv.gz", data[kind].y.numpy())
            for theirs, ours in PARTS.items():
                nodes = data[kind][f"{ours}_mask"].nonzero().numpy()
                csv(folder / "split" / split / kind / f"{theirs}.csv.gz", nodes)
    (folder / f"RELEASE_v{version}.txt").touch()


def same(one: HeteroTask, other: HeteroTask) -> None:
    """The same nodes, features, edges, labels and splits; OGB sorts types and relations."""
    assert one.target == other.target
    assert (one.label_kind, one.num_classes) == (other.label_kind, other.num_classes)
    assert sorted(one.graph.x) == sorted(other.graph.x)
    for kind, rows in one.graph.x.items():
        dense = [
            x if isinstance(x, np.ndarray) else x.toarray() for x in (rows, other.graph.x[kind])
        ]
        np.testing.assert_array_equal(*dense)
    assert sorted(one.graph.relations) == sorted(other.graph.relations)
    for relation, matrix in one.graph.relations.items():
        assert not (matrix != other.graph.relations[relation]).nnz
    assert torch.equal(one.y.nan_to_num(-5), other.y.nan_to_num(-5))
    for split in ("train", "val", "test"):
        assert torch.equal(getattr(one, split), getattr(other, split))


def data_of(task: HeteroTask, nodes: int) -> HeteroData:
    """Some target nodes of a real graph and what they touch, as users have it."""
    sizes = {**task.sizes_of(nodes), task.target: nodes}
    first = torch.arange(nodes)
    graph = cut(task, first, sizes, torch.Generator().manual_seed(0))
    out = HeteroData()
    for kind, rows in graph.x.items():
        dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
        out[kind].x = torch.from_numpy(np.ascontiguousarray(dense[:, :40]))
    for relation, matrix in graph.relations.items():
        if not matrix.nnz:  # OGB's files of text cannot hold a relation without edges
            continue
        coo = matrix.tocoo()
        out[relation].edge_index = torch.from_numpy(np.stack([coo.col, coo.row])).long()
    y = task.y[first]
    out[task.target].y = torch.unique(y, return_inverse=True)[1]
    for i, split in enumerate(("train", "val", "test")):
        out[task.target][f"{split}_mask"] = first % 3 == i
    train = out[task.target]
    for c in torch.unique(train.y).tolist():  # each class has a training node
        one = int((train.y == c).nonzero()[0])
        for split in ("train", "val", "test"):
            train[f"{split}_mask"][one] = split == "train"
    return out


@pytest.fixture
def mag(tmp_path: Path) -> Path:
    """A root with a small ``ogbn_mag``."""
    data = toy_hetero()
    for back in (("paper", "rev_writes", "author"), ("venue", "rev_in", "paper")):
        del data[back]
    write_ogb(data, tmp_path / "ogbn_mag", "time", "2")
    return tmp_path


@pytest.mark.parametrize("which", ["toy", "debian"])
def test_a_round_trip_through_ogbs_layout(
    which: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Read from raw files, then from processed/."""
    if which == "debian":
        root = request.getfixturevalue("data_root")
        try:
            data = data_of(load("debian-relations", root), 240)
        except ValueError as error:
            pytest.skip(f"no debian_relations.npz: {error}")
    else:
        data = toy_hetero()
    write_ogb(data, tmp_path / "ogbn_own")
    torch.save(META, tmp_path / "ogbn_own" / "meta_dict.pt")
    for _ in range(2):
        same(as_hetero(load_ogb("ogbn-own", tmp_path)), as_hetero(data))
    with pytest.raises(ValueError, match=r"heterogeneous: open it with .*load_ogb"):
        open_ogb("ogbn-own", tmp_path)


def test_ogbs_own_writer_in_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``DatasetSaver`` writes, whose description is given."""
    data = toy_hetero()
    data["author"].num_nodes = 60
    with ogb.ogb_scope():
        saver = ogb.import_ogb("ogb.io").DatasetSaver(
            "ogbn-heterotest", is_hetero=True, version=1, root=str(tmp_path)
        )
        graph = {
            "edge_index_dict": {k: v.numpy() for k, v in data.edge_index_dict.items()},
            "num_nodes_dict": {k: int(data[k].num_nodes) for k in data.node_types},
            "node_feat_dict": {k: data[k].x.numpy() for k in ("paper", "author")},
        }
        saver.save_graph_list([graph])
        saver.save_target_labels({"paper": data["paper"].y.numpy()[:, None]})
        parts = {
            theirs: {"paper": data["paper"][f"{ours}_mask"].nonzero()[:, 0].numpy()}
            for theirs, ours in PARTS.items()
        }
        saver.save_split(parts, split_name="public")
        saver.save_task_info("multiclass classification", "acc", num_classes=3)
        mapping = tmp_path / "mapping"
        mapping.mkdir()
        (mapping / "README.md").write_text("none")
        saver.copy_mapping_dir(str(mapping))
        meta = saver.get_meta_dict()
    for _ in range(2):
        same(as_hetero(load_ogb("ogbn-heterotest", tmp_path, meta=meta)), as_hetero(data))


def test_mag_by_name(mag: Path) -> None:
    """Every relation has a way back; what has no features gets means."""
    task = load("ogbn-mag", mag)
    assert isinstance(task, HeteroTask)
    assert task.name == "ogbn-mag"
    data = toy_hetero()
    for back in (("paper", "rev_writes", "author"), ("venue", "rev_in", "paper")):
        del data[back]
    same(task, as_hetero(ToUndirected()(data)))
    assert ("paper", "rev_writes", "author") in task.graph.relations
    cites = task.graph.relations["paper", "cites", "paper"]
    assert not (cites != cites.T).nnz
    small = graphcondense.condense(task, nodes=9, progress=False)
    assert small.condensed["data"]["name"] == "ogbn-mag"
    rows = {row["name"]: row for row in graphcondense.data.datasets("hetero", mag)}
    assert rows["ogbn-mag"]["local"]
    assert not rows["hgb-acm"]["local"]


@pytest.mark.parametrize(
    "lost",
    [
        "raw/num-node-dict.csv.gz",
        "raw/nodetype-has-label.csv.gz",
        "raw/relations/author___writes___paper/edge.csv.gz",
        "split/time/nodetype-has-split.csv.gz",
    ],
)
def test_a_missing_file_is_named_and_no_other_is_lost(mag: Path, lost: str) -> None:
    (mag / "ogbn_mag" / lost).unlink()
    before = sorted(mag.rglob("*"))
    with pytest.raises(ValueError, match=rf"{lost} is not in .*ogbn_mag: put .*mag\.zip"):
        load("ogbn-mag", mag)
    assert sorted(mag.rglob("*")) == before


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ("cut", r"edge\.csv\.gz cannot be read .* not whole; put the published one"),
        ("no split", r"split/time/paper/valid\.csv\.gz is not in .*put"),
        ("no label", r"raw/node-label/paper/node-label\.csv\.gz is not in .*put"),
        ("split", r"the split names node 500 of 'paper' in train, and there are \d+ .*published"),
        ("text", r"edge\.csv\.gz, line 2: 'some' is no number of a node; put the published"),
        ("number", r"edge\.csv\.gz has 3 edges, and num-edge-list.* says 2: put .* or write 3"),
    ],
)
def test_what_is_wrong_with_which_file(mag: Path, wrong: str, text: str) -> None:
    folder = mag / "ogbn_mag"
    edges = folder / "raw" / "relations" / "paper___cites___paper" / "edge.csv.gz"
    paper = folder / "split" / "time" / "paper"
    if wrong == "cut":
        edges.write_bytes(edges.read_bytes()[:-12])
    elif wrong == "no split":
        (paper / "valid.csv.gz").unlink()
    elif wrong == "no label":
        (folder / "raw" / "node-label" / "paper" / "node-label.csv.gz").unlink()
    elif wrong == "split":
        csv(paper / "train.csv.gz", [0, 500])
    elif wrong == "text":
        csv(edges, [["0", "1"], ["some", "2"]])
    else:
        csv(edges, [[0, 1], [1, 2], [2, 3]])
        csv(edges.with_name("num-edge-list.csv.gz"), [2])
    with pytest.raises(ValueError, match=text):
        load("ogbn-mag", mag)


def test_a_description_that_says_nothing(tmp_path: Path) -> None:
    write_ogb(toy_hetero(), tmp_path / "ogbn_own")
    torch.save({}, tmp_path / "ogbn_own" / "meta_dict.pt")
    with pytest.raises(ValueError, match=r"ogbn-own: its description .* does not say 'version'"):
        load_ogb("ogbn-own", tmp_path)


@pytest.mark.parametrize("noted", [True, False])
def test_raw_files_that_are_replaced_are_read_anew(mag: Path, noted: bool) -> None:
    def cited(data: HeteroData) -> list[list[int]]:
        return [sorted(ends) for ends in data["paper", "cites", "paper"].edge_index.tolist()]

    folder = mag / "ogbn_mag"
    load_ogb("ogbn-mag", mag)
    below = folder / "raw" / "relations" / "paper___cites___paper"
    csv(below / "edge.csv.gz", [[0, 1], [1, 2], [2, 3]])
    csv(below / "num-edge-list.csv.gz", [3])
    if not noted:
        (folder / RAW).unlink()
    for _ in range(2):
        assert cited(load_ogb("ogbn-mag", mag)) == [[0, 1, 2], [1, 2, 3]]


def test_a_broken_file_is_told(mag: Path) -> None:
    csv(mag / "ogbn_mag" / "raw" / "nodetype-has-label.csv.gz", {"paper": [False]}, True)
    with pytest.raises(ValueError, match=r"ogbn-mag: the files in .* are not as OGB has"):
        load("ogbn-mag", mag)


def test_another_release_is_an_error(mag: Path) -> None:
    (mag / "ogbn_mag" / "RELEASE_v2.txt").unlink()
    with pytest.raises(ValueError, match=r"has no RELEASE_v2\.txt"):
        load("ogbn-mag", mag)


def test_code_in_a_processed_file_is_refused(mag: Path) -> None:
    load("ogbn-mag", mag)
    path = mag / "ogbn_mag" / "processed" / "geometric_data_processed.pt"
    torch.save((HeteroData(own=shutil.rmtree), None), path)
    with pytest.raises(ValueError, match="was refused"):
        load("ogbn-mag", mag)


@pytest.mark.parametrize("line", ["paper,cites", "../../up,x,paper", ",,"])
def test_relations_that_are_none(mag: Path, line: str) -> None:
    import gzip

    path = mag / "ogbn_mag" / "raw" / "triplet-type-list.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(f"{line}\n")
    with pytest.raises(ValueError, match="which is no relation"):
        load("ogbn-mag", mag)


@pytest.mark.parametrize("task", ["binary classification", "regression"])
def test_other_labels_in_ogbs_layout(task: str, tmp_path: Path) -> None:
    data, rng = toy_hetero(), torch.Generator().manual_seed(0)
    y = torch.rand(120, 2, generator=rng)
    data["paper"].y = (y > 0.5).float() if task != "regression" else y
    data["paper"].label_kind = "binary" if task != "regression" else "regression"
    write_ogb(data, tmp_path / "ogbn_own")
    score = "rocauc" if task != "regression" else "rmse"
    meta = {**META, "task type": task, "eval metric": score, "num tasks": "2"}
    torch.save(meta, tmp_path / "ogbn_own" / "meta_dict.pt")
    found = as_hetero(load_ogb("ogbn-own", tmp_path))
    assert found.metric == score
    torch.testing.assert_close(found.y, data["paper"].y)


# --- PyG's own -------------------------------------------------------------------------------


def magnn(folder: Path, kinds: Mapping[str, int], features: int) -> sp.csr_matrix:
    """Raw files as MAGNN publishes them; types one after the other in one adjacency."""
    folder.mkdir(parents=True)
    rng, counts = np.random.default_rng(0), list(kinds.values())
    n, first = sum(counts), counts[0]
    adj = np.zeros((n, n))
    adj[:first, first : first + counts[1]] = rng.random((first, counts[1])) < 0.3
    adj[first : first + counts[1], first + counts[1] :] = (
        rng.random((counts[1], n - first - counts[1])) < 0.3
    )
    adj = sp.csr_matrix(np.maximum(adj, adj.T))
    sp.save_npz(folder / "adjM.npz", adj)
    for i, count in enumerate(counts[:features]):
        rows = rng.random((count, 4 + i)).round(3)
        if features == 3 and len(kinds) == 4 and i == 2:
            np.save(folder / f"features_{i}.npy", rows)
        else:
            sp.save_npz(folder / f"features_{i}.npz", sp.csr_matrix(rows))
    np.save(folder / "labels.npy", np.arange(first) % 3)
    np.save(folder / "node_types.npy", np.repeat(np.arange(len(counts)), counts))
    parts = np.split(np.arange(first), [first // 2, 3 * first // 4])
    np.savez(
        folder / "train_val_test_idx.npz",
        **{
            f"{split}_idx": part
            for split, part in zip(("train", "val", "test"), parts, strict=True)
        },
    )
    return adj


def test_dblp_and_imdb(tmp_path: Path) -> None:
    kinds = {"author": 24, "paper": 30, "term": 12, "conference": 3}
    adj = magnn(tmp_path / "DBLP" / "raw", kinds, 3)
    task = load("dblp-hetero", tmp_path)
    assert task.target == "author"
    assert task.graph.counts == kinds
    assert task.made == {"conference": "mean features of the paper nodes that it touches"}
    block = adj[:24, 24:54].T
    assert not (task.graph.relations["author", "to", "paper"] != block).nnz
    movies = {"movie": 24, "director": 10, "actor": 9}
    magnn(tmp_path / "IMDB" / "raw", movies, 3)
    task = load("imdb", tmp_path)
    assert (task.target, task.num_classes) == ("movie", 3)
    assert [len(getattr(task, s)) for s in ("train", "val", "test")] == [12, 6, 6]


def hgb(folder: Path, several: bool = False) -> None:
    """Raw files of the Heterogeneous Graph Benchmark: 20 papers and 8 authors."""
    folder.mkdir(parents=True)
    info = {
        "node.dat": {"node type": {"0": "paper", "1": "author"}},
        "link.dat": {
            "link type": {
                "0": {"start": 0, "end": 1, "meaning": "paper-author"},
                "1": {"start": 1, "end": 0, "meaning": "author-paper"},
            }
        },
        "label.dat": {"node type": {"0": {"0": "a", "1": "b"}}},
    }
    (folder / "info.dat").write_text(json.dumps(info))
    nodes = [f"{i}\tp{i}\t0\t{i}.5,{i % 2}" for i in range(20)]
    nodes += [f"{20 + i}\ta{i}\t1" for i in range(8)]
    pairs = [(i, 20 + i % 8) for i in range(20)]
    links = [f"{a}\t{b}\t0\t1.0" for a, b in pairs] + [f"{b}\t{a}\t1\t1.0" for a, b in pairs]

    def labels(rows: range) -> list[str]:
        return [f"{i}\tp{i}\t0\t{'0,1' if several and i % 3 == 0 else i % 2}" for i in rows]

    for name, lines in {
        "node.dat": nodes,
        "link.dat": links,
        "label.dat": labels(range(15)),
        "label.dat.test": labels(range(15, 20)),
    }.items():
        (folder / name).write_text("\n".join([*lines, ""]))


@pytest.mark.parametrize(("name", "folder"), [("hgb-acm", "ACM"), ("hgb-imdb", "IMDB")])
def test_the_heterogeneous_graph_benchmark(tmp_path: Path, name: str, folder: str) -> None:
    """Its published test labels are drawn at random: no node of theirs has one here."""
    hgb(tmp_path / "HGB" / folder.lower() / "raw" / folder, several=folder == "IMDB")
    task = load(name, tmp_path)
    assert task.label_kind == ("binary" if folder == "IMDB" else "classes")
    assert task.metric == ("f1" if folder == "IMDB" else "accuracy")
    parts = [getattr(task, split) for split in ("train", "val", "test")]
    assert [len(part) for part in parts] == [9, 3, 3]
    assert sorted(torch.cat(parts).tolist()) == list(range(15))
    hidden = task.y[15:]
    assert bool((hidden == -1).all() if hidden.dim() == 1 else hidden.isnan().all())
    again = load(name, tmp_path)
    assert again.digest == task.digest
    small = graphcondense.condense(task, "random", nodes=4, progress=False)
    assert len(small["paper"].x) == 4


def test_code_among_raw_files_is_refused(tmp_path: Path) -> None:
    kinds = {"author": 24, "paper": 30, "term": 12, "conference": 3}
    raw = tmp_path / "DBLP" / "raw"
    magnn(raw, kinds, 3)
    np.save(raw / "labels.npy", np.array([shutil.rmtree], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"allow_pickle|refused"):
        load("dblp-hetero", tmp_path)
    shutil.rmtree(tmp_path / "DBLP")
    magnn(raw, kinds, 3)
    load("dblp-hetero", tmp_path)
    torch.save(
        (HeteroData(own=shutil.rmtree), None, HeteroData), raw.parent / "processed" / "data.pt"
    )
    with pytest.raises(ValueError, match="was refused"):
        load("dblp-hetero", tmp_path)
