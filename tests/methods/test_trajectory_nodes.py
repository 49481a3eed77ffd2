"""SFGC and GEOM: the shared cases, gradients through training, easy nodes first, all at once."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Generator, Tensor

import graphcondense
from graphcondense.core import expert_training
from graphcondense.core.expert_training import Training
from graphcondense.core.experts import Buffer, Experts
from graphcondense.core.pools import built, initialise
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Batch, Learner
from graphcondense.data.node_reading import as_task
from graphcondense.domains.curriculum import EasyFirst, by_ease, disagreement, guessed_classes
from graphcondense.domains.node_source import NodeSource
from graphcondense.domains.node_trajectories import Propagated, StudentNodes
from graphcondense.methods.geom import GEOM
from graphcondense.methods.sfgc import SFGC
from graphcondense.nn.constant import Constant
from graphcondense.nn.propagate import MODELS, Propagation
from graphcondense.objectives.trajectory import (
    ConstantMemoryMatching,
    KnowledgeMatching,
    TrajectoryMatching,
)
from tests.cases import NodeCase, toy_graph

TINY: dict[str, Any] = {
    "hidden_channels": 8,
    "num_experts": 2,
    "expert_epochs": 4,
    "expert_interval": 2,
    "max_start": 2,
    "student_steps": 3,
    "student_lr": 0.5,
    "steps": 6,
}


class TestSFGC(NodeCase):
    name = "sfgc"
    options = {**TINY, "validations": 2}


class TestGEOM(NodeCase):
    name = "geom"
    options = {**TINY, "validations": 2}

    def labels(self, small: Any) -> Tensor:
        y: Tensor = small.y.argmax(1)
        return y

    def check(self, small: Any) -> None:
        soft = small.y
        assert soft.dtype == torch.float32
        assert torch.allclose(soft.sum(1), torch.ones(len(soft)))
        assert small.condensed["nodes"] == len(small.x) == len(soft)
        assert bool(torch.isfinite(small.x).all())
        assert bool(small.train_mask.all())


def source(**changes: Any) -> NodeSource:
    return NodeSource(replace(as_task(toy_graph()), **changes), dtype=torch.float64)


def network(name: str, features: int = 12, layers: int = 2) -> Propagation:
    return built(MODELS[name], features, 5, 3, layers, hops=2).double()


def student(name: str = "gcn", soft: bool = True, seed: int = 0) -> tuple[WithScalars, Learner]:
    """A small set in float64, and a learner with a target."""
    rng, model = Generator().manual_seed(seed), network(name)
    params = {k: v.requires_grad_() for k, v in initialise(model, rng).items()}
    target = {
        k: v.detach() + 0.1 * torch.randn(v.shape, generator=rng, dtype=v.dtype)
        for k, v in params.items()
    }
    x = torch.randn(6, 12, generator=rng, dtype=torch.float64)
    y = torch.tensor([0, 0, 1, 1, 1, 2])
    labels = torch.randn(6, 3, generator=rng, dtype=torch.float64).softmax(1) if soft else None
    nodes = StudentNodes(x, y, 3, 1.5, labels)
    return WithScalars(nodes, {"lr": [0.3]}).double(), Learner(model, params, {}, target)


# --- gradients through a student's training --------------------------------------------------


@pytest.mark.parametrize("name", ["gcn", "sgc", "mlp", "appnp"])
@pytest.mark.parametrize("soft", [True, False])
def test_the_unrolled_gradient_is_that_of_finite_differences(name: str, soft: bool) -> None:
    syn, learner = student(name, soft)
    objective = TrajectoryMatching(steps=4, lr=0.3)

    def loss() -> Tensor:
        return objective(syn, source(), learner, Generator())

    params = [p for group in syn.groups().values() for p in group]
    rng = Generator().manual_seed(1)
    for param, slope in zip(params, torch.autograd.grad(loss(), params), strict=True):
        way = torch.randn(param.shape, generator=rng, dtype=param.dtype)
        values = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                param += step * way
            values.append(float(loss().detach()))
            with torch.no_grad():
                param -= step * way
        wanted = (values[0] - values[1]) / 2e-5
        assert float((slope * way).sum()) == pytest.approx(wanted, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("name", ["gcn", "sgc", "mlp"])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_student_in_its_span_is_the_plain_one(
    name: str, layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, model = Generator().manual_seed(0), network(name, layers=layers)
    params = {k: v.requires_grad_() for k, v in initialise(model, rng).items()}
    target = {k: v.detach() + 0.1 for k, v in params.items()}
    learner = Learner(model, params, {}, target)
    syn, _ = student()
    learnt, objective = list(syn.parameters()), TrajectoryMatching(steps=5, lr=0.3)
    found = []
    for spanned in (True, False):
        if not spanned:
            monkeypatch.setattr(TrajectoryMatching, "_spanned", lambda *_: False)
        loss = objective(syn, source(), learner, Generator())
        found.append((loss, torch.autograd.grad(loss, learnt)))
    (one, slopes), (two, others) = found
    assert torch.allclose(one, two, rtol=1e-12)
    for a, b in zip(slopes, others, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("soft", [True, False])
def test_constant_memory_is_the_naive_form_with_weights_held(soft: bool) -> None:
    """The same value; the gradient is that of the naive form with the weights of each step taken
    as constants inside its gradient."""
    syn, learner = student(soft=soft)
    params = list(syn.data.parameters())
    frugal = ConstantMemoryMatching(steps=4, lr=0.3)(syn, source(), learner, Generator())
    whole, rate = syn.batch(), float(syn.scalar("lr").detach())
    at, total = learner, {k: torch.zeros_like(v) for k, v in learner.params.items()}
    for _ in range(4):
        grads = at.grads(whole, create_graph=True)
        total = {k: v + grads[k] for k, v in total.items()}
        moved = {
            k: (v.detach() - rate * grads[k].detach()).requires_grad_()
            for k, v in at.params.items()
        }
        at = at._replace(params=moved)
    assert learner.target is not None
    start, target = learner.params, learner.target
    away = sum((start[k].detach() - rate * total[k] - target[k]).square().sum() for k in start)
    naive = away / sum((start[k].detach() - target[k]).square().sum() for k in start)
    exact = TrajectoryMatching(steps=4, lr=0.3)(syn, source(), learner, Generator())
    assert float(frugal.detach()) == pytest.approx(float(naive.detach()), rel=1e-12)
    assert float(frugal.detach()) == pytest.approx(float(exact.detach()), rel=1e-10)
    slopes = torch.autograd.grad(frugal, params)
    for slope, other in zip(slopes, torch.autograd.grad(naive, params), strict=True):
        assert torch.allclose(slope, other, rtol=1e-9, atol=1e-12)
        assert float(slope.abs().max()) > 0


def test_a_student_that_diverges_is_named() -> None:
    syn, learner = student()
    far = {k: v.detach() * 1e200 for k, v in learner.params.items()}
    away = learner._replace(params={k: v.requires_grad_() for k, v in far.items()})
    for objective in (TrajectoryMatching(steps=3), ConstantMemoryMatching(steps=3)):
        with pytest.raises(FloatingPointError, match="diverged within 3 steps at a step size of"):
            objective(syn, source(), away, Generator())


def test_knowledge_is_the_divergence_from_the_expert() -> None:
    syn, learner = student()

    def nothing(*_: Any) -> Tensor:
        return torch.zeros((), dtype=torch.float64)

    loss = KnowledgeMatching(nothing, 2.0)(syn, source(), learner, Generator())
    assert learner.target is not None
    batch = syn.batch()
    said = learner._replace(params=learner.target).logits(batch).softmax(1)
    wanted = sum(
        float(p * math.log(p / q))
        for row, labels in zip(said.tolist(), batch.y.tolist(), strict=True)
        for p, q in zip(row, labels, strict=True)
    )
    assert float(loss) == pytest.approx(2 * wanted / 6, rel=1e-9)
    hard, learner = student(soft=False)
    with pytest.raises(ValueError, match="soft labels; these are classes"):
        KnowledgeMatching(nothing, 1.0)(hard, source(), learner, Generator())


# --- easy nodes first ------------------------------------------------------------------------


def test_difficulty_by_hand() -> None:
    """A path 0 - 1 - 2 - 3 and a node alone; nodes 0, 1 and 3 and the lonely one are labelled."""
    links = sp.lil_matrix((5, 5))
    links[[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]] = 0.5
    links = links.tocsr()
    classes = np.array([0, 0, 1, 1, -1])
    found = disagreement(links, np.array([0, 1, 3, 4]), classes, 2)
    mixed = -(2 / 3) * math.log(2 / 3) - (1 / 3) * math.log(1 / 3)
    assert found == pytest.approx([0, mixed, 0, 0])


def test_guessed_classes_are_those_of_the_nearest_labels() -> None:
    links = sp.csr_matrix(([1.0] * 4, ([0, 1, 2, 3], [1, 0, 3, 2])), shape=(5, 5))
    operator = sp.csr_matrix((links + sp.eye(5)) / 2)
    found = guessed_classes(operator, np.array([0, 3]), np.array([1, 0]), 2)
    assert found.tolist() == [1, 1, 0, 0, -1]


def test_a_course_shows_the_easiest_of_each_class_first() -> None:
    y = torch.tensor([0, 0, 0, 1, 1, 1])
    order = by_ease(np.array([0.3, 0.1, 0.2, 0.9, 0.0, 0.5]), y)
    assert order.tolist() == [1, 4, 2, 5, 0, 3]
    course = EasyFirst(order, 1 / 3, "linear", 4)
    whole = Batch((torch.eye(6),), y)
    assert course(0, whole).rows is not None
    assert course(0, whole).y.tolist() == [0, 1]
    assert course(2, whole).y.tolist() == [0, 1, 0, 1]
    assert course(4, whole) is course(9, whole) is whole
    shares = {pace: EasyFirst(order, 0.25, pace, 4).share(2) for pace in ("root", "geometric")}  # type: ignore[arg-type]
    assert shares == pytest.approx({"root": math.sqrt(0.0625 + 0.9375 / 2), "geometric": 0.5})


def test_experts_follow_their_course() -> None:
    """One epoch of plain SGD on the easiest third, by hand."""
    real, model = source(), network("gcn")
    how = Training(experts=1, epochs=1, size=None, lr=0.1, interval=1)
    order = torch.arange(len(real.labels)).flip(0)
    course = EasyFirst(order, 1 / 3, "linear", 10)
    made = Buffer(model, how, {}, settle=model.shared, course=course).prepare(real)
    whole = real.batch()
    rows = order[: round(len(order) / 3)]
    params = {k: v.requires_grad_() for k, v in made.weights(0, 0).items()}
    grads = Learner(model, params).grads(Batch(whole.inputs, whole.y[rows], rows))
    for name, value in made.weights(0, 1).items():
        assert torch.allclose(value, params[name] - 0.1 * grads[name], atol=1e-12)


def test_the_window_of_starts_grows() -> None:
    how = Training(experts=1, epochs=9, size=None)
    buffer = Buffer(network("gcn"), how, {})
    pool = Experts(buffer, ahead=2, first=1, growth=10)
    assert [pool.latest(n) for n in (0, 1, 2, 5, 9, 10, 99)] == [1, 1, 2, 4, 6, 7, 7]
    assert Experts(buffer, ahead=2).latest(0) == 7
    with pytest.raises(ValueError, match="window of starts grows from epoch 8 to 7"):
        Experts(buffer, ahead=2, first=8)


# --- experts at once -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layers", "features"),
    [
        *[("gcn", 2, 12), ("gcn", 3, 12), ("gcn", 2, 60), ("sgc", 1, 200), ("sgc", 2, 200)],
        *[("mlp", 2, 12), ("appnp", 2, 12)],
    ],
)
@pytest.mark.parametrize(("few", "little"), [(0, 2**24), (2**30, 0), (2**30, 2**24)])
def test_experts_at_once_are_experts_one_by_one(
    name: str, layers: int, features: int, few: int, little: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where features come by the coordinates in their span or are sparse, by gradients by hand
    (of many weights, or of many examples) or as one model, and however many are trained."""
    monkeypatch.setattr(expert_training, "FEW", few)
    monkeypatch.setattr(expert_training, "LITTLE", little)
    taken: list[str] = []
    for way in ("_by_hand", "_stacked"):
        plain = getattr(expert_training.Trainer, way)
        monkeypatch.setattr(
            expert_training.Trainer,
            way,
            lambda *told, way=way, plain=plain: taken.append(way) or plain(*told),
        )
    data = toy_graph(d=features)
    if features == 60:
        data.x = (data.x * (data.x > 1)).to_sparse_csr()
    real = NodeSource(as_task(data), dtype=torch.float64)
    model = network(name, features, layers)
    seen = Propagated(real, 2) if name == "sgc" else real.looking(model.hops)
    how = Training(experts=3, epochs=3, size=None, lr=0.2, momentum=0.9, weight_decay=0.1)
    how = replace(how, interval=4)
    wanted = Buffer(model, how, {}).prepare(seen)
    for together in (1, 2, 3):
        made = Buffer(model, how, {}, settle=model.shared, together=together).prepare(seen)
        for expert in range(3):
            for stage in range(4):
                for key, value in made.weights(expert, stage).items():
                    other = wanted.weights(expert, stage)[key]
                    assert torch.allclose(value, other, rtol=1e-9, atol=1e-11), (together, key)
    known = min(few, little) == 0 and name in ("gcn", "sgc")
    assert set(taken) == {"_by_hand" if known else "_stacked"}
    shared = model.shared(seen.batch())
    assert (shared.span is not None) is (name == "sgc")
    assert isinstance(shared.batch.inputs[0], Constant) is (features == 60)


