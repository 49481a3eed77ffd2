"""A zoo: condensed sets by name, made and measured before, and checked when they are opened.

Some come with the package, so no network is needed; any folder may be another zoo.

>>> from graphcondense import zoo
>>> zoo.load("cora-70")
CondensedGraph(quotient, 70 nodes, 504 edges, 2.6 % of cora)
>>> zoo.entries()["cora-70"].data
'cora'
"""

from __future__ import annotations

import contextlib
import json
import shlex
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import cast

import safetensors
import torch
from torch import Tensor

from graphcondense.data.catalogue import find
from graphcondense.data.hub_card import origin_of
from graphcondense.ops.fields import check_switches
from graphcondense.ops.files import write_all
from graphcondense.ops.json import read_json_file
from graphcondense.ops.locks import alone_in
from graphcondense.ops.names import near
from graphcondense.ops.types import Record
from graphcondense.saved.attack import attacked, is_private
from graphcondense.saved.condensed import file_of, load_bytes, save
from graphcondense.saved.condensed import load as load_condensed
from graphcondense.saved.content import graph_hash
from graphcondense.saved.forms import Small, contents_of, given_contents
from graphcondense.saved.paths import path_of
from graphcondense.version import __version__
from graphcondense.zoo.card import card_of
from graphcondense.zoo.entry import (
    INDEX,
    Entry,
    Scores,
    check_entry,
    check_name,
    check_scores,
    hash_of,
    index_text,
    read_entries,
)

__all__ = ["FOLDER", "Entry", "entries", "get", "load", "push"]

FOLDER = Path(__file__).parent / "sets"
"""The zoo that comes with the package."""


def entries(folder: str | Path | None = None) -> dict[str, Entry]:
    """The sets of a zoo, by name.

    Args:
        folder: another zoo than that of the package.

    Raises:
        ValueError: the folder is none, or its index is damaged.
    """
    return read_entries(_folder(folder))


def load(
    name: str, *, folder: str | Path | None = None, device: torch.device | str | None = None
) -> Small:
    """Open a set of a zoo; of one graph a PyG ``Data``.

    Args:
        name: such as ``"cora-70"``, see :func:`entries`.
        folder: another zoo than that of the package.
        device: where to put the tensors; by default the CPU.

    Raises:
        ValueError: no such set, a missing file, or one whose hash is not that of the index.
    """
    home = _folder(folder)
    blob = _verified(home, _named(home, name))
    return load_bytes(blob, home / f"{name}.safetensors", device)


