#!/usr/bin/env bash
# sdmetrics 0.32.0, pandas 2.3.3, numpy 2.4.6: one row of large values in the validation data gives copies of the
# training data a perfect score for protection against overfitting; in the training data it gives honest rows none.
#
# Expected, from the documentation (DCROverfittingProtection: synthetic data that "is generalizing well" is "equidistant
# from the real training data and validation data"): of rows drawn apart from one distribution half are nearer to the
# training rows and half to the validation rows, a score of about 1; copies with a little noise are nearer to training.
# Seen: the differences to the training rows are divided by the range of the training column, those to the validation
# rows by the range of the validation column, and the two are then compared. Whichever has the larger extreme is the
# nearer to all. One row of 100 among 300 of standard normal values takes the score of copies from 0.07 to 1, if it is
# in the validation data, and in the training data that of independent rows from 0.95 to 0. For incomes, prices and
# degrees, whose extremes differ by themselves, the share that is nearer to training is chance: 5% to 98% in ten draws
# of three tables from one Pareto distribution, 45% to 58% with one range for both; for normal values 35% to 65%.
# Columns with bounds are right, with which one tests. No warning; no report of this metric. Take logarithms or ranks of
# both tables together first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-compile --no-deps sdmetrics==0.32.0 copulas==0.14.1 plotly==7.1.0
"$work/venv/bin/pip" install -q --no-compile pandas==2.3.3 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 tqdm==4.70.1 \
  narwhals==2.29.0 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sdmetrics.single_table.privacy import DCROverfittingProtection

print("sdmetrics", version("sdmetrics"), "pandas", pd.__version__, "numpy", np.__version__)
changed = "the behaviour has changed"
names = ["income", "wealth", "rent"]
metadata = {"tables": {"people": {"columns": {name: {"sdtype": "numerical"} for name in names}}}}


def score(training, synthetic, validation):
    """The score, the share nearer to training, and that share with one range of each column for both."""
    found = DCROverfittingProtection.compute_breakdown(training, synthetic, validation, metadata, "people")
    ranges = np.ptp(pd.concat([training, validation]).to_numpy(), axis=0)
    near = [cdist(synthetic / ranges, rows / ranges, "cityblock").min(1) for rows in (training, validation)]
    return found["score"], found["synthetic_data_percentages"]["closer_to_training"], (near[0] < near[1]).mean()


def table(values):
    return pd.DataFrame(values, columns=names)


draws = {"uniform": lambda rng: rng.random((300, 3)), "normal": lambda rng: rng.normal(0, 1, (300, 3)),
         "lognormal": lambda rng: rng.lognormal(0, 2, (300, 3)), "Pareto": lambda rng: rng.pareto(1.5, (300, 3))}
for name, draw in draws.items():
    shares = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        shares.append(score(*(table(draw(rng)) for _ in range(3)))[1:])
    found, right = np.transpose(shares)
    print(f"three tables from one {name} distribution, ten times: {found.min():.0%} to {found.max():.0%} nearer to",
          f"training, with one range {right.min():.0%} to {right.max():.0%}")
    assert right.min() > 0.4 and right.max() < 0.6
    if name == "uniform":
        assert abs(found - right).max() < 0.05
    elif name != "normal":
        assert found.max() - found.min() > 0.5 > 0.2 > right.max() - right.min(), changed

rng = np.random.default_rng(0)
training, validation, honest = (table(rng.normal(0, 1, (300, 3))) for _ in range(3))
copies = training + rng.normal(0, 0.05, training.shape)
rich = pd.concat([training, table([[100.0] * 3])]), pd.concat([validation, table([[100.0] * 3])])
scores = {}
for name, rows in (("independent rows", honest), ("copies with noise", copies)):
    for where, tables in (("nowhere", (training, validation)), ("in training", (rich[0], validation)),
                          ("in validation", (training, rich[1]))):
        scores[name, where] = score(tables[0], rows, tables[1])
        print(f"{name}, one row of 100 {where}: score {scores[name, where][0]:.2f},",
              f"{scores[name, where][1]:.0%} nearer to training, with one range {scores[name, where][2]:.0%}")
assert scores["independent rows", "nowhere"][0] > 0.9 and scores["copies with noise", "nowhere"][0] < 0.2
assert scores["independent rows", "in training"][0] == 0, changed
assert scores["copies with noise", "in validation"][0] == 1, changed
PY
