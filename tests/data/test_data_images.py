"""Labelled images: every form of input, errors on bad ones, preprocessing and its way back."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch_geometric.data import Data

import graphcondense
from graphcondense.data.image_files import read_idx
from graphcondense.data.image_reading import is_images
from graphcondense.data.image_sets import KNOWN_IMAGES, holds_images, load_images
from graphcondense.data.images import MOST_HELD, ImageTask, as_images
from graphcondense.data.kind import kind_of_data
from graphcondense.data.preprocess import (
    PREPROCESSES,
    ZCA,
    Normalise,
    fit_preprocess,
    restore_preprocess,
)
from graphcondense.saved.condensed import load, save
from tests.cases import toy_images

LABELS = np.arange(20) % 2


def pixels(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


class Pictures:
    """A data set in torchvision's manner: an image and a number."""

    def __init__(self, images: list[Any], labels: list[Any]) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        return self.images[i], self.labels[i]


# --- forms of input --------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_forms_of_one_set_are_the_same_images(channels: int) -> None:
    from PIL import Image

    last = pixels(20, 8, 6, channels)
    first = torch.from_numpy(last.transpose(0, 3, 1, 2).copy())
    drawn = [Image.fromarray(x[..., 0] if channels == 1 else x) for x in last]
    forms: dict[str, Any] = {
        "tensor bytes": (first, torch.from_numpy(LABELS)),
        "tensor floats": (first.float() / 255, LABELS.tolist()),
        "array [n, c, h, w]": (first.numpy(), LABELS),
        "array [n, h, w, c]": (last, LABELS.astype(np.uint8)),
        "doubles": ((first.double() / 255).float().double().numpy(), LABELS.astype(np.int32)),
        "list of tensors": (list(first), LABELS),
        "data set of PIL": Pictures(drawn, LABELS.tolist()),
        "data set of arrays": Pictures(list(last), list(LABELS)),
        "data set of tensors": Pictures(list(first.float() / 255), list(torch.from_numpy(LABELS))),
        "TensorDataset": torch.utils.data.TensorDataset(first, torch.from_numpy(LABELS)),
    }
    if channels == 1:
        forms["array [n, h, w]"] = (last[..., 0], LABELS)
        forms["tensor [n, h, w]"] = (first[:, 0], LABELS)
    for name, form in forms.items():
        task = as_images(form)
        assert is_images(form), name
        assert tuple(task.images.shape) == (20, channels, 8, 6), name
        assert torch.equal(task.images, first.float() / 255), name
        assert task.labels.tolist() == LABELS.tolist(), name
        assert task.labels.dtype == torch.int64
        assert task.digest == as_images((first, LABELS)).digest, name


def test_other_data_are_no_images() -> None:
    data = Data(x=torch.rand(3, 2), edge_index=torch.zeros(2, 0).long(), y=torch.zeros(3).long())
    others: list[Any] = [data, [data, data], (data, data), "cora", np.zeros(3), [1, 2], {}, 7]
    nodes, edges = pd.DataFrame({"id": [0, 1], "a": [1, 2]}), pd.DataFrame({"x": [0], "y": [1]})
    others.append((nodes, edges))
    for other in others:
        assert not is_images(other)


def test_a_task_is_returned_as_it_is() -> None:
    task = as_images(toy_images())
    assert as_images(task) is task


def test_input_is_not_shared() -> None:
    images, labels = toy_images()
    task = as_images((images, labels))
    task.images.zero_()
    task.labels.zero_()
    assert float(images.max()) > 0
    assert int(labels.max()) == 2


# --- parts -----------------------------------------------------------------------------------


def test_every_tenth_of_a_class_is_held_out() -> None:
    images, labels = toy_images(n=90)
    task = as_images((images, labels))
    assert torch.bincount(task.labels[task.val]).tolist() == [3, 3, 3]
    assert sorted([*task.train.tolist(), *task.val.tolist()]) == list(range(90))
    own = (labels == 1).nonzero().flatten()
    assert task.val[task.labels[task.val] == 1].tolist() == own[[9, 19, 29]].tolist()
    assert len(task.test) == 0


def test_held_out_images_are_capped() -> None:
    labels = np.repeat([0, 1, 2], [9000, 4500, 4500])
    task = as_images((np.zeros((18000, 2, 2), np.uint8), labels))
    assert torch.bincount(task.labels[task.val]).tolist() == [500, 250, 250]
    assert len(task.val) == MOST_HELD
    none = as_images((np.zeros((18000, 2, 2), np.uint8), labels), validation=0)
    assert (len(none.train), len(none.val)) == (18000, 0)


