"""Node-classification graphs by name, or from a file of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.facts import NAMES
from graphcondense.data.graphland import GRAPHLAND
from graphcondense.data.kind import open_named
from graphcondense.data.known import DIGITS, Named, NamedFile, digits, read_npz
from graphcondense.data.labels import few
from graphcondense.data.ogb import load_ogb
from graphcondense.data.reading import ROWS, TEXT_LABELS, labels, mask, targets
from graphcondense.data.targets import check_named, known_rows
from graphcondense.ops.adjacency import csr_tensor, scipy_csr
from graphcondense.ops.arrays import plain, real_numbers, sparse
from graphcondense.ops.device import usable
from graphcondense.ops.fields import brief

if TYPE_CHECKING:
    from torch_geometric.data import Data


NORMALIZE = ("auto", "row", "standard", "none")
SPLITS = ("public", "full", "seeded", "random")
MOST_CLASSES = 1000
"""Beyond so many, labels that are hardly ever equal are taken for no classes."""


class Options(TypedDict, total=False):
    """How a graph is prepared; see :func:`graphcondense.data.load`."""

    split: str | None
    seed: int
    normalize: str
    device: torch.device | str | None


def load_nodes(
    name: str | Path, root: str | Path | None = None, **options: Unpack[Options]
) -> Data:
    """Open one graph by name or from a ``.npz`` file; see :func:`graphcondense.data.load`."""
    path = Path(name).expanduser()
    if path.suffix == ".npz":
        if not path.is_file():
            raise ValueError(f"there is no file {path}")
        return node_data(open_npz(path), path, **options)
    known, data = open_named(name, "node", KNOWN, root)
    return _prepared(data, known.name, known.normalize, **options)


def node_data(data: Data | list[Data], path: Path, **options: Unpack[Options]) -> Data:
    """What a file holds, with a split and normalised features."""
    if isinstance(data, list):
        data = data[0]
    if data.y is None:
        raise ValueError(f"{path}: the Data has no labels y, a tensor [nodes]")
    for key in ("x", "edge_index", "edge_weight", "y"):
        if isinstance(value := data.get(key), np.ndarray | list):
            data[key] = plain(value, f"{path}: {key}", text=TEXT_LABELS if key == "y" else "")
    # What follows makes splits of as many nodes as there are: of what the file holds, that is.
    stated = data.num_nodes if "num_nodes" in data else None
    rows = data.x if data.get("x") is not None else data.y
    if not isinstance(rows, Tensor) or not rows.dim():
        raise ValueError(
            f"{path}: {'x' if rows is data.get('x') else 'y'} must have a row for each node, got "
            f"{f'shape {tuple(rows.shape)}' if isinstance(rows, Tensor) else brief(rows)}"
        )
    if stated is not None and (isinstance(stated, Tensor) or stated != len(rows)):
        raise ValueError(
            f"{path}: num_nodes is {brief(stated)}, but there are {len(rows)} rows; leave it out"
        )
    if isinstance(data.get("x"), Tensor):
        real_numbers(data.x, f"{path}: x")
    return _prepared(data, path.stem, "none", **options)


def _prepared(
    data: Data,
    name: str,
    auto: str,
    split: str | None = None,
    seed: int = 0,
    normalize: str = "auto",
    device: torch.device | str | None = None,
) -> Data:
    if normalize not in NORMALIZE:
        raise ValueError(f"normalize={normalize!r}: choose one of {', '.join(NORMALIZE)}")
    data.name = name
    _set_split(data, split, seed)
    data = _normalized(data, auto if normalize == "auto" else normalize)
    return data if device is None else data.to(usable(device))


# --- sets by name ----------------------------------------------------------------------------


def _open_named(known: Named, base: Path) -> Data:
    """A PyG data set that is one of several of its class."""
    from torch_geometric import datasets

    return getattr(datasets, known.family)(str(base), known.folder)[0]


def _open_single(known: Named, base: Path) -> Data:
    """A PyG data set with a class of its own, whose root is its own folder."""
    from torch_geometric import datasets

    return getattr(datasets, known.family)(str(base / known.folder))[0]


def _open_ogb(known: Named, base: Path) -> Data:
    return load_ogb(known.name, base)


def _open_ogb_undirected(known: Named, base: Path) -> Data:
    from torch_geometric.utils import to_undirected

    data = _open_ogb(known, base)
    data.edge_index = to_undirected(data.edge_index, num_nodes=data.num_nodes)
    return data


def _open_digits(known: Named, base: Path) -> Data:
    """scikit-learn's 8 x 8 digits; neighbours either way are joined, so the graph is symmetric."""
    from torch_geometric.data import Data

    x, y = digits()
    return Data(x=x, edge_index=_edges_of_digits().clone(), y=y)


