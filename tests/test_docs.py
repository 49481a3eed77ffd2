"""The site: what is committed is fresh, every method has its page, and what the guides say runs."""

from __future__ import annotations

import json
import pkgutil
import re
from pathlib import Path
from statistics import fmean
from types import ModuleType
from typing import Any

import pytest

from graphcondense.cli import COMMANDS
from graphcondense.methods import all_methods
from tests.cases import script

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
COUNTED = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])


@pytest.fixture(scope="module")
def site() -> ModuleType:
    return script(ROOT / "docs" / "generate.py")


def test_committed_tables_are_fresh(site: ModuleType) -> None:
    for (name, mark), make in site.COMMITTED.items():
        assert site.between(ROOT / name, mark) == make(), f"run python docs/generate.py: {name}"


def test_every_method_has_a_page(site: ModuleType) -> None:
    pages = site.pages()
    own = {k for k, c in all_methods().items() if c.__module__.startswith("graphcondense.")}
    assert own
    for name, kind in own:
        page = pages[f"methods/{kind}/{name}.md"]
        for part in ("## When to take it", "**Leave it**", "## Measured", "## Options", "| Cost |"):
            assert part in page, (kind, name)
    assert {f"{kind}/{name}" for name, kind in own} == set(site.read_advice())
    gcond = pages["methods/node/gcond.md"]
    assert "| gcond | 80.3 ± 0.9 | 70 |" in gcond
    assert "| random |" in gcond
    assert "`outer`" in gcond
    assert "structure_bias: 0.0" in gcond
    assert "(eq. 5)" in gcond


def test_reference_has_every_command_and_public_name(site: ModuleType) -> None:
    page = site.cli_page()
    for verb in COMMANDS:
        assert f"## {verb}\n" in page
    assert "--nodes" in page
    names = "".join(site.python_pages().values())
    for name in ("condense", "update", "load", "save", "NodeEvaluator", "learn_continually"):
        assert re.search(rf"^::: graphcondense\.\S*\b{name}$", names, re.MULTILINE), name


def test_docstrings_are_shown_with_code_and_links(site: ModuleType) -> None:
    text = "Twice.\n\n>>> 1 + 1\n2\n\nMore."
    assert site.doctests(text) == "Twice.\n\n```pycon\n>>> 1 + 1\n2\n```\n\nMore."
    assert 'identifier="a.serve"' in site.roles("see :func:`serve`", {"serve": "a.serve"}.get)
    assert site.roles("see :func:`serve`") == "see <code>serve</code>", "no heading of that name"


def test_the_guide_shows_a_method_that_runs() -> None:
    """tests/test_examples.py runs it."""
    guide = (ROOT / "docs" / "guide" / "new-method.md").read_text()
    assert '--8<-- "examples/custom_method.py"' in guide
    method = (ROOT / "examples" / "custom_method.py").read_text().partition("if __name__")[0]
    assert len(method.rstrip().splitlines()) <= 45


def test_readme_is_short_and_links_exist() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
    generated = ("methods/node/", "methods/graph/", "methods/image/", "methods/rows/", "reference/")
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            made = any(part in link for part in generated) or link in (
                "changelog.md",
                "contributing.md",
            )
            found = (page.parent / link).exists()
            assert made or found or "://" in link or "methods/index" in str(page), (page, link)


def test_readme_counts_methods_and_papers() -> None:
    ours = {
        name: cls.paper
        for (name, _), cls in all_methods().items()
        if cls.__module__.startswith("graphcondense.")
    }
    said = f"{len(ours)} methods from {len({p for p in ours.values() if p})} papers"
    assert said in (ROOT / "README.md").read_text()


def test_headline_numbers_are_those_of_the_measured_files() -> None:
    """Of "Should you condense?" and README: a table that is made anew changes them."""
    page = (ROOT / "docs" / "should-you-condense.md").read_text()
    readme = (ROOT / "README.md").read_text()

    def rows(name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((RESULTS / name).read_text())["rows"]
        return found

    def mean(name: str, **wanted: object) -> str:
        own = [r for r in rows(name) if all(r[k] == v for k, v in wanted.items())]
        return f"{100 * fmean(v for r in own for v in r['tests']):.1f}"

    plain = {k: mean("controls.json", data="debian", set=k) for k in ("quotient", "linear SVM")}
    best = mean("controls.json", data="debian", set="logistic regression")
    assert f"regression reaches {best} %" in page
    assert f"`quotient` reaches {plain['quotient']}" in page
    assert f"linear SVM {plain['linear SVM']} on" in page
    assert f"on these reaches {mean('controls.json', data='debian', set='random=bytes')} %" in page
    usual = {"data": "fashion", "hidden": 256, "epochs": 300}  # all splits, as in the table
    told = {k: mean("defaults.json", set=k, **usual) for k in ("quotient", "cgc", "random")}
    for name, score in told.items():
        assert re.search(rf"Fashion-MNIST.*{name}`? \({score}", page), (name, score)
    table = dict(re.findall(r"^\| ([a-z+]+) \| (\d\d\.\d) \|", readme, re.MULTILINE))
    for name, words in (
        ("quotient", "{} % in the mean"),
        ("random", "random nodes give {}"),
        ("random+soft", "soft labels {}"),
        ("whole", "all nodes {}"),
    ):
        assert words.format(table[name]) in page, name
    (cora,) = (row for row in rows("advise.json") if row["name"] == "cora")
    seconds = COUNTED[round(cora["quotient"]["seconds"])]
    assert f"on Cora {seconds} seconds against {300 * cora['whole']['seconds']:.0f}" in page
    assert f"Condensing takes {seconds} seconds" in readme
    assert f"it takes {seconds} seconds on Cora" in (ROOT / "docs" / "advice.yaml").read_text()


def test_modules_that_pages_name_exist() -> None:
    package = ROOT / "graphcondense"
    parts = "|".join(p.stem for p in package.iterdir() if not p.name.startswith("_"))
    for page in PAGES:
        if page.name == "CHANGELOG.md":  # names what was
            continue
        for name in re.findall(rf"`(?:graphcondense\.)?((?:{parts})\.[\w.]*\w)", page.read_text()):
            try:
                pkgutil.resolve_name(f"graphcondense.{name}")
            except (ImportError, AttributeError) as error:
                raise AssertionError(f"{page.name} names graphcondense.{name}") from error


def test_pages_name_no_machine() -> None:
    for page in (*PAGES, ROOT / "mkdocs.yml", ROOT / "CITATION.cff", ROOT / "docs/advice.yaml"):
        text = page.read_text()
        assert not re.search(r"/(?:tmp|work|root|home)/|pypi|/opt/", text), page
