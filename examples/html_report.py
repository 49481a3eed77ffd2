"""Condense twice, evaluate, and put everything on one HTML page that needs no network."""

import argparse
from pathlib import Path

import graphcondense
from graphcondense.evaluate import evaluate
from graphcondense.report import write_report

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--nodes", type=int, default=50)
parser.add_argument("--epochs", type=int, default=100, help="of the evaluator")
parser.add_argument("--out", type=Path, default=Path("runs"))
args = parser.parse_args()

METHODS = {"gcond-x": {"epochs": 2}, "herding": {}}

data = graphcondense.data.load("digits")
runs = {name: args.out / f"digits-{name}" for name in METHODS}
small = {
    name: graphcondense.condense(
        data, name, nodes=args.nodes, out=runs[name], progress=False, **fields
    )
    for name, fields in METHODS.items()
}
report = evaluate(
    small, data, models=("GCN", "MLP"), seeds=2, epochs=args.epochs, plain_epochs=2, progress=False
)
report.to_json(runs["gcond-x"] / "evaluation.json")
page = write_report(list(runs.values()), args.out / "report.html")
print(f"open {page} in a browser ({page.stat().st_size / 1024:.0f} KiB)")
