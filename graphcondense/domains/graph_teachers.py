"""Soft labels for training graphs, in closed form and out of fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

from graphcondense.domains.graph_source import GraphSource, readouts, standardised
from graphcondense.kernels.ridge import ridge_targets
from graphcondense.ops.trees import grow


@dataclass(frozen=True)
class GraphTeacher:
    """Kernel ridge regression that never judges a graph by its own label.

    1. The kernel is the mean of three, each divided by the mean of its diagonal: of the means over
       nodes of ``X, ÂX, Â²X, Â³X``; of the sums over nodes of ``X, AX, A²X``; both standardised;
       and of the numbers of computation trees of heights 0 to ``hops`` (the colours of Weisfeiler
       and Leman), ``log(1 + count) log((1 + m) / (1 + graphs that have the tree))``, rows of each
       height divided by their length.
    2. The training graphs fall into ``folds`` parts. Ridge regression on the other parts,
       ``(K + ridge I)⁻¹ Y``, scores the graphs of each.
    3. A soft label is ``trust`` parts of the label and ``1 - trust`` parts of that score, cut to
       [0, 1]. With ``trust`` above a half a graph stays in its class.

    Holes of the labels stay holes. No other graph than those of training is looked at.

    Attributes:
        ridge: the penalty.
        folds: parts; no more than there are graphs.
        hops: height of the tallest trees.
        least: a tree counts from so many graphs on.
        trust: share of a graph's own label.
    """

    ridge: float = 1.0
    folds: int = 5
    hops: int = 2
    least: int = 3
    trust: float = 0.6

    def teach(self, real: GraphSource, index: Tensor, rng: Generator) -> Tensor:
        """Soft labels of the training graphs ``index [m]``.

        Returns:
            Probabilities ``[m, C]`` of classes, or ``[m, T]`` of binary tasks (NaN where there is
            no label); targets of regression ``[m, T]`` in their own units.
        """
        task = real.task
        y = task.graphs.y[index].to(real.device)
        targets = ridge_targets(task.label_kind, task.num_outputs)(task.scaled(y)).double()
        scores = self.scores(self.kernel(real, index), targets, rng)
        mixed = self.trust * targets + (1 - self.trust) * scores
        if task.label_kind == "regression":
            return task.unscaled(mixed).float()
        if task.label_kind == "binary":
            return ((1 + mixed) / 2).clamp(0, 1).float()
        soft = (mixed + 1 / task.num_outputs).clamp_min(0)
        return (soft / soft.sum(1, keepdim=True)).float()

    def scores(self, kernel: Tensor, targets: Tensor, rng: Generator) -> Tensor:
        """Out-of-fold predictions ``[m, T]`` of ``targets``, holes of which count as the mean."""
        m = len(targets)
        fold = torch.randperm(m, generator=rng) % min(self.folds, m)
        out = torch.zeros_like(targets)
        for part in torch.unique(fold).tolist():
            held, rest = (fold == part).nonzero().flatten(), (fold != part).nonzero().flatten()
            if not len(rest):
                continue
            middle = targets[rest].nanmean(0).nan_to_num(0.0)
            inner = kernel[rest][:, rest].clone()
            inner.diagonal().add_(self.ridge)
            known = (targets[rest] - middle).nan_to_num(0.0)
            weights = torch.cholesky_solve(known, torch.linalg.cholesky(inner))
            out[held] = kernel[held][:, rest] @ weights + middle
        return out

    def kernel(self, real: GraphSource, index: Tensor) -> Tensor:
        """``[m, m]`` float64; see the class. Kernels of nothing are left out."""
        trees = self.trees(real, index)
        products = [torch.from_numpy((trees @ trees.T).toarray()).to(real.device)]
        for rows in (
            readouts(real, index, 3),
            readouts(real, index, 2, how="sum", pool="sum"),
        ):
            seen = standardised(rows)
            products.append(seen @ seen.T)
        scales = [float(product.diagonal().mean()) for product in products]
        kept = [p / scale for p, scale in zip(products, scales, strict=True) if scale > 0]
        return sum(kept, torch.zeros_like(products[0])) / max(len(kept), 1)

    def trees(self, real: GraphSource, index: Tensor) -> sp.csr_matrix:
        """Weighted numbers of computation trees ``[m, trees]``, sparse."""
        graphs = real.task.graphs.select(index)
        forest = grow(graphs.x.numpy(), graphs.edge_index.numpy(), self.hops)
        owner, m = graphs.batch.numpy(), len(index)
        parts = []
        for trees in forest.colours:
            counts = sp.csr_matrix((np.ones(len(trees)), (owner, trees)), (m, trees.max() + 1))
            often = np.asarray((counts > 0).sum(0)).ravel()
            kept = often >= self.least
            rows = counts[:, kept]
            rows.data = np.log1p(rows.data)
            rows = rows @ sp.diags_array(np.log((1 + m) / (1 + often[kept])))
            length = np.sqrt(np.asarray(rows.multiply(rows).sum(1)).ravel())
            parts.append(sp.diags_array(1 / np.where(length > 0, length, 1)) @ rows)
        return sp.csr_matrix(sp.hstack(parts))
