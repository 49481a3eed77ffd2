"""The command line: flags, run folders, errors, interrupts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

import graphcondense
from graphcondense import cli
from graphcondense.cli import condense, demo, flags, folders, text, where
from graphcondense.cli.measure import MEASURES
from graphcondense.data import graph_hash
from graphcondense.methods import find_method, methods
from graphcondense.run import folder as run_folder
from graphcondense.run import preset_of
from tests.cases import toy_graph, toy_graphs

PICK = ["--data", "digits", "--nodes", "20", "--no-progress"]
TINY = [*PICK, "--validations", "1"]
PER = ["--per-class", "1"]
SHORT = [*TINY, "--epochs", "2", "--outer", "2"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ok(*words: str) -> None:
    assert cli.main(list(words)) == 0


def fails(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(list(words)) == 2
    out = capsys.readouterr()
    assert out.err.startswith("error: ")
    assert "Traceback" not in out.err
    return out.err


# --- help ------------------------------------------------------------------------------------


def test_help_imports_neither_torch_nor_pyg() -> None:
    code = (
        "import sys, time; t = time.perf_counter()\n"
        "from graphcondense.cli import main\n"
        "assert main(['--help']) == 0\n"
        "assert not {'torch', 'torch_geometric', 'matplotlib'} & set(sys.modules)\n"
        "assert time.perf_counter() - t < 1"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in cli.COMMANDS)


def test_help_of_a_method_does_not_import_pyg() -> None:
    code = (
        "import sys; from graphcondense.cli import main\n"
        "assert main(['condense', 'gcond', '--help']) == 0\n"
        "assert 'torch_geometric' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--lr-x" in done.stdout
    assert "Adam's learning rate on the features" in done.stdout  # a parent's docstring
    assert "outer OUTER         matches for each network" in done.stdout


@pytest.mark.parametrize(("name", "kind"), [(row["name"], row["kind"]) for row in methods()])
def test_every_flag_has_help(name: str, kind: str) -> None:
    cls, _ = find_method(name, kind)
    parser = condense.condense_parser(cls, name)
    for action in parser._actions:
        assert action.help, action.dest
        for mark in ("``", ":class:", "~graphcondense"):
            assert mark not in action.help, action.dest
        assert not any("_" in flag for flag in action.option_strings)


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_help_of_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    ok(command, "--help")
    assert f"usage: graphcondense {command}" in capsys.readouterr().out


def test_every_default_is_that_of_the_method() -> None:
    cls, variant = find_method("gcond-x")
    args = condense._condense_args(cls, variant, "gcond-x", [], {})
    built = graphcondense.core.method.hyperparameters(cls(**variant))
    assert {k: args[k] for k in built} == built


# --- condense --------------------------------------------------------------------------------


def test_run_folder(capsys: pytest.CaptureFixture[str]) -> None:
    ok("condense", "gcond", *SHORT, "--lr_x", "1e-3", "--seed", "3")
    folder = Path("runs/digits-gcond-20-seed3")
    assert {path.name for path in folder.iterdir()} == {
        "condensed.md",
        "condensed.safetensors",
        "config.yaml",
        "curve.png",
        "graph.png",
        "metrics.jsonl",
    }
    said = capsys.readouterr().out
    assert re.search(r"nodes +1,797 +20 +1\.11 %", said)
    assert re.search(r"validation  \d\d?\.\d \(accuracy, %\) at step \d", said)
    assert str(folder) in said
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["hyperparameters"]["lr_x"] == 1e-3
    assert config["origin"] == {
        "data": "digits",
        "root": None,
        "split": None,
        "data_seed": 0,
        "normalize": "auto",
        "label_kind": None,
    }

    # The config alone repeats the run, and flags win over it.
    ok("condense", "--config", f"{folder}/config.yaml", "--out", "again", "--no-progress")
    assert graph_hash(graphcondense.load("again")) == graph_hash(graphcondense.load(folder))
    words = ["--config", f"{folder}/config.yaml", "--out", "other", "--no-progress"]
    ok("condense", "gcond", *words, "--per-class", "1", "--seed", "4")
    other = graphcondense.load("other")
    assert (other.num_nodes, other.condensed["seed"]) == (10, 4)
    assert other.condensed["hyperparameters"]["lr_x"] == 1e-3


def test_a_name_of_two_kinds_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    ok("condense", "kcenter", *PICK, "--out", "nodes")
    told = "digits is taken as one graph with labelled nodes; for images give --data digits-images"
    assert told in capsys.readouterr().out
    ok("condense", "gcond", *SHORT, "--out", "graph")  # a method for graphs alone
    assert "is taken as" not in capsys.readouterr().out


def test_config_of_another_method_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    ok("condense", "random", *PICK, "--out", "run")
    said = fails(capsys, "condense", "kcenter", "--config", "run/config.yaml")
    assert "is of method random, not kcenter" in said


def test_finished_run_is_not_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    ok("condense", "random", *PICK, "--out", "run")
    before = Path("run/condensed.safetensors").read_bytes()
    said = fails(capsys, "condense", "random", *PICK, "--out", "run", "--seed", "1")
    assert "run has a finished run; --overwrite" in said
    assert Path("run/condensed.safetensors").read_bytes() == before
    ok("condense", "random", *PICK, "--out", "run", "--seed", "1", "--overwrite")
    assert Path("run/condensed.safetensors").read_bytes() != before


def test_preset_of_the_data(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sections = {"digits": {"nodes": 30, "hops": 1}, "paper": {"hops": 4}}
    monkeypatch.setattr("graphcondense.run.method.presets", lambda cls: sections)

    def hops(*words: str) -> tuple[int, int]:
        ok("condense", "herding", "--data", "Digits", "--out", "run", "--overwrite", *words)
        small = graphcondense.load("run")
        return small.num_nodes, small.condensed["hyperparameters"]["hops"]

    assert hops() == (30, 1)
    assert "preset 'digits' of herding" in capsys.readouterr().out
    assert hops("--hops", "3", "--per-class", "2") == (20, 3)
    assert hops("--preset", "paper", "--nodes", "20") == (20, 4)
    assert hops("--preset", "none", "--nodes", "20") == (20, 2)
    assert "no preset 'nope'" in fails(capsys, "condense", "herding", *PICK, "--preset", "nope")


@pytest.mark.parametrize("data", ["ogbn-arxiv", "arxiv", "OGBN_Arxiv"])
def test_preset_by_any_name_of_the_data(data: str) -> None:
    assert preset_of(["cora", "arxiv"], data) == "arxiv"
    assert preset_of(["cora"], data) is None


def test_images(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", "digits", "--per-class", "1", "--epochs", "1", "--depth", "1"]
    ok("condense", "dc", *words, "--hidden-channels", "4", "--validations", "0", "--no-progress")
    assert Path("runs/digits-dc-per_class1-seed0/images.png").exists()


def test_only_rank_zero_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    text.say("result")
    assert capsys.readouterr().out == ""
    assert folders.draw(object(), Path()) == []


def toy_file() -> str:
    torch.save(toy_graphs(), "toys.pt")
    return "toys.pt"


def test_the_form_of_a_method_follows_from_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", toy_file(), "--per-class", "2", "--data-seed", "3", "--no-progress"]
    ok("condense", "doscond", *words, "--steps", "3", "--validations", "1")
    folder = Path("runs/toys-doscond-per_class2-seed0")
    assert {path.name for path in folder.iterdir()} == {
        "condensed.md",
        "condensed.safetensors",
        "config.yaml",
        "curve.png",
        "graphs.png",
        "metrics.jsonl",
    }
    assert re.search(r"graphs +60 +6 +10\.00 %", capsys.readouterr().out)
    assert yaml.safe_load((folder / "config.yaml").read_text())["origin"]["data_seed"] == 3
    ok("show", str(folder))
    assert "toys, condensed by doscond, seed 0" in capsys.readouterr().out

    ok("condense", "--config", f"{folder}/config.yaml", "--out", "again", "--no-progress")
    first, again = graphcondense.load(folder), graphcondense.load("again")
    assert graph_hash(first) == graph_hash(again)
    assert len(again) == 6

    # Of the same name, another form: one graph.
    ok("condense", "doscond", *SHORT[:-2], "--structure", "identity", "--out", "node")
    assert graphcondense.load("node").num_nodes == 20
    capsys.readouterr()  # that no update was of use
    said = fails(capsys, "condense", "doscond", *words, "--structure", "identity")
    assert "unknown flag --structure" in said


def test_help_lists_the_flags_of_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    ok("condense", "doscond", "--help")
    said = capsys.readouterr().out
    assert said.count("--per-class PER_CLASS") == 2, "in the usage and once in the list"
    node, graph = (said.index(f"doscond for {kind}") for kind in ("one graph", "a set of"))
    assert said.index("--structure {") > node
    assert said.index("--readout {") > graph
    ok("condense", "doscond", "--data", "MUTAG", "--help")
    said = capsys.readouterr().out
    assert "--readout" in said
    assert "--structure" not in said


def test_kind_of_data_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {name: where.kind_of(name) for name in ("cora", "molbace", "nci1", "a.npz", "nonsense")}
    assert list(kinds.values()) == ["node", "graph", "graph", "node", "node"]
    torch.save(toy_graphs()[3], "one.pt")
    assert [where.kind_of(name) for name in (toy_file(), "one.pt")] == ["graph", "node"]
    assert "did you mean MUTAG" in fails(capsys, "condense", "random", "--data", "mutagg", *PER)


# --- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("condens", "did you mean condense,"),
        ("condense", "name a method"),
        ("condense gcnd --data digits", "did you mean gcond"),
        ("condense random", "which data?"),
        ("condense random --data digts --nodes 20", "did you mean digits"),
        ("condense random --data digits", "give exactly one of nodes="),
        ("condense random --data digits --nodes 3", "below one for each of 10 classes"),
        ("condense random --data digits --nods 20", "unknown flag --nods; did you mean --nodes"),
        (
            "condense random --data digits --nodes x",
            "--nodes: x is not a whole number in decimal digits",
        ),
        (
            "condense gcond --data digits --lr-x x",
            "digits; give one such as --lr-x 0.5",
        ),
        ("condense random --data no.npz --nodes 20", "there is no file no.npz"),
        ("condense dc --data no --per-class 1", "ends in .npz"),
        ("condense gcond-x --data digits --nodes 20 --resume --out run", "no checkpoint"),
        ("condense random --data digits --resume --overwrite", "give one of them"),
        ("condense random --config no.yaml", "cannot read no.yaml"),
        ("evaluate nothing", "there is no file or folder nothing"),
        ("methods --kind nod", "there are graph, hetero, image"),
        ("condense gcond --data MUTAG --per-class 2", "unknown method 'gcond' for graph data"),
        ("condense random --data MUTAG --split public", "MUTAG has stratified"),
        ("condense random --data no.pt --per-class 1", "there is no file no.pt"),
        ("show nothing", "there is no folder nothing"),
        ("show .", "holds no run"),
    ],
)
def test_errors(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in fails(capsys, *words.split())


# --- interrupts ------------------------------------------------------------------------------


def test_interrupt_then_resume_equals_a_run_in_one_go(tmp_path: Path) -> None:
    words = [*TINY, "--epochs", "15", "--outer", "20", "--validations", "2"]
    command = [sys.executable, "-m", "graphcondense", "condense", "gcond-x", *words]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    slow = [*command, "--out", "cut", "--checkpoint-seconds", "0.05"]
    # A parent that ignores the signal, as a background shell does, would pass that on.
    process = subprocess.Popen(
        slow,
        cwd=tmp_path,
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "cut/checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert not Path("cut/condensed.safetensors").exists()
    hint = re.search(r"to go on: graphcondense (condense .* --resume)$", said, re.MULTILINE)
    assert hint, said

    assert cli.main(["show", "cut"]) == 0  # a folder of an unfinished run
    assert cli.main(["condense", "gcond-x", *words, "--out", "cut"]) == 2  # nothing is lost
    ok(*hint[1].split())
    ok("condense", "gcond-x", *words, "--out", "whole")
    cut, whole = graphcondense.load("cut"), graphcondense.load("whole")
    assert graph_hash(cut) == graph_hash(whole)
    lines = Path("cut/metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in lines]
    assert steps == list(range(1, 301))


# --- evaluate, show, tables ------------------------------------------------------------------


def test_evaluate_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    for seed in "01":
        ok("condense", "kcenter", *PICK, "--seed", seed, "--out", f"run{seed}")
    capsys.readouterr()
    quick = ["--models", "gcn,sgc", "--seeds", "2", "--epochs", "3", "--hidden", "8"]
    ok("evaluate", "run0", "run1", *quick, "--baselines", "none")
    said = capsys.readouterr()
    assert re.search(r"kcenter +none +SGC", said.out)
    assert "  pays  " in said.out
    assert "note:" not in said.err
    report = json.loads(Path("run0/evaluation.json").read_text())
    assert [row["graphs"] for row in report["rows"]] == [2, 2]
    assert Path("run0/evaluation.png").exists()

    file = "run1/condensed.safetensors"
    words = ["--json", "new/out.json", "--plot", "new/out", "--data-seed", "5"]
    with pytest.warns(UserWarning, match="was condensed from other data"):
        ok("evaluate", file, *quick, "--baselines", "random", "--data", "digits", *words)
    printed = capsys.readouterr()
    assert "not condensed from" not in printed.err  # which the warning says
    ok("properties", file, "--data", "digits", "--data-seed", "5", "--random-draws", "0")
    assert "not condensed from this very graph and split" in capsys.readouterr().err
    assert "written: new/out.png" in printed.out + printed.err
    assert {path.name for path in Path("new").iterdir()} == {"out.json", "out.png"}
    assert len(json.loads(Path("new/out.json").read_text())["rows"]) == 4
    assert not Path("run1/evaluation.json").exists()

    ok("show", "run0")
    shown = capsys.readouterr().out
    assert "digits, condensed by kcenter, seed 0" in shown
    assert "run0/evaluation.png" in shown


def test_a_random_run_beside_the_random_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    ok("condense", "random", *PICK, "--out", "run")
    ok("evaluate", "run", "--models", "MLP", "--seeds", "1", "--epochs", "2", "--hidden", "8")
    assert re.search(r"random \(run\) +none +MLP", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--json here/out.json", "here is a file: give a file in a folder"),
        ("--json there.json", "--json there.json is a folder"),
        ("--plot out.xyz", r"--plot out.xyz: a picture's name ends in .*\.png"),
        ("--plot here/out.png", "here is a file: give a file in a folder"),
    ],
)
def test_where_results_go_is_checked_before_any_work(
    words: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("here").touch()
    Path("there.json").mkdir()
    assert re.search(said, fails(capsys, "evaluate", "no-such-run", *words.split()))


def test_evaluate_tensors_of_another_project(capsys: pytest.CaptureFixture[str]) -> None:
    ok("condense", "kcenter", *PICK, "--out", "run")
    small = graphcondense.load("run")
    adj = torch.zeros(20, 20)
    adj[small.edge_index[0], small.edge_index[1]] = 1
    for name, tensor in {"feat": small.x, "adj": adj, "label": small.y}.items():
        torch.save(tensor, f"{name}_digits.pt")
    quick = ["--data", "digits", "--models", "SGC,LabelProp", "--seeds", "2", "--epochs", "3"]
    ok("evaluate", "run", *quick, "--baselines", "none")
    own = json.loads(Path("run/evaluation.json").read_text())
    assert all(Path(f"run/{name}.png").exists() for name in ("transfer", "break-even"))
    more = ["--equal-bytes", "--baselines", "none", "--random-draws", "1", "--json", "out.json"]
    ok("evaluate", "feat_digits.pt", *quick, *more)
    rows = json.loads(Path("out.json").read_text())["rows"]
    assert [row["test_selected"] for row in rows[:2]] == [r["test_selected"] for r in own["rows"]]
    assert {row["label"] for row in rows[2:]} == {"random, same bytes", "herding, same bytes"}
    said = capsys.readouterr()
    assert "LabelProp *" in said.out
    assert "memory: training is expected to add at most" in said.err
    for flag in ("--adj adj_digits.pt", "--labels gcond", "--threshold 0.5"):
        name = flag.split()[0].removeprefix("--")
        told = fails(capsys, "evaluate", "run", *quick, *flag.split())
        assert re.search(f"{name}=.* is for tensors of other projects.*run is none", told)
    ok("evaluate", "run", "feat_digits.pt", *quick, "--baselines", "none", "--threshold", "0.5")
    capsys.readouterr()
    Path("label_digits.pt").unlink()
    assert "without labels" in fails(capsys, "evaluate", "feat_digits.pt", *quick)
    assert "no file or folder feat" in fails(capsys, "evaluate", "feat", *quick)


def test_a_new_run_takes_away_all_that_was_measured_on_the_old_one() -> None:
    """Every name that a command writes beside a run is one that --overwrite removes."""
    sources = [path.read_text() for path in Path(cli.__file__).parent.glob("*.py")]
    written = {name for text in sources for name in re.findall(r'run\.write\(.+, "(\w+)"\)', text)}
    written |= {measure.writes for measure in MEASURES.values()}
    assert written == set(run_folder.USES)
    Path("new").mkdir()
    stale = [Path(f"new/{name}.{end}") for name in written for end in ("json", "png")]
    for path in [*stale, Path("new/mine.json")]:
        path.write_text("")
    run_folder.clear(Path("new"))
    assert [path.name for path in Path("new").iterdir()] == ["mine.json"]


def test_tables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ok("methods", "--kind", "node")
    assert re.search(r"^gcond +node +gradient matching", capsys.readouterr().out, re.MULTILINE)
    ok("methods", "--json")
    assert json.loads(capsys.readouterr().out) == methods()
    ok("methods", "--markdown")
    printed = capsys.readouterr().out
    readme = (Path(__file__).parents[1] / "docs/methods/index.md").read_text()
    held = readme.partition("<!-- methods -->\n")[2].partition("<!-- /methods -->")[0]
    assert held == printed, "graphcondense methods --markdown, between the marks"
    ok("datasets", "--root", str(tmp_path))
    assert re.search(r"^digits .* yes$", capsys.readouterr().out, re.MULTILINE)
    ok("datasets", "--json")
    assert json.loads(capsys.readouterr().out)[0]["name"] == "cora"
    ok("datasets", "--json", "new/rows.json")
    assert json.loads(Path("new/rows.json").read_text())[0]["name"] == "cora"
    assert capsys.readouterr().out.startswith("name")


def test_bench(capsys: pytest.CaptureFixture[str]) -> None:
    """Cells run once, a failed one again; the page and its picture come from all that are there."""
    words = ["bench", "--data", "digits", "--nodes", "20", "--condensations", "1"]
    words += ["--trainings", "1", "--epochs", "3", "--models", "MLP,LabelProp"]
    ok(*words, "--methods", "random")
    said = capsys.readouterr()
    assert re.search(r"digits-20 random: MLP \d\d\.\d \(accuracy, %\)", said.err)
    assert "2 cells to run" in said.err
    for began in ("random: begins, 1 of 2", "whole: begins, 2 of 2"):  # at once, in either order
        assert said.err.count(began) == 1
    # One training has no spread.
    assert re.search(r"^\| whole \| \S+ \| [*\d.]+ \| ", said.out, re.MULTILINE)
    ok(*words, "--methods", "random,gecc", "--json", "bench.json")
    assert set(json.loads(Path("bench.json").read_text())["cells"]) == {"gecc", "random", "whole"}
    said = capsys.readouterr()
    assert "2 of 3 cells are there" in said.err
    page = Path("results.md").read_text()
    assert page.count("| gecc |") == 3, "the best epoch, the last, and the differences"
    assert "| gecc | undecided " in page, "one condensation decides nothing"
    assert "graphcondense bench --data digits --nodes 20 --models MLP,LabelProp" in page
    assert "--root DATA --methods gecc,random`" in page, "the command repeats the table"
    assert Path("results/bench-digits-20.png").stat().st_size > 5000
    cells = Path("runs/bench/digits-20")
    assert sorted(p.name for p in cells.iterdir()) == ["gecc.json", "random.json", "whole.json"]
    assert cli.main([*words, "--methods", "random", "--trainings", "2"]) == 2
    assert "was run by" in capsys.readouterr().err, "one table has one protocol"


def test_a_failed_cell_of_bench_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphcondense.cli.bench.check_options", lambda args, data: None)
    words = ["bench", "--data", "digits", "--nodes", "9", "--condensations", "1"]
    assert cli.main([*words, "--methods", "random"]) == 2
    said = capsys.readouterr().err
    assert "2 of 2 cells failed" in said
    assert "below one for each of 10 classes" in said
    assert not list(Path("runs/bench").rglob("*.json"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--models NOPE", "unknown model 'NOPE'"),
        ("--nodes 99999", "nodes=99999 gives 99999 examples, above the"),
        ("--nodes paper=8,venue=2", "--nodes paper=8,venue=2 is by type, and digits has nodes of"),
        ("--workers 0", "--workers 0 must be at least 1"),
        ("--page h/", "--page h/ is a folder: name a file, h/results.md"),
        ("--val-every 0", "val_every=0 must be at least 1"),
        ("--models mlp,MLP", "two models are called 'MLP'"),
        ("--page results", "--page results has no ending, and the pictures go into a folder of"),
        ("--page file/p.md", "--page file/p.md cannot be written"),
        ("--page file.md", "--page file.md: the pictures go into file, which cannot be written"),
    ],
)
def test_bench_checks_before_any_cell(
    words: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphcondense.cli.bench.run_all", None)
    Path("file").touch()
    given = ["bench", "--data", "digits", "--nodes", "20", "--methods", "random"]
    assert said in fails(capsys, *given, *words.split())
    assert not Path("runs").exists()


def test_bench_proves_its_folder_before_any_cell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphcondense.cli.bench.in_processes", None)
    Path("file").touch()
    words = ["bench", "--data", "digits", "--nodes", "20", "--methods", "random", "--out", "file"]
    assert "cannot write finished cells into file/digits-20" in fails(capsys, *words)


def test_demo(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DEMO", {"nodes": 20})
    quick = {"models": ("GCN", "MLP"), "seeds": 1, "epochs": 3, "progress": False}
    monkeypatch.setattr(demo, "DEMO_EVALUATION", quick)
    ok("demo", "--out", "demo")
    said = capsys.readouterr().out
    row = r"^{} +(- +)?GCN"
    assert all(re.search(row.format(name), said, re.MULTILINE) for name in ("random", "whole"))
    assert re.search(r"^quotient +none +GCN", said, re.MULTILINE)
    assert all(Path(f"demo/{name}.png").exists() for name in ("graph", "evaluation"))
    assert "has a finished run" in fails(capsys, "demo", "--out", "demo")


# --- values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("nodes", "1:30 12:30:45 1_000 0x10 0b11 010 1e3 1.0 yes on 5,0 nan"),
        ("seed", "1:30 1_0 0x1 true 2020-01-01"),
        ("ratio", "1:30 0x1 1_0.5 nan .nan inf 1e999 1/2 50%"),
        ("weights", "[1:30] [0x10] [1_0.5] [nan]"),
    ],
)
def test_numbers_are_decimal_digits(name: str, values: str) -> None:
    """YAML 1.1, which the parser speaks, takes 1:30 for 90, 010 for 8 and 1_000 for 1000."""
    parser = condense.condense_parser(find_method("gecc", "node")[0], "gecc")
    for value in values.split():
        with pytest.raises(ValueError, match=f"^--{name}: ") as caught:
            flags.parse(parser, [f"--{name}={value}"])
        assert value.strip("[]") in str(caught.value)


def test_numbers_in_options_are_decimal_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["continual", "--data", "digits", "--method", "gcond-x", "--options"]
    assert "epochs='1:30' is not a whole" in fails(capsys, *words, '{"epochs": 1:30}')
    assert not Path("runs").exists()


def test_numbers_that_are_fine() -> None:
    cls, variant = find_method("gecc", "node")
    words = ["--nodes=20", "--weights=[1e-3, .5, -2]", "--fuzzifier", "1.5e0", "--balance=+.5"]
    args = condense._condense_args(cls, variant, "gecc", [*words, "--data", "010"], {})
    assert (args.nodes, args.fuzzifier, args.balance, args.data) == (20, 1.5, 0.5, "010")
    assert args.weights == (0.001, 0.5, -2.0)


def test_the_config_of_an_update_says_what_makes_one(capsys: pytest.CaptureFixture[str]) -> None:
    """And without what an update has besides, it condenses all anew."""
    data = toy_graph()
    torch.save(data, "toy.pt")
    ok("condense", "gecc", "--data", "toy.pt", "--nodes", "6", "--out", "before")
    before = graphcondense.load("before")
    graphcondense.update(before, data, out="after", progress=False)
    capsys.readouterr()
    said = fails(capsys, "condense", "--config", "after/config.yaml", "--data", "toy.pt")
    assert f"of an update of a set (updated_from: {before.condensed['hash']})" in said
    assert "graphcondense.update(SET, data) goes on" in said
    config = yaml.safe_load(Path("after/config.yaml").read_text())
    left = {key: value for key, value in config.items() if key not in said}
    Path("anew.yaml").write_text(yaml.safe_dump(left))
    ok("condense", "--config", "anew.yaml", "--data", "toy.pt", "--out", "anew", "--no-progress")


def test_a_config_is_read_as_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    digits, options = graphcondense.data.load("digits"), {"validations": 0, "progress": False}
    graphcondense.condense(
        digits, "herding", nodes=20, out="run", origin={"data": "digits"}, **options
    )
    config = Path("run/config.yaml").read_text()
    for was, then, said in (
        ("nodes: 20", "nodes: 0:20", "nodes='0:20' is not a whole number"),
        ("nodes: 20", "nodes: 0x14", "nodes='0x14' is not a whole number"),
        ("hops: 2", "hops: -2", "hops=-2 must be at least 0"),
        ("of: labelled", "of: on", "of='on' is not one of"),
    ):
        assert was in config
        Path("changed.yaml").write_text(config.replace(was, then))
        assert said in fails(capsys, "condense", "--config", "changed.yaml", "--out", "new")
        assert not Path("new").exists()
    words = ["condense", "--config", "run/config.yaml", "--preset", "paper"]
    assert "give --preset or --config alone" in fails(capsys, *words)


def test_home_in_a_value_is_the_home_folder_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path("home").absolute()))
    ok("condense", "random", *PICK, "--out=~/run", "--json=~/run.json")
    assert Path("home/run.json").exists()
    whole = {"config.yaml", "condensed.safetensors", "graph.png"}
    assert whole <= {path.name for path in Path("home/run").iterdir()}
    ok("continual", "--data", "digits", "--strategies=none", "--epochs=1", "--out", "~/many")
    assert Path("home/many/continual.json").exists()
    assert [path.name for path in Path().iterdir()] == ["home"]


def test_a_run_named_twice_is_no_second_seed(capsys: pytest.CaptureFixture[str]) -> None:
    ok("condense", "random", *PICK, "--out", "run")
    quick = ["--models", "MLP", "--epochs", "1", "--seeds", "1"]
    for again in ("run", "run/.", "run/condensed.safetensors"):
        said = fails(capsys, "evaluate", "run", again, *quick)
        assert said.startswith(f"error: {Path(again)} is named twice")
    assert "is named twice" in fails(capsys, "privacy", "run", "run")


def test_where_results_go_by_default_is_looked_at_before_any_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they hold took hours, perhaps."""
    data = ["--data", "digits"]
    ok("condense", "random", *PICK, "--out", "run")
    monkeypatch.setattr("graphcondense.cli.where.Where.load", None)
    for verb, writes in {
        "evaluate": "evaluation",
        **{v: m.writes for v, m in MEASURES.items()},
    }.items():
        for flag, ending in (("json", "json"), ("plot", "png")):
            Path(f"run/{writes}.{ending}").mkdir()
            said = fails(capsys, verb, "run")
            assert f"run/{writes}.{ending} (--{flag} FILE names another) is a folder" in said
            Path(f"run/{writes}.{ending}").rmdir()
    Path("file").touch()
    for verb in ("continual", "robustness"):
        said = fails(capsys, verb, *data, "--out", "file")
        assert f"file/{verb}.json (--json FILE names another) cannot be written" in said