def test_test_images_come_last_and_train_nothing() -> None:
    images, labels = toy_images()
    task = as_images((images, labels), (images[:6] + 5, labels[:6]))
    assert task.test.tolist() == list(range(90, 96))
    assert float(task.images[task.test].min()) >= 5
    alone = as_images((images, labels))
    assert torch.equal(task.preprocess.state()["mean"], alone.preprocess.state()["mean"])
    assert task.digest != alone.digest


# --- bad input -------------------------------------------------------------------------------

GOOD = torch.zeros(4, 1, 4, 4), torch.tensor([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((torch.zeros(4, 4), GOOD[1]), r"must be \[n, c, h, w\] or \[n, h, w\], got \[4, 4\]"),
        ((torch.zeros(4, 8, 8, 3), GOOD[1]), r"look like \[n, h, w, c\].*permute"),
        ((torch.zeros(4, 4, 4).long(), GOOD[1]), "type torch.int64; give uint8"),
        ((torch.full((4, 4, 4), torch.nan), GOOD[1]), "4 of 4 images have NaN"),
        ((np.array(["a"] * 4), GOOD[1]), "which is no number"),
        ((GOOD[0], torch.tensor([0, 1, 0])), "4 images but 3 labels"),
        ((GOOD[0], torch.tensor([0, 1, 0, -1])), "label -1 of the images: classes are 0..C-1"),
        (
            (GOOD[0], torch.tensor([0, 3, 0, 1])),
            r"class 2 has no training images \(y has 3 different values, up to 3\); relabel",
        ),
        ((GOOD[0], torch.rand(4)), r"labels must be integers \[n\], got torch.float32"),
        ((GOOD[0][:0], GOOD[1][:0]), "there are no images"),
        (([], []), "there are no images"),
        (([np.zeros((4, 4)), np.zeros((4, 5))], [0, 1]), r"mixed size.*number 1 has \(4, 5\)"),
        (([np.zeros((4, 4)), np.zeros((4, 4), "f4")], [0, 1]), "mixed type.*number 1 has float32"),
        (Pictures([torch.zeros(1, 4, 4), torch.zeros(1, 5, 4)], [0, 1]), "mixed size"),
        (Pictures([torch.zeros(4, 4), torch.zeros(4, 4).byte()], [0, 1]), "mixed type"),
        ("nowhere/at.npz", "there is no file or folder"),
        (7, "must be .images, labels., a data set .* got a int"),
    ],
)
def test_bad_images(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_images(data)


def test_bad_test_images() -> None:
    with pytest.raises(ValueError, match=r"test images are \[1, 5, 4\], training images \[1, 4, 4"):
        as_images(GOOD, (torch.zeros(2, 5, 4), torch.tensor([0, 1])))
    with pytest.raises(ValueError, match=r"test label 2 is no class of the training images, 0..1"):
        as_images(GOOD, (torch.zeros(2, 4, 4), torch.tensor([0, 2])))
    with pytest.raises(ValueError, match="preprocess='pca': choose one of normalise, zca, none"):
        as_images(GOOD, preprocess="pca")


# --- files -----------------------------------------------------------------------------------


def write_idx(path: Path, array: np.ndarray[Any, Any], kind: int = 8, cut: int = 0) -> Path:
    head = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = head + array.astype(np.uint8).tobytes()
    content = content[: len(content) - cut]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_folder(folder: Path, ending: str = "") -> None:
    for part, n in (("train", 20), ("t10k", 6)):
        write_idx(folder / f"{part}-images-idx3-ubyte{ending}", pixels(n, 5, 4))
        write_idx(folder / f"{part}-labels-idx1-ubyte{ending}", np.arange(n) % 2)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files(tmp_path: Path, ending: str) -> None:
    write_folder(tmp_path, ending)
    task = as_images(tmp_path)
    assert (len(task.train), len(task.val), len(task.test)) == (18, 2, 6)
    assert np.array_equal((255 * task.images[:20, 0]).round().numpy(), pixels(20, 5, 4))
    assert np.array_equal((255 * task.images[20:, 0]).round().numpy(), pixels(6, 5, 4))
    assert holds_images(tmp_path)
    alone = load_images(tmp_path / f"train-images-idx3-ubyte{ending}")
    assert len(alone.labels) == 20


def test_bad_idx_files(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    write_idx(path, pixels(3, 4, 4), cut=1)
    with pytest.raises(ValueError, match="says 3 x 4 x 4 = 48 bytes but has 47"):
        read_idx(path)
    write_idx(path, pixels(3, 4, 4), kind=13)
    with pytest.raises(ValueError, match="idx type 0x0d"):
        read_idx(path)
    path.write_bytes(b"\x89PNG.")
    with pytest.raises(ValueError, match="no idx file: it starts with 89504e47"):
        read_idx(path)
    path.write_bytes(b"\0\0\x08\x03\0\0")
    with pytest.raises(ValueError, match="ends within its header"):
        read_idx(path)
    packed = tmp_path / "x-images-idx3-ubyte.gz"
    packed.write_bytes(b"no gzip")
    with pytest.raises(ValueError, match="cannot read"):
        read_idx(packed)
    write_idx(path, pixels(3, 4, 4))
    with pytest.raises(ValueError, match="no labels beside it: train-labels-idx1-ubyte or"):
        as_images(path)
    with pytest.raises(ValueError, match="has no train-images-idx3-ubyte"):
        as_images(tmp_path.parent / tmp_path.name / "..")
    other = tmp_path / "images.png"
    other.touch()
    with pytest.raises(ValueError, match="images come from"):
        as_images(other)


def test_npz_files(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=pixels(20, 4, 4), labels=LABELS)
    task = load_images(path)
    assert (task.name, len(task.labels), len(task.test)) == ("own", 20, 0)
    assert holds_images(path)
    more = pixels(4, 4, 4)
    np.savez(path, images=pixels(20, 4, 4), labels=LABELS, test_images=more, test_labels=LABELS[:4])
    assert len(as_images(path).test) == 4
    np.savez(path, images=pixels(20, 4, 4), labels=LABELS, test_images=more)
    with pytest.raises(ValueError, match="but not the other"):
        as_images(path)
    np.savez(path, x=pixels(20, 4, 4))
    with pytest.raises(ValueError, match="has no images and no labels; it has x"):
        as_images(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="plain arrays"):
        as_images(path)
    assert not holds_images(path)


# --- by name ---------------------------------------------------------------------------------


def test_digits_have_a_fixed_test_part() -> None:
    task = load_images("digits")
    assert (task.shape, task.num_classes) == ((1, 8, 8), 10)
    assert len(task.train) + len(task.val) + len(task.test) == 1797
    shares = torch.bincount(task.labels[task.test]) / torch.bincount(task.labels)
    assert bool(((shares - 1 / 3).abs() < 0.01).all())
    assert task.digest == load_images("digits-images").digest


@pytest.mark.parametrize("below", ["images/FashionMNIST/raw", "FashionMNIST/raw", "FashionMNIST"])
def test_fashion_mnist_is_found_where_others_put_it(tmp_path: Path, below: str) -> None:
    write_folder(tmp_path / below, ".gz")
    for name in ("fashion-mnist", "Fashion_MNIST", "FashionMNIST"):
        task = load_images(name, tmp_path)
        assert (task.name, len(task.labels), len(task.test)) == ("fashion-mnist", 26, 6)
    opened = graphcondense.data.load("fashion-mnist", tmp_path)
    assert isinstance(opened, ImageTask)
    rows = {row["name"]: row for row in graphcondense.data.datasets(root=tmp_path)}
    assert rows["fashion-mnist"]["local"]
    assert rows["fashion-mnist"]["kind"] == "image"
    assert not rows["mnist"]["local"]


def test_names_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mnist is not below .*: put .*train-images.*/MNIST/raw"):
        load_images("mnist", tmp_path)
    with pytest.raises(ValueError, match="did you mean fashion-mnist"):
        load_images("fashion-mnits")
    with pytest.raises(ValueError, match=r"'seeded' is for one graph .*, digits-images is images"):
        graphcondense.data.load("digits-images", split="seeded")
    assert len({name for row in KNOWN_IMAGES for name in row.spellings()}) >= 2 * len(KNOWN_IMAGES)
    assert isinstance(graphcondense.data.load("digits"), Data), "of two the graph"


def test_real_fashion_mnist(data_root: Path) -> None:
    if not (data_root / "images/FashionMNIST/raw").is_dir():
        pytest.skip("no Fashion-MNIST below GRAPHCONDENSE_DATA")
    task = load_images("fashion-mnist", data_root)
    assert tuple(task.images.shape) == (70000, 1, 28, 28)
    assert (len(task.train), len(task.val), len(task.test)) == (59000, 1000, 10000)
    assert torch.bincount(task.labels[task.test]).tolist() == [1000] * 10
    assert isinstance(task.preprocess, Normalise)
    assert float(task.preprocess.mean) == pytest.approx(0.2860, abs=2e-4)
    assert float(task.preprocess.std) == pytest.approx(0.3530, abs=2e-4)


# --- preprocessing ---------------------------------------------------------------------------


def correlated(n: int = 60, seed: int = 0) -> Tensor:
    """Images ``[n, 3, 4, 5]`` whose channels differ in scale and whose pixels go together."""
    rng = torch.Generator().manual_seed(seed)
    flat = torch.randn(n, 12, generator=rng) @ torch.rand(12, 60, generator=rng)
    return flat.view(n, 3, 4, 5) * torch.tensor([0.1, 1.0, 3.0]).view(3, 1, 1) + 0.5


@pytest.mark.parametrize("name", sorted(PREPROCESSES))
def test_there_and_back(name: str) -> None:
    images = correlated()
    fitted = fit_preprocess(name, images[:50])
    for x in (images, images[50:], torch.rand(7, 3, 4, 5), torch.zeros(0, 3, 4, 5)):
        assert torch.allclose(fitted.inverse(fitted.apply(x)), x, atol=1e-4)
        assert torch.allclose(fitted.apply(fitted.inverse(x)), x, atol=1e-4)
        assert fitted.apply(x).shape == x.shape
    assert fitted.apply(images.double()).dtype == torch.float64
    x = images[:2].clone().requires_grad_()
    fitted.apply(x).sum().backward()
    assert x.grad is not None


def test_normalise_by_hand() -> None:
    images = correlated()
    seen = fit_preprocess("normalise", images).apply(images).double()
    for c in range(3):
        own = images[:, c].double()
        by_hand = (own - own.mean()) / own.std(correction=0)
        assert torch.allclose(seen[:, c], by_hand, atol=1e-5)


def test_a_constant_channel_is_only_shifted() -> None:
    images = torch.full((5, 2, 3, 3), 0.3)
    images[:, 1] = torch.rand(5, 3, 3)
    fitted = fit_preprocess("normalise", images)
    assert isinstance(fitted, Normalise)
    assert float(fitted.std[0]) == 1
    assert float(fitted.apply(images)[:, 0].abs().max()) < 1e-6


def test_zca_by_hand() -> None:
    """The inverse root of the regularised covariance, by a Schur method in float64."""
    from scipy.linalg import fractional_matrix_power

    images = correlated(n=200)
    flat = images.flatten(1).double().numpy()
    covariance = np.cov(flat.T, bias=True)
    ridge = ZCA.RIDGE * np.trace(covariance) / len(covariance)
    whiten = fractional_matrix_power(covariance + ridge * np.eye(60), -0.5)
    by_hand = (flat - flat.mean(0)) @ whiten.T
    fitted = fit_preprocess("zca", images)
    assert isinstance(fitted, ZCA)
    assert fitted.basis.shape[1] < 60, "directions that hold nothing are not stored"
    seen = fitted.apply(images).flatten(1).numpy()
    assert np.allclose(seen, by_hand, rtol=2e-3, atol=2e-3)


def test_only_training_images_are_fitted_on() -> None:
    images, labels = toy_images()
    task = as_images((images, labels))
    images[task.val] += 100
    for name in ("normalise", "zca"):
        one, two = (
            as_images((x, labels)).with_preprocess(name).preprocess.state()
            for x in (task.images, images)
        )
        assert all(torch.equal(one[k], two[k]) for k in one)


@pytest.mark.parametrize("name", sorted(PREPROCESSES))
def test_the_artefact_holds_the_way_to_what_networks_see(tmp_path: Path, name: str) -> None:
    task = as_images(toy_images(), preprocess=name)
    small = graphcondense.condense(
        task,
        "dc",
        per_class=1,
        preprocess=name,
        epochs=1,
        hidden_channels=4,
        validations=0,
        progress=False,
    )
    again = load(save(small, tmp_path))
    x = task.images[:5]
    assert torch.equal(restore_preprocess(again).apply(x), task.preprocess.apply(x))
    assert again.condensed["preprocess"]["name"] == name
    assert small.condensed["bytes"] == 3 * (4 * 64 + 8), "the preprocessing is no part of the size"


def test_nothing_is_restored_from_other_images() -> None:
    with pytest.raises(ValueError, match="says nothing of a preprocessing"):
        restore_preprocess(Data(x=torch.zeros(1, 1, 2, 2)))
    small = Data(x=torch.zeros(1, 1, 2, 2))
    small.condensed = {"preprocess": {"name": "normalise"}}
    with pytest.raises(ValueError, match=r"tensors \['mean', 'std'\] .* are missing"):
        restore_preprocess(small)


# --- labels


def dots(n: int = 40) -> np.ndarray:
    return np.random.default_rng(0).random((n, 4, 4)).astype(np.float32)


def test_test_images_without_a_label_are_left_out() -> None:
    labels = np.arange(40) % 2
    tested = np.where(np.arange(40) % 4 == 1, -1, labels)
    task = as_images((dots(), labels), (dots(), tested))
    assert (len(task.test), dict(task.unlabelled)) == (30, {"train": 0, "val": 0, "test": 10})
    assert int(task.labels[task.test].min()) == 0
    with pytest.raises(ValueError, match=r"none of the 40 test images has a label \(all are -1\)"):
        as_images((dots(), labels), (dots(), np.full(40, -1)))
    with pytest.raises(ValueError, match=r"test label -2: classes are 0..1, -1 is no label"):
        as_images((dots(), labels), (dots(), labels - 2))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(40) % 2 * 541_511, r"class 1, 2, 3, 4, 5, ... has no training images"),
        (np.arange(40) % 2 * 2**60, "2 different values, up to 1152921504606846976"),
        (np.array([0, 1, 2, 255] * 10, dtype=np.uint8), "if 255 marks images without a label"),
        (["cat", "dog"] * 20, r"images: the label \"\['cat', 'dog'.* is no number"),
        (np.eye(2)[np.arange(40) % 2], r"\[40, 2\]: one-hot rows are labels.argmax\(1\)"),
        (np.arange(40)[:, None] % 2 * 1.0, r"\[40, 1\]: labels.flatten\(\).long\(\)"),
        (np.arange(40) % 2 * 1.0, r"\[40\]: labels.long\(\)"),
        (np.arange(40) % 3 - 1, "label -1 of the images: .* keep = labels >= 0"),
    ],
)
def test_labels_that_are_no_classes(labels: Any, message: str) -> None:
    """Nothing is of the size of an id, a message neither."""
    with pytest.raises(ValueError, match=message) as caught:
        as_images((dots(), labels))
    assert len(str(caught.value)) < 500
    with pytest.raises(ValueError, match="is no class of the training images"):
        as_images((dots(), np.arange(40) % 2), (dots(), np.full(40, 2**60)))


