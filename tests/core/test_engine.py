"""The loop, its schedule, pools, callbacks and parallel runs."""

from __future__ import annotations

import json
import runpy
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from graphcondense.core import Batch, Callback, Fresh, Learner, Schedule, Synthetic, distill
from graphcondense.core.callbacks import JsonLog, Validate
from graphcondense.core.pools import initialise
from tests.ranks import torchrun


class Points(Synthetic):
    """A synthetic set of points ``x [n, 2]`` with classes 0 and 1."""

    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        self.other = nn.Parameter(torch.ones(3))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"x": [self.x], "other": [self.other]}

    def batch(self, c: int | None = None) -> Batch:
        return Batch((self.x,), torch.tensor([0, 1]))

    def export(self) -> Tensor:
        return self.x.detach().clone()


def to_origin(syn: Any, real: Any, learner: Learner, rng: Generator) -> Tensor:
    return syn.x.square().sum() + syn.other.square().sum()


def run(steps: int = 5, **kwargs: Any) -> Points:
    syn = Points()
    schedule = Schedule(steps, {"x": 0.1}, **kwargs.pop("schedule", {}))
    pool = Fresh(nn.Linear(2, 2), *kwargs.pop("loops", (1, 0)))
    distill(
        syn,
        kwargs.pop("objective", to_origin),
        pool,
        schedule,
        None,  # type: ignore[arg-type]
        rng=Generator().manual_seed(0),
        **kwargs,
    )
    return syn


def test_groups_without_a_rate_stay() -> None:
    syn = run()
    assert torch.equal(syn.other, torch.ones(3))
    assert not torch.equal(syn.x, Points().x)


def test_only_what_moves_needs_a_gradient() -> None:
    """A parameter at rest is a constant to the objective, and none after it."""
    needs: list[tuple[bool, bool]] = []

    def objective(syn: Any, real: Any, learner: Learner, rng: Generator) -> Tensor:
        needs.append((syn.x.requires_grad, syn.other.requires_grad))
        return to_origin(syn, real, learner, rng)

    syn = Points()
    schedule = Schedule(4, {"x": 0.1, "other": 0.1}, (("x", 2), ("other", 1)))
    real: Any = None
    distill(syn, objective, Fresh(nn.Linear(2, 2)), schedule, real, rng=Generator().manual_seed(0))
    assert needs == [(True, False), (True, False), (False, True), (True, False)]
    assert all(p.requires_grad for p in syn.parameters())


def test_a_loss_of_what_rests_moves_nothing() -> None:
    assert torch.equal(run(objective=lambda s, r, lo, g: s.other.sum()).x, Points().x)


def test_an_unknown_group_is_named() -> None:
    with pytest.raises(ValueError, match=r"\['adj'\]; the data has \['other', 'x'\]"):
        run(schedule={"cycle": (("adj", 1),)})


def test_a_loss_that_is_not_finite_stops() -> None:
    # A ValueError, too, so that whoever tries data and options has one error to catch.
    with pytest.raises(ValueError, match="loss is nan at step 1"):
        run(objective=lambda s, r, lo, g: s.x.sum() * float("nan"))


def test_decay_and_anneal() -> None:
    schedule = Schedule(10, {"x": 1.0}, decay={4: 0.5, 8: 0.1}, anneal=True)
    assert [schedule.factor(s) for s in (0, 4, 8)] == pytest.approx([1.0, 0.6 * 0.5, 0.2 * 0.05])


def test_fresh_matches_outer_times_and_trains_between() -> None:
    seen: list[Tensor] = []

    def objective(syn: Any, real: Any, learner: Learner, rng: Generator) -> Tensor:
        seen.append(learner.params["weight"].detach().clone())
        return to_origin(syn, real, learner, rng)

    run(6, objective=objective, loops=(3, 2))
    moved = [not torch.equal(a, b) for a, b in pairwise(seen)]
    assert moved == [True] * 5
    rng = Generator().manual_seed(0)
    first = initialise(nn.Linear(2, 2), rng)["weight"]
    second = initialise(nn.Linear(2, 2), rng)["weight"]
    assert torch.equal(seen[0], first)
    assert torch.equal(seen[3], second)


def test_inner_training_is_torch_adam_on_the_synthetic_set() -> None:
    """One network, three matches, two steps between: by hand with ``torch.optim``."""
    seen: list[Tensor] = []

    def objective(syn: Any, real: Any, learner: Learner, rng: Generator) -> Tensor:
        seen.append(learner.params["weight"].detach().clone())
        return 0 * to_origin(syn, real, learner, rng)

    run(3, objective=objective, loops=(3, 2))
    net = nn.Linear(2, 2)
    net.load_state_dict(initialise(net, Generator().manual_seed(0)))
    adam, points = torch.optim.Adam(net.parameters(), 0.01), Points()
    for match in range(3):
        torch.testing.assert_close(seen[match], net.weight.detach())
        for _ in range(2):
            adam.zero_grad()
            batch = points.batch()
            nn.functional.cross_entropy(net(*batch.inputs), batch.y).backward()
            adam.step()


