"""One graph whose links are to be predicted."""

from __future__ import annotations

from graphcondense.data.kind import DataKind, register
from graphcondense.data.link_reading import as_links, is_links
from graphcondense.data.link_task import LinkTask
from graphcondense.data.links import KNOWN_LINKS, links_of_saved, load_links

LINK = register(
    DataKind(
        name="link",
        words="one graph whose links are to be predicted",
        forms="a split of links (graphcondense.data.split_links of a graph, or three PyG Data)",
        task=LinkTask,
        takes=is_links,
        check=as_links,
        load=load_links,
        options=frozenset({"seed", "normalize"}),
        place=5,
        table=KNOWN_LINKS,
        endings=(".pt",),
        of_saved=links_of_saved,
    )
)
