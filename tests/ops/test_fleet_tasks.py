"""The order of a fleet's tasks and what becomes of them, with something in the place of Ray that
does one after the other; ``test_fleet.py`` has Ray itself, whose start takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from graphcondense.ops.fleet import STORE, Done, Fleet

ERRORS = (
    "WorkerCrashedError", "NodeDiedError", "LocalRayletDiedError", "ObjectLostError",
    "OutOfMemoryError",
)  # fmt: skip


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: BaseException | None) -> None:
        super().__init__("in a task")
        self.cause = cause


class AuthenticationError(RayError):
    pass


class Task:
    def __init__(self, ray: Any, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self.ray, self.function, self.how = ray, function, options

    def options(self, **more: Any) -> Task:
        return Task(self.ray, self.function, {**self.how, **more})

    def remote(self, *args: Any) -> str:
        ref = f"ref {len(self.ray.begun)}"
        args = tuple(self.ray.put_there.get(one, one) for one in args)
        self.ray.begun.append((ref, self.how))
        self.ray.work[ref] = lambda: self.function(*args)
        self.ray.most = max(self.ray.most, len(self.ray.work))
        return ref


class FakeRay(ModuleType):
    """Tasks end in the order in which they began."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.exceptions = ModuleType("ray.exceptions")
        for name in ERRORS:
            setattr(self.exceptions, name, type(name, (RayError,), {}))
        for kind in (RayError, RayTaskError, AuthenticationError):
            setattr(self.exceptions, kind.__name__, kind)
        self.resources = {"CPU": 2.0}
        self.wrong: Exception | None = None
        self.started: list[dict[str, Any]] = []
        self.begun: list[tuple[str, dict[str, Any]]] = []
        self.work: dict[str, Callable[[], Any]] = {}
        self.put_there: dict[str, Any] = {}
        self.ended: list[str] = []
        self.most = 0

    def init(self, **options: Any) -> None:
        self.started.append(options)
        if self.wrong is not None:
            raise self.wrong

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def put(self, value: Any) -> str:
        self.put_there["put"] = value
        return "put"

    def remote(self, **options: Any) -> Callable[[Callable[..., Any]], Task]:
        return lambda function: Task(self, function, options)

    def wait(self, refs: list[str], num_returns: int) -> tuple[list[str], list[str]]:
        return refs[:num_returns], refs[num_returns:]

    def get(self, ref: str) -> Any:
        try:
            return self.work.pop(ref)()
        except RayError:
            raise
        except Exception as error:
            raise RayTaskError(error) from error

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"Alive": alive, "NodeID": f"id of {name}", "NodeManagerHostname": name}
            for name, alive in (("first", True), ("gone", False), ("second", True))
        ]

    def cancel(self, ref: str, force: bool) -> None:
        self.ended.append(f"cancel {ref} {force}")
        raise ValueError("it has ended")

    def shutdown(self) -> None:
        self.ended.append("shutdown")


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    strategies = ModuleType("ray.util.scheduling_strategies")
    strategies.NodeAffinitySchedulingStrategy = dict  # type: ignore[attr-defined]
    parts = {"": fake, ".exceptions": fake.exceptions, ".util": ModuleType("ray.util")}
    for name, module in (parts | {".util.scheduling_strategies": strategies}).items():
        monkeypatch.setitem(sys.modules, f"ray{name}", module)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    return fake


def test_a_killed_worker_begins_again_before_what_waits(ray: FakeRay) -> None:
    """Two at a time, in the order of the keys; what raises fails alone, with its reason."""
    tries: dict[str, int] = {}

    def work(key: str) -> str:
        tries[key] = tries.get(key, 0) + 1
        if key == "raises":
            raise KeyError("no  such\nluck")
        if key == "full":
            raise ray.exceptions.OutOfMemoryError
        if key == "always" or (key == "once" and tries[key] == 1):
            raise ray.exceptions.WorkerCrashedError
        if key == "strange":
            raise RayError("what is that")
        return key.upper()

    events: list[object] = []
    items = {key: key for key in ("once", "raises", "always", "full", "strange", "last")}
    with Fleet() as fleet:
        assert fleet.slots == 2
        for key, done in fleet.each(
            work, items, begins=lambda key: events.append(f"{key} begins"),
            again=lambda key, why: events.append((key, why)),
        ):  # fmt: skip
            events.append((key, done.value, done.why))
    crashed = "its worker was killed (WorkerCrashedError)"
    full = "its worker was killed: the machine ran out of memory"
    assert events == [
        "once begins", "raises begins", ("once", crashed),
        ("raises", None, "KeyError: 'no such\\nluck'"), "always begins", ("once", "ONCE", ""),
        "full begins", ("always", crashed), ("full", full), ("always", crashed), ("full", full),
        ("always", None, crashed), "strange begins", ("full", None, full), "last begins",
        ("strange", None, "RayError: what is that"), ("last", "LAST", ""),
    ]  # fmt: skip
    assert tries == {"once": 2, "raises": 1, "always": 3, "full": 3, "strange": 1, "last": 1}
    assert ray.most == 2
    usual = {"num_cpus": 1, "num_gpus": 0, "max_retries": 0}
    assert all(how == usual for _, how in ray.begun)
    assert ray.ended == ["shutdown"]


