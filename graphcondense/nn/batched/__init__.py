"""Graph neural networks that hold many independent seeds at once.

Parameters are stacked, ``[S, ...]``, and so are hidden states, ``[S, nodes, channels]``: one pass
serves all ``S`` seeds, and seed ``s`` in a batch has the weights and dropout masks of seed ``s`` on
its own. Each class computes what the PyG layers it names compute (tested).

``prepare`` turns features, adjacency and the wanted rows into the inputs of ``forward``, restricted
to what those rows can reach, with every constant product taken once. Dropout is after each hidden
activation, as in PyG's ``BasicGNN``, and on the input features if the paper's is (``drops_input``).
``recipe`` holds training settings of a class's own, chosen by validation on whole graphs.
"""

from __future__ import annotations

from graphcondense.nn.batched.attention import GAT, GATv2
from graphcondense.nn.batched.base import ACTIVATIONS, Stacked
from graphcondense.nn.batched.deep import GCNII, H2GCN
from graphcondense.nn.batched.neighbours import GIN, SAGE, Cheb, GraphConv
from graphcondense.nn.batched.operators import Matrix, Operator, Sparse, operator, product
from graphcondense.nn.batched.propagation import APPNP, GCN, MLP, SGC
from graphcondense.nn.batched.transformer import SGFormer
from graphcondense.ops.names import near

__all__ = [
    "ACTIVATIONS",
    "ALIASES",
    "APPNP",
    "GAT",
    "GCN",
    "GCNII",
    "GIN",
    "H2GCN",
    "MLP",
    "MODELS",
    "SAGE",
    "SGC",
    "Cheb",
    "GATv2",
    "GraphConv",
    "Matrix",
    "Operator",
    "SGFormer",
    "Sparse",
    "Stacked",
    "operator",
    "product",
    "resolve",
]

MODELS: dict[str, type[Stacked]] = {
    model.__name__: model
    for model in (
        *(GCN, SGC, APPNP, Cheb, SAGE, GAT, GATv2),
        *(GIN, GraphConv, GCNII, H2GCN, SGFormer, MLP),
    )
}

ALIASES = {
    "ChebNet": "Cheb",
    "Cheby": "Cheb",
    "GraphSAGE": "SAGE",
    "k-GNN": "GraphConv",
    "kGNN": "GraphConv",
    "GCN2": "GCNII",
}
"""Other names that the literature uses."""


def resolve(name: str) -> type[Stacked]:
    """The model class called ``name``, whatever its case, or by another name of :data:`ALIASES`.

    Raises:
        ValueError: for an unknown name, with the nearest known ones.
    """
    models = {known.upper(): model for known, model in MODELS.items()}
    models |= {alias.upper(): MODELS[known] for alias, known in ALIASES.items()}
    found = models.get(name.upper())
    if found is None:
        names = dict.fromkeys(models[match].__name__ for match in near(name, models, like=0.3))
        hint = f"did you mean {' or '.join(names)}? " if names else ""
        raise ValueError(f"unknown model {name!r}: {hint}known are {', '.join(MODELS)}")
    return found
