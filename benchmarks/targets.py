"""Rows of the tables of the guides: nodes with several labels, or numbers as targets, links,
heterogeneous graphs, and sets of graphs with numbers as targets.

    python benchmarks/targets.py debian-relations hgcond --models RGCN PathMLP MLP --root DATA
    python benchmarks/targets.py debian-links convmatch --models GCN SAGE --val-every 10 --root DATA
    python benchmarks/targets.py debian-links convmatch --set dims=128 contrast=1 --root DATA
    python benchmarks/targets.py cora-links quotient --decoder mlp --share 0.03 --root DATA
    python benchmarks/targets.py ogbg-molbace-wiener doscond --graphs 30 --root DATA

Condenses once, in this process, trains the models on what comes out, and prints the scores, the
size, processor seconds and the largest memory. ``whole`` and ``mean`` stand for a method, too. With
``-wiener`` behind the name of a set of graphs their labels are the logarithm of the Wiener index,
see :func:`wiener`. ``--out docs/results`` keeps the row in ``targets.json``, instead of an earlier
one of the same set and models, and writes the tables, ``targets-KIND.md``; ``--page`` alone writes
them again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import when
from cells import keep_rows, kept_rows
from scipy.sparse.csgraph import shortest_path

import graphcondense
from graphcondense.data import GraphTask, as_graph_task, load
from graphcondense.data.kind import data_kind
from graphcondense.evaluate import evaluator_of
from graphcondense.evaluate.cost import peak_memory_bytes, size_of
from graphcondense.evaluate.metrics import SCORES
from graphcondense.ops.files import write_whole
from graphcondense.ops.tables import Table

WIENER = "-wiener"
SHOWN = {
    "accuracy": ("accuracy",),
    "rocauc": ("rocauc", "ap"),
    "f1": ("f1", "macro-f1"),
    "r2": ("r2", "rmse"),
    "rmse": ("rmse", "r2"),
    "mrr": ("mrr", "hits@10"),
}
"""What tables show, by the score by which validation chose."""
NAMES = {"hits@10": "Hits@10"}
FLOORS = ("whole", "mean")
"""What has no budget, first in each table."""

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", help="a set of graphcondense.data.datasets()")
    parser.add_argument("method", nargs="?", help="of graphcondense.methods(), whole or mean")
    parser.add_argument("--root")
    parser.add_argument("--share", type=float, default=0.01, help="of all nodes")
    parser.add_argument("--models", nargs="+", default=["GCN"])
    parser.add_argument("--seed", type=int, default=0, help="of the condensation")
    parser.add_argument("--trainings", type=int, default=1)
    parser.add_argument("--val-every", type=int, default=5)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--graphs", type=int, help="of a set of graphs: how many, for a share")
    parser.add_argument("--readout", choices=("mean", "sum", "attention"), help="of graphs")
    parser.add_argument("--decoder", choices=("dot", "mlp"), help="of links")
    parser.add_argument("--set", nargs="*", default=[], help="fields of the method, as dims=128")
    parser.add_argument("--out", type=Path, help="keep the row there, and write the tables")
    parser.add_argument("--page", action="store_true", help="only write the tables of --out")
    args = parser.parse_args()
    if args.page:
        if args.out is None or args.data is not None:
            parser.error("--page writes the tables of --out, and measures nothing")
        write_pages(args.out, kept(args.out))
        return
    if args.method is None:
        parser.error("name the data and a method")
    row = measured(args)
    print("\n\n".join(table([row])))
    for model, found in row["models"].items():
        print(f"{model}: validation {found['val']}, epochs {found['epochs']}, {found['scores']}")
    if args.out is not None:
        rows = kept(args.out)
        merge(rows, row)
        keep_rows(args.out / "targets.json", rows)
        write_pages(args.out, rows)


def measured(args: argparse.Namespace) -> Row:
    """One set, condensed once, and the models on it."""
    fields = {k: json.loads(v) for k, v in (word.split("=", 1) for word in args.set)}
    given = {name: getattr(args, name) for name in ("val_every", "epochs", "readout", "decoder")}
    options: dict[str, Any] = {k: value for k, value in given.items() if value is not None}
    evaluator: Any = evaluator_of(opened(args.data, args.root), **options)
    task, seconds = evaluator.real, 0.0
    nodes = args.graphs or int(args.share * task.num_nodes)
    if args.method == "mean":
        found = {"-": evaluator.mean()}
        if found["-"] is None:
            raise SystemExit(f"{args.data}: its labels are no numbers, which alone have a mean")
        size: dict[str, int] = {}
    else:
        small, seed = task, args.seed
        if args.method != "whole":
            budget = {"size" if args.graphs else "nodes": nodes}
            start = time.process_time()
            small = graphcondense.condense(
                task, args.method, progress=False, seed=seed, **budget, **fields
            )
            seconds = time.process_time() - start
        stored = size_of(small)
        size = {"nodes": stored.nodes, "edges": stored.edges, "bytes": stored.bytes}
        if stored.graphs is not None:
            size["graphs"] = stored.graphs
        found = {name: evaluator.fit(name, small, seeds=args.trainings) for name in args.models}
    budgetless = args.method in FLOORS
    return {
        **{"kind": evaluator.kind, "data": args.data, "metric": evaluator.metric},
        **{"units": evaluator.units[0], "tested": evaluator.tested, "budget": nodes},
        "options": {k: v for k, v in options.items() if k != "val_every"},
        **{"method": args.method, "fields": fields, "seed": None if budgetless else args.seed},
        **{"size": size, "seconds": seconds, "peak": peak_memory_bytes(), "when": when.stamp()},
        "models": {
            name: {
                "scores": {
                    evaluator.metric: one.test_selected.tolist(),
                    **{key.lower(): list(value) for key, value in one.others.items()},
                },
                "val": one.val_selected.tolist(),
                "epochs": one.epoch_selected.tolist(),
                "seconds": one.processor_seconds,
                "val_every": args.val_every,
            }
            for name, one in found.items()
        },
    }


def opened(name: str, root: str | None) -> Any:
    """The data called so."""
    if not name.endswith(WIENER):
        return load(name, root)
    task = load(name.removesuffix(WIENER), root)
    assert isinstance(task, GraphTask), f"{name}: only graphs have a Wiener index"
    return wiener(task)


def wiener(task: GraphTask) -> GraphTask:
    """The same graphs, whose target is ``log10`` of their Wiener index: the sum of the shortest
    paths between all pairs of atoms, by bonds (Wiener, 1947); in molecules of several parts, of
    pairs in one part. Boiling points and other properties were first predicted from it. It is
    computed from the graph alone: no measurement, no noise."""
    graphs = task.graphs.graphs()
    for graph in graphs:
        n, edges = graph.num_nodes, graph.edge_index.numpy()
        bonds = sp.csr_matrix((np.ones(edges.shape[1]), edges), shape=(n, n))
        paths = shortest_path(bonds, directed=False, unweighted=True)
        index = max(paths[np.isfinite(paths)].sum() / 2, 1)
        graph.y = torch.tensor([[np.log10(index)]], dtype=torch.float32)
    splits = {"train": task.train, "val": task.val, "test": task.test}
    return as_graph_task(graphs, splits, name=f"{task.name}{WIENER}", label_kind="regression")


# ------------------------------------------------------------------------------------- the tables


def kept(out: Path) -> list[Row]:
    """Rows of earlier commands."""
    return kept_rows(out / "targets.json")


def merge(rows: list[Row], new: Row) -> None:
    """Add a row; one of the same set keeps its models that were not trained again."""
    same = ("data", "budget", "options", "method", "fields", "seed")
    for i, old in enumerate(rows):
        if all(old[name] == new[name] for name in same):
            rows[i] = {**new, "models": {**old["models"], **new["models"]}}
            return
    rows.append(new)


def write_pages(out: Path, rows: Sequence[Row]) -> None:
    """``targets-KIND.md`` of every kind of data."""
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        head = f"# {data_kind(kind).words.capitalize()}"
        head += "\n\nWritten by `benchmarks/targets.py`; do not edit."
        write_whole(out / f"targets-{kind}.md", "\n\n".join([head, *pages(own)]) + "\n")


def pages(rows: Sequence[Row]) -> Iterator[str]:
    """A table for each data set, budget and way of evaluating."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["method"] not in FLOORS:
            groups.setdefault(_table_of(row, row["budget"]), []).append(row)
    for row in rows:
        if row["method"] in FLOORS:  # in every table of its data, whatever the budget
            for own in groups.values():
                if _table_of(row, own[0]["budget"]) == _table_of(own[0], own[0]["budget"]):
                    own.append(row)
    for own in groups.values():
        yield from table(own)


