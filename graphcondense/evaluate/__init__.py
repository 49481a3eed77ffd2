"""What a condensed set is worth: accuracy of other models trained on it, and its cost."""

from graphcondense.evaluate.cost import Ledger, plain_training_seconds
from graphcondense.evaluate.fit import (
    Evaluator,
    FitResult,
    Training,
    fit,
    fit_whole,
    random_subgraph,
    score,
)
from graphcondense.evaluate.report import Report, Row, evaluate

__all__ = [
    "Evaluator",
    "FitResult",
    "Ledger",
    "Report",
    "Row",
    "Training",
    "evaluate",
    "fit",
    "fit_whole",
    "plain_training_seconds",
    "random_subgraph",
    "score",
]