def test_training_tells_how_far_it_is() -> None:
    """After every epoch, and not at the end: of large graphs it takes minutes."""
    real, model, told = source(), network("gcn"), []
    buffer = Buffer(model, Training(experts=3, epochs=4, size=None), {}, settle=model.shared)
    buffer._trainer.together([0, 2], model.shared(real.batch()), real, told.append)
    assert told == [2, 2, 2, 2]


def test_a_broken_expert_is_made_anew_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, model = source(), network("gcn")
    how = Training(experts=4, epochs=2, size=None, lr=0.1)

    def made(**changes: Any) -> Buffer:
        return Buffer(model, how, {}, tmp_path, settle=model.shared, **changes).prepare(real)

    kept = made()
    before = [kept.weights(e, 2) for e in range(4)]
    path = kept.file(2)
    path.write_bytes(path.read_bytes()[:-9])
    times = [kept.file(e).stat().st_mtime_ns for e in range(4)]
    capsys.readouterr()
    again = made()
    said = capsys.readouterr().err
    assert "training 1 of 4 networks" in said
    assert "expert-0002.safetensors is not readable" in said
    changed = [kept.file(e).stat().st_mtime_ns != t for e, t in enumerate(times)]
    assert changed == [False, False, True, False]
    for e, weights in enumerate(before):
        for key, value in again.weights(e, 2).items():
            assert torch.allclose(value, weights[key], rtol=1e-9, atol=1e-12)
    assert again.seconds >= 0
    assert "4 networks" in again.told()


