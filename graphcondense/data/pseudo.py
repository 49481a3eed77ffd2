"""More labelled nodes than the training split has: labels that the graph itself suggests."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import torch

from graphcondense.data.task import NodeTask
from graphcondense.ops.personalised import diffused

RESTART = 0.05
STEPS = 50
SHOWN = 5
"""Classes that a warning names."""


def pseudo_labelled(task: NodeTask, per_class: int) -> NodeTask:
    """Label the surest unlabelled nodes of each class by label propagation.

    Label propagation (Zhou et al., NeurIPS 2003) spreads the training labels over the edges,
    ``F ← (1 - α) Â F + α F⁰`` with ``α`` = :data:`RESTART`, each class's nodes starting with one
    label in all. A node's class is that of its largest score, and of a class's nodes the surest are
    those with the largest share of the scores in it. Neither validation nor test labels are read; a
    validation node is never among them, a test node may be, by its guessed class.

    That is for budgets above the number of labelled nodes, which the published splits of large
    graphs ask for: methods that copy, average or cluster labelled nodes of a class cannot return
    more than there are.

    Args:
        task: the checked data.
        per_class: nodes to add to each class; a class that the guesses hold fewer nodes of adds
            those, and a warning says how many.

    Returns:
        The task with the added nodes in ``train``, after the given ones, their guesses in ``y``,
        and without them in ``test``.

    Raises:
        ValueError: ``per_class`` below one, or no edges to spread labels over.

    >>> import graphcondense
    >>> from graphcondense.data import as_task
    >>> digits = as_task(graphcondense.data.load("digits"))
    >>> more = pseudo_labelled(digits, 30)
    >>> len(digits.train), len(more.train), round(float((more.y == digits.y).double().mean()), 2)
    (200, 500, 1.0)
    """
    if per_class < 1:
        raise ValueError(f"pseudo_labels={per_class} must be at least 1 node a class")
    if not task.adj.nnz:
        raise ValueError("pseudo_labels needs edges to spread labels over, and there are none")
    train = task.train.numpy()
    start = np.zeros((task.num_nodes, task.num_classes))
    start[train, task.y.numpy()[train]] = 1
    start /= start.sum(0)
    scores = diffused(start, task.gcn_adj.astype(np.float64), RESTART, STEPS)
    total = scores.sum(1)
    share = scores / np.where(total > 0, total, 1)[:, None]
    free = total > 0
    free[train] = free[task.val.numpy()] = False
    guess = scores.argmax(1)
    y, train_parts = task.y.clone(), [task.train]
    short: dict[int, int] = {}
    for c in range(task.num_classes):
        nodes = np.flatnonzero(free & (guess == c))
        if len(nodes) < per_class:
            short[c] = len(nodes)
        surest = nodes[np.argsort(-share[nodes, c], kind="stable")[:per_class]]
        train_parts.append(torch.from_numpy(np.sort(surest)))
        y[train_parts[-1]] = c
    if short:
        some = ", ".join(f"class {c}: {n:,}" for c, n in list(short.items())[:SHOWN])
        more = f" and {len(short) - SHOWN} more classes" if len(short) > SHOWN else ""
        warnings.warn(
            f"pseudo_labels={per_class}: label propagation guesses fewer unlabelled nodes of some "
            f"classes, and all of these are labelled ({some}{more})",
            stacklevel=2,
        )
    longer = torch.cat(train_parts)
    return replace(task, y=y, train=longer, test=task.test[~torch.isin(task.test, longer)])
