"""Every format of file that the package reads, small, with all that a file of it may have."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import yaml
from torch_geometric.data import Data

import graphcondense
from graphcondense.cli.bench.page import cells_in, report_of
from graphcondense.data import load as load_data
from graphcondense.data.foreign import open_small
from graphcondense.data.graph_packing import pack
from graphcondense.data.hetero_reading import as_hetero
from graphcondense.data.node_reading import as_task
from graphcondense.evaluate.fitted import FitResult
from graphcondense.evaluate.store import Store
from graphcondense.ops.propagated import Propagated
from graphcondense.saved.condensed import save
from graphcondense.saved.condensed_graphs import CondensedGraphs
from graphcondense.saved.condensed_hetero import CondensedHetero
from graphcondense.saved.condensed_links import CondensedLinks
from graphcondense.saved.condensed_rows import CondensedInteractions
from graphcondense.saved.content import graph_hash
from graphcondense.saved.shown import summary
from tests.cases import toy_graphs, toy_hetero
from tests.core.test_experts import HOW, Points, buffer, everything
from tests.evaluate.test_comparison import report, row
from tests.fuzz import (
    Format,
    edit_header,
    edit_idx,
    edit_json,
    edit_line,
    edit_npz,
    edit_pt,
    edit_tensors,
    edit_text,
    edit_yaml,
    lie_npz,
)
from tests.raw_sets import planetoid, tu
from tests.report.conftest import evaluation

RECORD = {
    "method": "gcond",
    "kind": "node",
    "seed": 0,
    "hyperparameters": {"lr": 0.1, "nodes": 6},
    "data": {"name": "toy", "nodes": 90, "classes": 3, "bytes": 4000, "metric": "accuracy"},
    "budget": {"asked": {"nodes": 6}, "of_labelled": 0.2},
    "validation": {"score": 0.8, "step": 5, "start_score": 0.4, "predictor": "GCN"},
    "versions": {"graphcondense": "0.1"},
    "seconds": 1.5,
    "processor_seconds": 1.25,
}


def graph(**more: Any) -> Data:
    rng = torch.Generator().manual_seed(0)
    small = Data(
        x=torch.randn(6, 10, generator=rng),
        y=torch.tensor([0, 1, 2, 0, 1, 2]),
        edge_index=torch.tensor([[0, 3, 1, 4], [3, 0, 4, 1]]),
        edge_weight=torch.tensor([0.5, 0.5, 2.0, 2.0]),
        **more,
    )
    small.condensed = {**RECORD, "hash": graph_hash(small)}
    return small


def real_graph() -> Data:
    rng = torch.Generator().manual_seed(1)
    part = torch.arange(30) % 3
    return Data(
        x=torch.randn(30, 4, generator=rng),
        y=torch.arange(30) // 10,
        edge_index=torch.randint(30, (2, 60), generator=rng),
        edge_weight=torch.rand(60, generator=rng),
        train_mask=part == 0,
        val_mask=part == 1,
        test_mask=part == 2,
    )


def _saved(small: Any) -> Any:
    return lambda folder: save(small(), folder / "condensed.safetensors")


def _load(path: Path) -> Any:
    """Loaded, and used as users do."""
    small = graphcondense.load(path)
    summary(small), repr(small)
    save(small, path.parent / "again" / "condensed.safetensors")
    return small


def _packed() -> Data:
    small = graph(orig_index=torch.arange(6))
    small.x = torch.zeros(6, 200)
    small.x[0, 3], small.x[5, 199] = 1.0, 2.0
    small.condensed["hash"] = graph_hash(small)
    return small


def _graphs() -> Any:
    small = CondensedGraphs(pack(toy_graphs()[:3])[0], further={"orig_index": torch.arange(3)})
    encoding = {"x": [[1, 2], [3]], "edge_attr": None}
    data = {"name": "toy", "graphs": 60, "encoding": encoding}
    small.condensed = {**RECORD, "kind": "graph", "data": data, "hash": graph_hash(small)}
    return small


def _users() -> Any:
    rows = sp.csr_matrix(np.eye(4, 40, dtype=np.float32) + np.eye(4, 40, 3, dtype=np.float32) / 2)
    small = CondensedInteractions(rows, {**RECORD, "kind": "rows", "data": {"name": "f"}})
    small.condensed["hash"] = graph_hash(small)
    return small


def _images() -> Data:
    rng = torch.Generator().manual_seed(0)
    small = Data(
        x=torch.rand(4, 1, 4, 4, generator=rng),
        y=torch.tensor([0, 1, 0, 1]),
        edge_index=torch.empty(2, 0, dtype=torch.long),
        preprocess_mean=torch.zeros(1),
        preprocess_std=torch.ones(1),
    )
    small.condensed = {**RECORD, "kind": "image", "hash": graph_hash(small)}
    return small


def _hetero() -> CondensedHetero:
    small, rng = CondensedHetero(), torch.Generator().manual_seed(0)
    small["paper"].x = torch.randn(4, 5, generator=rng)
    small["paper"].y = torch.tensor([0, 1, 2, 0])
    small["paper"].assignment = torch.arange(9) % 4
    small["author"].x = torch.randn(3, 2, generator=rng)
    small["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 2, 2], [0, 1, 2, 3]])
    small["author", "writes", "paper"].edge_weight = torch.tensor([1.0, 0.5, 2.0, 2.0])
    small["paper", "cites", "paper"].edge_index = torch.tensor([[0, 1], [1, 3]])
    small.condensed = {**RECORD, "kind": "hetero", "hash": graph_hash(small)}
    return small


def _links() -> CondensedLinks:
    bare = graph(assignment=torch.arange(9) % 6)
    small = CondensedLinks(**{k: bare[k] for k in ("x", "edge_index", "edge_weight", "assignment")})
    small.condensed = {**RECORD, "kind": "link", "hash": graph_hash(small)}
    return small


SAFE = {"header": edit_header, "tensors": edit_tensors}


def sealed(name: str, small: Any) -> Format:
    return Format(f"condensed {name}", _saved(small), _load, SAFE, sealed_edits=True)


# --- what users bring ------------------------------------------------------------------------


def _task(path: Path) -> Any:
    return as_task(load_data(path))


def _arrays(folder: Path) -> Path:
    data = {k: v.numpy() for k, v in real_graph().to_dict().items()}
    np.savez(folder / "mine.npz", **data)
    return folder / "mine.npz"


def _csr_arrays(folder: Path) -> Path:
    data = real_graph()
    x = sp.csr_matrix(np.eye(30, 8, dtype=np.float32))
    a = sp.csr_matrix((np.ones(60, np.float32), data.edge_index.numpy()), shape=(30, 30))
    a.sum_duplicates()
    parts = {}
    for name, m in (("x", x), ("adj", a)):
        parts |= {f"{name}_data": m.data, f"{name}_indices": m.indices}
        parts |= {f"{name}_indptr": m.indptr, f"{name}_shape": np.array(m.shape)}
    np.savez_compressed(folder / "csr.npz", y=data.y.numpy(), **parts)
    return folder / "csr.npz"


def _shchur(folder: Path) -> Path:
    path = _csr_arrays(folder)
    with np.load(path) as file:
        arrays = {k: file[k] for k in file.files}
    out = {k.replace("x_", "attr_", 1) if k[0] == "x" else k: v for k, v in arrays.items()}
    out["labels"] = out.pop("y")
    out["adj_data"] = np.ones_like(out["adj_data"])
    np.savez(folder / "shchur.npz", **out)
    return folder / "shchur.npz"


def _platonov(folder: Path) -> Path:
    data = real_graph()
    np.savez(
        folder / "platonov.npz",
        node_features=data.x.numpy(),
        node_labels=data.y.numpy(),
        edges=data.edge_index.t().numpy(),
        train_masks=data.train_mask[None].repeat(2, 1).numpy(),
        val_masks=data.val_mask[None].repeat(2, 1).numpy(),
        test_masks=data.test_mask[None].repeat(2, 1).numpy(),
    )
    return folder / "platonov.npz"


def _pt(folder: Path) -> Path:
    torch.save(real_graph(), folder / "mine.pt")
    return folder / "mine.pt"


def _pt_list(folder: Path) -> Path:
    torch.save(toy_graphs()[:12], folder / "many.pt")
    return folder / "many.pt"


def _foreign(folder: Path) -> Path:
    small = graph().to_dict()
    small.pop("condensed", None)
    torch.save(small, folder / "theirs.pt")
    return folder / "theirs.pt"


def _hetero_pt(folder: Path) -> Path:
    torch.save(toy_hetero(n=30), folder / "types.pt")
    return folder / "types.pt"


def _relations(folder: Path) -> Path:
    """As ``debian_relations.npz`` is: packages, what they are built from, and two relations."""
    data, rng = real_graph(), np.random.default_rng(0)
    x = sp.csr_matrix(np.eye(30, 8, dtype=np.float32))
    parts = {"x_data": x.data, "x_indices": x.indices, "x_indptr": x.indptr}
    masks = {name: data[name].numpy() for name in ("train_mask", "val_mask", "test_mask")}
    path = folder / "debian_relations.npz"
    np.savez(
        path, x_shape=np.array(x.shape), y=data.y.numpy(), source=np.arange(30) // 2,
        edges_depends=data.edge_index.numpy(), edges_suggests=rng.integers(30, size=(2, 9)),
        **parts, **masks,
    )  # fmt: skip
    return path


def _table(folder: Path) -> Path:
    lines = [f"n{i},{i / 7:.3f},{'abc'[i % 3]},{'xy'[i % 2]}" for i in range(24)]
    (folder / "nodes.csv").write_text("\n".join(["id,size,colour,kind", *lines]) + "\n")
    ends = [f"n{i},n{(5 * i + 1) % 24},{i % 4 + 0.5}" for i in range(24)]
    (folder / "edges.csv").write_text("\n".join(["from,to,weight", *ends]) + "\n")
    return folder / "nodes.csv"


def _edge_table(folder: Path) -> Path:
    return _table(folder).with_name("edges.csv")


def _tables(path: Path) -> Any:
    return as_task(
        nodes=path.with_name("nodes.csv"), edges=path.with_name("edges.csv"), target="kind",
        id="id", split=(0.5, 0.25, 0.25),
    )  # fmt: skip


def _planetoid_part(part: str) -> Any:
    return lambda folder: planetoid(folder) / f"ind.cora.{part}"


def _named(name: str) -> Any:
    """Of a raw file of a PyG data set in its folder, made anew each time."""

    def read(path: Path) -> Any:
        shutil.rmtree(path.parents[1] / "processed", ignore_errors=True)
        return load_data(name, path.parents[2])

    return read


def _processed(folder: Path) -> Path:
    load_data("cora", planetoid(folder).parents[1])
    return folder / "Cora" / "processed" / "data.pt"


def _matrix() -> sp.csr_matrix:
    rng = np.random.default_rng(0)
    return sp.csr_matrix((rng.random((8, 20)) < 0.4).astype(np.float32))


def _matrix_npz(folder: Path) -> Path:
    sp.save_npz(folder / "users.npz", _matrix())
    return folder / "users.npz"


def _ratings(file: str, mark: str, head: str) -> Any:
    def write(folder: Path) -> Path:
        coo = _matrix().tocoo()
        rows = [mark.join((f"{u}", f"{i}", "3.5")) for u, i in zip(coo.row, coo.col, strict=True)]
        (folder / file).write_text("\n".join([head] * bool(head) + rows) + "\n")
        return folder / file

    return write


def _authors(folder: Path) -> Path:
    import h5py

    coo, place = _matrix().tocoo(), folder / "authors"
    place.mkdir(exist_ok=True)
    with h5py.File(place / "total_data.hdf5", "w") as file:
        for key, values in (("user", coo.row), ("item", coo.col), ("rating", coo.data)):
            file.create_dataset(key, data=values)
    parts = np.where(np.arange(coo.nnz) % 7 < 5, 0, np.arange(coo.nnz) % 7 - 4)
    np.savez(place / "index.npz", data=parts)
    return place / "total_data.hdf5"


def _authors_index(folder: Path) -> Path:
    return _authors(folder).with_name("index.npz")


def _pictures(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 5, 5), dtype=np.uint8)
    np.savez(folder / "pictures.npz", images=images, labels=np.arange(20) % 2)
    return folder / "pictures.npz"


def _idx(folder: Path, packed: bool = False) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (20, 5, 5), dtype=np.uint8)
    blob = bytes([0, 0, 8, 3]) + struct.pack(">3I", 20, 5, 5) + images.tobytes()
    labels = bytes([0, 0, 8, 1]) + struct.pack(">I", 20) + bytes(i % 2 for i in range(20))
    path = folder / f"train-images-idx3-ubyte{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(blob) if packed else blob)
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    return path


# --- what a run keeps on the way -----------------------------------------------------------------


def _sums(folder: Path) -> Any:
    """Propagated features, from the file of the folder where that is whole."""
    data = real_graph()
    ends, weight = data.edge_index.numpy(), data.edge_weight.numpy()
    adj = sp.csr_matrix((weight, tuple(ends)), shape=(30, 30))
    return Propagated(data.x, adj, folder).powers().whole(1)


def _sums_kept(folder: Path) -> Path:
    _sums(folder)
    return next(folder.glob("propagated-*.safetensors"))


def _experts(folder: Path) -> Any:
    """Weights of trained networks, from the files of the folder where those are whole."""
    return everything(buffer(folder, replace(HOW, experts=2)).prepare(Points()))


def _experts_kept(folder: Path) -> Path:
    _experts(folder)
    return next(folder.glob("*/expert-0000.safetensors"))


def _trainings(path: Path) -> Any:
    """Results of an evaluation that was stopped, and what they are where they are computed anew."""
    store, found = Store(path, {"of": "toy"}, FitResult), []
    for i in range(3):
        values = torch.arange(2.0) / 7 + i
        parts = {f.name: values if f.type == "Tensor" else 0.5 for f in fields(FitResult)}
        one = FitResult(**{**parts, "seeds": (0, 1)})
        found.append(store.get(f"GCN {i}", partial(replace, one)))
    return found


def _trainings_kept(folder: Path) -> Path:
    path = folder / "evaluation.partial.jsonl"
    path.unlink(missing_ok=True)
    _trainings(path)
    return path


def _cell_kept(folder: Path) -> Path:
    found = report(row("gcond", [[0.8, 0.7]])).to_dict()
    cell = {"command": "bench", "workers": 1, "report": found}
    path = folder / "toy" / "gcond.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(cell))
    return path


def _cells(path: Path) -> Any:
    return [report_of(cell["report"]) for cell in cells_in(path.parent).values()]


# --- run folders -----------------------------------------------------------------------------


def run_folder(folder: Path) -> Path:
    """A finished run, with what other commands wrote beside it."""
    run = folder / "run"
    run.mkdir(exist_ok=True)
    small = graph()
    save(small, run)
    found = evaluation("gcond", small, "toy", 0.8)
    (run / "evaluation.json").write_text(json.dumps(found))
    steps = [{"step": i, "loss": 1 / i, "seconds": 0.1 * i} for i in range(1, 6)]
    steps[-1]["validation"] = 0.8
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in steps))
    config = {
        "method": "gcond",
        "hyperparameters": RECORD["hyperparameters"],
        "seed": 0,
        "data": {"name": "toy", "digest": "1"},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    more = {"kind": "Privacy", "rows": [{"attack": "a", "auc": 0.5}], "settings": {"x": 1}}
    (run / "privacy.json").write_text(json.dumps(more))
    return run


def _of_run(file: str) -> Any:
    return lambda folder: run_folder(folder) / file


def _page(path: Path) -> Any:
    from graphcondense.report.page import render
    from graphcondense.report.runs import read_runs

    (run,) = read_runs([path.parent])
    render([run])
    results = [result.content for result in run.results]
    return [run.small, run.config, list(run.metrics), run.evaluation, results]


FORMATS = (
    sealed("graph", graph),
    sealed("graph by row", _packed),
    sealed("graphs", _graphs),
    sealed("users", _users),
    sealed("images", _images),
    sealed("heterogeneous graph", _hetero),
    sealed("links", _links),
    Format("nodes.npz", _arrays, _task, {"arrays": edit_npz, "lie": lie_npz}),
    Format("nodes by row.npz", _csr_arrays, _task, {"arrays": edit_npz, "lie": lie_npz}),
    Format("shchur.npz", _shchur, _task, {"arrays": edit_npz, "lie": lie_npz}),
    Format("platonov.npz", _platonov, _task, {"arrays": edit_npz, "lie": lie_npz}),
    Format("nodes.pt", _pt, _task, {"values": edit_pt}),
    Format("types.pt", _hetero_pt, lambda path: as_hetero(load_data(path)), {"values": edit_pt}),
    Format(
        "relations.npz",
        _relations,
        lambda path: load_data("debian-relations", path.parent),
        {"arrays": edit_npz, "lie": lie_npz},
        called="debian-relations",
    ),
    Format("nodes.csv", _table, _tables, {"text": edit_text}, sealed=False),
    Format("edges.csv", _edge_table, _tables, {"text": edit_text}, sealed=False),
    *(
        Format(f"planetoid {part}", _planetoid_part(part), _named("cora"), {}, sealed=False)
        for part in ("allx", "ally", "graph", "test.index")
    ),
    Format("processed data.pt", _processed, lambda path: load_data("cora", path.parents[2]), {}),
    Format("tu edges", lambda f: tu(f) / "MUTAG_A.txt", _named("MUTAG"), {}, False, called="MUTAG"),
    Format("graphs.pt", _pt_list, load_data, {"values": edit_pt}),
    Format("foreign.pt", _foreign, open_small, {"values": edit_pt}),
    Format("users.npz", _matrix_npz, load_data, {"arrays": edit_npz, "lie": lie_npz}),
    Format("authors.hdf5", _authors, lambda p: load_data(p.parent), {}, sealed=False),
    Format("authors index", _authors_index, lambda p: load_data(p.parent), {"arrays": edit_npz}),
    *(
        Format(name, _ratings(name, mark, head), load_data, {"text": edit_text}, sealed=False)
        for name, mark, head in (
            ("ratings.csv", ",", "user,item,rating"),
            ("films.inter", "\t", "user_id:token\titem_id:token\trating:float"),
            ("ratings.dat", "::", ""),
        )
    ),
    Format("pictures.npz", _pictures, load_data, {"arrays": edit_npz, "lie": lie_npz}),
    Format("idx", _idx, load_data, {"sizes": edit_idx}, sealed=False),
    Format("idx.gz", lambda folder: _idx(folder, packed=True), load_data, {}),
    Format("config.yaml", _of_run("config.yaml"), _page, {"yaml": edit_yaml}, sealed=False),
    Format("metrics", _of_run("metrics.jsonl"), _page, {"line": edit_line}, sealed=False),
    Format("evaluation", _of_run("evaluation.json"), _page, {"json": edit_json}, sealed=False),
    Format("result", _of_run("privacy.json"), _page, {"json": edit_json}, sealed=False),
    *(
        Format(name, write, read, SAFE, sealed_edits=True, remade=True)
        for name, write, read in (
            ("propagated features", _sums_kept, lambda path: _sums(path.parent)),
            ("expert", _experts_kept, lambda path: _experts(path.parents[1])),
        )
    ),
    Format(
        "half an evaluation",
        _trainings_kept,
        _trainings,
        {"line": edit_line},
        sealed_edits=True,
        remade=True,
    ),
    Format("cell of a bench", _cell_kept, _cells, {"json": edit_json}, sealed=False),
    Format("record in a run", _of_run("condensed.safetensors"), _page, SAFE, sealed_edits=True),
)
"""All formats, and what a changed byte or value can be told by."""
