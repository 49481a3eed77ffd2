"""One call that says what a condensed graph is worth: `evaluate`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphcondense.data.task import as_task
from graphcondense.evaluate.cost import (
    Ledger,
    graph_hash,
    peak_memory_bytes,
    plain_training_seconds,
    size_of,
)
from graphcondense.evaluate.fit import Evaluator, FitResult, random_subgraph, read_labelled
from graphcondense.nn.batched import resolve

BASELINES = ("random", "whole")

# Okabe & Ito's palette, told apart in every common form of colour blindness, and markers beside it.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
MARKERS = "osD^vPX"


@dataclass(frozen=True)
class Row:
    """One model trained on one set. Accuracies in ``[0, 1]``.

    Attributes:
        label: what it was trained on.
        model: name of the model.
        edge_weights: how the model uses edge weights.
        graphs, trainings: number of graphs (condensation seeds), and of trainings on each.
        test_selected, test_selected_std: test accuracy at the epoch of best validation accuracy,
            mean and standard deviation over all trainings.
        test_last, test_last_std: after the last epoch.
        val_selected: the best validation accuracy.
        epoch_selected: its epoch.
        spread_graphs: standard deviation of the graphs' means; ``None`` for a single graph.
        spread_trainings: standard deviation between trainings on one graph, averaged over graphs;
            ``None`` for a single training.
        nodes, edges, bytes: mean size of the graphs; of the whole graph its training uses all.
        seconds: one training, validation included.
        seconds_training: one training, validation left out.
    """

    label: str
    model: str
    edge_weights: str
    graphs: int
    trainings: int
    test_selected: float
    test_selected_std: float
    test_last: float
    test_last_std: float
    val_selected: float
    epoch_selected: float
    spread_graphs: float | None
    spread_trainings: float | None
    nodes: int
    edges: int
    bytes: int
    seconds: float
    seconds_training: float


@dataclass(frozen=True)
class Report:
    """What :func:`evaluate` found.

    Attributes:
        data: name of the real graph.
        digest: hash of the real graph.
        settings: how the evaluator trained.
        rows: one per trained-on set and model.
        ledgers: what each condensed set costs (its first graph).
    """

    data: str
    digest: str
    settings: Mapping[str, Any]
    rows: tuple[Row, ...]
    ledgers: Mapping[str, Ledger]

    @property
    def ledger(self) -> Ledger:
        """The ledger of the first condensed set."""
        return next(iter(self.ledgers.values()))

    def table(self) -> str:
        """Everything as aligned plain text, accuracies in percent."""
        head = (
            "trained on",
            "model",
            "best-val test",
            "last test",
            "± graphs",
            "± trainings",
            "epoch",
            "nodes",
            "edges",
            "KiB",
            "s/training",
        )
        body = [
            (
                row.label,
                row.model,
                f"{100 * row.test_selected:.1f} ± {100 * row.test_selected_std:.1f}",
                f"{100 * row.test_last:.1f} ± {100 * row.test_last_std:.1f}",
                "-" if row.spread_graphs is None else f"{100 * row.spread_graphs:.1f}",
                "-" if row.spread_trainings is None else f"{100 * row.spread_trainings:.1f}",
                f"{row.epoch_selected:.0f}",
                f"{row.nodes:,}",
                f"{row.edges:,}",
                f"{row.bytes / 1024:,.0f}",
                f"{row.seconds:.2f}",
            )
            for row in self.rows
        ]
        widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in (head, tuple("-" * width for width in widths), *body)
        ]
        uses = dict.fromkeys(f"{row.model} {row.edge_weights}" for row in self.rows)
        settings = ", ".join(f"{key} {value}" for key, value in self.settings.items())
        costs = [
            f"  {line}" if i else f"cost of {label}: {line}"
            for label, ledger in self.ledgers.items()
            for i, line in enumerate(ledger.lines())
        ]
        title = f"{self.data} ({self.digest}), accuracy in %, {settings}"
        return "\n".join([title, *lines, f"edge weights: {'; '.join(uses)}", *costs])

    def to_json(self, path: str | Path | None = None) -> str:
        """The report as JSON text, also written to ``path`` if given."""
        text = json.dumps(
            {
                "data": self.data,
                "digest": self.digest,
                "settings": dict(self.settings),
                "rows": [asdict(row) for row in self.rows],
                "ledgers": {label: ledger.to_dict() for label, ledger in self.ledgers.items()},
            },
            indent=2,
        )
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def plot(self, path: str | Path) -> None:
        """Draw test accuracy per model, one dot a set, bars one standard deviation, to ``path``."""
        from matplotlib.figure import Figure  # no pyplot: no global state, no window

        models = list(dict.fromkeys(row.model for row in self.rows))
        labels = list(dict.fromkeys(row.label for row in self.rows))
        figure = Figure(figsize=(max(6.4, 1.6 + 1.1 * len(models)), 3.6), layout="constrained")
        axes = figure.subplots()
        for i, label in enumerate(labels):
            rows = [row for row in self.rows if row.label == label]
            shift = (i - (len(labels) - 1) / 2) * 0.7 / max(len(labels), 1)
            axes.errorbar(
                [models.index(row.model) + shift for row in rows],
                [100 * row.test_selected for row in rows],
                [100 * row.test_selected_std for row in rows],
                fmt=MARKERS[i % len(MARKERS)],
                color=COLOURS[i % len(COLOURS)],
                label=f"{label} ({rows[0].nodes:,} nodes)",
                capsize=3,
            )
        axes.set_xticks(range(len(models)), models)
        axes.set_ylabel("test accuracy, %")
        axes.set_title(self.data)
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=min(len(labels), 3), frameon=False)
        figure.savefig(path, dpi=150)


def evaluate(
    small: Any,
    data: Any,
    *,
    models: Sequence[str] = ("GCN", "SGC", "APPNP", "SAGE", "GAT", "MLP"),
    seeds: int | Sequence[int] = 10,
    baselines: Sequence[str] = BASELINES,
    random_draws: int = 3,
    condensation_seconds: float | Mapping[str, float] | None = None,
    plain_epochs: int = 10,
    device: torch.device | str | None = None,
    progress: bool = True,
    **options: Any,
) -> Report:
    """Train several models on condensed graphs and on baselines; score them on the real graph.

    The epoch is chosen on the validation nodes, every epoch from the first (``val_every=1``). The
    test nodes are read once a training, when it has ended: at the chosen epoch and at the last.

    Args:
        small: a condensed graph; a list of them (several condensation seeds); or a mapping from
            names to either. What a graph may hold: see :meth:`Evaluator.fit`.
        data: the real graph, anything :func:`~graphcondense.data.task.as_task` takes.
        models: names of models; the ledger shows the first one's times.
        seeds: training seeds of every model, or how many.
        baselines: of ``"random"`` (random training nodes, class by class as many as the first
            graph has) and ``"whole"`` (the real graph's own training nodes).
        random_draws: how many random graphs.
        condensation_seconds: what condensing took, one number or one a name; default what the
            graph's own record says (``small.condensed["seconds"]``), if it does.
        plain_epochs: epochs of the plain PyG training to time and scale; 0 leaves it out.
        device: where to train; default the CPU.
        progress: show progress bars.
        **options: fields of :class:`~graphcondense.evaluate.fit.Training`.

    Raises:
        ValueError: no graph; unknown model or baseline; no validation or test nodes; features or
            classes that do not match.
        TypeError: for an option that does not exist.
    """
    named = _named(small)
    kinds = [resolve(model) for model in models]
    if wrong := [name for name in baselines if name not in BASELINES]:
        raise ValueError(f"unknown baseline {wrong[0]!r}; known are {', '.join(BASELINES)}")
    if taken := [name for name in baselines if name in named]:
        raise ValueError(f"{taken[0]!r} names a baseline; call the condensed set something else")
    if not kinds:
        raise ValueError("models is empty: name at least one")
    evaluator = Evaluator(as_task(data, need_test=True), device=device, **options)
    real = evaluator.real
    for graphs in named.values():
        for graph in graphs:
            read_labelled(graph, real)  # everything is checked before anything is trained
    first = next(iter(named.values()))[0]
    sets: dict[str, list[Any]] = dict(named)
    if "random" in baselines:
        sets["random"] = [random_subgraph(real, first, draw) for draw in range(random_draws)]
    if "whole" in baselines:
        sets["whole"] = [real]
    rows = [
        _row(label, graphs, kind.edge_weights, results)
        for label, graphs in sets.items()
        for kind in kinds
        for results in [
            [evaluator.fit(kind.__name__, g, seeds=seeds, progress=progress) for g in graphs]
        ]
    ]
    times = {row.label: row.seconds_training for row in rows if row.model == kinds[0].__name__}
    plain = None
    if plain_epochs:
        t = evaluator.training
        plain = plain_training_seconds(
            real, epochs=t.epochs, measured=plain_epochs, hidden=t.hidden, device=device
        )
    ledgers = {
        label: Ledger(
            graph=graph_hash(graphs[0]),
            model=kinds[0].__name__,
            size=size_of(graphs[0]),
            whole=size_of(real),
            condensation_seconds=_seconds(label, graphs[0], condensation_seconds),
            condensed_training_seconds=times[label],
            whole_training_seconds=times.get("whole"),
            plain_training_seconds=plain,
            peak_memory_bytes=peak_memory_bytes(device),
        )
        for label, graphs in named.items()
    }
    return Report(real.name, real.digest, asdict(evaluator.training), tuple(rows), ledgers)


def _named(small: Any) -> dict[str, list[Any]]:
    if not isinstance(small, Mapping):
        small = {"condensed": small}
    named = {str(k): list(v) if isinstance(v, list | tuple) else [v] for k, v in small.items()}
    if not named or not all(named.values()):
        raise ValueError("there is no condensed graph to evaluate")
    return named


def _row(label: str, graphs: list[Any], edge_weights: str, results: list[FitResult]) -> Row:
    selected = torch.stack([result.test_selected for result in results])
    last = torch.stack([result.test_last for result in results])
    sizes = [size_of(graph) for graph in graphs]
    trainings = selected.numel()

    def mean(values: list[int]) -> int:
        return round(sum(values) / len(values))

    return Row(
        label=label,
        model=results[0].model,
        edge_weights=edge_weights,
        graphs=selected.shape[0],
        trainings=selected.shape[1],
        test_selected=float(selected.mean()),
        test_selected_std=_std(selected.flatten()) or 0.0,
        test_last=float(last.mean()),
        test_last_std=_std(last.flatten()) or 0.0,
        val_selected=float(torch.stack([r.val_selected for r in results]).mean()),
        epoch_selected=float(torch.stack([r.epoch_selected for r in results]).float().mean()),
        spread_graphs=_std(selected.mean(1)),
        spread_trainings=_std(selected.T),
        nodes=mean([size.nodes for size in sizes]),
        edges=mean([size.edges for size in sizes]),
        bytes=mean([size.bytes for size in sizes]),
        seconds=sum(result.seconds for result in results) / trainings,
        seconds_training=sum(result.seconds_training for result in results) / trainings,
    )


def _std(values: Tensor) -> float | None:
    """Sample standard deviation along the first dimension, averaged over the others."""
    return float(values.std(0).mean()) if len(values) > 1 else None


def _seconds(label: str, graph: Any, given: float | Mapping[str, float] | None) -> float | None:
    if isinstance(given, Mapping):
        given = given.get(label)
    if given is None:
        given = (getattr(graph, "condensed", None) or {}).get("seconds")
    return None if given is None else float(given)
