"""Sets of graphs by name and from files."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphcondense import data as gd
from graphcondense.data import graphs, nodes
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.graph_task import GraphTask
from graphcondense.data.known import Named
from graphcondense.data.ogb import import_ogb


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any connection or question fails at once."""

    def refuse(*args, **kwargs):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("builtins.input", refuse)


def parts(task: GraphTask) -> tuple[int, int, int]:
    return len(task.train), len(task.val), len(task.test)


def some(count: int = 20) -> list[Data]:
    return [
        Data(x=torch.rand(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]), y=i % 2)
        for i in range(count)
    ]


# --- by name


@pytest.mark.parametrize(
    ("name", "canonical", "kind", "metric", "outputs", "split", "edge_features"),
    [
        ("ogbg-molbace", "ogbg-molbace", "binary", "rocauc", 1, (1210, 151, 152), True),
        ("MolBBBP", "ogbg-molbbbp", "binary", "rocauc", 1, (1631, 204, 204), True),
        ("mutag", "MUTAG", "classes", "accuracy", 2, (109, 13, 13), True),
        ("TUDataset_NCI-1", "NCI1", "classes", "accuracy", 2, (3029, 378, 378), False),
    ],
)
def test_real_sets(
    data_root, offline, capsys, name, canonical, kind, metric, outputs, split, edge_features
) -> None:
    task = gd.load_graphs(name, data_root)
    assert (task.name, task.label_kind, task.metric) == (canonical, kind, metric)
    assert (len(task), parts(task)) == (sum(split), split)  # MUTAG and NCI1 de-duplicated
    assert (task.num_outputs, task.num_edge_features > 0) == (outputs, edge_features)
    assert (task.nodes is not None) == canonical.startswith("ogbg")
    assert capsys.readouterr().out == ""
    assert gd.load(name, data_root).digest == task.digest


def test_splits(data_root, offline) -> None:
    first = gd.load_graphs("molbace", data_root, split="stratified", seed=3)
    again = gd.load_graphs("molbace", data_root, split="stratified", seed=3)
    other = gd.load_graphs("molbace", data_root, split="stratified", seed=4)
    assert parts(first) == (1211, 151, 151)
    assert torch.equal(first.train, again.train)
    assert not torch.equal(first.train, other.train)
    y = first.graphs.y
    shares = [float(y[part].mean()) for part in (first.train, first.val, first.test)]
    assert max(shares) - min(shares) < 0.01
    with pytest.raises(ValueError, match=r"ogbg-molbace: seed=4 cannot act.* have a split"):
        gd.load_graphs("molbace", data_root, seed=4)
    scaffold = gd.load_graphs("molbace", data_root)
    assert torch.equal(scaffold.train, gd.load_graphs("molbace", data_root, split="scaffold").train)
    with pytest.raises(ValueError, match=r"split='public': ogbg-molbace has scaffold, stratified$"):
        gd.load_graphs("molbace", data_root, split="public")
    with pytest.raises(ValueError, match=r"MUTAG has stratified \(it has no published split\)"):
        gd.load("MUTAG", data_root, split="scaffold")


def test_options_of_node_sets_are_refused(data_root, tmp_path, offline) -> None:
    with pytest.raises(ValueError, match=r"normalize='row' is for one graph .*MUTAG is a set of"):
        gd.load("mutag", data_root, normalize="row")
    torch.save(some(), tmp_path / "g.pt")
    with pytest.raises(ValueError, match=r"device='cpu' is for one graph .*g\.pt is a set of"):
        gd.load(tmp_path / "g.pt", device="cpu")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mutagg", r"did you mean MUTAG.* ends in \.pt\."),
        ("ogbg-molhib", "did you mean ogbg-molhiv"),
        ("cora", "cora is one graph with labelled nodes: open it with graphcondense.data.load"),
        ("xyzzy", r"datasets\(\) lists"),
        ("nothing.pt", "there is no file"),
    ],
)
def test_unknown_names(tmp_path, offline, name, hint) -> None:
    with pytest.raises(ValueError, match=hint):
        gd.load_graphs(name, tmp_path)


def test_close_names_are_of_both_kinds() -> None:
    with pytest.raises(ValueError, match=r"did you mean .*PROTEINS"):
        gd.load("proteines")
    with pytest.raises(ValueError, match="did you mean cora"):
        gd.load("corra")


def test_no_download_without_network(tmp_path, offline) -> None:
    for _ in range(2):  # what the first attempt leaves behind must not change the second
        for name in ("ENZYMES", "IMDB-BINARY", "ogbg-molhiv"):
            with pytest.raises(ConnectionError, match=f"{name} is not in .* set root="):
                gd.load_graphs(name, tmp_path)


def test_read_only_root(monkeypatch, tmp_path) -> None:
    def refuse(known: Named, base: Path) -> graphs.Opened:
        raise PermissionError(13, "Permission denied")

    changed = replace(graphs.KNOWN_GRAPHS[0], open=refuse)
    monkeypatch.setattr(graphs, "KNOWN_GRAPHS", (changed,))
    with pytest.raises(ValueError, match="ogbg_molhiv, which is read-only; copy"):
        gd.load_graphs("molhiv", tmp_path)


def test_what_is_wrong_with_a_set_is_said_with_its_name(monkeypatch, tmp_path) -> None:
    def empty(known: Named, base: Path) -> graphs.Opened:
        return [Data(x=torch.ones(0, 2), y=0)], None

    monkeypatch.setattr(graphs, "KNOWN_GRAPHS", (replace(graphs.KNOWN_GRAPHS[0], open=empty),))
    with pytest.raises(ValueError, match="ogbg-molhiv: graph 0 has no nodes"):
        gd.load_graphs("molhiv", tmp_path)


