#!/usr/bin/env bash
# ndlib 6.0.1, networkx 3.6.1: of three simulations of one epidemic on one graph, in which people recover after seven
# days, 434 of 500 recover in the first, 66 in the second, and in the third nobody does.
#
# Expected, from the documentation (of the compartment CountDown: "time related deterministic events attached to network
# nodes", satisfied if the countdown is not above its end): a run starts afresh, with a new model or after reset(), so
# that ten runs with ten seeds tell how much a result varies, as with other compartments.
# Seen: the days that are left are written into the nodes of the graph, which is not copied, and nobody takes them away.
# The next time they are counted from 0 to -1 and on, and a rule fires at 0 alone, so that whoever recovered once is ill
# for ever from then on. Of ten runs eight end with all 500 infected, where each by itself has 70 who never were, and a
# peak of 210; of two settings the one that is tried second is the worse. If people can be ill again it happens in one
# run: with a chance of one in seven a day 6 to 25 of 500 are, with CountDown 496 in the end. A single run of an illness
# that one has once, with which one tests, is right. No warning; no report. Give each model a graph of its own,
# CompositeModel(graph.copy()), and do not count down twice.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-deps ndlib==6.0.1 dynetx==0.3.2 netdispatch==0.1.0
"$work/venv/bin/pip" install -q networkx==3.6.1 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 future==1.0.0 \
  six==1.17.0 tqdm==4.70.1 igraph==1.0.0 decorator==5.3.1 matplotlib==3.11.2 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import ndlib.models.compartments as compartments
import networkx as nx
import numpy as np
from ndlib.models.CompositeModel import CompositeModel
from ndlib.models.ModelConfig import Configuration

print("ndlib", version("ndlib"), "networkx", nx.__version__)
changed = "the behaviour has changed"
DAYS, PEOPLE = 7, 500


def epidemic(graph, rule, seed):
    """A model of an illness that infects with 0.1 a day and ends by a rule."""
    model = CompositeModel(graph)
    np.random.seed(seed)  # after the model, which sets one itself
    for status in ("Susceptible", "Infected", "Removed"):
        model.add_status(status)
    model.add_rule("Susceptible", "Infected", compartments.NodeStochastic(0.1, triggering_status="Infected"))
    model.add_rule("Infected", "Removed", rule)
    config = Configuration()
    config.add_model_parameter("fraction_infected", 0.05)
    model.set_initial_status(config)
    return model


def course(model):
    """Susceptible, infected and removed after a hundred days, and the most that were infected at once."""
    counts = [step["node_count"] for step in model.iteration_bunch(100, node_status=False)]
    return [counts[-1][status] for status in (0, 1, 2)] + [max(count[1] for count in counts)]


graph = nx.barabasi_albert_graph(PEOPLE, 3, seed=0)
runs, week = {}, {"name": "ill", "iterations": DAYS}
for name, graphs, rule, options in (
    ("seven days, one graph", [graph] * 4, compartments.CountDown, week),
    ("seven days, a copy each", [graph.copy() for _ in range(4)], compartments.CountDown, week),
    ("one in seven a day, one graph", [graph] * 4, compartments.NodeStochastic, {"rate": 1 / DAYS}),
):
    runs[name] = []
    for seed, one in enumerate(graphs):
        runs[name].append(course(epidemic(one, rule(**options), seed)))
    print(f"{name}: susceptible, infected, removed, most infected:", *runs[name])
shared, copies, chance = runs.values()
assert all(run[1] == 0 and run[2] > 300 for run in (*copies, *chance))
assert shared[0][1] == 0 and shared[0][2] > 300
assert shared[1][1] > 300 and shared[3][1] == PEOPLE and shared[3][2] == 0, changed

model = epidemic(nx.barabasi_albert_graph(PEOPLE, 3, seed=0), compartments.CountDown(**week), 0)
first = course(model)
again = course(model.reset())
print("one model, and after reset():", first, again)
assert first[1] == 0 and again[1] > 300, changed

ill = {}
for name, rule in (
    ("CountDown", compartments.CountDown(**week)), ("NodeStochastic", compartments.NodeStochastic(1 / DAYS)),
):
    model = CompositeModel(nx.barabasi_albert_graph(PEOPLE, 3, seed=0))
    np.random.seed(0)
    for status in ("Susceptible", "Infected"):
        model.add_status(status)
    model.add_rule("Susceptible", "Infected", compartments.NodeStochastic(0.02, triggering_status="Infected"))
    model.add_rule("Infected", "Susceptible", rule)
    config = Configuration()
    config.add_model_parameter("fraction_infected", 0.05)
    model.set_initial_status(config)
    ill[name] = [step["node_count"][1] for step in model.iteration_bunch(400, node_status=False)]
    print(f"one run, {name}, who was ill can be so again: infected each fifty days", ill[name][::50],
          "at the end", ill[name][-1])
assert ill["NodeStochastic"][-1] < 150 and ill["CountDown"][-1] > 450, changed

left = [days for _, days in graph.nodes(data="ill")]
print("days that are left, in the nodes of the graph:", min(left), "to", max(left))
assert max(left) < 0, changed
PY
