"""How many small faults, put into the arithmetic on purpose, the tests notice.

    OMP_NUM_THREADS=1 python benchmarks/mutants.py --sample 100 --seed 0 --work FOLDER

A mutant is a copy of this repository with one change that a mutation of cosmic-ray makes: `+`
becomes `-`, `<` becomes `<=`, 1 becomes 2, `not` goes. A place in the source of `TARGETS` is drawn
at random, then one of the mutations of that place; a seed draws the same sample each time. A
mutant is *killed* when a test fails, or runs several times longer than it did, and has *survived*
when all pass.

Only tests that run the changed line are run: one clean run of `TESTS` under coverage tells which,
also of lines that processes run which a test starts. For what runs when a file is imported, such as
a default, these are the tests that run what is around it, those of the file of tests that is called
like the source, and `OF_CLASSES`. The clean run is kept in ``--work`` for as long as no source
changes. The quickest tests come first, the first that fails ends it, and after ``--limit`` seconds
of tests the rest is left out, which can only raise the number that survive. A test that fails is
run again without the change: one that fails there, too, is no witness, and is left out from then
on.

Left out, as no test could tell them or as they are no program: annotations of types, what only a
checker of types reads (``if TYPE_CHECKING``, ``@overload``, members of a ``Protocol``), ``==`` for
``is`` and the reverse (small integers, names and members of enumerations are the same object), the
star of ``f(a, *, b)``, which is no product, ``strict=True`` of a ``zip``, which asserts what a
caller cannot break, and changes that do not compile. Texts are not changed.

Nothing is imported anew for each mutant: a process that has imported torch, but not this package,
forks for each.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from mutations import Mutant, sample, sources  # beside this script

HERE = Path(__file__).resolve().parents[1]
PACKAGE = "graphcondense"
TARGETS = (
    "graphcondense/objectives",
    "graphcondense/ops",
    "graphcondense/core",
    *(
        f"graphcondense/evaluate/{part}.py"
        for part in ("any_kind", "contestant", "evaluator", "fitted", "trainings")
    ),
)
TESTS = (
    "tests/objectives",
    "tests/ops",
    "tests/core",
    "tests/evaluate",
    "tests/domains",
    "tests/kernels",
    "tests/nn",
    "tests/methods",
    *TARGETS,  # their examples
)
OF_CLASSES = "tests/core/test_frozen.py"
"""Tests that look at all classes and run nothing of them."""
SETTINGS = ("-q", "-p", "no:cacheprovider", "-m", "not slow", "-o", "addopts=--doctest-modules")
IDLE = 120.0
"""Seconds without any work after which tests are taken to wait for ever. Others may have the cores,
so the clock on the wall tells little: ten times the processor seconds beyond it are too many."""
MEMORY = 12 * 2**30  # of addresses; torch alone takes a few GiB of them


@dataclass
class Verdict:
    """What became of a mutant: "killed", "timed out" or "survived", by which test, of how many."""

    mutant: Mutant
    fate: str
    by: str = ""
    tests: int = 0


@dataclass
class Suite:
    """What a clean run told.

    Attributes:
        seconds: of each test.
        lines: of a file, each with the tests that run it. A line that only imports have run has
            no tests, and one that nothing has run is not there.
        modules: all that the tests import but this package and themselves.
        unfit: tests that fail without a change.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[int, list[str]]]
    modules: list[str]
    unfit: set[str] = field(default_factory=set)


# Which tests run a line


TEST_NOW = "MUTANTS_TEST_NOW"
"""The variable of the environment that tells a process which test started it."""


class Seen:
    """A plugin of pytest: how long each test took, which failed, and what all of them import.

    Args:
        config: of coverage, for the processes that a test starts, which are counted for it.
    """

    def __init__(self, config: str = "") -> None:
        self.config = config
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self.modules: list[str] = []

    def pytest_collection_finish(self) -> None:
        self.modules = [*sys.modules]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        os.environ[TEST_NOW] = nodeid
        if self.config:  # what coverage hands on itself has no name of a test in it
            os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
            os.environ["COVERAGE_PROCESS_START"] = self.config

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)


COVERED = """\
import json, sys, pytest
sys.path[:0] = [".", {beside!r}]
from mutants import Seen
seen = Seen({config!r})
pytest.main([*{settings!r}, "--cov", "--cov-config=" + {config!r}, "--cov-context=test",
             "--cov-report=", *{tests!r}], plugins=[seen])
json.dump({{"seconds": seen.seconds, "failed": seen.failed, "modules": seen.modules}},
          open({out!r}, "w"))
"""


