"""Models of the user's own, such as PyG's, behind the interface of the stacked ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.func import functional_call

from graphcondense.nn.batched import Stacked
from graphcondense.nn.batched.base import Asked


class Wrapped(Stacked):
    """``S`` networks of any class, run one after another, each with randomness of its own.

    Slower than the stacked models, and made for what they do not have. PyTorch's global generator
    is left as it was found.
    """

    build_one: ClassVar[Callable[..., nn.Module]]
    takes_weight: ClassVar[bool]

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        dropout: float = 0.5,
        activation: str = "relu",
        *,
        seeds: Sequence[int] = (0,),
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        nn.Module.__init__(self)
        self._seeds, self._step = tuple(seeds), 0
        networks = []
        for seed in seeds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                networks.append(
                    type(self)
                    .build_one(
                        in_channels=in_channels,
                        hidden_channels=hidden_channels,
                        out_channels=out_channels,
                        num_layers=num_layers,
                        dropout=dropout,
                        act=activation,
                    )
                    .to(device=device, dtype=dtype)
                )
        # The first serves as the code of all; its own weights are never used.
        self._code = [networks[0]]  # in a list: its parameters are not this module's
        self._names: dict[str, str] = {}
        for name in dict(networks[0].named_parameters()):
            stacked = torch.stack([dict(n.named_parameters())[name].detach() for n in networks])
            self.register_parameter(self._flat(name), nn.Parameter(stacked))
        for name in dict(networks[0].named_buffers()):
            stacked = torch.stack([dict(n.named_buffers())[name] for n in networks])
            self.register_buffer(self._flat(name), stacked)

    def _flat(self, name: str) -> str:
        """A module's parameters may have no dot in their names."""
        self._names[name.replace(".", "__")] = name
        return name.replace(".", "__")

    @classmethod
    def inputs(cls, asked: Asked) -> tuple[Any, ...]:
        coo = asked.adj.tocoo()
        edges = torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64)).to(
            asked.like.device
        )
        dense = np.asarray(asked.x.todense() if isinstance(asked.x, sp.csr_matrix) else asked.x)
        weight = (torch.from_numpy(coo.data).to(asked.like),) if cls.takes_weight else ()
        features = torch.from_numpy(np.ascontiguousarray(dense)).to(asked.like)
        return features, edges, *weight, torch.from_numpy(asked.rows).to(asked.like.device)

    def forward(self, *inputs: Any) -> Tensor:
        """Logits ``[S, r, classes]``; in evaluation, of as many seeds as there are weights."""
        *graph, rows = inputs
        stacked = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        (code,) = self._code
        code.train(self.training)
        out = []
        for s in range(len(next(iter(stacked.values())))):
            own = {self._names[name]: value[s] for name, value in stacked.items()}
            if not self.training:
                out.append(functional_call(code, own, tuple(graph))[rows])
                continue
            with torch.random.fork_rng(devices=[graph[0].device] if graph[0].is_cuda else []):
                torch.manual_seed((self._seeds[s] << 32) + self._step)
                out.append(functional_call(code, own, tuple(graph))[rows])
        self._step += self.training
        return torch.stack(out)


@cache
def wrap(model: Callable[..., nn.Module], name: str | None = None) -> type[Stacked]:
    """A model of one's own in the form the evaluator takes.

    Args:
        model: a class or function called with the keywords ``in_channels``, ``hidden_channels``,
            ``out_channels``, ``num_layers``, ``dropout`` and ``act``, of which it gets those that
            it names (all, if it takes ``**kwargs``); all of PyG's basic models qualify. The module
            it returns is called with ``(x, edge_index)`` or, if it has a third argument
            ``edge_weight`` that it honours, ``(x, edge_index, edge_weight)``, and returns logits
            ``[n, classes]``.
        name: what to call it in a report; by default its own name.

    Raises:
        ValueError: ``model`` cannot be called so.

    >>> from torch_geometric.nn import GraphSAGE
    >>> wrap(GraphSAGE).edge_weights
    'ignored'
    """
    if not callable(model):
        raise ValueError(f"a model is a name or a class, got {type(model).__name__}: {model!r}")
    known = inspect.signature(model).parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in known.values())

    def build_one(**options: Any) -> nn.Module:
        taken = {k: v for k, v in options.items() if anything or k in known}
        network = model(**taken)
        if not isinstance(network, nn.Module):
            raise ValueError(f"{label} made a {type(network).__name__}, not a torch.nn.Module")
        return network

    label = str(name or getattr(model, "__name__", type(model).__name__))
    for needed in ("in_channels", "out_channels"):
        if needed not in known and not anything:
            raise ValueError(
                f"{label} does not take {needed}=; a model is called with in_channels, "
                "hidden_channels, out_channels, num_layers, dropout and act, those that it names"
            )
    weighted = _weighted(model)
    body: dict[str, Any] = {
        "build_one": staticmethod(build_one),
        "takes_weight": weighted,
        "binary": not weighted,
        "edge_weights": "as the model takes them" if weighted else "ignored",
        "__doc__": f"{label}, wrapped.",
    }
    return type(label, (Wrapped,), body)


def _weighted(model: Any) -> bool:
    """Whether a model honours edge weights: PyG says so by ``supports_edge_weight``."""
    says = getattr(model, "supports_edge_weight", None)
    if isinstance(says, bool):
        return says
    forward = getattr(model, "forward", None)
    return forward is not None and "edge_weight" in inspect.signature(forward).parameters
