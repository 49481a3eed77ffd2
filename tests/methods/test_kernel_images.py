"""KIP, RFAD and FRePo on images, and their kernels against references."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.kernel_ridge import KernelRidge as Reference
from torch import Tensor
from torch.nn import functional as F

import graphcondense
from graphcondense.core.pools import Fresh, Idle, initialise
from graphcondense.core.scalars import WithScalars
from graphcondense.core.types import Learner
from graphcondense.data.images import as_images
from graphcondense.data.preprocess import restore_preprocess
from graphcondense.domains.image import ImageSource
from graphcondense.kernels.ntk import FullyConnected, kappas
from graphcondense.kernels.random_features import (
    FeatureKernel,
    KernelRidge,
    RandomConvNets,
    random_ridge,
)
from graphcondense.kernels.ridge import centred_classes
from graphcondense.methods.kip import KIP
from graphcondense.methods.rfad import RFAD
from graphcondense.nn.images import MLP
from graphcondense.objectives.ridge import LearnerFeatures, RidgeMatching
from tests.cases import ImageCase, toy_images

SMALL = {"steps": 6, "real_batch": 5, "validations": 1}


class TestKIP(ImageCase):
    name = "kip"
    options = SMALL


class TestRFAD(ImageCase):
    name = "rfad"
    options = {**SMALL, "nets": 2, "hidden_channels": 8}


class TestFRePo(ImageCase):
    name = "frepo"
    options = {**SMALL, "online": 2, "oldest": 2, "hidden_channels": 8, "validations": 0}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("layers", [1, 2])
def test_ridge_equals_that_of_scikit_learn(layers: int) -> None:
    x, z, y = drawn(7, 1, 3, 3), drawn(5, 1, 3, 3, seed=1), drawn(7, 4, seed=2)
    kernel = FullyConnected(layers)
    own = KernelRidge(kernel, x, y, 0.01, chunk=2)
    gram = kernel(kernel.embed(x), kernel.embed(x))
    reference = Reference(alpha=0.01 * float(gram.trace()) / 7, kernel="precomputed")
    reference.fit(gram.numpy(), y.numpy())
    cross = kernel(kernel.embed(z), kernel.embed(x))
    wanted = torch.from_numpy(reference.predict(cross.numpy()))
    assert torch.allclose(own.predict(z), wanted, rtol=1e-9, atol=1e-9)


def test_ntk_equals_the_gradients_of_a_very_wide_network() -> None:
    """One hidden layer of 200,000 units, in closed form, within 2 % of the norms."""
    x, width = drawn(4, 6), 200_000
    first, second = drawn(width, 6, seed=1), drawn(width, seed=2)
    h = (2 / 6) ** 0.5 * x @ first.T
    on, active = (h > 0).double() * second, h.clamp_min(0)
    found = 2 / width * (active @ active.T + 2 / 6 * (on @ on.T) * (x @ x.T))
    kernel = FullyConnected(1)
    exact = kernel(kernel.embed(x), kernel.embed(x))
    scale = exact.diagonal().sqrt()
    assert float(((found - exact).abs() / (scale[:, None] * scale)).max()) < 0.02


def test_random_features_estimate_the_kernel_of_the_wide_network() -> None:
    """One block: the covariance of pooled rectified patches, by hand."""
    x = drawn(3, 2, 4, 4).float()
    model = RandomConvNets((2, 4, 4), nets=4, channels=2000, depth=1, bias_std=0.3).redraw(rng(1))
    with torch.no_grad():
        found = model(x) @ model(x).T
    patches = F.unfold(x, 3, padding=1).transpose(1, 2).double()  # [3, 16, 18]
    wanted = torch.zeros(3, 3, dtype=torch.float64)
    pools = [
        [8 * i + 2 * j + 4 * a + b for a in (0, 1) for b in (0, 1)] for i in (0, 1) for j in (0, 1)
    ]
    for m in range(3):
        for n in range(3):
            for pool in pools:
                p, q = patches[m, pool], patches[n, pool]
                cov = 2 / 18 * p @ q.T + 0.09
                norms = (2 / 18 * p.square().sum(1) + 0.09).sqrt()
                other = (2 / 18 * q.square().sum(1) + 0.09).sqrt()
                scale = norms[:, None] * other
                wanted[m, n] += (scale / 2 * kappas(cov / scale)[1]).mean() / 4
    assert torch.allclose(found.double(), wanted, rtol=0.05)


def test_features_of_a_learner_are_a_kernel() -> None:
    real = ImageSource(as_images(toy_images()))
    model = MLP(real.shape, 3, 16, 1)
    learner = Learner(model, initialise(model, rng()))
    kernel = LearnerFeatures(learner)
    x = real.images[:4]
    weight, bias, *_ = learner.params.values()
    h = (x.flatten(1) @ weight.T + bias).relu()
    assert torch.allclose(kernel(kernel.embed(x), kernel.embed(x)), h @ h.T, rtol=1e-4)


def test_platt_scaled_cross_entropy_by_hand() -> None:
    real = ImageSource(as_images(toy_images()))
    method = KIP(per_class=1, learn_labels=False)
    data = method.start(real, rng())
    syn = WithScalars(data, {"scale": [4.0]})
    objective = RidgeMatching(method.infinite(), method.targets(real), 0.1, scale="scale")
    loss = objective(syn, real, next(Idle()(syn, real, rng())), rng())
    predict = KernelRidge(method.infinite(), data.x.detach(), centred_classes(data.y, 3), 0.1)
    wanted = F.cross_entropy(4 * predict.predict(real.images), real.labels)
    assert torch.allclose(loss, wanted, rtol=1e-5)
    (slope,) = torch.autograd.grad(loss, syn.logs["scale"])
    assert float(slope.abs()) > 0


@pytest.mark.parametrize("name", ["kip", "rfad", "frepo"])
@pytest.mark.parametrize("learn_labels", [False, True])
def test_labels_are_learnt_if_asked(name: str, learn_labels: bool) -> None:
    options: dict[str, Any] = {"per_class": 1, "validations": 0, "progress": False, **SMALL}
    more: dict[str, Any] = {} if name == "kip" else {"hidden_channels": 4}
    small = graphcondense.condense(
        toy_images(), name, **{**options, **more, "validations": 0}, learn_labels=learn_labels
    )
    if not learn_labels:
        assert small.y.tolist() == [0, 1, 2]
        return
    start = centred_classes(torch.arange(3), 3)
    assert 0.001 < float((small.y - start).abs().max()) < 0.5


@pytest.mark.parametrize("name", ["kip", "rfad"])
def test_its_own_predictor_tells_toy_images_apart(name: str) -> None:
    x, y = toy_images()
    options: dict[str, Any] = {"steps": 30, "real_batch": 10, "per_class": 1, "progress": False}
    more: dict[str, Any] = {} if name == "kip" else {"hidden_channels": 8, "nets": 2}
    small = graphcondense.condense((x, y), name, **options, **more)
    method = (KIP if name == "kip" else RFAD)(per_class=1, **more)
    preprocess = restore_preprocess(small)
    predict = method.fit(preprocess.apply(small.x), small.y)
    fresh, wanted = toy_images(seed=7)
    right = predict(preprocess.apply(fresh)).argmax(1) == wanted
    assert float(right.float().mean()) > 0.95
    assert small.condensed["validation"]["predictor"].startswith("kernel ridge")
    assert small.condensed["validation"]["score"] > 0.95


def test_random_ridge_is_fixed_by_its_generator() -> None:
    x, y = toy_images(n=12)
    targets = centred_classes(y, 3)
    before = torch.get_rng_state()
    one, two, other = (
        random_ridge(x, targets, rng(s), nets=2, channels=4, depth=2).predict(x) for s in (1, 1, 2)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    kernel = FeatureKernel(lambda images: images.flatten(1))
    assert torch.allclose(kernel(kernel.embed(x), kernel.embed(x)), x.flatten(1) @ x.flatten(1).T)


def test_networks_of_a_step_are_new() -> None:
    model = RandomConvNets((1, 8, 8), 2, 4, 2)
    pool: Any = Fresh(model)(None, None, rng())  # type: ignore[arg-type]
    one, two = next(pool), next(pool)
    weight = "nets.0.1.weight"
    assert not torch.equal(one.params[weight], two.params[weight])
    assert float(one.params[weight].detach().std()) == pytest.approx((2 / 36) ** 0.5, rel=0.3)


def test_bad_sizes() -> None:
    with pytest.raises(ValueError, match="nets must be at least 1, got 0"):
        RandomConvNets((1, 8, 8), nets=0)
    with pytest.raises(ValueError, match="4 blocks need sides of at least 16, images are 8 x 8"):
        RandomConvNets((1, 8, 8), depth=4)
