"""Free memory, and what is refused for the lack of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

import graphcondense
from graphcondense.ops import memory
from tests.cases import toy_graph

CPU = torch.device("cpu")


def test_a_container_says_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    plain = memory.free_bytes(CPU)
    assert 0 < plain <= psutil.virtual_memory().total
    (tmp_path / "memory.current").write_text("5000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 1000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_bytes(CPU) > 2**20
    (tmp_path / "memory.max").write_text("7000\n")
    assert memory.free_bytes(CPU) == 3000
    (tmp_path / "memory.stat").write_text("anon 1\n")
    assert memory.free_bytes(CPU) == 2000
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory.free_bytes(CPU) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="address spaces are limited there")
def test_a_limit_on_the_address_space_counts() -> None:
    program = (
        "import resource, torch; from graphcondense.ops.memory import free_bytes\n"
        "resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2)\n"
        "print(free_bytes(torch.device('cpu')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert 0 < int(done.stdout) < 8 * 2**30


def test_what_does_not_fit_is_refused_before_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [10**6]
    monkeypatch.setattr("graphcondense.run.refusals.free_bytes", lambda device: free[0])
    options = {"validations": 0, "epochs": 1, "progress": False}
    with pytest.raises(ValueError, match=r"gcond needs about [\d.]+MB for 30 nodes .* 1MB .* cpu"):
        graphcondense.condense(toy_graph(), "gcond", nodes=30, out=tmp_path / "a", **options)
    assert not list((tmp_path / "a").glob("*"))
    graphcondense.condense(toy_graph(), "random", nodes=9)  # which needs less
    small, large = (
        graphcondense.condense(toy_graph(), "random", nodes=n).condensed["memory_estimate_bytes"]
        for n in (15, 30)
    )
    free[0] = (small + large) // 2
    with pytest.raises(ValueError, match=r"ask for fewer \(nodes=15 fits\)"):
        graphcondense.condense(toy_graph(), "random", nodes=30)


def test_a_gpu_has_what_is_free_and_what_torch_does_not_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device, seen = torch.device("cuda:1"), []
    numbers = {"memory_reserved": 700, "memory_allocated": 300, "mem_get_info": (5000, 90_000)}
    for name, value in numbers.items():
        monkeypatch.setattr(torch.cuda, name, lambda d, v=value: seen.append(d) or v)
    assert memory.free_bytes(device) == 5000 + 700 - 300
    assert seen == [device] * 3
