"""Work by blocks gives what work at once gives."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from graphcondense.ops import blocks
from graphcondense.ops.adjacency import gcn_norm_csr
from graphcondense.ops.arrays import dense
from graphcondense.ops.blocks import (
    Room,
    by_columns,
    diffusions,
    empty_csr,
    gcn_norm_blocks,
    in_memory,
    mean_row,
    propagated,
    sums,
)
from graphcondense.ops.coarsen import members, undirected
from graphcondense.ops.personalised import diffused
from graphcondense.ops.sizes import is_size, said, size_of

N, D = 40, 70


def graph(seed: int = 0) -> sp.csr_matrix:
    """Directed, weighted, with self-loops, and nodes that hear from none."""
    adj = sp.random_array((N, N), density=0.15, rng=np.random.default_rng(seed), format="csr")
    adj = sp.csr_matrix(adj, dtype=np.float32)
    loop = sp.csr_matrix(([2.0], ([5], [5])), shape=(N, N))
    return sp.csr_matrix(
        sp.diags_array((np.arange(N) != 3).astype(float)) @ (adj + loop), dtype=np.float32
    )


def features() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(N, D)).astype(np.float32)


@pytest.mark.parametrize("room", [24 * N + 64 * 30, 10**6])
def test_the_normalised_adjacency_has_the_same_bits(room: int) -> None:
    adj = graph()
    whole, found = gcn_norm_csr(adj), gcn_norm_blocks(adj, blocks.in_memory, Room(room))
    for name in ("indptr", "indices", "data"):
        assert np.array_equal(getattr(whole, name), getattr(found, name)), name
    assert found.data.dtype == np.float32


@pytest.mark.parametrize("columns", [1, 3, 8, 16, 24, 32, 40, D])
@pytest.mark.parametrize("rows", [np.array([2, 5]), np.arange(N)])
def test_blocks_of_columns_change_no_bit(columns: int, rows: np.ndarray) -> None:
    adj, x = gcn_norm_csr(graph()), features()
    whole = propagated(adj, x, [0, 1, 2], np.arange(N), Room(10**9))
    found = propagated(adj, x, [0, 1, 2], rows, Room(2 * 4 * N * columns))
    sparse = propagated(adj, sp.csr_matrix(x), [2], rows, Room(2 * 4 * N * columns))
    assert np.array_equal(found[0], x[rows])
    assert np.array_equal(found[2], whole[2][rows])
    assert np.array_equal(sparse[2], whole[2][rows])
    assert np.allclose(whole[2], adj @ (adj @ x), atol=1e-6)


def test_double_precision_is_what_it_says() -> None:
    adj, x = gcn_norm_csr(graph()), features()
    wide = adj.astype(np.float64) @ x.astype(np.float64)
    found = propagated(adj, x, [1], np.arange(N), Room(10**6), np.float64)[1]
    assert found.dtype == np.float64
    assert np.allclose(found, wide, atol=1e-12)


def test_errors_of_a_thread_are_raised() -> None:
    def fails(block: slice, z: np.ndarray) -> None:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        by_columns(features(), fails, Room(10**6))


def test_a_room_below_one_block_names_the_smallest() -> None:
    with pytest.raises(ValueError, match=r"below one block, 1 column of 40 nodes.*memory='320B'"):
        propagated(graph(), features(), [1], np.arange(N), Room(319))
    assert propagated(graph(), features(), [1], np.arange(N), Room(320))


@pytest.mark.parametrize("n", [7, 8])
def test_the_longest_row_and_its_loop_are_one_block(n: int) -> None:
    """A star: its centre hears from all others, and no room is below that row."""
    adj = sp.csr_matrix((np.ones(n - 1), (np.zeros(n - 1, int), np.arange(1, n))), shape=(n, n))
    adj = sp.csr_matrix(adj, dtype=np.float32)
    least = 24 * n + blocks.ENTRY * n
    with pytest.raises(ValueError, match=rf"below one block, {n} edges.*memory='{least}B'"):
        gcn_norm_blocks(adj, blocks.in_memory, Room(least - 1))
    found, whole = gcn_norm_blocks(adj, blocks.in_memory, Room(least)), gcn_norm_csr(adj)
    for name in ("indptr", "indices", "data"):
        assert np.array_equal(getattr(whole, name), getattr(found, name)), name


def test_all_restarts_from_the_same_products() -> None:
    adj, x = gcn_norm_csr(graph()), features()
    found = diffusions(adj, x, [0.2, 0.1, 1.0], 10, Room(3 * 4 * N * 2))
    for restart, rows in zip((0.2, 0.1, 1.0), found, strict=True):
        assert np.allclose(rows, diffused(x, adj, restart, 10), atol=1e-5)


@pytest.mark.parametrize("entries", [1, 10, 10**6])
def test_links_between_parts(entries: int) -> None:
    adj, part = graph(), np.arange(N) % 6
    sums = members(part, 6)
    both = undirected(adj)
    between, degree = blocks.links(adj, part, 6, entries)
    assert np.allclose(between, (sums @ both @ sums.T).toarray())
    assert np.allclose(degree, np.asarray(both.sum(1)).ravel())


def test_sums_and_gram_over_blocks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    x, part, weight = features(), np.arange(N) % 6, np.linspace(1, 2, N)
    expected = members(part, 6) @ (weight[:, None] * x)
    monkeypatch.setattr(blocks, "ROWS", 7)
    assert np.allclose(blocks.sums(part, 6, weight, x), expected)
    assert np.allclose(blocks.sums(part, 6, weight, sp.csr_matrix(x)), expected)
    for rows in (x, sp.csr_matrix(x), x.T):
        assert np.allclose(blocks.mean_row(rows), dense(rows).mean(0, keepdims=True))
    square, cross = blocks.gram([x, 2 * x], x[:, :2])
    wide = np.hstack([x, 2 * x]).astype(np.float64)
    assert np.allclose(square, wide.T @ wide, atol=1e-3)
    assert np.allclose(cross, wide.T @ x[:, :2], atol=1e-4)


def test_blocks_that_are_copied_are_small() -> None:
    for rows, width in ((200_000, 1), (200_000, 100), (3, 10**7)):
        found = list(blocks.row_parts(rows, width))
        assert [b.stop for b in found[:-1]] == [b.start for b in found[1:]]
        assert (found[0].start, found[-1].stop) == (0, rows)
        for block in found:
            assert block.stop - block.start == 1 or (block.stop - block.start) * width <= 2**19


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4 * 10**9), ("1.5 MiB", 3 * 2**19), ("7", 7), (7, 7), ("2k", 2000)]
)
def test_sizes(text: str | int, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-4GB", "4 parsecs", "0", 0, "nan", True, 1.5, None])
def test_what_is_no_size(text: object) -> None:
    assert not is_size(text)


@pytest.mark.parametrize("text", ["0", 0, "0.4", "0.0009 kB"])
def test_less_than_a_byte_is_no_size(text: str | int) -> None:
    with pytest.raises(ValueError, match="is no size"):
        size_of(text)


def test_a_size_that_is_said_is_enough() -> None:
    for size in (1, 999, 1001, 19_592_233, 4 * 10**9, 10**12 + 1):
        assert size <= size_of(said(size)) <= 1.1 * size + 100


def test_a_size_is_said_in_the_largest_unit_that_it_has_and_never_below() -> None:
    units = (("B", 1), ("KB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12))
    for (below, smaller), (unit, one) in pairwise(units):
        assert said(one) == f"1{unit}"
        assert said(999 * smaller) == f"999{below}"
        assert said(1.2 * one) == f"1.2{unit}"
        assert said(1.2 * one + smaller) == f"1.3{unit}"
        assert size_of(said(1.2 * one + smaller)) >= 1.2 * one + smaller
    assert said(0.5) == "0.5B"


def test_the_mean_of_all_rows() -> None:
    x = np.arange(15.0).reshape(5, 3)
    for form in (x, sp.csr_matrix(x)):
        np.testing.assert_allclose(mean_row(form), [[6.0, 7.0, 8.0]])


def test_rows_are_added_up_in_blocks_of_65536(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that round: another length of the blocks would have other last bits."""
    x = np.random.default_rng(0).random((100_000, 1)) ** 8
    part, weight = np.zeros(len(x), np.int64), np.random.default_rng(1).random(len(x))
    found = sums(part, 1, weight, x)
    assert blocks.ROWS == 65536
    monkeypatch.setattr(blocks, "ROWS", len(x))
    assert not np.array_equal(found, sums(part, 1, weight, x))
    np.testing.assert_allclose(found[0], weight @ x, rtol=1e-12)


