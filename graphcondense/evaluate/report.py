"""What :func:`~graphcondense.evaluate.call.evaluate` returns: rows, notes, files and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from graphcondense.evaluate.comparison import Comparison, compare
from graphcondense.evaluate.ledger import Ledger, draw_break_even
from graphcondense.evaluate.metrics import SCORES, Score
from graphcondense.evaluate.result import Column, Scored, dash, points, shown_spread
from graphcondense.evaluate.spread import Spread, spread_of
from graphcondense.ops.figures import bars, new_figure, saved
from graphcondense.ops.json import read_json_file
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Row:
    """One model trained on one set. Shares, such as accuracy and ROC-AUC, are in ``[0, 1]``.

    Attributes:
        label, model: what was trained on, and what was trained.
        predictor: ``"GNN"``, ``"MLP"`` (no graph) or ``"non-GNN"``, whose score is not a GNN's.
        edge_weights: how the model uses edge weights.
        chosen: what else validation chose, such as a threshold on edge weights.
        graphs, trainings: number of sets (condensation seeds), and of trainings on each.
        test_selected, test_selected_std: test score at the epoch (of sets of graphs: the step) of
            best validation score, mean and standard deviation over all trainings; ``None`` for a
            single training, of which no spread is known.
        test_last, test_last_std: after the last epoch.
        val_selected, epoch_selected: the best validation score and its epoch.
        spread_graphs: standard deviation of the graphs' means; ``None`` for a single graph.
        spread_trainings: standard deviation between trainings on one graph, averaged over graphs;
            ``None`` for a single training.
        nodes, edges, bytes: mean size; of the whole graph all of it, of a whole set of graphs the
            training graphs.
        seconds, seconds_training: one training, with validation and without.
        processor_seconds: with validation, on the CPU over all threads; on a GPU the seconds it
            was in use.
        set_graphs: mean number of graphs in a set; ``None`` where a set is a single graph.
        others: means of further test scores by name, such as HR@10 of users by items.
        test_error: standard error of an accuracy on a test set of that size, see
            :func:`~graphcondense.evaluate.result.sampling_error`; of other scores ``None``.
        preset: what the set was condensed with, as its record says: a section's name, or
            ``"none"``. ``None`` where no record says so.
        scores: test scores at the chosen epoch, a row a set that differs from those before it, a
            column a training; empty in files of older versions.
        seeds: condensation seeds of these sets; ``None`` where a record has none, or where several
            seeds gave the same set.
        splits: of which split of the data each of these sets is, where several reports are one (see
            :func:`~graphcondense.evaluate.over.over_splits`); ``None`` of a single split.
    """

    label: str
    model: str
    predictor: str
    edge_weights: str
    chosen: str
    graphs: int
    trainings: int
    test_selected: float
    test_selected_std: float | None
    test_last: float
    test_last_std: float | None
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
    set_graphs: int | None = None
    others: Mapping[str, float] = field(default_factory=dict)
    test_error: float | None = None
    preset: str | None = None
    scores: tuple[tuple[float, ...], ...] = ()
    seeds: tuple[int, ...] | None = None
    splits: tuple[str, ...] | None = None

    @property
    def levels(self) -> Spread | None:
        """The mean and its spread by level: splits, sets, trainings. ``None`` where scores are not
        kept one by one, or not every split has as many sets."""
        by: dict[str, list[Sequence[float]]] = {}
        for name, own in zip(self.splits or [""] * len(self.scores), self.scores, strict=True):
            by.setdefault(name, []).append(own)
        sizes = {len(sets) for sets in by.values()}
        return spread_of(list(by.values())) if len(sizes) == 1 else None


@dataclass(frozen=True)
class Report(Scored):
    """What :func:`evaluate` found.

    Attributes:
        data, digest: name and hash of the real data.
        settings: how each model was trained, by its name.
        rows: one per trained-on set and model.
        ledgers: what each condensed set costs (its first graph).
        metric: the score, one of :data:`~graphcondense.evaluate.metrics.SCORES`.
        units: what nodes and edges are called.
        remarks: with which of the models the sets' methods are known to collapse, see
            :data:`~graphcondense.measured.works.COLLAPSE`.
    """

    data: str
    digest: str
    settings: Mapping[str, Mapping[str, object]]
    rows: tuple[Row, ...]
    ledgers: Mapping[str, Ledger]
    metric: str = "accuracy"
    units: tuple[str, str] = ("nodes", "edges")
    remarks: tuple[str, ...] = ()

    @property
    def score(self) -> Score:
        """How the score is called and written."""
        return SCORES[self.metric]

    @property
    def of_graphs(self) -> bool:
        """Whether sets of graphs were compared, and not single graphs."""
        return any(row.set_graphs is not None for row in self.rows)

    @property
    def examples(self) -> str:
        """What test examples are called."""
        return "graphs" if self.of_graphs else self.score.of or self.units[0]

    def scored(self, row: Row, which: str = "selected") -> str:
        """The test score of a row, ``"selected"`` or ``"last"``, with the spread of its trainings
        where :func:`~graphcondense.evaluate.result.shown_spread` has one."""
        mean, std = getattr(row, f"test_{which}"), getattr(row, f"test_{which}_std")
        return self.score.text(mean, self._spread(std, row.graphs * row.trainings))

    def _spread(self, std: float | None, trainings: int = 2) -> float | None:
        return shown_spread(std, trainings, self.test_examples)

    @property
    def has_steps(self) -> bool:
        """Whether models were validated as they trained, and so have an epoch and a last score."""
        return self.metric != "ndcg@10"

    @property
    def columns(self) -> tuple[Column, ...]:
        text = self.score.text
        sets = [Column("graphs", lambda row: f"{row.set_graphs:,}")] if self.of_graphs else []
        spread = "± graphs" if self.units[0] == "nodes" and not sets else "± sets"
        last = [Column("last test", lambda row: self.scored(row, "last"))]
        over = any(row.splits is not None for row in self.rows)
        of_splits = [Column("± splits", lambda row: text(row.levels and row.levels.splits))]
        of_mean = [Column("± mean", lambda row: text(row.levels and row.levels.error))]
        error = [Column("± test", lambda row: text(row.test_error))]
        preset = [Column("preset", lambda row: dash(row.preset))]
        number = "step" if sets else "epoch"
        step = [Column(number, lambda row: dash(row.epoch_selected or None, ".0f"))]

        def other(name: str) -> Column:
            known = SCORES.get(name, self.score)
            called = SCORES[name].name if name in SCORES else name
            return Column(called, lambda row: known.text(row.others.get(name)))

        others = [other(k) for k in dict.fromkeys(name for row in self.rows for name in row.others)]
        return (
            Column("trained on", lambda row: row.label),
            *(preset if self.has_presets else []),
            Column("model", lambda row: row.model + (" *" if row.predictor == "non-GNN" else "")),
            Column("best-val test" if self.has_steps else self.score.name, self.scored),
            *(last if self.has_steps else []),
            *others,
            *(of_mean + of_splits if over else []),
            Column(spread, lambda row: text(self._spread(row.spread_graphs))),
            Column("± trainings", lambda row: text(self._spread(row.spread_trainings))),
            *(error if any(row.test_error is not None for row in self.rows) else []),
            *(step if self.has_steps else []),
            *sets,
            Column(self.units[0], lambda row: f"{row.nodes:,}"),
            Column(self.units[1], lambda row: f"{row.edges:,}"),
            Column("KiB", lambda row: f"{row.bytes / 1024:,.0f}"),
            Column("s/training", lambda row: f"{row.seconds:.2f}"),
        )

    @property
    def has_presets(self) -> bool:
        """Whether a record says which preset a set was condensed with."""
        return any(row.preset is not None for row in self.rows)

    @property
    def left(self) -> int:
        return 2 + self.has_presets

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
        unit = " in %" if self.score.share else ", lower is better"
        return f"{self.data} ({self.digest}), {self.score.name}{unit}{self.on_test}"

    def notes(self) -> list[str]:
        weights = dict.fromkeys(
            f"{row.model} {row.edge_weights}" for row in self.rows if row.edge_weights
        )
        chosen = [f"{r.label}, {r.model}: {r.chosen}" for r in self.rows if r.chosen]
        out = self.about_test
        if any(row.test_error is not None for row in self.rows):
            out.append("± test: standard error of a score on a test set of this size")
        if any(row.splits is not None for row in self.rows):
            out.append(
                "± mean: standard error of the mean, a split being one observation; ± splits, "
                f"± {'graphs' if self.units[0] == 'nodes' and not self.of_graphs else 'sets'}, "
                "± trainings: standard deviation that each of them adds"
            )
        out += [f"trained with: {_settings(self.settings)}"] if self.settings else []
        about = "edge weights" if self.has_steps else "models"
        out += [f"{about}: {'; '.join(weights)}"] if weights else []
        if any(row.predictor == "non-GNN" for row in self.rows):
            what = "network" if self.units[0] == "images" else "GNN"
            out.append(f"* no {what}: not comparable with a {what}'s score")
        if chosen:
            out.append(f"chosen on validation: {'; '.join(chosen)}")
        out += self.remarks
        for label, ledger in self.ledgers.items():
            first, *rest = ledger.lines()
            out += [f"cost of {label}: {first}", *(f"  {line}" for line in rest)]
        return out

    def to_dict(self) -> Record:
        ledgers = {label: ledger.to_dict() for label, ledger in self.ledgers.items()}
        return {**super().to_dict(), "ledgers": ledgers}

    @classmethod
    def from_dict(cls, saved: Record) -> Report:
        """What :meth:`to_dict` gave."""
        values: Record = {f.name: saved[f.name] for f in fields(cls) if f.name in saved}
        values["rows"] = tuple(map(_row_of, saved["rows"]))
        values["ledgers"] = {k: Ledger.from_dict(v) for k, v in saved["ledgers"].items()}
        values["units"] = tuple(saved.get("units", cls.units))
        values["remarks"] = tuple(saved.get("remarks", ()))
        return cls(**values)

    @classmethod
    def read(cls, path: str | Path) -> Report:
        """What :meth:`to_json` wrote.

        Raises:
            ValueError: the file is missing or holds something else.
        """
        try:
            saved = read_json_file(Path(path))
            if not isinstance(saved, dict):
                raise TypeError(f"a {type(saved).__name__}")
            return cls.from_dict(saved)
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
            for name, theirs in other.settings.items():
                if settings.setdefault(name, theirs) != theirs:
                    raise ValueError(f"{name} was trained with {settings[name]} and with {theirs}")
            for row in other.rows:
                rows.setdefault((row.label, row.model), row)
            for label, ledger in other.ledgers.items():
                ledgers.setdefault(label, ledger)
        order = [*self.labels, *(label for other in others for label in other.labels)]
        kept = sorted(rows.values(), key=lambda row: order.index(row.label))
        remarks = dict.fromkeys(text for one in (self, *others) for text in one.remarks)
        return replace(
            self,
            settings=settings,
            rows=tuple(kept),
            ledgers=ledgers,
            remarks=tuple(remarks),
        )

    def compare(
        self,
        pairs: Iterable[tuple[str, str]] | None = None,
        *,
        models: str | Sequence[str] | None = None,
        alpha: float = 0.05,
        margin: float | None = None,
    ) -> Comparison:
        """Which set is better with each model; arguments and errors are those of
        :func:`~graphcondense.evaluate.comparison.compare`."""
        return compare(self, pairs, models=models, alpha=alpha, margin=margin)

    @property
    def size(self) -> tuple[float, float]:
        return max(6.4, 1.6 + 1.1 * len(self.models)), 3.6

    def draw(self, axes: Axes) -> None:
        """Test score of each model, one dot a set, bars one standard deviation."""
        models, labels, scale = self.models, self.labels, self.score.scale
        for i, label in enumerate(labels):
            rows = [row for row in self.rows if row.label == label]
            size = f"{rows[0].nodes:,} {self.units[0]}"
            if rows[0].set_graphs is not None:
                size = f"{rows[0].set_graphs:,} graphs"
            shift = (i - (len(labels) - 1) / 2) * 0.7 / max(len(labels), 1)
            points(
                *(axes, i, [models.index(row.model) + shift for row in rows]),
                [scale * row.test_selected for row in rows],
                bars((row.test_selected_std for row in rows), scale),
                label=f"{label} ({size})",
            )
        axes.set_xticks(range(len(models)), models)
        axes.set_ylabel(f"test {self.score.unit}")
        axes.set_title(f"{self.data}{self.on_test}", fontsize=10)
        axes.figure.legend(loc="outside lower center", ncols=min(len(labels), 3), frameon=False)

    def plot_transfer(self, path: str | Path | None = None) -> Figure:
        """Draw the transfer matrix as a heat map: trained on by evaluated with; into the file
        ``path``, where one is given."""
        models, labels, score = self.models, self.labels, self.score
        scores = {(row.label, row.model): score.scale * row.test_selected for row in self.rows}
        grid = [[scores.get((label, model), float("nan")) for model in models] for label in labels]
        width, height = 2.6 + 0.72 * len(models), 1.5 + 0.42 * len(labels)
        figure = new_figure(width, height)
        axes = figure.subplots()
        # Bright is good, whichever way the score goes.
        colours = "viridis" if score.larger_is_better else "viridis_r"
        picture = axes.imshow(grid, cmap=colours, aspect="auto")
        middle = sum(picture.get_clim()) / 2
        for i, line in enumerate(grid):
            for j, value in enumerate(line):
                if value == value:  # a number
                    dark = (value < middle) == score.larger_is_better
                    text = score.number(value / score.scale)
                    colour = "white" if dark else "black"
                    axes.text(j, i, text, ha="center", va="center", color=colour)
        marked = {row.model for row in self.rows if row.predictor == "non-GNN"}
        names = [model + (" *" if model in marked else "") for model in models]
        axes.set_xticks(range(len(models)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(labels)), labels)
        below = [self.on_test.strip(), "* no GNN" if marked else ""]
        title = f"{self.data}: test {score.unit}\n{'; '.join(filter(None, below))}".rstrip()
        figure.suptitle(title, fontsize=11)
        axes.spines[:].set_visible(False)
        figure.colorbar(picture, ax=axes, pad=0.01)
        return saved(figure, path)

    def plot_break_even(self, path: str | Path | None = None) -> Figure:
        """Draw total seconds over the number of trainings, condensed and whole; into the file
        ``path``, where one is given."""
        return draw_break_even(self.ledgers, path, self.data)


def _settings(settings: Mapping[str, Mapping[str, object]]) -> str:
    """What all models share, then what is a model's own."""
    first = next(iter(settings.values()))
    common = {k: v for k, v in first.items() if all(s[k] == v for s in settings.values())}
    parts = [", ".join(f"{k} {v}" for k, v in common.items())]
    for name, every in settings.items():
        rest = ", ".join(f"{k} {v}" for k, v in every.items() if k not in common)
        parts += [f"{name}: {rest}"] if rest else []
    return "; ".join(parts)