def test_half_of_the_bytes_keep_three_digits(tmp_path: Path) -> None:
    real = NodeSource(as_task(toy_graph()))
    model = network("gcn").float()
    how = Training(experts=2, epochs=3, size=None, lr=0.1)
    full = Buffer(model, how, {}, settle=model.shared).prepare(real)
    half = Buffer(model, how, {}, tmp_path, settle=model.shared, precision="bfloat16").prepare(real)
    assert half.disk_bytes * 2 == full.disk_bytes
    assert half.key != full.key
    size = half.file(0).stat().st_size
    assert half.disk_bytes // 2 <= size < half.disk_bytes // 2 + 1000
    for stage in range(4):
        first = full.weights(1, 0)
        for key, value in half.weights(1, stage).items():
            wanted = full.weights(1, stage)[key]
            moved = (wanted - first[key]).abs()
            assert bool(((value - wanted).abs() <= moved / 200 + 1e-7).all())
            assert stage or torch.equal(value, wanted)


def test_an_expert_that_diverges_is_named() -> None:
    real, model = source(), network("gcn")
    how = Training(experts=2, epochs=2, size=None, lr=1e200, interval=3)
    with pytest.raises(FloatingPointError, match=r"expert 0 diverged by step 3: lower .* 1e\+200"):
        Buffer(model, how, {}, settle=model.shared).prepare(real)


