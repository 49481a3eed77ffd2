"""The zoo: every set that comes with the package or lies in the repository, and zoos of users."""

from __future__ import annotations

import json
import math
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Data
from torch_geometric.nn import GCN

import graphcondense
from graphcondense import cli, core, run, zoo
from graphcondense.data import graph_hash
from graphcondense.evaluate import evaluate
from graphcondense.nn.batched import MODELS
from graphcondense.ops.budget import Budget
from graphcondense.saved.condensed import load_bytes
from graphcondense.uses import membership_inference
from graphcondense.zoo.entry import hash_of, in_order
from tests.cases import script, toy_graph
from tests.targets import targets_graph
from tests.toys import toy_hetero

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDERS = {"package": zoo.FOLDER, "repository": REPOSITORY / "datasets" / "zoo"}
SETS = [(folder, name) for folder in FOLDERS for name in zoo.entries(FOLDERS[folder])]
ORIGIN: dict[str, Any] = {"licence": "CC BY 4.0", "source": "a toy"}
MOST = 12_000_000


@pytest.fixture(scope="module")
def small() -> Any:
    return graphcondense.condense(toy_graph(), "gecc", nodes=6, progress=False)


@pytest.mark.parametrize(("folder", "name"), SETS)
def test_every_set_is_what_its_index_and_card_say(folder: str, name: str) -> None:
    home = FOLDERS[folder]
    entry = zoo.entries(home)[name]
    file = home / f"{name}.safetensors"
    assert hash_of(file.read_bytes()) == entry.sha256
    assert file.stat().st_size == entry.bytes
    made = zoo.load(name, folder=home)
    assert graph_hash(made) == made.condensed["hash"]
    assert (made.num_nodes, made.num_edges) == (entry.nodes, entry.edges)
    assert made.condensed["method"] == entry.method
    assert made.condensed["data"]["name"] == entry.data
    assert entry.licence
    assert entry.source
    assert set(entry.scores) <= set(MODELS)
    assert "GCN" in entry.scores
    card = (home / f"{name}.md").read_text()
    for text in (entry.sha256, entry.command, f"| GCN | {entry.scores['GCN']['mean']} ±"):
        assert text in card


def test_the_folders_hold_nothing_else_and_are_small() -> None:
    total = 0
    for home in FOLDERS.values():
        known = {f"{name}{end}" for name in zoo.entries(home) for end in (".safetensors", ".md")}
        assert {path.name for path in home.iterdir()} == {*known, "zoo.json"}
        total += sum(path.stat().st_size for path in home.iterdir())
    assert total < MOST
    built_in = sum(path.stat().st_size for path in zoo.FOLDER.iterdir())
    assert built_in < 4_500_000, "every wheel has these"


def test_the_default_condenser_has_three_sizes_of_each_data_set() -> None:
    rows = zoo.entries().values()
    assert {row.method for row in rows} == {"quotient"}
    for data in ("cora", "citeseer", "computers", "debian", "digits"):
        assert len([row for row in rows if row.data == data]) == 3


def test_the_maker_and_the_index_agree() -> None:
    maker = script(REPOSITORY / "datasets" / "make_zoo.py")
    names = {maker.name_of(*cell): maker.home_of(cell[2]) for cell in maker.cells()}
    assert names == {name: FOLDERS[folder] for folder, name in SETS}


SNIPPET = re.compile(r"```python\n(.*?)```", re.DOTALL)
ALONE = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "graphcondense":
            raise ImportError("this environment has PyG alone")