@cache
def _edges_of_digits() -> Tensor:
    """``[2, m]``, made once a process."""
    # Sixteenths are counted: whole numbers far below 2^24, of which every sum and product is exact.
    # Of equal distances the first column counts, and as last digits the columns say so: scikit-
    # learn's own neighbours depend on the number of threads there.
    pixels = (16 * digits()[0]).numpy()
    square, n = (pixels**2).sum(1), len(pixels)
    distance = square[:, None] + square - 2 * pixels @ pixels.T
    np.fill_diagonal(distance, 2 * distance.max() + 1)
    places = distance.astype(np.int64) * n + np.arange(n)
    near = np.zeros((n, n), dtype=bool)
    np.put_along_axis(near, np.argpartition(places, 10, axis=1)[:, :10], True, axis=1)
    source, target = (near | near.T).nonzero()
    return torch.from_numpy(np.stack([source, target]).astype(np.int64))


def _open_relations(known: NamedFile, root: Path) -> tuple[Data, dict[str, np.ndarray]]:
    """The packages with all of their relations as one graph, both ways, and the arrays."""
    from torch_geometric.data import Data

    path = known.found(root)
    arrays = read_npz(path)
    relations = [name for name in arrays if name.startswith("edges_")]
    x = _csr(arrays, "x", path)
    if x is None or not relations:
        raise ValueError(f"{path} has no {'x_data' if x is None else 'edges_...'}; {known.made}")
    n = x.shape[0]
    edges = torch.cat([_plain(arrays, name, path).long() for name in relations], 1)
    masks = {f"{s}_mask": _plain(arrays, f"{s}_mask", path) for s in ("train", "val", "test")}
    edges = _undirected(edges, n, path)
    return Data(x=csr_tensor(x.astype(np.float32)), edge_index=edges, **masks), arrays


def _open_tags(known: NamedFile, root: Path) -> Data:
    """The packages that have tags, and what is between them; each tag is a binary task."""
    from torch_geometric.utils import subgraph

    data, arrays = _open_relations(known, root)
    node, tag = _plain(arrays, "tags", known.found(root)).long()
    y = torch.zeros(data.num_nodes, int(tag.max()) + 1)
    y[node, tag] = 1
    tagged = y.any(1)
    rows = scipy_csr(data.x)[tagged.numpy()]
    masks = {f"{s}_mask": data[f"{s}_mask"][tagged] for s in ("train", "val", "test")}
    edges, _ = subgraph(tagged, data.edge_index, relabel_nodes=True, num_nodes=len(y))
    data.update({"x": csr_tensor(rows), "edge_index": edges, "y": y[tagged], **masks})
    data.label_kind, data.metric = "binary", "f1"
    data.class_names = arrays["tag_names"].tolist() if "tag_names" in arrays else None
    return data


def _open_size(known: NamedFile, root: Path) -> Data:
    """All packages; the target is the natural logarithm of the installed size in KiB, NaN where
    the index has none."""
    data, arrays = _open_relations(known, root)
    size = _plain(arrays, "installed_kib", known.found(root)).float()
    data.y = torch.where(size > 0, size.clamp(min=1).log(), torch.nan)
    data.label_kind, data.metric = "regression", "r2"
    return data


def _open_file(known: NamedFile, root: Path) -> Data:
    return open_npz(known.found(root))


