"""``benchmarks/growing.py``: what it keeps of the example, and the tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import BENCHMARKS, benchmarks

RESULTS = BENCHMARKS.parent / "docs" / "results"


@pytest.fixture(scope="module")
def growing() -> Iterator[ModuleType]:
    with benchmarks("growing") as (module,):
        yield module


def called(growing: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["growing.py", *words])
    growing.main()


def test_one_command_makes_a_table(
    growing: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two releases of as many nodes, one of which has gone; of another method, and again."""
    script = tmp_path / "example.py"
    script.write_text(
        "import sys\n"
        "said = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        "assert said['--method'] in ('gecc', 'quotient') and said['--nodes'] == '70'\n"
        "ways = ['anew', 'updated', 'kept'] + ['whole'] * ('--whole' in sys.argv)\n"
        "head = ['nodes,new,condensed,how,accuracy,since they came,seconds']\n"
        "for new in (0, 7):\n"
        "    for i, how in enumerate(ways):\n"
        "        head.append(f'90,{new},9,{how},{50 + 10 * i + new},{i - new},{0.1 * i}')\n"
        "open(said['--out'], 'w').write('\\n'.join(head))\n"
    )
    monkeypatch.setattr(growing, "EXAMPLE", script)
    out = tmp_path / "out"
    called(growing, monkeypatch, "cora", "quotient", "gecc", "--whole", "--out", str(out))
    called(growing, monkeypatch, "cora", "gecc", "--out", str(out))
    rows = json.loads((out / "growing.json").read_text())["rows"]
    assert len(rows) == 2 * (3 + 3 + 1)
    assert all(row["when"] for row in rows)
    page = (out / "growing-cora.md").read_text()
    assert page.splitlines()[4:] == [
        "| nodes | new, gone | condensed | trained on | anew | updated | kept | since they came "
        "| s anew | s to update |",
        "|---|---|---|---|---|---|---|---|---|---|",
        "| 90 |  | 9 | whole | 80.0 |  |  |  |  |  |",
        "|  |  |  | gecc | 50.0 |  |  |  | 0.0 |  |",
        "|  |  |  | quotient | 50.0 |  |  |  | 0.0 |  |",
        "| 90 | 7, 7 | 9 | whole | 87.0 |  |  | -4.0 |  |  |",
        "|  |  |  | gecc | 57.0 | 67.0 | 77.0 | -7.0, -6.0, -5.0 | 0.0 | 0.1 |",
        "|  |  |  | quotient | 57.0 | 67.0 | 77.0 | -7.0, -6.0, -5.0 | 0.0 | 0.1 |",
    ]
    (out / "growing-cora.md").unlink()
    called(growing, monkeypatch, "--page", "--out", str(out))
    assert (out / "growing-cora.md").read_text() == page


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["sympy", "gecc"], "sympy is made of files: give --releases"),
        (["cora", "gecc", "--releases", "a.pt"], "cora is no graph of releases: leave out"),
        (["sympy", "gecc", "--releases", "a.pt", "--root", "data"], "leave out --root"),
    ],
)
def test_rows_are_of_the_graph_that_they_name(
    growing: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    why: str,
) -> None:
    """Without its files the example would take other data, and with files no other."""
    monkeypatch.setattr(growing, "EXAMPLE", tmp_path / "none.py")
    with pytest.raises(SystemExit, match="2"):
        called(growing, monkeypatch, *words, "--out", str(tmp_path / "out"))
    assert why in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_committed_tables_are_fresh(growing: ModuleType) -> None:
    rows = growing.kept(RESULTS)
    graphs = {row["graph"] for row in rows}
    assert graphs == set(growing.HOW)
    for graph in graphs:
        page = (RESULTS / f"growing-{graph}.md").read_text()
        assert page == growing.page(graph, rows), "growing.py --page --out docs/results"
