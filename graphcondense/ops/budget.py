"""How large a condensed set may be, and how many examples each class gets."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import Literal

import torch
from torch import Tensor

from graphcondense.ops.fields import Count, SomeShare, brief, check_fields

BUDGETS = ("nodes", "size", "ratio", "per_class", "bytes")
"""The ways of naming a budget, one of which is given."""


Rule = Literal["remainder", "floor", "equal", "root"]
"""How classes share a number of examples, see :class:`Budget`."""

GROUPS = {
    "classes": ("class", "classes"),
    "binary": ("group of labels", "groups of labels"),
    "regression": ("bin of the target", "bins of the target"),
    "soft": ("class", "classes"),
}
"""What examples are shared out over, one and several, by the kind of labels."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The size of a condensed set, named in exactly one way.

    Papers differ in what a *ratio* is a share of, and in how classes are rounded; here both are
    said aloud.

    Attributes:
        nodes: nodes in all; of other kinds of data the same as ``size``. Of a heterogeneous graph
            those of the target type, or numbers by type (``--nodes paper=600 author=200``).
        size: examples in all: nodes, graphs, images or users.
        ratio: share of the examples that ``of`` names.
        of: what ``ratio`` is a share of: the labelled training examples, or all.
        per_class: the same number of examples for every class.
        bytes: size in bytes of all tensors of the result, at most. An example counts as dense; real
            ones that are mostly zero may take far less.
        rule: how classes share. ``"remainder"`` (GCond): each class the floor of its share, at
            least one, the largest class takes what is left and passes on what it cannot hold.
            ``"floor"``: each class the floor of its share, at least one. ``"equal"``: the same for
            all, what is left one each to the largest classes. ``"root"``: in proportion to the
            square roots of their sizes, at least one and no more than a class has.
    """

    nodes: Count | None = None
    size: Count | None = None
    ratio: SomeShare | None = None
    of: Literal["labelled", "all"] = "labelled"
    per_class: Count | None = None
    bytes: Count | None = None
    rule: Rule = "remainder"

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def examples(self) -> int | None:
        """The number that is asked for, by either name; ``None`` where another budget is given."""
        return self.size if self.nodes is None else self.nodes

    def allocate(
        self,
        counts: Tensor,
        total: int,
        *,
        example_bytes: int = 0,
        pair_bytes: int = 0,
        edge_bytes: Callable[[int], int] | None = None,
        label_kind: str = "classes",
    ) -> Tensor:
        """Examples of each class ``[C]``, int64.

        Args:
            counts: training examples of each class ``[C]``.
            total: all examples, labelled or not.
            example_bytes: bytes one example takes.
            pair_bytes: bytes one unordered pair of examples may take (the two directions of an
                edge); 0 where there are no edges.
            edge_bytes: in its place, bytes that all edges of a set of so many examples may take;
                never less for more examples.
            label_kind: what labels are, by which errors call what stands for classes.

        Raises:
            ValueError: not exactly one budget, or one below one example a class or above the data.

        >>> Budget(nodes=7).allocate(torch.tensor([20, 20, 40]), 1000).tolist()
        [1, 1, 5]
        >>> Budget(nodes=8, rule="floor").allocate(torch.tensor([20, 20, 40]), 1000).tolist()
        [2, 2, 4]
        >>> Budget(ratio=0.1, of="all", rule="equal").allocate(torch.tensor([20, 40]), 100).tolist()
        [5, 5]
        >>> Budget(nodes=7, rule="root").allocate(torch.tensor([1, 4, 16]), 1000).tolist()
        [1, 2, 4]
        """
        named = {k: getattr(self, k) for k in BUDGETS}
        given = {k: v for k, v in named.items() if v is not None}
        if len(given) != 1:
            got = ", ".join(f"{k}={v}" for k, v in given.items()) or "none"
            raise ValueError(f"give exactly one of {'=, '.join(BUDGETS)}=; got {got}")
        classes, labelled = len(counts), int(counts.sum())
        one, several = GROUPS[label_kind]
        if self.per_class is not None:
            most = int(counts.max())  # a number of any size is no tensor
            wanted = torch.full((classes,), min(self.per_class, most + total + 1))
        else:

            def taken(n: int) -> int:
                """Bytes that ``n`` examples and their edges may take."""
                pairs = n * (n - 1) // 2 * pair_bytes if edge_bytes is None else edge_bytes(n)
                return n * example_bytes + pairs

            n = self._size(labelled, total, taken if example_bytes > 0 else None)
            takes = "" if self.bytes is None else f", which may take {taken(classes):,} bytes"
            what = ", ".join(f"{k}={v}" for k, v in given.items())
            if n < classes == 1:
                raise ValueError(
                    f"{what} gives {n} examples: the smallest budget is 1 example{takes}"
                )
            if n < classes:
                raise ValueError(
                    f"{what} gives {n} examples, below one for each of {classes} {several}: the "
                    f"smallest budget is {classes} examples{takes}"
                )
            if n > labelled:
                missing = self._missing(counts, n) if n <= total else total + 1
                there = f"{labelled} {'' if classes == 1 else 'labelled '}training examples"
                raise ValueError(
                    f"{what} gives {brief(n)} examples, above the {there}; lower the "
                    f"budget{self.instead(missing, total)}"
                )
            wanted = self._share(counts, n)
        short = (wanted > counts).nonzero().flatten()
        if len(short) and classes == 1:  # users, who have no classes, or targets to regress on
            raise ValueError(
                f"all examples are one group, so per_class={brief(self.per_class)} counts all of "
                f"them, and there are {int(counts[0])} to train on; lower the budget"
            )
        if len(short):
            c, wants = int(short[0]), int((wanted - counts).max())
            each = int(wanted[c]) if self.per_class is None else self.per_class
            rule = "" if self.per_class is not None else " or choose another rule"
            raise ValueError(
                f"{one} {c} would get {brief(each)} examples but has only {int(counts[c])} "
                f"training examples; lower the budget{rule}{self.instead(wants, total)}"
            )
        return wanted

    def instead(self, missing: int, total: int) -> str:
        """What else, besides a lower budget, helps where each class lacks ``missing`` labels and
        there are ``total`` examples."""
        return ""

    def _missing(self, counts: Tensor, n: int) -> int:
        """How many more of every class make room for ``n`` examples."""
        more = -(-(n - int(counts.sum())) // len(counts))
        if self.rule == "equal":
            more = max(more, int((self._share(counts, n) - counts).max()))
        return more

    def _size(self, labelled: int, total: int, taken: Callable[[int], int] | None = None) -> int:
        """Examples in all; of ``bytes`` as many as ``taken`` says take no more."""
        if self.examples is not None:
            return self.examples
        if self.ratio is not None:
            return int(self.ratio * (labelled if self.of == "labelled" else total) + 1e-9)
        assert self.bytes is not None
        if taken is None:
            raise ValueError("bytes= needs real data that know the size of an example")
        return bisect_right(range(1, min(labelled, total) + 1), self.bytes, key=taken)

    def _share(self, counts: Tensor, n: int) -> Tensor:
        classes = len(counts)
        ascending = torch.argsort(counts, stable=True)
        if self.rule == "equal":
            wanted = torch.full((classes,), n // classes)
            wanted[ascending.flip(0)[: n % classes]] += 1
            return wanted
        if self.rule == "root":
            return by_roots(counts, n)
        wanted = (counts.double() * n / counts.sum() + 1e-9).floor().long().clamp_min(1)
        if self.rule == "remainder":
            for c in ascending.flip(0).tolist():  # a class that is full passes the rest on
                wanted[c] += min(max(n - int(wanted.sum()), 0), int(counts[c] - wanted[c]))
        # Where many classes are so small that "at least one" overdraws, the largest give back.
        while int(wanted.sum()) > n:
            wanted[wanted.argmax()] -= 1
        return wanted


def by_roots(counts: Tensor, n: int) -> Tensor:
    """``n`` examples over classes of ``counts [C]``, in proportion to the square roots of counts
    (the power allocation of survey sampling): at least one of each that has any, none above its
    count.

    One after another goes to the class that has fewest for its root, by Webster's divisors. So no
    class has fewer of a larger ``n``.

    >>> [by_roots(torch.tensor([100, 400, 900]), n).tolist() for n in (3, 6, 12)]
    [[1, 1, 1], [1, 2, 3], [2, 4, 6]]
    """
    room, roots = counts.tolist(), counts.double().sqrt().tolist()
    share = [min(most, 1) for most in room]
    waiting = [(3 / roots[c], c) for c, most in enumerate(room) if most > 1]
    heapify(waiting)
    for _ in range(n - sum(share)):
        c = waiting[0][1]
        share[c] += 1
        if share[c] < room[c]:
            heapreplace(waiting, ((2 * share[c] + 1) / roots[c], c))
        else:
            heappop(waiting)
    return torch.tensor(share)