@pytest.mark.parametrize("device", ["cuda:77", "mps:7", "gpu"])
def test_a_device_that_is_not_there(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    data, runs = ["--data", "digits", "--nodes", "20"], ["run", "--data", "digits"]
    for words in (
        ["condense", "random", *data],
        ["bench", *data],
        ["robustness", *data],
        ["continual", "--data", "digits"],
        *([verb, *runs] for verb in ("evaluate", "properties", "privacy", "serve", "nas", "tune")),
    ):
        said = fails(capsys, *words, "--device", device)
        assert f"device='{device}'" in said
        assert said.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["methods"], ["datasets"], ["--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        with monkeypatch.context() as patch, os.fdopen(writing, "w") as closed:
            patch.setattr(sys, "stdout", closed)
            assert cli.main(words) == cli.UNREAD
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("condense gcond --data digits --nodes 20 --epoch 3", "did you mean --epochs"),
        ("condense gcond --data digits --nodes 20 --lr 3", "unknown flag --lr; did you mean --lr-"),
        ("condense random --data digits --nodes 20 --epochs 3", "unknown flag --epochs"),
        ("bench --data digits --nodes 20 --methods random,,herding", "has an empty name"),
        ("bench --data digits --nodes 20 --methods random,random", "names 'random' twice"),
        ("condense gcond --data digits --nodes 20 --validations=-3", "validations=-3 must be"),
        ("condense gcond --data digits --nodes 20 --structure typo", "--structure"),
        ("condense gcond --data digits --nodes 20 --epochs=-1", "epochs=-1 must be at least 0"),
    ],
)
def test_words_for_options(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in fails(capsys, *words.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*TINY, "--cache", ""], "--cache '' is empty: give a value, or leave the flag out"),
        ([*TINY, "--out", ""], "--out '' is empty"),
        ([*TINY, "--root", ""], "--root '' is empty"),
    ],
)
def test_an_empty_text_is_no_value(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an unset variable of a shell gives: nothing is written where the command runs."""
    assert said in fails(capsys, "condense", "random", *words)
    assert "run '' is empty" in fails(capsys, "show", "")
    assert not list(Path.cwd().iterdir())
