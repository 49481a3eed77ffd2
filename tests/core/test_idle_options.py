"""Options that cannot act are an error before any work; what nobody asked for is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import graphcondense
from graphcondense import cli
from graphcondense.core.engine import Callback
from graphcondense.data.interaction_reading import as_interactions
from graphcondense.run.options import Run
from tests.cases import toy_graph, toy_graphs, toy_hetero, toy_images, toy_rows

QUICK: dict[str, Any] = {"per_class": 1, "progress": False}
DATA: dict[str, Any] = {
    "node": toy_graph,
    "graph": toy_graphs,
    "image": toy_images,
    "rows": toy_rows,
    "hetero": toy_hetero,
}


def refused(said: str, data: Any = None, method: str = "random", **options: Any) -> None:
    data = toy_graph() if data is None else data
    with pytest.raises(ValueError, match=said) as error:
        graphcondense.condense(data, method, **{**QUICK, **options})
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("validations", 5),  # the default, but asked for
        ("validations", 2),
        ("patience", 3),
        ("seconds", 10.0),
        ("resume", True),
        ("checkpoint_seconds", 1.0),
        ("tensorboard", True),
        ("callbacks", [Callback()]),
    ],
)
def test_no_loop_no_options_of_a_loop(kind: str, option: str, value: Any, tmp_path: Path) -> None:
    budget = {"nodes": 4, "per_class": None} if kind == "rows" else {}
    out = tmp_path / "run"
    why = rf"{option}=.* cannot act: no loop is run .*random: selection.*leave it out"
    refused(why, DATA[kind](), out=out, **{option: value}, **budget)
    assert not out.exists()


@pytest.mark.parametrize("method", ["averaging", "gecc", "vng", "heavy-edge", "bonsai", "herding"])
def test_closed_forms_and_choices(method: str) -> None:
    refused(r"patience=2 cannot act: no loop", method=method, patience=2)
    refused(r"callbacks=\['Callback'\] cannot act", method=method, callbacks=[Callback()])


def test_what_asks_for_nothing_is_fine(tmp_path: Path) -> None:
    nothing = {"validations": 0, "patience": None, "seconds": None, "resume": False}
    nothing |= {"tensorboard": False, "pseudo_labels": None, "setting": "transductive"}
    small = graphcondense.condense(toy_graph(), "random", out=tmp_path, **QUICK, **nothing)
    assert small.condensed["validation"] is None


def without_validation() -> Any:
    data = toy_graph()
    data.val_mask = torch.zeros(data.num_nodes, dtype=torch.bool)
    return data


def test_nothing_to_score_on() -> None:
    small = {"epochs": 1, "hidden_channels": 4}
    none = "the data have no validation examples"
    refused(f"validations=2 cannot act: {none}", without_validation(), "doscond-x", validations=2)
    refused(f"patience=2 cannot act: {none}", without_validation(), "doscond-x", patience=2)
    why = "patience=2 cannot act: with validations=0 nothing is scored"
    refused(why, method="doscond-x", patience=2, validations=0)
    record = graphcondense.condense(without_validation(), "doscond-x", **QUICK, **small).condensed
    assert record["validation"] is None


def few(kind: str, count: int) -> Any:
    """Data with so many validation examples."""
    if kind == "image":
        x, y = toy_images()
        last = 60 + count
        parts = {"train": slice(60), "val": slice(60, last), "test": slice(last, None)}
        return {part: (x[at], y[at]) for part, at in parts.items()}
    if kind == "rows":
        rows, split = toy_rows(), as_interactions(toy_rows())
        keep = np.flatnonzero(np.diff(split.val.indptr))[:count]
        some = np.zeros(rows.shape[0])
        some[keep] = 1
        val = sp.csr_matrix(sp.diags_array(some) @ split.val)
        val.eliminate_zeros()
        return {"train": split.train, "val": val, "test": split.test}
    data = toy_graph() if kind == "node" else toy_hetero()
    store = data if kind == "node" else data[next(t for t in data.node_types if "y" in data[t])]
    store.val_mask[store.val_mask.nonzero().flatten()[count:]] = False
    return data


@pytest.mark.parametrize("kind", ["node", "hetero", "image", "rows"])
def test_fewer_than_five_validation_examples_choose_nothing(kind: str) -> None:
    """Whoever would choose: candidates, architectures, or the loop itself."""
    budget = {"nodes": 6, "per_class": None} if kind == "rows" else {}
    why = "cannot act: the data have {} validation examples?, and fewer than 5 choose nothing"
    for count in (1, 4):
        data = few(kind, count)
        refused(f"candidates=2 {why.format(count)}", data, candidates=2, **budget)
        refused(f"budget_seconds=9.0 {why.format(count)}", data, budget_seconds=9.0, **budget)
    said = graphcondense.condense(few(kind, 5), "random", candidates=2, **{**QUICK, **budget})
    assert said.condensed["choice"]["candidates"] == 2


def test_a_loop_of_few_validation_nodes_returns_the_last() -> None:
    """Without a word where nobody asked for scores, whatever those nodes say."""
    how = {**QUICK, "epochs": 2, "hidden_channels": 4}
    made = graphcondense.condense(few("node", 4), "doscond-x", **how).condensed
    last = graphcondense.condense(few("node", 4), "doscond-x", validations=0, **how).condensed
    assert made["validation"] is None
    assert made["hash"] == last["hash"]
    assert graphcondense.condense(few("node", 5), "doscond-x", **how).condensed["validation"]
    for option in ({"validators": "GCN"}, {"validations": 2}, {"patience": 2}):
        refused("4 validation examples, and fewer than 5", few("node", 4), "doscond-x", **option)
    why = "validation_nodes=4 cannot act: fewer than 5 choose nothing"
    refused(why, toy_graph(), "doscond-x", validation_nodes=4)
    graphcondense.condense(toy_graph(), "doscond-x", validation_nodes=5, **how)


def test_nowhere_to_write() -> None:
    why = "cannot act: there is no folder to write into, out="
    refused(f"checkpoint_seconds=5.0 {why}", method="doscond-x", checkpoint_seconds=5.0)
    refused(f"tensorboard=True {why}", method="doscond-x", tensorboard=True)


@pytest.mark.parametrize("kind", ["graph", "image", "rows", "hetero"])
def test_a_setting_is_of_one_graph(kind: str) -> None:
    budget = {"nodes": 4, "per_class": None} if kind == "rows" else {}
    own = "transductive" if kind in ("rows", "hetero") else "inductive"
    other = "inductive" if own == "transductive" else "transductive"
    why = f"setting='{other}' cannot act: {kind} data have one setting, '{own}'"
    refused(why, DATA[kind](), setting=other, **budget)
    for said in ({}, {"setting": own}):  # what is true anyhow may be said
        small = graphcondense.condense(DATA[kind](), "random", **{**QUICK, **budget, **said})
        assert small.condensed["setting"] == own
    refused("pseudo_labels=2 is for one graph", DATA[kind](), pseudo_labels=2, **budget)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("seed", -1, "seed=-1 must be at least 0"),
        ("seed", 10**400, "seed=1000.* must be at least 0 and at most 9.22337e"),
        ("validations", -3, "validations=-3 must be at least 0"),
        ("patience", 0, "patience=0 must be at least 1"),
        ("patience", -1, "patience=-1 must be at least 1"),
        ("pseudo_labels", 0, "pseudo_labels=0 must be at least 1"),
        ("seconds", 0.0, "seconds=0.0 must be above 0"),
        ("seconds", -2.5, "seconds=-2.5 must be above 0"),
        ("cache", "", "cache='' is no path; the current folder is '.'"),
        ("out", "", "out='' is no path"),
        ("checkpoint_seconds", -1.0, "checkpoint_seconds=-1.0 must be at least 0"),
    ],
)
def test_values_out_of_range(option: str, value: Any, said: str) -> None:
    refused(said, method="doscond-x", **{option: value})
    with pytest.raises(ValueError, match=said):
        Run(**{option: value})


def test_update_has_no_loop() -> None:
    small = graphcondense.condense(toy_graph(), "gecc", **QUICK)
    for option in ({"seconds": 1.0}, {"validations": 1}, {"callbacks": [Callback()]}):
        with pytest.raises(ValueError, match=r"cannot act: no loop is run"):
            graphcondense.update(small, toy_graph(), progress=False, **option)  # type: ignore[arg-type]
    assert graphcondense.update(small, toy_graph(), progress=False).condensed["method"] == "gecc"


# --- on the command line ---------------------------------------------------------------------


def main(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = cli.main(list(words))
    return code, capsys.readouterr().err


WORDS = ("condense", "random", "--data", "digits", "--nodes", "10", "--no-progress")


@pytest.mark.parametrize(
    "flags",
    [
        ("--validations", "5"),
        ("--validations=2",),
        ("--patience", "2"),
        ("--seconds", "9"),
        ("--checkpoint-seconds", "20"),
        ("--tensorboard",),
    ],
)
def test_flags(
    flags: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = main(capsys, *WORDS, *flags)
    assert code == 2
    assert "cannot act: no loop is run" in said
    assert not (tmp_path / "runs").exists()


def test_defaults_are_not_a_users_wish(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the command line, and those that stand in the config of an earlier run."""
    monkeypatch.chdir(tmp_path)
    assert main(capsys, *WORDS, "--out", "one")[0] == 0
    again = ("condense", "random", "--config", "one/config.yaml", "--no-progress")
    assert main(capsys, *again, "--out", "two")[0] == 0
    one, two = (graphcondense.load(name).condensed["hash"] for name in ("one", "two"))
    assert one == two
    assert main(capsys, *again, "--seed", "-1", "--out", "three")[0] == 2


@pytest.mark.parametrize("kind", DATA)
def test_what_propagates_nothing_has_no_cache(kind: str, tmp_path: Path) -> None:
    budget = {"nodes": 4, "per_class": None} if kind == "rows" else {}
    refused(
        r"cache=.* cannot act: random .*no propagated features; leave it out",
        DATA[kind](),
        cache=tmp_path / "cache",
        **budget,
    )
    assert not (tmp_path / "cache").exists()
