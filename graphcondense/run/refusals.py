"""What a run refuses before any work: options that cannot act, methods that cannot do what is asked
of them, and what memory has no room for."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from torch import Tensor

from graphcondense.core import parallel
from graphcondense.core.callbacks import differences
from graphcondense.core.engine import Callback
from graphcondense.core.method import Method
from graphcondense.data.targets import HAVE
from graphcondense.kinds import AnyProblem, kind_named
from graphcondense.methods import all_methods
from graphcondense.ops.arrays import digest_of
from graphcondense.ops.budget import BUDGETS, Budget
from graphcondense.ops.fields import brief
from graphcondense.ops.memory import free_bytes
from graphcondense.ops.paired import CHOOSING
from graphcondense.ops.sizes import said, size_of
from graphcondense.ops.types import Record
from graphcondense.run.folder import has_ended
from graphcondense.run.job import Job
from graphcondense.run.options import LOOP_OPTIONS, Run, device_of
from graphcondense.saved.checks import outputs_of
from graphcondense.saved.forms import given_contents
from graphcondense.saved.shown import counted


def no_method(method: object) -> str:
    """What is wrong with something that is neither a method nor the name of one."""
    return (
        f"method={brief(method)}: give the name of one of graphcondense.methods(), such as "
        "'gcond', or a Method object, or none for the default one"
    )


def refuse_whole(method: type[Method], name: str, run: Run) -> None:
    """Raise a ValueError where ``memory=`` is given to a method that does not work by blocks."""
    if run.memory is None or method.in_blocks:
        return
    able = [n for (n, kind), cls in all_methods().items() if cls.in_blocks and kind == method.kind]
    raise ValueError(
        f"memory={brief(run.memory)}: {name} holds the whole graph in memory; of the methods for "
        f"{method.kind} data {', '.join(able) or 'none'} can do without: name one of them, or "
        "leave memory= out"
    )


def refuse_labels(method: type[Method], name: str, problem: AnyProblem) -> None:
    """Raise a ValueError where the labels are of a kind that the method does not condense; say
    where they are one class, of which there is nothing to learn."""
    given = getattr(problem.task, "label_kind", None)
    if given == "classes" and problem.task.num_outputs == 1 and parallel.is_main():
        print(
            f"{name}: all labels of {problem.task.name} are one class, of which nothing can be "
            "learnt: give a y of two classes or more",
            file=sys.stderr,
        )
    if given is None or given in method.label_kinds:
        return
    able = [
        n
        for (n, kind), cls in all_methods().items()
        if given in cls.label_kinds and kind == method.kind
    ]
    instead = ", such as y.argmax(1)" if given == "soft" else ""
    raise ValueError(
        f"{name} condenses one class a node alone, and {problem.task.name} has {HAVE[given]} "
        f"({given}). Methods for {method.kind} data that take them: {', '.join(able) or 'none'}; "
        f"name one of these, or give data with a y of classes{instead}"
    )


def refuse_large(job: Job, estimate: int) -> None:
    """Raise a ValueError where a method needs more than ``memory=``, with those that do not.

    Args:
        job: what is asked for.
        estimate: what the method says it holds beside the graph, in bytes.
    """
    method, memory = job.method, job.run.memory
    if memory is None or estimate <= size_of(memory):
        return
    budget = {f.name: getattr(method, f.name) for f in fields(Budget)}
    able = []
    for (other, kind), cls in all_methods().items():
        if kind != method.kind or not cls.in_blocks:
            continue
        try:
            if cls(**budget).memory_bytes(job.source) <= size_of(memory):
                able.append(other)
        except ValueError:
            continue  # the budget is none for this method
    raise ValueError(
        f"memory={brief(memory)}: {job.name} holds about {said(estimate)} beside the graph; raise "
        f"it to memory='{said(estimate)}'. Of the methods for {method.kind} data "
        f"{', '.join(able) or 'none'} can keep within it"
    )


def refuse_beyond_free(job: Job, estimate: int) -> None:
    """Refuse what memory has no room for, before any work.

    Raises:
        ValueError: says what is needed, what is free, and what to change.
    """
    device, method = device_of(job.run), job.method
    free = free_bytes(device)
    if estimate <= free:
        return
    counted = kind_named(job.problem.kind).counted
    given = Record(dict.fromkeys(BUDGETS))
    asked = int(method.sizes(job.source).sum())
    fewer = asked // 2
    while fewer >= 1:
        try:
            smaller = replace(method, **given | {counted: fewer}).memory_bytes(job.source)
        except ValueError:  # below what each class needs
            fewer = 0
            break
        if smaller <= free:
            break
        fewer //= 2
    change = f"ask for fewer ({counted}={fewer} fits), " if fewer else ""
    raise ValueError(
        f"{job.name} needs about {said(estimate)} for {asked:,} {counted} of these data, and "
        f"{said(free)} of memory are free on {device}: {change}take a "
        "method that needs less (random needs least), another device=, or a machine with more"
    )


def refuse_unnested(method: Method, name: str, sizes: Sequence[int]) -> None:
    """Raise a ValueError unless the method makes several sizes in one run."""
    if not method.nests():
        able = [
            n for (n, kind), cls in all_methods().items() if cls.nests() and kind == method.kind
        ]
        raise ValueError(
            f"sizes={brief(sizes)}: {name} makes one size a run; of the methods for {method.kind} "
            f"data {', '.join(able) or 'none'} can make several: give one size"
            f"{', or another method' if able else ' a run'}"
        )


def refuse_open(method: Method, name: str, run: Run) -> None:
    """Raise a ValueError where ``epsilon=`` is given to a method that reads what has no noise, or
    with a field that cannot act on noisy sums."""
    if run.epsilon is None:
        return
    if method.private_view is not None:
        usual = {f.name: f.default for f in fields(method)}
        for field in method.private_idle:
            if (value := getattr(method, field)) != usual[field]:
                raise ValueError(
                    f"{field}={brief(value)} cannot act: epsilon= is given, and what {name} gives "
                    "are noisy sums as they are; leave it out"
                )
        return
    able = [
        n
        for (n, kind), cls in all_methods().items()
        if kind == method.kind and cls.private_view is not Method.private_view
    ]
    raise ValueError(
        f"epsilon={run.epsilon:g}: {name} reads single nodes of the data, without noise; of the "
        f"methods for {method.kind} data {', '.join(able) or 'none'} need sums of training nodes "
        "alone: name one of them, or leave epsilon= out"
    )


def refuse_other(before: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Raise a ValueError where data that should have grown are others.

    Args:
        before, now: what records say of the data.
    """
    # Of soft labels, earlier versions counted classes as tasks.
    counted = "classes" if now.get("tasks") is None else "tasks"
    was, one = ({**about, counted: outputs_of({"data": about})} for about in (before, now))
    for what in ("features", "label_kind", counted):
        if was.get(what) != one.get(what):
            told = what.replace("_", " ")
            raise ValueError(
                f"the condensed graph has {was.get(what)} {told}, the new data "
                f"{one.get(what)}; condense anew"
            )


