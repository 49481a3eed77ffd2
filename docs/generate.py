"""What the site makes from the code: a page for each method, and the references.

MkDocs calls the hooks below at every build, so these pages cannot be out of date. Two tables are
committed, because README and the list of methods are also read as plain files; a test,
``tests/test_docs.py``, holds them fresh, and this command writes them:

    python docs/generate.py
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import io
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import docstring_parser
import yaml

if TYPE_CHECKING:
    from graphcondense.core.method import Method

ROOT = Path(__file__).resolve().parents[1]
KINDS = {
    "node": "One graph (nodes)",
    "graph": "Sets of graphs",
    "image": "Images",
    "rows": "Users by items",
    "link": "Links",
    "hetero": "Heterogeneous graphs",
}
RESULTS = {
    "node": "results.md",
    "graph": "results/graphs.md",
    "image": "results/images.md",
    "rows": "results/recommend.md",
    "link": "results/targets-link.md",
    "hetero": "results/targets-hetero.md",
}
GUIDES = {"link": "guide/links.md#measured", "hetero": "guide/hetero.md#measured"}
"""Where a table of :data:`RESULTS` stands that has no page of its own."""
FLOORS = ("random", "whole", "all")
PACKAGES = {
    "graphcondense": "Condense, save, load and update.",
    "graphcondense.data": "Open and check data.",
    "graphcondense.evaluate": "Train models on a condensed set and score them on the real data.",
    "graphcondense.uses": "What a condensed graph is used for.",
    "graphcondense.zoo": "Condensed sets by name.",
    "graphcondense.sklearn": "Estimators for scikit-learn.",
    "graphcondense.transforms": "PyG transforms.",
    "graphcondense.core": "The loop and its parts, for methods of your own.",
    "graphcondense.core.loggers": "Runs in TensorBoard, MLflow and Weights & Biases.",
}
PUBLISHED = {
    "cora-70": {
        **{"geom": "83.6", "gecc": "83.2", "gc-sntk": "82.4", "sfgc": "81.7", "cgc": "81.5"},
        **{"gdem": "80.7", "gcond": "80.1"},
    },
    "citeseer-60": {"gdem": "72.6", "gcond": "70.6"},
}
"""Scores that papers report, each with an evaluator of its own; GC-SNTK with its kernel."""
MEMORY = "A run checks this estimate before it starts. The peaks below are measured."
SHOWN = (
    *("quotient", "gecc", "gcsr", "gc-sntk", "cgc", "gcdm", "simgc", "gcond", "doscond", "gdem"),
    "averaging",
)
"""Rows of README's table, beside the floors."""


# ---------------------------------------------------------------------------------------- methods


def methods() -> dict[tuple[str, str], type[Method]]:
    """The package's own methods by ``(name, kind)``; installed plug-ins have pages elsewhere."""
    from graphcondense.methods import all_methods

    return {
        key: cls
        for key, cls in all_methods().items()
        if cls.__module__.startswith("graphcondense.")
    }


def page_of(kind: str, name: str) -> str:
    """Where the page of a method is, relative to the site."""
    return f"methods/{kind}/{name}.md"