sys.meta_path.insert(0, Refused())
"""


def snippet_of(home: Path, name: str) -> str:
    """The first one of a card: with PyG alone."""
    found = SNIPPET.search((home / f"{name}.md").read_text())
    assert found is not None
    return found[1]


def users_sets(folder: Path) -> list[str]:
    """A zoo with sets dense and by row, whole and at half the width, of which not all nodes train;
    its names."""
    names = []
    for fill, compact in [(1.0, False), (1.0, True), (0.05, False), (0.05, True)]:
        data = toy_graph()
        data.x = torch.where(torch.rand(data.x.shape) < fill, data.x, 0.0)
        made = graphcondense.condense(data, "random", nodes=9, progress=False)
        made.train_mask = torch.arange(9) < 8
        names.append(f"toy-{'half' if compact else 'whole'}-{'dense' if fill == 1 else 'rows'}")
        zoo.push(made, folder, name=names[-1], compact=compact, **ORIGIN)
        assert ("sparse_csr_tensor" in snippet_of(folder, names[-1])) == (fill < 1)
    return names


def test_cards_open_their_sets_without_this_package(tmp_path: Path) -> None:
    """All in one process in which graphcondense cannot be imported; equal tensors come out."""
    sets = [(FOLDERS[folder], name) for folder, name in SETS]
    sets += [(tmp_path, name) for name in users_sets(tmp_path)]
    parts = [ALONE, "import os, json, torch", "out = {}"]
    for folder, name in sets:
        code = snippet_of(folder, name)
        assert len(code.strip().splitlines()) <= 10
        parts += [f"os.chdir({str(folder)!r})", code, "data.validate()"]
        parts += [f"out[{name!r}] = data.to_dict()"]
    parts += [
        "assert 'graphcondense' not in sys.modules",
        f"torch.save(out, {str(tmp_path / 'o')!r})",
    ]
    command = [sys.executable, "-W", "ignore", "-c", "\n".join(parts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    out = torch.load(tmp_path / "o")
    for folder, name in sets:
        found, told = out[name], zoo.load(name, folder=folder)
        for key, tensor in found.items():
            assert tensor.dtype == told[key].dtype
            assert torch.equal(tensor, told[key]), (name, key)
        assert {"x", "edge_index", "y"} <= found.keys()


def test_two_lines_in_a_program_of_pyg() -> None:
    """A plain GCN of PyG, trained on 50 nodes, classifies the real images."""
    data: Any = zoo.load("digits-50")
    real: Any = graphcondense.data.load("digits")
    torch.manual_seed(0)
    model = GCN(64, 64, 2, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        out = model(data.x, data.edge_index, edge_weight=data.edge_weight)
        F.cross_entropy(out, data.y).backward()
        optimizer.step()
    model.eval()
    right = model(real.x, real.edge_index).argmax(1) == real.y
    assert right[real.test_mask].float().mean() > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "name"), SETS)
def test_scores_are_within_noise(folder: str, name: str, data_root: Path) -> None:
    """A GCN of other seeds: within four standard errors of the means, and two points."""
    entry = zoo.entries(FOLDERS[folder])[name]
    where = next((p for p in (data_root / "pyg", data_root / "graphs", data_root)), data_root)
    row = graphcondense.data.datasets(entry.data, data_root)[0]
    if not row["local"]:
        pytest.skip(f"no {entry.data} in {where}")
    real = graphcondense.data.load(entry.data, root=data_root)
    made = zoo.load(name, folder=FOLDERS[folder])
    every = int(re.search(r"validated every (\d+)", entry.protocol)[1])  # type: ignore[index]
    report = evaluate(
        made,
        real,
        models=["GCN"],
        seeds=[10, 11, 12],
        baselines=None,
        plain_epochs=0,
        val_every=every,
        progress=False,
    )
    found, told = report.rows[0], entry.scores["GCN"]
    spread = (told["std"] ** 2 + (100 * found.test_selected_std) ** 2) ** 0.5 / 3**0.5
    assert abs(100 * found.test_selected - told["mean"]) < 2 + 4 * spread


# --- zoos of users -------------------------------------------------------------------------------


def test_push_load_get(small: Any, tmp_path: Path) -> None:
    path = zoo.push(small, tmp_path / "mine", name="toy-6", **ORIGIN)
    assert path == tmp_path / "mine" / "toy-6.safetensors"
    assert graph_hash(zoo.load("toy-6", folder=tmp_path / "mine")) == graph_hash(small)
    entry = zoo.entries(tmp_path / "mine")["toy-6"]
    assert (entry.dtype, entry.method, entry.scores) == ("float32", "gecc", {})
    assert "No model was measured" in path.with_suffix(".md").read_text()
    zoo.push(small, tmp_path / "mine", name="toy-6", **ORIGIN)  # the same again
    copied = zoo.get("toy-6", tmp_path / "yours", folder=tmp_path / "mine")
    assert copied.read_bytes() == path.read_bytes()
    assert zoo.entries(tmp_path / "yours") == zoo.entries(tmp_path / "mine")


def test_other_content_is_not_replaced_in_silence(small: Any, tmp_path: Path) -> None:
    zoo.push(small, tmp_path, name="toy-6", **ORIGIN)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = small.clone()
    other.x = other.x + 1
    for change in ({}, {"licence": "another"}):
        with pytest.raises(ValueError, match="has another toy-6"):
            zoo.push(other if not change else small, tmp_path, name="toy-6", **{**ORIGIN, **change})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    zoo.push(other, tmp_path, name="toy-6", overwrite=True, **ORIGIN)
    assert graph_hash(zoo.load("toy-6", folder=tmp_path)) == graph_hash(other)
    (tmp_path / "stray.safetensors").write_bytes(b"somebody's")
    with pytest.raises(ValueError, match="has another stray"):
        zoo.push(small, tmp_path, name="stray", **ORIGIN)


def test_a_changed_file_is_refused(small: Any, tmp_path: Path) -> None:
    path = zoo.push(small, tmp_path, name="toy-6", **ORIGIN)
    blob = bytearray(path.read_bytes())
    blob[-1] ^= 1
    path.write_bytes(blob)
    for work in (
        lambda: zoo.load("toy-6", folder=tmp_path),
        lambda: zoo.get("toy-6", "x", folder=tmp_path),
    ):
        with pytest.raises(ValueError, match="is refused: its SHA-256 is"):
            work()
    path.unlink()
    with pytest.raises(ValueError, match=r"names toy-6, but .* is not there"):
        zoo.load("toy-6", folder=tmp_path)


def test_what_was_checked_is_what_is_opened(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is replaced once it has been hashed is not read again."""
    path = zoo.push(small, tmp_path, name="toy-6", **ORIGIN)
    whole = graphcondense.load(zoo.get("toy-6", tmp_path / "copy", folder=tmp_path))

    def then_replaced(blob: bytes) -> str:
        path.write_bytes(b"somebody's")
        return hash_of(blob)

    monkeypatch.setattr(zoo, "hash_of", then_replaced)
    opened = zoo.load("toy-6", folder=tmp_path)
    assert path.read_bytes() == b"somebody's"
    assert opened.keys() == whole.keys()
    assert graph_hash(opened) == graph_hash(whole)
    assert opened.condensed == whole.condensed


