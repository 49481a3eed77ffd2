"""Folders for others: what mlcroissant, Parquet readers and a plain PyG program find in them."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

import graphcondense
from graphcondense import cli
from graphcondense.data import split_links
from graphcondense.saved.condensed_rows import CondensedInteractions
from tests.cases import toy_graph

mlc = pytest.importorskip("mlcroissant")
parquet = pytest.importorskip("pyarrow.parquet")

ORIGIN: dict[str, Any] = {"licence": "CC BY 4.0", "source": "a toy"}
FILES = ["CITATION.bib", "README.md", "condensed.safetensors", "croissant.json"]


def column(folder: Path, table: str, name: str) -> Tensor:
    """As Parquet has it."""
    values = parquet.read_table(folder / f"{table}.parquet")[name].to_pylist()
    return torch.tensor(values)


def through_croissant(folder: Path, table: str, name: str) -> Tensor:
    """As mlcroissant reads it; validated on the way."""
    data = mlc.Dataset(str(folder / "croissant.json"))
    assert not data.metadata.issues.errors
    assert not data.metadata.issues.warnings
    return torch.tensor([row[f"{table}/{name}"] for row in data.records(table)])


@pytest.fixture(scope="module")
def small() -> Any:
    return graphcondense.condense(toy_graph(), "gecc", nodes=6, progress=False)


def test_a_graph_comes_back_equal(small: Any, tmp_path: Path) -> None:
    folder = graphcondense.export(small, tmp_path / "a" / "b", **ORIGIN)
    tables = ["nodes.parquet", "edges.parquet"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES + tables)
    for read in (column, through_croissant):
        assert torch.equal(read(folder, "nodes", "x"), small.x)
        assert torch.equal(read(folder, "nodes", "y"), small.y)
    if small.edge_index.shape[1]:
        ends = [column(folder, "edges", end) for end in ("source", "target")]
        assert torch.equal(torch.stack(ends), small.edge_index)
    again = graphcondense.load(folder)
    assert again.condensed == small.condensed
    described = json.loads((folder / "croissant.json").read_text())
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    for file in described["distribution"]:
        blob = (folder / file["contentUrl"]).read_bytes()
        assert hashlib.sha256(blob).hexdigest() == file["sha256"]
    for name in ("dataCollection", "dataManipulationProtocol", "dataUseCases", "dataLimitations"):
        assert described[f"rai:{name}"]


@pytest.mark.parametrize("fill", [1.0, 0.02])
def test_the_card_opens_it_without_this_package(fill: float, tmp_path: Path) -> None:
    """Also where most features are zero, which are stored by row."""
    data = toy_graph()
    data.x = torch.where(torch.rand(data.x.shape) < fill, data.x, 0.0)
    made = graphcondense.condense(data, "random", nodes=9, progress=False)
    folder = graphcondense.export(made, tmp_path / "out", **ORIGIN)
    text = (folder / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    about = yaml.safe_load(front)
    assert about["license"] == "cc-by-4.0"
    assert about["task_categories"] == ["graph-ml"]
    assert {one["data_files"] for one in about["configs"]} == {"nodes.parquet", "edges.parquet"}
    code = body.split("```python\n")[1].split("```")[0]
    assert "graphcondense" not in code
    assert len(code.splitlines()) <= 10
    scope: dict[str, Any] = {}
    here = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(code, scope)  # what a reader of the card would type
    assert Path.cwd() == here
    assert torch.equal(scope["data"].x, made.x)
    assert torch.equal(scope["data"].edge_index, made.edge_index)


def test_a_set_of_graphs(tmp_path: Path) -> None:
    graphs = toy_graphs()
    folder = graphcondense.export(graphs, tmp_path / "out", **ORIGIN)
    assert torch.equal(column(folder, "graphs", "y"), torch.cat([g.y for g in graphs]))
    of = column(folder, "nodes", "graph")
    for i, graph in enumerate(graphs):
        assert torch.equal(column(folder, "nodes", "x")[of == i], graph.x)
        mine = column(folder, "edges", "graph") == i
        ends = torch.stack([column(folder, "edges", end)[mine] for end in ("source", "target")])
        assert torch.equal(ends, graph.edge_index)
    assert torch.equal(through_croissant(folder, "nodes", "graph"), of)


def toy_graphs() -> Any:
    from torch_geometric.data import Data

    from graphcondense.data import CondensedGraphs
    from graphcondense.data.graph_packing import pack

    graphs = [
        Data(x=torch.rand(n, 2), edge_index=torch.tensor([[0, 1], [1, n - 1]]), y=n % 2)
        for n in (2, 3, 4)
    ]
    return CondensedGraphs(pack(graphs)[0], {"method": "by hand"})


@pytest.mark.parametrize("weights", [[[1, 0, 1], [0, 1, 0]], [[1, 0, 0.5], [0, 2, 0]]])
def test_users_by_items(weights: Any, tmp_path: Path) -> None:
    rows = CondensedInteractions(weights, further={"orig_index": torch.tensor([4, 2])})
    rows.condensed = {"method": "by hand"}
    folder = graphcondense.export(rows, tmp_path / "out", **ORIGIN)
    found = torch.zeros(2, 3)
    at = [column(folder, "interactions", name) for name in ("user", "item", "weight")]
    found[at[0], at[1]] = at[2].float()
    assert torch.equal(found, torch.tensor(weights, dtype=torch.float32))
    assert column(folder, "users", "orig_index").tolist() == [4, 2]


def test_images(tmp_path: Path) -> None:
    """With the numbers of their preprocessing; flat in a table, in their shape in the tensors."""
    data = graphcondense.data.load_images("digits-images")
    made = graphcondense.condense(data, "random", per_class=1, progress=False)
    folder = graphcondense.export(made, tmp_path / "out", **ORIGIN)
    for read in (column, through_croissant):
        assert torch.equal(read(folder, "images", "x").reshape(made.x.shape), made.x)
    assert torch.equal(column(folder, "preprocess_mean", "preprocess_mean"), made.preprocess_mean)
    assert not (folder / "edges.parquet").exists()
    text = (folder / "README.md").read_text()
    assert "10 images that stand in for many" in text
    assert "image-classification" in text


def test_which_node_stands_for_which(tmp_path: Path) -> None:
    made = graphcondense.condense(toy_graph(), "heavy-edge", nodes=9, progress=False)
    folder = graphcondense.export(made, tmp_path / "out", **ORIGIN)
    assert torch.equal(column(folder, "assignment", "assignment"), made.assignment)


@pytest.mark.parametrize("name", ["quotient", "random"])
def test_links(name: str, tmp_path: Path) -> None:
    """Nodes, edges, which node stands for which, and which links are in it."""
    task = split_links(toy_graph(seed=3), val=0.1, test=0.2, negatives=8, name="toy")
    made: Any = graphcondense.condense(task, name, nodes=10, progress=False)
    folder = graphcondense.export(made, tmp_path / "out", **ORIGIN)
    tables = ["edges.parquet", "nodes.parquet", *["assignment.parquet"] * (name == "quotient")]
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES + tables)
    for read in (column, through_croissant):
        assert torch.equal(read(folder, "nodes", "x"), made.x)
        ends = [read(folder, "edges", end) for end in ("source", "target")]
        assert torch.equal(torch.stack(ends), made.edge_index)
        if name == "quotient":
            assert torch.equal(read(folder, "edges", "weight"), made.edge_weight)
            assert torch.equal(read(folder, "assignment", "assignment"), made.assignment)
    assert parquet.read_table(folder / "nodes.parquet").column_names == ["x"]
    again = graphcondense.load(folder)
    assert again.condensed == made.condensed
    assert type(again) is type(made)
    text = (folder / "README.md").read_text()
    counts = [len(part) for part in (task.train, task.val, task.test)]
    told = "the {:,} training links of toy alone. The {:,} validation and {:,} test links"
    assert told.format(*counts) in text
    assert "ranked among 8 wrong ones" in text
    code, scope = text.split("```python\n")[1].split("```")[0], {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(code, scope)
    data: Any = scope["data"]
    assert torch.equal(data.x, made.x)
    assert torch.equal(data.edge_index, made.edge_index)
    described = json.loads((folder / "croissant.json").read_text())
    assert told.format(*counts) in str(described["rai:dataLimitations"])


def test_bibtex_prints_what_names_say(small: Any, tmp_path: Path) -> None:
    """Without a backslash LaTeX takes them for commands, and BibTeX counts braces."""
    folder = graphcondense.export(
        small, tmp_path / "a", name="my_data, 5 % {x}", licence="CC0", source="a & b\n#1 ~c"
    )
    text = (folder / "CITATION.bib").read_text()
    assert text.startswith("@misc{my-data-5-x,\n  title = {my\\_data, 5 \\% x: a condensed")
    assert r"condensed from a \& b \#1 \textasciitilde{}c}" in text
    assert text.count("{") == text.count("}")


def test_licence_and_source_are_asked_for(small: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give licence="):
        graphcondense.export(small, tmp_path / "out")
    with pytest.raises(ValueError, match="give source="):
        graphcondense.export(small, tmp_path / "out", licence="MIT")
    assert not (tmp_path / "out").exists()


def test_what_is_there_stays(small: Any, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(ValueError, match=r"README\.md is there: name another folder, or"):
        graphcondense.export(small, tmp_path, **ORIGIN)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    graphcondense.export(small, tmp_path, overwrite=True, licence="Amazon licence", source="a toy")
    front = yaml.safe_load((tmp_path / "README.md").read_text().split("---\n")[1])
    assert (front["license"], front["license_name"]) == ("other", "Amazon licence")


def test_a_new_export_leaves_no_table_of_the_former_one(
    small: Any, tmp_path: Path, capsys: Any
) -> None:
    grouped = graphcondense.condense(toy_graph(), "heavy-edge", nodes=6, progress=False)
    folder = graphcondense.export(grouped, tmp_path / "hub", **ORIGIN)
    assert (folder / "assignment.parquet").exists()
    mine = {"mine.parquet": b"mine", "notes.txt": b"mine"}
    for name, content in mine.items():
        (folder / name).write_bytes(content)
    written = (folder / "assignment.parquet").read_bytes()
    (folder / "assignment.parquet").write_bytes(b"changed")
    card = (folder / "README.md").read_text()
    with pytest.raises(
        ValueError, match=r"assignment\.parquet is a table of the former export that"
    ):
        graphcondense.export(small, folder, overwrite=True, **ORIGIN)
    assert (folder / "README.md").read_text() == card  # nothing is half replaced
    (folder / "assignment.parquet").write_bytes(written)
    graphcondense.save(small, tmp_path / "run")
    words = ["export", str(tmp_path / "run"), "--out", str(folder), "--overwrite"]
    assert cli.main([*words, "--licence", "MIT", "--source", "a toy"]) == 0
    assert not (folder / "assignment.parquet").exists()
    out = capsys.readouterr().out
    assert "mine" not in out
    assert "nodes.parquet" in out
    for name, content in mine.items():
        assert (folder / name).read_bytes() == content


def test_unknown_formats_and_missing_extras(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="format='zip' is unknown; there is 'hub'"):
        graphcondense.export(small, tmp_path, format="zip", **ORIGIN)
    monkeypatch.setitem(sys.modules, "mlcroissant", None)
    with pytest.raises(ImportError, match=r"pip install \"graphcondense\[hub\]\""):
        graphcondense.export(small, tmp_path, **ORIGIN)


def test_command(small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    graphcondense.save(small, "run")
    words = ["export", "run", "--licence", "MIT", "--source", "a toy"]
    assert cli.main([*words, "--name", "a-name"]) == 0
    assert "nodes.parquet" in capsys.readouterr().out
    assert json.loads(Path("run/hub/croissant.json").read_text())["name"] == "a-name"
    assert cli.main(words) == 2
    assert "is there" in capsys.readouterr().err
    assert cli.main(["export", "run", "--out", "other"]) == 2
    assert "give licence=" in capsys.readouterr().err
