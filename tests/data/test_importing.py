"""Folders of GCond, GraphSlim and GC-Bench, in the names and forms that their sources write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphcondense import cli
from graphcondense.data import as_task, import_condensed
from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import NodeTask

COUNTS = (30, 20, 10)  # training nodes of classes 0, 1, 2: rising frequency is 2, 1, 0


@pytest.fixture
def real() -> NodeTask:
    train = torch.cat([torch.full((n,), c) for c, n in enumerate(COUNTS)])
    y = torch.cat([train, torch.tensor([0, 1, 2] * 5)])
    n = len(y)
    rng = torch.Generator().manual_seed(0)
    data = Data(
        x=torch.rand(n, 5, generator=rng),
        y=y,
        edge_index=torch.randint(n, (2, 90), generator=rng),
        train_mask=torch.arange(n) < len(train),
        val_mask=(torch.arange(n) >= len(train)) & (torch.arange(n) % 2 == 0),
        test_mask=(torch.arange(n) >= len(train)) & (torch.arange(n) % 2 == 1),
    )
    return as_task(data, name="toy")


def pair(folder: Path, name: str, n: int, **more: object) -> Path:
    """Features and adjacency as GCond saves them: on whatever device, dense, symmetric."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = torch.Generator().manual_seed(n)
    adj = torch.rand(n, n, generator=rng)
    adj = ((adj + adj.T) / 2).fill_diagonal_(0.0)
    torch.save(torch.rand(n, 5, generator=rng), folder / f"feat_{name}.pt")
    for part, content in {"adj": adj, **more}.items():
        if content is not None:
            torch.save(content, folder / f"{part}_{name}.pt")
    return folder


def test_gcond_leaves_labels_out(tmp_path: Path, real: NodeTask) -> None:
    """Half of 60 training nodes; the most frequent class takes the remainder."""
    folder = pair(tmp_path / "saved_ours", "toy_0.25_15", 15)
    pair(folder, "toy_0.25_1", 15)
    found = import_condensed(folder, real=real, labels="rate", threshold=0.5, method="gcond")
    assert list(found) == ["toy_0.25_1", "toy_0.25_15"]
    small = found["toy_0.25_15"]
    assert small.y.tolist() == [2] * 2 + [1] * 5 + [0] * 8  # int(10/4), int(20/4), 15 - 7
    assert small.condensed["method"] == "gcond"
    assert (small.condensed["seed"], small.condensed["rate"]) == (15, 0.25)
    assert small.condensed["data"]["name"] == "toy"
    stored = torch.load(folder / "adj_toy_0.25_15.pt", weights_only=True)
    _, adj, _, _ = read_labelled(small, real)
    assert np.array_equal(adj.toarray(), torch.where(stored >= 0.5, stored, 0).numpy())
    one = import_condensed(folder, real=real, labels="rate", name="toy_0.25_1")
    assert list(one) == ["toy_0.25_1"]
    with pytest.raises(ValueError, match=r"no 'toy_1'; there are toy_0.25_1, toy_0.25_15"):
        import_condensed(folder, real=real, labels="rate", name="toy_1")


def test_gc_bench_has_no_remainder(tmp_path: Path, real: NodeTask) -> None:
    """2 + 5 + 7 nodes, where GCond's rule would have 15."""
    folder = pair(tmp_path / "save" / "SGDD", "toy_0.25_1", 14)
    found = import_condensed(folder, real=real, labels="rate")["toy_0.25_1"]
    assert found.y.tolist() == [2] * 2 + [1] * 5 + [0] * 7
    assert found.condensed["method"] == "SGDD"
    pair(folder, "toy_0.25_2", 13)
    with pytest.raises(ValueError, match=r"15 nodes by GCond's rule and 14 by GC-Bench's.*has 13"):
        import_condensed(folder, real=real, labels="rate")


def test_gc_bench_names_the_best_score_and_has_labels(tmp_path: Path, real: NodeTask) -> None:
    name = "toy_0.25_best_ntk_score_2"
    folder = pair(tmp_path / "GEOM", name, 6, adj=torch.eye(6), label=torch.tensor([0, 1, 2] * 2))
    found = import_condensed(folder, real=real, labels="rate")[name]  # the file wins
    assert found.y.tolist() == [0, 1, 2] * 2
    assert (found.condensed["seed"], found.num_edges) == (2, 6)


def test_gc_bench_coresets_are_numbers_of_real_nodes(tmp_path: Path, real: NodeTask) -> None:
    rows = np.array([3, 0, 40, 55])
    np.save(tmp_path / "idx_toy_0.1_7.npy", rows)
    found = import_condensed(tmp_path, real=real)["toy_0.1_7"]
    assert torch.equal(found.x, torch.as_tensor(real.x)[rows])
    assert found.y.tolist() == [0, 0, 1, 2]
    _, adj, _, _ = read_labelled(found, real)
    assert np.array_equal(adj.toarray(), real.adj[rows][:, rows].toarray())
    with pytest.raises(ValueError, match="numbers of real nodes: give real="):
        import_condensed(tmp_path)
    np.save(tmp_path / "idx_toy_0.1_7.npy", rows + 60)
    with pytest.raises(ValueError, match=r"numbers of nodes of toy, 0..74"):
        import_condensed(tmp_path, real=real)
    np.save(tmp_path / "idx_toy_0.1_7.npy", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="no array of numbers"):
        import_condensed(tmp_path, real=real)


