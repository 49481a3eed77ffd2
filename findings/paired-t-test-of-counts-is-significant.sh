#!/usr/bin/env bash
# polars 2.1.0, scipy 1.17.1: a paired t-test of two columns of counts finds an effect where there is none, since polars
# counts in uint32 and SciPy subtracts in the type it is given.
#
# Expected: group_by(...).len() before and after, and scipy.stats.ttest_rel() of the two columns: the test that float
# gives, as ttest_ind(), wilcoxon() and permutation_test() of the same arrays do.
# Seen: ttest_rel() takes a - b, and 8 - 11 is 4,294,967,293 in uint32. Every unit that went up counts as four billion
# that went down: of 200 users who click as often as before, t is 12.4 and p is 2e-26, for 0.6 and 0.5. The sign is
# always "fell", so a real rise of a fifth (t of -5.8) is a fall with a t of 16.9 and a p of 2e-40. Bytes (ratings,
# pixels) and uint64 do the same; the statistic no longer depends on by how much anything changed. Packages that call
# it, such as pingouin.ttest(paired=True), give the same. No warning. Polars counts with UInt32 in len(), count() and
# n_unique(), and the column prints like any other. Convert first: x.astype(float).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 polars==2.1.0
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

import numpy as np
import polars
from scipy import stats

print("polars", polars.__version__, "scipy", version("scipy"))
USERS = 200


def clicks(mean, seed):
    """How often each user clicks: a table of events, counted."""
    rng = np.random.default_rng(seed)
    each = rng.poisson(mean, USERS) + 1
    counted = polars.DataFrame({"user": rng.permutation(np.repeat(np.arange(USERS), each))})
    column = counted.group_by("user").len().sort("user")["len"]
    assert column.dtype == polars.UInt32 and column.to_list() == each.tolist()
    return column.to_numpy()


changed = "the behaviour has changed"
before = clicks(9, 1)
for name, after in (("no change", clicks(9, 2)), ("a rise of a fifth", clicks(11, 3))):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wrong, right = stats.ttest_rel(before, after), stats.ttest_rel(before.astype(float), after.astype(float))
        ranks, of_floats = stats.wilcoxon(before, after), stats.wilcoxon(before.astype(float), after.astype(float))
    print(f"{name}: means {before.mean():.2f} and {after.mean():.2f}; t of counts {wrong.statistic:.2f},", end=" ")
    print(f"p {wrong.pvalue:.1g}; of floats {right.statistic:.2f}, p {right.pvalue:.1g};", end=" ")
    print(f"wilcoxon p {ranks.pvalue:.2g} and {of_floats.pvalue:.2g}")
    assert ranks.pvalue == of_floats.pvalue
    assert wrong.statistic > 5 and wrong.pvalue < 1e-15, changed
    if name == "no change":
        assert right.pvalue > 0.05, "there is nothing to find"
        for kind in (np.uint8, np.uint16, np.uint64, np.int64):
            t = stats.ttest_rel(before.astype(kind), after.astype(kind)).statistic
            print(f"  as {kind.__name__}: t {t:.2f}")
            assert (t > 5) == (kind is not np.int64), changed
    else:
        assert right.statistic < -3 and right.pvalue < 1e-3, "the rise is there"
PY
