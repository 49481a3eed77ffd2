"""Images that people hold: arrays, pictures, data sets of torch and of Hugging Face, and files."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

import graphcondense
from graphcondense.data import load
from graphcondense.data.image_reading import channels_last
from graphcondense.data.images import as_images
from graphcondense.data.kind import kind_of_data
from graphcondense.evaluate.image_reading import read_images

N = 40
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (N, 8, 6), dtype=np.uint8)
RGB = RNG.integers(0, 256, (N, 8, 6, 3), dtype=np.uint8)
LABELS = np.arange(N) % 2
WANTED = torch.from_numpy(GREY)[:, None].float() / 255
WANTED_RGB = torch.from_numpy(RGB).permute(0, 3, 1, 2).float() / 255
PICTURES = [Image.fromarray(image) for image in GREY]
COLOURED = [Image.fromarray(image) for image in RGB]


def read(data: Any, **options: Any) -> Any:
    assert kind_of_data(data) == "image"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return as_images(data, **options)


class Rows(Dataset[Any]):
    """Rows that are mappings, as those of Hugging Face's data sets."""

    def __init__(self, image: str = "image") -> None:
        self.image = image

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {self.image: PICTURES[i], "label": int(LABELS[i])}


def mapped(folder: Path) -> Any:
    np.save(folder / "x.npy", GREY)
    np.save(folder / "y.npy", LABELS)
    return tuple(np.load(folder / f"{name}.npy", mmap_mode="r") for name in "xy")


