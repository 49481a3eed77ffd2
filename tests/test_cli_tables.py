"""Two files on the command line: condensed, evaluated on another day, refused once changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from graphcondense import cli
from graphcondense.cli.tables import Table
from graphcondense.cli.where import Where
from graphcondense.report.runs import read_runs
from graphcondense.report.sections import flags
from tests.data.test_data_tables import written


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The toy table in the working folder, and the flags that name it."""
    written(tmp_path)
    monkeypatch.chdir(tmp_path)
    return ["--table", "nodes.csv", "--edges", "edges.csv", "--target", "plan", "--id", "name"]


def condensed(files: list[str], out: str, *more: str) -> None:
    words = ["condense", "random", *files, "--nodes", "6", "--out", out, "--quiet", *more]
    assert cli.main(words) == 0


EVALUATE = ["--models", "GCN", "--seeds", "1", "--epochs", "3", "--baselines", "random", "--quiet"]


def test_two_files_and_no_python(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    condensed(files, "run", "--by", "year", "--no-directed", "--drop", "visits,vip")
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["origin"]["drop"] == "visits,vip"
    assert config["data"]["files"]["nodes"]["file"] == "nodes.csv"
    assert {c["name"] for c in config["data"]["columns"]["columns"]} == {
        "age",
        "city",
        "joined",
        "bio",
    }
    assert cli.main(["evaluate", "run", *EVALUATE]) == 0
    told = capsys.readouterr()
    assert "not condensed from" not in told.out + told.err
    assert json.loads(Path("run/evaluation.json").read_text())["rows"]
    assert cli.main(["report", "run", "--out", "page.html", "--quiet"]) == 0
    page = Path("page.html").read_text()
    assert "nodes.csv" in page
    assert str(Path.cwd()) not in page
    command = flags(read_runs(["run"])[0])
    assert command[command.index("--table") + 1] == "nodes.csv"
    assert {"--target=plan", "--id=name", "--by=year", "--no-directed"} <= set(command)


def test_the_command_of_a_report_repeats_the_run(files: list[str]) -> None:
    condensed(files, "run", "--text", "bio,city", "--shares", "0.5,0.25,0.25")
    # A selection has no loop, and refuses the number of validations that all pages spell out.
    words = [w for w in flags(read_runs(["run"])[0])[1:] if not w.startswith("--validations")]
    assert cli.main([*words, "--quiet"]) == 0
    first, again = (Path(f"{out}/condensed.safetensors").read_bytes() for out in ("run", "again"))
    hashes = [re.search(rb'hash[\\": ]+([0-9a-f]{16})', raw) for raw in (first, again)]
    assert hashes[0] is not None
    assert hashes[1] is not None
    assert hashes[0][1] == hashes[1][1]


def test_changed_files_are_told(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    condensed(files, "run")
    with Path("edges.csv").open("a") as edges:
        edges.write("user1,user2\n")
    for words in (
        ["evaluate", "run", *EVALUATE],
        ["condense", "--config", "run/config.yaml", "--out", "other"],
    ):
        assert cli.main(words) == 2
        assert "edges.csv has changed since this run was condensed" in capsys.readouterr().err
    assert cli.main(["evaluate", "run", "--edges", "edges.csv", *EVALUATE]) == 0
    Path("nodes.csv").rename("moved.csv")
    assert cli.main(["evaluate", "run", *EVALUATE]) == 2
    assert "--table FILE" in capsys.readouterr().err
    words = ["--table", "moved.csv", "--edges", "edges.csv"]
    assert cli.main(["evaluate", "run", *words, *EVALUATE]) == 0


def test_one_set_takes_the_place_of_another(files: list[str]) -> None:
    condensed(files, "run")
    words = ["condense", "--config", "run/config.yaml", "--data", "digits", "--out", "digits"]
    assert cli.main([*words, "--nodes", "20", "--quiet"]) == 0
    origin = yaml.safe_load(Path("digits/config.yaml").read_text())["origin"]
    assert origin["data"] == "digits"
    assert "table" not in origin
    words = ["condense", "--config", "digits/config.yaml", *files, "--out", "back", "--quiet"]
    assert cli.main(words) == 0
    assert yaml.safe_load(Path("back/config.yaml").read_text())["origin"]["data"] is None


def test_flags_that_cannot_act(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cases = {
        "needs --edges FILE": files[:2],
        "needs --target COLUMN": files[:4],
        "--target is for a table of nodes": ["--data", "digits", "--target", "plan"],
        "--no-directed is for a table": ["--data", "digits", "--no-directed"],
        "both name data": [*files, "--data", "digits"],
        "--split seeded does not go with --table": [*files, "--split", "seeded"],
        "--normalize row does not go": [*files, "--normalize", "row"],
        "--memory 1GB does not go": [*files, "--memory", "1GB"],
        "--root x does not go": [*files, "--root", "x"],
        "both say the splits": [*files, "--shares", "1,0,0", "--split-column", "plan"],
        "did you mean plan?": [*files[:-4], "--target", "plam", "--id", "name"],
        "with --id which column": files[:-2],
        "--shares or --split-column": [*files, "--shares", "0.9,0.9,0.9"],
    }
    for message, words in cases.items():
        method = "gecc" if "memory" in message else "random"
        assert cli.main(["condense", method, *words, "--nodes", "6", "--out", "run"]) == 2, message
        assert message in capsys.readouterr().err
    assert not Path("run").exists()


def test_other_commands_take_a_table(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    condensed(files, "run")
    assert cli.main(["properties", "run", "--quiet"]) == 0
    assert "random" in capsys.readouterr().out


def test_every_option_of_a_table_is_a_flag() -> None:
    from graphcondense.data.frames import FrameOptions

    renamed = {"split", "seed"}  # --shares and --split-column, --data-seed
    assert FrameOptions.__annotations__.keys() - renamed <= Table.__annotations__.keys()
    assert Where(table="a/b.csv").stem == "b"
