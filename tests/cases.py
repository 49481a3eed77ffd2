"""Test cases that every registered method must pass; a method's own test gives options and numbers.

A subclass names a method and cheap options. ``test_every_method_has_a_case`` fails for a method
without one.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import ToSparseTensor

from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.images import as_images
from graphcondense.data.interaction_reading import as_interactions
from graphcondense.data.interactions import InteractionTask
from graphcondense.data.link_reading import split_links
from graphcondense.data.link_task import Links, LinkTask
from graphcondense.data.node_reading import as_task
from graphcondense.data.preprocess import restore_preprocess
from graphcondense.domains.graph import GraphSource
from graphcondense.ops.adjacency import Powers
from graphcondense.ops.arrays import dense
from graphcondense.saved.condensed_links import CondensedLinks
from tests.method_case import CASES as CASES  # tests take these from here, and the toys
from tests.method_case import MethodCase, Whole
from tests.method_case import StopAfter as StopAfter
from tests.method_case import steps as steps
from tests.method_case import tensors as tensors
from tests.method_case import trained as trained
from tests.toys import toy_graph, toy_graphs, toy_hetero, toy_images, toy_rows


def poisoned(data: Data, nodes: Tensor) -> Data:
    """The same graph with other features of ``nodes [n]`` and other edges at them."""
    rng, other = torch.Generator().manual_seed(9), data.clone()
    other.x[nodes] += 100.0
    ends = torch.randint(data.num_nodes, (2, data.num_edges), generator=rng)
    kept = data.edge_index[:, ~nodes[data.edge_index].any(0)]
    new = ends[:, nodes[ends].any(0)]
    other.edge_index = torch.cat([new, kept, new.flip(0)], 1)
    return other


def raw_rows(powers: Powers, hops: int, rows: np.ndarray) -> np.ndarray:
    """Rows of the features where nothing may be propagated."""
    assert hops == 0, "the method says that it reads no propagated features"
    return dense(powers.whole(0)[rows])


class NodeCase(MethodCase):
    """What holds for every method on nodes, besides."""

    kind = "node"
    judges = "GCN", "MLP"
    validation = "graphcondense.evaluate:NodeEvaluator", {"epochs": 6}

    @property
    def scored(self) -> bool:
        """Whether the options have sets scored on the way."""
        return self.iterates and bool(self.options.get("validations", 5))

    def data(self) -> Data:
        return toy_graph()

    def checked(self) -> Any:
        task = as_task(self.data())
        return task, task.y[task.train]

    def test_test_labels_are_unreachable(self, whole: Whole) -> None:
        data = self.data()
        garbage = data.clone()
        garbage.y[data.test_mask] = (garbage.y[data.test_mask] + 1) % 3
        assert whole.small.condensed["hash"] == self.condense(garbage).condensed["hash"]

    def test_a_cache_acts_or_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the method says of itself is what it does."""
        short = {"validations": 0} if self.iterates else {}
        try:
            self.condense(cache=tmp_path, **short)
        except ValueError as error:
            assert "cannot act" in str(error)  # noqa: PT017 - either is right
            monkeypatch.setattr(Powers, "rows", raw_rows)
            self.condense(**short)
        else:
            assert list(tmp_path.glob("propagated-gcn-*.safetensors"))

    def test_inductive_sees_the_training_subgraph_alone(self) -> None:
        """And scores on the way no more than the validation nodes beside it."""
        data = self.data()
        one = self.condense(data, setting="inductive")
        two = self.condense(poisoned(data, data.test_mask), setting="inductive")
        assert one.condensed["hash"] == two.condensed["hash"]
        assert one.condensed["validation"] == two.condensed["validation"]
        assert (one.condensed["validation"] is not None) is self.scored
        unseen = poisoned(data, ~data.train_mask)
        three = self.condense(unseen, setting="inductive", validations=0)
        four = self.condense(data, setting="inductive", validations=0)
        assert three.condensed["hash"] == four.condensed["hash"]

    @pytest.mark.parametrize("kind", ["directed", "weighted", "adj_t", "sparse x", "bool x"])
    def test_kinds_of_input(self, kind: str) -> None:
        data = self.data()
        if kind == "directed":
            data.edge_index = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
        if kind == "weighted":
            data.edge_weight = torch.rand(data.num_edges) + 0.1
        if kind == "adj_t":
            n, (source, target) = data.num_nodes, data.edge_index
            data.adj_t = torch.sparse_coo_tensor(
                torch.stack([target, source]), torch.ones(data.num_edges), (n, n)
            ).to_sparse_csr()
            del data.edge_index
        if kind == "sparse x":
            data.x = data.x.to_sparse_csr()
        if kind == "bool x":
            data.x = data.x > 0
        assert self.condense(data).num_nodes == 6


