"""Options that are on or off."""

from __future__ import annotations

import numpy as np


def check_switches(where: str, **switches: object) -> None:
    """Raise a ValueError unless each is true or false, as 1 and 0 are: the text ``"no"`` would be
    true.

    >>> check_switches("push", overwrite=1, compact=np.False_)
    >>> check_switches("push", overwrite="no")
    Traceback (most recent call last):
    ValueError: push: overwrite='no' must be True or False
    """
    for name, value in switches.items():
        if not (isinstance(value, int | np.bool_) and value in (0, 1)):
            raise ValueError(f"{where}: {name}={value!r:.60} must be True or False")
