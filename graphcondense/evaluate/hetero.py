"""Train on a small heterogeneous graph, validate on the real one.

The protocol: Adam on the small graph, one training a seed; validation on the real graph every few
epochs; the epoch of best *validation* score and the last one are each read once on the test
nodes, after training has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor, nn

from graphcondense.core.pools import built, initialise
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.evaluate.cost import kept_bytes, size_of
from graphcondense.evaluate.evaluator import Evaluator, Options
from graphcondense.evaluate.fitted import FitResult, Fitted, Tested, mean_of
from graphcondense.evaluate.floors import hetero_within, random_hetero
from graphcondense.evaluate.hetero_reading import SmallHetero, read_hetero
from graphcondense.evaluate.losses import LOSSES
from graphcondense.evaluate.metrics import check_scorable, further, ogb_metric, scores_of
from graphcondense.evaluate.reading import missing_classes
from graphcondense.evaluate.trainings import now
from graphcondense.nn.hetero import HETERO_MODELS, Dropout, HeteroNet, HeteroView
from graphcondense.ops.fields import Count, Momentum, NonNegative, Positive
from graphcondense.ops.hetero import HeteroGraph
from graphcondense.ops.progress import tqdm

HeteroModel: TypeAlias = "str | Callable[..., nn.Module] | type[HeteroNet]"
"""A model by its name, or a subclass of ``HeteroNet``."""

Weights: TypeAlias = dict[str, Tensor]


@dataclass(frozen=True)
class HeteroTraining(Options):
    """How the evaluator trains: the same for every graph that is compared.

    Attributes:
        epochs: updates of Adam, each on the whole small graph.
        hidden: width of the layers.
        num_layers: rounds of messages, or layers of an MLP.
        lr: learning rate of Adam.
        weight_decay: of Adam, for every parameter.
        dropout: on hidden activations.
        val_every: validate after every so many epochs, and after the last. The grid matters: a
            score is only comparable at the same value.
    """

    epochs: Count = 150
    hidden: Count = 64
    num_layers: Count = 2
    lr: Positive = 0.01
    weight_decay: NonNegative = 5e-5
    dropout: Momentum = 0.6
    val_every: Count = 5


@dataclass(frozen=True, kw_only=True)
class HeteroTrained(Fitted):
    """Networks trained on one graph, one a seed.

    Attributes:
        model: the network; its own parameters are never read.
        selected, last: weights of each seed, at the epoch chosen on validation and the last.
    """

    model: HeteroNet
    selected: list[Weights]
    last: list[Weights]


class HeteroEvaluator(Evaluator[HeteroTask, type[HeteroNet], HeteroTraining, HeteroTrained]):
    """Trains on small heterogeneous graphs and scores on one real graph.

    A small graph is a condensed one; a PyG ``HeteroData`` of the types, relations and features of
    the real one, whose target type has classes ``y [n]``, soft labels ``[n, C]``, or targets ``[n,
    T]`` in their own units where the real ones are targets; or a
    :class:`~graphcondense.data.hetero_task.HeteroTask`, trained on its training nodes. Models are
    names in :data:`~graphcondense.nn.hetero.HETERO_MODELS`, or subclasses of
    :class:`~graphcondense.nn.hetero.HeteroNet`.

    Args:
        real: the real graph, anything :func:`~graphcondense.data.hetero_reading.as_hetero` takes.
        device: where to train; default the CPU.
        **options: fields of :class:`HeteroTraining`.
    """

    kind = "hetero"
    all = tuple(HETERO_MODELS)
    # HGT weighs every edge in every head: on a large real graph it is there by name alone.
    usual = ("RGCN", "PathMLP", "MLP")
    seeds = 3
    judge, judge_seeds = "RGCN", 1
    units = ("nodes", "edges")
    hints = (
        "the epoch is chosen on them: give the target type a val_mask",
        "give the target type a test_mask",
    )
    usual_training = HeteroTraining()

    def check(self, split: str) -> None:
        super().check(split)
        check_scorable(self.real, split, "node")

    def mean(self) -> FitResult | None:
        return mean_of(self.real, self.real.val, self.real.test)

    def read(self, small: object) -> SmallHetero:
        return read_hetero(small, self.real)

    def missing(self, small: object) -> list[int]:
        if self.real.label_kind != "classes":
            return []
        read = self.read(small)
        return missing_classes(read.y[read.rows], self.real.num_classes)

    def model_of(self, model: HeteroModel) -> type[HeteroNet]:
        if isinstance(model, str):
            named = {name.lower(): cls for name, cls in HETERO_MODELS.items()}
            if model.lower() in named:
                return named[model.lower()]
        elif isinstance(model, type) and issubclass(model, HeteroNet):
            return model
        raise ValueError(
            f"a model of heterogeneous graphs is one of {', '.join(HETERO_MODELS)} or a subclass "
            f"of graphcondense.nn.hetero.HeteroNet, got {model!r:.80}; train others with PyG on "
            "the condensed graph, which is a HeteroData"
        )

    def about(self, model: type[HeteroNet]) -> tuple[str, str]:
        return "MLP" if model.__name__ == "MLP" else "GNN", model.edge_weights

    def test_labels(self) -> npt.NDArray[np.generic]:
        labels: npt.NDArray[np.generic] = self.real.y[self.real.test].numpy()
        return labels

    def random(self, small: object, seed: int) -> object:
        return random_hetero(self.real, self.read(small), seed)

    def within(self, budget: int, seed: int) -> object:
        return hetero_within(self.real, budget, seed)

    def memory(self, model: type[HeteroNet], small: object, trainings: int) -> int:
        """Weights, gradients, two moments and those selected of all seeds; what a training step
        keeps for its gradient; the states of the real graph as it is predicted, twice."""
        read = self.read(small)
        net = self._net(model).to(self._like)
        weights = [*net.parameters()]
        view = self._view(read.graph, model)
        kept = kept_bytes(lambda: net(view, lambda h: h), weights) if size_of(small).nodes else 0
        real = sum(self.real.graph.counts.values()) * self.training.hidden * 4
        rows = len(self.real.graph.relations) + 2
        edges = 4 * self.training.hidden * 3 * self.real.graph.num_edges * model.links
        stored = 24 * self.real.graph.num_edges + 4 * self.real.size[2]
        a_seed = 3 * 4 * sum(w.numel() for w in weights)
        return int(2 * kept + rows * real + edges + stored + 2 * a_seed * trainings)

    def trained(
        self, model: type[HeteroNet], small: object, seeds: tuple[int, ...], progress: bool
    ) -> HeteroTrained:
        read = self.read(small)
        net = self._net(model).to(self._like)
        view = self._view(read.graph, model)
        found = [self._one(net, view, read, seed, progress) for seed in seeds]
        last = torch.tensor([one["val"] for one in found], dtype=torch.double)
        best = torch.tensor([one["best"] for one in found], dtype=torch.double)
        return HeteroTrained(
            model=net,
            selected=[one["selected"] for one in found],
            last=[one["last"] for one in found],
            val_selected=best,
            epoch_selected=torch.tensor([one["epoch"] for one in found]),
            val_last=last,
            seconds_training=sum(one["seconds"] for one in found),
        )

    def test(self, trained: HeteroTrained) -> Tested:
        wanted = self.real.y[self.real.test]
        outs = [
            torch.stack([self._predict(trained.model, one, "test") for one in weights])
            for weights in (trained.selected, trained.last)
        ]
        selected, last = (ogb_metric(self.real, out, wanted) for out in outs)
        return Tested(selected, last, further(self.real, outs[0], wanted))

    def _one(
        self, net: HeteroNet, view: HeteroView, read: SmallHetero, seed: int, progress: bool
    ) -> dict[str, Any]:
        """One training: its best and last validation score, weights, and seconds of steps."""
        t, like, task = self.training, self._like, self.real
        rng = Generator().manual_seed(seed)
        weights = {k: v.requires_grad_() for k, v in initialise(net, rng).items()}
        masks = Generator(like.device).manual_seed(seed + 2**32)
        optimizer = torch.optim.Adam(weights.values(), t.lr, weight_decay=t.weight_decay)
        rows, y = read.rows.to(like.device), task.scaled(read.y).to(like.device)
        wanted, sign = task.y[task.val], 1.0 if task.larger_is_better else -1.0
        best, epoch, val, seconds = 0.0, 0, 0.0, 0.0
        selected = last = _copied(weights)
        bar = tqdm(range(1, t.epochs + 1), type(net).__name__, disable=not progress, leave=False)
        for step in bar:
            start = now(like.device)
            out = torch.func.functional_call(net, weights, (view, _dropping(t.dropout, masks)))
            loss = LOSSES[task.label_kind](out[rows], y[rows], 1)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            seconds += now(like.device) - start
            if step % t.val_every and step != t.epochs:
                continue
            said = self._predict(net, weights, "val")[None]
            val = float(scores_of(task.metric, said, wanted))
            if sign * val > sign * best or not epoch or best != best:  # after a NaN any is better
                best, epoch, selected = val, step, _copied(weights)
        last = _copied(weights)
        return {
            "best": best,
            "epoch": epoch,
            "val": val,
            "selected": selected,
            "last": last,
            "seconds": seconds,
        }

    def _view(self, graph: HeteroGraph, model: type[HeteroNet]) -> HeteroView:
        return HeteroView.of(graph, self._like, model.links)

    def _net(self, model: type[HeteroNet]) -> HeteroNet:
        t, task = self.training, self.real
        return built(model, task.graph, task.target, t.hidden, task.num_classes, t.num_layers)

    @torch.no_grad()
    def _predict(self, net: HeteroNet, weights: Mapping[str, Tensor], split: str) -> Tensor:
        """What is said of the real nodes of a split ``[m, C]``: logits, or numbers in the targets'
        own units."""
        key = ("view", net.links)
        if key not in self._prepared:
            self._prepared[key] = self._view(self.real.graph, type(net))
        frozen = {k: v.detach() for k, v in weights.items()}
        out: Tensor = torch.func.functional_call(net, frozen, (self._prepared[key], lambda h: h))
        return self.real.unscaled(out[getattr(self.real, split).to(out.device)])


def _copied(weights: Mapping[str, Tensor]) -> Weights:
    return {k: v.detach().clone() for k, v in weights.items()}


def _dropping(rate: float, rng: Generator) -> Dropout:
    """Dropout whose masks come from ``rng``."""

    def drop(h: Tensor) -> Tensor:
        if not rate:
            return h
        kept = torch.rand(h.shape, generator=rng, device=h.device) >= rate
        return h * kept / (1 - rate)

    return drop
