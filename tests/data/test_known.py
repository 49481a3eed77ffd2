"""Sets by name that are not there: what is said, and what is left behind."""

from __future__ import annotations

import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import InMemoryDataset

from graphcondense.data.known import Named, open_known
from graphcondense.ops.extras import MissingExtraError


class _Cut(InMemoryDataset):  # type: ignore[misc]
    """A data set whose download ends in the middle of its second file."""

    url = "https://example.org/toy.zip"
    raw_file_names = ["a.csv", "b.csv"]
    processed_file_names = ["data.pt"]

    def download(self) -> None:
        for name in self.raw_file_names:
            if (path := Path(self.raw_dir) / name).exists():
                continue
            if name == "b.csv":
                path.with_suffix(".part").write_text("half")
                raise urllib.error.URLError("connection reset")
            path.write_text("whole")


def toy(open_it: Callable[[Any, Path], Any], **options: Any) -> Named:
    values = {"name": "toy", "family": "Toy", "folder": "Toy", "source": "example.org"}
    return Named(open=open_it, licence="none", **{**values, **options})


def _pyg(known: Named, base: Path) -> Any:
    return _Cut(str(base / known.folder))


def test_missing_files_are_named_and_nothing_is_left(tmp_path: Path) -> None:
    root = tmp_path / "not" / "there"
    message = (
        r"toy is not in .*/Toy and could not be downloaded \(.*connection reset.*\): put "
        r"raw/b\.csv there \(from https://example.org/toy.zip\), or set root="
    )
    with pytest.raises(ConnectionError, match=message) as caught:
        open_known(toy(_pyg), root)
    assert len(str(caught.value)) < 500
    assert not any(tmp_path.iterdir())


def test_files_of_the_user_stay(tmp_path: Path) -> None:
    raw = tmp_path / "Toy" / "raw"
    raw.mkdir(parents=True)
    (raw / "a.csv").write_text("mine")
    (tmp_path / "Toy" / "kept").mkdir()
    with pytest.raises(ConnectionError, match=r"toy is not whole in .* put raw/b\.csv there"):
        open_known(toy(_pyg), tmp_path)
    assert [(p.name, p.read_text()) for p in raw.iterdir()] == [("a.csv", "mine")]
    assert (tmp_path / "Toy" / "kept").is_dir()


def test_a_loader_that_is_none_of_pygs(tmp_path: Path) -> None:
    def fail(known: Named, base: Path) -> None:
        (base / known.folder / "new").mkdir(parents=True)
        raise urllib.error.URLError("offline")

    with pytest.raises(ConnectionError, match=r"put r\.dat there \(from example\.org\)"):
        open_known(toy(fail, files=("r.dat",)), tmp_path / "root")
    assert not any(tmp_path.iterdir())


def test_other_errors_are_left_alone_and_leave_no_empty_folder(tmp_path: Path) -> None:
    def broken(known: Named, base: Path) -> None:
        (base / known.folder / "processed").mkdir(parents=True)
        (base / known.folder / "raw").mkdir()
        (base / known.folder / "raw" / "a.csv").touch()
        raise ValueError("not a number")

    with pytest.raises(ValueError, match="not a number"):
        open_known(toy(broken), tmp_path)
    assert sorted(p.name for p in (tmp_path / "Toy").rglob("*")) == ["a.csv", "raw"]


ALLOCATOR = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"


class Failing(InMemoryDataset):  # type: ignore[misc]
    """A data set whose loader meets an error, in PyG or while it reads ``path``."""

    raw_file_names = ["a.csv"]
    processed_file_names = ["data.pt"]
    error: Exception
    reads = False

    def process(self) -> None:
        if self.reads:
            self._read(Path(self.raw_dir) / "a.csv")
        raise self.error

    def _read(self, path: Path) -> None:
        raise self.error


def failing(root: Path, error: Exception, *, reads: bool) -> None:
    raw = root / "Toy" / "raw"
    raw.mkdir(parents=True)
    (raw / "a.csv").write_text("1,2")
    kind = type("Toy", (Failing,), {"error": error, "reads": reads})
    open_known(toy(lambda known, base: kind(str(base / known.folder))), root)


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'ogb'"),
        MissingExtraError("install it"),
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError(ALLOCATOR),
        NameError("name 'x' is not defined"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_file_is_to_blame_for_is_left_alone(
    tmp_path: Path, error: Exception, reads: bool
) -> None:
    with pytest.raises(type(error)) as caught:
        failing(tmp_path, error, reads=reads)
    assert caught.value is error


def test_a_fault_of_code_is_no_broken_file_where_none_is_read(tmp_path: Path) -> None:
    fault = AttributeError("no attribute")
    with pytest.raises(AttributeError, match="no attribute"):
        failing(tmp_path / "a", fault, reads=False)
    with pytest.raises(ValueError, match=r"toy: .*a\.csv cannot be read \(AttributeError"):
        failing(tmp_path / "b", fault, reads=True)


def test_numbers_that_do_not_fit_are_of_a_broken_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"toy: a file in .*raw cannot be read \(IndexError"):
        failing(tmp_path, IndexError("index 9 is out of bounds"), reads=False)


@pytest.mark.parametrize("name", ["cora", "computers"])
def test_planetoid_and_amazon_name_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    import torch_geometric.datasets as sets

    import graphcondense.data

    def offline(*args: Any, **kwargs: Any) -> None:
        raise urllib.error.URLError("offline")

    for family in (sets.planetoid, sets.amazon):
        monkeypatch.setattr(family, "download_url", offline, raising=False)
    monkeypatch.setattr(sets.planetoid.fs, "cp", offline)
    file = {"cora": r"raw/ind\.cora\.x, .* and 4 more", "computers": r"raw/amazon_.*\.npz"}[name]
    with pytest.raises(ConnectionError, match=rf"{name} is not in .* put {file} there"):
        graphcondense.data.load(name, tmp_path)
    assert not any(tmp_path.iterdir())
