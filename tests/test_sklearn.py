"""Estimators for scikit-learn: pipelines, searches, cross-validation, and what labels they see."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import estimator_checks
from torch_geometric.data import Data
from torch_geometric.transforms import NormalizeFeatures

from graphcondense.data import as_task, graph_hash
from graphcondense.sklearn import CondensedClassifier, Condenser
from tests.cases import toy_graph

QUICK: dict[str, Any] = {"model": "SGC", "training": {"epochs": 5}}


@pytest.fixture(scope="module")
def data() -> Data:
    return toy_graph()


@pytest.fixture(scope="module")
def nodes(data: Data) -> np.ndarray:
    found: np.ndarray = (~data.test_mask).nonzero().flatten().numpy()
    return found


@pytest.fixture(scope="module")
def labels(data: Data, nodes: np.ndarray) -> np.ndarray:
    found: np.ndarray = data.y[nodes].numpy()
    return found


def test_fit_condenses_and_says_how(data: Data, nodes: np.ndarray, labels: np.ndarray) -> None:
    before = data.clone()
    condenser = Condenser(data, "gecc", nodes=6, **QUICK)
    assert condenser.fit(nodes, labels) is condenser
    assert condenser.small_.num_nodes == 6
    assert condenser.record_["method"] == "gecc"
    assert condenser.transform(nodes) is condenser.small_
    assert 0.0 <= condenser.score(nodes, labels) <= 1.0
    assert condenser.score(nodes) == condenser.score(nodes[:, None], labels)
    assert all(torch.equal(data[key], before[key]) for key in before.keys())  # noqa: SIM118
    again = clone(condenser).fit(nodes)
    assert graph_hash(again.small_) == graph_hash(condenser.small_)


def test_labels_of_other_nodes_are_not_seen(data: Data, nodes: np.ndarray) -> None:
    """Whatever they are, bits are the same; a fifth of each class is for validation."""
    rest = np.setdiff1d(np.arange(data.num_nodes), nodes)
    other = data.clone()
    other.y = data.y.clone()
    other.y[rest] = 1 - other.y[rest].clamp(max=1)
    both = [Condenser(one, "gecc", nodes=6, **QUICK).fit(nodes) for one in (data, other)]
    assert graph_hash(both[0].small_) == graph_hash(both[1].small_)
    task = both[0].task_
    assert sorted([*task.train.tolist(), *task.val.tolist()]) == sorted(nodes.tolist())
    assert (task.y[torch.from_numpy(rest)] == -1).all()
    for label in range(task.num_classes):
        count = int((data.y[nodes] == label).sum())
        assert int((task.y[task.val] == label).sum()) == round(0.2 * count)


def test_a_search_over_methods_and_sizes(data: Data, nodes: np.ndarray, labels: np.ndarray) -> None:
    """By its own score, on nodes that were held out; the graph is not copied."""
    task = as_task(data)
    grid = {"method": ["random", "gecc"], "nodes": [3, 6]}
    search = GridSearchCV(Condenser(task, **QUICK), grid, cv=2, error_score="raise")
    search.fit(nodes, labels)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    best = search.best_estimator_
    assert best.data is task
    assert best.small_.num_nodes == search.best_params_["nodes"]
    held = [(np.arange(0, len(nodes), 2), np.arange(1, len(nodes), 2))]
    one = GridSearchCV(Condenser(task, "gecc", **QUICK), {"nodes": [6]}, cv=held).fit(nodes, labels)
    alone = Condenser(task, "gecc", nodes=6, **QUICK).fit(nodes[held[0][0]])
    assert one.best_score_ == alone.score(nodes[held[0][1]])


class Rows(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transform of PyG as a step; FunctionTransformer counts columns, which a graph has not."""

    def fit(self, X: Data, y: object = None) -> Rows:
        return self

    def transform(self, X: Data) -> Data:
        out: Data = NormalizeFeatures()(X.clone())
        return out


def test_pipelines_over_graphs(data: Data) -> None:
    """A transform of PyG before it; parameters are set by the name of the step."""
    steps = [("rows", Rows()), ("condense", Condenser(nodes=6))]
    whole = Pipeline(steps).set_params(condense__method="gecc")
    small = whole.fit_transform(data)
    assert (small.num_nodes, small.condensed["method"]) == (6, "gecc")
    plain = make_pipeline(Condenser(method="gecc", nodes=6)).fit_transform(data)
    assert graph_hash(plain) != graph_hash(small)


def test_a_classifier_takes_any_scorer(data: Data, nodes: np.ndarray, labels: np.ndarray) -> None:
    model = CondensedClassifier(Condenser(data, "gecc", nodes=6, **QUICK))
    for scoring in ("accuracy", "neg_log_loss", "f1_macro"):
        found = cross_val_score(model, nodes, labels, scoring=scoring, cv=2, error_score="raise")
        assert np.isfinite(found).all()
    search = GridSearchCV(model, {"condenser__nodes": [3, 6]}, cv=2, error_score="raise")
    assert search.fit(nodes, labels).predict(nodes).shape == nodes.shape
    model.fit(nodes, labels)
    chances = model.predict_proba(nodes)
    assert np.allclose(chances.sum(1), 1)
    assert (chances.argmax(1) == model.predict(nodes)).all()
    assert model.score(nodes, labels) == model.condenser_.score(nodes, labels)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(nodes) == model.predict(nodes)).all()


