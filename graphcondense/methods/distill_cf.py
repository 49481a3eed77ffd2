"""Distill-CF (Sachdeva et al., NeurIPS 2022, arXiv 2206.02626), for users by items."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from graphcondense.core.engine import Callback, State
from graphcondense.core.method import Method, Parts
from graphcondense.core.pools import Idle
from graphcondense.core.types import Schedule
from graphcondense.domains.rows import RowsSource, RowsSynthetic, first_rows
from graphcondense.kernels.infinite_ae import InfiniteAE
from graphcondense.objectives.recommend import Recommend
from graphcondense.ops.fields import Count, Natural, NonNegative, Positive
from graphcondense.ops.paired import CHOOSING


@dataclass(frozen=True, kw_only=True)
class DistillCF(Method[RowsSource]):
    """Synthetic users on which an infinitely wide autoencoder learns to recommend (Distill-CF).

    ``X_s = clip(Σ softmax((logits + Gumbel) / τ), -1, 1)`` starts from random real users; the loss
    is that of the ∞-AE of ``X_s`` on real users' training interactions. A budget counts users.

    Attributes:
        interactions: what a synthetic user's weights sum to before they are clipped at 1; by
            default the mean of real users (the paper, on ML-1M: 200, as the sum of 200 draws).
        draws: Gumbel draws a step, of which the mean is taken (the paper: 200); 0 is no noise,
            which made better users on ML-1M.
        tau: temperature of the softmax.
        top: only so many of a user's largest weights are exported; by default all.
        ridge: ``λ`` of the autoencoder; by default chosen on the validation items, now and then,
            from 1e-5 ... 50 by HR@100 (a shorter list of few items), with ``validations=0``, too;
            without such items 1.
        ridge_every: steps between two choices.
        num_layers: hidden layers of the autoencoder.
        weight_variance: of its weights.
        bias_std: standard deviation of its biases.
        cardinality: weight of the mean row sum, relative to that of real users.
        real_batch: real users a step; ``None`` (the paper) is all. Small batches overfit.
        steps: updates.
        lr_x: learning rate of Adam on the logits.
        anneal: lower the learning rate linearly to zero.
    """

    name = "distill-cf"
    kind = "rows"
    paper = (
        "Sachdeva et al., Infinite Recommendation Networks: A Data-Centric Approach, NeurIPS 2022, "
        "arXiv 2206.02626"
    )
    family = "meta-model matching (kernel ridge)"
    learns = "users' weights of items"
    cost = "one loop"

    interactions: Positive | None = None
    draws: Natural = 0
    tau: Positive = 10.0
    top: Count | None = None
    ridge: Positive | None = None
    ridge_every: Count = 10
    num_layers: Natural = 1
    weight_variance: Positive = 2.0
    bias_std: NonNegative = 0.1
    cardinality: NonNegative = 1e-3
    real_batch: Count | None = 8192
    steps: Natural = 40
    lr_x: NonNegative = 0.1
    anneal: bool = False

    def parts(self, real: RowsSource, rng: Generator) -> Parts:
        network = self.network(real)
        choose = self.ridge is None and real.scored >= CHOOSING
        return Parts(
            syn=self.start(real, rng),
            objective=Recommend(
                real.interactions_per_user, network.kernel, self.cardinality, self.real_batch
            ),
            pool=Idle(),
            schedule=Schedule(self.steps, {"x": self.lr_x}, anneal=self.anneal),
            # Before those of the run: what they score and save has the ridge of the same step.
            callbacks=[ChooseRidge(real, network, self.ridge_every)] if choose else [],
        )

    def network(self, real: RowsSource) -> InfiniteAE:
        """The autoencoder that synthetic users train."""
        return InfiniteAE(
            num_layers=self.num_layers,
            weight_variance=self.weight_variance,
            bias_std=self.bias_std,
            device=real.device,
        )

    def start(self, real: RowsSource, rng: Generator) -> RowsSynthetic:
        """The synthetic users before the first update."""
        mean = self.interactions
        syn = RowsSynthetic(
            first_rows(self, real, rng),
            interactions=real.interactions_per_user if mean is None else mean,
            draws=self.draws,
            tau=self.tau,
            ridge=self.ridge or 1.0,
            top=self.top,
        )
        syn.draw(rng)
        return syn.to(real.device)

    def memory_bytes(self, real: RowsSource) -> int:
        """Also the float64 solve, the scores of a batch with their gradient, and the real rows."""
        n, items = int(self.sizes(real).sum()), real.num_items
        batch = min(self.real_batch or real.num_examples, real.num_examples)
        solve = 8 * (6 * n * items + 10 * n * n)
        scores = 4 * batch * (6 * items + 10 * n)
        choice = 8 * 1024 * (2 * items + 8 * n)
        return super().memory_bytes(real) + solve + scores + choice


class ChooseRidge(Callback):
    """Sets the ridge of a synthetic set to the one whose autoencoder validates best, at the start
    and ``every`` so many steps."""

    def __init__(self, real: RowsSource, network: InfiniteAE, every: int) -> None:
        self.real, self.network, self.every = real, network, every

    def start(self, state: State) -> None:
        if not state.step:
            self.choose(state)

    def step(self, state: State) -> None:
        if state.step % self.every == 0:
            self.choose(state)
            state.metrics["ridge"] = float(state.syn.get_buffer("ridge"))

    @torch.no_grad()
    def choose(self, state: State) -> None:
        """Choose for the set as it is now."""
        (x,) = state.syn.batch().inputs
        state.syn.get_buffer("ridge").fill_(self.real.choose(x, self.network)[0])
