"""One call that says what a condensed graph is worth: `evaluate`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from graphcondense.data.task import as_task
from graphcondense.evaluate.cost import (
    Ledger,
    draw_break_even,
    graph_hash,
    peak_memory_bytes,
    plain_training_seconds,
    size_of,
)
from graphcondense.evaluate.fit import (
    Evaluator,
    FitResult,
    Model,
    graphs_by_name,
    model_of,
    read_labelled,
    record_of,
)
from graphcondense.evaluate.floors import equal_bytes_graphs, random_subgraph
from graphcondense.evaluate.predictors import EDGE_WEIGHTS, fit_predictor, predictor_named
from graphcondense.evaluate.result import COLOURS, MARKERS, Column, Result, percent
from graphcondense.evaluate.store import Store, identity_of
from graphcondense.nn.batched import MODELS, Stacked

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BASELINES = ("random", "whole")
ALL = (*MODELS, "LabelProp", "KernelRidge")
"""Every model and predictor that comes with the package."""


@dataclass(frozen=True)
class Row:
    """One model trained on one set. Accuracies in ``[0, 1]``.

    Attributes:
        label: what it was trained on.
        model: name of the model.
        predictor: ``"GNN"``, ``"MLP"`` (no graph) or ``"non-GNN"``, whose score is not a GNN's.
        edge_weights: how the model uses edge weights.
        chosen: what else validation chose, such as a threshold on edge weights.
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
        processor_seconds: one training, validation included, on the CPU over all threads; on a
            GPU the seconds it was in use.
    """

    label: str
    model: str
    predictor: str
    edge_weights: str
    chosen: str
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
    processor_seconds: float


@dataclass(frozen=True)
class Report(Result):
    """What :func:`evaluate` found.

    Attributes:
        data: name of the real graph.
        digest: hash of the real graph.
        settings: how each model was trained, by its name.
        rows: one per trained-on set and model.
        ledgers: what each condensed set costs (its first graph).
    """

    data: str
    digest: str
    settings: Mapping[str, Mapping[str, Any]]
    rows: tuple[Row, ...]
    ledgers: Mapping[str, Ledger]

    left: ClassVar[int] = 2
    columns: ClassVar[tuple[Column, ...]] = (
        Column("trained on", lambda row: row.label),
        Column("model", lambda row: row.model + (" *" if row.predictor == "non-GNN" else "")),
        Column("best-val test", lambda row: percent(row.test_selected, row.test_selected_std)),
        Column("last test", lambda row: percent(row.test_last, row.test_last_std)),
        Column("± graphs", lambda row: percent(row.spread_graphs)),
        Column("± trainings", lambda row: percent(row.spread_trainings)),
        Column("epoch", lambda row: f"{row.epoch_selected:.0f}" if row.epoch_selected else "-"),
        Column("nodes", lambda row: f"{row.nodes:,}"),
        Column("edges", lambda row: f"{row.edges:,}"),
        Column("KiB", lambda row: f"{row.bytes / 1024:,.0f}"),
        Column("s/training", lambda row: f"{row.seconds:.2f}"),
    )

    @property
    def ledger(self) -> Ledger:
        """The ledger of the first condensed set."""
        return next(iter(self.ledgers.values()))

    @property
    def labels(self) -> list[str]:
        """What was trained on, in order."""
        return list(dict.fromkeys(row.label for row in self.rows))

    @property
    def models(self) -> list[str]:
        """What was trained, in order."""
        return list(dict.fromkeys(row.model for row in self.rows))

    def title(self) -> str:
        return f"{self.data} ({self.digest}), accuracy in %"

    def notes(self) -> list[str]:
        weights = dict.fromkeys(f"{row.model} {row.edge_weights}" for row in self.rows)
        chosen = [f"{r.label}, {r.model}: {r.chosen}" for r in self.rows if r.chosen]
        out = [f"trained with: {_settings(self.settings)}"] if self.settings else []
        out.append(f"edge weights: {'; '.join(weights)}")
        if any(row.predictor == "non-GNN" for row in self.rows):
            out.append("* no GNN: not comparable with a GNN's score")
        if chosen:
            out.append(f"chosen on validation: {'; '.join(chosen)}")
        for label, ledger in self.ledgers.items():
            first, *rest = ledger.lines()
            out += [f"cost of {label}: {first}", *(f"  {line}" for line in rest)]
        return out

    def to_dict(self) -> dict[str, Any]:
        ledgers = {label: ledger.to_dict() for label, ledger in self.ledgers.items()}
        return {**super().to_dict(), "ledgers": ledgers}

    @classmethod
    def read(cls, path: str | Path) -> Report:
        """What :meth:`to_json` wrote.

        Raises:
            ValueError: the file is missing or holds something else.
        """
        try:
            saved = json.loads(Path(path).read_text(encoding="utf-8"))
            ledgers = {k: Ledger.from_dict(v) for k, v in saved["ledgers"].items()}
            rows = tuple(Row(**row) for row in saved["rows"])
            return cls(saved["data"], saved["digest"], saved["settings"], rows, ledgers)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is no report that evaluate wrote: {error!r}") from error

    def with_rows_of(self, *others: Report) -> Report:
        """One report of several on the same real graph; of equal rows the first counts.

        Raises:
            ValueError: another real graph, or other settings of the same model.
        """
        rows = {(row.label, row.model): row for row in self.rows}
        settings, ledgers = dict(self.settings), dict(self.ledgers)
        for other in others:
            if other.digest != self.digest:
                raise ValueError(f"reports on {self.data} ({self.digest}) and on {other.digest}")
            for name, own in other.settings.items():
                if settings.setdefault(name, own) != own:
                    raise ValueError(f"{name} was trained with {settings[name]} and with {own}")
            for row in other.rows:
                rows.setdefault((row.label, row.model), row)
            for label, ledger in other.ledgers.items():
                ledgers.setdefault(label, ledger)
        order = [*self.labels, *(label for other in others for label in other.labels)]
        kept = sorted(rows.values(), key=lambda row: order.index(row.label))
        return Report(self.data, self.digest, settings, tuple(kept), ledgers)

    @property
    def size(self) -> tuple[float, float]:  # type: ignore[override]
        return max(6.4, 1.6 + 1.1 * len(self.models)), 3.6

    def draw(self, axes: Axes) -> None:
        """Test accuracy of each model, one dot a set, bars one standard deviation."""
        models, labels = self.models, self.labels
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
        axes.figure.legend(loc="outside lower center", ncols=min(len(labels), 3), frameon=False)

    def plot_transfer(self, path: str | Path) -> Path:
        """Draw the transfer matrix as a heat map: trained on by evaluated with."""
        from matplotlib.figure import Figure

        models, labels = self.models, self.labels
        scores = {(row.label, row.model): 100 * row.test_selected for row in self.rows}
        grid = [[scores.get((label, model), float("nan")) for model in models] for label in labels]
        width, height = 2.6 + 0.72 * len(models), 1.5 + 0.42 * len(labels)
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
        picture = axes.imshow(grid, cmap="viridis", aspect="auto")
        middle = sum(picture.get_clim()) / 2
        for i, line in enumerate(grid):
            for j, value in enumerate(line):
                if value == value:  # a number
                    colour = "white" if value < middle else "black"
                    axes.text(j, i, f"{value:.1f}", ha="center", va="center", color=colour)
        marked = {row.model for row in self.rows if row.predictor == "non-GNN"}
        names = [model + (" *" if model in marked else "") for model in models]
        axes.set_xticks(range(len(models)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(labels)), labels)
        star = "; * no GNN" if marked else ""
        figure.suptitle(f"{self.data}: test accuracy, %, by set and model{star}", fontsize=11)
        axes.spines[:].set_visible(False)
        figure.colorbar(picture, ax=axes, pad=0.01)
        figure.savefig(path, dpi=150)
        return Path(path)

    def plot_break_even(self, path: str | Path) -> Path:
        """Draw total seconds over the number of trainings, condensed and whole."""
        return draw_break_even(self.ledgers, path, self.data)


def _settings(settings: Mapping[str, Mapping[str, Any]]) -> str:
    """What all models share, then what is a model's own."""
    first = next(iter(settings.values()))
    common = {k: v for k, v in first.items() if all(s[k] == v for s in settings.values())}
    parts = [", ".join(f"{k} {v}" for k, v in common.items())]
    for name, own in settings.items():
        rest = ", ".join(f"{k} {v}" for k, v in own.items() if k not in common)
        parts += [f"{name}: {rest}"] if rest else []
    return "; ".join(parts)


