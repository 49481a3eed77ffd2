"""The page as text: what it says, that it is closed, and that nothing in a run breaks it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch

import graphcondense
from graphcondense import cli
from graphcondense.report import write_report
from graphcondense.report.merge import merge
from graphcondense.report.runs import read_runs
from graphcondense.report.scene import cost_chart, graph_scene, heat_palette
from graphcondense.report.sections import flags
from graphcondense.report.values import deviation

Make = Callable[..., Path]
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&<!--"
VOID = {"meta", "br", "img", "input"}


class Reader(HTMLParser):
    """Collects elements and checks that every one is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.elements if "id" in attrs]


def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def embedded(page: Path) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    assert found is not None
    return json.loads(found[1])


@pytest.fixture
def two(tmp_path: Path, make_run: Make) -> list[Path]:
    return [
        make_run(tmp_path / "a", "gcond", extra=True),
        make_run(tmp_path / "b", "doscond-x", seed=1, edges=False, score=0.75),
    ]


# --- what it shows ---------------------------------------------------------------------------


def test_every_section_is_there(two: list[Path], tmp_path: Path) -> None:
    page = write_report(two, tmp_path / "deep" / "page.html")
    assert page == tmp_path / "deep" / "page.html"
    reader = read(page)
    assert {"summary", "transfer", "cost", "curves", "condensed", "further", "reproduce"} <= set(
        reader.ids()
    )
    assert len(reader.ids()) == len(set(reader.ids()))
    text = " ".join(" ".join(reader.texts).split())
    assert "80.0 % ± 1.1" in text  # gcond's GCN
    assert "random 70.0 % ± 1.1" in text
    assert "whole 82.0 % ± 1.1" in text
    assert "30 (1.1 % of 2,708 in the whole graph)" in text
    assert "of all edge weight joins nodes of one class" in text
    assert "It has no edges" in text
    assert "privacy: privacy report (gcond)" in text
    assert "graphcondense condense gcond --config a/config.yaml --out again" in text
    assert page.stat().st_size < 200_000
    data = embedded(page)
    assert set(data["charts"]) == {"cost-0", "loss", "validation"}
    assert set(data["graphs"]) == {"graph-0", "graph-1"}
    assert sum(tag == "img" for tag, _ in reader.elements) == 1


def test_the_default_place_is_the_first_run(two: list[Path]) -> None:
    assert write_report(two[0]) == two[0] / "report.html"


def test_same_runs_same_bytes_wherever_they_are(two: list[Path], tmp_path: Path) -> None:
    first = write_report(two, tmp_path / "1.html").read_bytes()
    assert write_report(two, tmp_path / "2.html").read_bytes() == first
    moved = [Path(shutil.copytree(run, tmp_path / "elsewhere" / run.name)) for run in two]
    assert write_report(moved, tmp_path / "3.html").read_bytes() == first
    assert str(tmp_path).encode() not in first
    assert b"/secret/place" not in first


def test_missing_parts_name_the_command(tmp_path: Path, make_run: Make) -> None:
    run = make_run(tmp_path / "bare", evaluated=False, config=False, metrics=False)
    page = write_report(run)
    text = " ".join(read(page).texts)
    assert text.count("graphcondense evaluate bare") == 3
    assert "no metrics.jsonl" in text
    assert "From the run's own config" not in text
    assert "79.0 %" in text  # validation stands in for test, and is called so
    assert "validation accuracy" in text
    assert embedded(page)["charts"] == {}


def test_images_are_shown_in_the_page(tmp_path: Path, make_run: Make) -> None:
    run = make_run(tmp_path / "dc", "dc", pictures=True, nodes=60, evaluated=False)
    reader = read(write_report(run))
    sources = [attrs["src"] or "" for tag, attrs in reader.elements if tag == "img"]
    assert len(sources) == 30  # 10 of 20 of each of 3 classes: so many stand in a row
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "transfer" not in reader.ids()
    assert "graphcondense evaluate" not in " ".join(reader.texts)


def test_a_predictor_that_is_no_gnn_stands_apart(tmp_path: Path, make_run: Make) -> None:
    run = make_run(tmp_path / "a")
    path = run / "evaluation.json"
    content = json.loads(path.read_text())
    for row in content["rows"]:
        row["trainings"] = 1 if row["model"] == "GCN" else 4
        row["predictor"] = {"GCN": "non-GNN", "SGC": "GNN", "MLP": "MLP"}[row["model"]]
    path.write_text(json.dumps(content))
    assert merge(read_runs([run]))[0].models == ["SGC", "MLP", "GCN"]
    text = " ".join(read(write_report(run)).texts)
    assert "no GNN" in text
    assert "trained networks" in text
    (group,) = merge(read_runs([run]))
    assert deviation(group.rows["gcond", "GCN"], "test_last") is None  # of a single training
    assert deviation(group.rows["gcond", "SGC"], "test_last") == 0.022


