"""Evaluations of several runs as one table for each real graph and way of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphcondense.evaluate.metrics import SCORES, Score
from graphcondense.report.runs import Run, is_number, score_of

BASELINES = ("random", "whole")
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
    """

    data: str
    digest: str
    settings: dict[str, Mapping[str, Any]]
    rows: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    ledgers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    score: Score = SCORES["accuracy"]
    units: tuple[str, str] = ("nodes", "edges")

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

    def training(self, model: str) -> Mapping[str, Any]:
        """How a model was trained."""
        return self.settings.get(model, {})

    def title(self) -> str:
        """The real graph and how was trained on it: what all models share, then what differs."""
        found = {model: self.training(model) for model in self.models if self.training(model)}
        first = next(iter(found.values()), {})
        common = {
            name: value
            for name, value in first.items()
            if all(name in own and own[name] == value for own in found.values())
        }
        text = ", ".join([self.data, *_spelled(common)])
        apart = {
            model: _spelled({k: v for k, v in own.items() if k not in common})
            for model, own in found.items()
        }
        return "; ".join([text, *(f"{m}: {', '.join(own)}" for m, own in apart.items() if own)])


def _by_model(settings: Mapping[str, Any], models: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Settings by model; those without models are of every one.

    >>> _by_model({"epochs": 3}, ["GCN"]), _by_model({"GCN": {"epochs": 3}}, ["GCN", "MLP"])
    ({'GCN': {'epochs': 3}}, {'GCN': {'epochs': 3}})
    """
    if any(isinstance(value, Mapping) for value in settings.values()):
        return {model: settings[model] for model in models if model in settings}
    return dict.fromkeys(models, settings)


def _spelled(settings: Mapping[str, Any]) -> list[str]:
    return [f"{name} {_plain(value)}" for name, value in settings.items() if value is not None]


def merge(runs: Sequence[Run]) -> list[Group]:
    """All evaluations, grouped; where two hold the same row, the one of more trainings stays."""
    groups: list[Group] = []
    of_hash = {str(run.record["hash"]): run for run in runs if "hash" in run.record}
    for run in runs:
        if run.evaluation is None:
            continue
        found = run.evaluation
        group = _group_for(groups, found)
        ledgers = found.get("ledgers") or {}
        names = {}
        for row in found["rows"]:
            label = str(row["label"])
            ledger = ledgers.get(label, {})
            names[label] = _shown(row, ledger, of_hash, run, group)
            _keep(group, (names[label], str(row["model"])), row)
        for label, ledger in ledgers.items():
            if label in names:
                group.ledgers.setdefault(names[label], ledger)
    for group in groups:
        _assign(group, runs, of_hash)
    return groups


def _group_for(groups: list[Group], found: Mapping[str, Any]) -> Group:
    """The group of the same graph whose models were trained in the same way; else a new one."""
    digest, models = str(found.get("digest", "")), [str(row["model"]) for row in found["rows"]]
    settings = _by_model(found.get("settings") or {}, models)
    for group in groups:
        shared = group.settings.keys() & settings.keys()
        if group.digest == digest and all(settings[m] == group.settings[m] for m in shared):
            group.settings.update(settings)
            return group
    nodes, edges = found.get("units") or ("nodes", "edges")
    data = str(found.get("data", "data"))
    group = Group(data, digest, settings, score=score_of(found), units=(nodes, edges))
    groups.append(group)
    return group


def _shown(
    row: Mapping[str, Any],
    ledger: Mapping[str, Any],
    of_hash: Mapping[str, Run],
    run: Run,
    group: Group,
) -> str:
    """What the page calls a row's set: the run it is of, where that is known."""
    label = str(row["label"])
    if label == "whole":
        return label
    if label == "random":
        graphs = row.get("set_graphs")
        nodes = f"{row.get('nodes', 0):,} {group.units[0]}"
        return f"random, {graphs:,} graphs" if graphs else f"random, {nodes}"
    if (row.get("graphs") or 1) > 1:
        return f"{label} ({row['graphs']} graphs)"
    owner = of_hash.get(str(ledger.get("graph")))
    if owner is not None:
        return owner.label
    taken = any(
        trained == label and ledger != group.ledgers.get(label) for trained, _ in group.rows
    )
    return f"{label} ({run.folder})" if taken and label in group.ledgers else label


def _keep(group: Group, key: tuple[str, str], row: Mapping[str, Any]) -> None:
    if key not in group.rows or _trainings(row) > _trainings(group.rows[key]):
        group.rows[key] = row


def _trainings(row: Mapping[str, Any]) -> int:
    return int(row.get("graphs") or 1) * int(row.get("trainings") or 1)


def _assign(group: Group, runs: Sequence[Run], of_hash: Mapping[str, Run]) -> None:
    """Find each run's rows: its own; else those of several graphs of its method."""
    labels = group.labels
    for run in runs:
        if run.label in labels:
            group.runs[run.label] = run.label
    several = [label for label in labels if label.endswith(" graphs)")]
    for label in several:
        owner = of_hash.get(str(group.ledgers.get(label, {}).get("graph")))
        base = label.rpartition(" (")[0]
        for run in runs:
            same = run.data.get("digest") == group.digest and base in (
                run.method,
                f"{run.method} {len(run.small.y)}",
            )
            if run is owner or same:
                group.runs.setdefault(run.label, label)


def baselines(group: Group, run: Run, model: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows to stand beside a run's: random examples, as many as it has, and the whole data."""
    for name, label in (("random", f"random, {run.stored}"), ("whole", "whole")):
        row = group.rows.get((label, model))
        if row is not None:
            yield name, row


def is_floor(label: str) -> bool:
    """Whether a label is of real nodes, random ones or as many as fit into the same bytes, or of
    the mean of the training targets."""
    return label == "mean" or label.startswith("random, ") or label.endswith(SAME_BYTES)


def is_network(row: Mapping[str, Any]) -> bool:
    """Whether a row is of a trained network; kernels and the like are marked ``"non-GNN"``."""
    return row.get("predictor") != "non-GNN"


def number(row: Mapping[str, Any], key: str) -> float | None:
    """A row's value, if it has one."""
    value: Any = row.get(key)
    return float(value) if is_number(value) else None


def deviation(row: Mapping[str, Any], score: str) -> float | None:
    """Standard deviation of a score over all trainings; a single one has none."""
    alone = row.get("graphs") == 1 and row.get("trainings") == 1
    return None if alone else number(row, f"{score}_std")


def _plain(value: Any) -> str:
    """
    >>> _plain(0.0005), _plain(300)
    ('0.0005', '300')
    """
    return f"{value:g}" if isinstance(value, float) else str(value)
