"""Every method with one thread and with two, on data that are large enough for two to be used."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
import threadpoolctl
import torch

import graphcondense
from graphcondense.data.graph_reading import as_graph_task
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.images import as_images
from graphcondense.data.interaction_reading import as_interactions
from graphcondense.data.link_reading import split_links
from graphcondense.data.node_reading import as_task
from tests import cases


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """As a process that was started with ``OMP_NUM_THREADS=count``."""
    before = torch.get_num_threads()
    with threadpoolctl.threadpool_limits(count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def large(kind: str) -> Any:
    """Toy data of a kind, so large that torch and BLAS share its sums among threads."""
    if kind == "node":
        return as_task(cases.toy_graph(n=1200, d=80))
    if kind == "graph":
        return as_graph_task(cases.toy_graphs(n=400))
    if kind == "image":
        return as_images(cases.toy_images(n=600))
    if kind == "hetero":
        return as_hetero(cases.toy_hetero(n=1200, d=80))
    if kind == "link":
        return split_links(cases.toy_graph(n=1200, d=80), negatives=5)
    rng = np.random.default_rng(0)
    return as_interactions(sp.csr_matrix((rng.random((500, 300)) < 0.2).astype(np.float32)))


def hashed(case: type[cases.MethodCase], data: Any, count: int, deterministic: bool) -> str:
    """The hash of what a method makes."""
    options = {
        "nodes" if case.kind in ("rows", "link") else "per_class": 10,
        "seed": 3,
        "progress": False,
    }
    own = {k: v for k, v in case.options.items() if k not in ("validations", "real_batch")}
    validations = {"validations": 0} if case.iterates else {}
    if case.decoded is not None:
        options["per_class"] = 4 * case.decoded
    with threads(count), contextlib.redirect_stderr(io.StringIO()):
        small = graphcondense.condense(
            data, case.name, deterministic=deterministic, **options, **own, **validations
        )
    assert small.condensed["deterministic"] is deterministic
    assert small.condensed["threads"] == (1 if deterministic else count)
    return str(small.condensed["hash"])