Ids: TypeAlias = "Sequence[str] | np.ndarray"

NEEDED = ("method", "kind", "hyperparameters", "budget", "data")
"""What a record has to say of a set that is updated."""


def record_to_update(small: object) -> Record:
    """The record of a condensed set that is to be updated.

    Raises:
        ValueError: it has none, or one that does not say what there was before; no method updates
            sets of its kind; the set was changed since, so that its parts do not match.
    """
    record = getattr(small, "condensed", None)
    if not isinstance(record, Mapping) or "hyperparameters" not in record:
        raise ValueError(
            "update needs a condensed graph with its record, as condense returns it: condense anew"
        )
    for name in NEEDED:
        if not isinstance(record.get(name), str if name in ("method", "kind") else Mapping):
            raise ValueError(
                f"the record of the condensed graph has no {name!r}, without which update cannot "
                "tell what there was before: condense anew"
            )
    if not isinstance(record["budget"].get("asked"), Mapping):
        raise ValueError("the record of the condensed graph does not say the budget: condense anew")
    if not _updating(record["kind"]):  # nor is known what such a set has to hold
        raise no_update(record["method"], record["kind"])
    try:
        contents = given_contents(small, "update")
        held = contents.tensors.items()
        tensors = {k: t.float() if t.is_floating_point() else t for k, t in held}
        replace(contents, tensors=tensors).check(record, "update")  # of any precision
        wide, told = int(contents.tensors["x"].shape[1]), record["data"].get("features")
        if told != wide:
            raise ValueError(f"update: x has {wide} features, its record says {told}")
    except ValueError as error:
        raise ValueError(
            f"{error}: the condensed graph is no longer what condense returned; condense anew"
        ) from error
    return {**record}


