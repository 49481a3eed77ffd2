"""Fixtures for all tests."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Toys are fastest on one thread, and workers share the cores. Set before NumPy and torch come in:
# they are imported below in functions, so that a process that only hands out tests stays light.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from graphcondense.data.task import NodeTask

REPOSITORY = Path(__file__).resolve().parents[1]
WORKERS = 4  # more only repeat the imports
FOLDERS = (
    "pyg/Cora",
    "pyg/CiteSeer",
    "pyg/Computers",
    "pyg/Physics",
    "pyg/MUTAG",
    "pyg/NCI1",
    "ogb",
    "images",
    "recsys/ml-1m",
    "graphs",
)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Shares a run of the whole suite among the cores; a run of named files stays in one process.

    ``-n 0`` keeps everything in one process, ``-n 8`` takes eight.
    """
    shared = (
        config.pluginmanager.hasplugin("xdist")
        and config.args_source is pytest.Config.ArgsSource.TESTPATHS
        and config.option.numprocesses is None
        and config.option.dist == "no"
        and not hasattr(config, "workerinput")  # a worker is asked, too, and must not have workers
        and not (config.option.collectonly or config.option.usepdb)
    )
    if shared and cores() > 1:
        config.option.numprocesses = min(cores(), WORKERS)
        config.option.dist = "worksteal"


def seconds(item: pytest.Item) -> float:
    """``slow(seconds=100)`` says so of a test of half a minute or more."""
    return max((mark.kwargs.get("seconds", 0) for mark in item.iter_markers("slow")), default=0)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest begins first, or one worker would still be at it when all others are done;
    what takes longer than ``--at-most`` is left out."""
    most = config.getoption("--at-most")
    left = [] if most is None else [item for item in items if seconds(item) > most]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    items.sort(key=seconds, reverse=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--at-most",
        metavar="SECONDS",
        type=float,
        help="leave out tests that are marked slow(seconds=...) with more",
    )
    parser.addoption(
        "--reaching",
        metavar="FILE",
        help="write there which tests reduce over segments (graphcondense.ops.segment), one a line:"
        " the rest cannot differ with torch-scatter; processes that tests start are not seen",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keeps whether a test, or a fixture made for it, came to a reduction over segments."""
    file = item.config.getoption("--reaching")
    if file is None:
        return (yield)
    from graphcondense.ops import segment

    chosen, found = segment.backend, []

    def backend(*args: Any) -> Any:
        found.append(args)
        return chosen(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "backend", backend)
        end = yield
    if found:
        with Path(file).open("a") as lines:  # of all workers
            lines.write(f"{item.nodeid}\n")
    return end


def files_of_the_repository() -> set[Path]:
    """What lies at its top and in its source folders, caches of tools aside."""
    folders = [REPOSITORY, *(REPOSITORY / name for name in ("tests", "examples", "graphcondense"))]
    found = {path for folder in folders if folder.is_dir() for path in folder.iterdir()}
    return {path for path in found if not path.name.startswith((".", "__pycache__"))}


@pytest.fixture(autouse=True, scope="session")
def clean_repository() -> Iterator[None]:
    """No test leaves a file in the repository."""
    before = files_of_the_repository()
    yield
    assert files_of_the_repository() <= before


def settings() -> dict[str, Any]:
    """What a test could leave changed for all that come after it."""
    import torch

    return {
        "working folder": Path.cwd(),
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Each test starts from the same global generators and leaves global settings as it found them.

    So a test's result is the same in any order, alone, and on any worker.
    """
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global one is meant
    torch.manual_seed(0)
    before = settings()
    yield
    assert settings() == before


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scratch copy of the real data, as the loaders write ``processed/`` beside ``raw/``."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    source = Path(os.environ.get("GRAPHCONDENSE_DATA") or beside)
    found = [folder for folder in FOLDERS if (source / folder).is_dir()]
    if not found:
        pytest.skip("no real data: set GRAPHCONDENSE_DATA to a folder that has pyg/Cora and others")
    root = tmp_path_factory.mktemp("data")
    for folder in found:
        shutil.copytree(source / folder, root / folder, ignore=shutil.ignore_patterns("processed"))
    return root


@pytest.fixture(scope="session")
def real() -> NodeTask:
    """Three classes that features and edges give away, 90 nodes."""
    import numpy as np
    import scipy.sparse as sp
    import torch

    from graphcondense.data.task import NodeTask

    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    same = y[:, None] == y
    adj = sp.csr_matrix(np.triu(rng.random((90, 90)) < np.where(same, 0.12, 0.02), 1), dtype="f4")
    x = np.eye(3, 10)[y] + 0.8 * rng.standard_normal((90, 10))
    order = torch.from_numpy(rng.permutation(90))
    return NodeTask(
        x=torch.from_numpy(x).float(),
        adj=(adj + adj.T).tocsr(),
        y=torch.from_numpy(y),
        train=order[:30],
        val=order[30:60],
        test=order[60:],
        num_classes=3,
        name="toy",
    )


@pytest.fixture
def small() -> Data:
    """A condensed graph for it: six nodes, two weighted pairs."""
    import torch
    from torch_geometric.data import Data

    return Data(
        x=torch.eye(6, 10),
        y=torch.tensor([0, 1, 2, 0, 1, 2]),
        edge_index=torch.tensor([[0, 3, 1, 4], [3, 0, 4, 1]]),
        edge_weight=torch.tensor([0.5, 0.5, 2.0, 2.0]),
    )