def get(
    name: str,
    target: str | Path,
    *,
    folder: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Copy a set of a zoo, its card and its entry into a folder, which is then a zoo, too.

    Args:
        name: such as ``"cora-70"``, see :func:`entries`.
        target: where to; it is made.
        folder: another zoo than that of the package.
        overwrite: whether another set of this name may be replaced.

    Returns:
        The ``.safetensors`` file.

    Raises:
        ValueError: no such set, one whose hash is not that of the index, or another there already.
        TypeError: a target that is no path.
    """
    check_switches("get", overwrite=overwrite)
    to = path_of(target, "get(target)", "a folder")
    home = _folder(folder)
    entry = _named(home, name)
    blob = _verified(home, entry)
    card = home / f"{name}.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    return _kept(to, entry, blob, text, overwrite)


def push(
    small: Small | str | Path,
    folder: str | Path,
    *,
    name: str | None = None,
    licence: str | None = None,
    source: str | None = None,
    command: str | None = None,
    scores: Mapping[str, Mapping[str, float | None]] | None = None,
    protocol: str = "",
    notes: Iterable[str] = (),
    compact: bool = False,
    overwrite: bool = False,
) -> Path:
    """Add a condensed set to a zoo of one's own: its file, a card and an entry with its hash.

    Args:
        small: a condensed set, or the folder or ``.safetensors`` file of one.
        folder: the zoo; it is made.
        name: of the entry: small letters, digits and ``-``; by default those of the data and the
            method, with the size.
        licence: of the real data, which holds for what is made of them; by default what
            :func:`graphcondense.data.datasets` says of a set of that name.
        source: where the real data come from; by default as for ``licence``.
        command: what makes the set; by default what its record tells, of data that
            :func:`graphcondense.data.datasets` has: with each field of the method that is not its
            default today, and none where the record does not tell all that today's method asks.
        scores: by model ``{"mean": ..., "std": ...}``, ``std`` ``None`` of a single training;
            by default those of the ``evaluation.json``
            in the folder of a run, if they are of this very set. Those of a set that was made
            under differential privacy are left out, with a warning: they are outside its account.
        protocol: what the scores are, in words; needed with ``scores``.
        notes: sentences for the card; the ``privacy.json`` in the folder of a run, or the
            ``NAME.privacy.json`` beside a file, adds what a membership inference told of this very
            set, unless that was made under differential privacy.
        compact: store it at half the width (:func:`graphcondense.save`).
        overwrite: whether another set or entry of this name may be replaced.

    Returns:
        The ``.safetensors`` file.

    Raises:
        ValueError: no condensed set, no licence or source is known, a name that is none, scores
            that are none, a value that the index cannot hold, or another set of this name is there.
        TypeError: a folder that is no path.
    """
    check_switches("push", compact=compact, overwrite=overwrite)
    if isinstance(notes, str) or not isinstance(notes, Iterable):
        raise ValueError(f"push: notes={notes!r:.60}: give a list of sentences")
    run = path_of(small, "push(small)", "a run") if isinstance(small, str | Path) else None
    made = load_condensed(run) if run is not None else cast(Small, small)
    own = given_contents(made, "push")
    home = path_of(folder, "push(folder)", "the folder of a zoo")
    record: Record = dict(getattr(made, "condensed", None) or {})
    about = record.get("data")
    data = str(about.get("name", "")) if isinstance(about, Mapping) else ""
    licence, source = origin_of(data, licence, source)
    method, count = str(record.get("method", "hand")), own.form.count(own.tensors)
    name = f"{data or 'set'}-{count}-{method}".lower() if name is None else name
    check_name(name, "push")
    check_scores({} if scores is None else scores, "push: scores")
    given = {str(k): dict(v) for k, v in (scores or {}).items()}
    if given and not protocol:
        raise ValueError("push: scores need protocol=: what they are, of which trainings")
    with tempfile.TemporaryDirectory() as draft:
        path = save(made, Path(draft) / f"{name}.safetensors", compact=compact)
        blob, stored = path.read_bytes(), _tensors(path)
        opened = load_condensed(path)
    said: list[str] = []
    if run is not None:
        said = _attacked(run, opened)
        if scores is None:
            given, protocol = _measured(run, opened.condensed)
        if is_private(opened.condensed) and (said or (scores is None and given)):
            warnings.warn(
                f"push: {name} was made under differential privacy, so scores and attacks that are "
                f"beside {run} are left out: they were measured with the real nodes, outside the "
                "account of epsilon; what you publish all the same is yours to give",
                stacklevel=2,
            )
            said = []
            if scores is None:
                given, protocol = {}, ""
    contents = contents_of(opened)
    if contents.form.size is not None:  # of all types
        edges = contents.form.size(contents.tensors)[1]
    else:
        edges = stored["edge_index"].shape[1] if "edge_index" in stored else 0
    rows = (t for part, t in stored.items() if part[:2] == "x_" and t.is_floating_point())
    features = stored.get("x", next(rows, None))  # those of types, or packed ones
    dtype = "float32" if features is None else str(features.dtype).removeprefix("torch.")
    seed, versions = record.get("seed"), record.get("versions")
    versions = versions if isinstance(versions, Mapping) else {}
    entry = Entry(
        name=name,
        sha256=hash_of(blob),
        bytes=len(blob),
        data=data,
        method=method,
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        nodes=count,
        edges=edges,
        dtype=dtype,
        licence=licence,
        source=source,
        command=_command(record, data) if command is None else command,
        scores=given,
        protocol=protocol,
        notes=[*notes, *said],
        made_with=str(versions.get("graphcondense", __version__)),
    )
    check_entry(entry, "push")
    card = card_of(entry, contents, stored, opened.condensed, home == FOLDER)
    return _kept(home, entry, blob, card, overwrite)


def _folder(folder: str | Path | None) -> Path:
    return FOLDER if folder is None else path_of(folder, "folder", "the folder of a zoo")


def _named(home: Path, name: str) -> Entry:
    known = read_entries(home)
    if not isinstance(name, str):
        raise ValueError(f"give the name of a set, such as 'cora-70', got {name!r:.60}")
    if name not in known:
        alike = near(name, known, like=0.5) or list(known)
        more = "; sets of other methods are in datasets/zoo of the repository: folder="
        raise ValueError(
            f"no set is called {name[:60]!r} in {home}; there are {', '.join(alike)[:200]}"
            + more * (home == FOLDER)
        )
    return known[name]


def _verified(home: Path, entry: Entry) -> bytes:
    """The file of an entry, which must have its hash."""
    path = home / f"{entry.name}.safetensors"
    if not path.is_file():
        raise ValueError(f"{home / INDEX} names {entry.name}, but {path} is not there")
    blob = path.read_bytes()
    if (found := hash_of(blob)) != entry.sha256:
        raise ValueError(
            f"{path} is refused: its SHA-256 is {found}, and {INDEX} says {entry.sha256}; the file "
            "was changed or damaged: get it again"
        )
    return blob


def _kept(home: Path, entry: Entry, blob: bytes, card: str, overwrite: bool) -> Path:
    """Write file, card and index, unless something else is there under this name."""
    path = home / f"{entry.name}.safetensors"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {home}: {error}") from error
    with alone_in(home):
        known = read_entries(home) if (home / INDEX).is_file() else {}
        file_differs = path.is_file() and hash_of(path.read_bytes()) != entry.sha256
        if (file_differs or known.get(entry.name, entry) != entry) and not overwrite:
            raise ValueError(
                f"{home} has another {entry.name}: name this one otherwise, or overwrite it"
            )
        files: dict[Path, str | bytes] = {path: blob, home / f"{entry.name}.md": card}
        index = {home / INDEX: index_text({**known, entry.name: entry})}
        try:
            write_all({**files, **index})
        except OSError as error:
            raise ValueError(f"cannot write into the folder {home}: {error}") from error
    return path


def _tensors(path: Path) -> dict[str, Tensor]:
    """As they are stored."""
    with safetensors.safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _command(record: Record, data: str) -> str:
    """What makes a set again, as far as its record tells; nothing where it does not."""
    from graphcondense.core.method import hyperparameters  # listing a zoo needs no method
    from graphcondense.ops.budget import BUDGETS, Budget
    from graphcondense.run import build, section_of

    budget, own = record.get("budget"), record.get("hyperparameters")
    asked = budget.get("asked") if isinstance(budget, Mapping) else None
    method, seed = record.get("method"), record.get("seed")
    if not (isinstance(asked, Mapping) and isinstance(own, Mapping) and isinstance(seed, int)):
        return ""
    wanted = {**{f.name: f.default for f in fields(Budget)}, **asked, **own}
    sizes = {name: asked[name] for name in BUDGETS if name in asked}
    try:
        find(data)
        today = build(str(method), record.get("kind", "node"), **sizes)
    except (ValueError, TypeError):
        return ""  # data of the user's own, a plug-in's method, or one that has changed
    usual, scored = hyperparameters(today), record.get("validation")
    if (
        usual.keys() != wanted.keys()  # a field that came since: what it was is not known
        or any(record.get(name) is not None for name in _BESIDE)
        or record.get("learners", 1) not in (None, 1)
        or (isinstance(scored, Mapping) and not scored.keys().isdisjoint(("nodes", "scores")))
        or any(isinstance(value, Mapping) for value in sizes.values())
    ):
        return ""
    changed = {name: value for name, value in wanted.items() if value != usual[name]}
    if record.get("setting", "transductive") != "transductive":
        changed["setting"] = record["setting"]
    if record.get("preset") or section_of(type(today), "auto", data):
        changed["preset"] = "none"  # its values are spelled out
    words = ["graphcondense", "condense", str(method), "--data", data]
    for name, value in {**sizes, "seed": seed, **changed}.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", value if isinstance(value, str) else json.dumps(value)]
    return shlex.join(words)


_BESIDE = (
    *("choice", "nested", "updated_from", "pseudo_labels", "memory", "stopped", "moved"),
    "damaged",
)
"""What of a record says that its set took more to make than the fields of its method."""


def _attacked(run: Path, small: Small) -> list[str]:
    """What the numbers of an attack beside a run say of its set, if it has any."""
    found = attacked(file_of(run), lambda: graph_hash(small))
    if found is None:
        return []
    return [found.sentence]


def _measured(run: Path, record: Record) -> tuple[Scores, str]:
    """Scores and protocol of the ``evaluation.json`` in the folder of a run, if it has one.

    Shares are in per cent, other scores in their own unit. Those of several sets under one name
    are not this set's.
    """
    from graphcondense.evaluate.metrics import SCORES  # listing a zoo needs none of it

    file = (run if run.is_dir() else run.parent) / "evaluation.json"
    if not file.is_file():
        return {}, ""
    found: Record = {}
    with contextlib.suppress(ValueError):
        content = read_json_file(file)
        found = content if isinstance(content, dict) else {}
    try:
        label = next(
            key
            for key, row in found["ledgers"].items()
            if row["graphs"] == [record.get("hash")]  # of this set, given once
        )
        rows = [row for row in found["rows"] if row["label"] == label]
        score = SCORES[found["metric"]]

        def points(value: float) -> float:
            return round(100 * value, 2) if score.share else float(f"{value:.5g}")

        trainings, settings = rows[0]["trainings"], next(iter(found["settings"].values()))
        scores: Scores = {
            row["model"]: {
                "mean": points(row["test_selected"]),
                # Files of older versions say 0 of the spread of a single training.
                "std": points(row["test_selected_std"]) if trainings > 1 else None,
            }
            for row in rows
        }
        unit = "%" if score.share else "its own unit"
        of = f"mean and standard deviation of {trainings} trainings"
        of = of if trainings > 1 else "one training"
        better = "" if score.larger_is_better else " (lower is better)"
        protocol = (
            f"{found['metric']} in {unit}{better} on {found['test_examples']:,} test examples "
            f"at the best validation epoch; {of} of {settings['epochs']} epochs"
        )
    except (KeyError, TypeError, ValueError, StopIteration, AttributeError, IndexError):
        warnings.warn(
            f"{file} is left out: it is not of the set that is stored, alone and with every score "
            "known; evaluate that, or give scores=",
            stacklevel=3,
        )
        return {}, ""
    return scores, protocol
