"""The bi-level core: synthetic data x objective x pool of learners x schedule, and one loop."""

from graphcondense.core.engine import Callback, State, distill
from graphcondense.core.method import Method, Parts
from graphcondense.core.pools import Fresh, inner_adam
from graphcondense.core.types import (
    Batch,
    Learner,
    Objective,
    Pool,
    Schedule,
    Source,
    Synthetic,
)

__all__ = [
    "Batch",
    "Callback",
    "Fresh",
    "Learner",
    "Method",
    "Objective",
    "Parts",
    "Pool",
    "Schedule",
    "Source",
    "State",
    "Synthetic",
    "distill",
    "inner_adam",
]