@pytest.mark.parametrize("blob", [b"", b"none", b"\2" + 7 * b"\0" + b"{}"])
def test_bytes_that_are_no_set_are_told(blob: bytes) -> None:
    with pytest.raises(ValueError, match=r"a\.safetensors is not a (readable|condensed)"):
        load_bytes(blob, Path("a.safetensors"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "a"}, "the licence of the data of 'data' is not known: give licence="),
        ({"licence": "MIT"}, "the source of the data of 'data' is not known"),
        ({**ORIGIN, "name": "../up"}, r"'../up' is no name of a set"),
        ({**ORIGIN, "name": "Cora"}, "'Cora' is no name of a set"),
        ({**ORIGIN, "scores": {"GCN": {"mean": 1.0}}}, "score of GCN must be"),
        ({**ORIGIN, "scores": {"GCN": {"mean": 1.0, "std": 0.1}}}, "scores need protocol="),
        ({**ORIGIN, "scores": {"GCN": 3}}, "score of GCN must be"),
        ({**ORIGIN, "scores": {"GCN": {"mean": math.nan, "std": 0.1}}}, "must be finite"),
        ({**ORIGIN, "scores": {"GCN": {"mean": 1.0, "std": -1e9}}}, "must be finite"),
        ({**ORIGIN, "scores": 3}, "give a mapping such as"),
        ({**ORIGIN, "scores": {}, "protocol": 3}, "protocol cannot be '3': give a text"),
        ({**ORIGIN, "command": 3}, "command cannot be '3': give a text"),
        ({**ORIGIN, "command": "\ud800"}, "is no Unicode"),
        ({**ORIGIN, "licence": 3}, "licence=3: give a text"),
        ({**ORIGIN, "source": ["x"]}, r"source=\['x'\]: give a text"),
        ({**ORIGIN, "notes": "abc"}, "give a list of sentences"),
        ({**ORIGIN, "notes": [3]}, "notes must be texts"),
        ({**ORIGIN, "overwrite": "no"}, "overwrite='no' must be True or False"),
        ({**ORIGIN, "compact": "no"}, "compact='no' must be True or False"),
    ],
)
def test_what_push_refuses(
    small: Any, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        zoo.push(small, tmp_path / "mine", **options)
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "has format 2, this graphcondense reads 1"),
        ({"entries": []}, "must have format and entries"),
        ({"entries": {"a": {}}}, "entry 'a' has other fields than an entry has"),
        ({"entries": {"../a": {}}}, "'../a' is no name"),
        ({"sha256": "abc"}, "sha256 cannot be 'abc'"),
        ({"bytes": "9"}, "bytes cannot be '9'"),
        ({"nodes": True}, "nodes cannot be 'True'"),
        ({"nodes": -5}, "nodes cannot be '-5'"),
        ({"nodes": 10**30}, "nodes cannot be"),
        ({"nodes": 10**12}, "do not hold 1000000000000 nodes"),
        ({"bytes": 1}, "bytes cannot be 1"),
        ({"edges": -1}, "edges cannot be '-1'"),
        ({"seed": -1}, "seed cannot be '-1'"),
        ({"dtype": "float33"}, "dtype cannot be 'float33': it is one of"),
        ({"scores": {"GCN": {"mean": math.nan, "std": 1.0}}}, "must be finite"),
        ({"scores": {"GCN": {"mean": 1.0, "std": math.inf}}}, "must be finite"),
        ({"scores": {"GCN": {"mean": 1.0, "std": -1e9}}}, "its std not below 0"),
        ({"scores": {"GCN": 3}}, "score of GCN must be"),
        ({"notes": [3]}, "notes must be texts"),
    ],
)
def test_damaged_indices_are_told(
    small: Any, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    zoo.push(small, tmp_path, name="toy-6", **ORIGIN)
    content = json.loads((tmp_path / "zoo.json").read_text())
    target = content if change.keys() & {"format", "entries"} else content["entries"]["toy-6"]
    target.update(change)
    (tmp_path / "zoo.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        zoo.entries(tmp_path)


def test_no_zoo_and_no_such_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no zoo: it has no zoo.json"):
        zoo.entries(tmp_path)
    with pytest.raises(ValueError, match=r"no set is called 'cora-7' .*cora-70.*datasets/zoo"):
        zoo.load("cora-7")


def test_a_run_brings_its_scores(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """Those that evaluate wrote beside it, unless the set that is stored is another."""
    data = toy_graph()
    run = tmp_path / "run"
    made = graphcondense.condense(data, "gecc", nodes=6, out=run, progress=False)
    report = evaluate(made, data, models=["SGC"], seeds=2, baselines=["random"], epochs=5)
    report.to_json(run / "evaluation.json")
    zoo.push(run, tmp_path, name="a", **ORIGIN)
    entry = zoo.entries(tmp_path)["a"]
    row = next(row for row in report.rows if row.label == "condensed")
    assert entry.scores["SGC"]["mean"] == round(100 * row.test_selected, 2)
    assert "2 trainings of 5 epochs" in entry.protocol
    assert entry.notes == []
    membership_inference({"gecc": made}, data, folds=2, seeds=2, epochs=5, random_draws=0).keep(run)
    path = zoo.push(run, tmp_path, name="attacked", notes=["Made by hand."], **ORIGIN)
    first, said = zoo.entries(tmp_path)["attacked"].notes
    assert first == "Made by hand."
    assert re.match(
        r"Membership inference on a GCN: logistic attack in 2 folds, \d+ members and as many "
        r"non-members, 2 trainings of 5 epochs \(seeds 0, 1\)\. AUC in %, where 50 is a guess: "
        r"gecc [\d.]+( ± [\d.]+)?, whole [\d.]+",
        said,
    )
    assert "Membership inference on a GCN" in path.with_suffix(".md").read_text()
    made.condensed["privacy"] = {"epsilon": 4.0}
    graphcondense.save(made, run)
    with pytest.warns(UserWarning, match="private was made under differential privacy, so"):
        path = zoo.push(run, tmp_path, name="private", notes=["By hand."], **ORIGIN)
    private = zoo.entries(tmp_path)["private"]
    assert (private.notes, private.scores, private.protocol) == (["By hand."], {}, "")
    assert not re.search("AUC|GCN", path.with_suffix(".md").read_text())
    given = {"SGC": {"mean": 50.0, "std": 1.0}}
    with pytest.warns(UserWarning, match="under differential privacy"):
        zoo.push(run, tmp_path, name="given", scores=given, protocol="as we say", **ORIGIN)
    assert zoo.entries(tmp_path)["given"].scores == given
    with pytest.warns(UserWarning, match="it is not of the set that is stored"):
        zoo.push(run, tmp_path, name="b", compact=True, **ORIGIN)
    assert zoo.entries(tmp_path)["b"].scores == {}
    assert zoo.entries(tmp_path)["b"].notes == []


def remade(tmp_path: Path, made: Any, name: str) -> tuple[str, Any]:
    """The command of a set's entry, and what it makes."""
    zoo.push(made, tmp_path, name=name, overwrite=True, **ORIGIN)
    command = zoo.entries(tmp_path)[name].command
    out = str(tmp_path / name)
    assert cli.main([*shlex.split(command)[1:], "--out", out, "--quiet", "--overwrite"]) == 0
    return command, graphcondense.load(out)


def test_the_command_of_a_set_makes_that_set(tmp_path: Path) -> None:
    """With every field that is not the method's default, by any budget."""
    digits = graphcondense.data.load("digits")
    quick: dict[str, Any] = {"steps": 2, "progress": False}
    options: dict[str, Any] = {"rule": "equal", "labels": "hard", "stretch": 0.0, "plain": False}
    made = graphcondense.condense(digits, "quotient", nodes=20, sharpness=2.0, **options, **quick)
    command, again = remade(tmp_path, made, "fields")
    for words in ("--rule equal", "--labels hard", "--stretch 0.0", "--no-plain", "--seed 0"):
        assert words in command
    assert "--hops" not in command
    assert graph_hash(again) == graph_hash(made)
    options = {"seed": 3, "setting": "inductive"}
    made = graphcondense.condense(digits, "kcenter", per_class=2, **options, progress=False)
    command, again = remade(tmp_path, made, "budget")
    assert "--per-class 2 --seed 3 --setting inductive" in command
    assert graph_hash(again) == graph_hash(made)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, "graphcondense condense quotient --data cora --nodes 9 --seed 0"),
        ({"budget": {"asked": {"nodes": 9, "rule": "remainder"}}}, "--seed 0 --rule remainder"),
        ({"hyperparameters": {"penalty": 2.5, "labels": None}}, "--labels null --penalty 2.5"),
        ({"preset": "paper"}, "--seed 0 --preset none"),
        ({"data": {"name": "data"}}, ""),
        ({"hyperparameters": {"gone": 1}}, ""),
        ({"choice": {"seeds": [0, 1]}}, ""),
        ({"pseudo_labels": 3}, ""),
        ({"learners": 2}, ""),
        ({"validation": {"nodes": 7}}, ""),
        ({"method": "mine"}, ""),
        ({"seed": None}, ""),
        ({"budget": 3}, ""),
        ({"budget": {"asked": {"nodes": {"a": 1}}}}, ""),
    ],
)
def test_a_command_says_all_that_differs_or_there_is_none(
    small: Any, tmp_path: Path, change: dict[str, Any], wanted: str
) -> None:
    made = small.clone()
    usual = core.method.hyperparameters(run.build("quotient", "node", nodes=9))
    asked = {"nodes": 9, "of": "labelled", "rule": usual["rule"]}
    own = {k: v for k, v in usual.items() if k not in {f.name for f in fields(Budget)}}
    record: dict[str, Any] = {"method": "quotient", "kind": "node", "seed": 0, "preset": None}
    record |= {"budget": {"asked": asked}, "data": {"name": "cora"}, "hyperparameters": own}
    inside = {"hyperparameters": {**own, **change.get("hyperparameters", {})}}
    made.condensed = {**record, **change, **inside}
    zoo.push(made, tmp_path, name="a", **ORIGIN)
    command = zoo.entries(tmp_path)["a"].command
    assert command.endswith(wanted) if wanted else not command
    assert ("by `graphcondense" in (tmp_path / "a.md").read_text()) == bool(wanted)
    # A field that came since: what it was when the set was made is not known.
    del made.condensed["hyperparameters"]["penalty"]
    zoo.push(made, tmp_path, name="old", **ORIGIN)
    assert zoo.entries(tmp_path)["old"].command == ""


