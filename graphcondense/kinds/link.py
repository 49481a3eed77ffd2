"""One graph whose links are to be predicted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from graphcondense.core.method import Method
from graphcondense.core.types import Source
from graphcondense.data.link_task import LinkTask
from graphcondense.kinds.kind import About, Kind, Measured, Problem, Setting

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from graphcondense.evaluate.evaluator import AnyEvaluator
    from graphcondense.saved.condensed_links import CondensedLinks


class LinkProblem(Problem[LinkTask, "Data", "CondensedLinks"]):
    """One graph whose links are to be predicted. Methods see its nodes and training links."""

    kind = "link"
    length = "60 epochs"
    predictor = f"GCN (2 layers, 128 wide, {length}, 1 seed), MRR"
    setting = "transductive"

    def prepare(self, setting: Setting, pseudo_labels: int | None) -> None:
        from graphcondense.domains.node_source import NodeSource

        task = self.task
        self._source = NodeSource(task.nodes, device=self.device, weight=task.weight)

    def source(self, method: Method) -> Source:
        """All nodes as one class, and the training links; no link of another split. In the mean of
        a group a node counts as often as the loss of links looks at it."""
        return self._source

    def scorer(self) -> Callable[[Data], float]:
        evaluator = self.evaluator()
        return lambda export: evaluator.score(self.shown(export))

    def shown(self, export: Data) -> CondensedLinks:
        return self.finish(export)

    def evaluator(self) -> AnyEvaluator:
        from graphcondense.evaluate.links import LinkEvaluator

        return LinkEvaluator(self.task, device=self.device, epochs=60)

    def told(self, judges: str) -> str:
        return f"{super().told(judges)}, MRR"

    def finish(self, export: Data) -> CondensedLinks:
        """Of groups of nodes ``Â = S⁻¹ M (A + I) Mᵀ``, with ``M [n, N]`` the membership and ``S``
        the sizes: what a node of the group reads of each, so that a mean over neighbours, or a
        GCN's normalisation, of the condensed graph is that of the real one."""
        from graphcondense.domains.coarse import grouped_links
        from graphcondense.saved.condensed_links import CondensedLinks

        assignment = getattr(export, "assignment", None)
        if assignment is None:
            return CondensedLinks(
                x=export.x, edge_index=export.edge_index, edge_weight=export.edge_weight
            )
        edges, weight = grouped_links(self.task.adj, assignment.numpy(), len(export.x))
        return CondensedLinks(
            x=export.x, edge_index=edges, edge_weight=weight, assignment=assignment
        )

    def about(self) -> About:
        task = self.task
        return {
            "nodes": task.num_nodes,
            "edges": int(task.adj.nnz),
            "bytes": task.size[2],
            "features": task.num_features,
            "metric": task.metric,
            "negatives": task.val.wrong,
            "links": len(task.train),
        }

    def describe(self) -> About:
        """A budget is a share of all nodes, which are all in training."""
        return {**super().describe(), "train": self.task.num_nodes}

    def measure(self, small: CondensedLinks) -> Measured:
        from graphcondense.saved.content import tensor_bytes

        n = len(small.x)
        sizes = {"nodes": n, "edges": int(small.edge_index.shape[1])}
        return Measured(sizes, [n], self.task.num_nodes, tensor_bytes(small))


LINK = Kind(
    name="link",
    problem=LinkProblem,
    stored_as="links",
    default="quotient",
    default_each=0,
    counted="nodes",
)
