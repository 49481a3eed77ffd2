"""``graphcondense.evaluate(small, data)``: what it takes, what it refuses, of what it warns."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch_geometric.data import Data

import graphcondense
from graphcondense import evaluate as package
from graphcondense.data.images import as_images
from graphcondense.evaluate import (
    Evaluator,
    FitResult,
    GraphEvaluator,
    HeteroEvaluator,
    ImageEvaluator,
    LinkEvaluator,
    NodeEvaluator,
    RowsEvaluator,
    fit,
    fit_whole,
    score,
)
from graphcondense.evaluate.contestant import Try, choose
from graphcondense.evaluate.evaluator import EVALUATORS
from tests.cases import toy_graphs, toy_images, toy_rows

QUICK = {"seeds": 1, "baselines": [], "plain_epochs": 0, "progress": False}


def real() -> Data:
    rng = torch.Generator().manual_seed(0)
    y, part = torch.arange(60) % 3, torch.arange(60) // 20
    return Data(
        x=torch.eye(3, 8)[y] + 0.5 * torch.randn(60, 8, generator=rng),
        y=y,
        edge_index=torch.randint(60, (2, 150), generator=rng),
        train_mask=part == 0,
        val_mask=part == 1,
        test_mask=part == 2,
    )


def small(classes: int = 3, features: int = 8) -> Data:
    none = torch.empty(2, 0, dtype=torch.long)
    return Data(x=torch.eye(classes, features), y=torch.arange(classes), edge_index=none)


def test_the_package_is_the_function() -> None:
    report = graphcondense.evaluate(small(), real(), models="SGC", epochs=2, **QUICK)
    assert [(row.label, row.model) for row in report.rows] == [("condensed", "SGC")]
    for called, function in ((package, package.evaluate), (graphcondense.methods, None)):
        assert inspect.ismodule(called)
        assert function is None or inspect.signature(called) == inspect.signature(function)
    assert list(inspect.signature(graphcondense.evaluate).parameters)[:2] == ["small", "data"]


@pytest.mark.parametrize("model", ["SGC", "SNTK"])
def test_the_same_seed_twice_is_no_second_training(model: str) -> None:
    """Also of a model that has none; one message for every evaluator."""
    with pytest.raises(ValueError, match=r"seeds has 1 more than once.* or how many: 3"):
        package.evaluate(small(), real(), models=model, **{**QUICK, "seeds": [0, 1, 1]})
    with pytest.raises(ValueError, match="seeds has 1 more than once"):
        NodeEvaluator(real(), epochs=1).train("SGC", small(), seeds=[1, 1])


def test_no_module_has_a_functions_name() -> None:
    """What the package offers by a name is never the module of that name."""
    for name in package.__all__:
        assert not inspect.ismodule(getattr(package, name)), name


def test_every_kind_is_found_by_its_data() -> None:
    kinds = {
        "node": NodeEvaluator,
        "graph": GraphEvaluator,
        "image": ImageEvaluator,
        "rows": RowsEvaluator,
        "link": LinkEvaluator,
        "hetero": HeteroEvaluator,
    }
    assert kinds == EVALUATORS
    assert all(issubclass(one, Evaluator) for one in kinds.values())


def test_one_call_for_every_kind() -> None:
    """``fit`` and ``score`` of the package are those of the kind's evaluator."""
    options = {"steps": 4, "hidden": 8, "val_every": 2}
    graphs = toy_graphs()
    for data, few, model, training in (
        (real(), small(), "SGC", {"epochs": 3}),
        (graphs, graphs[:6], "GCN", options),
        (as_images(toy_images(), toy_images(seed=1, n=30)), toy_images(n=9), "MLP", {"epochs": 2}),
        (toy_rows(), toy_rows()[:9], "EASE", {}),
    ):
        found = fit(model, few, data, seeds=1, **training)
        again = EVALUATORS[package.evaluator_of(data).kind](data, **training)
        assert torch.equal(found.test_last, again.fit(model, few, seeds=1).test_last)
        assert score(few, data, model, seeds=1, **training) == again.score(few, model, seeds=1)


