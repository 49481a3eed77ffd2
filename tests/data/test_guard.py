"""Folders of PyG's data sets are data: whatever else is in one is refused, and nothing runs."""

import os
import pickle
from collections import defaultdict
from io import BytesIO

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.datasets import Planetoid, TUDataset

from graphcondense.data import load
from graphcondense.data.guard import guarded, read_plain
from tests.raw_sets import dumped, planetoid, tu

RAN: list[str] = []


def ran(word: str) -> str:
    RAN.append(word)
    return word


class Marker:
    """Harmless: says that it was unpickled."""

    def __reduce__(self):
        return ran, ("ran",)


@pytest.fixture(autouse=True)
def nothing_ran():
    RAN.clear()
    yield
    assert RAN == []


def test_planetoid_is_what_pyg_reads(tmp_path):
    planetoid(tmp_path / "ours"), planetoid(tmp_path / "theirs")
    theirs = Planetoid(str(tmp_path / "theirs"), "Cora")[0]
    for _ in ("raw", "processed"):
        ours = load("cora", tmp_path / "ours", normalize="none")
        for key in ("x", "edge_index", "y", "train_mask", "val_mask", "test_mask"):
            assert torch.equal(ours[key], theirs[key]), key


def test_tu_is_what_pyg_reads(tmp_path):
    tu(tmp_path)
    before = load("MUTAG", tmp_path)
    theirs = TUDataset(str(tmp_path), "MUTAG")
    assert load("MUTAG", tmp_path).digest == before.digest
    assert len(theirs) == 20


@pytest.mark.parametrize("part", ["x", "ally", "graph"])
def test_a_raw_file_with_more_is_refused(tmp_path, part):
    raw = planetoid(tmp_path)
    (raw / f"ind.cora.{part}").write_bytes(dumped(Marker()))
    with pytest.raises(ValueError, match=rf"ind\.cora\.{part} was refused.*test_guard\.ran.*put"):
        load("cora", tmp_path)


@pytest.mark.parametrize("file", ["data.pt", "pre_transform.pt", "pre_filter.pt"])
@pytest.mark.parametrize(("make", "name"), [(planetoid, "cora"), (tu, "MUTAG")])
def test_a_processed_file_with_more_is_refused(tmp_path, make, name, file, recwarn):
    processed = make(tmp_path).parent / "processed"
    load(name, tmp_path)
    torch.save(Marker(), processed / file)
    with pytest.raises(ValueError, match=rf"{file} was refused.*test_guard\.ran.*remove"):
        load(name, tmp_path)
    assert not [w for w in recwarn if "add_safe_globals" in str(w.message)]


def test_the_guard_ends_with_its_block(tmp_path, monkeypatch):
    from torch_geometric.io import planetoid as readers

    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    before = dict(os.environ)
    with guarded(), guarded():
        assert readers.pickle is not pickle
        assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in os.environ
    assert readers.pickle is pickle
    assert dict(os.environ) == before


def _read(value: object, protocol: int = 4) -> object:
    return read_plain(BytesIO(dumped(value, protocol)))


def test_plain_pickles_are_read():
    matrix = sp.csr_matrix(np.diag([1.0, 2.0, 0.0]).astype(np.float32))
    assert (_read(matrix) != matrix).nnz == 0
    assert _read(matrix).dtype == np.float32
    for array in (np.arange(6).reshape(2, 3), np.asfortranarray(np.eye(3)), np.ones(2, ">i4")):
        assert np.array_equal(_read(array), array)
        assert (_read(array).dtype, _read(array).strides) == (array.dtype, array.strides)
    assert _read(np.zeros((0, 3), bool)).shape == (0, 3)
    assert _read(defaultdict(list, {0: [1], 1: []}), 2) == {0: [1], 1: []}


@pytest.mark.parametrize(
    "value",
    [
        Marker(),
        {0: [Marker()]},
        np.array([Marker()], dtype=object),
        np.array(["a"]),
        np.zeros(2, dtype=[("a", "f4")]),
        np.float64(1),
        {0: ["a"]},
        {"a": [0]},
        sp.csc_matrix(np.eye(2)),
        {0, 1},
        print,
        os.system,
        np.ndarray,
        "text",
    ],
)
def test_other_pickles_are_refused(value):
    with pytest.raises(pickle.UnpicklingError):
        _read(value)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"cnumpy\nndarray\n((I1000000000000\ntR.",  # an array made by its class
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I9\ntS'b'\ntR.",
        b"cscipy.sparse.csr\ncsr_matrix\n)\x81.",  # without its parts
        b"P0\n.",  # a persistent id
        b"]r\xff\xff\xff\x7f.",  # number 2^31 - 1 of what is kept for later
        b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93\x8c\x01O\x85R.",
    ],
)
def test_made_up_pickles_are_refused(blob):
    with pytest.raises(pickle.UnpicklingError):
        read_plain(BytesIO(blob))


def test_a_matrix_whose_parts_do_not_fit_is_refused():
    matrix = sp.csr_matrix(np.eye(3))
    matrix.indices = np.array([0, 1, 9], dtype=np.int32)
    with pytest.raises(pickle.UnpicklingError):
        _read(matrix)