# What scikit-learn checks without giving samples. All others fit on matrices of numbers, which are
# no nodes of a graph: check_estimator leaves them out where input_tags.two_d_array is False.
APPLICABLE = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
)


@pytest.mark.parametrize("estimator", [Condenser(), CondensedClassifier()], ids=["one", "other"])
@pytest.mark.parametrize("name", APPLICABLE)
def test_checks_of_scikit_learn(estimator: Any, name: str) -> None:
    check = getattr(estimator_checks, name, None)
    if check is None:
        pytest.skip("from scikit-learn 1.6 on")
    check(type(estimator).__name__, estimator)


@pytest.mark.parametrize("estimator", [Condenser(), CondensedClassifier()], ids=["one", "other"])
def test_check_estimator_runs(estimator: Any) -> None:
    if not hasattr(estimator_checks, "estimator_checks_generator"):
        pytest.skip("tags say less before scikit-learn 1.6")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Can't test estimator")
        found = estimator_checks.check_estimator(estimator)
    assert {row["status"] for row in found} == {"passed"}


def test_nothing_before_fit(data: Data, nodes: np.ndarray) -> None:
    for work in (Condenser(data).transform, Condenser(data).score, Condenser(data).logits):
        with pytest.raises(NotFittedError):
            work(nodes)
    with pytest.raises(NotFittedError):
        CondensedClassifier(Condenser(data)).predict(nodes)


@pytest.mark.parametrize(
    ("options", "X", "y", "message"),
    [
        ({"data": None}, [0, 1], None, "fit needs a graph: give it data="),
        ({}, toy_graph(), None, "two graphs"),
        ({}, [0.5, 1.0], None, r"X must be numbers of nodes \[n\]"),
        ({}, [[0, 1]], None, r"X must be numbers of nodes \[n\]"),
        ({}, [0, 10**6], None, "got 1000000"),
        ({}, [], None, r"X must be"),
        ({}, [1, 1, 2], None, "X names a node twice"),
        ({}, [0, 1, 2], [0, 1], "y has 2 labels for 3 nodes"),
        ({}, [0], [7], "y says 7 of node 0"),
        ({"validation_fraction": 1.5}, [0, 1], None, "must be above 0 and below 1"),
        ({"validation_fraction": 0.01}, [0, 1], None, "leaves none to validate on"),
        ({"options": {"nodes": 3}, "nodes": 4}, range(40), None, "nodes is given twice"),
        ({"options": {"seed": 3}}, range(40), None, "seed is given twice"),
        ({"options": {"nods": 3}}, range(40), None, "no option 'nods'"),
    ],
)
def test_bad_input(options: dict[str, Any], X: Any, y: Any, message: str, data: Data) -> None:
    X = X if isinstance(X, Data) else np.asarray(X)
    with pytest.raises(ValueError, match=message):
        Condenser(**{"data": data, "method": "gecc", **options}).fit(X, y)


def test_a_graph_for_x_is_checked_as_one_for_data(data: Data) -> None:
    numbers = data.clone()
    numbers.y = torch.rand(data.num_nodes, 2)
    with pytest.raises(ValueError, match="regression labels; estimators"):
        CondensedClassifier(Condenser(None, "gecc", nodes=6)).fit(numbers)
    with pytest.raises(ValueError, match="leave y out"):
        Condenser(None, "gecc", nodes=6).fit(data, data.y.numpy())


def test_another_model_after_fit_is_trained(data: Data, nodes: np.ndarray) -> None:
    condenser = Condenser(data, "gecc", nodes=6, **QUICK).fit(nodes)
    before = condenser.logits(nodes)
    assert np.array_equal(before, condenser.logits(nodes))
    condenser.set_params(model="MLP")
    fresh = Condenser(data, "gecc", nodes=6, **{**QUICK, "model": "MLP"}).fit(nodes)
    assert np.array_equal(condenser.logits(nodes), fresh.logits(nodes))
    assert not np.array_equal(condenser.logits(nodes), before)
    condenser.set_params(model=QUICK["model"], training={"epochs": 9})
    assert not np.array_equal(condenser.logits(nodes), before)


def test_other_labels_and_no_condenser(data: Data, nodes: np.ndarray) -> None:
    tasks = data.clone()
    tasks.y = torch.rand(data.num_nodes, 2)
    with pytest.raises(ValueError, match="regression labels; estimators"):
        Condenser(tasks, "gecc", nodes=6).fit(nodes)
    with pytest.raises(ValueError, match="give a Condenser"):
        CondensedClassifier().fit(nodes)
    unknown = data.clone()
    unknown.y = data.y.clone()
    unknown.y[nodes[0]] = -1
    with pytest.raises(ValueError, match=f"node {nodes[0]} of data has no label"):
        Condenser(unknown, "gecc", nodes=6).fit(nodes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": "x"}, "seed='x' is not a whole number"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
        ({"options": ["epochs"]}, r"options=\['epochs'\]: give a mapping"),
    ],
)
def test_wrong_parameters_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Condenser(toy_graph(), "random", nodes=9, **options).fit(np.arange(60))


@pytest.mark.parametrize("method", ["quotient", "herding"])
def test_a_class_without_a_node_is_refused(method: str) -> None:
    """Its share of the budget was lost, or the method failed on no rows."""
    graph = toy_graph()
    rows = np.flatnonzero(graph.y.numpy() != 2)
    with pytest.raises(ValueError, match=r"no node of class 2, and .* has 3 classes"):
        Condenser(graph, method, nodes=12).fit(rows)