# --- evaluations of several runs -------------------------------------------------------------


def test_baselines_stand_once_for_one_graph(two: list[Path]) -> None:
    (group,) = merge(read_runs(two))
    assert group.labels == ["gcond", "doscond-x", "random, 30 nodes", "whole"]
    assert list(group.ledgers) == ["gcond", "doscond-x"]
    assert group.runs == {"gcond": "gcond", "doscond-x": "doscond-x"}


def test_the_row_of_more_trainings_stays(two: list[Path]) -> None:
    path = two[1] / "evaluation.json"
    content = json.loads(path.read_text())
    for row in content["rows"]:
        row["trainings"] = 10
    path.write_text(json.dumps(content))
    (group,) = merge(read_runs(two))
    assert group.rows["whole", "GCN"]["test_selected"] == pytest.approx(0.77)


def test_other_data_or_training_is_another_table(
    two: list[Path], tmp_path: Path, make_run: Make
) -> None:
    other = make_run(tmp_path / "c", "gcond-x", data="citeseer")
    path = two[1] / "evaluation.json"
    path.write_text(path.read_text().replace('"epochs": 100', '"epochs": 300'))
    groups = merge(read_runs([*two, other]))
    assert [group.title() for group in groups] == [
        "cora, epochs 100, hidden 256",
        "cora, epochs 300, hidden 256",
        "citeseer, epochs 100, hidden 256",
    ]
    assert groups[1].labels[0] == "doscond-x"


def test_settings_of_each_model_are_compared_model_by_model(two: list[Path]) -> None:
    for run, models in zip(two, (["GCN", "SGC"], ["GCN", "MLP"]), strict=True):
        path = run / "evaluation.json"
        content = json.loads(path.read_text())
        content["rows"] = [row for row in content["rows"] if row["model"] in models]
        content["settings"] = {
            m: {"epochs": 100, "lr": 0.2 if m == "SGC" else 0.01} for m in models
        }
        path.write_text(json.dumps(content))
    (group,) = merge(read_runs(two))
    assert group.models == ["GCN", "SGC", "MLP"]
    assert group.title() == "cora, epochs 100; GCN: lr 0.01; SGC: lr 0.2; MLP: lr 0.01"
    content["settings"]["GCN"]["epochs"] = 300
    path.write_text(json.dumps(content))
    assert len(merge(read_runs(two))) == 2


def test_runs_of_one_method_have_their_own_names(tmp_path: Path, make_run: Make) -> None:
    runs = read_runs([make_run(tmp_path / f"s{i}", seed=i) for i in range(2)])
    assert [run.label for run in runs] == ["gcond, seed 0", "gcond, seed 1"]
    (group,) = merge(runs)
    assert group.labels[:2] == ["gcond, seed 0", "gcond, seed 1"]
    assert group.best(runs[1]) == ("gcond, seed 1", "GCN")


def test_several_graphs_in_one_row_speak_for_all_their_runs(tmp_path: Path, make_run: Make) -> None:
    folders = [make_run(tmp_path / f"s{i}", seed=i, evaluated=not i) for i in range(2)]
    path = folders[0] / "evaluation.json"
    content = json.loads(path.read_text())
    for row in content["rows"]:
        row["graphs"] = 2 if row["label"] == "gcond" else row["graphs"]
    path.write_text(json.dumps(content))
    runs = read_runs(folders)
    (group,) = merge(runs)
    assert [group.best(run) for run in runs] == [("gcond (2 graphs)", "GCN")] * 2
    assert "mean of gcond (2 graphs)" in " ".join(read(write_report(folders)).texts)


# --- numbers behind the pictures -------------------------------------------------------------


def test_crossings_are_where_lines_meet(two: list[Path]) -> None:
    (group,) = merge(read_runs(two))
    chart = cost_chart(group, "cost")
    assert chart is not None
    ours, _, whole, plain = chart["lines"]
    assert [mark["text"] for mark in ours["marks"]] == ["6", "1"]
    assert ours["marks"][0] == {"x": 5.0, "y": 15.0, "text": "6"}  # 10 + 5 * 1 = 5 * 3
    assert (whole["label"], plain["label"]) == ("whole", "whole, plain PyG")
    for line, start, slope in ((ours, 10, 1), (whole, 0, 3), (plain, 0, 20)):
        for k, seconds in line["points"]:
            assert seconds == pytest.approx(start + k * slope, rel=1e-5)


