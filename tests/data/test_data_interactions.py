"""Users by items: matrices, graphs, frames and files."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import HeteroData

from graphcondense import data as gd
from graphcondense.data import interactions, ratings
from graphcondense.data.interaction_reading import as_interactions
from graphcondense.data.ratings import load_interactions
from graphcondense.saved.condensed_rows import CondensedInteractions


def some(users: int = 12, items: int = 20, seed: int = 0) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    out = (rng.random((users, items)) < 0.5).astype(np.float32)
    out[:, :3] = 1
    return sp.csr_matrix(out)


def same(a: sp.csr_matrix, b: sp.csr_matrix) -> bool:
    return a.shape == b.shape and not (a != b).nnz


def graph(matrix: sp.csr_matrix, reverse: bool = True) -> HeteroData:
    out, coo = HeteroData(), matrix.tocoo()
    out["user"].num_nodes, out["item"].num_nodes = matrix.shape
    index = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
    out["user", "rates", "item"].edge_index = index
    out["user", "rates", "item"].rating = torch.from_numpy(coo.data)
    if reverse:
        out["item", "rev_rates", "user"].edge_index = index.flip(0)
    return out


# --- the split


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 12), st.integers(3, 30))
def test_random_split(seed: int, users: int, items: int) -> None:
    """Every interaction of a kept user is in exactly one part, in the promised numbers."""
    rng = np.random.default_rng(seed)
    whole = sp.csr_matrix((rng.random((users, items)) < 0.6).astype(np.float32))
    counts = whole.getnnz(1)
    if counts.max() < 3:
        with pytest.raises(ValueError, match="no user has 3 items"):
            as_interactions(whole)
        return
    if counts.min() < 3:
        with pytest.warns(UserWarning, match=f"{(counts < 3).sum()} of {users} users have fewer"):
            task = as_interactions(whole, seed=seed)
    else:
        task = as_interactions(whole, seed=seed)
    kept = np.flatnonzero(counts >= 3)
    assert task.dropped_users == users - len(kept)
    assert same(task.train + task.val + task.test, whole[kept])
    n = counts[kept]
    assert (task.train.getnnz(1) == 8 * n // 10).all()
    assert (task.val.getnnz(1) == 9 * n // 10 - 8 * n // 10).all()
    assert (task.test.getnnz(1) >= 1).all()
    if task.dropped_users:
        assert task.user_ids is not None
        assert task.user_ids.tolist() == kept.tolist()


def test_the_seed_draws_the_split() -> None:
    first, again, other = (as_interactions(some(), seed=s) for s in (1, 1, 2))
    assert same(first.test, again.test)
    assert first.digest == again.digest != other.digest
    assert not same(first.test, other.test)


def test_every_item_may_be_held_out() -> None:
    """No place of a user's items is favoured."""
    held = sum(as_interactions(some(), seed=seed).test for seed in range(60))
    assert (np.asarray(held.sum(0)).ravel() > 0).all()


def test_test_items_are_not_in_the_digest() -> None:
    task = as_interactions(some())
    other = interactions.replace(task, test=task.test[:, ::-1].tocsr())
    assert other.digest == task.digest


# --- what data may be


def test_all_kinds_of_data_are_one() -> None:
    whole = some()
    coo = whole.tocoo()
    frame = pd.DataFrame({"userId": coo.row, "movieId": coo.col, "rating": coo.data})
    expected = as_interactions(whole)
    for data in (whole.tocoo(), graph(whole), graph(whole, reverse=False), frame):
        found = as_interactions(data)
        for part in interactions.SPLITS:
            assert same(getattr(found, part), getattr(expected, part)), type(data)
    assert as_interactions(expected) is expected


def test_condensed_form_opens_again() -> None:
    small = CondensedInteractions(some())
    assert same(as_interactions(small.hetero).train, as_interactions(some()).train)


def test_data_are_not_changed() -> None:
    whole = sp.csr_matrix(np.array([[2.0, 0, 3, 4], [1, 1, 5, 1]]))
    before = whole.copy()
    as_interactions(whole)
    assert same(whole, before)
    assert whole.dtype == before.dtype


def test_ids_are_kept() -> None:
    frame = pd.DataFrame({"user": list("bbbaaaa"), "item": [9, 5, 7, 5, 7, 9, 11]})
    task = as_interactions(frame)
    assert task.user_ids.tolist() == ["a", "b"]
    assert task.item_ids.tolist() == [5, 7, 9, 11]
    assert (task.train + task.val + task.test).toarray().tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


