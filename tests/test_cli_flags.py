"""The command line says what the code says: flags, help, plug-ins, quiet, JSON, completion."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import graphcondense
from graphcondense import cli, uses, zoo
from graphcondense.cli import (
    bench,
    continual,
    demo,
    evaluate,
    flags,
    help,
    importing,
    index,
    listing,
    where,
)
from graphcondense.cli import compare as compare_cli
from graphcondense.cli import condense as condense_cli
from graphcondense.cli import export as export_cli
from graphcondense.cli import robustness as robustness_cli
from graphcondense.cli import runs as runs_cli
from graphcondense.cli import zoo as zoo_cli
from graphcondense.cli.flags import HelpAsked, Option, Parser
from graphcondense.cli.measure import MEASURES, SPACE
from graphcondense.core.method import REGISTRY
from graphcondense.data import import_condensed, open_small
from graphcondense.evaluate.comparison import compare
from graphcondense.evaluate.graphs import GraphTraining
from graphcondense.evaluate.hetero import HeteroTraining
from graphcondense.evaluate.images import ImageTraining
from graphcondense.evaluate.links import LinkTraining
from graphcondense.evaluate.node_training import Training
from graphcondense.evaluate.rows import RowsTraining
from graphcondense.methods import all_methods, find_method, methods
from graphcondense.report import write_report
from graphcondense.run import condense
from graphcondense.run.options import Run

# What a command has of its own: where files are, what is listed, and the protocol of a table.
OWN = (
    flags.Common,
    where.Where,
    runs_cli.Output,
    condense_cli.Start,
    compare_cli.Ranking,
    continual.Memory,
    robustness_cli.Poisoned,
    demo.Demo,
    bench.Grid,
    listing.Listed,
    export_cli.Target,
    importing.Runs,
    zoo_cli.Own,
)
TRAININGS = (
    *(Training, GraphTraining, ImageTraining, RowsTraining),
    *(HeteroTraining, LinkTraining),
)
BEHIND = {
    "evaluate": (graphcondense.evaluate.evaluate, *TRAININGS, open_small),
    "continual": (uses.learn_continually, Training, condense),
    "robustness": (uses.measure_robustness, Training, condense, Run),
    "compare": (compare,),
    "advise": (graphcondense.advise,),
    "report": (write_report,),
    "export": (graphcondense.export,),
    "import": (import_condensed,),
    "zoo": (zoo.entries, zoo.get, zoo.push),
    "demo": (Run,),
    "bench": (graphcondense.ops.budget.Budget,),
    **{
        verb: (getattr(uses, how.function), Training, uses.Space, open_small)
        for verb, how in MEASURES.items()
    },
}
RENAMED = {
    **{flag: name for name, flag in SPACE.items()},
    **{"evaluator": "model", "trainings": "seeds", "out": "path"},
}


def parsers(*words: str) -> tuple[Parser, ...]:
    with pytest.raises(HelpAsked) as asked:
        help.find_command(words[0])([*words[1:], "--help"])
    return asked.value.parsers


def options(*words: str) -> Iterator[Option]:
    for parser in parsers(*words):
        for group in parser.flag_groups:
            yield from group.options


def sources(option: Option, things: tuple[object, ...]) -> list[tuple[object, str]]:
    """Which of some functions and dataclasses have a parameter for the flag, and its name."""
    names = (option.dest, RENAMED.get(option.dest, ""), option.dest.removeprefix("train_"))
    return [(t, n) for t in things for n in names if n in inspect.signature(t).parameters]


@pytest.mark.parametrize("verb", sorted(cli.COMMANDS))
def test_every_flag_is_a_parameter_of_what_is_behind(verb: str) -> None:
    """By name, default and words, or one of the few of the command line's own."""
    method = find_method("gcond-x", "node")[0]
    behind = (*BEHIND.get(verb, ()), *((method,) if verb in ("robustness", "condense") else ()))
    words = (verb, "gcond-x") if verb == "condense" else (verb,)
    if verb == "condense":
        behind += (condense, Run)
    for option in options(*words):
        found = sources(option, (*behind, *OWN))
        assert found, f"{verb} {option.flags[0]} is no parameter of {behind}"
        matches = []
        for thing, name in found:
            said = flags.field_docs(thing).get(name, "")
            default = inspect.signature(thing).parameters[name].default
            if isinstance(default, tuple):
                default = ",".join(f"{v:g}" if isinstance(v, float) else str(v) for v in default)
            same = option.default in (default, None) or (
                verb in ("condense", "robustness") and name in method.variants["gcond-x"]
            )
            # Of these two the command says where they are, in a run's folder.
            told = name in ("storage", "out") or option.words.startswith(said[:40].rstrip("."))
            matches.append(same and bool(said) and told)
        assert any(matches), f"{verb} {option.flags[0]}: {option.words!r}, {option.default!r}"


