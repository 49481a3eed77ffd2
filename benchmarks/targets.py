"""One cell of a table of the guides: nodes with several labels, or numbers as targets, links,
heterogeneous graphs, and sets of graphs with numbers as targets.

    python benchmarks/targets.py debian-tags quotient --root DATA
    python benchmarks/targets.py debian-links convmatch --val-every 10 --root DATA
    python benchmarks/targets.py debian-links convmatch --set dims=128 contrast=1 --root DATA
    python benchmarks/targets.py cora-links quotient --decoder mlp --share 0.03 --root DATA
    python benchmarks/targets.py debian-relations quotient --model RGCN --root DATA
    python benchmarks/targets.py ogbg-molbace-wiener doscond --graphs 30 --readout sum --root DATA

Prints test and validation scores of a model, processor seconds of condensing and of all, and
memory. ``whole`` and ``mean`` stand for a method, too. With ``-wiener`` behind the name of a set of
graphs their labels are the logarithm of the Wiener index, see :func:`wiener`.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.csgraph import shortest_path

import graphcondense
from graphcondense.data import GraphTask, as_graph_task, load
from graphcondense.evaluate import evaluator_of

WIENER = "-wiener"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="a set of graphcondense.data.datasets()")
    parser.add_argument("method", help="of graphcondense.methods(), whole or mean")
    parser.add_argument("--root")
    parser.add_argument("--share", type=float, default=0.01, help="of all nodes")
    parser.add_argument("--model", default="GCN")
    parser.add_argument("--trainings", type=int, default=1)
    parser.add_argument("--val-every", type=int, default=5)
    parser.add_argument("--graphs", type=int, help="of a set of graphs: how many, for a share")
    parser.add_argument("--readout", choices=("mean", "sum", "attention"), help="of graphs")
    parser.add_argument("--decoder", choices=("dot", "mlp"), help="of links")
    parser.add_argument("--set", nargs="*", default=[], help="fields of the method, as dims=128")
    args = parser.parse_args()
    fields = {k: json.loads(v) for k, v in (word.split("=", 1) for word in args.set)}
    given = {name: getattr(args, name) for name in ("val_every", "readout", "decoder")}
    options = {name: value for name, value in given.items() if value is not None}
    evaluator: Any = evaluator_of(opened(args.data, args.root), **options)
    task, condensing = evaluator.real, 0.0
    start = time.process_time()
    if args.method == "mean":
        found = evaluator.mean()
        assert found is not None, "a mean is of numbers"
    elif args.method == "whole":
        found = evaluator.fit_whole(args.model, seeds=args.trainings)
    else:
        budget: dict[str, int] = (
            {"size": args.graphs} if args.graphs else {"nodes": int(args.share * task.num_nodes)}
        )
        small = graphcondense.condense(task, args.method, progress=False, **budget, **fields)
        condensing = time.process_time() - start
        found = evaluator.fit(args.model, small, seeds=args.trainings)
    print(f"{args.data} {args.method}, {evaluator.metric}: test {found.test_selected.tolist()}")
    print(f"validation {found.val_selected.tolist()}, epochs {found.epoch_selected.tolist()}")
    print(f"beside {dict(found.others)}")
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{condensing:.1f} s of {time.process_time() - start:.1f} s, {gib:.2f} GiB")


def opened(name: str, root: str | None) -> Any:
    """The data called so."""
    if not name.endswith(WIENER):
        return load(name, root)
    task = load(name.removesuffix(WIENER), root)
    assert isinstance(task, GraphTask), f"{name}: only graphs have a Wiener index"
    return wiener(task)


def wiener(task: GraphTask) -> GraphTask:
    """The same graphs, whose target is ``log10`` of their Wiener index: the sum of the shortest
    paths between all pairs of atoms, by bonds (Wiener, 1947); in molecules of several parts, of
    pairs in one part. Boiling points and other properties were first predicted from it. It is
    computed from the graph alone: no measurement, no noise."""
    graphs = task.graphs.graphs()
    for graph in graphs:
        n, edges = graph.num_nodes, graph.edge_index.numpy()
        bonds = sp.csr_matrix((np.ones(edges.shape[1]), edges), shape=(n, n))
        paths = shortest_path(bonds, directed=False, unweighted=True)
        index = max(paths[np.isfinite(paths)].sum() / 2, 1)
        graph.y = torch.tensor([[np.log10(index)]], dtype=torch.float32)
    splits = {"train": task.train, "val": task.val, "test": task.test}
    return as_graph_task(graphs, splits, name=f"{task.name}{WIENER}", label_kind="regression")


if __name__ == "__main__":
    main()
