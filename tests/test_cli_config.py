"""``--config``: what a run wrote is read as it is, and what no run writes is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from graphcondense.cli import main
from graphcondense.report.runs import read_runs
from graphcondense.report.sections import flags
from graphcondense.saved.condensed import load
from tests.toys import toy_graphs


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a method that has no loop."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    words = ["--data", "digits", "--nodes", "20", "--out", str(folder), "--quiet"]
    assert main(["condense", "random", *words]) == 0
    return folder


def test_the_command_with_every_flag_repeats_a_run_without_a_loop(ran: Path) -> None:
    """It had --validations=5, which such a method refuses."""
    words = flags(read_runs([ran])[0])
    again = ran.parent / "again"
    assert main([*words[1:-1], f"--out={again}", "--quiet"]) == 0
    assert load(again).condensed["hash"] == load(ran).condensed["hash"]


@pytest.mark.parametrize(
    ("where", "change", "message"),
    [
        ("origin", {"data_sed": 3}, "origin of the config has 'data_sed', .*mean data_seed"),
        ("origin", {"data_seed": "x"}, "data_seed='x' is not a whole number"),
        ("origin", {"data": ["digits"]}, r"data=\['digits'\] is not text"),
        ("", {"sed": 3}, "the config has 'sed', .*mean seed"),
        ("", {"method": 3}, "method must be a name, got 3"),
    ],
)
def test_what_no_run_writes_is_refused(
    ran: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    where: str,
    change: dict[str, Any],
    message: str,
) -> None:
    config = yaml.safe_load((ran / "config.yaml").read_text())
    (config[where] if where else config).update(change)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    assert main(["condense", "--config", str(path), "--out", str(tmp_path / "out")]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_an_origin_may_say_more_and_the_command_line_wins(ran: Path, tmp_path: Path) -> None:
    """`condense(origin=...)` takes what a caller likes to keep."""
    config = yaml.safe_load((ran / "config.yaml").read_text())
    config["origin"] |= {"colour": "red", "data_seed": "of May"}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    words = ["condense", "--config", str(path), "--out", str(tmp_path / "out"), "--quiet"]
    assert main(words) == 2
    assert main([*words, "--data-seed", "0"]) == 0


def test_a_config_of_data_with_one_setting_is_run_again(tmp_path: Path) -> None:
    """What it says of the setting is true of the data; what is not is refused."""
    torch.save(toy_graphs(), tmp_path / "g.pt")
    words = ["--data", str(tmp_path / "g.pt"), "--size", "6", "--quiet", "--no-progress"]
    assert main(["condense", "random", *words, "--out", str(tmp_path / "a")]) == 0
    again = ["--config", str(tmp_path / "a/config.yaml"), "--out", str(tmp_path / "b"), "--quiet"]
    assert main(["condense", *again]) == 0
    assert load(tmp_path / "a").condensed["hash"] == load(tmp_path / "b").condensed["hash"]
    for setting, end in (("inductive", 0), ("transductive", 2)):
        said = ["--setting", setting, "--out", str(tmp_path / setting)]
        assert main(["condense", "random", *words, *said]) == end


def test_the_config_of_a_private_run_draws_noise_anew(tmp_path: Path) -> None:
    """It has no seed, which nobody may know."""
    folder, data = tmp_path / "a", ["--data", "digits", "--nodes", "20", "--epsilon", "5"]
    assert main(["condense", "gecc", *data, "--out", str(folder), "--quiet"]) == 0
    again = ["--config", str(folder / "config.yaml"), "--out", str(tmp_path / "b"), "--quiet"]
    assert main(["condense", *again]) == 0
    one, other = load(folder).condensed, load(tmp_path / "b").condensed
    assert one["hash"] != other["hash"]
    assert other["seed"] is None


@pytest.mark.parametrize("command", ["evaluate", "report", "show"])
def test_a_folder_of_several_sizes_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for name in ("10", "20"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "condensed.safetensors").touch()
    assert main([command, str(tmp_path)]) == 2
    assert "those below it are 10, 20" in capsys.readouterr().err
