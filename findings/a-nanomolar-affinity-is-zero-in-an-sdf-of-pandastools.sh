#!/usr/bin/env bash
# rdkit 2026.9.1, pandas 3.1.1: an affinity of 2.5e-9 mol/l in a table of molecules is 0.0 in the SDF that PandasTools
# writes of it.
#
# Expected: WriteSDF() writes the columns that are asked for, and LoadSDF() reads them back, to the digits of a float or
# at least to the first few. Its text says nothing of a loss. An SDF holds values as text, 2.5e-09 as well as others.
# Seen: every float is written by "{:f}", six places after the point, to avoid the sign "e": what is below 5e-7 is
# 0.0, and 3.4e-6 is 0.000003. Dissociation constants in mol/l, probabilities of activity and p-values are such. Of
# affinities between a picomole and a micromole none is left: all are one number, and their logarithm is minus infinity,
# for the best and for the worst. The file is valid, and molecules, names and the number of values are right.
# allNumeric=True does the same with float32. RDKit's own SDWriter with SetDoubleProp(), CSV and Parquet keep the value.
# No report of the loss. Write -log10 of it, or the column as text.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q rdkit==2026.9.1 pandas==3.1.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - "$work" <<'PY'
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import rdkit
from rdkit import Chem
from rdkit.Chem import PandasTools

print("rdkit", rdkit.__version__, "pandas", pd.__version__)
work, changed = Path(sys.argv[1]), "the behaviour has changed"
affinity = np.array([1e-12, 2.5e-9, 4.4e-8, 3.1e-7, 3.4e-6, 0.00123, 1.5, 12345678.25])
table = pd.DataFrame({"molecule": [Chem.MolFromSmiles("C" * (i + 1)) for i in range(len(affinity))]})
table["Kd"], table["single"], table["text"] = affinity, affinity.astype(np.float32), [repr(float(k)) for k in affinity]

named, all_numeric, own = work / "named.sdf", work / "all.sdf", work / "own.sdf"
PandasTools.WriteSDF(table, str(named), molColName="molecule", properties=["Kd", "text"])
PandasTools.WriteSDF(table, str(all_numeric), molColName="molecule", allNumeric=True)
with Chem.SDWriter(str(own)) as writer:
    for molecule, value in zip(table["molecule"], affinity):
        molecule = Chem.Mol(molecule)
        molecule.SetDoubleProp("Kd", float(value))
        writer.write(molecule)


def read(path, column):
    return PandasTools.LoadSDF(str(path), molColName="molecule")[column].astype(float).to_numpy()


back = read(named, "Kd")
print(f"{'given':>14s} {'WriteSDF':>14s} {'as text':>14s} {'SDWriter':>14s}")
for line in zip(affinity, back, read(named, "text"), read(own, "Kd")):
    print(" ".join(f"{value:14.9g}" for value in line))
assert np.array_equal(read(named, "text"), affinity) and np.allclose(read(own, "Kd"), affinity, rtol=1e-6, atol=0)
tiny = affinity < 5e-7
assert tiny.sum() == 4 and (back[tiny] == 0).all(), changed
assert back[4] == 0.000003 and back[-1] == affinity[-1], changed
assert np.array_equal(read(all_numeric, "Kd"), back) and (read(all_numeric, "single")[tiny] == 0).all(), changed
assert np.isinf(np.log10(back[tiny])).all()
print("-log10 of the first four: given", -np.log10(affinity[:4]).round(2), "read", -np.log10(back[:4]))
PY
