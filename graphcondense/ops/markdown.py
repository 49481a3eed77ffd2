"""Text of others in Markdown: names, notes and licences do not become markup of a page."""

from __future__ import annotations

import re


class Marked(str):
    """Markdown as it is meant, which is not escaped again."""

    __slots__ = ()


SPECIAL = re.compile(
    r"[\\`*|]"  # code, emphasis, cells
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis; within a word it is none
    r"|(?<=\])\("  # links and pictures
    r"|^(?:>|[#+-](?=\s))"  # what begins a block
)
"""What a backslash takes its meaning from."""

TAG = re.compile(r"<(?=[A-Za-z/!?])")
ENTITY = re.compile(r"&(?=#?\w+;)")
NUMBERED = re.compile(r"^(\d+)([.)])(?=\s)")


def escaped(text: object) -> Marked:
    """A text in one line that shows as it is, in a paragraph, a heading or a cell.

    >>> print(escaped("a|b  <script> [x](y) `c` *d* lr_x"))
    a\\|b &lt;script> [x]\\(y) \\`c\\` \\*d\\* lr_x
    >>> escaped(escaped("a|b"))
    'a\\\\|b'
    """
    if isinstance(text, Marked):
        return text
    line = " ".join(str(text).split())
    line = ENTITY.sub("&amp;", line)
    if line.count("~") > 1:  # struck out; not every reader knows a backslash before it
        line = line.replace("~", "&#126;")
    line = SPECIAL.sub(lambda found: "\\" + found[0], line)
    return Marked(NUMBERED.sub(r"\1\\\2", TAG.sub("&lt;", line)))


def code(text: object) -> Marked:
    """A text in one line as code, also in a cell.

    >>> print(code("lr_x"), code("a`b"), code("a|b"))
    `lr_x` `` a`b `` <code>a\\|b</code>
    """
    line = " ".join(str(text).split())
    if "|" in line or not line:  # a bar ends a cell within code, too
        return Marked(f"<code>{escaped(line)}</code>")
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence, room = "`" * (longest + 1), " " * bool(longest)
    return Marked(f"{fence}{room}{line}{room}{fence}")


def strong(text: object) -> Marked:
    """A text in bold."""
    return Marked(f"**{escaped(text)}**")