class ImageCase(MethodCase):
    """What holds for every method on images, besides."""

    kind = "image"
    judges = "ConvNet", "MLP"
    validation = "graphcondense.evaluate.images:ImageEvaluator", {"epochs": 20}

    def data(self) -> tuple[Tensor, Tensor]:
        return toy_images()

    def checked(self) -> Any:
        task = as_images(self.data())
        return task, task.labels[task.train]

    def labels(self, small: Any) -> Tensor:
        y: Tensor = small.y
        return y if y.dim() == 1 else y.argmax(1)

    def check(self, small: Any) -> None:
        """Raw images with classes or soft labels, and a preprocessing that has a way back."""
        n, record = len(small.x), small.condensed
        assert small.validate(raise_on_error=True)
        assert small.x.dtype == torch.float32
        assert tuple(small.x.shape[1:]) == (1, 8, 8)
        assert bool(torch.isfinite(small.x).all())
        assert bool(small.train_mask.all())
        assert record["nodes"] == n == len(small.y)
        assert record["stored_images"] == pytest.approx(record["bytes"] / (4 * 64 + 8), abs=1e-3)
        if small.y.dim() == 1:
            assert small.y.dtype == torch.long
            assert bool((small.y.diff() >= 0).all()), "images are sorted by class"
        else:
            assert small.y.shape == (n, 3)
            assert small.y.dtype == torch.float32
        preprocess = restore_preprocess(small)
        seen = preprocess.apply(small.x)
        assert torch.allclose(preprocess.inverse(seen), small.x, atol=1e-4)

    def test_held_out_images_are_unreachable(self) -> None:
        """Those of the test part, and of validation where nothing is validated."""
        images, labels = self.data()
        task = as_images((images, labels), (images[:9].clone(), labels[:9]))
        pixels, said = task.images.clone(), task.labels.clone()
        held = torch.cat([task.val, task.test])
        pixels[held], said[held] = 7.0, (said[held] + 1) % 3
        other = replace(task, images=pixels, labels=said)
        one, two = (self.condense(data, validations=0) for data in (task, other))
        assert one.condensed["hash"] == two.condensed["hash"]
        pixels, said = pixels.clone(), said.clone()
        pixels[task.val], said[task.val] = task.images[task.val], task.labels[task.val]
        other = replace(task, images=pixels, labels=said)
        one, two = self.condense(task), self.condense(other)
        assert one.condensed["hash"] == two.condensed["hash"]
        assert one.condensed["validation"] == two.condensed["validation"]

    @pytest.mark.parametrize("kind", ["bytes", "data set", "three channels"])
    def test_kinds_of_input(self, kind: str) -> None:
        images, labels = self.data()
        data: Any = images, labels
        if kind == "bytes":
            data = (255 * images).round().byte().numpy(), labels.numpy()
        if kind == "data set":
            data = torch.utils.data.TensorDataset(images, labels)
        if kind == "three channels":
            data = images.repeat(1, 3, 1, 1), labels
        small = self.condense(data, validations=0)
        assert small.x.shape[1:] == ((3, 8, 8) if kind == "three channels" else (1, 8, 8))
        assert small.condensed["bytes"] > 0


