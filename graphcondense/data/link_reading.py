"""A graph with links to predict, as users have it, read into a checked task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphcondense.data.facts import text_of
from graphcondense.data.link_parts import parts_links, refuse_part
from graphcondense.data.link_task import Links, LinkTask, Pairs, links_of
from graphcondense.data.reading import REAL, adjacency, features, refuse_zeros
from graphcondense.data.structural import check_features, structural
from graphcondense.data.task import NodeTask, compact
from graphcondense.ops.adjacency import csr_from_edges
from graphcondense.ops.fields import Count, Natural, Share, check_each
from graphcondense.ops.memory import free_bytes
from graphcondense.ops.sizes import said

if TYPE_CHECKING:
    from torch_geometric.data import Data


HOW = (
    "graphcondense.data.split_links(data) draws one of a graph; PyG's RandomLinkSplit gives three "
    "Data: pass them as (train, val, test)"
)

TRIES = 20
"""Draws of a wrong link, each of those that were links or loops before."""


def split_links(
    data: object,
    *,
    val: float = 0.05,
    test: float = 0.1,
    negatives: int = 100,
    seed: int = 0,
    features: str | None = None,
    name: str | None = None,
) -> LinkTask:
    """Part the links of one graph into those to learn, to validate and to test on.

    Edges are taken without their direction, loops and weights. Labels of nodes are not read.

    Args:
        data: a PyG ``Data`` or a :class:`~graphcondense.data.task.NodeTask`: features ``x [n, d]``,
            and edges as :func:`~graphcondense.data.as_task` takes them.
        val, test: shares of the links; the rest is to be learnt.
        negatives: wrong links ``(u, v')`` of each link ``(u, v)``, ``v'`` drawn uniformly from the
            nodes that are neither ``u`` nor linked to it in any split.
        seed: of the split and of wrong links.
        features: of nodes that have none: ``"degree"``, ``"positional"`` or ``"random-walk"``, made
            of training links alone (:func:`~graphcondense.data.structural.structural`).
        name: what to call the data.

    Returns:
        The task, to be given to :func:`graphcondense.condense` and
        :func:`graphcondense.evaluate`.

    Raises:
        ValueError: shares that leave nothing to learn; no links; a node linked to all others; more
            wrong links than memory has room for; a ``NodeTask`` whose features were made of all
            edges.

    >>> import graphcondense
    >>> split_links(graphcondense.data.load("digits"))
    LinkTask(digits: 1,797 nodes, 64 features, 10,488/617/1,234 links to train/validate/test)
    """
    val, test, negatives, seed = check_each(
        val=(val, Share), test=(test, Share), negatives=(negatives, Count), seed=(seed, Natural)
    )
    if val + test >= 1:
        raise ValueError(f"val={val} and test={test} leave no links to learn; lower one")
    called = name or text_of(data, "name") or "data"
    x, whole = _graph_of(data, features)
    ends = links_of(whole)
    m = ends.shape[1]
    rng = np.random.default_rng(seed)
    _refuse_many(m, max(val, test), val + test, negatives)
    order = rng.permutation(m)
    first, second = round(val * m), round(val * m) + round(test * m)
    if second >= m:
        raise ValueError(f"{called} has {m} links, too few to learn, validate and test; add some")
    parts = []
    for at in (order[:first], order[first:second]):
        chosen = ends[:, np.sort(at)]
        turned = rng.random(chosen.shape[1]) < 0.5  # either end is asked for the other
        chosen = np.where(turned, chosen[::-1], chosen)
        tails = wrong_tails(whole, chosen[0], negatives, rng)
        parts.append(Links(torch.from_numpy(chosen), tails=torch.from_numpy(tails)))
    adj = symmetric(ends[:, np.sort(order[second:])], whole.shape[0])
    held, tested = parts
    if features is not None:  # of what models may see
        x = structural(adj, features)
    return LinkTask(x, adj, held, tested, called)


HELD, DRAWN = 8, 40
"""Bytes of a wrong link, and of one while it is drawn."""


def _refuse_many(links: int, part: float, held: float, negatives: int) -> None:
    """Raise a ValueError where memory has no room for ``negatives`` wrong links of each link held
    out: shares ``part`` at a time and ``held`` in all."""
    each = links * (part * DRAWN + held * HELD)
    free = free_bytes(torch.device("cpu"))
    if each * negatives > free:
        fits = int(free / each)
        fix = f"negatives={fits} fits" if fits else "hold fewer links out (val=, test=)"
        raise ValueError(
            f"negatives={negatives} of each of {round(links * held):,} links held out need about "
            f"{said(int(each * negatives))}, and {said(free)} of memory are free: {fix}"
        )


def as_links(data: object, *, name: str | None = None) -> LinkTask:
    """Check links that somebody else has split.

    Args:
        data: a :class:`LinkTask`; the three ``Data`` of PyG's ``RandomLinkSplit``, with
            ``edge_index`` of training links and ``edge_label_index [2, m]``, ``edge_label [m]`` (0
            for a wrong link), or, of ``split_labels=True``, ``pos_edge_label_index`` and
            ``neg_edge_label_index``; or a PyG data set of OGB's with ``get_edge_split()``.
        name: what to call the data.

    Raises:
        ValueError: whatever is wrong, naming the value and the fix; above all a link of the test
            or validation split that is a training link, too.
    """
    if isinstance(data, LinkTask):
        return data
    if hasattr(data, "get_edge_split"):
        published: Any = data
        called = name or text_of(published, "name") or "data"
        return _of_ogb(published[0], published.get_edge_split(), called)
    if not isinstance(data, tuple | list) or not is_links(data):
        raise ValueError(f"{type(data).__name__} has no split of links; {HOW}")
    train, val, test = data
    x, adj = _graph_of(train)
    n = int(adj.shape[0])
    given, label = _given(train)
    if label is not None:  # links may be learnt that no model sees
        learnt = _ends(given, "train.edge_label_index", n)
        learnt = learnt[:, torch.as_tensor(label).flatten() > 0]
        adj = symmetric(torch.cat([torch.from_numpy(links_of(adj)), learnt], 1).numpy(), n)
    held, tested = _labelled(val, "val", n), _labelled(test, "test", n)
    return _checked(x, adj, held, tested, name or text_of(train, "name") or "data")


def is_links(data: object) -> bool:
    """Whether something is a split of links, in any of its forms."""
    if isinstance(data, LinkTask) or hasattr(data, "get_edge_split"):
        return True
    if not isinstance(data, tuple | list):
        refuse_part(data)
        return False
    if len(data) != 3:
        return False
    if all(hasattr(one, "edge_types") and parts_links(one) for one in data):
        raise ValueError(
            "links are predicted in graphs of one type of nodes: "
            "graphcondense.data.split_links(data.to_homogeneous()) of the whole graph; of users by "
            "items graphcondense.data.as_interactions(data, edge_type=...)"
        )
    return all(_given(one)[0] is not None for one in data)


def _given(data: Any) -> tuple[Any, Any]:
    """Links and wrong links of a ``Data`` of ``RandomLinkSplit``, and which are which; ``None`` and
    ``None`` where it has none. ``split_labels=True`` names them apart."""
    ends, label = (getattr(data, name, None) for name in ("edge_label_index", "edge_label"))
    right = getattr(data, "pos_edge_label_index", None)
    if ends is not None or right is None:
        return ends, label
    wrong = getattr(data, "neg_edge_label_index", None)
    both = [torch.as_tensor(part) for part in (right, wrong) if part is not None]
    kinds = [torch.full((part.shape[-1],), float(not i)) for i, part in enumerate(both)]
    return torch.cat(both, -1), torch.cat(kinds)


def _graph_of(
    data: object, made: str | None = None
) -> tuple[Tensor | sp.csr_matrix, sp.csr_matrix]:
    """Features (of no columns where they are to be ``made``), and ``A`` of ones, symmetric and
    without loops."""
    x: Tensor | sp.csr_matrix
    if isinstance(data, NodeTask):
        if data.facts.made:
            raise ValueError(
                f"the features of {data.name} were made of all edges ({data.facts.made!r}), those "
                "to be predicted among them: give the graph without features, and features= here"
            )
        x, adj = data.x, data.adj
    else:
        if not hasattr(data, "edge_index") and not hasattr(data, "adj_t"):
            raise ValueError(
                f"links are of one graph, a PyG Data or a NodeTask, got {type(data).__name__}"
            )
        given: Any = data
        if getattr(given, "x", None) is None:
            if made is None:
                raise ValueError(
                    "data.x is missing: node features are needed, a tensor [nodes, features], or "
                    "features='degree', 'positional' or 'random-walk'"
                )
            x = torch.empty(int(given.num_nodes), 0)
        else:
            x = compact(features(given.x, REAL))
            refuse_zeros(
                x,
                "data.x",
                "del data.x, and split_links(data, features='degree') makes some of edges",
            )
        found = adjacency(data, int(x.shape[0]), REAL)
        if found is None:
            raise ValueError("data has no edges: set edge_index [2, edges]")
        adj = found
    if made is not None:
        check_features(made)
        if x.shape[1]:
            raise ValueError(
                f"features={made!r} makes features of nodes that have none, and data.x is there: "
                "leave features= out, or del data.x"
            )
    coo = adj.tocoo()
    ends = np.stack([coo.row, coo.col]).astype(np.int64)
    whole = symmetric(ends[:, (ends[0] != ends[1]) & (coo.data != 0)], int(x.shape[0]))
    if not whole.nnz:
        raise ValueError("data has no links between different nodes: there is nothing to predict")
    return x, whole


def wrong_tails(whole: sp.csr_matrix, heads: Pairs, number: int, rng: Any) -> Pairs:
    """Nodes ``[m, number]``, drawn uniformly among those that are not linked to ``heads [m]``.

    Raises:
        ValueError: a node is linked to nearly all others.
    """
    n = int(whole.shape[0])
    coo = whole.tocoo()
    taken = np.unique(np.concatenate([coo.row * np.int64(n) + coo.col, np.arange(n) * (n + 1)]))
    out = rng.integers(0, n, (len(heads), number))
    row = np.broadcast_to(heads[:, None], out.shape)
    for _ in range(TRIES):
        keys = row * np.int64(n) + out
        at = np.minimum(np.searchsorted(taken, keys), len(taken) - 1)
        bad = taken[at] == keys
        if not bad.any():
            return np.ascontiguousarray(out, dtype=np.int64)
        out[bad] = rng.integers(0, n, int(bad.sum()))
    for i, j in np.argwhere(bad):  # few are left: choose among what is free
        free = np.setdiff1d(np.arange(n), np.append(whole[row[i, j]].indices, row[i, j]))
        if not len(free):
            raise ValueError(f"node {int(row[i, j])} is linked to all others: no wrong links")
        out[i, j] = rng.choice(free)
    return np.ascontiguousarray(out, dtype=np.int64)


def _ends(value: object, what: str, n: int) -> Tensor:
    """Nodes ``[2, m]``, checked."""
    given = torch.as_tensor(value)
    if given.dim() != 2 or given.shape[0] != 2 or given.is_floating_point():
        raise ValueError(
            f"{what} must be node ids [2, links], got {given.dtype} of shape {list(given.shape)}"
        )
    given = given.long().cpu()
    if given.numel() and not 0 <= int(given.min()) <= int(given.max()) < n:
        bad = int(given.min()) if int(given.min()) < 0 else int(given.max())
        raise ValueError(f"{what} names node {bad}, but nodes are 0..{n - 1}")
    return given.contiguous()


def _labelled(data: Data, split: str, n: int) -> Links:
    """Links and wrong ones of a ``Data`` of ``RandomLinkSplit``."""
    given, label = _given(data)
    ends = _ends(given, f"{split}.edge_label_index", n)
    if label is None:
        raise ValueError(
            f"{split}.edge_label is missing: it tells links (1) from wrong links (0); "
            "RandomLinkSplit(add_negative_train_samples=False) keeps them in val and test"
        )
    if getattr(data, "x", None) is not None and len(data.x) != n:
        raise ValueError(f"{split} is of {len(data.x)} nodes, and train of {n}: give one graph's")
    label = torch.as_tensor(label).flatten()
    if label.is_floating_point() and bool(label.isnan().any()):
        raise ValueError(f"{split}.edge_label has NaN: 1 is a link, 0 a wrong link")
    if len(label) != ends.shape[1]:
        raise ValueError(f"{split}.edge_label has {len(label)} entries for {ends.shape[1]} links")
    right = label > 0
    loops = ends[0] == ends[1]
    if bool((right & loops).any()):
        raise ValueError(
            f"{split} has the loop {int(ends[0][right & loops][0])} - itself as a link: leave it "
            "out"
        )
    if len(label) and not bool(right.any()):
        raise ValueError(f"{split} has wrong links alone (edge_label is nowhere 1)")
    if bool(right.any()) and bool(right.all()):
        raise ValueError(
            f"{split} has no wrong links (edge_label is nowhere 0), among which links are ranked; "
            "RandomLinkSplit(neg_sampling_ratio=1.0) draws some"
        )
    keys = _keys(ends[:, right], n)
    _, once = np.unique(keys, return_index=True)  # edges both ways are one link
    return Links(ends[:, right][:, np.sort(once)], pairs=ends[:, ~right])


def _of_ogb(data: Data, split: Mapping[str, Mapping[str, Any]], name: str) -> LinkTask:
    """What ``get_edge_split()`` of an OGB data set says."""
    x = compact(features(getattr(data, "x", None), REAL))
    n = int(x.shape[0])

    def right(part: str) -> Tensor:
        if not isinstance(split, Mapping) or part not in split:
            raise ValueError(f"{name}: get_edge_split() has no {part!r}")
        of = split[part]
        if "edge" in of:
            return _ends(torch.as_tensor(of["edge"]).t(), f"{name}: {part} edge", n)
        if "source_node" not in of:
            raise ValueError(
                f"{name}: the split {part!r} has {', '.join(map(str, of))}; of links edge, or "
                "source_node and target_node are needed"
            )
        both = [torch.as_tensor(of[k]) for k in ("source_node", "target_node")]
        return _ends(torch.stack(both), f"{name}: {part} links", n)

    found = []
    for part in ("valid", "test"):
        ends, of = right(part), split[part]
        if "target_node_neg" in of:
            found.append(Links(ends, tails=_tails(of["target_node_neg"], ends, part, name, n)))
        elif "edge_neg" not in of:
            raise ValueError(
                f"{name}: the split {part!r} has no wrong links: edge_neg or target_node_neg"
            )
        else:
            wrong = torch.as_tensor(of["edge_neg"]).t()
            found.append(Links(ends, pairs=_ends(wrong, f"{name}: {part} edge_neg", n)))
    held, tested = found
    return _checked(x, symmetric(right("train").numpy(), n), held, tested, name)


def _tails(value: object, ends: Tensor, part: str, name: str, n: int) -> Tensor:
    """Wrong tails ``[m, K]``, checked."""
    tails = torch.as_tensor(value).long()
    m = int(ends.shape[1])
    if tails.dim() != 2 or tails.shape[0] != m or not tails.shape[1]:
        raise ValueError(
            f"{name}: {part} target_node_neg must be [{m}, wrong links], got {list(tails.shape)}"
        )
    _ends(tails.reshape(1, -1).expand(2, -1), f"{name}: {part} target_node_neg", n)
    return tails


def _checked(
    x: Tensor | sp.csr_matrix, adj: sp.csr_matrix, held: Links, tested: Links, name: str
) -> LinkTask:
    """The task, unless a link of one split is one of another, too."""
    n = int(adj.shape[0])
    seen = {"train": _keys(torch.from_numpy(links_of(adj)), n)}
    for split, part in (("val", held), ("test", tested)):
        keys = _keys(part.ends, n)
        for other, before in seen.items():
            shared = np.intersect1d(keys, before)
            if len(shared):
                u, v = divmod(int(shared[0]), n)
                raise ValueError(
                    f"{len(shared):,} links of {split} are links of {other}, too (first: {u} - "
                    f"{v}), which a model would only have to remember; take them out of {other}. "
                    "RandomLinkSplit needs is_undirected=True where edge_index has both directions,"
                    " and data.coalesce() before it where edge_index has an edge several times"
                )
        seen[split] = keys
    return LinkTask(x, adj, held, tested, name)


def symmetric(ends: Pairs, n: int) -> sp.csr_matrix:
    """``A [n, n]`` of ones for links ``[2, m]``, both ways, each once."""
    both = torch.from_numpy(np.concatenate([ends, ends[::-1]], 1))
    adj = csr_from_edges(both, None, n)
    adj.data[:] = 1
    return adj


def _keys(ends: Tensor, n: int) -> Pairs:
    """A number for each link ``[2, m]``, whatever its direction."""
    low, high = torch.minimum(*ends), torch.maximum(*ends)
    return (low * n + high).numpy()
