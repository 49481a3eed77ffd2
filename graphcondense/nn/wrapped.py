"""Models of the user's own, such as PyG's, behind the interface of the stacked ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cache, partial
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parameter import is_lazy

from graphcondense.nn.batched import Stacked
from graphcondense.nn.batched.base import Asked, Inputs
from graphcondense.ops.fields import brief


class Wrapped(Stacked):
    """``S`` networks of any class, run one after another, each with randomness of its own.

    PyTorch's global generator is left as it was found; what a network draws in evaluation is the
    same in every call. What stays from one call to the next are parameters and buffers, which
    change in training alone. All else that a call leaves in a module's attributes, such as the
    operator that PyG's layers keep with ``cached=True``, is taken away after it.
    """

    build_one: ClassVar[Callable[..., nn.Module]]
    takes_weight: ClassVar[bool]

    def make(self, activation: str, sizes: list[tuple[int, int]]) -> None:
        self._step, self._classes = 0, sizes[-1][1]
        networks = []
        for seed in self.seeds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = type(self).build_one(
                    in_channels=sizes[0][0],
                    hidden_channels=self.hidden_channels,
                    out_channels=self._classes,
                    num_layers=len(sizes),
                    dropout=self.dropout,
                    act=activation,
                )
            networks.append(network.to(self._like))
        label = type(self).__name__
        _check_state(label, networks)
        # The first serves as the code of all; its own weights are never used.
        self._code = [networks[0]]  # in a list: its parameters are not this module's
        self._check_forward()
        self._built = _Built(networks[0])
        self._names: dict[str, str] = {}
        for name, first in networks[0].named_parameters():
            stacked = torch.stack([dict(n.named_parameters())[name].detach() for n in networks])
            parameter = nn.Parameter(stacked, requires_grad=first.requires_grad)
            self.register_parameter(self._flat(name), parameter)
        for name in dict(networks[0].named_buffers()):
            stacked = torch.stack([dict(n.named_buffers())[name] for n in networks])
            self.register_buffer(self._flat(name), stacked)

    def _flat(self, name: str) -> str:
        """A name without a dot that no attribute of this module has."""
        flat = name.replace(".", "__")
        while hasattr(self, flat):
            flat += "_"
        self._names[flat] = name
        return flat

    @classmethod
    def inputs(cls, asked: Asked) -> Inputs:
        coo = asked.adj.tocoo()
        edges = torch.from_numpy(np.stack([coo.col, coo.row]).astype(np.int64)).to(
            asked.like.device
        )
        dense = np.asarray(asked.x.todense() if isinstance(asked.x, sp.csr_matrix) else asked.x)
        weight = (torch.from_numpy(coo.data).to(asked.like),) if cls.takes_weight else ()
        features = torch.from_numpy(np.ascontiguousarray(dense)).to(asked.like)
        return features, edges, *weight, torch.from_numpy(asked.rows).to(asked.like.device)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Logits ``[S, r, classes]``; in evaluation, of as many seeds as there are weights."""
        *graph, rows = inputs
        cuda = [graph[0].device] if graph[0].is_cuda else []
        parameters, buffers = dict(self.named_parameters()), dict(self.named_buffers())
        (code,) = self._code
        out = []
        for s in range(len(next(iter(parameters.values())))):
            weights = {self._names[name]: value[s] for name, value in parameters.items()}
            kept = {
                self._names[name]: value[s] if self.training else value[s].clone()
                for name, value in buffers.items()
            }
            state = weights | kept
            with torch.random.fork_rng(devices=cuda), self._built:
                step = ((self.seeds[s] << 32) + self._step) % 2**63
                drawn = step if self.training else EVALUATION
                torch.manual_seed(drawn)
                code.train(self.training)
                logits = functional_call(code, state, *self._arguments(graph))
            self._check_output(logits, len(graph[0]))
            out.append(logits[rows])
            for name, value in kept.items() if self.training else ():
                # A buffer that was not changed in place but set anew, to be kept in the next call.
                if state[name] is not value and state[name].shape == value.shape:
                    value.copy_(state[name].detach())
        self._step += self.training
        return torch.stack(out)

    def _arguments(self, graph: list[Tensor]) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        """What the network is called with: the edge weights by their name where it has it."""
        if len(graph) == 3 and "edge_weight" in inspect.signature(self._code[0].forward).parameters:
            return (graph[0], graph[1]), {"edge_weight": graph[2]}
        return tuple(graph), {}

    def _check_forward(self) -> None:
        """Refuse a network that is not called with the parts of a graph, before it is trained."""
        (code,) = self._code
        args, kwargs = self._arguments([torch.empty(0)] * (2 + self.takes_weight))
        takes = inspect.signature(code.forward)
        try:
            takes.bind(*args, **kwargs)
        except TypeError as error:
            raise ValueError(
                f"{type(self).__name__}.forward{takes} cannot be called: {error}; it must take x "
                "[nodes, features], edge_index [2, edges] and, if it honours weights, edge_weight "
                "[edges], not one data object, and return logits [nodes, classes]"
            ) from error

    def _check_output(self, logits: object, nodes: int) -> None:
        wanted = (nodes, self._classes)
        if not isinstance(logits, Tensor) or logits.shape != wanted:
            got = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(
                f"{type(self).__name__} returned {got}; a model returns logits [nodes, classes], "
                f"here {list(wanted)}"
            )


EVALUATION = 0x5EED
"""Of PyTorch's generator in evaluation, for a network that draws there, too."""