def test_what_cannot_be_trained_at_once_is_refused() -> None:
    model = network("gcn")
    with pytest.raises(ValueError, match="batches or views are trained one by one"):
        Buffer(model, Training(size=4), {}, settle=model.shared)
    course = EasyFirst(torch.arange(3), 0.5, "linear", 2)
    with pytest.raises(ValueError, match="give settle"):
        Buffer(model, Training(size=None), {}, course=course)


# --- options of the methods ------------------------------------------------------------------


def condense(name: str, **options: Any) -> Any:
    options = {"nodes": 9, "validations": 0, "progress": False, **TINY, **options}
    return graphcondense.condense(toy_graph(), name, **options)


def test_experts_are_shared_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = condense("sfgc")
    there = condense("sfgc", experts=str(tmp_path))
    assert here.condensed["hash"] == there.condensed["hash"]
    assert "2 networks" in there.condensed["remarks"]["experts"]
    capsys.readouterr()
    condense("sfgc", experts=str(tmp_path), seed=4, student_steps=2)
    condense("geom", experts=str(tmp_path), first_share=1.0, seed=4)
    assert "training" not in capsys.readouterr().err
    condense("geom", experts=str(tmp_path))
    assert "training 2 of 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        {"model": "sgc"},
        {"scaled": False},
        {"expert_dtype": "bfloat16"},
        {"expert_decay": 0.1},
        {"student_steps": 2},
        {"lr_lr": 0.0},
    ],
)
def test_other_options_of_sfgc(options: dict[str, Any]) -> None:
    assert condense("sfgc", **options).condensed["hash"] != condense("sfgc").condensed["hash"]