_graph = partial(Named, graphs=1, splits=("public",), open=_open_named, licence="see source")
_planetoid = partial(
    _graph, family="Planetoid", normalize="row", source="github.com/kimiyoung/planetoid"
)
_amazon = partial(
    _graph, family="Amazon", splits=("seeded",), source="github.com/shchur/gnn-benchmark"
)
_coauthor = partial(_amazon, family="Coauthor", normalize="row")
_citation = partial(_coauthor, family="CitationFull", source="github.com/abojchevski/graph2gauss")
_saint = partial(
    _graph, open=_open_single, normalize="standard", source="github.com/GraphSAINT/GraphSAINT"
)
_ogb = partial(_graph, family="OGB", open=_open_ogb, source="ogb.stanford.edu")

_relations = partial(
    NamedFile,
    family="Debian",
    file="debian_relations.npz",
    graphs=1,
    splits=("public",),
    source="package index of Debian 12, November 2026",
    licence="see source",
    made="datasets/build_debian.py --relations of the repository makes it on a Debian system.",
)

KNOWN: tuple[Named, ...] = (
    _planetoid(name="cora", folder="Cora", nodes=2_708, classes=7),
    _planetoid(name="citeseer", folder="CiteSeer", nodes=3_327, classes=6),
    _planetoid(name="pubmed", folder="PubMed", nodes=19_717, classes=3),
    _amazon(name="computers", folder="Computers", nodes=13_752, classes=10),
    _amazon(name="photo", folder="Photo", nodes=7_650, classes=8),
    _coauthor(name="cs", folder="CS", nodes=18_333, classes=15),
    _coauthor(name="physics", folder="Physics", nodes=34_493, classes=5),
    _citation(
        name="citationfull-cora", folder="cora", nodes=19_793, classes=70, aliases=("cora-full",)
    ),
    _citation(
        name="citationfull-cora-ml", folder="cora_ml", nodes=2_995, classes=7, aliases=("cora-ml",)
    ),
    _citation(name="citationfull-citeseer", folder="citeseer", nodes=4_230, classes=6),
    _citation(name="citationfull-dblp", folder="dblp", nodes=17_716, classes=4, aliases=("dblp",)),
    _citation(name="citationfull-pubmed", folder="pubmed", nodes=19_717, classes=3),
    _saint(name="flickr", family="Flickr", folder="Flickr", nodes=89_250, classes=7),
    _saint(
        name="reddit",
        family="Reddit",
        folder="Reddit",
        nodes=232_965,
        classes=41,
        source="snap.stanford.edu/graphsage",
    ),
    _saint(name="reddit2", family="Reddit2", folder="Reddit2", nodes=232_965, classes=41),
    _ogb(
        name="ogbn-arxiv",
        folder="ogbn_arxiv",
        open=_open_ogb_undirected,
        nodes=169_343,
        classes=40,
        normalize="standard",
        licence="ODC-BY",
        aliases=("arxiv",),
    ),
    _ogb(
        name="ogbn-products",
        folder="ogbn_products",
        nodes=2_449_029,
        classes=47,
        normalize="standard",
        licence="Amazon licence",
        aliases=("products",),
    ),
    _ogb(name="ogbn-proteins", folder="ogbn_proteins", nodes=132_534, classes=2, licence="CC0"),
    _ogb(
        name="ogbn-papers100M",
        folder="ogbn_papers100M",
        nodes=111_059_956,
        classes=172,
        licence="ODC-BY",
        aliases=("papers100m",),
    ),
    NamedFile(
        name="debian",
        family="Debian",
        file="debian.npz",
        open=_open_file,
        graphs=1,
        nodes=61_418,
        classes=40,
        splits=("public",),
        source="package index of Debian 12, November 2026",
        licence="see source",
        made="datasets/build_debian.py of the repository makes it on a Debian system.",
        aliases=("debian-packages",),
    ),
    _relations(
        name="debian-tags",
        open=_open_tags,
        nodes=28_297,
        classes=60,
        metric="f1",
        aliases=("debtags",),
    ),
    _relations(name="debian-size", open=_open_size, nodes=61_418, classes=1, metric="r2"),
    _graph(name="digits", nodes=1_797, splits=("seeded",), open=_open_digits, **DIGITS),
    *GRAPHLAND,
)

