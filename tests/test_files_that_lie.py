"""Broken files of every format: refused in words, or opened as they were."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

import graphcondense
from graphcondense.cli import main
from graphcondense.core.callbacks import FORMAT, read_checkpoint
from graphcondense.data import as_interactions
from graphcondense.data import load as load_data
from graphcondense.data.known import read_npz
from graphcondense.data.pt import read_pt
from graphcondense.ops.json import read_json, read_json_lines
from graphcondense.report.runs import read_runs
from graphcondense.saved.condensed import save
from tests.formats import FORMATS, graph, real_graph, run_folder
from tests.fuzz import RIGHT, Format, digest, ends, flip


def wrong_of(form: Format, folder: Path, count: int) -> list[str]:
    """What went wrong with ``count`` broken files of a format."""
    found = ends(form, folder, count)
    counts = Counter(end for _, end in found if end in RIGHT)
    assert counts["refused"] or form.remade  # some of them are so broken
    return [f"{one.how} {one.number}: {end}" for one, end in found if end not in RIGHT]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_some_broken_files(form: Format, tmp_path: Path) -> None:
    assert wrong_of(form, tmp_path, 9) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_many_broken_files(form: Format, tmp_path: Path) -> None:
    assert len(FORMATS) * 100 >= 2000
    assert wrong_of(form, tmp_path, 100) == []


@pytest.mark.parametrize("what", ["tensor", "record"])
def test_changed_content_is_told_and_may_be_looked_at(what: str, tmp_path: Path) -> None:
    small = graph()
    path = save(small, tmp_path)
    content = bytearray(path.read_bytes())
    if what == "tensor":
        value = small.x.numpy().tobytes()
        content[content.index(value) + 3] ^= 1
    else:
        content[content.index(b"toy")] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"condensed.safetensors: .*check=False"):
        graphcondense.load(path)
    assert graphcondense.load(path, check=False).num_nodes == 6


def _without_checksum(path: Path, flip: bool) -> None:
    from safetensors.torch import load, save_file

    length = int.from_bytes(path.read_bytes()[:8], "little")
    head = json.loads(path.read_bytes()[8 : 8 + length])["__metadata__"]["graphcondense"]
    head = {name: value for name, value in json.loads(head).items() if name != "sha256"}
    tensors = load(path.read_bytes())
    if flip:
        tensors["x"][0, 0] += 1
    save_file(tensors, path, {"graphcondense": json.dumps(head)})


def test_files_of_earlier_versions_open_and_have_their_hash_compared(tmp_path: Path) -> None:
    path = save(graph(), tmp_path)
    _without_checksum(path, flip=False)
    assert graphcondense.load(path).condensed["method"] == "gcond"
    _without_checksum(path, flip=True)
    with pytest.raises(ValueError, match="its record says"):
        graphcondense.load(path)


def test_a_changed_set_is_saved_and_opens(tmp_path: Path) -> None:
    small = graph()
    small.x = small.x + 1  # its record still has the hash of what it was
    assert torch.equal(graphcondense.load(save(small, tmp_path)).x, small.x)


def test_nothing_is_made_that_a_file_does_not_hold(tmp_path: Path) -> None:
    torch.save(torch.zeros(1).expand(2**40), tmp_path / "wide.pt")
    with pytest.raises(ValueError, match=r"wide.pt was refused: a tensor of shape"):
        read_pt(tmp_path / "wide.pt", "a tensor")
    with pytest.raises(ValueError, match="there is no file"):
        read_npz(tmp_path / "none.npz")


def test_a_damaged_pt_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    torch.save(real_graph(), path)
    content = bytearray(path.read_bytes())
    content[content.index(real_graph().x.numpy().tobytes()) + 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"mine\.pt was refused"):
        load_data(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"mine\.pt was refused"):
        load_data(path)


def test_arrays_are_read_as_they_are(tmp_path: Path) -> None:
    given = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "c": np.zeros((0, 4), bool),
        "d": np.array(3),
        "e": np.array(["x", "yz"]),
    }
    np.savez_compressed(tmp_path / "five.npz", **given)
    found = read_npz(tmp_path / "five.npz")
    assert found.keys() == given.keys()
    for name, array in given.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
        assert found[name].flags.writeable


def test_complex_numbers_are_refused() -> None:
    matrix = sp.csr_matrix(np.eye(4, 9) * (1 + 2j))
    with pytest.raises(ValueError, match="complex"):
        as_interactions(matrix)
    with pytest.raises(ValueError, match="complex"):
        graphcondense.data.CondensedInteractions(matrix)


def test_a_mask_given_as_a_list_is_used(tmp_path: Path) -> None:
    data = real_graph()
    wanted = data.train_mask.clone()
    for split in ("train", "val", "test"):
        data[f"{split}_mask"] = data[f"{split}_mask"].tolist()
    torch.save(data, tmp_path / "lists.pt")
    assert torch.equal(load_data(tmp_path / "lists.pt").train_mask, wanted)


def test_states_of_more_nodes_than_there_are_are_refused(tmp_path: Path) -> None:
    data = Data(**{**real_graph().to_dict(), "num_nodes": 2**40})
    torch.save(data, tmp_path / "many.pt")
    with pytest.raises(ValueError, match=r"many.pt: num_nodes is 1099511627776"):
        load_data(tmp_path / "many.pt")


def test_a_line_that_was_cut_short_does_not_count(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    log = run / "metrics.jsonl"
    whole = log.read_text()
    log.write_text(whole + '{"step": 6, "lo')
    assert len(read_runs([run])[0].metrics) == 5
    assert len(read_json_lines(log)) == 5
    log.write_text('{"step": 1, "lo\n' + whole)
    with pytest.raises(ValueError, match=r"metrics.jsonl, line 1"):
        read_runs([run])


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    engine = {"step": 3, "syn": {"x": torch.arange(100.0)}, "callbacks": {}}
    torch.save({"format": FORMAT, "identity": {"seed": 0}, "engine": engine}, path)
    good = path.read_bytes()
    whole = read_checkpoint(path, {"seed": 0})
    assert whole["step"] == 3
    for seed in range(60):
        path.write_bytes(flip(good, random.Random(seed)))
        try:
            found = read_checkpoint(path, {"seed": 0})
        except ValueError as error:
            assert "checkpoint.pt" in str(error)  # noqa: PT017
        else:
            assert digest(found) == digest(whole)
    content = bytearray(good)
    content[good.index(engine["syn"]["x"].numpy().tobytes()) + 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged.*start over"):
        read_checkpoint(path, {"seed": 0})
    assert read_checkpoint(path, {"seed": 0}, check=False)["step"] == 3


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": 1, "a": 2}', "9" * 400, '"\\ud800"'])
def test_strange_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^cannot read here: "):
        read_json(text, "here")


def _damaged(folder: Path) -> Path:
    """The file of a graph, one bit of whose features has flipped."""
    path = save(graph(), folder)
    content = bytearray(path.read_bytes())
    content[content.index(graph().x.numpy().tobytes()) + 3] ^= 1
    path.write_bytes(content)
    return path


def test_what_was_damaged_stays_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the record, the card and ``show``, also after it was saved whole."""
    small = graphcondense.load(_damaged(tmp_path), check=False)
    why = "opened with check=False although its tensors or its record are not what its checksum"
    assert small.condensed["damaged"].startswith(why)
    again = save(small, tmp_path / "again")
    assert graphcondense.load(again).condensed["damaged"].startswith(why)
    assert f"**Damaged**: {why}" in again.with_suffix(".md").read_text()
    assert main(["show", str(again.parent)]) == 0
    assert f"damaged     {why}" in capsys.readouterr().out
    assert "damaged" not in graphcondense.load(save(graph(), tmp_path), check=False).condensed


