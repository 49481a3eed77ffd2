#!/usr/bin/env bash
# qc-selector 0.1.4, numpy 2.4.6: distances from counts of common occurrence do not divide by how often each occurs, so
# that the most frequent is the nearest of all.
#
# Expected, from the formulas of the documentation (sim_to_dist with "co-occurrence" and "gravity"): f_ij, times the sum
# of all counts, over the sum of row i times the sum of column j. Pairs that meet as often as by chance have 1 there,
# and one distance, 0.5 and 1, whether they are frequent or rare.
# Seen: the two sums are multiplied by np.dot of a row with a column, which is one number for the whole table, where
# their outer product is meant. Counts by chance alone, of items of which the rarest occurs a thousandth as often, have
# gravity distances from 1.05 to 1,054. Of 60 items in four groups, one five times as frequent as the next, whose
# members meet four times as often as others, 97% have their nearest neighbour in their own group by the formula. With
# the package it is one of the two most frequent items for all 60.
# If all occur equally often the order is right, with which one tests. No warning; no report. Divide by np.outer of the
# sums.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile qc-selector==0.1.4 numpy==2.4.6 scipy==1.17.1 bitarray==3.12.3 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from selector.measures.converter import sim_to_dist

print("qc-selector", version("qc-selector"), "numpy", np.__version__)
changed = "the behaviour has changed"
FORMULAS = {"co-occurrence": lambda ratio: 1 / (1 + ratio), "gravity": lambda ratio: ratio**-0.5}


def ratio(counts):
    """What the documentation divides: counts over those that chance would give."""
    return counts * counts.sum() / np.outer(counts.sum(1), counts.sum(0))


often = np.geomspace(1, 1000, 7)
chance = np.outer(often, often)
for name, formula in FORMULAS.items():
    found, right = sim_to_dist(chance, name), formula(ratio(chance))
    print(f"counts by chance alone, {name}: {found.min():.3g} to {found.max():.4g}, by the formula",
          f"{right.min():.3g} to {right.max():.3g}; with the most frequent, from the rarest on:", *found[-1].round(2))
    assert np.allclose(right, right[0, 0]) and found.max() > 1.5 * found.min(), changed

rng = np.random.default_rng(0)
group = np.arange(60) % 4
for spread, often in (("equally", np.ones(60)), ("unequally", 5.0**group * rng.lognormal(0, 0.5, 60))):
    rate = np.outer(often, often) * np.where(np.equal.outer(group, group), 4, 1)
    counts = rng.poisson(rate * 3e7 / rate.sum())
    counts = np.triu(counts) + np.triu(counts, 1).T + 1.0  # no zeros, which the package refuses
    frequent = np.argsort(counts.sum(0))[-2:]
    for name, formula in FORMULAS.items():
        near = {}
        for who, distances in (("package", sim_to_dist(counts, name)), ("formula", formula(ratio(counts)))):
            np.fill_diagonal(distances, np.inf)
            nearest = distances.argmin(1)
            near[who] = (group[nearest] == group).mean(), np.isin(nearest, frequent).sum()
            print(f"items that occur {spread} often, {name}, {who}: {near[who][0]:.0%} have their nearest in their own",
                  f"group, {near[who][1]} of 60 among the two most frequent")
        assert near["formula"][0] > 0.9
        assert near["package"][0] == 1 if spread == "equally" else near["package"][0] < 0.6, changed
PY