# --- files -----------------------------------------------------------------------------------


def open_npz(path: Path) -> Data:
    from torch_geometric.data import Data

    arrays = read_npz(path)
    if "y" not in arrays:
        for needed, layout in _LAYOUTS.items():
            if set(needed) <= arrays.keys():
                return layout(arrays, path)
    x, adj = _csr(arrays, "x", path), _csr(arrays, "adj", path)
    values: dict[str, object] = {k: _plain(arrays, k, path) for k in arrays if k in _NPZ_KEYS}
    values |= {k: arrays[k].tolist() for k in NAMES if k in arrays and arrays[k].dtype.kind == "U"}
    if x is not None:
        values["x"] = csr_tensor(x.astype(np.float32))
    if adj is not None:
        edges = adj.tocoo()
        values["edge_index"] = torch.from_numpy(np.stack([edges.row, edges.col]).astype(np.int64))
        values["edge_weight"] = torch.from_numpy(edges.data.astype(np.float32))
    for key, instead in (("x", "x_data"), ("edge_index", "adj_data"), ("y", "")):
        if key not in values:
            other = f" or '{instead}', ..." if instead else ""
            raise ValueError(f"{path} has no '{key}'{other}; it has {few(arrays, 12) or 'none'}")
    return Data(**values)


LABELS = ("y", "labels", "node_labels")
_NPZ_KEYS = {"x", "edge_index", "edge_weight", "y", "train_mask", "val_mask", "test_mask"}


def _plain(arrays: Mapping[str, np.ndarray], name: str, path: Path) -> Tensor:
    return plain(arrays[name], f"{path}: {name}", text=TEXT_LABELS if name in LABELS else "")


def _undirected(edges: Tensor, n: int, path: Path) -> Tensor:
    from torch_geometric.utils import to_undirected

    if edges.is_floating_point() and edges.numel():
        raise ValueError(f"{path}: edges must be integer node ids, got {edges.dtype}")
    if edges.numel() and (int(edges.min()) < 0 or int(edges.max()) >= n):
        bad = int(edges.min()) if int(edges.min()) < 0 else int(edges.max())
        raise ValueError(f"{path} has an edge of node {bad}, but nodes are 0..{n - 1}")
    out: Tensor = to_undirected(edges.long(), num_nodes=n)
    return out


def _shchur(arrays: Mapping[str, np.ndarray], path: Path) -> Data:
    """As PyG's ``read_npz`` has it, of Amazon, Coauthor and CitationFull."""
    from torch_geometric.data import Data

    adj = _csr(arrays, "adj", path)
    x = _csr(arrays, "attr", path)
    if x is None and "attr_matrix" in arrays:
        x = sparse(arrays["attr_matrix"], f"{path}: attr_matrix")
    if adj is None or x is None:
        raise ValueError(f"{path} has 'labels' but not {'adj' if adj is None else 'attr'}_data")
    if adj.nnz and (adj.data != 1).any():
        raise ValueError(
            f"{path} has edge weights, which this layout (labels, attr_*, adj_*) does not know; "
            "name the arrays y, x_* and adj_* to keep them"
        )
    x = (x > 0).astype(np.float32)
    # PyG makes all features dense; those that a task would make sparse again stay so.
    dense = x.nnz >= 0.1 * x.shape[0] * x.shape[1]
    coo = adj.tocoo()
    edges = np.stack([coo.row, coo.col])[:, coo.row != coo.col]
    return Data(
        x=torch.from_numpy(x.toarray()) if dense else csr_tensor(x),
        edge_index=_undirected(torch.from_numpy(edges), x.shape[0], path),
        y=_plain(arrays, "labels", path),
    )


