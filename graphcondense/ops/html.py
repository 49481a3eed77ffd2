"""HTML from the templates of the package: every text is escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def templates() -> Environment:
    """The templates in ``report/templates``; a name that a template does not get is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("graphcondense", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, /, **values: object) -> Markup:
    """A template with its values filled in.

    Args:
        template: a file of ``report/templates``.
        **values: by the names that the template uses. Text is escaped unless it is ``Markup``.
    """
    return Markup(templates().get_template(template).render(**values))
