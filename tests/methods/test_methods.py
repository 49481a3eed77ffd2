"""Every method against the shared cases, and on real data against a random choice."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

import graphcondense
from graphcondense.core.method import COSTS, REGISTRY, Method
from graphcondense.data.node_reading import as_task
from graphcondense.domains.node_source import NodeSource
from graphcondense.evaluate import GraphEvaluator, NodeEvaluator
from graphcondense.methods import all_methods, files_of, find_method
from graphcondense.methods.gcond import GCond
from graphcondense.run import build, presets
from tests.cases import CASES, GraphCase, ImageCase, NodeCase, toy_graph, toy_graphs, toy_images

SMALL = {"hidden_channels": 8, "validations": 2}


class TestGCond(NodeCase):
    name = "gcond"
    options = {"epochs": 2, "outer": 3, "inner": 2, "structure_hidden": 8, **SMALL}


class TestDosCond(NodeCase):
    name = "doscond"
    options = {"epochs": 6, "structure_hidden": 8, **SMALL}


class TestRandom(NodeCase):
    name = "random"
    iterates = False


class TestHerding(NodeCase):
    name = "herding"
    iterates = False


class TestKCenter(NodeCase):
    name = "kcenter"
    iterates = False


class TestDegree(NodeCase):
    name = "degree"
    iterates = False


class TestPageRank(NodeCase):
    name = "pagerank"
    iterates = False


class TestDC(ImageCase):
    name = "dc"
    options = {"epochs": 3, "outer": 2, "inner": 1, "real_batch": 5, **SMALL, "validations": 1}


class TestDosCondGraphs(GraphCase):
    name = "doscond"
    options = {"steps": 6, "real_batch": 5, **SMALL, "validations": 1}


class TestDMGraphs(GraphCase):
    name = "dm"
    options = {"steps": 6, "real_batch": 5, **SMALL, "validations": 1}


class TestMirage(GraphCase):
    """With features that repeat from graph to graph: others have no frequent trees."""

    name = "mirage"
    options = {"hops": 1}
    iterates = False
    each = 1

    def data(self) -> list[Data]:
        graphs = toy_graphs()
        for graph in graphs:
            graph.x = (graph.x[:, :1] > 0.5).float()
        return graphs


class TestRandomGraphs(GraphCase):
    name = "random"
    iterates = False


class TestHerdingGraphs(GraphCase):
    name = "herding"
    iterates = False


class TestKCenterGraphs(GraphCase):
    name = "kcenter"
    iterates = False


def test_every_method_has_a_case() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):  # larger methods have a file of their own
        importlib.import_module(f"tests.methods.{path.stem}")
    ours = {k for k, cls in all_methods().items() if cls.__module__.startswith("graphcondense.")}
    assert ours == set(CASES)


@pytest.mark.parametrize("structure", ["mlp", "identity", "bernoulli"])
@pytest.mark.parametrize("model", ["sgc", "gcn", "appnp", "mlp"])
@pytest.mark.parametrize("name", ["gcond", "doscond"])
def test_structures_and_networks(name: str, structure: str, model: str) -> None:
    small = run(name, structure=structure, model=model)
    assert small.num_nodes == 6
    assert (small.num_edges == 0) or structure != "identity"
    if structure == "bernoulli":
        assert set(small.edge_weight.tolist()) <= {1.0}
    forward = set(map(tuple, small.edge_index.T.tolist()))
    assert forward == {(b, a) for a, b in forward}, "a learnt adjacency is symmetric"
    assert all(a != b for a, b in forward), "and has no self-loops"


def run(name: str, **options: Any) -> Any:
    own = {"outer": 2, "inner": 1} if name == "gcond" else {}
    options = {"epochs": 4, "structure_hidden": 8, "progress": False, **SMALL, **own, **options}
    return graphcondense.condense(toy_graph(), name, per_class=2, **options)


def test_sampled_batches_match_too() -> None:
    small = run("doscond", path="autograd", real_batch=4, fanout=3)
    assert small.num_nodes == 6


def test_variants_are_field_values() -> None:
    cls, values = find_method("GCond-X", "node")
    assert cls is GCond
    assert values["structure"] == "identity"
    assert run("gcond-x").condensed["hyperparameters"]["structure"] == "identity"


def test_threshold_cuts_edges() -> None:
    kwargs = {"structure_bias": 0.0, "epochs": 1}
    assert run("doscond", threshold=0.0, **kwargs).num_edges == 6 * 5
    assert run("doscond", threshold=0.999, **kwargs).num_edges == 0


def test_learning_lowers_the_loss() -> None:
    losses: list[float] = []

    class Losses(graphcondense.core.Callback):
        def step(self, state: Any) -> None:
            losses.append(float(state.loss))

    run("doscond-x", epochs=150, lr_x=0.01, callbacks=[Losses()])
    assert sum(losses[-20:]) < 0.5 * sum(losses[:20])


def test_relative_rates_follow_the_scale_of_the_features() -> None:
    """Features in other units condense to the same graph in those units."""
    data, scaled = toy_graph(), toy_graph()
    scaled.x = scaled.x * 8  # a power of two, so that scaling is exact
    rates = [
        GCond(per_class=2, lr_relative=relative)
        .schedule(1, GCond(per_class=2).start(NodeSource(as_task(d)), torch.Generator()))
        .lr["x"]
        for relative in (True, False)
        for d in (data, scaled)
    ]
    assert rates[1] == pytest.approx(8 * rates[0])
    assert rates[2] == rates[3] == 0.04


def test_unknown_names_say_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean gcond"):
        graphcondense.condense(toy_graph(), "gconde", nodes=6)
    with pytest.raises(ValueError, match="did you mean dc"):
        graphcondense.condense(toy_images(), "dcx", per_class=1)
    with pytest.raises(ValueError, match="did you mean lr_x"):
        graphcondense.condense(toy_graph(), "gcond", nodes=6, lr_xx=1.0)
    with pytest.raises(ValueError, match="structure='tree' is not one of 'mlp'"):
        graphcondense.condense(toy_graph(), "gcond", nodes=6, structure="tree")
    with pytest.raises(ValueError, match=r"epochs=1\.5 is not a whole number"):
        graphcondense.condense(toy_graph(), "gcond", nodes=6, epochs=1.5)
    with pytest.raises(ValueError, match="no preset 'none-such'"):
        graphcondense.condense(toy_graph(), "gcond", nodes=6, preset="none-such")


def test_methods_of_others_can_register() -> None:
    class Mine(Method):
        name = "mine-for-this-test"
        kind = "node"

        def condense(self, real, **run):
            raise NotImplementedError

    assert find_method("mine-for-this-test")[0] is Mine
    with pytest.raises(TypeError, match="two methods"):
        type("Other", (Method,), {"name": "mine-for-this-test", "kind": "node"})
    with pytest.raises(TypeError, match=r"'partless' has neither parts\(real, rng\)"):
        type("Partless", (Method,), {"name": "partless", "kind": "node"})
    with pytest.raises(TypeError, match=r"Old\.domain is now called kind: kind = 'node'"):
        type("Old", (Method,), {"name": "old", "domain": "node"})
    assert ("partless", "node") not in all_methods()
    del REGISTRY["mine-for-this-test", "node"]


def test_a_plugin_that_is_installed_meanwhile_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is installed is read once, and again where a folder of packages has changed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="unknown method 'installed-meanwhile'"):
        find_method("installed-meanwhile")
    about = tmp_path / "meanwhile-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: meanwhile\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[graphcondense.methods]\nmine = meanwhile\n")
    (tmp_path / "meanwhile.py").write_text(
        "from graphcondense.core.method import Method\n"
        "class Mine(Method):\n"
        "    name, kind = 'installed-meanwhile', 'node'\n"
        "    def condense(self, real, **run): ...\n"
    )
    try:
        assert find_method("installed-meanwhile")[0].__module__ == "meanwhile"
    finally:
        REGISTRY.pop(("installed-meanwhile", "node"), None)
        sys.modules.pop("meanwhile", None)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"nodes": 2}, "below one for each of 3 classes"),
        ({"nodes": 61}, "above the 60 labelled"),
        ({"nodes": 6, "ratio": 0.1}, "exactly one"),
        ({}, "exactly one"),
        ({"ratio": 1.5}, "must be above 0"),
        ({"per_class": 0}, "per_class=0 must be at least 1"),
        ({"bytes": 10}, "below one for each"),
    ],
)
def test_impossible_budgets(bad: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        graphcondense.condense(toy_graph(), "random", out=tmp_path / "run", **bad)
    assert not (tmp_path / "run").exists(), "nothing is written before the input is checked"


def test_run_folder_errors(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write into the folder"):
        run("doscond", out=tmp_path / "file" / "run")
    with pytest.raises(ValueError, match="no checkpoint at"):
        run("doscond", out=tmp_path / "new", resume=True)
    with pytest.raises(ValueError, match="resume needs out="):
        run("doscond", resume=True)
    run("doscond", out=tmp_path / "run")
    with pytest.raises(ValueError, match="of another run: method is 'doscond' there and 'gcond'"):
        run("gcond", out=tmp_path / "run", resume=True)
    with pytest.raises(ValueError, match="of another run: data is"):
        graphcondense.condense(
            toy_graph(seed=5),
            "doscond",
            per_class=2,
            epochs=4,
            structure_hidden=8,
            progress=False,
            out=tmp_path / "run",
            resume=True,
            **SMALL,
        )
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="not a checkpoint of this package"):
        run("doscond", out=tmp_path / "run", resume=True)


def test_time_budget_and_patience_end_a_run() -> None:
    short = run("doscond", epochs=100_000, seconds=0.5, validations=0)
    assert short.condensed["seconds"] < 10
    stopped = run("doscond", epochs=400, validations=400, patience=2)
    assert stopped.condensed["validation"]["step"] < 400


# What each has to reach: at most what its paper says, less where we measured less (README).
PUBLISHED = {
    "gcond-x": 0.80,
    "doscond-x": 0.795,
    "gcond": 0.80,
    "doscond": 0.795,
    "gecc": 0.81,
    "cgc-x": 0.79,
    "gcdm-x": 0.785,
    "simgc": 0.80,
    "gdem": 0.77,
    "sgdd": 0.805,
    "msgc": 0.80,
    "gcsr": 0.80,
    "gc-sntk-x": 0.80,
    "heavy-edge": 0.79,
    "clustering": 0.785,
}

# One condensation is judged, or three (as in the table of README) where their spread is wider than
# the margin: GCond's nine of three seeds on three instruction sets are 80.7 +- 0.65.
CONDENSATIONS = {"gcond": 3, "sgdd": 3, "msgc": 3}

SECONDS = {
    **{"gcond": 150, "sgdd": 150, "msgc": 150, "gcond-x": 40, "doscond": 50, "doscond-x": 50},
    **{"simgc": 50, "gdem": 45},
}
"""Of those that take long."""

ON_CORA = [
    pytest.param(name, marks=pytest.mark.slow(seconds=SECONDS.get(name, 20))) for name in PUBLISHED
]


Score = Callable[..., float]


@pytest.fixture(scope="module")
def on_cora(data_root: Path) -> Score:
    """Of a method, a seed and a number of trainings: their mean on its condensed graph, once."""
    data = graphcondense.data.load("cora", root=data_root)
    evaluator = NodeEvaluator(data)

    @cache
    def score(method: str, seed: int = 0, trainings: int = 10) -> float:
        small = graphcondense.condense(data, method, nodes=70, seed=seed, progress=False)
        return float(evaluator.fit("GCN", small, seeds=trainings).test_selected.mean())

    return score


@pytest.mark.parametrize("name", ON_CORA)
def test_cora_at_70_nodes(name: str, on_cora: Score) -> None:
    """The mean of ten trainings, or of four on each of three condensed graphs."""
    times = CONDENSATIONS.get(name, 1)
    trainings = 10 if times == 1 else 4
    learnt = fmean(on_cora(name, seed, trainings) for seed in range(times))
    assert learnt > on_cora("random") + 0.04
    assert learnt >= PUBLISHED[name]


@pytest.fixture(scope="module")
def on_molecules(data_root: Path) -> Score:
    """Of a method: three condensation seeds and three trainings, on the validation graphs, once."""
    molecules = graphcondense.data.load("ogbg-molbbbp", root=data_root)
    evaluator = GraphEvaluator(molecules, steps=150, hidden=64)

    @cache
    def score(method: str) -> float:
        return fmean(
            evaluator.score(
                graphcondense.condense(molecules, method, per_class=1, seed=seed, progress=False)
            )
            for seed in range(3)
        )

    return score


@pytest.mark.slow(seconds=75)
@pytest.mark.parametrize("name", ["doscond", "dm", "kidd"])
def test_one_molecule_a_class_beats_random_ones(name: str, on_molecules: Score) -> None:
    assert on_molecules(name) > on_molecules("random") + 0.05


def test_floor_methods_differ_on_digits() -> None:
    data = graphcondense.data.load("digits")
    hashes = {
        name: graphcondense.condense(data, name, nodes=30, progress=False).condensed["hash"]
        for name in ("random", "herding", "kcenter", "degree", "pagerank")
    }
    assert len(set(hashes.values())) == 5


def test_float64_is_accepted() -> None:
    data = toy_graph()
    data.x = data.x.double()
    small = graphcondense.condense(data, "random", per_class=2)
    assert small.x.dtype == torch.float32


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["gcond", "doscond-x", "herding", "gecc", "cgc"])
def test_cuda_starts_from_the_same_draws(name: str) -> None:
    """Weights are drawn on the CPU, so a short run differs by rounding alone."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    cpu, cuda = (
        graphcondense.condense(
            toy_graph(),
            name,
            per_class=2,
            device=device,
            validations=0,
            progress=False,
            **({"epochs": 2} if "cond" in name else {}),
        )
        for device in ("cpu", "cuda")
    )
    torch.testing.assert_close(cpu.x, cuda.x, atol=1e-3, rtol=1e-2)