class GraphCase(MethodCase):
    """What holds for every method on sets of graphs, besides."""

    kind = "graph"
    judges = "GCN", "SAGE"
    validation = "graphcondense.evaluate.graphs:GraphEvaluator", {"steps": 20}
    each: ClassVar[int] = 2  # graphs a group that any kind of input has to give

    def data(self) -> list[Data]:
        return toy_graphs()

    def checked(self) -> Any:
        task = as_graph_task(self.data())
        return task, task.groups[task.train]

    def labels(self, small: Any) -> Tensor:
        y: Tensor = small.set.y
        return y

    def ample(self, small: Any) -> int:
        return 4 * int(GraphSource(as_graph_task(self.data()), edge_features=True).example_bytes)

    def check(self, small: Any) -> None:
        batch = next(iter(DataLoader(small, batch_size=len(small))))
        assert batch.validate(raise_on_error=True)
        assert batch.num_graphs == small.condensed["graphs"] == len(small)
        assert batch.num_nodes == small.condensed["nodes"]
        assert batch.num_edges == small.condensed["edges"]
        assert batch.x.dtype == torch.float32
        assert bool(torch.isfinite(batch.x).all())
        assert small.condensed["setting"] == "inductive"

    @pytest.mark.parametrize("what", ["labels", "graphs"])
    def test_held_out_graphs_are_unreachable(self, what: str) -> None:
        """Labels and graphs of the test split, and of validation where nothing is validated."""
        task = as_graph_task(self.data())
        held = torch.cat([task.val, task.test])
        y, x = task.graphs.y.clone(), task.graphs.x.clone()
        if what == "labels":
            y[held] = (y[held] + 1) % 3
        else:
            x[torch.isin(task.graphs.batch, held)] += 100.0
        other = replace(task, graphs=replace(task.graphs, x=x, y=y))
        one, two = (self.condense(data, validations=0) for data in (task, other))
        assert one.condensed["hash"] == two.condensed["hash"]
        x, y = x.clone(), y.clone()
        y[task.val] = task.graphs.y[task.val]
        x[torch.isin(task.graphs.batch, task.val)] = task.graphs.x[
            torch.isin(task.graphs.batch, task.val)
        ]
        other = replace(task, graphs=replace(task.graphs, x=x, y=y))
        one, two = self.condense(task), self.condense(other)
        assert one.condensed["hash"] == two.condensed["hash"]
        assert one.condensed["validation"] == two.condensed["validation"]

    @pytest.mark.parametrize(
        "kind", ["tasks", "regression", "categories", "no edges", "single nodes", "no x"]
    )
    def test_kinds_of_input(self, kind: str) -> None:
        graphs = self.data()
        for i, graph in enumerate(graphs):
            if kind == "tasks":
                hole = torch.nan if i % 4 == 0 else float(i % 2)
                graph.y = torch.tensor([[float(i % 3 == 0), hole]])
            if kind == "regression":
                graph.y = torch.tensor([[0.37 * i - 5]])
            if kind == "categories":
                graph.x = (graph.x > 0).long() * 7
                graph.edge_attr = (graph.edge_attr > 0.5).long()
            if kind in ("no edges", "single nodes"):
                graph.edge_index, graph.edge_attr = graph.edge_index[:, :0], None
            if kind == "single nodes":
                graph.x = graph.x[:1]
            if kind == "no x":
                graph.num_nodes = len(graph.x)
                del graph.x
        small = self.condense(graphs, per_class=self.each, validations=0)
        self.check(small)
        groups = {"tasks": 1, "regression": 5}.get(kind, 3)
        assert small.condensed["budget"]["per_class"] == [self.each] * groups


class LinkCase(MethodCase):
    """What holds for every method on links, besides. All nodes are one class, without a label."""

    kind = "link"
    judges = "GCN", "SAGE"
    validation = "graphcondense.evaluate.links:LinkEvaluator", {"epochs": 4}

    def data(self) -> LinkTask:
        return split_links(toy_graph(n=60), negatives=5)

    def condense(self, data: Any = None, **options: Any) -> Any:
        return super().condense(data, **{"per_class": 6, **options})

    def labels(self, small: Any) -> Tensor:
        return torch.zeros(len(small.x), dtype=torch.long)

    def check(self, small: Any) -> None:
        assert type(small) is CondensedLinks
        assert small.validate(raise_on_error=True)
        assert bool(torch.isfinite(small.x).all())
        assert small.x.dtype == torch.float32
        assert bool((small.edge_weight > 0).all())
        assert getattr(small, "y", None) is None
        assert small.condensed["nodes"] == len(small.x)

    def test_budget_is_kept(self, whole: Whole) -> None:
        assert len(whole.small.x) == 6
        assert len(self.condense(per_class=None, nodes=7).x) == 7
        most = self.ample(whole.small)
        assert self.condense(per_class=None, bytes=most).condensed["bytes"] <= most

    def test_test_links_are_unreachable(self, whole: Whole) -> None:
        task = self.data()
        fewer = Links(task.test.ends.flip(1)[:, :4], tails=task.test.tails[:4])
        other = replace(task, test=fewer)
        assert self.condense(other).condensed["hash"] == whole.small.condensed["hash"]


