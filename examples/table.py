"""Condense a table of nodes beside a list of edges, and read what a condensed node stands for."""

import numpy as np
import pandas as pd

import graphcondense

# Shops that send customers to one another. Any frame will do: numbers, categories, truth values,
# dates and text, with holes.
rng = np.random.default_rng(0)
n, kinds = 400, np.array(["books", "garden", "music"])
kind = rng.integers(0, 3, n)
goods = [["novels atlases comics"], ["seeds spades roses"], ["vinyl guitars drums"]]
shops = pd.DataFrame(
    {
        "area": np.where(
            rng.random(n) < 0.1, np.nan, 50 + 40 * (kind == 1) + 9 * rng.normal(size=n)
        ),
        "town": np.array(["Oslo", "Rome", "Kyiv", None])[rng.integers(0, 4, n)],
        "online": rng.random(n) < 0.5 - 0.1 * kind,
        "text": [
            f"we sell {rng.choice(goods[k][0].split())} in shop number {i} of our town"
            for i, k in enumerate(kind)
        ],
        "opened": rng.integers(1990, 2026, n),
        "kind": kinds[kind],
    },
    index=[f"shop-{i}" for i in range(n)],
)
same = rng.integers(0, n, (2, 4 * n))
same = same[:, (kind[same[0]] == kind[same[1]]) | (rng.random(4 * n) < 0.2)]
edges = pd.DataFrame({"from": shops.index[same[0]], "to": shops.index[same[1]]})

# The oldest shops train, the newest test; columns are fitted on the training rows alone.
task = graphcondense.data.as_task(
    nodes=shops, edges=edges, target="kind", text="text", by="opened", directed=False, name="shops"
)
print(task)
small = graphcondense.condense(task, nodes=6, progress=False)

# What each condensed node has in the columns' own units, and the real shops it stands for.
print(task.columns.inverse(small.x).round(1).to_string())
for i, (near, label) in enumerate(zip(small.examples, small.y.argmax(1), strict=True)):
    print(f"node {i} ({task.facts.classes[label]}) stands for {near[0]}")

report = graphcondense.evaluate.evaluate(
    small, task, models=["GCN"], seeds=2, epochs=60, progress=False
)
print(report.table())
