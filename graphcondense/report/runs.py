"""What run folders hold, read and checked before a page is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeGuard

from graphcondense.evaluate.metrics import SCORES, Score
from graphcondense.ops.fields import brief
from graphcondense.ops.json import read_json_file, read_json_lines
from graphcondense.ops.types import Record
from graphcondense.report.values import Values, is_number, mapping
from graphcondense.saved.shown import labels_of

EVALUATION = "evaluation.json"

Evaluation: TypeAlias = Record
"""What ``graphcondense evaluate`` wrote, its rows checked; old versions have less beside them."""


@dataclass(frozen=True)
class Result:
    """What another command wrote beside a run: ``VERB.json``, and ``VERB.png`` if it is there.

    Attributes:
        name: the file's stem, such as ``"privacy"``.
        content: the JSON: ``kind``, ``rows`` and whatever else.
        picture: path of the picture.
    """

    name: str
    content: Values
    picture: Path | None


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        label: what the page calls it, different for every run.
        folder: its name, without the path to it.
        path: the whole path: what tells runs apart, as two may hold equal tensors.
        small: the condensed graph, set of graphs, images, or users.
        hashes: of the condensed set, as it is and as its record says.
        record: what the condensed graph says of itself.
        config: ``config.yaml``; empty if there is none.
        metrics: the rows of ``metrics.jsonl``; empty if there is none.
        evaluation: ``evaluation.json``; ``None`` if there is none.
        results: what other commands wrote, by name.
        picture: path of the picture of the set; ``None`` if there is none.
        day: when the condensed set was written, as its file says, in UTC.
    """

    label: str
    folder: str
    path: Path
    small: Any
    hashes: frozenset[str]
    record: Values
    config: Values
    metrics: tuple[Mapping[str, float], ...]
    evaluation: Evaluation | None
    results: tuple[Result, ...]
    picture: Path | None = None
    day: str = ""

    @property
    def form(self) -> Form:
        """What is known of sets of its kind."""
        return form_of(self.small)

    @property
    def unit(self) -> str:
        """What the condensed examples are: ``"nodes"``, ``"graphs"``, ``"images"``, ``"users"``."""
        return self.form.unit

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.small) if self.unit == "users" else len(labels_of(self.small))

    @property
    def size(self) -> str:
        """How many there are, in words."""
        return f"{self.count:,} {self.unit}"

    @property
    def stored(self) -> str:
        """As many real examples as stand beside it: of images those that take its bytes."""
        count = self.record.get("stored_images") if self.unit == "images" else None
        return f"{round(count):,} {self.unit}" if is_number(count) else self.size

    @property
    def tested(self) -> bool:
        """Whether its real data can give a test score; images may come without any for that."""
        return self.unit != "images" or bool(self.data.get("test"))

    @property
    def score(self) -> Score:
        """The score of its validation."""
        return validation_score(self.small)

    @property
    def validation(self) -> Values:
        """What the record says of validation; empty where there was none."""
        return mapping(self.record.get("validation"))

    @property
    def start_kept(self) -> bool:
        """Whether validation preferred the untouched start to all that was learnt."""
        kept = self.validation.get("start_kept")
        return kept if isinstance(kept, bool) else self.validation.get("step") == 0

    @property
    def preset(self) -> str:
        """The preset it was condensed with; a dash where its record does not say."""
        if "preset" not in self.record:
            return "\N{EN DASH}"
        return str(self.record["preset"] or "none")

    @property
    def data(self) -> Values:
        """What the record says of the real data."""
        return mapping(self.record.get("data"))

    @property
    def method(self) -> str:
        """The method's name."""
        return str(self.record.get("method", "condensed"))

    @property
    def names(self) -> tuple[str, str]:
        """What ``graphcondense evaluate`` may have called it."""
        return self.method, f"{self.method} {self.count}"


class Form(NamedTuple):
    """What is known of condensed sets of one kind of data.

    Attributes:
        unit: what the examples are called.
        words: what such data are.
        sizes: the names of their sizes in a record, as far as they are told.
        whole: what the sizes of the real data in a record are of.
        training: what ``budget.of_labelled`` of a record is a share of.
        picture: the file in a run folder that shows the set.
    """

    unit: str
    words: str
    sizes: tuple[str, ...]
    whole: str
    training: str
    picture: str


