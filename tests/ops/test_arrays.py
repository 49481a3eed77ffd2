"""Arrays and matrices of any library."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphcondense.ops.arrays import LARGEST, added_up, check_sizes, digest_of, plain, sparse

WORDS = "numbers are needed"


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2], [3, 4]],
        ((1, 2), (3, 4)),
        np.array([[1, 2], [3, 4]], dtype=">i4"),
        np.array([[1, 2], [3, 4]], dtype=np.longdouble),
        np.array([[1, 3], [2, 4]]).T,
        torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True),
        torch.tensor([[1.0 + 0j, 2], [3, 4]]).real,
    ],
)
def test_numbers_of_any_form(value: Any) -> None:
    found = plain(value, "x")
    assert found.tolist() == [[1, 2], [3, 4]]
    assert not found.requires_grad
    assert found.layout == torch.strided
    assert plain(np.ones(2, np.longdouble), "x").dtype == torch.float64


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([[1, 2], [3]], "x has rows of different lengths"),
        (["a"], f"x holds text, such as 'a'; {WORDS}, please"),
        (np.array(["a"], object), f"x holds text, such as 'a'; {WORDS}, please"),
        (np.array([], "U1"), f"^x; {WORDS}, please"),
        (np.array([None, 1]), f"x holds object values; {WORDS}"),
        (np.array([1j]), "x is complex; it must hold real numbers"),
        (torch.tensor([1j]), "x is complex"),
        (torch.eye(2).to_sparse(), r"x must be dense, got torch.sparse_coo; use x.to_dense\(\)"),
        (sp.eye(2), "x must be a tensor, an array or a list of numbers, got dia_matrix"),
        (7, "got int"),
    ],
)
def test_what_is_no_array_of_numbers(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        plain(value, "x", text=", please")


@pytest.mark.parametrize(
    "matrix",
    [
        [[0, 2], [0, 3]],
        sp.csc_array(np.array([[0, 2], [0, 3]])),
        sp.coo_matrix(([1, 1, 3], ([0, 0, 1], [1, 1, 1])), shape=(2, 2)),
        sp.csr_matrix(([1, 1, 3], [1, 1, 1], [0, 2, 3]), shape=(2, 2)),
        torch.tensor([[0, 2], [0, 3]]).to_sparse_csr(),
        torch.sparse_coo_tensor(torch.tensor([[0, 0, 1], [1, 1, 1]]), torch.tensor([1, 1, 3])),
        torch.tensor([[0.0, 2], [0, 3]]).to_sparse_bsr((1, 1)),
        torch.sparse_coo_tensor(
            torch.tensor([[0, 1], [1, 1]]), torch.tensor([[2.0], [3.0]]), (2, 2, 1)
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Sparse BSR:UserWarning")
def test_matrices_of_any_form(matrix: Any) -> None:
    found = sparse(matrix, "adj")
    assert found.toarray().tolist() == [[0, 2], [0, 3]]
    assert found.dtype == np.float32
    assert found.nnz == 2


def test_places_that_are_stored_twice() -> None:
    """SciPy adds up in place, in all that share these arrays: not in ours."""
    ends, first = np.array([1, 0, 1, 1], np.int32), np.array([0, 3, 4], np.int32)
    given = sp.csr_matrix((np.float32([1, 1, 2, 4]), ends, first), shape=(2, 2))
    other = sp.csr_matrix((np.float32([10, 20, 30, 40]), ends, first), shape=(2, 2))
    found = sparse(given, "x")
    assert found.has_canonical_format
    assert found.data.tolist() == [1, 3, 4]
    found.data[:] = 0
    assert ends.tolist() == [1, 0, 1, 1]
    assert given.data.tolist() == [1, 1, 2, 4]
    assert other.toarray().tolist() == [[20, 40], [0, 40]]
    assert np.shares_memory(sparse(once := added_up(given), "x").data, once.data)


def test_what_is_no_matrix() -> None:
    with pytest.raises(ValueError, match=r"adj must be a matrix, got shape \(2,\)"):
        sparse([1, 2], "adj")
    with pytest.raises(ValueError, match="adj is complex"):
        sparse(sp.csr_matrix(np.array([[1j]])), "adj")


def test_a_digest_of_ids_is_that_of_their_lengths_and_letters() -> None:
    """Sixteen digits, which condensed graphs have stored."""
    assert digest_of(["a", "bc"]) == hashlib.sha256(b"1:a2:bc").hexdigest()[:16]
    assert digest_of(["ab", "c"]) != digest_of(["a", "bc"])


@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_whose_squares_overflow(sign: int) -> None:
    check_sizes(torch.tensor([sign * LARGEST / 2, 1.0]), "x")
    check_sizes(np.array([sign * LARGEST]), "x")
    check_sizes(np.array([sign * 1e15]), "x")
    with pytest.raises(ValueError, match=r"numbers beyond 1e\+15 overflow"):
        check_sizes(np.array([sign * np.nextafter(1e15, 2e15)]), "x")
    check_sizes(torch.tensor([sign * 2**60]), "x")  # whole numbers are no features
    check_sizes(torch.tensor([]), "x")
    with pytest.raises(ValueError, match=re.escape(f"x has {sign * 2e15:g}; squares")):
        check_sizes(np.array([sign * 2e15, -sign * 1.0]), "x")
