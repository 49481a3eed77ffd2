#!/usr/bin/env bash
# mlcroissant 1.1.1: fields declared sc:Integer and sc:Text are read by what the column of the CSV looks like, so that
# long ids lose their last digits and two texts become one.
#
# Expected: Croissant states a data type for each field, so that a reader need not guess. An sc:Integer of 19 digits
# comes back with 19 digits, and the sc:Text "007" is not the sc:Text "7".
# Seen: mlcroissant reads the file with pandas' guesses and casts after. An optional column of integers (the post that
# a post answers; a parent) has an empty cell, is float64 for that, and ids above 2^53 come back rounded, as Python
# integers that look whole: two ids become one, and none joins with the column "id", which has no empty cell and is
# exact. A column of texts of digits (class codes, years, postal codes) comes back without its leading zeros, and with
# ".0" where a cell is empty: b'7' or b'7.0' for "007". No error, no warning. Edges that are joined by such ids go to
# other nodes or vanish. Write ids and codes with a letter, or Parquet, which has types.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q mlcroissant==1.1.1 pandas==3.1.1 rdflib==7.6.0 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
import hashlib
import json
import logging
from importlib.metadata import version
from pathlib import Path

import mlcroissant as mlc

logging.disable()
print("mlcroissant", version("mlcroissant"), "pandas", version("pandas"))
Path("posts.csv").write_text(
    "id,answers,code,area\n"
    "1234567890123456789,,007,007\n"
    "1234567890123456790,1234567890123456789,7,\n"
    "1234567890123456791,1234567890123456790,010,010\n"
)
types = {
    "id": mlc.DataType.INTEGER, "answers": mlc.DataType.INTEGER,
    "code": mlc.DataType.TEXT, "area": mlc.DataType.TEXT,
}
fields = [
    mlc.Field(
        id=f"posts/{name}", name=name, data_types=[kind],
        source=mlc.Source(file_object="posts.csv", extract=mlc.Extract(column=name)),
    )
    for name, kind in types.items()
]
file = mlc.FileObject(
    id="posts.csv", name="posts.csv", content_url="posts.csv", encoding_formats=["text/csv"],
    sha256=hashlib.sha256(Path("posts.csv").read_bytes()).hexdigest(),
)
metadata = mlc.Metadata(
    name="posts", description="posts", url="https://example.org", version="1.0.0",
    license=["https://example.org/licence"], distribution=[file],
    record_sets=[mlc.RecordSet(id="posts", name="posts", fields=fields)],
)
Path("posts.json").write_text(json.dumps(metadata.to_json(), default=str))
records = list(mlc.Dataset(jsonld="posts.json").records("posts"))
rows = [{key.split("/")[1]: value for key, value in record.items()} for record in records]
for row in rows:
    print(row)
ids, answers, code, area = ([row[name] for row in rows] for name in types)
changed = "the behaviour has changed"
assert ids == [1234567890123456789, 1234567890123456790, 1234567890123456791], changed
assert answers == [None, 1234567890123456768, 1234567890123456768], changed
assert not set(answers) & set(ids), changed
assert code == [b"7", b"7", b"10"], changed
assert area[0] == b"7.0" and area[2] == b"10.0", changed
PY
