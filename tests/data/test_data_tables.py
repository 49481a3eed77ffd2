"""Files of a table of nodes and of edges: read as they were written, or refused by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import graphcondense
from graphcondense.data import NodeTask, as_task
from graphcondense.data.tables import checked_file, read_nodes
from tests.data.test_frames import pairs, table

WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".parquet": lambda frame, path: frame.to_parquet(path),
}


def written(folder: Path, ending: str = ".csv", **frames: pd.DataFrame) -> dict[str, str]:
    """The toy table as files, by the arguments of :func:`as_task`."""
    nodes = table()
    made = {
        "nodes": nodes.rename_axis("name").reset_index(),
        "edges": pairs(nodes),
        **frames,
    }
    for name, frame in made.items():
        WRITERS[ending](frame, folder / f"{name}{ending}")
    return {name: str(folder / f"{name}{ending}") for name in made}


def read(files: dict[str, str], **options: Any) -> NodeTask:
    return as_task(**files, **{"target": "plan", "id": "name", **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", WRITERS)
def test_a_file_is_read_as_the_frame_is(tmp_path: Path, ending: str) -> None:
    files = written(tmp_path, ending)
    found = read(files, by="year")
    frame = table()
    expected = as_task(nodes=frame, edges=pairs(frame), target="plan", by="year", name="nodes")
    assert found.digest == expected.digest
    assert found.columns.names == expected.columns.names  # dates are dates in files of text, too
    assert found.name == "nodes"
    assert found.facts.ids is not None
    assert found.facts.ids.tolist() == frame.index.tolist()


def test_the_record_tells_files_and_hashes(tmp_path: Path) -> None:
    files = written(tmp_path)
    small = graphcondense.condense(read(files), "random", nodes=6, progress=False)
    told = small.condensed["data"]["files"]
    for what, path in files.items():
        raw = Path(path).read_bytes()
        assert told[what] == {"file": f"{what}.csv", "sha256": hashlib.sha256(raw).hexdigest()}
    with pytest.raises(ValueError, match="epsilon=1 puts noise"):
        graphcondense.condense(read(files), "gecc", nodes=6, epsilon=1.0, progress=False)


def test_ids_are_text_and_keep_their_zeros(tmp_path: Path) -> None:
    nodes = tmp_path / "nodes.csv"
    nodes.write_text("id,size,kind\n007,1.5,a\n7,2.5,b\nNA,3.5,a\n 8 ,0.5,b\n")
    edges = tmp_path / "edges.csv"
    edges.write_text("from,to\n007,NA\n7,8\n")
    task = as_task(nodes=nodes, edges=edges, target="kind", id="id", split=(1, 0, 0))
    assert task.facts.ids is not None
    assert task.facts.ids.tolist() == ["007", "7", "NA", "8"]
    rows, columns = task.adj.tocoo().row.tolist(), task.adj.tocoo().col.tolist()
    assert set(zip(columns, rows, strict=True)) == {(0, 2), (1, 3)}


def test_declared_columns_and_targets_keep_their_zeros(tmp_path: Path) -> None:
    rows = ["01,1,01", "1,2,1", "001,,01", "01,1,1", "1,2,01", "001,1,1"]
    nodes, edges = tmp_path / "nodes.csv", tmp_path / "edges.csv"
    nodes.write_text("\n".join(["zip,rank,plan", *rows]) + "\n")
    edges.write_text("from,to\n0,1\n")
    codes, keep = ["zip", "rank"], {"split": (1, 0, 0)}
    task = as_task(nodes=nodes, edges=edges, target="plan", categorical=codes, **keep)
    assert task.facts.classes == ("01", "1")
    assert task.columns is not None
    values = {column.name: column.values for column in task.columns.columns}
    assert values == {"zip": ("001", "01", "1"), "rank": ("1", "2", "(missing)")}
    frame = pd.DataFrame({"rank": [1, 2, None, 1, 2, 1], "plan": list("ababab")})
    task = as_task(nodes=frame, edges=[(0, 1)], target="plan", categorical="rank", **keep)
    assert task.columns is not None
    assert task.columns.columns[0].values == ("1", "2", "(missing)")


def test_far_dates_of_a_file_are_named(tmp_path: Path) -> None:
    nodes = table().rename_axis("name").reset_index()
    nodes["end"] = ["9999-12-31", *["2020-01-01"] * (len(nodes) - 1)]
    with pytest.raises(ValueError, match=r"nodes\.csv.*: column 'end' has '9999-12-31.*drop="):
        read(written(tmp_path, nodes=nodes))


def test_endings_in_capitals_are_endings(tmp_path: Path) -> None:
    (tmp_path / "nodes.CSV").write_text(HEAD + ROWS)
    (tmp_path / "edges.CSV").write_text("ann,bob\nbob,cid\n")
    with pytest.raises(ValueError, match=r"edges\.CSV: its first line, 'ann,bob', is an edge"):
        read({name: str(tmp_path / f"{name}.CSV") for name in ("nodes", "edges")})


def test_one_column_of_parquet_is_told(tmp_path: Path) -> None:
    files = written(tmp_path, ".parquet", edges=pd.DataFrame({"a b": ["user1"]}))
    with pytest.raises(ValueError, match="has one column, 'a b', and two are needed"):
        read(files)


def test_without_ids_nodes_are_rows_from_zero(tmp_path: Path) -> None:
    edges = pd.DataFrame({"a": np.arange(89), "b": np.arange(1, 90)})
    files = written(tmp_path, nodes=table(), edges=edges)
    task = read(files, id=None)
    assert task.adj.nnz == 89
    assert task.adj[5, 4] == 1


def test_columns_of_edges_by_name(tmp_path: Path) -> None:
    plain = written(tmp_path)
    edges = pd.read_csv(plain["edges"])
    more = edges.assign(day="2020-01-01", w=np.arange(len(edges)) + 1.0)[["day", "to", "from", "w"]]
    (tmp_path / "more").mkdir()
    files = written(tmp_path / "more", edges=more)
    assert read(files, ends=["from", "to"]).digest == read(plain).digest
    weighted = read(files, ends=["from", "to", "w"])
    assert weighted.adj.max() > 100
    with pytest.raises(ValueError, match=r"edges\.csv has no column 'frm'"):
        read(files, ends=["frm", "to"])
    with pytest.raises(ValueError, match="edges has the column 'from': methods use no features"):
        read(files)
    with pytest.raises(ValueError, match="must be two columns of edges"):
        read(files, ends=["from"])
    with pytest.raises(ValueError, match="edges are a list: leave it out"):
        as_task(nodes=table(), edges=[("user1", "user2")], target="plan", ends=["from", "to"])


HEAD = "name,age,plan\n"
ROWS = "ann,31,free\nbob,45,paid\ncid,27,free\ndot,60,paid\n"
WRONG = {
    "short line": (HEAD + "ann,31\n", r"nodes\.csv: line 2 has 2 values, and there are 3 columns"),
    "long lines": (HEAD + "ann,31,free,1\n", r"line 2 has 4 values, and there are 3 columns"),
    "no rows": (HEAD, r"nodes\.csv has no rows below the names of its columns"),
    "nothing": ("", r"nodes\.csv is empty"),
    "blank": ("\n\n", r"nodes\.csv has no line"),
    "two names": ("name,age,age\n", r"nodes\.csv has two columns called 'age'"),
    "an index": (",name,plan\n0,ann,free\n", r"column 1 has no name .* index=False"),
    "no such column": ("name,age,pln\nann,1,a\n", r"nodes\.csv.* no column 'plan'; .*pln"),
    "holes alone": (
        "name,age,plan,spare\nann,31,free,\nbob,45,paid,\n",
        r"nodes\.csv: column 'spare' has no value in any row: .* drop='spare'",
    ),
    "no target": (HEAD + "ann,31,\nbob,45,\n", r"nodes\.csv.*target 'plan' has no value in any"),
    "no id": (HEAD + "ann,31,free\n,45,paid\n", r"nodes\.csv.*column 'name' has no id in row 1"),
    "an id twice": (HEAD + "ann,31,free\n" * 2, r"nodes\.csv.* id 'ann' more than once"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_table_is_refused_by_name(tmp_path: Path, what: str) -> None:
    text, message = WRONG[what]
    (tmp_path / "nodes.csv").write_text(text)
    (tmp_path / "edges.csv").write_text("from,to\nann,bob\n")
    with pytest.raises(ValueError, match=message):
        read({name: str(tmp_path / f"{name}.csv") for name in ("nodes", "edges")})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ann,bob\nbob,cid\n", r"edges\.csv: its first line, 'ann,bob', is an edge"),
        ("from;to\nann;bob\n", r"edges\.csv has one column, 'from;to', .* a comma there"),
        ("from,to\nann,eva\n", r"edges\.csv.*edge 0 has the target 'eva', which is no node"),
        ("from,to,weight\nann,bob,x\n", r"edges\.csv.*'weight' is no number in row 0"),
        ("from,to\nann\n", r"edges\.csv: line 2 has 1 values"),
    ],
)
def test_wrong_edges_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "nodes.csv").write_text(HEAD + ROWS)
    (tmp_path / "edges.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read({name: str(tmp_path / f"{name}.csv") for name in ("nodes", "edges")})


def test_files_that_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases: dict[str, tuple[bytes, str]] = {
        "a.txt": (b"x", "its name must end in .csv, .tsv or .parquet"),
        "a.parquet": (b"PAR1 not really", "is no Parquet file"),
        "a.csv": ("name,plan\nJosé,a\n".encode("latin-1"), "is not written in UTF-8"),
    }
    for name, (raw, message) in cases.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(ValueError, match=message):
            read_nodes(tmp_path / name, None, ())
    with pytest.raises(ValueError, match=r"there is no file .*none\.csv"):
        checked_file(tmp_path / "none.csv")
    monkeypatch.setattr("graphcondense.data.tables.free_bytes", lambda device: 10)
    with pytest.raises(
        ValueError, match=r"a\.csv has .* of memory, of which .* are free: keep the columns"
    ):
        checked_file(tmp_path / "a.csv")


def test_an_empty_column_may_be_left_out(tmp_path: Path) -> None:
    frame = table().rename_axis("name").reset_index().assign(spare=np.nan)
    task = read(written(tmp_path, nodes=frame), drop="spare")
    assert "spare" not in task.columns.names
