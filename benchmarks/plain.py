"""The controls of a table of condensed graphs, in one command.

    OMP_NUM_THREADS=1 python benchmarks/plain.py --root DATA --seconds 600

For each data set: ``quotient``, the same with hard labels, without edges and with its edges between
other nodes; random, k-center and herding at equal nodes, as real nodes with the edges between them
and as propagated rows without edges, of labelled nodes, and of all nodes with the soft labels of
quotient's teacher; the same in the bytes that quotient's graph is stored in; a coreset that is
tuned for as long as quotient condenses; and scikit-learn's logistic regression, linear SVM, naive
Bayes and gradient boosting on propagated features of *all* labelled nodes. Small sets are trained
on by a GCN. A classifier may take as many processor seconds as condensing by quotient and one such
training did, all its choices together; validation nodes choose. Cells are lines of
``--out``/controls.json and are not run again, but for those of sets named by ``--again``; the first
seed of everything comes first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, product
from pathlib import Path
from typing import Any

import numpy as np
from defaults import MODEL, TooLongError, at_most, scored

BUDGETS = {"cora": 70, "citeseer": 60, "computers": 68, "debian": 320}
NAMES = {"cora": "Cora", "citeseer": "CiteSeer", "computers": "Amazon Computers"}
CORESETS = ("random", "kcenter", "herding")
FORMS = ("", "-rows", "+soft", "-rows+soft")
BYTES = "=bytes"
OF_QUOTIENT = ("quotient-hard", "quotient-features", "quotient-shuffled")
TUNED = "tuned coreset"
SETS = (
    *("quotient", *OF_QUOTIENT),
    *(f"{name}{form}" for name, form in product(CORESETS, FORMS)),
    *(f"{name}{form}{BYTES}" for name, form in product(CORESETS, ("", "-rows"))),
    TUNED,
)
HOPS = 2
USUAL = (256, 300)
VAL_EVERY = {"computers": 10, "debian": 20}
TRAININGS = {"computers": 2, "debian": 2}


def main() -> None:
    args = parsed()
    began, rows = time.monotonic(), Rows(args.out / "controls.json")
    rows.drop(args.data, args.again)
    if not args.page:
        for data, name, seed in cells(args):
            if time.monotonic() - began > args.seconds:
                print("no time for further cells", file=sys.stderr)
                break
            if not rows.has(data, name, seed):
                rows.add(run(args, rows, data, name, seed))
    write_page(rows.rows, args.out)


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=None, help="folder of the data sets")
    parser.add_argument("--data", nargs="+", default=list(BUDGETS), choices=list(BUDGETS))
    parser.add_argument("--seeds", type=int, default=3, help="condensation seeds")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no cell later")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    known = (*SETS, *CLASSIFIERS)
    parser.add_argument("--sets", nargs="+", default=list(known), choices=known)
    parser.add_argument("--again", nargs="+", default=[], choices=known, help="run these anew")
    parser.add_argument("--page", action="store_true", help="only write the page")
    return parser.parse_args(words)


def cells(args: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """Data, what is trained on, and the condensation seed."""
    for seed in range(args.seeds):
        for data in args.data:
            # Quotient says how long others may take; classifiers draw nothing that matters.
            first = ["quotient", *(CLASSIFIERS if seed == 0 else ())]
            yield from ((data, name, seed) for name in first if name in args.sets)
        for data, name in product(args.data, SETS[1:]):
            if name in args.sets:
                yield data, name, seed


class Rows:
    """Finished cells in one file, which is written whole after each of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        content = json.loads(path.read_text()) if path.exists() else {"rows": []}
        self.rows: list[dict[str, Any]] = content["rows"]

    def of(self, data: str, name: str, seed: int) -> dict[str, Any] | None:
        """A finished cell."""
        wanted = (data, name, seed)
        return next((r for r in self.rows if (r["data"], r["set"], r["seed"]) == wanted), None)

    def has(self, data: str, name: str, seed: int) -> bool:
        """Whether a cell is finished."""
        return self.of(data, name, seed) is not None

    def drop(self, data: Sequence[str], names: Sequence[str]) -> None:
        """Forget the cells of some sets."""
        self.rows = [r for r in self.rows if r["data"] not in data or r["set"] not in names]

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row."""
        from graphcondense.ops.files import write_whole

        self.rows.append(row)
        lines = ",\n".join(json.dumps(row) for row in self.rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, f'{{"kind": "controls", "rows": [\n{lines}\n]}}\n')


HELD: dict[object, Any] = {}
"""The last real graphs, what quotient makes of them, and what its teacher says of them."""


def task_of(args: argparse.Namespace, data: str) -> Any:
    """The checked real graph, its published split, else the seeded one."""
    import graphcondense
    from graphcondense.data import as_task

    if data not in HELD:
        HELD[data] = as_task(graphcondense.data.load(data, root=args.root))
    return HELD[data]


def run(args: argparse.Namespace, rows: Rows, data: str, name: str, seed: int) -> dict[str, Any]:
    """The row of a cell."""
    task = task_of(args, data)
    row: dict[str, Any] = {"data": data, "set": name, "seed": seed}
    own = rows.of(data, "quotient", 0 if name in CLASSIFIERS else seed)
    if own is None and name in (*CLASSIFIERS, TUNED):
        raise ValueError(f"run quotient on {data} first: it says how long others may take")
    if name in CLASSIFIERS:
        limit = own["seconds"] + own["training_seconds"]
        row |= {"limit": limit, "test_nodes": len(task.test), **classified_by(task, name, limit)}
    elif name == TUNED:
        row |= tuned(task, data, seed, own["seconds"])
    else:
        small, seconds = the_set(task, data, name, seed)
        row |= scored(task, small, *USUAL, VAL_EVERY.get(data, 5), TRAININGS.get(data, 3))
        row["seconds"] = round(seconds, 3)
    said = f"{100 * statistics.fmean(row['tests']):.1f}" if row.get("tests") else "not in time"
    print(f"{data} {name} {seed}: {said}", file=sys.stderr, flush=True)
    return row


def the_set(task: Any, data: str, name: str, seed: int) -> tuple[Any, float]:
    """A small set, and the processor seconds of making it, the teacher's of soft labels too."""
    import controls

    if name == "quotient" or name in OF_QUOTIENT:
        small, seconds = by_quotient(task, data, seed)
        made = {
            "quotient-hard": controls.hard,
            "quotient-features": controls.without_edges,
            "quotient-shuffled": lambda one: controls.with_shuffled_edges(one, seed),
        }
        return (made[name](small) if name in made else small), seconds
    if name.endswith(BYTES):
        return in_bytes(task, data, name.removesuffix(BYTES), seed)
    method, soft = name.removesuffix("+soft"), name.endswith("+soft")
    method, rows = method.removesuffix("-rows"), method.endswith("-rows")
    began = time.process_time()
    taught, labels, from_ = 0.0, task.y, task
    if soft:
        if (data, seed) not in HELD:
            HELD[data, seed] = controls.lesson(task, seed)
        lesson = HELD[data, seed]
        taught, labels, began = lesson.seconds, lesson.soft, time.process_time()
        # Its labels of training nodes are their classes: what it adds are labels of all others.
        from_ = controls.whole_with(task, lesson.classes)
    nodes = chosen(from_, method, BUDGETS[data], seed)
    seconds = time.process_time() - began + taught
    make = controls.propagated if rows else controls.real_nodes
    return make(task, nodes, labels), seconds


