"""Herding (Welling, ICML 2009), for nodes, graphs, images and heterogeneous graphs."""

from __future__ import annotations

from dataclasses import dataclass

from graphcondense.domains.coresets import PropagatedNodes, ReadGraphs, SeenImages
from graphcondense.domains.hetero_coresets import PropagatedHetero

PAPER = "Welling, Herding Dynamical Weights to Learn, ICML 2009"


@dataclass(frozen=True, kw_only=True)
class Herding(PropagatedNodes):
    """Training nodes whose mean follows the mean of their class."""

    name = "herding"
    paper = PAPER


@dataclass(frozen=True, kw_only=True)
class HerdingGraphs(ReadGraphs):
    """Training graphs whose mean readout follows the mean of their group."""

    name = "herding"
    paper = PAPER


@dataclass(frozen=True, kw_only=True)
class HerdingImages(SeenImages):
    """Training images whose mean follows the mean of their class, in pixels."""

    name = "herding"
    paper = PAPER


@dataclass(frozen=True, kw_only=True)
class HerdingHetero(PropagatedHetero):
    """Nodes whose mean follows the mean of their class, or of their type, along meta-paths."""

    name = "herding"
    paper = PAPER
