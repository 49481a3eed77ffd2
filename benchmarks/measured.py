"""The figures that come with the package, from all results in ``docs/``.

    python benchmarks/measured.py

Reads the JSON files in ``docs/results`` (evaluations, transfer rows, searches of architectures,
membership inference) and the tables that ``graphcondense bench``, ``graphs.py``, ``images.py`` and
``recommend.py`` wrote, and writes ``graphcondense/measured/measured.json``. It only brings numbers
into one form: nothing is chosen, and what no file has is in none of its tables.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphcondense.measured.figures import (
    ATTACK,
    KENDALL,
    PRIVATE_ATTACK,
    PRIVATE_SCORE,
    RANDOM,
    SCORE,
    WHOLE,
    Line,
    Lines,
)

ROOT = Path(__file__).resolve().parents[1]
DOCS, TARGET = ROOT / "docs", ROOT / "graphcondense" / "measured" / "measured.json"
SEEDS = {"results/graphs.md": (3, 5), "results/images.md": (1, 5), "results/recommend.md": (1, 1)}
"""Condensations, and trainings of each, of tables that do not say so themselves: those of the
commands that ``docs/results-*.md`` name."""
SEARCHED = {"nas-cora.json": "gcond", "nas-quotient.json": "quotient"}
"""Which method the condensed graphs are of, in searches that do not say so; the pages that show
them do."""
FLOORS = (RANDOM, WHOLE)
OTHERS = (
    *("scale.json", "parallel.json", "advise.json", "defaults.json"),
    *("controls.json", "claims.json", "targets.json", "growing.json", "images.json"),
    "frontier.json",
)
"""Files that are no tables of methods with their presets."""
EPSILON = "epsilon"
"""The folder of attacks on methods under differential privacy."""
Found = Mapping[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder with results/")
    parser.add_argument("--out", type=Path, default=TARGET)
    args = parser.parse_args()
    args.out.write_text(written(tables_of(args.docs)), encoding="utf-8")


def written(tables: Iterable[Lines]) -> str:
    """The text of the file: a line for each set, so that a change is a small difference."""
    texts = []
    for table in tables:
        head = json.dumps({k: v for k, v in table.items() if k != "lines"})[:-1]
        lines = ",\n".join(f" {json.dumps(line)}" for line in table["lines"])
        texts.append(f'{head}, "lines": [\n{lines}\n]}}')
    return "[\n" + ",\n".join(texts) + "\n]\n"


def tables_of(docs: Path) -> list[Lines]:
    """All tables of a folder of results, sorted, their lines too."""
    found = [*_of_json(docs)]
    for name, read in PAGES.items():
        if (docs / name).exists():
            found += read(name, (docs / name).read_text(encoding="utf-8"))
    for table in found:
        table["lines"].sort(key=lambda line: (line["label"] in FLOORS, line["label"]))
    kept = [table for table in found if table["lines"]]
    return sorted(kept, key=lambda t: (t["kind"], t["what"], t["data"], t["budget"], t["source"]))


def label_of(name: str) -> str:
    """A method, and what differs from its defaults after a space.

    >>> label_of("gcond-x@sgc"), label_of("quotient+hard"), label_of("all"), label_of("gecc-hard")
    ('gcond-x sgc', 'quotient hard', 'whole', 'gecc-hard')
    """
    method, rest = re.match(r"([\w-]*)[@+,:( ]*(.*?)\)?$", name.strip()).groups()  # type: ignore[union-attr]
    method = {"all": WHOLE}.get(method, method)
    return f"{method} {rest}".strip()


def rounded(value: float) -> float | None:
    """One decimal in per cent of a share, as tables have it; ``None`` for none."""
    return round(100 * value, 1) if math.isfinite(value) else None


def kind_of(data: str, unit: str = "nodes") -> str:
    """The kind of data of a data set: what the catalogue says, else by what its examples are."""
    from graphcondense.cli.help import data_key, read_index

    units = {"nodes": "node", "graphs": "graph", "images": "image", "users": "rows"}
    known = read_index()["kinds"]
    return known.get(data_key(data), units[unit]) if unit == "nodes" else units[unit]


def line_of(
    label: str,
    seeds: tuple[int, int],
    scores: Mapping[str, Sequence[float | None]],
    seconds: float | None = None,
    edges: float | None = None,
) -> Line:
    """A line; what was not measured is left out."""
    line: Line = {
        "label": label_of(label),
        "sets": seeds[0],
        "trainings": seeds[1],
        "scores": {model: list(pair) for model, pair in scores.items()},
    }
    if seconds is not None:
        line["seconds"] = float(f"{seconds:.3g}")
    if edges is not None:
        line["edges"] = round(edges)
    return line


# ------------------------------------------------------------------------------------------- JSON


def _of_json(docs: Path) -> Iterator[Lines]:
    results = docs / "results"
    for path in [*sorted(results.glob("*.json")), *sorted(results.glob(f"{EPSILON}/*.json"))]:
        if path.name in OTHERS:
            continue
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = content if isinstance(content, list) else content.get("rows", [])
        kind = content.get("kind") if isinstance(content, dict) else None
        source = f"results/{path.relative_to(results).as_posix()}"
        if kind in READERS:
            yield from READERS[kind](source, content)
        elif rows and {"data", "nodes", "set", "test_mean"} <= rows[0].keys():
            yield from of_transfer(source, rows)
        else:
            raise ValueError(f"{path} is no result that this script knows")


def of_report(source: str, content: Found) -> Iterator[Lines]:
    """What ``graphcondense.evaluate`` found."""
    rows = content["rows"]
    of_sets = any(row.get("set_graphs") for row in rows)
    unit = "graphs" if of_sets else (content.get("units") or ["nodes"])[0]
    counts = Counter(
        row["set_graphs" if of_sets else "nodes"]
        for row in rows
        if label_of(row["label"]) not in FLOORS
    )
    grouped: dict[str, list[Found]] = {}
    for row in rows:
        grouped.setdefault(row["label"], []).append(row)
    lines = []
    for label, own in grouped.items():
        ledger = (content.get("ledgers") or {}).get(label) or {}
        lines.append(
            line_of(
                label,
                (own[0]["graphs"], own[0]["trainings"]),
                {r["model"]: _pair(r["test_selected"], _spread(r)) for r in own},
                ledger.get("condensation_seconds"),
                own[0]["edges"] if unit == "nodes" else None,
            )
        )
    yield {
        "source": source,
        "kind": kind_of(content["data"], unit),
        "data": content["data"],
        "budget": f"{counts.most_common(1)[0][0]:,} {unit}",
        "what": SCORE,
        "metric": content.get("metric", "accuracy"),
        "models": list(dict.fromkeys(row["model"] for row in rows)),
        "others": sorted({row["model"] for row in rows if row["predictor"] == "non-GNN"}),
        "lines": lines,
    }


def _pair(mean: float | None, std: float | None) -> tuple[float | None, float | None]:
    return (
        None if mean is None else rounded(mean),
        None if std is None else rounded(std),
    )


def _spread(row: Found) -> float | None:
    """Of a single training none is known."""
    return row["test_selected_std"] if row["graphs"] * row["trainings"] > 1 else None


def of_transfer(source: str, rows: Sequence[Found]) -> Iterator[Lines]:
    """Rows of one condensation each, ``{data, nodes, set, model, split, seed, trainings, test_mean,
    test_std, seconds, edges, ...}``; scores are shares. Rows of 0 nodes are of no budget: they
    stand beside every one, as those of the whole graph do."""

    def fixed(row: Found) -> bool:
        return _label(row) == WHOLE or not row["nodes"]

    budgets = sorted({(row["data"], row["nodes"]) for row in rows if not fixed(row)})
    for data, nodes in budgets:
        own = [row for row in rows if row["data"] == data and (row["nodes"] == nodes or fixed(row))]
        labels = dict.fromkeys(map(_label, own))
        lines = []
        for label in labels:
            of_set = [row for row in own if _label(row) == label]
            models = dict.fromkeys(row["model"] for row in of_set)
            by_model = {m: [row for row in of_set if row["model"] == m] for m in models}
            first = next(iter(by_model.values()))
            seconds = [row["seconds"] for row in first if row.get("seconds") is not None]
            edges = [row["edges"] for row in first if row.get("edges") is not None]
            lines.append(
                line_of(
                    label,
                    (len(first), min(row["trainings"] for row in first)),
                    {model: _pair(*pooled(found)) for model, found in by_model.items()},
                    statistics.mean(seconds) if seconds and label != WHOLE else None,
                    statistics.mean(edges) if edges else None,
                )
            )
        yield {
            "source": source,
            "kind": kind_of(data),
            "data": data,
            "budget": f"{nodes:,} nodes",
            "what": SCORE,
            "metric": "accuracy",
            "models": list(dict.fromkeys(row["model"] for row in own)),
            "others": sorted({row["model"] for row in own if row.get("predictor") == "non-GNN"}),
            "lines": lines,
        }


def _label(row: Found) -> str:
    return label_of(row["set"])


def pooled(rows: Sequence[Found]) -> tuple[float, float | None]:
    """Mean and standard deviation over all trainings of rows that have their own.

    >>> one = {"trainings": 2, "test_mean": 0.5, "test_std": 0.0}
    >>> pooled([one, {**one, "test_mean": 0.7}])
    (0.6, 0.11547005383792514)
    """
    for row in rows:
        if not 0 <= row["test_mean"] <= 1:
            raise ValueError(f"test_mean {row['test_mean']} of {row['set']} is no share in [0, 1]")
    count = sum(row["trainings"] for row in rows)
    mean = sum(row["trainings"] * row["test_mean"] for row in rows) / count
    squares = sum(
        (row["trainings"] - 1) * (row["test_std"] or 0.0) ** 2
        + row["trainings"] * (row["test_mean"] - mean) ** 2
        for row in rows
    )
    return mean, math.sqrt(squares / (count - 1)) if count > 1 else None


def of_search(source: str, content: Found) -> Iterator[Lines]:
    """How a search among architectures ranks them: Kendall's tau beside all data, times 100."""
    method = content.get("method") or SEARCHED[source.removeprefix("results/")]
    names = {"condensed": method}
    yield {
        "source": source,
        "kind": kind_of(content["data"]),
        "data": content["data"],
        "budget": f"{content['nodes']:,} nodes",
        "what": KENDALL,
        "metric": "Kendall's tau x 100",
        "models": ["search"],
        "others": [],
        "lines": [
            line_of(
                names.get(row["label"], row["label"]),
                (row["graphs"], len(content["seeds"])),
                {"search": _pair(row["kendall"], row["kendall_std"])},
                row["condensation_seconds"] if row["label"] not in FLOORS else None,
            )
            for row in content["rankings"]
        ],
    }


