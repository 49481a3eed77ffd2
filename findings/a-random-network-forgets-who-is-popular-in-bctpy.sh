#!/usr/bin/env bash
# bctpy 0.6.1, numpy 2.4.6: the randomisation of a directed network, which is to keep in- and out-degrees, gives four
# nodes of five another in-degree.
#
# Expected, from the documentation of randmio_dir() ("This function randomizes a directed network, while preserving the
# in- and out-degree distributions"): each node has as many incoming and outgoing links as before, as
# randmio_dir_connected() and randmio_dir_signed() of the same package leave it.
# Seen: after a swap of two links a list of links is updated, and the new target of one is written into the list of
# sources. From then on the list is not the network: pairs that are no link are swapped, and ends are exchanged that are
# no ends. The number of links and the out-degrees stay, which is what one looks at. Of 500 links 22% of the nodes keep
# their in-degree, of 1,900 it is 9%, and the most popular of a network falls from 50 followers to 21. It is the null
# model for motifs, reciprocity and rich clubs of directed networks: one that was itself drawn at random with its
# degrees has 732 feed-forward loops, 10 deviations more than such random networks have, and 1 less than those of
# randmio_dir_connected(). No warning; no report. Take randmio_dir_connected(), or networkx.directed_edge_swap().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q bctpy==0.6.1 numpy==2.4.6 scipy==1.17.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import bct
import numpy as np

print("bctpy", version("bctpy"), "numpy", np.__version__)
changed = "the behaviour has changed"
rng = np.random.default_rng(0)
NODES, ROUNDS = 100, 5


def kept(name, network, seed=0):
    random, _ = getattr(bct, name)(network.copy(), ROUNDS, seed=seed)
    assert random.sum() == network.sum() and not np.trace(random)
    return random


for density in (0.05, 0.2):
    network = (rng.random((NODES, NODES)) < density).astype(float)
    np.fill_diagonal(network, 0)
    for name in ("randmio_dir", "randmio_dir_connected", "randmio_dir_signed"):
        random = kept(name, network)
        same = [(random.sum(axis) == network.sum(axis)).mean() for axis in (0, 1)]
        print(f"{network.sum():.0f} links, {name}: in-degree kept by {same[0]:.0%}, out-degree by {same[1]:.0%}")
        assert same[1] == 1 and (same[0] < 0.25 if name == "randmio_dir" else same[0] == 1), changed

popular = 1 / np.arange(1, NODES + 1) ** 0.7
network = np.zeros((NODES, NODES))
for node in range(NODES):
    chances = np.where(np.arange(NODES) == node, 0, popular)
    network[node, rng.choice(NODES, rng.integers(3, 12), replace=False, p=chances / chances.sum())] = 1
network = kept("randmio_dir_connected", network, seed=1)


def loops(links):
    """Feed-forward loops: a to b, b to c and a to c."""
    return (links @ links * links).sum()


for name in ("randmio_dir", "randmio_dir_connected"):
    randoms = [kept(name, network, seed) for seed in range(50)]
    followers, true = randoms[0].sum(0), network.sum(0)
    counts = np.array([loops(random) for random in randoms])
    above = (loops(network) - counts.mean()) / counts.std()
    print(f"{name}: the most popular of {NODES} has {true.max():.0f} followers, now {followers[true.argmax()]:.0f};",
          f"correlation of in-degrees {np.corrcoef(followers, true)[0, 1]:.2f}; {loops(network):.0f} loops,",
          f"{counts.mean():.1f} +- {counts.std():.1f} in fifty random ones, {above:.1f} deviations above")
    if name == "randmio_dir":
        assert np.corrcoef(followers, true)[0, 1] < 0.9 and above > 3, changed
    else:
        assert (followers == true).all() and abs(above) < 3
PY