def test_duplicates() -> None:
    frame = pd.DataFrame({"user": [0] * 8, "item": [0, 0, 0, 1, 2, 3, 4, 4]})
    merged = as_interactions(frame)
    counted = as_interactions(frame, duplicates="count")
    parts = [counted.train, counted.val, counted.test]
    assert set(merged.train.data) == {1.0}
    assert counted.train.data.max() > 1
    for part in parts[1:]:
        assert set(part.data) <= {1.0}
    # a repeated pair lies in one part
    assert sum((part != 0).astype(int) for part in parts).max() == 1
    for item, count in enumerate([3, 1, 1, 1, 2]):
        assert counted.train[0, item] in (0, count)
    matrix = sp.csr_matrix(np.array([[3.0, 1, 1, 1, 2]]))
    assert same(as_interactions(matrix, duplicates="count").train, counted.train)
    with pytest.raises(ValueError, match="duplicates='sum': choose 'merge' or 'count'"):
        as_interactions(frame, duplicates="sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="min_rating='4': give a number"):
        as_interactions(frame, min_rating="4")  # type: ignore[arg-type]


def test_min_rating() -> None:
    ratings = sp.csr_matrix(np.array([[5.0, 4, 3, 5, 1, 4]]))
    task = as_interactions(ratings, min_rating=4)
    assert sorted((task.train + task.val + task.test).indices) == [0, 1, 3, 5]
    assert set(task.train.data) == {1.0}
    assert same(as_interactions(graph(ratings), min_rating=4).train, task.train)


def test_given_split() -> None:
    train = sp.csr_matrix(np.array([[1, 1, 0, 0], [1, 0, 0, 0.0]]))
    val = sp.csr_matrix(np.array([[0, 0, 1, 0], [0, 0, 0, 0.0]]))
    test = sp.csr_matrix(np.array([[0, 0, 0, 1], [0, 0, 1, 0.0]]))
    task = as_interactions({"train": train, "val": val, "test": test}, name="mine")
    assert (task.name, task.num_users, task.num_items) == ("mine", 2, 4)
    assert same(task.seen, train + val)
    assert task.unseen_items == 2  # items 2 and 3: kept, although nobody trains on them
    part = task.users(torch.tensor([1]))
    assert same(part.test, test[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"val": sp.csr_matrix((2, 3))}, r"val is \(2, 3\), train \(2, 4\): item ids out of range"),
        (
            {"test": sp.csr_matrix(np.eye(2, 4))},
            r"item 0 of user 0 is in train and in test \(2 such pairs\)",
        ),
        ({"train": sp.csr_matrix((2, 4))}, r"user 0 has no training items \(2 such users\)"),
        ({"test": [[1, 2]]}, "test must be a matrix of SciPy, torch or NumPy, .* got a list"),
    ],
)
def test_bad_splits(change, message) -> None:
    parts = {
        "train": sp.csr_matrix(np.eye(2, 4) + np.eye(2, 4, 1)),
        "val": sp.csr_matrix((2, 4)),
        "test": sp.csr_matrix((2, 4)),
    }
    with pytest.raises(ValueError, match=message):
        as_interactions({**parts, **change})
    with pytest.raises(ValueError, match=r"a given split needs train and test: test is missing"):
        as_interactions({"train": parts["train"]})


# --- bad input


def shifted() -> HeteroData:
    data = graph(some())
    data["user", "rates", "item"].edge_index[1, 0] = 20
    return data


def two_kinds() -> HeteroData:
    data = graph(some())
    data["user", "views", "item"].edge_index = data["user", "rates", "item"].edge_index
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (sp.csr_matrix([[1.0, -2, 1, 1]]), "the value -2 of user 0 and item 1 is negative"),
        (sp.csr_matrix([[1.0, np.nan, 1, 1]]), "the value nan of user 0 and item 1 is not finite"),
        (sp.csr_matrix((3, 5)), "no user has 3 items"),
        (shifted(), r"item 20 is out of range: there are 20, 0\.\.19"),
        (two_kinds(), "say which with edge_type="),
        (pd.DataFrame({"user": [1], "thing": [2]}), "no column 'item'; it has user, thing"),
        (pd.DataFrame({"user": [1, None], "item": [2, 3]}), "'user' has a missing value"),
        (np.eye(3), "cannot read interactions from a ndarray; pass a SciPy CSR"),
    ],
)
def test_bad_data(data, message) -> None:
    with pytest.raises(ValueError, match=message):
        as_interactions(data)


def test_edge_type_is_chosen() -> None:
    data = two_kinds()
    task = as_interactions(data, edge_type=("user", "views", "item"))
    assert same(task.train, as_interactions(some()).train)
    with pytest.raises(ValueError, match="edge_type="):
        as_interactions(data, edge_type=("user", "buys", "item"))


# --- files