def test_check_is_true_or_false(tmp_path: Path) -> None:
    wrong: Any = "no"
    with pytest.raises(ValueError, match="check='no' is not True or False"):
        graphcondense.load(_damaged(tmp_path), check=wrong)


def test_show_says_what_is_believed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(graph(), tmp_path)
    assert main(["show", str(tmp_path)]) == 0
    assert "checksum" not in capsys.readouterr().out
    _without_checksum(path, flip=False)
    assert main(["show", str(tmp_path)]) == 0
    assert re.search(r"checksum +no checksum, as files of earlier", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "2 nodes, 1 edge; it has no record"),
        ({"program": "other", "data": "cora", "validation": [1], "method": 3}, "'other'"),
        ({"data": {"name": "cora", "nodes": 9}, "validation": {"score": "good"}}, "'good'"),
        ({"method": None, "seconds": "a", "nodes": "b", "data": {"nodes": 0}}, "data.nodes"),
    ],
)
def test_show_of_records_of_others(
    record: dict[str, Any] | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = Data(x=torch.eye(2), edge_index=torch.tensor([[0], [1]]), y=torch.tensor([0, 1]))
    small.condensed = record or {}
    save(small, tmp_path)
    assert main(["show", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert said in shown
    assert record is None or "its record is not as condense writes it" in shown
