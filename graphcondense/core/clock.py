"""What a run took, in all of its processes, those that were killed too."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from graphcondense.core.types import Saved
from graphcondense.ops.files import write_whole
from graphcondense.ops.json import read_json_file

EVERY = 1.0
"""Seconds between two notes of what a run took."""


@dataclass(frozen=True)
class Spent:
    """What was used.

    Attributes:
        seconds: of the clock on the wall.
        processor_seconds: of the CPU over all threads; on a GPU those on the wall.
        updates: of the condensed set.
    """

    seconds: float = 0.0
    processor_seconds: float = 0.0
    updates: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.seconds + other.seconds,
            self.processor_seconds + other.processor_seconds,
            self.updates + other.updates,
        )

    def __sub__(self, other: Spent) -> Spent:
        return Spent(
            self.seconds - other.seconds,
            self.processor_seconds - other.processor_seconds,
            self.updates - other.updates,
        )

    def at_least(self, other: Spent) -> Spent:
        """The larger of both, each for itself."""
        return Spent(
            max(self.seconds, other.seconds),
            max(self.processor_seconds, other.processor_seconds),
            max(self.updates, other.updates),
        )

    @classmethod
    def read(cls, saved: Saved) -> Spent:
        """From a mapping with its fields; what it does not have is 0.

        Raises:
            ValueError: one of them is no number from 0 on.
        """
        found = [saved.get(name, 0) for name in asdict(cls())]
        if not all(type(v) in (int, float) and 0 <= v < math.inf for v in found):
            raise ValueError(f"{found} are no seconds and updates")
        return cls(float(found[0]), float(found[1]), int(found[2]))


class Clock:
    """What a run took from when the clock was made, in all processes.

    Attributes:
        on_gpu: whether the work is on a GPU; seconds of the processor are then those of the clock.
        updates: of the condensed set, those that were lost included.
        lost: what processes that were stopped took after their last checkpoint. It is made again,
            and counted: all other numbers include it.
        reused: processor seconds that other runs spent on what this one reads, such as experts on
            disk; in none of the other numbers. ``None`` until :meth:`reuse` tells.
    """

    def __init__(self) -> None:
        self.on_gpu = False
        self.updates = 0
        self.lost = Spent()
        self.reused: float | None = None
        self._began, self._processor = time.perf_counter(), time.process_time()
        self._earlier = Spent()
        self._noted: Spent | None = None
        self._untold = Spent()

    @property
    def seconds(self) -> float:
        """Of the clock on the wall."""
        return self._earlier.seconds + time.perf_counter() - self._began

    @property
    def processor_seconds(self) -> float:
        """Of the CPU over all threads; on a GPU those on the wall."""
        on_cpu = time.process_time() - self._processor
        here = time.perf_counter() - self._began if self.on_gpu else on_cpu
        return self._earlier.processor_seconds + here

    @property
    def spent(self) -> Spent:
        return Spent(self.seconds, self.processor_seconds, self.updates)

    def reuse(self, seconds: float) -> None:
        """Tell what others spent on what the run reads; the first process of a run knows it, and
        later ones, which also find what that process made, believe the first."""
        if self.reused is None:
            self.reused = seconds

    def state_dict(self) -> Saved:
        return {**asdict(self.spent), "lost": asdict(self.lost), "reused": self.reused}

    def load_state_dict(self, saved: Saved) -> None:
        """Go on from a checkpoint; what :meth:`noted_in` found beyond it is lost, and counted."""
        self.reused = _seconds(saved, "reused", self.reused)
        there, lost = Spent.read(saved), Spent.read(saved.get("lost", {}))
        came = there if self._noted is None else self._noted.at_least(there)
        self._take(came, came - there, lost)

    def _take(self, came: Spent, new: Spent, before: Spent) -> None:
        self._earlier, self.updates = came, came.updates
        self._untold, self.lost = new, before + new

    @contextmanager
    def noted_in(self, file: Path, run: Mapping[str, object]) -> Iterator[None]:
        """Tell in a file, once a second inside a ``with`` block, what the run took so far. The file
        is gone after a block that ends well.

        What an earlier process of the same run told there is counted. It is lost, unless a
        checkpoint that is loaded says otherwise.

        Args:
            file: in a folder that is there.
            run: what makes the run the run it is.

        Raises:
            ValueError: the file has something else.
        """
        digest = hashlib.sha256(json.dumps(dict(run), default=str).encode()).hexdigest()[:16]
        if file.exists():
            try:
                found = read_json_file(file)
                if not isinstance(found, dict):
                    raise ValueError("it is no mapping")
                noted, reused = Spent.read(found), _seconds(found, "reused")
            except ValueError as error:
                raise ValueError(
                    f"{file} does not say what a run took ({error}); remove it"
                ) from None
            if found.get("run") == digest:
                self._noted, self.reused = noted, reused
                self._take(noted, noted, Spent())
        ended = threading.Event()

        def note() -> None:
            with contextlib.suppress(OSError):  # a full disk; what cannot do without it says so
                told = {"run": digest, **asdict(self.spent), "reused": self.reused}
                write_whole(file, json.dumps(told))

        def go() -> None:
            note()
            while not ended.wait(EVERY):
                note()

        thread = threading.Thread(target=go, daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            ended.set()
            thread.join()
            note()
            raise
        ended.set()
        thread.join()
        file.unlink(missing_ok=True)

    def tell(self, step: int) -> None:
        """Say on stderr, once, what was lost before a run that goes on after ``step`` updates."""
        new, self._untold = self._untold, Spent()
        if new.seconds < 0.05 and not new.updates:
            return
        print(
            f"going on from step {step}: {new.updates} updates and {new.seconds:.1f} s (processor "
            f"{new.processor_seconds:.1f} s) after the last checkpoint were lost; they are made "
            "again, and counted as spent",
            file=sys.stderr,
        )


def _seconds(saved: Saved, name: str, default: float | None = None) -> float | None:
    """Seconds of that name; the default where there are none.

    Raises:
        ValueError: they are no number from 0 on.
    """
    found = saved.get(name)
    if found is None:
        return default
    if type(found) not in (int, float) or not 0 <= found < math.inf:
        raise ValueError(f"{name}={found!r} are no seconds")
    return float(found)
