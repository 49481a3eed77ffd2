"""Predictors that are no GNN: a score of theirs is not a GNN's, and reports mark it so.

All are deterministic, so one "training" is all there is; what they leave open is chosen on the
validation nodes, of equally good choices the first: the smallest ridge. A choice at the edge of its
grid says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import NodeTask, classified
from graphcondense.evaluate.contestant import Predictor, Try, choose
from graphcondense.evaluate.fitted import FitResult
from graphcondense.evaluate.reading import refuse_many
from graphcondense.evaluate.trainings import Device
from graphcondense.kernels.ntk import on_sphere
from graphcondense.kernels.ridge import ridge_weights
from graphcondense.nn.batched import Matrix
from graphcondense.ops.adjacency import Powers, gcn_norm_csr, propagate_rows
from graphcondense.ops.grid import edge
from graphcondense.ops.personalised import diffused

Array: TypeAlias = "npt.NDArray[np.floating]"
Scores: TypeAlias = Iterator[tuple[str, Array]]
"""What was chosen, and scores ``[N, C]`` of all real nodes, for each choice."""

HOPS = 2
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
WIDTHS = (0.1, 0.25, 0.5, 1.0, 2.0)
NEIGHBOURS = (1, 5, 20)
RESTARTS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
STEPS = 100
MOST = 20_000
"""Labelled nodes up to which kernel ridge regression is run: 3 GB of float64 kernel."""

NTK_HOPS = (1, 2, 3, 4, 6)
NTK_LAYERS = (1, 2)
NTK_RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Of the mean of the kernel's diagonal."""
NTK_MOST = 5_000
"""Labelled nodes up to which the structure-based NTK is used: 200 MB a kernel, several at once."""
COLUMNS = 512
"""Features, or labelled nodes, that are taken at once beside all real nodes."""


def kernel_ridge(small: object, real: NodeTask) -> Scores:
    """Kernel ridge regression on one-hot classes, ``K_TS (K_SS + λI)⁻¹ Y'``.

    The kernel is a Gaussian on the rows of ``Â² X``, scaled to length one; λ and the kernel's width
    are chosen on validation. scikit-learn's ``KernelRidge`` does the work.
    """
    from sklearn.kernel_ridge import KernelRidge

    rows, targets, _ = _propagated_small(small, real)
    check_size("KernelRidge", len(rows))
    everything = _unit(real.graph.powers().whole(HOPS))
    for width in WIDTHS:
        for ridge in RIDGES:
            model = KernelRidge(alpha=ridge, kernel="rbf", gamma=width)
            model.fit(rows, targets)
            words = f"ridge {ridge:g}{edge(ridge, RIDGES)}, width {width:g}{edge(width, WIDTHS)}"
            yield words, model.predict(everything)


def structure_ridge(small: object, real: NodeTask) -> Scores:
    """Kernel ridge regression with a structure-based NTK, ``K_TS (K_SS + λ tr(K_SS)/n I)⁻¹ Y'``.

    That is GC-SNTK's own predictor (Wang et al., WWW 2024), for any graph: the
    :class:`~graphcondense.kernels.sntk.SNTK` of one block, whose value depends on the cosine of two
    rows of ``Â^hops X`` alone. Targets are centred by ``1 / C``; hops, layers and λ are chosen on
    validation.

    Raises:
        ValueError: more than :data:`NTK_MOST` labelled nodes.
    """
    x, adj, rows, targets = read_labelled(small, real)
    check_size("SNTK", len(rows))
    wanted = torch.from_numpy(_one_hot(targets, real.num_classes)) - 1 / real.num_classes
    small_step, step, lengths = gcn_norm_csr(adj), real.gcn_adj, _lengths(real)
    for hops in NTK_HOPS:
        unit = _unit(propagate_rows(small_step, x, hops, rows, np.float64))
        grams = [on_sphere(torch.from_numpy(unit @ unit.T), n)[0] for n in NTK_LAYERS]
        weights = [torch.cat([ridge_weights(g, wanted, r) for r in NTK_RIDGES], 1) for g in grams]
        scores = [wanted.new_zeros(real.num_nodes, w.shape[1]) for w in weights]
        for start in range(0, len(unit), COLUMNS):
            part = slice(start, start + COLUMNS)
            product = real.x_array @ unit[part].T
            for _ in range(hops):
                product = step @ product
            cosines = torch.from_numpy(product / lengths[hops][:, None])
            for layers, weight, score in zip(NTK_LAYERS, weights, scores, strict=True):
                score += on_sphere(cosines, layers)[0] @ weight[part]
        far = f"{hops} hops{edge(hops, NTK_HOPS, below=False)}"
        for layers, score in zip(NTK_LAYERS, scores, strict=True):
            deep = f"{layers} layers{edge(layers, NTK_LAYERS, below=False)}"
            for ridge, one in zip(NTK_RIDGES, score.chunk(len(NTK_RIDGES), 1), strict=True):
                yield f"{far}, {deep}, ridge {ridge:g}{edge(ridge, NTK_RIDGES)}", one.numpy()