def test_workers_with_a_gpu_and_a_process_of_their_own(ray: FakeRay) -> None:
    ray.resources = {"CPU": 8.0, "GPU": 1.0}
    with Fleet(gpu=True, fresh=True) as fleet:
        assert fleet.slots == 1
        assert [*fleet.each(str, {"a": 1, "b": 2})] == [("a", Done("1")), ("b", Done("2"))]
    how = {"num_cpus": 1, "num_gpus": 1, "max_retries": 0, "max_calls": 1}
    assert [given for _, given in ray.begun] == [how, how]
    assert ray.most == 1


@pytest.mark.parametrize(("gpu", "what"), [(True, "GPU"), (False, "processor")])
def test_a_cluster_with_nothing_to_work_on(ray: FakeRay, gpu: bool, what: str) -> None:
    ray.resources = {} if not gpu else {"CPU": 4.0}
    with pytest.raises(ValueError, match=f"the Ray cluster at local has no {what} for a worker"):
        Fleet(gpu=gpu).__enter__()
    assert ray.ended == ["shutdown"]


def test_where_a_fleet_is(ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this machine all processors and little memory, of a cluster nothing is set."""
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 3, 5})
    with Fleet():
        pass
    with Fleet("auto"):
        pass
    monkeypatch.setenv("RAY_ADDRESS", "of-the-variable")
    with Fleet():
        pass
    alone, given, variable = ray.started
    assert alone.pop("_system_config") == {"worker_niceness": 0}
    own = {key: alone.pop(key) for key in ("num_cpus", "include_dashboard", "object_store_memory")}
    assert own == {"num_cpus": 3, "include_dashboard": False, "object_store_memory": STORE}
    assert [one.pop("address") for one in (alone, given, variable)] == [
        "local", "auto", "of-the-variable",
    ]  # fmt: skip
    assert alone == given == variable
    assert given["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == "1"
    assert given["log_to_driver"] is False


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (AuthenticationError("who"), "the Ray cluster at auto wants its token"),
        (RuntimeError("not\n there"), "no Ray cluster answers at auto: RuntimeError: not there"),
        (RayError("x" * 500), f"no Ray cluster answers at auto: RayError: {'x' * 400}$"),
    ],
)
def test_a_cluster_that_does_not_answer(ray: FakeRay, wrong: Exception, said: str) -> None:
    ray.wrong = wrong
    with pytest.raises(ConnectionError, match=said):
        Fleet("auto").__enter__()
    assert not ray.ended


def test_what_runs_is_ended_with_the_fleet(ray: FakeRay) -> None:
    ray.resources = {"CPU": 3.0}
    with Fleet() as fleet:
        for key, _ in fleet.each(str, dict.fromkeys("abcdef")):
            assert key == "a"
            break
    assert ray.ended == ["cancel ref 1 True", "cancel ref 2 True", "shutdown"]


def test_each_machine_that_is_there_once(ray: FakeRay) -> None:
    with Fleet() as fleet:
        found = fleet.on_each_machine(lambda item: 2 * item, 21)
    assert found == {"first": Done(42), "second": Done(42)}
    assert [how["scheduling_strategy"] for _, how in ray.begun] == [
        {"node_id": "id of first", "soft": False}, {"node_id": "id of second", "soft": False},
    ]  # fmt: skip
    assert all(how["num_cpus"] == 0 and how["max_retries"] == 0 for _, how in ray.begun)