def method_page(cls: type[Method], kind: str) -> str:
    """Paper, equation, what is learnt, cost, memory, scores, when to take it, options, presets."""
    from graphcondense.core.method import COSTS

    summary, _, details = roles(inspect.getdoc(cls) or "").partition("\n\n")
    description = details.partition("Attributes:")[0].strip()
    names = ", ".join(f"`{n}`" for n in (cls.name, *cls.variants))
    advice = read_advice()[f"{kind}/{cls.name}"]
    memory = roles((inspect.getdoc(cls.memory_bytes) or "").partition("\n\nArgs:")[0])
    parts = [
        f"# {cls.name}{'' if kind == 'node' else f' ({KINDS[kind].lower()})'}",
        summary.partition("Attributes:")[0],
        "| | |\n|---|---|\n"
        f"| Names | {names} |\n"
        f"| Data | {KINDS[kind]} |\n"
        f"| Paper | {cls.paper or 'none, a baseline'} |\n"
        f"| Family | {cls.family or '-'} |\n"
        f"| Learns | {cls.learns or '-'} |\n"
        f"| Cost | {cls.cost or '-'}: {COSTS.get(cls.cost, '')} |",
        f"## When to take it\n\n**Take it** {advice['take']}\n\n**Leave it** {advice['leave']}",
        f"## How it works\n\n{description}" if description else "",
        f"## Memory\n\n{memory}\n\n{MEMORY}" if memory else "",
        f"## Measured\n\n{measured(cls, kind)}",
        f"## Options\n\n{options(cls)}",
        presets(cls),
        f"Source: `{cls.__module__.replace('.', '/')}.py`",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def read_advice() -> dict[str, dict[str, str]]:
    """When to take a method and when not, by ``kind/name``."""
    found: dict[str, dict[str, str]] = yaml.safe_load((ROOT / "docs/advice.yaml").read_text())
    return found


def measured(cls: type[Method], kind: str) -> str:
    """The method's rows of the result tables, beside random and whole data."""
    wanted = (cls.name, *cls.variants)
    parts = []
    for heading, lines in tables(ROOT / "docs" / RESULTS[kind]):
        head, rule, *rows = lines
        own = [row for row in rows if label(row) in wanted]
        if not own:
            continue
        shown = [row for row in rows if label(row) in (*wanted, *FLOORS)]
        parts.append(f"**{heading}**\n\n" + "\n".join([head, rule, *shown]))
    if not parts:
        return "Not measured yet."
    link = "../../" + (GUIDES.get(kind) or RESULTS[kind].replace("results/", "results-"))
    return (
        f"Mean ± standard deviation. How these were measured: [results]({link}).\n\n"
        + "\n\n".join(parts)
    )


def label(row: str) -> str:
    """What a row of a table is about.

    >>> label("| **gcond** * | 80.1 |")
    'gcond'
    """
    return row.split("|")[1].replace("*", "").strip()


def tables(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The first table below each heading, or bold line, of a page of results."""
    heading, lines = "", list[str]()
    for line in [*path.read_text().splitlines(), ""]:
        bold = re.match(r"\*\*([^*]+)\*\*: (.*)", line)
        if line.startswith("## ") or bold:
            heading = f"{bold[1]}: {bold[2]}" if bold else line.removeprefix("## ")
        elif line.startswith("|"):
            lines.append(line)
        elif lines:
            if heading:
                yield heading, lines
            heading, lines = "", []


def options(cls: type[Method]) -> str:
    """The fields of a method that are no budget, with their defaults and what they mean."""
    from graphcondense.ops.budget import Budget

    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for param in docstring_parser.parse(base.__dict__.get("__doc__") or "").params:
            docs[param.arg_name] = " ".join(roles(param.description or "").split())
    shared = {f.name for f in dataclasses.fields(Budget)}
    rows = [
        f"| `{f.name}` | `{f.type}` | `{f.default!r}` | {cell(docs.get(f.name, ''))} |"
        for f in dataclasses.fields(cls)
        if f.name not in shared
    ]
    budget = "The [budget](../../concepts.md#budget), and nothing else."
    if not rows:
        return budget
    table = "\n".join(["| option | type | default | meaning |", "|---|---|---|---|", *rows])
    text = f'<div class="cards" markdown>\n\n{table}\n\n</div>'
    more = [
        f"* `{name}` sets " + ", ".join(f"`{k}={v!r}`" for k, v in fields.items())
        for name, fields in cls.variants.items()
        if fields
    ]
    return "\n\n".join([text, *(["\n".join(more)] if more else [])])


def cell(text: str) -> str:
    """Text that may stand in a cell of a table."""
    return text.replace("|", "\\|")


def presets(cls: type[Method]) -> str:
    """The method's preset file, as it stands."""
    stem = f"{cls.name}-graph" if cls.kind == "graph" else cls.name
    path = ROOT / "graphcondense" / "presets" / f"{stem}.yaml"
    return f"## Presets\n\n```yaml\n{path.read_text().strip()}\n```" if path.exists() else ""


def roles(text: str, full: Callable[[str], str] = str) -> str:
    """Sphinx's roles as links, where the reference has the object, else as code.

    Args:
        text: a docstring.
        full: the whole path of a name as the docstring has it.

    >>> roles("see :class:`~graphcondense.data.NodeTask`")[:30]
    'see <autoref identifier="graph'
    """

    def link(match: re.Match[str]) -> str:
        shown, target = match["text"], match["text"].lstrip("~")
        name = target.rpartition(".")[2] if shown.startswith("~") else target
        if "." not in full(target):  # else a heading of that name is taken for it
            return f"<code>{name}</code>"
        return f'<autoref identifier="{full(target)}" optional><code>{name}</code></autoref>'

    return re.sub(r":(?:func|class|meth|mod|attr|data|obj|exc):`(?P<text>[^`]+)`", link, text)


def doctests(text: str) -> str:
    """A docstring with its examples as blocks of code.

    >>> doctests("Twice.\\n\\n>>> 1 + 1\\n2").splitlines()
    ['Twice.', '', '```pycon', '>>> 1 + 1', '2', '```']
    """
    return re.sub(r"^>>> .*(?:\n.+)*", r"```pycon\n\g<0>\n```", text, flags=re.MULTILINE)


def methods_table() -> str:
    """The table of methods, as ``graphcondense methods --markdown`` prints it."""
    from graphcondense.methods import markdown
    from graphcondense.methods import methods as listed

    own = {(name, kind) for name, kind in methods()}
    return markdown([row for row in listed() if (row["name"], row["kind"]) in own])


def methods_index() -> str:
    """Links to all pages of methods, by kind of data."""
    parts = []
    for kind, words in KINDS.items():
        links = [f"[{name}]({kind}/{name}.md)" for name, of in methods() if of == kind]
        parts.append(f"* **{words}:** {', '.join(links)}")
    return "\n".join(parts)


# ---------------------------------------------------------------------------------------- results


def readme_table() -> str:
    """README's table: Cora and CiteSeer, condensers beside what papers say, random and whole."""
    found = {
        heading: {label(row): columns(lines[0], row) for row in lines[2:]}
        for heading, lines in tables(ROOT / "docs/results.md")
        if heading in PUBLISHED
    }
    head = " | ".join(
        f"{data} % | published | edges | KiB" for data in ("Cora, 70 nodes", "CiteSeer, 60 nodes")
    )
    lines = [f"| trained on | {head} |", "|---|" + "---:|" * 8]
    for name in (*SHOWN, "random", "herding", "whole"):
        cells = []
        for heading, known in PUBLISHED.items():
            row = found[heading][name]
            said = {"whole": {"cora-70": "81.2", "citeseer-60": "71.7"}[heading]} | known
            cells += [row["GCN"], said.get(name, "-"), row["edges"], row["KiB"]]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


SETS = ("quotient", "whole", "gecc", "random+soft", "random")
MODELS = ("mean", "worst", "GCN", "APPNP", "SAGE", "GAT", "GIN", "GCNII", "MLP")


def transfer_table() -> str:
    """README's table of the default: what thirteen models learn from 70 nodes of Cora."""
    heading, text = "### Cora, 70 nodes", (ROOT / "docs/results/transfer.md").read_text()
    part = text.partition(f"{heading}\n")[2].partition("\n### ")[0]
    rows = [line for line in part.splitlines() if line.startswith("| ")]
    found = {label(row): columns(rows[0], row) for row in rows[1:]}
    lines = [f"| trained on | {' | '.join(MODELS)} |", "|---|" + "---:|" * len(MODELS)]
    for name in SETS:
        lines.append(f"| {name} | {' | '.join(found[name][m] for m in MODELS)} |")
    return "\n".join(lines) + "\n"


def columns(head: str, row: str) -> dict[str, str]:
    """A row of a Markdown table by its columns."""
    split = [[c.strip() for c in line.strip("|").split("|")] for line in (head, row)]
    return dict(zip(*split, strict=True))


def between(path: Path, mark: str) -> str:
    """What stands between a page's marks."""
    _, start, rest = path.read_text().partition(f"<!-- {mark} -->\n")
    text, end, _ = rest.partition(f"<!-- /{mark} -->")
    if not start or not end:
        raise ValueError(f"{path.name} has no marks <!-- {mark} --> and <!-- /{mark} -->")
    return text


def goals_page() -> str:
    """Every goal's tables, by kind of data, as ``graphcondense methods --goal`` prints them."""
    from graphcondense.measured.figures import measurements
    from graphcondense.measured.goal_tables import ranking_tables
    from graphcondense.measured.goals import GOALS, ranking
    from graphcondense.methods import candidates

    own = set(methods())
    found = [c for c in candidates() if (c.main, c.kind) in own]
    parts = []
    for name, goal in GOALS.items():
        parts.append(f"### {name}: {goal.words}")
        tables = ranking_tables(ranking(name, found, measurements()))
        for kind, (table, notes) in tables.items():
            parts.append(f"**{KINDS[kind]}.** {notes[0]}")
            parts.append(f'<div class="cards" markdown>\n\n{table.markdown()}\n\n</div>')
            parts += notes[1:]
        if left := [words for kind, words in KINDS.items() if kind not in tables]:
            parts.append(f"Not measured for this: {', '.join(left).lower()}.")
    return "\n\n".join(parts) + "\n"


def collapse_line() -> str:
    """The one definition of a collapse."""
    from graphcondense.measured.works import COLLAPSE

    return f"{COLLAPSE}\n"


def zoo_table() -> str:
    """Every set of the zoo, with its card."""
    from graphcondense import zoo
    from graphcondense.ops.markdown import Marked
    from graphcondense.ops.sizes import said
    from graphcondense.ops.tables import Table
    from graphcondense.zoo.entry import score_text

    cards = ROOT / "datasets"
    homes = [(zoo.FOLDER, "../graphcondense/zoo/sets"), (cards / "zoo", "zoo")]
    rows = []
    for home, link in homes:
        for name, entry in zoo.entries(home).items():
            gcn = entry.scores["GCN"]
            cells = (entry.data, entry.method, f"{entry.nodes:,}", f"{entry.edges:,}")
            score = score_text(gcn, ".1f")
            size = (said(entry.bytes), score, str(len(entry.scores)))
            rows.append((Marked(f"[{name}]({link}/{name}.md)"), *cells, *size))
    head = ("set", "of", "method", "nodes", "edges", "file", "GCN, %", "models measured")
    return Table(head, rows).markdown() + "\n"


COMMITTED = {
    ("datasets/README.md", "zoo"): zoo_table,
    ("README.md", "transfer"): transfer_table,
    ("README.md", "results"): readme_table,
    ("docs/methods/index.md", "methods"): lambda: methods_table() + "\n",
    ("docs/which-method.md", "collapse"): collapse_line,
    ("docs/which-method.md", "goals"): goals_page,
}
"""What is committed, by file and mark."""


# -------------------------------------------------------------------------------------- reference


def cli_page() -> str:
    """What every command's ``--help`` says."""
    overview = help_of()
    verbs = re.findall(r"^  (\w+) +\S", overview.partition("commands:")[2], re.MULTILINE)
    parts = [
        "# Command line",
        "Generated from the parsers. `graphcondense COMMAND --help` prints the same.",
        f"```text\n{overview}\n```",
    ]
    for verb in verbs:
        words = [verb, "gcond"] if verb == "condense" else [verb]
        parts.append(f"## {verb}")
        if verb == "condense":
            parts.append(
                "The flags of a method are its options, so they differ from method to method: the "
                "[pages of the methods](../methods/index.md) list them. This is GCond's help."
            )
        parts.append(f"```text\n{help_of(*words)}\n```")
    return "\n\n".join(parts) + "\n"


def help_of(*words: str) -> str:
    """What a command prints for ``--help``."""
    from graphcondense.cli import main

    before, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), "96"
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            code = main([*words, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    if code:
        raise ValueError(f"graphcondense {' '.join(words)} --help ended with {code}")
    return out.getvalue().rstrip()


def python_pages() -> dict[str, str]:
    """A page a public package: the functions and classes that its ``__all__`` names."""
    pages, told = {}, set[str]()
    for name, summary in PACKAGES.items():
        package = importlib.import_module(name)
        objects = [o for o in public(package) if o not in told]
        told |= set(objects)
        blocks = "\n\n".join(f"::: {identifier}" for identifier in objects)
        stem = name.rpartition(".")[2]
        pages[f"reference/{stem}.md"] = f"# `{name}`\n\n{summary}\n\n{blocks}\n"
    return pages


def public(package: ModuleType) -> Iterator[str]:
    """Where the public functions and classes of a package are defined."""
    for name in sorted(getattr(package, "__all__", vars(package))):
        found = getattr(package, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            home = f"{found.__module__}.{found.__qualname__}"
            if home.startswith("graphcondense."):
                yield home


# ------------------------------------------------------------------------------------------ MkDocs


def pages() -> dict[str, str]:
    """All generated pages by their path in the site."""
    made = {page_of(kind, name): method_page(cls, kind) for (name, kind), cls in methods().items()}
    for name in ("CHANGELOG", "CONTRIBUTING"):
        made[f"{name.lower()}.md"] = (ROOT / f"{name}.md").read_text().replace("](docs/", "](")
    return {**made, "reference/cli.md": cli_page(), **python_pages()}


def on_config(config):  # type: ignore[no-untyped-def]
    """Put the generated pages into the navigation."""
    logging.getLogger("mkdocs.plugins.griffe").setLevel(logging.ERROR)
    for entry in config.nav:
        if "Methods" in entry:
            entry["Methods"] += [
                {words: [{name: page_of(of, name)} for name, of in methods() if of == kind]}
                for kind, words in KINDS.items()
            ]
        if "Reference" in entry:
            entry["Reference"] += [f"reference/{n.rpartition('.')[2]}.md" for n in PACKAGES]
    return config


def on_files(files, config):  # type: ignore[no-untyped-def]
    """Add the generated pages."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown, page, **_):  # type: ignore[no-untyped-def]
    """Put the links to the pages of all methods where the list of methods asks for them."""
    return markdown.replace("<!-- pages of methods -->", methods_index())


def on_page_content(html, page, **_):  # type: ignore[no-untyped-def]
    """Keep together a score and its spread, both ends of a range, and a cell of two short words."""
    html = re.sub(r"(?<=\d) (±|to) (?=\d)", "\u00a0\\1\u00a0", html)
    return re.sub(r"<td>(\w{1,8}) (\w{1,8})</td>", "<td>\\1\u00a0\\2</td>", html)


def main() -> None:
    """Write the committed tables."""
    for (name, mark), make in COMMITTED.items():
        path = ROOT / name
        old = between(path, mark)
        path.write_text(
            path.read_text().replace(
                f"<!-- {mark} -->\n{old}<!-- /{mark} -->",
                f"<!-- {mark} -->\n{make()}<!-- /{mark} -->",
            )
        )


if __name__ == "__main__":
    main()