def _table_of(row: Row, budget: int) -> str:
    return json.dumps([row["data"], budget, row["options"]], sort_keys=True)


def table(rows: Sequence[Row]) -> list[str]:
    """The sets of one table, as a line about it and Markdown: those without a budget first, then by
    the score of the first model, best first. Seeds of one set are one line."""
    sets: dict[str, list[Row]] = {}
    for row in rows:
        sets.setdefault(name_of(row), []).append(row)
    first = rows[0]
    models = list(dict.fromkeys(m for row in rows for m in row["models"] if m != "-"))
    shown = SHOWN.get(first["metric"], (first["metric"],))
    best = SCORES[first["metric"]]

    def rank(own: Sequence[Row]) -> tuple[bool, float]:
        values = pooled(own, models[0] if models else "-", first["metric"])
        value = statistics.mean(values) if values else 0.0
        return own[0]["method"] not in FLOORS, -value if best.larger_is_better else value

    body = []
    for own in sorted(sets.values(), key=rank):
        cells = [name_of(own[0])]
        for model in models or ["-"]:
            mean = "-" if own[0]["method"] == "mean" else model
            cells += [text_of(pooled(own, mean, score), score) for score in shown]
        body.append([*cells, *costs(own)])
    heads = [f"{model} {NAMES.get(s) or SCORES[s].name}" for model in models for s in shown]
    if len(shown) == 1:
        heads = list(models)
    if not models:
        heads = [NAMES.get(s) or SCORES[s].name for s in shown]
    small = "graphs" if first["kind"] == "graph" else "nodes"
    tail = ["nodes", "edges", "KiB", "runs", "s to condense", "s in all", "GiB"]
    how = ", ".join(f"{k} {v}" for k, v in sorted(first["options"].items()))
    about = f"**{first['data']}, {first['budget']:,} {small}{', ' + how if how else ''}**: "
    tested = "graphs" if first["kind"] == "graph" else best.of or first["units"]
    about += f"test {best.name} of {first['tested']:,} {tested}"
    every = sorted({m["val_every"] for row in rows for m in row["models"].values() if m["seconds"]})
    epochs = "updates" if first["kind"] == "graph" else "epochs"
    if every:
        about += f"; validated after every {' or '.join(map(str, every))} {epochs}"
    return [about, Table(["trained on", *heads, *tail], body).markdown()]


