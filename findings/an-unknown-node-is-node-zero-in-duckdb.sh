#!/usr/bin/env bash
# duckdb 2.0.1, torch 2.13.0: a NULL is 0 in the tensors of DuckDB, so that a missing end of an edge is node 0 and a
# missing label is class 0.
#
# Expected: torch() gives a float NaN, or refuses a column with NULL, as polars' to_torch() gives NaN for integers and
# floats and refuses booleans. The documentation says "Fetch a result as dict of PyTorch Tensors" and no more.
# Seen: numpy arrays with a mask are made first, which fetchnumpy() returns, and the tensor is made of what lies under
# the mask: 0, 0.0 or False. A LEFT JOIN of nodes with the few that have a label, the usual query for semi-supervised
# learning, says that all others are of class 0: of 1,000 nodes below with 100 labels in five classes, 920 have class
# 0, and whoever looks at no more than dtype and length finds a full, clean column. An edge to an entity that is in no
# table ends at node 0, which becomes the hub of the graph; a feature that was not measured is 0.0, not NaN, and
# isnan() finds nothing. Columns without NULL are right. No warning. Take fetchnumpy() and its masks, or
# COALESCE(label, -1).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q duckdb==2.0.1 torch==2.13.0 numpy==2.4.6 polars==2.1.0
"$work/venv/bin/python" -W error - <<'PY'
import duckdb
import numpy as np
import polars
import torch

print("duckdb", duckdb.__version__, "torch", torch.__version__, "polars", polars.__version__)
db = duckdb.connect()
db.execute("CREATE TABLE node AS SELECT i AS id, 'user' || i AS name, i / 7.0 AS score FROM range(1000) t(i)")
db.execute("UPDATE node SET score = NULL WHERE id % 4 = 3")
db.execute("CREATE TABLE label AS SELECT i * 10 AS id, i % 5 AS y FROM range(100) t(i)")
db.execute("CREATE TABLE event AS SELECT 'user' || i AS a, 'user' || (i * 13 + 5) AS b FROM range(200) t(i)")
changed = "the behaviour has changed"

rows = db.sql("SELECT id, score, y, y = 3 AS third FROM node LEFT JOIN label USING (id) ORDER BY id")
tensors, arrays = rows.torch(), rows.fetchnumpy()
missing = {name: int(np.ma.getmaskarray(arrays[name]).sum()) for name in tensors}
print("NULL in the table:", missing)
print("NaN in the tensors:", {name: int(column.isnan().sum()) for name, column in tensors.items()})
print("labels in the table:", np.bincount(arrays["y"].compressed()), "in the tensor:", tensors["y"].bincount().tolist())
assert missing == {"id": 0, "score": 250, "y": 900, "third": 900}
assert tensors["y"].bincount().tolist() == [920, 20, 20, 20, 20], changed
assert not tensors["score"].isnan().any() and int((tensors["score"] == 0).sum()) == 251, changed
assert tensors["third"].dtype == torch.bool and int(tensors["third"].sum()) == 20, changed

edges = db.sql("""SELECT u.id AS source, v.id AS target FROM event
                  LEFT JOIN node u ON u.name = a LEFT JOIN node v ON v.name = b""").torch()
into = edges["target"].bincount(minlength=1000)
print("edges into node 0:", int(into[0]), "into any other at most:", int(into[1:].max()))
assert int(into[0]) == 123 and int(into[1:].max()) == 1, changed

column = polars.Series([1, None, 3])
print("polars, for the same:", column.to_torch().tolist())
assert column.to_torch().isnan().tolist() == [False, True, False]
PY