def test_no_dataclass_of_a_command_restates_a_parameter() -> None:
    """Beside what picks a table's cells, the command line's own fields are its own."""
    own = {f.name for cls in OWN if cls is not bench.Grid for f in dataclasses.fields(cls)}

    def restated(*functions: Callable[..., object]) -> set[str]:
        return own & {
            name
            for function in functions
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind is not parameter.VAR_KEYWORD
        }

    behind = {f for fs in BEHIND.values() for f in fs if inspect.isfunction(f)}
    # One name each: which data, which method, on what, and whether files may be replaced.
    # A table's column and a folder, its file of edges and their number have a name in common.
    table = {"target", "edges", "features"}
    assert restated(*behind - {condense}) <= {"data", "method", "device", "overwrite", *table}
    # Commands that condense on their way: where to write, how large a memory.
    assert restated(condense) <= {"data", "method", "device", "out", "per_class"}


def test_an_option_of_a_function_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is parsed is a parameter's value, sequences among them."""
    groups = {verb: cli.help.find_command(verb) for verb in MEASURES}
    assert set(groups) == set(MEASURES)
    (parser,) = parsers("serve")
    args = flags.parse(parser, ["run", "--ks", "1,3", "--seeds", "2", "--hops", "1"])
    (group,) = [g for g in parser.flag_groups if g.thing is uses.measure_serving]
    given = group.values(args)
    assert (given["ks"], given["seeds"], given["hops"], given["batch"]) == ((1, 3), 2, 1, 1000)
    (parser,) = parsers("nas")
    (group,) = [g for g in parser.flag_groups if g.thing is uses.Space]
    words = ["run", "--layers", "2", "--models", "SGC, MLP"]
    space = uses.Space(**group.values(flags.parse(parser, words)))
    assert (space.num_layers, space.model, space.dropout) == ((2,), ("SGC", "MLP"), (0.0, 0.5))
    (group,) = [g for g in parser.flag_groups if g.thing is uses.search_architectures]
    assert group.values(flags.parse(parser, ["run", "--baselines", "none"]))["baselines"] == ()


# --- the index -------------------------------------------------------------------------------


def test_a_number_that_may_be_left_out_has_an_off_switch() -> None:
    """``none``; a number that has to be one has it not."""
    for method, kind, name, default in (
        ("quotient", "node", "longest", 7.0),
        ("bonsai", "node", "sample", 2000),
        ("geom", "node", "max-start", 8),
        ("distill-cf", "rows", "real-batch", 8192),
    ):
        parser = condense_cli.condense_parser(find_method(method, kind)[0], method)
        for word, value in ((None, default), ("none", None), ("3", 3)):
            words = [] if word is None else [f"--{name}", word]
            assert flags.parse(parser, words)[name.replace("-", "_")] == value
        with pytest.raises(ValueError, match=name):
            flags.parse(parser, [f"--{name}", "nothing"])
    parser = condense_cli.condense_parser(find_method("quotient", "node")[0], "quotient")
    options = condense_cli.method_flags(find_method("quotient", "node")[0]).options
    (longest,) = (one for one in options if one.name == "longest")
    assert longest.help.endswith("(a number or none, default 7.0)")
    with pytest.raises(ValueError, match="moved"):  # it has a number in any case
        flags.parse(parser, ["--moved", "none"])


def test_the_index_is_what_the_code_says() -> None:
    assert help.INDEX.read_text(encoding="utf-8") == index.written(index.build()), (
        "run: python -m graphcondense.cli.index"
    )


def test_help_of_the_index_is_that_of_the_code() -> None:
    for words in (["condense", "doscond"], ["serve"], ["robustness"], ["bench"]):
        said = help.page_of([*words, "--help"])
        assert said == index.shown(parsers(*words))
    assert help.page_of(["condense", "doscond", "--data", "MUTAG", "--help"]) == index.shown(
        parsers("condense", "doscond", "--data", "MUTAG")
    )
    assert help.page_of(["condense", "gcnd", "--help"]) is None
    assert help.page_of(["condense", "random", "--data", "some.pt", "--help"]) is None


CODE = """
import resource, sys
from graphcondense.cli import main
for words in {words!r}:
    assert main(words) == 0, words
heavy = {{"torch", "torch_geometric", "numpy", "scipy", "sklearn", "matplotlib", "pandas"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
used = resource.getrusage(resource.RUSAGE_SELF)
print("seconds", used.ru_utime + used.ru_stime)
"""


