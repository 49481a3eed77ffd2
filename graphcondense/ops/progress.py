"""Progress bars: a widget in notebooks that can show one, else text, and no word about it."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # In a notebook without ipywidgets tqdm warns at import, and then shows text.
    warnings.simplefilter("ignore")
    from tqdm.auto import tqdm as tqdm