def name_of(row: Row) -> str:
    """A set in a table."""
    return ", ".join([row["method"], *(f"{k}={v}" for k, v in row["fields"].items())])


def pooled(rows: Sequence[Row], model: str, score: str) -> list[float]:
    """All trainings of all condensations."""
    found = [row["models"][model]["scores"] for row in rows if model in row["models"]]
    return [value for one in found for value in one.get(score, [])]


def text_of(values: Sequence[float], score: str) -> str:
    """Mean and standard deviation."""
    if not values:
        return "-"
    spread = statistics.stdev(values) if len(values) > 1 else None
    return SCORES.get(score, SCORES["accuracy"]).text(statistics.mean(values), spread)


def costs(rows: Sequence[Row]) -> list[str]:
    """Sizes and times of the first condensation, memory of the largest."""
    first = rows[0]
    size: Mapping[str, int] = first["size"]
    if not size:
        return ["-"] * 7
    trainings = max(len(m["val"]) for m in first["models"].values())
    slowest = max(m["seconds"] for m in first["models"].values())
    return [
        *(f"{size[name]:,}" for name in ("nodes", "edges")),
        f"{size['bytes'] / 1024:,.0f}",
        f"{len(rows)} x {trainings}",
        "-" if first["method"] == "whole" else f"{first['seconds']:,.1f}",
        f"{first['seconds'] + slowest:,.0f}",
        f"{max(row['peak'] for row in rows) / 2**30:.2f}",
    ]


if __name__ == "__main__":
    main()
