"""Node-classification graphs by name, or from a file of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
import torch
from torch import Tensor

from graphcondense.data.graphland import GRAPHLAND
from graphcondense.data.kind import open_named
from graphcondense.data.known import DIGITS, Named, NamedFile, digits, read_npz
from graphcondense.data.node_files import _csr, _plain, _undirected, open_npz
from graphcondense.data.ogb import load_ogb
from graphcondense.data.parts import joined
from graphcondense.data.prepared import prepared
from graphcondense.data.raw import opened
from graphcondense.data.reading import TEXT_LABELS
from graphcondense.data.targets import LabelKind
from graphcondense.ops.adjacency import csr_tensor, scipy_csr
from graphcondense.ops.arrays import plain, real_numbers
from graphcondense.ops.fields import brief

if TYPE_CHECKING:
    from torch_geometric.data import Data


class Options(TypedDict, total=False):
    """How a graph is prepared; see :func:`graphcondense.data.load`."""

    split: str | None
    seed: int
    normalize: str
    device: torch.device | str | None
    label_kind: LabelKind | None


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
    return prepared(data, known.name, known.normalize, **options)


def node_data(
    data: Data | list[Data] | Mapping[str, Any], path: Path, **options: Unpack[Options]
) -> Data:
    """What a file holds, with a split and normalised features."""
    from torch_geometric.data import Data

    if isinstance(data, list):
        data = data[0]
    if isinstance(data, Mapping):  # graphs by part, or OGB's arrays
        data = _of_mapping(data, path)
    if not isinstance(data, Data):
        raise ValueError(f"{path} holds a {type(data).__name__}, no graph with labelled nodes")
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
    return prepared(data, path.stem, "none", **options)


def _of_mapping(data: Mapping[str, Any], path: Path) -> Data:
    """The graph that a mapping holds, see :func:`~graphcondense.data.raw.opened`."""
    from torch_geometric.data import Data

    try:
        found = opened(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if isinstance(found, Data):
        return found
    return Data(**{name: value for name, value in vars(found).items() if value is not None})


# --- sets by name ----------------------------------------------------------------------------


def _open_named(known: Named, base: Path) -> Data:
    """A PyG data set that is one of several of its class."""
    from torch_geometric import datasets

    return getattr(datasets, known.family)(str(base), known.folder)[0]


def _open_single(known: Named, base: Path) -> Data:
    """A PyG data set with a class of its own, whose root is its own folder."""
    from torch_geometric import datasets

    return getattr(datasets, known.family)(str(base / known.folder))[0]


def _open_several_labels(known: Named, base: Path) -> Data:
    """One whose nodes have several labels."""
    data = _open_single(known, base)
    data.label_kind, data.metric = "binary", known.metric
    return data


def _open_ppi(known: Named, base: Path) -> Data:
    """PyG's 24 graphs of proteins, in their published parts, as one graph that no edge joins."""
    from torch_geometric.datasets import PPI

    folder = str(base / known.folder)
    data = joined({split: PPI(folder, split=split) for split in ("train", "val", "test")})
    data.label_kind, data.metric = "binary", known.metric
    return data


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
    _saint(
        name="yelp",
        family="Yelp",
        folder="Yelp",
        open=_open_several_labels,
        nodes=716_847,
        classes=100,
        metric="f1",
    ),
    _saint(
        name="ppi",
        family="PPI",
        folder="PPI",
        open=_open_ppi,
        nodes=56_944,
        classes=121,
        metric="f1",
        normalize="none",
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
