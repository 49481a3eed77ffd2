"""``benchmarks/mutants.py``: faults put in on purpose, on a package of a few lines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import benchmarks

pytest.importorskip("cosmic_ray")
pytest.importorskip("pytest_cov")

ROOT = Path(__file__).resolve().parents[1]
SOURCE = """\
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    LIMIT = 1 + 2


class Sized(Protocol):
    @property
    def area(self) -> int:
        return 2 * 3


def double(x: int | float, times: int = 2) -> int | float:
    return x * times


def clipped(x: int) -> int:
    if x == "none":
        return 0
    return (
        -1
        if x < 0
        else x
    )


def unseen(x: int) -> int:
    return x + 40


def shifted(
    x: int,
    *,
    by: int = 1,
) -> int:
    return x + by


@dataclass
class Square:
    side: int = 3


def pairs(x: list[int]) -> list[tuple[int, int]]:
    return [*zip(x, x, strict=True)]


def endless(x: int) -> int:
    while x > 0:
        x -= 1
    return x
"""
TESTS = """\
import subprocess
import sys

from graphcondense.toy import Square, clipped, double, endless


def test_double():
    assert double(3) == 6


def test_clipped():
    assert clipped(-5) == -1


def test_square():
    assert Square().side == 3


def test_in_another_process():
    code = "from graphcondense.toy import shifted; print(shifted(2))"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"3\\n"


def test_endless():
    assert endless(1) == 0
"""


@pytest.fixture(scope="module")
def mutants() -> Iterator[ModuleType]:
    with benchmarks("mutants") as (module,):
        yield module


@pytest.fixture(scope="module")
def mutations(mutants: ModuleType) -> ModuleType:
    return sys.modules[mutants.sample.__module__]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("toy")
    (root / "graphcondense").mkdir()
    (root / "tests").mkdir()
    (root / "graphcondense" / "__init__.py").write_text("")
    (root / "graphcondense" / "toy.py").write_text(SOURCE)
    (root / "tests" / "test_toy.py").write_text(TESTS)
    return root


def line_of(text: str) -> int:
    return next(i for i, line in enumerate(SOURCE.splitlines(), 1) if text in line)


def test_what_is_left_out(mutations: ModuleType, toy: Path) -> None:
    """Annotations, what only a checker of types reads, and identity in the place of equality."""
    found = mutations.places(toy, "graphcondense/toy.py")
    lines = {line for line, _ in found}
    assert not lines & {line_of("LIMIT"), line_of("def clipped")}
    strict = line_of("strict=True"), SOURCE.splitlines()[line_of("strict=True") - 1].index("True")
    assert strict not in found
    assert not lines & {line_of("@property"), line_of("2 * 3"), line_of("    *,")}
    assert line_of("by: int = 1") in lines
    assert line_of("times: int = 2") in lines  # the default, and nothing of the types before it
    ways = {name for names in found.values() for name, _ in names}
    assert any("_Eq_Lt" in name for name in ways)
    assert not any(name.endswith("_Eq_Is") or "Operator_BitOr_" in name for name in ways)
    assert not mutations.compiles("def f(a, +, b): pass")


def test_a_seed_draws_the_same_sample(mutants: ModuleType, toy: Path) -> None:
    first, again, other = (
        [mutant for mutant, _ in mutants.sample(toy, ["graphcondense"], 5, seed)]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other
    assert len({(one.line, one.column) for one in first}) == 5  # places differ


def test_lines_that_stand_for_a_line(mutants: ModuleType) -> None:
    def spans(text: str) -> list[list[tuple[int, int]]]:
        both = mutants.spans(SOURCE, line_of(text))
        return [[(one.start, one.stop - 1) for one in some] for some in both]

    start, whole = line_of("return ("), (1, len(SOURCE.splitlines()))
    body = (line_of('x == "none"'), start + 4)
    assert spans("if x < 0") == [[(start + 2, start + 2), (start, start + 4)], [body, whole]]
    # A default is set when the file is imported: whoever runs the function may see it.
    default = line_of("times: int = 2")
    assert spans("times: int = 2") == [[], [(default + 1, default + 1), whole]]


def test_a_mutant_that_is_told_is_made_again(mutations: ModuleType, toy: Path) -> None:
    """Of equal lines the nearest; what has moved is found, what has gone is not."""
    first = line_of("return x + by")
    for number in (first, first - 3):
        told = f"graphcondense/toy.py:{number}: return x + by -> return x - by"
        mutant, changed = mutations.again(toy, told)
        assert (mutant.path, mutant.line, mutant.column) == ("graphcondense/toy.py", first, 4)
        assert (mutant.before, mutant.after) == ("return x + by", "return x - by")
        assert changed == SOURCE.replace("x + by", "x - by")
    only = next(i for i, line in enumerate(SOURCE.splitlines(), 1) if line == "    return x")
    two = toy.parent / "twice"
    (two / "graphcondense").mkdir(parents=True)
    (two / "graphcondense" / "toy.py").write_text(SOURCE + SOURCE)
    length = len(SOURCE.splitlines())
    for near in (only, only + length):
        told = f"graphcondense/toy.py:{near}: return x -> return 0"
        assert mutations.again(two, told)[0].line == near
    for gone in ("toy.py:3: return y -> return 0", "none.py:3: return x -> return 0"):
        assert mutations.again(toy, f"graphcondense/{gone}") is None
    assert mutations.again(toy, "graphcondense/toy.py:1:  / @dataclass -> ") is None


FATES = """\
import json, sys
from pathlib import Path