def _heterophilous(arrays: Mapping[str, np.ndarray], path: Path) -> Data:
    """As PyG's ``HeterophilousGraphDataset`` has it: edges stand one way in the file."""
    from torch_geometric.data import Data

    x, edges = _plain(arrays, "node_features", path), _plain(arrays, "edges", path)
    if edges.dim() != 2 or edges.shape[1] != 2:
        raise ValueError(f"{path}: edges must be [edges, 2], got {tuple(edges.shape)}")
    if not x.dim():
        raise ValueError(f"{path}: node_features must be [nodes, features], got one number")
    masks = {}
    for split in ("train", "val", "test"):
        if (key := f"{split}_masks") in arrays:
            several = _plain(arrays, key, path)
            if several.dim() > 2:
                shape = tuple(several.shape)
                raise ValueError(f"{path}: {key} must be [splits, nodes], got {shape}")
            masks[f"{split}_mask"] = several.t().contiguous()
    return Data(
        x=x,
        edge_index=_undirected(edges.t(), len(x), path),
        y=_plain(arrays, "node_labels", path),
        **masks,
    )


_LAYOUTS: dict[tuple[str, ...], Callable[[Mapping[str, np.ndarray], Path], Data]] = {
    ("labels", "adj_data"): _shchur,
    ("node_features", "node_labels", "edges"): _heterophilous,
}
"""Files of other projects, by the arrays that tell them."""


def _csr(arrays: Mapping[str, np.ndarray], name: str, path: Path) -> sp.csr_matrix | None:
    """The CSR matrix stored as ``name_data`` and so on, if there is one."""
    keys = [f"{name}_{part}" for part in ("data", "indices", "indptr", "shape")]
    if keys[0] not in arrays:
        return None
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise ValueError(f"{path} has '{keys[0]}' but not '{missing[0]}'")
    data, indices, indptr, shape = (arrays[key] for key in keys)
    for key in keys:
        real_numbers(arrays[key], f"{path}: {key}")
    try:
        matrix = sp.csr_matrix((data, indices, indptr), shape=tuple(map(int, shape)))
        matrix.check_format()
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        raise ValueError(f"{path}: '{name}' is not a CSR matrix ({error})") from error
    return matrix


# --- splits ----------------------------------------------------------------------------------


def _set_split(data: Data, split: str | None, seed: int) -> None:
    published = data.get("train_mask") is not None
    allowed = SPLITS if published else SPLITS[2:]
    split = split or allowed[0]
    if split not in allowed:
        why = "" if published else " (it has no published split)"
        raise ValueError(f"split={split!r}: {data.name} has {', '.join(allowed)}{why}")
    n = int(data.num_nodes)
    if split in ("public", "full"):
        masks = [_mask(data, name, n, seed) for name in ("train", "val", "test")]
        if split == "full":
            masks[0] = ~(masks[1] | masks[2])
    if split in ("seeded", "random"):
        draw, rng = _seeded if split == "seeded" else _random, torch.Generator().manual_seed(seed)
        known = _targets(data, split)
        parts = draw(_classes(data), rng) if known is None else _shares(known, rng)
        masks = [torch.zeros(n, dtype=torch.bool).index_fill_(0, part, True) for part in parts]
    data.train_mask, data.val_mask, data.test_mask = masks


def _mask(data: Data, name: str, n: int, seed: int) -> Tensor:
    """A published mask as bool ``[n]``: number ``seed`` of several, empty if there is none."""
    given = data.get(f"{name}_mask")
    if given is None:
        return torch.zeros(n, dtype=torch.bool)
    columns = mask(given, f"{name}_mask", n, f"{data.name}: ")
    number = columns.shape[1]
    if number > 1 and not 0 <= seed < number:
        raise ValueError(
            f"seed={seed}: {data.name} has {number} published splits, 0..{number - 1}; "
            "split='seeded' draws others"
        )
    return columns[:, seed if number > 1 else 0]


def _classes(data: Data) -> list[Tensor]:
    """The nodes of each class; nodes without a label (-1) are in none."""
    y = labels(data.y, int(data.num_nodes), f"{data.name}: ")
    values, counts = torch.unique(y, return_counts=True)
    if len(values) > MOST_CLASSES and 2 * len(values) > len(y):
        raise ValueError(
            f"{data.name}: y has {len(values):,} different values for {len(y):,} nodes; these are "
            "no classes"
        )
    nodes = torch.split(y.argsort(stable=True), counts.tolist())
    return [own for c, own in zip(values.tolist(), nodes, strict=True) if c >= 0]