FORMS: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda _: (GREY, LABELS),
    "one channel last": lambda _: (GREY[..., None], LABELS),
    "mapped": mapped,
    "from the other end": lambda _: (GREY[::-1][::-1], LABELS),
    "big-endian": lambda _: (WANTED.numpy().astype(">f4"), LABELS.astype(">i8")),
    "with a gradient": lambda _: (WANTED.clone().requires_grad_(), torch.tensor(LABELS)),
    "float64": lambda _: (WANTED.double(), LABELS),
    "labels [n, 1]": lambda _: (GREY, LABELS[:, None].astype(np.uint8)),
    "pictures": lambda _: (PICTURES, list(LABELS)),
    "pairs": lambda _: list(zip(PICTURES, LABELS, strict=True)),
    "rows": lambda _: Rows(),
    "rows of img": lambda _: Rows("img"),
    "tensors": lambda _: TensorDataset(WANTED, torch.tensor(LABELS)[:, None]),
    "a part of a whole": lambda _: Subset(
        ConcatDataset([TensorDataset(WANTED, torch.tensor(LABELS))] * 2), range(N)
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_one_set_in_many_forms(form: str, tmp_path: Path) -> None:
    task = read(FORMS[form](tmp_path))
    torch.testing.assert_close(task.images, WANTED, atol=1e-6, rtol=0)
    np.testing.assert_array_equal(task.labels, LABELS)


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_channels_may_come_last(channels: int) -> None:
    images = RNG.integers(0, 256, (N, 8, 8, channels), dtype=np.uint8)
    wanted = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    for data in ((images, LABELS), list(zip(images, LABELS, strict=True))):
        torch.testing.assert_close(read(data).images, wanted)
    if channels > 4:  # of tensors, five columns
        assert read((torch.from_numpy(images), LABELS)).shape == (8, 8, channels)
        return
    with pytest.raises(ValueError, match=r"look like \[n, h, w, c\].*permute"):
        as_images((torch.from_numpy(images), LABELS))


def test_channels_first_stay_first() -> None:
    for shape in ((2, 8, 6), (5, 8, 6), (1, 8, 8), (3, 4, 4), (12, 9, 9)):
        assert not channels_last(shape)
        assert read((np.zeros((N, *shape), np.uint8), LABELS)).shape == shape
    # The columns of a tensor may be more than its rows and channels, which are as many.
    assert read((torch.zeros(N, 6, 6, 100), LABELS)).shape == (6, 6, 100)
    for shape in ((9, 9, 5), (16, 16, 8), (6, 6, 6)):
        assert read((torch.zeros(N, *shape), LABELS)).shape == shape
        assert read([(torch.zeros(shape), i % 2) for i in range(N)]).shape == shape


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("LA", 2), ("P", 3), ("RGBA", 4), ("PA", 4)]
)
def test_pictures_of_all_modes(mode: str, channels: int) -> None:
    def converted(image: Image.Image) -> Image.Image:
        return image.convert("P").convert("PA") if mode == "PA" else image.convert(mode)

    pictures = [converted(image) for image in COLOURED]
    for data in ((pictures, LABELS), list(zip(pictures, LABELS, strict=True))):
        assert read(data).shape == (channels, 8, 6)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (
            GREY,
            GREY.astype(np.float32),
            r"training images are bytes.*test images are floats from 0",
        ),
        (
            GREY.astype(np.float32),
            GREY,
            r"test images are bytes.*training images are floats from 0",
        ),
        (GREY, (WANTED - 0.5) / 0.3, r"are bytes, scaled to 0..1, and the test images are floats"),
    ],
)
def test_parts_on_two_scales_are_refused(train: Any, test: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_images((train, LABELS), (test, LABELS))


def test_bytes_go_with_floats_of_their_scale() -> None:
    task = as_images((GREY, LABELS), (WANTED, LABELS))
    torch.testing.assert_close(task.images[task.test], WANTED)
    resampled = WANTED * 1.016 - 0.005
    task = as_images((GREY, LABELS), (resampled, LABELS))
    torch.testing.assert_close(task.images[task.test], resampled)


def test_floats_go_with_floats_of_their_scale() -> None:
    with pytest.raises(ValueError, match=r"training images have a root mean .* to one scale"):
        as_images((WANTED * 255, LABELS), (WANTED, LABELS))
    with pytest.raises(ValueError, match="the validation images one of"):
        as_images({"train": (WANTED, LABELS), "val": (WANTED * 255, LABELS)})
    dark = as_images((WANTED, LABELS), (WANTED / 8, LABELS))
    torch.testing.assert_close(dark.images[dark.test], WANTED / 8)
    as_images((WANTED, LABELS), (WANTED * 0, LABELS))


@pytest.mark.parametrize(
    "images", [GREY, torch.from_numpy(GREY), PICTURES, Rows()], ids=["array", "tensor", "list", ""]
)
def test_parts_that_are_the_same_images_are_refused(images: Any) -> None:
    part = images if isinstance(images, Rows) else (images, LABELS)
    other = images if isinstance(images, Rows) else (images, LABELS.copy())
    with pytest.raises(ValueError, match="the test images are the training images"):
        as_images(part, other)
    with pytest.raises(ValueError, match="the test images are the validation images"):
        as_images({"train": (GREY.copy(), LABELS), "val": part, "test": other})


def test_parts_that_begin_with_the_same_images_are_refused() -> None:
    with pytest.raises(ValueError, match="the validation images are the training images"):
        as_images({"train": (GREY, LABELS), "val": (GREY[:20], LABELS[:20])})
    task = as_images({"train": (GREY[20:], LABELS[20:]), "val": (GREY[:20], LABELS[:20])})
    assert (len(task.train), len(task.val)) == (len(GREY) - 20, 20)


DEEP = (RNG.integers(0, 2**16, (N, 8, 6))).astype(np.uint16)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_pictures_of_16_bits_keep_their_scale(mode: str) -> None:
    kind = {"I;16": "<u2", "I;16B": ">u2", "I": "<i4"}[mode]
    pictures = [Image.frombytes(mode, (6, 8), one.astype(kind).tobytes()) for one in DEEP]
    wanted = torch.from_numpy(DEEP.astype(np.float32))[:, None] / 65535
    for data in ((pictures, LABELS), list(zip(pictures, LABELS, strict=True))):
        torch.testing.assert_close(read(data).images, wanted)


def test_numbers_beyond_16_bits_are_refused() -> None:
    far = [Image.fromarray(DEEP[0].astype(np.int32) + 65536 * i) for i in range(2)]
    with pytest.raises(ValueError, match=r"has the mode 'I' and numbers from .* 16 bits"):
        as_images((far, [0, 1]))


def test_labels_of_long_doubles_are_told_what_to_be() -> None:
    with pytest.raises(ValueError, match=r"float64 \[40\]: labels.long\(\)"):
        as_images((GREY, LABELS.astype(np.longdouble)))
    with pytest.raises(ValueError, match="is no number"):
        as_images((GREY, LABELS.astype(np.clongdouble)))


@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_parts_are_what_they_are_called(val: str) -> None:
    task = read({"train": (GREY, LABELS), val: Rows(), "test": (WANTED[:9], [-1, *LABELS[1:9]])})
    assert [len(part) for part in (task.train, task.val, task.test)] == [N, N, 8]
    assert task.unlabelled == {"train": 0, "val": 0, "test": 1}
    torch.testing.assert_close(task.images[task.test], WANTED[1:9])
    assert len(read({"train": Rows(), "test": Rows()}).val) == 4  # every tenth of a class
    with pytest.raises(ValueError, match="validation=5 cannot act: there are validation images"):
        as_images({"train": Rows(), val: Rows()}, validation=5)
    with pytest.raises(ValueError, match="test= cannot act: the images are by part"):
        as_images({"train": Rows()}, Rows())
    with pytest.raises(ValueError, match="validation label 3 is no class of the training images"):
        as_images({"train": Rows(), val: (GREY, LABELS * 3)})


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ((GREY, LABELS), {"validation": -1}, "validation=-1 must be at least 0"),
        ((GREY, LABELS), {"validation": 0.1}, "validation=0.1 is not a whole number"),
        ((GREY, LABELS), {"validation": True}, "validation=True is not a whole number"),
        ((np.ma.masked_array(GREY, GREY > 200), LABELS), {}, r"images is masked in \d+ places"),
        ((GREY, np.ma.masked_array(LABELS, LABELS > 0)), {}, "images: y is masked in 20 places"),
        ((PICTURES[:9] + COLOURED[9:], LABELS), {}, r"mixed size.*image.convert\('RGB'\)"),
        (DataLoader(Rows()), {}, r"got a DataLoader: pass its data set \(.dataset\)"),
    ],
)
def test_what_is_wrong_is_told(data: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_images(data, **options)


def test_a_checked_task_takes_no_parts() -> None:
    task = as_images((GREY, LABELS))
    assert as_images(task, name="mine", preprocess="zca").preprocess.name == "zca"
    assert as_images(as_images(task, preprocess="zca")).preprocess.name == "zca"
    with pytest.raises(ValueError, match="images has its parts: leave test= and validation= out"):
        as_images(task, (GREY, LABELS))


# --- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        ({"images": 0, "labels": 1, "val_images": 0, "val_labels": 1}, (40, 40, 0)),
        ({"x_train": 0, "y_train": 1, "x_test": 0, "y_test": 1}, (36, 4, 40)),
        (
            {
                f"{part}_{what}": i
                for part in ("train", "val", "test")
                for i, what in enumerate(("images", "labels"))
            },
            (40, 40, 40),
        ),
    ],
)
def test_arrays_as_others_name_them(names: Any, parts: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{name: (RGB, LABELS[:, None])[i] for name, i in names.items()})
    task: Any = load(tmp_path / "a.npz")
    assert (len(task.train), len(task.val), len(task.test)) == parts
    torch.testing.assert_close(task.images[:N], WANTED_RGB)
    lacking = {name: GREY for name in names if name != list(names)[-1]}
    np.savez(tmp_path / "a.npz", **lacking)
    with pytest.raises(ValueError, match="but not the other"):
        load(tmp_path / "a.npz")