def by_quotient(task: Any, data: str, seed: int) -> tuple[Any, float]:
    """The graph of quotient, made once, and its processor seconds."""
    import graphcondense

    if ("quotient", data, seed) not in HELD:
        began = time.process_time()
        small = graphcondense.condense(
            task, "quotient", nodes=BUDGETS[data], seed=seed, preset="none", progress=False
        )
        HELD["quotient", data, seed] = small, time.process_time() - began
    return HELD["quotient", data, seed]  # type: ignore[no-any-return]


def in_bytes(task: Any, data: str, method: str, seed: int) -> tuple[Any, float]:
    """As many nodes of a coreset as are stored in the bytes of quotient's graph.

    Labelled nodes come first. Raw nodes are then joined by those around them, nearest first,
    without their labels, which propagated rows cannot use.
    """
    import controls
    import torch

    from graphcondense.evaluate.cost import size_of
    from graphcondense.evaluate.floors import longest, nodes_around

    budget = size_of(by_quotient(task, data, seed)[0]).bytes
    method, rows = method.removesuffix("-rows"), method.endswith("-rows")
    began = time.process_time()
    order = in_order(task, method, seed)
    if rows:
        made = controls.propagated(task, order, task.y)

        def first(count: int) -> Any:
            return made.subgraph(torch.arange(count))
    else:
        order = torch.cat([order, nodes_around(task, torch.Generator().manual_seed(seed))])

        def first(count: int) -> Any:
            return task.subgraph(order[:count], name=f"{method}{BYTES}")

    count = longest(len(order), lambda n: size_of(first(n)).bytes <= budget)
    return first(count), time.process_time() - began


def in_order(task: Any, method: str, seed: int) -> Any:
    """All labelled nodes in the order in which a coreset takes them, the classes in turn."""
    import torch

    from graphcondense.evaluate.floors import in_turn
    from graphcondense.ops.select import CHOICES

    rng = torch.Generator().manual_seed(seed)
    x, groups = torch.from_numpy(task.propagate(HOPS, task.train.numpy())), task.groups[task.train]
    orders = []
    for c in range(task.num_groups):
        own = (groups == c).nonzero().flatten()
        orders.append(task.train[own[CHOICES[method](x[own], len(own), rng)]])
    return in_turn(orders)