@pytest.mark.parametrize(
    "words",
    [
        [[verb, "--help"] for verb in sorted(cli.COMMANDS)],
        [["condense", "gcond", "--help"], ["robustness", "--method", "vng", "--help"]],
        [["methods"], ["methods", "gcond"], ["methods", "--kind", "rows", "--json"]],
        [["completion", "bash"]],
    ],
)
def test_help_and_tables_need_no_torch(words: list[list[str]]) -> None:
    """Processor seconds, so that a busy machine fails nothing; importing torch alone takes two."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(words=words)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "nothing is loaded that takes long"
    assert float(done.stdout.split()[-1]) < 1.5


def test_what_takes_long_says_so_at_once() -> None:
    command = [sys.executable, "-m", "graphcondense", "show", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("loading torch ...\nerror: ")


@pytest.mark.parametrize(("more", "said"), [([], "loading torch ...\n"), (["--quiet"], "")])
def test_quiet_says_nothing_of_it(
    more: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A command that fails before it loads anything stands in for the others."""

    def command(words: list[str]) -> None:
        raise ValueError("nowhere")

    monkeypatch.setattr("graphcondense.cli.find_command", lambda name: command)
    monkeypatch.delitem(sys.modules, "torch")
    assert cli.main(["show", "nowhere", *more]) == 2
    assert capsys.readouterr().err == f"{said}error: nowhere\n"


# --- plug-ins --------------------------------------------------------------------------------

