"""Graphs with a split of their links by name: those of nodes, with ``-links`` behind the name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graphcondense.data.kind import find_named
from graphcondense.data.known import Named, root_of
from graphcondense.data.link_reading import as_links, split_links
from graphcondense.data.link_task import LinkTask
from graphcondense.data.nodes import KNOWN, load_nodes

ENDING = "-links"


def load_links(
    name: str | Path, root: str | Path | None = None, *, seed: int = 0, normalize: str = "auto"
) -> LinkTask:
    """Open a graph by name, such as ``"cora-links"``, and part its links by ``seed``; see
    :func:`graphcondense.data.link_reading.split_links` and :func:`graphcondense.data.load`."""
    known = find_named(name, "link", KNOWN_LINKS)
    data = load_nodes(known.name.removesuffix(ENDING), root_of(root), normalize=normalize)
    return split_links(data, seed=seed, name=known.name)


def links_of_saved(content: object, path: Path, **options: object) -> LinkTask:
    """The split that a file of ``torch.save`` held: a tuple of three ``Data``."""
    if options:
        told = ", ".join(f"{name}={value!r}" for name, value in options.items())
        raise ValueError(
            f"{path} holds links that are split, and features that are ready: leave {told} out"
        )
    try:
        return as_links(content, name=path.stem)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _of(known: Named) -> Named:
    """The same graph as a set of links."""
    return replace(
        known,
        name=known.name + ENDING,
        aliases=tuple(alias + ENDING for alias in known.aliases),
        classes=None,
        metric="mrr",
        splits=("seeded",),
    )


SINGLE = ("cora", "citeseer", "pubmed", "computers", "photo", "cs", "physics", "debian", "digits")
KNOWN_LINKS = tuple(_of(known) for known in KNOWN if known.name in SINGLE)
