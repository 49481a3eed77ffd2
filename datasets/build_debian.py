"""Debian's package index as one graph with labelled nodes, as ``load("debian")`` opens it;
with ``--relations`` each relation apart, with tags and sizes, as ``load("debian-tags")`` and
``load("debian-size")`` do.

    python datasets/build_debian.py debian.npz
    python datasets/build_debian.py debian_relations.npz --relations

Needs a Debian system after ``apt-get update``, since the index is read by ``apt-cache dumpavail``;
another release, or the same one after an update of it, gives another graph. Nodes are the binary
packages of the sections with at least 200 packages. No text is kept.
"""

from __future__ import annotations

import argparse
import collections
import re
import subprocess
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

RELATIONS = ("Depends", "Pre-Depends", "Recommends", "Suggests", "Enhances")
NO_TOPIC = ("oldlibs", "debug", "metapackages", "tasks")
"""Sections that say what a package is for its maintainers, not what it is about."""

Packages = dict[str, dict[str, str]]


def packages(index: str) -> Packages:
    """The fields of each package that has a section."""
    found: Packages = {}
    for block in index.split("\n\n"):
        entry: dict[str, str] = {}
        last = ""
        for line in block.split("\n"):
            if line[:1] == " " and last:
                entry[last] += " " + line.strip()
            elif ": " in line or line.endswith(":"):
                last, _, value = line.partition(":")
                entry[last] = value.strip()
        if entry.get("Package") and entry.get("Section"):
            found[entry["Package"]] = entry
    return found


def related(
    names: list[str], known: Packages, fields: tuple[str, ...] = RELATIONS
) -> set[tuple[int, int]]:
    """Pairs of packages of which the first names the second, or what the second provides."""
    number = {name: i for i, name in enumerate(names)}
    virtual = collections.defaultdict(list)
    for name in names:
        provides = re.sub(r"\([^)]*\)", "", known[name].get("Provides", ""))
        for other in re.findall(r"[a-z0-9][a-z0-9+.\-]+", provides):
            virtual[other].append(name)
    pairs = set()
    for name in names:
        for field in fields:
            for part in re.split(r"[,|]", known[name].get(field, "")):
                other = re.sub(r"\([^)]*\)", "", part).split(":")[0].strip()
                targets = [other] if other in number else virtual.get(other, [])[:3]
                pairs |= {(number[name], number[t]) for t in targets if t != name}
    return pairs


def apart(names: list[str], known: Packages) -> dict[str, np.ndarray]:
    """Each relation ``[2, m]``, of which the first names the second; the 60 most frequent tags as
    pairs of node and tag; source packages; installed sizes in KiB, 0 where there is none."""
    arrays = {}
    for field in RELATIONS:
        pairs = sorted(related(names, known, (field,)))
        arrays["edges_" + field.lower().replace("-", "_")] = np.array(pairs, np.int32).T
    of = [known[name].get("Source", name).split(" ")[0] for name in names]
    arrays["source"] = np.unique(of, return_inverse=True)[1].astype(np.int32)
    sizes = [int(known[name].get("Installed-Size", 0) or 0) for name in names]
    arrays["installed_kib"] = np.array(sizes, np.int64)
    found = [re.findall(r"[a-z0-9-]+::[a-z0-9.:+-]+", known[name].get("Tag", "")) for name in names]
    counts = collections.Counter(tag for tags in found for tag in set(tags))
    tags = [tag for tag, _ in counts.most_common(60)]
    rows = [(i, tags.index(t)) for i, own in enumerate(found) for t in set(own) if t in tags]
    arrays["tags"] = np.array(sorted(rows), np.int32).T
    arrays["tag_names"] = np.array(tags)
    return arrays


def build(index: str, relations: bool = False) -> dict[str, np.ndarray]:
    """The arrays of the file."""
    known = packages(index)
    section = {name: entry["Section"].split("/")[-1] for name, entry in known.items()}
    counts = collections.Counter(section.values()).most_common()
    classes = [c for c, number in counts if number >= 200 and c not in NO_TOPIC]
    names = [name for name in known if section[name] in classes]
    n = len(names)
    arrays, matrices = apart(names, known) if relations else {}, {}
    if not relations:
        source, target = np.array(sorted(related(names, known))).T
        one_way = sp.csr_matrix((np.ones(len(source), np.float32), (source, target)), shape=(n, n))
        matrices["adj"] = one_way.maximum(one_way.T).tocsr()
    words = TfidfVectorizer(
        max_features=1000, min_df=20, stop_words="english", token_pattern=r"[a-z]{3,}"
    )
    x = words.fit_transform([known[name].get("Description", "") for name in names]).tocsr()
    x.sort_indices()
    matrices["x"] = x.astype(np.float32)
    for key, matrix in matrices.items():
        parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
        arrays |= {f"{key}_{part}": value for part, value in parts.items()}
        arrays[f"{key}_shape"] = np.array(matrix.shape)
    arrays["y"] = np.array([classes.index(section[name]) for name in names])
    order = np.random.default_rng(0).permutation(n)
    for split, part in zip(
        ("train", "val", "test"), np.split(order, [n // 10, n // 5]), strict=True
    ):
        arrays[f"{split}_mask"] = np.zeros(n, bool)
        arrays[f"{split}_mask"][part] = True
    return arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the file to write, debian.npz")
    parser.add_argument("--relations", action="store_true", help="each relation, tags and sizes")
    args = parser.parse_args()
    index = subprocess.run(
        ["apt-cache", "dumpavail"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    arrays = build(index, args.relations)
    np.savez_compressed(args.out, **arrays)
    print({key: value.shape for key, value in arrays.items()})


if __name__ == "__main__":
    main()
