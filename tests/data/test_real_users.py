"""Users by items that people hold: matrices, frames, heterogeneous graphs, splits and files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
import torch_geometric.transforms as T
from torch_geometric.data import HeteroData

import graphcondense
from graphcondense.data import as_interactions, load
from graphcondense.data.kind import kind_of_data
from graphcondense.evaluate.rows import read_rows

USERS, ITEMS = 6, 12
RNG = np.random.default_rng(0)
TOOK = RNG.random((USERS, ITEMS)) < 0.6
TOOK[:, :4] = True
USER, ITEM = np.nonzero(TOOK)
RATING = RNG.integers(1, 6, len(USER))
FRAME = pd.DataFrame({"user": USER, "item": ITEM, "rating": RATING, "timestamp": RATING * 7})


def read(data: Any, **options: Any) -> Any:
    assert kind_of_data(data) == "rows"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return as_interactions(data, **options)


def whole(task: Any) -> Any:
    return (task.train + task.val + task.test).toarray()


def bipartite(**values: Any) -> HeteroData:
    data = HeteroData()
    data["user"].num_nodes, data["movie"].num_nodes = USERS, ITEMS
    data["user", "rates", "movie"].edge_index = torch.from_numpy(np.stack([USER, ITEM]))
    for name, value in values.items():
        data["user", "rates", "movie"][name] = value
    return data


FORMS: dict[str, Any] = {
    **{f: getattr(sp, f"{f}_matrix")(TOOK * 1.0) for f in ("csr", "csc", "coo", "lil", "dok")},
    "array": sp.coo_array(TOOK.astype(np.uint8)),
    "truth values": sp.csr_matrix(TOOK),
    "torch, coo": torch.from_numpy(TOOK * 1.0).to_sparse(),
    "torch, csr": torch.from_numpy(TOOK * 1.0).to_sparse_csr(),
    "frame": FRAME,
    "frame without ratings": FRAME[["item", "user"]],
    "frame in another order": FRAME.sample(frac=1, random_state=1),
    "frame of arrow": FRAME.astype(
        {"user": "int64[pyarrow]", "item": "int32[pyarrow]", "rating": "double[pyarrow]"}
    ),
    "frame of nullable numbers": FRAME.astype({"user": "Int64", "rating": "Int64"}),
    "bipartite": bipartite(),
    "bipartite, both ways": T.ToUndirected()(bipartite(rating=torch.from_numpy(RATING))),
    "bipartite, ids of one byte": bipartite(
        edge_index=torch.from_numpy(np.stack([USER, ITEM])).to(torch.uint8)
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_one_set_in_many_forms(form: str) -> None:
    task = read(FORMS[form])
    np.testing.assert_array_equal(whole(task), TOOK)
    assert (task.train.nnz, task.dropped_users) == (read(FORMS["csr"]).train.nnz, 0)


def test_counts_of_one_byte_do_not_run_over() -> None:
    pairs = np.r_[USER, np.zeros(299, int)], np.r_[ITEM, np.zeros(299, int)]
    counts = sp.coo_matrix((np.ones(len(pairs[0]), np.uint8), pairs), shape=TOOK.shape)
    most = [as_interactions(counts, duplicates="count", seed=s).train[0, 0] for s in range(5)]
    assert max(most) == 300


@pytest.mark.parametrize("name", ["rating", "edge_weight", "edge_attr", "edge_label"])
def test_a_rating_of_edges_is_read_by_its_names(name: str) -> None:
    """PyG's ``MovieLens`` calls it ``edge_label``, which was not read."""
    value = torch.from_numpy(RATING)[:, None] if name == "edge_attr" else torch.from_numpy(RATING)
    least = as_interactions(FRAME, min_rating=2)
    task = as_interactions(bipartite(**{name: value}), min_rating=2)
    np.testing.assert_array_equal(whole(task), whole(least))


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            FRAME.drop(columns="rating"),
            {"min_rating": 3},
            "min_rating=3 cannot act: there is no ra",
        ),
        (bipartite(), {"min_rating": 3}, "min_rating=3 cannot act: there is no rating"),
        (
            FRAME.drop(columns="rating").assign(label=RATING % 2),
            {},
            r"the column 'label' is not read, and is 0 in \d+ of \d+ rows: leave out",
        ),
        (
            FRAME.assign(split=["train", "test", "valid"] * 17),
            {},
            "the column 'split' says which rows are test, train, valid: give frames by part",
        ),
        (
            FRAME,
            {"edge_type": ("a", "b", "c")},
            "is for a HeteroData, got a DataFrame: leave it out",
        ),
        (FRAME, {"seed": "a"}, "seed='a' is not a whole number"),
        (FRAME, {"seed": None}, "seed=None is not a whole number"),
        (
            as_interactions(FRAME),
            {"min_rating": 3},
            "interactions is read already: seed=, duplicates=, min_",
        ),
        (sp.coo_array(np.ones(5)), {}, r"must be \[users, items\], got shape \(5,\)"),
        (TOOK, {}, r"cannot read .* from a ndarray; .*scipy.sparse.csr_matrix\(matrix\) makes one"),
        (
            bipartite(edge_index=torch.from_numpy(np.stack([USER, ITEM])).float()),
            {},
            "must be integers .2, edges., got float32",
        ),
    ],
)
def test_what_is_wrong_is_told(data: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_interactions(data, **options)


@pytest.mark.parametrize("name", ["edge_label_index", "train_mask", "val_mask"])
def test_edges_with_a_split_of_their_own_are_not_split_anew(name: str) -> None:
    """PyG's ``AmazonBook`` and ``MovieLens100K`` hold their test edges so; these were left out."""
    value = torch.tensor([[0], [1]]) if name == "edge_label_index" else torch.ones(len(USER)).bool()
    with pytest.raises(ValueError, match=f"have {name}, a split of their own: give matrices or"):
        graphcondense.condense(bipartite(**{name: value}), "random", size=2, progress=False)


# --- splits ------------------------------------------------------------------------------------

MATRICES = [sp.csr_matrix(TOOK * (np.arange(ITEMS) % 3 == part)) for part in range(3)]
FRAMES = [FRAME[FRAME["item"] % 3 == part] for part in range(3)]


@pytest.mark.parametrize("val", ["val", "valid", "validation"])
@pytest.mark.parametrize(
    "parts",
    [
        MATRICES,
        [part.toarray() for part in MATRICES],
        [torch.from_numpy(part.toarray() * 1.0).to_sparse() for part in MATRICES],
        FRAMES,
        [frame.rename(columns={"user": "userId", "item": "movieId"}) for frame in FRAMES],
    ],
)
def test_parts_are_what_they_are_called(parts: Any, val: str) -> None:
    task = read(dict(zip(("train", val, "test"), parts, strict=True)))
    for part, wanted in zip((task.train, task.val, task.test), MATRICES, strict=True):
        np.testing.assert_array_equal(part.toarray(), wanted.toarray())


def test_frames_by_part_keep_ids_and_leave_small_ratings_out() -> None:
    named = [frame.assign(item=[f"i{i:02}" for i in frame["item"]]) for frame in FRAMES]
    task = read({"train": named[0], "val": named[1], "test": named[2]}, min_rating=2)
    assert list(task.item_ids) == [f"i{i:02}" for i in range(ITEMS)]
    kept = np.zeros_like(TOOK)
    kept[USER, ITEM] = RATING >= 2
    np.testing.assert_array_equal(task.test.toarray(), kept * (np.arange(ITEMS) % 3 == 2))
    with pytest.raises(ValueError, match="some of the frames have a column 'rating', others have"):
        as_interactions({"train": FRAMES[0], "test": FRAMES[1].drop(columns="rating")})
    with pytest.raises(ValueError, match="test: the frame has no column 'item'; it has user"):
        as_interactions({"train": FRAMES[0], "test": FRAMES[1].drop(columns="item")})
    with pytest.raises(ValueError, match=r"item \d of user 0 is in train and in test"):
        as_interactions({"train": FRAMES[0], "test": FRAMES[0]})
    more = pd.DataFrame({"user": [9], "item": [3], "rating": [4]})
    with pytest.raises(ValueError, match=r"user 9 has no training items \(1 such users\)"):
        as_interactions({"train": FRAMES[0], "test": pd.concat([FRAMES[1], more])})


def test_without_a_validation_part_a_tenth_of_the_training_items_is_taken() -> None:
    train = sp.csr_matrix(np.pad(np.ones((2, 30)), ((0, 1), (0, 5))) + np.eye(3, 35, 32))
    test = sp.csr_matrix((np.ones(3), ([0, 1, 2], [31, 31, 31])), shape=(3, 35))
    tasks = [as_interactions({"train": train, "test": test}, seed=seed) for seed in (0, 0, 1)]
    for task in tasks:
        assert task.val.getnnz(1).tolist() == [3, 3, 0]
        np.testing.assert_array_equal((task.train + task.val).toarray(), train.toarray())
    assert (tasks[0].val != tasks[1].val).nnz == 0
    assert (tasks[0].val != tasks[2].val).nnz > 0
    given = as_interactions({"train": train, "val": sp.csr_matrix((3, 35)), "test": test})
    assert given.val.nnz == 0  # a part that is there is taken as it is


def test_files_of_recbole_by_part_are_one_set(tmp_path: Path) -> None:
    names = {"user": "user_id:token", "item": "item_id:token", "rating": "rating:float"}
    for part, frame in zip(("train", "valid", "test"), FRAMES, strict=True):
        path = tmp_path / f"mine.{part}.inter"
        frame.rename(columns=names).to_csv(path, sep="\t", index=False)
    task: Any = load(tmp_path)
    assert [part.nnz for part in (task.train, task.val, task.test)] == [m.nnz for m in MATRICES]
    drawn: Any = load(tmp_path, split="random")
    assert whole(drawn).sum() == TOOK.sum()
    (tmp_path / "mine.valid.inter").unlink()
    task = load(tmp_path)
    assert (task.train + task.val).nnz == MATRICES[0].nnz
    (tmp_path / "mine.test.inter").rename(tmp_path / "other.test.inter")
    with pytest.raises(ValueError, match=r"has 2 files .inter: name one"):
        load(tmp_path)


def test_a_whole_file_beside_its_parts_does_not_hide_the_split(tmp_path: Path) -> None:
    for name in ("x", "x.train", "x.valid", "x.test"):
        (tmp_path / f"{name}.inter").write_text("user_id:token\titem_id:token\na\tb\n")
    with pytest.raises(ValueError, match=r"x.train.inter, .* published split, .* once x.inter is"):
        load(tmp_path)
    (tmp_path / "x.inter").unlink()
    with pytest.raises(ValueError, match="item b of user a is in train and in val"):
        load(tmp_path)


@pytest.mark.parametrize("column", ["item_id_list:token_seq", "item_list", "item_id:token_seq"])
def test_lists_of_items_are_not_left_out(column: str, tmp_path: Path) -> None:
    """RecBole's files of sequences have the last item beside the list of those before it."""
    frame = FRAME[["user", "item"]].assign(**{column: "1 2"})
    message = f"the column '{column}' has a list in each row, which is not read"
    with pytest.raises(ValueError, match=message):
        as_interactions(frame)
    with pytest.raises(ValueError, match=f"train: {message}"):
        as_interactions({"train": frame, "test": FRAME})
    frame.to_csv(tmp_path / "x.inter", sep="\t", index=False)
    with pytest.raises(ValueError, match=f"x.inter: {message}"):
        load(tmp_path / "x.inter")
    genres = FRAME.assign(**{"genre:token_seq": "a b"})  # says nothing of items and users
    np.testing.assert_array_equal(whole(read(genres)), TOOK)


def test_a_cell_that_is_a_list_is_no_id_and_no_part() -> None:
    lists = pd.Series([[1, 2]] * len(FRAME))
    with pytest.raises(ValueError, match="the column 'item' has a list in each row"):
        as_interactions(FRAME.assign(item=lists))
    with pytest.raises(ValueError, match="the column 'Split' has values that name no part"):
        as_interactions(FRAME.assign(Split=lists))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("movieId", np.nan, "test: the column 'movieId' has a missing value"),
        ("rating", "good", "test: the column 'rating' .*numbers"),
    ],
)
def test_what_is_wrong_with_a_part_is_told_by_its_names(
    column: str, values: Any, message: str
) -> None:
    frames = [frame.rename(columns={"item": "movieId"}) for frame in FRAMES]
    with pytest.raises(ValueError, match=message):
        as_interactions({"train": frames[0], "test": frames[1].assign(**{column: values})})