def test_a_single_training_has_no_spread(tmp_path: Path, capsys: Any) -> None:
    """In the index, on the card and in the list; also of a file that says 0 of it."""
    data, run = toy_graph(), tmp_path / "run"
    made = graphcondense.condense(data, "gecc", nodes=6, out=run, progress=False)
    report = evaluate(made, data, models=["GCN"], seeds=1, baselines=[], epochs=5)
    saved = json.loads(report.to_json())
    saved["rows"][0]["test_selected_std"] = 0.0
    (run / "evaluation.json").write_text(json.dumps(saved))
    path = zoo.push(run, tmp_path / "zoo", name="a", **ORIGIN)
    entry = zoo.entries(tmp_path / "zoo")["a"]
    assert entry.scores["GCN"]["std"] is None
    assert "at the best validation epoch; one training of 5 epochs" in entry.protocol
    assert f"| GCN | {entry.scores['GCN']['mean']} |" in path.with_suffix(".md").read_text()
    assert cli.main(["zoo", "list", "--folder", str(tmp_path / "zoo")]) == 0
    assert "±" not in capsys.readouterr().out


def test_a_push_that_was_killed_is_done_again(small: Any, tmp_path: Path) -> None:
    """Its file has its place, the card and the index have not."""
    path = zoo.push(small, tmp_path, name="a", **ORIGIN)
    path.with_suffix(".md").unlink()
    (tmp_path / "zoo.json").unlink()
    zoo.push(small, tmp_path, name="a", **ORIGIN)
    other = small.clone()
    other.x = other.x + 1
    before = (tmp_path / "zoo.json").read_bytes()
    zoo.push(other, tmp_path, name="a", overwrite=True, **ORIGIN)
    (tmp_path / "zoo.json").write_bytes(before)
    with pytest.raises(ValueError, match="is refused: its SHA-256"):
        zoo.load("a", folder=tmp_path)
    zoo.push(other, tmp_path, name="a", overwrite=True, **ORIGIN)
    assert graph_hash(zoo.load("a", folder=tmp_path)) == graph_hash(other)