def test_pairs_that_torch_saved(tmp_path: Path) -> None:
    pair = torch.from_numpy(GREY), torch.from_numpy(LABELS)
    torch.save(pair, tmp_path / "pair.pt")
    other = pair[0].clone(), pair[1]
    torch.save({"train": pair, "test": other}, tmp_path / "parts.pt")
    task: Any = load(tmp_path / "pair.pt")
    assert (task.name, len(task.train)) == ("pair", 36)
    task = load(tmp_path / "parts.pt")
    assert (len(task.train), len(task.val), len(task.test)) == (36, 4, 40)
    torch.testing.assert_close(task.images[:N], WANTED)
    torch.save((pair[0], pair[1] - 1), tmp_path / "pair.pt")
    with pytest.raises(ValueError, match=r"pair.pt: label -1 of the images"):
        load(tmp_path / "pair.pt")


def saved(folder: Path, images: list[Image.Image]) -> None:
    for i, image in enumerate(images):
        to = folder / "ab"[i % 2] / f"{i:02d}.png"
        to.parent.mkdir(parents=True, exist_ok=True)
        image.save(to)


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    saved(tmp_path / "one", PICTURES)
    order = [*range(0, N, 2), *range(1, N, 2)]  # class by class
    task: Any = load(tmp_path / "one")
    torch.testing.assert_close(task.images, WANTED[order])
    np.testing.assert_array_equal(task.labels, LABELS[order])
    saved(tmp_path / "two" / "train", COLOURED)
    saved(tmp_path / "two" / "test", COLOURED[:6] + PICTURES[6:8])
    task = load(tmp_path / "two")
    assert (len(task.train), len(task.val), len(task.test)) == (36, 4, 8)
    torch.testing.assert_close(task.images[:N], WANTED_RGB[order])
    PICTURES[0].resize((4, 4)).save(tmp_path / "one" / "b" / "99.png")
    with pytest.raises(ValueError, match=r"99.png is 4 x 4, .*00.png is 6 x 8: .*Resize"):
        load(tmp_path / "one")
    (tmp_path / "one" / "b" / "99.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"99.png is no picture that can be read"):
        load(tmp_path / "one")
    (tmp_path / "two" / "test" / "c").mkdir()
    PICTURES[0].save(tmp_path / "two" / "test" / "c" / "0.png")
    with pytest.raises(ValueError, match=r"has the classes a, b, c, .* has a, b"):
        load(tmp_path / "two")


def test_files_of_16_bits_and_of_floats(tmp_path: Path) -> None:
    saved(tmp_path / "deep", [Image.fromarray(one) for one in DEEP])
    order = [*range(0, N, 2), *range(1, N, 2)]
    wanted = torch.from_numpy(DEEP.astype(np.float32))[:, None] / 65535
    torch.testing.assert_close(as_images(tmp_path / "deep").images, wanted[order])
    # Beside others they are of one scale.
    saved(tmp_path / "mixed", [*map(Image.fromarray, DEEP[:20]), *COLOURED[20:]])
    mixed = torch.cat([wanted[:20].expand(-1, 3, -1, -1), WANTED_RGB[20:]])
    torch.testing.assert_close(as_images(tmp_path / "mixed").images, mixed[order])
    for i, one in enumerate(WANTED[:, 0].numpy()):
        to = tmp_path / "floats" / "ab"[i % 2] / f"{i:02d}.tif"
        to.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one).save(to)
    torch.testing.assert_close(as_images(tmp_path / "floats").images, WANTED[order])
    PICTURES[0].save(tmp_path / "floats" / "b" / "zz.png")
    with pytest.raises(ValueError, match=r"00.tif has the mode 'F', floats, and .*zz.png the mode"):
        as_images(tmp_path / "floats")


@pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK"])
def test_files_of_other_modes(mode: str, tmp_path: Path) -> None:
    pictures = [one.convert(mode) for one in COLOURED]
    for i, one in enumerate(pictures):
        to = tmp_path / "ab"[i % 2] / f"{i:02d}.{'tif' if mode == 'CMYK' else 'png'}"
        to.parent.mkdir(exist_ok=True)
        one.save(to)
    wanted = np.stack(
        [np.asarray(one.convert("L" if mode in "1LA" else "RGB")) for one in pictures]
    )
    order = [*range(0, N, 2), *range(1, N, 2)]
    torch.testing.assert_close(
        as_images(tmp_path).images, as_images((wanted[order], LABELS)).images
    )


def test_all_parts_are_grey_or_none_is(tmp_path: Path) -> None:
    saved(tmp_path / "train", PICTURES)
    saved(tmp_path / "test", [*PICTURES[:5], COLOURED[5]])
    for data in (
        (tmp_path,),
        (tmp_path / "train", tmp_path / "test"),
        ({"train": str(tmp_path / "train"), "test": tmp_path / "test"},),
    ):
        task = as_images(*data)
        assert (task.shape, len(task.train), len(task.test)) == ((3, 8, 6), 36, 6)
        torch.testing.assert_close(task.images[-1], WANTED_RGB[5])
    train = tmp_path / "train"
    for same in ((train, train), ({"train": str(train), "test": tmp_path / "test" / "../train"},)):
        with pytest.raises(ValueError, match="the test images are the training images"):
            as_images(*same)