def _row_of(saved: Record) -> Row:
    """A row of a file, where JSON's ``null`` stands for a score that is no number.

    Files of older versions say 0 of the spread of a single training.
    """
    names = {f.name for f in fields(Row) if f.type == "float"}
    row: Record = {k: float("nan") if v is None and k in names else v for k, v in saved.items()}
    if saved["graphs"] * saved["trainings"] == 1:
        row |= {"test_selected_std": None, "test_last_std": None}
    row["scores"] = tuple(tuple(map(_number, line)) for line in saved.get("scores", ()))
    for name in ("seeds", "splits"):
        row[name] = None if saved.get(name) is None else tuple(saved[name])
    return Row(**row)


def _number(value: object) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a score of {value!r:.40}")
    return value


def checked_reports(given: object, where: str) -> list[Report]:
    """Reports as a list.

    Raises:
        TypeError: something else, or something else among them; says what to give.
    """
    what = f"{where}: give a list of reports, what graphcondense.evaluate returns"
    if isinstance(given, str | Report) or not isinstance(given, Iterable):
        raise TypeError(f"{what}, got {given!r:.60}")
    reports = list(given)
    if other := [report for report in reports if not isinstance(report, Report)]:
        raise TypeError(f"{what}; {other[0]!r:.60} is none")
    return reports
