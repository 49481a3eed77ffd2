"""Condensation as a transform, and condensed graphs as a PyG data set on disk."""

import argparse
import tempfile
from pathlib import Path

import torch_geometric.transforms as T
from torch_geometric.loader import DataLoader

import graphcondense
from graphcondense import Condense, CondensedDataset

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
args = parser.parse_args()

data = graphcondense.data.load("cora" if args.root else "digits", args.root, normalize="none")
with tempfile.TemporaryDirectory() as folder:
    for seed in range(3):
        pipeline = T.Compose([T.NormalizeFeatures(), Condense("kcenter", nodes=50, seed=seed)])
        graphcondense.save(pipeline(data), Path(folder) / f"seed{seed}.safetensors")
    print(pipeline)

    dataset = CondensedDataset(folder, transform=T.AddSelfLoops(attr="edge_weight"))
    print(dataset, [record["seed"] for record in dataset.records])
    batch = next(iter(DataLoader(dataset, batch_size=3)))
    print(f"one batch of all: {batch.num_graphs} graphs, {batch.num_nodes} nodes")