def evaluate(
    small: Any,
    data: Any,
    *,
    models: str | Sequence[Model] = ("GCN", "SGC", "APPNP", "SAGE", "GAT", "MLP"),
    seeds: int | Sequence[int] = 10,
    baselines: Sequence[str] = BASELINES,
    random_draws: int = 3,
    equal_bytes: bool = False,
    condensation_seconds: float | Mapping[str, float] | None = None,
    plain_epochs: int = 10,
    store: str | Path | None = None,
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
        models: names of models and predictors, or classes of your own, such as
            ``torch_geometric.nn.GraphSAGE``; the ledger shows the first one's times. A text names
            several with commas between; ``"all"`` is all of :data:`ALL`.
        seeds: training seeds of every model, or how many.
        baselines: of ``"random"`` (random training nodes, class by class as many as the first
            graph has) and ``"whole"`` (the real graph's own training nodes).
        random_draws: how many random graphs.
        equal_bytes: beside them, real nodes by random choice and by herding, as many as fit into
            the bytes of the first graph. Real features are often sparse, and then these are many.
        condensation_seconds: what condensing took, one number or one a name; default what the
            graph's own record says (``small.condensed["seconds"]``), if it does.
        plain_epochs: epochs of the plain PyG training to time and scale; 0 leaves it out.
        store: a file that keeps finished trainings until all are done: after an interrupt the same
            call goes on.
        device: where to train; default the CPU.
        progress: show progress bars.
        **options: fields of :class:`~graphcondense.evaluate.fit.Training`.

    Raises:
        ValueError: no graph; unknown model or baseline; no validation or test nodes; features or
            classes that do not match.
        TypeError: for an option that does not exist.
    """
    named = graphs_by_name(small)
    if isinstance(models, str):
        models = ALL if models == "all" else models.split(",")
    kinds = [predictor_named(model) or model_of(model) for model in models]
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
    expected = {
        label: max(
            (
                evaluator.memory_bytes(kind, graphs[0], seeds=seeds)
                for kind in kinds
                if not isinstance(kind, str)
            ),
            default=None,
        )
        for label, graphs in named.items()
    }
    sets: dict[str, list[Any]] = dict(named)
    if "random" in baselines:
        sets["random"] = [random_subgraph(real, first, draw) for draw in range(random_draws)]
    if "whole" in baselines:
        sets["whole"] = [real]
    if equal_bytes:
        sets |= equal_bytes_graphs(real, first, random_draws)

    def fitted(kind: str | type[Stacked], graph: Any) -> FitResult:
        if isinstance(kind, str):
            return fit_predictor(kind, graph, real)
        return evaluator.fit(kind, graph, seeds=seeds, progress=progress)

    kept = Store(store, identity_of(evaluator.training, real, seeds, device))
    rows = []
    for label, graphs in sets.items():
        for kind in kinds:
            results = [
                kept.get(
                    f"{_name(kind)} {label} {i} {graph_hash(graph)}", partial(fitted, kind, graph)
                )
                for i, graph in enumerate(graphs)
            ]
            if isinstance(kind, str):
                rows.append(_row(label, graphs, "non-GNN", EDGE_WEIGHTS, results))
            else:
                what = "MLP" if kind.__name__ == "MLP" else "GNN"
                rows.append(_row(label, graphs, what, kind.edge_weights, results))
    name = _name(kinds[0])
    times = {row.label: row for row in rows if row.model == name}
    plain = None
    if plain_epochs:
        plain = plain_training_seconds(
            real, epochs=evaluator.training.epochs, measured=plain_epochs, device=device
        )
    whole = times.get("whole")
    ledgers = {
        label: Ledger(
            graph=graph_hash(graphs[0]),
            model=name,
            size=size_of(graphs[0]),
            whole=size_of(real),
            condensation_seconds=_seconds(label, graphs[0], condensation_seconds),
            condensed_training_seconds=times[label].seconds_training,
            whole_training_seconds=whole.seconds_training if whole else None,
            plain_training_seconds=plain,
            peak_memory_bytes=peak_memory_bytes(device),
            condensation_processor_seconds=record_of(graphs[0]).get("processor_seconds"),
            condensed_processor_seconds=times[label].processor_seconds,
            whole_processor_seconds=whole.processor_seconds if whole else None,
            memory_estimate_bytes=expected[label],
        )
        for label, graphs in named.items()
    }
    settings = {
        kind.__name__: asdict(evaluator.training.of(kind))
        for kind in kinds
        if not isinstance(kind, str)
    }
    kept.done()
    return Report(real.name, real.digest, settings, tuple(rows), ledgers)


def _name(kind: str | type[Stacked]) -> str:
    return kind if isinstance(kind, str) else kind.__name__


def _row(
    label: str, graphs: list[Any], predictor: str, edge_weights: str, results: list[FitResult]
) -> Row:
    selected = torch.stack([result.test_selected for result in results])
    last = torch.stack([result.test_last for result in results])
    sizes = [size_of(graph) for graph in graphs]
    trainings = selected.numel()

    def mean(values: list[int]) -> int:
        return round(sum(values) / len(values))

    return Row(
        label=label,
        model=results[0].model,
        predictor=predictor,
        edge_weights=edge_weights,
        chosen=" | ".join(dict.fromkeys(r.chosen for r in results if r.chosen)),
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
        processor_seconds=sum(result.processor_seconds for result in results) / trainings,
    )


def _std(values: Tensor) -> float | None:
    """Sample standard deviation along the first dimension, averaged over the others."""
    return float(values.std(0).mean()) if len(values) > 1 else None


def _seconds(label: str, graph: Any, given: float | Mapping[str, float] | None) -> float | None:
    if isinstance(given, Mapping):
        given = given.get(label)
    if given is None:
        given = record_of(graph).get("seconds")
    return None if given is None else float(given)