def learn(root: Path, targets: Sequence[str], tests: Sequence[str], work: Path) -> Suite:
    """Run the tests once under coverage; what is there of the same sources is taken as it is."""
    from coverage import CoverageData

    there = [one for one in tests if (root / one).exists()]
    digest = hashlib.sha256(json.dumps([there, targets]).encode())
    for path in sorted([*root.rglob("*.py"), root / "pyproject.toml"]):
        if path.exists():
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    kept = work / digest.hexdigest()[:16]
    told, data = kept / "tests.json", kept / "coverage"
    if not told.exists():
        kept.mkdir(parents=True, exist_ok=True)
        config = kept / "coveragerc"
        # Processes that a test starts are counted for it.
        config.write_text(
            f"[run]\ndata_file = {data}\nsource = {PACKAGE}\nparallel = true\n"
            f"patch = subprocess, _exit\ncontext = ${{{TEST_NOW}}}\n"
        )
        program = COVERED.format(
            beside=str(Path(__file__).parent), settings=SETTINGS, config=str(config), tests=there,
            out=str(told),
        )  # fmt: skip
        subprocess.run([sys.executable, "-c", program], cwd=root, env=environment(root), check=True)
    seen = json.loads(told.read_text())
    found = CoverageData(str(data))
    found.read()
    lines = {}
    for path in sources(root, targets):
        name = next((one for one in found.measured_files() if one.endswith("/" + path)), None)
        by_line = found.contexts_by_lineno(name) if name else {}
        lines[path] = {
            line: sorted({one.partition("|")[0] for one in contexts if one})
            for line, contexts in by_line.items()
        }
    own = {PACKAGE, "tests", "__main__", "mutants"}
    modules = [name for name in seen["modules"] if name.partition(".")[0] not in own]
    return Suite(seen["seconds"], lines, modules, set(seen["failed"]))


def environment(root: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    return kept | {
        "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"), "MPLBACKEND": "Agg",
    }  # fmt: skip


def spans(text: str, line: int) -> tuple[list[range], list[range]]:
    """Lines that stand for a line, nearest first: of its statement, and of what is around it.

    What runs when a file is imported (defaults of arguments, decorators, fields) is run by whatever
    test comes first, so the function, the class or the file around it stands for it.
    """
    tree = ast.parse(text)
    around: list[Any] = []

    def enter(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            first = getattr(child, "lineno", None)
            for decorator in getattr(child, "decorator_list", []):
                first = min(first, decorator.lineno)
            if first is None or first <= line <= child.end_lineno:
                if isinstance(child, ast.stmt):
                    around.append(child)
                enter(child)

    enter(tree)
    statement: list[range] = []
    outer = [one for one in around if isinstance(one, ast.FunctionDef | ast.ClassDef)]
    functions = [one for one in outer if isinstance(one, ast.FunctionDef)]
    if functions and line >= functions[-1].body[0].lineno:
        first, body = around[-1].lineno, getattr(around[-1], "body", None)
        last = body[0].lineno - 1 if body else around[-1].end_lineno
        statement = [range(line, line + 1), range(first, max(last, first) + 1)]
    wider = [range(one.body[0].lineno, one.end_lineno + 1) for one in reversed(outer)]
    return statement, [*wider, range(1, len(text.splitlines()) + 1)]


def tests_of(suite: Suite, root: Path, mutant: Mutant, limit: float) -> list[str]:
    """The quickest tests that run what is changed."""
    by_line = suite.lines.get(mutant.path, {})
    statement, wider = spans((root / mutant.path).read_text(), mutant.line)
    if statement and not any(line in by_line for line in statement[-1]):
        return []  # nothing runs it, not even an import
    found: set[str] = set()
    for span in [*statement, *wider]:
        found = {one for line in span for one in by_line.get(line, ())} & suite.seconds.keys()
        if found:
            break
    if not statement:
        like = f"test_{Path(mutant.path).name}"
        for one in suite.seconds:
            file = one.partition("::")[0]
            if file == OF_CLASSES or Path(file).name == like:
                found.add(one)
    quickest, total = [], 0.0
    for one in sorted(found - suite.unfit, key=lambda one: (suite.seconds[one], one)):
        total += suite.seconds[one]
        if total > limit and quickest:
            break
        quickest.append(one)
    return quickest


# Running them


def forked(
    root: Path, tests: Sequence[str], seconds: float, log: Path
) -> tuple[bool, bool, list[str]]:
    """Run tests in a fork: whether all passed, whether they ran too long, and which failed."""
    told = log.with_suffix(".failed")
    told.write_text("")
    child = os.fork()
    if child == 0:
        _tests(root, tests, seconds, log, told)
    began = worked = time.monotonic()
    used, look = 0.0, 0.0
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        now = time.monotonic()
        if ended or now - worked > IDLE or now - began > IDLE + 10 * seconds:
            break
        if now > look:
            if (spent := _processor_seconds(child)) != used:
                worked, used = now, spent
            look = now + 5
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not ended:
        os.waitpid(child, 0)
    late = not ended or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU)
    return bool(ended and status == 0), late, told.read_text().split("\n")[:-1]


