"""Estimates of memory against what a process really grows by."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys, torch, graphcondense
from torch_geometric.data import Data
from graphcondense.evaluate import NodeEvaluator
from graphcondense.evaluate.cost import peak_memory_bytes
from graphcondense.data import as_task

n, rng = 3000, torch.Generator().manual_seed(0)
y, part = torch.arange(n) % 5, torch.arange(n) // 5 % 3
x = torch.randn(n, 800, generator=rng)
masks = {f"{name}_mask": part == i for i, name in enumerate(("train", "val", "test"))}
real = as_task(Data(x=x, y=y, edge_index=torch.randint(n, (2, 9000), generator=rng), **masks))
graphcondense.methods()  # imports are no part of the job
status = open("/proc/self/status").read()
before = int(status.partition("VmRSS:")[2].split()[0]) * 1024
if sys.argv[1] == "condense":
    options = {"epochs": 1, "outer": 2, "validations": 0, "progress": False, "preset": None}
    small = graphcondense.condense(real, "gcond", nodes=int(sys.argv[2]), **options)
    expected = small.condensed["memory_estimate_bytes"]
else:
    evaluator = NodeEvaluator(real, epochs=2)
    expected = evaluator.memory_bytes(sys.argv[2], real)
    evaluator.fit_whole(sys.argv[2])
print((peak_memory_bytes() - before) / expected)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("job", [("condense", "150"), ("fit", "GCN"), ("fit", "GAT")])
def test_a_process_grows_by_about_the_estimate(job):
    command = [sys.executable, "-c", PROGRAM, *job]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert 0.3 < float(done.stdout) < 2, done.stdout
