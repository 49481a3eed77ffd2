"""Open Graph Benchmark sets on today's torch: no questions, no version check, no unsafe loading.

ogb 1.3.6 calls ``torch.load`` without ``weights_only``, so that torch >= 2.6 refuses its files; it
asks questions with ``input()``; and its import starts a thread that goes online. :func:`ogb_scope`
answers all three for the length of a ``with`` block.
"""

from __future__ import annotations

import importlib
import json
import logging
import pickle
import shutil
import sys
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.ogb_hetero import (
    PROCESSED,
    check_lines,
    files_of,
    forget,
    hetero_of,
    is_hetero_set,
    keep_sources,
    split_files_of,
    stale,
)
from graphcondense.ops.fields import plain
from graphcondense.ops.files import as_whole
from graphcondense.ops.json import read_json
from graphcondense.ops.types import Record

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData, InMemoryDataset

logger = logging.getLogger(__name__)

_CLASS = {
    "ogbn": ("ogb.nodeproppred", "PygNodePropPredDataset"),
    "ogbg": ("ogb.graphproppred", "PygGraphPropPredDataset"),
}
_ASKING = (
    "ogb.utils.url",
    "ogb.io.save_dataset",
    "ogb.nodeproppred.dataset_pyg",
    "ogb.graphproppred.dataset_pyg",
)


@contextmanager
def allow(classes: Sequence[Any]) -> Iterator[None]:
    """Let ``torch.load(..., weights_only=True)`` open ``classes`` inside a ``with`` block.

    ``torch.serialization.safe_globals`` takes all it was given off the list when it ends, also what
    was there before: PyG could then no longer open its own files. Only the missing ones are given.
    """
    known = torch.serialization.get_safe_globals()
    with torch.serialization.safe_globals([c for c in classes if c not in known]):
        yield


def graph_classes() -> list[type[object]]:
    """What a pickled ``Data`` or ``HeteroData``, condensed or not, and an ``InMemoryDataset``'s
    slices consist of."""
    from torch_geometric.data import Data, HeteroData
    from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
    from torch_geometric.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage

    from graphcondense.saved.condensed_graph import CondensedGraph
    from graphcondense.saved.condensed_hetero import CondensedHetero

    pyg = [Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]
    hetero = [HeteroData, BaseStorage, EdgeStorage, NodeStorage]
    return [*pyg, *hetero, CondensedGraph, CondensedHetero, defaultdict, dict]


_NUMBERS = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "str"),
)


def array_classes() -> list[Any]:
    """What pickled NumPy arrays of numbers and text consist of; those of objects stay refused."""
    rebuild = {"_reconstruct": np.empty(0).__reduce__()[0], "scalar": np.int64(0).__reduce__()[0]}
    # NumPy 1 and NumPy 2 write the same functions under different names.
    modules = ("numpy.core.multiarray", "numpy._core.multiarray")
    return [
        np.ndarray,
        np.dtype,
        *{type(np.dtype(name)) for name in _NUMBERS},
        *((function, f"{m}.{name}") for m in modules for name, function in rebuild.items()),
    ]


def import_ogb(module: str = "ogb") -> ModuleType:
    """Import ``module`` of ogb, offline.

    ``ogb/__init__.py`` imports ``outdated`` and has it ask a server for the newest version; it goes
    without when there is no such package, so there is none while ogb is first imported.
    """
    if "ogb" not in sys.modules:
        modules: Record = sys.modules
        before = {k: modules.pop(k) for k in ["outdated"] if k in modules}
        modules["outdated"] = None
        try:
            importlib.import_module("ogb")
        finally:
            del modules["outdated"]
            modules.update(before)
    return importlib.import_module(module)


def _answer(question: str = "") -> str:
    """In place of ``input()``: a download that was asked for by name goes ahead, a deletion not."""
    question = question.strip()
    if "download" in question:
        logger.warning("%s yes", question)
        return "y"
    raise ValueError(f"ogb asks '{question}', which would delete files: nothing was changed")


