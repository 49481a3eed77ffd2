"""OGB sets through ogb itself, on today's torch."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch_geometric.data import Data

from graphcondense.data import load, load_ogb, nodes, ogb, open_ogb
from graphcondense.data.known import Named
from graphcondense.data.node_reading import as_task
from graphcondense.data.ogb import import_ogb, ogb_scope


@pytest.fixture(scope="module")
def written(tmp_path_factory, data_root) -> tuple[Path, dict[str, object], Data]:
    """Cora in OGB's own layout, written by OGB's own saver."""
    cora = load("cora", data_root, normalize="none")
    root = tmp_path_factory.mktemp("ogb")
    mapping = root / "mapping"
    mapping.mkdir()
    (mapping / "README.md").write_text("Nodes keep their order.")
    with ogb_scope():
        saver = import_ogb("ogb.io").DatasetSaver(
            "ogbn-coratest", False, 1, root=str(root / "submission")
        )
        graph = {
            "edge_index": cora.edge_index.numpy(),
            "num_nodes": cora.num_nodes,
            "node_feat": cora.x.numpy(),
        }
        saver.save_graph_list([graph])
        saver.save_target_labels(cora.y.numpy()[:, None])
        split = {"train": "train", "valid": "val", "test": "test"}
        indices = {k: cora[f"{v}_mask"].nonzero()[:, 0].numpy() for k, v in split.items()}
        saver.save_split(indices, split_name="public")
        saver.save_task_info("multiclass classification", "acc", num_classes=7)
        saver.copy_mapping_dir(str(mapping))
        meta = saver.get_meta_dict()
    return root, meta, cora


def test_round_trip_through_ogb(written):
    root, meta, cora = written
    processed = Path(meta["dir_path"]) / "processed" / "geometric_data_processed.pt"
    assert not processed.exists()
    for _ in range(2):  # from raw files, then from processed/
        data = load_ogb("ogbn-coratest", root, meta=meta)
        assert torch.equal(data.x, cora.x)
        assert torch.equal(data.edge_index, cora.edge_index)
        assert torch.equal(data.y, cora.y)
        for mask in ("train_mask", "val_mask", "test_mask"):
            assert torch.equal(data[mask], cora[mask])
        assert processed.exists()
        assert as_task(data, name="coratest").digest == as_task(cora).digest


def test_scope_leaves_everything_as_it_was(written):
    import builtins

    root, meta, _ = written
    url = import_ogb("ogb.utils.url")
    before, question = set(torch.serialization.get_safe_globals()), builtins.input
    with ogb_scope():
        with ogb_scope():
            pass
        assert "input" in vars(url)
        assert vars(url)["input"]("This will download 1.38GB. Will you proceed? (y/N)\n") == "y"
        with pytest.raises(ValueError, match="would delete files: nothing was changed"):
            vars(url)["input"]("Will you update the dataset now? (y/N)\n")
    assert "input" not in vars(url)
    assert builtins.input is question
    assert set(torch.serialization.get_safe_globals()) == before
    saver = import_ogb("ogb.io").DatasetSaver
    with ogb_scope(), pytest.raises(ValueError, match="would delete files"):  # it is there already
        saver("ogbn-coratest", False, 1, root=str(root / "submission"))
    assert Path(meta["dir_path"]).is_dir()


def test_molbace(data_root):
    if not (data_root / "ogb" / "ogbg_molbace").is_dir():
        pytest.skip("no ogb/ogbg_molbace in the data folder")
    graphs = []
    for _ in range(2):
        dataset, split = open_ogb("ogbg-molbace", data_root / "ogb")
        assert len(dataset) == 1513
        assert {k: len(v) for k, v in split.items()} == {"train": 1210, "valid": 151, "test": 152}
        graphs.append(dataset[7])
    first, second = graphs
    assert (first.x.shape[1], first.edge_attr.shape[1], first.y.shape) == (9, 3, (1, 1))
    for key in ("x", "edge_index", "edge_attr", "y"):
        assert torch.equal(first[key], second[key])


@pytest.fixture
def tiny_arxiv(tmp_path) -> Path:
    """A five-node set in the layout of ogbn-arxiv's download."""

    def write(name: str, rows: list[list[float]]) -> None:
        path = tmp_path / "ogbn_arxiv" / f"{name}.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(path, "wt") as file:
            file.writelines(",".join(map(str, row)) + "\n" for row in rows)

    write("raw/edge", [[0, 1], [2, 1], [3, 4]])
    write("raw/node-feat", [[float(i), 1.5 * i * i] for i in range(5)])
    write("raw/node-label", [[i % 2] for i in range(5)])
    write("raw/node_year", [[2010 + i] for i in range(5)])
    write("raw/num-node-list", [[5]])
    write("raw/num-edge-list", [[3]])
    write("split/time/train", [[0], [1]])
    write("split/time/valid", [[2]])
    write("split/time/test", [[3], [4]])
    (tmp_path / "ogbn_arxiv" / "RELEASE_v1.txt").touch()
    return tmp_path


