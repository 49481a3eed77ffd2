"""Evaluations of several runs as one table for each real graph and way of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from graphcondense.evaluate.ledger import better_than_random
from graphcondense.evaluate.metrics import SCORES, Score
from graphcondense.evaluate.result import on_test
from graphcondense.report.runs import Evaluation, Run, score_of
from graphcondense.report.values import Values, count_of, mapping, number, trainings

SAME_BYTES = ", same bytes"


@dataclass
class Group:
    """Evaluations on one real graph, or one real set of graphs, under the same training.

    Attributes:
        data: name of the real graph.
        digest: its hash.
        settings: how each model was trained.
        rows: by what was trained on and by model; baselines come last.
        ledgers: by what was trained on.
        runs: which rows are of which run, by the run's label.
        score: what the rows' scores are.
        units: what nodes and edges are called.
        tested: how many test examples are scored; ``None`` where a file does not say.
        unlabelled: how many were left out, as they have no label.
        notes: what could not be told apart.
        known: what stands behind labels that are of no run.
    """

    data: str
    digest: str
    settings: dict[str, Values]
    rows: dict[tuple[str, str], Values] = field(default_factory=dict)
    ledgers: dict[str, Values] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    score: Score = SCORES["accuracy"]
    units: tuple[str, str] = ("nodes", "edges")
    tested: int | None = None
    unlabelled: int = 0
    notes: list[str] = field(default_factory=list)
    known: dict[str, tuple[object, ...]] = field(default_factory=dict)

    @property
    def examples(self) -> str:
        """What test examples are called."""
        of_graphs = any(row.get("set_graphs") for row in self.rows.values())
        return "graphs" if of_graphs else self.score.of or self.units[0]

    @property
    def on_test(self) -> str:
        """How many test examples there are, in words; empty where that is not known."""
        return on_test(self.tested, self.unlabelled, self.examples)

    @property
    def moments(self) -> tuple[str, ...]:
        """At which moments of a training there is a test score; recommenders have no epochs."""
        return ("selected",) if self.units[0] == "users" else ("selected", "last")

    @property
    def labels(self) -> list[str]:
        """What was trained on: condensed sets, then random nodes, then the whole graph."""
        found = dict.fromkeys(label for label, _ in self.rows)
        return sorted(found, key=lambda label: (label == "whole", is_floor(label)))

    @property
    def models(self) -> list[str]:
        """Models in the order in which they were named; those marked as no GNN come last."""
        kinds = {model: is_network(row) for (_, model), row in self.rows.items()}
        return sorted(kinds, key=lambda model: not kinds[model])

    def best(self, run: Run) -> tuple[str, str] | None:
        """The row that speaks for a run: of a GCN or a ConvNet, else of the first model."""
        label = self.runs.get(run.label)
        if label is None:
            return None
        models = [model for model in self.models if (label, model) in self.rows]
        return label, next((name for name in ("GCN", "ConvNet") if name in models), models[0])

    def training(self, model: str) -> Values:
        """How a model was trained."""
        return self.settings.get(model, {})

    def title(self) -> str:
        """The real graph and how was trained on it: what all models share, then what differs."""
        found = {model: self.training(model) for model in self.models if self.training(model)}
        first = next(iter(found.values()), {})
        common = {
            name: value
            for name, value in first.items()
            if all(name in each and each[name] == value for each in found.values())
        }
        text = ", ".join([self.data, *_spelled(common)])
        apart = {
            model: _spelled({k: v for k, v in settings.items() if k not in common})
            for model, settings in found.items()
        }
        return "; ".join([text, *(f"{m}: {', '.join(more)}" for m, more in apart.items() if more)])


def _by_model(settings: Values, models: Sequence[str]) -> dict[str, Values]:
    """Settings by model; those without models are of every one.

    >>> _by_model({"epochs": 3}, ["GCN"]), _by_model({"GCN": {"epochs": 3}}, ["GCN", "MLP"])
    ({'GCN': {'epochs': 3}}, {'GCN': {'epochs': 3}})
    """
    if any(isinstance(value, Mapping) for value in settings.values()):
        return {model: mapping(settings[model]) for model in models if model in settings}
    return dict.fromkeys(models, settings)


def _spelled(settings: Values) -> list[str]:
    return [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in settings.items()
        if value is not None
    ]


def merge(runs: Sequence[Run]) -> list[Group]:
    """All evaluations, grouped; where two hold the same row, the one of more trainings stays.

    A run is a folder: equal tensors in another folder are another run. What an evaluation says of a
    set is that of the run in whose folder it lies, if the set is that run's; else of the one run on
    the page that holds the set. Where several hold it, it is shown under none of them, and a note
    says so.
    """
    groups: list[Group] = []
    for run in runs:
        if run.evaluation is None:
            continue
        found = run.evaluation
        group = _group_for(groups, found)
        ledgers = found.get("ledgers") or {}
        names: dict[str, str] = {}
        for row in found["rows"]:
            label = str(row["label"])
            if label not in names:
                names[label] = _shown(row, ledgers, runs, run, group)
            _keep(group, (names[label], str(row["model"])), row)
        for label, ledger in ledgers.items():
            if label in names:
                group.ledgers.setdefault(names[label], ledger)
    return groups


def _group_for(groups: list[Group], found: Evaluation) -> Group:
    """The group of the same graph whose models were trained in the same way; else a new one."""
    digest, models = str(found.get("digest", "")), [str(row["model"]) for row in found["rows"]]
    settings = _by_model(found.get("settings") or {}, models)
    count, left = number(found, "test_examples"), number(found, "test_unlabelled")
    tested = None if count is None else int(count), int(left or 0)
    for group in groups:
        shared = group.settings.keys() & settings.keys()
        same = digest, group.tested, group.unlabelled
        if same == (group.digest, *tested) and all(
            settings[m] == group.settings[m] for m in shared
        ):
            group.settings.update(settings)
            return group
    nodes, edges = found.get("units") or ("nodes", "edges")
    data, score = str(found.get("data", "data")), score_of(found)
    group = Group(data, digest, settings, score=score, units=(nodes, edges))
    group.tested, group.unlabelled = tested
    groups.append(group)
    return group


def _shown(
    row: Values,
    ledgers: Mapping[str, Values],
    runs: Sequence[Run],
    run: Run,
    group: Group,
) -> str:
    """What the page calls a row's set: the run it is of, where that is known.

    The row is of an evaluation that lies in the folder of ``run``. What is found out is written
    into ``group``.
    """
    label = str(row["label"])
    if label == "whole":
        return label
    if label == "random":
        return f"random, {size_of(row, group)}"
    if label.endswith(SAME_BYTES):
        nodes = f"{count_of(row, 'nodes', 0):,} {group.units[0]}"
        return f"{label.removesuffix(SAME_BYTES)}, {nodes}{SAME_BYTES}"
    ledger = ledgers.get(label, {})
    count = count_of(row, "graphs")
    if count > 1:
        what = "graphs" if run.unit == "nodes" else "sets"
        several = tuple(_hashes(ledger) or [str(ledger.get("graph"))])
        shown = _free(f"{label} ({count} {what})", (label, count, *several), run, group, runs)
        for owner in _in_mean(label, ledger, runs, run, group):
            group.runs.setdefault(owner.label, shown)
        return shown
    found = _owners(label, ledgers, runs, run)
    if len(found) == 1:
        group.runs[found[0].label] = found[0].label
        return found[0].label
    if found:
        group.notes.append(
            f"{label}, measured in {run.folder}, has the hash {ledger.get('graph')}, and so have "
            f"{' and '.join(one.label for one in found)}: it is shown under none of them. To have "
            "it there, evaluate that run by itself."
        )
    return _free(label, (label, str(ledger.get("graph"))), run, group, runs)


def _owners(label: str, ledgers: Mapping[str, Values], runs: Sequence[Run], run: Run) -> list[Run]:
    """The runs that a measurement of one set may be of: one, none, or several of equal tensors."""
    digest = ledgers.get(label, {}).get("graph")
    if digest is None:  # of an older version: its folder alone says whose it is
        return [run] if label in run.names else []
    holders = [other for other in runs if str(digest) in other.hashes]
    equal = [name for name, ledger in ledgers.items() if ledger.get("graph") == digest]
    if run in holders and (len(equal) == 1 or label in run.names):
        return [run]
    # Another set of this evaluation has the same tensors, or this run has others.
    rest = [other for other in holders if other is not run]
    return [other for other in rest if label in other.names] or rest


def _in_mean(label: str, ledger: Values, runs: Sequence[Run], run: Run, group: Group) -> list[Run]:
    """The runs over which a row of several sets is a mean."""
    hashes = _hashes(ledger)
    if not hashes:  # of an older version, which names the first set alone: all of the method
        first = str(ledger.get("graph"))
        return [
            other
            for other in runs
            if first in other.hashes
            or (other.data.get("digest") == group.digest and label in other.names)
        ]
    found = []
    for digest in dict.fromkeys(hashes):
        holders = [other for other in runs if digest in other.hashes]
        if len(holders) > hashes.count(digest):
            holders = [other for other in holders if other is run]
        found += holders
    return found


def _hashes(ledger: Values) -> list[str]:
    """Of all sets that a row is a mean over; empty in files of older versions."""
    known = ledger.get("graphs")
    return [str(one) for one in known] if isinstance(known, list | tuple) else []


def _free(
    label: str, identity: tuple[object, ...], run: Run, group: Group, runs: Sequence[Run]
) -> str:
    """A label for a set of no run on the page that nothing else has: else with where it is from."""
    taken = label in (other.label for other in runs)
    if taken or group.known.setdefault(label, identity) != identity:
        label = f"{label} (in {run.label})"
    return label


def _keep(group: Group, key: tuple[str, str], row: Values) -> None:
    if key not in group.rows or trainings(row) > trainings(group.rows[key]):
        group.rows[key] = row


def baselines(group: Group, size: str, model: str) -> Iterator[tuple[str, Values]]:
    """The rows to stand beside a set of this size: as many random examples, and the whole data."""
    for name, label in (("random", f"random, {size}"), ("whole", "whole")):
        if (row := group.rows.get((label, model))) is not None:
            yield name, row


def size_of(row: Values, group: Group) -> str:
    """How many examples a row was trained on."""
    graphs = count_of(row, "set_graphs", 0)
    return f"{graphs:,} graphs" if graphs else f"{count_of(row, 'nodes', 0):,} {group.units[0]}"


def is_floor(label: str) -> bool:
    """Whether a label is of real nodes, random ones or as many as fit into the same bytes, or of
    the mean of the training targets."""
    return label == "mean" or label.startswith("random, ") or label.endswith(SAME_BYTES)


def is_network(row: Values) -> bool:
    """Whether a row is of a trained network; kernels and the like are marked ``"non-GNN"``."""
    return row.get("predictor") != "non-GNN"


def better(group: Group, label: str) -> bool | None:
    """Whether a condensed set is better than random examples, as its evaluation or rows say.

    ``None`` if they were not compared.
    """
    entry = group.ledgers[label]
    if isinstance(known := entry.get("better_than_random"), bool):
        return known
    model = str(entry.get("model"))
    row = group.rows.get((label, model), {})
    random = dict(baselines(group, size_of(row, group), model)).get("random", {})
    mean, other = number(row, "test_selected"), number(random, "test_selected")
    if mean is None or other is None:
        return None
    return better_than_random(
        (mean, number(row, "test_selected_std")),
        (other, number(random, "test_selected_std")),
        larger_is_better=group.score.larger_is_better,
        error=number(row, "test_error"),
    )