METHOD = '''
"""A method of somebody's own."""
from dataclasses import dataclass
from typing import ClassVar

from graphcondense import Method
from graphcondense.methods import find_method


@dataclass(frozen=True, kw_only=True)
class Mine(Method):
    """The first nodes of every class.

    Attributes:
        shift: is added to nothing.
    """

    name: ClassVar[str] = "mine"
    kind: ClassVar[str] = "node"
    cost: ClassVar[str] = "selection"
    shift: int = 0

    def condense(self, real, *, rng, callbacks=(), resume=None):
        return find_method("random", "node")[0](nodes=self.nodes).condense(real, rng=rng)
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(METHOD)
    yield "mine.py"
    REGISTRY.pop(("mine", "node"), None)


def test_a_loose_file_is_a_method(plugin: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", "digits", "--nodes", "20", "--out", "run"]
    assert cli.main(["condense", "mine", *words]) == 2
    assert "--plugin FILE" in capsys.readouterr().err
    assert cli.main(["condense", "mine", *words, "--shift", "2", "--plugin", plugin]) == 0
    record = graphcondense.load("run").condensed
    assert (record["method"], record["hyperparameters"]["shift"]) == ("mine", 2)
    capsys.readouterr()
    assert cli.main(["condense", "mine", "--plugin", plugin, "--help"]) == 0
    assert "--shift SHIFT         is added to nothing." in capsys.readouterr().out
    assert cli.main(["methods", "mine", "--json", "--plugin", plugin]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "mine"
    assert "mine" not in [row["name"] for row in help.read_index()["methods"]]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gone.py", None, "--plugin: there is no file gone.py"),
        ("mine.txt", "", "'mine.txt' is no Python file"),
        ("empty.py", "x = 1", "empty.py defines no method: a method is a dataclass"),
        ("broken.py", "\n1 / 0", "--plugin broken.py:2: ZeroDivisionError: division by zero"),
        ("syntax.py", "def f(:", "--plugin syntax.py:1: SyntaxError"),
        ("needs.py", "import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("twice.py", METHOD.replace('"mine"', '"gcond"'), "two methods are called 'gcond'"),
    ],
)
def test_what_is_no_plugin(
    name: str,
    text: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Said before any work, and nothing of the file stays behind."""
    monkeypatch.chdir(tmp_path)
    before = all_methods()  # of a process that has imported none of them, too
    if text is not None:
        Path(name).write_text(text)
    words = ["condense", "random", "--data", "digits", "--nodes", "20", "--out", "run"]
    assert cli.main([*words, "--plugin", name]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not Path("run").exists()
    assert all_methods() == before


# --- quiet and JSON --------------------------------------------------------------------------


def test_quiet_prints_the_result_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["condense", "random", "--data", "digits", "--nodes", "20", "--out"]
    assert cli.main([*words, "loud"]) == 0
    assert "next: graphcondense evaluate loud" in capfd.readouterr().out
    assert cli.main([*words, "run", "--quiet"]) == 0
    said = capfd.readouterr()
    assert said.out.startswith("digits, condensed by random, seed 0\n")
    assert said.out.splitlines()[-1].startswith("validation  ")
    assert said.err == ""
    quick = ["--models", "MLP", "--seeds", "1", "--epochs", "2", "--hidden", "8", "--quiet"]
    assert cli.main(["evaluate", "run", *quick, "--baselines", "none"]) == 0
    said = capfd.readouterr()
    assert "written:" not in said.out
    assert "MLP" in said.out
    assert said.err == ""


def test_json_is_one_document_on_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def document(*words: str) -> dict[str, object]:
        assert cli.main(list(words)) == 0
        found: dict[str, object] = json.loads(capfd.readouterr().out)
        return found

    words = ["random", "--data", "digits", "--nodes", "20", "--out", "run"]
    made = document("condense", *words, "--json")
    assert made["condensed"] == graphcondense.load("run").condensed
    shown = document("show", "--json", "run")
    assert shown["condensed"] == made["condensed"]
    assert shown["finished"] is True
    quick = ["--models", "MLP", "--seeds", "1", "--epochs", "2", "--hidden", "8"]
    found = document("evaluate", "--json", "run", *quick, "--baselines", "none")
    assert found == json.loads(Path("run/evaluation.json").read_text())
    assert document("properties", "run", "--json", "--quiet")["kind"] == "Properties"
    assert document("report", "run", "--json")["page"] == "run/report.html"
    (row,) = document("datasets", "Cora", "--json")
    assert row["name"] == "cora"
    assert cli.main(["show", "nothing", "--json"]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")


def test_tables_are_filtered_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["methods", "gcond-x", "K_Center"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert {row.split()[0] for row in rows} == {"gcond", "kcenter"}
    assert cli.main(["methods", "gcnd"]) == 2
    assert "no method here is called 'gcnd'; did you mean gcond" in capsys.readouterr().err
    assert cli.main(["datasets", "coraa"]) == 2
    assert "no data set here is called 'coraa'; did you mean cora" in capsys.readouterr().err


# --- completion ------------------------------------------------------------------------------


def completed(*words: str, script: str) -> set[str]:
    """What bash offers for the last word."""
    name = re.search(r"complete .*-F (\w+) graphcondense", script)
    assert name
    quoted = " ".join(f"'{word}'" for word in words)
    code = f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n{name[1]}\n"
    code += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True)
    return set(done.stdout.split())


def test_completion(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert completed("graphcondense", "co", script=script) == {
        "compare",
        "condense",
        "continual",
        "completion",
    }
    assert "gcond-x" in completed("graphcondense", "condense", "gcon", script=script)
    assert "--nodes" in completed("graphcondense", "condense", "gcond", "--no", script=script)
    assert "--ks" in completed("graphcondense", "serve", "--k", script=script)
    assert cli.main(["completion", "zsh"]) == 0
    assert "#compdef graphcondense" in capsys.readouterr().out
    assert cli.main(["completion", "cmd"]) == 2
    assert "there is one for" in capsys.readouterr().err


# --- a run that has ended --------------------------------------------------------------------


def test_a_finished_run_keeps_no_checkpoint_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["condense", "doscond-x", "--data", "digits", "--nodes", "20", "--out", "run"]
    words += ["--epochs", "3", "--validations", "1", "--checkpoint-seconds", "0"]
    assert cli.main(words) == 0
    assert not list(Path("run").glob("checkpoint*"))
    before = Path("run/condensed.safetensors").read_bytes()
    capsys.readouterr()
    assert cli.main([*words, "--resume"]) == 0
    said = capsys.readouterr().out
    assert "run is finished: there is nothing to resume" in said
    assert "digits, condensed by doscond-x" in said
    assert Path("run/condensed.safetensors").read_bytes() == before
    assert cli.main([*words, "--resume", "--seed", "1"]) == 2
    assert "run is of another run: seed is 0 there and 1 here" in capsys.readouterr().err


def test_a_run_that_was_ended_early_keeps_its_checkpoint(tmp_path: Path) -> None:
    task = graphcondense.data.load("digits")
    options = {"nodes": 20, "epochs": 8, "lr_x": 0.0, "out": tmp_path, "progress": False}
    first = graphcondense.condense(task, "doscond-x", validations=8, patience=1, **options)
    assert first.condensed["stopped"]
    assert (tmp_path / "checkpoint.pt").exists(), "a larger limit goes on from it"
    whole = graphcondense.condense(task, "doscond-x", validations=8, resume=True, **options)
    assert whole.condensed["steps"] == 8
    assert not (tmp_path / "checkpoint.pt").exists()


def test_words_of_a_wrong_number(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["condense", "random", "--data", "digits"]
    for flag, value, said in (
        ("--nodes", "abc", "--nodes: abc is not a whole number in decimal digits; give one such"),
        ("--ratio", "50%", "--ratio: 50% is not a number in decimal digits; give one such as"),
        ("--of", "labeled", "--of: labeled is none of labelled, all; did you mean --of labelled?"),
    ):
        assert cli.main([*words, flag, value]) == 2
        assert capsys.readouterr().err.startswith(textwrap.shorten(f"error: {said}", 200))


def test_every_method_has_a_page() -> None:
    pages = help.read_index()["pages"]
    names = {row["name"] for row in methods()}
    assert {f"condense {name}" for name in names} <= set(pages)
    assert all(evaluate.training_flags())