def write_authors(folder: Path, part: list[int], item: list[int] | None = None) -> None:
    folder.mkdir(exist_ok=True)
    with h5py.File(folder / "total_data.hdf5", "w") as file:
        file["user"] = np.array([7] * 4 + [3] * 4 + [5] * 2)
        file["item"] = np.array(item or [1, 9, 4, 2, 1, 9, 4, 2, 1, 9])
        file["rating"] = np.ones(10, dtype=np.float32)
    np.savez(folder / "index.npz", data=np.array(part))


def test_authors_split(tmp_path: Path) -> None:
    write_authors(tmp_path / "own", [0, 0, 1, 2, 0, 2, 0, 0, -1, -1])
    task = load_interactions(tmp_path / "own")
    assert task.name == "own"
    assert task.user_ids.tolist() == [3, 7]
    assert task.item_ids.tolist() == [1, 2, 4, 9]
    assert task.dropped_users == 1
    assert task.train.toarray().tolist() == [[1, 1, 1, 0], [1, 0, 0, 1]]
    assert task.val.toarray().tolist() == [[0, 0, 0, 0], [0, 0, 1, 0]]
    assert task.test.toarray().tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]
    with pytest.warns(UserWarning, match="1 of 3 users have fewer"):
        drawn = load_interactions(tmp_path / "own", split="random")
    assert (drawn.num_users, drawn.dropped_users) == (2, 1)
    with pytest.raises(ValueError, match="split='public': own has authors, random"):
        load_interactions(tmp_path / "own", split="public")


def test_bad_authors_files(tmp_path: Path) -> None:
    write_authors(tmp_path, [0] * 9 + [4])
    with pytest.raises(ValueError, match=r"part 4; known are 0 train, 1 validation, 2 test"):
        load_interactions(tmp_path)
    write_authors(tmp_path, [0] * 8)
    with pytest.raises(ValueError, match="arrays of different lengths"):
        load_interactions(tmp_path)
    write_authors(tmp_path, [0, 2] + [0] * 8, [1, 1] + [2] * 8)
    with pytest.raises(ValueError, match="item 1 of user 7 is in train and in test"):
        load_interactions(tmp_path)
    np.savez(tmp_path / "index.npz", data=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="cannot be read"):
        load_interactions(tmp_path)


def test_movielens_files(tmp_path: Path) -> None:
    coo = some().tocoo()
    lines = [(u + 1, i + 1, 4, 978300760) for u, i in zip(coo.row, coo.col, strict=True)]
    files = {
        "ratings.dat": "\n".join("::".join(map(str, line)) for line in lines),
        "u.data": "\n".join("\t".join(map(str, line)) for line in lines),
        "ratings.csv": "userId,movieId,rating,timestamp\n"
        + "\n".join(",".join(map(str, line)) for line in lines),
    }
    expected = as_interactions(some())
    for file, text in files.items():
        folder = tmp_path / file.partition(".")[2]
        folder.mkdir()
        (folder / file).write_text(text + "\n")
        for path in (folder, folder / file):
            task = load_interactions(path)
            assert task.name == folder.name
            assert same(task.test, expected.test)
        with pytest.raises(ValueError, match=r"split='authors': .* has random"):
            load_interactions(folder, split="authors")
        assert ratings.holds_interactions(folder)
    with pytest.raises(ValueError, match=r"there is no .*ratings\.dat"):
        load_interactions(tmp_path / "ratings.dat")
    (tmp_path / "u.data").write_text("1\t2\n")
    with pytest.raises(ValueError, match="has 2 columns; user, item and rating are needed"):
        load_interactions(tmp_path / "u.data")


def test_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_authors(tmp_path / "ml-1m", [0, 0, 1, 2, 0, 2, 0, 0, -1, -1])
    for opened in (gd.load("ML_1M", tmp_path), load_interactions("movielens-1m", tmp_path)):
        assert (opened.name, opened.num_users) == ("ml-1m", 2)
    local = {
        row["name"]: row["local"] for row in gd.datasets(root=tmp_path) if row["kind"] == "rows"
    }
    assert local == {"ml-1m": True, "ml-100k": False}
    with pytest.raises(ValueError, match="did you mean ml-1m"):
        load_interactions("ml-1n", tmp_path)
    with pytest.raises(ValueError, match=r"normalize='row' is for one graph .* users by items"):
        gd.load("ml-1m", tmp_path, normalize="row")

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no network in this test")

    monkeypatch.setattr("torch_geometric.data.download_url", refuse)
    with pytest.raises(ConnectionError, match=re.escape("ml-100k is not in")):
        load_interactions("ml-100k", tmp_path)


def test_ml_1m(data_root: Path) -> None:
    if not (data_root / "recsys" / "ml-1m").is_dir():
        pytest.skip("no recsys/ml-1m")
    task = gd.load("ml-1m", data_root)
    assert (task.num_users, task.num_items, task.dropped_users) == (6040, 3706, 0)
    assert (task.train.nnz, task.val.nnz, task.test.nnz) == (791_718, 99_692, 108_799)
    assert task.unseen_items == 28