def test_every_method_says_what_it_costs() -> None:
    for row in graphcondense.methods():
        assert row["cost"] in COSTS, row["name"]


def test_every_section_of_a_preset_builds() -> None:
    used = set()
    for name, kind in CASES:
        cls, _ = find_method(name, kind)
        for section in presets(cls):
            build(name, kind, preset=section, per_class=2)
            used.add((name, kind))
    assert {("gcond", "node"), ("doscond", "node"), ("dc", "image")} <= used


def test_students_of_presets_end_where_their_experts_have_been() -> None:
    """Settings that were published for larger data, which no test can run."""
    used = set()
    for name in ("sfgc", "geom", "gcsr", "mtt", "tesla"):
        cls, _ = find_method(name, "image" if name in ("mtt", "tesla") else "node")
        for section in presets(cls):
            made = build(name, cls.kind, preset=section, per_class=2)
            assert made.ahead + (made.max_start or 0) <= made.expert_epochs, (name, section)
            assert getattr(made, "first_start", 0) <= (made.max_start or made.expert_epochs)
            used.add((name, section))
    large = {(name, data) for name in ("sfgc", "geom") for data in ("paper-arxiv", "paper-flickr")}
    assert large <= used


def test_forms_of_one_name_have_presets_of_their_own() -> None:
    node, graph = (find_method("doscond", kind)[0] for kind in ("node", "graph"))
    assert "cora" in presets(node)
    assert "cora" not in presets(graph)


def test_a_preset_wins_over_a_variant_and_loses_to_a_field() -> None:
    built = build("gcond-x", "node", preset="paper", nodes=7, epochs=5)
    assert (built.structure, built.init_hops, built.epochs) == ("identity", 0, 5)  # type: ignore[attr-defined]


def test_a_method_is_in_a_file_of_its_name_for_all_kinds_or_none() -> None:
    """Else one of several forms would be found where another is asked for first."""
    found = {}
    for (main, kind), cls in all_methods().items():
        if cls.__module__.startswith("graphcondense."):
            file = cls.__module__.rpartition(".")[2]
            for name in (main, *cls.variants):
                found[name, kind] = file in files_of(name)
    assert found["gcond-x", "node"]
    for name in {name for name, _ in found}:
        assert len({here for (other, _), here in found.items() if other == name}) == 1, name


def test_a_method_is_found_without_importing_all() -> None:
    code = """
import sys
from graphcondense.methods import find_method
print(find_method("GCond_X")[0].name, "graphcondense.methods.mtt" in sys.modules)
print(find_method("a-convmatch")[0].name, "graphcondense.methods.mtt" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["gcond", "False", "convmatch", "True"], done.stderr
