"""Raw files of data sets as PyG's loaders know them, small."""

from __future__ import annotations

import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np
import scipy.sparse as sp


def dumped(value: object, protocol: int = 4) -> bytes:
    return pickle.dumps(value, protocol=protocol)


def planetoid(root: Path) -> Path:
    """Raw files in the layout of Cora: 4 labelled, 8 known and 2 test nodes beside 500."""
    rng = np.random.default_rng(0)
    known, test, d = 510, 2, 5
    allx = sp.csr_matrix((rng.random((known, d)) < 0.5).astype(np.float32))
    tx = sp.csr_matrix((rng.random((test, d)) < 0.5).astype(np.float32))
    ally, ty = np.eye(7, dtype=np.int32)[rng.integers(0, 7, known)], np.eye(7, dtype=np.int32)[:2]
    graph: dict[int, list[int]] = defaultdict(list)
    n = known + test
    for node in range(n):
        graph[node] = [(node + 1) % n, (node - 1) % n]
    raw = root / "Cora" / "raw"
    raw.mkdir(parents=True)
    parts = {"x": allx[:4], "tx": tx, "allx": allx, "y": ally[:4], "ty": ty, "ally": ally}
    for name, value in {**parts, "graph": graph}.items():
        (raw / f"ind.cora.{name}").write_bytes(dumped(value))
    (raw / "ind.cora.test.index").write_text(f"{n - 1}\n{n - 2}\n")
    return raw


def tu(root: Path) -> Path:
    raw = root / "MUTAG" / "raw"
    raw.mkdir(parents=True)
    edges = [(6 * g + i + 1, 6 * g + (i + 1) % 6 + 1) for g in range(20) for i in range(6)]
    both = [*edges, *((b, a) for a, b in edges)]
    (raw / "MUTAG_A.txt").write_text("".join(f"{a}, {b}\n" for a, b in both))
    nodes, graphs = range(120), range(20)
    (raw / "MUTAG_graph_indicator.txt").write_text("".join(f"{i // 6 + 1}\n" for i in nodes))
    (raw / "MUTAG_graph_labels.txt").write_text("".join(f"{g % 2}\n" for g in graphs))
    (raw / "MUTAG_node_labels.txt").write_text("".join(f"{i % 3}\n" for i in nodes))
    return raw