def of_privacy(source: str, content: Found) -> Iterator[Lines]:
    """Areas under the ROC curve of an attack, and the accuracy of the attacked models. Those of
    :data:`EPSILON` are no results of methods as they come, and told apart."""
    private = source.startswith(f"results/{EPSILON}/")
    area, score = (PRIVATE_ATTACK, PRIVATE_SCORE) if private else (ATTACK, SCORE)
    for what, metric, mean in (
        (area, "area under the ROC curve", "auc"),
        (score, "accuracy", "test"),
    ):
        yield {
            "source": source,
            "kind": kind_of(content["data"]),
            "data": content["data"],
            "budget": f"{content['nodes']:,} nodes",
            "what": what,
            "metric": metric,
            "models": [content["model"]],
            "others": [],
            "lines": [
                line_of(
                    row["label"],
                    (row["graphs"], row["trainings"]),
                    {content["model"]: _pair(row[mean], row[f"{mean}_std"])},
                )
                for row in content["rows"]
                if row["label"] != "control"
            ],
        }


def of_graph_transfer(source: str, content: Found) -> Iterator[Lines]:
    """Sets of graphs that several models are trained on, by data set and graphs a class."""
    for data, budget in dict.fromkeys((row["data"], row["per_class"]) for row in content["rows"]):
        own = [r for r in content["rows"] if (r["data"], r["per_class"]) == (data, budget)]
        yield {
            "source": source,
            "kind": kind_of(data, "graphs"),
            "data": data,
            "budget": f"{budget} a class",
            "what": SCORE,
            "metric": {"rocauc": "ROC-AUC"}.get(own[0]["metric"], own[0]["metric"]),
            "models": list(own[0]["models"]),
            "others": [],
            "lines": [
                line_of(
                    row["set"],
                    (row["seeds"], row["trainings"]),
                    {m: _pair(*pair) for m, pair in row["models"].items()},
                    row["seconds"] if row["set"] != WHOLE else None,
                )
                for row in own
            ],
        }


