"""Work on the machines of a Ray cluster, or on this machine's processors by a Ray of its own (extra
``ray``)."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType, TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")
A = TypeVar("A")

TRIES = 3
"""How often a task is begun whose worker is killed."""

STORE = 256 * 2**20
"""Bytes for objects that tasks share on this machine; Ray spills what is more to the disk."""


@dataclass(frozen=True)
class Done(Generic[T]):
    """What became of a task.

    Attributes:
        value: what it gave; ``None`` where it failed.
        why: what was wrong, in a line; empty where nothing was.
    """

    value: T | None = None
    why: str = ""


def need_ray() -> ModuleType:
    """Ray, or an ImportError that says how to install it."""
    try:
        import ray
    except ImportError as error:
        raise ImportError(
            'workers="ray" needs ray, which is not installed: pip install "graphcondense[ray]"'
        ) from error
    module: ModuleType = ray
    return module


@dataclass
class Fleet:
    """Workers of one thread each, on all machines of a cluster or on this one; a context.

    Attributes:
        address: of a cluster, such as ``"10.0.0.5:6379"`` or ``"auto"``; by default that of Ray's
            own variable ``RAY_ADDRESS``, and without it a Ray on this machine alone, which ends
            with the context.
        gpu: whether each worker has a GPU of its own.
        fresh: whether each task has a process of its own.

    Raises:
        ImportError: Ray is not installed.
        ConnectionError: no cluster answers.
        ValueError: it has no processor, or no GPU where each worker needs one.
    """

    address: str | None = None
    gpu: bool = False
    fresh: bool = False
    _ray: ModuleType = field(init=False, repr=False)
    _running: dict[Any, str] = field(default_factory=dict, init=False, repr=False)

    def __enter__(self) -> Fleet:
        self._ray = need_ray()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        where = self.address or os.environ.get("RAY_ADDRESS") or "local"
        _knock(where)
        own: dict[str, object] = {"address": where}
        if where == "local":
            cores = len(os.sched_getaffinity(0))
            own |= {"num_cpus": cores, "include_dashboard": False, "object_store_memory": STORE}
            # Ray's workers would give way to every other process.
            own |= {"_system_config": {"worker_niceness": 0}}
        one_thread = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        try:
            self._ray.init(
                **own,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": one_thread},
            )
        except self._ray.exceptions.AuthenticationError as error:
            raise ConnectionError(
                f"the Ray cluster at {where} wants its token, which this process does not have: "
                "see Ray's page on token authentication"
            ) from error
        except (ConnectionError, RuntimeError, ValueError, self._ray.exceptions.RayError) as error:
            raise ConnectionError(f"no Ray cluster answers at {where}: {_line(error)}") from error
        try:
            if not self.slots:
                what = "GPU" if self.gpu else "processor"
                raise ValueError(f"the Ray cluster at {where} has no {what} for a worker")
        except BaseException:
            self._ray.shutdown()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for ref in self._running:
            with contextlib.suppress(Exception):  # it may have ended meanwhile
                self._ray.cancel(ref, force=True)
        self._running.clear()
        self._ray.shutdown()

    @property
    def slots(self) -> int:
        """Tasks that run at a time."""
        return int(self._ray.cluster_resources().get("GPU" if self.gpu else "CPU", 0))

    def on_each_machine(self, function: Callable[[A], T], item: A) -> dict[str, Done[T]]:
        """``function(item)`` once on every machine, by its name."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        task = self._ray.remote(num_cpus=0, max_retries=0)(_call)
        out = {}
        for node in self._ray.nodes():
            if node["Alive"]:
                here = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
                ref = task.options(scheduling_strategy=here).remote(function, item)
                out[str(node["NodeManagerHostname"])] = self._get(ref)[0]
        return out

    def each(
        self,
        function: Callable[[A], T],
        items: Mapping[str, A],
        *,
        begins: Callable[[str], object] = str,
        again: Callable[[str, str], object] = max,
    ) -> Iterator[tuple[str, Done[T]]]:
        """``function(item)`` of every item, by its key, as they end.

        A task whose worker is killed begins again, :data:`TRIES` times in all; one that raises has
        failed, and the others go on.

        Args:
            function: what is done; it goes to the other machines as it is.
            items: what is done it to, in the order in which tasks begin.
            begins: told the key of a task that begins.
            again: told the key and why, of one that begins again.
        """
        kept, waiting = self._ray.put(function), list(items)
        more = {"max_calls": 1} if self.fresh else {}
        task = self._ray.remote(num_cpus=1, num_gpus=1 if self.gpu else 0, max_retries=0, **more)(
            _call
        )
        tries = dict.fromkeys(items, 0)
        while waiting or self._running:
            while waiting and len(self._running) < max(1, self.slots):
                key = waiting.pop(0)
                if not tries[key]:
                    begins(key)
                tries[key] += 1
                self._running[task.remote(kept, items[key])] = key
            ready, _ = self._ray.wait(list(self._running), num_returns=1)
            key = self._running.pop(ready[0])
            done, killed = self._get(ready[0])
            if killed and tries[key] < TRIES:
                again(key, done.why)
                waiting.insert(0, key)
            else:
                yield key, done

    def _get(self, ref: Any) -> tuple[Done[Any], bool]:
        """What became of a task, and whether that was its worker's end and not its own."""
        from ray import exceptions

        killed = (
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.LocalRayletDiedError,
            exceptions.ObjectLostError,
            exceptions.OutOfMemoryError,
        )
        try:
            return Done(self._ray.get(ref)), False
        except exceptions.OutOfMemoryError:
            return Done(why="its worker was killed: the machine ran out of memory"), True
        except killed as error:
            return Done(why=f"its worker was killed ({type(error).__name__})"), True
        except exceptions.RayTaskError as error:
            return Done(why=_line(error.cause or error)), False
        except exceptions.RayError as error:
            return Done(why=_line(error)), False


def _knock(where: str) -> None:
    """Raise a ConnectionError at once where nobody listens; Ray itself would try for minutes."""
    host, _, port = where.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except (OSError, OverflowError) as error:
            raise ConnectionError(f"no Ray cluster answers at {where}: {error}") from error


def _call(function: Callable[[A], T], item: A) -> T:
    return function(item)


def _line(error: BaseException) -> str:
    """An error in a line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text:.400}"
