"""FreeHGC (Liang et al., 2024): heterogeneous graphs by selection and means, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Generator

from graphcondense.core.method import LABEL_KINDS
from graphcondense.core.types import Synthetic
from graphcondense.domains.hetero import HeteroMethod, HeteroSource, HeteroSynthetic, Ids
from graphcondense.domains.hetero_fields import (
    Made,
    Path,
    both_ways,
    covering,
    fields_along,
    influence,
    likeness,
    merged_leaves,
    meta_paths,
    picked,
    refuse_many,
    roles,
    small_graph,
)
from graphcondense.ops.fields import Chance, Count, NonNegative
from graphcondense.ops.hetero import HeteroGraph, Relation


@dataclass(frozen=True, kw_only=True)
class FreeHGC(HeteroMethod):
    """Target nodes that see most of the graph along meta-paths, fathers that they hear most of, and
    means of leaves.

    1. *Target nodes.* ``R_p(v)`` are the nodes that training node ``v`` reaches along meta-path
       ``p``. For each path of at most ``hops`` relations and each class, as many nodes as the class
       gets are chosen one after the other, each with the largest ``F_p(v) = |R_p(S + v) - R_p(S)|
       / max_u |R_p(u)| + diversity (1 - J_p(v))``. ``J_p(v)`` is the mean Jaccard index of
       ``R_p(v)`` and ``R_q(v)`` over the other paths ``q`` that end at the same type, zero where
       there is none. A node's scores of all paths are added up, and the largest of each class are
       taken.
    2. *Fathers*, the types through which others are reached (authors - *papers* - venues): the
       nodes ``v`` with the largest neighbour influence ``Σ_p Σ_{s in S} Π_p[s, v]`` on the chosen
       target nodes ``S``, with the personalised PageRank ``Π_p`` on the graph of path ``p``, see
       :func:`~graphcondense.domains.hetero_fields.influence`.
    3. *Leaves*, all other types: each chosen node of the type above gets one synthesised leaf, the
       mean of all leaves that it touches, so that its mean over neighbours stays what it was; nodes
       that touch the same leaves share one.

    Steps and formulas follow the paper's published code (its HGB folder), which leaves open or
    differs in:

    * It divides what a node adds by what is covered already, so that the first nodes of a path
      count most, and weighs ``1 - J`` 0.05; here what a node adds is a share of the largest field,
      between 0 and 1, and both count alike.
    * Where labels are no classes, the groups that stand for them are chosen from
      (:attr:`~graphcondense.data.targets.Labelled.groups`).
    * It holds fields as dense matrices. Here a node has at most ``neighbours`` neighbours of each
      relation on the way, drawn at random, for a hub brings all of a large graph into every field.
      Influence is by all neighbours.
    * It makes as many leaves as there are different sets of neighbours. Here a budget holds for
      every type: k-means joins leaves that are too many. A leaf has edges with the nodes it was
      made for; further relations of leaves have one where any of the nodes meant has one.
    * A relation without a way back gets one for the choice of nodes, as all have in the paper's
      data.

    Attributes:
        hops: relations of a meta-path at most. There may be 1,000 meta-paths, whose number grows
            many times with each hop.
        diversity: weight of ``1 - J`` beside coverage.
        restart: chance of going back to the start, of the personalised PageRank.
        neighbours: of a node and relation, at most so many are followed to receptive fields.
        others: what types besides the target are made of; ``"auto"`` selects fathers and
            synthesises leaves, as the paper does, ``"select"`` selects nodes of all types, and
            ``"synthesise"`` makes means of all.
        dims: leading singular vectors of leaves, for the k-means that joins them.
    """

    name = "freehgc"
    paper = (
        "Liang et al., Training-free Heterogeneous Graph Condensation via Data Selection, "
        "ICDE 2025, arXiv 2412.16250"
    )
    family = "coreset"
    learns = "nothing (real nodes, and means of neighbours)"
    cost = "closed form"
    label_kinds = LABEL_KINDS

    hops: Count = 2
    diversity: NonNegative = 1.0
    restart: Chance = 0.05
    neighbours: Count = 16
    others: Literal["auto", "select", "synthesise"] = "auto"
    dims: Count = 64

    def most_edges(self, real: HeteroSource, relation: Relation, counts: Mapping[str, int]) -> int:
        """A node has at most one leaf of a type that was made for its own; leaves may be means of
        the same nodes, and so have more further edges than the real nodes."""
        leaves, (source, _, end) = self._leaves(real), relation
        pairs = counts[source] * counts[end]
        for leaf, other in ((source, end), (end, source)):
            if leaves.get(leaf) == other:
                return min(pairs, counts[other])
        if source in leaves or end in leaves:
            return pairs
        return super().most_edges(real, relation, counts)

    def _leaves(self, real: HeteroSource) -> dict[str, str]:
        """Types whose nodes are means, and the type by whose nodes each is made."""
        parents, fathers = roles(real.task.graph, real.task.target)
        selected = {"auto": fathers, "select": {*parents}, "synthesise": set[str]()}[self.others]
        return {k: p for k, p in parents.items() if p is not None and k not in selected}

    def memory_bytes(self, real: HeteroSource) -> int:
        """The export; the relations, thinned and as they are turned; fields of all paths."""
        graph = real.task.graph
        n, paths = int(self.sizes(real).sum()), len(self._paths(both_ways(graph), real.task.target))
        reach = min(self.neighbours**self.hops, sum(graph.counts.values()))
        fields = len(real.task.train) * (16 + 8 * reach) * paths
        export = 3 * n * real.example_bytes
        return int(export + 60 * graph.num_edges + fields)

    def solve(self, real: HeteroSource, rng: Generator) -> Synthetic:
        draws = np.random.default_rng(int(torch.randint(2**31, (), generator=rng)))
        task = real.task
        linked = both_ways(task.graph)
        nodes = self._targets(real, linked, draws)
        counts = self.counts(real, len(nodes))
        leaves = self._leaves(real)
        made: dict[str, Made] = {task.target: picked(nodes, task.num_nodes)}
        for kind in roles(task.graph, task.target)[0]:
            if kind not in leaves:
                near = self._influential(linked, task.target, kind, nodes, counts[kind])
                made[kind] = picked(near, task.graph.counts[kind])
            else:
                parent = leaves[kind]
                made[kind] = merged_leaves(
                    *(task.graph, kind, parent, made[parent], counts[kind], self.dims, draws)
                )
        graph = small_graph(task.graph, made)
        return HeteroSynthetic(graph, task.target, task.y[torch.from_numpy(nodes)])

    def _paths(self, graph: HeteroGraph, target: str) -> list[Path]:
        refuse_many(graph, target, self.hops)
        return meta_paths(graph, target, self.hops)

    def _targets(self, real: HeteroSource, linked: HeteroGraph, draws: np.random.Generator) -> Ids:
        """The chosen training nodes, class by class."""
        task = real.task
        train, paths = task.train.numpy(), self._paths(linked, task.target)
        group = task.groups[task.train].numpy()
        members = [np.flatnonzero(group == c) for c in range(real.num_classes)]
        sizes = self.sizes(real).tolist()
        fields = [*fields_along(linked, train, paths, self.neighbours, draws)]
        total = np.zeros(len(train))
        for end in dict.fromkeys(path[-1][0] for path in paths):
            at = [i for i, path in enumerate(paths) if path[-1][0] == end]
            for i, alike in zip(at, likeness([fields[i] for i in at]), strict=True):
                bonus = self.diversity * (1 - alike)
                for rows, k in zip(members, sizes, strict=True):
                    chosen, scores = covering(fields[i][rows], bonus[rows], k)
                    total[rows[chosen]] += scores
        best: Sequence[Ids] = [
            rows[np.argsort(-total[rows], kind="stable")[:k]]
            for rows, k in zip(members, sizes, strict=True)
        ]
        out: Ids = train[np.concatenate(best)]
        return out

    def _influential(self, linked: HeteroGraph, target: str, kind: str, chosen: Ids, k: int) -> Ids:
        """The nodes of a type that chosen target nodes hear most of, by all paths that lead to it;
        by the shortest where these have more relations than ``hops``."""
        total = np.zeros(linked.counts[kind])
        for hops in range(self.hops, max(self.hops, len(linked.x)) + 1):
            paths = [p for p in meta_paths(linked, target, hops) if p[-1][0] == kind]
            for path in paths:
                total += influence(linked, path, chosen, self.restart)
            if paths:
                break
        out: Ids = np.argsort(-total, kind="stable")[:k]
        return out