class _Built:
    """A network as it was built: every module's attributes, entries of lists and dictionaries too.

    In a ``with``, what a call changed in them is changed back at the end.
    """

    def __init__(self, network: nn.Module) -> None:
        attributes = [vars(module) for module in network.modules()]
        self._attributes = [(attributes_of, dict(attributes_of)) for attributes_of in attributes]
        self._containers = [
            (value, copy(value))
            for attributes_of in attributes
            for value in attributes_of.values()
            if isinstance(value, list | dict | set)
        ]

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        for attributes, before in self._attributes:
            attributes.clear()
            attributes.update(before)
        for value, entries in self._containers:
            if not value and not entries:  # almost all: hooks
                continue
            value.clear()
            if isinstance(value, list):
                value.extend(entries)
            else:
                value.update(entries)


def _check_state(label: str, networks: Sequence[nn.Module]) -> None:
    """Refuse what several seeds cannot be stacked from, by its name."""
    first, *others = networks
    parameters = dict(first.named_parameters())
    if not parameters:
        raise ValueError(f"{label} has no parameters: there is nothing to train")
    if not any(value.requires_grad for value in parameters.values()):
        raise ValueError(f"{label} has no parameter that requires a gradient: unfreeze some")
    state = parameters | dict(first.named_buffers())
    for name, value in state.items():
        if is_lazy(value):
            raise ValueError(
                f"{label} leaves the size of {name} to the first call; give its layer the number "
                "of input channels (the model is called with in_channels=)"
            )
    for other in others:
        theirs = dict(other.named_parameters()) | dict(other.named_buffers())
        if {k: v.shape for k, v in state.items()} != {k: v.shape for k, v in theirs.items()}:
            raise ValueError(f"{label} has other layers for another seed; build the same for all")
        for path, module in first.named_modules():
            twins = vars(other.get_submodule(path))
            for name, value in vars(module).items():
                if isinstance(value, Tensor) and not _same(value, twins.get(name)):
                    where = f"{path}.{name}" if path else name
                    raise ValueError(
                        f"{label} draws a tensor of its own for every seed, {where}, that is "
                        "neither parameter nor buffer; use register_buffer for it"
                    )


def _same(value: Tensor, twin: object) -> bool:
    if value.layout != torch.strided:
        return True
    return isinstance(twin, Tensor) and torch.equal(value.nan_to_num(), twin.nan_to_num())


def wrap(model: Callable[..., nn.Module], name: str | None = None) -> type[Stacked]:
    """A model of one's own in the form the evaluator takes.

    Args:
        model: a class or function called with those of the keywords ``in_channels``,
            ``hidden_channels``, ``out_channels``, ``num_layers``, ``dropout`` and ``act`` that it
            names (all, if it takes ``**kwargs``); all of PyG's basic models qualify. Its module is
            called with ``(x, edge_index)`` or, if it honours a third argument ``edge_weight``,
            ``(x, edge_index, edge_weight)``, and returns logits ``[n, classes]``. Networks of a
            function that is no ``functools.partial`` of a class are not given weights.
        name: what to call it in a report; by default its own name, of a ``functools.partial``
            without one that of its class.

    Raises:
        ValueError: ``model`` cannot be called so.

    >>> from torch_geometric.nn import GraphSAGE
    >>> wrap(GraphSAGE).edge_weights
    'ignored'
    """
    if not callable(model):
        raise ValueError(f"a model is a name or a class, got {type(model).__name__}: {model!r}")
    inner = model.func if isinstance(model, partial) else model
    given = name or getattr(model, "__name__", None) or getattr(inner, "__name__", None)
    return _wrapped(model, str(given or type(inner).__name__))


@cache
def _wrapped(model: Callable[..., nn.Module], label: str) -> type[Stacked]:
    """One class for a model under a name, which users may change between two calls."""
    known = _keywords(model)
    anything = any(p.kind is p.VAR_KEYWORD for p in known.values())

    def build_one(**options: float | str) -> nn.Module:
        taken = {k: v for k, v in options.items() if anything or k in known}
        try:
            network = model(**taken)
        except TypeError as error:
            raise ValueError(
                f"{label}({', '.join(f'{k}=' for k in taken)}) failed: {str(error)[:200]}; a model "
                "that takes **kwargs gets all, so name those it wants, or wrap it in a function"
            ) from error
        if not isinstance(network, nn.Module):
            raise ValueError(f"{label} made a {type(network).__name__}, not a torch.nn.Module")
        return network

    for needed in ("in_channels", "out_channels"):
        if needed not in known and not anything:
            raise ValueError(
                f"{label} does not take {needed}=; a model is called with in_channels, "
                "hidden_channels, out_channels, num_layers, dropout and act, those that it names"
            )
    weighted = _weighted(model.func if isinstance(model, partial) else model)
    body: dict[str, object] = {
        "build_one": staticmethod(build_one),
        "takes_weight": weighted,
        "binary": not weighted,
        "edge_weights": "as the model takes them" if weighted else "ignored",
        "__doc__": f"{label}, wrapped.",
    }
    return type(label, (Wrapped,), body)


def _keywords(model: Callable[..., nn.Module]) -> Mapping[str, inspect.Parameter]:
    """What a class or function is called with."""
    try:
        return inspect.signature(model).parameters
    except ValueError as error:  # of what is written in C
        raise ValueError(
            f"{brief(model)} does not say what it is called with: give a class of networks, or a "
            "function that makes one"
        ) from error


def _weighted(model: object) -> bool:
    """Whether a model honours edge weights: PyG says so by ``supports_edge_weight``."""
    says = getattr(model, "supports_edge_weight", None)
    if isinstance(says, bool):
        return says
    forward = getattr(model, "forward", None)
    return forward is not None and "edge_weight" in inspect.signature(forward).parameters
