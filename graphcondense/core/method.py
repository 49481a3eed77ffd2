"""What a method is, and the table of all methods."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, ClassVar

from torch import Generator, Tensor

from graphcondense.core.engine import Callback
from graphcondense.core.types import Source, Synthetic
from graphcondense.ops.budget import Budget

ENTRY_POINTS = "graphcondense.methods"
COSTS = {
    "selection": "real examples are picked, nothing is learnt",
    "closed form": "a few clusterings, eigenvectors or linear solves",
    "one loop": "one update of the synthetic set for each network, kernel or closed form",
    "two loops": "networks are trained between updates, or through them",
    "experts": "networks are trained on the real data first",
}
"""Classes of cost, cheapest first."""
LOOPLESS = ("selection", "closed form")
"""Costs of methods that never enter the engine's loop."""
_registry: dict[tuple[str, str], type[Method]] = {}


@dataclass(frozen=True, kw_only=True)
class Method(Budget):
    """One paper. Its fields are its hyper-parameters: the config, the command line and the docs.

    A concrete subclass is registered under its name and domain. Packages of others register theirs
    by an entry point of the group ``graphcondense.methods`` that names a module or class.

    Class attributes:
        name: how users call it.
        domain: ``"node"``, ``"graph"``, ``"image"`` or ``"rows"``.
        paper: citation.
        family: class in the survey's taxonomy.
        learns: what is learnt, in a few words.
        cost: what it costs, one of :data:`COSTS`.
        variants: further names, each with the field values it stands for.
    """

    name: ClassVar[str] = ""
    domain: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    family: ClassVar[str] = ""
    learns: ClassVar[str] = ""
    cost: ClassVar[str] = ""
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @property
    def iterates(self) -> bool:
        """Whether condensing runs the engine's loop, where sets are scored, saved and stopped."""
        return self.cost not in LOOPLESS

    @property
    def pair_bytes(self) -> int:
        """Bytes that a pair of condensed examples may take: the edges between them."""
        return 0

    def sizes(self, real: Source) -> Tensor:
        """Condensed examples of each class ``[C]``.

        Raises:
            ValueError: see :meth:`~graphcondense.ops.budget.Budget.allocate`.
        """
        return self.allocate(
            real.counts,
            real.num_examples,
            example_bytes=real.example_bytes,
            pair_bytes=self.pair_bytes,
        )

    def instead(self, missing: int, total: int) -> str:
        """Nodes of one graph can be labelled by label propagation, up to all that there are."""
        if self.domain != "node" or missing > total:
            return ""
        return f", or label {missing} more nodes of each class with pseudo_labels={missing}"

    def memory_bytes(self, real: Any) -> int:
        """Estimate, before any work, of the memory that condensing adds to the process.

        Six copies of the synthetic examples: the values, their gradient, two moments of Adam, the
        best so far and the export. A method that holds more says so.
        """
        return 6 * int(self.sizes(real).sum()) * int(real.example_bytes)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.name and "name" in vars(cls):
            key = (cls.name, cls.domain)
            if key in _registry and _registry[key].__qualname__ != cls.__qualname__:
                raise TypeError(f"two methods are called {cls.name!r} in domain {cls.domain!r}")
            _registry[key] = cls

    def condense(
        self,
        real: Any,
        *,
        rng: Generator,
        callbacks: Sequence[Callback] = (),
        resume: Mapping[str, Any] | None = None,
    ) -> Synthetic:
        """Learn a synthetic set from ``real``.

        Args:
            real: the real data, a :class:`~graphcondense.core.types.Source` of the method's
                domain; never changed, and without test labels.
            rng: all randomness.
            callbacks: see :mod:`graphcondense.core.callbacks`.
            resume: the engine's part of a checkpoint.
        """
        raise NotImplementedError


def all_methods() -> dict[tuple[str, str], type[Method]]:
    """Every registered method by ``(name, domain)``: this package's and installed plug-ins'."""
    package = importlib.import_module("graphcondense.methods")
    for module in pkgutil.iter_modules(package.__path__, "graphcondense.methods."):
        importlib.import_module(module.name)
    for point in entry_points(group=ENTRY_POINTS):
        point.load()
    return dict(sorted(_registry.items()))


def methods(domain: str | None = None) -> list[dict[str, str]]:
    """The table of methods: name, domain, family, what it learns, cost, variants and paper.

    Args:
        domain: only methods of this domain.

    >>> [m["name"] for m in methods("rows")]
    ['distill-cf', 'head', 'random', 'svp']
    """
    return [
        {
            "name": name,
            "domain": kind,
            "family": cls.family,
            "learns": cls.learns,
            "cost": cls.cost,
            "variants": ", ".join(cls.variants),
            "paper": cls.paper,
        }
        for (name, kind), cls in all_methods().items()
        if domain in (None, kind)
    ]


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """The table of :func:`methods` in Markdown, as README has it.

    >>> print(markdown(methods("rows")).splitlines()[0])
    | name | domain | family | learns | cost | paper |
    """
    lines = ["| name | domain | family | learns | cost | paper |", "|---|---|---|---|---|---|"]
    for row in rows:
        names = ", ".join(f"`{n}`" for n in (row["name"], *row["variants"].split(", ")) if n)
        cells = (
            names,
            *(row[k] for k in ("domain", "family", "learns", "cost")),
            row["paper"] or "-",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def find_method(name: str, domain: str | None = None) -> tuple[type[Method], dict[str, Any]]:
    """The class behind a name or variant, and the fields the variant sets.

    Args:
        name: such as ``"gcond"`` or ``"gcond-x"``; case does not matter.
        domain: picks among forms of one paper; needed only where there are several.

    Raises:
        ValueError: an unknown name, with the nearest known ones.

    >>> find_method("gcond-x", "node")[1]["structure"]
    'identity'
    """
    wanted, known = name.lower().replace("_", "-"), set[str]()
    for (own, kind), cls in all_methods().items():
        if domain not in (None, kind):
            continue
        spelled = {own: {}, **cls.variants}
        known |= set(spelled)
        if wanted in spelled:
            return cls, dict(spelled[wanted])
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.4) or sorted(known)
    kind_said = f" for {domain} data" if domain else ""
    raise ValueError(f"unknown method {name!r}{kind_said}; did you mean {', '.join(near)}?")


def hyperparameters(method: Method) -> dict[str, Any]:
    """All fields of a method as plain, JSON-able values; JSON has lists where Python has tuples."""
    values = dataclasses.asdict(method)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