def choices() -> Iterator[tuple[str, str, int, bool, int]]:
    """In words, and as method, hops, whether rows are propagated, and seed: what coresets may
    choose from, over and over with other seeds. What draws nothing comes once."""
    for seed in count():
        for rows, (method, hops) in product(
            (True, False), (("random", 2), *product(CORESETS[1:], (2, 1, 0)))
        ):
            if method == "random" or seed == 0:
                words = f"{method}{'-rows' if rows else ''}, hops {hops}, seed {seed}"
                yield words, method, hops, rows, seed


def tuned(task: Any, data: str, seed: int, limit: float) -> dict[str, Any]:
    """The coreset of the best validation accuracy among those that are made, trained on and
    validated in ``limit`` processor seconds, at least one; trained on again, and scored."""
    import controls

    began, best, tried = time.process_time(), None, []
    how = (*USUAL, VAL_EVERY.get(data, 5))
    for words, method, hops, rows, draw in choices():
        if tried and time.process_time() - began > limit:
            break
        nodes = chosen(task, method, BUDGETS[data], 1000 * seed + draw, hops)
        small = (controls.propagated if rows else controls.real_nodes)(task, nodes, task.y)
        val = validated(task, small, *how)
        tried.append(words)
        if best is None or val > best[0]:
            best = (val, words, small)
    seconds = round(time.process_time() - began, 3)
    row = {**scored(task, best[2], *how, TRAININGS.get(data, 3))}
    return {**row, "seconds": seconds, "tried": tried, "chosen": best[1], "limit": limit}


def validated(task: Any, small: Any, hidden: int, epochs: int, val_every: int) -> float:
    """The best validation accuracy of one training."""
    from graphcondense.evaluate import NodeEvaluator

    evaluator = NodeEvaluator(task, hidden=hidden, epochs=epochs, val_every=val_every)
    return float(evaluator.fit(MODEL, small, seeds=1).val_selected.mean())


def chosen(task: Any, method: str, nodes: int, seed: int, hops: int = HOPS) -> Any:
    """The nodes that a coreset takes, by the same draws as ``condense(..., seed=seed)``."""
    import torch

    from graphcondense.domains.node_source import NodeSource
    from graphcondense.methods import find_method

    own = {} if method == "random" else {"hops": hops}
    seen, made = NodeSource(task), find_method(method, "node")[0](nodes=nodes, **own)
    members = [made.members(seen, c) for c in range(seen.num_classes)]
    return made.chosen(seen, members, torch.Generator().manual_seed(seed))


# --- classifiers of scikit-learn -----------------------------------------------------------------


def logistic() -> Iterator[tuple[str, Any]]:
    """Logistic regressions, cheapest first."""
    from sklearn.linear_model import LogisticRegression

    for c in (1.0, 10.0, 100.0, 1000.0):
        yield f"C={c:g}", LogisticRegression(C=c, max_iter=1000)


def svm() -> Iterator[tuple[str, Any]]:
    """Linear support vector machines."""
    from sklearn.svm import LinearSVC

    for c in (0.1, 1.0, 10.0, 100.0):
        yield f"C={c:g}", LinearSVC(C=c, max_iter=5000)


def bayes() -> Iterator[tuple[str, Any]]:
    """Naive Bayes with normal features."""
    from sklearn.naive_bayes import GaussianNB

    for smoothing in (1e-9, 1e-4, 1e-2, 1e-1):
        yield f"smoothing={smoothing:g}", GaussianNB(var_smoothing=smoothing)


