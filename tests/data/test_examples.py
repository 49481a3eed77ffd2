"""Examples: which real nodes a condensed one stands for, kept in files and shown to people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

import graphcondense
from graphcondense.cli.text import summary
from graphcondense.data import as_task
from graphcondense.data.examples import nearest_examples
from graphcondense.data.task import NodeTask
from graphcondense.report import write_report
from graphcondense.saved.shown import example_rows, examples_of


def graph(n: int = 60, seed: int = 0) -> Data:
    """Two classes of named nodes with texts; half of each train."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = torch.from_numpy(rng.normal(size=(n, 5)) + 2 * y[:, None]).float()
    data = Data(x=x, edge_index=torch.from_numpy(rng.integers(0, n, (2, 3 * n))))
    data.y, part = torch.from_numpy(y), torch.arange(n) % 4
    data.train_mask, data.val_mask, data.test_mask = part < 2, part == 2, part == 3
    data.node_names = [f"node{i}" for i in range(n)]
    data.text = [f"text of {i}" for i in range(n)]
    data.class_names = ["cold", "warm"]
    return data


def by_hand(x: np.ndarray, real: np.ndarray, places: np.ndarray) -> list[list[int]]:
    """The three nearest of ``places`` to each row, in float64."""
    apart = ((x[:, None] - real[None, places]) ** 2).sum(2)
    return [places[np.argsort(row, kind="stable")[:3]].tolist() for row in apart]


def test_nearest_training_nodes_of_the_class_in_the_rows_space() -> None:
    task = as_task(graph())
    adj = task.gcn_adj.toarray().astype(np.float64)
    raw = task.x_array.astype(np.float64)
    train = np.sort(task.train.numpy())
    weights = (0.5, 0.0, 2.0)
    rows = 0.5 * raw + 2.0 * adj @ adj @ raw
    small = Data(x=torch.randn(6, 5), y=torch.tensor([0, 0, 0, 1, 1, 1]))
    told = nearest_examples(small, task, weights)
    own = [train[task.y.numpy()[train] == c] for c in (0, 1)]
    x = small.x.double().numpy()
    assert told["nodes"] == by_hand(x[:3], rows, own[0]) + by_hand(x[3:], rows, own[1])
    assert told["by"] == "nearest training nodes of its class in 0.5 X + 2 Â²X"
    assert told["texts"][0][0] == f"text of {told['nodes'][0][0]}"


def test_a_real_node_is_its_own_example() -> None:
    task = as_task(graph())
    small = graphcondense.condense(task, "random", nodes=8, progress=False)
    rows = task.x_array
    for x, (first, *_) in zip(small.x, small.examples, strict=True):
        np.testing.assert_array_equal(x.numpy(), rows[first.node])
        assert first.node in task.train.tolist()


def test_members_of_a_group_where_the_graph_has_an_assignment() -> None:
    task = as_task(graph())
    small = graphcondense.condense(task, "heavy-edge", nodes=8, progress=False)
    for i, each in enumerate(small.examples):
        assert each
        assert all(int(small.assignment[example.node]) == i for example in each)


@pytest.mark.parametrize("method", ["gecc", "heavy-edge", "random"])
def test_inductive_examples_are_training_nodes_alone(method: str) -> None:
    task = as_task(graph())
    one = graphcondense.condense(task, method, nodes=8, setting="inductive", progress=False)
    found = {example.node for each in one.examples for example in each}
    assert found
    assert found <= set(task.train.tolist())
    assert all(e.id == f"node{e.node}" for each in one.examples for e in each)
    again = graphcondense.condense(task, method, nodes=8, setting="inductive", progress=False)
    assert one.examples == again.examples


def test_what_a_method_does_not_see_changes_no_example() -> None:
    first, other = graph(), graph()
    test = other.test_mask
    other.y = torch.where(test, 1 - other.y, other.y)
    small = [
        graphcondense.condense(as_task(d), "gecc", nodes=6, progress=False) for d in (first, other)
    ]
    assert small[0].examples == small[1].examples


def test_equal_nodes_are_told_in_their_order() -> None:
    data = graph()
    data.x = torch.ones(60, 5) * torch.tensor(0.1)
    task = as_task(data)
    told = nearest_examples(Data(x=torch.rand(2, 5), y=torch.tensor([0, 1])), task)
    assert told["nodes"] == [[0, 4, 8], [1, 5, 9]]


def test_labels_that_are_no_classes_have_groups() -> None:
    data = graph()
    data.y = data.x[:, 0].double() + 0.5
    small = graphcondense.condense(
        as_task(data, label_kind="regression"), "gecc", nodes=10, progress=False
    )
    assert all(len(each) for each in small.examples)
    data.y = torch.stack([data.x[:, 0] > 1, data.x[:, 1] > 1], 1).float()
    small = graphcondense.condense(
        as_task(data, label_kind="binary"), "random", nodes=10, progress=False
    )
    assert small.condensed["data"]["class_names"] == ["cold", "warm"]
    assert all(len(each) == 3 for each in small.examples)


