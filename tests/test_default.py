"""What is condensed by where nobody says: the method, the budget; and several sizes in one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import graphcondense
from graphcondense import cli
from graphcondense.data import graph_hash
from graphcondense.data.link_reading import split_links
from graphcondense.kinds import KINDS
from graphcondense.methods import all_methods, find_method
from graphcondense.methods.quotient import Quotient
from graphcondense.ops.coarsen import ward
from tests.cases import toy_graph, toy_graphs, toy_images, toy_rows

QUIET: dict[str, Any] = {"progress": False}


# --- the default method ----------------------------------------------------------------------


def test_every_kind_has_a_default_method_and_the_words_say_which() -> None:
    text = graphcondense.condense.__doc__ or ""
    for kind in KINDS.values():
        assert find_method(kind.default, kind.name)[0].kind == kind.name
        assert f'``"{kind.default}"``' in text


@pytest.mark.parametrize(
    ("data", "size", "options"),
    [
        (toy_graph, 9, {}),
        (toy_graphs, 6, {}),
        (toy_images, 6, {"epochs": 1, "validations": 0}),
        (toy_rows, 6, {"steps": 2, "validations": 0}),
    ],
)
def test_the_method_follows_from_the_data(data: Any, size: int, options: dict[str, Any]) -> None:
    small: Any = graphcondense.condense(data(), size=size, **options, **QUIET)
    kind = small.condensed["kind"]
    named: Any = graphcondense.condense(data(), KINDS[kind].default, size=size, **options, **QUIET)
    assert small.condensed["method"] == KINDS[kind].default
    assert small.condensed["hash"] == named.condensed["hash"]


def test_the_transform_takes_the_default() -> None:
    pipeline = graphcondense.Condense(nodes=9)
    assert f"{pipeline}" == "Condense(nodes=9)"
    assert pipeline(toy_graph()).condensed["method"] == "quotient"
    with pytest.raises(ValueError, match=r"sizes=\(3, 9\) makes several graphs, and a transform"):
        graphcondense.Condense(sizes=(3, 9))


# --- the default budget ----------------------------------------------------------------------


def test_ten_a_class_without_a_budget(capsys: pytest.CaptureFixture[str]) -> None:
    """60 of 120 nodes are labelled, in three classes."""
    small = graphcondense.condense(toy_graph(), **QUIET)
    said = "quotient: no budget was given, so nodes=30, 10 examples a class; nodes= sets another\n"
    assert capsys.readouterr().err == said
    budget = small.condensed["budget"]
    assert budget["asked"]["nodes"] == small.num_nodes == 30
    assert budget["default"] == "10 examples a class"
    given = graphcondense.condense(toy_graph(), nodes=30, **QUIET)
    assert given.condensed["hash"] == small.condensed["hash"]
    assert "default" not in given.condensed["budget"]
    assert capsys.readouterr().err == ""
    named = graphcondense.condense(toy_graph(), "Quotient", **QUIET)
    assert named.condensed["budget"] == budget, "the default, spelled out"


def test_never_above_half_of_the_labelled(capsys: pytest.CaptureFixture[str]) -> None:
    data = toy_graph()
    first = data.train_mask.nonzero().flatten()
    data.train_mask[first[15:]] = False
    small = graphcondense.condense(data, **QUIET)
    assert small.num_nodes == 7
    assert small.condensed["budget"]["default"] == "half of the labelled examples"
    assert "nodes=7, half of the labelled examples" in capsys.readouterr().err
    data.train_mask[:] = False
    data.train_mask[[int(first[data.y[first] == c][0]) for c in range(3)]] = True
    with pytest.raises(ValueError, match=r"give a budget, such as nodes=3: .* there are 3 of 3"):
        graphcondense.condense(data, **QUIET)


def test_default_budget_of_other_kinds() -> None:
    graphs: Any = graphcondense.condense(toy_graphs(), **QUIET)
    assert (len(graphs), graphs.condensed["budget"]["asked"]["size"]) == (24, 24)
    images: Any = graphcondense.condense(toy_images(), epochs=1, validations=0, **QUIET)
    about = images.condensed["data"]
    assert images.condensed["budget"]["asked"]["size"] == min(
        10 * about["classes"], about["train"] // 2
    )
    with pytest.raises(ValueError, match="give exactly one of nodes="):
        graphcondense.condense(toy_rows(), **QUIET)


def test_only_the_default_method_has_a_default_budget() -> None:
    with pytest.raises(ValueError, match="give exactly one of nodes="):
        graphcondense.condense(toy_graph(), "random", **QUIET)
    small = graphcondense.condense(toy_graph(), Quotient(contrast=1), **QUIET)
    assert small.condensed["budget"]["asked"]["nodes"] == 30


def test_inductive_default() -> None:
    small = graphcondense.condense(toy_graph(), setting="inductive", **QUIET)
    assert small.num_nodes == 30
    assert torch.equal(small.assignment >= 0, toy_graph().train_mask)


# --- several sizes ---------------------------------------------------------------------------


def nested(**options: Any) -> dict[int, Any]:
    found: Any = graphcondense.condense(toy_graph(), sizes=(12, 6, 24), **options, **QUIET)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_one_run_serves_every_size(setting: Any) -> None:
    found = nested(setting=setting, seed=3)
    assert list(found) == [6, 12, 24]
    seen = toy_graph().train_mask if setting == "inductive" else slice(None)
    for n, small in found.items():
        small.validate(raise_on_error=True)
        assert small.num_nodes == n
        assert torch.bincount(small.assignment[seen], minlength=n).min() >= 1
    for coarse, fine in ((6, 12), (12, 24)):
        pairs = torch.stack([found[n].assignment[seen] for n in (fine, coarse)])
        assert pairs.unique(dim=1).shape[1] == fine, "a node of the finer has one of the coarser"
    alone = graphcondense.condense(toy_graph(), nodes=24, setting=setting, seed=3, **QUIET)
    assert graph_hash(alone) == graph_hash(found[24]), "the largest is that of a run of its own"
    again = nested(setting=setting, seed=3)
    assert all(graph_hash(found[n]) == graph_hash(again[n]) for n in found)


def test_records_of_several_sizes(tmp_path: Path) -> None:
    found = nested(out=tmp_path)
    hashes = [graph_hash(small) for small in found.values()]
    for n, small in found.items():
        record = small.condensed
        assert record["budget"]["asked"]["nodes"] == record["nodes"] == n
        assert record["nested"] == {"sizes": [6, 12, 24], "hashes": hashes}
        assert record["hash"] == graph_hash(small)
        assert "teacher" in record["remarks"]
        loaded: Any = graphcondense.load(tmp_path / str(n))
        assert loaded.condensed == json.loads(json.dumps(record))
        config = yaml.safe_load((tmp_path / str(n) / "config.yaml").read_text())
        assert config["sizes"] == [6, 12, 24]
        assert config["hyperparameters"]["nodes"] is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["12", "24", "6"]


def test_a_size_that_is_named_twice_is_one() -> None:
    made = graphcondense.condense(toy_graph(), sizes=[9, 6, 9], progress=False)
    assert [*made] == [6, 9]


def test_one_of_several_sizes_is_evaluated() -> None:
    small = nested()[6]
    report = graphcondense.evaluate(small, toy_graph(), models=["GCN"], seeds=1, epochs=2)
    assert report.rows


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": (2, 6)}, r"sizes=\[2, 6\]: nodes=2 gives 2 examples, below one for each of 3"),
        ({"sizes": (6, 121)}, r"sizes=\[6, 121\]: .*121"),
        ({"sizes": ()}, r"sizes=\(\) must have at least one number"),
        ({"sizes": (6, 0)}, "each must be at least 1"),
        ({"sizes": 6}, "sizes=6 is not"),
        ({"sizes": (6, 9), "nodes": 6}, r"sizes=\(6, 9\) and nodes=6 are two budgets"),
        ({"sizes": (6, 9), "bytes": 600}, r"sizes=\(6, 9\) and bytes=600 are two budgets"),
        ({"sizes": (6, 9), "patience": 2}, "patience=2 cannot act: .*several sizes"),
        (
            {"sizes": (6, 9), "candidates": 2},
            "candidates=2 cannot act: one run makes all of sizes=",
        ),
        ({"sizes": (6, 9), "method": "gcond"}, "gcond makes one size a run; .* quotient can make"),
        ({"sizes": (6, 9), "method": Quotient(nodes=9)}, "and nodes=9 are two budgets"),
    ],
)
def test_sizes_that_cannot_be(options: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        graphcondense.condense(toy_graph(), out=tmp_path / "run", **options, **QUIET)
    assert not (tmp_path / "run").exists(), "nothing is written before the input is checked"


def test_a_method_object_of_several_sizes() -> None:
    found: Any = graphcondense.condense(toy_graph(), Quotient(labels="hard"), sizes=(6, 9), **QUIET)
    assert [(n, len(small.y), small.y.dim()) for n, small in found.items()] == [
        (6, 6, 1),
        (9, 9, 1),
    ]


def test_other_kinds_say_that_no_method_can() -> None:
    with pytest.raises(ValueError, match="of the methods for graph data none can make several"):
        graphcondense.condense(toy_graphs(), "random", sizes=(3, 6), **QUIET)  # type: ignore[call-overload]


def test_update_takes_no_sizes() -> None:
    small = graphcondense.condense(toy_graph(), "gecc", nodes=6, **QUIET)
    with pytest.raises(ValueError, match=r"sizes=\(6, 9\) cannot act: update makes one set"):
        graphcondense.update(small, toy_graph(), sizes=(6, 9))


def test_which_methods_can() -> None:
    assert {name for (name, _), cls in all_methods().items() if cls.nests()} == {
        *("ah-ugc", "quotient")
    }


def test_ward_is_that_of_scipy() -> None:
    """Of single rows, which weigh the same."""
    from scipy.cluster.hierarchy import fcluster, linkage

    rows = np.random.default_rng(0).normal(size=(30, 3))
    tree = linkage(rows, "ward")
    for k, group in zip((1, 4, 11, 30), ward(rows, np.ones(30), (1, 4, 11, 30)), strict=True):
        wanted = fcluster(tree, k, "maxclust")
        assert len({*zip(group.tolist(), wanted.tolist(), strict=True)}) == k == len({*wanted})


def test_ward_of_clusters_is_that_of_their_rows() -> None:
    """Three equal rows and their mean with the weight 3 merge alike."""
    rows = np.random.default_rng(1).normal(size=(8, 2))
    weight = np.array([1, 3, 1, 2, 1, 1, 4, 1])
    groups = ward(rows, weight, (2, 3, 5))
    copies = ward(np.repeat(rows, weight, axis=0), np.ones(weight.sum()), (2, 3, 5))
    firsts = np.cumsum(weight) - weight
    for group, copied in zip(groups, copies, strict=True):
        assert group.tolist() == copied[firsts].tolist()


# --- the command line ------------------------------------------------------------------------


def test_the_command_line_needs_no_method_and_no_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["condense", "--data", "digits"]) == 0
    said = capsys.readouterr()
    assert said.err.count("quotient: no budget was given, so nodes=100, 10 examples a class") == 1
    assert "digits, condensed by quotient, seed 0" in said.out
    assert graphcondense.load("runs/digits-quotient-default-seed0").num_nodes == 100
    assert cli.main(["condense", "--data", "digits", "--nodes", "20", "--labels", "hard"]) == 0
    small = graphcondense.load("runs/digits-quotient-20-seed0")
    assert small.condensed["hyperparameters"]["labels"] == "hard"
    assert cli.main(["condense"]) == 2
    assert "or data: they have a default one" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--sizes", "20", "40"], ["--sizes", "20,40"]])
def test_sizes_on_the_command_line(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["condense", "--data", "digits", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    folders = [Path(f"runs/digits-quotient-20-40-seed0/{n}") for n in (20, 40)]
    assert [one["folder"] for one in found] == [str(folder) for folder in folders]
    for folder, one in zip(folders, found, strict=True):
        assert {"condensed.safetensors", "config.yaml", "graph.png"} <= {*one["files"]}
        assert graphcondense.load(folder).condensed == one["condensed"]
    config = str(folders[0] / "config.yaml")
    assert cli.main(["condense", "--config", config, "--out", "again", "--quiet"]) == 0
    again = [graphcondense.load(f"again/{n}").condensed["hash"] for n in (20, 40)]
    assert again == found[0]["condensed"]["nested"]["hashes"]
    assert cli.main(["condense", "--data", "digits", *words]) == 2
    assert "20 has a finished run; --overwrite" in capsys.readouterr().err
    assert cli.main(["condense", "--config", config, "--nodes", "30", "--out", "one"]) == 0
    assert graphcondense.load("one").num_nodes == 30


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sizes", "20", "x"], "--sizes 20,x: give numbers with commas between"),
        (["--sizes", "20", "30", "--nodes", "20"], "are two budgets: give one of them"),
        (["--sizes", "3", "30"], "sizes=[3, 30]: nodes=3 gives 3 examples, below one for each"),
    ],
)
def test_wrong_sizes_on_the_command_line(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["condense", "--data", "digits", *words]) == 2
    assert said in capsys.readouterr().err


def test_the_report_repeats_a_run_of_several_sizes(tmp_path: Path) -> None:
    from graphcondense.report.runs import read_runs
    from graphcondense.report.sections import flags

    nested(out=tmp_path)
    (run,) = read_runs([tmp_path / "6"])
    assert "--sizes=[6, 12, 24]" in flags(run)
    assert not [word for word in flags(run) if word.startswith("--nodes")]


def test_a_budget_a_class_of_data_without_classes_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = split_links(toy_graph())
    small = graphcondense.condense(task, "random", per_class=7, progress=False)
    assert small.num_nodes == 7
    assert "no classes in one graph whose links" in (said := capsys.readouterr().err)
    assert "so per_class=7 counts all; nodes= says so" in said