def test_a_part_may_be_a_path(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=GREY, labels=LABELS)
    task = as_images({"train": Rows(), "test": str(tmp_path / "a.npz")})
    torch.testing.assert_close(task.images[task.test], WANTED)
    np.savez(tmp_path / "b.npz", x_train=GREY, y_train=LABELS, x_test=GREY, y_test=LABELS)
    with pytest.raises(ValueError, match=r"b.npz has the parts train, test and is given as one"):
        as_images(Rows(), tmp_path / "b.npz")
    assert len(as_images(tmp_path / "b.npz", (GREY[:9], LABELS[:9])).test) == 9
    torch.save({"train": str(tmp_path / "a.npz")}, tmp_path / "names.pt")  # a file opens no other
    with pytest.raises(ValueError, match="got a str"):
        as_images(tmp_path / "names.pt")


def test_pictures_below_and_beside_the_folders_of_classes(tmp_path: Path) -> None:
    saved(tmp_path, PICTURES[:30])
    deep = tmp_path / "b" / "more" / "still"
    deep.mkdir(parents=True)
    for i in range(30, N):
        PICTURES[i].save(deep / f"{i}.png")
    (deep / "round").symlink_to(tmp_path / "b")
    for hidden in ("__MACOSX/b", ".cache/a", "b/__MACOSX"):
        (tmp_path / hidden).mkdir(parents=True)
        (tmp_path / hidden / "1.png").write_text("no picture")
    (tmp_path / "a" / "._1.png").write_text("no picture")
    task: Any = load(tmp_path)
    order = [*range(0, 30, 2), *range(1, 30, 2), *range(30, N)]
    torch.testing.assert_close(task.images, WANTED[order])
    assert torch.bincount(task.labels).tolist() == [15, 25]
    PICTURES[0].save(tmp_path / "loose.png")
    with pytest.raises(ValueError, match=r"loose.png is in no class's folder: move it into one"):
        load(tmp_path)


def test_folders_that_are_no_classes(tmp_path: Path) -> None:
    saved(tmp_path / "one", PICTURES)
    (tmp_path / "one" / "c").mkdir()
    for path in (tmp_path / "one", str(tmp_path / "one")):
        with pytest.raises(ValueError, match=r"one/c has no pictures \(.png"):
            load(path)
    for name in "de":
        (tmp_path / "one" / name).mkdir()
    with pytest.raises(ValueError, match=r"one for each class \(none in c, d, e\)"):
        as_images(tmp_path / "one")
    for name in "cde":
        (tmp_path / "one" / name).rmdir()
    with pytest.raises(ValueError, match=r"one is the one folder, with folders .* give .*/one"):
        as_images(tmp_path)
    saved(tmp_path / "train", PICTURES)
    with pytest.raises(ValueError, match=r"train has folders of pictures, as a part has, but lies"):
        as_images(tmp_path)
    (tmp_path / "one").rename(tmp_path / "test")
    assert len(as_images(tmp_path).test) == N
    PICTURES[0].save(tmp_path / "loose.png")
    with pytest.raises(ValueError, match=r"loose.png is in no class's folder"):
        as_images(tmp_path)