def test_arxiv_is_undirected_and_standard(tiny_arxiv):
    data = load("Arxiv", tiny_arxiv)
    assert data.name == "ogbn-arxiv"
    assert data.edge_index.tolist() == [[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]]
    assert data.y.tolist() == [0, 1, 0, 1, 0]
    assert data.x[:2].tolist() == [[-1, -1], [1, 1]]
    assert [int(data[f"{s}_mask"].sum()) for s in ("train", "val", "test")] == [2, 1, 2]
    assert load_ogb("ogbn-arxiv", tiny_arxiv).num_edges == 3


def test_older_release_is_an_error_not_a_question(tiny_arxiv):
    """The message says what would do, and does not advise to delete anything."""
    mark = tiny_arxiv / "ogbn_arxiv" / "RELEASE_v1.txt"
    mark.unlink()
    before = sorted(tiny_arxiv.rglob("*"))
    with pytest.raises(ValueError, match=r"has no RELEASE_v1\.txt.* make an empty file") as caught:
        load("ogbn-arxiv", tiny_arxiv)
    assert not re.search("remove|delete", str(caught.value))
    assert len(str(caught.value)) < 500
    assert sorted(tiny_arxiv.rglob("*")) == before
    mark.touch()
    assert load("ogbn-arxiv", tiny_arxiv).num_nodes == 5


@pytest.mark.parametrize(
    "lost", ["raw/edge.csv.gz", "raw/node-label.csv.gz", "split/time/valid.csv.gz"]
)
def test_a_missing_file_is_named_and_no_other_is_lost(tiny_arxiv, monkeypatch, lost):
    """ogb downloads the whole set when a raw file is missing, and deletes the folder for it."""
    (tiny_arxiv / "ogbn_arxiv" / lost).unlink()
    before = sorted(tiny_arxiv.rglob("*"))
    url = import_ogb("ogb.utils.url")
    asked = []
    monkeypatch.setattr(url.ur, "urlopen", asked.append)
    with pytest.raises(ValueError, match=rf"{lost} is not in .*ogbn_arxiv: put .*arxiv\.zip"):
        load("ogbn-arxiv", tiny_arxiv)
    assert not asked
    assert sorted(tiny_arxiv.rglob("*")) == before


def test_an_empty_folder_is_no_older_release(tmp_path, monkeypatch):
    (tmp_path / "ogbn_arxiv" / "raw").mkdir(parents=True)

    def offline(*args, **kwargs):
        raise urllib.error.URLError("offline")

    monkeypatch.setattr(import_ogb("ogb.utils.url").ur, "urlopen", offline)
    with pytest.raises(
        ConnectionError, match=r"is not in .*offline.*put raw/edge\.csv\.gz.*arxiv\.zip"
    ):
        load("ogbn-arxiv", tmp_path)
    assert not (tmp_path / "ogbn_arxiv").exists()


def test_processed_file_with_code_is_refused(tiny_arxiv):
    import shutil

    load("ogbn-arxiv", tiny_arxiv)
    path = tiny_arxiv / "ogbn_arxiv" / "processed" / "geometric_data_processed.pt"
    torch.save((Data(x=torch.rand(2, 2), y=shutil.rmtree), None), path)
    with pytest.raises(ValueError, match="was refused, as it holds more than tensors"):
        load("ogbn-arxiv", tiny_arxiv)


