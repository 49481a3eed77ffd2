"""The condensed sets, drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from graphcondense.ops.tables import Cell
from graphcondense.report import scene
from graphcondense.report.runs import Run
from graphcondense.report.sections.parts import SYMBOL, Key, Section, section, table
from graphcondense.report.values import Values, mapping, share
from graphcondense.saved.shown import EXAMPLE_HEAD, class_words, example_rows, labels_of

MOST_EXAMPLES = 200
"""Condensed nodes whose examples are listed."""


def condensed(runs: Sequence[Run], key: Key) -> tuple[Section, dict[str, scene.GraphScene]]:
    """The condensed graphs, molecules, images or users; and what the browser is to draw."""
    graphs: dict[str, scene.GraphScene] = {}
    boxes: list[tuple[str, str, Values]] = []
    for i, run in enumerate(runs):
        name = f"graph-{i}"
        if run.unit == "nodes":
            graphs[name] = drawn = scene.graph_scene(run)
            boxes.append((run.label, "nodes", _graph(name, run, drawn)))
        else:
            boxes.append((run.label, run.unit, DRAWN[run.unit](run)))
    units = {run.unit for run in runs}
    what = "graph" if units == {"nodes"} else min(units)
    what = what if len(units) == 1 else "set"
    plurals = len(runs) > 1 and not what.endswith("s")
    title = f"Condensed {what}" + ("s" if plurals else "")
    return section("condensed", title, key=key, boxes=boxes), graphs


def _graph(name: str, run: Run, drawn: scene.GraphScene) -> Values:
    edges, total = int(run.small.edge_index.shape[1]), len(run.small.x)
    nodes = drawn["nodes"]
    texts = [f"{total:,} nodes, {edges:,} edges."]
    if len(nodes) < total:
        texts.append(f"Drawn are the {len(nodes):,} nodes of greatest degree.")
    if not edges:
        texts.append(
            "It has no edges: nodes lie by the first two principal components of their features, "
            "far ones drawn nearer."
        )
    else:
        if len(drawn["edges"]) < drawn["pairs"]:
            texts.append(
                f"Drawn are the {len(drawn['edges']):,} strongest of {drawn['pairs']:,} joined "
                "pairs."
            )
        if drawn["within"] is not None and run.small.y is not None:
            texts.append(f"{share(drawn['within'])} of all edge weight joins nodes of one class.")
        texts.append("Larger nodes have more weight on their edges.")
    classes = sorted({node[3] for node in nodes})
    symbols = [
        SYMBOL.format(
            f"c{c % 7}" if c >= 0 else "cink", scene.SHAPES[max(c, 0) // 7 % len(scene.SHAPES)]
        )
        for c in classes
    ]
    named = len([c for c in classes if c >= 0])
    return {
        "name": name,
        "classes": list(zip(classes, symbols, strict=True)),
        "label": f"Condensed graph of {run.label}: {total:,} nodes"
        + (f" in {named} classes" if named else ""),
        "text": " ".join(texts),
        "examples": _examples(run),
    }


def _examples(run: Run) -> Markup | None:
    """What each condensed node stands for; ``None`` where the record does not say."""
    words = class_words(labels_of(run.small), run.record)
    if not (rows := example_rows(run.record, words)):
        return None
    by = mapping(run.record.get("examples")).get("by", "nearest to it")
    cells = [[Cell(i, float(i)), Cell(c), Cell(text)] for i, c, text in rows[:MOST_EXAMPLES]]
    more = f"; the first {MOST_EXAMPLES} of {len(rows):,}" if len(rows) > MOST_EXAMPLES else ""
    caption = f"What a node stands for: the real nodes that are {by}{more}"
    return table(EXAMPLE_HEAD, cells, caption)


def _set_of_graphs(run: Run) -> Values:
    graphs = run.small.set
    nodes, edges = len(graphs.x), graphs.edge_index.shape[1]
    low, high = int(graphs.sizes.min()), int(graphs.sizes.max())
    each = f"{low}" if low == high else f"{low} to {high}"
    shown, names, title = scene.molecules(run)
    more = f" The first {sum(map(len, shown.values()))} are drawn." if nodes else ""
    drawn = sum(map(len, shown.values()))
    return {
        "text": f"{run.size} of {each} nodes, {nodes:,} nodes and {edges:,} edges in all."
        + (more if drawn < len(graphs) else ""),
        "groups": shown,
        "names": [(SYMBOL.format(colour, scene.SHAPES[0]), name) for colour, name in names],
        "title": title,
    }


def _users(run: Run) -> Values:
    rows = run.small.csr
    return {
        "text": f"{run.size} by {rows.shape[1]:,} items, {rows.nnz:,} interactions.",
        "address": None if run.picture is None else scene.picture_of(run.picture),
        "alt": f"popularity of items of {run.label}",
    }


def _images(run: Run) -> Values:
    most = f"at most {scene.MOST_IMAGES} a class shown"
    return {"groups": scene.images_of(run), "text": f"{len(run.small.y):,} images, {most}."}


def _hetero(run: Run) -> Values:
    counts = {kind: int(run.small[kind].num_nodes) for kind in run.small.node_types}
    nodes = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
    edges = sum(int(store.num_edges) for store in run.small.edge_stores)
    return {
        "text": f"{nodes} nodes; {edges:,} edges of {len(run.small.edge_types):,} relations. Drawn "
        f"are those between {run.small.target} nodes.",
        "address": None if run.picture is None else scene.picture_of(run.picture),
        "alt": f"{run.small.target} nodes of {run.label}",
    }


DRAWN: dict[str, Callable[[Run], Values]] = {
    "graphs": _set_of_graphs,
    "images": _images,
    "target nodes": _hetero,
    "users": _users,
}
"""What is shown of a condensed set, by what it is of; that of nodes is drawn by the browser."""
