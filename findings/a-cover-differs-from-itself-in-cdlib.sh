#!/usr/bin/env bash
# cdlib 0.4.1: F1 and NF1, for overlapping communities too, read each node once: a cover has an NF1 of 0.20 with itself,
# and an F1 of 1 with a cover of which half the communities are noise.
#
# Expected, from the documentation ("Compute the Normalized F1 score of the optimal algorithms matches among the
# partitions in input. Works on overlapping/non-overlapping complete/partial coverage partitions"): 1 for a cover and
# itself, and less for each community that is not found.
# Seen: a node counts in the first community that names it, and later communities are matched by the nodes that are left
# over, though divided by their full length; one without any is left out. Communities are sorted by length. 120 pupils
# are in 8 classes and in 10 clubs: no club is compared at all. The cover itself has an NF1 of 0.20, so that a perfect
# result looks like a failure; clubs drawn at random have an F1 of 1.00, as right ones have; right clubs and random
# classes have 0.25. Of circles of friends that share a member or two, the usual cover, F1 with itself is 0.67. Both
# are 1 where nothing overlaps, with which one tests. omega() and the overlapping NMI of the same package are right. No
# warning; a report on an older package with the same measure is about memberships of the truth, and closed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-deps cdlib==0.4.1 eva-lcd==0.1.1
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 pandas==3.1.1 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
from importlib.metadata import version

import numpy as np

with contextlib.redirect_stdout(io.StringIO()):  # notes on optional packages
    from cdlib import NodeClustering, evaluation

print("cdlib", version("cdlib"))
changed = "the behaviour has changed"
PUPILS = 120


def groups(count, seed):
    """All pupils in groups of one size, drawn."""
    return [sorted(part.tolist()) for part in np.array_split(np.random.default_rng(seed).permutation(PUPILS), count)]


def compare(found, truth):
    found, truth = (NodeClustering(cover, None, overlap=True) for cover in (found, truth))
    return [round(float(measure(found, truth).score), 2) for measure in (
        evaluation.f1, evaluation.nf1, evaluation.overlapping_normalized_mutual_information_MGH, evaluation.omega)]


classes, clubs = groups(8, seed=0), groups(10, seed=1)
truth = classes + clubs
found = {
    "all of them": truth,
    "classes, random clubs": classes + groups(10, seed=2),
    "clubs, random classes": clubs + groups(8, seed=3),
    "all at random": groups(8, seed=3) + groups(10, seed=2),
}
scores = {name: compare(cover, truth) for name, cover in found.items()}
print("found                  F1    NF1   NMI   omega")
for name, row in scores.items():
    print(f"{name:22s}", *(f"{score:5.2f}" for score in row))
assert [row[0] for row in scores.values()] == [1.0, 1.0, 0.24, 0.24], changed
assert scores["all of them"][1] == 0.2, changed
assert scores["all of them"][2:] == [1, 1] and scores["classes, random clubs"][2] < 0.7, "what other measures see"

circles = [["ann", "bob", "cid", "dot"], ["dot", "eve", "fay"], ["fay", "gus", "dot"]]
print("circles of friends and themselves:", *compare(circles, circles))
assert compare(circles, circles) == [0.67, 0.67, 1.0, 1.0], changed
assert compare(classes, classes) == [1.0, 1.0, 1.0, 1.0], "without overlaps"
PY
