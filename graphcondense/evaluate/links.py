"""Train encoders on the links of a small graph, rank links of the real one.

The protocol: an encoder gives every node a vector; the score of a link is the inner product of its
ends, or an MLP's of their elementwise product (``decoder="mlp"``), which is trained with it. Adam
fits the small graph's links; every few epochs the encoder, applied to the real graph's training
links, ranks validation links among wrong ones; the test links are read once, at the epoch of best
mean reciprocal rank (MRR) and at the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.func import functional_call

from graphcondense.data.link_task import Links, LinkTask
from graphcondense.data.reading import SMALL, adjacency, features
from graphcondense.evaluate.cost import size_of
from graphcondense.evaluate.evaluator import Evaluator, Options
from graphcondense.evaluate.fitted import Fitted, Tested
from graphcondense.evaluate.floors import longest, refuse_small, shuffled
from graphcondense.evaluate.stacked import Model, keep, model_of, state_of
from graphcondense.evaluate.trainings import now
from graphcondense.nn.batched import MODELS, Matrix, Stacked
from graphcondense.nn.links import Decoder, DecoderName, Dot, Linked, decoder_of
from graphcondense.ops.fields import Count, Momentum, NonNegative, Positive
from graphcondense.ops.progress import tqdm

HITS = (1, 3, 10)
"""Shares of links ranked so high stand beside the MRR, as OGB's evaluator of ogbl-citation2 has
them."""

BLOCK = 2**22
"""Numbers of wrong links' vectors that are looked up at a time."""

STEADY = 2_000
"""Validation links that choose the epoch, of all that there are."""

TIED = 8
"""Roundings of a vector's numbers, relative to a score, within which another score ties with it."""


@dataclass(frozen=True)
class LinkTraining(Options):
    """How encoders are trained: the same for every set that is compared.

    Attributes:
        epochs: full-batch steps of Adam.
        hidden: width of hidden layers and of a node's vector.
        num_layers: layers.
        lr: Adam's learning rate.
        weight_decay: Adam's.
        dropout: on hidden activations.
        val_every: validate after every so many epochs, and after the last.
        pairs: links, and as many pairs of any nodes, that a step draws where it does not take all;
            no more than there are links.
        decoder: what scores a pair of vectors: ``"dot"``, their inner product, or ``"mlp"``, a
            hidden layer of width ``hidden`` on their elementwise product, trained with the encoder.
    """

    epochs: Count = 200
    hidden: Count = 128
    num_layers: Count = 2
    lr: Positive = 0.01
    weight_decay: NonNegative = 0.0
    dropout: Momentum = 0.0
    val_every: Count = 5
    pairs: Count = 16_384
    decoder: DecoderName = "dot"


@dataclass(frozen=True)
class Lesson:
    """What encoders learn of one graph.

    Attributes:
        x, adj: features ``[n, d]`` and ``A [n, n]``.
        size: how many real nodes each node stands for ``[n]``.
        links: how many real links each pair of nodes stands for ``[n, n]``, both ways.
    """

    x: Matrix
    adj: sp.csr_matrix
    size: npt.NDArray[np.float64]
    links: sp.csr_matrix


@dataclass(frozen=True, kw_only=True)
class LinkFitted(Fitted):
    """Encoders and decoders, all seeds at once, with the weights of the chosen epoch ``selected
    [S, ...]``."""

    model: Linked
    selected: dict[str, Tensor]


