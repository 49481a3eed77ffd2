"""What condensing does not do: a backdoor in the data outlives it. And what helps against wrong
labels."""

from __future__ import annotations

from typing import Any

from reliability import Row, measured

TITLE = "Poisoned data: a backdoor outlives condensing"
BACKDOOR = (
    "tests/uses/test_backdoor.py::test_it_works_on_the_whole_graph_and_a_set_without_it_is_clean"
)
LABELS = (
    "tests/methods/test_clustering.py::"
    "test_one_node_moves_the_mean_of_its_class_and_not_the_other_centres"
)


def run(seconds: float, examples: int, root: str) -> dict[str, Any]:
    """A row a method and a way to join rows. Failed: trainings in which the trigger works."""
    del seconds, examples  # what benchmarks/poison.py measures is what it is
    backdoor = measured("poison/backdoor-cora.json", root, "poison.py", "--only", "backdoor")
    labels = measured("poison/labels-cora.json", root, "poison.py", "--only", "labels")
    return {"rows": [*backdoors(backdoor), *wrong_labels(labels)]}


def backdoors(found: dict[str, Any]) -> list[Row]:
    rows = []
    for row in found["rows"]:
        tried = row["graphs"] * row["trainings"]
        said = (
            f"the trigger works on {100 * row['success']:.1f} %, accuracy {100 * row['test']:.1f} %"
        )
        rows.append(Row(
            what=f"backdoor in {found['data']}: {row['label']}", tried=tried,
            failed=tried if row["success"] > 0.5 else 0, said=said, test=BACKDOOR,
            measured=found["measured"],
        ))  # fmt: skip
    return rows


def wrong_labels(found: dict[str, Any]) -> list[Row]:
    """Accuracy with and without wrong labels; there is nothing that could fail."""
    scores = {
        (row["method"], row["per_class"], row["centres"], row["rate"]): 100 * row["test"]
        for row in found["rows"]
    }
    rate = max(rate for *_, rate in scores)
    return [
        Row(what=f"wrong labels in {found['data']}: {method}, {each} a class, {centres}",
            tried=1, failed=0, test=LABELS, measured=found["measured"],
            said=f"accuracy {clean:.1f} % without, {scores[method, each, centres, rate]:.1f} % "
            f"with {100 * rate:.0f} % of the labels wrong")
        for (method, each, centres, of), clean in scores.items() if of == 0
    ]  # fmt: skip