FORMS = {
    "node": Form(
        *("nodes", "one graph", ("nodes", "edges", "bytes")),
        *("the whole graph", "labelled nodes", "graph.png"),
    ),
    "graph": Form(
        *("graphs", "a set of graphs", ("graphs", "nodes", "edges", "bytes")),
        *("all splits", "training graphs", "graphs.png"),
    ),
    "image": Form(
        *("images", "a set of images", ("nodes", "bytes")),
        *("the training and validation parts", "training images", "images.png"),
    ),
    "hetero": Form(
        *("target nodes", "a heterogeneous graph", ("nodes", "all_nodes", "edges", "bytes")),
        *("the whole graph", "labelled nodes of the target type", "graph.png"),
    ),
    "rows": Form(
        *("users", "users by items", ("users", "interactions", "bytes")),
        *("the training part", "users", "items.png"),
    ),
    "link": Form(
        *("nodes", "a graph whose links are predicted", ("nodes", "edges", "bytes")),
        *("the whole graph", "nodes", "graph.png"),
    ),
}


def kind_of_small(small: Any) -> str:
    """The kind of data that a condensed set is of; a list is a set of graphs, a pair images."""
    if hasattr(small, "num_users"):
        return "rows"
    if hasattr(small, "edge_types"):
        return "hetero"
    if isinstance(small, list) or hasattr(small, "set"):
        return "graph"
    from graphcondense.saved.condensed_links import CondensedLinks

    if isinstance(small, CondensedLinks):
        return "link"
    x = small[0] if isinstance(small, tuple) else getattr(small, "x", None)
    return "image" if x is not None and x.dim() > 2 else "node"


