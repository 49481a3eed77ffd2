"""k-center (Sener & Savarese, ICLR 2018), for nodes, graphs, images and heterogeneous graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graphcondense.domains.coresets import PropagatedNodes, ReadGraphs, SeenImages
from graphcondense.domains.hetero_coresets import PropagatedHetero

PAPER = "Sener & Savarese, Active Learning for CNNs: A Core-Set Approach, ICLR 2018"


@dataclass(frozen=True, kw_only=True)
class KCenter(PropagatedNodes):
    """Training nodes that leave no other of their class far from the nearest."""

    name = "kcenter"
    paper = PAPER
    variants: ClassVar = {"k-center": {}}


@dataclass(frozen=True, kw_only=True)
class KCenterGraphs(ReadGraphs):
    """Training graphs that leave no other of their group far from the nearest, in readouts."""

    name = "kcenter"
    paper = PAPER
    variants: ClassVar = {"k-center": {}}


@dataclass(frozen=True, kw_only=True)
class KCenterImages(SeenImages):
    """Training images that leave no other of their class far from the nearest, in pixels."""

    name = "kcenter"
    paper = PAPER
    variants: ClassVar = {"k-center": {}}


@dataclass(frozen=True, kw_only=True)
class KCenterHetero(PropagatedHetero):
    """Nodes that leave no other of their class, or type, far from the nearest, along meta-paths."""

    name = "kcenter"
    paper = PAPER
    variants: ClassVar = {"k-center": {}}
