"""Features of nodes that come without any, held to their definitions and to PyG's transforms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import AddLaplacianEigenvectorPE, AddRandomWalkPE
from torch_geometric.utils import to_undirected

import graphcondense
from graphcondense.data import as_graph_task, as_task, degree_categories
from graphcondense.data import structural as module
from graphcondense.data.structural import structural


def ring(n: int = 40, chords: int = 60, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    edges = np.stack([np.arange(n), (np.arange(n) + 1) % n])
    edges = np.concatenate([edges, rng.integers(0, n, (2, chords))], 1)
    edges = edges[:, edges[0] != edges[1]]
    data = Data(edge_index=to_undirected(torch.from_numpy(edges)), num_nodes=n)
    data.y, part = torch.arange(n) % 2, torch.arange(n) % 4
    data.train_mask, data.val_mask, data.test_mask = part < 2, part == 2, part == 3
    return data


def adjacency(data: Data) -> sp.csr_matrix:
    row, column = data.edge_index.numpy()
    n = data.num_nodes
    return sp.csr_matrix((np.ones(len(row)), (row, column)), shape=(n, n))


def test_degrees_by_powers_of_two() -> None:
    star = sp.lil_matrix((9, 9))
    star[0, 1:8] = 1
    star[3, 3] = 5
    x = structural(star.tocsr(), "degree")
    assert x.argmax(1).tolist() == [3, *[1] * 7, 0]
    assert bool((x.sum(1) == 1).all())


def test_random_walks_are_pygs() -> None:
    data = ring()
    want = AddRandomWalkPE(walk_length=16, attr_name="pe")(data.clone()).pe
    torch.testing.assert_close(structural(adjacency(data), "random-walk"), want)


@pytest.mark.parametrize("dense", [512, 0])
def test_positions_are_pygs_but_for_sign_and_length(
    dense: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ring()
    monkeypatch.setattr(module, "DENSE", dense)
    x = structural(adjacency(data), "positional").double()
    assert torch.equal(x.float(), structural(adjacency(data), "positional"))
    transform = AddLaplacianEigenvectorPE(k=16, attr_name="pe", is_undirected=True)
    want = transform(data.clone()).pe.double() * 40**0.5
    sign = (x * want).sum(0).sign()
    torch.testing.assert_close(x, want * sign, atol=2e-4, rtol=1e-4)
    largest = x.gather(0, x.abs().argmax(0)[None])
    assert bool((largest > 0).all())
    torch.testing.assert_close((x**2).mean(0), torch.ones(16, dtype=torch.float64))


def test_directions_weights_and_loops_do_not_count() -> None:
    data = ring()
    both = adjacency(data)
    one = sp.triu(both).tocsr() * 3 + sp.eye(40) * 2
    for name in module.FEATURES:
        torch.testing.assert_close(structural(one, name), structural(both, name))


def test_tiny_graphs_have_features() -> None:
    for n in (1, 2):
        for name in module.FEATURES:
            x = structural(sp.csr_matrix((n, n)), name)
            assert x.shape[0] == n
            assert x.shape[1] >= 1
            assert bool(x.isfinite().all())


def test_walks_of_large_graphs_are_refused() -> None:
    n = module.MOST_WALKED + 1
    with pytest.raises(ValueError, match="take 'positional' or 'degree'"):
        structural(sp.csr_matrix((n, n)), "random-walk")


@pytest.mark.parametrize("name", sorted(module.FEATURES))
def test_a_graph_without_features_is_condensed(name: str) -> None:
    task = as_task(ring(), features=name)
    small = graphcondense.condense(task, "gecc", nodes=4, progress=False)
    assert small.condensed["data"]["made_of"] == name
    assert small.x.shape[1] == task.num_features


def test_without_saying_it_is_an_error_that_names_them() -> None:
    with pytest.raises(ValueError, match=r"features='degree'\), 'positional' or 'random-walk'"):
        as_task(ring())
    data = ring()
    data.x = torch.ones(40, 1)
    with pytest.raises(ValueError, match=r"data.x is there: leave features= out"):
        as_task(data, features="degree")
    with pytest.raises(ValueError, match="choose one of 'degree', 'positional', 'random-walk'"):
        as_task(ring(), features="ones")
    data = ring()
    del data.edge_index
    with pytest.raises(ValueError, match="are made of edges"):
        as_task(data, features="degree")


def test_a_table_without_columns_has_features_too() -> None:
    import pandas as pd

    frame = pd.DataFrame({"kind": ["a", "b"] * 6})
    edges = [(i, (i + 1) % 12) for i in range(12)]
    task = as_task(nodes=frame, edges=edges, target="kind", features="degree")
    assert task.facts.made == "degree"
    assert task.num_features == 3


def chains(count: int = 20) -> list[Data]:
    """Paths and rings of four nodes, in turn, without features."""
    path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    ring = torch.cat([path, torch.tensor([[3, 0], [0, 3]])], 1)
    return [
        Data(edge_index=[path, ring][i % 2], num_nodes=4, y=torch.tensor([i % 2]))
        for i in range(count)
    ]


def test_sets_of_graphs_have_degrees_where_somebody_says() -> None:
    task = as_graph_task(chains(), features="degree")
    want = as_graph_task([degree_categories(g) for g in chains()])
    assert torch.equal(task.graphs.x, want.graphs.x)
    assert task.encoding == want.encoding
    small = graphcondense.condense(task, "random", per_class=1, progress=False)
    assert small.condensed["data"]["made_of"] == "degree"
    plain = as_graph_task(chains())
    assert bool((plain.graphs.x == 1).all())
    assert plain.made == "ones"
    assert want.made == ""
    with pytest.raises(ValueError, match="choose one of 'ones', 'degree'"):
        as_graph_task(chains(), features="walks")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the graphs have x: leave features= out"):
        as_graph_task([degree_categories(g) for g in chains()], features="degree")
    with pytest.raises(ValueError, match="its metric, and its features"):
        as_graph_task(task, features="degree")
