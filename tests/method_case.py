"""What holds for every registered method, whatever its kind of data."""

from __future__ import annotations

import copy
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

import graphcondense
from graphcondense.core.engine import Callback, State
from graphcondense.data.hetero_task import HeteroTask
from graphcondense.data.interactions import InteractionTask
from graphcondense.data.link_task import LinkTask
from graphcondense.methods import find_method
from graphcondense.saved.condensed_graphs import CondensedGraphs, tensors_of
from graphcondense.saved.condensed_rows import CondensedInteractions

CASES: dict[tuple[str, str], type[MethodCase]] = {}


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
