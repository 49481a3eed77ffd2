"""JSON, YAML and files that are written whole, by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from graphcondense.ops import json as ours
from graphcondense.ops.files import (
    HOST,
    as_whole,
    cache_root,
    check_archive,
    refuse_target,
    writable,
    write_all,
    write_whole,
)
from graphcondense.ops.json import check_nest, read_json, read_json_file, read_json_lines
from graphcondense.ops.yaml import read_yaml, read_yaml_file


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_file_of_json_is_named_where_it_cannot_be_read(tmp_path: Path) -> None:
    for read in (read_json_file, read_json_lines):
        with pytest.raises(ValueError, match=r"cannot read .*missing: "):
            read(tmp_path / "missing")
    (tmp_path / "bytes").write_bytes(b"\xff{}")
    with pytest.raises(ValueError, match=r"bytes is no text in UTF-8"):
        read_json_file(tmp_path / "bytes")
    (tmp_path / "good").write_text('{"a": [1, 2.5, "x", null, true]}')
    assert read_json_file(tmp_path / "good") == {"a": [1, 2.5, "x", None, True]}


def test_only_the_last_line_may_be_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for text, rows in (
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\n{"a":', [{"a": 1}]),
        ('{"a": 1}\n7', [{"a": 1}]),
        ("", []),
    ):
        path.write_text(text)
        assert read_json_lines(path) == rows
    path.write_text('{"a":')
    with pytest.raises(ValueError, match=r"cannot read .*log, line 1: "):
        read_json_lines(path)
    path.write_text('{"a": 1}\n[2]\n{"a": 3}\n')
    with pytest.raises(ValueError, match=r"log, line 2, is no mapping; take the line out"):
        read_json_lines(path)


def test_depth_and_number_of_values_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    check_nest(nested(ours.DEPTH))
    with pytest.raises(ValueError, match=f"nested deeper than {ours.DEPTH}"):
        check_nest(nested(ours.DEPTH + 1))
    with pytest.raises(ValueError, match="cannot read it: lists or mappings are nested deeper"):
        read_json("[" * 100_000 + "]" * 100_000, "it")
    monkeypatch.setattr(ours, "MEMBERS", 5)
    check_nest([1, 2, {"a": 3, "b": 4}][:2])
    check_nest([[1, 2], 3, 4])
    with pytest.raises(ValueError, match="more than 5 values"):
        check_nest([[1, 2], 3, 4, 5])


@pytest.mark.parametrize("digits", ["9" * 301, "9" * 5000])
def test_numbers_that_no_float_holds(digits: str) -> None:
    with pytest.raises(ValueError, match=f"a number of {len(digits)} digits"):
        read_json(digits, "it")
    assert read_json("9" * 300, "it") == int("9" * 300)


def test_text_that_is_no_unicode() -> None:
    for text in (r'"\ud800"', r'{"\ud800": 1}', r'[["\ud800"]]'):
        with pytest.raises(ValueError, match="is no Unicode"):
            read_json(text, "it")


def test_a_file_of_yaml_is_a_mapping_of_names(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("a: 1\nb: [2]\n")
    assert read_yaml_file(path) == {"a": 1, "b": [2]}
    for text in ("[1]", "1: 2", ""):
        path.write_text(text)
        with pytest.raises(ValueError, match="is not a mapping of names to values"):
            read_yaml_file(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"cannot read .*config"):
        read_yaml_file(path)
    with pytest.raises(ValueError, match=r"cannot read .*nowhere"):
        read_yaml_file(tmp_path / "nowhere")
    for text in ("[" * 2000, "? [1]\n: 2", "{a: 1, a: "):
        with pytest.raises(yaml.YAMLError):
            read_yaml(text)


@pytest.mark.parametrize("names", ["ab", "abc"])
def test_an_interrupt_among_renames_leaves_no_half(
    names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in names]
    write_all(dict.fromkeys(paths, "old"))
    whole, calls = os.replace, []

    def interrupted(draft: Path, path: Path) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        whole(draft, path)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_all(dict.fromkeys(paths, "new"))
    assert [path.read_text() for path in paths] == ["old"] * len(paths)
    monkeypatch.undo()
    paths[1].unlink()
    paths[1].mkdir()
    with pytest.raises(OSError, match="b"):
        write_all(dict.fromkeys(paths, "newer"))
    assert paths[0].read_text() == "old"
    assert len(list(tmp_path.iterdir())) == len(paths)


def test_what_a_killed_process_left_goes_when_the_file_is_written_again(tmp_path: Path) -> None:
    """That of a process at work, of another machine, and of another file stays."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = [f".a[1].{HOST}.{ended.pid}.{ending}" for ending in ("tmp", "old")]
    stays = [f".a[1].{HOST}.{os.getppid()}.tmp", f".a[1].other-{HOST}.{ended.pid}.tmp"]
    stays += [
        f".a[1].{HOST}.{10**25}.tmp",
        f".a[1].{HOST}.mine.tmp",
        f".b.{HOST}.{ended.pid}.tmp",
        f"a[1].{ended.pid}.tmp",
    ]
    for way in (write_whole, as_whole):
        for name in [*gone, *stays]:
            (tmp_path / name).write_text("half")
        if way is write_whole:
            write_whole(tmp_path / "a[1]", "whole")
        else:
            (tmp_path / gone[1]).unlink()  # it gives no second names
            with as_whole(tmp_path / "a[1]") as draft:
                draft.write_text("whole")
        assert {path.name for path in tmp_path.iterdir()} == {"a[1]", *stays}
    probe = tmp_path / f".write-test.{HOST}.{ended.pid}.tmp"
    probe.touch()
    assert writable(tmp_path) == tmp_path
    assert not probe.exists()


