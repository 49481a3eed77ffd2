"""Finished trainings of an evaluation on disk, so that an interrupt loses none."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor

from graphcondense.evaluate.evaluator import AnyEvaluator
from graphcondense.evaluate.trainings import Seeds
from graphcondense.ops.files import refuse_target
from graphcondense.ops.json import read_json
from graphcondense.ops.types import Record
from graphcondense.saved.paths import path_of

T = TypeVar("T")


class Store(Generic[T]):
    """One line of JSON a finished training; those of another evaluation, of an older form or
    damaged are not taken up, with a warning where no other line has the same training.

    Args:
        path: the file; ``None`` keeps nothing.
        identity: everything that can change a result, as plain values.
        of: what a training gives, a dataclass of tensors, tuples and what JSON holds.

    Raises:
        ValueError: there is a folder, a device, or a file of something else, which would be removed
            once all is done; or no file can be written there.
    """

    def __init__(
        self, path: str | Path | None, identity: Mapping[str, object], of: type[T]
    ) -> None:
        self.of = of
        self.path = None if path is None else path_of(path, "store", "a file")
        text = json.dumps(identity, sort_keys=True, default=str)
        self.name = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._known: dict[str, T] = {}
        if self.path is not None:
            refuse_target(self.path, f"store={str(path)!r}")
            lines = _lines(self.path) if self.path.exists() else []
            whole = [saved for saved in map(_parsed, lines) if saved is not None]
            read = [(saved.get("key"), self._read(saved)) for saved in whole]
            known = [*self._known]  # a list: the key of a damaged line may be anything
            lost = Counter(why for key, why in read if why and key not in known)
            if lost:
                told = ", ".join(f"{lost[why]} {why}" for why in sorted(lost))
                warnings.warn(
                    f"store={str(path)!r}: of {len(whole)} finished trainings, these are not "
                    f"taken up: {told}",
                    stacklevel=3,
                )

    def _read(self, saved: Record) -> str:
        """Take a training up; in words, why not."""
        try:
            if saved["sha256"] != _digest(saved["key"], saved["result"]):
                return DAMAGED
            if saved["evaluation"] != self.name:
                return OTHER
            self._known[saved["key"]] = _result(self.of, saved["result"])
        except (LookupError, TypeError, ValueError):
            return OLDER
        return ""

    def get(self, key: str, compute: Callable[[], T]) -> T:
        """The result called ``key``: from the file if it is there, else computed and kept."""
        if key not in self._known:
            self._known[key] = found = compute()
            if self.path is not None:
                line = {"evaluation": self.name, "key": key, "result": _plain(found)}
                line["sha256"] = _digest(key, line["result"])
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a", encoding="utf-8") as file:
                    # The newline comes first, so that a line which was cut short ends there.
                    file.write("\n" * (file.tell() > 0) + json.dumps(line))
        return self._known[key]

    def done(self) -> None:
        """The evaluation is complete: the file has served."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


DAMAGED = "damaged"
OLDER = "in the form of an older version"
OTHER = "of another evaluation (other data, settings, seeds, device or version)"

START = '{"evaluation": '
"""What every line starts with."""


def _lines(path: Path) -> list[str]:
    """The lines of a file of finished trainings, also such as an interrupt cut short; a ValueError
    for anything else."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    except UnicodeDecodeError:
        lines = ["?"]
    blank = not lines and path.stat().st_size > 0
    if blank or not all(line.startswith(START) or START.startswith(line) for line in lines):
        raise ValueError(
            f"store={str(path)!r} holds something else, no trainings of an evaluation, and a file "
            "of such is removed once all are done: name a file that does not exist"
        )
    return lines


def _parsed(line: str) -> Record | None:
    """What a line says; ``None`` of one that an interrupt cut short."""
    try:
        saved: Any = read_json(line, "a line")
    except ValueError:
        return None
    return cast(Record, saved)


def _digest(key: object, result: object) -> str:
    """Of a training's result, as JSON has it."""
    return hashlib.sha256(json.dumps([key, result], sort_keys=True).encode()).hexdigest()


def _plain(result: object) -> dict[str, object]:
    """float32 and int64 come back bit for bit from what JSON holds of them."""
    return {k: v.tolist() if isinstance(v, Tensor) else v for k, v in vars(result).items()}


def _result(of: type[T], saved: Record) -> T:
    values = dict(saved)
    for one in fields(cast(Any, of)):
        if one.name in values and one.type == "Tensor":
            values[one.name] = torch.tensor(values[one.name])
        elif one.name in values and str(one.type).startswith("tuple"):
            values[one.name] = tuple(values[one.name])
    return of(**values)


def identity_of(evaluator: AnyEvaluator, seeds: Seeds) -> dict[str, object]:
    """What decides the result of a training, beside the model and the small set."""
    from graphcondense.version import __version__

    test = hashlib.sha256(evaluator.test_labels().tobytes()).hexdigest()
    return {
        "version": __version__,
        "torch": torch.__version__,
        "training": asdict(evaluator.training),
        "data": [evaluator.real.digest, test],
        "seeds": seeds,
        "device": str(evaluator.device),
    }
