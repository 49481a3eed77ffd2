"""Names and notes of others do not become markup of a page."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphcondense.ops.markdown import Marked, code, escaped, strong
from graphcondense.ops.tables import Table
from graphcondense.saved.condensed import save

NASTY = [
    "a|b",
    "a\\|b\\",
    "`x`",
    "``",
    "<script>alert(1)</script>",
    "<!-- ",
    "&lt;b&gt; &#60;",
    "[a](javascript:x) ![b](c) [d][e]",
    "*bold* __strong__ _a_ lr_x",
    "one\n\n# two\r\n- three\x0bfour",
    "# head",
    "> quoted",
    "1. first",
    "~~struck~~",
    "https://x.org/<a>?b=1&copy;",
]


def rendered(text: str) -> str:
    markdown = pytest.importorskip("markdown")
    return markdown.markdown(text, extensions=["tables", "fenced_code"])


def shown(page: str) -> str:
    """What a reader sees of HTML."""
    return html.unescape(re.sub(r"<[^>]*>", "", page))


@pytest.mark.parametrize("text", NASTY)
def test_a_text_shows_as_it_is(text: str) -> None:
    """In a cell, in a heading, in a paragraph and as code, by a parser of Markdown."""
    line = " ".join(text.split())
    table = rendered(Table(("name", text), [(text, "2"), (code(text), strong("3"))]).markdown())
    cells = [shown(cell) for cell in re.findall(r"<t[dh]>(.*?)</t[dh]>", table, re.DOTALL)]
    assert [cell.strip() for cell in cells] == ["name", line, line, "2", line, "3"]
    assert not re.findall(r"<(?!/?(?:table|thead|tbody|tr|th|td|code|strong)>)", table)
    page = rendered(f"# {escaped(text)}\n\n{escaped(text)}\n\nthe {code(text)}\n")
    assert not re.findall(r"<(?!/?(?:h1|p|code)>)", page)
    # This parser, unlike GitHub's, keeps the backslash of a bar outside of tables.
    assert shown(page).replace("\\|", "|").splitlines() == [
        part.replace("\\|", "|") for part in (line, line, f"the {line}")
    ]


def test_what_is_markdown_already_stays() -> None:
    assert escaped(Marked("**a**")) == "**a**"
    assert Table(("a",), [(Marked("`b`"),)]).markdown().endswith("| `b` |")


def test_a_card_of_hostile_names_is_one_page(tmp_path: Path) -> None:
    evil = "x|y`z`\n\n# <script>alert(1)</script> [a](b)"
    small = Data(
        x=torch.eye(2), edge_index=torch.tensor([[0], [1]]), y=torch.tensor([0, 1]),
    )  # fmt: skip
    small.condensed = {
        "method": evil,
        "kind": "node",
        "licence": evil,
        f"note {evil}": evil,
        "data": {"name": evil, "encoding": {"x": [[evil, 1]]}},
    }
    path = save(small, tmp_path / "a`b <i>|.safetensors")
    card = path.with_suffix(".md").read_text()
    page = rendered(card)
    assert "<script" not in page
    assert "<i>" not in page
    assert "<a " not in page
    assert re.findall(r"^#+ ", card, re.MULTILINE) == ["# ", "## ", "## "]  # who was trained on
    plain = " ".join(evil.split())
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page, re.S)]
    told = {shown(row[0]): shown(row[1]) for row in rows if len(row) == 2}
    assert told["licence"] == told["method"] == told[f"note {plain}"] == plain
    assert 'load_condensed("a`b <i>|.safetensors")' in card


def test_two_tildes_are_what_strikes_out() -> None:
    """One alone is a sign for about."""
    assert escaped("~3 nodes") == "~3 nodes"
    assert escaped("~a~") == "&#126;a&#126;"
    assert escaped("~3 to ~4") == "&#126;3 to &#126;4"
