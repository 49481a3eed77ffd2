"""A table of nodes beside a list of edges becomes a checked graph; what is wrong is named."""

from __future__ import annotations

import datetime as dt
import enum
import json
import uuid
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import graphcondense
from graphcondense.data import as_task
from graphcondense.data.column_fitting import fitted
from graphcondense.data.columns import Columns
from graphcondense.data.frame_splits import by_time
from graphcondense.data.task import NodeTask
from graphcondense.ops.arrays import dense

LIKES = ["cats", "dogs", "fish"]


def table(n: int = 90, seed: int = 0) -> pd.DataFrame:
    """A row for each node, of every kind of column; the index is their ids."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return pd.DataFrame(
        {
            "age": np.where(np.arange(n) % 7 == 3, np.nan, 40 + 5 * y + rng.normal(size=n)),
            "visits": rng.integers(0, 50, n),
            "city": pd.Series(
                [("rome", "oslo", None)[i % 3] for i in range(n)], dtype=object
            ).values,
            "vip": rng.random(n) < 0.3,
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "bio": [f"likes {LIKES[k]} and number {i} of things" for i, k in enumerate(y)],
            "year": 2000 + np.arange(n) // 10,
            "plan": np.array(["free", "paid", "pro"])[y],
        },
        index=[f"user{i}" for i in range(n)],
    )


def pairs(frame: pd.DataFrame, m: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    source, target = (frame.index[rng.integers(len(frame), size=m)] for _ in range(2))
    return pd.DataFrame({"from": source, "to": target})


def read(frame: pd.DataFrame, **options: Any) -> NodeTask:
    if "edges" not in options:
        options["edges"] = pairs(frame)
    return as_task(nodes=frame, **{"target": "plan", **options})


def refused(words: str, frame: pd.DataFrame, **options: Any) -> None:
    with pytest.raises(ValueError, match=words):
        read(frame, **options)


# --- columns ----------------------------------------------------------------------------------


def test_columns_are_those_of_scikit_learn_fitted_on_training_rows() -> None:
    frame = table()
    task = read(frame, drop=["age", "vip", "joined", "year"])
    train = task.train.numpy()
    want = ColumnTransformer(
        [
            ("visits", StandardScaler(), ["visits"]),
            ("city", OneHotEncoder(), ["city"]),
            ("bio", TfidfVectorizer(), "bio"),
        ],
        sparse_threshold=0,
    )
    frame["city"] = frame["city"].where(frame["city"].notna(), None)
    trained = want.fit(frame.iloc[train])
    # Words that training rows do not have are left out by both.
    np.testing.assert_allclose(dense(task.x_array), trained.transform(frame), atol=1e-6)
    assert not np.allclose(
        dense(task.x_array)[:, 0], StandardScaler().fit_transform(frame[["visits"]])[:, 0]
    )


def test_missing_values_are_means_and_are_said() -> None:
    frame = table()
    task = read(frame, drop=["visits", "city", "vip", "joined", "bio", "year"])
    assert task.columns.names == ["age", "age missing"]
    hole = frame["age"].isna().to_numpy()
    x = dense(task.x_array)
    np.testing.assert_allclose(x[hole, 0], 0, atol=1e-6)
    np.testing.assert_array_equal(x[:, 1], hole.astype(np.float32))
    known = frame["age"].to_numpy()[task.train.numpy()]
    (age,) = task.columns.columns
    assert age.mean == pytest.approx(np.nanmean(known))


def test_features_go_back_to_readable_values() -> None:
    frame = table()
    task = read(frame)
    back = task.columns.inverse(task.x)
    assert list(back) == ["age", "visits", "city", "vip", "joined", "bio", "year"]
    np.testing.assert_allclose(back["age"], frame["age"], rtol=1e-5)
    np.testing.assert_allclose(back["visits"], frame["visits"], atol=1e-3)
    assert back["city"].tolist() == [None if pd.isna(v) else v for v in frame["city"]]
    assert back["vip"].tolist() == frame["vip"].tolist()
    apart = (back["joined"] - frame["joined"].to_numpy()).abs()
    assert apart.max() < pd.Timedelta(hours=1)
    assert all(LIKES[i % 3] in text for i, text in enumerate(back["bio"]))


def test_an_inverse_needs_as_many_features() -> None:
    task = read(table())
    with pytest.raises(ValueError, match=r"one for each of the columns' names, got shape \(2, 3\)"):
        task.columns.inverse(torch.zeros(2, 3))


def test_plain_values_are_all_that_is_kept() -> None:
    told = read(table()).columns.record()
    again = Columns.of({"data": {"columns": json.loads(json.dumps(told))}})
    assert again == read(table()).columns
    for broken in ({}, {"data": {"columns": {"columns": [{"name": 3}], "left_out": {}}}}):
        with pytest.raises(ValueError, match="columns"):
            Columns.of(broken)


def test_nothing_is_fitted_on_rows_that_do_not_train() -> None:
    frame = table()
    split = ["train"] * 60 + ["val"] * 15 + ["test"] * 15
    before = read(frame.assign(split=split), split="split")
    frame.loc[frame.index[60:], "age"] = 1e6
    frame.loc[frame.index[60:], "city"] = "lima"
    frame.loc[frame.index[60:], "bio"] = "quite other words here"
    after = read(frame.assign(split=split), split="split")
    unseen = {"columns": [{**c, "unseen": 0} for c in after.columns.record()["columns"]]}
    want = {"columns": [{**c, "unseen": 0} for c in before.columns.record()["columns"]]}
    assert unseen == want
    np.testing.assert_array_equal(dense(after.x_array)[:60], dense(before.x_array)[:60])


def test_unseen_and_rare_categories_share_a_column_or_have_none() -> None:
    city = ["a"] * 6 + ["b"] * 6 + ["c"] + ["d"]
    rows = pd.DataFrame({"city": [*city, "new"]})
    x, columns = fitted(rows, np.arange(14), categorical=["city"])
    assert dense(x)[-1].tolist() == [0, 0, 0, 0]
    assert columns.columns[0].unseen == 1
    assert columns.inverse(x)["city"].tolist() == [*city, None]
    x, columns = fitted(rows, np.arange(14), categorical=["city"], min_frequency=2)
    assert columns.names == ["city=a", "city=b", "city=(infrequent)"]
    assert dense(x)[-3:].tolist() == [[0, 0, 1]] * 3


def test_constant_and_empty_columns_are_left_out_and_told() -> None:
    frame = table().assign(zero=0, same="x", never=np.nan)
    task = read(frame)
    assert dict(task.columns.left_out) == {
        "zero": "all training rows have 0.0",
        "same": "all training rows have x",
        "never": "no training row has a value",
    }
    few = frame[["zero", "plan"]]
    refused("no column of the nodes is a feature .*'zero'.*features='degree'", few)


def test_columns_that_are_no_features_are_named() -> None:
    frame = table()
    code = [f"k{i}" for i in range(len(frame))]
    refused("column 'code' has 54 different values in 54 training rows", frame.assign(code=code))
    refused("column 'tags' has values of type list", frame.assign(tags=[[1]] * len(frame)))
    refused("column 'z' has complex numbers", frame.assign(z=1j))
    refused("'age' is infinite in row 0", frame.assign(age=np.inf))
    refused(
        "column 'age' is 1e[+]160 in row 0, and numbers may be 1e[+]100", frame.assign(age=1e160)
    )
    refused(
        "target 'age' is 1e[+]60 at node 'user0'", frame.assign(age=1e60), target=["age", "vip"]
    )
    for far in ("9999-12-31", "0001-01-01"):
        dates = pd.Series([pd.Timestamp("2020-01-01").date()] * 90, dtype=object).to_list()
        dates[7] = dt.date.fromisoformat(far)
        refused(f"column 'end' has '{far}', which is no date from 1678 .*", frame.assign(end=dates))
    refused("text column 'dots' has no words", frame.assign(dots="!!"), text="dots")
    coded = read(frame.assign(code=code), categorical="code").columns
    assert sum(name.startswith("code=k") for name in coded.names) == 54
    assert read(frame.assign(code=code), drop="code").num_features


def test_nullable_and_mixed_columns_are_read() -> None:
    n = len(table())
    frame = table()[["plan"]].assign(
        whole=pd.array([None if i % 5 == 0 else i for i in range(n)], dtype="Int64"),
        truth=pd.array([None if i % 4 == 0 else i % 2 == 0 for i in range(n)], dtype="boolean"),
        level=pd.Categorical(["low", "high", "low"] * (n // 3)),
        month=pd.period_range("2020-01", periods=n, freq="M"),
        mixed=[None if i % 6 == 0 else bool(i % 3) for i in range(n)],
        price=[None if i % 6 == 0 else Decimal(i) / 8 for i in range(n)],
        part=[Fraction(i, 8) for i in range(n)],
    )
    task = read(frame)
    kinds = {c.name: (c.kind, c.missing) for c in task.columns.columns}
    assert kinds == {
        "whole": ("number", True),
        "truth": ("boolean", True),
        "level": ("category", False),
        "month": ("date", False),
        "mixed": ("boolean", True),
        "price": ("number", True),
        "part": ("number", False),
    }
    back = task.columns.inverse(task.x)
    assert back["part"].tolist() == pytest.approx([i / 8 for i in range(n)], abs=1e-4)
    for beyond in (10**400, Decimal(10) ** 400, Fraction(10**400)):
        refused("'part' is infinite in row", frame.assign(part=[beyond] * n))
        refused("'part' is infinite at node", frame.assign(part=[beyond] * n), by="part")
    assert back["truth"].isna().tolist() == frame["truth"].isna().tolist()
    assert back["level"].tolist() == frame["level"].tolist()


# --- targets ----------------------------------------------------------------------------------


def test_names_of_classes_are_kept_in_order() -> None:
    frame = table()
    assert read(frame).facts.classes == ("free", "paid", "pro")
    order = pd.Categorical(frame["plan"], categories=["pro", "free", "paid", "gone"])
    task = read(frame.assign(plan=order))
    assert task.facts.classes == ("pro", "free", "paid")
    assert task.y[:3].tolist() == [1, 2, 0]


def test_targets_of_every_kind() -> None:
    frame = table()
    n = len(frame)
    assert read(frame, target="vip").facts.classes == ("False", "True")
    assert read(frame.assign(score=np.arange(n) + 0.5), target="score").label_kind == "regression"
    grade = frame.assign(grade=np.arange(n) % 3 + 1)
    task = read(grade, target="grade")
    assert (task.label_kind, task.facts.classes) == ("classes", ("1", "2", "3"))
    refused("'visits' has .* different whole numbers: say what they are", frame, target="visits")
    assert read(frame, target="visits", label_kind="regression").num_classes == 1
    two = frame.assign(a=np.arange(n) % 2, b=(np.arange(n) % 3 == 0))
    task = read(two, target=["a", "b"])
    assert (task.label_kind, task.facts.classes, task.y.shape) == ("binary", ("a", "b"), (n, 2))
    assert read(frame, target=["age", "visits"]).label_kind == "regression"
    refused("target 'plan' is 'free' at node 'user0'", frame, target=["plan", "vip"])
    refused("two|2 columns, which are several tasks", two, target=["a", "b"], label_kind="classes")
    refused("values other than 0, 1", frame, target=["vip", "visits"], label_kind="binary")
    shares = frame.assign(a=np.linspace(0.1, 0.8, n), b=1 - np.linspace(0.1, 0.8, n))
    refused("add up to one in every row.*'soft'", shares, target=["a", "b"])
    task = read(shares, target=["a", "b"], label_kind="soft")
    assert (task.label_kind, task.facts.classes, task.y.shape) == ("soft", ("a", "b"), (n, 2))
    refused(
        "soft label .0.1, 0.5., whose sum is 0.6: .* divide weights by the sum of their row",
        shares.assign(b=0.5),
        target=["a", "b"],
        label_kind="soft",
    )
    hundredths = shares.assign(a=shares.a.round(2), b=shares.b.round(2) + 0.01)
    refused("add up to one", hundredths, target=["a", "b"])
    assert read(hundredths, target=["a", "b"], label_kind="soft").label_kind == "soft"
    for name in ("a", "plan"):
        refused(f"'{name}' is one column, and soft", shares, target=name, label_kind="soft")


def test_rows_without_a_target_are_nodes_without_a_label() -> None:
    frame = table()
    frame.loc[frame.index[:9], "plan"] = None
    task = read(frame)
    assert task.y[:9].tolist() == [-1] * 9
    assert len(task.train) + len(task.val) + len(task.test) == len(frame) - 9
    assert task.num_nodes == len(frame)
    words = ["train"] * 45 + ["val"] * 45
    assert read(frame.assign(s=words), split="s").unlabelled == {"train": 9, "val": 0, "test": 0}


def test_constant_targets_are_refused() -> None:
    frame = table()
    refused("'plan' is 'x' in every row", frame.assign(plan="x"))
    refused("'plan' has no value in any row", frame.assign(plan=None))
    split = ["train" if p == "free" else "val" for p in frame["plan"]]
    refused("is 'free' in all training rows", frame.assign(s=split), split="s")
    split = ["train" if p != "pro" else "val" for p in frame["plan"]]
    refused("class 'pro' of target 'plan' has no training node", frame.assign(s=split), split="s")
    refused("'v' is '1.5' in every row", frame.assign(v=1.5), target="v", label_kind="regression")
    refused("'v' is '3' in every row", frame.assign(v=3), target="v")
    v = [1.0] * 45 + [2.5 + i for i in range(45)]
    words = ["train"] * 45 + ["val"] * 45
    refused(
        *("target 0 is 1 for all training", frame.assign(v=v, s=words)),
        target="v",
        label_kind="regression",
        split="s",
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pd.date_range("2024-01-01", periods=90), "type Timestamp, such as '2024-01-01"),
        ([[1, 2]] * 90, r"type list.*\.astype\(str\)"),
        (np.arange(90) + 1j, r"type complex.*numpy.real\(nodes\['goal'\]\)"),
        (
            [*(f"name {i}" for i in range(80)), *[None] * 10],
            "another value in each of the 80 rows that have one, such as 'name.*'classes' if",
        ),
    ],
)
def test_what_is_neither_classes_nor_numbers_is_no_target(values: Any, words: str) -> None:
    refused(words, table().assign(goal=values), target="goal")


class Colour(enum.Enum):
    BLUE, GREEN, RED = 3, 2, 1


HOLED = [None, *range(1, 90)]
TIMES = pd.date_range("2024-01-01", periods=3)


@pytest.mark.parametrize(
    ("values", "label_kind"),
    [
        (list(Colour) * 30, None),
        ([b"a", b"b", b"c"] * 30, None),
        ([uuid.UUID(int=i) for i in range(3)] * 30, None),
        ([(1, 2), (1, 3), (2, 1)] * 30, None),
        (pd.PeriodIndex(["2020", "2021", "2022"] * 30, freq="Y"), None),
        ([Decimal(i) for i in range(3)] * 30, None),
        ([*TIMES] * 30, "classes"),
        ([time.date() for time in TIMES] * 30, "classes"),
        ([*(TIMES - TIMES[0])] * 30, "classes"),
        (np.arange(90) % 3 * 1j, "classes"),
    ],
)
def test_whatever_repeats_are_classes(values: Any, label_kind: Any) -> None:
    task = read(table().assign(goal=values), target="goal", label_kind=label_kind)
    assert (task.label_kind, task.y.tolist()) == ("classes", [0, 1, 2] * 30)


@pytest.mark.parametrize("rare", [Decimal, Fraction, float, np.float32])
@pytest.mark.parametrize("label_kind", [None, "regression"])
def test_numbers_of_any_type_are_targets(rare: Any, label_kind: Any) -> None:
    values = np.array([None if i is None else rare(i) / 8 for i in HOLED], dtype=object)
    task = read(table().assign(goal=values), target="goal", label_kind=label_kind)
    assert task.label_kind == "regression"
    assert task.y[1:, 0].tolist() == [i / 8 for i in range(1, 90)]
    assert bool(task.y[0].isnan())
    two = read(table().assign(goal=values), target=["goal", "visits"])
    assert torch.equal(two.y[1:, :1], task.y[1:])


@pytest.mark.parametrize("rare", [Decimal, Fraction])
def test_numbers_beyond_floats_are_refused(rare: Any) -> None:
    huge = [rare(i) * 10**400 for i in range(90)]
    refused("inf at node 'user1', beyond", table().assign(goal=huge), target="goal", **REGRESSION)


def test_whole_numbers_that_a_database_gives_as_objects_are_numbers() -> None:
    values = np.array([100 + i // 2 for i in range(90)], dtype=object)
    refused(
        "45 different whole numbers: say what they are", table().assign(goal=values), target="goal"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda i: np.datetime64("2020-01-01") + i % 3, "dt.year"),
        (lambda i: np.timedelta64(i % 3 + 1, "D"), "total_seconds"),
        (lambda i: ([i % 3], 2), "one number of each, or a class, by"),
    ],
)
def test_objects_that_are_neither_classes_nor_numbers(value: Any, said: str) -> None:
    values = np.empty(90, dtype=object)
    for i in range(90):
        values[i] = value(i)
    refused(said, table().assign(goal=values), target="goal")


REGRESSION: dict[str, Any] = {"label_kind": "regression"}


def test_classes_that_are_said_to_be_may_have_a_row_each() -> None:
    """Whether each has a training node is then asked as of all classes."""
    names = [f"name {i}" for i in range(90)]
    parts = ["train"] * 90
    frame = table().assign(goal=names, s=parts)
    task = read(frame, target="goal", label_kind="classes", split="s")
    assert task.num_classes == 90
    frame["goal"] = pd.Categorical(names)
    assert read(frame, target="goal", split="s").num_classes == 90
    half = frame.assign(s=["train", "val"] * 45)
    refused("has no training node", half, target="goal", split="s")


@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2024-03-01", periods=90, freq="40D"),
        [time.date() for time in pd.date_range("2024-03-01", periods=90, freq="40D")],
        pd.to_timedelta(np.arange(90), unit="h"),
        np.arange(90) + 1j,
    ],
)
def test_what_is_advised_of_a_target_makes_numbers(values: Any) -> None:
    """What the message names gives a target, and numbers alone can be one of several."""
    nodes = table().assign(goal=values)
    for more in ({}, REGRESSION):
        with pytest.raises(ValueError, match="make numbers of them, as by") as told:
            read(nodes, target="goal", **more)
    advice = str(told.value).split("as by ")[1].split(", or, if")[0]
    numbers = eval(advice, {"pandas": pd, "numpy": np, "nodes": nodes})
    task = read(nodes.assign(goal=numbers), target="goal", **REGRESSION)
    assert len(task.y.unique()) > 5
    refused("make numbers of them.*name this target alone", nodes, target=["goal", "visits"])


@pytest.mark.parametrize("given", [None, "cora", 3, pd.DataFrame({"a": [1]})])
def test_columns_are_told_by_a_record(given: Any) -> None:
    with pytest.raises(ValueError, match=r"Columns.of\(.*give the record of a condensed set"):
        Columns.of(given)


def test_intervals_of_a_cut_are_classes() -> None:
    task = read(table().assign(goal=pd.cut(np.arange(90), 3)), target="goal")
    assert task.num_classes == 3


@pytest.mark.parametrize("values", [np.arange(90) % 2 == 0, np.arange(90) + 1j])
def test_truth_values_and_complex_numbers_are_no_times(values: Any) -> None:
    refused("'when' is of type .*: give dates, or numbers", table().assign(when=values), by="when")


def test_a_table_of_another_library_is_told_the_way() -> None:
    import pyarrow as pa

    with pytest.raises(ValueError, match=r"got a Table; nodes.to_pandas\(\) makes one"):
        as_task(nodes=pa.table({"a": [1.0]}), edges=[], target="a")


def test_a_long_split_is_told_in_few_words() -> None:
    frame = table()
    with pytest.raises(ValueError, match="split=") as told:
        read(frame.assign(when=np.arange(90)), by="when", split=frame["plan"])
    assert len(str(told.value)) < 400


def test_what_is_no_table_no_text_and_no_time() -> None:
    frame = table()
    with pytest.raises(ValueError, match="nodes is one table, of nodes of one type"):
        as_task(nodes={"a": frame, "b": frame}, edges=[], target="plan")
    with pytest.raises(ValueError, match="nodes is no table of columns by name"):
        as_task(nodes={"plan": "free", "v": 1}, edges=[], target="plan")
    refused("text='visits': column 'visits' has", frame, text="visits")
    endless = frame.assign(t=[*range(len(frame) - 1), float("inf")])
    refused("the time column 't' is infinite at node", endless, by="t")


# --- splits -----------------------------------------------------------------------------------


def test_shares_are_drawn_class_by_class_by_a_seed() -> None:
    task = read(table())
    assert [len(task.train), len(task.val), len(task.test)] == [54, 18, 18]
    assert torch.bincount(task.y[task.test]).tolist() == [6, 6, 6]
    again, other = read(table()), read(table(), seed=1)
    assert torch.equal(task.train, again.train)
    assert not torch.equal(task.train, other.train)
    part = read(table(), split=(0.2, 0.1, 0.1))
    assert [len(part.train), len(part.val), len(part.test)] == [18, 9, 9]
    same = read(table(), split=np.array([0.2, 0.1, 0.1]))
    assert torch.equal(same.train, part.train)


def test_options_that_cannot_act() -> None:
    frame = table()
    refused("seed=3 cannot act.* by='year' deals out shares", frame, by="year", seed=3)
    words = frame.assign(part=np.repeat(["train", "val", "test"], 30))
    refused("seed=3 cannot act.* split='part' says", words, split="part", seed=3)
    plain = frame[["age", "visits", "plan"]]
    refused("terms=50 cannot act: no column is read as text", plain, terms=50)
    refused("min_frequency=2 cannot act: no column is read as category", plain, min_frequency=2)
    bare = frame[["plan"]]
    refused("terms=50 cannot act", bare, features="degree", terms=50)
    read(frame, terms=50, min_frequency=2)


def test_a_column_or_masks_say_the_split() -> None:
    frame = table()
    words = np.repeat(["training", "Valid", "test"], 30)
    task = read(frame.assign(part=words), split="part")
    assert task.val.tolist() == list(range(30, 60))
    assert "part" not in "".join(task.columns.names)
    mask = np.arange(90) // 30
    by_mask = read(frame.assign(tr=mask == 0), split={"train": "tr", "val": mask == 1})
    assert by_mask.val.tolist() == task.val.tolist()
    assert not len(by_mask.test)
    refused("'part' has 'holdout' in row 0", frame.assign(part="holdout"), split="part")
    refused("row 0 is in train and in val", frame, split={"train": mask < 2, "val": mask == 0})
    refused("its names are train, val and test", frame, split={"fold1": mask < 2})
    refused("must be a mask", frame, split={"train": [3, 4]})
    for shares in (np.array([0.6, 0.2, 0.2], np.float32), torch.tensor([0.6, 0.2, 0.2])):
        assert torch.equal(
            read(frame, split=shares).train, read(frame, split=(0.6, 0.2, 0.2)).train
        )
    refused("must be three shares", frame, split=(0.9, 0.2, 0.2))
    refused("must be three shares", frame, split=(0.5, 0.5))
    refused("leaves no row to train on", frame, split={"val": mask == 0})


def test_time_parts_rows_and_never_those_of_one_time() -> None:
    frame = table()
    task = read(frame, by="year")
    years = frame["year"].to_numpy()
    parts = [years[getattr(task, split).numpy()] for split in ("train", "val", "test")]
    assert parts[0].max() < parts[1].min()
    assert parts[1].max() < parts[2].min()
    assert [len(part) for part in parts] == [50, 20, 20]
    assert not any(name.startswith("year") for name in task.columns.names)
    by_day = read(frame, by="joined")
    days = frame["joined"].to_numpy()
    assert days[by_day.train.numpy()].max() < days[by_day.val.numpy()].min()
    text = frame.assign(day=frame["joined"].dt.strftime("%Y-%m-%d"))
    assert torch.equal(read(text, by="day").train, by_day.train)


def test_what_has_an_order_is_a_time() -> None:
    """Years as text, as a file read with ``dtype=str`` has them; durations; ordered categories, as
    their order says and not their words."""
    frame = table()
    train, year = read(frame, by="year").train, frame["year"]
    words = {value: f"{chr(122 - i)} quarter" for i, value in enumerate(sorted(year.unique()))}
    ordered = pd.CategoricalDtype(list(words.values()), ordered=True)
    for times in (
        year.astype(str),
        year.astype(str).astype("category"),
        pd.to_timedelta(year, unit="D"),
        pd.to_timedelta(year, unit="D").astype("category"),
        pd.to_timedelta(year, unit="D").astype(object),
        pd.Series([dt.timedelta(days=int(y)) for y in year], dtype=object),
        year.map(words).astype(ordered),
        year.map(Decimal),
    ):
        assert torch.equal(read(frame.assign(t=times.array), by="t").train, train), times.dtype
    refused("'z quarter'|' quarter' at", frame.assign(t=year.map(words)), by="t")


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.integers(0, 9), min_size=3, max_size=40),
    shares=st.sampled_from([(0.6, 0.2, 0.2), (0.5, 0.25, 0.25), (0.8, 0.0, 0.2), (0.3, 0.1, 0.1)]),
)
def test_any_times_are_parted_in_order(
    times: list[int], shares: tuple[float, float, float]
) -> None:
    column, known = pd.Series(times, name="t"), np.arange(len(times))
    if len(set(times)) < sum(share > 0 for share in shares):
        with pytest.raises(ValueError, match="different times"):
            by_time(column, known, shares, column.index)
        return
    parts = by_time(column, known, shares, column.index)
    values = [{times[i] for i in part} for part in parts.values()]
    assert [bool(v) for v in values] == [share > 0 for share in shares]
    found = [v for v in values if v]
    assert all(max(a) < min(b) for a, b in pairwise(found))
    if sum(shares) == 1:
        assert sorted(np.concatenate(list(parts.values()))) == known.tolist()


def test_times_with_holes_and_other_words_are_refused() -> None:
    frame = table()
    hole = frame["year"].astype(float)
    hole.iloc[4] = np.nan
    refused(
        "time column 'year' has no value in 1 rows .*'user4'", frame.assign(year=hole), by="year"
    )
    refused("'city' has .*no value", frame, by="city")
    words = "'plan2' has 'free' at node 'user0', which is no number"
    refused(words, frame.assign(plan2=frame["plan"]), by="plan2")
    for text in ("01.02.2020", "02/01/2020", "1 Feb 2020", "2020"):  # the first is of February
        day = ["2020-02-01"] * (len(frame) - 1) + [text]
        refused(f"'day' has '{text}' at node 'user89'.*2020-02-01", frame.assign(day=day), by="day")
    day = ["2020-02-01"] * 80 + ["2020-02-31"] * 10
    refused("time column 'day' has '2020-02-31'", frame.assign(day=day), by="day")
    days = frame["joined"].dt.date
    assert torch.equal(read(frame.assign(d=days), by="d").train, read(frame, by="joined").train)
    refused("has 1 different times", frame.assign(year=2000), by="year")
    refused("by='year' deals out shares", frame.assign(s="train"), by="year", split="s")


# --- edges and ids ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["frame", "rows", "columns", "tensor", "pairs"])
def test_edges_in_every_form(form: str) -> None:
    frame = table().reset_index(drop=True)
    ends = np.array([[0, 1], [1, 2], [5, 3], [7, 7]])
    forms: dict[str, Any] = {
        "frame": pd.DataFrame(ends),
        "rows": ends,
        "columns": ends.T,
        "tensor": torch.from_numpy(ends.T.copy()),
        "pairs": [tuple(map(int, pair)) for pair in ends],
    }
    task = read(frame, edges=forms[form])
    assert sorted(zip(*task.adj.nonzero(), strict=True)) == [(1, 0), (2, 1), (3, 5), (7, 7)]


def test_ids_of_any_type_name_nodes() -> None:
    frame = table()
    named = frame.reset_index(names="who")
    want = read(frame)
    task = read(named, id="who", edges=pairs(frame))
    assert (task.adj != want.adj).nnz == 0
    assert task.facts.ids is not None
    assert task.facts.ids[:2].tolist() == ["user0", "user1"]
    days = frame.set_index(pd.date_range("2020-01-01", periods=len(frame)))
    assert read(days, edges=[(days.index[0], days.index[1])]).adj.nnz == 1


def test_weights_and_both_ways() -> None:
    frame = table()
    edges = pd.DataFrame({"a": ["user0", "user1"], "b": ["user1", "user0"], "weight": [2.0, 3.0]})
    assert read(frame, edges=edges).adj[1, 0] == 2
    both = read(frame, edges=edges[:1], directed=False).adj
    assert (both[1, 0], both[0, 1]) == (2, 2)
    assert read(frame, edges=edges.iloc[:1, :2], directed=False).adj.nnz == 2
    refused("'weight' is no number in row 0", frame, edges=edges.assign(weight=["x", 1]))
    refused("edges has the column 'kind'", frame, edges=edges.assign(kind=1))


def test_ends_that_are_no_node_are_named() -> None:
    frame = table()
    refused(
        "edge 1 has the target 'zoe', which is no node",
        frame,
        edges=[("user0", "user1"), ("user2", "zoe")],
    )
    refused(r"\(edges have int.*, nodes str\)", frame, edges=[(0, 1), (2, 3), (4, 5)])
    refused("edges of shape", frame, edges=np.array([["user0", "user1"], ["user1", "user2"]]))
    refused("must be", frame, edges=np.zeros((3, 3)))
    refused("edges is missing", frame, edges=None)


def test_ids_that_are_twice_or_missing() -> None:
    frame = table()
    frame.index = ["user0", *frame.index[1:-1], "user0"]
    refused("the id 'user0' more than once", frame, edges=[("user1", "user2")])
    named = table().reset_index(names="who")
    named.loc[5, "who"] = None
    refused("column 'who' has no id in row 5", named, id="who")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "plam"}, "no column 'plam'; did you mean plan"),
        ({"id": "nmae"}, "no column 'nmae'"),
        ({"text": "boi"}, "no column 'boi'; did you mean bio"),
        ({"by": "yaer"}, "no column 'yaer'; did you mean year"),
        ({"split": "yeer"}, "no column 'yeer'; did you mean year"),
        ({"drop": ["cty"]}, "no column 'cty'; did you mean city"),
        ({"tex": "bio"}, "no option 'tex'; did you mean text"),
        ({"text": 3}, "text=3 must be the name of a column"),
        ({"text": "plan"}, "'plan' is the target"),
        ({"min_frequency": 0}, "min_frequency=0"),
        ({"target": []}, "names no column"),
        ({"target": ["vip", "vip"]}, "names a column twice"),
        ({"features": "degree"}, "there are the columns 'age'"),
        ({"features": "degrees"}, "choose one of 'degree'"),
    ],
)
def test_wrong_words_are_named(options: dict[str, Any], words: str) -> None:
    refused(words, table(), **options)


def test_wrong_tables_are_named() -> None:
    with pytest.raises(ValueError, match="nodes must be a pandas DataFrame"):
        as_task(nodes=[1, 2], edges=[], target="y")
    with pytest.raises(ValueError, match="target= is for a table of nodes"):
        as_task(target="y")
    with pytest.raises(ValueError, match="not both"):
        as_task(object(), nodes=table(), edges=[], target="plan")
    refused("nodes has no rows", table().iloc[:0], edges=[("a", "b")])
    twice = table().assign(b=1).rename(columns={"b": "age"})
    refused("two columns called 'age'", twice)


def test_the_table_is_not_changed() -> None:
    frame, edges = table(), pairs(table())
    before = frame.copy(deep=True)
    read(frame, edges=edges, directed=False)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(edges, pairs(table()))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_small_table_is_read_or_refused_in_words(data: st.DataObject) -> None:
    n = data.draw(st.integers(4, 12))
    cells = st.one_of(
        st.lists(st.floats(-1e9, 1e9) | st.none(), min_size=n, max_size=n),
        st.lists(st.sampled_from(["a", "b", None]), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.lists(st.dates() | st.none(), min_size=n, max_size=n),
        st.lists(st.text(max_size=5), min_size=n, max_size=n),
    )
    columns = data.draw(st.dictionaries(st.text(max_size=4), cells, min_size=1, max_size=4))
    frame = pd.DataFrame({**columns, "target": ["x", "y"] * (n // 2) + ["x"] * (n % 2)})
    try:
        task = as_task(nodes=frame, edges=[(0, 1)], target="target", split=(1, 0, 0))
    except ValueError:
        return
    x = dense(task.x_array)
    assert np.isfinite(x).all()
    assert x.shape == (n, len(task.columns.names))
    assert len(task.columns.inverse(task.x_array)) == n
    json.dumps(task.facts.record())


# --- through the whole package ----------------------------------------------------------------


def test_a_table_goes_all_the_way(tmp_path: Any) -> None:
    task = read(table(), directed=False)
    small = graphcondense.condense(task, "gecc", nodes=6, progress=False)
    about = small.condensed["data"]
    assert about["class_names"] == ["free", "paid", "pro"]
    path = graphcondense.save(small, tmp_path)
    again = graphcondense.load(path)
    assert Columns.of(again.condensed) == task.columns
    ages = task.columns.inverse(again.x)["age"]
    assert ages[:2].mean() < ages[4:].mean()
    card = path.with_suffix(".md").read_text()
    assert "| city | category | oslo, rome, (missing) |" in card
    assert "data.columns.columns" not in card
    report = graphcondense.evaluate.evaluate(
        again, task, models=["GCN"], seeds=1, epochs=5, progress=False
    )
    assert "GCN" in report.table()


def test_columns_fitted_without_noise_are_not_private() -> None:
    pytest.importorskip("dp_accounting")
    with pytest.raises(ValueError, match="the columns of the table were fitted without"):
        graphcondense.condense(read(table()), "gecc", nodes=6, epsilon=4.0, progress=False)