READERS: dict[str, Callable[[str, Found], Iterator[Lines]]] = {
    "Report": of_report,
    "ArchitectureSearch": of_search,
    "Privacy": of_privacy,
    "GraphTransfer": of_graph_transfer,
}
"""By the kind of result that a JSON file says it is."""

# ---------------------------------------------------------------------------------------- tables


def cells_of(line: str) -> list[str]:
    """The cells of a row of a Markdown table, without marks.

    >>> cells_of("| **80.3 ± 0.9** | 77 † |")
    ['80.3 ± 0.9', '77']
    """
    return [re.sub(r"\*\*|†", "", cell).strip() for cell in line.strip().strip("|").split("|")]


def first_table(text: str) -> list[dict[str, str]]:
    """The rows of the first table in a text, by heading."""
    found = re.search(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    if found is None:
        return []
    head, _, *rows = map(cells_of, found[0].strip().splitlines())
    return [dict(zip(head, row, strict=True)) for row in rows]


def score_of(text: str) -> tuple[float | None, float | None]:
    """
    >>> score_of("80.3 ± 0.9"), score_of("-")
    ((80.3, 0.9), (None, None))
    """
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text)]
    return (numbers or [None])[0], numbers[1] if len(numbers) > 1 else None


def number(text: str) -> float | None:
    """The mean of the ends of a range, or a number; ``None`` for a dash.

    >>> number("0.3 to 0.5"), number("1,095"), number("-")
    (0.4, 1095.0, None)
    """
    found = [float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]
    return statistics.mean(found) if found else None


