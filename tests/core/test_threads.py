"""The same seed gives the same bits in one place; a fixed order, for any number of threads."""

from __future__ import annotations

from pathlib import Path

import pytest
import threadpoolctl
import torch

import graphcondense
from graphcondense import cli
from graphcondense.ops.threads import WORKSPACE, fixed_order, made_on, way_back
from tests.cases import StopAfter, toy_graph
from tests.drawn import all_cases
from tests.in_threads import hashed, large, threads

QUICK = {"per_class": 2, "progress": False, "epochs": 6, "hidden_channels": 8, "validations": 0}


@pytest.mark.parametrize(
    "key",
    [("dm", "image"), ("herding", "graph"), ("kcenter", "hetero"), ("random", "link")],
    ids="-".join,
)
def test_bits_are_the_same_for_one_thread_and_two(key: tuple[str, str]) -> None:
    case, data = all_cases()[key], large(key[1])
    one, two = (hashed(case, data, count, deterministic=True) for count in (1, 2))
    assert one == two == hashed(case, data, 1, deterministic=False)


@pytest.mark.slow
def test_threads_matter_without_it() -> None:
    """Else the test above shows nothing."""
    case, data = all_cases()["quotient", "node"], large("node")
    one, two = (hashed(case, data, count, deterministic=False) for count in (1, 2))
    assert one != two


def test_settings_are_put_back() -> None:
    cpu = torch.device("cpu")
    with threads(2):
        before = made_on(cpu)
        with fixed_order(True, cpu):
            inside = made_on(cpu)
        assert made_on(cpu) == before
    assert (inside["threads"], inside["blas_threads"]) == (1, 1)
    assert before["threads"] == 2
    with threads(2), fixed_order(False, cpu):
        assert torch.get_num_threads() == 2
    assert not torch.are_deterministic_algorithms_enabled()


def test_cublas_needs_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    with (
        pytest.raises(ValueError, match=r"needs the environment variable CUBLAS_WORK.*=:4096:8"),
        fixed_order(True, torch.device("cuda:0")),
    ):
        pass
    monkeypatch.setenv(WORKSPACE, ":16:8")
    with fixed_order(True, torch.device("cuda:0")):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def begun(folder: Path, **options: object) -> None:
    """A run that was interrupted on two threads."""
    with threads(2), pytest.raises(KeyboardInterrupt):
        graphcondense.condense(
            toy_graph(),
            "doscond-x",
            out=folder,
            checkpoint_seconds=0.0,
            callbacks=[StopAfter(4)],
            **{**QUICK, **options},
        )


def test_a_run_goes_on_with_as_many_threads(tmp_path: Path) -> None:
    begun(tmp_path)
    resumed = {"out": tmp_path, "resume": True, **QUICK}
    with threads(1), pytest.raises(ValueError, match="threads was 2 and is 1") as error:
        graphcondense.condense(toy_graph(), "doscond-x", **resumed)
    for words in ("OMP_NUM_THREADS=2", "torch.set_num_threads(2)", "resume_anyway=True"):
        assert words in str(error.value)
    with threads(2):
        record = graphcondense.condense(toy_graph(), "doscond-x", **resumed).condensed
        whole = graphcondense.condense(toy_graph(), "doscond-x", **QUICK).condensed
    assert record["hash"] == whole["hash"]
    assert "moved" not in record


def test_a_run_may_go_on_anyway(tmp_path: Path) -> None:
    """And every place that it went on in is told."""
    begun(tmp_path)
    resumed = {"out": tmp_path, "resume": True, "resume_anyway": True, **QUICK}
    again = {"checkpoint_seconds": 0.0, "callbacks": [StopAfter(6)]}
    with threads(1), pytest.raises(KeyboardInterrupt):
        graphcondense.condense(toy_graph(), "doscond-x", **resumed, **again)
    with threads(1):
        del resumed["resume_anyway"]  # the last checkpoint was made here
        small = graphcondense.condense(toy_graph(), "doscond-x", **resumed)
    assert small.condensed["moved"][0] == "threads was 2 and is 1"
    assert graphcondense.load(tmp_path).condensed["moved"] == small.condensed["moved"]


def test_a_run_in_a_fixed_order_goes_on_with_any_number(tmp_path: Path) -> None:
    begun(tmp_path, deterministic=True)
    with threads(1):
        resumed = {"out": tmp_path, "resume": True, "deterministic": True, **QUICK}
        record = graphcondense.condense(toy_graph(), "doscond-x", **resumed).condensed
        whole = graphcondense.condense(toy_graph(), "doscond-x", **QUICK).condensed
    assert record["hash"] == whole["hash"]
    assert record["deterministic"]
    assert not whole["deterministic"]


def test_other_places_are_named() -> None:
    there = {"threads": 4, "device": "cuda:0", "torch": "2.9.0"}
    said = way_back(there, {"threads": 4, "device": "cpu", "torch": "2.10.0"})
    assert said == "use device='cuda:0' and install torch 2.9.0"


def test_anyway_is_of_a_run_that_goes_on() -> None:
    with pytest.raises(ValueError, match="resume_anyway=True cannot act: nothing is resumed"):
        graphcondense.condense(toy_graph(), "doscond-x", resume_anyway=True, **QUICK)


def test_command_line(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["condense", "random", "--data", "digits", "--nodes", "20"]
    with threads(2):
        cli.main([*words, "--deterministic", "--out", str(out)])
    record = graphcondense.load(out).condensed
    assert (record["deterministic"], record["threads"], record["blas_threads"]) == (True, 1, 1)
    assert "deterministic: true" in (out / "config.yaml").read_text()


def test_pools_are_known() -> None:
    """Else BLAS would keep its threads in silence."""
    assert any(pool["user_api"] == "blas" for pool in threadpoolctl.threadpool_info())
