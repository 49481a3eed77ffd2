"""Makes every condensed set of the zoo: condenses, rounds, scores, writes sets, cards and index.

::

    python datasets/make_zoo.py --root DATA --work FOLDER

makes ``graphcondense/zoo/sets`` (the default condenser) and ``datasets/zoo`` (the others) anew. All
that is finished in the work folder is taken from there, so an interrupted run goes on; a part of it
is made by ``--only cora gecc`` or ``--only cora-35-gecc``. ``--no-write`` leaves the two folders as
they are. ``--more`` makes no set: those that are there are scored with the models that their cards
lack.

What is scored is what is stored: rounded to bfloat16. Sets in single precision are scored by a GCN
beside it, to see what rounding costs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import graphcondense
from graphcondense import zoo
from graphcondense.nn.batched import MODELS
from graphcondense.ops.types import Record
from graphcondense.saved.condensed_graph import CondensedGraph

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = "quotient"
SEEDS = 3
FEW = ("GCN", "SAGE", "MLP")
"""Where a prediction of the real graph takes long."""
START = (
    "No update of the run was better on validation nodes than its start, so the set is the start: "
    "nothing was gained by learning."
)
PLANETOID = (
    "the Planetoid files are distributed under the MIT licence (kimiyoung/planetoid); their "
    "source, LINQS, states none"
)


class Made(NamedTuple):
    """What is made of one data set.

    Attributes:
        sizes: numbers of nodes, by method.
        models: what sets of the default condenser are scored with.
        few: what those of the others are.
        val_every: epochs between two validations.
        licence, source: of the data.
    """

    sizes: dict[str, tuple[int, ...]]
    models: tuple[str, ...]
    few: tuple[str, ...]
    val_every: int
    licence: str
    source: str


METHODS = (DEFAULT, "gecc", "gcond")


def sizes(*nodes: int) -> dict[str, tuple[int, ...]]:
    """The same sizes for every method."""
    return dict.fromkeys(METHODS, nodes)


DATA = {
    "digits": Made(
        sizes(20, 50, 100),
        tuple(MODELS),
        tuple(MODELS),
        10,
        "CC BY 4.0",
        "scikit-learn's load_digits, of Alpaydin and Kaynak, Optical Recognition of Handwritten "
        "Digits, UCI Machine Learning Repository, 1998",
    ),
    "cora": Made(
        sizes(35, 70, 140),
        tuple(MODELS),
        tuple(MODELS),
        10,
        PLANETOID,
        "github.com/kimiyoung/planetoid, through PyG's Planetoid; Yang, Cohen, Salakhutdinov, "
        "arXiv 1603.08861",
    ),
    "citeseer": Made(
        sizes(30, 60, 120),
        tuple(MODELS),
        tuple(MODELS),
        10,
        PLANETOID,
        "github.com/kimiyoung/planetoid, through PyG's Planetoid; Yang, Cohen, Salakhutdinov, "
        "arXiv 1603.08861",
    ),
    "computers": Made(
        sizes(34, 68, 137),
        tuple(MODELS),
        tuple(MODELS),
        30,
        "distributed under the MIT licence (shchur/gnn-benchmark)",
        "github.com/shchur/gnn-benchmark, through PyG's Amazon; Shchur et al., arXiv 1811.05868",
    ),
    "debian": Made(
        sizes(80, 160, 320),
        ("GCN", "SGC", "SAGE", "MLP"),
        FEW,
        30,
        "none is stated for the package index as a whole; names, relations and word weights alone "
        "were read, and no text of it is kept",
        "index of Debian 12 (bookworm), November 2026, by datasets/build_debian.py",
    ),
}


def cells() -> Iterator[tuple[str, int, str]]:
    """Data, nodes and method of every set, the default condenser's first."""
    for method in METHODS:
        for data, made in DATA.items():
            for nodes in made.sizes[method]:
                yield data, nodes, method


def asked_by(data: str, nodes: int, method: str) -> tuple[str, str, str]:
    """The words of ``--only`` that ask for a set: its data, its method, its name."""
    return data, method, name_of(data, nodes, method)


def is_asked(only: Sequence[str], data: str, nodes: int, method: str) -> bool:
    """Whether ``--only`` wants this set.

    >>> is_asked(["cora", "gecc"], "cora", 35, "gecc"), is_asked([], "cora", 35, "gecc")
    (True, True)
    >>> is_asked(["cora", "gecc"], "cora", 35, "gcond"), is_asked(["cora-70"], "cora", 35, "gecc")
    (False, False)
    """
    kinds = [{*kind} for kind in zip(*(asked_by(*cell) for cell in cells()), strict=True)]
    words = asked_by(data, nodes, method)
    return all(w in only or not kind & {*only} for w, kind in zip(words, kinds, strict=True))


def name_of(data: str, nodes: int, method: str) -> str:
    """What an entry is called.

    >>> name_of("cora", 70, "quotient"), name_of("cora", 70, "gecc")
    ('cora-70', 'cora-70-gecc')
    """
    return f"{data}-{nodes}" + (f"-{method}" if method != DEFAULT else "")


def home_of(method: str) -> Path:
    """The folder of an entry: in the package what every installation has."""
    return zoo.FOLDER if method == DEFAULT else ROOT / "datasets" / "zoo"


def lean(small: CondensedGraph) -> CondensedGraph:
    """The set without what is of the size of the real graph, or quotes it."""
    out = small.clone()
    if "assignment" in out:
        del out["assignment"]
    out.condensed = {k: v for k, v in out.condensed.items() if k != "examples"}
    return out