@contextmanager
def ogb_scope() -> Iterator[None]:
    """Use ogb inside a ``with`` block: safe loading, no questions, its messages on stderr.

    Raises:
        ValueError: inside the block, when ogb asks whether to delete an older folder.
    """
    modules = [import_ogb(name) for name in _ASKING]
    with ExitStack() as stack:
        stack.enter_context(allow(graph_classes() + array_classes()))
        stack.enter_context(redirect_stdout(sys.stderr))
        for names in map(vars, modules):
            if "input" not in names:  # a scope within a scope leaves the outer one's answer alone
                names["input"] = _answer
                stack.callback(names.pop, "input")
        yield


def open_ogb(
    name: str, root: str | Path, *, meta: Record | None = None
) -> tuple[InMemoryDataset, dict[str, Tensor]]:
    """Open a node or graph set of OGB, downloading it into ``root`` when it is not there.

    Args:
        name: such as ``ogbn-arxiv`` or ``ogbg-molhiv``.
        root: folder that holds, or will hold, ``ogbn_arxiv/``.
        meta: OGB's description of a set that is not one of its own, as ``DatasetSaver`` makes it;
            its ``dir_path`` is then where the set is, and ``root`` is what it is relative to. By
            default the ``meta_dict.pt`` in the set's folder, if there is one.

    Returns:
        ogb's own PyG dataset, and the indices of its standard split: ``train``, ``valid``,
        ``test``, each int64 ``[k]``.

    Raises:
        ValueError: for an unknown set, a heterogeneous one (:func:`load_ogb` takes these), a folder
            in which a file is missing, and a file with more in it than tensors, arrays and graphs.
            No file is deleted.
        OSError: when the set is not there and cannot be downloaded.
    """
    data, split, meta = _opened(name, root, meta, False)
    return data, {k: torch.as_tensor(v, dtype=torch.long) for k, v in split.items()}


def _opened(
    name: str, root: str | Path, meta: Record | None, hetero: bool
) -> tuple[InMemoryDataset, Any, Record]:
    """ogb's data set, its split and its description; a heterogeneous one only where ``hetero``."""
    if name[:4] not in _CLASS:
        raise ValueError(f"'{name}' is not a node (ogbn-) or graph (ogbg-) set of OGB")
    package, cls = _CLASS[name[:4]]
    folder = _folder(name, root, meta)
    if meta is None:
        meta = _own_meta(Path(root) / name.replace("-", "_"))
    if meta is None:
        meta, options = _published_meta(name, package), {}
    else:
        options = {"meta_dict": {**meta, "dir_path": str(folder)}}
    _check_meta(name, meta)
    if is_hetero_set(meta) and not hetero:
        raise ValueError(f"{name} is heterogeneous: open it with graphcondense.data.load_ogb")
    existed = folder.is_dir() and any(not path.is_dir() for path in folder.rglob("*"))
    if existed:
        _check_complete(name, folder, meta, getattr(import_ogb(package), cls))
        if is_hetero_set(meta) and (not (folder / PROCESSED).exists() or stale(folder)):
            check_lines(folder, meta)
            forget(folder)
    elif folder.is_dir():
        shutil.rmtree(folder)  # empty folders, for which ogb would ask whether to delete them
    try:
        with ogb_scope():
            data = getattr(import_ogb(package), cls)(name, str(root), **options)
            split = data.get_idx_split()
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{name}: a file below {folder} was refused, as it holds more than tensors, arrays and "
            "graphs; remove its folder 'processed' to have it made anew"
        ) from error
    except (*BROKEN, OSError) as error:
        if not existed and isinstance(error, OSError):
            # What a failed download leaves behind would pass for an older release next time.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if not is_hetero_set(meta) or str(error).startswith("ogb asks"):
            raise
        raise ValueError(
            f"{name}: the files in {folder} are not as OGB has heterogeneous sets "
            f"({type(error).__name__}: {str(error)[:80]}); put the published ones there"
        ) from error
    if is_hetero_set(meta):
        keep_sources(folder)
    return data, split, meta


BROKEN = (
    *(RuntimeError, LookupError, AssertionError, TypeError, ValueError, EOFError),
    *(zlib.error, zipfile.BadZipFile),
)
"""What ogb raises on files that are not as it wrote them."""