def label_propagation(small: object, real: NodeTask) -> Scores:
    """Label propagation on the real graph, ``F ← (1 - α) Â F + α F⁰``, from the small graph's
    labels (Zhou et al., NeurIPS 2003).

    On the whole graph ``F⁰`` holds the training labels. A condensed node stands at no real one, so
    its label starts at the ``k`` real nodes whose rows of ``Â² X`` are most similar by the cosine.
    ``k`` and ``α`` are chosen on validation.
    """
    rows, targets, at = _propagated_small(small, real)
    step = real.gcn_adj.astype(np.float64)
    starts: list[tuple[str, Array]] = []
    if at is not None:
        known = np.zeros((real.num_nodes, targets.shape[1]))
        known[at] = targets
        starts.append(("training labels", known))
    else:
        everything = _unit(real.graph.powers().whole(HOPS))
        similar = np.asarray(_unit(rows) @ everything.T)
        order = np.argsort(-similar, axis=1)[:, : max(NEIGHBOURS)]
        for k in NEIGHBOURS:
            near = np.zeros((real.num_nodes, targets.shape[1]))
            for node, nearest in enumerate(order[:, :k]):
                near[nearest] += similar[node, nearest, None].clip(0) * targets[node]
            starts.append((f"{k} nearest{edge(k, NEIGHBOURS, below=False)}", near))
    for name, start in starts:
        for restart in RESTARTS:
            scores = diffused(start, step, restart, STEPS)
            yield f"{name}, restart {restart:g}{edge(restart, RESTARTS)}", scores


PREDICTORS: dict[str, Callable[[object, NodeTask], Scores]] = {
    "LabelProp": label_propagation,
    "KernelRidge": kernel_ridge,
    "SNTK": structure_ridge,
}
"""Predictors by name."""

EDGE_WEIGHTS = "in the normalised adjacency"


def check_size(name: str, rows: int) -> None:
    """Raise a ValueError for more labelled nodes than a predictor by kernels can hold."""
    most = {"KernelRidge": MOST, "SNTK": NTK_MOST}.get(name, rows)
    refuse_many(name, rows, "labelled nodes", most)


def fit_predictor(name: str, small: object, real: NodeTask, device: Device = None) -> FitResult:
    """Choose on validation, of equals the first, then read test once; one "seed", and no last epoch
    apart. All of it runs on the CPU."""

    classified(real, name)

    def tries() -> Iterator[Try]:
        for chosen, scores in PREDICTORS[name](small, real):
            guess = scores.argmax(1)
            val = _share(guess, real, real.val)
            yield Try(chosen, val, partial(_share, guess, real, real.test))

    return choose(name, tries())


def _checks(name: str) -> Callable[[object, NodeTask], None]:
    def check(small: object, real: NodeTask) -> None:
        rows = read_labelled(small, classified(real, name))[2]
        check_size(name, len(rows))

    return check


BY_NAME = {
    name.lower(): Predictor(name, partial(fit_predictor, name), _checks(name), EDGE_WEIGHTS)
    for name in PREDICTORS
}
"""As reports measure them, also by their other names."""
BY_NAME["labelpropagation"] = BY_NAME["lp"] = BY_NAME["labelprop"]
BY_NAME["krr"] = BY_NAME["kernelridge"]


def _share(guess: Array, real: NodeTask, nodes: torch.Tensor) -> float:
    """Of right guesses."""
    return float((guess[nodes] == real.y[nodes].numpy()).mean())


def _propagated_small(small: object, real: NodeTask) -> tuple[Array, Array, Array | None]:
    """Propagated labelled rows of the small graph, their targets ``[n, C]``, and which real nodes
    they are where the "small" graph is the real one."""
    x, adj, rows, targets = read_labelled(small, real)
    # Of the real graph they are those of all that is predicted.
    powers = real.graph.powers() if small is real else Powers(gcn_norm_csr(adj), x)
    at = rows if small is real else None
    return _unit(powers.rows(HOPS, rows)), _one_hot(targets, real.num_classes), at


def _one_hot(targets: torch.Tensor, num_classes: int) -> Array:
    """Classes ``[n]``, or soft labels as they are, ``[n, C]``."""
    if targets.dim() == 1:
        targets = torch.nn.functional.one_hot(targets, num_classes)
    return targets.double().numpy()


def _lengths(real: NodeTask) -> dict[int, Array]:
    """``‖(Â^k X)_i‖ [N]`` for each of :data:`NTK_HOPS`; one for a row of zeros."""
    squares, step = {k: np.zeros(real.num_nodes) for k in NTK_HOPS}, real.gcn_adj
    columns = real.x_array.tocsc() if sp.issparse(real.x_array) else real.x_array
    for start in range(0, real.num_features, COLUMNS):
        # Double precision: where a node meets itself the cosine is one, and its arc steep.
        h = np.ascontiguousarray(_dense(columns[:, start : start + COLUMNS]), np.float64)
        for k in range(1, max(NTK_HOPS) + 1):
            h = step @ h
            if k in squares:
                squares[k] += np.square(h).sum(1)
    return {k: np.sqrt(np.where(square > 0, square, 1.0)) for k, square in squares.items()}


def _unit(rows: Matrix) -> Matrix:
    """Rows scaled to length one; a row of zeros stays."""
    from sklearn.preprocessing import normalize

    return normalize(rows)


def _dense(rows: Matrix) -> Array:
    return np.asarray(rows) if isinstance(rows, np.ndarray) else rows.toarray()
