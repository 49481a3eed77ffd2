#!/usr/bin/env bash
# blosc2 4.14.1, numpy 2.4.6: the maximum of a stored mask that is False everywhere is True, and the minimum of one with
# a False can be True.
#
# Expected: max() of booleans says whether one is True, min() whether all are, as any() and all() do and as NumPy has
# it.
# Seen: if the last chunk is not full, blocks behind its end count with what a maximum starts from, minus infinity,
# which as a boolean is True: of masks of only False, of 10, 210, 1,000 and 10,000,001 entries, the last in chunks that
# blosc2 chose itself, the maximum is True, while sum() is 0, any() is False and the data, read back, are False. A False
# in a last block that is not full is not seen by min(): of a single False at the end of 10,000,001 the minimum is True.
# With sizes that chunks divide, and with the one chunk that blosc2 chooses for small arrays, it is right, so tests
# pass. Numbers are right. No warning. Use any() and all(), or the NumPy array.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q blosc2==4.14.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import blosc2
import numpy as np

print("blosc2", version("blosc2"), "numpy", np.__version__)
changed = "the behaviour has changed"
sizes = ((10, 5, 5), (200, 50, 10), (10, 4, 2), (210, 50, 10), (1_000, 300, 100), (10_000_001, None, None))
for size, chunk, block in sizes:
    given = np.zeros(size, bool)
    mask = blosc2.asarray(given, chunks=(chunk,), blocks=(block,)) if chunk else blosc2.asarray(given)
    (chunk,) = mask.chunks
    assert (mask[:] == given).all()
    found = bool(mask.max()), bool(mask.any()), int(mask.sum())
    print(f"{size:10,d} times False in chunks of {chunk:9,d}: max {found[0]}, any {found[1]}, sum {found[2]};", end=" ")
    print("max of the data", given.max())
    assert found[1:] == (False, 0)
    assert found[0] == (size % chunk != 0), changed

for size, shape in ((210, dict(chunks=(50,), blocks=(50,))), (10_000_001, {})):
    given = np.ones(size, bool)
    given[-1] = False
    mask = blosc2.asarray(given, **shape)
    print(f"one False at the end of {size:,d}: min {bool(mask.min())}, all {bool(mask.all())};", end=" ")
    print("min of the data", given.min())
    assert mask.min() and not mask.all() and mask.sum() == size - 1, changed
given = np.arange(210) < 209
numbers = blosc2.asarray(given.astype(np.int8) - 2, chunks=(50,), blocks=(50,))
assert (numbers.min(), numbers.max()) == (-2, -1)
PY