@pytest.mark.parametrize("compact", [False, True])
def test_edges_of_all_relations_are_counted(compact: bool, tmp_path: Path) -> None:
    made: Any = graphcondense.condense(toy_hetero(), "quotient", nodes=9, progress=False)
    zoo.push(made, tmp_path, name="toy-9", compact=compact, **ORIGIN)
    entry = zoo.entries(tmp_path)["toy-9"]
    edges = sum(store.edge_index.shape[1] for store in made.edge_stores)
    assert edges > 0
    assert (entry.nodes, entry.edges) == (9, edges)
    assert entry.dtype == ("bfloat16" if compact else "float32")
    card = (tmp_path / "toy-9.md").read_text()
    assert f"to {made.num_nodes} nodes and {edges} edges of all types" in card


def test_what_is_no_set_is_told(small: Any, tmp_path: Path) -> None:
    for wrong in (None, 3, {}, Data()):
        with pytest.raises(ValueError, match="push: give a condensed set"):
            zoo.push(wrong, tmp_path, **ORIGIN)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="export: give a condensed set"):
            graphcondense.export(wrong, tmp_path / "hub", **ORIGIN)  # type: ignore[arg-type]
    odd = small.clone()
    odd.condensed = 3
    with pytest.raises(ValueError, match="the record, must be a dict, got 3"):
        zoo.push(odd, tmp_path, **ORIGIN)
    with pytest.raises(ValueError, match=r"give the name of a set, .* got \['x'\]"):
        zoo.load(["x"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"the current folder is '\.'"):
        graphcondense.export(small, "", **ORIGIN)
    with pytest.raises(ValueError, match="overwrite='no' must be True or False"):
        graphcondense.export(small, tmp_path / "hub", overwrite="no", **ORIGIN)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="overwrite='no' must be True or False"):
        zoo.get("digits-20", tmp_path, overwrite="no")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_scores_of_several_sets_are_not_those_of_one(tmp_path: Path) -> None:
    data, run = toy_graph(), tmp_path / "run"
    both = [
        graphcondense.condense(data, "random", nodes=6, seed=s, out=out, progress=False)
        for s, out in ((0, run), (1, None))
    ]
    options: dict[str, Any] = {"models": "SGC", "seeds": 1, "baselines": [], "epochs": 2}
    evaluate(both, data, **options).to_json(run / "evaluation.json")
    with pytest.warns(UserWarning, match="not of the set that is stored, alone"):
        zoo.push(run, tmp_path, name="a", **ORIGIN)
    assert zoo.entries(tmp_path)["a"].scores == {}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("numbers", "numbers to be predicted, 3 a node, as `torch.nn.functional.mse_loss`"),
        ("soft", r"a probability for each of 3 classes, as `torch.nn.functional.cross_entropy`"),
        ("tasks", r"several labels a node, 3 of them, .*binary_cross_entropy_with_logits"),
    ],
)
def test_cards_tell_labels_and_scores_as_they_are(kind: str, words: str, tmp_path: Path) -> None:
    data, run = targets_graph(kind), tmp_path / "run"
    made = graphcondense.condense(data, "random", nodes=10, out=run, progress=False)
    report = evaluate(made, data, models=["SGC"], seeds=2, baselines=[], epochs=5)
    report.to_json(run / "evaluation.json")
    path = zoo.push(run, tmp_path, name="a", **ORIGIN)
    card = path.with_suffix(".md").read_text()
    assert re.search(words, card)
    assert ("cross_entropy` takes" in card) == (kind == "soft")
    entry = zoo.entries(tmp_path)["a"]
    value, mean = report.rows[0].test_selected, entry.scores["SGC"]["mean"]
    if kind == "numbers":
        assert mean == pytest.approx(value, rel=1e-4)
        assert "rmse in its own unit (lower is better) on 15 test examples" in entry.protocol
    else:
        assert mean == round(100 * value, 2)
        score = {"tasks": "rocauc", "soft": "top1"}[kind]
        assert f"{score} in % on" in entry.protocol