def test_nothing_is_shown_of_a_training_that_does_not_ask_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for told in (False, True):
        asked = {"progress": True} if told else {}
        for made in (
            lambda asked=asked: fit("GCN", small(), real(), seeds=1, epochs=3, **asked),
            lambda asked=asked: fit_whole("GCN", real(), seeds=1, epochs=3, **asked),
        ):
            made()
            assert bool(capsys.readouterr().err) is told


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ("runs/a", None),
            r"small='runs/a' is not .*it first, graphcondense.load\('runs/a'\)",
        ),
        (("a.pt", None), r"it first, graphcondense.data.open_small\('a.pt'\)"),
        (({"a": [Path("runs/a")]}, None), r"graphcondense.load\('runs/a'\)"),
        ((None, "cora"), r"data='cora' is not data; .*graphcondense.data.load\('cora'\)"),
        ((None, Path("cora")), r"graphcondense.data.load\('cora'\)"),
    ],
)
def test_text_says_how_to_load(given: tuple[object, object], message: str) -> None:
    few, data = given
    with pytest.raises(ValueError, match=message):
        graphcondense.evaluate(few or small(), data or real(), **QUICK)


@pytest.mark.parametrize("models", [3, NodeEvaluator])
def test_models_that_are_no_list_are_told(models: object) -> None:
    with pytest.raises(TypeError, match=r"models=.* is \w+: give a list of names or classes"):
        graphcondense.evaluate(real(), real(), models=models, **QUICK)  # type: ignore[arg-type]


def test_swapped_arguments() -> None:
    condensed = graphcondense.condense(real(), "herding", nodes=3, seed=0, progress=False)
    users = graphcondense.condense(toy_rows(), "head", nodes=3, progress=False)
    for wrong, by in ((condensed, "herding"), (users, "head")):
        with pytest.raises(ValueError, match=rf"\(by {by}\).*evaluate\(small, data\)"):
            graphcondense.evaluate(real(), wrong, **QUICK)


def test_a_set_that_does_not_match_is_refused_in_words() -> None:
    for wrong, message in (
        (small(features=5), "5 features a node, data has 8"),
        (small(classes=4), "a training node of class 3; data has classes 0..2"),
    ):
        with pytest.raises(ValueError, match=message):
            graphcondense.evaluate(wrong, real(), **QUICK)


@pytest.mark.parametrize(
    ("data", "fewer", "options"),
    [
        (real(), small(classes=2), {"models": "SGC", "epochs": 1}),
        (toy_graphs(), [g for g in toy_graphs() if int(g.y) != 2], {"models": "GCN", "steps": 1}),
        (
            as_images(toy_images(), toy_images(seed=1, n=30)),
            tuple(part[toy_images()[1] != 2] for part in toy_images()),
            {"models": "MLP", "epochs": 1},
        ),
    ],
    ids=["node", "graph", "image"],
)
def test_a_set_without_a_class_is_told(data: object, fewer: object, options: dict) -> None:
    with pytest.warns(UserWarning, match=r"'ours' has no example of class 2 of"):
        graphcondense.evaluate({"ours": fewer}, data, **options, **QUICK)


def test_whole_sets_are_not_warned_of() -> None:
    soft = small()
    soft.y = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for one in (small(), soft):
            graphcondense.evaluate(one, real(), models="SGC", epochs=1, **QUICK)
    soft.y[1, 2] = 0
    with pytest.warns(UserWarning, match="no example of class 2 of data"):
        graphcondense.evaluate(soft, real(), models="SGC", epochs=1, **QUICK)


