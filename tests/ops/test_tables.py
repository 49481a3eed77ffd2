"""One table in every form."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from graphcondense.evaluate.result import Column, Result
from graphcondense.ops.tables import Cell, Table

TABLE = Table(["name", "a_b %"], [["x < y", "1.0 ± 0.1"], [Cell("z & co", 3.0), "2"]], 1)


def test_a_caption_is_given_by_name_alone() -> None:
    """What stands to the left would otherwise be taken for it, or it for that."""
    with pytest.raises(TypeError, match="positional"):
        Table(["a"], [], 1, "the caption")  # type: ignore[misc]
    assert Table(["a"], [], caption="the caption").caption == "the caption"


def test_latex_is_escaped_and_framed() -> None:
    lines = TABLE.latex().splitlines()
    assert lines[0] == r"\begin{tabular}{lr}"
    assert lines[2] == r"name & a\_b \% \\"
    assert r"x < y & 1.0 $\pm$ 0.1 \\" in lines
    assert r"z \& co & 2 \\" in lines
    assert lines[-1] == r"\end{tabular}"


def test_html_is_escaped_and_keeps_what_cells_sort_by() -> None:
    text = TABLE.html(sortable=True)
    assert "x &lt; y" in text
    assert '<td data-value="3.0">z &amp; co</td>' in text
    assert '<th scope="col" class="number" aria-sort="none"><button type="button">a_b %' in text
    assert "<button" not in TABLE.html(sortable=False)


def test_frame_has_what_is_shown() -> None:
    assert TABLE.frame().to_dict("list") == {
        "name": ["x < y", "z & co"],
        "a_b %": ["1.0 ± 0.1", "2"],
    }


@dataclass(frozen=True)
class Line:
    name: str
    share: float


@dataclass(frozen=True)
class Toy(Result):
    rows: tuple[Line, ...]
    columns = (Column("who", lambda r: r.name), Column("%", lambda r: f"{100 * r.share:.1f}"))

    def title(self) -> str:
        return "a <toy>"

    def notes(self) -> list[str]:
        return ["note & more"]

    def draw(self, axes: object) -> None:
        pass


def test_a_result_shows_itself_in_a_notebook() -> None:
    text = Toy((Line("me", 0.801),))._repr_html_()
    assert "a &lt;toy&gt;" in text
    assert "80.1" in text
    assert "note &amp; more" in text


def test_a_picture_needs_no_file(tmp_path) -> None:
    toy = Toy((Line("me", 0.801),))
    assert toy.plot().axes
    assert toy.plot(tmp_path / "a" / "toy.png").axes
    assert (tmp_path / "a" / "toy.png").read_bytes()[:4] == b"\x89PNG"


def test_json_has_shares_and_the_printed_table() -> None:
    import json

    content = json.loads(Toy((Line("me", 0.801),)).to_json())
    assert content["rows"] == [{"name": "me", "share": 0.801}]
    assert content["table"] == [["who", "%"], ["me", "80.1"]]
