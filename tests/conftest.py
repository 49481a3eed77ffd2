"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

from graphcondense.data.task import NodeTask

FOLDERS = (
    "pyg/Cora",
    "pyg/CiteSeer",
    "pyg/Computers",
    "pyg/Physics",
    "pyg/MUTAG",
    "pyg/NCI1",
    "ogb",
    "images",
    "recsys/ml-1m",
)


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scratch copy of the real data, as the loaders write ``processed/`` beside ``raw/``."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    source = Path(os.environ.get("GRAPHCONDENSE_DATA") or beside)
    found = [folder for folder in FOLDERS if (source / folder).is_dir()]
    if not found:
        pytest.skip("no real data: set GRAPHCONDENSE_DATA to a folder that has pyg/Cora and others")
    root = tmp_path_factory.mktemp("data")
    for folder in found:
        shutil.copytree(source / folder, root / folder, ignore=shutil.ignore_patterns("processed"))
    return root


@pytest.fixture(scope="session")
def real() -> NodeTask:
    """Three classes that features and edges give away, 90 nodes."""
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    same = y[:, None] == y
    adj = sp.csr_matrix(np.triu(rng.random((90, 90)) < np.where(same, 0.12, 0.02), 1), dtype="f4")
    x = np.eye(3, 10)[y] + 0.8 * rng.standard_normal((90, 10))
    order = torch.from_numpy(rng.permutation(90))
    return NodeTask(
        x=torch.from_numpy(x).float(),
        adj=(adj + adj.T).tocsr(),
        y=torch.from_numpy(y),
        train=order[:30],
        val=order[30:60],
        test=order[60:],
        num_classes=3,
        name="toy",
    )


@pytest.fixture
def small() -> Data:
    """A condensed graph for it: six nodes, two weighted pairs."""
    return Data(
        x=torch.eye(6, 10),
        y=torch.tensor([0, 1, 2, 0, 1, 2]),
        edge_index=torch.tensor([[0, 3, 1, 4], [3, 0, 4, 1]]),
        edge_weight=torch.tensor([0.5, 0.5, 2.0, 2.0]),
    )