def boosting() -> Iterator[tuple[str, Any]]:
    """Gradient boosting by histograms."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    for trees in (10, 30, 100):
        own = {"max_iter": trees, "min_samples_leaf": 5, "early_stopping": False}
        yield f"{trees} rounds", HistGradientBoostingClassifier(**own, random_state=0)


CLASSIFIERS: Mapping[str, Callable[[], Iterator[tuple[str, Any]]]] = {
    "logistic regression": logistic,
    "linear SVM": svm,
    "naive Bayes": bayes,
    "gradient boosting": boosting,
}


def classified_by(task: Any, name: str, limit: float) -> dict[str, Any]:
    """The choice of the best validation accuracy among those that the time allows, on test once.

    Propagation counts; what is not finished in time is no choice.
    """
    import warnings

    from graphcondense.ops.adjacency import propagate_rows
    from graphcondense.saved.compact import bytes_of

    began, best, tried = time.process_time(), None, []
    parts = {k: getattr(task, k).numpy() for k in ("train", "val", "test")}
    y = task.y.numpy()
    warnings.simplefilter("ignore")  # what has not converged is scored as it is
    try:
        with at_most(limit):
            x = {
                k: propagate_rows(task.gcn_adj, task.x_array, HOPS, rows, np.float32)
                for k, rows in parts.items()
            }
            # As logistic regressions and margins want them: of length one in the mean.
            scale = np.sqrt(np.square(x["train"]).sum(1).mean())
            x = {k: rows / scale for k, rows in x.items()}
            for words, model in CLASSIFIERS[name]():
                model.fit(x["train"], y[parts["train"]])
                val = float((model.predict(x["val"]) == y[parts["val"]]).mean())
                if time.process_time() - began > limit:
                    break  # a library may have dropped the exception
                tried.append(words)
                if best is None or val > best[0]:
                    best = (val, words, model)
    except TooLongError:
        pass
    seconds = round(time.process_time() - began, 3)
    found: dict[str, Any] = {"model": name, "seconds": seconds, "tried": tried, "tests": []}
    if best is not None:
        test = float((best[2].predict(x["test"]) == y[parts["test"]]).mean())
        found |= {"tests": [round(test, 5)], "chosen": best[1]}
    rows = len(parts["train"])
    return found | {"set_nodes": rows, "edges": 0, "bytes": bytes_of(x["train"]) if best else 0}


# --- the page ------------------------------------------------------------------------------------


def write_page(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """``controls.md``."""
    from graphcondense.ops.files import write_whole
    from graphcondense.ops.tables import Table

    lines = [
        "# Controls",
        "",
        "Written by `python benchmarks/plain.py --root DATA`; do not edit.",
        "",
        "Test accuracy in %, mean and standard deviation over condensation seeds x trainings. "
        "Small sets are trained on by a GCN of 256 units, 300 epochs, of which validation nodes "
        "choose one. `-rows` are rows of `Â²X` without edges. `+soft` are chosen among all nodes "
        "by the classes of quotient's teacher, and have its soft labels; others are chosen among "
        "labelled nodes. `=bytes` fill the bytes that quotient's graph is stored in, with labelled "
        "nodes first and then, without labels, those around them (where all labelled nodes fit, "
        "coresets differ no more). The tuned coreset is the best on "
        "validation nodes among random, k-center and herding of several hops, raw and as rows, "
        "with several seeds, as far as they are made, trained on and validated in the seconds of "
        "quotient. `quotient-hard` has classes for soft labels, `quotient-features` no edges, "
        "`quotient-shuffled` its edges between other nodes. Classifiers of scikit-learn see `Â²X` "
        "of all labelled nodes, in as many processor seconds as condensing by quotient and one "
        "training took; of what was finished in time validation nodes choose (what cannot be "
        "interrupted may end later, and is no choice). Seconds are the processor's, of condensing "
        "or of all choices together.",
        "",
    ]
    for data, nodes in BUDGETS.items():
        own = [row for row in rows if row["data"] == data]
        if not own:
            continue
        tests = {row["test_nodes"] for row in own}
        lines += [
            f"### {NAMES.get(data, data)}, {nodes} nodes",
            "",
            f"On {', '.join(f'{t:,}' for t in sorted(tests))} test nodes.",
            "",
            Table(HEAD, [line(own, name) for name in order(own)]).markdown(),
            "",
        ]
    write_whole(out / "controls.md", "\n".join(lines))


HEAD = ("trained on", "predictor", "test", "runs", "nodes", "edges", "KiB", "seconds", "chosen")


def order(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was trained on, best first; what was not finished comes last."""
    names = list(dict.fromkeys(row["set"] for row in rows))

    def score(name: str) -> float:
        found = [v for row in rows if row["set"] == name for v in row["tests"]]
        return -statistics.fmean(found) if found else 1.0

    return sorted(names, key=score)


def line(rows: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """A row of the table."""
    from graphcondense.evaluate.result import percent

    own = [row for row in rows if row["set"] == name]
    tests = [v for row in own for v in row["tests"]]
    first = own[0]
    spread = statistics.stdev(tests) if len(tests) > 1 else None
    seconds = statistics.fmean(row["seconds"] for row in own)
    chosen = first.get("chosen", "-")
    if "tried" in first:
        chosen += f"; {len(first['tried'])} choices in {first['limit']:.1f} s"
    return [
        "all labelled nodes" if name in CLASSIFIERS else name,
        first["model"],
        percent(statistics.fmean(tests), spread) if tests else "not in time",
        f"{len(own)} x {len(first['tests'])}" if tests else "-",
        f"{first['set_nodes']:,}",
        f"{statistics.fmean(row['edges'] for row in own):,.0f}",
        f"{statistics.fmean(row['bytes'] for row in own) / 1024:,.0f}",
        f"{seconds:.2f}",
        chosen,
    ]


if __name__ == "__main__":
    main()
