"""DD and RememberThePast on images."""

from __future__ import annotations

import torch

from tests.cases import ImageCase, Whole

SMALL = {"steps": 6, "real_batch": 5, "validations": 0, "hidden_channels": 8, "inner": 2}


class TestDD(ImageCase):
    name = "dd"
    options = SMALL


class TestRememberThePast(ImageCase):
    name = "rememberthepast"
    options = {**SMALL, "each": 3, "part": 4}
    decoded = 3

    def test_budget_is_kept(self, whole: Whole) -> None:
        small = whole.small
        assert torch.bincount(self.labels(small)).tolist() == [3, 3, 3]
        assert 5 < small.condensed["stored_images"] <= 6