# --- ids, ratings and users that are unusual


def far(users: int = 12, factor: int = 10**9) -> sp.coo_matrix:
    coo = some(users).tocoo()
    return sp.coo_matrix(
        (coo.data, (coo.row.astype(np.int64) * factor, coo.col)), shape=(users * factor, 20)
    )


def test_ids_may_be_any_numbers() -> None:
    """Nothing is of the size of an id."""
    with pytest.warns(UserWarning, match="11,999,999,988 of 12,000,000,000 users have fewer"):
        task = as_interactions(far())
    expected = as_interactions(some())
    for part in interactions.SPLITS:
        assert same(getattr(task, part), getattr(expected, part))
    assert task.user_ids.tolist() == [10**9 * i for i in range(12)]
    with pytest.raises(ValueError, match=r"items have no interaction; number those that have one"):
        as_interactions(far().T)
    parts = dict.fromkeys(interactions.SPLITS, far())
    with pytest.raises(ValueError, match=r"12,000,000,000 users have \d+ training items"):
        as_interactions(parts)


def test_a_rating_of_0_is_an_interaction() -> None:
    """A stored 0 of a matrix is none; but a row of a table, and an edge, are there."""
    coo = some().tocoo()
    frame = pd.DataFrame({"user": coo.row, "item": coo.col, "rating": 0.0})
    edges = graph(some())
    edges["user", "rates", "item"].rating.zero_()
    for data in (frame, edges):
        assert same(as_interactions(data).train, as_interactions(some()).train)
        with pytest.raises(ValueError, match="no user has 3 items"):
            as_interactions(data, min_rating=1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pd.DataFrame({"user": [1], "item": [2], "rating": ["good"]}), "'rating' is no column of"),
        (pd.DataFrame({"user": ["a", 1], "item": [2, 3]}), r"'user' has ids of several types"),
        (pd.DataFrame({f"c{i}": [1] for i in range(999)}), r"it has c0, c1, c2, c3, c4, \.\.\."),
    ],
)
def test_bad_frames(data, message) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        as_interactions(data)
    assert len(str(caught.value)) < 500


def test_users_without_held_out_items_are_counted() -> None:
    task = as_interactions(sp.csr_matrix(np.tri(12, 20, 2)))
    without = int((task.val.getnnz(1) == 0).sum())
    assert task.unlabelled == {"train": 0, "val": without, "test": 0}
    assert without > 0
    numbers = [f"{getattr(task, part).nnz}" for part in interactions.SPLITS]
    assert repr(task) == (
        f"InteractionTask('interactions', 12 users, 20 items; interactions: train {numbers[0]}, "
        f"val {numbers[1]}, test {numbers[2]})"
    )


def written(folder: Path, head: str, rows: list[str], name: str = "ratings_of.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_ids_of_a_file_are_as_they_stand_there(tmp_path: Path) -> None:
    """pandas would make 7 of 007, so that two items are one, and nothing of NA."""
    items = ["7", "007", "07", "NA"]
    rows = [f"{user},{item}" for user in ("1", "2", "10") for item in items]
    task = load_interactions(written(tmp_path, "user, item", rows, "RATINGS.CSV"))
    assert task.user_ids is not None
    assert task.item_ids is not None
    assert task.user_ids.tolist() == [1, 2, 10], "numbers where nothing is lost, in their order"
    assert task.item_ids.tolist() == sorted(items)
    assert (task.train + task.val + task.test).nnz == len(rows)


@pytest.mark.parametrize(
    ("head", "row", "message"),
    [
        ("user,item", "1,2,5", "line 2 has 3 values, and there are 2 columns"),
        ("user;item", "1;2", "';' stands between its columns, and such a file has a comma"),
        ("user,item,user_id", "1,2,3", "'user' and 'user_id' may both have the users"),
    ],
)
def test_columns_that_mean_something_else(
    tmp_path: Path, head: str, row: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_interactions(written(tmp_path, head, [row] * 3))


def test_a_frame_with_two_columns_of_a_name() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["user", "item", "user"])
    with pytest.raises(ValueError, match="'user' and 'user' may both have the users"):
        as_interactions(frame)


def test_rows_may_lack_the_last_columns_and_zero_may_have_a_sign(tmp_path: Path) -> None:
    rows = [f"{user},{item},3" for user in range(3) for item in ("0", "-0", "1")]
    task = load_interactions(written(tmp_path, "user,item,rating,score", rows))
    assert task.item_ids is not None
    assert task.item_ids.tolist() == ["-0", "0", "1"]
    assert (task.train + task.val + task.test).nnz == len(rows)