def test_a_node_knows_its_degree_and_strongest_neighbours(tmp_path: Path, make_run: Make) -> None:
    (run,) = read_runs([make_run(tmp_path / "a")])
    weights = torch.zeros(30, 30)
    for i, j, w in zip(*run.small.edge_index.tolist(), run.small.edge_weight.tolist(), strict=True):
        if i != j:
            weights[i, j] = max(weights[i, j], w)
    drawn = graph_scene(run)
    assert len(drawn["edges"]) == min(120, int((weights > 0).sum()) // 2)
    for i, x, y, c, degree, strength, near in drawn["nodes"]:
        assert c == i % 3
        assert 0 <= x <= 1
        assert 0 <= y <= 1
        assert degree == int((weights[i] > 0).sum())
        assert strength == pytest.approx(float(weights[i].sum()), abs=1e-3)
        best = weights[i].topk(min(5, degree))
        assert [w for _, w in near] == pytest.approx(best.values.tolist(), abs=1e-4)
        assert [j for j, _ in near] == best.indices.tolist()
    same = torch.arange(30)[:, None] % 3 == torch.arange(30) % 3
    assert drawn["within"] == pytest.approx(float(weights[same].sum() / weights.sum()), abs=1e-4)


def test_two_nodes_without_a_class_are_not_of_one_class(tmp_path: Path, make_run: Make) -> None:
    (run,) = read_runs([make_run(tmp_path / "a", unlabelled=30)])
    assert graph_scene(run)["within"] == 0


def test_a_large_graph_says_what_is_left_out(
    tmp_path: Path, make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphcondense.report.scene.MOST_NODES", 20)
    monkeypatch.setattr("graphcondense.report.scene.EDGES_A_NODE", 1)
    page = write_report(make_run(tmp_path / "a"))
    drawn = embedded(page)["graphs"]["graph-0"]
    assert (len(drawn["nodes"]), len(drawn["edges"])) == (20, 20)
    text = " ".join(read(page).texts)
    assert "Drawn are the 20 nodes of greatest degree" in text
    assert "Drawn are the 20 strongest of" in text


def test_heat_colours_can_be_read_on() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    for back, text in heat_palette(32):
        low, high = sorted([luminance(back), luminance(text)])
        assert (high + 0.05) / (low + 0.05) >= 4.5


# --- closed and safe -------------------------------------------------------------------------


def test_nothing_is_loaded_and_only_its_own_script_may_run(two: list[Path]) -> None:
    page = write_report(two)
    text = page.read_text()
    reader = read(page)
    for tag, attrs in reader.elements:
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        assert tag not in {"link", "iframe", "object", "base"}
        for name in ("src", "href"):
            assert re.match(r"#\w|data:image/png;base64,", attrs.get(name) or "#x")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp|import\(", text)
    # A namespace is a name, not an address that is asked for.
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {"http://www.w3.org/2000/svg"}
    content = next(
        attrs["content"] or ""
        for tag, attrs in reader.elements
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert content.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in content
    for kind, pattern in (
        ("style", r"<style>(.*?)</style>"),
        ("script", r"<script>(.*?)</script>"),
    ):
        (inside,) = re.findall(pattern, text, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in content


def test_hostile_names_stay_text(tmp_path: Path, make_run: Make) -> None:
    run = make_run(tmp_path / "<b>x", method=HOSTILE, data=HOSTILE, extra=True)
    privacy = run / "privacy.json"
    content = {"kind": HOSTILE, HOSTILE: HOSTILE, "rows": [{HOSTILE: HOSTILE, "n": [HOSTILE]}]}
    privacy.write_text(json.dumps(content))
    page = write_report(run, tmp_path / "page.html")
    reader = read(page)
    names = {tag for tag, _ in reader.elements}
    assert "b" in names  # the heat map's numbers
    assert not [attrs for _, attrs in reader.elements if "onerror" in attrs]
    assert sum(tag == "script" for tag, _ in reader.elements) == 2
    assert any(HOSTILE in text for text in reader.texts)
    data = embedded(page)
    assert HOSTILE in data["colours"]
    assert "<" not in json.dumps(data["shapes"])
    assert "onerror=alert(1)>" not in page.read_text()


# --- the commands that repeat a run ----------------------------------------------------------


def test_the_printed_commands_repeat_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = "condense doscond-x --data digits --nodes 20 --epochs 3 --lr-x 0.02 --seed 3"
    assert cli.main([*words.split(), "--validations", "1", "--no-progress", "--out", "run"]) == 0
    assert cli.main(["report", "run"]) == 0
    assert "written: run/report.html" in capsys.readouterr().out
    (run,) = read_runs(["run"])
    _, *again = flags(run)
    assert "--lr-x=0.02" in again
    short = ["condense", "doscond-x", "--config", "run/config.yaml", "--out", "short"]
    for command, folder in ((again, "again"), (short, "short")):
        assert cli.main([*command, "--no-progress"]) == 0
        assert graphcondense.load(folder).condensed["hash"] == run.record["hash"]
    text = " ".join(" ".join(read(Path("run/report.html")).texts).split())
    assert " ".join(short) in text.replace("--out again", "--out short")


# --- errors ----------------------------------------------------------------------------------


def test_what_is_no_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent"):
        with pytest.raises(ValueError, match=f"{name} .*name the folder of a finished run"):
            write_report(tmp_path / name)
    with pytest.raises(ValueError, match="at least one run"):
        write_report([])
    assert cli.main(["report", str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("evaluation.json", "{", "cannot read .*evaluation.json"),
        ("evaluation.json", '{"rows": [{"label": "a"}]}', "evaluation.json is not what"),
        ("evaluation.json", '{"rows": [], "ledgers": [1]}', "evaluation.json: its ledgers"),
        ("evaluation.json", '{"rows": [], "ledgers": {"a": 3}}', "evaluation.json: its ledgers"),
        ("evaluation.json", '{"rows": [], "units": 5}', "evaluation.json is not what"),
        ("evaluation.json", '{"rows": [], "settings": [1]}', "evaluation.json is not what"),
        (
            "evaluation.json",
            '{"rows": [{"label": "a", "model": "b", "test_selected": 1, "graphs": "two"}]}',
            "evaluation.json is not what",
        ),
        ("privacy.json", "\x00", "cannot read .*privacy.json"),
        ("metrics.jsonl", "{}\n", "metrics.jsonl, line 1, has no step"),
        ("metrics.jsonl", "{", "cannot read .*metrics.jsonl, line 1"),
        ("config.yaml", "a: [", "cannot read .*config.yaml"),
        ("config.yaml", "- a", "config.yaml is not"),
    ],
)
def test_an_unreadable_file_is_named_and_nothing_is_written(
    tmp_path: Path, make_run: Make, name: str, content: str, message: str
) -> None:
    run = make_run(tmp_path / "run")
    (run / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        write_report(run)
    assert not (run / "report.html").exists()


def test_a_run_is_named_once_and_other_json_is_left_alone(tmp_path: Path, make_run: Make) -> None:
    run = make_run(tmp_path / "run")
    (run / "notes.json").write_text("[1, 2]")
    with pytest.raises(ValueError, match="named twice"):
        write_report([run, run / ".." / "run"])
    assert "further" not in read(write_report(run)).ids()


def test_a_record_of_anybody_gives_a_page(tmp_path: Path, make_run: Make) -> None:
    """Records are checked by nobody: what is of another type than expected is left out."""
    strange: dict[str, Any] = {"data": [1], "budget": "x", "hyperparameters": [1], "versions": [2]}
    strange |= {"validation": [3], "hash": 5, "method": 7, "nodes": "many", "preset": 3}
    half = {"budget": {"asked": [1], "of_labelled": "x"}, "data": {"name": 3, "nodes": "x"}}
    half["validation"] = {"score": "a", "step": "b", "predictor": 3}
    for i, record in enumerate((strange, half, dict.fromkeys(strange))):
        page = write_report(make_run(tmp_path / f"{i}", record=record))
        assert "summary" in read(page).ids()


def test_scores_that_are_no_numbers_are_dashes(tmp_path: Path, make_run: Make) -> None:
    run = make_run(tmp_path / "run")
    content = json.loads((run / "evaluation.json").read_text())
    for row in content["rows"]:
        row |= {name: float("nan") for name in row if name.startswith(("test", "val"))}
    content["ledgers"]["gcond"] |= {"condensation_seconds": float("nan")}
    (run / "evaluation.json").write_text(json.dumps(content))
    lines = [f'{{"step": {i}, "loss": NaN, "validation": NaN}}' for i in range(1, 9)]
    (run / "metrics.jsonl").write_text("\n".join(lines))
    page = write_report(run)
    assert "NaN" not in json.dumps(embedded(page))
    assert not re.search(r">\s*nan", page.read_text().partition("<script")[0])


def test_an_unfinished_run_is_called_so(tmp_path: Path, make_run: Make) -> None:
    run = make_run(tmp_path / "run")
    (run / "condensed.safetensors").unlink()
    with pytest.raises(ValueError, match="as the run in it is not finished"):
        write_report(run)
    with pytest.raises(ValueError, match="nowhere is not there"):
        write_report(tmp_path / "nowhere")


@pytest.mark.parametrize("verb", ["evaluate", "properties"])
def test_a_folder_without_a_run_is_said_to_have_none(
    verb: str, tmp_path: Path, make_run: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not "which data?", which would come next."""
    run = make_run(tmp_path / "run")
    (run / "condensed.safetensors").unlink()
    (tmp_path / "empty").mkdir()
    for name, why in (
        ("nowhere", "there is no file or folder"),
        ("empty", "it has no condensed.safetensors"),
        ("run", "its run is not finished"),
    ):
        assert cli.main([verb, str(tmp_path / name)]) == 2
        assert why in capsys.readouterr().err
