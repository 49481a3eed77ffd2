"""A check of numbers that several dataclasses make."""

from __future__ import annotations


def at_least(least: int, instance: object, *names: str, of: str = "") -> None:
    """Refuse fields below ``least``; one that is ``None`` is left open.

    Raises:
        ValueError: names the field, whose it is (``of``), and its value.
    """
    for name in names:
        value = getattr(instance, name)
        if value is not None and value < least:
            raise ValueError(f"{name}{of} must be at least {least}, got {value}")