def test_users_of_few_training_items_validate_too() -> None:
    """None did of a set of such users, and no model could be chosen."""
    items = np.array([1, 2, 4, 9, 10, 25])
    train = sp.csr_matrix(np.arange(30) < items[:, None], dtype=float)
    test = sp.csr_matrix((np.ones(6), (np.arange(6), [29] * 6)), shape=(6, 30))
    task = read({"train": train, "test": test})
    assert task.val.getnnz(1).tolist() == [0, 1, 1, 1, 1, 2]
    np.testing.assert_array_equal((task.train + task.val).toarray(), train.toarray())


def test_a_seed_is_for_what_it_draws(tmp_path: Path) -> None:
    dense = [torch.from_numpy(part.toarray() * 1.0) for part in MATRICES]
    torch.save(dict(zip(("train", "valid", "test"), dense, strict=True)), tmp_path / "x.pt")
    with pytest.raises(
        ValueError, match=r"x.pt: seed=3 cannot act.* have their parts; leave it out"
    ):
        load(tmp_path / "x.pt", seed=3)
    with pytest.raises(ValueError, match="seed=3 cannot act"):
        as_interactions(dict(zip(("train", "valid", "test"), MATRICES, strict=True)), seed=3)
    torch.save({"train": dense[0], "test": dense[1]}, tmp_path / "x.pt")
    drawn: list[Any] = [load(tmp_path / "x.pt", seed=seed) for seed in (0, 1)]
    assert (drawn[0].val != drawn[1].val).nnz > 0


def test_what_torch_saved_is_opened(tmp_path: Path) -> None:
    torch.save(bipartite(), tmp_path / "h.pt")
    torch.save(FORMS["torch, coo"], tmp_path / "s.pt")
    for name in ("h", "s"):
        task: Any = load(tmp_path / f"{name}.pt", seed=2)
        assert task.name == name
        np.testing.assert_array_equal(whole(task), TOOK)
        with pytest.raises(ValueError, match=r"split='authors': .* has random"):
            load(tmp_path / f"{name}.pt", split="authors")
    torch.save(bipartite(train_mask=torch.ones(len(USER)).bool()), tmp_path / "h.pt")
    with pytest.raises(ValueError, match=r"h.pt: the edges .* have train_mask"):
        load(tmp_path / "h.pt")


def test_small_users_that_are_complex_are_refused() -> None:
    with pytest.raises(ValueError, match="the small set of users is complex"):
        read_rows(sp.csr_matrix(TOOK[:2] * 1j), as_interactions(FRAME))
