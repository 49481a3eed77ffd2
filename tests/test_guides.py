"""What the guides of graphs show runs as it is written there: on small data of the same form, and
with fewer epochs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

import graphcondense
from tests.cases import toy_hetero
from tests.data.rings import rings, split
from tests.targets import targets_graph

GUIDES = Path(__file__).parents[1] / "docs" / "guide"
SHORT = ", epochs=2, seeds=1)"


def packages() -> HeteroData:
    """The toy graph with the names of Debian's."""
    toy, data = toy_hetero(), HeteroData()
    data["package"].update(toy["paper"].to_dict())
    data["source"].x = toy["author"].x if "x" in toy["author"] else torch.randn(60, 5)
    data["package", "depends", "package"].edge_index = toy["paper", "cites", "paper"].edge_index
    ends = torch.stack([torch.arange(120) % 50, torch.arange(120)])
    data["source", "builds", "package"].edge_index = ends
    return data


STAND_INS: Mapping[str, Callable[[], Any]] = {
    "cora": lambda: real_load("digits"),
    "digits": lambda: real_load("digits"),
    "debian-tags": lambda: targets_graph("tasks"),
    "debian-relations": packages,
    "ogbg-molbace": lambda: graphcondense.data.as_graph_task(rings(integer=True), split()),
}
real_load = graphcondense.data.load

SMALLER: Mapping[str, tuple[tuple[str, str], ...]] = {
    "nodes": (
        ("scale=0.1", "scale=0.002"),
        ("nodes=282", "nodes=10"),
        ("nodes=500", "nodes=20"),
    ),
    "graphs": (("per_class=10", "per_class=2"), ("seeds=5)", "steps=2, seeds=1)")),
    "links": (('models=["GCN", "SAGE"])', f'models=["GCN", "SAGE"]{SHORT}'),),
    "hetero": (("nodes=614", "nodes=12"), ('models=["RGCN", "MLP"])', f'models=["RGCN"]{SHORT}')),
}
"""By page, what is smaller here: each must be on the page."""


@pytest.mark.parametrize("page", SMALLER)
def test_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPHCONDENSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(graphcondense.data, "load", lambda name, root=None: STAND_INS[name]())
    text = (GUIDES / f"{page}.md").read_text()
    for old, new in SMALLER[page]:
        assert old in text, f"{page}.md no longer has {old!r}"
        text = text.replace(old, new)
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks
    names: dict[str, Any] = {}
    for block in blocks:
        if "data_with_more_nodes" in block:  # the graph that a user has
            names["small"] = graphcondense.condense(part(0.5), "gecc", nodes=6, progress=False)
            names["data_with_more_nodes"] = names["data_now"] = part(1.0)
            names["names_before"] = names["names_now"] = [f"n{i}" for i in range(60)]
        if "mmap_mode" in block:
            names.update(saved(tmp_path))
        exec(compile(block, f"{page}.md", "exec"), names)
    assert names["small"] is not None


def part(share: float) -> Any:
    """The first nodes of a graph whose nodes are split in turn."""
    data = targets_graph("number")
    turn = torch.arange(60) % 3
    data.train_mask, data.val_mask, data.test_mask = turn == 0, turn == 1, turn == 2
    return graphcondense.data.as_task(data).subgraph(torch.arange(int(60 * share)))


def saved(folder: Path) -> dict[str, Any]:
    """Arrays of a graph in files, and the split that the page takes as given."""
    rng, n = np.random.default_rng(0), 300
    np.save(folder / "edge_index.npy", rng.integers(n, size=(2, 900)))
    np.save(folder / "node_feat.npy", rng.normal(size=(n, 6)).astype(np.float32))
    np.save(folder / "labels.npy", np.arange(n) % 4)
    parts = np.split(rng.permutation(n), [100, 200])
    return dict(zip(("train", "valid", "test"), parts, strict=True))
