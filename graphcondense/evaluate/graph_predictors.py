"""Graph-level predictors that are no GNN, see :mod:`graphcondense.evaluate.predictors`.

They run on the CPU alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import Tensor

from graphcondense.data.graph_task import GraphTask
from graphcondense.evaluate.contestant import Predictor, Try, choose
from graphcondense.evaluate.fitted import FitResult
from graphcondense.evaluate.graph_reading import check_graphs, read_graphs
from graphcondense.evaluate.metrics import ogb_metric, scores_of
from graphcondense.evaluate.reading import refuse_many
from graphcondense.evaluate.trainings import Device
from graphcondense.kernels.graph import GraphNTK, NodeStates
from graphcondense.kernels.ridge import ridge_targets, ridge_weights
from graphcondense.nn.graph_layouts import SparseGraphs
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
    small: object, real: GraphTask, kernel: GraphNTK = KERNEL
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Kernel ridge regression with the light graph NTK, ``K_TS (K_SS + λ tr(K_SS)/n I)^-1 Y'``.

    Classes are regressed on as centred one-hot rows, binary tasks as ±1, targets standardised.

    Yields:
        For each λ its name, and outputs ``[m, T]`` of the validation and test graphs, in the
        targets' own units.
    """
    graphs = read_graphs(small, real)
    refuse_many("kernel ridge", len(graphs), "graphs", MOST)
    support = _states(graphs, kernel)
    gram = kernel(support, support)
    others = {split: real.batch(getattr(real, split)) for split in ("val", "test")}
    rows = {split: kernel(_states(part, kernel), support) for split, part in others.items()}
    targets = ridge_targets(real.label_kind, real.num_outputs)(real.scaled(graphs.y))
    for ridge in RIDGES:
        weights = ridge_weights(gram, targets, ridge)
        out = {split: real.unscaled(row.double() @ weights) for split, row in rows.items()}
        yield f"ridge {ridge:g}{edge(ridge, RIDGES)}", out


def fit_graph_kernel_ridge(small: object, real: GraphTask, device: Device = None) -> FitResult:
    """Choose λ on validation, of equally good ones the smallest, then read test once.

    Raises:
        ValueError: graphs that do not match the real ones, a split without a score, or more than
            :data:`MOST` graphs.
    """
    check_graphs(real, "val")
    check_graphs(real, "test")
    y = {split: real.graphs.y[getattr(real, split)] for split in ("val", "test")}

    def tested(out: Tensor) -> float:
        return float(ogb_metric(real, out[None], y["test"]))

    tries = (
        Try(
            chosen,
            float(scores_of(real.metric, out["val"][None], y["val"])),
            partial(tested, out["test"]),
        )
        for chosen, out in graph_kernel_ridge(small, real, KERNEL)
    )
    return choose(NAME, tries, 1.0 if real.larger_is_better else -1.0)


def _check(small: object, real: GraphTask) -> None:
    refuse_many("kernel ridge", len(read_graphs(small, real)), "graphs", MOST)


BY_NAME = {NAME.lower(): Predictor(NAME, fit_graph_kernel_ridge, _check)}
"""As reports measure them."""


def _states(graphs: GraphSet, kernel: GraphNTK) -> NodeStates:
    return kernel.embed(graphs.x, SparseGraphs.of(graphs, graphs.x))
