#!/usr/bin/env bash
# pypsa 1.4.0, tsam 4.1.1, pandas 3.0.5: a week that stands for a year is a week after it was made coarser by segments:
# the energy and the costs of 8,760 hours are those of 168.
#
# Expected, from the documentation (of the module: 'reduce the temporal resolution of PyPSA networks while preserving
# the total modeled hours [...] Invariant: sum(weights) == total_modeled_hours (e.g., 8760 for one year)'): the
# weightings of the segments sum to those of the snapshots, as after resample(), downsample() and from_snapshot_map() of
# the same package.
# Seen: segment() gives each segment the number of snapshots in it for a weighting and does not read
# snapshot_weightings. In a network in which an hour stands for 52.14, as sampled weeks and representative days have it,
# 877 GWh become 16.8, and gas for 13 millions becomes gas for 0.25. Investments are for a year and do not shrink, so
# that an optimum builds next to nothing that saves fuel, and a limit of emissions for a year never binds. With
# weightings of 1, with which one tests, all is right, and the curves look right in any case. No warning; no report.
# Multiply snapshot_weightings by the sum before over the sum after.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pypsa==1.4.0 tsam==4.1.1 numpy==2.4.6 scipy==1.17.1 pandas==3.0.5 networkx==3.6.1 \
  scikit-learn==1.9.1 xarray==2026.9.0 linopy==0.10.1
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
import pypsa

print("pypsa", version("pypsa"), "tsam", version("tsam"), "pandas", pd.__version__)
changed = "the behaviour has changed"
HOURS, PRICE = 8_760, 50
rng = np.random.default_rng(0)


def network(days, hours_each):
    """Days of hours, of which each stands for several: a load, wind and gas."""
    hours = np.arange(24 * days)
    made = pypsa.Network()
    made.set_snapshots(pd.date_range("2025-01-06", periods=len(hours), freq="h"))
    made.snapshot_weightings.loc[:] = hours_each
    load = 100 + 30 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, 5, len(hours))
    wind = np.clip(0.4 + 0.3 * np.sin(2 * np.pi * hours / 60) + rng.normal(0, 0.1, len(hours)), 0, 1)
    made.add("Bus", "town")
    made.add("Load", "town", bus="town", p_set=pd.Series(load, made.snapshots))
    made.add("Generator", "wind", bus="town", p_nom=200, p_max_pu=pd.Series(wind, made.snapshots))
    made.add("Generator", "gas", bus="town", p_nom=500, marginal_cost=PRICE)
    return made


def show(name, made):
    """Hours, load in GWh and what the gas costs, in millions, that wind does not replace."""
    weight = made.snapshot_weightings["objective"]
    load, wind = made.loads_t.p_set["town"], 200 * made.generators_t.p_max_pu["wind"]
    values = weight.sum(), (weight * load).sum() / 1e3, (weight * (load - wind).clip(lower=0)).sum() * PRICE / 1e6
    print(f"{name}: {len(weight)} snapshots for {values[0]:,.0f} hours, {values[1]:.1f} GWh,",
          f"gas for {values[2]:.2f} millions")
    return np.array(values)


for days, each in ((365, 1), (7, HOURS / 168)):
    made = network(days, each)
    whole = show(f"{days} days, an hour stands for {each:.2f}", made)
    clusters = made.cluster.temporal
    for name, fewer in (
        ("    resample", clusters.resample("3h")), ("    downsample", clusters.downsample(3)),
        ("    segment", clusters.segment(24 * days // 3)),
    ):
        found = show(name, fewer)
        wrong = each if "segment" in name else 1
        assert np.allclose(found * wrong, whole, rtol=0.1) and np.isclose(found[0] * wrong, HOURS), changed
PY