def write_tu(root: Path, name: str, **extra: list[str]) -> None:
    """Twelve graphs, two classes: a path of three nodes, and a star with 70 leaves."""
    edges, owner, labels = [], [], []
    for i in range(12):
        first = len(owner) + 1
        n = 3 if i % 2 else 71
        pairs = [(0, 1), (1, 2)] if i % 2 else [(0, j) for j in range(1, n)]
        edges += [f"{first + a}, {first + b}" for p in pairs for a, b in (p, p[::-1])]
        owner += [str(i + 1)] * n
        labels.append(str(2 * (i % 2) - 1))
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    files = {"A": edges, "graph_indicator": owner, "graph_labels": labels}
    for kind, lines in {**files, **{k: v * len(owner) for k, v in extra.items()}}.items():
        (raw / f"{name}_{kind}.txt").write_text("\n".join(lines) + "\n")


def test_tudatasets_without_features_have_degrees(tmp_path, offline, capsys) -> None:
    write_tu(tmp_path, "IMDB-BINARY")
    task = gd.load_graphs("imdb-binary", tmp_path)
    assert task.graphs.x.dtype == torch.long
    assert task.nodes.values == ((1, 2, graphs.DEGREE_CAP),)
    star, path = task.graphs.graph(0), task.graphs.graph(1)
    assert star.x.flatten().tolist() == [64] + [1] * 70  # 70 is capped
    assert path.x.flatten().tolist() == [1, 2, 1]
    assert task.graphs.y.tolist() == [0, 1] * 6
    assert capsys.readouterr().out == ""


def test_tudatasets_with_attributes_have_them(tmp_path, offline) -> None:
    write_tu(tmp_path, "ENZYMES", node_attributes=["0.5, 0.25"], node_labels=["1"])
    task = gd.load_graphs("ENZYMES", tmp_path)
    assert task.graphs.graph(1).x.tolist() == [[0.5, 0.25, 1.0]] * 3
    write_tu(tmp_path, "FRANKENSTEIN", node_attributes=["0.5, 0.25"])
    assert gd.load_graphs("FRANKENSTEIN", tmp_path).num_features == 2


def test_degrees_leave_their_input_alone() -> None:
    given = Data(edge_index=torch.tensor([[0, 0], [1, 2]]), num_nodes=4)
    assert gd.degree_categories(given).x.tolist() == [[2], [0], [0], [0]]
    assert given.x is None


# --- files


def test_a_list_in_a_file(tmp_path) -> None:
    given = some()
    torch.save(given, tmp_path / "mine.pt")
    task = gd.load_graphs(tmp_path / "mine.pt", seed=2)
    assert (task.name, len(task), parts(task)) == ("mine", 20, (16, 2, 2))
    assert task.digest == as_graph_task(given, seed=2).digest
    assert gd.load(str(tmp_path / "mine.pt"), seed=2).digest == task.digest
    assert gd.load_graphs(tmp_path / "mine.pt", seed=3).digest != task.digest
    with pytest.raises(ValueError, match=r"mine\.pt has stratified \(it has no published split"):
        gd.load(tmp_path / "mine.pt", split="scaffold")


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_bad_files(tmp_path) -> None:
    file, mark = tmp_path / "g.pt", tmp_path / "ran"
    for content, message in (
        ([Hostile(mark)], "was refused: it may hold a list of PyG Data and nothing else"),
        (some()[0], "g.pt holds one graph: open it with graphcondense.data.load"),
        ({"a": torch.ones(1)}, "holds a dict, not a list of PyG Data"),
        ([torch.ones(1)], "holds a list, not a list of PyG Data"),
        ([], "g: a data set of graphs needs at least one graph"),
    ):
        torch.save(content, file)
        with pytest.raises(ValueError, match=message):
            gd.load_graphs(file)
    assert not mark.exists()


# --- the table


def test_table_agrees_with_ogb() -> None:
    import pandas as pd

    origin = Path(import_ogb("ogb.graphproppred").__file__).with_name("master.csv")
    master = pd.read_csv(origin, index_col=0, keep_default_na=False)
    ours = {known.name: known for known in graphs.KNOWN_GRAPHS if known.family == "OGB"}
    assert set(ours) == {name for name in master if name.startswith("ogbg-mol")}
    for name, known in ours.items():
        assert known.metric == master[name]["eval metric"]
        assert known.classes == int(master[name]["num tasks"])
        assert known.splits[0] == master[name]["split"]
        assert known.folder == name.replace("-", "_")


def test_rows_of_all_sets(data_root, tmp_path) -> None:
    rows = gd.datasets(root=tmp_path)
    assert len({tuple(row) for row in rows}) == 1  # the same columns in all
    own = len(nodes.KNOWN), len(graphs.KNOWN_GRAPHS)
    assert [row["kind"] for row in rows][: sum(own)] == ["node"] * own[0] + ["graph"] * own[1]
    assert {row["kind"] for row in rows[sum(own) :]} == {"image", "rows", "hetero", "link"}
    assert {row["name"]: row["graphs"] for row in rows}["ogbg-molpcba"] == 437_929
    assert {row["graphs"] for row in rows if row["kind"] == "node"} == {1}
    keys = [k for known in (*nodes.KNOWN, *graphs.KNOWN_GRAPHS) for k in known.spellings()]
    assert len(keys) == len(set(keys))
    local = {row["name"] for row in gd.datasets(root=data_root) if row["local"]}
    assert local >= {"cora", "MUTAG", "NCI1", "ogbg-molbace", "digits"}
    assert "ogbg-molhiv" not in local
