"""Scores of pairs of nodes from their vectors, many networks at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, TypeAlias

import torch
from torch import Tensor, nn

from graphcondense.nn.batched import Stacked

DECODER = "decoder."
"""What the names of a decoder's weights begin with, beside an encoder."""

DecoderName: TypeAlias = Literal["dot", "mlp"]


class Decoder(nn.Module):
    """What makes a number of the vectors of two nodes; the order of the two does not matter.

    Called with vectors ``a, b [S, m, k]`` of ``S`` networks it gives scores ``[S, m]``.
    """

    words: ClassVar[str]
    """What it is, for the report."""

    most: ClassVar[int]
    """Pairs of nodes up to which a step of training takes all of them."""

    def every(self, z: Tensor) -> Tensor:
        """The scores of all pairs of nodes ``[S, n, n]``, from their vectors ``[S, n, k]``."""
        s, n, k = z.shape
        a = z[:, :, None].expand(s, n, n, k).reshape(s, n * n, k)
        b = z[:, None].expand(s, n, n, k).reshape(s, n * n, k)
        out: Tensor = self(a, b).view(s, n, n)
        return out

    def among(self, heads: Tensor, tails: Tensor) -> Tensor:
        """The scores ``[m, K]`` of one network: of heads ``[m, k]``, each with ``K`` tails
        ``[m, K, k]``."""
        m, wrong, k = tails.shape
        a = heads[:, None].expand(m, wrong, k).reshape(1, m * wrong, k)
        out: Tensor = self(a, tails.reshape(1, m * wrong, k)).view(m, wrong)
        return out


class Dot(Decoder):
    """The inner product of the two vectors."""

    words = "inner product"
    most = 2**21

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(-1)

    def every(self, z: Tensor) -> Tensor:
        return z @ z.transpose(1, 2)

    def among(self, heads: Tensor, tails: Tensor) -> Tensor:
        return (tails @ heads.unsqueeze(2)).squeeze(2)


class PairMLP(Decoder):
    """``w₂ · relu(W₁ (a ⊙ b) + b₁) + b₂``: one hidden layer on the elementwise product, as OGB's
    examples of link prediction have it.

    Args:
        k: length of vectors.
        hidden: width of the hidden layer.
        seeds: one integer a network; weights are drawn as ``torch.nn.Linear`` draws them.
        device: where the parameters live.
        dtype: their precision.
    """

    words = "MLP of the elementwise product"
    most = 2**15

    def __init__(
        self,
        k: int,
        hidden: int,
        seeds: Sequence[int],
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        # Another stream than the encoder's weights, which are the same whatever the decoder is.
        draws = [
            torch.Generator().manual_seed((seed + 1) * 0xD1B54A32D192ED03 % 2**63) for seed in seeds
        ]

        def drawn(bound: float, *shape: int) -> nn.Parameter:
            data = torch.empty(len(draws), *shape, dtype=dtype)
            for part, rng in zip(data, draws, strict=True):
                part.uniform_(-bound, bound, generator=rng)
            return nn.Parameter(data.to(device))

        self.first, self.first_bias = drawn(k**-0.5, k, hidden), drawn(k**-0.5, 1, hidden)
        self.last, self.last_bias = drawn(hidden**-0.5, hidden, 1), drawn(hidden**-0.5, 1, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        state = torch.relu(torch.baddbmm(self.first_bias, a * b, self.first))
        return torch.baddbmm(self.last_bias, state, self.last).squeeze(2)


class Linked(nn.Module):
    """An encoder of nodes and a decoder of pairs; called as the encoder, it gives vectors.

    Args:
        encoder: vectors ``[S, n, k]`` of nodes.
        decoder: see :class:`Decoder`.
    """

    def __init__(self, encoder: Stacked, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, *inputs: object) -> Tensor:
        out: Tensor = self.encoder(*inputs)
        return out

    def decoder_at(self, weights: Mapping[str, Tensor], like: Decoder) -> Decoder:
        """``like``, a decoder of its own, with the weights that the decoder has among those of the
        whole ``[s, ...]``."""
        mine = {k.removeprefix(DECODER): v for k, v in weights.items() if k.startswith(DECODER)}
        like.load_state_dict(mine)
        return like


def decoder_of(
    name: DecoderName, k: int, hidden: int, seeds: Sequence[int], device: torch.device | None
) -> Decoder:
    """A new decoder by its name; see :class:`PairMLP` for the arguments."""
    return Dot() if name == "dot" else PairMLP(k, hidden, seeds, device)
