"""Stop a run after some seconds and go on later: the result is that of a run in one go."""

import tempfile
from pathlib import Path

import graphcondense
from graphcondense.data import graph_hash

data = graphcondense.data.load("digits")
fields = {"nodes": 50, "epochs": 5, "seed": 0, "validations": 1, "progress": False}

with tempfile.TemporaryDirectory() as folder:
    parts, whole = Path(folder) / "parts", Path(folder) / "whole"
    stopped = graphcondense.condense(data, "gcond-x", out=parts, seconds=0.3, **fields)
    lines = (parts / "metrics.jsonl").read_text().splitlines()
    print(f"stopped after {len(lines)} steps, {stopped.num_nodes} nodes are already of use")

    # On the command line: the same command with --resume and more --seconds.
    resumed = graphcondense.condense(data, "gcond-x", out=parts, seconds=600, resume=True, **fields)
    at_once = graphcondense.condense(data, "gcond-x", out=whole, seconds=600, **fields)

print(f"resumed: {graph_hash(resumed)}, in one go: {graph_hash(at_once)}")
assert graph_hash(resumed) == graph_hash(at_once)
