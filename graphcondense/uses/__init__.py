"""What a condensed graph is used for: search, tuning, continual learning, privacy, serving.

>>> from graphcondense.uses import search_architectures
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphcondense.uses.continual import Continual, learn_continually
    from graphcondense.uses.privacy import Privacy, membership_inference
    from graphcondense.uses.properties import Properties, compare_properties
    from graphcondense.uses.robustness import Robustness, measure_robustness
    from graphcondense.uses.search import ArchitectureSearch, Space, search_architectures
    from graphcondense.uses.serve import Serving, known_graph, measure_serving
    from graphcondense.uses.tuning import Ranges, TrainingSearch, search_training

__all__ = [
    "ArchitectureSearch",
    "Continual",
    "Privacy",
    "Properties",
    "Ranges",
    "Robustness",
    "Serving",
    "Space",
    "TrainingSearch",
    "compare_properties",
    "known_graph",
    "learn_continually",
    "measure_robustness",
    "measure_serving",
    "membership_inference",
    "search_architectures",
    "search_training",
]

# Imported when they are asked for: some bring in much.
_HOME = {
    "ArchitectureSearch": "search",
    "Continual": "continual",
    "Privacy": "privacy",
    "Properties": "properties",
    "Ranges": "tuning",
    "Robustness": "robustness",
    "Serving": "serve",
    "Space": "search",
    "TrainingSearch": "tuning",
    "compare_properties": "properties",
    "known_graph": "serve",
    "learn_continually": "continual",
    "measure_robustness": "robustness",
    "measure_serving": "serve",
    "membership_inference": "privacy",
    "search_architectures": "search",
    "search_training": "tuning",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
