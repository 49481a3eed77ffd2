#!/usr/bin/env bash
# scipy 1.17.1: scipy.stats.kruskal of float32 samples rounds its statistic to steps, of 2 with six million values: it
# is 0 (p = 1) or 16 where it should be 1.9 or 19.9, and below zero (p is NaN) in one case.
#
# Expected: the test reads ranks alone, and these values are the same numbers in both types, so float32 gives the
# statistic that float64 gives. mannwhitneyu of the same two samples is the same test, and does so to three digits.
# Seen: ranks take the type of the samples, and H is the difference of two numbers near 3(N + 1), which float32 holds
# in steps of 2 from five million on. With 2 * 10,000 values H is right to 0.01, with 2 * 1,000,000 to 1, with
# 2 * 3,000,000 to 4. Losses or errors of each node, edge or row of a large set come from torch as float32, and the
# groups are models. No warning. Give samples as float64.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1
"$work/venv/bin/python" - <<'PY'
import numpy as np
import scipy
from scipy import stats

print("numpy", np.__version__, "scipy", scipy.__version__)
errors, single = {}, []
for each in (10_000, 1_000_000, 3_000_000):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        a = rng.normal(0, 1, each).astype(np.float32)
        b = (rng.normal(0, 1, each) + 3 / np.sqrt(each)).astype(np.float32)
        narrow, wide = stats.kruskal(a, b), stats.kruskal(a.astype(float), b.astype(float))
        two = stats.mannwhitneyu(a, b, use_continuity=False) if each == 3_000_000 and not seed else None
        errors[each] = max(errors.get(each, 0), abs(float(narrow[0]) - float(wide[0])))
        single += [float(narrow[0])] if each == 3_000_000 else []
        print(
            f"2 * {each:9,}: float32 H={narrow[0]:.4f} p={narrow[1]:.4f}, "
            f"float64 H={wide[0]:.4f} p={wide[1]:.4f}"
            + (f", mannwhitneyu of float32 p={two[1]:.4f}" if two else "")
        )
changed = "the behaviour has changed"
assert errors[10_000] < 0.02
assert errors[1_000_000] > 0.2, changed
assert max(errors.values()) == errors[3_000_000] > 1.5, changed
assert all(h % 2 == 0 for h in single), changed
PY
