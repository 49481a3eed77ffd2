"""Pages are made of escaped text, and leave no trace of their templates."""

from __future__ import annotations

import jinja2
import pytest
from markupsafe import Markup

from graphcondense.ops.html import templates


def made(text: str, **values: object) -> str:
    return templates.__wrapped__().from_string(text).render(**values)  # made anew


def test_text_of_others_is_escaped_and_markup_is_not() -> None:
    assert made("{{ a }} {{ b }}", a="<b>", b=Markup("<b>")) == "&lt;b&gt; <b>"


def test_lines_with_a_block_alone_are_not_in_the_page() -> None:
    assert made("<ul>\n  {% for x in xs %}\n  <li>{{ x }}\n  {% endfor %}\n</ul>", xs="ab") == (
        "<ul>\n  <li>a\n  <li>b\n</ul>"
    )


def test_a_name_that_a_template_does_not_get_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'missing' is undefined"):
        made("{{ missing }}")