def test_names_are_sorted_as_people_do() -> None:
    names = ["cora-140", "cora-70-gecc", "cora-70", "citeseer-120"]
    assert sorted(names, key=in_order) == ["citeseer-120", "cora-70", "cora-70-gecc", "cora-140"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        assert cli.main(["zoo", *words]) == 0
        return capsys.readouterr().out

    assert re.search(r"digits-20 +digits +quotient +20", said("list"))
    assert list(json.loads(said("list", "--json"))) == list(zoo.entries())
    assert "digits-20.safetensors" in said("get", "digits-20", str(tmp_path / "got"))
    options = ["--to", str(tmp_path / "own"), "--licence", "CC BY 4.0", "--source", "a toy"]
    said("push", str(tmp_path / "got" / "digits-20.safetensors"), *options, "--name", "mine")
    assert "mine" in said("list", "--folder", str(tmp_path / "own"))
    for words, message in (
        ((), "zoo list, zoo get NAME FOLDER or zoo push RUN"),
        (("get", "digits-20"), "takes NAME FOLDER, got 1 words"),
        (("push", "x"), "give --to FOLDER"),
        (("lst",), "zoo 'lst' is nothing to do"),
        (("list", "--licence", "x"), "unknown flag --licence"),
    ):
        assert cli.main(["zoo", *words]) == 2
        assert message in capsys.readouterr().err
