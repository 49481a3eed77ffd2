"""Serving unseen nodes: mapping and attachment by loops, and what is kept and read."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

from graphcondense import cli
from graphcondense.data import as_task, mapping_matrix
from graphcondense.data.task import NodeTask
from graphcondense.evaluate import NodeEvaluator
from graphcondense.evaluate.stacked import model_of
from graphcondense.ops.adjacency import gcn_norm_csr
from graphcondense.uses.attached import Server, attach, known_graph, mapping
from graphcondense.uses.serve import measure_serving

FAST = {"epochs": 3, "hidden": 8, "seeds": 2, "batch": 7, "repeats": 1, "ks": (1, 2)}


def real(directed: bool = False, sparse: bool = False) -> NodeTask:
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    part = torch.arange(60)[torch.randperm(60, generator=generator)] // 20
    edges = torch.randint(60, (2, 100), generator=generator)
    x = torch.eye(3, 8)[y] + 0.5 * torch.rand(60, 8, generator=generator)
    task = as_task(
        Data(
            x=x,
            y=y,
            edge_index=edges if directed else torch.cat([edges, edges.flip(0)], 1),
            train_mask=part == 0,
            val_mask=part == 1,
            test_mask=part == 2,
        )
    )
    return replace(task, x=sp.csr_matrix(x.numpy() * (x.numpy() > 0.3))) if sparse else task


def small() -> Data:
    generator = torch.Generator().manual_seed(1)
    return Data(
        x=torch.eye(3, 8).repeat(2, 1) + 0.1 * torch.rand(6, 8, generator=generator),
        y=torch.arange(3).repeat(2),
        edge_index=torch.tensor([[0, 3, 1, 4], [3, 0, 4, 1]]),
        edge_weight=torch.tensor([0.5, 0.5, 2.0, 2.0]),
    )


def graph_of(graph: Data) -> tuple[np.ndarray, sp.csr_matrix]:
    task = as_task(Data(**graph.to_dict(), train_mask=torch.ones(6, dtype=torch.bool)))
    return task.x.numpy(), task.adj


# --- mapping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("k", [1, 2, 6])
def test_mapping_by_loops(k, sparse):
    task, tiny = real(sparse=sparse), graph_of(small())
    found = mapping(tiny, (task.x_array, task.adj), k).toarray()

    def propagated(x, adj):
        step = gcn_norm_csr(adj).toarray()
        return step @ (step @ (x.toarray() if sp.issparse(x) else x))

    nodes, centres = propagated(task.x_array, task.adj), propagated(*tiny)
    for i, node in enumerate(nodes):
        cosine = [node @ c / np.linalg.norm(node) / np.linalg.norm(c) for c in centres]
        near = sorted(range(6), key=lambda j: -cosine[j])[:k]
        total = sum(cosine[j] for j in near)
        wanted = [cosine[j] / total if j in near else 0 for j in range(6)]
        np.testing.assert_allclose(found[i], wanted, atol=1e-5)


def test_mapping_of_a_node_that_resembles_none():
    tiny = np.eye(2, 3), sp.csr_matrix((2, 2))
    known = np.array([[0.0, 0, 0], [-1.0, 0, 1], [1.0, -5.0, 0]]), sp.csr_matrix((3, 3))
    found = mapping(tiny, known, 2, hops=0).toarray()
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.5, 0.5], [1, 0]], atol=1e-6)


@pytest.mark.parametrize("hops", [0, 1])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("sparse", [False, True])
def test_mapping_of_integers_is_that_of_floats(sparse, kind, hops):
    rng = np.random.default_rng(0)
    pixels, few = rng.integers(0, 256, (6, 4)), rng.integers(0, 256, (3, 4))
    form = sp.csr_matrix if sparse else np.asarray
    centres, nodes = sp.csr_matrix((3, 3)), sp.csr_matrix((6, 6))

    def mapped(kind):
        small, known = form(few.astype(kind)), form(pixels.astype(kind))
        return mapping((small, centres), (known, nodes), 2, hops=hops).toarray()

    np.testing.assert_allclose(mapped(kind), mapped(np.float64), atol=1e-5)


# --- attachment ------------------------------------------------------------------------------


def test_attach_by_loops():
    rng = np.random.default_rng(0)
    adj, links, among = (
        sp.random(*shape, 0.5, random_state=i, format="csr")
        for i, shape in enumerate([(4, 4), (3, 4), (3, 3)])
    )
    old, new = rng.random((4, 2)), rng.random((3, 2))
    x, found, rows = attach((old, adj), new, links, among)
    assert rows.tolist() == [4, 5, 6]
    np.testing.assert_array_equal(x, [*old, *new])
    for i in range(7):
        for j in range(7):
            if i < 4:
                wanted = adj[i, j] if j < 4 else links[j - 4, i]
            else:
                wanted = links[i - 4, j] if j < 4 else among[i - 4, j - 4]
            assert found[i, j] == wanted
    sparse, again, _ = attach((sp.csr_matrix(old), adj), new, links)
    assert sp.issparse(sparse)
    np.testing.assert_array_equal(sparse.toarray(), x)
    assert again[4:, 4:].nnz == 0
    other = attach((old, adj), new, links, back=sp.csr_matrix((4, 3)))[1]
    assert other[:4, 4:].nnz == 0


def test_attach_to_the_condensed_graph_by_loops():
    """A new node's edge to a known one goes where that one belongs: ``(a M)[i, s]``."""
    task, tiny = real(), graph_of(small())
    known = torch.cat([task.train, task.val]).sort().values
    inside = task.subgraph(known)
    to = mapping(tiny, (inside.x_array, inside.adj), 2)
    nodes = task.test[:5].numpy()
    x, adj, rows = Server(task, known, tiny, to).batch(nodes)
    whole, member = task.adj.toarray(), to.toarray()
    for i, new in enumerate(nodes):
        for s in range(6):
            wanted = sum(whole[new, n] * member[p, s] for p, n in enumerate(known.tolist()))
            assert adj[6 + i, s] == pytest.approx(wanted, abs=1e-5)
            assert adj[s, 6 + i] == pytest.approx(wanted, abs=1e-5)
        for j, other in enumerate(nodes):
            assert adj[6 + i, 6 + j] == whole[new, other]
    inward = Server(task, known, tiny, to, "inward").batch(nodes)[1]
    assert inward[:6, 6:].nnz == 0
    assert (inward[6:] != adj[6:]).nnz == 0
    matched = Server(task, known, tiny, to, "matched").batch(nodes)[1]
    degree, own = inside.adj.toarray().sum(1) + 1, tiny[1].toarray().sum(1) + 1
    for i, new in enumerate(nodes):
        for s in range(6):
            wanted = sum(
                whole[new, n] * member[p, s] * (own[s] / degree[p]) ** 0.5
                for p, n in enumerate(known.tolist())
            )
            assert matched[6 + i, s] == pytest.approx(wanted, abs=1e-5)
    np.testing.assert_array_equal(x[rows], task.x_array[nodes])
    np.testing.assert_array_equal(adj[:6, :6].toarray(), tiny[1].toarray())


