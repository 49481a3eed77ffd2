"""Records of earlier versions read by today's names."""

from __future__ import annotations

from pathlib import Path

import graphcondense
from graphcondense.data import CondensedGraphs
from graphcondense.data.graph_packing import pack
from tests.cases import toy_graphs


def test_kind_was_called_domain_and_label_kind_was_called_kind(tmp_path: Path) -> None:
    small = CondensedGraphs(pack(toy_graphs()[:3])[0])
    small.condensed = {"domain": "graph", "data": {"name": "toy", "kind": "classes"}}
    graphcondense.save(small, tmp_path / "old.safetensors")
    record = graphcondense.load(tmp_path / "old.safetensors").condensed
    assert record == {"kind": "graph", "data": {"name": "toy", "label_kind": "classes"}}