sys.path.insert(0, {folder!r})
from mutants import Mutant, Trial
from mutations import again

root = Path({toy!r})
trial = Trial(root, Path({work!r}), targets=["graphcondense"], tests=["tests"], limit=10.0)
trial.seconds = lambda took: 1.0  # enough to tell a loop that does not end
path, found = trial.root / "graphcondense" / "toy.py", []
text = path.read_text()
for before, after in {changes!r}:
    line = text[: text.index(before)].count("\\n") + 1
    mutant = Mutant("graphcondense/toy.py", line, 0, "", 0, before, after)
    one = trial.verdict(mutant, text.replace(before, after))
    found.append([one.fate, one.by])
told = "graphcondense/toy.py:1: return x + by -> return x - by"
lines = [told, "graphcondense/toy.py:1: return -> pass"]
(one,) = trial.verdicts([*filter(None, (again(trial.root, line) for line in lines))])
found.append([one.fate, one.by])
assert path.read_text() == text
assert trial.clean("tests/test_toy.py::test_double")
assert not trial.suite.unfit
print(json.dumps(found))
"""


def test_which_faults_tests_notice(toy: Path, tmp_path: Path) -> None:
    """In a process that has not imported what is changed, as the script is one."""
    expected = {
        ("x * times", "x - times"): ["killed", "tests/test_toy.py::test_double"],
        ("times: int = 2", "times: int = 3"): ["killed", "tests/test_toy.py::test_double"],
        ("if x < 0", "if x <= 0"): ["survived", ""],
        ("x + 40", "x - 40"): ["survived", "no test runs it"],
        ("x -= 1", "x += 0"): ["timed out", ""],
        # No line of the class is run but by the import, and another process runs the function.
        ("side: int = 3", "side: int = 4"): ["killed", "tests/test_toy.py::test_square"],
        ("x + by", "x - by"): ["killed", "tests/test_toy.py::test_in_another_process"],
    }
    code = FATES.format(
        folder=str(ROOT / "benchmarks"), toy=str(toy), work=str(tmp_path), changes=[*expected]
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *found, repeated = json.loads(done.stdout.splitlines()[-1])
    assert found == [*expected.values()]
    assert repeated == expected["x + by", "x - by"]


def test_a_score_is_the_share_that_is_noticed(mutants: ModuleType) -> None:
    mutant = mutants.Mutant("a.py", 1, 0, "", 0, "", "")
    fates = ("killed", "survived", "timed out", "killed")
    assert mutants.score([mutants.Verdict(mutant, fate) for fate in fates]) == 75.0
