"""Methods by what they are wanted for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

import graphcondense
from graphcondense.cli import main
from graphcondense.core.method import REGISTRY, Method
from graphcondense.measured.figures import Measurement
from graphcondense.measured.goal_tables import ranking_tables
from graphcondense.measured.goals import GOALS, Candidate, Ranked, ranking
from graphcondense.methods import all_methods, candidates
from tests.cases import toy_graph

OWN = [
    *(Candidate(name, "node", name) for name in ("good", "mine", "poor", "quick")),
    Candidate("random", "node", "random"),
]


def order(rows: Sequence[Ranked]) -> list[str]:
    return [row["method"] for row in rows if row["rank"] is not None]


def of(rows: Sequence[Ranked], method: str) -> Ranked:
    return next(row for row in rows if row["method"] == method)


@pytest.mark.parametrize("goal", GOALS)
def test_each_goal_ranks_the_packages_methods(goal: str) -> None:
    rows = graphcondense.methods(goal=goal)
    node = [row for row in rows if row["kind"] == "node"]
    assert order(node)
    assert [row["rank"] for row in node][: len(order(node))] == list(range(1, len(order(node)) + 1))
    for row in rows:
        assert set(row["figures"]) == set(GOALS[goal].figures)
        assert bool(row["cells"]) == (row["rank"] is not None) == (not row["why"])
    json.dumps(rows, allow_nan=False)


def test_fast_is_by_seconds_of_those_above_random(known: list[Measurement]) -> None:
    rows = ranking("fast", OWN, known)
    assert order(rows) == ["quick", "good"]
    figures = {"seconds": 1, "score": 70, "random": 60, "whole": 80}
    assert of(rows, "quick")["figures"] == figures
    assert of(rows, "poor")["why"].startswith("not above random")
    assert of(rows, "mine")["why"] == "not measured"


def test_accuracy_is_by_the_distance_to_whole(known: list[Measurement]) -> None:
    """Good is 2 and 9 points behind: 5.5 in the mean; quick 10, in one cell."""
    rows = ranking("accuracy", OWN, known)
    assert order(rows) == ["good", "quick", "random", "poor"]
    good = of(rows, "good")
    assert good["figures"]["above whole"] == -5.5
    assert good["figures"]["mean score"] == 59.5
    assert good["figures"]["above random"] == 9.5
    assert [(c["data"], c["models"]) for c in good["cells"]] == [
        ("first", ["GCN"]),
        ("second", ["GCN"]),
    ]
    assert order(ranking("accuracy", OWN, known, data="second")) == ["good", "random"]


def test_what_was_measured_in_few_cells_comes_last(known: list[Measurement]) -> None:
    more = [replace(m, budget=f"{n} nodes") for m in known for n in (20, 30) if m.label == "poor"]
    rows = ranking("accuracy", OWN, [*known, *more])
    assert order(rows) == ["good", "random", "poor", "quick"]
    [(_, notes)] = ranking_tables(rows).values()
    assert "less than half as many cells" in notes[0]


def test_transfer_is_the_mean_over_networks_and_tells_the_worst(known: list[Measurement]) -> None:
    """Behind whole: good (2 + 4 + 3) / 3, poor (22 + 4 + 3) / 3, quick (10 + 10 + 25) / 3."""
    rows = ranking("transfer", OWN, known)
    assert order(rows) == ["good", "poor", "quick", "random"]
    assert [of(rows, n)["figures"]["above whole"] for n in ("good", "poor")] == [-3, -9.67]
    assert of(rows, "quick")["figures"]["worst"] == 50
    assert of(rows, "quick")["figures"]["worst with"] == "GAT, first, 10 nodes"
    assert of(rows, "good")["figures"]["models"] == "3"


def test_structure_has_edges_and_tau(known: list[Measurement]) -> None:
    rows = ranking("structure", OWN, known)
    assert order(rows) == ["good", "poor", "random"]
    assert of(rows, "good")["figures"]["tau x 100"] == 44
    assert of(rows, "poor")["figures"]["tau x 100"] is None
    assert of(rows, "quick")["why"].startswith("no edges")
    assert "not measured" in ranking_tables(rows)["node"][0].text()


def test_privacy_is_the_lowest_area(known: list[Measurement]) -> None:
    rows = ranking("privacy", OWN, known)
    assert order(rows) == ["quick"]
    assert of(rows, "quick")["figures"] == {"attack AUC": 52, "whole": 80, "score": None}
    assert of(rows, "good")["why"] == "not measured"


def test_coarsen_asks_for_an_assignment(known: list[Measurement]) -> None:
    some = [c._replace(assigns=c.name in ("poor", "mine")) for c in OWN]
    rows = ranking("coarsen", some, known)
    assert order(rows) == ["poor"]
    assert [row["method"] for row in rows] == ["poor", "mine"]


def test_who_says_so_gives_an_assignment() -> None:
    """Of all methods without a loop: ``assigns`` is what comes out."""
    data = toy_graph()
    seen = set()
    for (name, kind), cls in all_methods().items():
        if kind == "node" and cls.cost in ("selection", "closed form"):
            small = graphcondense.condense(data, name, nodes=9, progress=False)
            assert isinstance(getattr(small, "assignment", None), torch.Tensor) == cls.assigns, name
            seen.add(cls.assigns)
    assert seen == {True, False}
    looped = {key for key, c in all_methods().items() if c.cost not in ("selection", "closed form")}
    # Of heterogeneous graphs it is looked at in tests/methods/test_hgcond.py.
    assert {key for key in looped if all_methods()[key].assigns} == {("hgcond", "hetero")}


def test_a_method_of_a_user_is_not_measured() -> None:
    before = dict(REGISTRY)
    try:

        class Mine(Method):
            name = "mine-of-a-user"
            kind = "node"

            def solve(self, real, rng):  # type: ignore[no-untyped-def]
                raise NotImplementedError

        assert any(c.name == "mine-of-a-user" for c in candidates())
        found = of(graphcondense.methods("node", goal="transfer"), "mine-of-a-user")
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)
    assert (found["rank"], found["why"], found["cells"]) == (None, "not measured", [])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"goal": "speed"}, "unknown goal 'speed'; there are fast, accuracy, transfer"),
        ({"goal": "transfr"}, "did you mean transfer"),
        ({"goal": "fast", "data": "arxiv"}, "nothing was measured on data='arxiv'; there are"),
        ({"data": "cora"}, "give goal="),
        (
            {"goal": "fast", "kind": "nodes"},
            "kind='nodes'; there are graph, hetero, image",
        ),
    ],
)
def test_what_is_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        graphcondense.methods(**options)  # type: ignore[call-overload]


def test_data_may_be_spelled_freely() -> None:
    assert graphcondense.methods(goal="fast", data="Cora") == graphcondense.methods(
        goal="fast", data="cora"
    )


def test_the_command_prints_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--goal", "transfer", "--data", "cora"]) == 0
    out = capsys.readouterr().out
    assert "transfer, node data:" in out
    assert "worst with" in out
    assert "Measured on: cora 140 nodes, cora 35 nodes, cora 70 nodes with APPNP" in out
    assert main(["methods", "gcond", "--goal", "transfer", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in shown] == ["gcond"]
    assert shown[0] == of(graphcondense.methods(goal="transfer"), "gcond")
    for words, said in (("--goal speed", "unknown goal 'speed'"), ("--data cora", "--goal")):
        assert main(["methods", *words.split()]) != 0
        assert said in capsys.readouterr().err