def _targets(data: Data, split: str) -> Tensor | None:
    """The nodes that have a label, of labels that are no classes; ``None`` for classes."""
    given = (data.get("label_kind"), data.get("metric"))
    check_named(given[1], given[0])
    y, kind = targets(data.y, int(data.num_nodes), f"{data.name}: ", *given)
    if kind == "classes":
        return None
    if split == "random":
        raise ValueError(
            f"split='random' draws 20 nodes a class, and the labels of {data.name} are {kind}: "
            "take split='seeded', 10 % for training, 10 % for validation and the rest for test"
        )
    return known_rows(y, kind).nonzero().flatten()


def _shares(nodes: Tensor, rng: torch.Generator) -> list[Tensor]:
    """10 % of the nodes, 10 %, and the rest; one of each at least, where there are three."""
    tenth = max(round(0.1 * len(nodes)), 1)
    return list(_shuffled(nodes, rng).tensor_split([tenth, 2 * tenth]))


def _shuffled(nodes: Tensor, rng: torch.Generator) -> Tensor:
    return nodes[torch.randperm(len(nodes), generator=rng)]


def _seeded(classes: list[Tensor], rng: torch.Generator) -> list[Tensor]:
    """20 a class, 30 a class, the rest; a class of 50 nodes or fewer is cut in thirds."""
    parts = []
    for nodes in classes:
        train, val = (20, 30) if len(nodes) > 50 else (-(-len(nodes) // 3), len(nodes) // 3)
        parts.append(_shuffled(nodes, rng).tensor_split([train, train + val]))
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def _random(classes: list[Tensor], rng: torch.Generator) -> list[Tensor]:
    """20 a class, then 500 and 1,000 of what is left."""
    parts = [_shuffled(nodes, rng).tensor_split([20]) for nodes in classes]
    train, rest = (torch.cat(part) for part in zip(*parts, strict=True))
    val, test, _ = _shuffled(rest, rng).tensor_split([500, 1500])
    return [train, val, test]


# --- features --------------------------------------------------------------------------------


def _rows(data: Data) -> Data:
    """PyG's ``NormalizeFeatures``; of dense features in place, in blocks of rows.

    They are the newly opened file's own, and no one else's; a copy of Physics is 1.2 GB.
    """
    if data.x.layout == torch.strided:
        least = data.x.min() if data.x.numel() else 0.0
        for rows in data.x.split(ROWS):
            rows.sub_(least)
            rows.div_(rows.sum(1, keepdim=True).clamp_(min=1.0))
        return data
    x = scipy_csr(data.x)
    if x.nnz and x.data.min() < 0:
        raise ValueError(
            f"{data.name}: normalize='row' subtracts the smallest feature ({x.data.min():g}), "
            "which would make its sparse features dense; use 'none', or give x as a dense array"
        )
    total = np.maximum(np.asarray(x.sum(1)).ravel(), 1.0).astype(np.float32)
    data.x = csr_tensor((sp.diags_array(1 / total) @ x).tocsr())
    return data


def _standard(data: Data) -> Data:
    if data.x.layout != torch.strided:
        raise ValueError(
            f"{data.name}: normalize='standard' would make its sparse features dense; use 'row' or "
            "'none', or give x as a dense array"
        )
    x = data.x
    train = x[data.train_mask]
    if not len(train):
        raise ValueError(f"{data.name}: normalize='standard' needs training nodes, there are none")
    std, mean = torch.std_mean(train, 0, correction=0)
    data.x = (x - mean) / torch.where(std > 0, std, 1.0)
    return data


def _normalized(data: Data, how: str) -> Data:
    if how != "none" and not isinstance(data.x, Tensor):
        raise ValueError(f"{data.name} has no features to normalise; use normalize='none'")
    if isinstance(data.x, Tensor) and data.x.layout == torch.strided:
        data.x = data.x.float()
    return {"row": _rows, "standard": _standard}.get(how, lambda data: data)(data)