SAID = (
    *("version", "split", "num tasks", "num classes", "task type", "eval metric", "binary"),
    *("add_inverse_edge", "additional node files", "additional edge files"),
)
"""What the description of a set has to say, beside whether one of nodes is heterogeneous."""


def _check_meta(name: str, meta: Record) -> None:
    """Raise a ValueError where the description of a set leaves out what ogb reads of it."""
    said = (*SAID, "is hetero") if name.startswith("ogbn-") else SAID
    if missing := [what for what in said if what not in meta]:
        more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
        raise ValueError(
            f"{name}: its description (meta_dict.pt, or meta=) does not say "
            f"{', '.join(map(repr, missing[:4]))}{more}: give all that OGB's DatasetSaver writes"
        )


def _folder(name: str, root: str | Path, meta: Record | None) -> Path:
    """Where the files of a set are, or will be."""
    if meta is not None:
        return Path(root) / str(meta["dir_path"])
    folder = Path(root) / name.replace("-", "_")
    older = folder.with_name(f"{folder.name}_pyg")  # where older releases of ogb put it
    return older if older.exists() else folder


def _check_complete(name: str, folder: Path, meta: Record, cls: Any) -> None:
    """Raise a ValueError where ogb would delete ``folder``: without one of its files, or without
    the mark of its release, ogb downloads the set anew in its place. ``cls``, ogb's data set, knows
    the names of its files.
    """
    release = f"RELEASE_v{meta['version']}.txt"
    probe = cls.__new__(cls)
    probe.meta_info, probe.root = meta, str(folder)
    hetero = is_hetero_set(meta)
    probe.is_hetero, probe.binary = hetero, str(meta.get("binary")) == "True"
    wanted = [f"raw/{file}" for file in probe.raw_file_names]
    made = (folder / PROCESSED).exists()
    if hetero and not made:
        wanted += files_of(folder, meta)
    elif not made:
        label = "node-label" if name.startswith("ogbn-") else "graph-label"
        wanted.append(f"raw/{label}{'.npz' if probe.binary else '.csv.gz'}")
    split = f"split/{meta['split']}"
    if hetero and not (folder / split / "split_dict.pt").exists():
        wanted += split_files_of(folder, split)
    elif not hetero and not (folder / split / "split_dict.pt").exists():
        wanted += [f"{split}/{part}.csv.gz" for part in ("train", "valid", "test")]
    if missing := [file for file in wanted if not (folder / file).exists()]:
        more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
        source = str(meta.get("url") or "where the set is from")[:100]
        raise ValueError(
            f"{name}: {', '.join(missing[:4])}{more} {'are' if missing[1:] else 'is'} not in "
            f"{folder}: put what is missing there (from {source}); nothing was changed"
        )
    if not (folder / release).exists():
        raise ValueError(
            f"{name}: {folder} has no {release}, by which ogb knows that its files are of release "
            f"{meta['version']}; without it ogb would replace them. If they are, make an empty "
            "file of that name there; if they are older, give root= another folder, into which the "
            "new release is downloaded. Nothing was changed"
        )


def _own_meta(folder: Path) -> Record | None:
    """The description that a set in OGB's layout has beside it, if it has one."""
    path = folder / "meta_dict.pt"
    if not path.is_file():
        return None
    try:
        return {**torch.load(path, weights_only=True), "dir_path": folder.name}
    except (pickle.UnpicklingError, RuntimeError, EOFError, TypeError) as error:
        raise ValueError(f"{path} was refused: it has to hold a dict of texts") from error


def _published_meta(name: str, package: str) -> dict[str, str]:
    """OGB's own description of a set, from the table that comes with the package."""
    import pandas as pd

    origin = import_ogb(package).__file__
    table = pd.read_csv(
        Path(str(origin)).with_name("master.csv"), index_col=0, keep_default_na=False
    )
    if name not in table:
        raise ValueError(f"OGB has no set '{name}'; it has {', '.join(table)}")
    meta: dict[str, str] = table[name].to_dict()
    return meta


