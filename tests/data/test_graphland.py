"""GraphLand's graphs by name, read by PyG's own class from a tiny folder in its layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import graphcondense
from graphcondense.data import as_task, load
from graphcondense.data.graphland import FORMS, GRAPHLAND

N = 40


def written(root: Path, name: str, task: str, by_time: bool = True) -> Path:
    """The raw files of a set; its targets are the numbers of nodes, 0 or 1, or a few classes."""
    folder = root / name / "raw" / name
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    features = pd.DataFrame(
        {"size": rng.normal(size=N), "share": rng.random(N), "kind": np.arange(N) % 4}
    )
    features.loc[3, "size"] = np.nan
    values = {"regression": np.arange(N) + 100.0, "binary_classification": np.arange(N) % 2}
    targets = pd.DataFrame({"goal": values.get(task, np.arange(N) % 3).astype(float)})
    targets.loc[5, "goal"] = np.nan
    info = {
        "task": task,
        "target_name": "goal",
        "numerical_features_names": ["size", "share"],
        "fraction_features_names": ["share"],
        "categorical_features_names": ["kind"],
    }
    (folder / "info.yaml").write_text(yaml.safe_dump(info))
    features.to_csv(folder / "features.csv")
    targets.to_csv(folder / "targets.csv")
    pd.DataFrame(rng.integers(0, N, (120, 2))).to_csv(folder / "edgelist.csv", index=False)
    for split, ends in (("RL", (10, 20)), ("RH", (20, 30)), ("TH", (24, 32)))[: 2 + by_time]:
        at = np.arange(N)
        masks = {
            "train": at < ends[0],
            "val": (at >= ends[0]) & (at < ends[1]),
            "test": at >= ends[1],
        }
        pd.DataFrame(masks).to_csv(folder / f"split_masks_{split}.csv")
    return folder


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("hm-categories", "multiclass_classification"),
        ("tolokers-2", "binary_classification"),
        ("hm-prices", "regression"),
    ],
)
def test_a_set_of_each_task_is_condensed(tmp_path: Path, name: str, task: str) -> None:
    written(tmp_path, name, task)
    data = load(f"graphland-{name}", tmp_path)
    checked = as_task(data)
    assert (checked.label_kind, checked.metric) == FORMS[task]
    assert checked.num_nodes == N
    assert len(checked.train) == 9  # one of ten has no target
    assert checked.num_features == 2 + 4
    small = graphcondense.condense(data, "gecc", nodes=5, progress=False)
    assert small.condensed["data"]["name"] == f"graphland-{name}"
    if task == "regression":
        assert float(checked.y[7]) == 107


def test_seed_picks_a_published_split(tmp_path: Path) -> None:
    written(tmp_path / "pyg", "tolokers-2", "binary_classification")
    sizes = [int(load("graphland-tolokers-2", tmp_path, seed=s).val_mask.sum()) for s in range(3)]
    assert sizes == [10, 10, 8]
    with pytest.raises(ValueError, match="has 3 published splits"):
        load("graphland-tolokers-2", tmp_path, seed=3)


def test_a_set_without_times_has_two_splits(tmp_path: Path) -> None:
    folder = written(tmp_path, "city-reviews", "binary_classification", by_time=False)
    assert load("graphland-city-reviews", tmp_path, seed=1).train_mask.sum() == 19
    with pytest.raises(ValueError, match="has 2 published splits"):
        load("graphland-city-reviews", tmp_path, seed=2)
    pd.DataFrame({"train": [True]}).to_csv(folder / "split_masks_TH.csv")
    with pytest.raises(ValueError, match="must have the columns train, val and test for 40 nodes"):
        load("graphland-city-reviews", tmp_path)


def test_code_in_a_processed_file_is_not_run(tmp_path: Path) -> None:
    written(tmp_path, "tolokers-2", "binary_classification")
    load("graphland-tolokers-2", tmp_path)
    (file,) = (tmp_path / "tolokers-2" / "processed").rglob("data.pt")
    torch.save({"x": Path("gone")}, file)
    with pytest.raises(ValueError, match="was refused"):
        load("graphland-tolokers-2", tmp_path)


def test_names_are_those_of_pyg() -> None:
    from torch_geometric.datasets import GraphLandDataset

    known = {row.folder: row for row in GRAPHLAND}
    assert known.keys() == GraphLandDataset.GRAPHLAND_DATASETS.keys()
    for name, task in GraphLandDataset.GRAPHLAND_DATASETS.items():
        assert known[name].metric == FORMS[task][1]
