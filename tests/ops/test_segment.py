"""Segment reductions: against a plain loop, and torch-scatter's path against torch's own."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType

import pytest
import torch
from torch import Tensor

from graphcondense.ops import segment
from graphcondense.ops.segment import VARIABLE, backend, segment_max, segment_softmax, segment_sum

needs_scatter = pytest.mark.skipif(
    find_spec("torch_scatter") is None, reason="torch-scatter, an optional extra, is not installed"
)
PATHS = ["torch", pytest.param("torch-scatter", marks=needs_scatter)]
REDUCTIONS = [segment_sum, segment_max, segment_softmax]

INDEX = torch.tensor([0, 0, 0, 2, 3, 3])  # segment 1 is empty
PTR = torch.tensor([0, 3, 3, 4, 6])


def values(*shape: int) -> Tensor:
    return torch.randn(6, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def by_hand(reduction: object, x: Tensor) -> Tensor:
    parts = [x[PTR[i] : PTR[i + 1]] for i in range(4)]
    if reduction is segment_softmax:
        return torch.cat([part.softmax(0) for part in parts])
    empty = torch.zeros_like(x[0])
    if reduction is segment_sum:
        return torch.stack([part.sum(0) for part in parts])
    return torch.stack([part.amax(0) if len(part) else empty for part in parts])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("segments", ["index", "ptr", "both"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 4)])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_values_and_gradients_equal_a_loop(reduction, shape, segments, path):
    x = values(*shape).requires_grad_()
    given = {"index": INDEX} if segments != "ptr" else {}
    given |= {"ptr": PTR} if segments != "index" else {}
    out = reduction(x, **given, backend=path)
    expected = by_hand(reduction, x)
    torch.testing.assert_close(out, expected)
    weight = torch.randn_like(expected)
    (grad,) = torch.autograd.grad((out * weight).sum(), x)
    (grad_expected,) = torch.autograd.grad((expected * weight).sum(), x)
    torch.testing.assert_close(grad, grad_expected)


@needs_scatter
@pytest.mark.parametrize("sort", [True, False])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_both_paths_agree(reduction, sort):
    generator = torch.Generator().manual_seed(1)
    index = torch.randint(20, (200,), generator=generator)
    index = index.sort().values if sort else index
    x = torch.randn(200, 3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    outs = [
        reduction(x, index, num_segments=25, backend=path) for path in ("torch", "torch-scatter")
    ]
    torch.testing.assert_close(*outs)
    weight = torch.randn_like(outs[0])
    grads = [torch.autograd.grad((out * weight).sum(), x)[0] for out in outs]
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("path", PATHS)
def test_unsorted_index_and_trailing_empty_segments(path):
    x = torch.tensor([1.0, 2.0, 4.0])
    out = segment_sum(x, torch.tensor([2, 0, 2]), num_segments=5, backend=path)
    assert out.tolist() == [2.0, 0.0, 5.0, 0.0, 0.0]


def test_softmax_is_stable():
    out = segment_softmax(torch.tensor([1e4, 1e4, -1e4]), torch.tensor([0, 0, 1]), backend="torch")
    assert out.tolist() == [0.5, 0.5, 1.0]


def test_backend_says_which_path_runs(monkeypatch):
    installed = find_spec("torch_scatter") is not None
    monkeypatch.delenv(VARIABLE, raising=False)
    assert backend() == ("torch-scatter" if installed else "torch")
    monkeypatch.setenv(VARIABLE, "torch")
    assert backend() == "torch"
    monkeypatch.setenv(VARIABLE, "cuda")
    with pytest.raises(ValueError, match="cuda"):
        backend()


@pytest.mark.skipif(find_spec("torch_scatter") is not None, reason="torch-scatter is installed")
def test_an_explicit_choice_does_not_fall_back():
    with pytest.raises(ImportError, match="torch-scatter"):
        segment_sum(values(), INDEX, backend="torch-scatter")


def test_the_path_that_is_asked_for_is_taken(monkeypatch):
    """With something in the place of torch-scatter that says what it was asked."""
    asked = []

    def scatter(values, index, dim, dim_size, reduce):
        asked.append(("scatter", index.tolist(), dim, dim_size, reduce))
        return values

    def by_rows(values, ptr, reduce):
        asked.append(("segment_csr", ptr.tolist(), reduce))
        return values

    fake = ModuleType("torch_scatter")
    fake.scatter, fake.segment_csr = scatter, by_rows
    monkeypatch.setitem(sys.modules, "torch_scatter", fake)
    monkeypatch.setattr(segment, "find_spec", lambda name: fake)
    x, index, ptr = torch.tensor([1.0, 2.0]), torch.tensor([1, 1]), torch.tensor([0, 1, 2])
    how = {"num_segments": 3, "backend": "torch"}
    assert segment_sum(x, index, **how).tolist() == [0, 3, 0]
    assert not asked
    assert segment_sum(x, index, **{**how, "backend": "torch-scatter"}) is x
    assert segment_max(x, ptr=ptr, backend="auto") is x
    assert asked == [("scatter", [1, 1], 0, 3, "sum"), ("segment_csr", [0, 1, 2], "max")]


def test_segments_must_cover_the_values():
    with pytest.raises(ValueError, match="index"):
        segment_sum(values())
    with pytest.raises(ValueError, match=r"6 rows.*5"):
        segment_sum(values(), INDEX[:5])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("segments", ["index", "ptr"])
@pytest.mark.parametrize(
    ("x", "slope"),
    [
        # Maxima of exactly 0, alone in a segment, over negative ones, and beside positive ones.
        ([-1.0, 0.0, -2.0, 0.0, 0.0, -3.0], [0, 1, 0, 2, 3, 0]),
        ([5.0, 0.0, -2.0, -0.0, -4.0, 0.0], [1, 0, 0, 2, 0, 3]),
        ([-3.0, -1.0, -2.0, -7.0, -0.5, -0.25], [0, 1, 0, 2, 0, 3]),
    ],
)
def test_the_gradient_of_a_maximum_goes_to_it_whole(x, slope, segments, path):
    """By hand, and by finite differences; the segment of 0 rows gets none and gives 0."""
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    given = {"index": INDEX} if segments == "index" else {"ptr": PTR}

    def weighed(values: Tensor) -> Tensor:
        out = segment_max(values, **given, backend=path)
        return (out * torch.tensor([1.0, 9.0, 2.0, 3.0], dtype=torch.float64)).sum()

    (grad,) = torch.autograd.grad(weighed(x), x)
    assert grad.tolist() == slope
    step = 1e-6 * torch.eye(6, dtype=torch.float64)
    near = [float(weighed(x.detach() + e) - weighed(x.detach() - e)) / 2e-6 for e in step]
    torch.testing.assert_close(grad, torch.tensor(near, dtype=torch.float64))


@pytest.mark.parametrize("tied", [0.0, 2.0, -2.0, -torch.inf, torch.inf])
def test_equal_maxima_share_the_gradient_as_in_amax(tied):
    x = torch.tensor([tied, tied, -torch.inf, tied], dtype=torch.float64, requires_grad=True)
    out = segment_max(x, torch.tensor([0, 0, 2, 2]), num_segments=4, backend="torch")
    expected = torch.stack([x[:2].amax(), x.new_zeros(()), x[2:].amax(), x.new_zeros(())])
    assert out.tolist() == expected.tolist() == [tied, 0, tied, 0]
    weight = torch.tensor([1.0, 5.0, 2.0, 7.0], dtype=torch.float64)
    mine, theirs = (torch.autograd.grad(o, x, weight)[0] for o in (out, expected))
    assert mine.tolist() == theirs.tolist()


def test_a_maximum_can_be_differentiated_twice_and_mapped():
    x = values(3).requires_grad_()
    square = segment_max(x, INDEX, num_segments=5, backend="torch").square().sum()
    (grad,) = torch.autograd.grad(square, x, create_graph=True)
    (twice,) = torch.autograd.grad(grad.sum(), x)
    top = torch.stack([segment_max(x, INDEX, num_segments=5, backend="torch")[i] for i in INDEX])
    assert torch.equal(twice, 2.0 * (x == top))
    many = torch.vmap(lambda v: segment_max(v, INDEX, num_segments=5, backend="torch"))
    stacked = torch.stack([x, -x])
    torch.testing.assert_close(many(stacked)[1], segment_max(-x, INDEX, num_segments=5))


def test_the_maximum_of_integers_and_of_nothing():
    out = segment_max(torch.tensor([-3, -1, 4]), torch.tensor([0, 0, 2]), num_segments=4)
    assert out.tolist() == [-1, 0, 4, 0]
    assert segment_max(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)).shape == (0, 2)
