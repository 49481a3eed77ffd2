"""What a condensed graph is used for: search, tuning, continual learning, privacy, serving.

Examples:
    >>> from graphcondense.uses import search_architectures
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphcondense.uses.advice import Advice, advise
    from graphcondense.uses.architectures import Space
    from graphcondense.uses.attached import known_graph
    from graphcondense.uses.backdoor import Backdoor, measure_backdoor
    from graphcondense.uses.continual import learn_continually
    from graphcondense.uses.continual_results import Continual
    from graphcondense.uses.privacy import Privacy, membership_inference
    from graphcondense.uses.properties import Properties, compare_properties
    from graphcondense.uses.robustness import Robustness, measure_robustness
    from graphcondense.uses.search import ArchitectureSearch, search_architectures
    from graphcondense.uses.serve import Serving, measure_serving
    from graphcondense.uses.tuning import Ranges, TrainingSearch, search_training

__all__ = [
    "Advice",
    "ArchitectureSearch",
    "Backdoor",
    "Continual",
    "Privacy",
    "Properties",
    "Ranges",
    "Robustness",
    "Serving",
    "Space",
    "TrainingSearch",
    "advise",
    "compare_properties",
    "known_graph",
    "learn_continually",
    "measure_backdoor",
    "measure_robustness",
    "measure_serving",
    "membership_inference",
    "search_architectures",
    "search_training",
]

# Imported when they are asked for: some bring in much.
_NAMES = {
    "advice": ("Advice", "advise"),
    "architectures": ("Space",),
    "attached": ("known_graph",),
    "backdoor": ("Backdoor", "measure_backdoor"),
    "continual": ("learn_continually",),
    "continual_results": ("Continual",),
    "privacy": ("Privacy", "membership_inference"),
    "properties": ("Properties", "compare_properties"),
    "robustness": ("Robustness", "measure_robustness"),
    "search": ("ArchitectureSearch", "search_architectures"),
    "serve": ("Serving", "measure_serving"),
    "tuning": ("Ranges", "TrainingSearch", "search_training"),
}


def __getattr__(name: str) -> object:
    for module, names in _NAMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