@pytest.mark.parametrize("directed", [False, True])
def test_the_whole_graph_with_its_new_nodes_is_the_graph(directed):
    task = real(directed=directed)
    known = torch.cat([task.train, task.val]).sort().values
    inside = task.subgraph(known)
    server = Server(task, known, (inside.x_array, inside.adj))
    _, adj, rows = server.batch(task.test.numpy())
    order = torch.cat([known, task.test]).numpy()
    np.testing.assert_array_equal(adj.toarray(), task.adj[order][:, order].toarray())
    x, adj, rows = server.alone(task.test.numpy())
    assert (adj.nnz, len(rows), len(x)) == (0, 20, 20)


# --- the whole -------------------------------------------------------------------------------


def test_rows(tmp_path):
    result = measure_serving({"ours": [small(), small()]}, real(), **FAST)
    assert [(r.label, r.way) for r in result.rows] == [
        ("ours", "whole graph"),
        ("ours", "attached"),
        ("ours", "features alone"),
        ("random", "whole graph"),
        ("random", "attached"),
        ("random", "features alone"),
        ("whole", "whole graph"),
    ]
    ours, attached, alone, *_, whole = result.rows
    assert (ours.graphs, ours.trainings, ours.speedup, ours.share) == (2, 2, 1, 1)
    assert ours.ks == alone.ks == ()
    assert len(attached.ks) == 2
    inside = real().subgraph(torch.cat([real().train, real().val]).sort().values)
    edges = inside.adj.nnz
    assert whole.bytes == 40 * 8 * 4 + 4 * (2 * edges + 41)
    tiny = 6 * 8 * 4 + 4 * (2 * 4 + 7)
    assert attached.bytes == tiny + 4 * (2 * 40 * sum(attached.ks) / 2 + 41)
    assert attached.share == pytest.approx(attached.bytes / whole.bytes)
    assert alone.bytes == 0
    assert all(r.milliseconds > 0 and 0 <= r.test <= 1 for r in result.rows)
    assert (result.known, result.unseen, result.batch, result.seen) == (40, 20, 7, False)
    assert json.loads(result.to_json())["seeds"] == [0, 1]
    assert "served on" in result.table()
    result.plot(tmp_path / "s.png")
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"


