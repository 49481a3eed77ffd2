"""Run folders written by hand, in no time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import torch
import yaml
from torch_geometric.data import Data

from graphcondense.saved.condensed import save
from graphcondense.saved.content import graph_hash, tensor_bytes

CLASSES = 3
MODELS = ("GCN", "SGC", "MLP")
WHOLE = {"nodes": 2708, "edges": 10556, "bytes": 521512}


def graph(nodes: int, seed: int, edges: bool) -> Data:
    rng = torch.Generator().manual_seed(seed)
    pairs = torch.randint(nodes, (2, 4 * nodes), generator=rng)
    index = torch.cat([pairs, pairs.flip(0)], 1) if edges else torch.empty(2, 0, dtype=torch.long)
    weight = torch.rand(4 * nodes, generator=rng).repeat(2) if edges else torch.empty(0)
    x = torch.randn(nodes, 8, generator=rng)
    return Data(x=x, edge_index=index, edge_weight=weight, y=torch.arange(nodes) % CLASSES)


def images(nodes: int, seed: int) -> Data:
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(nodes, 1, 8, 8, generator=rng)
    none = torch.empty(2, 0, dtype=torch.long)
    return Data(x=x, edge_index=none, y=torch.arange(nodes) % CLASSES)


def evaluation(label: str, small: Data, data: str, score: float) -> dict[str, Any]:
    size = {"nodes": len(small.y), "edges": small.edge_index.shape[1], "bytes": tensor_bytes(small)}
    sets = {label: (score, size), "random": (score - 0.1, size), "whole": (score + 0.02, WHOLE)}
    rows = [
        {
            "label": name,
            "model": model,
            "graphs": 3 if name == "random" else 1,
            "trainings": 4,
            "test_selected": mean - 0.05 * i,
            "test_selected_std": 0.011,
            "test_last": mean - 0.05 * i - 0.03,
            "test_last_std": 0.022,
            "val_selected": mean,
            "spread_graphs": 0.013 if name == "random" else None,
            "spread_trainings": 0.011,
            **own,
            "seconds": 0.5,
        }
        for name, (mean, own) in sets.items()
        for i, model in enumerate(MODELS)
    ]
    ledger = {
        "graph": graph_hash(small),
        "model": "GCN",
        "size": size,
        "whole": WHOLE,
        "condensation_seconds": 10.0,
        "condensed_training_seconds": 1.0,
        "whole_training_seconds": 3.0,
        "plain_training_seconds": 20.0,
        "peak_memory_bytes": 2**29,
        "break_even_trainings": 6,
        "ratios": {name: size[name] / WHOLE[name] for name in size},
    }
    return {
        "kind": "Report",
        "data": data,
        "digest": f"digest of {data}",
        "settings": {"epochs": 100, "hidden": 256, "lr": None},
        "rows": rows,
        "ledgers": {label: ledger},
    }


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """A function that writes a run folder; everything but the condensed set can be left out."""

    def make(
        folder: Path,
        method: str = "gcond",
        *,
        seed: int = 0,
        nodes: int = 30,
        edges: bool = True,
        pictures: bool = False,
        data: str = "cora",
        evaluated: bool = True,
        config: bool = True,
        metrics: bool = True,
        score: float = 0.8,
        extra: bool = False,
        unlabelled: int = 0,
        tensors: int | None = None,
        record: dict[str, Any] | None = None,
    ) -> Path:
        drawn = seed if tensors is None else tensors
        small = images(nodes, drawn) if pictures else graph(nodes, drawn, edges)
        if unlabelled:
            small.y[:unlabelled] = -1
            small.train_mask = small.y >= 0
        about = {"name": data, "digest": f"digest of {data}", **WHOLE, "classes": CLASSES}
        given = {"lr_x": 0.01, "coupled": True, "path": "auto", "structure_bias": -4.0}
        small.condensed = {
            "method": method,
            "paper": "A paper, 2022",
            "hyperparameters": given,
            "seed": seed,
            "setting": "transductive",
            "data": about,
            "budget": {"asked": {"nodes": nodes, "of": "labelled"}, "of_labelled": 0.5},
            "nodes": nodes,
            "edges": small.edge_index.shape[1],
            "bytes": tensor_bytes(small),
            "hash": graph_hash(small),
            "seconds": 12.5,
            "validation": {"score": 0.79, "step": 40, "predictor": "GCN"},
            "versions": {"graphcondense": "0.1.0", "torch": "2.9"},
            **(record or {}),
        }
        save(small, folder)
        if config:
            content = {
                "method": method,
                "hyperparameters": {"nodes": nodes, "ratio": None, "of": "labelled", **given},
                "seed": seed,
                "setting": "transductive",
                "validations": 5,
                "data": about,
                "origin": {"data": data, "root": "/secret/place", "split": None, "data_seed": 0},
            }
            (folder / "config.yaml").write_text(yaml.safe_dump(content))
        if metrics:
            rows = [{"step": i, "loss": 50 / i} for i in range(1, 61)]
            for row in rows[9::10]:
                row["validation"] = 0.7 + row["step"] / 1000
            (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
        if evaluated:
            content = evaluation(method, small, data, score)
            for ledger in content["ledgers"].values():
                ledger["condensation_seconds"] = (record or {}).get("seconds", 12.5) - 2.5
            (folder / "evaluation.json").write_text(json.dumps(content))
        if extra:
            rows = [{"attack": f"a{i}", "auc": auc} for i, auc in enumerate((0.61, 0.5, 0.555))]
            content = {"kind": "PrivacyReport", "data": data, "epochs": 100, "rows": rows}
            (folder / "privacy.json").write_text(json.dumps(content))
            pixels = np.zeros((4, 6, 3), dtype=np.uint8)
            matplotlib.image.imsave(folder / "privacy.png", pixels)
        return folder

    return make
