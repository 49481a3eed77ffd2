"""Exchange: what holds for every method on graphs, and what is its own."""

from __future__ import annotations

from tests.cases import GraphCase


class TestExchange(GraphCase):
    name = "exchange"
    options = {"draws": 5, "tries": 5}
    iterates = False
