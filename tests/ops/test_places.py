"""Arrays in files, and what is said where there is no room for them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from graphcondense.ops import place
from graphcondense.ops.adjacency import gcn_norm_csr
from graphcondense.ops.blocks import Room
from graphcondense.ops.place import MEMORY, Files


def test_arrays_in_files_leave_nothing_behind(tmp_path: Path) -> None:
    files = Files(Room(10**6), tmp_path / "below")
    found = files.array("x", (3, 4), np.dtype(np.float32))
    assert not found.any()
    found[:] = 7
    assert found.shape == (3, 4)
    assert found.dtype == np.float32
    assert found.sum() == 84
    assert not list((tmp_path / "below").iterdir())
    assert files.array("none", (0, 4), np.dtype(np.int64)).shape == (0, 4)
    assert files.less(1000).room.bytes == 10**6 - 1000
    assert files.less(1000).folder == files.folder
    assert files.in_files
    assert not MEMORY.in_files


def test_the_folder_is_that_of_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHCONDENSE_CACHE", str(tmp_path))
    assert Files(Room(1)).folder == tmp_path / "mapped"
    assert Files(Room(1), "other").folder == Path("other")


def test_a_disk_without_room_is_told_before_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(Room(10**6), tmp_path)
    usage = SimpleNamespace(free=48)
    monkeypatch.setattr(place.shutil, "disk_usage", lambda folder: usage)
    assert files.array("x", (12,), np.dtype(np.float32)).nbytes == 48
    with pytest.raises(ValueError, match=r"keeps 49B more in files below .*: 48B are free there"):
        files.array("x", (49,), np.dtype(np.int8))
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="name another folder in the environment variable"):
        Files(Room(1), tmp_path / "file" / "below").array("x", (1,), np.dtype(np.int8))


def test_both_places_normalise_alike(tmp_path: Path) -> None:
    adj = sp.random_array((20, 20), density=0.2, rng=np.random.default_rng(0), dtype=np.float32)
    adj = sp.csr_matrix(adj)
    for where in (MEMORY, Files(Room(10**6), tmp_path)):
        assert np.array_equal(where.gcn_norm(adj).toarray(), gcn_norm_csr(adj).toarray())
    whole = MEMORY.less(5)
    assert whole is MEMORY
    assert whole.array("x", (2,), np.dtype(np.int64)).shape == (2,)


def test_a_file_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a disk that fills up between the look and the work."""

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place.os, "posix_fallocate", full, raising=False)
    with pytest.raises(ValueError, match="No space left on device"):
        Files(Room(10**6), tmp_path).array("x", (3, 4), np.dtype(np.float32))
    assert not list(tmp_path.iterdir())