def test_multi_label_opens_and_is_a_task_where_both_labels_are_there(
    written, monkeypatch, tmp_path
):
    root, meta, _ = written

    def several(known: Named, base: Path) -> Data:
        data = load_ogb("ogbn-coratest", root, meta=meta)
        data.y = torch.zeros(data.num_nodes, 112, dtype=torch.long)
        return data

    proteins = next(known for known in nodes.KNOWN if known.name == "ogbn-proteins")
    changed = Named(**{**vars(proteins), "open": several})
    monkeypatch.setattr(nodes, "KNOWN", (changed,))
    data = load("ogbn-proteins", tmp_path)
    assert data.y.shape == (2708, 112)
    with pytest.raises(ValueError, match="has no training node of class 1"):
        as_task(data)
    data.y[::2] = 1
    assert as_task(data).label_kind == "binary"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ogbn-none", "OGB has no set 'ogbn-none'; it has ogbn-proteins"),
        ("ogbl-ddi", "not a node"),
        ("ogbg-molbace", "not a node set"),
    ],
)
def test_what_is_not_a_node_set(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        load_ogb(name, tmp_path)
    assert not any(tmp_path.iterdir())


def test_import_stays_offline(tmp_path):
    # Whether the real check gets as far as a connection depends on other packages: this one does.
    (tmp_path / "outdated.py").write_text(
        "import socket\n\n"
        "def check_outdated(*args):\n"
        "    socket.create_connection(('127.0.0.1', 9))\n"
    )
    code = f"""
import socket, sys, threading

def refuse(*args, **kwargs):
    print("CONNECTED", args)
    raise OSError

socket.socket.connect = socket.getaddrinfo = refuse
sys.path.insert(0, {str(tmp_path)!r})
"""
    join = "\nfor t in threading.enumerate(): t is threading.main_thread() or t.join(5)"
    ours = "from graphcondense.data.ogb import import_ogb; import_ogb('ogb.nodeproppred')"
    for statement, connected in (("import ogb", True), (ours, False)):
        command = [sys.executable, "-c", code + statement + join]
        out = subprocess.run(command, check=True, capture_output=True, text=True)
        assert ("CONNECTED" in out.stdout) == connected


def test_the_second_reading_is_of_plain_tensors(tiny_arxiv, monkeypatch, caplog):
    first = load_ogb("ogbn-arxiv", tiny_arxiv)
    with monkeypatch.context() as patch:
        patch.setattr(ogb, "import_ogb", None)
        again = load_ogb("ogbn-arxiv", tiny_arxiv)
    assert set(again.to_dict()) == set(first.to_dict())
    for name, value in first.to_dict().items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(again[name])), name
    again.x[0, 0] = 7.0  # a copy of the page, and not the file
    assert torch.equal(load_ogb("ogbn-arxiv", tiny_arxiv).x, first.x)
    assert not caplog.records


@pytest.mark.parametrize("what", ["touched", "truncated"])
def test_plain_tensors_of_other_files_are_made_anew(tiny_arxiv, caplog, what):
    load_ogb("ogbn-arxiv", tiny_arxiv)
    folder = tiny_arxiv / "ogbn_arxiv"
    plain = folder / "processed" / "graphcondense.safetensors"
    if what == "touched":
        (folder / "RELEASE_v1.txt").write_text("touched")
    else:
        plain.write_bytes(plain.read_bytes()[:-1])
    assert load_ogb("ogbn-arxiv", tiny_arxiv).num_edges == 3
    said = "have changed since" if what == "touched" else "cannot be read"
    assert [said in record.getMessage() for record in caplog.records] == [True]
    load_ogb("ogbn-arxiv", tiny_arxiv)
    assert len(caplog.records) == 1


def test_no_room_for_plain_tensors_is_told(tiny_arxiv, caplog, monkeypatch):
    load_ogb("ogbn-arxiv", tiny_arxiv)
    plain = tiny_arxiv / "ogbn_arxiv" / "processed" / "graphcondense.safetensors"
    plain.unlink()

    def full(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    assert load_ogb("ogbn-arxiv", tiny_arxiv).num_edges == 3
    assert "cannot be written (no space left on device)" in caplog.text
    assert not plain.exists()