def test_all_unseen_nodes_at_once_score_as_the_evaluator_does():
    """Served in one batch on the whole graph, the test nodes see what a transductive model sees."""
    task = real()
    # One epoch, so that both have the same networks whatever they validate on.
    one = measure_serving(small(), task, **{**FAST, "batch": 20, "epochs": 1}).rows[0]
    fit = NodeEvaluator(task, epochs=1, hidden=8).fit("GCN", small(), seeds=2)
    assert one.test == pytest.approx(fit.test_selected.mean().item())


def test_attaching_that_does_harm_is_said():
    result = measure_serving(small(), real(), **FAST)
    for val, harm in ((0.0, True), (1.0, False)):
        rows = tuple(replace(r, val=val) if r.ks else replace(r, val=0.5) for r in result.rows)
        said = replace(result, rows=rows).table()
        assert ("condensed: attaching is worse than no edges" in said) == harm


def test_k_is_chosen_on_validation_nodes():
    task = real()
    best = {
        k: measure_serving(small(), task, **{**FAST, "ks": [k]}).rows[1].val for k in (1, 2, 3, 6)
    }
    found = measure_serving(small(), task, **{**FAST, "ks": (1, 2, 3, 6, 99)}).rows[1]
    assert found.val == max(best.values())
    assert [best[k] for k in found.ks] == [found.val]


def test_test_labels_change_test_scores_alone():
    other = real()
    other = replace(other, y=other.y.clone())
    other.y[other.test] = other.y[other.test].roll(1)
    rows = [measure_serving(small(), task, **FAST).rows for task in (real(), other)]
    for a, b in zip(*rows, strict=True):
        assert (a.val, a.ks, a.flows, a.bytes) == (b.val, b.ks, b.flows, b.bytes)
    assert any(a.test != b.test for a, b in zip(*rows, strict=True))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("model", ["SAGE", "APPNP", "GAT", "MLP"])
def test_other_models(model, sparse):
    result = measure_serving(small(), real(sparse=sparse), model=model, **FAST)
    if model == "MLP":  # reads no edges: served anywhere, it says the same
        assert len({(r.label, r.test) for r in result.rows}) == len({r.label for r in result.rows})


def test_a_graph_that_saw_the_unseen_says_so():
    graph = small()
    graph.condensed = {"setting": "transductive"}
    assert "setting='inductive'" in measure_serving(graph, real(), **FAST).table()
    graph.condensed["data"] = {"digest": known_graph(real()).digest}
    assert "setting='inductive'" not in measure_serving(graph, real(), **FAST).table()
    graph.condensed = {"setting": "inductive"}
    assert "setting='inductive'" not in measure_serving(graph, real(), **FAST).table()


# --- learnt mappings --------------------------------------------------------------------------


def mapped(rows: int = 40, digest: str | None = None) -> Data:
    """The small graph with a mapping of so many real nodes: half to their class, half to the next
    node."""
    graph = small()
    graph.mapping_crow = torch.arange(0, 2 * rows + 1, 2, dtype=torch.int32)
    first = torch.arange(rows, dtype=torch.int32) % 5
    graph.mapping_col = torch.stack([first, first + 1], 1).flatten()
    graph.mapping_value = torch.full((2 * rows,), 0.5)
    if digest is not None:
        graph.condensed = {"data": {"digest": digest}}
    return graph