def test_images_with_four_channels_and_of_palettes() -> None:
    rgba = np.zeros((20, 8, 8, 4), dtype=np.uint8)
    labels = list(np.arange(20) % 2)
    assert as_images((rgba, labels)).shape == (4, 8, 8)
    with pytest.raises(ValueError, match=r"look like \[n, h, w, c\]"):
        as_images((torch.from_numpy(rgba), labels))

    class Palette:
        """As a PIL image of mode P: its array holds positions in a table of colours."""

        mode = "P"

        def getbands(self) -> tuple[str]:
            return ("P",)

        def convert(self, mode: str) -> np.ndarray:
            assert mode == "RGB"
            return np.full((8, 8, 3), 255, dtype=np.uint8)

    task = as_images([(Palette(), i % 2) for i in range(20)])
    assert task.shape == (3, 8, 8)
    assert float(task.images.min()) == 1


def test_a_task_of_images_is_written_in_a_line() -> None:
    task = as_images((dots(), np.arange(40) % 2), name="dots")
    assert repr(task) == (
        "ImageTask('dots', 40 images [1, 4, 4], 2 classes, normalise; train 36, val 4, test 0)"
    )


def test_images_of_pil_and_labels_of_pandas_are_images() -> None:
    """They were taken for a set of graphs, of which none is one."""
    pictures = [Image.new("L", (4, 4), 60 * i) for i in range(4)]
    for labels in ([0, 1, 0, 1], (0, 1, 0, 1), pd.Series([0, 1, 0, 1]), np.arange(4) % 2):
        assert kind_of_data((pictures, labels)) == "image"
    assert as_images((pictures, pd.Series([0, 1, 0, 1]))).shape == (1, 4, 4)
