"""Which properties of the whole graph a condensed graph keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import networkx
import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.csgraph import laplacian as normalised_laplacian
from scipy.stats import wasserstein_distance

from graphcondense.data.node_reading import as_task
from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import NodeTask, classified
from graphcondense.evaluate.floors import random_subgraph
from graphcondense.evaluate.result import COLOURS, Column, Result, dash
from graphcondense.nn.batched import Matrix
from graphcondense.ops.fields import Count, Natural, Seed, Several, check_each
from graphcondense.ops.tables import measure
from graphcondense.ops.types import Floats
from graphcondense.uses.results import check_named, named_graphs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch_geometric.data import Data

GRID = np.linspace(0, 2, 101)
"""Eigenvalues at which the cumulative energy is kept."""


@dataclass(frozen=True)
class PropertyRow:
    """Properties of one set; the mean over its graphs that have the property.

    Self-loops count nowhere. Where ``edges`` is 0 in every graph, what is about edges is ``None``.
    A directed graph counts as ``(A + A^T) / 2``, but for ``edges`` and ``density``.

    Attributes:
        label, graphs, nodes: what it is, how many graphs, and their nodes.
        edges: stored entries of the adjacency: an undirected edge counts twice.
        density: ``edges / (n (n - 1))``; ``None`` for a single node.
        degree, weighted_degree: mean number of neighbours, and sum of the weights of edges.
        degree_distance: Wasserstein distance to the whole graph's distribution of weighted degrees,
            both divided by their means.
        energy_distance: Wasserstein distance, on ``[0, 2]``, to the whole graph's Laplacian energy
            distribution (:func:`laplacian_energy`).
        homophily: share of the edge weight that joins nodes of one class, of labelled nodes.
        clustering, components: mean clustering coefficient of the unweighted graph, and number of
            connected components.
        class_distance: total variation distance between the classes of the training nodes and those
            of the whole graph's.
        energy: the share of energy at eigenvalues up to each of :data:`GRID`, ``[101]``.
    """

    label: str
    graphs: int
    nodes: float
    edges: float
    density: float | None
    degree: float
    weighted_degree: float
    degree_distance: float | None
    energy_distance: float | None
    homophily: float | None
    clustering: float | None
    components: float
    class_distance: float
    energy: tuple[float, ...] | None


@dataclass(frozen=True)
class Properties(Result):
    """What :func:`compare_properties` found.

    Attributes:
        data, digest: name and hash of the whole graph.
        rows: one a set; the whole graph is the last.
        exact_spectra: whether every spectrum is complete; otherwise that of the whole graph is a
            quadrature of ``steps`` nodes.
        clustered_nodes: the whole graph's clustering coefficient is the mean over so many nodes.
    """

    data: str
    digest: str
    rows: tuple[PropertyRow, ...]
    exact_spectra: bool
    steps: int
    clustered_nodes: int

    size: ClassVar[tuple[float, float]] = (6.4, 4.0)
    columns: ClassVar[tuple[Column, ...]] = (
        Column("graph", lambda row: row.label),
        Column("graphs", lambda row: f"{row.graphs}"),
        Column("nodes", lambda row: f"{row.nodes:,.0f}"),
        Column("edges", lambda row: f"{row.edges:,.0f}"),
        Column("density %", lambda row: dash(row.density, ".3g", 100)),
        Column("degree", lambda row: f"{row.degree:.2f}"),
        Column("weighted", lambda row: measure(row.weighted_degree)),
        Column("degree dist.", lambda row: dash(row.degree_distance, ".3f")),
        Column("energy dist.", lambda row: dash(row.energy_distance, ".3f")),
        Column("homophily %", lambda row: dash(row.homophily, ".1f", 100)),
        Column("clustering", lambda row: dash(row.clustering, ".3f")),
        Column("components", lambda row: f"{row.components:,.0f}"),
        Column("class dist.", lambda row: dash(row.class_distance, ".3f")),
    )

    def title(self) -> str:
        return f"{self.data} ({self.digest}), properties of graphs"

    def notes(self) -> list[str]:
        exact = "complete spectra"
        quadrature = f"the whole graph's by a quadrature of {self.steps} Lanczos steps"
        return [
            "distances are to the whole graph: Wasserstein (degree over its mean; Laplacian energy "
            "over eigenvalues in [0, 2]), total variation (classes of training nodes)",
            f"energy: {exact if self.exact_spectra else quadrature}; none without edges",
            "homophily of the whole graph reads every label, test labels too: it describes the "
            "data, nothing is chosen by it",
            f"clustering of the whole graph: mean over {self.clustered_nodes:,} nodes",
        ]

    def draw(self, axes: Axes) -> None:
        for i, row in enumerate(self.rows):
            if row.energy is None:
                axes.plot([], [], color=COLOURS[i % 7], label=f"{row.label}: no edges")
                continue
            black = row.label == "whole"
            axes.plot(
                GRID,
                row.energy,
                color="black" if black else COLOURS[i % 6],
                linewidth=2.2 if black else 1.6,
                linestyle="--" if row.label == "random" else "-",
                label=f"{row.label} ({row.nodes:,.0f} nodes)",
            )
        axes.set_xlabel("eigenvalue of the normalised Laplacian")
        axes.set_ylabel("share of the features' energy below")
        axes.set_xlim(0, 2)
        axes.set_ylim(0, 1.02)
        axes.set_title(self.data)
        axes.legend(frameon=False, loc="lower right")


def compare_properties(
    small: object,
    data: object,
    *,
    random_draws: int = 3,
    dense_nodes: int = 4000,
    steps: int = 128,
    clustering_nodes: int = 20_000,
    seed: int = 0,
) -> Properties:
    """Compare condensed graphs with the whole graph and with random subgraphs of the same size.

    A condensed graph need not keep any of this to train well. Labels of test nodes are read, too,
    for the homophily of the whole graph.

    Args:
        small: a condensed graph; a list of them (several condensation seeds); or a mapping from
            names to either.
        data: the whole graph, anything :func:`~graphcondense.data.as_task` takes.
        random_draws: how many random subgraphs (training nodes, class by class as many as the first
            graph has); 0 leaves them out.
        dense_nodes: graphs up to this size have their complete spectrum taken, in about
            ``n^3 / 1e9`` seconds and ``16 n^2`` bytes; larger ones a quadrature.
        steps: nodes of that quadrature; it needs three copies of the features as dense float64.
        clustering_nodes: above this size the clustering coefficient is the mean over so many nodes.
        seed: of the random subgraphs (``seed``, ``seed + 1``, ...) and of that draw.

    Raises:
        ValueError: no graph, one named like a baseline, or features or classes that do not match.
    """
    random_draws, dense_nodes, steps, clustering_nodes, seed = check_each(
        random_draws=(random_draws, Natural),
        dense_nodes=(dense_nodes, Natural),
        steps=(steps, Several),
        clustering_nodes=(clustering_nodes, Count),
        seed=(seed, Seed),
    )
    named, real = named_graphs(small), classified(as_task(data), "the comparison of properties")
    check_named(named, real)
    sets: dict[str, list[Data]] = dict(named)
    if random_draws:
        first = next(iter(named.values()))[0]
        sets["random"] = [random_subgraph(real, first, seed + i) for i in range(random_draws)]
    settings = (dense_nodes, steps, clustering_nodes, seed)
    whole = _Facts(real, real, *settings)
    rows = [
        _row(label, [_Facts(graph, real, *settings) for graph in graphs], whole)
        for label, graphs in sets.items()
    ]
    largest = max(real.num_nodes, *(round(row.nodes) for row in rows))
    return Properties(
        data=real.name,
        digest=real.digest,
        rows=(*rows, _row("whole", [whole], whole)),
        exact_spectra=largest <= dense_nodes,
        steps=steps,
        clustered_nodes=min(real.num_nodes, clustering_nodes),
    )


def laplacian_energy(
    adj: sp.csr_matrix, x: Matrix, *, dense_nodes: int = 4000, steps: int = 128
) -> tuple[Floats, Floats]:
    """The Laplacian energy distribution of node features.

    The share ``x̂_i^2 / sum_j x̂_j^2`` of a signal's energy at the eigenvalue ``λ_i`` of the
    normalised Laplacian ``L = I - D^-1/2 A D^-1/2``, with ``x̂ = U^T x`` (SGDD, Yang et al.,
    NeurIPS 2023), over all feature columns. A node without neighbours is an eigenvector of
    eigenvalue 0.

    Args:
        adj: symmetric weights ``A [n, n]``; its diagonal is left out.
        x: features ``[n, d]``.
        dense_nodes: up to this many nodes by all eigenvectors; above, Lanczos on ``L`` with the
            inner product ``tr(P^T Q)`` of blocks, started from ``x``. Its Gauss quadrature has the
            distribution's first ``2 steps - 1`` moments.
        steps: number of nodes of the quadrature.

    Returns:
        Eigenvalues ``[k]``, ascending, in ``[0, 2]``, and their shares ``[k]``, which sum to one.

    Raises:
        ValueError: the features are all zero.

    Examples:
        >>> pair = sp.csr_matrix([[0, 1], [1, 0]])
        >>> values, shares = laplacian_energy(pair, np.array([[1.0], [0.0]]))
        >>> values.round(6).tolist(), shares.round(6).tolist()
        ([0.0, 2.0], [0.5, 0.5])
    """
    laplacian = normalised_laplacian(adj.astype(np.float64), normed=True).tocsr()
    values_of_x = (x.data if isinstance(x, sp.csr_matrix) else x).astype(np.float64)
    total = float((values_of_x**2).sum())
    if not total:
        raise ValueError("the features are all zero: they have no energy to distribute")
    if laplacian.shape[0] <= dense_nodes:
        values, vectors = scipy.linalg.eigh(laplacian.toarray())
        shares = ((x.T @ vectors) ** 2).sum(0) / total
    else:
        values, shares = _quadrature(laplacian, x, steps)
    return values.clip(0, 2), shares / shares.sum()


def _quadrature(laplacian: sp.csr_matrix, x: Matrix, steps: int) -> tuple[Floats, Floats]:
    """Gauss quadrature of the energy: Lanczos on blocks, see :func:`laplacian_energy`."""
    now = np.asarray(x.toarray() if isinstance(x, sp.csr_matrix) else x, np.float64)
    now, before = now / np.linalg.norm(now), np.zeros_like(now)
    alphas: list[float] = []
    betas: list[float] = []
    for _ in range(steps):
        ahead = laplacian @ now
        alphas.append(float(np.vdot(now, ahead)))
        ahead -= alphas[-1] * now
        if betas:
            ahead -= betas[-1] * before
        betas.append(float(np.linalg.norm(ahead)))
        if betas[-1] < 1e-10:  # the signal has no more eigenvalues than steps taken
            break
        before, now = now, ahead / betas[-1]
    values, vectors = scipy.linalg.eigh_tridiagonal(np.array(alphas), np.array(betas[:-1]))
    return values, vectors[0] ** 2


class _Facts:
    """All properties of one graph."""

    def __init__(
        self,
        graph: object,
        real: NodeTask,
        dense_nodes: int,
        steps: int,
        clustering_nodes: int,
        seed: int,
    ) -> None:
        x, adj, rows, targets = read_labelled(graph, real)
        classes = (targets if targets.dim() == 1 else targets.argmax(1)).numpy()
        labels = np.full(adj.shape[0], -1)
        labels[rows] = classes
        if isinstance(graph, NodeTask):
            labels = graph.y.numpy()
        adj = (adj - sp.diags_array(adj.diagonal())).tocsr()
        adj.eliminate_zeros()
        n = self.nodes = adj.shape[0]
        self.edges = adj.nnz
        self.density = self.edges / (n * (n - 1)) if n > 1 else None
        self.classes = np.bincount(classes, minlength=real.num_classes) / len(classes)
        both = ((adj + adj.T) / 2).tocsr()
        self.components = connected_components(both, directed=False)[0]
        self.degree = both.nnz / n
        self.degrees = np.asarray(both.sum(1)).ravel()
        self.weighted_degree = float(self.degrees.mean())
        self.homophily = self.clustering = None
        self.spectrum: tuple[Floats, Floats] | None = None
        if not both.nnz:
            return
        coo = both.tocoo()
        known = (labels[coo.row] >= 0) & (labels[coo.col] >= 0)
        same = labels[coo.row] == labels[coo.col]
        if weight := float(coo.data[known].sum()):
            self.homophily = float(coo.data[known & same].sum()) / weight
        some = None
        if n > clustering_nodes:
            rng = np.random.default_rng(seed)
            some = rng.choice(n, clustering_nodes, replace=False).tolist()
        graph_of_both = networkx.from_scipy_sparse_array(both)
        self.clustering = float(networkx.average_clustering(graph_of_both, some))
        self.spectrum = laplacian_energy(both, x, dense_nodes=dense_nodes, steps=steps)

    def degree_distance(self, other: _Facts) -> float | None:
        means = self.weighted_degree, other.weighted_degree
        if not all(means):
            return None
        return float(wasserstein_distance(self.degrees / means[0], other.degrees / means[1]))

    def energy_distance(self, other: _Facts) -> float | None:
        if self.spectrum is None or other.spectrum is None:
            return None
        (values, shares), (others, their) = self.spectrum, other.spectrum
        return float(wasserstein_distance(values, others, shares, their))

    def class_distance(self, other: _Facts) -> float:
        return float(np.abs(self.classes - other.classes).sum()) / 2

    def energy(self) -> tuple[float, ...] | None:
        if self.spectrum is None:
            return None
        values, shares = self.spectrum
        upto = np.searchsorted(values, GRID + 1e-9, side="right")  # rounding of the eigenvalues
        return tuple(np.concatenate([[0.0], np.cumsum(shares)])[upto].tolist())


def _row(label: str, found: Sequence[_Facts], whole: _Facts) -> PropertyRow:
    columns: dict[str, list[float | None]] = {
        "degree_distance": [facts.degree_distance(whole) for facts in found],
        "energy_distance": [facts.energy_distance(whole) for facts in found],
        "class_distance": [facts.class_distance(whole) for facts in found],
    }
    for field in fields(PropertyRow):
        if field.name not in (*columns, "label", "graphs", "energy"):
            columns[field.name] = [getattr(facts, field.name) for facts in found]
    curves = [curve for facts in found if (curve := facts.energy()) is not None]
    return PropertyRow(
        label=label,
        graphs=len(found),
        energy=tuple(np.mean(curves, 0).tolist()) if curves else None,
        **{name: _mean(values) for name, values in columns.items()},
    )


def _mean(values: Sequence[float | None]) -> Any:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
