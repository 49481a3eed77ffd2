#!/usr/bin/env bash
# mlcroissant 1.1.1: the field "data manipulation protocol" of the responsible-AI vocabulary is written
# under a name that the vocabulary does not have, and lost, without a word, where it has the right one.
#
# Expected: Metadata(data_manipulation_protocol=...) writes "rai:dataManipulationProtocol", as all its
# neighbours are written ("rai:dataCollection", "rai:dataLimitations", ...) and as the vocabulary of
# Croissant RAI 1.0 calls it, and a file with that name gives it back.
# Seen: it writes "rai:dataDataManipulationProtocol". A file with the name of the vocabulary opens
# without an error or a warning, and the field is None; its neighbours are read. So who follows the
# vocabulary loses the field in this reader, and who uses this writer loses it in every other.

set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q mlcroissant==1.1.1 pandas==3.1.1 rdflib==7.6.0
"$work/venv/bin/python" -W ignore - <<'PY'
import json

import mlcroissant as mlc

said = {
    "data_collection": "collected",
    "data_manipulation_protocol": "manipulated",
    "data_limitations": ["limited"],
}
written = mlc.Metadata(
    name="a", description="b", license=["https://example.org/licence"], url="https://example.org",
    version="1.0.0", **said,
).to_json()
found = {key: value for key, value in written.items() if key.startswith("rai:")}
print("written:", json.dumps(found))
renamed = dict(written)
wrong = "rai:dataDataManipulationProtocol"
renamed["rai:dataManipulationProtocol"] = renamed.pop(wrong)
issues = {}
for name, content in (("as written", written), ("as the vocabulary says", renamed)):
    content = json.loads(json.dumps(content, default=str))
    metadata = mlc.Dataset(jsonld=content).metadata
    issues[name] = (metadata.data_manipulation_protocol, metadata.data_collection)
    print(f"read, {name}:", issues[name], "errors:", set(metadata.issues.errors))
changed = "the behaviour has changed"
assert found == {
    "rai:dataCollection": "collected", wrong: "manipulated", "rai:dataLimitations": "limited",
}, changed
assert issues["as written"] == ("manipulated", "collected"), changed
assert issues["as the vocabulary says"] == (None, "collected"), changed
PY
