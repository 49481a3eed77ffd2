#!/usr/bin/env bash
# gensim 4.4.0: asked for the vector of node 7 by its number, a model of random walks gives that of another node, and
# says that it knows node 7.
#
# Expected, from the documentation ("Get vector representation of key_or_keys. key_or_keys : {str, list of str, int,
# list of int}: Requested key or list-of-keys"): walks are sentences of words, as in DeepWalk and node2vec, so nodes
# are words, "7". wv[7] is the vector of "7", or a KeyError, as wv["seven"] is.
# Seen: a number that is no word is taken for a row of the table, and rows are sorted by how often a word occurs:
# wv[7] is the node that is visited eighth most. So do similarity(), most_similar(), distances() and lists of numbers,
# and "7 in wv" is True. Every number of a graph's nodes is a row, so nothing fails. On the graph below links are told
# from other pairs with an area of 0.998 by the strings and of 0.50 by the numbers: the embedding looks as if it had
# learned nothing. Walks of numbers are right until a node is rarer than min_count (5 unless given), and has no row:
# of the thirteen below twelve have the vector of some node that is frequent, and are "in". Ask for str(node), and
# test membership in wv.key_to_index.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q gensim==4.4.0 numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import networkx as nx
import numpy as np
from gensim.models import Word2Vec

print("gensim", version("gensim"), "numpy", version("numpy"))
graph = nx.connected_watts_strogatz_graph(200, 6, 0.05, seed=0)
rng = np.random.default_rng(0)


def walk(node, steps):
    out = [node]
    for _ in range(steps):
        out.append(int(rng.choice(list(graph[out[-1]]))))
    return out


walks = [walk(node, 20) for _ in range(20) for node in graph]
settings = {"vector_size": 16, "window": 2, "seed": 0, "workers": 1, "epochs": 3}
of_words = Word2Vec([list(map(str, one)) for one in walks], min_count=1, **settings).wv
links = list(graph.edges)
pairs = map(tuple, rng.integers(200, size=(1000, 2)).tolist())
others = [(u, v) for u, v in pairs if u != v and not graph.has_edge(u, v)]


def area(score):
    """Under the ROC curve of telling links from other pairs."""
    right, wrong = (np.array([score(*pair) for pair in some]) for some in (links, others))
    return float((right[:, None] > wrong).mean())


changed = "the behaviour has changed"
by_word = area(lambda u, v: of_words.similarity(str(u), str(v)))
by_number = area(lambda u, v: of_words.similarity(u, v))
print(f"area by words {by_word:.3f}, by numbers {by_number:.3f}")
print("neighbours of 7:", sorted(graph[7]))
for key in ("7", 7):
    print(f"most similar to {key!r}:", [int(word) for word, _ in of_words.most_similar(key, topn=4)])
assert by_word > 0.95 and 0.4 < by_number < 0.6, changed
assert all(node in of_words for node in graph), changed
row = of_words.index_to_key[7]
assert row != "7" and np.array_equal(of_words[7], of_words[row]), changed
assert 200 not in of_words and "seven" not in of_words

# Walks of numbers, in which a node has to occur 350 times.
of_numbers = Word2Vec(walks, min_count=350, **settings).wv
left_out = [node for node in graph if node not in of_numbers.key_to_index]
answered = {node: of_numbers.index_to_key[node] for node in left_out if node in of_numbers}
print(f"{len(left_out)} rare nodes, {len(answered)} of them with the vector of another:", answered)
assert len(answered) > len(left_out) / 2, changed
for node, other in answered.items():
    assert np.array_equal(of_numbers[node], of_numbers[other]), changed
PY
