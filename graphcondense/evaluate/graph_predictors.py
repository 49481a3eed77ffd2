"""Graph-level predictors that are no GNN: a score of theirs is not a GNN's, and reports mark it so.

They are deterministic, so one "training" is all there is; what they leave open is chosen on the
validation graphs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from graphcondense.data.graph_task import GraphTask
from graphcondense.evaluate.graphs import read_graphs
from graphcondense.evaluate.metrics import check_scorable, ogb_metric, scores_of
from graphcondense.evaluate.nodes import FitResult
from graphcondense.kernels.graph import GraphNTK, NodeStates
from graphcondense.kernels.ridge import ridge_targets, ridge_weights
from graphcondense.nn.graphs import SparseGraphs
from graphcondense.ops.grid import edge
from graphcondense.saved.graph_set import GraphSet

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Of the mean of the kernel's diagonal."""

MOST = 5000
"""Training graphs up to which it runs: some minutes on one core at 30 nodes each."""

NAME = "GraphKernelRidge"

KERNEL = GraphNTK(hops=3, num_layers=1)
"""As deep as the evaluator's GNNs see."""


def graph_kernel_ridge(
    small: Any, real: GraphTask, kernel: GraphNTK = KERNEL
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Kernel ridge regression with the light graph NTK, ``K_TS (K_SS + λ tr(K_SS)/n I)^-1 Y'``.

    Classes are regressed on as centred one-hot rows, binary tasks as ±1, targets standardised.

    Args:
        small: whatever :func:`~graphcondense.evaluate.graphs.read_graphs` takes.
        real: the real graphs.
        kernel: the kernel.

    Yields:
        For each λ its name, and outputs ``[m, T]`` of the validation and test graphs, in the
        targets' own units.
    """
    graphs = read_graphs(small, real)
    check_size(len(graphs))
    support = _states(graphs, kernel)
    gram = kernel(support, support)
    others = {split: real.batch(getattr(real, split)) for split in ("val", "test")}
    rows = {split: kernel(_states(own, kernel), support) for split, own in others.items()}
    targets = ridge_targets(real.label_kind, real.num_outputs)(real.scaled(graphs.y))
    for ridge in RIDGES:
        weights = ridge_weights(gram, targets, ridge)
        out = {split: real.unscaled(row.double() @ weights) for split, row in rows.items()}
        yield f"ridge {ridge:g}{edge(ridge, RIDGES)}", out


def check_size(graphs: int) -> None:
    """Raise a ValueError for more graphs than the kernel can hold."""
    if graphs > MOST:
        raise ValueError(
            f"kernel ridge on {graphs:,} graphs needs a kernel between all of their nodes; it "
            f"stops at {MOST:,}: leave it out, or the whole set of the baselines"
        )


def fit_graph_kernel_ridge(small: Any, real: GraphTask, kernel: GraphNTK = KERNEL) -> FitResult:
    """Choose λ on validation, of equally good ones the smallest, then read test once.

    One "seed", and no last epoch apart.

    Raises:
        ValueError: graphs that do not match the real ones, a split without a score, or more than
            :data:`MOST` graphs.
    """
    check_scorable(real, "val")
    check_scorable(real, "test")
    began, cpu = time.perf_counter(), time.process_time()
    sign = 1.0 if real.larger_is_better else -1.0
    y = {split: real.graphs.y[getattr(real, split)] for split in ("val", "test")}
    tried = []
    for chosen, out in graph_kernel_ridge(small, real, kernel):
        val = scores_of(real.metric, out["val"][None], y["val"])
        tried.append((val, chosen, out["test"]))
    val, chosen, out_test = max(tried, key=lambda one: sign * float(one[0]))
    test = ogb_metric(real, out_test[None], y["test"]).float()
    seconds = time.perf_counter() - began
    return FitResult(
        model=NAME,
        seeds=(0,),
        val_selected=val.float(),
        epoch_selected=torch.zeros(1, dtype=torch.long),
        test_selected=test,
        val_last=val.float(),
        test_last=test,
        seconds=seconds,
        seconds_training=seconds,
        processor_seconds=time.process_time() - cpu,
        chosen=chosen,
    )


def _states(graphs: GraphSet, kernel: GraphNTK) -> NodeStates:
    return kernel.embed(graphs.x, SparseGraphs.of(graphs, graphs.x))
