"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

FOLDERS = ("pyg/Cora", "pyg/CiteSeer", "pyg/Computers", "pyg/Physics", "ogb")


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
