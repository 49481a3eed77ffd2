"""graphcondense properties, privacy, serve, nas and tune: one function each, measured on runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphcondense.cli.flags import Flags, Parser, make_parser, summary_of
from graphcondense.cli.runs import add_runs, keeping, open_runs
from graphcondense.cli.text import shows_progress

if TYPE_CHECKING:
    from graphcondense.cli.runs import Opened
    from graphcondense.ops.types import Record


@dataclass(frozen=True)
class Measure:
    """A command that measures finished runs.

    Attributes:
        function: name in :mod:`graphcondense.uses`; its parameters are the flags.
        writes: name of what it writes beside a run.
        training: fields of the training that are flags; all by default.
        on_device: whether the function takes a device and shows progress.
        one_method: whether it takes runs of one method alone.
        on_card: whether cards of the runs say what was found.
        space: names of the flags for the fields of its ``space``, if it has one.
    """

    function: str
    writes: str
    training: Collection[str] | None = None
    on_device: bool = True
    one_method: bool = False
    on_card: bool = False
    space: Mapping[str, str] = field(default_factory=dict)


SPACE = {
    "model": "models",
    "num_layers": "layers",
    "hidden": "widths",
    "activation": "activations",
    "dropout": "dropouts",
}
MEASURES = {
    "properties": Measure("compare_properties", "properties", training=(), on_device=False),
    "privacy": Measure("membership_inference", "privacy", on_card=True),
    "serve": Measure("measure_serving", "serving"),
    "nas": Measure(
        "search_architectures",
        "nas",
        training=("epochs", "lr", "weight_decay", "val_every"),
        one_method=True,
        space=SPACE,
    ),
    "tune": Measure(
        "search_training",
        "tune",
        training=("num_layers", "activation", "val_every"),
        one_method=True,
    ),
}
FILLED = ("small", "data", "device", "progress", "space", "ranges")
"""Parameters that the command fills in."""
STORAGE = (
    "an Optuna URL or a file, with which the same command goes on after an interrupt; by default a "
    'log beside the run; "none" for none'
)


def measure_flags(verb: str) -> dict[str, Flags]:
    """The flags of a command: of its function, its training and its space."""
    from graphcondense import uses
    from graphcondense.evaluate.node_training import Training

    how = MEASURES[verb]
    function = getattr(uses, how.function)
    words = {"storage": STORAGE}
    found = {"function": Flags("what is measured", function, skip=FILLED, words=words)}
    if how.training is None or how.training:
        found["training"] = Flags("training", Training, only=how.training)
    if how.space:
        found["space"] = Flags("space (values with commas between)", uses.Space, renamed=how.space)
    return found


def measure_parser(verb: str) -> Parser:
    """All flags of a command that measures runs."""
    flags = measure_flags(verb)
    parser = make_parser(verb, summary_of(flags["function"].thing))
    parser.add(*flags.values())
    add_runs(parser)
    return parser


def command_measure(verb: str, argv: list[str]) -> object:
    """Open the runs, measure them, and write what was found beside the first."""
    how, flags = MEASURES[verb], measure_flags(verb)
    run = open_runs(measure_parser(verb), argv, how.writes)
    if run.args.device is not None and not how.on_device:
        raise ValueError(f"--device: {verb} are computed on the CPU; leave it out")
    if how.on_card:
        run.refuse_beside()
    given: Record = flags["function"].values(run.args)
    if "training" in flags:
        given |= flags["training"].values(run.args)
    if "space" in flags:
        given["space"] = flags["space"].thing(**flags["space"].values(run.args))
    if "storage" in given:
        given["storage"] = storage_of(run, verb)
    if how.on_device:
        given |= {"device": run.args.device, "progress": shows_progress()}
    small = one_method(run) if how.one_method else run.graphs
    try:
        with keeping(given.get("storage")):
            found = flags["function"].thing(small, run.task, **given)
    except ImportError as error:  # a missing extra is the user's to install
        raise ValueError(str(error)) from error
    written = run.write(found, how.writes)  # type: ignore[arg-type]
    if how.on_card:
        run.tell_cards(found)  # type: ignore[arg-type]
    return written


def one_method(run: Opened) -> list[object]:
    """The condensed graphs of a command that compares no methods."""
    if len(run.graphs) > 1:
        raise ValueError(f"a search takes runs of one method, these are of {', '.join(run.graphs)}")
    return next(iter(run.graphs.values()))


def storage_of(run: Opened, name: str) -> object:
    """Where trials are kept: as ``--storage`` says, else ``NAME.log`` beside the run."""
    if run.args.storage is None:
        return run.folder and run.folder / f"{name}.log"
    return None if run.args.storage == "none" else run.args.storage
