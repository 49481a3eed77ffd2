"""What ``condense`` shows: its keywords, and what comes out by what goes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, ParamSpec, Protocol, TypeAlias, cast, overload

from graphcondense.core.engine import Callback
from graphcondense.core.method import Method
from graphcondense.core.panel import By
from graphcondense.kinds import Setting
from graphcondense.ops.keywords import shows
from graphcondense.ops.types import JsonValue

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import Data

    from graphcondense.data.graph_task import GraphTask
    from graphcondense.data.hetero_task import HeteroTask
    from graphcondense.data.images import ImageTask
    from graphcondense.data.interactions import InteractionTask
    from graphcondense.data.task import NodeTask
    from graphcondense.ops.types import Floats, Floats32, Ints
    from graphcondense.saved.condensed_graph import CondensedGraph, CondensedImages
    from graphcondense.saved.condensed_graphs import CondensedGraphs
    from graphcondense.saved.condensed_hetero import CondensedHetero
    from graphcondense.saved.condensed_rows import CondensedInteractions
    from graphcondense.saved.forms import Small


def keywords(
    method: str | Method | None = None,
    *,
    nodes: int | Mapping[str, int] | None = None,
    size: int | None = None,
    ratio: float | None = None,
    of: Literal["labelled", "all"] = "labelled",
    per_class: int | None = None,
    bytes: int | None = None,
    rule: Literal["remainder", "floor", "equal"] = "remainder",
    seed: int = 0,
    setting: Setting = "transductive",
    pseudo_labels: int | None = None,
    memory: int | str | None = None,
    device: str | None = None,
    validations: int = 5,
    validators: str | Sequence[str] | None = None,
    validate_by: By = "mean",
    validation_nodes: int | None = None,
    candidates: int | None = None,
    budget_seconds: float | None = None,
    cache: str | Path | None = None,
    patience: int | None = None,
    seconds: float | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    resume_anyway: bool = False,
    deterministic: bool = False,
    checkpoint_seconds: float = 20.0,
    progress: bool = True,
    tensorboard: bool = False,
    learners: int | None = None,
    sizes: None = None,
    epsilon: float | None = None,
    delta: float = 1e-5,
    preset: str | None = "auto",
    callbacks: Sequence[Callback] = (),
    origin: Mapping[str, JsonValue] | None = None,
    **fields: object,
) -> None:
    """What :func:`condense` takes after the data: fields of Budget, of Run and of the method."""


# With sizes another form comes out, which Condenser says apart.
keywords.__annotations__["sizes"] = "Sequence[int] | None"
P = ParamSpec("P")
Images: TypeAlias = "ImageTask | tuple[Tensor | Floats | Floats32, Tensor | Ints]"


class Condenser(Protocol[P]):
    """What comes out follows from what goes in.

    A PyG data set may be one graph or many, and users by items have many types: they give
    ``Small``. With ``sizes=``, of one graph, it is a dict from each size to a condensed one.
    """

    @overload
    def __call__(self, data: Images, *args: P.args, **kwargs: P.kwargs) -> CondensedImages: ...
    @overload
    def __call__(
        self, data: GraphTask | list[Data], *args: P.args, **kwargs: P.kwargs
    ) -> CondensedGraphs: ...
    @overload
    def __call__(
        self, data: InteractionTask, *args: P.args, **kwargs: P.kwargs
    ) -> CondensedInteractions: ...
    @overload
    def __call__(self, data: HeteroTask, *args: P.args, **kwargs: P.kwargs) -> CondensedHetero: ...
    @overload
    def __call__(
        self, data: NodeTask | Data, *args: P.args, **kwargs: P.kwargs
    ) -> CondensedGraph: ...
    @overload
    def __call__(self, data: object, *args: P.args, **kwargs: P.kwargs) -> Small: ...
    @overload
    def __call__(
        self,
        data: NodeTask | Data,
        method: str | Method | None = None,
        *,
        sizes: Sequence[int],
        **options: object,
    ) -> dict[int, CondensedGraph]: ...


def typed(shown: Callable[P, None]) -> Callable[[Callable[..., object]], Condenser[P]]:
    """Give a function the keywords of another and the return types of :class:`Condenser`."""

    def wrap(function: Callable[..., object]) -> Condenser[P]:
        return cast(Condenser[P], shows(shown)(function))

    return wrap
