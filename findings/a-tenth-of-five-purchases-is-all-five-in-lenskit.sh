#!/usr/bin/env bash
# lenskit 2025.8.1: holding out the last tenth of each user's items takes all of them from users with up to five, and
# one from users with ten.
#
# Expected, from the documentation ("Select a fraction of test rows per user/item"): the fraction, rounded, so that of
# few items none is taken, or one, as SampleFrac of the same package takes none.
# Seen: the last n of the list are taken as ordered[-n:], and if the fraction rounds to n = 0, ordered[-0:] is the whole
# list. With LastFrac(0.1) users of 1 to 5 items are in the test set with all they have, those of 6 with one; with 0.2
# users of 1 and 2. In a shop where most buy little that is many users: of 1,000 with counts as 1/rank below 334 have
# nothing left in training, and they count as much as the others, as metrics are means over users. It looks like a hard
# data set with many cold users; the rows of training and test add up. Users with ten items or more, as in MovieLens,
# are split rightly. No warning. Take LastN(1), SampleFrac, or split_temporal_fraction().
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Of what the package asks for, only what it imports here.
"$work/venv/bin/pip" install -q --no-deps lenskit==2025.8.1
"$work/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 pyarrow==26.0.1 \
  pydantic==2.14.4 structlog==26.1.0 rich==15.0.0 requests==2.34.2 humanize==4.17.0 xopen==2.1.0 lazy-loader==0.6 \
  more-itertools==11.2.1 2> /dev/null
"$work/venv/bin/python" -W ignore - <<'PY'
from collections import defaultdict
from importlib.metadata import version

import numpy as np
import pandas as pd
from lenskit.data import from_interactions_df
from lenskit.splitting import LastFrac, SampleFrac, crossfold_users

print("lenskit", version("lenskit"))
changed = "the behaviour has changed"


def held_out(counts, method):
    """How many items of each user are in the test set, all users together, and how many are left."""
    rng = np.random.default_rng(0)
    rows = [(user, int(item), time) for user, count in enumerate(counts)
            for time, item in enumerate(rng.choice(500, count, replace=False))]
    data = from_interactions_df(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]))
    taken = {}
    for split in crossfold_users(data, 2, method, rng=0):
        taken |= {key.user_id: len(items) for key, items in split.test.items()}
    return np.array([taken.get(user, 0) for user in range(len(counts))])


some = np.repeat([1, 2, 3, 5, 6, 10, 20], 10)
for fraction in (0.1, 0.2):
    for method in (LastFrac(fraction), SampleFrac(fraction, rng=0)):
        taken = defaultdict(set)
        for count, test in zip(some, held_out(some, method)):
            taken[int(count)].add(int(test))
        print(f"{type(method).__name__}({fraction}): of", ", ".join(f"{k} {min(v)}" for k, v in taken.items()))
        assert all(len(tests) == 1 for tests in taken.values())
        for count, (test,) in taken.items():
            none = round(fraction * count) == 0
            assert test == (count if none and isinstance(method, LastFrac) else round(fraction * count)), changed

counts = np.minimum(400, 4_000 // np.arange(1, 1_001))
for method in (LastFrac(0.1), SampleFrac(0.1, rng=0)):
    taken = held_out(counts, method)
    whole = taken == counts
    print(f"{type(method).__name__}(0.1) of {counts.sum():,} items of {len(counts):,} users: {taken.sum():,} held out;",
          f"{whole.sum()} of {(taken > 0).sum()} users in the test set have nothing left")
    assert whole.sum() == ((counts <= 5).sum() if isinstance(method, LastFrac) else 0), changed
PY
