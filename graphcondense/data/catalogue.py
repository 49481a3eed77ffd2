"""Data sets of all kinds: what there is by name, and how a name or file is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from graphcondense.data import known
from graphcondense.data.by_part import OTHER_SEEDS
from graphcondense.data.kind import DataKind, data_kind, data_kinds, kind_of_data
from graphcondense.data.known import NAMED, Named, Row, either, name_key, root_of
from graphcondense.data.pt import read_pt
from graphcondense.data.targets import LabelKind, check_named
from graphcondense.ops.fields import Seed, check_each
from graphcondense.saved.paths import path_of

if TYPE_CHECKING:
    import torch
    from torch_geometric.data import Data

    from graphcondense.data.graph_task import GraphTask
    from graphcondense.data.hetero_task import HeteroTask
    from graphcondense.data.images import ImageTask
    from graphcondense.data.interactions import InteractionTask
    from graphcondense.data.link_task import LinkTask

__all__ = ["datasets", "find", "kind_of_name", "load", "spellings"]


def load(
    name: str | Path,
    root: str | Path | None = None,
    *,
    split: str | None = None,
    seed: int = 0,
    normalize: str = "auto",
    device: torch.device | str | None = None,
    kind: str | None = None,
    label_kind: LabelKind | None = None,
) -> Data | GraphTask | ImageTask | InteractionTask | HeteroTask | LinkTask:
    """Open data of any kind by name, or from a file or folder.

    Many graphs (``ogbg-molhiv``, ``MUTAG``, a ``.pt`` file of a list) are opened as
    :func:`graphcondense.data.load_graphs` does, images (``fashion-mnist``) as
    :func:`graphcondense.data.load_images`, users by items (``ml-1m``) as
    :func:`graphcondense.data.load_interactions`, heterogeneous graphs (``debian-relations``, a
    ``.pt`` file of a ``HeteroData``) as :func:`graphcondense.data.as_hetero`, links to predict
    (``cora-links``, a ``.pt`` file of the three parts of a split) as
    :func:`graphcondense.data.split_links` and :func:`graphcondense.data.as_links`, and one graph
    with labelled nodes as follows.

    Case, ``-`` and ``_`` in a name do not matter; :func:`datasets` lists the names. What is not
    under ``root`` is downloaded there, without a question; of ``debian`` an error says how it is
    made, and :func:`graphcondense.data.simulate` draws large graphs for measuring speed. Files are
    read as data, never as code: what PyG's loaders would unpickle may hold tensors, arrays and
    graphs alone.

    A ``.npz`` file holds ``x [n, d]`` (or ``x_data``, ``x_indices``, ``x_indptr`` and ``x_shape``
    of a SciPy CSR matrix), ``edge_index [2, m]`` with an optional ``edge_weight [m]`` (or
    ``adj_data`` and so on of a CSR matrix whose row is an edge's source), ``y [n]`` and,
    optionally, bool or 0/1 ``train_mask``, ``val_mask``, ``test_mask [n]`` (``[n, k]`` for ``k``
    splits); ``node_names [n]``, ``text [n]`` and ``class_names`` are arrays of text, for people to
    read. Files of Shchur et al. (``adj_*``, ``attr_*``, ``labels``) and of Platonov et al.
    (``node_features``, ``node_labels``, ``edges``, ``train_masks``) are read as PyG does:
    undirected, the former without self-loops and with features 0 or 1. A ``.pt`` file holds a PyG
    ``Data`` written by ``torch.save``, or is the ``processed/data.pt`` of a PyG data set; anything
    that could run code is refused.

    Edges are as the source has them, except that those of ogbn-arxiv are made undirected, as in
    every paper that trains a GNN on it. Those of ogbn-papers100M stay directed.

    Args:
        name: name of a set, or path to a file.
        root: where data sets are; by default ``$GRAPHCONDENSE_DATA``, else
            ``~/.cache/graphcondense``. Each set lies there as its own loader puts it
            (``Cora/raw``, ``ogbn_arxiv``, ``debian.npz``), or so below ``pyg/``, ``ogb/``,
            ``recsys/`` and ``graphs/``.
        split: ``public``: as published. ``full``: all nodes for training that the published split
            does not validate or test on. ``seeded``: 20 nodes a class for training, 30 a class for
            validation, the rest for test (a class of 50 nodes or fewer: a third each).
            ``random``: 20 a class, 500 and 1,000. By default ``public``, else ``seeded``.
        seed: draws the splits ``seeded`` and ``random``; of several published splits, which one.
            One that draws nothing is refused.
        normalize: of one graph. ``row``: as PyG's ``NormalizeFeatures``, the smallest feature is
            subtracted, then each row divided by its sum where that is above one. ``standard``:
            zero mean and unit variance a column, fitted on the *training* rows. ``none``.
            ``auto``: ``row`` for sparse bags of words (Planetoid, Coauthor, CitationFull),
            ``standard`` for ogbn-arxiv, ogbn-products, Flickr and Reddit, else ``none``, since
            Amazon's bags of words are a third full (a GCN on Computers: 71 % of validation as
            shares of a row, 89 % as they are).
        device: of one graph, where to put the tensors; by default the CPU.
        kind: which kind of data, where several have a set of this name: ``load("digits",
            kind="image")``. By default the first in :func:`datasets`.
        label_kind: what labels are that may be one or the other, such as one-hot rows:
            ``"classes"``, ``"binary"``, ``"regression"`` or ``"soft"``; of one graph, sets of
            graphs and heterogeneous graphs.

    Returns:
        A ``Data`` with ``x [n, d]`` float32 (a CSR tensor if the file has it sparse),
        ``edge_index [2, m]``, ``y [n]``, bool masks ``[n]``, and ``name``; of other kinds a
        :class:`~graphcondense.data.graph_task.GraphTask`,
        :class:`~graphcondense.data.images.ImageTask`,
        :class:`~graphcondense.data.interactions.InteractionTask`,
        :class:`~graphcondense.data.hetero_task.HeteroTask` or
        :class:`~graphcondense.data.link_task.LinkTask`.

    Raises:
        ValueError: for a name, kind, split, normalisation, file or folder that cannot be used,
            saying what can; for an option that means nothing for this kind of data.
        TypeError: a name or root that is no text or path.
        ConnectionError: when the set is not under ``root`` and cannot be downloaded.
    """
    found, content = _opened(str(path_of(name, "load(name)", NAMED)), kind)
    check_named(None, label_kind)
    (seed,) = check_each(seed=(seed, Seed))
    given = {
        **{"split": split, "seed": seed, "normalize": normalize},
        **{"device": device, "label_kind": label_kind},
    }
    usual = dict(zip(given, (None, 0, "auto", None, None), strict=True))
    options = {option: value for option, value in given.items() if value != usual[option]}
    for option, value in options.items():
        if option not in found.options:
            whose = either([k.words for k in data_kinds().values() if option in k.options])
            key = name_key(str(name))
            called = next((row.name for row in found.table if key in row.spellings()), name)
            other = f" {OTHER_SEEDS}" if option == "seed" else ""
            raise ValueError(
                f"{option}={value!r} is for {whose}, {called} is {found.words}: leave it out{other}"
            )
    if content is None:
        return found.load(name, root, **options)
    assert found.of_saved is not None
    return found.of_saved(content, Path(name).expanduser(), **options)


def datasets(which: str | None = None, root: str | Path | None = None) -> list[Row]:
    """What :func:`load` knows by name: one row a set, for a table.

    Args:
        which: only the sets of this name, or of this kind; by default all.
        root: see :func:`load`.

    Returns:
        Rows with ``name``, ``kind`` (``"node"``: one graph with labelled nodes; ``"graph"``: many
        labelled graphs; ``"image"``; ``"rows"``: users by items; ``"hetero"``: one heterogeneous
        graph; ``"link"``: one graph whose links are to be predicted), ``family``, ``graphs``,
        ``nodes`` (images, or users and items, where these are listed; ``None`` for a set of
        graphs),
        ``classes`` (tasks, for molecules), ``metric``, ``split``, ``normalize``, ``source``,
        ``licence`` and ``local`` (it is under ``root``: no download is needed).

    Raises:
        ValueError: nothing is called so; says which names are near, and the kinds.

    >>> [(row["name"], row["nodes"]) for row in datasets("citeseer")]
    [('citeseer', 3327)]
    """
    kinds, folder = data_kinds(), root_of(root)
    if which is not None and which not in kinds:
        try:
            find(which)
        except ValueError as error:
            raise ValueError(f"{error} Kinds are {', '.join(kinds)}.") from error
    return [
        row.row(kind.name, folder)
        for kind in kinds.values()
        for row in kind.table
        if which in (None, kind.name) or name_key(str(which)) in row.spellings()
    ]


def find(name: str, kind: str | None = None) -> Named:
    """The set that is called ``name``, of this kind; of several the first in :func:`datasets`.

    >>> find("OGBN_Arxiv").name, find("digits", "image").name
    ('ogbn-arxiv', 'digits-images')
    """
    kinds = list(data_kinds().values()) if kind is None else [data_kind(kind)]
    for refused in (k.refused for k in kinds):
        if name_key(name) in refused:
            raise ValueError(refused[name_key(name)])
    table = [row for k in reversed(kinds) for row in k.table]
    endings = dict.fromkeys(ending for k in kinds for ending in k.endings)
    return known.find(name, table, either(list(endings)))


def kind_of_name(name: str) -> str:
    """The kind of data that a name, file or folder stands for.

    >>> [kind_of_name(name) for name in ("cora", "molbace", "fashion-mnist", "ml-1m")]
    ['node', 'graph', 'image', 'rows']
    """
    return _opened(name, None)[0].name


def spellings(name: str) -> set[str]:
    """All names of the set that is called ``name``, as ``name_key`` writes them."""
    wanted = name_key(name)
    every = (row.spellings() for kind in data_kinds().values() for row in kind.table)
    return next((names for names in every if wanted in names), {wanted})


def _opened(name: str, kind: str | None) -> tuple[DataKind, object]:
    """The kind of a name, file or folder; what a file of ``torch.save`` holds, else ``None``."""
    path = Path(name).expanduser()
    kinds = data_kinds()
    if path.suffix == ".pt":
        content = read_pt(path, "a PyG Data of tensors")
        holds = f"{path} holds a {type(content).__name__}"
        try:
            found = data_kind(kind or kind_of_data(content))
        except ValueError as error:
            raise ValueError(f"{holds}: {error}") from error
        if found.of_saved is None:
            raise ValueError(f"{holds}, not a PyG Data")
        return found, content
    if kind is not None:
        return data_kind(kind), None
    for each in sorted(kinds.values(), key=lambda each: each.general):
        if each.holds(path):
            return each, None
    row = find(name)
    return next(k for k in kinds.values() if any(row is r for r in k.table)), None
