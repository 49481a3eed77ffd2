"""Which devices there are, in words."""

from __future__ import annotations

import pytest
import torch

from graphcondense.ops.device import usable


@pytest.mark.parametrize(
    ("gpus", "mps", "there"),
    [
        (0, False, "use 'cpu'$"),
        (2, False, "use 'cpu' or 'cuda:0' or 'cuda:1'$"),
        (1, True, "use 'cpu' or 'cuda:0' or 'mps'$"),
    ],
)
def test_a_device_that_is_not_here_names_those_that_are(
    gpus: int, mps: bool, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    with pytest.raises(ValueError, match=rf"^device='meta' cannot be used here; {there}"):
        usable("meta")


def test_a_name_that_is_none_is_cut() -> None:
    with pytest.raises(ValueError, match=r"^device='x{40}' is not known to torch; use 'cpu', "):
        usable("x" * 41)


def test_without_a_name_it_is_the_other() -> None:
    assert usable(None) == torch.device("cpu")
    assert usable(torch.device("cpu")) == torch.device("cpu")
