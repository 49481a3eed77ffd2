"""Propagated features: equal to a reference, each product made once, kept and thrown away."""

from __future__ import annotations

import gc
import pickle
import resource
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphcondense.data.node_reading import as_task
from graphcondense.data.task import NodeTask
from graphcondense.domains.node_source import NodeSource
from graphcondense.ops import adjacency
from graphcondense.ops.adjacency import Matrix, Powers, gcn_norm_csr, propagate_rows, times
from graphcondense.ops.propagated import Propagated, _checksum, _read, _write
from tests.cases import toy_graph

N, D = 80, 12


def graph(density: float, sparse: bool = False) -> tuple[sp.csr_matrix, Matrix]:
    """``Â [N, N]`` and features ``[N, D]``."""
    rng = np.random.default_rng(0)
    adj = sp.random(N, N, density, format="csr", dtype=np.float32, rng=rng)
    x = rng.standard_normal((N, D)).astype(np.float32)
    if sparse:
        x = sp.csr_matrix(x * (rng.random((N, D)) < 0.05))
    return gcn_norm_csr(adj), x


def reference(adj: sp.csr_matrix, x: Matrix, hops: int) -> np.ndarray:
    whole = adj.toarray().astype(np.float64)
    return np.linalg.matrix_power(whole, hops) @ (x.toarray() if sp.issparse(x) else x)


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stored entries of the left side of every product that is made."""
    seen: list[int] = []

    def counted(adj: sp.csr_matrix, x: Matrix) -> Matrix:
        seen.append(adj.nnz)
        return times(adj, x)

    monkeypatch.setattr(adjacency, "times", counted)
    return seen


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("density", [0.01, 0.3])
@pytest.mark.parametrize(
    "rows", [np.array([3]), np.array([5, 5, 1]), np.arange(N), np.array([], int)]
)
def test_single_precision_is_double_precision(
    density: float, sparse: bool, rows: np.ndarray
) -> None:
    adj, x = graph(density, sparse)
    for hops in range(4):
        expected = reference(adj, x, hops)[rows]
        got = propagate_rows(adj, x, hops, rows)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, atol=1e-5)
        double = propagate_rows(adj, x, hops, rows, np.float64)
        np.testing.assert_allclose(double, expected, atol=1e-13)


def test_a_graph_without_edges() -> None:
    none = sp.csr_matrix((4, 4), dtype=np.float32)
    for x in (np.ones((4, 2), np.float32), sp.csr_matrix(np.ones((4, 2), np.float32))):
        assert propagate_rows(none, x, 2, np.array([1, 2])).tolist() == [[0, 0], [0, 0]]


def test_sparse_features_stay_sparse_where_that_is_cheaper() -> None:
    adj, _ = graph(0.01)
    one = sp.csr_matrix(([1.0], ([0], [0])), shape=(N, 500), dtype=np.float32)
    assert sp.issparse(times(adj, one))
    assert not sp.issparse(times(adj, sp.csr_matrix(np.ones((N, 5), np.float32))))


def test_each_product_is_made_once_and_the_last_of_the_rows_alone(products: list[int]) -> None:
    adj, x = graph(0.3)
    powers, rows = Powers(adj, x), np.arange(40)
    powers.rows(2, rows)
    part = adj[rows].nnz
    assert products == [adj.nnz, part]
    powers.rows(2, np.arange(40, N))  # of the first product nothing is made again
    assert products == [adj.nnz, part, adj.nnz - part]
    powers.rows(1, rows)  # is there
    assert len(products) == 3
    powers.whole(2)
    powers.rows(2, rows)
    assert products[3:] == [adj.nnz]


def test_few_rows_of_a_sparse_graph_touch_few_edges(products: list[int]) -> None:
    adj, x = graph(0.01)
    propagate_rows(adj, x, 2, np.array([3]))
    assert 0 < sum(products) < adj.nnz / 4


def test_tasks_of_one_graph_share_and_others_do_not(products: list[int]) -> None:
    task = as_task(toy_graph())
    source = NodeSource(task)
    validation = NodeSource(replace(task, train=task.val))
    first = task.graph.operator()
    assert source.task.gcn_adj is first
    assert validation.task.gcn_adj is first
    source.propagated(2)
    validation.propagated(2)
    assert products.count(first.nnz) == 1
    inside = NodeSource(task, "inductive")
    assert inside.task.graph is not task.graph
    assert replace(task, x=task.x + 1).graph is not task.graph
    assert replace(task, adj=task.adj.copy()).graph is not task.graph


def test_freed_with_the_task() -> None:
    task = as_task(toy_graph())
    task.propagate(2, task.train.numpy())
    freed = weakref.ref(task.graph.powers().whole(1))
    assert freed() is not None
    del task
    gc.collect()
    assert freed() is None


def test_another_process_gets_the_graph_alone() -> None:
    task = as_task(toy_graph())
    before = len(pickle.dumps(task))
    task.propagate(3, np.arange(task.num_nodes))
    assert len(pickle.dumps(task)) <= before + 100
    again: NodeTask = pickle.loads(pickle.dumps(task))
    assert again.digest == task.digest
    assert again.graph.x is again.x


def of(task: NodeTask) -> NodeTask:
    """The same graph, as a later process has it."""
    return replace(task, shared=Propagated(task.x, task.adj, task.graph.folder))


@pytest.fixture(params=["dense", "sparse"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> NodeTask:
    data = toy_graph(d=12 if request.param == "dense" else 400)
    if request.param == "sparse":
        data.x = data.x * (torch.rand(data.x.shape) < 0.002)
    return as_task(data).kept_in(tmp_path / "cache")


def files(task: NodeTask) -> list[Path]:
    assert task.graph.folder is not None
    return sorted(task.graph.folder.iterdir())


def test_a_file_of_fewer_rows_than_its_header_says_is_none(tmp_path: Path) -> None:
    about, path, x = {"shape": [N, D]}, tmp_path / "x.safetensors", np.ones((N, D), np.float32)
    for rows, wrong in ((N, ""), (N - 1, "does not hold what its header says")):
        _write(path, x[:rows], about)
        found, said = _read(path, about)
        assert said == wrong
        assert (found is None) == bool(wrong)


def test_kept_on_disk_and_opened_again(kept: NodeTask, products: list[int]) -> None:
    rows = kept.train.numpy()
    plain = replace(kept, shared=None).propagate(2, rows)
    first = kept.propagate(2, rows)
    np.testing.assert_allclose(first, plain, atol=1e-6)
    assert [path.name[:17] for path in files(kept)] == ["propagated-gcn-1-", "propagated-gcn-2-"]
    made = len(products)
    assert (of(kept).propagate(2, rows) == first).all()
    assert (of(kept).propagate(1, rows) == kept.propagate(1, rows)).all()
    assert len(products) == made
    assert sp.issparse(of(kept).graph.powers().whole(1)) == sp.issparse(kept.x)


def test_another_graph_is_another_file(kept: NodeTask) -> None:
    kept.propagate(1, kept.train.numpy())
    edges = kept.adj.copy()
    edges.data[0] = 2.0
    other = replace(kept, adj=edges)
    assert other.graph.folder == kept.graph.folder
    other.propagate(1, kept.train.numpy())
    assert len(files(kept)) == 2


@pytest.mark.parametrize("what", ["truncated", "foreign", "renamed", "flipped"])
def test_a_wrong_file_is_told_and_made_anew(
    kept: NodeTask, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = kept.train.numpy()
    right = kept.propagate(2, rows)
    first, second = files(kept)
    if what == "flipped":
        content = bytearray(second.read_bytes())
        content[-2] ^= 1
        second.write_bytes(content)
    elif what == "truncated":
        second.write_bytes(second.read_bytes()[:-4])
    elif what == "foreign":
        second.write_bytes(pickle.dumps("no tensors"))
    else:
        second.write_bytes(first.read_bytes())
    told_of = {"renamed": "is of something else, by its header", "flipped": "is damaged"}
    said = told_of.get(what, "cannot be read")
    assert (of(kept).propagate(2, rows) == right).all()
    told = capsys.readouterr().err
    assert f"cache: {second} {said}" in told
    assert told.endswith("made anew\n")
    assert (of(kept).propagate(2, rows) == right).all()
    assert not capsys.readouterr().err


@contextmanager
def no_room(limit: int) -> Iterator[None]:
    """No file may grow beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_nothing_is_left(kept: NodeTask) -> None:
    with (
        no_room(100),
        pytest.raises(ValueError, match=r"cache=.*no room.*takes [\d.]+KB; .*leave cache out"),
    ):
        kept.propagate(1, kept.train.numpy())
    assert files(kept) == []
    kept.propagate(1, kept.train.numpy())
    assert len(files(kept)) == 1


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cannot write into the folder"):
        as_task(toy_graph()).kept_in(tmp_path / "file")


