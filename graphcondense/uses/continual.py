"""Class-incremental learning with condensed graphs as the memory of what has gone.

Classes arrive in groups. The nodes of a new group are there in full, those of earlier groups only
as a small memory: a condensed graph, or as many random training nodes.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor

from graphcondense.data.node_reading import as_task
from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import NodeTask, classified
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.floors import equal_bytes_graphs, random_subgraph
from graphcondense.evaluate.nodes import NodeEvaluator
from graphcondense.evaluate.result import deviation
from graphcondense.evaluate.stacked import Model, model_of
from graphcondense.evaluate.store import Store, identity_of
from graphcondense.evaluate.trainings import Seeds, seeds_of
from graphcondense.ops.fields import Count, Natural, Seed, check_each
from graphcondense.ops.progress import tqdm
from graphcondense.saved.shown import record_of
from graphcondense.uses.continual_results import STRATEGIES, Continual, Step, Summary
from graphcondense.uses.explore import condensation_seconds
from graphcondense.uses.results import check_maker, facts_of

Condense = Callable[[NodeTask, int], object]
"""From a task and a seed to a condensed graph."""

NOTHING = torch.empty(0, dtype=torch.long)
"""A split without nodes."""


def learn_continually(
    data: object,
    condense: Condense,
    *,
    steps: int | None = None,
    classes_per_step: int | None = None,
    order: Sequence[int] | None = None,
    strategies: Sequence[str] = tuple(STRATEGIES),
    model: Model = "GCN",
    seeds: int | Sequence[int] = 5,
    draws: int = 1,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = True,
    store: str | Path | None = None,
    **options: object,
) -> Continual:
    """Classes arrive group by group; is a condensed graph a good memory of the earlier ones?

    At a step, the subgraph induced by the nodes of the new group's classes arrives, whatever their
    split, as in CGLB (Zhang et al., NeurIPS 2022), and is condensed at once, with the labels of its
    training and validation nodes only. Later steps see the condensed graph and nothing else of the
    group. Memories and the current group are one graph of blocks without edges between them.

    The model has one head over the classes seen (it is not told the group) and is trained **from
    scratch** at every step, as GDumb (Prabhu et al., ECCV 2020) and PUMA (Liu et al., arXiv
    2312.14439) do. ``condensed``, ``random`` and ``bytes`` train on the current group and the
    memory of the earlier ones, the usual replay; the three ``-only`` on a balanced memory of all
    groups, the "training in memory" of CaT (Liu et al., ICDM 2023, arXiv 2309.09455).

    A step is scored on the subgraph of all nodes of the classes seen. The epoch is chosen on
    validation nodes of these classes; the test nodes are read after each training.

    Args:
        data: the real graph, anything :func:`~graphcondense.data.as_task` takes. Nodes without
            a label are left out: they belong to no group.
        condense: from a task, of classes ``0..k-1`` and without test nodes, and a seed to a
            condensed graph with hard or soft labels.
        steps: number of groups, as even as can be, instead of ``classes_per_step``.
        classes_per_step: classes of a group, at least 2 and by default 2; those left over join the
            first groups.
        order: in which classes arrive; default ascending.
        strategies: names in :data:`~graphcondense.uses.continual_results.STRATEGIES`.
        model: what to train, as :meth:`NodeEvaluator.fit` takes it.
        seeds: training seeds, or how many.
        draws: condensed graphs, and random memories, of each group.
        seed: of the first draw.
        device: where to train; default the CPU.
        progress: show a progress bar.
        store: file of finished trainings, from which the same call goes on after an interrupt; it
            is removed at the end. What ``condense`` has made is not in it: give a ``condense``
            that keeps its graphs, or each is made again.
        **options: fields of :class:`~graphcondense.evaluate.node_training.Training`.

    Raises:
        ValueError: fewer than two groups or two classes in one; an order that is none; unknown
            strategies; a group without validation or test nodes; a condensed graph that does not
            fit its task.
        TypeError: for an option that does not exist.
    """
    check_maker(condense)
    steps, classes_per_step, order, draws, seed, progress = check_each(
        steps=(steps, Count | None),
        classes_per_step=(classes_per_step, Count | None),
        order=(order, tuple[Natural, ...] | None),
        draws=(draws, Count),
        seed=(seed, Seed),
        progress=(progress, bool),
    )
    task = classified(as_task(data, need_test=True), "continual learning")
    groups = _groups(task.num_classes, steps, classes_per_step, order)
    strategies = tuple(dict.fromkeys(strategies))
    if wrong := [name for name in strategies if name not in STRATEGIES]:
        raise ValueError(f"unknown strategy {wrong[0]!r}; known are {', '.join(STRATEGIES)}")
    if not strategies:
        raise ValueError(f"strategies is empty: give some of {', '.join(STRATEGIES)}")
    for group in groups:
        for split in ("val", "test"):
            if not np.isin(task.y[getattr(task, split)].numpy(), group).any():
                raise ValueError(f"{task.name}: classes {group} have no node in the {split} split")
    seeds = seeds_of(seeds)
    arrived = _renumbered(task, [c for group in groups for c in group])
    ends = np.cumsum([len(group) for group in groups]).tolist()
    whole = NodeEvaluator(task, device=device, **options)  # checks the options
    settings, name = asdict(whole.training), model_of(model).__name__
    identity = {**identity_of(whole, seeds), "model": name, "groups": groups}
    trained = Store(store, identity, Trained)
    memories: dict[str, list[list[NodeTask]]] = {"condensed": [], "random": [], "bytes": []}
    history: dict[str, list[list[Tensor]]] = {name: [] for name in strategies}
    rows: list[Step] = []
    first: list[object] = []
    bar = tqdm(total=len(groups) * len(strategies), desc="continual", disable=not progress)
    for step, end in enumerate(ends):
        start = ends[step - 1] if step else 0
        seen, current = _between(arrived, 0, end), _between(arrived, start, end)
        took, small = _remember(
            memories, condense, current, start, range(seed, seed + draws), strategies
        )
        first = first or small
        evaluator = NodeEvaluator(seen, device=device, **options)
        for strategy in strategies:
            graphs, memory = _training_graphs(strategy, memories, seen, current, step, draws)
            # Equal graphs, such as those of a first step without a memory, are trained on once.
            fits = [
                trained.get(
                    f"{name} {step} {graph.digest}",
                    partial(_trained, evaluator, model, graph, seeds, ends[: step + 1]),
                )
                for graph in graphs
            ]
            right = torch.cat([fit.right for fit in fits])
            history[strategy].append([*right.T])
            sizes = [[size_of(part) for part in parts] for parts in memory]
            kept = {
                name: round(statistics.fmean(sum(getattr(s, name) for s in one) for one in sizes))
                for name in ("nodes", "bytes")
            }
            rows.append(
                Step(
                    strategy=strategy,
                    step=step + 1,
                    seen=end,
                    accuracy=float(right[:, 0].mean()),
                    accuracy_std=deviation(right[:, 0].tolist()),
                    groups=tuple(right[:, 1:].mean(0).tolist()),
                    trainings=len(right),
                    nodes=round(statistics.fmean(graph.num_nodes for graph in graphs)),
                    memory_nodes=kept["nodes"],
                    memory_bytes=kept["bytes"],
                    seconds_condensing=took if strategy.startswith("condensed") else 0.0,
                    seconds=statistics.fmean(fit.seconds for fit in fits),
                )
            )
            bar.update()
    bar.close()
    trained.done()
    return Continual(
        **facts_of(task),
        model=name,
        groups=groups,
        seeds=seeds,
        draws=draws,
        method=record_of(first[0]).get("method") if first else None,
        settings=settings,
        rows=tuple(rows),
        summaries=tuple(
            _summary(strategy, history[strategy], [r for r in rows if r.strategy == strategy])
            for strategy in strategies
        ),
    )


@dataclass(frozen=True)
class Trained:
    """What the trainings on one graph said.

    Attributes:
        right: shares of the test nodes that are right, of all classes seen and of each group
            ``[S, 1 + groups]``.
        seconds: of all seeds' trainings, prediction included.
    """

    right: Tensor
    seconds: float


def _trained(
    evaluator: NodeEvaluator, model: Model, graph: NodeTask, seeds: Seeds, ends: Sequence[int]
) -> Trained:
    """Train on a graph; ``ends`` are the numbers of classes after each group."""
    began, seen = time.perf_counter(), evaluator.real
    logits = evaluator.predict(model, graph, seen.test, seeds=seeds)
    wanted = seen.y[seen.test]
    right = (logits.argmax(-1) == wanted).float()
    marks = [(wanted >= a) & (wanted < b) for a, b in pairwise([0, *ends])]
    shares = [right.mean(1), *(right[:, mark].mean(1) for mark in marks)]
    return Trained(torch.stack(shares, 1), time.perf_counter() - began)


def forgetting(accuracies: Sequence[Sequence[float]]) -> float:
    """How much is lost of what was known: ``mean_g (max_{t < T} a[t][g] - a[T][g])``.

    Chaudhry et al., ECCV 2018 (arXiv 1801.10112), equation 3: the best accuracy on an earlier group
    at any step before the last, minus that after the last; negative if it only got better.

    ``accuracies`` are ``a[t][g]``, after each step that on every group seen, the first first.

    Examples:
        >>> round(forgetting([[0.9], [0.5, 0.8], [0.6, 0.7, 0.9]]), 3)  # (0.3 + 0.1) / 2
        0.2
    """
    *before, last = accuracies
    lost = [max(a[g] for a in before[g:]) - last[g] for g in range(len(before))]
    return statistics.fmean(lost)


def union(parts: Sequence[NodeTask], num_classes: int) -> NodeTask:
    """Graphs as blocks of one, without edges between them.

    Labels are ``[n]``, or soft ``[n, c]``, which get columns of zeros up to ``num_classes``; where
    any part is soft, the others' labels become one-hot.
    """
    if len(parts) == 1 and parts[0].num_classes == num_classes:
        return parts[0]
    offsets = np.cumsum([0, *(part.num_nodes for part in parts)])
    soft = any(part.y.dim() == 2 for part in parts)
    if any(sp.issparse(part.x) for part in parts):
        x: Any = sp.vstack([sp.csr_matrix(part.x_array) for part in parts], format="csr")
    else:
        x = torch.cat([torch.as_tensor(part.x) for part in parts])
    adj = sp.block_diag([part.adj for part in parts], format="csr", dtype=np.float32)
    y = torch.cat([_soft(part.y, num_classes) if soft else part.y for part in parts])
    train = torch.cat([p.train + int(o) for p, o in zip(parts, offsets[:-1], strict=True)])
    return _trained_on(x, adj, y, train, num_classes, "replay")


def _trained_on(
    x: Any, adj: sp.csr_matrix, y: Tensor, train: Tensor, num_classes: int, name: str
) -> NodeTask:
    """A graph to train on alone."""
    return NodeTask(x, adj, y, train, NOTHING, NOTHING, num_classes, name=name)


def _soft(y: Tensor, num_classes: int) -> Tensor:
    if y.dim() == 2:
        return F.pad(y.float(), (0, num_classes - y.shape[1]))
    return F.one_hot(y.clamp_min(0), num_classes).float() * (y >= 0)[:, None]


def _groups(
    num_classes: int,
    steps: int | None,
    classes_per_step: int | None,
    order: Sequence[int] | None,
) -> tuple[tuple[int, ...], ...]:
    if steps is not None and classes_per_step is not None:
        raise ValueError(f"steps={steps} and classes_per_step={classes_per_step}: give one of them")
    if classes_per_step is not None and classes_per_step < 2:
        raise ValueError(
            f"classes_per_step={classes_per_step}: a group needs at least 2 classes to be learnt"
        )
    steps = num_classes // (classes_per_step or 2) if steps is None else steps
    if steps < 2 or num_classes // steps < 2:
        raise ValueError(
            f"{num_classes} classes in {steps} steps: at least 2 steps of at least 2 classes"
        )
    order = range(num_classes) if order is None else order
    if sorted(order) != list(range(num_classes)):
        raise ValueError(f"order={list(order)} does not name each of 0..{num_classes - 1} once")
    return tuple(tuple(int(c) for c in part) for part in np.array_split(list(order), steps))


def _renumbered(task: NodeTask, order: Sequence[int]) -> NodeTask:
    """Classes numbered as they arrive."""
    number = torch.full((task.num_classes + 1,), -1)  # the last entry: -1 stays -1
    number[torch.tensor(order)] = torch.arange(len(order))
    return replace(task, y=number[task.y])


def _between(task: NodeTask, start: int, end: int) -> NodeTask:
    """The subgraph of the nodes of classes ``start..end-1``."""
    nodes = ((task.y >= start) & (task.y < end)).nonzero().flatten()
    return replace(task.subgraph(nodes), num_classes=end)


def _remember(
    memories: dict[str, list[list[NodeTask]]],
    condense: Condense,
    current: NodeTask,
    start: int,
    seeds: Sequence[int],
    strategies: Sequence[str],
) -> tuple[float, list[object]]:
    """Add the current group's memories, one a draw; returns the seconds to condense it once, and
    the condensed graphs.

    The memories of real nodes have the sizes of the condensed one, which is made for them, too.
    """
    kinds = {name.partition("-")[0] for name in strategies} & memories.keys()
    if not kinds:
        return 0.0, []
    y = torch.full_like(current.y, -1)
    known = torch.cat([current.train, current.val])
    y[known] = current.y[known] - start
    group = replace(current, y=y, test=NOTHING, num_classes=current.num_classes - start)
    began = time.perf_counter()
    small = [condense(group, seed) for seed in seeds]
    # What was taken up from a run of before says itself what it took.
    told = condensation_seconds(small)
    took = statistics.fmean(told) if told else (time.perf_counter() - began) / len(seeds)
    made = {"condensed": small}
    if "random" in kinds:
        made["random"] = [random_subgraph(group, g, s) for g, s in zip(small, seeds, strict=True)]
    if "bytes" in kinds:
        alike = equal_bytes_graphs(group, small[0], draws=len(seeds))
        made["bytes"] = list(alike["random, same bytes"])
    for kind, graphs in made.items():
        memories[kind].append([_memory(graph, group, start) for graph in graphs])
    return took, small


def _memory(small: object, group: NodeTask, start: int) -> NodeTask:
    """A small graph with the classes' numbers of the whole."""
    x, adj, rows, targets = read_labelled(small, group)
    train, end = torch.from_numpy(rows), start + group.num_classes
    if targets.dim() == 2:
        y = torch.zeros(x.shape[0], end)
        y[train, start:] = targets.float()
    else:
        y = torch.full((x.shape[0],), -1)
        y[train] = targets + start
    x = torch.from_numpy(x) if isinstance(x, np.ndarray) else x
    return _trained_on(x, adj, y, train, end, "memory")


