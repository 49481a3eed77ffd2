"""The evaluator of images: protocol, honesty, inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad
from torch.nn import functional as F
from torch_geometric.data import Data

from graphcondense.core.pools import built, initialise
from graphcondense.data.images import ImageTask, as_images
from graphcondense.evaluate.image_predictors import PREDICTORS, ImagePredictor, fit_ridge
from graphcondense.evaluate.image_reading import read_images
from graphcondense.evaluate.images import ImageEvaluator
from graphcondense.kernels.ntk import fully_connected
from graphcondense.kernels.random_features import RandomConvNets
from graphcondense.nn.images import ConvNet, usual_depth
from tests.cases import toy_images

FAST: dict[str, Any] = {
    "epochs": 30,
    "whole_steps": 20,
    "hidden": 8,
    "depth": 1,
    "lr": 0.05,
    "val_every": 10,
}


@pytest.fixture(scope="module")
def task() -> ImageTask:
    return as_images(toy_images(), toy_images(seed=1, n=60), name="toy")


def few(task: ImageTask, per_class: int = 2) -> tuple[Tensor, Tensor]:
    own = task.train
    rows = torch.cat([own[task.labels[own] == c][:per_class] for c in range(task.num_classes)])
    return task.images[rows], task.labels[rows]


def test_it_learns_and_is_the_same_every_time(task: ImageTask) -> None:
    evaluator = ImageEvaluator(task, **FAST)
    state = torch.get_rng_state()
    first, again = (evaluator.fit("convnet", few(task), seeds=2) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.test_last, again.test_last)
    assert float(first.test_last.mean()) > 0.9
    assert first.model == "ConvNet"
    # A seed's result does not depend on the others.
    assert torch.equal(
        evaluator.fit("convnet", few(task), seeds=[1]).test_last, first.test_last[1:]
    )


def test_training_is_sgd_by_hand(task: ImageTask) -> None:
    """Three steps of momentum SGD with weight decay, the last two at a tenth of the rate."""
    held = read_images(few(task), task)
    evaluator = ImageEvaluator(task, **{**FAST, "epochs": 3, "val_every": 3})
    (trained,) = evaluator.train(ConvNet, few(task), seeds=1).networks
    model = built(ConvNet, task.shape, 3, 8, 1)
    weights = initialise(model, torch.Generator().manual_seed(0))
    speed = {k: torch.zeros_like(v) for k, v in weights.items()}
    slope = grad(lambda w: F.cross_entropy(functional_call(model, w, (held.x,)), held.y))
    for lr in (0.05, 0.005, 0.005):
        for name, g in slope(weights).items():
            speed[name] = 0.9 * speed[name] + g + 5e-4 * weights[name]
            weights[name] = weights[name] - lr * speed[name]
    for name, value in trained.last.items():
        assert torch.allclose(value, weights[name], atol=1e-6)


def test_test_labels_change_the_test_score_alone(task: ImageTask) -> None:
    labels = task.labels.clone()
    labels[task.test] = labels[task.test].roll(1)
    results = [
        ImageEvaluator(t, **FAST).fit("mlp", few(task), seeds=2)
        for t in (task, replace(task, labels=labels))
    ]
    for name in ("val_selected", "val_last", "epoch_selected"):
        assert torch.equal(*(getattr(result, name) for result in results))
    assert not torch.equal(*(result.test_last for result in results))


def test_score_reads_no_test_image(task: ImageTask) -> None:
    blind = replace(task, test=torch.empty(0, dtype=torch.long))
    evaluator = ImageEvaluator(blind, **FAST)
    assert evaluator.score(few(task)) == ImageEvaluator(task, **FAST).score(few(task))
    with pytest.raises(ValueError, match="no test images"):
        evaluator.fit("mlp", few(task))


def test_score_is_the_last_validation_accuracy_of_fit(task: ImageTask) -> None:
    evaluator = ImageEvaluator(task, **FAST)
    fitted = evaluator.fit("convnet", few(task), seeds=3)
    assert evaluator.score(few(task)) == pytest.approx(float(fitted.val_last.mean()))


def test_one_hot_soft_labels_are_classes(task: ImageTask) -> None:
    x, y = few(task)
    evaluator = ImageEvaluator(task, **FAST)
    hard, soft = (evaluator.fit("mlp", (x, own)) for own in (y, F.one_hot(y, 3).float()))
    assert torch.allclose(hard.test_last, soft.test_last)
    assert soft.chosen == ""


def test_targets_that_are_no_distributions_take_the_squared_error(task: ImageTask) -> None:
    x, y = few(task)
    result = ImageEvaluator(task, **FAST).fit("convnet", (x, F.one_hot(y, 3) - 1 / 3), seeds=1)
    assert result.chosen == "squared error"
    assert float(result.test_last) > 0.5


def test_whole_data_are_trained_on_in_batches(task: ImageTask) -> None:
    evaluator = ImageEvaluator(task, **{**FAST, "batch_size": 32})
    result = evaluator.fit_whole("convnet", seeds=1)
    assert float(result.test_last) > 0.8
    assert 1 <= int(result.epoch_selected) <= 20


def test_images_go_through_the_preprocessing_of_their_record(task: ImageTask) -> None:
    whitened = task.with_preprocess("zca")
    x, y = few(task)
    state = {f"preprocess_{k}": v for k, v in whitened.preprocess.state().items()}
    small = Data(x=x, edge_index=torch.empty(2, 0, dtype=torch.long), y=y, **state)
    small.condensed = {"preprocess": whitened.preprocess.summary()}
    assert torch.equal(read_images(small, task).x, whitened.preprocess.apply(x))
    assert torch.equal(read_images((x, y), task).x, task.preprocess.apply(x))
    result = [
        ImageEvaluator(t, **FAST).fit("mlp", s, seeds=1).test_last
        for t, s in ((task, small), (whitened, (x, y)))
    ]
    assert torch.equal(*result)


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_norms_and_augmentation_are_options(task: ImageTask, norm: Any) -> None:
    evaluator = ImageEvaluator(task, **FAST, norm=norm, augment="crop_cutout")
    assert evaluator.fit("convnet", few(task), seeds=1).test_last.shape == (1,)
    settings = evaluator.training.of(ConvNet, task.shape, 3)
    assert (settings["norm"], settings["depth"], settings["hidden"]) == (norm, 1, 8)


def test_memory_grows_with_the_net(task: ImageTask) -> None:
    small, wide = (
        ImageEvaluator(task, **{**FAST, "hidden": h}).memory_bytes("convnet", few(task))
        for h in (8, 64)
    )
    assert 4 * small < wide < 2**28


ZEROS = torch.zeros(3, 1, 8, 8)
BAD: list[tuple[Any, str]] = [
    ((torch.zeros(0, 1, 8, 8), torch.zeros(0).long()), "has no images"),
    ((torch.zeros(3, 1, 9, 8), torch.zeros(3).long()), r"has images \[1, 9, 8\], toy has"),
    ((ZEROS / 0, torch.zeros(3).long()), "NaN or infinite"),
    ((ZEROS, torch.zeros(2).long()), "3 images but 2 labels"),
    ((ZEROS, torch.tensor([0, 1, 3])), r"an image of class 3.*0\.\.2"),
    ((ZEROS, torch.tensor([0, -1, 1])), "an image without a label"),
    ((ZEROS, torch.zeros(3)), r"classes \[n\] or soft labels"),
    (
        (ZEROS, torch.tensor([[0.0, 1, 0], [0, torch.inf, 0], [1, 0, 0]])),
        r"the small set has the soft label \(0, inf, 0\) in row 1",
    ),
    ((ZEROS, torch.zeros(3, 4)), "soft labels over 4 classes, toy has 3"),
    ("digits", "a pair of tensors.*got str"),
]


@pytest.mark.parametrize(("small", "says"), BAD)
def test_bad_images_are_named(task: ImageTask, small: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ImageEvaluator(task, **FAST).fit("mlp", small)


def test_bad_options_are_named(task: ImageTask) -> None:
    bad: tuple[tuple[dict[str, Any], str], ...] = (
        ({"epochs": 0}, "epochs=0 must be at least 1"),
        ({"lr": -1.0}, r"lr=-1\.0 must be above 0"),
        ({"augment": "crop_blur"}, "'blur'"),
    )
    for option, says in bad:
        with pytest.raises(ValueError, match=says):
            ImageEvaluator(task, **option)
    with pytest.raises(TypeError, match="unknown option width"):
        ImageEvaluator(task, width=3)
    with pytest.raises(ValueError, match=r"'lenet'; known are ConvNet, MLP, .*, NTKRidge"):
        ImageEvaluator(task).fit("lenet", few(task))
    with pytest.raises(ValueError, match="no validation images"):
        ImageEvaluator(replace(task, val=torch.empty(0, dtype=torch.long)))


def test_ntk_ridge_by_hand(task: ImageTask) -> None:
    x, y = few(task)
    result = fit_ridge(PREDICTORS["ntkridge"], (x, y), task)
    depth = int(result.chosen.split()[0])
    a, b = (task.preprocess.apply(t).flatten(1).double() for t in (x, task.images[task.test]))
    gram, cross = (
        fully_connected(t @ a.T / 64, t.square().sum(1) / 64, a.square().sum(1) / 64, depth)
        for t in (a, b)
    )
    ridge = 1e-6 * gram.trace() / len(gram) * torch.eye(len(gram), dtype=torch.double)
    targets = F.one_hot(y, 3).double() - 1 / 3
    said = (cross @ torch.linalg.inv(gram + ridge) @ targets).argmax(1)
    right = (said == task.labels[task.test]).double().mean()
    assert float(result.test_last) == pytest.approx(float(right))
    assert result.model == "NTKRidge"


def test_random_ridge_by_hand(task: ImageTask) -> None:
    x, y = few(task)
    result = fit_ridge(PREDICTORS["randomridge"], (x, y), task)
    nets = RandomConvNets((1, 8, 8), 8, 128, usual_depth((1, 8, 8)))
    nets.redraw(torch.Generator().manual_seed(2**31 + 1))
    with torch.no_grad():
        a, b = (nets(task.preprocess.apply(t)).double() for t in (x, task.images[task.test]))
    ridge = 5e-3 * (a @ a.T).trace() / len(a) * torch.eye(len(a), dtype=torch.double)
    weights = torch.linalg.inv(a @ a.T + ridge) @ (F.one_hot(y, 3).double() - 1 / 3)
    right = ((b @ a.T @ weights).argmax(1) == task.labels[task.test]).double().mean()
    assert float(result.test_last) == pytest.approx(float(right), abs=0.01)
    assert (result.model, result.chosen) == ("RandomRidge", "8 random networks of 128 filters")


class _Dictated:
    """A regression that knows the labels of some images."""

    chunk = 1000

    def __init__(self, known: dict[bytes, int]) -> None:
        self.known = known

    def predict(self, x: Tensor) -> Tensor:
        return F.one_hot(torch.tensor([self.known.get(i.numpy().tobytes(), 0) for i in x]), 3)


def test_of_equally_good_choices_an_image_predictor_takes_the_first(task: ImageTask) -> None:
    """Choices 2 and 3 know all validation images, and the third some test images, too."""
    seen = task.preprocess.apply(task.images)

    def knows(rows: Tensor) -> _Dictated:
        named = zip(seen[rows], task.labels[rows].tolist(), strict=True)
        return _Dictated({image.numpy().tobytes(): label for image, label in named})

    nobody, both = task.val[:0], torch.cat([task.val, task.test])
    models = {1: knows(nobody), 2: knows(task.val), 3: knows(both), 4: knows(nobody)}
    predictor = ImagePredictor("Told", lambda x, y, c: models[c], (1, 2, 3, 4), "layers")  # type: ignore[arg-type,return-value]
    found = fit_ridge(predictor, few(task), task)
    assert (found.chosen, float(found.val_selected)) == ("2 layers", 1.0)
    assert float(found.test_selected) < 1
    edge = ImagePredictor("Told", lambda x, y, c: models[c], (1, 2), "layers")  # type: ignore[arg-type,return-value]
    assert fit_ridge(edge, few(task), task).chosen == "2 layers (edge of the grid 1..2)"