def _updating(kind: str) -> list[str]:
    """The methods that update sets of a kind."""
    return [name for (name, of), cls in all_methods().items() if of == kind and cls.updates()]


def no_update(method: str, kind: str) -> ValueError:
    """What is said of a method that updates no set, and which do."""
    return ValueError(
        f"{method} cannot update a condensed set; of the methods for {kind} data "
        f"{', '.join(_updating(kind)) or 'none'} can: condense anew"
    )


def refuse_ungrown(
    small: object, before: Mapping[str, object], now: Mapping[str, object], ids: Ids | None
) -> None:
    """Raise a ValueError where data are not those of before with nodes behind them.

    Only what can be seen is looked at: numbers of nodes, and ids.

    Args:
        small: the condensed set.
        before, now: what records say of the data.
        ids: what the nodes there are now are called.
    """
    fix = (
        "update takes old nodes first, in their order; otherwise say with old_nodes= which node of "
        "before each one is, or condense anew"
    )
    old, new = before.get("nodes"), now.get("nodes")
    if isinstance(old, int) and isinstance(new, int) and new < old:
        raise ValueError(
            f"the condensed graph stands for {old} nodes, and there are now {new}: {fix}"
        )
    group = getattr(small, "assignment", None)
    if isinstance(group, Tensor) and isinstance(old, int) and len(group) != old:
        raise ValueError(
            f"assignment groups {len(group):,} nodes, and the data before had {old:,}: condense "
            "anew"
        )
    told = before.get("ids_digest")
    if ids is None or not isinstance(old, int) or told in (None, digest_of(ids[:old])):
        return
    raise ValueError(
        f"the ids of the first {old} nodes are not those of the {old} nodes before in their "
        f"order{_other_id(small, ids)}: {fix}"
    )