def test_a_checksum_is_the_crc_of_all_bytes_by_name() -> None:
    """Of files that other versions of this package have written, too."""
    parts = {"b": np.arange(3, dtype=np.int64), "a": np.array([[1.5, -2.0]], dtype=np.float32)}
    wanted = zlib.crc32(parts["a"].tobytes() + parts["b"].tobytes())
    assert _checksum(parts) == f"{wanted:08x}"
    assert _checksum({"x": np.zeros(0, np.float32)}) == "00000000"


def test_features_that_were_changed_in_place_are_not_kept_under_the_old_hash(
    tmp_path: Path,
) -> None:
    """A folder would give them to whoever has the graph as it was."""
    data = toy_graph()
    task = as_task(data)
    before = task.graph.hashed().hexdigest()
    kept = task.kept_in(tmp_path)
    data.x.mul_(2)  # the task has the same memory
    for use in (
        lambda: kept.graph.powers(),
        lambda: kept.graph.rows(1, np.arange(3)),
        lambda: task.kept_in(tmp_path),
        lambda: task.graph.hashed(),
    ):
        with pytest.raises(ValueError, match="changed in place after they had been read: read"):
            use()
    assert not list(tmp_path.iterdir())
    anew = as_task(data)
    assert anew.graph.hashed().hexdigest() != before
    again = pickle.loads(pickle.dumps(task.graph))  # which is read anew there
    assert again.hashed().hexdigest() == anew.graph.hashed().hexdigest()
    with torch.inference_mode():
        Propagated(torch.ones(2, 1), sp.identity(2, format="csr")).hashed()
