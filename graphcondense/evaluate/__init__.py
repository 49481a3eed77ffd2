"""What a condensed set is worth: scores of other models trained on it, its cost.

>>> from graphcondense.evaluate import NodeEvaluator
"""

from __future__ import annotations

from graphcondense.evaluate.cost import Ledger, plain_training_seconds
from graphcondense.evaluate.floors import equal_bytes_graphs, random_subgraph
from graphcondense.evaluate.graph_bench import random_graphs
from graphcondense.evaluate.graphs import GraphEvaluator, GraphTraining
from graphcondense.evaluate.images import ImageEvaluator, ImageTraining
from graphcondense.evaluate.nodes import (
    FitResult,
    NodeEvaluator,
    Trained,
    Training,
    fit,
    fit_whole,
    score,
)
from graphcondense.evaluate.report import ALL, Report, Row, evaluate
from graphcondense.evaluate.result import Result

__all__ = [
    "ALL",
    "FitResult",
    "GraphEvaluator",
    "GraphTraining",
    "ImageEvaluator",
    "ImageTraining",
    "Ledger",
    "NodeEvaluator",
    "Report",
    "Result",
    "Row",
    "Trained",
    "Training",
    "equal_bytes_graphs",
    "evaluate",
    "fit",
    "fit_whole",
    "plain_training_seconds",
    "random_graphs",
    "random_subgraph",
    "score",
]
