"""How condensed sets are shown: the picture of each kind, and the page that notebooks display."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graphcondense import pictures
from graphcondense.ops.figures import FAINT, address_of, new_figure, saved
from graphcondense.ops.html import render
from graphcondense.saved.condensed_graph import CondensedGraph, CondensedImages
from graphcondense.saved.condensed_graphs import CondensedGraphs
from graphcondense.saved.condensed_hetero import CondensedHetero
from graphcondense.saved.condensed_rows import CondensedInteractions
from graphcondense.saved.shown import Shown, summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USERS, ITEMS = 60, 240  # of a picture; more are too small to see


@singledispatch
def draw(small: Shown, path: str | Path | None = None) -> Figure:
    """The picture of a condensed set, written to ``path`` too if given."""
    raise TypeError(f"a {type(small).__name__} is no condensed set that can be drawn")


@draw.register(CondensedGraph)
def _graph(small: CondensedGraph, path: str | Path | None = None) -> Figure:
    return pictures.draw_graph(small, path)


@draw.register(CondensedHetero)
def _hetero(small: CondensedHetero, path: str | Path | None = None) -> Figure:
    """The nodes of the target type, and all relations between them."""
    return pictures.draw_graph(small.inner, path)


@draw.register(CondensedImages)
def _images(small: CondensedImages, path: str | Path | None = None) -> Figure:
    return pictures.draw_images(small.x, small.y, path)


@draw.register(CondensedGraphs)
def _graphs(small: CondensedGraphs, path: str | Path | None = None) -> Figure:
    return pictures.draw_graphs(small, path)


@draw.register(CondensedInteractions)
def _users(small: CondensedInteractions, path: str | Path | None = None) -> Figure:
    """Users as rows and items as columns, the most popular first; the darker the more weight."""
    order = np.argsort(-np.asarray(small.csr.sum(0)).ravel(), kind="stable")[:ITEMS]
    block = small.csr[:USERS][:, order].toarray()
    figure = new_figure(6.4, 0.8 + min(5.0, max(1.2, 6 * block.shape[0] / block.shape[1])))
    axes = figure.subplots()
    axes.imshow(block, cmap="Blues", aspect="auto", interpolation="nearest")
    axes.set(xlabel="item, by popularity", ylabel="user", xticks=[], yticks=[])
    left = [
        f"{shown} of {total:,} {what}"
        for shown, total, what in (
            (block.shape[0], small.num_users, "users"),
            (block.shape[1], small.num_items, "items"),
        )
        if shown < total
    ]
    axes.set_title(", ".join(left), loc="right", fontsize=8, color=FAINT)
    return saved(figure, path)


def page(small: Shown) -> str:
    """A self-contained piece of HTML: the picture and a short table of the record."""
    return render(
        "notebook.html",
        line=repr(small),
        picture=address_of(draw(small)),
        rows=summary(small),
    )