@pytest.mark.parametrize("rows", [60, 40, 20])
def test_a_learnt_mapping_serves(rows):
    """Of all nodes, of those without test nodes, or of training nodes; only its flow is chosen."""
    task = real()
    graph = mapped(rows)
    row = next(r for r in measure_serving(graph, task, **FAST).rows if r.way == "attached")
    assert (row.learnt, row.ks) == (True, (2,))
    everyone = torch.arange(60)
    known = everyone[~torch.isin(everyone, task.test)]
    of = {60: everyone, 40: known, 20: task.train}[rows]
    whole = np.zeros((60, 6), np.float32)
    whole[of] = mapping_matrix(graph).toarray()
    evaluator = NodeEvaluator(known_graph(task), epochs=3, hidden=8)
    trained = evaluator.train(model_of("GCN"), graph, seeds=2)
    server = Server(task, known, graph_of(graph), sp.csr_matrix(whole[known]), row.flows[0])
    hits = []
    for nodes in torch.split(task.test, 7):
        logits = trained.logits(*server.batch(nodes.numpy()))
        hits.append((logits.argmax(-1) == task.y[nodes]).double())
    assert row.test == pytest.approx(float(torch.cat(hits, 1).mean()))
    assert "learnt 2" in measure_serving(graph, task, **FAST).table()


def test_graphs_without_a_mapping_are_served_as_before():
    rows = measure_serving({"one": small(), "two": mapped()}, real(), **FAST).rows
    learnt = {r.label: r.learnt for r in rows if r.way == "attached"}
    assert learnt == {"one": False, "two": True, "random": False}


def test_a_mapping_of_this_graph_or_without_test_nodes_is_taken():
    for digest in (real().digest, known_graph(real()).digest):
        assert measure_serving(mapped(digest=digest), real(), **FAST).rows[1].learnt


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (mapped(digest="0" * 16), "the mapping is of a graph with the hash 0{16}, and this one"),
        (mapped(rows=33), "has 33 rows, .* this graph has 60 nodes, 40 without test .* 20 for"),
        (
            Data(**{**mapped().to_dict(), "mapping_col": torch.full((80,), 6, dtype=torch.int32)}),
            r"mapping_col names column 6, but there are columns 0\.\.5",
        ),
        (Data(**{**mapped().to_dict(), "mapping_value": torch.ones(3)}), "has 3 values for 80"),
    ],
)
def test_a_mapping_of_another_graph_is_refused(graph, message):
    with pytest.raises(ValueError, match=message):
        measure_serving(graph, real(), **FAST)


def test_other_features_are_told_by_the_hash():
    task = real()
    other = replace(task, x=task.x + 1)
    graph = mapped(digest=known_graph(task).digest)
    with pytest.raises(ValueError, match="features, edges or their preprocessing differ"):
        measure_serving(graph, other, **FAST)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "GCM"}, "GCN"),
        ({"batch": 0}, "batch=0 must be at least 1"),
        ({"ks": (0, 1)}, "each must be at least 1"),
        ({"ks": ()}, "ks=.* must have at least one number"),
        ({"hops": -1}, "hops=-1"),
        ({"small": {"whole": small()}}, "'whole' names a baseline"),
        ({"small": Data(x=torch.ones(3, 4), y=torch.arange(3))}, r"4 features.*8"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        measure_serving(arguments.pop("small", small()), real(), **{**FAST, **arguments})


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="k=7 must be from 1 to the 6 nodes"):
        mapping(graph_of(small()), (real().x_array, real().adj), 7)
    with pytest.raises(ValueError, match="do not fit 2 new nodes and a graph of 6"):
        attach(graph_of(small()), np.zeros((2, 8)), sp.csr_matrix((2, 5)))


def test_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--data", "digits", "--nodes", "20", "--validations", "0", "--no-progress"]
    assert cli.main(["condense", "kcenter", *words, "--out", "run"]) == 0
    quick = ["--seeds", "1", "--epochs", "2", "--hidden", "8", "--repeats", "1"]
    assert cli.main(["serve", "run", *quick, "--batch", "500", "--ks", "1,3"]) == 0
    assert "features alone" in capsys.readouterr().out
    content = json.loads((tmp_path / "run/serving.json").read_text())
    assert content["batch"] == 500
    assert (tmp_path / "run/serving.png").exists()
    assert cli.main(["serve", "run", "--ks", "one"]) == 2
    assert "error: --ks one: give numbers with commas" in capsys.readouterr().err


def test_the_largest_k_says_so():
    result = measure_serving(small(), real(), **{**FAST, "ks": (3, 1)})
    assert result.tried == (3, 1)
    for k, said in ((1, False), (3, True)):
        rows = tuple(replace(r, ks=(k,)) if r.ks else r for r in result.rows)
        words = "condensed: k = 3 (edge of the grid 1..3)"
        assert (words in replace(result, rows=rows).table()) is said
    assert (
        "edge of the grid" not in measure_serving(small(), real(), **{**FAST, "ks": (1,)}).table()
    )
