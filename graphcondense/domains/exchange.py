"""Which real graphs tell most of all the others, by exchanges in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.func import functional_call

from graphcondense.core.pools import built, initialise
from graphcondense.domains.graph_source import BLOCK, GraphSource, readouts, standardised
from graphcondense.domains.graph_teachers import GraphTeacher
from graphcondense.kernels.ridge import ridge_targets
from graphcondense.nn.graphs import GRAPH_MODELS
from graphcondense.ops.select import choose_random

NETWORKS = 4
"""Untrained networks of each architecture."""
HIDDEN = 128
LAYERS = 3
EFFORT = 1e10
"""Bound on comparisons times the third power of the size of a choice: about half a minute."""
MOST = 4000
"""Training graphs that are looked at, at most: kernels grow with their square."""
AT_ONCE = 32
"""Choices that are compared at once, at most."""
ARCHITECTURES = ("GCN", "GIN", "SAGE")


@dataclass(frozen=True)
class View:
    """All graphs ``m`` as one family of features sees them.

    Attributes:
        kernel: ``K [m, m]``.
        square: ``K W K`` with the weights ``W`` of the graphs.
        told: ``K W Y [m, T]``.
    """

    kernel: Tensor
    square: Tensor
    told: Tensor

    @classmethod
    def of(cls, rows: Tensor, weight: Tensor, targets: Tensor) -> View:
        """Of features ``[m, d]``; in single precision, since it grows with the square of ``m``."""
        rows = (rows / rows.square().sum(1).mean().sqrt()).float()
        weight, targets = weight.float(), targets.float()
        heavy = rows.T * weight
        return cls(rows @ rows.T, rows @ (heavy @ rows) @ rows.T, rows @ (heavy @ targets))


@dataclass(frozen=True)
class Exchange:
    """Choices of graphs from which ridge regression predicts all graphs, in several views at once.

    A choice ``S`` with labels ``Y_S`` is judged by the mean over views of

        ``min over c >= 0 of ‖c K_:S (K_SS + λ tr(K_SS)/n I)⁻¹ Y_S - T‖²``

    over all graphs, every group of which counts the same. Few graphs predict a direction, which
    ``λ`` shrinks; a network that is trained on them finds the scale itself. Views are the means of
    propagated features (linear), and the readouts of untrained networks of each architecture, so
    that a choice serves all of them. With ``K W K`` at hand, a choice of ``n`` graphs costs ``n³``,
    however many graphs there are.

    The best of ``draws`` random choices is improved by exchanges (Fedorov, 1972): each graph in
    turn gives way to the best of ``tries`` others of its group, if that is better. It ends after
    ``sweeps`` rounds, or one without an exchange; large choices are compared less often
    (:data:`EFFORT`).

    Attributes:
        draws: random choices at first.
        sweeps: rounds of exchanges; 0 leaves the best random choice.
        tries: others that are compared for each place.
        ridge: ``λ``.
    """

    draws: int = 200
    sweeps: int = 3
    tries: int = 100
    ridge: float = 0.1

    def choose(
        self,
        views: Sequence[View],
        groups: Sequence[Tensor],
        sizes: Sequence[int],
        labels: Tensor,
        rng: Generator,
    ) -> Tensor:
        """Positions of the chosen graphs, by group.

        Args:
            views: all graphs.
            groups: positions of the graphs of each group.
            sizes: how many of each.
            labels: what is regressed on ``[m, T]``, no NaN.
        """
        n = sum(sizes)
        left = max(1, int(EFFORT / max(n, 1) ** 3))
        draws = min(self.draws, max(1, left // 4))
        left -= draws
        random = [
            torch.cat(
                [own[choose_random(own, k, rng)] for own, k in zip(groups, sizes, strict=True)]
            )
            for _ in range(draws)
        ]
        choices = torch.stack(random)
        errors = self.errors(views, choices, labels)
        best, error = choices[errors.argmin()].clone(), float(errors.min())
        owner = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        for _ in range(self.sweeps):
            moved = False
            for place in torch.randperm(n, generator=rng).tolist():
                own = groups[int(owner[place])]
                free = own[~torch.isin(own, best)]
                some = free[choose_random(free, min(self.tries, left, len(free)), rng)]
                if not len(some):
                    continue
                left -= len(some)
                choices = best.repeat(len(some), 1)
                choices[:, place] = some
                errors = self.errors(views, choices, labels)
                if float(errors.min()) < error - 1e-6 * abs(error):
                    best, error, moved = choices[errors.argmin()], float(errors.min()), True
            if not moved:
                break
        return best

    def errors(self, views: Sequence[View], choices: Tensor, labels: Tensor) -> Tensor:
        """Of each of ``choices [b, n]``, up to a constant, ``[b]`` float64."""
        return torch.cat(
            [self._errors(views, some, labels) for some in torch.split(choices, AT_ONCE)]
        )

    def _errors(self, views: Sequence[View], choices: Tensor, labels: Tensor) -> Tensor:
        pairs = choices[:, :, None], choices[:, None, :]
        given, out = labels[choices].double(), labels.new_zeros(len(choices)).double()
        for view in views:
            small = view.kernel[pairs].double()
            level = small.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-12)
            small.diagonal(dim1=1, dim2=2).add_(self.ridge * level[:, None])
            weights = torch.linalg.solve(small, given)
            spread = (weights * (view.square[pairs].double() @ weights)).sum((1, 2))
            along = (weights * view.told[choices].double()).sum((1, 2))
            out -= along.clamp_min(0).square() / spread.clamp_min(1e-12)
        return out


def untrained(real: GraphSource, index: Tensor, rng: Generator) -> list[Tensor]:
    """Readouts ``[m, networks * hidden]`` of untrained networks, of each architecture."""
    blocks = real.task.graphs.blocks(index, BLOCK)
    out = []
    for name in ARCHITECTURES:
        net = built(
            GRAPH_MODELS[name],
            real.num_features,
            HIDDEN,
            real.task.num_outputs,
            LAYERS,
            edge_channels=real.num_edge_features,
        ).to(real.device)
        weights = [initialise(net, rng) for _ in range(NETWORKS)]
        rows = []
        for block in blocks:
            inputs = real.as_batch(real.task.batch(block)).inputs
            with torch.no_grad():
                seen = [functional_call(net, w, inputs, {"features": True}) for w in weights]
            rows.append(torch.cat(seen, 1))
        out.append(torch.cat(rows))
    return out


def views_of(real: GraphSource, index: Tensor, targets: Tensor, rng: Generator) -> list[View]:
    """The graphs ``index [m]``, whose targets are ``[m, T]``, as each family sees them; families
    in which all graphs are alike are left out."""
    group = real.task.groups[index]
    weight = (1 / torch.bincount(group).clamp_min(1).double())[group].to(targets.device)
    families = map(standardised, [readouts(real, index, LAYERS), *untrained(real, index, rng)])
    return [
        View.of(rows, weight / weight.sum(), targets.double()) for rows in families if rows.shape[1]
    ]


@dataclass(frozen=True)
class Chosen:
    """Chosen graphs ``index [n]`` and their soft labels, as a :class:`GraphTeacher` gives them."""

    index: Tensor
    soft: Tensor


def chosen_graphs(
    real: GraphSource,
    members: Sequence[Tensor],
    sizes: Sequence[int],
    rng: Generator,
    exchange: Exchange | None = None,
    most: int = MOST,
) -> Chosen:
    """A teacher, views, and exchanges: so many graphs of each group.

    Args:
        members: training graphs of each group that may be chosen.
        sizes: how many of each.
        exchange: how they are chosen.
        most: training graphs that are looked at; of more so many at random, in equal shares of each
            group as far as it has them, and no fewer than are to be chosen.
    """
    exchange = exchange or Exchange()
    if sum(map(len, members)) > most:
        share = most // len(members)
        members = [
            own[choose_random(own, max(share, k), rng)]
            for own, k in zip(members, sizes, strict=True)
        ]
    index = torch.cat(list(members))
    places = list(torch.split(torch.arange(len(index)), [len(own) for own in members]))
    soft = GraphTeacher().teach(real, index, rng)
    task = real.task
    to_targets = ridge_targets(task.label_kind, task.num_outputs)
    taught = to_targets(task.scaled(soft))
    labels = to_targets(task.scaled(task.graphs.y[index].to(real.device)))
    views = views_of(real, index, taught.nan_to_num(0.0), rng)
    picked = exchange.choose(views, places, sizes, labels.nan_to_num(0.0), rng)
    return Chosen(index[picked], soft[picked])


def choice_bytes(real: GraphSource, chosen: int, most: int = MOST) -> int:
    """Estimate of the memory that :func:`chosen_graphs` takes: kernels between all graphs that are
    looked at, of each view two in single precision, some more on the way, and features."""
    seen = min(most + chosen, int(real.counts.sum()))
    width = 8 * real.num_features + 2 * NETWORKS * HIDDEN
    block = 3 * HIDDEN * (BLOCK + real.largest)
    return seen * (8 * 8 * seen + 8 * width) + 4 * NETWORKS * block