BUDGETS = {"nodes": "{} nodes", "ratio": "ratio {}", "per-class": "{} a class", "bytes": "{} bytes"}
COLUMNS = ("nodes", "graphs", "edges", "KiB", "seconds")


def of_bench(source: str, text: str) -> Iterator[Lines]:
    """The page of ``graphcondense bench``: a section a data set and budget."""
    for section in text.split("\n## ")[1:]:
        command = re.search(r"graphcondense bench ([^`]*)", section)
        counts = re.search(r"(\d+) condensations x (\d+) trainings", section)
        rows = first_table(section)
        if not (command and counts and rows):
            raise ValueError(f"{source}: {section[:40]!r} is no section of graphcondense bench")
        flags = dict(re.findall(r"--([\w-]+) (\S+)", command[1]))
        flag = next(name for name in BUDGETS if name in flags)
        amount = f"{int(flags[flag]):,}" if flags[flag].isdigit() else flags[flag]
        heads = list(rows[0])
        until = next(i for i, head in enumerate(heads) if head in COLUMNS)
        marked = [head for head in heads[1:until] if head != "preset"]
        models = [head.removesuffix(" *") for head in marked]
        seeds, lines = (int(counts[1]), int(counts[2])), []
        for row in rows:
            lines.append(
                line_of(
                    row["trained on"],
                    (1 if label_of(row["trained on"]) == WHOLE else seeds[0], seeds[1]),
                    _scores(row, marked),
                    number(row["seconds"]),
                    number(row["edges"]),
                )
            )
        yield {
            "source": source,
            "kind": kind_of(flags["data"]),
            "data": flags["data"],
            "budget": BUDGETS[flag].format(amount),
            "what": SCORE,
            "metric": "accuracy",
            "models": models,
            "others": sorted(head.removesuffix(" *") for head in marked if head.endswith("*")),
            "lines": lines,
        }


def _scores(row: Mapping[str, str], heads: Sequence[str]) -> dict[str, Sequence[float | None]]:
    found = {head.removesuffix(" *"): score_of(row[head]) for head in heads}
    return {model: pair for model, pair in found.items() if pair[0] is not None}


