"""What was checked when it was made stays what it is."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

import graphcondense.core
import graphcondense.evaluate
import graphcondense.objectives
import graphcondense.ops
from graphcondense.core import (
    callbacks,
    clock,
    expert_training,
    experts,
    loggers,
    method,
    parallel,
    pools,
    replay,
    types,
)
from graphcondense.evaluate import any_kind, evaluator, fitted
from graphcondense.objectives import (
    augmented,
    distribution,
    eigenbasis,
    gradient,
    recommend,
    ridge,
    unrolled,
)
from graphcondense.objectives import trajectory as trajectories
from graphcondense.ops import (
    adjacency,
    arrays,
    augment,
    blocks,
    budget,
    cluster,
    coarsen,
    convolution,
    cover,
    fleet,
    hashing,
    json,
    kron,
    names,
    pairs,
    personalised,
    spectral,
    variation,
)

CHANGES = {"Fleet", "_Online", "Line", "State", "Factors", "LightGCN", "MatrixFactorisation"}
"""Of a run or a pool at work, and models that are fitted; all others are settings, parts and
results."""


@pytest.mark.parametrize(
    "package",
    [graphcondense.core, graphcondense.evaluate, graphcondense.objectives, graphcondense.ops],
    ids=lambda package: package.__name__,
)
def test_settings_and_results_cannot_be_changed(package: ModuleType) -> None:
    found = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, cls in vars(importlib.import_module(module.name)).items():
            own = inspect.isclass(cls) and cls.__module__ == module.name
            if own and dataclasses.is_dataclass(cls):
                found[name] = cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert found
    assert {name for name, frozen in found.items() if not frozen} == CHANGES & found.keys()


def test_settings_that_are_given_by_name_are_given_by_name_alone() -> None:
    """A field that is added in the middle would otherwise give another meaning to what is there."""
    by_name = [
        trajectories.TrajectoryMatching, trajectories.ConstantMemoryMatching, unrolled.Truncated,
        pools.Turns, fitted.Fitted, budget.Budget, method.Method, method.Parts,
    ]  # fmt: skip
    for cls in by_name:
        assert all(one.kw_only for one in dataclasses.fields(cls) if one.init), cls


@pytest.mark.parametrize(
    ("held", "size", "mebibytes"),
    [
        (variation.BLOCK, 8, 32),  # float64
        (variation.HELD, 8, 128),
        (hashing.BLOCK, 8, 32),
        (cluster.HELD, 4, 16),  # float32
        (cover.HELD, 4, 64),
        (pairs.TILE_VALUES, 4, 0.5),
        (pairs.TILE_VALUES_GPU, 4, 256),
        (experts.SMALL, 1, 32),  # bytes
        (experts.TOGETHER, 1, 384),
        (fleet.STORE, 1, 256),
    ],
    ids=[
        "links", "vectors", "hashes", "memberships", "distances", "tile", "tile on a GPU",
        "buffer", "experts", "store",
    ],
)  # fmt: skip
def test_what_is_held_at_once(held: int, size: int, mebibytes: float) -> None:
    """Work in blocks takes so much beside what it is given, whatever the data."""
    assert held * size == mebibytes * 2**20


def test_limits_are_what_texts_say() -> None:
    """In documentation and messages, where a number has no name."""
    assert (json.DEPTH, json.MEMBERS) == (64, 10**6)
    assert fleet.TRIES == 3
    assert timedelta(hours=1) == parallel.PATIENCE
    assert clock.EVERY == 1.0
    assert (spectral.DENSE, cluster.PAIRED, cluster.SAMPLE) == (600, 1000, 500)
    assert (cluster.FUZZIFIER, cluster.TRIMMED) == (1.3, 0.3)
    assert (cluster.WORK, cluster.STEPS, hashing.HALVINGS) == (100_000, 200, 24)
    assert (adjacency.SPARSE_COST, experts.WORKING, blocks.ENTRY) == (16, 6, 64)
    assert (kron.FILLED, variation.DENSE, convolution.PAIRS) == (0.04, 600, 4_096)
    # Squares of 10^8 of the largest numbers can be added up in float32, and hardly more.
    assert pytest.approx(1e38) == 10**8 * arrays.LARGEST**2


@pytest.mark.parametrize(
    ("of", "defaults"),
    [
        (eigenbasis.EigenbasisMatching, {
            "alpha": 1.0, "beta": 1.0, "gamma": 1.0, "unit": True,
        }),
        (unrolled.Unrolled, {"steps": 10, "lr": 0.02, "momentum": 0.0, "every": 1}),
        (trajectories.TrajectoryMatching, {"steps": 20, "lr": 0.01}),
        (recommend.Recommend, {"cardinality": 1e-3}),
        (distribution.LayerMatching, {"discrimination": 1.0}),
        (ridge.RidgeMatching, {"ridge": 1e-3}),
        (gradient.GradientMatching, {
            "eps": 0.0, "biases": False, "shares": True, "summed": False,
        }),
        (gradient.cosine, {"eps": 0.0}),
        (augment.Augment, {
            "brightness": 1.0, "saturation": 1.0, "contrast": 0.5, "crop": 0.125, "cutout": 0.5,
            "flip": 0.5, "scale": 0.2, "rotate": 15.0,
        }),
        (personalised.personalised_pagerank, {"damping": 0.85, "tolerance": 1e-10, "steps": 1000}),
        (cluster.fuzzy_c_means, {
            "fuzzifier": 1.3, "restarts": 50, "steps": 100, "tolerance": 1e-5,
        }),
        (coarsen.parts_of, {"starts": 10, "steps": 300}),
        (coarsen.coarsen, {"respect": True, "join": True}),
        (budget.Budget.allocate, {"example_bytes": 0, "pair_bytes": 0}),
        (spectral.laplacian_ends, {"seed": 0, "steps": None, "tolerance": 0.0}),
        (blocks.links, {"entries": 2**22}),
        (blocks.by_columns, {"arrays": 2}),
        (names.near, {"most": 3, "like": 0.6}),
        (pools.inner_adam, {"lr": 0.01, "weight_decay": 0.0}),
        (pools.Turns, {"outer": 1, "inner": 0}),
        (replay.Replay, {"size": 10, "inner": 1, "oldest": 100}),
        (expert_training.Training, {
            "experts": 20, "epochs": 20, "size": 256, "lr": 0.01, "momentum": 0.0,
            "weight_decay": 0.0, "seed": 0,
        }),
        (callbacks.Checkpoint, {"seconds": 30.0}),
        (callbacks.JsonLog, {"every": 1}),
        (callbacks.read_checkpoint, {"check": True, "anyway": False}),
        (callbacks.Progress, {"percent": False}),
        (loggers.TensorBoardLog, {"every": 10}),
        (augmented.Augmented, {"by_class": True}),
        (fleet.Fleet, {"gpu": False, "fresh": False}),
        (types.Schedule, {"anneal": False}),
        (evaluator.Evaluator.fit, {"progress": False, "seeds": None}),
        (evaluator.Evaluator.train, {"progress": False}),
        (any_kind.fit, {"progress": False, "device": None}),
        (any_kind.fit_whole, {"progress": False, "device": None}),
        (evaluator.Evaluator.fit_whole, {"progress": False, "seeds": None}),
    ],
    ids=lambda of: getattr(of, "__name__", ""),
)  # fmt: skip
def test_what_is_left_out_is_what_it_was(of: Any, defaults: dict[str, Any]) -> None:
    """Whoever names no number gets the same bits as before: another default is another result."""
    given = inspect.signature(of).parameters
    assert {name: given[name].default for name in defaults} == defaults
