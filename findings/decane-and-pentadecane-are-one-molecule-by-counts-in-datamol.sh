#!/usr/bin/env bash
# datamol 0.13.0, scipy 1.17.1, rdkit 2026.9.1: distances of molecules by fingerprints of counts are those without
# counts; decane and pentadecane, 0.37 apart, have a distance of 0.
#
# Expected, from the documentation ("Compute the pairwise tanimoto distance between the fingerprints of all the
# molecules", "**fp_args: list of args to pass to to_fp()"): pdist(molecules, fp_type="ecfp-count") is the Tanimoto
# distance of counts, as RDKit's TanimotoSimilarity() has it for the fingerprints that to_fp(fp_type="ecfp-count")
# gives. What one takes counts for is to tell molecules with the same parts, but more of them.
# Seen: pdist() and cdist() hand the counts to SciPy's "jaccard", which takes all that is not 0 for True, and cdist()
# casts to bool besides; so all of "ecfp-count", "fcfp-count", "rdkit-count" and "topological-count" give distances of
# parts that are there or not. Alkanes from decane on are one molecule, and so are peptides of glycine, polyethers and
# fatty acids of any length: of 40 different chains, 5 are left if one removes what has a distance of 0, and 40 by
# RDKit. The nearest neighbour of a chain is any other of its kind. Between small drugs distances are off by up to 0.1,
# which looks like a matter of the fingerprint. No warning; no report. Take to_fp(..., as_array=False) and
# rdkit.DataStructs.BulkTanimotoSimilarity().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-deps datamol==0.13.0
"$work/venv/bin/pip" install -q rdkit==2026.9.1 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pandas==3.1.1 \
  joblib==1.6.0 loguru==0.7.3 fsspec==2026.9.0 platformdirs==4.14.9 selfies==2.2.0 tqdm==4.70.1 packaging==26.4
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import datamol as dm
import numpy as np
import scipy
from rdkit.DataStructs import TanimotoSimilarity

print("datamol", version("datamol"), "scipy", scipy.__version__, "rdkit", version("rdkit"))
changed = "the behaviour has changed"
KINDS = ("ecfp-count", "fcfp-count", "rdkit-count", "topological-count")


def by_rdkit(smiles, kind):
    prints = [dm.to_fp(one, as_array=False, fp_type=kind) for one in smiles]
    return np.array([[1 - TanimotoSimilarity(a, b) for b in prints] for a in prints])


pair = ["C" * 10, "C" * 15]
for kind in KINDS:
    found, between = dm.pdist(pair, fp_type=kind)[0, 1], dm.cdist(pair[:1], pair[1:], fp_type=kind)[0, 0]
    right = by_rdkit(pair, kind)[0, 1]
    print(f"decane and pentadecane, {kind}: pdist {found:.2f}, cdist {between:.2f}, RDKit {right:.2f}")
    assert found == between == 0 and right > 0.3, changed

lengths = range(8, 18)
chains = ["C" * n for n in lengths] + ["N" + "CC(=O)N" * n + "CC(=O)O" for n in lengths]
chains += ["O" + "CCO" * n for n in lengths] + ["C" * n + "C(=O)O" for n in lengths]
found, right = dm.pdist(chains, fp_type="ecfp-count"), by_rdkit(chains, "ecfp-count")
kept = [len({tuple(np.flatnonzero(row == 0)) for row in table}) for table in (found, right)]
print(f"{len(chains)} chains of four kinds: {kept[0]} differ by pdist, {kept[1]} by RDKit;",
      f"smallest distance of two by RDKit {right[~np.eye(len(chains), dtype=bool)].min():.3f}")
assert kept[0] < 8 and kept[1] == 40, changed

drugs = ["CC(=O)Oc1ccccc1C(=O)O", "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "CC(=O)Nc1ccc(O)cc1", "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
         "CN1CCCC1c1cccnc1", "COc1ccc2cc(ccc2c1)C(C)C(=O)O", "CC(N)Cc1ccccc1", "NCCc1ccc(O)c(O)c1",
         "CNCC(O)c1ccc(O)c(O)c1"]
found, bits = (dm.pdist(drugs, fp_type=kind) for kind in ("ecfp-count", "ecfp"))
right = by_rdkit(drugs, "ecfp-count")
print(f"nine drugs: largest difference from RDKit's distance of counts {np.abs(found - right).max():.3f},",
      f"from the distance of bits {np.abs(found - bits).max():.3f}")
assert np.array_equal(found, bits) and np.abs(found - right).max() > 0.05, changed
assert np.allclose(by_rdkit(drugs, "ecfp"), bits)
PY