def _training_graphs(
    strategy: str,
    memories: Mapping[str, list[list[NodeTask]]],
    seen: NodeTask,
    current: NodeTask,
    step: int,
    draws: int,
) -> tuple[list[NodeTask], list[list[NodeTask]]]:
    """What to train on, one graph a draw, and which memories that holds."""
    kind, _, only = strategy.partition("-")
    if kind not in memories:
        return [seen if strategy == "joint" or not step else current], [[]]
    kept = [[drawn[d] for drawn in memories[kind][: None if only else step]] for d in range(draws)]
    if not only and not step:
        return [seen] * draws, kept  # no memory yet: the same graph for all
    last = [] if only else [current]
    return [union([*parts, *last], seen.num_classes) for parts in kept], kept


def _summary(strategy: str, history: Sequence[Sequence[Tensor]], rows: Sequence[Step]) -> Summary:
    overall = torch.stack([scores[0] for scores in history])
    each = [
        forgetting([[float(group[i]) for group in scores[1:]] for scores in history])
        for i in range(overall.shape[1])
    ]
    average, final = overall.mean(0).tolist(), overall[-1].tolist()
    return Summary(
        strategy=strategy,
        average=statistics.fmean(average),
        average_std=deviation(average),
        final=statistics.fmean(final),
        final_std=deviation(final),
        forgetting=statistics.fmean(each),
        forgetting_std=deviation(each),
        seconds=math.fsum(row.seconds + row.seconds_condensing for row in rows),
    )