def refuse_columns(before: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Raise a ValueError where features were made of other columns of a table.

    Args:
        before, now: what records say of the data.
    """
    names, others = (_columns(about) for about in (before, now))
    if names is not None and names != others:
        differ = sorted({*names} ^ {*(others or ())}) or names
        raise ValueError(
            f"the columns of the table are others than those of before ({brief(differ[0])}): "
            "give the same ones in the same order, or condense anew"
        )


def _columns(about: Mapping[str, object]) -> list[str] | None:
    """The names of the columns that features were made of."""
    given = about.get("columns")
    listed = given.get("columns") if isinstance(given, Mapping) else None
    return None if listed is None else [str(column["name"]) for column in listed]


def _other_id(small: object, ids: Ids) -> str:
    """A node that is called otherwise than the record's examples have it, in words."""
    told = getattr(small, "condensed", {}).get("examples")
    told = told if isinstance(told, Mapping) else {}
    for nodes, names in zip(told.get("nodes", ()), told.get("ids", ()), strict=False):
        for node, name in zip(nodes, names, strict=False):
            if isinstance(node, int) and 0 <= node < len(ids) and ids[node] != name:
                return f", such as {brief(name)}, where {brief(ids[node])} is now"
    return ""


def refuse_idle(
    problem: AnyProblem,
    method: Method,
    run: Run,
    given: Mapping[str, object],
    callbacks: Sequence[Callback] = (),
    *,
    loops: bool = True,
) -> None:
    """Raise a ValueError unless every option can do what it was given for; a folder for propagated
    features is made.

    Args:
        problem, method: what is run.
        run: all options.
        given: those that the user gave; ``None``, ``False`` and no validations ask for nothing.
        callbacks: the user's.
        loops: whether the method's loop is run, if it has one.
    """
    why: dict[str, str] = {}
    if not (method.iterates and loops):
        what = f"{method.name}: {method.cost or 'solved at once'}"
        if not loops:
            what = "update" if run.sizes is None else "several sizes"
        text = f"no loop is run that could be scored, saved or ended on the way ({what})"
        why = dict.fromkeys(LOOP_OPTIONS, text)
    elif not problem.validates:
        why = dict.fromkeys(("validations", "patience"), _unscored(problem))
    elif not run.validations:
        why = {"patience": "with validations=0 nothing is scored on the way"}
    if run.out is None:
        no_folder = "there is no folder to write into, out="
        why = {**dict.fromkeys(("checkpoint_seconds", "tensorboard"), no_folder), **why}
    if run.chooses:  # finished candidates are taken up, whatever the method
        for name in ("resume", "resume_anyway"):
            why.pop(name, None)
    if not run.resume:
        why.setdefault("resume_anyway", "nothing is resumed, resume=False")
    why |= idle_choice(problem, method, run, loops)
    why |= _idle_private(run)
    if run.resume and run.out is not None and has_ended(Path(run.out), run.sizes or ()):
        why.pop("resume", None)  # what is there is given back, and no noise is drawn
    if not method.propagates:
        why["cache"] = f"{method.name} with these options reads no propagated features"
    if run.memory is not None:
        text = "label propagation holds the whole graph, and memory= is given"
        why |= {"pseudo_labels": text, "cache": "memory= propagates by blocks and keeps none of it"}
    if run.setting != problem.setting:  # what is true of the data anyhow may be said
        why["setting"] = f"{problem.kind} data have one setting, {problem.setting!r}"
    asked = {k: v for k, v in given.items() if v is not None and v is not False}
    if not run.validations:
        asked.pop("validations", None)
    if callbacks:
        asked["callbacks"] = [type(callback).__name__ for callback in callbacks]
    for name, value in asked.items():
        if name in why:
            raise ValueError(f"{name}={reprlib.repr(value)} cannot act: {why[name]}; leave it out")
    if run.cache is not None:
        problem.keep_in(run.cache)


def _idle_private(run: Run) -> dict[str, str]:
    """Why options cannot act beside ``epsilon=``, or without it."""
    if run.epsilon is None:
        return {"delta": "it goes with epsilon=, which is not given"}
    labels = "epsilon= is given, and scores read validation labels without noise"
    again = "epsilon= is given, and noise that is drawn again tells more"
    return {
        **dict.fromkeys(("validations", "patience", "validators", "validate_by"), labels),
        **dict.fromkeys(("validation_nodes", "candidates", "budget_seconds"), labels),
        **dict.fromkeys(("resume", "checkpoint_seconds"), again),
        "pseudo_labels": "epsilon= is given, and label propagation reads labels without noise",
        "memory": "epsilon= is given, and bounds what a node is in of the whole graph",
        "cache": "epsilon= is given, and a cache keeps what has no noise",
    }


def _unscored(problem: AnyProblem) -> str:
    """Why nothing is scored on data that have too few validation examples."""
    if not problem.scored:
        return "the data have no validation examples"
    return (
        f"the data have {counted(problem.scored, 'validation examples')}, and fewer than "
        f"{CHOOSING} choose nothing"
    )


CHOICES = ("candidates", "budget_seconds")


def idle_choice(problem: AnyProblem, method: Method, run: Run, loops: bool) -> dict[str, str]:
    """Why validators and candidates cannot act, by option."""
    judged, chosen = ("validators", "validate_by", "validation_nodes"), CHOICES
    if not loops:
        text = "an update is one set, and nothing scores it"
        if run.sizes is not None:
            text = "one run makes all of sizes=, and nothing scores them"
        return dict.fromkeys((*judged, *chosen), text)
    if not problem.validates:
        return dict.fromkeys((*judged, *chosen), _unscored(problem))
    why: dict[str, str] = {}
    if not problem.samples:
        why["validation_nodes"] = f"{problem.kind} data are scored on all validation examples"
    elif run.validation_nodes is not None and run.validation_nodes < CHOOSING:
        why["validation_nodes"] = f"fewer than {CHOOSING} choose nothing"
    if run.validators is None:
        why["validate_by"] = "validators= names no architectures"
    if run.chooses:
        why["seconds"] = "it ends one loop; budget_seconds= limits candidates, all together"
        if parallel.asked():
            why |= dict.fromkeys(chosen, "candidates are made in one process, without torchrun")
    elif not method.iterates:
        what = f"{method.name}: {method.cost or 'solved at once'}"
        text = f"nothing is scored on the way ({what}), but candidates= scores finished sets"
        why |= dict.fromkeys(judged, text)
    elif not run.validations:
        why |= dict.fromkeys(judged, "with validations=0 nothing is scored on the way")
    return why


def refuse_different(identity: Mapping[str, object]) -> None:
    """Raise a ValueError where this process was asked for another run than the main one."""
    for name, there, here in differences(parallel.from_main(lambda: dict(identity)), identity):
        raise ValueError(
            f"all processes must have one run: {name} is {there} in process 0 and {here} in "
            f"process {parallel.rank()}"
        )
