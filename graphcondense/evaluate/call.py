"""One call that says what a condensed set is worth: :func:`evaluate`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from graphcondense.data.targets import FITTING
from graphcondense.evaluate.any_kind import evaluator_of
from graphcondense.evaluate.comparison import BASELINES
from graphcondense.evaluate.contestant import Contestant, refuse_namesakes
from graphcondense.evaluate.cost import graph_hash, peak_memory_bytes, size_of
from graphcondense.evaluate.evaluator import AnyEvaluator
from graphcondense.evaluate.fitted import FitResult
from graphcondense.evaluate.floors import draws_of
from graphcondense.evaluate.ledger import Ledger, better_than_random
from graphcondense.evaluate.metrics import SCORES
from graphcondense.evaluate.reading import refuse_swapped, refuse_text
from graphcondense.evaluate.report import Report, Row
from graphcondense.evaluate.result import sampling_error, std_of
from graphcondense.evaluate.store import Store, identity_of
from graphcondense.evaluate.trainings import Device, Seeds
from graphcondense.measured.works import kind_of_record, warnings_of
from graphcondense.ops.fields import Natural, NonNegative, check_switches, checked, listed
from graphcondense.saved.shown import record_of


def evaluate(
    small: object,
    data: object,
    *,
    models: str | Sequence[str | Callable[..., nn.Module]] | None = None,
    seeds: Seeds | None = None,
    baselines: str | Sequence[str] | None = BASELINES,
    random_draws: int | None = None,
    equal_bytes: bool = False,
    condensation_seconds: float | Mapping[str, float] | None = None,
    plain_epochs: int = 10,
    store: str | Path | None = None,
    cache: str | Path | None = None,
    device: Device = None,
    progress: bool = True,
    **options: object,
) -> Report:
    """Train several models on condensed sets and on baselines; score them on the real data.

    Real data are one graph whose nodes are classified, a set of graphs, images, or users by items.
    The epoch is chosen on validation examples, of nodes every epoch (``val_every=1``). Test
    examples are read once a training has ended: at the chosen epoch and at the last.

    Args:
        small: a condensed set (a list of PyG ``Data`` is one set of graphs); a list of them
            (several condensation seeds); or a mapping from names to either. What one may hold: see
            :class:`~graphcondense.evaluate.nodes.NodeEvaluator` and those of the other kinds. A set
            that lacks a class is measured, with a warning.
        data: anything that :func:`~graphcondense.evaluate.any_kind.evaluator_of` takes.
        models: names of models and predictors, or classes of your own, such as
            ``torch_geometric.nn.GraphSAGE``; the ledger shows the first one's times. A text names
            several with commas between; ``"all"`` is all that the kind has. By default six for
            nodes, all for graphs.
        seeds: training seeds of every model, or how many; by default 10 for nodes, 5 for graphs and
            images, 3 for users by items.
        baselines: of ``"random"`` (random training examples, class by class as many as the first
            set has), ``"whole"`` (all training examples), and, of regression alone, ``"mean"``: the
            mean of the training targets, which no model is trained for. By default all that there
            are.
        random_draws: how many random sets, by default 3; 0 leaves them out.
        equal_bytes: beside them, random real examples (of nodes also by herding), as many as fit
            into the bytes of the first set.
        condensation_seconds: what condensing took, one number or one a name; default what the
            set's record says, ``small.condensed["seconds"]``.
        plain_epochs: epochs (of sets of graphs: updates) of the plain PyG training to time and
            scale; 0 leaves it out.
        store: a file that keeps finished trainings until all are done: after an interrupt the same
            call goes on.
        cache: of nodes, a folder that keeps propagated features ``Â^k X``, as that of
            :class:`~graphcondense.run.options.Run` does: for SGC, KernelRidge and LabelProp.
        device: where to train; default the CPU.
        progress: show progress bars.
        **options: fields of the kind's options, such as
            :class:`~graphcondense.evaluate.node_training.Training`.

    Raises:
        ValueError: no set; text instead of data; small and real data in the wrong order; unknown
            model or baseline, or one that cannot act; no validation or test examples, or such on
            which the score is not defined; features or classes that do not match.
        TypeError: models that are no list, or an option that does not exist.
    """
    refuse_text(data, "data")
    refuse_swapped(data)
    checked("plain_epochs", plain_epochs, Natural)
    check_switches("evaluate", equal_bytes=equal_bytes, progress=progress)
    evaluator = evaluator_of(data, device=device, **options)
    every = models == "all"
    if models is None:
        models = evaluator.usual
    if not isinstance(models, Iterable):
        raise TypeError(
            f"models={models!r:.80} is {type(models).__name__}: give a list of names or classes, "
            "or names with commas between"
        )
    names = evaluator.all if every else listed(models, "models")
    contestants = [evaluator.contestant(model) for model in names]
    refuse_namesakes([one.name for one in contestants])
    if cache is not None:
        evaluator.keep_in(cache, [one.name for one in contestants])
    baselines = listed(baselines or (), "baselines")
    if wrong := [name for name in baselines if name not in BASELINES]:
        raise ValueError(f"unknown baseline {wrong[0]!r}; known are {', '.join(BASELINES)}")
    if "mean" in baselines and {*baselines} != {*BASELINES} and not _has_mean(evaluator):
        raise ValueError(
            "the baseline 'mean' cannot act: it is the mean of targets that are numbers, and "
            f"{evaluator.real.name} has none; leave it out"
        )
    draws = draws_of(
        random_draws,
        "random" in baselines or equal_bytes,
        "name 'random' in baselines=, or ask for equal_bytes=True",
    )
    if not contestants:
        raise ValueError("models is empty: name at least one")
    evaluator.seeds_of(seeds)  # also where no model has any: all is checked before any work
    named = evaluator.sets(small)  # everything is checked before anything is trained
    _check_seconds(condensation_seconds, named)
    if taken := [name for name in baselines if name in named]:
        raise ValueError(f"{taken[0]!r} names a baseline; call the condensed set something else")
    seeds, real = evaluator.seeds if seeds is None else seeds, evaluator.real
    first = next(iter(named.values()))[0]
    expected: dict[str, int | None] = {}
    for label, graphs in named.items():
        found = [one.memory_bytes(graphs[0], seeds) for one in contestants]
        expected[label] = max((size for size in found if size is not None), default=None)
    sets = dict(named)
    if "random" in baselines and draws:
        sets["random"] = [evaluator.random(first, draw) for draw in range(draws)]
    if "whole" in baselines:
        sets["whole"] = [real]
    if equal_bytes:
        drawn = evaluator.equal_bytes(first, draws)
        if not any(drawn.values()):
            raise ValueError("random_draws=0 leaves nothing of equal_bytes=True: give one or more")
        sets |= {label: graphs for label, graphs in drawn.items() if graphs}

    contestants = _checked(contestants, sets, every)
    kept = Store(store, identity_of(evaluator, seeds), FitResult)
    rows = [
        _trained(evaluator, kept, one, label, graphs, seeds, progress)
        for label, graphs in sets.items()
        for one in contestants
    ]
    if "mean" in baselines:
        rows += _of_the_mean(evaluator, contestants, rows)
    name = contestants[0].name
    times = {row.label: row for row in rows if row.model == name}
    plain = evaluator.plain_seconds(plain_epochs) if plain_epochs else None
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
            units=evaluator.units,
            graphs=tuple(map(graph_hash, graphs)),
            better_than_random=_beats(times[label], times.get("random"), evaluator.metric)
            if _as_large(graphs[0], first)
            else None,
            experts=(record_of(graphs[0]).get("remarks") or {}).get("experts"),
            reused_seconds=record_of(graphs[0]).get("reused_seconds", 0.0),
        )
        for label, graphs in named.items()
    }
    settings = {one.name: one.settings for one in contestants if one.settings is not None}
    kept.done()
    return Report(
        *(real.name, real.digest, settings, tuple(rows), ledgers),
        *(evaluator.metric, evaluator.units),
        test_examples=evaluator.tested,
        test_unlabelled=real.unlabelled.get("test", 0),
        remarks=_known(named, [one.name for one in contestants]),
    )


def _trained(
    evaluator: AnyEvaluator,
    kept: Store[FitResult],
    one: Contestant,
    label: str,
    graphs: list[object],
    seeds: Seeds,
    progress: bool,
) -> Row:
    """A model trained on the sets of a name, as far as no training of it is ``kept``."""
    results = [
        kept.get(
            f"{one.name} {label} {i} {graph_hash(graph)}", partial(one.fit, graph, seeds, progress)
        )
        for i, graph in enumerate(graphs)
    ]
    row = _row(label, graphs, one.predictor, one.edge_weights, results)
    if evaluator.metric != "accuracy":
        return row
    return replace(row, test_error=sampling_error(row.test_selected, evaluator.tested))


def _of_the_mean(
    evaluator: AnyEvaluator, contestants: Sequence[Contestant], rows: Sequence[Row]
) -> list[Row]:
    """The mean of the training targets beside the ``rows`` of each model; of classes there is
    none."""
    floor = evaluator.mean()
    if floor is None:
        return []
    own = [
        _row("mean", [], one.predictor, one.edge_weights, [replace(floor, model=one.name)])
        for one in contestants
    ]
    of_graphs = any(row.set_graphs is not None for row in rows)
    return [replace(row, set_graphs=0) for row in own] if of_graphs else own


def _has_mean(evaluator: AnyEvaluator) -> bool:
    """Whether targets are numbers, which have a mean."""
    return evaluator.metric in FITTING["regression"]


def _check_seconds(given: object, named: Collection[str]) -> None:
    """Raise a ValueError for seconds that are none, or of a set that there is not."""
    told = given if isinstance(given, Mapping) else {None: given}
    for name, seconds in told.items():
        if name is not None and name not in named:
            raise ValueError(
                f"condensation_seconds names {name!r}, the sets are {', '.join(map(repr, named))}"
            )
        which = "condensation_seconds" if name is None else f"condensation_seconds[{name!r}]"
        checked(which, seconds, NonNegative | None)


def _known(named: Mapping[str, Sequence[object]], models: Sequence[str]) -> tuple[str, ...]:
    """With which of the models the methods of some sets are known to collapse."""
    records = [record_of(graph) for graphs in named.values() for graph in graphs]
    made = dict.fromkeys((str(r.get("method")), kind_of_record(r)) for r in records)
    return tuple(line for method, kind in made for line in warnings_of(method, kind, models))


def _as_large(small: object, first: object) -> bool:
    """Whether random examples, drawn for the ``first`` set, are as many as there are here."""
    one, other = size_of(small), size_of(first)
    return (one.nodes, one.graphs) == (other.nodes, other.graphs)


def _beats(row: Row, random: Row | None, metric: str) -> bool | None:
    if random is None:
        return None
    return better_than_random(
        (row.test_selected, row.test_selected_std),
        (random.test_selected, random.test_selected_std),
        larger_is_better=SCORES[metric].larger_is_better,
        error=row.test_error,
    )


def _checked(
    contestants: Sequence[Contestant], sets: Mapping[str, list[object]], every: bool
) -> list[Contestant]:
    """The models that can be trained on all sets, before any is trained.

    Where ``every`` model is asked for, one that cannot is left out, with a warning.
    """
    kept: list[Contestant] = []
    for one in contestants:
        try:
            for graphs in sets.values():
                for graph in graphs:
                    one.check(graph)
        except ValueError as why:
            if not every:
                raise
            warnings.warn(f"{one.name} is left out of all models: {why}", stacklevel=3)
        else:
            kept.append(one)
    return kept


def _row(
    label: str, graphs: list[object], predictor: str, edge_weights: str, results: list[FitResult]
) -> Row:
    selected = torch.stack([result.test_selected for result in results])
    last = torch.stack([result.test_last for result in results])
    sizes = [size_of(graph) for graph in graphs]
    trainings = selected.numel()
    graphs_in = [size.graphs for size in sizes if size.graphs is not None]
    # A method that does not depend on its seed gives one set, however often it is asked.
    first = {graph_hash(graph): place for place, graph in reversed([*enumerate(graphs)])}
    distinct = sorted(first.values()) or range(len(selected))
    seeds = [
        seed
        for i in sorted(first.values())
        if (seed := record_of(graphs[i]).get("seed")) is not None
    ]
    told = {record_of(graph).get("seed") for graph in graphs} - {None}
    if len(distinct) == 1 and len(told) > 1:
        seeds = []  # several seeds gave this one set: it does not depend on them

    def mean(values: list[int]) -> int:
        return round(sum(values) / max(len(values), 1))

    def a_training(clock: str) -> float:
        total: float = sum(getattr(result, clock) for result in results)
        return total / trainings

    def mean_other(name: str) -> float:
        values = [value for result in results for value in result.others[name]]
        return sum(values) / len(values)

    return Row(
        label=label,
        model=results[0].model,
        predictor=predictor,
        edge_weights=edge_weights,
        chosen=" | ".join(dict.fromkeys(r.chosen for r in results if r.chosen)),
        graphs=selected.shape[0],
        trainings=selected.shape[1],
        test_selected=float(selected.mean()),
        test_selected_std=std_of(selected.flatten()),
        test_last=float(last.mean()),
        test_last_std=std_of(last.flatten()),
        val_selected=float(torch.stack([r.val_selected for r in results]).mean()),
        epoch_selected=float(torch.stack([r.epoch_selected for r in results]).float().mean()),
        spread_graphs=std_of(selected.mean(1)),
        spread_trainings=std_of(selected.T),
        nodes=mean([size.nodes for size in sizes]),
        edges=mean([size.edges for size in sizes]),
        bytes=mean([size.bytes for size in sizes]),
        seconds=a_training("seconds"),
        seconds_training=a_training("seconds_training"),
        processor_seconds=a_training("processor_seconds"),
        set_graphs=mean(graphs_in) if graphs_in else None,
        others={name: mean_other(name) for name in results[0].others},
        preset=_preset(graphs),
        scores=tuple(tuple(selected[place].tolist()) for place in distinct),
        seeds=tuple(seeds) if seeds and len(seeds) == len(distinct) else None,
    )


def _preset(graphs: list[object]) -> str | None:
    """The presets that the records name; ``None`` where none says anything."""
    records = [record for graph in graphs if "preset" in (record := record_of(graph))]
    return " | ".join(dict.fromkeys(str(r["preset"] or "none") for r in records)) or None


def _seconds(label: str, graph: object, given: float | Mapping[str, float] | None) -> float | None:
    if isinstance(given, Mapping):
        given = given.get(label)
    if given is None:
        given = record_of(graph).get("seconds")
    return None if given is None else float(given)
