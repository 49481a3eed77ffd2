"""What a condensed set is worth: accuracy of other models trained on it, and its cost."""

from graphcondense.evaluate.cost import Ledger, plain_training_seconds
from graphcondense.evaluate.fit import (
    Evaluator,
    FitResult,
    Training,
    fit,
    fit_whole,
    score,
)
from graphcondense.evaluate.floors import equal_bytes_graphs, random_subgraph
from graphcondense.evaluate.report import Report, Row, evaluate

__all__ = [
    "Evaluator",
    "FitResult",
    "Ledger",
    "Report",
    "Row",
    "Training",
    "equal_bytes_graphs",
    "evaluate",
    "fit",
    "fit_whole",
    "plain_training_seconds",
    "random_subgraph",
    "score",
]