def load_ogb(name: str, root: str | Path, *, meta: Record | None = None) -> Data | HeteroData:
    """A node set of OGB as one ``Data`` with masks, or as a ``HeteroData`` where it is
    heterogeneous; edges and features as OGB has them.

    Takes what :func:`open_ogb` takes, of names ``ogbn-...`` alone.

    The first time leaves the graph as plain tensors beside ogb's own file, in
    ``processed/graphcondense.safetensors``. As long as no file of the set changes, that one is
    mapped into memory instead, without ogb and in well under a second.

    Returns:
        ``x [n, d]`` (absent from ogbn-proteins), ``edge_index [2, m]``, ``y [n]`` int64 with -1 for
        no label (``[n, tasks]`` when there are several), and bool masks ``[n]``; of a heterogeneous
        set the same by type and relation (:func:`~graphcondense.data.ogb_hetero.hetero_of`), as
        :func:`graphcondense.data.as_hetero` takes it.

    Raises:
        ValueError: a name that is no node set, or files that are not there or not as OGB has them.
    """
    if not name.startswith("ogbn-"):
        raise ValueError(f"'{name}' is not a node set of OGB (ogbn-...)")
    folder = _folder(name, root, meta)
    kept = _read_plain(folder, meta)
    if kept is not None:
        return kept
    dataset, split, found = _opened(name, root, meta, True)
    if is_hetero_set(found):
        return hetero_of(dataset[0], split, found)
    data = dataset[0]
    if data.y.shape[1] == 1:
        data.y = torch.nan_to_num(data.y[:, 0], nan=-1).long()
    for ours, theirs in (("train", "train"), ("val", "valid"), ("test", "test")):
        mask = torch.zeros(data.num_nodes, dtype=torch.bool)
        mask[torch.as_tensor(split[theirs], dtype=torch.long)] = True
        data[f"{ours}_mask"] = mask
    _keep_plain(data, folder, meta)
    return data


PLAIN = "processed/graphcondense.safetensors"
"""A graph as plain tensors, below the folder of its set."""


def _read_plain(folder: Path, meta: Record | None) -> Data | None:
    """The graph that :func:`_keep_plain` left; ``None`` where it did not, or of other files."""
    from safetensors import SafetensorError, safe_open
    from torch_geometric.data import Data

    path = folder / PLAIN
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            header = read_json((file.metadata() or {}).get("graph", "{}"), "its header")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        logger.warning("%s cannot be read (%s); made anew from the files of the set", path, error)
        return None
    if not isinstance(header, dict) or header.get("sources") != _sources(folder, meta):
        logger.warning("%s: files of the set have changed since; made anew", path)
        return None
    values = {**header["values"], **tensors}
    return Data(**{name: values[name] for name in header["order"]})


def _keep_plain(data: Data, folder: Path, meta: Record | None) -> None:
    """Leave the graph as plain tensors; where they do not fit, say so and leave nothing."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    parts = data.to_dict()
    tensors = {k: v.contiguous() for k, v in parts.items() if isinstance(v, Tensor)}
    values = {k: plain(v) for k, v in parts.items() if k not in tensors}
    if not all(isinstance(value, int | float | str | None) for value in values.values()):
        return  # nothing that the sets of OGB have
    header = {"order": [*parts], "values": values, "sources": _sources(folder, meta)}
    try:
        with as_whole(folder / PLAIN) as draft:
            save_file(tensors, draft, {"graph": json.dumps(header)})
    except (OSError, SafetensorError) as error:
        logger.warning(
            "%s cannot be written (%s): the next time takes as long as this", folder / PLAIN, error
        )


def _sources(folder: Path, meta: Record | None) -> Record:
    """What a graph was read from: sizes and times of all files of its set, and the description."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = {
        path.relative_to(folder).as_posix(): [path.stat().st_size, path.stat().st_mtime_ns]
        for path in files
        if path != folder / PLAIN and not path.name.startswith(".")
    }
    return {"files": found, "meta": None if meta is None else {k: str(meta[k]) for k in meta}}
