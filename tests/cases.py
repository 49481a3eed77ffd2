"""Test cases that every registered method must pass; a method's own test gives options and numbers.

A subclass names a method and cheap options. ``test_every_method_has_a_case`` fails for a method
without one.
"""

from __future__ import annotations

import copy
import importlib.util
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import ToSparseTensor

import graphcondense
from graphcondense.core.engine import Callback, State
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.images import as_images
from graphcondense.data.interaction_reading import as_interactions
from graphcondense.data.interactions import InteractionTask
from graphcondense.data.link_reading import split_links
from graphcondense.data.link_task import Links, LinkTask
from graphcondense.data.node_reading import as_task
from graphcondense.data.preprocess import restore_preprocess
from graphcondense.domains.graph import GraphSource
from graphcondense.methods import find_method
from graphcondense.ops.adjacency import Powers
from graphcondense.ops.arrays import dense
from graphcondense.saved.condensed_graphs import CondensedGraphs, tensors_of
from graphcondense.saved.condensed_links import CondensedLinks
from graphcondense.saved.condensed_rows import CondensedInteractions

CASES: dict[tuple[str, str], type[MethodCase]] = {}


def toy_graph(seed: int = 0, n: int = 120, classes: int = 3, d: int = 12) -> Data:
    """A graph with classes that features and edges both tell, all splits non-empty."""
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    x = torch.randn(n, d, generator=rng) + 1.5 * torch.eye(classes, d)[y]
    close = torch.where(y[:, None] == y, 0.12, 0.02)
    upper = (torch.rand(n, n, generator=rng) < close).triu(1)
    edges = (upper | upper.T).nonzero().T.contiguous()
    part = torch.randperm(n, generator=rng)
    masks = [torch.zeros(n, dtype=torch.bool) for _ in range(3)]
    for mask, own in zip(masks, part.split([n // 2, n // 4, n - n // 2 - n // 4]), strict=True):
        mask[own] = True
    train, val, test = masks
    return Data(x=x, edge_index=edges, y=y, train_mask=train, val_mask=val, test_mask=test)


def toy_images(seed: int = 0, n: int = 90, classes: int = 3) -> tuple[Tensor, Tensor]:
    """8 x 8 images of a bright row whose height is the class."""
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    x = 0.2 * torch.rand(n, 1, 8, 8, generator=rng)
    x[torch.arange(n), 0, 2 * y + 1] += 0.8
    return x, y


def toy_graphs(seed: int = 0, n: int = 60) -> list[Data]:
    """Paths, rings and stars of three to seven nodes, with features of nodes and edges.

    The first graph is a single node.
    """
    rng = torch.Generator().manual_seed(seed)
    graphs = []
    for i in range(n):
        c, size = i % 3, int(torch.randint(3, 8, (), generator=rng)) if i else 1
        last, nodes = max(size - 1, 0), torch.arange(size)
        one_way = {
            0: torch.stack([nodes[:-1], nodes[1:]]),
            1: torch.stack([nodes, nodes.roll(-1)]),
            2: torch.stack([torch.zeros(last, dtype=torch.long), nodes[1:]]),
        }[c]
        edges = torch.cat([one_way, one_way.flip(0)], 1)
        x = torch.randn(size, 5, generator=rng) + torch.eye(3, 5)[c]
        attr = torch.rand(one_way.shape[1], 2, generator=rng).repeat(2, 1)
        graphs.append(Data(x=x, edge_index=edges, edge_attr=attr, y=torch.tensor([c])))
    return graphs


def toy_hetero(seed: int = 0, n: int = 120, classes: int = 3, d: int = 12) -> HeteroData:
    """Papers with classes, their authors, who have other features, and venues, which have none."""
    rng = torch.Generator().manual_seed(seed)

    def drawn(high: int, size: tuple[int, ...]) -> Tensor:
        return torch.randint(high, size, generator=rng)

    y = torch.arange(n) % classes
    out = HeteroData()
    means = torch.randn(classes, d, generator=rng)
    out["paper"].x = means[y] + torch.randn(n, d, generator=rng)
    out["paper"].y = y
    part = torch.rand(n, generator=rng)
    splits = {"train": part < 0.5, "val": (part >= 0.5) & (part < 0.7), "test": part >= 0.75}
    for split, mask in splits.items():
        out["paper"][f"{split}_mask"] = mask
    authors, venues = n // 2, 6
    of = drawn(authors // classes, (3 * n,)) * classes  # mostly of a class of their own
    paper = drawn(n, (3 * n,))
    author = torch.where(
        torch.rand(3 * n, generator=rng) < 0.8, of + y[paper], drawn(authors, (1,))
    )
    out["author"].x = torch.randn(authors, 5, generator=rng)
    out["venue"].num_nodes = venues
    venue = (y + classes * drawn(2, (n,))) % venues
    written = torch.stack([author, paper])
    out["author", "writes", "paper"].edge_index = written
    out["paper", "rev_writes", "author"].edge_index = written.flip(0)
    out["paper", "in", "venue"].edge_index = torch.stack([torch.arange(n), venue])
    out["venue", "rev_in", "paper"].edge_index = torch.stack([venue, torch.arange(n)])
    out["paper", "cites", "paper"].edge_index = drawn(n, (2, 2 * n))
    return out


def toy_rows(seed: int = 0, users: int = 60, items: int = 40) -> sp.csr_matrix:
    """Users who mostly take items of their own third."""
    rng = np.random.default_rng(seed)
    own = np.arange(users)[:, None] % 3 == np.arange(items)[None] % 3
    return sp.csr_matrix((rng.random((users, items)) < np.where(own, 0.6, 0.1)).astype(np.float32))


class StopAfter(Callback):
    """Interrupts a run as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self.at = step

    def step(self, state: State) -> None:
        if state.step == self.at:
            raise KeyboardInterrupt


class Whole(NamedTuple):
    """A run with the case's own options, which many tests only look at."""

    small: Any
    folder: Path
    input_unchanged: bool
    generator_unchanged: bool


class MethodCase:
    """What holds for every method. Subclasses give the three class attributes and ``data``."""

    name: ClassVar[str]
    kind: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}
    iterates: ClassVar[bool] = True
    # What a budget of one example a class is decoded to, where it is not one example.
    decoded: ClassVar[int | None] = None
    # The class that trains for validation, and less of it: scores are compared, never judged.
    validation: ClassVar[tuple[str, dict[str, Any]] | None] = None
    # Two architectures that can be named to score the sets.
    judges: ClassVar[tuple[str, str]]

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            CASES[cls.name, cls.kind] = cls
        if not cls.iterates:  # test_saved_and_loaded sees that there is nothing to resume
            cls.test_resumed_is_uninterrupted = None

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def short_validation(cls) -> Iterator[None]:
        with cls.shortened():
            yield

    @classmethod
    @contextmanager
    def shortened(cls) -> Iterator[None]:
        """Train less for validation."""
        with pytest.MonkeyPatch.context() as patch:
            if cls.validation is not None:
                name, less = cls.validation
                evaluator = pkgutil.resolve_name(name)
                patch.setattr(name.replace(":", "."), partial(trained, evaluator, less))
            yield

    @pytest.fixture(scope="class")
    @classmethod
    def whole(cls, short_validation: None, tmp_path_factory: pytest.TempPathFactory) -> Whole:
        return cls().observed(tmp_path_factory.mktemp("whole"))

    def observed(self, folder: Path) -> Whole:
        """A run into a folder, and whether it changed what it must not change."""
        data = self.data()
        before = copy.deepcopy(data)
        torch.manual_seed(0)
        state = torch.get_rng_state()
        small = self.condense(data, out=folder)
        pairs = zip(tensors(before), tensors(data), strict=True)
        unchanged = all(torch.equal(a, b) for a, b in pairs)
        return Whole(small, folder, unchanged, torch.equal(state, torch.get_rng_state()))

    def data(self) -> Any:
        raise NotImplementedError

    def condense(self, data: Any = None, **options: Any) -> Any:
        options = {"per_class": 2, "seed": 3, "progress": False, **self.options, **options}
        return graphcondense.condense(self.data() if data is None else data, self.name, **options)

    def labels(self, small: Any) -> Tensor:
        """The class of each condensed example."""
        y: Tensor = small.y
        return y

    def ample(self, small: Any) -> int:
        """A budget in bytes that is large enough for one example a class."""
        return int(small.condensed["bytes"]) + 200

    def check(self, small: Any) -> None:
        """The result is what users of such data expect."""
        assert small.validate(raise_on_error=True)
        assert bool(torch.isfinite(small.x).all())
        assert small.x.dtype == torch.float32
        assert small.y.dtype == torch.long
        assert bool(small.train_mask.all())
        assert small.condensed["nodes"] == len(small.y) == len(small.x)

    def test_budget_is_kept(self, whole: Whole) -> None:
        small = whole.small
        assert torch.bincount(self.labels(small)).tolist() == [2, 2, 2]
        assert len(self.labels(self.condense(per_class=None, nodes=7))) == 7
        most = self.ample(small)
        assert self.condense(per_class=None, bytes=most).condensed["bytes"] <= most

    def checked(self) -> Any:
        """The data as a checked task, and the classes of its training examples; of those without
        classes ``None``."""
        return None

    @pytest.mark.parametrize("which", ["a class", "all classes"])
    def test_a_class_of_one_example(self, which: str) -> None:
        """Whose index is a scalar to some libraries, and whose spread is none."""
        found = self.checked()
        if found is None:
            pytest.skip("there are no classes")
        task, y = found
        kept = torch.ones(len(y), dtype=torch.bool)
        for c in range(1 if which == "a class" else 3):
            kept[(y == c).nonzero().flatten()[1:]] = False
        scarce = replace(task, train=task.train[kept])
        budget = {"per_class": 1} if which == "a class" else {"per_class": None, "nodes": 3}
        small = self.condense(scarce, validations=0, **budget)
        counts = torch.bincount(self.labels(small)).tolist()
        assert counts == [self.decoded or 1] * 3, counts
        assert all(bool(torch.isfinite(v).all()) for v in tensors(small))

    def test_input_is_unchanged(self, whole: Whole) -> None:
        assert whole.input_unchanged

    def test_same_seed_same_bits(self, whole: Whole) -> None:
        torch.manual_seed(1)  # the global generator must not matter
        torch.rand(5)
        assert whole.small.condensed["hash"] == self.condense().condensed["hash"]

    def test_global_generator_is_left_alone(self, whole: Whole) -> None:
        assert whole.generator_unchanged

    def test_result_is_valid(self, whole: Whole) -> None:
        small = whole.small
        self.check(small)
        assert small.condensed["method"] == self.name
        assert small.condensed["kind"] == self.kind
        assert small.condensed["seconds"] > 0
        # Whose cost says that there is no loop has none: options of a loop are refused by it.
        looped = small.condensed["steps"] is not None
        assert looped is self.iterates is find_method(self.name, self.kind)[0](nodes=1).iterates

    def test_saved_and_loaded(self, whole: Whole) -> None:
        small, again = whole.small, graphcondense.load(whole.folder)
        assert again.condensed == small.condensed
        assert not (whole.folder / "checkpoint.pt").exists(), "it has ended: nothing to resume"
        assert all(torch.equal(a, b) for a, b in zip(tensors(small), tensors(again), strict=True))

    def test_named_architectures_judge(self) -> None:
        """On the way where there is a loop, else among finished candidates."""
        named: dict[str, Any] = {"validators": self.judges, "validate_by": "worst"}
        how = {"validations": 1} if self.iterates else {"candidates": 2}
        record = self.condense(**named, **how).condensed
        scores = record["validation"]["scores"]
        assert tuple(scores) == self.judges
        assert record["validation"]["score"] == min(scores.values())
        assert record["validation"]["predictor"].startswith("worst of ")
        if not self.iterates:
            taken = record["choice"]["seed"]
            assert record["choice"]["seeds"] == [3, 4]
            assert self.condense(seed=taken).condensed["hash"] == record["hash"]

    @pytest.mark.parametrize("at", [1, 4])
    def test_resumed_is_uninterrupted(self, whole: Whole, tmp_path: Path, at: int) -> None:
        with pytest.raises(KeyboardInterrupt):
            self.condense(out=tmp_path, checkpoint_seconds=0.0, callbacks=[StopAfter(at + 1)])
        resumed = self.condense(out=tmp_path, resume=True)
        assert resumed.condensed["hash"] == whole.small.condensed["hash"]
        assert steps(tmp_path) == steps(whole.folder)


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
        task = as_images((images, labels), (images[:9], labels[:9]))
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


def trained(evaluator: Any, less: dict[str, Any], *args: Any, **options: Any) -> Any:
    """An evaluator that trains less than it was told to."""
    return evaluator(*args, **{**options, **less})


def tensors(data: Any) -> list[Tensor]:
    """All tensors of data or of a result, in a fixed order."""
    if isinstance(data, CondensedInteractions):
        return list(data.tensors.values())
    if isinstance(data, InteractionTask):
        parts = [part for split in (data.train, data.val, data.test) for part in (split, split.T)]
        return [torch.from_numpy(part.toarray()) for part in parts]
    if isinstance(data, CondensedGraphs):
        return list(tensors_of(data.set).values())
    if isinstance(data, LinkTask):
        return [torch.from_numpy(data.adj.toarray()), data.x, data.val.ends, data.test.ends]
    if isinstance(data, HeteroData):
        stores = [*data.node_stores, *data.edge_stores]
        return [v for s in stores for _, v in sorted(s.items()) if isinstance(v, Tensor)]
    if isinstance(data, HeteroTask):
        parts = [*data.graph.x.values(), *data.graph.relations.values()]
        dense = [p if isinstance(p, np.ndarray) else p.toarray() for p in parts]
        return [*map(torch.from_numpy, dense), data.y, data.train, data.val, data.test]
    if isinstance(data, list):
        return [tensor for graph in data for tensor in tensors(graph)]
    if isinstance(data, tuple):
        return list(data)
    return [v for _, v in sorted(data.to_dict().items()) if isinstance(v, Tensor)]


def steps(folder: Any) -> list[tuple[int, float]]:
    """Step and loss of every line of a run's log."""
    import json

    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(row["step"], row["loss"]) for row in rows]


def script(path: Path) -> ModuleType:
    """A Python file that is in no package, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
