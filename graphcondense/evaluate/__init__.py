"""What a condensed set is worth: scores of other models trained on it, its cost.

>>> from graphcondense.evaluate import Evaluator
"""

from __future__ import annotations

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

__all__ = [
    "ALL",
    "Evaluator",
    "FitResult",
    "GraphEvaluator",
    "GraphTraining",
    "ImageEvaluator",
    "ImageTraining",
    "Ledger",
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
