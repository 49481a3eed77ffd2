"""Markup that cannot be broken by what it holds: every text is escaped."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

VOID = frozenset({"img", "input", "br", "meta"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """An element. Children are escaped unless they are :class:`Markup`; ``None`` is left out.

    Attributes are spelled with ``_`` for ``-``, ``cls`` is ``class``; ``False`` and ``None`` leave
    one out, ``True`` writes its name alone.

    >>> tag("b", "a < b", tag("i", "c"), cls="x", data_of='"', hidden=False)
    '<b class="x" data-of="&quot;">a &lt; b<i>c</i></b>'
    """
    spelled = "".join(
        f" {_name(key)}" if value is True else f' {_name(key)}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in VOID:
        return Markup(f"<{name}{spelled}>")
    return Markup(f"<{name}{spelled}>{join(children)}</{name}>")


def join(children: Iterable[str | None]) -> Markup:
    """Markup side by side; plain text is escaped.

    >>> join(["<", Markup("<br>"), None])
    '&lt;<br>'
    """
    return Markup(
        "".join(
            child if isinstance(child, Markup) else html.escape(child)
            for child in children
            if child is not None
        )
    )


def script_json(value: Any) -> Markup:
    r"""JSON for a ``<script>`` element: no text in it can end the element or start a comment.

    >>> script_json({"a": "</script>"})
    '{"a":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return Markup(text)


def _name(key: str) -> str:
    return "class" if key == "cls" else key.replace("_", "-")
