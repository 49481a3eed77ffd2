#!/usr/bin/env bash
# networkit 11.3, scikit-learn 1.9.1: NetworKit's area under the ROC curve of link predictions depends on how the nodes
# are numbered; a predictor that says 0 of every pair has 0.70.
#
# Expected: an area of 0.5 for scores that are all equal, as scikit-learn gives it, and the same area whatever the
# nodes are called: pairs with one score are one point of the curve.
# Seen: getCurve() sorts by score and walks through the pairs one by one, and pairs with equal scores stand in the
# order of their node numbers. Graphs number nodes by age, and old nodes have most links, so the wrong order is a good
# one. Common neighbours, Jaccard and Adamic-Adar are 0 for most pairs, all ties: of a growing graph of 300 nodes their
# areas are 0.64 to 0.66 for 0.55 to 0.57, and with the same nodes renumbered at random 0.53 to 0.54. The area of the
# curve of precision and recall of the predictor of zeros is 0.020 for a share of right links of 0.005. Preferential
# attachment, with few ties, has 0.67 each time: ahead by 0.10 in truth, and no better here. No warning, and the
# documentation names no order. Take roc_auc_score and average_precision_score of the same predictions.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 networkit==11.3 networkx==3.6.1 scikit-learn==1.9.1
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import networkit
import networkx as nx
import numpy as np
from networkit import linkprediction
from sklearn.metrics import average_precision_score, roc_auc_score

print("networkit", networkit.__version__, "scikit-learn", version("scikit-learn"))
NODES = 300
rng = np.random.default_rng(0)
links = list(nx.barabasi_albert_graph(NODES, 4, seed=0).edges)
rng.shuffle(links)
renumbered = rng.permutation(NODES)


def graph_of(links, names):
    graph = networkit.Graph(NODES)
    for u, v in links:
        graph.addEdge(int(names[u]), int(names[v]))
    return graph


same = np.arange(NODES)
training = graph_of(links[200:], same)
pairs = [(u, v) for u in range(NODES) for v in range(u + 1, NODES) if not training.hasEdge(u, v)]


def areas(scored, names):
    """The areas under both curves, of pairs with their scores, where node u is called names[u]."""
    held_out = graph_of(links[:200], names)
    scored = [(tuple(sorted((int(names[u]), int(names[v])))), score) for (u, v), score in scored]
    found = []
    for metric in (linkprediction.ROCMetric(held_out), linkprediction.PrecisionRecallMetric(held_out)):
        metric.getCurve(scored)
        found.append(metric.getAreaUnderCurve())
    return found


predictors = {
    "zero": lambda u, v: 0.0,
    "common neighbours": linkprediction.CommonNeighborsIndex(training).run,
    "Jaccard": linkprediction.JaccardIndex(training).run,
    "Adamic-Adar": linkprediction.AdamicAdarIndex(training).run,
    "pref. attachment": linkprediction.PreferentialAttachmentIndex(training).run,
}
held_out = graph_of(links[:200], same)
there = [held_out.hasEdge(u, v) for u, v in pairs]
print(f"{len(pairs)} pairs, {np.mean(there):.4f} of them links")
changed = "the behaviour has changed"
for name, predictor in predictors.items():
    scored = [(pair, predictor(*pair)) for pair in pairs]
    scores = [score for _, score in scored]
    (roc, precision), (roc_other, precision_other) = areas(scored, same), areas(scored, renumbered)
    right, average = roc_auc_score(there, scores), average_precision_score(there, scores)
    print(f"{name:18s} ROC {roc:.3f}, renumbered {roc_other:.3f}, scikit-learn {right:.3f};", end=" ")
    print(f"precision and recall {precision:.4f}, {precision_other:.4f}, {average:.4f}")
    if name == "zero":
        assert right == 0.5 and roc > 0.65 and precision > 3 * average, changed
    elif name == "pref. attachment":
        assert abs(roc - right) < 0.01 and abs(roc_other - right) < 0.01
    else:
        assert roc > right + 0.05 and roc > roc_other + 0.05, changed
PY
