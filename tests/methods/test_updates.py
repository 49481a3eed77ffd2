"""Graphs that grow: methods that can go on do so from what was there, and say what they cannot."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

import graphcondense
from graphcondense.data import as_task, split_links
from graphcondense.data.facts import facts_of
from graphcondense.data.task import NodeTask
from graphcondense.methods import all_methods
from graphcondense.ops.coarsen import coarsen, started
from graphcondense.ops.variation import heavy_edges
from graphcondense.run.refusals import refuse_other
from tests.cases import toy_graph
from tests.toys import toy_graphs, toy_hetero, toy_images, toy_rows

ABLE = sorted(n for (n, kind), cls in all_methods().items() if kind == "node" and cls.updates())
STEPWISE = sorted(set(ABLE) - {"gecc", "quotient"})


@pytest.fixture(scope="module")
def whole() -> NodeTask:
    return as_task(toy_graph(seed=1))


@pytest.fixture(scope="module")
def early(whole: NodeTask) -> NodeTask:
    return whole.subgraph(torch.arange(90))


def test_the_default_clusterings_and_coarsenings_go_on() -> None:
    assert {"quotient", "gecc", "convmatch", "heavy-edge", "variation-neighborhoods"} <= set(ABLE)
    assert not {"kron", "ugc", "ah-ugc", "random"} & set(ABLE)


@pytest.mark.parametrize("name", ABLE)
def test_a_grown_graph_is_condensed_from_what_was_there(
    whole: NodeTask, early: NodeTask, name: str
) -> None:
    small = graphcondense.condense(early, name, nodes=12, progress=False)
    before = small.x.clone()
    one, again = (graphcondense.update(small, whole, nodes=15, progress=False) for _ in range(2))
    assert one.num_nodes == 15
    assert one.condensed["updated_from"] == small.condensed["hash"]
    assert one.condensed["hash"] == again.condensed["hash"]  # the same seed, the same bits
    assert torch.equal(small.x, before)
    assert set(range(whole.num_classes)) <= set(labels(one))


def labels(small: Any) -> list[int]:
    return (small.y.argmax(1) if small.y.dim() > 1 else small.y).tolist()


@pytest.mark.parametrize("name", STEPWISE)
def test_groups_of_before_stay_together(whole: NodeTask, early: NodeTask, name: str) -> None:
    small = graphcondense.condense(early, name, nodes=12, progress=False)
    grown = graphcondense.update(small, whole, nodes=15, progress=False)
    assert len(grown.assignment) == whole.num_nodes
    old, new = small.assignment, grown.assignment[:90]
    for group in range(12):
        assert len(set(new[old == group].tolist())) == 1
    assert set(grown.assignment[90:].tolist()) - {-1}  # new nodes are in groups, too
    x = torch.as_tensor(np.asarray(whole.x))
    for group in range(15):
        mean = x[grown.assignment == group].mean(0)
        torch.testing.assert_close(grown.x[group], mean)


@pytest.mark.parametrize("name", STEPWISE)
def test_the_same_graph_stays(whole: NodeTask, name: str) -> None:
    small = graphcondense.condense(whole, name, nodes=12, progress=False)
    same = graphcondense.update(small, whole, progress=False)
    assert torch.equal(small.assignment, same.assignment)
    assert torch.equal(small.x, same.x)


@pytest.mark.parametrize("name", ["gecc", "quotient", "heavy-edge"])
def test_what_shows_that_a_graph_has_not_grown(whole: NodeTask, early: NodeTask, name: str) -> None:
    """Old nodes come first, in their order: numbers, ids, and what nodes stand for say so."""
    called = [f"n{i}" for i in range(whole.num_nodes)]
    named = replace(whole, facts=facts_of(SimpleNamespace(node_names=called), whole.num_nodes))
    old = named.subgraph(torch.arange(90))
    small = graphcondense.condense(old, name, nodes=12, progress=False)
    assert graphcondense.update(small, named, progress=False).num_nodes == 12
    with pytest.raises(ValueError, match=r"stands for 90 nodes, and there are now 60: .* anew"):
        graphcondense.update(small, named.subgraph(torch.arange(60)), nodes=9, progress=False)
    turned = named.subgraph(torch.arange(whole.num_nodes).flip(0))
    with pytest.raises(ValueError, match=r"ids of the first 90 nodes .* such as 'n\d+', where 'n"):
        graphcondense.update(small, turned, progress=False)
    for key in ("data", "budget", "method"):
        other = copy.copy(small)
        other.condensed = {k: v for k, v in small.condensed.items() if k != key}
        with pytest.raises(ValueError, match=rf"record .* has no '{key}'.* condense anew"):
            graphcondense.update(other, named, progress=False)
    if name == "gecc":
        return
    for wrong, text in ((None, "has no assignment"), (small.assignment + 9, "assignment names")):
        other = copy.copy(small)
        del other.assignment
        if wrong is not None:
            other.assignment = wrong
        with pytest.raises(ValueError, match=rf"{text}.* condense anew"):
            graphcondense.update(other, named, progress=False)


@pytest.mark.parametrize("name", ["gecc", "quotient", "heavy-edge"])
@pytest.mark.parametrize("cut", ["x", "y", "train_mask", "width", "no y", "no x"])
def test_a_set_that_was_cut_is_refused(
    whole: NodeTask, early: NodeTask, name: str, cut: str
) -> None:
    """Before any work, and by what does not match, which is then known to have been changed."""
    small = graphcondense.condense(early, name, nodes=12, progress=False)
    other = copy.copy(small)
    if cut == "width":
        other.x = small.x[:, :2]
    elif cut.startswith("no "):
        other[cut[3:]] = None
    else:
        other[cut] = small[cut][:5]
    other.condensed = small.condensed
    with pytest.raises(ValueError, match=r"^update: .*is no longer what condense returned"):
        graphcondense.update(other, whole, progress=False)


@pytest.mark.parametrize("name", ["gecc", "quotient"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_a_set_in_another_precision_is_updated(
    whole: NodeTask, early: NodeTask, name: str, dtype: torch.dtype
) -> None:
    small = graphcondense.condense(early, name, nodes=12, progress=False)
    other = copy.copy(small)
    other.x = small.x.to(dtype)
    other.condensed = small.condensed
    assert graphcondense.update(other, whole, progress=False).num_nodes >= 12


def test_a_table_of_other_columns_has_not_grown() -> None:
    edges = pd.DataFrame({"from": range(29), "to": range(1, 30)})
    rows = {"age": range(30), "size": [i % 7 for i in range(30)], "kind": ["a", "b"] * 15}
    nodes = pd.DataFrame(rows)
    table = as_task(nodes=nodes, edges=edges, target="kind")
    small = graphcondense.condense(table, "gecc", nodes=4, progress=False)
    renamed = as_task(nodes=nodes.rename(columns={"size": "width"}), edges=edges, target="kind")
    with pytest.raises(ValueError, match=r"columns of the table are others .*'size'"):
        graphcondense.update(small, renamed, progress=False)


def test_labels_of_one_class_are_told(whole: NodeTask, capsys: pytest.CaptureFixture[str]) -> None:
    """And bins of numbers are called so."""
    data = toy_graph(seed=1)
    data.y = torch.zeros_like(data.y)
    graphcondense.condense(data, "random", nodes=4, progress=False)
    assert "are one class, of which nothing can be learnt" in capsys.readouterr().err
    data.y = torch.rand(data.num_nodes)
    with pytest.raises(ValueError, match=r"each of 5 bins of the target: the smallest .* is 5"):
        graphcondense.condense(data, "quotient", nodes=3, progress=False)
    assert not capsys.readouterr().err


def test_old_groups_are_never_split(whole: NodeTask, early: NodeTask) -> None:
    small = graphcondense.condense(early, "heavy-edge", nodes=12, progress=False)
    with pytest.raises(
        ValueError, match=r"60 nodes were asked for, and there are \d+ to begin with"
    ):
        graphcondense.update(small, whole, nodes=60, progress=False)
    grown = graphcondense.update(small, whole, nodes=15, progress=False)
    with pytest.raises(ValueError, match="stands for 120 nodes, and there are now 90"):
        graphcondense.update(grown, early, progress=False)


@pytest.mark.parametrize("name", ["gecc", "quotient", "heavy-edge", "convmatch"])
def test_a_class_may_arrive_later(name: str) -> None:
    """Parts of a graph need not have every class in training: its nodes come with the next part."""
    task = as_task(toy_graph(seed=1))
    is_last = task.y == task.num_classes - 1
    order = torch.cat([(~is_last).nonzero(), is_last.nonzero()]).flatten()
    whole = task.subgraph(order)
    early = whole.subgraph(torch.arange(int((~is_last).sum())))
    small = graphcondense.condense(early, name, nodes=9, progress=False)
    assert task.num_classes - 1 not in labels(small)
    grown = graphcondense.update(small, whole, nodes=12, progress=False)
    assert set(labels(grown)) - {-1} == set(range(task.num_classes))


@pytest.mark.parametrize("make", [toy_rows, toy_images, toy_graphs, toy_hetero])
def test_data_of_which_no_method_goes_on_are_told(make: Callable[[], Any]) -> None:
    small = graphcondense.condense(make(), "random", size=6, progress=False)
    with pytest.raises(ValueError, match=r"random cannot update .* for \w+ data none can"):
        graphcondense.update(small, make(), progress=False)


def test_a_method_that_cannot_go_on_names_those_that_can(whole: NodeTask) -> None:
    small = graphcondense.condense(whole, "kron", nodes=12, progress=False)
    with pytest.raises(
        ValueError, match=r"kron cannot update .* heavy-edge.*quotient.*can: condense"
    ):
        graphcondense.update(small, whole, progress=False)


@pytest.mark.parametrize("name", ["quotient", "heavy-edge", "convmatch"])
def test_links_of_a_grown_graph(name: str) -> None:
    data = toy_graph(seed=3)
    first = split_links(data.subgraph(torch.arange(120) < 100), negatives=8, val=0.1)
    links = split_links(data, negatives=8, val=0.1)
    small = graphcondense.condense(first, name, nodes=10, progress=False)
    grown = graphcondense.update(small, links, nodes=12, progress=False)
    assert grown.num_nodes == 12
    assert len(grown.assignment) == 120
    pairs = {*zip(small.assignment.tolist(), grown.assignment[:100].tolist(), strict=True)}
    if name != "quotient":  # whose k-means goes on
        assert len(pairs) == len({old for old, _ in pairs}), "groups before stay together"


def test_coarsening_begins_with_groups_by_hand() -> None:
    """A path 0-1-2-3-4 of which 0 and 1 are a group: the edge heaviest for its ends goes next."""
    weight = np.array([1.0, 1.0, 1.0, 5.0])
    path = sp.csr_matrix(np.diag(weight, 1) + np.diag(weight, -1))
    none, rng = np.zeros((5, 1)), np.random.default_rng(0)
    start = started(np.array([0, 0, -1, -1, -1]))
    assert start.tolist() == [0, 0, 1, 2, 3]
    found = coarsen(path, 3, heavy_edges, none, rng=rng, start=start)
    assert found.tolist() == [0, 0, 1, 2, 2]
    assert coarsen(path, 4, heavy_edges, none, rng=rng, start=start).tolist() == start.tolist()
    with pytest.raises(ValueError, match="5 nodes were asked for, and there are 4 to begin with"):
        coarsen(path, 5, heavy_edges, none, rng=rng, start=start)


def changed(whole: NodeTask) -> tuple[NodeTask, torch.Tensor]:
    """The graph of the first 90 nodes after 20 of them have gone and 30 have come, in another
    order, and which of before each node is."""
    nodes = torch.randperm(120, generator=torch.Generator().manual_seed(4))
    nodes = nodes[(nodes < 30) | (nodes >= 50)]
    return whole.subgraph(nodes), torch.where(nodes < 90, nodes, -1)


@pytest.mark.parametrize("name", ABLE)
def test_nodes_go_and_come_in_any_order(whole: NodeTask, early: NodeTask, name: str) -> None:
    small = graphcondense.condense(early, name, nodes=12, progress=False)
    before = copy.copy(small)
    graph, old = changed(whole)
    forms: list[Any] = [old, old.numpy(), old.tolist(), pd.Series(old.numpy()), old.double()]
    found = [
        graphcondense.update(small, graph, old_nodes=form, nodes=15, progress=False)
        for form in forms
    ]
    assert len({one.condensed["hash"] for one in found}) == 1
    assert found[0].num_nodes == 15
    assert found[0].condensed["updated_from"] == small.condensed["hash"]
    assert set(labels(found[0])) - {-1} == set(range(whole.num_classes))
    if "assignment" in small:
        assert torch.equal(small.assignment, before.assignment)
        assert len(found[0].assignment) == graph.num_nodes
    with pytest.raises(ValueError, match="with old_nodes= which node of before each one is"):
        graphcondense.update(small, graph.subgraph(torch.arange(50)), nodes=9, progress=False)
    other = replace(graph, x=torch.zeros(graph.num_nodes, 8), shared=None)
    with pytest.raises(ValueError, match=r"has \d+ features, the new data 8; condense anew"):
        graphcondense.update(small, other, old_nodes=old, progress=False)


@pytest.mark.parametrize("name", STEPWISE)
def test_groups_are_what_is_left_of_those_before(
    whole: NodeTask, early: NodeTask, name: str
) -> None:
    """With room for every group that is left and every new node nothing is joined, and a group all
    of whose nodes have gone is none."""
    small = graphcondense.condense(early, name, nodes=12, progress=False)
    graph, old = changed(whole)
    gone = small.assignment[old[old >= 0]][0]  # all of one group go, too
    stay = ((old < 0) | (small.assignment[old.clamp_min(0)] != gone)).nonzero().flatten()
    graph, old = graph.subgraph(stay), old[stay]
    group = [("old", int(small.assignment[i])) if i >= 0 else ("new", k) for k, i in enumerate(old)]
    left = len({*group})
    grown = graphcondense.update(small, graph, old_nodes=old, nodes=left, progress=False)
    assert len({*zip(group, grown.assignment.tolist(), strict=True)}) == left
    with pytest.raises(ValueError, match=f"{left + 1} nodes were asked for, and there are {left}"):
        graphcondense.update(small, graph, old_nodes=old, nodes=left + 1, progress=False)


@pytest.mark.parametrize("name", ["quotient", "heavy-edge"])
def test_what_is_said_is_what_the_first_nodes_are(
    whole: NodeTask, early: NodeTask, name: str
) -> None:
    small = graphcondense.condense(early, name, nodes=12, progress=False)
    old = torch.where(torch.arange(120) < 90, torch.arange(120), -1)
    one = graphcondense.update(small, whole, nodes=15, progress=False)
    two = graphcondense.update(small, whole, old_nodes=old, nodes=15, progress=False)
    assert one.condensed["hash"] == two.condensed["hash"]


def test_k_means_goes_on_from_the_clusters_of_before(
    whole: NodeTask, early: NodeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graphcondense.methods import quotient

    small = graphcondense.condense(early, "quotient", nodes=12, progress=False)
    graph, old = changed(whole)
    seen: list[int] = []

    def continued(rows: Any, before: Any, k: int) -> Any:
        seen.extend(before.tolist())
        return real(rows, before, k)

    real = quotient.continued
    monkeypatch.setattr(quotient, "continued", continued)
    graphcondense.update(small, graph, old_nodes=old, nodes=12, progress=False)
    wanted = [int(small.assignment[i]) if i >= 0 else -1 for i in old.tolist()]
    assert sorted(seen) == sorted(wanted)


def test_a_node_may_change_its_class(whole: NodeTask) -> None:
    """Groups of before stay together though their nodes are now of several classes."""
    small = graphcondense.condense(whole, "heavy-edge", nodes=12, progress=False)
    other = replace(whole, y=(whole.y + torch.arange(120) % 2) % whole.num_classes)
    grown = graphcondense.update(small, other, old_nodes=torch.arange(120), progress=False)
    assert torch.equal(grown.assignment, small.assignment)


WRONG_OLD: list[tuple[Any, str]] = [
    (
        lambda old: old[:5],
        r"old_nodes has shape \(5,\), and there are 100 nodes now: .*get_indexer",
    ),
    (lambda old: old[:, None], r"old_nodes has shape \(100, 1\)"),
    (
        lambda old: torch.where(old == 0, 90, old),
        "names node 90, and the data before had .* 0 to 89",
    ),
    (lambda old: torch.where(old == 0, -2, old), "names node -2"),
    (lambda old: torch.where(old == 0, 5, old), r"nodes \d+ and \d+ both are node 5 of before"),
    (lambda old: torch.full_like(old, -1), "no node is left of before; condense anew"),
    (lambda old: old + 0.5, "must be whole numbers, got"),
    (lambda old: old >= 0, "must be whole numbers, got"),
    (lambda old: ["a"] * 100, "old_nodes holds text"),
    (lambda old: torch.where(old < 0, torch.nan, old.double()), "must be whole numbers"),
    (lambda old: 7, "must be a tensor, an array or a list"),
]


@pytest.mark.parametrize(("wrong", "text"), WRONG_OLD, ids=[text[:30] for _, text in WRONG_OLD])
def test_old_nodes_that_say_nothing_are_refused(
    whole: NodeTask, early: NodeTask, wrong: Any, text: str
) -> None:
    small = graphcondense.condense(early, "gecc", nodes=12, progress=False)
    graph, old = changed(whole)
    with pytest.raises(ValueError, match=text):
        graphcondense.update(small, graph, old_nodes=wrong(old), progress=False)
    for nodes in (None, "90"):
        record = {**small.condensed, "data": {**small.condensed["data"], "nodes": nodes}}
        other = copy.copy(small)
        other.condensed = record
        with pytest.raises(ValueError, match="does not say how many nodes the data before had"):
            graphcondense.update(other, graph, old_nodes=old, progress=False)


@pytest.mark.parametrize("asked", ["grown", "old_nodes"])
@pytest.mark.parametrize("name", ["heavy-edge", "convmatch"])
def test_groups_of_training_nodes_alone_stay_together(
    whole: NodeTask, early: NodeTask, name: str, asked: str
) -> None:
    """Also where nodes in the middle are labelled later, so that training nodes are others."""
    options: dict[str, Any] = {"setting": "inductive", "progress": False}
    small = graphcondense.condense(early, name, nodes=9, **options)
    assert torch.equal((small.assignment >= 0).nonzero().flatten(), early.train)
    if asked == "grown":
        late = whole.test[:12]
        graph = replace(
            whole, train=torch.cat([whole.train, late]).sort().values, test=whole.test[12:]
        )
        old = torch.arange(120).where(torch.arange(120) < 90, -1)
        grown = graphcondense.update(small, graph, nodes=15, progress=False)
    else:
        graph, old = changed(whole)
        grown = graphcondense.update(small, graph, nodes=15, old_nodes=old, progress=False)
    assert torch.equal((grown.assignment >= 0).nonzero().flatten(), graph.train.sort().values)
    before = small.assignment[old.clamp_min(0)].where(old >= 0, -1)
    for group in range(9):
        assert len(set(grown.assignment[graph.train][before[graph.train] == group].tolist())) < 2


def test_no_group_that_is_left_is_refused(whole: NodeTask, early: NodeTask) -> None:
    """Other nodes train now, and the groups were of those of before."""
    small = graphcondense.condense(
        early, "heavy-edge", nodes=6, setting="inductive", progress=False
    )
    others = replace(whole, train=whole.test[:30], test=whole.test[30:], val=whole.val)
    with pytest.raises(ValueError, match="no training node of before is a training node now"):
        graphcondense.update(small, others, nodes=9, progress=False)


def test_groups_of_some_nodes_alone_are_refused(whole: NodeTask, early: NodeTask) -> None:
    small = graphcondense.condense(
        early, "heavy-edge", nodes=6, setting="inductive", progress=False
    )
    small.assignment = small.assignment[early.train]  # as it was once
    with pytest.raises(ValueError, match=r"assignment groups \d+ nodes, and .* before had 90"):
        graphcondense.update(small, whole, progress=False)
    graph, old = changed(whole)
    with pytest.raises(ValueError, match=r"groups \d+ of the 90 nodes before; condense anew"):
        graphcondense.update(small, graph, old_nodes=old, progress=False)


def test_links_of_a_graph_that_changed() -> None:
    data = toy_graph(seed=3)
    first = split_links(data.subgraph(torch.arange(120) < 100), negatives=8, val=0.1)
    links = split_links(data.subgraph(torch.arange(120) >= 20), negatives=8, val=0.1)
    old = torch.where(torch.arange(20, 120) < 100, torch.arange(20, 120), -1)
    for name in ("quotient", "heavy-edge"):
        small = graphcondense.condense(first, name, nodes=10, progress=False)
        grown = graphcondense.update(small, links, old_nodes=old, nodes=12, progress=False)
        pairs = {*zip(small.assignment[20:].tolist(), grown.assignment[:80].tolist(), strict=True)}
        if name != "quotient":
            assert len(pairs) == len({one for one, _ in pairs}), "groups before stay together"


# --- a finished update, and sets of earlier versions --------------------------------------------


def test_a_finished_update_is_given_back(whole: NodeTask, early: NodeTask, tmp_path: Path) -> None:
    """That of this set alone, by the same numbering, and no run without one."""
    small, other = (
        graphcondense.condense(early, "quotient", nodes=9, seed=seed, progress=False)
        for seed in (0, 1)
    )
    old = torch.arange(120).where(torch.arange(120) < 90, -1)

    def update(small: Any = small, **more: Any) -> Any:
        return graphcondense.update(small, whole, out=tmp_path / "run", progress=False, **more)

    with pytest.raises(ValueError, match=r"resume=True cannot act: .*update"):
        update(resume=True)
    first = update()
    assert graphcondense.load(tmp_path / "run").condensed == first.condensed
    assert first.condensed["updated_from"] == small.condensed["hash"]
    assert update(resume=True).condensed == first.condensed
    with pytest.raises(ValueError, match="is of another run: updated_from is"):
        update(other, resume=True)
    with pytest.raises(ValueError, match="is of another run: old_nodes is"):
        update(resume=True, old_nodes=old)
    with pytest.raises(ValueError, match="is of another run: updated_from is"):
        graphcondense.condense(
            whole, "quotient", nodes=9, out=tmp_path / "run", resume=True, progress=False
        )
    first = update(old_nodes=old)
    assert update(resume=True, old_nodes=old).condensed == first.condensed
    with pytest.raises(ValueError, match="is of another run: old_nodes is"):
        update(resume=True, old_nodes=old.where(torch.arange(120) > 0, -1))


def test_soft_labels_of_an_earlier_version_are_updated() -> None:
    """Their classes were counted as tasks."""
    data = toy_graph()
    data.y = torch.softmax(torch.randn(120, 3, generator=torch.Generator().manual_seed(0)), 1)
    data.label_kind = "soft"
    small = graphcondense.condense(data, "quotient", nodes=9, progress=False)
    new = graphcondense.update(small, data, progress=False)
    about = small.condensed["data"]
    about["tasks"] = about.pop("classes")
    assert (
        graphcondense.update(small, data, progress=False).condensed["hash"]
        == (new.condensed["hash"])
    )
    about["tasks"] = 4
    with pytest.raises(ValueError, match=r"has 4 classes, the new data 3; condense anew"):
        refuse_other(about, new.condensed["data"])
    with pytest.raises(ValueError, match=r"has soft label kind, the new data classes"):
        refuse_other(about, {**about, "label_kind": "classes"})