def _processor_seconds(process: int) -> float:
    """What a process and those that it started have used, in tenths of a second."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        whole = psutil.Process(process)
        for one in [whole, *whole.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(one.cpu_times())
    return round(total, 1)


def _tests(root: Path, tests: Sequence[str], seconds: float, log: Path, told: Path) -> None:
    """The forked process: it does not return."""
    code = 99
    try:
        os.setsid()
        with log.open("w") as to:
            os.dup2(to.fileno(), 1)
            os.dup2(to.fileno(), 2)
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 30))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os.environ.update(environment(root))
        os.chdir(root)
        sys.path.insert(0, str(root))
        sys.dont_write_bytecode = False  # pytest keeps what it makes of the tests
        import pytest

        seen = Seen()
        code = int(pytest.main(["-x", *SETTINGS, "-p", "no:xdist", *tests], plugins=[seen]))
        told.write_text("".join(f"{one}\n" for one in seen.failed))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


class Trial:
    """A copy of a repository in which one file at a time is changed, and its tests."""

    def __init__(
        self,
        source: Path = HERE,
        work: Path | None = None,
        *,
        targets: Sequence[str] = TARGETS,
        tests: Sequence[str] = TESTS,
        limit: float = 90.0,
    ) -> None:
        self.targets, self.limit = targets, limit
        self.work = Path(work or tempfile.mkdtemp(prefix="mutants-")).resolve()
        self.root = self.work / "copy"
        shutil.rmtree(self.root, ignore_errors=True)
        for path in files(source):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, self.root / path)
        self.suite = learn(self.root, targets, tests, self.work)
        # Bytecode of the package is told stale by what a file has, not by when it was written.
        subprocess.run(
            [sys.executable, "-m", "compileall", "-qf", "--invalidation-mode", "checked-hash",
             PACKAGE],
            cwd=self.root,
            check=False,
            env=environment(self.root) | {"PYTHONDONTWRITEBYTECODE": ""},
        )  # fmt: skip
        for name in self.suite.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        self._clean: dict[str, bool] = {}

    def seconds(self, took: float) -> float:
        """Processor seconds for tests that took some without a change."""
        return 20 + 4 * took

    def verdict(self, mutant: Mutant, changed: str) -> Verdict:
        path, log = self.root / mutant.path, self.work / "mutant.log"
        text = path.read_text()
        while True:
            tests = tests_of(self.suite, self.root, mutant, self.limit)
            if not tests:
                return Verdict(mutant, "survived", "no test runs it")
            path.write_text(changed)
            try:
                allowed = self.seconds(sum(self.suite.seconds[one] for one in tests))
                passed, late, failed = forked(self.root, tests, allowed, log)
            finally:
                path.write_text(text)
            if passed:
                return Verdict(mutant, "survived", tests=len(tests))
            witness = (failed or tests)[0]
            if self.clean(witness):
                fate = "timed out" if late else "killed"
                return Verdict(mutant, fate, failed[0] if failed else "", len(tests))
            self.suite.unfit.add(witness)

    def clean(self, test: str) -> bool:
        """Whether a test passes where nothing is changed."""
        if test not in self._clean:
            took = self.suite.seconds.get(test, 10.0)
            passed, _, _ = forked(self.root, [test], 60 + 10 * took, self.work / "clean.log")
            self._clean[test] = passed
        return self._clean[test]

    def run(self, count: int, seed: int, until: float = float("inf")) -> Iterator[Verdict]:
        """The verdicts of a sample, one after the other, until a time of the monotonic clock."""
        yield from self.verdicts(list(sample(self.root, self.targets, count, seed)), until)

    def verdicts(
        self, found: Sequence[tuple[Mutant, str]], until: float = float("inf")
    ) -> Iterator[Verdict]:
        """Those of mutants, each with the text of its file."""
        for mutant, changed in found:
            if time.monotonic() > until:
                return
            yield self.verdict(mutant, changed)


@functools.cache
def files(source: Path) -> tuple[str, ...]:
    """What belongs to a repository; all files of a folder that is none."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=source, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        found = listed.stdout.splitlines()
        return tuple(one for one in found if (source / one).is_file())
    found = [str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()]
    return tuple(found)


def score(verdicts: Sequence[Verdict]) -> float:
    """Percent of the mutants that did not survive."""
    return 100 * sum(one.fate != "survived" for one in verdicts) / max(1, len(verdicts))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=100, help="mutants to try")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--limit", type=float, default=90.0, help="seconds of tests for a mutant")
    parser.add_argument("--work", type=Path, help="folder for the copy and the clean run")
    parser.add_argument("--only", default="", help="leave out files whose path has no such part")
    args = parser.parse_args()
    trial = Trial(work=args.work, limit=args.limit)
    if args.only:
        trial.targets = [one for one in sources(trial.root, TARGETS) if args.only in one]
    verdicts = []
    for verdict in trial.run(args.sample, args.seed):
        verdicts.append(verdict)
        one = verdict.mutant
        print(f"{verdict.fate}: {one.path}:{one.line}:{one.column} {one.operator}", flush=True)
        print(f"  - {one.before}\n  + {one.after}\n  {verdict.by} ({verdict.tests})", flush=True)
    print(f"{score(verdicts):.1f} % of {len(verdicts)} did not survive")


if __name__ == "__main__":
    main()