def test_the_least_room_of_a_normalised_adjacency_by_hand() -> None:
    """24 bytes a node, and 64 for each entry of the longest row and its loop, all at once."""
    n, longest = 50, 7
    rows = np.r_[np.zeros(longest, np.int64), np.arange(1, n)]
    columns = np.r_[np.arange(1, longest + 1), np.zeros(n - 1, np.int64)]
    adj = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(n, n))
    least = 24 * n + 64 * (longest + 1)
    found = gcn_norm_blocks(adj, in_memory, Room(least))
    assert np.array_equal(found.toarray(), gcn_norm_csr(adj).toarray())
    with pytest.raises(ValueError, match="is below one block, 8 edges"):
        gcn_norm_blocks(adj, in_memory, Room(least - 1))


@pytest.mark.parametrize(
    ("lengths", "shape", "wanted"),
    [
        ([0, 2, 1], (2, 5), np.int32),
        ([0, 0, 0], (2, 2**31 - 1), np.int32),
        ([0, 0, 0], (2, 2**31), np.int64),
        ([0, 2**31 - 1, 1], (2, 5), np.int64),
    ],
)
def test_entries_are_numbered_by_the_shortest_integers_that_hold_them(
    lengths: list[int], shape: tuple[int, int], wanted: type
) -> None:
    """Nothing of the size of the values is made: they are all one number."""
    asked = {}

    def make(name: str, size: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        asked[name] = (size, dtype)
        return np.zeros(size, dtype) if size[0] < 100 else np.broadcast_to(dtype.type(0), size)

    found = empty_csr(np.array(lengths), shape, np.dtype(np.float32), make)
    assert asked["indptr"] == ((3,), np.dtype(wanted))
    assert asked["indices"] == ((sum(lengths),), np.dtype(wanted))
    assert asked["data"] == ((sum(lengths),), np.dtype(np.float32))
    assert found.indptr.tolist() == np.cumsum(lengths).tolist()
    assert found.shape == shape
