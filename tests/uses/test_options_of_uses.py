"""Options of all uses: each has its type, and files of others are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphcondense
from graphcondense import uses
from graphcondense.data.task import NodeTask
from tests.toys import toy_graph, toy_hetero


def condensed(task: Any = None, seed: int = 0) -> Any:
    data = toy_graph() if task is None else task
    return graphcondense.condense(data, "random", nodes=6, seed=seed, progress=False)


ON_SMALL = ("membership_inference", "compare_properties", "search_architectures")
ON_SMALL += ("search_training", "measure_serving")
MADE = {
    "learn_continually": lambda task: condensed(task),
    "measure_backdoor": {"random": condensed},
    "measure_robustness": condensed,
}


def called(name: str, **options: Any) -> Any:
    function: Callable[..., Any] = getattr(uses, name)
    if name in ON_SMALL:
        return function(condensed(), toy_graph(), **options)
    return function(toy_graph(), **{"condense": MADE[name], **options})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (name, option)
        for name, given in {
            "membership_inference": [{"folds": 2.5}, {"random_draws": 1.5}],
            "compare_properties": [{"steps": "9"}, {"dense_nodes": 1.5}, {"clustering_nodes": 1.5}],
            "search_architectures": [{"trials": "9"}, {"random_draws": 1.5}, {"space": "small"}],
            "search_training": [{"trials": 2.5}, {"ranges": (1, 2)}, {"model": None}],
            "measure_serving": [{"batch": 1.5}, {"ks": 3}, {"repeats": "3"}, {"hops": 1.5}],
            "learn_continually": [{"draws": 1.5}, {"steps": "2"}, {"order": "cab"}],
            "measure_backdoor": [{"share": "a"}, {"features": 1.5}, {"target": 1.5}],
            "measure_robustness": [{"rates": 0.1}, {"rates": ("a",)}],
        }.items()
        for option in given
    ]
    + [(name, {"seed": -1}) for name in (*ON_SMALL, "learn_continually")]
    + [(name, {"progress": "yes"}) for name in (*ON_SMALL, *MADE) if name[:7] != "compare"],
)
def test_what_is_no_such_number_is_named(name: str, options: dict[str, Any]) -> None:
    (option,) = options
    with pytest.raises(ValueError, match=f"{option}="):
        called(name, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("membership_inference", {"seed": 2**33, "folds": 2, "random_draws": 0}),
        ("measure_serving", {"ks": {2, 1}, "repeats": 1}),
        ("measure_serving", {"ks": np.array([1, 1]), "repeats": np.int64(1)}),
        ("measure_robustness", {"rates": np.linspace(0, 0.2, 2), "poisons": ("edges",)}),
    ],
)
def test_plain_values_are_made_of_others(name: str, options: dict[str, Any]) -> None:
    """Arrays, sets, repeats, seeds of any size, and 0 for a switch that is off."""
    found = called(name, seeds=1, epochs=2, hidden=4, progress=0, **options)
    assert "tensor" not in found.to_json()


@pytest.mark.parametrize("name", ["search_architectures", "search_training"])
def test_seeds_of_a_search_are_as_large_as_others(name: str) -> None:
    pytest.importorskip("optuna")
    called(name, seed=2**33, trials=2, seeds=1, progress=0, baselines=())


@pytest.mark.parametrize("name", ["learn_continually", "measure_robustness"])
@pytest.mark.parametrize("given", [None, "gcond", toy_graph(), toy_hetero()])
def test_what_is_no_function_is_told(name: str, given: object) -> None:
    with pytest.raises(TypeError, match=r"condense=.*give a function from a task and a seed"):
        called(name, condense=given)


@pytest.mark.parametrize("given", [{}, condensed, {"a": 3}, {"a": toy_graph()}])
def test_condensers_of_a_backdoor_have_names(given: object) -> None:
    with pytest.raises((TypeError, ValueError), match=r"condense(\['a'\])?=.*function"):
        called("measure_backdoor", condense=given)


def test_what_a_function_made_is_read() -> None:
    def wrong(task: NodeTask, seed: int) -> Any:
        return 3

    with pytest.raises(ValueError, match="a small graph needs x and y, got int"):
        called("measure_robustness", condense=wrong, seeds=1, epochs=2)


@pytest.mark.parametrize("name", ["search_architectures", "search_training"])
@pytest.mark.parametrize("held", [b"my results\n", None])
def test_a_journal_is_never_written_into_something_else(
    name: str, held: bytes | None, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    path = tmp_path / "results.txt"
    if held is None:
        path.mkdir()
    else:
        path.write_bytes(held)
    with pytest.raises(ValueError, match=r"storage=.*results.txt.*name a file that does not exist"):
        called(name, storage=path, trials=2, seeds=1, progress=False)
    assert path.is_dir() if held is None else path.read_bytes() == held