class TakesData(nn.Module):
    """A network as many tutorials have it."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels)

    def forward(self, data: Data) -> Tensor:
        return self.lin(data.x)


def test_a_model_that_takes_data_is_told_what_to_take() -> None:
    message = r"TakesData.forward\(data.*x \[nodes, features\], edge_index \[2, edges\].*logits"
    with pytest.raises(ValueError, match=message):
        graphcondense.evaluate(small(), real(), models=[TakesData], **QUICK)
    with pytest.raises(ValueError, match=r"subclass of graphcondense.nn.graphs.GraphNet"):
        GraphEvaluator(toy_graphs()).fit(TakesData, toy_graphs()[:3])
    with pytest.raises(ValueError, match=r"subclass of graphcondense.nn.images.ImageModel"):
        ImageEvaluator(as_images(toy_images(), toy_images())).fit(TakesData, toy_images())


def test_predictors_choose_on_validation_the_first_of_equals() -> None:
    read: list[str] = []

    def tries(values: list[float]) -> list[Try]:
        return [
            Try(f"{i}", value, lambda i=i: read.append(f"{i}") or i / 10)
            for i, value in enumerate(values)
        ]

    found = choose("P", tries([0.1, 0.7, 0.7, 0.2]))
    assert (found.model, found.chosen, read) == ("P", "1", ["1"])
    assert float(found.test_selected) == pytest.approx(0.1)
    assert choose("P", tries([0.3, 0.2, 0.2]), -1.0).chosen == "1"  # lower is better


def test_another_kind_is_one_more_subclass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base asks nothing of a kind but its methods: here, numbers whose mean is guessed."""
    monkeypatch.setattr("graphcondense.evaluate.evaluator.EVALUATORS", dict(EVALUATORS))
    numbers = SimpleNamespace(name="n", digest="d", unlabelled={}, test=[1.0, 3.0])

    class Numbers(Evaluator):
        kind, units, seeds, judge = "numbers", ("numbers", "none"), 2, "mean"
        all = usual = ("mean",)
        usual_training = package.Training()

        checked = check = lambda self, given: numbers
        read = lambda self, few: few  # noqa: E731
        model_of = lambda self, model: model  # noqa: E731
        about = lambda self, model: ("mean", "")  # noqa: E731
        memory = lambda self, model, few, trainings: 8 * trainings  # noqa: E731
        test_labels = random = within = lambda self, *given: sp.eye(1)

        def trained(self, model, few, seeds, progress):
            val = torch.tensor([sum(few) / len(few)] * len(seeds))
            return package.evaluator.Fitted(
                val_selected=val, epoch_selected=val.long(), val_last=val, seconds_training=0.0
            )

        def test(self, trained):
            return package.evaluator.Tested(trained.val_last - 2, trained.val_last - 2)

    found = Numbers(None).fit("mean", [1, 2, 3])
    assert isinstance(found, FitResult)
    assert (found.model, found.seeds, found.test_last.tolist()) == ("mean", (0, 1), [0.0, 0.0])
    assert Numbers(None).contestant("mean").memory_bytes([1], 3) == 24


def test_a_kind_that_leaves_a_part_out_is_told_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """When an evaluator of it is made, and not when the part is needed."""
    monkeypatch.setattr("graphcondense.evaluate.evaluator.EVALUATORS", {})
    parts = {"read", "model_of", "about", "trained", "test", "memory", "test_labels"}
    assert Evaluator.__abstractmethods__ >= {*parts, "random", "within"}
    for name in Evaluator.__abstractmethods__:
        rest: dict[str, object] = {"kind": "half"}
        rest |= {one: lambda *args: None for one in Evaluator.__abstractmethods__ - {name}}
        with pytest.raises(TypeError, match=f"abstract.*{name}"):
            type("Half", (Evaluator,), rest)()


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ({"random_draws": 0}, ["condensed", "whole"]),
        ({"random_draws": 0, "baselines": None}, ["condensed"]),
        ({"random_draws": 0, "equal_bytes": True}, ["condensed", "whole", "herding, same bytes"]),
        ({"random_draws": 1, "baselines": "random"}, ["condensed", "random"]),
        ({"progress": 0, "baselines": None}, ["condensed"]),
    ],
)
def test_no_random_sets_are_no_baseline(options: dict[str, object], labels: list[str]) -> None:
    usual = {"seeds": 1, "plain_epochs": 0, "progress": False, "epochs": 2}
    report = graphcondense.evaluate(small(), real(), models="SGC", **{**usual, **options})
    assert report.labels == labels


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"random_draws": 2, "baselines": "whole"}, r"random_draws=2 cannot act.*name 'random' in"),
        ({"random_draws": 2, "baselines": None}, "random_draws=2 cannot act"),
        ({"random_draws": -1}, "random_draws=-1 must be at least 0"),
        ({"baselines": "mean"}, "'mean' cannot act: it is the mean of targets that are numbers"),
        ({"baselines": ("whole", "mean")}, "'mean' cannot act"),
    ],
)
def test_a_baseline_that_cannot_act_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        graphcondense.evaluate(small(), real(), models="SGC", **options)


def test_equal_bytes_need_a_draw_where_nothing_else_fills_them() -> None:
    task = as_images(toy_images(), toy_images(seed=1, n=30))
    one = (task.images[task.train[:4]], task.labels[task.train[:4]])
    with pytest.raises(ValueError, match="random_draws=0 leaves nothing of equal_bytes=True"):
        graphcondense.evaluate(one, task, equal_bytes=True, random_draws=0, baselines=None)
