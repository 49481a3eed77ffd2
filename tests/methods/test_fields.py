"""Fields of methods, runs and trainings say what they may be, however one is made."""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
import torch

import graphcondense
from graphcondense.core import method as registry
from graphcondense.core.method import Method, hyperparameters
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.images import as_images
from graphcondense.data.interaction_reading import as_interactions
from graphcondense.data.node_reading import as_task
from graphcondense.evaluate import GraphEvaluator, NodeEvaluator, evaluate
from graphcondense.evaluate.graphs import GraphTraining
from graphcondense.evaluate.images import ImageEvaluator, ImageTraining
from graphcondense.evaluate.node_training import Training
from graphcondense.evaluate.rows import RowsEvaluator, RowsTraining
from graphcondense.methods import all_methods
from graphcondense.methods.gcond import GCond
from graphcondense.ops.fields import Count, Natural, listed
from graphcondense.run import build
from graphcondense.run.options import Run
from tests.cases import toy_graph, toy_graphs, toy_images, toy_rows

METHODS = [pytest.param(cls, id="-".join(key)) for key, cls in all_methods().items()]
OTHERS = [Run, Training, GraphTraining, ImageTraining, RowsTraining]

UNBOUNDED = {"structure_bias", "weights", "augment_weights", "threshold"}
"""Numbers that may have either sign; the threshold is a cosine's in CGC alone."""