@pytest.mark.parametrize(
    "options",
    [
        {"first_share": 1.0},
        {"pace": "root"},
        {"course_share": 1.0},
        {"first_start": 0, "growth": 1.0, "steps": 20},
        {"lr_y": 0.0},
        {"own_share": 0.9},
        {"knowledge": 0.0},
        {"exact": False},
    ],
)
def test_other_options_of_geom(options: dict[str, Any]) -> None:
    plain = condense("geom", **({"steps": 20} if "steps" in options else {}))
    assert condense("geom", **options).condensed["hash"] != plain.condensed["hash"]


def test_a_graph_kernel_chooses() -> None:
    found = condense("sfgc", choose_by="ntk", validations=3)
    assert found.condensed["validation"]["predictor"] == "kernel ridge (graph NTK)"
    with pytest.raises(ValueError, match="kernel_ridge"):
        condense("sfgc", kernel_ridge=2.0)


def test_memory_of_a_student() -> None:
    real = source()
    few, many = (GEOM(nodes=9, student_steps=n).memory_bytes(real) for n in (5, 50))
    assert few < many
    held = (GEOM(nodes=9, exact=False, student_steps=n).memory_bytes(real) for n in (5, 50))
    assert len(set(held)) == 1
    assert SFGC(nodes=9).memory_bytes(real) > 0
