"""A new kind of data is one more file a layer, and no ladder has to be edited for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Generator, Tensor
from torch_geometric.data import Data

import graphcondense
from graphcondense.core.engine import Callback
from graphcondense.core.method import REGISTRY, Method
from graphcondense.core.types import Batch, Source, Synthetic
from graphcondense.data.catalogue import kind_of_name
from graphcondense.data.kind import DataKind, data_kinds, kind_of_data, register, unregister
from graphcondense.data.known import Named, Row
from graphcondense.data.link_reading import split_links
from graphcondense.evaluate.cost import Size, size_of
from graphcondense.kinds import KINDS, Kind, kind_named, problem_of
from graphcondense.kinds.kind import About, Measured, Setting, of_one
from graphcondense.methods import all_methods
from graphcondense.saved.condensed_graph import CondensedGraph
from tests.cases import toy_graph
from tests.toys import toy_graphs, toy_hetero, toy_images, toy_rows


@dataclass(frozen=True)
class Series:
    """Labelled series of numbers ``[n, steps]``."""

    values: Tensor
    labels: Tensor
    name: str = "waves"
    unlabelled: Mapping[str, int] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int, int]:
        return len(self.labels), self.values.numel(), self.values.nbytes

    @property
    def digest(self) -> str:
        return f"{float(self.values.sum()):.3f}"


class SeriesSource:
    def __init__(self, task: Series) -> None:
        self.task, self.counts = task, torch.bincount(task.labels)
        self.num_classes, self.num_examples = len(self.counts), len(task.labels)
        self.example_bytes = 4 * task.values.shape[1] + 8

    def batch(
        self, c: int | None = None, size: int | None = None, rng: Generator | None = None
    ) -> Batch:
        raise NotImplementedError


class SeriesProblem:
    kind, setting, predictor = "series", "inductive", ""
    validates, scored = False, 0
    privacy = None

    def __init__(
        self,
        data: object,
        device: torch.device,
        setting: Setting,
        pseudo_labels: int | None,
        memory: int | str | None,
    ) -> None:
        assert isinstance(data, Series)
        self.task = data

    def source(self, method: Method) -> Source:
        return SeriesSource(self.task)

    def score(self) -> None:
        return None

    def finish(self, export: tuple[Tensor, Tensor]) -> Data:
        none = torch.empty(2, 0, dtype=torch.long)
        kept = torch.ones(len(export[1]), dtype=torch.bool)
        return CondensedGraph(x=export[0], y=export[1], edge_index=none, train_mask=kept)

    def describe(self) -> About:
        return {"name": "waves", "digest": self.task.digest, "train": len(self.task.labels)}

    def measure(self, small: Data) -> Measured:
        return of_one(small, small.y, 2, len(self.task.labels))


class Kept(Synthetic):
    def __init__(self, task: Series, index: Tensor) -> None:
        super().__init__()
        self.task, self.index = task, index

    def export(self) -> tuple[Tensor, Tensor]:
        return self.task.values[self.index], self.task.labels[self.index]


@dataclass(frozen=True)
class Waves(Named):
    def columns(self) -> Row:
        return {"classes": 2, "metric": "accuracy"}


def waves() -> Series:
    return Series(torch.arange(40.0).reshape(10, 4), torch.arange(10) % 2)


@pytest.fixture
def series() -> Iterator[None]:
    """The kind, and a method for it, until the test ends."""

    def opened(known: Named, root: Path) -> Series:
        return waves()

    known = Waves(name="waves", family="toy", folder="", open=opened, source="", licence="")
    register(
        DataKind(
            name="series",
            words="series of numbers",
            forms="a Series",
            task=Series,
            takes=lambda data: isinstance(data, Series),
            check=lambda data: data,
            load=lambda name, root, **options: waves(),
            table=[known],
            holds=lambda path: path.suffix == ".wav",
        )
    )
    KINDS["series"] = Kind(name="series", problem=SeriesProblem)

    @dataclass(frozen=True, kw_only=True)
    class First(Method):
        """The first series of each class."""

        name: ClassVar[str] = "first"
        kind: ClassVar[str] = "series"
        cost: ClassVar[str] = "selection"

        def solve(self, real: Any, rng: Generator) -> Synthetic:
            labels, sizes = real.task.labels, self.sizes(real).tolist()
            parts = [(labels == c).nonzero().flatten()[:k] for c, k in enumerate(sizes)]
            return Kept(real.task, torch.cat(parts))

        def condense(
            self,
            real: Any,
            *,
            rng: Generator,
            callbacks: Sequence[Callback] = (),
            resume: Mapping[str, Any] | None = None,
        ) -> Synthetic:
            return self.solve(real, rng)

    yield
    unregister("series")
    del KINDS["series"], REGISTRY["first", "series"]


def test_a_fifth_kind_is_condensed(series: None, tmp_path: Path) -> None:
    small = graphcondense.condense(waves(), "first", nodes=4, out=tmp_path)
    assert torch.equal(small.x, waves().values[[0, 2, 1, 3]])
    assert small.y.tolist() == [0, 0, 1, 1]
    record = small.condensed
    assert (record["kind"], record["data"]["name"], record["nodes"]) == ("series", "waves", 4)
    assert torch.equal(graphcondense.load(tmp_path).x, small.x)
    with pytest.raises(ValueError, match="pseudo_labels=2 is for one graph with"):
        graphcondense.condense(waves(), "first", nodes=4, pseudo_labels=2)
    with pytest.raises(ValueError, match="unknown method 'gcond' for series data"):
        graphcondense.condense(waves(), "gcond", nodes=4)
    with pytest.raises(ValueError, match="series data have no default method: name one"):
        graphcondense.condense(waves(), nodes=4)


def test_a_fifth_kind_is_opened_by_name(series: None) -> None:
    assert kind_of_data(waves()) == kind_of_name("waves") == kind_of_name("a.wav") == "series"
    assert isinstance(graphcondense.data.load("waves"), Series)
    assert [row["name"] for row in graphcondense.data.datasets("series")] == ["waves"]
    assert graphcondense.data.datasets()[-1]["kind"] == "series"
    assert size_of(waves()) == Size(10, 40, 160)
    with pytest.raises(ValueError, match=r"split='full' is for .*, waves is series of numbers"):
        graphcondense.data.load("waves", split="full")
    with pytest.raises(ValueError, match=r"or a Series$"):
        graphcondense.condense(7, "random", nodes=2)
    with pytest.raises(ValueError, match="two kinds of data are called 'node'"):
        register(DataKind(**{**vars(data_kinds()["series"]), "name": "node"}))


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
@pytest.mark.parametrize("make", [toy_graphs, toy_images, toy_rows, toy_hetero])
def test_one_setting_is_no_choice(make: Callable[[], Any], setting: Any) -> None:
    options: dict[str, Any] = {"nodes": 9} if make is toy_hetero else {"size": 6}

    def condensed() -> Any:
        return graphcondense.condense(make(), "random", setting=setting, progress=False, **options)

    if setting == ("transductive" if make in (toy_rows, toy_hetero) else "inductive"):
        assert condensed().condensed["setting"] == setting
        return
    with pytest.raises(ValueError, match=f"setting='{setting}' cannot act: .* have one setting"):
        condensed()


def test_every_kind_is_known_at_every_layer() -> None:
    assert list(KINDS) == list(data_kinds()) == ["node", "graph", "image", "rows", "hetero", "link"]
    assert {kind for _, kind in all_methods()} == set(KINDS)


def test_opening_and_listing_tell_of_every_kind() -> None:
    load, datasets = graphcondense.data.load, graphcondense.data.datasets
    for name, kind in data_kinds().items():
        assert f'``"{name}"``' in str(datasets.__doc__)
        task = "Data" if name == "node" else kind.task.__name__  # one graph comes as PyG's Data
        assert task in load.__annotations__["return"].split(" | ")
        assert f"``{task}``" in str(load.__doc__) or f".{task}`" in str(load.__doc__)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kind_named("video"), "kind of data 'video'; there are node, graph, image, rows"),
        (
            lambda: graphcondense.data.load("cora", kind="video"),
            "there are node, graph, image, rows",
        ),
        (lambda: graphcondense.data.datasets("video"), "unknown data set 'video'"),
        (lambda: graphcondense.condense("cora", nodes=2), r"graphcondense\.data\.load\('cora'\)"),
        (lambda: graphcondense.condense(Path("a.pt"), nodes=2), r"data\.load\('a.pt'\)"),
        (lambda: graphcondense.condense(toy_graph(), b"", nodes=2), r"graphcondense\.methods\(\)"),
        (lambda: graphcondense.condense(toy_graph(), 7, nodes=2), r"method=7: give the name"),
    ],
)
def test_what_is_unknown_is_told_before_any_work(call, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert len(str(caught.value)) < 300


def test_a_method_of_an_unknown_kind_is_told() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Lost(Method):
        name: ClassVar[str] = "lost"
        kind: ClassVar[str] = "video"
        cost: ClassVar[str] = "selection"

        def solve(self, real: Any, rng: Generator) -> Synthetic:
            raise NotImplementedError

        def condense(self, real: Any, **rest: Any) -> Synthetic:
            raise NotImplementedError

    try:
        with pytest.raises(ValueError, match="kind of data 'video'; there are node, graph"):
            graphcondense.condense(toy_graph(), Lost(nodes=2))
    finally:
        del REGISTRY["lost", "video"]


@pytest.mark.parametrize("kind", [k for k in KINDS if kind_named(k).problem.length])
def test_how_long_networks_train_that_score_is_told_as_it_is(kind: str) -> None:
    """A run that was scored otherwise is told apart by these words."""
    made = {"node": toy_graph, "graph": toy_graphs, "image": toy_images, "hetero": toy_hetero}
    data = split_links(toy_graph()) if kind == "link" else made[kind]()
    problem = problem_of(data, torch.device("cpu"), "transductive")
    number, unit = problem.length.split()
    assert getattr(problem.evaluator().training, unit) == int(number)
    assert problem.length in problem.predictor
    assert problem.told("GAT").startswith(f"GAT, {problem.length}")