@pytest.mark.parametrize("form", ["dense", "coo", "none"])
def test_graphslim(tmp_path: Path, form: str) -> None:
    """Without an adjacency it takes the identity, which a GCN's self-loops are anyway."""
    adj = torch.tensor([[0.0, 0.5, 0], [0.5, 0, 0.1], [0, 0.1, 0]])
    stored = {"dense": adj, "coo": adj.to_sparse(), "none": None}[form]
    labels = torch.tensor([0, 1, 1])
    folder = tmp_path / "checkpoints" / "reduced_graph" / "gcondx"
    pair(folder, "cora_0.5_1", 3, adj=stored, label=labels)
    found = import_condensed(folder)["cora_0.5_1"]
    assert found.num_edges == (0 if form == "none" else 4)
    assert found.y.tolist() == [0, 1, 1]
    assert found.condensed["method"] == "gcondx"


class Code:
    """What a file must not run."""

    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("run",))


def test_bad_files_are_refused(tmp_path: Path, real: NodeTask) -> None:
    with pytest.raises(ValueError, match=r"has no feat_NAME\.pt and no idx_NAME\.npy"):
        import_condensed(tmp_path)
    with pytest.raises(ValueError, match=r"there is no .*gone"):
        import_condensed(tmp_path / "gone")
    folder = pair(tmp_path / "a", "toy_0.25_1", 4)
    with pytest.raises(ValueError, match=r"without labels.*'rate'"):
        import_condensed(folder, real=real)
    with pytest.raises(ValueError, match="labels='rates' is none of gcond, rate"):
        import_condensed(folder, labels="rates")
    with pytest.raises(TypeError, match="give a NodeTask"):
        import_condensed(folder, real=Data())
    torch.save(Code(), folder / "label_toy_0.25_1.pt")
    with pytest.raises(ValueError, match="refused"):
        import_condensed(folder, real=real)
    pair(tmp_path / "b", "mine", 4)
    with pytest.raises(ValueError, match="no rate in its name"):
        import_condensed(tmp_path / "b", real=real, labels="rate")


@pytest.mark.parametrize("name", ["..", ".", "", ".x", "a\\b", "C:x"])
def test_names_that_are_no_plain_names(name: str, tmp_path: Path) -> None:
    folder = pair(tmp_path / "in", name, 3, label=torch.tensor([0, 1, 1]))
    pair(folder, "good", 3, label=torch.tensor([0, 1, 1]))
    with pytest.raises(ValueError, match="no plain name"):
        import_condensed(folder)
    assert cli.main(["import", str(folder), "--out", str(tmp_path / "a" / "out")]) == 2
    assert not (tmp_path / "a").exists()
    assert list(import_condensed(folder, name="good")) == ["good"]


def test_nothing_is_lost_or_left_unread(tmp_path: Path, real: NodeTask) -> None:
    folder = pair(tmp_path / "in", "x", 3, label=torch.tensor([0, 1, 1]))
    rows = np.array([3, 0, 40])
    np.save(folder / "idx_x.npy", rows)
    with pytest.raises(ValueError, match=r"feat_x.pt and idx_x.npy .* both called 'x'"):
        import_condensed(folder, real=real)
    assert import_condensed(folder / "feat_x.pt")["x"].num_nodes == 3
    for threshold in (float("nan"), float("inf"), True, "x", None, -0.1):
        with pytest.raises(ValueError, match=r"threshold=.* must be a number"):
            import_condensed(folder / "feat_x.pt", threshold=threshold)  # type: ignore[arg-type]
    file = folder / "idx_x.npy"
    for options in ({"threshold": 0.1}, {"labels": "rate"}):
        with pytest.raises(ValueError, match=r"a coreset .* leave it out"):
            import_condensed(file, real=real, **options)
    np.save(file, np.array([1, 1, 1]))
    with pytest.raises(ValueError, match="has node 1 more than once"):
        import_condensed(file, real=real)


def test_the_command_writes_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = pair(tmp_path / "in", "cora_0.5_1", 3, label=torch.tensor([0, 1, 1]))
    words = ["import", str(folder), "--out", str(tmp_path / "out"), "--method", "gcond", "--json"]
    assert cli.main(words) == 0
    (path,) = json.loads(capsys.readouterr().out).values()
    assert path.endswith("out/cora_0.5_1/condensed.safetensors")
    assert cli.main(words) == 2
    assert "give --overwrite" in capsys.readouterr().err
    assert cli.main(words[:2]) == 2
    assert "give --out FOLDER" in capsys.readouterr().err