# --- small sets of others ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "small",
    [
        (torch.from_numpy(GREY[:6])[:, None], torch.tensor(LABELS[:6])),
        (torch.from_numpy(GREY[:6]), torch.tensor(LABELS[:6])[:, None]),
        (GREY[:6], LABELS[:6]),
        (WANTED[:6].half(), torch.tensor(LABELS[:6])),
    ],
)
def test_small_images_are_scaled_as_real_ones(small: Any) -> None:
    real = as_images((GREY, LABELS))
    found = read_images(small, real)
    wanted = real.preprocess.apply(WANTED[:6])
    torch.testing.assert_close(found.x, wanted, atol=2e-3, rtol=0)
    np.testing.assert_array_equal(found.y, LABELS[:6])


@pytest.mark.parametrize(
    ("small", "message"),
    [
        (
            (WANTED[:6] * 255, torch.zeros(6).long()),
            r"small set has pixels of 147.* in the root mean square, images of 0.57",
        ),
        ((WANTED[:6, 0].long(), torch.zeros(6).long()), "have the type torch.int64; give uint8"),
        (as_images((RGB, LABELS)), r"the small set has images \[3, 8, 6\], images has \[1, 8, 6\]"),
        (as_images((GREY, np.arange(N) % 4)), "has an image of class 3; images has classes 0..1"),
        (as_images((GREY.astype(np.float32), LABELS)), "bring both to one scale"),
    ],
)
def test_small_images_that_do_not_match(small: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_images(small, as_images((GREY, LABELS)))


def test_small_images_that_are_preprocessed_are_of_one_scale() -> None:
    real = as_images((GREY, LABELS))
    read_images((real.seen(real.train)[:6], real.labels[:6]), real)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"random_draws": -1}, "random_draws=-1 must be at least 0"),
        ({"plain_epochs": -1}, "plain_epochs=-1 must be at least 0"),
        ({"equal_bytes": "no"}, "equal_bytes='no' must be True or False"),
        ({"condensation_seconds": "a"}, "condensation_seconds='a' is not a finite number"),
        ({"condensation_seconds": {"b": 1}}, "names 'b', the sets are 'condensed'"),
        ({"condensation_seconds": {"condensed": -1}}, r"\['condensed'\]=-1 must be at least 0"),
    ],
)
def test_options_that_cannot_act(option: Any, message: str) -> None:
    small = torch.from_numpy(GREY[:6])[:, None], torch.tensor(LABELS[:6])
    with pytest.raises(ValueError, match=message):
        graphcondense.evaluate(small, as_images((GREY, LABELS), (GREY.copy(), LABELS)), **option)


def test_a_name_is_no_option_of_a_method() -> None:
    with pytest.raises(ValueError, match="random has no option 'name'"):
        graphcondense.condense(as_images((GREY, LABELS)), "random", name="x", per_class=1)


def test_hugging_faces_dictionary_is_data_by_part() -> None:
    """It is a mapping that has a shape."""

    class DatasetDict(dict[str, Any]):
        shape: ClassVar = {"train": (20, 2)}

    task = as_images(DatasetDict(train=(GREY, LABELS), test=(GREY[::-1].copy(), LABELS)))
    assert len(task.test) == len(GREY)


def test_a_bright_pixel_is_no_scale() -> None:
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images[0, 0, 0, 0] = 40.0
    task = as_images((images, torch.arange(40) % 2))
    assert len(read_images((images[20:], torch.arange(20) % 2), task).x) == 20