def of_sets(source: str, text: str) -> Iterator[Lines]:
    """The page of ``graphs.py`` or ``images.py``: in a table the budgets stand beside one another,
    each with the columns of further predictors, and costs are a list over the measured budgets."""
    parts = re.split(r"^\*\*(.+?)\*\*: test (.+?) in %, (\w+)", text, flags=re.MULTILINE)[1:]
    for data, metric, model, rest in zip(*[iter(parts)] * 4, strict=True):
        rows = first_table(_unlike(rest))
        heads = list(rows[0])
        budgets = [head for head in heads if re.fullmatch(r"\d+ a class", head)]
        unit = "images" if "ridge" in rest.partition("\n|---")[0] else "graphs"
        for at, budget in enumerate(budgets):
            start = heads.index(budget)
            others = [head for head in heads if head.endswith(f" * of {budget}")]
            lines = []
            for row in rows:
                label = label_of(row["trained on"])
                source_of = {
                    head: row[heads[heads.index(head) - start + heads.index(budgets[0])]]
                    if row[head] == "same"
                    else row[head]
                    for head in (budget, *others)
                }
                if source_of[budget] == "-":
                    continue
                known = [b for b in budgets if row[b] not in ("-", "same")]
                costs = row["s to condense"].split(" / ")
                names = {budget: model, **{head: head.partition(" *")[0] for head in others}}
                scores = {names[head]: score_of(cell) for head, cell in source_of.items()}
                sets, trainings = SEEDS[source]
                lines.append(
                    line_of(
                        label,
                        (1 if label == WHOLE and unit == "images" else sets, trainings),
                        {m: pair for m, pair in scores.items() if pair[0] is not None},
                        number(costs[known.index(budgets[at])]) if label != WHOLE else None,
                    )
                )
            yield {
                "source": source,
                "kind": kind_of(data, unit),
                "data": data,
                "budget": budget,
                "what": SCORE,
                "metric": metric,
                "models": [model, *(head.partition(" *")[0] for head in others)],
                "others": sorted(head.partition(" *")[0] for head in others),
                "lines": lines,
            }


def _unlike(text: str) -> str:
    """A table whose headings ``NAME *`` say which budget they belong to: that before them."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("|"))
    heads, budget = [], ""
    for head in cells_of(lines[at]):
        budget = head if head.endswith(" a class") else budget
        heads.append(f"{head} of {budget}" if head.endswith("*") else head)
    return "\n".join([*lines[:at], f"| {' | '.join(heads)} |", *lines[at + 1 :]])


def of_users(source: str, text: str) -> Iterator[Lines]:
    """The page of ``recommend.py``: a row for each set and recommender."""
    for data, rest in re.findall(r"^\*\*(.+?)\*\*: test scores in %.*\n((?:.*\n?)*)", text, re.M):
        rows = first_table(rest)
        whole = [row for row in rows if label_of(row["trained on"]) == WHOLE]
        for users in dict.fromkeys(row["users"] for row in rows if row not in whole):
            own = [row for row in rows if row["users"] == users or row in whole]
            lines = []
            for label in dict.fromkeys(row["trained on"] for row in own):
                of_set = [row for row in own if row["trained on"] == label]
                lines.append(
                    line_of(
                        label,
                        SEEDS[source],
                        {row["recommender"]: score_of(row["NDCG@10"]) for row in of_set},
                        number(of_set[0]["s to condense"]),
                    )
                )
            yield {
                "source": source,
                "kind": kind_of(data, "users"),
                "data": data,
                "budget": f"{users} users",
                "what": SCORE,
                "metric": "NDCG@10",
                "models": list(dict.fromkeys(row["recommender"] for row in own)),
                "others": [],
                "lines": lines,
            }


PAGES: dict[str, Callable[[str, str], Iterator[Lines]]] = {
    "results.md": of_bench,
    "results/graphs.md": of_sets,
    "results/images.md": of_sets,
    "results/recommend.md": of_users,
}
"""What reads the tables that were written by a command, by page."""


if __name__ == "__main__":
    main()
