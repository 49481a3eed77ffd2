#!/usr/bin/env bash
# datasets 5.2.0, pyarrow 26.0.1: DatasetDict.class_encode_column() numbers the classes of each split by itself, so that
# a class has one number in the training set and another in the test set.
#
# Expected, from the documentation ("Casts the given column as ClassLabel and updates the tables"): one column of one
# dataset has one encoding. A model that predicts every label of the test set rightly has an accuracy of 1.
# Seen: the classes of a split are its own, sorted as text. If the test set lacks one, as a rare subject in a small
# test set or a subject that ended before a split by time, all classes after it move down by one, and the perfect model
# has an accuracy of 0, or 0.5. Whole numbers are numbered anew as well: class 2 is 4 in training, where 10 and 11 come
# before it, and 0 in a test set of the classes 2, 3 and 9. Features of both splits print as ClassLabel, the numbers are
# valid, and what a model is given holds numbers alone. No warning. Reports are of the order within one table. Encode
# one split and cast_column() the others with its feature, or concatenate before.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q datasets==5.2.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
HF_HOME="$work/home" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1 "$work/venv/bin/python" -W ignore - <<'PY'
import datasets
import numpy as np
from datasets import Dataset, DatasetDict

print("datasets", datasets.__version__)
changed = "the behaviour has changed"
SUBJECTS = ["cs.AI", "cs.CL", "cs.CV", "cs.LG", "stat.ML"]
rng = np.random.default_rng(0)


def papers(subjects, size):
    """Papers whose one feature tells their subject."""
    chosen = rng.choice(subjects, size).tolist()
    return Dataset.from_dict({"word": [f"a word of {subject}" for subject in chosen], "subject": chosen})


def accuracy(splits):
    """Of a model that has seen which number each word has in training, in the test set."""
    train, test = splits["train"].to_pandas(), splits["test"].to_pandas()
    learned = dict(zip(train["word"], train["subject"]))
    return float((test["word"].map(learned) == test["subject"]).mean())


train = papers(SUBJECTS, 500)
found = {}
tests = {"all subjects": SUBJECTS, "no cs.AI": SUBJECTS[1:], "no cs.CV": SUBJECTS[:2] + SUBJECTS[3:]}
for name, subjects in tests.items():
    raw = DatasetDict(train=train, test=papers(subjects, 100))
    encoded = raw.class_encode_column("subject")
    by_hand = raw["test"].cast_column("subject", encoded["train"].features["subject"])
    right = DatasetDict(train=encoded["train"], test=by_hand)
    found[name] = accuracy(encoded)
    numbers = {split: encoded[split].features["subject"].str2int("stat.ML") for split in encoded}
    print(f"test set with {name:12s}: accuracy {found[name]:.2f}, cast {accuracy(right):.2f}, stat.ML is {numbers}")
    assert accuracy(raw) == accuracy(right) == 1
assert found["all subjects"] == 1
assert found["no cs.AI"] == 0 and found["no cs.CV"] < 0.7, changed

numbers = DatasetDict(
    train=Dataset.from_dict({"label": list(range(12))}), test=Dataset.from_dict({"label": [2, 3, 9]})
).class_encode_column("label")
for split in numbers:
    label = numbers[split].features["label"]
    print(split, "label", [int(name) for name in label.names], "is now", [label.str2int(name) for name in label.names])
assert numbers["train"]["label"][:] == [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3], changed
assert numbers["test"]["label"][:] == [0, 1, 2], changed
PY