def test_files_are_whole_or_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "deep" / "one", tmp_path / "two"
    write_all({one: "text", two: b"bytes"})
    assert (one.read_text(), two.read_bytes()) == ("text", b"bytes")
    assert write_whole(str(two), "again") == two
    one.unlink()
    one.mkdir()  # a folder in its place cannot be replaced
    with pytest.raises(OSError, match="one"):
        write_all({one: "new", tmp_path / "three": "new"})
    old = write_whole(tmp_path / "old", "old")
    replaced = os.replace

    def fails(source: Path, target: Path) -> None:
        if source.name.startswith(".three"):
            raise OSError(28, "the disk is gone")
        replaced(source, target)

    monkeypatch.setattr(os, "replace", fails)
    new = {two: "new", tmp_path / "four": "new", tmp_path / "three": "new"}
    with pytest.raises(OSError, match="the disk is gone"):
        write_all(new, [old])
    monkeypatch.undo()
    assert (two.read_text(), old.read_text()) == ("again", "old")
    assert not (tmp_path / "four").exists()
    write_all({two: "again"}, [old])
    with pytest.raises(TypeError), as_whole(two) as draft:
        draft.write_text(7)  # type: ignore[arg-type]
    assert two.read_text() == "again"
    with as_whole(two) as draft:
        draft.write_text("whole")
    assert two.read_text() == "whole"
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "two"}
    assert list(one.parent.iterdir()) == [one]
    with pytest.raises(ValueError, match=r"cannot write experts into .*two"):
        writable(two, "experts into")
    assert writable(tmp_path / "new" / "folder").is_dir()
    monkeypatch.setenv("GRAPHCONDENSE_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("GRAPHCONDENSE_CACHE")
    assert cache_root() == Path.home() / ".cache" / "graphcondense"


def test_a_target_is_refused_where_its_folder_takes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions alone do not tell: a disk may be read-only, and an administrator may write all
    but what the system keeps for itself."""
    path = tmp_path / "new" / "out.json"
    refuse_target(path, "--json out.json")
    assert not list(tmp_path.iterdir())  # neither the probe nor the folder stays

    def full(self: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", full)
    for target in (path, tmp_path / "out.json"):
        with pytest.raises(ValueError, match=r"--json out.json cannot be written \(.*Read-only"):
            refuse_target(target, "--json out.json")


def test_what_cannot_be_removed_stays(tmp_path: Path) -> None:
    """A folder is no file: nothing was changed, so nothing is brought back."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_all({}, [folder])
    assert list(tmp_path.iterdir()) == [folder]


def test_the_checksums_of_an_archive_are_compared(tmp_path: Path) -> None:
    path, value = tmp_path / "a.pt", torch.arange(100.0)
    torch.save(value, path)
    check_archive(path)
    content = bytearray(path.read_bytes())
    assert content[:4] == b"PK\3\4"
    content[content.index(value.numpy().tobytes()) + 9] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.pt was refused: .*data/0 in it is damaged"):
        check_archive(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"a\.pt was refused: it is broken, or not whole"):
        check_archive(path)
    torch.save(value, path, _use_new_zipfile_serialization=False)  # it has no checksums
    check_archive(path)
    with pytest.raises(FileNotFoundError):
        check_archive(tmp_path / "none.pt")
    for other in (b"", b"AAAA", b"\x80\x02}q", b"zzzz"):  # no archive, and none of its business
        path.write_bytes(other)
        check_archive(path)
