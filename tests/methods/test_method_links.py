"""Every method of links passes the shared cases."""

from __future__ import annotations

from tests.cases import LinkCase


class TestAffinityGs(LinkCase):
    name = "affinity-gs"
    iterates = False


class TestAhUgc(LinkCase):
    name = "ah-ugc"
    iterates = False


class TestAlgebraicJc(LinkCase):
    name = "algebraic-jc"
    iterates = False


class TestConvmatch(LinkCase):
    name = "convmatch"
    iterates = False


class TestDegree(LinkCase):
    name = "degree"
    iterates = False


class TestHeavyEdge(LinkCase):
    name = "heavy-edge"
    iterates = False


class TestHerding(LinkCase):
    name = "herding"
    iterates = False


class TestKcenter(LinkCase):
    name = "kcenter"
    iterates = False


class TestPagerank(LinkCase):
    name = "pagerank"
    iterates = False


class TestQuotient(LinkCase):
    name = "quotient"
    iterates = False


class TestRandom(LinkCase):
    name = "random"
    iterates = False


class TestUgc(LinkCase):
    name = "ugc"
    iterates = False


class TestVariationEdges(LinkCase):
    name = "variation-edges"
    iterates = False


class TestVariationNeighborhoods(LinkCase):
    name = "variation-neighborhoods"
    iterates = False