def test_nodes_without_names_have_no_examples() -> None:
    data = graph()
    del data.node_names, data.text, data.class_names
    small = graphcondense.condense(as_task(data), "random", nodes=4, progress=False)
    assert small.examples == []
    assert "examples" not in small.condensed


def test_names_are_as_many_as_nodes() -> None:
    data = graph()
    data.text = data.text[:-1]
    with pytest.raises(ValueError, match=r"data.text has 59 texts for 60 nodes"):
        as_task(data)
    data.text = torch.arange(60)  # something of the user's own
    assert as_task(data).facts.texts is None


def test_noise_hides_examples() -> None:
    pytest.importorskip("dp_accounting")
    small = graphcondense.condense(
        as_task(graph()), "gecc", nodes=4, epsilon=8.0, delta=1e-4, seed=0, progress=False
    )
    assert small.examples == []
    assert "text of" not in str(small.condensed)


BAD = '<script>alert(1)</script> | `x` \x1b[31m \ud800 "quoted"'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose real nodes have texts that want to be markup."""
    folder: Path = tmp_path_factory.mktemp("runs") / "one"
    data = graph()
    data.text = [f"{BAD} {i}" for i in range(60)]
    data.node_names = [f"<b>{i}</b>" for i in range(60)]
    data.class_names = ["<i>cold", "warm|er"]
    graphcondense.condense(as_task(data, name="named"), "gecc", nodes=6, out=folder, progress=False)
    return folder


def test_files_keep_examples(run: Path) -> None:
    small = graphcondense.load(run)
    assert len(small.examples) == 6
    example = small.examples[0][0]
    assert example.id == f"<b>{example.node}</b>"
    assert example.text.startswith("<script>alert(1)</script> | `x` [31m ?")
    assert small.clone().examples == small.examples


def test_people_read_what_a_node_stands_for(run: Path) -> None:
    small = graphcondense.load(run)
    text = summary(small)
    assert "nearest real nodes" in text
    assert "\x1b" not in text
    assert "and 1 nodes more" in text
    card = (run / "condensed.md").read_text()
    assert "## What a node stands for" in card
    assert "<script>" not in card
    assert "examples.texts" not in card
    page = write_report(run).read_text()
    assert "what each node stands for" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "&lt;i&gt;cold" in page


@pytest.mark.parametrize(
    "told",
    [
        {"examples": 3},
        {"examples": {"nodes": [1, 2]}},
        {"examples": {"nodes": [["a"]]}},
        {"examples": {"nodes": {"a": 1}, "ids": []}},
    ],
)
def test_records_of_others_tell_of_no_examples(told: dict[str, Any]) -> None:
    assert examples_of(told) == []
    assert example_rows(told, ["a"]) == []


def test_ids_that_do_not_fit_are_not_read() -> None:
    told = {"examples": {"nodes": [[3, 4]], "ids": [["x"]], "texts": [["t", "u"]]}}
    assert [e.id for e in examples_of(told)[0]] == ["3", "4"]
    assert [e.text for e in examples_of(told)[0]] == ["t", "u"]


def test_a_task_keeps_its_facts_where_it_is_cut(tmp_path: Path) -> None:
    task: NodeTask = as_task(graph())
    part = task.subgraph(torch.tensor([5, 7]))
    assert part.facts.ids is not None
    assert part.facts.ids.tolist() == ["node5", "node7"]


def test_a_file_has_names_and_texts(tmp_path: Path) -> None:
    data, path = graph(), tmp_path / "named.npz"
    arrays = {k: data[k].numpy() for k in ("x", "edge_index", "y", "train_mask", "val_mask")}
    texts = {k: np.array(data[k]) for k in ("node_names", "text", "class_names")}
    np.savez(path, **arrays, **texts)
    loaded = graphcondense.data.load(path)
    assert loaded.text == data.text
    small = graphcondense.condense(loaded, "random", nodes=4, progress=False)
    assert small.examples[0][0].text == f"text of {small.examples[0][0].node}"
    assert small.condensed["data"]["class_names"] == ["cold", "warm"]


def test_an_exported_folder_says_that_it_names_real_nodes(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlcroissant")
    small = graphcondense.load(run)
    graphcondense.export(small, tmp_path / "hub", licence="CC0", source="made up")
    text = (tmp_path / "hub" / "README.md").read_text()
    assert "names real examples, by id and text" in text
    assert "examples.texts" not in text