class LinkEvaluator(Evaluator[LinkTask, type[Stacked], LinkTraining, LinkFitted]):
    """Trains encoders on small graphs and ranks links of one real graph.

    A small graph is a PyG ``Data`` with ``x [n, d]`` and edges as
    :func:`~graphcondense.data.as_task` takes them; labels are not read. Where it has an
    ``assignment``, its weights are those of
    :class:`~graphcondense.saved.condensed_links.CondensedLinks`. Models are names in
    :data:`~graphcondense.nn.batched.MODELS`, or classes of your own.

    What is minimised is the loss on the real graph as if every real node had its group's vector:
    with ``L_ij`` the links between members of ``i`` and of ``j`` (loops: inside ``i``) and ``s_i``
    the members, ``Σ_ij L_ij / ΣL softplus(-z_i·z_j) + s_i s_j / (Σs)² softplus(z_i·z_j)``. On the
    real graph that is the usual loss, links against uniform pairs of nodes. Of another decoder the
    score stands for ``z_i·z_j``.

    Args:
        real: anything :func:`~graphcondense.data.link_reading.as_links` takes.
        device: where to train; default the CPU.
        **options: fields of :class:`LinkTraining`.
    """

    kind = "link"
    all = tuple(MODELS)
    usual = ("GCN", "SAGE")
    seeds = 3
    judge, judge_seeds = "GCN", 1
    metric = "mrr"
    units = ("nodes", "edges")
    hints = (
        "the epoch is chosen by them: give a larger share, split_links(data, val=), or more links",
        "give a larger share, split_links(data, test=), or more links",
    )
    usual_training = LinkTraining()

    def read(self, small: object) -> Lesson:
        if isinstance(small, LinkTask):
            return Lesson(small.x_array, small.adj, np.ones(small.num_nodes), small.adj)
        given = getattr(small, "x", None)
        if given is None:
            raise ValueError(f"a small graph needs x and edges, got {type(small).__name__}")
        x = features(given, SMALL)
        n = int(x.shape[0])
        if x.shape[1] != self.real.num_features:
            raise ValueError(
                f"the small graph has {x.shape[1]} features a node, {self.real.name} has "
                f"{self.real.num_features}"
            )
        adj = adjacency(small, n, SMALL)
        size = self._members(small, n)
        if adj is None:
            raise ValueError("the small graph has no edge_index, and links are to be learnt")
        links = sp.diags_array(size) @ adj
        inside = np.maximum(links.diagonal() - size, 0)  # a loop counts the loop of each member
        links = sp.csr_matrix((links + links.T) / 2)
        links.setdiag(inside)
        links.eliminate_zeros()
        if links.nnz and links.data.min() < 0:
            raise ValueError(
                f"the small graph has links of negative weight ({links.data.min():.3g}); what is "
                "learnt is how likely a link is: leave them out"
            )
        return Lesson(x.numpy() if isinstance(x, Tensor) else x, adj, size, links)

    def _members(self, small: object, n: int) -> npt.NDArray[np.float64]:
        """How many real nodes each of ``n`` nodes stands for."""
        assignment = getattr(small, "assignment", None)
        if assignment is None:
            return np.ones(n)
        group = torch.as_tensor(assignment).cpu()
        if len(group) != self.real.num_nodes:
            raise ValueError(
                f"the small graph's assignment is of {len(group):,} nodes, {self.real.name} has "
                f"{self.real.num_nodes:,}: it was condensed from another graph"
            )
        return torch.bincount(group[group >= 0], minlength=n).double().numpy()

    def model_of(self, model: Model) -> type[Stacked]:
        return model_of(model)

    def about(self, model: type[Stacked]) -> tuple[str, str]:
        return "MLP" if model.__name__ == "MLP" else "GNN", model.edge_weights

    def settings(self, model: type[Stacked]) -> Mapping[str, object]:
        words = self._decoder((0,)).words
        return {**asdict(self.training), "decoder": words, "wrong": self.real.test.wrong}

    def test_labels(self) -> npt.NDArray[np.generic]:
        return self.real.test.ends.numpy()

    def random(self, small: object, seed: int) -> LinkTask:
        lesson = self.read(small)
        order = shuffled(torch.arange(self.real.num_nodes), seed)
        return self.real.subgraph(order[: len(lesson.size)], name="random")

    def within(self, budget: int, seed: int) -> LinkTask:
        order, real = shuffled(torch.arange(self.real.num_nodes), seed), self.real
        count = longest(real.num_nodes, lambda n: size_of(real.subgraph(order[:n])).bytes <= budget)
        if not count:
            needed = size_of(real.subgraph(order[:1])).bytes
            refuse_small(real.name, "node", needed, budget)
        return real.subgraph(order[:count], name="random, same bytes")

    def memory(self, model: type[Stacked], small: object, trainings: int) -> int:
        """Hidden states and pairs of a step on the small graph, vectors of the real one, and the
        operators of both."""
        lesson, t = self.read(small), self.training
        n = len(lesson.size)
        decoder = self._decoder((0,))
        # What an MLP makes of a pair is as wide as its vectors; of an inner product it is a number.
        each = 2 * t.hidden if t.decoder == "mlp" else 1
        drawn = (6 if t.decoder == "mlp" else 4) * t.pairs * t.hidden
        pairs = n * n * each if n * n <= decoder.most else drawn
        states = 6 * trainings * n * t.hidden * t.num_layers + 6 * trainings * pairs
        real = 3 * self.real.num_nodes * t.hidden + 3 * BLOCK  # as they are, and in float64
        stored = self.real.size[2] + size_of(small).bytes
        return 4 * (states + real) + 3 * stored

    def trained(
        self, model: type[Stacked], small: object, seeds: tuple[int, ...], progress: bool
    ) -> LinkFitted:
        t, device, lesson = self.training, self._like.device, self.read(small)
        nodes = np.arange(len(lesson.size))
        inputs = model.prepare(lesson.x, lesson.adj, nodes, t.num_layers, self._like)
        sizes = (self.real.num_features, t.hidden, t.hidden)
        encoder = model(*sizes, t.num_layers, t.dropout, seeds=seeds, device=device)
        net = Linked(encoder, self._decoder(seeds))
        optimizer = torch.optim.Adam(
            net.parameters(), lr=t.lr, weight_decay=t.weight_decay, fused=True
        )
        loss_of = loss_on(lesson, seeds, t.pairs, device, net.decoder)
        live = state_of(net)
        selected = {name: value.detach().clone() for name, value in live.items()}
        best = val = torch.full((len(seeds),), -1.0)
        chosen, seconds = torch.zeros(len(seeds), dtype=torch.long), 0.0
        steady = self.real.val.some(STEADY)
        for epoch in tqdm(
            range(1, t.epochs + 1), model.__name__, disable=not progress, leave=False
        ):
            start = now(device)
            net.train()
            optimizer.zero_grad()
            loss_of(net(*inputs)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            seconds += now(device) - start
            if epoch % t.val_every and epoch != t.epochs:
                continue
            val = torch.stack([mrr(r) for r in self._ranks(net, live, steady)])
            better = val > best
            best, chosen = best.where(~better, val), chosen.where(~better, torch.tensor(epoch))
            keep(selected, live, better)
        if len(steady) < len(self.real.val):
            every = (selected, live)
            best, val = (
                torch.stack([mrr(r) for r in self._ranks(net, one, self.real.val)]) for one in every
            )
        return LinkFitted(
            model=net,
            selected=selected,
            val_selected=best,
            epoch_selected=chosen,
            val_last=val,
            seconds_training=seconds,
        )

    def test(self, trained: LinkFitted) -> Tested:
        both = (trained.selected, state_of(trained.model))
        first, last = (self._ranks(trained.model, one, self.real.test) for one in both)
        selected, final = (torch.stack([mrr(r) for r in ranks]) for ranks in (first, last))
        others = {f"Hits@{k}": [float((r <= k).double().mean()) for r in first] for k in HITS}
        return Tested(selected, final, others)

    def _decoder(self, seeds: Sequence[int]) -> Decoder:
        """A new decoder of as many networks."""
        t = self.training
        return decoder_of(t.decoder, t.hidden, t.hidden, seeds, self._like.device)

    @torch.inference_mode()
    def _ranks(self, model: Linked, weights: Mapping[str, Tensor], links: Links) -> list[Tensor]:
        """The rank of each link ``[m]``, one tensor a seed."""
        t, real = self.training, self.real
        encoder = model.encoder
        key = (type(encoder), t.num_layers)
        if key not in self._prepared:
            nodes = np.arange(real.num_nodes)
            self._prepared[key] = type(encoder).prepare(
                *(real.x_array, real.adj, nodes, t.num_layers, self._like), graph=real.graph
            )
        model.eval()
        out = []
        for i, seed in enumerate(encoder.seeds):
            one = {name: value[i : i + 1] for name, value in weights.items()}
            z = functional_call(model, one, self._prepared[key])[0]
            decoder = model.decoder_at(one, self._decoder((seed,)))
            out.append(ranks_of(z, links, decoder).cpu())
        return out


def loss_on(
    lesson: Lesson,
    seeds: tuple[int, ...],
    pairs: int,
    device: torch.device,
    decoder: Decoder | None = None,
) -> Callable[[Tensor], Tensor]:
    """The loss of :class:`LinkEvaluator` as a function of vectors ``[S, n, k]``, summed over seeds:
    of all pairs of nodes, or of as many links and pairs as are drawn for each seed."""
    n, decoder = len(lesson.size), decoder or Dot()
    share = lesson.size / lesson.size.sum()
    if n * n <= decoder.most:
        total = lesson.links.sum() or 1.0  # random nodes may have no link
        right = torch.from_numpy(lesson.links.toarray() / total).to(device).float()
        any_two = torch.from_numpy(np.outer(share, share)).to(device).float()
        return partial(_whole_loss, decoder, right, any_two)
    coo = lesson.links.tocoo()
    ends = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
    first, second = (
        torch.from_numpy(np.cumsum(weight, dtype=np.float64) / (weight.sum() or 1.0))
        for weight in (coo.data, share)
    )
    draws = [torch.Generator().manual_seed(seed) for seed in seeds]
    number = min(pairs, -(-lesson.links.nnz // 2) or 1)
    return partial(_drawn_loss, decoder, ends, (first, second), draws, number)


def _whole_loss(decoder: Decoder, right: Tensor, any_two: Tensor, z: Tensor) -> Tensor:
    score = decoder.every(z)
    return (right * F.softplus(-score) + any_two * F.softplus(score)).sum()


def _drawn_loss(
    decoder: Decoder,
    ends: Tensor,
    steps: tuple[Tensor, Tensor],
    draws: list[Generator],
    pairs: int,
    z: Tensor,
) -> Tensor:
    """A draw is the first place whose running sum is above a uniform number."""
    links, nodes = steps
    if not len(links):  # random nodes may have no link
        return z.new_zeros(())
    right, wrong = [], []
    for one, rng in zip(z, draws, strict=True):
        u = torch.rand(3, pairs, generator=rng, dtype=torch.float64)
        link = ends[:, torch.searchsorted(links, u[0]).clamp_(max=len(links) - 1)].to(z.device)
        pair = torch.searchsorted(nodes, u[1:]).clamp_(max=len(nodes) - 1).to(z.device)
        # The gradient of index_select is far cheaper than that of z[head].
        right.append([one.index_select(0, end) for end in link])
        wrong.append([one.index_select(0, end) for end in pair])
    scores = (decoder(*map(torch.stack, zip(*both, strict=True))) for both in (right, wrong))
    is_link, is_none = scores
    return (F.softplus(-is_link).mean(1) + F.softplus(is_none).mean(1)).sum()


def ranks_of(z: Tensor, links: Links, decoder: Decoder | None = None) -> Tensor:
    """The rank of each link among its wrong ones ``[m]``, from 1; of equal scores the mean of the
    best and the worst rank, as OGB's evaluator has it. A score that is NaN, as a model's that has
    diverged, ranks last; OGB's evaluator ranks it first.

    Scores are computed in float64, and those that differ by no more than :data:`TIED` roundings of
    the vectors are equal: no rounding tells right from wrong where nodes have the same vector.

    Args:
        z: vectors of all nodes ``[N, k]``.
        links: ``m`` links.
        decoder: what scores two vectors, one network; by default their inner product.

    >>> z = torch.tensor([[1.0], [2.0], [3.0], [0.0]])
    >>> one = Links(torch.tensor([[0], [1]]), tails=torch.tensor([[2, 3, 1]]))
    >>> ranks_of(z, one).tolist()
    [2.5]
    """
    z = z.cpu() if z.device.type == "mps" else z  # which has no float64
    exact = deepcopy(decoder or Dot()).to(z.device).double()

    def scores(pairs: Tensor) -> Tensor:
        rows = max(1, BLOCK // z.shape[1])
        parts = [
            exact(*(z[end][None].double() for end in part))[0]
            for part in torch.split(pairs.to(z.device), rows, 1)
        ]
        return torch.cat(parts) if parts else z.new_zeros(0, dtype=torch.float64)

    right = scores(links.ends)
    low, high = _tied(right, torch.finfo(z.dtype).eps)
    if links.pairs is not None:
        wrong = scores(links.pairs)
        wrong = wrong.where(~wrong.isnan(), torch.inf).sort().values
        above = len(wrong) - torch.searchsorted(wrong, high, right=True)
        as_high = len(wrong) - torch.searchsorted(wrong, low)
        rank = 1 + (above + as_high).double() / 2
        return rank.where(~right.isnan(), torch.full_like(rank, 1.0 + len(wrong)))
    assert links.tails is not None  # Links has one or the other
    rows = max(1, BLOCK // (links.wrong * z.shape[1]))
    out = []
    for i in range(0, len(links), rows):
        heads, tails = (one[i : i + rows].to(z.device) for one in (links.ends[0], links.tails))
        wrong = exact.among(z[heads].double(), z[tails].double())
        # Not below, not at most: what is compared with NaN counts as above.
        above = (~(wrong <= high[i : i + rows, None])).sum(1)
        as_high = (~(wrong < low[i : i + rows, None])).sum(1)
        out.append(1 + (above + as_high).double() / 2)
    return torch.cat(out)


def _tied(score: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The lowest and the highest score that tie with each ``[m]``, of vectors whose precision is
    ``eps``."""
    near = (TIED * eps * score.abs()).where(score.isfinite(), 0.0)
    return score - near, score + near


def mrr(ranks: Tensor) -> Tensor:
    """The mean reciprocal rank."""
    return (1 / ranks).mean()
