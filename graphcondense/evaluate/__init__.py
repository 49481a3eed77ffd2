"""What a condensed set is worth: scores of other models trained on it, its cost, its uses.

>>> from graphcondense.evaluate import Evaluator, search_architectures
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# A function that is called like its module is imported at once, or the module would hide it.
from graphcondense.evaluate.continual import Continual, continual
from graphcondense.evaluate.cost import Ledger, plain_training_seconds
from graphcondense.evaluate.fit import (
    Evaluator,
    FitResult,
    Trained,
    Training,
    fit,
    fit_whole,
    score,
)
from graphcondense.evaluate.floors import equal_bytes_graphs, random_subgraph
from graphcondense.evaluate.graph_bench import random_graphs
from graphcondense.evaluate.graph_fit import GraphEvaluator, GraphTraining
from graphcondense.evaluate.image_fit import ImageEvaluator, ImageTraining
from graphcondense.evaluate.report import ALL, Report, Row, evaluate
from graphcondense.evaluate.result import Result
from graphcondense.evaluate.robustness import Robustness, robustness
from graphcondense.evaluate.serve import Serving, known_graph, serve

if TYPE_CHECKING:
    from graphcondense.evaluate.privacy import Privacy, membership_inference
    from graphcondense.evaluate.properties import Properties, compare_properties
    from graphcondense.evaluate.search import ArchitectureSearch, Space, search_architectures
    from graphcondense.evaluate.tuning import Ranges, TrainingSearch, search_training

__all__ = [
    "ALL",
    "ArchitectureSearch",
    "Continual",
    "Evaluator",
    "FitResult",
    "GraphEvaluator",
    "GraphTraining",
    "ImageEvaluator",
    "ImageTraining",
    "Ledger",
    "Privacy",
    "Properties",
    "Ranges",
    "Report",
    "Result",
    "Robustness",
    "Row",
    "Serving",
    "Space",
    "Trained",
    "Training",
    "TrainingSearch",
    "compare_properties",
    "continual",
    "equal_bytes_graphs",
    "evaluate",
    "fit",
    "fit_whole",
    "known_graph",
    "membership_inference",
    "plain_training_seconds",
    "random_graphs",
    "random_subgraph",
    "robustness",
    "score",
    "search_architectures",
    "search_training",
    "serve",
]

# The uses are imported when they are asked for: some bring in much.
_HOME = {
    "ArchitectureSearch": "search",
    "Privacy": "privacy",
    "Properties": "properties",
    "Ranges": "tuning",
    "Space": "search",
    "TrainingSearch": "tuning",
    "compare_properties": "properties",
    "membership_inference": "privacy",
    "search_architectures": "search",
    "search_training": "tuning",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