class HeteroCase(MethodCase):
    """What holds for every method on heterogeneous graphs, besides."""

    kind = "hetero"
    judges = "RGCN", "MLP"
    validation = "graphcondense.evaluate.hetero:HeteroEvaluator", {"epochs": 4, "hidden": 8}

    def data(self) -> HeteroData:
        return toy_hetero()

    def labels(self, small: Any) -> Tensor:
        y = small["paper"].y
        return y.argmax(1) if y.dim() == 2 else y

    def ample(self, small: Any) -> int:
        return 200_000

    def checked(self) -> Any:
        task = as_hetero(self.data())
        return task, task.y[task.train]

    def check(self, small: Any) -> None:
        assert small.validate(raise_on_error=True)
        assert small.target == "paper"
        assert set(small.node_types) == set(self.data().node_types)
        assert set(small.edge_types) == set(self.data().edge_types)
        assert all(bool(torch.isfinite(x).all()) for x in small.x_dict.values())
        assert all(len(x) for x in small.x_dict.values())
        assert bool(small["paper"].train_mask.all())
        counts = {kind: len(x) for kind, x in small.x_dict.items()}
        assert small.condensed["types"] == counts
        assert small.condensed["nodes"] == counts["paper"]
        assert small.condensed["all_nodes"] == sum(counts.values())

    def test_test_labels_are_unreachable(self) -> None:
        """And those of no split."""
        data, other = self.data(), self.data()
        hidden = ~(other["paper"].train_mask | other["paper"].val_mask)
        other["paper"].y[hidden] = (other["paper"].y[hidden] + 1) % 3
        one, two = self.condense(data), self.condense(other)
        assert one.condensed["hash"] == two.condensed["hash"]
        assert one.condensed["data"]["digest"] == two.condensed["data"]["digest"]

    @pytest.mark.parametrize("kind", ["task", "adj_t", "weighted", "sparse x", "no validation"])
    def test_kinds_of_input(self, kind: str) -> None:
        data: Any = self.data()
        if kind == "task":
            data = as_hetero(data)
        if kind == "adj_t":
            data = ToSparseTensor()(data)
        if kind == "weighted":
            for store in data.edge_stores:
                store.edge_weight = torch.full((store.num_edges,), 0.5)
        if kind == "sparse x":
            data["paper"].x = data["paper"].x.to_sparse_csr()
        if kind == "no validation":
            data["paper"].val_mask[:] = False
        self.check(self.condense(data))


class RowsCase(MethodCase):
    """What holds for every method on users by items, besides. There is one group of users."""

    kind = "rows"
    judges = "InfiniteAE", "EASE"

    def data(self) -> InteractionTask:
        return as_interactions(toy_rows(), seed=1)

    def labels(self, small: Any) -> Tensor:
        return torch.zeros(len(small), dtype=torch.long)

    def check(self, small: Any) -> None:
        n, m = small.csr.shape
        hetero = small.hetero
        assert hetero.validate(raise_on_error=True)
        assert (hetero["user"].num_nodes, hetero["item"].num_nodes) == (n, m)
        assert small.csr.dtype == np.float32
        assert np.isfinite(small.csr.data).all()
        assert small.condensed["users"] == n
        assert small.condensed["interactions"] == small.csr.nnz == hetero.num_edges
        assert m == 40

    def test_budget_is_kept(self, whole: Whole) -> None:
        assert len(whole.small) == 2
        assert len(self.condense(per_class=None, nodes=7)) == 7
        assert len(self.condense(per_class=None, ratio=0.1)) == 6
        most = 4 * 40 * 2
        assert self.condense(per_class=None, bytes=most).condensed["bytes"] <= most

    def test_test_items_are_unreachable(self) -> None:
        """And validation items where nothing is validated."""
        task = self.data()
        other = replace(task, test=sp.csr_matrix(task.test.shape, dtype=np.float32))
        one, two = self.condense(task), self.condense(other)
        assert one.condensed["hash"] == two.condensed["hash"]
        assert one.condensed["validation"] == two.condensed["validation"]

    @pytest.mark.parametrize("kind", ["csr", "hetero", "split", "counts", "no validation"])
    def test_kinds_of_input(self, kind: str) -> None:
        task = self.data()
        data: Any = task
        if kind == "csr":
            data = toy_rows()
        if kind == "hetero":
            coo = toy_rows().tocoo()
            data = HeteroData()
            data["user"].num_nodes, data["item"].num_nodes = coo.shape
            ends = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
            data["user", "takes", "item"].edge_index = ends
        if kind == "split":
            data = {"train": task.train, "val": task.val, "test": task.test}
        if kind == "counts":
            data = as_interactions(3 * toy_rows(), duplicates="count")
        if kind == "no validation":
            data = replace(task, val=sp.csr_matrix(task.val.shape, dtype=np.float32))
        scored = kind != "no validation"
        self.check(small := self.condense(data, **({} if scored else {"validations": 0})))
        assert small.condensed["data"]["users"] == 60
        if kind == "no validation":
            assert small.condensed["validation"] is None


def script(path: Path) -> ModuleType:
    """A Python file that is in no package, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
