"""Pictures of a run: its curve, condensed graphs, distilled images, the popularity of items.

Every function returns matplotlib's figure, which notebooks show, and writes it into the file
``path`` where one is given, in any format that matplotlib knows.
"""

from __future__ import annotations

from graphcondense.pictures.curves import draw_curve, draw_items, draw_ranking
from graphcondense.pictures.graph import draw_graph, draw_pixels
from graphcondense.pictures.graphs import draw_graphs
from graphcondense.pictures.images import draw_images

__all__ = [
    "draw_curve",
    "draw_graph",
    "draw_graphs",
    "draw_images",
    "draw_items",
    "draw_pixels",
    "draw_ranking",
]
