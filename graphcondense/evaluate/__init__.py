"""What a condensed set is worth: scores of other models trained on it, its cost.

The package is also what users call: ``graphcondense.evaluate(small, data)``.

>>> from graphcondense.evaluate import NodeEvaluator
"""

from __future__ import annotations

from graphcondense.evaluate.any_kind import evaluator_of, fit, fit_whole, score
from graphcondense.evaluate.call import evaluate
from graphcondense.evaluate.cost import plain_training_seconds
from graphcondense.evaluate.evaluator import Evaluator
from graphcondense.evaluate.fitted import FitResult
from graphcondense.evaluate.floors import equal_bytes_graphs, random_graphs, random_subgraph
from graphcondense.evaluate.graphs import GraphEvaluator, GraphTraining
from graphcondense.evaluate.hetero import HeteroEvaluator, HeteroTraining
from graphcondense.evaluate.images import ImageEvaluator, ImageTraining
from graphcondense.evaluate.ledger import Ledger
from graphcondense.evaluate.links import LinkEvaluator, LinkTraining
from graphcondense.evaluate.node_training import Training
from graphcondense.evaluate.nodes import ALL, NodeEvaluator, Trained
from graphcondense.evaluate.report import Report, Row
from graphcondense.evaluate.result import Result
from graphcondense.evaluate.rows import RowsEvaluator, RowsTraining
from graphcondense.ops.callable_module import make_callable

__all__ = [
    "ALL",
    "Evaluator",
    "FitResult",
    "GraphEvaluator",
    "GraphTraining",
    "HeteroEvaluator",
    "HeteroTraining",
    "ImageEvaluator",
    "ImageTraining",
    "Ledger",
    "LinkEvaluator",
    "LinkTraining",
    "NodeEvaluator",
    "Report",
    "Result",
    "Row",
    "RowsEvaluator",
    "RowsTraining",
    "Trained",
    "Training",
    "equal_bytes_graphs",
    "evaluate",
    "evaluator_of",
    "fit",
    "fit_whole",
    "plain_training_seconds",
    "random_graphs",
    "random_subgraph",
    "score",
]

make_callable(__name__, evaluate)