def test_initialise_is_torchs_distribution() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(8, 8), nn.Linear(100, 50))
    drawn = initialise(net, Generator().manual_seed(0))
    assert drawn.keys() == dict(net.named_parameters()).keys()
    assert torch.equal(drawn["1.weight"], torch.ones(8))
    for name, fan_in in (("0.weight", 27), ("2.weight", 100)):
        bound = fan_in**-0.5
        assert float(drawn[name].abs().max()) <= bound
        assert float(drawn[name].std()) == pytest.approx(bound / 3**0.5, rel=0.15)


def test_validate_returns_to_the_best() -> None:
    best: list[Tensor] = []

    def score(x: Tensor) -> float:
        best.append(x)
        return -abs(float(x[0, 0]) - 0.7)

    watch = Validate(score, every=1)
    syn = run(9, callbacks=[watch])
    assert len(best) == 10  # the start, too
    assert torch.equal(syn.x.detach(), best[watch.best_step])
    assert 1 < watch.best_step < 9


def test_validate_returns_to_the_start_where_nothing_is_better() -> None:
    seen: list[Tensor] = []

    def score(x: Tensor) -> float:
        seen.append(x)
        return -float(len(seen))

    watch = Validate(score, every=2)
    syn = run(4, callbacks=[watch])
    assert watch.best_step == 0
    assert torch.equal(syn.x.detach(), seen[0])


def test_logs(tmp_path: Path) -> None:
    run(5, callbacks=[JsonLog(tmp_path / "log.jsonl", every=2)])
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 5]


TWO_RANKS = """
import os
import sys
import time
import torch
import graphcondense
from tests.cases import StopAfter, toy_graph

MODES = {
    "whole": {},
    "cut": {"checkpoint_seconds": 0.0, "callbacks": [StopAfter(4)]},
    "resume": {"resume": True},
}
folder, modes = sys.argv[1], sys.argv[2:]
rank = os.environ["RANK"]
for mode in modes:
    if mode == "cut" and rank == "0":  # late: rank 1 must not find the group of the run before
        time.sleep(1)
    out = {} if mode == "whole" else {"out": f"{folder}/cut"}
    small = graphcondense.condense(
        toy_graph(), "gcond", per_class=2, epochs=3, outer=2, inner=1, hidden_channels=8,
        structure_hidden=8, progress=False, device="cpu", **MODES[mode], **out,
    )
    torch.save({"x": small.x, "edges": small.edge_index}, f"{folder}/{mode}{rank}.pt")
"""


def results(folder: Path, mode: str) -> list[dict[str, Tensor]]:
    return [torch.load(folder / f"{mode}{rank}.pt", weights_only=True) for rank in (0, 1)]


def test_two_ranks_keep_one_synthetic_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learners differ between the ranks, so the result is neither rank's own, but it is one."""
    script = tmp_path / "alone.py"
    script.write_text(TWO_RANKS)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path), "whole"])
    runpy.run_path(str(script))
    alone = torch.load(tmp_path / "whole0.pt", weights_only=True)
    out = tmp_path / "out"
    (ended_well, _), (resumed_well, said) = torchrun(
        TWO_RANKS, out, [out, "whole", "cut"], [out, "resume"]
    )
    assert not ended_well
    first = tmp_path / "out-0"  # as the first run left it
    one, two = results(first, "whole")
    assert torch.equal(one["x"], two["x"])
    assert torch.equal(one["edges"], two["edges"])
    assert not torch.equal(alone["x"], one["x"])
    # One checkpoint has the learners of both ranks; each goes on with its own, in a new process.
    assert not (first / "cut0.pt").exists()
    assert [path.name for path in (first / "cut").glob("checkpoint*")] == ["checkpoint.pt"]
    saved = torch.load(first / "cut" / "checkpoint.pt", weights_only=True)
    assert len(saved["engine"]["others"]) == 1
    assert resumed_well, said
    for resumed in results(out, "resume"):
        assert torch.equal(resumed["x"], one["x"])


class Silent(Callback):
    """Does nothing, by every default hook."""


def test_default_hooks_do_nothing() -> None:
    assert torch.equal(run(3, callbacks=[Silent()]).x, run(3).x)