def form_of(small: Any) -> Form:
    """What is known of sets of this kind."""
    return FORMS[kind_of_small(small)]


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Read run folders and give each a label of its own.

    Raises:
        ValueError: no folder, one that is no run, or a file that cannot be read; names it.
    """
    if not folders:
        raise ValueError("name at least one run folder")
    paths = [Path(folder).expanduser().resolve() for folder in folders]
    if twice := [path for path in paths if paths.count(path) > 1]:
        raise ValueError(f"the run {twice[0]} is named twice")
    runs = [_read_run(path) for path in paths]
    labels = _labels(runs)
    return [replace(run, label=label) for run, label in zip(runs, labels, strict=True)]


def _read_run(folder: Path) -> Run:
    from graphcondense.saved.condensed import load, those_below
    from graphcondense.saved.content import graph_hash

    if not (folder / "condensed.safetensors").is_file():
        going = (folder / "checkpoint.pt").is_file() or (folder / "config.yaml").is_file()
        what = "has no condensed.safetensors" if folder.is_dir() else "is not a folder"
        what += ", as the run in it is not finished" if going else ""
        what = what if folder.exists() else "is not there"
        raise ValueError(
            f"{folder} {what}{those_below(folder)}; name the folder of a finished run of "
            "graphcondense condense"
        )
    small, config = load(folder), folder / "config.yaml"
    results = []
    for path in sorted(folder.glob("*.json")):
        content = read_json_file(path)
        if path.name != EVALUATION and isinstance(content, dict) and _is_result(content):
            picture = path.with_suffix(".png")
            results.append(Result(path.stem, content, picture if picture.is_file() else None))
    written = datetime.fromtimestamp((folder / "condensed.safetensors").stat().st_mtime, UTC)
    recorded = small.condensed.get("hash")
    picture = folder / form_of(small).picture
    return Run(
        label="",
        folder=folder.name,
        path=folder,
        small=small,
        hashes=frozenset({graph_hash(small), *([recorded] if isinstance(recorded, str) else [])}),
        record=small.condensed,
        config=read_config(config) if config.is_file() else {},
        metrics=_metrics(folder / "metrics.jsonl"),
        evaluation=_evaluation(folder / EVALUATION),
        results=tuple(results),
        picture=picture if picture.is_file() else None,
        day=written.date().isoformat(),
    )


def _labels(runs: Sequence[Run]) -> list[str]:
    """The shortest of a few forms that tells all runs apart."""
    forms: list[Callable[[Run], str]] = [
        lambda run: run.method,
        lambda run: f"{run.method}, {run.size}",
        lambda run: f"{run.method}, seed {run.record.get('seed')}",
        lambda run: f"{run.method}, preset {run.record.get('preset') or 'none'}",
        lambda run: f"{run.method} on {run.data.get('name')}",
        lambda run: run.folder,
    ]
    for form in forms:
        labels = [form(run) for run in runs]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{run.folder} ({i})" for i, run in enumerate(runs, 1)]


def _is_result(content: Values) -> bool:
    return "kind" in content and _are_mappings(content.get("rows"))


def read_config(path: Path) -> dict[str, Any]:
    """A run's ``config.yaml``.

    Raises:
        ValueError: there is none, or it is something else.
    """
    from graphcondense.ops.yaml import read_yaml_file

    config = read_yaml_file(path)
    if not {"method", "hyperparameters"} <= set(config):
        raise ValueError(
            f"{path} is not the config.yaml of a run: it needs method and hyperparameters"
        )
    if not isinstance(config["method"], str):
        raise ValueError(f"{path}: method must be a name, got {brief(config['method'])}")
    for name in ("hyperparameters", "data", "origin"):
        if not isinstance(config.get(name, {}), dict):
            raise ValueError(
                f"{path}: {name} must be a mapping, got {brief(config[name])}; condense again"
            )
    return config


def _metrics(path: Path) -> tuple[Mapping[str, float], ...]:
    if not path.is_file():
        return ()
    rows = read_json_lines(path)
    for number, row in enumerate(rows, 1):
        if not (is_number(row.get("step")) and "loss" in row):
            raise ValueError(f"{path}, line {number}, has no step and loss; take the line out")
        for name, value in row.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(
                    f"{path}, line {number}: {name[:40]} must be a number, got {brief(value)}; "
                    "take the line out"
                )
    return tuple(rows)


def _evaluation(path: Path) -> Evaluation | None:
    if not path.is_file():
        return None
    content = read_json_file(path)
    if not isinstance(content, dict) or not _is_evaluation(content):
        raise ValueError(f"{path} is not what graphcondense evaluate writes; evaluate again")
    ledgers = content.get("ledgers") or {}
    if not (isinstance(ledgers, dict) and _are_mappings(list(ledgers.values()))):
        raise ValueError(f"{path}: its ledgers are not a mapping of mappings; evaluate again")
    for where, values in (
        *((f"row {i} of rows", row) for i, row in enumerate(content["rows"])),
        *((f"ledgers.{label[:40]}", ledger) for label, ledger in ledgers.items()),
    ):
        for name, value in values.items():
            if wrong := _wrong(name, value):
                raise ValueError(
                    f"{path}: {name[:40]} in {where} must be {wrong}, got {brief(value)}; "
                    "evaluate again"
                )
    return content


_TEXTS = ("label", "model", "predictor", "preset")
_NESTS: Mapping[str, tuple[type, str]] = {
    **dict.fromkeys(("others", "size", "whole", "ratios"), (dict, "a mapping")),
    **dict.fromkeys(("graphs", "scores", "seeds"), (list, "a list")),
}
"""Members of rows and ledgers that are no plain numbers or texts."""


def _wrong(name: str, value: object) -> str | None:
    """What a member of a row or of a ledger has to be, if it is not; ``None`` says unknown."""
    if value is None and name not in ("label", "model"):
        return None
    if name in _TEXTS:
        return None if isinstance(value, str) else "text"
    nested = isinstance(value, dict | list)
    if name in _NESTS and nested:
        type_, words = _NESTS[name]
        return None if isinstance(value, type_) else words
    if name.startswith(("test_", "val_", "spread_")) or name.endswith(("_seconds", "_bytes")):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number else "a number"
    return "no list or mapping" if nested and name not in _FREE else None


_FREE = ("remarks", "scores", "notes", "units")


def _is_evaluation(content: Values) -> bool:
    """Whether this has the rows of an evaluation, with counts that are numbers."""
    rows, units = content.get("rows"), content.get("units")
    return (
        (units is None or (isinstance(units, list) and [type(u) for u in units] == [str, str]))
        and isinstance(content.get("settings") or {}, dict)
        and _are_mappings(rows)
        and all({"label", "model", "test_selected"} <= set(row) for row in rows)
        and all(
            row.get(count) is None or is_number(row[count])
            for row in rows
            for count in ("graphs", "trainings", "nodes", "set_graphs")
        )
    )


def _are_mappings(values: object) -> TypeGuard[list[Values]]:
    return isinstance(values, list) and all(isinstance(value, dict) for value in values)


def score_of(about: Values) -> Score:
    """The score that a record or an evaluation names; accuracy where it names none."""
    return SCORES.get(str(about.get("metric")), SCORES["accuracy"])


def validation_score(small: Any) -> Score:
    """The score of a condensed set's validation; of users what the record calls it, as HR@100."""
    record: Values = small.condensed
    if kind_of_small(small) != "rows":
        return score_of(mapping(record.get("data")))
    predictor = str(mapping(record.get("validation")).get("predictor", ""))
    return Score(predictor.rpartition(", ")[2] or "HR")
