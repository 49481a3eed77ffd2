"""Real examples at random: the floor that learnt ones must beat."""

from __future__ import annotations

from dataclasses import dataclass

from graphcondense.domains.coresets import GraphCoreset, ImageCoreset, NodeCoreset, UserCoreset
from graphcondense.domains.hetero_coresets import HeteroCoreset


@dataclass(frozen=True, kw_only=True)
class RandomNodes(NodeCoreset):
    """Training nodes of each class, uniformly."""

    name = "random"


@dataclass(frozen=True, kw_only=True)
class RandomGraphs(GraphCoreset):
    """Training graphs of each group (see GraphTask.groups), uniformly."""

    name = "random"


@dataclass(frozen=True, kw_only=True)
class RandomImages(ImageCoreset):
    """Training images of each class, uniformly."""

    name = "random"


@dataclass(frozen=True, kw_only=True)
class RandomUsers(UserCoreset):
    """Users, uniformly."""

    name = "random"


@dataclass(frozen=True, kw_only=True)
class RandomHetero(HeteroCoreset):
    """Training nodes of each class, uniformly, and of other types nodes that they touch."""

    name = "random"