def parts(hint: Any) -> list[Any]:
    """The types that a hint stands for, ranges taken off."""
    if typing.get_origin(hint) is Annotated:
        return parts(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [part for one in typing.get_args(hint) for part in parts(one)]
    return [hint]


def wrong(name: str, hint: Any, cls: type[Any]) -> list[Any]:
    """Values that a field of this type cannot have."""
    out: list[Any] = [object(), {"a": 1}]
    if {int, str} <= set(parts(hint)):  # an amount of memory
        return [*out, 1.5, "four", "", "-1GB", True, 0, -1, float("nan"), [3]]
    for part in parts(hint):
        if part is int:
            out += [1.5, "3", True, float("nan"), float("inf"), [3], np.float32(0.5)]
        elif part is float:
            out += ["0.1", True, float("nan"), float("inf"), -float("inf"), [0.1], 10**400]
        elif part is bool:
            out += [2, "yes", 0.0]
        elif typing.get_origin(part) is Literal:
            out += ["typo", "", 3, ["typo"]]
        elif part is str:
            out += [3, 1.5]
        elif typing.get_origin(part) is tuple:
            items = typing.get_args(part)[0]
            out += [3, (3,), ()] if items is str else [3, ("a",), (float("nan"),), (0.0,), ()]
        elif typing.get_origin(part) is dict:
            out.remove({"a": 1})
            out += [{}, {"": 3}, {"a": 0}, {"a": "3"}, {"a": 1.5}, {"a": True}, {3: 3}]
        elif part is type(None):
            continue
        else:
            assert part is Path, f"{cls.__name__}.{name}: no values are known for {part}"
    if {int, float} & set(parts(hint)) and name not in UNBOUNDED:
        out += [-1, np.int64(-1)]
    if type(None) not in parts(hint):
        out.append(None)
    return out


def demand(make: Any, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{name}=") as caught:
        make(**{name: value})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("cls", METHODS)
def test_no_method_takes_a_value_that_a_field_cannot_have(cls: type[Method]) -> None:
    hints = typing.get_type_hints(cls, include_extras=True)
    good = cls()
    for field in dataclasses.fields(cls):
        values = wrong(field.name, hints[field.name], cls)
        for value in values:
            demand(cls, field.name, value)
        demand(lambda **given: dataclasses.replace(good, **given), field.name, values[-1])
    demand(lambda **given: build(cls.name, cls.kind, **given), "nodes", -1)


@pytest.mark.parametrize("cls", OTHERS)
def test_nor_does_a_run_or_a_training(cls: type[Any]) -> None:
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        for value in wrong(field.name, hints[field.name], cls):
            demand(cls, field.name, value)


@pytest.mark.parametrize(
    "bad",
    [
        {"structure": "typo"},
        {"epochs": -1},
        {"hops": -1},
        {"hidden_channels": 0},
        {"validations": -3},
        {"lr_x": float("nan")},
        {"per_class": 0},
        {"seconds": 0},
        {"patience": 0},
        {"checkpoint_seconds": -1.0},
        {"seed": -1},
        {"seed": 0.5},
    ],
)
def test_it_is_said_before_anything_is_written(bad: dict[str, Any], tmp_path: Path) -> None:
    ((name, value),) = bad.items()
    options = {"per_class": 2, "progress": False, "out": tmp_path / "run", **bad}
    with pytest.raises(
        ValueError, match=re.escape(f"{name}={value}") if name != "structure" else name
    ):
        graphcondense.condense(toy_graph(), "gcond", **options)
    assert not (tmp_path / "run").exists()


def test_operations_of_an_augmentation_are_known_at_once() -> None:
    with pytest.raises(ValueError, match="augment='color_crp' has 'crp', which is unknown; join"):
        build("dsa", "image", augment="color_crp")


def test_fields_of_other_packages_are_checked_even_past_their_own_post_init() -> None:
    made = build_foreign()
    assert made.width == 3
    for bad, message in (
        ({"width": 0}, "width=0 must be at least 1"),
        ({"width": "3"}, "width='3' is not a whole number"),
        ({"depth": -1}, "depth=-1 must be at least 0"),
    ):
        with pytest.raises(ValueError, match=message):
            build("foreign-fields", "node", **bad)
    del registry.REGISTRY["foreign-fields", "node"]


def build_foreign() -> Any:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Foreign(Method):
        name: ClassVar[str] = "foreign-fields"
        kind: ClassVar[str] = "node"
        width: Count = 3
        depth: Natural | None = None

        def __post_init__(self) -> None:
            pass

        def solve(self, real: Any, rng: torch.Generator) -> Any:
            raise NotImplementedError

    return build("foreign-fields", "node", width=np.int32(3))


GIVEN = {
    "nodes": np.int64(6),
    "seed": torch.tensor(1),
    "lr_x": np.float32(0.5),
    "epochs": np.uint8(2),
    "outer": np.array(2),
    "hidden_channels": np.int16(8),
    "coupled": np.bool_(True),
    "init": np.str_("random"),
    "validations": np.int64(0),
    "device": torch.device("cpu"),
    "threshold": 0,
}
PLAIN = {
    "nodes": 6,
    "seed": 1,
    "lr_x": 0.5,
    "epochs": 2,
    "outer": 2,
    "hidden_channels": 8,
    "coupled": True,
    "init": "random",
    "validations": 0,
    "device": "cpu",
    "threshold": 0.0,
}


def test_numbers_of_numpy_and_torch_are_plain_ones(tmp_path: Path) -> None:
    """The record is JSON, the run the same to the bit, and one goes on with the other's folder."""
    data, quiet = toy_graph(), {"progress": False, "checkpoint_seconds": 0.0}
    one = graphcondense.condense(data, "gcond", out=str(tmp_path / "one"), **quiet, **GIVEN)
    two = graphcondense.condense(data, "gcond", out=tmp_path / "two", **quiet, **PLAIN)
    assert json.dumps(one.condensed)
    same = ("hash", "hyperparameters", "budget", "seed", "device")
    assert {k: one.condensed[k] for k in same} == {k: two.condensed[k] for k in same}
    configs = [(tmp_path / name / "config.yaml").read_text() for name in ("one", "two")]
    assert configs[0] == configs[1]
    again = graphcondense.condense(
        data, "gcond", out=tmp_path / "one", resume=True, **quiet, **PLAIN
    )
    assert again.condensed["hash"] == one.condensed["hash"]


def test_values_are_plain_whatever_they_were() -> None:
    made = GCond(nodes=np.int64(5), lr_x=1, threshold=np.float64(0.25))  # type: ignore[arg-type]
    values = hyperparameters(made)
    kinds = [type(values[name]) for name in ("nodes", "lr_x", "threshold")]
    assert kinds == [int, float, float]
    weights = build("cgc", "node", weights=np.array([0.0, 1.0])).weights  # type: ignore[attr-defined]
    assert weights == (0.0, 1.0)
    assert build("mtt", "image", experts=Path("a")).experts == "a"  # type: ignore[attr-defined]


@pytest.mark.parametrize("bad", ["GCN,,SGC", "GCN,", "", " ", ["GCN", ""], "GCN,SGC, GCN"])
def test_lists_of_names(bad: Any) -> None:
    assert listed(" GCN , SGC", "models") == listed(("GCN", "SGC "), "models") == ["GCN", "SGC"]
    with pytest.raises(ValueError, match=r"models=.* (has an empty name|names 'GCN' twice)"):
        listed(bad, "models")


@pytest.mark.parametrize("device", ["cuda:77", "mps:3", "meta", "gpu", ""])
def test_a_device_that_is_not_there_is_refused_everywhere(device: str, tmp_path: Path) -> None:
    graph, said = toy_graph(), r"device='.*' (cannot be used here; use 'cpu'|is not known to torch)"
    small = graphcondense.condense(graph, "random", per_class=1, progress=False)
    images, rows = as_images(toy_images()), as_interactions(toy_rows())
    graphs = as_graph_task(toy_graphs())
    file = graphcondense.save(small, tmp_path / "small")
    for refused in (
        lambda: graphcondense.condense(graph, "random", per_class=1, device=device),
        lambda: evaluate(small, graph, models="GCN", device=device),
        lambda: NodeEvaluator(graph, device=device),
        lambda: GraphEvaluator(graphs, device=device),
        lambda: ImageEvaluator(images, device=device),
        lambda: RowsEvaluator(rows, device=device),
        lambda: graphcondense.load(file, device=device),
    ):
        with pytest.raises(ValueError, match=said):
            refused()


def test_models_may_have_blanks_between() -> None:
    graph = toy_graph()
    small = graphcondense.condense(graph, "random", per_class=1, progress=False)
    options = {"seeds": 1, "epochs": 1, "baselines": (), "plain_epochs": 0, "progress": False}
    assert evaluate(small, graph, models="GCN, SGC", **options).models == ["GCN", "SGC"]
    for bad in ("GCN,", "GCN, GCN", ["SGC", "SGC "]):
        with pytest.raises(ValueError, match=r"has an empty name|twice"):
            evaluate(small, graph, models=bad, **options)


@pytest.mark.parametrize(
    "budget",
    [{"nodes": 75}, {"nodes": 65, "rule": "equal"}, {"per_class": 25}, {"ratio": 0.6, "of": "all"}],
)
def test_a_budget_above_the_labelled_nodes_says_which_pseudo_labels_would_do(
    budget: dict[str, Any],
) -> None:
    data = toy_graph()
    data.train_mask[(data.y == 0).nonzero().flatten()[:4]] = False
    with pytest.raises(ValueError, match=r"with pseudo_labels=\d+$") as caught:
        graphcondense.condense(data, "random", **budget, progress=False)
    more = int(str(caught.value).rpartition("=")[2])
    least = graphcondense.condense(data, "random", pseudo_labels=more, progress=False, **budget)
    assert least.num_nodes == budget.get("nodes", {25: 75}.get(budget.get("per_class"), 72))
    if more > 1:
        with pytest.raises(ValueError, match="pseudo_labels="):
            graphcondense.condense(data, "random", pseudo_labels=more - 1, progress=False, **budget)


def test_only_one_graph_has_pseudo_labels_and_no_number_is_too_large_to_say() -> None:
    for data in (toy_images(), toy_graphs()):
        for budget in ({"nodes": 10**30}, {"per_class": 10**30}, {"nodes": 91}):
            with pytest.raises(ValueError, match="lower the budget") as caught:
                graphcondense.condense(data, "random", **budget, progress=False)
            assert "pseudo" not in str(caught.value)
    with pytest.raises(ValueError, match=r"lower the budget$"):
        graphcondense.condense(toy_graph(), "random", nodes=10**30, progress=False)


def test_users_have_no_classes_to_be_counted_by() -> None:
    with pytest.raises(ValueError, match=r"one group, so per_class=1000 counts all of them, and"):
        graphcondense.condense(toy_rows(), "random", per_class=1000, progress=False)
    with pytest.raises(ValueError, match=r"size=1000 gives 1000 examples, above the \d+ training"):
        graphcondense.condense(toy_rows(), "random", size=1000, progress=False)


SECTIONS = {"cora": {"hops": 1}, "paper": {"hops": 4, "nodes": 9}}


@pytest.mark.parametrize(
    ("name", "preset", "hops", "recorded"),
    [
        ("Cora", {}, 1, "cora"),
        ("planetoid_CORA", {}, 1, "cora"),
        ("Cora", {"preset": "auto"}, 1, "cora"),
        ("Cora", {"preset": "none"}, 2, None),
        ("Cora", {"preset": None}, 2, None),
        ("Cora", {"preset": "paper"}, 4, "paper"),
        ("Cora", {"hops": 3}, 3, "cora"),
        ("PubMed", {}, 2, None),
    ],
)
def test_the_preset_of_the_data_is_taken_and_recorded(
    name: str, preset: dict[str, Any], hops: int, recorded: str | None,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr("graphcondense.run.method.presets", lambda cls: SECTIONS)
    data = as_task(toy_graph(), name=name)
    options = {"per_class": 2, "progress": False, "out": tmp_path}
    small = graphcondense.condense(data, "herding", **options, **preset)
    assert small.condensed["preset"] == graphcondense.load(tmp_path).condensed["preset"] == recorded
    assert small.condensed["hyperparameters"]["hops"] == hops
    assert small.num_nodes == 6, "a budget stands for the section's"


def test_presets_of_objects_updates_and_misspellings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphcondense.run.method.presets", lambda cls: {"cora": {"restarts": 2}})
    data = as_task(toy_graph(), name="Cora")
    whole = build("gecc", "node", per_class=2)
    assert graphcondense.condense(data, whole, progress=False).condensed["preset"] is None
    with pytest.raises(ValueError, match="a Method object is complete: set the fields of cora"):
        graphcondense.condense(data, whole, preset="cora")
    with pytest.raises(ValueError, match=r"no preset 'kora'; there are cora, auto, none"):
        graphcondense.condense(data, "gecc", per_class=2, preset="kora")
    small = graphcondense.condense(data, "gecc", per_class=2, progress=False)
    grown = graphcondense.update(small, as_task(toy_graph(1), name="Cora"), progress=False)
    assert grown.condensed["preset"] == "cora"
    assert grown.condensed["hyperparameters"]["restarts"] == 2
