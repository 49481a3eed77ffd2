"""The pool of networks that live on between updates."""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from graphcondense.core.engine import detached
from graphcondense.core.replay import Replay
from graphcondense.core.types import Batch, Learner, Synthetic


class Fixed(Synthetic):
    """Four labelled rows."""

    def batch(self, c: int | None = None) -> Batch:
        rng = torch.Generator().manual_seed(0)
        return Batch((torch.randn(4, 3, generator=rng),), torch.tensor([0, 1, 0, 1]))


def rng(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def pool(**options: Any) -> Replay:
    return Replay(nn.Linear(3, 2), **{"size": 3, "inner": 2, "oldest": 5, **options})


def flat(learner: Learner) -> Tensor:
    return torch.cat([p.detach().flatten() for p in learner.params.values()])


def saved(memory: Mapping[str, Any]) -> Any:
    """Through a checkpoint file."""
    file = io.BytesIO()
    torch.save(detached(memory), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("at", [0, 3, 10, 17])
def test_resumed_is_uninterrupted(at: int) -> None:
    own = rng()
    whole = []
    for i, learner in enumerate(islice(pool()(Fixed(), None, own), 25)):  # type: ignore[arg-type]
        whole.append(flat(learner))
        if i == at:
            memory, state = saved(learner.memory), own.get_state()
    again = rng()
    again.set_state(state)
    rest = islice(pool()(Fixed(), None, again, memory), 24 - at)  # type: ignore[arg-type]
    for a, b in zip(whole[at + 1 :], rest, strict=True):
        assert torch.equal(a, flat(b))


def test_networks_are_trained_after_their_use_and_renewed_when_old() -> None:
    ages: list[int] = []
    before: dict[int, Tensor] = {}
    for learner in islice(pool()(Fixed(), None, rng()), 60):  # type: ignore[arg-type]
        at = learner.memory["at"]
        age = learner.memory["online"][at]["age"]
        ages.append(age)
        now = flat(learner)
        if age:  # the same network, two or (the last time) one step on
            assert not torch.equal(before[at], now)
            loss = learner.loss(Fixed().batch())
            assert bool(torch.isfinite(loss))
        before[at] = now
    # Two steps a use, and never beyond five: the third use has the last one.
    assert set(ages) == {0, 2, 4}


def test_training_is_that_of_torch() -> None:
    """One network, against a loop by hand."""
    sgd = pool(size=1, inner=3, oldest=100, optimizer=lambda p: torch.optim.SGD(p, 0.1))
    first, second = islice(sgd(Fixed(), None, rng()), 2)  # type: ignore[arg-type]
    model = nn.Linear(3, 2)
    one = next(iter(sgd(Fixed(), None, rng())))  # type: ignore[arg-type]
    model.load_state_dict({k: v.detach() for k, v in one.params.items()})
    for _ in range(3):
        model.zero_grad()
        loss = nn.functional.cross_entropy(model(*Fixed().batch().inputs), Fixed().batch().y)
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for p in model.parameters():
                assert p.grad is not None
                p.sub_(0.1 * p.grad)
    assert torch.allclose(model.weight, second.params["weight"])
    assert first.params["weight"] is second.params["weight"]


def test_one_that_is_never_trained_is_fixed() -> None:
    seen = [flat(x) for x in islice(pool(size=1, inner=0)(Fixed(), None, rng()), 4)]  # type: ignore[arg-type]
    assert all(torch.equal(seen[0], s) for s in seen)


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    networks = pool()
    between = torch.get_rng_state()  # nn.Linear of the test itself draws
    list(islice(networks(Fixed(), None, rng()), 5))  # type: ignore[arg-type]
    assert torch.equal(between, torch.get_rng_state())
    assert before is not between


@pytest.mark.parametrize("name", ["size", "oldest"])
def test_bad_fields(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        pool(**{name: 0})
    with pytest.raises(ValueError, match="inner must be at least 0, got -1"):
        pool(inner=-1)