def condensed(data: str, nodes: int, method: str, real: object, run: Path) -> CondensedGraph:
    """The set, from its folder if it is there."""
    if not (run / "condensed.safetensors").is_file():
        graphcondense.condense(real, method, nodes=nodes, seed=0, out=run, progress=False)
    small = lean(graphcondense.load(run))
    return graphcondense.load(graphcondense.save(small, run / "stored", compact=True))


def models_of(made: Made, method: str) -> tuple[str, ...]:
    """What a set is scored with."""
    return made.models if method == DEFAULT else made.few


def scored(made: Made, method: str, real: object, run: Path, small: CondensedGraph) -> Record:
    """Test accuracy of each model at its best validation epoch, kept in the run's folder."""
    file = run / "scores.json"
    found: Record = json.loads(file.read_text()) if file.is_file() else {"scores": {}}
    exact = lean(graphcondense.load(run))
    asked = [(name, small) for name in models_of(made, method)] + [("GCN in float32", exact)]
    for name, one in asked:
        if name in found["scores"]:
            continue
        found["scores"][name], found["protocol"] = score_of(made, name, real, one)
        file.write_text(json.dumps(found, indent=1))
    return found


def score_of(made: Made, name: str, real: object, small: object) -> tuple[dict[str, float], str]:
    """Mean and deviation of the trainings of a model, and what they are in words."""
    began = time.time()
    report = graphcondense.evaluate(
        small,
        real,
        models=[name.partition(" ")[0]],
        seeds=SEEDS,
        baselines=None,
        plain_epochs=0,
        progress=False,
        val_every=made.val_every,
    )
    row = report.rows[0]
    assert row.test_selected_std is not None, "several trainings"
    found = {
        "mean": round(100 * row.test_selected, 2),
        "std": round(100 * row.test_selected_std, 2),
    }
    protocol = (
        f"accuracy in % on {report.test_examples:,} test nodes at the best validation epoch; "
        f"mean and standard deviation of {SEEDS} trainings of 300 epochs, validated every "
        f"{made.val_every} epochs"
    )
    print(f"  {name:<15} {found} {time.time() - began:.0f} s", flush=True)
    return found, protocol


def score_more(made: Made, method: str, name: str, real: object) -> None:
    """Score a set of the zoo with the models that its card lacks; the set stays as it is."""
    home = home_of(method)
    entry, small = zoo.entries(home)[name], zoo.load(name, folder=home)
    for model in models_of(made, method):
        if model in entry.scores:
            continue
        found, protocol = score_of(made, model, real, small)
        if protocol != entry.protocol:
            raise ValueError(f"{name} was scored otherwise: {entry.protocol}; now {protocol}")
        entry.scores[model] = {**found}
        zoo.push(
            small,
            home,
            name=name,
            licence=entry.licence,
            source=entry.source,
            command=entry.command,
            scores={m: entry.scores[m] for m in MODELS if m in entry.scores},
            protocol=protocol,
            notes=entry.notes,
            compact=True,
            overwrite=True,
        )
        if zoo.entries(home)[name].sha256 != entry.sha256:
            raise RuntimeError(f"{name} is not stored as it was")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--root", action="append", default=[], help="folders of data sets")
    parser.add_argument("--work", type=Path, default=Path("zoo-runs"), help="kept between runs")
    words = sorted({word for cell in cells() for word in asked_by(*cell)})
    parser.add_argument(
        "--only", nargs="*", default=[], choices=words, metavar="WORD", help="data, methods, sets"
    )
    parser.add_argument("--more", action="store_true", help="only score what is there")
    parser.add_argument("--write", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    tasks: Record = {}
    for data, nodes, method in cells():
        name, made = name_of(data, nodes, method), DATA[data]
        if not is_asked(args.only, data, nodes, method):
            continue
        print(name, flush=True)
        if data not in tasks:
            tasks = {data: opened(data, args.root)}
        if args.more:
            score_more(made, method, name, tasks[data])
            continue
        run = args.work / f"{data}-{nodes}-{method}"
        small = condensed(data, nodes, method, tasks[data], run)
        found = scored(made, method, tasks[data], run, small)
        if not args.write:
            continue
        left = "assignment" in graphcondense.load(run)
        kept = (small.condensed.get("validation") or {}).get("start_kept")
        rounding = found["scores"].pop("GCN in float32")
        zoo.push(
            small,
            home_of(method),
            name=name,
            licence=made.licence,
            source=made.source,
            command=f"graphcondense condense {method} --data {data} --nodes {nodes} --seed 0",
            scores={name: found["scores"][name] for name in models_of(made, method)},
            protocol=found["protocol"],
            notes=[
                *(
                    ["The assignment of real nodes is left out: the command makes it."]
                    if left
                    else []
                ),
                *([START] if kept else []),
                f"Before rounding, a GCN has {rounding['mean']} ± {rounding['std']}.",
            ],
            compact=True,
            overwrite=True,
        )


def opened(data: str, roots: list[str]) -> object:
    """The real graph, from the first folder that has it."""
    there = [
        root
        for root in roots
        if any(row["local"] for row in graphcondense.data.datasets(data, root))
    ]
    return graphcondense.data.as_task(graphcondense.data.load(data, root=(there or [None])[0]))


if __name__ == "__main__":
    main()
